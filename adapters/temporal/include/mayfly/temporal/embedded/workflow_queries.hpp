// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/workflow_updates.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/// Queries: with the run's next task if there is one, else by themselves.
class workflow_queries : public workflow_updates {
public:
    void query_workflow(ticket id, const api::QueryWorkflowRequest& q, const caller& who)
    {
        if (grpc::status bad = names_.check(q.namespace_()); !bad.ok())
            return tell(id, std::move(bad));
        if (q.execution().workflow_id().empty())
            return tell(id, bad_request("WorkflowId is not set on request."));
        if (q.query().query_type().empty())
            return tell(id, bad_request("QueryType is not set on request."));
        workflow_run* const r = runs_.find(q.namespace_(), q.execution().workflow_id(), q.execution().run_id());
        if (r == nullptr)
            return tell(id, no_workflow(q.execution().workflow_id()));
        if (!r->open() && rejects(q.query_reject_condition(), r->status)) {
            api::QueryWorkflowResponse out;
            out.mutable_query_rejected()->set_status(r->status);
            return tell(id, out.SerializeAsString());
        }
        if (!r->open() && r->last_completed_start == 0)
            return tell(id, bad_request("workflow was closed before its first workflow task was completed: there is "
                                        "nothing to query"));
        if (r->backoff)
            return tell(
                id, workflow_not_ready("Unable to query workflow: its first workflow task is not scheduled yet."));
        if (r->task.attempt >= 3)
            return tell(id, workflow_not_ready("Unable to query workflow due to Workflow Task in failed state."));
        // Of one that has not drained workers may come yet, as somebody may start them for this.
        if (const auto pinned = pinned_version(r->versioning);
            pinned && !r->has_task() && deployments_.has_drained(r->name_space, *pinned, who.now) &&
            !queues_.polled(r->name_space, r->task_queue, task_type::workflow, who.now))
            return tell(
                id, precondition("version " + to_string(*pinned) +
                                 ", which the workflow is pinned to, has drained, and nobody polls task queue " +
                                 r->task_queue + ": start a worker of that version to query it"));
        if (r->queries.size() >= most_queries)
            return tell(id, exhausted("a workflow takes at most " + std::to_string(most_queries) + " queries at once"));
        auto fresh = std::make_unique<query_task>();
        query_task& t = *fresh;
        t.run = r;
        t.id = id;
        t.query = q.query();
        t.priority = r->task.priority;
        if (grpc::status bad = run_waits_.wait({.id = id, .kind = workflow_wait::what::query}, *r, who, never);
            !bad.ok())
            return tell(id, std::move(bad));
        r->queries.emplace(id, std::move(fresh));
        t.attached = r->last_completed_start == 0 || (r->open() && r->has_task());
        if (!t.attached)
            enqueue_query(t, who.now);
    }

    [[nodiscard]] answered<api::RespondQueryTaskCompletedResponse> complete_query(
        const api::RespondQueryTaskCompletedRequest& q, const caller& who)
    {
        if (grpc::status bad = names_.check(q.namespace_()); !bad.ok())
            return bad;
        const auto token = read_token(q.task_token());
        if (!token || token->stamp == 0)
            return bad_request("Error deserializing task token.");
        if (workflow_run* const r = runs_.find_run(token->run_id))
            for (const auto& [id, t] : r->queries)
                if (t->stamp == token->stamp) {
                    const bool answered_well = q.completed_type() == api::enums::QUERY_RESULT_TYPE_ANSWERED;
                    const ticket asks = id;
                    drop_query(*t, who.now);
                    tell_query(asks, answered_well, q.query_result(), q.error_message(),
                        q.has_failure() ? &q.failure() : nullptr);
                    return api::RespondQueryTaskCompletedResponse();
                }
        return not_found("query task not found: its caller no longer waits");
    }

protected:
    using workflow_updates::workflow_updates;
    ~workflow_queries() = default;

    static constexpr std::size_t most_queries = 100;

    [[nodiscard]] static bool rejects(
        api::enums::QueryRejectCondition condition, api::enums::WorkflowExecutionStatus status)
    {
        return condition == api::enums::QUERY_REJECT_CONDITION_NOT_OPEN ||
               (condition == api::enums::QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY &&
                   status != api::enums::WORKFLOW_EXECUTION_STATUS_COMPLETED);
    }

    /// To the worker that remembers the run, or to any.
    void enqueue_query(query_task& t, const moment& now)
    {
        workflow_run& r = *t.run;
        t.attached = false;
        t.stamp = 0;
        const bool sticky = !r.sticky_queue.empty() && remembered(r, now);
        const queue_key key{r.name_space, sticky ? r.sticky_queue : r.task_queue, task_type::workflow};
        task_queue* const q = queues_.find_or_make(key);
        if (q == nullptr) {
            const ticket id = t.id;
            drop_query(t, now);
            return tell(id, queues_.no_room_for_queue());
        }
        if (sticky)
            q->normal_name = r.task_queue;
        t.queue_order = 0;
        t.moves.reset();
        if (sticky)
            t.moves = later(now.at, r.sticky_timeout);
        watch_run(r);
        static_cast<void>(queues_.add(t, key,
            sticky ? std::nullopt
                   : task_target(r, deployments_.routing_of(r.name_space, r.task_queue, task_type::workflow)),
            now));
        hand_out(*q, now);
    }

