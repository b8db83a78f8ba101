// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/client_options.hpp>
#include <mayfly/http/error.hpp>

namespace mayfly::http::detail {

/// Where a call stands. Each phase has its limit and its error.
enum class phase { wait, resolve, connect, proxy, handshake, send, response, body };

inline time_limits::duration limit_of(phase p, const time_limits& limits) noexcept
{
    switch (p) {
    case phase::wait: return limits.wait;
    case phase::resolve: return limits.resolve;
    case phase::connect: return limits.connect;
    case phase::proxy: return limits.proxy;
    case phase::handshake: return limits.handshake;
    case phase::send: return limits.send;
    case phase::response: return limits.response;
    case phase::body: return limits.body;
    }
    return {};
}

inline errc timeout_of(phase p) noexcept
{
    switch (p) {
    case phase::wait: return errc::wait_timeout;
    case phase::resolve: return errc::resolve_timeout;
    case phase::connect: return errc::connect_timeout;
    case phase::proxy: return errc::proxy_timeout;
    case phase::handshake: return errc::handshake_timeout;
    case phase::send: return errc::send_timeout;
    case phase::response: return errc::response_timeout;
    case phase::body: return errc::body_timeout;
    }
    return errc::timed_out;
}

}  // namespace mayfly::http::detail
