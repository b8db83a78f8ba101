// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/proto/wire.pb.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

// Moments and durations as messages have them, and as C++ has them. What one side cannot hold becomes the nearest that
// it can; nothing wraps.

namespace mayfly::temporal {

/// Nanoseconds since 1970.
using wall_clock_time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

namespace detail {

inline constexpr std::int64_t nanos_per_second = 1'000'000'000;

struct split_nanos {
    std::int64_t seconds = 0;
    std::int32_t nanos = 0;
};

/// `nanos` has the sign of the whole, or with `counts_forward` never any.
constexpr split_nanos split(std::int64_t whole, bool counts_forward) noexcept
{
    split_nanos out{whole / nanos_per_second, static_cast<std::int32_t>(whole % nanos_per_second)};
    if (counts_forward && out.nanos < 0) {
        --out.seconds;
        out.nanos += static_cast<std::int32_t>(nanos_per_second);
    }
    return out;
}

constexpr std::int64_t join(std::int64_t seconds, std::int32_t nanos) noexcept
{
    using limits = std::numeric_limits<std::int64_t>;
    // A second less than would fit, so that any nanos fit too.
    constexpr std::int64_t most = limits::max() / nanos_per_second - 3;
    if (seconds > most)
        return limits::max();
    if (seconds < -most)
        return limits::min();
    return seconds * nanos_per_second + nanos;
}

}  // namespace detail

[[nodiscard]] inline wire::Duration to_wire(std::chrono::nanoseconds d)
{
    const auto parts = detail::split(d.count(), false);
    wire::Duration out;
    out.set_seconds(parts.seconds);
    out.set_nanos(parts.nanos);
    return out;
}

[[nodiscard]] inline wire::Timestamp to_wire(wall_clock_time t)
{
    const auto parts = detail::split(t.time_since_epoch().count(), true);
    wire::Timestamp out;
    out.set_seconds(parts.seconds);
    out.set_nanos(parts.nanos);
    return out;
}

[[nodiscard]] inline std::chrono::nanoseconds from_wire(const wire::Duration& d)
{
    return std::chrono::nanoseconds(detail::join(d.seconds(), d.nanos()));
}

/// An absent one is the epoch.
[[nodiscard]] inline wall_clock_time from_wire(const wire::Timestamp& t)
{
    return wall_clock_time(std::chrono::nanoseconds(detail::join(t.seconds(), t.nanos())));
}

/// For a field that may be absent.
[[nodiscard]] inline std::optional<wall_clock_time> time_of(bool is_there, const wire::Timestamp& t)
{
    return is_there ? std::optional(from_wire(t)) : std::nullopt;
}

}  // namespace mayfly::temporal
