// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/queue_source.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/temporal/detail/source_waiter.hpp>
#include <mayfly/temporal/detail/steady_room.hpp>
#include <mayfly/temporal/poller_judge.hpp>
#include <mayfly/temporal/read_budget.hpp>
#include <mayfly/temporal/stats_memory.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// What a source knows of one version. There may be ten thousand, most of them idle.
struct source_version {
    struct bound_queue {
        std::string name{};
        task_type type{};
    };

    /// Of its workers.
    struct group {
        bool starting = false;
        std::uint32_t live = 0;
        std::uint32_t foreign = 0;
        std::optional<std::uint32_t> minimum{};  ///< Of those that live; as it was if it is not told.
        std::uint32_t slots = 1;                 ///< Of one of them.
        uptime service{};                        ///< Mean time of one task in a slot; zero while unknown.
        uptime due = never;                      ///< Until then nobody leaves because its time is over.
        uptime stays{};                          ///< With nothing to do, at least; as it was if it is not told.

        /// Those that do not leave when they have nothing to do.
        [[nodiscard]] std::uint32_t staying() const noexcept
        {
            return saturating_add(foreign, std::min(live, minimum.value_or(0)));
        }
    };

    static constexpr uptime unset = uptime::min();
    static constexpr uptime pollers_at_least = std::chrono::minutes{1};
    static constexpr uptime eager = std::chrono::milliseconds{1500};
    static constexpr uptime arrivals_stay = std::chrono::seconds{5};

    std::shared_ptr<const launch_target> target{};
    stats_memory stats{};
    poller_judge pollers{};
    steady_room room{};
    std::vector<bound_queue> queues{};
    std::vector<std::unique_ptr<source_waiter>> waiters{};
    boost::asio::cancellation_signal cancel{};
    std::unique_ptr<boost::asio::steady_timer> turn{};  // of a reading that waits for its queues
    uptime asked_at = unset;
    uptime asked_before = unset;
    uptime arrived_at = unset;
    uptime pollers_at = unset;
    std::optional<version_status> status{};
    std::optional<uptime> failing_since{};
    std::vector<std::pair<std::string, group>> groups{};  // as the controller says; few
    bool reading = false;
    bool sought = false;      // its description may tell where somebody's work goes
    bool backlogged = false;  // at the last description
    bool credit = false;      // its turn came while nobody waited
    bool unreadable = false;
    bool told = false;  // that it is
    bool dropped = false;

