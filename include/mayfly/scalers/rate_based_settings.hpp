// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/scalers/rate_based.hpp>
#include <mayfly/settings.hpp>

#include <cstdint>
#include <limits>

namespace mayfly {

/// The keys of `rate-based`, as Temporal's configuration spells them.
inline void read_settings(settings_reader& from, rate_based& s)
{
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    from.whole("min_count", s.min_count, 0, most);
    from.whole("max_count", s.max_count, 1, most);
    from.whole("initial_count", s.initial_count, 0, most);
    from.milliseconds("metrics_poll_interval_ms", s.metrics_poll_interval, 30'000);
    from.number("ewma_alpha", s.ewma_alpha, {.to = 1, .above = true});
    from.number("initial_per_consumer_capacity", s.initial_per_consumer_capacity, {.above = true});
    from.number("target_backlog_drain_rate", s.target_backlog_drain_rate, {});
    from.whole("material_backlog_threshold", s.material_backlog_threshold, 1, std::numeric_limits<std::int64_t>::max());
    from.number("utilization_target", s.utilization_target, {.to = 1, .above = true});
    from.number("halfin_whitt_beta", s.halfin_whitt_beta, {});
    from.whole("max_scale_up_step", s.max_scale_up_step, 1, most);
    from.milliseconds("scale_up_cooldown_ms", s.scale_up_cooldown, 0);
    from.milliseconds("scale_down_cooldown_ms", s.scale_down_cooldown, 0);
    from.milliseconds("no_sync_quiet_ms", s.no_sync_quiet, 0);

    from.require(s.min_count <= s.max_count, {"min_count", "max_count"}, "give at most max_count");
    from.require(s.initial_count >= s.min_count && s.initial_count <= s.max_count,
        {"initial_count", "min_count", "max_count"}, "give a count from min_count to max_count");
    from.require(s.metrics_poll_interval >= s.scale_up_cooldown, {"metrics_poll_interval_ms", "scale_up_cooldown_ms"},
        "give at least scale_up_cooldown_ms, or looks could come too soon to step up");
    from.require(s.metrics_poll_interval >= s.scale_down_cooldown,
        {"metrics_poll_interval_ms", "scale_down_cooldown_ms"},
        "give at least scale_down_cooldown_ms, or looks could come too soon to step down");
}

}  // namespace mayfly
