// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "answer.hpp"
#include "body.hpp"
#include "keys.hpp"
#include "roles.hpp"
#include "text.hpp"

#include <mayfly/clock.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace local_lambda {

struct sts_options {
    std::vector<role> roles{};
    bool any_web_identity = false;                  ///< Any token will do.
    std::filesystem::path web_identity_file{};      ///< Holds the token that will do; read at each request.
    std::optional<std::int64_t> session_seconds{};  ///< How long sessions last in truth, whatever was asked for.
};

/// One action of STS, done.
struct sts_result {
    std::string action{};
    std::string xml{};  ///< What stands in its `Result`.
};

/// The security token service: sessions of roles, and who somebody is.
class token_service {
public:
    /// Both outlive it.
    token_service(const sts_options& o, key_book& keys) : options_(&o), keys_(&keys) {}

    /// Whether a request for this need not be signed: the token in it says who asks.
    [[nodiscard]] static bool is_unsigned(const parameters& p)
    {
        return p.get("Action") == "AssumeRoleWithWebIdentity";
    }

    /// `who` is null only for what need not be signed.
    [[nodiscard]] answer<sts_result> perform(const parameters& p, const identity* who, mayfly::wall_time now)
    {
        const std::string action = p.get("Action").value_or("");
        const std::string version = p.get("Version").value_or("NO_VERSION_SPECIFIED");
        if (action.empty())
            return refusal{400, "MissingAction", "The request must contain the parameter Action.", {}};
        if (version == "2011-06-15") {
            if (action == "AssumeRoleWithWebIdentity")
                return finished(action, assume_with_web_identity(p, now));
            if (action == "AssumeRole" && who != nullptr)
                return finished(action, assume(p, *who, now));
            if (action == "GetCallerIdentity" && who != nullptr)
                return sts_result{action, xml_element("Arn", who->arn) + xml_element("UserId", who->user_id) +
                                              xml_element("Account", who->account)};
        }
        return refusal{400, "InvalidAction", "Could not find operation " + action + " for version " + version, {}};
    }

private:
    struct wish {
        std::string role_arn;
        std::string session_name;
        std::int64_t seconds = 3600;
    };

    static answer<sts_result> finished(const std::string& action, answer<std::string> xml)
    {
        if (!xml)
            return xml.error();
        return sts_result{action, std::move(*xml)};
    }

    static refusal invalid(std::string message) { return {400, "ValidationError", std::move(message), {}}; }

    /// Nothing if `value` is as long as it should be and of the letters, digits, `_` and `others`.
    static std::optional<refusal> wrong_text(std::string_view value, std::string_view field, std::size_t least,
        std::size_t most, std::string_view others, std::string_view pattern)
    {
        if (value.size() < least)
            return invalid(
                constraint(value, field, "Member must have length greater than or equal to " + std::to_string(least)));
        if (value.size() > most)
            return invalid(
                constraint(value, field, "Member must have length less than or equal to " + std::to_string(most)));
        const bool fits = std::all_of(value.begin(), value.end(), [&](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   others.find(c) != std::string_view::npos;
        });
        if (!fits)
            return invalid(
                constraint(value, field, "Member must satisfy regular expression pattern: " + std::string(pattern)));
        return std::nullopt;
    }

