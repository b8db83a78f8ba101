// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mayfly::http::detail {

/// A TCP connection as an `exchange` wants it.
class plain_stream {
public:
    using socket = boost::asio::ip::tcp::socket;

    explicit plain_stream(socket s) : socket_(std::move(s)) {}

    [[nodiscard]] socket& lowest() noexcept { return socket_; }

    template <class Buffers>
    std::size_t write_now(const Buffers& buffers, boost::system::error_code& ec)
    {
        if (!socket_.non_blocking())
            socket_.non_blocking(true, ec);
        return socket_.write_some(buffers, ec);
    }

    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler&& handler)
    {
        socket_.async_write_some(buffers, std::forward<Handler>(handler));
    }

    template <class Buffers, class Handler>
    void async_read_some(const Buffers& buffers, Handler&& handler)
    {
        socket_.async_read_some(buffers, std::forward<Handler>(handler));
    }

private:
    socket socket_;
};

/** A socket that was connected, as if it had come that way.

    While it connects, Asio waits for it to become writable, and is told of that ever after: each time somebody begins
   to wait for something to read, the system would be asked once more than it has news.
*/
inline void forget_connecting(boost::asio::ip::tcp::socket& s)
{
    boost::system::error_code ec;
    const auto here = s.local_endpoint(ec);
    if (ec)
        return;
    const auto native = s.release(ec);
    if (ec)
        return;
    s.assign(here.protocol(), native, ec);
    if (ec)
        ::close(native);
}

/// For small messages that are answered at once, over a network that may drop what is silent.
inline void prepare_socket(boost::asio::ip::tcp::socket& s, std::chrono::seconds keep_alive)
{
    namespace asio = boost::asio;
    forget_connecting(s);
    boost::system::error_code ignored;
    s.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (keep_alive.count() <= 0)
        return;
    using idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
    using interval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
    const int seconds = static_cast<int>(keep_alive.count());
    s.set_option(asio::socket_base::keep_alive(true), ignored);
    s.set_option(idle(seconds), ignored);
    s.set_option(interval(std::max(1, seconds / 3)), ignored);
}

/// Whether an idle connection still is one: nothing has come on it, not even its end.
inline bool is_quiet(boost::asio::ip::tcp::socket& s)
{
    char byte = 0;
    const auto n = ::recv(s.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace mayfly::http::detail
