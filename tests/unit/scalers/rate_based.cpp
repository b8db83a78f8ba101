// SPDX-License-Identifier: BSL-1.0
#include "../../support/numbers.hpp"
#include "../../support/scaling_signals.hpp"

#include <mayfly/scalers/rate_based.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <type_traits>

using namespace std::chrono_literals;
using mayfly::add_counts;
using mayfly::cause;
using mayfly::decision;
using mayfly::queue_stats;
using mayfly::rate_based;
using mayfly::reason;
using mayfly::scaling_signal;
using mayfly::uptime;
using mayfly_test::added;
using mayfly_test::endless;
using mayfly_test::not_a_number;

// Nothing in it can allocate.
static_assert(std::is_trivially_copyable_v<rate_based::state>);

namespace {

scaling_signal rates(std::uint64_t backlog, double add_rate, double dispatch_rate)
{
    const queue_stats s{.backlog = backlog, .add_rate = add_rate, .dispatch_rate = dispatch_rate};
    return {.why = cause::stats, .stats = {std::nullopt, s, std::nullopt}};
}

}  // namespace

TEST_CASE("rate_based: a missed task adds one worker or none")
{
    struct row {
        const char* why;
        rate_based scaler;
        rate_based::state before;
        add_counts seen;
        std::optional<std::uint32_t> size;
        mayfly::reason reason;
        std::uint32_t held_back;
        bool learns;
    };
    const row rows[] = {
        {"the first", {}, {}, {.not_matched = 1}, 1, reason::missed_match, 0, true},
        {"one, however many are missed", {}, {}, {.behind_backlog = 80}, 1, reason::missed_match, 0, true},
        {"from the initial count", {.initial_count = 4}, {}, {.not_matched = 1}, 5, reason::missed_match, 0, true},
        {"from the planned count", {.initial_count = 4}, {.worker_count = 7}, {.not_matched = 1}, 8,
            reason::missed_match, 0, true},
        {"matched only: nothing", {}, {}, {.matched = 5}, {}, reason::steady, 0, false},
        {"limited only: nothing", {}, {}, {.rate_limited = 5}, {}, reason::rate_limited, 0, false},
        {"at the maximum", {}, {.worker_count = 30}, {.not_matched = 3}, {}, reason::at_maximum, 3, true},
        {"planned above a maximum that was lowered", {.max_count = 5}, {.worker_count = 30}, {.not_matched = 3}, 5,
            reason::scale_down, 3, true},
        {"in the cool-down", {}, {.worker_count = 2, .last_scale_up = 8s + 1us}, {.not_matched = 3}, {},
            reason::cooling_off, 3, true},
        {"exactly the cool-down passes", {}, {.worker_count = 2, .last_scale_up = 8s}, {.not_matched = 3}, 3,
            reason::missed_match, 0, true},
        {"an empty set in its cool-down has nothing to teach", {}, {.last_scale_up = 9s}, {.not_matched = 3}, {},
            reason::cooling_off, 3, false},
        {"a count beyond all sense is the initial one", {.initial_count = 4}, {.worker_count = 3000000000},
            {.not_matched = 1}, 5, reason::missed_match, 0, true},
        {"a step up that is yet to come was none", {}, {.last_scale_up = 11s}, {.not_matched = 1}, 1,
            reason::missed_match, 0, true},
    };
    for (const row& r : rows) {
        rate_based::state st = r.before;
        st.poll.next = 40s;
        const decision d = r.scaler.decide(st, added(r.seen), 10s);
        CHECK_MESSAGE(d.resize == r.size, r.why);
        CHECK_MESSAGE(d.launch == 0, r.why);
        CHECK_MESSAGE(d.reason == r.reason, r.why);
        CHECK_MESSAGE(d.held_back == r.held_back, r.why);
        CHECK_MESSAGE(d.read == (r.learns ? uptime{0s} : uptime{30s}), r.why);
        const bool missed = r.seen.unmatched() > 0;
        CHECK_MESSAGE(st.last_no_sync_match == (missed ? std::optional<uptime>{10s} : std::nullopt), r.why);
        const bool up = r.reason == reason::missed_match;
        CHECK_MESSAGE(st.last_scale_up == (up ? std::optional<uptime>{10s} : r.before.last_scale_up), r.why);
    }
}

