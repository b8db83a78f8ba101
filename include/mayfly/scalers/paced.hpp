// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/scaler.hpp>

#include <algorithm>
#include <cstdint>

namespace mayfly {

/** Spreads the starts of a scaler over time: `burst` at once, then `per_second`.

    What is too many now is held back and forgotten, and the inner scaler is asked again as soon as the next start may
    be. For scalers that start single workers.
*/
template <Scaler<scaling_signal> S>
    requires(strategy_of<S>() == launch_strategy::invoke)
struct paced {
    static constexpr bool keeps_minimum = keeps_minimum_of<S>();

    S inner{};
    double per_second = 10;    ///< From 0.001 to a million.
    std::uint32_t burst = 10;  ///< Above zero.

    struct state {
        typename S::state inner{};
        uptime paid_until{};  ///< When all starts so far would have been made at the steady rate.
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self) requires requires { S::state::fields(visit, self.inner); }
        {
            visit("inner", self.inner);
            visit("paid_until", self.paid_until);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] constexpr decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        decision d = inner.decide(st.inner, sig, now);
        if (d.launch == 0)
            return d;

        const uptime each = period();
        // More than the whole burst was never lent; a memory that says so comes from other settings.
        const uptime debt = st.paid_until > now ? std::min(st.paid_until - now, each * burst) : uptime::zero();
        const auto owed = (debt + each - uptime{1}) / each;
        const auto free = static_cast<std::uint32_t>(burst - std::min<uptime::rep>(burst, owed));
        if (d.launch > free) {
            d.held_back = saturating_add(d.held_back, d.launch - free);
            d.launch = free;
            // A start is free as soon as one less than the whole burst is owed.
            const uptime owed_then = debt + each * free;
            const uptime wait = owed_then - each * (static_cast<uptime::rep>(burst) - 1);
            d.revisit = std::max(std::min(wait, d.revisit), uptime{1});
            if (free == 0)
                d.reason = reason::cooling_off;
        }
        d.stay = std::min(d.stay, d.launch);
        st.paid_until = later(now + debt, each * d.launch);
        return d;
    }

private:
    [[nodiscard]] constexpr uptime period() const noexcept
    {
        constexpr double longest = 1e9;
        return uptime{per_second > 0 ? static_cast<uptime::rep>(std::clamp(1e6 / per_second, 1.0, longest))
                                     : static_cast<uptime::rep>(longest)};
    }
};

}  // namespace mayfly
