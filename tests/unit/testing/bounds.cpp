// SPDX-License-Identifier: BSL-1.0
#include "../../support/published_workloads.hpp"

#include <mayfly/testing/bounds.hpp>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using mayfly::testing::arrival_spec;
using mayfly::testing::bounds_of;
using mayfly::testing::compute_bounds;
using mayfly::testing::cost_bounds;
using mayfly::testing::distribution;
using mayfly::testing::generate;
using mayfly::testing::generated;
using mayfly::testing::workload;

TEST_CASE("bounds: those of every published workload come out to the last digit")
{
    for (const workload& w : mayfly_test::published()) {
        const cost_bounds b = compute_bounds(w, generate(w));
        CHECK_MESSAGE(
            std::abs(b.zero_wait_cost - *w.bounds.get("zero_wait_cost")) < 6e-4, w.id << ' ' << b.zero_wait_cost);
        CHECK_MESSAGE(std::abs(b.work_cost - *w.bounds.get("work_cost")) < 6e-4, w.id << ' ' << b.work_cost);
        CHECK_MESSAGE(std::abs(b.startup - *w.bounds.get("startup")) < 1e-9, w.id << ' ' << b.startup);
    }
}

namespace {

workload two_tasks(double apart, double service)
{
    workload w;
    w.arrivals.events = {{.t = 0, .n = 1}, {.t = apart, .n = 1}};
    w.service = distribution::constant(service);
    w.worker.slots = 1;
    w.start.init_cold = distribution::constant(0.3);
    w.start.connect = distribution::constant(0.05);  // a warm start costs 0.1 with its fee, a cold one 0.4
    return w;
}

}  // namespace

TEST_CASE("bounds: between two tasks the cheaper of staying and starting again is paid")
{
    struct row {
        const char* why;
        double apart;
        double cost;
    };
    const row rows[] = {
        {"at once: two workers", 0, 2 + 2 * 0.4},
        {"one begins the instant the other ends: two workers", 1, 2 + 2 * 0.4},
        {"a short gap: stay", 1.09, 2 + 0.4 + 0.09},
        {"a longer one: start again, warm", 1.2, 2 + 0.4 + 0.1},
        {"a long one: the environment is cold again", 400, 2 + 0.4 + 0.4},
    };
    for (const row& r : rows) {
        const workload w = two_tasks(r.apart, 1);
        CHECK_MESSAGE(compute_bounds(w, generate(w)).zero_wait_cost == doctest::Approx(r.cost).epsilon(1e-9), r.why);
    }
}

TEST_CASE("bounds: a worker's life is finite, so long work needs more starts")
{
    workload w = two_tasks(0, 530);
    CHECK(compute_bounds(w, generate(w)).zero_wait_cost == doctest::Approx(1060 + 2 * 0.4 + 18 * 0.1));
}

TEST_CASE("bounds: times beyond all measure are still counted")
{
    struct row {
        const char* why;
        arrival_spec arrivals;
        double rate_limit;
    };
    const arrival_spec two{.events = {{.t = 0, .n = 2}}};
    const row rows[] = {
        {"chains that end after the end of time", {.is = arrival_spec::kind::chain, .of = {two}, .steps = 20'000}, 0},
        {"a limiter that lets the last one go after it", {.events = {{.t = 0, .n = 20'000}}}, 1e-9},
    };
    for (const row& r : rows) {
        workload w = two_tasks(0, 0);
        w.arrivals = r.arrivals;
        w.queue.rate_limit = r.rate_limit;
        w.service = {.is = distribution::kind::pareto, .a = 1e9, .b = 0.05};
        const cost_bounds b = compute_bounds(w, generate(w));
        CHECK_MESSAGE(b.work_cost > 1e12, r.why);
        CHECK_MESSAGE(b.zero_wait_cost > 1e12, r.why);
        CHECK_MESSAGE(std::isfinite(b.zero_wait_cost), r.why);
    }
}

TEST_CASE("bounds: what a file states comes before what is computed")
{
    workload w = two_tasks(0, 1);
    const generated g = generate(w);
    CHECK(bounds_of(w, g).work_cost == 2);
    w.bounds.values = {{"zero_wait_cost", 7}, {"work_cost", 6}, {"startup", 5}};
    CHECK(bounds_of(w, g).zero_wait_cost == 7);
    CHECK(bounds_of(w, g).work_cost == 6);
    CHECK(bounds_of(w, g).startup == 5);
}
