// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>

#include <string_view>

namespace mayfly::temporal {

/// What a call is like: how long it may take, and when it is made again.
enum class call_kind {
    ordinary,    ///< Short; again for ten seconds if that may help.
    poll,        ///< For a task; the server answers it within a minute. Again for a minute.
    long_poll,   ///< For news; the server answers it within a minute. Otherwise ordinary.
    completion,  ///< What is lost if it is not heard: again until its time is over.
    once,        ///< Never again.
};

/// One method of the service: its messages, and where it is.
template <class Request, class Response>
struct method {
    using request_type = Request;
    using response_type = Response;

    std::string_view path{};  ///< `/package.Service/Method`
    call_kind kind = call_kind::ordinary;
};

}  // namespace mayfly::temporal

namespace mayfly::temporal::methods {

/// The service's full name, which its health is asked by.
inline constexpr std::string_view workflow_service = "temporal.api.workflowservice.v1.WorkflowService";

// Namespaces and the server.

inline constexpr method<api::RegisterNamespaceRequest, api::RegisterNamespaceResponse> register_namespace{
    "/temporal.api.workflowservice.v1.WorkflowService/RegisterNamespace"};
inline constexpr method<api::DescribeNamespaceRequest, api::DescribeNamespaceResponse> describe_namespace{
    "/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace"};
inline constexpr method<api::ListNamespacesRequest, api::ListNamespacesResponse> list_namespaces{
    "/temporal.api.workflowservice.v1.WorkflowService/ListNamespaces"};
inline constexpr method<api::UpdateNamespaceRequest, api::UpdateNamespaceResponse> update_namespace{
    "/temporal.api.workflowservice.v1.WorkflowService/UpdateNamespace"};
inline constexpr method<api::GetClusterInfoRequest, api::GetClusterInfoResponse> get_cluster_info{
    "/temporal.api.workflowservice.v1.WorkflowService/GetClusterInfo"};
inline constexpr method<api::GetSystemInfoRequest, api::GetSystemInfoResponse> get_system_info{
    "/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo"};

// Activity tasks.

inline constexpr method<api::PollActivityTaskQueueRequest, api::PollActivityTaskQueueResponse> poll_activity_task_queue{
    "/temporal.api.workflowservice.v1.WorkflowService/PollActivityTaskQueue", call_kind::poll};
inline constexpr method<api::RecordActivityTaskHeartbeatRequest, api::RecordActivityTaskHeartbeatResponse>
    record_activity_task_heartbeat{"/temporal.api.workflowservice.v1.WorkflowService/RecordActivityTaskHeartbeat"};
inline constexpr method<api::RecordActivityTaskHeartbeatByIdRequest, api::RecordActivityTaskHeartbeatByIdResponse>
    record_activity_task_heartbeat_by_id{
        "/temporal.api.workflowservice.v1.WorkflowService/RecordActivityTaskHeartbeatById"};
inline constexpr method<api::RespondActivityTaskCompletedRequest, api::RespondActivityTaskCompletedResponse>
    respond_activity_task_completed{
        "/temporal.api.workflowservice.v1.WorkflowService/RespondActivityTaskCompleted", call_kind::completion};
inline constexpr method<api::RespondActivityTaskCompletedByIdRequest, api::RespondActivityTaskCompletedByIdResponse>
    respond_activity_task_completed_by_id{
        "/temporal.api.workflowservice.v1.WorkflowService/RespondActivityTaskCompletedById", call_kind::completion};
inline constexpr method<api::RespondActivityTaskFailedRequest, api::RespondActivityTaskFailedResponse>
    respond_activity_task_failed{
        "/temporal.api.workflowservice.v1.WorkflowService/RespondActivityTaskFailed", call_kind::completion};
inline constexpr method<api::RespondActivityTaskFailedByIdRequest, api::RespondActivityTaskFailedByIdResponse>
    respond_activity_task_failed_by_id{
        "/temporal.api.workflowservice.v1.WorkflowService/RespondActivityTaskFailedById", call_kind::completion};
inline constexpr method<api::RespondActivityTaskCanceledRequest, api::RespondActivityTaskCanceledResponse>
    respond_activity_task_canceled{
        "/temporal.api.workflowservice.v1.WorkflowService/RespondActivityTaskCanceled", call_kind::completion};
inline constexpr method<api::RespondActivityTaskCanceledByIdRequest, api::RespondActivityTaskCanceledByIdResponse>
    respond_activity_task_canceled_by_id{
        "/temporal.api.workflowservice.v1.WorkflowService/RespondActivityTaskCanceledById", call_kind::completion};

// Queues and workers.

inline constexpr method<api::DescribeTaskQueueRequest, api::DescribeTaskQueueResponse> describe_task_queue{
    "/temporal.api.workflowservice.v1.WorkflowService/DescribeTaskQueue"};
inline constexpr method<api::UpdateTaskQueueConfigRequest, api::UpdateTaskQueueConfigResponse> update_task_queue_config{
    "/temporal.api.workflowservice.v1.WorkflowService/UpdateTaskQueueConfig"};
inline constexpr method<api::RecordWorkerHeartbeatRequest, api::RecordWorkerHeartbeatResponse> record_worker_heartbeat{
    "/temporal.api.workflowservice.v1.WorkflowService/RecordWorkerHeartbeat"};
inline constexpr method<api::ListWorkersRequest, api::ListWorkersResponse> list_workers{
    "/temporal.api.workflowservice.v1.WorkflowService/ListWorkers"};
inline constexpr method<api::CountWorkersRequest, api::CountWorkersResponse> count_workers{
    "/temporal.api.workflowservice.v1.WorkflowService/CountWorkers"};
inline constexpr method<api::DescribeWorkerRequest, api::DescribeWorkerResponse> describe_worker{
    "/temporal.api.workflowservice.v1.WorkflowService/DescribeWorker"};
inline constexpr method<api::ShutdownWorkerRequest, api::ShutdownWorkerResponse> shutdown_worker{
    "/temporal.api.workflowservice.v1.WorkflowService/ShutdownWorker", call_kind::once};

// Worker deployments.

inline constexpr method<api::CreateWorkerDeploymentRequest, api::CreateWorkerDeploymentResponse>
    create_worker_deployment{"/temporal.api.workflowservice.v1.WorkflowService/CreateWorkerDeployment"};
inline constexpr method<api::CreateWorkerDeploymentVersionRequest, api::CreateWorkerDeploymentVersionResponse>
    create_worker_deployment_version{"/temporal.api.workflowservice.v1.WorkflowService/CreateWorkerDeploymentVersion"};
inline constexpr method<api::UpdateWorkerDeploymentVersionComputeConfigRequest,
    api::UpdateWorkerDeploymentVersionComputeConfigResponse>
    update_worker_deployment_version_compute_config{
        "/temporal.api.workflowservice.v1.WorkflowService/UpdateWorkerDeploymentVersionComputeConfig"};
inline constexpr method<api::ValidateWorkerDeploymentVersionComputeConfigRequest,
    api::ValidateWorkerDeploymentVersionComputeConfigResponse>
    validate_worker_deployment_version_compute_config{
        "/temporal.api.workflowservice.v1.WorkflowService/ValidateWorkerDeploymentVersionComputeConfig"};
inline constexpr method<api::DescribeWorkerDeploymentRequest, api::DescribeWorkerDeploymentResponse>
    describe_worker_deployment{"/temporal.api.workflowservice.v1.WorkflowService/DescribeWorkerDeployment"};
inline constexpr method<api::DescribeWorkerDeploymentVersionRequest, api::DescribeWorkerDeploymentVersionResponse>
    describe_worker_deployment_version{
        "/temporal.api.workflowservice.v1.WorkflowService/DescribeWorkerDeploymentVersion"};
inline constexpr method<api::ListWorkerDeploymentsRequest, api::ListWorkerDeploymentsResponse> list_worker_deployments{
    "/temporal.api.workflowservice.v1.WorkflowService/ListWorkerDeployments"};
inline constexpr method<api::SetWorkerDeploymentCurrentVersionRequest, api::SetWorkerDeploymentCurrentVersionResponse>
    set_worker_deployment_current_version{
        "/temporal.api.workflowservice.v1.WorkflowService/SetWorkerDeploymentCurrentVersion"};
inline constexpr method<api::SetWorkerDeploymentRampingVersionRequest, api::SetWorkerDeploymentRampingVersionResponse>
    set_worker_deployment_ramping_version{
        "/temporal.api.workflowservice.v1.WorkflowService/SetWorkerDeploymentRampingVersion"};
inline constexpr method<api::SetWorkerDeploymentManagerRequest, api::SetWorkerDeploymentManagerResponse>
    set_worker_deployment_manager{"/temporal.api.workflowservice.v1.WorkflowService/SetWorkerDeploymentManager"};
inline constexpr method<api::UpdateWorkerDeploymentVersionMetadataRequest,
    api::UpdateWorkerDeploymentVersionMetadataResponse>
    update_worker_deployment_version_metadata{
        "/temporal.api.workflowservice.v1.WorkflowService/UpdateWorkerDeploymentVersionMetadata"};
inline constexpr method<api::DeleteWorkerDeploymentVersionRequest, api::DeleteWorkerDeploymentVersionResponse>
    delete_worker_deployment_version{"/temporal.api.workflowservice.v1.WorkflowService/DeleteWorkerDeploymentVersion"};
inline constexpr method<api::DeleteWorkerDeploymentRequest, api::DeleteWorkerDeploymentResponse>
    delete_worker_deployment{"/temporal.api.workflowservice.v1.WorkflowService/DeleteWorkerDeployment"};

// Standalone activities.

inline constexpr method<api::StartActivityExecutionRequest, api::StartActivityExecutionResponse>
    start_activity_execution{"/temporal.api.workflowservice.v1.WorkflowService/StartActivityExecution"};
inline constexpr method<api::DescribeActivityExecutionRequest, api::DescribeActivityExecutionResponse>
    describe_activity_execution{"/temporal.api.workflowservice.v1.WorkflowService/DescribeActivityExecution"};
inline constexpr method<api::PollActivityExecutionRequest, api::PollActivityExecutionResponse> poll_activity_execution{
    "/temporal.api.workflowservice.v1.WorkflowService/PollActivityExecution", call_kind::long_poll};
inline constexpr method<api::ListActivityExecutionsRequest, api::ListActivityExecutionsResponse>
    list_activity_executions{"/temporal.api.workflowservice.v1.WorkflowService/ListActivityExecutions"};
inline constexpr method<api::CountActivityExecutionsRequest, api::CountActivityExecutionsResponse>
    count_activity_executions{"/temporal.api.workflowservice.v1.WorkflowService/CountActivityExecutions"};
inline constexpr method<api::RequestCancelActivityExecutionRequest, api::RequestCancelActivityExecutionResponse>
    request_cancel_activity_execution{
        "/temporal.api.workflowservice.v1.WorkflowService/RequestCancelActivityExecution"};
inline constexpr method<api::TerminateActivityExecutionRequest, api::TerminateActivityExecutionResponse>
    terminate_activity_execution{"/temporal.api.workflowservice.v1.WorkflowService/TerminateActivityExecution"};
inline constexpr method<api::DeleteActivityExecutionRequest, api::DeleteActivityExecutionResponse>
    delete_activity_execution{"/temporal.api.workflowservice.v1.WorkflowService/DeleteActivityExecution"};
inline constexpr method<wire::HealthCheckRequest, wire::HealthCheckResponse> health_check{
    "/grpc.health.v1.Health/Check"};

}  // namespace mayfly::temporal::methods
