// SPDX-License-Identifier: BSL-1.0

// What core costs: time per signal and decision, allocations, bytes per idle version, simulated events per second.
// Each figure stands beside a control loop from the same run, which does the least that any such program must.
//
//     bench_core [--quick]

#include "../support/bench.hpp"
#include "../support/published_workloads.hpp"

#include <mayfly/controller_machine.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/testing/simulate.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <new>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <malloc.h>
#include <unistd.h>

namespace {

using namespace mayfly;
using bench::keep;
using bench::quick;
using bench::row;

/// Median nanoseconds of one call over several rounds.
template <class F>
double nanoseconds(std::size_t calls, F&& call)
{
    std::array<double, 9> all{};  // not a vector, whose allocation would be counted with the call's
    const auto rounds = all.begin() + (quick ? 3 : 9);
    for (auto took = all.begin(); took != rounds; ++took) {
        const auto begin = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < calls; ++i)
            call(i);
        const std::chrono::duration<double, std::nano> all_took = std::chrono::steady_clock::now() - begin;
        *took = all_took.count() / static_cast<double>(calls);
    }
    const auto middle = all.begin() + (rounds - all.begin()) / 2;
    std::nth_element(all.begin(), middle, rounds);
    return *middle;
}

using machine_type = controller_machine<fleet>;

std::uint64_t xorshift(std::uint64_t& x)
{
    x ^= x << 13;
    x ^= x >> 7;
    return x ^= x << 17;
}

/// One of many versions, as a controller with a tenant for each would know it.
version_spec<fleet> spec_of(std::uint32_t n, const std::shared_ptr<const group_policy<fleet>>& policy)
{
    auto target = std::make_shared<launch_target>();
    target->version = {"deployment-of-tenant-" + std::to_string(n), "build-" + std::to_string(1'000'000 + n)};
    target->function = "arn:aws:lambda:eu-central-1:123456789012:function:worker-" + std::to_string(n) + ":7";
    version_spec<fleet> spec;
    spec.groups.push_back({policy, std::move(target)});
    return spec;
}

std::shared_ptr<const group_policy<fleet>> policy_for(std::uint32_t max)
{
    auto policy = std::make_shared<group_policy<fleet>>();
    policy->bootstrap = false;
    policy->limits.max = max;
    return policy;
}

/// A version with workers that live, as `add` and `seen` make it.
version_handle busy_version(machine_type& machine, std::uint32_t workers)
{
    const auto v = machine.add(spec_of(0, policy_for(workers)), uptime{});
    queue_snapshot waiting;
    waiting.of(task_type::activity) = queue_stats{.backlog = workers};
    machine.snapshot(v, waiting, uptime{1});
    while (const auto a = machine.next_action()) {
        if (a->what != controller_action::kind::launch)
            continue;
        std::vector<std::string> names;
        std::vector<launch_result> results;
        for (std::uint32_t i = 0; i < a->launch.count; ++i)
            names.push_back("request-" + std::to_string(a->launch.first_launch + i));
        for (const std::string& name : names)
            results.push_back({.request_id = name});
        machine.launched(a->id, results, condition::ok, {}, uptime{2});
        for (const std::string& name : names)
            machine.seen(v, {.identity = name + "@f", .first_seen = uptime{3}}, uptime{3});
    }
    return v;
}

