// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/activity_reports.hpp>
#include <mayfly/temporal/embedded/workflow_activity_events.hpp>
#include <mayfly/temporal/embedded/workflow_run.hpp>
#include <mayfly/temporal/embedded/workflow_store.hpp>
#include <mayfly/temporal/embedded/workflow_versioning.hpp>
#include <mayfly/temporal/embedded/workflow_waits.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/// Something that one run's change brings about in another one, after the change itself.
struct follow_up {
    enum class what : std::uint8_t {
        start_child,
        tell_parent,
        close_child,
        signal_external,
        cancel_external,
        end_long
    };

    what kind{};
    std::string run_id{};    ///< Of the run that it comes from.
    std::int64_t event = 0;  ///< Of that run: by which it was asked for. Of `tell_parent` and `end_long`: nothing.
};

/** What becomes of runs once they are started: their tasks are scheduled, handed out, and time out.

    After every change of a run `settle` is called, which writes what was kept aside, sets its alarm, and tells
    whoever waits.
*/
class workflow_life : public activity_reports {
protected:
    using activity_reports::activity_reports;
    ~workflow_life() = default;

    // What others wait for.

    /// Whether a call that waits is to be answered now; if so, it is, and waits no more.
    virtual void try_answer(const workflow_wait& w, const moment& now) = 0;
    /// A worker has taken the task: what it gets.
    [[nodiscard]] virtual api::PollWorkflowTaskQueueResponse task_message(workflow_run& r, bool sticky) = 0;
    virtual void hand_out_query(query_task& q, const parked_poll& p, const known_poller& w, const moment& now) = 0;
    /// Nobody waits for the answer of a query any more, or the poll that took it was not there.
    virtual void give_back_query(query_task& q, const moment& now) = 0;

    // Changes.

    /// An event that happens to the run: it is written at once or kept aside while a worker has its task.
    [[nodiscard]] static workflow_history::event& note(workflow_run& r, api::enums::EventType type, const moment& now)
    {
        return r.history.note(type, now);
    }

    void settle(workflow_run& r, const moment& now)
    {
        if (r.has_task() && r.task.speculative && !r.history.aside().empty())
            make_real(r, r.task.scheduled, r.task.started);
        if (!r.with_worker())
            r.history.flush();
        watch_run(r);
        deployments_.count_pin(r.name_space, r.pinned, r.open() ? pinned_version(r.versioning) : std::nullopt, now);
        const bool long_now = r.history.all_events() > limits_.history_events || r.bytes > limits_.history_bytes;
        if (long_now && r.open() && !std::exchange(r.too_long, true))
            // Afterwards: whoever changed it is not done with it yet.
            follow_ups_.push_back({follow_up::what::end_long, r.run_id, 0});
        ++r.changes;
        for (const ticket id : std::set<ticket>(r.waiting))
            if (const workflow_wait* const w = run_waits_.find(id))
                try_answer(*w, now);
    }

    void watch_run(workflow_run& r)
    {
        due_runs_.set(r, r.next_event());
        runs_.count(r);
    }

    /// Something has happened that the run has to decide on.
    void happened(workflow_run& r, const moment& now)
    {
        if (r.open() && !r.has_task() && !r.backoff) {
            schedule_task(r, now);
            enqueue_task(r, now);
        }
        settle(r, now);
    }

    // Tasks.

    [[nodiscard]] static api::taskqueue::TaskQueue queue_now(const workflow_run& r)
    {
        api::taskqueue::TaskQueue out;
        out.set_name(r.sticky_queue.empty() ? r.task_queue : r.sticky_queue);
        out.set_kind(r.sticky_queue.empty() ? api::enums::TASK_QUEUE_KIND_NORMAL : api::enums::TASK_QUEUE_KIND_STICKY);
        if (!r.sticky_queue.empty())
            out.set_normal_name(r.task_queue);
        return out;
    }

    /// The next task, which the caller enqueues or begins.
    void schedule_task(
        workflow_run& r, const moment& now, bool speculative = false, const std::optional<moment>& first = {})
    {
        workflow_task& t = r.task;
        if (!r.history.aside().empty()) {
            t.attempt = 1;
            speculative = false;
            r.history.flush();
        }
        t.speculative = speculative;
        t.named = queue_now(r);
        t.where = workflow_task::state::scheduled;
        t.scheduled = now;
        t.first_scheduled = first.value_or(now);
        t.timeout = r.task_timeout + longer_after(t.attempt);
        t.started_event = 0;
        t.stamp = 0;
        t.scheduled_event = t.in_history() ? write_scheduled(r, now) : r.history.next_id();
    }

