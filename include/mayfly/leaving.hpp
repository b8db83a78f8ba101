// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace mayfly {

/// When a worker stops polling on its own, before its deadline asks it to. All rules are off by default.
struct leave_rules {
    /// Leave after having had nothing to do for this long; zero for never. About what one start costs is a good value:
    /// waiting longer is paid idle time, leaving sooner is paid starts.
    uptime idle_exit{0};

    /// The utilisation a worker wants to see on itself, in (0, 1]; zero turns thinning off. Polls are served oldest
    /// first, so load spreads over all workers and a big fleet never idles out. Each worker below the target therefore
    /// leaves with a small probability, and a crowd of them sheds just the excess without talking to anybody.
    double thin_target = 0;
    uptime thin_every = std::chrono::seconds{2};    ///< Time between two looks; above zero.
    uptime thin_over = std::chrono::seconds{10};    ///< A fleet with no load at all thins out over about this time.
    uptime thin_memory = std::chrono::seconds{10};  ///< How far back utilisation is remembered; above zero.

    /// The longest a task can take, zero for unknown. A task is then only accepted while it can still finish.
    uptime activity_timeout{0};

    /// This worker fills a minimum: it never idles out and is never thinned.
    bool stay = false;

    friend bool operator==(const leave_rules&, const leave_rules&) = default;
};

enum class leave_reason : std::uint8_t {
    none,              ///< Keep polling.
    deadline,          ///< The regular moment: deadline less shutdown buffer.
    activity_timeout,  ///< A task that starts now could not finish.
    idle,              ///< Nothing to do for `idle_exit`.
    thinned,           ///< One of more workers than the load needs.
};

[[nodiscard]] constexpr std::string_view to_string(leave_reason r) noexcept
{
    switch (r) {
    case leave_reason::none: return "none";
    case leave_reason::deadline: return "deadline";
    case leave_reason::activity_timeout: return "activity_timeout";
    case leave_reason::idle: return "idle";
    case leave_reason::thinned: return "thinned";
    }
    return "unknown";
}

/// How long a worker may poll and drain.
struct poll_window {
    uptime from{0};             ///< First poll.
    uptime stop_at = never;     ///< Regular moment to stop polling.
    uptime drained_by = never;  ///< A task still running then is lost. Not before `stop_at`.

    friend bool operator==(const poll_window&, const poll_window&) = default;
};

/// Less polling time than this is not worth a start.
inline constexpr uptime least_polling = std::chrono::seconds{1};

/// When to stop polling if no task may be lost that takes `activity_timeout`. It is the regular moment if that is early
/// enough, and also if the rule would leave less than a second to poll: such a worker would never get anything done.
[[nodiscard]] constexpr uptime early_stop(const poll_window& w, uptime activity_timeout) noexcept
{
    if (w.stop_at == never || w.drained_by == never || activity_timeout <= uptime::zero())
        return w.stop_at;
    const uptime last_start = w.drained_by - activity_timeout;
    return last_start < later(w.from, least_polling) ? w.stop_at : std::min(w.stop_at, last_start);
}

/** Decides, inside one worker, when to stop polling.

    Tell it what happens (`on_task` and `on_done`, or `observe`), and ask `decide` at the moment that the last answer
    named, and whenever the last running task has ended. Time never goes back. A copy is a snapshot. Nothing allocates
   or throws.
*/
class leaving {
public:
    struct verdict {
        leave_reason reason = leave_reason::none;
        uptime look = never;  ///< Ask again at this moment at the latest. Meaningless once there is a reason.

        [[nodiscard]] constexpr bool leave() const noexcept { return reason != leave_reason::none; }
        friend bool operator==(const verdict&, const verdict&) = default;
    };

    leaving() = default;

    /// `slots`: how many tasks this worker takes at a time; zero counts as one.
    constexpr leaving(const leave_rules& rules, std::uint32_t slots, const poll_window& window) noexcept
        : rules_{rules},
          slots_{std::max<std::uint32_t>(slots, 1)},
          stop_{window.stop_at},
          early_{early_stop(window, rules.activity_timeout)},
          idle_since_{window.from},
          changed_{window.from},
          looked_{window.from},
          utilisation_{rules.thin_target}
    {
        // Rules arrive from outside. A look without end would be worse than a rare one.
        rules_.thin_every = std::max<uptime>(rules_.thin_every, std::chrono::milliseconds{1});
    }

