// SPDX-License-Identifier: BSL-1.0
#include "../../support/scaling_signals.hpp"

#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/fleet_settings.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <type_traits>

using namespace std::chrono_literals;
using mayfly::cause;
using mayfly::condition;
using mayfly::decision;
using mayfly::fleet;
using mayfly::fleet_view;
using mayfly::never;
using mayfly::queue_stats;
using mayfly::reason;
using mayfly::scaling_limits;
using mayfly::scaling_signal;
using mayfly::uptime;
using mayfly_test::added;
using mayfly_test::missed;

// Nothing in it can allocate.
static_assert(std::is_trivially_copyable_v<fleet::state>);
static_assert(mayfly::FromSettings<fleet>);

namespace {

constexpr scaling_limits unbounded{};

scaling_signal stats(std::uint64_t backlog, const fleet_view& f = {}, scaling_limits limits = unbounded)
{
    scaling_signal s{.why = cause::stats, .fleet = f, .limits = limits};
    s.stats[1] = queue_stats{.backlog = backlog};
    return s;
}

scaling_signal answer(condition outcome, const fleet_view& f = {})
{
    return {.why = cause::launched, .fleet = f, .outcome = outcome};
}

scaling_signal wake(const fleet_view& f = {}, scaling_limits limits = unbounded, bool wanted = true)
{
    return {.why = cause::wake, .fleet = f, .limits = limits, .wanted = wanted};
}

constexpr fleet_view warm_fleet{.slots = 2, .startup = 200ms};

fleet_view live(std::uint32_t n, std::uint32_t busy, uptime service = 1s)
{
    fleet_view f = warm_fleet;
    f.live = n;
    f.busy = busy;
    f.service = service;
    f.ever_seen = true;
    return f;
}

fleet_view starting(std::uint32_t n)
{
    fleet_view f = warm_fleet;
    f.starting = n;
    return f;
}

constexpr fleet exact{.hedge = 0};

}  // namespace

TEST_CASE("fleet: starts what still waits once a worker is up")
{
    struct row {
        const char* why;
        scaling_signal seen;
        std::uint32_t launch;
        reason because;
    };
    const row rows[] = {
        {"nothing waits", stats(0), 0, reason::steady},
        {"the first task starts the first worker", missed(1, warm_fleet), 1, reason::missed_match},
        {"two slots take two tasks", stats(10, warm_fleet), 5, reason::missed_match},
        {"an odd one needs a worker too", stats(11, warm_fleet), 6, reason::missed_match},
        {"what is starting counts", stats(10, starting(3)), 2, reason::backlog},
        {"enough is starting", stats(10, starting(5)), 0, reason::covered},
        {"a start that may fail counts less",
            stats(10,
                [] {
                    auto f = starting(4);
                    f.failure_rate = 0.5;
                    return f;
                }()),
            6, reason::backlog},
        {"short tasks share a slot: eight in the drain time",
            stats(80,
                [] {
                    auto f = warm_fleet;
                    f.service = 62'500us;
                    return f;
                }()),
            5, reason::missed_match},
        {"never past the maximum", stats(1000, live(3, 6, 100s), {.max = 10}), 7, reason::backlog},
        {"at the maximum", stats(1000, live(10, 20, 100s), {.max = 10}), 0, reason::at_maximum},
        {"a backlog without end is no overflow",
            stats(std::numeric_limits<std::uint64_t>::max(), warm_fleet, {.max = 1000}), 1000, reason::missed_match},
    };
    for (const row& r : rows) {
        fleet::state cold;
        const decision d = exact.decide(cold, r.seen, 1s);
        CHECK_MESSAGE(d.launch == r.launch, r.why);
        CHECK_MESSAGE(d.reason == r.because, r.why);
    }
}

TEST_CASE("fleet: live workers that free up soon need no help")
{
    fleet::state st;
    // Adds of late, so that the live workers are believed to be there.
    (void)exact.decide(st, added({.matched = 100}, live(20, 40)), 1s);
    // 40 slots at one task a second take off 8 in a start-up of 200 ms, less what arrives meanwhile.
    CHECK(exact.decide(st, stats(3, live(20, 40, 100ms)), 1s).reason == reason::covered);
    CHECK(exact.decide(st, stats(300, live(20, 40, 1s)), 2s).launch > 100);
}

