// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/batching.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

// Every add is told once or still gathered, and a burst is told in time. Planted defects: 1 to 4 of `planted_batcher`.

using namespace mayfly;

namespace {

struct tally {
    std::uint64_t matched = 0;
    std::uint64_t missed = 0;
    std::uint64_t limited = 0;

    void add(const add_counts& c)
    {
        matched += c.matched;
        missed += std::uint64_t{c.not_matched} + c.behind_backlog;
        limited += c.rate_limited;
    }
    friend bool operator==(const tally&, const tally&) = default;
};

/// The batcher as it is, unless a defect is planted.
class planted_batcher {
public:
    explicit planted_batcher(const batch_rules& rules) : inner_{task_type::activity, rules} {}

    std::optional<task_added> add(add_outcome outcome, uptime now)
    {
        auto told = inner_.add(outcome, now);
        if (fuzz::planted() == 1 && told && told->counts.total() > 2)  // the last of a batch is lost
            told->counts.matched -= std::min(told->counts.matched, 1U);
        return told;
    }
    std::optional<task_added> flush(uptime now)
    {
        if (fuzz::planted() == 2 && now.count() % 2 == 1)  // a timer that misses
            return std::nullopt;
        return inner_.flush(now);
    }
    void restore(const task_added& lost)
    {
        if (fuzz::planted() != 3)  // what did not get through is forgotten
            inner_.restore(lost);
    }
    uptime next_flush() const
    {
        const uptime next = inner_.next_flush();
        return fuzz::planted() == 4 && next != never ? next - next % uptime{1'000} : next;  // milliseconds of the clock
    }

private:
    task_batcher inner_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    batch_rules rules;
    const std::uint8_t how = in.byte();
    rules.flush = (how & 3U) != 0;
    rules.missed_first = (how & 4U) != 0;
    rules.limited_is_missed = (how & 8U) != 0;
    if ((how & 16U) != 0)
        rules.missed_window = in.wait();
    if ((how & 32U) != 0)
        rules.matched_window = in.wait();
    const uptime missed_window =
        rules.missed_window > uptime::zero() ? rules.missed_window : batch_rules::default_missed_window;
    const uptime longest = std::max(missed_window,
        rules.matched_window > uptime::zero() ? rules.matched_window : batch_rules::default_matched_window);

    const uptime shift = in.wait() + uptime{1};
    planted_batcher batch{rules};
    planted_batcher shifted{rules};
    tally added;
    tally told;
    uptime now{};
    std::optional<uptime> waiting_since;
    const auto tell = [&](const std::optional<task_added>& signal, const std::optional<task_added>& twin) {
        MUST("shifting all times shifts nothing else", signal == twin);
        if (!signal)
            return;
        if (in.below(8) == 7) {  // it does not get through
            batch.restore(*signal);
            shifted.restore(*signal);
            waiting_since = now;
            return;
        }
        told.add(signal->counts);
        waiting_since.reset();
    };

    while (!in.empty()) {
        const uptime until = now + in.wait();
        // The timer, at the moment it was asked for.
        while (batch.next_flush() <= until) {
            now = std::max(now, batch.next_flush());
            const auto signal = batch.flush(now);
            MUST("what is due is told", signal.has_value());
            tell(signal, shifted.flush(now + shift));
        }
        now = until;
        const auto outcome = static_cast<add_outcome>(in.below(4));
        add_counts one = task_added::one(task_type::activity, outcome).counts;
        if (outcome == add_outcome::rate_limited && rules.limited_is_missed)
            one = {.not_matched = 1};
        added.add(one);
        if (!waiting_since)
            waiting_since = now;
        tell(batch.add(outcome, now), shifted.add(outcome, now + shift));
        if (rules.flush && waiting_since)
            MUST(
                "nothing waits longer than a window", batch.next_flush() <= later(*waiting_since, longest + uptime{1}));
    }
    // Long after, all is told.
    now += longest + uptime{2};
    if (const auto rest = batch.add(add_outcome::matched, now)) {
        added.matched += 1;
        told.add(rest->counts);
    } else {
        MUST("what is due is told", false);
    }
    MUST("every add is told once", added == told);
    return 0;
}
