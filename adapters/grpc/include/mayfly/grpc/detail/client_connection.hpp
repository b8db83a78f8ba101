// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/channel_options.hpp>
#include <mayfly/grpc/detail/client_session.hpp>
#include <mayfly/grpc/detail/link.hpp>
#include <mayfly/http/detail/dialer.hpp>
#include <mayfly/http/detail/plain_stream.hpp>
#include <mayfly/http/detail/tls_context.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::grpc::detail {

class client_connection;

/// Who has a connection, told from within its handlers.
class connection_owner {
public:
    /// Streams can be opened.
    virtual void ready(client_connection&) = 0;
    /// The server has shown that it is one.
    virtual void proven(client_connection&) = 0;
    /// The server wants no more streams. Those it has not looked at come back as refused.
    virtual void draining(client_connection&) = 0;
    /// A stream is over.
    virtual void over(client_connection&, client_stream&) = 0;
    /// It is no more. Its streams are got by `session().next_lost()`.
    virtual void closed(client_connection&, boost::system::error_code, std::string words) = 0;

protected:
    ~connection_owner() = default;
};

/// One connection to the server, from its first address to its last stream.
class client_connection final : public link_user, public std::enable_shared_from_this<client_connection> {
public:
    using error_code = boost::system::error_code;
    using clock = std::chrono::steady_clock;

    /// `owner`, `to`, `options` and `tls` stay until `abandon`, or until it is closed.
    client_connection(boost::asio::any_io_executor executor, connection_owner& owner, const http::origin& to,
        const channel_options& options, http::detail::tls_source& tls, std::chrono::milliseconds keepalive)
        : owner_(&owner),
          to_(to),
          options_(options),
          tls_(tls),
          keepalive_(keepalive),
          timer_(executor),
          link_(std::make_shared<link>(std::move(executor))),
          session_({.stream_window = options.stream_window,
                       .connection_window = options.connection_window,
                       .header_list = options.header_limit},
              {options.receive_limit, options.header_limit})
    {}

    client_connection(const client_connection&) = delete;
    client_connection& operator=(const client_connection&) = delete;
    ~client_connection() { link_->abandon(); }

    void connect()
    {
        begun_ = clock::now();
        timer_.expires_after(options_.connect_timeout);
        timer_.async_wait([self = weak_from_this()](const error_code& ec) {
            if (const auto me = self.lock(); me && !ec && me->owner_)
                me->too_late();
        });
        dialer_ = std::make_shared<http::detail::dialer>(link_->executor());
        dialer_->start(
            {.host = to_.host, .port = to_.port, .limit = options_.connect_timeout, .resolve = options_.resolve},
            [this](http::detail::dialer::step s) {
                at_ = s == http::detail::dialer::step::resolving ? step::resolving : step::connecting;
            },
            [self = shared_from_this()](const error_code& ec, http::detail::dialer::socket s, std::string words) {
                self->dialer_.reset();
                if (!self->owner_)
                    return;
                if (ec)
                    return self->close(ec, std::move(words));
                http::detail::prepare_socket(s, std::chrono::seconds(0));
                self->link_->stream().lowest() = std::move(s);
                self->connected();
            });
    }

    /// Closes it in whatever it is doing, and tells nobody. Streams that are open are the caller's again.
    void abandon()
    {
        owner_ = nullptr;
        if (dialer_)
            dialer_->cancel();
        dialer_.reset();
        timer_.cancel();
        link_->abandon();
    }

    [[nodiscard]] client_session& session() noexcept { return session_; }
    [[nodiscard]] bool can_start() const { return running_ && session_.can_start(); }
    [[nodiscard]] bool is_proven() const noexcept { return was_proven_; }
    [[nodiscard]] bool is_draining() const noexcept { return was_draining_; }
    /// It has done what a connection is there for, or at least held for a while.
    [[nodiscard]] bool was_useful() const { return useful_ || clock::now() - begun_ > std::chrono::seconds(1); }