TEST_CASE("fleet: of many starts a share is spare, of few none")
{
    fleet::state few;
    fleet::state many;
    CHECK(fleet{.hedge = 0.2}.decide(few, stats(8, warm_fleet), 1s).launch == 4);
    CHECK(fleet{.hedge = 0.2}.decide(many, stats(1000, warm_fleet), 1s).launch == 600);
}

TEST_CASE("fleet: a burst is gathered, a little longer each time")
{
    fleet::state st;
    CHECK(exact.decide(st, missed(1, warm_fleet), 0ms).launch == 1);
    const decision second = exact.decide(st, missed(99, starting(1)), 1ms);
    CHECK(second.launch == 0);
    CHECK(second.reason == reason::gathering);
    CHECK(second.revisit == 4ms);
    CHECK(exact.decide(st, wake(starting(1)), 5ms).launch == 49);
    CHECK(exact.decide(st, missed(10, starting(50)), 6ms).revisit == 9ms);
    // After a pause it begins anew.
    CHECK(exact.decide(st, missed(10, starting(50)), 200ms).launch == 10);
    CHECK(exact.decide(st, missed(1, starting(60)), 201ms).revisit == 4ms);
}

TEST_CASE("fleet: a task that finds nobody gets the live workers looked at first, but not for long")
{
    fleet::state st;
    (void)exact.decide(st, stats(0, live(2, 0)), 0s);
    const decision look = exact.decide(st, missed(1, live(2, 0)), 1s);
    CHECK(look.launch == 0);
    CHECK(look.read == 0s);
    CHECK(look.revisit == 50ms);
    SUBCASE("the snapshot shows that they have left")
    {
        CHECK(exact.decide(st, stats(1, warm_fleet), 1s + 5ms).launch == 1);
    }
    SUBCASE("no snapshot comes, and a stream of adds does not put the decision off")
    {
        CHECK(exact.decide(st, missed(1, live(2, 0)), 1s + 20ms).revisit == 30ms);
        CHECK(exact.decide(st, missed(40, live(2, 0)), 1s + 50ms).launch > 0);
    }
    SUBCASE("a look of a moment ago is good enough")
    {
        fleet::state fresh;
        (void)exact.decide(fresh, stats(0, live(1, 2)), 0s);
        CHECK(exact.decide(fresh, missed(50, live(1, 2)), 100ms).launch == 25);
    }
}

TEST_CASE("fleet: a limiter is no lack of workers")
{
    fleet::state st;
    SUBCASE("a limited add alone starts nothing")
    {
        const decision d = exact.decide(st, added({.rate_limited = 5}, warm_fleet), 1s);
        CHECK(d.launch == 0);
        CHECK(d.reason == reason::rate_limited);
    }
    SUBCASE("nor does the backlog behind it, while slots are idle")
    {
        (void)exact.decide(st, added({.rate_limited = 1}, live(4, 2)), 1s);
        const decision d = exact.decide(st, stats(500, live(4, 2)), 2s);
        CHECK(d.launch == 0);
        CHECK(d.held_back > 0);
        CHECK(d.reason == reason::rate_limited);
        CHECK(exact.decide(st, stats(500, live(4, 2)), 20s).launch == 0);
        // Seen again at 20 s, it is believed for 20 s more.
        CHECK(exact.decide(st, stats(500, live(4, 2)), 39s).launch == 0);
    }
    SUBCASE("a busy fleet behind a limiter grows by a quarter a second")
    {
        (void)exact.decide(st, added({.rate_limited = 1}, live(8, 16)), 1s);
        CHECK(exact.decide(st, stats(5000, live(8, 16)), 2s).launch == 2);
        CHECK(exact.decide(st, stats(5000, live(8, 16)), 2500ms).launch == 0);
        CHECK(exact.decide(st, stats(5000, live(10, 20)), 3s).launch == 2);
    }
    SUBCASE("a limiter that the statistics show counts at once")
    {
        scaling_signal s = stats(500, live(4, 2));
        s.stats[1]->limiter_active = true;
        CHECK(exact.decide(st, s, 1s).launch == 0);
    }
    SUBCASE("where no adds are reported: two snapshots with idle slots beside a backlog")
    {
        const fleet polled{.read_idle = 1s};
        const auto shown = [](std::uint64_t backlog, std::uint64_t dispatched, std::uint32_t busy) {
            scaling_signal s = stats(backlog, live(10, busy, 100ms));
            s.stats[1]->added = dispatched + backlog;
            s.stats[1]->dispatched = dispatched;
            return s;
        };
        (void)polled.decide(st, shown(0, 0, 20), 0s);
        (void)polled.decide(st, shown(0, 1000, 20), 1s);
        (void)polled.decide(st, shown(300, 1010, 2), 2s);
        const decision d = polled.decide(st, shown(500, 1020, 2), 3s);
        CHECK(d.launch == 0);
        CHECK(d.reason == reason::rate_limited);
    }
}

