// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <boost/asio/wait_traits.hpp>

#include <chrono>
#include <cstddef>

namespace mayfly::testing {

/** A `DeadlineClock` that stands still until the test moves it.

    It counts from zero. Each thread has its own, so tests of one process may run on several threads, each with its own
    `io_context`; a context whose handlers run on more than one thread cannot use it. Timers are looked at whenever the
    context is polled. `run()` would therefore spin: use `settle` and `pass`.
*/
struct manual_clock {
    using duration = uptime;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<manual_clock>;
    static constexpr bool is_steady = true;

    [[nodiscard]] static time_point now() noexcept { return state().now; }
    [[nodiscard]] static time_point from_wall(wall_time w) noexcept
    {
        return now() + std::chrono::duration_cast<duration>(w - state().wall);
    }

    /// Both clocks go on by `by`, which is not negative.
    static void advance(duration by) noexcept
    {
        state().now += by;
        state().wall += by;
    }

    /// What the wall clock shows now. A step of it moves no steady time.
    [[nodiscard]] static std::chrono::sys_time<duration> wall() noexcept { return state().wall; }
    static void set_wall(std::chrono::sys_time<duration> w) noexcept { state().wall = w; }

    /// Back to zero; for the beginning of a test. No timer may be waiting.
    static void reset() noexcept { state() = {}; }

private:
    struct times {
        time_point now{};
        std::chrono::sys_time<duration> wall{};
    };
    static times& state() noexcept
    {
        thread_local times t;
        return t;
    }
};

static_assert(DeadlineClock<manual_clock>);

/// Runs whatever is ready at the present time, and what becomes ready by that. Returns the number of handlers run.
template <class Context>
std::size_t settle(Context& context)
{
    std::size_t ran = 0;
    for (;;) {
        context.restart();
        const std::size_t n = context.poll();
        if (n == 0)
            return ran;
        ran += n;
    }
}

/// Lets `by` pass in steps of `step`, and settles after each: a timer is late by less than one step.
template <class Context>
void pass(Context& context, uptime by, uptime step = std::chrono::milliseconds{1})
{
    settle(context);
    for (uptime left = by; left > uptime::zero(); left -= step) {
        manual_clock::advance(left < step ? left : step);
        settle(context);
    }
}

}  // namespace mayfly::testing

/// Real time says nothing about when a manual timer is due: never sleep, look again.
template <>
struct boost::asio::wait_traits<mayfly::testing::manual_clock> {
    static mayfly::testing::manual_clock::duration to_wait_duration(
        const mayfly::testing::manual_clock::duration&) noexcept
    {
        return {};
    }
    static mayfly::testing::manual_clock::duration to_wait_duration(
        const mayfly::testing::manual_clock::time_point&) noexcept
    {
        return {};
    }
};
