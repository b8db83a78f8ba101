// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/doubled.hpp>
#include <mayfly/scaler.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace mayfly::detail {

/// Raises decisions on starts so that a minimum is kept: also in place of workers whose end is near, as far as the
/// maximum allows. While starts are refused or come to nothing, that is tried ever more slowly.
struct minimum_keeper {
    uptime first_wait = std::chrono::seconds{1};  ///< After a start that failed; doubles each time.
    uptime longest_wait = std::chrono::minutes{1};

    struct state {
        uptime retry_at{};
        std::uint32_t given_up = 0;  ///< As last seen.
        std::uint8_t failures = 0;   ///< In a row, each after the wait for the one before.
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("retry_at", self.retry_at);
            visit("given_up", self.given_up);
            visit("failures", self.failures);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    /// Notes whether starts fail. Call it once for each signal.
    constexpr void observe(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const bool refused = sig.why == cause::launched && sig.outcome != condition::ok;
        const bool died = sig.fleet.given_up > st.given_up;
        const bool seen = sig.fleet.given_up < st.given_up;
        const bool accepted = sig.why == cause::launched && !refused && sig.fleet.given_up == 0;
        st.given_up = sig.fleet.given_up;
        if (seen || accepted) {
            st = {.given_up = st.given_up};
        } else if ((refused || died) && now >= st.retry_at) {
            // Of many answers to one attempt the first sets the wait.
            const uptime wait = doubled(first_wait, st.failures, longest_wait);
            st.failures = static_cast<std::uint8_t>(std::min(st.failures + 1, 255));
            st.retry_at = later(now, wait);
        }
    }

    /// Raises `d` to the minimum of `sig.limits`, and lowers `revisit` to the time of the next try.
    constexpr void raise(decision& d, const state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const fleet_view& f = sig.fleet;
        const std::uint32_t wanted = sig.wanted ? std::min(sig.limits.min, sig.limits.max) : 0;
        const std::uint32_t lasting = f.total() - std::min(f.total(), f.leaving);
        if (wanted > 0 && f.leaves_in != never)
            d.revisit = std::min(d.revisit, std::max(f.leaves_in, uptime{std::chrono::milliseconds{100}}));
        const std::uint32_t room = sig.limits.max - std::min(sig.limits.max, f.total());
        const std::uint32_t lacking = std::min(room, wanted - std::min(wanted, lasting));
        if (lacking > d.launch) {
            if (now < st.retry_at) {
                d.revisit = std::min(d.revisit, st.retry_at - now);
                if (d.launch == 0)
                    d.reason = reason::provider_backoff;
            } else {
                if (d.launch == 0)
                    d.reason = f.total() < wanted ? reason::minimum : reason::renewal;
                d.launch = lacking;
            }
        }
        d.stay = std::max(d.stay, std::min(d.launch, lacking));
    }
};

}  // namespace mayfly::detail
