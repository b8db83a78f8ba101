// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/messages.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

// Who did what of a workflow, as its history has it: a line for each invocation that had to do with it.

namespace quickstart {

class stays {
public:
    void invoked(const std::string& function, const std::string& request_id)
    {
        names_.emplace(request_id, function + " " + std::to_string(++invocations_[function]));
    }

    /// What has come to history since the last time.
    void tell(const mayfly::temporal::api::history::History& history)
    {
        namespace api = mayfly::temporal::api;
        std::vector<stay> all;
        const auto here = [&](const std::string& identity) -> stay& {
            const std::string who = name_of(identity);
            for (stay& s : all)
                if (s.who == who)
                    return s;
            return all.emplace_back(stay{who, days_});
        };
        for (const auto& e : history.events()) {
            if (e.event_id() <= told_)
                continue;
            told_ = e.event_id();
            const auto at = static_cast<double>(e.event_time().seconds()) + e.event_time().nanos() / 1e9;
            if (told_ == 1)
                began_ = at;
            days_ = (at - began_) / 86'400;
            switch (e.event_type()) {
            case api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED: {
                const auto& a = e.workflow_task_completed_event_attributes();
                stay& s = here(a.identity());
                ++tasks_;
                ++s.tasks;
                if (a.identity() != last_ && !last_.empty()) {
                    ++replays_;
                    s.replayed = a.started_event_id();
                }
                last_ = a.identity();
                workers_.insert(last_);
                break;
            }
            case api::enums::EVENT_TYPE_WORKFLOW_TASK_FAILED:
                failed_ = e.workflow_task_failed_event_attributes().failure().message();
                failed_ = "a workflow task failed: " + failed_;
                break;
            case api::enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                activities_[told_] = e.activity_task_scheduled_event_attributes().activity_type().name();
                break;
            case api::enums::EVENT_TYPE_ACTIVITY_TASK_STARTED: {
                const auto& a = e.activity_task_started_event_attributes();
                ++here(a.identity()).activities[activities_[a.scheduled_event_id()]];
                break;
            }
            case api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                std::printf("  day %.1f  somebody confirms\n", days_);
                break;
            case api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: {
                const auto& a = e.workflow_execution_completed_event_attributes();
                result_ = a.result().payloads_size() == 1 ? a.result().payloads(0).data() : "nothing";
                break;
            }
            default: break;
            }
        }
        for (const stay& s : all)
            print(s);
        std::fflush(stdout);
    }

    /// The workflow has ended, or will not end well.
    [[nodiscard]] bool closed() const noexcept { return !result_.empty() || !failed_.empty(); }
    /// That have gone by for the workflow.
    [[nodiscard]] double days() const noexcept { return days_; }

    /// What was not as it should be, in words; empty if all was.
    [[nodiscard]] std::string sum_up(double seconds) const
    {
        if (!failed_.empty())
            return failed_;
        std::printf("\n%s: %.1f days in %.0f s, %d workflow tasks in %zu invocations, %d replays; no task failed\n",
            result_.c_str(), days_, seconds, tasks_, workers_.size(), replays_);
        if (workers_.size() < 2)
            return "all workflow tasks were done in one invocation";
        return days_ < 5 ? "it should have taken five days" : "";
    }

private:
    struct stay {
        std::string who{};
        double day = 0;
        int tasks = 0;
        std::int64_t replayed = 0;
        std::map<std::string, int> activities{};
    };

    /// A worker's identity is the invocation's id, then `@` and its function.
    [[nodiscard]] std::string name_of(const std::string& identity) const
    {
        const auto at = names_.find(identity.substr(0, identity.find('@')));
        return at == names_.end() ? identity : at->second;
    }

    static void print(const stay& s)
    {
        std::printf("  day %.1f  %-12s", s.day, s.who.c_str());
        if (s.replayed > 0)
            std::printf(" replays %lld events,", static_cast<long long>(s.replayed));
        if (s.tasks > 0)
            std::printf(" %d workflow task%s", s.tasks, s.tasks == 1 ? "" : "s");
        for (const auto& [name, times] : s.activities)
            std::printf(" %d x %s", times, name.c_str());
        std::printf("\n");
    }

    std::map<std::string, int> invocations_{};          // by function
    std::map<std::string, std::string> names_{};        // by request id
    std::map<std::int64_t, std::string> activities_{};  // by the event that asked for them
    std::set<std::string> workers_{};                   // that did workflow tasks
    std::string last_{};
    std::int64_t told_ = 0;
    double began_ = 0;
    double days_ = 0;
    int tasks_ = 0;
    int replays_ = 0;
    std::string result_{};
    std::string failed_{};
};

}  // namespace quickstart
