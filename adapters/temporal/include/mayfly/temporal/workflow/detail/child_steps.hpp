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

/// The child workflows of a run: each is started first, and ends later.
class child_steps {
public:
    void start(start_child c, run_books& books)
    {
        const auto [at, fresh] = open_.try_emplace(c.seq);
        if (!fresh)
            return books.used_twice("child workflows", c.seq);
        step& s = at->second;
        s.names.name_space = books.name_space;
        s.names.id = c.workflow_id;
        s.names.type = c.type;
        s.cancellation = c.cancellation;

        auto& command =
            books.queue.push(want::child, c.seq, {}, api::enums::COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION).command;
        auto& out = *command.mutable_start_child_workflow_execution_command_attributes();
        out.set_namespace_(books.name_space);
        out.set_workflow_id(std::move(c.workflow_id));
        out.mutable_workflow_type()->set_name(std::move(c.type));
        out.mutable_task_queue()->set_name(c.task_queue.empty() ? books.task_queue : std::move(c.task_queue));
        using attributes = api::command::StartChildWorkflowExecutionCommandAttributes;
        put_span(out, &attributes::mutable_workflow_execution_timeout, c.execution_timeout);
        put_span(out, &attributes::mutable_workflow_run_timeout, c.run_timeout);
        put_span(out, &attributes::mutable_workflow_task_timeout, c.task_timeout);
        out.set_parent_close_policy(c.parent_close_policy);
        out.set_workflow_id_reuse_policy(c.id_reuse);
        if (has_any(c.input))
            *out.mutable_input() = std::move(c.input);
        if (has_any(c.header))
            *out.mutable_header() = std::move(c.header);
        if (has_any(c.memo))
            *out.mutable_memo() = std::move(c.memo);
        if (has_any(c.search_attributes))
            *out.mutable_search_attributes() = std::move(c.search_attributes);
        out.set_cron_schedule(std::move(c.cron_schedule));
        put_retry(out, c.retry);
        put_priority(out, c.priority);
        put_words(command, std::move(c.words));
    }

    void cancel(cancel_child c, run_books& books)
    {
        const auto at = open_.find(c.seq);
        if (at == open_.end() || at->second.cancel_asked)
            return;
        step& s = at->second;
        s.cancel_asked = true;
        if (books.queue.withdraw(want::child, c.seq)) {
            tell_cancelled(c.seq, s, books);
            open_.erase(at);
            return;
        }
        if (s.cancellation != cancellation_type::abandon) {
            auto& out = *books.queue
                             .push(want::cancel_child, c.seq, {},
                                 api::enums::COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION)
                             .command.mutable_request_cancel_external_workflow_execution_command_attributes();
            out.set_namespace_(s.names.name_space);
            out.set_workflow_id(s.names.id);
            out.set_child_workflow_only(true);
            out.set_reason(std::move(c.reason));
        }
        if (s.cancellation != cancellation_type::wait_completed)
            tell_cancelled(c.seq, s, books);
    }

    void recorded(std::uint32_t seq, std::int64_t event)
    {
        const auto at = open_.find(seq);
        if (at == open_.end())
            return;
        at->second.names.initiated = event;
        by_event_[event] = seq;
    }

