// SPDX-License-Identifier: BSL-1.0
#include "relations.hpp"

#include <mayfly/scalers/breaker.hpp>
#include <mayfly/scalers/clamped.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/scalers/paced.hpp>
#include <mayfly/scalers/rate_based.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

// The scalers of the reference, and those that wrap others. Planted defects: 2 to 8 of `planted_scaler`, and 9 here.

using namespace mayfly;

namespace {

/// Starts one worker for each task that found nobody, without any bound.
struct hasty {
    struct state {
        friend bool operator==(const state&, const state&) = default;
    };
    [[nodiscard]] constexpr decision decide(state&, const scaling_signal& sig, uptime) const noexcept
    {
        return {.launch = sig.added.unmatched(), .reason = reason::missed_match};
    }
};

template <class S, class Check>
void drive(fuzz::bytes& in, const S& scaler, Check check)
{
    fuzz::planted_scaler<S> planted{scaler};
    fuzz::twins<fuzz::planted_scaler<S>> twins{planted, in.wait() + uptime{in.byte()}};
    uptime now = in.wait();
    while (!in.empty()) {
        now += in.wait();
        const scaling_signal sig = fuzz::read_signal(in);
        const decision d = twins.step(sig, now);
        check(twins, sig, d, now);
    }
}

void check_no_sync(fuzz::bytes& in)
{
    no_sync s;
    s.scale_up_backlog_threshold = in.count();
    s.scale_up_dispatch_rate_epsilon = in.below(4) * 0.02;
    uptime cooloff = s.scale_up_cooloff = in.wait();
    s.max_worker_lifetime = std::max(cooloff, in.wait());
    if (fuzz::planted() == 9)  // cools off half as long as it is told
        s.scale_up_cooloff /= 2;
    std::optional<uptime> last;
    drive(in, s, [&](auto& twins, const scaling_signal& sig, const decision& d, uptime now) {
        twins.more_waiting(d, sig, 1, now);
        twins.more_waiting(d, sig, in.count(), now);
        MUST("one at a time", d.launch <= 1);
        if (d.launch > 0) {
            MUST("starts are a cool-off apart", !last || now - *last >= cooloff);
            last = now;
        }
    });
}

void check_rate_based(fuzz::bytes& in)
{
    rate_based s;
    s.max_count = 1 + in.below(30);
    s.min_count = s.initial_count = in.below(s.max_count);
    const uptime cooldown = s.scale_up_cooldown = in.wait();
    std::optional<uptime> last;
    drive(in, s, [&](auto& twins, const scaling_signal& sig, const decision& d, uptime now) {
        if (sig.why == cause::added)
            twins.more_waiting(d, sig, 1, now);
        if (!d.resize)
            return;
        const std::uint32_t most = std::min(s.max_count, sig.limits.max);
        MUST("never above either maximum", *d.resize <= most);
        MUST("never below a minimum that is kept",
            !sig.wanted || *d.resize >= std::min(std::max(s.min_count, sig.limits.min), most));
        if (d.reason == reason::scale_up || d.reason == reason::missed_match) {
            MUST("starts are a cool-off apart", !last || now - *last >= cooldown);
            last = now;
        }
    });
}

template <class S>
void check_clamped(fuzz::bytes& in)
{
    bool refusing = false;
    drive(in, clamped<S>{}, [&](auto& twins, const scaling_signal& sig, const decision& d, uptime now) {
        // A plan that has nothing to do with the set it finds is corrected either way.
        if (sig.why == cause::added && strategy_of<S>() == launch_strategy::invoke)
            twins.more_waiting(d, sig, 1, now);
        MUST("never above the maximum", d.launch <= fuzz::room(sig) && d.resize.value_or(0) <= sig.limits.max);
        if (sig.why == cause::launched)
            refusing = sig.outcome != condition::ok;
        if (strategy_of<S>() == launch_strategy::invoke && sig.wanted && !refusing && sig.fleet.refused == 0 &&
            sig.fleet.given_up == 0)
            MUST("never below the minimum",
                saturating_add(sig.fleet.total(), d.launch) >= std::min(sig.limits.min, sig.limits.max));
    });
}

void check_breaker(fuzz::bytes& in)
{
    drive(in, breaker<hasty>{}, [&](auto& twins, const scaling_signal& sig, const decision& d, uptime now) {
        twins.more_waiting(d, sig, 1, now);
        MUST("never more than the wish, or one probe", d.launch <= std::max(1U, sig.added.unmatched()));
        const bool dead = sig.fleet.live == 0 && sig.fleet.given_up >= 10;
        MUST("one at a time while starts come to nothing", !dead || d.launch <= 1);
    });
}

void check_paced(fuzz::bytes& in)
{
    paced<hasty> s;
    s.per_second = 1 + in.below(100);
    s.burst = 1 + in.below(20);
    const auto each = static_cast<std::int64_t>(1e6 / s.per_second);
    const std::uint32_t burst = s.burst;
    if (fuzz::planted() == 10)  // lends one more than it has
        s.burst += 1;
    struct some {
        uptime at{};
        std::uint64_t before = 0;
    };
    std::vector<some> starts;
    std::uint64_t total = 0;
    drive(in, s, [&](auto&, const scaling_signal&, const decision& d, uptime now) {
        if (d.launch == 0)
            return;
        starts.push_back({now, total});
        total += d.launch;
        for (const some& from : starts)
            MUST("no more than a burst and its rate",
                total - from.before <= burst + static_cast<std::uint64_t>((now - from.at).count() / each));
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    switch (in.below(6)) {
    case 0: check_no_sync(in); break;
    case 1: check_rate_based(in); break;
    case 2: check_clamped<no_sync>(in); break;
    case 3: check_clamped<rate_based>(in); break;
    case 4: check_breaker(in); break;
    case 5: check_paced(in); break;
    }
    return 0;
}
