// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/grpc/channel.hpp>
#include <mayfly/temporal/embedded_service.hpp>
#include <mayfly/testing/manual_clock.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <list>
#include <string>
#include <vector>

namespace mayfly::temporal {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using testing::manual_clock;
using namespace std::chrono_literals;
namespace enums = api::enums;

/// A service on a clock that stands still, and somebody who calls it over a real connection.
struct bench {
    bench() { manual_clock::reset(); }

    asio::io_context io{1};
    std::vector<embedded::add_event> added{};
    std::vector<embedded::worker_event> workers{};
    basic_embedded_service<manual_clock> service{io.get_executor(), options()};
    bool listens = !service.listen();
    grpc::channel channel{io.get_executor(), {false, "127.0.0.1", service.port()}};

    embedded_options options()
    {
        embedded_options o;
        o.seed = 1;
        o.on_added = [this](const auto& e) { added.push_back(e); };
        o.on_worker = [this](const auto& e) { workers.push_back(e); };
        return o;
    }

    template <class Condition>
    bool until(Condition met)
    {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!met()) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            io.restart();
            io.poll();
        }
        return true;
    }

    struct call {
        asio::cancellation_signal cancel{};
        bool done = false;
        error_code ec{};
        grpc::reply reply{};
    };
    std::list<call> calls{};

    template <class Request>
    call& begin(const char* method, const Request& r, grpc::channel* through = nullptr)
    {
        call& c = calls.emplace_back();
        grpc::call_options own;
        own.timeout = 70s;
        own.retry = grpc::retry_policy::none();
        (through != nullptr ? through : &channel)
            ->async_call(
                {std::string("/temporal.api.workflowservice.v1.WorkflowService/") + method, {}, r.SerializeAsString()},
                std::move(own), asio::bind_cancellation_slot(c.cancel.slot(), [&c](error_code ec, grpc::reply reply) {
                    c.done = true;
                    c.ec = ec;
                    c.reply = std::move(reply);
                }));
        return c;
    }

    template <class Response, class Request>
    Response ask(const char* method, const Request& r)
    {
        call& c = begin(method, r);
        REQUIRE(until([&] { return c.done; }));
        REQUIRE_MESSAGE(!c.ec, c.reply.status.message);
        Response out;
        REQUIRE(out.ParseFromString(c.reply.message));
        return out;
    }

    static api::PollActivityTaskQueueRequest poll_request(const std::string& identity = "w")
    {
        api::PollActivityTaskQueueRequest r;
        r.set_namespace_("default");
        r.mutable_task_queue()->set_name("q");
        r.set_identity(identity);
        return r;
    }

    std::int64_t backlog()
    {
        api::DescribeTaskQueueRequest r;
        r.set_namespace_("default");
        r.mutable_task_queue()->set_name("q");
        r.set_task_queue_type(enums::TASK_QUEUE_TYPE_ACTIVITY);
        r.set_report_stats(true);
        return ask<api::DescribeTaskQueueResponse>("DescribeTaskQueue", r).stats().approximate_backlog_count();
    }
};

TEST_CASE("an activity over the wire")
{
    bench b;
    REQUIRE(b.listens);
    auto& poll = b.begin("PollActivityTaskQueue", bench::poll_request());
    REQUIRE(b.until([&] { return b.service.engine().queues().parked() == 1; }));
    REQUIRE(b.workers.size() == 1);
    CHECK(b.workers[0].identity == "w");
    const auto run =
        b.ask<api::StartActivityExecutionResponse>("StartActivityExecution", embedded::start_request("a")).run_id();
    REQUIRE(b.added.size() == 1);
    CHECK(b.added[0].outcome == add_outcome::matched);
    REQUIRE(b.until([&] { return poll.done; }));
    api::PollActivityTaskQueueResponse task;
    REQUIRE(task.ParseFromString(poll.reply.message));
    CHECK(task.activity_run_id() == run);

    api::PollActivityExecutionRequest wait;
    wait.set_namespace_("default");
    wait.set_activity_id("a");
    auto& waits = b.begin("PollActivityExecution", wait);
    api::RespondActivityTaskCompletedRequest done;
    done.set_task_token(task.task_token());
    *done.mutable_result() = embedded::payloads("out");
    b.ask<api::RespondActivityTaskCompletedResponse>("RespondActivityTaskCompleted", done);
    REQUIRE(b.until([&] { return waits.done; }));
    api::PollActivityExecutionResponse outcome;
    REQUIRE(outcome.ParseFromString(waits.reply.message));
    CHECK(outcome.outcome().result().payloads(0).data() == "out");
    CHECK(b.service.engine().check_books().empty());
}

TEST_CASE("time is the clock's, which may be skipped")
{
    bench b;
    auto& poll = b.begin("PollActivityTaskQueue", bench::poll_request());
    REQUIRE(b.until([&] { return b.service.engine().queues().parked() == 1; }));
    manual_clock::advance(60s);
    REQUIRE(b.until([&] { return poll.done; }));
    CHECK_FALSE(poll.ec);
    CHECK(poll.reply.message.empty());

    auto r = embedded::start_request("a", 3h);
    embedded::put(*r.mutable_start_delay(), 2h);
    b.ask<api::StartActivityExecutionResponse>("StartActivityExecution", r);
    CHECK(b.added.empty());
    manual_clock::advance(2h);
    REQUIRE(b.until([&] { return b.added.size() == 1; }));
    CHECK(b.backlog() == 1);
}

