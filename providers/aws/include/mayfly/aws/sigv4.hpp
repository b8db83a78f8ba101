// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/amz_time.hpp>
#include <mayfly/aws/credentials.hpp>
#include <mayfly/aws/sha256.hpp>
#include <mayfly/aws/sigv4_canonical.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// Signature Version 4 in a header. See sigv4_http.hpp for requests of mayfly::http, sigv4_verify.hpp for the other
// side.

namespace mayfly::aws {

/// Which service of which region a signature is for.
struct scope {
    std::string_view region;
    std::string_view service;
};

/// The raw signing key: good for one UTC day.
[[nodiscard]] inline digest make_signing_key(std::string_view secret_access_key, std::string_view date, const scope& s)
{
    std::string first = "AWS4";
    first += secret_access_key;
    const digest of_date = hmac_sha256(first, date);
    const digest of_region = hmac_sha256(view(of_date), s.region);
    const digest of_service = hmac_sha256(view(of_region), s.service);
    return hmac_sha256(view(of_service), "aws4_request");
}

/// One signature and all it was made from. Good until the signer's next call.
struct signature {
    std::string_view canonical_request;
    std::string_view string_to_sign;
    std::string_view signed_headers;
    std::string_view value;          ///< The signature itself, in lower-case hex.
    std::string_view authorization;  ///< The value of the `Authorization` header.
};

/** Signs requests. Sign each attempt anew: the time moves, and credentials change.

    Keeps its buffers and the signing keys it made last, so that after a few requests of a kind it allocates nothing.
    Use it from one thread or strand.
*/
class signer {
public:
    /// Signs `r` as it stands, but for headers that hops change. It must hold `Host`, `X-Amz-Date` with the same `at`,
    /// and for temporary credentials `X-Amz-Security-Token`: what is not in it is not signed.
    signature sign(const signing_request& r, const credentials& with, const scope& s, const amz_time& at)
    {
        return sign(r, std::nullopt, with.access_key_id, with.secret_access_key, s, at);
    }

    /// As a server does it, over the headers that the client has listed.
    signature sign_listed(const signing_request& r, std::string_view listed, std::string_view access_key_id,
        std::string_view secret_access_key, const scope& s, const amz_time& at)
    {
        return sign(r, std::optional(listed), access_key_id, secret_access_key, s, at);
    }

private:
    struct kept_key {
        std::string secret;
        std::string region;
        std::string service;
        std::string date;
        hmac_key key{""};
    };

    signature sign(const signing_request& r, std::optional<std::string_view> listed, std::string_view access_key_id,
        std::string_view secret, const scope& s, const amz_time& at)
    {
        const canonicaliser::result canonical = canonicalise_(r, listed);
        const hex_digest hashed = hex(sha256_of(canonical.text));

        to_sign_.assign("AWS4-HMAC-SHA256\n").append(at.text()).append("\n");
        const std::size_t scope_at = to_sign_.size();
        to_sign_.append(at.date()).append("/").append(s.region).append("/").append(s.service).append("/aws4_request");
        const std::size_t scope_end = to_sign_.size();
        to_sign_.append("\n").append(view(hashed));
        signature_ = hex(key_for(secret, at.date(), s).sign(to_sign_));

        authorization_.assign("AWS4-HMAC-SHA256 Credential=").append(access_key_id).append("/");
        authorization_.append(to_sign_, scope_at, scope_end - scope_at);
        authorization_.append(", SignedHeaders=").append(canonical.signed_headers);
        authorization_.append(", Signature=").append(view(signature_));
        return {canonical.text, to_sign_, canonical.signed_headers, view(signature_), authorization_};
    }

    const hmac_key& key_for(std::string_view secret, std::string_view date, const scope& s)
    {
        for (const kept_key& k : keys_) {
            if (k.date == date && k.secret == secret && k.service == s.service && k.region == s.region)
                return k.key;
        }
        kept_key& k = keys_[oldest_];
        oldest_ = (oldest_ + 1) % keys_.size();
        const digest raw = make_signing_key(secret, date, s);
        k = {
            std::string{secret}, std::string{s.region}, std::string{s.service}, std::string{date}, hmac_key{view(raw)}};
        return k.key;
    }

    canonicaliser canonicalise_;
    std::array<kept_key, 8> keys_{};
    std::size_t oldest_ = 0;
    std::string to_sign_;
    std::string authorization_;
    hex_digest signature_{};
};

}  // namespace mayfly::aws
