// SPDX-License-Identifier: BSL-1.0

// Runs as their tasks and time take them on.

#include "world.hpp"

#include <random>

namespace mayfly::temporal::embedded {
namespace {

using enum grpc::status_code;

TEST_CASE("a workflow from its start to its end")
{
    flows w;
    w.begin("w", [](auto& q) { *q.mutable_input() = payloads("in"); });
    CHECK(w.events() == "W:STARTED T:SCHEDULED");
    const flow_task t = w.take_flow();
    CHECK(t.started_event_id() == 3);
    CHECK(t.previous_started_event_id() == 0);
    CHECK(t.history().events_size() == 3);
    const ticket waits = w.result();
    CHECK_FALSE(w.got(waits));
    CHECK(code_of(w.reply(t, {end_with("out")})) == ok);
    CHECK(w.events() == "W:STARTED T:SCHEDULED T:STARTED T:COMPLETED W:COMPLETED");
    REQUIRE(w.got(waits));
    api::GetWorkflowExecutionHistoryResponse seen;
    REQUIRE(seen.ParseFromString(w.got(waits)->message));
    REQUIRE(seen.history().events_size() == 1);
    CHECK(
        seen.history().events(0).workflow_execution_completed_event_attributes().result().payloads(0).data() == "out");
    CHECK(seen.next_page_token().empty());
    CHECK(code_of(w.reply(t, {})) == not_found);
    CHECK(w.signal() == not_found);
}

TEST_CASE("what happens while a worker decides is written behind what it decides")
{
    flows w;
    w.begin();
    flow_task t = w.take_flow();
    CHECK(w.signal() == ok);
    CHECK(w.events() == "W:STARTED T:SCHEDULED T:STARTED");
    REQUIRE(code_of(w.reply(t, {timer("t", 1h)})) == ok);
    CHECK(w.events("w", 4) == "T:COMPLETED TIMER_STARTED W:SIGNALED T:SCHEDULED");

    t = w.take_flow();
    CHECK(w.signal() == ok);
    const auto refused = w.reply(t, {end_with()});
    CHECK(code_of(refused) == invalid_argument);
    CHECK(refused.error().message == "UnhandledCommand");
    CHECK(w.events("w", 8) == "T:STARTED T:FAILED W:SIGNALED T:SCHEDULED");
    t = w.take_flow();
    CHECK(t.attempt() == 1);
    CHECK(w.signal() == resource_exhausted);  // it is about to end
    CHECK(code_of(w.reply(t, {end_with()})) == ok);
}

TEST_CASE("timers fire in their order, those of one moment at once")
{
    flows w;
    w.begin();
    must(w.reply(w.take_flow(), {timer("late", 720h), timer("b", 2s), timer("a", 2s), timer("never", 1h)}));
    w.pass(2s);
    CHECK(w.events("w", 9) == "TIMER_FIRED TIMER_FIRED T:SCHEDULED");
    CHECK(w.run().history.at(9).timer_fired_event_attributes().timer_id() == "b");
    const flow_task t = w.take_flow();
    must(w.reply(t, {cancel_timer("never")}));
    w.pass(719h);
    CHECK(w.nothing_to_do());
    w.pass(1h);
    CHECK(w.events("w", 13) == "T:COMPLETED TIMER_CANCELED TIMER_FIRED T:SCHEDULED");
}

TEST_CASE("a timer that fired unseen can still be cancelled, and the workflow end")
{
    flows w;
    w.begin();
    must(w.reply(w.take_flow(), {timer("t", 2s)}));
    w.signal();
    const flow_task t = w.take_flow();
    w.pass(3s);
    CHECK(code_of(w.reply(t, {cancel_timer("t"), end_with()})) == ok);
    CHECK(w.events("w", 9) == "T:COMPLETED TIMER_CANCELED W:COMPLETED");
}

TEST_CASE("attempts after the first leave no trace until one is completed")
{
    flows w;
    w.begin();
    REQUIRE(w.fail_flow(w.take_flow()) == ok);
    CHECK(w.events("w", 4) == "T:FAILED");
    flow_task t = w.take_flow();
    CHECK(t.attempt() == 2);
    CHECK(t.started_event_id() == 6);
    CHECK(t.history().events_size() == 6);  // with those that are not written
    REQUIRE(w.fail_flow(t) == ok);
    CHECK(w.events("w", 4) == "T:FAILED");
    t = w.take_flow();
    CHECK(t.attempt() == 3);
    must(w.reply(t, {timer("t", 1h)}));
    CHECK(w.events("w", 4) == "T:FAILED T:SCHEDULED T:STARTED T:COMPLETED TIMER_STARTED");

    // Something happens before the second attempt is taken: it is a first one then.
    w.signal();
    REQUIRE(w.fail_flow(w.take_flow()) == ok);
    w.signal();
    t = w.take_flow();
    CHECK(t.attempt() == 1);
    CHECK(w.events("w", 9) == "W:SIGNALED T:SCHEDULED T:STARTED T:FAILED W:SIGNALED T:SCHEDULED T:STARTED");
}

TEST_CASE("a worker that does not answer loses its task")
{
    flows w;
    w.begin();
    const flow_task t = w.take_flow();
    w.pass(9s);
    CHECK(w.nothing_to_do());
    w.pass(2s);
    CHECK(w.events("w", 4) == "T:TIMED_OUT");
    CHECK(code_of(w.reply(t)) == not_found);
    CHECK(w.take_flow().attempt() == 2);
}

TEST_CASE("a start brings its first task with it, to who asks for it again too")
{
    flows w;
    auto q = flows::start_of("w");
    q.set_request_id("once");
    q.set_identity("starter");
    q.set_request_eager_execution(true);
    const flow_task t = must(w.try_begin(q)).eager_workflow_task();
    CHECK(w.events() == "W:STARTED T:SCHEDULED T:STARTED");
    CHECK(w.run().begun().eager_execution_accepted());
    CHECK(w.run().history.at(3).workflow_task_started_event_attributes().identity() == "starter");
    CHECK(t.history().events_size() == 3);
    CHECK(t.started_event_id() == 3);
    CHECK(t.attempt() == 1);
    CHECK(w.nothing_to_do());
    CHECK(must(w.try_begin(q)).eager_workflow_task().task_token() == t.task_token());

    SUBCASE("once it is done it does not come again, nor do those of later runs")
    {
        must(w.reply(t, {timer("1", 1s)}));
        CHECK_FALSE(must(w.try_begin(q)).has_eager_workflow_task());
        w.pass(1s);
        must(w.reply(w.take_flow(), {go_on()}));
        w.pass(2s);
        CHECK_FALSE(w.run().begun().eager_execution_accepted());
        must(w.reply(w.take_flow(), {end_with()}));
    }
    SUBCASE("one that is lost comes again as any other does")
    {
        w.pass(11s);
        CHECK(w.events() == "W:STARTED T:SCHEDULED T:STARTED T:TIMED_OUT");
        CHECK_FALSE(must(w.try_begin(q)).has_eager_workflow_task());
        CHECK(w.take_flow().attempt() == 2);
        CHECK(code_of(w.reply(t)) == grpc::status_code::not_found);
    }
    SUBCASE("one that is attached to, or whose task comes later, brings none")
    {
        q.set_request_id("another");
        q.set_workflow_id_conflict_policy(api::enums::WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING);
        CHECK_FALSE(must(w.try_begin(q)).has_eager_workflow_task());
        q.set_workflow_id("later");
        put(*q.mutable_workflow_start_delay(), 5s);
        CHECK_FALSE(must(w.try_begin(q)).has_eager_workflow_task());
        CHECK_FALSE(w.run("later").begun().eager_execution_accepted());
        CHECK(w.events("later") == "W:STARTED");
        w.pass(6s);
        CHECK(w.take_flow().workflow_execution().workflow_id() == "later");
    }
}

TEST_CASE("a poll that nobody heard leaves no trace")
{
    flows w;
    w.begin();
    const ticket p = w.poll_flow();
    REQUIRE(w.flow(p));
    w.e.give_back(*w.got(p)->task, w.now);
    w.collect();
    CHECK(w.events() == "W:STARTED T:SCHEDULED");
    CHECK(w.take_flow().attempt() == 1);
}

TEST_CASE("a worker that remembers a run gets what is new, as long as it is there")
{
    flows w;
    w.begin();
    const ticket waits = w.poll_flow("w", "mine");
    must(w.reply(w.take_flow(), {timer("t", 2s)}, &flows::keep_sticky));
    w.pass(2s);
    const auto t = w.flow(waits);
    REQUIRE(t);
    CHECK(t->history().events(0).event_id() == 4);
    CHECK(t->previous_started_event_id() == 3);

    SUBCASE("it is too slow: any may take it, and gets all")
    {
        must(w.reply(*t, {}, &flows::keep_sticky));
        w.signal();
        CHECK(w.nothing_to_do());
        w.pass(6s);
        CHECK(w.events("w", 11) == "T:SCHEDULED T:TIMED_OUT T:SCHEDULED");
        const flow_task all = w.take_flow();
        CHECK(all.history().events(0).event_id() == 1);
        CHECK(all.attempt() == 1);
    }
    SUBCASE("it says goodbye: any may take it at once")
    {
        must(w.reply(*t, {}, &flows::keep_sticky));
        w.signal();
        api::ShutdownWorkerRequest q;
        q.set_namespace_("default");
        q.set_sticky_task_queue("mine");
        q.set_worker_instance_key("w-key");
        q.set_identity("w");
        must(w.e.shutdown_worker(q, w.who()));
        w.collect();
        const auto all = w.flow(w.poll_flow("other"));
        REQUIRE(all);
        CHECK(all->history().events(0).event_id() == 1);
    }
    SUBCASE("it has not been heard of for long: any may take it at once")
    {
        must(w.reply(*t, {}, &flows::keep_sticky));
        w.pass(20s);
        w.signal();
        CHECK(w.flow(w.poll_flow("other")));
    }
    SUBCASE("it wants the next task with its answer")
    {
        w.signal();
        const auto out = must(w.reply(*t, {}, [](completed_request& q) {
            flows::keep_sticky(q);
            q.set_return_new_workflow_task(true);
        }));
        REQUIRE(out.has_workflow_task());
        CHECK(out.workflow_task().history().events(0).event_id() == 9);
        CHECK(code_of(w.reply(out.workflow_task(), {end_with()})) == ok);
    }
}

TEST_CASE("a task may be kept alive, but not for ever")
{
    flows w;
    w.begin();
    flow_task t = w.take_flow();
    const auto heartbeat = [](completed_request& q) {
        q.set_force_create_new_workflow_task(true);
        q.set_return_new_workflow_task(true);
        flows::keep_sticky(q);
    };
    for (int i = 0; i < 225; ++i) {  // 8 s each: half an hour
        w.pass(8s);
        t = must(w.reply(t, {}, heartbeat)).workflow_task();
        REQUIRE_FALSE(t.task_token().empty());
    }
    w.pass(8s);
    const auto out = w.reply(t, {}, heartbeat);
    CHECK(code_of(out) == not_found);
    CHECK(w.events("w", w.run().history.next_id() - 2) == "T:TIMED_OUT T:SCHEDULED");
}

TEST_CASE("completions that are not taken")
{
    using namespace api::enums;
    auto no_timeout = activity("a", 0s);
    auto no_type = child("c");
    no_type.mutable_start_child_workflow_execution_command_attributes()->clear_workflow_type();
    api::command::Command marker;
    marker.set_command_type(COMMAND_TYPE_RECORD_MARKER);
    api::command::Command nexus;
    nexus.set_command_type(COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION);
    api::protocol::Message none;
    none.set_id("none");
    struct row {
        const char* why;
        commands all;
        WorkflowTaskFailedCause cause;
    };
    const row rows[] = {
        {"a timer without a name", {timer("", 1s)}, WORKFLOW_TASK_FAILED_CAUSE_BAD_START_TIMER_ATTRIBUTES},
        {"two of one name", {timer("t", 1s), timer("t", 1s)}, WORKFLOW_TASK_FAILED_CAUSE_START_TIMER_DUPLICATE_ID},
        {"one that is not there", {cancel_timer("t")}, WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_TIMER_ATTRIBUTES},
        {"cancelled twice", {timer("t", 1s), cancel_timer("t"), cancel_timer("t")},
            WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_TIMER_ATTRIBUTES},
        {"no timeout", {no_timeout}, WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES},
        {"two of one id", {activity("a"), activity("a")}, WORKFLOW_TASK_FAILED_CAUSE_SCHEDULE_ACTIVITY_DUPLICATE_ID},
        {"no such activity", {cancel_activity(3)}, WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES},
        {"a marker without a name", {marker}, WORKFLOW_TASK_FAILED_CAUSE_BAD_RECORD_MARKER_ATTRIBUTES},
        {"a child without a type", {no_type}, WORKFLOW_TASK_FAILED_CAUSE_BAD_START_CHILD_EXECUTION_ATTRIBUTES},
        {"a message that is not there", {message_command(none)},
            WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE},
        {"what is not served", {nexus}, WORKFLOW_TASK_FAILED_CAUSE_FEATURE_DISABLED},
        {"nothing of it is done", {activity("a"), timer("t", 1s), marker},
            WORKFLOW_TASK_FAILED_CAUSE_BAD_RECORD_MARKER_ATTRIBUTES},
    };
    for (const row& r : rows) {
        flows w;
        w.begin();
        CHECK_MESSAGE(code_of(w.reply(w.take_flow(), r.all)) == invalid_argument, r.why);
        CHECK_MESSAGE(w.events("w", 4) == "T:FAILED", r.why);
        CHECK_MESSAGE(w.run().history.at(4).workflow_task_failed_event_attributes().cause() == r.cause, r.why);
        // A second time it is only told, so that it is not tried over and over.
        const flow_task t = w.take_flow();
        CHECK_MESSAGE(code_of(w.reply(t, r.all)) == invalid_argument, r.why);
        CHECK_MESSAGE(w.nothing_to_do(), r.why);
        CHECK_MESSAGE(code_of(w.reply(t, {end_with()})) == ok, r.why);
    }
}

TEST_CASE("time may jump only while nothing else would happen")
{
    flows w;
    w.begin();
    CHECK(w.e.next_jump() == never);  // a task waits
    const flow_task t = w.take_flow();
    w.result();
    CHECK(w.e.next_jump() == never);  // a worker has it
    must(w.reply(t, {timer("t", 720h), activity("a")}));
    CHECK(w.e.next_jump() == never);  // an activity waits
    const auto a = w.take();
    CHECK(w.e.next_jump() == never);
    w.fail(a.task_token());
    CHECK(w.e.next_jump() == w.now.at + 1s);  // the next attempt
    w.leap(1s);
    w.complete(w.take().task_token());
    CHECK(w.e.next_jump() == never);
    must(w.reply(w.take_flow()));
    CHECK(w.e.next_jump() > w.now.at + 719h);
    w.pass(25s);
    CHECK(w.e.next_jump() == never);  // nobody waits for a result any more
}

TEST_CASE("whatever is done in whatever order, every task is in one place")
{
    for (std::uint32_t seed = 1; seed <= 150; ++seed) {
        flows w;
        std::mt19937 random(seed);
        const auto pick = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
        std::vector<flow_task> tasks;
        std::vector<std::string> work;
        std::vector<ticket> polls;
        std::map<ticket, bool> seen;
        const std::string ids[] = {"a", "b", "c"};
        const auto look = [&] {
            for (const ticket p : polls)
                if (const auto t = w.flow(p); t && !seen[p]) {
                    seen[p] = true;
                    tasks.push_back(*t);
                }
        };
        for (int step = 0; step < 120; ++step) {
            const std::string& id = ids[pick(3)];
            switch (pick(14)) {
            case 0: static_cast<void>(w.try_begin(flows::start_of(id))); break;
            case 1: w.signal(id); break;
            case 2: w.update("u" + std::to_string(pick(4)), id); break;
            case 3: w.query(id); break;
            case 4: w.pass(uptime(std::chrono::milliseconds(pick(4'000)))); break;
            case 5: polls.push_back(w.poll_flow("w", pick(2) != 0 ? "mine" : "")); break;
            case 6:
                if (const auto t = w.task(w.poll()))
                    work.push_back(t->task_token());
                break;
            case 7:
                if (!work.empty())
                    pick(2) != 0 ? w.complete(work[pick(work.size())]) : w.fail(work[pick(work.size())]);
                break;
            case 8:
                if (pick(4) == 0)
                    w.terminate(id);
                break;
            case 9:
                if (!polls.empty() && pick(3) == 0) {
                    const ticket p = polls[pick(polls.size())];
                    w.e.leave(p, w.now);
                    if (const auto a = w.got(p); a && a->task && !seen[p]) {
                        w.e.give_back(*a->task, w.now);
                        seen[p] = true;
                    }
                    w.collect();
                }
                break;
            default: {
                look();
                if (tasks.empty())
                    break;
                const std::size_t at = pick(tasks.size());
                const flow_task t = tasks[at];
                tasks.erase(tasks.begin() + static_cast<std::ptrdiff_t>(at));
                if (t.started_event_id() == 0) {
                    w.answer_query(t);
                    break;
                }
                if (pick(8) == 0) {
                    w.fail_flow(t);
                    break;
                }
                const commands kinds[] = {{}, {timer("t" + std::to_string(step), 1s)},
                    {activity("x" + std::to_string(step)), child(ids[pick(3)])}, {end_with()}, {go_on()},
                    {activity("y"), cancel_activity(7)}, {timer("dup", 3s)}};
                const auto out = w.reply(t, kinds[pick(7)], [&](completed_request& q) {
                    if (pick(2) != 0)
                        flows::keep_sticky(q);
                    q.set_return_new_workflow_task(pick(2) != 0);
                    q.set_force_create_new_workflow_task(pick(6) == 0);
                    if (t.messages_size() != 0 && pick(2) != 0)
                        *q.add_messages() = pick(2) != 0 ? flows::acceptance(t) : flows::rejection(t);
                });
                if (out && out->has_workflow_task())
                    tasks.push_back(out->workflow_task());
                break;
            }
            }
        }
        for (const std::string& id : ids)
            w.terminate(id);
        w.pass(48h);
        CHECK(w.e.workflows().open() == 0);
    }
}

}  // namespace
}  // namespace mayfly::temporal::embedded
