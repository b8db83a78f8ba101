// SPDX-License-Identifier: BSL-1.0
#pragma once

// A server, channels to it, and an executor that runs until something has happened.

#include <mayfly/grpc/channel.hpp>
#include <mayfly/grpc/server.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace grpc_test {

namespace asio = boost::asio;
namespace grpc = mayfly::grpc;
using boost::system::error_code;
using namespace std::chrono_literals;

/// What became of a call.
struct outcome {
    std::optional<error_code> ec{};
    grpc::reply reply{};
    asio::cancellation_signal stop{};

    [[nodiscard]] bool done() const { return ec.has_value(); }
    [[nodiscard]] grpc::status_code code() const { return reply.status.code; }
    [[nodiscard]] bool says(const std::string& words) const
    {
        return reply.status.message.find(words) != std::string::npos;
    }
};

struct world {
    asio::io_context io{1};

    /// Runs until it is so. False if that takes longer than any of these tests should.
    template <class Condition>
    bool until(Condition condition)
    {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            if (io.stopped())
                io.restart();
            if (std::chrono::steady_clock::now() > end || io.run_one_for(1s) == 0) {
                if (std::chrono::steady_clock::now() > end)
                    return false;
            }
        }
        return true;
    }

    /// Makes a call; the outcome comes in time.
    std::unique_ptr<outcome> call(
        grpc::channel& on, std::string path, std::string message, grpc::call_options own = {}, grpc::metadata more = {})
    {
        auto out = std::make_unique<outcome>();
        on.async_call({std::move(path), std::move(more), std::move(message)}, std::move(own),
            asio::bind_cancellation_slot(out->stop.slot(), [o = out.get()](error_code ec, grpc::reply r) {
                o->ec = ec;
                o->reply = std::move(r);
            }));
        return out;
    }

    /// Makes a call and waits for it.
    std::unique_ptr<outcome> ask(
        grpc::channel& on, std::string path, std::string message, grpc::call_options own = {}, grpc::metadata more = {})
    {
        auto out = call(on, std::move(path), std::move(message), std::move(own), std::move(more));
        if (!until([&] { return out->done(); }))
            out->ec = asio::error::timed_out;
        return out;
    }
};

/// Echoes messages, and holds those it is told to.
struct test_server {
    explicit test_server(world& w, grpc::server_options o = {}) : io(w.io), server(w.io.get_executor(), std::move(o))
    {
        server.handle("/t.T/Echo", [this](grpc::server_call c) -> asio::awaitable<grpc::reply> {
            ++calls;
            seen = c;
            grpc::reply r;
            r.message = c.request.message;
            r.metadata.add("m", "one");
            r.trailers.add("t-bin", std::string("\0two", 4));
            co_return r;
        });
        server.handle("/t.T/Hold", [this](grpc::server_call c) -> asio::awaitable<grpc::reply> {
            ++calls;
            ++holding;
            asio::steady_timer forever(io, std::chrono::steady_clock::time_point::max());
            held.push_back(&forever);
            error_code ec;
            co_await forever.async_wait(asio::redirect_error(asio::use_awaitable, ec));
            --holding;
            std::erase(held, &forever);
            const auto state = co_await asio::this_coro::cancellation_state;
            cancelled += state.cancelled() != asio::cancellation_type::none ? 1U : 0U;
            grpc::reply r;
            r.message = c.request.message;
            co_return r;
        });
        server.handle("/t.T/Fail", [](grpc::server_call c) -> asio::awaitable<grpc::reply> {
            grpc::reply r;
            r.status = {grpc::status_code::failed_precondition, c.request.message, "details"};
            r.trailers.add("why", "because");
            co_return r;
        });
        server.handle("/t.T/Throw", [](grpc::server_call) -> asio::awaitable<grpc::reply> {
            throw std::runtime_error("secret");
            co_return grpc::reply{};
        });
        server.handle("/t.T/Flaky", [this](grpc::server_call) -> asio::awaitable<grpc::reply> {
            grpc::reply r;
            if (++calls < 3)
                r.status = {grpc::status_code::unavailable, "not yet", {}};
            co_return r;
        });
        listening = !server.listen();
    }

    /// Lets the first of those go that are held.
    void release() { held.front()->cancel(); }

    asio::io_context& io;
    grpc::server server;
    bool listening = false;
    std::size_t calls = 0;
    std::size_t holding = 0;
    std::size_t cancelled = 0;
    std::vector<asio::steady_timer*> held{};
    grpc::server_call seen{};
};

/// Retries quickly.
inline grpc::channel_options quick()
{
    grpc::channel_options o;
    o.retry.wait = {1ms, 1, 1ms, 0};
    o.retry.exhausted_wait = {1ms, 1, 1ms, 0};
    o.reconnect = {1ms, 1.5, 10ms, 0};
    return o;
}

inline mayfly::http::origin plain(std::uint16_t port)
{
    return {false, "127.0.0.1", port};
}

}  // namespace grpc_test
