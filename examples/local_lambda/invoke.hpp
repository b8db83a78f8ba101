// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "answer.hpp"
#include "authenticate.hpp"
#include "functions.hpp"
#include "json_check.hpp"
#include "text.hpp"

#include <mayfly/base64.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/local/error.hpp>
#include <mayfly/local/platform.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace local_lambda {

enum class invocation_type { request_response, event, dry_run };

/// What an Invoke request asks for besides its function.
struct invocation {
    invocation_type type = invocation_type::request_response;
    bool log_tail = false;
    std::string client_context{};  ///< JSON.
};

[[nodiscard]] inline refusal payload_too_large(std::size_t bytes, bool event)
{
    if (!event)
        return {413, "RequestTooLargeException",
            "Request must be smaller than " + std::to_string(mayfly::local::most_payload_bytes) +
                " bytes for the InvokeFunction operation",
            {}};
    return {413, "RequestTooLargeException",
        std::to_string(bytes) + " byte payload is too large for the Event invocation type (limit " +
            std::to_string(mayfly::local::most_event_bytes) + " bytes)",
        {}};
}

/// Reads the headers of an Invoke request and checks its payload.
[[nodiscard]] inline answer<invocation> read_invocation(const mayfly::http::request& r)
{
    invocation out;
    const std::string_view type = detail::header(r, "X-Amz-Invocation-Type");
    if (type == "Event")
        out.type = invocation_type::event;
    else if (type == "DryRun")
        out.type = invocation_type::dry_run;
    else if (!type.empty() && type != "RequestResponse")
        return invalid_field(
            type, "invocationType", "Member must satisfy enum value set: [Event, RequestResponse, DryRun]");

    const std::string_view log = detail::header(r, "X-Amz-Log-Type");
    if (!log.empty() && log != "None" && log != "Tail")
        return invalid_field(log, "logType", "Member must satisfy enum value set: [Tail, None]");
    out.log_tail = log == "Tail";

    const bool event = out.type == invocation_type::event;
    const std::size_t limit = event ? mayfly::local::most_event_bytes : mayfly::local::most_payload_bytes;
    if (r.body().size() > limit)
        return payload_too_large(r.body().size(), event);
    if (const auto at = json_check::problem_at(r.body()); at && !r.body().empty())
        return refusal{400, "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: unexpected character at byte " +
                std::to_string(*at),
            {}};

    constexpr std::size_t longest_context = 3583;
    if (const std::string_view context = detail::header(r, "X-Amz-Client-Context"); !context.empty()) {
        const auto text = mayfly::from_base64(context);
        if (context.size() > longest_context || !text || json_check::problem_at(*text))
            return refusal{400, "InvalidRequestContentException",
                "Client context must be a valid Base64-encoded JSON object of 3583 bytes at most.", {}};
        if (!event)
            out.client_context = *text;
    }
    return out;
}

/// Why the platform ran nothing.
[[nodiscard]] inline refusal platform_refusal(const boost::system::error_code& ec)
{
    if (const auto reason = mayfly::local::throttle_reason(ec); !reason.empty())
        return {429, "TooManyRequestsException", "Rate Exceeded.", std::string(reason)};
    return {500, "ServiceException", ec.message(), {}};
}

[[nodiscard]] inline refusal not_ready(const std::string& state)
{
    return {409, "ResourceConflictException",
        "The operation cannot be performed at this time. The function is currently in the following state: " + state,
        {}};
}

/// `Root=1-TIME-RANDOM;Parent=...;Sampled=0`, as X-Ray has them.
[[nodiscard]] inline std::string new_trace_id(mayfly::wall_time now)
{
    constexpr std::string_view hex = "0123456789abcdef";
    std::string time(8, '0');
    auto seconds = static_cast<std::uint32_t>(now.time_since_epoch().count() / 1000);
    for (std::size_t i = 8; i-- > 0; seconds /= 16)
        time[i] = hex[seconds % 16];
    return "Root=1-" + time + '-' + random_text(24, hex) + ";Parent=" + random_text(16, hex) + ";Sampled=0";
}

/// Runs a function, queues an event, or says that either could be done.
inline boost::asio::awaitable<mayfly::http::response> invoke(platform& on, const functions& known,
    const function_reference& ref, const mayfly::http::request& r, const std::string& request_id, mayfly::wall_time now)
{
    const auto wanted = read_invocation(r);
    if (!wanted)
        co_return lambda_refusal(wanted.error(), request_id);
    const auto version = known.version_of(ref, random_chance());
    if (!version)
        co_return lambda_refusal(version.error(), request_id);
    if (wanted->type == invocation_type::dry_run)
        co_return json_answer(204, {}, request_id);
    if (const std::string state = known.state_of(ref.name, *version); state != "Active")
        co_return lambda_refusal(not_ready(state), request_id);

    mayfly::local::invoke_request run;
    run.function = ref.name;
    run.version = *version;
    run.qualifier = ref.qualifier;
    run.payload = r.body();
    run.client_context = wanted->client_context;
    run.trace_id = detail::header(r, "X-Amzn-Trace-Id");
    if (run.trace_id.empty())
        run.trace_id = new_trace_id(now);
    run.request_id = request_id;
    const std::string trace_id = run.trace_id;

    if (wanted->type == invocation_type::event) {
        run.events = known.rules_of(ref);
        const auto queued = on.enqueue(std::move(run));
        if (!queued)
            co_return lambda_refusal(platform_refusal(queued.error()), request_id);
        auto accepted = json_answer(202, {}, request_id);
        accepted.set("X-Amzn-Trace-Id", trace_id);
        co_return accepted;
    }

    boost::system::error_code ec;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ec);
    mayfly::local::invoke_result ended = co_await on.async_invoke(std::move(run), token);
    if (ec)
        co_return lambda_refusal(platform_refusal(ec), request_id);
    auto out = json_answer(200, std::move(ended.payload), request_id);
    out.set("X-Amz-Executed-Version", ended.executed_version);
    out.set("X-Amzn-Trace-Id", trace_id);
    out.set("x-amzn-Remapped-Content-Length", "0");
    if (!ended.function_error.empty())
        out.set("X-Amz-Function-Error", ended.function_error);
    if (wanted->log_tail)
        out.set("X-Amz-Log-Result", mayfly::to_base64(ended.log_tail));
    co_return out;
}

}  // namespace local_lambda
