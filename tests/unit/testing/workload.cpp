// SPDX-License-Identifier: BSL-1.0
#include "../../support/published_workloads.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using mayfly::never;
using mayfly::uptime;
using mayfly::testing::generate;
using mayfly::testing::generated;
using mayfly::testing::no_task;
using mayfly::testing::read_workloads;
using mayfly::testing::workload;

TEST_CASE("workload: every published workload is generated to the microsecond")
{
    REQUIRE(mayfly_test::published().size() == 22);
    for (const workload& w : mayfly_test::published()) {
        const generated g = generate(w);
        double arrival_sum = 0;
        double last = 0;
        double service_sum = 0;
        for (const mayfly::testing::task& t : g.tasks) {
            if (t.arrives != never) {
                arrival_sum += static_cast<double>(t.arrives.count());
                last = std::max(last, static_cast<double>(t.arrives.count()));
            }
            service_sum += static_cast<double>(t.service.count());
        }
        CHECK_MESSAGE(g.arrivals == w.check.get("arrivals"), w.id);
        CHECK_MESSAGE(arrival_sum == w.check.get("arrival_sum_us"), w.id);
        CHECK_MESSAGE(last == w.check.get("last_arrival_us"), w.id);
        CHECK_MESSAGE(static_cast<double>(g.tasks.size()) == w.check.get("tasks"), w.id);
        CHECK_MESSAGE(service_sum == w.check.get("service_sum_us"), w.id);
    }
}

namespace {

std::string file_of(const std::string& workload, const std::string& defaults = "{}")
{
    return R"({"schema": "scaling-workloads/1", "defaults": )" + defaults + R"(, "workloads": [)" + workload + "]}";
}

std::string with(const std::string& more)
{
    return file_of(R"({"id": "W", "seed": 1, "duration": 10, "arrivals": {"kind": "at", "events": []},
        "service": {"kind": "const", "v": 1})" +
                   more + "}");
}

std::string arriving(const std::string& arrivals)
{
    return file_of(R"({"id": "W", "seed": 1, "duration": 10, "service": {"kind": "const", "v": 1}, "arrivals": )" +
                   arrivals + "}");
}

}  // namespace

