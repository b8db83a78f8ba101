// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/config/detail/toml_guard.hpp>

#include <toml++/toml.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

// The one place that parses TOML. toml++ is taken as the program has configured it, with exceptions or without, so that
// including this changes nothing for a program that uses toml++ itself.

namespace mayfly::config::detail {

struct parsed_toml {
    toml::table root{};
    std::string wrong{};   ///< Why there is no table; shows nothing of the text, which may hold secrets.
    std::size_t line = 0;  ///< Of what is wrong; zero: nowhere in particular.
};

/// Of `Error while parsing string: expected ..., saw ...` the `string` alone: the rest may quote the text.
[[nodiscard]] inline std::string safe_reason(std::string_view description)
{
    constexpr std::string_view begin = "Error while parsing ";
    const auto colon = description.find(": ");
    if (!description.starts_with(begin) || colon == description.npos)
        return "this is not TOML; write KEY = \"VALUE\" lines below [profile.NAME]";
    return "this is not TOML: the " + std::string{description.substr(begin.size(), colon - begin.size())} +
           " cannot be understood; text stands in quotes, and each key comes once";
}

[[nodiscard]] inline parsed_toml parse_toml(std::string_view text)
{
    parsed_toml out;
    if (const toml_guard guard{text}; !guard.refusal().empty()) {
        out.wrong = guard.refusal();
        out.line = guard.line();
        return out;
    }
    const auto refuse = [&out](const toml::parse_error& e) {
        out.wrong = safe_reason(e.description());
        out.line = e.source().begin.line;
    };
#if TOML_EXCEPTIONS
    try {
        out.root = toml::parse(text);
    } catch (const toml::parse_error& e) {
        refuse(e);
    }
#else
    toml::parse_result result = toml::parse(text);
    if (result)
        out.root = std::move(result).table();
    else
        refuse(result.error());
#endif
    return out;
}

}  // namespace mayfly::config::detail
