// SPDX-License-Identifier: BSL-1.0
#include "../../support/published_workloads.hpp"

#include <mayfly/testing/eager.hpp>
#include <mayfly/testing/model.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using mayfly::add_outcome;
using mayfly::leave_rules;
using mayfly::queue_snapshot;
using mayfly::task_type;
using mayfly::uptime;
using mayfly::worker_seen;
using mayfly::testing::distribution;
using mayfly::testing::floor_p99;
using mayfly::testing::generate;
using mayfly::testing::in_seconds;
using mayfly::testing::model;
using mayfly::testing::ModelDriver;
using mayfly::testing::named_numbers;
using mayfly::testing::run_metrics;
using mayfly::testing::start_failure;
using mayfly::testing::workload;

namespace {

// A world in round numbers: a call takes 100 ms, a cold start 400 ms to billing and 1 s more to the first poll, a warm
// one 100 ms and 500 ms. Workers have one slot and live 60 s, of which they poll 50 s and may drain another 5 s.
workload round_world()
{
    workload w;
    w.id = "round";
    w.duration = 1000s;
    w.service = distribution::constant(2);
    w.worker = {.slots = 1, .lifetime = 60s, .shutdown_buffer = 10s, .stop_timeout = 5s};
    w.start = {.place_cold = distribution::constant(0.4),
        .init_cold = distribution::constant(0.5),
        .place_warm = distribution::constant(0.1),
        .connect = distribution::constant(0.5)};
    w.provider.invoke_latency = 100ms;
    return w;
}

workload one_task()
{
    workload w = round_world();
    w.arrivals.events = {{.t = 10, .n = 1}};
    return w;
}

/// Starts workers at given moments and notes all that it is told.
struct scripted_driver {
    struct step {
        uptime at;
        std::uint32_t starts = 1;
        bool looks = false;
    };
    std::vector<step> steps{};
    leave_rules orders{};
    std::vector<add_outcome> outcomes{};
    std::vector<bool> answers{};
    std::vector<uptime> answered_at{};
    std::vector<std::string> seen{};  // what each look showed, in a line

    void begin(model& m)
    {
        for (std::uint32_t i = 0; i < steps.size(); ++i)
            m.wake_at(steps[i].at, i);
    }
    void added(model&, add_outcome outcome, std::uint32_t) { outcomes.push_back(outcome); }
    void invoked(model& m, std::uint64_t, bool accepted)
    {
        answers.push_back(accepted);
        answered_at.push_back(m.now());
    }
    void timer(model& m, std::uint32_t i)
    {
        if (steps[i].looks) {
            const queue_snapshot& s = m.describe();
            std::string line = "backlog " + std::to_string(s.of(task_type::activity)->backlog) + ", busy " +
                               std::to_string(*s.busy_slots) + ", workers";
            for (const worker_seen& w : s.workers)
                line += " " + std::to_string(model::ticket_of(w.identity)) + (w.present ? "" : " gone");
            seen.push_back(line);
            return;
        }
        for (std::uint32_t n = 0; n < steps[i].starts; ++n)
            m.invoke(orders);
    }
};

static_assert(ModelDriver<scripted_driver>);

run_metrics run(const workload& w, scripted_driver& d)
{
    return model(w).run(d);
}

}  // namespace

TEST_CASE("model: one task, one cold worker, to the microsecond")
{
    scripted_driver d{.steps = {{.at = 10s}}};
    const run_metrics m = run(one_task(), d);
    CHECK(m.p50 == 0.1 + 0.4 + 0.5 + 0.5);
    CHECK(m.billed == doctest::Approx(0.5 + 50).epsilon(1e-12));  // init, and then until it stops polling
    CHECK(m.cost == doctest::Approx(50.5 + 0.05).epsilon(1e-12));
    CHECK(m.makespan == 3.5);
    CHECK(m.invocations == 1);
    CHECK(d.outcomes == std::vector{add_outcome::not_matched});
    CHECK(d.answers == std::vector{true});
    CHECK(d.answered_at == std::vector<uptime>{10100ms});
}

TEST_CASE("model: a worker that waits takes a task at once")
{
    scripted_driver d{.steps = {{.at = 1s}}};
    const run_metrics m = run(one_task(), d);
    CHECK(m.max == 0);
    CHECK(d.outcomes == std::vector{add_outcome::matched});
}

TEST_CASE("model: an environment that ended normally is warm for a while, the most recent first")
{
    struct row {
        const char* why;
        uptime second;
        double billed;  // of the second worker
    };
    const row rows[] = {
        {"the first one still runs: cold", 20s, 50.5},
        {"the first one has ended: warm, nothing to initialise", 80s, 50},
        {"too late: cold again", 400s, 50.5},
    };
    for (const row& r : rows) {
        workload w = one_task();
        w.arrivals.events.push_back({.t = in_seconds(r.second), .n = 1});
        scripted_driver d{.steps = {{.at = 1s}, {.at = r.second}}};
        CHECK_MESSAGE(run(w, d).billed == doctest::Approx(50.5 + r.billed).epsilon(1e-9), r.why);
    }
}

