// SPDX-License-Identifier: BSL-1.0
// mayfly core in one header. Generated from include/mayfly by single_include/amalgamate.py: change it there.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// mayfly/clock.hpp ----------------------------------------------------------------------------------------------------

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

// mayfly/condition.hpp ------------------------------------------------------------------------------------------------

namespace mayfly {

/// How an attempt ended, in the only differences that core acts on. `error.hpp` makes it a `boost::system` condition.
enum class condition : std::uint8_t {
    ok = 0,         ///< Done.
    throttled = 1,  ///< The platform has no room now; try later, slower.
    transient = 2,  ///< Failed, and may succeed unchanged.
    permanent = 3,  ///< Fails until somebody changes something.
};

[[nodiscard]] constexpr std::string_view to_string(condition c) noexcept
{
    switch (c) {
    case condition::ok: return "ok";
    case condition::throttled: return "throttled";
    case condition::transient: return "transient";
    case condition::permanent: return "permanent";
    }
    return "unknown";
}

}  // namespace mayfly

// mayfly/deployment.hpp -----------------------------------------------------------------------------------------------

namespace mayfly {

/// What a task queue hands out.
enum class task_type : std::uint8_t { workflow, activity, nexus };

inline constexpr std::array<task_type, 3> all_task_types{task_type::workflow, task_type::activity, task_type::nexus};

[[nodiscard]] constexpr std::string_view to_string(task_type t) noexcept
{
    switch (t) {
    case task_type::workflow: return "workflow";
    case task_type::activity: return "activity";
    case task_type::nexus: return "nexus";
    }
    return "unknown";
}

/// A set of task types, in one byte.
class task_types {
public:
    constexpr task_types() = default;
    constexpr task_types(std::initializer_list<task_type> types) noexcept
    {
        for (task_type t : types)
            insert(t);
    }

    [[nodiscard]] static constexpr task_types all() noexcept
    {
        return {task_type::workflow, task_type::activity, task_type::nexus};
    }

    constexpr void insert(task_type t) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | bit(t)); }
    constexpr void erase(task_type t) noexcept { bits_ = static_cast<std::uint8_t>(bits_ & ~bit(t)); }
    [[nodiscard]] constexpr bool contains(task_type t) const noexcept { return (bits_ & bit(t)) != 0; }
    [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }

    friend constexpr bool operator==(task_types, task_types) = default;

private:
    static constexpr std::uint8_t bit(task_type t) noexcept
    {
        return static_cast<std::uint8_t>(1U << static_cast<unsigned>(t));
    }

    std::uint8_t bits_ = 0;
};

/// The immutable identity of a piece of worker code.
struct deployment_version {
    std::string deployment;
    std::string build_id;

    friend auto operator<=>(const deployment_version&, const deployment_version&) = default;
    friend bool operator==(const deployment_version&, const deployment_version&) = default;
};

/// What happens to a running workflow when another version becomes current.
enum class versioning_behavior : std::uint8_t {
    unspecified,   ///< Refused for a workflow of a serverless worker.
    pinned,        ///< Stays on the version it began with.
    auto_upgrade,  ///< Moves to the current version at its next workflow task.
};

/// Where a version stands in its deployment's routing.
enum class version_status : std::uint8_t {
    created,   ///< Known, never routed to.
    inactive,  ///< Not routed to now.
    ramping,   ///< Gets a share of new work.
    current,   ///< Gets new work.
    draining,  ///< No new work; pinned workflows still run.
    drained,   ///< No open work is left.
};

[[nodiscard]] constexpr std::string_view to_string(version_status s) noexcept
{
    switch (s) {
    case version_status::created: return "created";
    case version_status::inactive: return "inactive";
    case version_status::ramping: return "ramping";
    case version_status::current: return "current";
    case version_status::draining: return "draining";
    case version_status::drained: return "drained";
    }
    return "unknown";
}

/// Whether work can still reach a version. Only such a version keeps its minimum of workers.
[[nodiscard]] constexpr bool receives_work(version_status s) noexcept
{
    return s == version_status::ramping || s == version_status::current || s == version_status::draining;
}

/// How a provider puts workers into the world, and so what a scaler has to decide.
enum class launch_strategy : std::uint8_t {
    invoke,      ///< "Start N more."
    worker_set,  ///< "There shall be N."
};

}  // namespace mayfly

// mayfly/signal.hpp ---------------------------------------------------------------------------------------------------

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
    uptime startup{};                     ///< Mean time from the call to the first poll.
    uptime startup_dev{};                 ///< Its mean deviation.
    uptime service{};                     ///< Mean time of one task in a slot; zero while unknown.
    double failure_rate = 0;              ///< Share of accepted starts that come to nothing, 0 to 1.
    bool ever_seen = false;               ///< A worker of this version has polled.

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

// mayfly/batching.hpp -------------------------------------------------------------------------------------------------

namespace mayfly {

/// When a batch of added tasks is worth a signal. A window that is not above zero means its default.
struct batch_rules {
    uptime missed_window = default_missed_window;    ///< Between signals while a task in the batch found nobody.
    uptime matched_window = default_matched_window;  ///< Between signals otherwise.

    /// Send what is left of a burst when its window is over. Without it, only a later task brings it to light.
    bool flush = true;
    /// Windows of missed tasks count from the last signal that told of some, not from any signal.
    bool missed_first = true;
    /// Count a task that a limiter held as one that found nobody. It then asks for a worker that cannot help.
    bool limited_is_missed = false;

    static constexpr uptime default_missed_window = std::chrono::milliseconds{500};
    static constexpr uptime default_matched_window = std::chrono::seconds{60};

    /// What the server of the reference does: no timer, one clock for both windows.
    [[nodiscard]] static constexpr batch_rules reference() noexcept { return {.flush = false, .missed_first = false}; }

    friend bool operator==(const batch_rules&, const batch_rules&) = default;
};

/** Gathers the adds of one queue, or of one partition of it, into few signals.

    The first add is sent at once. Later ones are sent with the first add that comes more than a window after the last
    signal, or, with `batch_rules::flush`, at the moment that `next_flush` names.
*/
class task_batcher {
public:
    constexpr explicit task_batcher(task_type type, const batch_rules& rules = {}) noexcept : type_{type}, rules_{rules}
    {}

    /// Counts one task. A result is to be sent now; what was gathered is then in it and no longer here.
    [[nodiscard]] constexpr std::optional<task_added> add(add_outcome outcome, uptime now) noexcept
    {
        if (outcome == add_outcome::rate_limited && rules_.limited_is_missed)
            outcome = add_outcome::not_matched;
        gathered_ += task_added::one(type_, outcome).counts;
        return send_if_due(now);
    }

    /// When to call `flush`; `never` if nothing is gathered or the timer is off.
    [[nodiscard]] constexpr uptime next_flush() const noexcept
    {
        if (!rules_.flush || gathered_ == add_counts{})
            return never;
        const auto& last = missed() && rules_.missed_first ? last_missed_ : last_;
        return last ? later(*last, window() + uptime{1}) : uptime::zero();
    }

    /// What is due, if anything is.
    [[nodiscard]] constexpr std::optional<task_added> flush(uptime now) noexcept
    {
        return now >= next_flush() ? send_if_due(now) : std::nullopt;
    }

    /// The signal did not get through: its counts are gathered again, and go with the next one.
    constexpr void restore(const task_added& lost) noexcept { gathered_ += lost.counts; }

    friend bool operator==(const task_batcher&, const task_batcher&) = default;

private:
    [[nodiscard]] constexpr bool missed() const noexcept { return gathered_.unmatched() > 0; }

    [[nodiscard]] constexpr uptime window() const noexcept
    {
        const uptime set = missed() ? rules_.missed_window : rules_.matched_window;
        if (set > uptime::zero())
            return set;
        return missed() ? batch_rules::default_missed_window : batch_rules::default_matched_window;
    }

    [[nodiscard]] constexpr std::optional<task_added> send_if_due(uptime now) noexcept
    {
        const auto& last = missed() && rules_.missed_first ? last_missed_ : last_;
        if (last && now - *last <= window())
            return std::nullopt;
        last_ = now;
        if (missed())
            last_missed_ = now;
        const task_added out{type_, gathered_};
        gathered_ = {};
        return out;
    }

    task_type type_;
    batch_rules rules_;
    add_counts gathered_{};
    std::optional<uptime> last_{};
    std::optional<uptime> last_missed_{};
};

}  // namespace mayfly

// mayfly/fwd.hpp ------------------------------------------------------------------------------------------------------

namespace mayfly {

struct decision;

}  // namespace mayfly

// mayfly/leaving.hpp --------------------------------------------------------------------------------------------------

namespace mayfly {

/// When a worker stops polling on its own, before its deadline asks it to. All rules are off by default.
struct leave_rules {
    /// Leave after having had nothing to do for this long; zero for never. About what one start costs is a good value:
    /// waiting longer is paid idle time, leaving sooner is paid starts.
    uptime idle_exit{0};

    /// The utilisation a worker wants to see on itself, in (0, 1]; zero turns thinning off. Polls are served oldest
    /// first, so load spreads over all workers and a big fleet never idles out. Each worker below the target therefore
    /// leaves with a small probability, and a crowd of them sheds just the excess without talking to anybody.
    double thin_target = 0;
    uptime thin_every = std::chrono::seconds{2};    ///< Time between two looks; above zero.
    uptime thin_over = std::chrono::seconds{10};    ///< A fleet with no load at all thins out over about this time.
    uptime thin_memory = std::chrono::seconds{10};  ///< How far back utilisation is remembered; above zero.

    /// The longest a task can take, zero for unknown. A task is then only accepted while it can still finish.
    uptime activity_timeout{0};

    /// This worker fills a minimum: it never idles out and is never thinned.
    bool stay = false;

    friend bool operator==(const leave_rules&, const leave_rules&) = default;
};

enum class leave_reason : std::uint8_t {
    none,              ///< Keep polling.
    deadline,          ///< The regular moment: deadline less shutdown buffer.
    activity_timeout,  ///< A task that starts now could not finish.
    idle,              ///< Nothing to do for `idle_exit`.
    thinned,           ///< One of more workers than the load needs.
};

[[nodiscard]] constexpr std::string_view to_string(leave_reason r) noexcept
{
    switch (r) {
    case leave_reason::none: return "none";
    case leave_reason::deadline: return "deadline";
    case leave_reason::activity_timeout: return "activity_timeout";
    case leave_reason::idle: return "idle";
    case leave_reason::thinned: return "thinned";
    }
    return "unknown";
}

/// How long a worker may poll and drain.
struct poll_window {
    uptime from{0};             ///< First poll.
    uptime stop_at = never;     ///< Regular moment to stop polling.
    uptime drained_by = never;  ///< A task still running then is lost. Not before `stop_at`.

    friend bool operator==(const poll_window&, const poll_window&) = default;
};

/// Less polling time than this is not worth a start.
inline constexpr uptime least_polling = std::chrono::seconds{1};

/// When to stop polling if no task may be lost that takes `activity_timeout`. It is the regular moment if that is early
/// enough, and also if the rule would leave less than a second to poll: such a worker would never get anything done.
[[nodiscard]] constexpr uptime early_stop(const poll_window& w, uptime activity_timeout) noexcept
{
    if (w.stop_at == never || w.drained_by == never || activity_timeout <= uptime::zero())
        return w.stop_at;
    const uptime last_start = w.drained_by - activity_timeout;
    return last_start < later(w.from, least_polling) ? w.stop_at : std::min(w.stop_at, last_start);
}

/** Decides, inside one worker, when to stop polling.

    Tell it what happens (`on_task` and `on_done`, or `observe`), and ask `decide` at the moment that the last answer
    named, and whenever the last running task has ended. Time never goes back. A copy is a snapshot. Nothing allocates
   or throws.
*/
class leaving {
public:
    struct verdict {
        leave_reason reason = leave_reason::none;
        uptime look = never;  ///< Ask again at this moment at the latest. Meaningless once there is a reason.

        [[nodiscard]] constexpr bool leave() const noexcept { return reason != leave_reason::none; }
        friend bool operator==(const verdict&, const verdict&) = default;
    };

    leaving() = default;

    /// `slots`: how many tasks this worker takes at a time; zero counts as one.
    constexpr leaving(const leave_rules& rules, std::uint32_t slots, const poll_window& window) noexcept
        : rules_{rules},
          slots_{std::max<std::uint32_t>(slots, 1)},
          stop_{window.stop_at},
          early_{early_stop(window, rules.activity_timeout)},
          idle_since_{window.from},
          changed_{window.from},
          looked_{window.from},
          utilisation_{rules.thin_target}
    {}

    /// A task arrived and occupies a slot.
    constexpr void on_task(uptime now) noexcept { set(now, busy_ + 1, share(busy_ + 1), true); }

    /// A task ended and its slot is free.
    constexpr void on_done(uptime now) noexcept
    {
        if (busy_ > 0)
            set(now, busy_ - 1, share(busy_ - 1), true);
    }

    /** For a worker that reports totals: `busy` things are going on (a poller that is not waiting at the queue counts),
        `load` in [0, 1] is the share of slots in use, and `moved` says that a task came or went since the last report.
    */
    constexpr void observe(uptime now, std::uint32_t busy, double load, bool moved) noexcept
    {
        set(now, busy, std::clamp(load, 0.0, 1.0), moved || busy != busy_);
    }

    /// `u` is uniform in [0, 1). It is only used when a look for thinning is due; drawing it for nothing is harmless.
    [[nodiscard]] verdict decide(uptime now, double u) noexcept
    {
        if (now >= stop_)
            return {leave_reason::deadline, now};
        if (now >= early_)
            return {leave_reason::activity_timeout, now};

        verdict v{leave_reason::none, std::min(stop_, early_)};
        if (rules_.stay)
            return v;
        if (rules_.idle_exit > uptime::zero() && busy_ == 0) {
            const uptime at = later(idle_since_, rules_.idle_exit);
            if (now >= at)
                return {leave_reason::idle, now};
            v.look = std::min(v.look, at);
        }
        if (rules_.thin_target > 0) {
            uptime next = later(looked_, rules_.thin_every);
            if (now >= next) {
                if (u < thin_chance(now))
                    return {leave_reason::thinned, now};
                next = later(now, rules_.thin_every);
            }
            v.look = std::min(v.look, next);
        }
        return v;
    }

