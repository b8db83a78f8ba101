// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstddef>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// Certificates and keys as people give them: PEM text, or the path of a file with it.

namespace mayfly::http::detail {

struct pem_free {
    void operator()(BIO* p) const noexcept { BIO_free(p); }
    void operator()(X509* p) const noexcept { X509_free(p); }
    void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
};
template <class T>
using pem_ptr = std::unique_ptr<T, pem_free>;

/// The text, or nothing if it is a path that cannot be read.
[[nodiscard]] inline std::optional<std::string> read_pem(const std::string& text_or_path)
{
    if (text_or_path.find("-----BEGIN ") != std::string::npos)
        return text_or_path;
    std::ifstream in(text_or_path, std::ios::binary);
    if (!in)
        return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(in), {});
}

/// Calls `take(certificate)` for each in the text, until it returns false. How many were taken.
template <class Take>
std::size_t each_certificate(std::string_view pem, Take take)
{
    const pem_ptr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    std::size_t taken = 0;
    while (pem_ptr<X509> c{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
        if (!take(std::move(c)))
            return 0;
        ++taken;
    }
    ERR_clear_error();
    return taken;
}

/// Trusts what is in the text. False if that is nothing.
[[nodiscard]] inline bool trust(SSL_CTX* context, std::string_view pem)
{
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    return each_certificate(
               pem, [store](const pem_ptr<X509>& c) { return X509_STORE_add_cert(store, c.get()) == 1; }) != 0;
}

/// Shows the chain (own certificate first) as the context's own, and signs with the key.
[[nodiscard]] inline bool use_identity(SSL_CTX* context, std::string_view chain, std::string_view key)
{
    bool first = true;
    const std::size_t certificates = each_certificate(chain, [&](pem_ptr<X509> c) {
        if (std::exchange(first, false))
            return SSL_CTX_use_certificate(context, c.get()) == 1;
        return SSL_CTX_add0_chain_cert(context, c.release()) == 1;
    });
    const pem_ptr<BIO> bio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
    // A key that wants a password is refused: there is nobody to ask.
    const auto no_password = [](char*, int, int, void*) { return -1; };
    const pem_ptr<EVP_PKEY> k(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
    const bool good = certificates != 0 && k && SSL_CTX_use_PrivateKey(context, k.get()) == 1 &&
                      SSL_CTX_check_private_key(context) == 1;
    ERR_clear_error();
    return good;
}

}  // namespace mayfly::http::detail
