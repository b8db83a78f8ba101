// SPDX-License-Identifier: BSL-1.0
#include "scripted.hpp"

#include <mayfly/temporal/errors.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <vector>

using namespace workflow_client_test;

namespace {

const typed_workflow<std::string(std::string, int)> checkout{"checkout"};

api::StartWorkflowExecutionResponse started(const std::string& run, bool is_new = true)
{
    api::StartWorkflowExecutionResponse out;
    out.set_run_id(run);
    out.set_started(is_new);
    return out;
}

api::UpdateWorkflowExecutionResponse updated(
    api::enums::UpdateWorkflowExecutionLifecycleStage stage, const std::string& json = {})
{
    api::UpdateWorkflowExecutionResponse out;
    out.set_stage(stage);
    auto& ref = *out.mutable_update_ref();
    ref.set_update_id("u");
    ref.mutable_workflow_execution()->set_workflow_id("w");
    ref.mutable_workflow_execution()->set_run_id("r1");
    if (!json.empty())
        *out.mutable_outcome()->mutable_success() = payloads(json);
    return out;
}

const auto admitted = api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED;
const auto accepted = api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED;
const auto over = api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;

api::failure::Failure refusal_of(const std::string& message)
{
    api::failure::Failure out;
    out.set_message(message);
    out.mutable_application_failure_info()->set_type("too_late");
    return out;
}

}  // namespace

TEST_CASE("a workflow is started by its types, and its result is one of them, from whichever run has it")
{
    world w;
    w.says("StartWorkflowExecution", started("r1"));
    w.says("GetWorkflowExecutionHistory", page(std::nullopt, "later"));
    w.says("GetWorkflowExecutionHistory", page(continued("r2")));
    w.says("GetWorkflowExecutionHistory", page(completed(R"("paid")")));
    std::vector<std::string> told;
    w.run([&]() -> asio::awaitable<void> {
        workflow_client c(w.on);
        c.report_starts_to([&](const std::string& queue, mayfly::task_type type) {
            told.push_back(queue);
            CHECK(type == mayfly::task_type::workflow);
        });
        auto options = usual();
        options.summary = "an order";
        options.memo.set("parts", 3);
        auto [ec, s] = co_await c.async_start(checkout, {"seven", 7}, options, answer);
        require_ok(ec, s.status);
        CHECK(s.value.is_new);
        const auto h = s.value.handle;
        CHECK(h.run_id() == "r1");
        CHECK(h.key() == workflow_key{"w", "", "r1"});
        auto [e1, out] = co_await h.async_result(answer);
        check_ok(e1, out.status);
        CHECK(out.value == "paid");
        CHECK(out.run_id == "r2");
        CHECK(out.words.empty());
    });
    CHECK(told == std::vector<std::string>{"q"});
    const auto start = w.request<api::StartWorkflowExecutionRequest>("StartWorkflowExecution");
    CHECK(start.namespace_() == "default");
    CHECK(start.identity() == "me@here");
    CHECK(start.request_id().size() == 36);
    CHECK(start.input().payloads(0).data() == R"("seven")");
    CHECK(start.input().payloads(1).data() == "7");
    CHECK(start.user_metadata().summary().data() == R"("an order")");
    CHECK(start.memo().fields().at("parts").data() == "3");
    const auto& meta = w.heard["GetWorkflowExecutionHistory"][0].metadata;
    CHECK(meta.get("supported-features") == "follows-next-run-id");
    using history = api::GetWorkflowExecutionHistoryRequest;
    const auto second = w.request<history>("GetWorkflowExecutionHistory", 1);
    CHECK(second.next_page_token() == "later");
    CHECK(second.execution().run_id() == "r1");
    const auto third = w.request<history>("GetWorkflowExecutionHistory", 2);
    CHECK(third.next_page_token().empty());
    CHECK(third.execution().run_id() == "r2");
}

