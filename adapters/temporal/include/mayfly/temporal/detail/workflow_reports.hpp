// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/retry.hpp>
#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/detail/activity_failures.hpp>
#include <mayfly/temporal/detail/worker_names.hpp>
#include <mayfly/temporal/detail/worker_pulse.hpp>
#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/workflow/machine.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a worker says of workflow tasks, and what it makes of the answer. Pure.

namespace mayfly::temporal::detail {

/// Which SDK worked on a run last, as its history says.
struct known_sdk {
    std::string name{};
    std::string version{};
    friend bool operator==(const known_sdk&, const known_sdk&) = default;
};

[[nodiscard]] inline known_sdk own_sdk()
{
    return {"mayfly-cpp", own_version()};
}

/// What a report has of its task, beside what the machine made.
struct task_report {
    std::string token{};
    std::string workflow_id{};
    api::enums::VersioningBehavior behavior = api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED;
    bool keep = false;          ///< The run stays in memory: what comes next is to come here.
    bool goes_on = false;       ///< Local activities still run here: the next task is to come with the answer.
    bool tells_sdk = false;     ///< The server understands what is said of the SDK and its flags.
    bool names_itself = false;  ///< History does not say yet that this SDK works on it.
};

/// The reports of one worker.
class workflow_reports {
public:
    workflow_reports(
        worker_names names, std::string task_queue, std::string sticky_queue, std::chrono::nanoseconds sticky_patience)
        : names_(std::move(names)),
          task_queue_(std::move(task_queue)),
          sticky_queue_(std::move(sticky_queue)),
          sticky_patience_(sticky_patience)
    {}

    [[nodiscard]] api::taskqueue::TaskQueue sticky_queue() const
    {
        api::taskqueue::TaskQueue q;
        q.set_name(sticky_queue_);
        q.set_kind(api::enums::TASK_QUEUE_KIND_STICKY);
        q.set_normal_name(task_queue_);
        return q;
    }

    [[nodiscard]] api::PollWorkflowTaskQueueRequest poll(bool sticky) const
    {
        api::PollWorkflowTaskQueueRequest r;
        r.set_namespace_(names_.name_space);
        if (sticky) {
            *r.mutable_task_queue() = sticky_queue();
        } else {
            r.mutable_task_queue()->set_name(task_queue_);
            r.mutable_task_queue()->set_kind(api::enums::TASK_QUEUE_KIND_NORMAL);
        }
        r.set_identity(names_.identity);
        r.set_worker_instance_key(names_.instance_key);
        *r.mutable_deployment_options() = names_.deployment;
        return r;
    }

    [[nodiscard]] api::RespondWorkflowTaskCompletedRequest completed(
        const task_report& task, workflow::machine_step step) const
    {
        api::RespondWorkflowTaskCompletedRequest r;
        begin(r, task);
        for (auto& c : step.commands)
            *r.add_commands() = std::move(c);
        for (auto& m : step.messages)
            *r.add_messages() = std::move(m);
        for (auto& [id, answer] : step.query_results)
            (*r.mutable_query_results())[id] = std::move(answer);
        if (task.keep && !step.run_closed) {
            *r.mutable_sticky_attributes()->mutable_worker_task_queue() = sticky_queue();
            *r.mutable_sticky_attributes()->mutable_schedule_to_start_timeout() = to_wire(sticky_patience_);
        }
        r.set_return_new_workflow_task((task.keep || task.goes_on) && !step.run_closed);
        r.set_force_create_new_workflow_task(step.force_new_task);
        if (task.tells_sdk && (task.names_itself || !step.new_flags.empty())) {
            auto& sdk = *r.mutable_sdk_metadata();
            for (const std::uint32_t flag : step.new_flags)
                sdk.add_core_used_flags(flag);
            if (task.names_itself) {
                sdk.set_sdk_name(own_sdk().name);
                sdk.set_sdk_version(own_sdk().version);
            }
        }
        if (step.local_retries > 0)
            r.mutable_metering_metadata()->set_nonfirst_local_activity_execution_attempts(step.local_retries);
        r.mutable_capabilities()->set_discard_speculative_workflow_task_with_events(true);
        if (names_.deployment.worker_versioning_mode() == api::enums::WORKER_VERSIONING_MODE_VERSIONED)
            r.set_versioning_behavior(task.behavior);
        r.set_worker_instance_key(names_.instance_key);
        return r;
    }

