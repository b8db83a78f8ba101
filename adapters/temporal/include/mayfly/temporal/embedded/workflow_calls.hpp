// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/workflow_start_rules.hpp>
#include <mayfly/temporal/embedded/workflow_tasks.hpp>
#include <mayfly/temporal/embedded/workflow_views.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/// Workflows, for clients: starts, and all that is done to one run.
class workflow_calls : public workflow_tasks {
public:
    [[nodiscard]] answered<api::StartWorkflowExecutionResponse> start_workflow(
        api::StartWorkflowExecutionRequest q, const caller& who)
    {
        if (grpc::status bad = check_start(q); !bad.ok())
            return bad;
        q.set_request_eager_execution(q.request_eager_execution() && may_begin_with_the_answer(q));
        auto out = started(q, who, nullptr, q.request_eager_execution());
        if (out && q.request_eager_execution())
            begin_with_the_answer(q, *out, who);
        follow_up_all(who.now);
        return out;
    }

    [[nodiscard]] answered<api::SignalWithStartWorkflowExecutionResponse> signal_with_start(
        api::SignalWithStartWorkflowExecutionRequest q, const caller& who)
    {
        if (grpc::status bad = check_signal(q, q.signal_input()); !bad.ok())
            return bad;
        if (grpc::status bad = check_start(q); !bad.ok())
            return bad;
        if (q.workflow_id_conflict_policy() == api::enums::WORKFLOW_ID_CONFLICT_POLICY_FAIL)
            return bad_request("Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported "
                               "for this operation.");
        if (q.workflow_id_conflict_policy() == api::enums::WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED)
            q.set_workflow_id_conflict_policy(api::enums::WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING);
        api::SignalWithStartWorkflowExecutionResponse out;
        const auto signal = [this, &q, &who](workflow_run& r) {
            add_signal(r, q.signal_name(), q.has_signal_input() ? &q.signal_input() : nullptr,
                q.has_header() ? &q.header() : nullptr, q.identity(), q.request_id(), nullptr, who.now);
        };
        workflow_run* const known = runs_.find(q.namespace_(), q.workflow_id(), "");
        if (known != nullptr && known->open() &&
            q.workflow_id_conflict_policy() == api::enums::WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING) {
            if (q.request_id().empty() || !known->signal_requests.contains(q.request_id())) {
                if (grpc::status bad = takes_signal(*known, q.ByteSizeLong(), who.now); !bad.ok())
                    return bad;
                if (!q.request_id().empty())
                    known->signal_requests.insert(q.request_id());
                signal(*known);
                happened(*known, who.now);
            }
            out.set_run_id(known->run_id);
            out.set_started(false);
            follow_up_all(who.now);
            return out;
        }
        const auto begun = started(q, who, signal);
        follow_up_all(who.now);
        if (!begun)
            return begun.error();
        out.set_run_id(begun->run_id());
        out.set_first_execution_run_id(begun->first_execution_run_id());
        out.set_started(true);
        return out;
    }

    /// A start and an update.
    void start_and_update(ticket id, const api::ExecuteMultiOperationRequest& q, const caller& who)
    {
        if (q.operations_size() != 2 || !q.operations(0).has_start_workflow() || !q.operations(1).has_update_workflow())
            return tell(id, bad_request("Operations have to be exactly [Start, Update]."));
        api::StartWorkflowExecutionRequest start = q.operations(0).start_workflow();
        const api::UpdateWorkflowExecutionRequest& update = q.operations(1).update_workflow();
        if (start.workflow_id() != update.workflow_execution().workflow_id())
            return tell(id, refused_both(bad_request("WorkflowId is not consistent with previous operation(s)"), {}));
        if (!start.cron_schedule().empty() || start.has_workflow_start_delay() || start.request_eager_execution())
            return tell(id, refused_both(bad_request("CronSchedule, WorkflowStartDelay and RequestEagerExecution are "
                                                     "not allowed."),
                                {}));
        if (grpc::status bad = check_start(start); !bad.ok())
            return tell(id, refused_both(std::move(bad), {}));
        if (grpc::status bad = check_update(update); !bad.ok())
            return tell(id, refused_both({}, std::move(bad)));
        const std::string update_id = update_id_of(update);
        const workflow_run* const known = runs_.find(start.namespace_(), start.workflow_id(), "");
        const std::string known_run = known != nullptr ? known->run_id : std::string();
        // One that has this update already is asked for it again.
        const bool again = known != nullptr && known->updates.contains(update_id) &&
                           (known->open() || known->request_id == start.request_id());
        api::StartWorkflowExecutionResponse begun;
        if (again) {
            begun = start_answer_of(*known, false);
        } else {
            const auto got = started(start, who, nullptr, true);
            if (!got)
                return tell(id, refused_both(got.error(), {}));
            begun = *got;
        }
        workflow_run& r = *runs_.find_run(begun.run_id());
        const bool fresh = !again && begun.run_id() != known_run;
        if (grpc::status bad = admit(r, update, update_id, who, fresh); !bad.ok())
            return tell(id, refused_both({}, std::move(bad)));
        if (fresh)
            first_task(r, who.now);
        workflow_wait w{.id = id, .kind = workflow_wait::what::both, .update_id = update_id};
        w.stage = std::max(
            update.wait_policy().lifecycle_stage(), api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED);
        w.started = begun;
        wait_for(r, std::move(w), who);
        follow_up_all(who.now);
    }

