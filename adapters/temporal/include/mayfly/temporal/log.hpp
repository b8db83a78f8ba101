// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/detail/json_write.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

// What a worker says of itself while it runs.

namespace mayfly::temporal {

enum class log_level : std::uint8_t { debug, info, warning, error };

/// By the names that Lambda sorts log lines by.
[[nodiscard]] constexpr std::string_view to_string(log_level l) noexcept
{
    switch (l) {
    case log_level::debug: return "DEBUG";
    case log_level::info: return "INFO";
    case log_level::warning: return "WARN";
    case log_level::error: return "ERROR";
    }
    return "ERROR";
}

/// Hears of one event in words, without a line end and without a secret. It
/// must not throw. An empty one hears nothing.
using logger = std::function<void(log_level, std::string_view)>;

/// An event as one JSON object in one line: `timestamp`, `level` and `message`.
[[nodiscard]] inline std::string log_line(log_level level, std::string_view words, wall_time at)
{
    // Not by the functions of <ctime>: they read files for time zones that nobody
    // wants here.
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{at - day};
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
        static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
        static_cast<int>(time.subseconds().count()));
    std::string out;
    mayfly::detail::json_writer json(out);
    json.begin_object()
        .member("timestamp", text)
        .member("level", to_string(level))
        .member("message", words)
        .end_object();
    return out;
}

/// One line to standard error for each event from `least` on.
[[nodiscard]] inline logger log_to_stderr(log_level least = log_level::info)
{
    return [least](log_level level, std::string_view words) {
        if (level < least)
            return;
        const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
        const std::string line = log_line(level, words, now) + '\n';
        // In one piece: lines of several threads, or processes, do not mix.
        std::fwrite(line.data(), 1, line.size(), stderr);
    };
}

}  // namespace mayfly::temporal
