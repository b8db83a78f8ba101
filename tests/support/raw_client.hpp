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
#include <memory>
#include <string>
#include <string_view>
#include <utility>

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
    raw_client(boost::asio::io_context& io, std::uint16_t port) : io_(&io), state_(std::make_shared<state>(io))
    {
        state_->socket.connect({boost::asio::ip::make_address("127.0.0.1"), port});
        state_->socket.set_option(boost::asio::ip::tcp::no_delay(true));
        listen(state_);
    }

    void send(std::string_view bytes) { boost::asio::write(state_->socket, boost::asio::buffer(bytes)); }

    /// Sends however much there is, while the other side may be answering already.
    void send_all(const std::string& bytes)
    {
        bool done = false;
        boost::asio::async_write(state_->socket, boost::asio::buffer(bytes),
            [&done](boost::system::error_code, std::size_t) { done = true; });
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
        run_until(*io_, [&] { return (at = state_->got.find(end)) != std::string::npos || state_->ended; });
        if (at == std::string::npos)
            return {};
        std::string out = state_->got.substr(0, at + end.size());
        state_->got.erase(0, out.size());
        return out;
    }

    /// Waits for anything, and returns at most `limit` bytes of it. Empty at the end.
    std::string read_some(std::size_t limit)
    {
        run_until(*io_, [&] { return !state_->got.empty() || state_->ended; });
        std::string out = state_->got.substr(0, limit);
        state_->got.erase(0, out.size());
        return out;
    }

    /// Waits until the other side closes, and returns what came before.
    std::string read_to_end()
    {
        run_until(*io_, [&] { return state_->ended; });
        return state_->ended ? std::move(state_->got) : std::string("(still open)");
    }

    ~raw_client()
    {
        boost::system::error_code ignored;
        state_->socket.close(ignored);
    }
    raw_client(const raw_client&) = delete;
    raw_client& operator=(const raw_client&) = delete;

    [[nodiscard]] bool ended() const noexcept { return state_->ended; }

    void end_sending() { state_->socket.shutdown(boost::asio::socket_base::shutdown_send); }
    void close() { state_->socket.close(); }
    void reset()
    {
        state_->socket.set_option(boost::asio::socket_base::linger(true, 0));
        state_->socket.close();
    }

private:
    /// What the reading goes on with after this has gone.
    struct state {
        explicit state(boost::asio::io_context& io) : socket(io) {}
        boost::asio::ip::tcp::socket socket;
        std::array<char, 16 * 1024> bytes{};
        std::string got{};
        bool ended = false;
    };

    static void listen(std::shared_ptr<state> s)
    {
        auto& socket = s->socket;
        const auto into = boost::asio::buffer(s->bytes);
        socket.async_read_some(into, [s = std::move(s)](boost::system::error_code ec, std::size_t n) mutable {
            s->got.append(s->bytes.data(), n);
            if (!ec)
                return listen(std::move(s));
            s->ended = true;
        });
    }

    boost::asio::io_context* io_;
    std::shared_ptr<state> state_;
};

}  // namespace mayfly_test
