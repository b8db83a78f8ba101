// SPDX-License-Identifier: BSL-1.0
#include <mayfly/local/concurrency.hpp>

#include <doctest/doctest.h>

#include <optional>

namespace {

using mayfly::local::concurrency;
using mayfly::local::errc;
using mayfly::local::throttle_reason;

TEST_CASE("who may run one more")
{
    struct row {
        const char* why;
        std::uint32_t a_runs, b_runs, c_runs;  // a: reserve of 2; b and c: none, b's version 1 is limited to 3
        const char* wants;
        std::optional<errc> refused;
    };
    const row rows[] = {
        {"a first one", 0, 0, 0, "a", {}},
        {"up to its reserve", 1, 0, 0, "a", {}},
        {"a reserve is a limit too", 2, 0, 0, "a", errc::reserved_concurrency_exceeded},
        {"and a guarantee: others cannot use it up", 0, 3, 5, "a", {}},
        {"the rest is shared", 0, 3, 4, "c", {}},
        {"and is what the reserve leaves", 0, 3, 5, "c", errc::account_concurrency_exceeded},
        {"a version's own limit comes first", 0, 3, 5, "b", errc::reserved_concurrency_exceeded},
        {"a reserve in use takes nothing from the rest", 2, 2, 5, "b", {}},
    };
    for (const row& r : rows) {
        concurrency places(10);
        REQUIRE(places.reserve("a", 2));
        places.limit("b", "1", 3);
        for (std::uint32_t i = 0; i < r.a_runs; ++i)
            REQUIRE_FALSE(places.acquire("a", "1"));
        for (std::uint32_t i = 0; i < r.b_runs; ++i)
            REQUIRE_FALSE(places.acquire("b", "1"));
        for (std::uint32_t i = 0; i < r.c_runs; ++i)
            REQUIRE_FALSE(places.acquire("c", "1"));
        CHECK_MESSAGE(places.acquire(r.wants, "1") == r.refused, r.why);
    }
}

TEST_CASE("a limit of one version leaves another alone")
{
    concurrency places(10);
    places.limit("f", "1", 1);
    CHECK_FALSE(places.acquire("f", "1"));
    CHECK(places.acquire("f", "1") == errc::reserved_concurrency_exceeded);
    CHECK_FALSE(places.acquire("f", "2"));
    places.limit("f", "1", std::nullopt);
    CHECK_FALSE(places.acquire("f", "1"));
    CHECK(places.running("f") == 3);
    CHECK(places.running("f", "1") == 2);
}

TEST_CASE("a place that is given back can be taken again")
{
    concurrency places(1);
    CHECK_FALSE(places.acquire("f", "1"));
    CHECK(places.acquire("g", "1") == errc::account_concurrency_exceeded);
    places.release("f", "1");
    CHECK(places.running() == 0);
    CHECK_FALSE(places.acquire("g", "1"));
    places.release("f", "1");
    places.release("nobody", "1");
    CHECK(places.running() == 1);
}

TEST_CASE("reserves")
{
    concurrency places(200, 100);
    CHECK(places.unreserved() == 200);
    CHECK(places.reserve("a", 60));
    CHECK_FALSE(places.reserve("b", 41));
    CHECK(places.reserved("b") == std::nullopt);
    CHECK(places.reserve("b", 40));
    CHECK(places.unreserved() == 100);
    CHECK(places.reserve("a", 20));
    CHECK(places.unreserved() == 140);
    CHECK(places.reserve("a", 0));
    CHECK(places.acquire("a", "1") == errc::reserved_concurrency_exceeded);
    CHECK(places.reserve("a", std::nullopt));
    CHECK_FALSE(places.acquire("a", "1"));
}

TEST_CASE("the reasons are Lambda's")
{
    CHECK(throttle_reason(errc::reserved_concurrency_exceeded) == "ReservedFunctionConcurrentInvocationLimitExceeded");
    CHECK(throttle_reason(errc::account_concurrency_exceeded) == "ConcurrentInvocationLimitExceeded");
    CHECK(throttle_reason(errc::function_not_found).empty());
    CHECK(throttle_reason({}).empty());
}

}  // namespace
