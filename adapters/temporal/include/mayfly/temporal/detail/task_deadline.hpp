// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_info.hpp>
#include <mayfly/temporal/detail/steady_sum.hpp>

#include <algorithm>
#include <chrono>

// Until when an attempt can still be reported, on the worker's own clock. Pure.

namespace mayfly::temporal::detail {

struct now_twice {
    std::chrono::steady_clock::time_point steady{};
    std::chrono::system_clock::time_point wall{};
};

/// A task that was started longer ago than this, or later than now, is told by another clock: it counts as started now.
inline constexpr std::chrono::seconds believable_delay{10};

/** When an attempt that came now has to be done; `max()` for never.

    The two clocks are only compared where that makes sense: differences are taken between times of the same clock.
*/
[[nodiscard]] inline std::chrono::steady_clock::time_point deadline_of(
    const activity_info& task, now_twice now) noexcept
{
    using namespace std::chrono;
    const nanoseconds under_way = now.wall - task.started;
    const bool believable = under_way >= nanoseconds::zero() && under_way <= believable_delay;
    const auto started = believable ? now.steady - under_way : now.steady;
    auto deadline = steady_clock::time_point::max();
    if (task.start_to_close > nanoseconds::zero())
        deadline = steady_sum(started, task.start_to_close);
    if (task.schedule_to_close > nanoseconds::zero()) {
        const bool told = task.scheduled != system_clock::time_point{};
        const nanoseconds before =
            told ? std::max<nanoseconds>(task.started - task.scheduled, nanoseconds::zero()) : nanoseconds::zero();
        deadline = std::min(deadline, steady_sum(started, task.schedule_to_close - before));
    }
    return deadline;
}

/** When an attempt is given up: its deadline has passed, or the server has not heard of it for its heartbeat timeout.

    `heard` is when the last heartbeat that was accepted went out, or the attempt came. A margin lets the server decide
    first, whose clock counts.
*/
[[nodiscard]] constexpr std::chrono::steady_clock::time_point given_up_at(
    std::chrono::steady_clock::time_point deadline, std::chrono::nanoseconds heartbeat_timeout,
    std::chrono::steady_clock::time_point heard, std::chrono::nanoseconds margin) noexcept
{
    auto at = deadline;
    if (heartbeat_timeout > std::chrono::nanoseconds::zero())
        at = std::min(at, steady_sum(heard, heartbeat_timeout));
    return steady_sum(at, margin);
}

}  // namespace mayfly::temporal::detail
