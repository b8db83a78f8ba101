// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/start_rules.hpp>
#include <mayfly/temporal/embedded/workflow_run.hpp>
#include <mayfly/temporal/embedded/workflow_updates.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

// What makes a completion one that a server does not take: looked at as a whole, before anything of it is done.

namespace mayfly::temporal::embedded {

/// Why a workflow task is failed instead.
struct command_problem {
    api::enums::WorkflowTaskFailedCause cause{};
    std::string words{};
    bool unhandled() const noexcept { return cause == api::enums::WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND; }
};

class command_check {
public:
    static constexpr std::size_t most_pending = 2000;  ///< Of activities, children, signals, cancellations each.

    command_check(const workflow_run& r, const api::RespondWorkflowTaskCompletedRequest& q, const limits& l)
        : run_(r), request_(q), limits_(l), unheard_(r.history.aside().size())
    {
        for (const auto& [id, t] : r.timers)
            timers_.insert(id);
        for (const auto& [id, event] : r.activity_ids)
            activities_.insert(id);
        for (const auto& m : q.messages())
            messages_[m.id()] = &m;
        for (const auto& [id, u] : r.updates)
            updates_[id] = u.where;
    }

    [[nodiscard]] std::optional<command_problem> run()
    {
        for (const auto& c : request_.commands()) {
            if (closed_)
                break;
            if (auto bad = one(c))
                return bad;
        }
        if (!closed_)
            for (const auto& m : request_.messages())
                if (!taken_.contains(m.id()))
                    if (auto bad = message(m))
                        return bad;
        return std::nullopt;
    }

private:
    using cause = api::enums::WorkflowTaskFailedCause;
    using result = std::optional<command_problem>;

    [[nodiscard]] static result bad(cause c, const std::string& words)
    {
        const std::string name = cause_name(c);
        return command_problem{c, words == name ? name : name + ": " + words};
    }

    /// WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND as UnhandledCommand.
    [[nodiscard]] static std::string cause_name(cause c)
    {
        constexpr std::string_view prefix = "WORKFLOW_TASK_FAILED_CAUSE_";
        const std::string whole = api::enums::WorkflowTaskFailedCause_Name(c);
        std::string out;
        bool first = true;
        for (const char letter : std::string_view(whole).substr(std::min(prefix.size(), whole.size()))) {
            if (letter != '_')
                out += first || letter < 'A' || letter > 'Z' ? letter : static_cast<char>(letter - 'A' + 'a');
            first = letter == '_';
        }
        return out;
    }

    [[nodiscard]] result one(const api::command::Command& c)
    {
        using namespace api::enums;
        switch (c.command_type()) {
        case COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK: return activity(c.schedule_activity_task_command_attributes());
        case COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK:
            return cancel_activity(c.request_cancel_activity_task_command_attributes());
        case COMMAND_TYPE_START_TIMER: return timer(c.start_timer_command_attributes());
        case COMMAND_TYPE_CANCEL_TIMER: return cancel_timer(c.cancel_timer_command_attributes());
        case COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION:
            return end(c.has_complete_workflow_execution_command_attributes(),
                WORKFLOW_TASK_FAILED_CAUSE_BAD_COMPLETE_WORKFLOW_EXECUTION_ATTRIBUTES,
                "CompleteWorkflowExecutionCommandAttributes is not set on CompleteWorkflowExecutionCommand.");
        case COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION:
            return end(c.fail_workflow_execution_command_attributes().has_failure(),
                WORKFLOW_TASK_FAILED_CAUSE_BAD_FAIL_WORKFLOW_EXECUTION_ATTRIBUTES,
                "Failure is not set on FailWorkflowExecutionCommand.");
        case COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION:
            return end(c.has_cancel_workflow_execution_command_attributes(),
                WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_WORKFLOW_EXECUTION_ATTRIBUTES,
                "CancelWorkflowExecutionCommandAttributes is not set on CancelWorkflowExecutionCommand.");
        case COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION:
            return go_on(c.continue_as_new_workflow_execution_command_attributes());
        case COMMAND_TYPE_RECORD_MARKER:
            return named(c.record_marker_command_attributes().marker_name(),
                WORKFLOW_TASK_FAILED_CAUSE_BAD_RECORD_MARKER_ATTRIBUTES, "MarkerName", "RecordMarkerCommand");
        case COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION:
            return child(c.start_child_workflow_execution_command_attributes());
        case COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION:
            return signal(c.signal_external_workflow_execution_command_attributes());
        case COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION:
            return cancel(c.request_cancel_external_workflow_execution_command_attributes());
        case COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            if (c.upsert_workflow_search_attributes_command_attributes().search_attributes().indexed_fields().empty())
                return bad(WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES,
                    "IndexedFields is not set on UpsertWorkflowSearchAttributesCommand.");
            return std::nullopt;
        case COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES:
            if (c.modify_workflow_properties_command_attributes().upserted_memo().fields().empty())
                return bad(WORKFLOW_TASK_FAILED_CAUSE_BAD_MODIFY_WORKFLOW_PROPERTIES_ATTRIBUTES,
                    "UpsertedMemo.Fields is not set on ModifyWorkflowPropertiesCommand.");
            return std::nullopt;
        case COMMAND_TYPE_PROTOCOL_MESSAGE: {
            const std::string& id = c.protocol_message_command_attributes().message_id();
            const auto at = messages_.find(id);
            if (at == messages_.end() || !taken_.insert(id).second)
                return bad(WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE,
                    "ProtocolMessageCommand referenced absent message ID " + id);
            return message(*at->second);
        }
        case COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION:
        case COMMAND_TYPE_REQUEST_CANCEL_NEXUS_OPERATION:
            return bad(WORKFLOW_TASK_FAILED_CAUSE_FEATURE_DISABLED,
                "Nexus operations of workflows are not served by the embedded service");
        default: break;
        }
        return bad(WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED,
            "Unknown command type: " + std::to_string(static_cast<int>(c.command_type())));
    }

