// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

using namespace worker_test;

namespace {}  // namespace

TEST_CASE("every poll says who polls")
{
    world w;
    w.activities.add("nothing", [] {});
    w.config.version = mayfly::deployment_version{.deployment = "shop", .build_id = "7"};
    w.config.queue_activities_per_second = 2.5;
    w.config.settings.max_concurrent_activities = 3;
    w.config.settings.activity_pollers = 3;
    w.begin(3);
    REQUIRE(w.server.polls.size() == 3);
    for (const auto& p : w.server.polls) {
        CHECK(p.namespace_() == "default");
        CHECK(p.task_queue().name() == "work");
        CHECK(p.identity() == "me@here");
        CHECK(p.worker_instance_key() == w.worker->instance_key());
        CHECK(p.deployment_options().deployment_name() == "shop");
        CHECK(p.deployment_options().build_id() == "7");
        CHECK(p.deployment_options().worker_versioning_mode() == api::enums::WORKER_VERSIONING_MODE_VERSIONED);
        CHECK(p.task_queue_metadata().max_tasks_per_second().value() == 2.5);
    }
    CHECK(w.worker->instance_key().size() == 36);
    mayfly::temporal::worker other(w.wire, w.config);
    CHECK(other.instance_key() != w.worker->instance_key());
    w.server.add(w.server.task("nothing"));
    REQUIRE(w.until([&] { return w.server.completed.size() == 1; }));
    CHECK(w.server.completed[0].deployment_options().build_id() == "7");
}

