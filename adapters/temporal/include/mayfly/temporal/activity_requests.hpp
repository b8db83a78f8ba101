// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_signature.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/times.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Standalone activities as a client asks for them and is told of them, in plain values. Durations of zero: not set.

namespace mayfly::temporal {

/// Names an execution.
struct activity_key {
    std::string id{};
    std::string run_id{};  ///< Empty: the latest of this id.

    friend bool operator==(const activity_key&, const activity_key&) = default;
};

/** An activity by its name, with the types of the function that it is: a signature, `typed_activity<int(std::string)>`,
    or the function's own, `typed_activity<decltype(greet)> greeting{"greet"}`.
*/
template <class F>
struct typed_activity {
    using result = typename activity_signature<F>::result;
    using arguments = typename activity_signature<F>::arguments;

    std::string name{};
};

/// The same, from a function or a callable.
template <class F>
[[nodiscard]] typed_activity<F> activity_like(std::string name, const F&)
{
    return {std::move(name)};
}

/// When a failed attempt is made again. What is not set is as the server has it.
struct activity_retry {
    std::chrono::nanoseconds initial_interval{};
    double backoff = 0;  ///< Each wait is so much longer than the one before; from 1.
    std::chrono::nanoseconds maximum_interval{};
    std::int32_t maximum_attempts = 0;  ///< 1: no retries.
    std::vector<std::string> non_retryable_types{};

    friend bool operator==(const activity_retry&, const activity_retry&) = default;
};

/// A lower key is served first; within a key, fairness keys share by their weights.
struct activity_priority {
    std::int32_t key = 0;
    std::string fairness_key{};
    float fairness_weight = 0;

    friend bool operator==(const activity_priority&, const activity_priority&) = default;
};

/// Whether an id may be used again, of an activity that is over.
enum class id_reuse : std::uint8_t { server_default, allow, allow_if_failed, reject };

/// And of one that runs.
enum class id_conflict : std::uint8_t { server_default, fail, use_existing };

/// What a start has beside its type and arguments. `task_queue`, and one of the first and the third timeout, are
/// needed.
struct start_options {
    std::string id{};  ///< Empty: one is made up.
    std::string task_queue{};
    std::chrono::nanoseconds schedule_to_close{};  ///< All of it, with retries.
    std::chrono::nanoseconds schedule_to_start{};  ///< Waiting for a worker.
    std::chrono::nanoseconds start_to_close{};     ///< One attempt.
    std::chrono::nanoseconds heartbeat{};          ///< Between two signs of life.
    std::chrono::nanoseconds start_delay{};
    std::optional<activity_retry> retry{};
    id_reuse reuse = id_reuse::server_default;
    id_conflict conflict = id_conflict::server_default;
    std::optional<activity_priority> priority{};
    std::string summary{};     ///< One line for people.
    std::string details{};     ///< Several.
    std::string request_id{};  ///< The same id again is the same start. Empty: one is made up for the call.
};

enum class activity_status : std::uint8_t {
    unknown,
    running,
    completed,
    failed,
    cancelled,
    terminated,
    timed_out,
    paused,
};

[[nodiscard]] constexpr std::string_view to_string(activity_status s) noexcept
{
    switch (s) {
    case activity_status::unknown: break;
    case activity_status::running: return "running";
    case activity_status::completed: return "completed";
    case activity_status::failed: return "failed";
    case activity_status::cancelled: return "cancelled";
    case activity_status::terminated: return "terminated";
    case activity_status::timed_out: return "timed_out";
    case activity_status::paused: return "paused";
    }
    return "unknown";
}

/// One execution in a list.
struct activity_entry {
    activity_key key{};
    std::string type{};
    std::string task_queue{};
    activity_status status = activity_status::unknown;
    std::optional<wall_clock_time> scheduled{};
    std::optional<wall_clock_time> closed{};  ///< Not yet, or not known.
};

struct activity_page {
    std::vector<activity_entry> entries{};
    std::string next_page_token{};  ///< Empty: there is no more.
};

/// How many there are; of a query with GROUP BY, by group too.
struct execution_count {
    struct group {
        std::vector<api::common::Payload> values{};
        std::int64_t count = 0;
    };
    std::int64_t count = 0;
    std::vector<group> groups{};
};
using activity_count = execution_count;

/// What there is to know of one execution.
struct activity_description : activity_entry {
    std::int32_t attempt = 0;
    std::string last_worker{};  ///< The identity of the worker that had it last.
    std::optional<wall_clock_time> last_started{};
    std::optional<wall_clock_time> last_heartbeat{};
    std::optional<wall_clock_time> next_attempt{};
    std::optional<wall_clock_time> expires{};
    std::string cancel_reason{};                                       ///< As somebody wrote who asked for it.
    std::optional<api::failure::Failure> last_failure{};               ///< Of the attempt before.
    std::optional<api::common::Payloads> input{};                      ///< If it was asked for.
    std::optional<api::activity::ActivityExecutionOutcome> outcome{};  ///< If it is over, and was asked for.
    api::activity::ActivityExecutionInfo info{};                       ///< All of it, as it came.
};

/// What else to tell of an execution.
struct describe_options {
    bool input = false;
    bool outcome = false;
    bool last_failure = true;
    bool heartbeat_details = false;
};

/// Whom an activity's worker has handed its completion to names it so.
struct activity_target {
    std::string task_token{};  ///< From `activity_info`. If it is there, the others are not needed.
    std::string activity_id{};
    std::string workflow_id{};  ///< Empty: it is a standalone one.
    std::string run_id{};       ///< The workflow's, or the standalone activity's.
};

/// What the server answers to a sign of life.
struct heartbeat_answer {
    bool cancel_requested = false;
    bool paused = false;
    bool reset = false;

