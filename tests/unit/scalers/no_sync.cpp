// SPDX-License-Identifier: BSL-1.0
#include "../../support/numbers.hpp"
#include "../../support/scaling_signals.hpp"

#include <mayfly/scalers/metrics_poll.hpp>
#include <mayfly/scalers/no_sync.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <type_traits>

using namespace std::chrono_literals;
using mayfly::cause;
using mayfly::decision;
using mayfly::never;
using mayfly::no_sync;
using mayfly::queue_stats;
using mayfly::reason;
using mayfly::scaling_signal;
using mayfly::task_type;
using mayfly::uptime;
using mayfly_test::added;
using mayfly_test::endless;
using mayfly_test::missed;
using mayfly_test::not_a_number;

// Nothing in it can allocate.
static_assert(std::is_trivially_copyable_v<no_sync::state>);

namespace {

scaling_signal type_stats(std::optional<queue_stats> workflow, std::optional<queue_stats> activity = {})
{
    return {.why = cause::stats, .stats = {workflow, activity, std::nullopt}};
}

scaling_signal backlog(std::uint64_t n, double dispatch_rate = 0)
{
    return type_stats(std::nullopt, queue_stats{.backlog = n, .dispatch_rate = dispatch_rate});
}

// A state whose next regular look is due at any time.
no_sync::state started(uptime last)
{
    return {.last_scale_up = last};
}

constexpr no_sync flat{.scale_up_dispatch_rate_epsilon = 0.1};

}  // namespace

TEST_CASE("no_sync: an added task starts one worker or none")
{
    struct row {
        const char* why;
        no_sync scaler;
        std::optional<uptime> last;
        scaling_signal seen;
        std::uint32_t launch;
        mayfly::reason reason;
        std::uint32_t held_back;
    };
    const row rows[] = {
        {"the first", {}, {}, missed(), 1, reason::missed_match, 0},
        {"one, however many are missed", {}, {}, missed(500), 1, reason::missed_match, 0},
        {"behind a backlog is missed too", {}, {}, added({.behind_backlog = 1}), 1, reason::missed_match, 0},
        {"matched only: nothing", {}, {}, added({.matched = 9}), 0, reason::steady, 0},
        {"nothing at all", {}, {}, added({}), 0, reason::steady, 0},
        {"limited: more workers do not help", {}, {}, added({.rate_limited = 9}), 0, reason::rate_limited, 0},
        {"in the cool-off the batch is held back", {}, 9901ms, missed(7), 0, reason::cooling_off, 7},
        {"the limited ones were not wished for", {}, 9901ms, added({.not_matched = 2, .rate_limited = 5}), 0,
            reason::cooling_off, 2},
        {"exactly the cool-off passes", {}, 9900ms, missed(), 1, reason::missed_match, 0},
        {"no cool-off: twice in one instant", {.scale_up_cooloff = 0s}, 10s, missed(), 1, reason::missed_match, 0},
        {"a start in the future is not remembered", {}, 11s, missed(), 1, reason::missed_match, 0},
        {"nor one before all time", {}, uptime::min(), missed(), 1, reason::missed_match, 0},
        {"a start of an earlier run counts", {.scale_up_cooloff = 20s}, -5s, missed(3), 0, reason::cooling_off, 3},
    };
    for (const row& r : rows) {
        no_sync::state st{.last_scale_up = r.last};
        const decision d = r.scaler.decide(st, r.seen, 10s);
        CHECK_MESSAGE(d.launch == r.launch, r.why);
        CHECK_MESSAGE(d.reason == r.reason, r.why);
        CHECK_MESSAGE(d.held_back == r.held_back, r.why);
        CHECK_MESSAGE(st.last_scale_up == (r.launch > 0 ? uptime{10s} : r.last), r.why);
    }
}