    /// A task arrived and occupies a slot.
    constexpr void on_task(uptime now) noexcept { set(now, busy_ + 1, share(busy_ + 1), true); }

    /// A task ended and its slot is free.
    constexpr void on_done(uptime now) noexcept
    {
        if (busy_ > 0)
            set(now, busy_ - 1, share(busy_ - 1), true);
    }

    /** For a worker that reports totals: `busy` things are going on (a poller that is not waiting at the queue counts),
        `load` in [0, 1] is the share of slots in use, and `moved` says that a task came or went since the last report.
    */
    constexpr void observe(uptime now, std::uint32_t busy, double load, bool moved) noexcept
    {
        set(now, busy, std::clamp(load, 0.0, 1.0), moved || busy != busy_);
    }

    /// `u` is uniform in [0, 1). It is only used when a look for thinning is due; drawing it for nothing is harmless.
    [[nodiscard]] verdict decide(uptime now, double u) noexcept
    {
        if (now >= stop_)
            return {leave_reason::deadline, now};
        if (now >= early_)
            return {leave_reason::activity_timeout, now};

        verdict v{leave_reason::none, std::min(stop_, early_)};
        if (rules_.stay)
            return v;
        if (rules_.idle_exit > uptime::zero() && busy_ == 0) {
            const uptime at = later(idle_since_, rules_.idle_exit);
            if (now >= at)
                return {leave_reason::idle, now};
            v.look = std::min(v.look, at);
        }
        if (rules_.thin_target > 0) {
            uptime next = later(looked_, rules_.thin_every);
            if (now >= next) {
                if (u < thin_chance(now))
                    return {leave_reason::thinned, now};
                next = later(now, rules_.thin_every);
            }
            v.look = std::min(v.look, next);
        }
        return v;
    }

    [[nodiscard]] constexpr std::uint32_t busy() const noexcept { return busy_; }
    /// Smoothed share of slots in use, as of the last look for thinning. Starts at the target.
    [[nodiscard]] constexpr double utilisation() const noexcept { return utilisation_; }
    [[nodiscard]] constexpr const leave_rules& rules() const noexcept { return rules_; }

    friend bool operator==(const leaving&, const leaving&) = default;

private:
    [[nodiscard]] constexpr double share(std::uint32_t busy) const noexcept
    {
        return std::min(1.0, static_cast<double>(busy) / slots_);
    }

    constexpr void set(uptime now, std::uint32_t busy, double load, bool moved) noexcept
    {
        area_ += load_ * static_cast<double>((now - changed_).count());
        changed_ = now;
        busy_ = busy;
        load_ = load;
        if (moved)
            idle_since_ = now;
    }

    // Folds the time since the last look into the utilisation: its mean is exact, so that nothing depends on how many
    // small changes happened in between, and one exponential per look is enough.
    [[nodiscard]] double thin_chance(uptime now) noexcept
    {
        set(now, busy_, load_, false);
        const auto window = static_cast<double>((now - looked_).count());
        const double memory = static_cast<double>(std::max<uptime::rep>(rules_.thin_memory.count(), 1));
        if (window > 0)
            utilisation_ += (area_ / window - utilisation_) * -std::expm1(-window / memory);
        area_ = 0;
        looked_ = now;
        const double excess = 1 - utilisation_ / rules_.thin_target;
        const double over = static_cast<double>(std::max<uptime::rep>(rules_.thin_over.count(), 1));
        return excess * static_cast<double>(rules_.thin_every.count()) / over;
    }

    leave_rules rules_{};
    std::uint32_t slots_ = 1;
    std::uint32_t busy_ = 0;
    double load_ = 0;
    uptime stop_ = never;
    uptime early_ = never;
    uptime idle_since_{0};
    uptime changed_{0};
    uptime looked_{0};
    double area_ = 0;  // load integrated since the last look
    double utilisation_ = 0;
};

}  // namespace mayfly
