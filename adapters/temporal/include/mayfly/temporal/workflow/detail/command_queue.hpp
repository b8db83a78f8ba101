// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/markers.hpp>
#include <mayfly/temporal/workflow/detail/step_words.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What code asked for in one workflow task, in its order, until history has an event for each.

namespace mayfly::temporal::workflow::detail {

/// What a command is for.
enum class want : std::uint8_t {
    activity,
    cancel_activity,
    timer,
    cancel_timer,
    child,
    cancel_child,
    signal,
    cancel_external,
    patch,
    side_effect,
    local,
    attributes,
    patch_attributes,  ///< The search attribute beside a patch.
    memo,
    accept_update,
    complete_update,
    close,
};

struct asked {
    want what = want::close;
    std::uint32_t seq = 0;  ///< Of those that have one.
    std::string key{};      ///< The patch's id, the update's, or that of a side effect that has one.
    api::command::Command command{};
    bool sent = false;
};

[[nodiscard]] constexpr std::string_view name_of(api::enums::CommandType type) noexcept
{
    using namespace api::enums;
    switch (type) {
    case COMMAND_TYPE_UNSPECIFIED: break;
    case COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK: return "ScheduleActivityTask";
    case COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK: return "RequestCancelActivityTask";
    case COMMAND_TYPE_START_TIMER: return "StartTimer";
    case COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION: return "CompleteWorkflowExecution";
    case COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION: return "FailWorkflowExecution";
    case COMMAND_TYPE_CANCEL_TIMER: return "CancelTimer";
    case COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION: return "CancelWorkflowExecution";
    case COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION: return "RequestCancelExternalWorkflowExecution";
    case COMMAND_TYPE_RECORD_MARKER: return "RecordMarker";
    case COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION: return "ContinueAsNewWorkflowExecution";
    case COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION: return "StartChildWorkflowExecution";
    case COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION: return "SignalExternalWorkflowExecution";
    case COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: return "UpsertWorkflowSearchAttributes";
    case COMMAND_TYPE_PROTOCOL_MESSAGE: return "ProtocolMessage";
    case COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES: return "ModifyWorkflowProperties";
    case COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION: return "ScheduleNexusOperation";
    case COMMAND_TYPE_REQUEST_CANCEL_NEXUS_OPERATION: return "RequestCancelNexusOperation";
    }
    return "Unknown";
}

/// `ScheduleActivityTask (activity "charge" with id "3")`.
[[nodiscard]] inline std::string words_for(const asked& a)
{
    std::string subject;
    switch (a.what) {
    case want::activity: {
        const auto& c = a.command.schedule_activity_task_command_attributes();
        subject = named("activity", c.activity_type().name(), c.activity_id());
        break;
    }
    case want::cancel_activity:
        subject = "activity of event " +
                  std::to_string(a.command.request_cancel_activity_task_command_attributes().scheduled_event_id());
        break;
    case want::timer: subject = named("timer", a.command.start_timer_command_attributes().timer_id(), ""); break;
    case want::cancel_timer:
        subject = named("timer", a.command.cancel_timer_command_attributes().timer_id(), "");
        break;
    case want::child: {
        const auto& c = a.command.start_child_workflow_execution_command_attributes();
        subject = named("child workflow", c.workflow_type().name(), c.workflow_id());
        break;
    }
    case want::cancel_child:
    case want::cancel_external:
        subject = named(
            "workflow", a.command.request_cancel_external_workflow_execution_command_attributes().workflow_id(), "");
        break;
    case want::signal: {
        const auto& c = a.command.signal_external_workflow_execution_command_attributes();
        subject = named("signal", c.signal_name(), "") + named(" to workflow", c.execution().workflow_id(), "");
        break;
    }
    case want::patch: subject = named("patch", a.key, ""); break;
    case want::side_effect:
        subject = a.key.empty() ? "side effect " + std::to_string(a.seq)
                                : named("mutable side effect", a.key, "") + ", call " + std::to_string(a.seq);
        break;
    case want::local: subject = named("local activity", a.key, "") + ", number " + std::to_string(a.seq); break;
    case want::accept_update: subject = named("acceptance of update", a.key, ""); break;
    case want::complete_update: subject = named("outcome of update", a.key, ""); break;
    case want::patch_attributes: subject = "of a patch"; break;
    case want::attributes:
    case want::memo:
    case want::close: break;
    }
    std::string out(name_of(a.command.command_type()));
    return subject.empty() ? out : ((out += " (") += subject) += ')';
}

/// What `became` and people need of a command that was sent: the rest may be large.
[[nodiscard]] inline api::command::Command remembered(const api::command::Command& c)
{
    api::command::Command out;
    out.set_command_type(c.command_type());
    switch (c.command_type()) {
    case api::enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK: {
        const auto& from = c.schedule_activity_task_command_attributes();
        auto& to = *out.mutable_schedule_activity_task_command_attributes();
        to.set_activity_id(from.activity_id());
        to.mutable_activity_type()->set_name(from.activity_type().name());
        break;
    }
    case api::enums::COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION: {
        const auto& from = c.start_child_workflow_execution_command_attributes();
        auto& to = *out.mutable_start_child_workflow_execution_command_attributes();
        to.set_workflow_id(from.workflow_id());
        to.mutable_workflow_type()->set_name(from.workflow_type().name());
        break;
    }
    case api::enums::COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION: {
        const auto& from = c.signal_external_workflow_execution_command_attributes();
        auto& to = *out.mutable_signal_external_workflow_execution_command_attributes();
        to.set_signal_name(from.signal_name());
        *to.mutable_execution() = from.execution();
        break;
    }
    case api::enums::COMMAND_TYPE_START_TIMER:
    case api::enums::COMMAND_TYPE_CANCEL_TIMER:
    case api::enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK:
    case api::enums::COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION: return c;
    default: break;
    }
    return out;
}

/// Whether the event is what became of the command. What may change between versions of code is not looked at: inputs,
/// timeouts and options.
[[nodiscard]] inline bool became(const asked& a, const api::history::HistoryEvent& e)
{
    using namespace api::enums;
    const auto& c = a.command;
    switch (a.what) {
    case want::activity: {
        const auto& is = e.activity_task_scheduled_event_attributes();
        const auto& was = c.schedule_activity_task_command_attributes();
        return e.event_type() == EVENT_TYPE_ACTIVITY_TASK_SCHEDULED && is.activity_id() == was.activity_id() &&
               is.activity_type().name() == was.activity_type().name();
    }
    case want::cancel_activity:
        return e.event_type() == EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED &&
               e.activity_task_cancel_requested_event_attributes().scheduled_event_id() ==
                   c.request_cancel_activity_task_command_attributes().scheduled_event_id();
    case want::timer:
        return e.event_type() == EVENT_TYPE_TIMER_STARTED &&
               e.timer_started_event_attributes().timer_id() == c.start_timer_command_attributes().timer_id();
    case want::cancel_timer:
        return e.event_type() == EVENT_TYPE_TIMER_CANCELED &&
               e.timer_canceled_event_attributes().timer_id() == c.cancel_timer_command_attributes().timer_id();
    case want::child: {
        const auto& is = e.start_child_workflow_execution_initiated_event_attributes();
        const auto& was = c.start_child_workflow_execution_command_attributes();
        return e.event_type() == EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED &&
               is.workflow_id() == was.workflow_id() && is.workflow_type().name() == was.workflow_type().name();
    }
    case want::cancel_child:
    case want::cancel_external:
        return e.event_type() == EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED &&
               e.request_cancel_external_workflow_execution_initiated_event_attributes()
                       .workflow_execution()
                       .workflow_id() ==
                   c.request_cancel_external_workflow_execution_command_attributes().workflow_id();
    case want::signal: {
        const auto& is = e.signal_external_workflow_execution_initiated_event_attributes();
        const auto& was = c.signal_external_workflow_execution_command_attributes();
        return e.event_type() == EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED &&
               is.signal_name() == was.signal_name() &&
               is.workflow_execution().workflow_id() == was.execution().workflow_id();
    }
    case want::patch: {
        if (e.event_type() != EVENT_TYPE_MARKER_RECORDED)
            return false;
        const auto mark = read_patch(e.marker_recorded_event_attributes());
        return mark && mark->id == a.key;
    }
    case want::side_effect: {
        if (e.event_type() != EVENT_TYPE_MARKER_RECORDED)
            return false;
        const auto mark = read_side_effect(e.marker_recorded_event_attributes());
        return mark && mark->seq == a.seq && mark->id == a.key;
    }
    case want::local: {
        if (e.event_type() != EVENT_TYPE_MARKER_RECORDED)
            return false;
        const auto mark = read_local(e.marker_recorded_event_attributes());
        return mark && mark->seq == a.seq && mark->type == a.key;
    }
    case want::attributes: return e.event_type() == EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES && !is_patch_upsert(e);
    case want::patch_attributes: return is_patch_upsert(e);
    case want::memo: return e.event_type() == EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED;
    case want::accept_update:
        return e.event_type() == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED &&
               e.workflow_execution_update_accepted_event_attributes().protocol_instance_id() == a.key;
    case want::complete_update:
        return e.event_type() == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED &&
               e.workflow_execution_update_completed_event_attributes().meta().update_id() == a.key;
    case want::close:
        switch (c.command_type()) {
        case COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION: return e.event_type() == EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED;
        case COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION: return e.event_type() == EVENT_TYPE_WORKFLOW_EXECUTION_FAILED;
        case COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION: return e.event_type() == EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED;
        case COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION:
            return e.event_type() == EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW;
        default: return false;
        }
    }
    return false;
}

class command_queue {
public:
    asked& push(want what, std::uint32_t seq, std::string key, api::enums::CommandType type)
    {
        auto& a = asked_.emplace_back();
        a.what = what;
        a.seq = seq;
        a.key = std::move(key);
        a.command.set_command_type(type);
        return a;
    }

