// SPDX-License-Identifier: BSL-1.0
// fails with: idle_exti.*fleet|fleet.*idle_exti

#include <mayfly/scalers/fleet.hpp>

#ifdef MAYFLY_BROKEN
constexpr mayfly::fleet scaler{.idle_exti = std::chrono::seconds{2}};
#else
constexpr mayfly::fleet scaler{.idle_exit = std::chrono::seconds{2}};
#endif

static_assert(scaler.idle_exit == std::chrono::seconds{2});
