// SPDX-License-Identifier: BSL-1.0
#include <mayfly/local/event_queue.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <vector>

using namespace std::chrono_literals;

namespace {

using mayfly::never;
using mayfly::uptime;
using mayfly::local::drop_reason;
using mayfly::local::event_queue;
using mayfly::local::event_rules;
using mayfly::local::try_outcome;
using enum mayfly::local::try_outcome;

/// Plays one event to its end: the times at which it is tried, and why it was dropped, if it was.
struct story {
    std::vector<uptime> tries{};
    std::optional<drop_reason> dropped{};
    uptime end{};
};

story play(const event_rules& rules, const std::vector<try_outcome>& outcomes, double scale = 1)
{
    event_queue q(scale);
    story out;
    uptime now = 10s;
    const auto id = q.add(rules, now);
    std::size_t i = 0;
    while (q.size() > 0) {
        now = q.next_wake();
        REQUIRE(now != never);
        if (q.expired(now)) {
            out.dropped = drop_reason::aged;
            break;
        }
        REQUIRE(q.next(now) == id);
        CHECK_FALSE(q.next(now));
        out.tries.push_back(now - 10s);
        REQUIRE(i < outcomes.size());
        out.dropped = q.tried(id, outcomes[i++], now).dropped;
    }
    CHECK(q.next_wake() == never);
    out.end = now - 10s;
    return out;
}

TEST_CASE("when an event is tried")
{
    struct row {
        const char* why;
        event_rules rules;
        std::vector<try_outcome> outcomes;
        std::vector<uptime> tries;
        std::optional<drop_reason> dropped;
        uptime end;
    };
    const row rows[] = {
        {"at once", {}, {succeeded}, {0s}, {}, 0s},
        {"after an error in one minute", {}, {function_error, succeeded}, {0s, 60s}, {}, 60s},
        {"after another in two", {}, {function_error, function_error, succeeded}, {0s, 60s, 180s}, {}, 180s},
        {"and then no more", {}, {function_error, function_error, function_error}, {0s, 60s, 180s},
            drop_reason::exhausted, 180s},
        {"fewer retries", {.retries = 1}, {function_error, function_error}, {0s, 60s}, drop_reason::exhausted, 60s},
        {"none", {.retries = 0}, {function_error}, {0s}, drop_reason::exhausted, 0s},
        {"without room it comes back sooner, then later", {},
            {throttled, throttled, system_error, throttled, succeeded}, {0s, 1s, 3s, 7s, 15s}, {}, 15s},
        {"which counts as no retry", {.retries = 0}, {throttled, succeeded}, {0s, 1s}, {}, 1s},
        {"but never later than five minutes", {},
            {throttled, throttled, throttled, throttled, throttled, throttled, throttled, throttled, throttled,
                throttled, throttled, succeeded},
            {0s, 1s, 3s, 7s, 15s, 31s, 63s, 127s, 255s, 511s, 811s, 1111s}, {}, 1111s},
        {"a start begins the short waits anew", {}, {throttled, throttled, function_error, throttled, succeeded},
            {0s, 1s, 3s, 63s, 64s}, {}, 64s},
        {"too old while it waits for a retry", {.age = 30s}, {function_error}, {0s}, drop_reason::aged, 30s},
        {"too old while it waits for room", {.age = 5s}, {throttled, throttled, throttled}, {0s, 1s, 3s},
            drop_reason::aged, 5s},
        {"at its age to the moment it is too old", {.age = 60s}, {function_error}, {0s}, drop_reason::aged, 60s},
        {"just before it is not", {.age = 60s + 1ms}, {function_error, succeeded}, {0s, 60s}, {}, 60s},
        {"switched off", {}, {refused}, {0s}, drop_reason::refused, 0s},
    };
    for (const row& r : rows) {
        const story s = play(r.rules, r.outcomes);
        CHECK_MESSAGE(s.tries == r.tries, r.why);
        CHECK_MESSAGE(s.dropped == r.dropped, r.why);
        CHECK_MESSAGE(s.end == r.end, r.why);
    }
}

TEST_CASE("a scale shortens the waits and not the age")
{
    const story retried = play({}, {function_error, throttled, succeeded}, 0.01);
    CHECK(retried.tries == std::vector<uptime>{0ms, 600ms, 610ms});
    const story aged = play({.age = 1s}, {function_error, function_error}, 0.01);
    CHECK(aged.tries == std::vector<uptime>{0ms, 600ms});
    CHECK(aged.end == 1s);
}

TEST_CASE("an event that is being tried does not grow too old meanwhile")
{
    event_queue q;
    const auto id = q.add({.retries = 1, .age = 10s}, 0s);
    CHECK(q.next(0s) == id);
    CHECK_FALSE(q.expired(1h));
    CHECK(q.next_wake() == never);
    SUBCASE("and can end well")
    {
        CHECK(q.tried(id, succeeded, 1h) == event_queue::verdict{});
    }
    SUBCASE("but is not tried again")
    {
        CHECK(q.tried(id, function_error, 1h) == event_queue::verdict{{}, drop_reason::aged});
    }
    CHECK(q.size() == 0);
}

TEST_CASE("events are tried in the order in which they are due")
{
    event_queue q;
    const auto a = q.add({}, 0s);
    const auto b = q.add({}, 0s);
    CHECK(q.waits() == 2);
    CHECK(q.next(0s) == a);
    CHECK(q.tried(a, throttled, 0s) == event_queue::verdict{.again_at = 1s});
    CHECK(q.next(0s) == b);
    CHECK_FALSE(q.next(999ms));
    const auto c = q.add({}, 999ms);
    CHECK(q.next(1s) == c);
    CHECK(q.next(1s) == a);
    CHECK(q.waits() == 0);
    CHECK(q.size() == 3);
}

TEST_CASE("what waits can be listed and forgotten")
{
    event_queue q;
    const auto a = q.add({}, 0s);
    const auto b = q.add({}, 0s);
    CHECK(q.next(0s) == a);
    CHECK(q.waiting() == std::vector<event_queue::event_id>{b});
    q.forget(b);
    q.forget(a);
    q.forget(77);
    CHECK(q.size() == 0);
    CHECK(q.tried(a, function_error, 1s) == event_queue::verdict{});
}

}  // namespace
