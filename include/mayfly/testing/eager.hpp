// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/testing/bounds.hpp>
#include <mayfly/testing/model.hpp>
#include <mayfly/testing/workload.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace mayfly::testing {

/** The eager floor: one start for each unmatched task, at once, and no worker leaves before its deadline. The shortest
    waits that a purely reactive policy can have, at an absurd price; tails are measured from here.

    Every five seconds, every second while tasks wait, it looks whether all waiting tasks have a start on its way, and
    makes up for what is missing: calls that failed, starts that came to nothing. A start not seen within six seconds or
    three median start-ups is presumed lost. Live workers and accepted starts stay within `max_workers`.
*/
class eager {
public:
    void begin(model& m)
    {
        const workload& w = m.load();
        patience_ = std::max<uptime>(std::chrono::seconds{6}, 3 * micros(median_startup(w)));
        // A worker counts back from the moment it must be drained; the floor stops this long before the regular moment.
        if (w.activity_timeout)
            orders_.activity_timeout = *w.activity_timeout + w.worker.stop_timeout;
        m.wake_at(idle_period);
    }

    void added(model& m, add_outcome outcome, std::uint32_t)
    {
        const bool unmatched = outcome == add_outcome::not_matched || outcome == add_outcome::behind_backlog;
        if (unmatched && live_.size() + accepted_ < m.load().max_workers)
            invoke(m);
    }

    void invoked(model&, std::uint64_t ticket, bool accepted)
    {
        const auto s = starting_.find(ticket);
        if (s == starting_.end())
            return;
        if (accepted) {
            s->second.accepted = true;
            ++accepted_;
        } else {
            starting_.erase(s);
        }
    }

    void timer(model& m, std::uint32_t)
    {
        const queue_snapshot& snapshot = m.describe();
        for (const worker_seen& w : snapshot.workers) {
            const std::uint64_t ticket = model::ticket_of(w.identity);
            forget(ticket);
            if (w.present)
                live_.insert(ticket);
            else
                live_.erase(ticket);
        }
        for (auto s = starting_.begin(); s != starting_.end();) {
            const auto next = std::next(s);
            if (m.now() - s->second.at >= patience_)
                forget(s->first);
            s = next;
        }
        const std::uint64_t backlog = snapshot.of(task_type::activity)->backlog;
        while (starting_.size() < backlog && live_.size() + starting_.size() < m.load().max_workers)
            invoke(m);
        m.wake_at(m.now() + (backlog > 0 ? busy_period : idle_period));
    }

private:
    struct start {
        uptime at;
        bool accepted = false;
    };

    static constexpr uptime busy_period = std::chrono::seconds{1};
    static constexpr uptime idle_period = std::chrono::seconds{5};

    void invoke(model& m) { starting_.emplace(m.invoke(orders_), start{.at = m.now()}); }

    void forget(std::uint64_t ticket)
    {
        const auto s = starting_.find(ticket);
        if (s == starting_.end())
            return;
        accepted_ -= s->second.accepted ? 1U : 0U;
        starting_.erase(s);
    }

    leave_rules orders_{};
    uptime patience_{};
    std::unordered_map<std::uint64_t, start> starting_{};  // called for and not seen yet, by ticket
    std::unordered_set<std::uint64_t> live_{};
    std::size_t accepted_ = 0;  // of those that start
};

static_assert(ModelDriver<eager>);

/// The p99 of waiting, in seconds, that tails are measured from: what the file states, or else what a run shows.
[[nodiscard]] inline double floor_p99(const workload& w, const generated& g)
{
    for (const named_numbers& m : w.measured) {
        if (m.name == "eager-floor") {
            if (const auto stated = m.get("p99"))
                return *stated;
        }
    }
    eager policy;
    return model(w, g).run(policy).p99;
}

}  // namespace mayfly::testing
