// SPDX-License-Identifier: BSL-1.0
#pragma once

// A server on loopback that does what it is told, byte for byte.

#include "test_certificates.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace mayfly_test {

/// One thing that a scripted server does on a connection.
struct server_step {
    enum kind {
        read,    ///< Reads one request, head and body, and keeps it.
        send,    ///< Writes `bytes`.
        answer,  ///< Writes what `reply` says to the last request.
        tls,     ///< Goes on under TLS: after a CONNECT.
        hang,    ///< Takes and drops what comes until the client closes.
        stall,   ///< Reads nothing, and does not close, until the server stops.
        reset,   ///< Ends with a RST.
        again,   ///< From the start.
    };
    kind what = hang;
    std::string bytes{};
    std::function<std::string(const std::string& request)> reply{};
};

/// What happens on one connection. At the end it is closed, as a well-behaved server closes.
using server_script = std::vector<server_step>;

inline server_step read_request()
{
    return {server_step::read};
}
inline server_step send_bytes(std::string bytes)
{
    return {server_step::send, std::move(bytes)};
}
inline server_step send_reply(std::function<std::string(const std::string&)> reply)
{
    return {server_step::answer, {}, std::move(reply)};
}
inline server_step start_tls()
{
    return {server_step::tls};
}
inline server_step hang()
{
    return {server_step::hang};
}
inline server_step stall()
{
    return {server_step::stall};
}
inline server_step reset()
{
    return {server_step::reset};
}
inline server_step again()
{
    return {server_step::again};
}

/// A response with a body and its length.
inline std::string ok_response(std::string_view body, std::string_view more_fields = "")
{
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more_fields) +
           "\r\n" + std::string(body);
}

/// Answers every request so, as long as the client likes.
inline server_script always(std::string response)
{
    return {read_request(), send_bytes(std::move(response)), again()};
}

/// How a scripted server speaks TLS.
struct server_tls {
    certificate_and_key identity{};
    bool old = false;            ///< TLS 1.1 at most.
    bool from_the_start = true;  ///< Else only from a `start_tls` on.
};

/** Listens on a port of 127.0.0.1 (or another address) and plays a script on each connection: the first on the first,
    and so on; the last one on all that follow. Runs on the executor it is given, in one thread.
*/
class scripted_server {
public:
    scripted_server(boost::asio::any_io_executor executor, std::vector<server_script> scripts,
        std::optional<server_tls> tls = std::nullopt, const std::string& address = "127.0.0.1", std::uint16_t port = 0)
        : state_(std::make_shared<state>(std::move(executor), std::move(scripts)))
    {
        namespace asio = boost::asio;
        const asio::ip::tcp::endpoint at(asio::ip::make_address(address), port);
        state_->acceptor.open(at.protocol());
        state_->acceptor.set_option(asio::socket_base::reuse_address(true));
        state_->acceptor.bind(at);
        state_->acceptor.listen();
        state_->port = state_->acceptor.local_endpoint().port();
        if (tls)
            state_->use(*tls);
        asio::co_spawn(state_->acceptor.get_executor(), accept(state_), asio::detached);
    }

    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;
    ~scripted_server() { stop(); }

    [[nodiscard]] std::uint16_t port() const { return state_->port; }
    [[nodiscard]] std::size_t accepted() const { return state_->accepted; }
    [[nodiscard]] std::size_t open() const { return state_->sockets.size(); }  ///< Connections that have not ended.
    [[nodiscard]] const std::vector<std::string>& requests() const { return state_->requests; }
    /// Server names that clients asked for, one a handshake.
    [[nodiscard]] const std::vector<std::string>& names() const { return state_->names; }
    [[nodiscard]] std::size_t resumed() const { return state_->resumed; }  ///< Handshakes that continued a session.
    [[nodiscard]] std::size_t most_open() const { return state_->most_open; }

    /// Closes the port and all connections.
    void stop()
    {
        boost::system::error_code ignored;
        state_->acceptor.close(ignored);
        for (auto* s : state_->sockets)
            s->close(ignored);
    }

private:
    using tcp = boost::asio::ip::tcp;
    using error_code = boost::system::error_code;

    struct state {
        state(boost::asio::any_io_executor executor, std::vector<server_script> all)
            : acceptor(std::move(executor)), scripts(std::move(all))
        {}

        void use(const server_tls& how)
        {
            namespace ssl = boost::asio::ssl;
            tls.emplace(ssl::context::tls_server);
            if (how.old) {
                SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_VERSION);
                SSL_CTX_set_max_proto_version(tls->native_handle(), TLS1_1_VERSION);
                SSL_CTX_set_cipher_list(tls->native_handle(), "ALL:@SECLEVEL=0");
            }
            tls->use_certificate_chain(boost::asio::buffer(how.identity.certificate));
            tls->use_private_key(boost::asio::buffer(how.identity.key), ssl::context::pem);
            tls_first = how.from_the_start;
        }

