// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/deployment_book.hpp>
#include <mayfly/temporal/embedded/queue_routing.hpp>
#include <mayfly/temporal/embedded/workflow_run.hpp>

#include <optional>

// Which version's workers a run's tasks go to.

namespace mayfly::temporal::embedded {

/// The version that the run keeps to; none: it goes wherever the routing says.
[[nodiscard]] inline std::optional<deployment_version> pinned_version(const run_versioning& v)
{
    if (v.ordered && v.ordered->has_pinned())
        return version_of(v.ordered->pinned().version());
    if (v.ordered && v.ordered->has_one_time())
        return version_of(v.ordered->one_time().target_deployment_version());
    if (v.ordered && v.ordered->has_auto_upgrade())
        return std::nullopt;
    if (v.behavior == api::enums::VERSIONING_BEHAVIOR_PINNED)
        return v.version;
    if (v.behavior == api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED && !v.version)
        return v.inherited;
    return std::nullopt;
}

[[nodiscard]] inline api::enums::VersioningBehavior effective_behavior(const run_versioning& v)
{
    if (v.ordered && v.ordered->has_pinned())
        return api::enums::VERSIONING_BEHAVIOR_PINNED;
    if (v.ordered && v.ordered->has_auto_upgrade())
        return api::enums::VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    if (v.inherited && !v.version && v.behavior == api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED)
        return api::enums::VERSIONING_BEHAVIOR_PINNED;
    return v.behavior;
}

/// Where the run's next workflow task belongs.
[[nodiscard]] inline std::optional<deployment_version> task_target(const workflow_run& r, const queue_routing& routing)
{
    if (auto pinned = pinned_version(r.versioning))
        return pinned;
    return routing.target(r.workflow_id);
}

/// Where an activity of the run belongs; `served` says whether the run's version polls the activity's queue.
[[nodiscard]] inline std::optional<deployment_version> activity_target(
    const workflow_run& r, const queue_routing& routing, bool served)
{
    if (auto pinned = pinned_version(r.versioning); pinned && served)
        return pinned;
    return routing.target(r.workflow_id);
}

/// A worker of `version` begins a task of the run: which changes what the run is on its way to.
inline void note_task_start(run_versioning& v, const std::optional<deployment_version>& version)
{
    if (effective_behavior(v) != api::enums::VERSIONING_BEHAVIOR_AUTO_UPGRADE)
        return;
    if (version != v.version)
        v.transition = version;
    else
        v.transition.reset();
}

/// A worker has completed a task, with what it said of versions.
inline void note_task_end(run_versioning& v, const api::deployment::WorkerDeploymentOptions& options,
    api::enums::VersioningBehavior behavior, const std::optional<deployment_version>& version)
{
    v.transition.reset();
    v.version = behavior == api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED ? std::nullopt : version;
    v.behavior = behavior;
    if (!options.deployment_name().empty())
        v.deployment_name = options.deployment_name();
    if (v.ordered && v.ordered->has_one_time() && version &&
        *version == version_of(v.ordered->one_time().target_deployment_version()))
        v.ordered.reset();
}

[[nodiscard]] inline api::deployment::WorkerDeploymentVersion version_message(const deployment_version& v)
{
    api::deployment::WorkerDeploymentVersion out;
    out.set_deployment_name(v.deployment);
    out.set_build_id(v.build_id);
    return out;
}

}  // namespace mayfly::temporal::embedded
