// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/activity_store.hpp>
#include <mayfly/temporal/embedded/task_queues.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/embedded/waiting_calls.hpp>

#include <cstddef>
#include <map>
#include <string>

namespace mayfly::temporal::embedded {

/// What is wrong with the books; empty if every activity is in one place, and every count is right.
[[nodiscard]] inline std::string check_books(
    const activity_store& store, const task_queues& queues, const waiting_calls& waits)
{
    if (std::string bad = queues.check(); !bad.empty())
        return bad;
    std::map<const execution*, std::size_t> queued;
    for (const auto& [key, q] : queues.all())
        for (const auto& [version, l] : q->lanes())
            for (const auto& [position, e] : l.backlog) {
                ++queued[e];
                if (e->queue != q.get() || e->lane != version || queue_of(*e) != key)
                    return "an activity waits in another queue than it says";
            }
    std::size_t open = 0;
    std::size_t bytes = 0;
    std::size_t with_workers = 0;
    std::size_t waiting = 0;
    for (const auto& [order, e] : store.all()) {
        const std::size_t times = queued.contains(e) ? queued.at(e) : 0;
        if (times != (e->where == place::queued ? 1U : 0U))
            return "activity " + e->id() + " is in the queues " + std::to_string(times) + " times";
        queued.erase(e);
        if ((e->where == place::started) != (e->stamp != 0))
            return "activity " + e->id() + " has a token, or none, where it should not";
        if (e->where == place::started && !queues.busy(*e) && !e->restored)
            return "activity " + e->id() + " is with a worker that does not know it";
        with_workers += queues.busy(*e) ? 1U : 0U;
        if ((e->where == place::closed) != e->outcome.has_value() ||
            (e->where == place::closed) != (e->status != api::enums::ACTIVITY_EXECUTION_STATUS_RUNNING) ||
            (e->where == place::closed) != e->closed.has_value())
            return "activity " + e->id() + " is half closed";
        if (e->alarm != e->next_event())
            return "activity " + e->id() + " has its alarm at another time than it should";
        for (const ticket id : e->waiting)
            if (const waiting_call* const w = waits.find(id); w == nullptr || w->run != e)
                return "a call waits for activity " + e->id() + " and is not known";
        waiting += e->waiting.size();
        open += e->open() ? 1U : 0U;
        bytes += e->bytes;
    }
    if (!queued.empty())
        return "a queue has an activity that does not exist";
    if (with_workers != queues.busy_tasks())
        return "a worker has an activity that does not exist";
    if (open != store.open() || bytes != store.bytes() || open + store.closed() != store.all().size())
        return "activities are counted wrong";
    if (waiting != waits.size())
        return "a call waits for nothing";
    return {};
}

}  // namespace mayfly::temporal::embedded
