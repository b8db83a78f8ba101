// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/errors.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace worker_test;

namespace {

std::string greet(std::string name)
{
    return "Hello, " + name;
}

struct counter {
    int base = 40;
    int add(int by) const { return base + by; }
    asio::awaitable<int> add_later(activity_context&, int by)
    {
        asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
        co_await timer.async_wait(asio::use_awaitable);
        co_return base + by;
    }
};

/// Waits, on another thread, until it is let go or its activity is cancelled.
struct gate {
    std::mutex mutex{};
    std::condition_variable_any wake{};
    bool open = false;
    std::atomic<int> inside{0};

    void pass(activity_context& context)
    {
        std::unique_lock lock(mutex);
        ++inside;
        wake.wait(lock, context.stop_token(), [&] { return open; });
        --inside;
    }
    void let_go()
    {
        const std::scoped_lock lock(mutex);
        open = true;
        wake.notify_all();
    }
};

}  // namespace

TEST_CASE("functions of every kind are activities")
{
    world w;
    counter c;
    w.config.settings.max_concurrent_activities = 10;
    w.activities.add("plain", greet);
    w.activities.add("pointer", &greet, {.runs_on = runs_on::executor});
    w.activities.add("callable", [prefix = std::string("Hi ")](const std::string& name) { return prefix + name; });
    w.activities.add("member", &c, &counter::add);
    w.activities.add("shared", std::make_shared<counter>(), &counter::add);
    w.activities.add("awaitable", &c, &counter::add_later);
    w.activities.add("nothing", [](activity_context&) {});
    w.activities.add("awaits nothing", []() -> asio::awaitable<void> { co_return; });
    w.activities.add("about", [](activity_context& context) {
        const auto& i = context.info();
        return std::string(i.type) + ' ' + std::string(i.id) + ' ' + std::string(i.run_id) + ' ' +
               std::string(i.task_queue) + ' ' + std::to_string(i.attempt) + (i.deadline ? " deadline" : "");
    });
    CHECK(w.activities.problems().empty());
    CHECK(w.activities.names().size() == 9);
    w.begin();

    struct row {
        const char* why;
        const char* type;
        std::vector<std::string> arguments;
        const char* result;
        const char* encoding;
    };
    const row rows[] = {
        {"a plain function", "plain", {"\"you\""}, "\"Hello, you\"", "json/plain"},
        {"on the executor", "pointer", {"\"you\""}, "\"Hello, you\"", "json/plain"},
        {"a lambda", "callable", {"\"you\""}, "\"Hi you\"", "json/plain"},
        {"a member", "member", {"2"}, "42", "json/plain"},
        {"a member of a shared object", "shared", {"3"}, "43", "json/plain"},
        {"a coroutine", "awaitable", {"4"}, "44", "json/plain"},
        {"missing arguments have their default", "member", {}, "40", "json/plain"},
        {"surplus ones are ignored", "member", {"1", "2", "\"x\""}, "41", "json/plain"},
        {"nothing is a result too", "nothing", {}, "", "binary/null"},
        {"from a coroutine too", "awaits nothing", {}, "", "binary/null"},
    };
    std::size_t n = 0;
    for (const row& r : rows) {
        w.server.add(w.server.task(r.type, r.arguments));
        REQUIRE_MESSAGE(w.until([&] { return w.server.completed.size() > n; }), r.why);
        const auto& done = w.server.completed[n++];
        CHECK_MESSAGE(result_of(done) == r.result, r.why);
        CHECK_MESSAGE(done.result().payloads(0).metadata().at("encoding") == r.encoding, r.why);
        CHECK(done.task_token() == "token-" + std::to_string(n));
        CHECK(done.identity() == "me@here");
        CHECK(done.namespace_() == "default");
        CHECK(done.deployment_options().worker_versioning_mode() == api::enums::WORKER_VERSIONING_MODE_UNVERSIONED);
    }
    w.server.add(w.server.task("about"));
    REQUIRE(w.until([&] { return w.server.completed.size() > n; }));
    CHECK(result_of(w.server.completed[n]) == "\"about id-11 run-11 work 1 deadline\"");
    CHECK(w.server.failed.empty());
    CHECK(w.until([&] { return w.worker->activity().completed == 11; }));
    CHECK(w.worker->activity().received_in_all() == 11);
}

