// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace mayfly::temporal::detail {

/** Threads for functions that may block. They are started when there is a job and none of them is idle.

    `Job` is a movable callable that does not throw. Used from one thread.
*/
template <class Job>
class blocking_pool {
public:
    explicit blocking_pool(std::size_t most) : most_(most) {}
    blocking_pool(const blocking_pool&) = delete;
    blocking_pool& operator=(const blocking_pool&) = delete;
    ~blocking_pool() { close(); }

    /// False if there is no thread, and the system gives none.
    [[nodiscard]] bool run(Job job)
    {
        bool start = false;
        {
            const std::scoped_lock lock(shared_->mutex);
            shared_->jobs.push_back(std::move(job));
            start = shared_->idle < shared_->jobs.size() && threads_.size() < most_;
        }
        if (start && start_thread())
            return true;
        shared_->wake.notify_one();
        if (!threads_.empty())
            return true;
        const std::scoped_lock lock(shared_->mutex);
        shared_->jobs.pop_back();
        return false;
    }

    [[nodiscard]] std::size_t threads() const noexcept { return threads_.size(); }

    /// Drops what has not begun, and lets the threads end. One that runs a job is not waited for: the job ends when it
    /// ends, and may use nothing then that does not belong to it.
    void close()
    {
        std::deque<Job> dropped;
        {
            const std::scoped_lock lock(shared_->mutex);
            shared_->closed = true;
            dropped.swap(shared_->jobs);
            for (auto& t : threads_)
                if (*t.busy)
                    t.thread.detach();
        }
        shared_->wake.notify_all();
        for (auto& t : threads_)
            if (t.thread.joinable())
                t.thread.join();
        threads_.clear();
    }

private:
    struct shared_state {
        std::mutex mutex{};
        std::condition_variable wake{};
        std::deque<Job> jobs{};
        std::size_t idle = 0;
        bool closed = false;
    };
    struct worker_thread {
        std::thread thread{};
        std::shared_ptr<bool> busy{};  // guarded by the mutex
    };

    bool start_thread()
    {
        worker_thread mine;
        mine.busy = std::make_shared<bool>(false);
        try {
            mine.thread = std::thread([shared = shared_, busy = mine.busy] { work(*shared, *busy); });
        } catch (const std::system_error&) {
            return false;
        }
        threads_.push_back(std::move(mine));
        return true;
    }

    static void work(shared_state& s, bool& busy)
    {
        std::unique_lock lock(s.mutex);
        for (;;) {
            ++s.idle;
            s.wake.wait(lock, [&s] { return s.closed || !s.jobs.empty(); });
            --s.idle;
            if (s.closed)
                return;
            {
                Job job = std::move(s.jobs.front());
                s.jobs.pop_front();
                busy = true;
                lock.unlock();
                job();
            }  // what the job holds goes without the lock
            lock.lock();
            busy = false;
        }
    }

    std::size_t most_;
    std::shared_ptr<shared_state> shared_ = std::make_shared<shared_state>();
    std::list<worker_thread> threads_{};
};

}  // namespace mayfly::temporal::detail
