// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/completion_archetype.hpp>
#include <mayfly/error.hpp>
#include <mayfly/launch.hpp>

#include <concepts>
#include <utility>

namespace mayfly {

/** Starts single workers.

    `p.async_launch(request, token)`  completes with `void(error_code, launch_report)` when the platform has answered
   for each of `request.count` starts; `report.starts` tells them apart, and the error stands for those it does not
   name. Accepted is enough: whether a worker comes up is seen later, by its polling as `<requestID>@<function>`.

    Calls overlap. Making one should not throw: a call that does has not begun, and counts as failed, transient.
    Cancellation (terminal) through the token's slot ends the call soon: past its time limit the controller no longer
    listens to it, but still waits for its end before it ends itself. An error that compares equal to
   `condition::throttled`, `transient` or `permanent` is treated as such, any other as transient. Models:
   `testing::scripted_provider`, and every provider of launch strategy `invoke`.
*/
// clang-format off
template <class P>
concept LaunchesWorkers =
    requires(P& p, launch_request request, detail::completion_archetype<launch_report> handler) {
        p.async_launch(std::move(request), std::move(handler));
    };

/** Resizes a set of workers that the platform keeps up.

    `p.async_resize(request, token)`  completes with `void(error_code, resize_report)` when the platform has taken the
                                      new size. Otherwise as `LaunchesWorkers`.
*/
template <class P>
concept ResizesWorkerSet =
    requires(P& p, resize_request request, detail::completion_archetype<resize_report> handler) {
        p.async_resize(std::move(request), std::move(handler));
    };

/// Puts workers into the world, in one of the two ways. A platform that can only do one does not pretend to the other.
template <class P>
concept ComputeProvider = std::move_constructible<P> && (LaunchesWorkers<P> || ResizesWorkerSet<P>);

/// Whether the provider can do what the scaler decides.
template <class P, launch_strategy Strategy>
concept ProviderFor = ComputeProvider<P> &&
    ((Strategy == launch_strategy::invoke && LaunchesWorkers<P>) ||
     (Strategy == launch_strategy::worker_set && ResizesWorkerSet<P>));
// clang-format on

}  // namespace mayfly
