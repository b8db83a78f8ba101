// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace mayfly::grpc::detail {

/// As `grpc-timeout` is written: in milliseconds, or in a coarser unit where eight digits are not enough. Rounded up,
/// so that the peer is never the first to give up; at least one millisecond.
[[nodiscard]] inline std::string to_timeout_text(std::chrono::nanoseconds t)
{
    struct unit {
        std::int64_t nanoseconds;
        char name;
    };
    constexpr unit units[] = {{1'000'000, 'm'}, {1'000'000'000, 'S'}, {60'000'000'000, 'M'}, {3'600'000'000'000, 'H'}};
    for (const auto& [each, name] : units) {
        const std::int64_t n = std::max<std::int64_t>(1, t.count() / each + (t.count() % each > 0 ? 1 : 0));
        if (n <= 99'999'999)
            return std::to_string(n) + name;
    }
    return "99999999H";
}

/// Nothing if it is not written by the rules. What no clock of ours can hold is the longest that it can.
[[nodiscard]] inline std::optional<std::chrono::nanoseconds> from_timeout_text(std::string_view text)
{
    if (text.size() < 2 || text.size() > 9)
        return std::nullopt;
    std::uint32_t n = 0;
    const char* const last = text.data() + text.size() - 1;
    const auto [end, problem] = std::from_chars(text.data(), last, n);
    if (problem != std::errc{} || end != last)
        return std::nullopt;
    std::int64_t each = 0;
    switch (*last) {
    case 'n': each = 1; break;
    case 'u': each = 1'000; break;
    case 'm': each = 1'000'000; break;
    case 'S': each = 1'000'000'000; break;
    case 'M': each = 60'000'000'000; break;
    case 'H': each = 3'600'000'000'000; break;
    default: return std::nullopt;
    }
    constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();
    return std::chrono::nanoseconds(n > longest / each ? longest : n * each);
}

}  // namespace mayfly::grpc::detail
