// SPDX-License-Identifier: BSL-1.0
#include <mayfly/detail/set_size.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>

using namespace std::chrono_literals;
using mayfly::condition;
using mayfly::decision;
using mayfly::never;
using mayfly::reason;
using mayfly::scaling_signal;
using mayfly::uptime;
using mayfly::detail::bound_size;
using mayfly::detail::set_size;

TEST_CASE("one size is told at a time, and again after a refusal")
{
    set_size set(2);
    CHECK(set.told());
    set.wish(5);
    REQUIRE(set.begin(0s));
    CHECK(!set.told());
    CHECK_MESSAGE(!set.begin(0s), "the first one is under way");

    set.answer(condition::throttled, 1s);
    CHECK(!set.told());
    CHECK(set.tell_at() == 2s);
    CHECK_MESSAGE(!set.begin(1s), "not yet");
    REQUIRE(set.begin(2s));
    CHECK(set.tell_at() == never);
    set.answer(condition::permanent, 3s);
    CHECK_MESSAGE(set.tell_at() == 5s, "the second wait is twice as long");

    for (uptime now = 5s; now < 1h; now += 1min) {
        if (set.begin(now))
            set.answer(condition::transient, now);
        CHECK(set.tell_at() <= now + 1min);
    }
    REQUIRE(set.begin(2h));
    set.answer(condition::ok, 2h);
    CHECK(set.told());
    CHECK(set.wished() == 5);

    REQUIRE(set.begin(2h));
    set.answer(condition::throttled, 2h);
    CHECK_MESSAGE(set.tell_at() == 2h + 1s, "after a success the waits begin anew");
}

TEST_CASE("a size that was not told before a restart is told after it")
{
    set_size set(7, 3s);
    CHECK(!set.told());
    CHECK(set.tell_at() == 3s);
    CHECK(set.begin(3s));
    CHECK(set.wished() == 7);
}

TEST_CASE("a set is as large as planned, within its limits")
{
    struct row {
        const char* why;
        std::uint32_t plan;
        std::uint32_t now;
        std::uint32_t min;
        std::uint32_t max;
        bool wanted;
        std::optional<std::uint32_t> resize;
        mayfly::reason reason;
    };
    const row rows[] = {
        {"as it is", 3, 3, 0, 10, true, {}, reason::steady},
        {"up", 5, 3, 0, 10, true, 5, reason::scale_up},
        {"down", 2, 3, 0, 10, true, 2, reason::scale_down},
        {"a raised minimum", 3, 3, 4, 10, true, 4, reason::minimum},
        {"a lowered maximum", 5, 5, 0, 4, true, 4, reason::at_maximum},
        {"a minimum above the maximum", 0, 0, 9, 4, true, 4, reason::minimum},
        {"no minimum for what gets no work", 0, 4, 4, 10, false, 0, reason::not_wanted},
    };
    for (const row& r : rows) {
        decision d;
        bound_size(d, {.limits = {.min = r.min, .max = r.max}, .wanted = r.wanted}, r.plan, r.now);
        CHECK_MESSAGE(d.resize == r.resize, r.why);
        CHECK_MESSAGE(d.reason == r.reason, r.why);
    }
}