TEST_CASE("failures say what failed")
{
    world w;
    w.activities.add("takes an int", [](int n) { return n; });
    w.activities.add("throws", [] { throw std::runtime_error("no luck"); });
    w.activities.add("throws this",
        [] { throw application_error("later", {.type = "Busy", .non_retryable = true, .next_retry_delay = 7s}); });
    w.activities.add("awaits and throws", []() -> asio::awaitable<int> {
        throw application_error("awaited", {.type = "Awaited"});
        co_return 1;
    });
    w.activities.add("was not asked", [] { throw cancelled_error("on my own"); });
    w.activities.add("throws a timeout", [] { throw timeout_error("inner", timeout_kind::start_to_close); });
    w.begin();

    struct row {
        const char* why;
        const char* type;
        std::vector<std::string> arguments;
        const char *message, *failure_type;
        bool retryable;
    };
    const row rows[] = {
        {"an argument of another type is named", "takes an int", {"\"seven\""}, "activity \"takes an int\": argument 1",
            "ArgumentConversion", true},
        {"an exception of somebody else's", "throws", {}, "no luck", "runtime_error", true},
        {"all that was said", "throws this", {}, "later", "Busy", false},
        {"from a coroutine", "awaits and throws", {}, "awaited", "Awaited", true},
        {"a type that is not there: the ones that are", "missing", {},
            "activity \"missing\" is not registered on this worker, which has awaits and throws, ", "NotRegistered",
            true},
        {"cancelled, though nobody asked", "was not asked", {}, "on my own", "", true},
        {"another kind of failure is wrapped", "throws a timeout", {}, "inner", "", true},
    };
    std::size_t n = 0;
    for (const row& r : rows) {
        w.server.add(w.server.task(r.type, r.arguments));
        REQUIRE_MESSAGE(w.until([&] { return w.server.failed.size() > n; }), r.why);
        const auto& f = w.server.failed[n++].failure();
        CHECK_MESSAGE(f.message().find(r.message) != std::string::npos, f.message());
        REQUIRE_MESSAGE(f.has_application_failure_info(), r.why);
        CHECK_MESSAGE(f.application_failure_info().type().find(r.failure_type) != std::string::npos,
            f.application_failure_info().type());
        CHECK_MESSAGE(f.application_failure_info().non_retryable() == !r.retryable, r.why);
        CHECK(w.server.failed.back().identity() == "me@here");
    }
    CHECK(w.server.failed[2].failure().application_failure_info().next_retry_delay().seconds() == 7);
    CHECK(w.server.failed[5].failure().cause().has_canceled_failure_info());
    CHECK(w.server.failed[6].failure().cause().has_timeout_failure_info());
    CHECK(w.server.completed.empty());
}

TEST_CASE("a function that throws before it is a coroutine fails like any other")
{
    world w;
    activity_type type{.name = "throws"};
    type.await = [](activity_context&) -> asio::awaitable<api::common::Payload> {
        throw std::runtime_error("no coroutine today");
    };
    w.activities.add(std::move(type));
    w.begin();
    w.server.add(w.server.task("throws"));
    REQUIRE(w.until([&] { return w.server.failed.size() == 1; }));
    CHECK(w.server.failed[0].failure().message() == "no coroutine today");
    REQUIRE(w.until([&] { return w.worker->activity().completed == 1; }));
}

TEST_CASE("what cannot be registered is told")
{
    activity_registry r;
    r.add("twice", greet);
    r.add("twice", [](int n) { return n; });
    r.add("", greet);
    REQUIRE(r.problems().size() == 2);
    CHECK(r.problems()[0].field == "activities.twice");
    CHECK(r.names() == std::vector<std::string>{"twice"});
}

