// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/temporal/task_queue_values.hpp>

#include <chrono>

namespace examples::detail {

/// Seen a short while ago. A poller is listed for minutes after its end.
inline bool lives(const mayfly::temporal::queue_poller& p, mayfly::wall_time now)
{
    // A poll lasts a minute at the most, and is then made again.
    constexpr std::chrono::seconds longest_poll{75};
    return p.last_access && now - std::chrono::floor<std::chrono::milliseconds>(*p.last_access) <= longest_poll;
}

}  // namespace examples::detail
