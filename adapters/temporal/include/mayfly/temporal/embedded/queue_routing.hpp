// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mayfly::temporal::embedded {

/// Where an id lies within a ramp: from 0 up to, not including, 100. Always the same for the same id.
[[nodiscard]] constexpr double ramp_place(std::string_view id) noexcept
{
    // FNV-1a, whose upper bits alone hardly change with an id's last characters: stirred once more.
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (char c : id)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
    hash = (hash ^ (hash >> 33)) * 0xff51'afd7'ed55'8ccd;
    hash ^= hash >> 33;
    return static_cast<double>(hash >> 11) / 9007199254740992.0 * 100;
}

/// Which versions the new work of one task queue goes to. As it begins: to workers without a version.
struct queue_routing {
    std::optional<deployment_version> current{};  ///< None: workers without a version.
    bool ramps = false;
    std::optional<deployment_version> ramping{};  ///< Only if it ramps. None: to workers without a version.
    float percentage = 0;                         ///< Of the ramp, 0 to 100.
    std::chrono::sys_time<uptime> changed{};      ///< Zero: never.

    /// Where new work goes. The same id goes the same way, as long as the routing stays; none: to no version.
    [[nodiscard]] const std::optional<deployment_version>& target(std::string_view id) const noexcept
    {
        return ramps && percentage > 0 && (percentage >= 100 || ramp_place(id) < static_cast<double>(percentage))
                   ? ramping
                   : current;
    }

    friend bool operator==(const queue_routing&, const queue_routing&) = default;
};

}  // namespace mayfly::temporal::embedded