TEST_CASE("one that runs already is attached to, and nobody is told of a start")
{
    world w;
    w.says("StartWorkflowExecution", started("r1", false));
    api::errordetails::WorkflowExecutionAlreadyStartedFailure why;
    why.set_run_id("r1");
    w.fails("StartWorkflowExecution", status_with(status_code::already_exists, "it runs", why));
    w.run([&]() -> asio::awaitable<void> {
        workflow_client c(w.on);
        c.report_starts_to([](const std::string&, mayfly::task_type) { FAIL("nothing was started"); });
        auto options = usual();
        options.conflict = workflow_id_conflict::use_existing;
        auto [ec, s] = co_await c.async_start(checkout, {"x", 1}, options, answer);
        CHECK(!ec);
        CHECK_FALSE(s.value.is_new);
        CHECK(s.value.handle.run_id() == "r1");
        auto [e1, no] = co_await c.async_start(checkout, {"x", 1}, options, answer);
        CHECK(e1 == status_code::already_exists);
        const auto detail = detail_of<api::errordetails::WorkflowExecutionAlreadyStartedFailure>(no.status);
        REQUIRE(detail.has_value());
        CHECK(detail->run_id() == "r1");
    });
}

TEST_CASE("a workflow that has no result says why, in its own words and as an exception")
{
    world w;
    api::history::HistoryEvent failed;
    failed.set_event_type(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED);
    auto& f = *failed.mutable_workflow_execution_failed_event_attributes()->mutable_failure();
    f.set_message("Activity task failed");
    f.mutable_activity_failure_info();
    *f.mutable_cause() = refusal_of("the shop is closed");
    w.says("GetWorkflowExecutionHistory", page(failed));
    w.says("GetWorkflowExecutionHistory", page(continued("r2")));
    w.says("GetWorkflowExecutionHistory", page(completed("[1]")));
    w.says("GetWorkflowExecutionHistory", page(std::nullopt));
    w.fails("GetWorkflowExecutionHistory", {status_code::not_found, "no such workflow", {}});
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        const auto h = c.handle<std::string>({"w", "", ""});
        auto [e1, out] = co_await h.async_result(answer);
        CHECK(e1 == client_errc::failed);
        CHECK(out.words.find("the shop is closed") != std::string::npos);
        CHECK_FALSE(out.value);
        REQUIRE(out.exception);
        try {
            std::rethrow_exception(out.exception);
        } catch (const activity_error& e) {
            CHECK_THROWS_AS(std::rethrow_exception(e.cause()), application_error);
        }
        const result_options this_run{.follow_runs = false};
        auto [e2, part] = co_await h.async_result(this_run, answer);
        CHECK(e2 == client_errc::continued_as_new);
        CHECK(part.next_run_id == "r2");
        CHECK_FALSE(part.failure);
        CHECK(!part.words.empty());
        auto [e3, wrong] = co_await h.async_result(answer);
        CHECK(e3 == client_errc::not_convertible);
        CHECK(wrong.words.find("the result:") == 0);
        auto [e4, lost] = co_await h.async_result(answer);
        CHECK(e4 == status_code::internal);
        CHECK(!lost.words.empty());
        auto [e5, none] = co_await h.async_result(answer);
        CHECK(e5 == status_code::not_found);
        CHECK(none.words == "NOT_FOUND: no such workflow");
    });
}

TEST_CASE("a wait outlasts calls without an answer, and ends in time or when it is cancelled")
{
    connection_options quick;
    quick.poll_timeout = 60ms;
    world w(quick);
    const workflow_client c(w.on);
    const auto h = c.handle<std::string>({"w", "", ""});
    w.run([&]() -> asio::awaitable<void> {
        const result_options how{.within = 300ms};
        auto [ec, out] = co_await h.async_result(how, answer);
        CHECK(ec == status_code::deadline_exceeded);
    });
    CHECK(w.calls("GetWorkflowExecutionHistory") >= 3);

    asio::cancellation_signal stop;
    std::optional<error_code> ended;
    h.async_result(asio::bind_cancellation_slot(
        stop.slot(), [&](error_code ec, const workflow_outcome<std::string>&) { ended = ec; }));
    w.io.run_for(20ms);
    CHECK_FALSE(ended);
    stop.emit(asio::cancellation_type::total);
    for (int i = 0; i < 100 && !ended; ++i)
        w.io.run_one_for(100ms);
    REQUIRE(ended);
    CHECK(*ended == asio::error::operation_aborted);
}

