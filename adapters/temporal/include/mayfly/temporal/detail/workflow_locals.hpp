// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/detail/local_activities.hpp>
#include <mayfly/temporal/detail/workflow_run.hpp>
#include <mayfly/temporal/worker_config.hpp>
#include <mayfly/temporal/workflow/machine_step.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::temporal::detail {

/// Which local activities run for which run. What they came to is kept with the run until its machine has heard of it.
class workflow_locals {
public:
    using run_ptr = std::shared_ptr<workflow_run>;

    workflow_locals(boost::asio::any_io_executor executor, const worker_config& config, std::string name_space)
        : all_(std::make_shared<local_activities>(std::move(executor), config)), name_space_(std::move(name_space))
    {}

    /// Does what a step says of them. `news(run)` is called later, after each outcome.
    void take(const run_ptr& run, workflow::machine_step& step, const std::function<void(const run_ptr&)>& news)
    {
        for (const std::uint32_t seq : step.local_cancels)
            if (const auto at = run->locals.find(seq); at != run->locals.end())
                all_->cancel(at->second);
        for (auto& s : step.local_starts)
            start(run, std::move(s), news);
        step.local_starts.clear();
    }

    /// The run is not in memory any more.
    void drop(workflow_run& run)
    {
        for (const auto& [seq, work] : std::exchange(run.locals, {}))
            all_->drop(work);
        run.outcomes.clear();
    }

    void stop() { all_->stop(); }

    [[nodiscard]] const local_activities& all() const noexcept { return *all_; }

private:
    void start(const run_ptr& run, workflow::local_start s, const std::function<void(const run_ptr&)>& news)
    {
        const std::uint32_t seq = s.what.seq;
        auto& place = run->locals[seq];
        place = all_->start(std::move(s), {name_space_, run->workflow_id, run->id, run->type},
            [weak = std::weak_ptr(run), seq, news](workflow::local_outcome out) {
                const auto r = weak.lock();
                if (!r || r->locals.erase(seq) == 0 || !r->machine)
                    return;
                r->outcomes.emplace_back(seq, std::move(out));
                news(r);
            });
    }

    std::shared_ptr<local_activities> all_;
    std::string name_space_;
};

}  // namespace mayfly::temporal::detail
