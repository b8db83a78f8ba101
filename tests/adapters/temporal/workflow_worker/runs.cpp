// SPDX-License-Identifier: BSL-1.0

// The worker's workflow half against a server that does what the test wants.

#include "world.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace workflow_test;

namespace {

/// The first task started a timer, which has fired.
history second_task()
{
    return first_task().completed().timer("1").fired("1", 5).task();
}

flow::activated ends(const flow::activation&)
{
    return wants(flow::complete_run{});
}

}  // namespace

TEST_CASE("both queues are polled, each as what it is")
{
    world w;
    w.runs(one_timer);
    w.config.version = mayfly::deployment_version{.deployment = "shop", .build_id = "7"};
    w.config.settings.default_behavior = mayfly::versioning_behavior::pinned;
    w.begin_flows();
    REQUIRE(w.flows.polls.size() == 2);
    const auto& normal = w.flows.polls[0];
    const auto& sticky = w.flows.polls[1];
    CHECK(normal.task_queue().name() == "work");
    CHECK(normal.task_queue().kind() == api::enums::TASK_QUEUE_KIND_NORMAL);
    CHECK(sticky.task_queue().kind() == api::enums::TASK_QUEUE_KIND_STICKY);
    CHECK(sticky.task_queue().normal_name() == "work");
    CHECK(sticky.task_queue().name().find(w.worker->instance_key()) != std::string::npos);
    for (const auto& p : w.flows.polls) {
        CHECK(p.deployment_options().build_id() == "7");
        CHECK(p.worker_instance_key() == w.worker->instance_key());
    }
    // Nobody polls for activities where there are none: a version would have a queue that it does not serve.
    CHECK(w.server.calls("PollActivityTaskQueue") == 0);
}

TEST_CASE("new runs are heard of, however long a task lasts: an idle sticky poll makes room")
{
    world w;
    w.config.settings.max_concurrent_workflow_tasks = 2;
    w.runs(one_timer);
    w.begin_flows();
    w.server.held = "RespondWorkflowTaskCompleted";
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.server.calls_held() == 1; }));
    REQUIRE(w.until([&] { return w.flows.parked(false) == 1; }));
    auto other = w.flows.task(first_task());
    other.mutable_workflow_execution()->set_run_id("other");
    w.flows.add(std::move(other));
    REQUIRE(w.until([&] { return w.seen.size() == 2; }));
    CHECK_FALSE(w.logged("polls of"));
    w.server.release();
    REQUIRE(w.until([&] { return w.flows.parked(false) == 1 && w.flows.parked(true) == 1; }));
}

TEST_CASE("a versioned worker does not start with a workflow that does not say what versions mean to it")
{
    world w;
    w.runs(one_timer);
    w.config.version = mayfly::deployment_version{.deployment = "shop", .build_id = "7"};
    w.start();
    CHECK(*w.started == make_error_code(worker_errc::undeclared_behavior));
    CHECK(w.flows.polls.empty());
}