TEST_CASE("to execute is to start and to wait")
{
    world w;
    w.says("StartWorkflowExecution", started("r1"));
    w.says("GetWorkflowExecutionHistory", page(completed(R"("paid")")));
    w.fails("StartWorkflowExecution", {status_code::invalid_argument, "no such queue", {}});
    w.says("StartWorkflowExecution", started("r2"));
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        const auto options = usual();
        auto [e1, out] = co_await c.async_execute(checkout, {"x", 1}, options, answer);
        check_ok(e1, out.status);
        CHECK(out.value == "paid");
        CHECK(out.run_id == "r1");
        auto [e2, no] = co_await c.async_execute(checkout, {"x", 1}, options, answer);
        CHECK(e2 == status_code::invalid_argument);
        CHECK(no.words == "INVALID_ARGUMENT: no such queue");
        const result_options how{.within = 100ms};
        auto [e3, late] = co_await c.async_execute(checkout, {"x", 1}, options, how, answer);
        CHECK(e3 == status_code::deadline_exceeded);
        CHECK(late.run_id == "r2");
    });
}

TEST_CASE("signals go to the latest run, one request id each, with a start if need be")
{
    world w;
    w.says("SignalWorkflowExecution", api::SignalWorkflowExecutionResponse{});
    w.fails("SignalWorkflowExecution", {status_code::unavailable, "not now", {}});
    w.says("SignalWorkflowExecution", api::SignalWorkflowExecutionResponse{});
    api::SignalWithStartWorkflowExecutionResponse both;
    both.set_run_id("r1");
    both.set_started(true);
    w.says("SignalWithStartWorkflowExecution", both);
    int told = 0;
    w.run([&]() -> asio::awaitable<void> {
        workflow_client c(w.on);
        c.report_starts_to([&](const std::string&, mayfly::task_type) { ++told; });
        const workflow_handle<std::string> h(w.on, {}, {"w", "", "r1"}, "r1");
        auto [e1, s1] = co_await h.async_signal(approve, {"ann"}, answer);
        check_ok(e1, s1.status);
        auto [e2, s2] = co_await h.async_signal(approve, {"bob"}, answer);
        check_ok(e2, s2.status);
        const auto options = usual();
        auto [e3, s3] = co_await c.async_signal_with_start(checkout, {"x", 1}, options, approve, {"ann"}, answer);
        check_ok(e3, s3.status);
        CHECK(s3.value.handle.run_id() == "r1");
        CHECK(s3.value.is_new);
    });
    CHECK(told == 1);
    using signal = api::SignalWorkflowExecutionRequest;
    const auto first = w.request<signal>("SignalWorkflowExecution", 0);
    CHECK(first.workflow_execution().run_id().empty());
    CHECK(first.signal_name() == "approve");
    CHECK(first.input().payloads(0).data() == R"("ann")");
    const auto second = w.request<signal>("SignalWorkflowExecution", 1);
    const auto again = w.request<signal>("SignalWorkflowExecution", 2);
    CHECK(second.request_id() == again.request_id());
    CHECK(first.request_id() != second.request_id());
    const auto start = w.request<api::SignalWithStartWorkflowExecutionRequest>("SignalWithStartWorkflowExecution");
    CHECK(start.signal_input().payloads(0).data() == R"("ann")");
    CHECK(start.input().payloads_size() == 2);
}

