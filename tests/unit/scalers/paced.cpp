// SPDX-License-Identifier: BSL-1.0
#include "../../support/scripted_scaler.hpp"

#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/scalers/paced.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>

using namespace std::chrono_literals;
using mayfly::decision;
using mayfly::never;
using mayfly::paced;
using mayfly::reason;
using mayfly::scaling_signal;
using mayfly::uptime;
using mayfly_test::scripted_starts;

static_assert(mayfly::Scaler<paced<mayfly::no_sync>, scaling_signal>);

namespace {

paced<scripted_starts> wishing(std::uint32_t n, double per_second = 10, std::uint32_t burst = 5)
{
    return {.inner = {{.launch = n, .reason = reason::backlog}}, .per_second = per_second, .burst = burst};
}

}  // namespace

TEST_CASE("paced: a burst at once, then a steady rate")
{
    paced<scripted_starts>::state st;
    CHECK(wishing(3).decide(st, {}, 10s) == decision{.launch = 3, .reason = reason::backlog});
    CHECK(wishing(9).decide(st, {}, 10s) ==
          decision{.launch = 2, .revisit = 100ms, .reason = reason::backlog, .held_back = 7});
    CHECK(wishing(1).decide(st, {}, 10s) == decision{.revisit = 100ms, .reason = reason::cooling_off, .held_back = 1});
    CHECK(wishing(1).decide(st, {}, 10s + 99ms) ==
          decision{.revisit = 1ms, .reason = reason::cooling_off, .held_back = 1});
    CHECK(wishing(1).decide(st, {}, 10s + 100ms).launch == 1);
    CHECK(wishing(9).decide(st, {}, 10s + 350ms) ==
          decision{.launch = 2, .revisit = 50ms, .reason = reason::backlog, .held_back = 7});
    CHECK_MESSAGE(wishing(9).decide(st, {}, 1h).launch == 5, "rest refills the burst, and no more");
}

TEST_CASE("paced: over a long time it is the rate and the burst")
{
    paced<scripted_starts>::state st;
    std::uint32_t all = 0;
    for (uptime t = 1h; t < 1h + 60s; t += 7ms)
        all += wishing(2, 3.0, 4).decide(st, {}, t).launch;
    CHECK(all >= 60 * 3);
    CHECK(all <= 60 * 3 + 4);
}

TEST_CASE("paced: asking at the named moment grants a start")
{
    paced<scripted_starts>::state st;
    const auto s = wishing(4, 7.0, 3);
    uptime now = 5s;
    for (int i = 0; i < 100; ++i) {
        const decision d = s.decide(st, {}, now);
        REQUIRE(d.launch >= 1);
        REQUIRE(d.revisit < never);
        REQUIRE(d.revisit > 0s);
        now += d.revisit;
    }
}

TEST_CASE("paced: everything else is left as it is")
{
    const paced<scripted_starts> s{
        .inner = {{.launch = 4, .stay = 4, .revisit = 20ms, .read = 7s, .held_back = 2}}, .burst = 3};
    paced<scripted_starts>::state st;
    const decision d = s.decide(st, {}, 1s);
    CHECK(d == decision{.launch = 3, .stay = 3, .revisit = 20ms, .read = 7s, .held_back = 3});

    const paced<scripted_starts> quiet{.inner = {{.revisit = 20ms, .read = 7s, .reason = reason::covered}}};
    CHECK(quiet.decide(st, {}, 1s) == decision{.revisit = 20ms, .read = 7s, .reason = reason::covered});
}

TEST_CASE("paced: an inner scaler that would be asked again at once is asked a moment later")
{
    for (const uptime inner : {0s, -1s}) {
        const paced<scripted_starts> s{.inner = {{.launch = 50, .revisit = inner}}};
        paced<scripted_starts>::state st;
        CHECK(s.decide(st, {}, 1s) == decision{.launch = 10, .revisit = 1us, .held_back = 40});
    }
}

TEST_CASE("paced: settings and states at their ends")
{
    struct row {
        const char* why;
        double per_second;
        std::uint32_t burst;
        uptime paid_until;
        std::uint32_t launch;
        uptime revisit;
    };
    constexpr auto most = std::numeric_limits<std::uint32_t>::max();
    const row rows[] = {
        {"everything at once", 10, most, 0s, most, never},
        {"faster than a microsecond", 1e9, 1, 0s, 1, 1us},
        {"slower than can be", 1e-9, 1, 0s, 1, 1000s},
        {"no rate at all is the slowest", 0, 1, 0s, 1, 1000s},
        {"a negative one too", -1, 1, 0s, 1, 1000s},
        {"a debt from nowhere is one burst", 10, 5, never, 0, 100ms},
        {"no debt since ever", 10, 5, uptime::min(), 5, 100ms},
    };
    for (const row& r : rows) {
        paced<scripted_starts>::state st{.paid_until = r.paid_until};
        const decision d = wishing(most, r.per_second, r.burst).decide(st, {}, 1h);
        CHECK_MESSAGE(d.launch == r.launch, r.why);
        CHECK_MESSAGE(d.revisit == r.revisit, r.why);
    }
}
