// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/condition.hpp>
#include <mayfly/deployment.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

// What a controller is told, and what a scaler sees of it.

namespace mayfly {

/// What happened to a task at the moment it was added to its queue.
enum class add_outcome : std::uint8_t {
    matched,         ///< A waiting poller took it.
    not_matched,     ///< Nobody waited: the queue was empty and no poller was there.
    behind_backlog,  ///< Others wait already.
    rate_limited,    ///< A limiter held it. Never asks for workers.
};

/// `a + b`, or the largest value if that would wrap: a flood of tasks must not look like none.
[[nodiscard]] constexpr std::uint32_t saturating_add(std::uint32_t a, std::uint32_t b) noexcept
{
    return a > std::numeric_limits<std::uint32_t>::max() - b ? std::numeric_limits<std::uint32_t>::max() : a + b;
}

/// Adds, counted by outcome.
struct add_counts {
    std::uint32_t matched = 0;
    std::uint32_t not_matched = 0;
    std::uint32_t behind_backlog = 0;
    std::uint32_t rate_limited = 0;

    /// Tasks that found no worker and are not held by a limiter.
    [[nodiscard]] constexpr std::uint32_t unmatched() const noexcept
    {
        return saturating_add(not_matched, behind_backlog);
    }
    [[nodiscard]] constexpr std::uint32_t total() const noexcept
    {
        return saturating_add(saturating_add(matched, rate_limited), unmatched());
    }
    constexpr add_counts& operator+=(const add_counts& o) noexcept
    {
        matched = saturating_add(matched, o.matched);
        not_matched = saturating_add(not_matched, o.not_matched);
        behind_backlog = saturating_add(behind_backlog, o.behind_backlog);
        rate_limited = saturating_add(rate_limited, o.rate_limited);
        return *this;
    }
    friend bool operator==(const add_counts&, const add_counts&) = default;
};

/// Tasks were added to a queue of this type: one, or a batch that was gathered.
struct task_added {
    task_type type = task_type::activity;
    add_counts counts{};

    [[nodiscard]] static constexpr task_added one(task_type type, add_outcome outcome) noexcept
    {
        task_added t{.type = type};
        switch (outcome) {
        case add_outcome::matched: t.counts.matched = 1; break;
        case add_outcome::not_matched: t.counts.not_matched = 1; break;
        case add_outcome::behind_backlog: t.counts.behind_backlog = 1; break;
        case add_outcome::rate_limited: t.counts.rate_limited = 1; break;
        }
        return t;
    }
    friend bool operator==(const task_added&, const task_added&) = default;
};

/// Statistics of one task type, summed over a version's queues. Rates are means over about 30 s.
struct queue_stats {
    std::uint64_t backlog = 0;                  ///< Approximate number of waiting tasks.
    uptime oldest{};                            ///< How long the head of the backlog has waited.
    double add_rate = 0;                        ///< Tasks per second.
    double dispatch_rate = 0;                   ///< Tasks per second.
    bool limiter_active = false;                ///< The queue itself is held back by a rate limit.
    std::optional<std::uint64_t> added{};       ///< All adds so far, where the source counts them.
    std::optional<std::uint64_t> dispatched{};  ///< All dispatches so far, likewise.

    friend bool operator==(const queue_stats&, const queue_stats&) = default;
};

/// A poller, as the queue or the worker's own heartbeat shows it.
struct worker_seen {
    std::string_view identity;                    ///< `<requestID>@<functionARN>` for a worker that we started.
    uptime first_seen{};                          ///< Its first poll, as far as the source knows.
    uptime last_seen{};                           ///< Its last sign of life.
    bool present = true;                          ///< False: it has polled and is no more.
    std::optional<std::uint32_t> busy{};          ///< Slots in use, from its heartbeat.
    std::optional<std::uint32_t> slots{};         ///< Slots in all.
    const deployment_version* version = nullptr;  ///< What it says it is; null where the source does not tell.
};

/// A worker said goodbye, or the source knows that it is no more.
struct worker_gone {
    std::string_view identity;
};

/// Everything a source can read at once. A task type without data is absent, which is not the same as zero.
struct queue_snapshot {
    std::array<std::optional<queue_stats>, all_task_types.size()> stats{};
    std::span<const worker_seen> workers{};
    bool workers_complete = false;              ///< Whoever is missing from `workers` is gone.
    std::optional<std::uint32_t> busy_slots{};  ///< Slots in use, summed over workers.