TEST_CASE("fleet: the minimum is kept, by workers that stay")
{
    struct row {
        const char* why;
        fleet_view seen;
        scaling_limits limits;
        bool wanted;
        std::uint32_t launch;
    };
    const auto leaving = [] {
        fleet_view f = live(2, 0);
        f.leaving = 1;
        return f;
    };
    const row rows[] = {
        {"from nothing", warm_fleet, {.min = 2, .max = 5}, true, 2},
        {"what is starting counts", starting(1), {.min = 2, .max = 5}, true, 1},
        {"enough live", live(2, 0), {.min = 2, .max = 5}, true, 0},
        {"one is about to end: its successor comes before", leaving(), {.min = 2, .max = 5}, true, 1},
        {"not above the maximum, even so", leaving(), {.min = 2, .max = 2}, true, 0},
        {"no work can reach it", warm_fleet, {.min = 2, .max = 5}, false, 0},
    };
    for (const row& r : rows) {
        fleet::state st;
        const decision d = exact.decide(st, wake(r.seen, r.limits, r.wanted), 1s);
        CHECK_MESSAGE(d.launch == r.launch, r.why);
        CHECK_MESSAGE(d.stay == r.launch, r.why);
    }
}

TEST_CASE("fleet: a moment that was waited for survives adds that decide nothing")
{
    fleet::state st;
    (void)exact.decide(st, answer(condition::permanent), 1s);
    const decision held = exact.decide(st, wake(warm_fleet, {.min = 1}), 1s);
    CHECK(held.reason == reason::provider_backoff);
    const decision quick = exact.decide(st, added({.matched = 1}, warm_fleet, {.min = 1}), 1s + 10ms);
    CHECK(quick.launch == 0);
    CHECK(quick.revisit == held.revisit - 10ms);
}

TEST_CASE("fleet: a worker near its end is replaced if it would be missed")
{
    fleet::state st;
    fleet_view f = live(4, 8);
    // Busy for long enough to know the load: eight slots.
    for (int i = 0; i < 60; ++i)
        (void)exact.decide(st, stats(0, f), i * 1s);
    CHECK(exact.decide(st, wake(f), 60s).launch == 0);
    f.leaving = 2;
    const decision d = exact.decide(st, wake(f), 60s);
    CHECK(d.launch == 2);
    CHECK(d.reason == reason::renewal);
    fleet_view idle = live(4, 0);
    idle.leaving = 2;
    fleet::state quiet;
    for (int i = 0; i < 60; ++i)
        (void)exact.decide(quiet, stats(0, idle), i * 1s);
    CHECK(exact.decide(quiet, wake(idle), 60s).launch == 0);
}