    [[nodiscard]] answered<api::SignalWorkflowExecutionResponse> signal_workflow(
        const api::SignalWorkflowExecutionRequest& q, const caller& who)
    {
        if (grpc::status bad = check_signal(q, q.input()); !bad.ok())
            return bad;
        const auto found = open_run(q.namespace_(), q.workflow_execution(), "");
        if (!found)
            return found.error();
        workflow_run& r = **found;
        if (!q.request_id().empty() && r.signal_requests.contains(q.request_id()))
            return api::SignalWorkflowExecutionResponse();
        if (grpc::status bad = takes_signal(r, q.ByteSizeLong(), who.now); !bad.ok())
            return bad;
        if (!q.request_id().empty())
            r.signal_requests.insert(q.request_id());
        add_signal(r, q.signal_name(), q.has_input() ? &q.input() : nullptr, q.has_header() ? &q.header() : nullptr,
            q.identity(), q.request_id(), nullptr, who.now);
        happened(r, who.now);
        follow_up_all(who.now);
        return api::SignalWorkflowExecutionResponse();
    }

    [[nodiscard]] answered<api::RequestCancelWorkflowExecutionResponse> cancel_workflow(
        const api::RequestCancelWorkflowExecutionRequest& q, const caller& who)
    {
        const auto found = open_run(q.namespace_(), q.workflow_execution(), q.first_execution_run_id());
        if (!found)
            return found.error();
        if ((*found)->cancel_requested)
            return api::RequestCancelWorkflowExecutionResponse();
        if (grpc::status bad = ask_to_cancel(**found, q.reason(), q.identity(), q.request_id(), nullptr, 0, who.now);
            !bad.ok())
            return bad;
        return api::RequestCancelWorkflowExecutionResponse();
    }

    [[nodiscard]] answered<api::TerminateWorkflowExecutionResponse> terminate_workflow(
        const api::TerminateWorkflowExecutionRequest& q, const caller& who)
    {
        const auto found = open_run(q.namespace_(), q.workflow_execution(), q.first_execution_run_id());
        if (!found)
            return found.error();
        terminate_run(**found, q.reason(), q.has_details() ? &q.details() : nullptr, q.identity(), who.now);
        follow_up_all(who.now);
        return api::TerminateWorkflowExecutionResponse();
    }

    [[nodiscard]] answered<api::DeleteWorkflowExecutionResponse> delete_workflow(
        const api::DeleteWorkflowExecutionRequest& q, const caller& who)
    {
        const auto found = any_run(q.namespace_(), q.workflow_execution());
        if (!found)
            return found.error();
        const std::string run = (*found)->run_id;
        if ((*found)->open())
            terminate_run(**found, "Delete workflow execution", nullptr, history_service, who.now);
        follow_up_all(who.now);
        if (workflow_run* const r = runs_.find_run(run))
            forget_run(*r, who.now);
        return api::DeleteWorkflowExecutionResponse();
    }