    [[nodiscard]] constexpr std::uint32_t busy() const noexcept { return busy_; }
    /// Smoothed share of slots in use, as of the last look for thinning. Starts at the target.
    [[nodiscard]] constexpr double utilisation() const noexcept { return utilisation_; }
    [[nodiscard]] constexpr const leave_rules& rules() const noexcept { return rules_; }

    friend bool operator==(const leaving&, const leaving&) = default;

private:
    [[nodiscard]] constexpr double share(std::uint32_t busy) const noexcept
    {
        return std::min(1.0, static_cast<double>(busy) / slots_);
    }

    constexpr void set(uptime now, std::uint32_t busy, double load, bool moved) noexcept
    {
        area_ += load_ * static_cast<double>((now - changed_).count());
        changed_ = now;
        busy_ = busy;
        load_ = load;
        if (moved)
            idle_since_ = now;
    }

    // Folds the time since the last look into the utilisation: its mean is exact, so that nothing depends on how many
    // small changes happened in between, and one exponential per look is enough.
    [[nodiscard]] double thin_chance(uptime now) noexcept
    {
        set(now, busy_, load_, false);
        const auto window = static_cast<double>((now - looked_).count());
        const double memory = static_cast<double>(std::max<uptime::rep>(rules_.thin_memory.count(), 1));
        if (window > 0)
            utilisation_ += (area_ / window - utilisation_) * -std::expm1(-window / memory);
        area_ = 0;
        looked_ = now;
        const double excess = 1 - utilisation_ / rules_.thin_target;
        const double over = static_cast<double>(std::max<uptime::rep>(rules_.thin_over.count(), 1));
        return excess * static_cast<double>(rules_.thin_every.count()) / over;
    }

    leave_rules rules_{};
    std::uint32_t slots_ = 1;
    std::uint32_t busy_ = 0;
    double load_ = 0;
    uptime stop_ = never;
    uptime early_ = never;
    uptime idle_since_{0};
    uptime changed_{0};
    uptime looked_{0};
    double area_ = 0;  // load integrated since the last look
    double utilisation_ = 0;
};

}  // namespace mayfly

// mayfly/ledger.hpp ---------------------------------------------------------------------------------------------------

namespace mayfly {

/// What a ledger takes for granted until it has seen better.
struct ledger_settings {
    uptime useful_life = never;  ///< From a worker's first poll to the moment it stops polling; `never`: no end.
    uptime expected_startup = std::chrono::milliseconds{600};  ///< From call to first poll, before the first was seen.
    uptime patience = std::chrono::seconds{5};                 ///< A start is given up no sooner than this.
    uptime remember = std::chrono::minutes{10};  ///< A worker that is gone is still recognised for this long.
    std::uint32_t slots = 1;                     ///< Tasks one worker takes at once.
    /// The part behind the `@` of our workers' identities. A poller named so, whose request id we do not know, is
    /// adopted: after a restart of the controller these are the workers it had started. Empty: none is adopted.
    std::string function{};

    friend bool operator==(const ledger_settings&, const ledger_settings&) = default;
};

/// The life of one start.
enum class start_state : std::uint8_t {
    asked,      ///< The provider has not answered yet.
    accepted,   ///< The provider took it; nobody has seen the worker.
    polling,    ///< The worker has been seen and is there.
    given_up,   ///< Accepted, not seen in time; recognised if it comes late.
    elsewhere,  ///< The worker came, as another version than ours.
    gone,       ///< The worker was there and is no more.
};

/// One start and what was seen of it.
struct start_record {
    std::uint64_t id = 0;
    start_state state = start_state::asked;
    std::uint32_t busy = 0;  ///< Slots in use, from its last heartbeat.
    std::uint32_t mark = 0;  ///< The last snapshot that showed it.
    uptime asked_at{};
    uptime changed_at{};     ///< When it came into this state.
    uptime ends_at = never;  ///< When it stops polling, once it was seen.
    std::string request_id{};

    friend bool operator==(const start_record&, const start_record&) = default;
};

/// What a sighting of a poller told.
enum class sighting : std::uint8_t {
    connected,  ///< A start of ours, seen for the first time.
    late,       ///< The same, after it had been given up.
    returned,   ///< It was gone and is back: the platform delivered the event once more.
    known,      ///< Seen before.
    adopted,    ///< Of our function, but not in the books: taken in.
    elsewhere,  ///< A start of ours that says it is another version.
    foreign,    ///< Not ours.
};

/// Totals over the ledger's life; they only grow.
struct ledger_totals {
    std::uint64_t asked = 0;
    std::uint64_t refused = 0;
    std::uint64_t connected = 0;
    std::uint64_t given_up = 0;
    std::uint64_t late = 0;
    std::uint64_t returned = 0;
    std::uint64_t adopted = 0;
    std::uint64_t elsewhere = 0;

    friend bool operator==(const ledger_totals&, const ledger_totals&) = default;
};

/** What was started, and what was seen of it.

    Every start is in exactly one `start_state`. A start is matched to a poller by the first half of the poller's
    identity `<requestID>@<function>`. Nothing here reads a clock: `now` is an argument and never goes back. Tolerates
    answers and sightings in any order, twice, late, or never.
*/
class ledger {
public:
    ledger() = default;
    explicit ledger(ledger_settings settings) : settings_(std::move(settings)) {}

    /// Notes `count` starts that the provider is asked for now. Returns the id of the first; they are consecutive.
    std::uint64_t ask(std::uint32_t count, uptime now)
    {
        tidy(now);
        const std::uint64_t first = next_id_;
        for (std::uint32_t i = 0; i < count; ++i)
            records_.push_back({.id = next_id_++, .asked_at = now, .changed_at = now});
        asked_ += count;
        totals_.asked += count;
        return first;
    }

    /// The provider's answer to the start `id`. One that was answered already, or is unknown, is left as it is.
    void answer(std::uint64_t id, const launch_result& result, uptime now)
    {
        const auto r = find(id);
        if (r == records_.end() || r->state != start_state::asked)
            return;
        if (result.outcome != condition::ok) {
            refused_ = saturating_add(refused_, 1);
            totals_.refused += 1;
            enter(*r, start_state::gone, now);
            return;
        }
        refused_ = 0;
        r->request_id = result.request_id;
        enter(*r, start_state::accepted, now);
        index(static_cast<std::size_t>(r - records_.begin()));
    }

    /// A poller was seen. `own` is the version this ledger is kept for, or null to believe every poller.
    sighting see(const worker_seen& w, const deployment_version* own, uptime now)
    {
        const std::string_view request = w.identity.substr(0, w.identity.find('@'));
        start_record* r = lookup(request);
        if (r == nullptr)
            return adopt(w, request, own, now);
        r->mark = mark_;
        if (own != nullptr && w.version != nullptr && *w.version != *own) {
            if (r->state != start_state::elsewhere) {
                enter(*r, start_state::elsewhere, now);
                totals_.elsewhere += 1;
            }
            return sighting::elsewhere;
        }
        if (w.slots && *w.slots > 0)
            settings_.slots = *w.slots;
        sighting what = sighting::known;
        switch (r->state) {
        case start_state::polling: break;
        case start_state::asked:
        case start_state::accepted:
        case start_state::given_up:
            what = r->state == start_state::given_up ? sighting::late : sighting::connected;
            connected(*r, w, now);
            break;
        case start_state::elsewhere:
        case start_state::gone:
            // A worker past its end drains and may still be listed: only a fresh first poll is a return.
            if (!w.present || w.first_seen <= r->changed_at)
                return sighting::known;
            what = sighting::returned;
            totals_.returned += 1;
            r->ends_at = later(std::min(w.first_seen, now), settings_.useful_life);
            enter(*r, start_state::polling, now);
            break;
        }
        if (r->state == start_state::polling)
            r->busy = w.busy.value_or(0);
        if (!w.present && r->state == start_state::polling)
            enter(*r, start_state::gone, now);
        return what;
    }

    /// The poller is no more. False if it was not in the books as polling.
    bool gone(std::string_view identity, uptime now)
    {
        start_record* r = lookup(identity.substr(0, identity.find('@')));
        if (r == nullptr || r->state != start_state::polling)
            return false;
        enter(*r, start_state::gone, now);
        return true;
    }

    /// Takes in all that a snapshot shows: pollers, the missing ones, busy slots, the service time. True if a worker
    /// came or went.
    bool take(const queue_snapshot& snapshot, const deployment_version* own, uptime now)
    {
        ++mark_;
        bool changed = false;
        std::uint32_t foreign = 0;
        for (const worker_seen& w : snapshot.workers) {
            const sighting what = see(w, own, now);
            changed |= what != sighting::known && what != sighting::foreign;
            foreign += what == sighting::foreign && w.present ? 1U : 0U;
        }
        foreign_ = foreign;
        if (snapshot.workers_complete)
            changed |= sweep(now);
        if (snapshot.busy_slots)
            busy_ = snapshot.busy_slots;
        else if (std::any_of(
                     snapshot.workers.begin(), snapshot.workers.end(), [](auto& w) { return w.busy.has_value(); }))
            busy_ = sum_busy();
        measure_service(snapshot, now);
        return changed;
    }

    /// Lets time pass: gives up starts that should have been seen, and lets workers go whose time is over. True if
    /// something changed.
    bool advance(uptime now)
    {
        bool changed = false;
        const uptime patience = patience_now();
        while (oldest_pending_ < records_.size()) {
            start_record& r = records_[oldest_pending_];
            if (r.state == start_state::accepted) {
                if (later(r.asked_at, patience) > now)
                    break;
                give_up(r, now);
                changed = true;
            } else if (r.state == start_state::asked) {
                break;
            }
            ++oldest_pending_;
        }
        if (settings_.useful_life != never) {
            for (std::size_t i = oldest_live_; i < records_.size(); ++i) {
                start_record& r = records_[i];
                if (later(r.asked_at, settings_.useful_life) > now)
                    break;
                if (r.state == start_state::polling && r.ends_at <= now) {
                    enter(r, start_state::gone, now);
                    changed = true;
                }
            }
            skip_dead();
        }
        if (!changed && live_ + asked_ + accepted_ == 0 && !records_.empty() &&
            later(last_change_, settings_.remember) <= now) {
            records_ = {};
            slots_ = {};
            oldest_pending_ = oldest_live_ = 0;
        }
        return changed;
    }

    /// When `advance` may next have something to do.
    [[nodiscard]] uptime next_change() const noexcept
    {
        uptime at = never;
        if (accepted_ > 0)
            for (std::size_t i = oldest_pending_; i < records_.size(); ++i)
                if (records_[i].state == start_state::accepted) {
                    at = later(records_[i].asked_at, patience_now());
                    break;
                }
        if (live_ > 0 && oldest_live_ < records_.size())
            at = std::min(at, next_end());
        if (at == never && !records_.empty() && asked_ == 0)
            at = later(last_change_, settings_.remember);
        return at;
    }

    /// The books in numbers. `margin` is what a replacement needs beyond a start-up: usually one reading interval.
    [[nodiscard]] fleet_view view(uptime now, uptime margin = {}) const noexcept
    {
        fleet_view v;
        v.asked = asked_;
        v.starting = accepted_;
        v.live = live_;
        v.leaving = ending_before(later(now, startup() + 3 * startup_dev_ + margin));
        v.foreign = foreign_;
        v.given_up = dead_in_a_row_;
        v.refused = refused_;
        v.slots = std::max(1U, settings_.slots);
        v.busy = busy_;
        v.startup = startup();
        v.startup_dev = startup_dev_;
        v.service = service_;
        v.failure_rate = failure_rate_;
        v.ever_seen = totals_.connected > 0 || totals_.adopted > 0;
        return v;
    }

    [[nodiscard]] const std::vector<start_record>& records() const noexcept { return records_; }
    [[nodiscard]] const ledger_totals& totals() const noexcept { return totals_; }
    [[nodiscard]] const ledger_settings& settings() const noexcept { return settings_; }
    [[nodiscard]] uptime last_seen() const noexcept { return last_seen_; }

    /// Mean time from the call to the first poll.
    [[nodiscard]] uptime startup() const noexcept { return startups_ == 0 ? settings_.expected_startup : startup_; }

    friend bool operator==(const ledger&, const ledger&) = default;

private:
    using iterator = std::vector<start_record>::iterator;

    [[nodiscard]] uptime patience_now() const noexcept
    {
        return std::max(settings_.patience, 2 * startup() + 6 * startup_dev_);
    }

    [[nodiscard]] iterator find(std::uint64_t id) noexcept
    {
        const auto at = std::lower_bound(records_.begin(), records_.end(), id,
            [](const start_record& r, std::uint64_t wanted) { return r.id < wanted; });
        return at != records_.end() && at->id == id ? at : records_.end();
    }

    void enter(start_record& r, start_state to, uptime now) noexcept
    {
        count(r.state, -1);
        count(to, +1);
        r.state = to;
        r.changed_at = last_change_ = now;
        const auto at = static_cast<std::size_t>(&r - records_.data());
        if (to == start_state::polling)
            oldest_live_ = std::min(oldest_live_, at);
    }

    void count(start_state s, int by) noexcept
    {
        const auto step = static_cast<std::uint32_t>(by);  // minus one wraps to minus one
        if (s == start_state::asked)
            asked_ += step;
        else if (s == start_state::accepted)
            accepted_ += step;
        else if (s == start_state::polling)
            live_ += step;
    }

