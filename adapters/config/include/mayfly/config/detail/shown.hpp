// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

// What people wrote, as it is shown to people.

namespace mayfly::config::detail {

/// In quotes, on one line, cut where it is long. What stands before an `@` within an address may be a password.
[[nodiscard]] inline std::string shown(std::string_view text)
{
    constexpr std::size_t longest = 120;
    std::string safe{text};
    if (const auto at = safe.rfind('@'); at != safe.npos) {
        const auto scheme = safe.find("://");
        const std::size_t from = scheme == safe.npos || scheme > at ? 0 : scheme + 3;
        safe.replace(from, at - from, "***");
    }
    std::string out;
    mayfly::detail::append_json_string(out, std::string_view{safe}.substr(0, longest));
    if (safe.size() > longest)
        out += "...";
    return out;
}

[[nodiscard]] inline bool is_bare_key(std::string_view name) noexcept
{
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

/// As it stands in a TOML file: in quotes where it needs them.
[[nodiscard]] inline std::string shown_key(std::string_view name)
{
    return is_bare_key(name) && name.size() <= 120 ? std::string{name} : shown(name);
}

}  // namespace mayfly::config::detail
