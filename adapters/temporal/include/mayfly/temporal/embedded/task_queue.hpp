// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/alarms.hpp>
#include <mayfly/temporal/embedded/execution.hpp>
#include <mayfly/temporal/embedded/queued_task.hpp>
#include <mayfly/temporal/embedded/rate_limiter.hpp>
#include <mayfly/temporal/embedded/rate_window.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::temporal::embedded {

class task_queue;

struct queue_key {
    std::string name_space{};
    std::string name{};
    task_type type = task_type::activity;

    friend auto operator<=>(const queue_key&, const queue_key&) = default;
};

[[nodiscard]] inline queue_key queue_of(const execution& e)
{
    return {e.name_space(), e.request.task_queue().name(), task_type::activity};
}

/// What tells workers apart: one identity may poll as several versions, which are different programs.
struct poller_key {
    std::string identity{};
    std::optional<deployment_version> version{};

    friend auto operator<=>(const poller_key&, const poller_key&) = default;
};

/// A worker as the queue knows it.
struct known_poller {
    std::uint64_t order = 0;
    uptime alarm = never;  ///< When to look whether it is to be forgotten.
    poller_key key{};
    task_queue* queue = nullptr;
    moment first{};
    moment last{};  ///< Its last poll's begin or end.
    api::deployment::WorkerDeploymentOptions options{};
    std::string instance{};
    double rate = 0;          ///< What it asked for; zero if for nothing.
    std::uint32_t polls = 0;  ///< That wait now.
    std::uint32_t tasks = 0;  ///< That it has now.
    bool left = false;        ///< It said goodbye.
};

/// A call that waits for a task.
struct parked_poll {
    ticket id = 0;
    std::uint64_t order = 0;
    uptime alarm = never;  ///< When it is answered empty.
    task_queue* queue = nullptr;
    known_poller* poller = nullptr;
    std::optional<deployment_version> version{};
    std::string instance{};
    std::string client_name{};
    std::string client_version{};
};

/** One task queue of one type: tasks that wait, polls that wait, and what is counted of both.

    Tasks and polls of a version meet only one another; so do those of none. The queue owns neither, and calls nobody:
    who adds something asks `next_match` until there is none.
*/
class task_queue {
public:
    /// Lower goes first; then the order in which they were added.
    struct position {
        std::int32_t priority = 0;
        std::uint64_t order = 0;

        friend auto operator<=>(const position&, const position&) = default;
    };

    /// The share of one version.
    struct lane {
        std::map<position, queued_task*> backlog{};
        std::map<std::uint64_t, parked_poll*> polls{};
        rate_window added{};
        rate_window dispatched{};
    };

    task_queue(queue_key key, std::uint64_t number, const limits& l) : order(number), limits_(&l), key_(std::move(key))
    {}
    task_queue(const task_queue&) = delete;
    task_queue& operator=(const task_queue&) = delete;

    std::uint64_t order;   ///< For `alarms`; so is the next.
    uptime alarm = never;  ///< When the limiter lets the next task go, while one waits for that.

    [[nodiscard]] const queue_key& key() const noexcept { return key_; }
    [[nodiscard]] const std::map<std::optional<deployment_version>, lane>& lanes() const noexcept { return lanes_; }
    [[nodiscard]] std::map<poller_key, known_poller>& pollers() noexcept { return pollers_; }
    [[nodiscard]] const std::map<poller_key, known_poller>& pollers() const noexcept { return pollers_; }

    // Tasks.

    /// Adds a task for workers of `version`. Says what became of it by that alone; `next_match` takes it further.
    add_outcome add(queued_task& e, std::optional<deployment_version> version, uptime now)
    {
        lane& l = lane_of(version);
        const bool limited = !limiter_.ready(now);
        const add_outcome outcome = limited              ? add_outcome::rate_limited
                                    : !l.backlog.empty() ? add_outcome::behind_backlog
                                    : !l.polls.empty()   ? add_outcome::matched
                                                         : add_outcome::not_matched;
        if (e.queue_order == 0)
            e.queue_order = ++last_order_;
        e.queue = this;
        e.lane = std::move(version);
        e.queued_at = now;
        l.backlog.emplace(position_of(e), &e);
        l.added.add(now);
        return outcome;
    }

