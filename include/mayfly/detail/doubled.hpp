// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <cstdint>

namespace mayfly::detail {

/// `first`, doubled so many times; `most` at most.
[[nodiscard]] constexpr uptime doubled(uptime first, std::uint32_t times, uptime most) noexcept
{
    for (; times > 0 && first < most; --times)
        first += std::min(first, most - first);  // not twice: `most` may be `never`
    return std::min(first, most);
}

}  // namespace mayfly::detail
