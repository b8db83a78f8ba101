// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "function_reference.hpp"
#include "functions.hpp"

#include <mayfly/local/function.hpp>

#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

// What may be said of a function, by a flag or in a file: one reading for both.

namespace local_lambda {

/// A whole number in that range.
template <std::integral Integer>
[[nodiscard]] std::optional<Integer> read_integer(std::string_view text, Integer least, Integer most)
{
    Integer out{};
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
    const bool good = ec == std::errc{} && end == text.data() + text.size() && out >= least && out <= most;
    return good ? std::optional(out) : std::nullopt;
}

/// Like `2` or `0.25`.
[[nodiscard]] inline std::optional<double> read_number(std::string_view text)
{
    double out = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
    const bool good = ec == std::errc{} && end == text.data() + text.size() && std::isfinite(out);
    return good ? std::optional(out) : std::nullopt;
}

/// Seconds with a fraction, to the millisecond.
[[nodiscard]] inline std::optional<std::chrono::milliseconds> read_seconds(
    std::string_view text, double least, double most)
{
    const auto out = read_number(text);
    if (!out || *out < least || *out > most)
        return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::round(*out * 1000)));
}

namespace detail {

[[nodiscard]] inline std::string set_versions(function_plan& plan, std::string_view text)
{
    plan.versions.clear();
    while (!text.empty()) {
        const auto comma = text.find(',');
        const std::string_view one = text.substr(0, comma);
        const auto number = read_integer<std::uint64_t>(one, 1, 999'999'999);
        if (!number)
            return "give whole numbers from 1, with commas between them, like 1,7";
        plan.versions.push_back(*number);
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return {};
}

[[nodiscard]] inline std::string set_alias(function_plan& plan, std::string_view text)
{
    const auto equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const std::string_view version = equals == std::string_view::npos ? std::string_view{} : text.substr(equals + 1);
    if (!is_alias_name(name) || !mayfly::local::is_function_version(version))
        return "give NAME=VERSION, like PROD=7; a name has letters, digits, '-' and '_', and is no number";
    plan.aliases.insert_or_assign(std::string(name), std::string(version));
    return {};
}

[[nodiscard]] inline std::string set_bootstrap(function_plan& plan, std::string_view text)
{
    std::error_code ec;
    plan.settings.bootstrap = std::filesystem::absolute(std::filesystem::path(text), ec);
    if (!std::filesystem::exists(plan.settings.bootstrap, ec))
        return "there is no such file; give the path of an executable";
    if (!std::filesystem::is_regular_file(plan.settings.bootstrap, ec))
        return "this is no file; give the path of an executable";
    if (::access(plan.settings.bootstrap.c_str(), X_OK) != 0)
        return "this file may not be executed; give it the permission with chmod +x";
    return {};
}

}  // namespace detail

/// Whether there is a setting of that name, without dashes in front.
[[nodiscard]] inline bool is_function_setting(std::string_view name)
{
    for (const std::string_view known : {"bootstrap", "function", "versions", "alias", "handler", "timeout", "memory",
             "reserved-concurrency", "version-concurrency", "async-retries", "event-age", "start-delay", "failure-rate",
             "state", "last-update", "env"}) {
        if (name == known)
            return true;
    }
    return false;
}

/// Takes a setting into a plan. Says what to do if its text is of no use, else nothing.
[[nodiscard]] inline std::string set_function(function_plan& plan, std::string_view name, std::string_view text)
{
    mayfly::local::function_settings& f = plan.settings;
    constexpr std::uint32_t many = 1'000'000;

    if (name == "bootstrap")
        return detail::set_bootstrap(plan, text);
    if (name == "versions")
        return detail::set_versions(plan, text);
    if (name == "alias")
        return detail::set_alias(plan, text);
    if (name == "function") {
        f.name = text;
        return mayfly::local::is_function_name(text) ? "" : "give 1 to 64 letters, digits, '-' and '_'";
    }
    if (name == "handler") {
        f.handler = text;
        return text.size() <= 128 ? "" : "give 128 characters at most";
    }
    if (name == "timeout") {
        const auto time = read_seconds(text, 0.001, 900);
        f.timeout = time.value_or(f.timeout);
        return time ? "" : "give seconds above 0, up to 900";
    }
    if (name == "memory") {
        const auto mib = read_integer(text, mayfly::local::least_memory_mib, mayfly::local::most_memory_mib);
        f.memory_mib = mib.value_or(f.memory_mib);
        return mib ? "" : "give MiB from 128 to 10240, a whole number";
    }
    if (name == "reserved-concurrency") {
        plan.reserved = read_integer<std::uint32_t>(text, 0, many);
        return plan.reserved ? "" : "give a whole number; 0 switches the function off";
    }
    if (name == "version-concurrency") {
        f.concurrency = read_integer<std::uint32_t>(text, 1, many);
        return f.concurrency ? "" : "give a whole number from 1";
    }
    if (name == "async-retries") {
        plan.event_retries = read_integer<std::uint32_t>(text, 0, mayfly::local::most_event_retries);
        return plan.event_retries ? "" : "give 0, 1 or 2";
    }
    if (name == "event-age") {
        plan.event_age_seconds = read_integer<std::int64_t>(text, 1, 21'600);
        return plan.event_age_seconds ? "" : "give seconds from 1 to 21600, a whole number";
    }
    if (name == "start-delay") {
        const auto time = read_seconds(text, 0, 3600);
        f.start_delay = time.value_or(f.start_delay);
        return time ? "" : "give seconds from 0 to 3600";
    }
    if (name == "failure-rate") {
        const auto chance = read_number(text);
        f.failure_rate = chance.value_or(0);
        return chance && *chance >= 0 && *chance <= 1 ? "" : "give a chance from 0 to 1, like 0.1";
    }
    if (name == "state") {
        plan.state = text;
        const bool known = text == "Active" || text == "Pending" || text == "Inactive" || text == "Failed";
        return known ? "" : "give Active, Pending, Inactive or Failed";
    }
    if (name == "last-update") {
        plan.last_update = text;
        const bool known = text == "Successful" || text == "InProgress" || text == "Failed";
        return known ? "" : "give Successful, InProgress or Failed";
    }
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string_view::npos)
        return "give NAME=VALUE";
    f.variables.insert_or_assign(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
    return {};
}

}  // namespace local_lambda