TEST_CASE("a query is answered, rejected or failed, and these are told apart")
{
    world w;
    api::QueryWorkflowResponse three;
    *three.mutable_query_result() = payloads("3");
    w.says("QueryWorkflow", three);
    api::QueryWorkflowResponse no;
    no.mutable_query_rejected()->set_status(api::enums::WORKFLOW_EXECUTION_STATUS_COMPLETED);
    w.says("QueryWorkflow", no);
    api::errordetails::QueryFailedFailure threw;
    *threw.mutable_failure() = refusal_of("nothing waits");
    w.fails("QueryWorkflow", status_with(status_code::invalid_argument, "nothing waits", threw));
    w.fails("QueryWorkflow", {status_code::failed_precondition, "no worker has seen it", {}});
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        const auto h = c.handle<std::string>({"w", "", ""});
        auto [e1, out] = co_await h.async_query(waiting, {}, answer);
        check_ok(e1, out.status);
        CHECK(out.value == 3);
        const query_options how{.reject = query_reject::not_open};
        auto [e2, rejected] = co_await h.async_query(waiting, {}, how, answer);
        CHECK(e2 == client_errc::rejected);
        CHECK(rejected.rejected == workflow_status::completed);
        CHECK(rejected.words == "the workflow is completed");
        auto [e3, failed] = co_await h.async_query(waiting, {}, answer);
        CHECK(e3 == client_errc::failed);
        CHECK(failed.words == "too_late: nothing waits");
        CHECK(failed.exception);
        auto [e4, early] = co_await h.async_query(waiting, {}, answer);
        CHECK(e4 == status_code::failed_precondition);
        CHECK(early.words == "FAILED_PRECONDITION: no worker has seen it");
        const query_options brief{.within = 50ms};
        auto [e5, nobody] = co_await h.async_query(waiting, {}, brief, answer);
        CHECK(e5 == status_code::deadline_exceeded);
    });
    const auto asked = w.request<api::QueryWorkflowRequest>("QueryWorkflow", 1);
    CHECK(asked.query().query_type() == "waiting");
    CHECK(asked.query_reject_condition() == api::enums::QUERY_REJECT_CONDITION_NOT_OPEN);
    CHECK_FALSE(asked.query().has_query_args());
}

TEST_CASE("an update is sent with one id until it is kept, and then its outcome is waited for")
{
    world w;
    w.says("UpdateWorkflowExecution", updated(admitted));
    w.fails("UpdateWorkflowExecution", {status_code::resource_exhausted, "too many", {}});
    w.says("UpdateWorkflowExecution", updated(accepted));
    w.says("PollWorkflowExecutionUpdate", api::PollWorkflowExecutionUpdateResponse{});
    api::PollWorkflowExecutionUpdateResponse done;
    *done.mutable_outcome()->mutable_success() = payloads("8");
    w.says("PollWorkflowExecutionUpdate", done);
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        const auto h = c.handle<std::string>({"w", "", "r1"});
        auto [ec, out] = co_await h.async_update(change, {7}, answer);
        check_ok(ec, out.status);
        CHECK(out.value == 8);
    });
    using update = api::UpdateWorkflowExecutionRequest;
    REQUIRE(w.calls("UpdateWorkflowExecution") == 3);
    const auto first = w.request<update>("UpdateWorkflowExecution", 0);
    CHECK(first.wait_policy().lifecycle_stage() == over);
    CHECK(first.first_execution_run_id() == "r1");
    CHECK(first.request().input().name() == "change");
    CHECK(first.request().input().args().payloads(0).data() == "7");
    CHECK(first.request().meta().identity() == "me@here");
    CHECK(!first.request().meta().update_id().empty());
    CHECK(first.SerializeAsString() == w.request<update>("UpdateWorkflowExecution", 2).SerializeAsString());
    const auto poll = w.request<api::PollWorkflowExecutionUpdateRequest>("PollWorkflowExecutionUpdate", 1);
    CHECK(poll.update_ref().workflow_execution().run_id() == "r1");
    CHECK(poll.wait_policy().lifecycle_stage() == over);
}

TEST_CASE("an update's handle knows what is known, and asks for the rest")
{
    world w;
    w.says("UpdateWorkflowExecution", updated(accepted));
    api::PollWorkflowExecutionUpdateResponse done;
    *done.mutable_outcome()->mutable_success() = payloads("8");
    w.says("PollWorkflowExecutionUpdate", done);
    auto no = updated(over);
    *no.mutable_outcome()->mutable_failure() = refusal_of("it has left");
    w.says("UpdateWorkflowExecution", no);
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        const auto h = c.handle<std::string>({"w", "", ""});
        const update_options how{.id = "u"};
        auto [e1, sent] = co_await h.async_start_update(change, {7}, update_stage::accepted, how, answer);
        check_ok(e1, sent.status);
        CHECK(sent.value.id() == "u");
        CHECK(sent.value.workflow().run_id == "r1");
        CHECK_FALSE(sent.value.is_over());
        CHECK(w.calls("PollWorkflowExecutionUpdate") == 0);
        auto [e2, out] = co_await sent.value.async_result(answer);
        check_ok(e2, out.status);
        CHECK(out.value == 8);

        auto [e3, rejected] = co_await h.async_start_update(change, {7}, update_stage::accepted, how, answer);
        check_ok(e3, rejected.status);
        CHECK(rejected.value.is_over());
        auto [e4, why] = co_await rejected.value.async_result(answer);
        CHECK(e4 == client_errc::failed);
        CHECK(why.words == "too_late: it has left");
        CHECK(why.exception);
        CHECK(w.calls("PollWorkflowExecutionUpdate") == 1);

        // From elsewhere, by its id: nobody answers.
        const auto elsewhere = h.update<int>("u");
        auto [e5, late] = co_await elsewhere.async_result(50ms, answer);
        CHECK(e5 == status_code::deadline_exceeded);
    });
}

