// SPDX-License-Identifier: BSL-1.0
#include <mayfly/http/detail/pool.hpp>

#include <doctest/doctest.h>

#include <string>

namespace {

// Connections, waiters and time are numbers.
using pool = mayfly::http::detail::pool<std::string, int, int, int>;
using verdict = pool::verdict;

bool any(int)
{
    return true;
}

constexpr int forever = 1'000'000;

}  // namespace

TEST_CASE("opens up to the limit, then lets wait, then refuses")
{
    pool p({.per_key = 2, .idle = 9, .waiting = 1});
    CHECK(p.acquire("a", 1, 0, any).what == verdict::open);
    CHECK(p.acquire("a", 2, 0, any).what == verdict::open);
    CHECK(p.acquire("a", 3, 0, any).what == verdict::wait);
    CHECK(p.acquire("a", 4, 0, any).what == verdict::refuse);
    CHECK(p.acquire("b", 5, 0, any).what == verdict::open);  // limits are each key's own
    CHECK(p.out() == 3);
    CHECK(p.waiting() == 1);
}

TEST_CASE("what comes back goes to who waits first, and only then rests")
{
    pool p({.per_key = 1, .idle = 9, .waiting = 9});
    p.acquire("a", 1, 0, any);
    p.acquire("a", 2, 0, any);
    p.acquire("a", 3, 0, any);
    const auto second = p.give_back("a", 100, 0, forever);
    REQUIRE(second);
    CHECK(second->waiter == 2);
    CHECK(second->connection == 100);
    const auto third = p.give_back("a", 100, 0, forever);
    REQUIRE(third);
    CHECK(third->waiter == 3);
    CHECK(!p.give_back("a", 100, 0, forever));
    CHECK(p.out() == 0);
    CHECK(p.idle() == 1);
    CHECK(p.waiting() == 0);
    const auto again = p.acquire("a", 4, 0, any);
    CHECK(again.what == verdict::reuse);
    CHECK(again.connection == 100);
    CHECK(p.idle() == 0);
}

TEST_CASE("one that is gone leaves its place")
{
    pool p({.per_key = 1, .idle = 9, .waiting = 9});
    p.acquire("a", 1, 0, any);
    p.acquire("a", 2, 0, any);
    const auto next = p.gone("a");
    REQUIRE(next);
    CHECK(next->waiter == 2);
    CHECK(!next->connection);
    CHECK(p.out() == 1);
    CHECK(!p.gone("a"));
    CHECK(p.out() == 0);
    CHECK(p.dropped() == 2);
}

TEST_CASE("who leaves the queue is passed over")
{
    pool p({.per_key = 1, .idle = 9, .waiting = 9});
    p.acquire("a", 1, 0, any);
    p.acquire("a", 2, 0, any);
    p.acquire("a", 3, 0, any);
    p.leave("a", 2);
    p.leave("a", 7);  // never waited
    p.leave("b", 3);  // not there
    CHECK(p.waiting() == 1);
    const auto next = p.give_back("a", 100, 0, forever);
    REQUIRE(next);
    CHECK(next->waiter == 3);
}

TEST_CASE("the last used is used first, and what is too old or unusable is dropped")
{
    pool p({.per_key = 9, .idle = 9, .waiting = 9});
    for (int i = 0; i < 4; ++i)
        p.acquire("a", i, 0, any);
    p.give_back("a", 100, 0, 10);
    p.give_back("a", 101, 1, 50);
    p.give_back("a", 102, 2, 50);
    p.give_back("a", 103, 3, 50);
    CHECK(p.idle() == 4);
    // At 10 the first is over; 103 is dead; 102 is next.
    const auto got = p.acquire("a", 9, 10, [](int c) { return c != 103; });
    CHECK(got.what == verdict::reuse);
    CHECK(got.connection == 102);
    CHECK(p.idle() == 1);
    CHECK(p.dropped() == 2);
    // And those of other keys whose time is over go at the same occasion.
    CHECK(p.acquire("b", 9, 50, any).what == verdict::open);
    CHECK(p.idle() == 0);
    CHECK(p.dropped() == 3);
}

TEST_CASE("no more idle ones than allowed: the oldest goes")
{
    pool p({.per_key = 9, .idle = 2, .waiting = 9});
    p.acquire("a", 1, 0, any);
    p.acquire("b", 2, 0, any);
    p.acquire("c", 3, 0, any);
    p.give_back("a", 100, 1, forever);
    p.give_back("b", 200, 2, forever);
    p.give_back("c", 300, 3, forever);
    CHECK(p.idle() == 2);
    CHECK(p.acquire("a", 1, 4, any).what == verdict::open);
    CHECK(p.acquire("b", 1, 4, any).connection == 200);
    CHECK(p.acquire("c", 1, 4, any).connection == 300);

    pool none({.per_key = 9, .idle = 0, .waiting = 9});
    none.acquire("a", 1, 0, any);
    CHECK(!none.give_back("a", 100, 0, forever));
    CHECK(none.idle() == 0);
    CHECK(none.dropped() == 1);
}

TEST_CASE("one that may not be used again serves nobody, but who waits gets its place")
{
    pool p({.per_key = 1, .idle = 9, .waiting = 9});
    p.acquire("a", 1, 0, any);
    p.acquire("a", 2, 0, any);
    const auto next = p.give_back("a", 100, 5, 5);
    REQUIRE(next);
    CHECK(next->waiter == 2);
    CHECK(!next->connection);
    CHECK(p.dropped() == 1);
}

TEST_CASE("clearing drops what is idle, not what is out")
{
    pool p({.per_key = 9, .idle = 9, .waiting = 9});
    p.acquire("a", 1, 0, any);
    p.acquire("a", 2, 0, any);
    p.give_back("a", 100, 0, forever);
    p.clear();
    CHECK(p.idle() == 0);
    CHECK(p.out() == 1);
    CHECK(p.dropped() == 1);
    CHECK(p.acquire("a", 3, 0, any).what == verdict::open);
}
