// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/utc_text.hpp"
#include "controller_status.hpp"

#include <mayfly/controller_event.hpp>
#include <mayfly/ledger.hpp>
#include <mayfly/verdict.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace examples {

/// Where the controller's uptime began, on the clock of the wall.
struct wall_of_uptime {
    std::chrono::system_clock::time_point began{};

    [[nodiscard]] std::chrono::system_clock::time_point operator()(mayfly::uptime t) const
    {
        return began + std::chrono::duration_cast<std::chrono::system_clock::duration>(t);
    }
    [[nodiscard]] std::string text(mayfly::uptime t) const { return utc_text((*this)(t)); }
};

/// Numbers of one group that only grow. They begin with a zero for each reason that there usually is: whoever reads
/// them from time to time sees no growth in a number that was not there before.
struct group_counts {
    using by_reason = std::map<mayfly::reason, std::uint64_t>;
    using by_outcome = std::map<mayfly::condition, std::uint64_t>;

    /// Workers, as decided.
    by_reason started{{mayfly::reason::missed_match, 0}, {mayfly::reason::backlog, 0}, {mayfly::reason::refresh, 0},
        {mayfly::reason::renewal, 0}, {mayfly::reason::minimum, 0}, {mayfly::reason::bootstrap, 0},
        {mayfly::reason::probe, 0}};
    /// Workers wished for and not granted.
    by_reason throttled{{mayfly::reason::cooling_off, 0}, {mayfly::reason::at_maximum, 0},
        {mayfly::reason::rate_limited, 0}, {mayfly::reason::suppressed, 0}, {mayfly::reason::breaker_open, 0},
        {mayfly::reason::provider_backoff, 0}, {mayfly::reason::calls_under_way, 0},
        {mayfly::reason::provider_ceiling, 0}};
    by_outcome refused{failures()};
    by_outcome unread{failures()};
    std::uint64_t deferred = 0;  ///< Decisions that wait for more tasks to come first.

    [[nodiscard]] static by_outcome failures()
    {
        return {
            {mayfly::condition::throttled, 0}, {mayfly::condition::transient, 0}, {mayfly::condition::permanent, 0}};
    }
};

/// What is remembered of one scaling group for people who ask: what was seen, decided, and came of it.
class group_view {
public:
    /// `shown` has the names and limits.
    group_view(std::shared_ptr<const mayfly::launch_target> target, group_status shown, mayfly::version_status status,
        mayfly::uptime now)
        : target_(std::move(target)), shown_(std::move(shown))
    {
        seen_.target = *target_;
        seen_.target.details.clear();
        seen_.set_status(status, now);
    }

    [[nodiscard]] const std::shared_ptr<const mayfly::launch_target>& target() const noexcept { return target_; }
    [[nodiscard]] const group_counts& counts() const noexcept { return counts_; }
    [[nodiscard]] const mayfly::evidence& seen() const noexcept { return seen_; }
    [[nodiscard]] mayfly::task_types types() const noexcept { return shown_.task_types; }
    /// Tasks of this type that waited when statistics came last.
    [[nodiscard]] std::uint64_t backlog(mayfly::task_type t) const { return backlog_.at(static_cast<std::size_t>(t)); }
    void set_status(mayfly::version_status status, mayfly::uptime now) { seen_.set_status(status, now); }
    /// Other limits and another algorithm hold from now on.
    void shown(limits_status limits, std::string scaler)
    {
        shown_.limits = limits;
        shown_.scaler = std::move(scaler);
    }

    /// Takes an event in. `telling` are kept, the last few.
    void note(const mayfly::controller_event& e, bool telling, const wall_of_uptime& wall)
    {
        using enum mayfly::controller_event::kind;
        seen_.note(e);
        if (e.what == decided && e.why == mayfly::cause::stats)
            note_reading(e);
        if (e.what == decided || e.what == bootstrap)
            count(e.made);
        else if (e.what == refused || e.what == not_resized)
            counts_.refused[e.outcome] += e.count;
        else if (e.what == unread)
            ++counts_.unread[e.outcome];
        if (!telling)
            return;
        if (decisions_.size() == group_status::most_decisions)
            decisions_.pop_front();
        const bool made = e.what == decided || e.what == bootstrap;
        decisions_.push_back({.at = wall.text(e.at),
            .event = e.what,
            .why = e.why,
            .reason = e.made.reason,
            .launch = made ? e.made.launch : e.count,
            .size = e.made.resize,
            .held_back = e.made.held_back,
            .outcome = e.outcome,
            .detail = std::string(e.detail)});
    }

    /// How it does, by its books.
    [[nodiscard]] mayfly::verdict verdict(const mayfly::ledger& books, mayfly::uptime now)
    {
        seen_.take(books, now);
        return mayfly::diagnose(seen_);
    }

    /// Calls `verdict` too.
    [[nodiscard]] group_status status(const mayfly::ledger& books, mayfly::uptime now, const wall_of_uptime& wall)
    {
        const mayfly::verdict v = verdict(books, now);
        group_status out = shown_;
        out.standing = v.is;
        out.symptom = v.why;
        out.message = v.message;
        if (v.since > mayfly::uptime::zero())
            out.since = wall.text(v.since);
        if (read_at_)
            out.read_at = wall.text(*read_at_);
        out.backlog = seen_.backlog;
        out.dispatch_rate = seen_.dispatch_rate;
        const mayfly::fleet_view& f = seen_.fleet;
        out.fleet = {f.asked, f.starting, f.live, f.leaving, f.foreign, f.given_up, f.refused, f.slots, f.busy,
            std::chrono::duration<double>(f.startup).count(), f.failure_rate, f.ever_seen};
        out.totals = {seen_.totals};
        const auto& records = books.records();
        for (auto r = records.rbegin(); r != records.rend() && out.workers.size() < group_status::most_workers; ++r)
            if (r->state != mayfly::start_state::gone)
                out.workers.push_back({r->request_id, r->state, wall.text(r->changed_at), r->busy});
        out.decisions.assign(decisions_.begin(), decisions_.end());
        return out;
    }

private:
    void note_reading(const mayfly::controller_event& e)
    {
        read_at_ = e.at;
        for (std::size_t i = 0; e.signal != nullptr && i < backlog_.size(); ++i)
            if (const auto& queue = e.signal->stats.at(i))
                backlog_.at(i) = queue->backlog;
    }

    void count(const mayfly::decision& d)
    {
        if (d.launch > 0)
            counts_.started[d.reason] += d.launch;
        if (d.held_back > 0)
            counts_.throttled[d.reason] += d.held_back;
        if (d.reason == mayfly::reason::gathering)
            ++counts_.deferred;
    }

    std::shared_ptr<const mayfly::launch_target> target_;
    group_status shown_;
    mayfly::evidence seen_{};
    group_counts counts_{};
    std::optional<mayfly::uptime> read_at_{};
    std::array<std::uint64_t, mayfly::all_task_types.size()> backlog_{};
    std::deque<decision_status> decisions_{};
};

}  // namespace examples
