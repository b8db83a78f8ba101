// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/workflow/detail/event_table.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <cstddef>
#include <string>
#include <string_view>

// Events and commands in words for people.

namespace mayfly::temporal::workflow::detail {

/// In quotes, as UTF-8, and not endless.
[[nodiscard]] inline std::string in_quotes(std::string_view text)
{
    constexpr std::size_t longest = 200;
    std::string out;
    mayfly::detail::append_json_string(out, text.substr(0, longest));
    if (text.size() > longest)
        out += "...";
    return out;
}

[[nodiscard]] inline std::string named(std::string_view what, std::string_view name, std::string_view id)
{
    std::string out(what);
    (out += ' ') += in_quotes(name);
    if (!id.empty())
        (out += " with id ") += in_quotes(id);
    return out;
}

/// What an event of a command is about: `activity "charge" with id "3"`. Empty where its type says it all.
[[nodiscard]] inline std::string subject_of(const api::history::HistoryEvent& e)
{
    using namespace api::enums;
    switch (e.event_type()) {
    case EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: {
        const auto& a = e.activity_task_scheduled_event_attributes();
        return named("activity", a.activity_type().name(), a.activity_id());
    }
    case EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
        return "activity of event " +
               std::to_string(e.activity_task_cancel_requested_event_attributes().scheduled_event_id());
    case EVENT_TYPE_TIMER_STARTED: return named("timer", e.timer_started_event_attributes().timer_id(), "");
    case EVENT_TYPE_TIMER_CANCELED: return named("timer", e.timer_canceled_event_attributes().timer_id(), "");
    case EVENT_TYPE_TIMER_FIRED: return named("timer", e.timer_fired_event_attributes().timer_id(), "");
    case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: {
        const auto& a = e.start_child_workflow_execution_initiated_event_attributes();
        return named("child workflow", a.workflow_type().name(), a.workflow_id());
    }
    case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
        return named("workflow",
            e.request_cancel_external_workflow_execution_initiated_event_attributes()
                .workflow_execution()
                .workflow_id(),
            "");
    case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: {
        const auto& a = e.signal_external_workflow_execution_initiated_event_attributes();
        return named("signal", a.signal_name(), "") + named(" to workflow", a.workflow_execution().workflow_id(), "");
    }
    case EVENT_TYPE_MARKER_RECORDED: return named("marker", e.marker_recorded_event_attributes().marker_name(), "");
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
        return named("update", e.workflow_execution_update_accepted_event_attributes().protocol_instance_id(), "");
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
        return named("update", e.workflow_execution_update_completed_event_attributes().meta().update_id(), "");
    default: return {};
    }
}

/// `event 12, ActivityTaskScheduled (activity "charge" with id "3")`.
[[nodiscard]] inline std::string words_for(const api::history::HistoryEvent& e)
{
    std::string out = "event " + std::to_string(e.event_id()) + ", ";
    out += name_of(e);
    if (const std::string subject = subject_of(e); !subject.empty())
        ((out += " (") += subject) += ')';
    return out;
}

}  // namespace mayfly::temporal::workflow::detail
