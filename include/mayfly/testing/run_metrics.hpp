// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/testing/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

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
