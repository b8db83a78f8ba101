// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <type_traits>

// What a service of AWS can answer other than what was asked for. Where no answer came, the error is that of HTTP.

namespace mayfly::aws {

enum class errc {
    throttled = 1,          ///< No room now: too many requests, or too many functions running.
    service_failed,         ///< The service's own trouble; it may pass.
    not_ready,              ///< The thing is being created or changed, or starts too slowly; it may pass.
    expired_credentials,    ///< The session is over, also after a refresh.
    unknown_credentials,    ///< No such access key, or a session token that does not belong to it.
    signature_rejected,     ///< Wrong secret key, region or clock.
    access_denied,          ///< A policy says no.
    not_found,              ///< No such function, version, service or cluster, in this region and account.
    too_large,              ///< The request is longer than the service takes.
    misconfigured,          ///< The function cannot be started as it is set up.
    refused,                ///< Any other answer that will not change by asking again.
    answer_not_understood,  ///< It was accepted, and the answer is not what is documented.
    bad_settings,           ///< The details of a target are not valid; nothing was sent.
};

namespace detail {

class aws_category final : public boost::system::error_category {
public:
    constexpr aws_category() noexcept : error_category(0x6d61'7966'6c79'0020) {}
    const char* name() const noexcept override { return "mayfly.aws"; }

    std::string message(int v) const override
    {
        switch (static_cast<errc>(v)) {
        case errc::throttled: return "throttled by the service";
        case errc::service_failed: return "the service failed";
        case errc::not_ready: return "not ready yet";
        case errc::expired_credentials: return "the credentials have expired";
        case errc::unknown_credentials: return "the service does not know these credentials";
        case errc::signature_rejected: return "the service rejected the signature";
        case errc::access_denied: return "access denied";
        case errc::not_found: return "not found";
        case errc::too_large: return "the request is too large";
        case errc::misconfigured: return "cannot be started as it is set up";
        case errc::refused: return "refused by the service";
        case errc::answer_not_understood: return "the service's answer was not understood";
        case errc::bad_settings: return "the settings are not valid";
        }
        return "unknown";
    }

    boost::system::error_condition default_error_condition(int v) const noexcept override
    {
        switch (static_cast<errc>(v)) {
        case errc::throttled: return condition::throttled;
        case errc::service_failed:
        case errc::not_ready:
        case errc::answer_not_understood: return condition::transient;
        case errc::expired_credentials:
        case errc::unknown_credentials:
        case errc::signature_rejected:
        case errc::access_denied:
        case errc::not_found:
        case errc::too_large:
        case errc::misconfigured:
        case errc::refused:
        case errc::bad_settings: break;
        }
        return condition::permanent;
    }
};

inline constexpr aws_category aws_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& aws_category() noexcept
{
    return detail::aws_category_instance;
}

[[nodiscard]] inline boost::system::error_code make_error_code(errc e) noexcept
{
    return {static_cast<int>(e), aws_category()};
}

/// A call that failed, in the service's own words where there were any.
struct failure {
    boost::system::error_code ec{};  ///< None: nothing failed.
    std::string code{};              ///< Of the service, like `TooManyRequestsException`.
    std::string message{};
    std::string reason{};      ///< Which limit throttled, like `ConcurrentInvocationLimitExceeded`.
    std::string request_id{};  ///< Of the last attempt.
    unsigned http_status = 0;  ///< Zero: no answer came.
    unsigned attempts = 0;     ///< How often the request was sent.

    [[nodiscard]] explicit operator bool() const noexcept { return ec.failed(); }
};

/// One line: `TooManyRequestsException (CallerRateLimitExceeded): Rate exceeded (HTTP 429, request id ..., 3
/// attempts)`.
[[nodiscard]] inline std::string to_string(const failure& f)
{
    std::string out = f.code;
    if (!f.reason.empty())
        out.append(" (").append(f.reason).append(")");
    const std::string words = f.message.empty() && f.ec ? f.ec.message() : f.message;
    out.append(out.empty() || words.empty() ? "" : ": ").append(words);
    std::string about;
    const auto add = [&about](const std::string& what) { about += (about.empty() ? "" : ", ") + what; };
    if (f.http_status != 0)
        add("HTTP " + std::to_string(f.http_status));
    if (!f.request_id.empty())
        add("request id " + f.request_id);
    if (f.attempts > 1)
        add(std::to_string(f.attempts) + " attempts");
    if (!about.empty())
        out += " (" + about + ')';
    // A message can be the canonical request that the service computed, which has many lines; and no service shall
    // write control codes to a terminal.
    std::ranges::replace_if(
        out, [](char c) { return (c >= '\0' && c < ' ') || c == '\x7F'; }, ' ');
    return out;
}

/// The text with each occurrence of a secret replaced by `***`: a service may quote the request that it refuses.
[[nodiscard]] inline std::string redacted(std::string text, std::string_view secret)
{
    // What is this short stands in a text by chance, and is no secret.
    if (secret.size() < 4 || text.find(secret) == text.npos)
        return text;
    std::string out;
    std::size_t from = 0;
    for (auto at = text.find(secret); at != text.npos; at = text.find(secret, from)) {
        out.append(text, from, at - from).append("***");
        from = at + secret.size();
    }
    return out.append(text, from);
}

/// The text with the end of each `Signature=...` replaced: a service may quote the header that it cannot read.
[[nodiscard]] inline std::string without_signatures(std::string_view text)
{
    constexpr std::string_view name = "Signature=";
    std::string out;
    for (auto at = text.find(name); at != text.npos; at = text.find(name)) {
        const auto begin = at + name.size();
        out.append(text.substr(0, begin)).append("***");
        text.remove_prefix(std::min(text.find_first_not_of("0123456789abcdef", begin), text.size()));
    }
    return out.append(text);
}

/// The text, or its beginning: who answers with megabytes has nothing to say.
[[nodiscard]] inline std::string shortened(std::string text)
{
    constexpr std::size_t most = 8192;  // The canonical request is among what is worth reading.
    if (text.size() > most)
        text.replace(most, text.npos, "...");
    return text;
}

}  // namespace mayfly::aws

template <>
struct boost::system::is_error_code_enum<mayfly::aws::errc> : std::true_type {};
