// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>

namespace mayfly::temporal::detail {

/// `at + wait`, where nothing wraps: too late is `max()`.
[[nodiscard]] constexpr std::chrono::steady_clock::time_point steady_sum(
    std::chrono::steady_clock::time_point at, std::chrono::nanoseconds wait) noexcept
{
    using point = std::chrono::steady_clock::time_point;
    return wait > point::max() - std::max(at, point{}) ? point::max() : at + wait;
}

}  // namespace mayfly::temporal::detail
