// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/data_converter.hpp>

#include <optional>
#include <string>
#include <utility>

// Values by name that go with a call. They do not go through codecs, as those of the official SDKs do not: whoever sees
// a history can read them.

namespace mayfly::temporal {

/// Nothing if there is none of this name, or none that is a `T`.
template <class T>
[[nodiscard]] std::optional<T> get_header(const api::common::Header& in, const std::string& name)
{
    const auto at = in.fields().find(name);
    if (at == in.fields().end())
        return std::nullopt;
    auto value = data_converter{}.from_payload<T>(at->second);
    if (!value)
        return std::nullopt;
    return *std::move(value);
}

/// Throws `bad_conversion` if it cannot be sent.
template <class T>
void set_header(api::common::Header& in, const std::string& name, const T& value)
{
    (*in.mutable_fields())[name] = data_converter{}.to_payload(value).value();
}

}  // namespace mayfly::temporal
