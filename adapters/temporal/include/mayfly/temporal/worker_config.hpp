// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/activity_registry.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/log.hpp>
#include <mayfly/temporal/metrics.hpp>
#include <mayfly/temporal/workflow_offer.hpp>
#include <mayfly/worker_options.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mayfly::temporal {

/// How a worker behaves in time. The defaults are those of the other Temporal workers.
struct worker_timing {
    std::chrono::nanoseconds heartbeat_without_timeout =
        std::chrono::seconds{30};                                           ///< Between an activity's heartbeats.
    std::chrono::nanoseconds longest_heartbeat = std::chrono::seconds{60};  ///< The same, whatever its timeout.
    std::chrono::nanoseconds timeout_margin =
        std::chrono::seconds{5};  ///< After a timeout; then the attempt is given up.
    std::chrono::nanoseconds doubtful_polls = std::chrono::seconds{60};  ///< How long polls may be refused as invalid.
    /// How long a workflow may run before it waits for something. Longer is logged while it lasts, by a thread that has
    /// nothing else to do: the logger has to bear that beside what the worker itself says. The task fails once it is
    /// over. Zero: as long as it likes, and nothing is said by another thread.
    std::chrono::nanoseconds workflow_step = std::chrono::seconds{1};
    std::chrono::nanoseconds worker_heartbeat = std::chrono::seconds{60};
    std::chrono::nanoseconds leave_patience = std::chrono::seconds{2};  ///< For the answer to "this worker leaves".
    std::chrono::nanoseconds last_polls =
        std::chrono::seconds{5};  ///< For the server to end polls, where it does that.
};

/// What a worker is made of.
struct worker_config {
    /// Outlives the worker, and is not changed after it was made.
    const activity_registry* activities = nullptr;
    /// Null for none; see `mayfly/temporal/workflows.hpp`. Not changed after the worker was made.
    std::shared_ptr<const workflow_offer> workflows{};
    /// What has to do with Nexus is not used. An empty identity is the connection's.
    worker_settings settings{};
    /// With one, the worker is versioned.
    std::optional<deployment_version> version{};
    data_converter converter{};
    /// Around what it runs. Their `client` is not used.
    std::vector<interceptor> interceptors{};
    /// Called by the worker where it runs; of a workflow that hangs (`worker_timing::workflow_step`) by another thread
    /// at any moment. It is not to wait for either.
    temporal::logger logger{};
    /// For what workflows and activities measure.
    metric_sink metrics{};
    /// A limit for the whole queue, which the server keeps; the last worker to say one wins.
    std::optional<double> queue_activities_per_second{};
    worker_timing timing{};
    /// Whether activities that its workflows want of its own queue may come with the answer to the workflow task, as
    /// far as it has slots for them: they need no poll then, and save the time of one. If that answer is lost, so are
    /// they, until their timeouts; so a `connector` that is not patient, as in a function, goes without.
    bool eager_activities = true;
    /// Whether it takes the first tasks of workflows that are started over its connection with
    /// `workflow_start_options::eager`, as far as it has slots for them. If the answer to the start is lost, the task
    /// runs into its timeout and is tried again; so a `connector` that is not patient, as in a function, goes without.
    bool eager_starts = true;
    /// Whether a start that fails with what may pass is tried again, without end. Not in a function: there the time to
    /// wait in is paid for, and the platform tries again.
    bool patient_start = true;
};

}  // namespace mayfly::temporal
