// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/batching.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/testing/random.hpp>
#include <mayfly/testing/run_metrics.hpp>
#include <mayfly/testing/simulate.hpp>
#include <mayfly/testing/workload.hpp>

#include <chrono>
#include <cstdint>

namespace mayfly::testing {

/// What other scalers are compared with.
enum class no_sync_baseline : std::uint8_t {
    defaults,  ///< As a Temporal server and its controller come.
    tuned,     ///< No cool-off, batches of 50 ms, looks every 30 s, and workers that leave after 5 s of idling.
};

/// The published baseline on one workload: `no_sync`, its server's batching of signals, and neither maximum nor timer.
/// Without `events` no add is reported to it, and only its looks remain.
[[nodiscard]] inline run_metrics simulate_baseline(const workload& w, no_sync_baseline which, bool events = true)
{
    using namespace std::chrono_literals;
    const bool tuned = which == no_sync_baseline::tuned;

    no_sync scaler;
    simulation how{.events = events, .batching = batch_rules::reference(), .tries = 2, .use_maximum = false};
    how.batching->limited_is_missed = true;  // its server counts them as misses
    if (tuned) {
        scaler.scale_up_cooloff = 0s;
        scaler.metrics_poll_interval = 30s;
        how.batching->missed_window = 50ms;
        how.orders.idle_exit = 5s;
    }
    // A controller starts at any moment of its interval.
    random_stream policy{w.seed, streams::policy};
    scaler.first_metrics_poll = micros(policy.uniform() * in_seconds(scaler.metrics_poll_interval));
    return simulate(w, scaler, how);
}

}  // namespace mayfly::testing
