// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/start_rules.hpp>
#include <mayfly/temporal/embedded/workflow_command_rules.hpp>
#include <mayfly/temporal/embedded/workflow_queries.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/// What the commands of a completed task become: events, and what they begin. That they make sense was looked at
/// before.
class workflow_commands : public workflow_queries {
protected:
    using workflow_queries::workflow_queries;
    ~workflow_commands() = default;

    /// What a completion brings about once its events are written.
    struct completion {
        std::int64_t event = 0;  ///< Of the task's completion.
        std::vector<execution*> activities{};
        std::vector<execution*> eager{};  ///< That go with the answer.
        std::optional<run_start> next{};
        std::optional<api::enums::WorkflowExecutionStatus> closes{};
        bool another_task = false;  ///< An activity was cancelled before it was started.
    };

    void apply(workflow_run& r, const api::RespondWorkflowTaskCompletedRequest& q, completion& into, const moment& now)
    {
        std::set<std::string> taken;
        for (const auto& c : q.commands()) {
            if (into.closes)
                break;
            if (c.command_type() == api::enums::COMMAND_TYPE_PROTOCOL_MESSAGE) {
                const std::string& id = c.protocol_message_command_attributes().message_id();
                taken.insert(id);
                for (const auto& m : q.messages())
                    if (m.id() == id)
                        apply_message(r, m, now);
                continue;
            }
            const std::int64_t before = r.history.next_id();
            apply_one(r, c, q, into, now);
            // The first event of a command is the command's own.
            if (c.has_user_metadata() && r.history.next_id() > before)
                *r.history.last().mutable_user_metadata() = c.user_metadata();
        }
        for (const auto& m : q.messages())
            if (!taken.contains(m.id()))
                apply_message(r, m, now);
    }

    /// Puts entries in, and takes out those that are set to nothing.
    template <class Map>
    static void merge(Map& into, const Map& from)
    {
        for (const auto& [key, value] : from)
            if (value.data().empty() || value.data() == "null" || value.data() == "[]")
                into.erase(key);
            else
                into[key] = value;
    }

private:
    void apply_message(workflow_run& r, const api::protocol::Message& m, const moment& now)
    {
        const std::string& type = m.body().type_url();
        const std::string& id = m.protocol_instance_id();
        if (const auto at = r.updates.find(id); at == r.updates.end() || !r.open())
            return;
        if (type.ends_with(".Acceptance")) {
            api::update::Acceptance a;
            static_cast<void>(a.ParseFromString(m.body().value()));
            accept_update(r, id, a.accepted_request_sequencing_event_id(), now);
        } else if (type.ends_with(".Response")) {
            api::update::Response a;
            static_cast<void>(a.ParseFromString(m.body().value()));
            complete_update(r, a, now);
        } else {
            api::update::Rejection a;
            static_cast<void>(a.ParseFromString(m.body().value()));
            reject_update(r, id, a.failure());
        }
    }

