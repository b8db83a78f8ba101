// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/code.hpp>
#include <mayfly/temporal/workflow/detail/event_table.hpp>
#include <mayfly/temporal/workflow/detail/markers.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace mayfly::temporal::workflow::testing {

/** Code that wants what a history says that its code wanted: any history replays on it, whoever wrote it.

    It says nothing about the run's own code; it does about how history is read, cut into tasks and matched.
*/
class mirror final : public code {
public:
    using event = api::history::HistoryEvent;

    explicit mirror(const std::vector<event>& history)
    {
        std::int64_t started = 0;
        bool in_commands = false;
        for (const event& e : history) {
            const auto is = detail::class_of(e);
            if (e.event_type() == api::enums::EVENT_TYPE_WORKFLOW_TASK_STARTED)
                started = e.event_id();
            if (e.event_type() == api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
                in_commands = true;
            else if (is != detail::event_class::command && is != detail::event_class::nothing)
                in_commands = false;
            if (in_commands && is == detail::event_class::command)
                note(e, commands_[started]);
        }
        for (auto& [task, parts] : commands_)
            std::reverse(parts.begin(), parts.end());
    }

    activated activate(activation now) override
    {
        activated out;
        out.intents = std::exchange(locals_, {});
        auto& parts = commands_[now.facts.history_length];
        // What stands behind a local activity's marker came of its outcome.
        const auto ended = std::count_if(now.jobs.begin(), now.jobs.end(),
            [](const job& j) { return std::holds_alternative<local_activity_resolved>(j); });
        const bool first = begun_.insert(now.facts.history_length).second;
        for (auto n = ended + (first ? 1 : 0); n > 0 && !parts.empty(); --n) {
            out.intents.insert(out.intents.end(), parts.back().begin(), parts.back().end());
            parts.pop_back();
        }
        return out;
    }

    query_answer query(const api::query::WorkflowQuery&) override { return {}; }
    [[nodiscard]] std::string stack_trace() const override { return {}; }

private:
    static std::uint32_t number(const std::string& id)
    {
        return static_cast<std::uint32_t>(std::strtoul(id.c_str(), nullptr, 10));
    }

    using parts_of_task = std::vector<std::vector<intent>>;

    void note(const event& e, parts_of_task& parts)
    {
        using namespace api::enums;
        if (parts.empty())
            parts.emplace_back();
        std::vector<intent>& out = parts.back();
        switch (e.event_type()) {
        case EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: {
            schedule_activity a;
            a.seq = static_cast<std::uint32_t>(e.event_id());
            a.id = e.activity_task_scheduled_event_attributes().activity_id();
            a.type = e.activity_task_scheduled_event_attributes().activity_type().name();
            a.cancellation = cancellation_type::wait_completed;
            out.emplace_back(std::move(a));
            return;
        }
        case EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
            out.emplace_back(cancel_activity{
                static_cast<std::uint32_t>(e.activity_task_cancel_requested_event_attributes().scheduled_event_id())});
            return;
        case EVENT_TYPE_TIMER_STARTED:
            out.emplace_back(start_timer{number(e.timer_started_event_attributes().timer_id()), {}, {}});
            return;
        case EVENT_TYPE_TIMER_CANCELED:
            out.emplace_back(cancel_timer{number(e.timer_canceled_event_attributes().timer_id())});
            return;
        case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: {
            start_child c;
            c.seq = static_cast<std::uint32_t>(e.event_id());
            c.workflow_id = e.start_child_workflow_execution_initiated_event_attributes().workflow_id();
            c.type = e.start_child_workflow_execution_initiated_event_attributes().workflow_type().name();
            out.emplace_back(std::move(c));
            return;
        }
        case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: {
            cancel_external c;
            c.seq = static_cast<std::uint32_t>(e.event_id());
            c.target.workflow_id = e.request_cancel_external_workflow_execution_initiated_event_attributes()
                                       .workflow_execution()
                                       .workflow_id();
            out.emplace_back(std::move(c));
            return;
        }
        case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: {
            const auto& a = e.signal_external_workflow_execution_initiated_event_attributes();
            signal_external s;
            s.seq = static_cast<std::uint32_t>(e.event_id());
            s.target.workflow_id = a.workflow_execution().workflow_id();
            s.name = a.signal_name();
            out.emplace_back(std::move(s));
            return;
        }
        case EVENT_TYPE_MARKER_RECORDED: {
            const auto& m = e.marker_recorded_event_attributes();
            if (const auto patch = detail::read_patch(m)) {
                if (patches_.insert(patch->id).second)
                    out.emplace_back(set_patch{patch->id, patch->deprecated});
            } else if (const auto effect = detail::read_side_effect(m)) {
                out.emplace_back(record_side_effect{effect->seq, {}, effect->id});
            } else if (const auto local = detail::read_local(m)) {
                schedule_local_activity l;
                l.seq = local->seq;
                l.type = local->type;
                locals_.emplace_back(std::move(l));
                parts.emplace_back();
            }
            return;
        }
        case EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: {
            const auto& of = e.upsert_workflow_search_attributes_event_attributes().search_attributes();
            if (!of.indexed_fields().contains("TemporalChangeVersion"))
                out.emplace_back(upsert_search_attributes{});
            return;
        }
        case EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED: out.emplace_back(upsert_memo{}); return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            out.emplace_back(
                accept_update{e.workflow_execution_update_accepted_event_attributes().protocol_instance_id()});
            return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
            out.emplace_back(
                complete_update{e.workflow_execution_update_completed_event_attributes().meta().update_id(), {}});
            return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: out.emplace_back(complete_run{}); return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: out.emplace_back(fail_run{}); return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: out.emplace_back(cancel_run{}); return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: out.emplace_back(continue_as_new{}); return;
        default: return;
        }
    }

    std::map<std::int64_t, parts_of_task> commands_;  ///< By the WorkflowTaskStarted of their task; the first is last.
    std::set<std::int64_t> begun_;                    ///< Tasks whose code has run.
    std::vector<intent> locals_;                      ///< Of the whole run: history says when each was over.
    std::set<std::string> patches_;
};

}  // namespace mayfly::temporal::workflow::testing
