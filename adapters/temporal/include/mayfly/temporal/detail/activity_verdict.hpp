// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_info.hpp>

#include <cstdint>

// What an attempt that has ended is reported as. Pure.

namespace mayfly::temporal::detail {

enum class activity_end : std::uint8_t {
    value,      ///< It returned.
    elsewhere,  ///< It returned, and somebody else completes it.
    cancelled,  ///< It threw that it was cancelled.
    failed,     ///< It threw anything else.
};

enum class activity_report : std::uint8_t {
    completed,
    failed,       ///< As it was thrown.
    interrupted,  ///< Failed, retryable: it was cancelled, but not because somebody wanted it to end.
    canceled,
    nothing,
};

[[nodiscard]] constexpr activity_report report_of(activity_end end, cancel_reason reason) noexcept
{
    if (reason == cancel_reason::timeout || reason == cancel_reason::not_found || end == activity_end::elsewhere)
        return activity_report::nothing;
    if (end == activity_end::value)
        return activity_report::completed;
    if (end == activity_end::failed || reason == cancel_reason::none)
        return activity_report::failed;
    return reason == cancel_reason::cancelled ? activity_report::canceled : activity_report::interrupted;
}

/// The words of `interrupted`.
[[nodiscard]] constexpr const char* interruption(cancel_reason reason) noexcept
{
    switch (reason) {
    case cancel_reason::worker_shutdown: return "the worker shuts down";
    case cancel_reason::paused: return "the activity was paused";
    case cancel_reason::reset: return "the activity was reset";
    case cancel_reason::none:
    case cancel_reason::cancelled:
    case cancel_reason::timeout:
    case cancel_reason::not_found: break;
    }
    return "the activity was cancelled";
}

/// What a heartbeat's answer asks for.
[[nodiscard]] constexpr cancel_reason asked_by(bool cancel_requested, bool reset, bool paused) noexcept
{
    if (cancel_requested)
        return cancel_reason::cancelled;
    if (reset)
        return cancel_reason::reset;
    return paused ? cancel_reason::paused : cancel_reason::none;
}

}  // namespace mayfly::temporal::detail
