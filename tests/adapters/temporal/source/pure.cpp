// SPDX-License-Identifier: BSL-1.0
#include "wall.hpp"

#include <mayfly/temporal/arrivals.hpp>
#include <mayfly/temporal/detail/held_arrivals.hpp>
#include <mayfly/temporal/detail/steady_room.hpp>
#include <mayfly/temporal/poller_judge.hpp>
#include <mayfly/temporal/read_budget.hpp>
#include <mayfly/temporal/stats_memory.hpp>
#include <mayfly/temporal/wall_bridge.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace mayfly::temporal;
using namespace std::chrono_literals;
using mayfly::all_task_types;
using mayfly::deployment_version;
using mayfly::never;
using mayfly::task_type;
using mayfly::uptime;
using mayfly::version_status;
using mayfly_test::wall;

std::vector<std::uint32_t> served(read_budget& b, uptime now)
{
    std::vector<std::uint32_t> out;
    while (const auto r = b.next(now))
        out.push_back(*r);
    return out;
}

}  // namespace

TEST_CASE("read budget: first come, first served, and no more than the rate")
{
    read_budget b(10, 2);
    for (std::uint32_t r = 0; r < 5; ++r)
        b.join(r, read_rank::hot, 1, 0s);
    CHECK(served(b, 0s) == std::vector<std::uint32_t>{0, 1});
    CHECK(b.next_at(0s) == 100ms);
    CHECK(served(b, 99ms).empty());
    CHECK(served(b, 100ms) == std::vector<std::uint32_t>{2});
    b.leave(3);
    CHECK(served(b, 1h) == std::vector<std::uint32_t>{4});
    CHECK(b.next_at(1h) == never);
    CHECK(b.made() == 4);
}

TEST_CASE("read budget: whoever is in line keeps the place, and may only move up")
{
    read_budget b(1, 1);
    b.join(1, read_rank::routed, 1, 0s);
    b.join(2, read_rank::routed, 1, 1s);
    b.join(1, read_rank::routed, 1, 2s);
    CHECK(b.longest_wait(read_rank::routed, 3s) == 3s);
    b.join(2, read_rank::hot, 1, 3s);
    b.join(2, read_rank::quiet, 1, 3s);
    CHECK(b.waiting(read_rank::hot) == 1);
    CHECK(b.next(4s) == 2U);
    CHECK(b.next(5s) == 1U);
}

TEST_CASE("read budget: a reading of many queues costs as many reads")
{
    read_budget b(10, 5);
    b.join(1, read_rank::hot, 20, 0s);
    b.join(2, read_rank::hot, 1, 0s);
    CHECK(b.next(0s) == 1U);
    CHECK_FALSE(b.next(0s));
    CHECK(b.next_at(0s) == 1600ms);
    CHECK(b.next(1600ms) == 2U);
}

