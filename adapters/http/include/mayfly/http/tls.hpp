// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/environment.hpp>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::http {

/// Whom a client trusts: what is named here and nothing else, or if nothing is, what `find_trust_store` finds. TLS is
/// 1.2 or 1.3, and chain and name are verified. And who it says it is, to servers that ask.
struct tls_options {
    std::string ca_file{};       ///< A PEM bundle.
    std::string ca_directory{};  ///< Certificates in files with hashed names, as `openssl rehash` makes them.
    std::string ca{};            ///< PEM text.

    std::string certificate{};  ///< Its own, with `key`: PEM text, or the path of a PEM file; the chain, own first.
    std::string key{};          ///< The private key, likewise.

    /// Neither chain nor name of a server is verified: whoever stands in between reads and writes everything.
    bool dangerously_accept_any_certificate = false;

    /// Names nobody to trust.
    [[nodiscard]] bool empty() const noexcept { return ca_file.empty() && ca_directory.empty() && ca.empty(); }
    friend bool operator==(const tls_options&, const tls_options&) = default;
};

/// `SSL_CERT_FILE` and `SSL_CERT_DIR`.
[[nodiscard]] inline tls_options tls_options_of(const environment& variables)
{
    return {variables.get("SSL_CERT_FILE").value_or(""), variables.get("SSL_CERT_DIR").value_or("")};
}

/// Bundles where distributions put them.
inline constexpr std::array<std::string_view, 6> known_trust_stores{
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Amazon Linux, Fedora
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Alpine
    "/etc/ssl/cert.pem",                                  // Alpine, BSD
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL
    "/etc/pki/tls/cacert.pem",                            // OpenELEC
};

/** Where the certificate authorities are read: `options` as they are, or else with the first of `known_trust_stores`
    that is there. Still empty if there is none.

    OpenSSL's own default is not asked: in a static binary it is a path of the machine that built it.

    @param exists  `bool(const std::string& path)`
*/
template <class Exists>
[[nodiscard]] tls_options find_trust_store(const tls_options& options, Exists exists)
{
    if (!options.empty())
        return options;
    for (const std::string_view path : known_trust_stores) {
        std::string file(path);
        if (!exists(file))
            continue;
        tls_options out = options;
        out.ca_file = std::move(file);
        return out;
    }
    return options;
}

}  // namespace mayfly::http
