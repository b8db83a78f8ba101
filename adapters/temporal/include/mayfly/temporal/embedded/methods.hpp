// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/engine.hpp>
#include <mayfly/temporal/embedded/system_info.hpp>
#include <mayfly/temporal/proto/workflowservice_workflow.pb.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

// Which path is answered by which part of the engine. A new method is a row of `method_of`.

namespace mayfly::temporal::embedded {

/// Answers one call, or has it wait; the answer comes out of the engine.
using method_call = void (*)(engine&, ticket, std::string_view message, const caller&);

namespace detail {

template <class Request, class Call>
void read_and(engine& e, ticket id, std::string_view message, Call call)
{
    Request r;
    if (!r.ParseFromArray(message.data(), static_cast<int>(message.size())))
        return e.tell(id, refused(grpc::status_code::internal, "the request is no " + r.GetTypeName()));
    call(r);
}

/// By a member of the engine that answers at once.
template <class Request, auto Member>
void at_once(engine& e, ticket id, std::string_view message, const caller& who)
{
    read_and<Request>(e, id, message, [&](Request& r) { e.tell(id, (e.*Member)(std::move(r), who)); });
}

/// By one that may let it wait.
template <class Request, auto Member>
void in_time(engine& e, ticket id, std::string_view message, const caller& who)
{
    read_and<Request>(e, id, message, [&](Request& r) { (e.*Member)(id, r, who); });
}

/// By a function that needs no engine.
template <class Request, auto Function>
void plainly(engine& e, ticket id, std::string_view message, const caller&)
{
    read_and<Request>(e, id, message, [&](Request& r) { e.tell(id, Function(r)); });
}

template <class Request>
void by_deployments(engine& e, ticket id, std::string_view message, const caller& who)
{
    read_and<Request>(e, id, message, [&](Request& r) { e.tell(id, e.deployment(r, who)); });
}

template <class Request>
void by_workers(engine& e, ticket id, std::string_view message, const caller& who)
{
    read_and<Request>(e, id, message, [&](Request& r) { e.tell(id, e.worker(r, who)); });
}

template <class Request, task_type Type>
void by_poll(engine& e, ticket id, std::string_view message, const caller& who)
{
    read_and<Request>(e, id, message, [&](Request& r) {
        poll_request p{{r.namespace_(), r.task_queue().name(), Type}, r.identity(), r.worker_instance_key(),
            r.deployment_options(), std::nullopt, {}};
        if (r.task_queue().kind() == api::enums::TASK_QUEUE_KIND_STICKY) {
            if (r.task_queue().normal_name().empty())
                return e.tell(id, bad_request("a poll of a sticky task queue must say which one it belongs to: give "
                                              "task_queue.normal_name"));
            p.normal_name = r.task_queue().normal_name();
        }
        if constexpr (requires { r.task_queue_metadata(); })
            if (r.task_queue_metadata().has_max_tasks_per_second())
                p.tasks_per_second = r.task_queue_metadata().max_tasks_per_second().value();
        e.poll_task(id, std::move(p), who);
    });
}

}  // namespace detail

/// Null for what is not served.
[[nodiscard]] inline method_call method_of(std::string_view path)
{
    using namespace api;
    using detail::at_once;
    using detail::by_deployments;
    using detail::by_poll;
    using detail::by_workers;
    using detail::in_time;
    using detail::plainly;
    static const std::unordered_map<std::string_view, method_call> methods{
        {"GetSystemInfo", &plainly<GetSystemInfoRequest, &system_info>},
        {"GetClusterInfo", &plainly<GetClusterInfoRequest, &cluster_info>},
        {"RegisterNamespace", &at_once<RegisterNamespaceRequest, &engine::register_namespace>},
        {"DescribeNamespace", &at_once<DescribeNamespaceRequest, &engine::describe_namespace>},
        {"ListNamespaces", &at_once<ListNamespacesRequest, &engine::list_namespaces>},
        {"UpdateNamespace", &at_once<UpdateNamespaceRequest, &engine::update_namespace>},

        {"StartActivityExecution", &at_once<StartActivityExecutionRequest, &engine::start_activity>},
        {"DescribeActivityExecution", &in_time<DescribeActivityExecutionRequest, &engine::describe_activity>},
        {"PollActivityExecution", &in_time<PollActivityExecutionRequest, &engine::poll_activity>},
        {"ListActivityExecutions", &at_once<ListActivityExecutionsRequest, &engine::list_activities>},
        {"CountActivityExecutions", &at_once<CountActivityExecutionsRequest, &engine::count_activities>},
        {"RequestCancelActivityExecution", &at_once<RequestCancelActivityExecutionRequest, &engine::cancel_activity>},
        {"TerminateActivityExecution", &at_once<TerminateActivityExecutionRequest, &engine::terminate_activity>},
        {"DeleteActivityExecution", &at_once<DeleteActivityExecutionRequest, &engine::delete_activity>},

        {"PollActivityTaskQueue", &by_poll<PollActivityTaskQueueRequest, task_type::activity>},
        {"PollWorkflowTaskQueue", &by_poll<PollWorkflowTaskQueueRequest, task_type::workflow>},
        {"PollNexusTaskQueue", &by_poll<PollNexusTaskQueueRequest, task_type::nexus>},
        {"RespondActivityTaskCompleted",
            &at_once<RespondActivityTaskCompletedRequest,
                &engine::complete_task<RespondActivityTaskCompletedResponse, RespondActivityTaskCompletedRequest>>},
        {"RespondActivityTaskCompletedById", &at_once<RespondActivityTaskCompletedByIdRequest,
                                                 &engine::complete_task<RespondActivityTaskCompletedByIdResponse,
                                                     RespondActivityTaskCompletedByIdRequest>>},
        {"RespondActivityTaskFailed",
            &at_once<RespondActivityTaskFailedRequest,
                &engine::fail_task<RespondActivityTaskFailedResponse, RespondActivityTaskFailedRequest>>},
        {"RespondActivityTaskFailedById",
            &at_once<RespondActivityTaskFailedByIdRequest,
                &engine::fail_task<RespondActivityTaskFailedByIdResponse, RespondActivityTaskFailedByIdRequest>>},
        {"RespondActivityTaskCanceled",
            &at_once<RespondActivityTaskCanceledRequest,
                &engine::cancel_task<RespondActivityTaskCanceledResponse, RespondActivityTaskCanceledRequest>>},
        {"RespondActivityTaskCanceledById",
            &at_once<RespondActivityTaskCanceledByIdRequest,
                &engine::cancel_task<RespondActivityTaskCanceledByIdResponse, RespondActivityTaskCanceledByIdRequest>>},
        {"RecordActivityTaskHeartbeat",
            &at_once<RecordActivityTaskHeartbeatRequest,
                &engine::heartbeat<RecordActivityTaskHeartbeatResponse, RecordActivityTaskHeartbeatRequest>>},
        {"RecordActivityTaskHeartbeatById",
            &at_once<RecordActivityTaskHeartbeatByIdRequest,
                &engine::heartbeat<RecordActivityTaskHeartbeatByIdResponse, RecordActivityTaskHeartbeatByIdRequest>>},

        {"StartWorkflowExecution", &at_once<StartWorkflowExecutionRequest, &engine::start_workflow>},
        {"SignalWithStartWorkflowExecution",
            &at_once<SignalWithStartWorkflowExecutionRequest, &engine::signal_with_start>},
        {"ExecuteMultiOperation", &in_time<ExecuteMultiOperationRequest, &engine::start_and_update>},
        {"SignalWorkflowExecution", &at_once<SignalWorkflowExecutionRequest, &engine::signal_workflow>},
        {"RequestCancelWorkflowExecution", &at_once<RequestCancelWorkflowExecutionRequest, &engine::cancel_workflow>},
        {"TerminateWorkflowExecution", &at_once<TerminateWorkflowExecutionRequest, &engine::terminate_workflow>},
        {"DeleteWorkflowExecution", &at_once<DeleteWorkflowExecutionRequest, &engine::delete_workflow>},
        {"DescribeWorkflowExecution", &at_once<DescribeWorkflowExecutionRequest, &engine::describe_workflow>},
        {"GetWorkflowExecutionHistory", &in_time<GetWorkflowExecutionHistoryRequest, &engine::read_history>},
        {"QueryWorkflow", &in_time<QueryWorkflowRequest, &engine::query_workflow>},
        {"UpdateWorkflowExecution", &in_time<UpdateWorkflowExecutionRequest, &engine::update_workflow>},
        {"PollWorkflowExecutionUpdate", &in_time<PollWorkflowExecutionUpdateRequest, &engine::poll_update>},
        {"RespondWorkflowTaskCompleted",
            &at_once<RespondWorkflowTaskCompletedRequest, &engine::complete_workflow_task>},
        {"RespondWorkflowTaskFailed", &at_once<RespondWorkflowTaskFailedRequest, &engine::fail_workflow_task>},
        {"RespondQueryTaskCompleted", &at_once<RespondQueryTaskCompletedRequest, &engine::complete_query>},
        {"ResetWorkflowExecution", &at_once<ResetWorkflowExecutionRequest, &engine::reset_workflow>},
        {"UpdateWorkflowExecutionOptions",
            &at_once<UpdateWorkflowExecutionOptionsRequest, &engine::set_workflow_options>},
        {"ListWorkflowExecutions", &at_once<ListWorkflowExecutionsRequest, &engine::list_workflows>},
        {"CountWorkflowExecutions", &at_once<CountWorkflowExecutionsRequest, &engine::count_workflows>},

        {"DescribeTaskQueue", &at_once<DescribeTaskQueueRequest, &engine::describe_queue>},
        {"UpdateTaskQueueConfig", &at_once<UpdateTaskQueueConfigRequest, &engine::configure_queue>},
        {"ShutdownWorker", &at_once<ShutdownWorkerRequest, &engine::shutdown_worker>},
        {"RecordWorkerHeartbeat", &by_workers<RecordWorkerHeartbeatRequest>},
        {"ListWorkers", &by_workers<ListWorkersRequest>},
        {"CountWorkers", &by_workers<CountWorkersRequest>},
        {"DescribeWorker", &by_workers<DescribeWorkerRequest>},

        {"CreateWorkerDeployment", &by_deployments<CreateWorkerDeploymentRequest>},
        {"CreateWorkerDeploymentVersion", &by_deployments<CreateWorkerDeploymentVersionRequest>},
        {"UpdateWorkerDeploymentVersionComputeConfig",
            &by_deployments<UpdateWorkerDeploymentVersionComputeConfigRequest>},
        {"ValidateWorkerDeploymentVersionComputeConfig",
            &by_deployments<ValidateWorkerDeploymentVersionComputeConfigRequest>},
        {"DescribeWorkerDeployment", &by_deployments<DescribeWorkerDeploymentRequest>},
        {"DescribeWorkerDeploymentVersion", &by_deployments<DescribeWorkerDeploymentVersionRequest>},
        {"ListWorkerDeployments", &by_deployments<ListWorkerDeploymentsRequest>},
        {"SetWorkerDeploymentCurrentVersion", &by_deployments<SetWorkerDeploymentCurrentVersionRequest>},
        {"SetWorkerDeploymentRampingVersion", &by_deployments<SetWorkerDeploymentRampingVersionRequest>},
        {"SetWorkerDeploymentManager", &by_deployments<SetWorkerDeploymentManagerRequest>},
        {"UpdateWorkerDeploymentVersionMetadata", &by_deployments<UpdateWorkerDeploymentVersionMetadataRequest>},
        {"DeleteWorkerDeploymentVersion", &by_deployments<DeleteWorkerDeploymentVersionRequest>},
        {"DeleteWorkerDeployment", &by_deployments<DeleteWorkerDeploymentRequest>},
    };
    if (path == "/grpc.health.v1.Health/Check")
        return &plainly<wire::HealthCheckRequest, &health>;
    const std::size_t name = workflow_service.size() + 2;
    if (path.size() <= name || path.find(workflow_service) != 1)
        return nullptr;
    path.remove_prefix(name);
    const auto at = methods.find(path);
    return at == methods.end() ? nullptr : at->second;
}

/// One call of any method.
inline void serve(engine& e, ticket id, std::string_view path, std::string_view message, const caller& who)
{
    if (const method_call call = method_of(path))
        return call(e, id, message, who);
    e.tell(id, refused(grpc::status_code::unimplemented,
                   std::string(path) + " is not served by the embedded service; use a Temporal server for it"));
}

}  // namespace mayfly::temporal::embedded
