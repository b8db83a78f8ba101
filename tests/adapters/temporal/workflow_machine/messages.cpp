// SPDX-License-Identifier: BSL-1.0

// Updates and queries.

#include "scripted.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace mayfly::temporal::workflow;
using namespace mayfly::temporal::workflow::testing;
namespace api = mayfly::temporal::api;

TEST_CASE("updates")
{
    SUBCASE("accepted, rejected, completed in a later task")
    {
        const std::vector<op> ops{{op::kind::await_signal}};
        history_server s;
        auto m = make_machine(ops);
        s.complete(m->begin(s.poll(false)));
        s.update("slow", "u1");
        s.update("bad", "u2");
        auto step = m->begin(s.poll(true));
        CHECK(names_of(step) == "ProtocolMessage ScheduleActivityTask");
        REQUIRE(step.messages.size() == 2);
        CHECK(step.messages[0].id() == "u1/request/accept");
        CHECK(step.messages[1].id() == "u2/request/reject");
        api::update::Acceptance yes;
        REQUIRE(yes.ParseFromString(step.messages[0].body().value()));
        CHECK(yes.accepted_request().input().name() == "slow");
        CHECK(yes.accepted_request_sequencing_event_id() == s.events.back().event_id() - 1);
        s.complete(step);
        s.end_activity(0, 0);
        step = m->begin(s.poll(true));
        CHECK(names_of(step) == "ProtocolMessage");
        REQUIRE(step.messages.size() == 1);
        api::update::Response done;
        REQUIRE(done.ParseFromString(step.messages[0].body().value()));
        CHECK(done.meta().update_id() == "u1");
        CHECK(done.meta().identity() == "client");
        CHECK(done.outcome().has_success());
        s.complete(step);
        CHECK(replay(s.events, ops).what == kind::replayed);
    }
    SUBCASE("a task of rejections only leaves nothing, also beside what was real")
    {
        const std::vector<op> ops{{op::kind::activity, "charge"}};
        history_server s;
        auto m = make_machine(ops);
        s.complete(m->begin(s.poll(false)));
        for (int i = 0; i < 3; ++i) {
            s.update("bad", "u" + std::to_string(i));
            const auto task = s.poll(true);
            REQUIRE(m->continues(task));
            const auto step = m->begin(task);
            CHECK(step.commands.empty());
            const auto reset = s.complete(step);
            REQUIRE(reset.value_or(0) == 3);
            m->reported(*reset);
            CHECK(m->last_started_event_id() == 3);
        }
        s.end_activity(0, 0);
        const auto task = s.poll(true);
        REQUIRE(m->continues(task));
        const auto step = m->begin(task);
        CHECK_MESSAGE(names_of(step) == "CompleteWorkflowExecution", step.words);
    }
    SUBCASE("a task of rejections that brought news too, and left nothing: no replay has that task")
    {
        const std::vector<op> ops{{op::kind::activity, "charge"}};
        int told = 0;
        const auto code = [&](const activation& now) -> std::vector<intent> {
            told += job_of<activity_resolved>(now) != nullptr ? 1 : 0;
            if (const auto* u = job_of<update_received>(now))
                return {reject_update{u->protocol_instance_id, {}}};
            if (job_of<start_run>(now) == nullptr)
                return {};
            schedule_activity x;
            x.seq = 1;
            x.id = "1";
            x.type = "charge";
            return {x};
        };
        history_server s;
        auto m = make_machine(code);
        s.complete(m->begin(s.poll(false)));
        CHECK(m->reported(0));
        s.end_activity(0, 0);
        s.update("bad", "u");
        const auto step = m->begin(s.poll(true));
        REQUIRE_MESSAGE(step.what == kind::complete, step.words);
        CHECK(step.commands.empty());
        CHECK(told == 1);
        CHECK_FALSE(m->reported(3));
        // What it brought was real; the task was not.
        s.asked.clear();
        s.events.resize(s.events.size() - 2);
        s.task_out = false;
        s.signal("go");
        const auto task = s.poll(true);
        CHECK_FALSE(m->continues(task));
        CHECK(m->begin(task).what == kind::drop);
        auto whole = s.at_hand(false);
        CHECK(make_machine(code)->begin(whole).what == kind::complete);
    }
    SUBCASE("one that history has admitted again after a reset")
    {
        const std::vector<op> ops{{op::kind::await_signal}};
        history_server s;
        s.complete(make_machine(ops)->begin(s.poll(false)));
        HistoryEvent e;
        auto& r = *e.mutable_workflow_execution_update_admitted_event_attributes()->mutable_request();
        r.mutable_meta()->set_update_id("u1");
        r.mutable_input()->set_name("quick");
        s.happen(EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED, std::move(e));
        const auto step = make_machine(ops)->begin(s.poll(false));
        CHECK(names_of(step) == "ProtocolMessage UpsertWorkflowSearchAttributes ProtocolMessage");
        s.complete(step);
        for (HistoryEvent& one : s.events)
            if (one.has_workflow_execution_update_accepted_event_attributes())
                one.mutable_workflow_execution_update_accepted_event_attributes()->clear_accepted_request();
        CHECK(replay(s.events, ops).what == kind::replayed);
    }
    SUBCASE("code that rejects what history has accepted")
    {
        history_server s;
        bool rejects = false;
        const auto code = [&](const activation& now) -> std::vector<intent> {
            const auto* u = job_of<update_received>(now);
            if (u == nullptr)
                return {};
            if (rejects)
                return {reject_update{u->protocol_instance_id, {}}};
            return {accept_update{u->protocol_instance_id}};
        };
        s.update("quick", "u1");
        s.complete(make_machine(code)->begin(s.poll(false)));
        CHECK(make_machine(code, true)->begin(all_of(s)).what == kind::replayed);
        rejects = true;
        const auto step = make_machine(code, true)->begin(all_of(s));
        CHECK(step.what == kind::fail);
        CHECK(step.words.find("rejects it") != std::string::npos);
    }
}

