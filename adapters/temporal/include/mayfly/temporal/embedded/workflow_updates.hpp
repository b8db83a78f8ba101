// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/workflow_ends.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

inline constexpr std::string_view update_messages = "type.googleapis.com/temporal.api.update.v1.";

[[nodiscard]] inline api::failure::Failure update_failure(const char* type, const char* words)
{
    api::failure::Failure f;
    f.set_message(words);
    f.set_source("Server");
    f.mutable_application_failure_info()->set_type(type);
    f.mutable_application_failure_info()->set_non_retryable(true);
    return f;
}

[[nodiscard]] inline grpc::status workflow_closing()
{
    api::errordetails::ResourceExhaustedFailure detail;
    detail.set_cause(api::enums::RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW);
    detail.set_scope(api::enums::RESOURCE_EXHAUSTED_SCOPE_NAMESPACE);
    return refused(grpc::status_code::resource_exhausted,
        "workflow operation can not be applied because workflow is closing", "ResourceExhaustedFailure", detail);
}

[[nodiscard]] inline grpc::status workflow_not_ready(std::string words)
{
    return refused(grpc::status_code::failed_precondition, std::move(words), "WorkflowNotReadyFailure",
        api::errordetails::WorkflowNotReadyFailure());
}

/// Updates: from the call that asks for one, by way of a task, to the answer.
class workflow_updates : public workflow_ends {
public:
    void update_workflow(ticket id, const api::UpdateWorkflowExecutionRequest& q, const caller& who)
    {
        const auto found = run_to_update(q, who);
        if (!found)
            return tell(id, found.error());
        workflow_run& r = **found;
        const std::string update = update_id_of(q);
        if (grpc::status bad = admit(r, q, update, who); !bad.ok())
            return tell(id, std::move(bad));
        workflow_wait w{.id = id, .kind = workflow_wait::what::update, .update_id = update};
        w.stage =
            std::max(q.wait_policy().lifecycle_stage(), api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED);
        wait_for(r, std::move(w), who);
    }

    void poll_update(ticket id, const api::PollWorkflowExecutionUpdateRequest& q, const caller& who)
    {
        if (grpc::status bad = names_.check(q.namespace_()); !bad.ok())
            return tell(id, std::move(bad));
        const auto& ref = q.update_ref();
        workflow_run* const r =
            runs_.find(q.namespace_(), ref.workflow_execution().workflow_id(), ref.workflow_execution().run_id());
        if (r == nullptr)
            return tell(id, no_workflow(ref.workflow_execution().workflow_id()));
        if (!r->updates.contains(ref.update_id()))
            return tell(id, not_found("update \"" + ref.update_id() + "\" not found"));
        workflow_wait w{.id = id, .kind = workflow_wait::what::update_poll, .update_id = ref.update_id()};
        w.stage = q.wait_policy().lifecycle_stage();
        wait_for(*r, std::move(w), who);
    }

protected:
    using workflow_ends::workflow_ends;
    ~workflow_updates() = default;

    static constexpr std::size_t most_updates_at_once = 10;
    static constexpr std::size_t most_updates = 2000;

    [[nodiscard]] static grpc::status no_workflow(const std::string& id)
    {
        return not_found("workflow not found for ID: " + id);
    }

    [[nodiscard]] std::string update_id_of(const api::UpdateWorkflowExecutionRequest& q)
    {
        return q.request().meta().update_id().empty() ? ids_.uuid() : q.request().meta().update_id();
    }

    [[nodiscard]] grpc::status check_update(const api::UpdateWorkflowExecutionRequest& q) const
    {
        const auto& asked = q.request();
        if (asked.input().name().empty())
            return bad_request("UpdateName is not set on request.");
        for (const std::string* text : {&asked.input().name(), &asked.meta().update_id(), &asked.meta().identity()})
            if (grpc::status bad = check_length("UpdateName, UpdateId or Identity", *text, limits_.id_length);
                !bad.ok())
                return bad;
        if (asked.input().args().ByteSizeLong() > limits_.blob)
            return bad_request("update input exceeds size limit");
        if (q.wait_policy().lifecycle_stage() == api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED)
            return bad_request("to wait for the stage ADMITTED is not served; wait for ACCEPTED or COMPLETED");
        return {};
    }

