// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/activity_store.hpp>
#include <mayfly/temporal/embedded/task_queues.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/embedded/waiting_calls.hpp>
#include <mayfly/temporal/embedded/workflow_store.hpp>
#include <mayfly/temporal/embedded/workflow_waits.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace mayfly::temporal::embedded {

/// Everything that the engine keeps count of.
struct kept_books {
    const activity_store& activities;
    const activity_store& owned;  ///< By workflows.
    const workflow_store& runs;
    const task_queues& queues;
    const waiting_calls& waits;
    const workflow_waits& run_waits;
};

/// Looks whether every task is in one place, and every count is right.
class book_check {
public:
    explicit book_check(const kept_books& b) : b_(b) {}

    /// What is wrong; empty if nothing is.
    [[nodiscard]] std::string run()
    {
        if (std::string bad = b_.queues.check(); !bad.empty())
            return bad;
        for (const auto& [key, q] : b_.queues.all())
            for (const auto& [version, l] : q->lanes())
                for (const auto& [position, t] : l.backlog) {
                    ++queued_[t];
                    if (t->queue != q.get() || t->lane != version ||
                        (t->kind == task_kind::activity && queue_of(static_cast<const execution&>(*t)) != key))
                        return "a task waits in another queue than it says";
                }
        for (const activity_store* store : {&b_.activities, &b_.owned})
            if (std::string bad = all_of(*store); !bad.empty())
                return bad;
        if (std::string bad = all_runs(); !bad.empty())
            return bad;
        for (const auto& [task, times] : queued_)
            if (times != 0)
                return "a queue has a task that does not exist";
        if (with_workers_ != b_.queues.busy_tasks())
            return "a worker has a task that does not exist";
        return {};
    }

private:
    /// How often this task waits in queues, which nobody asks for twice.
    [[nodiscard]] std::size_t take(const queued_task& t)
    {
        const auto at = queued_.find(&t);
        if (at == queued_.end())
            return 0;
        const std::size_t out = at->second;
        queued_.erase(at);
        return out;
    }

    [[nodiscard]] std::string all_of(const activity_store& store)
    {
        std::size_t open = 0;
        std::size_t bytes = 0;
        std::size_t waiting = 0;
        for (const auto& [order, e] : store.all()) {
            if (std::string bad = one(*e); !bad.empty())
                return "activity " + e->id() + ' ' + bad;
            if ((&store == &b_.owned) != (e->owner != nullptr))
                return "activity " + e->id() + " is in the wrong store";
            waiting += e->waiting.size();
            open += e->open() ? 1U : 0U;
            bytes += e->bytes;
        }
        if (open != store.open() || bytes != store.bytes() || open + store.closed() != store.all().size())
            return "activities are counted wrong";
        if (&store == &b_.activities && waiting != b_.waits.size())
            return "a call waits for nothing";
        return {};
    }

    [[nodiscard]] std::string one(const execution& e)
    {
        const std::size_t times = take(e);
        if (times != (e.where == place::queued ? 1U : 0U))
            return "is in the queues " + std::to_string(times) + " times";
        if ((e.where == place::started) != (e.stamp != 0))
            return "has a token, or none, where it should not";
        if (e.where == place::started && !b_.queues.busy(e) && !e.restored)
            return "is with a worker that does not know it";
        with_workers_ += b_.queues.busy(e) ? 1U : 0U;
        if ((e.where == place::closed) != e.outcome.has_value() ||
            (e.where == place::closed) != (e.status != api::enums::ACTIVITY_EXECUTION_STATUS_RUNNING) ||
            (e.where == place::closed) != e.closed.has_value())
            return "is half closed";
        if (e.alarm != e.next_event())
            return "has its alarm at another time than it should";
        for (const ticket id : e.waiting)
            if (const waiting_call* const w = b_.waits.find(id); w == nullptr || w->run != &e)
                return "is waited for by a call that is not known";
        if (e.owner != nullptr) {
            const auto at = e.owner->activities.find(e.scheduled_event);
            if (at == e.owner->activities.end() || at->second != &e || !e.owner->open())
                return "is not known to its workflow";
        }
        return {};
    }

    [[nodiscard]] std::string all_runs()
    {
        std::size_t open = 0;
        std::size_t waiting = 0;
        std::size_t activities = 0;
        std::size_t bytes = 0;
        std::size_t busy = 0;
        for (const auto& [order, r] : b_.runs.all()) {
            if (std::string bad = one(*r); !bad.empty())
                return "workflow " + r->workflow_id + ' ' + bad;
            open += r->open() ? 1U : 0U;
            waiting += r->waiting.size();
            activities += r->activities.size();
            bytes += r->bytes;
            busy += r->has_task() || !r->queries.empty() ? 1U : 0U;
        }
        if (bytes != b_.runs.bytes() || busy != b_.runs.busy() || open != b_.runs.open() ||
            open + b_.runs.closed() != b_.runs.all().size())
            return "workflows are counted wrong";
        if (activities != b_.owned.all().size())
            return "an activity belongs to no workflow";
        if (waiting != b_.run_waits.size())
            return "a call waits for no workflow";
        return {};
    }

    [[nodiscard]] std::string one(const workflow_run& r)
    {
        const workflow_task& t = r.task;
        const std::size_t times = take(t);
        const bool waits = t.where == workflow_task::state::scheduled && !t.placed_again;
        if (times != (waits ? 1U : 0U))
            return "has its task in the queues " + std::to_string(times) + " times";
        if (r.with_worker() != (t.stamp != 0))
            return "has a token, or none, where it should not";
        if (!r.with_worker() && b_.queues.busy(t))
            return "is with a worker, and has no task";
        with_workers_ += b_.queues.busy(t) ? 1U : 0U;
        if (r.open() == r.closed.has_value() || (!r.open() && (r.has_task() || !r.activities.empty())))
            return "is half closed";
        if (!r.with_worker() && !r.history.aside().empty())
            return "keeps events aside, though no worker has its task";
        if (r.alarm != r.next_event())
            return "has its alarm at another time than it should";
        if (r.timers.size() != r.firing.size() || r.activity_ids.size() != r.activities.size())
            return "counts its timers or activities wrong";
        for (const ticket id : r.waiting)
            if (const workflow_wait* const w = b_.run_waits.find(id); w == nullptr || w->run != &r)
                return "is waited for by a call that is not known";
        std::int64_t id = 0;
        for (const auto& e : r.history.events())
            if (e.event_id() != ++id)
                return "has event " + std::to_string(e.event_id()) + " where " + std::to_string(id) + " belongs";
        for (const auto& [asks, q] : r.queries) {
            const std::size_t placed = take(*q);
            if (placed + (q->attached ? 1U : 0U) + (q->stamp != 0 ? 1U : 0U) != 1U)
                return "has a query in several places, or in none";
            if (b_.run_waits.find(asks) == nullptr)
                return "has a query that nobody waits for";
        }
        return {};
    }

    const kept_books& b_;
    std::map<const queued_task*, std::size_t> queued_{};
    std::size_t with_workers_ = 0;
};

}  // namespace mayfly::temporal::embedded
