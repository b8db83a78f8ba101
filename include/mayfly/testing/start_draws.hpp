// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/testing/random.hpp>
#include <mayfly/testing/workload.hpp>

#include <algorithm>
#include <vector>

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