TEST_CASE("a run goes on where it was, and is gone when it is over")
{
    world w;
    w.runs(one_timer);
    w.begin_flows();
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    const auto& first = w.flows.completed[0];
    REQUIRE(first.commands_size() == 1);
    CHECK(first.commands(0).command_type() == api::enums::COMMAND_TYPE_START_TIMER);
    CHECK(first.sticky_attributes().worker_task_queue().name() == w.flows.polls[1].task_queue().name());
    CHECK(first.return_new_workflow_task());
    CHECK(first.task_token() == "token-1");
    REQUIRE(w.until([&] { return w.worker->activity().busy == 0; }));
    CHECK(w.runs_alive() == 1);

    w.flows.add(w.flows.task(second_task(), 3), true);
    REQUIRE(w.until([&] { return w.flows.completed.size() == 2; }));
    CHECK(w.flows.completed[1].commands(0).command_type() == api::enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
    CHECK_FALSE(w.flows.completed[1].has_sticky_attributes());
    CHECK(w.seen.size() == 2);  // nothing was replayed
    REQUIRE(w.until([&] { return w.runs_alive() == 0; }));
    CHECK(w.flows.fetched.empty());
    CHECK(w.worker->activity().received[static_cast<std::size_t>(mayfly::task_type::workflow)] == 2);
    CHECK(w.worker->activity().completed == 2);
}

TEST_CASE("a run that is not in memory is fetched, in pages, and what only the poll has is kept")
{
    world w;
    w.runs(one_timer);
    w.flows.page = 2;
    w.begin_flows();
    const history h = second_task();
    w.flows.kept = h.events;
    w.flows.kept.resize(h.events.size() - 2);  // the task itself is speculative
    w.flows.add(w.flows.task(h, 3), true);
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    CHECK(w.flows.fetched.size() == 3);
    CHECK(w.flows.fetched[0].next_page_token().empty());
    CHECK(w.flows.fetched[0].execution().run_id() == "run");
    CHECK(w.flows.completed[0].commands(0).command_type() == api::enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
    REQUIRE(w.seen.size() == 2);
    CHECK(w.seen[0].replaying);
    CHECK_FALSE(w.seen[1].replaying);
}

TEST_CASE("without a cache nothing is kept, and all is replayed")
{
    world w;
    w.config.settings.sticky_cache = 0;
    w.runs(one_timer);
    w.begin_flows();
    CHECK(w.flows.parked(true) == 0);
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    CHECK_FALSE(w.flows.completed[0].has_sticky_attributes());
    CHECK_FALSE(w.flows.completed[0].return_new_workflow_task());
    REQUIRE(w.until([&] { return w.runs_alive() == 0; }));
    w.flows.add(w.flows.task(second_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 2; }));
    CHECK(w.seen.size() == 3);
}

TEST_CASE("no more runs are kept than there is room for")
{
    world w;
    w.config.settings.sticky_cache = 2;
    w.runs(one_timer);
    w.begin_flows();
    for (int i = 0; i < 5; ++i) {
        auto t = w.flows.task(first_task());
        t.mutable_workflow_execution()->set_run_id("run-" + std::to_string(i));
        w.flows.add(std::move(t));
    }
    REQUIRE(w.until([&] { return w.flows.completed.size() == 5 && w.worker->activity().busy == 0; }));
    CHECK(w.runs_alive() == 2);
    w.flows.kept = second_task().events;
    auto t = w.flows.task(second_task(), 3);
    t.mutable_workflow_execution()->set_run_id("run-4");
    w.flows.add(t, true);
    REQUIRE(w.until([&] { return w.flows.completed.size() == 6; }));
    CHECK(w.flows.fetched.empty());
    t.mutable_workflow_execution()->set_run_id("run-0");
    w.flows.add(t, true);
    REQUIRE(w.until([&] { return w.flows.completed.size() == 7; }));
    CHECK(w.flows.fetched.size() == 1);
}

TEST_CASE("whatever a completion fails with, the run is forgotten")
{
    struct row {
        const char* why;
        grpc::status status;
        const char* words;  // in the log; empty for none
    };
    const row rows[] = {
        {"its time was over", {grpc::status_code::not_found, "gone"}, ""},
        {"a signal came first", {grpc::status_code::invalid_argument, "UnhandledCommand"}, ""},
        {"the server does not like it", {grpc::status_code::invalid_argument, "BadStartTimer"}, "BadStartTimer"},
        {"it is paused", {grpc::status_code::failed_precondition, "paused"}, ""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        world w;
        w.runs(one_timer);
        w.begin_flows();
        w.server.refusals["RespondWorkflowTaskCompleted"] = {r.status};
        w.flows.add(w.flows.task(first_task()));
        REQUIRE(w.until([&] { return w.flows.completed.size() == 1 && w.worker->activity().busy == 0; }));
        CHECK(w.runs_alive() == 0);
        CHECK(w.flows.failed.empty());
        if (*r.words != '\0')
            CHECK(w.logged(r.words));
        // It is begun anew.
        w.flows.add(w.flows.task(first_task()));
        REQUIRE(w.until([&] { return w.flows.completed.size() == 2 && w.worker->activity().busy == 0; }));
        CHECK(w.runs_alive() == 1);
    }
}

TEST_CASE("what is too large to be sent fails the task, and says so once")
{
    world w;
    w.runs(one_timer);
    w.begin_flows();
    const grpc::status large{grpc::status_code::resource_exhausted, "grpc: received message larger than max (9 vs. 4)"};
    w.server.refusals["RespondWorkflowTaskCompleted"] = {large, large};
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.failed.size() == 1; }));
    CHECK(w.flows.failed[0].cause() == api::enums::WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE);
    CHECK(w.flows.failed[0].failure().application_failure_info().type() == "GrpcMessageTooLarge");
    CHECK(w.flows.failed[0].failure().application_failure_info().non_retryable());
    w.flows.add(w.flows.task(first_task(), 0, 2));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 2 && w.worker->activity().busy == 0; }));
    CHECK(w.flows.failed.size() == 1);
}

