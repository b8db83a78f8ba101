// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../../../support/conversation.hpp"

#include <mayfly/temporal/client.hpp>
#include <mayfly/temporal/embedded_service.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>

namespace client_test {

namespace asio = boost::asio;
using namespace mayfly::temporal;
using namespace std::chrono_literals;
using boost::system::error_code;

using conversation::answer;
using conversation::check_ok;
using conversation::require_ok;

/// A service, and a connection to it.
struct world : conversation::loop {
    embedded_service service{io.get_executor()};
    std::shared_ptr<connection> on{};

    world()
    {
        REQUIRE(!service.listen());
        connection_options o;
        o.target = {false, "127.0.0.1", service.port()};
        o.identity = "me@here";
        on = std::make_shared<connection>(io.get_executor(), std::move(o));
    }
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    ~world()
    {
        on->close();
        service.async_stop([](error_code) {});
        io.restart();
        io.run_for(100ms);
    }

    /// The next task of the queue, as a worker gets it.
    asio::awaitable<api::PollActivityTaskQueueResponse> take(std::string queue = "q", std::string build_id = {})
    {
        api::PollActivityTaskQueueRequest request;
        request.set_namespace_("default");
        request.set_identity("worker@here");
        request.mutable_task_queue()->set_name(queue);
        if (!build_id.empty()) {
            auto& d = *request.mutable_deployment_options();
            d.set_deployment_name("orders");
            d.set_build_id(build_id);
            d.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
        }
        auto [ec, r] = co_await on->async_call(methods::poll_activity_task_queue, request, answer);
        check_ok(ec, r.status);
        co_return r.value;
    }
};

}  // namespace client_test
