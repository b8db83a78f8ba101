// SPDX-License-Identifier: BSL-1.0

#include "world.hpp"

#include <mayfly/temporal/embedded/methods.hpp>

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

TEST_CASE("activities: how they end stands in the history, not how often they were tried")
{
    flows w;
    w.begin();
    auto retried = activity("a");
    put(*retried.mutable_schedule_activity_task_command_attributes()
             ->mutable_retry_policy()
             ->mutable_initial_interval(),
        1s);
    must(w.reply(w.take_flow(), {retried}));
    CHECK(w.fail(w.take().task_token()) == ok);
    CHECK(w.events("w", 5) == "A:SCHEDULED");
    w.pass(1s);
    const auto second = w.take();
    CHECK(second.attempt() == 2);
    CHECK(second.workflow_execution().workflow_id() == "w");
    CHECK(second.workflow_type().name() == "flow");
    CHECK(w.complete(second.task_token()) == ok);
    CHECK(w.events("w", 5) == "A:SCHEDULED A:STARTED A:COMPLETED T:SCHEDULED");
    const auto& started = w.run().history.at(6).activity_task_started_event_attributes();
    CHECK(started.attempt() == 2);
    CHECK(started.last_failure().message() == "it broke");
    CHECK(w.run().history.at(7).activity_task_completed_event_attributes().started_event_id() == 6);

    auto once = activity("b", 2s);
    once.mutable_schedule_activity_task_command_attributes()->mutable_retry_policy()->set_maximum_attempts(1);
    must(w.reply(w.take_flow(), {once}));
    static_cast<void>(w.take());
    w.pass(2s);
    CHECK(w.events("w", 11) == "A:SCHEDULED A:STARTED A:TIMED_OUT T:SCHEDULED");
    CHECK(w.run().history.at(13).activity_task_timed_out_event_attributes().retry_state() ==
          api::enums::RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);

    // One that waits is over as soon as it is cancelled; one that is worked on hears of it.
    must(w.reply(w.take_flow(), {activity("c"), activity("d")}));
    const auto c = w.take();
    CHECK(c.activity_id() == "c");
    w.signal();
    const flow_task t = w.take_flow();
    must(w.reply(t, {cancel_activity(17), cancel_activity(18)}));
    CHECK(w.events("w", 23) == "A:CANCEL_REQUESTED A:CANCEL_REQUESTED A:CANCELED T:SCHEDULED");
    CHECK(must(w.heartbeat(c.task_token())).cancel_requested());
    CHECK(w.terminate() == ok);
    CHECK(code_of(w.heartbeat(c.task_token())) == not_found);
}

TEST_CASE("an activity of a workflow can be completed by ids")
{
    flows w;
    w.begin();
    must(w.reply(w.take_flow(), {activity("a")}));
    static_cast<void>(w.take());
    api::RespondActivityTaskCompletedByIdRequest q;
    q.set_namespace_("default");
    q.set_workflow_id("w");
    q.set_activity_id("none");
    CHECK(code_of(w.e.complete_task<api::RespondActivityTaskCompletedByIdResponse>(q, w.who())) == not_found);
    q.set_activity_id("a");
    CHECK(code_of(w.e.complete_task<api::RespondActivityTaskCompletedByIdResponse>(q, w.who())) == ok);
    w.collect();
    CHECK(w.events("w", 6) == "A:STARTED A:COMPLETED T:SCHEDULED");
}

TEST_CASE("children, and what becomes of them when their parent ends")
{
    using namespace api::enums;
    struct row {
        const char* why;
        ParentClosePolicy policy;
        const char* child;
        bool open;
    };
    const row rows[] = {
        {"it ends as well", PARENT_CLOSE_POLICY_TERMINATE, "W:STARTED T:SCHEDULED W:TERMINATED", false},
        {"it is asked to", PARENT_CLOSE_POLICY_REQUEST_CANCEL, "W:STARTED T:SCHEDULED W:CANCEL_REQUESTED", true},
        {"it goes on", PARENT_CLOSE_POLICY_ABANDON, "W:STARTED T:SCHEDULED", true},
    };
    for (const row& r : rows) {
        flows w;
        w.begin();
        must(w.reply(w.take_flow(), {child("c", r.policy)}));
        CHECK(w.events("w", 5) == "START_C:INITIATED C:STARTED T:SCHEDULED");
        CHECK(w.terminate() == ok);
        CHECK_MESSAGE(w.events("c") == r.child, r.why);
        CHECK_MESSAGE(w.run("c").open() == r.open, r.why);
    }
    flows w;
    w.begin();
    must(w.reply(w.take_flow(), {child("c"), child("c")}));
    CHECK(w.events("w", 5) == "START_C:INITIATED START_C:INITIATED C:STARTED T:SCHEDULED START_C:FAILED");
    flow_task of_child = w.take_flow();
    flow_task of_parent = w.take_flow();
    if (of_child.workflow_type().name() != "kid")
        std::swap(of_child, of_parent);
    must(w.reply(of_parent));
    must(w.reply(of_child, {go_on()}));  // the parent waits on
    CHECK(w.nothing_to_do());
    w.pass(1s);
    must(w.reply(w.take_flow(), {end_with()}));
    CHECK(w.events("w", 12) == "C:COMPLETED T:SCHEDULED");
}