    [[nodiscard]] answered<workflow_run*> run_to_update(
        const api::UpdateWorkflowExecutionRequest& q, const caller&) const
    {
        if (grpc::status bad = names_.check(q.namespace_()); !bad.ok())
            return bad;
        const auto& which = q.workflow_execution();
        if (which.workflow_id().empty())
            return bad_request("WorkflowId is not set on request.");
        if (grpc::status bad = check_update(q); !bad.ok())
            return bad;
        workflow_run* const r = runs_.find(q.namespace_(), which.workflow_id(), which.run_id());
        if (r == nullptr || (!q.first_execution_run_id().empty() && r->first_run_id != q.first_execution_run_id()))
            return no_workflow(which.workflow_id());
        return r;
    }

    /// Makes the update known to the run, unless it is already.
    [[nodiscard]] grpc::status admit(workflow_run& r, const api::UpdateWorkflowExecutionRequest& q,
        const std::string& update, const caller& who, bool first_task_follows = false)
    {
        if (r.updates.contains(update))
            return {};
        if (!r.open())
            return not_found("workflow execution already completed");
        if (r.task.attempt >= 3)
            return workflow_not_ready(
                "Unable to perform workflow execution update due to Workflow Task in failed state.");
        const auto in_flight = std::count_if(r.updates.begin(), r.updates.end(),
            [](const auto& u) { return u.second.where != workflow_update::state::completed; });
        if (static_cast<std::size_t>(in_flight) >= most_updates_at_once || r.updates.size() >= most_updates) {
            api::errordetails::ResourceExhaustedFailure detail;
            detail.set_cause(api::enums::RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT);
            detail.set_scope(api::enums::RESOURCE_EXHAUSTED_SCOPE_NAMESPACE);
            return refused(grpc::status_code::resource_exhausted,
                "limit on number of concurrent in-flight updates has been reached", "ResourceExhaustedFailure", detail);
        }
        workflow_update& u = r.updates[update];
        u.request = q.request();
        u.request.mutable_meta()->set_update_id(update);
        r.update_order.push_back(update);
        if (!r.has_task() && !r.backoff && !first_task_follows) {
            schedule_task(r, who.now, true);
            enqueue_task(r, who.now);
        }
        settle(r, who.now);
        return {};
    }

    [[nodiscard]] static bool has_admitted(const workflow_run& r)
    {
        return std::any_of(r.updates.begin(), r.updates.end(),
            [](const auto& u) { return u.second.where == workflow_update::state::admitted; });
    }

    /// The updates that go along with a task which a worker gets now.
    static void send_updates(workflow_run& r, api::PollWorkflowTaskQueueResponse& task)
    {
        for (const std::string& id : r.update_order) {
            workflow_update& u = r.updates.at(id);
            if (u.where != workflow_update::state::admitted)
                continue;
            u.where = workflow_update::state::sent;
            if (u.in_event)
                continue;
            auto& m = *task.add_messages();
            m.set_id(id + "/request");
            m.set_protocol_instance_id(id);
            m.set_event_id(r.task.started_event - 1);
            m.mutable_body()->set_type_url(std::string(update_messages) + "Request");
            m.mutable_body()->set_value(u.request.SerializeAsString());
        }
    }

    // What a worker says of them. That it makes sense was looked at before.

    void accept_update(workflow_run& r, const std::string& id, std::int64_t sequencing_event, const moment& now)
    {
        workflow_update& u = r.updates.at(id);
        auto& e = r.history.write(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED, now);
        auto& a = *e.mutable_workflow_execution_update_accepted_event_attributes();
        a.set_protocol_instance_id(id);
        a.set_accepted_request_message_id(id + "/request");
        a.set_accepted_request_sequencing_event_id(sequencing_event);
        if (!u.in_event)
            *a.mutable_accepted_request() = u.request;
        u.accepted_event = e.event_id();
        u.where = workflow_update::state::accepted;
    }

    void complete_update(workflow_run& r, const api::update::Response& said, const moment& now)
    {
        workflow_update& u = r.updates.at(said.meta().update_id());
        auto& a = *r.history.write(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED, now)
                       .mutable_workflow_execution_update_completed_event_attributes();
        *a.mutable_meta() = said.meta();
        a.set_accepted_event_id(u.accepted_event);
        *a.mutable_outcome() = said.outcome();
        u.outcome = said.outcome();
        u.where = workflow_update::state::completed;
    }

    static void reject_update(workflow_run& r, const std::string& id, api::failure::Failure failure)
    {
        workflow_update& u = r.updates.at(id);
        u.outcome.emplace();
        *u.outcome->mutable_failure() = std::move(failure);
        u.where = workflow_update::state::completed;
        u.rejected = true;
    }

    /// A completion that says nothing of an update which it was given rejects it.
    static void reject_unanswered(workflow_run& r)
    {
        for (auto& [id, u] : r.updates)
            if (u.where == workflow_update::state::sent)
                reject_update(r, id,
                    update_failure("UnprocessedUpdate",
                        "The worker completed the workflow task without a word on this update, which is therefore "
                        "rejected. Its SDK may not know updates."));
    }

