// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/command_parts.hpp>
#include <mayfly/temporal/workflow/detail/run_books.hpp>
#include <mayfly/temporal/workflow/detail/step_failures.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace mayfly::temporal::workflow::detail {

/// The activities of a run, each from the wish for it to its end.
class activity_steps {
public:
    void schedule(schedule_activity a, run_books& books)
    {
        const auto [at, fresh] = open_.try_emplace(a.seq);
        if (!fresh)
            return books.used_twice("activities", a.seq);
        step& s = at->second;
        s.names.id = a.id.empty() ? std::to_string(a.seq) : std::move(a.id);
        s.names.type = std::move(a.type);
        s.cancellation = a.cancellation;

        auto& c = books.queue.push(want::activity, a.seq, {}, api::enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK).command;
        auto& out = *c.mutable_schedule_activity_task_command_attributes();
        out.set_activity_id(s.names.id);
        out.mutable_activity_type()->set_name(s.names.type);
        out.mutable_task_queue()->set_name(a.task_queue.empty() ? books.task_queue : std::move(a.task_queue));
        using attributes = api::command::ScheduleActivityTaskCommandAttributes;
        put_span(out, &attributes::mutable_schedule_to_close_timeout, a.schedule_to_close);
        put_span(out, &attributes::mutable_schedule_to_start_timeout, a.schedule_to_start);
        put_span(out, &attributes::mutable_start_to_close_timeout, a.start_to_close);
        put_span(out, &attributes::mutable_heartbeat_timeout, a.heartbeat);
        if (has_any(a.input))
            *out.mutable_input() = std::move(a.input);
        if (has_any(a.header))
            *out.mutable_header() = std::move(a.header);
        put_retry(out, a.retry);
        put_priority(out, a.priority);
        if (a.use_workflow_version)
            out.set_use_workflow_build_id(true);
        put_words(c, std::move(a.words));
    }

    void cancel(std::uint32_t seq, run_books& books)
    {
        const auto at = open_.find(seq);
        if (at == open_.end() || at->second.cancel_asked)
            return;
        step& s = at->second;
        s.cancel_asked = true;
        if (books.queue.withdraw(want::activity, seq)) {
            tell_cancelled(seq, s, books);
            open_.erase(at);
            return;
        }
        if (s.cancellation != cancellation_type::abandon)
            books.queue.push(want::cancel_activity, seq, {}, api::enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK)
                .command.mutable_request_cancel_activity_task_command_attributes()
                ->set_scheduled_event_id(s.names.scheduled);
        if (s.cancellation != cancellation_type::wait_completed)
            tell_cancelled(seq, s, books);
    }

    /// History has its command.
    void recorded(std::uint32_t seq, std::int64_t event)
    {
        const auto at = open_.find(seq);
        if (at == open_.end())
            return;
        at->second.names.scheduled = event;
        by_event_[event] = seq;
    }

    /// ActivityTaskStarted, or one of the ends.
    void happened(const api::history::HistoryEvent& e, run_books& books)
    {
        using namespace api::enums;
        switch (e.event_type()) {
        case EVENT_TYPE_ACTIVITY_TASK_STARTED:
            find(e, e.activity_task_started_event_attributes().scheduled_event_id(), books);
            return;
        case EVENT_TYPE_ACTIVITY_TASK_COMPLETED: {
            const auto& a = e.activity_task_completed_event_attributes();
            if (find(e, a.scheduled_event_id(), books) != nullptr)
                end(e, a.scheduled_event_id(), completed_with(a.result()), books);
            return;
        }
        case EVENT_TYPE_ACTIVITY_TASK_FAILED: {
            const auto& a = e.activity_task_failed_event_attributes();
            if (const step* s = find(e, a.scheduled_event_id(), books))
                end(e, a.scheduled_event_id(),
                    ended_with(resolution::kind::failed,
                        activity_failure("the activity failed", s->names, a.started_event_id(), a.identity(),
                            a.retry_state(), a.failure())),
                    books);
            return;
        }
        case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: {
            const auto& a = e.activity_task_timed_out_event_attributes();
            if (const step* s = find(e, a.scheduled_event_id(), books))
                end(e, a.scheduled_event_id(),
                    ended_with(resolution::kind::failed, activity_failure("the activity timed out", s->names,
                                                             a.started_event_id(), "", a.retry_state(), a.failure())),
                    books);
            return;
        }
        case EVENT_TYPE_ACTIVITY_TASK_CANCELED: {
            const auto& a = e.activity_task_canceled_event_attributes();
            if (const step* s = find(e, a.scheduled_event_id(), books))
                end(e, a.scheduled_event_id(),
                    ended_with(resolution::kind::cancelled,
                        activity_failure("the activity was cancelled", s->names, a.started_event_id(), a.identity(),
                            RETRY_STATE_CANCEL_REQUESTED,
                            cancelled_because("the activity was cancelled", a.details()))),
                    books);
            return;
        }
        default: return;
        }
    }

private:
    struct step {
        activity_names names{};
        cancellation_type cancellation = cancellation_type::try_cancel;
        bool cancel_asked = false;
        bool told = false;  ///< Code knows how it ended.
    };

    step* find(const api::history::HistoryEvent& e, std::int64_t scheduled, run_books& books)
    {
        const auto at = by_event_.find(scheduled);
        if (at != by_event_.end())
            return &open_.find(at->second)->second;
        books.dangling(e, "activity", scheduled);
        return nullptr;
    }

    void end(const api::history::HistoryEvent& e, std::int64_t scheduled, resolution outcome, run_books& books)
    {
        const auto at = by_event_.find(scheduled);
        const std::uint32_t seq = at->second;
        if (!open_.find(seq)->second.told)
            books.resolved(e.event_id(), activity_resolved{seq, std::move(outcome)});
        open_.erase(seq);
        by_event_.erase(at);
    }

    static void tell_cancelled(std::uint32_t seq, step& s, run_books& books)
    {
        s.told = true;
        books.at_once.push_back(activity_resolved{
            seq, ended_with(resolution::kind::cancelled,
                     activity_failure("the activity was cancelled", s.names, 0, "",
                         api::enums::RETRY_STATE_CANCEL_REQUESTED, cancelled_because("the activity was cancelled")))});
    }

    std::map<std::uint32_t, step> open_;
    std::map<std::int64_t, std::uint32_t> by_event_;  ///< Only of what is open.
};

}  // namespace mayfly::temporal::workflow::detail
