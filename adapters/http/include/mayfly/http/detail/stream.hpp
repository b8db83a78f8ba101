// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/detail/certificate_words.hpp>
#include <mayfly/http/detail/plain_stream.hpp>
#include <mayfly/http/detail/tls_context.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/socket.h>

namespace mayfly::http::detail {

/** A TCP connection, with TLS on it once `async_handshake` or `async_accept` has gone well. As `exchange` wants it.

    OpenSSL reads and writes the socket itself, which is waited for where it has to: no byte is copied on the way, and
    a small request is one call.
*/
class stream {
public:
    using error_code = boost::system::error_code;
    using socket = plain_stream::socket;

    explicit stream(socket s) : plain_(std::move(s)) {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() { close(); }

    [[nodiscard]] socket& lowest() noexcept { return plain_.lowest(); }

    /// What went wrong in the handshake, in words.
    [[nodiscard]] const std::string& words() const noexcept { return words_; }

    /// Whether this connection continues a session of an earlier one.
    [[nodiscard]] bool resumed() const { return tls_ && SSL_session_reused(tls_.get()) == 1; }

    /// What both sides agreed on by ALPN; empty if they did not.
    [[nodiscard]] std::string_view protocol() const
    {
        const unsigned char* name = nullptr;
        unsigned size = 0;
        if (tls_)
            SSL_get0_alpn_selected(tls_.get(), &name, &size);
        return {reinterpret_cast<const char*>(name), size};
    }

    /// Nothing has come on it, not even its end.
    [[nodiscard]] bool is_quiet() { return !(tls_ && SSL_has_pending(tls_.get())) && detail::is_quiet(lowest()); }

    void close()
    {
        if (tls_ && established_ && !broken_) {
            ERR_clear_error();
            SSL_shutdown(tls_.get());  // says goodbye, and does not wait for an answer
            broken_ = true;
        }
        error_code ignored;
        lowest().close(ignored);
    }

    /// `done(error_code)`. `owner` keeps this alive, and says by `attached()` whether anybody still waits.
    template <class Owner, class Handler>
    void async_handshake(
        const std::shared_ptr<Owner>& owner, std::shared_ptr<tls_context> context, const origin& to, Handler done)
    {
        context_ = std::move(context);
        to_ = to;
        begin_tls();
        shake(owner, std::move(done));
    }

    /// The server's side of a handshake. `context` lives as long as this.
    template <class Owner, class Handler>
    void async_accept(const std::shared_ptr<Owner>& owner, SSL_CTX* context, Handler done)
    {
        put_tls_on(context);
        SSL_set_accept_state(tls_.get());
        shake(owner, std::move(done));
    }

    /// What has come, up to the buffer's size: `would_block` if that is nothing, and `blocked_on` tells what to wait
    /// for then. Not beside `async_read_some`.
    std::size_t read_now(boost::asio::mutable_buffer to, error_code& ec)
    {
        if (tls_)
            return read_records(to, ec);
        waits_for_ = socket::wait_read;
        if (!lowest().non_blocking())
            lowest().non_blocking(true, ec);
        return lowest().read_some(to, ec);
    }

    /// Something is there that `read_now` would find without asking the system.
    [[nodiscard]] bool holds_input() const { return tls_ && SSL_has_pending(tls_.get()) == 1; }

    /// What the last `read_now` or `write_now` waits for, if it ended with `would_block`.
    [[nodiscard]] socket::wait_type blocked_on() const noexcept { return waits_for_; }

    template <class Buffers>
    std::size_t write_now(const Buffers& buffers, error_code& ec)
    {
        if (!tls_) {
            waits_for_ = socket::wait_write;
            return plain_.write_now(buffers, ec);
        }
        ec = {};
        std::size_t total = 0;
        const auto end = boost::asio::buffer_sequence_end(buffers);
        for (auto at = boost::asio::buffer_sequence_begin(buffers); at != end; ++at) {
            boost::asio::const_buffer rest = *at;
            while (rest.size() != 0) {
                const std::size_t n = write_record(rest, ec);
                total += n;
                rest += n;
                if (n == 0)
                    return total;
            }
        }
        return total;
    }

    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler handler)
    {
        if (!tls_)
            return plain_.async_write_some(buffers, std::move(handler));
        lowest().async_wait(waits_for_, [this, buffers, handler = std::move(handler)](error_code ec) mutable {
            if (ec || !lowest().is_open())
                return handler(ec ? ec : boost::asio::error::operation_aborted, 0);
            const std::size_t n = write_now(buffers, ec);
            if (n == 0 && ec == boost::asio::error::would_block)
                return async_write_some(buffers, std::move(handler));
            handler(n == 0 ? ec : error_code(), n);
        });
    }

