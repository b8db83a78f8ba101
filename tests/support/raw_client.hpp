// SPDX-License-Identifier: BSL-1.0
#pragma once

// A client on loopback that sends what it is told, byte for byte, and keeps what comes back.

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mayfly_test {

/// Runs the context until something is so. False if that takes more than ten seconds.
template <class Condition>
bool run_until(boost::asio::io_context& io, Condition condition)
{
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end)
            return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(50));
    }
    return true;
}

class raw_client {
public:
    raw_client(boost::asio::io_context& io, std::uint16_t port) : io_(&io), socket_(io)
    {
        socket_.connect({boost::asio::ip::make_address("127.0.0.1"), port});
        socket_.set_option(boost::asio::ip::tcp::no_delay(true));
        listen();
    }

    void send(std::string_view bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }

    /// Sends however much there is, while the other side may be answering already.
    void send_all(const std::string& bytes)
    {
        bool done = false;
        boost::asio::async_write(
            socket_, boost::asio::buffer(bytes), [&done](boost::system::error_code, std::size_t) { done = true; });
        run_until(*io_, [&] { return done; });
    }

    /// Byte by byte, with the other side getting its turn after each.
    void trickle(std::string_view bytes)
    {
        for (const char& c : bytes) {
            send({&c, 1});
            io_->restart();
            io_->poll();
        }
    }

    /// Waits until `end` has come, and returns what came up to it; the rest stays. Empty if it does not come.
    std::string read_to(std::string_view end)
    {
        std::size_t at = std::string::npos;
        run_until(*io_, [&] { return (at = got_.find(end)) != std::string::npos || ended_; });
        if (at == std::string::npos)
            return {};
        std::string out = got_.substr(0, at + end.size());
        got_.erase(0, out.size());
        return out;
    }

    /// Waits until the other side closes, and returns what came before.
    std::string read_to_end()
    {
        run_until(*io_, [&] { return ended_; });
        return ended_ ? std::move(got_) : std::string("(still open)");
    }

    [[nodiscard]] bool ended() const noexcept { return ended_; }

    void end_sending() { socket_.shutdown(boost::asio::socket_base::shutdown_send); }
    void close() { socket_.close(); }
    void reset()
    {
        socket_.set_option(boost::asio::socket_base::linger(true, 0));
        socket_.close();
    }

private:
    void listen()
    {
        socket_.async_read_some(boost::asio::buffer(bytes_), [this](boost::system::error_code ec, std::size_t n) {
            got_.append(bytes_.data(), n);
            if (!ec)
                return listen();
            ended_ = true;
        });
    }

    boost::asio::io_context* io_;
    boost::asio::ip::tcp::socket socket_;
    std::array<char, 16 * 1024> bytes_{};
    std::string got_;
    bool ended_ = false;
};

}  // namespace mayfly_test