TEST_CASE("a task that fails is reported once, and left to its timeout after that")
{
    world w;
    w.runs([](const flow::activation&) {
        flow::activated out;
        out.problem = flow::task_problem{.failure = detail::made_failure("a bug", "Bug", false)};
        return out;
    });
    w.begin_flows();
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.failed.size() == 1 && w.worker->activity().busy == 0; }));
    CHECK(w.flows.failed[0].cause() == api::enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
    CHECK(w.flows.failed[0].failure().message() == "a bug");
    CHECK(w.flows.failed[0].task_token() == "token-1");
    CHECK(w.logged("a bug"));
    w.flows.add(w.flows.task(first_task(), 0, 2));
    REQUIRE(w.until([&] { return w.seen.size() == 2 && w.worker->activity().busy == 0; }));
    CHECK(w.flows.failed.size() == 1);
    CHECK(w.flows.completed.empty());
    CHECK(w.runs_alive() == 0);
}

TEST_CASE("a workflow that nobody registered fails its task, in words that help")
{
    world w;
    w.runs(one_timer);
    w.begin_flows();
    auto t = w.flows.task(first_task());
    t.mutable_workflow_type()->set_name("unknown");
    w.flows.add(t);
    REQUIRE(w.until([&] { return w.flows.failed.size() == 1; }));
    CHECK(w.flows.failed[0].failure().message() ==
          "workflow \"unknown\" is not registered on this worker, which has flow");
    // Nor is a query of it left open.
    auto q = w.flows.query(first_task(), true, "q");
    q.mutable_workflow_type()->set_name("unknown");
    w.flows.add(q);
    REQUIRE(w.until([&] { return w.flows.answered.size() == 1; }));
    CHECK(w.flows.answered[0].completed_type() == api::enums::QUERY_RESULT_TYPE_FAILED);
    CHECK(w.flows.failed.size() == 1);
}

TEST_CASE("queries are answered from memory, from history, and after the task that runs")
{
    world w;
    w.runs(one_timer);
    w.begin_flows();
    const history kept = first_task().completed().timer("1");
    w.flows.add(w.flows.query(kept, true, "a"));
    REQUIRE(w.until([&] { return w.flows.answered.size() == 1; }));
    CHECK(w.flows.answered[0].completed_type() == api::enums::QUERY_RESULT_TYPE_ANSWERED);
    CHECK(w.flows.answered[0].query_result().payloads(0).data() == "a!");
    REQUIRE(w.until([&] { return w.worker->activity().busy == 0; }));

    w.flows.add(w.flows.query(kept, false, "b"), true);
    REQUIRE(w.until([&] { return w.flows.answered.size() == 2; }));
    CHECK(w.flows.answered[1].query_result().payloads(0).data() == "b!");
    CHECK(w.flows.fetched.empty());

    // While a task's report is under way nobody asks anything.
    w.server.held = "RespondWorkflowTaskCompleted";
    w.flows.add(w.flows.task(second_task(), 3), true);
    REQUIRE(w.until([&] { return w.seen.size() >= 2; }));
    w.flows.add(w.flows.query(second_task().ended(), false, "c"), true);
    REQUIRE(w.until([&] { return w.worker->activity().busy == 2; }));
    CHECK(w.flows.answered.size() == 2);
    w.flows.kept = second_task().ended().events;
    w.server.release();
    REQUIRE(w.until([&] { return w.flows.answered.size() == 3; }));
    CHECK(w.flows.answered[2].query_result().payloads(0).data() == "c!");
    CHECK(w.flows.completed.size() == 1);
}