    /// What the two ways to a session have in common.
    static answer<wish> read(const parameters& p)
    {
        wish out;
        out.role_arn = p.get("RoleArn").value_or("");
        out.session_name = p.get("RoleSessionName").value_or("");
        if (out.role_arn.size() < 20 || out.role_arn.size() > 2048)
            return invalid(constraint(out.role_arn, "roleArn",
                out.role_arn.size() < 20 ? "Member must have length greater than or equal to 20"
                                         : "Member must have length less than or equal to 2048"));
        if (auto wrong = wrong_text(out.session_name, "roleSessionName", 2, 64, "+=,.@-", "[\\w+=,.@-]*"))
            return *wrong;
        if (const auto text = p.get("DurationSeconds")) {
            const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), out.seconds);
            if (ec != std::errc{} || end != text->data() + text->size())
                return refusal{400, "MalformedInput", "DurationSeconds is no integer", {}};
            if (out.seconds < 900)
                return invalid(
                    constraint(*text, "durationSeconds", "Member must have value greater than or equal to 900"));
            if (out.seconds > 43'200)
                return invalid(
                    constraint(*text, "durationSeconds", "Member must have value less than or equal to 43200"));
        }
        if (const auto policy = p.get("Policy"); policy && !mayfly::detail::read_json(*policy))
            return refusal{400, "MalformedPolicyDocument", "This policy contains invalid Json", {}};
        return out;
    }

    [[nodiscard]] const role* find(std::string_view arn) const
    {
        const auto at =
            std::find_if(options_->roles.begin(), options_->roles.end(), [&](const role& r) { return r.arn == arn; });
        return at == options_->roles.end() ? nullptr : &*at;
    }

    answer<std::string> assume(const parameters& p, const identity& who, mayfly::wall_time now)
    {
        const auto wanted = read(p);
        if (!wanted)
            return wanted.error();
        const auto external_id = p.get("ExternalId");
        if (external_id) {
            // Not quoted: it is a secret of sorts.
            if (wrong_text(*external_id, "", 2, 1224, "+=,.@:/-", ""))
                return invalid(
                    "1 validation error detected: Value at 'externalId' failed to satisfy constraint: Member "
                    "must have 2 to 1224 characters and satisfy regular expression pattern: "
                    "[\\w+=,.@:\\/-]*");
        }
        // A role that there is not, one that is not trusted and a wrong external id look alike, on purpose.
        const role* const r = find(wanted->role_arn);
        if (r == nullptr || (!r->external_id.empty() && external_id != r->external_id))
            return refusal{403, "AccessDenied",
                "User: " + who.arn + " is not authorized to perform: sts:AssumeRole on resource: " + wanted->role_arn,
                {}};
        if (who.role != nullptr && wanted->seconds > 3600)
            return invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
                           "chaining.");
        if (wanted->seconds > r->max_session_seconds)
            return too_long();
        return begin(*r, *wanted, now) + (p.get("Policy") ? xml_element("PackedPolicySize", "1") : std::string());
    }

    static refusal too_long()
    {
        return invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    }

    answer<std::string> assume_with_web_identity(const parameters& p, mayfly::wall_time now)
    {
        const auto wanted = read(p);
        if (!wanted)
            return wanted.error();
        const std::string token = p.get("WebIdentityToken").value_or("");
        if (token.size() < 4 || token.size() > 20'000)
            return invalid("1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: "
                           "Member must have length from 4 to 20000");
        const role* const r = find(wanted->role_arn);
        if (r == nullptr || (!options_->any_web_identity && options_->web_identity_file.empty()))
            return refusal{403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", {}};
        if (!options_->any_web_identity && token != expected_token())
            return refusal{400, "InvalidIdentityToken", "The web identity token is not valid.", {}};
        if (wanted->seconds > r->max_session_seconds)
            return too_long();
        return begin(*r, *wanted, now) + xml_element("SubjectFromWebIdentityToken", wanted->session_name) +
               xml_element("Audience", "sts.amazonaws.com") + xml_element("Provider", "local");
    }

    [[nodiscard]] std::string expected_token() const
    {
        std::ifstream in(options_->web_identity_file, std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(in), {}};
        text.erase(text.find_last_not_of(" \t\r\n") + 1);
        return text;
    }

    std::string begin(const role& r, const wish& wanted, mayfly::wall_time now)
    {
        const auto seconds = std::chrono::seconds(options_->session_seconds.value_or(wanted.seconds));
        const key& k = keys_->begin(r, wanted.session_name, now, now + seconds);
        return "<Credentials>" + xml_element("AccessKeyId", k.credentials.access_key_id) +
               xml_element("SecretAccessKey", k.credentials.secret_access_key) +
               xml_element("SessionToken", k.credentials.session_token) +
               xml_element("Expiration", iso_time(*k.credentials.expires)) + "</Credentials><AssumedRoleUser>" +
               xml_element("AssumedRoleId", k.who.user_id) + xml_element("Arn", k.who.arn) + "</AssumedRoleUser>";
    }

    const sts_options* options_;
    key_book* keys_;
};

}  // namespace local_lambda