TEST_CASE("heartbeats: at once, then throttled, newest details, none after the result")
{
    world w;
    gate first;
    gate g;
    w.config.timing.heartbeat_without_timeout = 200ms;
    w.activities.add("beats", [&](activity_context& context) {
        context.heartbeat(1);
        first.pass(context);
        for (int i = 2; i <= 1000; ++i)
            context.heartbeat(i);
        g.pass(context);
        context.heartbeat("unheard");
    });
    w.begin();
    w.server.add(w.server.task("beats"));
    const auto newest = [&] {
        return w.server.heartbeats.empty() ? "" : w.server.heartbeats.back().details().payloads(0).data();
    };
    REQUIRE(w.until([&] { return newest() == "1"; }));
    first.let_go();
    REQUIRE(w.until([&] { return newest() == "1000"; }));
    const auto told = w.server.heartbeats.size();
    CHECK(told > 1);
    CHECK(told < 100);
    CHECK(w.server.heartbeats[0].identity() == "me@here");
    CHECK(w.server.heartbeats[0].task_token() == "token-1");
    g.let_go();
    REQUIRE(w.until([&] { return w.server.completed.size() == 1; }));
    CHECK(w.server.heartbeats.size() == told);
    CHECK(w.server.order.back() == "RespondActivityTaskCompleted");
}

TEST_CASE("a heartbeat that is still under way when its activity succeeds changes nothing")
{
    world w;
    w.config.timing.heartbeat_without_timeout = 1ms;  // a call has a second then
    w.activities.add("beats", [](activity_context& context) { context.heartbeat(1); });
    w.server.script("RecordActivityTaskHeartbeat", {{.never = true}});
    w.server.script("RespondActivityTaskCompleted", {{.never = true}});
    w.begin();
    w.server.add(w.server.task("beats"));
    REQUIRE(w.until([&] { return w.server.calls("RespondActivityTaskCompleted") == 1; }));
    CHECK_FALSE(w.until([&] { return w.server.calls("RespondActivityTaskCompleted") > 1; }, 1500ms));
    CHECK(w.server.calls("RecordActivityTaskHeartbeat") == 1);
}

TEST_CASE("a failure is told after the newest details")
{
    world w;
    w.activities.add("gets so far", [](activity_context& context) {
        CHECK(context.heartbeat_details<int>() == 7);
        CHECK_FALSE(context.heartbeat_details<int>(1));
        context.heartbeat(1);
        context.heartbeat(2);
        throw std::runtime_error("stuck");
    });
    auto task = w.server.task("gets so far");
    auto& details = *task.mutable_heartbeat_details()->add_payloads();
    (*details.mutable_metadata())["encoding"] = "json/plain";
    details.set_data("7");
    w.begin();
    w.server.add(std::move(task));
    REQUIRE(w.until([&] { return w.server.failed.size() == 1; }));
    REQUIRE_FALSE(w.server.heartbeats.empty());
    CHECK(w.server.heartbeats.back().details().payloads(0).data() == "2");
    CHECK(w.server.order.back() == "RespondActivityTaskFailed");
}

