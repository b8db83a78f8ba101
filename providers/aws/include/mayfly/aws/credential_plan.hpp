// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/credentials.hpp>
#include <mayfly/aws/iso_time.hpp>
#include <mayfly/aws/shell_words.hpp>
#include <mayfly/aws/sts.hpp>
#include <mayfly/http/url.hpp>
#include <mayfly/problem.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// Which credentials a program shall use, decided from what it was told. Nothing is fetched here.

namespace mayfly::aws {

/// The instance metadata service: where it is and how patiently it is asked.
struct instance_metadata {
    http::origin origin{false, "169.254.169.254", 80};
    std::string path_prefix{};
    std::chrono::milliseconds timeout{1000};  ///< For each answer.
    std::uint32_t attempts = 1;               ///< Above zero.

    friend bool operator==(const instance_metadata&, const instance_metadata&) = default;
};

/// Where a chain of credentials begins. Holds secrets; print only `name`.
struct credential_source {
    enum class kind : std::uint8_t {
        keys,          ///< They are known already.
        process,       ///< A program prints them.
        web_identity,  ///< A token in a file is exchanged for a session.
        container,     ///< An address that the container was given answers with them.
        instance,      ///< The instance metadata service answers with them, if there is one.
    };

    kind is = kind::keys;
    std::string name{};  ///< For people: `the environment`, `profile "prod"`.

    credentials keys{};                  ///< keys
    std::vector<std::string> command{};  ///< process: program and arguments
    assume_role_request role{};          ///< web_identity: all but the token
    std::string token_file{};            ///< web_identity, container: read anew each time
    std::string token{};                 ///< container: if there is no file
    http::url address{};                 ///< container
    instance_metadata metadata{};        ///< instance
};

/// A source, and the roles that are then assumed, each with what the one before it gave.
struct credential_plan {
    credential_source first{};
    std::vector<assume_role_request> roles{};
};

/// The metadata service as configured; nothing if it is switched off.
[[nodiscard]] inline checked<std::optional<instance_metadata>> instance_metadata_of(const config& c)
{
    if (const auto off = c.variables.get("AWS_EC2_METADATA_DISABLED"); off && detail::equal_ignoring_case(*off, "true"))
        return std::optional<instance_metadata>{};
    instance_metadata out;
    problems wrong;
    if (const auto mode = c.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode")) {
        if (detail::equal_ignoring_case(mode->value, "ipv6"))
            out.origin.host = "fd00:ec2::254";
        else if (!detail::equal_ignoring_case(mode->value, "ipv4"))
            wrong.push_back({mode->from, '"' + mode->value + '"', "write IPv4 or IPv6"});
    }
    if (const auto said = c.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")) {
        if (const auto url = http::parse_url(said->value); url && url->target.find('?') == std::string::npos) {
            out.origin = url->origin;
            out.path_prefix = url->target;
            while (out.path_prefix.ends_with('/'))
                out.path_prefix.pop_back();
        } else {
            wrong.push_back(
                {said->from, '"' + http::url_to_show(said->value) + '"', "write http://, a host, and perhaps a port"});
        }
    }
    const auto number = [&](std::string_view variable, std::string_view key, std::uint32_t most) -> std::uint32_t {
        const auto said = c.get(variable, key);
        if (!said)
            return 0;
        std::uint32_t n = 0;
        const char* const end = said->value.data() + said->value.size();
        const auto [stop, ec] = std::from_chars(said->value.data(), end, n);
        if (ec != std::errc{} || stop != end || n == 0 || n > most) {
            wrong.push_back({said->from, '"' + said->value + '"', "write a number from 1 to " + std::to_string(most)});
            return 0;
        }
        return n;
    };
    if (const auto seconds = number("AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout", 60); seconds != 0)
        out.timeout = std::chrono::seconds{seconds};
    if (const auto n = number("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts", 10); n != 0)
        out.attempts = n;
    if (!wrong.empty())
        return wrong;
    return std::optional(out);
}

namespace detail {

/// Loopback and the addresses at which platforms serve credentials: plain HTTP goes nowhere else.
[[nodiscard]] inline bool may_serve_credentials(const http::origin& o) noexcept
{
    if (o.tls)
        return true;
    const std::string_view host = o.host;
    if (host == "localhost" || host == "::1" || host == "169.254.170.2" || host == "169.254.170.23" ||
        host == "fd00:ec2::23")
        return true;
    // 127.0.0.0/8, written in full: a name may begin with these digits too.
    return host.starts_with("127.") && std::count(host.begin(), host.end(), '.') == 3 &&
           host.find_first_not_of("0123456789.") == host.npos && host.find("..") == host.npos && host.back() != '.';
}

class credential_planner {
public:
    credential_planner(const config& c, std::string_view session) : c_{c}, session_{session} {}

