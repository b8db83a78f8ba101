// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/detail/pem.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/tls.hpp>
#include <mayfly/http/url.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace mayfly::http::detail {

struct openssl_free {
    void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
    void operator()(SSL* p) const noexcept { SSL_free(p); }
    void operator()(SSL_SESSION* p) const noexcept { SSL_SESSION_free(p); }
    void operator()(BIO_METHOD* p) const noexcept { BIO_meth_free(p); }
    void operator()(X509* p) const noexcept { X509_free(p); }
    void operator()(GENERAL_NAMES* p) const noexcept { GENERAL_NAMES_free(p); }
};
template <class T>
using openssl_ptr = std::unique_ptr<T, openssl_free>;

/// The reason of the last error in OpenSSL's queue, which is emptied. May be empty.
inline std::string take_openssl_reason()
{
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    std::string out = reason ? reason : "";
    ERR_clear_error();
    return out;
}

/// What all TLS connections of a client share: whom to trust, and the sessions that can be resumed.
class tls_context {
public:
    /// Reads the trust store. Check `error()` before anything else is done with it. `protocol` is the one that is
    /// offered by ALPN.
    explicit tls_context(const tls_options& options, const std::string& protocol = "http/1.1")
        : store_(find_trust_store(options,
              [](const std::string& path) {
                  std::error_code ignored;
                  return std::filesystem::exists(path, ignored);
              })),
          context_(SSL_CTX_new(TLS_client_method()))
    {
        ERR_clear_error();
        if (!context_)
            fail(errc::handshake_failed, take_openssl_reason());
        else
            set_up(protocol);
    }

    tls_context(const tls_context&) = delete;
    tls_context& operator=(const tls_context&) = delete;

    [[nodiscard]] boost::system::error_code error() const noexcept { return error_; }
    [[nodiscard]] const std::string& words() const noexcept { return words_; }
    [[nodiscard]] SSL_CTX* native() const noexcept { return context_.get(); }

    /// Where the trusted authorities come from, for people.
    [[nodiscard]] std::string trusted() const
    {
        if (!store_.ca_file.empty())
            return store_.ca_file;
        return store_.ca_directory.empty() ? "tls_options::ca" : store_.ca_directory;
    }

    /// Whether a server's certificate matters.
    [[nodiscard]] bool verifies() const noexcept { return !store_.dangerously_accept_any_certificate; }

    /// A session to resume; may be null. It stays ours.
    [[nodiscard]] SSL_SESSION* session(const origin& to) const
    {
        const auto at = sessions_.find(to);
        return at == sessions_.end() ? nullptr : at->second.get();
    }

    void keep_session(const origin& to, openssl_ptr<SSL_SESSION> s)
    {
        if (sessions_.size() >= most_sessions && !sessions_.contains(to))
            sessions_.erase(sessions_.begin());
        sessions_[to] = std::move(s);
    }

private:
    static constexpr std::size_t most_sessions = 256;

    void set_up(const std::string& protocol)
    {
        SSL_CTX* const c = context_.get();
        SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
        SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_read_ahead(c, 1);  // one read for a record's head and its content
        SSL_CTX_set_verify(c, verifies() ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        const std::string offered = static_cast<char>(protocol.size()) + protocol;
        SSL_CTX_set_alpn_protos(
            c, reinterpret_cast<const unsigned char*>(offered.data()), static_cast<unsigned>(offered.size()));
        if (!store_.certificate.empty() || !store_.key.empty())
            identify();
        if (verifies() && !error_)
            read_store();
    }

    void identify()
    {
        const auto chain = read_pem(store_.certificate);
        const auto key = read_pem(store_.key);
        if (!chain)
            fail(errc::bad_identity, "tls_options::certificate cannot be read");
        else if (!key)
            fail(errc::bad_identity, "tls_options::key cannot be read");
        else if (!use_identity(context_.get(), *chain, *key))
            fail(errc::bad_identity, "they are no PEM, or do not belong together");
    }

    void read_store()
    {
        SSL_CTX* const c = context_.get();
        if (store_.empty())
            fail(errc::no_trust_store, "none of the usual places has one");
        else if (!store_.ca_file.empty() && SSL_CTX_load_verify_file(c, store_.ca_file.c_str()) != 1)
            fail(errc::no_trust_store, store_.ca_file + ": " + take_openssl_reason());
        else if (!store_.ca_directory.empty() && SSL_CTX_load_verify_dir(c, store_.ca_directory.c_str()) != 1)
            fail(errc::no_trust_store, store_.ca_directory + ": " + take_openssl_reason());
        else if (!store_.ca.empty() && !trust(c, store_.ca))
            fail(errc::no_trust_store, "there is no certificate in tls_options::ca");
    }

    void fail(errc e, std::string words)
    {
        error_ = e;
        words_ = std::move(words);
    }

    tls_options store_;
    openssl_ptr<SSL_CTX> context_;
    std::map<origin, openssl_ptr<SSL_SESSION>> sessions_{};
    boost::system::error_code error_{};
    std::string words_{};
};

/// Makes a client's context when the first connection needs it. One that could not be made is tried again.
class tls_source {
public:
    explicit tls_source(tls_options options, std::string protocol = "http/1.1")
        : options_(std::move(options)), protocol_(std::move(protocol))
    {}

    [[nodiscard]] std::shared_ptr<tls_context> get()
    {
        if (!context_ || context_->error())
            context_ = std::make_shared<tls_context>(options_, protocol_);
        return context_;
    }

private:
    tls_options options_;
    std::string protocol_;
    std::shared_ptr<tls_context> context_{};
};

}  // namespace mayfly::http::detail