TEST_CASE("fleet: a provider that refuses is tried less and less")
{
    fleet::state st;
    (void)exact.decide(st, missed(10, warm_fleet), 0s);
    // A single failure is decided again, after a moment.
    CHECK(exact.decide(st, answer(condition::transient, warm_fleet), 65ms).revisit == 50ms);
    CHECK(exact.decide(st, wake(warm_fleet), 115ms).launch == 5);
    uptime now = 1065ms;
    uptime last{};
    for (const uptime expected : {100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms}) {
        const decision d = exact.decide(st, answer(condition::throttled, warm_fleet), now);
        CHECK(d.launch == 0);
        CHECK(d.reason == reason::provider_backoff);
        CHECK(d.revisit == expected);
        last = d.revisit;
        now += d.revisit;
        CHECK(exact.decide(st, wake(warm_fleet), now).launch == 5);
        now += 65ms;
    }
    CHECK(last == 2s);
    (void)exact.decide(st, answer(condition::ok, starting(5)), now);
    CHECK(exact.decide(st, missed(10, starting(5)), now + 1s).launch == 5);
}

TEST_CASE("fleet: gives up on a build that never connects, and probes with care")
{
    fleet::state st;
    fleet_view dead = warm_fleet;
    dead.given_up = 5;
    CHECK(exact.decide(st, stats(10, dead), 1s).launch == 5);
    dead.given_up = 6;
    const decision open = exact.decide(st, stats(10, dead), 2s);
    CHECK(open.launch == 0);
    CHECK(open.reason == reason::breaker_open);
    CHECK(open.revisit == 5s);
    uptime now = 7s;
    for (const uptime wait : {10s, 20s, 40s, 80s, 80s}) {
        const decision probe = exact.decide(st, wake(dead), now);
        CHECK(probe.launch == 1);
        CHECK(probe.reason == reason::probe);
        fleet_view trying = dead;
        trying.starting = 1;
        CHECK(exact.decide(st, stats(100, trying), now + 1s).launch == 0);
        CHECK(exact.decide(st, stats(100, dead), now + wait - 1us).launch == 0);
        now += wait;
    }
    SUBCASE("the first sign of life closes it")
    {
        fleet_view alive = live(1, 2);
        CHECK(exact.decide(st, stats(100, alive), now).launch > 10);
    }
    SUBCASE("a version that has worked gets more patience")
    {
        fleet::state known;
        dead.ever_seen = true;
        dead.given_up = 9;
        CHECK(exact.decide(known, stats(10, dead), 1s).launch == 5);
        dead.given_up = 10;
        CHECK(exact.decide(known, stats(10, dead), 2s).launch == 0);
    }
}

TEST_CASE("fleet: beside live workers, dead starts are the provider's ceiling")
{
    fleet::state st;
    fleet_view f = live(20, 40);
    f.given_up = 6;
    CHECK(exact.decide(st, stats(500, f), 1s).launch == 1);
    const decision held = exact.decide(st, stats(500, f), 2s);
    CHECK(held.launch == 0);
    CHECK(held.reason == reason::provider_ceiling);
    CHECK(held.revisit == 19s);
    CHECK(exact.decide(st, stats(500, f), 21s).launch == 1);
}

TEST_CASE("fleet: reads as often as there is something to see")
{
    fleet::state st;
    CHECK(exact.decide(st, stats(0, warm_fleet), 10s).read == never);
    CHECK(exact.decide(st, stats(0, live(1, 0)), 20s).read == 5s);
    CHECK(exact.decide(st, stats(0, starting(1)), 30s).read == 1s);
    CHECK(fleet{.read_idle = 2s}.decide(st, stats(0, warm_fleet), 40s).read == 2s);
    SUBCASE("a stream of adds does not put the reading off")
    {
        fleet::state busy;
        (void)exact.decide(busy, missed(1, warm_fleet), 0s);
        for (int i = 1; i < 100; ++i)
            (void)exact.decide(busy, missed(1, starting(50)), i * 10ms);
        CHECK(exact.decide(busy, missed(1, starting(50)), 1s).read == 0s);
    }
}

