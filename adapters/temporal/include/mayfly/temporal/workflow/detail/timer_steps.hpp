// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/command_parts.hpp>
#include <mayfly/temporal/workflow/detail/run_books.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace mayfly::temporal::workflow::detail {

/// The timers of a run. That one is cancelled is not told: whoever cancels it knows.
class timer_steps {
public:
    void start(start_timer t, run_books& books)
    {
        if (!open_.try_emplace(t.seq).second)
            return books.used_twice("timers", t.seq);
        auto& c = books.queue.push(want::timer, t.seq, {}, api::enums::COMMAND_TYPE_START_TIMER).command;
        auto& out = *c.mutable_start_timer_command_attributes();
        out.set_timer_id(std::to_string(t.seq));
        // The server takes none that is over at once.
        constexpr std::chrono::nanoseconds shortest = std::chrono::milliseconds(1);
        *out.mutable_start_to_fire_timeout() = to_wire(std::max(t.duration, shortest));
        put_words(c, std::move(t.words));
    }

    void cancel(std::uint32_t seq, run_books& books)
    {
        const auto at = open_.find(seq);
        if (at == open_.end() || at->second.cancelled)
            return;
        if (books.queue.withdraw(want::timer, seq)) {
            open_.erase(at);
            return;
        }
        at->second.cancelled = true;
        books.queue.push(want::cancel_timer, seq, {}, api::enums::COMMAND_TYPE_CANCEL_TIMER)
            .command.mutable_cancel_timer_command_attributes()
            ->set_timer_id(std::to_string(seq));
    }

    void recorded(std::uint32_t seq, std::int64_t event)
    {
        const auto at = open_.find(seq);
        if (at == open_.end())
            return;
        at->second.started = event;
        by_event_[event] = seq;
    }

    /// History has its cancellation.
    void cancel_recorded(std::uint32_t seq)
    {
        const auto at = open_.find(seq);
        if (at == open_.end())
            return;
        by_event_.erase(at->second.started);
        open_.erase(at);
    }

    void fired(const api::history::HistoryEvent& e, run_books& books)
    {
        const auto& a = e.timer_fired_event_attributes();
        const auto at = by_event_.find(a.started_event_id());
        if (at == by_event_.end() || a.timer_id() != std::to_string(at->second))
            return books.dangling(e, "timer", a.started_event_id());
        const std::uint32_t seq = at->second;
        if (!open_.find(seq)->second.cancelled)
            books.resolved(e.event_id(), timer_fired{seq});
        open_.erase(seq);
        by_event_.erase(at);
    }

private:
    struct step {
        std::int64_t started = 0;
        bool cancelled = false;
    };

    std::map<std::uint32_t, step> open_;
    std::map<std::int64_t, std::uint32_t> by_event_;
};

}  // namespace mayfly::temporal::workflow::detail
