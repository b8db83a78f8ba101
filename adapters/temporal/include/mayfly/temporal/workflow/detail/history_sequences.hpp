// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/event_table.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/** What one workflow task saw, as places in the events at hand.

    It begins where the last one ended and ends with a WorkflowTaskStarted that counts: whose task was completed, or is
    the one at hand. What was started and then failed or timed out left nothing behind; its events belong to the next
    that counts. The commands of the task, which code is about to make again, stand behind its completion.
*/
struct sequence {
    std::size_t started = 0;
    std::optional<std::size_t> completed{};  ///< Without: the task at hand.
    std::size_t commands_end = 0;            ///< Behind the last event of its commands.
};

/// Events that are still to be gone through, in their order and without a gap.
class history_buffer {
public:
    using event = api::history::HistoryEvent;

    /// Empty if they follow on what is here. What was there before is left out.
    [[nodiscard]] std::string append(std::vector<event> page, bool more)
    {
        more_ = more;
        for (event& e : page) {
            const std::int64_t id = e.event_id();
            if (id < last_ + 1 && id > 0)
                continue;
            if (id != last_ + 1 || id == std::numeric_limits<std::int64_t>::max())
                return "history goes on with event " + std::to_string(id) + " where event " +
                       std::to_string(last_ + 1) + " was expected";
            last_ = id;
            events_.push_back(std::move(e));
        }
        return {};
    }

    /// Events up to this one are known, whatever comes next.
    void stand_at(std::int64_t id)
    {
        events_.clear();
        last_ = id;
    }

    /// Events that nobody has looked at: the next task brings them again, if they are still so.
    void forget_rest()
    {
        if (!events_.empty())
            stand_at(events_.front().event_id() - 1);
    }

    [[nodiscard]] bool ends_run() const
    {
        return std::any_of(
            events_.begin(), events_.end(), [](const event& e) { return class_of(e) == event_class::ends; });
    }

    [[nodiscard]] bool empty() const noexcept { return events_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }
    [[nodiscard]] const event& operator[](std::size_t i) const { return events_[i]; }
    [[nodiscard]] std::int64_t last() const noexcept { return last_; }

    [[nodiscard]] event pop()
    {
        event e = std::move(events_.front());
        events_.pop_front();
        return e;
    }

    enum class found : std::uint8_t { sequence, need_more, none };

    /// `at_hand`: the WorkflowTaskStarted of the polled task; zero if any that is open counts.
    [[nodiscard]] found next(std::int64_t at_hand, bool open_counts, sequence& out) const
    {
        for (std::size_t i = 0; i < events_.size(); ++i) {
            if (events_[i].event_type() != api::enums::EVENT_TYPE_WORKFLOW_TASK_STARTED)
                continue;
            const std::size_t after = next_of_task(i + 1);
            if (after == events_.size()) {
                if (more_)
                    return found::need_more;
                if (!open_counts || (at_hand != 0 && events_[i].event_id() != at_hand))
                    return found::none;
                out = {i, std::nullopt, events_.size()};
                return found::sequence;
            }
            if (events_[after].event_type() != api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
                continue;
            const std::size_t end = commands_end(after + 1);
            if (end == events_.size() && more_)
                return found::need_more;
            out = {i, after, end};
            return found::sequence;
        }
        return more_ ? found::need_more : found::none;
    }

    /// Behind the commands of the completion that stands before `i`.
    [[nodiscard]] std::size_t commands_end(std::size_t i) const
    {
        std::size_t end = i;
        for (; i < events_.size(); ++i) {
            const event_class is = class_of(events_[i]);
            if (is == event_class::command)
                end = i + 1;
            else if (is != event_class::nothing)
                return end;
        }
        return events_.size();
    }

private:
    /// Where the next event about a workflow task is, or one that ends the run.
    [[nodiscard]] std::size_t next_of_task(std::size_t i) const
    {
        while (i < events_.size() && class_of(events_[i]) != event_class::task &&
               class_of(events_[i]) != event_class::ends)
            ++i;
        return i;
    }

    std::deque<event> events_;
    std::int64_t last_ = 0;
    bool more_ = false;
};

}  // namespace mayfly::temporal::workflow::detail
