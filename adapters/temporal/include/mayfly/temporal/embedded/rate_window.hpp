// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace mayfly::temporal::embedded {

/// How often something happened in the last half minute, by the second.
class rate_window {
public:
    void add(uptime now)
    {
        move_to(now);
        ++counts_[at(second_)];
        ++total_;
        if (first_ == never)
            first_ = now;
    }

    /// Per second. Of a window that has only begun, over the time it has had, one second at least.
    [[nodiscard]] double rate(uptime now) const
    {
        const std::int64_t s = second_of(now);
        std::uint64_t sum = 0;
        for (std::int64_t i = std::max(second_ - seconds + 1, s - seconds + 1); i <= second_; ++i)
            sum += i >= 0 ? counts_[at(i)] : 0;
        if (sum == 0)
            return 0;
        const double had = std::chrono::duration<double>(now - first_).count();
        return static_cast<double>(sum) / std::clamp(had, 1.0, static_cast<double>(seconds));
    }

    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

private:
    static constexpr std::int64_t seconds = 30;

    static std::int64_t second_of(uptime t) noexcept { return std::max<std::int64_t>(t.count() / 1'000'000, 0); }
    static std::size_t at(std::int64_t second) noexcept { return static_cast<std::size_t>(second % seconds); }

    void move_to(uptime now) noexcept
    {
        const std::int64_t s = second_of(now);
        if (s - second_ >= seconds)
            counts_.fill(0);
        else
            for (std::int64_t i = second_ + 1; i <= s; ++i)
                counts_[at(i)] = 0;
        second_ = std::max(second_, s);
    }

    std::array<std::uint32_t, static_cast<std::size_t>(seconds)> counts_{};
    std::int64_t second_ = 0;
    std::uint64_t total_ = 0;
    uptime first_ = never;
};

}  // namespace mayfly::temporal::embedded
