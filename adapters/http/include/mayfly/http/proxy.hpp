// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/base64.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/system/result.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::http {

/// Which proxies to use. May hold passwords: print none of it.
struct proxy_settings {
    std::string http{};    ///< For `http` origins: `[http://][user:password@]host[:port]`; empty for none.
    std::string https{};   ///< For `https` origins, through a CONNECT.
    std::string direct{};  ///< Whom to reach without one; see `reached_directly`.
};

/// `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`, or the same in capitals. Only `HTTP_PROXY` is not read: a
/// server that runs programs per request would take it from a request's `Proxy` field.
[[nodiscard]] inline proxy_settings proxy_settings_of(const environment& variables)
{
    const auto first = [&](std::initializer_list<std::string_view> names) {
        for (const std::string_view name : names) {
            if (auto value = variables.get(name))
                return *std::move(value);
        }
        return std::string();
    };
    return {first({"http_proxy", "all_proxy", "ALL_PROXY"}),
        first({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}), first({"no_proxy", "NO_PROXY"})};
}

struct proxy {
    std::string host{};
    std::uint16_t port = 80;
    std::string authorization{};  ///< Value of `Proxy-Authorization`; empty for none. A secret.
};

namespace detail {

/// Nothing if a `%` is not followed by two hexadecimal digits.
inline std::optional<std::string> percent_decoded(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned octet = 0;
        const auto pair = text.substr(i + 1, 2);
        const auto [end, problem] = std::from_chars(pair.data(), pair.data() + pair.size(), octet, 16);
        if (problem != std::errc{} || pair.size() != 2 || end != pair.data() + 2)
            return std::nullopt;
        out += static_cast<char>(octet);
        i += 2;
    }
    return out;
}

inline std::optional<boost::asio::ip::address> parse_address(const std::string& text)
{
    boost::system::error_code ec;
    const auto address = boost::asio::ip::make_address(text, ec);
    return ec ? std::nullopt : std::optional(address);
}

template <class Bytes>
bool equal_bits(const Bytes& a, const Bytes& b, std::size_t bits)
{
    for (std::size_t i = 0; i < a.size() && bits != 0; ++i) {
        const std::size_t here = std::min<std::size_t>(bits, 8);
        if ((a[i] ^ b[i]) >> (8 - here) != 0)
            return false;
        bits -= here;
    }
    return true;
}

inline bool in_network(
    const boost::asio::ip::address& address, const boost::asio::ip::address& network, std::size_t bits)
{
    if (address.is_v4() && network.is_v4() && bits <= 32)
        return equal_bits(address.to_v4().to_bytes(), network.to_v4().to_bytes(), bits);
    if (address.is_v6() && network.is_v6() && bits <= 128)
        return equal_bits(address.to_v6().to_bytes(), network.to_v6().to_bytes(), bits);
    return false;
}

/// One entry of a list of exceptions. One that is not understood matches nothing.
inline bool exception_matches(std::string_view entry, const origin& to)
{
    if (entry == "*")
        return true;
    if (const auto slash = entry.find('/'); slash != std::string_view::npos) {
        std::size_t bits = 0;
        const auto digits = entry.substr(slash + 1);
        const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        const auto network = parse_address(std::string(entry.substr(0, slash)));
        const auto address = parse_address(to.host);
        return network && address && problem == std::errc{} && end == digits.data() + digits.size() &&
               in_network(*address, *network, bits);
    }
    if (const auto address = parse_address(std::string(entry)))  // IPv6 without brackets, which has no port
        return address == parse_address(to.host);

    if (entry.substr(0, 2) == "*.")
        entry.remove_prefix(1);
    const bool dotted = entry.substr(0, 1) == ".";
    const auto named = parse_host_and_port(dotted ? entry.substr(1) : entry);
    if (!named || named->port.value_or(to.port) != to.port)
        return false;
    if (to.host == named->host)
        return true;
    if (const auto address = parse_address(to.host))
        return address == parse_address(named->host);
    const std::string suffix = '.' + named->host;
    return to.host.size() > suffix.size() && std::string_view(to.host).substr(to.host.size() - suffix.size()) == suffix;
}

}  // namespace detail

/** Whether a list of exceptions, divided by commas or blanks, names this origin.

    An entry is a host name, which stands for all names below it too, with or without a dot before it; an address; a
    network as `10.0.0.0/8`; any of the first two with a `:port`; or `*` for everybody.
*/
[[nodiscard]] inline bool reached_directly(std::string_view exceptions, const origin& to)
{
    while (!exceptions.empty()) {
        const auto end = std::min(exceptions.find_first_of(", \t"), exceptions.size());
        if (end != 0 && detail::exception_matches(exceptions.substr(0, end), to))
            return true;
        exceptions.remove_prefix(std::min(end + 1, exceptions.size()));
    }
    return false;
}

/// The proxy for this origin, or none; `errc::bad_proxy` if the setting is no `http` url.
[[nodiscard]] inline boost::system::result<std::optional<proxy>> proxy_for(
    const proxy_settings& settings, const origin& to)
{
    std::string_view text = to.tls ? settings.https : settings.http;
    if (text.empty() || reached_directly(settings.direct, to))
        return std::nullopt;

    const auto bad = [] { return make_error_code(errc::bad_proxy); };
    if (const auto colon = text.find("://"); colon != std::string_view::npos) {
        if (!detail::equals_ignoring_case(text.substr(0, colon), "http"))
            return bad();
        text.remove_prefix(colon + 3);
    }
    text = text.substr(0, text.find_first_of("/?#"));

    proxy out;
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        const auto who = detail::percent_decoded(text.substr(0, at));
        if (!who)
            return bad();
        out.authorization = "Basic " + to_base64(who->find(':') == std::string::npos ? *who + ':' : *who);
        text.remove_prefix(at + 1);
    }
    auto where = detail::parse_host_and_port(text);
    if (!where)
        return bad();
    out.host = std::move(where->host);
    out.port = where->port.value_or(80);
    return std::optional(std::move(out));
}

}  // namespace mayfly::http
