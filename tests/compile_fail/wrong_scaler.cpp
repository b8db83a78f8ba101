// SPDX-License-Identifier: BSL-1.0
// fails with: Scaler

// A scaler that may throw: the controller would have no answer to that.

#include <mayfly/scaler.hpp>

struct my_scaler {
    struct state {
        friend bool operator==(const state&, const state&) = default;
    };

#ifdef MAYFLY_BROKEN
    mayfly::decision decide(state&, const mayfly::scaling_signal&, mayfly::uptime) const;
#else
    mayfly::decision decide(state&, const mayfly::scaling_signal&, mayfly::uptime) const noexcept;
#endif
};

static_assert(mayfly::Scaler<my_scaler, mayfly::scaling_signal>);
