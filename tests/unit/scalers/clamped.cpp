// SPDX-License-Identifier: BSL-1.0
#include "../../support/scripted_scaler.hpp"

#include <mayfly/scalers/clamped.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/scalers/rate_based.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>

using namespace std::chrono_literals;
using mayfly::cause;
using mayfly::clamped;
using mayfly::condition;
using mayfly::decision;
using mayfly::fleet_view;
using mayfly::launch_strategy;
using mayfly::never;
using mayfly::reason;
using mayfly::scaling_limits;
using mayfly::scaling_signal;
using mayfly::uptime;
using mayfly_test::scripted_sizes;
using mayfly_test::scripted_starts;

static_assert(mayfly::Scaler<clamped<mayfly::no_sync>, scaling_signal>);
static_assert(mayfly::strategy_of<clamped<mayfly::no_sync>>() == launch_strategy::invoke);
static_assert(mayfly::strategy_of<clamped<mayfly::rate_based>>() == launch_strategy::worker_set);

TEST_CASE("clamped: starts stay within the bounds")
{
    struct row {
        const char* why;
        scaling_limits own;
        scaling_limits group;
        std::uint32_t wish;
        fleet_view fleet;
        bool wanted;
        std::uint32_t launch;
        std::uint32_t stay;
        std::uint32_t held_back;
        mayfly::reason reason;
    };
    const auto wish = reason::backlog;
    const row rows[] = {
        {"no bounds, no change", {}, {}, 7, {}, true, 7, 0, 0, wish},
        {"up to the maximum", {.max = 5}, {}, 7, {.live = 2}, true, 3, 0, 4, wish},
        {"whatever starts counts", {.max = 5}, {}, 7, {.asked = 1, .starting = 1, .live = 2}, true, 1, 0, 6, wish},
        {"nothing at the maximum", {.max = 5}, {}, 7, {.live = 5}, true, 0, 0, 7, reason::at_maximum},
        {"nothing above it", {.max = 5}, {}, 7, {.live = 9}, true, 0, 0, 7, reason::at_maximum},
        {"workers that leave still count", {.max = 5}, {}, 7, {.live = 5, .leaving = 3}, true, 0, 0, 7,
            reason::at_maximum},
        {"the group's maximum is tighter", {.max = 5}, {.max = 3}, 7, {}, true, 3, 0, 4, wish},
        {"one's own is tighter", {.max = 3}, {.max = 5}, 7, {}, true, 3, 0, 4, wish},
        {"the minimum without a wish", {.min = 3}, {}, 0, {.live = 1}, true, 2, 2, 0, reason::minimum},
        {"the group's minimum", {}, {.min = 3}, 0, {.live = 1}, true, 2, 2, 0, reason::minimum},
        {"the minimum is kept", {.min = 3}, {}, 0, {.starting = 2, .live = 1}, true, 0, 0, 0, reason::steady},
        {"a wish below the minimum", {.min = 3}, {}, 1, {}, true, 3, 3, 0, wish},
        {"a wish above the minimum", {.min = 3}, {}, 5, {}, true, 5, 3, 0, wish},
        {"one of the minimum is near its end", {.min = 3}, {}, 0, {.live = 3, .leaving = 1}, true, 1, 1, 0,
            reason::renewal},
        {"and is replaced already", {.min = 3}, {}, 0, {.starting = 1, .live = 3, .leaving = 1}, true, 0, 0, 0,
            reason::steady},
        {"but not above the maximum", {.min = 3, .max = 3}, {}, 0, {.live = 3, .leaving = 1}, true, 0, 0, 0,
            reason::steady},
        {"a minimum above the maximum is the maximum", {.min = 9, .max = 3}, {}, 0, {}, true, 3, 3, 0, reason::minimum},
        {"no minimum where no work can come", {.min = 3}, {}, 0, {}, false, 0, 0, 0, reason::steady},
    };
    for (const row& r : rows) {
        const clamped<scripted_starts> s{
            .inner = {{.launch = r.wish, .reason = r.wish > 0 ? wish : reason::steady}}, .limits = r.own};
        clamped<scripted_starts>::state st;
        const decision d = s.decide(st, {.fleet = r.fleet, .limits = r.group, .wanted = r.wanted}, 1s);
        CHECK_MESSAGE(d.launch == r.launch, r.why);
        CHECK_MESSAGE(d.stay == r.stay, r.why);
        CHECK_MESSAGE(d.held_back == r.held_back, r.why);
        CHECK_MESSAGE(d.reason == r.reason, r.why);
    }
}