TEST_CASE("a query that waited while its run went on is answered from memory, and spoils nothing")
{
    world w;
    w.runs([](const flow::activation& a) {
        return std::holds_alternative<flow::start_run>(a.jobs.front()) ? wants(timer(1)) : flow::activated{};
    });
    w.begin_flows();
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1 && w.worker->activity().busy == 0; }));
    const auto waiting = w.flows.query(first_task().completed().timer("1"), false, "early");
    w.flows.add(w.flows.task(second_task(), 3), true);
    REQUIRE(w.until([&] { return w.flows.completed.size() == 2 && w.worker->activity().busy == 0; }));
    w.flows.add(waiting, true);
    REQUIRE(w.until([&] { return w.flows.answered.size() == 1 && w.worker->activity().busy == 0; }));
    CHECK(w.flows.answered[0].completed_type() == api::enums::QUERY_RESULT_TYPE_ANSWERED);
    CHECK(w.flows.answered[0].query_result().payloads(0).data() == "early!");
    w.flows.add(w.flows.task(second_task().completed().signal("s").task(), 8), true);
    REQUIRE(w.until([&] { return w.flows.completed.size() == 3; }));
    CHECK(w.seen.size() == 3);  // nothing was replayed
    CHECK(w.flows.fetched.empty());
    CHECK(w.flows.failed.empty());
}

TEST_CASE("a run that failed in a query is begun anew with the next task")
{
    world w;
    bool bug = false;
    w.runs([&](const flow::activation& a) {
        if (bug && a.replaying) {
            flow::activated out;
            out.problem = flow::task_problem{.failure = detail::made_failure("a bug", "Bug", false)};
            return out;
        }
        return one_timer(a);
    });
    w.begin_flows();
    bug = true;
    w.flows.add(w.flows.query(first_task().completed().timer("1"), true, "q"));
    REQUIRE(w.until([&] { return w.flows.answered.size() == 1 && w.worker->activity().busy == 0; }));
    CHECK(w.flows.answered[0].completed_type() == api::enums::QUERY_RESULT_TYPE_FAILED);
    CHECK(w.runs_alive() == 0);
    bug = false;
    w.flows.kept = second_task().events;
    w.flows.add(w.flows.task(second_task(), 3), true);
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
    CHECK(w.flows.failed.empty());
}

TEST_CASE("a task that does not go on where the run stands is begun from the start")
{
    world w;
    w.runs(one_timer);
    w.begin_flows();
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1 && w.worker->activity().busy == 0; }));
    // The completion came too late, although the server took it as far as anybody here knows.
    history late = first_task();
    late.add(api::enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
        .mutable_workflow_task_timed_out_event_attributes()
        ->set_scheduled_event_id(2);
    late.task();
    w.flows.kept = late.events;
    w.flows.add(w.flows.task(late, 3), true);
    REQUIRE(w.until([&] { return w.flows.completed.size() + w.flows.failed.size() == 2; }));
    CHECK(w.flows.failed.empty());
    CHECK(w.flows.fetched.size() == 1);
    REQUIRE(w.flows.completed.size() == 2);
    CHECK(w.flows.completed[1].commands(0).command_type() == api::enums::COMMAND_TYPE_START_TIMER);
}

TEST_CASE("the next task may come with the answer to the last")
{
    world w;
    w.runs(one_timer);
    w.begin_flows();
    api::RespondWorkflowTaskCompletedResponse with;
    *with.mutable_workflow_task() = w.flows.task(second_task(), 3);
    w.flows.replies.push_back(with);
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 2 && w.worker->activity().busy == 0; }));
    CHECK(w.flows.completed[1].commands(0).command_type() == api::enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
    CHECK(w.flows.polls.size() == 3);  // one that brought the first task, and its successor
}

