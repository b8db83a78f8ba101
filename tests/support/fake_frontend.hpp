// SPDX-License-Identifier: BSL-1.0
#pragma once

// The part of a Temporal server that a worker talks to, as a test wants it: tasks are handed to polls, everything that
// is called is kept, and every method can be given other answers.

#include "poll_desk.hpp"

#include <mayfly/grpc/server.hpp>
#include <mayfly/temporal/api.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fake {

namespace api = mayfly::temporal::api;
namespace grpc = mayfly::grpc;
namespace asio = boost::asio;

/// What a scripted method answers, if anything but success.
struct scripted_answer {
    grpc::status status{};
    bool never = false;  ///< It is not answered until the call is given up.
};

class frontend {
public:
    explicit frontend(asio::io_context& io) : io_(&io), server_(io.get_executor())
    {
        method<api::DescribeNamespaceRequest>("DescribeNamespace", [this](const auto& r) {
            api::DescribeNamespaceResponse out;
            out.mutable_namespace_info()->set_name(r.namespace_());
            *out.mutable_namespace_info()->mutable_capabilities() = capabilities;
            return out;
        });
        method<api::GetSystemInfoRequest>("GetSystemInfo", [](const auto&) { return api::GetSystemInfoResponse{}; });
        method<api::RecordWorkerHeartbeatRequest>("RecordWorkerHeartbeat", [this](const auto& r) {
            beats.push_back(r);
            return api::RecordWorkerHeartbeatResponse{};
        });
        method<api::ShutdownWorkerRequest>("ShutdownWorker", [this](const auto& r) {
            shutdowns.push_back(r);
            if (at_shutdown)
                at_shutdown();
            if (capabilities.worker_poll_complete_on_shutdown())
                desk_.end_polls();
            return api::ShutdownWorkerResponse{};
        });
        method<api::RespondActivityTaskCompletedRequest>("RespondActivityTaskCompleted", [this](const auto& r) {
            completed.push_back(r);
            return api::RespondActivityTaskCompletedResponse{};
        });
        method<api::RespondActivityTaskFailedRequest>("RespondActivityTaskFailed", [this](const auto& r) {
            failed.push_back(r);
            return api::RespondActivityTaskFailedResponse{};
        });
        method<api::RespondActivityTaskCanceledRequest>("RespondActivityTaskCanceled", [this](const auto& r) {
            canceled.push_back(r);
            return api::RespondActivityTaskCanceledResponse{};
        });
        method<api::RecordActivityTaskHeartbeatRequest>("RecordActivityTaskHeartbeat", [this](const auto& r) {
            heartbeats.push_back(r);
            return heartbeat_answer;
        });
        server_.handle(
            path_of("PollActivityTaskQueue"), [this](grpc::server_call call) { return poll(std::move(call)); });
        const auto ec = server_.listen();
        if (ec)
            std::abort();
    }

    [[nodiscard]] std::uint16_t port() const { return server_.port(); }
    [[nodiscard]] grpc::server& server() { return server_; }

    /// Goes to the poll that has waited longest, or to the next one.
    void add(api::PollActivityTaskQueueResponse task) { desk_.add(std::move(task)); }

