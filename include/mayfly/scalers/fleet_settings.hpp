// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_registry.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/settings.hpp>

#include <limits>

namespace mayfly {

/// The keys of `fleet`: its fields, durations in milliseconds with `_ms` behind.
inline void read_settings(settings_reader& from, fleet& s)
{
    from.milliseconds("gather_ms", s.gather, 0);
    from.milliseconds("drain_within_ms", s.drain_within, 0);
    from.number("hedge", s.hedge, {.to = 1});
    from.number("spare", s.spare, {.to = 100});
    from.milliseconds("read_waiting_ms", s.read_waiting, 1);
    from.milliseconds("read_undecided_ms", s.read_undecided, 1);
    from.milliseconds("read_alive_ms", s.read_alive, 1);
    from.milliseconds("read_idle_ms", s.read_idle, 1);
    from.milliseconds("read_soonest_ms", s.read_soonest, 0);
    from.milliseconds("idle_exit_ms", s.idle_exit, 0);
    from.milliseconds("steady_exit_ms", s.steady_exit, 0);
    from.number("thin_spare", s.thin_spare, {.to = 100});
    from.milliseconds("activity_timeout_ms", s.activity_timeout, 0);
    from.milliseconds("limited_hold_ms", s.limited_hold, 0);
    from.milliseconds("ceiling_hold_ms", s.ceiling_hold, 0);
    from.whole("ceiling_after", s.ceiling_after, 1, std::numeric_limits<std::uint32_t>::max());
    from.milliseconds("longest_backoff_ms", s.longest_backoff, 1);
    from.milliseconds("permanent_backoff_ms", s.permanent_backoff, 1);

    from.require(s.idle_exit == uptime::zero() || s.steady_exit >= s.idle_exit, {"steady_exit_ms", "idle_exit_ms"},
        "give at least idle_exit_ms: a worker under a steady load has more reason to stay");
}

/// What a registry needs to know of `fleet`.
inline constexpr scaler_kind fleet_kind{
    .type = "fleet", .strategy = strategy_of<fleet>(), .check = &check_settings<fleet>};

}  // namespace mayfly
