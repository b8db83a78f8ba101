// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/error.hpp>
#include <mayfly/aws/sigv4_canonical.hpp>
#include <mayfly/base64.hpp>
#include <mayfly/detail/json_read.hpp>
#include <mayfly/http/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// Lambda's requests and answers as plain values. Sending and signing is somebody else's.

namespace mayfly::aws {

enum class invocation_type : std::uint8_t {
    request_response,  ///< Wait for the function's answer.
    event,             ///< Queue it. Nothing more is heard of it.
    dry_run,           ///< Check names and permission alone.
};

[[nodiscard]] constexpr std::string_view to_string(invocation_type t) noexcept
{
    switch (t) {
    case invocation_type::request_response: return "RequestResponse";
    case invocation_type::event: return "Event";
    case invocation_type::dry_run: return "DryRun";
    }
    return "unknown";
}

[[nodiscard]] constexpr std::optional<invocation_type> invocation_type_of(std::string_view name) noexcept
{
    for (const auto t : {invocation_type::request_response, invocation_type::event, invocation_type::dry_run})
        if (to_string(t) == name)
            return t;
    return std::nullopt;
}

struct invoke_request {
    std::string function{};   ///< Name or ARN.
    std::string qualifier{};  ///< Version or alias; empty for the one in `function`, if any.
    invocation_type type = invocation_type::request_response;
    bool log_tail = false;         ///< Bring the end of the log. Only with `request_response`.
    std::string client_context{};  ///< JSON that the function finds beside its payload. Only with `request_response`.
    std::string payload{};         ///< JSON.
};

struct invoke_result {
    failure failed{};  ///< Of the call. A function that failed is an answer like any other.
    std::string request_id{};
    std::string executed_version{};
    std::string function_error{};  ///< Empty, `Unhandled` or `Handled`: then the payload tells what went wrong.
    std::string log_tail{};        ///< The last 4 KiB of the log.
    std::string payload{};
};

/// A function as `GetFunction` shows it. What was not told is empty.
struct function_description {
    failure failed{};
    std::string arn{};
    std::string version{};
    std::string state{};  ///< `Active`, `Pending`, `Inactive`, `Failed`, ...
    std::string state_reason{};
    std::string last_update{};  ///< `Successful`, `InProgress`, `Failed`.
    std::string last_update_reason{};
    std::string package_type{};  ///< `Zip` or `Image`.
    std::string runtime{};
    std::string handler{};
    std::string code_sha256{};
    std::optional<std::chrono::seconds> timeout{};
    std::optional<std::uint32_t> memory_mib{};
    std::optional<std::uint32_t> reserved_concurrency{};
};

/// How Lambda treats events of one version or alias that it could not deliver, as `GetFunctionEventInvokeConfig` shows.
struct event_invoke_config {
    failure failed{};
    std::uint32_t retries = 2;                              ///< After a function that failed.
    std::chrono::seconds event_age{std::chrono::hours{6}};  ///< An older event is dropped.
};

namespace detail {

/// Text as one segment of a path, or one value of a query.
[[nodiscard]] inline std::string path_segment(std::string_view text)
{
    std::string out;
    append_encoded(out, text);
    return out;
}

[[nodiscard]] inline std::string function_path(
    std::string_view prefix, std::string_view function, std::string_view rest, std::string_view qualifier)
{
    std::string out{prefix};
    out.append("/functions/").append(path_segment(function)).append(rest);
    if (!qualifier.empty())
        out.append("?Qualifier=").append(path_segment(qualifier));
    return out;
}

[[nodiscard]] inline http::request get(std::string_view target)
{
    http::request out;
    out.method(http::verb::get);
    out.target(boost::beast::string_view{target.data(), target.size()});
    return out;
}

[[nodiscard]] inline std::string header(const http::response& r, std::string_view name)
{
    const auto v = r[boost::beast::string_view{name.data(), name.size()}];
    return {v.data(), v.size()};
}

[[nodiscard]] inline std::string text_of(const mayfly::detail::json_value& object, std::string_view name)
{
    const auto* const v = object.find(name);
    return v != nullptr && v->is_string() ? v->text : std::string{};
}

template <class Integer>
[[nodiscard]] std::optional<Integer> number_of(const mayfly::detail::json_value& object, std::string_view name)
{
    const auto* const v = object.find(name);
    return v != nullptr ? v->as<Integer>() : std::nullopt;
}

[[nodiscard]] inline failure not_understood(const http::response& r, std::string words)
{
    failure f;
    f.ec = errc::answer_not_understood;
    f.http_status = r.result_int();
    f.request_id = header(r, "x-amzn-RequestId");
    f.message = std::move(words);
    return f;
}

}  // namespace detail

[[nodiscard]] inline http::request to_http(const invoke_request& r)
{
    http::request out;
    out.method(http::verb::post);
    out.target(detail::function_path("/2015-03-31", r.function, "/invocations", r.qualifier));
    const auto type = to_string(r.type);
    out.set("X-Amz-Invocation-Type", boost::beast::string_view{type.data(), type.size()});
    if (r.log_tail)
        out.set("X-Amz-Log-Type", "Tail");
    if (!r.client_context.empty())
        out.set("X-Amz-Client-Context", to_base64(r.client_context));
    out.body() = r.payload;
    return out;
}

[[nodiscard]] inline http::request get_function(std::string_view function, std::string_view qualifier = {})
{
    return detail::get(detail::function_path("/2015-03-31", function, "", qualifier));
}

[[nodiscard]] inline http::request get_function_configuration(
    std::string_view function, std::string_view qualifier = {})
{
    return detail::get(detail::function_path("/2015-03-31", function, "/configuration", qualifier));
}

[[nodiscard]] inline http::request get_event_invoke_config(std::string_view function, std::string_view qualifier = {})
{
    return detail::get(detail::function_path("/2019-09-25", function, "/event-invoke-config", qualifier));
}

/// What an answer to Invoke tells. `r` is a success.
[[nodiscard]] inline invoke_result read_invoke(invocation_type type, http::response r)
{
    invoke_result out;
    const unsigned expected = type == invocation_type::event ? 202 : type == invocation_type::dry_run ? 204 : 200;
    out.request_id = detail::header(r, "x-amzn-RequestId");
    if (r.result_int() != expected) {
        out.failed =
            detail::not_understood(r, std::string{to_string(type)} + " is answered with " + std::to_string(expected) +
                                          ", not with " + std::to_string(r.result_int()));
        return out;
    }
    out.executed_version = detail::header(r, "X-Amz-Executed-Version");
    out.function_error = detail::header(r, "X-Amz-Function-Error");
    out.log_tail = from_base64(detail::header(r, "X-Amz-Log-Result")).value_or("");
    out.payload = std::move(r.body());
    return out;
}

/// What an answer to GetFunction or GetFunctionConfiguration tells. `r` is a success.
[[nodiscard]] inline function_description read_function(const http::response& r)
{
    function_description out;
    const auto doc = mayfly::detail::read_json(r.body(), 64);
    const auto* const inner = doc.root.find("Configuration");
    const auto& c = inner != nullptr ? *inner : doc.root;
    if (!doc || !c.is_object() || c.find("FunctionArn") == nullptr) {
        out.failed = detail::not_understood(r, "the description of the function is not JSON with a FunctionArn");
        return out;
    }
    out.arn = detail::text_of(c, "FunctionArn");
    out.version = detail::text_of(c, "Version");
    out.state = detail::text_of(c, "State");
    out.state_reason = detail::text_of(c, "StateReason");
    out.last_update = detail::text_of(c, "LastUpdateStatus");
    out.last_update_reason = detail::text_of(c, "LastUpdateStatusReason");
    out.package_type = detail::text_of(c, "PackageType");
    out.runtime = detail::text_of(c, "Runtime");
    out.handler = detail::text_of(c, "Handler");
    out.code_sha256 = detail::text_of(c, "CodeSha256");
    if (const auto seconds = detail::number_of<std::uint32_t>(c, "Timeout"))
        out.timeout = std::chrono::seconds{*seconds};
    out.memory_mib = detail::number_of<std::uint32_t>(c, "MemorySize");
    if (const auto* const concurrency = doc.root.find("Concurrency"))
        out.reserved_concurrency = detail::number_of<std::uint32_t>(*concurrency, "ReservedConcurrentExecutions");
    return out;
}

/// What an answer to GetFunctionEventInvokeConfig tells. `r` is a success.
[[nodiscard]] inline event_invoke_config read_event_invoke_config(const http::response& r)
{
    event_invoke_config out;
    const auto doc = mayfly::detail::read_json(r.body(), 32);
    if (!doc || !doc.root.is_object()) {
        out.failed = detail::not_understood(r, "the settings for events are not JSON");
        return out;
    }
    out.retries = detail::number_of<std::uint32_t>(doc.root, "MaximumRetryAttempts").value_or(out.retries);
    if (const auto age = detail::number_of<std::uint32_t>(doc.root, "MaximumEventAgeInSeconds"))
        out.event_age = std::chrono::seconds{*age};
    return out;
}

}  // namespace mayfly::aws