TEST_CASE("heartbeats bring cancellations")
{
    struct row {
        const char* why;
        const char* type;
        bool cancel, reset, pause;
        const char* expected;
    };
    const row rows[] = {
        {"a coroutine is cancelled", "waits", true, false, false, "canceled"},
        {"a function sees its stop token", "blocks", true, false, false, "canceled"},
        {"paused: another attempt goes on", "waits", false, false, true, "ActivityPaused"},
        {"reset: from the beginning", "blocks", false, true, false, "ActivityReset"},
        {"a cancellation weighs more", "waits", true, true, true, "canceled"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        world w;
        gate g;
        w.activities.add("waits", [](activity_context& context) -> asio::awaitable<void> {
            context.heartbeat("here");
            co_await wait_for_ever(context);
        });
        w.activities.add("blocks", [&](activity_context& context) {
            context.heartbeat("here");
            g.pass(context);
            if (context.cancelled())
                throw cancelled_error("enough", error_details::of(3));
        });
        w.server.heartbeat_answer.set_cancel_requested(r.cancel);
        w.server.heartbeat_answer.set_activity_reset(r.reset);
        w.server.heartbeat_answer.set_activity_paused(r.pause);
        w.begin();
        w.server.add(w.server.task(r.type));
        if (std::string(r.expected) == "canceled") {
            REQUIRE(w.until([&] { return w.server.canceled.size() == 1; }));
            CHECK(w.server.canceled[0].identity() == "me@here");
            if (r.type == std::string("blocks"))
                CHECK(w.server.canceled[0].details().payloads(0).data() == "3");
        } else {
            REQUIRE(w.until([&] { return w.server.failed.size() == 1; }));
            const auto& info = w.server.failed[0].failure().application_failure_info();
            CHECK(info.type() == r.expected);
            CHECK_FALSE(info.non_retryable());
        }
    }
}

TEST_CASE("an attempt that the server does not know ends unheard")
{
    world w;
    std::atomic<cancel_reason> seen{cancel_reason::none};
    w.activities.add("waits", [&](activity_context& context) -> asio::awaitable<void> {
        context.heartbeat();
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::steady_clock::time_point::max());
        boost::system::error_code ec;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        seen = context.cancel_reason();
        context.throw_if_cancelled();
    });
    w.server.script("RecordActivityTaskHeartbeat", {{{grpc::status_code::not_found, "no such task"}}});
    w.begin();
    w.server.add(w.server.task("waits"));
    REQUIRE(w.until([&] { return w.worker->activity().completed == 1; }));
    CHECK(seen == cancel_reason::not_found);
    CHECK(w.server.failed.empty());
    CHECK(w.server.canceled.empty());
}

TEST_CASE("an attempt whose time is over is cancelled and not reported")
{
    world w;
    w.config.timing.timeout_margin = 20ms;
    w.activities.add("waits", wait_for_ever);
    auto task = w.server.task("waits");
    task.mutable_start_to_close_timeout()->set_seconds(0);
    task.mutable_start_to_close_timeout()->set_nanos(30'000'000);
    w.begin();
    w.server.add(std::move(task));
    REQUIRE(w.until([&] { return w.worker->activity().completed == 1; }));
    CHECK(w.server.failed.empty());
    CHECK(w.server.canceled.empty());
    CHECK(w.logged("run into its timeout"));
}

TEST_CASE("an activity that somebody else completes")
{
    world w;
    std::mutex mutex;
    std::string token;
    w.activities.add("elsewhere", [&](activity_context& context) {
        context.complete_elsewhere();
        const std::scoped_lock lock(mutex);
        token = context.info().task_token;
        return std::string("not this");
    });
    w.activities.add("cannot hand over", [](activity_context& context) {
        context.complete_elsewhere();
        throw std::runtime_error("nobody there");
    });
    w.begin();
    w.server.add(w.server.task("elsewhere"));
    REQUIRE(w.until([&] { return w.worker->activity().completed == 1; }));
    CHECK(w.worker->activity().busy == 0);
    CHECK(token == "token-1");
    CHECK(w.server.completed.empty());
    w.server.add(w.server.task("cannot hand over"));
    REQUIRE(w.until([&] { return w.server.failed.size() == 1; }));
}

TEST_CASE("results are told until they are heard")
{
    world w;
    w.activities.add("plain", greet);
    w.server.script("RespondActivityTaskCompleted",
        {{{grpc::status_code::unavailable, "down"}}, {{grpc::status_code::internal, "a bug"}},
            {{grpc::status_code::unavailable, "down"}}});
    w.begin();
    w.server.add(w.server.task("plain"));
    CHECK(w.until([&] { return w.server.completed.size() == 1; }));
}

