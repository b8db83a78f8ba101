// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/detail/server_connection.hpp>
#include <mayfly/grpc/server_options.hpp>
#include <mayfly/http/detail/pem.hpp>
#include <mayfly/http/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace mayfly::grpc::detail {

/// A server's TLS: its identity, whom it lets in, and `h2` or nothing. Null if what is given cannot be used.
[[nodiscard]] inline std::shared_ptr<SSL_CTX> make_server_tls(const server_options& o)
{
    namespace pem = http::detail;
    const auto chain = pem::read_pem(o.certificate);
    const auto key = pem::read_pem(o.key);
    std::shared_ptr<SSL_CTX> c(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
    if (!c || !chain || !key || !pem::use_identity(c.get(), *chain, *key))
        return nullptr;
    SSL_CTX_set_min_proto_version(c.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(c.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(c.get(), 1);
    SSL_CTX_set_alpn_select_cb(
        c.get(),
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned in_size, void*) {
            static constexpr unsigned char ours[] = {2, 'h', '2'};
            unsigned char* chosen = nullptr;
            if (SSL_select_next_proto(&chosen, size, ours, sizeof ours, in, in_size) != OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_ALERT_FATAL;
            *out = chosen;
            return SSL_TLSEXT_ERR_OK;
        },
        nullptr);
    if (o.client_ca.empty())
        return c;
    const auto authorities = pem::read_pem(o.client_ca);
    if (!authorities || !pem::trust(c.get(), *authorities))
        return nullptr;
    constexpr unsigned char name[] = {'m', 'a', 'y', 'f', 'l', 'y'};
    SSL_CTX_set_session_id_context(c.get(), name, sizeof name);
    SSL_CTX_set_verify(c.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return c;
}

/// Accepts connections and keeps the list of them.
class server_core : public std::enable_shared_from_this<server_core> {
public:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;

    server_core(boost::asio::any_io_executor executor, server_options options)
        : acceptor_(executor),
          pause_(executor),
          grace_(executor),
          ended_(executor, std::chrono::steady_clock::time_point::max()),
          shared_(std::make_shared<server_shared>())
    {
        shared_->options = std::move(options);
    }

    [[nodiscard]] server_shared& shared() noexcept { return *shared_; }

    [[nodiscard]] error_code listen()
    {
        error_code ec;
        const server_options& o = shared_->options;
        const auto address = boost::asio::ip::make_address(o.address, ec);
        if (!ec && !(o.certificate.empty() && o.key.empty())) {
            shared_->tls = make_server_tls(o);
            if (!shared_->tls)
                ec = http::errc::bad_identity;
        }
        const tcp::endpoint at(address, o.port);
        if (!ec)
            acceptor_.open(at.protocol(), ec);
        if (!ec)
            keep_from_children(acceptor_);
        if (!ec)
            acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
        if (!ec)
            acceptor_.bind(at, ec);
        if (!ec)
            acceptor_.listen(boost::asio::socket_base::max_listen_connections, ec);
        if (!ec)
            local_ = acceptor_.local_endpoint(ec);
        if (ec) {
            error_code ignored;
            acceptor_.close(ignored);
            return ec;
        }
        accept();
        return {};
    }

    [[nodiscard]] const tcp::endpoint& local() const noexcept { return local_; }
    [[nodiscard]] std::size_t connections() const noexcept { return connections_.size(); }
    [[nodiscard]] boost::asio::any_io_executor executor() { return acceptor_.get_executor(); }
    /// Does not expire; is cancelled when the last connection has ended.
    [[nodiscard]] boost::asio::steady_timer& ended() noexcept { return ended_; }

    void stop()
    {
        if (std::exchange(stopping_, true))
            return;
        stop_accepting();
        for (const auto& c : std::vector(connections_))
            c->leave();
        if (connections_.empty())
            return;
        grace_.expires_after(shared_->options.stop_grace);
        grace_.async_wait([self = shared_from_this()](const error_code& ec) {
            if (!ec)
                self->close();
        });
    }

    void close()
    {
        stopping_ = true;
        stop_accepting();
        for (const auto& c : std::vector(connections_))
            c->close();
    }

private:
    template <class Socket>
    static void keep_from_children(Socket& s) noexcept
    {
        ::fcntl(s.native_handle(), F_SETFD, FD_CLOEXEC);
    }

    void stop_accepting()
    {
        error_code ignored;
        acceptor_.close(ignored);
        pause_.cancel();
    }

    void accept()
    {
        if (stopping_ || accepting_ || connections_.size() >= shared_->options.max_connections)
            return;
        accepting_ = true;
        acceptor_.async_accept([self = weak_from_this()](const error_code& ec, tcp::socket socket) {
            const auto me = self.lock();
            if (!me)
                return;
            me->accepting_ = false;
            if (me->stopping_)
                return;
            if (!ec) {
                me->serve(std::move(socket));
                return me->accept();
            }
            // Out of descriptors or memory, most likely: trying again at once would only turn in a circle.
            me->pause_.expires_after(std::chrono::milliseconds(100));
            me->pause_.async_wait([self](const error_code& stopped) {
                if (const auto again = self.lock(); again && !stopped)
                    again->accept();
            });
        });
    }

    void serve(tcp::socket socket)
    {
        error_code ec;
        keep_from_children(socket);
        socket.set_option(tcp::no_delay(true), ec);
        const tcp::endpoint peer = socket.remote_endpoint(ec);
        auto c = std::make_shared<server_connection>(
            acceptor_.get_executor(), shared_, [self = weak_from_this()](server_connection& gone) {
                if (const auto me = self.lock())
                    me->forget(gone);
            });
        connections_.push_back(c);
        c->start(std::move(socket), peer);
    }

    void forget(server_connection& gone)
    {
        std::erase_if(connections_, [&gone](const auto& c) { return c.get() == &gone; });
        if (!stopping_)
            return accept();
        if (connections_.empty()) {
            grace_.cancel();
            ended_.cancel();
        }
    }

    tcp::acceptor acceptor_;
    boost::asio::steady_timer pause_;
    boost::asio::steady_timer grace_;
    boost::asio::steady_timer ended_;
    std::shared_ptr<server_shared> shared_;
    tcp::endpoint local_{};
    std::vector<std::shared_ptr<server_connection>> connections_{};
    bool accepting_ = false;
    bool stopping_ = false;
};

}  // namespace mayfly::grpc::detail