TEST_CASE("clamped: the inner scaler sees the tighter bounds, and its times are kept")
{
    const clamped<scripted_starts> s{.inner = {{.revisit = 5s, .read = 7s}}, .limits = {.min = 1, .max = 9}};
    clamped<scripted_starts>::state st;
    const decision d = s.decide(st, {.fleet = {.live = 5}, .limits = {.min = 2, .max = 20}}, 1s);
    CHECK(d == decision{.revisit = 5s, .read = 7s});
    CHECK(st.inner.seen.limits == scaling_limits{2, 9});
}

TEST_CASE("clamped: a provider that refuses is not asked for the minimum all the time")
{
    const clamped<scripted_starts> s{.limits = {.min = 2}};
    clamped<scripted_starts>::state st;
    CHECK(s.decide(st, {.why = cause::begin}, 0s).launch == 2);

    const auto refused = [&](std::uint32_t n, uptime now) {
        return s.decide(st, {.why = cause::launched, .fleet = {.refused = n}, .outcome = condition::throttled}, now);
    };
    CHECK(refused(1, 1s) == decision{.revisit = 1s, .reason = reason::provider_backoff});
    const decision still = s.decide(st, {.why = cause::wake, .fleet = {.refused = 1}}, 1500ms);
    CHECK(still == decision{.revisit = 500ms, .reason = reason::provider_backoff});
    CHECK(s.decide(st, {.why = cause::wake, .fleet = {.refused = 1}}, 2s).launch == 2);
    CHECK(refused(2, 3s).revisit == 2s);
    CHECK_MESSAGE(refused(3, 4s).revisit == 1s, "another answer to the same attempt");
    CHECK(refused(4, 6s).revisit == 4s);
    for (const uptime wait : {8s, 16s, 32s, 60s, 60s})
        CHECK(refused(5, 10s + wait * 2).revisit == wait);
    CHECK_MESSAGE(s.decide(st, {.why = cause::launched}, 21s).launch == 2, "somebody got through");
}

TEST_CASE("clamped: starts that come to nothing are made for the minimum ever more slowly")
{
    const clamped<scripted_starts> s{.limits = {.min = 1}};
    clamped<scripted_starts>::state st;
    CHECK(s.decide(st, {.why = cause::begin}, 0s).launch == 1);
    CHECK(s.decide(st, {.why = cause::launched, .fleet = {.starting = 1}}, 1s).launch == 0);
    uptime now = 30s;
    uptime wait = 1s;
    for (std::uint32_t dead = 1; dead < 6; ++dead) {
        const fleet_view none{.given_up = dead};
        CHECK(s.decide(st, {.why = cause::workers, .fleet = none}, now).revisit == wait);
        now += wait;
        CHECK(s.decide(st, {.fleet = none}, now).launch == 1);
        // That the provider accepts says nothing.
        CHECK(s.decide(st, {.why = cause::launched, .fleet = {.starting = 1, .given_up = dead}}, now).launch == 0);
        now += 30s;
        wait *= 2;
    }
    CHECK_MESSAGE(s.decide(st, {.why = cause::workers, .fleet = {.given_up = 6}}, now).launch == 0, "dead again");
    CHECK_MESSAGE(s.decide(st, {.why = cause::workers}, now).launch == 1, "one was seen, and has gone");
}

