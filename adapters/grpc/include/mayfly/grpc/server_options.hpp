// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace mayfly::grpc {

/// What a server listens on, and how much it puts up with. Durations of zero: no limit.
struct server_options {
    std::string address = "127.0.0.1";  ///< An IPv4 or IPv6 address; no name.
    std::uint16_t port = 0;             ///< 0: any free one, which `server::port()` tells.

    std::string certificate{};  ///< With `key`: speaks TLS. PEM text, or the path of a PEM file; the chain, own first.
    std::string key{};          ///< Its private key, likewise.
    std::string client_ca{};    ///< Likewise: clients must have a certificate of one of these authorities.

    std::size_t receive_limit = 4 * 1024 * 1024;  ///< Bytes of a call's message, inflated too.
    std::uint32_t header_limit = 64 * 1024;       ///< Bytes of a call's header fields.
    std::uint32_t max_streams = 1'000;            ///< Calls of one connection at a time. Beyond: refused, not lost.
    /// Bytes of one connection's calls that have not come whole; beyond: RESOURCE_EXHAUSTED. And of answers that its
    /// client has not taken; beyond: calls are refused, not lost.
    std::size_t held_limit = 64 * 1024 * 1024;
    std::size_t max_connections = 1'024;                ///< Beyond, newcomers wait.
    std::uint32_t stream_window = 1024 * 1024;          ///< Bytes under way to us on one stream.
    std::uint32_t connection_window = 8 * 1024 * 1024;  ///< And on all of a connection. Both below 2 GiB.

    std::chrono::milliseconds handshake_timeout{10'000};   ///< From a connection's begin to its first HTTP/2 frame.
    std::chrono::milliseconds idle_timeout{120'000};       ///< Without a call. Then the connection is sent away.
    std::chrono::milliseconds max_age{};                   ///< Of a connection. Then it is sent away.
    std::chrono::milliseconds age_grace{70'000};           ///< What its calls get then.
    std::chrono::milliseconds write_timeout{20'000};       ///< Without a client taking anything. Then it is cut off.
    std::chrono::milliseconds keepalive_interval{60'000};  ///< Silence after which the client is pinged.
    std::chrono::milliseconds keepalive_timeout{10'000};   ///< For its answer.
    std::chrono::milliseconds stop_grace{5'000};           ///< What running calls get when the server is stopped.
};

}  // namespace mayfly::grpc
