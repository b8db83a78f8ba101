// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/alarms.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/embedded/workflow_run.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace mayfly::temporal::embedded {

/// A call that waits for a run.
struct workflow_wait {
    enum class what : std::uint8_t {
        history,      ///< For an event, or for the last one.
        update,       ///< For a stage of an update, as its call or a poll of it wants to be answered.
        update_poll,  ///< The same.
        both,         ///< For a stage of an update that came with the run's start.
        query,        ///< For its answer, which whoever brings it tells.
    };

    ticket id = 0;
    std::uint64_t order = 0;
    uptime alarm = never;
    workflow_run* run = nullptr;
    what kind = what::history;
    api::GetWorkflowExecutionHistoryRequest history{};
    std::int64_t from = 0;  ///< The first event that was not seen yet.
    std::string update_id{};
    api::enums::UpdateWorkflowExecutionLifecycleStage stage{};
    api::StartWorkflowExecutionResponse started{};
};

/// The calls that wait for runs. Who they are is also in the run itself, where only this writes it.
class workflow_waits {
public:
    explicit workflow_waits(const limits& l) : limits_(&l) {}

    /// Why it cannot wait; OK if it does now.
    [[nodiscard]] grpc::status wait(workflow_wait call, workflow_run& run, const caller& who, uptime at_most)
    {
        std::size_t& waiting = of_name_space_[run.name_space];
        if (waiting >= limits_->waiting_calls)
            return exhausted("At most " + std::to_string(limits_->waiting_calls) +
                             " calls of a namespace wait for workflows at once.");
        ++waiting;
        auto w = std::make_unique<workflow_wait>(std::move(call));
        w->order = ++last_order_;
        w->run = &run;
        uptime until = later(who.now.at, at_most);
        if (who.deadline)
            until = std::min(until, std::max(who.now.at, *who.deadline - std::chrono::seconds(1)));
        due_.set(*w, until);
        run.waiting.insert(w->id);
        const ticket id = w->id;
        all_.emplace(id, std::move(w));
        return {};
    }

    bool forget(ticket id)
    {
        const auto at = all_.find(id);
        if (at == all_.end())
            return false;
        workflow_wait& w = *at->second;
        due_.set(w, never);
        w.run->waiting.erase(id);
        const auto count = of_name_space_.find(w.run->name_space);
        if (--count->second == 0)
            of_name_space_.erase(count);
        all_.erase(at);
        return true;
    }

    /// One that has waited for long enough; it waits no more. Ask until there is none.
    [[nodiscard]] std::unique_ptr<workflow_wait> expired(uptime now)
    {
        workflow_wait* const w = due_.next_due(now);
        if (w == nullptr)
            return nullptr;
        auto out = std::make_unique<workflow_wait>(*w);
        forget(w->id);
        return out;
    }

    /// Whether somebody waits for how a run, or an update of it, ends.
    [[nodiscard]] bool awaits_result() const
    {
        return std::any_of(all_.begin(), all_.end(), [](const auto& entry) {
            const workflow_wait& w = *entry.second;
            return w.kind == workflow_wait::what::history
                       ? w.history.history_event_filter_type() == api::enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
                       : w.kind != workflow_wait::what::query;
        });
    }

    [[nodiscard]] uptime next_event() const noexcept { return due_.soonest(); }
    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
    /// Null if it does not wait.
    [[nodiscard]] const workflow_wait* find(ticket id) const
    {
        const auto at = all_.find(id);
        return at == all_.end() ? nullptr : at->second.get();
    }

private:
    const limits* limits_;
    std::unordered_map<ticket, std::unique_ptr<workflow_wait>> all_{};
    std::map<std::string, std::size_t> of_name_space_{};
    alarms<workflow_wait> due_{};
    std::uint64_t last_order_ = 0;
};

}  // namespace mayfly::temporal::embedded
