// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/deployment_book.hpp>
#include <mayfly/temporal/embedded/queue_routing.hpp>
#include <mayfly/temporal/embedded/workflow_run.hpp>

#include <optional>

// Which version's workers a run's tasks go to.

namespace mayfly::temporal::embedded {

/// How the run is served now: as its last worker or an order said, but while it goes over it keeps to nothing.
[[nodiscard]] inline api::enums::VersioningBehavior effective_behavior(const run_versioning& v)
{
    if (v.transition)
        return api::enums::VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    if (v.ordered && (v.ordered->has_pinned() || v.ordered->has_one_time()))
        return api::enums::VERSIONING_BEHAVIOR_PINNED;
    if (v.ordered && v.ordered->has_auto_upgrade())
        return api::enums::VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    return v.behavior;
}

/// The version that an order names.
[[nodiscard]] inline std::optional<deployment_version> ordered_version(const api::workflow::VersioningOverride& o)
{
    if (o.has_pinned() && o.pinned().has_version())
        return version_of(o.pinned().version());
    if (o.has_one_time())
        return version_of(o.one_time().target_deployment_version());
    return std::nullopt;
}

/// The version that the run is on, or on its way to; none: workers without one.
[[nodiscard]] inline std::optional<deployment_version> effective_version(const run_versioning& v)
{
    if (v.transition)
        return *v.transition;
    if (v.ordered)
        if (auto version = ordered_version(*v.ordered))
            return version;
    return v.version;
}

/// The version that the run keeps to; none: it goes wherever the routing says.
[[nodiscard]] inline std::optional<deployment_version> pinned_version(const run_versioning& v)
{
    return effective_behavior(v) == api::enums::VERSIONING_BEHAVIOR_PINNED ? effective_version(v) : std::nullopt;
}

/// Where the run's next workflow task belongs.
[[nodiscard]] inline std::optional<deployment_version> task_target(const workflow_run& r, const queue_routing& routing)
{
    if (auto pinned = pinned_version(r.versioning))
        return pinned;
    if (r.versioning.begins_ramping && r.last_completed_start == 0 && routing.ramps && routing.ramping)
        return routing.ramping;
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

/// Whether a worker is told that new runs of its kind go to another version than the one that this run keeps to.
[[nodiscard]] inline bool pinned_elsewhere(const workflow_run& r, const queue_routing& routing)
{
    const auto pinned = pinned_version(r.versioning);
    if (!pinned || r.versioning.ordered)
        return false;
    const std::optional<deployment_version>& target = routing.target(r.workflow_id);
    return target != pinned && (!target || target != r.versioning.declined);
}

/// What a run begins with, by its first event.
[[nodiscard]] inline run_versioning versioning_of(const api::history::WorkflowExecutionStartedEventAttributes& begun)
{
    run_versioning out;
    if (begun.has_versioning_override())
        out.ordered = begun.versioning_override();
    if (begun.has_inherited_pinned_version()) {
        out.behavior = api::enums::VERSIONING_BEHAVIOR_PINNED;
        out.version = version_of(begun.inherited_pinned_version());
    } else if (begun.has_inherited_auto_upgrade_info()) {
        const auto& from = begun.inherited_auto_upgrade_info();
        out.behavior = api::enums::VERSIONING_BEHAVIOR_AUTO_UPGRADE;
        out.version = version_of(from.source_deployment_version());
        out.begins_ramping = from.continue_as_new_initial_versioning_behavior() ==
                             api::enums::CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION;
    }
    return out;
}

/// A worker of `version` begins a task of the run: it goes over, if it was on another one.
inline void note_task_start(run_versioning& v, const std::optional<deployment_version>& version)
{
    if (effective_behavior(v) != api::enums::VERSIONING_BEHAVIOR_PINNED && version != effective_version(v))
        v.transition = version;
}

/// A worker has completed a task, and said this of versions. True if the run's activities may belong elsewhere now.
inline bool note_task_end(run_versioning& v, const api::history::WorkflowTaskCompletedEventAttributes& said)
{
    const auto version =
        said.has_deployment_version() ? std::optional(version_of(said.deployment_version())) : std::nullopt;
    // One that had begun before the run went over changes nothing of where it goes.
    const bool arrived = v.transition && *v.transition == version;
    if (arrived)
        v.transition.reset();
    const auto before = effective_version(v);
    const auto behavior_before = effective_behavior(v);
    v.behavior = said.versioning_behavior();
    v.version = v.behavior == api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED ? std::nullopt : version;
    if (!said.worker_deployment_name().empty())
        v.deployment_name = said.worker_deployment_name();
    if (v.ordered && v.ordered->has_one_time() && version && version == ordered_version(*v.ordered))
        v.ordered.reset();
    return arrived || before != effective_version(v) || behavior_before != effective_behavior(v);
}

/// Somebody says which version serves the run, or no longer says so. True if its tasks may belong elsewhere now: while
/// it goes over they do not, and what was said holds from when it is there.
inline bool note_order(run_versioning& v, const api::workflow::VersioningOverride* order)
{
    const auto before = effective_version(v);
    const auto behavior_before = effective_behavior(v);
    v.ordered.reset();
    if (order != nullptr)
        v.ordered = *order;
    return before != effective_version(v) || behavior_before != effective_behavior(v);
}

/// Why nobody can be told to serve a run so; OK if it makes sense. Whether that version polls is another question.
[[nodiscard]] inline grpc::status check_order(const api::workflow::VersioningOverride& o)
{
    using override_type = api::workflow::VersioningOverride;
    const auto complete = [](const auto& v) { return !v.deployment_name().empty() && !v.build_id().empty(); };
    if (o.has_auto_upgrade())
        return o.auto_upgrade() ? grpc::status{} : bad_request("auto-upgrade override must be true");
    if (o.has_pinned() && !complete(o.pinned().version()))
        return bad_request("must provide version if override is pinned.");
    if (o.has_pinned() && o.pinned().behavior() == override_type::PINNED_OVERRIDE_BEHAVIOR_UNSPECIFIED)
        return bad_request("must specify pinned override behavior if override is pinned.");
    if (o.has_one_time() && !complete(o.one_time().target_deployment_version()))
        return bad_request("must provide target deployment version if override is one-time.");
    if (!o.has_pinned() && !o.has_one_time())
        return bad_request("override behavior is required: give pinned, auto_upgrade or one_time");
    return {};
}

[[nodiscard]] inline api::deployment::WorkerDeploymentVersion version_message(const deployment_version& v)
{
    api::deployment::WorkerDeploymentVersion out;
    out.set_deployment_name(v.deployment);
    out.set_build_id(v.build_id);
    return out;
}

}  // namespace mayfly::temporal::embedded
