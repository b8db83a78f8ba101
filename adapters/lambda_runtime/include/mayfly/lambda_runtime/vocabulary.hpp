// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/http/message.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// What both sides of Lambda's Runtime API (version 2018-06-01) say to each other.

namespace mayfly::lambda_runtime {

/// Bytes of a response; the service accepts no more.
inline constexpr std::size_t response_limit = 6'291'556;

namespace path {

inline constexpr std::string_view next = "/2018-06-01/runtime/invocation/next";
inline constexpr std::string_view invocation = "/2018-06-01/runtime/invocation/";  ///< Before the request id.
inline constexpr std::string_view response = "/response";                          ///< After it.
inline constexpr std::string_view error = "/error";                                ///< After it.
inline constexpr std::string_view init_error = "/2018-06-01/runtime/init/error";
inline constexpr std::string_view extension_register = "/2020-01-01/extension/register";
inline constexpr std::string_view extension_next = "/2020-01-01/extension/event/next";
inline constexpr std::string_view extension_init_error = "/2020-01-01/extension/init/error";
inline constexpr std::string_view extension_exit_error = "/2020-01-01/extension/exit/error";

}  // namespace path

namespace header {

inline constexpr std::string_view request_id = "Lambda-Runtime-Aws-Request-Id";
inline constexpr std::string_view deadline = "Lambda-Runtime-Deadline-Ms";
inline constexpr std::string_view function_arn = "Lambda-Runtime-Invoked-Function-Arn";
inline constexpr std::string_view trace_id = "Lambda-Runtime-Trace-Id";
inline constexpr std::string_view client_context = "Lambda-Runtime-Client-Context";
inline constexpr std::string_view cognito_identity = "Lambda-Runtime-Cognito-Identity";
inline constexpr std::string_view tenant_id = "Lambda-Runtime-Aws-Tenant-Id";
inline constexpr std::string_view error_type = "Lambda-Runtime-Function-Error-Type";
inline constexpr std::string_view xray_cause = "Lambda-Runtime-Function-XRay-Error-Cause";
inline constexpr std::string_view response_mode = "Lambda-Runtime-Function-Response-Mode";
inline constexpr std::string_view extension_name = "Lambda-Extension-Name";
inline constexpr std::string_view extension_id = "Lambda-Extension-Identifier";

}  // namespace header

/// One event for the function, and what goes with it.
struct invocation {
    std::string request_id{};
    wall_time deadline{};            ///< When the platform ends it.
    std::string function_arn{};      ///< As it was invoked, with its version or alias.
    std::string trace_id{};          ///< Empty if there is none; likewise below.
    std::string client_context{};    ///< JSON.
    std::string cognito_identity{};  ///< JSON.
    std::string tenant_id{};
    std::string content_type = "application/json";
    std::string payload{};

    friend bool operator==(const invocation&, const invocation&) = default;
};

/// An invocation as the function gets it: its deadline is a point of the steady clock, taken once on arrival.
template <DeadlineClock Clock>
struct timed_invocation : invocation {
    typename Clock::time_point due{};
};

/// Why a function has no result. A handler may throw one.
struct function_error {
    std::string type = "Function.Failed";  ///< `Runtime.` or `Function.`, and a reason in letters.
    std::string message{};
    std::vector<std::string> stack_trace{};
    std::string xray_cause{};  ///< JSON; empty for none.

    friend bool operator==(const function_error&, const function_error&) = default;
};

/// Whether the platform takes an error type as it stands: `(Runtime|Function)\.[A-Z][a-zA-Z]+`.
[[nodiscard]] constexpr bool is_error_type(std::string_view type) noexcept
{
    const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    const auto letter = [upper](char c) { return upper(c) || (c >= 'a' && c <= 'z'); };
    const auto dot = type.find('.');
    if (dot == std::string_view::npos || (type.substr(0, dot) != "Runtime" && type.substr(0, dot) != "Function"))
        return false;
    const std::string_view reason = type.substr(dot + 1);
    return reason.size() >= 2 && upper(reason.front()) && std::all_of(reason.begin(), reason.end(), letter);
}

/// What the platform notes down for an error type.
[[nodiscard]] constexpr std::string_view recorded_error_type(std::string_view type) noexcept
{
    if (is_error_type(type))
        return type;
    return type.starts_with("Function.") ? "Function.Unknown" : "Runtime.Unknown";
}

/// The JSON that tells of an error.
[[nodiscard]] inline std::string error_body(const function_error& e)
{
    std::string out;
    mayfly::detail::json_writer json(out);
    json.begin_object().member("errorMessage", e.message).member("errorType", e.type).key("stackTrace").begin_array();
    for (const std::string& frame : e.stack_trace)
        json.value(frame);
    json.end_array().end_object();
    return out;
}

namespace detail {

[[nodiscard]] inline std::string_view value_of(const http::fields& fields, std::string_view name)
{
    const auto at = fields.find(boost::beast::string_view(name.data(), name.size()));
    return at == fields.end() ? std::string_view{} : std::string_view(at->value().data(), at->value().size());
}

/// JSON may be spread over lines, which a header may not.
[[nodiscard]] inline std::string on_one_line(std::string_view text)
{
    std::string line(text);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; }, ' ');
    return line;
}

