// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/temporal/times.hpp>

#include <algorithm>
#include <chrono>

namespace mayfly::temporal {

/** Places what a server stamped with its wall clock on our own steady time.

    Pure. The server's clock may be ahead of ours or behind it, and ours may be set while we run: from each stamp it
   learns what it can of the difference, and forgets that when our clock has made a step.
*/
class wall_bridge {
public:
    /// What our two clocks show now. Call it before a batch of stamps.
    void look(uptime now, wall_clock_time wall) noexcept
    {
        if (looked_) {
            const auto drift = (wall - wall_) - (now - now_);
            if (drift > largest_drift || drift < -largest_drift)
                ahead_ = {};
        }
        now_ = now;
        wall_ = wall;
        looked_ = true;
    }

    /// When that was; never later than now.
    [[nodiscard]] uptime at(wall_clock_time stamp) noexcept
    {
        // A stamp from the future shows how far the server is ahead, at least.
        ahead_ = std::max<std::chrono::nanoseconds>(ahead_, stamp - wall_);
        return now_ - std::chrono::floor<uptime>(wall_ + ahead_ - stamp);
    }

    /// The same for a stamp of somebody else's clock, which tells nothing of the server's.
    [[nodiscard]] uptime of_another(wall_clock_time stamp) const noexcept
    {
        return std::min(now_, now_ - std::chrono::floor<uptime>(wall_ + ahead_ - stamp));
    }

    /// The stamp was made after `since` and by now: that bounds the difference on both sides.
    void made_since(wall_clock_time stamp, uptime since) noexcept
    {
        const auto least = stamp - wall_;
        const auto most = least + std::chrono::nanoseconds(now_ - since);
        ahead_ = std::clamp<std::chrono::nanoseconds>(ahead_, least, std::max<std::chrono::nanoseconds>(least, most));
    }

    /// How far the server's clock is ahead of ours, as far as that is known.
    [[nodiscard]] std::chrono::nanoseconds ahead() const noexcept { return ahead_; }

private:
    static constexpr std::chrono::seconds largest_drift{2};

    uptime now_{};
    wall_clock_time wall_{};
    std::chrono::nanoseconds ahead_{};
    bool looked_ = false;
};

}  // namespace mayfly::temporal