    template <class Handler>
    void async_read_some(boost::asio::mutable_buffer to, Handler handler)
    {
        if (!tls_)
            return plain_.async_read_some(to, std::move(handler));
        if (SSL_has_pending(tls_.get()))
            return boost::asio::post(lowest().get_executor(),
                [this, to, handler = std::move(handler)]() mutable { read_ready({}, to, std::move(handler)); });
        await_read(socket::wait_read, to, std::move(handler));
    }

private:
    template <class Handler>
    void await_read(socket::wait_type what, boost::asio::mutable_buffer to, Handler handler)
    {
        lowest().async_wait(what, [this, to, handler = std::move(handler)](
                                      const error_code& ec) mutable { read_ready(ec, to, std::move(handler)); });
    }

    template <class Handler>
    void read_ready(error_code ec, boost::asio::mutable_buffer to, Handler handler)
    {
        if (ec || !lowest().is_open())
            return handler(ec ? ec : boost::asio::error::operation_aborted, 0);
        const std::size_t n = read_records(to, ec);
        if (n == 0 && ec == boost::asio::error::would_block)
            return await_read(waits_for_, to, std::move(handler));
        handler(ec, n);
    }

    template <class Owner, class Handler>
    void shake(const std::shared_ptr<Owner>& owner, Handler done)
    {
        ERR_clear_error();
        system_error_ = 0;
        const int result = SSL_do_handshake(tls_.get());
        if (result == 1) {
            established_ = true;
            return done(error_code());
        }
        error_code ec = failure(result);
        if (ec != boost::asio::error::would_block)
            return done(handshake_error(ec));
        lowest().async_wait(waits_for_, [this, owner, done = std::move(done)](const error_code& problem) mutable {
            if (!owner->attached())
                return;
            if (problem)
                return done(handshake_error(problem));
            shake(owner, std::move(done));
        });
    }

    void put_tls_on(SSL_CTX* context)
    {
        tls_.reset(SSL_new(context));
        SSL* const s = tls_.get();
        SSL_set_ex_data(s, 0, this);
        BIO* const bio = BIO_new(socket_bio());
        BIO_set_data(bio, this);
        BIO_set_init(bio, 1);
        SSL_set_bio(s, bio, bio);
        error_code ignored;
        lowest().non_blocking(true, ignored);
    }

    void begin_tls()
    {
        put_tls_on(context_->native());
        SSL* const s = tls_.get();
        SSL_set_connect_state(s);
        if (context_->verifies())
            SSL_set_verify(s, SSL_VERIFY_PEER, &stream::verified);

        const std::string name = to_.host.substr(0, to_.host.size() - (to_.host.ends_with('.') ? 1 : 0));
        boost::system::error_code no_address;
        boost::asio::ip::make_address(name, no_address);
        if (!no_address)
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s), name.c_str());
        else {
            SSL_set_hostflags(s, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
            SSL_set1_host(s, name.c_str());
            SSL_ctrl(s, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, std::string(name).data());
        }
        SSL_CTX_sess_set_new_cb(context_->native(), &stream::session_made);
        if (SSL_SESSION* const before = context_->session(to_))
            SSL_set_session(s, before);
    }

    std::size_t write_record(boost::asio::const_buffer from, error_code& ec)
    {
        ERR_clear_error();
        system_error_ = 0;
        std::size_t n = 0;
        const int result = SSL_write_ex(tls_.get(), from.data(), from.size(), &n);
        ec = result == 1 ? error_code() : failure(result);
        return result == 1 ? n : 0;
    }

    /// As much as there is, up to the buffer's size. An error only with nothing read.
    std::size_t read_records(boost::asio::mutable_buffer to, error_code& ec)
    {
        std::size_t total = 0;
        ec = {};
        do {
            ERR_clear_error();
            system_error_ = 0;
            std::size_t n = 0;
            const int result = SSL_read_ex(tls_.get(), to.data(), to.size(), &n);
            if (result != 1) {
                if (total == 0)
                    ec = failure(result);
                return total;
            }
            total += n;
            to += n;
        } while (to.size() != 0 && SSL_has_pending(tls_.get()));
        return total;
    }