TEST_CASE("rate_based: statistics asked for after a missed task teach the capacity and nothing else")
{
    const rate_based s;
    rate_based::state st{.worker_count = 3};
    st.poll.next = 40s;
    REQUIRE(s.decide(st, added({.not_matched = 1}), 10s).resize == 4);

    const decision d = s.decide(st, rates(500, 90, 40), 11s);
    CHECK(d == decision{.read = 29s});
    REQUIRE(st.ewma_per_consumer_capacity);
    CHECK(*st.ewma_per_consumer_capacity == doctest::Approx(0.45 * 10 + 0.55 * 2));
    CHECK_FALSE(st.ewma_arrival_rate);
    CHECK_FALSE(st.ewma_dispatch_rate);

    const auto before = st;
    CHECK_MESSAGE(s.decide(st, rates(500, 90, 40), 12s) == decision{.read = 28s}, "read for somebody else");
    CHECK(st == before);

    SUBCASE("nothing dispatched teaches nothing")
    {
        (void)s.decide(st, added({.not_matched = 1}), 13s);
        (void)s.decide(st, rates(500, 90, 0), 14s);
        CHECK(st.ewma_per_consumer_capacity == before.ewma_per_consumer_capacity);
    }
    SUBCASE("no data teaches nothing")
    {
        (void)s.decide(st, added({.not_matched = 1}), 13s);
        (void)s.decide(st, {.why = cause::stats}, 14s);
        CHECK(st.ewma_per_consumer_capacity == before.ewma_per_consumer_capacity);
        CHECK_FALSE(st.capacity_wanted);
    }
    SUBCASE("a failed read is not repeated, and does not move the regular look")
    {
        (void)s.decide(st, added({.not_matched = 1}), 13s);
        CHECK(s.decide(st, {.why = cause::no_stats}, 14s).read == 26s);
    }
    SUBCASE("a regular look that is due serves both, and learns once")
    {
        (void)s.decide(st, added({.not_matched = 1}), 41s);
        CHECK(s.decide(st, rates(500, 90, 50), 41s).read == 60s);
        CHECK(*st.ewma_per_consumer_capacity == doctest::Approx(0.45 * 10 + 0.55 * 5.6));
        CHECK(st.ewma_arrival_rate == 90.0);
        CHECK_FALSE(st.capacity_wanted);
    }
}

TEST_CASE("rate_based: the worked example")
{
    const rate_based s;
    // 100 tasks wait, 10 come each second, and two workers were seen to do 2 each: 12/s are required, the load is 6,
    // utilisation asks for 8 and the square root for 8.
    rate_based::state st{.worker_count = 2, .ewma_arrival_rate = 10.0, .ewma_per_consumer_capacity = 2.0};
    const decision first = s.decide(st, rates(100, 10, 4), 1h);
    CHECK(first == decision{.resize = 6, .read = 60s, .reason = reason::scale_up});
    CHECK(st.ewma_per_consumer_capacity == 2.0);

    const decision second = s.decide(st, rates(100, 10, 12), 1h + 60s);
    CHECK(second == decision{.resize = 8, .read = 60s, .reason = reason::scale_up});
    CHECK(s.decide(st, rates(100, 10, 16), 1h + 120s) == decision{.read = 60s, .reason = reason::covered});
}