    void apply_one(workflow_run& r, const api::command::Command& c, const api::RespondWorkflowTaskCompletedRequest& q,
        completion& into, const moment& now)
    {
        using namespace api::enums;
        const auto write = [&](EventType type) -> workflow_history::event& { return r.history.write(type, now); };
        switch (c.command_type()) {
        case COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK:
            return schedule_activity(r, c.schedule_activity_task_command_attributes(), into, now);
        case COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK:
            return cancel_activity_command(
                r, c.request_cancel_activity_task_command_attributes().scheduled_event_id(), q.identity(), into, now);
        case COMMAND_TYPE_START_TIMER: {
            const auto& a = c.start_timer_command_attributes();
            auto& e = write(EVENT_TYPE_TIMER_STARTED);
            auto& out = *e.mutable_timer_started_event_attributes();
            out.set_timer_id(a.timer_id());
            *out.mutable_start_to_fire_timeout() = a.start_to_fire_timeout();
            out.set_workflow_task_completed_event_id(into.event);
            const pending_timer t{a.timer_id(), e.event_id(), after(now, read(a.start_to_fire_timeout()))};
            r.firing.emplace(t.fires.at, t.started_event, t.id);
            r.timers[t.id] = t;
            return;
        }
        case COMMAND_TYPE_CANCEL_TIMER: {
            const std::string& id = c.cancel_timer_command_attributes().timer_id();
            std::int64_t started = 0;
            if (const auto at = r.timers.find(id); at != r.timers.end()) {
                started = at->second.started_event;
                r.firing.erase({at->second.fires.at, started, id});
                r.timers.erase(at);
            } else {
                started = r.history.unfire(id);
            }
            auto& out = *write(EVENT_TYPE_TIMER_CANCELED).mutable_timer_canceled_event_attributes();
            out.set_timer_id(id);
            out.set_started_event_id(started);
            out.set_workflow_task_completed_event_id(into.event);
            out.set_identity(q.identity());
            return;
        }
        case COMMAND_TYPE_RECORD_MARKER: {
            const auto& a = c.record_marker_command_attributes();
            auto& out = *write(EVENT_TYPE_MARKER_RECORDED).mutable_marker_recorded_event_attributes();
            out.set_marker_name(a.marker_name());
            *out.mutable_details() = a.details();
            out.set_workflow_task_completed_event_id(into.event);
            if (a.has_header())
                *out.mutable_header() = a.header();
            if (a.has_failure())
                *out.mutable_failure() = a.failure();
            return;
        }
        case COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: {
            const auto& a = c.upsert_workflow_search_attributes_command_attributes().search_attributes();
            auto& out = *write(EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
                             .mutable_upsert_workflow_search_attributes_event_attributes();
            out.set_workflow_task_completed_event_id(into.event);
            *out.mutable_search_attributes() = a;
            merge(*r.search_attributes.mutable_indexed_fields(), a.indexed_fields());
            return;
        }
        case COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES: {
            const auto& a = c.modify_workflow_properties_command_attributes().upserted_memo();
            auto& out =
                *write(EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED).mutable_workflow_properties_modified_event_attributes();
            out.set_workflow_task_completed_event_id(into.event);
            *out.mutable_upserted_memo() = a;
            merge(*r.memo.mutable_fields(), a.fields());
            return;
        }
        case COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION:
            return start_child_command(r, c.start_child_workflow_execution_command_attributes(), into, now);
        case COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION: {
            const auto& a = c.signal_external_workflow_execution_command_attributes();
            auto& e = write(EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
            auto& out = *e.mutable_signal_external_workflow_execution_initiated_event_attributes();
            out.set_workflow_task_completed_event_id(into.event);
            out.set_namespace_(a.namespace_().empty() ? r.name_space : a.namespace_());
            out.set_namespace_id(names_.id_of(out.namespace_()));
            *out.mutable_workflow_execution() = a.execution();
            out.set_signal_name(a.signal_name());
            if (a.has_input())
                *out.mutable_input() = a.input();
            out.set_child_workflow_only(a.child_workflow_only());
            if (a.has_header())
                *out.mutable_header() = a.header();
            r.signals_out.insert(e.event_id());
            follow_ups_.push_back({follow_up::what::signal_external, r.run_id, e.event_id()});
            return;
        }
        case COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION: {
            const auto& a = c.request_cancel_external_workflow_execution_command_attributes();
            auto& e = write(EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
            auto& out = *e.mutable_request_cancel_external_workflow_execution_initiated_event_attributes();
            out.set_workflow_task_completed_event_id(into.event);
            out.set_namespace_(a.namespace_().empty() ? r.name_space : a.namespace_());
            out.set_namespace_id(names_.id_of(out.namespace_()));
            out.mutable_workflow_execution()->set_workflow_id(a.workflow_id());
            out.mutable_workflow_execution()->set_run_id(a.run_id());
            out.set_child_workflow_only(a.child_workflow_only());
            out.set_reason(a.reason());
            r.cancels_out.insert(e.event_id());
            follow_ups_.push_back({follow_up::what::cancel_external, r.run_id, e.event_id()});
            return;
        }
        case COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION:
            return complete_command(r, c.complete_workflow_execution_command_attributes(), into, now);
        case COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION:
            return fail_command(r, c.fail_workflow_execution_command_attributes().failure(), into, now);
        case COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION: {
            const auto& a = c.cancel_workflow_execution_command_attributes();
            auto& out =
                *write(EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED).mutable_workflow_execution_canceled_event_attributes();
            out.set_workflow_task_completed_event_id(into.event);
            if (a.has_details())
                *out.mutable_details() = a.details();
            into.closes = WORKFLOW_EXECUTION_STATUS_CANCELED;
            return;
        }
        case COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION:
            return continue_command(r, c.continue_as_new_workflow_execution_command_attributes(), into, now);
        default: return;
        }
    }

    void schedule_activity(workflow_run& r, const api::command::ScheduleActivityTaskCommandAttributes& a,
        completion& into, const moment& now)
    {
        auto fresh = std::make_unique<execution>();
        execution& e = *fresh;
        api::StartActivityExecutionRequest& q = e.request;
        q.set_namespace_(r.name_space);
        q.set_activity_id(a.activity_id());
        *q.mutable_activity_type() = a.activity_type();
        q.mutable_task_queue()->set_name(a.task_queue().name().empty() ? r.task_queue : a.task_queue().name());
        q.mutable_task_queue()->set_kind(api::enums::TASK_QUEUE_KIND_NORMAL);
        *q.mutable_schedule_to_close_timeout() = a.schedule_to_close_timeout();
        *q.mutable_schedule_to_start_timeout() = a.schedule_to_start_timeout();
        *q.mutable_start_to_close_timeout() = a.start_to_close_timeout();
        *q.mutable_heartbeat_timeout() = a.heartbeat_timeout();
        *q.mutable_retry_policy() = a.retry_policy();
        if (a.has_header())
            *q.mutable_header() = a.header();
        if (a.has_input())
            *q.mutable_input() = a.input();
        const auto& priority = a.has_priority() ? a.priority() : r.begun().priority();
        if (a.has_priority() || r.begun().has_priority())
            *q.mutable_priority() = priority;
        static_cast<void>(complete_retry_policy(*q.mutable_retry_policy()));
        cap_by_run(q, read(r.begun().workflow_run_timeout()));
        static_cast<void>(complete_timeouts(q));
        auto& event = r.history.write(api::enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, now);
        auto& out = *event.mutable_activity_task_scheduled_event_attributes();
        out.set_activity_id(q.activity_id());
        *out.mutable_activity_type() = q.activity_type();
        *out.mutable_task_queue() = q.task_queue();
        if (q.has_header())
            *out.mutable_header() = q.header();
        if (q.has_input())
            *out.mutable_input() = q.input();
        *out.mutable_schedule_to_close_timeout() = q.schedule_to_close_timeout();
        *out.mutable_schedule_to_start_timeout() = q.schedule_to_start_timeout();
        *out.mutable_start_to_close_timeout() = q.start_to_close_timeout();
        *out.mutable_heartbeat_timeout() = q.heartbeat_timeout();
        *out.mutable_retry_policy() = q.retry_policy();
        if (a.has_priority())
            *out.mutable_priority() = a.priority();
        out.set_workflow_task_completed_event_id(into.event);
        e.run_id = ids_.uuid();
        e.read_times();
        e.scheduled = now;
        e.dispatch = now;
        e.owner = &r;
        e.scheduled_event = event.event_id();
        r.activities[e.scheduled_event] = &e;
        r.activity_ids[e.id()] = e.scheduled_event;
        owned_.insert(std::move(fresh));
        (a.request_eager_execution() ? into.eager : into.activities).push_back(&e);
    }

    /// An activity lasts no longer than its run may.
    static void cap_by_run(api::StartActivityExecutionRequest& q, uptime run)
    {
        const bool whole = read(q.schedule_to_close_timeout()) > uptime::zero();
        if (!whole && run > uptime::zero())
            put(*q.mutable_schedule_to_close_timeout(), run);
        if (run == uptime::zero())
            return;
        for (auto* d : {q.mutable_schedule_to_close_timeout(), q.mutable_schedule_to_start_timeout(),
                 q.mutable_start_to_close_timeout()})
            if (read(*d) > run)
                put(*d, run);
    }

    void cancel_activity_command(
        workflow_run& r, std::int64_t scheduled, const std::string& identity, completion& into, const moment& now)
    {
        auto& event = r.history.write(api::enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED, now);
        auto& out = *event.mutable_activity_task_cancel_requested_event_attributes();
        out.set_scheduled_event_id(scheduled);
        out.set_workflow_task_completed_event_id(into.event);
        const auto at = r.activities.find(scheduled);
        if (at == r.activities.end())
            return;  // it has ended, which the workflow sees next
        execution& e = *at->second;
        e.cancel_requested = true;
        e.cancel_event = event.event_id();
        if (e.where == place::started)
            return changed(e);
        // Nobody works on it: it is over at once.
        auto& ended = *note(r, api::enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED, now)
                           .mutable_activity_task_canceled_event_attributes();
        *ended.mutable_details()->add_payloads() = text_payload("ACTIVITY_ID_NOT_STARTED");
        ended.set_latest_cancel_requested_event_id(e.cancel_event);
        ended.set_scheduled_event_id(scheduled);
        ended.set_identity(identity);
        std::erase(into.activities, &e);
        std::erase(into.eager, &e);
        forget_activity(r, e);
        into.another_task = true;
    }

    void start_child_command(workflow_run& r, const api::command::StartChildWorkflowExecutionCommandAttributes& a,
        completion& into, const moment& now)
    {
        using namespace api::enums;
        auto& e = r.history.write(EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED, now);
        auto& out = *e.mutable_start_child_workflow_execution_initiated_event_attributes();
        out.set_namespace_(a.namespace_().empty() ? r.name_space : a.namespace_());
        out.set_namespace_id(names_.id_of(out.namespace_()));
        out.set_workflow_id(a.workflow_id());
        *out.mutable_workflow_type() = a.workflow_type();
        out.mutable_task_queue()->set_name(a.task_queue().name().empty() ? r.task_queue : a.task_queue().name());
        out.mutable_task_queue()->set_kind(TASK_QUEUE_KIND_NORMAL);
        if (a.has_input())
            *out.mutable_input() = a.input();
        api::history::WorkflowExecutionStartedEventAttributes times;
        set_timeouts(times, read(a.workflow_execution_timeout()), read(a.workflow_run_timeout()),
            read(a.workflow_task_timeout()));
        if (times.has_workflow_execution_timeout())
            *out.mutable_workflow_execution_timeout() = times.workflow_execution_timeout();
        if (times.has_workflow_run_timeout())
            *out.mutable_workflow_run_timeout() = times.workflow_run_timeout();
        *out.mutable_workflow_task_timeout() = times.workflow_task_timeout();
        out.set_parent_close_policy(a.parent_close_policy() == PARENT_CLOSE_POLICY_UNSPECIFIED
                                        ? PARENT_CLOSE_POLICY_TERMINATE
                                        : a.parent_close_policy());
        out.set_workflow_task_completed_event_id(into.event);
        out.set_workflow_id_reuse_policy(a.workflow_id_reuse_policy() == WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED
                                             ? WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
                                             : a.workflow_id_reuse_policy());
        if (a.has_retry_policy()) {
            *out.mutable_retry_policy() = a.retry_policy();
            static_cast<void>(complete_retry_policy(*out.mutable_retry_policy()));
        }
        out.set_cron_schedule(a.cron_schedule());
        if (a.has_header())
            *out.mutable_header() = a.header();
        if (a.has_memo())
            *out.mutable_memo() = a.memo();
        if (a.has_search_attributes())
            *out.mutable_search_attributes() = a.search_attributes();
        if (a.has_priority())
            *out.mutable_priority() = a.priority();
        if (a.has_versioning_override())
            *out.mutable_versioning_override() = a.versioning_override();
        r.children[e.event_id()].asked = out;
        follow_ups_.push_back({follow_up::what::start_child, r.run_id, e.event_id()});
    }

    // Ends.

    void complete_command(workflow_run& r, const api::command::CompleteWorkflowExecutionCommandAttributes& a,
        completion& into, const moment& now)
    {
        if (!r.begun().cron_schedule().empty())
            into.next = next_run(r, api::enums::CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE,
                cron_wait(r.begun().cron_schedule(), r.began, now), a.has_result() ? &a.result() : nullptr, nullptr,
                now);
        auto& out = *r.history.write(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, now)
                         .mutable_workflow_execution_completed_event_attributes();
        if (a.has_result())
            *out.mutable_result() = a.result();
        out.set_workflow_task_completed_event_id(into.event);
        out.set_new_execution_run_id(r.next_run_id);
        into.closes = api::enums::WORKFLOW_EXECUTION_STATUS_COMPLETED;
    }

    void fail_command(workflow_run& r, const api::failure::Failure& failure, completion& into, const moment& now)
    {
        const next_try again = retry_of(r, failure, now);
        if (again.wait)
            into.next = next_run(r, api::enums::CONTINUE_AS_NEW_INITIATOR_RETRY, *again.wait, nullptr, &failure, now);
        else if (!r.begun().cron_schedule().empty())
            into.next = next_run(r, api::enums::CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE,
                cron_wait(r.begun().cron_schedule(), r.began, now), nullptr, &failure, now);
        auto& out = *r.history.write(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, now)
                         .mutable_workflow_execution_failed_event_attributes();
        *out.mutable_failure() = failure;
        out.set_retry_state(again.state);
        out.set_workflow_task_completed_event_id(into.event);
        out.set_new_execution_run_id(r.next_run_id);
        into.closes = api::enums::WORKFLOW_EXECUTION_STATUS_FAILED;
    }

    void continue_command(workflow_run& r, const api::command::ContinueAsNewWorkflowExecutionCommandAttributes& a,
        completion& into, const moment& now)
    {
        using namespace api::enums;
        const auto by =
            a.initiator() == CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED ? CONTINUE_AS_NEW_INITIATOR_WORKFLOW : a.initiator();
        run_start s = successor(r, by, read(a.backoff_start_interval()), now);
        auto& b = s.begun;
        if (!a.workflow_type().name().empty())
            *b.mutable_workflow_type() = a.workflow_type();
        b.mutable_task_queue()->set_name(a.task_queue().name().empty() ? r.task_queue : a.task_queue().name());
        const uptime task = read(a.workflow_task_timeout());
        const uptime run = read(a.workflow_run_timeout());
        set_timeouts(b, read(r.begun().workflow_execution_timeout()),
            run > uptime::zero() ? run : read(r.begun().workflow_run_timeout()),
            task > uptime::zero() ? task : r.task_timeout);
        b.clear_input();
        b.clear_header();
        b.clear_memo();
        b.clear_search_attributes();
        b.clear_retry_policy();
        b.set_cron_schedule(a.cron_schedule());
        if (a.has_input())
            *b.mutable_input() = a.input();
        if (a.has_header())
            *b.mutable_header() = a.header();
        if (a.has_memo())
            *b.mutable_memo() = a.memo();
        if (a.has_search_attributes())
            *b.mutable_search_attributes() = a.search_attributes();
        if (a.has_retry_policy()) {
            *b.mutable_retry_policy() = a.retry_policy();
            static_cast<void>(complete_retry_policy(*b.mutable_retry_policy()));
        }
        if (a.has_failure())
            *b.mutable_continued_failure() = a.failure();
        if (a.has_last_completion_result())
            *b.mutable_last_completion_result() = a.last_completion_result();
        inherit(b, r, {.begins = a.initial_versioning_behavior()});
        if (b.has_inherited_pinned_version())
            s.declined =
                deployments_.routing_of(r.name_space, b.task_queue().name(), task_type::workflow).target(r.workflow_id);
        r.next_run_id = s.run_id;
        auto& out = *r.history.write(EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, now)
                         .mutable_workflow_execution_continued_as_new_event_attributes();
        out.set_new_execution_run_id(s.run_id);
        *out.mutable_workflow_type() = b.workflow_type();
        *out.mutable_task_queue() = b.task_queue();
        if (a.has_input())
            *out.mutable_input() = a.input();
        *out.mutable_workflow_run_timeout() = b.workflow_run_timeout();
        *out.mutable_workflow_task_timeout() = b.workflow_task_timeout();
        out.set_workflow_task_completed_event_id(into.event);
        if (a.has_backoff_start_interval())
            *out.mutable_backoff_start_interval() = a.backoff_start_interval();
        if (a.initiator() != CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED)
            out.set_initiator(by);
        if (a.has_last_completion_result())
            *out.mutable_last_completion_result() = a.last_completion_result();
        if (a.has_header())
            *out.mutable_header() = a.header();
        if (a.has_memo())
            *out.mutable_memo() = a.memo();
        if (a.has_search_attributes())
            *out.mutable_search_attributes() = a.search_attributes();
        if (a.initial_versioning_behavior() != CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_UNSPECIFIED)
            out.set_initial_versioning_behavior(a.initial_versioning_behavior());
        into.next = std::move(s);
        into.closes = WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW;
    }
};

}  // namespace mayfly::temporal::embedded
