// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

namespace mayfly::http::detail {

/// The value of a `Date` header: "Sun, 06 Nov 1994 08:49:37 GMT". `at` lies in the years 0 to 9999.
[[nodiscard]] inline std::string http_date(std::chrono::sys_seconds at)
{
    using namespace std::chrono;
    constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    const auto midnight = floor<std::chrono::days>(at);
    const year_month_day date{midnight};
    const hh_mm_ss time{at - midnight};

    std::string out;
    const auto digits = [&out](auto value, std::size_t width) {
        const std::string text = std::to_string(value);
        out.append(width > text.size() ? width - text.size() : 0, '0');
        out += text;
    };
    out += days[weekday{midnight}.c_encoding()];
    out += ", ";
    digits(static_cast<unsigned>(date.day()), 2);
    out += ' ';
    out += months[static_cast<unsigned>(date.month()) - 1];
    out += ' ';
    digits(static_cast<int>(date.year()), 4);
    out += ' ';
    digits(time.hours().count(), 2);
    out += ':';
    digits(time.minutes().count(), 2);
    out += ':';
    digits(time.seconds().count(), 2);
    out += " GMT";
    return out;
}

}  // namespace mayfly::http::detail
