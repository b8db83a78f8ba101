// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/base64.hpp>
#include <mayfly/config/connection_settings.hpp>
#include <mayfly/grpc/channel_options.hpp>
#include <mayfly/grpc/metadata.hpp>
#include <mayfly/grpc/retry.hpp>
#include <mayfly/http/url.hpp>
#include <mayfly/problem.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

namespace mayfly::temporal {

/// Who this process is to others: `pid@host`.
[[nodiscard]] inline std::string default_identity()
{
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0)
        host = {"localhost"};
    return std::to_string(::getpid()) + '@' + host.data();
}

namespace detail {

inline grpc::channel_options default_channel_options()
{
    grpc::channel_options out;
    out.user_agent = "mayfly";
    out.receive_limit = std::size_t{128} * 1024 * 1024;
    return out;
}

/// None begins in the last seconds of a poll: a server refuses a poll that has too little time.
inline grpc::retry_policy default_poll_retry()
{
    grpc::retry_policy out = grpc::retry_policy::poll();
    out.total = std::chrono::seconds{60};
    return out;
}

}  // namespace detail

/// Whom to call, as whom, and how patiently.
struct connection_options {
    http::origin target{false, "localhost", 7233};
    std::string name_space = "default";
    std::string identity = default_identity();  ///< Stands in requests, for people who look for who did something.

    /// TLS, server name, authority, API key, limits, and so on. Its `retry` is not used.
    grpc::channel_options channel = detail::default_channel_options();
    grpc::metadata metadata{};  ///< Goes with every call.

    grpc::retry_policy retry{};                                    ///< Of ordinary calls and long polls.
    grpc::retry_policy poll_retry = detail::default_poll_retry();  ///< Of polls for tasks.
    std::chrono::milliseconds timeout{30'000};                     ///< Of ordinary calls, with their retries.
    std::chrono::milliseconds poll_timeout{70'000};                ///< Of polls, likewise.
    std::chrono::milliseconds completion_timeout{60'000};          ///< Of completions whose caller knows no better.
};

/** The options for settings that were read.

    They are fit for use already, but for one thing: what goes out as metadata has to be allowed there, and bytes come
   in base64.
*/
[[nodiscard]] inline checked<connection_options> options_of(const config::connection_settings& s)
{
    connection_options out;
    out.target = {s.tls.on.value, s.endpoint.host, s.endpoint.port};
    out.name_space = s.name_space.value;
    if (!s.authority.value.empty())
        out.channel.authority = s.authority.value;
    if (!s.api_key.value.empty())
        out.channel.api_key = [key = s.api_key.value] { return key; };
    if (s.tls.on.value) {
        out.channel.tls.certificate = s.tls.client_cert.value;
        out.channel.tls.key = s.tls.client_key.value;
        out.channel.tls.ca = s.tls.server_ca.value;
        out.channel.tls.dangerously_accept_any_certificate = !s.tls.verify_host.value;
        out.channel.server_name = s.tls.server_name.value;
    }
    problems wrong;
    for (const auto& [name, value] : s.grpc_meta) {
        auto bytes =
            grpc::is_binary(name) ? from_base64(value.value, base64_form::liberal) : std::optional(value.value);
        if (!bytes)
            wrong.push_back({value.from, "", "metadata \"" + name + "\": give base64, as the name ends in -bin"});
        else if (auto problem = grpc::problem_of({{name, *bytes}}))
            wrong.push_back({value.from, "", *std::move(problem)});
        else
            out.metadata.add(name, *std::move(bytes));
    }
    if (!wrong.empty())
        return wrong;
    return out;
}

}  // namespace mayfly::temporal