    /// Only the versioning override can be set.
    [[nodiscard]] answered<api::UpdateWorkflowExecutionOptionsResponse> set_workflow_options(
        const api::UpdateWorkflowExecutionOptionsRequest& q, const caller& who)
    {
        const auto found = open_run(q.namespace_(), q.workflow_execution(), "");
        if (!found)
            return found.error();
        workflow_run& r = **found;
        for (const std::string& path : q.update_mask().paths())
            if (path != "versioning_override" && path != "versioningOverride")
                return bad_request("update_mask: only versioning_override can be set here, and whole, not " + path);
        if (q.update_mask().paths().empty())
            return bad_request("update_mask is empty: name versioning_override");
        std::optional<api::workflow::VersioningOverride> wanted;
        if (q.workflow_execution_options().has_versioning_override()) {
            auto completed = completed_order(r, q.workflow_execution_options().versioning_override());
            if (!completed)
                return completed.error();
            wanted = *std::move(completed);
        }
        const auto text = [](const auto& order) { return order ? order->SerializeAsString() : std::string(); };
        if (wanted.has_value() != r.versioning.ordered.has_value() || text(wanted) != text(r.versioning.ordered)) {
            write_order(r, wanted ? &*wanted : nullptr, q.identity(), who.now);
            settle(r, who.now);
        }
        api::UpdateWorkflowExecutionOptionsResponse out;
        if (wanted)
            *out.mutable_workflow_execution_options()->mutable_versioning_override() = *std::move(wanted);
        return out;
    }

    [[nodiscard]] answered<api::DescribeWorkflowExecutionResponse> describe_workflow(
        const api::DescribeWorkflowExecutionRequest& q, const caller&) const
    {
        const auto found = any_run(q.namespace_(), q.execution());
        if (!found)
            return found.error();
        return run_described(**found);
    }

    void read_history(ticket id, const api::GetWorkflowExecutionHistoryRequest& q, const caller& who)
    {
        const auto found = any_run(q.namespace_(), q.execution());
        if (!found)
            return tell(id, found.error());
        workflow_run* r = *found;
        workflow_wait w{.id = id, .kind = workflow_wait::what::history, .history = q, .from = 1};
        if (!q.next_page_token().empty()) {
            const auto page = history_page::read(q.next_page_token());
            r = page ? runs_.find_run(page->run_id) : nullptr;
            if (r == nullptr || r->name_space != q.namespace_())
                return tell(id, bad_request("Invalid NextPageToken."));
            w.from = page->next;
            if (page->last != 0 && page->last >= page->next)
                return tell(id, history_answer(*r, *page, q));
        }
        w.history.set_next_page_token("");
        const bool of_sdk = !who.client_name.starts_with("temporal-cli") && !who.client_name.starts_with("temporal-ui");
        if (!q.wait_new_event() || ready(*r, w)) {
            const bool transient = of_sdk && r->open() && r->has_task() && !r->task.in_history() &&
                                   r->task.scheduled_event == r->history.next_id();
            w.history.set_wait_new_event(q.wait_new_event());
            return tell(id, history_now(*r, w, transient));
        }
        if (grpc::status bad = run_waits_.wait(std::move(w), *r, who, std::chrono::seconds(20)); !bad.ok())
            tell(id, std::move(bad));
    }

    /// Nobody waits for this call's answer.
    void leave_workflow(ticket id, const moment& now)
    {
        const workflow_wait* const w = run_waits_.find(id);
        if (w == nullptr)
            return;
        workflow_run& r = *w->run;
        run_waits_.forget(id);
        leave_query(r, id, now);
    }

protected:
    using workflow_tasks::workflow_tasks;
    ~workflow_calls() = default;

    template <class Request>
    [[nodiscard]] grpc::status check_start(Request& q)
    {
        if (grpc::status bad = names_.check(q.namespace_()); !bad.ok())
            return bad;
        if (q.request_id().empty())
            q.set_request_id(ids_.uuid());
        if (grpc::status bad = complete_workflow_start(q, limits_); !bad.ok())
            return bad;
        return q.has_versioning_override()
                   ? refused_order(q.namespace_(), q.task_queue().name(), q.versioning_override())
                   : grpc::status{};
    }

    template <class Request>
    [[nodiscard]] grpc::status check_signal(const Request& q, const api::common::Payloads& input) const
    {
        if (q.signal_name().empty())
            return bad_request("SignalName is not set on request.");
        for (const std::string* text : {&q.signal_name(), &q.identity(), &q.request_id()})
            if (grpc::status bad = check_length("SignalName, Identity or RequestId", *text, limits_.id_length);
                !bad.ok())
                return bad;
        if (input.ByteSizeLong() > limits_.blob)
            return bad_request("signal input exceeds size limit");
        return {};
    }

    /// Whether a signal of so many bytes, which makes sense, can be written now.
    [[nodiscard]] grpc::status takes_signal(const workflow_run& r, std::size_t bytes, const moment& now)
    {
        if (r.close_attempted && r.with_worker())
            return workflow_closing();
        return make_history_room(bytes, now);
    }

