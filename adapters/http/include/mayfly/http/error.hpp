// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <string>
#include <type_traits>

namespace mayfly::http {

/// How an exchange fails. The words that go with it (which host, which address, what the system said) travel beside
/// the code: see `failure_text`.
enum class errc {
    bad_request = 1,                ///< The request cannot be written as HTTP/1.1.
    bad_proxy,                      ///< The proxy setting cannot be used.
    closed,                         ///< The client was closed.
    too_many_waiting,               ///< The queue for a connection is full.
    wait_timeout,                   ///< No connection became free in time.
    resolve_failed,                 ///< The host name has no address.
    resolve_timeout,                ///< No answer from the resolver in time.
    connect_failed,                 ///< None of the addresses took the connection.
    connect_timeout,                ///< None of the addresses answered in time.
    proxy_failed,                   ///< The proxy did not open the tunnel.
    proxy_denied,                   ///< The proxy wants other credentials.
    proxy_timeout,                  ///< The proxy did not open the tunnel in time.
    handshake_failed,               ///< No agreement on TLS.
    handshake_timeout,              ///< The TLS handshake did not end in time.
    no_trust_store,                 ///< No certificate authorities are known.
    certificate_unknown_authority,  ///< Issued by nobody we trust.
    certificate_self_signed,        ///< Signed by itself, and not one we trust.
    certificate_wrong_name,         ///< Good, but for another host.
    certificate_expired,            ///< No longer valid.
    certificate_not_yet_valid,      ///< Valid from a later day on.
    certificate_rejected,           ///< Not acceptable for another reason.
    bad_identity,                   ///< Our own certificate or its key cannot be used.
    send_timeout,                   ///< The peer stopped taking the request.
    send_failed,                    ///< The connection broke while the request was sent.
    response_timeout,               ///< The head of the response did not come in time.
    body_timeout,                   ///< The body of the response stopped coming.
    timed_out,                      ///< The whole call took too long.
    connection_lost,                ///< The connection ended before the response began.
    truncated,                      ///< The connection ended within the response.
    bad_response,                   ///< What came is no HTTP/1.1 response.
    header_too_large,               ///< The head of the response exceeds its limit.
    body_too_large,                 ///< The body of the response exceeds its limit.
};

namespace detail {

class http_category final : public boost::system::error_category {
public:
    constexpr http_category() noexcept : error_category(0x6d61'7966'6c79'0010) {}
    const char* name() const noexcept override { return "mayfly.http"; }

    std::string message(int v) const override
    {
        switch (static_cast<errc>(v)) {
        case errc::bad_request: return "the request's target or a field holds a character that HTTP does not allow";
        case errc::bad_proxy: return "the proxy setting cannot be used; write http://[user:password@]host:port";
        case errc::closed: return "the HTTP client was closed";
        case errc::too_many_waiting: return "too many requests are waiting for a connection";
        case errc::wait_timeout: return "timed out waiting for a free connection";
        case errc::resolve_failed: return "the host name could not be resolved";
        case errc::resolve_timeout: return "timed out resolving the host name";
        case errc::connect_failed: return "could not connect";
        case errc::connect_timeout: return "timed out connecting";
        case errc::proxy_failed: return "the proxy did not open a tunnel";
        case errc::proxy_denied: return "the proxy wants (other) credentials; put user:password@ into its url";
        case errc::proxy_timeout: return "timed out waiting for the proxy to open a tunnel";
        case errc::handshake_failed: return "the TLS handshake failed";
        case errc::handshake_timeout: return "timed out in the TLS handshake";
        case errc::no_trust_store:
            return "no certificate authorities could be loaded; name a bundle in SSL_CERT_FILE or tls_options::ca_file";
        case errc::certificate_unknown_authority:
            return "the server's certificate was issued by an unknown authority; "
                   "if it is your own, name its bundle in SSL_CERT_FILE or tls_options::ca_file";
        case errc::certificate_self_signed:
            return "the server's certificate is self-signed; "
                   "if it is your own, name it in SSL_CERT_FILE or tls_options::ca_file";
        case errc::certificate_wrong_name: return "the server's certificate is for another host name";
        case errc::certificate_expired: return "the server's certificate has expired";
        case errc::certificate_not_yet_valid: return "the server's certificate is not yet valid; is our clock right?";
        case errc::certificate_rejected: return "the server's certificate is not acceptable";
        case errc::bad_identity:
            return "our own certificate cannot be used; give both tls_options::certificate and key, as PEM";
        case errc::send_timeout: return "timed out sending the request";
        case errc::send_failed: return "the connection broke while the request was sent";
        case errc::response_timeout: return "timed out waiting for the response";
        case errc::body_timeout: return "timed out reading the response's body";
        case errc::timed_out: return "the request as a whole timed out";
        case errc::connection_lost: return "the connection was closed before a response";
        case errc::truncated: return "the connection was closed within the response";
        case errc::bad_response: return "the response is not HTTP/1.1";
        case errc::header_too_large: return "the response's header is larger than allowed";
        case errc::body_too_large: return "the response's body is larger than allowed";
        }
        return "unknown";
    }

    boost::system::error_condition default_error_condition(int v) const noexcept override;
};

inline constexpr http_category http_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& http_category() noexcept
{
    return detail::http_category_instance;
}

[[nodiscard]] inline boost::system::error_code make_error_code(errc e) noexcept
{
    return {static_cast<int>(e), http_category()};
}

}  // namespace mayfly::http

template <>
struct boost::system::is_error_code_enum<mayfly::http::errc> : std::true_type {};

namespace mayfly::http {

inline boost::system::error_condition detail::http_category::default_error_condition(int v) const noexcept
{
    switch (static_cast<errc>(v)) {
    case errc::bad_request:
    case errc::bad_proxy:
    case errc::closed:
    case errc::proxy_denied:
    case errc::no_trust_store:
    case errc::certificate_unknown_authority:
    case errc::certificate_self_signed:
    case errc::certificate_wrong_name:
    case errc::certificate_expired:
    case errc::certificate_not_yet_valid:
    case errc::certificate_rejected:
    case errc::bad_identity:
    case errc::header_too_large:
    case errc::body_too_large: return condition::permanent;
    case errc::too_many_waiting:
    case errc::wait_timeout:
    case errc::resolve_failed:
    case errc::resolve_timeout:
    case errc::connect_failed:
    case errc::connect_timeout:
    case errc::proxy_failed:
    case errc::proxy_timeout:
    case errc::handshake_failed:
    case errc::handshake_timeout:
    case errc::send_timeout:
    case errc::send_failed:
    case errc::response_timeout:
    case errc::body_timeout:
    case errc::timed_out:
    case errc::connection_lost:
    case errc::truncated:
    case errc::bad_response: break;
    }
    return condition::transient;
}

}  // namespace mayfly::http
