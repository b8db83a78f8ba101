// SPDX-License-Identifier: BSL-1.0

// Local activities of workflows: who runs them, for how long, and what becomes of them when their worker leaves.

#include "world.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace workflow_test;

namespace {

flow::schedule_local_activity local(std::uint32_t seq, const std::string& type)
{
    flow::schedule_local_activity a;
    a.seq = seq;
    a.id = std::to_string(seq);
    a.type = type;
    a.start_to_close = 30s;
    return a;
}

/// Runs this one, and ends with what comes of it.
code::body runs_local(flow::schedule_local_activity what)
{
    return [what](const flow::activation& a) {
        for (const auto& j : a.jobs) {
            if (std::holds_alternative<flow::start_run>(j))
                return wants(what);
            if (const auto* done = std::get_if<flow::local_activity_resolved>(&j)) {
                if (done->outcome.how == flow::resolution::kind::completed)
                    return wants(flow::complete_run{done->outcome.result});
                return wants(flow::fail_run{done->outcome.failure});
            }
        }
        return flow::activated{};
    };
}

const api::failure::Failure& cause_of(const api::RespondWorkflowTaskCompletedRequest& r)
{
    return r.commands(r.commands_size() - 1).fail_workflow_execution_command_attributes().failure().cause();
}

}  // namespace

TEST_CASE("a local activity is run within its task")
{
    world w;
    w.activities.add("greet", [](activity_context& context) {
        return "hello " + std::string(context.info().workflow_id) + ' ' + std::string(context.info().id) + ' ' +
               std::to_string(context.info().attempt) + (context.info().task_token.empty() ? "" : " with a token");
    });
    w.runs(runs_local(local(1, "greet")));
    w.begin_flows();
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    const auto& r = w.flows.completed[0];
    REQUIRE(r.commands_size() == 2);
    CHECK(r.commands(0).command_type() == api::enums::COMMAND_TYPE_RECORD_MARKER);
    CHECK(r.commands(1).complete_workflow_execution_command_attributes().result().payloads(0).data() ==
          "\"hello id 1 1\"");
}

