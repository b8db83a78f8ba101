// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "bytes.hpp"

#include <mayfly/scaler.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

// What must hold between the answers of a scaler to twin questions.

namespace fuzz {

inline mayfly::fleet_view read_fleet(bytes& in)
{
    mayfly::fleet_view f;
    const std::uint8_t what = in.byte();
    f.asked = in.below(8);
    f.starting = in.below(8);
    f.live = (what & 1U) != 0 ? in.count32() : in.below(4);
    f.leaving = (what & 2U) != 0 ? static_cast<std::uint32_t>(in.byte() % (std::uint64_t{f.live} + 1)) : 0;
    f.slots = (what & 4U) != 0 ? in.count32() : 1;
    if ((what & 8U) != 0)
        f.busy = in.count32();
    if ((what & 16U) != 0) {
        f.given_up = in.count32();
        f.refused = in.count32();
        f.foreign = in.count32();
    }
    if ((what & 32U) != 0) {
        f.startup = in.wait();
        f.startup_dev = in.wait();
        f.service = in.wait();
        f.failure_rate = in.real();
    }
    if ((what & 192U) == 192U)
        f.asked = in.count32();
    f.ever_seen = f.live > 0 || in.flag();
    return f;
}

inline mayfly::scaling_signal read_signal(bytes& in)
{
    using mayfly::cause;
    constexpr std::array causes{cause::added, cause::added, cause::stats, cause::stats, cause::launched, cause::workers,
        cause::wake, cause::no_stats, cause::changed, cause::begin};
    mayfly::scaling_signal sig{.why = causes[in.below(causes.size())]};
    if (sig.why == cause::added) {
        sig.type = in.type();
        sig.added = in.adds();
    } else if (sig.why == cause::stats) {
        const std::uint8_t types = in.byte();
        for (std::size_t i = 0; i < sig.stats.size(); ++i)
            if ((types >> i & 1U) != 0)
                sig.stats[i] = in.stats();
    } else if (sig.why == cause::launched) {
        sig.outcome = in.outcome();
    }
    sig.fleet = read_fleet(in);
    sig.limits = {.min = in.below(4), .max = in.count32()};
    if (in.below(16) == 0)
        sig.limits.min = in.count32();
    sig.wanted = in.below(8) != 0;
    return sig;
}

/// A little or a lot more of the work that `sig` tells of; false if it tells of none.
inline bool add_waiting(mayfly::scaling_signal& sig, std::uint64_t more)
{
    if (sig.why == mayfly::cause::added) {
        const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(more, 0xffffffffU));
        sig.added.not_matched = mayfly::saturating_add(sig.added.not_matched, n);
        return true;
    }
    for (auto& s : sig.stats)
        if (s) {
            s->backlog += std::min(more, ~s->backlog);
            return true;
        }
    return false;
}

inline std::uint32_t room(const mayfly::scaling_signal& sig)
{
    return sig.limits.max - std::min(sig.limits.max, sig.fleet.total());
}

/// Runs a scaler and its shifted twin side by side, and checks what must hold for any scaler that starts workers.
template <class S>
class twins {
public:
    using state = typename S::state;

    twins(const S& scaler, mayfly::uptime shift) : scaler_{scaler}, shift_{shift} {}

    /// The state before the last step.
    [[nodiscard]] const state& before() const { return before_; }

    mayfly::decision step(const mayfly::scaling_signal& sig, mayfly::uptime now)
    {
        before_ = state_;
        const mayfly::decision d = scaler_.decide(state_, sig, now);

        state again = before_;
        MUST("the same question has the same answer", scaler_.decide(again, sig, now) == d && again == state_);
        MUST("shifting all times shifts nothing else", scaler_.decide(shifted_, sig, now + shift_) == d);
        MUST("there is always a moment ahead", d.revisit > mayfly::uptime::zero());
        MUST("no reading lies in the past", d.read >= mayfly::uptime::zero());
        if (sig.why == mayfly::cause::added && sig.added.rate_limited > 0)
            limited(d, sig, now);
        return d;
    }

    void more_waiting(const mayfly::decision& d, mayfly::scaling_signal sig, std::uint64_t more, mayfly::uptime now)
    {
        if (add_waiting(sig, more))
            MUST("more waiting work never starts fewer", wish(ask(sig, now)) >= wish(d));
    }

    [[nodiscard]] mayfly::decision ask(const mayfly::scaling_signal& sig, mayfly::uptime now) const
    {
        state twin = before_;
        return scaler_.decide(twin, sig, now);
    }

private:
    static std::uint32_t wish(const mayfly::decision& d) { return d.resize ? *d.resize : d.launch; }

    void limited(const mayfly::decision& d, mayfly::scaling_signal sig, mayfly::uptime now) const
    {
        sig.added.rate_limited = 0;
        MUST("a rate-limited add never adds a start", wish(d) <= wish(ask(sig, now)));
    }

    S scaler_;
    mayfly::uptime shift_;
    state before_{};
    state state_{};
    state shifted_{};
};

/// The scaler as it is, unless a defect is planted.
template <class S>
struct planted_scaler {
    static constexpr mayfly::launch_strategy strategy = mayfly::strategy_of<S>();
    using state = typename S::state;

    S inner{};

    [[nodiscard]] mayfly::decision decide(state& st, mayfly::scaling_signal sig, mayfly::uptime now) const noexcept
    {
        const bool added = sig.why == mayfly::cause::added;
        switch (planted()) {
        case 1:  // a backlog that wraps in 32 bits
            for (auto& s : sig.stats)
                if (s)
                    s->backlog = static_cast<std::uint32_t>(s->backlog);
            break;
        case 2:  // limited tasks count as tasks that found nobody
            if (added)
                sig.added.not_matched = mayfly::saturating_add(sig.added.not_matched, sig.added.rate_limited);
            break;
        case 3:  // one too many
            sig.limits.max = mayfly::saturating_add(sig.limits.max, 1);
            break;
        case 4:  // one too few
            sig.limits.min -= std::min(sig.limits.min, 1U);
            break;
        default: break;
        }

        mayfly::decision d = inner.decide(st, sig, now);
        switch (planted()) {
        case 5:  // buckets of the clock, not of the run
            if (now.count() / 250'000 % 2 == 1)
                d.launch /= 2;
            break;
        case 6: {  // a memory beside the state
            static std::uint32_t asked = 0;
            if (++asked % 2 == 0)
                d.held_back += 1;
            break;
        }
        case 7:  // "at once", which a controller would ask again for ever
            if (d.launch > 0)
                d.revisit = mayfly::uptime::zero();
            break;
        case 8:  // the set may grow beyond its maximum
            if (d.resize)
                d.resize = *d.resize + 1;
            break;
        default: break;
        }
        return d;
    }
};

}  // namespace fuzz
