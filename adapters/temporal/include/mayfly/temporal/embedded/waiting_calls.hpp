// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/activity_views.hpp>
#include <mayfly/temporal/embedded/alarms.hpp>
#include <mayfly/temporal/embedded/execution.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace mayfly::temporal::embedded {

/// A call that waits for an activity: for a change of it, or for its outcome.
struct waiting_call {
    ticket id = 0;
    std::uint64_t order = 0;
    uptime alarm = never;
    execution* run = nullptr;
    std::optional<api::DescribeActivityExecutionRequest> describe{};  ///< None: it waits for the outcome.

    /// What it would be told now; none if it waits on.
    [[nodiscard]] std::optional<std::string> message() const
    {
        if (describe)
            return described(*run, *describe);
        return run->open() ? std::nullopt : std::optional(outcome_of(*run));
    }
};

/// The calls that wait for activities. Who they are is also in the activity itself, where only this writes it.
class waiting_calls {
public:
    explicit waiting_calls(const limits& l) : limits_(&l) {}

    /// Why it cannot wait; OK if it does now. `describe` is null if it waits for the outcome.
    [[nodiscard]] grpc::status wait(
        ticket id, execution& e, const api::DescribeActivityExecutionRequest* describe, const caller& who)
    {
        std::size_t& waiting = of_name_space_[e.name_space()];
        if (waiting >= limits_->waiting_calls)
            return exhausted("At most " + std::to_string(limits_->waiting_calls) +
                             " calls of a namespace wait for activities at once.");
        ++waiting;
        auto w = std::make_unique<waiting_call>();
        w->id = id;
        w->order = ++last_order_;
        w->run = &e;
        if (describe != nullptr)
            w->describe = *describe;
        uptime until = later(who.now.at, limits_->wait_time);
        if (who.deadline)
            until = std::min(until, std::max(who.now.at, *who.deadline - std::chrono::seconds(1)));
        due_.set(*w, until);
        e.waiting.insert(id);
        all_.emplace(id, std::move(w));
        return {};
    }

    void forget(ticket id)
    {
        const auto at = all_.find(id);
        if (at == all_.end())
            return;
        waiting_call& w = *at->second;
        due_.set(w, never);
        w.run->waiting.erase(id);
        const auto count = of_name_space_.find(w.run->name_space());
        if (--count->second == 0)
            of_name_space_.erase(count);
        all_.erase(at);
    }

    /// One that has waited for long enough; it waits no more. Ask until there is none.
    [[nodiscard]] std::optional<ticket> expired(uptime now)
    {
        waiting_call* const w = due_.next_due(now);
        if (w == nullptr)
            return std::nullopt;
        const ticket id = w->id;
        forget(id);
        return id;
    }

    [[nodiscard]] uptime next_event() const noexcept { return due_.soonest(); }
    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
    /// Null if it does not wait.
    [[nodiscard]] const waiting_call* find(ticket id) const
    {
        const auto at = all_.find(id);
        return at == all_.end() ? nullptr : at->second.get();
    }

private:
    const limits* limits_;
    std::unordered_map<ticket, std::unique_ptr<waiting_call>> all_{};
    std::map<std::string, std::size_t> of_name_space_{};
    alarms<waiting_call> due_{};
    std::uint64_t last_order_ = 0;
};

}  // namespace mayfly::temporal::embedded