    void connected(start_record& r, const worker_seen& w, uptime now) noexcept
    {
        const bool late = r.state == start_state::given_up;
        const uptime first = std::clamp(w.first_seen, r.asked_at, now);
        learn_startup(first - r.asked_at);
        if (late) {
            totals_.late += 1;
            failure_rate_ = std::max(0.0, failure_rate_ - failure_weight);
        }
        failure_rate_ -= failure_rate_ * failure_weight;
        totals_.connected += 1;
        newest_seen_ask_ = std::max(newest_seen_ask_, r.asked_at);
        dead_in_a_row_ = 0;
        last_seen_ = now;
        r.ends_at = later(first, settings_.useful_life);
        enter(r, start_state::polling, now);
    }

    void learn_startup(uptime sample) noexcept
    {
        if (startups_ == 0) {
            startup_ = sample;
            startup_dev_ = sample / 4;
        } else {
            const uptime error = sample - startup_;
            startup_ += error / 8;
            startup_dev_ += (std::max(error, -error) - startup_dev_) / 8;
        }
        startups_ = saturating_add(startups_, 1);
    }

    void give_up(start_record& r, uptime now) noexcept
    {
        failure_rate_ += (1 - failure_rate_) * failure_weight;
        totals_.given_up += 1;
        // One of a crowd that was asked for together with a worker that came is late, not a sign that nothing works.
        if (r.asked_at > later(newest_seen_ask_, std::chrono::seconds{1}) || totals_.connected == 0)
            dead_in_a_row_ = saturating_add(dead_in_a_row_, 1);
        enter(r, start_state::given_up, now);
    }

    sighting adopt(const worker_seen& w, std::string_view request, const deployment_version* own, uptime now)
    {
        const bool ours = !settings_.function.empty() &&
                          w.identity.size() == request.size() + 1 + settings_.function.size() &&
                          w.identity.substr(request.size() + 1) == settings_.function;
        if (!ours || !w.present || (own != nullptr && w.version != nullptr && *w.version != *own))
            return sighting::foreign;
        const uptime first = std::min(w.first_seen, now);
        records_.push_back({.id = next_id_++,
            .state = start_state::gone,
            .busy = w.busy.value_or(0),
            .mark = mark_,
            .asked_at = first,
            .changed_at = now,
            .request_id = std::string{request}});
        // Kept in the order of ids, which for an adopted worker is not the order of age: look at all from here on.
        oldest_live_ = 0;
        start_record& r = records_.back();
        r.ends_at = later(first, settings_.useful_life);
        enter(r, start_state::polling, now);
        index(records_.size() - 1);
        totals_.adopted += 1;
        last_seen_ = now;
        return sighting::adopted;
    }

    bool sweep(uptime now) noexcept
    {
        bool changed = false;
        for (std::size_t i = oldest_live_; i < records_.size(); ++i) {
            start_record& r = records_[i];
            if (r.state == start_state::polling && r.mark != mark_) {
                enter(r, start_state::gone, now);
                changed = true;
            }
        }
        skip_dead();
        return changed;
    }

    void skip_dead() noexcept
    {
        while (oldest_live_ < records_.size() && records_[oldest_live_].state != start_state::polling)
            ++oldest_live_;
    }

    [[nodiscard]] std::uint32_t sum_busy() const noexcept
    {
        std::uint32_t sum = 0;
        for (std::size_t i = oldest_live_; i < records_.size(); ++i)
            if (records_[i].state == start_state::polling)
                sum = saturating_add(sum, records_[i].busy);
        return sum;
    }

    // Little's law between two snapshots: mean busy slots x time = tasks dispatched x service time.
    void measure_service(const queue_snapshot& snapshot, uptime now) noexcept
    {
        std::uint64_t dispatched = 0;
        bool counted = false;
        for (const auto& s : snapshot.stats)
            if (s && s->dispatched) {
                dispatched += *s->dispatched;
                counted = true;
            }
        if (!counted || !busy_)
            return;
        const uptime apart = now - measured_at_;
        // Over a longer gap the two ends say nothing about the time between.
        if (measured_ && apart <= std::chrono::seconds{6} && dispatched >= dispatched_before_) {
            busy_time_ += (static_cast<double>(busy_before_) + static_cast<double>(*busy_)) / 2 *
                          static_cast<double>(apart.count());
            tasks_ += static_cast<double>(dispatched - dispatched_before_);
            if (tasks_ >= (service_ == uptime::zero() ? 1.0 : 8.0)) {
                const uptime sample{std::llround(std::min(busy_time_ / tasks_, 1e15))};
                service_ = service_ == uptime::zero() ? sample : service_ + (sample - service_) * 3 / 10;
                busy_time_ = tasks_ = 0;
            }
        } else {
            busy_time_ = tasks_ = 0;
        }
        measured_ = true;
        measured_at_ = now;
        busy_before_ = *busy_;
        dispatched_before_ = dispatched;
    }

    [[nodiscard]] std::uint32_t ending_before(uptime horizon) const noexcept
    {
        std::uint32_t n = 0;
        if (settings_.useful_life == never)
            return n;
        for (std::size_t i = oldest_live_; i < records_.size(); ++i) {
            const start_record& r = records_[i];
            if (later(r.asked_at, settings_.useful_life) > horizon)
                break;
            n += r.state == start_state::polling && r.ends_at <= horizon ? 1U : 0U;
        }
        return n;
    }

    [[nodiscard]] uptime next_end() const noexcept
    {
        uptime at = never;
        for (std::size_t i = oldest_live_; i < records_.size(); ++i) {
            const start_record& r = records_[i];
            if (later(r.asked_at, settings_.useful_life) > at)
                break;
            if (r.state == start_state::polling)
                at = std::min(at, r.ends_at);
        }
        return at;
    }

    // Request ids are found by an open-addressed table of positions; a vector keeps an idle ledger small.
    [[nodiscard]] static std::size_t hash(std::string_view s) noexcept
    {
        std::uint64_t h = 0xcbf29ce484222325U;
        for (char c : s)
            h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
        return static_cast<std::size_t>(h ^ (h >> 32));
    }

    void index(std::size_t position)
    {
        if ((indexed_ + 1) * 2 > slots_.size())
            reindex(std::max<std::size_t>(16, slots_.size() * 2));
        else
            place(position);
    }

    void place(std::size_t position) noexcept
    {
        if (records_[position].request_id.empty())
            return;
        std::size_t at = hash(records_[position].request_id) & (slots_.size() - 1);
        while (slots_[at] != 0)
            at = (at + 1) & (slots_.size() - 1);
        slots_[at] = static_cast<std::uint32_t>(position + 1);
        ++indexed_;
    }

    void reindex(std::size_t size)
    {
        slots_.assign(size, 0);
        indexed_ = 0;
        for (std::size_t i = 0; i < records_.size(); ++i)
            place(i);
    }

    [[nodiscard]] start_record* lookup(std::string_view request_id) noexcept
    {
        if (slots_.empty() || request_id.empty())
            return nullptr;
        for (std::size_t at = hash(request_id) & (slots_.size() - 1); slots_[at] != 0;
             at = (at + 1) & (slots_.size() - 1))
            if (records_[slots_[at] - 1].request_id == request_id)
                return &records_[slots_[at] - 1];
        return nullptr;
    }

    /// Forgets what ended long ago, so that the books stay as small as the fleet.
    void tidy(uptime now)
    {
        const std::size_t alive = std::size_t{live_} + asked_ + accepted_;
        if (records_.size() < 64 || records_.size() < 3 * alive)
            return;
        std::size_t ended = records_.size() - alive;
        const std::size_t keep = std::max<std::size_t>(256, alive);
        const auto stale = [&](const start_record& r) {
            const bool over =
                r.state == start_state::gone || r.state == start_state::given_up || r.state == start_state::elsewhere;
            if (!over || (later(r.changed_at, settings_.remember) > now && ended <= keep))
                return false;
            --ended;
            return true;
        };
        const auto from = std::remove_if(records_.begin(), records_.end(), stale);
        if (from == records_.end())
            return;
        records_.erase(from, records_.end());
        reindex(std::max<std::size_t>(16, slots_.size()));
        oldest_pending_ = oldest_live_ = 0;
        skip_dead();
    }

    static constexpr double failure_weight = 1.0 / 16;

    ledger_settings settings_{};
    std::vector<start_record> records_{};  // by id, which is by age but for adopted workers
    std::vector<std::uint32_t> slots_{};
    std::size_t indexed_ = 0;
    std::size_t oldest_pending_ = 0;  // no record before it is asked or accepted
    std::size_t oldest_live_ = 0;     // no record before it is polling
    std::uint64_t next_id_ = 1;
    std::uint32_t asked_ = 0;
    std::uint32_t accepted_ = 0;
    std::uint32_t live_ = 0;
    std::uint32_t foreign_ = 0;
    std::uint32_t refused_ = 0;
    std::uint32_t dead_in_a_row_ = 0;
    std::uint32_t startups_ = 0;
    std::uint32_t mark_ = 0;
    std::optional<std::uint32_t> busy_{};
    uptime startup_{};
    uptime startup_dev_{};
    uptime service_{};
    uptime last_seen_{};
    uptime last_change_{};
    uptime newest_seen_ask_{};
    uptime measured_at_{};
    double failure_rate_ = 0;
    double busy_time_ = 0;
    double tasks_ = 0;
    std::uint64_t dispatched_before_ = 0;
    std::uint32_t busy_before_ = 0;
    bool measured_ = false;
    ledger_totals totals_{};
};

}  // namespace mayfly

// mayfly/scaler.hpp ---------------------------------------------------------------------------------------------------

namespace mayfly {

/// Why a decision is what it is. The first group starts workers, the second holds back, the third is at peace.
enum class reason : std::uint8_t {
    missed_match,  ///< A task found nobody waiting.
    backlog,       ///< Tasks wait.
    refresh,       ///< Tasks wait and the last start is a worker's lifetime ago.
    renewal,       ///< A worker is near its end and would be missed.
    minimum,       ///< Fewer than the configured minimum.
    bootstrap,     ///< The first worker, which binds the version to its queues.
    probe,         ///< One start to see whether starts work again.
    scale_up,      ///< The set shall be larger.
    scale_down,    ///< The set shall be smaller.

    cooling_off,       ///< Too soon after the last start.
    gathering,         ///< More may come within a moment; the timer is set.
    at_maximum,        ///< The configured maximum is reached.
    rate_limited,      ///< The queue's limiter holds the tasks: more workers do not help.
    suppressed,        ///< More workers have not raised the throughput.
    breaker_open,      ///< Starts come to nothing; a probe follows.
    provider_backoff,  ///< The provider refuses; a try follows.
    provider_ceiling,  ///< The provider accepts, but runs no more than it does.
    not_wanted,        ///< No work can reach this version.

    steady,   ///< Nothing waits.
    covered,  ///< Something waits, and what lives or starts will take it.
};

[[nodiscard]] constexpr std::string_view to_string(reason r) noexcept
{
    switch (r) {
    case reason::missed_match: return "missed_match";
    case reason::backlog: return "backlog";
    case reason::refresh: return "refresh";
    case reason::renewal: return "renewal";
    case reason::minimum: return "minimum";
    case reason::bootstrap: return "bootstrap";
    case reason::probe: return "probe";
    case reason::scale_up: return "scale_up";
    case reason::scale_down: return "scale_down";
    case reason::cooling_off: return "cooling_off";
    case reason::gathering: return "gathering";
    case reason::at_maximum: return "at_maximum";
    case reason::rate_limited: return "rate_limited";
    case reason::suppressed: return "suppressed";
    case reason::breaker_open: return "breaker_open";
    case reason::provider_backoff: return "provider_backoff";
    case reason::provider_ceiling: return "provider_ceiling";
    case reason::not_wanted: return "not_wanted";
    case reason::steady: return "steady";
    case reason::covered: return "covered";
    }
    return "unknown";
}

/// What a scaler wants done.
struct decision {
    std::uint32_t launch = 0;               ///< Workers to start now (`launch_strategy::invoke`).
    std::uint32_t stay = 0;                 ///< How many of these fill the minimum and must not leave when idle.
    std::optional<std::uint32_t> resize{};  ///< The size the set shall have (`launch_strategy::worker_set`).
    uptime revisit = never;                 ///< Ask again after this long, whatever happens; above zero.
    uptime read = never;                    ///< Read statistics after this long; zero for now.
    mayfly::reason reason = mayfly::reason::steady;
    std::uint32_t held_back = 0;          ///< Starts that were wished for and not granted.
    std::optional<leave_rules> orders{};  ///< What the started workers are told; absent: the group's own rules.

    friend bool operator==(const decision&, const decision&) = default;
};

/** Turns one signal into one decision.

    `S::state`                 regular; a default-constructed one means a cold start
    `s.decide(st, sig, now)`   returns `decision`, never throws; `now` never goes back

    A model reads its settings from itself, remembers only through `st`, and touches nothing else: no clock, no
    allocation, no log. The controller owns `st`, so runs can be saved and replayed. Each decision replaces the
    `revisit` and `read` of the one before, so a scaler that waits for a moment keeps that moment in its state.
    Models here: `no_sync`, `rate_based`, `fleet`, `clamped`, `paced`, `breaker`.
*/
// clang-format off
template <class S, class Signal>
concept Scaler = std::movable<S> && std::regular<typename S::state> &&
    requires(const S& s, typename S::state& st, const Signal& sig, uptime now) {
        { s.decide(st, sig, now) } noexcept -> std::same_as<decision>;
    };
// clang-format on

/// `invoke` unless the scaler says otherwise by a `static constexpr launch_strategy strategy`.
template <class S>
[[nodiscard]] constexpr launch_strategy strategy_of() noexcept
{
    if constexpr (requires { S::strategy; })
        return S::strategy;
    else
        return launch_strategy::invoke;
}

}  // namespace mayfly

// mayfly/detail/start_breaker.hpp -------------------------------------------------------------------------------------

namespace mayfly::detail {

/// When starts that come to nothing are taken for a build that never connects.
struct start_breaker {
    std::uint32_t opens_after = 10;                ///< Dead starts in a row, with nobody alive.
    uptime first_probe = std::chrono::seconds{5};  ///< Also what the wait grows by.
    uptime longest_wait = std::chrono::seconds{60};

