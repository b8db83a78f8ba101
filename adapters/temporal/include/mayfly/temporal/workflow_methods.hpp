// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/method.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

// Beside those of method.hpp, as their messages are many.

namespace mayfly::temporal::methods {

// Workflow tasks.

inline constexpr method<api::PollWorkflowTaskQueueRequest, api::PollWorkflowTaskQueueResponse> poll_workflow_task_queue{
    "/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue", call_kind::poll};
inline constexpr method<api::RespondWorkflowTaskCompletedRequest, api::RespondWorkflowTaskCompletedResponse>
    respond_workflow_task_completed{
        "/temporal.api.workflowservice.v1.WorkflowService/RespondWorkflowTaskCompleted", call_kind::completion};
inline constexpr method<api::RespondWorkflowTaskFailedRequest, api::RespondWorkflowTaskFailedResponse>
    respond_workflow_task_failed{
        "/temporal.api.workflowservice.v1.WorkflowService/RespondWorkflowTaskFailed", call_kind::completion};
inline constexpr method<api::RespondQueryTaskCompletedRequest, api::RespondQueryTaskCompletedResponse>
    respond_query_task_completed{
        "/temporal.api.workflowservice.v1.WorkflowService/RespondQueryTaskCompleted", call_kind::completion};

// Workflows, as their clients see them.

inline constexpr method<api::StartWorkflowExecutionRequest, api::StartWorkflowExecutionResponse>
    start_workflow_execution{"/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution"};
inline constexpr method<api::SignalWorkflowExecutionRequest, api::SignalWorkflowExecutionResponse>
    signal_workflow_execution{"/temporal.api.workflowservice.v1.WorkflowService/SignalWorkflowExecution"};
inline constexpr method<api::SignalWithStartWorkflowExecutionRequest, api::SignalWithStartWorkflowExecutionResponse>
    signal_with_start_workflow_execution{
        "/temporal.api.workflowservice.v1.WorkflowService/SignalWithStartWorkflowExecution"};
inline constexpr method<api::QueryWorkflowRequest, api::QueryWorkflowResponse> query_workflow{
    "/temporal.api.workflowservice.v1.WorkflowService/QueryWorkflow"};
inline constexpr method<api::UpdateWorkflowExecutionRequest, api::UpdateWorkflowExecutionResponse>
    update_workflow_execution{
        "/temporal.api.workflowservice.v1.WorkflowService/UpdateWorkflowExecution", call_kind::long_poll};
inline constexpr method<api::PollWorkflowExecutionUpdateRequest, api::PollWorkflowExecutionUpdateResponse>
    poll_workflow_execution_update{
        "/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowExecutionUpdate", call_kind::long_poll};
inline constexpr method<api::ExecuteMultiOperationRequest, api::ExecuteMultiOperationResponse> execute_multi_operation{
    "/temporal.api.workflowservice.v1.WorkflowService/ExecuteMultiOperation", call_kind::long_poll};
inline constexpr method<api::RequestCancelWorkflowExecutionRequest, api::RequestCancelWorkflowExecutionResponse>
    request_cancel_workflow_execution{
        "/temporal.api.workflowservice.v1.WorkflowService/RequestCancelWorkflowExecution"};
inline constexpr method<api::TerminateWorkflowExecutionRequest, api::TerminateWorkflowExecutionResponse>
    terminate_workflow_execution{"/temporal.api.workflowservice.v1.WorkflowService/TerminateWorkflowExecution"};
inline constexpr method<api::ResetWorkflowExecutionRequest, api::ResetWorkflowExecutionResponse>
    reset_workflow_execution{"/temporal.api.workflowservice.v1.WorkflowService/ResetWorkflowExecution"};
inline constexpr method<api::DeleteWorkflowExecutionRequest, api::DeleteWorkflowExecutionResponse>
    delete_workflow_execution{"/temporal.api.workflowservice.v1.WorkflowService/DeleteWorkflowExecution"};
inline constexpr method<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>
    describe_workflow_execution{"/temporal.api.workflowservice.v1.WorkflowService/DescribeWorkflowExecution"};
inline constexpr method<api::ListWorkflowExecutionsRequest, api::ListWorkflowExecutionsResponse>
    list_workflow_executions{"/temporal.api.workflowservice.v1.WorkflowService/ListWorkflowExecutions"};
inline constexpr method<api::CountWorkflowExecutionsRequest, api::CountWorkflowExecutionsResponse>
    count_workflow_executions{"/temporal.api.workflowservice.v1.WorkflowService/CountWorkflowExecutions"};
inline constexpr method<api::GetWorkflowExecutionHistoryRequest, api::GetWorkflowExecutionHistoryResponse>
    get_workflow_execution_history{"/temporal.api.workflowservice.v1.WorkflowService/GetWorkflowExecutionHistory"};
inline constexpr method<api::UpdateWorkflowExecutionOptionsRequest, api::UpdateWorkflowExecutionOptionsResponse>
    update_workflow_execution_options{
        "/temporal.api.workflowservice.v1.WorkflowService/UpdateWorkflowExecutionOptions"};

}  // namespace mayfly::temporal::methods
