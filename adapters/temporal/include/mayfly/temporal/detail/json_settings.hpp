// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/settings.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

// Settings as members of a JSON object, as both Temporal's messages and metadata have them.

namespace mayfly::temporal::detail {

inline constexpr const char* simple_value_wanted = "give a text, a number, true or false; nothing nested";

/// Nothing if it is no simple value.
[[nodiscard]] inline std::optional<setting> setting_of(const boost::json::value& v)
{
    if (const auto* b = v.if_bool())
        return setting{*b};
    if (const auto* i = v.if_int64())
        return setting{*i};
    if (const auto* d = v.if_double())
        return setting{*d};
    if (const auto* u = v.if_uint64())
        return setting{static_cast<double>(*u)};
    if (const auto* text = v.if_string())
        return setting{std::string(*text)};
    return std::nullopt;
}

[[nodiscard]] inline boost::json::object json_of(const settings& from)
{
    boost::json::object out;
    for (const auto& [key, s] : from) {
        boost::json::value& v = out[key];
        if (const auto* b = std::get_if<bool>(&s))
            v = *b;
        else if (const auto* i = std::get_if<std::int64_t>(&s))
            v = *i;
        else if (const auto* d = std::get_if<double>(&s))
            v = *d;
        else if (const auto* text = std::get_if<std::string>(&s))
            v = *text;
    }
    return out;
}

}  // namespace mayfly::temporal::detail