    /// Takes a waiting task out. Its next adding puts it at the end, unless `keep_place`.
    void remove(queued_task& e, bool keep_place = false)
    {
        lanes_.at(e.lane).backlog.erase(position_of(e));
        e.queue = nullptr;
        if (!keep_place)
            e.queue_order = 0;
    }

    /// Puts a waiting task where workers of `version` take it, as old as it is and without counting it again.
    void move(queued_task& e, std::optional<deployment_version> version)
    {
        remove(e, true);
        e.queue = this;
        e.lane = std::move(version);
        lane_of(e.lane).backlog.emplace(position_of(e), &e);
    }

    /// Puts each waiting task where `target` says that it belongs now, without counting it again. True if any moved.
    template <class Target>
    bool reroute(Target target)
    {
        std::map<std::optional<deployment_version>, std::map<position, queued_task*>> moved;
        for (auto& [version, l] : lanes_)
            for (auto at = l.backlog.begin(); at != l.backlog.end();) {
                const std::optional<deployment_version> to = target(*at->second);
                if (to == version) {
                    ++at;
                    continue;
                }
                moved[to].insert(*at);
                at = l.backlog.erase(at);
            }
        for (auto& [version, tasks] : moved)
            for (const auto& [where, e] : tasks) {
                e->lane = version;
                lane_of(version).backlog.emplace(where, e);
            }
        return !moved.empty();
    }

    // Polls.

    void park(parked_poll& p)
    {
        p.queue = this;
        lane_of(p.version).polls.emplace(p.order, &p);
        ++p.poller->polls;
    }

    void unpark(parked_poll& p, const moment& now)
    {
        lanes_.at(p.version).polls.erase(p.order);
        --p.poller->polls;
        p.poller->last = now;
        p.queue = nullptr;
    }

    struct match {
        queued_task* task = nullptr;
        parked_poll* poll = nullptr;
    };

    /// A task and a poll that belong together, the ones that have waited longest; both are out of the queue then. A
    /// task of which `withhold(task, poll)` says that it must not go now is out of it, too, and the poll waits on.
    template <class Withhold>
    [[nodiscard]] std::optional<match> next_match(const moment& now, Withhold withhold)
    {
        if (!limiter_.ready(now.at))
            return std::nullopt;
        for (auto& [version, l] : lanes_)
            while (!l.backlog.empty() && !l.polls.empty()) {
                const match m{l.backlog.begin()->second, l.polls.begin()->second};
                const bool goes = !withhold(*m.task, *m.poll);
                remove(*m.task, goes);
                if (!goes)
                    continue;
                limiter_.take(now.at);
                l.dispatched.add(now.at);
                unpark(*m.poll, now);
                return m;
            }
        return std::nullopt;
    }

    /// When `next_match` may find something that it does not find now, though nothing is added; or `never`.
    [[nodiscard]] uptime next_release(uptime now) const
    {
        if (limiter_.ready(now))
            return never;
        for (const auto& [version, l] : lanes_)
            if (!l.backlog.empty() && !l.polls.empty())
                return limiter_.next(now);
        return never;
    }

    // Limits.

    /// What a worker asks for. The last one's counts.
    void limit_by_worker(double per_second, uptime now)
    {
        by_worker_ = per_second > 0 ? per_second : 0.0;  // what is no number is none either
        apply_limits(now);
    }

    /// What was set for the queue goes before what workers ask for; none takes it away.
    void limit_by_config(std::optional<double> per_second, uptime now)
    {
        by_config_ = per_second;
        apply_limits(now);
    }

    [[nodiscard]] const rate_limiter& limiter() const noexcept { return limiter_; }
    [[nodiscard]] const std::optional<double>& configured_limit() const noexcept { return by_config_; }
    [[nodiscard]] const std::optional<double>& worker_limit() const noexcept { return by_worker_; }
    /// Of the queue that this one belongs to, if one worker alone polls this, for runs that it remembers. Empty: it is
    /// an ordinary one.
    std::string normal_name{};
    [[nodiscard]] bool sticky() const noexcept { return !normal_name.empty(); }

