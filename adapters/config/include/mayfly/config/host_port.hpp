// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/config/detail/shown.hpp>
#include <mayfly/problem.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace mayfly::config {

struct host_port {
    std::string host{};  ///< A name or an address; an IPv6 address without its brackets.
    std::uint16_t port = 0;

    friend bool operator==(const host_port&, const host_port&) = default;
};

namespace detail {

/// Every octet is visible ASCII; with `blanks`, or a blank.
[[nodiscard]] constexpr bool is_visible(std::string_view text, bool blanks = false) noexcept
{
    for (const char c : text) {
        if (c < (blanks ? ' ' : '!') || c > '~')
            return false;
    }
    return true;
}

/// What is wrong with it as an address, and what to do; empty if nothing is.
[[nodiscard]] inline std::string split_host_port(std::string_view text, host_port& out)
{
    if (text.find("://") != text.npos || text.find('/') != text.npos)
        return "give HOST:PORT alone, without a scheme or a path";
    if (!is_visible(text) || text.find('@') != text.npos)
        return "give HOST:PORT, with nothing else in it";
    const auto colon = text.rfind(':');
    const bool bracketed = text.starts_with('[');
    if (colon == text.npos || (bracketed && (colon == 0 || text[colon - 1] != ']')))
        return "the port is missing; give HOST:PORT, like localhost:7233";
    std::string_view host = text.substr(0, colon);
    if (bracketed)
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != host.npos)
        return "put an IPv6 address in brackets, like [::1]:7233";
    if (host.empty() || host.find_first_of("[]") != host.npos)
        return "the host is missing; give HOST:PORT, like localhost:7233";
    const std::string_view port = text.substr(colon + 1);
    std::uint16_t number = 0;
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (ec != std::errc{} || end != port.data() + port.size() || number == 0)
        return "give a port from 1 to 65535, like localhost:7233";
    out.host = host;
    out.port = number;
    return {};
}

}  // namespace detail

/// `HOST:PORT`, nothing else; `field` is whose value it is, for the problem.
[[nodiscard]] inline checked<host_port> parse_host_port(std::string_view text, std::string field = "address")
{
    host_port out;
    std::string remedy = detail::split_host_port(text, out);
    if (!remedy.empty())
        return problems{{std::move(field), detail::shown(text), std::move(remedy)}};
    return out;
}

}  // namespace mayfly::config
