// SPDX-License-Identifier: BSL-1.0

// `fleet` with its defaults on the published workloads and four more seeds of each. Prints what every bar asks and what
// was reached; fails if one is missed in the mean of the seeds, or by more than a fifth in any.

#include "../../examples/simulate/judge.hpp"
#include "../support/published_workloads.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace {

using examples::policy;
using examples::summarise;
using examples::verdict;
using mayfly::testing::workload;

constexpr std::uint64_t seeds = 5;
constexpr std::uint64_t seed_step = 7919;
constexpr double leeway = 1.2;

/// One seed of all workloads, run with reported adds and without.
struct outcome {
    std::vector<verdict> events;
    std::vector<verdict> poll_only;

    [[nodiscard]] const verdict& of(std::string_view id) const
    {
        const auto at =
            std::find_if(events.begin(), events.end(), [id](const verdict& v) { return v.id.starts_with(id); });
        if (at == events.end())
            throw std::runtime_error("no such workload");
        return *at;
    }
};

outcome run_seed(std::uint64_t offset)
{
    outcome out;
    for (const workload& published : mayfly_test::published()) {
        const workload w = examples::reseeded(published, offset);
        const examples::yardstick against = examples::yardstick_of(w);
        out.events.push_back(judge(w, policy::fleet, true, against));
        out.poll_only.push_back(judge(w, policy::fleet, false, against));
    }
    return out;
}

struct bar {
    const char* what;
    double limit;
    double stretch;
    std::function<double(const outcome&)> reached;
};

const bar bars[] = {
    {"relative cost, geometric mean", 1.65, 1.40, [](auto& o) { return summarise(o.events).relative_cost_mean; }},
    {"relative cost, worst", 2.4, 2.0, [](auto& o) { return summarise(o.events).relative_cost_worst; }},
    {"excess, mean", 0.25, 0.18, [](auto& o) { return summarise(o.events).excess_mean; }},
    {"excess, worst", 0.9, 0.5, [](auto& o) { return summarise(o.events).excess_worst; }},
    {"lost though a timeout was declared", 0, 0,
        [](auto& o) { return static_cast<double>(summarise(o.events).lost_of_bounded); }},
    {"W03 p99 in s", 1.0, 0.75, [](auto& o) { return o.of("W03").run.p99; }},
    {"W04 p99 in s", 1.0, 0.75, [](auto& o) { return o.of("W04").run.p99; }},
    {"W05 p99 in s", 1.0, 0.75, [](auto& o) { return o.of("W05").run.p99; }},
    {"W01 relative cost", 2.2, 1.5, [](auto& o) { return o.of("W01").relative_cost(); }},
    {"W13 rate-limited, relative cost", 3, 2, [](auto& o) { return o.of("W13").relative_cost(); }},
    {"W14 never connects, relative cost", 5, 2.5, [](auto& o) { return o.of("W14").relative_cost(); }},
    {"W15 flaky, excess", 1, 0.4, [](auto& o) { return o.of("W15").excess(); }},
    {"W15 flaky, relative cost", 2, 1.5, [](auto& o) { return o.of("W15").relative_cost(); }},
    {"W16 throttled, relative cost", 1.4, 1.1, [](auto& o) { return o.of("W16").relative_cost(); }},
    {"W16 throttled, p99 over the floor in s", 1, 1, [](auto& o) { return o.of("W16").excess_seconds(); }},
    {"W17 outage, relative cost", 2.2, 1.5, [](auto& o) { return o.of("W17").relative_cost(); }},
    {"W17 outage, J", 24'000, 18'000, [](auto& o) { return o.of("W17").run.total(); }},
    {"poll-only, relative cost", 1.65, 1.4, [](auto& o) { return summarise(o.poll_only).relative_cost_mean; }},
    {"poll-only, worst excess in s", 6, 2, [](auto& o) { return summarise(o.poll_only).excess_worst_seconds; }},
};

/// Prints the line of one bar. True if it holds.
bool hold(const bar& b, const std::vector<outcome>& outcomes)
{
    double sum = 0;
    double worst = b.reached(outcomes[0]);
    for (const outcome& o : outcomes) {
        const double v = b.reached(o);
        sum += v;
        worst = std::max(worst, v);
    }
    const double mean = sum / static_cast<double>(outcomes.size());
    // Written so that not-a-number fails.
    const bool holds = mean <= b.limit && worst <= b.limit * leeway;
    const char* word = !holds ? "MISSED" : mean <= b.stretch ? "stretch" : "bar";
    std::printf("%-40s %9.2f %9.2f %10.3f %10.3f  %s\n", b.what, b.limit, b.stretch, mean, worst, word);
    return holds;
}

}  // namespace

int main()
{
    std::vector<outcome> outcomes;
    for (std::uint64_t i = 0; i < seeds; ++i)
        outcomes.push_back(run_seed(i * seed_step));

    std::printf("%-40s %9s %9s %10s %10s  reached\n", "fleet, five seeds", "bar", "stretch", "mean", "worst");
    int missed = 0;
    for (const bar& b : bars)
        missed += hold(b, outcomes) ? 0 : 1;
    if (missed > 0)
        std::printf("%d bars are missed\n", missed);
    return missed > 0 ? 1 : 0;
}
