// SPDX-License-Identifier: BSL-1.0
#pragma once

// Certificates made on the spot, for servers on loopback.

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

namespace mayfly_test {

/// A file of its own in the temporary folder, for as long as this lives.
class temporary_file {
public:
    explicit temporary_file(const std::string& content)
    {
        const char* const folder = std::getenv("TMPDIR");
        path_ = std::string(folder ? folder : "/tmp") + "/mayfly-test-XXXXXX";
        const int file = ::mkstemp(path_.data());
        if (file < 0)
            throw std::runtime_error("no temporary file " + path_);
        ::close(file);
        std::ofstream(path_, std::ios::binary) << content;
    }
    ~temporary_file() { ::unlink(path_.c_str()); }
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_{};
};

/// A certificate and its key, both as PEM.
struct certificate_and_key {
    std::string certificate{};
    std::string key{};
};

/// What a certificate is to say.
struct certificate_wish {
    std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";  ///< As OpenSSL writes a subjectAltName.
    std::chrono::hours from{-1};                              ///< From now.
    std::chrono::hours to{24};
};

/// A certificate authority that nobody knows but who is given its certificate.
class test_authority {
public:
    explicit test_authority(const std::string& name = "mayfly test authority")
        : key_(make_key()), certificate_(make_certificate(name, {}, *key_, nullptr, nullptr))
    {}

    /// PEM of its own certificate: what a client is to trust.
    [[nodiscard]] std::string certificate() const { return pem(*certificate_); }

    [[nodiscard]] certificate_and_key issue(const certificate_wish& wish = {}) const
    {
        const auto key = make_key();
        const auto made = make_certificate("mayfly test server", wish, *key, certificate_.get(), key_.get());
        return {pem(*made), pem(*key)};
    }

    /// One that nobody signed but itself.
    [[nodiscard]] static certificate_and_key self_signed(const certificate_wish& wish = {})
    {
        const auto key = make_key();
        return {pem(*make_certificate("mayfly test server", wish, *key, nullptr, key.get())), pem(*key)};
    }

private:
    struct release {
        void operator()(X509* p) const noexcept { X509_free(p); }
        void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
        void operator()(BIO* p) const noexcept { BIO_free(p); }
        void operator()(X509_EXTENSION* p) const noexcept { X509_EXTENSION_free(p); }
    };
    template <class T>
    using owned = std::unique_ptr<T, release>;

    static owned<EVP_PKEY> make_key() { return owned<EVP_PKEY>(EVP_EC_gen("P-256")); }

    static void add(X509& to, X509* issuer, int what, const std::string& value)
    {
        X509V3_CTX context;
        X509V3_set_ctx(&context, issuer ? issuer : &to, &to, nullptr, nullptr, 0);
        const owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()));
        if (!extension)
            throw std::runtime_error("no extension " + value);
        X509_add_ext(&to, extension.get(), -1);
    }

    /// An authority's own if there is neither `issuer` nor `signer`.
    static owned<X509> make_certificate(
        const std::string& name, const certificate_wish& wish, EVP_PKEY& key, X509* issuer, EVP_PKEY* signer)
    {
        owned<X509> c(X509_new());
        X509_set_version(c.get(), X509_VERSION_3);
        unsigned char serial[8] = {};
        RAND_bytes(serial, sizeof serial);
        serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 1);
        const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number(BN_bin2bn(serial, sizeof serial, nullptr), &BN_free);
        BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(c.get()));
        const auto seconds = [](std::chrono::hours h) {
            return static_cast<long>(std::chrono::duration_cast<std::chrono::seconds>(h).count());
        };
        X509_gmtime_adj(X509_getm_notBefore(c.get()), seconds(wish.from));
        X509_gmtime_adj(X509_getm_notAfter(c.get()), seconds(wish.to));
        X509_set_pubkey(c.get(), &key);

        X509_NAME* const subject = X509_get_subject_name(c.get());
        X509_NAME_add_entry_by_txt(
            subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
        X509_set_issuer_name(c.get(), issuer ? X509_get_subject_name(issuer) : subject);

        if (signer)
            add(*c, issuer, NID_subject_alt_name, wish.names);
        else
            add(*c, nullptr, NID_basic_constraints, "critical,CA:TRUE");
        add(*c, issuer, NID_subject_key_identifier, "hash");
        X509_sign(c.get(), signer ? signer : &key, EVP_sha256());
        return c;
    }

    static std::string text_of(BIO& bio)
    {
        char* data = nullptr;
        const long size = BIO_ctrl(&bio, BIO_CTRL_INFO, 0, &data);
        return {data, static_cast<std::string::size_type>(size)};
    }

    static std::string pem(X509& c)
    {
        const owned<BIO> bio(BIO_new(BIO_s_mem()));
        PEM_write_bio_X509(bio.get(), &c);
        return text_of(*bio);
    }

    static std::string pem(EVP_PKEY& key)
    {
        const owned<BIO> bio(BIO_new(BIO_s_mem()));
        PEM_write_bio_PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr);
        return text_of(*bio);
    }

    owned<EVP_PKEY> key_;
    owned<X509> certificate_;
};

}  // namespace mayfly_test