    api::taskqueue::TaskQueueConfig config{};  ///< As it was set last; the limit in it is in force.

    // What is counted.

    /// Of one version's share, or of all; of one priority key, or of all, whose rates are then not known.
    [[nodiscard]] api::taskqueue::TaskQueueStats stats(uptime now, const std::optional<deployment_version>* only,
        std::optional<std::int32_t> priority = std::nullopt) const
    {
        std::uint64_t waiting = 0;
        uptime oldest = now;
        double added = 0;
        double dispatched = 0;
        for (const auto& [version, l] : lanes_) {
            if (only != nullptr && *only != version)
                continue;
            auto at = priority ? l.backlog.lower_bound({*priority, 0}) : l.backlog.begin();
            const auto end = priority ? l.backlog.lower_bound({*priority + 1, 0}) : l.backlog.end();
            if (priority)
                waiting += static_cast<std::uint64_t>(std::distance(at, end));
            else
                waiting += l.backlog.size();
            // The oldest of each priority stands first of it.
            while (at != end) {
                oldest = std::min(oldest, at->second->queued_at);
                at = l.backlog.lower_bound({at->first.priority + 1, 0});
            }
            added += l.added.rate(now);
            dispatched += l.dispatched.rate(now);
        }
        api::taskqueue::TaskQueueStats out;
        out.set_approximate_backlog_count(static_cast<std::int64_t>(waiting));
        put(*out.mutable_approximate_backlog_age(), now - oldest);
        out.set_tasks_add_rate(static_cast<float>(added));
        out.set_tasks_dispatch_rate(static_cast<float>(dispatched));
        out.set_rate_limiting_active(!limiter_.ready(now));
        return out;
    }

    /// Each priority key that somebody waits with.
    [[nodiscard]] std::map<std::int32_t, api::taskqueue::TaskQueueStats> stats_by_priority(
        uptime now, const std::optional<deployment_version>* only) const
    {
        std::map<std::int32_t, api::taskqueue::TaskQueueStats> out;
        for (const auto& [version, l] : lanes_) {
            if (only != nullptr && *only != version)
                continue;
            for (auto at = l.backlog.begin(); at != l.backlog.end();) {
                const std::int32_t key = at->first.priority;
                if (!out.contains(key))
                    out.emplace(key, stats(now, only, key));
                at = l.backlog.lower_bound({key + 1, 0});
            }
        }
        return out;
    }

    /// How many tasks wait.
    [[nodiscard]] std::size_t waiting() const noexcept
    {
        std::size_t out = 0;
        for (const auto& [version, l] : lanes_)
            out += l.backlog.size();
        return out;
    }

    /// Nothing in it is worth keeping.
    [[nodiscard]] bool idle() const noexcept
    {
        return pollers_.empty() && !by_config_ &&
               std::all_of(lanes_.begin(), lanes_.end(), [](const auto& entry) { return at_rest(entry.second); });
    }

    static constexpr std::int32_t usual_priority = 3;

private:
    [[nodiscard]] static position position_of(const queued_task& e) noexcept
    {
        return {e.priority > 0 ? e.priority : usual_priority, e.queue_order};
    }

    [[nodiscard]] static bool at_rest(const lane& l) noexcept { return l.backlog.empty() && l.polls.empty(); }

    [[nodiscard]] lane& lane_of(const std::optional<deployment_version>& version)
    {
        if (lanes_.size() >= limits_->versions_of_queue && !lanes_.contains(version))
            std::erase_if(lanes_, [](const auto& entry) { return at_rest(entry.second); });
        return lanes_[version];
    }

    void apply_limits(uptime now) { limiter_.set(by_config_ ? by_config_ : by_worker_, now); }

    const limits* limits_;
    queue_key key_;
    std::map<std::optional<deployment_version>, lane> lanes_{};
    std::map<poller_key, known_poller> pollers_{};
    std::uint64_t last_order_ = 0;
    rate_limiter limiter_{};
    std::optional<double> by_worker_{};
    std::optional<double> by_config_{};
};

}  // namespace mayfly::temporal::embedded