TEST_CASE("no_sync: a look at the statistics starts one worker or none")
{
    struct row {
        const char* why;
        no_sync scaler;
        std::optional<uptime> last;
        scaling_signal seen;
        std::uint32_t launch;
        mayfly::reason reason;
    };
    const uptime now = 20min;
    const row rows[] = {
        {"a first look without memory", {}, {}, backlog(1), 1, reason::backlog},
        {"nothing waits", {}, {}, backlog(0), 0, reason::steady},
        {"no data is not zero, and not a wish", {}, {}, type_stats({}, {}), 0, reason::steady},
        {"the threshold itself is not above it", {.scale_up_backlog_threshold = 5}, now - 1min, backlog(5), 0,
            reason::steady},
        {"one more is", {.scale_up_backlog_threshold = 5}, now - 1min, backlog(6), 1, reason::backlog},
        {"several types, one worker", {}, {}, type_stats(queue_stats{.backlog = 9}, queue_stats{.backlog = 9}), 1,
            reason::backlog},
        {"one type waits", {}, {}, type_stats(queue_stats{}, queue_stats{.backlog = 9}), 1, reason::backlog},
        {"in the cool-off", {}, now - 99ms, backlog(6), 0, reason::cooling_off},
        {"exactly the cool-off passes", {}, now - 100ms, backlog(6), 1, reason::backlog},
        {"below the threshold, but the last start is a lifetime ago", {.scale_up_backlog_threshold = 5}, now - 10min,
            backlog(1), 1, reason::refresh},
        {"not quite a lifetime ago", {.scale_up_backlog_threshold = 5}, now - 10min + 1us, backlog(1), 0,
            reason::steady},
        {"nothing to refresh for", {}, now - 10min, backlog(0), 0, reason::steady},
        {"refresh off", {.scale_up_backlog_threshold = 5, .max_worker_lifetime = 0s}, now - 10min, backlog(1), 0,
            reason::steady},
        {"refresh in the cool-off", {.scale_up_cooloff = 11min}, now - 10min, backlog(1), 1, reason::refresh},
    };
    for (const row& r : rows) {
        no_sync::state st{.last_scale_up = r.last};
        const decision d = r.scaler.decide(st, r.seen, now);
        CHECK_MESSAGE(d.launch == r.launch, r.why);
        CHECK_MESSAGE(d.reason == r.reason, r.why);
        CHECK_MESSAGE(d.held_back == 0, r.why);
        CHECK_MESSAGE(d.read == 60s, r.why);
        CHECK_MESSAGE(st.last_scale_up == (r.launch > 0 ? now : r.last), r.why);
    }
}

TEST_CASE("no_sync: looks keep their time, whatever else happens")
{
    const no_sync s{.first_metrics_poll = 7s};
    no_sync::state st;
    CHECK(s.decide(st, {.why = cause::begin}, 1s).read == 7s);
    CHECK(s.decide(st, missed(), 3s).read == 5s);
    CHECK(s.decide(st, {.why = cause::launched}, 4s).read == 4s);
    CHECK_MESSAGE(s.decide(st, missed(), 9s).read == 0s, "overdue");
    CHECK(s.decide(st, backlog(0), 10s) == decision{.read = 60s});
    CHECK(s.decide(st, {.why = cause::wake}, 11s) == decision{.read = 59s});
    CHECK_MESSAGE(s.decide(st, backlog(9), 12s) == decision{.read = 58s}, "read for somebody else");
    CHECK_MESSAGE(s.decide(st, {.why = cause::no_stats}, 12s).read == 58s, "likewise");
    CHECK_MESSAGE(s.decide(st, {.why = cause::no_stats}, 71s).read == 5min, "a failed look");
    CHECK(s.decide(st, {.why = cause::workers}, 72s).read == 4min + 59s);
    CHECK(s.decide(st, {.why = cause::changed}, 73s).read == 4min + 58s);

    no_sync::state cold;
    CHECK_MESSAGE(no_sync{}.decide(cold, {.why = cause::begin}, 1s).read == 0s, "by default at once");
}

TEST_CASE("the next look is 30 s to 5 min away")
{
    CHECK(mayfly::next_metrics_poll(10s, false) == 30s);
    CHECK(mayfly::next_metrics_poll(30s, false) == 30s);
    CHECK(mayfly::next_metrics_poll(60s, false) == 60s);
    CHECK(mayfly::next_metrics_poll(5min, false) == 5min);
    CHECK(mayfly::next_metrics_poll(1h, false) == 5min);
    CHECK(mayfly::next_metrics_poll(60s, true) == 5min);

    no_sync::state st;
    CHECK(no_sync{.metrics_poll_interval = 10s}.decide(st, backlog(0), 0s).read == 30s);
}

