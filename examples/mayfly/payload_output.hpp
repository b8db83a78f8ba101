// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/times.hpp>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <utility>

// Payloads and times, as JSON values.

namespace examples {

namespace json = boost::json;
namespace temporal = mayfly::temporal;

/// A payload's value, if it can be shown as JSON, else what it is.
[[nodiscard]] inline json::value shown(const temporal::api::common::Payload& p)
{
    if (auto value = temporal::data_converter().from_payload<json::value>(p))
        return *std::move(value);
    const auto encoding = p.metadata().find("encoding");
    return json::value("(" + std::to_string(p.data().size()) + " bytes, " +
                       (encoding == p.metadata().end() ? "of no encoding" : encoding->second) + ')');
}

[[nodiscard]] inline json::array shown(const temporal::api::common::Payloads& all)
{
    json::array out;
    for (const auto& p : all.payloads())
        out.push_back(shown(p));
    return out;
}

/// ISO 8601, in UTC.
[[nodiscard]] inline json::value shown(const std::optional<temporal::wall_clock_time>& t)
{
    if (!t)
        return nullptr;
    const auto made = temporal::data_converter().to_payload(*t);
    return made ? shown(*made) : nullptr;
}

}  // namespace examples