TEST_CASE("activities come with the answer, as far as there are slots for them")
{
    world w;
    w.activities.add("greet", [](std::string name) { return "Hello, " + name; });
    w.config.settings.max_concurrent_activities = 3;  // a poll holds one of them
    w.runs([](const flow::activation& a) {
        flow::activated out;
        for (std::uint32_t seq = 1; seq <= 5 && std::holds_alternative<flow::start_run>(a.jobs.front()); ++seq) {
            flow::schedule_activity one;
            one.seq = seq;
            one.type = seq == 2 ? "not here" : "greet";
            one.task_queue = seq == 1 ? "elsewhere" : "work";
            one.start_to_close = 10s;
            out.intents.emplace_back(std::move(one));
        }
        return out;
    });
    api::RespondWorkflowTaskCompletedResponse with;
    *with.add_activity_tasks() = w.server.task("greet", {"\"Ann\""});
    w.flows.replies.push_back(with);
    const auto wanted = [&w] {
        std::string out;
        for (const auto& c : w.flows.completed.back().commands())
            out += c.schedule_activity_task_command_attributes().request_eager_execution() ? 'y' : 'n';
        return out;
    };

    SUBCASE("one comes for two slots, and the other is free again")
    {
        w.begin_flows();
        REQUIRE(w.until([&] { return w.server.parked_polls() == 1; }));
        w.flows.add(w.flows.task(first_task()));
        REQUIRE(w.until([&] { return w.server.completed.size() == 1 && w.worker->activity().busy == 0; }));
        CHECK(wanted() == "nnyyn");
        CHECK(worker_test::result_of(w.server.completed[0]) == "\"Hello, Ann\"");
        CHECK(w.server.completed[0].task_token() == with.activity_tasks(0).task_token());
        CHECK(w.worker->activity().received[static_cast<std::size_t>(mayfly::task_type::activity)] == 1);
        w.server.refusals["RespondWorkflowTaskCompleted"] = {{grpc::status_code::not_found, "gone"}};
        auto t = w.flows.task(first_task());
        t.mutable_workflow_execution()->set_run_id("another");
        w.flows.add(std::move(t));
        REQUIRE(w.until([&] { return w.flows.completed.size() == 2 && w.worker->activity().busy == 0; }));
        CHECK(wanted() == "nnyyn");
    }
    SUBCASE("more come than were asked for: those are not this worker's")
    {
        w.config.settings.max_concurrent_activities = 2;
        *with.add_activity_tasks() = w.server.task("greet", {"\"Bob\""});
        w.flows.replies = {with};
        w.begin_flows();
        REQUIRE(w.until([&] { return w.server.parked_polls() == 1; }));
        w.flows.add(w.flows.task(first_task()));
        REQUIRE(w.until([&] { return w.server.completed.size() == 1 && w.worker->activity().busy == 0; }));
        CHECK(wanted() == "nnynn");
    }
    SUBCASE("none where they are switched off, or the queue has a limit")
    {
        w.flows.replies.clear();
        SUBCASE("off")
        {
            w.config.eager_activities = false;
        }
        SUBCASE("limit")
        {
            w.config.queue_activities_per_second = 10;
        }
        w.begin_flows();
        w.flows.add(w.flows.task(first_task()));
        REQUIRE(w.until([&] { return w.flows.completed.size() == 1; }));
        CHECK(wanted() == "nnnnn");
    }
}

TEST_CASE("of the tasks that come while a report is under way the newest is worked on")
{
    world w;
    w.config.settings.max_concurrent_workflow_tasks = 10;
    w.config.settings.workflow_pollers = 4;
    w.runs(one_timer);
    w.begin_flows();
    w.server.held = "RespondWorkflowTaskCompleted";
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.seen.size() == 1; }));
    w.flows.add(w.flows.task(first_task().completed().timer("1").task()));
    w.flows.add(w.flows.task(second_task()));
    REQUIRE(w.until([&] { return w.worker->activity().busy == 2 && w.worker->activity().completed == 1; }));
    w.server.release();
    REQUIRE(w.until([&] { return w.flows.completed.size() == 2 && w.worker->activity().busy == 0; }));
    CHECK(w.flows.completed[1].task_token() == "token-3");
}

