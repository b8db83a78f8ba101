// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/json_time.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// Values of flags. Each function says what to do if the value is of no use, else nothing.

namespace examples::detail {

/// One number, and nothing else.
template <class T>
std::string number(T& into, std::string_view value, T least, const char* remedy)
{
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), into);
    return ec == std::errc{} && end == value.data() + value.size() && into >= least ? "" : remedy;
}

/// As durations stand in JSON too: `5s`, `1h30m`.
template <class Duration>
std::string duration(Duration& into, std::string_view value)
{
    namespace times = mayfly::temporal::detail;
    const auto read = times::parse_duration(value);
    const auto whole = read ? times::joined<std::chrono::nanoseconds>(*read) : std::nullopt;
    if (!whole || whole->count() <= 0)
        return "give a time like 500ms, 5s, 2m or 1h30m";
    into = std::chrono::ceil<Duration>(*whole);
    return {};
}

inline std::string json(std::vector<boost::json::value>& into, std::string_view value)
{
    boost::system::error_code wrong;
    auto parsed = boost::json::parse({value.data(), value.size()}, wrong);
    if (wrong)
        return "give JSON; text stands in quotes, like '\"World\"'";
    into.push_back(std::move(parsed));
    return {};
}

template <class Enum, std::size_t N>
std::string choice(Enum& into, std::string_view value, const std::array<std::string_view, N>& names)
{
    std::string all;
    for (std::size_t i = 0; i < N; ++i) {
        if (names[i] == value) {
            into = static_cast<Enum>(i);
            return {};
        }
        if (!names[i].empty())
            all += (all.empty() ? "" : ", ") + std::string(names[i]);
    }
    return "give one of " + all;
}

}  // namespace examples::detail