TEST_CASE("a start that cannot come to anything fails")
{
    struct row {
        const char* why;
        grpc::status status;
        std::optional<worker_errc> expected;
        const char* words;
    };
    const row rows[] = {
        {"no such namespace", with_detail(grpc::status_code::not_found, api::errordetails::NamespaceNotFoundFailure{}),
            worker_errc::unknown_namespace, "namespace \"default\" cannot be used: NOT_FOUND: words"},
        {"no right", {grpc::status_code::permission_denied, "not you"}, worker_errc::not_permitted, "not you"},
        {"no key", {grpc::status_code::unauthenticated, "who?"}, worker_errc::not_authenticated, "who?"},
        {"a server that is too old to say", {grpc::status_code::unimplemented}, std::nullopt, ""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        world w;
        w.activities.add("nothing", [] {});
        w.server.script("DescribeNamespace", {{r.status}});
        w.start();
        CHECK(w.worker->failure().find(r.words) != std::string::npos);
        if (r.expected) {
            CHECK(*w.started == make_error_code(*r.expected));
            CHECK(*w.started == mayfly::condition::permanent);
            CHECK(w.server.calls("PollActivityTaskQueue") == 0);
        } else {
            CHECK_FALSE(*w.started);
            CHECK(w.until([&] { return w.server.parked_polls() == 1; }));
        }
    }
    world nothing;
    nothing.start();
    CHECK(*nothing.started == make_error_code(worker_errc::nothing_registered));
    world nowhere;
    nowhere.activities.add("nothing", [] {});
    nowhere.config.settings.task_queue.clear();
    nowhere.start();
    CHECK(*nowhere.started == make_error_code(worker_errc::no_task_queue));
}

TEST_CASE("a start that fails with what passes is tried again, unless somebody else does that")
{
    const std::vector<fake::scripted_answer> down(25, {{grpc::status_code::unavailable, "it comes up"}});
    world patient;
    patient.activities.add("nothing", [] {});
    patient.server.script("DescribeNamespace", down);
    patient.begin();
    CHECK(patient.server.calls("DescribeNamespace") == 26);
    CHECK(patient.logged("tried again: UNAVAILABLE: it comes up"));
    CHECK(patient.worker->failure().empty());

    world hasty;
    hasty.activities.add("nothing", [] {});
    hasty.config.patient_start = false;
    hasty.server.script("DescribeNamespace", down);
    hasty.start();
    CHECK(*hasty.started == make_error_code(grpc::status_code::unavailable));
    CHECK(hasty.worker->failure().find("it comes up") != std::string::npos);

    // Neither of the two ways to end it leaves it trying.
    for (const bool drains : {true, false}) {
        world ended;
        ended.activities.add("nothing", [] {});
        ended.server.script("DescribeNamespace", down);
        ended.make();
        ended.worker->async_start([&](error_code ec) { ended.started = ec; });
        REQUIRE(ended.until([&] { return ended.logged("tried again"); }));
        if (drains)
            ended.drain();
        else
            ended.worker->stop();
        REQUIRE(ended.until([&] { return ended.started.has_value(); }));
        CHECK(*ended.started == asio::error::operation_aborted);
        const auto asked = ended.server.calls("DescribeNamespace");
        ended.wire->close();
        CHECK(ended.until([&] { return ended.wire->stats().streams == 0; }));
        CHECK(ended.server.calls("DescribeNamespace") == asked);
    }
}

TEST_CASE("a start can be cancelled")
{
    world w;
    w.activities.add("nothing", [] {});
    w.server.script("DescribeNamespace", {{.never = true}});
    w.make();
    asio::cancellation_signal signal;
    w.worker->async_start(asio::bind_cancellation_slot(signal.slot(), [&](error_code ec) { w.started = ec; }));
    REQUIRE(w.until([&] { return w.server.calls("DescribeNamespace") == 1; }));
    signal.emit(asio::cancellation_type::terminal);
    REQUIRE(w.until([&] { return w.started.has_value(); }));
    CHECK(*w.started == asio::error::operation_aborted);
}

TEST_CASE("a watch tells of each change, and of the end")
{
    world w;
    w.activities.add("waits", wait_for_ever);
    w.begin();
    CHECK(w.worker->activity().waiting);
    std::optional<error_code> seen;
    const auto watch = [&] {
        seen.reset();
        w.worker->async_watch([&](error_code ec) { seen = ec; });
    };
    watch();
    w.server.add(w.server.task("waits"));
    REQUIRE(w.until([&] { return seen.has_value(); }));
    CHECK_FALSE(*seen);
    CHECK(w.worker->activity().busy == 1);
    CHECK(w.worker->activity().received[static_cast<std::size_t>(mayfly::task_type::activity)] == 1);

    w.worker->stop();
    watch();
    REQUIRE(w.until([&] { return seen.has_value(); }));
    CHECK(*seen == asio::error::operation_aborted);
}

TEST_CASE("polls that are refused for good end a worker; what runs can still be drained")
{
    world w;
    std::atomic<bool> open{false};
    w.config.settings.max_concurrent_activities = 2;
    w.config.settings.activity_pollers = 1;
    w.activities.add("blocks", [&] {
        while (!open)
            std::this_thread::yield();
    });
    std::optional<error_code> seen;
    w.begin();
    w.server.script("PollActivityTaskQueue", {{{grpc::status_code::permission_denied, "not you"}}});
    w.server.add(w.server.task("blocks"));
    REQUIRE(w.until([&] { return !w.worker->failure().empty(); }));
    w.worker->async_watch([&](error_code ec) { seen = ec; });
    REQUIRE(w.until([&] { return seen.has_value(); }));
    CHECK(*seen == make_error_code(worker_errc::not_permitted));
    CHECK(w.worker->failure().find("not you") != std::string::npos);
    CHECK(w.worker->activity().busy == 1);
    w.drain();
    open = true;
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    CHECK_FALSE(*w.drained);
    CHECK(w.server.completed.size() == 1);
}

TEST_CASE("a storm of failures passes")
{
    world w;
    w.activities.add("nothing", [] {});
    w.server.script("PollActivityTaskQueue",
        {{{grpc::status_code::unavailable, "down"}}, {{grpc::status_code::internal, "a bug"}},
            {{grpc::status_code::unauthenticated, "a new key comes"}}, {{grpc::status_code::unavailable, "down"}}});
    w.begin();
    CHECK(w.server.calls("PollActivityTaskQueue") == 5);
    w.server.add(w.server.task("nothing"));
    REQUIRE(w.until([&] { return w.server.completed.size() == 1; }));
    CHECK(w.logged("fail, and go on: UNAVAILABLE: down"));
    CHECK(w.logged("are answered again, after 4 failures"));
    CHECK(std::count_if(w.log.begin(), w.log.end(),
              [](const std::string& l) { return l.find("fail, and go on") != std::string::npos; }) == 1);
}

TEST_CASE("a drain tells the server first, and recalls the polls then")
{
    world w;
    w.activities.add("nothing", [] {});
    w.config.settings.max_concurrent_activities = 4;
    w.config.settings.activity_pollers = 4;
    w.begin(4);
    std::size_t polls_at_shutdown = 0;
    w.server.at_shutdown = [&] { polls_at_shutdown = w.server.parked_polls(); };
    w.drain();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    CHECK_FALSE(*w.drained);
    CHECK(polls_at_shutdown == 4);
    REQUIRE(w.server.shutdowns.size() == 1);
    const auto& s = w.server.shutdowns[0];
    CHECK(s.namespace_() == "default");
    CHECK(s.identity() == "me@here");
    CHECK(s.worker_instance_key() == w.worker->instance_key());
    CHECK(s.task_queue() == "work");
    CHECK(s.reason() == "graceful shutdown");
    REQUIRE(s.task_queue_types_size() == 1);
    CHECK(s.task_queue_types(0) == api::enums::TASK_QUEUE_TYPE_ACTIVITY);
    CHECK(w.until([&] { return w.server.parked_polls() == 0; }));
    CHECK(w.server.calls("PollActivityTaskQueue") == 4);
}

TEST_CASE("a task that the last poll brings is run")
{
    bool server_ends_polls = false;
    SUBCASE("where the server ends the polls")
    {
        server_ends_polls = true;
    }
    SUBCASE("where they are recalled") {}
    world w;
    w.server.capabilities.set_worker_poll_complete_on_shutdown(server_ends_polls);
    w.activities.add("plain", [](int n) { return n; });
    w.config.settings.max_concurrent_activities = 2;
    w.config.settings.activity_pollers = 2;
    w.begin(2);
    if (server_ends_polls)  // it may hand one out as late as that
        w.server.at_shutdown = [&] { w.server.add(w.server.task("plain", {"5"})); };
    else
        w.server.add(w.server.task("plain", {"5"}));  // under way when the worker says that it leaves
    w.drain();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    REQUIRE(w.server.completed.size() == 1);
    CHECK(result_of(w.server.completed[0]) == "5");
    CHECK(w.server.calls("PollActivityTaskQueue") == 2);
}

TEST_CASE("a poll whose answer has begun to come is not recalled")
{
    world w;
    w.activities.add("plain", [](int n) { return n; });
    w.config.settings.max_concurrent_activities = 2;
    w.config.settings.activity_pollers = 2;
    w.begin(2);
    // So large that the server's answer to "I leave" overtakes it. What is not asked for is passed over.
    w.server.add(w.server.task("plain", {"7", std::string(std::size_t{48} << 20, '1')}));
    w.drain();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    CHECK_FALSE(*w.drained);
    REQUIRE(w.server.completed.size() == 1);
    CHECK(result_of(w.server.completed[0]) == "7");
}

TEST_CASE("a server that does not answer does not hold up the end")
{
    world w;
    w.activities.add("nothing", [] {});
    w.config.timing.leave_patience = 30ms;
    w.server.script("ShutdownWorker", {{.never = true}});
    w.begin();
    w.drain();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    CHECK(w.until([&] { return w.server.parked_polls() == 0; }));
    CHECK(w.server.calls("ShutdownWorker") <= 1);
}

TEST_CASE("a server that should end polls and does not")
{
    world w;
    w.activities.add("nothing", [] {});
    w.config.timing.last_polls = 30ms;
    w.server.capabilities.set_worker_poll_complete_on_shutdown(true);
    w.server.script("PollActivityTaskQueue", {{.never = true}});
    w.start();
    REQUIRE(w.until([&] { return w.server.calls("PollActivityTaskQueue") == 1; }));
    w.drain();
    CHECK(w.until([&] { return w.drained.has_value(); }));
}

TEST_CASE("a worker whose polls only fail can leave")
{
    world w;
    w.activities.add("nothing", [] {});
    w.server.script(
        "PollActivityTaskQueue", std::vector<fake::scripted_answer>(1000, {{grpc::status_code::unavailable, "down"}}));
    w.start();
    REQUIRE(w.until([&] { return w.server.calls("PollActivityTaskQueue") >= 2; }));
    CHECK(w.until([&] { return !w.worker->activity().waiting; }));
    w.drain();
    CHECK(w.until([&] { return w.drained.has_value(); }));
}

TEST_CASE("a drain waits for what runs, until its result has been heard")
{
    world w;
    std::atomic<bool> open{false};
    w.activities.add("blocks", [&] {
        while (!open)
            std::this_thread::yield();
        return 1;
    });
    w.begin();
    w.server.add(w.server.task("blocks"));
    REQUIRE(w.until([&] { return w.worker->activity().busy == 1; }));
    w.drain();
    REQUIRE(w.until([&] { return w.server.shutdowns.size() == 1; }));
    CHECK_FALSE(w.drained);
    w.server.script("RespondActivityTaskCompleted",
        {{{grpc::status_code::unavailable, "down"}}, {{grpc::status_code::unavailable, "down"}}});
    open = true;
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    CHECK(w.server.completed.size() == 1);
}

TEST_CASE("after the stop timeout activities are cancelled, and fail so that another worker goes on")
{
    world w;
    w.config.settings.stop_timeout = 50ms;
    w.config.settings.max_concurrent_activities = 3;
    w.activities.add("waits", wait_for_ever);
    w.activities.add("blocks", [](activity_context& context) {
        while (!context.cancelled())
            std::this_thread::yield();
        CHECK(context.cancel_reason() == cancel_reason::worker_shutdown);
        context.throw_if_cancelled();
    });
    w.begin();
    w.server.add(w.server.task("waits"));
    w.server.add(w.server.task("blocks"));
    REQUIRE(w.until([&] { return w.worker->activity().busy == 2; }));
    w.drain();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    REQUIRE(w.server.failed.size() == 2);
    for (const auto& f : w.server.failed) {
        CHECK(f.failure().application_failure_info().type() == "WorkerShutdown");
        CHECK_FALSE(f.failure().application_failure_info().non_retryable());
    }
    CHECK(w.server.canceled.empty());
}

TEST_CASE("activities have the time that the drain is given, be it more than the stop timeout or less")
{
    std::atomic<bool> open{false};
    world more;
    more.config.settings.stop_timeout = 0s;
    more.activities.add("blocks", [&](activity_context& context) {
        while (!open)
            std::this_thread::yield();
        return context.cancelled();
    });
    more.begin();
    more.server.add(more.server.task("blocks"));
    REQUIRE(more.until([&] { return more.worker->activity().busy == 1; }));
    more.worker->async_drain(30min, [&](error_code ec) { more.drained = ec; });
    REQUIRE(more.until([&] { return more.server.shutdowns.size() == 1 && more.server.parked_polls() == 0; }));
    open = true;
    REQUIRE(more.until([&] { return more.drained.has_value(); }));
    REQUIRE(more.server.completed.size() == 1);
    CHECK(result_of(more.server.completed[0]) == "false");

    world less;
    less.config.settings.stop_timeout = 30min;
    less.activities.add("waits", wait_for_ever);
    less.begin();
    less.server.add(less.server.task("waits"));
    REQUIRE(less.until([&] { return less.worker->activity().busy == 1; }));
    less.worker->async_drain(50ms, [&](error_code ec) { less.drained = ec; });
    REQUIRE(less.until([&] { return less.drained.has_value(); }));
    REQUIRE(less.server.failed.size() == 1);
    CHECK(less.server.failed[0].failure().application_failure_info().type() == "WorkerShutdown");
}

TEST_CASE("a task that comes after the stop timeout is cancelled at once, and told of")
{
    world w;
    w.config.settings.stop_timeout = 0s;
    w.server.capabilities.set_worker_poll_complete_on_shutdown(true);
    w.activities.add("waits", wait_for_ever);
    w.begin();
    w.server.at_shutdown = [&] { w.server.add(w.server.task("waits")); };
    w.drain();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    REQUIRE(w.server.failed.size() == 1);
    CHECK(w.server.failed[0].failure().application_failure_info().type() == "WorkerShutdown");
}

TEST_CASE("stop ends everything at once, also what does not listen")
{
    world w;
    const auto open = std::make_shared<std::atomic<bool>>(false);
    const auto inside = std::make_shared<std::atomic<bool>>(false);
    const auto over = std::make_shared<std::atomic<bool>>(false);
    w.config.settings.max_concurrent_activities = 3;
    w.activities.add("deaf", [=](activity_context& context) {
        *inside = true;
        while (!*open)
            std::this_thread::yield();
        context.heartbeat(1);
        *over = true;
    });
    w.activities.add("waits", wait_for_ever);
    w.begin();
    w.server.add(w.server.task("deaf"));
    w.server.add(w.server.task("waits"));
    REQUIRE(w.until([&] { return w.worker->activity().busy == 2 && *inside; }));
    w.drain();
    w.worker->stop();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    CHECK(w.worker->activity().received_in_all() == 2);
    w.worker.reset();
    *open = true;
    while (!*over)
        std::this_thread::yield();
    CHECK(w.server.completed.empty());
    CHECK(w.server.failed.empty());
    CHECK(w.server.heartbeats.empty());
}

TEST_CASE("a worker tells of itself where the server wants to hear it")
{
    world w;
    w.activities.add("nothing", [] {});
    w.activities.add("throws", []() -> int { throw 1; });
    w.server.capabilities.set_worker_heartbeats(true);
    w.config.version = mayfly::deployment_version{.deployment = "shop", .build_id = "7"};
    w.config.timing.worker_heartbeat = 20ms;
    w.config.timing.leave_patience = 40s;
    w.begin();
    REQUIRE(w.until([&] { return w.server.beats.size() >= 2; }));
    const auto first = w.server.beats[0].worker_heartbeat(0);
    CHECK(first.worker_instance_key() == w.worker->instance_key());
    CHECK(first.worker_identity() == "me@here");
    CHECK(first.status() == api::enums::WORKER_STATUS_RUNNING);
    CHECK(first.sdk_name() == "mayfly-cpp");
    CHECK_FALSE(first.sdk_version().empty());
    CHECK(first.task_queue() == "work");
    CHECK(first.deployment_version().build_id() == "7");
    CHECK(first.host_info().process_id() == std::to_string(::getpid()));
    CHECK(first.activity_task_slots_info().current_available_slots() == 2);
    CHECK_FALSE(first.has_elapsed_since_last_heartbeat());
    CHECK(w.server.beats[1].worker_heartbeat(0).has_elapsed_since_last_heartbeat());
    w.server.add(w.server.task("nothing"));
    w.server.add(w.server.task("throws"));
    REQUIRE(w.until([&] { return w.worker->activity().completed == 2; }));
    w.drain();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    const auto& leaving = w.server.shutdowns.at(0).worker_heartbeat();
    CHECK(leaving.status() == api::enums::WORKER_STATUS_SHUTTING_DOWN);
    CHECK(leaving.activity_task_slots_info().total_processed_tasks() == 2);
    CHECK(leaving.activity_task_slots_info().total_failed_tasks() == 1);
    CHECK_MESSAGE(w.server.order.back() == "ShutdownWorker", "a server that hears more forgets it");
}

TEST_CASE("where it does not, there is silence")
{
    world w;
    w.activities.add("nothing", [] {});
    w.config.timing.worker_heartbeat = 1ms;
    SUBCASE("the namespace does not have it") {}
    SUBCASE("the server does not know the call")
    {
        w.server.capabilities.set_worker_heartbeats(true);
        w.server.script(
            "RecordWorkerHeartbeat", std::vector<fake::scripted_answer>(100, {{grpc::status_code::unimplemented}}));
    }
    w.begin();
    w.server.add(w.server.task("nothing"));
    REQUIRE(w.until([&] { return w.server.completed.size() == 1; }));
    w.io.restart();
    w.io.run_for(20ms);
    w.drain();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    CHECK(w.server.beats.empty());
}

TEST_CASE("nothing is lost when workers come and go while tasks do")
{
    world w;
    std::mutex mutex;
    std::multiset<int> ran;
    w.config.settings.max_concurrent_activities = 5;
    w.config.settings.activity_pollers = 3;
    w.config.settings.stop_timeout = 5s;
    w.server.capabilities.set_worker_poll_complete_on_shutdown(true);
    w.activities.add("work", [&](int n) {
        const std::scoped_lock lock(mutex);
        ran.insert(n);
        return n;
    });
    constexpr int tasks = 400;
    int added = 0;
    w.make();
    for (int life = 0; added < tasks; ++life) {
        w.worker.emplace(w.wire, w.config);
        w.started.reset();
        w.drained.reset();
        w.worker->async_start([&](error_code ec) { w.started = ec; });
        REQUIRE(w.until([&] { return w.started.has_value(); }));
        REQUIRE_FALSE(*w.started);
        for (int i = 0; i < 40; ++i)
            w.server.add(w.server.task("work", {std::to_string(added++)}));
        for (int i = 0; i < life * 3; ++i)
            w.io.poll_one();
        w.drain();
        REQUIRE(w.until([&] { return w.drained.has_value(); }));
        w.worker->stop();
    }
    w.worker.emplace(w.wire, w.config);
    w.worker->async_start([](error_code) {});
    REQUIRE(w.until([&] { return w.server.completed.size() == tasks; }));
    std::set<std::string> tokens;
    for (const auto& done : w.server.completed)
        tokens.insert(done.task_token());
    CHECK(tokens.size() == tasks);
    CHECK(ran.size() == tasks);
}
