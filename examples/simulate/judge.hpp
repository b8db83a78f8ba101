// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/rate_based.hpp>
#include <mayfly/testing/bounds.hpp>
#include <mayfly/testing/eager.hpp>
#include <mayfly/testing/no_sync_baseline.hpp>
#include <mayfly/testing/simulate.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Runs a scaler on a workload and says how good it was.

namespace examples {

enum class policy : std::uint8_t { fleet, no_sync, no_sync_tuned, rate_based };

inline constexpr std::pair<std::string_view, policy> policies[] = {{"fleet", policy::fleet},
    {"no_sync", policy::no_sync}, {"no_sync_tuned", policy::no_sync_tuned}, {"rate_based", policy::rate_based}};

[[nodiscard]] inline std::string_view to_string(policy p)
{
    for (const auto& [name, is] : policies) {
        if (is == p)
            return name;
    }
    return "unknown";
}

[[nodiscard]] inline std::optional<policy> find_policy(std::string_view name)
{
    for (const auto& [known, is] : policies) {
        if (known == name)
            return is;
    }
    return std::nullopt;
}

/// The workload with another seed. What the file states of bounds and results then no longer holds, and is left out.
[[nodiscard]] inline mayfly::testing::workload reseeded(mayfly::testing::workload w, std::uint64_t offset)
{
    if (offset == 0)
        return w;
    w.seed += offset;
    w.check = {};
    w.bounds = {};
    w.measured.clear();
    return w;
}

/// Something in this workload's world does not work as it should, so that its bars are others.
[[nodiscard]] inline bool is_faulty(const mayfly::testing::workload& w)
{
    const mayfly::testing::provider_settings usual;
    return w.queue.rate_limit > 0 || !w.provider.api_fail.empty() || !w.provider.start_fail.empty() ||
           w.provider.max_concurrent < usual.max_concurrent;
}

/// What a run of a workload is measured against.
struct yardstick {
    mayfly::testing::cost_bounds bounds{};
    double floor_p99 = 0;  ///< Of a policy that starts a worker for every unmatched task.
};

/// As the file states it, or computed.
[[nodiscard]] inline yardstick yardstick_of(const mayfly::testing::workload& w)
{
    const mayfly::testing::generated tasks = mayfly::testing::generate(w);
    return {mayfly::testing::bounds_of(w, tasks), mayfly::testing::floor_p99(w, tasks)};
}

/// One scaler on one workload.
[[nodiscard]] inline mayfly::testing::run_metrics run(const mayfly::testing::workload& w, policy p, bool events)
{
    using namespace mayfly;
    using namespace std::chrono_literals;
    using testing::no_sync_baseline;

    switch (p) {
    case policy::no_sync: return testing::simulate_baseline(w, no_sync_baseline::defaults, events);
    case policy::no_sync_tuned: return testing::simulate_baseline(w, no_sync_baseline::tuned, events);
    case policy::rate_based: {
        rate_based scaler{.max_count = w.max_workers};
        testing::random_stream luck{w.seed, testing::streams::policy};
        scaler.first_metrics_poll = testing::micros(luck.uniform() * testing::in_seconds(scaler.metrics_poll_interval));
        testing::simulation how{.events = events, .batching = batch_rules::reference()};
        how.batching->limited_is_missed = true;
        return testing::simulate(w, scaler, how);
    }
    case policy::fleet: break;
    }
    fleet scaler;
    scaler.activity_timeout = w.activity_timeout.value_or(uptime::zero());
    // Without reported adds, reading is the only way to see that there is work.
    if (!events)
        scaler.read_idle = 1s;
    return testing::simulate(w, scaler, {.events = events, .event_age = 60s, .async_retries = 0});
}

/// How one run went. Not-a-number where there is nothing to compare with.
struct verdict {
    std::string id{};
    std::uint64_t seed = 0;
    bool faulty = false;
    bool bounded_tasks = false;  ///< The workload declares how long a task can take, so none need be lost.
    mayfly::testing::run_metrics run{};
    yardstick against{};

    [[nodiscard]] double relative_cost() const { return ratio(run.cost, against.bounds.zero_wait_cost); }
    [[nodiscard]] double excess_seconds() const { return run.p99 - against.floor_p99; }
    [[nodiscard]] double excess() const { return ratio(excess_seconds(), against.bounds.startup); }

private:
    [[nodiscard]] static double ratio(double a, double b)
    {
        return b > 0 ? a / b : std::numeric_limits<double>::quiet_NaN();
    }
};

[[nodiscard]] inline verdict judge(const mayfly::testing::workload& w, policy p, bool events, const yardstick& against)
{
    return {w.id, w.seed, is_faulty(w), w.activity_timeout.has_value(), run(w, p, events), against};
}

/// The normal workloads of a run in four numbers, and what must not happen in any.
struct summary {
    std::size_t normal = 0;                                                ///< How many the first four are taken over.
    double relative_cost_mean = std::numeric_limits<double>::quiet_NaN();  ///< Geometric.
    double relative_cost_worst = std::numeric_limits<double>::quiet_NaN();
    double excess_mean = std::numeric_limits<double>::quiet_NaN();
    double excess_worst = std::numeric_limits<double>::quiet_NaN();
    double excess_worst_seconds = std::numeric_limits<double>::quiet_NaN();
    std::uint64_t lost_of_bounded = 0;  ///< Lost tasks where `activity_timeout` is given.
    std::uint64_t unserved = 0;
};

[[nodiscard]] inline summary summarise(const std::vector<verdict>& all)
{
    summary s;
    double logs = 0;
    double sum = 0;
    const auto worse = [](double& worst, double v) { worst = std::isnan(worst) ? v : std::max(worst, v); };
    for (const verdict& v : all) {
        s.unserved += v.run.unserved;
        s.lost_of_bounded += v.bounded_tasks ? v.run.lost : 0;
        if (v.faulty || std::isnan(v.relative_cost()) || std::isnan(v.excess()))
            continue;
        ++s.normal;
        logs += std::log(v.relative_cost());
        sum += v.excess();
        worse(s.relative_cost_worst, v.relative_cost());
        worse(s.excess_worst, v.excess());
        worse(s.excess_worst_seconds, v.excess_seconds());
    }
    if (s.normal > 0) {
        s.relative_cost_mean = std::exp(logs / static_cast<double>(s.normal));
        s.excess_mean = sum / static_cast<double>(s.normal);
    }
    return s;
}

}  // namespace examples
