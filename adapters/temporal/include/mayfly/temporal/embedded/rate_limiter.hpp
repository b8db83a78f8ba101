// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

namespace mayfly::temporal::embedded {

/// Lets so many tasks go in a second. Up to a second's worth, and one at least, may go at once after a pause.
class rate_limiter {
public:
    /// None: no limit. Zero: nothing goes.
    void set(std::optional<double> per_second, uptime now)
    {
        if (per_second == rate_)
            return;
        refill(now);
        const bool had = rate_.has_value();
        rate_ = per_second;
        left_ = had ? std::min(left_, burst()) : burst();
        at_ = now;
    }

    [[nodiscard]] const std::optional<double>& rate() const noexcept { return rate_; }

    /// When the next one may go: `now`, later, or `never`.
    [[nodiscard]] uptime next(uptime now) const
    {
        if (!rate_)
            return now;
        if (*rate_ <= 0)
            return never;
        const double there = filled(now);
        if (there >= 1)
            return now;
        const double wait = std::ceil((1 - there) / *rate_ * 1e6);
        return wait >= 1e15 ? never : later(now, uptime(static_cast<uptime::rep>(wait)));
    }

    [[nodiscard]] bool ready(uptime now) const { return next(now) <= now; }

    void take(uptime now)
    {
        refill(now);
        if (rate_)
            left_ -= 1;
    }

private:
    [[nodiscard]] double burst() const noexcept { return rate_ && *rate_ > 0 ? std::max(1.0, std::floor(*rate_)) : 0; }

    [[nodiscard]] double filled(uptime now) const noexcept
    {
        if (!rate_)
            return 0;
        // A hair more than was waited for: what was rounded must not make the waiting begin anew.
        const double more = std::chrono::duration<double>(now - at_).count() * *rate_ + 1e-9;
        return std::min(burst(), left_ + more);
    }

    void refill(uptime now) noexcept
    {
        left_ = filled(now);
        at_ = now;
    }

    std::optional<double> rate_{};
    double left_ = 0;
    uptime at_{};
};

}  // namespace mayfly::temporal::embedded
