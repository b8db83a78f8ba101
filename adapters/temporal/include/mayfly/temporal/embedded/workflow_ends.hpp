// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/failures.hpp>
#include <mayfly/temporal/embedded/workflow_starts.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

inline constexpr const char* history_service = "history-service";  ///< Who does what the service does of itself.
inline constexpr const char* resetter = "history-resetter";  ///< And who ends a run for another one to begin anew.

/// How runs end, and what that and other changes bring about in their parents, children, and those they talk to.
class workflow_ends : public workflow_starts {
protected:
    using workflow_starts::workflow_starts;
    ~workflow_ends() = default;

    virtual void abort_updates(workflow_run& r, bool goes_on, const moment& now) = 0;
    virtual void release_queries(workflow_run& r, const moment& now) = 0;

    /// After its last event was written: whatever was under way in it is no more.
    void close_run(workflow_run& r, api::enums::WorkflowExecutionStatus status, const moment& now)
    {
        r.history.drop_aside();
        r.status = status;
        r.closed = now;
        end_task(r, now);
        r.backoff.reset();
        r.timers.clear();
        r.firing.clear();
        while (!r.activities.empty()) {
            execution& e = *r.activities.begin()->second;
            queues_.task_ended(e, now);
            forget_activity(r, e);
        }
        // What begins anew from this run has its children.
        const bool reset = r.history.last().workflow_execution_terminated_event_attributes().identity() == resetter;
        for (const auto& [event, child] : r.children)
            if (!child.run_id.empty() && child.asked.parent_close_policy() != api::enums::PARENT_CLOSE_POLICY_ABANDON &&
                status != api::enums::WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW && r.next_run_id.empty() &&
                !(reset && !r.reset_run_id.empty()))
                follow_ups_.push_back({follow_up::what::close_child, r.run_id, event});
        if (r.begun().has_parent_workflow_execution() && r.next_run_id.empty() && !reset)
            follow_ups_.push_back({follow_up::what::tell_parent, r.run_id, 0});
        runs_.closed(r);
        abort_updates(r, !r.next_run_id.empty(), now);
        release_queries(r, now);
        settle(r, now);
    }

    /// Ends the task that a worker has, as the run itself is about to end: what was kept aside is written then.
    void break_task(workflow_run& r, const moment& now)
    {
        if (!r.with_worker())
            return;
        if (r.task.speculative)
            make_real(r, r.task.scheduled, r.task.started, history_service);
        if (!is_transient(r.task)) {
            auto& a = *r.history.write(api::enums::EVENT_TYPE_WORKFLOW_TASK_FAILED, now)
                           .mutable_workflow_task_failed_event_attributes();
            a.set_scheduled_event_id(r.task.scheduled_event);
            a.set_started_event_id(r.task.started_event);
            a.set_cause(api::enums::WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND);
            a.set_identity(history_service);
        }
        end_task(r, now);
        r.history.flush();
    }

    void terminate_run(workflow_run& r, const std::string& reason, const api::common::Payloads* details,
        const std::string& identity, const moment& now)
    {
        break_task(r, now);
        auto& a = *r.history.write(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, now)
                       .mutable_workflow_execution_terminated_event_attributes();
        a.set_reason(reason);
        if (details != nullptr)
            *a.mutable_details() = *details;
        a.set_identity(identity);
        close_run(r, api::enums::WORKFLOW_EXECUTION_STATUS_TERMINATED, now);
    }

