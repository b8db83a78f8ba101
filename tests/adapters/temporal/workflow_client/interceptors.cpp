// SPDX-License-Identifier: BSL-1.0
#include "scripted.hpp"

#include <mayfly/temporal/interceptors.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace workflow_client_test;

namespace {

const typed_workflow<std::string(std::string)> buy{"checkout"};

workflow_start_options shared_start()
{
    workflow_start_options out = usual();
    out.conflict = workflow_id_conflict::use_existing;
    set_header(out.header, "own", 1);
    return out;
}

/// Writes down what goes out, and how it ended; numbers it.
interceptor numbers(std::vector<std::string>& seen)
{
    interceptor out;
    out.client = [&seen, n = 0](client_call& call) mutable {
        const std::string what = std::string(to_string(call.what)) + ' ' + std::string(call.type) + ' ' +
                                 std::string(call.name) + " (" + std::string(call.id) + ' ' + std::string(call.run_id) +
                                 ") " + std::string(call.task_queue);
        seen.push_back(what + (call.header.fields().contains("own") ? " own" : ""));
        set_header(call.header, "n", ++n);
        call.on_end([&seen, n](const error_code& ec, const mayfly::grpc::status& status) {
            seen.push_back(std::to_string(n) + ' ' + (ec ? ec.message() + ' ' + status.message : "ok"));
        });
    };
    return out;
}

std::string number_in(const api::common::Header& h)
{
    return h.fields().contains("n") ? h.fields().at("n").data() : "none";
}

api::UpdateWorkflowExecutionResponse updated()
{
    api::UpdateWorkflowExecutionResponse out;
    out.set_stage(api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
    *out.mutable_outcome()->mutable_success() = payloads("8");
    return out;
}

}  // namespace

TEST_CASE("a client's interceptors see all that carries a header, change it, and hear how it ended")
{
    world w;
    api::StartWorkflowExecutionResponse started;
    started.set_run_id("r1");
    api::SignalWithStartWorkflowExecutionResponse both;
    both.set_run_id("r1");
    api::QueryWorkflowResponse three;
    *three.mutable_query_result() = payloads("3");
    api::ExecuteMultiOperationResponse together;
    *together.add_responses()->mutable_start_workflow() = started;
    *together.add_responses()->mutable_update_workflow() = updated();
    w.says("StartWorkflowExecution", started);
    w.fails("SignalWorkflowExecution", {status_code::unavailable, "not now", {}});
    w.says("SignalWorkflowExecution", api::SignalWorkflowExecutionResponse{});
    w.says("SignalWithStartWorkflowExecution", both);
    w.says("QueryWorkflow", three);
    w.fails("QueryWorkflow", {status_code::not_found, "no such workflow", {}});
    w.fails("UpdateWorkflowExecution", {status_code::resource_exhausted, "too many", {}});
    w.says("UpdateWorkflowExecution", updated());
    w.says("ExecuteMultiOperation", together);
    std::vector<std::string> seen;
    w.run([&]() -> asio::awaitable<void> {
        const std::vector<interceptor> around{numbers(seen)};
        const workflow_client c(w.on, {}, around);
        const auto options = shared_start();
        auto [e1, s] = co_await c.async_start(buy, {"x"}, options, answer);
        require_ok(e1, s.status);
        const auto h = s.value.handle;
        auto [e2, signalled] = co_await h.async_signal(approve, {"ann"}, answer);
        check_ok(e2, signalled.status);
        auto [e3, b] = co_await c.async_signal_with_start(buy, {"x"}, options, approve, {"ann"}, answer);
        check_ok(e3, b.status);
        const auto elsewhere = c.handle<std::string>({"v", "r7", ""});
        auto [e4, n] = co_await elsewhere.async_query(waiting, {}, answer);
        check_ok(e4, n.status);
        auto [e5, none] = co_await elsewhere.async_query(waiting, {}, answer);
        CHECK(e5 == status_code::not_found);
        auto [e6, u] = co_await h.async_update(change, {7}, answer);
        check_ok(e6, u.status);
        const update_options how{.id = "u"};
        auto [e7, t] =
            co_await c.async_update_with_start(buy, {"x"}, options, change, {7}, update_stage::completed, how, answer);
        check_ok(e7, t.status);
    });
    CHECK(seen == std::vector<std::string>{"start_workflow checkout  (w ) q own", "1 ok", "signal  approve (w ) ",
                      "2 ok", "signal_with_start checkout approve (w ) q own", "3 ok", "query  waiting (v r7) ", "4 ok",
                      "query  waiting (v r7) ", "5 NOT_FOUND no such workflow", "update  change (w ) ", "6 ok",
                      "update_with_start checkout change (w ) q own", "7 ok"});
    using signal = api::SignalWorkflowExecutionRequest;
    using update = api::UpdateWorkflowExecutionRequest;
    CHECK(number_in(w.request<api::StartWorkflowExecutionRequest>("StartWorkflowExecution").header()) == "1");
    CHECK(number_in(w.request<signal>("SignalWorkflowExecution", 0).header()) == "2");
    CHECK(number_in(w.request<signal>("SignalWorkflowExecution", 1).header()) == "2");
    const auto with_start = w.request<api::SignalWithStartWorkflowExecutionRequest>("SignalWithStartWorkflowExecution");
    CHECK(number_in(with_start.header()) == "3");
    CHECK(number_in(w.request<api::QueryWorkflowRequest>("QueryWorkflow").query().header()) == "4");
    CHECK(number_in(w.request<update>("UpdateWorkflowExecution").request().input().header()) == "6");
    CHECK(number_in(w.request<update>("UpdateWorkflowExecution", 1).request().input().header()) == "6");
    const auto all = w.request<api::ExecuteMultiOperationRequest>("ExecuteMultiOperation");
    CHECK(number_in(all.operations(0).start_workflow().header()) == "7");
    CHECK(number_in(all.operations(1).update_workflow().request().input().header()) == "7");
}

TEST_CASE("without interceptors a header goes where it is said, and nowhere else")
{
    world w;
    api::StartWorkflowExecutionResponse started;
    started.set_run_id("r1");
    api::ExecuteMultiOperationResponse together;
    *together.add_responses()->mutable_start_workflow() = started;
    *together.add_responses()->mutable_update_workflow() = updated();
    w.says("ExecuteMultiOperation", together);
    w.says("SignalWorkflowExecution", api::SignalWorkflowExecutionResponse{});
    w.run([&]() -> asio::awaitable<void> {
        const workflow_client c(w.on);
        const auto options = shared_start();
        const update_options how{.id = "u"};
        auto [e1, t] =
            co_await c.async_update_with_start(buy, {"x"}, options, change, {7}, update_stage::completed, how, answer);
        require_ok(e1, t.status);
        auto [e2, s] = co_await t.value.handle.async_signal(approve, {"ann"}, answer);
        check_ok(e2, s.status);
    });
    const auto all = w.request<api::ExecuteMultiOperationRequest>("ExecuteMultiOperation");
    CHECK(all.operations(0).start_workflow().header().fields().contains("own"));
    CHECK_FALSE(all.operations(1).update_workflow().request().input().has_header());
    CHECK_FALSE(w.request<api::SignalWorkflowExecutionRequest>("SignalWorkflowExecution").has_header());
}

TEST_CASE("what a client's interceptor throws refuses the call: nothing is sent")
{
    world w;
    std::vector<std::string> seen;
    interceptor rule;
    rule.client = [](client_call& call) {
        if (call.what == client_call::kind::query)
            throw 7;
        throw std::runtime_error("no token");
    };
    w.run([&]() -> asio::awaitable<void> {
        const std::vector<interceptor> around{numbers(seen), rule};
        const workflow_client c(w.on, {}, around);
        const auto options = shared_start();
        auto [e1, s] = co_await c.async_start(buy, {"x"}, options, answer);
        CHECK(e1 == status_code::failed_precondition);
        CHECK(s.status.message == "an interceptor refused it: no token");
        auto [e2, out] = co_await c.async_execute(buy, {"x"}, options, answer);
        CHECK(e2 == status_code::failed_precondition);
        CHECK(out.words.find("no token") != std::string::npos);
        const auto h = c.handle<std::string>({"w", "", ""});
        auto [e3, n] = co_await h.async_query(waiting, {}, answer);
        CHECK(e3 == status_code::failed_precondition);
        CHECK(n.words.find("it threw what is no std::exception") != std::string::npos);
        auto [e4, u] = co_await h.async_update(change, {7}, answer);
        CHECK(e4 == status_code::failed_precondition);
    });
    CHECK(w.calls("StartWorkflowExecution") == 0);
    CHECK(w.calls("QueryWorkflow") == 0);
    CHECK(w.calls("UpdateWorkflowExecution") == 0);
    REQUIRE(seen.size() == 8);
    CHECK(seen[1] == "1 FAILED_PRECONDITION an interceptor refused it: no token");
}