    struct state {
        bool open = false;
        uptime wait{};
        uptime next_probe{};
        friend bool operator==(const state&, const state&) = default;
    };

    /// How many of `wish` starts may go. `revisit` is lowered to the next probe while the breaker is open.
    [[nodiscard]] constexpr std::uint32_t admit(
        state& st, const fleet_view& fleet, std::uint32_t wish, uptime now, uptime& revisit) const noexcept
    {
        if (fleet.live > 0 || fleet.given_up == 0) {
            st = {};
            return wish;
        }
        if (!st.open) {
            if (fleet.given_up < opens_after)
                // The nearer the breaker is, the fewer starts are put at risk at once.
                return wish;
            st = {.open = true, .wait = first_probe, .next_probe = later(now, first_probe)};
        }
        if (wish == 0)
            return 0;
        if (now < st.next_probe) {
            revisit = std::min(revisit, st.next_probe - now);
            return 0;
        }
        if (fleet.pending() > 0)
            return 0;
        st.wait = std::min(st.wait + first_probe, longest_wait);
        st.next_probe = later(now, st.wait);
        return 1;
    }
};

}  // namespace mayfly::detail

// mayfly/scalers/fleet.hpp --------------------------------------------------------------------------------------------

namespace mayfly {

namespace detail {

/// Counts adds over the last five seconds in quarters of a second. Quarters begin with the first add, not with the
/// clock, so that a shifted run counts alike.
class add_window {
public:
    static constexpr uptime width = std::chrono::milliseconds{250};
    static constexpr std::size_t buckets = 20;

    constexpr void add(std::uint64_t n, uptime now) noexcept
    {
        roll(now);
        constexpr std::uint64_t top = std::numeric_limits<std::uint32_t>::max();
        count_[at_] = static_cast<std::uint32_t>(std::min(top, count_[at_] + std::min(n, top)));
    }

    /// Tasks per second: the mean of the window, or of its last half second if that is more.
    [[nodiscard]] constexpr double rate(uptime now) noexcept
    {
        roll(now);
        double sum = 0;
        for (std::uint32_t c : count_)
            sum += c;
        const std::size_t before = (at_ + buckets - 1) % buckets;
        const double recent = static_cast<double>(count_[at_]) + count_[before];
        return std::max(sum / 5.0, recent / 0.5);
    }

    /// Adds in about the last `span`, at most the whole window.
    [[nodiscard]] constexpr std::uint64_t within(uptime span, uptime now) noexcept
    {
        roll(now);
        const auto wanted = static_cast<std::size_t>(std::max<uptime::rep>(0, span / width)) + 1;
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < std::min(wanted, buckets); ++i)
            sum += count_[(at_ + buckets - i) % buckets];
        return sum;
    }

    friend bool operator==(const add_window&, const add_window&) = default;

private:
    constexpr void roll(uptime now) noexcept
    {
        if (!begun_ || now - begin_ >= width * static_cast<uptime::rep>(buckets + 1)) {
            *this = {};
            begun_ = true;
            begin_ = now;
            return;
        }
        for (; now - begin_ >= width; begin_ += width) {
            at_ = (at_ + 1) % buckets;
            count_[at_] = 0;
        }
    }

    std::array<std::uint32_t, buckets> count_{};
    std::size_t at_ = 0;
    uptime begin_{};
    bool begun_ = false;
};

}  // namespace detail

/** Sizes a fleet of short-lived workers from what waits, what lives and what is starting.

    Starts only what will still be waiting when a worker started now is up: the backlog, less what live slots take off
    during one start-up, less what pending starts will take. Keeps the minimum, never passes the maximum, and replaces a
    worker before its end only if it would be missed. Rate-limited adds never count as missing workers. What the
    started workers are told (`decision::orders`) makes them leave when idle and thin out when they are too many.
*/
struct fleet {
    uptime gather =
        std::chrono::milliseconds{50};  ///< After a decision, further unmatched adds are gathered this long.
    uptime drain_within = std::chrono::milliseconds{500};  ///< How long a backlog may take once workers are up.
    double spare = 2.0;  ///< Slots kept over the offered load r when renewing: this times the square root of r.

    uptime read_waiting = std::chrono::seconds{1};           ///< Between snapshots while tasks wait or workers start.
    uptime read_undecided = std::chrono::milliseconds{300};  ///< The next one, after tasks were left to live workers.
    uptime read_alive = std::chrono::seconds{5};             ///< While workers live.
    uptime read_idle =
        never;  ///< While nothing does. Set it where no adds are reported: it is then the only way to see work.

    uptime idle_exit = std::chrono::milliseconds{500};  ///< What the workers are told; zero turns it off.
    double thin_spare =
        1.0;  ///< Slots a thinning fleet keeps over the load r: this times the square root of r; zero: never thin.
    uptime activity_timeout{};  ///< Declared upper bound of one task; zero if there is none.

    uptime limited_hold = std::chrono::minutes{2};       ///< How long a queue that seems limited is grown slowly.
    uptime ceiling_hold = std::chrono::seconds{20};      ///< How long a provider that runs no more is left alone.
    std::uint32_t ceiling_after = 6;                     ///< Starts in a row that come to nothing beside live workers.
    uptime longest_backoff = std::chrono::seconds{2};    ///< Between tries while the provider refuses.
    uptime permanent_backoff = std::chrono::minutes{1};  ///< The same, if it says that trying again is no use.
    detail::start_breaker breaker{};

    struct state {
        std::uint64_t waiting = 0;  ///< Backlog of the last snapshot and unmatched adds since.
        std::optional<uptime> read_last{};
        std::uint64_t added_before = 0;
        std::uint64_t dispatched_before = 0;
        detail::add_window adds{};
        uptime quiet_until{};
        uptime refused_since = never;
        uptime retry_at{};
        uptime backoff{};
        uptime limited_until{};
        uptime slow_next{};
        uptime ceiling_until{};
        double offered = 0;          ///< Busy slots, smoothed over 20 s.
        double best_per_worker = 0;  ///< Best dispatch rate of one worker seen of late.
        bool limited_now = false;
        bool undecided = false;
        detail::start_breaker::state breaker{};
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        observe(st, sig, now);
        decision d;
        if (sig.why == cause::added && (st.waiting == 0 || now < st.quiet_until)) {
            d.reason = st.waiting == 0 ? reason::steady : reason::gathering;
            if (st.waiting > 0)
                d.revisit = st.quiet_until - now;
        } else {
            size(st, sig, now, d);
        }
        schedule_read(st, sig, now, d);
        return d;
    }

private:
    static constexpr double seconds(uptime t) noexcept { return static_cast<double>(t.count()) * 1e-6; }

    void observe(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        switch (sig.why) {
        case cause::added:
            st.adds.add(sig.added.total(), now);
            st.waiting += sig.added.unmatched();
            break;
        case cause::stats: read(st, sig, now); break;
        case cause::launched: answered(st, sig, now); break;
        default: break;
        }
    }

    void read(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        std::uint64_t backlog = 0;
        std::uint64_t added = 0;
        std::uint64_t dispatched = 0;
        bool limiter = false;
        for (const auto& s : sig.stats) {
            if (!s)
                continue;
            backlog += s->backlog;
            added += s->added.value_or(0);
            dispatched += s->dispatched.value_or(0);
            limiter |= s->limiter_active;
        }
        const double apart = st.read_last ? seconds(now - *st.read_last) : 0;
        // Where adds are not reported one by one, the difference of two totals stands for them.
        if (read_idle != never && st.read_last && added > st.added_before)
            st.adds.add(added - st.added_before, now);
        const double busy = sig.fleet.busy.value_or(0);
        const double slots = static_cast<double>(sig.fleet.live) * sig.fleet.slots;
        if (apart > 0) {
            st.offered += (busy - st.offered) * -std::expm1(-apart / 20);
            if (sig.fleet.live > 0 && dispatched >= st.dispatched_before) {
                const double each = static_cast<double>(dispatched - st.dispatched_before) / apart / sig.fleet.live;
                const bool low = sig.fleet.busy && backlog > 0 && busy < 0.6 * slots && each < 0.7 * st.best_per_worker;
                st.best_per_worker = std::max(each, st.best_per_worker * std::exp(-apart / 300));
                st.limited_now = low;
            }
        }
        st.limited_now |= limiter;
        if (st.limited_now)
            st.limited_until = later(now, limited_hold);
        st.waiting = backlog;
        st.added_before = added;
        st.dispatched_before = dispatched;
        st.read_last = now;
    }

    void answered(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        if (sig.outcome == condition::ok) {
            st.refused_since = never;
            st.backoff = {};
            st.retry_at = {};
            return;
        }
        if (st.refused_since == never)
            st.refused_since = now;
        // A single failure is simply decided again; a provider that lets nothing through is left alone for longer.
        const uptime top = sig.outcome == condition::permanent ? permanent_backoff : longest_backoff;
        if (sig.outcome == condition::permanent || now - st.refused_since >= std::chrono::seconds{1})
            st.backoff = std::min(top, st.backoff == uptime::zero() ? std::chrono::milliseconds{100} : 2 * st.backoff);
        st.retry_at = later(now, std::max(st.backoff, gather));
    }

    void size(state& st, const scaling_signal& sig, uptime now, decision& d) const noexcept
    {
        const fleet_view& f = sig.fleet;
        st.undecided = false;

        const std::uint32_t lasting = f.live - std::min(f.live, f.leaving);
        const std::uint32_t coming = f.pending();
        std::uint32_t stay = 0;
        if (sig.wanted && saturating_add(lasting, coming) < sig.limits.min)
            stay = sig.limits.min - lasting - coming;

        const double waiting = wish_for_waiting(st, f, now);
        std::uint32_t wish = to_count(waiting);
        d.reason = wish > 0 ? (f.total() == 0 ? reason::missed_match : reason::backlog)
                            : (st.waiting > 0 ? reason::covered : reason::steady);
        if (wish > 0 && now < st.limited_until)
            wish = grow_slowly(st, f, wish, now, d);
        const std::uint32_t renew = wish_for_renewal(st, f);
        if (renew > wish) {
            wish = renew;
            d.reason = reason::renewal;
        }
        if (stay > wish) {
            wish = stay;
            d.reason = reason::minimum;
        }
        st.undecided = st.waiting > 0 && wish == 0;
        if (wish == 0) {
            d.launch = breaker.admit(st.breaker, f, 0, now, d.revisit);
            return;
        }
        const std::uint32_t granted = hold_back(st, sig, wish, now, d);
        d.launch = granted;
        d.held_back = wish - granted;
        if (granted > 0) {
            st.quiet_until = later(now, gather);
            d.orders = orders(st, f);
            d.stay = std::min(granted, stay);
        }
    }

    // Section by section: what still waits when a worker started now is up, in workers.
    [[nodiscard]] double wish_for_waiting(state& st, const fleet_view& f, uptime now) const noexcept
    {
        if (st.waiting == 0)
            return 0;
        const double k = f.slots;
        const double service = seconds(f.service);
        double live = f.live;
        // Who had nothing to do for the idle time has left, seen or not.
        if (idle_exit > uptime::zero() && idle_exit + f.service < std::chrono::seconds{4})
            live = std::min(live, static_cast<double>(st.adds.within(idle_exit + f.service, now)));
        const double taken_off =
            service > 0 ? std::max(0.0, live * k / service - st.adds.rate(now)) * seconds(f.startup) : 0.0;
        const double per_slot = service > 0 ? std::max(1.0, seconds(drain_within) / service) : 1.0;
        const double alive = 1 - std::min(f.failure_rate, 0.9);
        const double coming = f.pending() * k * alive * per_slot;
        const double left = static_cast<double>(st.waiting) - taken_off - coming;
        return left <= 0 ? 0 : std::ceil(left / (k * per_slot)) / alive;
    }

    [[nodiscard]] std::uint32_t wish_for_renewal(const state& st, const fleet_view& f) const noexcept
    {
        if (f.leaving == 0 || st.offered < 0.5)
            return 0;
        const double needed = st.offered + spare * std::sqrt(st.offered);
        const double lasting = static_cast<double>(f.live - std::min(f.live, f.leaving) + f.pending()) * f.slots;
        return std::min(f.leaving, to_count((needed - lasting) / f.slots));
    }

    [[nodiscard]] std::uint32_t grow_slowly(
        state& st, const fleet_view& f, std::uint32_t wish, uptime now, decision& d) const noexcept
    {
        const std::uint32_t asked = wish;
        if (f.total() == 0)
            wish = 1;
        else if (st.limited_now || now < st.slow_next)
            wish = 0;
        else {
            wish = std::min(wish, std::max(1U, f.live / 4));
            // A quarter per second; for fewer than four workers that is one in so many seconds.
            st.slow_next = later(now, f.live >= 4 ? std::chrono::seconds{1} : uptime{4'000'000 / std::max(1U, f.live)});
        }
        if (wish < asked) {
            d.held_back = asked - wish;
            if (wish == 0)
                d.reason = reason::rate_limited;
        }
        return wish;
    }

    [[nodiscard]] std::uint32_t hold_back(
        state& st, const scaling_signal& sig, std::uint32_t wish, uptime now, decision& d) const noexcept
    {
        const fleet_view& f = sig.fleet;
        const std::uint32_t room = sig.limits.max - std::min(sig.limits.max, f.total());
        if (room == 0) {
            d.reason = reason::at_maximum;
            return 0;
        }
        if (now < st.retry_at) {
            d.reason = reason::provider_backoff;
            d.revisit = st.retry_at - now;
            return 0;
        }
        const bool was_open = st.breaker.open;
        std::uint32_t granted = breaker.admit(st.breaker, f, std::min(wish, room), now, d.revisit);
        if (st.breaker.open) {
            d.reason = granted > 0 && was_open ? reason::probe : reason::breaker_open;
            return granted;
        }
        if (f.live > 0 && f.given_up >= ceiling_after) {
            if (now < st.ceiling_until) {
                d.reason = reason::provider_ceiling;
                d.revisit = st.ceiling_until - now;
                return 0;
            }
            st.ceiling_until = later(now, ceiling_hold);
            d.reason = reason::probe;
            granted = std::min(granted, 1U);
        }
        return granted;
    }

