// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <string>
#include <string_view>

// Every key of a profile and the variable that overrides it.

namespace mayfly::config::detail {

enum class key_kind {
    text,
    secret,        ///< Text that is never shown.
    flag,          ///< `true` or `false`.
    opposite_flag  ///< As a variable, it says the opposite.
};

struct key {
    std::string_view section{};  ///< Empty: the profile itself.
    std::string_view name{};
    std::string_view variable{};
    key_kind kind = key_kind::text;

    [[nodiscard]] std::string path() const
    {
        return std::string{section} + (section.empty() ? "" : ".") + std::string{name};
    }
    [[nodiscard]] constexpr bool is_flag() const noexcept
    {
        return kind == key_kind::flag || kind == key_kind::opposite_flag;
    }
};

inline constexpr std::array all_keys{
    key{"", "address", "TEMPORAL_ADDRESS"},
    key{"", "namespace", "TEMPORAL_NAMESPACE"},
    key{"", "api_key", "TEMPORAL_API_KEY", key_kind::secret},
    key{"", "authority", "TEMPORAL_CLIENT_AUTHORITY"},
    key{"tls", "disabled", "TEMPORAL_TLS", key_kind::opposite_flag},
    key{"tls", "client_cert_path", "TEMPORAL_TLS_CLIENT_CERT_PATH"},
    key{"tls", "client_cert_data", "TEMPORAL_TLS_CLIENT_CERT_DATA", key_kind::secret},
    key{"tls", "client_key_path", "TEMPORAL_TLS_CLIENT_KEY_PATH"},
    key{"tls", "client_key_data", "TEMPORAL_TLS_CLIENT_KEY_DATA", key_kind::secret},
    key{"tls", "server_ca_cert_path", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"},
    key{"tls", "server_ca_cert_data", "TEMPORAL_TLS_SERVER_CA_CERT_DATA", key_kind::secret},
    key{"tls", "server_name", "TEMPORAL_TLS_SERVER_NAME"},
    key{"tls", "disable_host_verification", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", key_kind::flag},
    key{"codec", "endpoint", "TEMPORAL_CODEC_ENDPOINT"},
    key{"codec", "auth", "TEMPORAL_CODEC_AUTH", key_kind::secret},
};

inline constexpr std::string_view meta_prefix = "TEMPORAL_GRPC_META_";
inline constexpr std::string_view task_queue_variable = "TEMPORAL_TASK_QUEUE";

[[nodiscard]] constexpr const key* find_key(std::string_view section, std::string_view name) noexcept
{
    for (const key& k : all_keys) {
        if (k.section == section && k.name == name)
            return &k;
    }
    return nullptr;
}

/// Header names are lower case, and nobody can write a dash in a variable's name.
[[nodiscard]] inline std::string header_name(std::string_view written)
{
    std::string out{written};
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
        else if (c == '_')
            c = '-';
    }
    return out;
}

}  // namespace mayfly::config::detail
