// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/leaving.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mayfly {

/// Why an invocation ended.
enum class invocation_end : std::uint8_t {
    running,           ///< It has not.
    deadline,          ///< Its time was used up: the normal end.
    activity_timeout,  ///< A task that starts now could not finish.
    idle,              ///< Nothing was left to do.
    thinned,           ///< The fleet was larger than its load.
    cancelled,         ///< Somebody stopped it while it polled.
    // From here on: failures.
    deadline_too_near,  ///< Too little time to begin with; nothing was done.
    stopped,            ///< Cancelled before it could poll.
    connect_failed,     ///< The queue could not be reached.
    start_failed,       ///< The queue did not let the worker in.
    worker_failed,      ///< The worker broke down while polling.
};

[[nodiscard]] constexpr std::string_view to_string(invocation_end e) noexcept
{
    switch (e) {
    case invocation_end::running: return "running";
    case invocation_end::deadline: return "deadline";
    case invocation_end::activity_timeout: return "activity_timeout";
    case invocation_end::idle: return "idle";
    case invocation_end::thinned: return "thinned";
    case invocation_end::cancelled: return "cancelled";
    case invocation_end::deadline_too_near: return "deadline_too_near";
    case invocation_end::stopped: return "stopped";
    case invocation_end::connect_failed: return "connect_failed";
    case invocation_end::start_failed: return "start_failed";
    case invocation_end::worker_failed: return "worker_failed";
    }
    return "unknown";
}

[[nodiscard]] constexpr bool failed(invocation_end e) noexcept
{
    return e >= invocation_end::deadline_too_near;
}

[[nodiscard]] constexpr invocation_end end_for(leave_reason r) noexcept
{
    switch (r) {
    case leave_reason::none: return invocation_end::running;
    case leave_reason::deadline: return invocation_end::deadline;
    case leave_reason::activity_timeout: return invocation_end::activity_timeout;
    case leave_reason::idle: return invocation_end::idle;
    case leave_reason::thinned: return invocation_end::thinned;
    }
    return invocation_end::deadline;
}

/// What a worker is doing, and has done since it started.
struct worker_activity {
    std::array<std::uint64_t, all_task_types.size()> received{};  ///< Tasks taken from the queue, by `task_type`.
    std::uint64_t completed = 0;                                  ///< Tasks whose result was reported.
    std::uint32_t busy = 0;                                       ///< Tasks running now, local activities included.
    bool waiting = true;  ///< Every poller waits at the queue: none is on its way with a task, or trying to reconnect.
    double load = 0;      ///< Share of slots in use, in [0, 1], of the task type that has the fewest left.

    [[nodiscard]] constexpr std::uint64_t received_in_all() const noexcept
    {
        std::uint64_t sum = 0;
        for (const std::uint64_t n : received)
            sum += n;
        return sum;
    }
    friend bool operator==(const worker_activity&, const worker_activity&) = default;
};

/// How an invocation went.
struct invocation_report {
    invocation_end end = invocation_end::running;
    std::string identity{};               ///< As which the worker polled.
    std::string error{};                  ///< What failed, in words; empty if nothing did.
    std::vector<std::string> warnings{};  ///< What went wrong without changing the result.
    worker_activity work{};               ///< As of the moment the worker was stopped.
    uptime connect{};                     ///< Time spent connecting and starting.
    uptime poll{};                        ///< Polling.
    uptime idle{};                        ///< Of `poll`: with no task running.
    uptime drain{};                       ///< Waiting for running tasks.
    uptime hooks{};                       ///< In the shutdown hooks.
    uptime close{};                       ///< Closing the client.
    std::size_t hooks_run = 0;            ///< Hooks begun.
    std::size_t hooks_failed = 0;         ///< Of these: failed, threw, or were not done in time.

    friend bool operator==(const invocation_report&, const invocation_report&) = default;
};

/// The report as one JSON object in one line. Times are in seconds.
[[nodiscard]] inline std::string to_json(const invocation_report& r)
{
    const auto seconds = [](uptime t) { return std::chrono::duration<double>(t).count(); };
    std::string out;
    detail::json_writer w(out);
    w.begin_object().member("end", to_string(r.end)).member("ok", !failed(r.end)).member("identity", r.identity);
    if (!r.error.empty())
        w.member("error", r.error);
    w.key("tasks").begin_object();
    for (const task_type t : all_task_types)
        w.member(to_string(t), r.work.received[static_cast<std::size_t>(t)]);
    w.member("completed", r.work.completed).member("unfinished", r.work.busy).end_object();
    w.key("seconds")
        .begin_object()
        .member("connect", seconds(r.connect))
        .member("poll", seconds(r.poll))
        .member("idle", seconds(r.idle))
        .member("drain", seconds(r.drain))
        .member("hooks", seconds(r.hooks))
        .member("close", seconds(r.close))
        .end_object();
    w.key("hooks").begin_object().member("run", r.hooks_run).member("failed", r.hooks_failed).end_object();
    w.key("warnings").begin_array();
    for (const std::string& text : r.warnings)
        w.value(text);
    w.end_array().end_object();
    return out;
}

}  // namespace mayfly
