// SPDX-License-Identifier: BSL-1.0
#include <mayfly/invocation.hpp>
#include <mayfly/testing/fake_worker.hpp>
#include <mayfly/testing/manual_clock.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using mayfly::condition;
using mayfly::errc;
using mayfly::hook_handler;
using mayfly::invocation_end;
using mayfly::invocation_report;
using mayfly::never;
using mayfly::uptime;
using mayfly::testing::fake_connector;
using mayfly::testing::manual_clock;
using mayfly::testing::pass;
using mayfly::testing::scripted_session;
using mayfly::testing::settle;

namespace {

using context = mayfly::basic_invocation_context<manual_clock>;
using timer = asio::basic_waitable_timer<manual_clock>;

mayfly::resolved_options options(mayfly::worker_options o = {})
{
    o.task_queue = "queue";
    return *mayfly::resolve(o, {"deployment", "build"}, {.activities = {"work"}});
}

error_code refused()
{
    return asio::error::connection_refused;
}

// One execution environment, with everything that lives as long as it.
struct execution_environment {
    explicit execution_environment(std::vector<scripted_session> sessions = {{}})
        : connector(io.get_executor(), std::move(sessions))
    {
        manual_clock::reset();
    }

    context minute()
    {
        return {.request_id = "r" + std::to_string(++requests),
            .function = "fn:1",
            .deadline = manual_clock::now() + 60s,
            .on_warning = [this](std::string_view w) { warnings.emplace_back(w); }};
    }

    void invoke(context c)
    {
        ec.reset();
        mayfly::async_invoke(std::move(c), connector, chosen, hooks,
            asio::bind_cancellation_slot(cancel.slot(), [this](error_code e, invocation_report r) {
                ec = e;
                report = std::move(r);
                ended = manual_clock::now().time_since_epoch();
                alive_at_end = connector.log().clients + connector.log().workers;
            }));
    }

    void run_minute()
    {
        invoke(minute());
        pass(io, 60s, 10ms);
    }

    void emit() { cancel.emit(asio::cancellation_type::terminal); }

    [[nodiscard]] const mayfly::testing::fake_log& log() const { return connector.log(); }

    asio::io_context io;
    fake_connector connector;
    mayfly::resolved_options chosen = options();
    mayfly::shutdown_hooks hooks;
    asio::cancellation_signal cancel;
    int requests = 0;
    std::optional<error_code> ec;
    invocation_report report;
    uptime ended{};
    int alive_at_end = -1;
    std::vector<std::string> warnings;
};

}  // namespace

TEST_CASE("a minute with defaults")
{
    execution_environment env{{{.connect = {.takes = 150ms},
        .start = {.takes = 50ms},
        .changes = {{.at = 1s, .activity = {.received = {0, 1, 0}, .busy = 1, .load = 0.5}},
            {.at = 3s, .activity = {.received = {0, 1, 0}, .completed = 1}}},
        .drain = {.takes = 1s}}}};
    std::vector<uptime> left;
    env.hooks.add("flush", [&](uptime t) {
        left.push_back(t);
        CHECK(env.log().order() == "connect start drain stop");  // the worker has stopped, the client is open
        CHECK(env.log().clients == 1);
    });
    env.run_minute();

    REQUIRE(env.ec);
    CHECK(*env.ec == error_code{});
    CHECK(env.log().order() == "connect start drain stop close");
    CHECK(env.log().time_of("drain") == 53s);
    CHECK(env.log().time_of("stop") == 54s);
    CHECK(left == std::vector<uptime>{5800ms});
    CHECK(env.ended == 54s);
    CHECK(env.alive_at_end == 0);
    CHECK(env.log().requests[0].identity == "r1@fn:1");
    CHECK(env.log().requests[0].within == 53s);
    CHECK(env.log().versions[0].build_id == "build");
    CHECK(env.report.end == invocation_end::deadline);
    CHECK(env.report.identity == "r1@fn:1");
    CHECK(env.report.work.received == std::array<std::uint64_t, 3>{0, 1, 0});
    CHECK(env.report.work.completed == 1);
    CHECK(env.report.connect == 200ms);
    CHECK(env.report.poll == 52800ms);
    CHECK(env.report.drain == 1s);
    CHECK(env.warnings.empty());
}

