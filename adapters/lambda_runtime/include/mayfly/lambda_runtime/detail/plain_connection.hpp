// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/detail/response_reader.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/lambda_runtime/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>

namespace mayfly::lambda_runtime::detail {

/// "host:port", taken apart.
struct host_and_port {
    std::string host;  ///< Without brackets.
    std::uint16_t port = 0;
    friend bool operator==(const host_and_port&, const host_and_port&) = default;
};

[[nodiscard]] inline std::optional<host_and_port> read_address(std::string_view text)
{
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.find_first_of(":[]") != std::string_view::npos)
        return std::nullopt;
    host_and_port out;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    const bool number = ec == std::errc{} && end == digits.data() + digits.size() && out.port != 0;
    // Anything that would end the line it is written to is no host.
    if (!number || host.empty() || host.find_first_of("/@ \t\r\n") != std::string_view::npos)
        return std::nullopt;
    out.host = host;
    return out;
}

/// One kept connection of plain HTTP/1.1, and what goes over it: no TLS, no proxy, and no resolver for an address.
class plain_connection {
public:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;
    using answer = http::outcome<http::response>;

    plain_connection(const boost::asio::any_io_executor& executor, std::string address)
        : address_(std::move(address)), socket_(executor), limit_(executor)
    {}

    [[nodiscard]] const std::string& address() const noexcept { return address_; }
    /// In words, why the last call failed; empty if it did not.
    [[nodiscard]] const std::string& detail() const noexcept { return detail_; }

    /// Sends a request, whose head is complete, and reads the answer. Once more, over a new connection, if a kept one
    /// turns out to be closed before anything came back.
    boost::asio::awaitable<answer> exchange(std::string head, std::string_view body)
    {
        answer out;
        detail_.clear();
        for (;;) {
            if (co_await is_cancelled()) {
                out.ec = boost::asio::error::operation_aborted;
                co_return out;
            }
            const bool kept = socket_.is_open();
            if (!kept)
                out.ec = co_await connect();
            if (out.ec)
                co_return out;
            error_code sent;
            const std::array<boost::asio::const_buffer, 2> request{
                boost::asio::buffer(head), boost::asio::buffer(body.data(), body.size())};
            co_await boost::asio::async_write(
                socket_, request, boost::asio::redirect_error(boost::asio::use_awaitable, sent));

            http::detail::response_reader reader;
            reader.start(true, {header_limit, body_limit});
            error_code ec = sent;
            // The answer may be there although the request did not go out whole: one that says why.
            if (ec != boost::asio::error::operation_aborted)
                ec = co_await read(reader);
            if (!ec) {
                if (sent || !reader.keep_alive() || buffer_.size() != 0)
                    close();
                out.value = reader.release();
                co_return out;
            }
            const bool silent = !reader.begun() && buffer_.size() == 0;
            close();
            if (kept && silent && ec != boost::asio::error::operation_aborted)
                continue;
            out.ec = ec;
            if (ec != boost::asio::error::operation_aborted) {
                const bool garbled = ec == http::errc::bad_response || ec == http::errc::header_too_large ||
                                     ec == http::errc::body_too_large;
                out.ec = garbled ? errc::broken : errc::not_reached;
                detail_ = (garbled ? "the Runtime API at " + address_ + " did not answer in HTTP: "
                                   : "the connection to the Runtime API at " + address_ + " broke: ") +
                          ec.message();
            }
            co_return out;
        }
    }

    /// Sends a request and leaves it at that; the connection stays open.
    boost::asio::awaitable<error_code> begin(const std::string& head)
    {
        detail_.clear();
        error_code ec = boost::asio::error::operation_aborted;
        if (co_await is_cancelled())
            co_return ec;
        ec = co_await connect();
        if (!ec)
            co_await boost::asio::async_write(
                socket_, boost::asio::buffer(head), boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        co_return ec;
    }

private:
    static constexpr std::uint32_t header_limit = 1024 * 1024;
    static constexpr std::size_t read_size = 64 * 1024;
    static constexpr std::uint64_t body_limit = 64 * 1024 * 1024;
    static constexpr std::chrono::seconds connect_limit{1};

    /// Asked for before each step, since a cancellation that falls between two would otherwise go unheard.
    static boost::asio::awaitable<bool> is_cancelled()
    {
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        const auto state = co_await boost::asio::this_coro::cancellation_state;
        co_return state.cancelled() != boost::asio::cancellation_type::none;
    }

    boost::asio::awaitable<error_code> read(http::detail::response_reader& reader)
    {
        while (!reader.done()) {
            if (co_await is_cancelled())
                co_return boost::asio::error::operation_aborted;
            error_code ec;
            const std::size_t n = co_await socket_.async_read_some(
                buffer_.prepare(read_size), boost::asio::redirect_error(boost::asio::use_awaitable, ec));
            buffer_.commit(n);
            error_code problem;
            buffer_.consume(reader.put(buffer_.data(), problem));
            if (!problem && !reader.done() && ec)
                problem = ec == boost::asio::error::eof ? reader.put_eof() : ec;
            else if (!problem && !reader.done() && buffer_.size() > reader.most_unread())
                problem = http::errc::header_too_large;
            if (problem)
                co_return problem;
        }
        co_return error_code();
    }

    void close() noexcept
    {
        error_code ignored;
        socket_.close(ignored);
        buffer_.clear();
    }

    boost::asio::awaitable<error_code> connect()
    {
        const auto at = read_address(address_);
        if (!at) {
            detail_ = address_.empty() ? "AWS_LAMBDA_RUNTIME_API is not set: this program is started by Lambda, or by "
                                         "something that stands in for it"
                                       : "AWS_LAMBDA_RUNTIME_API is \"" + address_ + "\"; it should be host:port";
            co_return errc::bad_address;
        }
        error_code ec;
        late_ = false;
        limit_.expires_after(connect_limit);
        limit_.async_wait([this](error_code stopped) {
            // An expiry that was under way when the time was called off does not count.
            if (stopped || limit_.expiry() > std::chrono::steady_clock::now())
                return;
            late_ = true;
            close();
        });
        const auto ip = boost::asio::ip::make_address(at->host, ec);
        if (!ec) {
            ec = co_await connect_to({ip, at->port});
        } else {
            tcp::resolver resolver(socket_.get_executor());
            const auto found = co_await resolver.async_resolve(
                at->host, std::to_string(at->port), boost::asio::redirect_error(boost::asio::use_awaitable, ec));
            for (auto i = found.begin(); i != found.end() && !late_; ++i) {
                ec = co_await connect_to(i->endpoint());
                if (!ec)
                    break;
            }
        }
        limit_.expires_at(std::chrono::steady_clock::time_point::max());
        if (late_)
            ec = boost::asio::error::timed_out;
        if (!ec)
            co_return ec;
        close();
        if (ec != boost::asio::error::operation_aborted) {
            detail_ = "the Runtime API at " + address_ + " could not be connected to: " + ec.message();
            ec = errc::not_reached;
        }
        co_return ec;
    }

    boost::asio::awaitable<error_code> connect_to(tcp::endpoint to)
    {
        error_code ec;
        close();
        socket_.open(to.protocol(), ec);
        if (ec)
            co_return ec;
        error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
        ::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC);
        co_await socket_.async_connect(to, boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        co_return ec;
    }

    std::string address_;
    tcp::socket socket_;
    boost::asio::steady_timer limit_;
    boost::beast::flat_buffer buffer_;
    std::string detail_;
    bool late_ = false;
};

}  // namespace mayfly::lambda_runtime::detail