    /// What the controller says of a group.
    void hear(const std::string& name, group of)
    {
        const auto known = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == name; });
        if (known == groups.end())
            groups.emplace_back(name, of);
        else
            known->second = {of.starting, of.live, of.foreign, of.minimum ? of.minimum : known->second.minimum,
                of.slots, of.service, of.due, of.stays > uptime::zero() ? of.stays : known->second.stays};
    }

    [[nodiscard]] bool starting() const noexcept
    {
        return std::any_of(groups.begin(), groups.end(), [](const auto& g) { return g.second.starting; });
    }
    [[nodiscard]] bool live() const noexcept
    {
        return std::any_of(groups.begin(), groups.end(), [](const auto& g) { return g.second.live > 0; });
    }
    /// How many of `count` new tasks workers that stay take at once. Groups may have types of their own: of several
    /// nothing is said.
    [[nodiscard]] std::uint32_t taken_at_once(std::uint32_t count, uptime now) noexcept
    {
        if (groups.size() != 1)
            return 0;
        const group& g = groups.front().second;
        return room.take(count, g.staying() * std::max(g.slots, 1U), g.service, now);
    }

    // Who waits for a reading of it.

    void answer(const boost::system::error_code& ec, const queue_reading& r)
    {
        const auto all = std::exchange(waiters, {});
        for (const auto& w : all)
            w->complete(ec, r);
    }

    /// One of them waits no more. False if he did not.
    bool leave(source_waiter* who)
    {
        const auto found = std::find_if(waiters.begin(), waiters.end(), [&](const auto& w) { return w.get() == who; });
        if (found == waiters.end())
            return false;
        const std::unique_ptr<source_waiter> w = std::move(*found);
        waiters.erase(found);
        w->complete(boost::asio::error::operation_aborted, {});
        if (waiters.empty())
            stop();
        return true;
    }

    /// Ends the reading that is under way.
    void stop()
    {
        if (reading)
            cancel.emit(boost::asio::cancellation_type::terminal);
    }

    /// What is known without having read anything.
    [[nodiscard]] queue_reading unread(uptime t) const
    {
        queue_reading out;
        out.stats = believed(t);
        return out;
    }

    /// Whether work of this queue may go there, as far as is known.
    [[nodiscard]] bool may_have(const std::string& queue, task_type type) const noexcept
    {
        return (queues.empty() && (!status || *status != version_status::drained)) ||
               std::any_of(
                   queues.begin(), queues.end(), [&](const auto& q) { return q.name == queue && q.type == type; });
    }

    /// Of one worker, at least.
    [[nodiscard]] std::uint32_t slots() const noexcept
    {
        std::uint32_t out = groups.empty() ? 1 : groups.front().second.slots;
        for (const auto& g : groups)
            out = std::min(out, g.second.slots);
        return out;
    }

    /// For how long a worker without work is there, at least.
    [[nodiscard]] uptime stays() const noexcept
    {
        uptime out = groups.empty() ? uptime::zero() : never;
        for (const auto& [name, g] : groups)
            out = std::min(out, g.stays);
        return out;
    }

    [[nodiscard]] bool is_hot(uptime now) const noexcept
    {
        const bool asked_often = !unreadable && asked_before != unset && asked_at - asked_before < eager;
        return sought || starting() || backlogged || asked_often || later(arrived_at, arrivals_stay) > now;
    }

    [[nodiscard]] read_rank rank(uptime now) const noexcept
    {
        if (is_hot(now))
            return read_rank::hot;
        return !status || receives_work(*status) ? read_rank::routed : read_rank::quiet;
    }

    /// Else its queues alone are asked, which costs less.
    [[nodiscard]] bool wants_description(uptime now, uptime cached_for) const noexcept
    {
        return sought || queues.empty() || stats.may_have_news(now, cached_for);
    }

    [[nodiscard]] bool wants_pollers(uptime now) const noexcept
    {
        return live() || !pollers.empty() || pollers_at == unset || now - pollers_at >= pollers_at_least || is_hot(now);
    }

    [[nodiscard]] stats_memory::by_type believed(uptime now) const
    {
        const auto since = stats.told_since();
        return stats.believed(
            now, since ? pollers.came_since(*since, target->version) : std::vector<uptime>{}, slots(), stays());
    }

    /// To be called once the workers have been judged, at `now`. One that leaves before its time has looked for work
    /// and has found none: whatever was counted before does not wait any more.
    void see_goodbyes(uptime now) noexcept
    {
        // Nothing is known of when they have to leave if no controller says so.
        const bool early = !groups.empty() &&
                           std::all_of(groups.begin(), groups.end(), [&](const auto& g) { return g.second.due > now; });
        if (const auto after = pollers.goodbye_after(); after && early)
            stats.emptied_after(*after);
    }

    /// Takes in a description that came at `now`. `settling`: see `stats_memory`.
    void learn(const version_description& d, uptime now, uptime cached_for, bool settling = false)
    {
        status = d.status;
        backlogged = false;
        queues.clear();
        queues.reserve(d.queues.size());
        for (const version_queue& q : d.queues) {
            if (q.type == unspecified_task_type)
                continue;
            queues.push_back({q.name, q.type});
            backlogged = backlogged || (q.stats && q.stats->backlog > 0);
        }
        const stats_memory::by_type news = stats.take(d.queues, now, cached_for, settling);
        const auto any = [&](auto holds) { return std::any_of(news.begin(), news.end(), holds); };
        if (any([](const auto& s) { return s.has_value(); }))
            room.sampled(any([](const auto& s) { return s && s->backlog > 0; }), now);
        if (const auto since = stats.told_since())
            pollers.forget_until(*since);
    }
};

}  // namespace mayfly::temporal::detail