TEST_CASE("clamped: a set keeps its size within the bounds")
{
    struct row {
        const char* why;
        scaling_limits limits;
        std::optional<std::uint32_t> size;
        std::optional<std::uint32_t> wish;
        std::uint32_t live;
        bool wanted;
        std::optional<std::uint32_t> resize;
        std::uint32_t held_back;
        mayfly::reason reason;
    };
    const auto wish = reason::scale_up;
    const row rows[] = {
        {"within", {.min = 1, .max = 5}, {}, 3, 0, true, 3, 0, wish},
        {"down to the maximum", {.max = 5}, {}, 8, 0, true, 5, 3, reason::at_maximum},
        {"up to the minimum", {.min = 3}, {}, 1, 0, true, 3, 0, reason::minimum},
        {"no minimum where no work can come", {.min = 3}, {}, 1, 0, false, 1, 0, wish},
        {"no wish, within", {.min = 1, .max = 5}, 3, {}, 3, true, {}, 0, reason::steady},
        {"no wish, no size known, too few are seen", {.min = 2}, {}, {}, 0, true, 2, 0, reason::minimum},
        {"no wish, no size known, enough are seen", {.min = 2}, {}, {}, 4, true, {}, 0, reason::steady},
        {"no wish, and the minimum was raised", {.min = 4}, 3, {}, 3, true, 4, 0, reason::minimum},
        {"no wish, and the maximum was lowered", {.max = 2}, 3, {}, 3, true, 2, 1, reason::at_maximum},
        {"the same size again is no call", {.max = 5}, 5, 8, 5, true, {}, 3, reason::at_maximum},
        {"the size asked for, not the one seen", {.max = 5}, 5, {}, 0, true, {}, 0, reason::steady},
    };
    for (const row& r : rows) {
        const clamped<scripted_sizes> s{
            .inner = {{.resize = r.wish, .reason = r.wish ? wish : reason::steady}}, .limits = r.limits};
        clamped<scripted_sizes>::state st{.size = r.size};
        const decision d = s.decide(st, {.fleet = {.live = r.live}, .wanted = r.wanted}, 1s);
        CHECK_MESSAGE(d.resize == r.resize, r.why);
        CHECK_MESSAGE(d.launch == 0, r.why);
        CHECK_MESSAGE(d.held_back == r.held_back, r.why);
        CHECK_MESSAGE(d.reason == r.reason, r.why);
        CHECK_MESSAGE(st.size == (r.resize ? r.resize : r.size), r.why);
    }
}

TEST_CASE("clamped: a size that was refused may be asked for again")
{
    const clamped<scripted_sizes> s{.inner = {{.resize = 8}}, .limits = {.max = 5}};
    clamped<scripted_sizes>::state st;
    CHECK(s.decide(st, {}, 0s).resize == 5);
    CHECK_FALSE(s.decide(st, {}, 1s).resize);
    CHECK(s.decide(st, {.why = cause::launched, .outcome = condition::transient}, 2s).resize == 5);

    const clamped<scripted_sizes> quiet{.limits = {.min = 2}};
    st = {};
    CHECK(quiet.decide(st, {}, 0s).resize == 2);
    const scaling_signal failed{.why = cause::launched, .fleet = {.refused = 1}, .outcome = condition::transient};
    CHECK_MESSAGE(quiet.decide(st, failed, 1s) == decision{.revisit = 1s}, "the minimum waits");
    CHECK(quiet.decide(st, {.why = cause::wake}, 2s).resize == 2);
}

TEST_CASE("clamped: no_sync with bounds")
{
    const clamped<mayfly::no_sync> s{.inner = {.scale_up_cooloff = 0s}, .limits = {.min = 1, .max = 2}};
    clamped<mayfly::no_sync>::state st;
    const scaling_signal missed{.why = cause::added, .added = {.not_matched = 1}, .fleet = {.live = 1}};
    CHECK(s.decide(st, {.why = cause::begin}, 0s).launch == 1);
    CHECK(s.decide(st, missed, 1s).launch == 1);
    scaling_signal full = missed;
    full.fleet.live = 2;
    const decision d = s.decide(st, full, 2s);
    CHECK(d.launch == 0);
    CHECK(d.held_back == 1);
}
