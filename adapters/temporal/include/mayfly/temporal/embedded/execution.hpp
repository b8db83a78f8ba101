// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/queued_task.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace mayfly::temporal::embedded {

struct workflow_run;

/// Where an activity is. It is in exactly one of these.
enum class place : std::uint8_t {
    delayed,  ///< Waits for its start, or for its next attempt.
    queued,   ///< In the backlog of its task queue.
    held,     ///< Met a worker while its workflow goes over to another version, and waits for that.
    started,  ///< With a worker.
    closed,   ///< Has an outcome.
};

/// One run of an activity: what was asked for, and what became of it. One that a workflow started is kept by that
/// workflow's run, and is gone with its outcome.
struct execution : queued_task {
    execution() noexcept : queued_task(task_kind::activity) {}

    // Who it is.
    std::uint64_t order = 0;  ///< Counts up with every one that is accepted.
    uptime alarm = never;     ///< Kept by `alarms`.
    std::string run_id{};
    api::StartActivityExecutionRequest request{};  ///< As accepted: what was left open is filled in.

    // The same as times; zero is none.
    uptime schedule_to_close{};
    uptime schedule_to_start{};
    uptime start_to_close{};
    uptime heartbeat_timeout{};
    uptime start_delay{};

    // Where it is.
    place where = place::delayed;
    api::enums::ActivityExecutionStatus status = api::enums::ACTIVITY_EXECUTION_STATUS_RUNNING;
    std::int32_t attempt = 1;
    std::uint64_t stamp = 0;  ///< Of the attempt that a worker has.
    bool restored = false;    ///< Its worker got it before the service was started again.
    bool written = false;     ///< Its request is in the state file.
    moment scheduled{};
    moment dispatch{};  ///< When this attempt was, or will be, added to the queue.
    std::optional<moment> started{};
    std::optional<moment> attempt_ended{};
    std::optional<moment> closed{};
    std::optional<uptime> retry_interval{};

    // Of a workflow.
    workflow_run* owner = nullptr;                           ///< Null: no workflow started it.
    std::int64_t scheduled_event = 0;                        ///< In the history of the owner; so is the next.
    std::int64_t cancel_event = 0;                           ///< Zero: the owner did not ask to cancel it.
    std::string request_id{};                                ///< Of the poll that took this attempt.
    std::optional<api::failure::Failure> earlier_failure{};  ///< The last one before this attempt.

    // What a worker said.
    std::string worker_identity{};
    std::optional<deployment_version> worker_version{};
    std::string sdk_name{};
    std::string sdk_version{};
    std::optional<moment> heartbeat{};
    api::common::Payloads heartbeat_details{};
    bool has_heartbeat_details = false;
    std::int64_t heartbeats = 0;
    std::optional<api::failure::Failure> last_failure{};

    // What others said.
    bool cancel_requested = false;
    std::string cancel_identity{};
    std::string cancel_request{};
    std::string cancel_reason{};
    std::string terminate_request{};

    // How it ended.
    std::optional<api::activity::ActivityExecutionOutcome> outcome{};

    std::uint64_t changes = 0;   ///< Counts what a long poll for changes waits for.
    std::size_t bytes = 0;       ///< As they were counted last.
    std::set<ticket> waiting{};  ///< Calls that wait for a change or for the outcome.

    [[nodiscard]] const std::string& name_space() const noexcept { return request.namespace_(); }
    [[nodiscard]] const std::string& id() const noexcept { return request.activity_id(); }
    /// After the request was set.
    void read_times() noexcept
    {
        schedule_to_close = read(request.schedule_to_close_timeout());
        schedule_to_start = read(request.schedule_to_start_timeout());
        start_to_close = read(request.start_to_close_timeout());
        heartbeat_timeout = read(request.heartbeat_timeout());
        start_delay = read(request.start_delay());
        priority = request.priority().priority_key();
    }

    [[nodiscard]] bool open() const noexcept { return where != place::closed; }

    [[nodiscard]] uptime close_deadline() const noexcept
    {
        return schedule_to_close == uptime::zero() ? never : later(later(scheduled.at, start_delay), schedule_to_close);
    }

    /// The soonest moment at which time alone changes something.
    [[nodiscard]] uptime next_event() const noexcept
    {
        uptime soonest = close_deadline();
        const auto within = [&soonest](uptime from, uptime limit) {
            if (limit != uptime::zero())
                soonest = std::min(soonest, later(from, limit));
        };
        switch (where) {
        case place::delayed: soonest = std::min(soonest, dispatch.at); break;
        case place::queued:
        case place::held: within(dispatch.at, schedule_to_start); break;
        case place::started:
            within(started->at, start_to_close);
            within(last_sign_of_life(), heartbeat_timeout);
            break;
        case place::closed: return never;
        }
        return soonest;
    }

    /// The worker's last heartbeat in this attempt, or the attempt's begin.
    [[nodiscard]] uptime last_sign_of_life() const noexcept
    {
        return heartbeat ? std::max(heartbeat->at, started->at) : started->at;
    }

    /// How long to wait after this attempt by the retry policy alone.
    [[nodiscard]] uptime backoff() const
    {
        const auto& policy = request.retry_policy();
        const double first = static_cast<double>(read(policy.initial_interval()).count());
        const double most = static_cast<double>(read(policy.maximum_interval()).count());
        const double wait = first * std::pow(policy.backoff_coefficient(), attempt - 1);
        if (most > 0 && !(wait <= most))
            return read(policy.maximum_interval());
        return wait < 9e15 ? uptime(static_cast<uptime::rep>(wait)) : uptime(std::chrono::hours(24 * 365));
    }

    [[nodiscard]] bool never_retried(std::string_view failure_type) const
    {
        const auto& types = request.retry_policy().non_retryable_error_types();
        return std::find(types.begin(), types.end(), failure_type) != types.end();
    }

    /// Bytes that it holds, about.
    [[nodiscard]] std::size_t size() const
    {
        return 512 + request.ByteSizeLong() + cancel_reason.size() + heartbeat_details.ByteSizeLong() +
               (last_failure ? last_failure->ByteSizeLong() : 0) + (outcome ? outcome->ByteSizeLong() : 0);
    }
};

}  // namespace mayfly::temporal::embedded
