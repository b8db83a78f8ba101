// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "answer.hpp"
#include "keys.hpp"
#include "text.hpp"

#include <mayfly/aws/sigv4_http.hpp>
#include <mayfly/aws/sigv4_verify.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/http/message.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace local_lambda {

enum class service { lambda, sts };

[[nodiscard]] constexpr std::string_view to_string(service s) noexcept
{
    return s == service::lambda ? "lambda" : "sts";
}

/// Why nobody is let in on the strength of a request's signature.
enum class rejection { missing, incomplete, signature, unknown_key, expired };

/// The two services have different words for the same thing.
[[nodiscard]] inline refusal rejected(rejection why, service by, std::string message)
{
    const auto word = [by](const char* lambda, const char* sts) { return by == service::lambda ? lambda : sts; };
    switch (why) {
    case rejection::missing:
        return {403, word("MissingAuthenticationTokenException", "MissingAuthenticationToken"), std::move(message), {}};
    case rejection::incomplete:
        return {400, word("IncompleteSignatureException", "IncompleteSignature"), std::move(message), {}};
    case rejection::signature:
        return {403, word("InvalidSignatureException", "SignatureDoesNotMatch"), std::move(message), {}};
    case rejection::unknown_key:
        return {403, word("UnrecognizedClientException", "InvalidClientTokenId"), std::move(message), {}};
    case rejection::expired: break;
    }
    return {403, word("ExpiredTokenException", "ExpiredToken"), std::move(message), {}};
}

namespace detail {

[[nodiscard]] inline std::string_view header(const mayfly::http::fields& r, std::string_view name)
{
    const auto at = r.find({name.data(), name.size()});
    return at == r.end() ? std::string_view{} : std::string_view{at->value().data(), at->value().size()};
}

/// When it says that it was signed.
[[nodiscard]] inline std::optional<mayfly::aws::amz_time> signing_time(const mayfly::http::request& r)
{
    if (r.find("X-Amz-Date") != r.end())
        return mayfly::aws::amz_time::parse(header(r, "X-Amz-Date"));
    const auto date = parse_http_date(std::string(header(r, "Date")));
    return date ? std::optional(mayfly::aws::amz_time(*date)) : std::nullopt;
}

/// What the service says where the signature of a request is not that of its content. It quotes what it has signed
/// itself, the best help there is; but a session token is nobody's to read on a screen.
[[nodiscard]] inline std::string mismatch(const mayfly::aws::verification& v, std::string_view token)
{
    std::string canonical(v.canonical_request);
    for (std::size_t at = 0; !token.empty() && (at = canonical.find(token)) != std::string::npos;)
        canonical.replace(at, token.size(), "(not shown)");
    return "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
           "Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for "
           "this request should have been\n'" +
           canonical + "'\n\nThe String-to-Sign should have been\n'" + std::string(v.string_to_sign) + "'\n";
}

}  // namespace detail

/** Who made this request, or why it is not let in: Signature Version 4, strictly.

    Signature, time (five minutes either way), scope, the key and the token that belongs to it, the end of a session.
*/
class authenticator {
public:
    authenticator(const key_book& keys, std::string region) : keys_(&keys), region_(std::move(region)) {}

    answer<identity> operator()(const mayfly::http::request& r, service by, mayfly::wall_time now)
    {
        const auto no = [by](rejection why, std::string message) { return rejected(why, by, std::move(message)); };
        if (r.find(mayfly::http::field::authorization) == r.end())
            return no(rejection::missing,
                by == service::sts ? "Request is missing Authentication Token" : "Missing Authentication Token");
        const auto read = mayfly::aws::parse_authorization(detail::header(r, "Authorization"));
        if (!read)
            return no(rejection::incomplete, read.problem);
        const mayfly::aws::authorization& claim = read.value;
        const auto at = detail::signing_time(r);
        if (!at)
            return no(rejection::incomplete,
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header in 'basic format' "
                "of ISO-8601.");
        if (const std::string problem = scope_problem(claim, by); !problem.empty())
            return no(rejection::signature, problem);
        if (std::string problem = mayfly::aws::time_problem(*at, now); !problem.empty())
            return no(rejection::signature, std::move(problem));

        const key* const known = keys_->find(claim.access_key_id);
        const std::string_view token = detail::header(r, "X-Amz-Security-Token");
        if (known == nullptr || !mayfly::aws::equal_in_constant_time(token, known->credentials.session_token))
            return no(rejection::unknown_key, "The security token included in the request is invalid.");

        mayfly::aws::view_headers(r, headers_);
        const mayfly::aws::split_target target{{r.target().data(), r.target().size()}};
        const auto found = mayfly::aws::verify(signer_,
            {.method = {r.method_string().data(), r.method_string().size()},
                .path = target.path,
                .query = target.query,
                .headers = headers_,
                .body = r.body()},
            claim, known->credentials.secret_access_key, *at);
        using enum mayfly::aws::signature_check;
        switch (found.result) {
        case good: break;
        case host_unsigned:
            return no(
                rejection::incomplete, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
        case amz_header_unsigned:
            return no(rejection::signature, "There were headers present in the request which were not signed: every "
                                            "x-amz-* header must be a 'SignedHeader'.");
        case header_absent:
            return no(rejection::signature, "A 'SignedHeader' of the AWS Authorization is not in the request.");
        case list_not_sorted:
            return no(rejection::incomplete, "The 'SignedHeaders' must be in lower case and sorted, each name once.");
        case wrong_date:
            return no(rejection::signature,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
                    std::string(claim.date) + "' != '" + std::string(at->date()) + "', from '" +
                    std::string(at->text()) + "'.");
        case wrong_payload_hash:
            return no(
                rejection::signature, "The value of the header 'X-Amz-Content-Sha256' is not the SHA-256 of the body.");
        case wrong_signature: return no(rejection::signature, detail::mismatch(found, token));
        }
        if (known->credentials.expires && *known->credentials.expires <= now)
            return no(rejection::expired, "The security token included in the request is expired");
        return known->who;
    }

private:
    [[nodiscard]] std::string scope_problem(const mayfly::aws::authorization& claim, service by) const
    {
        std::string out;
        if (claim.region != region_)
            out = "Credential should be scoped to a valid region, not '" + std::string(claim.region) + "'. ";
        if (claim.service != to_string(by))
            out += "Credential should be scoped to correct service: '" + std::string(to_string(by)) + "'. ";
        return out;
    }

    const key_book* keys_;
    std::string region_;
    mayfly::aws::signer signer_;
    std::vector<mayfly::aws::header_view> headers_;
};

}  // namespace local_lambda