    void hand_out_query(query_task& t, const parked_poll& p, const known_poller& w, const moment& now) override
    {
        workflow_run& r = *t.run;
        const bool sticky = w.queue->sticky();
        // Once it is with a worker, only its caller's patience ends it.
        queues_.task_ended(t, now);
        t.moves.reset();
        watch_run(r);
        t.stamp = ids_.number();
        api::PollWorkflowTaskQueueResponse out;
        const attempt_id attempt{r.run_id, t.stamp};
        out.set_task_token(token_of(attempt));
        *out.mutable_workflow_execution() = r.who();
        *out.mutable_workflow_type() = r.begun().workflow_type();
        out.set_previous_started_event_id(r.last_completed_start);
        out.set_attempt(1);
        *out.mutable_query() = t.query;
        out.mutable_workflow_execution_task_queue()->set_name(r.task_queue);
        out.mutable_workflow_execution_task_queue()->set_kind(api::enums::TASK_QUEUE_KIND_NORMAL);
        out.mutable_history();
        if (!sticky)
            add_history(out, r, 1, false);
        answers_.push_back({p.id, {}, out.SerializeAsString(), attempt});
    }

    void give_back_query(query_task& t, const moment& now) override { enqueue_query(t, now); }

    /// What of a run waits for a worker goes to those of the version that it belongs to now.
    void place_again(workflow_run& r, const moment& now)
    {
        if (r.has_task() && !r.with_worker()) {
            if (r.task.queue != nullptr)
                r.task.queue->remove(r.task);
            enqueue_task(r, now);
        }
        std::vector<query_task*> questions;
        for (const auto& [id, t] : r.queries)
            if (t->queue != nullptr)
                questions.push_back(t.get());
        for (query_task* t : questions) {
            t->queue->remove(*t);
            enqueue_query(*t, now);
        }
        place_activities_again(r, {}, now);
    }

    /// Somebody orders how the run is served from now on; null: no longer. The caller settles it.
    void write_order(
        workflow_run& r, const api::workflow::VersioningOverride* order, const std::string& identity, const moment& now)
    {
        auto& e = note(r, api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED, now);
        e.set_worker_may_ignore(true);
        auto& a = *e.mutable_workflow_execution_options_updated_event_attributes();
        a.set_identity(identity);
        if (order != nullptr) {
            *a.mutable_versioning_override() = *order;
            note_ordered(r, *order, now);
        } else {
            a.set_unset_versioning_override(true);
        }
        if (note_order(r.versioning, order))
            r.sticky_queue.clear();
        place_again(r, now);
    }

    /// Puts as much history into a task as one message takes, and says how to go on.
    virtual void add_history(
        api::PollWorkflowTaskQueueResponse& out, const workflow_run& r, std::int64_t from, bool with_task) = 0;

    void drop_query(query_task& t, const moment& now)
    {
        if (t.queue != nullptr)
            t.queue->remove(t);
        queues_.task_ended(t, now);
        run_waits_.forget(t.id);
        workflow_run& r = *t.run;
        const ticket id = t.id;
        r.queries.erase(id);
        watch_run(r);
    }

    /// Nobody waits for it any more.
    void leave_query(workflow_run& r, ticket id, const moment& now)
    {
        if (const auto at = r.queries.find(id); at != r.queries.end())
            drop_query(*at->second, now);
    }

    void tell_query(ticket id, bool answered_well, const api::common::Payloads& result, const std::string& words,
        const api::failure::Failure* failure)
    {
        if (answered_well) {
            api::QueryWorkflowResponse out;
            *out.mutable_query_result() = result;
            return tell(id, out.SerializeAsString());
        }
        api::errordetails::QueryFailedFailure detail;
        if (failure != nullptr)
            *detail.mutable_failure() = *failure;
        tell(id, refused(grpc::status_code::invalid_argument, words, "QueryFailedFailure", detail));
    }

    /// Those that go along with a task which a worker gets now.
    static void send_queries(workflow_run& r, api::PollWorkflowTaskQueueResponse& task)
    {
        for (const auto& [id, t] : r.queries)
            if (t->attached) {
                t->sent = true;
                (*task.mutable_queries())[std::to_string(id)] = t->query;
            }
    }

    /// What a completion answers is told. What it does not goes with the next task, or is released.
    template <class Results>
    void answer_queries(workflow_run& r, const Results& results, const moment& now)
    {
        for (const auto& entry : results) {
            const auto at = std::find_if(r.queries.begin(), r.queries.end(),
                [&](const auto& q) { return std::to_string(q.first) == entry.first; });
            if (at == r.queries.end() || !at->second->sent)
                continue;
            const ticket id = at->first;
            drop_query(*at->second, now);
            const auto& result = entry.second;
            tell_query(id, result.result_type() == api::enums::QUERY_RESULT_TYPE_ANSWERED, result.answer(),
                result.error_message(), result.has_failure() ? &result.failure() : nullptr);
        }
    }

    void release_queries(workflow_run& r, const moment& now) override
    {
        std::vector<query_task*> alone;
        for (const auto& [id, t] : r.queries)
            if (t->attached)
                alone.push_back(t.get());
        for (query_task* t : alone) {
            t->sent = false;
            if (r.last_completed_start == 0) {
                if (!r.open()) {
                    const ticket id = t->id;
                    drop_query(*t, now);
                    tell(id, bad_request("workflow was closed before its first workflow task was completed: there "
                                         "is nothing to query"));
                }
                continue;
            }
            enqueue_query(*t, now);
        }
    }
};

}  // namespace mayfly::temporal::embedded