inline void put(http::fields& fields, std::string_view name, std::string_view value)
{
    fields.set(boost::beast::string_view(name.data(), name.size()), on_one_line(value));
}

/// Whether it can stand in a path: no part of a request id may end the request line or the path's segment.
[[nodiscard]] constexpr bool fits_in_path(std::string_view id) noexcept
{
    return !id.empty() && id.size() <= 256 && std::all_of(id.begin(), id.end(), [](char c) {
        return c > ' ' && c < '\x7f' && c != '/' && c != '?' && c != '#' && c != '%';
    });
}

}  // namespace detail

/// Writes the headers of an invocation; those that would be empty are left out.
inline void write_headers(http::fields& to, const invocation& i)
{
    const auto optional = [&to](std::string_view name, const std::string& value) {
        if (!value.empty())
            detail::put(to, name, value);
    };
    detail::put(to, header::request_id, i.request_id);
    detail::put(to, header::deadline, std::to_string(i.deadline.time_since_epoch().count()));
    detail::put(to, header::function_arn, i.function_arn);
    optional(header::trace_id, i.trace_id);
    optional(header::client_context, i.client_context);
    optional(header::cognito_identity, i.cognito_identity);
    optional(header::tenant_id, i.tenant_id);
    detail::put(to, "Content-Type", i.content_type);
}

/// What `read_invocation` returns.
struct invocation_read {
    invocation value{};
    std::string error{};  ///< Empty, or which header is missing or makes no sense.

    [[nodiscard]] explicit operator bool() const noexcept { return error.empty(); }
};

/// Reads an invocation from the answer to `next`. Header names may be in any case.
[[nodiscard]] inline invocation_read read_invocation(const http::fields& from, std::string payload)
{
    const auto text = [&from](std::string_view name) { return std::string(detail::value_of(from, name)); };
    invocation_read out;
    invocation& i = out.value;
    i.request_id = text(header::request_id);
    i.function_arn = text(header::function_arn);
    i.trace_id = text(header::trace_id);
    i.client_context = text(header::client_context);
    i.cognito_identity = text(header::cognito_identity);
    i.tenant_id = text(header::tenant_id);
    i.content_type = text("Content-Type");
    i.payload = std::move(payload);

    const auto wrong = [&out](std::string_view name, std::string_view value, std::string_view wanted) {
        out.error.append("the header ").append(name);
        if (value.empty())
            out.error += " is missing";
        else
            mayfly::detail::append_json_string(out.error.append(" says "), value.substr(0, 100));
        out.error.append("; it should be ").append(wanted);
    };
    if (!detail::fits_in_path(i.request_id)) {
        wrong(header::request_id, i.request_id, "the id of the invocation");
        return out;
    }
    const std::string_view ms = detail::value_of(from, header::deadline);
    std::int64_t count = 0;
    const auto [end, ec] = std::from_chars(ms.data(), ms.data() + ms.size(), count);
    // The bound is some thousand years off, and far from where counting in nanoseconds would wrap.
    if (ms.empty() || ec != std::errc{} || end != ms.data() + ms.size() || count < 0 || count > 7'000'000'000'000)
        wrong(header::deadline, ms, "the Unix time in milliseconds at which the invocation ends");
    else
        i.deadline = wall_time{std::chrono::milliseconds{count}};
    return out;
}

}  // namespace mayfly::lambda_runtime
