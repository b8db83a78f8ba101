// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <optional>

namespace mayfly::detail {

/// Time since `then`. `never` if nothing is remembered, or a moment that cannot have been: a scaler's memory may come
/// from a file. A moment before zero is fine: it was remembered by an earlier run.
[[nodiscard]] constexpr uptime since(const std::optional<uptime>& then, uptime now) noexcept
{
    return !then || *then > now || *then <= now - never ? never : now - *then;
}

}  // namespace mayfly::detail