    void happened(const api::history::HistoryEvent& e, run_books& books)
    {
        using namespace api::enums;
        switch (e.event_type()) {
        case EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED: {
            const auto& a = e.start_child_workflow_execution_failed_event_attributes();
            if (step* s = find(e, a.initiated_event_id(), books)) {
                const std::uint32_t seq = by_event_.find(a.initiated_event_id())->second;
                if (!s->told)
                    books.resolved(e.event_id(), child_started{seq, "",
                                                     child_failure("the child workflow was not started", s->names,
                                                         RETRY_STATE_NON_RETRYABLE_FAILURE, refusal(a.cause()))});
                close(a.initiated_event_id());
            }
            return;
        }
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: {
            const auto& a = e.child_workflow_execution_started_event_attributes();
            if (step* s = find(e, a.initiated_event_id(), books)) {
                s->names.run_id = a.workflow_execution().run_id();
                s->names.started = e.event_id();
                if (!s->told && !s->started)
                    books.resolved(e.event_id(),
                        child_started{by_event_.find(a.initiated_event_id())->second, s->names.run_id, {}});
                s->started = true;
            }
            return;
        }
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED: {
            const auto& a = e.child_workflow_execution_completed_event_attributes();
            if (find(e, a.initiated_event_id(), books) != nullptr)
                end(e, a.initiated_event_id(), completed_with(a.result()), books);
            return;
        }
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED: {
            const auto& a = e.child_workflow_execution_failed_event_attributes();
            if (const step* s = find(e, a.initiated_event_id(), books))
                end(e, a.initiated_event_id(),
                    ended_with(resolution::kind::failed,
                        child_failure("the child workflow failed", s->names, a.retry_state(), a.failure())),
                    books);
            return;
        }
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED: {
            const auto& a = e.child_workflow_execution_canceled_event_attributes();
            if (const step* s = find(e, a.initiated_event_id(), books))
                end(e, a.initiated_event_id(),
                    ended_with(resolution::kind::cancelled,
                        child_failure("the child workflow was cancelled", s->names, RETRY_STATE_CANCEL_REQUESTED,
                            cancelled_because("the child workflow was cancelled", a.details()))),
                    books);
            return;
        }
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT: {
            const auto& a = e.child_workflow_execution_timed_out_event_attributes();
            if (const step* s = find(e, a.initiated_event_id(), books)) {
                auto why = said("the child workflow timed out");
                why.mutable_timeout_failure_info()->set_timeout_type(TIMEOUT_TYPE_START_TO_CLOSE);
                end(e, a.initiated_event_id(),
                    ended_with(resolution::kind::failed,
                        child_failure("the child workflow timed out", s->names, a.retry_state(), std::move(why))),
                    books);
            }
            return;
        }
        case EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED: {
            const auto& a = e.child_workflow_execution_terminated_event_attributes();
            if (const step* s = find(e, a.initiated_event_id(), books)) {
                auto why = said("the child workflow was terminated");
                why.mutable_terminated_failure_info();
                end(e, a.initiated_event_id(),
                    ended_with(resolution::kind::failed, child_failure("the child workflow was terminated", s->names,
                                                             RETRY_STATE_NON_RETRYABLE_FAILURE, std::move(why))),
                    books);
            }
            return;
        }
        default: return;
        }
    }

private:
    struct step {
        child_names names{};
        cancellation_type cancellation = cancellation_type::wait_completed;
        bool cancel_asked = false;
        bool started = false;
        bool told = false;  ///< Code knows how it ended, as far as it wants to.
    };

    static api::failure::Failure refusal(api::enums::StartChildWorkflowExecutionFailedCause cause)
    {
        using namespace api::enums;
        switch (cause) {
        case START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS:
            return application("a workflow with this id exists already", "WorkflowAlreadyExists");
        case START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND:
            return application("the server does not know the namespace", "NamespaceNotFound");
        case START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_INVALID_VERSIONING_OVERRIDE:
            return application("the versioning override is not valid", "InvalidVersioningOverride");
        case START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_UNSPECIFIED: break;
        }
        return application("the server gave no reason", "StartChildFailed");
    }

    step* find(const api::history::HistoryEvent& e, std::int64_t initiated, run_books& books)
    {
        const auto at = by_event_.find(initiated);
        if (at != by_event_.end())
            return &open_.find(at->second)->second;
        books.dangling(e, "child workflow", initiated);
        return nullptr;
    }

    void close(std::int64_t initiated)
    {
        const auto at = by_event_.find(initiated);
        open_.erase(at->second);
        by_event_.erase(at);
    }

    void end(const api::history::HistoryEvent& e, std::int64_t initiated, resolution outcome, run_books& books)
    {
        const std::uint32_t seq = by_event_.find(initiated)->second;
        const step& s = open_.find(seq)->second;
        if (!s.told) {
            // No server ends what it has not started; code waits for the start first all the same.
            if (!s.started)
                books.resolved(e.event_id(), child_started{seq, s.names.run_id, {}});
            books.resolved(e.event_id(), child_resolved{seq, std::move(outcome)});
        }
        close(initiated);
    }

    static void tell_cancelled(std::uint32_t seq, step& s, run_books& books)
    {
        s.told = true;
        auto why = child_failure("the child workflow was cancelled", s.names, api::enums::RETRY_STATE_CANCEL_REQUESTED,
            cancelled_because("the child workflow was cancelled"));
        if (s.started)
            books.at_once.push_back(child_resolved{seq, ended_with(resolution::kind::cancelled, std::move(why))});
        else
            books.at_once.push_back(child_started{seq, "", std::move(why)});
    }

    std::map<std::uint32_t, step> open_;
    std::map<std::int64_t, std::uint32_t> by_event_;
};

}  // namespace mayfly::temporal::workflow::detail