    [[nodiscard]] api::RespondWorkflowTaskFailedRequest failed(
        const task_report& task, workflow::task_problem problem) const
    {
        api::RespondWorkflowTaskFailedRequest r;
        begin(r, task);
        r.set_cause(problem.cause);
        *r.mutable_failure() = std::move(problem.failure);
        return r;
    }

    [[nodiscard]] api::RespondQueryTaskCompletedRequest answered(const task_report& task, workflow::query_answer answer,
        api::enums::WorkflowTaskFailedCause cause = api::enums::WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED) const
    {
        api::RespondQueryTaskCompletedRequest r;
        r.set_namespace_(names_.name_space);
        r.set_task_token(task.token);
        if (!answer.failure) {
            r.set_completed_type(api::enums::QUERY_RESULT_TYPE_ANSWERED);
            *r.mutable_query_result() = std::move(answer.result);
            return r;
        }
        r.set_completed_type(api::enums::QUERY_RESULT_TYPE_FAILED);
        r.set_error_message(answer.failure->message());
        *r.mutable_failure() = *std::move(answer.failure);
        r.set_cause(cause);
        return r;
    }

    /// Wants activities to come with the answer, as far as `take(type)` has slots for them. Returns how many.
    template <class Take>
    [[nodiscard]] std::uint32_t want_eagerly(api::RespondWorkflowTaskCompletedRequest& r, Take take) const
    {
        constexpr std::uint32_t most = 3;  // an answer that is lost loses them until their timeouts
        std::uint32_t wanted = 0;
        for (auto& c : *r.mutable_commands()) {
            if (wanted == most)
                break;
            if (!c.has_schedule_activity_task_command_attributes())
                continue;
            auto& a = *c.mutable_schedule_activity_task_command_attributes();
            if (a.task_queue().name() != task_queue_ || !take(a.activity_type().name()))
                continue;
            a.set_request_eager_execution(true);
            ++wanted;
        }
        return wanted;
    }

private:
    template <class Request>
    void begin(Request& r, const task_report& task) const
    {
        r.set_namespace_(names_.name_space);
        r.set_identity(names_.identity);
        r.set_task_token(task.token);
        r.set_resource_id("workflow:" + task.workflow_id);
        *r.mutable_deployment_options() = names_.deployment;
    }

    worker_names names_;
    std::string task_queue_;
    std::string sticky_queue_;
    std::chrono::nanoseconds sticky_patience_;
};

/// What became of a completion.
enum class completion_end : std::uint8_t {
    accepted,
    gone,       ///< Somebody else has the task, or its time was over.
    outrun,     ///< Events came that the workflow has to see before it may end; they come with another task.
    refused,    ///< The server does not accept what the workflow did.
    too_large,  ///< It does not fit into a call.
    unheard,    ///< Nobody knows.
};

[[nodiscard]] inline completion_end completion_end_of(bool ok, const grpc::status& s)
{
    if (ok)
        return completion_end::accepted;
    if (grpc::is_message_too_large(s.code, s.message))
        return completion_end::too_large;
    switch (s.code) {
    case grpc::status_code::not_found:
    case grpc::status_code::failed_precondition: return completion_end::gone;
    case grpc::status_code::invalid_argument:
        return s.message.find("UnhandledCommand") != std::string::npos ? completion_end::outrun
                                                                       : completion_end::refused;
    default: return completion_end::unheard;
    }
}

/// For a completion, or an answer to a query, that does not fit into a call.
[[nodiscard]] inline workflow::task_problem too_large_problem(std::string_view what, const grpc::status& why)
{
    return {.cause = api::enums::WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE,
        .failure =
            made_failure(std::string(what) + " is too large to be sent: " + why.message, "GrpcMessageTooLarge", true)};
}

[[nodiscard]] inline workflow::task_problem unregistered_problem(
    std::string_view type, const std::vector<std::string>& known)
{
    std::string words = "workflow \"" + std::string(type) + "\" is not registered on this worker, which has ";
    std::size_t n = 0;
    for (const std::string& name : known)
        words += (n++ == 0 ? "" : ", ") + name;
    return {.failure = made_failure(std::move(words), "NotRegistered", false)};
}

}  // namespace mayfly::temporal::detail