    [[nodiscard]] leave_rules orders(const state& st, const fleet_view&) const noexcept
    {
        leave_rules r{.idle_exit = idle_exit, .activity_timeout = activity_timeout};
        if (thin_spare > 0) {
            const double load = std::max(st.offered, 1.0);
            r.thin_target = std::clamp(load / (load + thin_spare * std::sqrt(load)), 0.3, 0.9);
        }
        return r;
    }

    void schedule_read(state& st, const scaling_signal& sig, uptime now, decision& d) const noexcept
    {
        const bool starting = sig.fleet.pending() > 0 || d.launch > 0;
        uptime period = read_idle;
        if (st.undecided)
            period = read_undecided;
        else if (st.waiting > 0 || starting)
            period = read_waiting;
        else if (sig.fleet.live > 0)
            period = std::min(read_alive, read_idle);
        if (period == never)
            return;
        const uptime due = later(st.read_last.value_or(now), period);
        d.read = due > now ? due - now : uptime::zero();
        // A reading that is overdue has been asked for; failing that, it is asked for once more in a while.
        if (d.read == uptime::zero() && st.read_last)
            d.read = uptime{1};
    }

    [[nodiscard]] static std::uint32_t to_count(double n) noexcept
    {
        return n <= 0 ? 0 : static_cast<std::uint32_t>(std::min(std::ceil(n), 4e9));
    }
};

static_assert(Scaler<fleet, scaling_signal>);

}  // namespace mayfly

// mayfly/scalers/metrics_poll.hpp -------------------------------------------------------------------------------------

namespace mayfly {

inline constexpr uptime shortest_metrics_poll = std::chrono::seconds{30};
inline constexpr uptime longest_metrics_poll = std::chrono::minutes{5};

/// Time to the next regular look at the statistics: what was asked for, between 30 s and 5 min; 5 min after a failure.
[[nodiscard]] constexpr uptime next_metrics_poll(uptime asked, bool failed) noexcept
{
    return failed ? longest_metrics_poll : std::clamp(asked, shortest_metrics_poll, longest_metrics_poll);
}

/// The regular looks of the reference scalers. Keeps a moment, not a delay: a stream of signals postpones nothing.
struct metrics_schedule {
    uptime next{};  ///< A cold start looks at once.

    [[nodiscard]] constexpr bool due(uptime now) const noexcept { return now >= next; }
    [[nodiscard]] constexpr uptime left(uptime now) const noexcept { return due(now) ? uptime::zero() : next - now; }
    constexpr void first(uptime now, uptime delay) noexcept { next = later(now, delay); }
    constexpr void read(uptime now, uptime asked) noexcept { next = later(now, next_metrics_poll(asked, false)); }
    constexpr void failed(uptime now) noexcept { next = later(now, next_metrics_poll({}, true)); }

    friend bool operator==(const metrics_schedule&, const metrics_schedule&) = default;
};

}  // namespace mayfly

// mayfly/detail/since.hpp ---------------------------------------------------------------------------------------------

namespace mayfly::detail {

/// Time since `then`. `never` if nothing is remembered, or a moment that cannot have been: a scaler's memory may come
/// from a file. A moment before zero is fine: it was remembered by an earlier run.
[[nodiscard]] constexpr uptime since(const std::optional<uptime>& then, uptime now) noexcept
{
    return !then || *then > now || *then <= now - never ? never : now - *then;
}

}  // namespace mayfly::detail

// mayfly/scalers/no_sync.hpp ------------------------------------------------------------------------------------------

namespace mayfly {

/** The `no-sync` algorithm of Temporal's open-source controller, decision for decision.

    Starts one worker when a task finds nobody waiting, not more often than the cool-off allows, and one at a regular
    look while a backlog waits. Knows neither a minimum nor a maximum nor what is already starting; wrap it in `clamped`
    for the first two. Moments in the state that cannot have been (later than now) count as not remembered.
*/
struct no_sync {
    uptime scale_up_cooloff = std::chrono::milliseconds{100};  ///< Shortest time between starts; zero for none.
    std::uint64_t scale_up_backlog_threshold = 0;              ///< A look starts a worker above this backlog.
    uptime max_worker_lifetime =
        std::chrono::minutes{10};  ///< A waiting task gets a start this old renewed; zero: off.
    uptime metrics_poll_interval = std::chrono::seconds{60};  ///< Between looks at the statistics.

    /// Share by which the dispatch rate may move and still count as unmoved, up to 0.1; zero: off. A rate that stays
    /// put while tasks wait says that something other than workers is the limit.
    double scale_up_dispatch_rate_epsilon = 0;
    uptime scale_up_dispatch_rate_epsilon_confirm = std::chrono::seconds{90};  ///< It has to stay put this long.
    uptime suppress_scale_up = std::chrono::seconds{120};                      ///< Starts are then held back this long.
    uptime suppress_poll_interval = std::chrono::seconds{90};                  ///< Between looks meanwhile.

    /// From the beginning to the first look. Ours: the reference waits five minutes.
    uptime first_metrics_poll{};

    struct type_state {
        std::optional<uptime> within_epsilon_since{};
        std::optional<double> ref_rate{};
        std::optional<uptime> suppressed_until{};
        friend bool operator==(const type_state&, const type_state&) = default;
    };

    struct state {
        std::optional<uptime> last_scale_up{};  ///< One for all types.
        std::array<type_state, all_task_types.size()> types{};
        metrics_schedule poll{};
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        decision d;
        switch (sig.why) {
        case cause::begin: st.poll.first(now, first_metrics_poll); break;
        case cause::added: d = on_added(st, sig, now); break;
        case cause::stats:
            // Whoever reads for another reason, or for another group, is no reason to look more often.
            if (st.poll.due(now))
                d = on_stats(st, sig, now);
            break;
        case cause::no_stats:
            if (st.poll.due(now))
                st.poll.failed(now);
            break;
        case cause::launched:
        case cause::workers:
        case cause::wake:
        case cause::changed: break;
        }
        d.read = st.poll.left(now);
        return d;
    }

private:
    [[nodiscard]] bool suppressed(const type_state& t, uptime now) const noexcept
    {
        // A lease that is longer than any we give was not given by us.
        return scale_up_dispatch_rate_epsilon > 0 && t.suppressed_until && now < *t.suppressed_until &&
               *t.suppressed_until <= later(now, suppress_scale_up);
    }

    [[nodiscard]] decision on_added(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        if (sig.added.unmatched() == 0)
            return {.reason = sig.added.rate_limited > 0 ? reason::rate_limited : reason::steady};
        if (suppressed(st.types[static_cast<std::size_t>(sig.type)], now))
            return {.reason = reason::suppressed, .held_back = sig.added.unmatched()};
        if (detail::since(st.last_scale_up, now) < scale_up_cooloff)
            return {.reason = reason::cooling_off, .held_back = sig.added.unmatched()};
        st.last_scale_up = now;
        return {.launch = 1, .reason = reason::missed_match};
    }

    [[nodiscard]] decision on_stats(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const uptime elapsed = detail::since(st.last_scale_up, now);
        bool grow = false;
        bool refresh = false;
        bool held = false;
        bool cooling = false;
        bool any_suppressed = false;
        for (task_type t : all_task_types) {
            const auto i = static_cast<std::size_t>(t);
            watch_rate(st.types[i], sig.stats[i], now);
            const bool hold = suppressed(st.types[i], now);
            any_suppressed = any_suppressed || hold;
            if (!sig.stats[i])
                continue;
            const std::uint64_t backlog = sig.stats[i]->backlog;
            if (backlog > scale_up_backlog_threshold) {
                grow = grow || (!hold && elapsed >= scale_up_cooloff);
                held = held || hold;
                cooling = cooling || elapsed < scale_up_cooloff;
            }
            refresh =
                refresh || (backlog > 0 && max_worker_lifetime > uptime::zero() && elapsed >= max_worker_lifetime);
        }
        st.poll.read(now, any_suppressed ? suppress_poll_interval : metrics_poll_interval);

        if (grow || refresh) {
            st.last_scale_up = now;
            return {.launch = 1, .reason = grow ? reason::backlog : reason::refresh};
        }
        return {.reason = held ? reason::suppressed : cooling ? reason::cooling_off : reason::steady};
    }

    void watch_rate(type_state& t, const std::optional<queue_stats>& stats, uptime now) const noexcept
    {
        if (!(scale_up_dispatch_rate_epsilon > 0)) {
            t = {};
            return;
        }
        if (!stats)
            return;
        const double rate = stats->dispatch_rate;
        if (stats->backlog <= scale_up_backlog_threshold || !(rate > 0) || !std::isfinite(rate)) {
            t = {};
            return;
        }
        const uptime steady_for = detail::since(t.within_epsilon_since, now);
        if (steady_for == never || !t.ref_rate || !(*t.ref_rate > 0) || !std::isfinite(*t.ref_rate))
            t = {.within_epsilon_since = now, .ref_rate = rate};
        else if (std::abs(rate - *t.ref_rate) > scale_up_dispatch_rate_epsilon * *t.ref_rate)
            t = {};
        else if (steady_for >= scale_up_dispatch_rate_epsilon_confirm)
            t.suppressed_until = later(now, suppress_scale_up);
    }
};

static_assert(Scaler<no_sync, scaling_signal>);

}  // namespace mayfly

// mayfly/testing/random.hpp -------------------------------------------------------------------------------------------

namespace mayfly::testing {

/// `seconds` in whole microseconds, to the nearest. What no `uptime` can hold becomes the largest one.
[[nodiscard]] inline uptime micros(double seconds) noexcept
{
    const double us = std::round(seconds * 1e6);
    return us >= 9.2e18 ? never : uptime(static_cast<uptime::rep>(us));
}

[[nodiscard]] constexpr double in_seconds(uptime t) noexcept
{
    return static_cast<double>(t.count()) / 1e6;
}

/** SplitMix64, one independent stream for each use, so that a policy that draws more often moves nobody else's numbers.
    The same seed and stream give the same numbers everywhere. */
class random_stream {
public:
    random_stream() = default;
    constexpr random_stream(std::uint64_t seed, std::uint64_t stream) noexcept
        : state_(mix(seed * 0x9E3779B97F4A7C15U + stream * 0xD1B54A32D192ED03U))
    {}

    constexpr std::uint64_t next() noexcept { return mix(state_ += 0x9E3779B97F4A7C15U); }

    /// In (0, 1), never either end.
    constexpr double uniform() noexcept { return (static_cast<double>(next() >> 11) + 0.5) / 9007199254740992.0; }

    double exponential(double mean) noexcept { return -mean * std::log(uniform()); }

    double normal() noexcept
    {
        const double a = uniform();
        const double b = uniform();
        return std::sqrt(-2.0 * std::log(a)) * std::cos(2.0 * pi * b);
    }

    friend bool operator==(const random_stream&, const random_stream&) = default;

private:
    static constexpr double pi = 3.14159265358979323846;

    static constexpr std::uint64_t mix(std::uint64_t z) noexcept
    {
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
        z = (z ^ z >> 27) * 0x94D049BB133111EBU;
        return z ^ z >> 31;
    }

    std::uint64_t state_ = 0;
};

/// What each stream of a workload's seed is for.
namespace streams {
inline constexpr std::uint64_t arrivals = 1;
inline constexpr std::uint64_t service = 2;
inline constexpr std::uint64_t starts = 3;
inline constexpr std::uint64_t failures = 4;
inline constexpr std::uint64_t partitions = 5;
inline constexpr std::uint64_t policy = 6;
inline constexpr std::uint64_t thinning = 7;
inline constexpr std::uint64_t chains = 1000;  ///< Plus the number of the root.
}  // namespace streams

/// A distribution of durations, in seconds.
struct distribution {
    enum class kind : std::uint8_t { constant, exponential, lognormal, uniform, pareto, mix };

    kind is = kind::constant;
    double a = 0;  ///< constant: the value; exponential: mean; lognormal: median; uniform: lo; pareto: xm
    double b = 0;  ///< lognormal: sigma; uniform: hi; pareto: alpha
    double cap = std::numeric_limits<double>::infinity();  ///< lognormal and pareto: nothing above it.
    std::vector<double> p{};                               ///< mix: the chance of each branch.
    std::vector<distribution> of{};                        ///< mix: the branches.

    [[nodiscard]] static distribution constant(double v) { return {.a = v}; }
    [[nodiscard]] static distribution exponential(double mean) { return {.is = kind::exponential, .a = mean}; }
    [[nodiscard]] static distribution lognormal(double median, double sigma)
    {
        return {.is = kind::lognormal, .a = median, .b = sigma};
    }

    [[nodiscard]] double sample(random_stream& from) const
    {
        switch (is) {
        case kind::constant: break;
        case kind::exponential: return from.exponential(a);
        case kind::lognormal: return std::min(a * std::exp(b * from.normal()), cap);
        case kind::uniform: return a + (b - a) * from.uniform();
        case kind::pareto: return std::min(a / std::pow(from.uniform(), 1.0 / b), cap);
        case kind::mix: return of.empty() ? 0.0 : branch(from.uniform()).sample(from);
        }
        return a;
    }

