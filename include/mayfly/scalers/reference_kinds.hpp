// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_registry.hpp>
#include <mayfly/scalers/no_sync_settings.hpp>
#include <mayfly/scalers/rate_based_settings.hpp>

#include <array>

namespace mayfly {

/// The scalers that Temporal's controller knows, under the names it gives them.
inline constexpr std::array<scaler_kind, 2> reference_scaler_kinds{{
    {.type = "no-sync", .strategy = strategy_of<no_sync>(), .check = &check_settings<no_sync>},
    {.type = "rate-based", .strategy = strategy_of<rate_based>(), .check = &check_settings<rate_based>},
}};

}  // namespace mayfly
