// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/alarms.hpp>
#include <mayfly/temporal/embedded/queue_facts.hpp>
#include <mayfly/temporal/embedded/task_queue.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/// What a poll for any type of task says.
struct poll_request {
    queue_key queue{};
    std::string identity{};
    std::string instance{};
    api::deployment::WorkerDeploymentOptions options{};
    std::optional<double> tasks_per_second{};  ///< For the whole queue.
    std::string normal_name{};                 ///< Of a sticky queue: the one that it belongs to.
};

/// Who polls as a version, and as which.
[[nodiscard]] inline std::optional<deployment_version> version_of(const api::deployment::WorkerDeploymentOptions& o)
{
    if (o.worker_versioning_mode() != api::enums::WORKER_VERSIONING_MODE_VERSIONED)
        return std::nullopt;
    return deployment_version{o.deployment_name(), o.build_id()};
}

/** All task queues, the polls that wait at them, and the workers they know.

    Tasks are the caller's. `hand_out(queue, now, withhold, take)` gives each pair of a task and a poll that meet to
    `take`, unless `withhold` says that the task must not go now, whose it is from then on.
*/
class task_queues final : public queue_facts {
public:
    explicit task_queues(const limits& l) : limits_(&l) {}

    /// A queue comes into being when it is first asked for. Null if there are too many.
    [[nodiscard]] task_queue* find_or_make(const queue_key& key)
    {
        if (task_queue* q = find(key))
            return q;
        if (all_.size() >= limits_->task_queues)
            std::erase_if(all_, [this](const auto& entry) {
                if (!entry.second->idle())
                    return false;
                releases_.set(*entry.second, never);
                return true;
            });
        if (all_.size() >= limits_->task_queues)
            return nullptr;
        return all_.emplace(key, std::make_unique<task_queue>(key, ++last_order_, *limits_)).first->second.get();
    }

    [[nodiscard]] task_queue* find(const queue_key& key) const
    {
        const auto at = all_.find(key);
        return at == all_.end() ? nullptr : at->second.get();
    }

    [[nodiscard]] const std::map<queue_key, std::unique_ptr<task_queue>>& all() const noexcept { return all_; }

    // Tasks.

    /// False if there is no room for another queue; the task is nowhere then.
    [[nodiscard]] bool add(
        queued_task& e, const queue_key& key, std::optional<deployment_version> version, const moment& now)
    {
        task_queue* const q = find_or_make(key);
        if (q == nullptr)
            return false;
        const add_outcome outcome = q->add(e, version, now.at);
        // What waits for one worker is no work for others.
        if (!q->sticky())
            added_.push_back({key.name_space, key.name, key.type, std::move(version), outcome});
        return true;
    }

    template <class Withhold, class Take>
    void hand_out(task_queue& q, const moment& now, Withhold withhold, Take take)
    {
        while (const auto m = q.next_match(now, withhold)) {
            known_poller* const worker = m->poll->poller;
            ++worker->tasks;
            busy_.insert_or_assign(m->task, worker);
            const std::unique_ptr<parked_poll> poll = forget(*m->poll);
            take(*m->task, *poll, *worker);
        }
        releases_.set(q, q.next_release(now.at));
    }

    /// A worker has this task without a poll for it, whether it ever polled this queue or not.
    void task_began(const queued_task& e, const queue_key& key, const poller_key& who)
    {
        known_poller* worker = nullptr;
        if (task_queue* const q = find(key))
            if (const auto at = q->pollers().find(who); at != q->pollers().end()) {
                worker = &at->second;
                ++worker->tasks;
            }
        busy_.insert_or_assign(&e, worker);
    }

    /// A worker no longer has this task.
    void task_ended(const queued_task& e, const moment& now)
    {
        const auto at = busy_.find(&e);
        if (at == busy_.end())
            return;
        if (known_poller* const worker = at->second) {
            --worker->tasks;
            worker->last = std::max(worker->last, now, [](auto& a, auto& b) { return a.at < b.at; });
            watch(*worker);
        }
        busy_.erase(at);
    }

    // Polls.