    /// What a call of OpenSSL ended with. `would_block` sets what to wait for.
    error_code failure(int result)
    {
        switch (SSL_get_error(tls_.get(), result)) {
        case SSL_ERROR_WANT_READ: waits_for_ = socket::wait_read; return boost::asio::error::would_block;
        case SSL_ERROR_WANT_WRITE: waits_for_ = socket::wait_write; return boost::asio::error::would_block;
        case SSL_ERROR_ZERO_RETURN: return boost::asio::error::eof;
        default: break;
        }
        broken_ = true;
        if (system_error_ != 0)
            return {system_error_, boost::system::system_category()};
        // Without TLS's own goodbye an end proves nothing: somebody may have cut it off.
        return boost::asio::error::connection_reset;
    }

    error_code handshake_error(const error_code& ec)
    {
        broken_ = true;
        const long verdict = SSL_get_verify_result(tls_.get());
        const auto reason = ERR_GET_REASON(ERR_peek_last_error());
        const std::string text = take_openssl_reason();
        if (verdict != X509_V_OK && SSL_get_verify_mode(tls_.get()) != SSL_VERIFY_NONE && !SSL_is_server(tls_.get()))
            return certificate_error(verdict);
        switch (reason) {
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: words_ = text + ": the server offers neither TLS 1.2 nor 1.3"; break;
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST: words_ = text + ": the server does not speak TLS on this port"; break;
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: words_ = "the server closed the connection"; break;
        default: words_ = !text.empty() ? text : ec.message();
        }
        return errc::handshake_failed;
    }

    static int verified(int good, X509_STORE_CTX* chain)
    {
        if (good != 1) {
            const auto* const s =
                static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
            auto& me = *static_cast<stream*>(SSL_get_ex_data(s, 0));
            me.words_ = certificate_words(
                X509_STORE_CTX_get_error(chain), X509_STORE_CTX_get_current_cert(chain), me.context_->trusted());
        }
        return good;
    }

    static int session_made(SSL* s, SSL_SESSION* session)
    {
        auto& me = *static_cast<stream*>(SSL_get_ex_data(s, 0));
        me.context_->keep_session(me.to_, openssl_ptr<SSL_SESSION>(session));
        return 1;  // it is ours now
    }

    // Not OpenSSL's own socket BIO: that one raises SIGPIPE.
    static const BIO_METHOD* socket_bio()
    {
        static const openssl_ptr<BIO_METHOD> method = [] {
            openssl_ptr<BIO_METHOD> m(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mayfly socket"));
            BIO_meth_set_write_ex(m.get(), &stream::bio_write);
            BIO_meth_set_read_ex(m.get(), &stream::bio_read);
            BIO_meth_set_ctrl(m.get(), &stream::bio_ctrl);
            return m;
        }();
        return method.get();
    }

    static int bio_write(BIO* bio, const char* from, std::size_t size, std::size_t* done)
    {
        auto& me = *static_cast<stream*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        const auto n = ::send(me.lowest().native_handle(), from, size, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
                BIO_set_retry_write(bio);
            else
                me.system_error_ = errno;
            return 0;
        }
        *done = static_cast<std::size_t>(n);
        return 1;
    }

    static int bio_read(BIO* bio, char* to, std::size_t size, std::size_t* done)
    {
        auto& me = *static_cast<stream*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        const auto n = ::recv(me.lowest().native_handle(), to, size, 0);
        if (n <= 0) {
            me.ended_ = n == 0;
            if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
                BIO_set_retry_read(bio);
            else if (n < 0)
                me.system_error_ = errno;
            return 0;
        }
        *done = static_cast<std::size_t>(n);
        return 1;
    }

    static long bio_ctrl(BIO* bio, int command, long, void*)
    {
        const auto& me = *static_cast<stream*>(BIO_get_data(bio));
        switch (command) {
        case BIO_CTRL_FLUSH: return 1;
        case BIO_CTRL_EOF: return me.ended_ ? 1 : 0;
        default: return 0;
        }
    }

    plain_stream plain_;
    std::shared_ptr<tls_context> context_{};
    origin to_{};
    openssl_ptr<SSL> tls_{};
    socket::wait_type waits_for_ = socket::wait_read;
    int system_error_ = 0;
    bool ended_ = false;
    bool established_ = false;
    bool broken_ = false;
    std::string words_{};
};

}  // namespace mayfly::http::detail
