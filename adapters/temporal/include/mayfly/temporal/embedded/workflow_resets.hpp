// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/workflow_calls.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::temporal::embedded {

/// Resets: a run begins anew from where an earlier one stood after one of its tasks had begun.
class workflow_resets : public workflow_calls {
public:
    [[nodiscard]] answered<api::ResetWorkflowExecutionResponse> reset_workflow(
        const api::ResetWorkflowExecutionRequest& q, const caller& who)
    {
        const auto found = any_run(q.namespace_(), q.workflow_execution());
        if (!found)
            return found.error();
        workflow_run& base = **found;
        workflow_run* const last = runs_.find(base.name_space, base.workflow_id, "");
        if (!q.request_id().empty() && last->request_id == q.request_id()) {
            api::ResetWorkflowExecutionResponse out;
            out.set_run_id(last->run_id);
            return out;
        }
        const std::int64_t finish = q.workflow_task_finish_event_id();
        if (finish <= 1 || finish >= base.history.next_id())
            return bad_request("Workflow task finish ID must be > 1 && <= workflow last event ID.");
        const auto type = base.history.at(finish - 1).event_type();
        if (type != api::enums::EVENT_TYPE_WORKFLOW_TASK_STARTED &&
            type != api::enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED)
            return bad_request(
                "Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: " +
                std::to_string(finish));
        if (runs_.open() >= limits_.open_workflows)
            return exhausted(
                "The service keeps at most " + std::to_string(limits_.open_workflows) + " open workflows.");
        base.reset_run_id = ids_.uuid();
        if (last->open())
            terminate_run(*last, q.reason(), nullptr, resetter, who.now);
        workflow_run& r = begin_again(base, q, finish - 1, who.now);
        reapply(r, base, finish, q, who.now);
        r.task.attempt = 1;
        for (const auto& [event, e] : r.activities)
            enqueue(*e, who.now);
        happened(r, who.now);
        follow_up_all(who.now);
        api::ResetWorkflowExecutionResponse out;
        out.set_run_id(r.run_id);
        return out;
    }

protected:
    using workflow_calls::workflow_calls;
    ~workflow_resets() = default;

private:
    /// A run with this beginning, whose last task has failed for being reset.
    workflow_run& begin_again(
        const workflow_run& base, const api::ResetWorkflowExecutionRequest& q, std::int64_t last, const moment& now)
    {
        auto fresh = std::make_unique<workflow_run>();
        workflow_run& r = *fresh;
        r.name_space = base.name_space;
        r.workflow_id = base.workflow_id;
        r.run_id = base.reset_run_id;
        r.request_id = q.request_id().empty() ? ids_.uuid() : q.request_id();
        r.first_run_id = base.first_run_id;
        r.began = now;
        r.expires = base.expires;
        r.task_queue = base.begun().task_queue().name();
        r.task_timeout = base.task_timeout;
        r.memo = base.begun().memo();
        r.search_attributes = base.begun().search_attributes();
        r.versioning = versioning_of(base.begun());
        r.versioning.declined = base.versioning.declined;
        r.task.priority = base.task.priority;
        r.history.copy(base.history, last);
        runs_.insert(std::move(fresh));
        for (const auto& e : r.history.events())
            remember(r, e, now);
        workflow_task& t = r.task;
        t.timeout = r.task_timeout;
        if (r.history.last().event_type() == api::enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED) {
            t.scheduled_event = last;
            t.request_id = "emptyUuid";
            t.history_bytes = static_cast<std::int64_t>(r.history.bytes());
            t.started_event = write_started(r, history_service, now);
        } else {
            t.scheduled_event = r.history.last().workflow_task_started_event_attributes().scheduled_event_id();
            t.started_event = last;
        }
        auto& a = *r.history.write(api::enums::EVENT_TYPE_WORKFLOW_TASK_FAILED, now)
                       .mutable_workflow_task_failed_event_attributes();
        a.set_scheduled_event_id(t.scheduled_event);
        a.set_started_event_id(t.started_event);
        a.set_cause(api::enums::WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW);
        a.mutable_failure()->set_message(q.reason());
        a.mutable_failure()->mutable_reset_workflow_failure_info();
        a.set_identity(history_service);
        a.set_base_run_id(base.run_id);
        a.set_new_run_id(r.run_id);
        return r;
    }

