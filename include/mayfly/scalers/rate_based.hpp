// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/since.hpp>
#include <mayfly/scaler.hpp>
#include <mayfly/scalers/metrics_poll.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

namespace mayfly {

/** The `rate-based` algorithm of Temporal's open-source controller, decision for decision.

    Sizes a set of workers from the arrival rate and from what one worker was seen to do. A missed task adds one worker
    at once and asks for statistics, from which only the capacity of a worker is learnt; the regular looks do the rest:
    several up at a time, one down. Slots of the state that make no sense count as unset.

    Ours: the group's limits hold too, the tighter of both; no minimum is kept where no work can reach the version; and
    a set that is larger than it may be shrinks to that at once.
*/
struct rate_based {
    static constexpr launch_strategy strategy = launch_strategy::worker_set;

    std::uint32_t min_count = 0;                              ///< Not above `max_count`.
    std::uint32_t max_count = 30;                             ///< Above zero.
    std::uint32_t initial_count = 0;                          ///< The size taken for granted at first; within the two.
    uptime metrics_poll_interval = std::chrono::seconds{60};  ///< Between looks at the statistics.
    double ewma_alpha = 0.45;                                 ///< Weight of the newest sample, in (0, 1].
    double initial_per_consumer_capacity = 2.0;               ///< Tasks per second of one worker, until seen.
    double target_backlog_drain_rate = 2.0;         ///< Tasks per second on top while a backlog waits; zero ignores it.
    std::uint64_t material_backlog_threshold = 50;  ///< From here on all workers are busy, so capacity can be seen.
    double utilization_target = 0.80;               ///< Share of its capacity that a worker shall use, in (0, 1].
    double halfin_whitt_beta = 0.5;       ///< Workers over the load r: this times the square root of r, or more.
    std::uint32_t max_scale_up_step = 4;  ///< Most workers added at one look.
    uptime scale_up_cooldown = std::chrono::seconds{2};     ///< Shortest time between steps up.
    uptime scale_down_cooldown = std::chrono::seconds{60};  ///< Shortest time between steps down.
    uptime no_sync_quiet = std::chrono::seconds{90};        ///< No step down this long after a missed task.

    /// From the beginning to the first look. Ours: the reference waits five minutes.
    uptime first_metrics_poll{};

    struct state {
        std::optional<std::uint32_t> worker_count{};  ///< The planned size.
        std::optional<double> ewma_arrival_rate{};
        std::optional<double> ewma_dispatch_rate{};
        std::optional<double> ewma_per_consumer_capacity{};
        std::optional<uptime> last_scale_up{};
        std::optional<uptime> last_scale_down{};
        std::optional<uptime> last_no_sync_match{};
        bool capacity_wanted = false;  ///< Statistics were asked for after a missed task.
        metrics_schedule poll{};
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("worker_count", self.worker_count);
            visit("ewma_arrival_rate", self.ewma_arrival_rate);
            visit("ewma_dispatch_rate", self.ewma_dispatch_rate);
            visit("ewma_per_consumer_capacity", self.ewma_per_consumer_capacity);
            visit("last_scale_up", self.last_scale_up);
            visit("last_scale_down", self.last_scale_down);
            visit("last_no_sync_match", self.last_no_sync_match);
            visit("capacity_wanted", self.capacity_wanted);
            visit("poll", self.poll);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    /// The size the set is planned to have.
    [[nodiscard]] constexpr std::uint32_t planned(const state& st) const noexcept
    {
        return std::min(sensible(st).value_or(initial_count), max_count);
    }

    /// The size that binds the version to its queues: as planned, at least one. It is then the planned size, so that
    /// the next look takes the worker away again if it is not needed.
    constexpr std::uint32_t bootstrap(state& st) const noexcept
    {
        st.worker_count = std::max({std::uint32_t{1}, min_count, planned(st)});
        return *st.worker_count;
    }

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const bounds b = bounds_of(sig);
        const std::uint32_t before = sensible(st).value_or(initial_count);
        const std::uint32_t n = std::min(before, b.most);
        st.worker_count = n;
        decision d;
        switch (sig.why) {
        case cause::begin: st.poll.first(now, first_metrics_poll); break;
        case cause::added: d = on_added(st, sig, b, now); break;
        case cause::stats: d = on_stats(st, sig, b, now); break;
        case cause::no_stats:
            st.capacity_wanted = false;
            if (st.poll.due(now))
                st.poll.failed(now);
            break;
        case cause::launched:
        case cause::workers:
        case cause::wake:
        case cause::changed: break;
        }
        if (before > n && !d.resize) {
            d.resize = n;
            d.reason = reason::scale_down;
        }
        d.read = st.capacity_wanted ? uptime::zero() : st.poll.left(now);
        return d;
    }

private:
    struct load {
        double arrival = 0;
        double dispatch = 0;
        double backlog = 0;
        bool known = false;
    };

    struct bounds {
        std::uint32_t least = 0;
        std::uint32_t most = 0;
    };

    [[nodiscard]] constexpr bounds bounds_of(const scaling_signal& sig) const noexcept
    {
        const std::uint32_t most = std::min(max_count, sig.limits.max);
        return {sig.wanted ? std::min(std::max(min_count, sig.limits.min), most) : 0, most};
    }

    [[nodiscard]] static constexpr std::optional<std::uint32_t> sensible(const state& st) noexcept
    {
        constexpr std::uint32_t most = std::numeric_limits<std::int32_t>::max();
        return st.worker_count && *st.worker_count <= most ? st.worker_count : std::nullopt;
    }

