// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/sigv4.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

// The other side of Signature Version 4: what a server does with a signed request. Pure; the answers are the caller's.

namespace mayfly::aws {

/// What stands in an `Authorization` header. Views into the text it was read from.
struct authorization {
    std::string_view access_key_id;
    std::string_view date;
    std::string_view region;
    std::string_view service;
    std::string_view signed_headers;
    std::string_view signature;

    /// Whether that header, in any case, is among the signed ones.
    [[nodiscard]] bool signs(std::string_view header) const noexcept
    {
        return detail::is_listed(signed_headers, header);
    }
};

/// What was read, or what is wrong with it: words without the text itself.
struct authorization_reading {
    authorization value{};
    std::string problem{};  ///< Empty if all of `value` is there.

    [[nodiscard]] explicit operator bool() const noexcept { return problem.empty(); }
};

/// Reads `AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`: any order, blanks after a comma or none.
[[nodiscard]] inline authorization_reading parse_authorization(std::string_view text)
{
    authorization_reading out;
    constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
    text = detail::trimmed(text);
    if (!text.starts_with(algorithm) || (text.size() > algorithm.size() && !detail::is_blank(text[algorithm.size()]))) {
        out.problem = "Authorization header must begin with AWS4-HMAC-SHA256.";
        return out;
    }
    text.remove_prefix(algorithm.size());

    std::string_view credential;
    while (!text.empty()) {
        const std::string_view piece = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), piece.size() + 1));
        const std::string_view part = detail::trimmed(piece);
        const auto equals = part.find('=');
        const std::string_view name = part.substr(0, equals);
        const std::string_view value = equals == part.npos ? std::string_view{} : part.substr(equals + 1);
        std::string_view* const into = name == "Credential"      ? &credential
                                       : name == "SignedHeaders" ? &out.value.signed_headers
                                       : name == "Signature"     ? &out.value.signature
                                                                 : nullptr;
        if (into == nullptr || !into->empty()) {
            out.problem = "Authorization header holds a part that is unknown or comes twice.";
            return out;
        }
        *into = value;
    }

    const auto require = [&out](std::string_view value, std::string_view name) {
        if (value.empty()) {
            out.problem += out.problem.empty() ? "" : " ";
            out.problem.append("Authorization header requires '").append(name).append("' parameter.");
        }
    };
    require(credential, "Credential");
    require(out.value.signature, "Signature");
    require(out.value.signed_headers, "SignedHeaders");
    if (!out)
        return out;

    // From the end: an access key may hold a slash, the rest of a scope does not.
    const auto last = [&credential]() -> std::string_view {
        const auto slash = credential.rfind('/');
        if (slash == credential.npos)
            return {};
        const std::string_view word = credential.substr(slash + 1);
        credential.remove_suffix(credential.size() - slash);
        return word;
    };
    const std::string_view end = last();
    out.value.service = last();
    out.value.region = last();
    out.value.date = last();
    out.value.access_key_id = credential;
    if (end != "aws4_request" || out.value.service.empty() || out.value.region.empty() || out.value.date.empty() ||
        credential.empty())
        out.problem = "Credential must have five parts: access key, date, region, service, aws4_request.";
    return out;
}

/// How a signed request fares, but for the time and for whose key it is.
enum class signature_check {
    good,
    host_unsigned,        ///< `host` is not among the signed headers, or the request has none.
    amz_header_unsigned,  ///< A header `x-amz-...` was sent and is not signed.
    header_absent,        ///< A listed header was not sent.
    list_not_sorted,      ///< The list is not in lower case, sorted, each name once.
    wrong_date,           ///< The date of the scope is not that of `X-Amz-Date`.
    wrong_payload_hash,   ///< `X-Amz-Content-Sha256` was sent and is not the body's.
    wrong_signature,
};

struct verification {
    signature_check result = signature_check::wrong_signature;
    std::string_view
        canonical_request{};  ///< As this side made it; good until the signer's next call. Best shown to the
    std::string_view
        string_to_sign{};  ///< client, whose own two tell where it went wrong. Empty if it came not so far.
};

/// Checks a signature against the secret of its access key. Compares in constant time. Region and service are taken as
/// `a` names them: whether they are right for this server is the caller's to check, and so is the time.
[[nodiscard]] inline verification verify(
    signer& with, const signing_request& r, const authorization& a, std::string_view secret, const amz_time& at)
{
    using enum signature_check;
    const auto sent = [&r](std::string_view name) {
        return std::any_of(r.headers.begin(), r.headers.end(),
            [name](const header_view& h) { return detail::equal_ignoring_case(h.name, name); });
    };
    std::string_view before;
    for (std::string_view rest = a.signed_headers;;) {
        const std::string_view name = rest.substr(0, rest.find(';'));
        if (name <= before || std::any_of(name.begin(), name.end(), [](char c) { return c != detail::lower(c); }))
            return {list_not_sorted};
        if (!sent(name))
            return {name == "host" ? host_unsigned : header_absent};
        before = name;
        if (name.size() == rest.size())
            break;
        rest.remove_prefix(name.size() + 1);
    }
    if (!a.signs("host"))
        return {host_unsigned};
    for (const header_view& h : r.headers) {
        if (detail::equal_ignoring_case(h.name.substr(0, 6), "x-amz-") && !a.signs(h.name))
            return {amz_header_unsigned};
        if (detail::equal_ignoring_case(h.name, "x-amz-content-sha256")) {
            const hex_digest real = hex(sha256_of(r.body));
            if (detail::trimmed(h.value) != view(real))
                return {wrong_payload_hash};
        }
    }
    if (a.date != at.date())
        return {wrong_date};

    const signature mine = with.sign_listed(r, a.signed_headers, a.access_key_id, secret, {a.region, a.service}, at);
    const bool same = equal_in_constant_time(mine.value, a.signature);
    return {same ? good : wrong_signature, mine.canonical_request, mine.string_to_sign};
}

/// What a service says of a request that was signed more than `window` before or after its own time. Empty if it was
/// not.
[[nodiscard]] inline std::string time_problem(
    const amz_time& at, wall_time now, std::chrono::minutes window = std::chrono::minutes{5})
{
    const auto words = [&](std::string_view verdict, wall_time edge, std::string_view sign) {
        std::string out{verdict};
        out.append(amz_time{edge}.text()).append(" (").append(amz_time{now}.text()).append(" ").append(sign);
        return out + " " + std::to_string(window.count()) + " min.)";
    };
    if (at.time() < now - window)
        return words("Signature expired: " + std::string{at.text()} + " is now earlier than ", now - window, "-");
    if (at.time() > now + window)
        return words(
            "Signature not yet current: " + std::string{at.text()} + " is still later than ", now + window, "+");
    return {};
}

}  // namespace mayfly::aws
