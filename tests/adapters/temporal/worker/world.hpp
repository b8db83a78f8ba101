// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../../../support/conversation.hpp"
#include "../../../support/fake_frontend.hpp"

#include <mayfly/temporal/worker.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace worker_test {

namespace asio = boost::asio;
namespace api = mayfly::temporal::api;
namespace grpc = mayfly::grpc;
using namespace std::chrono_literals;
using namespace mayfly::temporal;
using boost::system::error_code;

/// A status whose details hold one message.
template <class Detail>
grpc::status with_detail(grpc::status_code code, const Detail& detail)
{
    api::common::GrpcStatus all;
    auto& any = *all.add_details();
    any.set_type_url("type.googleapis.com/" + detail.GetTypeName());
    any.set_value(detail.SerializeAsString());
    return {code, "words", all.SerializeAsString()};
}

/// A coroutine that waits until it is cancelled.
inline asio::awaitable<void> wait_for_ever(activity_context&)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::steady_clock::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
}

struct world : conversation::loop {
    fake::frontend server{io};
    activity_registry activities{};
    worker_config config = usual();
    std::vector<std::string> log{};
    std::shared_ptr<connection> wire{};
    std::optional<mayfly::temporal::worker> worker{};
    std::optional<error_code> started{};
    std::optional<error_code> drained{};

    static worker_config usual()
    {
        worker_config c;
        c.settings.task_queue = "work";
        c.settings.identity = "me@here";
        c.settings.stop_timeout = 10s;
        return c;
    }

    world() = default;
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    ~world() { end(); }

    /// To be called first by who has more that the server's handlers use.
    void end()
    {
        bool over = false;
        asio::post(io, [&] {
            worker.reset();
            if (wire)
                wire->close();
            server.server().close();
            asio::post(io, [&] { over = true; });
        });
        (void)until([&] { return over && io.poll_one() == 0; });
    }

    void make()
    {
        connection_options o;
        o.target = {false, "127.0.0.1", server.port()};
        o.channel.reconnect.first = 1ms;
        o.channel.reconnect.most = 5ms;
        o.retry.wait.first = 1ms;
        o.retry.wait.most = 5ms;
        wire = std::make_shared<connection>(io.get_executor(), std::move(o));
        config.activities = &activities;
        config.logger = [this](log_level, std::string_view words) { log.emplace_back(words); };
        worker.emplace(wire, config);
    }

    void start()
    {
        make();
        worker->async_start([this](error_code ec) { started = ec; });
        REQUIRE(until([&] { return started.has_value(); }));
    }

    /// Starts, and waits until the server has polls.
    void begin(std::size_t polls = 1)
    {
        start();
        REQUIRE(!*started);
        REQUIRE(until([&] { return server.parked_polls() >= polls; }));
    }

    void drain()
    {
        worker->async_drain([this](error_code ec) { drained = ec; });
    }

    [[nodiscard]] bool logged(std::string_view words) const
    {
        return std::any_of(
            log.begin(), log.end(), [&](const std::string& l) { return l.find(words) != std::string::npos; });
    }
};

/// The data of the only payload.
inline std::string result_of(const api::RespondActivityTaskCompletedRequest& r)
{
    return r.result().payloads_size() == 1 ? r.result().payloads(0).data() : "?";
}

}  // namespace worker_test
