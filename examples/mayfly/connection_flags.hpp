// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/config/read.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/connection_options.hpp>

#include <string>
#include <string_view>

namespace examples {

inline constexpr std::string_view connection_help = R"(
How to reach the service; unless given, by temporal.toml and the environment
  --address HOST:PORT        localhost:7233 if nobody says otherwise; TEMPORAL_ADDRESS
  --namespace NAME           default likewise; TEMPORAL_NAMESPACE
  --config FILE              instead of the temporal.toml that is looked for; TEMPORAL_CONFIG_FILE
  --profile NAME             which of the file's profiles; TEMPORAL_PROFILE
  --tls true|false           TEMPORAL_TLS
  --tls-cert FILE            with --tls-key FILE: shown to the service; both are PEM
  --tls-ca FILE              trusted instead of the system's authorities
  --tls-server-name NAME     for SNI, and to verify, instead of the address's host
  --identity TEXT            who does this, for people who look; otherwise the process (of mayfly worker, the user) and host
An API key is taken from TEMPORAL_API_KEY or the file only: others can see what stands in a command.
)";

/// The flags that say how to connect.
class connection_flags {
public:
    /// Whether this is one of them, which it then takes.
    [[nodiscard]] bool take(std::string_view flag, std::string_view value)
    {
        struct known {
            std::string_view flag;
            std::string_view variable;
        };
        constexpr known all[] = {{"--address", "TEMPORAL_ADDRESS"}, {"--namespace", "TEMPORAL_NAMESPACE"},
            {"--config", "TEMPORAL_CONFIG_FILE"}, {"--profile", "TEMPORAL_PROFILE"}, {"--tls", "TEMPORAL_TLS"},
            {"--tls-cert", "TEMPORAL_TLS_CLIENT_CERT_PATH"}, {"--tls-key", "TEMPORAL_TLS_CLIENT_KEY_PATH"},
            {"--tls-ca", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"}, {"--tls-server-name", "TEMPORAL_TLS_SERVER_NAME"}};
        if (flag == "--identity") {
            identity_ = value;
            return true;
        }
        for (const auto& k : all) {
            if (k.flag != flag)
                continue;
            read_.overrides[std::string(k.variable)] = {std::string(value), std::string(flag)};
            return true;
        }
        return false;
    }

    /// What they come to, with the file and the environment.
    [[nodiscard]] mayfly::checked<mayfly::config::connection_settings> settings() const
    {
        return mayfly::config::read_settings(read_);
    }

    [[nodiscard]] mayfly::checked<mayfly::config::connection_settings> settings(
        const mayfly::environment& variables, const mayfly::config::file_reader& read) const
    {
        return mayfly::config::read_settings(read_, variables, read);
    }

    /// Empty if nobody gave one.
    [[nodiscard]] const std::string& identity() const noexcept { return identity_; }

    [[nodiscard]] mayfly::checked<mayfly::temporal::connection_options> options(
        const mayfly::config::connection_settings& settings) const
    {
        auto out = mayfly::temporal::options_of(settings);
        if (!out || identity_.empty())
            return out;
        mayfly::temporal::connection_options named = *out;
        named.identity = identity_;
        return named;
    }

private:
    mayfly::config::read_options read_{.where = mayfly::config::places::user};
    std::string identity_{};
};

}  // namespace examples
