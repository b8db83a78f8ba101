// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace mayfly::http {

/// What a `server` listens on, and how much it puts up with.
struct server_options {
    std::string address = "127.0.0.1";  ///< An IPv4 or IPv6 address; no name.
    std::uint16_t port = 0;             ///< 0: any free one, which `server::port()` tells.

    std::string certificate{};  ///< With `key`: speaks TLS. PEM text, or the path of a PEM file; the chain, own first.
    std::string key{};          ///< Its private key, likewise.

    std::size_t header_limit = 64 * 1024;  ///< Bytes of a request's head. Beyond: 431.
    bool skip_long_fields = false;  ///< A field of 64 KiB or more, which cannot be kept: left out instead of 431.
    std::size_t body_limit = 16 * 1024 * 1024;       ///< Bytes of a request's body. Beyond: `too_large`.
    std::size_t max_connections = 1024;              ///< Beyond, the longest idle one makes room; else newcomers wait.
    std::chrono::milliseconds idle_timeout{60'000};  ///< Without a request. Then the connection is closed.
    std::chrono::milliseconds request_timeout{30'000};  ///< From a request's first byte to its last. Then: 408.
    std::chrono::milliseconds write_timeout{60'000};    ///< To get an answer out.
    std::chrono::milliseconds stop_grace{5'000};        ///< What running handlers get when the server is stopped.

    /// Answers a request with too large a body, of which it gets the head. The connection is closed afterwards.
    std::function<response(const request&)> too_large{};  ///< None: 413, and the limit in words.
};

}  // namespace mayfly::http
