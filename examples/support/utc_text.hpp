// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <chrono>
#include <cstdio>
#include <string>

namespace examples {

/// `2026-11-21T17:42:03.125Z`
[[nodiscard]] inline std::string utc_text(std::chrono::system_clock::time_point at)
{
    using namespace std::chrono;
    const auto whole = floor<milliseconds>(at);
    const auto day = floor<days>(whole);
    const year_month_day date{day};
    const hh_mm_ss time{whole - day};
    std::array<char, 64> out{};
    std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
        static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
        static_cast<int>(time.subseconds().count()));
    return out.data();
}

}  // namespace examples
