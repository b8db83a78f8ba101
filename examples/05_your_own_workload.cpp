// SPDX-License-Identifier: BSL-1.0

// Which scaler suits your load? Describe the load, let each scaler serve it in simulated time, and compare. The
// controller, the scaler and its books are those of production; only queue, provider and workers are simulated.

#include <mayfly/scalers/clamped.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/testing/bounds.hpp>
#include <mayfly/testing/simulate.hpp>

#include <chrono>
#include <cstdio>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

using namespace std::chrono_literals;
using namespace mayfly::testing;

/// An hour of quiet traffic with a delivery of two thousand orders in the middle.
static workload orders()
{
    workload w;
    w.id = "orders";
    w.seed = 1;
    w.duration = 1h;
    w.max_workers = 100;
    w.activity_timeout = 10s;  // No order takes longer. Workers stop in time, so that none is lost.
    w.arrivals = {.is = arrival_spec::kind::sum,
        .of = {{.is = arrival_spec::kind::poisson, .segments = {{.until = 3600, .rate = 0.5}}},
            {.events = {{.t = 1800, .n = 2000, .spread = 5}}}}};
    w.service = distribution::lognormal(0.6, 0.5);
    w.service.cap = 10;
    w.worker.slots = 4;
    return w;
}

/// A scaler that is chosen while the program runs is one that holds a variant. It is a scaler like any other.
struct chosen_scaler {
    using clamped_no_sync = mayfly::clamped<mayfly::no_sync>;

    std::variant<mayfly::fleet, clamped_no_sync> is{};

    struct state {
        std::variant<mayfly::fleet::state, clamped_no_sync::state> is{};
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] mayfly::decision decide(
        state& st, const mayfly::scaling_signal& sig, mayfly::uptime now) const noexcept
    {
        return std::visit(
            [&](const auto& scaler) {
                using own = typename std::decay_t<decltype(scaler)>::state;
                // A cold start, or the memory of another kind: begin anew.
                if (!std::holds_alternative<own>(st.is))
                    st.is.emplace<own>();
                return scaler.decide(*std::get_if<own>(&st.is), sig, now);
            },
            is);
    }
};

static_assert(mayfly::Scaler<chosen_scaler, mayfly::scaling_signal>);

static chosen_scaler by_name(std::string_view name, const workload& w)
{
    if (name == "no_sync")
        return {chosen_scaler::clamped_no_sync{}};
    mayfly::fleet scaler;
    scaler.activity_timeout = *w.activity_timeout;
    return {scaler};
}

int main()
{
    const workload w = orders();
    const cost_bounds bounds = compute_bounds(w, generate(w));

    std::printf("%-10s %8s %8s %8s %9s %8s %9s\n", "scaler", "p50 s", "p99 s", "max s", "billed s", "starts", "cost");
    run_metrics best;
    for (const char* name : {"no_sync", "fleet"}) {
        best = simulate(w, by_name(name, w), {});
        std::printf("%-10s %8.2f %8.2f %8.2f %9.0f %8llu %8.1fx\n", name, best.p50, best.p99, best.max, best.billed,
            static_cast<unsigned long long>(best.invocations), best.cost / bounds.zero_wait_cost);
    }
    std::printf(
        "Cost in units of what somebody pays who knows the future and lets no task wait: %.0f worker-seconds.\n",
        bounds.zero_wait_cost);
    return best.unserved == 0 && best.lost == 0 ? 0 : 1;
}
