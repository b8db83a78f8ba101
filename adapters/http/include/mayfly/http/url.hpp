// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::http {

/// Whom a connection leads to. Two equal origins may share connections.
struct origin {
    bool tls = true;
    std::string host{};  ///< Name or address, lower case; an IPv6 address without brackets.
    std::uint16_t port = 443;

    friend auto operator<=>(const origin&, const origin&) = default;
};

/// The `Host` field for it: the port only where it is not the scheme's own, brackets around an IPv6 address.
[[nodiscard]] inline std::string host_header(const origin& o)
{
    const bool v6 = o.host.find(':') != std::string::npos;
    std::string out = v6 ? '[' + o.host + ']' : o.host;
    if (o.port != (o.tls ? 443 : 80))
        out += ':' + std::to_string(o.port);
    return out;
}

/// `host:port`, the port always there: what a CONNECT names, and a message to people.
[[nodiscard]] inline std::string authority(const origin& o)
{
    const bool v6 = o.host.find(':') != std::string::npos;
    return (v6 ? '[' + o.host + ']' : o.host) + ':' + std::to_string(o.port);
}

struct url {
    http::origin origin{};
    std::string target = "/";  ///< Path and query as they stand; starts with a slash.
};

namespace detail {

constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

constexpr char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool is_alnum(char c) noexcept
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

inline std::string lower(std::string_view text)
{
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
    return out;
}

inline bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Above zero, nothing but digits.
inline std::optional<std::uint16_t> parse_port(std::string_view text) noexcept
{
    std::uint16_t port = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (problem != std::errc{} || end != text.data() + text.size() || port == 0)
        return std::nullopt;
    return port;
}

struct host_and_port {
    std::string host{};
    std::optional<std::uint16_t> port{};
};

/// `name`, `name:port`, `[v6]`, `[v6]:port`. A name is letters, digits, `-`, `.` and `_`.
inline std::optional<host_and_port> parse_host_and_port(std::string_view text)
{
    host_and_port out;
    std::string_view rest;
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        if (close == std::string_view::npos)
            return std::nullopt;
        const auto address = text.substr(1, close - 1);
        const bool fits = std::all_of(
            address.begin(), address.end(), [](char c) { return is_alnum(c) || c == ':' || c == '.' || c == '%'; });
        if (!fits || address.find(':') == std::string_view::npos)
            return std::nullopt;
        out.host = lower(address);
        rest = text.substr(close + 1);
    } else {
        const auto name = text.substr(0, text.find(':'));
        const bool fits = std::all_of(
            name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; });
        if (!fits || name.empty() || name.size() > 253)
            return std::nullopt;
        out.host = lower(name);
        rest = text.substr(name.size());
    }
    if (rest.empty() || rest == ":")
        return out;
    if (rest.front() != ':' || !(out.port = parse_port(rest.substr(1))))
        return std::nullopt;
    return out;
}

}  // namespace detail

/** Reads an `http` or `https` url: scheme, host, port, path and query. A fragment is left away.

    Nothing is decoded or normalised but the case of the host. Nothing if it is none: another scheme, user information
    before the host, a blank or a control character anywhere.
*/
[[nodiscard]] inline std::optional<url> parse_url(std::string_view text)
{
    const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != '\x7f'; });
    const auto colon = text.find("://");
    if (!printable || colon == std::string_view::npos)
        return std::nullopt;

    url out;
    const auto scheme = text.substr(0, colon);
    if (detail::equals_ignoring_case(scheme, "http"))
        out.origin.tls = false;
    else if (!detail::equals_ignoring_case(scheme, "https"))
        return std::nullopt;
    text.remove_prefix(colon + 3);
    text = text.substr(0, text.find('#'));

    const auto end = std::min(text.find_first_of("/?"), text.size());
    auto where = detail::parse_host_and_port(text.substr(0, end));
    if (!where)
        return std::nullopt;
    out.origin.host = std::move(where->host);
    out.origin.port = where->port.value_or(out.origin.tls ? 443 : 80);

    const auto target = text.substr(end);
    out.target = target.empty() || target.front() != '/' ? '/' + std::string(target) : std::string(target);
    return out;
}

/// A url for messages, also one that is none: a password may stand before an `@`.
[[nodiscard]] inline std::string url_to_show(std::string_view text)
{
    const auto at = text.rfind('@');
    return at == text.npos ? std::string(text) : "***" + std::string(text.substr(at));
}

}  // namespace mayfly::http