TEST_CASE("a poll that is given up leaves its place, and its connection's end does the same")
{
    bench b;
    grpc::channel other(b.io.get_executor(), {false, "127.0.0.1", b.service.port()});
    auto& first = b.begin("PollActivityTaskQueue", bench::poll_request());
    b.begin("PollActivityTaskQueue", bench::poll_request("lost"), &other);
    REQUIRE(b.until([&] { return b.service.engine().queues().parked() == 2; }));
    other.close();
    REQUIRE(b.until([&] { return b.service.engine().queues().parked() == 1; }));
    first.cancel.emit(asio::cancellation_type::terminal);
    // On the same connection, so it comes after that.
    b.ask<api::StartActivityExecutionResponse>("StartActivityExecution", embedded::start_request("a"));
    CHECK(b.service.engine().queues().parked() == 0);
    CHECK(b.added.back().outcome == add_outcome::not_matched);
    CHECK(b.backlog() == 1);
    CHECK(b.service.engine().check_books().empty());
}

TEST_CASE("a task that meets a poll in the moment in which that is given up is not lost")
{
    bench b;
    for (int round = 0; round < 60; ++round) {
        const auto id = std::to_string(round);
        grpc::channel other(b.io.get_executor(), {false, "127.0.0.1", b.service.port()});
        auto r = bench::poll_request();
        r.mutable_task_queue()->set_name(id);
        auto& poll = b.begin("PollActivityTaskQueue", r, &other);
        REQUIRE(b.until([&] { return b.service.engine().queues().parked() == 1; }));
        auto start = embedded::start_request(id);
        start.mutable_task_queue()->set_name(id);
        auto& started = b.begin("StartActivityExecution", start);
        // Both ends are under way when the service looks.
        other.close();
        REQUIRE(b.until([&] { return poll.done && started.done; }));
        const auto where = [&] { return b.service.engine().activities().find("default", id, "")->where; };
        REQUIRE(b.until([&] { return where() == embedded::place::queued; }));
    }
    CHECK(b.service.engine().check_books().empty());
}

TEST_CASE("a graceful stop answers whoever waits")
{
    bench b;
    auto& poll = b.begin("PollActivityTaskQueue", bench::poll_request());
    b.ask<api::StartActivityExecutionResponse>("StartActivityExecution", [] {
        auto r = embedded::start_request("elsewhere");
        r.mutable_task_queue()->set_name("other");
        return r;
    }());
    api::PollActivityExecutionRequest wait;
    wait.set_namespace_("default");
    wait.set_activity_id("elsewhere");
    auto& waits = b.begin("PollActivityExecution", wait);
    REQUIRE(b.until([&] { return b.service.engine().queues().parked() == 1; }));
    b.backlog();  // the other call has come, too
    bool stopped = false;
    b.service.async_stop([&](error_code ec) {
        CHECK_FALSE(ec);
        stopped = true;
    });
    REQUIRE(b.until([&] { return poll.done && waits.done; }));
    CHECK_FALSE(poll.ec);
    CHECK(poll.reply.message.empty());
    CHECK_FALSE(waits.ec);
    b.channel.close();
    CHECK(b.until([&] { return stopped; }));
}

TEST_CASE("it may go while calls wait, and its source has nothing to read then")
{
    asio::io_context io{1};
    std::optional<basic_embedded_service<manual_clock>> service;
    manual_clock::reset();
    service.emplace(io.get_executor());
    REQUIRE_FALSE(service->listen());
    auto source = service->queue_source();
    const auto target = std::make_shared<launch_target>();
    std::vector<error_code> read;
    source.async_read(target, 5s, [&](error_code ec, const queue_reading& r) {
        CHECK(r.workers_complete == !ec);
        read.push_back(ec);
    });
    grpc::channel channel(io.get_executor(), {false, "127.0.0.1", service->port()});
    bool done = false;
    grpc::call_options own;
    own.timeout = 70s;
    own.retry = grpc::retry_policy::none();
    channel.async_call({"/temporal.api.workflowservice.v1.WorkflowService/PollActivityTaskQueue", {},
                           bench::poll_request().SerializeAsString()},
        std::move(own), [&](error_code, const grpc::reply&) { done = true; });
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (service->engine().queues().parked() == 0 && std::chrono::steady_clock::now() < end)
        io.poll();
    service.reset();
    source.async_read(target, 5s, [&](error_code ec, const queue_reading&) { read.push_back(ec); });
    while (!(done && read.size() == 2) && std::chrono::steady_clock::now() < end) {
        io.restart();
        io.poll();
    }
    CHECK(done);
    REQUIRE(read.size() == 2);
    CHECK_FALSE(read[0]);
    CHECK(read[1] == asio::error::operation_aborted);
}

}  // namespace
}  // namespace mayfly::temporal