void signals_and_decisions()
{
    const std::size_t calls = quick ? 20'000 : 300'000;

    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> heap;
    std::uint64_t random = 88172645463325252U;
    for (int i = 0; i < 1000; ++i)
        heap.push(xorshift(random) >> 20);
    const double push_pop = nanoseconds(calls, [&](std::size_t) {
        heap.pop();
        heap.push(xorshift(random) >> 20);
    });

    // Signals through the machine, one version with 100 workers.
    {
        machine_type machine;
        const version_handle v = busy_version(machine, 100);
        std::int64_t now = 10;
        const auto tell = [&](const task_added& t, std::int64_t step) {
            machine.added(v, t, uptime{now += step});
            while (machine.next_action()) {
            }
        };
        const auto matched = task_added::one(task_type::activity, add_outcome::matched);
        const auto unmatched = task_added::one(task_type::activity, add_outcome::not_matched);
        tell(matched, 1);
        tell(unmatched, 1);
        const std::uint64_t before = allocations::count;
        row("signal: add, matched", nanoseconds(calls, [&](std::size_t) { tell(matched, 10); }), "ns",
            "heap pop and push", push_pop);
        row("signal: add, unmatched", nanoseconds(calls, [&](std::size_t) { tell(unmatched, 10); }), "ns",
            "heap pop and push", push_pop);
        std::printf("%-46s %12llu %-10s\n", "allocations in these signals",
            static_cast<unsigned long long>(allocations::count - before), "");
    }

    // Decisions of the scalers alone, hot: one state, all in the cache.
    const auto decide = [&](const char* name, const auto& scaler, auto state) {
        scaling_signal sig{.why = cause::stats, .fleet = {.live = 20, .slots = 4, .busy = 40}};
        sig.fleet.service = std::chrono::milliseconds{300};
        sig.fleet.startup = std::chrono::milliseconds{600};
        sig.limits.max = 100;
        sig.stats[1] = queue_stats{.backlog = 50, .add_rate = 30, .dispatch_rate = 30};
        std::int64_t now = 0;
        keep(scaler.decide(state, sig, uptime{++now}));
        const std::uint64_t before = allocations::count;
        const double each = nanoseconds(calls, [&](std::size_t i) {
            sig.why = i % 2 == 0 ? cause::stats : cause::wake;
            keep(scaler.decide(state, sig, uptime{now += 1000}));
        });
        auto copied = std::pair{sig, state};
        const double copy = nanoseconds(calls, [&](std::size_t) {
            copied = {sig, state};
            keep(copied);
        });
        row(name, each, "ns", "copy of the signal and the state", copy);
        std::printf("%-46s %12llu %-10s\n", "allocations in these decisions",
            static_cast<unsigned long long>(allocations::count - before), "");
    };
    decide("decision: fleet, hot", fleet{}, fleet::state{});
    decide("decision: no_sync, hot", no_sync{}, no_sync::state{});

    // The same, cold: each state is far away in memory and was last touched long ago.
    {
        const std::size_t count = quick ? 50'000 : 400'000;
        std::vector<fleet::state> states(count);
        std::vector<std::uint32_t> order(count);
        for (std::size_t i = 0; i < count; ++i)
            order[i] = static_cast<std::uint32_t>(i);
        for (std::size_t i = count - 1; i > 0; --i)
            std::swap(order[i], order[xorshift(random) % (i + 1)]);
        const fleet scaler;
        scaling_signal sig{.why = cause::wake, .fleet = {.live = 20, .slots = 4}};
        std::int64_t now = 0;
        fleet::state sink;
        const double copy = nanoseconds(count, [&](std::size_t i) {
            std::memcpy(static_cast<void*>(&sink), &states[order[i]], sizeof sink);
            keep(sink);
        });
        const double cold =
            nanoseconds(count, [&](std::size_t i) { keep(scaler.decide(states[order[i]], sig, uptime{++now})); });
        row("decision: fleet, cold state", cold, "ns", "memcpy of the state", copy);
    }
}

