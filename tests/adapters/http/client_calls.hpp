// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/client.hpp>
#include <mayfly/http/failure.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <utility>

#include <sys/socket.h>

namespace mayfly_test {

inline const mayfly::http::client_stats one_gone{.opened = 1, .closed = 1};

/// A request, and how it ended.
struct asked {
    boost::asio::cancellation_signal cancel{};
    int answers = 0;
    boost::system::error_code ec{};
    mayfly::http::response r{};

    [[nodiscard]] std::string text() const { return mayfly::http::failure_text(ec, r); }
};

/// A context with a time limit, and the requests that were made on it.
class client_bench {
public:
    boost::asio::io_context io{1};

    /// Runs until `done()` says so. False if that takes too long, or there is nothing more to do.
    template <class Done>
    bool run_until(Done done)
    {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        io.restart();
        while (!done()) {
            if (std::chrono::steady_clock::now() > end || io.run_one_until(end) == 0)
                return done();
        }
        return true;
    }

    asked& ask(mayfly::http::client& c, const mayfly::http::origin& to, mayfly::http::call_options own = {},
        mayfly::http::request message = {mayfly::http::verb::get, "/", 11})
    {
        asked& a = asked_.emplace_back();
        c.async_request(to, std::move(message), own,
            boost::asio::bind_cancellation_slot(
                a.cancel.slot(), [&a](boost::system::error_code ec, mayfly::http::response r) {
                    ++a.answers;
                    a.ec = ec;
                    a.r = std::move(r);
                }));
        return a;
    }

    /// Asks, and runs until the answer is there.
    asked& get(mayfly::http::client& c, const mayfly::http::origin& to, mayfly::http::call_options own = {},
        mayfly::http::request message = {mayfly::http::verb::get, "/", 11})
    {
        asked& a = ask(c, to, own, std::move(message));
        run_until([&] { return a.answers != 0; });
        return a;
    }

private:
    std::list<asked> asked_{};
};

inline mayfly::http::origin plain_origin(std::uint16_t port, std::string host = "127.0.0.1")
{
    return {false, std::move(host), port};
}

inline mayfly::http::origin tls_origin(std::uint16_t port, std::string host = "localhost")
{
    return {true, std::move(host), port};
}

/// A port that takes no connection and refuses none: its queue is full, and nobody accepts.
class silent_port {
public:
    explicit silent_port(boost::asio::io_context& io) : acceptor_(io)
    {
        using tcp = boost::asio::ip::tcp;
        const tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
        acceptor_.open(any.protocol());
        acceptor_.bind(any);
        acceptor_.listen(0);
        // As many as it takes until one is left waiting; the kernel drops the packets of all that follow.
        for (int i = 0; i < 4; ++i) {
            tcp::socket& s = fillers_.emplace_back(io);
            s.open(any.protocol());
            s.native_non_blocking(true);
            const tcp::endpoint to = acceptor_.local_endpoint();
            ::connect(s.native_handle(), to.data(), static_cast<socklen_t>(to.size()));  // Asio's own would wait
        }
    }

    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    boost::asio::ip::tcp::acceptor acceptor_;
    std::list<boost::asio::ip::tcp::socket> fillers_{};
};

}  // namespace mayfly_test