TEST_CASE("an update goes with a start as one, and who is to blame is told")
{
    world w;
    const auto both = [](api::StartWorkflowExecutionResponse s, api::UpdateWorkflowExecutionResponse u) {
        api::ExecuteMultiOperationResponse out;
        *out.add_responses()->mutable_start_workflow() = std::move(s);
        *out.add_responses()->mutable_update_workflow() = std::move(u);
        return out;
    };
    w.says("ExecuteMultiOperation", both(started("r1"), updated(admitted)));
    w.says("ExecuteMultiOperation", both(started("r1", false), updated(accepted)));
    api::PollWorkflowExecutionUpdateResponse done;
    *done.mutable_outcome()->mutable_success() = payloads("8");
    w.says("PollWorkflowExecutionUpdate", done);
    api::errordetails::MultiOperationExecutionFailure failed;
    failed.add_statuses()->set_code(static_cast<int>(status_code::already_exists));
    failed.mutable_statuses(0)->set_message("it runs");
    w.fails("ExecuteMultiOperation", status_with(status_code::already_exists, "could not", failed));
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        auto options = usual();
        const update_options how;
        auto [e0, unsaid] = co_await c.async_update_with_start(
            checkout, {"x", 1}, options, change, {7}, update_stage::accepted, how, answer);
        CHECK(e0 == status_code::invalid_argument);
        CHECK(unsaid.status.message.find("options.conflict") == 0);
        CHECK(w.calls("ExecuteMultiOperation") == 0);

        options.conflict = workflow_id_conflict::use_existing;
        auto [e1, s] = co_await c.async_update_with_start(
            checkout, {"x", 1}, options, change, {7}, update_stage::accepted, how, answer);
        require_ok(e1, s.status);
        // The first answer says what was started; the second only finds it there.
        CHECK(s.value.is_new);
        CHECK(s.value.handle.run_id() == "r1");
        auto [e2, out] = co_await s.value.update.async_result(answer);
        CHECK(!e2);
        CHECK(out.value == 8);
        auto [e3, no] = co_await c.async_update_with_start(
            checkout, {"x", 1}, options, change, {7}, update_stage::accepted, how, answer);
        CHECK(e3 == status_code::already_exists);
        CHECK(no.status.message == "it runs");
    });
    const auto first = w.request<api::ExecuteMultiOperationRequest>("ExecuteMultiOperation", 0);
    REQUIRE(first.operations_size() == 2);
    CHECK(first.operations(0).start_workflow().workflow_id() == "w");
    CHECK(first.operations(1).update_workflow().workflow_execution().workflow_id() == "w");
    const auto second = w.request<api::ExecuteMultiOperationRequest>("ExecuteMultiOperation", 1);
    CHECK(first.SerializeAsString() == second.SerializeAsString());
}

