// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/testing/workload.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

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
