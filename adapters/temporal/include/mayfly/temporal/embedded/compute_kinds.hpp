// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_registry.hpp>
#include <mayfly/scalers/fleet_settings.hpp>
#include <mayfly/scalers/reference_kinds.hpp>

#include <array>

// What compute configurations may name, unless the embedder has a list of its own. The service only keeps them; a
// controller acts on them. So it looks at the details of algorithms, which are the same everywhere, and leaves those of
// a provider to whoever has the provider.

namespace mayfly::temporal::embedded {

inline constexpr std::array<provider_kind, 4> provider_kinds{{
    {.type = "aws-lambda"},
    {.type = "aws-ecs", .strategy = launch_strategy::worker_set},
    {.type = "local"},
    {.type = "test-invoke"},
}};

inline constexpr std::array<scaler_kind, 3> scaler_kinds{{
    reference_scaler_kinds[0],
    reference_scaler_kinds[1],
    fleet_kind,
}};

inline constexpr compute_registry compute_kinds{provider_kinds, scaler_kinds};

}  // namespace mayfly::temporal::embedded
