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
#include <deque>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <unistd.h>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

// mayfly/base64.hpp ---------------------------------------------------------------------------------------------------

namespace mayfly {

enum class base64_form : std::uint8_t {
    padded,   ///< As in RFC 4648: `+` and `/`, filled up with `=`.
    liberal,  ///< Written without the filling. Read with or without it, with `-` and `_` too.
};

inline void append_base64(std::string& out, std::string_view bytes, base64_form form = base64_form::padded)
{
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t k) -> std::uint32_t {
            return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U;
        };
        const std::uint32_t three = byte(0) << 16U | byte(1) << 8U | byte(2);
        const std::size_t filled = bytes.size() - i < 3 ? bytes.size() - i + 1 : 4;
        for (std::size_t k = 0; k < filled; ++k)
            out += digits[three >> (18U - 6U * k) & 63U];
        if (form == base64_form::padded)
            out.append(4 - filled, '=');
    }
}

[[nodiscard]] inline std::string to_base64(std::string_view bytes, base64_form form = base64_form::padded)
{
    std::string out;
    append_base64(out, bytes, form);
    return out;
}

/// Nothing if it is not of that form.
[[nodiscard]] inline std::optional<std::string> from_base64(
    std::string_view text, base64_form form = base64_form::padded)
{
    static constexpr std::uint8_t none = 255;
    static constexpr auto values = [] {
        constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        std::array<std::uint8_t, 256> v{};
        v.fill(none);
        for (std::size_t i = 0; i < digits.size(); ++i)
            v[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
        return v;
    }();
    if (text.size() % 4 == 0)
        for (int i = 0; i < 2 && text.ends_with('='); ++i)
            text.remove_suffix(1);
    else if (form == base64_form::padded)
        return std::nullopt;
    if (text.size() % 4 == 1)
        return std::nullopt;
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t held = 0;
    unsigned bits = 0;
    for (const char c : text) {
        std::uint8_t value = values[static_cast<unsigned char>(c)];
        if (value == none && form == base64_form::liberal)
            value = c == '-' ? 62 : c == '_' ? 63 : none;
        if (value == none)
            return std::nullopt;
        held = (held << 6U | value) & 0xffffU;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += static_cast<char>(held >> bits & 255U);
        }
    }
    return out;
}

}  // namespace mayfly

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

// mayfly/problem.hpp --------------------------------------------------------------------------------------------------

namespace mayfly {

/// One thing that is wrong with what somebody wrote.
struct problem {
    std::string field{};   ///< Where, like `groups.default.provider.details.arn`.
    std::string value{};   ///< What stands there; empty if nothing does.
    std::string remedy{};  ///< What to do about it.

    friend bool operator==(const problem&, const problem&) = default;
};

/// All that is wrong, not the first thing alone.
using problems = std::vector<problem>;

[[nodiscard]] inline std::string to_string(const problem& p)
{
    std::string out = p.field;
    if (!p.value.empty())
        out += " is " + p.value;
    return out + ": " + p.remedy;
}

/// One problem a line.
[[nodiscard]] inline std::string to_string(const problems& all)
{
    std::string out;
    for (const problem& p : all)
        out += (out.empty() ? "" : "\n") + to_string(p);
    return out;
}

/// A value, or all the reasons why there is none.
template <class T>
class checked {
public:
    checked(T value) : is_{std::in_place_index<0>, std::move(value)} {}
    /// `wrong` is not empty.
    checked(mayfly::problems wrong) : is_{std::in_place_index<1>, std::move(wrong)} {}

    [[nodiscard]] explicit operator bool() const noexcept { return is_.index() == 0; }
    /// Only if there is a value.
    [[nodiscard]] const T& operator*() const& noexcept { return *std::get_if<0>(&is_); }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(*std::get_if<0>(&is_)); }
    [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&is_); }
    /// Empty if there is a value.
    [[nodiscard]] mayfly::problems problems() const
    {
        const auto* wrong = std::get_if<1>(&is_);
        return wrong != nullptr ? *wrong : mayfly::problems{};
    }

private:
    std::variant<T, mayfly::problems> is_;
};

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

/// What a specification from outside holds where it names no type, or one that is not known here. Never valid.
inline constexpr task_type unspecified_task_type{0xFF};

/// A set of task types, in one byte. It never contains an unspecified one.
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
        return t > task_type::nexus ? std::uint8_t{0} : static_cast<std::uint8_t>(1U << static_cast<unsigned>(t));
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

/// The most bytes that a Temporal server takes for a deployment name or a build id: half of its limit for an id, 1000,
/// less a prefix. A server may be set up to take fewer; tools for Kubernetes take 63.
inline constexpr std::size_t longest_version_name = 480;

/// What a Temporal server would refuse about the two names.
[[nodiscard]] inline problems check_names(const deployment_version& v, std::size_t longest = longest_version_name)
{
    problems wrong;
    const auto check = [&](const char* field, const std::string& name, std::string_view forbidden) {
        if (name.empty())
            wrong.push_back({field, "", "give a name; a worker needs both a deployment and a build id"});
        if (const auto at = name.find_first_of(forbidden); at != std::string::npos)
            wrong.push_back({field, '"' + name + '"', std::string{"leave out '"} + name[at] + '\''});
        if (name.starts_with("__"))
            wrong.push_back({field, '"' + name + '"', "do not begin with \"__\"; such names are the server's own"});
        if (name.size() > longest)
            wrong.push_back({field, '"' + name + '"',
                "has " + std::to_string(name.size()) + " bytes; give at most " + std::to_string(longest)});
    };
    check("deployment", v.deployment, ".:");
    check("build_id", v.build_id, ":");
    return wrong;
}

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

// mayfly/settings.hpp -------------------------------------------------------------------------------------------------

// Settings as a configuration file or a registry carries them: names and simple values. A program that sets a scaler
// up in code does not need this: there, settings are the fields of a struct.

namespace mayfly {

using setting = std::variant<bool, std::int64_t, double, std::string>;
using settings = std::map<std::string, setting, std::less<>>;

/// As a user would write it; text stands in quotes.
[[nodiscard]] inline std::string to_string(const setting& s)
{
    if (const auto* b = std::get_if<bool>(&s))
        return *b ? "true" : "false";
    if (const auto* i = std::get_if<std::int64_t>(&s))
        return std::to_string(*i);
    if (const auto* d = std::get_if<double>(&s)) {
        std::array<char, 32> buffer{};
        const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), *d).ptr;
        return {buffer.data(), end};
    }
    return '"' + *std::get_if<std::string>(&s) + '"';
}

namespace detail {

template <class Number>
[[nodiscard]] std::optional<Number> number_in(std::string_view text) noexcept
{
    Number out{};
    const char* const end = text.data() + text.size();
    const auto [at, ec] = std::from_chars(text.data(), end, out);
    return ec == std::errc{} && at == end ? std::optional{out} : std::nullopt;
}

}  // namespace detail

/// A whole number, however it was carried: 5, 5.0 or "5". Nothing else is one, `true` included.
[[nodiscard]] inline std::optional<std::int64_t> whole_number(const setting& s) noexcept
{
    if (const auto* i = std::get_if<std::int64_t>(&s))
        return *i;
    if (const auto* text = std::get_if<std::string>(&s))
        return detail::number_in<std::int64_t>(*text);
    const auto* d = std::get_if<double>(&s);
    constexpr double beyond = 9223372036854775808.0;  // 2^63: the largest integer itself has no double.
    if (d == nullptr || !(*d >= -beyond && *d < beyond) || std::trunc(*d) != *d)
        return std::nullopt;
    return static_cast<std::int64_t>(*d);
}

/// A finite number, however it was carried.
[[nodiscard]] inline std::optional<double> finite_number(const setting& s) noexcept
{
    std::optional<double> out;
    if (const auto* d = std::get_if<double>(&s))
        out = *d;
    else if (const auto* i = std::get_if<std::int64_t>(&s))
        out = static_cast<double>(*i);
    else if (const auto* text = std::get_if<std::string>(&s))
        out = detail::number_in<double>(*text);
    return out && std::isfinite(*out) ? out : std::nullopt;
}

/// Where a number may lie. `above` is not part of it, `to` is.
struct number_range {
    double from = 0;
    double to = std::numeric_limits<double>::infinity();
    bool above = false;  ///< `from` itself is too little.

    [[nodiscard]] constexpr bool contains(double d) const noexcept { return (above ? d > from : d >= from) && d <= to; }
};

[[nodiscard]] inline std::string to_string(const number_range& r)
{
    std::string out = (r.above ? "above " : "from ") + to_string(setting{r.from});
    if (r.to < std::numeric_limits<double>::infinity())
        out += " to " + to_string(setting{r.to});
    else if (!r.above)
        out += " up";
    return out;
}

/// Takes the fields of a struct out of settings. A field whose key is absent keeps its value.
class settings_reader {
public:
    /// Field names of problems begin with `where`.
    settings_reader(const settings& from, std::string where) : from_{from}, where_{std::move(where)} {}

    template <std::integral I>
    void whole(std::string_view key, I& into, std::int64_t least, std::int64_t most)
    {
        const setting* const s = find(key, std::to_string(into));
        if (s == nullptr)
            return;
        const auto n = whole_number(*s);
        if (n && *n >= least && *n <= most)
            into = static_cast<I>(*n);
        else
            wrong(key, "give a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }

    void milliseconds(std::string_view key, uptime& into, std::int64_t least)
    {
        std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(into).count();
        whole(key, ms, least, std::chrono::duration_cast<std::chrono::milliseconds>(never).count());
        if (from_.contains(key) && !failed(key))
            into = std::chrono::milliseconds{ms};
    }

    void number(std::string_view key, double& into, const number_range& range)
    {
        const setting* const s = find(key, to_string(setting{into}));
        if (s == nullptr)
            return;
        const auto d = finite_number(*s);
        if (d && range.contains(*d))
            into = *d;
        else
            wrong(key, "give a number " + to_string(range));
    }

    void text(std::string_view key, std::string& into)
    {
        const setting* const s = find(key, to_string(setting{into}));
        if (s == nullptr)
            return;
        if (const auto* t = std::get_if<std::string>(s))
            into = *t;
        else
            wrong(key, "give text");
    }

    void flag(std::string_view key, bool& into)
    {
        const setting* const s = find(key, to_string(setting{into}));
        if (s == nullptr)
            return;
        const auto* t = std::get_if<std::string>(s);
        if (const auto* b = std::get_if<bool>(s))
            into = *b;
        else if (t != nullptr && (*t == "true" || *t == "false"))
            into = *t == "true";
        else
            wrong(key, "give true or false");
    }

    /// A key that has to be there, and be text that is not empty.
    void required_text(std::string_view key, std::string& into)
    {
        text(key, into);
        if (into.empty() && !failed(key))
            wrong(key, "is required");
    }

    /// A rule over several keys, of which the first is to blame. Keys that are wrong by themselves are left in peace.
    void require(bool holds, std::initializer_list<std::string_view> keys, std::string remedy)
    {
        if (holds || std::any_of(keys.begin(), keys.end(), [this](std::string_view k) { return failed(k); }))
            return;
        for (auto k = keys.begin() + 1; k < keys.end(); ++k)
            remedy += (k == keys.begin() + 1 ? " (" : ", ") + std::string{*k} + " is " + in_effect(*k);
        add(*keys.begin(), in_effect(*keys.begin()), keys.size() > 1 ? remedy + ')' : remedy);
    }

    /// All problems, unknown keys among them. Call it last.
    [[nodiscard]] problems finish()
    {
        for (const auto& [key, value] : from_) {
            if (known(key) != known_.end())
                continue;
            std::string names;
            for (const auto& k : known_)
                names += (names.empty() ? "" : ", ") + k.first;
            add(key, to_string(value),
                names.empty() ? "there are no settings here; remove it" : "unknown; the settings are " + names);
        }
        return std::move(found_);
    }

private:
    using known_keys = std::vector<std::pair<std::string, std::string>>;

    [[nodiscard]] const setting* find(std::string_view key, std::string otherwise)
    {
        if (known(key) == known_.end())
            known_.emplace_back(key, std::move(otherwise));
        const auto at = from_.find(key);
        return at == from_.end() ? nullptr : &at->second;
    }

    [[nodiscard]] known_keys::const_iterator known(std::string_view key) const
    {
        return std::find_if(known_.begin(), known_.end(), [key](const auto& k) { return k.first == key; });
    }

    [[nodiscard]] std::string in_effect(std::string_view key) const
    {
        if (const auto at = from_.find(key); at != from_.end())
            return to_string(at->second);
        const auto at = known(key);
        return at == known_.end() ? std::string{} : at->second + ", the default";
    }

    [[nodiscard]] bool failed(std::string_view key) const
    {
        return std::find(failed_.begin(), failed_.end(), key) != failed_.end();
    }

    void wrong(std::string_view key, std::string remedy)
    {
        const auto at = from_.find(key);
        add(key, at == from_.end() ? std::string{} : to_string(at->second), std::move(remedy));
        failed_.emplace_back(key);
    }

    void add(std::string_view key, std::string value, std::string remedy)
    {
        std::string field = where_;
        if (!field.empty())
            field += '.';
        found_.push_back({field.append(key), std::move(value), std::move(remedy)});
    }

    const settings& from_;
    std::string where_;
    known_keys known_;  // With their defaults.
    std::vector<std::string> failed_;
    problems found_;
};

/// What can be read from settings: somewhere beside `T`, there is `void read_settings(settings_reader&, T&)`.
template <class T>
concept FromSettings = std::default_initializable<T> && requires(settings_reader& from, T& into)
{
    read_settings(from, into);
};

/// A `T` with the given settings and defaults for all others, or every problem with them.
template <FromSettings T>
[[nodiscard]] checked<T> from_settings(const settings& from, std::string where = {})
{
    T out{};
    settings_reader reader{from, std::move(where)};
    read_settings(reader, out);
    problems wrong = reader.finish();
    if (!wrong.empty())
        return wrong;
    return out;
}

/// What is wrong with these settings for a `T`. Its address serves as a table's entry.
template <FromSettings T>
[[nodiscard]] problems check_settings(const settings& from, const std::string& where)
{
    return from_settings<T>(from, where).problems();
}

}  // namespace mayfly

// mayfly/compute_registry.hpp -----------------------------------------------------------------------------------------

// Which providers and scalers a host program has, as plain tables. Specifications are checked against them.

namespace mayfly {

/// Finds what is wrong with the details of a provider or scaler. Field names of problems begin with the second
/// argument.
using details_check = problems(const settings&, const std::string&);

/// How firmly a provider's details name the code that will run.
enum class code_binding : std::uint8_t {
    fixed,     ///< One published state of it, for ever.
    floating,  ///< Whatever is deployed last: no version is named, or "the latest".
    movable,   ///< A name that somebody can point at something else.
};

/// The code behind a scaling group, in the provider's own words.
struct code_reference {
    std::string field{};  ///< The key of the details that names it, like `arn`.
    std::string code{};   ///< Its name; the same name is the same code. Empty: cannot be told.
    code_binding binding = code_binding::fixed;
};

/// A way to put workers into the world, as far as a specification needs to know it.
struct provider_kind {
    std::string_view type;
    launch_strategy strategy = launch_strategy::invoke;
    bool enabled = true;
    bool remote = false;                                    ///< Reached through a Nexus endpoint.
    details_check* check = nullptr;                         ///< Null: any details will do.
    code_reference (*classify)(const settings&) = nullptr;  ///< Null: nothing is known about code.
};

/// An algorithm, as far as a specification needs to know it.
struct scaler_kind {
    std::string_view type;
    launch_strategy strategy = launch_strategy::invoke;
    bool enabled = true;
    details_check* check = nullptr;  ///< Null: any details will do.
};

/// The tables of a host program, which outlive this view of them.
struct compute_registry {
    std::span<const provider_kind> providers{};
    std::span<const scaler_kind> scalers{};
    std::string_view default_invoke_scaler = "no-sync";         ///< For a group that names none.
    std::string_view default_worker_set_scaler = "rate-based";  ///< Likewise, if its provider resizes a set.

    [[nodiscard]] const provider_kind* provider(std::string_view type) const noexcept { return find(providers, type); }
    [[nodiscard]] const scaler_kind* scaler(std::string_view type) const noexcept { return find(scalers, type); }
    [[nodiscard]] std::string_view default_scaler(launch_strategy s) const noexcept
    {
        return s == launch_strategy::invoke ? default_invoke_scaler : default_worker_set_scaler;
    }

private:
    template <class Kind>
    [[nodiscard]] static const Kind* find(std::span<const Kind> kinds, std::string_view type) noexcept
    {
        const auto at = std::find_if(kinds.begin(), kinds.end(), [type](const Kind& k) { return k.type == type; });
        return at == kinds.end() ? nullptr : &*at;
    }
};

}  // namespace mayfly

// mayfly/compute_config.hpp -------------------------------------------------------------------------------------------

namespace mayfly {

struct provider_spec {
    std::string type{};
    settings details{};
    std::string nexus_endpoint{};

    friend bool operator==(const provider_spec&, const provider_spec&) = default;
};

struct scaler_spec {
    std::string type{};  ///< Empty: as fits the provider.
    settings details{};

    friend bool operator==(const scaler_spec&, const scaler_spec&) = default;
};

/// Who serves which tasks of a version. As written by a user: everything may be missing or wrong.
struct scaling_group {
    std::vector<task_type> types{};      ///< Empty: the catch-all, for whatever no other group names.
    std::vector<std::string> regions{};  ///< Empty: wherever no group of that region serves the type.
    std::optional<provider_spec> provider{};
    std::optional<scaler_spec> scaler{};
    scaling_limits limits{};

    friend bool operator==(const scaling_group&, const scaling_group&) = default;
};

/// How the workers of one version come to be. Without groups there are none: such a version is never started.
struct compute_config {
    std::map<std::string, scaling_group, std::less<>> groups{};

    friend bool operator==(const compute_config&, const compute_config&) = default;
};

/// The id of the group that serves a type on a host in `region` (empty for a host without one): a group of that region
/// that names the type, else the region's catch-all, else the same among groups without regions. Null if none does.
[[nodiscard]] inline const std::string* serving_group(
    const compute_config& config, task_type type, std::string_view region = {}) noexcept
{
    const std::string* best = nullptr;
    int best_rank = 4;
    for (const auto& [id, g] : config.groups) {
        const bool here = std::find(g.regions.begin(), g.regions.end(), region) != g.regions.end();
        const bool named = std::find(g.types.begin(), g.types.end(), type) != g.types.end();
        if ((!here && !g.regions.empty()) || (!named && !g.types.empty()))
            continue;
        const int rank = (here ? 0 : 2) + (named ? 0 : 1);
        if (rank < best_rank) {
            best_rank = rank;
            best = &id;
        }
    }
    return best;
}

/// The types that a group really serves there.
[[nodiscard]] inline task_types effective_types(
    const compute_config& config, std::string_view group, std::string_view region = {}) noexcept
{
    task_types out;
    for (task_type t : all_task_types)
        if (const std::string* const id = serving_group(config, t, region); id != nullptr && *id == group)
            out.insert(t);
    return out;
}

/// The algorithm of a group: its own, or the default of its provider; empty if neither is known.
[[nodiscard]] inline std::string_view effective_scaler(const scaling_group& g, const compute_registry& known) noexcept
{
    if (g.scaler && !g.scaler->type.empty())
        return g.scaler->type;
    const provider_kind* const p = g.provider ? known.provider(g.provider->type) : nullptr;
    return p != nullptr ? known.default_scaler(p->strategy) : std::string_view{};
}

/// Errors forbid; warnings only tell.
struct findings {
    problems errors{};
    problems warnings{};

    friend bool operator==(const findings&, const findings&) = default;
};

namespace detail {

/// Goes through one configuration and gathers what is wrong.
class config_check {
public:
    config_check(const compute_config& config, const compute_registry& known) : config_{config}, known_{known} {}

    [[nodiscard]] findings run() &&
    {
        if (config_.groups.empty())
            error("groups", "", "give at least one scaling group");
        for (const auto& [id, g] : config_.groups) {
            at_ = "groups." + id;
            if (id.empty())
                error("groups", "\"\"", "give every group a name");
            types(g);
            regions(g);
            compute(g);
            limits(g.limits);
        }
        std::set<std::string_view> scopes{""};
        for (const auto& [id, g] : config_.groups)
            scopes.insert(g.regions.begin(), g.regions.end());
        for (std::string_view scope : scopes)
            unique(scope);
        return std::move(found_);
    }

private:
    void error(std::string field, std::string value, std::string remedy)
    {
        found_.errors.push_back({std::move(field), std::move(value), std::move(remedy)});
    }

    [[nodiscard]] static std::string quoted(std::string_view text) { return '"' + std::string{text} + '"'; }

    template <class Kind>
    [[nodiscard]] static std::string names(std::span<const Kind> kinds)
    {
        std::string out;
        for (const Kind& k : kinds)
            if (k.enabled)
                out += (out.empty() ? "" : ", ") + std::string{k.type};
        return out.empty() ? "none" : out;
    }

    void types(const scaling_group& g)
    {
        for (std::size_t i = 0; i < g.types.size(); ++i) {
            const std::string field = at_ + ".task_types[" + std::to_string(i) + ']';
            const task_type t = g.types[i];
            if (!task_types::all().contains(t))
                error(field, "unspecified", "give workflow, activity or nexus");
            else if (std::find(g.types.begin(), g.types.begin() + static_cast<std::ptrdiff_t>(i), t) !=
                     g.types.begin() + static_cast<std::ptrdiff_t>(i))
                error(field, std::string{to_string(t)}, "name each type once");
        }
    }

    void regions(const scaling_group& g)
    {
        std::set<std::string_view> seen;
        for (std::size_t i = 0; i < g.regions.size(); ++i) {
            const std::string& r = g.regions[i];
            const std::string field = at_ + ".regions[" + std::to_string(i) + ']';
            if (!region_id(r))
                error(field, quoted(r), "write it like aws-us-east-1: lower case letters, digits and single hyphens");
            else if (!seen.insert(r).second)
                error(field, quoted(r), "name each region once");
        }
    }

    [[nodiscard]] static bool region_id(std::string_view r) noexcept
    {
        const auto part = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
        return r.find('-') != std::string_view::npos && r.find("--") == std::string_view::npos && r.front() != '-' &&
               r.back() != '-' && std::all_of(r.begin(), r.end(), [&](char c) { return c == '-' || part(c); });
    }

    void compute(const scaling_group& g)
    {
        const provider_kind* const p = provider(g);
        const scaler_spec chosen = g.scaler.value_or(scaler_spec{});
        const std::string type{effective_scaler(g, known_)};
        if (type.empty())
            return;  // The provider is not known, so its default is not either, and that is said already.
        const std::string field = at_ + ".scaler.type";
        const std::string value = quoted(type) + (chosen.type.empty() ? ", the default" : "");
        const scaler_kind* const s = known_.scaler(type);
        if (s == nullptr || !s->enabled) {
            error(field, value,
                (s == nullptr ? "not known here; give one of: " : "not enabled here; give one of: ") +
                    names(known_.scalers));
            return;
        }
        if (p != nullptr && p->strategy != s->strategy)
            error(field, value, mismatch(*p, *s));
        if (s->check != nullptr)
            append(s->check(chosen.details, at_ + ".scaler.details"));
    }

    [[nodiscard]] static std::string mismatch(const provider_kind& p, const scaler_kind& s)
    {
        const auto does = [](launch_strategy l) {
            return l == launch_strategy::invoke ? std::string{"starts single workers"} : "sizes a worker set";
        };
        return does(s.strategy) + ", but provider \"" + std::string{p.type} + "\" " + does(p.strategy) +
               "; choose an algorithm that does too";
    }

    [[nodiscard]] const provider_kind* provider(const scaling_group& g)
    {
        const std::string field = at_ + ".provider";
        if (!g.provider) {
            error(field, "", "give a provider; known are: " + names(known_.providers));
            return nullptr;
        }
        const provider_kind* const p = known_.provider(g.provider->type);
        if (p == nullptr || !p->enabled) {
            error(field + ".type", quoted(g.provider->type),
                (p == nullptr ? "not known here; give one of: " : "not enabled here; give one of: ") +
                    names(known_.providers));
            return p;
        }
        if (!g.provider->nexus_endpoint.empty() && !p->remote)
            error(field + ".nexus_endpoint", quoted(g.provider->nexus_endpoint),
                "remove it; provider \"" + g.provider->type + "\" is not reached through an endpoint");
        if (p->check != nullptr)
            append(p->check(g.provider->details, field + ".details"));
        return p;
    }

    void limits(const scaling_limits& l)
    {
        if (l.max == 0)
            error(at_ + ".limits.max", "0", "give at least 1; with 0 no worker would ever start");
        else if (l.min > l.max)
            error(at_ + ".limits.min", std::to_string(l.min),
                "give at most limits.max, which is " + std::to_string(l.max));
    }

    void append(problems more) { std::move(more.begin(), more.end(), std::back_inserter(found_.errors)); }

    // Where the groups of one region, or those without regions, get into each other's way.
    void unique(std::string_view scope)
    {
        const std::string where = scope.empty() ? "" : " in region " + std::string{scope};
        const std::string* catch_all = nullptr;
        std::map<task_type, const std::string*> claimed;
        for (const auto& [id, g] : config_.groups) {
            const bool here = scope.empty() ? g.regions.empty()
                                            : std::find(g.regions.begin(), g.regions.end(), scope) != g.regions.end();
            if (!here)
                continue;
            const std::string field = "groups." + id + ".task_types";
            if (g.types.empty() && catch_all != nullptr)
                error(
                    field, "empty", "name types; group \"" + *catch_all + "\" already takes whatever is left" + where);
            if (g.types.empty() && catch_all == nullptr)
                catch_all = &id;
            for (task_type t : g.types)
                if (const auto [at, first] = claimed.emplace(t, &id);
                    !first && *at->second != id && task_types::all().contains(t))
                    error(field, std::string{to_string(t)},
                        "name it in one group only; group \"" + *at->second + "\" already does" + where);
        }
        if (catch_all != nullptr && effective_types(config_, *catch_all, scope).empty())
            found_.warnings.push_back({"groups." + *catch_all + ".task_types", "empty",
                "nothing is left for this group" + where + ", so it never starts a worker; name types or remove it"});
    }

    const compute_config& config_;
    const compute_registry& known_;
    std::string at_;
    findings found_;
};

}  // namespace detail

/// Everything that can be told without asking anybody: all errors, and what is allowed but surely not meant.
[[nodiscard]] inline findings check(const compute_config& config, const compute_registry& known)
{
    return detail::config_check{config, known}.run();
}

/// A version and its configuration, to compare with.
struct configured_version {
    const deployment_version* version = nullptr;
    const compute_config* config = nullptr;
};

/** Warnings about which code runs under which name. One build id shall stand for one published state of the code.

    `others` are the versions known so far, and may hold this one as it was before a change.
*/
[[nodiscard]] inline problems check_code(const deployment_version& version, const compute_config& config,
    std::span<const configured_version> others, const compute_registry& known)
{
    const auto reference = [&known](const scaling_group& g) {
        const provider_kind* const p = g.provider ? known.provider(g.provider->type) : nullptr;
        return p != nullptr && p->classify != nullptr ? p->classify(g.provider->details) : code_reference{};
    };
    problems out;
    for (const auto& [id, g] : config.groups) {
        const code_reference here = reference(g);
        if (here.code.empty())
            continue;
        const std::string field = "groups." + id + ".provider.details." + here.field;
        const auto warn = [&](std::string remedy) { out.push_back({field, '"' + here.code + '"', std::move(remedy)}); };
        if (here.binding == code_binding::floating)
            warn("names no published version, so the next deployment changes the code behind this build id; name one");
        if (here.binding == code_binding::movable)
            warn("can be pointed at other code, which then runs under this build id; name a published version");
        for (const configured_version& o : others) {
            if (o.version->deployment != version.deployment)
                continue;
            if (*o.version == version) {
                const auto before = o.config->groups.find(id);
                if (before == o.config->groups.end())
                    continue;
                const code_reference was = reference(before->second);
                if (!was.code.empty() && was.code != here.code)
                    warn("was \"" + was.code + "\": the code changes under build id \"" + version.build_id +
                         "\"; give new code a new build id");
            } else if (std::any_of(o.config->groups.begin(), o.config->groups.end(),
                           [&](const auto& other) { return reference(other.second).code == here.code; })) {
                warn("is also the code of build id \"" + o.version->build_id +
                     "\"; publish a version of the code for each build id");
            }
        }
    }
    return out;
}

}  // namespace mayfly

// mayfly/compute_update.hpp -------------------------------------------------------------------------------------------

namespace mayfly {

/// What shall become of one group.
struct group_change {
    scaling_group group{};
    /// Which of its fields count: `task_queue_types`, `provider`, `provider.type`, `provider.details`,
    /// `provider.nexus_endpoint`, `scaler`, `scaler.type`, `scaler.details`, and of our own `region_ids` and `limits`.
    /// A group that exists keeps all others; a group that does not is taken whole.
    std::vector<std::string> mask{};
};

/// A change to a version's configuration. Changes come first: a group in both lists ends up removed.
struct compute_update {
    std::map<std::string, group_change, std::less<>> change{};
    std::vector<std::string> remove{};
    std::string conflict_token{};  ///< Of the record that the change was made for; empty: whatever is there.
    std::string request_id{};      ///< The same id again changes nothing; empty: every update counts.
};

/// What is kept of a version's configuration.
struct compute_record {
    compute_config config{};
    std::uint64_t revision = 1;
    std::vector<std::string> requests{};  ///< The last ids, newest last.

    static constexpr std::size_t remembered_requests = 16;

    [[nodiscard]] std::string conflict_token() const { return std::to_string(revision); }
    friend bool operator==(const compute_record&, const compute_record&) = default;
};

/// What an update comes to. Nothing is stored yet: the providers may have to agree first, and workers to be started.
struct update_plan {
    enum class verdict : std::uint8_t {
        create,               ///< `record` is the version's first.
        change,               ///< `record` takes the place of the one before.
        end,                  ///< No group is left: forget the record, at once.
        nothing,              ///< All is as it shall be.
        invalid_argument,     ///< `found.errors` say why.
        failed_precondition,  ///< Likewise; the update may be right at another time.
    };

    verdict what = verdict::nothing;
    compute_record record{};  ///< For `create` and `change`.
    findings found{};
    std::vector<std::string> reset{};  ///< Groups whose algorithm is another one now: its state is to be forgotten.

    [[nodiscard]] bool refused() const noexcept
    {
        return what == verdict::invalid_argument || what == verdict::failed_precondition;
    }
};

[[nodiscard]] constexpr std::string_view to_string(update_plan::verdict v) noexcept
{
    switch (v) {
    case update_plan::verdict::create: return "create";
    case update_plan::verdict::change: return "change";
    case update_plan::verdict::end: return "end";
    case update_plan::verdict::nothing: return "nothing";
    case update_plan::verdict::invalid_argument: return "invalid_argument";
    case update_plan::verdict::failed_precondition: return "failed_precondition";
    }
    return "unknown";
}

namespace detail {

inline constexpr std::array<std::string_view, 10> mask_paths{"task_queue_types", "provider", "provider.type",
    "provider.details", "provider.nexus_endpoint", "scaler", "scaler.type", "scaler.details", "region_ids", "limits"};

/// Copies one named field. False if it cannot be copied from there.
[[nodiscard]] inline bool copy_field(scaling_group& into, const scaling_group& from, std::string_view path)
{
    const auto provider = [&]() -> provider_spec& { return into.provider ? *into.provider : into.provider.emplace(); };
    const auto scaler = [&]() -> scaler_spec& { return into.scaler ? *into.scaler : into.scaler.emplace(); };
    const provider_spec given = from.provider.value_or(provider_spec{});

    if (path == "task_queue_types")
        into.types = from.types;
    else if (path == "region_ids")
        into.regions = from.regions;
    else if (path == "limits")
        into.limits = from.limits;
    else if (path == "provider")
        into.provider = from.provider;
    else if (path == "provider.type")
        provider().type = given.type;
    else if (path == "provider.details")
        provider().details = given.details;
    else if (path == "provider.nexus_endpoint")
        provider().nexus_endpoint = given.nexus_endpoint;
    else if (path == "scaler")
        into.scaler = from.scaler;
    else if (!from.scaler)
        return false;
    else if (path == "scaler.type")
        scaler().type = from.scaler->type;
    else
        scaler().details = from.scaler->details;
    return true;
}

inline void apply_change(scaling_group& into, const std::string& id, const group_change& change, problems& wrong)
{
    for (std::size_t i = 0; i < change.mask.size(); ++i) {
        const std::string& path = change.mask[i];
        const std::string field = "groups." + id + ".mask[" + std::to_string(i) + ']';
        if (std::find(mask_paths.begin(), mask_paths.end(), path) == mask_paths.end()) {
            std::string names;
            for (std::string_view p : mask_paths)
                names += (names.empty() ? "" : ", ") + std::string{p};
            wrong.push_back({field, '"' + path + '"', "unknown; the paths are " + names});
        } else if (!copy_field(into, change.group, path)) {
            wrong.push_back({field, '"' + path + '"', "give the scaler that the path speaks of"});
        }
    }
}

}  // namespace detail

/** Works out what an update makes of what is stored. `stored` is null for a version without a configuration.

    Pure: it neither stores nor asks anybody. Whoever stores the result has to make sure that the record is still the
    one that was given here.
*/
[[nodiscard]] inline update_plan plan_update(
    const compute_record* stored, const compute_update& update, const compute_registry& known)
{
    using outcome = update_plan::verdict;
    const auto refuse = [](outcome why, problems errors) {
        return update_plan{.what = why, .found = {.errors = std::move(errors)}};
    };

    if (stored != nullptr && !update.request_id.empty() &&
        std::find(stored->requests.begin(), stored->requests.end(), update.request_id) != stored->requests.end())
        return {};
    if (update.change.empty() && update.remove.empty())
        return refuse(outcome::failed_precondition, {{"update", "empty", "name groups to change or to remove"}});
    if (!update.conflict_token.empty() && stored == nullptr)
        return refuse(outcome::failed_precondition, {{"conflict_token", '"' + update.conflict_token + '"',
                                                        "leave it out; the version has no configuration yet"}});
    if (!update.conflict_token.empty() && update.conflict_token != stored->conflict_token())
        return refuse(outcome::failed_precondition,
            {{"conflict_token", '"' + update.conflict_token + '"',
                "the configuration was changed in the meantime; read it again and make the change on top of that"}});

    update_plan plan;
    compute_record& next = plan.record;
    if (stored != nullptr)
        next = *stored;
    for (const auto& [id, change] : update.change) {
        const auto at = next.config.groups.find(id);
        if (at == next.config.groups.end())
            next.config.groups.emplace(id, change.group);
        else
            detail::apply_change(at->second, id, change, plan.found.errors);
    }
    for (const std::string& id : update.remove)
        if (next.config.groups.erase(id) == 0)
            plan.found.warnings.push_back({"remove", '"' + id + '"', "there is no such group; nothing was removed"});
    if (!plan.found.errors.empty())
        return refuse(outcome::invalid_argument, std::move(plan.found.errors));

    const compute_config before = stored != nullptr ? stored->config : compute_config{};
    if (next.config == before) {
        plan.record = {};
        return plan;
    }
    if (next.config.groups.empty()) {
        plan.what = outcome::end;
        plan.record = {};
        return plan;
    }

    findings found = check(next.config, known);
    if (!found.errors.empty())
        return refuse(outcome::invalid_argument, std::move(found.errors));
    plan.found.warnings.insert(plan.found.warnings.end(), found.warnings.begin(), found.warnings.end());

    plan.what = stored != nullptr ? outcome::change : outcome::create;
    if (stored != nullptr)
        ++next.revision;
    if (!update.request_id.empty()) {
        next.requests.push_back(update.request_id);
        if (next.requests.size() > compute_record::remembered_requests)
            next.requests.erase(next.requests.begin());
    }
    for (const auto& [id, g] : next.config.groups)
        if (const auto old = before.groups.find(id);
            old != before.groups.end() && effective_scaler(old->second, known) != effective_scaler(g, known))
            plan.reset.push_back(id);
    return plan;
}

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
    {
        // Rules arrive from outside. A look without end would be worse than a rare one.
        rules_.thin_every = std::max<uptime>(rules_.thin_every, std::chrono::milliseconds{1});
    }

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

// mayfly/launch.hpp ---------------------------------------------------------------------------------------------------

// What passes between a controller and a provider.

namespace mayfly {

/// Whom to start: one scaling group of one version. Shared, so that it outlives a version removed in mid-call.
struct launch_target {
    deployment_version version{};
    std::string group = "default";
    /// The part behind the `@` in the identity of its workers, usually the function's name at the platform. With it the
    /// controller takes in workers it does not know, which is how its books come back after a restart.
    std::string function{};
    settings details{};  ///< The provider's own settings.
};

/// "Start `count` more."
struct launch_request {
    std::shared_ptr<const launch_target> target{};
    std::uint32_t count = 1;         ///< Above zero.
    std::uint32_t stay = 0;          ///< The first so many fill the minimum: they must not leave when idle.
    std::uint64_t first_launch = 0;  ///< Our ids of the starts are this one and those that follow.
    leave_rules orders{};            ///< What the workers are told.
};

/// How it went, start by start.
struct launch_report {
    struct start {
        condition outcome = condition::ok;
        std::string request_id{};  ///< The platform's id of an accepted start.
    };
    std::vector<start> starts{};  ///< In order; one that is missing counts as the call's own error.
    std::string detail{};         ///< The platform's own words about a failure.
};

/// "Be `size`."
struct resize_request {
    std::shared_ptr<const launch_target> target{};
    std::uint32_t size = 0;
};

struct resize_report {
    std::string detail{};  ///< The platform's own words about a failure.
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
    calls_under_way,   ///< As many calls to the provider are under way as may be.
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
    case reason::calls_under_way: return "calls_under_way";
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

/// Whether the scaler itself keeps the minimum of `scaling_signal::limits`, and says so by a `static constexpr bool
/// keeps_minimum`. For any other a controller does.
template <class S>
[[nodiscard]] constexpr bool keeps_minimum_of() noexcept
{
    if constexpr (requires { S::keeps_minimum; })
        return S::keeps_minimum;
    else
        return false;
}

}  // namespace mayfly

// mayfly/ledger_entries.hpp -------------------------------------------------------------------------------------------

// What a ledger is made with, and what stands in it.

namespace mayfly {

/// What a ledger takes for granted until it has seen better.
struct ledger_settings {
    uptime useful_life = never;  ///< From a worker's first poll to the moment it stops polling; `never`: no end.
    uptime expected_startup = std::chrono::milliseconds{600};  ///< From call to first poll, before the first was seen.
    uptime patience = std::chrono::seconds{5};                 ///< A start is given up no sooner than this.
    uptime remember = std::chrono::minutes{10};  ///< A worker that is gone is still recognised for this long.
    std::uint32_t slots = 1;                     ///< Tasks one worker takes at once.

    friend bool operator==(const ledger_settings&, const ledger_settings&) = default;
};

/// For whom the books are kept.
struct ledger_owner {
    const deployment_version* version = nullptr;  ///< Ours; null to believe every poller that it is ours.
    /// The part behind the `@` of our workers' identities. A poller named so, whose request id we do not know, is
    /// adopted: after a restart of the controller these are the workers it had started. Empty: none is adopted.
    std::string_view function{};
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

[[nodiscard]] constexpr std::string_view to_string(start_state s) noexcept
{
    switch (s) {
    case start_state::asked: return "asked";
    case start_state::accepted: return "accepted";
    case start_state::polling: return "polling";
    case start_state::given_up: return "given_up";
    case start_state::elsewhere: return "elsewhere";
    case start_state::gone: return "gone";
    }
    return "unknown";
}

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
    left,       ///< Seen before, and now it is no more.
    adopted,    ///< Of our function, but not in the books: taken in.
    elsewhere,  ///< A start of ours that says it is another version.
    foreign,    ///< Not ours.
};

/// Totals over the ledger's life; they only grow, and stop at the top.
struct ledger_totals {
    std::uint32_t asked = 0;
    std::uint32_t refused = 0;
    std::uint32_t connected = 0;
    std::uint32_t given_up = 0;
    std::uint32_t late = 0;
    std::uint32_t returned = 0;
    std::uint32_t adopted = 0;
    std::uint32_t elsewhere = 0;

    friend bool operator==(const ledger_totals&, const ledger_totals&) = default;
};

/// Books as plain values, to be kept where a program cannot reach: see `ledger::image`.
struct ledger_image {
    std::vector<start_record> records{};  ///< By id, rising, each below `next_id`.
    std::uint64_t next_id = 1;
    std::uint64_t ends_by_age_from = 0;
    std::uint32_t foreign = 0;
    std::uint32_t refused = 0;
    std::uint32_t dead_in_a_row = 0;
    std::uint32_t slots_seen = 0;
    std::optional<std::uint32_t> busy{};
    std::optional<uptime> startup{};  ///< None before the first.
    uptime startup_dev{};
    uptime service{};
    uptime last_seen{};
    uptime last_change{};
    uptime newest_seen_ask{};
    double failure_rate = 0;
    ledger_totals totals{};

    friend bool operator==(const ledger_image&, const ledger_image&) = default;
};

}  // namespace mayfly

// mayfly/version_spec.hpp ---------------------------------------------------------------------------------------------

// What a controller is given to drive.

namespace mayfly {

/// Names one version in a controller. Stays invalid once the version was removed, whatever takes its place.
struct version_handle {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  ///< Zero for none.
    friend bool operator==(const version_handle&, const version_handle&) = default;
};

/// How a scaling group is run. Share one object among all groups that are run alike: it is what keeps them small.
template <class S>
struct group_policy {
    S scaler{};
    scaling_limits limits{};
    ledger_settings workers{};
    leave_rules orders{};   ///< For workers whose decision gives none.
    bool bootstrap = true;  ///< Start one worker at once, so that the version gets bound to its queues.
    /// Calls for one decision, the first included; above zero. For scalers that do not look at `cause::launched`, such
    /// as `no_sync`: one that asks again itself would start its workers twice.
    std::uint32_t tries = 1;
    uptime retry_after = std::chrono::seconds{1};
};

template <class S>
struct group_spec {
    std::shared_ptr<const group_policy<S>> policy{};
    std::shared_ptr<const launch_target> target{};
    task_types types = task_types::all();
};

template <class S>
struct version_spec {
    std::vector<group_spec<S>> groups{};
    version_status status = version_status::current;
};

}  // namespace mayfly

// mayfly/controller_event.hpp -----------------------------------------------------------------------------------------

// What a controller machine may be told at the start, what it wants done, and what it tells an observer.

namespace mayfly {

struct controller_options {
    std::uint32_t calls_at_once = 256;       ///< Launches and resizes under way, over all versions.
    std::uint16_t calls_per_group = 32;      ///< Of one group. One more decision is held back, not queued.
    std::uint32_t starts_per_call = 10'000;  ///< More are held back: books and providers have their limits too.
    std::uint32_t reads_at_once = 64;        ///< Readings under way, over all versions.
    uptime read_soonest = std::chrono::milliseconds{250};  ///< Between two readings of one version.
    uptime read_retry = std::chrono::seconds{1};           ///< After a reading failed; doubles up to `read_retry_most`.
    uptime read_retry_most = std::chrono::minutes{1};
    uptime replace_margin = std::chrono::seconds{1};    ///< Added to a start-up when a worker's replacement is due.
    uptime bootstrap_retry = std::chrono::seconds{10};  ///< After a first worker was not seen; doubles likewise.
    uptime bootstrap_retry_most = std::chrono::minutes{5};
};

/// What the machine wants done. Each action is answered once, by its id.
struct controller_action {
    enum class kind : std::uint8_t { launch, resize, read };

    kind what = kind::read;
    version_handle version{};
    std::uint64_t id = 0;     ///< For `launched`, `resized`; a reading is answered by its version.
    launch_request launch{};  ///< For `launch`.
    resize_request resize{};  ///< For `resize`.
};

/// Something was decided, or came of it. Views are valid during the call only.
struct controller_event {
    enum class kind : std::uint8_t {
        decided,      ///< A scaler was asked: `why`, `made`, `fleet`.
        bootstrap,    ///< A first worker is started, without the scaler.
        launched,     ///< The provider accepted `count` starts.
        refused,      ///< The provider refused `count` starts, as `outcome` says.
        retried,      ///< `count` refused starts are tried once more; or a set is told its size once more.
        resized,      ///< The provider took the size `count`.
        not_resized,  ///< It did not, as `outcome` says.
        unread,       ///< Statistics could not be read, as `outcome` says.
    };

    kind what = kind::decided;
    uptime at{};
    version_handle version{};
    const launch_target* target = nullptr;
    cause why = cause::wake;
    decision made{};
    fleet_view fleet{};
    std::uint32_t count = 0;
    condition outcome = condition::ok;
    std::string_view detail{};               ///< The provider's own words.
    const scaling_signal* signal = nullptr;  ///< All that the scaler saw, for `decided`.
};

[[nodiscard]] constexpr std::string_view to_string(controller_action::kind k) noexcept
{
    using enum controller_action::kind;
    switch (k) {
    case launch: return "launch";
    case resize: return "resize";
    case read: return "read";
    }
    return "unknown";
}

[[nodiscard]] constexpr std::string_view to_string(controller_event::kind k) noexcept
{
    using enum controller_event::kind;
    switch (k) {
    case decided: return "decided";
    case bootstrap: return "bootstrap";
    case launched: return "launched";
    case refused: return "refused";
    case retried: return "retried";
    case resized: return "resized";
    case not_resized: return "not_resized";
    case unread: return "unread";
    }
    return "unknown";
}

}  // namespace mayfly

// mayfly/detail/doubled.hpp -------------------------------------------------------------------------------------------

namespace mayfly::detail {

/// `first`, doubled so many times; `most` at most.
[[nodiscard]] constexpr uptime doubled(uptime first, std::uint32_t times, uptime most) noexcept
{
    for (; times > 0 && first < most; --times)
        first += std::min(first, most - first);  // not twice: `most` may be `never`
    return std::min(first, most);
}

}  // namespace mayfly::detail

// mayfly/detail/minimum_keeper.hpp ------------------------------------------------------------------------------------

namespace mayfly::detail {

/// Raises decisions on starts so that a minimum is kept: also in place of workers whose end is near, as far as the
/// maximum allows. While starts are refused or come to nothing, that is tried ever more slowly.
struct minimum_keeper {
    uptime first_wait = std::chrono::seconds{1};  ///< After a start that failed; doubles each time.
    uptime longest_wait = std::chrono::minutes{1};

    struct state {
        uptime retry_at{};
        std::uint32_t given_up = 0;  ///< As last seen.
        std::uint8_t failures = 0;   ///< In a row, each after the wait for the one before.
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("retry_at", self.retry_at);
            visit("given_up", self.given_up);
            visit("failures", self.failures);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    /// Notes whether starts fail. Call it once for each signal.
    constexpr void observe(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const bool refused = sig.why == cause::launched && sig.outcome != condition::ok;
        const bool died = sig.fleet.given_up > st.given_up;
        const bool seen = sig.fleet.given_up < st.given_up;
        const bool accepted = sig.why == cause::launched && !refused && sig.fleet.given_up == 0;
        st.given_up = sig.fleet.given_up;
        if (seen || accepted) {
            st = {.given_up = st.given_up};
        } else if ((refused || died) && now >= st.retry_at) {
            // Of many answers to one attempt the first sets the wait.
            const uptime wait = doubled(first_wait, st.failures, longest_wait);
            st.failures = static_cast<std::uint8_t>(std::min(st.failures + 1, 255));
            st.retry_at = later(now, wait);
        }
    }

    /// Raises `d` to the minimum of `sig.limits`, and lowers `revisit` to the time of the next try.
    constexpr void raise(decision& d, const state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const fleet_view& f = sig.fleet;
        const std::uint32_t wanted = sig.wanted ? std::min(sig.limits.min, sig.limits.max) : 0;
        const std::uint32_t lasting = f.total() - std::min(f.total(), f.leaving);
        if (wanted > 0 && f.leaves_in != never)
            d.revisit = std::min(d.revisit, std::max(f.leaves_in, uptime{std::chrono::milliseconds{100}}));
        const std::uint32_t room = sig.limits.max - std::min(sig.limits.max, f.total());
        const std::uint32_t lacking = std::min(room, wanted - std::min(wanted, lasting));
        if (lacking > d.launch) {
            if (now < st.retry_at) {
                d.revisit = std::min(d.revisit, st.retry_at - now);
                if (d.launch == 0)
                    d.reason = reason::provider_backoff;
            } else {
                if (d.launch == 0)
                    d.reason = f.total() < wanted ? reason::minimum : reason::renewal;
                d.launch = lacking;
            }
        }
        d.stay = std::max(d.stay, std::min(d.launch, lacking));
    }
};

}  // namespace mayfly::detail

// mayfly/detail/set_size.hpp ------------------------------------------------------------------------------------------

namespace mayfly::detail {

/// The size that a set of workers shall have, and how telling it to the platform goes. Sizes must not overtake each
/// other, so there is one call at a time, and the last wish wins.
class set_size {
public:
    set_size() = default;
    /// `tell_at` is when the platform shall hear of it; `never` if it has.
    explicit set_size(std::uint32_t wished, uptime tell_at = never) noexcept : tell_at_(tell_at), wished_(wished) {}

    void wish(std::uint32_t size) noexcept { wished_ = size; }
    [[nodiscard]] std::uint32_t wished() const noexcept { return wished_; }

    /// Whether the wish may be told now: no call is under way, and none waits after a refusal. It is under way then.
    [[nodiscard]] bool begin(uptime now) noexcept
    {
        if (calling_ || (tell_at_ != never && tell_at_ > now))
            return false;
        calling_ = true;
        tell_at_ = never;
        return true;
    }

    /// The platform's answer. After a refusal the wait is a second, and twice as long each time, up to a minute.
    void answer(condition outcome, uptime now) noexcept
    {
        calling_ = false;
        if (outcome == condition::ok) {
            failures_ = 0;
            return;
        }
        tell_at_ = later(now, doubled(std::chrono::seconds{1}, failures_, std::chrono::minutes{1}));
        failures_ = static_cast<std::uint8_t>(std::min(failures_ + 1, 255));
    }

    /// When to `begin` again; `never` unless that waits.
    [[nodiscard]] uptime tell_at() const noexcept { return tell_at_; }
    /// Whether the platform has taken the last wish.
    [[nodiscard]] bool told() const noexcept { return !calling_ && tell_at_ == never; }

private:
    uptime tell_at_ = never;
    std::uint32_t wished_ = 0;
    std::uint8_t failures_ = 0;  // in a row
    bool calling_ = false;       // a call is queued or under way
};

[[nodiscard]] constexpr std::uint32_t least_size(const scaling_limits& limits, bool wanted) noexcept
{
    return wanted ? std::min(limits.min, limits.max) : 0;
}

/// Makes `d` resize a set that is not as large as `plan` and the limits, which may be new, want it.
constexpr void bound_size(decision& d, const scaling_signal& sig, std::uint32_t plan, std::uint32_t now) noexcept
{
    const std::uint32_t size = std::clamp(plan, least_size(sig.limits, sig.wanted), sig.limits.max);
    if (size == now)
        return;
    d.resize = size;
    if (size != plan)
        d.reason = size > plan ? reason::minimum : reason::at_maximum;
    else if (!sig.wanted && size < now)
        d.reason = reason::not_wanted;
    else
        d.reason = size > now ? reason::scale_up : reason::scale_down;
}

}  // namespace mayfly::detail

// mayfly/detail/wake_heap.hpp -----------------------------------------------------------------------------------------

namespace mayfly::detail {

/// One alarm for each of many sleepers, soonest first. A sleeper without an alarm takes four bytes.
class wake_heap {
public:
    [[nodiscard]] uptime soonest() const noexcept { return heap_.empty() ? never : heap_.front().at; }
    /// Whose alarm is the soonest; there must be one.
    [[nodiscard]] std::uint32_t first() const noexcept { return heap_.front().who; }

    /// Sets, moves, or with `never` takes away the alarm of `who`.
    void set(std::uint32_t who, uptime at)
    {
        if (who >= place_.size())
            place_.resize(std::size_t{who} + 1, none);
        std::uint32_t i = place_[who];
        if (at == never) {
            if (i != none)
                remove(i);
            return;
        }
        if (i == none) {
            i = static_cast<std::uint32_t>(heap_.size());
            heap_.push_back({at, who});
            place_[who] = i;
        } else if (heap_[i].at == at) {
            return;
        }
        heap_[i].at = at;
        sift_down(sift_up(i));
    }

private:
    struct alarm {
        uptime at{};
        std::uint32_t who = 0;
    };
    static constexpr std::uint32_t none = 0xffffffff;

    void remove(std::uint32_t i) noexcept
    {
        place_[heap_[i].who] = none;
        const alarm last = heap_.back();
        heap_.pop_back();
        if (i == heap_.size())
            return;
        heap_[i] = last;
        place_[last.who] = i;
        sift_down(sift_up(i));
    }

    void exchange(std::uint32_t a, std::uint32_t b) noexcept
    {
        std::swap(heap_[a], heap_[b]);
        place_[heap_[a].who] = a;
        place_[heap_[b].who] = b;
    }

    std::uint32_t sift_up(std::uint32_t i) noexcept
    {
        for (; i > 0 && heap_[i].at < heap_[(i - 1) / 2].at; i = (i - 1) / 2)
            exchange(i, (i - 1) / 2);
        return i;
    }

    void sift_down(std::uint32_t i) noexcept
    {
        for (;;) {
            std::size_t child = std::size_t{2} * i + 1;
            if (child >= heap_.size())
                return;
            if (child + 1 < heap_.size() && heap_[child + 1].at < heap_[child].at)
                ++child;
            if (heap_[i].at <= heap_[child].at)
                return;
            exchange(i, static_cast<std::uint32_t>(child));
            i = static_cast<std::uint32_t>(child);
        }
    }

    std::vector<alarm> heap_{};
    std::vector<std::uint32_t> place_{};
};

}  // namespace mayfly::detail

// mayfly/detail/moment.hpp --------------------------------------------------------------------------------------------

namespace mayfly::detail {

/// A moment, or none, in eight bytes: a hundred thousand idle versions remember several each.
class moment {
public:
    constexpr moment() = default;
    constexpr moment(uptime at) noexcept : at_{at} {}

    [[nodiscard]] constexpr explicit operator bool() const noexcept { return at_ != never; }
    [[nodiscard]] constexpr uptime operator*() const noexcept { return at_; }
    constexpr void reset() noexcept { at_ = never; }

    /// What is written down of it, and read.
    static void fields(auto& visit, auto& self) { visit("at", self.at_); }
    friend constexpr bool operator==(moment, moment) = default;

private:
    uptime at_ = never;
};

}  // namespace mayfly::detail

// mayfly/detail/service_meter.hpp -------------------------------------------------------------------------------------

namespace mayfly::detail {

/// How long one task takes in a slot, by Little's law between two readings: mean busy slots × time = tasks dispatched ×
/// service time.
class service_meter {
public:
    service_meter() = default;
    /// Goes on from a mean that is known; zero if none is.
    explicit service_meter(uptime mean) noexcept : mean_(mean) {}

    /// `dispatched` counts all tasks ever; one that fell belongs to another count, and begins anew.
    void read(std::uint32_t busy, std::uint64_t dispatched, uptime now) noexcept
    {
        const uptime apart = read_at_ ? now - *read_at_ : never;
        // Over a longer gap the two ends say nothing about the time between.
        if (apart <= std::chrono::seconds{6} && dispatched >= dispatched_) {
            busy_time_ +=
                (static_cast<double>(busy_) + static_cast<double>(busy)) / 2 * static_cast<double>(apart.count());
            tasks_ += static_cast<float>(dispatched - dispatched_);
            if (tasks_ >= (mean_ == uptime::zero() ? 1.0F : 8.0F)) {
                const uptime sample{std::llround(std::min(busy_time_ / tasks_, 1e15))};
                mean_ = mean_ == uptime::zero() ? sample : mean_ + (sample - mean_) * 3 / 10;
                busy_time_ = 0;
                tasks_ = 0;
            }
        } else {
            busy_time_ = 0;
            tasks_ = 0;
        }
        read_at_ = now;
        busy_ = busy;
        dispatched_ = dispatched;
    }

    /// The time from the last reading to the next does not count.
    void pause() noexcept { read_at_.reset(); }

    /// Zero while unknown.
    [[nodiscard]] uptime mean() const noexcept { return mean_; }

private:
    uptime mean_{};
    moment read_at_{};
    double busy_time_ = 0;
    std::uint64_t dispatched_ = 0;
    float tasks_ = 0;
    std::uint32_t busy_ = 0;
};

}  // namespace mayfly::detail

// mayfly/ledger.hpp ---------------------------------------------------------------------------------------------------

namespace mayfly {

/** What was started, and what was seen of it.

    Every start is in exactly one `start_state`. A start is matched to a poller by the first half of the poller's
    identity `<requestID>@<function>`. Nothing here reads a clock: `now` is an argument and never goes back. Tolerates
    answers and sightings in any order, twice, late, or never.
*/
class ledger {
public:
    ledger() : ledger(ledger_settings{}) {}
    /// `settings` is shared by all ledgers of one policy, which keeps an idle one small.
    explicit ledger(std::shared_ptr<const ledger_settings> settings) : settings_(std::move(settings)) {}
    explicit ledger(const ledger_settings& settings) : ledger(std::make_shared<const ledger_settings>(settings)) {}

    /// Books that go on from an image. What was measured between two snapshots begins anew.
    ledger(std::shared_ptr<const ledger_settings> settings, ledger_image from)
        : settings_(std::move(settings)),
          records_(std::move(from.records)),
          next_id_(from.next_id),
          ends_by_age_from_(from.next_id),  // the life these workers were given is not in the image
          foreign_(from.foreign),
          refused_(from.refused),
          dead_in_a_row_(from.dead_in_a_row),
          slots_seen_(from.slots_seen),
          failure_rate_(static_cast<float>(from.failure_rate)),
          busy_(from.busy),
          startup_(from.startup.value_or(never)),
          startup_dev_(from.startup_dev),
          service_(from.service),
          last_seen_(from.last_seen),
          last_change_(from.last_change),
          newest_seen_ask_(from.newest_seen_ask),
          totals_(from.totals)
    {
        for (start_record& r : records_) {
            r.mark = 0;
            count(r.state, +1);
            nameless_ += is_nameless(r) ? 1U : 0U;
        }
        std::size_t size = 16;
        while (size < records_.size() * 2 + 2)
            size *= 2;
        if (!records_.empty())
            reindex(size);
        skip_dead();
    }

    /// All that a ledger needs to go on, but for its settings.
    [[nodiscard]] ledger_image image() const
    {
        return {records_, next_id_, ends_by_age_from_, foreign_, refused_, dead_in_a_row_, slots_seen_, busy_,
            startup_ ? std::optional(*startup_) : std::nullopt, startup_dev_, service_.mean(), last_seen_, last_change_,
            newest_seen_ask_, failure_rate_, totals_};
    }

    /// Other settings from now on. What was measured stays, and so do the ends of workers that live.
    void settle_for(std::shared_ptr<const ledger_settings> settings) noexcept
    {
        if (settings->useful_life != settings_->useful_life)
            ends_by_age_from_ = next_id_;
        settings_ = std::move(settings);
    }

    /// Notes `count` starts that the provider is asked for now. Returns the id of the first; they are consecutive.
    std::uint64_t ask(std::uint32_t count, uptime now)
    {
        tidy(now);
        const std::uint64_t first = next_id_;
        for (std::uint32_t i = 0; i < count; ++i)
            records_.push_back({.id = next_id_++, .asked_at = now, .changed_at = now});
        asked_ += count;
        totals_.asked = saturating_add(totals_.asked, count);
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
            totals_.refused = saturating_add(totals_.refused, 1);
            enter(*r, start_state::gone, now);
            return;
        }
        refused_ = 0;
        start_record* const early = lookup(result.request_id);
        r->request_id = result.request_id;
        enter(*r, start_state::accepted, now);
        nameless_ += r->request_id.empty() ? 1U : 0U;
        if (early != nullptr)
            take_over(*r, *early, now);
        index(static_cast<std::size_t>(r - records_.begin()));
    }

    /// The start `id` was not asked for after all.
    void withdraw(std::uint64_t id, uptime now) noexcept
    {
        if (const auto r = find(id); r != records_.end() && r->state == start_state::asked)
            enter(*r, start_state::gone, now);
    }

    /// Begins anew at `now` with what is in the books. Starts that nobody will answer any more may have been made, so
    /// they count as such until they are given up. Moments that have not come yet, from a clock that was further, are
    /// taken for now.
    void answers_lost(uptime now) noexcept
    {
        bool ahead = false;
        for (start_record& r : records_) {
            ahead |= r.asked_at > now;
            if (r.state == start_state::asked) {
                enter(r, start_state::accepted, now);
                nameless_ += 1;
            }
            r.asked_at = std::min(r.asked_at, now);
            r.changed_at = std::min(r.changed_at, now);
            if (r.ends_at != never)
                r.ends_at = std::min(r.ends_at, later(now, settings_->useful_life));
        }
        last_seen_ = std::min(last_seen_, now);
        last_change_ = std::min(last_change_, now);
        newest_seen_ask_ = std::min(newest_seen_ask_, now);
        service_.pause();
        if (ahead)
            ends_by_age_from_ = next_id_;
    }

    /// A poller was seen.
    sighting see(const worker_seen& w, const ledger_owner& own, uptime now)
    {
        const std::string_view request = w.identity.substr(0, w.identity.find('@'));
        start_record* r = lookup(request);
        if (r == nullptr)
            r = claim_nameless(w, request, own);
        if (r == nullptr)
            return adopt(w, request, own, now);
        r->mark = mark_;
        if (another_version(w, own)) {
            if (r->state != start_state::elsewhere) {
                // As good as none: starting more of them helps nobody.
                if (r->state != start_state::given_up)
                    came_to_nothing(*r);
                enter(*r, start_state::elsewhere, now);
                totals_.elsewhere = saturating_add(totals_.elsewhere, 1);
            }
            return sighting::elsewhere;
        }
        if (w.slots && *w.slots > 0)
            slots_seen_ = *w.slots;
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
            if (!w.present)
                return sighting::known;
            if (w.first_seen > r->changed_at) {
                totals_.returned = saturating_add(totals_.returned, 1);
                r->ends_at = later(std::min(w.first_seen, now), settings_->useful_life);
            } else if (w.last_seen <= r->changed_at || now >= r->ends_at) {
                // A worker past its end drains and may still be listed.
                return sighting::known;
            }
            // Either the platform delivered the event once more, or a snapshot had missed a worker that was there.
            what = sighting::returned;
            enter(*r, start_state::polling, now);
            break;
        }
        if (r->state == start_state::polling)
            r->busy = w.busy.value_or(0);
        if (!w.present && r->state == start_state::polling) {
            enter(*r, start_state::gone, now);
            if (what == sighting::known)
                what = sighting::left;
        }
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
    bool take(const queue_snapshot& snapshot, const ledger_owner& own, uptime now)
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
        else if (busy_ && live_ == 0)
            busy_ = 0;
        measure_service(snapshot, now);
        return changed;
    }

    /// Lets time pass: gives up starts that should have been seen, and lets workers go whose time is over. True if
    /// something changed.
    bool advance(uptime now)
    {
        bool changed = false;
        const uptime patience = patience_now();
        while (oldest_pending_ < records_.size() && !pending(records_[oldest_pending_]))
            ++oldest_pending_;
        // A start without an answer holds up nobody behind it.
        for (std::size_t i = oldest_pending_; i < records_.size(); ++i) {
            start_record& r = records_[i];
            if (!pending(r))
                continue;
            if (later(r.asked_at, patience) > now)
                break;
            if (r.state == start_state::accepted) {
                give_up(r, now);
                changed = true;
            }
        }
        for (std::size_t i = oldest_live_; i < records_.size() && !ends_after(records_[i], now); ++i) {
            start_record& r = records_[i];
            if (r.state == start_state::polling && r.ends_at <= now) {
                enter(r, start_state::gone, now);
                changed = true;
            }
        }
        skip_dead();
        if (!changed && live_ + asked_ + accepted_ == 0 && !records_.empty() &&
            later(last_change_, settings_->remember) <= now) {
            records_ = std::vector<start_record>{};  // not "= {}", which keeps the memory
            table_ = std::vector<std::uint32_t>{};
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
        if (live_ + asked_ + accepted_ == 0 && !records_.empty())
            at = later(last_change_, settings_->remember);
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
        v.slots = std::max(1U, slots_seen_ > 0 ? slots_seen_ : settings_->slots);
        v.busy = busy_;
        v.leaves_in = leaves_in(now, margin);
        v.startup = startup();
        v.startup_dev = startup_dev_;
        v.service = service_.mean();
        v.failure_rate = failure_rate_;
        v.ever_seen = totals_.connected > 0 || totals_.adopted > 0;
        return v;
    }

    /// Whether the poller was started, or adopted, by these books.
    [[nodiscard]] bool knows(std::string_view identity) const noexcept
    {
        return const_cast<ledger*>(this)->lookup(identity.substr(0, identity.find('@'))) != nullptr;
    }

    [[nodiscard]] const std::vector<start_record>& records() const noexcept { return records_; }
    [[nodiscard]] const ledger_totals& totals() const noexcept { return totals_; }
    [[nodiscard]] const ledger_settings& settings() const noexcept { return *settings_; }
    [[nodiscard]] uptime last_seen() const noexcept { return last_seen_; }

    /// Mean time from the call to the first poll.
    [[nodiscard]] uptime startup() const noexcept { return startup_ ? *startup_ : settings_->expected_startup; }

private:
    using iterator = std::vector<start_record>::iterator;

    [[nodiscard]] static bool another_version(const worker_seen& w, const ledger_owner& own) noexcept
    {
        return own.version != nullptr && w.version != nullptr && *w.version != *own.version;
    }

    /// Whether the part behind the request is our function, where we have one.
    [[nodiscard]] static bool named_like_ours(
        const worker_seen& w, std::string_view request, const ledger_owner& own) noexcept
    {
        return own.function.empty() ||
               (w.identity.size() > request.size() && w.identity.substr(request.size() + 1) == own.function);
    }

    [[nodiscard]] uptime patience_now() const noexcept
    {
        return std::max(settings_->patience, 2 * startup() + 6 * startup_dev_);
    }

    [[nodiscard]] static bool pending(const start_record& r) noexcept
    {
        return r.state == start_state::asked || r.state == start_state::accepted;
    }

    /// Whether this record, and each one behind it, ends after `at`.
    [[nodiscard]] bool ends_after(const start_record& r, uptime at) const noexcept
    {
        return r.id >= ends_by_age_from_ && later(r.asked_at, settings_->useful_life) > at;
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
        if (to == start_state::polling)
            oldest_live_ = std::min(oldest_live_, static_cast<std::uint32_t>(&r - records_.data()));
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
            totals_.late = saturating_add(totals_.late, 1);
            failure_rate_ = std::max(0.0F, failure_rate_ - failure_weight);
        }
        failure_rate_ -= failure_rate_ * failure_weight;
        totals_.connected = saturating_add(totals_.connected, 1);
        newest_seen_ask_ = std::max(newest_seen_ask_, r.asked_at);
        dead_in_a_row_ = 0;
        last_seen_ = now;
        r.ends_at = later(first, settings_->useful_life);
        enter(r, start_state::polling, now);
    }

    void learn_startup(uptime sample) noexcept
    {
        // One that the platform tried again minutes later says little about the next.
        sample = std::min(sample, 2 * patience_now());
        if (!startup_) {
            startup_ = sample;
            startup_dev_ = sample / 4;
        } else {
            const uptime error = sample - *startup_;
            startup_ = *startup_ + error / 8;
            startup_dev_ += (std::max(error, -error) - startup_dev_) / 8;
        }
    }

    /// The worker was faster than the provider's answer and was adopted: it is this start's.
    void take_over(start_record& r, start_record& early, uptime now) noexcept
    {
        const bool there = early.state == start_state::polling;
        // One that has been gone since before belongs to an older start of the same name.
        if (!there && (early.state != start_state::gone || early.asked_at < r.asked_at))
            return;
        connected(r, {.identity = r.request_id, .first_seen = early.asked_at}, now);
        r.busy = early.busy;
        r.mark = early.mark;
        early.request_id.clear();
        enter(there ? early : r, start_state::gone, now);
    }

    /// A platform that gives no request ids leaves starts without a name: the oldest that may be this worker is.
    start_record* claim_nameless(const worker_seen& w, std::string_view request, const ledger_owner& own)
    {
        if (nameless_ == 0 || request.empty() || !w.present || !named_like_ours(w, request, own))
            return nullptr;
        for (std::size_t i = 0; i < records_.size(); ++i) {
            start_record& r = records_[i];
            if (!is_nameless(r) || r.asked_at > w.first_seen)
                continue;
            r.request_id = request;
            nameless_ -= 1;
            index(i);
            return &r;
        }
        return nullptr;
    }

    [[nodiscard]] static bool is_nameless(const start_record& r) noexcept
    {
        return r.request_id.empty() && r.state == start_state::accepted;
    }

    void give_up(start_record& r, uptime now) noexcept
    {
        if (r.request_id.empty()) {
            // Nobody can tell whether it came, so it is held against nobody.
            nameless_ -= 1;
            enter(r, start_state::gone, now);
            return;
        }
        totals_.given_up = saturating_add(totals_.given_up, 1);
        came_to_nothing(r);
        enter(r, start_state::given_up, now);
    }

    void came_to_nothing(const start_record& r) noexcept
    {
        failure_rate_ += (1 - failure_rate_) * failure_weight;
        // One of a crowd that was asked for together with a worker that came is late, not a sign that nothing works.
        if (r.asked_at > later(newest_seen_ask_, std::chrono::seconds{1}) || totals_.connected == 0)
            dead_in_a_row_ = saturating_add(dead_in_a_row_, 1);
    }

    sighting adopt(const worker_seen& w, std::string_view request, const ledger_owner& own, uptime now)
    {
        if (request.empty() || own.function.empty() || !named_like_ours(w, request, own) || !w.present ||
            another_version(w, own))
            return sighting::foreign;
        tidy(now);
        const uptime first = std::min(w.first_seen, now);
        records_.push_back({.id = next_id_++,
            .state = start_state::gone,
            .busy = w.busy.value_or(0),
            .mark = mark_,
            .asked_at = first,
            .changed_at = now,
            .request_id = std::string{request}});
        ends_by_age_from_ = next_id_;
        start_record& r = records_.back();
        r.ends_at = later(first, settings_->useful_life);
        enter(r, start_state::polling, now);
        index(records_.size() - 1);
        totals_.adopted = saturating_add(totals_.adopted, 1);
        dead_in_a_row_ = 0;
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

    void measure_service(const queue_snapshot& snapshot, uptime now) noexcept
    {
        std::uint64_t dispatched = 0;
        bool counted = false;
        for (const auto& s : snapshot.stats)
            if (s && s->dispatched) {
                dispatched += *s->dispatched;
                counted = true;
            }
        if (counted && busy_)
            service_.read(*busy_, dispatched, now);
    }

    [[nodiscard]] std::uint32_t ending_before(uptime horizon) const noexcept
    {
        std::uint32_t n = 0;
        for (std::size_t i = oldest_live_; i < records_.size() && !ends_after(records_[i], horizon); ++i) {
            const start_record& r = records_[i];
            n += r.state == start_state::polling && r.ends_at <= horizon ? 1U : 0U;
        }
        return n;
    }

    /// Not before this has passed will a worker count as leaving that does not yet.
    [[nodiscard]] uptime leaves_in(uptime now, uptime margin) const noexcept
    {
        if (live_ == 0 || settings_->useful_life == never || oldest_live_ >= records_.size())
            return never;
        const start_record& r = records_[oldest_live_];
        const uptime end = r.id < ends_by_age_from_ ? r.ends_at : later(r.asked_at, settings_->useful_life);
        return end == never ? never : end - startup() - 3 * startup_dev_ - margin - now;
    }

    [[nodiscard]] uptime next_end() const noexcept
    {
        uptime at = never;
        for (std::size_t i = oldest_live_; i < records_.size(); ++i) {
            const start_record& r = records_[i];
            // Not earlier than what was found, nor is any behind it.
            if (r.id >= ends_by_age_from_ && later(r.asked_at, settings_->useful_life) >= at)
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
        if ((indexed_ + 1) * 2 > table_.size())
            reindex(std::max<std::size_t>(16, table_.size() * 2));
        else
            place(position);
    }

    void place(std::size_t position) noexcept
    {
        if (records_[position].request_id.empty())
            return;
        std::size_t at = hash(records_[position].request_id) & (table_.size() - 1);
        while (table_[at] != 0)
            at = (at + 1) & (table_.size() - 1);
        table_[at] = static_cast<std::uint32_t>(position + 1);
        ++indexed_;
    }

    void reindex(std::size_t size)
    {
        table_.assign(size, 0);
        indexed_ = 0;
        for (std::size_t i = 0; i < records_.size(); ++i)
            place(i);
    }

    [[nodiscard]] start_record* lookup(std::string_view request_id) noexcept
    {
        if (table_.empty() || request_id.empty())
            return nullptr;
        for (std::size_t at = hash(request_id) & (table_.size() - 1); table_[at] != 0;
             at = (at + 1) & (table_.size() - 1))
            if (records_[table_[at] - 1].request_id == request_id)
                return &records_[table_[at] - 1];
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
            if (!over || (later(r.changed_at, settings_->remember) > now && ended <= keep))
                return false;
            --ended;
            return true;
        };
        const auto from = std::remove_if(records_.begin(), records_.end(), stale);
        if (from == records_.end())
            return;
        records_.erase(from, records_.end());
        reindex(std::max<std::size_t>(16, table_.size()));
        oldest_pending_ = oldest_live_ = 0;
        skip_dead();
    }

    static constexpr float failure_weight = 1.0F / 16;

    std::shared_ptr<const ledger_settings> settings_;
    std::vector<start_record> records_{};  // by id, which is by age but for adopted workers
    std::vector<std::uint32_t> table_{};
    std::uint32_t indexed_ = 0;
    std::uint32_t oldest_pending_ = 0;  // no record before it is asked or accepted
    std::uint32_t oldest_live_ = 0;     // no record before it is polling
    std::uint64_t next_id_ = 1;
    // Before this id a worker may end sooner than its asked_at tells: it was adopted, or has another useful life.
    std::uint64_t ends_by_age_from_ = 0;
    std::uint32_t asked_ = 0;
    std::uint32_t accepted_ = 0;
    std::uint32_t live_ = 0;
    std::uint32_t foreign_ = 0;
    std::uint32_t refused_ = 0;
    std::uint32_t dead_in_a_row_ = 0;
    std::uint32_t slots_seen_ = 0;
    std::uint32_t mark_ = 0;
    std::uint32_t nameless_ = 0;  // accepted without a request id
    float failure_rate_ = 0;
    std::optional<std::uint32_t> busy_{};
    detail::moment startup_{};  // none before the first
    uptime startup_dev_{};
    detail::service_meter service_{};
    uptime last_seen_{};
    uptime last_change_{};
    uptime newest_seen_ask_{};
    ledger_totals totals_{};
};

}  // namespace mayfly

// mayfly/controller_machine.hpp ---------------------------------------------------------------------------------------

namespace mayfly {

/** Drives any number of versions: signals in, actions out, one event for each decision and outcome.

    A pure machine. Tell it what happened, take what it wants done with `next_action`, perform that, tell it the answer,
    and call `advance` at `next_wake`. Never blocks and knows no clock, socket or provider. Time never goes back: an
    earlier `now` counts as the latest one. One version's calls do not hold up another's. The limits of a group hold
    whatever its scaler says.

    @tparam S the scaler of every group. Many kinds at once: a scaler that holds a `std::variant` (see the examples).
*/
template <Scaler<scaling_signal> S>
class controller_machine {
public:
    using observer = std::function<void(const controller_event&)>;

    explicit controller_machine(controller_options options = {}, observer watch = {})
        : options_(options), watch_(std::move(watch))
    {}

    /// What one group must not forget over a restart: everything that cannot be seen again from outside.
    struct memory {
        typename S::state scaler{};
        ledger books{};
        bool bound = false;                   ///< No first worker is needed any more.
        std::optional<std::uint32_t> size{};  ///< Of a set: what it shall be.
        bool told = true;                     ///< Of a set: the platform has taken that.
    };

    // ---- versions

    /// `from` is what `remember` told before a restart. Times in it are of this machine's clock: let a restarted
    /// controller's clock go on from where the old one stood.
    version_handle add(version_spec<S> spec, uptime now, std::vector<memory> from = {})
    {
        now = tick(now);
        std::uint32_t index = 0;
        if (free_.empty()) {
            index = static_cast<std::uint32_t>(versions_.size());
            versions_.emplace_back();
        } else {
            index = free_.back();
            free_.pop_back();
        }
        entry& v = versions_[index];
        v.generation += 1;
        v.used = true;
        v.status = spec.status;
        v.groups.reserve(spec.groups.size());
        for (group_spec<S>& g : spec.groups) {
            v.groups.emplace_back(std::move(g));
            if constexpr (is_set)
                v.groups.back().set.wish(planned(v.groups.back()));
        }
        for (std::size_t i = 0; i < std::min(from.size(), v.groups.size()); ++i)
            recall(v.groups[i], std::move(from[i]), now);
        for (group& g : v.groups) {
            if (g.spec.policy->bootstrap && !g.bound)
                g.bootstrap_at = now;
            ask(v, index, g, {.why = cause::begin}, now);
            rest(v, index, g);
        }
        settle(index, now);
        return {index, v.generation};
    }

    /// Answers to calls that are still under way are taken and dropped.
    void remove(version_handle h)
    {
        entry* v = find(h);
        if (v == nullptr)
            return;
        wakes_.set(h.index, never);
        end_reading(*v);
        const std::uint32_t generation = v->generation;
        *v = {};
        v->generation = generation;
        free_.push_back(h.index);
    }

    /// The version's place in the routing has changed. A drained version sleeps: no reading, no start.
    void set_status(version_handle h, version_status status, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr || v->status == status)
            return;
        v->status = status;
        for (group& g : v->groups) {
            if (g.bootstrap_at == never && g.spec.policy->bootstrap && !g.bound)
                g.bootstrap_at = now;
            ask(*v, h.index, g, {.why = cause::changed}, now);
            rest(*v, h.index, g);
        }
        settle(h.index, now);
    }

    /// Other limits or settings for one group; what is known of its workers stays.
    void set_policy(version_handle h, std::size_t which, std::shared_ptr<const group_policy<S>> policy, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr || which >= v->groups.size())
            return;
        group& g = v->groups[which];
        g.spec.policy = std::move(policy);
        g.books.settle_for({g.spec.policy, &g.spec.policy->workers});
        ask(*v, h.index, g, {.why = cause::changed}, now);
        settle(h.index, now);
    }

    // ---- signals

    void added(version_handle h, const task_added& tasks, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        for (group& g : v->groups)
            if (g.spec.types.contains(tasks.type)) {
                ask(*v, h.index, g, {.why = cause::added, .type = tasks.type, .added = tasks.counts}, now);
                break;
            }
        settle(h.index, now);
    }

    /// The answer to a `read` action, or a snapshot that came by itself.
    void snapshot(version_handle h, const queue_snapshot& s, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        end_reading(*v);
        v->read_failures = 0;
        v->read_after = later(now, options_.read_soonest);
        for (group& g : v->groups) {
            queue_snapshot mine = s;
            std::vector<worker_seen> workers;
            if (v->groups.size() > 1) {
                mine.busy_slots.reset();  // summed over all groups, so it is nobody's
                for (const worker_seen& w : s.workers)
                    if (!known_elsewhere(*v, g, w))
                        workers.push_back(w);
                mine.workers = workers;
            }
            for (task_type t : all_task_types)
                if (!g.spec.types.contains(t))
                    mine.of(t).reset();
            g.books.take(mine, g.owner(), now);
            ask(*v, h.index, g, {.why = cause::stats, .stats = mine.stats}, now);
        }
        settle(h.index, now);
    }

    /// The answer to a `read` action that failed.
    void unread(version_handle h, condition outcome, std::string_view detail, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        end_reading(*v);
        v->read_after = later(now, detail::doubled(options_.read_retry, v->read_failures, options_.read_retry_most));
        v->read_failures = static_cast<std::uint8_t>(std::min(v->read_failures + 1, 255));
        for (group& g : v->groups) {
            emit({.what = controller_event::kind::unread,
                .at = now,
                .version = h,
                .target = g.spec.target.get(),
                .outcome = outcome,
                .detail = detail});
            ask(*v, h.index, g, {.why = cause::no_stats, .outcome = outcome}, now);
        }
        settle(h.index, now);
    }

    /// A poller was seen, told by something faster than a snapshot.
    void seen(version_handle h, const worker_seen& w, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        for (group& g : v->groups) {
            if (known_elsewhere(*v, g, w))
                continue;
            const sighting what = g.books.see(w, g.owner(), now);
            if (what == sighting::foreign)
                continue;
            if (what != sighting::known)
                ask(*v, h.index, g, {.why = cause::workers}, now);
            break;
        }
        settle(h.index, now);
    }

    void gone(version_handle h, const worker_gone& w, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        for (group& g : v->groups)
            if (g.books.gone(w.identity, now)) {
                ask(*v, h.index, g, {.why = cause::workers}, now);
                break;
            }
        settle(h.index, now);
    }

    // ---- answers

    /// The answer to a `launch` action. Starts that `results` does not name ended as `otherwise`.
    void launched(std::uint64_t action, std::span<const launch_result> results, condition otherwise,
        std::string_view detail, uptime now)
    {
        now = tick(now);
        std::optional<call> c = take_call(action);
        if (!c)
            return;
        entry* v = find(c->version);
        if (v == nullptr)
            return;
        group& g = v->groups[c->group];
        --g.calls;
        std::uint32_t accepted = 0;
        condition worst = condition::ok;
        for (std::uint32_t i = 0; i < c->count; ++i) {
            launch_result r = i < results.size() ? results[i] : launch_result{.outcome = otherwise};
            g.books.answer(c->first + i, r, now);
            accepted += r.outcome == condition::ok ? 1U : 0U;
            worst = std::max(worst, r.outcome);
        }
        const std::uint32_t refused = c->count - accepted;
        controller_event e{.at = now, .version = c->version, .target = g.spec.target.get(), .fleet = view(g, now)};
        if (accepted > 0) {
            e.what = controller_event::kind::launched;
            e.count = accepted;
            emit(e);
        }
        if (refused > 0) {
            e.what = controller_event::kind::refused;
            e.count = refused;
            e.outcome = worst;
            e.detail = detail;
            emit(e);
            if (c->tries > 1 && worst != condition::permanent)
                retry_later({later(now, g.spec.policy->retry_after), c->version, c->group, refused, c->tries - 1,
                    c->stay, c->orders});
        }
        ask(*v, c->version.index, g, {.why = cause::launched, .outcome = accepted > 0 ? condition::ok : worst}, now);
        settle(c->version.index, now);
    }

    /// The answer to a `resize` action.
    void resized(std::uint64_t action, condition outcome, std::string_view detail, uptime now)
    {
        now = tick(now);
        std::optional<call> c = take_call(action);
        if (!c)
            return;
        entry* v = find(c->version);
        if (v == nullptr)
            return;
        group& g = v->groups[c->group];
        --g.calls;
        if constexpr (is_set)
            g.set.answer(outcome, now);
        emit({.what = outcome == condition::ok ? controller_event::kind::resized : controller_event::kind::not_resized,
            .at = now,
            .version = c->version,
            .target = g.spec.target.get(),
            .count = c->count,
            .outcome = outcome,
            .detail = detail});
        ask(*v, c->version.index, g, {.why = cause::launched, .outcome = outcome}, now);
        if constexpr (is_set)
            if (g.set.wished() != c->count)
                tell_size(c->version, *v, g);
        settle(c->version.index, now);
    }

    // ---- time and work

    /// Does what is due. Call it at `next_wake`.
    void advance(uptime now)
    {
        now = tick(now);
        while (!retries_.empty() && retries_.front().due <= now) {
            retry r = retries_.front();
            std::pop_heap(retries_.begin(), retries_.end(), later_retry);
            retries_.pop_back();
            if (entry* v = find(r.version))
                try_again(*v, r, now);
        }
        while (wakes_.soonest() <= now) {
            const std::uint32_t index = wakes_.first();
            wake(index, now);
        }
    }

    /// When `advance` has something to do; `never` while only signals and answers can change anything.
    [[nodiscard]] uptime next_wake() const noexcept
    {
        return std::min(wakes_.soonest(), retries_.empty() ? never : retries_.front().due);
    }

    /// The next thing to do, if there is one and a call may be made now.
    [[nodiscard]] std::optional<controller_action> next_action()
    {
        while (!reads_.empty() && reads_under_way_ < options_.reads_at_once) {
            controller_action a{.what = controller_action::kind::read, .version = reads_.front()};
            reads_.pop_front();
            entry* v = find(a.version);
            if (v == nullptr)
                continue;
            v->read_queued = false;
            v->reading = v->reading && v->status != version_status::drained;
            if (v->reading) {
                v->read_under_way = true;
                ++reads_under_way_;
                return a;
            }
        }
        while (!queue_.empty() && under_way_ < options_.calls_at_once) {
            const std::uint64_t id = queue_.front();
            queue_.pop_front();
            call& c = calls_[static_cast<std::size_t>(id & call_mask)];
            entry* v = find(c.version);
            if (v == nullptr) {
                drop_call(c);
                continue;
            }
            group& g = v->groups[c.group];
            controller_action a{.version = c.version, .id = id};
            if constexpr (is_set) {
                c.count = g.set.wished();
                a.what = controller_action::kind::resize;
                a.resize = {g.spec.target, c.count};
            } else {
                // The maximum may be a lower one by now; for a drained version it is zero.
                const std::uint32_t max = v->status == version_status::drained ? 0 : g.spec.policy->limits.max;
                const std::uint32_t total = view(g, now_).total();
                for (std::uint32_t over = total - std::min(total, max); over > 0 && c.count > 0; --over)
                    g.books.withdraw(c.first + --c.count, now_);
                c.stay = std::min(c.stay, c.count);
                if (c.count == 0) {
                    --g.calls;
                    drop_call(c);
                    continue;
                }
                a.what = controller_action::kind::launch;
                a.launch = {g.spec.target, c.count, c.stay, c.first, c.orders};
            }
            c.performed = true;
            ++under_way_;
            return a;
        }
        return std::nullopt;
    }

    // ---- looking in

    [[nodiscard]] std::size_t size() const noexcept { return versions_.size() - free_.size(); }
    [[nodiscard]] bool contains(version_handle h) const noexcept { return find(h) != nullptr; }
    [[nodiscard]] std::uint32_t calls_under_way() const noexcept { return under_way_; }

    /// Whom the first group of a version starts, or null.
    [[nodiscard]] std::shared_ptr<const launch_target> target(version_handle h, std::size_t which = 0) const noexcept
    {
        const entry* v = find(h);
        return v == nullptr || which >= v->groups.size() ? nullptr : v->groups[which].spec.target;
    }

    /// The books of one group, or null.
    [[nodiscard]] const ledger* books(version_handle h, std::size_t which = 0) const noexcept
    {
        const entry* v = find(h);
        return v == nullptr || which >= v->groups.size() ? nullptr : &v->groups[which].books;
    }

    /// The memories of a version's groups, in their order, for `add`. Empty for an unknown version.
    [[nodiscard]] std::vector<memory> remember(version_handle h) const
    {
        std::vector<memory> all;
        if (const entry* v = find(h))
            for (const group& g : v->groups) {
                all.push_back({g.state, g.books, g.bound});
                if constexpr (is_set) {
                    all.back().size = g.set.wished();
                    all.back().told = g.set.told();
                }
            }
        return all;
    }

private:
    using scaler_state = typename S::state;

    static constexpr bool is_set = strategy_of<S>() == launch_strategy::worker_set;
    struct no_set {};
    struct no_keeping {};

    struct group {
        explicit group(group_spec<S> s)
            : spec(std::move(s)), books(std::shared_ptr<const ledger_settings>(spec.policy, &spec.policy->workers))
        {}

        [[nodiscard]] ledger_owner owner() const noexcept { return {&spec.target->version, spec.target->function}; }

        group_spec<S> spec;
        scaler_state state{};
        ledger books;
        [[no_unique_address]] std::conditional_t<is_set, detail::set_size, no_set> set{};
        [[no_unique_address]] std::conditional_t<is_set || keeps_minimum_of<S>(), no_keeping,
            detail::minimum_keeper::state>
            keeping{};
        uptime revisit_at = never;
        uptime read_at = never;
        uptime bootstrap_at = never;
        std::uint16_t calls = 0;  // under way
        std::uint8_t bootstraps = 0;
        bool bound = false;
    };

    struct entry {
        std::vector<group> groups{};
        uptime read_after{};
        std::uint32_t generation = 0;
        std::uint8_t read_failures = 0;  // in a row
        version_status status = version_status::created;
        bool used = false;
        bool reading = false;  // from the wish to the answer
        bool read_queued = false;
        bool read_under_way = false;
    };

    /// A launch or resize, from the decision to the answer.
    struct call {
        version_handle version{};
        std::uint32_t group = 0;
        std::uint32_t count = 0;
        std::uint32_t stay = 0;
        std::uint32_t tries = 1;
        std::uint64_t first = 0;
        std::uint64_t id = 0;  // zero: free
        leave_rules orders{};
        bool performed = false;
    };

    struct retry {
        uptime due{};
        version_handle version{};
        std::uint32_t group = 0;
        std::uint32_t count = 0;
        std::uint32_t tries = 1;
        std::uint32_t stay = 0;
        leave_rules orders{};
    };

    static bool later_retry(const retry& a, const retry& b) noexcept { return a.due > b.due; }
    static constexpr std::uint64_t call_mask = 0xffffffff;

    uptime tick(uptime now) noexcept { return now_ = std::max(now_, now); }

    [[nodiscard]] entry* find(version_handle h) noexcept
    {
        const bool here =
            h.index < versions_.size() && versions_[h.index].used && versions_[h.index].generation == h.generation;
        return here ? &versions_[h.index] : nullptr;
    }
    [[nodiscard]] const entry* find(version_handle h) const noexcept
    {
        return const_cast<controller_machine*>(this)->find(h);
    }

    [[nodiscard]] fleet_view view(const group& g, uptime now) const noexcept
    {
        return g.books.view(now, options_.replace_margin);
    }

    /// Whether the worker is in the books of another group, which then alone counts it: groups may share a function.
    [[nodiscard]] static bool known_elsewhere(const entry& v, const group& mine, const worker_seen& w) noexcept
    {
        return std::any_of(
            v.groups.begin(), v.groups.end(), [&](const group& g) { return &g != &mine && g.books.knows(w.identity); });
    }

    void emit(const controller_event& e) const
    {
        if (watch_)
            watch_(e);
    }

    static void recall(group& g, memory m, uptime now)
    {
        g.state = std::move(m.scaler);
        g.books = std::move(m.books);
        g.books.settle_for({g.spec.policy, &g.spec.policy->workers});
        g.books.answers_lost(now);
        g.bound = m.bound;
        if constexpr (is_set)
            g.set = detail::set_size(m.size.value_or(planned(g)), m.told ? never : now);
    }

    /// Asks the scaler, and takes its decision.
    void ask(entry& v, std::uint32_t index, group& g, scaling_signal sig, uptime now)
    {
        g.revisit_at = g.read_at = never;
        if (v.status == version_status::drained)
            return;
        sig.limits = g.spec.policy->limits;
        sig.wanted = receives_work(v.status);
        sig.fleet = view(g, now);
        decision d = g.spec.policy->scaler.decide(g.state, sig, now);
        if constexpr (is_set)
            bound_set(d, sig, g);
        else if constexpr (!keeps_minimum_of<S>())
            keep_minimum(d, sig, g, now);
        bound(d, sig, g);
        g.revisit_at = later(now, std::max(d.revisit, uptime{1}));
        g.read_at = later(now, std::max(d.read, uptime::zero()));
        const version_handle h{index, v.generation};
        emit({.what = controller_event::kind::decided,
            .at = now,
            .version = h,
            .target = g.spec.target.get(),
            .why = sig.why,
            .made = d,
            .fleet = sig.fleet,
            .signal = &sig});
        if constexpr (is_set) {
            if (d.resize)
                resize(h, v, g, *d.resize);
        } else if (d.launch > 0) {
            launch(h, v, g, d.launch, d.stay, g.spec.policy->tries, d.orders.value_or(g.spec.policy->orders), now);
        }
    }

    /// What a scaler that knows no minimum leaves to us.
    static void keep_minimum(decision& d, const scaling_signal& sig, group& g, uptime now) noexcept
    {
        if constexpr (!is_set && !keeps_minimum_of<S>()) {
            // A refused start that is retried must not be made for the minimum as well: the retry comes first.
            const detail::minimum_keeper keeper{
                .first_wait = std::max(detail::minimum_keeper{}.first_wait, g.spec.policy->retry_after)};
            keeper.observe(g.keeping, sig, now);
            keeper.raise(d, g.keeping, sig, now);
        }
    }

    /// The platform keeps up what it was told, so a set is told when it begins and when the bounds are new.
    static void bound_set(decision& d, const scaling_signal& sig, const group& g) noexcept
    {
        if constexpr (is_set) {
            if (d.resize || (sig.why != cause::begin && sig.why != cause::changed))
                return;
            std::uint32_t plan = planned(g);
            // What stands there for the minimum only goes when the minimum does. A scaler that has a plan says so
            // itself.
            if (!has_plan && !sig.wanted && plan <= sig.limits.min)
                plan = 0;
            detail::bound_size(d, sig, plan, g.set.wished());
        }
    }

    static constexpr bool has_plan = requires(const S& s, const scaler_state& st) { s.planned(st); };

    /// What the scaler wants a set to be, whatever the bounds; or what it wished for last.
    [[nodiscard]] static std::uint32_t planned(const group& g) noexcept
    {
        if constexpr (has_plan)
            return g.spec.policy->scaler.planned(g.state);
        else if constexpr (is_set)
            return g.set.wished();
        else
            return 0;
    }

    void resize(version_handle h, entry& v, group& g, std::uint32_t size)
    {
        if constexpr (is_set) {
            g.set.wish(size);
            tell_size(h, v, g);
        }
    }

    /// Unless that is under way, or waits after a refusal: the size that is told then is the last one.
    void tell_size(version_handle h, entry& v, group& g)
    {
        if constexpr (is_set) {
            if (g.set.begin(now_))
                start_call(h, v, g, {});
        }
    }

    void tell_again(version_handle h, entry& v, group& g, uptime now)
    {
        if constexpr (is_set) {
            emit({.what = controller_event::kind::retried,
                .at = now,
                .version = h,
                .target = g.spec.target.get(),
                .count = g.set.wished()});
            tell_size(h, v, g);
        }
    }

    /// The scaler of a version that sleeps is not asked, so its set is taken down without it.
    void rest(entry& v, std::uint32_t index, group& g)
    {
        if constexpr (is_set)
            if (v.status == version_status::drained && g.set.wished() > 0)
                resize({index, v.generation}, v, g, 0);
    }

    /// Whatever a scaler says: never above the maximum, and no more calls at once than may be.
    void bound(decision& d, const scaling_signal& sig, const group& g) const noexcept
    {
        const scaling_limits& limits = sig.limits;
        if (d.resize)
            d.resize = std::clamp(*d.resize, detail::least_size(limits, sig.wanted), limits.max);
        if (d.launch == 0 && !d.resize)
            return;
        std::uint32_t room = limits.max - std::min(limits.max, sig.fleet.total());
        reason why = reason::at_maximum;
        if (g.calls >= options_.calls_per_group) {
            room = 0;
            why = reason::calls_under_way;
        }
        room = std::min(room, options_.starts_per_call);
        if (d.launch > room) {
            d.held_back = saturating_add(d.held_back, d.launch - room);
            d.launch = room;
            if (room == 0)
                d.reason = why;
        }
        d.stay = std::min(d.stay, d.launch);
    }

    void launch(version_handle h, entry& v, group& g, std::uint32_t count, std::uint32_t stay, std::uint32_t tries,
        const leave_rules& orders, uptime now)
    {
        start_call(h, v, g,
            {.count = count, .stay = stay, .tries = tries, .first = g.books.ask(count, now), .orders = orders});
    }

    void start_call(version_handle h, entry& v, group& g, call c)
    {
        std::size_t slot = calls_.size();
        if (free_calls_.empty()) {
            calls_.emplace_back();
        } else {
            slot = free_calls_.back();
            free_calls_.pop_back();
        }
        c.version = h;
        c.group = static_cast<std::uint32_t>(&g - v.groups.data());
        c.id = (++call_count_ << 32) | slot;
        calls_[slot] = c;
        ++g.calls;
        queue_.push_back(c.id);
    }

    void end_reading(entry& v) noexcept
    {
        v.reading = false;
        if (std::exchange(v.read_under_way, false))
            --reads_under_way_;
    }

    [[nodiscard]] std::optional<call> take_call(std::uint64_t id)
    {
        const auto slot = static_cast<std::size_t>(id & call_mask);
        if (slot >= calls_.size() || calls_[slot].id != id || !calls_[slot].performed)
            return std::nullopt;
        const call c = calls_[slot];
        --under_way_;
        drop_call(calls_[slot]);
        return c;
    }

    void drop_call(call& c)
    {
        free_calls_.push_back(static_cast<std::uint32_t>(&c - calls_.data()));
        c = {};
    }

    void retry_later(retry r)
    {
        retries_.push_back(r);
        std::push_heap(retries_.begin(), retries_.end(), later_retry);
    }

    void try_again(entry& v, const retry& r, uptime now)
    {
        group& g = v.groups[r.group];
        const std::uint32_t room =
            g.spec.policy->limits.max - std::min(g.spec.policy->limits.max, view(g, now).total());
        const std::uint32_t count = std::min(r.count, room);
        // The scaler is asked again at each answer: what finds no room is not lost with the retry.
        if (count == 0 || v.status == version_status::drained || g.calls >= options_.calls_per_group)
            return;
        emit({.what = controller_event::kind::retried,
            .at = now,
            .version = r.version,
            .target = g.spec.target.get(),
            .count = count});
        launch(r.version, v, g, count, std::min(r.stay, count), r.tries, r.orders, now);
    }

    /// A version nobody ever polled for is bound to no queue, and no task names it: start one worker, and once more.
    void bootstrap(entry& v, std::uint32_t index, group& g, uptime now)
    {
        const fleet_view f = view(g, now);
        // The workers of a set have names of their own, which no answer told us.
        if (v.status == version_status::drained) {
            g.bootstrap_at = never;  // until the status is another
            return;
        }
        if (f.ever_seen || (is_set && f.foreign > 0)) {
            g.bootstrap_at = never;
            g.bound = true;
            return;
        }
        const uptime wait = detail::doubled(options_.bootstrap_retry, g.bootstraps, options_.bootstrap_retry_most);
        g.bootstrap_at = later(now, std::max(wait, uptime{1}));
        if (f.total() > 0 || g.spec.policy->limits.max == 0)
            return;
        g.bootstraps = static_cast<std::uint8_t>(std::min(g.bootstraps + 1, 255));
        const version_handle h{index, v.generation};
        controller_event e{.what = controller_event::kind::bootstrap,
            .at = now,
            .version = h,
            .target = g.spec.target.get(),
            .made = {.launch = 1, .reason = reason::bootstrap},
            .fleet = f,
            .count = 1};
        if constexpr (is_set) {
            e.count = first_size(g, receives_work(v.status));
            e.made = {.resize = e.count, .reason = reason::bootstrap};
        }
        emit(e);
        if constexpr (is_set)
            resize(h, v, g, e.count);
        else
            launch(h, v, g, 1, 0, 1, g.spec.policy->orders, now);
    }

    /// As planned, but at least one. A scaler that keeps a plan is told by `bootstrap(state)`, where it has that.
    [[nodiscard]] static std::uint32_t first_size(group& g, bool wanted)
    {
        const group_policy<S>& policy = *g.spec.policy;
        std::uint32_t size = planned(g);
        if constexpr (requires { policy.scaler.bootstrap(g.state); })
            size = policy.scaler.bootstrap(g.state);
        return std::min(std::max({1U, size, detail::least_size(policy.limits, wanted)}), policy.limits.max);
    }

    void wake(std::uint32_t index, uptime now)
    {
        entry& v = versions_[index];
        bool changed = false;
        for (group& g : v.groups) {
            if (g.books.advance(now)) {
                changed = true;
                ask(v, index, g, {.why = cause::workers}, now);
            } else if (g.revisit_at <= now) {
                ask(v, index, g, {.why = cause::wake}, now);
            }
            if (g.bootstrap_at <= now)
                bootstrap(v, index, g, now);
            if constexpr (is_set)
                if (g.set.tell_at() <= now)
                    tell_again({index, v.generation}, v, g, now);
        }
        settle(index, now);
        // Books that somebody else wrote may name a moment that has passed and then have nothing to do. All else that
        // was due has a later moment now. Without this `advance` would never return.
        if (!changed && wakes_.soonest() <= now && wakes_.first() == index)
            wakes_.set(index, later(now, std::chrono::milliseconds{1}));
    }

    /// Asks for a reading that is due, and sets the version's alarm.
    void settle(std::uint32_t index, uptime now)
    {
        entry& v = versions_[index];
        uptime at = never;
        uptime read_at = never;
        for (group& g : v.groups) {
            if (g.bootstrap_at <= now)
                bootstrap(v, index, g, now);
            at = std::min({at, g.revisit_at, g.bootstrap_at, g.books.next_change()});
            if constexpr (is_set)
                at = std::min(at, g.set.tell_at());
            read_at = std::min(read_at, g.read_at);
        }
        if (!v.reading && read_at != never) {
            read_at = std::max(read_at, v.read_after);
            if (read_at <= now) {
                v.reading = true;
                // The one before may still stand there: a snapshot came by itself.
                if (!std::exchange(v.read_queued, true))
                    reads_.push_back({index, v.generation});
            } else {
                at = std::min(at, read_at);
            }
        }
        wakes_.set(index, at);
    }

    controller_options options_;
    observer watch_;
    std::deque<entry> versions_{};  // so that growing moves none, and leaves no room unused
    std::vector<std::uint32_t> free_{};
    detail::wake_heap wakes_{};
    std::vector<retry> retries_{};  // a heap, soonest first
    std::vector<call> calls_{};
    std::vector<std::uint32_t> free_calls_{};
    std::deque<std::uint64_t> queue_{};
    std::deque<version_handle> reads_{};
    std::uint64_t call_count_ = 0;
    std::uint32_t under_way_ = 0;
    std::uint32_t reads_under_way_ = 0;
    uptime now_{};
};

}  // namespace mayfly

// mayfly/environment.hpp ----------------------------------------------------------------------------------------------

namespace mayfly {

/// Environment variables as a value: what reads settings takes one, and a test makes its own.
struct environment {
    std::map<std::string, std::string, std::less<>> variables{};

    /// The variable's value. One that is set to nothing counts as not set.
    [[nodiscard]] std::optional<std::string> get(std::string_view name) const
    {
        const auto at = variables.find(name);
        return at == variables.end() || at->second.empty() ? std::nullopt : std::optional(at->second);
    }

    /// A copy of the process's own, as it is now.
    [[nodiscard]] static environment of_process()
    {
        environment out;
        for (char** entry = ::environ; entry && *entry; ++entry) {
            const std::string_view text = *entry;
            const auto equals = text.find('=');
            if (equals != std::string_view::npos && equals != 0)
                out.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
        return out;
    }
};

}  // namespace mayfly

// mayfly/identity.hpp -------------------------------------------------------------------------------------------------

namespace mayfly {

/// `<request id>@<function>`, by which a controller finds the worker it started among the pollers of a queue. The
/// function is the name it was invoked by, with its version or alias. A missing part becomes `unknown`.
[[nodiscard]] inline std::string invocation_identity(std::string_view request_id, std::string_view function)
{
    constexpr std::string_view missing = "unknown";
    std::string out{request_id.empty() ? missing : request_id};
    out += '@';
    out += function.empty() ? missing : function;
    return out;
}

/// The identity a worker polls with: the user's own if there is one. Empty outside of any function: then the client's
/// own default stands.
[[nodiscard]] inline std::string worker_identity(
    std::string_view own, std::string_view request_id, std::string_view function)
{
    if (!own.empty() || (request_id.empty() && function.empty()))
        return std::string{own};
    return invocation_identity(request_id, function);
}

}  // namespace mayfly

// mayfly/detail/seconds_text.hpp --------------------------------------------------------------------------------------

namespace mayfly::detail {

/// A time for people, to the millisecond: `7 s`, `0.25 s`, `-1.5 s`.
[[nodiscard]] inline std::string seconds_text(uptime t)
{
    const auto ms = std::chrono::round<std::chrono::milliseconds>(t).count();
    std::string out = std::to_string(ms / 1000);
    if (ms < 0 && ms > -1000)
        out.insert(out.begin(), '-');
    if (const auto part = (ms < 0 ? -ms : ms) % 1000; part != 0) {
        std::string digits = std::to_string(1000 + part).substr(1);
        digits.erase(digits.find_last_not_of('0') + 1);
        out += '.' + digits;
    }
    return out + " s";
}

}  // namespace mayfly::detail

// mayfly/detail/json_write.hpp ----------------------------------------------------------------------------------------

namespace mayfly::detail {

/// Length of the well-formed UTF-8 sequence at the start of `s`, or zero. `s` is not empty.
[[nodiscard]] constexpr std::size_t utf8_sequence(std::string_view s) noexcept
{
    const auto at = [&s](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
    const auto tail = [&at](std::size_t i) { return (at(i) & 0xC0U) == 0x80; };
    const unsigned a = at(0);
    const unsigned b = at(1);
    if (a < 0x80)
        return 1;
    if (a >= 0xC2 && a < 0xE0)
        return tail(1) ? 2 : 0;
    // The second byte also tells overlong forms, surrogates and what lies beyond U+10FFFF.
    if (a >= 0xE0 && a < 0xF0) {
        const bool ok = (a != 0xE0 || b >= 0xA0) && (a != 0xED || b < 0xA0);
        return ok && tail(1) && tail(2) ? 3 : 0;
    }
    if (a >= 0xF0 && a < 0xF5) {
        const bool ok = (a != 0xF0 || b >= 0x90) && (a != 0xF4 || b < 0x90);
        return ok && tail(1) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

[[nodiscard]] constexpr bool is_utf8(std::string_view s) noexcept
{
    while (!s.empty()) {
        const std::size_t length = utf8_sequence(s);
        if (length == 0)
            return false;
        s.remove_prefix(length);
    }
    return true;
}

/// Appends `s` in quotes. Bytes that are not UTF-8 become U+FFFD, so that the result is JSON whatever comes in.
inline void append_json_string(std::string& out, std::string_view s)
{
    constexpr std::string_view hex = "0123456789abcdef";
    out += '"';
    while (!s.empty()) {
        const auto c = static_cast<unsigned char>(s.front());
        const std::size_t length = utf8_sequence(s);
        switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default:
            if (c < 0x20 || c == 0x7F) {
                out += "\\u00";
                out += hex[c >> 4U];
                out += hex[c & 0xFU];
            } else if (length == 0) {
                out += "\xEF\xBF\xBD";
            } else {
                out += s.substr(0, length);
            }
        }
        s.remove_prefix(length == 0 ? 1 : length);
    }
    out += '"';
}

/** Writes one JSON text to the end of a string, without spaces or line ends.

    Commas are put where they belong. The caller sees to it that what is begun is ended and that every value in an
   object has a name.
*/
class json_writer {
public:
    explicit json_writer(std::string& out) noexcept : out_{&out} {}

    json_writer& begin_object() { return open('{'); }
    json_writer& end_object() { return close('}'); }
    json_writer& begin_array() { return open('['); }
    json_writer& end_array() { return close(']'); }

    json_writer& key(std::string_view name)
    {
        comma();
        append_json_string(*out_, name);
        *out_ += ':';
        first_ = true;
        return *this;
    }

    json_writer& value(std::string_view s)
    {
        comma();
        append_json_string(*out_, s);
        return *this;
    }
    json_writer& value(const char* s) { return value(std::string_view{s}); }  // else a pointer would be a bool
    json_writer& value(std::same_as<bool> auto b) { return raw(b ? "true" : "false"); }
    json_writer& value(std::nullptr_t) { return raw("null"); }

    template <std::integral Integer>
        requires(!std::same_as<Integer, bool> && !std::same_as<Integer, char>)
    json_writer& value(Integer i) { return number(i); }

    /// The shortest text that reads back as the same number. JSON has no NaN and no infinity: these become null.
    json_writer& value(double d) { return std::isfinite(d) ? number(d) : raw("null"); }

    /// A value that is JSON already.
    json_writer& raw(std::string_view json)
    {
        comma();
        *out_ += json;
        return *this;
    }

    template <class T>
    json_writer& member(std::string_view name, const T& v)
    {
        return key(name).value(v);
    }

private:
    template <class Number>
    json_writer& number(Number n)
    {
        std::array<char, 32> text{};
        const auto end = std::to_chars(text.data(), text.data() + text.size(), n).ptr;
        return raw({text.data(), static_cast<std::size_t>(end - text.data())});
    }

    json_writer& open(char c)
    {
        comma();
        *out_ += c;
        first_ = true;
        return *this;
    }
    json_writer& close(char c)
    {
        *out_ += c;
        first_ = false;
        return *this;
    }
    void comma()
    {
        if (!first_)
            *out_ += ',';
        first_ = false;
    }

    std::string* out_;
    bool first_ = true;
};

}  // namespace mayfly::detail

// mayfly/invocation_report.hpp ----------------------------------------------------------------------------------------

namespace mayfly {

/// Why an invocation ended.
enum class invocation_end : std::uint8_t {
    running,           ///< It has not.
    deadline,          ///< Its time was used up: the normal end.
    activity_timeout,  ///< A task that starts now could not finish.
    idle,              ///< Nothing was left to do.
    thinned,           ///< The fleet was larger than its load.
    cancelled,         ///< Somebody stopped it while it polled.
    // From here on: failures.
    deadline_too_near,  ///< Too little time to begin with; nothing was done.
    stopped,            ///< Cancelled before it could poll.
    connect_failed,     ///< The queue could not be reached.
    start_failed,       ///< The queue did not let the worker in.
    worker_failed,      ///< The worker broke down while polling.
};

[[nodiscard]] constexpr std::string_view to_string(invocation_end e) noexcept
{
    switch (e) {
    case invocation_end::running: return "running";
    case invocation_end::deadline: return "deadline";
    case invocation_end::activity_timeout: return "activity_timeout";
    case invocation_end::idle: return "idle";
    case invocation_end::thinned: return "thinned";
    case invocation_end::cancelled: return "cancelled";
    case invocation_end::deadline_too_near: return "deadline_too_near";
    case invocation_end::stopped: return "stopped";
    case invocation_end::connect_failed: return "connect_failed";
    case invocation_end::start_failed: return "start_failed";
    case invocation_end::worker_failed: return "worker_failed";
    }
    return "unknown";
}

[[nodiscard]] constexpr bool failed(invocation_end e) noexcept
{
    return e >= invocation_end::deadline_too_near;
}

[[nodiscard]] constexpr invocation_end end_for(leave_reason r) noexcept
{
    switch (r) {
    case leave_reason::none: return invocation_end::running;
    case leave_reason::deadline: return invocation_end::deadline;
    case leave_reason::activity_timeout: return invocation_end::activity_timeout;
    case leave_reason::idle: return invocation_end::idle;
    case leave_reason::thinned: return invocation_end::thinned;
    }
    return invocation_end::deadline;
}

/// What a worker is doing, and has done since it started.
struct worker_activity {
    std::array<std::uint64_t, all_task_types.size()> received{};  ///< Tasks taken from the queue, by `task_type`.
    std::uint64_t completed = 0;                                  ///< Tasks whose result was reported.
    std::uint32_t busy = 0;                                       ///< Tasks running now, local activities included.
    bool waiting = true;  ///< Every poller waits at the queue: none is on its way with a task, or trying to reconnect.
    double load = 0;      ///< Share of slots in use, in [0, 1], of the task type that has the fewest left.

    [[nodiscard]] constexpr std::uint64_t received_in_all() const noexcept
    {
        std::uint64_t sum = 0;
        for (const std::uint64_t n : received)
            sum += n;
        return sum;
    }
    friend bool operator==(const worker_activity&, const worker_activity&) = default;
};

/// How an invocation went.
struct invocation_report {
    invocation_end end = invocation_end::running;
    std::string identity{};               ///< As which the worker polled.
    std::string error{};                  ///< What failed, in words; empty if nothing did.
    std::vector<std::string> warnings{};  ///< What went wrong without changing the result.
    worker_activity work{};               ///< As of the moment the worker was stopped.
    uptime connect{};                     ///< Time spent connecting and starting.
    uptime poll{};                        ///< Polling.
    uptime idle{};                        ///< Of `poll`: with no task running.
    uptime drain{};                       ///< Waiting for running tasks.
    uptime hooks{};                       ///< In the shutdown hooks.
    uptime close{};                       ///< Closing the client.
    std::size_t hooks_run = 0;            ///< Hooks begun.
    std::size_t hooks_failed = 0;         ///< Of these: failed, threw, or were not done in time.

    friend bool operator==(const invocation_report&, const invocation_report&) = default;
};

/// The report as one JSON object in one line. Times are in seconds.
[[nodiscard]] inline std::string to_json(const invocation_report& r)
{
    const auto seconds = [](uptime t) { return std::chrono::duration<double>(t).count(); };
    std::string out;
    detail::json_writer w(out);
    w.begin_object().member("end", to_string(r.end)).member("ok", !failed(r.end)).member("identity", r.identity);
    if (!r.error.empty())
        w.member("error", r.error);
    w.key("tasks").begin_object();
    for (const task_type t : all_task_types)
        w.member(to_string(t), r.work.received[static_cast<std::size_t>(t)]);
    w.member("completed", r.work.completed).member("unfinished", r.work.busy).end_object();
    w.key("seconds")
        .begin_object()
        .member("connect", seconds(r.connect))
        .member("poll", seconds(r.poll))
        .member("idle", seconds(r.idle))
        .member("drain", seconds(r.drain))
        .member("hooks", seconds(r.hooks))
        .member("close", seconds(r.close))
        .end_object();
    w.key("hooks").begin_object().member("run", r.hooks_run).member("failed", r.hooks_failed).end_object();
    w.key("warnings").begin_array();
    for (const std::string& text : r.warnings)
        w.value(text);
    w.end_array().end_object();
    return out;
}

}  // namespace mayfly

// mayfly/invocation_machine.hpp ---------------------------------------------------------------------------------------

namespace mayfly {

/// What is known when an invocation begins. Times count from its arrival.
struct invocation_plan {
    uptime deadline = never;                                 ///< `never` outside of a function.
    uptime shutdown_buffer = std::chrono::seconds{7};        ///< Polling stops this much before the deadline.
    uptime stop_timeout = std::chrono::seconds{5};           ///< The longest wait for running tasks after that.
    uptime hook_allowance = std::chrono::seconds{2};         ///< Draining never reaches into this last part.
    uptime exit_allowance = std::chrono::milliseconds{200};  ///< Nor hooks into this one: to close and to report.
    leave_rules rules{};                                     ///< When to leave before the deadline.
    std::string target{};                                    ///< Where the queue is, for messages.
    std::string identity{};
    std::vector<std::string> hooks{};  ///< Names of the shutdown hooks, in order.
};

/// Less than this between arrival and the moment to stop polling is worth a warning; `least_polling` or less is
/// refused.
inline constexpr uptime little_polling = std::chrono::seconds{5};

/// A hook has all the time that is left, but for this much for each hook that follows: one that hangs does not take the
/// others with it.
inline constexpr uptime least_hook_time = std::chrono::milliseconds{100};

/// Something that happened to an invocation.
struct invocation_event {
    enum kind : std::uint8_t {
        begin,
        connected,
        connect_failed,
        started,
        start_failed,
        changed,        ///< `activity` is new.
        worker_failed,  ///< For good.
        drained,        ///< No task runs and no poll is under way. With words: something went wrong on the way.
        worker_stopped,
        hook_done,
        hook_failed,
        client_closed,
        close_failed,
        cancelled,  ///< Somebody asks for the end. Whatever is waited for now is cut short; what follows still happens.
        timer,      ///< The time given with the last action has come.
    };

    kind what = timer;
    std::string_view words{};    ///< Of a failure.
    worker_activity activity{};  ///< For `changed` and `worker_stopped`.
    double u = 0;                ///< Uniform in [0, 1), for `changed`, `started` and `timer`.
};

/// What to do next.
struct invocation_action {
    enum kind : std::uint8_t {
        wait,     ///< Nothing new; what was begun goes on.
        connect,  ///< Get a client.
        start,    ///< Make a worker of it, and start it.
        poll,     ///< Report the next change of its activity.
        drain,    ///< Stop polling, wait for running tasks.
        stop,     ///< Stop the worker at once and for good. `worker_stopped` follows immediately.
        hook,     ///< Run hook number `index`.
        close,    ///< Close the client.
        finish,   ///< The report is complete.
    };

    kind what = wait;
    uptime until = never;   ///< Then send `timer`. For anything but `poll`, what is under way is to be done by then.
    std::size_t index = 0;  ///< For `hook`.

    friend bool operator==(const invocation_action&, const invocation_action&) = default;
};

/** The life of one worker in one function invocation: check the deadline, connect, start, poll, drain, run the hooks,
   close.

    Each event is answered by one action. An action that is not `wait` ends what was under way before, whether or not it
    has ended by itself; an event that no longer fits is ignored. The order is fixed: no poll follows a drain, the
   worker has stopped before the first hook, hooks run in their order, and every client is closed once, at the end. Only
   an invocation without time to work ends without its hooks.
*/
class invocation_machine {
public:
    explicit invocation_machine(invocation_plan plan) : plan_{std::move(plan)}
    {
        report_.identity = plan_.identity;
        if (plan_.deadline != never)
            stop_at_ = plan_.deadline - plan_.shutdown_buffer;
    }

    invocation_action on(const invocation_event& e, uptime now)
    {
        switch (step_) {
        case step::none: return e.what == invocation_event::begin ? begin(now) : idle();
        case step::connecting: return connecting(e, now);
        case step::starting: return starting(e, now);
        case step::polling: return polling(e, now);
        case step::draining: return draining(e, now);
        case step::stopping: return stopping(e, now);
        case step::hooks: return hooks(e, now);
        case step::closing: return closing(e, now);
        case step::done: break;
        }
        return idle();
    }

    /// Complete after `finish`; before that, what is known so far.
    [[nodiscard]] const invocation_report& report() const noexcept { return report_; }

private:
    enum class step : std::uint8_t { none, connecting, starting, polling, draining, stopping, hooks, closing, done };
    using event = invocation_event;
    using action = invocation_action;

    invocation_action begin(uptime now)
    {
        if (stop_at_ != never) {
            const uptime work = stop_at_ - now;
            if (work <= least_polling) {
                end(invocation_end::deadline_too_near, too_near(work, now));
                return enter(step::done, now, action::finish);
            }
            if (work < little_polling)
                warn(too_near(work, now));
        }
        return enter(step::connecting, now, action::connect, stop_at_);
    }

    invocation_action connecting(const event& e, uptime now)
    {
        switch (e.what) {
        case event::connected:
            has_client_ = true;
            if (now < stop_at_)
                return enter(step::starting, now, action::start, stop_at_);
            // A worker that may not poll is not started: its first poll could take a task that it then loses.
            warn("connecting took all the time there was to poll");
            end(invocation_end::deadline);
            return begin_hooks(now);
        case event::connect_failed:
            end(invocation_end::connect_failed, "connecting to " + plan_.target + " failed: " + std::string(e.words));
            return begin_hooks(now);
        case event::timer:
            if (now < until_)
                break;
            end(invocation_end::connect_failed, "connecting to " + plan_.target +
                                                    " took longer than there was time to poll, " +
                                                    detail::seconds_text(now - mark_));
            return begin_hooks(now);
        case event::cancelled: end(invocation_end::stopped, "cancelled while connecting"); return begin_hooks(now);
        default: break;
        }
        return idle();
    }

    invocation_action starting(const event& e, uptime now)
    {
        switch (e.what) {
        case event::started: return begin_polling(e, now);
        case event::start_failed:
            end(invocation_end::start_failed, "starting the worker failed: " + std::string(e.words));
            return enter(step::stopping, now, action::stop);
        case event::timer:
            if (now < until_)
                break;
            end(invocation_end::start_failed, "the worker did not start while there was time to poll");
            return enter(step::stopping, now, action::stop);
        case event::cancelled:
            end(invocation_end::stopped, "cancelled while the worker started");
            return enter(step::stopping, now, action::stop);
        default: break;
        }
        return idle();
    }

    invocation_action begin_polling(const event& e, uptime now)
    {
        poll_window window{.from = now, .stop_at = stop_at_, .drained_by = never};
        if (stop_at_ != never)
            window.drained_by = std::max(stop_at_, drain_limit(stop_at_));
        voluntary_limit_ = window.drained_by;
        const uptime timeout = plan_.rules.activity_timeout;
        if (timeout > uptime::zero() && window.drained_by != never &&
            window.drained_by - timeout < later(now, least_polling))
            warn("a task of activity_timeout, " + detail::seconds_text(timeout) +
                 ", cannot finish in this function: it is lost unless it is shorter than " +
                 detail::seconds_text(window.drained_by - now) +
                 "; raise the function's timeout, or make the tasks shorter");
        leaving_ = leaving{plan_.rules, 1, window};
        enter(step::polling, now, action::poll);
        looked_ = now;
        const leaving::verdict v = leaving_.decide(now, e.u);
        return v.leave() ? leave(v.reason, now) : again(action::poll, v.look);
    }

    invocation_action polling(const event& e, uptime now)
    {
        if (report_.work.busy == 0)
            report_.idle += now - looked_;
        looked_ = now;
        switch (e.what) {
        case event::changed: {
            const bool moved =
                e.activity.received != report_.work.received || e.activity.completed != report_.work.completed;
            report_.work = e.activity;
            leaving_.observe(now, e.activity.busy + (e.activity.waiting ? 0U : 1U), e.activity.load, moved);
            const leaving::verdict v = leaving_.decide(now, e.u);
            return v.leave() ? leave(v.reason, now) : again(action::poll, v.look);
        }
        case event::timer: {
            const leaving::verdict v = leaving_.decide(now, e.u);
            return v.leave() ? leave(v.reason, now) : again(action::wait, v.look);
        }
        case event::worker_failed:
            end(invocation_end::worker_failed, "the worker failed: " + std::string(e.words));
            return enter(step::draining, now, action::drain, drain_limit(now));
        case event::cancelled:
            end(invocation_end::cancelled);
            return enter(step::draining, now, action::drain, drain_limit(now));
        default: break;
        }
        return idle();
    }

    // Who leaves before the time has time: running tasks may use what they would have had otherwise.
    invocation_action leave(leave_reason why, uptime now)
    {
        end(end_for(why));
        const uptime limit = why == leave_reason::deadline ? drain_limit(now) : std::max(now, voluntary_limit_);
        return enter(step::draining, now, action::drain, limit);
    }

    invocation_action draining(const event& e, uptime now)
    {
        switch (e.what) {
        case event::drained:
            if (!e.words.empty())
                warn("draining the worker failed: " + std::string(e.words));
            return enter(step::stopping, now, action::stop);
        case event::timer:
            if (now < until_)
                break;
            return enter(step::stopping, now, action::stop);
        case event::cancelled: return enter(step::stopping, now, action::stop);
        default: break;
        }
        return idle();
    }

    invocation_action stopping(const event& e, uptime now)
    {
        if (e.what != event::worker_stopped)
            return idle();
        report_.work = e.activity;
        if (const auto n = report_.work.busy; n > 0)
            warn(std::to_string(n) + (n == 1 ? " task was" : " tasks were") +
                 " still running when the worker stopped; the queue will hand " + (n == 1 ? "it" : "them") +
                 " out again");
        return begin_hooks(now);
    }

    invocation_action begin_hooks(uptime now)
    {
        enter(step::hooks, now, action::wait);
        return next_hook(now);
    }

    invocation_action next_hook(uptime now)
    {
        if (report_.hooks_run < plan_.hooks.size()) {
            const auto following = static_cast<uptime::rep>(plan_.hooks.size() - report_.hooks_run - 1);
            const uptime until = exit_limit(now, plan_.exit_allowance + following * least_hook_time);
            return again(action::hook, until, report_.hooks_run++);
        }
        if (has_client_)
            return enter(step::closing, now, action::close, exit_limit(now, plan_.exit_allowance / 2));
        return enter(step::done, now, action::finish);
    }

    invocation_action hooks(const event& e, uptime now)
    {
        switch (e.what) {
        case event::hook_done: return now > until_ ? hook_failed("took longer than it had", now) : next_hook(now);
        case event::hook_failed: return hook_failed("failed: " + std::string(e.words), now);
        case event::timer:
            if (now < until_)
                break;
            return hook_failed("was not done in time", now);
        case event::cancelled: return hook_failed("was cancelled", now);
        default: break;
        }
        return idle();
    }

    invocation_action hook_failed(const std::string& how, uptime now)
    {
        ++report_.hooks_failed;
        warn("shutdown hook \"" + plan_.hooks[report_.hooks_run - 1] + "\" " + how);
        return next_hook(now);
    }

    invocation_action closing(const event& e, uptime now)
    {
        switch (e.what) {
        case event::client_closed: return enter(step::done, now, action::finish);
        case event::close_failed: warn("closing the client failed: " + std::string(e.words)); break;
        case event::timer:
            if (now < until_)
                return idle();
            warn("closing the client was not done in time");
            break;
        case event::cancelled: warn("closing the client was cancelled"); break;
        default: return idle();
        }
        return enter(step::done, now, action::finish);
    }

    /// Running tasks get the stop timeout, but never the time of the hooks.
    [[nodiscard]] uptime drain_limit(uptime from) const noexcept
    {
        const uptime limit = later(from, plan_.stop_timeout);
        return plan_.deadline == never ? limit : std::max(from, std::min(limit, plan_.deadline - plan_.hook_allowance));
    }

    /// The end, less what the following steps need. Without a deadline nothing may keep us waiting for ever either.
    [[nodiscard]] uptime exit_limit(uptime now, uptime reserve) const noexcept
    {
        return plan_.deadline == never ? later(now, plan_.hook_allowance) : std::max(now, plan_.deadline - reserve);
    }

    [[nodiscard]] std::string too_near(uptime work, uptime now) const
    {
        return detail::seconds_text(work) + " of work time: " + detail::seconds_text(plan_.deadline - now) +
               " until the deadline, less a shutdown_buffer of " + detail::seconds_text(plan_.shutdown_buffer) +
               "; more than " + detail::seconds_text(least_polling) +
               " is needed: raise the function's timeout, or lower shutdown_buffer";
    }

    void warn(std::string words) { report_.warnings.push_back(std::move(words)); }

    void end(invocation_end how, std::string error = {})
    {
        report_.end = how;
        report_.error = std::move(error);
    }

    invocation_action enter(step next, uptime now, action::kind what, uptime until = never)
    {
        const uptime spent = now - mark_;
        switch (step_) {
        case step::connecting:
        case step::starting: report_.connect += spent; break;
        case step::polling: report_.poll += spent; break;
        case step::draining:
        case step::stopping: report_.drain += spent; break;
        case step::hooks: report_.hooks += spent; break;
        case step::closing: report_.close += spent; break;
        case step::none:
        case step::done: break;
        }
        mark_ = now;
        step_ = next;
        return again(what, until);
    }

    invocation_action again(action::kind what, uptime until, std::size_t index = 0)
    {
        until_ = until;
        return {what, until, index};
    }

    [[nodiscard]] invocation_action idle() const noexcept { return {action::wait, until_, 0}; }

    invocation_plan plan_;
    invocation_report report_{};
    leaving leaving_{};
    step step_ = step::none;
    bool has_client_ = false;
    uptime stop_at_ = never;
    uptime voluntary_limit_ = never;
    uptime until_ = never;
    uptime mark_{0};    // when the present step began
    uptime looked_{0};  // the last event while polling
};

}  // namespace mayfly

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

// mayfly/detail/json_fields.hpp ---------------------------------------------------------------------------------------

// A struct's fields are named once, in a static member `fields(visit, object)` or an overload of it in this namespace,
// and from that list both written and read. Times are whole microseconds. An absent optional is no member. A string
// that is not UTF-8 stands in hex, under its name and `_hex`. What has no such overload is a list of items.

namespace mayfly::detail {

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// The enumerator of that name. Enumerators begin at zero, and `to_string` says "unknown" behind the last.
template <class E>
[[nodiscard]] std::optional<E> enumerator(std::string_view name) noexcept
{
    for (unsigned i = 0; to_string(static_cast<E>(i)) != "unknown"; ++i)
        if (to_string(static_cast<E>(i)) == name)
            return static_cast<E>(i);
    return std::nullopt;
}

[[nodiscard]] inline std::string to_hex(std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        out += digits[static_cast<unsigned char>(c) >> 4U];
        out += digits[static_cast<unsigned char>(c) & 0xFU];
    }
    return out;
}

/// What `to_hex` wrote, or nothing.
[[nodiscard]] inline std::optional<std::string> from_hex(std::string_view text)
{
    if (text.size() % 2 != 0)
        return std::nullopt;
    std::string out;
    for (; !text.empty(); text.remove_prefix(2)) {
        unsigned byte = 0;
        const char* const end = text.data() + 2;
        if (std::from_chars(text.data(), end, byte, 16).ptr != end)
            return std::nullopt;
        out += static_cast<char>(byte);
    }
    return out;
}

template <class T, class F>
concept NamesFields = requires(F& f, T& v)
{
    std::remove_const_t<T>::fields(f, v);
};

/// The type's own list, or the one kept in this namespace.
template <class F, class T>
    requires NamesFields<T, F> || requires(F& f, T& v)
    {
        fields(f, v);
    }
void visit_fields(F& f, T& v)
{
    if constexpr (NamesFields<T, F>)
        std::remove_const_t<T>::fields(f, v);
    else
        fields(f, v);
}

/// Writes each field that it is shown.
struct json_out {
    json_writer* to;

    template <class T>
    void operator()(std::string_view name, const T& v)
    {
        if constexpr (is_optional<T>) {
            if (v)
                (*this)(name, *v);
        } else {
            if constexpr (std::convertible_to<const T&, std::string_view>) {
                if (!is_utf8(v)) {
                    to->key(std::string(name) + "_hex").value(to_hex(v));
                    return;
                }
            }
            to->key(name);
            put(v);
        }
    }

    template <class T>
    void put(const T& v)
    {
        if constexpr (std::is_enum_v<T>) {
            to->value(to_string(v));
        } else if constexpr (std::same_as<T, uptime>) {
            to->value(v.count());
        } else if constexpr (std::floating_point<T>) {
            // JSON has no such numbers, and what a source told must come back as it was.
            if (std::isfinite(v))
                to->value(static_cast<double>(v));
            else
                to->value(std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
        } else if constexpr (std::integral<T>) {
            to->value(v);
        } else if constexpr (std::convertible_to<const T&, std::string_view>) {
            to->value(std::string_view{v});
        } else if constexpr (std::same_as<T, task_types>) {
            to->begin_array();
            for (task_type t : all_task_types)
                if (v.contains(t))
                    to->value(to_string(t));
            to->end_array();
        } else if constexpr (requires(json_out & f) { visit_fields(f, v); }) {
            to->begin_object();
            visit_fields(*this, v);
            to->end_object();
        } else {
            to->begin_array();
            for (const auto& item : v)
                put(item);
            to->end_array();
        }
    }
};

/// Reads each field that it is shown. The first failure is kept, and what is read after it means nothing.
struct json_in {
    const json_value* from;
    std::string* error;

    template <class T>
    void operator()(std::string_view name, T& out)
    {
        const json_value* const v = from->find(name);
        if constexpr (std::same_as<T, std::string> || std::same_as<T, std::optional<std::string>>) {
            const std::string in_hex = std::string(name) + "_hex";
            if (const json_value* const hex = v == nullptr ? from->find(in_hex) : nullptr) {
                std::optional<std::string> bytes = hex->is_string() ? from_hex(hex->text) : std::nullopt;
                if (bytes)
                    out = std::move(*bytes);
                else
                    fail(in_hex, "must be a string of two hexadecimal digits for each byte");
                return;
            }
        }
        if constexpr (is_optional<T>) {
            out.reset();
            if (v != nullptr)
                take(name, *v, out.emplace());
        } else if (v == nullptr) {
            fail(name, "is missing");
        } else {
            take(name, *v, out);
        }
    }

    void fail(std::string_view name, std::string_view why) const
    {
        if (error->empty())
            error->append("\"").append(name).append("\" ").append(why);
    }

    template <class T>
    void take(std::string_view name, const json_value& v, T& out)
    {
        if constexpr (std::is_enum_v<T>) {
            if (const auto e = enumerator<T>(v.is_string() ? v.text : ""))
                out = *e;
            else
                fail(name, "is none of the names that are known here");
        } else if constexpr (std::same_as<T, uptime>) {
            if (const auto n = v.template as<uptime::rep>())
                out = uptime{*n};
            else
                fail(name, "must be whole microseconds");
        } else if constexpr (std::floating_point<T>) {
            constexpr double inf = std::numeric_limits<double>::infinity();
            if (v.is_number())
                out = static_cast<T>(v.number);
            else if (v.is_string() && (v.text == "inf" || v.text == "-inf"))
                out = static_cast<T>(v.text == "inf" ? inf : -inf);
            else if (v.is_string() && v.text == "nan")
                out = std::numeric_limits<T>::quiet_NaN();
            else
                fail(name, "must be a number");
        } else if constexpr (std::same_as<T, bool>) {
            out = v.boolean;
            if (!v.is_boolean())
                fail(name, "must be true or false");
        } else if constexpr (std::integral<T>) {
            if (const auto n = v.template as<T>())
                out = *n;
            else
                fail(name, "must be a whole number that fits");
        } else if constexpr (std::same_as<T, std::string>) {
            out = v.text;
            if (!v.is_string())
                fail(name, "must be a string");
        } else if constexpr (std::same_as<T, task_types>) {
            out = {};
            if (!v.is_array())
                fail(name, "must be an array");
            for (const json_value& item : v.items) {
                task_type t{};
                take(name, item, t);
                out.insert(t);
            }
        } else if constexpr (requires(json_in & f) { visit_fields(f, out); }) {
            if (!v.is_object())
                return fail(name, "must be an object");
            json_in inside{&v, error};
            visit_fields(inside, out);
        } else {
            if (!v.is_array())
                return fail(name, "must be an array");
            if constexpr (requires { out.resize(v.items.size()); })
                out.resize(v.items.size());
            if (out.size() != v.items.size())
                return fail(name, "must have as many items as there are");
            for (std::size_t i = 0; i < v.items.size(); ++i)
                take(name, v.items[i], out[i]);
        }
    }
};

}  // namespace mayfly::detail

// mayfly/launch_notice.hpp --------------------------------------------------------------------------------------------

// What a controller tells a worker it starts: a small JSON object, the payload of the invocation.

namespace mayfly {

inline constexpr std::string_view launch_schema = "mayfly-launch/1";

/// For whom a worker was started, and when it shall leave.
struct launch_notice {
    deployment_version version{};
    std::string group = "default";
    std::uint64_t launch = 0;  ///< The controller's id of this start.
    leave_rules orders{};

    friend bool operator==(const launch_notice&, const launch_notice&) = default;
};

/// What the `i`th worker of a request is told; the first `request.stay` of them must not leave when idle.
[[nodiscard]] inline launch_notice notice_of(const launch_request& request, std::uint32_t i)
{
    launch_notice out{.launch = request.first_launch + i, .orders = request.orders};
    if (request.target) {
        out.version = request.target->version;
        out.group = request.target->group;
    }
    out.orders.stay = out.orders.stay || i < request.stay;
    return out;
}

namespace detail {

void fields(auto& f, Is<leave_rules> auto& r)
{
    f("idle_exit", r.idle_exit);
    f("thin_target", r.thin_target);
    f("thin_every", r.thin_every);
    f("thin_over", r.thin_over);
    f("thin_memory", r.thin_memory);
    f("activity_timeout", r.activity_timeout);
    f("stay", r.stay);
}

void fields(auto& f, Is<deployment_version> auto& v)
{
    f("deployment", v.deployment);
    f("build_id", v.build_id);
}

void fields(auto& f, Is<launch_notice> auto& n)
{
    fields(f, n.version);
    f("group", n.group);
    f("launch", n.launch);
    f("orders", n.orders);
}

/// Reads what is there. Workers are older or newer than their controller: a field that is absent keeps its value.
struct json_in_part {
    json_in in;

    template <class T>
    void operator()(std::string_view name, T& out)
    {
        const json_value* const v = in.from->find(name);
        if constexpr (std::is_class_v<T> && requires(json_in_part & f) { visit_fields(f, out); }) {
            if (v == nullptr)
                return;
            if (!v->is_object())
                return in.fail(name, "must be an object");
            json_in_part inside{{v, in.error}};
            visit_fields(inside, out);
        } else if (v != nullptr || in.from->find(std::string(name) + "_hex") != nullptr) {
            in(name, out);
        }
    }
};

}  // namespace detail

/// The payload: one JSON object of a few hundred bytes, which a worker that does not know it can ignore.
[[nodiscard]] inline std::string to_payload(const launch_notice& n)
{
    std::string out;
    detail::json_writer w{out};
    w.begin_object().member("schema", launch_schema);
    detail::json_out fields{&w};
    detail::visit_fields(fields, n);
    w.end_object();
    return out;
}

/// What a payload tells, or nothing if it is somebody else's: a function can be invoked by hand too.
[[nodiscard]] inline std::optional<launch_notice> notice_in(std::string_view payload)
{
    const detail::json_document doc = detail::read_json(payload, 8);
    const detail::json_value* const schema = doc.root.find("schema");
    if (!doc || schema == nullptr || !schema->is_string() || schema->text != launch_schema)
        return std::nullopt;
    launch_notice out;
    std::string error;
    detail::json_in_part in{{&doc.root, &error}};
    detail::visit_fields(in, out);
    return error.empty() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace mayfly

// mayfly/memory_text.hpp ----------------------------------------------------------------------------------------------

// A group's memory as JSON, so that a controller in another process can go on with it.

namespace mayfly {

inline constexpr std::string_view memory_schema = "mayfly-memory/1";

namespace detail {

void fields(auto& f, Is<start_record> auto& r)
{
    f("id", r.id);
    f("state", r.state);
    f("busy", r.busy);
    f("asked_at", r.asked_at);
    f("changed_at", r.changed_at);
    f("ends_at", r.ends_at);
    f("request_id", r.request_id);
}

void fields(auto& f, Is<ledger_totals> auto& t)
{
    f("asked", t.asked);
    f("refused", t.refused);
    f("connected", t.connected);
    f("given_up", t.given_up);
    f("late", t.late);
    f("returned", t.returned);
    f("adopted", t.adopted);
    f("elsewhere", t.elsewhere);
}

void fields(auto& f, Is<ledger_image> auto& b)
{
    f("records", b.records);
    f("next_id", b.next_id);
    f("ends_by_age_from", b.ends_by_age_from);
    f("foreign", b.foreign);
    f("refused", b.refused);
    f("dead_in_a_row", b.dead_in_a_row);
    f("slots_seen", b.slots_seen);
    f("busy", b.busy);
    f("startup", b.startup);
    f("startup_dev", b.startup_dev);
    f("service", b.service);
    f("last_seen", b.last_seen);
    f("last_change", b.last_change);
    f("newest_seen_ask", b.newest_seen_ask);
    f("failure_rate", b.failure_rate);
    f("totals", b.totals);
}

/// The first time that no controller can have written; empty if all may be. What happened before a controller's clock
/// began is below zero.
[[nodiscard]] inline std::string problem_of_times(const ledger_image& b)
{
    static constexpr uptime century = std::chrono::hours{24 * 36525};
    const auto wrong = [](uptime t) { return t < -century || t > century; };
    const auto because = [](std::string_view field, uptime t, std::string_view where = {}) {
        return "\"" + std::string(field) + "\"" + std::string(where) + " is " + std::to_string(t.count()) +
               ", more than a century from zero: times are microseconds of the controller's clock";
    };
    for (const start_record& r : b.records) {
        const std::string where = " of record " + std::to_string(r.id);
        if (wrong(r.asked_at))
            return because("asked_at", r.asked_at, where);
        if (wrong(r.changed_at))
            return because("changed_at", r.changed_at, where);
        if (r.ends_at < -century)
            return because("ends_at", r.ends_at, where);
    }
    const std::pair<std::string_view, uptime> others[] = {
        {"last_seen", b.last_seen},
        {"last_change", b.last_change},
        {"newest_seen_ask", b.newest_seen_ask},
        {"service", b.service},
    };
    for (const auto& [field, t] : others)
        if (wrong(t))
            return because(field, t);
    return {};
}

/// What a text may say and books must not.
[[nodiscard]] inline std::string problem_of(const ledger_image& b)
{
    std::uint64_t before = 0;
    for (const start_record& r : b.records) {
        if (r.id <= before || r.id >= b.next_id)
            return "\"records\" must be in the order of their ids, which are above 0 and below \"next_id\"";
        before = r.id;
    }
    if (!(b.failure_rate >= 0 && b.failure_rate <= 1))
        return "\"failure_rate\" must be between 0 and 1";
    const uptime startup = b.startup.value_or(uptime::zero());
    if (startup < uptime::zero() || b.startup_dev < uptime::zero() || b.service < uptime::zero() ||
        startup > std::chrono::hours{24} || b.startup_dev > std::chrono::hours{24})
        return "\"startup\", \"startup_dev\" and \"service\" must not be negative, nor a start-up longer than a day";
    return problem_of_times(b);
}

}  // namespace detail

/** Whether a scaler's memory can be written down: its state names its fields, once for writing and reading.

    `static void fields(auto& visit, auto& self) { visit("last_launch", self.last_launch); }`

    Fields are numbers, flags, times, enumerators with `to_string`, strings, optionals, fixed or growing arrays of
    these, and structs that have `fields` themselves. Without it a restored scaler starts cold, while its books go on.
*/
template <class S>
inline constexpr bool has_written_memory = detail::NamesFields<const typename S::state, detail::json_out>&&
    detail::NamesFields<typename S::state, detail::json_in>;

/// The memory as one line of JSON, without a line end.
template <class S>
[[nodiscard]] std::string to_text(const typename controller_machine<S>::memory& m)
{
    std::string text;
    detail::json_writer w(text);
    detail::json_out out{&w};
    w.begin_object();
    out("schema", memory_schema);
    out("bound", m.bound);
    out("size", m.size);
    if (m.size)
        out("told", m.told);
    out("books", m.books.image());
    if constexpr (has_written_memory<S>)
        out("scaler", m.scaler);
    w.end_object();
    return text;
}

/// What `memory_from` returns: the memory, or why the text is none.
template <class S>
struct memory_read {
    typename controller_machine<S>::memory memory{};
    std::string error{};  ///< Empty if the text was read.

    [[nodiscard]] explicit operator bool() const noexcept { return error.empty(); }
};

/// Reads what `to_text` wrote. Give the memory to `controller_machine::add`.
template <class S>
[[nodiscard]] memory_read<S> memory_from(std::string_view text)
{
    memory_read<S> out;
    const detail::json_document doc = detail::read_json(text);
    out.error = doc.error;
    if (!out.error.empty())
        return out;
    detail::json_in in{&doc.root, &out.error};
    std::string schema;
    in("schema", schema);
    if (schema != memory_schema) {
        out.error = "\"schema\" must be \"" + std::string(memory_schema) + "\"";
        return out;
    }
    ledger_image books;
    in("bound", out.memory.bound);
    in("size", out.memory.size);
    std::optional<bool> told;
    in("told", told);
    out.memory.told = told.value_or(true);
    in("books", books);
    if constexpr (has_written_memory<S>)
        in("scaler", out.memory.scaler);
    if (out.error.empty())
        out.error = detail::problem_of(books);
    if (out.error.empty())
        out.memory.books = ledger(std::make_shared<const ledger_settings>(), std::move(books));
    else
        out.memory = {};
    return out;
}

}  // namespace mayfly

// mayfly/detail/start_breaker.hpp -------------------------------------------------------------------------------------

namespace mayfly::detail {

/// When starts that come to nothing are taken for a build that never connects.
struct start_breaker {
    std::uint32_t opens_after = 10;                ///< Dead starts in a row, with nobody alive.
    std::uint32_t opens_after_unseen = 6;          ///< The same for a version of which no worker was ever seen.
    uptime first_probe = std::chrono::seconds{5};  ///< Each further wait is twice as long.
    uptime longest_wait = std::chrono::seconds{80};

    struct state {
        uptime next_probe{};
        bool open = false;
        std::uint8_t probes = 0;  ///< Since it opened; after eight the wait grows no more.
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("next_probe", self.next_probe);
            visit("open", self.open);
            visit("probes", self.probes);
        }
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
            if (fleet.given_up < (fleet.ever_seen ? opens_after : opens_after_unseen))
                return wish;
            st = {.next_probe = later(now, std::min(first_probe, longest_wait)), .open = true};
        }
        if (wish == 0)
            return 0;
        if (now < st.next_probe) {
            revisit = std::min(revisit, st.next_probe - now);
            return 0;
        }
        if (fleet.pending() > 0)
            return 0;
        st.probes = static_cast<std::uint8_t>(std::min(st.probes + 1, 8));
        st.next_probe = later(now, std::min(first_probe * (1 << st.probes), longest_wait));
        return 1;
    }
};

}  // namespace mayfly::detail

// mayfly/scalers/breaker.hpp ------------------------------------------------------------------------------------------

namespace mayfly {

/** Holds a scaler back while its starts come to nothing: a build that never connects costs a few starts, not all.

    Opens after so many dead starts in a row with nobody alive, as `rules` say. Then lets one start through at a time,
    ever more rarely, and closes when a worker is seen. What the inner scaler wishes meanwhile is held back and
    forgotten, but for one probe. For scalers that start single workers; `fleet` has this built in.
*/
template <Scaler<scaling_signal> S>
    requires(strategy_of<S>() == launch_strategy::invoke)
struct breaker {
    static constexpr bool keeps_minimum = keeps_minimum_of<S>();

    S inner{};
    detail::start_breaker rules{};

    struct state {
        typename S::state inner{};
        detail::start_breaker::state breaker{};
        bool owed = false;  ///< A wish was held back, and no probe has followed yet.
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self) requires requires { S::state::fields(visit, self.inner); }
        {
            visit("inner", self.inner);
            visit("breaker", self.breaker);
            visit("owed", self.owed);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] constexpr decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        decision d = inner.decide(st.inner, sig, now);
        const bool was_open = st.breaker.open;
        // Adds that ask for no worker release no probe either: the next wake does.
        const bool mere_add = sig.why == cause::added && sig.added.unmatched() == 0;
        const std::uint32_t wish = std::max(d.launch, st.owed && !mere_add ? 1U : 0U);
        const std::uint32_t granted = rules.admit(st.breaker, sig.fleet, wish, now, d.revisit);
        if (!st.breaker.open) {
            // Closed again: a worker is there, and what is wished for now is all that is needed.
            st.owed = false;
            return d;
        }
        if (wish == 0) {
            if (st.owed && sig.fleet.pending() == 0)
                d.revisit = std::min(d.revisit, std::max(st.breaker.next_probe, now + uptime{1}) - now);
            return d;
        }
        st.owed = granted == 0;
        d.held_back = saturating_add(d.held_back, d.launch - std::min(d.launch, granted));
        d.launch = granted;
        d.stay = std::min(d.stay, d.launch);
        d.reason = granted > 0 && was_open ? reason::probe : reason::breaker_open;
        return d;
    }
};

}  // namespace mayfly

// mayfly/scalers/clamped.hpp ------------------------------------------------------------------------------------------

namespace mayfly {

/** Keeps a scaler that knows no bounds within some: its own `limits` and those of the group, whichever is tighter.

    What the inner scaler wishes beyond the maximum is held back and forgotten; a backlog will raise it again. Below the
    minimum, while work can reach the version, workers are started without a wish: also in place of those whose end is
    near, as far as the maximum allows. While starts are refused or come to nothing, that is tried ever more slowly.
*/
template <Scaler<scaling_signal> S>
struct clamped {
    static constexpr launch_strategy strategy = strategy_of<S>();
    static constexpr bool keeps_minimum = true;

    S inner{};
    scaling_limits limits{};
    detail::minimum_keeper keeper{};

    struct state {
        typename S::state inner{};
        std::optional<std::uint32_t> size{};  ///< The last one that was decided on and not refused.
        detail::minimum_keeper::state keeper{};
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self) requires requires { S::state::fields(visit, self.inner); }
        {
            visit("inner", self.inner);
            visit("size", self.size);
            visit("keeper", self.keeper);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] constexpr decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        scaling_signal bounded = sig;
        bounded.limits.max = std::min(limits.max, sig.limits.max);
        bounded.limits.min = std::min(std::max(limits.min, sig.limits.min), bounded.limits.max);
        keeper.observe(st.keeper, sig, now);
        if (sig.why == cause::launched && sig.outcome != condition::ok)
            st.size.reset();

        decision d = inner.decide(st.inner, bounded, now);
        if constexpr (strategy == launch_strategy::worker_set)
            bound_size(d, st, bounded, now);
        else
            bound_starts(d, st, bounded, now);
        return d;
    }

private:
    constexpr void bound_starts(decision& d, const state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const std::uint32_t room = sig.limits.max - std::min(sig.limits.max, sig.fleet.total());
        if (d.launch > room) {
            d.held_back = saturating_add(d.held_back, d.launch - room);
            d.launch = room;
            if (room == 0)
                d.reason = reason::at_maximum;
        }
        keeper.raise(d, st.keeper, sig, now);
    }

    static constexpr void bound_size(decision& d, state& st, const scaling_signal& sig, uptime now) noexcept
    {
        if (!d.resize && now < st.keeper.retry_at) {
            d.revisit = std::min(d.revisit, st.keeper.retry_at - now);
            return;
        }
        const std::uint32_t before = st.size.value_or(sig.fleet.total());
        const std::uint32_t asked = d.resize.value_or(before);
        const std::uint32_t bounded = std::min(std::max(asked, sig.wanted ? sig.limits.min : 0), sig.limits.max);
        if (asked > bounded) {
            d.held_back = saturating_add(d.held_back, asked - bounded);
            d.reason = reason::at_maximum;
        } else if (asked < bounded) {
            d.reason = reason::minimum;
        }
        // Asked again for the size it has, the provider would be called for nothing.
        const bool settled = st.size ? *st.size == bounded : !d.resize && bounded == before;
        d.resize = settled ? std::nullopt : std::optional{bounded};
        if (d.resize)
            st.size = bounded;
    }
};

}  // namespace mayfly

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
        constexpr std::uint64_t top = std::numeric_limits<std::uint16_t>::max();
        count_[at_] = static_cast<std::uint16_t>(std::min(top, count_[at_] + std::min(n, top)));
    }

    /// Tasks per second: the mean of the window, or of its last half second if that is more.
    [[nodiscard]] constexpr double rate(uptime now) noexcept
    {
        roll(now);
        double sum = 0;
        for (std::uint16_t c : count_)
            sum += c;
        const std::size_t before = (at_ + buckets - 1) % buckets;
        const double recent = static_cast<double>(count_[at_]) + count_[before];
        return std::max(sum / 5.0, recent / 0.5);
    }

    /// Forgets everything if it began after `now`.
    constexpr void forget_after(uptime now) noexcept
    {
        if (begin_ && *begin_ > now)
            *this = {};
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

    /// What is written down of it, and read.
    static void fields(auto& visit, auto& self)
    {
        visit("counts", self.count_);
        visit("at", self.at_);
        visit("begin", self.begin_);
        if constexpr (!std::is_const_v<std::remove_reference_t<decltype(self)>>)
            self.at_ %= buckets;
    }
    friend bool operator==(const add_window&, const add_window&) = default;

private:
    constexpr void roll(uptime now) noexcept
    {
        if (!begin_ || now - *begin_ >= width * static_cast<uptime::rep>(buckets + 1)) {
            *this = {};
            begin_ = now;
            return;
        }
        for (; now - *begin_ >= width; begin_ = *begin_ + width) {
            at_ = static_cast<std::uint8_t>((at_ + 1U) % buckets);
            count_[at_] = 0;
        }
    }

    std::array<std::uint16_t, buckets> count_{};  // a flood of more is as good as the most
    std::uint8_t at_ = 0;
    moment begin_{};
};

}  // namespace detail

/** Sizes a fleet of short-lived workers from what waits, what lives and what is starting.

    Starts only what will still be waiting when a worker started now is up: the backlog, less what live slots take off
    during one start-up, less what pending starts will take. Keeps the minimum, never passes the maximum, and replaces a
    worker before its end only if it would be missed. Rate-limited adds never count as missing workers. What the
    started workers are told (`decision::orders`) makes them leave when idle and thin out when they are too many.
*/
struct fleet {
    /// After a start, further unmatched adds are gathered this long at most. The first gathering of a burst is a tenth
    /// of it, and each one twice as long as the one before.
    uptime gather = std::chrono::milliseconds{50};
    uptime drain_within = std::chrono::milliseconds{500};  ///< How long a backlog may take once workers are up.
    double hedge = 0.2;  ///< Share of starts beyond need, where there are many: the slowest are then not waited for.
    double spare = 2.0;  ///< Slots kept over the offered load r when renewing: this times the square root of r.

    uptime read_waiting = std::chrono::seconds{1};           ///< Between snapshots while tasks wait or workers start.
    uptime read_undecided = std::chrono::milliseconds{300};  ///< The next one, after tasks were left to live workers.
    uptime read_alive = std::chrono::seconds{5};             ///< While workers live.
    /// While nothing lives. Set it where no adds are reported: reading is then the only way to see work.
    uptime read_idle = never;
    /// A task that finds nobody gets the live workers looked at, no sooner after the last look than this.
    uptime read_soonest = std::chrono::milliseconds{250};

    /// What the workers are told: leave after being idle this long. About what a warm start costs. Zero: never.
    uptime idle_exit = std::chrono::milliseconds{300};
    /// The same under a steady load of two slots and more, where the next task is near; in between, in between.
    uptime steady_exit = std::chrono::milliseconds{900};
    /// Slots a thinning fleet keeps over the load r: this times the square root of r. Zero: it never thins.
    double thin_spare = 1.0;
    uptime activity_timeout{};  ///< Declared upper bound of one task; zero if there is none.

    uptime limited_hold = std::chrono::seconds{20};      ///< How long a queue that seems limited is grown slowly.
    uptime ceiling_hold = std::chrono::seconds{20};      ///< How long a provider that runs no more is left alone.
    std::uint32_t ceiling_after = 6;                     ///< Starts in a row that come to nothing beside live workers.
    uptime longest_backoff = std::chrono::seconds{2};    ///< Between tries while the provider refuses.
    uptime permanent_backoff = std::chrono::minutes{1};  ///< The same, if it says that trying again is no use.
    detail::start_breaker breaker{};

    static constexpr bool keeps_minimum = true;

    struct state {
        std::uint64_t waiting = 0;   ///< Backlog of the last snapshot and unmatched adds since.
        detail::moment read_last{};  ///< The last snapshot.
        detail::moment read_from{};  ///< From when the next one is counted; absent while none is wanted.
        std::uint64_t added_before = 0;
        std::uint64_t dispatched_before = 0;
        detail::add_window adds{};
        uptime quiet_until{};
        detail::moment looked_at{};  ///< When a snapshot was last asked for because a task found nobody.
        uptime revisit_at = never;
        uptime refused_since = never;
        uptime retry_at{};
        uptime limited_until{};
        uptime slow_next{};
        uptime ceiling_until{};
        float offered = 0;              ///< Busy slots, smoothed over 20 s.
        float best_per_worker = 0;      ///< Best dispatch rate of one worker seen of late.
        std::uint32_t live_before = 0;  ///< At the last signal.
        std::uint8_t refusals = 0;      ///< How often in a row the wait for the provider has doubled.
        std::uint8_t gathered = 0;      ///< How often in a row a burst was gathered, at most five.
        bool suspected = false;
        bool undecided = false;
        detail::start_breaker::state breaker{};
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("waiting", self.waiting);
            visit("read_last", self.read_last);
            visit("read_from", self.read_from);
            visit("added_before", self.added_before);
            visit("dispatched_before", self.dispatched_before);
            visit("adds", self.adds);
            visit("quiet_until", self.quiet_until);
            visit("looked_at", self.looked_at);
            visit("revisit_at", self.revisit_at);
            visit("refused_since", self.refused_since);
            visit("retry_at", self.retry_at);
            visit("live_before", self.live_before);
            visit("refusals", self.refusals);
            visit("limited_until", self.limited_until);
            visit("slow_next", self.slow_next);
            visit("ceiling_until", self.ceiling_until);
            visit("offered", self.offered);
            visit("best_per_worker", self.best_per_worker);
            visit("gathered", self.gathered);
            visit("suspected", self.suspected);
            visit("undecided", self.undecided);
            visit("breaker", self.breaker);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        observe(st, sig, now);
        decision d;
        if (sig.why == cause::added && sig.added.unmatched() == 0) {
            // Nothing new waits. Whatever else there is to do has its own moment.
            d.reason = sig.added.rate_limited > 0 ? reason::rate_limited : reason::steady;
        } else if (sig.why == cause::added && waits(st, sig.fleet, now)) {
            d.reason = reason::gathering;
            st.revisit_at = std::min(st.revisit_at, st.quiet_until);
            if (st.looked_at == now) {
                d.read = uptime::zero();
                d.revisit = std::max(st.revisit_at - now, uptime{1});
                return d;
            }
        } else {
            st.revisit_at = never;
            size(st, sig, now, d);
        }
        if (st.revisit_at != never)
            d.revisit = std::max(st.revisit_at - now, uptime{1});
        schedule_read(st, sig, now, d);
        return d;
    }

private:
    static constexpr uptime slowest = std::chrono::seconds{4};  // between two starts for a queue that seems limited

    static constexpr double seconds(uptime t) noexcept { return static_cast<double>(t.count()) * 1e-6; }

    // More may come within a moment. And a task that found nobody while workers should be there: they are busy, or they
    // have left, and only a snapshot tells; it is asked for, but not waited for longer than one gathering.
    [[nodiscard]] bool waits(state& st, const fleet_view& f, uptime now) const noexcept
    {
        if (now < st.quiet_until)
            return true;
        const auto long_ago = [&](const detail::moment& t) { return !t || now - *t >= read_soonest; };
        if (f.live == 0 || !st.read_last || !long_ago(st.read_last) || !long_ago(st.looked_at))
            return false;
        st.looked_at = now;
        st.quiet_until = later(now, gather);
        return true;
    }

    void observe(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        switch (sig.why) {
        case cause::added:
            // Not the limited ones: a queue that is held back would look like one that needs more workers.
            st.adds.add(std::uint64_t{sig.added.matched} + sig.added.unmatched(), now);
            st.waiting += std::min<std::uint64_t>(sig.added.unmatched(), ~st.waiting);  // never wraps
            // A poll waits, and the task may not go: that is certain.
            if (sig.added.rate_limited > 0)
                st.limited_until = later(now, limited_hold);
            break;
        case cause::stats: read(st, sig, now); break;
        case cause::launched: answered(st, sig, now); break;
        case cause::begin: begin(st, now); break;
        case cause::no_stats:
        case cause::workers:
        case cause::wake:
        case cause::changed: break;
        }
        believe(st, sig, now);
    }

    // What is believed to wait, between two snapshots and where none come.
    void believe(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const fleet_view& f = sig.fleet;
        // Each worker that has come takes its share at once.
        if (sig.why != cause::stats && f.live > st.live_before) {
            const double taken = static_cast<double>(f.live - st.live_before) * f.slots * tasks_per_slot(f);
            st.waiting -= std::min(st.waiting, static_cast<std::uint64_t>(std::min(taken, 1e18)));
        }
        st.live_before = f.live;
        // No snapshot comes although one is wanted: a match says that nobody waits, and what is older than the window
        // of adds has been served or never will be.
        if (st.read_from && now - *st.read_from > std::chrono::seconds{10}) {
            const bool matched = sig.why == cause::added && sig.added.matched > 0 && sig.added.unmatched() == 0;
            st.waiting = matched ? 0 : std::min(st.waiting, st.adds.within(std::chrono::seconds{5}, now));
        }
    }

    // A memory may be of a clock that was further. No moment in it is waited for longer than it is ever set.
    void begin(state& st, uptime now) const noexcept
    {
        const auto within = [now](uptime& at, uptime longest) { at = std::min(at, later(now, longest)); };
        within(st.quiet_until, gather);
        within(st.retry_at, std::max(longest_backoff, permanent_backoff));
        within(st.limited_until, limited_hold);
        within(st.slow_next, slowest);
        within(st.ceiling_until, ceiling_hold);
        within(st.breaker.next_probe, breaker.longest_wait);
        for (detail::moment* at : {&st.read_last, &st.read_from, &st.looked_at})
            if (*at && **at > now)
                *at = now;
        st.adds.forget_after(now);
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
            backlog += std::min(s->backlog, ~backlog);
            added += s->added.value_or(0);
            dispatched += s->dispatched.value_or(0);
            limiter |= s->limiter_active;
        }
        const double apart = st.read_last ? seconds(now - *st.read_last) : 0;
        // Where adds are not reported one by one, the difference of two totals stands for them.
        if (read_idle != never && st.read_last && added > st.added_before)
            st.adds.add(added - st.added_before, now);
        const double busy = sig.fleet.busy.value_or(0);
        if (apart > 0) {
            st.offered += static_cast<float>((busy - st.offered) * -std::expm1(-apart / 20));
            if (read_idle != never && sig.fleet.live > 0 && dispatched >= st.dispatched_before)
                suspect_limit(
                    st, sig.fleet, backlog, static_cast<double>(dispatched - st.dispatched_before), apart, now);
        }
        // A limit that was seen is there for as long as tasks wait beside idle slots, also when no more are added.
        if (limiter || (now < st.limited_until && backlog > 0 && has_idle_slots(sig.fleet)))
            st.limited_until = later(now, limited_hold);
        st.waiting = backlog;
        st.added_before = added;
        st.dispatched_before = dispatched;
        st.read_last = st.read_from = now;
        if (st.looked_at)
            st.quiet_until = std::min(st.quiet_until, now);
        st.looked_at.reset();
    }

    [[nodiscard]] static bool has_idle_slots(const fleet_view& f) noexcept
    {
        return f.busy && *f.busy < 0.8 * f.live * f.slots;
    }

    // Tasks wait, slots are idle, and each worker takes less than it has been seen to: more workers are no help. One
    // snapshot proves nothing, as workers that came a moment ago look just so.
    void suspect_limit(state& st, const fleet_view& f, std::uint64_t backlog, double dispatched, double apart,
        uptime now) const noexcept
    {
        const double each = dispatched / apart / f.live;
        const bool low = f.busy && backlog > 0 && *f.busy < 0.6 * f.live * f.slots && each < 0.7 * st.best_per_worker;
        st.best_per_worker = static_cast<float>(std::max(each, st.best_per_worker * std::exp(-apart / 300)));
        if (low && st.suspected)
            st.limited_until = later(now, limited_hold);
        st.suspected = low;
    }

    void answered(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        if (sig.outcome == condition::ok) {
            st.refused_since = never;
            st.refusals = 0;
            st.retry_at = {};
            return;
        }
        if (st.refused_since == never)
            st.refused_since = now;
        // A single failure is simply decided again; a provider that lets nothing through is left alone for longer.
        const uptime top = sig.outcome == condition::permanent ? permanent_backoff : longest_backoff;
        if (sig.outcome == condition::permanent || now - st.refused_since >= std::chrono::seconds{1})
            st.refusals = static_cast<std::uint8_t>(std::min(st.refusals + 1, 20));
        const uptime wait =
            st.refusals == 0 ? uptime::zero() : uptime{std::chrono::milliseconds{50}} * (1 << st.refusals);
        st.retry_at = later(now, std::max({std::min(wait, top), gather, uptime{std::chrono::milliseconds{10}}}));
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

        if (sig.wanted && sig.limits.min > 0 && f.leaves_in != never)
            st.revisit_at = later(now, std::max(f.leaves_in, uptime{std::chrono::milliseconds{100}}));
        std::uint32_t wish = to_count(wish_for_waiting(st, sig, now));
        d.reason = wish > 0 ? (f.total() == 0 ? reason::missed_match : reason::backlog)
                            : (st.waiting > 0 ? reason::covered : reason::steady);
        if (wish > 0 && now < st.limited_until)
            wish = grow_slowly(st, f, wish, now, d);
        const std::uint32_t slowed = d.held_back;
        const std::uint32_t renew = wish_for_renewal(offered(st, now), f);
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
            uptime unused = never;
            d.launch = breaker.admit(st.breaker, f, 0, now, unused);
            return;
        }
        const std::uint32_t granted = hold_back(st, sig, wish, now, d);
        d.launch = granted;
        d.held_back = saturating_add(slowed, wish - granted);
        if (granted > 0) {
            // A burst goes on: more is gathered at once. After a pause the next one begins anew.
            const bool goes_on = st.gathered > 0 && now < later(st.quiet_until, gather);
            st.gathered = goes_on ? static_cast<std::uint8_t>(std::min(st.gathered + 1, 5)) : std::uint8_t{1};
            st.quiet_until = later(now, std::min(gather, gather / 10 * (1 << (st.gathered - 1))));
            d.orders = orders(offered(st, now));
            // It will be idle between two permits of the limiter, and is needed at each.
            if (now < st.limited_until && idle_exit > uptime::zero())
                d.orders->idle_exit = std::max(d.orders->idle_exit, slowest + std::chrono::seconds{1});
            d.stay = std::min(granted, stay);
        }
    }

    // What still waits when a worker started now is up, in workers.
    [[nodiscard]] double wish_for_waiting(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const fleet_view& f = sig.fleet;
        if (st.waiting == 0)
            return 0;
        const double k = f.slots;
        const double service = seconds(f.service);
        double live = f.live;
        // Who had nothing to do for the idle time has left, seen or not.
        if (idle_exit > uptime::zero() && later(idle_exit, f.service) < std::chrono::seconds{4}) {
            const std::uint64_t recent = st.adds.within(later(idle_exit, f.service), now);
            // Tasks that found nobody just now kept nobody busy.
            live = std::min(live, static_cast<double>(recent - std::min<std::uint64_t>(recent, sig.added.unmatched())));
        }
        const double taken_off =
            service > 0 ? std::max(0.0, live * k / service - st.adds.rate(now)) * seconds(f.startup) : 0.0;
        const double per_slot = tasks_per_slot(f);
        const double alive = 1 - std::min(f.failure_rate, 0.9);
        const double coming = f.pending() * k * alive * per_slot;
        const double left = static_cast<double>(st.waiting) - taken_off - coming;
        if (left <= 0)
            return 0;
        // Of many starts some are slow. With a few more the fast ones do the work, and the tail is theirs.
        const double starts = std::ceil(left / (k * per_slot)) / alive;
        return starts + std::floor(starts * hedge);
    }

    // How many tasks a fresh slot takes within the time that a backlog may take.
    [[nodiscard]] double tasks_per_slot(const fleet_view& f) const noexcept
    {
        return f.service > uptime::zero() ? std::max(1.0, seconds(drain_within) / seconds(f.service)) : 1.0;
    }

    [[nodiscard]] std::uint32_t wish_for_renewal(double load, const fleet_view& f) const noexcept
    {
        if (f.leaving == 0 || load < 0.5)
            return 0;
        const double needed = load + spare * std::sqrt(load);
        const double lasting = static_cast<double>(f.live - std::min(f.live, f.leaving) + f.pending()) * f.slots;
        return std::min(f.leaving, to_count((needed - lasting) / f.slots));
    }

    [[nodiscard]] std::uint32_t grow_slowly(
        state& st, const fleet_view& f, std::uint32_t wish, uptime now, decision& d) const noexcept
    {
        const std::uint32_t asked = wish;
        if ((f.live > 0 && has_idle_slots(f)) || now < st.slow_next) {
            wish = 0;
            if (now < st.slow_next)
                st.revisit_at = std::min(st.revisit_at, st.slow_next);
        } else {
            wish = std::min(wish, std::max(1U, f.live / 4));
            // A quarter per second; for fewer than four workers that is one in so many seconds.
            st.slow_next = later(now, f.live >= 4 ? uptime{std::chrono::seconds{1}} : slowest / std::max(1U, f.live));
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
            st.revisit_at = std::min(st.revisit_at, st.retry_at);
            return 0;
        }
        const bool was_open = st.breaker.open;
        uptime probe_in = never;
        std::uint32_t granted = breaker.admit(st.breaker, f, std::min(wish, room), now, probe_in);
        st.revisit_at = std::min(st.revisit_at, later(now, probe_in));
        if (st.breaker.open) {
            d.reason = granted > 0 && was_open ? reason::probe : reason::breaker_open;
            return granted;
        }
        if (f.live > 0 && f.given_up >= ceiling_after) {
            if (now < st.ceiling_until) {
                d.reason = reason::provider_ceiling;
                st.revisit_at = std::min(st.revisit_at, st.ceiling_until);
                return 0;
            }
            st.ceiling_until = later(now, ceiling_hold);
            d.reason = reason::probe;
            granted = std::min(granted, 1U);
        }
        return granted;
    }

    [[nodiscard]] leave_rules orders(double load) const noexcept
    {
        leave_rules r{.idle_exit = stay_idle(load), .activity_timeout = activity_timeout};
        if (thin_spare > 0) {
            const double some = std::max(load, 1.0);
            r.thin_target = std::clamp(some / (some + thin_spare * std::sqrt(some)), 0.3, 0.9);
        }
        return r;
    }

    // The steadier the load, the nearer the next task.
    [[nodiscard]] uptime stay_idle(double load) const noexcept
    {
        if (idle_exit <= uptime::zero())
            return uptime::zero();
        const auto longer = static_cast<double>((steady_exit - idle_exit).count()) * std::min(1.0, load / 2);
        return idle_exit + uptime{std::llround(std::max(0.0, longer))};
    }

    // The load as it was at the last snapshot, and faded since.
    [[nodiscard]] static double offered(const state& st, uptime now) noexcept
    {
        return st.read_last ? st.offered * std::exp(-seconds(now - *st.read_last) / 20) : 0.0;
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
        if (period == never) {
            st.read_from.reset();
            return;
        }
        // A reading is due from the last one, or from the moment that there was something to see: not from now, or a
        // stream of adds would put it off for ever.
        if (!st.read_from)
            st.read_from = now;
        const uptime due = later(*st.read_from, period);
        d.read = due > now ? due - now : uptime::zero();
    }

    [[nodiscard]] static std::uint32_t to_count(double n) noexcept
    {
        // Not "n <= 0": that lets through what is no number.
        return !(n > 0) ? 0 : static_cast<std::uint32_t>(std::min(std::ceil(n), 4e9));
    }
};

static_assert(Scaler<fleet, scaling_signal>);

}  // namespace mayfly

// mayfly/scalers/fleet_settings.hpp -----------------------------------------------------------------------------------

namespace mayfly {

/// The keys of `fleet`: its fields, durations in milliseconds with `_ms` behind.
inline void read_settings(settings_reader& from, fleet& s)
{
    from.milliseconds("gather_ms", s.gather, 0);
    from.milliseconds("drain_within_ms", s.drain_within, 0);
    from.number("hedge", s.hedge, {.to = 1});
    from.number("spare", s.spare, {.to = 100});
    from.milliseconds("read_waiting_ms", s.read_waiting, 1);
    from.milliseconds("read_undecided_ms", s.read_undecided, 1);
    from.milliseconds("read_alive_ms", s.read_alive, 1);
    from.milliseconds("read_idle_ms", s.read_idle, 1);
    from.milliseconds("read_soonest_ms", s.read_soonest, 0);
    from.milliseconds("idle_exit_ms", s.idle_exit, 0);
    from.milliseconds("steady_exit_ms", s.steady_exit, 0);
    from.number("thin_spare", s.thin_spare, {.to = 100});
    from.milliseconds("activity_timeout_ms", s.activity_timeout, 0);
    from.milliseconds("limited_hold_ms", s.limited_hold, 0);
    from.milliseconds("ceiling_hold_ms", s.ceiling_hold, 0);
    from.whole("ceiling_after", s.ceiling_after, 1, std::numeric_limits<std::uint32_t>::max());
    from.milliseconds("longest_backoff_ms", s.longest_backoff, 1);
    from.milliseconds("permanent_backoff_ms", s.permanent_backoff, 1);

    from.require(s.idle_exit == uptime::zero() || s.steady_exit >= s.idle_exit, {"steady_exit_ms", "idle_exit_ms"},
        "give at least idle_exit_ms: a worker under a steady load has more reason to stay");
}

/// What a registry needs to know of `fleet`.
inline constexpr scaler_kind fleet_kind{
    .type = "fleet", .strategy = strategy_of<fleet>(), .check = &check_settings<fleet>};

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

    /// What is written down of it, and read.
    static void fields(auto& visit, auto& self) { visit("next", self.next); }
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
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("within_epsilon_since", self.within_epsilon_since);
            visit("ref_rate", self.ref_rate);
            visit("suppressed_until", self.suppressed_until);
        }
        friend bool operator==(const type_state&, const type_state&) = default;
    };

    struct state {
        std::optional<uptime> last_scale_up{};  ///< One for all types.
        std::array<type_state, all_task_types.size()> types{};
        metrics_schedule poll{};
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("last_scale_up", self.last_scale_up);
            visit("types", self.types);
            visit("poll", self.poll);
        }
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

// mayfly/scalers/no_sync_settings.hpp ---------------------------------------------------------------------------------

namespace mayfly {

/// The keys of `no-sync`, as Temporal's configuration spells them.
inline void read_settings(settings_reader& from, no_sync& s)
{
    from.milliseconds("scale_up_cooloff_ms", s.scale_up_cooloff, 0);
    from.whole("scale_up_backlog_threshold", s.scale_up_backlog_threshold, 0, std::numeric_limits<std::int64_t>::max());
    from.milliseconds("max_worker_lifetime_ms", s.max_worker_lifetime, 0);
    from.milliseconds("metrics_poll_interval_ms", s.metrics_poll_interval, 10'000);
    from.number("scale_up_dispatch_rate_epsilon", s.scale_up_dispatch_rate_epsilon, {.to = 0.10});
    from.milliseconds("scale_up_dispatch_rate_epsilon_confirm_ms", s.scale_up_dispatch_rate_epsilon_confirm, 0);
    from.milliseconds("suppress_scale_up_ms", s.suppress_scale_up, 0);
    from.milliseconds("suppress_poll_interval_ms", s.suppress_poll_interval, 0);

    from.require(s.metrics_poll_interval >= s.scale_up_cooloff, {"metrics_poll_interval_ms", "scale_up_cooloff_ms"},
        "give at least scale_up_cooloff_ms, or no look would ever start a worker");
    if (s.scale_up_dispatch_rate_epsilon > 0) {
        from.require(s.scale_up_dispatch_rate_epsilon_confirm > s.metrics_poll_interval,
            {"scale_up_dispatch_rate_epsilon_confirm_ms", "metrics_poll_interval_ms"},
            "give more than metrics_poll_interval_ms, or the second look confirms whatever it sees");
        from.require(s.suppress_poll_interval > uptime::zero(), {"suppress_poll_interval_ms"},
            "give more than 0 while scale_up_dispatch_rate_epsilon is above 0");
        from.require(s.suppress_scale_up > s.suppress_poll_interval,
            {"suppress_scale_up_ms", "suppress_poll_interval_ms"},
            "give more than suppress_poll_interval_ms, or the suppression ends between two looks");
    }
}

}  // namespace mayfly

// mayfly/scalers/paced.hpp --------------------------------------------------------------------------------------------

namespace mayfly {

/** Spreads the starts of a scaler over time: `burst` at once, then `per_second`.

    What is too many now is held back and forgotten, and the inner scaler is asked again as soon as the next start may
    be. For scalers that start single workers.
*/
template <Scaler<scaling_signal> S>
    requires(strategy_of<S>() == launch_strategy::invoke)
struct paced {
    static constexpr bool keeps_minimum = keeps_minimum_of<S>();

    S inner{};
    double per_second = 10;    ///< From 0.001 to a million.
    std::uint32_t burst = 10;  ///< Above zero.

    struct state {
        typename S::state inner{};
        uptime paid_until{};  ///< When all starts so far would have been made at the steady rate.
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self) requires requires { S::state::fields(visit, self.inner); }
        {
            visit("inner", self.inner);
            visit("paid_until", self.paid_until);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] constexpr decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        decision d = inner.decide(st.inner, sig, now);
        if (d.launch == 0)
            return d;

        const uptime each = period();
        // More than the whole burst was never lent; a memory that says so comes from other settings.
        const uptime debt = st.paid_until > now ? std::min(st.paid_until - now, each * burst) : uptime::zero();
        const auto owed = (debt + each - uptime{1}) / each;
        const auto free = static_cast<std::uint32_t>(burst - std::min<uptime::rep>(burst, owed));
        if (d.launch > free) {
            d.held_back = saturating_add(d.held_back, d.launch - free);
            d.launch = free;
            // A start is free as soon as one less than the whole burst is owed.
            const uptime owed_then = debt + each * free;
            const uptime wait = owed_then - each * (static_cast<uptime::rep>(burst) - 1);
            d.revisit = std::max(std::min(wait, d.revisit), uptime{1});
            if (free == 0)
                d.reason = reason::cooling_off;
        }
        d.stay = std::min(d.stay, d.launch);
        st.paid_until = later(now + debt, each * d.launch);
        return d;
    }

private:
    [[nodiscard]] constexpr uptime period() const noexcept
    {
        constexpr double longest = 1e9;
        return uptime{per_second > 0 ? static_cast<uptime::rep>(std::clamp(1e6 / per_second, 1.0, longest))
                                     : static_cast<uptime::rep>(longest)};
    }
};

}  // namespace mayfly

// mayfly/scalers/rate_based.hpp ---------------------------------------------------------------------------------------

namespace mayfly {

/** The `rate-based` algorithm of Temporal's open-source controller, decision for decision.

    Sizes a set of workers from the arrival rate and from what one worker was seen to do. A missed task adds one worker
    at once and asks for statistics, from which only the capacity of a worker is learnt; the regular looks do the rest:
    several up at a time, one down. Slots of the state that make no sense count as unset.

    Ours: the group's limits hold too, the tighter of both; no minimum is kept where no work can reach the version; and
    a set that is larger than it may be shrinks to that at once.
*/
struct rate_based {
    static constexpr launch_strategy strategy = launch_strategy::worker_set;

    std::uint32_t min_count = 0;                              ///< Not above `max_count`.
    std::uint32_t max_count = 30;                             ///< Above zero.
    std::uint32_t initial_count = 0;                          ///< The size taken for granted at first; within the two.
    uptime metrics_poll_interval = std::chrono::seconds{60};  ///< Between looks at the statistics.
    double ewma_alpha = 0.45;                                 ///< Weight of the newest sample, in (0, 1].
    double initial_per_consumer_capacity = 2.0;               ///< Tasks per second of one worker, until seen.
    double target_backlog_drain_rate = 2.0;         ///< Tasks per second on top while a backlog waits; zero ignores it.
    std::uint64_t material_backlog_threshold = 50;  ///< From here on all workers are busy, so capacity can be seen.
    double utilization_target = 0.80;               ///< Share of its capacity that a worker shall use, in (0, 1].
    double halfin_whitt_beta = 0.5;       ///< Workers over the load r: this times the square root of r, or more.
    std::uint32_t max_scale_up_step = 4;  ///< Most workers added at one look.
    uptime scale_up_cooldown = std::chrono::seconds{2};     ///< Shortest time between steps up.
    uptime scale_down_cooldown = std::chrono::seconds{60};  ///< Shortest time between steps down.
    uptime no_sync_quiet = std::chrono::seconds{90};        ///< No step down this long after a missed task.

    /// From the beginning to the first look. Ours: the reference waits five minutes.
    uptime first_metrics_poll{};

    struct state {
        std::optional<std::uint32_t> worker_count{};  ///< The planned size.
        std::optional<double> ewma_arrival_rate{};
        std::optional<double> ewma_dispatch_rate{};
        std::optional<double> ewma_per_consumer_capacity{};
        std::optional<uptime> last_scale_up{};
        std::optional<uptime> last_scale_down{};
        std::optional<uptime> last_no_sync_match{};
        bool capacity_wanted = false;  ///< Statistics were asked for after a missed task.
        metrics_schedule poll{};
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("worker_count", self.worker_count);
            visit("ewma_arrival_rate", self.ewma_arrival_rate);
            visit("ewma_dispatch_rate", self.ewma_dispatch_rate);
            visit("ewma_per_consumer_capacity", self.ewma_per_consumer_capacity);
            visit("last_scale_up", self.last_scale_up);
            visit("last_scale_down", self.last_scale_down);
            visit("last_no_sync_match", self.last_no_sync_match);
            visit("capacity_wanted", self.capacity_wanted);
            visit("poll", self.poll);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    /// The size the set is planned to have.
    [[nodiscard]] constexpr std::uint32_t planned(const state& st) const noexcept
    {
        return std::min(sensible(st).value_or(initial_count), max_count);
    }

    /// The size that binds the version to its queues: as planned, at least one. It is then the planned size, so that
    /// the next look takes the worker away again if it is not needed.
    constexpr std::uint32_t bootstrap(state& st) const noexcept
    {
        st.worker_count = std::max({std::uint32_t{1}, min_count, planned(st)});
        return *st.worker_count;
    }

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const bounds b = bounds_of(sig);
        const std::uint32_t before = sensible(st).value_or(initial_count);
        const std::uint32_t n = std::min(before, b.most);
        st.worker_count = n;
        decision d;
        switch (sig.why) {
        case cause::begin: st.poll.first(now, first_metrics_poll); break;
        case cause::added: d = on_added(st, sig, b, now); break;
        case cause::stats: d = on_stats(st, sig, b, now); break;
        case cause::no_stats:
            st.capacity_wanted = false;
            if (st.poll.due(now))
                st.poll.failed(now);
            break;
        case cause::launched:
        case cause::workers:
        case cause::wake:
        case cause::changed: break;
        }
        if (before > n && !d.resize) {
            d.resize = n;
            d.reason = reason::scale_down;
        }
        d.read = st.capacity_wanted ? uptime::zero() : st.poll.left(now);
        return d;
    }

private:
    struct load {
        double arrival = 0;
        double dispatch = 0;
        double backlog = 0;
        bool known = false;
    };

    struct bounds {
        std::uint32_t least = 0;
        std::uint32_t most = 0;
    };

    [[nodiscard]] constexpr bounds bounds_of(const scaling_signal& sig) const noexcept
    {
        const std::uint32_t most = std::min(max_count, sig.limits.max);
        return {sig.wanted ? std::min(std::max(min_count, sig.limits.min), most) : 0, most};
    }

    [[nodiscard]] static constexpr std::optional<std::uint32_t> sensible(const state& st) noexcept
    {
        constexpr std::uint32_t most = std::numeric_limits<std::int32_t>::max();
        return st.worker_count && *st.worker_count <= most ? st.worker_count : std::nullopt;
    }

    [[nodiscard]] decision on_added(state& st, const scaling_signal& sig, const bounds& b, uptime now) const noexcept
    {
        const std::uint32_t missed = sig.added.unmatched();
        if (missed == 0)
            return {.reason = sig.added.rate_limited > 0 ? reason::rate_limited : reason::steady};
        const std::uint32_t n = *st.worker_count;
        st.last_no_sync_match = now;
        st.capacity_wanted = n > 0;  // Nobody works in an empty set, so there is nothing to learn.
        if (n >= b.most)
            return {.reason = reason::at_maximum, .held_back = missed};
        if (detail::since(st.last_scale_up, now) < scale_up_cooldown)
            return {.reason = reason::cooling_off, .held_back = missed};
        st.capacity_wanted = true;
        return resize_up(st, std::max(n + 1, b.least), reason::missed_match, now);
    }

    [[nodiscard]] decision on_stats(state& st, const scaling_signal& sig, const bounds& b, uptime now) const noexcept
    {
        const load seen = sum(sig);
        const bool capacity_wanted = st.capacity_wanted;
        st.capacity_wanted = false;
        // A regular look also learns the capacity, so a look that is due serves both.
        if (!st.poll.due(now)) {
            if (capacity_wanted && seen.known)
                learn_capacity(st, seen.dispatch);
            return {};
        }
        st.poll.read(now, metrics_poll_interval);
        if (seen.known) {
            const bool idle = seen.arrival == 0 && seen.dispatch == 0 && seen.backlog == 0;
            st.ewma_arrival_rate = idle ? 0 : blend(seen.arrival, rate(st.ewma_arrival_rate));
            st.ewma_dispatch_rate = idle ? 0 : blend(seen.dispatch, rate(st.ewma_dispatch_rate));
        }
        if (seen.backlog >= static_cast<double>(material_backlog_threshold) || (capacity_wanted && seen.known))
            learn_capacity(st, seen.dispatch);

        const std::uint32_t n = *st.worker_count;
        const std::uint32_t desired = desired_count(st, seen.backlog > 0, b);
        if (desired > n) {
            if (detail::since(st.last_scale_up, now) < scale_up_cooldown)
                return {.reason = reason::cooling_off, .held_back = desired - n};
            return resize_up(
                st, std::max(n + std::min(max_scale_up_step, desired - n), b.least), reason::scale_up, now);
        }
        if (desired < n) {
            if (detail::since(st.last_no_sync_match, now) < no_sync_quiet ||
                detail::since(st.last_scale_down, now) < scale_down_cooldown)
                return {.reason = reason::cooling_off};
            st.worker_count = n - 1;
            st.last_scale_down = now;
            return {.resize = n - 1, .reason = reason::scale_down};
        }
        return {.reason = n > 0 ? reason::covered : reason::steady};
    }

    [[nodiscard]] static decision resize_up(state& st, std::uint32_t n, reason why, uptime now) noexcept
    {
        st.worker_count = n;
        st.last_scale_up = now;
        return {.resize = n, .reason = why};
    }

    [[nodiscard]] static load sum(const scaling_signal& sig) noexcept
    {
        load all;
        for (const auto& s : sig.stats) {
            if (!s || !(s->add_rate >= 0) || !(s->dispatch_rate >= 0) || std::isinf(s->add_rate) ||
                std::isinf(s->dispatch_rate))
                continue;
            all.arrival += s->add_rate;
            all.dispatch += s->dispatch_rate;
            all.backlog += static_cast<double>(s->backlog);
            all.known = true;
        }
        return all;
    }

    // What is stored, if it can be a rate.
    [[nodiscard]] static std::optional<double> rate(const std::optional<double>& stored) noexcept
    {
        return stored && std::isfinite(*stored) && *stored >= 0 ? stored : std::nullopt;
    }

    [[nodiscard]] double blend(double sample, const std::optional<double>& before) const noexcept
    {
        return before ? ewma_alpha * sample + (1 - ewma_alpha) * *before : sample;
    }

    [[nodiscard]] double capacity(const state& st) const noexcept
    {
        const auto stored = rate(st.ewma_per_consumer_capacity);
        return stored && *stored > 0 ? *stored : initial_per_consumer_capacity;
    }

    void learn_capacity(state& st, double dispatch) const noexcept
    {
        if (*st.worker_count == 0 || dispatch <= 0)
            return;
        const double seen = dispatch / *st.worker_count;
        if (seen > 0 && std::isfinite(seen))
            st.ewma_per_consumer_capacity = blend(seen, capacity(st));
    }

    [[nodiscard]] std::uint32_t desired_count(const state& st, bool waiting, const bounds& b) const noexcept
    {
        const double required = rate(st.ewma_arrival_rate).value_or(0) + (waiting ? target_backlog_drain_rate : 0);
        const double offered = required / capacity(st);
        const double wanted = std::max(
            std::ceil(offered / utilization_target), std::ceil(offered + halfin_whitt_beta * std::sqrt(offered)));
        // Clamped before it is narrowed: a wild rate must not wrap to a small count.
        return static_cast<std::uint32_t>(
            std::clamp(wanted, static_cast<double>(b.least), static_cast<double>(b.most)));
    }
};

static_assert(Scaler<rate_based, scaling_signal>);
static_assert(strategy_of<rate_based>() == launch_strategy::worker_set);

}  // namespace mayfly

// mayfly/scalers/rate_based_settings.hpp ------------------------------------------------------------------------------

namespace mayfly {

/// The keys of `rate-based`, as Temporal's configuration spells them.
inline void read_settings(settings_reader& from, rate_based& s)
{
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    from.whole("min_count", s.min_count, 0, most);
    from.whole("max_count", s.max_count, 1, most);
    from.whole("initial_count", s.initial_count, 0, most);
    from.milliseconds("metrics_poll_interval_ms", s.metrics_poll_interval, 30'000);
    from.number("ewma_alpha", s.ewma_alpha, {.to = 1, .above = true});
    from.number("initial_per_consumer_capacity", s.initial_per_consumer_capacity, {.above = true});
    from.number("target_backlog_drain_rate", s.target_backlog_drain_rate, {});
    from.whole("material_backlog_threshold", s.material_backlog_threshold, 1, std::numeric_limits<std::int64_t>::max());
    from.number("utilization_target", s.utilization_target, {.to = 1, .above = true});
    from.number("halfin_whitt_beta", s.halfin_whitt_beta, {});
    from.whole("max_scale_up_step", s.max_scale_up_step, 1, most);
    from.milliseconds("scale_up_cooldown_ms", s.scale_up_cooldown, 0);
    from.milliseconds("scale_down_cooldown_ms", s.scale_down_cooldown, 0);
    from.milliseconds("no_sync_quiet_ms", s.no_sync_quiet, 0);

    from.require(s.min_count <= s.max_count, {"min_count", "max_count"}, "give at most max_count");
    from.require(s.initial_count >= s.min_count && s.initial_count <= s.max_count,
        {"initial_count", "min_count", "max_count"}, "give a count from min_count to max_count");
    from.require(s.metrics_poll_interval >= s.scale_up_cooldown, {"metrics_poll_interval_ms", "scale_up_cooldown_ms"},
        "give at least scale_up_cooldown_ms, or looks could come too soon to step up");
    from.require(s.metrics_poll_interval >= s.scale_down_cooldown,
        {"metrics_poll_interval_ms", "scale_down_cooldown_ms"},
        "give at least scale_down_cooldown_ms, or looks could come too soon to step down");
}

}  // namespace mayfly

// mayfly/scalers/reference_kinds.hpp ----------------------------------------------------------------------------------

namespace mayfly {

/// The scalers that Temporal's controller knows, under the names it gives them.
inline constexpr std::array<scaler_kind, 2> reference_scaler_kinds{{
    {.type = "no-sync", .strategy = strategy_of<no_sync>(), .check = &check_settings<no_sync>},
    {.type = "rate-based", .strategy = strategy_of<rate_based>(), .check = &check_settings<rate_based>},
}};

}  // namespace mayfly

// mayfly/scalers/reference_status.hpp ---------------------------------------------------------------------------------

// What the reference scalers remember, in the slots in which Temporal's controller keeps it: moments are milliseconds
// of the wall clock, so they outlive a restart. `began` is the wall-clock time at uptime zero. A slot that is missing,
// unknown, of another type or out of its range is as good as none: a bad slot must not stop a version from scaling.

namespace mayfly {

namespace detail {

class status_reader {
public:
    status_reader(const settings& from, wall_time began) : from_{from}, began_{began} {}

    [[nodiscard]] std::optional<double> rate(std::string_view key) const
    {
        const setting* const s = find(key);
        const auto d = s != nullptr ? finite_number(*s) : std::nullopt;
        return d && *d >= 0 ? d : std::nullopt;
    }

    [[nodiscard]] std::optional<std::int64_t> whole(std::string_view key, std::int64_t most) const
    {
        const setting* const s = find(key);
        const auto n = s != nullptr ? whole_number(*s) : std::nullopt;
        return n && *n >= 0 && *n <= most ? n : std::nullopt;
    }

    [[nodiscard]] std::optional<uptime> moment(std::string_view key) const
    {
        // Zero is how the reference writes "never". The limit is far beyond any clock, and does not wrap in
        // microseconds.
        constexpr std::int64_t year_275760 = 8'640'000'000'000'000;
        const auto ms = whole(key, year_275760).value_or(0);
        return ms > 0 ? std::optional<uptime>{std::chrono::milliseconds{ms} - began_.time_since_epoch()} : std::nullopt;
    }

private:
    // Numbers in text are fine in settings, which people write. Slots are written by a scaler.
    [[nodiscard]] const setting* find(std::string_view key) const
    {
        const auto at = from_.find(key);
        return at == from_.end() || std::holds_alternative<std::string>(at->second) ? nullptr : &at->second;
    }

    const settings& from_;
    wall_time began_;
};

class status_writer {
public:
    explicit status_writer(wall_time began) : began_{began} {}

    void put(std::string key, const std::optional<double>& v)
    {
        if (v)
            out_.emplace(std::move(key), *v);
    }
    void put(std::string key, const std::optional<std::uint32_t>& v)
    {
        if (v)
            out_.emplace(std::move(key), std::int64_t{*v});
    }
    void put(std::string key, const std::optional<uptime>& v)
    {
        if (v)
            out_.emplace(std::move(key),
                std::int64_t{(began_ + std::chrono::floor<std::chrono::milliseconds>(*v)).time_since_epoch().count()});
    }
    [[nodiscard]] settings take() { return std::move(out_); }

private:
    wall_time began_;
    settings out_;
};

}  // namespace detail

[[nodiscard]] inline settings to_status(const no_sync::state& st, wall_time began)
{
    detail::status_writer out{began};
    out.put("last_scale_up_time_ms", st.last_scale_up);
    for (task_type t : all_task_types) {
        const std::string name{to_string(t)};
        const no_sync::type_state& of = st.types[static_cast<std::size_t>(t)];
        out.put(name + "_dispatch_rate_within_epsilon_since_ms", of.within_epsilon_since);
        out.put(name + "_dispatch_ref_rate", of.ref_rate);
        out.put(name + "_suppress_scale_up_until_ms", of.suppressed_until);
    }
    return out.take();
}

inline void from_status(const settings& slots, wall_time began, no_sync::state& into)
{
    const detail::status_reader from{slots, began};
    into = {.last_scale_up = from.moment("last_scale_up_time_ms")};
    for (task_type t : all_task_types) {
        const std::string name{to_string(t)};
        into.types[static_cast<std::size_t>(t)] = {
            .within_epsilon_since = from.moment(name + "_dispatch_rate_within_epsilon_since_ms"),
            .ref_rate = from.rate(name + "_dispatch_ref_rate"),
            .suppressed_until = from.moment(name + "_suppress_scale_up_until_ms"),
        };
    }
}

[[nodiscard]] inline settings to_status(const rate_based::state& st, wall_time began)
{
    detail::status_writer out{began};
    out.put("worker_count", st.worker_count);
    out.put("ewma_arrival_rate", st.ewma_arrival_rate);
    out.put("ewma_dispatch_rate", st.ewma_dispatch_rate);
    out.put("ewma_per_consumer_capacity", st.ewma_per_consumer_capacity);
    out.put("last_scale_up_time_ms", st.last_scale_up);
    out.put("last_scale_down_time_ms", st.last_scale_down);
    out.put("last_no_sync_match_time_ms", st.last_no_sync_match);
    return out.take();
}

inline void from_status(const settings& slots, wall_time began, rate_based::state& into)
{
    const detail::status_reader from{slots, began};
    into = {};
    if (const auto n = from.whole("worker_count", std::numeric_limits<std::int32_t>::max()))
        into.worker_count = static_cast<std::uint32_t>(*n);
    into.ewma_arrival_rate = from.rate("ewma_arrival_rate");
    into.ewma_dispatch_rate = from.rate("ewma_dispatch_rate");
    into.ewma_per_consumer_capacity = from.rate("ewma_per_consumer_capacity");
    if (into.ewma_per_consumer_capacity == 0.0)
        into.ewma_per_consumer_capacity.reset();
    into.last_scale_up = from.moment("last_scale_up_time_ms");
    into.last_scale_down = from.moment("last_scale_down_time_ms");
    into.last_no_sync_match = from.moment("last_no_sync_match_time_ms");
}

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
    /// lognormal and pareto: nothing above it. At first thirty years: a few of them still sum to an `uptime`.
    double cap = 1e9;
    std::vector<double> p{};         ///< mix: the chance of each branch.
    std::vector<distribution> of{};  ///< mix: the branches.

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

// mayfly/testing/run_metrics.hpp --------------------------------------------------------------------------------------

namespace mayfly::testing {

/// The fee of one start, in worker-seconds.
inline constexpr double invocation_fee = 0.05;

/// One point of a run's curves.
struct run_sample {
    uptime from{};              ///< The point covers the time from here to the next one.
    std::uint64_t backlog = 0;  ///< The most that waited.
    std::uint32_t workers = 0;  ///< The most that were up.
    std::uint32_t starts = 0;   ///< How many were started.
};

/// Curves of a run of any length in a bounded number of points: when they do not suffice, each covers twice the time.
class run_series {
public:
    void note(uptime now, std::uint64_t backlog, std::uint32_t workers, std::uint32_t starts)
    {
        const auto at = point(now);
        run_sample& s = samples_[at];
        s.backlog = std::max(s.backlog, backlog);
        s.workers = std::max(s.workers, workers);
        s.starts += starts;
        last_ = {.backlog = backlog, .workers = workers};
    }

    [[nodiscard]] const std::vector<run_sample>& samples() const noexcept { return samples_; }

private:
    static constexpr std::size_t most = 1024;

    std::size_t point(uptime now)
    {
        while (now / width_ >= static_cast<uptime::rep>(most))
            halve();
        const auto at = static_cast<std::size_t>(now / width_);
        while (samples_.size() <= at) {
            // Whatever was true at the last change has been true since.
            last_.from = width_ * static_cast<uptime::rep>(samples_.size());
            samples_.push_back(last_);
        }
        return at;
    }

    void halve()
    {
        for (std::size_t i = 0; i < samples_.size(); i += 2) {
            run_sample s = samples_[i];
            if (i + 1 < samples_.size()) {
                s.backlog = std::max(s.backlog, samples_[i + 1].backlog);
                s.workers = std::max(s.workers, samples_[i + 1].workers);
                s.starts += samples_[i + 1].starts;
            }
            samples_[i / 2] = s;
        }
        samples_.resize((samples_.size() + 1) / 2);
        width_ *= 2;
    }

    std::vector<run_sample> samples_{};
    run_sample last_{};
    uptime width_ = std::chrono::milliseconds{100};
};

/// What a run is judged on. Times in seconds.
struct run_metrics {
    double p50 = 0;   ///< Of waiting: from a task's first add to the start of the attempt that completed.
    double p99 = 0;   ///< Likewise. Both by nearest rank.
    double mean = 0;  ///< Likewise.
    double max = 0;   ///< Likewise.
    double wait_sum = 0;
    double billed = 0;              ///< Seconds of all invocations, failed ones too.
    double cost = 0;                ///< `billed` and the fee of each invocation.
    double makespan = 0;            ///< From the first arrival to the last completion.
    std::uint64_t tasks = 0;        ///< Added at least once.
    std::uint64_t invocations = 0;  ///< Starts by the provider, its own repetitions too.
    std::uint64_t describes = 0;    ///< Snapshots that were read.
    std::uint64_t lost = 0;         ///< Tasks that a worker could not finish, each time.
    std::uint64_t unserved = 0;     ///< Tasks that had not been started when the run was cut.
    std::uint64_t refused = 0;      ///< API calls that failed.
    std::uint64_t dropped = 0;      ///< Accepted starts that the provider gave up for their age.
    std::vector<run_sample> series{};

    /// Cost, and `price` worker-seconds for each second a task waits.
    [[nodiscard]] double total(double price = 1) const noexcept { return cost + price * wait_sum; }
};

/// Fills in everything that is computed from the waits of all tasks.
inline void summarise(std::vector<uptime>& waits, run_metrics& out)
{
    out.tasks = waits.size();
    if (waits.empty())
        return;
    std::sort(waits.begin(), waits.end());
    const auto ranked = [&waits](double share) {
        const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(waits.size())));
        return in_seconds(waits[std::max<std::size_t>(rank, 1) - 1]);
    };
    out.p50 = ranked(0.50);
    out.p99 = ranked(0.99);
    out.max = in_seconds(waits.back());
    for (const uptime w : waits)
        out.wait_sum += in_seconds(w);
    out.mean = out.wait_sum / static_cast<double>(waits.size());
}

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

// mayfly/testing/bounds.hpp -------------------------------------------------------------------------------------------

namespace mayfly::testing {

/// What no policy can beat on a workload, in worker-seconds, and the unit that tails are measured in.
struct cost_bounds {
    double zero_wait_cost = 0;  ///< What a clairvoyant fleet pays that never lets a task wait.
    double work_cost = 0;       ///< All slots always full, starts for nothing.
    double startup = 0;         ///< Median start, from the call to the first poll, in seconds.
};

[[nodiscard]] inline double median_startup(const workload& w)
{
    return w.start.place_cold.median() + w.start.init_cold.median() + w.start.connect.median() +
           in_seconds(w.provider.invoke_latency);
}

namespace detail {

/// A task begins or ends.
struct service_edge {
    uptime at{};
    bool begins = false;
};

/// When tasks begin and end if each begins as soon as it is there, or, in a rate-limited queue, evenly spaced: the
/// burst that a limiter allows is left out.
[[nodiscard]] inline std::vector<service_edge> ideal_service(const workload& w, const generated& g)
{
    using ready = std::pair<uptime, std::uint32_t>;
    std::priority_queue<ready, std::vector<ready>, std::greater<>> later_steps;
    std::vector<service_edge> edges;
    edges.reserve(2 * g.tasks.size());
    const double interval = w.queue.rate_limit > 0 ? 1e6 / w.queue.rate_limit : 0;
    double free = 0;
    for (std::uint32_t arrival = 0; arrival < g.arrivals || !later_steps.empty();) {
        ready next{};
        if (later_steps.empty() || (arrival < g.arrivals && g.tasks[arrival].arrives <= later_steps.top().first)) {
            next = {g.tasks[arrival].arrives, arrival};
            ++arrival;
        } else {
            next = later_steps.top();
            later_steps.pop();
        }
        const double begin = std::max(static_cast<double>(next.first.count()), free);
        free = begin + interval;
        // An odd limiter, or odd times, put tasks off beyond what can be counted.
        constexpr double latest = 4e18;
        const uptime from(static_cast<uptime::rep>(std::ceil(std::min(begin, latest))));
        const task& t = g.tasks[next.second];
        edges.push_back({from, true});
        const uptime end = later(from, t.service);
        edges.push_back({end, false});
        if (t.next != no_task)
            later_steps.emplace(later(end, t.gap), t.next);
    }
    // At the same instant the new task comes before the old one goes: they need two slots.
    std::sort(edges.begin(), edges.end(), [](const service_edge& a, const service_edge& b) {
        return a.at != b.at ? a.at < b.at : a.begins && !b.begins;
    });
    return edges;
}

/** The cheapest fleet for these tasks. Level j of it is needed while more than (j - 1) * slots tasks are in service;
    between two needs the cheaper of staying up and starting again is paid. Workers may hand tasks to each other, so
   this is a lower bound. */
class level_costs {
public:
    level_costs(double cold, double warm, uptime warm_keep) : cold_(cold), warm_(warm), keep_(warm_keep) {}

    void reach(std::size_t level, uptime now)
    {
        while (up_ < level)
            rise(now);
        while (up_ > level) {
            --up_;
            up_time_ += in_seconds(now - since_[up_]);
            since_[up_] = now;
        }
    }

    /// Everything paid. No worker is of use for longer than `life`, so enough starts to cover all the time are needed.
    [[nodiscard]] double total(uptime life) const
    {
        const double lives = life > uptime::zero() ? up_time_ / in_seconds(life) : 0;
        return up_time_ + starts_cost_ + std::max(0.0, std::ceil(lives) - static_cast<double>(starts_)) * warm_;
    }

private:
    void rise(uptime now)
    {
        if (up_ == since_.size()) {
            since_.push_back(now);
            pay(cold_);
        } else {
            const uptime gap = now - since_[up_];
            const double again = gap <= keep_ ? warm_ : cold_;
            if (in_seconds(gap) <= again)
                up_time_ += in_seconds(gap);
            else
                pay(again);
        }
        since_[up_] = now;
        ++up_;
    }

    void pay(double start)
    {
        starts_cost_ += start;
        ++starts_;
    }

    double cold_;
    double warm_;
    uptime keep_;
    std::vector<uptime> since_{};  // each level: up, or down
    std::size_t up_ = 0;
    double up_time_ = 0;
    double starts_cost_ = 0;
    std::uint64_t starts_ = 0;
};

}  // namespace detail

/// Computes the bounds of a workload from its tasks.
[[nodiscard]] inline cost_bounds compute_bounds(const workload& w, const generated& g)
{
    cost_bounds out;
    out.startup = median_startup(w);
    for (const task& t : g.tasks)
        out.work_cost += in_seconds(t.service);
    out.work_cost /= w.worker.slots;

    const double warm = w.start.connect.median() + invocation_fee;
    detail::level_costs costs(w.start.init_cold.median() + warm, warm, w.start.warm_keep);
    std::size_t running = 0;
    for (const detail::service_edge& e : detail::ideal_service(w, g)) {
        running = e.begins ? running + 1 : running - 1;
        costs.reach((running + w.worker.slots - 1) / w.worker.slots, e.at);
    }
    out.zero_wait_cost = costs.total(w.worker.lifetime - w.worker.shutdown_buffer);
    return out;
}

/// The bounds that the file states, and computed ones where it states none.
[[nodiscard]] inline cost_bounds bounds_of(const workload& w, const generated& g)
{
    cost_bounds out;
    const auto zero_wait = w.bounds.get("zero_wait_cost");
    const auto work = w.bounds.get("work_cost");
    if (!zero_wait || !work)
        out = compute_bounds(w, g);
    out.zero_wait_cost = zero_wait.value_or(out.zero_wait_cost);
    out.work_cost = work.value_or(out.work_cost);
    out.startup = w.bounds.get("startup").value_or(median_startup(w));
    return out;
}

}  // namespace mayfly::testing

// mayfly/testing/event_queue.hpp --------------------------------------------------------------------------------------

namespace mayfly::testing {

/// Something that happens at a moment of simulated time. What the fields mean is up to whoever schedules.
struct event {
    uptime at{};
    std::uint64_t order = 0;  ///< Of scheduling; set by the queue.
    std::uint32_t who = 0;
    std::uint32_t stamp = 0;  ///< To tell that `who` has become somebody else.
    std::uint8_t what = 0;
};

/** Events by time; those of the same instant in the order in which they were scheduled.

    A four-way heap in one vector: half as deep as a binary one, and the four children share a cache line or two.
*/
class event_queue {
public:
    void schedule(uptime at, std::uint8_t what, std::uint32_t who = 0, std::uint32_t stamp = 0)
    {
        heap_.push_back({at, next_++, who, stamp, what});
        rise(heap_.size() - 1);
    }

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

    /// The moment of the next event, or `never`.
    [[nodiscard]] uptime next() const noexcept { return heap_.empty() ? never : heap_.front().at; }

    /// Removes the next event. The queue must not be empty.
    event pop() noexcept
    {
        const event top = heap_.front();
        const event last = heap_.back();
        heap_.pop_back();
        if (!heap_.empty())
            sink(last);
        return top;
    }

private:
    static bool before(const event& a, const event& b) noexcept
    {
        return a.at != b.at ? a.at < b.at : a.order < b.order;
    }

    void rise(std::size_t i) noexcept
    {
        const event e = heap_[i];
        while (i > 0) {
            const std::size_t parent = (i - 1) / 4;
            if (!before(e, heap_[parent]))
                break;
            heap_[i] = heap_[parent];
            i = parent;
        }
        heap_[i] = e;
    }

    void sink(const event& e) noexcept
    {
        const std::size_t n = heap_.size();
        std::size_t i = 0;
        for (std::size_t child = 1; child < n; child = i * 4 + 1) {
            std::size_t least = child;
            for (std::size_t c = child + 1; c < child + 4 && c < n; ++c) {
                if (before(heap_[c], heap_[least]))
                    least = c;
            }
            if (!before(heap_[least], e))
                break;
            heap_[i] = heap_[least];
            i = least;
        }
        heap_[i] = e;
    }

    std::vector<event> heap_{};
    std::uint64_t next_ = 0;
};

}  // namespace mayfly::testing

// mayfly/testing/model_driver.hpp -------------------------------------------------------------------------------------

namespace mayfly::testing {

class model;

/** What stands on a model and scales it.

    `d.begin(m)`                        once, at time zero
    `d.added(m, outcome, partition)`    for every add, at once
    `d.invoked(m, ticket, accepted)`    the answer to one `m.invoke` or `m.resize`, and the last that is heard of it
    `d.timer(m, token)`                 for every `m.wake_at`

    Models here: `eager`.
*/
// clang-format off
template <class D>
concept ModelDriver = requires(D& d, model& m, add_outcome outcome, std::uint32_t n, std::uint64_t ticket, bool accepted) {
    d.begin(m);
    d.added(m, outcome, n);
    d.invoked(m, ticket, accepted);
    d.timer(m, n);
};
// clang-format on

}  // namespace mayfly::testing

// mayfly/testing/poller_list.hpp --------------------------------------------------------------------------------------

namespace mayfly::testing {

/// The second half of every simulated worker's identity.
inline constexpr std::string_view simulated_function = "arn:aws:lambda:eu-central-1:000000000000:function:simulated:1";

/// The first half of the identity of the worker that `ticket` starts.
[[nodiscard]] inline std::string request_id_of(std::uint64_t ticket)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string id = "00000000-0000-4000-8000-000000000000";
    for (std::size_t at = id.size(); ticket != 0 && at-- > 24; ticket >>= 4)
        id[at] = digits[ticket & 0xF];
    return id;
}

/// The ticket that such an identity, or its first half, belongs to; 0 if it is none.
[[nodiscard]] inline std::uint64_t ticket_of_identity(std::string_view identity)
{
    std::uint64_t ticket = 0;
    if (identity.size() < 36)
        return 0;
    const auto [end, ec] = std::from_chars(identity.data() + 24, identity.data() + 36, ticket, 16);
    return ec == std::errc{} && end == identity.data() + 36 ? ticket : 0;
}

/// Who polls a queue, as its statistics show it: those that poll now, and once more those that have gone.
class poller_list {
public:
    /// A worker begins to poll. Numbers may be used again once their worker has left.
    void join(std::uint32_t worker, std::uint64_t ticket, uptime now)
    {
        if (worker >= place_.size())
            place_.resize(worker + 1);
        place_[worker] = here_.size();
        std::string identity = request_id_of(ticket);
        identity += '@';
        identity += simulated_function;
        here_.push_back({std::move(identity), now, now, worker});
    }

    void leave(std::uint32_t worker, uptime now)
    {
        const std::size_t at = place_[worker];
        here_[at].last = now;
        if (gone_.size() == most_gone)  // nobody has looked for long; the oldest are forgotten
            gone_.erase(gone_.begin(), gone_.begin() + most_gone / 2);
        gone_.push_back(std::move(here_[at]));
        if (at + 1 != here_.size()) {
            here_[at] = std::move(here_.back());
            place_[here_[at].worker] = at;
        }
        here_.pop_back();
    }

    [[nodiscard]] std::size_t size() const noexcept { return here_.size(); }

    /// Everybody. Valid until the next call of `list`, whatever comes between.
    std::span<const worker_seen> list(uptime now)
    {
        shown_.clear();
        names_.clear();
        seen_.clear();
        shown_.swap(gone_);
        for (const poller& p : here_)
            names_.append(p.identity);
        const std::string_view names = names_;
        std::size_t at = 0;
        for (const poller& p : here_) {
            const std::string_view identity = names.substr(at, p.identity.size());
            at += p.identity.size();
            seen_.push_back({.identity = identity, .first_seen = p.first, .last_seen = now});
        }
        for (const poller& p : shown_)
            seen_.push_back({.identity = p.identity, .first_seen = p.first, .last_seen = p.last, .present = false});
        return seen_;
    }

private:
    struct poller {
        std::string identity;
        uptime first;
        uptime last;
        std::uint32_t worker;
    };

    static constexpr std::size_t most_gone = 4096;

    std::vector<poller> here_{};
    std::vector<std::size_t> place_{};  // of each worker in `here_`
    std::vector<poller> gone_{};        // since the last list
    std::vector<poller> shown_{};       // gone ones in the last list
    std::string names_{};               // of those that are here, in the last list
    std::vector<worker_seen> seen_{};
};

}  // namespace mayfly::testing

// mayfly/testing/start_draws.hpp --------------------------------------------------------------------------------------

namespace mayfly::testing {

/// How one start goes. All times are points in time.
struct start_course {
    uptime begin{};       ///< Billing begins.
    uptime first_poll{};  ///< The worker begins to poll, unless the start fails.
    uptime deadline{};
    uptime breaks = never;  ///< The start fails, and this is its end.

    [[nodiscard]] bool fails() const noexcept { return breaks != never; }
};

/// Draws how starts and API calls go, and keeps the environments that a start may find warm.
class start_draws {
public:
    /// `w` must outlive this.
    explicit start_draws(const workload& w)
        : workload_(&w), starts_(w.seed, streams::starts), failures_(w.seed, streams::failures)
    {}

    [[nodiscard]] bool api_fails(uptime now)
    {
        const auto& windows = workload_->provider.api_fail;
        return std::any_of(windows.begin(), windows.end(),
            [&](const api_failure& f) { return now >= f.from && now < f.to && f.p > 0 && failures_.uniform() < f.p; });
    }

    // Every number is drawn whether it is used or not, so that the starts of two policies have the same luck.
    [[nodiscard]] start_course start(uptime now)
    {
        const start_settings& s = workload_->start;
        const uptime place_cold = micros(s.place_cold.sample(starts_));
        const uptime init_cold = micros(s.init_cold.sample(starts_));
        const uptime place_warm = micros(s.place_warm.sample(starts_));
        const uptime connect = micros(s.connect.sample(starts_));
        const double luck = failures_.uniform();
        const bool warm = take_environment(now);
        const uptime init = warm ? uptime::zero() : init_cold;

        start_course out;
        out.begin = now + (warm ? place_warm : place_cold);
        out.first_poll = out.begin + init + connect;
        out.deadline = out.begin + init + workload_->worker.lifetime;
        if (out.first_poll >= out.deadline)
            out.breaks = out.deadline;
        for (const start_failure& f : workload_->provider.start_fail) {
            if (now < f.from || now >= f.to || luck >= f.p)
                continue;
            const bool crash = f.how == start_failure::mode::crash;
            out.breaks = crash ? std::min(out.begin + f.after, out.deadline) : out.deadline;
            break;
        }
        return out;
    }

    /// An invocation ended normally: its environment is free.
    void leave_environment(uptime now) { environments_.push_back(now); }

private:
    [[nodiscard]] bool take_environment(uptime now)
    {
        if (environments_.empty())
            return false;
        if (now - environments_.back() > workload_->start.warm_keep) {
            environments_.clear();  // all others are older
            return false;
        }
        environments_.pop_back();
        return true;
    }

    const workload* workload_;
    random_stream starts_;
    random_stream failures_;
    std::vector<uptime> environments_{};  // when they became free; the most recent last
};

}  // namespace mayfly::testing

// mayfly/testing/task_queue.hpp ---------------------------------------------------------------------------------------

namespace mayfly::testing {

/// How often something happened per second, over the last 30 s in steps of 5 s, as the matching service counts.
class sliding_rate {
public:
    void count(uptime now) noexcept
    {
        advance(now);
        buckets_[at_] += 1;
    }

    [[nodiscard]] double per_second(uptime now) noexcept
    {
        advance(now);
        std::uint64_t sum = 0;
        for (const std::uint32_t b : buckets_)
            sum += b;
        const uptime covered = std::min(now, now - step * (now / step) + over);
        return covered > uptime::zero() ? static_cast<double>(sum) / in_seconds(covered) : 0.0;
    }

private:
    static constexpr uptime step = std::chrono::seconds{5};
    static constexpr uptime over = std::chrono::seconds{30};

    void advance(uptime now) noexcept
    {
        const auto due = now / step;
        for (auto n = std::min(due - number_, uptime::rep{7}); n > 0; --n) {
            at_ = (at_ + 1) % buckets_.size();
            buckets_[at_] = 0;
        }
        number_ = due;
    }

    std::array<std::uint32_t, 7> buckets_{};  // six whole ones, and the one that fills
    std::size_t at_ = 0;
    uptime::rep number_ = 0;
};

/** The queue of the model: one backlog, first in first out, and the polls that wait, served oldest first. Tasks and
    workers are numbers here; what they mean is the model's business. */
class task_queue {
public:
    static constexpr std::uint32_t nobody = no_task;

    struct added {
        add_outcome outcome = add_outcome::matched;
        std::uint32_t worker = nobody;  ///< Who took it at once.
    };
    struct match {
        std::uint32_t task = no_task;
        std::uint32_t worker = nobody;
    };

    explicit task_queue(const queue_settings& settings)
        : interval_(settings.rate_limit > 0 ? 1e6 / settings.rate_limit : 0),
          slack_(interval_ * (settings.rate_burst - 1.0))
    {}

    /// A task arrives.
    added add(std::uint32_t task, uptime now)
    {
        ++adds_;
        add_rate_.count(now);
        const bool polled = waiting_ > 0;
        if (backlog_.empty() && polled && open(now)) {
            passed(now);
            return {add_outcome::matched, oldest_poll()};
        }
        // A poll waits although a task could be had: only the limiter does that, whether others wait already or not.
        const auto outcome = polled             ? add_outcome::rate_limited
                             : backlog_.empty() ? add_outcome::not_matched
                                                : add_outcome::behind_backlog;
        backlog_.push_back({task, now});
        return {outcome, nobody};
    }

    /// A poll of `worker` arrives. Returns its task, or `no_task`: then it waits.
    std::uint32_t poll(std::uint32_t worker, uptime now)
    {
        if (!backlog_.empty() && open(now))
            return head(now);
        if (worker >= stamps_.size())
            stamps_.resize(worker + 1, {0, 0});
        polls_.push_back({worker, stamps_[worker].current});
        ++stamps_[worker].waiting;
        ++waiting_;
        return no_task;
    }

    /// All polls of `worker` end without a task.
    void cancel(std::uint32_t worker) noexcept
    {
        if (worker >= stamps_.size())
            return;
        waiting_ -= stamps_[worker].waiting;
        stamps_[worker] = {stamps_[worker].current + 1, 0};
    }

    /// What the limiter lets go now, one at a time; `task` is `no_task` if nothing.
    match release(uptime now)
    {
        if (backlog_.empty() || waiting_ == 0 || !open(now))
            return {};
        return {head(now), oldest_poll()};
    }

    /// When `release` has something to do, if nothing else happens before; `never` if the limiter holds nothing.
    [[nodiscard]] uptime opens() const noexcept
    {
        return backlog_.empty() || waiting_ == 0 ? never : uptime(std::llround(std::ceil(next_ - slack_)));
    }

    [[nodiscard]] std::size_t backlog() const noexcept { return backlog_.size(); }
    [[nodiscard]] queue_stats stats(uptime now) noexcept
    {
        return {.backlog = backlog_.size(),
            .oldest = backlog_.empty() ? uptime::zero() : now - backlog_.front().since,
            .add_rate = add_rate_.per_second(now),
            .dispatch_rate = dispatch_rate_.per_second(now),
            .added = adds_,
            .dispatched = dispatches_};
    }

private:
    struct waiting_task {
        std::uint32_t task;
        uptime since;
    };
    struct waiting_poll {
        std::uint32_t worker;
        std::uint32_t stamp;  // another one than the worker's: cancelled
    };
    struct worker_polls {
        std::uint32_t current;
        std::uint32_t waiting;
    };

    [[nodiscard]] bool open(uptime now) const noexcept
    {
        return interval_ <= 0 || static_cast<double>(now.count()) >= next_ - slack_;
    }

    void passed(uptime now) noexcept
    {
        ++dispatches_;
        dispatch_rate_.count(now);
        next_ = std::max(next_, static_cast<double>(now.count())) + interval_;
    }

    std::uint32_t head(uptime now)
    {
        const std::uint32_t task = backlog_.front().task;
        backlog_.pop_front();
        passed(now);
        return task;
    }

    std::uint32_t oldest_poll()
    {
        for (;;) {
            const waiting_poll p = polls_.front();
            polls_.pop_front();
            if (p.stamp != stamps_[p.worker].current)
                continue;
            --stamps_[p.worker].waiting;
            --waiting_;
            return p.worker;
        }
    }

    std::deque<waiting_task> backlog_{};
    std::deque<waiting_poll> polls_{};
    std::vector<worker_polls> stamps_{};
    std::size_t waiting_ = 0;
    double interval_;  // microseconds from one dispatch to the next; 0 for no limit
    double slack_;     // what a burst may run ahead
    double next_ = 0;  // theoretical arrival time of the next dispatch
    std::uint64_t adds_ = 0;
    std::uint64_t dispatches_ = 0;
    sliding_rate add_rate_{};
    sliding_rate dispatch_rate_{};
};

}  // namespace mayfly::testing

// mayfly/testing/model.hpp --------------------------------------------------------------------------------------------

namespace mayfly::testing {

/** Queue, provider and workers in simulated time. Knows no scaler.

    One run of one workload: construct, `run(driver)`, look at what it returns. Events of the same instant happen in the
    order in which they were scheduled.

    Where the description of the model leaves a choice, this is what was chosen:

    - An arrival is scheduled when the one before it happens, the first one before anything else.
    - An add while a poll waits and the limiter is shut is `rate_limited`, also if others wait already.
    - An API call fails or not when it completes; the window is looked up at that moment.
    - A start counts against `max_concurrent` from the moment it is placed to its end. A crashed or hung one never
   polls. It is started again as if it had just been accepted, but is as old as the call; past `event_age` it is
   dropped.
    - Every start by the provider is one invocation, its repetitions too. Billing of what still runs at the cut ends
   there.
    - A worker that could not poll before its deadline hangs. Only one that ended by itself leaves a warm environment.
    - A poll holds a slot for the task it may bring: never more polls wait than slots are free.
    - Tasks that one worker loses come back in the order of their numbers.
    - A worker is listed until it stops polling, and once more, as gone, in the next snapshot. Tasks it still runs count
   as busy slots until they end.
    - Waiting of a task that runs when the run is cut counts like any other. A task of a chain exists once it was added.
*/
class model {
public:
    /// `w` must outlive the model.
    explicit model(const workload& w) : model(w, generate(w)) {}

    model(const workload& w, generated tasks)
        : workload_(&w),
          plan_(std::move(tasks)),
          tasks_(plan_.tasks.size()),
          open_tasks_(plan_.tasks.size()),
          queue_(w.queue),
          cut_(later(w.duration, w.grace)),
          event_age_(w.provider.event_age),
          async_retries_(w.provider.async_retries),
          draws_(w),
          partitions_(w.seed, streams::partitions),
          thinning_(w.seed, streams::thinning)
    {}

    model(const model&) = delete;
    model& operator=(const model&) = delete;

    /// Runs to the end: nothing is outstanding and every invocation has ended, or the time is up.
    template <ModelDriver D>
    run_metrics run(D& driver)
    {
        schedule_arrival(0);
        driver.begin(*this);
        while (open_tasks_ + open_invocations_ > 0) {
            if (events_.next() > cut_) {
                now_ = cut_;
                break;
            }
            const event e = events_.pop();
            now_ = e.at;
            ++events_run_;
            happen(e, driver);
        }
        return measure();
    }

    // What a driver may see.

    [[nodiscard]] uptime now() const noexcept { return now_; }
    [[nodiscard]] const workload& load() const noexcept { return *workload_; }

    /// The first moment at which `describe` reads again.
    [[nodiscard]] uptime describe_again_at() const noexcept
    {
        return metrics_.describes == 0 ? uptime::zero() : described_at_ + least_between_describes;
    }

    /// A snapshot, valid until the next call. Read at most every 250 ms: sooner, the last one is returned once more.
    const queue_snapshot& describe()
    {
        if (now_ < describe_again_at())
            return snapshot_;
        ++metrics_.describes;
        described_at_ = now_;
        snapshot_ = {};
        snapshot_.of(task_type::activity) = queue_.stats(now_);
        snapshot_.busy_slots = busy_slots_;
        snapshot_.workers_complete = true;
        snapshot_.workers = pollers_.list(now_);
        return snapshot_;
    }

    // What a driver may do.

    /// One API call that starts one worker. Returns its ticket.
    std::uint64_t invoke(const leave_rules& orders)
    {
        const std::uint32_t i = reserve();
        invocation& v = invocations_[i];
        v.ticket = next_ticket_++;
        v.orders = orders;
        v.of_set = false;
        schedule(workload_->provider.invoke_latency, what::answered, i);
        return v.ticket;
    }

    /// One API call that asks for a set of `count` workers: the provider restarts those that end, and tells the newest
    /// of too many to stop polling. Returns its ticket.
    std::uint64_t resize(std::uint32_t count, const leave_rules& orders = {})
    {
        const std::uint32_t i = reserve();
        invocation& v = invocations_[i];
        v.ticket = next_ticket_++;
        v.orders = orders;
        v.asked_size = count;
        schedule(workload_->provider.invoke_latency, what::resize_answered, i);
        return v.ticket;
    }

    /// `driver.timer` is called at `at`, or now if that is past. There is no way to cancel it.
    void wake_at(uptime at, std::uint32_t token = 0)
    {
        if (at != never)
            events_.schedule(std::max(at, now_), static_cast<std::uint8_t>(what::woken), token);
    }

    /// How long the provider keeps an accepted start that it cannot run; at least a minute.
    void event_age(uptime age) noexcept { event_age_ = std::max<uptime>(age, std::chrono::minutes{1}); }

    /// How often the provider repeats a start that crashed or timed out.
    void async_retries(std::uint32_t count) noexcept { async_retries_ = count; }

    /// The first half of the identity of the worker that `ticket` starts.
    [[nodiscard]] static std::string request_id(std::uint64_t ticket) { return request_id_of(ticket); }

    /// The ticket of the start that a worker's identity, or its first half, belongs to; 0 if it is none of the model's.
    [[nodiscard]] static std::uint64_t ticket_of(std::string_view identity) { return ticket_of_identity(identity); }

    /// The second half of every identity.
    static constexpr std::string_view function = simulated_function;

    // For whoever watches the model itself.

    [[nodiscard]] std::uint64_t events_run() const noexcept { return events_run_; }
    [[nodiscard]] std::size_t workers() const noexcept { return running_; }
    [[nodiscard]] std::size_t polling() const noexcept { return pollers_.size(); }
    [[nodiscard]] std::size_t backlog() const noexcept { return queue_.backlog(); }

private:
    enum class what : std::uint8_t {
        arrived,          // a task is added for the first time
        answered,         // an invoke call completes
        resize_answered,  // a resize call completes
        retried,          // the provider looks again for room
        rerun,            // the provider starts a failed invocation again
        connected,        // a worker begins to poll
        broken,           // a crashed or hung start ends
        poller_back,      // a poller is done with handing over its task
        task_done,
        looked,      // a worker decides whether to go on
        killed,      // a draining worker's time is up
        returned,    // a lost or chained task is added
        limit_open,  // the limiter lets something go
        set_checked,
        woken,
    };

    // One start from the call to the end of its last repetition.
    struct invocation {
        std::uint64_t ticket = 0;
        std::uint32_t stamp = 0;  // grows with every use of this record
        std::uint32_t repeats = 0;
        std::uint32_t asked_size = 0;
        bool of_set = false;
        bool unwanted = false;  // of a set that shall be smaller
        bool polling = false;
        leave_rules orders{};
        uptime accepted{};
        uptime patience{};  // until the provider looks again
        uptime begin = never;
        uptime drained_by{};
        uptime look = never;
        leaving rules{};
        std::uint32_t waiting = 0;  // polls at the queue
        std::uint32_t away = 0;     // pollers that hand over a task
        std::vector<std::uint32_t> tasks{};
    };

    struct task_state {
        uptime first_add = never;
        uptime started = never;  // the last attempt
        uptime done_at = never;  // when the running attempt ends
        std::uint32_t worker = 0;
        bool done = false;
    };

    static constexpr uptime least_between_describes = std::chrono::milliseconds{250};

    // ---- events

    void schedule(uptime wait, what w, std::uint32_t i)
    {
        events_.schedule(later(now_, wait), static_cast<std::uint8_t>(w), i, invocations_[i].stamp);
    }

    void schedule_arrival(std::uint32_t task)
    {
        if (task < plan_.arrivals)
            events_.schedule(plan_.tasks[task].arrives, static_cast<std::uint8_t>(what::arrived), task);
    }

    void schedule_task(uptime wait, what w, std::uint32_t task)
    {
        events_.schedule(later(now_, wait), static_cast<std::uint8_t>(w), task);
    }

    template <class D>
    void happen(const event& e, D& driver)
    {
        const auto w = static_cast<what>(e.what);
        switch (w) {
        case what::arrived: schedule_arrival(e.who + 1); return add(e.who, driver);
        case what::woken: return driver.timer(*this, e.who);
        case what::returned: return add(e.who, driver);
        case what::task_done: return task_done(e.who);
        case what::limit_open: return limit_open();
        case what::set_checked: set_check_due_ = false; return keep_set();
        default: break;
        }
        if (invocations_[e.who].stamp != e.stamp)
            return;
        switch (w) {
        case what::answered: return answered(e.who, driver);
        case what::resize_answered: return resize_answered(e.who, driver);
        case what::retried: return retried(e.who);
        case what::rerun: return admit(e.who);
        case what::connected: return connected(e.who);
        case what::broken: return broken(e.who);
        case what::poller_back: return poller_back(e.who);
        case what::looked: return looked(e.who);
        case what::killed: return killed(e.who);
        default: return;
        }
    }

    // ---- queue

    template <class D>
    void add(std::uint32_t task, D& driver)
    {
        const auto partition = static_cast<std::uint32_t>(partitions_.uniform() * workload_->queue.partitions);
        task_state& t = tasks_[task];
        if (t.first_add == never)
            t.first_add = now_;
        const task_queue::added a = queue_.add(task, now_);
        if (a.worker != task_queue::nobody) {
            --invocations_[a.worker].waiting;
            take(a.worker, task);
        } else {
            watch_limiter();
            note();
        }
        driver.added(*this, a.outcome, partition);
    }

    void limit_open()
    {
        limiter_watched_ = never;
        for (;;) {
            const task_queue::match m = queue_.release(now_);
            if (m.task == no_task)
                break;
            --invocations_[m.worker].waiting;
            take(m.worker, m.task);
        }
        watch_limiter();
        note();
    }

    void watch_limiter()
    {
        const uptime at = queue_.opens();
        if (at >= limiter_watched_)
            return;
        limiter_watched_ = std::max(at, now_);
        events_.schedule(limiter_watched_, static_cast<std::uint8_t>(what::limit_open));
    }

    // ---- provider

    std::uint32_t reserve()
    {
        ++open_invocations_;
        if (!free_.empty()) {
            const std::uint32_t i = free_.back();
            free_.pop_back();
            return i;
        }
        invocations_.emplace_back();
        return static_cast<std::uint32_t>(invocations_.size() - 1);
    }

    void release(std::uint32_t i)
    {
        --open_invocations_;
        invocation& v = invocations_[i];
        const std::uint32_t stamp = v.stamp + 1;
        std::vector<std::uint32_t> tasks = std::move(v.tasks);
        v = {};
        v.stamp = stamp;
        v.tasks = std::move(tasks);
        free_.push_back(i);
    }

    bool api_fails()
    {
        const bool fails = draws_.api_fails(now_);
        metrics_.refused += fails ? 1U : 0U;
        return fails;
    }

    template <class D>
    void answered(std::uint32_t i, D& driver)
    {
        const std::uint64_t ticket = invocations_[i].ticket;
        const bool ok = !api_fails();
        if (ok) {
            invocations_[i].accepted = now_;
            admit(i);
        } else {
            release(i);
        }
        driver.invoked(*this, ticket, ok);
    }

    template <class D>
    void resize_answered(std::uint32_t i, D& driver)
    {
        const std::uint64_t ticket = invocations_[i].ticket;
        const bool ok = !api_fails();
        if (ok) {
            set_size_ = invocations_[i].asked_size;
            set_orders_ = invocations_[i].orders;
        }
        release(i);
        if (ok)
            keep_set();
        driver.invoked(*this, ticket, ok);
    }

    void admit(std::uint32_t i)
    {
        if (running_ < workload_->provider.max_concurrent)
            return start(i);
        invocations_[i].patience = std::chrono::seconds{1};
        wait_for_room(i);
    }

    void retried(std::uint32_t i)
    {
        if (running_ < workload_->provider.max_concurrent)
            return start(i);
        invocations_[i].patience = std::min<uptime>(2 * invocations_[i].patience, std::chrono::seconds{300});
        wait_for_room(i);
    }

    void wait_for_room(std::uint32_t i) { repeat(i, what::retried, invocations_[i].patience); }

    // The provider comes back to an event after `wait`, unless it is too old by then.
    void repeat(std::uint32_t i, what w, uptime wait)
    {
        if (now_ + wait - invocations_[i].accepted > event_age_) {
            ++metrics_.dropped;
            release(i);
        } else {
            schedule(wait, w, i);
        }
    }

    void start(std::uint32_t i)
    {
        invocation& v = invocations_[i];
        const worker_settings& w = workload_->worker;
        const start_course course = draws_.start(now_);
        ++running_;
        ++metrics_.invocations;
        note(1);
        v.begin = course.begin;
        if (course.fails())
            return schedule(course.breaks - now_, what::broken, i);
        const uptime stop = std::max(course.deadline - w.shutdown_buffer, course.first_poll);
        v.drained_by = std::min(stop + w.stop_timeout, course.deadline);
        v.rules = leaving(v.orders, w.slots, {.from = course.first_poll, .stop_at = stop, .drained_by = v.drained_by});
        schedule(course.first_poll - now_, what::connected, i);
    }

    void broken(std::uint32_t i)
    {
        finished(i);
        invocation& v = invocations_[i];
        if (v.of_set) {
            release(i);
            return check_set(std::chrono::seconds{1});
        }
        if (v.repeats >= async_retries_)
            return release(i);
        v.repeats += 1;
        repeat(i, what::rerun, std::chrono::seconds{60} * v.repeats);
    }

    // The books of an invocation that ends, whatever comes after it.
    void finished(std::uint32_t i)
    {
        invocation& v = invocations_[i];
        billed_ += now_ - v.begin;
        v.begin = never;
        --running_;
        note();
    }

    // ---- a set of workers that the provider keeps up

    void check_set(uptime wait)
    {
        if (set_check_due_)
            return;
        set_check_due_ = true;
        events_.schedule(now_ + wait, static_cast<std::uint8_t>(what::set_checked));
    }

    void keep_set()
    {
        std::vector<std::uint32_t> kept;
        for (std::uint32_t i = 0; i < invocations_.size(); ++i) {
            const invocation& v = invocations_[i];
            if (v.of_set && !v.unwanted)
                kept.push_back(i);
        }
        if (kept.size() > set_size_) {
            std::sort(kept.begin(), kept.end(),
                [&](std::uint32_t a, std::uint32_t b) { return invocations_[a].ticket < invocations_[b].ticket; });
            // All are marked before the first one leaves: whoever ends comes back here.
            for (std::size_t n = set_size_; n < kept.size(); ++n)
                invocations_[kept[n]].unwanted = true;
            for (std::size_t n = set_size_; n < kept.size(); ++n) {
                if (invocations_[kept[n]].polling)
                    leave(kept[n]);
            }
            return;
        }
        for (std::size_t n = kept.size(); n < set_size_; ++n) {
            if (running_ >= workload_->provider.max_concurrent)
                return check_set(std::chrono::seconds{1});
            const std::uint32_t i = reserve();
            invocation& v = invocations_[i];
            v.ticket = next_ticket_++;
            v.orders = set_orders_;
            v.of_set = true;
            v.accepted = now_;
            start(i);
        }
    }

    // ---- worker

    [[nodiscard]] std::uint32_t busy(const invocation& v) const noexcept
    {
        return static_cast<std::uint32_t>(v.tasks.size());
    }

    void connected(std::uint32_t i)
    {
        invocation& v = invocations_[i];
        v.polling = true;
        pollers_.join(i, v.ticket, now_);
        if (v.unwanted)
            return leave(i);
        for (std::uint32_t p = 0; p < workload_->worker.pollers; ++p)
            poll(i);
        look(i);
    }

    // One poller that is not away and not waiting goes to the queue, if a slot is free for what it brings.
    void poll(std::uint32_t i)
    {
        invocation& v = invocations_[i];
        if (!v.polling || v.waiting + v.away >= workload_->worker.pollers ||
            busy(v) + v.waiting >= workload_->worker.slots)
            return;
        const std::uint32_t task = queue_.poll(i, now_);
        if (task == no_task) {
            ++v.waiting;
            watch_limiter();
        } else {
            take(i, task);
            note();
        }
    }

    void take(std::uint32_t i, std::uint32_t task)
    {
        invocation& v = invocations_[i];
        task_state& t = tasks_[task];
        t.started = now_;
        t.done_at = now_ + plan_.tasks[task].service;
        t.worker = i;
        v.tasks.push_back(task);
        v.rules.on_task(now_);
        ++v.away;
        ++busy_slots_;
        schedule(workload_->worker.poll_rtt, what::poller_back, i);
        schedule_task(plan_.tasks[task].service, what::task_done, task);
    }

    void poller_back(std::uint32_t i)
    {
        --invocations_[i].away;
        poll(i);
    }

    void task_done(std::uint32_t task)
    {
        task_state& t = tasks_[task];
        if (t.done_at != now_)
            return;  // lost; another attempt ends at another time
        t.done = true;
        t.done_at = never;
        last_done_ = now_;
        --open_tasks_;
        --busy_slots_;
        if (const std::uint32_t next = plan_.tasks[task].next; next != no_task)
            schedule_task(plan_.tasks[task].gap, what::returned, next);
        const std::uint32_t i = t.worker;
        invocation& v = invocations_[i];
        *std::find(v.tasks.begin(), v.tasks.end(), task) = v.tasks.back();
        v.tasks.pop_back();
        v.rules.on_done(now_);
        if (!v.polling) {
            if (v.tasks.empty())
                ended(i);
            return;
        }
        poll(i);
        if (invocations_[i].tasks.empty())
            look(i);
    }

    void looked(std::uint32_t i)
    {
        invocation& v = invocations_[i];
        if (!v.polling || v.look != now_)
            return;
        v.look = never;
        look(i);
    }

    void look(std::uint32_t i)
    {
        invocation& v = invocations_[i];
        const double u = v.orders.thin_target > 0 ? thinning_.uniform() : 1.0;
        const leaving::verdict verdict = v.rules.decide(now_, u);
        if (verdict.leave())
            return leave(i);
        if (verdict.look >= v.look)
            return;  // an earlier look is on its way and will ask again
        v.look = verdict.look;
        schedule(v.look - now_, what::looked, i);
    }

    void leave(std::uint32_t i)
    {
        invocation& v = invocations_[i];
        v.polling = false;
        v.waiting = 0;
        queue_.cancel(i);
        pollers_.leave(i, now_);
        if (v.tasks.empty())
            ended(i);
        else
            schedule(v.drained_by - now_, what::killed, i);
    }

    void killed(std::uint32_t i)
    {
        std::sort(invocations_[i].tasks.begin(), invocations_[i].tasks.end());
        for (const std::uint32_t task : invocations_[i].tasks) {
            tasks_[task].done_at = never;
            tasks_[task].started = never;
            ++metrics_.lost;
            --busy_slots_;
            schedule_task(workload_->queue.redeliver, what::returned, task);
        }
        invocations_[i].tasks.clear();
        ended(i);
    }

    void ended(std::uint32_t i)
    {
        finished(i);
        draws_.leave_environment(now_);
        const bool of_set = invocations_[i].of_set;
        release(i);
        if (of_set)
            keep_set();
    }

    // ---- books

    void note(std::uint32_t starts = 0)
    {
        metrics_series_.note(now_, queue_.backlog(), static_cast<std::uint32_t>(running_), starts);
    }

    run_metrics measure()
    {
        for (const invocation& v : invocations_) {
            if (v.begin < now_)
                billed_ += now_ - v.begin;
        }
        std::vector<uptime> waits;
        waits.reserve(tasks_.size());
        for (std::size_t i = 0; i < tasks_.size(); ++i) {
            task_state& t = tasks_[i];
            if (t.first_add == never)
                continue;
            if (t.started == never) {
                ++metrics_.unserved;
                t.started = now_;
            }
            waits.push_back(t.started - t.first_add);
        }
        summarise(waits, metrics_);
        if (plan_.arrivals > 0 && last_done_ > uptime::zero())
            metrics_.makespan = in_seconds(last_done_ - plan_.tasks[0].arrives);
        metrics_.billed = in_seconds(billed_);
        metrics_.cost = metrics_.billed + invocation_fee * static_cast<double>(metrics_.invocations);
        metrics_.series = metrics_series_.samples();
        return std::move(metrics_);
    }

    const workload* workload_;
    generated plan_;
    std::vector<task_state> tasks_;
    std::size_t open_tasks_;
    task_queue queue_;
    event_queue events_{};
    uptime now_{};
    uptime cut_;
    uptime limiter_watched_ = never;
    uptime event_age_;
    std::uint32_t async_retries_;
    start_draws draws_;
    random_stream partitions_;
    random_stream thinning_;

    std::vector<invocation> invocations_{};
    std::vector<std::uint32_t> free_{};
    poller_list pollers_{};
    std::size_t open_invocations_ = 0;
    std::size_t running_ = 0;
    std::uint32_t busy_slots_ = 0;
    std::uint64_t next_ticket_ = 1;
    std::uint32_t set_size_ = 0;
    leave_rules set_orders_{};
    bool set_check_due_ = false;

    uptime described_at_{};
    queue_snapshot snapshot_{};

    uptime billed_{};
    uptime last_done_{};
    std::uint64_t events_run_ = 0;
    run_metrics metrics_{};
    run_series metrics_series_{};
};

}  // namespace mayfly::testing

// mayfly/testing/eager.hpp --------------------------------------------------------------------------------------------

namespace mayfly::testing {

/** The eager floor: one start for each unmatched task, at once, and no worker leaves before its deadline. The shortest
    waits that a purely reactive policy can have, at an absurd price; tails are measured from here.

    Every five seconds, every second while tasks wait, it looks whether all waiting tasks have a start on its way, and
    makes up for what is missing: calls that failed, starts that came to nothing. A start not seen within six seconds or
    three median start-ups is presumed lost. Live workers and accepted starts stay within `max_workers`.
*/
class eager {
public:
    void begin(model& m)
    {
        const workload& w = m.load();
        patience_ = std::max<uptime>(std::chrono::seconds{6}, 3 * micros(median_startup(w)));
        // A worker counts back from the moment it must be drained; the floor stops this long before the regular moment.
        if (w.activity_timeout)
            orders_.activity_timeout = *w.activity_timeout + w.worker.stop_timeout;
        m.wake_at(idle_period);
    }

    void added(model& m, add_outcome outcome, std::uint32_t)
    {
        const bool unmatched = outcome == add_outcome::not_matched || outcome == add_outcome::behind_backlog;
        if (unmatched && live_.size() + accepted_ < m.load().max_workers)
            invoke(m);
    }

    void invoked(model&, std::uint64_t ticket, bool accepted)
    {
        const auto s = starting_.find(ticket);
        if (s == starting_.end())
            return;
        if (accepted) {
            s->second.accepted = true;
            ++accepted_;
        } else {
            starting_.erase(s);
        }
    }

    void timer(model& m, std::uint32_t)
    {
        const queue_snapshot& snapshot = m.describe();
        for (const worker_seen& w : snapshot.workers) {
            const std::uint64_t ticket = model::ticket_of(w.identity);
            forget(ticket);
            if (w.present)
                live_.insert(ticket);
            else
                live_.erase(ticket);
        }
        for (auto s = starting_.begin(); s != starting_.end();) {
            const auto next = std::next(s);
            if (m.now() - s->second.at >= patience_)
                forget(s->first);
            s = next;
        }
        const std::uint64_t backlog = snapshot.of(task_type::activity)->backlog;
        while (starting_.size() < backlog && live_.size() + starting_.size() < m.load().max_workers)
            invoke(m);
        m.wake_at(m.now() + (backlog > 0 ? busy_period : idle_period));
    }

private:
    struct start {
        uptime at;
        bool accepted = false;
    };

    static constexpr uptime busy_period = std::chrono::seconds{1};
    static constexpr uptime idle_period = std::chrono::seconds{5};

    void invoke(model& m) { starting_.emplace(m.invoke(orders_), start{.at = m.now()}); }

    void forget(std::uint64_t ticket)
    {
        const auto s = starting_.find(ticket);
        if (s == starting_.end())
            return;
        accepted_ -= s->second.accepted ? 1U : 0U;
        starting_.erase(s);
    }

    leave_rules orders_{};
    uptime patience_{};
    std::unordered_map<std::uint64_t, start> starting_{};  // called for and not seen yet, by ticket
    std::unordered_set<std::uint64_t> live_{};
    std::size_t accepted_ = 0;  // of those that start
};

static_assert(ModelDriver<eager>);

/// The p99 of waiting, in seconds, that tails are measured from: what the file states, or else what a run shows.
[[nodiscard]] inline double floor_p99(const workload& w, const generated& g)
{
    for (const named_numbers& m : w.measured) {
        if (m.name == "eager-floor") {
            if (const auto stated = m.get("p99"))
                return *stated;
        }
    }
    eager policy;
    return model(w, g).run(policy).p99;
}

}  // namespace mayfly::testing

// mayfly/testing/simulate.hpp -----------------------------------------------------------------------------------------

namespace mayfly::testing {

/// How a simulated controller is set up beside its scaler.
struct simulation {
    bool events = true;                     ///< Adds are reported. Otherwise only what a snapshot shows is known.
    std::optional<batch_rules> batching{};  ///< Adds are gathered, a batch for each partition.
    leave_rules orders{};                   ///< For workers whose decision gives none.
    std::uint32_t tries = 1;                ///< Calls for one decision, the first included.
    bool use_maximum = true;                ///< The workload's `max_workers` is the configured maximum.
    std::optional<uptime> event_age{};      ///< The provider's own queue keeps a start at most this long.
    std::optional<std::uint32_t> async_retries{};
    controller_options options{};
};

/** Puts a `controller_machine` on the model: the machine of production, with simulated queue, provider and workers. */
template <class S>
class machine_driver {
public:
    machine_driver(
        const workload& w, S scaler, const simulation& how, typename controller_machine<S>::observer watch = {})
        : machine_(how.options, std::move(watch)),
          events_(how.events),
          policy_(std::make_shared<group_policy<S>>()),
          how_(how)
    {
        policy_->scaler = std::move(scaler);
        if (how.use_maximum)
            policy_->limits.max = w.max_workers;
        policy_->workers = {.useful_life = useful_life(w), .slots = w.worker.slots};
        policy_->orders = how.orders;
        policy_->bootstrap = false;  // the simulated worker's queue knows its version from the start
        policy_->tries = how.tries;
        if (how.batching)
            batches_.assign(std::max(1U, w.queue.partitions), task_batcher{task_type::activity, *how.batching});
    }

    void begin(model& m)
    {
        if (how_.event_age)
            m.event_age(*how_.event_age);
        if (how_.async_retries)
            m.async_retries(*how_.async_retries);
        auto target = std::make_shared<launch_target>();
        target->version = {"simulated", "1"};
        target->function = model::function;
        version_ = machine_.add({.groups = {{policy_, std::move(target)}}}, m.now());
        perform(m);
    }

    void added(model& m, add_outcome outcome, std::uint32_t partition)
    {
        if (!events_)
            return;
        if (batches_.empty()) {
            machine_.added(version_, task_added::one(task_type::activity, outcome), m.now());
        } else {
            task_batcher& batch = batches_[partition];
            if (const auto signal = batch.add(outcome, m.now()))
                machine_.added(version_, *signal, m.now());
            else
                m.wake_at(batch.next_flush(), flush_token);
        }
        perform(m);
    }

    void invoked(model& m, std::uint64_t ticket, bool accepted)
    {
        const auto at = tickets_.find(ticket);
        const std::uint64_t id = at->second.first;
        open_call& c = calls_.at(id);
        c.results[at->second.second].outcome = accepted ? condition::ok : condition::transient;
        tickets_.erase(at);
        if (++c.answered < c.results.size())
            return;
        const open_call done = std::move(c);
        calls_.erase(id);
        if (done.resize) {
            machine_.resized(id, done.results[0].outcome, {}, m.now());
        } else {
            std::vector<launch_result> results;
            results.reserve(done.results.size());
            for (const launch_report::start& s : done.results)
                results.push_back({s.outcome, s.request_id});
            machine_.launched(id, results, condition::ok, {}, m.now());
        }
        perform(m);
    }

    void timer(model& m, std::uint32_t token)
    {
        if (token == flush_token) {
            for (task_batcher& b : batches_)
                if (const auto signal = b.flush(m.now()))
                    machine_.added(version_, *signal, m.now());
        } else if (armed_ <= m.now()) {
            armed_ = never;
        }
        if (machine_.next_wake() <= m.now())
            machine_.advance(m.now());
        perform(m);
    }

    [[nodiscard]] const controller_machine<S>& machine() const noexcept { return machine_; }
    [[nodiscard]] version_handle version() const noexcept { return version_; }

private:
    static constexpr std::uint32_t flush_token = 1;

    struct open_call {
        std::vector<launch_report::start> results{};
        std::size_t answered = 0;
        bool resize = false;
    };

    [[nodiscard]] static uptime useful_life(const workload& w)
    {
        const poll_window window{.stop_at = w.worker.lifetime - w.worker.shutdown_buffer,
            .drained_by =
                std::min(w.worker.lifetime, w.worker.lifetime - w.worker.shutdown_buffer + w.worker.stop_timeout)};
        return early_stop(window, w.activity_timeout.value_or(uptime::zero()));
    }

    void perform(model& m)
    {
        while (const auto a = machine_.next_action()) {
            switch (a->what) {
            case controller_action::kind::read: machine_.snapshot(version_, m.describe(), m.now()); break;
            case controller_action::kind::launch: launch(m, *a); break;
            case controller_action::kind::resize:
                calls_[a->id] = {.results = {{}}, .resize = true};
                tickets_[m.resize(a->resize.size, policy_->orders)] = {a->id, 0};
                break;
            }
        }
        const uptime at = machine_.next_wake();
        if (at < armed_) {
            armed_ = at;
            m.wake_at(at, 0);
        }
    }

    void launch(model& m, const controller_action& a)
    {
        open_call& c = calls_[a.id];
        c.results.resize(a.launch.count);
        for (std::uint32_t i = 0; i < a.launch.count; ++i) {
            leave_rules orders = a.launch.orders;
            orders.stay = orders.stay || i < a.launch.stay;
            const std::uint64_t ticket = m.invoke(orders);
            tickets_[ticket] = {a.id, i};
            c.results[i].request_id = model::request_id(ticket);
        }
    }

    controller_machine<S> machine_;
    bool events_;
    std::shared_ptr<group_policy<S>> policy_;
    simulation how_;
    version_handle version_{};
    std::vector<task_batcher> batches_{};
    std::unordered_map<std::uint64_t, open_call> calls_{};
    std::unordered_map<std::uint64_t, std::pair<std::uint64_t, std::uint32_t>> tickets_{};
    uptime armed_ = never;
};

/// Runs one workload against one scaler.
template <class S>
[[nodiscard]] run_metrics simulate(
    const workload& w, S scaler, const simulation& how, typename controller_machine<S>::observer watch = {})
{
    model m(w);
    machine_driver<S> driver(w, std::move(scaler), how, std::move(watch));
    return m.run(driver);
}

}  // namespace mayfly::testing

// mayfly/testing/no_sync_baseline.hpp ---------------------------------------------------------------------------------

namespace mayfly::testing {

/// What other scalers are compared with.
enum class no_sync_baseline : std::uint8_t {
    defaults,  ///< As a Temporal server and its controller come.
    tuned,     ///< No cool-off, batches of 50 ms, looks every 30 s, and workers that leave after 5 s of idling.
};

/// The published baseline on one workload: `no_sync`, its server's batching of signals, and neither maximum nor timer.
/// Without `events` no add is reported to it, and only its looks remain.
[[nodiscard]] inline run_metrics simulate_baseline(const workload& w, no_sync_baseline which, bool events = true)
{
    using namespace std::chrono_literals;
    const bool tuned = which == no_sync_baseline::tuned;

    no_sync scaler;
    simulation how{.events = events, .batching = batch_rules::reference(), .tries = 2, .use_maximum = false};
    how.batching->limited_is_missed = true;  // its server counts them as misses
    if (tuned) {
        scaler.scale_up_cooloff = 0s;
        scaler.metrics_poll_interval = 30s;
        how.batching->missed_window = 50ms;
        how.orders.idle_exit = 5s;
    }
    // A controller starts at any moment of its interval.
    random_stream policy{w.seed, streams::policy};
    scaler.first_metrics_poll = micros(policy.uniform() * in_seconds(scaler.metrics_poll_interval));
    return simulate(w, scaler, how);
}

}  // namespace mayfly::testing

// mayfly/detail/recorded.hpp ------------------------------------------------------------------------------------------

// The lines of a recording: which fields stand in them, and how one is written and read.

namespace mayfly::detail {

void fields(auto& f, Is<version_handle> auto& h)
{
    f("index", h.index);
    f("generation", h.generation);
}

void fields(auto& f, Is<controller_options> auto& o)
{
    f("calls_at_once", o.calls_at_once);
    f("calls_per_group", o.calls_per_group);
    f("starts_per_call", o.starts_per_call);
    f("reads_at_once", o.reads_at_once);
    f("read_soonest", o.read_soonest);
    f("read_retry", o.read_retry);
    f("read_retry_most", o.read_retry_most);
    f("replace_margin", o.replace_margin);
    f("bootstrap_retry", o.bootstrap_retry);
    f("bootstrap_retry_most", o.bootstrap_retry_most);
}

void fields(auto& f, Is<ledger_settings> auto& s)
{
    f("useful_life", s.useful_life);
    f("expected_startup", s.expected_startup);
    f("patience", s.patience);
    f("remember", s.remember);
    f("slots", s.slots);
}

void fields(auto& f, Is<scaling_limits> auto& l)
{
    f("min", l.min);
    f("max", l.max);
}

void fields(auto& f, Is<launch_target> auto& t)
{
    f("version", t.version);
    f("group", t.group);
    f("function", t.function);
}

void fields(auto& f, Is<add_counts> auto& c)
{
    f("matched", c.matched);
    f("not_matched", c.not_matched);
    f("behind_backlog", c.behind_backlog);
    f("rate_limited", c.rate_limited);
}

void fields(auto& f, Is<task_added> auto& t)
{
    f("type", t.type);
    f("counts", t.counts);
}

void fields(auto& f, Is<queue_stats> auto& s)
{
    f("backlog", s.backlog);
    f("oldest", s.oldest);
    f("add_rate", s.add_rate);
    f("dispatch_rate", s.dispatch_rate);
    f("limiter_active", s.limiter_active);
    f("added", s.added);
    f("dispatched", s.dispatched);
}

using stats_by_type = std::array<std::optional<queue_stats>, all_task_types.size()>;

void fields(auto& f, Is<stats_by_type> auto& all)
{
    for (task_type t : all_task_types)
        f(to_string(t), all[static_cast<std::size_t>(t)]);
}

/// A `launch_result` that owns its words.
struct recorded_result {
    condition outcome = condition::ok;
    std::string request_id{};
};

template <class T>
    requires(Is<T, launch_result> || Is<T, recorded_result>)
void fields(auto& f, T& r)
{
    f("outcome", r.outcome);
    f("request_id", r.request_id);
}

void fields(auto& f, Is<fleet_view> auto& v)
{
    f("asked", v.asked);
    f("starting", v.starting);
    f("live", v.live);
    f("leaving", v.leaving);
    f("foreign", v.foreign);
    f("given_up", v.given_up);
    f("refused", v.refused);
    f("slots", v.slots);
    f("busy", v.busy);
    f("startup", v.startup);
    f("startup_dev", v.startup_dev);
    f("service", v.service);
    f("failure_rate", v.failure_rate);
    f("ever_seen", v.ever_seen);
}

void fields(auto& f, Is<scaling_signal> auto& s)
{
    f("why", s.why);
    f("type", s.type);
    f("added", s.added);
    f("stats", s.stats);
    f("fleet", s.fleet);
    f("limits", s.limits);
    f("wanted", s.wanted);
    f("outcome", s.outcome);
}

void fields(auto& f, Is<decision> auto& d)
{
    f("launch", d.launch);
    f("stay", d.stay);
    f("resize", d.resize);
    f("revisit", d.revisit);
    f("read", d.read);
    f("reason", d.reason);
    f("held_back", d.held_back);
    f("orders", d.orders);
}

/// A poller, with room for what it points to.
struct recorded_worker {
    worker_seen seen{};
    std::string identity{};
    std::optional<deployment_version> version{};
};

void fields(auto& f, Is<recorded_worker> auto& w)
{
    f("identity", w.identity);
    f("first_seen", w.seen.first_seen);
    f("last_seen", w.seen.last_seen);
    f("present", w.seen.present);
    f("busy", w.seen.busy);
    f("slots", w.seen.slots);
    f("version", w.version);
}

/// A group's policy without its scaler, and whom it starts.
struct recorded_group {
    launch_target target{};
    task_types types{};
    scaling_limits limits{};
    ledger_settings workers{};
    leave_rules orders{};
    bool bootstrap = true;
    std::uint32_t tries = 1;
    uptime retry_after{};

    template <class S>
    static recorded_group of(const group_policy<S>& p)
    {
        return {.limits = p.limits,
            .workers = p.workers,
            .orders = p.orders,
            .bootstrap = p.bootstrap,
            .tries = p.tries,
            .retry_after = p.retry_after};
    }
    template <class S>
    [[nodiscard]] std::shared_ptr<const group_policy<S>> policy(S scaler) const
    {
        return std::make_shared<const group_policy<S>>(
            group_policy<S>{std::move(scaler), limits, workers, orders, bootstrap, tries, retry_after});
    }
};

void fields(auto& f, Is<recorded_group> auto& g)
{
    f("target", g.target);
    f("types", g.types);
    f("limits", g.limits);
    f("workers", g.workers);
    f("orders", g.orders);
    f("bootstrap", g.bootstrap);
    f("tries", g.tries);
    f("retry_after", g.retry_after);
}

/// Writes one line: `{"t":…,"in":…, …}`.
class record_line {
public:
    record_line(std::string_view direction, std::string_view what)
    {
        to_.begin_object();
        put_(direction, what);
    }
    record_line(std::string_view direction, std::string_view what, uptime t) : record_line(direction, what)
    {
        put_("t", t);
    }
    template <class T>
    record_line& with(std::string_view name, const T& v)
    {
        put_(name, v);
        return *this;
    }
    template <class Range>
    record_line& with_all(std::string_view name, const Range& all)
    {
        to_.key(name).begin_array();
        for (const auto& one : all)
            put_.put(one);
        to_.end_array();
        return *this;
    }
    record_line(const record_line&) = delete;
    record_line& operator=(const record_line&) = delete;

    [[nodiscard]] std::string take()
    {
        to_.end_object();
        return std::move(text_);
    }

private:
    std::string text_{};
    json_writer to_{text_};
    json_out put_{&to_};
};

inline std::string line_of(const controller_event& e)
{
    record_line l("out", to_string(e.what), e.at);
    l.with("version", e.version).with("group", e.target->group);
    if (e.signal != nullptr)
        l.with("signal", *e.signal);
    if (e.what == controller_event::kind::decided || e.what == controller_event::kind::bootstrap)
        l.with("made", e.made);
    else
        l.with("count", e.count).with("outcome", e.outcome).with("detail", e.detail);
    return l.take();
}

inline std::string line_of(const std::optional<controller_action>& a)
{
    if (!a)
        return record_line("out", "nothing").take();
    record_line l("out", "action");
    l.with("what", a->what).with("version", a->version);
    if (a->what != controller_action::kind::read)
        l.with("id", a->id);
    if (a->what == controller_action::kind::launch)
        l.with("count", a->launch.count)
            .with("stay", a->launch.stay)
            .with("first_launch", a->launch.first_launch)
            .with("orders", a->launch.orders);
    else if (a->what == controller_action::kind::resize)
        l.with("size", a->resize.size);
    return l.take();
}

inline std::string line_of(version_handle h)
{
    return record_line("out", "version").with("version", h).take();
}

/// One line, read. Whatever is asked of it and is not there is kept as its error.
class recorded {
public:
    explicit recorded(std::string_view line) : doc_(read_json(line))
    {
        error = doc_.error;
        if (error.empty() && !doc_.root.is_object())
            error = "an object was expected";
    }
    recorded(const recorded&) = delete;
    recorded& operator=(const recorded&) = delete;

    /// What follows "in" or "out"; empty if the line has none.
    [[nodiscard]] std::string_view what(std::string_view direction) const noexcept
    {
        const json_value* v = doc_.root.find(direction);
        return v != nullptr && v->is_string() ? std::string_view{v->text} : std::string_view{};
    }
    template <class T>
    T get(std::string_view name)
    {
        T out{};
        json_in{&doc_.root, &error}(name, out);
        return out;
    }
    template <class T>
    std::vector<T> all(std::string_view name)
    {
        std::vector<T> out;
        const json_value* list = doc_.root.find(name);
        json_in in{&doc_.root, &error};
        if (list == nullptr || !list->is_array()) {
            in.fail(name, "must be an array");
            return out;
        }
        for (const json_value& item : list->items)
            in.take(name, item, out.emplace_back());
        return out;
    }
    [[nodiscard]] const json_value& root() const noexcept { return doc_.root; }

    std::string error{};

private:
    json_document doc_;
};

inline std::string text_of(const json_value& v)
{
    switch (v.is) {
    case json_value::kind::null: return "null";
    case json_value::kind::boolean: return v.boolean ? "true" : "false";
    case json_value::kind::number:
    case json_value::kind::string: return v.text;
    case json_value::kind::array:
    case json_value::kind::object: break;
    }
    return std::to_string(v.items.size()) + " items";
}

/// The first place where two values differ, in words; empty if there is none.
inline std::string first_difference(const json_value& then, const json_value& now, const std::string& path = {})
{
    if (then.is != now.is || (then.keys.empty() && now.keys.empty() && then.items.empty() && now.items.empty()))
        return text_of(then) == text_of(now) ? "" : path + ": recorded " + text_of(then) + ", now " + text_of(now);
    const std::size_t n = std::max(then.items.size(), now.items.size());
    for (std::size_t i = 0; i < n && then.is == json_value::kind::array; ++i) {
        const std::string here = path + "[" + std::to_string(i) + "]";
        if (i >= then.items.size() || i >= now.items.size())
            return here + (i < now.items.size() ? ": not recorded" : ": recorded, and missing now");
        if (std::string d = first_difference(then.items[i], now.items[i], here); !d.empty())
            return d;
    }
    for (std::size_t i = 0; i < then.keys.size(); ++i) {
        const std::string here = path.empty() ? then.keys[i] : path + "." + then.keys[i];
        const json_value* other = now.find(then.keys[i]);
        if (other == nullptr)
            return here + ": recorded " + text_of(then.items[i]) + ", missing now";
        if (std::string d = first_difference(then.items[i], *other, here); !d.empty())
            return d;
    }
    for (std::size_t i = 0; i < now.keys.size(); ++i)
        if (then.find(now.keys[i]) == nullptr)
            return (path.empty() ? "" : path + ".") + now.keys[i] + ": not recorded, now " + text_of(now.items[i]);
    return {};
}

/// Calls `each(line, number)` until it returns false. A last line without an end is a line.
template <class Each>
void each_line(std::string_view text, Each&& each)
{
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (!each(text.substr(0, end), number))
            return;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

inline std::string in_seconds_text(uptime t)
{
    if (t == never)
        return "never";
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), static_cast<double>(t.count()) / 1e6).ptr;
    return std::string(text.data(), end) + " s";
}

}  // namespace mayfly::detail

// mayfly/testing/recording.hpp ----------------------------------------------------------------------------------------

// A controller's run, written as lines of JSON and replayed bit for bit.
//
// The first line is a header. A line with "in" is something the machine was told, or a question for its next action; a
// line with "out" is what it decided or answered. Nothing is kept in memory but the line at hand.

namespace mayfly::testing {

inline constexpr std::string_view recording_schema = "mayfly-recording/1";

/// What stands in a recording's first line besides its format.
struct recording_note {
    std::string scaler{};  ///< Its name; its settings are not recorded.
    std::string note{};    ///< Anything.
};

/** A `controller_machine` whose run is written down. Takes what the machine takes.

    Each line goes to `write` as it comes about, with its line end. Memories are not recorded, so a run is recorded from
    the first version on. Nor are a target's `details`: nothing is decided by them, and they may hold secrets.
*/
template <Scaler<scaling_signal> S>
class recorder {
public:
    using sink = std::function<void(std::string_view line)>;
    using observer = typename controller_machine<S>::observer;

    explicit recorder(sink write, recording_note note = {}, controller_options options = {}, observer watch = {})
        : write_(std::move(write)), machine_(options, [this, watch = std::move(watch)](const controller_event& e) {
              line(mayfly::detail::line_of(e));
              if (watch)
                  watch(e);
          })
    {
        line(mayfly::detail::record_line("schema", recording_schema)
                 .with("scaler", note.scaler)
                 .with("note", note.note)
                 .with("options", options)
                 .take());
    }
    recorder(const recorder&) = delete;  // the machine's observer points here
    recorder& operator=(const recorder&) = delete;

    version_handle add(version_spec<S> spec, uptime now)
    {
        std::vector<mayfly::detail::recorded_group> groups;
        for (const group_spec<S>& g : spec.groups) {
            groups.push_back(mayfly::detail::recorded_group::of(*g.policy));
            groups.back().target = *g.target;
            groups.back().types = g.types;
        }
        line(mayfly::detail::record_line("in", "add", now)
                 .with("status", spec.status)
                 .with_all("groups", groups)
                 .take());
        const version_handle h = machine_.add(std::move(spec), now);
        line(mayfly::detail::line_of(h));
        return h;
    }
    void remove(version_handle h)
    {
        line(mayfly::detail::record_line("in", "remove").with("version", h).take());
        machine_.remove(h);
    }
    void set_status(version_handle h, version_status status, uptime now)
    {
        tell("status", h, now, "status", status);
        machine_.set_status(h, status, now);
    }
    void set_policy(version_handle h, std::uint32_t which, std::shared_ptr<const group_policy<S>> policy, uptime now)
    {
        line(mayfly::detail::record_line("in", "policy", now)
                 .with("version", h)
                 .with("which", which)
                 .with("policy", mayfly::detail::recorded_group::of(*policy))
                 .take());
        machine_.set_policy(h, which, std::move(policy), now);
    }
    void added(version_handle h, const task_added& tasks, uptime now)
    {
        tell("added", h, now, "tasks", tasks);
        machine_.added(h, tasks, now);
    }
    void snapshot(version_handle h, const queue_snapshot& s, uptime now)
    {
        std::vector<mayfly::detail::recorded_worker> workers;
        for (const worker_seen& w : s.workers)
            workers.push_back(with_version(w));
        line(mayfly::detail::record_line("in", "snapshot", now)
                 .with("version", h)
                 .with("stats", s.stats)
                 .with_all("workers", workers)
                 .with("workers_complete", s.workers_complete)
                 .with("busy_slots", s.busy_slots)
                 .take());
        machine_.snapshot(h, s, now);
    }
    void unread(version_handle h, condition outcome, std::string_view detail, uptime now)
    {
        line(mayfly::detail::record_line("in", "unread", now)
                 .with("version", h)
                 .with("outcome", outcome)
                 .with("detail", detail)
                 .take());
        machine_.unread(h, outcome, detail, now);
    }
    void seen(version_handle h, const worker_seen& w, uptime now)
    {
        tell("seen", h, now, "worker", with_version(w));
        machine_.seen(h, w, now);
    }
    void gone(version_handle h, const worker_gone& w, uptime now)
    {
        tell("gone", h, now, "identity", w.identity);
        machine_.gone(h, w, now);
    }
    void launched(std::uint64_t action, std::span<const launch_result> results, condition otherwise,
        std::string_view detail, uptime now)
    {
        line(mayfly::detail::record_line("in", "launched", now)
                 .with("id", action)
                 .with_all("results", results)
                 .with("otherwise", otherwise)
                 .with("detail", detail)
                 .take());
        machine_.launched(action, results, otherwise, detail, now);
    }
    void resized(std::uint64_t action, condition outcome, std::string_view detail, uptime now)
    {
        line(mayfly::detail::record_line("in", "resized", now)
                 .with("id", action)
                 .with("outcome", outcome)
                 .with("detail", detail)
                 .take());
        machine_.resized(action, outcome, detail, now);
    }
    void advance(uptime now)
    {
        line(mayfly::detail::record_line("in", "advance", now).take());
        machine_.advance(now);
    }
    [[nodiscard]] std::optional<controller_action> next_action()
    {
        // Recorded too, as what is taken when tells which calls may go.
        line(mayfly::detail::record_line("in", "take").take());
        auto a = machine_.next_action();
        line(mayfly::detail::line_of(a));
        return a;
    }
    [[nodiscard]] uptime next_wake() const noexcept { return machine_.next_wake(); }
    [[nodiscard]] const controller_machine<S>& machine() const noexcept { return machine_; }

private:
    static mayfly::detail::recorded_worker with_version(const worker_seen& w)
    {
        return {w, std::string(w.identity), w.version != nullptr ? std::optional{*w.version} : std::nullopt};
    }
    template <class T>
    void tell(std::string_view what, version_handle h, uptime now, std::string_view name, const T& v)
    {
        line(mayfly::detail::record_line("in", what, now).with("version", h).with(name, v).take());
    }
    void line(std::string text)
    {
        text += '\n';
        write_(text);
    }

    sink write_;
    controller_machine<S> machine_;
};

/// What came of a replay.
struct replay_result {
    std::size_t lines = 0;      ///< Read in all.
    std::size_t decisions = 0;  ///< Of the scaler, made again and found equal.
    std::string error{};        ///< Not a recording: which line, and what was expected.
    std::string difference{};   ///< The first decision or answer that is another now, in words.

    [[nodiscard]] explicit operator bool() const noexcept { return error.empty() && difference.empty(); }
};

/** Feeds a recording to a fresh machine, line by line, and compares all that it says with what was recorded.

    @param make `make(target)` returns the scaler of a group. With the one that was recorded every line is the same.
*/
template <class Make>
class replayer {
public:
    using scaler = std::remove_cvref_t<std::invoke_result_t<Make&, const launch_target&>>;

    explicit replayer(Make make) : make_(std::move(make)) {}
    replayer(const replayer&) = delete;
    replayer& operator=(const replayer&) = delete;

    /// False once the outcome is known: what follows is not looked at.
    bool feed(std::string_view text)
    {
        if (!result_)
            return false;
        result_.lines += 1;
        mayfly::detail::recorded line(text);
        if (line.error.empty()) {
            if (result_.lines == 1)
                begin(line);
            else if (!line.what("out").empty())
                compare(line, text);
            else if (!said_.empty())
                differs("not recorded: " + said_.front());
            else
                input(line);
        }
        if (!line.error.empty())
            result_.error = "line " + std::to_string(result_.lines) + ": " + line.error;
        return static_cast<bool>(result_);
    }

    /// After the last line.
    [[nodiscard]] replay_result finish()
    {
        if (result_ && (result_.lines == 0 || !said_.empty()))
            result_.error = "line " + std::to_string(result_.lines + 1) + ": the recording ends, and " +
                            (said_.empty() ? "a header was" : "\"out\" was") + " expected";
        return result_;
    }

private:
    void begin(mayfly::detail::recorded& line)
    {
        if (line.what("schema") != recording_schema) {
            line.error = "a header with \"schema\":\"" + std::string(recording_schema) + "\" was expected";
            return;
        }
        machine_.emplace(line.get<controller_options>("options"),
            [this](const controller_event& e) { said_.push_back(mayfly::detail::line_of(e)); });
    }

    void input(mayfly::detail::recorded& line)
    {
        const std::string_view what = line.what("in");
        const auto h = what == "add" || what == "take" || what == "advance" || what == "launched" || what == "resized"
                           ? version_handle{}
                           : line.get<version_handle>("version");
        const uptime now = what == "take" || what == "remove" ? uptime{} : line.get<uptime>("t");
        // Each input is read whole before the machine hears of it: a broken line changes nothing.
        const auto feed = [&](auto&& tell) {
            if (line.error.empty())
                tell();
        };
        if (what == "add") {
            version_spec<scaler> spec{.status = line.get<version_status>("status")};
            for (const mayfly::detail::recorded_group& g : line.all<mayfly::detail::recorded_group>("groups"))
                spec.groups.push_back(
                    {g.policy(make_(g.target)), std::make_shared<const launch_target>(g.target), g.types});
            feed([&] { said_.push_back(mayfly::detail::line_of(machine_->add(std::move(spec), now))); });
        } else if (what == "remove") {
            feed([&] { machine_->remove(h); });
        } else if (what == "status") {
            const auto status = line.get<version_status>("status");
            feed([&] { machine_->set_status(h, status, now); });
        } else if (what == "policy") {
            const auto which = line.get<std::uint32_t>("which");
            const auto p = line.get<mayfly::detail::recorded_group>("policy");
            feed([&] {
                const auto target = machine_->target(h, which);
                machine_->set_policy(h, which, target ? p.policy(make_(*target)) : nullptr, now);
            });
        } else if (what == "added") {
            const auto tasks = line.get<task_added>("tasks");
            feed([&] { machine_->added(h, tasks, now); });
        } else if (what == "snapshot") {
            const auto all = line.all<mayfly::detail::recorded_worker>("workers");
            std::vector<worker_seen> workers;
            for (const mayfly::detail::recorded_worker& w : all)
                workers.push_back(seen(w));
            queue_snapshot s{.stats = line.get<mayfly::detail::stats_by_type>("stats"),
                .workers = workers,
                .workers_complete = line.get<bool>("workers_complete"),
                .busy_slots = line.get<std::optional<std::uint32_t>>("busy_slots")};
            feed([&] { machine_->snapshot(h, s, now); });
        } else if (what == "unread") {
            const auto outcome = line.get<condition>("outcome");
            const auto detail = line.get<std::string>("detail");
            feed([&] { machine_->unread(h, outcome, detail, now); });
        } else if (what == "seen") {
            const auto w = line.get<mayfly::detail::recorded_worker>("worker");
            feed([&] { machine_->seen(h, seen(w), now); });
        } else if (what == "gone") {
            const auto identity = line.get<std::string>("identity");
            feed([&] { machine_->gone(h, {identity}, now); });
        } else if (what == "launched") {
            const auto id = line.get<std::uint64_t>("id");
            const auto recorded = line.all<mayfly::detail::recorded_result>("results");
            std::vector<launch_result> results;
            for (const mayfly::detail::recorded_result& r : recorded)
                results.push_back({r.outcome, r.request_id});
            const auto otherwise = line.get<condition>("otherwise");
            const auto detail = line.get<std::string>("detail");
            feed([&] { machine_->launched(id, results, otherwise, detail, now); });
        } else if (what == "resized") {
            const auto id = line.get<std::uint64_t>("id");
            const auto outcome = line.get<condition>("outcome");
            const auto detail = line.get<std::string>("detail");
            feed([&] { machine_->resized(id, outcome, detail, now); });
        } else if (what == "advance") {
            feed([&] { machine_->advance(now); });
        } else if (what == "take") {
            feed([&] { said_.push_back(mayfly::detail::line_of(machine_->next_action())); });
        } else {
            line.error = "\"in\" with a known name, or \"out\", was expected";
        }
    }

    static worker_seen seen(const mayfly::detail::recorded_worker& w)
    {
        worker_seen out = w.seen;
        out.identity = w.identity;
        out.version = w.version ? &*w.version : nullptr;
        return out;
    }

    void compare(const mayfly::detail::recorded& line, std::string_view text)
    {
        if (said_.empty())
            return differs("recorded, and missing now: " + std::string(text));
        const std::string now = std::move(said_.front());
        said_.pop_front();
        if (now != text) {
            const std::string where =
                mayfly::detail::first_difference(line.root(), mayfly::detail::read_json(now).root);
            // Written another way, as by hand, it may still say the same.
            if (!where.empty())
                return differs(where);
        }
        result_.decisions += line.what("out") == "decided" ? 1U : 0U;
    }

    void differs(std::string why)
    {
        result_.difference = "line " + std::to_string(result_.lines) + ": " + std::move(why);
    }

    Make make_;
    std::optional<controller_machine<scaler>> machine_{};
    std::deque<std::string> said_{};  // by the machine, and not yet compared
    replay_result result_{};
};

/// Replays a whole recording: see `replayer`.
template <class Make>
[[nodiscard]] replay_result replay(std::string_view text, Make make)
{
    replayer<Make> r(std::move(make));
    mayfly::detail::each_line(text, [&](std::string_view line, std::size_t) { return r.feed(line); });
    return r.finish();
}

/// What two scalers made of the same signals.
struct comparison {
    struct totals {
        std::uint64_t launch = 0;
        std::uint64_t resize = 0;  ///< Decisions that set a size.
        std::uint64_t held_back = 0;
    };
    std::size_t decisions = 0;
    std::size_t different = 0;  ///< Other numbers to start, or another size.
    totals recorded{};
    totals a{};
    totals b{};
    std::vector<std::string> first{};  ///< The first differences, in words.
    std::string error{};

    [[nodiscard]] explicit operator bool() const noexcept { return error.empty(); }
};

/** Lets two scalers decide on each signal of a recording, and counts where they part.

    An open loop: what a scaler decides here starts no worker, so both see the fleet that the recorded run had. Before
    the machine bounds them, as the scalers say it.
*/
template <Scaler<scaling_signal> A, Scaler<scaling_signal> B>
[[nodiscard]] comparison compare(std::string_view text, const A& a, const B& b, std::size_t most = 10)
{
    struct memory {
        typename A::state a{};
        typename B::state b{};
    };
    std::map<std::string, memory> groups;
    comparison c;
    const auto count = [](comparison::totals& t, const decision& d) {
        t.launch += d.launch;
        t.resize += d.resize ? 1U : 0U;
        t.held_back += d.held_back;
    };
    const auto say = [](const decision& d) {
        return (d.resize ? "size " + std::to_string(*d.resize) : "launch " + std::to_string(d.launch)) + ", " +
               std::string(to_string(d.reason));
    };
    mayfly::detail::each_line(text, [&](std::string_view line, std::size_t number) {
        mayfly::detail::recorded r(line);
        const bool header = number == 1;
        if (r.error.empty() && header && r.what("schema") != recording_schema)
            r.error = "a header with \"schema\":\"" + std::string(recording_schema) + "\" was expected";
        if (r.error.empty() && r.what("out") == "decided") {
            const auto now = r.get<uptime>("t");
            const auto h = r.get<version_handle>("version");
            const auto signal = r.get<scaling_signal>("signal");
            const auto made = r.get<decision>("made");
            const std::string group =
                r.get<std::string>("group") + '/' + std::to_string(h.index) + '/' + std::to_string(h.generation);
            if (r.error.empty()) {
                memory& m = groups[group];
                const decision da = a.decide(m.a, signal, now);
                const decision db = b.decide(m.b, signal, now);
                c.decisions += 1;
                count(c.recorded, made);
                count(c.a, da);
                count(c.b, db);
                if (da.launch != db.launch || da.resize != db.resize) {
                    c.different += 1;
                    if (c.first.size() < most)
                        c.first.push_back("line " + std::to_string(number) + ", at " +
                                          mayfly::detail::in_seconds_text(now) + ", " +
                                          std::string(to_string(signal.why)) + ": " + say(da) + " and " + say(db));
                }
            }
        }
        if (!r.error.empty())
            c.error = "line " + std::to_string(number) + ": " + r.error;
        return c.error.empty();
    });
    if (c.error.empty() && text.empty())
        c.error = "line 1: a header was expected";
    return c;
}

/// One line of a recording in words: "at 12.345 s, default: added: launch 3, backlog; 2 live, 1 on the way". Empty for
/// a line that is not an event.
[[nodiscard]] inline std::string describe(std::string_view line)
{
    mayfly::detail::recorded r(line);
    const auto what = mayfly::detail::enumerator<controller_event::kind>(r.what("out"));
    if (!r.error.empty() || !what)
        return {};
    std::string out =
        "at " + mayfly::detail::in_seconds_text(r.get<uptime>("t")) + ", " + r.get<std::string>("group") + ": ";
    if (*what == controller_event::kind::decided || *what == controller_event::kind::bootstrap) {
        const auto made = r.get<decision>("made");
        const bool decided = *what == controller_event::kind::decided;
        const auto signal = decided ? r.get<scaling_signal>("signal") : scaling_signal{};
        if (decided)
            out.append(to_string(signal.why)).append(": ");
        if (made.resize)
            out += "size " + std::to_string(*made.resize) + ", ";
        else if (made.launch > 0)
            out += "launch " + std::to_string(made.launch) + ", ";
        else
            out += "nothing, ";
        out += to_string(made.reason);
        if (made.held_back > 0)
            out += ", " + std::to_string(made.held_back) + " held back";
        if (decided)
            out += "; " + std::to_string(signal.fleet.live) + " live, " + std::to_string(signal.fleet.pending()) +
                   " on the way";
    } else {
        out.append(to_string(*what)).append(" ").append(std::to_string(r.get<std::uint32_t>("count")));
        const auto outcome = r.get<condition>("outcome");
        const auto detail = r.get<std::string>("detail");
        if (outcome != condition::ok)
            out.append(", ").append(to_string(outcome));
        if (!detail.empty())
            out.append(": ").append(detail);
    }
    return r.error.empty() ? out : std::string{};
}

}  // namespace mayfly::testing

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

// mayfly/verdict.hpp --------------------------------------------------------------------------------------------------

namespace mayfly {

/// How a group of workers does.
enum class standing : std::uint8_t {
    ok,
    waiting,        ///< For the first worker.
    degraded,       ///< Something fails or is held back; work may still get done.
    misconfigured,  ///< Somebody must change something.
    broken,         ///< The fault is on the controller's own side.
    sleeping,       ///< No work can reach the version.
};

[[nodiscard]] constexpr std::string_view to_string(standing s) noexcept
{
    switch (s) {
    case standing::ok: return "ok";
    case standing::waiting: return "waiting";
    case standing::degraded: return "degraded";
    case standing::misconfigured: return "misconfigured";
    case standing::broken: return "broken";
    case standing::sleeping: return "sleeping";
    }
    return "unknown";
}

/// What a standing comes from. In the order of health: an earlier one explains the later ones.
enum class symptom : std::uint8_t {
    none,
    drained,                 ///< No open work is left.
    acting_though_drained,   ///< And yet workers live or were started.
    unreadable,              ///< Statistics cannot be read.
    refused_for_good,        ///< The provider says that trying again is no use.
    throttled,               ///< The provider has no room.
    provider_failing,        ///< The provider fails, and may recover.
    not_routed,              ///< The version is neither current nor ramping, and no work of it is left.
    connected_elsewhere,     ///< Workers come, as another version than ours.
    never_connected,         ///< Starts are accepted, and no worker polls.
    first_poll_outstanding,  ///< The first worker is on its way.
    provider_ceiling,        ///< The provider accepts, and runs no more than it does.
    rate_limited,            ///< The queue is held back by a limiter.
    at_maximum,              ///< Tasks wait, and the configured maximum is reached.
    delivered_again,         ///< The platform delivered events that had been worked off.
    foreign_pollers,         ///< Others poll the queue too.
};

[[nodiscard]] constexpr std::string_view to_string(symptom s) noexcept
{
    switch (s) {
    case symptom::none: return "none";
    case symptom::drained: return "drained";
    case symptom::acting_though_drained: return "acting_though_drained";
    case symptom::unreadable: return "unreadable";
    case symptom::refused_for_good: return "refused_for_good";
    case symptom::throttled: return "throttled";
    case symptom::provider_failing: return "provider_failing";
    case symptom::not_routed: return "not_routed";
    case symptom::connected_elsewhere: return "connected_elsewhere";
    case symptom::never_connected: return "never_connected";
    case symptom::first_poll_outstanding: return "first_poll_outstanding";
    case symptom::provider_ceiling: return "provider_ceiling";
    case symptom::rate_limited: return "rate_limited";
    case symptom::at_maximum: return "at_maximum";
    case symptom::delivered_again: return "delivered_again";
    case symptom::foreign_pollers: return "foreign_pollers";
    }
    return "unknown";
}

/** What a verdict on one group is drawn from.

    Keep one for each group that somebody may ask about. Show it every event of the group, and before `diagnose` the
    group's books. Or fill it in by hand.

    A refusal stands until a start is accepted; one that may pass by itself also ends when for `fades_after` no more was
    wished for. So does an event delivered again, when no other follows.
*/
struct evidence {
    static constexpr uptime fades_after = std::chrono::minutes{5};

    launch_target target{};
    version_status status = version_status::current;
    fleet_view fleet{};
    ledger_totals totals{};
    scaling_limits limits{};
    std::uint64_t backlog = 0;   ///< Tasks that waited when statistics were read last.
    double dispatch_rate = 0;    ///< Tasks per second, then.
    condition refusal{};         ///< How the provider's last answer ended.
    std::string refusal_words;   ///< What it said.
    condition unread{};          ///< How the last reading ended.
    std::string unread_words;    ///< What was said.
    std::string other_build_id;  ///< What a worker of ours said that it is.

    // Since when something is so; absent while it is not.
    std::optional<uptime> refused_since{};
    std::optional<uptime> unread_since{};
    std::optional<uptime> limited_since{};
    std::optional<uptime> full_since{};
    std::optional<uptime> ceiling_since{};
    std::optional<uptime> foreign_since{};
    std::optional<uptime>
        elsewhere_since{};                 ///< The first worker that came as another version, since one came as ours.
    std::optional<uptime> unseen_since{};  ///< The first start that was not seen, since a worker was.
    std::optional<uptime> returned_since{};
    uptime returned_last{};  ///< The newest of them.
    uptime wished_last{};    ///< When starts, or a size, were last wished for.
    std::optional<uptime> status_since{};

    /// Takes an event of this group in.
    void note(const controller_event& e)
    {
        using enum controller_event::kind;
        switch (e.what) {
        case launched:
        case resized:
            refusal = condition::ok;
            refusal_words.clear();
            refused_since.reset();
            break;
        case refused:
        case not_resized:
            refusal = e.outcome;
            refusal_words = e.detail;
            mark(refused_since, true, e.at);
            wished_last = e.at;
            break;
        case unread:
            this->unread = e.outcome;
            unread_words = e.detail;
            mark(unread_since, true, e.at);
            break;
        case decided: take_signal(e); break;
        case bootstrap:
        case retried: break;
        }
        fade(e.at);
    }

    /// Takes the books in, and which other version a worker of ours said it is, if `shown` tells.
    void take(const ledger& books, uptime now, std::span<const worker_seen> shown = {})
    {
        fleet = books.view(now);
        if (books.totals().returned > totals.returned) {
            mark(returned_since, true, now);
            returned_last = now;
        }
        totals = books.totals();
        fade(now);
        elsewhere_since.reset();
        unseen_since.reset();
        for (const start_record& r : books.records()) {
            const bool unseen = r.state == start_state::accepted || r.state == start_state::given_up;
            if (unseen && !(fleet.ever_seen && r.asked_at <= books.last_seen()))
                unseen_since = std::min(unseen_since.value_or(never), r.asked_at);
            if (r.state == start_state::elsewhere && !(fleet.ever_seen && r.changed_at <= books.last_seen()))
                elsewhere_since = std::min(elsewhere_since.value_or(never), r.changed_at);
        }
        for (const worker_seen& w : shown)
            if (w.version != nullptr && *w.version != target.version && books.knows(w.identity))
                other_build_id = w.version->build_id;
    }

    void set_status(version_status s, uptime now)
    {
        if (s != status || !status_since)
            status_since = now;
        status = s;
    }

private:
    static void mark(std::optional<uptime>& since, bool is_so, uptime now) noexcept
    {
        if (!is_so)
            since.reset();
        else if (!since)
            since = now;
    }

    void fade(uptime now)
    {
        if (returned_since && later(returned_last, fades_after) <= now)
            returned_since.reset();
        // What is refused for good is not asked for again, so that silence tells nothing.
        const bool may_pass = refusal == condition::throttled || refusal == condition::transient;
        if (may_pass && later(wished_last, fades_after) <= now) {
            refusal = condition::ok;
            refusal_words.clear();
            refused_since.reset();
        }
    }

    void take_signal(const controller_event& e)
    {
        const scaling_signal& s = *e.signal;
        if (e.made.launch > 0 || e.made.resize || e.made.held_back > 0)
            wished_last = e.at;
        fleet = s.fleet;
        limits = s.limits;
        bool limiter = e.made.reason == reason::rate_limited;
        if (s.why == cause::stats) {
            backlog = 0;
            dispatch_rate = 0;
            for (const auto& q : s.stats)
                if (q) {
                    backlog += q->backlog;
                    dispatch_rate += q->dispatch_rate;
                    limiter = limiter || q->limiter_active;
                }
            unread = condition::ok;
            unread_words.clear();
            unread_since.reset();
        }
        // What only statistics tell stays so until they tell something else.
        if (s.why == cause::stats || limiter)
            mark(limited_since, limiter, e.at);
        mark(full_since, s.fleet.total() >= s.limits.max, e.at);
        mark(ceiling_since, e.made.reason == reason::provider_ceiling || (ceiling_since && s.fleet.given_up > 0), e.at);
        mark(foreign_since, s.fleet.foreign > 0, e.at);
    }
};

/// How a group does, and what to do about it.
struct verdict {
    standing is = standing::ok;
    symptom why = symptom::none;
    uptime since{};
    std::string message{};  ///< Whom it is about, what was seen, and the next step.
};

namespace detail {

inline std::string count_of(std::uint64_t n, std::string_view one)
{
    return std::to_string(n) + ' ' + std::string(one) + (n == 1 ? "" : "s");
}

/// "orders/b7 (group default, function fn)"
inline std::string name_of(const launch_target& t)
{
    std::string out = t.version.deployment + '/' + t.version.build_id + " (group " + t.group;
    if (!t.function.empty())
        out += ", function " + t.function;
    return out + ')';
}

inline std::string quoted(std::string_view words)
{
    return words.empty() ? std::string{} : ": \"" + std::string(words) + '"';
}

}  // namespace detail

/// Fewer dead starts in a row than this may be bad luck.
inline constexpr std::uint32_t telling_dead_starts = 3;

/// The first thing that is wrong in the order of health, or that nothing is.
[[nodiscard]] inline verdict diagnose(const evidence& e)
{
    using detail::count_of;
    const fleet_view& f = e.fleet;
    const auto say = [&](standing is, symptom why, const std::optional<uptime>& since, const std::string& what) {
        return verdict{is, why, since.value_or(uptime::zero()), detail::name_of(e.target) + ": " + what};
    };
    const std::string function = e.target.function.empty() ? "the function" : "function " + e.target.function;

    if (e.status == version_status::drained) {
        if (f.total() > 0)
            return say(standing::degraded, symptom::acting_though_drained, e.status_since,
                "drained, but " + count_of(f.live, "worker") + " live and " + count_of(f.pending(), "start") +
                    " may follow. Nothing is started any more; once they are gone, delete the version.");
        return say(standing::sleeping, symptom::drained, e.status_since,
            "drained: no open work is left and nothing is started. The version can be deleted.");
    }
    if (e.unread != condition::ok)
        return say(standing::broken, symptom::unreadable, e.unread_since,
            "statistics cannot be read (" + std::string(to_string(e.unread)) + ")" + detail::quoted(e.unread_words) +
                ". Check the controller's own address, credentials and permissions; nothing has to change on " +
                function + '.');
    if (e.refusal == condition::permanent)
        return say(standing::misconfigured, symptom::refused_for_good, e.refused_since,
            "the provider refuses to start " + function + detail::quoted(e.refusal_words) +
                ". Check that it exists under exactly this name and qualifier, and the role and permission to invoke "
                "it.");
    if (e.refusal == condition::throttled)
        return say(standing::degraded, symptom::throttled, e.refused_since,
            "the provider has no room for more of " + function + detail::quoted(e.refusal_words) + "; " +
                count_of(f.live, "worker") + " live. Raise its concurrency limit, or lower the maximum of " +
                std::to_string(e.limits.max) + " to what it allows.");
    if (e.refusal == condition::transient)
        return say(standing::degraded, symptom::provider_failing, e.refused_since,
            "the provider fails to start " + function + detail::quoted(e.refusal_words) + "; " +
                count_of(f.refused, "refusal") +
                " in a row. It is tried again; check the provider's status if this "
                "lasts.");
    if (!receives_work(e.status))
        return say(standing::sleeping, symptom::not_routed, e.status_since,
            "the version is " + std::string(to_string(e.status)) +
                ", so no work reaches it. Make it the current or the ramping version of deployment " +
                e.target.version.deployment + '.');
    if (e.elsewhere_since && f.live == 0)
        return say(standing::misconfigured, symptom::connected_elsewhere, e.elsewhere_since,
            count_of(e.totals.elsewhere, "worker") + " of " + function + " polled as " +
                (e.other_build_id.empty() ? "another version" : "build id " + e.other_build_id) + ", not as " +
                e.target.version.build_id + ". Make the code say deployment " + e.target.version.deployment +
                " and build id " + e.target.version.build_id + ", or create the version that it says.");
    if (f.live == 0 && f.given_up >= telling_dead_starts)
        return say(f.ever_seen ? standing::degraded : standing::misconfigured, symptom::never_connected, e.unseen_since,
            count_of(f.given_up, "start") + " in a row accepted, and no worker polled. Read the log of " + function +
                ": it may crash at start, time out too soon, or not reach the server (address, TLS, API key, "
                "network).");
    if (!f.ever_seen && f.pending() + f.given_up > 0)
        return say(standing::waiting, symptom::first_poll_outstanding, e.unseen_since,
            count_of(f.pending(), "start") +
                " under way, and no worker has polled yet. If this lasts, read the log of " + function + '.');
    if (e.ceiling_since && f.live > 0)
        return say(standing::degraded, symptom::provider_ceiling, e.ceiling_since,
            count_of(f.live, "worker") + " live, and " + count_of(f.given_up, "start") +
                " beyond them came to nothing though accepted. Compare with the account's and the function's "
                "concurrency limits.");
    if (e.limited_since && e.backlog > 0)
        return say(standing::degraded, symptom::rate_limited, e.limited_since,
            count_of(e.backlog, "task") + " wait behind a rate limit; " +
                std::to_string(static_cast<std::uint64_t>(std::max(0.0, e.dispatch_rate))) +
                " a second are dispatched. More workers do not help: raise the queue's rate limit if this is too few.");
    if (e.full_since && e.backlog > 0)
        return say(standing::degraded, symptom::at_maximum, e.full_since,
            count_of(e.backlog, "task") + " wait, and the maximum of " + count_of(e.limits.max, "worker") +
                " is reached. Raise it if they should not wait.");
    if (e.returned_since)
        return say(standing::ok, symptom::delivered_again, e.returned_since,
            "the platform delivered " + count_of(e.totals.returned, "start") +
                " again after their workers had ended. Set the retry attempts of " + function +
                "'s asynchronous invocations to 0 and their age to a minute.");
    if (e.foreign_since)
        return say(standing::ok, symptom::foreign_pollers, e.foreign_since,
            count_of(f.foreign, "poller") + " that nobody started here also poll. That is fine for a mixed fleet; "
                                            "otherwise find and stop them.");
    return say(standing::ok, symptom::none, std::nullopt,
        count_of(f.live, "worker") + " live, " + count_of(f.pending(), "start") + " under way, " +
            count_of(e.backlog, "task") + " waiting.");
}

}  // namespace mayfly

// mayfly/version.hpp --------------------------------------------------------------------------------------------------

// The one place the version is written; CMake and Conan read it from here.
#define MAYFLY_VERSION_MAJOR 0
#define MAYFLY_VERSION_MINOR 1
#define MAYFLY_VERSION_PATCH 0

// mayfly/version_plan.hpp ---------------------------------------------------------------------------------------------

namespace mayfly {

/// What a host makes of one group of a configuration: how it is run, and how its workers are named.
template <class S>
struct planned_group {
    std::shared_ptr<const group_policy<S>> policy{};
    std::string function{};  ///< See `launch_target::function`.
};

/** Makes of a configuration what a controller takes.

    `make(id, group)` returns `planned_group<S>`: the host turns names into a scaler there, and may share one policy
   among groups that are run alike. Groups that serve no type on this host, a catch-all with nothing left included, are
   left out. The configuration should have passed `check`.

    @param region the region of this host, if configurations tell regions apart
*/
template <class S, class MakeGroup>
    requires std::invocable<MakeGroup&, const std::string&, const scaling_group&>
[[nodiscard]] version_spec<S> plan_version(const deployment_version& version, const compute_config& config,
    version_status status, MakeGroup make, std::string_view region = {})
{
    version_spec<S> out{.status = status};
    for (const auto& [id, g] : config.groups) {
        const task_types types = effective_types(config, id, region);
        if (types.empty())
            continue;
        planned_group<S> planned = make(id, g);
        out.groups.push_back({.policy = std::move(planned.policy),
            .target = std::make_shared<const launch_target>(launch_target{.version = version,
                .group = id,
                .function = std::move(planned.function),
                .details = g.provider ? g.provider->details : settings{}}),
            .types = types});
    }
    return out;
}

}  // namespace mayfly

// mayfly/worker_options.hpp -------------------------------------------------------------------------------------------

// What a worker in a function can be told, what it is told if nobody says anything, and what cannot be changed.

namespace mayfly {

/// A user's choices. A field that is unset takes its default from `lambda_defaults`.
struct worker_options {
    std::string task_queue{};
    std::string identity{};  ///< Empty: `<request id>@<function>` of the invocation.

    std::optional<std::uint32_t> max_concurrent_activities{};
    std::optional<std::uint32_t> max_concurrent_workflow_tasks{};
    std::optional<std::uint32_t> max_concurrent_local_activities{};
    std::optional<std::uint32_t> max_concurrent_nexus_tasks{};
    std::optional<std::uint32_t> activity_pollers{};
    std::optional<std::uint32_t> workflow_pollers{};  ///< At least two while there is a sticky cache.
    std::optional<std::uint32_t> nexus_pollers{};
    std::optional<std::uint32_t> sticky_cache{};  ///< Workflows kept in memory; zero for none.

    std::optional<uptime> stop_timeout{};     ///< How long running tasks may go on once polling has stopped.
    std::optional<uptime> shutdown_buffer{};  ///< Polling stops this much before the deadline.
    std::optional<uptime> hook_allowance{};   ///< The last part of the buffer, for hooks and closing.

    std::optional<uptime> idle_exit{};         ///< See `leave_rules`. What is set here wins over what the
    std::optional<double> thin_target{};       ///< controller tells the worker.
    std::optional<uptime> activity_timeout{};  ///< The longest an activity can take.

    /// A shorter `idle_exit` than this, one's own or ordered, is raised to it: a poll that is answered once a second
    /// cannot be told from one that is idle. Set it to zero for a queue that answers within milliseconds.
    uptime least_idle_exit = std::chrono::seconds{1};

    /// For workflows that declare none themselves.
    versioning_behavior default_behavior = versioning_behavior::unspecified;

    std::optional<bool> eager_activities{};       ///< Stays off in a function: it needs a connection that lasts.
    std::optional<bool> versioning{};             ///< Stays on: unversioned workers are not invoked.
    std::optional<deployment_version> version{};  ///< Only the one given to `resolve` is accepted.
};

/// Fills what is unset with the values for a small function. Fills nothing else.
inline void lambda_defaults(worker_options& o)
{
    const auto fill = [](auto& field, auto value) {
        if (!field)
            field = value;
    };
    fill(o.max_concurrent_activities, 2U);
    fill(o.max_concurrent_workflow_tasks, 10U);
    fill(o.max_concurrent_local_activities, 2U);
    fill(o.max_concurrent_nexus_tasks, 5U);
    fill(o.activity_pollers, 1U);
    fill(o.workflow_pollers, 2U);
    fill(o.nexus_pollers, 1U);
    fill(o.sticky_cache, 100U);
    fill(o.stop_timeout, std::chrono::seconds{5});
    fill(o.hook_allowance, std::chrono::seconds{2});
    fill(o.shutdown_buffer, later(*o.stop_timeout, *o.hook_allowance));
}

/// What the worker offers, by name.
struct registrations {
    struct workflow {
        std::string name{};
        versioning_behavior behavior = versioning_behavior::unspecified;
    };
    std::vector<workflow> workflows{};
    std::vector<std::string> activities{};
    std::vector<std::string> nexus_services{};

    [[nodiscard]] bool empty() const noexcept
    {
        return workflows.empty() && activities.empty() && nexus_services.empty();
    }
};

/// Every setting with its value.
struct worker_settings {
    std::string task_queue{};
    std::string identity{};
    std::uint32_t max_concurrent_activities = 2;
    std::uint32_t max_concurrent_workflow_tasks = 10;
    std::uint32_t max_concurrent_local_activities = 2;
    std::uint32_t max_concurrent_nexus_tasks = 5;
    std::uint32_t activity_pollers = 1;
    std::uint32_t workflow_pollers = 2;
    std::uint32_t nexus_pollers = 1;
    std::uint32_t sticky_cache = 100;
    uptime stop_timeout = std::chrono::seconds{5};
    uptime shutdown_buffer = std::chrono::seconds{7};
    uptime hook_allowance = std::chrono::seconds{2};
    versioning_behavior default_behavior = versioning_behavior::unspecified;
};

/// Options that were checked. Only `resolve` makes one; what must not be overridden has no setter.
class resolved_options {
public:
    static constexpr bool eager_activities = false;
    static constexpr bool versioning = true;

    [[nodiscard]] const worker_settings& settings() const noexcept { return settings_; }
    [[nodiscard]] const deployment_version& version() const noexcept { return version_; }

    /// What was changed or looks wrong and is no reason to refuse. To be logged once.
    [[nodiscard]] const problems& notes() const noexcept { return notes_; }

    [[nodiscard]] versioning_behavior behavior_of(const registrations::workflow& w) const noexcept
    {
        return w.behavior != versioning_behavior::unspecified ? w.behavior : settings_.default_behavior;
    }

    /// When to leave: the controller's orders, and the user's own choices above them. Only the controller knows whether
    /// the worker has to stay.
    [[nodiscard]] leave_rules rules(leave_rules orders) const noexcept
    {
        orders.idle_exit = idle_exit_.value_or(orders.idle_exit);
        if (orders.idle_exit > uptime::zero())
            orders.idle_exit = std::max(orders.idle_exit, least_idle_exit_);
        orders.thin_target = thin_target_.value_or(orders.thin_target);
        orders.activity_timeout = activity_timeout_.value_or(orders.activity_timeout);
        return orders;
    }

private:
    resolved_options() = default;
    friend checked<resolved_options> resolve(worker_options, const deployment_version&, const registrations&);

    worker_settings settings_{};
    deployment_version version_{};
    problems notes_{};
    std::optional<uptime> idle_exit_{};
    uptime least_idle_exit_{};
    std::optional<double> thin_target_{};
    std::optional<uptime> activity_timeout_{};
};

namespace detail {

inline void check_counts(const worker_options& o, problems& wrong)
{
    const std::pair<const char*, std::uint32_t> positive[] = {
        {"max_concurrent_activities", *o.max_concurrent_activities},
        {"max_concurrent_workflow_tasks", *o.max_concurrent_workflow_tasks},
        {"max_concurrent_local_activities", *o.max_concurrent_local_activities},
        {"max_concurrent_nexus_tasks", *o.max_concurrent_nexus_tasks},
        {"activity_pollers", *o.activity_pollers},
        {"workflow_pollers", *o.workflow_pollers},
        {"nexus_pollers", *o.nexus_pollers},
    };
    for (const auto& [field, value] : positive)
        if (value == 0)
            wrong.push_back({field, "0", "take at least 1, or leave it unset for the default"});
    if (*o.workflow_pollers == 1 && *o.sticky_cache > 0)
        wrong.push_back({"workflow_pollers", "1",
            "one poller cannot serve both the queue and the sticky queue: take at least 2, or set sticky_cache to 0"});
}

inline void check_times(const worker_options& o, problems& wrong)
{
    const std::pair<const char*, uptime> times[] = {
        {"stop_timeout", *o.stop_timeout},
        {"shutdown_buffer", *o.shutdown_buffer},
        {"hook_allowance", *o.hook_allowance},
        {"idle_exit", o.idle_exit.value_or(uptime{})},
        {"activity_timeout", o.activity_timeout.value_or(uptime{})},
        {"least_idle_exit", o.least_idle_exit},
    };
    for (const auto& [field, value] : times)
        if (value < uptime::zero())
            wrong.push_back({field, seconds_text(value), "a time cannot be negative"});
    if (o.thin_target && !(*o.thin_target >= 0 && *o.thin_target <= 1))
        wrong.push_back({"thin_target", std::to_string(*o.thin_target), "take a share above 0 and up to 1; 0 for off"});
}

inline void check_version(const worker_options& o, const deployment_version& version, problems& wrong)
{
    for (problem& p : check_names(version)) {
        p.field.insert(0, "version.");
        wrong.push_back(std::move(p));
    }
    if (o.versioning == false)
        wrong.push_back(
            {"versioning", "off", "a worker that runs in a function must be versioned: do not switch it off"});
    if (o.version && *o.version != version)
        wrong.push_back({"version", o.version->deployment + ":" + o.version->build_id,
            "the version is the one given at the entry point, " + version.deployment + ":" + version.build_id});
}

inline void check_registrations(const worker_options& o, const registrations& offered, problems& wrong)
{
    if (offered.empty())
        wrong.push_back({"registrations", "none", "register at least one workflow, activity or Nexus service"});
    if (o.default_behavior != versioning_behavior::unspecified)
        return;
    for (const registrations::workflow& w : offered.workflows)
        if (w.behavior == versioning_behavior::unspecified)
            wrong.push_back({"workflows." + w.name, "without a versioning behavior",
                "declare pinned or auto_upgrade for it, or set default_behavior"});
}

/// What is allowed and still likely to hurt.
[[nodiscard]] inline problems notes_on(const worker_options& o)
{
    problems notes;
    if (o.eager_activities == true)
        notes.push_back(
            {"eager_activities", "on", "stays off in a function, because it needs a connection that lasts"});
    const uptime need = later(*o.stop_timeout, *o.hook_allowance);
    if (*o.shutdown_buffer < need)
        notes.push_back({"shutdown_buffer", seconds_text(*o.shutdown_buffer),
            "running tasks and hooks may be cut off: stop_timeout and hook_allowance need " + seconds_text(need)});
    if (o.activity_timeout && *o.stop_timeout < *o.activity_timeout)
        notes.push_back({"stop_timeout", seconds_text(*o.stop_timeout),
            "shorter than activity_timeout, " + seconds_text(*o.activity_timeout) +
                ": polling stops early for it, but an activity that runs when the worker is cancelled may be lost"});
    if (o.idle_exit && *o.idle_exit > uptime::zero() && *o.idle_exit < o.least_idle_exit)
        notes.push_back({"idle_exit", seconds_text(*o.idle_exit),
            "raised to least_idle_exit, " + seconds_text(o.least_idle_exit) + "; 0 turns it off"});
    return notes;
}

}  // namespace detail

/// Checks everything that can be known before the first invocation. All problems are reported, not the first alone.
[[nodiscard]] inline checked<resolved_options> resolve(
    worker_options o, const deployment_version& version, const registrations& offered)
{
    lambda_defaults(o);
    problems wrong;
    detail::check_version(o, version, wrong);
    if (o.task_queue.empty())
        wrong.push_back({"task_queue", "", "set task_queue, or the environment variable TEMPORAL_TASK_QUEUE"});
    detail::check_registrations(o, offered, wrong);
    detail::check_counts(o, wrong);
    detail::check_times(o, wrong);
    if (!wrong.empty())
        return wrong;

    resolved_options r;
    r.notes_ = detail::notes_on(o);
    r.version_ = version;
    r.idle_exit_ = o.idle_exit;
    r.least_idle_exit_ = o.least_idle_exit;
    r.thin_target_ = o.thin_target;
    r.activity_timeout_ = o.activity_timeout;
    r.settings_ = {
        .task_queue = std::move(o.task_queue),
        .identity = std::move(o.identity),
        .max_concurrent_activities = *o.max_concurrent_activities,
        .max_concurrent_workflow_tasks = *o.max_concurrent_workflow_tasks,
        .max_concurrent_local_activities = *o.max_concurrent_local_activities,
        .max_concurrent_nexus_tasks = *o.max_concurrent_nexus_tasks,
        .activity_pollers = *o.activity_pollers,
        .workflow_pollers = *o.workflow_pollers,
        .nexus_pollers = *o.nexus_pollers,
        .sticky_cache = *o.sticky_cache,
        .stop_timeout = *o.stop_timeout,
        .shutdown_buffer = *o.shutdown_buffer,
        .hook_allowance = *o.hook_allowance,
        .default_behavior = o.default_behavior,
    };
    return r;
}

}  // namespace mayfly

#if !defined(MAYFLY_NO_ASIO) && __has_include(<boost/asio/async_result.hpp>)
/// Defined when the parts that need Boost.Asio are here.
#define MAYFLY_HAS_ASIO 1

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/wait_traits.hpp>
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

// mayfly/detail/completion_archetype.hpp ------------------------------------------------------------------------------

namespace mayfly::detail {

/// The least completion handler of `void(error_code, Results...)`, for asking a type whether it has an operation.
template <class... Results>
struct completion_archetype {
    completion_archetype(completion_archetype&&) = default;
    completion_archetype(const completion_archetype&) = delete;
    void operator()(boost::system::error_code, Results...) {}
};

}  // namespace mayfly::detail

// mayfly/error.hpp ----------------------------------------------------------------------------------------------------

// What core itself can fail with, and `condition` as something any error code can be compared with.

namespace mayfly {

/// Core's own failures. The words that go with one travel beside it, in a report.
enum class errc {
    deadline_too_near = 1,  ///< Too little time to do any work before the deadline.
    bad_options,            ///< The worker's options contradict themselves or the platform.
    connect_failed,         ///< The worker could not reach its task queue.
    start_failed,           ///< It reached the queue and was not let in.
    worker_failed,          ///< It had to stop while polling.
    stopped,                ///< Cancelled before it could poll.
};

namespace detail {

class condition_category final : public boost::system::error_category {
public:
    constexpr condition_category() noexcept : error_category(0x6d61'7966'6c79'0001) {}
    const char* name() const noexcept override { return "mayfly.condition"; }
    std::string message(int v) const override { return std::string(to_string(static_cast<condition>(v))); }
};

class core_category final : public boost::system::error_category {
public:
    constexpr core_category() noexcept : error_category(0x6d61'7966'6c79'0002) {}
    const char* name() const noexcept override { return "mayfly"; }

    std::string message(int v) const override
    {
        switch (static_cast<errc>(v)) {
        case errc::deadline_too_near: return "too little time before the deadline";
        case errc::bad_options: return "the worker's options are not valid";
        case errc::connect_failed: return "connecting to the task queue failed";
        case errc::start_failed: return "starting the worker failed";
        case errc::worker_failed: return "the worker failed";
        case errc::stopped: return "stopped before the worker could poll";
        }
        return "unknown";
    }

    boost::system::error_condition default_error_condition(int v) const noexcept override;
};

inline constexpr condition_category condition_category_instance{};
inline constexpr core_category core_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& condition_category() noexcept
{
    return detail::condition_category_instance;
}

[[nodiscard]] constexpr const boost::system::error_category& core_category() noexcept
{
    return detail::core_category_instance;
}

[[nodiscard]] inline boost::system::error_condition make_error_condition(condition c) noexcept
{
    return {static_cast<int>(c), condition_category()};
}

[[nodiscard]] inline boost::system::error_code make_error_code(errc e) noexcept
{
    return {static_cast<int>(e), core_category()};
}

}  // namespace mayfly

template <>
struct boost::system::is_error_condition_enum<mayfly::condition> : std::true_type {};
template <>
struct boost::system::is_error_code_enum<mayfly::errc> : std::true_type {};

namespace mayfly {

inline boost::system::error_condition detail::core_category::default_error_condition(int v) const noexcept
{
    switch (static_cast<errc>(v)) {
    case errc::deadline_too_near:
    case errc::bad_options: return condition::permanent;
    case errc::connect_failed:
    case errc::start_failed:
    case errc::worker_failed:
    case errc::stopped: break;
    }
    return condition::transient;
}

/// The only difference that core acts on. What maps to no condition counts as transient: it may succeed unchanged.
[[nodiscard]] inline condition condition_of(const boost::system::error_code& ec) noexcept
{
    if (!ec)
        return condition::ok;
    if (ec == condition::throttled)
        return condition::throttled;
    if (ec == condition::permanent)
        return condition::permanent;
    return condition::transient;
}

}  // namespace mayfly

// mayfly/compute_provider.hpp -----------------------------------------------------------------------------------------

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

// mayfly/queue_source.hpp ---------------------------------------------------------------------------------------------

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

// mayfly/controller.hpp -----------------------------------------------------------------------------------------------

namespace mayfly {

/// How long a call may take before it is cancelled. It counts as failed from then on, `condition::transient`, whether
/// or not it heeds that: another call may take its place, and what it still answers is not heard.
struct call_limits {
    uptime launch = std::chrono::seconds{60};  ///< A launch or a resize.
    uptime read = std::chrono::seconds{15};    ///< A reading.
};

/** The controller of many deployment versions: a `controller_machine` with a provider, a source and a clock.

    Give it versions and signals, and let `async_run` run. All its members except `async_run` are called on the executor
    it was made with: a strand, if the context has several threads. Calls to provider and source are made there too. It
    must outlive `async_run`, and may go when that has completed.

    A call that cannot even be made, because its initiating function throws, ends as `condition::transient`, with what
    the exception says.

    The observer is called in mid-decision. It must not throw, nor call back into the controller: what it wants to say
    it posts to the executor.

    @tparam S scaler of every group
    @tparam P `ComputeProvider` that can do what `S` decides
    @tparam Q `QueueSource`, or `no_source`
    @tparam C `DeadlineClock`
*/
// clang-format off
template <Scaler<scaling_signal> S, ProviderFor<strategy_of<S>()> P, QueueSourceOrNone Q = no_source,
    DeadlineClock C = deadline_clock>
class basic_controller {
    // clang-format on
public:
    using machine_type = controller_machine<S>;
    using memory = typename machine_type::memory;
    using error_code = boost::system::error_code;

    /// `start_at` is what its clock shows at first: where the clock of a controller stood that this one succeeds.
    basic_controller(boost::asio::any_io_executor executor, P provider, Q source = {}, controller_options options = {},
        typename machine_type::observer watch = {}, call_limits limits = {}, uptime start_at = {})
        : provider_(std::move(provider)),
          source_(std::move(source)),
          limits_(limits),
          machine_(options, std::move(watch)),
          timer_(executor),
          idle_(std::move(executor), C::time_point::max()),
          began_(C::now() - std::chrono::duration_cast<typename C::duration>(start_at))
    {}

    // Calls under way know where it is.
    basic_controller(const basic_controller&) = delete;
    basic_controller& operator=(const basic_controller&) = delete;

    /// Time since this controller was made, and `start_at`: what its machine calls `now`.
    [[nodiscard]] uptime now() const { return std::chrono::duration_cast<uptime>(C::now() - began_); }

    [[nodiscard]] const machine_type& machine() const noexcept { return machine_; }
    [[nodiscard]] P& provider() noexcept { return provider_; }
    [[nodiscard]] Q& source() noexcept { return source_; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() { return timer_.get_executor(); }

    /// `from` is what a machine remembered of this version before a restart.
    version_handle add(version_spec<S> spec, std::vector<memory> from = {})
    {
        const version_handle h = machine_.add(std::move(spec), now(), std::move(from));
        perform();
        return h;
    }

    /// Calls under way for this version go on to their end, which then is nobody's.
    void remove(version_handle h) { machine_.remove(h); }

    /// Tells the machine what happened: `c.tell([&](auto& machine, uptime now) { machine.gone(h, worker, now); })`.
    template <class F>
    void tell(F&& what)
    {
        std::forward<F>(what)(machine_, now());
        perform();
    }

    void added(version_handle h, const task_added& tasks)
    {
        machine_.added(h, tasks, now());
        perform();
    }

    /** Performs what the machine decides, until cancelled (terminal, partial or total).

        Completes with `void(error_code)`: `operation_aborted`, once the calls under way have been cancelled and have
        ended, and those too that did not end at their time limit: their handlers know the controller; or
       `already_started`, if it runs already. Signals given while it does not run are kept: what they ask for is done
       when it runs again. It may be started from anywhere. A cancellation is emitted on the controller's own executor.
    */
    template <class Token>
    auto async_run(Token&& token)
    {
        return boost::asio::async_compose<Token, void(error_code)>(running{this}, token, timer_);
    }

private:
    struct call {
        boost::asio::cancellation_signal cancel{};
        controller_action::kind what{};
        std::uint64_t id = 0;
        version_handle version{};
        uptime give_up_at{};
        std::list<call>* in = nullptr;
        bool expired = false;
        bool given_up = false;  // the machine has been told, and hears no answer
    };
    using call_list = std::list<call>;

    /// While one is there, no call that has ended goes away: we are in its signal, or making it.
    struct hold {
        basic_controller& c;
        explicit hold(basic_controller& of) : c(of) { ++c.held_; }
        ~hold()
        {
            if (--c.held_ == 0)
                c.ended_.clear();
        }
        hold(const hold&) = delete;
        hold& operator=(const hold&) = delete;
    };

    /// Waits on a timer that never expires: it is cancelled from outside, and then once more by whatever ends last.
    struct running {
        basic_controller* c;
        std::shared_ptr<void> work{};  // for the executor of the handler: we do not wait on that one
        enum { enter, begin, run, drain, leave } at = enter;
        error_code result{};

        template <class Self>
        void operator()(Self& self, error_code = {})
        {
            using namespace boost::asio;
            basic_controller& me = *c;  // self, and *this within it, is moved away below
            switch (at) {
            case enter:
                self.reset_cancellation_state(enable_total_cancellation());
                work = guard(self);
                at = begin;
                return post(bind_executor(me.get_executor(), std::move(self)));
            case begin:
                if (me.active_)
                    return end(self, error::already_started);
                me.active_ = true;
                at = run;
                if (!is_cancelled(self)) {
                    me.running_ = true;
                    me.perform();
                }
                // What is done above may cancel us, with nobody waiting yet.
                if (!is_cancelled(self))
                    return me.wait_idle(std::move(self));
                [[fallthrough]];
            case run:
                at = drain;
                // From here on only what is left under way decides how long it takes.
                self.reset_cancellation_state(disable_cancellation());
                me.stop();
                [[fallthrough]];
            case drain:
                if (!me.quiet())
                    return me.wait_idle(std::move(self));
                me.active_ = false;
                return end(self, error::operation_aborted);
            case leave: work.reset(); return self.complete(result);
            }
        }

        template <class Self>
        [[nodiscard]] static bool is_cancelled(const Self& self) noexcept
        {
            return self.get_cancellation_state().cancelled() != boost::asio::cancellation_type::none;
        }

        template <class Self>
        void end(Self& self, error_code ec)
        {
            at = leave;
            result = ec;
            boost::asio::dispatch(std::move(self));
        }

        template <class Self>
        static std::shared_ptr<void> guard(const Self& self)
        {
            auto g = boost::asio::make_work_guard(self);
            return std::make_shared<decltype(g)>(std::move(g));
        }
    };

    template <class Self>
    void wait_idle(Self self)
    {
        idle_.async_wait(boost::asio::bind_executor(timer_.get_executor(), std::move(self)));
    }

    /// Nothing under way knows this controller any more.
    [[nodiscard]] bool quiet() const noexcept
    {
        return launching_.empty() && reading_.empty() && cancelled_.empty() && sleeps_ == 0;
    }

    void stop()
    {
        running_ = false;
        timer_.cancel();
        for (call_list* list : {&launching_, &reading_})
            while (!list->empty())
                cancel_first(*list);
    }

    void expire(uptime t)
    {
        for (call_list* list : {&launching_, &reading_})
            while (!list->empty() && list->front().give_up_at <= t) {
                call& c = list->front();
                c.expired = true;
                hold h(*this);
                cancel_first(*list);
                give_up(c, out_of_time);
            }
    }

    void cancel_first(call_list& list)
    {
        call& c = list.front();
        move_to(cancelled_, list.begin());
        hold h(*this);
        c.cancel.emit(boost::asio::cancellation_type::terminal);
    }

    /// Tells the machine that nothing came of the call, unless it has ended.
    void give_up(call& c, std::string_view words)
    {
        using enum controller_action::kind;
        if (c.in == &ended_)
            return;
        c.given_up = true;
        switch (c.what) {
        case launch: machine_.launched(c.id, {}, condition::transient, words, now()); break;
        case resize: machine_.resized(c.id, condition::transient, words, now()); break;
        case read: machine_.unread(c.version, condition::transient, words, now()); break;
        }
    }

    static void move_to(call_list& to, typename call_list::iterator it)
    {
        to.splice(to.end(), *std::exchange(it->in, &to), it);
    }

    void perform()
    {
        // A call that ends while it is made comes here from within.
        if (!running_ || performing_)
            return;
        performing_ = true;
        while (auto next = machine_.next_action())
            start(std::move(*next));
        performing_ = false;
        sleep();
    }

    void start(controller_action next)
    {
        using enum controller_action::kind;
        switch (next.what) {
        case launch:
            if constexpr (LaunchesWorkers<P>)
                make(book(launching_, limits_.launch, next), [&](auto it) {
                    provider_.async_launch(std::move(next.launch),
                        ending<launch_report>(
                            it, [id = next.id](basic_controller& c, error_code ec, const launch_report& r,
                                    std::string_view words) { c.launched(id, ec, r, words); }));
                });
            break;
        case resize:
            if constexpr (ResizesWorkerSet<P>)
                make(book(launching_, limits_.launch, next), [&](auto it) {
                    provider_.async_resize(std::move(next.resize),
                        ending<resize_report>(it, [id = next.id](basic_controller& c, error_code ec,
                                                      const resize_report& r, std::string_view words) {
                            c.machine_.resized(id, condition_of(ec), r.detail.empty() ? words : r.detail, c.now());
                        }));
                });
            break;
        case read:
            if constexpr (QueueSource<Q>)
                make(book(reading_, limits_.read, next), [&](auto it) {
                    source_.async_read(machine_.target(next.version), now(),
                        ending<queue_reading>(it, [h = next.version](basic_controller& c, error_code ec,
                                                      const queue_reading& r, std::string_view words) {
                            if (ec)
                                c.machine_.unread(h, condition_of(ec), words, c.now());
                            else
                                c.machine_.snapshot(h, r.view(c.room_), c.now());
                        }));
                });
            break;
        }
    }

    typename call_list::iterator book(call_list& list, uptime at_most, const controller_action& next)
    {
        const auto it = list.emplace(list.end());
        it->what = next.what;
        it->id = next.id;
        it->version = next.version;
        it->in = &list;
        it->give_up_at = later(now(), std::max(at_most, uptime{1}));
        return it;
    }

    /// Makes the call. One that throws has not begun, and nobody calls its handler.
    template <class F>
    void make(typename call_list::iterator it, F initiate)
    {
        hold h(*this);
        const auto threw = [&](std::string_view words) {
            if (it->in == &ended_)
                return;
            give_up(*it, words);
            move_to(ended_, it);
        };
        try {
            initiate(it);
        } catch (const std::exception& e) {
            threw(e.what());
        } catch (...) {
            threw("the call threw what is no std::exception");
        }
    }

    /// A handler that books the call out, lets `then` tell the machine, and goes on performing.
    template <class Result, class F>
    auto ending(typename call_list::iterator it, F then)
    {
        const auto slot = it->cancel.slot();
        auto end = [this, it, then](error_code ec, Result r) {
            const bool expired = it->expired;
            const bool given_up = it->given_up;
            move_to(ended_, it);
            if (held_ == 0)
                ended_.clear();
            if (!given_up) {
                std::string words;
                if (ec)
                    words = expired ? std::string(out_of_time) : ec.message();
                then(*this, ec, r, words);
                perform();
            }
            wake_if_quiet();
        };
        return boost::asio::bind_cancellation_slot(
            slot, boost::asio::bind_executor(timer_.get_executor(), std::move(end)));
    }

    void launched(std::uint64_t id, error_code ec, const launch_report& r, std::string_view words)
    {
        results_.clear();
        for (const launch_report::start& s : r.starts)
            results_.push_back({s.outcome, s.request_id});
        // Without an error a start that is not named was accepted, by a platform that gives no request ids.
        machine_.launched(id, results_, condition_of(ec), r.detail.empty() ? words : r.detail, now());
    }

    /// Sees to it that we wake in time. Too early does no harm, so that a later time needs no other alarm.
    void sleep()
    {
        uptime at = machine_.next_wake();
        for (const call_list* list : {&launching_, &reading_})
            if (!list->empty())
                at = std::min(at, list->front().give_up_at);
        at = std::min(at, later(now(), longest_sleep));
        if (sleeps_ > 0 && asleep_until_ <= at)
            return;
        asleep_until_ = at;
        // Rounded up: a clock of coarse ticks would else find that the time has not come yet, and again, and again.
        timer_.expires_at(began_ + std::chrono::ceil<typename C::duration>(at));
        ++sleeps_;
        timer_.async_wait([this](error_code ec) {
            --sleeps_;
            if (!ec && running_)
                wake();
            wake_if_quiet();
        });
    }

    void wake()
    {
        asleep_until_ = never;
        const uptime t = now();
        expire(t);
        machine_.advance(t);
        perform();
    }

    void wake_if_quiet()
    {
        if (!running_ && quiet())
            idle_.cancel();
    }

    // A far alarm may lie beyond what the clock can count.
    static constexpr uptime longest_sleep = std::chrono::hours{24};
    static constexpr std::string_view out_of_time = "no answer within the time limit";

    P provider_;
    Q source_;
    call_limits limits_;
    machine_type machine_;
    boost::asio::basic_waitable_timer<C> timer_;
    boost::asio::basic_waitable_timer<C> idle_;
    typename C::time_point began_;
    uptime asleep_until_ = never;
    std::uint32_t held_ = 0;
    std::uint32_t sleeps_ = 0;  // waits on `timer_` whose handler has not run
    call_list launching_{};     // these two in the order of `give_up_at`
    call_list reading_{};
    call_list cancelled_{};
    call_list ended_{};
    std::vector<worker_seen> room_{};
    std::vector<launch_result> results_{};
    bool active_ = false;   // from the beginning of `async_run` to its end
    bool running_ = false;  // from its beginning to its cancellation
    bool performing_ = false;
};

/// The usual form: sized by `fleet`, on the machine's own clock.
template <class P, class Q = no_source>
using controller = basic_controller<fleet, P, Q>;

}  // namespace mayfly

// mayfly/shutdown_hooks.hpp -------------------------------------------------------------------------------------------

namespace mayfly {

/// Receives the outcome of one shutdown hook. Call it once, from any thread; a later call changes nothing. It is a
/// completion handler of `void(error_code)` and of `void(std::exception_ptr)`, so it can be handed to an Asio operation
/// or to `co_spawn`; the operation is cancelled when the hook's time is over.
class hook_handler {
public:
    using executor_type = boost::asio::any_io_executor;
    using cancellation_slot_type = boost::asio::cancellation_slot;

    /// `then` is posted to the executor with the words of the failure; none for success.
    hook_handler(executor_type executor, cancellation_slot_type slot, std::function<void(std::string)> then)
        : executor_(std::move(executor)), slot_(slot), then_(std::move(then))
    {}

    [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }

    void operator()(boost::system::error_code ec = {}) const { tell(ec ? ec.message() : std::string{}); }
    void operator()(const std::exception_ptr& thrown) const { tell(thrown ? words_of(thrown) : std::string{}); }

    [[nodiscard]] static std::string words_of(const std::exception_ptr& thrown)
    {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
            return *e.what() != '\0' ? e.what() : "threw an exception without words";
        } catch (...) {
            return "threw something that is no std::exception";
        }
    }

private:
    void tell(std::string failure) const
    {
        boost::asio::post(
            executor_, [then = then_, failure = std::move(failure)]() mutable { then(std::move(failure)); });
    }

    executor_type executor_;
    cancellation_slot_type slot_;
    std::function<void(std::string)> then_;
};

/// What is to be done at the end of every invocation, in this order: flush telemetry, give back a lease. Filled once,
/// before the first invocation.
class shutdown_hooks {
public:
    /// How much time the hook has.
    using function = std::function<void(uptime)>;
    using async_function = std::function<void(uptime, hook_handler)>;

    /// A hook that is done when it returns, and has failed if it throws.
    void add(std::string name, function f)
    {
        names_.push_back(std::move(name));
        hooks_.push_back({std::move(f), {}});
    }

    /// A hook that is done when it calls its handler, and has failed if it throws.
    void add_async(std::string name, async_function f)
    {
        names_.push_back(std::move(name));
        hooks_.push_back({{}, std::move(f)});
    }

    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
    [[nodiscard]] bool is_sync(std::size_t index) const noexcept { return static_cast<bool>(hooks_[index].sync); }

    /// Runs a synchronous hook. Returns the words of its failure; none for success.
    [[nodiscard]] std::string run_sync(std::size_t index, uptime left) const
    {
        try {
            hooks_[index].sync(left);
            return {};
        } catch (...) {
            return hook_handler::words_of(std::current_exception());
        }
    }

    void begin(std::size_t index, uptime left, const hook_handler& done) const
    {
        try {
            hooks_[index].async(left, done);
        } catch (...) {
            done(std::current_exception());
        }
    }

private:
    struct hook {
        function sync;
        async_function async;
    };

    std::vector<std::string> names_{};
    std::vector<hook> hooks_{};
};

}  // namespace mayfly

// mayfly/worker.hpp ---------------------------------------------------------------------------------------------------

// What an invocation asks of the library that really talks to a task queue.

namespace mayfly {

/** Polls a task queue and runs what it gets. It is used for one invocation and never again.

    `w.async_start(token)`  completes with `void(error_code)` when it polls, or will never. Called once, first.
    `w.async_watch(token)`  completes with `void(error_code)`: without an error when `activity()` has changed since the
                            last call completed or, at first, since the start; with one when the worker has failed for
                            good and polls no more. Called again after each change, until the drain.
    `w.async_drain(within, token)`
                            makes no new poll from now on, tells the queue that it leaves if the queue can be told, and
                            completes with `void(error_code)` when no poll is under way and no task runs. A task that
                            the last poll still brings is run. Tasks have `within`, an `uptime`; it is stopped then, so
                            those that run long are cancelled a little before, while that can still be reported. Called
                            once.
    `w.activity()`          what it does now. Also allowed after `stop`.
    `w.stop()`              ends everything at once: polls, running tasks (their contexts are cancelled, their results
                            dropped) and the operations above, which complete soon with any error. Called once, last,
                            also after a drain and after a start that failed.

    Destroyed before the client it came from.
*/
template <class W>
concept Worker = std::move_constructible<W> && requires(W& w, const W& seen, detail::completion_archetype<> done)
{
    w.async_start(std::move(done));
    w.async_watch(std::move(done));
    w.async_drain(uptime{}, std::move(done));
    {
        seen.activity()
        } -> std::same_as<worker_activity>;
    {
        w.stop()
    }
    noexcept;
};

/** A connection to a task queue, of one invocation.

    `c.make_worker(options)`  a worker with all registrations, not started
    `c.async_close(token)`    completes with `void(error_code)` when the connection is closed; called once, after the
                              worker has stopped, while hooks may no longer use it
*/
template <class C>
concept WorkerClient = std::move_constructible<C> &&
    requires(C& c, const resolved_options& options, detail::completion_archetype<> done)
{
    {
        c.make_worker(options)
        } -> Worker;
    c.async_close(std::move(done));
};

struct connect_request {
    std::string identity{};  ///< As which to poll; empty for the client's own default.
    uptime within = never;   ///< The time there is. Past it the call is cancelled.
};

/** Makes clients. It lives as long as the process, holds the registrations, and outlives every invocation.

    `K::client_type`                   a `WorkerClient`
    `k.async_connect(request, token)`  completes with `void(error_code, std::optional<client_type>)`; the client is
                                       there if there is no error. Cancellation (terminal) abandons it.
    `k.target()`                       where it connects to, for messages
    `k.get_executor()`                 on which everything happens

    Every invocation gets a new client. A connection that was opened ahead of the first invocation belongs to that one
    alone. Models: `testing::fake_connector`, `temporal::connector`.
*/
template <class K>
concept Connector = WorkerClient<typename K::client_type> && requires(K& k, const K& seen, connect_request request,
    detail::completion_archetype<std::optional<typename K::client_type>> done)
{
    k.async_connect(std::move(request), std::move(done));
    {
        seen.target()
        } -> std::convertible_to<std::string>;
    {
        k.get_executor()
        } -> std::convertible_to<boost::asio::any_io_executor>;
};

}  // namespace mayfly

// mayfly/invocation.hpp -----------------------------------------------------------------------------------------------

namespace mayfly {

/// What the platform says about one invocation. All of it may be missing in a local run.
template <DeadlineClock Clock>
struct basic_invocation_context {
    using clock_type = Clock;

    std::string request_id{};
    std::string function{};                                ///< As it was invoked, with its version or alias.
    std::optional<typename Clock::time_point> deadline{};  ///< From `Clock::from_wall`, on arrival.
    leave_rules orders{};                                  ///< What the controller told this worker.

    /// The last part of the time, in which the client is closed and the platform gets its answer.
    uptime exit_allowance = std::chrono::milliseconds{200};

    /// Gets each warning when it comes up; they are in the report too, which is lost if the platform ends the process.
    std::function<void(std::string_view)> on_warning{};
};

using invocation_context = basic_invocation_context<deadline_clock>;

/// The error an invocation completes with; none for a normal end.
[[nodiscard]] inline boost::system::error_code error_of(invocation_end e) noexcept
{
    switch (e) {
    case invocation_end::deadline_too_near: return errc::deadline_too_near;
    case invocation_end::stopped: return errc::stopped;
    case invocation_end::connect_failed: return errc::connect_failed;
    case invocation_end::start_failed: return errc::start_failed;
    case invocation_end::worker_failed: return errc::worker_failed;
    case invocation_end::running:
    case invocation_end::deadline:
    case invocation_end::activity_timeout:
    case invocation_end::idle:
    case invocation_end::thinned:
    case invocation_end::cancelled: break;
    }
    return {};
}

namespace detail {

/// Does what `invocation_machine` says. Kept alive by the operations that are under way.
template <Connector K, DeadlineClock Clock>
class invocation_run : public std::enable_shared_from_this<invocation_run<K, Clock>> {
public:
    using error_code = boost::system::error_code;
    using client_type = typename K::client_type;
    using worker_type = decltype(std::declval<client_type&>().make_worker(std::declval<const resolved_options&>()));
    using timer_type = boost::asio::basic_waitable_timer<Clock>;

    invocation_run(basic_invocation_context<Clock> context, K& connector, const resolved_options& options,
        const shutdown_hooks& hooks)
        : context_(std::move(context)),
          connector_(&connector),
          options_(&options),
          hooks_(&hooks),
          began_(Clock::now()),
          machine_(plan()),
          timer_(connector.get_executor()),
          done_(connector.get_executor(), Clock::time_point::max()),
          random_(
              static_cast<std::minstd_rand::result_type>(std::hash<std::string>{}(machine_.report().identity) ^
                                                         static_cast<std::size_t>(began_.time_since_epoch().count())))
    {}

    void begin() { on({invocation_event::begin}); }
    void cancel() { on({invocation_event::cancelled}); }

    [[nodiscard]] bool finished() const noexcept { return finished_; }
    [[nodiscard]] const invocation_report& report() const noexcept { return machine_.report(); }
    /// Does not expire before the end.
    [[nodiscard]] timer_type& done() noexcept { return done_; }

private:
    /// One operation that was begun and can be abandoned.
    struct operation {
        boost::asio::cancellation_signal cancel{};
        bool ended = false;
    };
    using operation_ptr = std::shared_ptr<operation>;

    [[nodiscard]] invocation_plan plan() const
    {
        const worker_settings& s = options_->settings();
        return {
            .deadline = context_.deadline ? since_beginning(*context_.deadline) : never,
            .shutdown_buffer = s.shutdown_buffer,
            .stop_timeout = s.stop_timeout,
            .hook_allowance = s.hook_allowance,
            .exit_allowance = context_.exit_allowance,
            .rules = options_->rules(context_.orders),
            .target = connector_->target(),
            .identity = worker_identity(s.identity, context_.request_id, context_.function),
            .hooks = hooks_->names(),
        };
    }

    [[nodiscard]] uptime since_beginning(typename Clock::time_point t) const
    {
        return std::chrono::floor<uptime>(t - began_);
    }
    [[nodiscard]] uptime now() const { return since_beginning(Clock::now()); }

    void on(invocation_event e)
    {
        using enum invocation_action::kind;
        e.u = std::uniform_real_distribution<double>{}(random_);
        auto next = machine_.on(e, now());
        for (;;) {
            tell_warnings();
            if (next.what == stop)
                next = stop_worker();
            else if (next.what == hook && hooks_->is_sync(next.index))
                next = run_sync_hook(next);
            else
                break;
        }
        wait_until(next.until);
        if (next.what != wait)
            perform(next);
    }

    [[nodiscard]] invocation_action stop_worker()
    {
        worker_->stop();
        abandon();
        return machine_.on({.what = invocation_event::worker_stopped, .activity = worker_->activity()}, now());
    }

    [[nodiscard]] invocation_action run_sync_hook(const invocation_action& next)
    {
        abandon();
        const std::string failure = hooks_->run_sync(next.index, next.until - now());
        return machine_.on(
            {failure.empty() ? invocation_event::hook_done : invocation_event::hook_failed, failure}, now());
    }

    // What comes of it from now on belongs to no step any more.
    void abandon()
    {
        const operation_ptr op = std::exchange(current_, nullptr);
        if (op && !op->ended)
            op->cancel.emit(boost::asio::cancellation_type::terminal);
    }

    void perform(const invocation_action& next)
    {
        abandon();
        current_ = std::make_shared<operation>();
        using enum invocation_action::kind;
        switch (next.what) {
        case connect:
            connector_->async_connect(
                {machine_.report().identity, next.until == never ? never : next.until - now()}, connecting());
            break;
        case start:
            worker_.emplace(client_->make_worker(*options_));
            worker_->async_start(ending(invocation_event::started, invocation_event::start_failed));
            break;
        case poll: worker_->async_watch(ending(invocation_event::changed, invocation_event::worker_failed)); break;
        case drain:
            worker_->async_drain(next.until == never ? never : next.until - now(),
                ending(invocation_event::drained, invocation_event::drained));
            break;
        case hook: begin_hook(next.index, next.until); break;
        case close:
            client_->async_close(ending(invocation_event::client_closed, invocation_event::close_failed));
            break;
        case finish:
            finished_ = true;
            done_.expires_at(Clock::now());
            break;
        case wait:
        case stop: break;  // not given to this function
        }
    }

    void begin_hook(std::size_t index, uptime until)
    {
        // Weak: a handler may be kept, and dropped, on another thread, where nothing of ours may end.
        const auto then = [weak = this->weak_from_this(), op = current_](const std::string& failure) {
            if (const auto self = weak.lock(); self && !op->ended)
                self->ended(op, failure.empty() ? invocation_event::hook_done : invocation_event::hook_failed, failure);
        };
        hooks_->begin(index, until - now(), hook_handler{timer_.get_executor(), current_->cancel.slot(), then});
    }

    /// A handler that reports the end of the present operation, unless it was abandoned.
    [[nodiscard]] auto ending(invocation_event::kind well, invocation_event::kind badly)
    {
        return bound([self = this->shared_from_this(), op = current_, well, badly](
                         error_code ec) { self->ended(op, ec ? badly : well, ec ? ec.message() : std::string{}); });
    }

    [[nodiscard]] auto connecting()
    {
        return bound(
            [self = this->shared_from_this(), op = current_](error_code ec, std::optional<client_type> client) {
                if (ec || !client)
                    return self->ended(op, invocation_event::connect_failed, ec ? ec.message() : "no client");
                if (op != self->current_)
                    return close_late(std::move(*client));
                self->client_.emplace(std::move(*client));
                self->ended(op, invocation_event::connected, {});
            });
    }

    template <class F>
    [[nodiscard]] auto bound(F f)
    {
        return boost::asio::bind_cancellation_slot(
            current_->cancel.slot(), boost::asio::bind_executor(timer_.get_executor(), std::move(f)));
    }

    void ended(const operation_ptr& op, invocation_event::kind what, const std::string& words)
    {
        op->ended = true;
        if (op != current_)
            return;
        invocation_event e{.what = what, .words = words};
        if (what == invocation_event::changed)
            e.activity = worker_->activity();
        on(e);
    }

    // The invocation has gone on without this client. It is closed all the same.
    static void close_late(client_type client)
    {
        auto kept = std::make_shared<client_type>(std::move(client));
        client_type& c = *kept;
        c.async_close([kept = std::move(kept)](error_code) {});
    }

    void wait_until(uptime until)
    {
        if (until == asleep_until_)
            return;
        asleep_until_ = until;
        if (until == never) {
            timer_.cancel();
            return;
        }
        timer_.expires_at(began_ + std::chrono::duration_cast<typename Clock::duration>(until));
        // Weak: a timer is no reason to keep a client that nobody uses any more.
        timer_.async_wait([weak = this->weak_from_this()](error_code ec) {
            if (const auto self = weak.lock(); self && !ec) {
                self->asleep_until_ = never;
                self->on({invocation_event::timer});
            }
        });
    }

    void tell_warnings()
    {
        const auto& all = machine_.report().warnings;
        for (; told_ < all.size(); ++told_)
            if (context_.on_warning)
                context_.on_warning(all[told_]);
    }

    basic_invocation_context<Clock> context_;
    K* connector_;
    const resolved_options* options_;
    const shutdown_hooks* hooks_;
    typename Clock::time_point began_;
    invocation_machine machine_;
    timer_type timer_;
    timer_type done_;
    std::minstd_rand random_;
    std::optional<client_type> client_{};
    std::optional<worker_type> worker_{};  // after the client: it goes first
    operation_ptr current_{};
    uptime asleep_until_ = never;
    std::size_t told_ = 0;
    bool finished_ = false;
};

template <class Run>
struct invocation_op {
    std::shared_ptr<Run> run;
    bool begun = false;

    template <class Self>
    void operator()(Self& self, boost::system::error_code = {})
    {
        Run& r = *run;  // self, and *this within it, is moved away below
        if (begun && r.finished()) {
            invocation_report report = r.report();
            run.reset();  // worker and client are gone before the caller hears of the end
            const auto ec = error_of(report.end);
            return self.complete(ec, std::move(report));
        }
        self.reset_cancellation_state(boost::asio::enable_total_cancellation());
        if (std::exchange(begun, true))
            r.cancel();
        else
            r.begin();
        r.done().async_wait(std::move(self));
    }
};

}  // namespace detail

/** Runs one invocation, from the check of its deadline to the closing of its client.

    Completes with `void(error_code, invocation_report)`: without an error after a normal end, else with one of `errc`;
   the words are in the report. (With a token that throws the error the report is lost; `as_tuple` keeps both.)

    Each cancellation (terminal, partial or total) cuts short what is waited for now: the first one, while the worker
    polls, begins an orderly end, which is no error.

    Everything happens on the connector's executor, which runs one handler at a time; call it from there. Connector,
    options and hooks outlive the operation, and a hook or connect that does not react to cancellation: the invocation
    goes on without it when its time is over.
*/
template <DeadlineClock Clock, Connector K, class Token>
auto async_invoke(basic_invocation_context<Clock> context, K& connector, const resolved_options& options,
    const shutdown_hooks& hooks, Token&& token)
{
    using run = detail::invocation_run<K, Clock>;
    auto r = std::make_shared<run>(std::move(context), connector, options, hooks);
    const auto executor = connector.get_executor();
    return boost::asio::async_compose<Token, void(boost::system::error_code, invocation_report)>(
        detail::invocation_op<run>{std::move(r)}, token, executor);
}

}  // namespace mayfly

// mayfly/testing/manual_clock.hpp -------------------------------------------------------------------------------------

namespace mayfly::testing {

/** A `DeadlineClock` that stands still until the test moves it.

    It counts from zero. Each thread has its own, so tests of one process may run on several threads, each with its own
    `io_context`; a context whose handlers run on more than one thread cannot use it. Timers are looked at whenever the
    context is polled. `run()` would therefore spin: use `settle` and `pass`.
*/
struct manual_clock {
    using duration = uptime;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<manual_clock>;
    static constexpr bool is_steady = true;

    [[nodiscard]] static time_point now() noexcept { return state().now; }
    [[nodiscard]] static time_point from_wall(wall_time w) noexcept
    {
        return now() + std::chrono::duration_cast<duration>(w - state().wall);
    }

    /// Both clocks go on by `by`, which is not negative.
    static void advance(duration by) noexcept
    {
        state().now += by;
        state().wall += by;
    }

    /// What the wall clock shows now. A step of it moves no steady time.
    [[nodiscard]] static std::chrono::sys_time<duration> wall() noexcept { return state().wall; }
    static void set_wall(std::chrono::sys_time<duration> w) noexcept { state().wall = w; }

    /// Back to zero; for the beginning of a test. No timer may be waiting.
    static void reset() noexcept { state() = {}; }

private:
    struct times {
        time_point now{};
        std::chrono::sys_time<duration> wall{};
    };
    static times& state() noexcept
    {
        thread_local times t;
        return t;
    }
};

static_assert(DeadlineClock<manual_clock>);

/// Runs whatever is ready at the present time, and what becomes ready by that. Returns the number of handlers run.
template <class Context>
std::size_t settle(Context& context)
{
    std::size_t ran = 0;
    for (;;) {
        context.restart();
        const std::size_t n = context.poll();
        if (n == 0)
            return ran;
        ran += n;
    }
}

/// Lets `by` pass in steps of `step`, and settles after each: a timer is late by less than one step.
template <class Context>
void pass(Context& context, uptime by, uptime step = std::chrono::milliseconds{1})
{
    settle(context);
    for (uptime left = by; left > uptime::zero(); left -= step) {
        manual_clock::advance(left < step ? left : step);
        settle(context);
    }
}

}  // namespace mayfly::testing

/// Real time says nothing about when a manual timer is due: never sleep, look again.
template <>
struct boost::asio::wait_traits<mayfly::testing::manual_clock> {
    static mayfly::testing::manual_clock::duration to_wait_duration(
        const mayfly::testing::manual_clock::duration&) noexcept
    {
        return {};
    }
    static mayfly::testing::manual_clock::duration to_wait_duration(
        const mayfly::testing::manual_clock::time_point&) noexcept
    {
        return {};
    }
};

// mayfly/testing/fake_worker.hpp --------------------------------------------------------------------------------------

namespace mayfly::testing {

/// How one call to a fake goes.
struct scripted_call {
    uptime takes{0};  ///< `never`: until it is cancelled or stopped.
    boost::system::error_code ec{};
    bool stubborn = false;  ///< Does not react to cancellation.
};

/// Something a fake worker lives through, `at` after its start.
struct scripted_change {
    uptime at{0};
    worker_activity activity{};
    boost::system::error_code ec{};  ///< With an error it fails for good.
};

/// One connection and its worker, from beginning to end.
struct scripted_session {
    scripted_call connect{};
    scripted_call start{};
    std::vector<scripted_change> changes{};  ///< In order of time.
    scripted_call drain{};
    scripted_call close{};
};

/// What was asked of a fake, at its time: `connect`, `start`, `drain`, `stop`, `close`, and `cancelled` after one of
/// them.
struct fake_call {
    uptime at{};
    std::string what{};

    friend bool operator==(const fake_call&, const fake_call&) = default;
};

struct fake_log {
    std::vector<fake_call> calls{};
    std::vector<connect_request> requests{};
    std::vector<deployment_version> versions{};  ///< Which each worker was made for.
    std::vector<uptime> drains{};                ///< How long each drain may take.
    int clients = 0;                             ///< Alive now.
    int workers = 0;                             ///< Alive now.

    void add(std::string what) { calls.push_back({manual_clock::now().time_since_epoch(), std::move(what)}); }

    /// The calls in a row, without their times.
    [[nodiscard]] std::string order() const
    {
        std::string out;
        for (const fake_call& c : calls)
            out += (out.empty() ? "" : " ") + c.what;
        return out;
    }

    /// When `what` was asked last; `never` if it was not.
    [[nodiscard]] uptime time_of(std::string_view what) const noexcept
    {
        const auto at =
            std::find_if(calls.rbegin(), calls.rend(), [what](const fake_call& c) { return c.what == what; });
        return at == calls.rend() ? never : at->at;
    }
};

namespace detail {

using fake_timer = boost::asio::basic_waitable_timer<manual_clock>;

/// Waits as long as the script says, then completes with what it says, and with `make()` after that.
template <class... Make>
struct fake_operation {
    std::shared_ptr<fake_timer> timer;
    scripted_call call;
    std::shared_ptr<fake_log> log;
    const char* what;
    std::tuple<Make...> make{};
    bool begun = false;

    template <class Self>
    void operator()(Self& self, boost::system::error_code ec = {})
    {
        fake_timer& t = *timer;  // self, and *this within it, is moved away below
        if (!std::exchange(begun, true)) {
            if (call.stubborn)
                self.reset_cancellation_state(boost::asio::disable_cancellation());
            if (call.takes == never)
                t.expires_at(manual_clock::time_point::max());
            else
                t.expires_after(call.takes);
            return t.async_wait(std::move(self));
        }
        if (ec && log)
            log->add(std::string(what) + " cancelled");
        ec = ec ? ec : call.ec;
        std::apply([&](auto&... m) { self.complete(ec, m(ec)...); }, make);
    }
};

template <class Token>
auto async_fake(const boost::asio::any_io_executor& ex, std::shared_ptr<fake_timer> timer, const scripted_call& call,
    std::shared_ptr<fake_log> log, const char* what, Token&& token)
{
    return boost::asio::async_compose<Token, void(boost::system::error_code)>(
        fake_operation<>{std::move(timer), call, std::move(log), what}, token, ex);
}

/// Counts itself in a log while it lives.
class fake_life {
public:
    fake_life(std::shared_ptr<fake_log> log, int fake_log::*count) : log_(std::move(log)), count_(count)
    {
        ++((*log_).*count_);
    }
    fake_life(fake_life&& o) noexcept : log_(std::exchange(o.log_, nullptr)), count_(o.count_) {}
    fake_life& operator=(fake_life&&) = delete;
    ~fake_life()
    {
        if (log_)
            --((*log_).*count_);
    }

private:
    std::shared_ptr<fake_log> log_;
    int fake_log::*count_;
};

}  // namespace detail

/// A `Worker` that follows a script and writes down what is asked of it.
class fake_worker {
public:
    fake_worker(
        boost::asio::any_io_executor ex, std::shared_ptr<const scripted_session> script, std::shared_ptr<fake_log> log)
        : ex_(ex),
          script_(std::move(script)),
          log_(log),
          life_(log, &fake_log::workers),
          call_(std::make_shared<detail::fake_timer>(ex)),
          watch_(std::make_shared<detail::fake_timer>(std::move(ex)))
    {}

    template <class Token>
    auto async_start(Token&& token)
    {
        log_->add("start");
        started_ = manual_clock::now() + (script_->start.takes == never ? uptime{} : script_->start.takes);
        return detail::async_fake(ex_, call_, script_->start, log_, "start", std::forward<Token>(token));
    }

    template <class Token>
    auto async_watch(Token&& token)
    {
        scripted_call next{.takes = never};
        if (shown_ < script_->changes.size()) {
            const scripted_change& c = script_->changes[shown_++];
            next = {.takes = std::max(uptime{}, started_ + c.at - manual_clock::now()), .ec = c.ec};
        }
        return detail::async_fake(ex_, watch_, next, nullptr, "watch", std::forward<Token>(token));
    }

    template <class Token>
    auto async_drain(uptime within, Token&& token)
    {
        log_->add("drain");
        log_->drains.push_back(within);
        return detail::async_fake(ex_, call_, script_->drain, log_, "drain", std::forward<Token>(token));
    }

    [[nodiscard]] worker_activity activity() const
    {
        worker_activity now{};
        for (const scripted_change& c : script_->changes)
            if (started_ + c.at <= manual_clock::now() && !c.ec)
                now = c.activity;
        return now;
    }

    void stop() noexcept
    {
        log_->add("stop");
        call_->cancel();
        watch_->cancel();
    }

private:
    boost::asio::any_io_executor ex_;
    std::shared_ptr<const scripted_session> script_;
    std::shared_ptr<fake_log> log_;
    detail::fake_life life_;
    std::shared_ptr<detail::fake_timer> call_;
    std::shared_ptr<detail::fake_timer> watch_;
    manual_clock::time_point started_{};
    std::size_t shown_ = 0;
};

static_assert(Worker<fake_worker>);

/// The client of a fake.
class fake_client {
public:
    fake_client(
        boost::asio::any_io_executor ex, std::shared_ptr<const scripted_session> script, std::shared_ptr<fake_log> log)
        : ex_(std::move(ex)), script_(std::move(script)), log_(log), life_(std::move(log), &fake_log::clients)
    {}

    [[nodiscard]] fake_worker make_worker(const resolved_options& options)
    {
        log_->versions.push_back(options.version());
        return {ex_, script_, log_};
    }

    template <class Token>
    auto async_close(Token&& token)
    {
        log_->add("close");
        return detail::async_fake(
            ex_, std::make_shared<detail::fake_timer>(ex_), script_->close, log_, "close", std::forward<Token>(token));
    }

private:
    boost::asio::any_io_executor ex_;
    std::shared_ptr<const scripted_session> script_;
    std::shared_ptr<fake_log> log_;
    detail::fake_life life_;
};

static_assert(WorkerClient<fake_client>);

/** A `Connector` on manual time whose connections follow a script, one session after the other; the last is repeated.

    Everything that is asked of it and of what it makes is in `log()`.
*/
class fake_connector {
public:
    using client_type = fake_client;

    explicit fake_connector(boost::asio::any_io_executor ex, std::vector<scripted_session> sessions = {{}})
        : ex_(std::move(ex)), log_(std::make_shared<fake_log>())
    {
        for (scripted_session& s : sessions)
            sessions_.push_back(std::make_shared<const scripted_session>(std::move(s)));
    }

    template <class Token>
    auto async_connect(connect_request request, Token&& token)
    {
        auto script = sessions_[std::min(log_->requests.size(), sessions_.size() - 1)];
        log_->add("connect");
        log_->requests.push_back(std::move(request));
        auto make = [ex = ex_, script, log = log_](boost::system::error_code ec) {
            return ec ? std::optional<client_type>{} : std::optional<client_type>{std::in_place, ex, script, log};
        };
        return boost::asio::async_compose<Token, void(boost::system::error_code, std::optional<client_type>)>(
            detail::fake_operation<decltype(make)>{
                std::make_shared<detail::fake_timer>(ex_), script->connect, log_, "connect", {std::move(make)}},
            token, ex_);
    }

    [[nodiscard]] std::string target() const { return "fake"; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return ex_; }
    [[nodiscard]] const fake_log& log() const noexcept { return *log_; }

private:
    boost::asio::any_io_executor ex_;
    std::shared_ptr<fake_log> log_;
    std::vector<std::shared_ptr<const scripted_session>> sessions_{};
};

static_assert(Connector<fake_connector>);

}  // namespace mayfly::testing

// mayfly/testing/scripted_calls.hpp -----------------------------------------------------------------------------------

// What scripted providers and sources have in common.

namespace mayfly::testing {

namespace detail {

class scripted_category final : public boost::system::error_category {
public:
    constexpr scripted_category() noexcept : error_category(0x6d61'7966'6c79'0003) {}
    const char* name() const noexcept override { return "mayfly.scripted"; }
    std::string message(int v) const override
    {
        return "scripted: " + std::string(to_string(static_cast<condition>(v)));
    }
    boost::system::error_condition default_error_condition(int v) const noexcept override
    {
        return static_cast<condition>(v);
    }
};

inline constexpr scripted_category scripted_category_instance{};

/// How one call goes.
struct scripted_timing {
    uptime takes{};
    bool stubborn = false;
    boost::system::error_code ec{};
};

struct scripted_counts {
    std::size_t under_way = 0;
    std::size_t cancelled = 0;
};

/// Waits as long as the script says, then completes as it says.
template <DeadlineClock C, class Result>
struct scripted_operation {
    using timer_type = boost::asio::basic_waitable_timer<C>;

    std::unique_ptr<timer_type> timer;
    scripted_timing script;
    Result result;
    std::shared_ptr<scripted_counts> counts;
    bool begun = false;

    template <class Self>
    void operator()(Self& self, boost::system::error_code ec = {})
    {
        timer_type& t = *timer;  // self, and *this within it, is moved away below
        if (!std::exchange(begun, true)) {
            if (script.stubborn)
                self.reset_cancellation_state(boost::asio::disable_cancellation());
            else
                self.reset_cancellation_state(boost::asio::enable_total_cancellation());
            ++counts->under_way;
            if (script.takes == never)
                t.expires_at(C::time_point::max());
            else
                t.expires_after(std::chrono::duration_cast<typename C::duration>(script.takes));
            return t.async_wait(std::move(self));
        }
        --counts->under_way;
        if (!ec)
            return self.complete(script.ec, std::move(result));
        ++counts->cancelled;
        self.complete(ec, Result{});
    }
};

/// The script of a fake: which answer is whose.
template <class Answer>
class answer_book {
public:
    explicit answer_book(Answer always) : always_(std::move(always)) {}

    /// The answer to the next call that has none; in the order given.
    void next(Answer a) { next_.push_back(std::move(a)); }
    /// The answer to each call that has no other.
    void always(Answer a) { always_ = std::move(a); }
    /// The answer to each call for this function, before all others.
    void always(const std::string& function, Answer a) { by_function_[function] = std::move(a); }

    [[nodiscard]] Answer take(const launch_target* target = nullptr)
    {
        const auto own = target != nullptr ? by_function_.find(target->function) : by_function_.end();
        if (own != by_function_.end())
            return own->second;
        if (next_.empty())
            return always_;
        Answer a = std::move(next_.front());
        next_.pop_front();
        return a;
    }

private:
    Answer always_;
    std::deque<Answer> next_{};
    std::map<std::string, Answer> by_function_{};
};

/// The calls to a fake, each of which goes as its script says.
template <DeadlineClock C>
class scripted_calls {
public:
    explicit scripted_calls(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    template <class Result, class Token>
    auto async_answer(scripted_timing how, Result result, Token&& token)
    {
        using operation = scripted_operation<C, Result>;
        return boost::asio::async_compose<Token, void(boost::system::error_code, Result)>(
            operation{std::make_unique<typename operation::timer_type>(executor_), how, std::move(result), counts_},
            token, executor_);
    }

    [[nodiscard]] uptime now() const { return std::chrono::duration_cast<uptime>(C::now() - made_at_); }
    [[nodiscard]] std::size_t under_way() const noexcept { return counts_->under_way; }
    [[nodiscard]] std::size_t cancelled() const noexcept { return counts_->cancelled; }

private:
    boost::asio::any_io_executor executor_;
    std::shared_ptr<scripted_counts> counts_ = std::make_shared<scripted_counts>();
    typename C::time_point made_at_ = C::now();
};

}  // namespace detail

/// An error code of this condition, for scripts; no error for `ok`.
[[nodiscard]] inline boost::system::error_code scripted_error(condition c) noexcept
{
    return c == condition::ok ? boost::system::error_code{}
                              : boost::system::error_code{static_cast<int>(c), detail::scripted_category_instance};
}

}  // namespace mayfly::testing

// mayfly/testing/scripted_provider.hpp --------------------------------------------------------------------------------

namespace mayfly::testing {

/// How a scripted provider answers a launch or a resize.
struct scripted_answer {
    condition outcome = condition::ok;  ///< Of the call, and of each start that is not accepted.
    std::uint32_t accepts = std::numeric_limits<std::uint32_t>::max();  ///< Without `outcome`: so many starts at most.
    uptime takes{};         ///< Until the answer; `never`: until the call is cancelled.
    bool repeats = false;   ///< The request ids are those of the launch before, as far as they go.
    bool stubborn = false;  ///< Cancellation does not end the call sooner.
    std::string detail{};   ///< The platform's own words.

    [[nodiscard]] static scripted_answer failing(condition outcome, std::string detail = {})
    {
        return {.outcome = outcome, .detail = std::move(detail)};
    }
    [[nodiscard]] static scripted_answer hanging() { return {.takes = never}; }
};

/// What was asked of a scripted provider, and when: `at` counts from when it was made.
struct scripted_launch {
    uptime at{};
    launch_request request{};
    std::vector<std::string> request_ids{};  ///< Which the answer gives, or would have given had it come.
};

struct scripted_resize {
    uptime at{};
    resize_request request{};
};

/** A `ComputeProvider` of both kinds that answers by a script, and notes what it was asked.

    It starts nothing: let the workers be seen with `controller_machine::seen` or a `scripted_source`. Accepted starts
    get the request ids r1, r2 and so on. A start that `accepts` leaves out is throttled, as if a limit on concurrent
    workers were met. All calls and all looks at it are on one thread or strand.

    @tparam C the clock that `takes` is measured on
*/
template <DeadlineClock C>
class basic_scripted_provider {
public:
    explicit basic_scripted_provider(boost::asio::any_io_executor executor, scripted_answer always = {})
        : script_(std::move(always)), calls_(std::move(executor))
    {}

    /// The answer to the next call that has none; in the order given.
    void next(scripted_answer a) { script_.next(std::move(a)); }
    /// The answer to each call that has no other.
    void always(scripted_answer a) { script_.always(std::move(a)); }
    /// The answer to each call for this function, before all others.
    void always(const std::string& function, scripted_answer a) { script_.always(function, std::move(a)); }

    /// `void(error_code, launch_report)`. Cancelled (terminal, partial or total): `operation_aborted`.
    template <class Token>
    auto async_launch(launch_request request, Token&& token)
    {
        const scripted_answer a = script_.take(request.target.get());
        const bool ok = a.outcome == condition::ok;
        std::vector<std::string> ids =
            ok ? make_ids(std::min(a.accepts, request.count), a.repeats) : std::vector<std::string>{};
        launch_report report{.detail = a.detail};
        for (const std::string& id : ids)
            report.starts.push_back({.request_id = id});
        report.starts.resize(request.count, {.outcome = ok ? condition::throttled : a.outcome});
        launches_.push_back({calls_.now(), std::move(request), std::move(ids)});
        return calls_.async_answer(
            {a.takes, a.stubborn, scripted_error(a.outcome)}, std::move(report), std::forward<Token>(token));
    }

    /// `void(error_code, resize_report)`. Cancelled likewise.
    template <class Token>
    auto async_resize(resize_request request, Token&& token)
    {
        const scripted_answer a = script_.take(request.target.get());
        resizes_.push_back({calls_.now(), std::move(request)});
        return calls_.async_answer({a.takes, a.stubborn, scripted_error(a.outcome)}, resize_report{.detail = a.detail},
            std::forward<Token>(token));
    }

    [[nodiscard]] const std::vector<scripted_launch>& launches() const noexcept { return launches_; }
    [[nodiscard]] const std::vector<scripted_resize>& resizes() const noexcept { return resizes_; }
    [[nodiscard]] std::size_t under_way() const noexcept { return calls_.under_way(); }
    [[nodiscard]] std::size_t cancelled() const noexcept { return calls_.cancelled(); }

    /// Starts asked for in all calls.
    [[nodiscard]] std::uint64_t starts() const noexcept
    {
        std::uint64_t sum = 0;
        for (const scripted_launch& l : launches_)
            sum += l.request.count;
        return sum;
    }

private:
    [[nodiscard]] std::vector<std::string> make_ids(std::uint32_t count, bool repeats)
    {
        std::vector<std::string> ids;
        if (repeats && !launches_.empty())
            ids = launches_.back().request_ids;
        if (ids.size() > count)
            ids.resize(count);
        while (ids.size() < count)
            ids.push_back("r" + std::to_string(++made_));
        return ids;
    }

    detail::answer_book<scripted_answer> script_;
    detail::scripted_calls<C> calls_;
    std::vector<scripted_launch> launches_{};
    std::vector<scripted_resize> resizes_{};
    std::uint64_t made_ = 0;
};

using scripted_provider = basic_scripted_provider<manual_clock>;

static_assert(LaunchesWorkers<scripted_provider> && ResizesWorkerSet<scripted_provider>);
static_assert(ComputeProvider<basic_scripted_provider<deadline_clock>>);

}  // namespace mayfly::testing

// mayfly/testing/scripted_source.hpp ----------------------------------------------------------------------------------

namespace mayfly::testing {

/// How a scripted source answers.
struct scripted_reading {
    queue_reading reading{};
    condition outcome = condition::ok;
    uptime takes{};         ///< Until the answer; `never`: until the call is cancelled.
    bool stubborn = false;  ///< Cancellation does not end the call sooner.
};

/// What was asked of a scripted source, and when: `at` counts from when it was made.
struct scripted_read {
    uptime at{};
    std::shared_ptr<const launch_target> target{};
};

/** A `QueueSource` that answers by a script, and notes what it was asked. All on one thread or strand.

    @tparam C the clock that `takes` is measured on
*/
template <DeadlineClock C>
class basic_scripted_source {
public:
    explicit basic_scripted_source(boost::asio::any_io_executor executor, scripted_reading always = {})
        : script_(std::move(always)), calls_(std::move(executor))
    {}

    /// The answer to the next call that has none; in the order given.
    void next(scripted_reading r) { script_.next(std::move(r)); }
    /// The answer to each call that has no other.
    void always(scripted_reading r) { script_.always(std::move(r)); }

    /// `void(error_code, queue_reading)`. Cancelled (terminal, partial or total): `operation_aborted`.
    template <class Token>
    auto async_read(std::shared_ptr<const launch_target> target, uptime, Token&& token)
    {
        scripted_reading r = script_.take();
        reads_.push_back({calls_.now(), std::move(target)});
        return calls_.async_answer(
            {r.takes, r.stubborn, scripted_error(r.outcome)}, std::move(r.reading), std::forward<Token>(token));
    }

    [[nodiscard]] const std::vector<scripted_read>& reads() const noexcept { return reads_; }
    [[nodiscard]] std::size_t under_way() const noexcept { return calls_.under_way(); }
    [[nodiscard]] std::size_t cancelled() const noexcept { return calls_.cancelled(); }

private:
    detail::answer_book<scripted_reading> script_;
    detail::scripted_calls<C> calls_;
    std::vector<scripted_read> reads_{};
};

using scripted_source = basic_scripted_source<manual_clock>;

static_assert(QueueSource<scripted_source>);

}  // namespace mayfly::testing

#endif
