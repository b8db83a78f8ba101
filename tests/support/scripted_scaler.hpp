// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/scaler.hpp>

namespace mayfly_test {

using mayfly::decision;
using mayfly::launch_strategy;
using mayfly::scaling_signal;
using mayfly::uptime;

/// Decides what it was told to, and remembers what it was asked.
template <launch_strategy Strategy>
struct scripted_scaler {
    static constexpr launch_strategy strategy = Strategy;

    decision answer{};

    struct state {
        scaling_signal seen{};
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] constexpr decision decide(state& st, const scaling_signal& sig, uptime) const noexcept
    {
        st.seen = sig;
        return answer;
    }
};

using scripted_starts = scripted_scaler<launch_strategy::invoke>;
using scripted_sizes = scripted_scaler<launch_strategy::worker_set>;

}  // namespace mayfly_test