    checked<credential_plan> plan()
    {
        credential_plan out;
        if (from_environment(out) || from_profile(out) || from_web_identity(out) || from_container(out) ||
            from_instance(out)) {
            if (wrong_.empty())
                return out;
        } else {
            wrong_.push_back({"credentials", "",
                "none were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or describe the profile \"" +
                    c_.profile + "\" in " + place(c_.config_file.path)});
        }
        return wrong_;
    }

private:
    // Each returns whether that source is configured. If it is, and wrongly so, there is a problem as well.

    bool from_environment(credential_plan& out)
    {
        const auto id = c_.variables.get("AWS_ACCESS_KEY_ID");
        const auto secret = c_.variables.get("AWS_SECRET_ACCESS_KEY");
        if (!id && !secret)
            return false;
        if (!id)
            say("AWS_ACCESS_KEY_ID", "", "set it too: AWS_SECRET_ACCESS_KEY is set");
        if (!secret)
            say("AWS_SECRET_ACCESS_KEY", "", "set it too: AWS_ACCESS_KEY_ID is set");
        credential_source& s = out.first;
        s.name = "the environment";
        s.keys = {id.value_or(""), secret.value_or(""), {}, {}, s.name};
        auto token = c_.variables.get("AWS_SESSION_TOKEN");
        s.keys.session_token = token ? *token : c_.variables.get("AWS_SECURITY_TOKEN").value_or("");
        if (const auto expires = c_.variables.get("AWS_CREDENTIAL_EXPIRATION")) {
            s.keys.expires = parse_iso_time(*expires);
            if (!s.keys.expires)
                say("AWS_CREDENTIAL_EXPIRATION", '"' + *expires + '"', "write it like 2026-03-04T05:06:07Z");
        }
        return true;
    }

    bool from_profile(credential_plan& out)
    {
        for (problem& p : c_.problems())
            wrong_.push_back(std::move(p));
        if (!c_.has_profile(c_.profile)) {
            if (!c_.profile_from.empty())
                say(c_.profile_from, '"' + c_.profile + '"',
                    "there is no such profile in " + place(c_.config_file.path) + " or " +
                        place(c_.credentials_file.path));
            return !wrong_.empty();
        }
        std::vector<std::string> seen;
        return profile(c_.profile, seen, out) || !wrong_.empty();
    }

    bool profile(const std::string& name, std::vector<std::string>& seen, credential_plan& out)
    {
        seen.push_back(name);
        const auto role = c_.of_profile(name, "role_arn");
        const auto token_file = c_.of_profile(name, "web_identity_token_file");
        const ini_section* const keys = c_.static_keys_section(name);
        // A profile that is the source of another gives its own keys, if it has any.
        const bool is_source = seen.size() > 1;
        if (token_file) {
            if (!role)
                say(token_file->from, "", "role_arn is needed beside web_identity_token_file");
            else
                web_identity(out, token_file->value, assume(name, *role), of(name));
            return true;
        }
        if (role && !(is_source && keys != nullptr))
            return assumed_profile(name, *role, seen, out);
        if (keys != nullptr) {
            static_keys(name, *keys, out);
            return true;
        }
        if (const auto command = c_.of_profile(name, "credential_process")) {
            auto words = split_words(command->value);
            if (!words || words->empty())
                say(command->from, "", "write a program and its arguments; each quote must end");
            else
                out.first.command = *std::move(words);
            out.first.is = credential_source::kind::process;
            out.first.name = "the credential_process of " + of(name);
            return true;
        }
        for (const std::string_view key : {"sso_session", "sso_start_url", "sso_account_id", "login_session"}) {
            if (const auto unsupported = c_.of_profile(name, key)) {
                say(unsupported->from, std::string{key},
                    "signing in through a browser is not supported here: get keys from the AWS CLI with "
                    "credential_process = aws configure export-credentials --profile " +
                        name);
                return true;
            }
        }
        return false;
    }

