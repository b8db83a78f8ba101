// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace mayfly::temporal::detail {

/** Tells of a step that does not come back, while it hangs.

    A thread of its own does, which sleeps as long as no step is made: it looks once in a while where there are many,
   and a step wakes it only if there was none for that long.
*/
class step_watch {
public:
    using clock = std::chrono::steady_clock;

    /// `tell` is called on another thread, with the words of the step that hangs. Without patience nothing is watched.
    step_watch(std::chrono::nanoseconds patience, std::function<void(const std::string&)> tell)
        : patience_(patience), tell_(std::move(tell))
    {}
    step_watch(const step_watch&) = delete;
    step_watch& operator=(const step_watch&) = delete;
    ~step_watch()
    {
        {
            const std::scoped_lock lock(mutex_);
            closed_ = true;
        }
        wake_.notify_all();
        if (thread_.joinable())
            thread_.join();
    }

    /// A step begins, of which `words` can tell until `end`. One at a time.
    void begin(const std::function<std::string()>& words)
    {
        if (patience_ <= std::chrono::nanoseconds::zero())
            return;
        bool asleep = false;
        {
            const std::scoped_lock lock(mutex_);
            words_ = &words;
            began_ = clock::now();
            told_ = false;
            ++steps_;
            asleep = asleep_;
        }
        if (!thread_.joinable())
            start();
        else if (asleep)
            wake_.notify_all();
    }

    /// It has come back. True if it took longer than it may.
    [[nodiscard]] bool end()
    {
        if (patience_ <= std::chrono::nanoseconds::zero())
            return false;
        const std::scoped_lock lock(mutex_);
        words_ = nullptr;
        return told_ || clock::now() - began_ >= patience_;
    }

    [[nodiscard]] std::chrono::nanoseconds patience() const noexcept { return patience_; }

private:
    void start()
    {
        try {
            thread_ = std::thread([this] { watch(); });
        } catch (const std::system_error&) {
            return;  // then nobody looks; `end` says it all the same
        }
    }

    void watch()
    {
        std::unique_lock lock(mutex_);
        std::uint64_t seen = 0;
        while (!closed_) {
            if (steps_ == seen) {
                asleep_ = true;
                wake_.wait(lock, [&] { return closed_ || steps_ != seen; });
                asleep_ = false;
                continue;
            }
            seen = steps_;
            const auto until = (words_ != nullptr ? began_ : clock::now()) + patience_;
            wake_.wait_until(lock, until, [&] { return closed_; });
            if (words_ != nullptr && !told_ && !closed_ && clock::now() >= began_ + patience_) {
                told_ = true;
                const std::string words = (*words_)();
                lock.unlock();  // who makes steps does not wait for it
                tell_(words);
                lock.lock();
            }
        }
    }

    std::chrono::nanoseconds patience_;
    std::function<void(const std::string&)> tell_;
    std::mutex mutex_{};
    std::condition_variable wake_{};
    const std::function<std::string()>* words_ = nullptr;  // of the step that is made
    clock::time_point began_{};
    std::uint64_t steps_ = 0;
    bool told_ = false;
    bool asleep_ = false;
    bool closed_ = false;
    std::thread thread_{};
};

}  // namespace mayfly::temporal::detail
