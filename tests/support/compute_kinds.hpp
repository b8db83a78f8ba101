// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_registry.hpp>
#include <mayfly/scalers/reference_kinds.hpp>

#include <array>
#include <string>

// Providers and scalers that configurations in tests may name.

namespace mayfly_test {

using mayfly::check_settings;
using mayfly::code_binding;
using mayfly::code_reference;
using mayfly::compute_registry;
using mayfly::launch_strategy;
using mayfly::provider_kind;
using mayfly::reference_scaler_kinds;
using mayfly::scaler_kind;
using mayfly::settings;
using mayfly::settings_reader;

/// Details of a function: its address, which may end in ":" and a published number, "latest" or an alias.
struct function_details {
    std::string arn;

    friend void read_settings(settings_reader& from, function_details& d) { from.required_text("arn", d.arn); }
};

[[nodiscard]] inline code_reference classify_function(const settings& details)
{
    const auto at = details.find("arn");
    const auto* const arn = at == details.end() ? nullptr : std::get_if<std::string>(&at->second);
    if (arn == nullptr)
        return {};
    const auto colon = arn->find(':');
    const std::string qualifier = colon == std::string::npos ? "" : arn->substr(colon + 1);
    const auto binding = qualifier.empty() || qualifier == "latest"                       ? code_binding::floating
                         : qualifier.find_first_not_of("0123456789") == std::string::npos ? code_binding::fixed
                                                                                          : code_binding::movable;
    return {"arn", *arn, binding};
}

inline constexpr std::array<provider_kind, 4> providers{{
    {.type = "function", .check = &check_settings<function_details>, .classify = &classify_function},
    {.type = "pool", .strategy = launch_strategy::worker_set},
    {.type = "delegate", .remote = true},
    {.type = "forbidden", .enabled = false},
}};

inline constexpr std::array<scaler_kind, 4> scalers{{
    reference_scaler_kinds[0],
    reference_scaler_kinds[1],
    {.type = "fleet"},
    {.type = "retired", .enabled = false},
}};

inline constexpr compute_registry registry{providers, scalers};

}  // namespace mayfly_test
