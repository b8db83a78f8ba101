// SPDX-License-Identifier: BSL-1.0
#include "../../support/numbers.hpp"

#include <mayfly/scalers/reference_status.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

using namespace std::chrono_literals;
using namespace std::string_literals;
using mayfly::from_status;
using mayfly::no_sync;
using mayfly::rate_based;
using mayfly::setting;
using mayfly::to_status;
using mayfly::uptime;
using mayfly::wall_time;
using mayfly_test::endless;
using mayfly_test::not_a_number;

namespace {

constexpr wall_time began{1'700'000'000'000ms};
constexpr std::int64_t began_ms = 1'700'000'000'000;

const no_sync::state suppressing{
    .last_scale_up = 5s,
    .types = {{{.within_epsilon_since = -2s, .ref_rate = 2.5, .suppressed_until = 9s}, {}, {.ref_rate = 1.0}}},
};

const rate_based::state running{
    .worker_count = 7,
    .ewma_arrival_rate = 1.5,
    .ewma_dispatch_rate = 0.0,
    .ewma_per_consumer_capacity = 2.5,
    .last_scale_up = 1s,
    .last_scale_down = 2s,
    .last_no_sync_match = 3s,
};

}  // namespace

TEST_CASE("status slots are spelled as the reference spells them")
{
    const mayfly::settings no_sync_slots{
        {"last_scale_up_time_ms", began_ms + 5000},
        {"workflow_dispatch_rate_within_epsilon_since_ms", began_ms - 2000},
        {"workflow_dispatch_ref_rate", 2.5},
        {"workflow_suppress_scale_up_until_ms", began_ms + 9000},
        {"nexus_dispatch_ref_rate", 1.0},
    };
    CHECK(to_status(suppressing, began) == no_sync_slots);
    CHECK(to_status(no_sync::state{}, began).empty());

    const mayfly::settings rate_based_slots{
        {"worker_count", 7},
        {"ewma_arrival_rate", 1.5},
        {"ewma_dispatch_rate", 0.0},
        {"ewma_per_consumer_capacity", 2.5},
        {"last_scale_up_time_ms", began_ms + 1000},
        {"last_scale_down_time_ms", began_ms + 2000},
        {"last_no_sync_match_time_ms", began_ms + 3000},
    };
    CHECK(to_status(running, began) == rate_based_slots);
    CHECK(to_status(rate_based::state{}, began).empty());
}

TEST_CASE("what was kept is read again, also by a later run")
{
    no_sync::state a;
    from_status(to_status(suppressing, began), began, a);
    CHECK(a == suppressing);
    rate_based::state b;
    from_status(to_status(running, began), began, b);
    CHECK(b == running);

    from_status(to_status(running, began), began + 1h, b);
    CHECK(b.last_scale_up == 1s - 1h);
    CHECK_MESSAGE(rate_based{}.decide(b, {.why = mayfly::cause::added, .added = {.not_matched = 1}}, 0s).resize == 8,
        "long ago: no cool-down");
    from_status(to_status(running, began), began + 2s, b);
    CHECK_MESSAGE(!rate_based{}.decide(b, {.why = mayfly::cause::added, .added = {.not_matched = 1}}, 900ms).resize,
        "a restart does not forget the cool-down");
}

TEST_CASE("a moment is never kept as later than it was")
{
    no_sync::state st;
    from_status(to_status(no_sync::state{.last_scale_up = 1999us}, began), began, st);
    CHECK(st.last_scale_up == 1ms);
    from_status(to_status(no_sync::state{.last_scale_up = -1us}, began), began, st);
    CHECK(st.last_scale_up == -1ms);
}

TEST_CASE("a slot that makes no sense is dropped, and the others are not")
{
    struct row {
        const char* why;
        const char* key;
        setting value;
    };
    const row rows[] = {
        {"text", "worker_count", "5"s},
        {"a truth value", "worker_count", true},
        {"a fraction", "worker_count", 5.5},
        {"negative", "worker_count", -1},
        {"beyond 32 bits", "worker_count", std::int64_t{1} << 31},
        {"a negative rate", "ewma_arrival_rate", -1.0},
        {"no number", "ewma_arrival_rate", not_a_number},
        {"endless", "ewma_dispatch_rate", endless},
        {"text", "ewma_dispatch_rate", "1.5"s},
        {"a capacity of nothing", "ewma_per_consumer_capacity", 0.0},
        {"a negative moment", "last_scale_up_time_ms", -5},
        {"the reference's never", "last_scale_up_time_ms", 0},
        {"beyond all clocks", "last_scale_down_time_ms", std::numeric_limits<std::int64_t>::max()},
        {"a moment with a fraction", "last_no_sync_match_time_ms", 0.5},
    };
    for (const row& r : rows) {
        mayfly::settings slots = to_status(running, began);
        slots.at(r.key) = r.value;
        mayfly::settings rest = to_status(running, began);
        rest.erase(r.key);
        rate_based::state st;
        from_status(slots, began, st);
        CHECK_MESSAGE(to_status(st, began) == rest, r.why);
    }

    mayfly::settings slots = to_status(running, began);
    slots.emplace("from_the_future", 1);
    rate_based::state st;
    from_status(slots, began, st);
    CHECK(st == running);

    slots.at("worker_count") = 9.0;
    from_status(slots, began, st);
    CHECK_MESSAGE(st.worker_count == 9, "an integral float is an integer");
}