    void run_timed_out(workflow_run& r, const moment& now) override
    {
        api::failure::Failure failure;
        failure.set_message("workflow timeout");
        failure.mutable_timeout_failure_info()->set_timeout_type(api::enums::TIMEOUT_TYPE_START_TO_CLOSE);
        next_try again{api::enums::RETRY_STATE_TIMEOUT, {}};
        auto by = api::enums::CONTINUE_AS_NEW_INITIATOR_RETRY;
        if (r.expires > now.at) {
            again = retry_of(r, failure, now);
            if (!again.wait && !r.begun().cron_schedule().empty()) {
                by = api::enums::CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE;
                again.wait = cron_wait(r.begun().cron_schedule(), r.began, now);
            }
        }
        std::optional<run_start> next;
        if (again.wait)
            next = next_run(r, by, *again.wait, nullptr, &failure, now);
        break_task(r, now);
        auto& a = *r.history.write(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT, now)
                       .mutable_workflow_execution_timed_out_event_attributes();
        a.set_retry_state(again.state);
        a.set_new_execution_run_id(r.next_run_id);
        close_run(r, api::enums::WORKFLOW_EXECUTION_STATUS_TIMED_OUT, now);
        if (next)
            begin_next(*std::move(next), now);
    }

    /// The run that a retry or a schedule begins once this one is closed, which knows its id from here on.
    [[nodiscard]] run_start next_run(workflow_run& r, api::enums::ContinueAsNewInitiator by, uptime wait,
        const api::common::Payloads* result, const api::failure::Failure* failure, const moment& now)
    {
        run_start s = successor(r, by, wait, now);
        r.next_run_id = s.run_id;
        // A schedule begins anew. Another try keeps to a version only where the first one had to begin with it.
        if (by == api::enums::CONTINUE_AS_NEW_INITIATOR_RETRY)
            inherit(s.begun, r, heritage_of_retry(r));
        else if (r.versioning.ordered && r.versioning.ordered->has_pinned())
            *s.begun.mutable_versioning_override() = *r.versioning.ordered;
        if (result != nullptr)
            *s.begun.mutable_last_completion_result() = *result;
        else if (r.begun().has_last_completion_result())
            *s.begun.mutable_last_completion_result() = r.begun().last_completion_result();
        if (failure != nullptr)
            *s.begun.mutable_continued_failure() = *failure;
        return s;
    }

    void begin_next(run_start s, const moment& now) { first_task(make_run(std::move(s), now), now); }

    // What happens in another run afterwards.

    void follow_up_all(const moment& now)
    {
        while (!follow_ups_.empty()) {
            const follow_up f = std::move(follow_ups_.front());
            follow_ups_.pop_front();
            workflow_run* const r = runs_.find_run(f.run_id);
            if (r == nullptr)
                continue;
            switch (f.kind) {
            case follow_up::what::start_child: start_child(*r, f.event, now); break;
            case follow_up::what::tell_parent: tell_parent(*r, now); break;
            case follow_up::what::close_child: close_child(*r, f.event, now); break;
            case follow_up::what::signal_external: signal_external(*r, f.event, now); break;
            case follow_up::what::cancel_external: cancel_external(*r, f.event, now); break;
            case follow_up::what::end_long: end_long(*r, now); break;
            }
        }
    }

    void end_long(workflow_run& r, const moment& now)
    {
        if (r.open())
            terminate_run(r,
                r.history.all_events() > limits_.history_events ? "Workflow history count exceeds limit."
                                                                : "Workflow history size exceeds limit.",
                nullptr, history_service, now);
    }

