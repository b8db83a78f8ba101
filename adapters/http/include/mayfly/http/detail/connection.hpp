// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/client_options.hpp>
#include <mayfly/http/detail/dialer.hpp>
#include <mayfly/http/detail/exchange.hpp>
#include <mayfly/http/detail/phase.hpp>
#include <mayfly/http/detail/stream.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/proxy.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::http::detail {

class call;
class connection;

/// Who uses a connection, told from within its handlers.
class connection_user {
public:
    /// The time limit of this phase begins.
    virtual void entered(connection&, phase) = 0;
    /// What `serve` began is over: `c.take_response()` if there is no error. Else the connection is of no use.
    virtual void ended(connection&, boost::system::error_code, std::string words) = 0;

protected:
    ~connection_user() = default;
};

/// One connection to one origin, from its first address to its last response.
class connection : public std::enable_shared_from_this<connection> {
public:
    using error_code = boost::system::error_code;

    /// What is asked of it once.
    struct task {
        std::shared_ptr<const request> message{};
        response_limits limits{};
        std::chrono::milliseconds connect_limit{};  ///< For all addresses together; zero for none.
    };

    /// `options` and `tls` live as long as anybody uses it.
    connection(boost::asio::any_io_executor executor, http::origin to, const client_options& options, tls_source& tls)
        : executor_(std::move(executor)),
          origin_(std::move(to)),
          host_(host_header(origin_)),
          options_(options),
          tls_(tls),
          stream_(boost::asio::ip::tcp::socket(executor_)),
          exchange_(stream_)
    {}

    [[nodiscard]] const http::origin& origin() const noexcept { return origin_; }

    /// Something has been read or written on it before: it may have died unnoticed.
    [[nodiscard]] bool used() const noexcept { return served_ > 1; }

    /// Whose task it serves.
    [[nodiscard]] call* served_call() const noexcept { return call_; }

    /// Connects if it is not connected, and serves the task of this call. The end is not told before this has returned.
    /// Until then, or until `abandon`, `user` and `whose` stay.
    void serve(connection_user& user, call& whose, task t)
    {
        user_ = &user;
        call_ = &whose;
        ++served_;
        if (ready_)
            return begin(std::move(t));
        task_ = std::move(t);
        route();
    }

    /// Closes it in whatever it is doing, and tells nobody.
    void abandon()
    {
        user_ = nullptr;
        if (dialer_)
            dialer_->cancel();
        dialer_.reset();
        stream_.close();
    }

    /// Nobody uses it now; it stays open.
    void rest() noexcept
    {
        user_ = nullptr;
        exchange_.forget();
    }

    [[nodiscard]] bool is_quiet() { return stream_.is_quiet(); }
    [[nodiscard]] bool reusable() const { return exchange_.reusable(); }
    [[nodiscard]] bool response_begun() const { return exchange_.reader().begun(); }
    [[nodiscard]] response take_response() { return exchange_.take_response(); }

    /// What went wrong on the way to where it stands.
    [[nodiscard]] std::string words() const { return dialer_ ? dialer_->words() : std::string(); }

    // For `exchange` alone.
    using exchange_type = detail::exchange<stream>;
    [[nodiscard]] bool attached() const noexcept { return user_ != nullptr; }
    void moved(exchange_type::step s)
    {
        if (at_proxy_)
            return;
        switch (s) {
        case exchange_type::step::sending: return user_->entered(*this, phase::send);
        case exchange_type::step::sent: return user_->entered(*this, phase::response);
        case exchange_type::step::receiving: return user_->entered(*this, phase::body);
        }
    }
    void exchanged(error_code ec)
    {
        if (std::exchange(at_proxy_, false))
            return tunnel_opened(ec);
        user_->ended(*this, ec, {});
    }

private:
    void route()
    {
        auto via = proxy_for(options_.proxy, origin_);
        if (!via)
            return fail_later(via.error());
        proxy_ = *std::move(via);
        resolve(proxy_ ? proxy_->host : origin_.host, proxy_ ? proxy_->port : origin_.port);
    }

    void resolve(const std::string& host, std::uint16_t port)
    {
        dialer_ = std::make_shared<dialer>(executor_);
        dialer_->start(
            {.host = host, .port = port, .limit = task_.connect_limit, .resolve = options_.resolve},
            [self = shared_from_this()](dialer::step s) {
                if (self->attached())
                    self->user_->entered(*self, s == dialer::step::resolving ? phase::resolve : phase::connect);
            },
            [self = shared_from_this()](const error_code& ec, dialer::socket s, std::string words) {
                if (!self->attached())
                    return;
                self->dialer_.reset();
                if (ec)
                    return self->fail(ec, std::move(words));
                prepare_socket(s, self->options_.tcp_keep_alive);
                self->stream_.lowest() = std::move(s);
                self->connected();
            });
    }

    void connected()
    {
        if (!origin_.tls)
            return ready();
        if (proxy_)
            return open_tunnel();
        handshake();
    }

    void open_tunnel()
    {
        auto message = std::make_shared<const request>(verb::connect, authority(origin_), 11);
        request_form form;
        const std::string host = authority(origin_);
        form.host = host;
        form.proxy_authorization = proxy_->authorization;
        at_proxy_ = true;
        user_->entered(*this, phase::proxy);
        exchange_.start(shared_from_this(), std::move(message), form, {task_.limits.header, 0});
    }

    void tunnel_opened(const error_code& ec)
    {
        const std::string named = "proxy " + proxy_->host + ':' + std::to_string(proxy_->port);
        if (ec)
            return fail(errc::proxy_failed, named + ": " + ec.message());
        const response answer = exchange_.take_response();
        if (answer.result() == status::proxy_authentication_required)
            return fail(errc::proxy_denied, named);
        if (answer.result_int() / 100 != 2)
            return fail(errc::proxy_failed, named + " answered " + std::to_string(answer.result_int()));
        if (exchange_.unread() != 0)
            return fail(errc::proxy_failed, named + " sent more than its answer");
        handshake();
    }

    void handshake()
    {
        user_->entered(*this, phase::handshake);
        const auto context = tls_.get();
        if (context->error())
            return fail(context->error(), context->words());
        stream_.async_handshake(
            shared_from_this(), context, origin_, [self = shared_from_this()](const error_code& ec) {
                if (ec)
                    return self->fail(ec, self->stream_.words());
                self->ready();
            });
    }

    void ready()
    {
        ready_ = true;
        begin(std::move(task_));
    }

    void begin(task t)
    {
        request_form form;
        form.host = host_;
        if (proxy_ && !origin_.tls) {
            form.absolute = true;
            form.proxy_authorization = proxy_->authorization;
        }
        exchange_.start(shared_from_this(), std::move(t.message), form, t.limits);
    }

    void fail(error_code ec, std::string words) { user_->ended(*this, ec, std::move(words)); }

    void fail_later(error_code ec)
    {
        boost::asio::post(executor_, [self = shared_from_this(), ec] {
            if (self->attached())
                self->fail(ec, {});
        });
    }

    boost::asio::any_io_executor executor_;
    http::origin origin_;
    std::string host_;
    const client_options& options_;
    tls_source& tls_;
    connection_user* user_ = nullptr;
    call* call_ = nullptr;
    task task_{};
    std::optional<proxy> proxy_{};
    std::shared_ptr<dialer> dialer_{};
    stream stream_;
    exchange_type exchange_;
    std::uint64_t served_ = 0;
    bool at_proxy_ = false;
    bool ready_ = false;
};

}  // namespace mayfly::http::detail
