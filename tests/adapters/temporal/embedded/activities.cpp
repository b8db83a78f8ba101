// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

namespace mayfly::temporal::embedded {
namespace {

using enum grpc::status_code;
namespace enums = api::enums;

TEST_CASE("an activity goes from start through a worker to its result")
{
    world w;
    const std::string run = w.start("a");
    CHECK(w.status("a") == enums::ACTIVITY_EXECUTION_STATUS_RUNNING);
    CHECK(w.describe("a").info().run_state() == enums::PENDING_ACTIVITY_STATE_SCHEDULED);
    REQUIRE(w.added.size() == 1);
    CHECK(w.added[0].outcome == add_outcome::not_matched);
    const ticket waiter = w.wait("a");

    const auto task = w.take();
    CHECK(task.activity_id() == "a");
    CHECK(task.activity_run_id() == run);
    CHECK(task.activity_type().name() == "greet");
    CHECK(task.input().payloads(0).data() == "in-a");
    CHECK(task.attempt() == 1);
    CHECK(task.workflow_namespace() == "default");
    CHECK_FALSE(task.has_workflow_execution());
    const auto info = w.describe("a").info();
    CHECK(info.run_state() == enums::PENDING_ACTIVITY_STATE_STARTED);
    CHECK(info.last_worker_identity() == "w");
    CHECK(info.sdk_name() == "test");

    w.pass(2s);
    CHECK_FALSE(w.got(waiter));
    CHECK(w.complete(task.task_token()) == ok);
    const auto told = w.got(waiter);
    REQUIRE(told);
    api::PollActivityExecutionResponse outcome;
    REQUIRE(outcome.ParseFromString(told->message));
    CHECK(outcome.run_id() == run);
    CHECK(outcome.outcome().result().payloads(0).data() == "out");
    CHECK(w.status("a") == enums::ACTIVITY_EXECUTION_STATUS_COMPLETED);
    CHECK(read(w.describe("a").info().execution_duration()) == 2s);

    CHECK(w.complete(task.task_token()) == not_found);
    CHECK(w.complete("nonsense") == invalid_argument);
    CHECK(w.complete(token_of({run, 77})) == not_found);
}

TEST_CASE("what a start must say")
{
    struct row {
        const char* why;
        void (*change)(api::StartActivityExecutionRequest&);
        grpc::status_code code;
    };
    const row rows[] = {
        {"as it is", [](auto&) {}, ok},
        {"no namespace", [](auto& r) { r.clear_namespace_(); }, invalid_argument},
        {"unknown namespace", [](auto& r) { r.set_namespace_("nowhere"); }, not_found},
        {"no id", [](auto& r) { r.clear_activity_id(); }, invalid_argument},
        {"no type", [](auto& r) { r.clear_activity_type(); }, invalid_argument},
        {"no queue", [](auto& r) { r.clear_task_queue(); }, invalid_argument},
        {"a long id", [](auto& r) { r.set_activity_id(std::string(1'001, 'x')); }, invalid_argument},
        {"the longest id", [](auto& r) { r.set_activity_id(std::string(1'000, 'x')); }, ok},
        {"a long identity", [](auto& r) { r.set_identity(std::string(1'001, 'x')); }, invalid_argument},
        {"no timeout", [](auto& r) { r.clear_start_to_close_timeout(); }, invalid_argument},
        {"schedule to close alone is enough",
            [](auto& r) {
                r.clear_start_to_close_timeout();
                put(*r.mutable_schedule_to_close_timeout(), 5s);
            },
            ok},
        {"a negative timeout", [](auto& r) { put(*r.mutable_heartbeat_timeout(), -1s); }, invalid_argument},
        {"a negative delay", [](auto& r) { put(*r.mutable_start_delay(), -1s); }, invalid_argument},
        {"a large input", [](auto& r) { *r.mutable_input() = payloads(std::string(3 << 20, 'x')); }, invalid_argument},
        {"backoff below one", [](auto& r) { r.mutable_retry_policy()->set_backoff_coefficient(0.5); },
            invalid_argument},
        {"backoff that is no number", [](auto& r) { r.mutable_retry_policy()->set_backoff_coefficient(std::nan("")); },
            invalid_argument},
        {"nothing counts with one attempt",
            [](auto& r) {
                r.mutable_retry_policy()->set_backoff_coefficient(0.5);
                r.mutable_retry_policy()->set_maximum_attempts(1);
            },
            ok},
        {"a maximum below the first", [](auto& r) { put(*r.mutable_retry_policy()->mutable_maximum_interval(), 1ms); },
            invalid_argument},
        {"negative attempts", [](auto& r) { r.mutable_retry_policy()->set_maximum_attempts(-1); }, invalid_argument},
        {"a priority out of range", [](auto& r) { r.mutable_priority()->set_priority_key(6); }, invalid_argument},
    };
    for (const row& r : rows) {
        world w;
        auto request = start_request("a");
        r.change(request);
        CHECK_MESSAGE(code_of(w.start(request)) == r.code, r.why);
    }
}

TEST_CASE("what is left open of the timeouts follows from the others")
{
    world w;
    auto r = start_request("a");
    r.clear_start_to_close_timeout();
    put(*r.mutable_schedule_to_close_timeout(), 5s);
    put(*r.mutable_heartbeat_timeout(), 9s);
    must(w.start(r));
    const auto info = w.describe("a").info();
    CHECK(read(info.start_to_close_timeout()) == 5s);
    CHECK(read(info.schedule_to_start_timeout()) == 5s);
    CHECK(read(info.heartbeat_timeout()) == 5s);
    CHECK(read(info.retry_policy().initial_interval()) == 1s);
    CHECK(read(info.retry_policy().maximum_interval()) == 100s);
    CHECK(info.retry_policy().backoff_coefficient() == 2);
}

TEST_CASE("an id that is in use, or was")
{
    struct row {
        const char* why;
        const char* ends;  // how the first ends; empty: it does not
        enums::ActivityIdReusePolicy reuse;
        enums::ActivityIdConflictPolicy conflict;
        bool same_request;
        grpc::status_code code;
        bool new_run;
    };
    using enum enums::ActivityIdReusePolicy;
    constexpr auto any = enums::ACTIVITY_ID_REUSE_POLICY_UNSPECIFIED;
    constexpr auto failed_only = enums::ACTIVITY_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY;
    constexpr auto reject = enums::ACTIVITY_ID_REUSE_POLICY_REJECT_DUPLICATE;
    constexpr auto fail = enums::ACTIVITY_ID_CONFLICT_POLICY_UNSPECIFIED;
    constexpr auto use = enums::ACTIVITY_ID_CONFLICT_POLICY_USE_EXISTING;
    const row rows[] = {
        {"it runs", "", any, fail, false, already_exists, false},
        {"it runs, and will do", "", any, use, false, ok, false},
        {"the same call again", "", any, fail, true, ok, false},
        {"the same call again, when it has ended", "ok", reject, fail, true, ok, false},
        {"it has ended", "ok", any, fail, false, ok, true},
        {"it has ended well", "ok", failed_only, fail, false, already_exists, false},
        {"it has failed", "fail", failed_only, fail, false, ok, true},
        {"never twice", "fail", reject, fail, false, already_exists, false},
        {"to use what is there needs something that runs", "ok", reject, use, false, already_exists, false},
    };
    for (const row& r : rows) {
        world w;
        const std::string first = w.start("a");
        if (*r.ends != 0) {
            const auto token = w.take().task_token();
            CHECK((r.ends == std::string("ok") ? w.complete(token) : w.fail(token, world::failure("x", true))) == ok);
        }
        auto again = start_request("a");
        if (!r.same_request)
            again.set_request_id("another");
        again.set_id_reuse_policy(r.reuse);
        again.set_id_conflict_policy(r.conflict);
        const auto out = w.start(again);
        CHECK_MESSAGE(code_of(out) == r.code, r.why);
        if (out) {
            CHECK_MESSAGE((out->run_id() != first) == r.new_run, r.why);
            CHECK_MESSAGE(out->started() == r.new_run, r.why);
        } else {
            CHECK_MESSAGE(
                out.error().details.find("ActivityExecutionAlreadyStartedFailure") != std::string::npos, r.why);
            CHECK_MESSAGE(out.error().details.find(first) != std::string::npos, r.why);
        }
    }
}

TEST_CASE("timeouts")
{
    struct row {
        const char* why;
        uptime to_close, to_start, work, beat, delay;
        bool taken;
        uptime ends;  // after the start
        enums::TimeoutType type;
    };
    const row rows[] = {
        {"nobody takes it", 0s, 3s, 10s, 0s, 0s, false, 3s, enums::TIMEOUT_TYPE_SCHEDULE_TO_START},
        {"the delay does not count", 0s, 3s, 10s, 0s, 5s, false, 8s, enums::TIMEOUT_TYPE_SCHEDULE_TO_START},
        {"not in time, and not taken", 4s, 9s, 10s, 0s, 0s, false, 4s, enums::TIMEOUT_TYPE_SCHEDULE_TO_START},
        {"not in time after a delay", 4s, 0s, 10s, 0s, 2s, false, 6s, enums::TIMEOUT_TYPE_SCHEDULE_TO_START},
        {"the worker takes too long", 0s, 0s, 3s, 0s, 0s, true, 3s, enums::TIMEOUT_TYPE_START_TO_CLOSE},
        {"the worker is silent", 0s, 0s, 30s, 2s, 0s, true, 2s, enums::TIMEOUT_TYPE_HEARTBEAT},
        {"the whole is over before the attempt", 3s, 0s, 30s, 0s, 0s, true, 3s, enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE},
    };
    for (const row& r : rows)
        for (const bool at_once : {false, true}) {
            world w;
            auto request = start_request("a", r.work);
            put(*request.mutable_schedule_to_close_timeout(), r.to_close);
            put(*request.mutable_schedule_to_start_timeout(), r.to_start);
            put(*request.mutable_heartbeat_timeout(), r.beat);
            put(*request.mutable_start_delay(), r.delay);
            request.mutable_retry_policy()->set_maximum_attempts(1);
            must(w.start(request));
            std::string token;
            if (r.taken)
                token = w.take().task_token();
            if (at_once) {
                w.leap(r.ends);
            } else {
                w.pass(r.ends - 1ms);
                CHECK_MESSAGE(w.status("a") == enums::ACTIVITY_EXECUTION_STATUS_RUNNING, r.why);
                w.pass(1ms);
            }
            // A leap over a delay finds the activity only then.
            if (at_once && r.delay != 0s && !r.taken && r.to_close == 0s)
                w.leap(0s);
            const auto d = w.describe("a");
            CHECK_MESSAGE(d.info().status() == enums::ACTIVITY_EXECUTION_STATUS_TIMED_OUT, r.why);
            CHECK_MESSAGE(d.outcome().failure().timeout_failure_info().timeout_type() == r.type, r.why);
            if (r.taken)
                CHECK_MESSAGE(w.complete(token) == not_found, r.why);
        }
}

TEST_CASE("heartbeats keep an attempt alive, and the next one gets their details")
{
    world w;
    auto r = start_request("a", 60s);
    put(*r.mutable_heartbeat_timeout(), 2s);
    must(w.start(r));
    const auto first = w.take();
    CHECK_FALSE(first.has_heartbeat_details());
    for (int i = 0; i < 5; ++i) {
        w.pass(1500ms);
        CHECK_FALSE(must(w.heartbeat(first.task_token(), "at " + std::to_string(i))).cancel_requested());
    }
    CHECK(w.describe("a").info().total_heartbeat_count() == 5);
    w.pass(2s);
    CHECK(code_of(w.heartbeat(first.task_token())) == not_found);
    const auto info = w.describe("a").info();
    CHECK(info.attempt() == 2);
    CHECK(info.last_failure().timeout_failure_info().timeout_type() == enums::TIMEOUT_TYPE_HEARTBEAT);
    w.pass(1s);
    const auto second = w.take();
    CHECK(second.attempt() == 2);
    CHECK(second.heartbeat_details().payloads(0).data() == "at 4");
    // What was said in the attempt before does not count for this one.
    w.pass(1900ms);
    CHECK(w.describe("a").info().attempt() == 2);
    w.pass(100ms);
    CHECK(w.describe("a").info().attempt() == 3);
}

TEST_CASE("a failed attempt is followed by another, as the policy says")
{
    struct row {
        const char* why;
        double factor;
        uptime most;
        std::vector<uptime> waits;
    };
    const row rows[] = {
        {"twice as long each time", 0, 0s, {1s, 2s, 4s, 8s}},
        {"up to a bound", 3, 5s, {1s, 3s, 5s, 5s}},
        {"always the same", 1, 0s, {1s, 1s, 1s}},
    };
    for (const row& r : rows) {
        world w;
        auto request = start_request("a");
        request.mutable_retry_policy()->set_backoff_coefficient(r.factor);
        put(*request.mutable_retry_policy()->mutable_maximum_interval(), r.most);
        must(w.start(request));
        int attempt = 1;
        for (const uptime wait : r.waits) {
            const auto task = w.take();
            CHECK_MESSAGE(task.attempt() == attempt++, r.why);
            CHECK(w.fail(task.task_token()) == ok);
            const auto info = w.describe("a").info();
            CHECK_MESSAGE(read(info.current_retry_interval()) == wait, r.why);
            CHECK(info.last_failure().message() == "it broke");
            const ticket p = w.poll();
            w.pass(wait - 1us);
            CHECK_MESSAGE(!w.got(p), r.why);
            w.leap(1us);
            REQUIRE_MESSAGE(w.task(p), r.why);
            // Given back, so that the next round takes it again.
            w.e.give_back(*w.got(p)->task, w.now);
            w.collect();
        }
    }
}

TEST_CASE("why there is no other attempt")
{
    struct row {
        const char* why;
        int most;
        uptime to_close;
        api::failure::Failure failure;
        enums::RetryState state;
    };
    api::failure::Failure delayed = world::failure();
    put(*delayed.mutable_application_failure_info()->mutable_next_retry_delay(), 50s);
    const row rows[] = {
        {"there have been enough", 1, 0s, world::failure(), enums::RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED},
        {"it says so itself", 0, 0s, world::failure("Oops", true), enums::RETRY_STATE_NON_RETRYABLE_FAILURE},
        {"its type is final", 0, 0s, world::failure("Fatal"), enums::RETRY_STATE_NON_RETRYABLE_FAILURE},
        {"no time is left", 0, 900ms, world::failure(), enums::RETRY_STATE_TIMEOUT},
        {"nor for the wait it asks for", 0, 40s, delayed, enums::RETRY_STATE_TIMEOUT},
    };
    for (const row& r : rows) {
        world w;
        auto request = start_request("a");
        request.mutable_retry_policy()->set_maximum_attempts(r.most);
        request.mutable_retry_policy()->add_non_retryable_error_types("Fatal");
        put(*request.mutable_schedule_to_close_timeout(), r.to_close);
        must(w.start(request));
        CHECK(w.fail(w.take().task_token(), r.failure) == ok);
        const auto d = w.describe("a");
        CHECK_MESSAGE(d.info().status() == enums::ACTIVITY_EXECUTION_STATUS_FAILED, r.why);
        CHECK_MESSAGE(d.outcome().retry_state() == r.state, r.why);
        CHECK_MESSAGE(d.outcome().failure().message() == "it broke", r.why);
    }

    world w;
    w.start("a");
    CHECK(w.fail(w.take().task_token(), delayed) == ok);
    w.pass(50s - 1ms);
    CHECK(w.describe("a").info().run_state() == enums::PENDING_ACTIVITY_STATE_SCHEDULED);
    CHECK_FALSE(w.task(w.poll("early")));
    w.pass(1ms);
    CHECK(w.task(w.last));
}

TEST_CASE("failures must be an application's, and not too large")
{
    world w;
    w.start("a");
    const std::string token = w.take().task_token();
    api::failure::Failure f;
    f.set_message("cancelled");
    f.mutable_canceled_failure_info();
    CHECK(w.fail(token, f) == invalid_argument);
    f = world::failure();
    f.set_stack_trace(std::string(3 << 20, 'x'));
    CHECK(w.fail(token, f) == ok);
    const auto d = w.describe("a");
    CHECK(d.info().status() == enums::ACTIVITY_EXECUTION_STATUS_FAILED);
    CHECK(d.outcome().failure().has_server_failure_info());
    CHECK(d.outcome().failure().cause().message() == "it broke");
    CHECK(d.ByteSizeLong() < 2 << 20);
}

TEST_CASE("what is too large ends the activity, not the call")
{
    world w;
    w.start("a");
    CHECK(w.complete(w.take().task_token(), std::string(3 << 20, 'x')) == ok);
    CHECK(w.status("a") == enums::ACTIVITY_EXECUTION_STATUS_FAILED);
    w.start("b");
    CHECK(must(w.heartbeat(w.take().task_token(), std::string(3 << 20, 'x'))).cancel_requested());
    CHECK(w.status("b") == enums::ACTIVITY_EXECUTION_STATUS_FAILED);
}

TEST_CASE("cancellation")
{
    world w;
    w.start("waits");
    must(w.cancel("waits"));
    const auto d = w.describe("waits");
    CHECK(d.info().status() == enums::ACTIVITY_EXECUTION_STATUS_CANCELED);
    CHECK(d.info().canceled_reason() == "enough");
    CHECK(d.outcome().failure().canceled_failure_info().identity() == "boss");
    CHECK(code_of(w.cancel("waits")) == ok);
    CHECK(code_of(w.cancel("waits", "other")) == failed_precondition);
    CHECK_FALSE(w.task(w.poll()));

    w.start("runs");
    const auto task = w.task(w.last);
    REQUIRE(task);
    const auto cancel_task = [&] {
        api::RespondActivityTaskCanceledRequest r;
        r.set_task_token(task->task_token());
        *r.mutable_details() = payloads("tidied up");
        const auto out = w.e.cancel_task<api::RespondActivityTaskCanceledResponse>(r, w.who());
        w.collect();
        return code_of(out);
    };
    CHECK(cancel_task() == invalid_argument);
    CHECK_FALSE(must(w.heartbeat(task->task_token())).cancel_requested());
    must(w.cancel("runs"));
    CHECK(w.status("runs") == enums::ACTIVITY_EXECUTION_STATUS_RUNNING);
    CHECK(w.describe("runs").info().run_state() == enums::PENDING_ACTIVITY_STATE_CANCEL_REQUESTED);
    CHECK(code_of(w.cancel("runs")) == ok);
    CHECK(code_of(w.cancel("runs", "other")) == failed_precondition);
    CHECK(must(w.heartbeat(task->task_token())).cancel_requested());
    CHECK(cancel_task() == ok);
    CHECK(w.status("runs") == enums::ACTIVITY_EXECUTION_STATUS_CANCELED);
    CHECK(w.describe("runs").outcome().failure().canceled_failure_info().details().payloads(0).data() == "tidied up");

    w.start("fails instead");
    const auto other = w.take();
    must(w.cancel("fails instead"));
    CHECK(w.fail(other.task_token()) == ok);
    CHECK(w.describe("fails instead").outcome().retry_state() == enums::RETRY_STATE_CANCEL_REQUESTED);
}

TEST_CASE("what was terminated or deleted is not reported on any more")
{
    world w;
    w.start("a");
    const auto task = w.take();
    const ticket waiter = w.wait("a");
    api::TerminateActivityExecutionRequest r;
    r.set_namespace_("default");
    r.set_activity_id("a");
    r.set_request_id("t");
    r.set_reason("because");
    CHECK(code_of(w.e.terminate_activity(r, w.who())) == ok);
    w.collect();
    CHECK(w.got(waiter));
    CHECK(w.describe("a").outcome().failure().message() == "because");
    CHECK(w.status("a") == enums::ACTIVITY_EXECUTION_STATUS_TERMINATED);
    CHECK(w.complete(task.task_token()) == not_found);
    CHECK(code_of(w.e.terminate_activity(r, w.who())) == ok);
    r.set_request_id("another");
    CHECK(code_of(w.e.terminate_activity(r, w.who())) == failed_precondition);

    w.start("b");
    api::DeleteActivityExecutionRequest del;
    del.set_namespace_("default");
    del.set_activity_id("b");
    const ticket late = w.wait("b");
    CHECK(code_of(w.e.delete_activity(del, w.who())) == ok);
    w.collect();
    CHECK(w.got(late));
    CHECK(code_of(w.e.delete_activity(del, w.who())) == not_found);
    CHECK_FALSE(w.task(w.poll()));
}

TEST_CASE("by its id, with no token at hand")
{
    world w;
    w.start("a");
    api::RecordActivityTaskHeartbeatByIdRequest beat;
    beat.set_namespace_("default");
    beat.set_activity_id("a");
    CHECK(code_of(w.e.heartbeat<api::RecordActivityTaskHeartbeatByIdResponse>(beat, w.who())) == not_found);
    w.take();
    CHECK(code_of(w.e.heartbeat<api::RecordActivityTaskHeartbeatByIdResponse>(beat, w.who())) == ok);
    beat.set_workflow_id("wf");
    CHECK(code_of(w.e.heartbeat<api::RecordActivityTaskHeartbeatByIdResponse>(beat, w.who())) == not_found);

    api::RespondActivityTaskCompletedByIdRequest done;
    done.set_namespace_("default");
    done.set_activity_id("a");
    CHECK(code_of(w.e.complete_task<api::RespondActivityTaskCompletedByIdResponse>(done, w.who())) == ok);
    w.collect();
    CHECK(w.status("a") == enums::ACTIVITY_EXECUTION_STATUS_COMPLETED);
    w.start("nobody had it");
    done.set_activity_id("nobody had it");
    CHECK(code_of(w.e.complete_task<api::RespondActivityTaskCompletedByIdResponse>(done, w.who())) == ok);
    w.collect();
    CHECK(w.status("nobody had it") == enums::ACTIVITY_EXECUTION_STATUS_COMPLETED);
    CHECK_FALSE(w.task(w.poll()));
}

TEST_CASE("a call that waits for changes is told of the next one, or of none for a while")
{
    world w;
    w.start("a");
    api::DescribeActivityExecutionRequest r;
    r.set_namespace_("default");
    r.set_activity_id("a");
    const auto now = w.describe("a");
    r.set_long_poll_token(now.long_poll_token());
    w.e.describe_activity(++w.last, r, w.who());
    w.collect();
    CHECK(w.got(w.last)->status.code == invalid_argument);
    r.set_run_id(now.run_id());
    w.e.describe_activity(++w.last, r, w.who());
    w.collect();
    const ticket first = w.last;
    CHECK_FALSE(w.got(first));
    w.take();
    CHECK(w.got(first));
    w.e.describe_activity(++w.last, r, w.who());
    w.collect();
    CHECK_MESSAGE(w.got(w.last), "it has changed since the token was made");

    const ticket patient = w.wait("a");
    w.e.leave(w.wait("a"), w.now);
    w.collect();
    w.pass(60s);
    REQUIRE(w.got(patient));
    CHECK(w.got(patient)->status.ok());
    CHECK(w.got(patient)->message.empty());
    r.set_long_poll_token("garbage");
    w.e.describe_activity(++w.last, r, w.who());
    w.collect();
    CHECK(w.got(w.last)->status.code == invalid_argument);
}

TEST_CASE("lists and counts")
{
    world w;
    for (int i = 0; i < 5; ++i)
        w.start("a" + std::to_string(i));
    auto other = start_request("b");
    other.mutable_activity_type()->set_name("other");
    other.mutable_task_queue()->set_name("elsewhere");
    must(w.start(other));
    w.complete(w.take().task_token());
    struct row {
        const char* query;
        std::int64_t count;  // negative: refused
    };
    const row rows[] = {
        {"", 6},
        {"ActivityType = 'greet'", 5},
        {"ActivityType='greet' AND ExecutionStatus = \"Running\"", 4},
        {"ExecutionStatus = 'Completed' and TaskQueue = 'q'", 1},
        {"TaskQueue != 'q'", 1},
        {"ActivityId = 'a3'", 1},
        {"`ActivityId` = 'it''", -1},
        {"GROUP BY ExecutionStatus", 6},
        {"ActivityType = 'greet' GROUP BY ExecutionStatus", 5},
        {"GROUP BY TaskQueue", -1},
        {"Nonsense = 'x'", -1},
        {"ActivityId > 'x'", -1},
        {"ActivityId = x", -1},
        {"ExecutionStatus = 'Sleeping'", -1},
        {"ActivityId = 'a' OR ActivityId = 'b'", -1},
        {"ActivityId = 'a' AND", -1},
    };
    for (const row& r : rows) {
        api::CountActivityExecutionsRequest c;
        c.set_namespace_("default");
        c.set_query(r.query);
        const auto out = w.e.count_activities(c, w.who());
        if (r.count < 0)
            CHECK_MESSAGE(code_of(out) == invalid_argument, r.query);
        else
            CHECK_MESSAGE(must(out).count() == r.count, r.query);
    }
    api::ListActivityExecutionsRequest l;
    l.set_namespace_("default");
    l.set_page_size(4);
    auto page = must(w.e.list_activities(l, w.who()));
    REQUIRE(page.executions_size() == 4);
    CHECK(page.executions(0).activity_id() == "b");
    l.set_next_page_token(page.next_page_token());
    page = must(w.e.list_activities(l, w.who()));
    REQUIRE(page.executions_size() == 2);
    CHECK(page.executions(1).activity_id() == "a0");
    CHECK(page.executions(1).status() == enums::ACTIVITY_EXECUTION_STATUS_COMPLETED);
    CHECK(page.next_page_token().empty());
}

TEST_CASE("what is kept has bounds, which are named")
{
    limits l;
    l.open_activities = 3;
    l.closed_activities = 2;
    l.namespaces = 2;
    l.task_queues = 2;
    world w(l);
    for (int i = 0; i < 3; ++i)
        w.start("a" + std::to_string(i));
    const auto out = w.start(start_request("one more"));
    REQUIRE(code_of(out) == resource_exhausted);
    CHECK(out.error().message.find("3 open activities") != std::string::npos);
    for (int i = 0; i < 3; ++i)
        w.complete(w.take().task_token());
    CHECK(w.e.activities().closed() == 2);
    api::DescribeActivityExecutionRequest gone;
    gone.set_namespace_("default");
    gone.set_activity_id("a0");
    w.e.describe_activity(++w.last, gone, w.who());
    w.collect();
    CHECK(w.got(w.last)->status.code == not_found);
    w.pass(25h);
    CHECK_MESSAGE(w.e.activities().all().empty(), "the namespace's retention is over");

    auto r = start_request("x");
    r.mutable_task_queue()->set_name("q2");
    must(w.start(r));
    r.set_activity_id("y");
    r.mutable_task_queue()->set_name("q3");
    CHECK_MESSAGE(code_of(w.start(r)) == ok, "the queue that nobody uses any more makes room");
    r.set_activity_id("z");
    r.mutable_task_queue()->set_name("q4");
    CHECK(code_of(w.start(r)) == resource_exhausted);

    l = {};
    l.bytes = 100'000;
    world small(l);
    int taken = 0;
    while (taken < 1'000 && code_of(small.start(start_request(std::to_string(taken)))) == ok)
        ++taken;
    CHECK(taken > 50);
    CHECK(taken < 300);
    CHECK(small.e.activities().bytes() <= l.bytes);
}

TEST_CASE("what workers and clients say counts as well: open activities do not grow beyond the bounds")
{
    limits l;
    l.bytes = 200'000;
    l.blob = 50'000;
    world w(l);
    const std::string much(40'000, 'x');
    for (int i = 0; i < 20; ++i)
        w.start(std::to_string(i));
    std::vector<std::string> tokens;
    for (int i = 0; i < 20; ++i)
        tokens.push_back(w.take().task_token());
    for (const std::string& token : tokens) {
        api::RespondActivityTaskFailedRequest r;
        r.set_task_token(token);
        *r.mutable_failure() = w.failure();
        r.mutable_failure()->set_stack_trace(much);
        *r.mutable_last_heartbeat_details() = payloads(much);
        must(w.e.fail_task<api::RespondActivityTaskFailedResponse>(r, w.who()));
        w.collect();
        CHECK(w.e.activities().bytes() < l.bytes + 20 * 1'000);
    }
    CHECK_MESSAGE(w.e.activities().open() == 20, "each has another attempt");
    CHECK(w.describe("19").info().last_failure().message() == "it broke");
    CHECK_MESSAGE(w.describe("19").info().last_failure().stack_trace().size() < 1'000, "there was no room for it");

    w.pass(1s);
    w.take();
    api::RequestCancelActivityExecutionRequest c;
    c.set_namespace_("default");
    c.set_activity_id("0");
    c.set_reason(much);
    CHECK(code_of(w.e.cancel_activity(c, w.who())) == resource_exhausted);
    c.set_reason(much + much);
    CHECK(code_of(w.e.cancel_activity(c, w.who())) == invalid_argument);
    c.set_reason("enough");
    c.set_request_id(much);
    CHECK(code_of(w.e.cancel_activity(c, w.who())) == invalid_argument);
    c.set_request_id("c");
    CHECK(code_of(w.e.cancel_activity(c, w.who())) == ok);
    w.collect();
}

TEST_CASE("thousands may wait for one activity, and all are told, in their order")
{
    limits l;
    l.waiting_calls = 30'000;
    world w(l);
    const std::string run = w.start("a");
    const std::string token = w.take().task_token();
    api::PollActivityExecutionRequest r;
    r.set_namespace_("default");
    r.set_activity_id("a");
    for (int i = 0; i < 30'000; ++i)
        w.e.poll_activity(++w.last, r, w.who());
    w.e.poll_activity(w.last + 1, r, w.who());
    CHECK(w.e.take_outputs().answers.at(0).status.code == resource_exhausted);
    CHECK(w.complete(token) == ok);
    const auto told = std::vector(w.answers.end() - 30'000, w.answers.end());
    CHECK(std::is_sorted(told.begin(), told.end(), [](const answer& a, const answer& b) { return a.id < b.id; }));
    CHECK(std::all_of(told.begin(), told.end(), [](const answer& a) { return a.status.ok() && !a.message.empty(); }));
    CHECK_FALSE(w.e.waits(w.last));
}

TEST_CASE("the same calls have the same answers")
{
    const auto run = [] {
        world w;
        std::string all;
        for (int i = 0; i < 20; ++i) {
            all += w.start(std::to_string(i));
            if (i % 3 == 0)
                all += w.take("w" + std::to_string(i)).SerializeAsString();
            w.pass(700ms);
        }
        return all;
    };
    CHECK(run() == run());
}

}  // namespace
}  // namespace mayfly::temporal::embedded
