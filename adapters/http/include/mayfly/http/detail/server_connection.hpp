// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/detail/feed.hpp>
#include <mayfly/http/detail/field_parser.hpp>
#include <mayfly/http/detail/http_date.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/server_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace mayfly::http::detail {

using server_handler =
    std::function<boost::asio::awaitable<response>(request, const boost::asio::ip::tcp::endpoint& peer)>;

/// An answer in plain words, which end the line.
[[nodiscard]] inline response plain_answer(status code, std::string_view words)
{
    response out{code, 11};
    out.set(field::content_type, "text/plain; charset=utf-8");
    out.body().append(words).append("\n");
    return out;
}

/// The answer to what the parser did not accept.
[[nodiscard]] inline response refusal(boost::system::error_code ec, const server_options& o)
{
    using error = boost::beast::http::error;
    if (ec == error::header_limit || ec == error::buffer_overflow)
        return plain_answer(status::request_header_fields_too_large,
            "The head of the request has more than " + std::to_string(o.header_limit) +
                " bytes, the limit here, or a field with more than 65533.");
    if (ec == error::body_limit)
        return plain_answer(status::payload_too_large,
            "The body of the request has more than " + std::to_string(o.body_limit) + " bytes, the limit here.");
    return plain_answer(status::bad_request, "This is not an HTTP/1.1 request: " + ec.message() + ".");
}

/// Whether it was the parser that complained, not the connection that ended.
[[nodiscard]] inline bool deserves_answer(boost::system::error_code ec) noexcept
{
    using error = boost::beast::http::error;
    return ec.category() == make_error_code(error::body_limit).category() && ec != error::end_of_stream &&
           ec != error::partial_message;
}

/// Makes an answer ready for the wire: `Date`, framing, and whether the connection stays.
inline void finish_answer(response& r, unsigned version, bool keep)
{
    const bool wanted = r.keep_alive();
    r.version(version);
    r.keep_alive(keep && wanted);
    if (r.find(field::date) == r.end())
        r.set(field::date, http_date(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())));
    const bool bodiless =
        r.result() == status::no_content || r.result() == status::not_modified ||
        boost::beast::http::to_status_class(r.result()) == boost::beast::http::status_class::informational;
    if (bodiless)
        r.body().clear();
    else
        r.prepare_payload();
}

/// What the server knows of one of its connections.
class server_connection {
public:
    using time_point = std::chrono::steady_clock::time_point;

    virtual ~server_connection() = default;
    /// Takes no further request; closes at once when there is none under way.
    virtual void leave() = 0;
    /// Closes at once, and cancels the handler.
    virtual void abort() = 0;

    /// Whether it is merely kept, for a request that may not come. One that has not had its first is no such.
    [[nodiscard]] bool idle() const noexcept { return idle_ && served_; }
    [[nodiscard]] time_point idle_since() const noexcept { return idle_since_; }

protected:
    bool idle_ = false;
    bool served_ = false;
    time_point idle_since_{};
};

/// Serves one connection: request by request, in order. Kept alive by its `run`.
template <class Stream>
class server_session final : public server_connection, public std::enable_shared_from_this<server_session<Stream>> {
public:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;
    static constexpr bool is_tls = !std::is_same_v<Stream, tcp::socket>;

    server_session(Stream stream, tcp::endpoint peer, std::shared_ptr<const server_options> options,
        std::shared_ptr<const server_handler> handler, std::function<void()> on_idle)
        : stream_(std::move(stream)),
          peer_(std::move(peer)),
          options_(std::move(options)),
          handler_(std::move(handler)),
          on_idle_(std::move(on_idle)),
          timer_(stream_.get_executor()),
          wake_(stream_.get_executor(), time_point::max())
    {}

    boost::asio::awaitable<void> run()
    {
        if constexpr (is_tls) {
            error_code ec;
            begin(options_->request_timeout);
            co_await stream_.async_handshake(
                boost::asio::ssl::stream_base::server, boost::asio::redirect_error(stoppable(), ec));
            end();
            if (ec)
                co_return close();
        }
        while (!leaving_) {
            if (buffer_.size() == 0) {
                co_await wait_for_request();
                if (leaving_)
                    break;
            }
            const bool stays = co_await serve_one();
            if (!stays)
                break;
        }
        if (!aborted_)
            co_await say_goodbye();
        close();
    }

    void leave() override
    {
        leaving_ = true;
        if (idle_)
            stop_.emit(boost::asio::cancellation_type::terminal);
    }