TEST_CASE("a speculative task that came to nothing leaves no trace")
{
    world w;
    w.runs(one_timer);
    w.begin_flows();
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1 && w.worker->activity().busy == 0; }));
    const history idle = first_task().completed().timer("1");
    history speculative = idle;
    speculative.task();
    api::RespondWorkflowTaskCompletedResponse dropped;
    dropped.set_reset_history_event_id(3);
    w.flows.replies.push_back(dropped);
    w.flows.add(w.flows.task(speculative, 3), true);
    REQUIRE(w.until([&] { return w.flows.completed.size() == 2 && w.worker->activity().busy == 0; }));
    w.flows.add(w.flows.task(second_task(), 3), true);
    REQUIRE(w.until([&] { return w.flows.completed.size() == 3; }));
    CHECK(w.flows.fetched.empty());
    CHECK(w.flows.completed[2].commands(0).command_type() == api::enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
}

TEST_CASE("a worker that leaves takes what its last polls bring, and keeps nothing")
{
    world w;
    w.server.capabilities.set_worker_poll_complete_on_shutdown(true);
    w.runs(one_timer);
    w.begin_flows();
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.completed.size() == 1 && w.worker->activity().busy == 0; }));
    CHECK(w.runs_alive() == 1);

    w.server.held = "RespondWorkflowTaskCompleted";
    w.server.at_shutdown = [&] {
        auto t = w.flows.task(first_task());
        t.mutable_workflow_execution()->set_run_id("last");
        w.flows.add(std::move(t));
        w.flows.end_polls();
    };
    w.drain();
    REQUIRE(w.until([&] { return w.seen.size() == 2; }));
    CHECK_FALSE(w.drained.has_value());
    w.server.release();
    REQUIRE(w.until([&] { return w.drained.has_value(); }));
    CHECK_FALSE(*w.drained);
    CHECK(w.runs_alive() == 0);
    REQUIRE(w.flows.completed.size() == 2);
    CHECK_FALSE(w.flows.completed[1].has_sticky_attributes());
    CHECK_FALSE(w.flows.completed[1].return_new_workflow_task());
    REQUIRE(w.server.shutdowns.size() == 1);
    CHECK(w.server.shutdowns[0].sticky_task_queue() == w.flows.polls[1].task_queue().name());
    REQUIRE(w.server.shutdowns[0].task_queue_types_size() == 1);
    CHECK(w.server.shutdowns[0].task_queue_types(0) == api::enums::TASK_QUEUE_TYPE_WORKFLOW);
    CHECK(w.flows.failed.empty());
}

TEST_CASE("a workflow that blocks is reported while it hangs, and its task fails")
{
    world w;
    std::atomic<bool> reported{false};
    std::string words;
    w.config.timing.workflow_step = 20ms;
    w.runs([&](const flow::activation& a) {
        while (!reported)
            std::this_thread::yield();
        return one_timer(a);
    });
    w.make();
    w.config.logger = [&](log_level level, std::string_view said) {
        if (level == log_level::error && !reported) {
            words = said;
            reported = true;
        }
    };
    w.worker.emplace(w.wire, w.config);
    w.worker->async_start([&](error_code ec) { w.started = ec; });
    REQUIRE(w.until([&] { return w.flows.parked(false) == 1; }));
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.flows.failed.size() == 1; }));
    CHECK(words.find("[TMPRL1101]") == 0);
    CHECK(words.find("\"flow\" (id, run run)") != std::string::npos);
    CHECK(words.find("after its start") != std::string::npos);
    CHECK(w.flows.failed[0].failure().message().find("[TMPRL1101]") == 0);
    CHECK(w.flows.failed[0].failure().message().find("here") != std::string::npos);
    CHECK(w.flows.completed.empty());
}

TEST_CASE("a worker that stops at any moment says nothing more")
{
    world w;
    w.runs(ends);
    w.begin_flows();
    w.server.held = "RespondWorkflowTaskCompleted";
    w.flows.add(w.flows.task(first_task()));
    REQUIRE(w.until([&] { return w.seen.size() == 1; }));
    w.worker->stop();
    CHECK(w.runs_alive() == 0);
    w.server.release();
    CHECK(w.until([&] { return w.io.poll_one() == 0; }));
    CHECK(w.flows.failed.empty());
}
