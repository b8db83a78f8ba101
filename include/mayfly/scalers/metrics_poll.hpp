// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <chrono>

namespace mayfly {

inline constexpr uptime shortest_metrics_poll = std::chrono::seconds{30};
inline constexpr uptime longest_metrics_poll = std::chrono::minutes{5};

/// Time to the next regular look at the statistics: what was asked for, between 30 s and 5 min; 5 min after a failure.
[[nodiscard]] constexpr uptime next_metrics_poll(uptime asked, bool failed) noexcept
{
    return failed ? longest_metrics_poll : std::clamp(asked, shortest_metrics_poll, longest_metrics_poll);
}

/// The regular looks of the reference scalers. Keeps a moment, not a delay: a stream of signals postpones nothing.
struct metrics_schedule {
    uptime next{};  ///< A cold start looks at once.

    [[nodiscard]] constexpr bool due(uptime now) const noexcept { return now >= next; }
    [[nodiscard]] constexpr uptime left(uptime now) const noexcept { return due(now) ? uptime::zero() : next - now; }
    constexpr void first(uptime now, uptime delay) noexcept { next = later(now, delay); }
    constexpr void read(uptime now, uptime asked) noexcept { next = later(now, next_metrics_poll(asked, false)); }
    constexpr void failed(uptime now) noexcept { next = later(now, next_metrics_poll({}, true)); }

    /// What is written down of it, and read.
    static void fields(auto& visit, auto& self) { visit("next", self.next); }
    friend bool operator==(const metrics_schedule&, const metrics_schedule&) = default;
};

}  // namespace mayfly
