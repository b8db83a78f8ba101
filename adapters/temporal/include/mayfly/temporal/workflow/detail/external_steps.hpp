// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/command_parts.hpp>
#include <mayfly/temporal/workflow/detail/run_books.hpp>
#include <mayfly/temporal/workflow/detail/step_failures.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace mayfly::temporal::workflow::detail {

/// Signals to other workflows.
class signal_steps {
public:
    void send(signal_external s, run_books& books)
    {
        if (!open_.insert(s.seq).second)
            return books.used_twice("signals to other workflows", s.seq);
        auto& out =
            *books.queue.push(want::signal, s.seq, {}, api::enums::COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION)
                 .command.mutable_signal_external_workflow_execution_command_attributes();
        out.set_namespace_(books.name_space);
        out.mutable_execution()->set_workflow_id(std::move(s.target.workflow_id));
        out.mutable_execution()->set_run_id(std::move(s.target.run_id));
        out.set_child_workflow_only(s.target.child_only);
        out.set_signal_name(std::move(s.name));
        if (has_any(s.input))
            *out.mutable_input() = std::move(s.input);
        if (has_any(s.header))
            *out.mutable_header() = std::move(s.header);
    }

    /// Nothing can be done about one that was sent.
    void cancel(std::uint32_t seq, run_books& books)
    {
        if (!books.queue.withdraw(want::signal, seq))
            return;
        open_.erase(seq);
        books.at_once.push_back(external_signal_resolved{seq,
            ended_with(resolution::kind::cancelled, cancelled_because("the signal was cancelled before it was sent"))});
    }

    void recorded(std::uint32_t seq, std::int64_t event) { by_event_[event] = seq; }

    void delivered(const api::history::HistoryEvent& e, run_books& books)
    {
        end(e, e.external_workflow_execution_signaled_event_attributes().initiated_event_id(), {}, books);
    }

    void refused(const api::history::HistoryEvent& e, run_books& books)
    {
        const auto& a = e.signal_external_workflow_execution_failed_event_attributes();
        end(e, a.initiated_event_id(), ended_with(resolution::kind::failed, why(a.cause())), books);
    }

private:
    static api::failure::Failure why(api::enums::SignalExternalWorkflowExecutionFailedCause cause)
    {
        using namespace api::enums;
        switch (cause) {
        case SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND:
            return application("the workflow to be signalled was not found, or is over", "WorkflowNotFound");
        case SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND:
            return application("the server does not know the namespace", "NamespaceNotFound");
        case SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_SIGNAL_COUNT_LIMIT_EXCEEDED:
            return application("the workflow has had as many signals as it may", "SignalCountLimitExceeded");
        case SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_UNSPECIFIED: break;
        }
        return application("the server gave no reason", "SignalFailed");
    }

    void end(const api::history::HistoryEvent& e, std::int64_t initiated, resolution outcome, run_books& books)
    {
        const auto at = by_event_.find(initiated);
        if (at == by_event_.end())
            return books.dangling(e, "signal", initiated);
        books.resolved(e.event_id(), external_signal_resolved{at->second, std::move(outcome)});
        open_.erase(at->second);
        by_event_.erase(at);
    }

    std::set<std::uint32_t> open_;
    std::map<std::int64_t, std::uint32_t> by_event_;
};

/// Requests to cancel other workflows. Those to cancel a child come here once history has them; nobody waits for them.
class cancel_steps {
public:
    void send(cancel_external c, run_books& books)
    {
        if (!open_.insert(c.seq).second)
            return books.used_twice("requests to cancel other workflows", c.seq);
        auto& out = *books.queue
                         .push(want::cancel_external, c.seq, {},
                             api::enums::COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION)
                         .command.mutable_request_cancel_external_workflow_execution_command_attributes();
        out.set_namespace_(books.name_space);
        out.set_workflow_id(std::move(c.target.workflow_id));
        out.set_run_id(std::move(c.target.run_id));
        out.set_child_workflow_only(c.target.child_only);
        out.set_reason(std::move(c.reason));
    }

    void recorded(std::uint32_t seq, std::int64_t event) { by_event_[event] = {seq, true}; }
    void child_recorded(std::int64_t event) { by_event_[event] = {0, false}; }

    void delivered(const api::history::HistoryEvent& e, run_books& books)
    {
        end(e, e.external_workflow_execution_cancel_requested_event_attributes().initiated_event_id(), {}, books);
    }

    void refused(const api::history::HistoryEvent& e, run_books& books)
    {
        const auto& a = e.request_cancel_external_workflow_execution_failed_event_attributes();
        using namespace api::enums;
        const bool gone =
            a.cause() == CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND;
        end(e, a.initiated_event_id(),
            ended_with(resolution::kind::failed,
                gone ? application("the workflow to be cancelled was not found, or is over", "WorkflowNotFound")
                     : application("the server does not know the namespace", "NamespaceNotFound")),
            books);
    }

private:
    struct waiter {
        std::uint32_t seq = 0;
        bool waits = false;
    };

    void end(const api::history::HistoryEvent& e, std::int64_t initiated, resolution outcome, run_books& books)
    {
        const auto at = by_event_.find(initiated);
        if (at == by_event_.end())
            return books.dangling(e, "request to cancel a workflow", initiated);
        if (at->second.waits) {
            books.resolved(e.event_id(), external_cancel_resolved{at->second.seq, std::move(outcome)});
            open_.erase(at->second.seq);
        }
        by_event_.erase(at);
    }

    std::set<std::uint32_t> open_;
    std::map<std::int64_t, waiter> by_event_;
};

}  // namespace mayfly::temporal::workflow::detail
