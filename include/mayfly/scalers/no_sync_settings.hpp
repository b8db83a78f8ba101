// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/settings.hpp>

#include <cstdint>
#include <limits>

namespace mayfly {

/// The keys of `no-sync`, as Temporal's configuration spells them.
inline void read_settings(settings_reader& from, no_sync& s)
{
    from.milliseconds("scale_up_cooloff_ms", s.scale_up_cooloff, 0);
    from.whole("scale_up_backlog_threshold", s.scale_up_backlog_threshold, 0, std::numeric_limits<std::int64_t>::max());
    from.milliseconds("max_worker_lifetime_ms", s.max_worker_lifetime, 0);
    from.milliseconds("metrics_poll_interval_ms", s.metrics_poll_interval, 10'000);
    from.number("scale_up_dispatch_rate_epsilon", s.scale_up_dispatch_rate_epsilon, {.to = 0.10});
    from.milliseconds("scale_up_dispatch_rate_epsilon_confirm_ms", s.scale_up_dispatch_rate_epsilon_confirm, 0);
    from.milliseconds("suppress_scale_up_ms", s.suppress_scale_up, 0);
    from.milliseconds("suppress_poll_interval_ms", s.suppress_poll_interval, 0);

    from.require(s.metrics_poll_interval >= s.scale_up_cooloff, {"metrics_poll_interval_ms", "scale_up_cooloff_ms"},
        "give at least scale_up_cooloff_ms, or no look would ever start a worker");
    if (s.scale_up_dispatch_rate_epsilon > 0) {
        from.require(s.scale_up_dispatch_rate_epsilon_confirm > s.metrics_poll_interval,
            {"scale_up_dispatch_rate_epsilon_confirm_ms", "metrics_poll_interval_ms"},
            "give more than metrics_poll_interval_ms, or the second look confirms whatever it sees");
        from.require(s.suppress_poll_interval > uptime::zero(), {"suppress_poll_interval_ms"},
            "give more than 0 while scale_up_dispatch_rate_epsilon is above 0");
        from.require(s.suppress_scale_up > s.suppress_poll_interval,
            {"suppress_scale_up_ms", "suppress_poll_interval_ms"},
            "give more than suppress_poll_interval_ms, or the suppression ends between two looks");
    }
}

}  // namespace mayfly