TEST_CASE("model: tasks that a drained worker cannot finish are lost, come back, and start over")
{
    workload w = one_task();
    w.service = distribution::constant(40);
    w.arrivals.events.push_back({.t = 52, .n = 1});
    // The first worker polls from 11.5 to 61 and is killed at 66. Its first task ends at 51.5; that of 52 cannot end.
    scripted_driver two{.steps = {{.at = 10s}, {.at = 40s}}};
    CHECK(run(w, two).lost == 0);  // a second worker has waited for longer, so it takes the task
    scripted_driver one{.steps = {{.at = 10s}, {.at = 100s}}};
    const run_metrics n = run(w, one);
    CHECK(n.lost == 1);
    CHECK(n.invocations == 2);
    // Back at 76; the second worker, warm, polls from 100.7.
    CHECK(n.max == doctest::Approx(100.7 - 52).epsilon(1e-9));
    CHECK(one.outcomes.size() == 3);
}

TEST_CASE("model: a failed call is the only thing the caller hears of a provider's troubles")
{
    workload w = one_task();
    w.provider.api_fail = {{.from = 0s, .to = 20s, .p = 1}};
    scripted_driver d{.steps = {{.at = 10s}, {.at = 20s}}};
    const run_metrics m = run(w, d);
    CHECK(d.answers == std::vector{false, true});
    CHECK(m.refused == 1);
    CHECK(m.invocations == 1);
}

TEST_CASE("model: the provider keeps what it cannot run, tries again later and later, and gives up what is too old")
{
    workload w = one_task();
    w.provider.max_concurrent = 1;
    // The second start is accepted at 10.1 and looked at 1, 3, 7, 15, 31, 63 s later; the first ends at 61.
    scripted_driver d{.steps = {{.at = 10s, .starts = 2}}};
    run_metrics m = run(w, d);
    CHECK(d.answers == std::vector{true, true});
    CHECK(m.invocations == 2);
    CHECK(m.dropped == 0);
    w.provider.event_age = 60s;
    scripted_driver e{.steps = {{.at = 10s, .starts = 2}}};
    m = run(w, e);
    CHECK(m.invocations == 1);
    CHECK(m.dropped == 1);
}

TEST_CASE("model: failed starts are billed and repeated after one and two minutes")
{
    struct row {
        const char* why;
        start_failure::mode how;
        std::uint32_t repeats;
        double billed;
        std::uint64_t invocations;
    };
    const row rows[] = {
        {"a crash costs what it ran", start_failure::mode::crash, 2, 3 * 3.0, 3},
        {"a hang costs its whole life", start_failure::mode::hang, 2, 3 * 60.5, 3},
        {"without repetitions", start_failure::mode::crash, 0, 3.0, 1},
    };
    for (const row& r : rows) {
        workload w = one_task();
        w.grace = 0s;
        w.provider.async_retries = r.repeats;
        w.provider.start_fail = {{.from = 0s, .to = 1000s, .p = 1, .how = r.how, .after = 3s}};
        scripted_driver d{.steps = {{.at = 10s}}};
        const run_metrics m = run(w, d);
        CHECK_MESSAGE(m.billed == doctest::Approx(r.billed), r.why);
        CHECK_MESSAGE(m.invocations == r.invocations, r.why);
        CHECK_MESSAGE(m.unserved == 1, r.why);
        CHECK_MESSAGE(m.max == 990, r.why);  // its age at the cut
    }
}

TEST_CASE("model: a worker leaves by its own rules, and snapshots show it")
{
    workload w = one_task();
    scripted_driver d{
        .steps = {{.at = 1s}, {.at = 2s, .looks = true}, {.at = 5s, .looks = true}, {.at = 11s, .looks = true},
            {.at = 11100ms, .looks = true}, {.at = 16s, .looks = true}, {.at = 17s, .looks = true}, {.at = 18s}}};
    d.orders.idle_exit = 4s;
    w.arrivals.events = {{.t = 4, .n = 1}, {.t = 100, .n = 1}};
    w.grace = 0s;
    const run_metrics m = run(w, d);
    const std::vector<std::string> expected = {"backlog 0, busy 0, workers", "backlog 0, busy 1, workers 1",
        "backlog 0, busy 0, workers 1 gone", "backlog 0, busy 0, workers 1 gone", "backlog 0, busy 0, workers",
        "backlog 0, busy 0, workers"};
    // Polls from 2.5, serves from 4 to 6, leaves at 10. The look at 11.1 comes too soon and shows the last one again.
    CHECK(d.seen == expected);
    CHECK(m.describes == 5);
    CHECK(m.billed ==
          doctest::Approx(10 - 1.5 + 4.5).epsilon(1e-9));  // the second one is warm: polls 4 s, connects 0.5 s
    CHECK(m.unserved == 1);
}

