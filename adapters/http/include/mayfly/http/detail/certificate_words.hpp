// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/detail/tls_context.hpp>
#include <mayfly/http/error.hpp>

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

namespace mayfly::http::detail {

/// OpenSSL's verdict about a chain, as our error.
inline errc certificate_error(long verdict) noexcept
{
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return errc::certificate_expired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return errc::certificate_not_yet_valid;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return errc::certificate_wrong_name;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return errc::certificate_self_signed;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return errc::certificate_unknown_authority;
    default: return errc::certificate_rejected;
    }
}

/// Printable, and not too long: what a peer says is shown to people.
inline std::string shown(std::string_view text)
{
    std::string out(text.substr(0, 200));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

inline std::string name_text(const X509_NAME* name)
{
    char text[201] = {};
    X509_NAME_oneline(name, text, sizeof text);
    return shown(text);
}

inline std::string date_text(const ASN1_TIME* when)
{
    std::tm t{};
    char text[32] = {};
    if (ASN1_TIME_to_tm(when, &t) != 1 || std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &t) == 0)
        return "an unreadable date";
    return text;
}

/// The names a certificate is for: up to five, then dots.
inline std::string names_text(const X509* certificate)
{
    const openssl_ptr<GENERAL_NAMES> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::string out;
    const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
    for (int i = 0; i < std::min(count, 5); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
        const ASN1_STRING* const text = name->type == GEN_DNS ? name->d.dNSName : nullptr;
        const auto* const bytes = text ? ASN1_STRING_get0_data(text) : nullptr;
        out += out.empty() ? "" : ", ";
        out += bytes ? shown({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(ASN1_STRING_length(text))})
                     : "an address";
    }
    return out.empty() ? name_text(X509_get_subject_name(certificate)) : out + (count > 5 ? ", ..." : "");
}

/// What is wrong with a certificate, in words. `trusted` says where our authorities come from.
inline std::string certificate_words(long verdict, const X509* certificate, const std::string& trusted)
{
    if (!certificate)
        return X509_verify_cert_error_string(verdict);
    switch (certificate_error(verdict)) {
    case errc::certificate_expired: return "it was valid until " + date_text(X509_get0_notAfter(certificate));
    case errc::certificate_not_yet_valid:
        return "it is valid from " + date_text(X509_get0_notBefore(certificate)) + " on";
    case errc::certificate_wrong_name: return "it is for " + names_text(certificate);
    case errc::certificate_self_signed:
    case errc::certificate_unknown_authority:
        return "issued by " + name_text(X509_get_issuer_name(certificate)) + "; trusted are those in " + trusted;
    default: return X509_verify_cert_error_string(verdict);
    }
}

}  // namespace mayfly::http::detail
