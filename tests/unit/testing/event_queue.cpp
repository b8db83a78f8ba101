// SPDX-License-Identifier: BSL-1.0
#include <mayfly/testing/event_queue.hpp>
#include <mayfly/testing/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

using mayfly::uptime;
using mayfly::testing::event_queue;
using mayfly::testing::random_stream;

TEST_CASE("event queue: by time, and in the order of scheduling within an instant")
{
    event_queue q;
    random_stream from(1, 1);
    std::vector<std::pair<uptime, std::uint32_t>> expected;
    for (std::uint32_t i = 0; i < 5000; ++i) {
        const uptime at(static_cast<uptime::rep>(from.uniform() * 300));
        q.schedule(at, 0, i);
        expected.emplace_back(at, i);
    }
    std::sort(expected.begin(), expected.end());
    for (const auto& [at, who] : expected) {
        CHECK(q.next() == at);
        CHECK(q.pop().who == who);
    }
    CHECK(q.empty());
    CHECK(q.next() == mayfly::never);
}

TEST_CASE("event queue: what is scheduled while events run takes its place")
{
    event_queue q;
    q.schedule(uptime{5}, 0, 1);
    q.schedule(uptime{9}, 0, 2);
    CHECK(q.pop().who == 1);
    q.schedule(uptime{9}, 0, 3);
    q.schedule(uptime{7}, 0, 4);
    CHECK(q.pop().who == 4);
    CHECK(q.pop().who == 2);
    CHECK(q.pop().who == 3);
}