    [[nodiscard]] result named(const std::string& id, cause c, const char* what, const char* command) const
    {
        if (id.empty())
            return bad(c, std::string(what) + " is not set on " + command + ".");
        if (id.size() > limits_.id_length)
            return bad(c, std::string(what) + " on " + command + " exceeds length limit.");
        return std::nullopt;
    }

    [[nodiscard]] result activity(const api::command::ScheduleActivityTaskCommandAttributes& a)
    {
        using namespace api::enums;
        constexpr cause of = WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES;
        for (const auto& [id, what] : {std::pair<const std::string&, const char*>{a.activity_id(), "ActivityId"},
                 {a.activity_type().name(), "ActivityType"}})
            if (auto wrong = named(id, of, what, "ScheduleActivityTaskCommand"))
                return wrong;
        for (const auto* d : {&a.schedule_to_close_timeout(), &a.schedule_to_start_timeout(),
                 &a.start_to_close_timeout(), &a.heartbeat_timeout()})
            if (read(*d) < uptime::zero())
                return bad(of, "a timeout of activity " + a.activity_id() + " is negative");
        if (read(a.schedule_to_close_timeout()) == uptime::zero() && read(a.start_to_close_timeout()) == uptime::zero())
            return bad(of, "A valid StartToClose or ScheduleToCloseTimeout is not set on command. ActivityId=" +
                               a.activity_id() + " ActivityType=" + a.activity_type().name());
        api::common::RetryPolicy policy = a.retry_policy();
        if (grpc::status wrong = complete_retry_policy(policy); !wrong.ok())
            return bad(of, wrong.message);
        if (activities_.size() >= most_pending)
            return bad(WORKFLOW_TASK_FAILED_CAUSE_PENDING_ACTIVITIES_LIMIT_EXCEEDED,
                "the number of pending activities, " + std::to_string(activities_.size()) +
                    ", has reached the per-workflow limit of " + std::to_string(most_pending));
        if (!activities_.insert(a.activity_id()).second)
            return bad(WORKFLOW_TASK_FAILED_CAUSE_SCHEDULE_ACTIVITY_DUPLICATE_ID, "ActivityID: " + a.activity_id());
        return std::nullopt;
    }

    [[nodiscard]] result cancel_activity(const api::command::RequestCancelActivityTaskCommandAttributes& a)
    {
        constexpr cause of = api::enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES;
        const std::int64_t id = a.scheduled_event_id();
        if (id <= 0)
            return bad(of, "ScheduledEventId is not set on RequestCancelActivityTaskCommand.");
        const auto at = run_.activities.find(id);
        const bool ended = at == run_.activities.end() && ended_aside(id);
        if ((at == run_.activities.end() && !ended) || (at != run_.activities.end() && at->second->cancel_requested) ||
            !cancelled_.insert(id).second)
            return bad(of, "ScheduledEventID: " + std::to_string(id));
        return std::nullopt;
    }

