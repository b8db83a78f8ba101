// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/detail/steady_sum.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>

// How a worker stops without losing a task. Pure.

namespace mayfly::temporal::detail {

/** The order of an end.

    The server is told first. Polls that are under way are left to the server to end, where it does that: a task that it
    hands out at the same moment then arrives. Elsewhere they are recalled once the server has been told, and a task
   that arrives all the same is run. Tasks have the stop timeout, of which the last part is for reporting: they are
   cancelled at its begin.
*/
class stop_sequence {
public:
    using time_point = std::chrono::steady_clock::time_point;

    struct plan {
        std::chrono::nanoseconds stop_timeout{};
        bool server_ends_polls = false;
        std::chrono::nanoseconds tell_patience = std::chrono::seconds{2};  ///< For the answer that it knows.
        std::chrono::nanoseconds poll_patience = std::chrono::seconds{5};  ///< For the polls that it ends.
    };

    /// What to do now. Each of them comes once.
    struct step {
        bool recall_polls = false;
        bool cancel_tasks = false;
        bool done = false;                    ///< Nothing is under way any more.
        time_point next = time_point::max();  ///< Look again then, or when something has changed.
        friend bool operator==(const step&, const step&) = default;
    };

    explicit stop_sequence(const plan& p) noexcept : plan_{p} {}

    /// No poll begins after this, and the server is told.
    void begin(time_point now) noexcept { began_ = now; }
    [[nodiscard]] bool begun() const noexcept { return began_ != time_point::max(); }

    /// The server has answered, anything.
    void told(time_point now) noexcept { told_ = std::min(told_, now); }

    /// `polls` and `tasks` are under way, the latter until their report has been answered.
    [[nodiscard]] step look(time_point now, std::uint32_t polls, std::uint32_t tasks) noexcept
    {
        step s;
        if (!begun())
            return s;
        if (now >= tell_limit())
            told(now);
        if (told_ != time_point::max() && !recalled_ && now >= recall_at())
            s.recall_polls = recalled_ = true;
        if (!cancelled_ && now >= cancel_at())
            s.cancel_tasks = cancelled_ = true;
        s.done = told_ != time_point::max() && polls == 0 && tasks == 0;
        for (const time_point at :
            {tell_limit(), told_ == time_point::max() || recalled_ ? now : recall_at(), cancel_at()})
            if (at > now)
                s.next = std::min(s.next, at);
        return s;
    }

    /// Whether a task that comes now is cancelled at once.
    [[nodiscard]] bool tasks_are_cancelled() const noexcept { return cancelled_; }

private:
    [[nodiscard]] time_point tell_limit() const noexcept
    {
        return told_ == time_point::max() ? steady_sum(began_, plan_.tell_patience) : time_point::min();
    }
    [[nodiscard]] time_point recall_at() const noexcept
    {
        return plan_.server_ends_polls ? steady_sum(told_, plan_.poll_patience) : told_;
    }
    [[nodiscard]] time_point cancel_at() const noexcept
    {
        const auto reporting = std::min<std::chrono::nanoseconds>(plan_.stop_timeout / 5, std::chrono::seconds{1});
        return steady_sum(began_, plan_.stop_timeout - reporting);
    }

    plan plan_;
    time_point began_ = time_point::max();
    time_point told_ = time_point::max();
    bool recalled_ = false;
    bool cancelled_ = false;
};

}  // namespace mayfly::temporal::detail