TEST_CASE("runs that follow others")
{
    flows w;
    const std::string first = w.begin("w", [](auto& q) { q.mutable_retry_policy()->set_maximum_attempts(2); });
    must(w.reply(w.take_flow(), {fail_with(world::failure())}));
    const std::string second = w.run().run_id;
    CHECK(second != first);
    CHECK(w.run().first_run_id == first);
    CHECK(w.run().begun().attempt() == 2);
    CHECK(w.events() == "W:STARTED");
    w.pass(1s);
    must(w.reply(w.take_flow(), {fail_with(world::failure())}));
    CHECK(w.run().run_id == second);
    CHECK(w.run().history.events().back().workflow_execution_failed_event_attributes().retry_state() ==
          api::enums::RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);

    w.begin("cron", [](auto& q) { q.set_cron_schedule("@every 60s"); });
    CHECK(w.nothing_to_do());
    for (int i = 0; i < 3; ++i) {
        w.pass(60s);
        must(w.reply(w.take_flow(), {end_with(std::to_string(i))}));
        CHECK(w.run("cron").open());
        CHECK(w.run("cron").begun().last_completion_result().payloads(0).data() == std::to_string(i));
    }
    CHECK(w.terminate("cron") == ok);

    w.begin("short", [](auto& q) { put(*q.mutable_workflow_run_timeout(), 5s); });
    static_cast<void>(w.take_flow());
    w.signal("short");
    w.pass(5s);
    CHECK(w.events("short") == "W:STARTED T:SCHEDULED T:STARTED T:FAILED W:SIGNALED W:TIMED_OUT");
}

TEST_CASE("cron schedules")
{
    struct row {
        const char* text;
        std::optional<uptime> wait;  // from 2020-02-28T12:34:56Z, a Friday
    };
    const row rows[] = {
        {"* * * * *", 4s},
        {"@hourly", 25min + 4s},
        {"0 13 * * *", 25min + 4s},
        {"*/15 * * * *", 10min + 4s},
        {"0 0 29 2 *", 11h + 25min + 4s},
        {"0 0 * * 0", 35h + 25min + 4s},
        {"0 0 * * 7", 35h + 25min + 4s},
        {"30,45 12 * * 1-5", 10min + 4s},
        {"@every 90s", 90s},
        {"@every 1h30m", 90min},
        {"", std::nullopt},
        {"60 * * * *", std::nullopt},
        {"* * * *", std::nullopt},
        {"* * * * * *", std::nullopt},
        {"@every soon", std::nullopt},
        {"5-1 * * * *", std::nullopt},
    };
    const std::chrono::sys_time<uptime> now =
        std::chrono::sys_days(std::chrono::year(2020) / 2 / 28) + 12h + 34min + 56s;
    for (const row& r : rows) {
        const auto parsed = cron_schedule::parse(r.text);
        CHECK_MESSAGE(parsed.has_value() == r.wait.has_value(), r.text);
        if (parsed && r.wait)
            CHECK_MESSAGE(parsed->wait(now, now) == r.wait, r.text);
    }
}