    [[nodiscard]] constexpr std::optional<queue_stats>& of(task_type t) noexcept
    {
        return stats[static_cast<std::size_t>(t)];
    }
    [[nodiscard]] constexpr const std::optional<queue_stats>& of(task_type t) const noexcept
    {
        return stats[static_cast<std::size_t>(t)];
    }
};

/// How one asked-for start ended at the provider. Accepted is not running: see `ledger`.
struct launch_result {
    condition outcome = condition::ok;
    std::string_view request_id{};  ///< The platform's id of the start, the first half of the worker's identity.
};

/// Bounds that somebody configured.
struct scaling_limits {
    std::uint32_t min = 0;
    std::uint32_t max = std::numeric_limits<std::uint32_t>::max();

    friend bool operator==(const scaling_limits&, const scaling_limits&) = default;
};

/// What is known of a group's workers: the ledger's books in numbers.
struct fleet_view {
    std::uint32_t asked = 0;              ///< Starts the provider has not answered yet.
    std::uint32_t starting = 0;           ///< Accepted, not seen yet, not given up.
    std::uint32_t live = 0;               ///< Seen polling, and not past their time.
    std::uint32_t leaving = 0;            ///< Of `live`: those whose end comes before a replacement could be up.
    std::uint32_t foreign = 0;            ///< Pollers that are not ours.
    std::uint32_t given_up = 0;           ///< Starts in a row that came to nothing since a worker was last seen.
    std::uint32_t refused = 0;            ///< Answers in a row by which the provider refused a start.
    std::uint32_t slots = 1;              ///< Tasks one worker takes at once.
    std::optional<std::uint32_t> busy{};  ///< Slots in use at the last snapshot.
    uptime leaves_in = never;  ///< The soonest that one more of `live` can count as leaving; it may be later.
    uptime startup{};          ///< Mean time from the call to the first poll.
    uptime startup_dev{};      ///< Its mean deviation.
    uptime service{};          ///< Mean time of one task in a slot; zero while unknown.
    double failure_rate = 0;   ///< Share of accepted starts that come to nothing, 0 to 1.
    bool ever_seen = false;    ///< A worker of this version has polled.

    [[nodiscard]] constexpr std::uint32_t pending() const noexcept { return saturating_add(asked, starting); }
    [[nodiscard]] constexpr std::uint32_t total() const noexcept { return saturating_add(live, pending()); }
    friend bool operator==(const fleet_view&, const fleet_view&) = default;
};

/// Why a scaler is asked.
enum class cause : std::uint8_t {
    begin,     ///< The group is new, or was restored.
    added,     ///< `added` and `type` say what.
    stats,     ///< A snapshot came: `stats` and `fleet` are fresh.
    no_stats,  ///< A snapshot could not be read.
    launched,  ///< The provider answered.
    workers,   ///< A worker came or went, or a start was given up.
    wake,      ///< The time the scaler asked for has come.
    changed,   ///< Limits, or the version's place in the routing, have changed.
};

[[nodiscard]] constexpr std::string_view to_string(cause c) noexcept
{
    switch (c) {
    case cause::begin: return "begin";
    case cause::added: return "added";
    case cause::stats: return "stats";
    case cause::no_stats: return "no_stats";
    case cause::launched: return "launched";
    case cause::workers: return "workers";
    case cause::wake: return "wake";
    case cause::changed: return "changed";
    }
    return "unknown";
}

/// All that a scaler of this library sees at one decision.
struct scaling_signal {
    cause why = cause::wake;
    task_type type = task_type::activity;  ///< Whose adds, for `cause::added`.
    add_counts added{};                    ///< Since the last decision, for `cause::added`; else zero.
    std::array<std::optional<queue_stats>, all_task_types.size()> stats{};  ///< For `cause::stats`; else empty.
    fleet_view fleet{};
    scaling_limits limits{};
    bool wanted = true;                 ///< Work can reach this version; only then is the minimum kept.
    condition outcome = condition::ok;  ///< The answer, for `cause::launched`.
    friend bool operator==(const scaling_signal&, const scaling_signal&) = default;
};

}  // namespace mayfly
