// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/grpc/status.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/temporal/api.hpp>

#include <boost/system/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What the embedded service is talked to with, and what it tells.

namespace mayfly::temporal::embedded {

/// One moment on both clocks: waiting is measured on the steady one, what is shown or kept is the wall's.
struct moment {
    uptime at{};
    std::chrono::sys_time<uptime> wall{};

    friend bool operator==(const moment&, const moment&) = default;
};

[[nodiscard]] inline moment after(const moment& m, uptime wait) noexcept
{
    return {later(m.at, wait), m.wall + wait};
}

/// Who asks, when, and until when an answer is of use.
struct caller {
    moment now{};
    std::optional<uptime> deadline{};  ///< None: the call carries none, which long polls must.
    std::string_view client_name{};    ///< From the call's metadata.
    std::string_view client_version{};
};

/// The answer to a call, or why there is none.
template <class Response>
using answered = boost::system::result<Response, grpc::status>;

/// Names a call that waits for its answer. The caller chooses them; each is used once.
using ticket = std::uint64_t;

/// A task as it was handed out once. Handing it out again makes another of it.
struct attempt_id {
    std::string run_id{};
    std::uint64_t stamp = 0;

    friend bool operator==(const attempt_id&, const attempt_id&) = default;
};

/// What a waiting call ends with.
struct answer {
    ticket id = 0;
    grpc::status status{};
    std::string message{};             ///< Serialized; empty unless the status is OK.
    std::optional<attempt_id> task{};  ///< What it hands out. If nobody can take the answer, give that back.
};

/// A task was added to its queue: for the first time, again after an attempt, or back from a poll that nobody heard.
struct add_event {
    std::string name_space{};
    std::string task_queue{};
    mayfly::task_type task_type = mayfly::task_type::activity;
    std::optional<deployment_version> version{};  ///< The version it is routed to; none means unversioned workers.
    add_outcome outcome = add_outcome::not_matched;
};

/// A worker polls a queue for the first time, or has said goodbye, or has not been heard of for long.
struct worker_event {
    std::string name_space{};
    std::string identity{};
    std::string task_queue{};
    mayfly::task_type task_type = mayfly::task_type::activity;
    std::optional<deployment_version> version{};
    bool present = true;
};

/// How much is kept. What is beyond is refused with RESOURCE_EXHAUSTED and a sentence that names the limit.
struct limits {
    std::size_t namespaces = 100;
    std::size_t task_queues = 10'000;        ///< Of all namespaces, each type for itself.
    std::size_t open_activities = 200'000;   ///< Likewise.
    std::size_t closed_activities = 50'000;  ///< Remembered. Beyond, those that closed first are forgotten.
    std::size_t open_workflows = 100'000;
    std::size_t closed_workflows = 20'000;   ///< Remembered. Beyond, those that closed first are forgotten.
    std::size_t bytes = 1024 * 1024 * 1024;  ///< Of inputs, results and details. Closed ones make room.
    std::size_t parked_polls = 10'000;       ///< Of one namespace.
    std::size_t waiting_calls = 50'000;      ///< For results, of one namespace.
    std::size_t pollers = 10'000;            ///< Remembered of one task queue.
    std::size_t all_pollers = 100'000;       ///< And of all.
    std::size_t versions_of_queue = 1'000;   ///< Whose numbers a task queue keeps. Beyond, those at rest are forgotten.
    std::size_t id_length = 1'000;           ///< Bytes of any name or id.
    std::size_t blob = 2 * 1024 * 1024;      ///< Bytes of an input, a result, details or a failure.
    std::chrono::seconds poll_time{60};      ///< How long a poll waits for a task, at most.
    std::chrono::seconds wait_time{60};      ///< And a call for a result.
    std::chrono::seconds poller_memory{300};  ///< How long a poller that no longer polls is listed.

    /// Of one workflow's run: beyond either it is terminated. All histories together have `bytes` for themselves, too.
    std::int64_t history_events = 51'200;
    std::size_t history_bytes = 50UL * 1024 * 1024;
};

[[nodiscard]] inline grpc::status refused(grpc::status_code code, std::string words)
{
    return {code, std::move(words), {}};
}

/// A refusal with a detail that programs can read. `name` is the message's own, within `temporal.api.errordetails.v1`.
template <class Detail>
[[nodiscard]] grpc::status refused(
    grpc::status_code code, std::string words, std::string_view name, const Detail& detail)
{
    api::common::GrpcStatus s;
    s.set_code(static_cast<int>(code));
    s.set_message(words);
    auto& any = *s.add_details();
    any.set_type_url("type.googleapis.com/temporal.api.errordetails.v1." + std::string(name));
    any.set_value(detail.SerializeAsString());
    return {code, std::move(words), s.SerializeAsString()};
}

[[nodiscard]] inline grpc::status bad_request(std::string words)
{
    return refused(grpc::status_code::invalid_argument, std::move(words));
}
[[nodiscard]] inline grpc::status not_found(std::string words)
{
    return refused(
        grpc::status_code::not_found, std::move(words), "NotFoundFailure", api::errordetails::NotFoundFailure());
}
[[nodiscard]] inline grpc::status precondition(std::string words)
{
    return refused(grpc::status_code::failed_precondition, std::move(words));
}

[[nodiscard]] inline grpc::status exhausted(std::string words)
{
    api::errordetails::ResourceExhaustedFailure detail;
    detail.set_cause(api::enums::RESOURCE_EXHAUSTED_CAUSE_SYSTEM_OVERLOADED);
    detail.set_scope(api::enums::RESOURCE_EXHAUSTED_SCOPE_SYSTEM);
    return refused(grpc::status_code::resource_exhausted, std::move(words), "ResourceExhaustedFailure", detail);
}

[[nodiscard]] inline grpc::status no_such_namespace(const std::string& name)
{
    api::errordetails::NamespaceNotFoundFailure detail;
    detail.set_namespace_(name);
    return refused(
        grpc::status_code::not_found, "Namespace " + name + " is not found.", "NamespaceNotFoundFailure", detail);
}

// Times as messages hold them.

inline void put(wire::Timestamp& out, const moment& m)
{
    const auto us = m.wall.time_since_epoch().count();
    const auto seconds = us / 1'000'000 - (us % 1'000'000 < 0 ? 1 : 0);
    out.set_seconds(seconds);
    out.set_nanos(static_cast<std::int32_t>((us - seconds * 1'000'000) * 1'000));
}

inline void put(wire::Duration& out, uptime d)
{
    out.set_seconds(d.count() / 1'000'000);
    out.set_nanos(static_cast<std::int32_t>(d.count() % 1'000'000 * 1'000));
}

/// What does not fit becomes ten years, which no activity outlives. Negative ones stay negative.
[[nodiscard]] inline uptime read(const wire::Duration& d) noexcept
{
    constexpr std::int64_t most = 10LL * 365 * 24 * 3600;
    if (d.seconds() >= most)
        return std::chrono::seconds(most);
    if (d.seconds() <= -most)
        return std::chrono::seconds(-most);
    // A part of a microsecond is not nothing: a timeout of 1 ns is one.
    const std::int64_t nanos = d.nanos();
    return std::chrono::seconds(d.seconds()) + uptime((nanos + (nanos > 0 ? 999 : 0)) / 1'000);
}

}  // namespace mayfly::temporal::embedded