TEST_CASE("it is tried again here, until it will not do")
{
    world w;
    std::atomic<int> calls{0};
    w.activities.add("flaky", [&] {
        if (++calls < 3)
            throw application_error("not yet", "Flaky");
        return calls.load();
    });
    w.activities.add("broken", []() -> int { throw application_error("never", {.type = "B", .non_retryable = true}); });
    auto what = local(1, "flaky");
    what.retry = activity_retry{.initial_interval = 1ms};
    w.runs(runs_local(what));
    w.begin_flows();
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    CHECK(
        w.flows.completed[0].commands(1).complete_workflow_execution_command_attributes().result().payloads(0).data() ==
        "3");
    CHECK(w.flows.completed[0].metering_metadata().nonfirst_local_activity_execution_attempts() == 2);

    struct row {
        const char* why;
        std::string type;
        std::function<void(flow::schedule_local_activity&)> change;
        std::string expected;  // type of the failure, or of the timeout
    };
    const row rows[] = {
        {"it says so", "broken", [](auto&) {}, "B"},
        {"nobody has it", "unknown", [](auto& a) { a.retry = activity_retry{.maximum_attempts = 1}; }, "NotRegistered"},
        {"it takes too long", "stuck",
            [](auto& a) {
                a.start_to_close = 20ms;
                a.retry = activity_retry{.maximum_attempts = 1};
            },
            "1"},
        {"all of it takes too long", "stuck", [](auto& a) { a.schedule_to_close = 20ms; }, "3"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        world other;
        other.activities.add(
            "broken", []() -> int { throw application_error("never", {.type = "B", .non_retryable = true}); });
        other.activities.add("stuck", [](activity_context& context) {
            while (!context.cancelled())
                std::this_thread::yield();
            return 1;
        });
        auto a = local(1, r.type);
        r.change(a);
        other.runs(runs_local(a));
        other.begin_flows();
        other.flows.add(other.flows.task(first_task()));
        REQUIRE(other.until([&] { return other.flows.completed.size() == 1; }));
        const auto& cause = cause_of(other.flows.completed[0]);
        CHECK((cause.has_timeout_failure_info() ? std::to_string(cause.timeout_failure_info().timeout_type())
                                                : cause.application_failure_info().type()) == r.expected);
    }
}

TEST_CASE("nobody hears of one that was dropped, even if it had ended by then")
{
    for (const bool dropped : {false, true}) {
        CAPTURE(dropped);
        asio::io_context io;
        worker_config config;
        const auto all = std::make_shared<detail::local_activities>(io.get_executor(), config);
        int told = 0;
        const auto work = all->start({.what = local(1, "work")}, {}, [&](const flow::local_outcome& out) {
            CHECK(out.outcome.how == flow::resolution::kind::cancelled);
            ++told;
        });
        all->cancel(work);
        if (dropped)
            all->drop(work);
        io.run_for(10s);
        CHECK(told == (dropped ? 0 : 1));
        all->stop();
    }
}

TEST_CASE("no more of them run at once than there are slots")
{
    world w;
    w.config.settings.max_concurrent_local_activities = 2;
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    std::atomic<bool> go{false};
    w.activities.add("held", [&] {
        const int mine = ++now;
        int seen = most;
        while (mine > seen && !most.compare_exchange_weak(seen, mine)) {
        }
        while (!go)
            std::this_thread::yield();
        --now;
    });
    w.runs([](const flow::activation& a) {
        for (const auto& j : a.jobs)
            if (std::holds_alternative<flow::start_run>(j))
                return wants(local(1, "held"), local(2, "held"), local(3, "held"), local(4, "held"));
        return flow::activated{};
    });
    w.begin_flows();
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return now == 2; }));
    CHECK(w.worker->activity().busy == 3);  // with the task
    go = true;
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    CHECK(most == 2);
    CHECK(w.flows.completed[0].commands_size() == 4);
}

TEST_CASE("a task that waits for one asks for the next before its time is over")
{
    world w;
    std::atomic<bool> go{false};
    w.activities.add("held", [&](activity_context& context) {
        while (!go && !context.cancelled())
            std::this_thread::yield();
        return 7;
    });
    w.runs(runs_local(local(1, "held")));
    w.begin_flows();
    api::RespondWorkflowTaskCompletedResponse with;
    *with.mutable_workflow_task() = w.flows.task(first_task(1s).completed().task(), 3);
    w.flows.replies.push_back(with);
    w.flows.add(w.flows.task(first_task(1s)));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    CHECK(w.flows.completed[0].force_create_new_workflow_task());
    CHECK(w.flows.completed[0].has_sticky_attributes());
    CHECK(w.flows.completed[0].commands_size() == 0);
    go = true;
    REQUIRE(w.until([&] { return w.flows.completed.size() == 2; }));
    CHECK_FALSE(w.flows.completed[1].force_create_new_workflow_task());
    CHECK(
        w.flows.completed[1].commands(1).complete_workflow_execution_command_attributes().result().payloads(0).data() ==
        "7");
    CHECK(w.seen.size() == 2);  // it did not begin again
}

TEST_CASE("its outcome is kept for the next task, whose first page is of old events alone")
{
    world w;
    w.config.settings.sticky_cache = 0;
    std::atomic<bool> go{false};
    std::atomic<int> calls{0};
    w.activities.add("held", [&](activity_context& context) {
        ++calls;
        while (!go && !context.cancelled())
            std::this_thread::yield();
        return 7;
    });
    w.runs(runs_local(local(1, "held")));
    w.begin_flows();
    w.flows.add(w.flows.task(first_task(1s)));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    CHECK(w.flows.completed[0].force_create_new_workflow_task());
    REQUIRE(w.until([&] { return w.worker->activity().busy == 1; }));
    go = true;
    REQUIRE(w.until([&] { return w.worker->activity().busy == 0; }));
    const history h = first_task(1s).completed().task();
    auto t = w.flows.task(h);
    t.mutable_history()->mutable_events()->DeleteSubrange(3, 3);
    t.set_next_page_token("3");
    w.flows.kept = h.events;
    w.flows.add(std::move(t));
    REQUIRE(w.until([&] { return w.flows.completed.size() + w.flows.failed.size() == 2; }));
    REQUIRE(w.flows.completed.size() == 2);
    CHECK(w.flows.completed[1].commands_size() == 2);
    CHECK(calls == 1);
    CHECK(w.seen.size() == 2);
}

