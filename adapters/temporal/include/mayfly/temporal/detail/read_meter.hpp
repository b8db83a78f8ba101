// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace mayfly::temporal::detail {

/// How many readings there were a second, over the last ten to twenty of them. Pure.
class read_meter {
public:
    struct made {
        std::uint64_t descriptions = 0;
        std::uint64_t queues = 0;
    };

    /// Of descriptions and of queues, of which so many were made so far.
    [[nodiscard]] std::pair<double, double> rates(const made& all, uptime now) noexcept
    {
        if (now - at_ >= std::chrono::seconds{10}) {
            before_at_ = at_;
            before_ = last_;
            at_ = now;
            last_ = all;
        }
        const double over = std::max(1e-3, static_cast<double>((now - before_at_).count()) * 1e-6);
        return {static_cast<double>(all.descriptions - before_.descriptions) / over,
            static_cast<double>(all.queues - before_.queues) / over};
    }

private:
    made last_{};
    made before_{};
    uptime at_{};
    uptime before_at_{};
};

}  // namespace mayfly::temporal::detail
