// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/leaving.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/testing/event_queue.hpp>
#include <mayfly/testing/model_driver.hpp>
#include <mayfly/testing/poller_list.hpp>
#include <mayfly/testing/run_metrics.hpp>
#include <mayfly/testing/start_draws.hpp>
#include <mayfly/testing/task_queue.hpp>
#include <mayfly/testing/workload.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