TEST_CASE("updates")
{
    flows w;
    w.begin();
    must(w.reply(w.take_flow()));
    const auto discard = [](completed_request& q) {
        q.mutable_capabilities()->set_discard_speculative_workflow_task_with_events(true);
    };

    // One that is rejected leaves no trace.
    ticket u = w.update("no");
    flow_task t = w.take_flow();
    REQUIRE(t.messages_size() == 1);
    CHECK(t.messages(0).event_id() == t.started_event_id() - 1);
    const auto out = must(w.reply(t, {}, [&](completed_request& q) {
        discard(q);
        *q.add_messages() = flows::rejection(t);
    }));
    CHECK(out.reset_history_event_id() == 3);
    CHECK(w.run().history.next_id() == 5);
    REQUIRE(w.updated(u));
    CHECK(w.updated(u)->outcome().failure().message() == "no");

    // One that is accepted and answered at once.
    u = w.update("yes");
    t = w.take_flow();
    const auto accepted = flows::acceptance(t);
    const auto responded = flows::response(t);
    must(w.reply(t, {message_command(accepted), message_command(responded)}, [&](completed_request& q) {
        *q.add_messages() = accepted;
        *q.add_messages() = responded;
    }));
    CHECK(w.events("w", 5) == "T:SCHEDULED T:STARTED T:COMPLETED W:UPDATE_ACCEPTED W:UPDATE_COMPLETED");
    REQUIRE(w.updated(u));
    CHECK(w.updated(u)->stage() == api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
    CHECK(w.updated(w.update("yes")));  // asked again, it is answered again
    CHECK(w.nothing_to_do());

    // One that is not answered, and one that the workflow leaves behind.
    u = w.update("silent");
    must(w.reply(w.take_flow()));
    CHECK(w.updated(u)->outcome().failure().application_failure_info().type() == "UnprocessedUpdate");
    u = w.update("left");
    t = w.take_flow();
    const auto left = flows::acceptance(t);
    must(w.reply(t, {message_command(left), end_with()}, [&](completed_request& q) { *q.add_messages() = left; }));
    CHECK(w.updated(u)->outcome().failure().application_failure_info().type() == "AcceptedUpdateCompletedWorkflow");
    u = w.update("late");
    CHECK(w.got(u)->status.code == not_found);
}

TEST_CASE("an update whose task nobody takes, and one whose call ends first")
{
    flows w;
    w.begin();
    must(w.reply(w.take_flow()));
    const ticket u = w.update();
    w.pass(6s);
    CHECK(w.events("w", 5) == "T:SCHEDULED T:TIMED_OUT T:SCHEDULED");
    w.pass(15s);
    REQUIRE(w.updated(u));  // as far as it has come
    CHECK(w.updated(u)->stage() == api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED);
    CHECK(w.take_flow().messages_size() == 1);
}

TEST_CASE("something happens while the task for an update waits")
{
    flows w;
    w.begin();
    must(w.reply(w.take_flow()));
    w.update();
    w.signal();
    CHECK(w.events("w", 5) == "T:SCHEDULED W:SIGNALED");
    const flow_task t = w.take_flow();
    CHECK(t.messages(0).event_id() == t.started_event_id() - 1);
    CHECK(t.history().events_size() == 7);
}

TEST_CASE("queries")
{
    flows w;
    w.begin();
    const ticket early = w.query();
    flow_task t = w.take_flow();
    REQUIRE(t.queries().size() == 1);
    const std::string name = t.queries().begin()->first;
    must(w.reply(t, {}, [&](completed_request& q) {
        auto& a = (*q.mutable_query_results())[name];
        a.set_result_type(api::enums::QUERY_RESULT_TYPE_ANSWERED);
        *a.mutable_answer() = payloads("early");
    }));
    CHECK(w.queried(early) == "early");

    const ticket idle = w.query();
    t = w.take_flow();
    CHECK(t.started_event_id() == 0);
    CHECK(t.query().query_type() == "state");
    CHECK(t.history().events_size() == 4);
    CHECK(w.answer_query(t) == ok);
    CHECK(w.queried(idle) == "here");
    CHECK(w.answer_query(t) == not_found);

    // While a worker has the task it waits; then the worker has to be asked again.
    w.signal();
    t = w.take_flow();
    const ticket during = w.query();
    CHECK(w.nothing_to_do());
    must(w.reply(t, {end_with()}));
    CHECK(w.answer_query(w.take_flow()) == ok);
    CHECK(w.queried(during) == "here");

    // A closed one is asked like an idle one. Who gives up takes the question away.
    const ticket lost = w.query();
    w.e.leave(lost, w.now);
    w.collect();
    CHECK(w.nothing_to_do());
    const ticket unheard = w.query();
    w.pass(70s);
    CHECK(w.got(unheard)->status.code == deadline_exceeded);
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

TEST_CASE("a start where there is one of that id")
{
    using namespace api::enums;
    struct row {
        const char* why;
        bool open;
        bool failed;
        WorkflowIdReusePolicy reuse;
        WorkflowIdConflictPolicy conflict;
        grpc::status_code code;
        bool fresh;
    };
    const row rows[] = {
        {"it runs", true, false, WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED, WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED,
            already_exists, false},
        {"it is attached to", true, false, WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED,
            WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, ok, false},
        {"it is ended", true, false, WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED,
            WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING, ok, true},
        {"it is ended, as was said of old", true, false, WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING,
            WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED, ok, true},
        {"it has ended", false, false, WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED, WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED,
            ok, true},
        {"once is enough", false, true, WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
            WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED, already_exists, false},
        {"it went well", false, false, WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
            WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED, already_exists, false},
        {"it did not", false, true, WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
            WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED, ok, true},
    };
    for (const row& r : rows) {
        flows w;
        const std::string first = w.begin();
        if (!r.open)
            must(w.reply(w.take_flow(), {r.failed ? fail_with(world::failure()) : end_with()}));
        auto q = flows::start_of("w");
        q.set_workflow_id_reuse_policy(r.reuse);
        q.set_workflow_id_conflict_policy(r.conflict);
        q.set_request_id("again");
        const auto out = w.try_begin(q);
        CHECK_MESSAGE(code_of(out) == r.code, r.why);
        if (out) {
            CHECK_MESSAGE(out->started() == r.fresh, r.why);
            CHECK_MESSAGE((out->run_id() != first) == r.fresh, r.why);
            if (r.fresh)
                CHECK_MESSAGE(must(w.try_begin(q)).run_id() == out->run_id(), r.why);
        }
    }
}

TEST_CASE("a start with an update, whole or not at all")
{
    flows w;
    api::ExecuteMultiOperationRequest q;
    q.set_namespace_("default");
    *q.add_operations()->mutable_start_workflow() = flows::start_of("w");
    auto& u = *q.add_operations()->mutable_update_workflow();
    u.set_namespace_("default");
    u.mutable_workflow_execution()->set_workflow_id("w");
    u.mutable_request()->mutable_meta()->set_update_id("u");
    u.mutable_request()->mutable_input()->set_name("put");
    w.e.start_and_update(++w.last, q, w.who());
    w.collect();
    const ticket both = w.last;
    CHECK(w.events() == "W:STARTED T:SCHEDULED");
    const flow_task t = w.take_flow();
    const auto accepted = flows::acceptance(t);
    must(w.reply(t, {message_command(accepted)}, [&](completed_request& c) { *c.add_messages() = accepted; }));
    REQUIRE(w.got(both));
    api::ExecuteMultiOperationResponse out;
    REQUIRE(out.ParseFromString(w.got(both)->message));
    CHECK(out.responses(0).start_workflow().started());
    CHECK(out.responses(1).update_workflow().stage() == api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED);

    q.mutable_operations(1)->mutable_update_workflow()->mutable_request()->mutable_meta()->set_update_id("other");
    w.e.start_and_update(++w.last, q, w.who());
    w.collect();
    REQUIRE(w.got(w.last));
    CHECK(w.got(w.last)->status.code == already_exists);
}

TEST_CASE("lists")
{
    flows w;
    w.begin("one");
    w.pass(10s);
    w.begin("two", [](auto& q) {
        q.mutable_workflow_type()->set_name("other");
        (*q.mutable_search_attributes()->mutable_indexed_fields())["Customer"] = text_payload("acme");
    });
    CHECK(w.terminate("one") == ok);
    struct row {
        const char* query;
        int found;
    };
    const row rows[] = {
        {"", 2},
        {"WorkflowType = 'flow'", 1},
        {"ExecutionStatus = 'Running'", 1},
        {"ExecutionStatus != \"Running\" AND WorkflowId = 'one'", 1},
        {"WorkflowId STARTS_WITH 't'", 1},
        {"TaskQueue = 'q'", 2},
        {"Customer = 'acme'", 1},
        {"Customer = 'other'", 0},
        {"StartTime > '2019-12-20T00:00:05Z'", 1},
        {"StartTime <= '2019-12-20T00:00:05Z'", 1},
        {"CloseTime > '2019-12-20T00:00:05+01:00'", 1},
        {"ExecutionStatus = 'Odd'", -1},
        {"StartTime > 'soon'", -1},
        {"WorkflowType ~ 'x'", -1},
    };
    for (const row& r : rows) {
        api::ListWorkflowExecutionsRequest q;
        q.set_namespace_("default");
        q.set_query(r.query);
        const auto out = w.e.list_workflows(q, w.who());
        CHECK_MESSAGE((out ? out->executions_size() : -1) == r.found, r.query);
        api::CountWorkflowExecutionsRequest count;
        count.set_namespace_("default");
        count.set_query(r.query);
        const auto number = w.e.count_workflows(count, w.who());
        CHECK_MESSAGE((number ? number->count() : -1) == r.found, r.query);
    }
}

TEST_CASE("a reset begins anew from where a task was, with what was said since")
{
    flows w;
    const std::string first = w.begin();
    must(w.reply(w.take_flow(), {timer("t", 1h), activity("a")}));
    w.signal("w", "one");
    must(w.reply(w.take_flow()));
    w.signal("w", "two");
    must(w.reply(w.take_flow(), {end_with()}));
    api::ResetWorkflowExecutionRequest q;
    q.set_namespace_("default");
    q.mutable_workflow_execution()->set_workflow_id("w");
    q.set_workflow_task_finish_event_id(10);
    q.set_reason("again");
    q.set_request_id("r");
    const auto out = must(w.e.reset_workflow(q, w.who()));
    w.collect();
    CHECK(w.run().run_id == out.run_id());
    CHECK(w.events("w", 5) ==
          "TIMER_STARTED A:SCHEDULED W:SIGNALED T:SCHEDULED T:STARTED T:FAILED W:SIGNALED T:SCHEDULED");
    CHECK(w.take().activity_id() == "a");
    CHECK(must(w.e.reset_workflow(q, w.who())).run_id() == out.run_id());
    const flow_task t = w.take_flow();
    CHECK(t.history().events_size() == 13);
    CHECK(t.previous_started_event_id() == 3);
    w.pass(1h);
    CHECK(w.events("w", 13) == "T:STARTED T:TIMED_OUT TIMER_FIRED");
    q.set_request_id("other");
    q.set_workflow_task_finish_event_id(6);
    CHECK(code_of(w.e.reset_workflow(q, w.who())) == invalid_argument);
}

TEST_CASE("runs go to the version that they keep to, or to where new work goes")
{
    using namespace api::enums;
    const deployment_version one{"d", "1"};
    const deployment_version two{"d", "2"};
    struct row {
        const char* why;
        VersioningBehavior behavior;
        bool moves;
    };
    for (const row& r : {row{"pinned", VERSIONING_BEHAVIOR_PINNED, false},
             row{"auto-upgrade", VERSIONING_BEHAVIOR_AUTO_UPGRADE, true}}) {
        flows w;
        const auto make_current = [&w](const std::string& build) {
            api::SetWorkerDeploymentCurrentVersionRequest q;
            q.set_namespace_("default");
            q.set_deployment_name("d");
            q.set_build_id(build);
            q.set_ignore_missing_task_queues(true);
            must(w.e.deployment(q, w.who()));
            w.collect();
        };
        const ticket p1 = w.poll_flow("one", "", one);
        const ticket p2 = w.poll_flow("two", "", two);
        make_current("1");
        w.begin();
        auto t = w.flow(p1);
        REQUIRE_MESSAGE(t, r.why);
        const auto by = [&](const char* build) {
            return [&r, build](completed_request& q) {
                q.set_versioning_behavior(r.behavior);
                q.mutable_deployment_options()->set_deployment_name("d");
                q.mutable_deployment_options()->set_build_id(build);
                q.mutable_deployment_options()->set_worker_versioning_mode(WORKER_VERSIONING_MODE_VERSIONED);
            };
        };
        must(w.reply(*t, {}, by("1")));
        const auto& said = w.run().history.at(4).workflow_task_completed_event_attributes();
        CHECK(said.versioning_behavior() == r.behavior);
        CHECK(said.deployment_version().build_id() == "1");
        make_current("2");
        const ticket p3 = w.poll_flow("one", "", one);
        w.signal();
        CHECK_MESSAGE(w.flow(p2).has_value() == r.moves, r.why);
        CHECK_MESSAGE(w.flow(p3).has_value() == !r.moves, r.why);
        t = r.moves ? w.flow(p2) : w.flow(p3);
        const auto& begun = t->history().events(t->history().events_size() - 1);
        CHECK(begun.workflow_task_started_event_attributes().target_worker_deployment_version_changed() == !r.moves);
        CHECK(w.run().versioning.transition.has_value() == r.moves);
        must(w.reply(*t, {}, by(r.moves ? "2" : "1")));
        CHECK_FALSE(w.run().versioning.transition);

        // Somebody says otherwise.
        api::UpdateWorkflowExecutionOptionsRequest o;
        o.set_namespace_("default");
        o.mutable_workflow_execution()->set_workflow_id("w");
        o.mutable_update_mask()->add_paths("versioning_override");
        auto& pinned = *o.mutable_workflow_execution_options()->mutable_versioning_override()->mutable_pinned();
        pinned.set_behavior(api::workflow::VersioningOverride::PINNED_OVERRIDE_BEHAVIOR_PINNED);
        pinned.mutable_version()->set_deployment_name("d");
        pinned.mutable_version()->set_build_id(r.moves ? "1" : "2");
        must(w.e.set_workflow_options(o, w.who()));
        w.collect();
        w.signal();
        CHECK_MESSAGE(w.flow(r.moves ? p3 : p2).has_value(), r.why);
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