    /// The chance of at most `x`.
    [[nodiscard]] double chance(double x) const
    {
        switch (is) {
        case kind::constant: break;
        case kind::exponential: return x <= 0 ? 0.0 : 1.0 - std::exp(-x / a);
        case kind::lognormal:
            return x <= 0     ? 0.0
                   : x >= cap ? 1.0
                   : b <= 0   ? step(x)
                              : 0.5 * std::erfc(-std::log(x / a) / (b * std::sqrt(2.0)));
        case kind::uniform: return b <= a ? step(x) : std::clamp((x - a) / (b - a), 0.0, 1.0);
        case kind::pareto: return x >= cap ? 1.0 : x <= a ? 0.0 : 1.0 - std::pow(a / x, b);
        case kind::mix: {
            double sum = 0;
            for (std::size_t i = 0; i < of.size(); ++i)
                sum += p[i] * of[i].chance(x);
            return sum;
        }
        }
        return step(x);
    }

    /// Half of the draws are no longer.
    [[nodiscard]] double median() const
    {
        switch (is) {
        case kind::constant: break;
        case kind::exponential: return a * std::log(2.0);
        case kind::lognormal: return std::min(a, cap);
        case kind::uniform: return (a + b) / 2;
        case kind::pareto: return std::min(a * std::pow(2.0, 1.0 / b), cap);
        case kind::mix: {
            double lo = 0;
            double hi = 0;
            for (const distribution& d : of)
                hi = std::max(hi, d.median());  // half of each branch lies below, so half of all does
            for (int i = 0; i < 100; ++i) {
                const double mid = (lo + hi) / 2;
                (chance(mid) < 0.5 ? lo : hi) = mid;
            }
            return hi;
        }
        }
        return a;
    }

private:
    [[nodiscard]] double step(double x) const { return x >= a ? 1.0 : 0.0; }

    // The last branch takes what rounding leaves of the chances.
    [[nodiscard]] const distribution& branch(double u) const
    {
        std::size_t i = 0;
        for (double sum = p[0]; i + 1 < of.size() && u >= sum; sum += p[i])
            ++i;
        return of[i];
    }
};

}  // namespace mayfly::testing

// mayfly/testing/workload.hpp -----------------------------------------------------------------------------------------

namespace mayfly::testing {

/// When tasks arrive. `is` says which of the fields are read; rates are per second, the rest is seconds.
struct arrival_spec {
    enum class kind : std::uint8_t { at, poisson, sine, mmpp, minutes, sum, chain };
    struct event {
        double t = 0;
        std::uint64_t n = 1;
        double spread = 0;
    };
    struct segment {
        double until = 0;
        double rate = 0;
    };

    kind is = kind::at;
    std::vector<event> events{};          ///< at: n tasks from t on, spread over `spread`.
    double start = 0;                     ///< poisson
    std::vector<segment> segments{};      ///< poisson: one after the other, from `start`.
    double mean = 0;                      ///< sine: rate `mean * (1 + amp * sin(2 pi t / period + phase))`.
    double amp = 0;                       ///< sine
    double period = 1;                    ///< sine
    double phase = 0;                     ///< sine, in radians
    double until = 0;                     ///< sine, mmpp
    std::vector<double> rates{};          ///< mmpp: one for each state; the states take turns.
    std::vector<double> dwell{};          ///< mmpp: mean time in each state.
    std::vector<std::uint64_t> counts{};  ///< minutes: how many in each window.
    double width = 60;                    ///< minutes
    std::vector<arrival_spec> of{};       ///< sum: the parts; chain: the roots, exactly one.
    std::uint32_t steps = 1;              ///< chain: tasks of each root, one after the other.
    double gap = 0;                       ///< chain: from the end of one task to the next.
};

struct worker_settings {
    std::uint32_t slots = 2;
    std::uint32_t pollers = 1;
    uptime poll_rtt{10'000};            ///< How long a poller is away after it received a task.
    uptime lifetime{60'000'000};        ///< From the end of init to the deadline.
    uptime shutdown_buffer{7'000'000};  ///< Polling stops this long before the deadline.
    uptime stop_timeout{5'000'000};     ///< A task may go on this long after that.
};

struct start_settings {
    distribution place_cold = distribution::lognormal(0.2, 0.4);
    distribution init_cold = distribution::lognormal(0.25, 0.4);
    distribution place_warm = distribution::lognormal(0.02, 0.3);
    distribution connect = distribution::lognormal(0.1, 0.3);
    uptime warm_keep{300'000'000};
};

/// Calls made in [from, to) fail with chance `p`.
struct api_failure {
    uptime from{0};
    uptime to{0};
    double p = 0;
};

/// Starts in [from, to) fail with chance `p`.
struct start_failure {
    enum class mode : std::uint8_t { crash, hang };

    uptime from{0};
    uptime to{0};
    double p = 0;
    mode how = mode::crash;
    uptime after{0};  ///< crash: this long after billing began.
};

struct provider_settings {
    std::uint32_t max_concurrent = 1000;
    uptime invoke_latency{65'000};
    uptime event_age{21'600'000'000};
    std::uint32_t async_retries = 2;
    std::vector<api_failure> api_fail{};
    std::vector<start_failure> start_fail{};
};

struct queue_settings {
    std::uint32_t partitions = 4;
    double rate_limit = 0;  ///< Tasks a second; zero for no limit.
    std::uint32_t rate_burst = 1;
    uptime redeliver{10'000'000};  ///< From the loss of a task to its return.
};

/// Numbers by name, as a workload file carries them along.
struct named_numbers {
    std::string name{};
    std::vector<std::pair<std::string, double>> values{};

    [[nodiscard]] std::optional<double> get(std::string_view key) const
    {
        for (const auto& [k, v] : values) {
            if (k == key)
                return v;
        }
        return std::nullopt;
    }
};

/// One workload: what arrives, how long it takes, and the world it happens in.
struct workload {
    std::string id{};
    std::string note{};
    std::uint64_t seed = 0;
    uptime duration{0};                        ///< Arrivals happen before this.
    uptime grace{1'800'000'000};               ///< The run is cut this long after `duration`.
    std::uint32_t max_workers = 1000;          ///< What a scaler may rely on.
    std::optional<uptime> activity_timeout{};  ///< Declared upper bound of one task.
    arrival_spec arrivals{};
    distribution service{};
    worker_settings worker{};
    start_settings start{};
    provider_settings provider{};
    queue_settings queue{};
    named_numbers check{};                  ///< What a generator must come to.
    named_numbers bounds{};                 ///< `zero_wait_cost`, `work_cost`, `startup`.
    std::vector<named_numbers> measured{};  ///< Published results, one for each policy.
};

/// The most tasks of one workload. A file that asks for more is refused before anything is drawn.
inline constexpr double max_tasks = 5e6;

inline constexpr std::uint32_t no_task = std::numeric_limits<std::uint32_t>::max();

/// One task of a workload. Its number is its place in `generated::tasks`.
struct task {
    uptime arrives = never;        ///< `never` for the later tasks of a chain.
    uptime service{0};             ///< How long it occupies a slot.
    std::uint32_t next = no_task;  ///< The task of the chain that follows this one.
    uptime gap{0};                 ///< How long after this one is done.
};

/// Everything of a workload that does not depend on a policy.
struct generated {
    std::vector<task> tasks;  ///< First those that arrive by themselves, in order of time; then the rest of each chain.
    std::uint32_t arrivals = 0;  ///< How many arrive by themselves.
};

namespace detail {

struct arrival {
    double t = 0;
    std::uint32_t steps = 0;  // of a chain; 0 for a task on its own
    double gap = 0;
};

inline void draw_sine(const arrival_spec& a, random_stream& from, std::vector<arrival>& out)
{
    constexpr double two_pi = 6.28318530717958647692;
    const double top = a.mean * (1 + a.amp);
    if (top <= 0)
        return;
    for (double t = from.exponential(1 / top); t < a.until; t += from.exponential(1 / top)) {
        const double rate = a.mean * (1 + a.amp * std::sin(two_pi * t / a.period + a.phase));
        if (from.uniform() * top < rate)
            out.push_back({t});
    }
}

inline void draw_poisson(double begin, double end, double rate, random_stream& from, std::vector<arrival>& out)
{
    if (rate <= 0)
        return;
    for (double t = begin + from.exponential(1 / rate); t < end; t += from.exponential(1 / rate))
        out.push_back({t});
}

inline void draw_arrivals(const arrival_spec& a, random_stream& from, std::vector<arrival>& out)
{
    using enum arrival_spec::kind;
    switch (a.is) {
    case at:
        for (const arrival_spec::event& e : a.events) {
            for (std::uint64_t i = 0; i < e.n; ++i)
                out.push_back({e.t + e.spread * static_cast<double>(i) / static_cast<double>(e.n)});
        }
        return;
    case poisson: {
        double begin = a.start;
        for (const arrival_spec::segment& s : a.segments) {
            draw_poisson(begin, s.until, s.rate, from, out);
            begin = s.until;
        }
        return;
    }
    case sine: return draw_sine(a, from, out);
    case mmpp: {
        std::size_t state = 0;
        for (double t = 0; t < a.until;) {
            const double end = t + from.exponential(a.dwell[state]);
            draw_poisson(t, std::min(end, a.until), a.rates[state], from, out);
            t = end;
            state = (state + 1) % a.dwell.size();
        }
        return;
    }
    case minutes:
        for (std::size_t i = 0; i < a.counts.size(); ++i) {
            for (std::uint64_t n = 0; n < a.counts[i]; ++n)
                out.push_back({(static_cast<double>(i) + from.uniform()) * a.width});
        }
        return;
    case sum:
        for (const arrival_spec& part : a.of)
            draw_arrivals(part, from, out);
        return;
    case chain:
        if (!a.of.empty()) {
            const std::size_t first = out.size();
            draw_arrivals(a.of[0], from, out);
            for (std::size_t i = first; i < out.size(); ++i) {
                out[i].steps = a.steps;
                out[i].gap = a.gap;
            }
        }
        return;
    }
}

/// About how many numbers have to be drawn for these arrivals.
[[nodiscard]] inline double expected_draws(const arrival_spec& a)
{
    using enum arrival_spec::kind;
    double n = 0;
    switch (a.is) {
    case at:
        for (const arrival_spec::event& e : a.events)
            n += static_cast<double>(e.n);
        return n;
    case poisson: {
        double begin = a.start;
        for (const arrival_spec::segment& s : a.segments) {
            n += std::max(0.0, s.until - begin) * s.rate;
            begin = s.until;
        }
        return n;
    }
    case sine: return a.until * a.mean * (1 + a.amp);
    case mmpp: {
        const double cycle = std::accumulate(a.dwell.begin(), a.dwell.end(), 0.0);
        double tasks = static_cast<double>(a.dwell.size());
        for (std::size_t i = 0; i < a.dwell.size(); ++i)
            tasks += a.dwell[i] * a.rates[i];
        return a.until > 0 ? a.until / cycle * tasks : 0;
    }
    case minutes:
        for (const std::uint64_t c : a.counts)
            n += static_cast<double>(c);
        return n;
    case sum:
    case chain:
        for (const arrival_spec& part : a.of)
            n += expected_draws(part);
        return a.is == chain ? n * a.steps : n;
    }
    return n;
}

}  // namespace detail

/// Draws all tasks of `w`, which must be sound (see `validate`). The same workload always gives the same tasks.
[[nodiscard]] inline generated generate(const workload& w)
{
    std::vector<detail::arrival> drawn;
    random_stream from(w.seed, streams::arrivals);
    detail::draw_arrivals(w.arrivals, from, drawn);
    std::stable_sort(drawn.begin(), drawn.end(), [](const auto& x, const auto& y) { return x.t < y.t; });

    generated out;
    out.arrivals = static_cast<std::uint32_t>(drawn.size());
    out.tasks.resize(drawn.size());
    random_stream times(w.seed, streams::service);
    std::uint64_t root = 0;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        out.tasks[i].arrives = micros(drawn[i].t);
        if (drawn[i].steps == 0) {
            out.tasks[i].service = micros(w.service.sample(times));
            continue;
        }
        random_stream own(w.seed, streams::chains + root++);
        std::size_t at = i;
        for (std::uint32_t step = 0; step < drawn[i].steps; ++step) {
            if (step > 0) {
                out.tasks[at].next = static_cast<std::uint32_t>(out.tasks.size());
                out.tasks[at].gap = micros(drawn[i].gap);
                at = out.tasks.size();
                out.tasks.emplace_back();
            }
            out.tasks[at].service = micros(w.service.sample(own));
        }
    }
    return out;
}

}  // namespace mayfly::testing

// mayfly/detail/json_read.hpp -----------------------------------------------------------------------------------------

namespace mayfly::detail {

/// One JSON value, with the place it was read from. Objects keep the order of their members.
struct json_value {
    enum class kind : std::uint8_t { null, boolean, number, string, array, object };

    kind is = kind::null;
    bool boolean = false;
    double number = 0;              ///< Finite.
    std::string text;               ///< A string's content, or a number as it was written.
    std::vector<json_value> items;  ///< The elements of an array, the values of an object.
    std::vector<std::string> keys;  ///< An object's names: `keys[i]` belongs to `items[i]`. No name comes twice.
    std::uint32_t line = 1;         ///< From 1.
    std::uint32_t column = 1;       ///< From 1, in bytes.

    [[nodiscard]] bool is_null() const noexcept { return is == kind::null; }
    [[nodiscard]] bool is_boolean() const noexcept { return is == kind::boolean; }
    [[nodiscard]] bool is_number() const noexcept { return is == kind::number; }
    [[nodiscard]] bool is_string() const noexcept { return is == kind::string; }
    [[nodiscard]] bool is_array() const noexcept { return is == kind::array; }
    [[nodiscard]] bool is_object() const noexcept { return is == kind::object; }

    /// The member of that name, or null. Null too if this is no object.
    [[nodiscard]] const json_value* find(std::string_view key) const noexcept
    {
        const auto at = std::find(keys.begin(), keys.end(), key);
        return at == keys.end() ? nullptr : &items[static_cast<std::size_t>(at - keys.begin())];
    }