    /// What the session has to say is written soon.
    void flush_soon() { link_->flush_soon(); }

private:
    void connected()
    {
        if (!to_.tls)
            return run();
        at_ = step::handshake;
        const auto context = tls_.get();
        if (context->error())
            return close(context->error(), context->words());
        http::origin named = to_;
        if (!options_.server_name.empty())
            named.host = http::detail::lower(options_.server_name);
        link_->stream().async_handshake(link_, context, named, [self = shared_from_this()](const error_code& ec) {
            if (!self->owner_)
                return;
            const std::string_view protocol = self->link_->stream().protocol();
            if (ec)
                return self->close(ec, self->link_->stream().words());
            if (protocol != "h2")
                return self->close(
                    http::errc::handshake_failed, "the server did not agree on \"h2\" by ALPN; is it a gRPC server?");
            self->run();
        });
    }

    void run()
    {
        at_ = step::settings;
        running_ = true;
        link_->run(*this, session_);
        owner_->ready(*this);
    }

    // link_user
    bool came(std::string_view bytes) override
    {
        const auto self = shared_from_this();
        const bool sense = session_.feed(bytes);
        if (session_.proven() && !std::exchange(was_proven_, true)) {
            keep_alive();
            owner_->proven(*this);
        }
        if (owner_ && session_.draining() && !std::exchange(was_draining_, true))
            owner_->draining(*this);
        hand_back();
        return sense;
    }

    // Some streams are over because they cannot be sent.
    void wrote() override
    {
        const auto self = shared_from_this();
        hand_back();
    }

    void hand_back()
    {
        while (client_stream* const s = owner_ ? session_.next_over() : nullptr) {
            useful_ = useful_ || s->answer.begun();
            owner_->over(*this, *s);
        }
    }

    void lost(error_code ec, std::string words) override
    {
        if (session_.draining() && session_.goaway_code() != 0)
            words += "; it said code " + std::to_string(session_.goaway_code()) + ' ' + session_.goaway_words();
        close(ec ? ec : boost::asio::error::eof, std::move(words));
    }

    void close(error_code ec, std::string words)
    {
        const auto self = shared_from_this();
        connection_owner* const owner = std::exchange(owner_, nullptr);
        abandon();
        if (owner)
            owner->closed(*this, ec, std::move(words));
    }

    void too_late()
    {
        if (at_ == step::handshake)
            return close(http::errc::handshake_timeout, {});
        if (at_ == step::settings)
            return close(http::errc::connect_timeout, "the server sent no HTTP/2 settings; is it a gRPC server?");
        const std::string words = dialer_ ? dialer_->words() : std::string();
        close(at_ == step::resolving ? http::errc::resolve_timeout : http::errc::connect_timeout, words);
    }

    void keep_alive()
    {
        timer_.cancel();
        if (keepalive_.count() <= 0)
            return;
        wait_until(clock::now() + keepalive_);
    }

    void wait_until(clock::time_point at)
    {
        timer_.expires_at(at);
        timer_.async_wait([self = weak_from_this()](const error_code& ec) {
            if (const auto me = self.lock(); me && !ec && me->owner_)
                me->look_after();
        });
    }

    void look_after()
    {
        const auto heard = link_->heard();
        const auto now = clock::now();
        if (pinged_ > heard)
            return close(boost::asio::error::timed_out, "the server did not answer a ping");
        if (now - heard < keepalive_)
            return wait_until(heard + keepalive_);
        pinged_ = now;
        session_.ping();
        flush_soon();
        wait_until(now + options_.keepalive_timeout);
    }

    enum class step { resolving, connecting, handshake, settings };

    connection_owner* owner_;
    const http::origin& to_;
    const channel_options& options_;
    http::detail::tls_source& tls_;
    std::chrono::milliseconds keepalive_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<link> link_;
    client_session session_;
    std::shared_ptr<http::detail::dialer> dialer_{};
    step at_ = step::resolving;
    clock::time_point begun_{};
    clock::time_point pinged_{};
    bool running_ = false;
    bool was_proven_ = false;
    bool was_draining_ = false;
    bool useful_ = false;
};

}  // namespace mayfly::grpc::detail
