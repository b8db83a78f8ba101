// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/detail/server_connection.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/server_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace mayfly::http {

namespace detail {

/// Accepts connections and keeps the list of them. Shared by the server and its coroutines.
class server_core : public std::enable_shared_from_this<server_core> {
public:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;
    using tls_context = boost::asio::ssl::context;

    server_core(boost::asio::any_io_executor executor, server_handler handler, server_options options)
        : acceptor_(executor),
          pause_(executor),
          grace_(executor),
          ended_(executor, std::chrono::steady_clock::time_point::max()),
          options_(std::make_shared<const server_options>(std::move(options))),
          handler_(std::make_shared<const server_handler>(std::move(handler)))
    {}

    [[nodiscard]] error_code listen()
    {
        error_code ec;
        const auto address = boost::asio::ip::make_address(options_->address, ec);
        if (!ec && !options_->certificate.empty())
            ec = read_certificate();
        const tcp::endpoint at(address, options_->port);
        if (!ec)
            acceptor_.open(at.protocol(), ec);
        if (!ec)
            keep_from_children(acceptor_);
        if (!ec)
            acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
        if (!ec)
            acceptor_.bind(at, ec);
        if (!ec)
            acceptor_.listen(boost::asio::socket_base::max_listen_connections, ec);
        if (!ec)
            local_ = acceptor_.local_endpoint(ec);
        if (ec) {
            error_code ignored;
            acceptor_.close(ignored);
            return ec;
        }
        boost::asio::co_spawn(
            acceptor_.get_executor(), accept(), [self = shared_from_this()](std::exception_ptr failure) {
                if (failure)
                    self->close();
            });
        return {};
    }

    [[nodiscard]] const tcp::endpoint& local() const noexcept { return local_; }
    [[nodiscard]] std::size_t connections() const noexcept { return connections_.size(); }
    [[nodiscard]] boost::asio::any_io_executor executor() { return acceptor_.get_executor(); }
    /// Does not expire; is cancelled when the last connection has ended.
    [[nodiscard]] boost::asio::steady_timer& ended() noexcept { return ended_; }

    void stop()
    {
        if (stopping_)
            return;
        stop_accepting();
        each([](server_connection& c) { c.leave(); });
        if (connections_.empty())
            return;
        grace_.expires_after(options_->stop_grace);
        grace_.async_wait([self = shared_from_this()](error_code ec) {
            if (!ec)
                self->close();
        });
    }

    void close()
    {
        stop_accepting();
        each([](server_connection& c) { c.abort(); });
    }

private:
    template <class Socket>
    static void keep_from_children(Socket& s) noexcept
    {
        ::fcntl(s.native_handle(), F_SETFD, FD_CLOEXEC);
    }

    void stop_accepting()
    {
        error_code ignored;
        stopping_ = true;
        acceptor_.close(ignored);
        pause_.cancel();
    }

    [[nodiscard]] error_code read_certificate()
    {
        const auto is_text = [](const std::string& s) { return s.find("-----BEGIN ") != std::string::npos; };
        error_code ec;
        tls_.emplace(tls_context::tls_server);
        tls_->set_options(tls_context::default_workarounds | tls_context::no_tlsv1 | tls_context::no_tlsv1_1, ec);
        if (!ec && is_text(options_->certificate))
            tls_->use_certificate_chain(boost::asio::buffer(options_->certificate), ec);
        else if (!ec)
            tls_->use_certificate_chain_file(options_->certificate, ec);
        if (!ec && is_text(options_->key))
            tls_->use_private_key(boost::asio::buffer(options_->key), tls_context::pem, ec);
        else if (!ec)
            tls_->use_private_key_file(options_->key, tls_context::pem, ec);
        return ec;
    }

    boost::asio::awaitable<void> accept()
    {
        constexpr std::chrono::milliseconds shortest{5};
        constexpr std::chrono::milliseconds longest{1000};
        std::chrono::milliseconds wait = shortest;
        while (!stopping_) {
            error_code ec;
            if (connections_.size() >= options_->max_connections) {
                co_await acceptor_.async_wait(
                    tcp::acceptor::wait_read, boost::asio::redirect_error(boost::asio::use_awaitable, ec));
                if (!stopping_ && connections_.size() >= options_->max_connections) {
                    make_room();
                    pause_.expires_at(std::chrono::steady_clock::time_point::max());
                    co_await pause_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
                }
                continue;
            }
            tcp::socket socket(acceptor_.get_executor());
            tcp::endpoint peer;
            co_await acceptor_.async_accept(socket, peer, boost::asio::redirect_error(boost::asio::use_awaitable, ec));
            if (stopping_)
                break;
            if (!ec) {
                wait = shortest;
                serve(std::move(socket), peer);
                continue;
            }
            // Out of descriptors or memory, most likely: trying again at once would only turn in a circle.
            pause_.expires_after(wait);
            wait = std::min(2 * wait, longest);
            co_await pause_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        }
    }

