// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/messages.hpp>

#include <cstdint>
#include <string_view>

// What kinds of events there are.

namespace mayfly::temporal::workflow::detail {

enum class event_class : std::uint8_t {
    begins,    ///< The run's first.
    task,      ///< About workflow tasks.
    command,   ///< What a command of this run became.
    inbound,   ///< What happened to the run.
    ends,      ///< The run was ended from outside.
    nothing,   ///< Of no concern for code.
    not_here,  ///< Of a feature that this library has not.
    unknown,
};

struct event_kind {
    event_class is = event_class::unknown;
    std::string_view name{};  ///< As people know it from the server's UI.
};

[[nodiscard]] constexpr event_kind kind_of(api::enums::EventType type) noexcept
{
    using enum event_class;
    using namespace api::enums;
    switch (type) {
    case EVENT_TYPE_UNSPECIFIED: break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: return {begins, "WorkflowExecutionStarted"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: return {command, "WorkflowExecutionCompleted"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: return {command, "WorkflowExecutionFailed"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: return {ends, "WorkflowExecutionTimedOut"};
    case EVENT_TYPE_WORKFLOW_TASK_SCHEDULED: return {task, "WorkflowTaskScheduled"};
    case EVENT_TYPE_WORKFLOW_TASK_STARTED: return {task, "WorkflowTaskStarted"};
    case EVENT_TYPE_WORKFLOW_TASK_COMPLETED: return {task, "WorkflowTaskCompleted"};
    case EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT: return {task, "WorkflowTaskTimedOut"};
    case EVENT_TYPE_WORKFLOW_TASK_FAILED: return {task, "WorkflowTaskFailed"};
    case EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: return {command, "ActivityTaskScheduled"};
    case EVENT_TYPE_ACTIVITY_TASK_STARTED: return {inbound, "ActivityTaskStarted"};
    case EVENT_TYPE_ACTIVITY_TASK_COMPLETED: return {inbound, "ActivityTaskCompleted"};
    case EVENT_TYPE_ACTIVITY_TASK_FAILED: return {inbound, "ActivityTaskFailed"};
    case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: return {inbound, "ActivityTaskTimedOut"};
    case EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: return {command, "ActivityTaskCancelRequested"};
    case EVENT_TYPE_ACTIVITY_TASK_CANCELED: return {inbound, "ActivityTaskCanceled"};
    case EVENT_TYPE_TIMER_STARTED: return {command, "TimerStarted"};
    case EVENT_TYPE_TIMER_FIRED: return {inbound, "TimerFired"};
    case EVENT_TYPE_TIMER_CANCELED: return {command, "TimerCanceled"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED: return {inbound, "WorkflowExecutionCancelRequested"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: return {command, "WorkflowExecutionCanceled"};
    case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
        return {command, "RequestCancelExternalWorkflowExecutionInitiated"};
    case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return {inbound, "RequestCancelExternalWorkflowExecutionFailed"};
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        return {inbound, "ExternalWorkflowExecutionCancelRequested"};
    case EVENT_TYPE_MARKER_RECORDED: return {command, "MarkerRecorded"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: return {inbound, "WorkflowExecutionSignaled"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: return {ends, "WorkflowExecutionTerminated"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: return {command, "WorkflowExecutionContinuedAsNew"};
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: return {command, "StartChildWorkflowExecutionInitiated"};
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED: return {inbound, "StartChildWorkflowExecutionFailed"};
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: return {inbound, "ChildWorkflowExecutionStarted"};
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED: return {inbound, "ChildWorkflowExecutionCompleted"};
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED: return {inbound, "ChildWorkflowExecutionFailed"};
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED: return {inbound, "ChildWorkflowExecutionCanceled"};
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT: return {inbound, "ChildWorkflowExecutionTimedOut"};
    case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED: return {inbound, "ChildWorkflowExecutionTerminated"};
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
        return {command, "SignalExternalWorkflowExecutionInitiated"};
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return {inbound, "SignalExternalWorkflowExecutionFailed"};
    case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: return {inbound, "ExternalWorkflowExecutionSignaled"};
    case EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: return {command, "UpsertWorkflowSearchAttributes"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED: return {inbound, "WorkflowExecutionUpdateAdmitted"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: return {command, "WorkflowExecutionUpdateAccepted"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED: return {nothing, "WorkflowExecutionUpdateRejected"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: return {command, "WorkflowExecutionUpdateCompleted"};
    case EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY: return {nothing, "WorkflowPropertiesModifiedExternally"};
    case EVENT_TYPE_ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY: return {nothing, "ActivityPropertiesModifiedExternally"};
    case EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED: return {command, "WorkflowPropertiesModified"};
    case EVENT_TYPE_NEXUS_OPERATION_SCHEDULED: return {command, "NexusOperationScheduled"};
    case EVENT_TYPE_NEXUS_OPERATION_STARTED: return {not_here, "NexusOperationStarted"};
    case EVENT_TYPE_NEXUS_OPERATION_COMPLETED: return {not_here, "NexusOperationCompleted"};
    case EVENT_TYPE_NEXUS_OPERATION_FAILED: return {not_here, "NexusOperationFailed"};
    case EVENT_TYPE_NEXUS_OPERATION_CANCELED: return {not_here, "NexusOperationCanceled"};
    case EVENT_TYPE_NEXUS_OPERATION_TIMED_OUT: return {not_here, "NexusOperationTimedOut"};
    case EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED: return {command, "NexusOperationCancelRequested"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: return {nothing, "WorkflowExecutionOptionsUpdated"};
    case EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_COMPLETED: return {not_here, "NexusOperationCancelRequestCompleted"};
    case EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_FAILED: return {not_here, "NexusOperationCancelRequestFailed"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED: return {nothing, "WorkflowExecutionPaused"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED: return {nothing, "WorkflowExecutionUnpaused"};
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED:
        return {nothing, "WorkflowExecutionTimeSkippingTransitioned"};
    }
    return {};
}

/// proto2 keeps an enumerator that it does not know among the unknown fields: the type is absent then.
[[nodiscard]] inline event_class class_of(const api::history::HistoryEvent& e) noexcept
{
    const event_class is = kind_of(e.event_type()).is;
    const bool foreign = is == event_class::unknown || is == event_class::not_here;
    return foreign && e.worker_may_ignore() ? event_class::nothing : is;
}

[[nodiscard]] inline std::string_view name_of(const api::history::HistoryEvent& e) noexcept
{
    const std::string_view name = kind_of(e.event_type()).name;
    return name.empty() ? std::string_view("of an unknown type") : name;
}

[[nodiscard]] constexpr bool closes_run(api::enums::EventType type) noexcept
{
    using namespace api::enums;
    return type == EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED || type == EVENT_TYPE_WORKFLOW_EXECUTION_FAILED ||
           type == EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED || type == EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW;
}

}  // namespace mayfly::temporal::workflow::detail