TEST_CASE("no_sync: a rate that does not move suppresses starts")
{
    no_sync::state st;
    uptime now = 1h;
    const auto look = [&](const scaling_signal& sig, uptime at) { return flat.decide(st, sig, now = at); };

    CHECK_MESSAGE(look(backlog(9, 100), 1h).launch == 1, "the rate is remembered");
    CHECK_MESSAGE(look(backlog(9, 110), 1h + 60s).launch == 1, "exactly the band, but not confirmed yet");
    const decision d = look(backlog(9, 90), 1h + 120s);
    CHECK_MESSAGE(d.launch == 0, "confirmed: the other end of the band");
    CHECK(d.reason == reason::suppressed);
    CHECK(d.read == 90s);
    CHECK(st.types[1].suppressed_until == 1h + 240s);

    CHECK(flat.decide(st, missed(4), 1h + 130s) == decision{.read = 80s, .reason = reason::suppressed, .held_back = 4});
    CHECK_MESSAGE(
        flat.decide(st, {.why = cause::added, .type = task_type::workflow, .added = {.not_matched = 1}}, 1h + 130s)
                .launch == 1,
        "only this type is suppressed");

    SUBCASE("each look renews it")
    {
        CHECK(look(backlog(9, 100), 1h + 210s).reason == reason::suppressed);
        CHECK(st.types[1].suppressed_until == 1h + 330s);
    }
    SUBCASE("it ends when the rate leaves the band")
    {
        const decision end = look(backlog(9, 111), 1h + 210s);
        CHECK(end.launch == 1);
        CHECK(end.read == 60s);
        CHECK(st.types[1] == no_sync::type_state{});
    }
    SUBCASE("it ends when the backlog goes")
    {
        CHECK(look(backlog(0, 100), 1h + 210s).read == 60s);
        CHECK(st.types[1] == no_sync::type_state{});
        CHECK(flat.decide(st, missed(), 1h + 211s).launch == 1);
    }
    SUBCASE("it ends when nothing is dispatched")
    {
        CHECK(look(backlog(9, 0), 1h + 210s).launch == 1);
        CHECK(st.types[1] == no_sync::type_state{});
    }
    SUBCASE("a rate that is no number is no rate")
    {
        CHECK(look(backlog(9, not_a_number), 1h + 210s).launch == 1);
        CHECK(st.types[1] == no_sync::type_state{});
    }
    SUBCASE("a type without data keeps its state")
    {
        const auto before = st.types[1];
        CHECK(look(type_stats(queue_stats{}, {}), 1h + 210s).read == 90s);
        CHECK(st.types[1] == before);
    }
    SUBCASE("it ends by itself if looks fail")
    {
        CHECK(flat.decide(st, missed(), 1h + 240s - 1us).launch == 0);
        CHECK(flat.decide(st, missed(), 1h + 240s).launch == 1);
    }
    SUBCASE("a refresh is never suppressed")
    {
        no_sync refreshing = flat;
        refreshing.max_worker_lifetime = 30s;
        const decision end = refreshing.decide(st, backlog(9, 100), 1h + 210s);
        CHECK(end.launch == 1);
        CHECK(end.reason == reason::refresh);
    }
    SUBCASE("turned off, all is forgotten")
    {
        CHECK(no_sync{}.decide(st, missed(), 1h + 131s).launch == 1);
        CHECK(no_sync{}.decide(st, backlog(9, 100), 1h + 210s).launch == 1);
        CHECK(st.types[1] == no_sync::type_state{});
    }
}

TEST_CASE("no_sync: a rate is confirmed as soon as it has stayed put for the whole time")
{
    no_sync s = flat;
    s.metrics_poll_interval = 30s;
    no_sync::state st;
    CHECK(s.decide(st, backlog(9, 100), 1h).launch == 1);
    CHECK(s.decide(st, backlog(9, 100), 1h + 90s - 1us).launch == 1);
    CHECK(s.decide(st, backlog(9, 100), 1h + 120s).reason == reason::suppressed);

    st = {};
    CHECK(s.decide(st, backlog(9, 100), 1h).launch == 1);
    CHECK(s.decide(st, backlog(9, 100), 1h + 90s).reason == reason::suppressed);
}

TEST_CASE("no_sync: a slot that cannot have been written is dropped")
{
    using slots = no_sync::type_state;
    struct row {
        const char* why;
        slots stored;
    };
    const uptime now = 1h;
    const row rows[] = {
        {"a rate without a time", {.ref_rate = 100.0}},
        {"a time without a rate", {.within_epsilon_since = 0s}},
        {"a rate that is no number", {.within_epsilon_since = 0s, .ref_rate = not_a_number}},
        {"an endless rate", {.within_epsilon_since = 0s, .ref_rate = endless}},
        {"a negative rate", {.within_epsilon_since = 0s, .ref_rate = -1.0}},
        {"a time to come", {.within_epsilon_since = 2h, .ref_rate = 100.0}},
        {"an endless lease", {.suppressed_until = never}},
        {"one longer than the setting", {.suppressed_until = now + 120s + 1us}},
    };
    const slots fresh{.within_epsilon_since = now, .ref_rate = 100.0};
    for (const row& r : rows) {
        auto st = started(0s);
        st.types[1] = r.stored;
        CHECK_MESSAGE(flat.decide(st, missed(), now).launch == 1, r.why);
        st.last_scale_up = 0s;
        CHECK_MESSAGE(flat.decide(st, backlog(9, 100), now).launch == 1, r.why);
        CHECK_MESSAGE(st.types[1] == fresh, r.why);
    }
}
