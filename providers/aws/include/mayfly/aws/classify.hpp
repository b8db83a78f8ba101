// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/error.hpp>
#include <mayfly/aws/retry.hpp>
#include <mayfly/aws/xml.hpp>
#include <mayfly/detail/json_read.hpp>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

// From an answer to what failed, and to whether it is worth another attempt. Tables and text, nothing else.

namespace mayfly::aws {

namespace detail {

[[nodiscard]] constexpr bool is_one_of(std::string_view code, std::span<const std::string_view> codes) noexcept
{
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

inline constexpr std::array<std::string_view, 14> throttling_codes{"Throttling", "ThrottlingException",
    "ThrottledException", "RequestThrottledException", "RequestThrottled", "TooManyRequestsException",
    "ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded",
    "BandwidthLimitExceeded", "LimitExceededException", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException"};

inline constexpr std::array<std::string_view, 3> transient_codes{
    "RequestTimeout", "RequestTimeoutException", "IDPCommunicationError"};

/// Expired sessions, which a refresh may heal.
inline constexpr std::array<std::string_view, 2> expired_codes{"ExpiredToken", "ExpiredTokenException"};

/// Lambda answers them as if they were its own trouble (HTTP 502), but somebody has to change the function first.
inline constexpr std::array<std::string_view, 14> misconfigured_codes{"EC2AccessDeniedException",
    "InvalidSubnetIDException", "InvalidSecurityGroupIDException", "InvalidRuntimeException", "InvalidZipFileException",
    "KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException",
    "EFSMountFailureException", "EFSIOException", "S3FilesMountFailureException", "SnapStartException",
    "RecursiveInvocationException"};

struct meaning {
    std::string_view code;
    errc what;
};

inline constexpr std::array<meaning, 28> meanings{{
    {"ResourceConflictException", errc::not_ready},
    {"SnapStartNotReadyException", errc::not_ready},
    {"SnapStartTimeoutException", errc::not_ready},
    {"ResourceNotReadyException", errc::not_ready},
    {"EFSMountConnectivityException", errc::not_ready},
    {"EFSMountTimeoutException", errc::not_ready},
    {"SignatureDoesNotMatch", errc::signature_rejected},
    {"InvalidSignatureException", errc::signature_rejected},
    {"RequestTimeTooSkewed", errc::signature_rejected},
    {"RequestExpired", errc::signature_rejected},
    {"AuthFailure", errc::signature_rejected},
    {"IncompleteSignature", errc::signature_rejected},
    {"IncompleteSignatureException", errc::signature_rejected},
    {"InvalidClientTokenId", errc::unknown_credentials},
    {"UnrecognizedClientException", errc::unknown_credentials},
    {"MissingAuthenticationToken", errc::unknown_credentials},
    {"MissingAuthenticationTokenException", errc::unknown_credentials},
    {"AccessDenied", errc::access_denied},
    {"AccessDeniedException", errc::access_denied},
    {"IDPRejectedClaim", errc::access_denied},
    {"InvalidIdentityToken", errc::access_denied},
    {"ResourceNotFoundException", errc::not_found},
    {"ServiceNotFoundException", errc::not_found},
    {"ServiceNotActiveException", errc::not_found},
    {"ClusterNotFoundException", errc::not_found},
    {"RequestTooLargeException", errc::too_large},
    {"SerializedRequestEntityTooLargeException", errc::too_large},
    {"RequestEntityTooLargeException", errc::too_large},
}};

/// The name alone, out of `com.amazonaws.x#Name:http://...`.
[[nodiscard]] constexpr std::string_view bare_code(std::string_view text) noexcept
{
    text = text.substr(0, text.find(':'));
    const auto hash = text.rfind('#');
    text.remove_prefix(hash == text.npos ? 0 : hash + 1);
    const auto space = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && space(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && space(text.back()))
        text.remove_suffix(1);
    return text;
}

[[nodiscard]] inline std::string_view first_text(
    const mayfly::detail::json_value& object, std::initializer_list<std::string_view> names) noexcept
{
    for (const std::string_view name : names)
        if (const auto* const v = object.find(name); v != nullptr && v->is_string())
            return v->text;
    return {};
}

}  // namespace detail

/// What an answer of this status and code stands for. No error for success.
[[nodiscard]] constexpr errc meaning_of(unsigned status, std::string_view code) noexcept
{
    if (detail::is_one_of(code, detail::throttling_codes))
        return errc::throttled;
    if (detail::is_one_of(code, detail::expired_codes))
        return errc::expired_credentials;
    if (detail::is_one_of(code, detail::misconfigured_codes) || (status == 502 && code.starts_with("KMS")))
        return errc::misconfigured;
    if (detail::is_one_of(code, detail::transient_codes))
        return errc::service_failed;
    const auto* const known = std::find_if(
        detail::meanings.begin(), detail::meanings.end(), [code](const detail::meaning& m) { return m.code == code; });
    if (known != detail::meanings.end())
        return known->what;
    switch (status) {
    case 408:
    case 409: return errc::not_ready;
    case 403: return errc::access_denied;
    case 404: return errc::not_found;
    case 413: return errc::too_large;
    case 429: return errc::throttled;
    default: break;
    }
    return status >= 500 ? errc::service_failed : errc::refused;
}

/// Whether an answer of this status and code is worth another attempt.
[[nodiscard]] constexpr retry_class retry_class_of(unsigned status, std::string_view code) noexcept
{
    if (detail::is_one_of(code, detail::throttling_codes))
        return retry_class::throttling;
    if (detail::is_one_of(code, detail::transient_codes))
        return retry_class::transient;
    if (meaning_of(status, code) == errc::misconfigured)
        return retry_class::none;
    // 429 is not among them: without a code that says so, it is the answer of something in between.
    return status == 500 || status == 502 || status == 503 || status == 504 ? retry_class::transient
                                                                            : retry_class::none;
}

/// An answer that is not a success, as it came.
struct error_answer {
    unsigned status = 0;
    std::string_view error_type{};  ///< Header `x-amzn-ErrorType`.
    std::string_view request_id{};  ///< Header `x-amzn-RequestId`.
    std::string_view body{};        ///< JSON or XML; anything else tells nothing.
};

[[nodiscard]] inline failure read_failure(const error_answer& answer)
{
    failure out;
    out.http_status = answer.status;
    out.request_id = answer.request_id;
    out.code = detail::bare_code(answer.error_type);
    const auto begin = answer.body.find_first_not_of(" \t\r\n");
    if (begin != answer.body.npos && answer.body[begin] == '<') {
        if (out.code.empty())
            out.code = xml_text(answer.body, "Code");
        out.message = xml_text(answer.body, "Message");
        if (out.request_id.empty())
            out.request_id = xml_text(answer.body, "RequestId");
    } else if (const auto doc = mayfly::detail::read_json(answer.body); doc && doc.root.is_object()) {
        if (out.code.empty())
            out.code = detail::bare_code(detail::first_text(doc.root, {"__type", "code", "Code"}));
        out.message = detail::first_text(doc.root, {"message", "Message", "errorMessage"});
        out.reason = detail::first_text(doc.root, {"Reason", "reason"});
    }
    out.ec = meaning_of(answer.status, out.code);
    return out;
}

}  // namespace mayfly::aws