    /// Takes back what has not been sent. False if it is not here, or was sent.
    bool withdraw(want what, std::uint32_t seq)
    {
        const auto at = std::find_if(
            asked_.begin(), asked_.end(), [&](const asked& a) { return a.what == what && a.seq == seq && !a.sent; });
        if (at == asked_.end())
            return false;
        asked_.erase(at);
        return true;
    }

    /// The task's code has run. A last word stays last; without `move_last` what follows it is left out, as in runs
    /// of old.
    void settle(bool move_last)
    {
        const auto is_last = [](const asked& a) { return a.what == want::close; };
        const auto at = std::find_if(asked_.begin(), asked_.end(), is_last);
        if (at == asked_.end())
            return;
        if (!move_last) {
            asked_.erase(at + 1, asked_.end());
            return;
        }
        asked last = std::move(*at);
        asked_.erase(std::remove_if(at, asked_.end(), is_last), asked_.end());
        asked_.push_back(std::move(last));
    }

    /// Those that have not been sent, in their order. From now on they have been.
    [[nodiscard]] std::vector<api::command::Command> send()
    {
        std::vector<api::command::Command> out;
        for (asked& a : asked_) {
            if (a.sent)
                continue;
            out.push_back(std::move(a.command));
            a.command = remembered(out.back());
            a.sent = true;
        }
        return out;
    }

