// SPDX-License-Identifier: BSL-1.0
#include "relations.hpp"

#include <mayfly/scalers/fleet.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

// `fleet` under any sequence of signals. Planted defects: 1 to 7 of `planted_scaler`.

using namespace mayfly;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    fuzz::planted_scaler<fleet> scaler;
    if (const std::uint8_t how = in.byte(); (how & 1U) != 0) {
        scaler.inner.read_idle = (how & 2U) != 0 ? std::chrono::seconds{1} : never;
        scaler.inner.idle_exit = (how & 4U) != 0 ? in.wait() : uptime::zero();
        scaler.inner.gather = (how & 8U) != 0 ? in.wait() : uptime::zero();
    }
    fuzz::twins<fuzz::planted_scaler<fleet>> twins{scaler, in.wait() + uptime{in.byte()}};
    uptime now = in.wait();
    bool refusing = false;
    while (!in.empty()) {
        now += in.wait();
        const scaling_signal sig = fuzz::read_signal(in);
        const decision d = twins.step(sig, now);
        MUST("never above the maximum", d.launch <= fuzz::room(sig));
        MUST("who stays is among the started", d.stay <= d.launch);
        MUST("what starts workers says so", (d.launch > 0) == (d.reason <= reason::probe));
        twins.more_waiting(d, sig, 1, now);
        twins.more_waiting(d, sig, in.count(), now);

        if (sig.why == cause::launched)
            refusing = sig.outcome != condition::ok;
        // An add is only about tasks: what the minimum needs is decided at the other signals.
        if (sig.wanted && sig.why != cause::added && !refusing && sig.fleet.given_up == 0)
            MUST("never below the minimum",
                saturating_add(sig.fleet.total(), d.launch) >= std::min(sig.limits.min, sig.limits.max));
    }
    return 0;
}
