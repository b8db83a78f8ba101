// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/minimum_keeper.hpp>
#include <mayfly/scaler.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace mayfly {

/** Keeps a scaler that knows no bounds within some: its own `limits` and those of the group, whichever is tighter.

    What the inner scaler wishes beyond the maximum is held back and forgotten; a backlog will raise it again. Below the
    minimum, while work can reach the version, workers are started without a wish: also in place of those whose end is
    near, as far as the maximum allows. While starts are refused or come to nothing, that is tried ever more slowly.
*/
template <Scaler<scaling_signal> S>
struct clamped {
    static constexpr launch_strategy strategy = strategy_of<S>();
    static constexpr bool keeps_minimum = true;

    S inner{};
    scaling_limits limits{};
    detail::minimum_keeper keeper{};

    struct state {
        typename S::state inner{};
        std::optional<std::uint32_t> size{};  ///< The last one that was decided on and not refused.
        detail::minimum_keeper::state keeper{};
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self) requires requires { S::state::fields(visit, self.inner); }
        {
            visit("inner", self.inner);
            visit("size", self.size);
            visit("keeper", self.keeper);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] constexpr decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        scaling_signal bounded = sig;
        bounded.limits.max = std::min(limits.max, sig.limits.max);
        bounded.limits.min = std::min(std::max(limits.min, sig.limits.min), bounded.limits.max);
        keeper.observe(st.keeper, sig, now);
        if (sig.why == cause::launched && sig.outcome != condition::ok)
            st.size.reset();

        decision d = inner.decide(st.inner, bounded, now);
        if constexpr (strategy == launch_strategy::worker_set)
            bound_size(d, st, bounded, now);
        else
            bound_starts(d, st, bounded, now);
        return d;
    }

private:
    constexpr void bound_starts(decision& d, const state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const std::uint32_t room = sig.limits.max - std::min(sig.limits.max, sig.fleet.total());
        if (d.launch > room) {
            d.held_back = saturating_add(d.held_back, d.launch - room);
            d.launch = room;
            if (room == 0)
                d.reason = reason::at_maximum;
        }
        keeper.raise(d, st.keeper, sig, now);
    }

    static constexpr void bound_size(decision& d, state& st, const scaling_signal& sig, uptime now) noexcept
    {
        if (!d.resize && now < st.keeper.retry_at) {
            d.revisit = std::min(d.revisit, st.keeper.retry_at - now);
            return;
        }
        const std::uint32_t before = st.size.value_or(sig.fleet.total());
        const std::uint32_t asked = d.resize.value_or(before);
        const std::uint32_t bounded = std::min(std::max(asked, sig.wanted ? sig.limits.min : 0), sig.limits.max);
        if (asked > bounded) {
            d.held_back = saturating_add(d.held_back, asked - bounded);
            d.reason = reason::at_maximum;
        } else if (asked < bounded) {
            d.reason = reason::minimum;
        }
        // Asked again for the size it has, the provider would be called for nothing.
        const bool settled = st.size ? *st.size == bounded : !d.resize && bounded == before;
        d.resize = settled ? std::nullopt : std::optional{bounded};
        if (d.resize)
            st.size = bounded;
    }
};

}  // namespace mayfly
