// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/retry.hpp>
#include <mayfly/grpc/status.hpp>
#include <mayfly/http/client_options.hpp>
#include <mayfly/http/tls.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::grpc {

/// One call, when it is over: for metrics.
struct call_record {
    std::string_view path{};
    status_code code = status_code::ok;
    std::uint32_t attempts = 0;           ///< Streams opened for it.
    std::size_t sent = 0;                 ///< Bytes of the request's message.
    std::size_t received = 0;             ///< Bytes of the reply's message.
    std::chrono::nanoseconds waited{};    ///< Until its first stream was opened.
    std::chrono::nanoseconds duration{};  ///< All of it.
};

/// What a channel keeps to.
struct channel_options {
    http::tls_options tls{};    ///< For an origin with TLS.
    std::string server_name{};  ///< For SNI and the certificate's name, instead of the origin's host.
    std::string authority{};    ///< For `:authority`, instead of the server name and port.
    std::string user_agent = "mayfly-grpc";

    /// Read for each attempt, which then has `authorization: Bearer <key>`, unless its metadata says something else. It
    /// is never shown. An empty key is not sent.
    std::function<std::string()> api_key{};

    std::chrono::milliseconds connect_timeout{20'000};  ///< From the first address to the server's settings.
    growing_wait reconnect{std::chrono::milliseconds{200}, 1.6, std::chrono::seconds{10}, 0.2};
    std::chrono::milliseconds keepalive_interval{30'000};  ///< Silence after which the server is pinged; zero: never.
    std::chrono::milliseconds keepalive_timeout{15'000};   ///< For its answer. Then the connection is given up.

    std::size_t send_limit = 4 * 1024 * 1024;            ///< Bytes of a request's message. Beyond: RESOURCE_EXHAUSTED.
    std::size_t receive_limit = 4 * 1024 * 1024;         ///< Bytes of a reply's message. Beyond: RESOURCE_EXHAUSTED.
    std::uint32_t header_limit = 64 * 1024;              ///< Bytes of a reply's header fields.
    std::uint32_t stream_window = 4 * 1024 * 1024;       ///< Bytes under way to us on one stream.
    std::uint32_t connection_window = 16 * 1024 * 1024;  ///< And on all of them. Both below 2 GiB.
    std::uint32_t waiting_calls = 10'000;  ///< Without a stream; one more is refused with RESOURCE_EXHAUSTED.

    retry_policy retry{};
    http::resolve_function resolve{};  ///< If empty, the system's resolver.
    std::function<double()> draw{};    ///< Uniform in [0, 1), for jitter. If empty, a generator of the channel's own.
    std::function<void(const call_record&)> on_call{};  ///< Once a call, before its handler.
};

/// What one call has of its own.
struct call_options {
    std::optional<std::chrono::milliseconds> timeout{};  ///< For all of it. The server is told what is left of it.
    std::optional<retry_policy> retry{};                 ///< If not set, the channel's.
    bool wait_for_ready = false;  ///< While the server cannot be reached, wait; else that fails an attempt.
    bool hears_begun = false;  ///< What the server has begun to say is heard to its end, though the call be cancelled.
};

struct channel_stats {
    std::uint64_t connects = 0;  ///< Connections made, or tried.
    std::uint64_t resent = 0;    ///< Streams opened again because the server had not looked at the first.
    std::uint64_t retried = 0;   ///< Attempts after one that failed.
    std::uint32_t streams = 0;   ///< Open now.
    std::uint32_t waiting = 0;   ///< Calls without a stream.
    bool connected = false;      ///< The server has said that it speaks HTTP/2, and wants more calls.

    friend bool operator==(const channel_stats&, const channel_stats&) = default;
};

}  // namespace mayfly::grpc