    void start_child(workflow_run& parent, std::int64_t event, const moment& now)
    {
        const auto at = parent.children.find(event);
        if (at == parent.children.end())
            return;
        const auto& asked = at->second.asked;
        if (!parent.open() && asked.parent_close_policy() != api::enums::PARENT_CLOSE_POLICY_ABANDON)
            return;
        if (const auto cause = child_refused(asked);
            cause != api::enums::START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_UNSPECIFIED) {
            auto& a = *note(parent, api::enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED, now)
                           .mutable_start_child_workflow_execution_failed_event_attributes();
            fill_child(a, asked);
            a.set_workflow_id(asked.workflow_id());
            *a.mutable_workflow_type() = asked.workflow_type();
            a.set_cause(cause);
            a.set_initiated_event_id(event);
            parent.children.erase(at);
            return happened(parent, now);
        }
        run_start s = start_of(child_request(asked), now);
        auto& b = s.begun;
        b.set_parent_workflow_namespace(parent.name_space);
        b.set_parent_workflow_namespace_id(names_.id_of(parent.name_space));
        *b.mutable_parent_workflow_execution() = parent.who();
        b.set_parent_initiated_event_id(event);
        *b.mutable_root_workflow_execution() =
            parent.begun().has_root_workflow_execution() ? parent.begun().root_workflow_execution() : parent.who();
        if (!asked.has_versioning_override() && asked.namespace_() == parent.name_space)
            inherit(b, parent, {.single_order = true});
        if (parent.history.at(event).has_user_metadata())
            s.metadata = parent.history.at(event).user_metadata();
        workflow_run& child = make_run(std::move(s), now);
        if (parent.open()) {
            at->second.run_id = child.run_id;
            auto& a = *note(parent, api::enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED, now)
                           .mutable_child_workflow_execution_started_event_attributes();
            fill_child(a, asked);
            a.set_initiated_event_id(event);
            *a.mutable_workflow_execution() = child.who();
            *a.mutable_workflow_type() = asked.workflow_type();
            if (asked.has_header())
                *a.mutable_header() = asked.header();
            happened(parent, now);
        }
        first_task(child, now);
    }

    [[nodiscard]] api::enums::StartChildWorkflowExecutionFailedCause child_refused(
        const api::history::StartChildWorkflowExecutionInitiatedEventAttributes& asked) const
    {
        using namespace api::enums;
        if (!names_.contains(asked.namespace_()))
            return START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND;
        if (asked.has_versioning_override() &&
            !refused_order(asked.namespace_(), asked.task_queue().name(), asked.versioning_override()).ok())
            return START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_INVALID_VERSIONING_OVERRIDE;
        const workflow_run* const known = runs_.find(asked.namespace_(), asked.workflow_id(), "");
        if (known == nullptr)
            return START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_UNSPECIFIED;
        const bool failed = known->status != WORKFLOW_EXECUTION_STATUS_COMPLETED;
        const bool reuse =
            asked.workflow_id_reuse_policy() != WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE &&
            (asked.workflow_id_reuse_policy() != WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY || failed);
        return known->open() || !reuse ? START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS
                                       : START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_UNSPECIFIED;
    }

    [[nodiscard]] static api::StartWorkflowExecutionRequest child_request(
        const api::history::StartChildWorkflowExecutionInitiatedEventAttributes& asked)
    {
        api::StartWorkflowExecutionRequest q;
        q.set_namespace_(asked.namespace_());
        q.set_workflow_id(asked.workflow_id());
        *q.mutable_workflow_type() = asked.workflow_type();
        *q.mutable_task_queue() = asked.task_queue();
        if (asked.has_input())
            *q.mutable_input() = asked.input();
        *q.mutable_workflow_execution_timeout() = asked.workflow_execution_timeout();
        *q.mutable_workflow_run_timeout() = asked.workflow_run_timeout();
        *q.mutable_workflow_task_timeout() = asked.workflow_task_timeout();
        if (asked.has_retry_policy())
            *q.mutable_retry_policy() = asked.retry_policy();
        q.set_cron_schedule(asked.cron_schedule());
        if (asked.has_header())
            *q.mutable_header() = asked.header();
        if (asked.has_memo())
            *q.mutable_memo() = asked.memo();
        if (asked.has_search_attributes())
            *q.mutable_search_attributes() = asked.search_attributes();
        if (asked.has_priority())
            *q.mutable_priority() = asked.priority();
        if (asked.has_versioning_override())
            *q.mutable_versioning_override() = asked.versioning_override();
        return q;
    }

    /// What all events about a child begin with.
    template <class Attributes>
    void fill_child(Attributes& a, const api::history::StartChildWorkflowExecutionInitiatedEventAttributes& asked) const
    {
        a.set_namespace_(asked.namespace_());
        a.set_namespace_id(names_.id_of(asked.namespace_()));
    }

