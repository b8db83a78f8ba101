// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/cron_schedule.hpp>
#include <mayfly/temporal/embedded/start_rules.hpp>
#include <mayfly/temporal/embedded/workflow_run.hpp>

#include <cstdint>
#include <string>
#include <utility>

// What a server takes for a start of a workflow, and what it does where there is one of that id already.

namespace mayfly::temporal::embedded {

/// Why a server would not take this start; OK, with all that was left open filled in.
template <class Request>
[[nodiscard]] grpc::status complete_workflow_start(Request& q, const limits& l)
{
    using namespace api::enums;
    if (q.workflow_id().empty())
        return bad_request("WorkflowId is not set on request.");
    if (q.workflow_type().name().empty())
        return bad_request("WorkflowType is not set on request.");
    if (q.task_queue().name().empty())
        return bad_request("Missing task queue name: give task_queue.name");
    for (const auto& [what, text] : {std::pair<const char*, const std::string*>{"WorkflowId", &q.workflow_id()},
             {"WorkflowType", &q.workflow_type().name()}, {"TaskQueue", &q.task_queue().name()},
             {"RequestId", &q.request_id()}, {"Identity", &q.identity()}})
        if (grpc::status bad = check_length(what, *text, l.id_length); !bad.ok())
            return bad;
    for (const auto& [what, d] :
        {std::pair<const char*, const wire::Duration*>{"WorkflowExecutionTimeout", &q.workflow_execution_timeout()},
            {"WorkflowRunTimeout", &q.workflow_run_timeout()}, {"WorkflowTaskTimeout", &q.workflow_task_timeout()},
            {"WorkflowStartDelay", &q.workflow_start_delay()}})
        if (read(*d) < uptime::zero())
            return bad_request("An invalid " + std::string(what) + " is set on request: negative duration");
    if (q.has_retry_policy())
        if (grpc::status bad = complete_retry_policy(*q.mutable_retry_policy()); !bad.ok())
            return bad;
    if (!q.cron_schedule().empty() && q.has_workflow_start_delay())
        return bad_request("CronSchedule and WorkflowStartDelay may not be used together.");
    if (!q.cron_schedule().empty() && !cron_schedule::parse(q.cron_schedule()))
        return bad_request("Invalid CronSchedule \"" + q.cron_schedule() +
                           "\": give five fields (minute hour day month weekday, in numbers) or @every 90s");
    if (q.input().ByteSizeLong() > l.blob || q.memo().ByteSizeLong() > l.blob)
        return bad_request("input or memo exceeds size limit");
    if (q.workflow_id_reuse_policy() == WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING &&
        q.workflow_id_conflict_policy() != WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED)
        return bad_request("WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together with a "
                           "WorkflowIdConflictPolicy.");
    if (q.workflow_id_reuse_policy() == WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE &&
        q.workflow_id_conflict_policy() == WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
        return bad_request("Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used "
                           "together with WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING");
    if (q.workflow_id_reuse_policy() == WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING) {
        q.set_workflow_id_reuse_policy(WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE);
        q.set_workflow_id_conflict_policy(WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING);
    }
    if (q.workflow_id_reuse_policy() == WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED)
        q.set_workflow_id_reuse_policy(WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE);
    return {};
}

/// What comes of a start where the last run of that id is this one.
enum class start_choice { begin, terminate_and_begin, attach, refuse };

[[nodiscard]] inline start_choice choose_start(
    const workflow_run& known, api::enums::WorkflowIdReusePolicy reuse, api::enums::WorkflowIdConflictPolicy conflict)
{
    using namespace api::enums;
    if (known.open())
        return conflict == WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING         ? start_choice::attach
               : conflict == WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING ? start_choice::terminate_and_begin
                                                                            : start_choice::refuse;
    const bool again = reuse == WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE ||
                       (reuse == WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY &&
                           known.status != WORKFLOW_EXECUTION_STATUS_COMPLETED);
    return again ? start_choice::begin : start_choice::refuse;
}

[[nodiscard]] inline grpc::status workflow_already_started(const workflow_run& known)
{
    api::errordetails::WorkflowExecutionAlreadyStartedFailure detail;
    detail.set_start_request_id(known.request_id);
    detail.set_run_id(known.run_id);
    detail.set_first_execution_run_id(known.first_run_id);
    return refused(grpc::status_code::already_exists,
        known.open() ? "Workflow execution is already running. WorkflowId: " + known.workflow_id +
                           ", RunId: " + known.run_id + "."
                     : "Workflow execution already finished. WorkflowId: " + known.workflow_id +
                           ", RunId: " + known.run_id + ". Workflow Id reuse policy does not allow another run.",
        "WorkflowExecutionAlreadyStartedFailure", detail);
}

[[nodiscard]] inline api::StartWorkflowExecutionResponse start_answer_of(const workflow_run& r, bool now)
{
    api::StartWorkflowExecutionResponse out;
    out.set_run_id(r.run_id);
    out.set_first_execution_run_id(r.first_run_id);
    out.set_started(now);
    out.set_status(r.status);
    auto& link = *out.mutable_link()->mutable_workflow_event();
    link.set_namespace_(r.name_space);
    link.set_workflow_id(r.workflow_id);
    link.set_run_id(r.run_id);
    link.mutable_event_ref()->set_event_id(1);
    link.mutable_event_ref()->set_event_type(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
    return out;
}

/// A refusal of a start with an update says what it is of each.
[[nodiscard]] inline grpc::status refused_both(grpc::status start, grpc::status update)
{
    api::errordetails::MultiOperationExecutionFailure detail;
    const bool of_start = !start.ok();
    const grpc::status& bad = of_start ? start : update;
    for (const grpc::status* s : {&start, &update}) {
        auto& out = *detail.add_statuses();
        const bool other = s->ok();
        out.set_code(static_cast<std::int32_t>(other ? grpc::status_code::aborted : s->code));
        out.set_message(other ? "Operation was aborted." : s->message);
        if (api::common::GrpcStatus whole; !other && whole.ParseFromString(s->details))
            *out.mutable_details() = whole.details();
        if (other) {
            auto& any = *out.add_details();
            any.set_type_url("type.googleapis.com/temporal.api.failure.v1.MultiOperationExecutionAborted");
        }
    }
    const std::string words = std::string("MultiOperation could not be executed: ") + bad.message;
    return refused(bad.code, words, "MultiOperationExecutionFailure", detail);
}

}  // namespace mayfly::temporal::embedded