    void abort_updates(workflow_run& r, bool goes_on, const moment&) override
    {
        std::vector<std::string> gone;
        for (auto& [id, u] : r.updates) {
            if (u.where == workflow_update::state::completed)
                continue;
            if (u.where == workflow_update::state::accepted) {
                u.outcome.emplace();
                *u.outcome->mutable_failure() = update_failure(
                    "AcceptedUpdateCompletedWorkflow", "The workflow ended before this update of it was completed.");
                u.where = workflow_update::state::completed;
                continue;
            }
            gone.push_back(id);
        }
        forget_updates(
            r, gone, goes_on ? workflow_closing() : not_found("workflow update was aborted by closing workflow"));
    }

    /// A task that carried them was refused as a whole.
    void abort_sent(workflow_run& r)
    {
        std::vector<std::string> gone;
        for (const auto& [id, u] : r.updates)
            if (u.where == workflow_update::state::sent)
                gone.push_back(id);
        forget_updates(r, gone,
            workflow_not_ready("Unable to perform workflow execution update due to unexpected workflow task failure."));
    }

    // Who waits for them.

    void wait_for(workflow_run& r, workflow_wait w, const caller& who)
    {
        const ticket id = w.id;
        if (grpc::status bad = run_waits_.wait(std::move(w), r, who, update_patience); !bad.ok())
            return tell(id, std::move(bad));
        try_answer(*run_waits_.find(id), who.now);
    }

    [[nodiscard]] static bool reached(const workflow_update& u, api::enums::UpdateWorkflowExecutionLifecycleStage stage)
    {
        return stage_of(u) >= stage;
    }

    [[nodiscard]] static api::enums::UpdateWorkflowExecutionLifecycleStage stage_of(const workflow_update& u)
    {
        switch (u.where) {
        case workflow_update::state::completed: return api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
        case workflow_update::state::accepted: return api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED;
        default: return api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED;
        }
    }

    [[nodiscard]] static api::UpdateWorkflowExecutionResponse update_answer(
        const workflow_run& r, const std::string& id, const workflow_update& u)
    {
        api::UpdateWorkflowExecutionResponse out;
        *out.mutable_update_ref()->mutable_workflow_execution() = r.who();
        out.mutable_update_ref()->set_update_id(id);
        if (u.outcome)
            *out.mutable_outcome() = *u.outcome;
        out.set_stage(stage_of(u));
        return out;
    }

    /// What a call that waits for an update is told, whether or not it has come as far as was wished.
    [[nodiscard]] static std::string update_message(const workflow_wait& w, const workflow_update& u)
    {
        const api::UpdateWorkflowExecutionResponse all = update_answer(*w.run, w.update_id, u);
        if (w.kind == workflow_wait::what::update)
            return all.SerializeAsString();
        if (w.kind == workflow_wait::what::both) {
            api::ExecuteMultiOperationResponse out;
            *out.add_responses()->mutable_start_workflow() = w.started;
            *out.add_responses()->mutable_update_workflow() = all;
            return out.SerializeAsString();
        }
        api::PollWorkflowExecutionUpdateResponse out;
        *out.mutable_update_ref() = all.update_ref();
        if (all.has_outcome())
            *out.mutable_outcome() = all.outcome();
        out.set_stage(all.stage());
        return out.SerializeAsString();
    }

    void try_answer_update(const workflow_wait& w)
    {
        const auto at = w.run->updates.find(w.update_id);
        if (at == w.run->updates.end() || !reached(at->second, w.stage))
            return;
        std::string message = update_message(w, at->second);
        const ticket id = w.id;
        run_waits_.forget(id);
        tell(id, std::move(message));
    }

    static constexpr uptime update_patience = std::chrono::seconds(20);

private:
    /// They never were; who waits for one of them is told `why`.
    void forget_updates(workflow_run& r, const std::vector<std::string>& ids, const grpc::status& why)
    {
        if (ids.empty())
            return;
        for (const std::string& id : ids)
            r.updates.erase(id);
        std::erase_if(r.update_order, [&r](const std::string& id) { return !r.updates.contains(id); });
        for (const ticket t : std::set<ticket>(r.waiting)) {
            const workflow_wait* const w = run_waits_.find(t);
            if (w == nullptr || w->update_id.empty() || r.updates.contains(w->update_id))
                continue;
            run_waits_.forget(t);
            tell(t, why);
        }
    }
};

}  // namespace mayfly::temporal::embedded
