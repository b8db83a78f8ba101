// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/credentials.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/iso_time.hpp>
#include <mayfly/aws/sigv4_canonical.hpp>
#include <mayfly/aws/xml.hpp>
#include <mayfly/problem.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// The requests and answers of STS as values: forms out, XML in. Who sends them is sts_client.hpp.

namespace mayfly::aws {

/// The media type of every request to STS.
inline constexpr std::string_view sts_content_type = "application/x-www-form-urlencoded; charset=utf-8";

/// `AssumeRole`, or `AssumeRoleWithWebIdentity` if there is a token: that one is not signed.
struct assume_role_request {
    std::string role_arn{};
    std::string session_name{};
    std::string external_id{};                       ///< Empty: none.
    std::optional<std::chrono::seconds> duration{};  ///< If not set, the role's own default.
    std::string web_identity_token{};                ///< A secret.

    friend bool operator==(const assume_role_request&, const assume_role_request&) = default;
};

/// A session with a role, or why there is none.
struct assumed_role {
    credentials keys{};
    std::string arn{};  ///< Of the session: `arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    failure why{};

    [[nodiscard]] explicit operator bool() const noexcept { return !why; }
};

/// Performs the call: signed with `caller`, unless the request holds a web identity token. Cancelling the coroutine
/// cancels the call.
using assume_role_function =
    std::function<boost::asio::awaitable<assumed_role>(assume_role_request, credentials caller)>;

struct caller_identity {
    std::string account{};
    std::string arn{};
    std::string user_id{};

    friend bool operator==(const caller_identity&, const caller_identity&) = default;
};

namespace detail {

/// Letters, digits, `_` and `+=,.@-`, and what `more` holds.
[[nodiscard]] constexpr bool is_sts_word(
    std::string_view text, std::size_t least, std::size_t most, std::string_view more = {}) noexcept
{
    const auto fits = [more](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view{"_+=,.@-"}.find(c) != std::string_view::npos || more.find(c) != more.npos;
    };
    return text.size() >= least && text.size() <= most && std::all_of(text.begin(), text.end(), fits);
}

inline void add_parameter(std::string& form, std::string_view name, std::string_view value)
{
    form.append(form.empty() ? "" : "&").append(name).append("=");
    append_encoded(form, value);
}

}  // namespace detail

/// What STS would refuse. `prefix` stands before each field's name; the value of an external id is not shown.
[[nodiscard]] inline problems validate(const assume_role_request& r, std::string_view prefix = {})
{
    problems out;
    const std::string p{prefix};
    const auto role = read_role_arn(r.role_arn, p + "role_arn");
    if (!role)
        out = role.problems();
    if (!detail::is_sts_word(r.session_name, 2, 64))
        out.push_back({p + "role_session_name", '"' + r.session_name + '"',
            "use 2 to 64 letters, digits and characters of _+=,.@-"});
    if (!r.external_id.empty() && !detail::is_sts_word(r.external_id, 2, 1224, ":/"))
        out.push_back({p + "external_id", "", "use 2 to 1224 letters, digits and characters of _+=,.@:/-"});
    if (r.duration && (r.duration->count() < 900 || r.duration->count() > 43'200))
        out.push_back({p + "duration_seconds", std::to_string(r.duration->count()), "use 900 to 43200 seconds"});
    return out;
}

/// The body of the request.
[[nodiscard]] inline std::string form_of(const assume_role_request& r)
{
    std::string out;
    const bool web = !r.web_identity_token.empty();
    detail::add_parameter(out, "Action", web ? "AssumeRoleWithWebIdentity" : "AssumeRole");
    detail::add_parameter(out, "Version", "2011-06-15");
    detail::add_parameter(out, "RoleArn", r.role_arn);
    detail::add_parameter(out, "RoleSessionName", r.session_name);
    if (!r.external_id.empty() && !web)
        detail::add_parameter(out, "ExternalId", r.external_id);
    if (r.duration)
        detail::add_parameter(out, "DurationSeconds", std::to_string(r.duration->count()));
    if (web)
        detail::add_parameter(out, "WebIdentityToken", r.web_identity_token);
    return out;
}

/// The body of a `GetCallerIdentity` request.
inline constexpr std::string_view caller_identity_form = "Action=GetCallerIdentity&Version=2011-06-15";

/// Reads a successful answer to either request. `errc::answer_not_understood` unless all of a session is there.
[[nodiscard]] inline assumed_role read_assumed_role(std::string_view xml)
{
    assumed_role out;
    const std::string_view keys = xml_content(xml, "Credentials");
    out.keys.access_key_id = xml_text(keys, "AccessKeyId");
    out.keys.secret_access_key = xml_text(keys, "SecretAccessKey");
    out.keys.session_token = xml_text(keys, "SessionToken");
    out.keys.expires = parse_iso_time(xml_text(keys, "Expiration"));
    out.arn = xml_text(xml_content(xml, "AssumedRoleUser"), "Arn");
    if (out.keys.access_key_id.empty() || out.keys.secret_access_key.empty() || out.keys.session_token.empty() ||
        !out.keys.expires)
        return {.why = {.ec = make_error_code(errc::answer_not_understood),
                    .message = "STS accepted the request, and its answer holds no whole session"}};
    return out;
}

/// Reads a successful answer. Nothing unless all three parts are there.
[[nodiscard]] inline std::optional<caller_identity> read_caller_identity(std::string_view xml)
{
    const std::string_view result = xml_content(xml, "GetCallerIdentityResult");
    caller_identity out{xml_text(result, "Account"), xml_text(result, "Arn"), xml_text(result, "UserId")};
    if (out.account.empty() || out.arn.empty() || out.user_id.empty())
        return std::nullopt;
    return out;
}

}  // namespace mayfly::aws