    /// A child has ended for good: its parent hears how.
    void tell_parent(const workflow_run& child, const moment& now)
    {
        using namespace api::enums;
        const auto& who = child.begun().parent_workflow_execution();
        workflow_run* parent = runs_.find_run(who.run_id());
        while (parent != nullptr && !parent->reset_run_id.empty())
            parent = runs_.find_run(parent->reset_run_id);
        if (parent == nullptr || !parent->open())
            return;
        const std::int64_t initiated = child.begun().parent_initiated_event_id();
        const auto at = parent->children.find(initiated);
        if (at == parent->children.end())
            return;
        const pending_child known = std::move(at->second);
        parent->children.erase(at);
        const auto fill = [&](auto& a) {
            fill_child(a, known.asked);
            *a.mutable_workflow_execution() = child.who();
            *a.mutable_workflow_type() = child.begun().workflow_type();
            a.set_initiated_event_id(initiated);
            a.set_started_event_id(parent->history.begin_of(initiated));
        };
        const auto& last = child.history.events().back();
        switch (child.status) {
        case WORKFLOW_EXECUTION_STATUS_COMPLETED: {
            auto& a = *note(*parent, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED, now)
                           .mutable_child_workflow_execution_completed_event_attributes();
            fill(a);
            if (last.workflow_execution_completed_event_attributes().has_result())
                *a.mutable_result() = last.workflow_execution_completed_event_attributes().result();
            break;
        }
        case WORKFLOW_EXECUTION_STATUS_FAILED: {
            auto& a = *note(*parent, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED, now)
                           .mutable_child_workflow_execution_failed_event_attributes();
            fill(a);
            *a.mutable_failure() = last.workflow_execution_failed_event_attributes().failure();
            a.set_retry_state(last.workflow_execution_failed_event_attributes().retry_state());
            break;
        }
        case WORKFLOW_EXECUTION_STATUS_CANCELED: {
            auto& a = *note(*parent, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED, now)
                           .mutable_child_workflow_execution_canceled_event_attributes();
            fill(a);
            if (last.workflow_execution_canceled_event_attributes().has_details())
                *a.mutable_details() = last.workflow_execution_canceled_event_attributes().details();
            break;
        }
        case WORKFLOW_EXECUTION_STATUS_TIMED_OUT: {
            auto& a = *note(*parent, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT, now)
                           .mutable_child_workflow_execution_timed_out_event_attributes();
            fill(a);
            a.set_retry_state(last.workflow_execution_timed_out_event_attributes().retry_state());
            break;
        }
        default:
            fill(*note(*parent, EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED, now)
                      .mutable_child_workflow_execution_terminated_event_attributes());
            break;
        }
        happened(*parent, now);
    }

    /// The run that a child is in now: it may have gone on.
    [[nodiscard]] workflow_run* latest_of(const pending_child& child) const
    {
        workflow_run* const r = runs_.find(child.asked.namespace_(), child.asked.workflow_id(), "");
        return r != nullptr && r->first_run_id == child.run_id && r->open() ? r : nullptr;
    }

    void close_child(workflow_run& parent, std::int64_t event, const moment& now)
    {
        const auto at = parent.children.find(event);
        if (at == parent.children.end())
            return;
        workflow_run* const child = latest_of(at->second);
        if (child == nullptr)
            return;
        if (at->second.asked.parent_close_policy() == api::enums::PARENT_CLOSE_POLICY_REQUEST_CANCEL)
            static_cast<void>(ask_to_cancel(*child, "", history_service, "", &parent, 0, now));
        else
            terminate_run(*child, "by parent close policy", nullptr, history_service, now);
    }

    /// Why the run cannot be asked any more; OK if it is now, or was.
    [[nodiscard]] grpc::status ask_to_cancel(workflow_run& r, const std::string& reason, const std::string& identity,
        const std::string& request, const workflow_run* by, std::int64_t by_event, const moment& now)
    {
        if (r.cancel_requested) {
            if (!request.empty() && request == r.cancel_request)
                return {};
            api::errordetails::CancellationAlreadyRequestedFailure detail;
            return refused(grpc::status_code::already_exists, "Cancellation already requested. RunId: " + r.run_id,
                "CancellationAlreadyRequestedFailure", detail);
        }
        r.cancel_requested = true;
        r.cancel_request = request;
        auto& a = *note(r, api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED, now)
                       .mutable_workflow_execution_cancel_requested_event_attributes();
        a.set_cause(reason);
        if (by != nullptr) {
            a.set_external_initiated_event_id(by_event);
            *a.mutable_external_workflow_execution() = by->who();
        }
        a.set_identity(identity);
        happened(r, now);
        return {};
    }

