// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/problem.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

// A function as the local platform knows it: one version of it, with its settings. Pure values.

namespace mayfly::local {

/// The version that changes with each deployment.
inline constexpr std::string_view latest = "$LATEST";

/// What becomes of an event whose invocation did not succeed.
struct event_rules {
    std::uint32_t retries = 2;                             ///< Further tries after an error of the function.
    std::chrono::milliseconds age{std::chrono::hours{6}};  ///< An event older than this is dropped.

    friend bool operator==(const event_rules&, const event_rules&) = default;
};

/** One version of a function. The defaults are Lambda's.

    What Lambda limits is limited here too; times may be finer than its whole seconds, for tests.
*/
struct function_settings {
    std::string name{};
    std::string version{latest};        ///< `$LATEST`, or the number of a published version.
    std::filesystem::path bootstrap{};  ///< The executable. It runs in the folder that it is in.
    std::string handler = "bootstrap";  ///< Handed on as `_HANDLER`.
    /// The function's own variables. Keys of its execution role may be among them; what the platform sets may not.
    std::map<std::string, std::string, std::less<>> variables{};
    std::chrono::milliseconds timeout{std::chrono::seconds{3}};
    std::uint32_t memory_mib = 128;
    std::optional<std::uint32_t> concurrency{};  ///< The most invocations of this version at a time.
    event_rules events{};                        ///< For events whose request names no others.

    // What may go wrong, for tests.
    std::chrono::milliseconds start_delay{0};  ///< Each start of an environment takes so much longer.
    double failure_rate = 0;                   ///< The chance, from 0 to 1, that the start of one comes to nothing.

    friend bool operator==(const function_settings&, const function_settings&) = default;
};

/// Limits of the real platform.
inline constexpr std::size_t longest_function_name = 64;
inline constexpr std::chrono::milliseconds longest_timeout{std::chrono::seconds{900}};
inline constexpr std::uint32_t least_memory_mib = 128;
inline constexpr std::uint32_t most_memory_mib = 10'240;
inline constexpr std::size_t most_variable_bytes = 4096;
inline constexpr std::uint32_t most_event_retries = 2;
inline constexpr std::chrono::milliseconds least_event_age{std::chrono::seconds{60}};
inline constexpr std::chrono::milliseconds longest_event_age{std::chrono::hours{6}};
inline constexpr std::size_t most_payload_bytes = 6 * 1024 * 1024;  ///< Of an invocation that is waited for.
inline constexpr std::size_t most_event_bytes = 1024 * 1024;

[[nodiscard]] inline bool is_function_name(std::string_view s) noexcept
{
    return !s.empty() && s.size() <= longest_function_name && std::all_of(s.begin(), s.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

/// `$LATEST`, or a number from 1 without leading zeros.
[[nodiscard]] inline bool is_function_version(std::string_view s) noexcept
{
    return s == latest || (!s.empty() && s.size() <= 18 && s.front() != '0' &&
                              s.find_first_not_of("0123456789") == std::string_view::npos);
}

namespace detail {

/// Whether the platform sets this variable itself.
[[nodiscard]] inline bool is_platform_variable(std::string_view name) noexcept
{
    const std::initializer_list<std::string_view> own{"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION",
        "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"};
    return name.starts_with("AWS_LAMBDA_") || std::find(own.begin(), own.end(), name) != own.end();
}

[[nodiscard]] inline bool is_variable_name(std::string_view s) noexcept
{
    return !s.empty() && !(s.front() >= '0' && s.front() <= '9') && std::all_of(s.begin(), s.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

inline void check_variables(const function_settings& f, const std::string& where, problems& wrong)
{
    std::size_t bytes = 0;
    for (const auto& [name, value] : f.variables) {
        bytes += name.size() + value.size();
        // Values are not shown: there may be keys among them.
        const std::string field = where + "variables." + name;
        if (!is_variable_name(name))
            wrong.push_back({field, "", "write the name with letters, digits and '_', no digit first"});
        else if (is_platform_variable(name))
            wrong.push_back({field, "", "remove it; the platform sets this variable"});
        else if (value.find('\0') != std::string::npos)
            wrong.push_back({field, "", "remove the zero byte; a variable ends there"});
    }
    if (bytes > most_variable_bytes)
        wrong.push_back({where + "variables", std::to_string(bytes) + " bytes",
            "give at most " + std::to_string(most_variable_bytes) + " bytes of names and values together"});
}

}  // namespace detail

/// Everything that is wrong with these settings. Field names begin with `where`, as in `functions[2].`.
[[nodiscard]] inline problems check(const function_settings& f, const std::string& where = {})
{
    problems wrong;
    const auto quoted = [](std::string_view s) { return '"' + std::string(s) + '"'; };
    const auto ms = [](std::chrono::milliseconds t) { return std::to_string(t.count()) + " ms"; };
    if (!is_function_name(f.name))
        wrong.push_back(
            {where + "name", f.name.empty() ? "" : quoted(f.name), "give 1 to 64 of letters, digits, '-' and '_'"});
    if (!is_function_version(f.version))
        wrong.push_back({where + "version", quoted(f.version), "give $LATEST or a whole number from 1"});
    if (f.bootstrap.empty())
        wrong.push_back({where + "bootstrap", "", "give the path of an executable"});
    if (f.timeout <= std::chrono::milliseconds::zero() || f.timeout > longest_timeout)
        wrong.push_back({where + "timeout", ms(f.timeout), "give a time above zero and of 900 s at most"});
    if (f.memory_mib < least_memory_mib || f.memory_mib > most_memory_mib)
        wrong.push_back({where + "memory_mib", std::to_string(f.memory_mib), "give 128 to 10240"});
    if (f.events.retries > most_event_retries)
        wrong.push_back({where + "events.retries", std::to_string(f.events.retries), "give 0, 1 or 2"});
    if (f.events.age <= std::chrono::milliseconds::zero() || f.events.age > longest_event_age)
        wrong.push_back({where + "events.age", ms(f.events.age), "give a time above zero and of 6 h at most"});
    if (f.start_delay < std::chrono::milliseconds::zero())
        wrong.push_back({where + "start_delay", ms(f.start_delay), "give zero or more"});
    if (!(f.failure_rate >= 0 && f.failure_rate <= 1))
        wrong.push_back({where + "failure_rate", std::to_string(f.failure_rate), "give a chance from 0 to 1"});
    detail::check_variables(f, where, wrong);
    return wrong;
}

/// Where a platform pretends to be.
struct account_settings {
    std::string partition = "aws";
    std::string region = "us-east-1";
    std::string account = "123456789012";

    friend bool operator==(const account_settings&, const account_settings&) = default;
};

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, and the qualifier behind it if there is one.
[[nodiscard]] inline std::string function_arn(
    const account_settings& in, std::string_view name, std::string_view qualifier = {})
{
    std::string out = "arn:" + in.partition + ":lambda:" + in.region + ':' + in.account + ":function:";
    out += name;
    if (!qualifier.empty())
        out.append(":").append(qualifier);
    return out;
}

}  // namespace mayfly::local
