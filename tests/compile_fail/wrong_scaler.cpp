// SPDX-License-Identifier: BSL-1.0
// fails with: Scaler<.*(is not [^n]*noexcept|may throw)

// A scaler that may throw: the controller would have no answer to that.

#include <mayfly/controller_machine.hpp>

struct my_scaler {
    struct state {
        friend bool operator==(const state&, const state&) = default;
    };

#ifdef MAYFLY_BROKEN
    mayfly::decision decide(state&, const mayfly::scaling_signal&, mayfly::uptime) const
    {
        return {};
    }
#else
    mayfly::decision decide(state&, const mayfly::scaling_signal&, mayfly::uptime) const noexcept
    {
        return {};
    }
#endif
};

template class mayfly::controller_machine<my_scaler>;