    /// The number, if it was written as an integer that fits. Exact also where a double is not.
    template <class Integer>
    [[nodiscard]] std::optional<Integer> as() const noexcept
    {
        Integer out{};
        const char* const end = text.data() + text.size();
        if (!is_number())
            return std::nullopt;
        const auto [stop, ec] = std::from_chars(text.data(), end, out);
        return ec == std::errc{} && stop == end ? std::optional<Integer>(out) : std::nullopt;
    }
};

[[nodiscard]] constexpr std::string_view to_string(json_value::kind k) noexcept
{
    switch (k) {
    case json_value::kind::null: return "null";
    case json_value::kind::boolean: return "a boolean";
    case json_value::kind::number: return "a number";
    case json_value::kind::string: return "a string";
    case json_value::kind::array: return "an array";
    case json_value::kind::object: return "an object";
    }
    return "unknown";
}

/// What `read_json` returns: the value, or where and why the text is not JSON.
struct json_document {
    json_value root;
    std::string error;  ///< Empty if the text was read.

    [[nodiscard]] explicit operator bool() const noexcept { return error.empty(); }
};

class json_reader {
public:
    json_reader(std::string_view text, std::uint32_t max_depth) : text_(text), depth_left_(max_depth) {}

    json_document document()
    {
        json_document doc;
        skip_space();
        if (value(doc.root)) {
            skip_space();
            if (at_ != text_.size())
                fail("nothing may follow the value");
        }
        doc.error = std::move(error_);
        return doc;
    }

private:
    bool fail(std::string_view why)
    {
        if (error_.empty()) {
            error_ = "line " + std::to_string(line_) + ", column " + std::to_string(column()) + ": ";
            error_ += why;
        }
        return false;
    }

    [[nodiscard]] std::uint32_t column() const noexcept { return static_cast<std::uint32_t>(at_ - line_start_ + 1); }
    [[nodiscard]] bool ended() const noexcept { return at_ == text_.size(); }
    [[nodiscard]] char peek() const noexcept { return ended() ? '\0' : text_[at_]; }
    [[nodiscard]] bool digit() const noexcept { return peek() >= '0' && peek() <= '9'; }

    bool take(char c) noexcept
    {
        if (ended() || text_[at_] != c)
            return false;
        ++at_;
        return true;
    }

    void skip_space() noexcept
    {
        for (; at_ != text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '\n') {
                ++line_;
                line_start_ = at_ + 1;
            } else if (c != ' ' && c != '\t' && c != '\r') {
                return;
            }
        }
    }

    bool value(json_value& out)
    {
        out.line = line_;
        out.column = column();
        switch (peek()) {
        case '{': return nested(out, json_value::kind::object, '}');
        case '[': return nested(out, json_value::kind::array, ']');
        case '"': out.is = json_value::kind::string; return string(out.text);
        case 't': return word("true", out, json_value::kind::boolean, true);
        case 'f': return word("false", out, json_value::kind::boolean, false);
        case 'n': return word("null", out, json_value::kind::null, false);
        default: return number(out);
        }
    }

    bool word(std::string_view w, json_value& out, json_value::kind k, bool b)
    {
        if (text_.substr(at_, w.size()) != w)
            return fail("a value was expected");
        at_ += w.size();
        out.is = k;
        out.boolean = b;
        return true;
    }

    bool nested(json_value& out, json_value::kind k, char close)
    {
        if (depth_left_ == 0)
            return fail("nested too deeply");
        --depth_left_;
        out.is = k;
        ++at_;
        skip_space();
        if (!take(close)) {
            for (;;) {
                if (k == json_value::kind::object && !key(out))
                    return false;
                if (!value(out.items.emplace_back()))
                    return false;
                skip_space();
                if (take(close))
                    break;
                if (!take(','))
                    return fail(k == json_value::kind::object ? "',' or '}' was expected" : "',' or ']' was expected");
                skip_space();
            }
        }
        ++depth_left_;
        return k == json_value::kind::array || distinct(out);
    }

    bool key(json_value& out)
    {
        if (peek() != '"')
            return fail("a name in quotes was expected");
        if (!string(out.keys.emplace_back()))
            return false;
        skip_space();
        if (!take(':'))
            return fail("':' was expected");
        skip_space();
        return true;
    }

    // Sorted, not compared pair by pair: an object of a million names must not take minutes.
    bool distinct(const json_value& object)
    {
        std::vector<std::string_view> names(object.keys.begin(), object.keys.end());
        std::sort(names.begin(), names.end());
        const auto twice = std::adjacent_find(names.begin(), names.end());
        return twice == names.end() || fail("the name \"" + std::string(*twice) + "\" comes twice in this object");
    }

    bool number(json_value& out)
    {
        const std::size_t begin = at_;
        take('-');
        if (!digit())
            return fail("a value was expected");
        if (!take('0'))
            skip_digits();
        if (take('.')) {
            if (!digit())
                return fail("a digit was expected");
            skip_digits();
        }
        if (take('e') || take('E')) {
            if (!take('+'))
                take('-');
            if (!digit())
                return fail("a digit was expected");
            skip_digits();
        }
        out.is = json_value::kind::number;
        out.text.assign(text_.substr(begin, at_ - begin));
        const auto read = std::from_chars(out.text.data(), out.text.data() + out.text.size(), out.number);
        if (read.ec != std::errc{})
            return fail("the number is out of range");
        return true;
    }

    void skip_digits() noexcept
    {
        while (digit())
            ++at_;
    }

    bool string(std::string& out)
    {
        ++at_;
        for (;;) {
            if (ended())
                return fail("the string does not end");
            const auto c = static_cast<unsigned char>(text_[at_]);
            if (c < 0x20)
                return fail("a control character in a string must be escaped");
            ++at_;
            if (c == '"')
                return true;
            if (c != '\\')
                out += static_cast<char>(c);
            else if (!escape(out))
                return false;
        }
    }

    bool escape(std::string& out)
    {
        const char c = peek();
        constexpr std::string_view from = "\"\\/bfnrt";
        constexpr std::string_view to = "\"\\/\b\f\n\r\t";
        if (const auto i = from.find(c); !ended() && i != std::string_view::npos) {
            ++at_;
            out += to[i];
            return true;
        }
        if (!take('u'))
            return fail("no such escape");
        std::uint32_t point = 0;
        if (!hex4(point))
            return false;
        if (point >= 0xD800 && point < 0xDC00) {
            std::uint32_t low = 0;
            if (!take('\\') || !take('u') || !hex4(low) || low < 0xDC00 || low > 0xDFFF)
                return fail("half of a surrogate pair");
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        } else if (point >= 0xDC00 && point < 0xE000) {
            return fail("half of a surrogate pair");
        }
        append_utf8(out, point);
        return true;
    }

    bool hex4(std::uint32_t& out)
    {
        const std::string_view four = text_.substr(at_, 4);
        const auto [stop, ec] = std::from_chars(four.data(), four.data() + four.size(), out, 16);
        if (four.size() != 4 || ec != std::errc{} || stop != four.data() + 4)
            return fail("four hexadecimal digits were expected");
        at_ += 4;
        return true;
    }

    static void append_utf8(std::string& out, std::uint32_t p)
    {
        const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
        if (p < 0x80) {
            put(p);
        } else if (p < 0x800) {
            put(0xC0 | p >> 6);
            put(0x80 | (p & 0x3F));
        } else if (p < 0x10000) {
            put(0xE0 | p >> 12);
            put(0x80 | (p >> 6 & 0x3F));
            put(0x80 | (p & 0x3F));
        } else {
            put(0xF0 | p >> 18);
            put(0x80 | (p >> 12 & 0x3F));
            put(0x80 | (p >> 6 & 0x3F));
            put(0x80 | (p & 0x3F));
        }
    }

    std::string_view text_;
    std::uint32_t depth_left_;
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    std::uint32_t line_ = 1;
    std::string error_;
};

/// Reads one JSON text (RFC 8259, nothing more) of at most `max_depth` nested arrays and objects.
[[nodiscard]] inline json_document read_json(std::string_view text, std::uint32_t max_depth = 32)
{
    return json_reader(text, max_depth).document();
}

}  // namespace mayfly::detail

// mayfly/testing/workload_file.hpp ------------------------------------------------------------------------------------

namespace mayfly::testing {

/// One thing that is wrong with a workload.
struct workload_problem {
    std::string workload;  ///< Its id, or its place in the file if it has none, or "the file".
    std::string key;       ///< Where, like `start.connect.sigma`.
    std::string value;     ///< What stands there.
    std::string remedy;    ///< What may stand there.

    [[nodiscard]] std::string what() const
    {
        std::string out = workload;
        if (!key.empty())
            out += ": " + key;
        if (!value.empty())
            out += " is " + value;
        return out + ": " + remedy;
    }
};

struct workload_file {
    std::vector<workload> workloads;
    std::vector<workload_problem> problems;  ///< Empty if the whole file could be read.

    [[nodiscard]] explicit operator bool() const noexcept { return problems.empty(); }
};

namespace detail {

using mayfly::detail::json_value;

/// Reads the members of one object after the other and notes what is wrong, with its path.
class workload_reader {
public:
    explicit workload_reader(std::vector<workload_problem>& problems) : problems_(problems) {}

    void defaults(const json_value& v, workload& out)
    {
        name_ = "defaults";
        if (object(v, {"worker", "start", "provider", "queue"}))
            settings(v, out);
    }

    void read(const json_value& v, std::size_t place, workload& out)
    {
        name_ = "workload " + std::to_string(place);
        if (!object(v, {"id", "note", "seed", "duration", "grace", "max_workers", "activity_timeout", "arrivals",
                           "service", "worker", "start", "provider", "queue", "check", "bounds", "measured"}))
            return;
        text(v, "id", out.id);
        if (!out.id.empty())
            name_ = out.id;
        else
            problem("id", v.find("id"), "give every workload a name");
        if (out.id.find_first_of("/\\\"\n\r\t") != std::string::npos)
            problem("id", v.find("id"), "leave out slashes, quotes and line ends");
        text(v, "note", out.note);
        const json_value* const seed = v.find("seed");
        const auto number = seed != nullptr ? seed->as<std::uint64_t>() : std::nullopt;
        if (number)
            out.seed = *number;
        else
            problem("seed", seed, "give a whole number from 0 to 2^64 - 1");
        if (v.find("duration") == nullptr)
            problem("duration", nullptr, "say how long arrivals may happen, in seconds");
        seconds(v, "duration", out.duration);
        seconds(v, "grace", out.grace);
        integer(v, "max_workers", out.max_workers, 1, 1'000'000);
        if (v.find("activity_timeout") != nullptr)
            seconds(v, "activity_timeout", out.activity_timeout.emplace());
        if (const json_value* a = required(v, "arrivals")) {
            const scope in(*this, "arrivals");
            arrivals(*a, out.arrivals, true);
            const double n = expected_draws(out.arrivals);
            if (n > max_tasks)
                problem("", nullptr, "about " + std::to_string(n) + " tasks; at most 5000000 can be run");
        }
        if (const json_value* s = required(v, "service"))
            sample(*s, "service", out.service);
        settings(v, out);
        numbers(v, "check", out.check);
        numbers(v, "bounds", out.bounds);
        measured(v, out);
    }

private:
    // Adds to the path for as long as it lives.
    class scope {
    public:
        scope(workload_reader& r, std::string_view key) : reader_(r), length_(r.path_.size())
        {
            if (!r.path_.empty() && key.front() != '[')
                r.path_ += '.';
            r.path_ += key;
        }
        scope(const scope&) = delete;
        scope& operator=(const scope&) = delete;
        ~scope() { reader_.path_.resize(length_); }

    private:
        workload_reader& reader_;
        std::size_t length_;
    };

    static std::string index(std::size_t i) { return '[' + std::to_string(i) + ']'; }

    static std::string shown(const json_value* v)
    {
        if (v == nullptr)
            return {};
        if (v->is_number())
            return v->text.substr(0, 40);
        if (v->is_string())
            return '"' + v->text.substr(0, 40) + '"';
        return std::string(to_string(v->is));
    }

    void problem(std::string_view key, const json_value* at, std::string remedy)
    {
        if (problems_.size() >= 100)
            return;  // nobody reads more, and a hostile file could ask for millions
        std::string path = path_;
        if (!key.empty())
            path += (path.empty() ? "" : ".") + std::string(key);
        problems_.push_back({name_, std::move(path), shown(at), std::move(remedy)});
    }

    bool object(const json_value& v, std::initializer_list<std::string_view> known)
    {
        if (!v.is_object()) {
            problem("", &v, "an object is expected here");
            return false;
        }
        for (std::size_t i = 0; i < v.keys.size(); ++i) {
            if (std::find(known.begin(), known.end(), v.keys[i]) != known.end())
                continue;
            std::string list;
            for (const std::string_view k : known)
                list += (list.empty() ? "" : ", ") + std::string(k);
            problem(v.keys[i], nullptr, "no such key; known here are " + list);
        }
        return true;
    }

    const json_value* required(const json_value& in, std::string_view key)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            problem(key, nullptr, "is missing");
        return v;
    }

    void text(const json_value& in, std::string_view key, std::string& out)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (v->is_string())
            out = v->text;
        else
            problem(key, v, "a string is expected");
    }

    void real(const json_value& in, std::string_view key, double& out, double lo, double hi)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (v->is_number() && v->number >= lo && v->number <= hi)
            out = v->number;
        else
            problem(key, v, "a number " + range(lo, hi) + " is expected");
    }

    static std::string range(double lo, double hi)
    {
        const auto number = [](double x) {
            std::string s = std::to_string(x);
            s.erase(s.find_last_not_of('0') + 1);
            if (s.back() == '.')
                s.pop_back();
            return s;
        };
        return "from " + number(lo) + " to " + number(hi);
    }

    void seconds(const json_value& in, std::string_view key, uptime& out, double lo = 0)
    {
        double s = in_seconds(out);
        real(in, key, s, lo, longest);
        out = micros(s);
    }

    template <class Integer>
    void integer(const json_value& in, std::string_view key, Integer& out, double lo, double hi)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (v->is_number() && v->number >= lo && v->number <= hi && v->number == std::floor(v->number))
            out = static_cast<Integer>(v->number);
        else
            problem(key, v, "a whole number " + range(lo, hi) + " is expected");
    }

