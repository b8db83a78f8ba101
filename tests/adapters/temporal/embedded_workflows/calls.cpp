// SPDX-License-Identifier: BSL-1.0

// What clients ask of runs, and operators.

#include "world.hpp"

namespace mayfly::temporal::embedded {
namespace {

using enum grpc::status_code;

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

TEST_CASE("a task for an update that ends badly is in history, begun by whoever ended it")
{
    for (const bool terminated : {false, true}) {
        CAPTURE(terminated);
        flows w;
        w.begin();
        must(w.reply(w.take_flow()));
        const ticket u = w.update();
        const flow_task t = w.take_flow();
        CHECK(w.run().history.next_id() == 5);
        if (terminated)
            CHECK(w.terminate() == ok);
        else
            CHECK(code_of(w.reply(t, {cancel_timer("none")})) == invalid_argument);
        CHECK(w.events("w", 5).starts_with("T:SCHEDULED T:STARTED T:FAILED"));
        CHECK(w.run().history.at(6).workflow_task_started_event_attributes().identity() ==
              (terminated ? "history-service" : "w"));
        REQUIRE(w.got(u));
        CHECK(w.got(u)->status.code == (terminated ? not_found : failed_precondition));
        CHECK(w.run().updates.empty());
        CHECK(w.run().update_order.empty());
    }
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
        auto& fields = *q.mutable_search_attributes()->mutable_indexed_fields();
        fields["Customer"] = text_payload("acme");
        fields["Guests"].set_data("10");
        fields["Price"].set_data("-2.5");
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
        {"Guests > 9", 1},
        {"Guests = 10.0", 1},
        {"Guests < '9'", 0},
        {"Guests STARTS_WITH '1'", 0},
        {"Guests > 'many'", 0},
        {"Price < -2 AND Price >= -2.5", 1},
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

TEST_CASE("a run that is reset keeps its children, and a child's parent hears nothing of its reset")
{
    flows w;
    const auto tasks = [&w] {
        std::map<std::string, flow_task> out;
        for (int i = 0; i < 2; ++i) {
            flow_task t = w.take_flow();
            out[t.workflow_execution().workflow_id()] = std::move(t);
        }
        return out;
    };
    const auto reset = [&w](const std::string& id, std::int64_t finish) {
        api::ResetWorkflowExecutionRequest q;
        q.set_namespace_("default");
        q.mutable_workflow_execution()->set_workflow_id(id);
        q.set_workflow_task_finish_event_id(finish);
        must(w.e.reset_workflow(q, w.who()));
        w.collect();
    };
    w.begin();
    must(w.reply(w.take_flow(), {child("c")}));
    auto first = tasks();
    must(w.reply(first.at("c")));
    must(w.reply(first.at("w")));
    const std::string earlier = w.run().run_id;
    reset("w", 9);
    CHECK(w.run().run_id != earlier);
    CHECK(w.run("c").open());
    reset("c", 4);
    CHECK(w.events("w", 5) == "START_C:INITIATED C:STARTED T:SCHEDULED T:STARTED T:FAILED T:SCHEDULED");
    auto again = tasks();
    must(w.reply(again.at("c"), {end_with()}));
    must(w.reply(again.at("w")));
    CHECK(w.events("w", 11) == "T:STARTED T:COMPLETED C:COMPLETED T:SCHEDULED");

    // One that another run has followed is not what its children belong to.
    must(w.reply(w.take_flow(), {child("d")}));
    auto last = tasks();
    must(w.reply(last.at("w")));
    api::ResetWorkflowExecutionRequest q;
    q.set_namespace_("default");
    q.mutable_workflow_execution()->set_workflow_id("w");
    q.mutable_workflow_execution()->set_run_id(earlier);
    q.set_workflow_task_finish_event_id(4);
    must(w.e.reset_workflow(q, w.who()));
    w.collect();
    CHECK(w.run("d").status == api::enums::WORKFLOW_EXECUTION_STATUS_TERMINATED);
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
        for (const auto& version : {one, two})  // both do activities
            w.e.leave(w.poll(version.build_id, version), w.now);
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
        must(w.reply(*t, {activity("a")}, by(r.moves ? "2" : "1")));
        CHECK_FALSE(w.run().versioning.transition);

        // Somebody says otherwise, also of what waits.
        const ticket asked = w.query();
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
        const auto& other = r.moves ? one : two;
        CHECK_FALSE(w.task(w.poll("before", r.moves ? two : one)));
        CHECK_MESSAGE(w.task(w.poll("after", other)).has_value(), r.why);
        const auto question = w.flow(r.moves ? p3 : p2);
        REQUIRE_MESSAGE(question, r.why);
        CHECK(question->has_query());
        w.answer_query(*question);
        CHECK(w.queried(asked) == "here");
        const ticket p4 = w.poll_flow("later", "", other);
        w.signal();
        CHECK_MESSAGE(w.flow(p4).has_value(), r.why);
    }
}

}  // namespace
}  // namespace mayfly::temporal::embedded