TEST_CASE("rate_based: how many are desired")
{
    struct row {
        const char* why;
        rate_based scaler;
        scaling_signal seen;
        std::uint32_t size;
    };
    const row rows[] = {
        {"nothing to do", {}, rates(0, 0, 0), 0},
        {"the minimum, whatever there is to do", {.min_count = 3}, rates(0, 0, 0), 3},
        {"the minimum, without data too", {.min_count = 3}, {.why = cause::stats}, 3},
        {"8/s at 2/s each: the larger of 5 and 5", {}, rates(0, 8, 8), 5},
        {"a small load: the square root rules", {.halfin_whitt_beta = 2}, rates(0, 8, 8), 8},
        {"a full worker is fine", {.utilization_target = 1, .halfin_whitt_beta = 0}, rates(0, 8, 8), 4},
        {"one waits: the backlog shall drain", {.utilization_target = 1, .halfin_whitt_beta = 0}, rates(1, 8, 8), 5},
        {"the backlog is ignored on request",
            {.target_backlog_drain_rate = 0, .utilization_target = 1, .halfin_whitt_beta = 0}, rates(1, 8, 8), 4},
        {"never above the maximum", {}, rates(0, 1e6, 8), 30},
        {"a wild rate does not wrap", {}, rates(0, 1e300, 8), 30},
        {"one more than the load that just fits", {.utilization_target = 1, .halfin_whitt_beta = 0}, rates(0, 8.001, 8),
            5},
    };
    for (const row& r : rows) {
        rate_based s = r.scaler;
        s.max_scale_up_step = 100;
        rate_based::state st;
        CHECK_MESSAGE(s.decide(st, r.seen, 0s).resize.value_or(0) == r.size, r.why);
    }
}

TEST_CASE("rate_based: when it steps")
{
    struct row {
        const char* why;
        rate_based scaler;
        rate_based::state before;
        scaling_signal seen;
        std::optional<std::uint32_t> size;
        mayfly::reason reason;
    };
    const uptime now = 1h;
    const row rows[] = {
        {"up by one step", {}, {.worker_count = 2}, rates(0, 100, 0), 6, reason::scale_up},
        {"up to what is desired", {}, {.worker_count = 4}, rates(0, 8, 0), 5, reason::scale_up},
        {"up to the maximum", {.max_count = 5}, {.worker_count = 4}, rates(0, 100, 0), 5, reason::scale_up},
        {"up, not in the cool-down", {}, {.worker_count = 2, .last_scale_up = now - 2s + 1us}, rates(0, 100, 0), {},
            reason::cooling_off},
        {"up, at its end", {}, {.worker_count = 2, .last_scale_up = now - 2s}, rates(0, 100, 0), 6, reason::scale_up},
        {"down by one", {}, {.worker_count = 9}, rates(0, 0, 0), 8, reason::scale_down},
        {"down, not within the quiet time", {}, {.worker_count = 9, .last_no_sync_match = now - 90s + 1us},
            rates(0, 0, 0), {}, reason::cooling_off},
        {"down, not in the cool-down", {}, {.worker_count = 9, .last_scale_down = now - 60s + 1us}, rates(0, 0, 0), {},
            reason::cooling_off},
        {"down, the quiet time alone is not enough", {},
            {.worker_count = 9, .last_scale_down = now - 30s, .last_no_sync_match = now - 90s}, rates(0, 0, 0), {},
            reason::cooling_off},
        {"down, both are over", {}, {.worker_count = 9, .last_scale_down = now - 60s, .last_no_sync_match = now - 90s},
            rates(0, 0, 0), 8, reason::scale_down},
        {"down, a step up does not matter", {}, {.worker_count = 9, .last_scale_up = now}, rates(0, 0, 0), 8,
            reason::scale_down},
        {"not below the minimum", {.min_count = 9}, {.worker_count = 9}, rates(0, 0, 0), {}, reason::covered},
        {"zero and content", {}, {}, rates(0, 0, 0), {}, reason::steady},
        {"without data the averages rule", {}, {.worker_count = 2, .ewma_arrival_rate = 8.0}, {.why = cause::stats}, 5,
            reason::scale_up},
    };
    for (const row& r : rows) {
        rate_based::state st = r.before;
        const decision d = r.scaler.decide(st, r.seen, now);
        CHECK_MESSAGE(d.resize == r.size, r.why);
        CHECK_MESSAGE(d.reason == r.reason, r.why);
        CHECK_MESSAGE(d.read == 60s, r.why);
        CHECK_MESSAGE(st.worker_count == (r.size ? r.size : r.before.worker_count.value_or(0)), r.why);
        CHECK_MESSAGE(st.last_scale_up == (r.reason == reason::scale_up ? now : r.before.last_scale_up), r.why);
        CHECK_MESSAGE(st.last_scale_down == (r.reason == reason::scale_down ? now : r.before.last_scale_down), r.why);
    }
}