TEST_CASE("what nothing is known of but its name is called by that, with payloads that somebody made")
{
    world w;
    const std::string start = "StartWorkflowExecution";
    w.says(start, started("r1"));
    w.says(start, started("r1"));
    w.says("GetWorkflowExecutionHistory", page(completed(R"("paid")")));
    api::SignalWithStartWorkflowExecutionResponse signalled;
    signalled.set_run_id("r1");
    w.says("SignalWithStartWorkflowExecution", signalled);
    api::ExecuteMultiOperationResponse both;
    *both.add_responses()->mutable_start_workflow() = started("r1");
    *both.add_responses()->mutable_update_workflow() = updated(over, "8");
    w.says("ExecuteMultiOperation", both);
    w.says("SignalWorkflowExecution", api::SignalWorkflowExecutionResponse{});
    api::QueryWorkflowResponse three;
    *three.mutable_query_result() = payloads("3");
    w.says("QueryWorkflow", three);
    w.says("UpdateWorkflowExecution", updated(over, "8"));
    w.says("UpdateWorkflowExecution", updated(over, "9"));
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        const auto input = payloads("7");
        auto options = usual();
        options.conflict = workflow_id_conflict::use_existing;
        const std::string type = "checkout";
        const std::string signal = "approve";
        const std::string update = "change";
        const std::string ask = "waiting";
        auto starts = c.async_start_by_name<std::string>(type, input, options, answer);
        auto [e1, s1] = co_await std::move(starts);
        check_ok(e1, s1.status);
        const result_options until_over;
        auto executes = c.async_execute_by_name<std::string>(type, input, options, until_over, answer);
        auto [e2, paid] = co_await std::move(executes);
        check_ok(e2, paid.status);
        CHECK(paid.value == "paid");
        auto signals = c.async_signal_with_start_by_name<std::string>(type, input, options, signal, input, answer);
        auto [e3, s3] = co_await std::move(signals);
        check_ok(e3, s3.status);
        const update_options how;
        auto updates = c.async_update_with_start_by_name<std::string, int>(
            type, input, options, update, input, update_stage::completed, how, answer);
        auto [e4, s4] = co_await std::move(updates);
        check_ok(e4, s4.status);
        CHECK(s4.value.update.is_over());

        const auto h = s1.value.handle;
        auto tells = h.async_signal_by_name(signal, input, answer);
        auto [e5, told] = co_await std::move(tells);
        check_ok(e5, told.status);
        const query_options asking;
        auto asks = h.async_query_by_name<int>(ask, input, asking, answer);
        auto [e6, said] = co_await std::move(asks);
        check_ok(e6, said.status);
        CHECK(said.value == 3);
        auto changes = h.async_update_by_name<int>(update, input, how, answer);
        auto [e7, now] = co_await std::move(changes);
        check_ok(e7, now.status);
        CHECK(now.value == 8);
        auto begins = h.async_start_update_by_name<int>(update, input, update_stage::accepted, how, answer);
        auto [e8, begun] = co_await std::move(begins);
        check_ok(e8, begun.status);
        auto ends = begun.value.async_result(answer);
        auto [e9, end] = co_await std::move(ends);
        check_ok(e9, end.status);
        CHECK(end.value == 9);
    });
    for (std::size_t i = 0; i < 2; ++i) {
        const auto r = w.request<api::StartWorkflowExecutionRequest>(start, i);
        CHECK(r.workflow_type().name() == "checkout");
        CHECK(r.input().payloads(0).data() == "7");
    }
    const auto with = w.request<api::SignalWithStartWorkflowExecutionRequest>("SignalWithStartWorkflowExecution");
    CHECK(with.signal_name() == "approve");
    CHECK(with.signal_input().payloads(0).data() == "7");
    const auto multi = w.request<api::ExecuteMultiOperationRequest>("ExecuteMultiOperation");
    CHECK(multi.operations(0).start_workflow().workflow_type().name() == "checkout");
    CHECK(multi.operations(1).update_workflow().request().input().name() == "change");
    CHECK(w.request<api::SignalWorkflowExecutionRequest>("SignalWorkflowExecution").input().payloads(0).data() == "7");
    const auto asked = w.request<api::QueryWorkflowRequest>("QueryWorkflow");
    CHECK(asked.query().query_type() == "waiting");
    CHECK(asked.query().query_args().payloads(0).data() == "7");
    for (std::size_t i = 0; i < 2; ++i) {
        const auto r = w.request<api::UpdateWorkflowExecutionRequest>("UpdateWorkflowExecution", i);
        CHECK(r.request().input().name() == "change");
        CHECK(r.request().input().args().payloads(0).data() == "7");
    }
}

