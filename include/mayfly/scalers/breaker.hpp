// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/start_breaker.hpp>
#include <mayfly/scaler.hpp>

#include <algorithm>
#include <cstdint>

namespace mayfly {

/** Holds a scaler back while its starts come to nothing: a build that never connects costs a few starts, not all.

    Opens after so many dead starts in a row with nobody alive, as `rules` say. Then lets one start through at a time,
    ever more rarely, and closes when a worker is seen. What the inner scaler wishes meanwhile is held back and
    forgotten, but for one probe. For scalers that start single workers; `fleet` has this built in.
*/
template <Scaler<scaling_signal> S>
    requires(strategy_of<S>() == launch_strategy::invoke)
struct breaker {
    static constexpr bool keeps_minimum = keeps_minimum_of<S>();

    S inner{};
    detail::start_breaker rules{};

    struct state {
        typename S::state inner{};
        detail::start_breaker::state breaker{};
        bool owed = false;  ///< A wish was held back, and no probe has followed yet.
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self) requires requires { S::state::fields(visit, self.inner); }
        {
            visit("inner", self.inner);
            visit("breaker", self.breaker);
            visit("owed", self.owed);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] constexpr decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        decision d = inner.decide(st.inner, sig, now);
        const bool was_open = st.breaker.open;
        // Adds that ask for no worker release no probe either: the next wake does.
        const bool mere_add = sig.why == cause::added && sig.added.unmatched() == 0;
        const std::uint32_t wish = std::max(d.launch, st.owed && !mere_add ? 1U : 0U);
        const std::uint32_t granted = rules.admit(st.breaker, sig.fleet, wish, now, d.revisit);
        if (!st.breaker.open) {
            // Closed again: a worker is there, and what is wished for now is all that is needed.
            st.owed = false;
            return d;
        }
        if (wish == 0) {
            if (st.owed && sig.fleet.pending() == 0)
                d.revisit = std::min(d.revisit, std::max(st.breaker.next_probe, now + uptime{1}) - now);
            return d;
        }
        st.owed = granted == 0;
        d.held_back = saturating_add(d.held_back, d.launch - std::min(d.launch, granted));
        d.launch = granted;
        d.stay = std::min(d.stay, d.launch);
        d.reason = granted > 0 && was_open ? reason::probe : reason::breaker_open;
        return d;
    }
};

}  // namespace mayfly
