// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/since.hpp>
#include <mayfly/scaler.hpp>
#include <mayfly/scalers/metrics_poll.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace mayfly {

/** The `no-sync` algorithm of Temporal's open-source controller, decision for decision.

    Starts one worker when a task finds nobody waiting, not more often than the cool-off allows, and one at a regular
    look while a backlog waits. Knows neither a minimum nor a maximum nor what is already starting; wrap it in `clamped`
    for the first two. Moments in the state that cannot have been (later than now) count as not remembered.
*/
struct no_sync {
    uptime scale_up_cooloff = std::chrono::milliseconds{100};  ///< Shortest time between starts; zero for none.
    std::uint64_t scale_up_backlog_threshold = 0;              ///< A look starts a worker above this backlog.
    uptime max_worker_lifetime =
        std::chrono::minutes{10};  ///< A waiting task gets a start this old renewed; zero: off.
    uptime metrics_poll_interval = std::chrono::seconds{60};  ///< Between looks at the statistics.

    /// Share by which the dispatch rate may move and still count as unmoved, up to 0.1; zero: off. A rate that stays
    /// put while tasks wait says that something other than workers is the limit.
    double scale_up_dispatch_rate_epsilon = 0;
    uptime scale_up_dispatch_rate_epsilon_confirm = std::chrono::seconds{90};  ///< It has to stay put this long.
    uptime suppress_scale_up = std::chrono::seconds{120};                      ///< Starts are then held back this long.
    uptime suppress_poll_interval = std::chrono::seconds{90};                  ///< Between looks meanwhile.

    /// From the beginning to the first look. Ours: the reference waits five minutes.
    uptime first_metrics_poll{};

    struct type_state {
        std::optional<uptime> within_epsilon_since{};
        std::optional<double> ref_rate{};
        std::optional<uptime> suppressed_until{};
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("within_epsilon_since", self.within_epsilon_since);
            visit("ref_rate", self.ref_rate);
            visit("suppressed_until", self.suppressed_until);
        }
        friend bool operator==(const type_state&, const type_state&) = default;
    };

    struct state {
        std::optional<uptime> last_scale_up{};  ///< One for all types.
        std::array<type_state, all_task_types.size()> types{};
        metrics_schedule poll{};
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("last_scale_up", self.last_scale_up);
            visit("types", self.types);
            visit("poll", self.poll);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        decision d;
        switch (sig.why) {
        case cause::begin: st.poll.first(now, first_metrics_poll); break;
        case cause::added: d = on_added(st, sig, now); break;
        case cause::stats:
            // Whoever reads for another reason, or for another group, is no reason to look more often.
            if (st.poll.due(now))
                d = on_stats(st, sig, now);
            break;
        case cause::no_stats:
            if (st.poll.due(now))
                st.poll.failed(now);
            break;
        case cause::launched:
        case cause::workers:
        case cause::wake:
        case cause::changed: break;
        }
        d.read = st.poll.left(now);
        return d;
    }

private:
    [[nodiscard]] bool suppressed(const type_state& t, uptime now) const noexcept
    {
        // A lease that is longer than any we give was not given by us.
        return scale_up_dispatch_rate_epsilon > 0 && t.suppressed_until && now < *t.suppressed_until &&
               *t.suppressed_until <= later(now, suppress_scale_up);
    }

    [[nodiscard]] decision on_added(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        if (sig.added.unmatched() == 0)
            return {.reason = sig.added.rate_limited > 0 ? reason::rate_limited : reason::steady};
        if (suppressed(st.types[static_cast<std::size_t>(sig.type)], now))
            return {.reason = reason::suppressed, .held_back = sig.added.unmatched()};
        if (detail::since(st.last_scale_up, now) < scale_up_cooloff)
            return {.reason = reason::cooling_off, .held_back = sig.added.unmatched()};
        st.last_scale_up = now;
        return {.launch = 1, .reason = reason::missed_match};
    }

    [[nodiscard]] decision on_stats(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const uptime elapsed = detail::since(st.last_scale_up, now);
        bool grow = false;
        bool refresh = false;
        bool held = false;
        bool cooling = false;
        bool any_suppressed = false;
        for (task_type t : all_task_types) {
            const auto i = static_cast<std::size_t>(t);
            watch_rate(st.types[i], sig.stats[i], now);
            const bool hold = suppressed(st.types[i], now);
            any_suppressed = any_suppressed || hold;
            if (!sig.stats[i])
                continue;
            const std::uint64_t backlog = sig.stats[i]->backlog;
            if (backlog > scale_up_backlog_threshold) {
                grow = grow || (!hold && elapsed >= scale_up_cooloff);
                held = held || hold;
                cooling = cooling || elapsed < scale_up_cooloff;
            }
            refresh =
                refresh || (backlog > 0 && max_worker_lifetime > uptime::zero() && elapsed >= max_worker_lifetime);
        }
        st.poll.read(now, any_suppressed ? suppress_poll_interval : metrics_poll_interval);

        if (grow || refresh) {
            st.last_scale_up = now;
            return {.launch = 1, .reason = grow ? reason::backlog : reason::refresh};
        }
        return {.reason = held ? reason::suppressed : cooling ? reason::cooling_off : reason::steady};
    }

    void watch_rate(type_state& t, const std::optional<queue_stats>& stats, uptime now) const noexcept
    {
        if (!(scale_up_dispatch_rate_epsilon > 0)) {
            t = {};
            return;
        }
        if (!stats)
            return;
        const double rate = stats->dispatch_rate;
        if (stats->backlog <= scale_up_backlog_threshold || !(rate > 0) || !std::isfinite(rate)) {
            t = {};
            return;
        }
        const uptime steady_for = detail::since(t.within_epsilon_since, now);
        if (steady_for == never || !t.ref_rate || !(*t.ref_rate > 0) || !std::isfinite(*t.ref_rate))
            t = {.within_epsilon_since = now, .ref_rate = rate};
        else if (std::abs(rate - *t.ref_rate) > scale_up_dispatch_rate_epsilon * *t.ref_rate)
            t = {};
        else if (steady_for >= scale_up_dispatch_rate_epsilon_confirm)
            t.suppressed_until = later(now, suppress_scale_up);
    }
};

static_assert(Scaler<no_sync, scaling_signal>);

}  // namespace mayfly