TEST_CASE("what changes a workflow names the chain that is meant")
{
    world w;
    w.says("RequestCancelWorkflowExecution", api::RequestCancelWorkflowExecutionResponse{});
    w.fails("RequestCancelWorkflowExecution", status_with(status_code::already_exists, "it was asked before",
                                                  api::errordetails::CancellationAlreadyRequestedFailure{}));
    w.fails("RequestCancelWorkflowExecution", {status_code::not_found, "it is over", {}});
    w.says("TerminateWorkflowExecution", api::TerminateWorkflowExecutionResponse{});
    api::ResetWorkflowExecutionResponse fresh;
    fresh.set_run_id("r9");
    w.says("ResetWorkflowExecution", fresh);
    w.says("DeleteWorkflowExecution", api::DeleteWorkflowExecutionResponse{});
    w.says("UpdateWorkflowExecutionOptions", api::UpdateWorkflowExecutionOptionsResponse{});
    w.says("UpdateWorkflowExecutionOptions", api::UpdateWorkflowExecutionOptionsResponse{});
    w.run([&]() -> asio::awaitable<void> {
        const workflow_handle<int> h(w.on, {}, {"w", "", "r1"}, "r1");
        auto [e1, c1] = co_await h.async_cancel("changed my mind", answer);
        check_ok(e1, c1.status);
        auto [e2, c2] = co_await h.async_cancel("changed my mind", answer);
        check_ok(e2, c2.status);
        auto [e3, c3] = co_await h.async_cancel("changed my mind", answer);
        CHECK(e3 == status_code::not_found);
        CHECK(c3.status.message == "it is over");
        auto [e4, t] = co_await h.async_terminate("enough", answer);
        check_ok(e4, t.status);
        const reset_options how{.event_id = 4, .reason = "again", .keep_updates = false};
        auto [e5, r] = co_await h.async_reset(how, answer);
        check_ok(e5, r.status);
        CHECK(r.value.run_id() == "r9");
        CHECK(r.value.id() == "w");
        auto [e6, d] = co_await h.async_delete(answer);
        check_ok(e6, d.status);
        const versioning_override to{versioning_override::kind::pinned, {"orders", "v2"}};
        auto [e7, o] = co_await h.async_override_version(to, answer);
        check_ok(e7, o.status);
        auto [e8, n] = co_await h.async_override_version(std::nullopt, answer);
        check_ok(e8, n.status);
    });
    const auto cancel = w.request<api::RequestCancelWorkflowExecutionRequest>("RequestCancelWorkflowExecution");
    CHECK(cancel.first_execution_run_id() == "r1");
    CHECK(cancel.workflow_execution().run_id().empty());
    CHECK(cancel.reason() == "changed my mind");
    CHECK(!cancel.request_id().empty());
    const auto end = w.request<api::TerminateWorkflowExecutionRequest>("TerminateWorkflowExecution");
    CHECK(end.first_execution_run_id() == "r1");
    const auto reset = w.request<api::ResetWorkflowExecutionRequest>("ResetWorkflowExecution");
    CHECK(reset.workflow_task_finish_event_id() == 4);
    REQUIRE(reset.reset_reapply_exclude_types_size() == 1);
    CHECK(reset.reset_reapply_exclude_types(0) == api::enums::RESET_REAPPLY_EXCLUDE_TYPE_UPDATE);
    using options = api::UpdateWorkflowExecutionOptionsRequest;
    const auto set = w.request<options>("UpdateWorkflowExecutionOptions", 0);
    CHECK(set.update_mask().paths(0) == "versioning_override");
    CHECK(set.workflow_execution_options().versioning_override().pinned().version().build_id() == "v2");
    const auto unset = w.request<options>("UpdateWorkflowExecutionOptions", 1);
    CHECK(unset.update_mask().paths_size() == 1);
    CHECK(unset.has_workflow_execution_options());
    CHECK_FALSE(unset.workflow_execution_options().has_versioning_override());
}