    // Calls `each(element, i)` for every element of the list; an element's path ends in its index.
    template <class F>
    void list(const json_value& in, std::string_view key, F each)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (!v->is_array())
            return problem(key, v, "a list is expected");
        for (std::size_t i = 0; i < v->items.size(); ++i) {
            const scope at(*this, std::string(key) + index(i));
            each(v->items[i], i);
        }
    }

    void reals(const json_value& in, std::string_view key, std::vector<double>& out, double lo, double hi)
    {
        list(in, key, [&](const json_value& v, std::size_t) {
            if (v.is_number() && v.number >= lo && v.number <= hi)
                out.push_back(v.number);
            else
                problem("", &v, "a number " + range(lo, hi) + " is expected");
        });
    }

    // The fields that a kind must have; everything else is a wrong key.
    bool fields(const json_value& v, std::initializer_list<std::string_view> must,
        std::initializer_list<std::string_view> may = {})
    {
        bool whole = true;
        std::vector<std::string_view> known(must);
        known.insert(known.end(), may);
        known.emplace_back("kind");
        for (const std::string_view k : must)
            whole = required(v, k) != nullptr && whole;
        for (const std::string& k : v.keys) {
            if (std::find(known.begin(), known.end(), k) == known.end()) {
                problem(k, nullptr, "this kind has no such key");
                whole = false;
            }
        }
        return whole;
    }

    void sample(const json_value& v, std::string_view key, distribution& to)
    {
        using enum distribution::kind;
        const scope at(*this, key);
        const std::string kind = kind_of(v);
        distribution out;
        const std::size_t before = problems_.size();
        if (kind == "const") {
            fields(v, {"v"});
            real(v, "v", out.a, 0, longest);
        } else if (kind == "exp") {
            out.is = exponential;
            fields(v, {"mean"});
            real(v, "mean", out.a, 0, longest);
        } else if (kind == "lognormal") {
            out.is = lognormal;
            fields(v, {"median", "sigma"}, {"cap"});
            real(v, "median", out.a, 0, longest);
            real(v, "sigma", out.b, 0, 20);
            real(v, "cap", out.cap, 0, longest);
        } else if (kind == "uniform") {
            out.is = uniform;
            fields(v, {"lo", "hi"});
            real(v, "lo", out.a, 0, longest);
            real(v, "hi", out.b, out.a, longest);
        } else if (kind == "pareto") {
            out.is = pareto;
            fields(v, {"xm", "alpha"}, {"cap"});
            real(v, "xm", out.a, 0, longest);
            real(v, "alpha", out.b, 0.05, 1e6);
            real(v, "cap", out.cap, 0, longest);
        } else if (kind == "mix") {
            out.is = mix;
            fields(v, {"p", "of"});
            reals(v, "p", out.p, 0, 1);
            list(v, "of", [&](const json_value& d, std::size_t) { sample(d, "", out.of.emplace_back()); });
            if (out.p.empty() || out.p.size() != out.of.size())
                problem("p", nullptr, "one chance for each distribution in \"of\" is needed, and at least one");
            double sum = 0;
            for (const double p : out.p)
                sum += p;
            if (std::abs(sum - 1) > 1e-6)
                problem("p", nullptr, "the chances must sum to 1");
        } else if (!kind.empty()) {
            problem("kind", v.find("kind"), "one of const, exp, lognormal, uniform, pareto, mix is expected");
        }
        if (problems_.size() == before)
            to = std::move(out);
    }

    std::string kind_of(const json_value& v)
    {
        if (!v.is_object()) {
            problem("", &v, "an object with a \"kind\" is expected here");
            return {};
        }
        const json_value* const kind = required(v, "kind");
        if (kind == nullptr)
            return {};
        if (!kind->is_string() || kind->text.empty()) {
            problem("kind", kind, "a name is expected");
            return {};
        }
        return kind->text;
    }

    void arrivals(const json_value& v, arrival_spec& out, bool chain_allowed)
    {
        using enum arrival_spec::kind;
        const std::string kind = kind_of(v);
        if (kind == "at") {
            out.is = at;
            fields(v, {"events"});
            list(v, "events", [&](const json_value& e, std::size_t) {
                if (!object(e, {"t", "n", "spread"}))
                    return;
                arrival_spec::event& event = out.events.emplace_back();
                required(e, "t");
                real(e, "t", event.t, 0, longest);
                integer(e, "n", event.n, 0, 1e9);
                real(e, "spread", event.spread, 0, longest);
            });
        } else if (kind == "poisson") {
            out.is = poisson;
            fields(v, {"segments"}, {"start"});
            real(v, "start", out.start, 0, longest);
            list(v, "segments", [&](const json_value& s, std::size_t) {
                if (!object(s, {"until", "rate"}))
                    return;
                arrival_spec::segment& segment = out.segments.emplace_back();
                required(s, "until");
                required(s, "rate");
                real(s, "until", segment.until, 0, longest);
                real(s, "rate", segment.rate, 0, fastest);
            });
        } else if (kind == "sine") {
            out.is = sine;
            fields(v, {"mean", "amp", "period", "until"}, {"phase"});
            real(v, "mean", out.mean, 0, fastest);
            real(v, "amp", out.amp, 0, 1000);
            real(v, "period", out.period, 1e-6, longest);
            real(v, "phase", out.phase, -1e6, 1e6);
            real(v, "until", out.until, 0, longest);
        } else if (kind == "mmpp") {
            out.is = mmpp;
            fields(v, {"rates", "dwell", "until"});
            reals(v, "rates", out.rates, 0, fastest);
            reals(v, "dwell", out.dwell, 1e-6, longest);
            real(v, "until", out.until, 0, longest);
            if (out.dwell.empty() || out.rates.size() != out.dwell.size()) {
                problem("dwell", nullptr, "one for each rate is needed, and at least one");
                out = {};
            }
        } else if (kind == "minutes") {
            out.is = minutes;
            fields(v, {"counts"}, {"width"});
            real(v, "width", out.width, 0, longest);
            list(v, "counts", [&](const json_value& c, std::size_t) {
                if (c.is_number() && c.number >= 0 && c.number <= 1e9 && c.number == std::floor(c.number))
                    out.counts.push_back(static_cast<std::uint64_t>(c.number));
                else
                    problem("", &c, "a whole number from 0 to 1000000000 is expected");
            });
        } else if (kind == "sum") {
            out.is = sum;
            fields(v, {"of"});
            list(v, "of", [&](const json_value& p, std::size_t) { arrivals(p, out.of.emplace_back(), chain_allowed); });
        } else if (kind == "chain") {
            out.is = chain;
            fields(v, {"roots", "steps"}, {"gap"});
            integer(v, "steps", out.steps, 1, 1e6);
            real(v, "gap", out.gap, 0, longest);
            if (!chain_allowed)
                problem("kind", v.find("kind"), "a chain cannot start chains");
            if (const json_value* roots = v.find("roots")) {
                const scope in(*this, "roots");
                arrivals(*roots, out.of.emplace_back(), false);
            }
        } else if (!kind.empty()) {
            problem("kind", v.find("kind"), "one of at, poisson, sine, mmpp, minutes, sum, chain is expected");
        }
    }

    void settings(const json_value& v, workload& out)
    {
        group(v, "worker", {"slots", "pollers", "poll_rtt", "lifetime", "shutdown_buffer", "stop_timeout"},
            [&](const json_value& o) {
                integer(o, "slots", out.worker.slots, 1, 10'000);
                integer(o, "pollers", out.worker.pollers, 1, 10'000);
                seconds(o, "poll_rtt", out.worker.poll_rtt);
                seconds(o, "lifetime", out.worker.lifetime, 0.001);
                seconds(o, "shutdown_buffer", out.worker.shutdown_buffer);
                seconds(o, "stop_timeout", out.worker.stop_timeout);
            });
        group(v, "start", {"place_cold", "init_cold", "place_warm", "connect", "warm_keep"}, [&](const json_value& o) {
            const std::pair<std::string_view, distribution*> all[] = {{"place_cold", &out.start.place_cold},
                {"init_cold", &out.start.init_cold}, {"place_warm", &out.start.place_warm},
                {"connect", &out.start.connect}};
            for (const auto& [key, to] : all) {
                if (const json_value* d = o.find(key))
                    sample(*d, key, *to);
            }
            seconds(o, "warm_keep", out.start.warm_keep);
        });
        group(v, "provider",
            {"max_concurrent", "invoke_latency", "event_age", "async_retries", "api_fail", "start_fail"},
            [&](const json_value& o) { provider(o, out.provider); });
        group(v, "queue", {"partitions", "rate_limit", "rate_burst", "redeliver"}, [&](const json_value& o) {
            integer(o, "partitions", out.queue.partitions, 1, 10'000);
            real(o, "rate_limit", out.queue.rate_limit, 0, fastest);
            integer(o, "rate_burst", out.queue.rate_burst, 1, 1e6);
            seconds(o, "redeliver", out.queue.redeliver);
        });
    }

    template <class F>
    void group(const json_value& in, std::string_view key, std::initializer_list<std::string_view> known, F read_it)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        const scope at(*this, key);
        if (object(*v, known))
            read_it(*v);
    }

    void provider(const json_value& o, provider_settings& out)
    {
        integer(o, "max_concurrent", out.max_concurrent, 1, 1e6);
        seconds(o, "invoke_latency", out.invoke_latency);
        seconds(o, "event_age", out.event_age);
        integer(o, "async_retries", out.async_retries, 0, 10);
        if (o.find("api_fail") != nullptr)
            out.api_fail.clear();
        if (o.find("start_fail") != nullptr)
            out.start_fail.clear();
        list(o, "api_fail", [&](const json_value& f, std::size_t) {
            if (!object(f, {"from", "to", "p"}))
                return;
            api_failure& window = out.api_fail.emplace_back();
            seconds(f, "from", window.from);
            seconds(f, "to", window.to);
            real(f, "p", window.p, 0, 1);
        });
        list(o, "start_fail", [&](const json_value& f, std::size_t) {
            if (!object(f, {"from", "to", "p", "mode", "after"}))
                return;
            start_failure& window = out.start_fail.emplace_back();
            seconds(f, "from", window.from);
            seconds(f, "to", window.to);
            real(f, "p", window.p, 0, 1);
            seconds(f, "after", window.after);
            const json_value* const mode = required(f, "mode");
            if (mode == nullptr)
                return;
            if (mode->is_string() && mode->text == "hang")
                window.how = start_failure::mode::hang;
            else if (!mode->is_string() || mode->text != "crash")
                problem("mode", mode, "one of crash, hang is expected");
        });
    }

    // Published numbers: whatever stands there by name. They steer nothing.
    void numbers(const json_value& in, std::string_view key, named_numbers& out)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (!v->is_object())
            return problem(key, v, "an object is expected here");
        out.name = key;
        for (std::size_t i = 0; i < v->keys.size(); ++i) {
            if (v->items[i].is_number())
                out.values.emplace_back(v->keys[i], v->items[i].number);
        }
    }

    void measured(const json_value& in, workload& out)
    {
        const json_value* const v = in.find("measured");
        if (v == nullptr)
            return;
        if (!v->is_object())
            return problem("measured", v, "an object is expected here");
        const scope at(*this, "measured");
        for (const std::string& policy : v->keys)
            numbers(*v, policy, out.measured.emplace_back());
    }

    static constexpr double longest = 1e9;  // seconds; every sum of a few of them fits an uptime
    static constexpr double fastest = 1e9;  // a second

    std::vector<workload_problem>& problems_;
    std::string name_{};
    std::string path_{};
};

}  // namespace detail

/// Reads the text of a workload file. Everything that is wrong with it is in `problems`; then no workload may be run.
[[nodiscard]] inline workload_file read_workloads(std::string_view text)
{
    workload_file out;
    const auto fail = [&out](std::string key, std::string value, std::string remedy) {
        out.problems.push_back({"the file", std::move(key), std::move(value), std::move(remedy)});
    };
    const mayfly::detail::json_document doc = mayfly::detail::read_json(text);
    if (!doc) {
        fail("", "", "not a JSON text: " + doc.error);
        return out;
    }
    const mayfly::detail::json_value* const schema = doc.root.find("schema");
    if (schema == nullptr || schema->text != "scaling-workloads/1") {
        fail("schema", schema == nullptr ? "missing" : '"' + schema->text + '"', "\"scaling-workloads/1\" is expected");
        return out;
    }
    detail::workload_reader reader(out.problems);
    workload base;
    if (const auto* defaults = doc.root.find("defaults"))
        reader.defaults(*defaults, base);
    const mayfly::detail::json_value* const list = doc.root.find("workloads");
    if (list == nullptr || !list->is_array()) {
        fail("workloads", list == nullptr ? "missing" : std::string(to_string(list->is)), "a list is expected");
        return out;
    }
    for (std::size_t i = 0; i < list->items.size(); ++i)
        reader.read(list->items[i], i, out.workloads.emplace_back(base));
    std::vector<std::string_view> ids;
    for (const workload& w : out.workloads)
        ids.push_back(w.id);
    std::sort(ids.begin(), ids.end());
    if (const auto twice = std::adjacent_find(ids.begin(), ids.end()); twice != ids.end() && !twice->empty())
        fail("id", '"' + std::string(*twice) + '"', "two workloads have this name; every name may be used once");
    return out;
}

}  // namespace mayfly::testing

// mayfly/version.hpp --------------------------------------------------------------------------------------------------

// The one place the version is written; CMake and Conan read it from here.
#define MAYFLY_VERSION_MAJOR 0
#define MAYFLY_VERSION_MINOR 1
#define MAYFLY_VERSION_PATCH 0

#if !defined(MAYFLY_NO_ASIO) && __has_include(<boost/asio/async_result.hpp>)
/// Defined when the parts that need Boost.Asio are here.
#define MAYFLY_HAS_ASIO 1

#endif
