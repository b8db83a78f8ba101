// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/signal.hpp>

#include <cstdint>

// Signals that more than one scaler is tested with.

namespace mayfly_test {

using mayfly::add_counts;
using mayfly::cause;
using mayfly::fleet_view;
using mayfly::scaling_limits;
using mayfly::scaling_signal;

/// Tasks of the activity type were added.
[[nodiscard]] inline scaling_signal added(
    const add_counts& counts, const fleet_view& seen = {}, const scaling_limits& limits = {})
{
    return {.why = cause::added, .added = counts, .fleet = seen, .limits = limits};
}

/// The same for tasks that found no worker.
[[nodiscard]] inline scaling_signal missed(
    std::uint32_t n = 1, const fleet_view& seen = {}, const scaling_limits& limits = {})
{
    return added({.not_matched = n}, seen, limits);
}

}  // namespace mayfly_test