    [[nodiscard]] decision on_added(state& st, const scaling_signal& sig, const bounds& b, uptime now) const noexcept
    {
        const std::uint32_t missed = sig.added.unmatched();
        if (missed == 0)
            return {.reason = sig.added.rate_limited > 0 ? reason::rate_limited : reason::steady};
        const std::uint32_t n = *st.worker_count;
        st.last_no_sync_match = now;
        st.capacity_wanted = n > 0;  // Nobody works in an empty set, so there is nothing to learn.
        if (n >= b.most)
            return {.reason = reason::at_maximum, .held_back = missed};
        if (detail::since(st.last_scale_up, now) < scale_up_cooldown)
            return {.reason = reason::cooling_off, .held_back = missed};
        st.capacity_wanted = true;
        return resize_up(st, std::max(n + 1, b.least), reason::missed_match, now);
    }

    [[nodiscard]] decision on_stats(state& st, const scaling_signal& sig, const bounds& b, uptime now) const noexcept
    {
        const load seen = sum(sig);
        const bool capacity_wanted = st.capacity_wanted;
        st.capacity_wanted = false;
        // A regular look also learns the capacity, so a look that is due serves both.
        if (!st.poll.due(now)) {
            if (capacity_wanted && seen.known)
                learn_capacity(st, seen.dispatch);
            return {};
        }
        st.poll.read(now, metrics_poll_interval);
        if (seen.known) {
            const bool idle = seen.arrival == 0 && seen.dispatch == 0 && seen.backlog == 0;
            st.ewma_arrival_rate = idle ? 0 : blend(seen.arrival, rate(st.ewma_arrival_rate));
            st.ewma_dispatch_rate = idle ? 0 : blend(seen.dispatch, rate(st.ewma_dispatch_rate));
        }
        if (seen.backlog >= static_cast<double>(material_backlog_threshold) || (capacity_wanted && seen.known))
            learn_capacity(st, seen.dispatch);

        const std::uint32_t n = *st.worker_count;
        const std::uint32_t desired = desired_count(st, seen.backlog > 0, b);
        if (desired > n) {
            if (detail::since(st.last_scale_up, now) < scale_up_cooldown)
                return {.reason = reason::cooling_off, .held_back = desired - n};
            return resize_up(
                st, std::max(n + std::min(max_scale_up_step, desired - n), b.least), reason::scale_up, now);
        }
        if (desired < n) {
            if (detail::since(st.last_no_sync_match, now) < no_sync_quiet ||
                detail::since(st.last_scale_down, now) < scale_down_cooldown)
                return {.reason = reason::cooling_off};
            st.worker_count = n - 1;
            st.last_scale_down = now;
            return {.resize = n - 1, .reason = reason::scale_down};
        }
        return {.reason = n > 0 ? reason::covered : reason::steady};
    }

    [[nodiscard]] static decision resize_up(state& st, std::uint32_t n, reason why, uptime now) noexcept
    {
        st.worker_count = n;
        st.last_scale_up = now;
        return {.resize = n, .reason = why};
    }

    [[nodiscard]] static load sum(const scaling_signal& sig) noexcept
    {
        load all;
        for (const auto& s : sig.stats) {
            if (!s || !(s->add_rate >= 0) || !(s->dispatch_rate >= 0) || std::isinf(s->add_rate) ||
                std::isinf(s->dispatch_rate))
                continue;
            all.arrival += s->add_rate;
            all.dispatch += s->dispatch_rate;
            all.backlog += static_cast<double>(s->backlog);
            all.known = true;
        }
        return all;
    }

    // What is stored, if it can be a rate.
    [[nodiscard]] static std::optional<double> rate(const std::optional<double>& stored) noexcept
    {
        return stored && std::isfinite(*stored) && *stored >= 0 ? stored : std::nullopt;
    }

    [[nodiscard]] double blend(double sample, const std::optional<double>& before) const noexcept
    {
        return before ? ewma_alpha * sample + (1 - ewma_alpha) * *before : sample;
    }

    [[nodiscard]] double capacity(const state& st) const noexcept
    {
        const auto stored = rate(st.ewma_per_consumer_capacity);
        return stored && *stored > 0 ? *stored : initial_per_consumer_capacity;
    }

    void learn_capacity(state& st, double dispatch) const noexcept
    {
        if (*st.worker_count == 0 || dispatch <= 0)
            return;
        const double seen = dispatch / *st.worker_count;
        if (seen > 0 && std::isfinite(seen))
            st.ewma_per_consumer_capacity = blend(seen, capacity(st));
    }

    [[nodiscard]] std::uint32_t desired_count(const state& st, bool waiting, const bounds& b) const noexcept
    {
        const double required = rate(st.ewma_arrival_rate).value_or(0) + (waiting ? target_backlog_drain_rate : 0);
        const double offered = required / capacity(st);
        const double wanted = std::max(
            std::ceil(offered / utilization_target), std::ceil(offered + halfin_whitt_beta * std::sqrt(offered)));
        // Clamped before it is narrowed: a wild rate must not wrap to a small count.
        return static_cast<std::uint32_t>(
            std::clamp(wanted, static_cast<double>(b.least), static_cast<double>(b.most)));
    }
};

static_assert(Scaler<rate_based, scaling_signal>);
static_assert(strategy_of<rate_based>() == launch_strategy::worker_set);

}  // namespace mayfly