TEST_CASE("workload: a workload overrides the defaults key by key")
{
    const auto file =
        read_workloads(file_of(R"({"id": "W", "seed": 18446744073709551615, "duration": 10, "activity_timeout": 2.5,
        "arrivals": {"kind": "at", "events": []}, "service": {"kind": "exp", "mean": 1}, "worker": {"slots": 7}})",
            R"({"worker": {"slots": 3, "lifetime": 9}, "queue": {"rate_limit": 4}})"));
    REQUIRE_MESSAGE(file, file.problems[0].what());
    const workload& w = file.workloads[0];
    CHECK(w.seed == UINT64_MAX);
    CHECK(w.worker.slots == 7);
    CHECK(w.worker.lifetime == uptime(9'000'000));
    CHECK(w.worker.pollers == 1);
    CHECK(w.queue.rate_limit == 4);
    CHECK(w.activity_timeout == uptime(2'500'000));
    CHECK(w.grace == uptime(1'800'000'000));
    CHECK(w.max_workers == 1000);
}

TEST_CASE("workload: a sum may hold chains; each root has a stream of its own")
{
    const auto file = read_workloads(arriving(R"({"kind": "sum", "of": [{"kind": "at", "events": [{"t": 1}]},
        {"kind": "chain", "roots": {"kind": "at", "events": [{"t": 0, "n": 2}]}, "steps": 3, "gap": 0.5}]})"));
    REQUIRE(file);
    const generated g = generate(file.workloads[0]);
    CHECK(g.arrivals == 3);
    REQUIRE(g.tasks.size() == 7);
    CHECK(g.tasks[0].next == 3);
    CHECK(g.tasks[3].next == 4);
    CHECK(g.tasks[4].next == no_task);
    CHECK(g.tasks[3].gap == uptime(500'000));
    CHECK(g.tasks[2].next == no_task);
    CHECK(g.tasks[2].arrives == uptime(1'000'000));
}

TEST_CASE("workload: what is wrong is named with its place, its value and a remedy")
{
    struct row {
        const char* why;
        std::string text;
        const char* problem;
    };
    const row rows[] = {
        {"not JSON", "{", "the file: not a JSON text: line 1, column 2: a name in quotes was expected"},
        {"another schema", R"({"schema": "x/2"})", "the file: schema is \"x/2\": \"scaling-workloads/1\" is expected"},
        {"no list", R"({"schema": "scaling-workloads/1"})", "the file: workloads is missing: a list is expected"},
        {"a wrong key", with(R"(, "worker": {"slot": 1})"),
            "W: worker.slot: no such key; known here are slots, pollers, poll_rtt, lifetime, shutdown_buffer, "
            "stop_timeout"},
        {"negative", with(R"(, "worker": {"lifetime": -1})"),
            "W: worker.lifetime is -1: a number from 0.001 to 1000000000 is expected"},
        {"no slots", with(R"(, "worker": {"slots": 0})"),
            "W: worker.slots is 0: a whole number from 1 to 10000 is expected"},
        {"half a slot", with(R"(, "worker": {"slots": 1.5})"),
            "W: worker.slots is 1.5: a whole number from 1 to 10000 is expected"},
        {"a string for a number", with(R"(, "grace": "1")"),
            "W: grace is \"1\": a number from 0 to 1000000000 is expected"},
        {"an unknown distribution", with(R"(, "start": {"connect": {"kind": "weibull"}})"),
            "W: start.connect.kind is \"weibull\": one of const, exp, lognormal, uniform, pareto, mix is expected"},
        {"half a distribution", with(R"(, "start": {"connect": {"kind": "lognormal", "median": 1}})"),
            "W: start.connect.sigma: is missing"},
        {"a field of another kind", with(R"(, "start": {"connect": {"kind": "exp", "mean": 1, "cap": 2}})"),
            "W: start.connect.cap: this kind has no such key"},
        {"a mix without branches", with(R"(, "start": {"connect": {"kind": "mix", "p": [1], "of": []}})"),
            "W: start.connect.p: one chance for each distribution in \"of\" is needed, and at least one"},
        {"chances that are not whole",
            with(R"(, "start": {"connect": {"kind": "mix", "p": [0.5], "of": [{"kind": "const", "v": 1}]}})"),
            "W: start.connect.p: the chances must sum to 1"},
        {"a wrong mode", with(R"(, "provider": {"start_fail": [{"from": 0, "to": 1, "p": 1, "mode": "explode"}]})"),
            "W: provider.start_fail[0].mode is \"explode\": one of crash, hang is expected"},
        {"a chance above one", with(R"(, "provider": {"api_fail": [{"from": 0, "to": 1, "p": 2}]})"),
            "W: provider.api_fail[0].p is 2: a number from 0 to 1 is expected"},
        {"an unknown process", arriving(R"({"kind": "weekly"})"),
            "W: arrivals.kind is \"weekly\": one of at, poisson, sine, mmpp, minutes, sum, chain is expected"},
        {"more tasks than memory", arriving(R"({"kind": "at", "events": [{"t": 0, "n": 1000000000}]})"),
            "W: arrivals: about 1000000000.000000 tasks; at most 5000000 can be run"},
        {"a dwell that never ends", arriving(R"({"kind": "mmpp", "rates": [1], "dwell": [0], "until": 1})"),
            "W: arrivals.dwell[0] is 0: a number from 0.000001 to 1000000000 is expected"},
        {"a state without dwell", arriving(R"({"kind": "mmpp", "rates": [1, 2], "dwell": [1], "until": 1})"),
            "W: arrivals.dwell: one for each rate is needed, and at least one"},
        {"an endless rate", arriving(R"({"kind": "poisson", "segments": [{"until": 10, "rate": 1e8}]})"),
            "W: arrivals: about 1000000000.000000 tasks; at most 5000000 can be run"},
        {"a chain of chains",
            arriving(
                R"({"kind": "chain", "steps": 2, "roots": {"kind": "chain", "steps": 2, "roots": {"kind": "at", "events": []}}})"),
            "W: arrivals.roots.kind is \"chain\": a chain cannot start chains"},
        {"no seed",
            file_of(
                R"({"id": "W", "duration": 1, "arrivals": {"kind": "at", "events": []}, "service": {"kind": "const", "v": 1}})"),
            "W: seed: give a whole number from 0 to 2^64 - 1"},
        {"no name",
            file_of(
                R"({"seed": 1, "duration": 1, "arrivals": {"kind": "at", "events": []}, "service": {"kind": "const", "v": 1}})"),
            "workload 0: id: give every workload a name"},
    };
    for (const row& r : rows) {
        const auto file = read_workloads(r.text);
        REQUIRE_MESSAGE(!file, r.why);
        CHECK_MESSAGE(file.problems[0].what() == r.problem, r.why << ": " << file.problems[0].what());
    }
}