TEST_CASE("a result that is too large becomes a failure, once")
{
    world w;
    w.activities.add("large", [] { return std::string(5'000'000, 'x'); });
    w.begin();
    w.server.add(w.server.task("large"));
    REQUIRE(w.until([&] { return w.server.failed.size() == 1; }));
    const auto& info = w.server.failed[0].failure().application_failure_info();
    CHECK(info.type() == "GrpcMessageTooLarge");
    CHECK(info.non_retryable());
    CHECK(w.until([&] { return w.worker->activity().completed == 1; }));
    CHECK(w.server.calls("RespondActivityTaskCompleted") == 0);
}

TEST_CASE("a result that nobody wants any more frees its slot")
{
    world w;
    w.activities.add("plain", greet);
    w.server.script("RespondActivityTaskCompleted", {{{grpc::status_code::not_found, "gone"}}});
    w.begin();
    w.server.add(w.server.task("plain"));
    REQUIRE(w.until([&] { return w.worker->activity().completed == 1; }));
    CHECK(w.worker->activity().busy == 0);
    CHECK(w.server.calls("RespondActivityTaskCompleted") == 1);
}

TEST_CASE("blocking functions run beside each other, as many as there are slots")
{
    world w;
    gate g;
    w.config.settings.max_concurrent_activities = 3;
    w.config.settings.activity_pollers = 2;
    w.activities.add("blocks", [&](activity_context& context, int n) {
        g.pass(context);
        context.heartbeat(n);
        return n;
    });
    w.begin(2);
    for (int i = 0; i < 7; ++i)
        w.server.add(w.server.task("blocks", {std::to_string(i)}));
    REQUIRE(w.until([&] { return g.inside == 3; }));
    CHECK(w.worker->activity().busy == 3);
    CHECK(w.worker->activity().load == 1.0);
    CHECK(w.server.parked_polls() == 0);
    g.let_go();
    REQUIRE(w.until([&] { return w.server.completed.size() == 7; }));
    CHECK(w.until([&] { return w.server.parked_polls() == 2 && w.worker->activity().waiting; }));
    std::vector<std::string> results;
    for (const auto& done : w.server.completed)
        results.push_back(result_of(done));
    std::sort(results.begin(), results.end());
    CHECK(results == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6"});
}

TEST_CASE("activities measure, and say of what")
{
    std::mutex mutex;
    std::vector<std::string> measured;
    world w;
    w.config.metrics = [&](const measurement& m) {
        std::string words = std::string(to_string(m.kind)) + ' ' + std::string(m.name);
        for (const auto& [tag, value] : m.tags)
            words += ' ' + tag + '=' + value;
        const std::scoped_lock lock(mutex);
        measured.push_back(words);
    };
    w.activities.add("cook", [](activity_context& context) {
        context.meter().with("dish", "soup").timer("cooked", 250ms);
        throw application_error("burnt");
    });
    w.begin();
    w.server.add(w.server.task("cook"));
    REQUIRE(w.until([&] { return w.server.failed.size() == 1; }));
    const std::scoped_lock lock(mutex);
    CHECK(measured == std::vector<std::string>{"timer cooked activity_type=cook dish=soup namespace=default "
                                               "task_queue=work"});
}

TEST_CASE("a context for tests of activities")
{
    api::PollActivityTaskQueueResponse task;
    task.mutable_activity_type()->set_name("mine");
    activity_context context(task);
    context.heartbeat(1);
    context.heartbeat(2, "two");
    const auto told = context.newest_heartbeat();
    REQUIRE(told);
    CHECK(told->payloads_size() == 2);
    CHECK_FALSE(context.newest_heartbeat());
    CHECK_NOTHROW(context.throw_if_cancelled());
    const auto early = context.stop_token();
    context.cancel(cancel_reason::paused);
    context.cancel(cancel_reason::worker_shutdown);
    CHECK(context.cancel_reason() == cancel_reason::paused);
    CHECK(early.stop_requested());
    CHECK(context.stop_token().stop_requested());
    CHECK_THROWS_AS(context.throw_if_cancelled(), cancelled_error);
}