TEST_CASE("without time to work nothing is touched, and the completion is not called from within")
{
    execution_environment env;
    bool hook = false;
    env.hooks.add("hook", [&](uptime) { hook = true; });
    context c = env.minute();
    c.deadline = manual_clock::now() + 8s;
    env.invoke(c);
    CHECK_FALSE(env.ec);
    settle(env.io);
    REQUIRE(env.ec);
    CHECK(*env.ec == errc::deadline_too_near);
    CHECK(*env.ec == condition::permanent);
    CHECK(env.log().order() == "");
    CHECK_FALSE(hook);
}

TEST_CASE("little time to work is told at once")
{
    execution_environment env;
    context c = env.minute();
    c.deadline = manual_clock::now() + 10s;
    env.invoke(c);
    REQUIRE(env.warnings.size() == 1);
    CHECK(env.warnings[0].substr(0, 16) == "3 s of work time");
    pass(env.io, 10s, 10ms);
    CHECK(*env.ec == error_code{});
    CHECK(env.report.warnings == env.warnings);
}

TEST_CASE("a dial that is refused")
{
    execution_environment env{{{.connect = {.takes = 1s, .ec = refused()}}}};
    bool hook = false;
    env.hooks.add("hook", [&](uptime) { hook = true; });
    env.run_minute();
    CHECK(*env.ec == errc::connect_failed);
    CHECK(*env.ec == condition::transient);
    CHECK(env.log().order() == "connect");
    CHECK(env.ended == 1s);
    CHECK(env.report.error == "connecting to fake failed: " + refused().message());
    CHECK(hook);
}

TEST_CASE("a dial that crosses the moment to stop polling is cancelled then")
{
    execution_environment env{{{.connect = {.takes = 55s}}}};
    env.run_minute();
    CHECK(*env.ec == errc::connect_failed);
    CHECK(env.log().order() == "connect connect cancelled");
    CHECK(env.ended == 53s);
    CHECK(env.log().clients == 0);
}

TEST_CASE("a dial that cannot be cancelled does not hold the invocation, and its client is closed when it comes")
{
    execution_environment env{{{.connect = {.takes = 57s, .stubborn = true}, .close = {.takes = 10ms}}}};
    env.run_minute();
    CHECK(*env.ec == errc::connect_failed);
    CHECK(env.ended == 53s);
    CHECK(env.log().order() == "connect close");
    CHECK(env.log().time_of("close") == 57s);
    CHECK(env.log().clients == 0);
}

TEST_CASE("a start that is refused")
{
    execution_environment env{{{.start = {.takes = 1s, .ec = refused()}}}};
    bool hook = false;
    env.hooks.add("hook", [&](uptime) { hook = true; });
    env.run_minute();
    CHECK(*env.ec == errc::start_failed);
    CHECK(env.log().order() == "connect start stop close");
    CHECK(env.ended == 1s);
    CHECK(hook);
    CHECK(env.alive_at_end == 0);
}

TEST_CASE("a start that hangs")
{
    execution_environment env{{{.start = {.takes = never}}}};
    env.run_minute();
    CHECK(*env.ec == errc::start_failed);
    CHECK(env.log().time_of("stop") == 53s);
    CHECK(env.log().order() == "connect start stop close start cancelled");
}

TEST_CASE("cancelled while polling: an orderly end and no error")
{
    execution_environment env{{{.drain = {.takes = 2s}}}};
    env.invoke(env.minute());
    pass(env.io, 10s, 10ms);
    env.emit();
    pass(env.io, 10s, 10ms);
    CHECK(*env.ec == error_code{});
    CHECK(env.report.end == invocation_end::cancelled);
    CHECK(env.log().order() == "connect start drain stop close");
    CHECK(env.ended == 12s);
}