    bool assumed_profile(
        const std::string& name, const setting& role, std::vector<std::string>& seen, credential_plan& out)
    {
        const auto source = c_.of_profile(name, "source_profile");
        const auto built_in = c_.of_profile(name, "credential_source");
        if (const auto mfa = c_.of_profile(name, "mfa_serial"))
            say(mfa->from, "",
                "a role that asks for a second factor cannot be assumed by a service; remove mfa_serial");
        if (source.has_value() == built_in.has_value()) {
            say(role.from, "", "exactly one of source_profile and credential_source is needed beside role_arn");
            return true;
        }
        if (built_in) {
            from_built_in(*built_in, out);
        } else if (std::find(seen.begin(), seen.end(), source->value) != seen.end()) {
            // Of itself it can only want the keys.
            const ini_section* const own = source->value == name ? c_.static_keys_section(name) : nullptr;
            if (own == nullptr) {
                std::string way;
                for (const std::string& s : seen)
                    way += s + " -> ";
                say(source->from, '"' + source->value + '"',
                    "profiles must not be each other's source: " + way + source->value);
                return true;
            }
            static_keys(name, *own, out);
        } else if (!c_.has_profile(source->value)) {
            say(source->from, '"' + source->value + '"', "there is no such profile");
        } else if (!profile(source->value, seen, out)) {
            say(source->from, '"' + source->value + '"', "this profile has no credentials");
        }
        out.roles.push_back(assume(name, role));
        return true;
    }

