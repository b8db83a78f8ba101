// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/detail/server_core.hpp>
#include <mayfly/grpc/server_call.hpp>
#include <mayfly/grpc/server_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::grpc {

/** Serves unary calls: a port, and a coroutine for each method.

    A handler is `awaitable<reply>(server_call)`. It runs once a call, on the server's executor, any number of them at
   the same time. One that throws is answered for with INTERNAL. When the client gives the call up or goes away, when
   the deadline passes (which the server answers then) or the server is closed, the handler is cancelled (`terminal`),
   and its reply goes nowhere. Messages may come gzipped; replies are not compressed.

    Used from one thread or strand, which its executor is. It may go at any time: what runs is then closed.
*/
class server {
public:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;

    explicit server(boost::asio::any_io_executor executor, server_options options = {})
        : core_(std::make_shared<detail::server_core>(std::move(executor), std::move(options)))
    {}

    server(server&&) noexcept = default;
    server& operator=(server&&) = delete;
    ~server() { close(); }

    /// Serves this method, `/package.Service/Method`. Before `listen`.
    template <class Handler>
    void handle(std::string path, Handler handler)
    {
        core_->shared().handlers.insert_or_assign(std::move(path), std::move(handler));
    }

    /// Serves every method that has no handler of its own. Without it they are UNIMPLEMENTED.
    template <class Handler>
    void handle_others(Handler handler)
    {
        core_->shared().any = std::move(handler);
    }

    /// Opens the port and begins to serve. Called once. On failure nothing is left open.
    [[nodiscard]] error_code listen() { return core_->listen(); }

    /// Where it listens, with the port that was chosen. Known after `listen`.
    [[nodiscard]] const tcp::endpoint& local_endpoint() const noexcept { return core_->local(); }
    [[nodiscard]] std::uint16_t port() const noexcept { return core_->local().port(); }
    [[nodiscard]] std::size_t connections() const noexcept { return core_->connections(); }

    /** Stops gracefully: `void(error_code)`.

        The port is closed at once, and clients are told to make no more calls here. Those that run have `stop_grace` to
        end, then they are cancelled. Completes when no connection is left and no handler runs; one that does not heed
        its cancellation is waited for. Cancelling this (any type) ends the waiting, not the stopping.
    */
    template <class Token>
    auto async_stop(Token&& token)
    {
        return boost::asio::async_compose<Token, void(error_code)>(
            [core = core_, begun = false](auto& self, error_code = {}) mutable {
                namespace asio = boost::asio;
                if (!begun) {
                    begun = true;
                    self.reset_cancellation_state(asio::enable_total_cancellation());
                    core->stop();
                    // At least one trip through the executor, as for any operation.
                    auto& timer = core->ended();
                    if (core->connections() != 0)
                        return timer.async_wait(std::move(self));
                    return asio::post(core->executor(), std::move(self));
                }
                const bool cancelled = self.cancelled() != asio::cancellation_type::none;
                self.complete(core->connections() != 0 && cancelled ? asio::error::operation_aborted : error_code{});
            },
            token, core_->executor());
    }

    /// Stops at once: closes the port and every connection, and cancels the handlers.
    void close() noexcept
    {
        if (core_)
            core_->close();
    }

private:
    std::shared_ptr<detail::server_core> core_;
};

}  // namespace mayfly::grpc