TEST_CASE("every kind of cancellation works")
{
    for (auto type :
        {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        execution_environment env;
        env.invoke(env.minute());
        pass(env.io, 1s, 10ms);
        env.cancel.emit(type);
        settle(env.io);
        REQUIRE(env.ec);
        CHECK(env.report.end == invocation_end::cancelled);
    }
}

TEST_CASE("cancelled again and again: each time what is waited for is cut short, and nothing is left out")
{
    execution_environment env{{{.drain = {.takes = never}, .close = {.takes = never}}}};
    int hooks = 0;
    env.hooks.add_async("hangs", [&](uptime, const hook_handler&) { ++hooks; });
    env.invoke(env.minute());
    pass(env.io, 1s, 10ms);
    for (int i = 0; i < 4; ++i) {
        CHECK_FALSE(env.ec);
        env.emit();
        settle(env.io);
    }
    REQUIRE(env.ec);
    CHECK(*env.ec == error_code{});
    CHECK(hooks == 1);
    CHECK(env.ended == 1s);
    CHECK(env.log().order() == "connect start drain stop drain cancelled close close cancelled");
}

TEST_CASE("cancelled while it connects or starts")
{
    SUBCASE("connect")
    {
        execution_environment env{{{.connect = {.takes = 5s}}}};
        env.invoke(env.minute());
        pass(env.io, 1s, 10ms);
        env.emit();
        settle(env.io);
        CHECK(*env.ec == errc::stopped);
        CHECK(env.log().order() == "connect connect cancelled");
    }
    SUBCASE("start")
    {
        execution_environment env{{{.start = {.takes = 5s}}}};
        env.invoke(env.minute());
        pass(env.io, 1s, 10ms);
        env.emit();
        settle(env.io);
        CHECK(*env.ec == errc::stopped);
        CHECK(env.log().order() == "connect start stop close start cancelled");
    }
}

TEST_CASE("a fatal error while polling ends the invocation at once")
{
    execution_environment env{
        {{.changes = {{.at = 5s, .activity = {.received = {1, 0, 0}, .busy = 1}}, {.at = 6s, .ec = refused()}},
            .drain = {.takes = 1s}}}};
    env.run_minute();
    CHECK(*env.ec == errc::worker_failed);
    CHECK(env.report.error == "the worker failed: " + refused().message());
    CHECK(env.log().order() == "connect start drain stop close");
    CHECK(env.log().time_of("drain") == 6s);
    CHECK(env.ended == 7s);
}

TEST_CASE("an activity longer than the stop timeout is cut off, and the hooks still have their time")
{
    execution_environment env{{{.changes = {{.at = 50s, .activity = {.received = {0, 1, 0}, .busy = 1, .load = 0.5}}},
        .drain = {.takes = never}}}};
    uptime left{};
    env.hooks.add("hook", [&](uptime t) { left = t; });
    env.run_minute();
    CHECK(*env.ec == error_code{});
    CHECK(env.log().time_of("drain") == 53s);
    CHECK(env.log().time_of("stop") == 58s);
    CHECK(left == 1800ms);
    CHECK(env.report.work.busy == 1);
    REQUIRE(env.warnings.size() == 1);
    CHECK(env.warnings[0].substr(0, 28) == "1 task was still running whe");
}

TEST_CASE("a drain is told how long tasks have")
{
    struct row {
        const char* why;
        mayfly::worker_options own;
        uptime expected;
    };
    const row rows[] = {
        {"the stop timeout, at the regular moment", {}, 5s},
        {"what there is until the hooks, where the buffer is short",
            {.stop_timeout = 5s, .shutdown_buffer = 4s, .hook_allowance = 2s}, 2s},
        {"who leaves early has all the time for which it left", {.activity_timeout = 30s}, 30s},
        {"and who is not needed has until the end", {.idle_exit = 3s}, 55s},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        execution_environment env;
        env.chosen = options(r.own);
        env.run_minute();
        REQUIRE(env.log().drains.size() == 1);
        CHECK(env.log().drains[0] == r.expected);
    }
    execution_environment for_ever;
    asio::cancellation_signal cancel;
    mayfly::async_invoke(context{.request_id = "r"}, for_ever.connector, for_ever.chosen, for_ever.hooks,
        asio::bind_cancellation_slot(cancel.slot(), [](error_code, const invocation_report&) {}));
    settle(for_ever.io);
    cancel.emit(asio::cancellation_type::terminal);
    settle(for_ever.io);
    CHECK(for_ever.log().drains == std::vector<uptime>{5s});
}

TEST_CASE("a stop timeout of 30 s moves the buffer with it")
{
    execution_environment env{{{.drain = {.takes = never}}}};
    env.chosen = options({.stop_timeout = 30s});
    env.run_minute();
    CHECK(env.log().time_of("drain") == 28s);
    CHECK(env.log().time_of("stop") == 58s);
}

TEST_CASE("idle exit")
{
    execution_environment env{{{.changes = {{.at = 1s, .activity = {.received = {0, 1, 0}, .busy = 1}},
                                    {.at = 5s, .activity = {.received = {0, 1, 0}, .completed = 1}},
                                    {.at = 7500ms, .activity = {.received = {0, 2, 0}, .completed = 1, .busy = 1}}},
        .drain = {.takes = 3s}}}};
    SUBCASE("asked for by the controller")
    {
        context c = env.minute();
        c.orders.idle_exit = 2s;
        env.invoke(c);
    }
    SUBCASE("chosen by the user")
    {
        env.chosen = options({.idle_exit = 2s});
        env.invoke(env.minute());
    }
    pass(env.io, 60s, 10ms);
    CHECK(*env.ec == error_code{});
    CHECK(env.report.end == invocation_end::idle);
    CHECK(env.log().time_of("drain") == 7s);
    CHECK(env.ended == 10s);
    // The task that the last poll brought is in the books.
    CHECK(env.report.work.received[1] == 2);
}

TEST_CASE("a worker that is told to stay does not idle out")
{
    execution_environment env;
    env.chosen = options({.idle_exit = 2s});
    context c = env.minute();
    c.orders.stay = true;
    env.invoke(c);
    pass(env.io, 60s, 10ms);
    CHECK(env.report.end == invocation_end::deadline);
}

TEST_CASE("a crowd of idle workers thins out over time")
{
    // Each is asked every two seconds, with a chance of at most a fifth: some leave early, some late, not all at once.
    std::vector<uptime> ends;
    for (int i = 0; i < 20; ++i) {
        execution_environment env;
        env.requests = i;
        context c = env.minute();
        c.orders.thin_target = 0.6;
        env.invoke(c);
        pass(env.io, 60s, 100ms);
        REQUIRE(env.ec);
        if (env.report.end == invocation_end::thinned)
            ends.push_back(env.ended);
    }
    CHECK(ends.size() >= 15);
    CHECK(*std::max_element(ends.begin(), ends.end()) - *std::min_element(ends.begin(), ends.end()) > 5s);
}

TEST_CASE("hooks: in order, each with its time, whatever the others do")
{
    execution_environment env;
    std::string order;
    std::vector<std::thread> threads;
    auto late = std::make_shared<timer>(env.io);
    env.hooks.add("throws", [&](uptime) {
        order += "a";
        throw std::runtime_error("bad day");
    });
    env.hooks.add("throws an int", [&](uptime) {
        order += "b";
        throw 7;
    });
    env.hooks.add_async("throws before it begins", [&](uptime, const hook_handler&) {
        order += "-";
        throw std::runtime_error("");
    });
    env.hooks.add_async("fails later", [&, late](uptime, hook_handler done) {
        order += "c";
        late->expires_after(1s);
        late->async_wait([done = std::move(done)](error_code) { done(refused()); });
    });
    env.hooks.add_async("answers twice", [&](uptime, const hook_handler& done) {
        order += "d";
        done();
        done(refused());
    });
    env.hooks.add_async("is cancelled and reacts", [&](uptime left, hook_handler done) {
        CHECK(left == 5500ms);
        order += "e";
        auto t = std::make_shared<timer>(env.io, timer::time_point::max());
        t->async_wait(asio::bind_cancellation_slot(done.get_cancellation_slot(), [&, t, done](error_code ec) {
            order += ec == asio::error::operation_aborted ? "!" : "?";
            done(ec);
        }));
    });
    env.hooks.add_async("throws in a coroutine", [&](uptime left, const hook_handler& done) {
        CHECK(left == 100ms);
        order += "f";
        asio::co_spawn(
            env.io,
            [&]() -> asio::awaitable<void> {
                co_await asio::post(env.io, asio::use_awaitable);
                throw std::runtime_error("in a coroutine");
            },
            done);
    });
    env.hooks.add_async("works on another thread", [&](uptime, const hook_handler& done) {
        order += "g";
        std::thread([done] { done(); }).join();
    });
    env.hooks.add("runs last, and too long", [&](uptime left) {
        order += "h";
        manual_clock::advance(left + 1s);
    });

    env.run_minute();
    CHECK(order == "ab-cdef!gh");
    CHECK(*env.ec == error_code{});
    CHECK(env.report.hooks_run == 9);
    CHECK(env.warnings == std::vector<std::string>{
                              R"(shutdown hook "throws" failed: bad day)",
                              R"(shutdown hook "throws an int" failed: threw something that is no std::exception)",
                              R"(shutdown hook "throws before it begins" failed: threw an exception without words)",
                              R"(shutdown hook "fails later" failed: )" + refused().message(),
                              R"(shutdown hook "is cancelled and reacts" was not done in time)",
                              R"(shutdown hook "throws in a coroutine" failed: in a coroutine)",
                              R"(shutdown hook "runs last, and too long" took longer than it had)",
                              "closing the client was not done in time",
                          });
    CHECK(env.log().order() == "connect start drain stop close");
}

TEST_CASE("a close that hangs or fails changes nothing")
{
    SUBCASE("hangs")
    {
        execution_environment env{{{.close = {.takes = never, .stubborn = true}}}};
        env.run_minute();
        CHECK(*env.ec == error_code{});
        CHECK(env.ended == 59900ms);
        CHECK(env.warnings == std::vector<std::string>{"closing the client was not done in time"});
    }
    SUBCASE("fails")
    {
        execution_environment env{{{.close = {.ec = refused()}}}};
        env.run_minute();
        CHECK(*env.ec == error_code{});
        CHECK(env.warnings.size() == 1);
    }
}

TEST_CASE("a second invocation gets everything fresh, and the same registrations")
{
    execution_environment env{{{.connect = {.takes = 1s}}, {.connect = {.ec = refused()}}, {}}};
    int hooks = 0;
    env.hooks.add("count", [&](uptime) { ++hooks; });
    env.run_minute();
    CHECK(*env.ec == error_code{});
    CHECK(env.report.connect == 1s);
    env.run_minute();
    CHECK(*env.ec == errc::connect_failed);
    env.run_minute();
    CHECK(*env.ec == error_code{});
    CHECK(env.report.connect == 0s);
    CHECK(env.log().order() == "connect start drain stop close connect connect start drain stop close");
    REQUIRE(env.log().requests.size() == 3);
    CHECK(env.log().requests[0].identity == "r1@fn:1");
    CHECK(env.log().requests[2].identity == "r3@fn:1");
    CHECK(env.log().versions == std::vector<mayfly::deployment_version>(2, {"deployment", "build"}));
    CHECK(hooks == 3);
    CHECK(env.alive_at_end == 0);
}

TEST_CASE("the identity to poll with")
{
    execution_environment env;
    SUBCASE("the user's own")
    {
        env.chosen = options({.identity = "me"});
        env.run_minute();
        CHECK(env.log().requests[0].identity == "me");
    }
    SUBCASE("a part is missing")
    {
        context c = env.minute();
        c.request_id.clear();
        env.invoke(c);
        settle(env.io);
        CHECK(env.log().requests[0].identity == "unknown@fn:1");
    }
    SUBCASE("a local run polls until cancelled, under the client's own name")
    {
        env.invoke({});
        pass(env.io, 1h, 1s);
        CHECK_FALSE(env.ec);
        CHECK(env.log().requests[0].identity == "");
        CHECK(env.log().requests[0].within == never);
        env.emit();
        settle(env.io);
        CHECK(*env.ec == error_code{});
    }
}

TEST_CASE("a step of the wall clock moves nothing")
{
    execution_environment env;
    context c = env.minute();
    c.deadline = manual_clock::from_wall(mayfly::wall_time{60s});
    env.invoke(c);
    pass(env.io, 1s, 10ms);
    manual_clock::set_wall(manual_clock::wall() + 1h);
    pass(env.io, 59s, 10ms);
    CHECK(env.log().time_of("drain") == 53s);
}

TEST_CASE("it is over before the deadline for every combination of slow, stuck and failing parts")
{
    const uptime takes[] = {0s, 6s, never};
    for (const uptime connect : takes)
        for (const uptime start : takes)
            for (const uptime drain : takes)
                for (const uptime hook : takes)
                    for (const bool stubborn : {false, true}) {
                        execution_environment env{{{.connect = {connect, {}, stubborn},
                            .start = {start, {}, stubborn},
                            .drain = {drain, {}, stubborn},
                            .close = {hook, {}, stubborn}}}};
                        int hooks = 0;
                        auto t = std::make_shared<timer>(env.io);
                        env.hooks.add_async("slow", [&, t](uptime, const hook_handler& done) {
                            ++hooks;
                            if (hook == never)
                                return;
                            t->expires_after(hook);
                            t->async_wait([done](error_code) { done(); });
                        });
                        env.hooks.add("next", [&](uptime) { ++hooks; });
                        env.invoke(env.minute());
                        pass(env.io, 60s, 100ms);
                        REQUIRE(env.ec);
                        CHECK(env.ended < 60s);
                        CHECK(hooks == 2);
                    }
}

TEST_CASE("any completion token: a coroutine")
{
    execution_environment env;
    std::string seen;
    asio::co_spawn(
        env.io,
        [&]() -> asio::awaitable<void> {
            const invocation_report r =
                co_await mayfly::async_invoke(env.minute(), env.connector, env.chosen, env.hooks, asio::use_awaitable);
            seen = to_string(r.end);
            context late = env.minute();
            late.deadline = manual_clock::now();
            try {
                (void)co_await mayfly::async_invoke(late, env.connector, env.chosen, env.hooks, asio::use_awaitable);
            } catch (const boost::system::system_error& e) {
                seen += " " + e.code().message();
            }
        },
        asio::detached);
    pass(env.io, 61s, 10ms);
    CHECK(seen == "deadline too little time before the deadline");
}

TEST_CASE("any completion token: one that begins later; time counts from the call all the same")
{
    execution_environment env;
    auto operation = mayfly::async_invoke(env.minute(), env.connector, env.chosen, env.hooks, asio::deferred);
    CHECK(env.log().order() == "");
    manual_clock::advance(5s);
    bool ended = false;
    std::move(operation)([&](error_code, const invocation_report&) { ended = true; });
    CHECK(env.log().requests[0].within == 48s);
    pass(env.io, 55s, 10ms);
    CHECK(ended);
    CHECK(env.log().time_of("drain") == 53s);
}

TEST_CASE("on the machine's own clock, to the end of a cancelled run")
{
    // What needs no time on manual time needs none on real time.
    asio::io_context io;
    fake_connector connector{io.get_executor()};
    mayfly::shutdown_hooks hooks;
    const auto chosen = options();
    asio::cancellation_signal cancel;
    bool ended = false;
    mayfly::async_invoke(mayfly::invocation_context{.request_id = "r", .deadline = mayfly::deadline_clock::now() + 1h},
        connector, chosen, hooks,
        asio::bind_cancellation_slot(cancel.slot(),
            [&](error_code ec, const invocation_report& r) { ended = !ec && r.end == invocation_end::cancelled; }));
    settle(io);
    cancel.emit(asio::cancellation_type::terminal);
    settle(io);
    CHECK(ended);
}

namespace {

// The least that the concepts ask for: move-only, nothing more than the named operations, plain handlers.
struct least {
    least() = default;
    least(least&&) = default;
    least& operator=(least&&) = delete;
};

struct least_worker : least {
    explicit least_worker(asio::io_context& c) : io(&c) {}
    template <class Handler>
    void async_start(Handler h)
    {
        asio::post(*io, [h = std::move(h)]() mutable { h(error_code{}); });
    }
    template <class Handler>
    void async_watch(Handler h)
    {
        asio::post(*io, [h = std::move(h)]() mutable { h(refused()); });
    }
    template <class Handler>
    void async_drain(uptime, Handler h)
    {
        asio::post(*io, [h = std::move(h)]() mutable { h(error_code{}); });
    }
    mayfly::worker_activity activity() const { return {.completed = 3}; }
    void stop() noexcept {}

    asio::io_context* io;
};

struct least_client : least {
    explicit least_client(asio::io_context& c) : io(&c) {}
    least_worker make_worker(const mayfly::resolved_options&) { return least_worker{*io}; }
    template <class Handler>
    void async_close(Handler h)
    {
        asio::post(*io, [h = std::move(h)]() mutable { h(error_code{}); });
    }

    asio::io_context* io;
};

struct least_connector : least {
    using client_type = least_client;

    explicit least_connector(asio::io_context& c) : io(&c) {}
    template <class Handler>
    void async_connect(mayfly::connect_request, Handler h)
    {
        asio::post(*io, [h = std::move(h), c = io]() mutable {
            h(error_code{}, std::optional<least_client>{std::in_place, *c});
        });
    }
    const char* target() const { return "least"; }
    asio::io_context::executor_type get_executor() { return io->get_executor(); }

    asio::io_context* io;
};

static_assert(mayfly::Worker<least_worker>);
static_assert(mayfly::WorkerClient<least_client>);
static_assert(mayfly::Connector<least_connector>);
static_assert(!mayfly::Worker<least_client>);
static_assert(!mayfly::Connector<least>);

}  // namespace

TEST_CASE("an invocation asks for no more than the concepts say")
{
    manual_clock::reset();
    asio::io_context io;
    least_connector connector{io};
    mayfly::shutdown_hooks hooks;
    const auto chosen = options();
    std::optional<error_code> result;
    mayfly::async_invoke(context{}, connector, chosen, hooks, [&](error_code ec, const invocation_report& r) {
        result = ec;
        CHECK(r.work.completed == 3);
    });
    settle(io);
    REQUIRE(result);
    CHECK(*result == errc::worker_failed);
}

TEST_CASE("a context that is destroyed in mid-invocation takes everything with it")
{
    // Whatever leaks or is used after its end is for the sanitizers to find.
    for (const uptime when : {0s, 1s, 3s, 54s}) {
        auto env = std::make_unique<execution_environment>(std::vector<scripted_session>{
            {.connect = {.takes = 500ms}, .start = {.takes = 2s}, .drain = {.takes = 2s}}});
        env->invoke(env->minute());
        pass(env->io, when, 10ms);
        CHECK_FALSE(env->ec);
        env.reset();
    }
}

TEST_CASE("each failure has its error")
{
    CHECK(mayfly::error_of(invocation_end::running) == error_code{});
    CHECK(mayfly::error_of(invocation_end::thinned) == error_code{});
    CHECK(mayfly::error_of(invocation_end::deadline_too_near) == errc::deadline_too_near);
    CHECK(mayfly::error_of(invocation_end::stopped) == errc::stopped);
    CHECK(mayfly::error_of(invocation_end::connect_failed) == errc::connect_failed);
    CHECK(mayfly::error_of(invocation_end::start_failed) == errc::start_failed);
    CHECK(mayfly::error_of(invocation_end::worker_failed) == errc::worker_failed);
}
