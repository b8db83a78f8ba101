// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../../../support/conversation.hpp"

#include <mayfly/grpc/server.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/embedded_service.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace registry_test {

namespace asio = boost::asio;
using namespace mayfly::temporal;
using namespace std::chrono_literals;
using boost::system::error_code;
using mayfly::deployment_version;
using mayfly::problem;
using mayfly::problems;

using conversation::answer;
using conversation::require_ok;

/// A service, and connections to it.
template <class Clock = mayfly::deadline_clock>
struct basic_world : conversation::loop {
    std::optional<basic_embedded_service<Clock>> service{};
    std::vector<std::shared_ptr<connection>> opened{};
    std::uint16_t port = 0;

    basic_world() { serve(); }
    basic_world(const basic_world&) = delete;
    basic_world& operator=(const basic_world&) = delete;
    ~basic_world()
    {
        for (const auto& c : opened)
            c->close();
        service.reset();
        io.restart();
        io.run_for(50ms);
    }

    void serve(embedded_options o = {})
    {
        o.port = port;
        service.emplace(io.get_executor(), std::move(o));
        REQUIRE(!service->listen());
        port = service->port();
    }

    std::shared_ptr<connection> connect(std::string identity = "me@here", std::string name_space = "default")
    {
        connection_options o;
        o.target = {false, "127.0.0.1", port};
        o.identity = std::move(identity);
        o.name_space = std::move(name_space);
        o.channel.reconnect.first = 1ms;
        o.channel.reconnect.most = 20ms;
        o.retry = mayfly::grpc::retry_policy::none();
        return opened.emplace_back(std::make_shared<connection>(io.get_executor(), std::move(o)));
    }
};

using world = basic_world<>;

/// A server that answers each method as it is told to.
struct scripted_world : conversation::loop {
    mayfly::grpc::server server{io.get_executor()};
    std::shared_ptr<connection> on{};
    std::map<std::string, int> calls{};

    scripted_world() = default;
    scripted_world(const scripted_world&) = delete;
    scripted_world& operator=(const scripted_world&) = delete;
    ~scripted_world()
    {
        on->close();
        server.close();
        io.restart();
        io.run_for(50ms);
    }

    /// `fill(request, response)` returns the status.
    template <class Request, class Response, class F>
    void answers(const std::string& name, F fill)
    {
        server.handle("/temporal.api.workflowservice.v1.WorkflowService/" + name,
            [this, name, fill](mayfly::grpc::server_call call) {
                ++calls[name];
                return serve<Request, Response>(fill, std::move(call));
            });
    }
    void listen()
    {
        REQUIRE(!server.listen());
        connection_options o;
        o.target = {false, "127.0.0.1", server.port()};
        o.identity = "me@here";
        o.retry = mayfly::grpc::retry_policy::none();
        o.poll_retry = mayfly::grpc::retry_policy::none();
        on = std::make_shared<connection>(io.get_executor(), std::move(o));
    }

private:
    template <class Request, class Response, class F>
    static asio::awaitable<mayfly::grpc::reply> serve(F fill, mayfly::grpc::server_call call)
    {
        Request request;
        request.ParseFromString(call.request.message);
        Response response;
        mayfly::grpc::reply out;
        out.status = fill(request, response);
        if (out.status.code == mayfly::grpc::status_code::ok)
            out.message = response.SerializeAsString();
        co_return out;
    }
};

inline const deployment_version one{"orders", "1"};
inline const deployment_version two{"orders", "2"};
inline constexpr const char* function = "arn:aws:lambda:us-east-1:123456789012:function:orders:1";

inline mayfly::scaling_group lambda_group(const std::string& arn = function)
{
    mayfly::scaling_group out;
    out.provider = mayfly::provider_spec{"aws-lambda", {{"arn", arn}}, ""};
    return out;
}

inline mayfly::compute_update give(mayfly::scaling_group group, std::string token = {}, std::string request = {})
{
    mayfly::compute_update out;
    out.change["default"].group = std::move(group);
    out.conflict_token = std::move(token);
    out.request_id = std::move(request);
    return out;
}

}  // namespace registry_test
