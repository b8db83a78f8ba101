// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/execution.hpp>
#include <mayfly/temporal/embedded/workflow_run.hpp>
#include <mayfly/temporal/embedded/workflow_versioning.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

// A run as answers show it.

namespace mayfly::temporal::embedded {

[[nodiscard]] inline moment execution_time(const workflow_run& r)
{
    return after(r.began, read(r.begun().first_workflow_task_backoff()));
}

[[nodiscard]] inline api::workflow::WorkflowExecutionVersioningInfo versioning_info(const run_versioning& v)
{
    api::workflow::WorkflowExecutionVersioningInfo out;
    out.set_behavior(v.behavior);
    if (v.version)
        *out.mutable_deployment_version() = version_message(*v.version);
    if (v.ordered)
        *out.mutable_versioning_override() = *v.ordered;
    if (v.transition) {
        auto& t = *out.mutable_version_transition();
        if (*v.transition)
            *t.mutable_deployment_version() = version_message(**v.transition);
    }
    return out;
}

/// As lists show it, too.
[[nodiscard]] inline api::workflow::WorkflowExecutionInfo run_info(workflow_run& r)
{
    api::workflow::WorkflowExecutionInfo out;
    const auto& b = r.begun();
    *out.mutable_execution() = r.who();
    *out.mutable_type() = b.workflow_type();
    put(*out.mutable_start_time(), r.began);
    put(*out.mutable_execution_time(), execution_time(r));
    out.set_status(r.status);
    out.set_history_length(r.history.next_id() - 1);
    out.set_history_size_bytes(static_cast<std::int64_t>(r.history.bytes()));
    out.set_state_transition_count(static_cast<std::int64_t>(r.changes));
    if (r.closed) {
        put(*out.mutable_close_time(), *r.closed);
        put(*out.mutable_execution_duration(), r.closed->at - execution_time(r).at);
    }
    if (b.has_parent_workflow_execution()) {
        *out.mutable_parent_execution() = b.parent_workflow_execution();
        out.set_parent_namespace_id(b.parent_workflow_namespace_id());
    }
    *out.mutable_root_execution() = b.has_root_workflow_execution() ? b.root_workflow_execution() : r.who();
    *out.mutable_memo() = r.memo;
    *out.mutable_search_attributes() = r.search_attributes;
    out.set_task_queue(r.task_queue);
    out.set_first_run_id(r.first_run_id);
    if (b.has_priority())
        *out.mutable_priority() = b.priority();
    const run_versioning& v = r.versioning;
    if (v.version || v.ordered || v.transition || v.behavior != api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED)
        *out.mutable_versioning_info() = versioning_info(v);
    out.set_worker_deployment_name(v.deployment_name);
    return out;
}

[[nodiscard]] inline api::workflow::PendingActivityInfo pending_info(const execution& e)
{
    api::workflow::PendingActivityInfo out;
    out.set_activity_id(e.id());
    *out.mutable_activity_type() = e.request.activity_type();
    out.set_state(e.cancel_requested          ? api::enums::PENDING_ACTIVITY_STATE_CANCEL_REQUESTED
                  : e.where == place::started ? api::enums::PENDING_ACTIVITY_STATE_STARTED
                                              : api::enums::PENDING_ACTIVITY_STATE_SCHEDULED);
    if (e.has_heartbeat_details)
        *out.mutable_heartbeat_details() = e.heartbeat_details;
    if (e.heartbeat)
        put(*out.mutable_last_heartbeat_time(), *e.heartbeat);
    if (e.started)
        put(*out.mutable_last_started_time(), *e.started);
    out.set_attempt(e.attempt);
    out.set_maximum_attempts(e.request.retry_policy().maximum_attempts());
    if (e.where != place::started)
        put(*out.mutable_scheduled_time(), e.dispatch);
    if (e.close_deadline() != never)
        put(*out.mutable_expiration_time(), after(e.scheduled, e.schedule_to_close));
    if (e.last_failure)
        *out.mutable_last_failure() = *e.last_failure;
    out.set_last_worker_identity(e.worker_identity);
    if (e.retry_interval && e.where == place::delayed) {
        put(*out.mutable_current_retry_interval(), *e.retry_interval);
        put(*out.mutable_next_attempt_schedule_time(), e.dispatch);
    }
    if (e.attempt_ended)
        put(*out.mutable_last_attempt_complete_time(), *e.attempt_ended);
    if (e.worker_version)
        *out.mutable_last_deployment_version() = version_message(*e.worker_version);
    if (e.request.has_priority())
        *out.mutable_priority() = e.request.priority();
    return out;
}

[[nodiscard]] inline api::DescribeWorkflowExecutionResponse run_described(workflow_run& r)
{
    api::DescribeWorkflowExecutionResponse out;
    const auto& b = r.begun();
    auto& config = *out.mutable_execution_config();
    config.mutable_task_queue()->set_name(r.task_queue);
    config.mutable_task_queue()->set_kind(api::enums::TASK_QUEUE_KIND_NORMAL);
    *config.mutable_workflow_execution_timeout() = b.workflow_execution_timeout();
    *config.mutable_workflow_run_timeout() = b.workflow_run_timeout();
    put(*config.mutable_default_workflow_task_timeout(), r.task_timeout);
    if (r.history.events().front().has_user_metadata())
        *config.mutable_user_metadata() = r.history.events().front().user_metadata();
    *out.mutable_workflow_execution_info() = run_info(r);
    for (const auto& [event, e] : r.activities)
        *out.add_pending_activities() = pending_info(*e);
    if (r.open())
        for (const auto& [event, c] : r.children) {
            auto& p = *out.add_pending_children();
            p.set_workflow_id(c.asked.workflow_id());
            p.set_run_id(c.run_id);
            p.set_workflow_type_name(c.asked.workflow_type().name());
            p.set_initiated_id(event);
            p.set_parent_close_policy(c.asked.parent_close_policy());
        }
    if (r.has_task()) {
        auto& p = *out.mutable_pending_workflow_task();
        p.set_state(r.with_worker() ? api::enums::PENDING_WORKFLOW_TASK_STATE_STARTED
                                    : api::enums::PENDING_WORKFLOW_TASK_STATE_SCHEDULED);
        put(*p.mutable_scheduled_time(), r.task.scheduled);
        put(*p.mutable_original_scheduled_time(), r.task.first_scheduled);
        if (r.with_worker())
            put(*p.mutable_started_time(), r.task.started);
        p.set_attempt(r.task.attempt);
    }
    auto& more = *out.mutable_workflow_extended_info();
    if (b.has_workflow_execution_expiration_time())
        *more.mutable_execution_expiration_time() = b.workflow_execution_expiration_time();
    if (const uptime run = read(b.workflow_run_timeout()); run > uptime::zero())
        put(*more.mutable_run_expiration_time(), after(execution_time(r), run));
    more.set_cancel_requested(r.cancel_requested);
    put(*more.mutable_original_start_time(), r.began);
    auto& of_start = (*more.mutable_request_id_infos())[r.request_id];
    of_start.set_event_type(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
    of_start.set_event_id(1);
    return out;
}

}  // namespace mayfly::temporal::embedded
