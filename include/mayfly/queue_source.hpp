// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_provider.hpp>
#include <mayfly/detail/completion_archetype.hpp>
#include <mayfly/signal.hpp>

#include <array>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly {

/// A `queue_snapshot` that owns what it shows, so that it can travel through a completion.
struct queue_reading {
    struct poller {
        std::string identity{};
        uptime first_seen{};
        uptime last_seen{};
        bool present = true;
        std::optional<std::uint32_t> busy{};
        std::optional<std::uint32_t> slots{};
        std::optional<deployment_version> version{};
    };

    std::array<std::optional<queue_stats>, all_task_types.size()> stats{};
    std::vector<poller> workers{};
    bool workers_complete = false;
    std::optional<std::uint32_t> busy_slots{};

    /// The same as a view. `room` holds the pollers; both must outlive the result.
    [[nodiscard]] queue_snapshot view(std::vector<worker_seen>& room) const
    {
        room.clear();
        for (const poller& p : workers)
            room.push_back(
                {p.identity, p.first_seen, p.last_seen, p.present, p.busy, p.slots, p.version ? &*p.version : nullptr});
        return {.stats = stats, .workers = room, .workers_complete = workers_complete, .busy_slots = busy_slots};
    }
};

/** Reads the statistics of a version's queues.

    `q.async_read(target, now, token)`  completes with `void(error_code, queue_reading)`; times in it are uptimes like
                                        `now`, the controller's time of the call. Cancellation (terminal) abandons it.
    What `LaunchesWorkers` says of calls that throw or do not heed their cancellation goes for these too.

    Models: `no_source`, for a host that reports every add itself; `temporal::task_queue_source`.
*/
// clang-format off
template <class Q>
concept QueueSource = std::move_constructible<Q> &&
    requires(Q& q, std::shared_ptr<const launch_target> target, uptime now, detail::completion_archetype<queue_reading> handler) {
        q.async_read(std::move(target), now, std::move(handler));
    };
// clang-format on

/// Has nothing to read: a scaler's wish for a reading is never answered. For a host that tells everything itself.
struct no_source {};

template <class Q>
concept QueueSourceOrNone = QueueSource<Q> || std::same_as<Q, no_source>;

}  // namespace mayfly