TEST_CASE("rate_based: the group's limits hold beside its own")
{
    struct row {
        const char* why;
        rate_based scaler;
        std::uint32_t before;
        mayfly::scaling_limits limits;
        bool wanted;
        scaling_signal seen;
        std::optional<std::uint32_t> size;
        mayfly::reason reason;
    };
    const scaling_signal much = rates(0, 1e6, 0), none = rates(0, 0, 0), missed = added({.not_matched = 1});
    const row rows[] = {
        {"a look stops at the group's maximum", {}, 2, {.max = 3}, true, much, 3, reason::scale_up},
        {"a missed task too", {}, 3, {.max = 3}, true, missed, {}, reason::at_maximum},
        {"its own is the tighter one", {.max_count = 4}, 4, {.max = 9}, true, missed, {}, reason::at_maximum},
        {"up to the group's minimum", {}, 1, {.min = 3}, true, none, 3, reason::scale_up},
        {"to it at once, with a look", {}, 1, {.min = 20}, true, none, 20, reason::scale_up},
        {"and with a missed task", {}, 1, {.min = 20}, true, missed, 20, reason::missed_match},
        {"not below the group's minimum", {.min_count = 1}, 3, {.min = 3}, true, none, {}, reason::covered},
        {"not below its own", {.min_count = 3}, 3, {.min = 1}, true, none, {}, reason::covered},
        {"below both where no work comes", {.min_count = 3}, 3, {.min = 2}, false, none, 2, reason::scale_down},
        {"a minimum above the maximum is the maximum", {.min_count = 8}, 3, {.max = 3}, true, none, {},
            reason::covered},
        {"more than it may have: at once, at a look", {.max_count = 10}, 100, {}, true, none, 9, reason::scale_down},
        {"and on whatever else comes", {}, 9, {.max = 5}, true, {.why = cause::changed}, 5, reason::scale_down},
        {"nothing may be", {}, 9, {.max = 0}, true, missed, 0, reason::scale_down},
    };
    for (const row& r : rows) {
        INFO(r.why);
        rate_based::state st{.worker_count = r.before};
        scaling_signal sig = r.seen;
        sig.limits = r.limits;
        sig.wanted = r.wanted;
        const decision d = r.scaler.decide(st, sig, 1000s);
        CHECK(d.resize == r.size);
        CHECK(d.reason == r.reason);
        CHECK(st.worker_count == r.size.value_or(r.before));
    }
    CHECK(rate_based{.max_count = 10}.planned({.worker_count = 100}) == 10);
}

TEST_CASE("rate_based: averages")
{
    const rate_based s;
    rate_based::state st;
    (void)s.decide(st, rates(0, 10, 20), 0s);
    CHECK_MESSAGE(st.ewma_arrival_rate == 10.0, "the first sample is taken as it is");
    CHECK(st.ewma_dispatch_rate == 20.0);

    (void)s.decide(st, rates(0, 20, 0), 60s);
    CHECK(*st.ewma_arrival_rate == doctest::Approx(0.45 * 20 + 0.55 * 10));
    CHECK(*st.ewma_dispatch_rate == doctest::Approx(0.55 * 20));

    const auto before = st;
    (void)s.decide(st, {.why = cause::stats}, 120s);
    CHECK_MESSAGE(st.ewma_arrival_rate == before.ewma_arrival_rate, "no data: they stay");

    (void)s.decide(st, rates(1, 0, 0), 180s);
    CHECK_MESSAGE(*st.ewma_arrival_rate > 0, "one task waits: not idle");
    (void)s.decide(st, rates(0, 0, 0), 240s);
    CHECK_MESSAGE(st.ewma_arrival_rate == 0.0, "idle: at once zero");
    CHECK(st.ewma_dispatch_rate == 0.0);
}