    /// Puts the scheduled task where it waits for a worker.
    void enqueue_task(workflow_run& r, const moment& now)
    {
        workflow_task& t = r.task;
        t.placed_again.reset();
        t.sticky = !r.sticky_queue.empty() && remembered(r, now);
        const queue_key key{r.name_space, t.sticky ? r.sticky_queue : r.task_queue, task_type::workflow};
        t.queue_order = 0;
        task_queue* const q = queues_.find_or_make(key);
        if (q == nullptr) {
            t.sticky = false;
            t.placed_again = later(now.at, std::chrono::seconds(1));
            return watch_run(r);
        }
        if (t.sticky)
            q->normal_name = r.task_queue;
        static_cast<void>(queues_.add(t, key,
            t.sticky ? std::nullopt
                     : task_target(r, deployments_.routing_of(r.name_space, r.task_queue, task_type::workflow)),
            now));
        watch_run(r);
        hand_out(*q, now);
    }

    /// A worker has it from now on.
    void begin_task(workflow_run& r, const std::string& identity, const std::optional<deployment_version>& version,
        std::string request_id, bool sticky, const moment& now)
    {
        workflow_task& t = r.task;
        if (!sticky)
            r.sticky_queue.clear();
        t.history_bytes = static_cast<std::int64_t>(r.history.bytes());
        t.reasons.clear();
        if (t.history_bytes >= history_bytes_suggested)
            t.reasons.push_back(api::enums::SUGGEST_CONTINUE_AS_NEW_REASON_HISTORY_SIZE_TOO_LARGE);
        if (r.history.next_id() >= history_events_suggested)
            t.reasons.push_back(api::enums::SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_HISTORY_EVENTS);
        t.version_changed =
            pinned_elsewhere(r, deployments_.routing_of(r.name_space, r.task_queue, task_type::workflow));
        if (!t.in_history() && t.scheduled_event != r.history.next_id()) {
            // Something was written since it was scheduled.
            t.attempt = 1;
            t.speculative = false;
            t.scheduled_event = write_scheduled(r, now);
        }
        t.where = workflow_task::state::started;
        t.sticky = false;
        t.started = now;
        t.stamp = ids_.number();
        t.identity = identity;
        t.request_id = std::move(request_id);
        t.started_event = t.in_history() ? write_started(r, identity, now) : t.scheduled_event + 1;
        if (!t.speculative)
            note_task_start(r.versioning, version);
        watch_run(r);
    }

    /// The worker no longer has it, or it waits no more.
    void end_task(workflow_run& r, const moment& now)
    {
        workflow_task& t = r.task;
        if (t.queue != nullptr)
            t.queue->remove(t);
        queues_.task_ended(t, now);
        t.where = workflow_task::state::none;
        t.stamp = 0;
        t.sticky = false;
        t.speculative = false;
        t.placed_again.reset();
    }

    /// Writes the events of a task that had none: it is being completed, or something else is about to be written. Who
    /// began it is known only where a worker ends it: a server does not keep it either.
    void make_real(workflow_run& r, const moment& scheduled, const moment& started, const std::string& identity = {})
    {
        workflow_task& t = r.task;
        t.scheduled_event = write_scheduled(r, scheduled);
        t.speculative = false;
        if (t.where == workflow_task::state::started) {
            t.started_event = write_started(r, identity, started);
        }
    }

    /// An attempt has failed or timed out. `again`: with the same worker's memory gone, it is the same attempt.
    void count_failed(workflow_run& r, bool counts, const moment& now)
    {
        const std::int32_t attempt = r.task.attempt;
        const bool sticky = !r.sticky_queue.empty();
        end_task(r, now);
        r.sticky_queue.clear();
        r.task.attempt = counts && !sticky ? attempt + 1 : 1;
        for (auto& [id, u] : r.updates)
            if (u.where == workflow_update::state::sent)
                u.where = workflow_update::state::admitted;
        for (auto& [id, q] : r.queries)
            q->sent = false;
    }

    [[nodiscard]] static bool is_transient(const workflow_task& t) noexcept { return t.attempt > 1; }

    // Time.

    void run_is_due(workflow_run& r, const moment& now)
    {
        if (queries_not_taken(r, now) || !r.open())
            return watch_run(r);
        if (r.deadline() <= now.at)
            return run_timed_out(r, now);
        if (r.backoff && r.backoff->at <= now.at) {
            r.backoff.reset();
            return happened(r, now);
        }
        bool fired = false;
        while (!r.firing.empty() && std::get<0>(*r.firing.begin()) <= now.at) {
            const auto [at, event, id] = *r.firing.begin();
            r.firing.erase(r.firing.begin());
            r.timers.erase(id);
            auto& a = *note(r, api::enums::EVENT_TYPE_TIMER_FIRED, now).mutable_timer_fired_event_attributes();
            a.set_timer_id(id);
            a.set_started_event_id(event);
            fired = true;
        }
        if (fired)
            return happened(r, now);
        workflow_task& t = r.task;
        if (t.where == workflow_task::state::started && later(t.started.at, t.timeout) <= now.at)
            return task_timed_out(r, now);
        if (const auto end = r.task_wait_end(); end && *end <= now.at)
            return task_not_taken(r, now);
        watch_run(r);
    }