    void add_signal(workflow_run& r, const std::string& name, const api::common::Payloads* input,
        const api::common::Header* header, const std::string& identity, const std::string& request,
        const workflow_run* by, const moment& now)
    {
        auto& a = *note(r, api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, now)
                       .mutable_workflow_execution_signaled_event_attributes();
        a.set_signal_name(name);
        if (input != nullptr)
            *a.mutable_input() = *input;
        a.set_identity(identity);
        if (header != nullptr)
            *a.mutable_header() = *header;
        if (by != nullptr)
            *a.mutable_external_workflow_execution() = by->who();
        a.set_request_id(request);
    }

    void signal_external(workflow_run& from, std::int64_t event, const moment& now)
    {
        if (!from.signals_out.erase(event) || !from.open())
            return;
        const auto asked = from.history.at(event).signal_external_workflow_execution_initiated_event_attributes();
        workflow_run* const to = external(from, asked);
        if (to != nullptr) {
            add_signal(*to, asked.signal_name(), asked.has_input() ? &asked.input() : nullptr,
                asked.has_header() ? &asked.header() : nullptr, history_service, ids_.uuid(), &from, now);
            happened(*to, now);
            auto& a = *note(from, api::enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED, now)
                           .mutable_external_workflow_execution_signaled_event_attributes();
            fill_external(a, asked, event);
        } else {
            auto& a = *note(from, api::enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED, now)
                           .mutable_signal_external_workflow_execution_failed_event_attributes();
            fill_external(a, asked, event);
            a.set_cause(
                names_.contains(asked.namespace_())
                    ? api::enums::SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND
                    : api::enums::SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND);
        }
        happened(from, now);
    }

    void cancel_external(workflow_run& from, std::int64_t event, const moment& now)
    {
        if (!from.cancels_out.erase(event) || !from.open())
            return;
        const auto asked =
            from.history.at(event).request_cancel_external_workflow_execution_initiated_event_attributes();
        workflow_run* const to = external(from, asked);
        if (to != nullptr) {
            static_cast<void>(ask_to_cancel(*to, asked.reason(), history_service, ids_.uuid(), &from, event, now));
            auto& a = *note(from, api::enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED, now)
                           .mutable_external_workflow_execution_cancel_requested_event_attributes();
            fill_external(a, asked, event);
        } else {
            auto& a = *note(from, api::enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED, now)
                           .mutable_request_cancel_external_workflow_execution_failed_event_attributes();
            fill_external(a, asked, event);
            a.set_cause(
                names_.contains(asked.namespace_())
                    ? api::enums::CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND
                    : api::enums::CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND);
        }
        happened(from, now);
    }

    /// The open run that a signal or a cancellation is meant for; null if there is none.
    template <class Asked>
    [[nodiscard]] workflow_run* external(const workflow_run& from, const Asked& asked) const
    {
        workflow_run* const to = runs_.find(
            asked.namespace_(), asked.workflow_execution().workflow_id(), asked.workflow_execution().run_id());
        if (to == nullptr || !to->open())
            return nullptr;
        if (asked.child_workflow_only() && to->begun().parent_workflow_execution().run_id() != from.run_id)
            return nullptr;
        return to;
    }

    template <class Attributes, class Asked>
    static void fill_external(Attributes& a, const Asked& asked, std::int64_t event)
    {
        a.set_namespace_(asked.namespace_());
        a.set_namespace_id(asked.namespace_id());
        *a.mutable_workflow_execution() = asked.workflow_execution();
        a.set_initiated_event_id(event);
    }
};

}  // namespace mayfly::temporal::embedded