TEST_CASE("rate_based: the capacity is learnt where all are busy")
{
    struct row {
        const char* why;
        std::uint32_t n;
        scaling_signal seen;
        double capacity;
    };
    const double learnt = 0.45 * 5 + 0.55 * 2;
    const row rows[] = {
        {"a material backlog", 4, rates(50, 20, 20), learnt},
        {"one less is not material", 4, rates(49, 20, 20), 2},
        {"nobody works", 0, rates(50, 20, 20), 2},
        {"nothing is dispatched", 4, rates(50, 20, 0), 2},
    };
    for (const row& r : rows) {
        rate_based::state st{.worker_count = r.n};
        (void)rate_based{}.decide(st, r.seen, 0s);
        CHECK_MESSAGE(st.ewma_per_consumer_capacity.value_or(2) == doctest::Approx(r.capacity), r.why);
    }
}

TEST_CASE("rate_based: a type whose numbers are no numbers is left out")
{
    const queue_stats good{.backlog = 60, .add_rate = 8, .dispatch_rate = 8};
    for (double bad : {not_a_number, endless, -endless, -1.0}) {
        for (bool add : {true, false}) {
            const queue_stats wrong{.backlog = 1000, .add_rate = add ? bad : 1, .dispatch_rate = add ? 1 : bad};
            rate_based::state st;
            (void)rate_based{}.decide(st, {.why = cause::stats, .stats = {good, wrong, std::nullopt}}, 0s);
            CHECK(st.ewma_arrival_rate == 8.0);

            rate_based::state alone{.ewma_arrival_rate = 3.0};
            (void)rate_based{}.decide(alone, {.why = cause::stats, .stats = {wrong, std::nullopt, std::nullopt}}, 0s);
            CHECK_MESSAGE(alone.ewma_arrival_rate == 3.0, "none is left: no data");
        }
    }
    rate_based::state st;
    (void)rate_based{}.decide(st, {.why = cause::stats, .stats = {good, good, std::nullopt}}, 0s);
    CHECK_MESSAGE(st.ewma_arrival_rate == 16.0, "types are summed");
}

TEST_CASE("rate_based: a slot that makes no sense counts as unset")
{
    for (double bad : {not_a_number, endless, -1.0}) {
        rate_based::state st{.ewma_arrival_rate = bad, .ewma_dispatch_rate = bad, .ewma_per_consumer_capacity = bad};
        const decision d = rate_based{}.decide(st, rates(0, 8, 8), 0s);
        CHECK(d.resize == 4);
        CHECK(st.ewma_arrival_rate == 8.0);
        CHECK(st.ewma_dispatch_rate == 8.0);
    }
    rate_based::state none{.ewma_per_consumer_capacity = 0.0};
    CHECK(rate_based{}.decide(none, rates(0, 2, 2), 0s).resize == 2);
}

TEST_CASE("rate_based: the size that binds queues is at least one, and planned from then on")
{
    struct row {
        const char* why;
        rate_based scaler;
        std::optional<std::uint32_t> planned;
        std::uint32_t size;
    };
    const row rows[] = {
        {"nothing planned", {}, {}, 1},
        {"as planned", {}, 7, 7},
        {"within a maximum that was lowered", {.max_count = 5}, 7, 5},
        {"within a minimum that was raised", {.min_count = 9}, 7, 9},
    };
    for (const row& r : rows) {
        rate_based::state st{.worker_count = r.planned};
        CHECK_MESSAGE(r.scaler.bootstrap(st) == r.size, r.why);
        CHECK_MESSAGE(r.scaler.planned(st) == r.size, r.why);
    }
}

TEST_CASE("rate_based: looks keep their time")
{
    const rate_based s{.first_metrics_poll = 7s};
    rate_based::state st;
    CHECK(s.decide(st, {.why = cause::begin}, 1s).read == 7s);
    CHECK(s.decide(st, {.why = cause::workers}, 3s).read == 5s);
    CHECK(s.decide(st, rates(0, 0, 0), 8s).read == 60s);
    CHECK(s.decide(st, {.why = cause::no_stats}, 68s).read == 5min);
}