    void abort() override
    {
        idle_ = false;
        aborted_ = leaving_ = true;
        cancel_handler_.emit(boost::asio::cancellation_type::terminal);
        stop_.emit(boost::asio::cancellation_type::terminal);
        close();
    }

private:
    tcp::socket& socket() noexcept
    {
        if constexpr (is_tls)
            return stream_.next_layer();
        else
            return stream_;
    }

    void close() noexcept
    {
        error_code ignored;
        socket().close(ignored);
    }

    /// A token for the one operation of `run` that is waiting: `stop_` ends it.
    auto stoppable() { return boost::asio::bind_cancellation_slot(stop_.slot(), boost::asio::use_awaitable); }

    /// From here to `end()`, no longer than `limit`.
    void begin(std::chrono::milliseconds limit)
    {
        timed_out_ = false;
        timer_.expires_after(limit);
        timer_.async_wait([self = this->shared_from_this()](error_code ec) {
            // An expiry that was under way when the time was called off does not count.
            if (ec || self->timer_.expiry() > std::chrono::steady_clock::now())
                return;
            self->timed_out_ = true;
            self->stop_.emit(boost::asio::cancellation_type::terminal);
        });
    }
    void end()
    {
        timer_.expires_at(time_point::max());
        stop_.slot().clear();
    }

    boost::asio::awaitable<void> wait_for_request()
    {
        error_code ec;
        idle_ = true;
        idle_since_ = std::chrono::steady_clock::now();
        if (served_)
            on_idle_();
        begin(options_->idle_timeout);
        const std::size_t n =
            co_await stream_.async_read_some(buffer_.prepare(read_size), boost::asio::redirect_error(stoppable(), ec));
        end();
        idle_ = false;
        buffer_.commit(n);
        if (ec)
            leaving_ = true;
    }

    /// Whether the connection may be used again.
    boost::asio::awaitable<bool> serve_one()
    {
        namespace beast_http = boost::beast::http;
        field_parser<true> parser(options_->skip_long_fields);
        parser.header_limit(static_cast<std::uint32_t>(options_->header_limit));
        parser.body_limit(options_->body_limit);

        const error_code bad = co_await read(parser);
        if (aborted_ || (bad && !timed_out_ && !deserves_answer(bad)))
            co_return false;
        if (bad) {
            response out = timed_out_ ? plain_answer(status::request_timeout, "The request did not come to its end.")
                                      : refusal(bad, *options_);
            if (bad == beast_http::error::body_limit && options_->too_large)
                out = options_->too_large(parser.get());
            unread_ = true;
            co_await write(std::move(out), false, 11, false);
            co_return false;
        }

        request message = parser.release();
        // The handler takes the request with it; this much of it is needed afterwards.
        const bool head = message.method() == verb::head;
        const unsigned version = message.version();
        const bool stays = message.keep_alive();

        response out = co_await answer(std::move(message));
        served_ = true;
        if (aborted_)
            co_return false;
        // What a client sent before it ended its side is still answered.
        const bool more = !gone_ || buffer_.size() != 0;
        const bool written = co_await write(std::move(out), head, version, stays && more && !leaving_);
        co_return written && !leaving_;
    }

    template <class Parser>
    boost::asio::awaitable<error_code> read(Parser& parser)
    {
        error_code ec;
        begin(options_->request_timeout);
        ec = co_await read_until(parser, false);
        if (!ec && !parser.is_done() && boost::beast::iequals(parser.get()[field::expect], "100-continue")) {
            static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
            co_await boost::asio::async_write(
                stream_, boost::asio::buffer(go_on), boost::asio::redirect_error(stoppable(), ec));
        }
        if (!ec && !parser.is_done())
            ec = co_await read_until(parser, true);
        end();
        co_return ec;
    }

    /// Until the head is there, or the whole of the message.
    template <class Parser>
    boost::asio::awaitable<error_code> read_until(Parser& parser, bool whole)
    {
        parser.eager(whole);
        for (;;) {
            error_code ec;
            const std::size_t taken = feed(parser, buffer_.data(), ec);
            buffer_.consume(taken);
            if (!ec && parser.is_header_done() && !parser.chunked() &&
                parser.get().count(field::transfer_encoding) != 0)
                ec = boost::beast::http::error::bad_transfer_encoding;  // where such a body ends, nobody can tell
            if (ec || (whole ? parser.is_done() : parser.is_header_done()))
                co_return ec;
            if (taken != 0)
                continue;
            // This also bounds what stands between chunks and behind them.
            if (buffer_.size() > options_->header_limit)
                co_return boost::beast::http::error::header_limit;
            // A limit that was reached while a part was on its way to us has nothing left to stop.
            if (timed_out_ || aborted_)
                co_return boost::asio::error::operation_aborted;
            const std::size_t n = co_await stream_.async_read_some(
                buffer_.prepare(whole ? body_read_size : read_size), boost::asio::redirect_error(stoppable(), ec));
            buffer_.commit(n);
            if (ec)
                co_return ec;
        }
    }