TEST_CASE("it ends where no task comes in which it could be told of")
{
    world w;
    std::atomic<bool> cancelled{false};
    w.activities.add("held", [&](activity_context& context) {
        while (!context.cancelled())
            std::this_thread::yield();
        cancelled = true;
    });
    w.runs(runs_local(local(1, "held")));
    w.begin_flows();
    w.flows.add(w.flows.task(first_task(1s)));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    REQUIRE(w.until([&] { return cancelled && w.runs_alive() == 0; }));
    CHECK(w.flows.failed.empty());
}

TEST_CASE("however many end while a report is under way, they are told of one after the other")
{
    constexpr int many = 4000;
    world w;
    w.config.settings.max_concurrent_local_activities = 1;
    std::atomic<bool> go{false};
    std::atomic<int> calls{0};
    w.activities.add("held", [&] {
        while (!go)
            std::this_thread::yield();
        ++calls;
    });
    w.runs([](const flow::activation& a) {
        flow::activated out;
        if (std::holds_alternative<flow::start_run>(a.jobs.front()))
            for (std::uint32_t i = 1; i <= many; ++i)
                out.intents.emplace_back(local(i, "held"));
        return out;
    });
    w.begin_flows();
    api::RespondWorkflowTaskCompletedResponse with;
    *with.mutable_workflow_task() = w.flows.task(first_task(1s).completed().task(), 3);
    w.flows.replies.push_back(with);
    w.server.held = "RespondWorkflowTaskCompleted";
    w.flows.add(w.flows.task(first_task(1s)));
    REQUIRE(w.until([&] { return w.server.calls_held() == 1; }));
    go = true;
    REQUIRE(w.until([&] { return calls == many && w.worker->activity().busy == 1; }));
    w.server.release();
    REQUIRE(w.until([&] { return w.flows.completed.size() == 2; }));
    CHECK(w.flows.completed[1].commands_size() == many);
}

TEST_CASE("who leaves waits for it, and hands it over when time is up")
{
    for (const bool in_time : {true, false}) {
        CAPTURE(in_time);
        world w;
        w.config.settings.stop_timeout = in_time ? 10s : 50ms;
        std::atomic<bool> go{false};
        std::atomic<bool> cancelled{false};
        w.activities.add("held", [&](activity_context& context) {
            while (!go && !context.cancelled())
                std::this_thread::yield();
            cancelled = context.cancelled();
        });
        w.runs(runs_local(local(1, "held")));
        w.begin_flows();
        w.flows.add(w.flows.task(first_task()));
        REQUIRE(w.until([&] { return w.worker->activity().busy == 2; }));
        w.drain();
        REQUIRE(w.until([&] { return w.server.shutdowns.size() == 1; }));
        go = in_time;
        REQUIRE(w.until([&] { return w.drained.has_value(); }));
        REQUIRE(w.flows.completed.size() == 1);
        const auto& r = w.flows.completed[0];
        CHECK_FALSE(r.has_sticky_attributes());
        CHECK_FALSE(r.return_new_workflow_task());
        CHECK(r.force_create_new_workflow_task() == !in_time);
        CHECK(r.commands_size() == (in_time ? 2 : 0));
        CHECK(w.flows.failed.empty());
        CHECK(w.runs_alive() == 0);
        REQUIRE(w.until([&] { return cancelled == !in_time; }));
    }
}