    /// Why this poll cannot wait here; OK if it does now.
    [[nodiscard]] grpc::status park(ticket id, poll_request r, const caller& who)
    {
        auto& waiting = parked_of_[r.queue.name_space];
        if (waiting >= limits_->parked_polls)
            return exhausted(
                "At most " + std::to_string(limits_->parked_polls) + " polls of a namespace wait at once.");
        task_queue* const q = find_or_make(r.queue);
        if (q == nullptr)
            return no_room_for_queue();
        if (!q->pollers().contains(key_of(r)) && q->pollers().size() >= limits_->pollers)
            return exhausted("Task queue " + r.queue.name + " has had more than " + std::to_string(limits_->pollers) +
                             " workers in a short time.");
        if (!q->pollers().contains(key_of(r)) && known_ >= limits_->all_pollers)
            return exhausted(
                "The service has had more than " + std::to_string(limits_->all_pollers) + " workers in a short time.");
        known_poller& worker = meet(*q, r, who.now);
        if (r.tasks_per_second) {
            q->limit_by_worker(*r.tasks_per_second, who.now.at);
            worker.rate = *r.tasks_per_second;
        }
        auto p = std::make_unique<parked_poll>();
        p->id = id;
        p->order = ++last_order_;
        p->poller = &worker;
        // A run that one worker remembers is handed to that worker, whatever its version.
        if (!r.normal_name.empty())
            q->normal_name = r.normal_name;
        else
            p->version = worker.key.version;
        p->instance = std::move(r.instance);
        p->client_name = who.client_name.substr(0, limits_->id_length);
        p->client_version = who.client_version.substr(0, limits_->id_length);
        q->park(*p);
        uptime until = later(who.now.at, limits_->poll_time);
        if (who.deadline)
            until = std::min(until, *who.deadline - std::chrono::seconds(1));
        expiries_.set(*p, until);
        parked_.emplace(id, std::move(p));
        ++waiting;
        return {};
    }

    /// Takes a poll away. False if it does not wait.
    bool remove_poll(ticket id, const moment& now)
    {
        const auto at = parked_.find(id);
        if (at == parked_.end())
            return false;
        take_out(*at->second, now);
        return true;
    }

    /// A worker says goodbye: its polls there end, empty, and it is listed no more. Which polls ended.
    [[nodiscard]] std::vector<ticket> shut_down(const std::string& name_space, const std::string& instance,
        const std::string& identity, const std::string& queue, const std::set<task_type>& types, const moment& now)
    {
        std::vector<ticket> out;
        for (auto entry = all_.lower_bound({name_space, queue, task_type{}}); entry != all_.end(); ++entry) {
            const auto& [key, q] = *entry;
            if (key.name_space != name_space || (!queue.empty() && key.name != queue))
                break;
            if (!types.contains(key.type))
                continue;
            std::vector<parked_poll*> ended;
            for (const auto& [version, l] : q->lanes())
                for (const auto& [order, p] : l.polls)
                    if (!instance.empty() && p->instance == instance)
                        ended.push_back(p);
            for (parked_poll* p : ended) {
                out.push_back(p->id);
                take_out(*p, now);
            }
            for (auto at = q->pollers().lower_bound({identity, std::nullopt});
                 at != q->pollers().end() && at->first.identity == identity; ++at)
                if (at->second.polls == 0 && (instance.empty() || at->second.instance == instance))
                    leave(at->second);
        }
        return out;
    }

    // Time.

    [[nodiscard]] uptime next_event() const noexcept
    {
        return std::min({expiries_.soonest(), releases_.soonest(), memories_.soonest()});
    }

    /// Polls that have waited for long enough; they wait no more.
    [[nodiscard]] std::vector<ticket> expired(const moment& now)
    {
        std::vector<ticket> out;
        while (parked_poll* const p = expiries_.next_due(now.at)) {
            out.push_back(p->id);
            take_out(*p, now);
        }
        while (known_poller* const w = memories_.next_due(now.at)) {
            if (w->polls != 0 || w->tasks != 0)
                continue;  // whatever ends that watches it again
            if (later(w->last.at, limits_->poller_memory) > now.at) {
                watch(*w);
                continue;
            }
            leave(*w);
            --known_;
            w->queue->pollers().erase(poller_key(w->key));
        }
        return out;
    }

    /// A queue whose limiter lets go again; ask until there is none.
    [[nodiscard]] task_queue* released(uptime now) { return releases_.next_due(now); }

    // What others want to know.

    [[nodiscard]] bool listed(const known_poller& w, const moment& now) const noexcept
    {
        return !w.left && (w.polls != 0 || later(w.last.at, limits_->poller_memory) > now.at);
    }

    [[nodiscard]] bool polled(std::string_view name_space, std::string_view name, task_type type,
        const deployment_version& version, const moment& now) const override
    {
        const task_queue* const q = find({std::string(name_space), std::string(name), type});
        return q != nullptr && std::any_of(q->pollers().begin(), q->pollers().end(), [&](const auto& entry) {
            return entry.first.version == version && listed(entry.second, now);
        });
    }

    /// The same, as any version or none.
    [[nodiscard]] bool polled(
        std::string_view name_space, std::string_view name, task_type type, const moment& now) const
    {
        const task_queue* const q = find({std::string(name_space), std::string(name), type});
        return q != nullptr && std::any_of(q->pollers().begin(), q->pollers().end(),
                                   [&](const auto& entry) { return listed(entry.second, now); });
    }

    [[nodiscard]] queue_numbers numbers(std::string_view name_space, std::string_view name, task_type type,
        const deployment_version& version, const moment& now) const override
    {
        const task_queue* const q = find({std::string(name_space), std::string(name), type});
        if (q == nullptr)
            return {};
        const std::optional<deployment_version> only = version;
        return {q->stats(now.at, &only), q->stats_by_priority(now.at, &only)};
    }