    void from_built_in(const setting& which, credential_plan& out)
    {
        if (which.value == "Environment") {
            if (!from_environment(out))
                say(which.from, "Environment", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
        } else if (which.value == "EcsContainer") {
            if (!from_container(out))
                say(which.from, "EcsContainer", "there is no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI");
        } else if (which.value == "Ec2InstanceMetadata") {
            if (!from_instance(out))
                say(which.from, "Ec2InstanceMetadata", "it is switched off by AWS_EC2_METADATA_DISABLED");
        } else {
            say(which.from, '"' + which.value + '"', "write Environment, EcsContainer or Ec2InstanceMetadata");
        }
    }

    assume_role_request assume(const std::string& name, const setting& role)
    {
        const auto text = [&](std::string_view key) {
            const auto found = c_.of_profile(name, key);
            return found ? found->value : std::string{};
        };
        assume_role_request out{
            .role_arn = role.value, .session_name = text("role_session_name"), .external_id = text("external_id")};
        if (out.session_name.empty())
            out.session_name = session_;
        if (const auto said = c_.of_profile(name, "duration_seconds")) {
            std::int32_t seconds = 0;
            const char* const end = said->value.data() + said->value.size();
            const auto [stop, ec] = std::from_chars(said->value.data(), end, seconds);
            if (ec == std::errc{} && stop == end)
                out.duration = std::chrono::seconds{seconds};
            else
                say(said->from, '"' + said->value + '"', "write a number of seconds");
        }
        for (problem& p : validate(out, of(name) + " "))
            wrong_.push_back(std::move(p));
        return out;
    }

    void static_keys(const std::string& name, const ini_section& keys, credential_plan& out)
    {
        const auto text = [&keys](std::string_view key) {
            const ini_entry* const found = keys.find(key);
            return found != nullptr ? found->value : std::string{};
        };
        out.first.name = of(name);
        out.first.keys = {
            text("aws_access_key_id"), text("aws_secret_access_key"), text("aws_session_token"), {}, of(name)};
        if (out.first.keys.access_key_id.empty())
            say(of(name) + " aws_access_key_id", "", "set it too: aws_secret_access_key is there");
        if (out.first.keys.secret_access_key.empty())
            say(of(name) + " aws_secret_access_key", "", "set it too: aws_access_key_id is there");
    }

    bool from_web_identity(credential_plan& out)
    {
        const auto file = c_.variables.get("AWS_WEB_IDENTITY_TOKEN_FILE");
        if (!file)
            return false;
        const auto role = c_.variables.get("AWS_ROLE_ARN");
        if (!role)
            say("AWS_ROLE_ARN", "", "set it too: AWS_WEB_IDENTITY_TOKEN_FILE is set");
        assume_role_request r{.role_arn = role.value_or(""),
            .session_name = c_.variables.get("AWS_ROLE_SESSION_NAME").value_or(session_)};
        if (role) {
            for (problem& p : validate(r, "AWS_WEB_IDENTITY_TOKEN_FILE, "))
                wrong_.push_back(std::move(p));
        }
        web_identity(out, *file, std::move(r), "the environment");
        return true;
    }

    static void web_identity(
        credential_plan& out, const std::string& file, assume_role_request role, const std::string& of)
    {
        out.first.is = credential_source::kind::web_identity;
        out.first.name = "the web identity of " + of;
        out.first.token_file = file;
        out.first.role = std::move(role);
        out.first.role.external_id.clear();  // That request has no such field.
    }

    bool from_container(credential_plan& out)
    {
        const auto relative = c_.variables.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        const auto full = c_.variables.get("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        if (!relative && !full)
            return false;
        const auto url = http::parse_url(relative ? "http://169.254.170.2" + *relative : *full);
        if (relative && (!url || url->origin != http::origin{false, "169.254.170.2", 80}))
            say("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", '"' + *relative + '"',
                "write a path, which begins with a slash");
        else if (!url)
            say("AWS_CONTAINER_CREDENTIALS_FULL_URI", '"' + http::url_to_show(*full) + '"',
                "write https:// or http://, a host and a path");
        else if (!may_serve_credentials(url->origin))
            say("AWS_CONTAINER_CREDENTIALS_FULL_URI", '"' + http::url_to_show(*full) + '"',
                "plain http may lead only to loopback, 169.254.170.2, 169.254.170.23 or fd00:ec2::23; use https");
        else
            out.first.address = *url;
        out.first.is = credential_source::kind::container;
        out.first.name = "the container's credentials";
        out.first.token_file = c_.variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").value_or("");
        if (out.first.token_file.empty())
            out.first.token = c_.variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
        if (out.first.token.find_first_of("\r\n") != std::string::npos)
            say("AWS_CONTAINER_AUTHORIZATION_TOKEN", "", "must be one line");
        return true;
    }

    bool from_instance(credential_plan& out)
    {
        const auto settings = instance_metadata_of(c_);
        if (!settings) {
            for (problem& p : settings.problems())
                wrong_.push_back(std::move(p));
            return true;
        }
        if (!*settings)
            return false;
        out.first.is = credential_source::kind::instance;
        out.first.name = "the instance's role";
        out.first.metadata = **settings;
        return true;
    }

    void say(std::string field, std::string value, std::string remedy)
    {
        wrong_.push_back({std::move(field), std::move(value), std::move(remedy)});
    }

    static std::string of(const std::string& name) { return "profile \"" + name + '"'; }
    static std::string place(const std::string& path) { return path.empty() ? "~/.aws" : path; }

    const config& c_;
    std::string session_;
    problems wrong_;
};

}  // namespace detail

/** The first source that is configured: environment, profile, web identity, container, instance.

    One that is configured and wrong is a problem, never a reason to look further: a mistyped profile must not end in
   the machine's own role. `session` names the sessions of roles that do not say how.
*/
[[nodiscard]] inline checked<credential_plan> plan_credentials(const config& c, std::string_view session = "mayfly")
{
    return detail::credential_planner{c, session}.plan();
}

}  // namespace mayfly::aws
