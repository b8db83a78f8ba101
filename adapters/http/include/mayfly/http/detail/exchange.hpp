// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/detail/request_text.hpp>
#include <mayfly/http/detail/response_reader.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/message.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::http::detail {

/** One request and its response after the other, over a stream that somebody else connects, times and closes.

    Buffers are kept from one exchange to the next. It writes as much as the stream takes at once; where it has to wait
    it reads at the same time, as a server may answer before it has heard everything.

    `Owner` holds the exchange and the stream, is kept alive by a `shared_ptr` while something is under way, and has

    `attached()`         false once nobody waits for this exchange any more: nothing further is done or told
    `moved(step)`        something went forward
    `exchanged(ec)`      it has ended; nothing is under way if `reusable()`, else the stream is to be closed

    @tparam Stream  `async_read_some`, `async_write_some`, and `write_now(buffers, ec)`: what it takes without waiting
*/
template <class Stream>
class exchange {
public:
    using error_code = boost::system::error_code;

    enum class step {
        sending,   ///< A part of the request is written, but not all of it.
        sent,      ///< All of it is.
        receiving  ///< The response's head is there, or a part of its body.
    };

    explicit exchange(Stream& stream) : stream_(stream) {}

    /// The request is kept until `forget` or the next start.
    template <class Owner>
    void start(const std::shared_ptr<Owner>& owner, std::shared_ptr<const request> message, const request_form& form,
        response_limits limits)
    {
        request_ = std::move(message);
        const verb method = request_->method();
        reader_.start(method != verb::head && method != verb::connect, limits);
        last_ = !request_->keep_alive();
        head_.clear();
        write_head(head_, *request_, form);
        // One small write, rather than a gathering one.
        joined_ = request_->body().size() <= small_body;
        if (joined_)
            head_ += request_->body();
        written_ = 0;
        sent_ = reading_ = ended_ = false;
        write_error_ = {};
        write(owner);
    }

    void forget() noexcept { request_.reset(); }
    [[nodiscard]] response take_response() { return reader_.release(); }
    [[nodiscard]] std::size_t unread() const noexcept { return in_.size(); }  ///< What came after the response.
    [[nodiscard]] const response_reader& reader() const noexcept { return reader_; }

    /// After an exchange that went well: another may follow on this stream.
    [[nodiscard]] bool reusable() const { return sent_ && !last_ && in_.size() == 0 && reader_.keep_alive(); }

private:
    static constexpr std::size_t small_body = 16 * 1024;
    static constexpr std::size_t read_size = 16 * 1024;

    [[nodiscard]] std::size_t size() const { return head_.size() + (joined_ ? 0 : request_->body().size()); }

    /// Calls `f` with what is still to be written, as one buffer where it is one.
    template <class F>
    auto with_unwritten(F f)
    {
        const auto head = boost::asio::const_buffer(head_.data(), head_.size()) + written_;
        if (joined_)
            return f(head);
        const auto body = boost::asio::const_buffer(request_->body().data(), request_->body().size());
        const std::array<boost::asio::const_buffer, 2> both{head, body + (written_ - (head_.size() - head.size()))};
        return head.size() == 0 ? f(both[1]) : f(both);
    }

    template <class Owner>
    void write(const std::shared_ptr<Owner>& owner)
    {
        error_code ec;
        while (written_ < size()) {
            const std::size_t n = with_unwritten([&](const auto& b) { return stream_.write_now(b, ec); });
            written_ += n;
            if (n == 0)
                break;
        }
        if (written_ == size() || (ec && ec != boost::asio::error::would_block))
            return wrote(owner, written_ == size() ? error_code() : ec);

        owner->moved(step::sending);
        with_unwritten([&](const auto& b) {
            stream_.async_write_some(b, [this, owner](error_code problem, std::size_t n) {
                if (!owner->attached() || ended_)
                    return;
                written_ += n;
                if (problem || written_ == size())
                    return wrote(owner, problem);
                write(owner);
            });
        });
        read(owner);
    }

    template <class Owner>
    void wrote(const std::shared_ptr<Owner>& owner, const error_code& ec)
    {
        // The server may have answered and closed before it heard everything. If so, its answer is there to be read.
        write_error_ = ec;
        sent_ = !ec;
        owner->moved(step::sent);
        read(owner);
    }

    template <class Owner>
    void read(const std::shared_ptr<Owner>& owner)
    {
        if (reading_)
            return;
        reading_ = true;
        stream_.async_read_some(in_.prepare(read_size), [this, owner](error_code ec, std::size_t n) {
            reading_ = false;
            if (owner->attached() && !ended_)
                received(owner, ec, n);
        });
    }

    template <class Owner>
    void received(const std::shared_ptr<Owner>& owner, const error_code& ec, std::size_t n)
    {
        in_.commit(n);
        error_code problem;
        in_.consume(reader_.put(in_.data(), problem));
        if (!problem && !reader_.done()) {
            if (ec)
                problem = meaning(ec);
            else if (in_.size() > reader_.most_unread())  // bounds what stands between chunks and behind them
                problem = errc::header_too_large;
            else {
                if (reader_.header_done())
                    owner->moved(step::receiving);
                return read(owner);
            }
        }
        ended_ = true;
        owner->exchanged(problem);
    }

    error_code meaning(const error_code& ec)
    {
        if (ec == boost::asio::error::eof) {
            const error_code end = reader_.put_eof();
            return end && write_error_ && !reader_.begun() ? make_error_code(errc::send_failed) : end;
        }
        if (reader_.begun())
            return errc::truncated;
        return write_error_ ? errc::send_failed : errc::connection_lost;
    }

    Stream& stream_;
    std::shared_ptr<const request> request_{};
    std::string head_{};
    boost::beast::flat_buffer in_{};
    response_reader reader_{};
    std::size_t written_ = 0;
    error_code write_error_{};
    bool joined_ = true;
    bool last_ = false;
    bool sent_ = false;
    bool reading_ = false;
    bool ended_ = false;
};

}  // namespace mayfly::http::detail