    [[nodiscard]] std::size_t parked() const noexcept { return parked_.size(); }
    [[nodiscard]] bool waits(ticket id) const { return parked_.contains(id); }
    [[nodiscard]] std::vector<add_event> take_added() { return std::exchange(added_, {}); }
    [[nodiscard]] std::vector<worker_event> take_workers() { return std::exchange(workers_, {}); }

    [[nodiscard]] grpc::status no_room_for_queue() const
    {
        return exhausted("The service keeps at most " + std::to_string(limits_->task_queues) + " task queues.");
    }

    /// Whether every poll is parked once, and counted once. What is wrong otherwise; empty if nothing is.
    [[nodiscard]] std::string check() const
    {
        std::size_t seen = 0;
        std::size_t known = 0;
        std::map<const known_poller*, std::uint32_t> polls;
        for (const auto& [key, q] : all_)
            for (const auto& [version, l] : q->lanes()) {
                if (!l.backlog.empty() && !l.polls.empty() && q->alarm == never && q->limiter().rate().value_or(1) > 0)
                    return "a task and a poll of queue " + key.name + " wait for one another";
                for (const auto& [order, p] : l.polls) {
                    const auto at = parked_.find(p->id);
                    if (at == parked_.end() || at->second.get() != p || p->queue != q.get() || p->version != version)
                        return "a poll waits at a queue and is not known";
                    if (p->alarm == never)
                        return "a poll waits for ever";
                    ++polls[p->poller];
                    ++seen;
                }
            }
        if (seen != parked_.size())
            return "a poll is known and waits nowhere";
        std::map<const known_poller*, std::uint32_t> tasks;
        for (const auto& [task, w] : busy_)
            if (w != nullptr)
                ++tasks[w];
        for (const auto& [key, q] : all_)
            known += q->pollers().size();
        if (known != known_)
            return "workers are counted wrong";
        for (const auto& [key, q] : all_)
            for (const auto& [who, w] : q->pollers())
                if (w.polls != polls[&w] || w.tasks != tasks[&w])
                    return "a worker's polls or tasks are counted wrong";
        return {};
    }

    [[nodiscard]] bool busy(const queued_task& e) const { return busy_.contains(&e); }
    [[nodiscard]] std::size_t busy_tasks() const noexcept { return busy_.size(); }

private:
    [[nodiscard]] static poller_key key_of(const poll_request& r) { return {r.identity, version_of(r.options)}; }

    known_poller& meet(task_queue& q, const poll_request& r, const moment& now)
    {
        const auto [at, fresh] = q.pollers().try_emplace(key_of(r));
        known_poller& w = at->second;
        if (fresh) {
            ++known_;
            w.order = ++last_order_;
            w.key = at->first;
            w.queue = &q;
        }
        const bool comes = fresh || w.left;
        if (comes)
            w.first = now;
        w.left = false;
        w.last = now;
        w.options = r.options;
        w.instance = r.instance;
        if (comes)
            tell(w, true);
        return w;
    }

    /// It may have to be forgotten some time.
    void watch(known_poller& w)
    {
        if (w.alarm == never && w.polls == 0 && w.tasks == 0)
            memories_.set(w, later(w.last.at, limits_->poller_memory));
    }

    void leave(known_poller& w)
    {
        if (!std::exchange(w.left, true))
            tell(w, false);
    }

    void tell(const known_poller& w, bool present)
    {
        const queue_key& k = w.queue->key();
        workers_.push_back({k.name_space, w.key.identity, k.name, k.type, w.key.version, present});
    }

    void take_out(parked_poll& p, const moment& now)
    {
        p.queue->unpark(p, now);
        static_cast<void>(forget(p));
    }

    std::unique_ptr<parked_poll> forget(parked_poll& p)
    {
        expiries_.set(p, never);
        known_poller& w = *p.poller;
        const auto count = parked_of_.find(w.queue->key().name_space);
        if (--count->second == 0)
            parked_of_.erase(count);
        watch(w);
        const auto at = parked_.find(p.id);
        std::unique_ptr<parked_poll> out = std::move(at->second);
        parked_.erase(at);
        return out;
    }

    const limits* limits_;
    std::map<queue_key, std::unique_ptr<task_queue>> all_{};
    std::unordered_map<ticket, std::unique_ptr<parked_poll>> parked_{};
    std::map<std::string, std::size_t> parked_of_{};                // by namespace
    std::unordered_map<const queued_task*, known_poller*> busy_{};  // by what is being done; null: not by a poller
    alarms<parked_poll> expiries_{};
    alarms<task_queue> releases_{};
    alarms<known_poller> memories_{};
    std::vector<add_event> added_{};
    std::vector<worker_event> workers_{};
    std::uint64_t last_order_ = 0;
    std::size_t known_ = 0;  // workers, of all queues
};

}  // namespace mayfly::temporal::embedded
