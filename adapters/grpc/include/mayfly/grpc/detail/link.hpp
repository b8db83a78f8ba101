// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/detail/session.hpp>
#include <mayfly/http/detail/stream.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::grpc::detail {

/// Who uses a link, told from within its handlers.
class link_user {
public:
    /// Bytes for the session, which is what they are to be fed to. False: they made no sense.
    virtual bool came(std::string_view bytes) = 0;
    /// Everything that there was to say has been written.
    virtual void wrote() = 0;
    /// The peer does not take what is written, as `stalled()` says.
    virtual void stalls() {}
    /// The link is of no use any more, and is heard no more. Without an error, both sides had said all.
    virtual void lost(boost::system::error_code, std::string words) = 0;

protected:
    ~link_user() = default;
};

/** Carries a session's bytes over a connection. It holds no buffer while nothing goes: it waits for the connection to
    become readable, and reads into the stack; what is written is kept only if the peer is slow to take it.
*/
class link : public std::enable_shared_from_this<link> {
public:
    using error_code = boost::system::error_code;
    using clock = std::chrono::steady_clock;

    explicit link(boost::asio::any_io_executor executor)
        : executor_(executor), stream_(boost::asio::ip::tcp::socket(std::move(executor)))
    {}

    [[nodiscard]] http::detail::stream& stream() noexcept { return stream_; }
    [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
    [[nodiscard]] bool attached() const noexcept { return attached_; }

    /// Begins to carry. `user` and `what` stay until `abandon`, or until it is told that the link is lost.
    void run(link_user& user, session& what)
    {
        user_ = &user;
        session_ = &what;
        heard_ = clock::now();
        flush_soon();
        read();
    }

    /// Closes it in whatever it is doing, and tells nobody.
    void abandon()
    {
        attached_ = false;
        user_ = nullptr;
        stream_.close();
    }

    /// Writes what the session has to say; not before this has returned.
    void flush_soon()
    {
        if (flushing_ || reading_ || writing_)
            return;
        flushing_ = true;
        boost::asio::post(executor_, [self = shared_from_this()] {
            self->flushing_ = false;
            self->flush();
        });
    }

    /// When the last bytes came.
    [[nodiscard]] clock::time_point heard() const noexcept { return heard_; }
    /// Since when the peer has not taken what is written; `max` if it has.
    [[nodiscard]] clock::time_point stalled() const noexcept { return writing_ ? stalled_ : clock::time_point::max(); }

private:
    static constexpr std::size_t chunk = 64 * 1024;
    static constexpr std::size_t kept = 1024;

    void read()
    {
        stream_.lowest().async_wait(read_waits_for_, [self = shared_from_this()](const error_code& ec) {
            if (self->user_)
                self->readable(ec);
        });
    }

    void readable(error_code ec)
    {
        if (ec)
            return lose(ec);
        char bytes[16 * 1024];
        reading_ = true;
        // A peer that never pauses must not keep everybody else waiting.
        for (int turns = 0; turns < 16; ++turns) {
            const std::size_t n = stream_.read_now(boost::asio::buffer(bytes), ec);
            if (ec)
                break;
            heard_ = clock::now();
            const bool sense = user_->came({bytes, n});
            if (!user_)
                return;
            if (!sense) {
                reading_ = false;
                flush();
                return user_ ? lose(boost::asio::error::invalid_argument) : void();
            }
            if (n < sizeof bytes && !stream_.holds_input())
                break;
        }
        reading_ = false;
        read_waits_for_ = boost::asio::ip::tcp::socket::wait_read;
        if (ec == boost::asio::error::would_block)
            read_waits_for_ = stream_.blocked_on();
        else if (ec)
            return lose(ec);
        flush();
        if (!user_)
            return;
        if (stream_.holds_input())
            return boost::asio::post(executor_, [self = shared_from_this()] {
                if (self->user_)
                    self->readable({});
            });
        read();
    }

    void flush()
    {
        if (writing_)
            return;  // what the peer has not taken yet goes first
        while (user_) {
            if (at_ == out_.size()) {
                at_ = 0;
                out_.clear();
                session_->pull(out_, chunk);
                if (out_.empty())
                    break;
            }
            error_code ec;
            const std::size_t n =
                stream_.write_now(boost::asio::const_buffer(out_.data() + at_, out_.size() - at_), ec);
            at_ += n;
            written_ += n;
            if (ec == boost::asio::error::would_block)
                return await_writable();
            if (ec)
                return lose(ec);
        }
        if (out_.capacity() > kept)
            out_ = {};
        if (user_ && session_->over())
            return lose(session_->broken() ? boost::asio::error::invalid_argument : error_code());
        if (user_)
            user_->wrote();
    }

    void await_writable()
    {
        if (std::exchange(stalled_at_, written_) != written_)
            stalled_ = clock::now();
        writing_ = true;
        stream_.lowest().async_wait(stream_.blocked_on(), [self = shared_from_this()](const error_code& ec) {
            self->writing_ = false;
            if (!self->user_)
                return;
            if (ec)
                return self->lose(ec);
            self->flush();
        });
        user_->stalls();
    }

    void lose(error_code ec)
    {
        link_user* const user = std::exchange(user_, nullptr);
        attached_ = false;
        stream_.close();
        std::string words = ec == boost::asio::error::eof ? "the peer closed the connection" : ec.message();
        if (ec == boost::asio::error::invalid_argument)
            words = "the peer does not speak HTTP/2" + (session_->words().empty() ? "" : ": " + session_->words());
        user->lost(ec, std::move(words));
    }

    boost::asio::any_io_executor executor_;
    http::detail::stream stream_;
    link_user* user_ = nullptr;
    session* session_ = nullptr;
    std::string out_{};
    std::size_t at_ = 0;
    clock::time_point heard_{};
    clock::time_point stalled_{};
    std::uint64_t written_ = 0;
    std::uint64_t stalled_at_ = ~std::uint64_t{0};
    boost::asio::ip::tcp::socket::wait_type read_waits_for_ = boost::asio::ip::tcp::socket::wait_read;
    bool attached_ = true;
    bool flushing_ = false;
    bool reading_ = false;
    bool writing_ = false;
};

}  // namespace mayfly::grpc::detail
