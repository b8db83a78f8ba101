// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <unistd.h>

namespace mayfly {

/// Environment variables as a value: what reads settings takes one, and a test makes its own.
struct environment {
    std::map<std::string, std::string, std::less<>> variables{};

    /// The variable's value. One that is set to nothing counts as not set.
    [[nodiscard]] std::optional<std::string> get(std::string_view name) const
    {
        const auto at = variables.find(name);
        return at == variables.end() || at->second.empty() ? std::nullopt : std::optional(at->second);
    }

    /// A copy of the process's own, as it is now.
    [[nodiscard]] static environment of_process()
    {
        environment out;
        for (char** entry = ::environ; entry && *entry; ++entry) {
            const std::string_view text = *entry;
            const auto equals = text.find('=');
            if (equals != std::string_view::npos && equals != 0)
                out.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
        return out;
    }
};

}  // namespace mayfly
