// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/leaving.hpp>
#include <mayfly/ledger_entries.hpp>
#include <mayfly/signal.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

// What a controller is given to drive.

namespace mayfly {

/// Names one version in a controller. Stays invalid once the version was removed, whatever takes its place.
struct version_handle {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  ///< Zero for none.
    friend bool operator==(const version_handle&, const version_handle&) = default;
};

/// How a scaling group is run. Share one object among all groups that are run alike: it is what keeps them small.
template <class S>
struct group_policy {
    S scaler{};
    scaling_limits limits{};
    ledger_settings workers{};
    leave_rules orders{};   ///< For workers whose decision gives none.
    bool bootstrap = true;  ///< Start one worker at once, so that the version gets bound to its queues.
    /// Calls for one decision, the first included; above zero. For scalers that do not look at `cause::launched`, such
    /// as `no_sync`: one that asks again itself would start its workers twice.
    std::uint32_t tries = 1;
    uptime retry_after = std::chrono::seconds{1};
};

template <class S>
struct group_spec {
    std::shared_ptr<const group_policy<S>> policy{};
    std::shared_ptr<const launch_target> target{};
    task_types types = task_types::all();
};

template <class S>
struct version_spec {
    std::vector<group_spec<S>> groups{};
    version_status status = version_status::current;
};

}  // namespace mayfly