TEST_CASE("read budget: idle crowds leave the hot ones their turn, and are not starved by them")
{
    read_budget b(25, 5);
    for (std::uint32_t r = 0; r < 10'000; ++r)
        b.join(r, r % 2 == 0 ? read_rank::routed : read_rank::quiet, 1, 0s);
    uptime longest{};
    std::map<std::uint32_t, int> times;
    uptime now{};
    const std::uint32_t hot = 10'000;
    for (int i = 0; i < 120; ++i) {
        const uptime asked = now + 1s;
        for (now += 20ms; now < asked; now += 20ms)
            for (const auto r : served(b, now))
                ++times[r];
        now = asked;
        b.join(hot, read_rank::hot, 1, now);
        while (b.waits(hot)) {
            for (const auto r : served(b, now))
                ++times[r];
            if (b.waits(hot))
                now = b.next_at(now);
        }
        longest = std::max(longest, now - asked);
    }
    CHECK_MESSAGE(longest <= 40ms, "the hot one waits for one token at most");
    CHECK(times[hot] == 120);
    CHECK_MESSAGE(times.size() > 2500, "the rest of the budget is for the others");
    CHECK_MESSAGE(b.waiting(read_rank::quiet) < 4900, "the quiet ones have a share");
}

TEST_CASE("read budget: too many hot ones leave a quarter to the others")
{
    read_budget b(10, 1);
    int of_hot = 0;
    int of_others = 0;
    for (std::uint32_t r = 0; r < 100; ++r)
        b.join(100 + r, read_rank::routed, 1, 0s);
    for (int i = 0; i < 400; ++i) {
        const uptime now = i * 100ms;
        for (std::uint32_t r = 0; r < 3; ++r)
            b.join(r, read_rank::hot, 1, now);
        for (const auto r : served(b, now))
            ++(r < 3 ? of_hot : of_others);
    }
    CHECK(of_hot + of_others == 400);
    CHECK(of_others == 100);
}

TEST_CASE("read budget: what nobody stands in line for is taken from what is left over")
{
    read_budget b(10, 4);
    CHECK(b.take(1, 0s));
    CHECK(b.take(1, 0s));
    CHECK_FALSE_MESSAGE(b.take(1, 0s), "the rest is kept");
    b.pay(10, 0s);
    b.join(1, read_rank::hot, 1, 0s);
    CHECK(b.next_at(0s) == 900ms);
}

// ---- statistics

namespace {

version_queue queue(std::string name, std::int64_t backlog, std::chrono::nanoseconds age, double rate = 0)
{
    return {std::move(name), task_type::activity,
        mayfly::temporal::queue_stats{.backlog = backlog, .backlog_age = age, .add_rate = rate}, {}};
}

std::optional<std::uint64_t> backlog_of(const stats_memory::by_type& all, task_type t = task_type::activity)
{
    const auto& one = all[static_cast<std::size_t>(t)];
    return one ? std::optional(one->backlog) : std::nullopt;
}

/// What is believed of the type that `queue` has, if workers with so many slots came then.
std::optional<std::uint64_t> believed(
    const stats_memory& m, uptime now, std::vector<uptime> came = {}, std::uint32_t slots = 1, uptime stays = 0s)
{
    return backlog_of(m.believed(now, came, slots, stays));
}

}  // namespace

TEST_CASE("statistics: a repeated sample is no news")
{
    struct row {
        const char* why;
        version_queue first;
        version_queue second;
        uptime after;
        std::optional<std::uint64_t> news;
    };
    const row rows[] = {
        {"the same numbers", queue("q", 5, 1s), queue("q", 5, 1s), 2s, std::nullopt},
        {"the age goes on", queue("q", 5, 1s), queue("q", 5, 3s), 2s, 5},
        {"more wait", queue("q", 5, 1s), queue("q", 6, 1s), 1ms, 6},
        {"a rate has changed", queue("q", 0, 0s, 1.0), queue("q", 0, 0s, 0.9), 2s, 0},
        {"zeros, while they may be the same", queue("q", 0, 0s), queue("q", 0, 0s), 4999ms, std::nullopt},
        {"zeros, when they cannot", queue("q", 0, 0s), queue("q", 0, 0s), 5s, 0},
        {"a server that keeps them longer than it should", queue("q", 5, 1s), queue("q", 5, 1s), 6s, std::nullopt},
        {"but not for ever", queue("q", 5, 1s), queue("q", 5, 1s), 20s, 5},
        {"another queue of that number", queue("q", 5, 1s), queue("r", 5, 1s), 1s, 5},
    };
    for (const row& r : rows) {
        stats_memory m;
        CHECK_MESSAGE(m.may_have_news(10s, 5s), r.why);
        CHECK_MESSAGE(backlog_of(m.take({r.first}, 10s, 5s)), r.why);
        CHECK_MESSAGE(m.may_have_news(10s + r.after, 5s) == (r.after >= 5s), r.why);
        const auto news = backlog_of(m.take({r.second}, 10s + r.after, 5s));
        CHECK_MESSAGE(news == r.news, r.why);
    }
}

TEST_CASE("statistics: a server that keeps nothing always has news")
{
    stats_memory m;
    CHECK(backlog_of(m.take({queue("q", 5, 1s)}, 1s, 0s)) == 5U);
    CHECK(m.may_have_news(1s, 0s));
    CHECK(backlog_of(m.take({queue("q", 5, 1s)}, 1s, 0s)) == 5U);
}

TEST_CASE("statistics: a type is told when all its queues can be, and nothing is lost until then")
{
    stats_memory m;
    m.take({queue("a", 5, 1s), queue("b", 1, 1s)}, 0s, 5s);
    CHECK_FALSE(backlog_of(m.take({queue("a", 5, 1s), queue("b", 3, 1s)}, 2s, 5s)));
    CHECK(backlog_of(m.take({queue("a", 0, 0s), queue("b", 3, 1s)}, 5s, 5s)) == 3U);

    m.take({queue("a", 0, 0s), queue("b", 3, 2s)}, 10s, 5s);
    CHECK_MESSAGE(backlog_of(m.take({queue("a", 0, 0s), queue("b", 4, 2s)}, 11s, 5s)) == 4U,
        "a queue with nothing in it holds up no other");
}

TEST_CASE("statistics: what came since has taken its share, and what was reported has joined")
{
    stats_memory m;
    CHECK_FALSE(believed(m, 0s));
    m.take({queue("q", 50, 2s)}, 10s, 5s);
    m.take({queue("q", 50, 2s)}, 12s, 5s);
    const std::vector<uptime> came(20, 11s);
    CHECK(believed(m, 12s, came, 1) == 30U);
    CHECK(believed(m, 12s, came, 2) == 10U);
    CHECK(believed(m, 12s, came, 100) == 0U);
    CHECK(m.believed(12s, came, 1, 0s)[1]->oldest == 4s);
    m.join(task_type::activity, 7, 12s);
    CHECK(believed(m, 12s, came, 1) == 37U);
    m.take({queue("q", 3, 1s)}, 15s, 5s);
    CHECK_MESSAGE(believed(m, 15s, came, 1) == 3U, "the next sample knows all that");
}

TEST_CASE("statistics: who takes what is reported depends on who was there")
{
    struct row {
        const char* why;
        std::vector<uptime> joined;
        std::vector<uptime> came;
        std::uint32_t slots;
        uptime stays;
        std::uint64_t waiting;
    };
    const row rows[] = {
        {"nobody came", {11s}, {}, 1, 300ms, 1},
        {"one came for it", {11s}, {11500ms}, 1, 300ms, 0},
        {"one had come before, and may have gone", {11s}, {10500ms}, 1, 300ms, 1},
        {"one had come before, and is there", {11s}, {10800ms}, 1, 300ms, 0},
        {"nothing is known of how long they stay", {11s}, {10800ms}, 1, 0s, 1},
        {"it is busy with another", {11s, 11100ms}, {10900ms}, 1, 300ms, 1},
        {"and has room for both", {11s, 11100ms}, {10900ms}, 2, 300ms, 0},
        {"what it takes makes it stay", {11s, 11250ms}, {10800ms}, 2, 300ms, 0},
        {"a slot of the one that came for the first is free for the next", {11s, 11200ms}, {11100ms}, 2, 300ms, 0},
        {"two each take one", {11s, 13s}, {11100ms, 13100ms}, 2, 300ms, 0},
        {"the second came while nobody was there", {11s, 13s}, {11100ms}, 2, 300ms, 1},
    };
    for (const row& r : rows) {
        stats_memory m;
        m.take({queue("q", 0, 0s)}, 10s, 5s);
        for (const uptime at : r.joined)
            m.join(task_type::activity, 1, at);
        CHECK_MESSAGE(believed(m, 14s, r.came, r.slots, r.stays) == r.waiting, r.why);
    }
}

TEST_CASE("statistics: what was reported a moment before a sample may be missing in it")
{
    struct row {
        const char* why;
        std::vector<uptime> joined;
        std::int64_t sampled;
        std::vector<uptime> came;
        std::uint64_t waiting;
    };
    const row rows[] = {
        {"on its way when it was counted", {14990ms}, 0, {}, 1},
        {"counted", {14990ms}, 1, {}, 1},
        {"one counted, one on its way", {14980ms, 14995ms}, 1, {}, 2},
        {"others waited too", {14990ms}, 7, {}, 7},
        {"a long time has passed", {14400ms}, 0, {}, 0},
        {"a worker came for it before the sample", {14600ms}, 0, {14800ms}, 0},
        {"and one after it", {14990ms}, 0, {15100ms}, 0},
        {"what is counted still waits after a worker that came before", {14600ms}, 1, {14800ms}, 1},
        {"more after the sample", {14990ms, 15200ms}, 0, {}, 2},
    };
    for (const row& r : rows) {
        stats_memory m;
        m.take({queue("q", 3, 1s)}, 10s, 5s);
        for (const uptime at : r.joined)
            if (at < 15s)
                m.join(task_type::activity, 1, at);
        m.take({queue("q", r.sampled, 0s)}, 15s, 5s);
        for (const uptime at : r.joined)
            if (at > 15s)
                m.join(task_type::activity, 1, at);
        CHECK_MESSAGE(believed(m, 16s, r.came) == r.waiting, r.why);
    }

    stats_memory m;
    m.take({queue("q", 3, 1s)}, 10s, 5s);
    m.join(task_type::activity, 1, 14990ms);
    m.take({queue("q", 0, 0s)}, 15s, 5s);
    CHECK_MESSAGE(m.told_since() == 14990ms, "workers that came for it count");
    m.take({queue("q", 0, 0s)}, 20s, 5s);
    CHECK_MESSAGE(believed(m, 20s) == 0U, "the next sample knows it");
}

TEST_CASE("statistics: what was there before a worker found nothing is served")
{
    stats_memory m;
    m.take({queue("q", 50, 2s)}, 10s, 5s);
    m.join(task_type::activity, 7, 12s);
    m.emptied_after(9s);
    CHECK_MESSAGE(believed(m, 12s) == 57U, "it may have left before that was counted");
    m.emptied_after(11s);
    CHECK_MESSAGE(believed(m, 12s) == 7U, "and before that was reported");
    m.emptied_after(12s);
    CHECK(believed(m, 13s) == 0U);
    m.take({queue("q", 50, 2s)}, 14s, 5s);
    CHECK_MESSAGE(believed(m, 14s) == 0U, "the same number again is no news");
    m.take({queue("q", 4, 2s)}, 15s, 5s);
    CHECK(believed(m, 15s) == 4U);
}

TEST_CASE("statistics: a backlog that may be older than the starts of another controller is not told")
{
    stats_memory m;
    CHECK_FALSE(backlog_of(m.take({queue("q", 5, 1s)}, 10s, 5s, true)));
    CHECK_FALSE(believed(m, 10s));
    CHECK_MESSAGE(!m.may_have_news(12s, 5s), "it is known all the same");
    CHECK_FALSE(backlog_of(m.take({queue("q", 5, 1s)}, 12s, 5s, true)));
    CHECK_FALSE(believed(m, 12s));
    CHECK_MESSAGE(backlog_of(m.take({queue("q", 3, 6s)}, 13s, 5s, true)) == 3U, "the next one is younger");
    CHECK(believed(m, 13s) == 3U);

    stats_memory empty;
    CHECK_MESSAGE(backlog_of(empty.take({queue("q", 0, 0s)}, 10s, 5s, true)) == 0U, "nobody started any for this");
    stats_memory two;
    const version_queue flow{"q", task_type::workflow, mayfly::temporal::queue_stats(), {}};
    const auto told = two.take({queue("q", 5, 1s), flow}, 10s, 5s, true);
    CHECK_FALSE(backlog_of(told));
    CHECK(backlog_of(told, task_type::workflow) == 0U);
}

TEST_CASE("statistics: since when a sample is told")
{
    stats_memory m;
    CHECK_FALSE(m.told_since());
    m.take({queue("q", 5, 2s)}, 10s, 5s);
    m.take({queue("q", 5, 2s), {"q", task_type::workflow, mayfly::temporal::queue_stats(), {}}}, 15s, 5s);
    CHECK(m.told_since() == 10s);
    m.take({queue("q", 5, 7s), {"q", task_type::workflow, mayfly::temporal::queue_stats(), {}}}, 20s, 5s);
    CHECK(m.told_since() == 20s);
}

TEST_CASE("statistics: rates of a queue that came into being just now are no rates")
{
    stats_memory m;
    CHECK(m.take({queue("q", 1, 1ms, 320)}, 10s, 5s)[1]->add_rate == doctest::Approx(2));
    CHECK(m.take({queue("q", 1, 1s, 320)}, 20s, 5s)[1]->add_rate == doctest::Approx(320));
}

TEST_CASE("statistics: a version with a queue takes little room")
{
    stats_memory m;
    m.take({queue("q", 0, 0s), {"q", task_type::workflow, mayfly::temporal::queue_stats(), {}}}, 0s, 5s);
    CHECK(m.bytes() < 600);
}

// ---- clocks

TEST_CASE("wall clock: stamps are placed on our own time, whatever the clocks do")
{
    wall_bridge b;
    b.look(100s, wall(100s));
    CHECK(b.at(wall(90s)) == 90s);
    CHECK_MESSAGE(b.at(wall(107s)) == 100s, "a stamp from the future is of now");
    CHECK_MESSAGE(b.at(wall(100s)) == 93s, "and shows that the server is ahead");

    b.look(110s, wall(3110s));  // ours was set forward
    CHECK_MESSAGE(b.ahead() == 0s, "what was known of the difference is not true any more");
    b.made_since(wall(108s), 105s);
    CHECK_MESSAGE(b.at(wall(108s)) >= 105s, "a stamp that came up between two looks was made between them");
    CHECK(b.at(wall(108s)) <= 110s);
    CHECK(b.at(wall(98s)) >= 95s);
}

// ---- pollers

namespace {

const deployment_version ours{"shop", "1"};
const deployment_version other{"shop", "2"};

struct judged {
    poller_judge judge{};
    wall_bridge clock{};
    poller_rules rules{};

    void see(uptime now, std::vector<queue_poller> all)
    {
        clock.look(now, wall(now));
        judge.see(all, clock, now, rules);
    }
    std::map<std::string, bool> verdict(uptime now, std::vector<worker_word> words = {}, bool complete = true)
    {
        std::map<std::string, bool> out;
        clock.look(now, wall(now));
        for (const auto& p : judge.judge(ours, words, "arn:f:1", clock, now, complete, rules))
            out[p.identity] = p.present;
        return out;
    }
};

using verdicts = std::map<std::string, bool>;

queue_poller poller(std::string identity, uptime last, std::optional<deployment_version> version = ours)
{
    return {std::move(identity), wall(last), 0, std::move(version)};
}

}  // namespace

TEST_CASE("pollers: who lives, and who only lingers in the list")
{
    struct row {
        const char* why;
        uptime first;
        uptime last;
        uptime now;
        const char* identity;
        std::vector<worker_word> words;
        verdicts expected;
    };
    const char* const mine = "r1@arn:f:1";
    const auto says = [&](worker_status s, std::optional<wall_clock_time> beat = {}, uptime asked = uptime::min()) {
        return std::vector<worker_word>{{.identity = mine, .status = s, .beat = beat, .version = ours, .asked = asked}};
    };
    const row rows[] = {
        {"polled a moment ago", 10s, 100s, 101s, mine, {}, {{mine, true}}},
        {"its poll may still wait", 10s, 100s, 170s, mine, {}, {{mine, true}}},
        {"it would have polled again", 10s, 100s, 176s, mine, {}, {{mine, false}}},
        {"said goodbye", 10s, 100s, 101s, mine, says(worker_status::shut_down), {{mine, false}}},
        {"says it now, and polls no more", 10s, 100s, 101s, mine, says(worker_status::shutting_down), {{mine, false}}},
        {"busy for long, with a heartbeat", 10s, 100s, 300s, mine, says(worker_status::running, wall(280s)),
            {{mine, true}}},
        {"listed as running, and not asked yet", 10s, 100s, 300s, mine, says(worker_status::running), {{mine, true}}},
        {"asked, without a sign of life", 10s, 100s, 300s, mine, says(worker_status::running, {}, 290s),
            {{mine, false}}},
        {"with a sign of life from long ago", 10s, 100s, 300s, mine, says(worker_status::running, wall(120s), 290s),
            {{mine, false}}},
        {"it lived when it was asked, long ago", 10s, 100s, 300s, mine, says(worker_status::running, wall(120s), 130s),
            {{mine, true}}},
        {"it did not", 10s, 100s, 500s, mine, says(worker_status::running, wall(120s), 300s), {{mine, false}}},
        {"not asked, for longer than anything lives", 10s, 100s, 1000s, "4711@host",
            {{.identity = "4711@host", .status = worker_status::running, .version = ours}}, {{"4711@host", false}}},
        {"no invocation lives that long", 10s, 910s, 911s, mine, {}, {{mine, false}}},
        {"another's worker has no such end", 10s, 910s, 911s, "4711@host", {}, {{"4711@host", true}}},
    };
    for (const row& r : rows) {
        judged j;
        j.see(r.first, {poller(r.identity, r.first)});
        j.see(r.now, {poller(r.identity, r.last)});
        CHECK_MESSAGE(j.verdict(r.now, r.words) == r.expected, r.why);
    }
}

TEST_CASE("pollers: another version's are only told if we started them")
{
    judged j;
    j.see(
        10s, {poller("r1@arn:f:1", 9s, other), poller("r2@arn:f:2", 9s, other), poller("4711@host", 9s, std::nullopt)});
    CHECK(j.verdict(10s) == verdicts{{"r1@arn:f:1", true}});
    j.see(11s, {});
    CHECK_MESSAGE(j.verdict(11s, {}, false).size() == 1, "not all was shown");
    CHECK_MESSAGE(j.verdict(85s, {}, false).size() == 1, "nor was it now");
    CHECK(j.verdict(85s).empty());
    CHECK(j.judge.empty());
}

TEST_CASE("pollers: who is not listed is not dead for that")
{
    const char* const mine = "r1@arn:f:1";
    const auto says = [&](worker_status s, std::optional<wall_clock_time> beat = {}) {
        return std::vector<worker_word>{{.identity = mine, .status = s, .beat = beat, .version = ours}};
    };
    struct row {
        const char* why;
        std::vector<worker_word> words;
        uptime now;
        verdicts expected;
    };
    const row rows[] = {
        {"the server has restarted, and lists nobody yet", {}, 101s, {{mine, true}}},
        {"it would have polled again", {}, 175s, {}},
        {"it has said that it works, and is too busy to poll", says(worker_status::running, wall(99s)), 200s,
            {{mine, true}}},
        {"and would have said so again", says(worker_status::running, wall(99s)), 230s, {}},
        {"it has said goodbye", says(worker_status::shut_down), 101s, {}},
    };
    for (const row& r : rows) {
        judged j;
        j.see(100s, {poller(mine, 100s)});
        j.verdict(100s, r.words);
        j.see(r.now, {});
        CHECK_MESSAGE(j.verdict(r.now) == r.expected, r.why);
    }
    judged j;
    j.see(100s, {poller(mine, 100s)});
    j.verdict(100s, says(worker_status::shut_down));
    j.see(101s, {poller(mine, 100s)});
    CHECK_MESSAGE(!j.verdict(101s).at(mine), "what it said stays true when it is not told again");
    j.see(110s, {poller(mine, 109s)});
    CHECK_MESSAGE(j.verdict(110s).at(mine), "until the platform repeats it");
}

TEST_CASE("pollers: a worker that tells of itself needs no queue to be seen")
{
    judged j;
    const worker_word w{.identity = "r1@arn:f:1",
        .status = worker_status::running,
        .started = wall(4s),
        .beat = wall(9s),
        .version = other,
        .busy = 3,
        .slots = 10};
    j.clock.look(10s, wall(10s));
    const auto all = j.judge.judge(ours, std::vector{w}, "arn:f:1", j.clock, 10s, false, j.rules);
    REQUIRE(all.size() == 1);
    CHECK(all[0].version == other);
    CHECK(all[0].first_seen == 4s);
    CHECK(all[0].busy == 3U);
    CHECK(all[0].slots == 10U);
    worker_word gone = w;
    gone.identity = "r9@arn:f:1";
    gone.status = worker_status::shut_down;
    worker_word before = w;
    before.status = worker_status::shut_down;
    const std::vector<worker_word> one_way{w, before};
    const std::vector<worker_word> the_other{before, w};
    CHECK_MESSAGE(j.verdict(10s, one_way).at("r1@arn:f:1"), "the platform repeated it");
    CHECK(j.verdict(10s, the_other).at("r1@arn:f:1"));
    CHECK_MESSAGE(!j.verdict(10s, {gone}).at("r9@arn:f:1"), "one that came and left while nobody looked has come");
    gone.identity = "r8@arn:f:1";
    j.clock.look(100s, wall(100s));
    CHECK_MESSAGE(!j.verdict(100s, {gone}).contains("r8@arn:f:1"), "long ago, that is not news");
    gone.started.reset();
    CHECK_MESSAGE(!j.verdict(100s, {gone}).contains("r8@arn:f:1"), "nor if nobody knows when");
    gone.started = wall(99s);
    gone.version = ours;
    gone.identity = "r7@arn:g:1";
    CHECK_MESSAGE(!j.verdict(100s, {gone}).contains("r7@arn:g:1"), "others are none of ours");
}

TEST_CASE("pollers: a clock that is set does not kill")
{
    judged j;
    j.see(10s, {poller("r1@arn:f:1", 10s)});
    j.clock.look(70s, wall(70s) + 24h);
    j.judge.see({poller("r1@arn:f:1", 65s)}, j.clock, 70s, j.rules);
    const auto all = j.judge.judge(ours, {}, "arn:f:1", j.clock, 70s, true, j.rules);
    REQUIRE(all.size() == 1);
    CHECK(all[0].present);
    CHECK(all[0].last_seen >= 10s);
}

TEST_CASE("pollers: one worker's wrong clock is nobody else's")
{
    const auto tells = [](uptime asked) {
        return std::vector<worker_word>{{.identity = "r9@arn:f:1",
            .status = worker_status::running,
            .started = wall(100s + 1h),
            .beat = wall(100s + 1h),
            .version = ours,
            .asked = asked}};
    };
    judged j;
    j.see(100s, {poller("r1@arn:f:1", 99s)});
    j.verdict(100s, tells(100s));
    CHECK(j.clock.ahead() == 0s);
    j.see(110s, {poller("r1@arn:f:1", 99s), poller("r2@arn:f:1", 110s)});
    CHECK(j.verdict(110s, tells(100s)) == verdicts{{"r1@arn:f:1", true}, {"r2@arn:f:1", true}, {"r9@arn:f:1", true}});
    j.see(240s, {});
    CHECK_MESSAGE(!j.verdict(240s, tells(240s)).at("r9@arn:f:1"), "nor does it live for ever by it");
}

TEST_CASE("pollers: who came since a sample")
{
    judged j;
    j.see(10s, {poller("r1@f", 9s), poller("r2@f", 5s)});
    j.see(20s, {poller("r1@f", 19s), poller("r2@f", 5s), poller("r3@f", 18s), poller("x", 18s, other)});
    CHECK(j.judge.came_since(10s, ours).size() == 1);
    CHECK(j.judge.came_since(6s, ours).size() == 2);
    CHECK(j.judge.came_since(20s, ours).size() == 0);
}

TEST_CASE("pollers: a goodbye came after the last sign of life")
{
    using mayfly::temporal::worker_status;
    const auto says = [](worker_status s) {
        return std::vector{worker_word{.identity = "r1@arn:f:1", .status = s, .version = ours}};
    };
    judged j;
    j.see(10s, {poller("r1@arn:f:1", 9s)});
    j.verdict(10s, says(worker_status::running));
    CHECK_FALSE(j.judge.goodbye_after());
    j.see(12s, {poller("r1@arn:f:1", 9s)});
    j.verdict(12s, says(worker_status::shutting_down));
    CHECK(j.judge.goodbye_after() == 10s);
    j.see(13s, {poller("r1@arn:f:1", 9s)});
    j.verdict(13s, says(worker_status::shut_down));
    CHECK_MESSAGE(!j.judge.goodbye_after(), "it is said once");
}

TEST_CASE("pollers: who came and has left came all the same")
{
    judged j;
    j.see(20s, {poller("r1@arn:f:1", 15s), poller("r2@arn:f:1", 5s), poller("x", 18s, other)});
    j.verdict(20s);
    j.see(200s, {});
    CHECK(j.verdict(200s).empty());
    CHECK(j.judge.empty());
    CHECK(j.judge.came_since(10s, ours).size() == 1);
    CHECK(j.judge.came_since(4s, ours).size() == 2);
    j.judge.forget_until(10s);
    CHECK_MESSAGE(j.judge.came_since(4s, ours).size() == 1, "nobody asks for what was before the last sample");
    j.judge.forget_until(20s);
    CHECK(j.judge.came_since(4s, ours).size() == 0);
}

TEST_CASE("pollers: no more are remembered than may be")
{
    judged j;
    j.rules.most = 2;
    j.see(10s, {poller("a@f", 9s), poller("b@f", 9s), poller("c@f", 9s)});
    CHECK(j.judge.size() == 2);
}

// ---- arrivals

namespace {

version_description described(const deployment_version& v, version_status status, float ramp = 0)
{
    version_description out;
    out.version = v;
    out.status = status;
    out.ramp_percentage = ramp;
    out.queues = {{"orders", task_type::activity, {}, {}}};
    return out;
}

std::vector<arrival> told(const deployment_version& v, std::uint32_t n)
{
    return {{v, {task_type::activity, {.not_matched = n}}}};
}

}  // namespace

TEST_CASE("held arrivals: looked up at once and then in growing pauses, and kept as long as statistics take")
{
    using detail::held_arrivals;
    held_arrivals held;
    std::vector<std::pair<uptime, std::string>> looked;
    const auto run_until = [&](uptime end) {
        for (uptime t = held.next_at(); t <= end; t = held.next_at())
            held.look(t, [&](const std::string& queue, task_type) { looked.emplace_back(t, queue); });
    };
    CHECK(held.next_at() == mayfly::never);
    held.add("orders", task_type::activity, 2, 1s);
    held.add("orders", task_type::activity, 3, 2s);
    run_until(1min);
    const std::vector<std::pair<uptime, std::string>> expected = {{1s, "orders"}, {1250ms, "orders"},
        {1750ms, "orders"}, {2750ms, "orders"}, {4750ms, "orders"}, {8750ms, "orders"}};
    CHECK(looked == expected);
    CHECK_MESSAGE(held.next_at() == mayfly::never, "nothing is held any more");

    held.add("orders", task_type::activity, 1, 10s);
    CHECK_MESSAGE(held.next_at() == 18s, "what led nowhere is left alone for a while, and held all the same");
    std::uint32_t released = 0;
    held.release([&](const std::string& queue, task_type type, const held_arrivals::entry& e) {
        CHECK(type == task_type::activity);
        released += e.count;
        return queue == "orders";
    });
    CHECK_MESSAGE(released == 1, "what was given up is not told");
    looked.clear();
    held.add("orders", task_type::activity, 1, 11s);
    run_until(11s);
    CHECK_MESSAGE(looked.size() == 1, "once it was known it is looked up anew");

    for (std::size_t i = 0; i < held_arrivals::most_queues + 5; ++i)
        held.add("queue " + std::to_string(i), task_type::activity, 1, 20s);
    std::size_t all = 0;
    held.release([&](const std::string&, task_type, const held_arrivals::entry&) { return ++all > 0; });
    CHECK(all == held_arrivals::most_queues);
}

TEST_CASE("steady room: workers that stay take what they have slots for, while statistics agree")
{
    struct row {
        const char* why;
        bool waits;           // in the statistics at 0 s
        uptime at;            // when tasks are added
        std::uint32_t first;  // so many were added a moment before,
        uptime before;        // this moment,
        std::uint32_t count;  // and so many now
        uptime service;
        std::uint32_t taken;
    };
    const row rows[] = {
        {"one for each slot, and no more", false, 1s, 0, 0s, 50, 0s, 4},
        {"slots that are taken are taken", false, 1s, 3, 1ms, 3, 0s, 1},
        {"tasks whose time is known are done by then", false, 1s, 4, 100ms, 4, 100ms, 4},
        {"half of them", false, 1s, 4, 50ms, 4, 100ms, 2},
        {"tasks that take long are not", false, 1s, 4, 1s, 4, 10s, 0},
        {"what waits has nobody free", true, 1s, 0, 0s, 4, 0s, 0},
        {"old statistics say nothing", false, 11s, 0, 0s, 4, 0s, 0},
    };
    for (const row& r : rows) {
        detail::steady_room room;
        room.sampled(r.waits, 0s);
        CHECK(room.take(r.first, 4, r.service, r.at - r.before) <= r.first);
        CHECK_MESSAGE(room.take(r.count, 4, r.service, r.at) == r.taken, r.why);
    }
    detail::steady_room room;
    CHECK_MESSAGE(room.take(1, 4, 0s, 1s) == 0, "nothing was counted yet");
    room.sampled(false, 2s);
    CHECK(room.take(1, 4, 0s, 3s) == 1);
    room.sampled(true, 7s);
    room.sampled(false, 12s);
    CHECK_MESSAGE(room.take(1, 4, 0s, 13s) == 0, "who was wrong is not believed for a while");
    room.sampled(false, 67s);
    CHECK(room.take(1, 4, 0s, 68s) == 1);
    CHECK_MESSAGE(room.take(1, 0, 0s, 69s) == 0, "nobody stays");
}

TEST_CASE("arrivals: work goes where the routing says")
{
    arrivals a;
    CHECK(a.split("orders", task_type::activity, 3).empty());
    a.learn(described(ours, version_status::current));
    CHECK(a.split("orders", task_type::activity, 3) == told(ours, 3));
    CHECK_MESSAGE(a.split("orders", task_type::workflow, 3).empty(), "a type of its own");
    CHECK(a.split("orders", task_type::activity, 0).empty());

    a.learn(described(other, version_status::ramping, 25));
    std::map<deployment_version, std::uint32_t> sums;
    for (int i = 0; i < 100; ++i)
        for (const arrival& one : a.split("orders", task_type::activity, 1))
            sums[one.version] += one.tasks.counts.total();
    CHECK_MESSAGE(sums[other] == 25, "no share is lost in rounding");
    CHECK(sums[ours] == 75);

    a.learn(described(other, version_status::current));
    a.learn(described(ours, version_status::draining));
    CHECK(a.split("orders", task_type::activity, 8) == told(other, 8));
    a.forget(other);
    CHECK(a.queues() == 0);
}
