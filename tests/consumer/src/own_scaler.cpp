// SPDX-License-Identifier: BSL-1.0
#include "own_scaler.hpp"

mayfly::decision own_scaler::decide(state& st, const mayfly::scaling_signal& sig, mayfly::uptime now) const noexcept
{
    if (sig.added.unmatched() == 0)
        return {};
    if (st.last_launch && now - *st.last_launch < pause)
        return {.revisit = *st.last_launch + pause - now, .reason = mayfly::reason::cooling_off};
    st.last_launch = now;
    return {.launch = sig.added.unmatched(), .reason = mayfly::reason::missed_match};
}
