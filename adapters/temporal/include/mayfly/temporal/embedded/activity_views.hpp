// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/execution.hpp>
#include <mayfly/temporal/embedded/ids.hpp>
#include <mayfly/temporal/embedded/workflow_run.hpp>

#include <cstdint>
#include <string>

// An activity as answers show it.

namespace mayfly::temporal::embedded {

/// What a worker gets. The token is made by whoever hands it out.
[[nodiscard]] inline api::PollActivityTaskQueueResponse task_of(const execution& e)
{
    api::PollActivityTaskQueueResponse out;
    const auto& r = e.request;
    out.set_workflow_namespace(r.namespace_());
    *out.mutable_activity_type() = r.activity_type();
    out.set_activity_id(r.activity_id());
    if (e.owner != nullptr) {
        *out.mutable_workflow_execution() = e.owner->who();
        *out.mutable_workflow_type() = e.owner->begun().workflow_type();
    } else {
        out.set_activity_run_id(e.run_id);
    }
    if (r.has_header())
        *out.mutable_header() = r.header();
    if (r.has_input())
        *out.mutable_input() = r.input();
    if (e.has_heartbeat_details)
        *out.mutable_heartbeat_details() = e.heartbeat_details;
    put(*out.mutable_scheduled_time(), e.scheduled);
    put(*out.mutable_current_attempt_scheduled_time(), e.dispatch);
    put(*out.mutable_started_time(), *e.started);
    out.set_attempt(e.attempt);
    put(*out.mutable_schedule_to_close_timeout(), e.schedule_to_close);
    put(*out.mutable_start_to_close_timeout(), e.start_to_close);
    put(*out.mutable_heartbeat_timeout(), e.heartbeat_timeout);
    *out.mutable_retry_policy() = r.retry_policy();
    if (r.has_priority())
        *out.mutable_priority() = r.priority();
    return out;
}

[[nodiscard]] inline api::enums::PendingActivityState run_state_of(const execution& e) noexcept
{
    if (!e.open())
        return api::enums::PENDING_ACTIVITY_STATE_UNSPECIFIED;
    if (e.cancel_requested)
        return api::enums::PENDING_ACTIVITY_STATE_CANCEL_REQUESTED;
    return e.where == place::started ? api::enums::PENDING_ACTIVITY_STATE_STARTED
                                     : api::enums::PENDING_ACTIVITY_STATE_SCHEDULED;
}

[[nodiscard]] inline moment first_dispatch(const execution& e) noexcept
{
    return after(e.scheduled, e.start_delay);
}

[[nodiscard]] inline api::activity::ActivityExecutionInfo info_of(
    const execution& e, const api::DescribeActivityExecutionRequest& asked)
{
    api::activity::ActivityExecutionInfo out;
    const auto& r = e.request;
    out.set_activity_id(r.activity_id());
    out.set_run_id(e.run_id);
    *out.mutable_activity_type() = r.activity_type();
    out.set_status(e.status);
    out.set_run_state(run_state_of(e));
    out.set_task_queue(r.task_queue().name());
    put(*out.mutable_schedule_to_close_timeout(), e.schedule_to_close);
    put(*out.mutable_schedule_to_start_timeout(), e.schedule_to_start);
    put(*out.mutable_start_to_close_timeout(), e.start_to_close);
    put(*out.mutable_heartbeat_timeout(), e.heartbeat_timeout);
    *out.mutable_retry_policy() = r.retry_policy();
    if (asked.include_heartbeat_details() && e.has_heartbeat_details)
        *out.mutable_heartbeat_details() = e.heartbeat_details;
    if (e.heartbeat)
        put(*out.mutable_last_heartbeat_time(), *e.heartbeat);
    if (e.started)
        put(*out.mutable_last_started_time(), *e.started);
    out.set_attempt(e.attempt);
    put(*out.mutable_schedule_time(), e.scheduled);
    put(*out.mutable_execution_time(), first_dispatch(e));
    if (e.close_deadline() != never)
        put(*out.mutable_expiration_time(), after(first_dispatch(e), e.schedule_to_close));
    if (e.closed) {
        put(*out.mutable_close_time(), *e.closed);
        put(*out.mutable_execution_duration(), e.closed->at - e.scheduled.at);
    }
    if (asked.include_last_failure() && e.last_failure)
        *out.mutable_last_failure() = *e.last_failure;
    out.set_last_worker_identity(e.worker_identity);
    if (e.where == place::delayed) {
        if (e.retry_interval)
            put(*out.mutable_current_retry_interval(), *e.retry_interval);
        put(*out.mutable_next_attempt_schedule_time(), e.dispatch);
    }
    if (e.attempt_ended)
        put(*out.mutable_last_attempt_complete_time(), *e.attempt_ended);
    if (e.worker_version) {
        out.mutable_last_deployment_version()->set_deployment_name(e.worker_version->deployment);
        out.mutable_last_deployment_version()->set_build_id(e.worker_version->build_id);
    }
    if (r.has_priority())
        *out.mutable_priority() = r.priority();
    out.set_state_transition_count(static_cast<std::int64_t>(e.changes));
    out.set_state_size_bytes(static_cast<std::int64_t>(e.bytes));
    if (r.has_search_attributes())
        *out.mutable_search_attributes() = r.search_attributes();
    if (r.has_header())
        *out.mutable_header() = r.header();
    if (r.has_user_metadata())
        *out.mutable_user_metadata() = r.user_metadata();
    out.set_canceled_reason(e.cancel_reason);
    *out.mutable_links() = r.links();
    out.set_total_heartbeat_count(e.heartbeats);
    out.set_sdk_name(e.sdk_name);
    out.set_sdk_version(e.sdk_version);
    if (e.start_delay != uptime::zero())
        put(*out.mutable_start_delay(), e.start_delay);
    return out;
}

[[nodiscard]] inline api::activity::ActivityExecutionListInfo list_info_of(const execution& e)
{
    api::activity::ActivityExecutionListInfo out;
    const auto& r = e.request;
    out.set_activity_id(r.activity_id());
    out.set_run_id(e.run_id);
    *out.mutable_activity_type() = r.activity_type();
    put(*out.mutable_schedule_time(), e.scheduled);
    put(*out.mutable_execution_time(), first_dispatch(e));
    if (e.closed) {
        put(*out.mutable_close_time(), *e.closed);
        put(*out.mutable_execution_duration(), e.closed->at - e.scheduled.at);
    }
    out.set_status(e.status);
    if (r.has_search_attributes())
        *out.mutable_search_attributes() = r.search_attributes();
    out.set_task_queue(r.task_queue().name());
    out.set_state_transition_count(static_cast<std::int64_t>(e.changes));
    out.set_state_size_bytes(static_cast<std::int64_t>(e.bytes));
    return out;
}

// Whole answers.

[[nodiscard]] inline api::StartActivityExecutionResponse start_answer(const execution& e, bool now)
{
    api::StartActivityExecutionResponse out;
    out.set_run_id(e.run_id);
    out.set_started(now);
    auto& link = *out.mutable_link()->mutable_activity();
    link.set_namespace_(e.name_space());
    link.set_activity_id(e.id());
    link.set_run_id(e.run_id);
    return out;
}

[[nodiscard]] inline grpc::status already_started(const execution& e)
{
    api::errordetails::ActivityExecutionAlreadyStartedFailure detail;
    detail.set_start_request_id(e.request.request_id());
    detail.set_run_id(e.run_id);
    return refused(grpc::status_code::already_exists, "activity execution already started",
        "ActivityExecutionAlreadyStartedFailure", detail);
}

[[nodiscard]] inline std::string described(const execution& e, const api::DescribeActivityExecutionRequest& r)
{
    api::DescribeActivityExecutionResponse out;
    out.set_run_id(e.run_id);
    *out.mutable_info() = info_of(e, r);
    if (r.include_input())
        *out.mutable_input() = e.request.input();
    if (r.include_outcome() && e.outcome)
        *out.mutable_outcome() = *e.outcome;
    out.set_long_poll_token(token_of({e.run_id, e.changes}));
    return out.SerializeAsString();
}

[[nodiscard]] inline std::string outcome_of(const execution& e)
{
    api::PollActivityExecutionResponse out;
    out.set_run_id(e.run_id);
    *out.mutable_outcome() = *e.outcome;
    return out.SerializeAsString();
}

}  // namespace mayfly::temporal::embedded