std::size_t resident()
{
    std::size_t pages = 0;
    std::size_t there = 0;
    std::ifstream{"/proc/self/statm"} >> pages >> there;
    return there * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void many_versions()
{
    const std::uint32_t count = 100'000;
    malloc_trim(0);
    const auto policy = policy_for(100);
    const std::uint64_t used = allocations::bytes;
    const std::size_t rss = resident();
    machine_type machine;
    std::vector<version_handle> handles;
    handles.reserve(count);
    const std::uint64_t own = handles.capacity() * sizeof(version_handle);
    for (std::uint32_t i = 0; i < count; ++i)
        handles.push_back(machine.add(spec_of(i, policy), uptime{i}));
    while (machine.next_action()) {
    }
    const double names = [&] {
        std::size_t n = 0;
        for (const version_handle h : handles) {
            const auto t = machine.target(h);
            n += t->version.deployment.size() + t->version.build_id.size() + t->function.size() + t->group.size();
        }
        return static_cast<double>(n) / count;
    }();
    row("idle version: bytes allocated", static_cast<double>(allocations::bytes - used - own) / count, "bytes",
        "its names, bare", names);
    row("idle version: bytes resident", static_cast<double>(resident() - rss - own) / count, "bytes", "its names, bare",
        names);
    std::printf("%-46s %12zu %-10s\n", "  of these the memory of fleet", sizeof(fleet::state), "bytes");
    std::printf("%-46s %12zu %-10s\n", "  of these an empty ledger", sizeof(ledger), "bytes");

    // A signal for a random one of them: what is not in the cache must come from memory, as in the control.
    std::map<std::uint32_t, std::uint64_t> tree;
    for (std::uint32_t i = 0; i < count; ++i)
        tree[i] = i;
    std::uint64_t random = 88172645463325252U;
    const std::size_t calls = quick ? 50'000 : 500'000;
    const double lookup = nanoseconds(calls,
        [&](std::size_t) { keep(tree.find(static_cast<std::uint32_t>(xorshift(random) % count))->second += 1); });
    std::int64_t now = count;
    const auto tell = [&](add_outcome outcome) {
        machine.added(
            handles[xorshift(random) % count], task_added::one(task_type::activity, outcome), uptime{now += 10});
    };
    row("signal: add, matched, 100 000 versions", nanoseconds(calls, [&](std::size_t) { tell(add_outcome::matched); }),
        "ns", "lookup in a map of as many", lookup);
    // The first missed task of a version starts a worker, which is then on its way.
    row("signal: add, unmatched, 100 000 versions",
        nanoseconds(calls, [&](std::size_t) { tell(add_outcome::not_matched); }), "ns", "lookup in a map of as many",
        lookup);
}

void simulator()
{
    double seconds = 0;
    double simulated = 0;
    std::uint64_t decisions = 0;
    std::uint64_t tasks = 0;
    for (const testing::workload& w : mayfly_test::published()) {
        if (quick && w.id > "W04")
            break;
        std::uint64_t last = 0;
        const auto begin = std::chrono::steady_clock::now();
        const testing::run_metrics m = testing::simulate(w, fleet{}, {}, [&](const controller_event& e) {
            decisions += e.what == controller_event::kind::decided ? 1U : 0U;
            last = static_cast<std::uint64_t>(e.at.count());
        });
        seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        simulated += static_cast<double>(last) * 1e-6;
        tasks += m.tasks;
    }
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> heap;
    std::uint64_t random = 88172645463325252U;
    for (int i = 0; i < 1000; ++i)
        heap.push(xorshift(random) >> 20);
    const double push_pop = nanoseconds(1'000'000, [&](std::size_t) {
        heap.pop();
        heap.push(xorshift(random) >> 20);
    });
    row("simulator: ns per task, all workloads", seconds * 1e9 / static_cast<double>(tasks), "ns", "heap pop and push",
        push_pop);
    row("simulator: ns per decision, all included", seconds * 1e9 / static_cast<double>(decisions), "ns",
        "heap pop and push", push_pop);
    std::printf("%-46s %12.0f %-10s\n", "simulator: tasks and decisions a second",
        static_cast<double>(tasks + decisions) / seconds, "");
    std::printf("%-46s %12.0f %-10s\n", "simulator: simulated seconds a second", simulated / seconds, "");
}

}  // namespace

int main(int argc, char** argv)
{
    if (!bench::read_options(argc, argv))
        return 2;
    bench::heading();
    many_versions();
    signals_and_decisions();
    simulator();
}
