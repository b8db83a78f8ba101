// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/credential_error.hpp>
#include <mayfly/aws/credentials.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/iso_time.hpp>
#include <mayfly/detail/json_read.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::aws {

/// What a source gave, or why it gave nothing.
struct fetched_credentials {
    credentials keys{};
    failure why{};
    /// These go on to work when they have ended and the source has no newer ones: true of the machine's own role.
    bool outlive_their_end = false;
};

/// The JSON documents in which credentials come.
enum class credential_form {
    process,    ///< `Version` 1, `SessionToken`; what has no `Expiration` lasts for ever.
    container,  ///< `Token`.
    instance,   ///< `Token`, and a `Code` that must be `Success`.
};

/// Reads such a document. `source` is named in what is wrong with it; its text is not.
[[nodiscard]] inline fetched_credentials read_credentials(
    std::string_view text, credential_form form, std::string_view source)
{
    const auto refuse = [source](std::string words) {
        return fetched_credentials{
            .why = credential_failure(credential_errc::source_refused, std::string{source} + ": " + std::move(words))};
    };
    const auto document = mayfly::detail::read_json(text, 8);
    if (!document)  // The reader's own words could quote what stands there.
        return refuse("the answer is not JSON");
    const auto& root = document.root;
    if (!root.is_object())
        return refuse("the answer is not a JSON object");
    const auto word = [&root](std::string_view key) {
        const auto* const found = root.find(key);
        return found != nullptr && found->is_string() ? found->text : std::string{};
    };

    if (const auto* const version = root.find("Version");
        form == credential_form::process && (version == nullptr || version->as<int>() != 1))
        return refuse("Version must be the number 1");
    if (const std::string code = word("Code"); form == credential_form::instance && code != "Success")
        return refuse("the answer's Code is \"" + code + "\", not Success: " + word("Message"));

    fetched_credentials out;
    out.keys = {word("AccessKeyId"), word("SecretAccessKey"),
        word(form == credential_form::process ? "SessionToken" : "Token"), {}, std::string{source}};
    out.outlive_their_end = form == credential_form::instance;
    if (out.keys.access_key_id.empty() || out.keys.secret_access_key.empty())
        return refuse("AccessKeyId and SecretAccessKey must both be there");
    if (form != credential_form::process && out.keys.session_token.empty())
        return refuse("Token must be there");
    if (const auto* const end = root.find("Expiration"); end != nullptr && !end->is_null()) {
        out.keys.expires = end->is_string() ? parse_iso_time(end->text) : std::nullopt;
        if (!out.keys.expires)
            return refuse("Expiration must be a time like 2026-03-04T05:06:07Z");
    } else if (form != credential_form::process) {
        return refuse("Expiration must be there");
    }
    return out;
}

}  // namespace mayfly::aws