    /// `before` is called with the run before its first task is scheduled; `later` leaves that to the caller.
    template <class Request, class Before>
    [[nodiscard]] answered<api::StartWorkflowExecutionResponse> started(
        const Request& q, const caller& who, Before before, bool later_task = false)
    {
        workflow_run* to_terminate = nullptr;
        if (workflow_run* const known = runs_.find(q.namespace_(), q.workflow_id(), "")) {
            if (known->request_id == q.request_id())
                return start_answer_of(*known, true);
            switch (choose_start(*known, q.workflow_id_reuse_policy(), q.workflow_id_conflict_policy())) {
            case start_choice::attach: return start_answer_of(*known, false);
            case start_choice::refuse: return workflow_already_started(*known);
            case start_choice::terminate_and_begin: to_terminate = known; break;
            case start_choice::begin: break;
            }
        }
        if (runs_.open() >= limits_.open_workflows)
            return exhausted("The service keeps at most " + std::to_string(limits_.open_workflows) +
                             " open workflows; wait until some of them have ended.");
        if (queues_.find_or_make({q.namespace_(), q.task_queue().name(), task_type::workflow}) == nullptr)
            return queues_.no_room_for_queue();
        if (grpc::status bad = make_history_room(q.ByteSizeLong(), who.now); !bad.ok())
            return bad;
        run_start start = start_of(q, who.now);
        if (to_terminate != nullptr) {
            api::common::Payloads by;
            *by.add_payloads() = text_payload("terminated by new runID: " + start.run_id);
            terminate_run(*to_terminate, "TerminateIfRunning WorkflowIdReusePolicy", &by, history_service, who.now);
        }
        workflow_run& r = make_run(std::move(start), who.now);
        if constexpr (!std::is_same_v<Before, std::nullptr_t>)
            before(r);
        if (!later_task)
            first_task(r, who.now);
        return start_answer_of(r, true);
    }

    /// Whether the first task may go to who starts the workflow: now, and to a worker where it would go anyway.
    [[nodiscard]] bool may_begin_with_the_answer(const api::StartWorkflowExecutionRequest& q) const
    {
        if (!q.cron_schedule().empty() || read(q.workflow_start_delay()) > uptime::zero())
            return false;
        run_versioning v;
        if (q.has_versioning_override())
            v.ordered = q.versioning_override();
        const auto pinned = pinned_version(v);
        const auto target = pinned ? pinned
                                   : deployments_.routing_of(q.namespace_(), q.task_queue().name(), task_type::workflow)
                                         .target(q.workflow_id());
        return target == version_of(q.eager_worker_deployment_options());
    }

    /// Whoever asks for the same start again has the same task, as long as it is that worker's.
    void begin_with_the_answer(
        const api::StartWorkflowExecutionRequest& q, api::StartWorkflowExecutionResponse& out, const caller& who)
    {
        workflow_run& r = *runs_.find_run(out.run_id());
        if (!out.started() || !r.begun().eager_execution_accepted())
            return;
        if (r.history.next_id() == 2) {
            schedule_task(r, who.now);
            begin_task(r, q.identity(), version_of(q.eager_worker_deployment_options()), r.request_id, false, who.now);
            settle(r, who.now);
        }
        if (r.with_worker() && r.task.started_event == 3)
            *out.mutable_eager_workflow_task() = task_message(r, false);
    }

    [[nodiscard]] answered<workflow_run*> any_run(
        const std::string& name_space, const api::common::WorkflowExecution& which) const
    {
        if (grpc::status bad = names_.check(name_space); !bad.ok())
            return bad;
        if (which.workflow_id().empty())
            return bad_request("WorkflowId is not set on request.");
        if (!which.run_id().empty() && !is_uuid(which.run_id()))
            return bad_request("Invalid RunId.");
        workflow_run* const r = runs_.find(name_space, which.workflow_id(), which.run_id());
        return r != nullptr ? answered<workflow_run*>(r) : no_workflow(which.workflow_id());
    }

    [[nodiscard]] answered<workflow_run*> open_run(
        const std::string& name_space, const api::common::WorkflowExecution& which, const std::string& first) const
    {
        const auto found = any_run(name_space, which);
        if (!found)
            return found.error();
        if (!first.empty() && (*found)->first_run_id != first)
            return not_found("workflow execution not found");
        if (!(*found)->open())
            return not_found("workflow execution already completed");
        return *found;
    }

    // Histories.

