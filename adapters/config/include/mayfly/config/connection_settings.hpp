// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/config/detail/shown.hpp>
#include <mayfly/config/host_port.hpp>
#include <mayfly/problem.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace mayfly::config {

/// A value, and who said so: `temporal.toml:4`, `TEMPORAL_ADDRESS`, or `default`.
template <class T>
struct sourced {
    T value{};
    std::string from = "default";

    friend bool operator==(const sourced&, const sourced&) = default;
};

/// Where `on` is false, the others are as they are here: nothing was read.
struct tls_settings {
    sourced<bool> on{};
    sourced<std::string> client_cert{};  ///< PEM. Empty, as is the key: none is shown to the server.
    sourced<std::string> client_key{};   ///< PEM; a secret.
    sourced<std::string> server_ca{};    ///< PEM, trusted instead of the system's. Empty: the system's are.
    sourced<std::string> server_name{};  ///< For SNI, and to verify. Empty: the address's host.
    sourced<bool> verify_host{true};

    friend bool operator==(const tls_settings&, const tls_settings&) = default;
};

/// A remote codec of payloads. Whoever connects decides whether to use it.
struct codec_settings {
    sourced<std::string> endpoint{};
    sourced<std::string> auth{};  ///< Value of `Authorization`; a secret.

    friend bool operator==(const codec_settings&, const codec_settings&) = default;
};

/** How to reach a cluster: each value with its source. `to_string` shows it without its secrets.

    What it holds is fit for use: the address has a host and a port, certificates and keys were read, whatever goes
    out in a header may stand in one.
*/
struct connection_settings {
    std::string file{};  ///< The file that was read; empty: there was none.
    sourced<std::string> profile{"default"};

    sourced<std::string> address{"localhost:7233"};
    host_port endpoint{"localhost", 7233};  ///< The address in its parts.
    sourced<std::string> name_space{"default"};
    sourced<std::string> api_key{};    ///< A secret. Empty: none.
    sourced<std::string> authority{};  ///< Empty: as follows from the address.
    tls_settings tls{};
    codec_settings codec{};
    std::map<std::string, sourced<std::string>, std::less<>> grpc_meta{};  ///< Headers of every call; names as sent.
    sourced<std::string> task_queue{};                                     ///< For workers. Empty: nobody said.

    /// What works, and may not be what was meant: keys nobody knows, a key sent in clear. A program shows them.
    problems warnings{};

    friend bool operator==(const connection_settings&, const connection_settings&) = default;
};

/// One value a line with its source, for people. Of secrets it says only that they are there; values of headers count
/// as secrets.
[[nodiscard]] inline std::string to_string(const connection_settings& s)
{
    std::string out;
    const auto line = [&out](std::string_view name, std::string_view value, const std::string& from) {
        out.append(name).append(": ").append(value).append(" (").append(from).append(")\n");
    };
    const auto text = [&](std::string_view name, const sourced<std::string>& v) {
        if (!v.value.empty() || v.from != "default")
            line(name, detail::shown(v.value), v.from);
    };
    const auto flag = [&](std::string_view name, const sourced<bool>& v) {
        line(name, v.value ? "true" : "false", v.from);
    };
    const auto hidden = [&](std::string_view name, const sourced<std::string>& v) {
        if (!v.value.empty() || v.from != "default")
            line(name, v.value.empty() ? "none" : "***", v.from);
    };

    out += "file: " + (s.file.empty() ? "none" : detail::shown(s.file)) + '\n';
    text("profile", s.profile);
    text("address", s.address);
    text("namespace", s.name_space);
    hidden("api_key", s.api_key);
    text("authority", s.authority);
    flag("tls", s.tls.on);
    if (s.tls.on.value) {
        hidden("tls.client_cert", s.tls.client_cert);
        hidden("tls.client_key", s.tls.client_key);
        hidden("tls.server_ca_cert", s.tls.server_ca);
        text("tls.server_name", s.tls.server_name);
        flag("tls.verify_host", s.tls.verify_host);
    }
    text("codec.endpoint", s.codec.endpoint);
    hidden("codec.auth", s.codec.auth);
    for (const auto& [name, value] : s.grpc_meta)
        hidden("grpc_meta." + detail::shown_key(name), value);
    text("task_queue", s.task_queue);
    return out;
}

}  // namespace mayfly::config
