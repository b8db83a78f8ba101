// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/condition.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/temporal/poller_judge.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// How a `task_queue_source` reads, and what it tells of that.

namespace mayfly::temporal {

/// Something about the readings that somebody should know. Views are valid during the call only.
struct source_event {
    enum class kind : std::uint8_t {
        budget_is_the_limit,  ///< Versions wait long for their readings, or for those of their queues. Each at most
                              ///< once a minute.
        unreadable,  ///< A version cannot be read, or none, as `outcome` and `words` say. Once, until that changes.
        readable_again,
        no_heartbeats,  ///< Workers cannot be listed; pollers alone tell who is there. Tried again after a while.
    };

    kind what{};
    const launch_target* target = nullptr;  ///< Null where it concerns all.
    condition outcome = condition::ok;
    std::string_view words{};  ///< With what can be done about it.
};

[[nodiscard]] constexpr std::string_view to_string(source_event::kind k) noexcept
{
    using enum source_event::kind;
    switch (k) {
    case budget_is_the_limit: return "budget_is_the_limit";
    case unreadable: return "unreadable";
    case readable_again: return "readable_again";
    case no_heartbeats: return "no_heartbeats";
    }
    return "unknown";
}

struct source_options {
    /// Descriptions of versions. A server answers 50 a second for a namespace, to everybody together.
    double deployment_reads_per_second = 25;
    double queue_reads_per_second = 40;  ///< Descriptions of queues, and lists of workers.
    /// How long the server gives the same statistics again: its `matching.TaskQueueInfoByBuildIdTTL`. Zero where that
    /// is a moment. A task that is not pushed is seen this late.
    uptime stats_cached_for = std::chrono::seconds{5};
    uptime longest_lifetime = std::chrono::minutes{15};  ///< Of an invocation of the function.
    uptime longest_silence = std::chrono::seconds{75};   ///< See `poller_rules`.
    bool read_workers = true;                            ///< Whether to ask for what workers tell of themselves.
    uptime workers_every = std::chrono::seconds{2};      ///< Between two lists of all workers of the namespace.
    std::size_t most_workers = 20'000;                   ///< That are kept of such a list.
    /// Queues where pollers are looked for though no version has polled there yet: workers that call themselves another
    /// version than they should are found on them.
    std::vector<std::string> queues{};
    std::function<void(const source_event&)> on_event{};  ///< Must not throw, nor call the source.
};

/// How the readings are going.
struct source_load {
    std::uint64_t deployment_reads = 0;  ///< Made so far.
    std::uint64_t queue_reads = 0;       ///< Made so far, lists of workers included.
    std::uint64_t failed_reads = 0;
    std::size_t versions = 0;  ///< Known here.
    std::size_t waiting = 0;   ///< For their turn.
    std::size_t under_way = 0;
    uptime longest_wait{};                   ///< Of those that wait.
    double deployment_reads_per_second = 0;  ///< Over the last ten seconds, about.
    double queue_reads_per_second = 0;
};

}  // namespace mayfly::temporal
