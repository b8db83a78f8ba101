// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>

namespace mayfly::grpc::detail {

/// How often a peer may do something: `burst` times at once, and `rate` times a second in the long run.
class flood_guard {
public:
    using time_point = std::chrono::steady_clock::time_point;

    constexpr flood_guard(double burst, double rate) noexcept : burst_{burst}, rate_{rate}, left_{burst} {}

    /// Once more. False if that was once too often.
    [[nodiscard]] constexpr bool take(time_point now) noexcept
    {
        if (now > last_) {
            const std::chrono::duration<double> passed = now - last_;
            left_ = std::min(burst_, left_ + passed.count() * rate_);
            last_ = now;
        }
        left_ -= 1;
        return left_ >= 0;
    }

private:
    double burst_;
    double rate_;
    double left_;
    time_point last_{};
};

}  // namespace mayfly::grpc::detail