        tcp::acceptor acceptor;
        std::uint16_t port = 0;
        std::vector<server_script> scripts;
        std::optional<boost::asio::ssl::context> tls{};
        bool tls_first = false;
        std::size_t accepted = 0;
        std::size_t resumed = 0;
        std::size_t most_open = 0;
        std::vector<std::string> requests{};
        std::vector<std::string> names{};
        std::list<tcp::socket*> sockets{};
    };

    /// One connection: `upper` once there is TLS.
    struct wire {
        tcp::socket lower;
        std::unique_ptr<boost::asio::ssl::stream<tcp::socket&>> upper{};
        std::string unread{};
        std::string request{};

        boost::asio::awaitable<bool> read_more()
        {
            char bytes[16 * 1024];
            const auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
            error_code ec;
            std::size_t n = 0;
            if (upper)
                std::tie(ec, n) = co_await upper->async_read_some(boost::asio::buffer(bytes), token);
            else
                std::tie(ec, n) = co_await lower.async_read_some(boost::asio::buffer(bytes), token);
            unread.append(bytes, n);
            co_return !ec;
        }

        boost::asio::awaitable<bool> write(std::string bytes)
        {
            const auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
            error_code ec;
            std::size_t n = 0;
            if (upper)
                std::tie(ec, n) = co_await boost::asio::async_write(*upper, boost::asio::buffer(bytes), token);
            else
                std::tie(ec, n) = co_await boost::asio::async_write(lower, boost::asio::buffer(bytes), token);
            co_return !ec;
        }
    };

    static boost::asio::awaitable<void> accept(std::shared_ptr<state> s)
    {
        const auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        for (;;) {
            auto [ec, socket] = co_await s->acceptor.async_accept(token);
            if (ec)
                co_return;
            const std::size_t which = std::min(s->accepted++, s->scripts.size() - 1);
            boost::asio::co_spawn(
                s->acceptor.get_executor(), play(s, std::move(socket), s->scripts[which]), boost::asio::detached);
        }
    }

    static boost::asio::awaitable<void> play(std::shared_ptr<state> s, tcp::socket socket, server_script script)
    {
        wire w{std::move(socket)};
        s->sockets.push_back(&w.lower);
        s->most_open = std::max(s->most_open, s->sockets.size());
        bool good = true;
        if (s->tls_first)
            good = co_await shake(*s, w);
        for (std::size_t i = 0; good && i < script.size(); ++i) {
            const server_step& step = script[i];
            switch (step.what) {
            case server_step::read: good = co_await read_one(*s, w); break;
            case server_step::send: good = co_await w.write(step.bytes); break;
            case server_step::answer: good = co_await w.write(step.reply(w.request)); break;
            case server_step::tls: good = co_await shake(*s, w); break;
            case server_step::hang:
                while (good) {
                    good = co_await w.read_more();
                    w.unread.clear();
                }
                break;
            case server_step::stall: {
                co_await w.lower.async_wait(tcp::socket::wait_error, boost::asio::as_tuple(boost::asio::use_awaitable));
                good = false;
                break;
            }
            case server_step::reset: {
                // A reset overtakes what was sent before it: let the client read that first.
                for (int turns = 0; turns < 20; ++turns)
                    co_await boost::asio::post(boost::asio::use_awaitable);
                error_code ignored;
                w.lower.set_option(boost::asio::socket_base::linger(true, 0), ignored);
                w.lower.close(ignored);
                good = false;
                break;
            }
            case server_step::again: i = static_cast<std::size_t>(-1); break;
            }
        }
        s->sockets.remove(&w.lower);
    }

    static boost::asio::awaitable<bool> shake(state& s, wire& w)
    {
        w.upper = std::make_unique<boost::asio::ssl::stream<tcp::socket&>>(w.lower, *s.tls);
        const auto [ec] = co_await w.upper->async_handshake(
            boost::asio::ssl::stream_base::server, boost::asio::as_tuple(boost::asio::use_awaitable));
        if (ec)
            co_return false;
        const char* const name = SSL_get_servername(w.upper->native_handle(), TLSEXT_NAMETYPE_host_name);
        s.names.emplace_back(name ? name : "");
        if (SSL_session_reused(w.upper->native_handle()) == 1)
            ++s.resumed;
        co_return true;
    }

    static std::size_t content_length(std::string_view head)
    {
        constexpr std::string_view name = "\r\nContent-Length: ";
        std::size_t length = 0;
        if (const auto at = head.find(name); at != head.npos)
            std::from_chars(head.data() + at + name.size(), head.data() + head.size(), length);
        return length;
    }

    static boost::asio::awaitable<bool> read_one(state& s, wire& w)
    {
        std::size_t end = 0;
        while ((end = w.unread.find("\r\n\r\n")) == std::string::npos) {
            const bool more = co_await w.read_more();
            if (!more)
                co_return false;
        }
        const std::size_t size = end + 4 + content_length(std::string_view(w.unread).substr(0, end));
        while (w.unread.size() < size) {
            const bool more = co_await w.read_more();
            if (!more)
                co_return false;
        }
        w.request = w.unread.substr(0, size);
        w.unread.erase(0, size);
        s.requests.push_back(w.request);
        co_return true;
    }

    std::shared_ptr<state> state_;
};

}  // namespace mayfly_test
