// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/execution.hpp>
#include <mayfly/temporal/embedded/workflow_history.hpp>

// What a run's history says of an activity that has ended. Attempts before the last leave no trace.

namespace mayfly::temporal::embedded {

/// By whom it was done, as it is known once it has ended.
inline void note_activity_start(workflow_history& into, const execution& e)
{
    auto& a = *into.note(api::enums::EVENT_TYPE_ACTIVITY_TASK_STARTED, *e.started)
                   .mutable_activity_task_started_event_attributes();
    a.set_scheduled_event_id(e.scheduled_event);
    a.set_identity(e.worker_identity);
    a.set_request_id(e.request_id);
    a.set_attempt(e.attempt);
    if (e.earlier_failure)
        *a.mutable_last_failure() = *e.earlier_failure;
}

/// What it came to.
inline void note_activity_end(workflow_history& into, const execution& e, const moment& now)
{
    using namespace api::enums;
    const auto& out = *e.outcome;
    switch (e.status) {
    case ACTIVITY_EXECUTION_STATUS_COMPLETED: {
        auto& a =
            *into.note(EVENT_TYPE_ACTIVITY_TASK_COMPLETED, now).mutable_activity_task_completed_event_attributes();
        if (out.has_result() && out.result().payloads_size() > 0)
            *a.mutable_result() = out.result();
        a.set_scheduled_event_id(e.scheduled_event);
        a.set_identity(e.worker_identity);
        break;
    }
    case ACTIVITY_EXECUTION_STATUS_CANCELED: {
        auto& a = *into.note(EVENT_TYPE_ACTIVITY_TASK_CANCELED, now).mutable_activity_task_canceled_event_attributes();
        *a.mutable_details() = out.failure().canceled_failure_info().details();
        a.set_latest_cancel_requested_event_id(e.cancel_event);
        a.set_scheduled_event_id(e.scheduled_event);
        a.set_identity(e.worker_identity);
        break;
    }
    case ACTIVITY_EXECUTION_STATUS_TIMED_OUT: {
        auto& a =
            *into.note(EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT, now).mutable_activity_task_timed_out_event_attributes();
        *a.mutable_failure() = out.failure();
        a.set_scheduled_event_id(e.scheduled_event);
        a.set_retry_state(out.retry_state());
        break;
    }
    default: {
        auto& a = *into.note(EVENT_TYPE_ACTIVITY_TASK_FAILED, now).mutable_activity_task_failed_event_attributes();
        *a.mutable_failure() = out.failure();
        a.set_scheduled_event_id(e.scheduled_event);
        a.set_identity(e.worker_identity);
        a.set_retry_state(out.retry_state());
        break;
    }
    }
}

}  // namespace mayfly::temporal::embedded