    /// An activity's outcome is there and the workflow has not seen it.
    [[nodiscard]] bool ended_aside(std::int64_t scheduled) const
    {
        return std::any_of(run_.history.aside().begin(), run_.history.aside().end(), [scheduled](const auto& e) {
            return e.activity_task_completed_event_attributes().scheduled_event_id() == scheduled ||
                   e.activity_task_failed_event_attributes().scheduled_event_id() == scheduled ||
                   e.activity_task_timed_out_event_attributes().scheduled_event_id() == scheduled ||
                   e.activity_task_canceled_event_attributes().scheduled_event_id() == scheduled;
        });
    }

    [[nodiscard]] result timer(const api::command::StartTimerCommandAttributes& a)
    {
        using namespace api::enums;
        constexpr cause of = WORKFLOW_TASK_FAILED_CAUSE_BAD_START_TIMER_ATTRIBUTES;
        if (auto wrong = named(a.timer_id(), of, "TimerId", "StartTimerCommand"))
            return wrong;
        if (read(a.start_to_fire_timeout()) < uptime::zero())
            return bad(of, "An invalid StartToFireTimeout is set on StartTimerCommand: negative duration. TimerId=" +
                               a.timer_id());
        if (!timers_.insert(a.timer_id()).second)
            return bad(WORKFLOW_TASK_FAILED_CAUSE_START_TIMER_DUPLICATE_ID, "TimerID: " + a.timer_id());
        return std::nullopt;
    }

    [[nodiscard]] result cancel_timer(const api::command::CancelTimerCommandAttributes& a)
    {
        constexpr cause of = api::enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_TIMER_ATTRIBUTES;
        if (auto wrong = named(a.timer_id(), of, "TimerId", "CancelTimerCommand"))
            return wrong;
        if (timers_.erase(a.timer_id()) != 0)
            return std::nullopt;
        const bool fired = std::any_of(run_.history.aside().begin(), run_.history.aside().end(),
            [&a](const auto& e) { return e.timer_fired_event_attributes().timer_id() == a.timer_id(); });
        if (!fired || !unfired_.insert(a.timer_id()).second)
            return bad(of, "TimerID: " + a.timer_id());
        --unheard_;
        return std::nullopt;
    }

    [[nodiscard]] result end(bool complete, cause c, const char* words)
    {
        if (unheard_ != 0)
            return bad(api::enums::WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, "UnhandledCommand");
        if (!complete)
            return bad(c, words);
        closed_ = true;
        return std::nullopt;
    }

    [[nodiscard]] result go_on(const api::command::ContinueAsNewWorkflowExecutionCommandAttributes& a)
    {
        constexpr cause of = api::enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_CONTINUE_AS_NEW_ATTRIBUTES;
        if (auto wrong = end(true, of, ""))
            return wrong;
        for (const auto* d : {&a.workflow_run_timeout(), &a.workflow_task_timeout(), &a.backoff_start_interval()})
            if (read(*d) < uptime::zero())
                return bad(of, "a timeout on ContinueAsNewWorkflowExecutionCommand is negative");
        api::common::RetryPolicy policy = a.retry_policy();
        if (grpc::status wrong = complete_retry_policy(policy); a.has_retry_policy() && !wrong.ok())
            return bad(of, wrong.message);
        return std::nullopt;
    }

    [[nodiscard]] result child(const api::command::StartChildWorkflowExecutionCommandAttributes& a)
    {
        using namespace api::enums;
        constexpr cause of = WORKFLOW_TASK_FAILED_CAUSE_BAD_START_CHILD_EXECUTION_ATTRIBUTES;
        for (const auto& [id, what] : {std::pair<const std::string&, const char*>{a.workflow_id(), "WorkflowId"},
                 {a.workflow_type().name(), "WorkflowType"}})
            if (auto wrong = named(id, of, what, "StartChildWorkflowExecutionCommand"))
                return wrong;
        for (const auto* d : {&a.workflow_execution_timeout(), &a.workflow_run_timeout(), &a.workflow_task_timeout()})
            if (read(*d) < uptime::zero())
                return bad(of, "a timeout of child workflow " + a.workflow_id() + " is negative");
        api::common::RetryPolicy policy = a.retry_policy();
        if (grpc::status wrong = complete_retry_policy(policy); a.has_retry_policy() && !wrong.ok())
            return bad(of, wrong.message);
        if (!a.cron_schedule().empty() && !cron_schedule::parse(a.cron_schedule()))
            return bad(of, "invalid CronSchedule \"" + a.cron_schedule() + '"');
        if (run_.children.size() + children_.size() >= most_pending)
            return bad(WORKFLOW_TASK_FAILED_CAUSE_PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED,
                "the number of pending child workflow executions has reached the per-workflow limit of " +
                    std::to_string(most_pending));
        children_.insert(a.workflow_id());
        return std::nullopt;
    }