    /// A task of this type with these arguments, as JSON.
    [[nodiscard]] api::PollActivityTaskQueueResponse task(
        const std::string& type, const std::vector<std::string>& arguments = {})
    {
        api::PollActivityTaskQueueResponse t;
        const std::string number = std::to_string(++made_);
        t.set_task_token("token-" + number);
        t.set_workflow_namespace("default");
        t.mutable_activity_type()->set_name(type);
        t.set_activity_id("id-" + number);
        t.set_activity_run_id("run-" + number);
        t.set_attempt(1);
        for (const std::string& a : arguments) {
            auto& p = *t.mutable_input()->add_payloads();
            (*p.mutable_metadata())["encoding"] = "json/plain";
            p.set_data(a);
        }
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now);
        t.mutable_started_time()->set_seconds(seconds.count());
        t.mutable_started_time()->set_nanos(static_cast<std::int32_t>((now - seconds).count()));
        *t.mutable_scheduled_time() = t.started_time();
        t.mutable_start_to_close_timeout()->set_seconds(60);
        return t;
    }

    /// One more method: `answer(request)` returns the response.
    template <class Request, class F>
    void method(const std::string& name, F answer)
    {
        server_.handle(path_of(name),
            [this, name, answer](grpc::server_call call) { return serve<Request>(name, answer, std::move(call)); });
    }
    static std::string path_of(const std::string& name)
    {
        return "/temporal.api.workflowservice.v1.WorkflowService/" + name;
    }

    /// The next calls of a method are answered so, one after the other.
    void script(const std::string& name, std::vector<scripted_answer> answers)
    {
        for (auto& a : answers)
            scripts_[name].push_back(std::move(a));
    }

    [[nodiscard]] std::size_t calls(const std::string& name) const
    {
        const auto at = calls_.find(name);
        return at == calls_.end() ? 0 : at->second;
    }
    [[nodiscard]] std::size_t parked_polls() const { return desk_.polls(); }

    /// Calls of this method wait until `release`.
    std::optional<std::string> held{};
    void release()
    {
        held.reset();
        for (asio::steady_timer* t : std::exchange(held_, {}))
            t->cancel();
    }
    [[nodiscard]] std::size_t calls_held() const { return held_.size(); }
    /// What calls of a method end with although they were heard, one after the other.
    std::map<std::string, std::deque<grpc::status>> refusals{};

    api::name_space::NamespaceInfo::Capabilities capabilities{};
    api::RecordActivityTaskHeartbeatResponse heartbeat_answer{};
    std::function<void()> at_shutdown{};

    std::vector<api::PollActivityTaskQueueRequest> polls{};
    std::vector<api::RespondActivityTaskCompletedRequest> completed{};
    std::vector<api::RespondActivityTaskFailedRequest> failed{};
    std::vector<api::RespondActivityTaskCanceledRequest> canceled{};
    std::vector<api::RecordActivityTaskHeartbeatRequest> heartbeats{};
    std::vector<api::RecordWorkerHeartbeatRequest> beats{};
    std::vector<api::ShutdownWorkerRequest> shutdowns{};
    std::vector<std::string> order{};  ///< The names of all calls, as they came.

private:
    template <class Request, class F>
    asio::awaitable<grpc::reply> serve(std::string name, F answer, grpc::server_call call)
    {
        ++calls_[name];
        order.push_back(name);
        auto script = co_await scripted(name);
        if (script)
            co_return std::move(*script);
        if (held == name) {
            asio::steady_timer t(*io_, std::chrono::steady_clock::time_point::max());
            held_.push_back(&t);
            co_await t.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        Request request;
        request.ParseFromString(call.request.message);
        grpc::reply out;
        out.message = answer(request).SerializeAsString();
        if (auto& r = refusals[name]; !r.empty()) {
            out.status = r.front();
            out.message.clear();
            r.pop_front();
        }
        co_return out;
    }

    asio::awaitable<std::optional<grpc::reply>> scripted(std::string name)
    {
        const auto at = scripts_.find(name);
        if (at == scripts_.end() || at->second.empty())
            co_return std::nullopt;
        scripted_answer a = std::move(at->second.front());
        at->second.pop_front();
        if (a.never) {
            asio::steady_timer forever(*io_, std::chrono::steady_clock::time_point::max());
            co_await forever.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        grpc::reply out;
        out.status = std::move(a.status);
        co_return out;
    }

    asio::awaitable<grpc::reply> poll(grpc::server_call call)
    {
        ++calls_["PollActivityTaskQueue"];
        order.push_back("PollActivityTaskQueue");
        auto script = co_await scripted("PollActivityTaskQueue");
        if (script)
            co_return std::move(*script);
        polls.emplace_back().ParseFromString(call.request.message);
        auto waits = desk_.poll();
        auto out = co_await std::move(waits);
        co_return out;
    }

    asio::io_context* io_;
    grpc::server server_;
    poll_desk<api::PollActivityTaskQueueResponse> desk_{*io_};
    std::vector<asio::steady_timer*> held_{};
    std::map<std::string, std::size_t> calls_{};
    std::map<std::string, std::deque<scripted_answer>> scripts_{};
    std::uint64_t made_ = 0;
};

}  // namespace fake