    /// Whether a reader that waits for events has some to see.
    [[nodiscard]] static bool ready(const workflow_run& r, const workflow_wait& w)
    {
        if (w.history.history_event_filter_type() == api::enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
            return !r.open();
        return !r.open() || w.from < r.history.next_id();
    }

    [[nodiscard]] std::string history_now(const workflow_run& r, const workflow_wait& w, bool with_task) const
    {
        api::GetWorkflowExecutionHistoryResponse out;
        if (w.history.history_event_filter_type() == api::enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT) {
            auto& history = *out.mutable_history();
            // An open run's last event is shown to those who do not wait.
            if (!r.open() || !w.history.wait_new_event())
                *history.add_events() = r.history.events().back();
            else
                out.set_next_page_token(history_page{r.run_id, r.history.next_id(), 0}.token());
            return out.SerializeAsString();
        }
        history_page page{r.run_id, w.from, r.history.next_id() - 1};
        if (with_task)
            page.last = r.task.scheduled_event + (r.with_worker() ? 1 : 0);
        return history_answer(r, page, w.history);
    }

    [[nodiscard]] std::string history_answer(
        const workflow_run& r, history_page page, const api::GetWorkflowExecutionHistoryRequest& q) const
    {
        api::GetWorkflowExecutionHistoryResponse out;
        const std::int64_t most =
            q.maximum_page_size() > 0 ? std::min<std::int64_t>(q.maximum_page_size(), events_a_page) : events_a_page;
        fill_page(*out.mutable_history(), r, page, most);
        const bool more = page.next <= page.last && out.history().events_size() > 0;
        if (!more)
            page.last = 0;
        if (more || (q.wait_new_event() && r.open()))
            out.set_next_page_token(page.token());
        return out.SerializeAsString();
    }

    void try_answer(const workflow_wait& w, const moment&) override
    {
        switch (w.kind) {
        case workflow_wait::what::query: return;
        case workflow_wait::what::history: {
            if (!ready(*w.run, w))
                return;
            std::string message = history_now(*w.run, w, false);
            const ticket id = w.id;
            run_waits_.forget(id);
            return tell(id, std::move(message));
        }
        default: return try_answer_update(w);
        }
    }

    /// It has waited for long enough: what it is told without what it waited for.
    void wait_is_over(const workflow_wait& w, const moment& now)
    {
        switch (w.kind) {
        case workflow_wait::what::query:
            leave_query(*w.run, w.id, now);
            return tell(w.id,
                refused(grpc::status_code::deadline_exceeded, "query timed out before a worker could process it"));
        case workflow_wait::what::history: {
            api::GetWorkflowExecutionHistoryResponse out;
            out.mutable_history();
            out.set_next_page_token(history_page{w.run->run_id, w.from, 0}.token());
            return tell(w.id, out.SerializeAsString());
        }
        default: {
            const auto at = w.run->updates.find(w.update_id);
            return at == w.run->updates.end() ? tell(w.id, grpc::status()) : tell(w.id, update_message(w, at->second));
        }
        }
    }

    /// Tasks that wait for a worker which has gone wait for any from now on.
    void move_from(task_queue& q, const moment& now)
    {
        std::vector<queued_task*> waiting;
        for (const auto& [version, l] : q.lanes())
            for (const auto& [position, t] : l.backlog)
                waiting.push_back(t);
        for (queued_task* t : waiting) {
            q.remove(*t);
            if (t->kind == task_kind::query)
                enqueue_query(static_cast<query_task&>(*t), now);
            else
                enqueue_task(*static_cast<workflow_task&>(*t).run, now);
        }
    }

    // Room.

    /// Closed runs go for it, those that closed first.
    [[nodiscard]] grpc::status make_history_room(std::size_t bytes, const moment& now)
    {
        while (runs_.bytes() + bytes > limits_.bytes && runs_.oldest_closed() != nullptr)
            forget_run(*runs_.oldest_closed(), now);
        return runs_.bytes() + bytes <= limits_.bytes
                   ? grpc::status()
                   : exhausted("The service keeps at most " + std::to_string(limits_.bytes) +
                               " bytes of workflows' histories; wait until some of them have ended.");
    }

    void forget_run(workflow_run& r, const moment& now)
    {
        for (const ticket id : std::set<ticket>(r.waiting)) {
            run_waits_.forget(id);
            leave_query(r, id, now);
            tell(id, no_workflow(r.workflow_id));
        }
        due_runs_.set(r, never);
        runs_.erase(r);
    }

    [[nodiscard]] uptime run_forgotten_at(const workflow_run& r) const
    {
        return later(r.closed->at, names_.retention(r.name_space));
    }
};

}  // namespace mayfly::temporal::embedded
