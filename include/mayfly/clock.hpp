// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>

namespace mayfly {

/// Time since the controller (or the recording, or the simulated run) began. Every decision takes one as `now`.
using uptime = std::chrono::microseconds;

/// A moment that does not come: "no timer", "no deadline".
inline constexpr uptime never = uptime::max();

/// `at + wait`, where `never` stays `never` and nothing wraps.
[[nodiscard]] constexpr uptime later(uptime at, uptime wait) noexcept
{
    return wait >= never - (at > uptime::zero() ? at : uptime::zero()) ? never : at + wait;
}

/// What a platform hands out: milliseconds of the wall clock.
using wall_time = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/** A steady clock that can place a wall-clock moment on itself.

    `C::now()`         as for any standard clock; never goes back
    `C::from_wall(w)`  the steady point that corresponds to `w` at the time of the call

    Platforms hand out wall-clock deadlines; waiting is done on a steady clock. Convert once, on arrival: a later step
   of the wall clock then moves nothing. Models here: `deadline_clock`, `testing::manual_clock`.
*/
template <class C>
concept DeadlineClock = C::is_steady && requires(wall_time w)
{
    {
        C::now()
        } -> std::same_as<typename C::time_point>;
    {
        C::from_wall(w)
        } -> std::same_as<typename C::time_point>;
};

/// The machine's own steady clock, as a `DeadlineClock`.
struct deadline_clock {
    using duration = std::chrono::steady_clock::duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr bool is_steady = true;

    [[nodiscard]] static time_point now() noexcept { return std::chrono::steady_clock::now(); }
    [[nodiscard]] static time_point from_wall(wall_time w) noexcept
    {
        return now() + std::chrono::duration_cast<duration>(w - std::chrono::system_clock::now());
    }
};

static_assert(DeadlineClock<deadline_clock>);

}  // namespace mayfly
