// SPDX-License-Identifier: BSL-1.0
#include <mayfly/detail/wake_heap.hpp>
#include <mayfly/testing/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

using namespace std::chrono_literals;
using mayfly::never;
using mayfly::uptime;
using mayfly::detail::wake_heap;

TEST_CASE("the soonest alarm is first, whatever becomes of the others")
{
    struct step {
        const char* why;
        std::uint32_t who;
        uptime at;
        uptime soonest;
        std::uint32_t first;
    };
    const step steps[] = {
        {"the only one", 3, 5s, 5s, 3},
        {"a later one changes nothing", 1, 7s, 5s, 3},
        {"a sooner one is first", 7, 2s, 2s, 7},
        {"the same again changes nothing", 7, 2s, 2s, 7},
        {"moved back, another is first", 7, 9s, 5s, 3},
        {"moved forward, it is first again", 7, 1s, 1s, 7},
        {"taken away", 7, never, 5s, 3},
        {"taken away twice", 7, never, 5s, 3},
        {"never set, and taken away", 1000, never, 5s, 3},
        {"taken away from the middle", 3, never, 7s, 1},
        {"a moment before zero is a moment", 2, -1s, -1s, 2},
    };
    wake_heap heap;
    CHECK(heap.soonest() == never);
    for (const step& s : steps) {
        heap.set(s.who, s.at);
        CHECK_MESSAGE(heap.soonest() == s.soonest, s.why);
        CHECK_MESSAGE(heap.first() == s.first, s.why);
    }
    heap.set(2, never);
    heap.set(1, never);
    CHECK(heap.soonest() == never);
}

TEST_CASE("many sleepers wake in order")
{
    constexpr std::uint32_t sleepers = 200;
    mayfly::testing::random_stream random(7, 1);
    std::map<std::uint32_t, uptime> expected;
    wake_heap heap;
    for (int i = 0; i < 20'000; ++i) {
        const auto who = static_cast<std::uint32_t>(random.next() % sleepers);
        // Few distinct times, so that ties are common.
        const uptime at = random.next() % 4 == 0 ? never : uptime(static_cast<uptime::rep>(random.next() % 50));
        heap.set(who, at);
        if (at == never)
            expected.erase(who);
        else
            expected[who] = at;
        uptime soonest = never;
        for (const auto& [_, t] : expected)
            soonest = std::min(soonest, t);
        REQUIRE(heap.soonest() == soonest);
        REQUIRE((soonest == never || expected.at(heap.first()) == soonest));
    }
    while (heap.soonest() != never) {
        REQUIRE(expected.at(heap.first()) == heap.soonest());
        expected.erase(heap.first());
        heap.set(heap.first(), never);
    }
    CHECK(expected.empty());
}
