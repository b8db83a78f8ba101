// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string_view>

namespace mayfly {

/// How an attempt ended, in the only differences that core acts on. `error.hpp` makes it a `boost::system` condition.
enum class condition : std::uint8_t {
    ok = 0,         ///< Done.
    throttled = 1,  ///< The platform has no room now; try later, slower.
    transient = 2,  ///< Failed, and may succeed unchanged.
    permanent = 3,  ///< Fails until somebody changes something.
};

[[nodiscard]] constexpr std::string_view to_string(condition c) noexcept
{
    switch (c) {
    case condition::ok: return "ok";
    case condition::throttled: return "throttled";
    case condition::transient: return "transient";
    case condition::permanent: return "permanent";
    }
    return "unknown";
}

}  // namespace mayfly
