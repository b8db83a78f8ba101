// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/environment.hpp>
#include <mayfly/http/proxy.hpp>
#include <mayfly/http/tls.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mayfly::http {

/// How long each phase of a call may take. Zero: as long as it likes.
struct time_limits {
    using duration = std::chrono::milliseconds;

    duration wait = std::chrono::seconds{30};       ///< For a connection to become free.
    duration resolve = std::chrono::seconds{5};     ///< For the host's addresses.
    duration connect = std::chrono::seconds{5};     ///< For one of the addresses to take the connection.
    duration proxy = std::chrono::seconds{10};      ///< For the proxy's answer to CONNECT.
    duration handshake = std::chrono::seconds{10};  ///< For TLS.
    duration send = std::chrono::seconds{30};       ///< For the peer to take the next part of the request.
    duration response = std::chrono::seconds{60};   ///< From the request's last byte to the end of the response's head.
    duration body = std::chrono::seconds{30};       ///< For the next part of the response's body.
    duration total{};                               ///< For everything together.
};

/// How the addresses of a host are found: calls `done(error, addresses)` once, on the client's executor, not before it
/// has returned. What comes after the call's time limit is not heard.
using resolve_function = std::function<void(const std::string& host, std::uint16_t port,
    std::function<void(boost::system::error_code, std::vector<boost::asio::ip::tcp::endpoint>)> done)>;

/// What a client keeps to.
struct client_options {
    std::uint32_t connections_per_origin = 32;  ///< Open at the same time; above zero.
    std::uint32_t idle_connections = 64;        ///< Kept for later, over all origins.
    std::uint32_t waiting_requests = 10'000;    ///< Waiting for a connection to one origin; one more is refused.
    std::chrono::milliseconds idle_time = std::chrono::seconds{50};  ///< Not used again after that long.
    std::chrono::seconds tcp_keep_alive{
        45};  ///< Silence after which the kernel asks whether the peer lives; zero: never.
    std::uint32_t header_limit = 64 * 1024;       ///< Bytes of a response's head.
    std::uint64_t body_limit = 16 * 1024 * 1024;  ///< Bytes of a response's body.
    time_limits limits{};
    tls_options tls{};
    proxy_settings proxy{};
    resolve_function resolve{};  ///< If empty, the system's resolver.
};

/// What one call has of its own. What is not set is the client's.
struct call_options {
    std::optional<std::chrono::milliseconds> total{};     ///< `time_limits::total`
    std::optional<std::chrono::milliseconds> connect{};   ///< `time_limits::connect`
    std::optional<std::chrono::milliseconds> response{};  ///< `time_limits::response`
    std::optional<std::uint64_t> body_limit{};
};

/// The defaults, with the trust store and the proxies that the environment names.
[[nodiscard]] inline client_options client_options_of(const environment& variables)
{
    client_options out;
    out.tls = tls_options_of(variables);
    out.proxy = proxy_settings_of(variables);
    return out;
}

struct client_stats {
    std::uint64_t opened = 0;   ///< Connections made, or tried.
    std::uint64_t reused = 0;   ///< Requests that found an idle one.
    std::uint64_t retried = 0;  ///< Requests sent again, because an idle one turned out to be dead.
    std::uint64_t closed = 0;   ///< Connections that are no more.
    std::uint32_t in_use = 0;   ///< Connections that serve a request, or are being made for one.
    std::uint32_t idle = 0;
    std::uint32_t waiting = 0;  ///< Requests without a connection.

    friend bool operator==(const client_stats&, const client_stats&) = default;
};

}  // namespace mayfly::http