    virtual void run_timed_out(workflow_run& r, const moment& now) = 0;

    void task_timed_out(workflow_run& r, const moment& now)
    {
        if (r.task.speculative)
            make_real(r, r.task.scheduled, r.task.started);
        if (!is_transient(r.task))
            write_timed_out(r, api::enums::TIMEOUT_TYPE_START_TO_CLOSE, now);
        count_failed(r, true, now);
        schedule_task(r, now);
        enqueue_task(r, now);
        settle(r, now);
    }

    /// It has waited for too long where it waits: at the queue of one worker, or without a place.
    void task_not_taken(workflow_run& r, const moment& now)
    {
        workflow_task& t = r.task;
        if (t.placed_again)
            return enqueue_task(r, now);
        if (t.speculative)
            t.scheduled_event = write_scheduled(r, t.scheduled);
        t.started_event = 0;
        write_timed_out(r, api::enums::TIMEOUT_TYPE_SCHEDULE_TO_START, now);
        count_failed(r, false, now);
        schedule_task(r, now);
        enqueue_task(r, now);
        settle(r, now);
    }

    /// Queries have waited for too long at the queue of one worker: any may answer them from now on.
    [[nodiscard]] bool queries_not_taken(workflow_run& r, const moment& now)
    {
        std::vector<query_task*> late;
        for (const auto& [id, q] : r.queries)
            if (q->moves && *q->moves <= now.at)
                late.push_back(q.get());
        if (!late.empty())
            r.sticky_queue.clear();
        for (query_task* const q : late) {
            if (q->queue != nullptr)
                q->queue->remove(*q);
            give_back_query(*q, now);
        }
        return !late.empty();
    }

    // What the queues ask for.

    void hand_out_other(queued_task& t, const parked_poll& p, const known_poller& w, const moment& now) override
    {
        if (t.kind == task_kind::query)
            return hand_out_query(static_cast<query_task&>(t), p, w, now);
        workflow_run& r = *static_cast<workflow_task&>(t).run;
        const bool sticky = w.queue->sticky();
        begin_task(r, w.key.identity, w.key.version, ids_.uuid(), sticky, now);
        api::PollWorkflowTaskQueueResponse task = task_message(r, sticky);
        if (sticky)
            task.set_backlog_count_hint(static_cast<std::int64_t>(w.queue->waiting()));
        answers_.push_back({p.id, {}, task.SerializeAsString(), attempt_id{r.run_id, r.task.stamp}});
        settle(r, now);
    }

    /// As if the poll had not been there.
    void give_back_other(const attempt_id& a, const moment& now) override
    {
        workflow_run* const r = runs_.find_run(a.run_id);
        if (r == nullptr)
            return;
        for (const auto& [id, q] : r->queries)
            if (q->stamp == a.stamp)
                return give_back_query(*q, now);
        workflow_task& t = r->task;
        if (t.where != workflow_task::state::started || t.stamp != a.stamp)
            return;
        if (t.in_history())
            r->history.unwrite();
        queues_.task_ended(t, now);
        t.where = workflow_task::state::scheduled;
        t.stamp = 0;
        t.started_event = 0;
        for (auto& [id, u] : r->updates)
            if (u.where == workflow_update::state::sent)
                u.where = workflow_update::state::admitted;
        for (auto& [id, q] : r->queries)
            q->sent = false;
        enqueue_task(*r, now);
        settle(*r, now);
    }

    [[nodiscard]] std::optional<deployment_version> target_of(
        const queued_task& t, const queue_routing& routing) const override
    {
        if (t.kind == task_kind::activity) {
            const execution& e = static_cast<const execution&>(t);
            const auto pinned = pinned_version(e.owner->versioning);
            return activity_target(*e.owner, routing,
                pinned &&
                    deployments_.serves(e.name_space(), e.request.task_queue().name(), task_type::activity, *pinned));
        }
        const workflow_run& r = t.kind == task_kind::workflow ? *static_cast<const workflow_task&>(t).run
                                                              : *static_cast<const query_task&>(t).run;
        if (t.queue != nullptr && t.queue->sticky())
            return std::nullopt;
        return task_target(r, routing);
    }

    [[nodiscard]] answered<execution*> find_owned(const std::string& name_space, const std::string& workflow,
        const std::string& run, const std::string& activity) const override
    {
        workflow_run* const r = runs_.find(name_space, workflow, run);
        if (r == nullptr || !r->open())
            return not_found("workflow not found for ID: " + workflow);
        const auto at = r->activity_ids.find(activity);
        return at == r->activity_ids.end() ? nullptr : r->activities.at(at->second);
    }