    /// Runs the handler, and watches the connection meanwhile: a client that goes takes the handler with it.
    boost::asio::awaitable<response> answer(request message)
    {
        response out;
        bool done = false;
        auto heard = [&out, &done, self = this->shared_from_this()](std::exception_ptr failure, response r) {
            out = failure ? plain_answer(status::internal_server_error, "The server failed to answer this request.")
                          : std::move(r);
            done = true;
            self->stop_.emit(boost::asio::cancellation_type::terminal);
        };
        boost::asio::co_spawn(stream_.get_executor(), (*handler_)(std::move(message), peer_),
            boost::asio::bind_cancellation_slot(cancel_handler_.slot(), std::move(heard)));
        // The handler runs first, until it waits for something: most never do.
        co_await boost::asio::post(stream_.get_executor(), boost::asio::use_awaitable);
        if (gone_ && !done)
            cancel_handler_.emit(boost::asio::cancellation_type::terminal);
        while (!done) {
            error_code ec;
            if (gone_ || buffer_.size() >= options_->header_limit) {
                co_await wake_.async_wait(boost::asio::redirect_error(stoppable(), ec));
            } else {
                const std::size_t n = co_await stream_.async_read_some(
                    buffer_.prepare(read_size), boost::asio::redirect_error(stoppable(), ec));
                buffer_.commit(n);
                if (ec && !done) {
                    gone_ = true;
                    cancel_handler_.emit(boost::asio::cancellation_type::terminal);
                }
            }
            stop_.slot().clear();
        }
        cancel_handler_.slot().clear();
        co_return out;
    }

    boost::asio::awaitable<bool> write(response out, bool head_only, unsigned version, bool keep)
    {
        finish_answer(out, version, keep);
        error_code ec;
        boost::beast::http::response_serializer<boost::beast::http::string_body> serializer{out};
        begin(options_->write_timeout);
        if (head_only)
            co_await boost::beast::http::async_write_header(
                stream_, serializer, boost::asio::redirect_error(stoppable(), ec));
        else
            co_await boost::beast::http::async_write(stream_, serializer, boost::asio::redirect_error(stoppable(), ec));
        end();
        co_return !ec && out.keep_alive();
    }

    /// Ends politely. What the client still sends is read for a while if it was cut short: a socket that is closed with
    /// unread bytes is reset, and takes with it the answer that the client has not read yet.
    boost::asio::awaitable<void> say_goodbye()
    {
        error_code ec;
        begin(unread_ ? linger : last_word);
        if constexpr (is_tls) {
            co_await stream_.async_shutdown(boost::asio::redirect_error(stoppable(), ec));
            ec = {};
        }
        if (unread_)
            socket().shutdown(tcp::socket::shutdown_send, ec);
        while (unread_ && !ec && !timed_out_ && !aborted_) {
            buffer_.clear();
            co_await socket().async_read_some(buffer_.prepare(64 * 1024), boost::asio::redirect_error(stoppable(), ec));
        }
        end();
    }

    static constexpr std::size_t read_size = 4096;
    static constexpr std::size_t body_read_size = 64 * 1024;
    static constexpr std::chrono::milliseconds linger{2000};
    static constexpr std::chrono::milliseconds last_word{200};

    Stream stream_;
    tcp::endpoint peer_;
    std::shared_ptr<const server_options> options_;
    std::shared_ptr<const server_handler> handler_;
    std::function<void()> on_idle_;
    boost::asio::steady_timer timer_;
    boost::asio::steady_timer wake_;  // never expires
    boost::asio::cancellation_signal stop_;
    boost::asio::cancellation_signal cancel_handler_;
    boost::beast::flat_buffer buffer_;
    bool timed_out_ = false;
    bool leaving_ = false;
    bool aborted_ = false;
    bool gone_ = false;    // the client has ended its side
    bool unread_ = false;  // a request was refused before its end
};

}  // namespace mayfly::http::detail