TEST_CASE("queries")
{
    const std::vector<op> ops{{op::kind::timer}, {op::kind::timer}};
    history_server s;
    auto m = make_machine(ops);
    auto task = s.poll(false);
    task.queries["q1"].set_query_type("steps");
    task.queries["q2"].set_query_type("what");
    const auto step = m->begin(task);
    REQUIRE(step.query_results.size() == 2);
    CHECK(step.query_results.at("q1").result_type() == QUERY_RESULT_TYPE_ANSWERED);
    CHECK(step.query_results.at("q1").answer().payloads(0).data() == "1");
    CHECK(step.query_results.at("q2").result_type() == QUERY_RESULT_TYPE_FAILED);
    CHECK(step.query_results.at("q2").error_message().find("steps") != std::string::npos);
    s.complete(step);

    run_task ask = all_of(s);
    ask.legacy_query.emplace().set_query_type("steps");
    SUBCASE("of a run that nobody keeps")
    {
        const auto answer = make_machine(ops)->begin(ask);
        REQUIRE(answer.what == kind::answer_query);
        CHECK(answer.legacy_answer->result.payloads(0).data() == "1");
        CHECK(answer.commands.empty());
    }
    SUBCASE("of one that is kept, which then goes on")
    {
        ask.events.clear();
        CHECK_FALSE(m->continues(ask));
        ask.previous_started_event_id = 3;
        REQUIRE(m->continues(ask));
        CHECK(m->begin(ask).what == kind::answer_query);
        s.fire("1");
        CHECK(names_of(m->begin(s.poll(true))) == "StartTimer");
    }
    SUBCASE("where code and history part, it fails, and no task does")
    {
        const auto answer = make_machine({{op::kind::activity, "charge"}})->begin(ask);
        REQUIRE(answer.what == kind::answer_query);
        CHECK(answer.legacy_answer->failure->message().starts_with("[TMPRL1100]"));
    }
    SUBCASE("before the run has begun")
    {
        ask.events.resize(2);
        const auto answer = make_machine(ops)->begin(ask);
        REQUIRE(answer.what == kind::answer_query);
        CHECK(answer.legacy_answer->failure.has_value());
    }
    SUBCASE("of a run that was terminated")
    {
        s.fire("1");
        s.terminate();
        ask.events = s.events;
        const auto answer = make_machine(ops)->begin(ask);
        REQUIRE(answer.what == kind::answer_query);
        CHECK(answer.run_closed);
        CHECK(answer.legacy_answer->result.payloads(0).data() == "1");
    }
}
