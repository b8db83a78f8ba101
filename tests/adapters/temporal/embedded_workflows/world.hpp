// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../embedded/world.hpp"

#include <mayfly/temporal/workflow/messages.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

using commands = std::vector<api::command::Command>;
using completed_request = api::RespondWorkflowTaskCompletedRequest;
using flow_task = api::PollWorkflowTaskQueueResponse;

inline api::command::Command end_with(const std::string& result = "done")
{
    api::command::Command c;
    c.set_command_type(api::enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
    *c.mutable_complete_workflow_execution_command_attributes()->mutable_result() = payloads(result);
    return c;
}

inline api::command::Command fail_with(const api::failure::Failure& f)
{
    api::command::Command c;
    c.set_command_type(api::enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION);
    *c.mutable_fail_workflow_execution_command_attributes()->mutable_failure() = f;
    return c;
}

inline api::command::Command timer(const std::string& id, uptime after)
{
    api::command::Command c;
    c.set_command_type(api::enums::COMMAND_TYPE_START_TIMER);
    c.mutable_start_timer_command_attributes()->set_timer_id(id);
    put(*c.mutable_start_timer_command_attributes()->mutable_start_to_fire_timeout(), after);
    return c;
}

inline api::command::Command cancel_timer(const std::string& id)
{
    api::command::Command c;
    c.set_command_type(api::enums::COMMAND_TYPE_CANCEL_TIMER);
    c.mutable_cancel_timer_command_attributes()->set_timer_id(id);
    return c;
}

inline api::command::Command activity(const std::string& id, uptime start_to_close = 10s)
{
    api::command::Command c;
    c.set_command_type(api::enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK);
    auto& a = *c.mutable_schedule_activity_task_command_attributes();
    a.set_activity_id(id);
    a.mutable_activity_type()->set_name("work");
    put(*a.mutable_start_to_close_timeout(), start_to_close);
    return c;
}

inline api::command::Command cancel_activity(std::int64_t scheduled)
{
    api::command::Command c;
    c.set_command_type(api::enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK);
    c.mutable_request_cancel_activity_task_command_attributes()->set_scheduled_event_id(scheduled);
    return c;
}

inline api::command::Command child(
    const std::string& id, api::enums::ParentClosePolicy policy = api::enums::PARENT_CLOSE_POLICY_TERMINATE)
{
    api::command::Command c;
    c.set_command_type(api::enums::COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION);
    auto& a = *c.mutable_start_child_workflow_execution_command_attributes();
    a.set_workflow_id(id);
    a.mutable_workflow_type()->set_name("kid");
    a.set_parent_close_policy(policy);
    return c;
}

inline api::command::Command go_on()
{
    api::command::Command c;
    c.set_command_type(api::enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION);
    *c.mutable_continue_as_new_workflow_execution_command_attributes()->mutable_input() = payloads("again");
    return c;
}

inline api::command::Command message_command(const api::protocol::Message& m)
{
    api::command::Command c;
    c.set_command_type(api::enums::COMMAND_TYPE_PROTOCOL_MESSAGE);
    c.mutable_protocol_message_command_attributes()->set_message_id(m.id());
    return c;
}

/// Clients and workers of workflows that do as they are told.
struct flows : world {
    using world::world;

    static api::StartWorkflowExecutionRequest start_of(const std::string& id)
    {
        api::StartWorkflowExecutionRequest q;
        q.set_namespace_("default");
        q.set_workflow_id(id);
        q.mutable_workflow_type()->set_name("flow");
        q.mutable_task_queue()->set_name("q");
        return q;
    }

    answered<api::StartWorkflowExecutionResponse> try_begin(const api::StartWorkflowExecutionRequest& q)
    {
        auto out = e.start_workflow(q, who());
        collect();
        return out;
    }

    /// The run's id.
    std::string begin(
        const std::string& id = "w", const std::function<void(api::StartWorkflowExecutionRequest&)>& how = {})
    {
        api::StartWorkflowExecutionRequest q = start_of(id);
        if (how)
            how(q);
        return must(try_begin(q)).run_id();
    }

    ticket poll_flow(const std::string& identity = "w", const std::string& sticky = "",
        const std::optional<deployment_version>& version = {})
    {
        poll_request p{{"default", sticky.empty() ? "q" : sticky, task_type::workflow}, identity, identity + "-key", {},
            std::nullopt, sticky.empty() ? "" : "q"};
        if (version) {
            p.options.set_deployment_name(version->deployment);
            p.options.set_build_id(version->build_id);
            p.options.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
        }
        e.poll_task(++last, std::move(p), who());
        collect();
        return last;
    }

    /// What a poll brought; none if it brought nothing, or nothing yet.
    std::optional<flow_task> flow(ticket id)
    {
        const auto a = got(id);
        if (!a || a->message.empty())
            return std::nullopt;
        flow_task out;
        REQUIRE(out.ParseFromString(a->message));
        return out;
    }

    /// The next task, which there must be.
    flow_task take_flow(const std::string& sticky = "")
    {
        const ticket id = poll_flow("w", sticky);
        const auto t = flow(id);
        REQUIRE(t);
        return *t;
    }

    /// No worker has anything to do.
    bool nothing_to_do()
    {
        const ticket id = poll_flow("idle");
        const bool out = !flow(id);
        e.leave(id, now);
        return out;
    }

    answered<api::RespondWorkflowTaskCompletedResponse> reply(
        const flow_task& t, const commands& all = {}, const std::function<void(completed_request&)>& how = {})
    {
        completed_request q;
        q.set_namespace_("default");
        q.set_task_token(t.task_token());
        q.set_identity("w");
        for (const auto& c : all)
            *q.add_commands() = c;
        if (how)
            how(q);
        auto out = e.complete_workflow_task(q, who());
        collect();
        return out;
    }

    static void keep_sticky(completed_request& q)
    {
        q.mutable_sticky_attributes()->mutable_worker_task_queue()->set_name("mine");
        put(*q.mutable_sticky_attributes()->mutable_schedule_to_start_timeout(), 5s);
    }

    grpc::status_code fail_flow(const flow_task& t)
    {
        api::RespondWorkflowTaskFailedRequest q;
        q.set_namespace_("default");
        q.set_task_token(t.task_token());
        q.set_cause(api::enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
        const auto out = e.fail_workflow_task(q, who());
        collect();
        return code_of(out);
    }

    grpc::status_code signal(const std::string& id = "w", const std::string& name = "s")
    {
        api::SignalWorkflowExecutionRequest q;
        q.set_namespace_("default");
        q.mutable_workflow_execution()->set_workflow_id(id);
        q.set_signal_name(name);
        const auto out = e.signal_workflow(q, who());
        collect();
        return code_of(out);
    }

    grpc::status_code terminate(const std::string& id = "w")
    {
        api::TerminateWorkflowExecutionRequest q;
        q.set_namespace_("default");
        q.mutable_workflow_execution()->set_workflow_id(id);
        const auto out = e.terminate_workflow(q, who());
        collect();
        return code_of(out);
    }

    ticket update(const std::string& update_id = "u", const std::string& id = "w")
    {
        api::UpdateWorkflowExecutionRequest q;
        q.set_namespace_("default");
        q.mutable_workflow_execution()->set_workflow_id(id);
        q.mutable_wait_policy()->set_lifecycle_stage(api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
        q.mutable_request()->mutable_meta()->set_update_id(update_id);
        q.mutable_request()->mutable_input()->set_name("put");
        e.update_workflow(++last, q, who());
        collect();
        return last;
    }

    /// What the update came to; none if it has not.
    std::optional<api::UpdateWorkflowExecutionResponse> updated(ticket id)
    {
        const auto a = got(id);
        if (!a || !a->status.ok())
            return std::nullopt;
        api::UpdateWorkflowExecutionResponse out;
        REQUIRE(out.ParseFromString(a->message));
        return out;
    }

    template <class Body>
    static api::protocol::Message about(const flow_task& t, const char* type, const Body& body)
    {
        api::protocol::Message m;
        m.set_id(t.messages(0).protocol_instance_id() + '/' + type);
        m.set_protocol_instance_id(t.messages(0).protocol_instance_id());
        m.mutable_body()->set_type_url(std::string(update_messages) + type);
        m.mutable_body()->set_value(body.SerializeAsString());
        return m;
    }

    static api::protocol::Message acceptance(const flow_task& t)
    {
        api::update::Acceptance a;
        a.set_accepted_request_message_id(t.messages(0).id());
        a.set_accepted_request_sequencing_event_id(t.messages(0).event_id());
        return about(t, "Acceptance", a);
    }

    static api::protocol::Message response(const flow_task& t)
    {
        api::update::Response a;
        a.mutable_meta()->set_update_id(t.messages(0).protocol_instance_id());
        *a.mutable_outcome()->mutable_success() = payloads("yes");
        return about(t, "Response", a);
    }

    static api::protocol::Message rejection(const flow_task& t)
    {
        api::update::Rejection a;
        a.mutable_failure()->set_message("no");
        return about(t, "Rejection", a);
    }

    ticket query(const std::string& id = "w")
    {
        api::QueryWorkflowRequest q;
        q.set_namespace_("default");
        q.mutable_execution()->set_workflow_id(id);
        q.mutable_query()->set_query_type("state");
        e.query_workflow(++last, q, who());
        collect();
        return last;
    }

    grpc::status_code answer_query(const flow_task& t)
    {
        api::RespondQueryTaskCompletedRequest q;
        q.set_namespace_("default");
        q.set_task_token(t.task_token());
        q.set_completed_type(api::enums::QUERY_RESULT_TYPE_ANSWERED);
        *q.mutable_query_result() = payloads("here");
        const auto out = e.complete_query(q, who());
        collect();
        return code_of(out);
    }

    /// The result's text; none if there is no answer.
    std::optional<std::string> queried(ticket id)
    {
        const auto a = got(id);
        if (!a || !a->status.ok())
            return std::nullopt;
        api::QueryWorkflowResponse out;
        REQUIRE(out.ParseFromString(a->message));
        return out.query_result().payloads(0).data();
    }

    const workflow_run& run(const std::string& id = "w")
    {
        const workflow_run* const r = e.workflows().find("default", id, "");
        REQUIRE(r);
        return *r;
    }

    /// The latest run's events: `started scheduled signaled`, in short.
    std::string events(const std::string& id = "w", std::int64_t from = 1) { return events_of(run(id), from); }

    static std::string events_of(const workflow_run& r, std::int64_t from = 1)
    {
        std::string out;
        for (const auto& event : r.history.events()) {
            if (event.event_id() < from)
                continue;
            std::string name = api::enums::EventType_Name(event.event_type()).substr(11);
            for (const auto& [whole, brief] :
                {std::pair<std::string_view, std::string_view>{"WORKFLOW_EXECUTION_", "W:"}, {"WORKFLOW_TASK_", "T:"},
                    {"ACTIVITY_TASK_", "A:"}, {"CHILD_WORKFLOW_EXECUTION_", "C:"}, {"CHILD_W:", "C:"}})
                if (const auto at = name.find(whole); at != name.npos)
                    name.replace(at, whole.size(), brief);
            out += (out.empty() ? "" : " ") + name;
        }
        return out;
    }

    /// A call that waits for the run to end.
    ticket result(const std::string& id = "w")
    {
        api::GetWorkflowExecutionHistoryRequest q;
        q.set_namespace_("default");
        q.mutable_execution()->set_workflow_id(id);
        q.set_wait_new_event(true);
        q.set_history_event_filter_type(api::enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT);
        e.read_history(++last, q, who());
        collect();
        return last;
    }
};

}  // namespace mayfly::temporal::embedded