    friend bool operator==(const heartbeat_answer&, const heartbeat_answer&) = default;
};

namespace detail {

inline api::common::RetryPolicy policy_of(const activity_retry& r)
{
    api::common::RetryPolicy out;
    if (r.initial_interval.count() > 0)
        *out.mutable_initial_interval() = to_wire(r.initial_interval);
    if (r.backoff > 0)
        out.set_backoff_coefficient(r.backoff);
    if (r.maximum_interval.count() > 0)
        *out.mutable_maximum_interval() = to_wire(r.maximum_interval);
    if (r.maximum_attempts != 0)
        out.set_maximum_attempts(r.maximum_attempts);
    for (const auto& type : r.non_retryable_types)
        out.add_non_retryable_error_types(type);
    return out;
}

/// Everything but namespace, identity, ids, input and what a data converter makes.
inline api::StartActivityExecutionRequest start_request(const std::string& type, const start_options& o)
{
    api::StartActivityExecutionRequest out;
    out.mutable_activity_type()->set_name(type);
    out.mutable_task_queue()->set_name(o.task_queue);
    if (o.schedule_to_close.count() > 0)
        *out.mutable_schedule_to_close_timeout() = to_wire(o.schedule_to_close);
    if (o.schedule_to_start.count() > 0)
        *out.mutable_schedule_to_start_timeout() = to_wire(o.schedule_to_start);
    if (o.start_to_close.count() > 0)
        *out.mutable_start_to_close_timeout() = to_wire(o.start_to_close);
    if (o.heartbeat.count() > 0)
        *out.mutable_heartbeat_timeout() = to_wire(o.heartbeat);
    if (o.start_delay.count() > 0)
        *out.mutable_start_delay() = to_wire(o.start_delay);
    if (o.retry)
        *out.mutable_retry_policy() = policy_of(*o.retry);
    if (o.reuse != id_reuse::server_default)
        out.set_id_reuse_policy(static_cast<api::enums::ActivityIdReusePolicy>(o.reuse));
    if (o.conflict != id_conflict::server_default)
        out.set_id_conflict_policy(static_cast<api::enums::ActivityIdConflictPolicy>(o.conflict));
    if (o.priority) {
        auto& p = *out.mutable_priority();
        p.set_priority_key(o.priority->key);
        p.set_fairness_key(o.priority->fairness_key);
        p.set_fairness_weight(o.priority->fairness_weight);
    }
    return out;
}

constexpr activity_status to_status(api::enums::ActivityExecutionStatus s) noexcept
{
    switch (s) {
    case api::enums::ACTIVITY_EXECUTION_STATUS_UNSPECIFIED: break;
    case api::enums::ACTIVITY_EXECUTION_STATUS_RUNNING: return activity_status::running;
    case api::enums::ACTIVITY_EXECUTION_STATUS_COMPLETED: return activity_status::completed;
    case api::enums::ACTIVITY_EXECUTION_STATUS_FAILED: return activity_status::failed;
    case api::enums::ACTIVITY_EXECUTION_STATUS_CANCELED: return activity_status::cancelled;
    case api::enums::ACTIVITY_EXECUTION_STATUS_TERMINATED: return activity_status::terminated;
    case api::enums::ACTIVITY_EXECUTION_STATUS_TIMED_OUT: return activity_status::timed_out;
    case api::enums::ACTIVITY_EXECUTION_STATUS_PAUSED: return activity_status::paused;
    }
    return activity_status::unknown;
}

/// What lists and descriptions have in common.
template <class Info>
activity_entry to_entry(const Info& i)
{
    activity_entry out;
    out.key = {i.activity_id(), i.run_id()};
    out.type = i.activity_type().name();
    out.task_queue = i.task_queue();
    out.status = to_status(i.status());
    out.scheduled = time_of(i.has_schedule_time(), i.schedule_time());
    out.closed = time_of(i.has_close_time(), i.close_time());
    return out;
}

inline activity_page to_page(api::ListActivityExecutionsResponse r)
{
    activity_page out;
    for (const auto& info : r.executions())
        out.entries.push_back(to_entry(info));
    out.next_page_token = r.next_page_token();
    return out;
}

template <class Response>
[[nodiscard]] execution_count to_count(const Response& r)
{
    execution_count out{r.count(), {}};
    for (const auto& g : r.groups())
        out.groups.push_back({{g.group_values().begin(), g.group_values().end()}, g.count()});
    return out;
}

inline activity_description to_description(api::DescribeActivityExecutionResponse r)
{
    activity_description out;
    auto& i = *r.mutable_info();
    static_cast<activity_entry&>(out) = to_entry(i);
    if (out.key.run_id.empty())
        out.key.run_id = r.run_id();
    out.attempt = i.attempt();
    out.last_worker = i.last_worker_identity();
    out.last_started = time_of(i.has_last_started_time(), i.last_started_time());
    out.last_heartbeat = time_of(i.has_last_heartbeat_time(), i.last_heartbeat_time());
    out.next_attempt = time_of(i.has_next_attempt_schedule_time(), i.next_attempt_schedule_time());
    out.expires = time_of(i.has_expiration_time(), i.expiration_time());
    out.cancel_reason = i.canceled_reason();
    if (i.has_last_failure())
        out.last_failure = i.last_failure();
    if (r.has_input())
        out.input = std::move(*r.mutable_input());
    if (r.has_outcome())
        out.outcome = std::move(*r.mutable_outcome());
    out.info = std::move(i);
    return out;
}

}  // namespace detail

}  // namespace mayfly::temporal
