// SPDX-License-Identifier: BSL-1.0

// What a run has others do, and who follows it.

#include "world.hpp"

namespace mayfly::temporal::embedded {
namespace {

using enum grpc::status_code;

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

TEST_CASE("activities that are wanted with the answer are with their worker at once, whatever waits")
{
    flows w;
    w.begin();
    auto first = activity("a", 2s);
    first.mutable_schedule_activity_task_command_attributes()->set_request_eager_execution(true);
    auto third = activity("c", 2s);
    third.mutable_schedule_activity_task_command_attributes()->set_request_eager_execution(true);
    const auto out = must(w.reply(w.take_flow(), {first, activity("b"), third}));
    REQUIRE(out.activity_tasks_size() == 2);
    CHECK(out.activity_tasks(0).activity_id() == "a");
    CHECK(out.activity_tasks(1).activity_id() == "c");
    CHECK(out.activity_tasks(0).workflow_execution().workflow_id() == "w");
    CHECK(out.activity_tasks(0).attempt() == 1);
    CHECK(w.take().activity_id() == "b");
    CHECK(w.complete(out.activity_tasks(0).task_token()) == ok);
    CHECK(w.events("w", 5) == "A:SCHEDULED A:SCHEDULED A:SCHEDULED A:STARTED A:COMPLETED T:SCHEDULED");
    CHECK(w.run().history.at(8).activity_task_started_event_attributes().identity() == "w");
    // Lost, it comes again as any other.
    w.pass(3s);
    const auto again = w.take();
    CHECK(again.activity_id() == "c");
    CHECK(again.attempt() == 2);
    CHECK(code_of(w.heartbeat(out.activity_tasks(1).task_token())) == not_found);
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

}  // namespace
}  // namespace mayfly::temporal::embedded
