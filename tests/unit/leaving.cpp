// SPDX-License-Identifier: BSL-1.0
#include <mayfly/leaving.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
using mayfly::early_stop;
using mayfly::leave_reason;
using mayfly::leave_rules;
using mayfly::leaving;
using mayfly::never;
using mayfly::poll_window;
using mayfly::uptime;

namespace {

constexpr poll_window minute_window{.from = 0s, .stop_at = 53s, .drained_by = 58s};

}  // namespace

TEST_CASE("polling stops while a task of the declared length can still finish")
{
    struct row {
        const char* why;
        poll_window window;
        uptime timeout;
        uptime stop;
    };
    const row rows[] = {
        {"unknown length: the regular moment", minute_window, 0s, 53s},
        {"shorter than the drain: nothing to gain", minute_window, 5s, 53s},
        {"the drain counts towards it", minute_window, 30s, 28s},
        {"without a drain allowance the whole length counts", {0s, 53s, 53s}, 30s, 23s},
        {"just enough left to poll", minute_window, 57s, 1s},
        {"too long for this function: better to poll than never to work", minute_window, 57s + 1us, 53s},
        {"counted from the first poll", {10s, 53s, 58s}, 47s + 1us, 53s},
        {"no deadline, no hurry", {}, 30s, never},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(early_stop(r.window, r.timeout) == r.stop, r.why);
}

TEST_CASE("without rules only the regular moment ends it")
{
    leaving l{{}, 2, minute_window};
    CHECK(l.decide(0s, 0) == leaving::verdict{leave_reason::none, 53s});
    l.on_task(1s);
    CHECK(l.decide(53s - 1us, 0) == leaving::verdict{leave_reason::none, 53s});
    CHECK(l.decide(53s, 0).reason == leave_reason::deadline);
}

TEST_CASE("a declared activity timeout ends polling early, even for a worker that stays")
{
    leaving l{{.activity_timeout = 30s, .stay = true}, 2, minute_window};
    CHECK(l.decide(0s, 0) == leaving::verdict{leave_reason::none, 28s});
    CHECK_FALSE(l.decide(28s - 1us, 0).leave());
    CHECK(l.decide(28s, 0).reason == leave_reason::activity_timeout);
}

TEST_CASE("idle exit")
{
    leaving l{{.idle_exit = 1s}, 2, minute_window};

    SUBCASE("counts from the first poll")
    {
        CHECK(l.decide(0s, 0) == leaving::verdict{leave_reason::none, 1s});
        CHECK_FALSE(l.decide(1s - 1us, 0).leave());
        CHECK(l.decide(1s, 0).reason == leave_reason::idle);
    }
    SUBCASE("never while a task runs, and counts again from its end")
    {
        l.on_task(500ms);
        l.on_task(600ms);
        CHECK(l.decide(30s, 0) == leaving::verdict{leave_reason::none, 53s});
        l.on_done(31s);
        CHECK(l.decide(35s, 0) == leaving::verdict{leave_reason::none, 53s});
        l.on_done(36s);
        CHECK(l.decide(36s, 0) == leaving::verdict{leave_reason::none, 37s});
        CHECK(l.decide(37s, 0).reason == leave_reason::idle);
    }
    SUBCASE("a task that came and went between two reports restarts it")
    {
        l.observe(900ms, 0, 0, true);
        CHECK(l.decide(1s, 0) == leaving::verdict{leave_reason::none, 1900ms});
    }
    SUBCASE("a report that says nothing new does not")
    {
        l.observe(900ms, 0, 0, false);
        CHECK(l.decide(1s, 0).reason == leave_reason::idle);
    }
    SUBCASE("a poller that is away keeps it from counting")
    {
        l.observe(500ms, 1, 0, false);
        CHECK_FALSE(l.decide(10s, 0).leave());
        l.observe(10s, 0, 0, false);
        CHECK(l.decide(10s, 0).look == 11s);
    }
    SUBCASE("an end without a beginning is ignored")
    {
        l.on_done(500ms);
        CHECK(l.busy() == 0);
        CHECK(l.decide(1s, 0).reason == leave_reason::idle);
    }
}

TEST_CASE("a worker that fills a minimum neither idles out nor is thinned")
{
    leaving l{{.idle_exit = 1s, .thin_target = 0.6, .stay = true}, 2, minute_window};
    for (uptime t = 0s; t < 53s; t += 1s)
        CHECK(l.decide(t, 0) == leaving::verdict{leave_reason::none, 53s});
    CHECK(l.decide(53s, 0).reason == leave_reason::deadline);
}

TEST_CASE("thinning")
{
    const leave_rules rules{.thin_target = 0.6};
    leaving l{rules, 2, minute_window};

    SUBCASE("looks every two seconds and not between")
    {
        CHECK(l.decide(0s, 0) == leaving::verdict{leave_reason::none, 2s});
        CHECK(l.decide(2s - 1us, 0) == leaving::verdict{leave_reason::none, 2s});
        CHECK(l.decide(2s, 0.999) == leaving::verdict{leave_reason::none, 4s});
        CHECK(l.decide(3s, 0) == leaving::verdict{leave_reason::none, 4s});
    }
    SUBCASE("above the target never, whatever the draw")
    {
        l.on_task(0s);
        l.on_task(0s);
        for (uptime t = 2s; t < 52s; t += 2s)
            CHECK_FALSE(l.decide(t, 0).leave());
        CHECK(l.utilisation() > 0.99);
    }
    SUBCASE("an idle worker leaves with a chance that grows to a fifth")
    {
        for (uptime t = 2s; t < 50s; t += 2s)
            REQUIRE_FALSE(l.decide(t, 0.2).leave());
        CHECK(l.utilisation() < 0.01);
        leaving twin = l;
        CHECK_FALSE(l.decide(50s, 0.2).leave());
        CHECK(twin.decide(50s, 0.197).reason == leave_reason::thinned);
    }
    SUBCASE("a fresh worker is not thinned at its first look by a draw that would thin an old one")
    {
        CHECK_FALSE(l.decide(2s, 0.1).leave());
    }
    SUBCASE("half of the target: half of the chance")
    {
        leaving half{rules, 10, {}};
        for (int i = 0; i < 3; ++i)
            half.on_task(0s);
        for (uptime t = 2s; t < 200s; t += 2s)
            REQUIRE_FALSE(half.decide(t, 0.1001).leave());
        CHECK(half.utilisation() == doctest::Approx(0.3));
        CHECK(half.decide(200s, 0.0999).reason == leave_reason::thinned);
    }
    SUBCASE("many small changes count by their time, not by their number")
    {
        leaving one{rules, 2, {}};
        leaving many{rules, 2, {}};
        one.on_task(0s);
        for (uptime t = 0s; t < 2s; t += 10ms) {
            many.on_task(t);
            many.on_task(t);
            many.on_done(t + 5ms);
            many.on_done(t + 5ms);
        }
        (void)one.decide(2s, 1);
        (void)many.decide(2s, 1);
        CHECK(one.utilisation() == doctest::Approx(many.utilisation()));
    }
    SUBCASE("no time between two looks is a mistake that does not stop the world")
    {
        leaving hasty{{.thin_target = 0.6, .thin_every = 0s}, 2, minute_window};
        CHECK(hasty.decide(0s, 1).look == 1ms);
        CHECK(hasty.decide(1ms, 1).look == 2ms);
    }
    SUBCASE("more work than slots is a full worker")
    {
        leaving full{{.thin_target = 1}, 1, {}};
        full.on_task(0s);
        full.on_task(0s);
        (void)full.decide(2s, 1);
        CHECK(full.utilisation() == doctest::Approx(1));
    }
}

TEST_CASE("a crowd sheds just the excess")
{
    // A thousand workers with two slots share a load of 240 slots, that is 200 workers at the target of 0.6. In the
    // fluid limit W' = -(W - 200) / 10 s, so after a minute about 202 are left. Load spreads evenly.
    std::uint64_t seed = 1;
    const auto uniform = [&seed] {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return static_cast<double>(seed >> 11) / 9007199254740992.0;
    };
    constexpr int crowd = 1000;
    static leaving workers[crowd];
    static bool gone[crowd];
    int alive = crowd;
    for (leaving& w : workers)
        w = leaving{{.thin_target = 0.6, .thin_memory = 1s}, 2, {}};
    for (uptime t = 2s; t <= 120s; t += 2s) {
        const double load = std::min(1.0, 240.0 / (2.0 * alive));
        for (int i = 0; i < crowd; ++i) {
            if (gone[i])
                continue;
            workers[i].observe(t, 1, load, false);
            if (workers[i].decide(t, uniform()).leave()) {
                gone[i] = true;
                --alive;
            }
        }
    }
    CHECK(alive > 180);
    CHECK(alive < 230);
}

TEST_CASE("shifting all times shifts the answers")
{
    const leave_rules rules{.idle_exit = 700ms, .thin_target = 0.6, .activity_timeout = 20s};
    const uptime by = 12345678us;
    leaving a{rules, 2, minute_window};
    leaving b{rules, 2, {by, minute_window.stop_at + by, minute_window.drained_by + by}};
    double u = 0.9;
    for (uptime t = 0s; t < 60s; t += 130ms) {
        if ((t / 130ms) % 3 == 0) {
            a.on_task(t);
            b.on_task(t + by);
        } else if ((t / 130ms) % 3 == 1) {
            a.on_done(t);
            b.on_done(t + by);
        }
        const leaving::verdict va = a.decide(t, u);
        const leaving::verdict vb = b.decide(t + by, u);
        CHECK(va.reason == vb.reason);
        if (!va.leave())
            CHECK(va.look + by == vb.look);
    }
}

TEST_CASE("names")
{
    CHECK(to_string(leave_reason::none) == "none");
    CHECK(to_string(leave_reason::deadline) == "deadline");
    CHECK(to_string(leave_reason::activity_timeout) == "activity_timeout");
    CHECK(to_string(leave_reason::idle) == "idle");
    CHECK(to_string(leave_reason::thinned) == "thinned");
    CHECK(to_string(static_cast<leave_reason>(99)) == "unknown");
}