    [[nodiscard]] bool empty() const noexcept { return asked_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return asked_.size(); }

    /// What the event is looked for in: the oldest. Local activities' markers may have come in another order among the
    /// rest: they are found by their number.
    [[nodiscard]] const asked* candidate(const api::history::HistoryEvent& e) const
    {
        if (asked_.empty())
            return nullptr;
        std::optional<local_mark> mark;
        const bool marks_local = e.event_type() == api::enums::EVENT_TYPE_MARKER_RECORDED &&
                                 e.marker_recorded_event_attributes().marker_name() == local_marker;
        if (marks_local)
            mark = read_local(e.marker_recorded_event_attributes());
        const auto at = std::find_if(asked_.begin(), asked_.end(), [&](const asked& a) {
            if (!marks_local)
                return a.what != want::local;
            return a.what == want::local && mark && a.seq == mark->seq && a.key == mark->type;
        });
        return at == asked_.end() ? &asked_.front() : &*at;
    }

    /// Takes out what `candidate` found.
    asked take(const asked& found)
    {
        const auto at = std::find_if(asked_.begin(), asked_.end(), [&](const asked& a) { return &a == &found; });
        asked out = std::move(*at);
        asked_.erase(at);
        return out;
    }

    [[nodiscard]] const asked& front() const { return asked_.front(); }

private:
    std::deque<asked> asked_;
};

}  // namespace mayfly::temporal::workflow::detail
