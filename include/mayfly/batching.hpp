// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/signal.hpp>

#include <chrono>
#include <optional>

namespace mayfly {

/// When a batch of added tasks is worth a signal. A window that is not above zero means its default.
struct batch_rules {
    uptime missed_window = default_missed_window;    ///< Between signals while a task in the batch found nobody.
    uptime matched_window = default_matched_window;  ///< Between signals otherwise.

    /// Send what is left of a burst when its window is over. Without it, only a later task brings it to light.
    bool flush = true;
    /// Windows of missed tasks count from the last signal that told of some, not from any signal.
    bool missed_first = true;
    /// Count a task that a limiter held as one that found nobody. It then asks for a worker that cannot help.
    bool limited_is_missed = false;

    static constexpr uptime default_missed_window = std::chrono::milliseconds{500};
    static constexpr uptime default_matched_window = std::chrono::seconds{60};

    /// What the server of the reference does: no timer, one clock for both windows.
    [[nodiscard]] static constexpr batch_rules reference() noexcept { return {.flush = false, .missed_first = false}; }

    friend bool operator==(const batch_rules&, const batch_rules&) = default;
};

/** Gathers the adds of one queue, or of one partition of it, into few signals.

    The first add is sent at once. Later ones are sent with the first add that comes more than a window after the last
    signal, or, with `batch_rules::flush`, at the moment that `next_flush` names.
*/
class task_batcher {
public:
    constexpr explicit task_batcher(task_type type, const batch_rules& rules = {}) noexcept : type_{type}, rules_{rules}
    {}

    /// Counts one task. A result is to be sent now; what was gathered is then in it and no longer here.
    [[nodiscard]] constexpr std::optional<task_added> add(add_outcome outcome, uptime now) noexcept
    {
        if (outcome == add_outcome::rate_limited && rules_.limited_is_missed)
            outcome = add_outcome::not_matched;
        gathered_ += task_added::one(type_, outcome).counts;
        return send_if_due(now);
    }

    /// When to call `flush`; `never` if nothing is gathered or the timer is off.
    [[nodiscard]] constexpr uptime next_flush() const noexcept
    {
        if (!rules_.flush || gathered_ == add_counts{})
            return never;
        const auto& last = missed() && rules_.missed_first ? last_missed_ : last_;
        return last ? later(*last, window() + uptime{1}) : uptime::zero();
    }

    /// What is due, if anything is.
    [[nodiscard]] constexpr std::optional<task_added> flush(uptime now) noexcept
    {
        return now >= next_flush() ? send_if_due(now) : std::nullopt;
    }

    /// The signal did not get through: its counts are gathered again, and go with the next one.
    constexpr void restore(const task_added& lost) noexcept { gathered_ += lost.counts; }

    friend bool operator==(const task_batcher&, const task_batcher&) = default;

private:
    [[nodiscard]] constexpr bool missed() const noexcept { return gathered_.unmatched() > 0; }

    [[nodiscard]] constexpr uptime window() const noexcept
    {
        const uptime set = missed() ? rules_.missed_window : rules_.matched_window;
        if (set > uptime::zero())
            return set;
        return missed() ? batch_rules::default_missed_window : batch_rules::default_matched_window;
    }

    [[nodiscard]] constexpr std::optional<task_added> send_if_due(uptime now) noexcept
    {
        const auto& last = missed() && rules_.missed_first ? last_missed_ : last_;
        if (last && now - *last <= window())
            return std::nullopt;
        last_ = now;
        if (missed())
            last_missed_ = now;
        const task_added out{type_, gathered_};
        gathered_ = {};
        return out;
    }

    task_type type_;
    batch_rules rules_;
    add_counts gathered_{};
    std::optional<uptime> last_{};
    std::optional<uptime> last_missed_{};
};

}  // namespace mayfly