TEST_CASE("fleet: workers are told to stay longer under a steady load")
{
    fleet::state cold;
    const decision first = exact.decide(cold, missed(1, warm_fleet), 0s);
    REQUIRE(first.orders);
    CHECK(first.orders->idle_exit == exact.idle_exit);
    CHECK(first.orders->activity_timeout == 0s);

    fleet::state steady;
    for (int i = 0; i < 120; ++i)
        (void)exact.decide(steady, stats(0, live(8, 16)), i * 1s);
    const decision later = fleet{.hedge = 0, .activity_timeout = 30s}.decide(steady, stats(100, live(8, 16)), 120s);
    REQUIRE(later.orders);
    CHECK(later.orders->idle_exit == exact.steady_exit);
    CHECK(later.orders->activity_timeout == 30s);
    CHECK(later.orders->thin_target > first.orders->thin_target);
}

TEST_CASE("fleet: settings")
{
    const auto good = mayfly::from_settings<fleet>(
        {{"gather_ms", std::int64_t{20}}, {"hedge", 0.5}, {"read_idle_ms", std::string{"1000"}}}, "scaler");
    REQUIRE(good);
    CHECK(good->gather == 20ms);
    CHECK(good->hedge == 0.5);
    CHECK(good->read_idle == 1s);
    const auto bad = mayfly::from_settings<fleet>(
        {{"gather_ms", std::int64_t{-1}}, {"hedge", 3.0}, {"no_such_key", true}, {"idle_exit_ms", std::int64_t{5000}}},
        "scaler");
    CHECK_FALSE(bad);
    CHECK(bad.problems().size() == 4);
}

TEST_CASE("fleet: where no snapshot ever comes, tasks do not wait for ever")
{
    fleet::state st;
    CHECK(exact.decide(st, missed(3, warm_fleet), 0s).launch == 2);
    SUBCASE("a worker that has come takes its share")
    {
        CHECK(exact.decide(st, {.why = cause::workers, .fleet = live(2, 0)}, 1s).launch == 0);
        CHECK(exact.decide(st, {.why = cause::workers, .fleet = warm_fleet}, 2s).launch == 0);
    }
    SUBCASE("what nobody came for is believed for a while, and then no more")
    {
        CHECK(exact.decide(st, wake(warm_fleet), 6s).launch > 0);
        CHECK(exact.decide(st, wake(warm_fleet), 20s).launch == 0);
        CHECK(exact.decide(st, wake(warm_fleet), 1h).launch == 0);
    }
    SUBCASE("later on a match says that nobody waits")
    {
        (void)exact.decide(st, missed(40, starting(1)), 11s);
        (void)exact.decide(st, added({.matched = 1}, starting(1)), 11s + 1ms);
        CHECK(exact.decide(st, wake(starting(1)), 12s).launch == 0);
    }
}

TEST_CASE("fleet: a queue that is limited and empty of workers gets one now and then, which stays longer")
{
    fleet::state st;
    scaling_signal limited = stats(500, warm_fleet);
    limited.stats[1]->limiter_active = true;
    std::uint32_t started = 0;
    for (int i = 0; i < 40; ++i) {
        const decision d = exact.decide(st, limited, i * 1s);
        started += d.launch;
        if (d.launch > 0)
            CHECK(d.orders->idle_exit == 5s);
    }
    CHECK(started == 10);
}

TEST_CASE("fleet: the minimum is looked after before a worker leaves")
{
    fleet::state st;
    fleet_view f = live(1, 0);
    f.leaves_in = 40s;
    CHECK(exact.decide(st, stats(0, f, {.min = 1}), 1s).revisit == 40s);
    CHECK(exact.decide(st, stats(0, f), 2s).revisit == never);
}

TEST_CASE("fleet: a memory from a clock that was further keeps nobody waiting")
{
    fleet::state st;
    fleet_view dead = warm_fleet;
    dead.given_up = 20;
    (void)exact.decide(st, answer(condition::permanent, dead), 1000s);
    (void)exact.decide(st, stats(10, dead), 1100s);
    (void)exact.decide(st, {.why = cause::begin, .fleet = warm_fleet}, 0s);
    CHECK(exact.decide(st, missed(10, warm_fleet), 61s).launch > 0);
}
