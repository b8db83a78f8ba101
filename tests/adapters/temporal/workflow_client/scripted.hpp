// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../../../support/conversation.hpp"

#include <mayfly/grpc/server.hpp>
#include <mayfly/temporal/workflow_client.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace workflow_client_test {

namespace asio = boost::asio;
using namespace mayfly::temporal;
using namespace std::chrono_literals;
using boost::system::error_code;
using mayfly::grpc::status_code;

using conversation::answer;
using conversation::check_ok;
using conversation::require_ok;

// What the workflow at the other end has.
inline const typed_signal<void(std::string)> approve{"approve"};
inline const typed_query<int()> waiting{"waiting"};
inline const typed_update<int(int)> change{"change"};

inline workflow_start_options usual()
{
    workflow_start_options out;
    out.id = "w";
    out.task_queue = "q";
    return out;
}

/// A server that answers each method by a script, and a connection to it. What has no script any more is not answered.
struct world : conversation::loop {
    mayfly::grpc::server server{io.get_executor()};
    std::shared_ptr<connection> on{};
    std::map<std::string, std::vector<mayfly::grpc::request>> heard{};

    explicit world(connection_options o = {})
    {
        for (const char* name :
            {"StartWorkflowExecution", "SignalWorkflowExecution", "SignalWithStartWorkflowExecution", "QueryWorkflow",
                "UpdateWorkflowExecution", "PollWorkflowExecutionUpdate", "ExecuteMultiOperation",
                "RequestCancelWorkflowExecution", "TerminateWorkflowExecution", "ResetWorkflowExecution",
                "DeleteWorkflowExecution", "DescribeWorkflowExecution", "ListWorkflowExecutions",
                "CountWorkflowExecutions", "GetWorkflowExecutionHistory", "UpdateWorkflowExecutionOptions"})
            server.handle(std::string("/temporal.api.workflowservice.v1.WorkflowService/") + name,
                [this, name](mayfly::grpc::server_call call) { return serve(name, std::move(call)); });
        REQUIRE(!server.listen());
        o.target = {false, "127.0.0.1", server.port()};
        o.identity = "me@here";
        on = std::make_shared<connection>(io.get_executor(), std::move(o));
    }
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    ~world()
    {
        on->close();
        server.async_stop([](error_code) {});
        io.restart();
        io.run_for(100ms);
    }

    template <class Message>
    void says(const std::string& name, const Message& message)
    {
        mayfly::grpc::reply r;
        r.message = message.SerializeAsString();
        script_[name].push_back(std::move(r));
    }
    void fails(const std::string& name, mayfly::grpc::status status)
    {
        mayfly::grpc::reply r;
        r.status = std::move(status);
        script_[name].push_back(std::move(r));
    }

    /// What came with the call of this number, from 0.
    template <class Request>
    Request request(const std::string& name, std::size_t number = 0)
    {
        Request out;
        REQUIRE(heard[name].size() > number);
        REQUIRE(out.ParseFromString(heard[name][number].message));
        return out;
    }
    std::size_t calls(const std::string& name) { return heard[name].size(); }

private:
    asio::awaitable<mayfly::grpc::reply> serve(std::string name, mayfly::grpc::server_call call)
    {
        heard[name].push_back(call.request);
        auto& left = script_[name];
        if (left.empty()) {
            asio::steady_timer forever(io, std::chrono::steady_clock::time_point::max());
            co_await forever.async_wait(answer);
            co_return mayfly::grpc::reply{};
        }
        auto out = std::move(left.front());
        left.pop_front();
        co_return out;
    }

    std::map<std::string, std::deque<mayfly::grpc::reply>> script_{};
};

/// A status with one detail.
template <class Detail>
mayfly::grpc::status status_with(status_code code, const std::string& message, const Detail& detail)
{
    api::common::GrpcStatus all;
    all.set_code(static_cast<int>(code));
    all.set_message(message);
    auto& any = *all.add_details();
    any.set_type_url("type.googleapis.com/" + detail.GetTypeName());
    any.set_value(detail.SerializeAsString());
    return {code, message, all.SerializeAsString()};
}

inline api::common::Payloads payloads(const std::string& json)
{
    api::common::Payloads out;
    auto& p = *out.add_payloads();
    (*p.mutable_metadata())["encoding"] = "json/plain";
    p.set_data(json);
    return out;
}

/// A page of history with one event, or none.
inline api::GetWorkflowExecutionHistoryResponse page(
    const std::optional<api::history::HistoryEvent>& event, const std::string& token = {})
{
    api::GetWorkflowExecutionHistoryResponse out;
    if (event)
        *out.mutable_history()->add_events() = *event;
    out.set_next_page_token(token);
    return out;
}

inline api::history::HistoryEvent completed(const std::string& json, const std::string& next_run = {})
{
    api::history::HistoryEvent out;
    out.set_event_type(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
    auto& a = *out.mutable_workflow_execution_completed_event_attributes();
    *a.mutable_result() = payloads(json);
    if (!next_run.empty())
        a.set_new_execution_run_id(next_run);
    return out;
}

inline api::history::HistoryEvent continued(const std::string& next_run)
{
    api::history::HistoryEvent out;
    out.set_event_type(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW);
    out.mutable_workflow_execution_continued_as_new_event_attributes()->set_new_execution_run_id(next_run);
    return out;
}

}  // namespace workflow_client_test