    /// What has begun by an event of the copied history, and what has ended.
    void remember(workflow_run& r, const workflow_history::event& e, const moment& now)
    {
        using namespace api::enums;
        const std::int64_t id = e.event_id();
        const std::chrono::sys_time<uptime> wall = wall_time(e.event_time());
        const moment at{now.at + (wall - now.wall), wall};
        switch (e.event_type()) {
        case EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            r.last_completed_start = e.workflow_task_completed_event_attributes().started_event_id();
            static_cast<void>(note_task_end(r.versioning, e.workflow_task_completed_event_attributes()));
            return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: {
            const auto& a = e.workflow_execution_options_updated_event_attributes();
            if (a.has_versioning_override() || a.unset_versioning_override())
                static_cast<void>(
                    note_order(r.versioning, a.has_versioning_override() ? &a.versioning_override() : nullptr));
            return;
        }
        case EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            return remember_activity(r, id, e.activity_task_scheduled_event_attributes(), at);
        case EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            return over(r, e.activity_task_completed_event_attributes().scheduled_event_id());
        case EVENT_TYPE_ACTIVITY_TASK_FAILED:
            return over(r, e.activity_task_failed_event_attributes().scheduled_event_id());
        case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
            return over(r, e.activity_task_timed_out_event_attributes().scheduled_event_id());
        case EVENT_TYPE_ACTIVITY_TASK_CANCELED:
            return over(r, e.activity_task_canceled_event_attributes().scheduled_event_id());
        case EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
            if (const auto a =
                    r.activities.find(e.activity_task_cancel_requested_event_attributes().scheduled_event_id());
                a != r.activities.end()) {
                a->second->cancel_requested = true;
                a->second->cancel_event = id;
            }
            return;
        case EVENT_TYPE_TIMER_STARTED: {
            const auto& a = e.timer_started_event_attributes();
            const pending_timer t{a.timer_id(), id, after(at, read(a.start_to_fire_timeout()))};
            r.firing.emplace(t.fires.at, id, t.id);
            r.timers[t.id] = t;
            return;
        }
        case EVENT_TYPE_TIMER_FIRED: return timer_over(r, e.timer_fired_event_attributes().timer_id());
        case EVENT_TYPE_TIMER_CANCELED: return timer_over(r, e.timer_canceled_event_attributes().timer_id());
        case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            r.children[id].asked = e.start_child_workflow_execution_initiated_event_attributes();
            return;
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: {
            const auto& a = e.child_workflow_execution_started_event_attributes();
            r.children[a.initiated_event_id()].run_id = a.workflow_execution().run_id();
            return;
        }
        case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
            r.children.erase(e.start_child_workflow_execution_failed_event_attributes().initiated_event_id());
            return;
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
            r.children.erase(e.child_workflow_execution_completed_event_attributes().initiated_event_id());
            return;
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
            r.children.erase(e.child_workflow_execution_failed_event_attributes().initiated_event_id());
            return;
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
            r.children.erase(e.child_workflow_execution_canceled_event_attributes().initiated_event_id());
            return;
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
            r.children.erase(e.child_workflow_execution_timed_out_event_attributes().initiated_event_id());
            return;
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
            r.children.erase(e.child_workflow_execution_terminated_event_attributes().initiated_event_id());
            return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED: r.cancel_requested = true; return;
        case EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            return merge(*r.search_attributes.mutable_indexed_fields(),
                e.upsert_workflow_search_attributes_event_attributes().search_attributes().indexed_fields());
        case EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
            return merge(
                *r.memo.mutable_fields(), e.workflow_properties_modified_event_attributes().upserted_memo().fields());
        case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: {
            const auto& a = e.workflow_execution_update_accepted_event_attributes();
            workflow_update& u = r.updates[a.protocol_instance_id()];
            u.request = a.accepted_request();
            u.accepted_event = id;
            u.where = workflow_update::state::accepted;
            r.update_order.push_back(a.protocol_instance_id());
            return;
        }
        case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: {
            const auto& a = e.workflow_execution_update_completed_event_attributes();
            workflow_update& u = r.updates[a.meta().update_id()];
            u.outcome = a.outcome();
            u.where = workflow_update::state::completed;
            return;
        }
        default: return;
        }
    }