    /// The outcome of a run's activity goes into its history, after the event that says by whom it was done.
    void owned_closed(execution& e, const moment& now) override
    {
        workflow_run& r = *e.owner;
        if (e.started && e.attempt_ended)
            note_activity_start(r.history, e);
        note_activity_end(r.history, e, now);
        forget_activity(r, e);
        happened(r, now);
    }

    /// It is gone, with all that was known of it.
    void forget_activity(workflow_run& r, execution& e)
    {
        if (e.queue != nullptr)
            e.queue->remove(e);
        r.activities.erase(e.scheduled_event);
        r.activity_ids.erase(e.id());
        due_.set(e, never);
        if (!e.open())
            owned_.closed(e);
        owned_.erase(e);
    }

    // Events of tasks.

    std::int64_t write_scheduled(workflow_run& r, const moment& at)
    {
        auto& e = r.history.write(api::enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, at);
        auto& a = *e.mutable_workflow_task_scheduled_event_attributes();
        *a.mutable_task_queue() = r.task.named;
        put(*a.mutable_start_to_close_timeout(), r.task.timeout);
        a.set_attempt(r.task.attempt);
        return e.event_id();
    }

    std::int64_t write_started(workflow_run& r, const std::string& identity, const moment& at)
    {
        auto& e = r.history.write(api::enums::EVENT_TYPE_WORKFLOW_TASK_STARTED, at);
        fill_started(r, e, identity);
        return e.event_id();
    }

    static void fill_started(const workflow_run& r, workflow_history::event& e, const std::string& identity)
    {
        const workflow_task& t = r.task;
        auto& a = *e.mutable_workflow_task_started_event_attributes();
        a.set_scheduled_event_id(t.scheduled_event);
        a.set_identity(identity);
        a.set_request_id(t.request_id);
        if (!t.reasons.empty())
            a.set_suggest_continue_as_new(true);
        for (const auto reason : t.reasons)
            a.add_suggest_continue_as_new_reasons(reason);
        if (t.version_changed)
            a.set_target_worker_deployment_version_changed(true);
        a.set_history_size_bytes(t.history_bytes);
    }

    void write_timed_out(workflow_run& r, api::enums::TimeoutType type, const moment& now)
    {
        auto& a = *r.history.write(api::enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, now)
                       .mutable_workflow_task_timed_out_event_attributes();
        a.set_scheduled_event_id(r.task.scheduled_event);
        a.set_started_event_id(type == api::enums::TIMEOUT_TYPE_START_TO_CLOSE ? r.task.started_event : 0);
        a.set_timeout_type(type);
    }

    void write_failed(workflow_run& r, api::enums::WorkflowTaskFailedCause cause, const api::failure::Failure& failure,
        const std::string& identity, const moment& now)
    {
        auto& a = *r.history.write(api::enums::EVENT_TYPE_WORKFLOW_TASK_FAILED, now)
                       .mutable_workflow_task_failed_event_attributes();
        a.set_scheduled_event_id(r.task.scheduled_event);
        a.set_started_event_id(r.task.started_event);
        a.set_cause(cause);
        *a.mutable_failure() = failure;
        a.set_identity(identity);
    }

    /// Whether a worker that remembers the run may still be there: it polls, works, or did so a moment ago.
    [[nodiscard]] bool remembered(const workflow_run& r, const moment& now) const
    {
        const task_queue* const q = queues_.find({r.name_space, r.sticky_queue, task_type::workflow});
        if (q == nullptr)
            return false;
        const auto target = task_target(r, deployments_.routing_of(r.name_space, r.task_queue, task_type::workflow));
        return std::any_of(q->pollers().begin(), q->pollers().end(), [&](const auto& entry) {
            const known_poller& w = entry.second;
            // Where no version is current, whoever has the run goes on with it, whatever their version.
            return !w.left && (!target || entry.first.version == target) &&
                   (w.polls != 0 || w.tasks != 0 || later(w.last.at, std::chrono::seconds(10)) > now.at);
        });
    }

    /// From the fourth attempt on a worker gets longer each time.
    [[nodiscard]] static uptime longer_after(std::int32_t attempt)
    {
        if (attempt <= 3)
            return {};
        return std::min<uptime>(std::chrono::seconds(5LL << std::min(attempt - 4, 20)), std::chrono::minutes(10));
    }

    static constexpr std::int64_t history_bytes_suggested = 4 * 1024 * 1024;
    static constexpr std::int64_t history_events_suggested = 4096;

    workflow_store runs_{};
    workflow_waits run_waits_{limits_};
    alarms<workflow_run> due_runs_{};
    std::deque<follow_up> follow_ups_{};
};

}  // namespace mayfly::temporal::embedded