TEST_CASE("model: the limiter spaces dispatches, and tells what it holds back")
{
    workload w = one_task();
    w.worker.slots = 10;
    w.worker.pollers = 10;
    w.queue.rate_limit = 1;
    w.queue.rate_burst = 2;
    w.arrivals.events = {{.t = 10, .n = 4}};
    scripted_driver d{.steps = {{.at = 1s}}};
    const run_metrics m = run(w, d);
    using enum add_outcome;
    CHECK(d.outcomes == std::vector{matched, matched, rate_limited, rate_limited});
    CHECK(m.max == 2);
    CHECK(m.mean == doctest::Approx(0.75));
}

TEST_CASE("model: a poll needs a free slot, and a poller is away while it hands over a task")
{
    workload w = one_task();
    w.service = distribution::constant(0);
    w.worker.slots = 5;
    w.worker.poll_rtt = 100ms;
    w.arrivals.events = {{.t = 10, .n = 3}};
    scripted_driver one_poller{.steps = {{.at = 1s}}};
    CHECK(run(w, one_poller).max == doctest::Approx(0.2));
    w.worker.pollers = 5;
    scripted_driver five{.steps = {{.at = 1s}}};
    CHECK(run(w, five).max == 0);
    w.service = distribution::constant(1);
    w.worker.slots = 1;
    scripted_driver one_slot{.steps = {{.at = 1s}}};
    CHECK(run(w, one_slot).max == 2);
}

TEST_CASE("model: a worker set is kept at its size, and made smaller by its newest")
{
    struct set_driver {
        void begin(model& m)
        {
            m.resize(3);
            m.wake_at(30s, 1);
            m.wake_at(31s, 2);
            m.wake_at(200s, 3);
        }
        void added(model&, add_outcome, std::uint32_t) {}
        void invoked(model&, std::uint64_t, bool) {}
        void timer(model& m, std::uint32_t token)
        {
            if (token == 1)
                m.resize(1);
            else if (token == 2)
                at_31 = m.polling();
            else
                at_200 = m.polling();
        }
        std::size_t at_31 = 0;
        std::size_t at_200 = 0;
    };
    workload w = one_task();
    w.duration = 250s;
    w.grace = 0s;
    set_driver d;
    const run_metrics m = model(w).run(d);
    CHECK(d.at_31 == 1);
    CHECK(d.at_200 == 1);
    CHECK(m.invocations >= 3 + 3);  // workers of 50 s, for 250 s
}

TEST_CASE("model: the same run twice is the same run")
{
    for (const char* id : {"W11", "W15", "W16", "W19"}) {
        const workload& w = mayfly_test::published(id);
        mayfly::testing::eager a;
        mayfly::testing::eager b;
        const run_metrics x = model(w).run(a);
        const run_metrics y = model(w).run(b);
        CHECK_MESSAGE(x.wait_sum == y.wait_sum, id);
        CHECK_MESSAGE(x.billed == y.billed, id);
        CHECK_MESSAGE(x.series.size() <= 1024, id);
        CHECK_MESSAGE(!x.series.empty(), id);
    }
}

TEST_CASE("model: the eager floor is the published one")
{
    for (const workload& w : mayfly_test::published()) {
        mayfly::testing::eager policy;
        const run_metrics m = model(w).run(policy);
        for (const named_numbers& published : w.measured) {
            if (published.name != "eager-floor")
                continue;
            const double p99 = *published.get("p99");
            CHECK_MESSAGE(std::abs(m.p99 - p99) <= std::max(0.02, 0.02 * p99), w.id << ' ' << m.p99);
            CHECK_MESSAGE(m.lost == *published.get("lost"), w.id);
            // A limiter, a ceiling and a build that never comes up: what it pays there is not looked at.
            if (w.id.substr(0, 3) < "W13" || w.id.substr(0, 3) > "W16")
                CHECK_MESSAGE(m.cost == doctest::Approx(*published.get("cost")).epsilon(1e-6), w.id);
        }
    }
}

TEST_CASE("model: a file that states no floor gets a computed one")
{
    workload w = mayfly_test::published("W19");
    const double stated = floor_p99(w, generate(w));
    w.measured.clear();
    CHECK(floor_p99(w, generate(w)) == doctest::Approx(stated).epsilon(1e-3));
}