    [[nodiscard]] result signal(const api::command::SignalExternalWorkflowExecutionCommandAttributes& a)
    {
        using namespace api::enums;
        constexpr cause of = WORKFLOW_TASK_FAILED_CAUSE_BAD_SIGNAL_WORKFLOW_EXECUTION_ATTRIBUTES;
        for (const auto& [id, what] :
            {std::pair<const std::string&, const char*>{a.execution().workflow_id(), "WorkflowId"},
                {a.signal_name(), "SignalName"}})
            if (auto wrong = named(id, of, what, "SignalExternalWorkflowExecutionCommand"))
                return wrong;
        if (run_.signals_out.size() + ++signals_ > most_pending)
            return bad(WORKFLOW_TASK_FAILED_CAUSE_PENDING_SIGNALS_LIMIT_EXCEEDED,
                "the number of pending signals to external workflows has reached the per-workflow limit of " +
                    std::to_string(most_pending));
        return std::nullopt;
    }

    [[nodiscard]] result cancel(const api::command::RequestCancelExternalWorkflowExecutionCommandAttributes& a)
    {
        using namespace api::enums;
        constexpr cause of = WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_ATTRIBUTES;
        if (auto wrong = named(a.workflow_id(), of, "WorkflowId", "RequestCancelExternalWorkflowExecutionCommand"))
            return wrong;
        if (children_.contains(a.workflow_id()))
            return bad(of, "Start and RequestCancel for child workflow is not allowed in same workflow task. "
                           "WorkflowId=" +
                               a.workflow_id());
        if (run_.cancels_out.size() + ++cancels_ > most_pending)
            return bad(WORKFLOW_TASK_FAILED_CAUSE_PENDING_REQUEST_CANCEL_LIMIT_EXCEEDED,
                "the number of pending requests to cancel external workflows has reached the per-workflow limit of " +
                    std::to_string(most_pending));
        return std::nullopt;
    }

    [[nodiscard]] result message(const api::protocol::Message& m)
    {
        using state = workflow_update::state;
        constexpr cause of = api::enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE;
        const std::string& id = m.protocol_instance_id();
        const std::string& type = m.body().type_url();
        const auto at = updates_.find(id);
        if (at == updates_.end())
            return bad(of, "update " + id + " wasn't found on the server");
        const auto wrong = [&] { return bad(of, "message " + type + " does not fit the state of update " + id); };
        if (type.ends_with(".Acceptance")) {
            api::update::Acceptance a;
            if (!a.ParseFromString(m.body().value()) || a.accepted_request_message_id().empty() ||
                a.accepted_request_sequencing_event_id() == 0)
                return bad(of, "the acceptance of update " + id + " is incomplete");
            if (at->second != state::sent && at->second != state::admitted)
                return wrong();
            at->second = state::accepted;
        } else if (type.ends_with(".Rejection")) {
            if (at->second != state::sent && at->second != state::admitted)
                return wrong();
            at->second = state::completed;
        } else if (type.ends_with(".Response")) {
            api::update::Response a;
            if (!a.ParseFromString(m.body().value()) || a.meta().update_id() != id || !a.has_outcome())
                return bad(of, "the response of update " + id + " is incomplete");
            if (at->second != state::accepted)
                return wrong();
            at->second = state::completed;
        } else {
            return bad(of, "unsupported message type " + type);
        }
        return std::nullopt;
    }

    const workflow_run& run_;
    const api::RespondWorkflowTaskCompletedRequest& request_;
    const limits& limits_;
    std::size_t unheard_;
    std::size_t signals_ = 0;
    std::size_t cancels_ = 0;
    bool closed_ = false;
    std::set<std::string> timers_{};
    std::set<std::string> unfired_{};
    std::set<std::string> activities_{};
    std::set<std::string> children_{};
    std::set<std::string> taken_{};
    std::set<std::int64_t> cancelled_{};
    std::map<std::string, const api::protocol::Message*> messages_{};
    std::map<std::string, workflow_update::state> updates_{};
};

}  // namespace mayfly::temporal::embedded
