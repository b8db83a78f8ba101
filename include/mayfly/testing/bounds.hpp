// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/testing/run_metrics.hpp>
#include <mayfly/testing/workload.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace mayfly::testing {

/// What no policy can beat on a workload, in worker-seconds, and the unit that tails are measured in.
struct cost_bounds {
    double zero_wait_cost = 0;  ///< What a clairvoyant fleet pays that never lets a task wait.
    double work_cost = 0;       ///< All slots always full, starts for nothing.
    double startup = 0;         ///< Median start, from the call to the first poll, in seconds.
};

[[nodiscard]] inline double median_startup(const workload& w)
{
    return w.start.place_cold.median() + w.start.init_cold.median() + w.start.connect.median() +
           in_seconds(w.provider.invoke_latency);
}

namespace detail {

/// A task begins or ends.
struct service_edge {
    uptime at{};
    bool begins = false;
};

/// When tasks begin and end if each begins as soon as it is there, or, in a rate-limited queue, evenly spaced: the
/// burst that a limiter allows is left out.
[[nodiscard]] inline std::vector<service_edge> ideal_service(const workload& w, const generated& g)
{
    using ready = std::pair<uptime, std::uint32_t>;
    std::priority_queue<ready, std::vector<ready>, std::greater<>> later_steps;
    std::vector<service_edge> edges;
    edges.reserve(2 * g.tasks.size());
    const double interval = w.queue.rate_limit > 0 ? 1e6 / w.queue.rate_limit : 0;
    double free = 0;
    for (std::uint32_t arrival = 0; arrival < g.arrivals || !later_steps.empty();) {
        ready next{};
        if (later_steps.empty() || (arrival < g.arrivals && g.tasks[arrival].arrives <= later_steps.top().first)) {
            next = {g.tasks[arrival].arrives, arrival};
            ++arrival;
        } else {
            next = later_steps.top();
            later_steps.pop();
        }
        const double begin = std::max(static_cast<double>(next.first.count()), free);
        free = begin + interval;
        // An odd limiter, or odd times, put tasks off beyond what can be counted.
        constexpr double latest = 4e18;
        const uptime from(static_cast<uptime::rep>(std::ceil(std::min(begin, latest))));
        const task& t = g.tasks[next.second];
        edges.push_back({from, true});
        const uptime end = later(from, t.service);
        edges.push_back({end, false});
        if (t.next != no_task)
            later_steps.emplace(later(end, t.gap), t.next);
    }
    // At the same instant the new task comes before the old one goes: they need two slots.
    std::sort(edges.begin(), edges.end(), [](const service_edge& a, const service_edge& b) {
        return a.at != b.at ? a.at < b.at : a.begins && !b.begins;
    });
    return edges;
}

/** The cheapest fleet for these tasks. Level j of it is needed while more than (j - 1) * slots tasks are in service;
    between two needs the cheaper of staying up and starting again is paid. Workers may hand tasks to each other, so
   this is a lower bound. */
class level_costs {
public:
    level_costs(double cold, double warm, uptime warm_keep) : cold_(cold), warm_(warm), keep_(warm_keep) {}

    void reach(std::size_t level, uptime now)
    {
        while (up_ < level)
            rise(now);
        while (up_ > level) {
            --up_;
            up_time_ += in_seconds(now - since_[up_]);
            since_[up_] = now;
        }
    }

    /// Everything paid. No worker is of use for longer than `life`, so enough starts to cover all the time are needed.
    [[nodiscard]] double total(uptime life) const
    {
        const double lives = life > uptime::zero() ? up_time_ / in_seconds(life) : 0;
        return up_time_ + starts_cost_ + std::max(0.0, std::ceil(lives) - static_cast<double>(starts_)) * warm_;
    }

private:
    void rise(uptime now)
    {
        if (up_ == since_.size()) {
            since_.push_back(now);
            pay(cold_);
        } else {
            const uptime gap = now - since_[up_];
            const double again = gap <= keep_ ? warm_ : cold_;
            if (in_seconds(gap) <= again)
                up_time_ += in_seconds(gap);
            else
                pay(again);
        }
        since_[up_] = now;
        ++up_;
    }

    void pay(double start)
    {
        starts_cost_ += start;
        ++starts_;
    }

    double cold_;
    double warm_;
    uptime keep_;
    std::vector<uptime> since_{};  // each level: up, or down
    std::size_t up_ = 0;
    double up_time_ = 0;
    double starts_cost_ = 0;
    std::uint64_t starts_ = 0;
};

}  // namespace detail

/// Computes the bounds of a workload from its tasks.
[[nodiscard]] inline cost_bounds compute_bounds(const workload& w, const generated& g)
{
    cost_bounds out;
    out.startup = median_startup(w);
    for (const task& t : g.tasks)
        out.work_cost += in_seconds(t.service);
    out.work_cost /= w.worker.slots;

    const double warm = w.start.connect.median() + invocation_fee;
    detail::level_costs costs(w.start.init_cold.median() + warm, warm, w.start.warm_keep);
    std::size_t running = 0;
    for (const detail::service_edge& e : detail::ideal_service(w, g)) {
        running = e.begins ? running + 1 : running - 1;
        costs.reach((running + w.worker.slots - 1) / w.worker.slots, e.at);
    }
    out.zero_wait_cost = costs.total(w.worker.lifetime - w.worker.shutdown_buffer);
    return out;
}

/// The bounds that the file states, and computed ones where it states none.
[[nodiscard]] inline cost_bounds bounds_of(const workload& w, const generated& g)
{
    cost_bounds out;
    const auto zero_wait = w.bounds.get("zero_wait_cost");
    const auto work = w.bounds.get("work_cost");
    if (!zero_wait || !work)
        out = compute_bounds(w, g);
    out.zero_wait_cost = zero_wait.value_or(out.zero_wait_cost);
    out.work_cost = work.value_or(out.work_cost);
    out.startup = w.bounds.get("startup").value_or(median_startup(w));
    return out;
}

}  // namespace mayfly::testing
