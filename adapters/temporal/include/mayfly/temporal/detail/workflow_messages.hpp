// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/task_queue_values.hpp>
#include <mayfly/temporal/workflow_requests.hpp>

#include <optional>
#include <string>
#include <utility>

// Between the values of workflow_requests.hpp and messages.

namespace mayfly::temporal::detail {

inline api::workflow::VersioningOverride to_override(const versioning_override& o)
{
    using api::workflow::VersioningOverride;
    VersioningOverride out;
    switch (o.how) {
    case versioning_override::kind::pinned:
        out.mutable_pinned()->set_behavior(VersioningOverride::PINNED_OVERRIDE_BEHAVIOR_PINNED);
        *out.mutable_pinned()->mutable_version() = version_message(o.version);
        break;
    case versioning_override::kind::auto_upgrade: out.set_auto_upgrade(true); break;
    case versioning_override::kind::one_time:
        *out.mutable_one_time()->mutable_target_deployment_version() = version_message(o.version);
        break;
    }
    return out;
}

inline std::optional<versioning_override> from_message(const api::workflow::VersioningOverride& o)
{
    using kind = versioning_override::kind;
    if (o.has_pinned())
        return versioning_override{kind::pinned, version_of(true, o.pinned().version()).value_or(deployment_version{})};
    if (o.has_one_time())
        return versioning_override{
            kind::one_time, version_of(true, o.one_time().target_deployment_version()).value_or(deployment_version{})};
    if (o.auto_upgrade())
        return versioning_override{kind::auto_upgrade, {}};
    return std::nullopt;
}

/// What starts and signals with start have in common: all but what a data converter makes, namespace, identity and ids.
template <class Request>
Request workflow_start_request(const std::string& type, const workflow_start_options& o)
{
    Request out;
    out.mutable_workflow_type()->set_name(type);
    out.mutable_task_queue()->set_name(o.task_queue);
    if (o.execution_timeout.count() > 0)
        *out.mutable_workflow_execution_timeout() = to_wire(o.execution_timeout);
    if (o.run_timeout.count() > 0)
        *out.mutable_workflow_run_timeout() = to_wire(o.run_timeout);
    if (o.task_timeout.count() > 0)
        *out.mutable_workflow_task_timeout() = to_wire(o.task_timeout);
    if (o.start_delay.count() > 0)
        *out.mutable_workflow_start_delay() = to_wire(o.start_delay);
    if (o.retry)
        *out.mutable_retry_policy() = policy_of(*o.retry);
    if (o.reuse != id_reuse::server_default)
        out.set_workflow_id_reuse_policy(static_cast<api::enums::WorkflowIdReusePolicy>(o.reuse));
    if (o.conflict != workflow_id_conflict::server_default)
        out.set_workflow_id_conflict_policy(static_cast<api::enums::WorkflowIdConflictPolicy>(o.conflict));
    if (!o.cron_schedule.empty())
        out.set_cron_schedule(o.cron_schedule);
    if (!o.search_attributes.empty())
        *out.mutable_search_attributes() = o.search_attributes.message();
    if (o.priority) {
        auto& p = *out.mutable_priority();
        p.set_priority_key(o.priority->key);
        p.set_fairness_key(o.priority->fairness_key);
        p.set_fairness_weight(o.priority->fairness_weight);
    }
    if (o.versioning)
        *out.mutable_versioning_override() = to_override(*o.versioning);
    if (!o.header.fields().empty())
        *out.mutable_header() = o.header;
    return out;
}

constexpr workflow_status to_status(api::enums::WorkflowExecutionStatus s) noexcept
{
    switch (s) {
    case api::enums::WORKFLOW_EXECUTION_STATUS_UNSPECIFIED: break;
    case api::enums::WORKFLOW_EXECUTION_STATUS_RUNNING: return workflow_status::running;
    case api::enums::WORKFLOW_EXECUTION_STATUS_COMPLETED: return workflow_status::completed;
    case api::enums::WORKFLOW_EXECUTION_STATUS_FAILED: return workflow_status::failed;
    case api::enums::WORKFLOW_EXECUTION_STATUS_CANCELED: return workflow_status::cancelled;
    case api::enums::WORKFLOW_EXECUTION_STATUS_TERMINATED: return workflow_status::terminated;
    case api::enums::WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: return workflow_status::continued_as_new;
    case api::enums::WORKFLOW_EXECUTION_STATUS_TIMED_OUT: return workflow_status::timed_out;
    case api::enums::WORKFLOW_EXECUTION_STATUS_PAUSED: return workflow_status::paused;
    }
    return workflow_status::unknown;
}

inline workflow_entry to_workflow_entry(const api::workflow::WorkflowExecutionInfo& i)
{
    workflow_entry out;
    out.key = {i.execution().workflow_id(), i.execution().run_id(), i.first_run_id()};
    out.type = i.type().name();
    out.task_queue = i.task_queue();
    out.status = to_status(i.status());
    out.started = time_of(i.has_start_time(), i.start_time());
    out.first_task_after = time_of(i.has_execution_time(), i.execution_time());
    out.closed = time_of(i.has_close_time(), i.close_time());
    out.history_length = i.history_length();
    if (i.has_parent_execution() && !i.parent_execution().workflow_id().empty())
        out.parent = workflow_key{i.parent_execution().workflow_id(), i.parent_execution().run_id(), {}};
    out.search_attributes = search_values(i.search_attributes());
    out.memo = i.memo();
    return out;
}

inline workflow_page to_workflow_page(api::ListWorkflowExecutionsResponse r)
{
    workflow_page out;
    for (const auto& info : r.executions())
        out.entries.push_back(to_workflow_entry(info));
    out.next_page_token = r.next_page_token();
    return out;
}

inline workflow_description to_workflow_description(api::DescribeWorkflowExecutionResponse r)
{
    workflow_description out;
    auto& i = *r.mutable_workflow_execution_info();
    static_cast<workflow_entry&>(out) = to_workflow_entry(i);
    out.history_bytes = i.history_size_bytes();
    const auto& c = r.execution_config();
    out.execution_timeout = from_wire(c.workflow_execution_timeout());
    out.run_timeout = from_wire(c.workflow_run_timeout());
    out.task_timeout = from_wire(c.default_workflow_task_timeout());
    out.summary = c.user_metadata().summary();
    out.details = c.user_metadata().details();
    out.cancel_requested = r.workflow_extended_info().cancel_requested();
    const auto& v = i.versioning_info();
    out.behavior = v.behavior();
    out.version = version_of(v.has_deployment_version(), v.deployment_version());
    out.moving_to = version_of(v.has_version_transition(), v.version_transition().deployment_version());
    out.versioning = from_message(v.versioning_override());
    out.pending_activities.assign(r.pending_activities().begin(), r.pending_activities().end());
    out.pending_children.assign(r.pending_children().begin(), r.pending_children().end());
    if (r.has_pending_workflow_task())
        out.pending_task = r.pending_workflow_task();
    out.info = std::move(i);
    return out;
}

/// The events of a page, those of raw pages too, are put after the others. False: they are not what they should be.
inline bool take_events(api::GetWorkflowExecutionHistoryResponse& page, api::history::History& to)
{
    if (page.raw_history_size() == 0) {
        for (auto& e : *page.mutable_history()->mutable_events())
            *to.add_events() = std::move(e);
        return true;
    }
    for (const auto& blob : page.raw_history()) {
        api::history::History part;
        if (!part.ParseFromString(blob.data()))
            return false;
        for (auto& e : *part.mutable_events())
            *to.add_events() = std::move(e);
    }
    return true;
}

}  // namespace mayfly::temporal::detail