    void remember_activity(
        workflow_run& r, std::int64_t id, const api::history::ActivityTaskScheduledEventAttributes& a, const moment& at)
    {
        auto fresh = std::make_unique<execution>();
        execution& e = *fresh;
        api::StartActivityExecutionRequest& q = e.request;
        q.set_namespace_(r.name_space);
        q.set_activity_id(a.activity_id());
        *q.mutable_activity_type() = a.activity_type();
        *q.mutable_task_queue() = a.task_queue();
        *q.mutable_schedule_to_close_timeout() = a.schedule_to_close_timeout();
        *q.mutable_schedule_to_start_timeout() = a.schedule_to_start_timeout();
        *q.mutable_start_to_close_timeout() = a.start_to_close_timeout();
        *q.mutable_heartbeat_timeout() = a.heartbeat_timeout();
        *q.mutable_retry_policy() = a.retry_policy();
        if (a.has_header())
            *q.mutable_header() = a.header();
        if (a.has_input())
            *q.mutable_input() = a.input();
        if (a.has_priority())
            *q.mutable_priority() = a.priority();
        e.run_id = ids_.uuid();
        e.read_times();
        e.scheduled = at;
        e.dispatch = at;
        e.owner = &r;
        e.scheduled_event = id;
        r.activities[id] = &e;
        r.activity_ids[e.id()] = id;
        owned_.insert(std::move(fresh));
    }

    void over(workflow_run& r, std::int64_t scheduled)
    {
        if (const auto at = r.activities.find(scheduled); at != r.activities.end())
            forget_activity(r, *at->second);
    }

    static void timer_over(workflow_run& r, const std::string& id)
    {
        if (const auto at = r.timers.find(id); at != r.timers.end()) {
            r.firing.erase({at->second.fires.at, at->second.started_event, id});
            r.timers.erase(at);
        }
    }

    /// What others have said to the base run after that, and to the runs that followed it, is said again.
    void reapply(workflow_run& r, const workflow_run& base, std::int64_t from,
        const api::ResetWorkflowExecutionRequest& q, const moment& now)
    {
        using namespace api::enums;
        const auto& excluded = q.reset_reapply_exclude_types();
        const auto wanted = [&excluded](ResetReapplyExcludeType type) {
            return std::find(excluded.begin(), excluded.end(), static_cast<int>(type)) == excluded.end();
        };
        const bool none = q.reset_reapply_type() == RESET_REAPPLY_TYPE_NONE;
        const bool signals = !none && wanted(RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL);
        const bool updates =
            !none && q.reset_reapply_type() != RESET_REAPPLY_TYPE_SIGNAL && wanted(RESET_REAPPLY_EXCLUDE_TYPE_UPDATE);
        for (const workflow_run* run = &base; run != nullptr; run = runs_.find_run(run->next_run_id), from = 1)
            for (std::int64_t id = from; id < run->history.next_id(); ++id) {
                const auto& e = run->history.at(id);
                if (e.has_workflow_execution_signaled_event_attributes() && signals) {
                    auto& again = note(r, EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, now);
                    *again.mutable_workflow_execution_signaled_event_attributes() =
                        e.workflow_execution_signaled_event_attributes();
                } else if (e.has_workflow_execution_options_updated_event_attributes()) {
                    const auto& a = e.workflow_execution_options_updated_event_attributes();
                    write_order(r, a.has_versioning_override() ? &a.versioning_override() : nullptr, a.identity(), now);
                } else if (e.has_workflow_execution_update_accepted_event_attributes() && updates) {
                    auto& a = *note(r, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED, now)
                                   .mutable_workflow_execution_update_admitted_event_attributes();
                    *a.mutable_request() = e.workflow_execution_update_accepted_event_attributes().accepted_request();
                    a.set_origin(UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY);
                    const std::string& update = a.request().meta().update_id();
                    workflow_update& u = r.updates[update];
                    u.request = a.request();
                    u.in_event = true;
                    r.update_order.push_back(update);
                }
            }
    }
};

}  // namespace mayfly::temporal::embedded
