// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/times.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mayfly::temporal {

/// Why an activity is cancelled. A later one of these weighs more.
enum class cancel_reason : std::uint8_t {
    none,             ///< It is not.
    worker_shutdown,  ///< The worker leaves; another one makes the next attempt.
    paused,           ///< Somebody paused it. The next attempt is made when it goes on.
    reset,            ///< Somebody reset it: its attempts are counted anew.
    cancelled,        ///< Somebody wants it to end.
    timeout,          ///< Its time is over. What it returns is not reported any more.
    not_found,        ///< The server does not know this attempt any more. What it returns is not reported.
};

[[nodiscard]] constexpr std::string_view to_string(cancel_reason r) noexcept
{
    switch (r) {
    case cancel_reason::none: return "none";
    case cancel_reason::worker_shutdown: return "worker_shutdown";
    case cancel_reason::paused: return "paused";
    case cancel_reason::reset: return "reset";
    case cancel_reason::cancelled: return "cancelled";
    case cancel_reason::timeout: return "timeout";
    case cancel_reason::not_found: return "not_found";
    }
    return "unknown";
}

/// One attempt of an activity. Times are the server's; a duration of zero was not set.
struct activity_info {
    std::string_view type{};
    std::string_view id{};
    std::string_view run_id{};  ///< Of a standalone activity.
    std::string_view name_space{};
    std::string_view task_queue{};
    std::string_view workflow_id{};  ///< Empty for a standalone activity, as the next two.
    std::string_view workflow_run_id{};
    std::string_view workflow_type{};
    std::string_view task_token{};  ///< Bytes by which somebody else can complete it.
    std::int32_t attempt = 1;

    std::chrono::system_clock::time_point scheduled{};          ///< The first attempt.
    std::chrono::system_clock::time_point attempt_scheduled{};  ///< This one.
    std::chrono::system_clock::time_point started{};
    std::optional<std::chrono::system_clock::time_point> deadline{};  ///< When this attempt has to be done.
    std::chrono::nanoseconds start_to_close{};
    std::chrono::nanoseconds schedule_to_close{};
    std::chrono::nanoseconds heartbeat_timeout{};

    [[nodiscard]] bool standalone() const noexcept { return workflow_id.empty(); }
};

namespace detail {

/// Timeouts may be as long as one likes.
[[nodiscard]] inline std::chrono::system_clock::time_point saturated_sum(
    std::chrono::system_clock::time_point from, std::chrono::nanoseconds wait) noexcept
{
    using point = std::chrono::system_clock::time_point;
    const auto by = std::chrono::duration_cast<point::duration>(wait);
    return by > point::max() - std::max(from, point{}) ? point::max() : from + by;
}

}  // namespace detail

/// Both arguments outlive the result.
[[nodiscard]] inline activity_info info_of(
    const api::PollActivityTaskQueueResponse& task, std::string_view task_queue) noexcept
{
    activity_info info{
        .type = task.activity_type().name(),
        .id = task.activity_id(),
        .run_id = task.activity_run_id(),
        .name_space = task.workflow_namespace(),
        .task_queue = task_queue,
        .workflow_id = task.workflow_execution().workflow_id(),
        .workflow_run_id = task.workflow_execution().run_id(),
        .workflow_type = task.workflow_type().name(),
        .task_token = task.task_token(),
        .attempt = task.attempt(),
        .scheduled = from_wire(task.scheduled_time()),
        .attempt_scheduled = from_wire(task.current_attempt_scheduled_time()),
        .started = from_wire(task.started_time()),
        .start_to_close = from_wire(task.start_to_close_timeout()),
        .schedule_to_close = from_wire(task.schedule_to_close_timeout()),
        .heartbeat_timeout = from_wire(task.heartbeat_timeout()),
    };
    if (task.has_started_time() && info.start_to_close.count() > 0)
        info.deadline = detail::saturated_sum(info.started, info.start_to_close);
    if (task.has_scheduled_time() && info.schedule_to_close.count() > 0) {
        const auto last = detail::saturated_sum(info.scheduled, info.schedule_to_close);
        info.deadline = std::min(info.deadline.value_or(last), last);
    }
    return info;
}

}  // namespace mayfly::temporal