    /// Sends the connection away that has been idle for longest, if any is.
    void make_room()
    {
        std::shared_ptr<server_connection> oldest;
        for (const auto& weak : connections_) {
            auto c = weak.lock();
            if (c && c->idle() && (!oldest || c->idle_since() < oldest->idle_since()))
                oldest = std::move(c);
        }
        if (oldest)
            oldest->abort();
    }

    void serve(tcp::socket socket, const tcp::endpoint& peer)
    {
        error_code ignored;
        keep_from_children(socket);
        socket.set_option(tcp::no_delay(true), ignored);
        if (tls_)
            start<boost::asio::ssl::stream<tcp::socket>>({std::move(socket), *tls_}, peer);
        else
            start<tcp::socket>(std::move(socket), peer);
    }

    template <class Stream>
    void start(Stream stream, const tcp::endpoint& peer)
    {
        const auto session = std::make_shared<server_session<Stream>>(
            std::move(stream), peer, options_, handler_, [this] { pause_.cancel(); });
        connections_.push_back(session);
        boost::asio::co_spawn(
            acceptor_.get_executor(), session->run(), [self = shared_from_this(), session](std::exception_ptr failure) {
                if (failure)
                    session->abort();
                self->forget(session);
            });
    }

    /// Does something to each connection that there is now.
    template <class Do>
    void each(Do what)
    {
        for (const auto& weak : std::vector(connections_))
            if (const auto c = weak.lock())
                what(*c);
    }

    void forget(const std::shared_ptr<const server_connection>& gone)
    {
        connections_.erase(std::find_if(connections_.begin(), connections_.end(),
            [&gone](const auto& weak) { return !weak.owner_before(gone) && !gone.owner_before(weak); }));
        if (!stopping_) {
            // There may be room now; a pause after a failure is merely cut short.
            pause_.cancel();
        } else if (connections_.empty()) {
            grace_.cancel();
            ended_.cancel();
        }
    }

    tcp::acceptor acceptor_;
    boost::asio::steady_timer pause_;
    boost::asio::steady_timer grace_;
    boost::asio::steady_timer ended_;
    std::shared_ptr<const server_options> options_;
    std::shared_ptr<const server_handler> handler_;
    std::optional<tls_context> tls_;
    tcp::endpoint local_;
    // Weak: an executor that goes takes them along without a word.
    std::vector<std::weak_ptr<server_connection>> connections_;
    bool stopping_ = false;
};

}  // namespace detail

/** A small HTTP/1.1 server: a port, and a coroutine that answers.

    The handler is `awaitable<response>(request)`, or `awaitable<response>(request, const tcp::endpoint& peer)`. It runs
    once a request, on the server's executor, for several connections at the same time but for one connection in the
    order of its requests. It sets status, body and what headers it likes; length, `Date` and connection handling are
    the server's. One that throws is answered for with 500. When the client goes away, or the server is closed, the
    handler is cancelled (`terminal`); its answer then goes nowhere.

    Used from one thread or strand, which its executor is. It may go at any time: what runs is then closed.
*/
class server {
public:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;

    template <class Handler>
    server(boost::asio::any_io_executor executor, Handler handler, server_options options = {})
        : core_(
              std::make_shared<detail::server_core>(std::move(executor), erase(std::move(handler)), std::move(options)))
    {}

    server(server&&) noexcept = default;
    server& operator=(server&&) = delete;
    ~server() { close(); }

    /// Opens the port and begins to serve. Called once. On failure nothing is left open.
    [[nodiscard]] error_code listen() { return core_->listen(); }

    /// Where it listens, with the port that was chosen. Known after `listen`.
    [[nodiscard]] const tcp::endpoint& local_endpoint() const noexcept { return core_->local(); }
    [[nodiscard]] std::uint16_t port() const noexcept { return core_->local().port(); }
    [[nodiscard]] std::size_t connections() const noexcept { return core_->connections(); }

    /** Stops gracefully: `void(error_code)`.

        The port and idle connections are closed at once. Running handlers have `stop_grace` to end, then they are
        cancelled. Completes when no connection is left; one whose handler does not heed its cancellation is waited for.
        Cancelling this (any type) ends the waiting, not the stopping.
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
    template <class Handler>
    static detail::server_handler erase(Handler handler)
    {
        if constexpr (std::is_invocable_v<Handler&, request, const tcp::endpoint&>)
            return handler;
        else
            return [handler = std::move(handler)](
                       request r, const tcp::endpoint&) mutable { return handler(std::move(r)); };
    }

    std::shared_ptr<detail::server_core> core_;
};

}  // namespace mayfly::http
