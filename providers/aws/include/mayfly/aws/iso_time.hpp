// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/arn.hpp>
#include <mayfly/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace mayfly::aws {

/// Reads `2026-03-04T05:06:07Z`, with a fraction of a second or without, with `Z` or an offset like `+01:00`. What is
/// finer than a millisecond is dropped.
[[nodiscard]] inline std::optional<wall_time> parse_iso_time(std::string_view text) noexcept
{
    const auto number = [&text](std::size_t at, std::size_t digits, int most) -> int {
        const std::string_view part = text.substr(std::min(at, text.size()), digits);
        if (part.size() != digits || !detail::is_digits(part))
            return -1;
        int n = 0;
        for (const char c : part)
            n = n * 10 + (c - '0');
        return n <= most ? n : -1;
    };
    const auto is = [&text](std::size_t at, char c) { return at < text.size() && text[at] == c; };

    const int year = number(0, 4, 9999);
    const int month = number(5, 2, 12);
    const int day = number(8, 2, 31);
    const int hour = number(11, 2, 23);
    const int minute = number(14, 2, 59);
    const int second = number(17, 2, 60);
    const std::chrono::year_month_day date{std::chrono::year{year},
        std::chrono::month{static_cast<unsigned>(std::max(month, 0))},
        std::chrono::day{static_cast<unsigned>(std::max(day, 0))}};
    if (year < 0 || !date.ok() || hour < 0 || minute < 0 || second < 0 || !is(4, '-') || !is(7, '-') ||
        !(is(10, 'T') || is(10, 't') || is(10, ' ')) || !is(13, ':') || !is(16, ':'))
        return std::nullopt;
    wall_time out = std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
                    std::chrono::seconds{second};

    std::size_t at = 19;
    if (is(at, '.')) {
        const std::size_t begin = ++at;
        int unit = 100;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
            out += std::chrono::milliseconds{unit * (text[at] - '0')};
        if (at == begin)
            return std::nullopt;
    }
    if ((is(at, 'Z') || is(at, 'z')) && at + 1 == text.size())
        return out;
    const int off_hours = number(at + 1, 2, 23);
    const bool colon = is(at + 3, ':');
    const int off_minutes = number(at + (colon ? 4 : 3), 2, 59);
    if (off_hours < 0 || off_minutes < 0 || text.size() != at + (colon ? 6 : 5) || !(is(at, '+') || is(at, '-')))
        return std::nullopt;
    const auto offset = std::chrono::hours{off_hours} + std::chrono::minutes{off_minutes};
    return is(at, '+') ? out - offset : out + offset;
}

}  // namespace mayfly::aws
