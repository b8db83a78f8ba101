// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/condition.hpp>
#include <mayfly/detail/doubled.hpp>
#include <mayfly/scaler.hpp>
#include <mayfly/signal.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace mayfly::detail {

/// The size that a set of workers shall have, and how telling it to the platform goes. Sizes must not overtake each
/// other, so there is one call at a time, and the last wish wins.
class set_size {
public:
    set_size() = default;
    /// `tell_at` is when the platform shall hear of it; `never` if it has.
    explicit set_size(std::uint32_t wished, uptime tell_at = never) noexcept : tell_at_(tell_at), wished_(wished) {}

    void wish(std::uint32_t size) noexcept { wished_ = size; }
    [[nodiscard]] std::uint32_t wished() const noexcept { return wished_; }

    /// Whether the wish may be told now: no call is under way, and none waits after a refusal. It is under way then.
    [[nodiscard]] bool begin(uptime now) noexcept
    {
        if (calling_ || (tell_at_ != never && tell_at_ > now))
            return false;
        calling_ = true;
        tell_at_ = never;
        return true;
    }

    /// The platform's answer. After a refusal the wait is a second, and twice as long each time, up to a minute.
    void answer(condition outcome, uptime now) noexcept
    {
        calling_ = false;
        if (outcome == condition::ok) {
            failures_ = 0;
            return;
        }
        tell_at_ = later(now, doubled(std::chrono::seconds{1}, failures_, std::chrono::minutes{1}));
        failures_ = static_cast<std::uint8_t>(std::min(failures_ + 1, 255));
    }

    /// When to `begin` again; `never` unless that waits.
    [[nodiscard]] uptime tell_at() const noexcept { return tell_at_; }
    /// Whether the platform has taken the last wish.
    [[nodiscard]] bool told() const noexcept { return !calling_ && tell_at_ == never; }

private:
    uptime tell_at_ = never;
    std::uint32_t wished_ = 0;
    std::uint8_t failures_ = 0;  // in a row
    bool calling_ = false;       // a call is queued or under way
};

[[nodiscard]] constexpr std::uint32_t least_size(const scaling_limits& limits, bool wanted) noexcept
{
    return wanted ? std::min(limits.min, limits.max) : 0;
}

/// Makes `d` resize a set that is not as large as `plan` and the limits, which may be new, want it.
constexpr void bound_size(decision& d, const scaling_signal& sig, std::uint32_t plan, std::uint32_t now) noexcept
{
    const std::uint32_t size = std::clamp(plan, least_size(sig.limits, sig.wanted), sig.limits.max);
    if (size == now)
        return;
    d.resize = size;
    if (size != plan)
        d.reason = size > plan ? reason::minimum : reason::at_maximum;
    else if (!sig.wanted && size < now)
        d.reason = reason::not_wanted;
    else
        d.reason = size > now ? reason::scale_up : reason::scale_down;
}

}  // namespace mayfly::detail
