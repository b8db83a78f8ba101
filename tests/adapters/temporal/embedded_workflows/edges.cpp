// SPDX-License-Identifier: BSL-1.0

#include "world.hpp"

#include <functional>
#include <string>

namespace mayfly::temporal::embedded {
namespace {

using enum grpc::status_code;

TEST_CASE("a query that a completion answers does not go out again with the next task")
{
    flows w;
    w.begin();
    const ticket asks = w.query();
    const ticket left = w.query();
    const flow_task t = w.take_flow();
    REQUIRE(t.queries().size() == 2);
    w.signal();
    const auto out = must(w.reply(t, {}, [&](completed_request& q) {
        q.set_return_new_workflow_task(true);
        auto& a = (*q.mutable_query_results())[std::to_string(asks)];
        a.set_result_type(api::enums::QUERY_RESULT_TYPE_ANSWERED);
        *a.mutable_answer() = payloads("once");
    }));
    CHECK(w.queried(asks) == "once");
    REQUIRE(out.has_workflow_task());
    REQUIRE(out.workflow_task().queries().size() == 1);
    CHECK(out.workflow_task().queries().begin()->first == std::to_string(left));
}

TEST_CASE("a query waits for the worker that remembers the run only as long as a task would")
{
    struct row {
        const char* why;
        commands last;
    };
    const row rows[] = {
        {"an open run", {timer("t", 720h)}},
        {"a closed run", {end_with()}},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        flows w;
        w.begin();
        must(w.reply(w.take_flow(), r.last, &flows::keep_sticky));
        const ticket dies = w.poll_flow("w", "mine");
        w.e.leave(dies, w.now);
        const ticket other = w.poll_flow("other");
        const ticket asks = w.query();
        w.pass(4s);
        CHECK(!w.flow(other));
        w.pass(2s);
        const auto t = w.flow(other);
        REQUIRE(t);
        CHECK(t->history().events(0).event_id() == 1);
        CHECK(w.answer_query(*t) == ok);
        CHECK(w.queried(asks) == "here");
        w.pass(70s);
    }
}

TEST_CASE("a query that no worker has cannot be answered")
{
    flows w;
    w.begin();
    must(w.reply(w.take_flow(), {timer("t", 720h)}));
    const ticket asks = w.query();
    flow_task made_up;
    made_up.set_task_token(token_of({w.run().run_id, 0}));
    CHECK(w.answer_query(made_up) == invalid_argument);
    CHECK(!w.got(asks));
    CHECK(w.answer_query(w.take_flow()) == ok);
    CHECK(w.queried(asks) == "here");
}

TEST_CASE("a run whose history grows too long is terminated")
{
    struct row {
        const char* why;
        limits l;
        bool with_worker;
        const char* reason;
    };
    limits events;
    events.history_events = 20;
    limits bytes;
    bytes.history_bytes = 2'000;
    const row rows[] = {
        {"too many events", events, false, "Workflow history count exceeds limit."},
        {"too many events, kept aside as a worker has its task", events, true, "Workflow history count exceeds limit."},
        {"too many bytes", bytes, false, "Workflow history size exceeds limit."},
        {"too many bytes, kept aside as a worker has its task", bytes, true, "Workflow history size exceeds limit."},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        flows w(r.l);
        w.begin();
        const ticket ends = w.result();
        std::optional<flow_task> t;
        if (r.with_worker)
            t = w.take_flow();
        int taken = 0;
        while (taken < 100 && w.signal("w", std::string(200, 's')) == ok)
            ++taken;
        CHECK(taken > 3);
        CHECK(taken < 21);
        CHECK(w.run().status == api::enums::WORKFLOW_EXECUTION_STATUS_TERMINATED);
        const auto& last = w.run().history.events().back().workflow_execution_terminated_event_attributes();
        CHECK(last.reason() == r.reason);
        CHECK(last.identity() == "history-service");
        CHECK(w.got(ends));
        if (t)
            CHECK(code_of(w.reply(*t)) == not_found);
        CHECK(w.nothing_to_do());
    }
}

TEST_CASE("a workflow that goes round without end is terminated, and its worker gets no more of it")
{
    limits l;
    l.history_events = 50;
    flows w(l);
    w.begin();
    std::optional<flow_task> t = w.take_flow();
    int rounds = 0;
    while (t && rounds < 100) {
        ++rounds;
        const auto out = must(w.reply(*t, {}, [](completed_request& q) {
            q.set_return_new_workflow_task(true);
            q.set_force_create_new_workflow_task(true);
        }));
        t.reset();
        if (out.has_workflow_task())
            t = out.workflow_task();
    }
    CHECK(rounds < 20);
    CHECK(w.run().status == api::enums::WORKFLOW_EXECUTION_STATUS_TERMINATED);
}

TEST_CASE("histories are kept up to a limit: closed ones make room, then nothing more is taken")
{
    limits l;
    l.bytes = 20'000;
    flows w(l);
    for (int i = 0; i < 50; ++i) {
        const std::string id = "w" + std::to_string(i);
        must(w.try_begin(flows::start_of(id)));
        w.signal(id, std::string(900, 's'));
        REQUIRE(w.terminate(id) == ok);
        REQUIRE(w.e.workflows().bytes() <= 21'000);
    }
    CHECK(w.e.workflows().find("default", "w0", "") == nullptr);
    CHECK(w.e.workflows().find("default", "w49", "") != nullptr);

    w.begin("open");
    int taken = 0;
    while (taken < 100 && w.signal("open", std::string(900, 's')) == ok)
        ++taken;
    CHECK(taken < 25);
    CHECK(w.signal("open", std::string(900, 's')) == resource_exhausted);
    CHECK(w.e.workflows().closed() == 0);
    CHECK(w.run("open").open());
    api::StartWorkflowExecutionRequest big = flows::start_of("big");
    *big.mutable_input() = payloads(std::string(2'000, 'x'));
    CHECK(code_of(w.try_begin(big)) == resource_exhausted);
    CHECK(w.terminate("open") == ok);
    CHECK(code_of(w.try_begin(big)) == ok);
}

TEST_CASE("a signal or an update that comes with a start is looked at as one that comes alone")
{
    limits l;
    l.blob = 1'000;
    const std::string long_name(l.id_length + 1, 'n');

    struct signal_row {
        const char* why;
        std::function<void(api::SignalWithStartWorkflowExecutionRequest&)> how;
        grpc::status_code code;
    };
    const signal_row signals[] = {
        {"a usual one", [](auto&) {}, ok},
        {"a name that is too long", [&](auto& q) { q.set_signal_name(long_name); }, invalid_argument},
        {"an input that is too big", [](auto& q) { *q.mutable_signal_input() = payloads(std::string(2'000, 'x')); },
            invalid_argument},
    };
    for (const bool running : {false, true})
        for (const signal_row& r : signals) {
            CAPTURE(running);
            CAPTURE(r.why);
            flows w(l);
            if (running)
                w.begin();
            api::SignalWithStartWorkflowExecutionRequest q;
            q.set_namespace_("default");
            q.set_workflow_id("w");
            q.mutable_workflow_type()->set_name("flow");
            q.mutable_task_queue()->set_name("q");
            q.set_signal_name("s");
            r.how(q);
            CHECK(code_of(w.e.signal_with_start(q, w.who())) == r.code);
            w.collect();
            CHECK((w.e.workflows().find("default", "w", "") != nullptr) == (running || r.code == ok));
        }

    struct update_row {
        const char* why;
        std::function<void(api::UpdateWorkflowExecutionRequest&)> how;
    };
    const update_row updates[] = {
        {"no name", [](auto& q) { q.mutable_request()->mutable_input()->clear_name(); }},
        {"a name that is too long", [&](auto& q) { q.mutable_request()->mutable_input()->set_name(long_name); }},
        {"an id that is too long", [&](auto& q) { q.mutable_request()->mutable_meta()->set_update_id(long_name); }},
        {"an input that is too big",
            [](auto& q) { *q.mutable_request()->mutable_input()->mutable_args() = payloads(std::string(2'000, 'x')); }},
        {"a stage that is not served",
            [](auto& q) {
                q.mutable_wait_policy()->set_lifecycle_stage(
                    api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED);
            }},
    };
    for (const update_row& r : updates) {
        CAPTURE(r.why);
        flows w(l);
        api::ExecuteMultiOperationRequest q;
        q.set_namespace_("default");
        *q.add_operations()->mutable_start_workflow() = flows::start_of("w");
        auto& u = *q.add_operations()->mutable_update_workflow();
        u.set_namespace_("default");
        u.mutable_workflow_execution()->set_workflow_id("w");
        u.mutable_request()->mutable_meta()->set_update_id("u");
        u.mutable_request()->mutable_input()->set_name("put");
        r.how(u);
        w.e.start_and_update(++w.last, q, w.who());
        w.collect();
        REQUIRE(w.got(w.last));
        CHECK(w.got(w.last)->status.code == invalid_argument);
        CHECK(w.e.workflows().find("default", "w", "") == nullptr);

        w.begin();
        w.e.update_workflow(++w.last, u, w.who());
        w.collect();
        REQUIRE(w.got(w.last));
        CHECK(w.got(w.last)->status.code == invalid_argument);
    }
}

TEST_CASE("a worker that ends a workflow hears of no signal in between, with a start or without")
{
    flows w;
    w.begin();
    const flow_task t = w.take_flow();
    w.signal();
    CHECK(code_of(w.reply(t, {end_with()})) == invalid_argument);
    const flow_task again = w.take_flow();
    CHECK(w.signal() == resource_exhausted);
    api::SignalWithStartWorkflowExecutionRequest q;
    q.set_namespace_("default");
    q.set_workflow_id("w");
    q.mutable_workflow_type()->set_name("flow");
    q.mutable_task_queue()->set_name("q");
    q.set_signal_name("s");
    CHECK(code_of(w.e.signal_with_start(q, w.who())) == resource_exhausted);
    CHECK(code_of(w.reply(again, {end_with()})) == ok);
}

}  // namespace
}  // namespace mayfly::temporal::embedded
