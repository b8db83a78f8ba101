// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/detail/moment.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace mayfly::detail {

/// How long one task takes in a slot, by Little's law between two readings: mean busy slots × time = tasks dispatched ×
/// service time.
class service_meter {
public:
    service_meter() = default;
    /// Goes on from a mean that is known; zero if none is.
    explicit service_meter(uptime mean) noexcept : mean_(mean) {}

    /// `dispatched` counts all tasks ever; one that fell belongs to another count, and begins anew.
    void read(std::uint32_t busy, std::uint64_t dispatched, uptime now) noexcept
    {
        const uptime apart = read_at_ ? now - *read_at_ : never;
        // Over a longer gap the two ends say nothing about the time between.
        if (apart <= std::chrono::seconds{6} && dispatched >= dispatched_) {
            busy_time_ +=
                (static_cast<double>(busy_) + static_cast<double>(busy)) / 2 * static_cast<double>(apart.count());
            tasks_ += static_cast<float>(dispatched - dispatched_);
            if (tasks_ >= (mean_ == uptime::zero() ? 1.0F : 8.0F)) {
                const uptime sample{std::llround(std::min(busy_time_ / tasks_, 1e15))};
                mean_ = mean_ == uptime::zero() ? sample : mean_ + (sample - mean_) * 3 / 10;
                busy_time_ = 0;
                tasks_ = 0;
            }
        } else {
            busy_time_ = 0;
            tasks_ = 0;
        }
        read_at_ = now;
        busy_ = busy;
        dispatched_ = dispatched;
    }

    /// The time from the last reading to the next does not count.
    void pause() noexcept { read_at_.reset(); }

    /// Zero while unknown.
    [[nodiscard]] uptime mean() const noexcept { return mean_; }

private:
    uptime mean_{};
    moment read_at_{};
    double busy_time_ = 0;
    std::uint64_t dispatched_ = 0;
    float tasks_ = 0;
    std::uint32_t busy_ = 0;
};

}  // namespace mayfly::detail
