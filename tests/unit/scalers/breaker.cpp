// SPDX-License-Identifier: BSL-1.0
#include "../../support/scripted_scaler.hpp"

#include <mayfly/scalers/breaker.hpp>
#include <mayfly/scalers/clamped.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/no_sync.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;
using mayfly::breaker;
using mayfly::cause;
using mayfly::decision;
using mayfly::fleet_view;
using mayfly::reason;
using mayfly::scaling_signal;
using mayfly::uptime;
using mayfly_test::scripted_starts;

static_assert(mayfly::Scaler<breaker<mayfly::no_sync>, scaling_signal>);
static_assert(mayfly::keeps_minimum_of<breaker<mayfly::clamped<mayfly::no_sync>>>());
static_assert(!mayfly::keeps_minimum_of<breaker<mayfly::no_sync>>());

TEST_CASE("breaker: opens after dead starts in a row, with nobody alive")
{
    struct row {
        const char* why;
        fleet_view fleet;
        std::uint32_t launch;
        mayfly::reason reason;
    };
    const auto wish = reason::backlog;
    const row rows[] = {
        {"nothing is known", {}, 4, wish},
        {"a few die", {.given_up = 5}, 4, wish},
        {"too many, of a version that was never seen", {.given_up = 6}, 0, reason::breaker_open},
        {"one that was seen gets more chances", {.given_up = 9, .ever_seen = true}, 4, wish},
        {"but not for ever", {.given_up = 10, .ever_seen = true}, 0, reason::breaker_open},
        {"somebody lives", {.live = 1, .given_up = 50, .ever_seen = true}, 4, wish},
    };
    for (const row& r : rows) {
        const breaker<scripted_starts> s{.inner = {{.launch = 4, .stay = 3, .reason = wish}}};
        breaker<scripted_starts>::state st;
        const decision d = s.decide(st, {.fleet = r.fleet}, 1s);
        CHECK_MESSAGE(d.launch == r.launch, r.why);
        CHECK_MESSAGE(d.reason == r.reason, r.why);
        CHECK_MESSAGE(d.held_back == 4 - r.launch, r.why);
        CHECK_MESSAGE(d.stay == (r.launch > 0 ? 3 : 0), r.why);
        CHECK_MESSAGE((d.revisit == 5s) == (r.launch == 0), r.why);
    }
}

TEST_CASE("breaker: probes ever more rarely, and closes when a worker is seen")
{
    const breaker<scripted_starts> s{.inner = {{.launch = 4}}};
    breaker<scripted_starts>::state st;
    fleet_view dead{.given_up = 6};
    uptime now = 1s;
    REQUIRE(s.decide(st, {.fleet = dead}, now).launch == 0);
    for (const uptime wait : {5s, 10s, 20s, 40s, 80s, 80s}) {
        CHECK(s.decide(st, {.fleet = dead}, now + wait - 1us).launch == 0);
        now += wait;
        const decision d = s.decide(st, {.fleet = dead}, now);
        CHECK(d.launch == 1);
        CHECK(d.held_back == 3);
        CHECK(d.reason == reason::probe);
        dead.given_up += 1;
    }
    CHECK_MESSAGE(s.decide(st, {.fleet = {.starting = 1, .given_up = 12}}, now + 10min).launch == 0,
        "the probe before is still on its way");
    CHECK(s.decide(st, {.fleet = {.live = 1}}, now + 11min).launch == 4);
    CHECK(st == breaker<scripted_starts>::state{.inner = st.inner});
}

TEST_CASE("breaker: a wish that is not repeated gets one probe")
{
    const breaker<scripted_starts> wishes{.inner = {{.launch = 4}}};
    const breaker<scripted_starts> silent{.inner = {{.reason = reason::steady}}};
    breaker<scripted_starts>::state st;
    const scaling_signal dead{.fleet = {.given_up = 6}};
    CHECK_MESSAGE(silent.decide(st, dead, 1s) == decision{}, "nothing was wished for");
    CHECK(wishes.decide(st, dead, 2s).launch == 0);
    const decision still = silent.decide(st, dead, 4s);
    CHECK(still.reason == reason::breaker_open);
    CHECK(still.held_back == 0);
    CHECK(still.revisit == 2s);
    const decision probe = silent.decide(st, dead, 6s);
    CHECK(probe.launch == 1);
    CHECK(probe.held_back == 0);
    CHECK(probe.reason == reason::probe);
    CHECK(silent.decide(st, dead, 10min) == decision{});
}

TEST_CASE("breaker: tasks that ask for no worker release no probe")
{
    const breaker<scripted_starts> wishes{.inner = {{.launch = 4}}};
    const breaker<scripted_starts> silent{};
    const fleet_view dead{.given_up = 6};
    struct row {
        const char* why;
        mayfly::add_counts added;
        uptime now;
        std::uint32_t launch;
        uptime revisit;
    };
    const row rows[] = {
        {"a limiter holds them, the probe is due", {.rate_limited = 3}, 7s, 0, 1us},
        {"a worker took them", {.matched = 1}, 7s, 0, 1us},
        {"before the probe is due it stays due then", {.rate_limited = 3}, 3s, 0, 3s},
        {"one found nobody", {.not_matched = 1, .rate_limited = 3}, 7s, 1, mayfly::never},
    };
    for (const row& r : rows) {
        INFO(r.why);
        breaker<scripted_starts>::state st;
        REQUIRE(wishes.decide(st, {.fleet = dead}, 1s).launch == 0);
        const decision d = silent.decide(st, {.why = cause::added, .added = r.added, .fleet = dead}, r.now);
        CHECK(d.launch == r.launch);
        CHECK(d.revisit == r.revisit);
        CHECK(st.owed == (r.launch == 0));
        if (r.launch == 0)
            CHECK(silent.decide(st, {.why = cause::wake, .fleet = dead}, r.now + d.revisit).launch == 1);
    }
}

TEST_CASE("breaker: what was held back is nobody's once a worker is there")
{
    const breaker<scripted_starts> wishes{.inner = {{.launch = 4}}};
    const breaker<scripted_starts> silent{};
    breaker<scripted_starts>::state st;
    CHECK(wishes.decide(st, {.fleet = {.given_up = 6}}, 1s).launch == 0);
    CHECK(silent.decide(st, {.fleet = {.live = 1}}, 2s) == decision{});
    CHECK(silent.decide(st, {.fleet = {.given_up = 6}}, 1min) == decision{});
}
