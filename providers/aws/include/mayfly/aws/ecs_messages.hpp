// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/error.hpp>
#include <mayfly/aws/lambda_messages.hpp>
#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Requests to ECS and its answers as plain values.

namespace mayfly::aws {

/// A service of ECS, as it is shown.
struct service_description {
    failure failed{};
    std::string arn{};
    std::string status{};  ///< `ACTIVE`, `DRAINING` or `INACTIVE`.
    std::optional<std::uint32_t> desired{};
    std::optional<std::uint32_t> running{};
    std::optional<std::uint32_t> pending{};
};

namespace detail {

[[nodiscard]] inline http::request ecs_request(const char* operation, std::string body)
{
    http::request out;
    out.method(http::verb::post);
    out.target("/");
    out.set(http::field::content_type, "application/x-amz-json-1.1");
    out.set("X-Amz-Target", std::string{"AmazonEC2ContainerServiceV20141113."} + operation);
    out.body() = std::move(body);
    return out;
}

[[nodiscard]] inline service_description read_service(const mayfly::detail::json_value& s)
{
    service_description out;
    out.arn = text_of(s, "serviceArn");
    out.status = text_of(s, "status");
    out.desired = number_of<std::uint32_t>(s, "desiredCount");
    out.running = number_of<std::uint32_t>(s, "runningCount");
    out.pending = number_of<std::uint32_t>(s, "pendingCount");
    return out;
}

}  // namespace detail

/// Sets how many tasks a service shall have, and nothing else of it. Sending it twice changes nothing.
[[nodiscard]] inline http::request update_service(
    std::string_view cluster, std::string_view service, std::uint32_t desired)
{
    std::string body;
    mayfly::detail::json_writer{body}
        .begin_object()
        .member("cluster", cluster)
        .member("service", service)
        .member("desiredCount", desired)
        .end_object();
    return detail::ecs_request("UpdateService", std::move(body));
}

[[nodiscard]] inline http::request describe_service(std::string_view cluster, std::string_view service)
{
    std::string body;
    mayfly::detail::json_writer{body}
        .begin_object()
        .member("cluster", cluster)
        .key("services")
        .begin_array()
        .value(service)
        .end_array()
        .end_object();
    return detail::ecs_request("DescribeServices", std::move(body));
}

/// What an answer to UpdateService tells. `r` is a success.
[[nodiscard]] inline service_description read_updated_service(const http::response& r)
{
    const auto doc = mayfly::detail::read_json(r.body(), 64);
    const auto* const s = doc.root.find("service");
    if (doc && s != nullptr && s->is_object())
        return detail::read_service(*s);
    service_description out;
    out.failed = detail::not_understood(r, "the answer is not JSON with a service");
    return out;
}

/// What an answer to DescribeServices tells about the one that was asked for. `r` is a success.
[[nodiscard]] inline service_description read_described_service(const http::response& r)
{
    service_description out;
    const auto doc = mayfly::detail::read_json(r.body(), 64);
    const auto* const services = doc.root.find("services");
    const auto* const failures = doc.root.find("failures");
    if (doc && services != nullptr && services->is_array() && !services->items.empty())
        return detail::read_service(services->items.front());
    if (doc && failures != nullptr && failures->is_array() && !failures->items.empty()) {
        const auto& first = failures->items.front();
        out.failed = {.ec = errc::not_found,
            .code = detail::text_of(first, "reason"),
            .message = detail::text_of(first, "detail"),
            .request_id = detail::header(r, "x-amzn-RequestId"),
            .http_status = r.result_int()};
        return out;
    }
    out.failed = detail::not_understood(r, "the answer is not JSON with services");
    return out;
}

}  // namespace mayfly::aws
