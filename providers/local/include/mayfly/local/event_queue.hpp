// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/local/function.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::local {

/// How one try of an event went.
enum class try_outcome : std::uint8_t {
    succeeded,
    function_error,  ///< The function failed, timed out or crashed.
    throttled,       ///< There was no room.
    system_error,    ///< It could not be started at all, for no fault of the function's.
    refused,         ///< It never will be: the function is switched off or gone.
};

/// Why an event is not tried any more.
enum class drop_reason : std::uint8_t {
    aged,       ///< It grew older than it may.
    exhausted,  ///< The last of its tries failed.
    refused,    ///< The function is switched off or gone.
    stopped,    ///< The platform stopped.
};

[[nodiscard]] constexpr std::string_view to_string(drop_reason r) noexcept
{
    switch (r) {
    case drop_reason::aged: return "aged";
    case drop_reason::exhausted: return "exhausted";
    case drop_reason::refused: return "refused";
    case drop_reason::stopped: return "stopped";
    }
    return "unknown";
}

/** The events of asynchronous invocations, from their acceptance to their end.

    An event is due at once. After an error of the function it is due again in one minute, and after the next in two;
    without room for it, in one second, then two, four and so on up to five minutes. What is older than its age is
    dropped, unless it is being tried.

    A machine: time comes in as `now`, which never goes back, and events are numbers. Whoever tries them keeps what they
    hold.
*/
class event_queue {
public:
    using event_id = std::uint64_t;

    /// `time_scale` shortens or stretches the waits between tries, not the age.
    explicit event_queue(double time_scale = 1) noexcept : scale_{std::max(time_scale, 0.0)} {}

    /// Takes an event in.
    event_id add(const event_rules& rules, uptime now)
    {
        const event_id id = ++last_;
        waiting_event e{.rules = rules, .added = now, .due = now};
        const auto at = events_.emplace(id, e).first;
        schedule(id, at->second, now);
        return id;
    }

    /// The next event to be tried, if one is due. It counts as being tried until `tried` tells how that went.
    [[nodiscard]] std::optional<event_id> next(uptime now)
    {
        if (due_.empty() || due_.begin()->first > now)
            return std::nullopt;
        const event_id id = due_.begin()->second;
        waiting_event& e = events_.find(id)->second;
        if (expiry(e) <= now)
            return std::nullopt;  // `expired` has it
        unschedule(id, e);
        return id;
    }

    /// One event that grew too old while it waited. It is forgotten. Ask before `next`, until there is none.
    [[nodiscard]] std::optional<event_id> expired(uptime now)
    {
        if (ends_.empty() || ends_.begin()->first > now)
            return std::nullopt;
        const event_id id = ends_.begin()->second;
        unschedule(id, events_.find(id)->second);
        events_.erase(id);
        return id;
    }

    /// What becomes of an event after a try.
    struct verdict {
        std::optional<uptime> again_at{};      ///< It will be tried again then, or when it gets too old be dropped.
        std::optional<drop_reason> dropped{};  ///< It is forgotten, undone.

        friend bool operator==(const verdict&, const verdict&) = default;
    };

    verdict tried(event_id id, try_outcome outcome, uptime now)
    {
        const auto at = events_.find(id);
        if (at == events_.end())
            return {};
        waiting_event& e = at->second;
        uptime wait{};
        switch (outcome) {
        case try_outcome::succeeded: events_.erase(at); return {};
        case try_outcome::refused: return drop(at, drop_reason::refused);
        case try_outcome::function_error:
            if (e.errors >= e.rules.retries)
                return drop(at, drop_reason::exhausted);
            wait = error_wait(e.errors++);
            e.put_back = 0;
            break;
        case try_outcome::throttled:
        case try_outcome::system_error: wait = room_wait(e.put_back++); break;
        }
        if (expiry(e) <= now)
            return drop(at, drop_reason::aged);
        schedule(id, e, later(now, scaled(wait)));
        return {.again_at = e.due};
    }

    /// Forgets one event, in whatever state. For a platform that stops.
    void forget(event_id id)
    {
        const auto at = events_.find(id);
        if (at == events_.end())
            return;
        unschedule(id, at->second);
        events_.erase(at);
    }

    /// Those that wait, oldest first.
    [[nodiscard]] std::vector<event_id> waiting() const
    {
        std::vector<event_id> out;
        for (const auto& [id, e] : events_)
            if (e.waits)
                out.push_back(id);
        return out;
    }

    /// When `expired` or `next` will have something; `never` if nothing waits.
    [[nodiscard]] uptime next_wake() const
    {
        const uptime due = due_.empty() ? never : due_.begin()->first;
        return ends_.empty() ? due : std::min(due, ends_.begin()->first);
    }

    [[nodiscard]] std::size_t waits() const noexcept { return due_.size(); }
    /// Those being tried included.
    [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }

private:
    struct waiting_event {
        event_rules rules{};
        uptime added{};
        uptime due{};
        std::uint32_t errors = 0;    // tries in which the function failed
        std::uint32_t put_back = 0;  // tries in a row that found no room
        bool waits = false;
    };
    using event_map = std::map<event_id, waiting_event>;

    [[nodiscard]] static uptime expiry(const waiting_event& e) noexcept { return later(e.added, e.rules.age); }

    [[nodiscard]] static uptime error_wait(std::uint32_t errors) noexcept
    {
        return std::chrono::minutes{errors == 0 ? 1 : 2};
    }

    [[nodiscard]] static uptime room_wait(std::uint32_t times) noexcept
    {
        const uptime longest = std::chrono::minutes{5};
        return std::min(longest, uptime{std::chrono::seconds{1}} * (std::int64_t{1} << std::min(times, 16U)));
    }

    [[nodiscard]] uptime scaled(uptime wait) const noexcept
    {
        return uptime{static_cast<uptime::rep>(std::llround(static_cast<double>(wait.count()) * scale_))};
    }

    verdict drop(event_map::iterator at, drop_reason why)
    {
        events_.erase(at);
        return {.dropped = why};
    }

    void schedule(event_id id, waiting_event& e, uptime due)
    {
        e.due = due;
        e.waits = true;
        due_.emplace(e.due, id);
        ends_.emplace(expiry(e), id);
    }

    void unschedule(event_id id, waiting_event& e)
    {
        e.waits = false;
        due_.erase({e.due, id});
        ends_.erase({expiry(e), id});
    }

    double scale_;
    event_id last_ = 0;
    event_map events_{};
    std::set<std::pair<uptime, event_id>> due_{};  // these two hold the events that wait
    std::set<std::pair<uptime, event_id>> ends_{};
};

}  // namespace mayfly::local
