// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>

// When an activity's heartbeats go out. Pure: whoever asks keeps the details, sends them, and waits.

namespace mayfly::temporal::detail {

struct heartbeat_pace {
    std::chrono::nanoseconds without_timeout = std::chrono::seconds{30};  ///< For activities without a timeout.
    std::chrono::nanoseconds most = std::chrono::seconds{60};             ///< For all.

    /// The time between two heartbeats of an activity; `timeout` is zero for none.
    [[nodiscard]] constexpr std::chrono::nanoseconds between(std::chrono::nanoseconds timeout) const noexcept
    {
        return std::min(timeout.count() > 0 ? timeout / 5 * 4 : without_timeout, most);
    }

    /// How long one call may take.
    [[nodiscard]] constexpr std::chrono::nanoseconds patience(std::chrono::nanoseconds timeout) const noexcept
    {
        return std::max<std::chrono::nanoseconds>(between(timeout), std::chrono::seconds{1});
    }
};

/** The heartbeats of one attempt: the first at once, then one in each window at most, never two at a time.

    Each function that returns `true` has begun a call, which ends with `sent`.
*/
class heartbeat_throttle {
public:
    using time_point = std::chrono::steady_clock::time_point;

    constexpr explicit heartbeat_throttle(std::chrono::nanoseconds between) noexcept : between_{between} {}

    /// There are details that are newer than those of the last call.
    [[nodiscard]] constexpr bool recorded(time_point now) noexcept
    {
        waiting_ = true;
        return look(now);
    }

    /// Looks whether a window is over; see `next`.
    [[nodiscard]] constexpr bool look(time_point now) noexcept
    {
        return waiting_ && !sending_ && !ended_ && now >= opens_ && begin(now);
    }

    /// The call has been answered.
    constexpr void sent() noexcept { sending_ = false; }

    /// The activity has failed or was cancelled: what has not been told is told at once, and that is all. `recorded`
    /// says that there are details which this has not heard of yet.
    [[nodiscard]] constexpr bool flush(time_point now, bool recorded) noexcept
    {
        ended_ = true;
        waiting_ = waiting_ || recorded;
        return waiting_ && !sending_ && begin(now);
    }

    /// No more calls.
    constexpr void stop() noexcept
    {
        ended_ = true;
        waiting_ = false;
    }

    [[nodiscard]] constexpr bool sending() const noexcept { return sending_; }
    /// The next moment to look at; `max()` if there is nothing to wait for.
    [[nodiscard]] constexpr time_point next() const noexcept
    {
        return waiting_ && !sending_ && !ended_ ? opens_ : time_point::max();
    }

private:
    constexpr bool begin(time_point now) noexcept
    {
        waiting_ = false;
        sending_ = true;
        opens_ = now + between_;
        return true;
    }

    std::chrono::nanoseconds between_;
    time_point opens_ = time_point::min();
    bool waiting_ = false;
    bool sending_ = false;
    bool ended_ = false;
};

}  // namespace mayfly::temporal::detail
