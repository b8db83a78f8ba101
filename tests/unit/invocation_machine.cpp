// SPDX-License-Identifier: BSL-1.0
#include <mayfly/invocation_machine.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using mayfly::invocation_action;
using mayfly::invocation_end;
using mayfly::invocation_event;
using mayfly::invocation_machine;
using mayfly::invocation_plan;
using mayfly::leave_rules;
using mayfly::never;
using mayfly::uptime;
using mayfly::worker_activity;

namespace {

using ev = invocation_event;
using act = invocation_action;

invocation_plan minute(std::vector<std::string> hooks = {})
{
    return {.deadline = 60s, .target = "queue:7233", .identity = "id@fn", .hooks = std::move(hooks)};
}

bool has(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

bool warned(const invocation_machine& m, std::string_view part)
{
    for (const std::string& w : m.report().warnings)
        if (has(w, part))
            return true;
    return false;
}

act polling_at(invocation_machine& m, uptime connected, uptime started)
{
    (void)m.on({ev::begin}, 0s);
    (void)m.on({ev::connected}, connected);
    return m.on({ev::started}, started);
}

act changed(invocation_machine& m, worker_activity a, uptime now)
{
    return m.on({.what = ev::changed, .activity = a}, now);
}

act stopped(invocation_machine& m, uptime now, std::uint32_t busy = 0)
{
    return m.on({.what = ev::worker_stopped, .activity = {.busy = busy}}, now);
}

}  // namespace

TEST_CASE("the example of a minute: poll to 53 s, drain to 58 s at most, hooks and close by 60 s")
{
    invocation_machine m{minute({"metrics", "traces"})};
    CHECK(m.on({ev::begin}, 0s) == act{act::connect, 53s});
    CHECK(m.on({ev::connected}, 150ms) == act{act::start, 53s});
    CHECK(m.on({ev::started}, 200ms) == act{act::poll, 53s});
    CHECK(changed(m, {.received = {0, 1, 0}, .busy = 1, .load = 0.5}, 10s) == act{act::poll, 53s});
    CHECK(changed(m, {.received = {0, 1, 0}, .completed = 1}, 12s) == act{act::poll, 53s});
    CHECK(changed(m, {.received = {0, 2, 0}, .completed = 1, .busy = 1, .load = 0.5}, 50s) == act{act::poll, 53s});
    CHECK(m.on({ev::timer}, 53s) == act{act::drain, 58s});
    CHECK(m.on({ev::drained}, 55s) == act{act::stop});
    CHECK(m.on({.what = ev::worker_stopped, .activity = {.received = {0, 1, 0}, .completed = 1}}, 55s) ==
          act{act::hook, 59700ms, 0});
    CHECK(m.on({ev::hook_done}, 56s) == act{act::hook, 59800ms, 1});
    CHECK(m.on({ev::hook_done}, 56500ms) == act{act::close, 59900ms});
    CHECK(m.on({ev::client_closed}, 56600ms) == act{act::finish});

    const mayfly::invocation_report expected{
        .end = invocation_end::deadline,
        .identity = "id@fn",
        .work = {.received = {0, 1, 0}, .completed = 1},
        .connect = 200ms,
        .poll = 52800ms,
        .idle = 47800ms,
        .drain = 2s,
        .hooks = 1500ms,
        .close = 100ms,
        .hooks_run = 2,
    };
    CHECK(m.report() == expected);
    CHECK(m.on({ev::timer}, 60s) == act{act::wait});
}

TEST_CASE("time to work, checked on arrival")
{
    struct row {
        const char* why;
        uptime deadline;
        bool goes_on;
        bool warns;
        const char* says;
    };
    const row rows[] = {
        {"no deadline: no check", never, true, false, ""},
        {"negative", 3s, false, false, "-4 s of work time"},
        {"already over", -2s, false, false, "-9 s of work time"},
        {"none", 7s, false, false, "0 s of work time"},
        {"0.9 s", 7900ms, false, false, "0.9 s of work time"},
        {"exactly one second ends it too", 8s, false, false, "1 s of work time"},
        {"a moment more is enough", 8s + 1us, true, true, "1 s of work time"},
        {"1.1 s", 8100ms, true, true, "1.1 s of work time"},
        {"4.9 s", 11900ms, true, true, "4.9 s of work time"},
        {"5 s are fine", 12s, true, false, ""},
        {"5.1 s", 12100ms, true, false, ""},
    };
    for (const row& r : rows) {
        invocation_plan plan = minute({"hook"});
        plan.deadline = r.deadline;
        invocation_machine m{plan};
        const act first = m.on({ev::begin}, 0s);
        CHECK_MESSAGE(first.what == (r.goes_on ? act::connect : act::finish), r.why);
        CHECK_MESSAGE(m.report().warnings.size() == (r.warns ? 1 : 0), r.why);
        const std::string said = r.goes_on ? (r.warns ? m.report().warnings[0] : "") : m.report().error;
        CHECK_MESSAGE(has(said, r.says), r.why);
        if (!said.empty()) {
            CHECK_MESSAGE(has(said, "shutdown_buffer of 7 s"), r.why);
            CHECK_MESSAGE(has(said, "raise the function's timeout, or lower shutdown_buffer"), r.why);
        }
        if (!r.goes_on) {
            CHECK(m.report().end == invocation_end::deadline_too_near);
            CHECK(m.report().hooks_run == 0);
        }
    }
}

TEST_CASE("work time is counted from arrival, not from when the platform made up its mind")
{
    invocation_machine m{minute()};
    CHECK(m.on({ev::begin}, 52s).what == act::finish);
}

TEST_CASE("connecting")
{
    invocation_machine m{minute({"hook"})};
    REQUIRE(m.on({ev::begin}, 0s) == act{act::connect, 53s});

    SUBCASE("refused: no worker, no drain, hooks, and nothing to close")
    {
        CHECK(m.on({.what = ev::connect_failed, .words = "connection refused"}, 1s) == act{act::hook, 59800ms, 0});
        CHECK(m.on({ev::hook_done}, 2s) == act{act::finish});
        CHECK(m.report().end == invocation_end::connect_failed);
        CHECK(m.report().error == "connecting to queue:7233 failed: connection refused");
        CHECK(m.report().connect == 1s);
    }
    SUBCASE("so slow that nobody could poll any more")
    {
        CHECK(m.on({ev::timer}, 53s - 1us) == act{act::wait, 53s});
        CHECK(m.on({ev::timer}, 53s) == act{act::hook, 59800ms, 0});
        CHECK(m.on({ev::connected}, 54s) == act{act::wait, 59800ms});  // too late
        CHECK(m.on({ev::hook_done}, 54s) == act{act::finish});
        CHECK(m.report().end == invocation_end::connect_failed);
        CHECK(has(m.report().error, "queue:7233 took longer than there was time to poll, 53 s"));
    }
    SUBCASE("connected at the last moment: no poll, no task to lose, but a client to close")
    {
        CHECK(m.on({ev::connected}, 53s) == act{act::hook, 59800ms, 0});
        CHECK(m.on({ev::hook_done}, 54s) == act{act::close, 59900ms});
        CHECK(m.on({ev::client_closed}, 54s) == act{act::finish});
        CHECK(m.report().end == invocation_end::deadline);
        CHECK(m.report().error == "");
        CHECK(warned(m, "connecting took all the time"));
    }
    SUBCASE("cancelled")
    {
        CHECK(m.on({ev::cancelled}, 1s) == act{act::hook, 59800ms, 0});
        CHECK(m.on({ev::hook_done}, 1s) == act{act::finish});
        CHECK(m.report().end == invocation_end::stopped);
    }
}

TEST_CASE("starting")
{
    invocation_machine m{minute({"hook"})};
    (void)m.on({ev::begin}, 0s);
    REQUIRE(m.on({ev::connected}, 1s) == act{act::start, 53s});
    invocation_end end{};
    std::string_view words;

    SUBCASE("refused")
    {
        CHECK(m.on({.what = ev::start_failed, .words = "permission denied"}, 2s) == act{act::stop});
        end = invocation_end::start_failed;
        words = "starting the worker failed: permission denied";
    }
    SUBCASE("too slow")
    {
        CHECK(m.on({ev::timer}, 52s) == act{act::wait, 53s});
        CHECK(m.on({ev::timer}, 53s) == act{act::stop});
        end = invocation_end::start_failed;
        words = "did not start while there was time";
    }
    SUBCASE("cancelled")
    {
        CHECK(m.on({ev::cancelled}, 2s) == act{act::stop});
        end = invocation_end::stopped;
        words = "cancelled while the worker started";
    }
    CHECK(stopped(m, 53s) == act{act::hook, 59800ms, 0});
    CHECK(m.on({ev::hook_done}, 54s) == act{act::close, 59900ms});
    CHECK(m.on({ev::client_closed}, 54s) == act{act::finish});
    CHECK(m.report().end == end);
    CHECK(has(m.report().error, words));
}

TEST_CASE("started when polling should have stopped already: straight to the drain")
{
    invocation_machine m{minute()};
    CHECK(polling_at(m, 52s, 54s) == act{act::drain, 58s});
    CHECK(m.report().end == invocation_end::deadline);
}

TEST_CASE("polling ends at a fixed moment, whatever connecting took")
{
    invocation_machine m{minute()};
    CHECK(polling_at(m, 30s, 40s) == act{act::poll, 53s});
    CHECK(m.on({ev::timer}, 52s) == act{act::wait, 53s});
    CHECK(m.on({ev::timer}, 53s) == act{act::drain, 58s});
}

TEST_CASE("cancelled while polling is a normal end")
{
    invocation_machine m{minute()};
    (void)polling_at(m, 0s, 0s);
    CHECK(m.on({ev::cancelled}, 10s) == act{act::drain, 15s});
    CHECK(m.on({ev::drained}, 11s) == act{act::stop});
    CHECK(stopped(m, 11s) == act{act::close, 59900ms});
    CHECK(m.on({ev::client_closed}, 11s) == act{act::finish});
    CHECK(m.report().end == invocation_end::cancelled);
    CHECK_FALSE(failed(m.report().end));
}

TEST_CASE("a fatal worker error ends polling at once and is the result")
{
    invocation_machine m{minute({"hook"})};
    (void)polling_at(m, 0s, 0s);
    CHECK(m.on({.what = ev::worker_failed, .words = "version refused"}, 10s) == act{act::drain, 15s});
    CHECK(m.on({.what = ev::drained, .words = "connection lost"}, 11s) == act{act::stop});
    CHECK(stopped(m, 11s).what == act::hook);
    CHECK(m.on({ev::hook_done}, 11s).what == act::close);
    CHECK(m.on({ev::client_closed}, 11s) == act{act::finish});
    CHECK(m.report().end == invocation_end::worker_failed);
    CHECK(m.report().error == "the worker failed: version refused");
    CHECK(warned(m, "draining the worker failed: connection lost"));
}

TEST_CASE("how long the drain may take")
{
    struct row {
        const char* why;
        uptime deadline;
        uptime buffer;
        uptime stop_timeout;
        uptime until;
    };
    const row rows[] = {
        {"the stop timeout", 60s, 7s, 5s, 58s},
        {"longer than the buffer: never into the time of the hooks", 60s, 7s, 30s, 58s},
        {"shorter than the buffer allows", 60s, 20s, 5s, 45s},
        {"a buffer smaller than the hooks' time leaves none to drain", 60s, 1s, 5s, 59s},
        {"no stop timeout", 60s, 7s, 0s, 53s},
    };
    for (const row& r : rows) {
        invocation_machine m{{.deadline = r.deadline, .shutdown_buffer = r.buffer, .stop_timeout = r.stop_timeout}};
        (void)polling_at(m, 0s, 0s);
        CHECK_MESSAGE(m.on({ev::timer}, r.deadline - r.buffer) == (act{act::drain, r.until}), r.why);
    }
}

TEST_CASE("a stuck activity is cut off when the drain's time is over")
{
    invocation_machine m{minute({"hook"})};
    (void)polling_at(m, 0s, 0s);
    (void)changed(m, {.received = {0, 3, 0}, .busy = 2, .load = 1}, 50s);
    REQUIRE(m.on({ev::timer}, 53s) == act{act::drain, 58s});
    CHECK(m.on({ev::timer}, 57s) == act{act::wait, 58s});
    CHECK(m.on({ev::timer}, 58s) == act{act::stop});
    CHECK(m.on({ev::drained}, 58s) == act{act::wait});  // not before the worker has stopped
    CHECK(stopped(m, 58s, 2) == act{act::hook, 59800ms, 0});
    CHECK(warned(m, "2 tasks were still running"));
    CHECK(m.report().end == invocation_end::deadline);
    CHECK(m.report().work.busy == 2);
    CHECK(m.report().drain == 5s);
}

TEST_CASE("a second cancellation cuts the drain short")
{
    invocation_machine m{minute()};
    (void)polling_at(m, 0s, 0s);
    (void)m.on({ev::cancelled}, 10s);
    CHECK(m.on({ev::cancelled}, 11s) == act{act::stop});
    CHECK(stopped(m, 11s, 1) == act{act::close, 59900ms});
    CHECK(warned(m, "1 task was still running"));
}

TEST_CASE("no poll follows a drain")
{
    invocation_machine m{minute()};
    (void)polling_at(m, 0s, 0s);
    (void)m.on({ev::timer}, 53s);
    CHECK(changed(m, {.received = {0, 1, 0}, .busy = 1}, 54s) == act{act::wait, 58s});
    CHECK(m.on({.what = ev::worker_failed, .words = "late"}, 54s) == act{act::wait, 58s});
    CHECK(m.report().end == invocation_end::deadline);
}

TEST_CASE("hooks fail, hang or are cancelled, and the next ones run")
{
    invocation_machine m{minute({"throws", "hangs", "is cancelled", "works"})};
    (void)polling_at(m, 0s, 0s);
    (void)m.on({ev::timer}, 53s);
    (void)m.on({ev::drained}, 53s);
    CHECK(stopped(m, 53s) == act{act::hook, 59500ms, 0});
    CHECK(m.on({.what = ev::hook_failed, .words = "bad day"}, 54s) == act{act::hook, 59600ms, 1});
    CHECK(m.on({ev::timer}, 59s) == act{act::wait, 59600ms});
    CHECK(m.on({ev::timer}, 59600ms) == act{act::hook, 59700ms, 2});
    CHECK(m.on({ev::cancelled}, 59600ms) == act{act::hook, 59800ms, 3});
    CHECK(m.on({ev::hook_done}, 59800ms) == act{act::close, 59900ms});
    CHECK(m.on({ev::timer}, 59900ms) == act{act::finish});
    CHECK(m.report().warnings == std::vector<std::string>{"shutdown hook \"throws\" failed: bad day",
                                     "shutdown hook \"hangs\" was not done in time",
                                     "shutdown hook \"is cancelled\" was cancelled",
                                     "closing the client was not done in time"});
    CHECK(m.report().hooks_run == 4);
    CHECK(m.report().hooks_failed == 3);
    CHECK(m.report().end == invocation_end::deadline);
    CHECK(m.report().error == "");
}

TEST_CASE("a hook that begins after its time has passed gets no time, but its turn")
{
    invocation_machine m{minute({"one", "two"})};
    (void)polling_at(m, 0s, 0s);
    (void)m.on({ev::timer}, 53s);
    (void)m.on({ev::drained}, 53s);
    (void)stopped(m, 53s);
    CHECK(m.on({ev::hook_done}, 61s) == act{act::hook, 61s, 1});
    CHECK(m.on({ev::hook_done}, 62s) == act{act::close, 62s});
    CHECK(warned(m, "\"one\" took longer than it had"));
    CHECK(m.report().hooks_failed == 2);
}

TEST_CASE("closing")
{
    invocation_machine m{minute()};
    (void)polling_at(m, 0s, 0s);
    (void)m.on({ev::timer}, 53s);
    (void)m.on({ev::drained}, 53s);
    REQUIRE(stopped(m, 53s) == act{act::close, 59900ms});
    std::vector<std::string> warnings;

    SUBCASE("fails")
    {
        CHECK(m.on({.what = ev::close_failed, .words = "reset"}, 54s) == act{act::finish});
        warnings = {"closing the client failed: reset"};
    }
    SUBCASE("is cancelled")
    {
        CHECK(m.on({ev::cancelled}, 54s) == act{act::finish});
        warnings = {"closing the client was cancelled"};
    }
    SUBCASE("is not disturbed by anything else")
    {
        CHECK(m.on({ev::timer}, 54s) == act{act::wait, 59900ms});
        CHECK(m.on({ev::hook_done}, 54s) == act{act::wait, 59900ms});
        CHECK(m.on({ev::client_closed}, 54s) == act{act::finish});
    }
    CHECK(m.report().warnings == warnings);
    CHECK(m.report().end == invocation_end::deadline);
}

TEST_CASE("without a deadline it polls until cancelled")
{
    invocation_machine m{{.hooks = {"hook"}}};
    CHECK(m.on({ev::begin}, 0s) == act{act::connect, never});
    CHECK(m.on({ev::connected}, 1h) == act{act::start, never});
    CHECK(m.on({ev::started}, 2h) == act{act::poll, never});
    CHECK(m.on({ev::timer}, 1000h) == act{act::wait, never});
    CHECK(m.on({ev::cancelled}, 1000h) == act{act::drain, 1000h + 5s});
    CHECK(m.on({ev::timer}, 1000h + 5s) == act{act::stop});
    // Nothing keeps it waiting for ever, for there is no platform that would end it.
    CHECK(stopped(m, 1000h + 5s) == act{act::hook, 1000h + 7s, 0});
    CHECK(m.on({ev::hook_done}, 1000h + 6s) == act{act::close, 1000h + 8s});
    CHECK(m.on({ev::client_closed}, 1000h + 6s) == act{act::finish});
    CHECK(m.report().end == invocation_end::cancelled);
}

TEST_CASE("idle exit")
{
    invocation_plan plan = minute();
    plan.rules.idle_exit = 2s;
    invocation_machine m{plan};
    CHECK(polling_at(m, 500ms, 1s) == act{act::poll, 3s});

    SUBCASE("nothing ever came")
    {
        CHECK(m.on({ev::timer}, 2s) == act{act::wait, 3s});
        CHECK(m.on({ev::timer}, 3s) == act{act::drain, 58s});
        CHECK(m.report().end == invocation_end::idle);
    }
    SUBCASE("counts from the end of the last task")
    {
        CHECK(changed(m, {.received = {1, 0, 0}, .busy = 1}, 2s) == act{act::poll, 53s});
        CHECK(changed(m, {.received = {1, 0, 0}, .completed = 1}, 10s) == act{act::poll, 12s});
        CHECK(m.on({ev::timer}, 12s) == act{act::drain, 58s});
    }
    SUBCASE("a task that came and went unseen restarts it")
    {
        CHECK(changed(m, {.received = {1, 0, 0}, .completed = 1}, 2900ms) == act{act::poll, 4900ms});
    }
    SUBCASE("so does a local activity, which no queue has handed out")
    {
        CHECK(changed(m, {.completed = 1}, 2900ms) == act{act::poll, 4900ms});
    }
    SUBCASE("a poller that has lost its queue is not idle")
    {
        CHECK(changed(m, {.waiting = false}, 2s) == act{act::poll, 53s});
        CHECK(changed(m, {.waiting = true}, 20s) == act{act::poll, 22s});
    }
    SUBCASE("a task of the last poll belongs to the drain and may use the time there is")
    {
        REQUIRE(m.on({ev::timer}, 3s) == act{act::drain, 58s});
        CHECK(changed(m, {.received = {1, 0, 0}, .busy = 1}, 3100ms) == act{act::wait, 58s});
        CHECK(m.on({ev::drained}, 40s) == act{act::stop});
    }
}

TEST_CASE("thinned")
{
    invocation_plan plan = minute();
    plan.rules.thin_target = 0.6;
    invocation_machine m{plan};
    CHECK(polling_at(m, 0s, 0s) == act{act::poll, 2s});
    (void)changed(m, {.received = {0, 1, 0}, .busy = 1, .load = 0.1}, 1s);
    CHECK(m.on({.what = ev::timer, .u = 0.99}, 2s) == act{act::wait, 4s});
    CHECK(m.on({.what = ev::timer, .u = 0}, 4s) == act{act::drain, 58s});
    CHECK(m.report().end == invocation_end::thinned);
}

TEST_CASE("a declared activity timeout")
{
    invocation_plan plan = minute();
    SUBCASE("stops polling so early that nothing is lost")
    {
        plan.rules.activity_timeout = 30s;
        invocation_machine m{plan};
        CHECK(polling_at(m, 0s, 0s) == act{act::poll, 28s});
        CHECK(m.on({ev::timer}, 28s) == act{act::drain, 58s});
        CHECK(m.report().end == invocation_end::activity_timeout);
        CHECK(m.report().warnings.empty());
    }
    SUBCASE("that does not fit is told, and the worker works all the same")
    {
        plan.rules.activity_timeout = 58s;
        invocation_machine m{plan};
        CHECK(polling_at(m, 0s, 0s) == act{act::poll, 53s});
        CHECK(warned(m, "58 s, cannot finish in this function"));
    }
}

TEST_CASE("an event that does not fit is ignored at every step")
{
    const ev::kind all[] = {ev::begin, ev::connected, ev::connect_failed, ev::started, ev::start_failed, ev::changed,
        ev::worker_failed, ev::drained, ev::worker_stopped, ev::hook_done, ev::hook_failed, ev::client_closed,
        ev::close_failed};
    struct stage {
        std::vector<ev::kind> way;
        std::vector<ev::kind> fits;
    };
    const stage stages[] = {
        {{}, {ev::begin}},
        {{ev::begin}, {ev::connected, ev::connect_failed}},
        {{ev::begin, ev::connected}, {ev::started, ev::start_failed}},
        {{ev::begin, ev::connected, ev::started}, {ev::changed, ev::worker_failed}},
        {{ev::begin, ev::connected, ev::started, ev::cancelled}, {ev::drained}},
        {{ev::begin, ev::connected, ev::started, ev::cancelled, ev::drained}, {ev::worker_stopped}},
        {{ev::begin, ev::connected, ev::started, ev::cancelled, ev::drained, ev::worker_stopped},
            {ev::hook_done, ev::hook_failed}},
        {{ev::begin, ev::connected, ev::started, ev::cancelled, ev::drained, ev::worker_stopped, ev::hook_done},
            {ev::client_closed, ev::close_failed}},
        {{ev::begin, ev::connect_failed, ev::hook_done}, {}},
    };
    for (const stage& s : stages)
        for (const ev::kind k : all) {
            invocation_machine m{minute({"hook"})};
            for (const ev::kind w : s.way)
                (void)m.on({w}, 1s);
            const bool fits = std::find(s.fits.begin(), s.fits.end(), k) != s.fits.end();
            CHECK((m.on({k}, 1s).what != act::wait) == fits);
        }
}

TEST_CASE("it is over before the deadline, and the order holds, for every combination of slow and failing parts")
{
    // Each part takes no time, a while, or for ever: then only the timer answers. Failing or not.
    const uptime takes[] = {0s, 6s, never};
    for (const uptime connect : takes)
        for (const uptime start : takes)
            for (const uptime drain : takes)
                for (const uptime hook : takes)
                    for (const uptime close : takes)
                        for (const bool fail : {false, true}) {
                            invocation_machine m{minute({"a", "b"})};
                            uptime now{};
                            act next = m.on({ev::begin}, now);
                            bool client = false;
                            bool worker = false;
                            bool drained = false;
                            std::size_t hooks = 0;
                            int closed = 0;
                            for (int steps = 0; next.what != act::finish; ++steps) {
                                REQUIRE(steps < 100);
                                uptime wait = never;
                                ev done{};
                                switch (next.what) {
                                case act::connect:
                                    wait = connect;
                                    done.what = fail && start == 0s ? ev::connect_failed : ev::connected;
                                    break;
                                case act::start:
                                    REQUIRE(client);
                                    worker = true;
                                    wait = start;
                                    done.what = fail && drain == 0s ? ev::start_failed : ev::started;
                                    break;
                                case act::poll:
                                    REQUIRE(!drained);
                                    done.what = ev::timer;
                                    break;
                                case act::drain:
                                    REQUIRE(worker);
                                    drained = true;
                                    wait = drain;
                                    done.what = ev::drained;
                                    break;
                                case act::stop:
                                    REQUIRE(worker);
                                    worker = false;
                                    wait = 0s;
                                    done.what = ev::worker_stopped;
                                    break;
                                case act::hook:
                                    REQUIRE(!worker);
                                    REQUIRE(next.index == hooks++);
                                    wait = hook;
                                    done.what = fail ? ev::hook_failed : ev::hook_done;
                                    break;
                                case act::close:
                                    REQUIRE(hooks == 2);
                                    ++closed;
                                    wait = close;
                                    done.what = fail ? ev::close_failed : ev::client_closed;
                                    break;
                                case act::wait:
                                case act::finish: FAIL("nothing to wait for"); break;
                                }
                                if (wait == never || now + wait > next.until) {
                                    REQUIRE(next.until != never);
                                    now = std::max(now, next.until);
                                    done.what = ev::timer;
                                } else {
                                    now += wait;
                                }
                                client = client || done.what == ev::connected;
                                next = m.on(done, now);
                            }
                            CHECK(now < 60s);
                            CHECK(hooks == 2);
                            CHECK(closed == (client ? 1 : 0));
                            CHECK_FALSE(worker);
                        }
}
