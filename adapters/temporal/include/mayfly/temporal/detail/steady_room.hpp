// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace mayfly::temporal::detail {

/** How many new tasks the workers that are there take, so that nobody need be started for them.

    Pure. It is about workers that do not leave when they have nothing to do. While the last statistics had no backlog
    their slots are taken for free, and for free again after the time of a task. Where the next statistics show that
    this was wrong, nothing of it is believed for a while.
*/
class steady_room {
public:
    /// New statistics came: `waits` if they have a backlog.
    void sampled(bool waits, uptime now) noexcept
    {
        if (waits && given_)
            wrong_until_ = later(now, wrong_for);
        known_ = !waits;
        given_ = false;
        sampled_at_ = now;
    }

    /// How many of `count` tasks that were just added find a slot, of so many that there are.
    /// @param service  mean time of a task in a slot; zero while that is unknown
    [[nodiscard]] std::uint32_t take(std::uint32_t count, std::uint32_t slots, uptime service, uptime now) noexcept
    {
        const double most = slots;
        const double each = static_cast<double>((service > uptime::zero() ? service : usual).count());
        const double since = static_cast<double>((now - taken_at_).count());
        free_ = full_ ? most : std::min(most, free_ + most * std::max(0.0, since) / each);
        full_ = false;
        taken_at_ = now;
        if (!known_ || now < wrong_until_ || now - sampled_at_ > believed_for)
            return 0;
        const auto out = static_cast<std::uint32_t>(std::min(std::floor(free_), static_cast<double>(count)));
        free_ -= out;
        given_ = given_ || out > 0;
        return out;
    }

private:
    static constexpr uptime usual = std::chrono::milliseconds{250};
    static constexpr uptime believed_for = std::chrono::seconds{10};
    static constexpr uptime wrong_for = std::chrono::minutes{1};

    double free_ = 0;
    uptime taken_at_{};
    uptime sampled_at_{};
    uptime wrong_until_ = uptime::min();
    bool full_ = true;  // nothing was ever taken
    bool known_ = false;
    bool given_ = false;  // since the last statistics
};

}  // namespace mayfly::temporal::detail
