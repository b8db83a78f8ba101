// SPDX-License-Identifier: BSL-1.0

// A scaler of your own: a plain struct. No base class, no registration, no clock, and nothing to link.

#include <mayfly/scaler.hpp>
#include <mayfly/scalers/clamped.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>

using namespace std::chrono_literals;
using mayfly::cause;
using mayfly::decision;
using mayfly::reason;
using mayfly::scaling_signal;
using mayfly::uptime;

/// One worker for every `tasks_per_worker` tasks that wait, and a pause between two rounds of starts.
struct patient_scaler {
    // Settings are fields with defaults. Whoever misspells one is told by the compiler.
    std::uint32_t tasks_per_worker = 10;  ///< Above zero.
    uptime pause = 2s;

    // Memory is a value that the controller keeps, so that runs can be saved and replayed.
    struct state {
        std::uint64_t waiting = 0;
        std::optional<uptime> last_start{};
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        if (sig.why == cause::added)
            st.waiting += sig.added.unmatched();
        if (sig.why == cause::stats)
            st.waiting = waiting_in(sig);

        // Not (waiting + n - 1) / n: that wraps for a huge backlog.
        const auto wanted = st.waiting / tasks_per_worker + (st.waiting % tasks_per_worker != 0 ? 1 : 0);
        // Those who are up, and those on their way, will take their share.
        const std::uint64_t missing = wanted > sig.fleet.total() ? wanted - sig.fleet.total() : 0;
        if (missing == 0)
            return {.read = 5s, .reason = st.waiting > 0 ? reason::covered : reason::steady};

        const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(missing, 1'000'000));
        if (st.last_start && now - *st.last_start < pause)
            return {
                .revisit = *st.last_start + pause - now, .read = 1s, .reason = reason::cooling_off, .held_back = count};
        st.last_start = now;
        return {.launch = count, .read = 1s, .reason = reason::backlog};
    }

private:
    static std::uint64_t waiting_in(const scaling_signal& sig) noexcept
    {
        std::uint64_t sum = 0;
        for (const auto& type : sig.stats)
            sum += type ? type->backlog : 0;
        return sum;
    }
};

// A mistake is reported here, in your own file.
static_assert(mayfly::Scaler<patient_scaler, scaling_signal>);

// Since time and signals are arguments, trying it out is a conversation.
template <class S>
void converse(const char* name, const S& scaler)
{
    typename S::state memory;
    const auto hear = [&](const char* what, const scaling_signal& sig, uptime now) {
        const decision d = scaler.decide(memory, sig, now);
        std::printf("%-15s %-34s -> start %2u, hold back %2u (%s)\n", name, what, d.launch, d.held_back,
            to_string(d.reason).data());
    };
    hear("a first task finds nobody", {.why = cause::added, .added = {.not_matched = 1}}, 0s);
    hear("249 more within the pause", {.why = cause::added, .added = {.behind_backlog = 249}, .fleet = {.asked = 1}},
        1s);
    hear("the pause is over", {.why = cause::wake, .fleet = {.live = 1}}, 2s);
    hear("the backlog is worked off",
        {.why = cause::stats, .stats = {{{}, mayfly::queue_stats{.backlog = 0}, {}}}, .fleet = {.live = 25}}, 5s);
}

int main()
{
    converse("patient", patient_scaler{.tasks_per_worker = 10});

    // It knows no maximum, and need not: decorators give any scaler what it lacks.
    converse(
        "patient, max 8", mayfly::clamped<patient_scaler>{.inner = {.tasks_per_worker = 10}, .limits = {.max = 8}});
}