TEST_CASE("a history is read to its last page, empty and raw ones among them")
{
    world w;
    api::history::HistoryEvent first;
    first.set_event_id(1);
    auto one = page(first, "t1");
    auto nothing = page(std::nullopt, "t2");
    api::GetWorkflowExecutionHistoryResponse raw;
    api::history::History blob;
    blob.add_events()->set_event_id(2);
    raw.add_raw_history()->set_data(blob.SerializeAsString());
    for (const auto& p : {one, nothing, raw})
        w.says("GetWorkflowExecutionHistory", p);
    w.says("GetWorkflowExecutionHistory", one);
    w.fails("GetWorkflowExecutionHistory", {status_code::not_found, "gone meanwhile", {}});
    w.run([&]() -> asio::awaitable<void> {
        const workflow_handle<int> h(w.on, {}, {"w", "r1", ""});
        auto [ec, r] = co_await h.async_history(answer);
        check_ok(ec, r.status);
        REQUIRE(r.value.events_size() == 2);
        CHECK(r.value.events(1).event_id() == 2);
        auto [e1, part] = co_await h.async_history(answer);
        CHECK(e1 == status_code::not_found);
    });
    const auto last = w.request<api::GetWorkflowExecutionHistoryRequest>("GetWorkflowExecutionHistory", 2);
    CHECK(last.next_page_token() == "t2");
    CHECK(last.execution().run_id() == "r1");
    CHECK_FALSE(last.wait_new_event());
}

TEST_CASE("workflows are described, listed and counted")
{
    world w;
    api::DescribeWorkflowExecutionResponse d;
    d.mutable_workflow_execution_info()->mutable_execution()->set_workflow_id("w");
    w.says("DescribeWorkflowExecution", d);
    api::ListWorkflowExecutionsResponse l;
    l.add_executions()->mutable_execution()->set_workflow_id("w");
    l.set_next_page_token("t");
    w.says("ListWorkflowExecutions", l);
    api::CountWorkflowExecutionsResponse n;
    n.set_count(3);
    n.add_groups()->set_count(2);
    w.says("CountWorkflowExecutions", n);
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        const auto h = c.handle<int>({"w", "", ""});
        auto [e1, info] = co_await h.async_describe(answer);
        check_ok(e1, info.status);
        CHECK(info.value.key.id == "w");
        auto [e2, all] = co_await c.async_list("WorkflowType = 'checkout'", "before", 5, answer);
        check_ok(e2, all.status);
        REQUIRE(all.value.entries.size() == 1);
        CHECK(all.value.next_page_token == "t");
        auto [e3, count] = co_await c.async_count("", answer);
        check_ok(e3, count.status);
        CHECK(count.value.count == 3);
        CHECK(count.value.groups.size() == 1);
    });
    const auto asked = w.request<api::ListWorkflowExecutionsRequest>("ListWorkflowExecutions");
    CHECK(asked.query() == "WorkflowType = 'checkout'");
    CHECK(asked.next_page_token() == "before");
    CHECK(asked.page_size() == 5);
}

TEST_CASE("what cannot be converted is not sent")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        const typed_workflow<int(double)> f{"f"};
        const typed_signal<void(double)> s{"s"};
        const typed_query<int(double)> q{"q"};
        const typed_update<int(double)> u{"u"};
        const double nan = std::numeric_limits<double>::quiet_NaN();
        auto options = usual();
        auto [e1, r1] = co_await c.async_start(f, {nan}, options, answer);
        CHECK(e1 == status_code::invalid_argument);
        CHECK(r1.status.message.find("argument 1") == 0);
        const auto h = c.handle<int>({"w", "", ""});
        auto [e2, r2] = co_await h.async_signal(s, {nan}, answer);
        CHECK(e2 == status_code::invalid_argument);
        auto [e3, r3] = co_await h.async_query(q, {nan}, answer);
        CHECK(e3 == status_code::invalid_argument);
        auto [e4, r4] = co_await h.async_update(u, {nan}, answer);
        CHECK(e4 == status_code::invalid_argument);
        auto [e5, r5] = co_await c.async_execute(f, {nan}, options, answer);
        CHECK(e5 == status_code::invalid_argument);
        options.memo.set("share", nan);
        auto [e6, r6] = co_await c.async_start(f, {1}, options, answer);
        CHECK(e6 == status_code::invalid_argument);
        CHECK(r6.status.message.find("the memo \"share\"") == 0);
    });
    CHECK(w.heard.empty());
}
