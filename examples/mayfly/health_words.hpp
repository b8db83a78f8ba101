// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "health_causes.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What a function says of itself, in its log or in the answer to an invocation, and what that tells.

namespace examples {

struct told_by_function {
    health_cause tells = health_cause::unlisted;
    std::string line{};
};

namespace detail {

struct telling_words {
    health_cause tells;
    std::string_view first;
    std::string_view second{};  ///< Has to be in the line too.
};

// The first that fits counts: words that name a cause stand before those that many causes have.
inline constexpr std::array<telling_words, 29> all_telling_words{{
    {health_cause::wrong_version_in_code, "started for version", "but this program is"},
    {health_cause::telemetry, "shutdown hook", "telemetry"},
    {health_cause::telemetry, "shutdown hook", "flush"},
    {health_cause::telemetry, "shutdown hook", "otel"},
    {health_cause::telemetry, "shutdown hook", "metrics"},
    {health_cause::telemetry, "shutdown hook", "span"},
    {health_cause::telemetry, "failed to export"},
    {health_cause::telemetry, "traces export"},
    {health_cause::telemetry, "otlp", "error"},
    {health_cause::stop_times, "running tasks and hooks may be cut off"},
    {health_cause::stop_times, "invalidworkersetup", "shutdown_buffer"},
    {health_cause::stop_times, "invalidworkersetup", "stop_timeout"},
    {health_cause::stop_times, "the worker cannot start", "shutdown_buffer"},
    {health_cause::stop_times, "the worker cannot start", "stop_timeout"},
    {health_cause::timeout_too_short, "deadlinetoonear"},
    {health_cause::timeout_too_short, "deadline_too_near"},
    {health_cause::server_out_of_reach, "function.connectfailed"},
    {health_cause::server_out_of_reach, "connecting to", "failed"},
    {health_cause::server_out_of_reach, "connecting to", "took longer"},
    {health_cause::server_out_of_reach, "function.startfailed"},
    {health_cause::server_out_of_reach, "starting the worker failed"},
    {health_cause::server_out_of_reach, "failed reaching server"},
    {health_cause::server_out_of_reach, "unauthenticated"},
    {health_cause::server_out_of_reach, "certificate", "verify"},
    {health_cause::crash_at_start, "runtime.exiterror"},
    {health_cause::crash_at_start, "runtime exited"},
    {health_cause::crash_at_start, "runtime.invalidentrypoint"},
    {health_cause::crash_at_start, "the worker cannot start"},
    {health_cause::crash_at_start, "init_report", "status: error"},
}};

}  // namespace detail

/// What a line of a function's log tells; nothing for most.
[[nodiscard]] inline std::optional<health_cause> meaning_of_words(std::string_view line)
{
    std::string low(line);
    std::transform(low.begin(), low.end(), low.begin(),
        [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    for (const detail::telling_words& w : detail::all_telling_words)
        if (low.find(w.first) != low.npos && low.find(w.second) != low.npos)
            return w.tells;
    return std::nullopt;
}

/// Of each cause the last line that tells it, in order of these lines. A line of the platform's own sums up what others
/// have told better.
[[nodiscard]] inline std::vector<told_by_function> read_function_words(std::span<const std::string> lines)
{
    constexpr std::size_t longest = 400;
    std::vector<told_by_function> out;
    for (const std::string& line : lines) {
        const auto tells = meaning_of_words(line);
        const auto same = [&](const told_by_function& t) { return t.tells == *tells; };
        if (!tells || (line.starts_with("REPORT ") && std::any_of(out.begin(), out.end(), same)))
            continue;
        std::erase_if(out, same);
        out.push_back({*tells, line.size() > longest ? line.substr(0, longest) + "..." : line});
    }
    return out;
}

}  // namespace examples
