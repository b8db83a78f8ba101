// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/signal.hpp>

#include <algorithm>
#include <cstdint>

namespace mayfly::detail {

/// When starts that come to nothing are taken for a build that never connects.
struct start_breaker {
    std::uint32_t opens_after = 10;                ///< Dead starts in a row, with nobody alive.
    std::uint32_t opens_after_unseen = 6;          ///< The same for a version of which no worker was ever seen.
    uptime first_probe = std::chrono::seconds{5};  ///< Each further wait is twice as long.
    uptime longest_wait = std::chrono::seconds{80};

    struct state {
        uptime next_probe{};
        bool open = false;
        std::uint8_t probes = 0;  ///< Since it opened; after eight the wait grows no more.
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("next_probe", self.next_probe);
            visit("open", self.open);
            visit("probes", self.probes);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    /// How many of `wish` starts may go. `revisit` is lowered to the next probe while the breaker is open.
    [[nodiscard]] constexpr std::uint32_t admit(
        state& st, const fleet_view& fleet, std::uint32_t wish, uptime now, uptime& revisit) const noexcept
    {
        if (fleet.live > 0 || fleet.given_up == 0) {
            st = {};
            return wish;
        }
        if (!st.open) {
            if (fleet.given_up < (fleet.ever_seen ? opens_after : opens_after_unseen))
                return wish;
            st = {.next_probe = later(now, std::min(first_probe, longest_wait)), .open = true};
        }
        if (wish == 0)
            return 0;
        if (now < st.next_probe) {
            revisit = std::min(revisit, st.next_probe - now);
            return 0;
        }
        if (fleet.pending() > 0)
            return 0;
        st.probes = static_cast<std::uint8_t>(std::min(st.probes + 1, 8));
        st.next_probe = later(now, std::min(first_probe * (1 << st.probes), longest_wait));
        return 1;
    }
};

}  // namespace mayfly::detail
