// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "output.hpp"

#include <mayfly/compute_config.hpp>
#include <mayfly/problem.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <string>

namespace examples {

/// Everything that was found, one a line. The exit status of a command that looks.
inline int print_findings(const mayfly::findings& found, output_format format, const std::string& all_is_well)
{
    const auto lines = [](const mayfly::problems& all) {
        json::array out;
        for (const auto& p : all)
            out.emplace_back(to_string(p));
        return out;
    };
    const bool fit = found.errors.empty();
    if (format == output_format::json || format == output_format::jsonl)
        print_line(to_json_text(
            json::object{{"valid", fit}, {"errors", lines(found.errors)}, {"warnings", lines(found.warnings)}}));
    if (format == output_format::text) {
        for (const auto& p : found.warnings)
            print_line("warning: " + to_string(p));
        for (const auto& p : found.errors)
            print_line("error: " + to_string(p));
        if (fit)
            print_line(all_is_well);
    }
    return fit ? 0 : 1;
}

}  // namespace examples
