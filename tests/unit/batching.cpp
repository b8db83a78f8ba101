// SPDX-License-Identifier: BSL-1.0
#include <mayfly/batching.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <optional>
#include <vector>

using namespace std::chrono_literals;
using enum mayfly::add_outcome;
using mayfly::add_counts;
using mayfly::add_outcome;
using mayfly::batch_rules;
using mayfly::never;
using mayfly::task_added;
using mayfly::task_batcher;
using mayfly::task_type;
using mayfly::uptime;

namespace {

constexpr batch_rules ours{};
constexpr batch_rules reference = batch_rules::reference();

task_added sent(const add_counts& counts)
{
    return {task_type::activity, counts};
}

}  // namespace

TEST_CASE("one more add is sent or kept")
{
    struct add {
        uptime at;
        add_outcome outcome;
    };
    struct row {
        const char* why;
        batch_rules rules;
        std::vector<add> before;
        add last;
        std::optional<add_counts> out;
    };
    const row rows[] = {
        {"the first add goes at once", ours, {}, {0s, not_matched}, add_counts{.not_matched = 1}},
        {"whatever became of it", ours, {}, {0s, matched}, add_counts{.matched = 1}},
        {"499 ms after a signal", ours, {{1s, not_matched}}, {1499ms, not_matched}, {}},
        {"500 ms is not more than 500 ms", ours, {{1s, not_matched}}, {1500ms, not_matched}, {}},
        {"501 ms after a signal", ours, {{1s, not_matched}}, {1501ms, not_matched}, add_counts{.not_matched = 1}},
        {"all that was gathered goes along", ours, {{1s, not_matched}, {1100ms, matched}, {1200ms, not_matched}},
            {1501ms, behind_backlog}, add_counts{.matched = 1, .not_matched = 1, .behind_backlog = 1}},
        {"a task behind a backlog is missed too", ours, {{0s, matched}}, {1us, behind_backlog},
            add_counts{.behind_backlog = 1}},
        {"matched only waits a minute", ours, {{0s, matched}}, {60s, matched}, {}},
        {"and no longer", ours, {{0s, matched}}, {60s + 1us, matched}, add_counts{.matched = 1}},
        {"limited only waits a minute: nothing is asked", ours, {{0s, rate_limited}}, {2s, rate_limited}, {}},
        {"limited only is told after a minute", ours, {{0s, rate_limited}}, {61s, rate_limited},
            add_counts{.rate_limited = 1}},
        {"a signal of matched tasks does not delay a missed one", ours,
            {{0s, not_matched}, {50s, matched}, {61s, matched}}, {61s + 1ms, not_matched},
            add_counts{.not_matched = 1}},
        {"in the reference it does", reference, {{0s, matched}}, {1ms, not_matched}, {}},
        {"for 500 ms", reference, {{0s, matched}}, {500ms + 1us, not_matched}, add_counts{.not_matched = 1}},
        {"limited as missed: as the reference counts", {.limited_is_missed = true}, {{0s, rate_limited}},
            {501ms, rate_limited}, add_counts{.not_matched = 1}},
        {"a window of zero is the default", {.missed_window = 0s}, {{0s, not_matched}}, {500ms, not_matched}, {}},
        {"a negative window is the default", {.matched_window = -1s}, {{0s, matched}}, {60s, matched}, {}},
        {"a window of one's own", {.missed_window = 50ms}, {{0s, not_matched}}, {51ms, not_matched},
            add_counts{.not_matched = 1}},
    };
    for (const row& r : rows) {
        task_batcher b{task_type::activity, r.rules};
        for (const add& a : r.before)
            (void)b.add(a.outcome, a.at);
        const auto out = b.add(r.last.outcome, r.last.at);
        CHECK_MESSAGE(out == (r.out ? std::optional{sent(*r.out)} : std::nullopt), r.why);
    }
}

TEST_CASE("the end of a burst is told by the timer")
{
    task_batcher b{task_type::activity};
    CHECK(b.next_flush() == never);
    CHECK(b.add(not_matched, 0s));
    CHECK(b.next_flush() == never);
    for (uptime t = 1ms; t < 5ms; t += 1ms)
        CHECK_FALSE(b.add(not_matched, t));
    CHECK(b.next_flush() == 500ms + 1us);
    CHECK_FALSE(b.flush(500ms));
    CHECK(b.flush(500ms + 1us) == sent({.not_matched = 4}));
    CHECK_FALSE(b.flush(2s));
    CHECK(b.next_flush() == never);
}

TEST_CASE("matched tasks are flushed too, a minute later")
{
    task_batcher b{task_type::activity};
    CHECK(b.add(matched, 1s));
    CHECK_FALSE(b.add(matched, 2s));
    CHECK(b.next_flush() == 61s + 1us);
    CHECK(b.flush(61s + 1us) == sent({.matched = 1}));
}

TEST_CASE("the reference has no timer and forgets the end of a burst")
{
    task_batcher b{task_type::activity, reference};
    CHECK(b.add(not_matched, 0s));
    CHECK_FALSE(b.add(not_matched, 1ms));
    CHECK(b.next_flush() == never);
    CHECK_FALSE(b.flush(1h));
    CHECK(b.add(matched, 2h) == sent({.matched = 1, .not_matched = 1}));
}

TEST_CASE("what was not delivered goes with the next signal")
{
    task_batcher b{task_type::activity};
    const auto lost = b.add(not_matched, 0s);
    REQUIRE(lost);
    b.restore(*lost);
    CHECK_MESSAGE(b.next_flush() == 500ms + 1us, "a failing receiver is not tried more often than a working one");
    CHECK_FALSE(b.add(matched, 1ms));
    CHECK(b.flush(501ms) == sent({.matched = 1, .not_matched = 1}));
}

TEST_CASE("a flood does not wrap to nothing")
{
    constexpr auto most = std::numeric_limits<std::uint32_t>::max();
    task_batcher b{task_type::workflow};
    b.restore({task_type::workflow, {.not_matched = most}});
    CHECK(b.next_flush() == 0s);
    CHECK(b.add(not_matched, 0s) == task_added{task_type::workflow, {.not_matched = most}});
}
