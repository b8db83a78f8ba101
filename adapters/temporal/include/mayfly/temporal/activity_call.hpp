// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_context.hpp>
#include <mayfly/temporal/call_end.hpp>

#include <utility>
#include <vector>

namespace mayfly::temporal {

/** An attempt of an activity that is about to run, as an interceptor is given it.

    What an interceptor throws fails the attempt, as if the activity had thrown it; the activity does not run then. A
    function that is no coroutine runs on the thread on which its interceptors are called, before and after it.
*/
struct activity_call {
    activity_context& context;             ///< With `info()`; it may be cancelled, and told to complete elsewhere.
    bool local = false;                    ///< A workflow's local activity.
    std::vector<end_listener>& listeners;  ///< See `on_end`.

    [[nodiscard]] const api::common::Header& header() const noexcept { return context.task().header(); }
    /// The arguments as they came: `context.converter()` reads them.
    [[nodiscard]] const api::common::Payloads& input() const noexcept { return context.task().input(); }

    /// `f` hears how the attempt ended, once: also where nobody waits for it any more.
    void on_end(end_listener f) const { listeners.push_back(std::move(f)); }
};

}  // namespace mayfly::temporal
