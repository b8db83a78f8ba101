// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/query.hpp"

#include <mayfly/clock.hpp>

#include <openssl/rand.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

// How names, times, bytes and forms are written in requests and answers.

namespace local_lambda {

[[nodiscard]] inline std::string in_quotes(std::string_view s)
{
    return '"' + std::string(s) + '"';
}

using examples::parameters;
using examples::percent_decode;

/// So many characters of `alphabet`, of which there are at most 256.
[[nodiscard]] inline std::string random_text(std::size_t length, std::string_view alphabet)
{
    std::string out(length, '\0');
    RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(length));
    for (char& c : out)
        c = alphabet[static_cast<unsigned char>(c) % alphabet.size()];
    return out;
}

/// From 0 to below 1.
[[nodiscard]] inline double random_chance()
{
    std::array<unsigned char, 2> bytes{};
    RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
    return (bytes[0] * 256 + bytes[1]) / 65536.0;
}

/// A random UUID, as request and revision ids are.
[[nodiscard]] inline std::string random_uuid()
{
    std::string out = random_text(36, "0123456789abcdef");
    for (const std::size_t i : {8U, 13U, 18U, 23U})
        out[i] = '-';
    out[14] = '4';
    out[19] = "89ab"[out[19] % 4];
    return out;
}

/// By `strftime`, in UTC; the program never sets a locale.
[[nodiscard]] inline std::string time_text(mayfly::wall_time at, const char* pattern)
{
    const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 64> out{};
    return {out.data(), std::strftime(out.data(), out.size(), pattern, &parts)};
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, as a `Date` header has it.
[[nodiscard]] inline std::string http_date(mayfly::wall_time at)
{
    return time_text(at, "%a, %d %b %Y %H:%M:%S GMT");
}

[[nodiscard]] inline std::optional<mayfly::wall_time> parse_http_date(const std::string& text)
{
    std::tm parts{};
    const char* const end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == nullptr || *end != '\0')
        return std::nullopt;
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::from_time_t(timegm(&parts)));
}

/// `2026-03-04T05:06:07Z`.
[[nodiscard]] inline std::string iso_time(mayfly::wall_time at)
{
    return time_text(at, "%Y-%m-%dT%H:%M:%SZ");
}

/// `2026-03-04T05:06:07.089+0000`, as Lambda says when a function was modified.
[[nodiscard]] inline std::string lambda_time(mayfly::wall_time at)
{
    const auto ms = std::to_string(1000 + (at.time_since_epoch().count() % 1000 + 1000) % 1000).substr(1);
    return time_text(at, "%Y-%m-%dT%H:%M:%S.") + ms + "+0000";
}

}  // namespace local_lambda
