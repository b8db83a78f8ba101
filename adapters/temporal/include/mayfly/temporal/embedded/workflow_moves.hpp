// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/workflow_life.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/** How runs go over from one version to another.

    A run that keeps to no version goes over when a worker of another version begins one of its tasks. Its activities
    are not begun until that worker has completed the task, as it may do without them. If one of them would be the
    first to meet the other version, the run gets a task for that.
*/
class workflow_moves : public workflow_life {
protected:
    using workflow_life::workflow_life;
    ~workflow_moves() = default;

    [[nodiscard]] bool held_back(const execution& e, const parked_poll& p) override
    {
        workflow_run& r = *e.owner;
        run_versioning& v = r.versioning;
        if (v.transition)
            return true;
        if (p.version == effective_version(v) || effective_behavior(v) == api::enums::VERSIONING_BEHAVIOR_PINNED)
            return false;
        // Of a queue that moves on its own, with other versions, an activity says nothing of where its run belongs.
        if (p.version != task_target(r, deployments_.routing_of(r.name_space, r.task_queue, task_type::workflow)))
            return false;
        v.transition = p.version;
        moving_.push_back(r.run_id);
        return true;
    }

    void move_on(const moment& now) override
    {
        for (const std::string& run : std::exchange(moving_, {})) {
            workflow_run* const r = runs_.find_run(run);
            if (r == nullptr || !r->open())
                continue;
            place_task_again(*r, now);
            happened(*r, now);
        }
    }

    /// Whoever remembers the run may be of another version: its task that waits goes to who serves it now.
    void place_task_again(workflow_run& r, const moment& now)
    {
        r.sticky_queue.clear();
        if (!r.has_task() || r.with_worker())
            return;
        if (r.task.queue != nullptr)
            r.task.queue->remove(r.task);
        enqueue_task(r, now);
    }

    /// Activities that no worker has begun go where they belong now. What they waited for until now does not count for
    /// the time in which one has to come.
    void place_activities_again(workflow_run& r, uptime waited, const moment& now)
    {
        std::vector<execution*> waiting;
        for (const auto& [event, e] : r.activities)
            if (e->where == place::queued || e->where == place::held)
                waiting.push_back(e);
        for (execution* const e : waiting) {
            e->dispatch = after(e->dispatch, waited);
            if (e->where == place::held) {
                enqueue(*e, now);
            } else if (task_queue* const q = e->queue) {
                const queue_key& key = q->key();
                q->move(*e, target_of(*e, deployments_.routing_of(key.name_space, key.name, key.type)));
                watch(*e);
                hand_out(*q, now);
            }
        }
    }

    // Orders.

    /// Why workflows of that queue cannot be ordered to be served so.
    [[nodiscard]] grpc::status refused_order(const std::string& name_space, const std::string& task_queue,
        const api::workflow::VersioningOverride& order) const
    {
        if (grpc::status bad = check_order(order); !bad.ok())
            return bad;
        const auto version = ordered_version(order);
        if (!version || deployments_.serves(name_space, task_queue, task_type::workflow, *version))
            return {};
        return precondition("Pinned version '" + to_string(*version) + "' is not present in task queue '" + task_queue +
                            "' of type 'Workflow': name one whose workers have polled it");
    }

    /// The same of one that runs, for which an order to keep to its version need not name it.
    [[nodiscard]] answered<api::workflow::VersioningOverride> completed_order(
        const workflow_run& r, api::workflow::VersioningOverride order) const
    {
        if (order.has_pinned() && !order.pinned().has_version()) {
            const auto pinned = pinned_version(r.versioning);
            if (!pinned)
                return precondition("the workflow is not pinned to any version yet: name the one to pin it to");
            *order.mutable_pinned()->mutable_version() = version_message(*pinned);
        }
        if (grpc::status bad = refused_order(r.name_space, r.task_queue, order); !bad.ok())
            return bad;
        return order;
    }

    void note_ordered(workflow_run& r, const api::workflow::VersioningOverride& order, const moment& now)
    {
        if (const auto version = ordered_version(order)) {
            r.versioning.deployment_name = version->deployment;
            deployments_.ordered(r.name_space, *version, now);
        }
    }

    // What new runs take over.

    /// Which version a run begins with that goes on for, or is a child of, `from`: if that version's workers poll the
    /// new one's queue.
    struct heritage {
        bool pin = true;            ///< It keeps to the version that `from` keeps to.
        bool single_order = false;  ///< An order for the next task alone goes with it, too.
        api::enums::ContinueAsNewVersioningBehavior begins =
            api::enums::CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_UNSPECIFIED;
    };

    [[nodiscard]] static heritage heritage_of_retry(const workflow_run& r)
    {
        heritage out{.pin = r.begun().has_inherited_pinned_version()};
        if (r.versioning.begins_ramping &&
            effective_behavior(r.versioning) == api::enums::VERSIONING_BEHAVIOR_AUTO_UPGRADE)
            out.begins = api::enums::CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION;
        return out;
    }

    void inherit(
        api::history::WorkflowExecutionStartedEventAttributes& b, const workflow_run& from, const heritage& what) const
    {
        using namespace api::enums;
        const run_versioning& v = from.versioning;
        const auto version = effective_version(v);
        if (!version ||
            (b.task_queue().name() != from.task_queue &&
                !deployments_.serves(from.name_space, b.task_queue().name(), task_type::workflow, *version)))
            return;
        const auto behavior = effective_behavior(v);
        const bool begins_anew = what.begins != CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_UNSPECIFIED;
        if (behavior == VERSIONING_BEHAVIOR_PINNED && what.pin && !begins_anew) {
            *b.mutable_inherited_pinned_version() = version_message(*version);
        } else if (behavior == VERSIONING_BEHAVIOR_AUTO_UPGRADE ||
                   (behavior == VERSIONING_BEHAVIOR_PINNED && begins_anew)) {
            auto& info = *b.mutable_inherited_auto_upgrade_info();
            *info.mutable_source_deployment_version() = version_message(*version);
            info.set_continue_as_new_initial_versioning_behavior(what.begins);
        }
        if (v.ordered && (v.ordered->has_pinned() || (what.single_order && v.ordered->has_one_time())))
            *b.mutable_versioning_override() = *v.ordered;
    }

private:
    std::vector<std::string> moving_{};  // runs of which an activity has met another version
};

}  // namespace mayfly::temporal::embedded
