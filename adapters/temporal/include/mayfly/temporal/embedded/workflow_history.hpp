// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace mayfly::temporal::embedded {

/** The events of one run.

    What happens to a run while a worker decides on it must not come between its task's events: it is kept aside, and
    `flush` writes it. So every event of that sort goes aside first, and whoever is done with a change flushes, unless
    a worker has the task.
*/
class workflow_history {
public:
    using event = api::history::HistoryEvent;

    /// Written at once: what the service does of itself, and what commands become.
    event& write(api::enums::EventType type, const moment& now)
    {
        event& e = events_.emplace_back();
        e.set_event_id(next_id() - 1);  // it is there already
        begin(e, type, now);
        return e;
    }

    /// Something that happens to the run.
    event& note(api::enums::EventType type, const moment& now)
    {
        event& e = aside_.emplace_back();
        begin(e, type, now);
        return e;
    }

    /// Writes what was kept aside. How things end goes behind all else, as their beginnings may be there too.
    void flush()
    {
        std::stable_partition(aside_.begin(), aside_.end(), [](const event& e) { return !ends_something(e); });
        for (event& e : aside_) {
            e.set_event_id(next_id());
            link_to_begin(e);
            events_.push_back(std::move(e));
        }
        drop_aside();
    }
    void drop_aside()
    {
        aside_.clear();
        count_aside_anew();
    }

    /// The events that are already counted do not change; the last one is, when the next is written or `bytes` asked.
    [[nodiscard]] std::size_t bytes()
    {
        for (; counted_ < events_.size(); ++counted_)
            bytes_ += events_[counted_].ByteSizeLong();
        return bytes_;
    }

    /// With what is kept aside.
    [[nodiscard]] std::size_t all_bytes()
    {
        for (; counted_aside_ < aside_.size(); ++counted_aside_)
            bytes_aside_ += aside_[counted_aside_].ByteSizeLong();
        return bytes() + bytes_aside_;
    }
    [[nodiscard]] std::int64_t all_events() const noexcept
    {
        return static_cast<std::int64_t>(events_.size() + aside_.size());
    }

    [[nodiscard]] std::int64_t next_id() const noexcept { return static_cast<std::int64_t>(events_.size()) + 1; }
    [[nodiscard]] const std::deque<event>& events() const noexcept { return events_; }
    [[nodiscard]] const std::deque<event>& aside() const noexcept { return aside_; }
    [[nodiscard]] const event& at(std::int64_t id) const { return events_[static_cast<std::size_t>(id - 1)]; }
    [[nodiscard]] bool has(std::int64_t id) const noexcept { return id > 0 && id < next_id(); }
    [[nodiscard]] event& last() { return events_.back(); }

    /// Takes the last event back: nobody has acted on it.
    void unwrite()
    {
        if (counted_ == events_.size()) {
            --counted_;
            bytes_ -= events_.back().ByteSizeLong();
        }
        events_.pop_back();
    }

    /// A copy of another one's beginning.
    void copy(const workflow_history& from, std::int64_t last)
    {
        for (std::int64_t id = 1; id <= last; ++id)
            events_.push_back(from.at(id));
        for (const event& e : events_)
            remember_begin(e);
    }

    /// What was begun by an event, by the id that its ends name: an activity's or a child's. Zero: it was not begun.
    [[nodiscard]] std::int64_t begin_of(std::int64_t scheduled) const
    {
        const auto at = begun_.find(scheduled);
        return at == begun_.end() ? 0 : at->second;
    }

    /// Takes a fired timer out of what is kept aside. The event that started it; zero if it did not fire.
    std::int64_t unfire(std::string_view timer)
    {
        for (auto at = aside_.begin(); at != aside_.end(); ++at)
            if (at->timer_fired_event_attributes().timer_id() == timer) {
                const std::int64_t out = at->timer_fired_event_attributes().started_event_id();
                aside_.erase(at);
                count_aside_anew();
                return out;
            }
        return 0;
    }

private:
    void count_aside_anew() noexcept { counted_aside_ = bytes_aside_ = 0; }

    void begin(event& e, api::enums::EventType type, const moment& now)
    {
        e.set_event_type(type);
        put(*e.mutable_event_time(), now);
        e.set_task_id(++task_id_);
    }

    [[nodiscard]] static bool ends_something(const event& e) noexcept
    {
        switch (e.event_type()) {
        case api::enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        case api::enums::EVENT_TYPE_ACTIVITY_TASK_FAILED:
        case api::enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        case api::enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        case api::enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
        case api::enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
        case api::enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
        case api::enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
        case api::enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED: return true;
        default: return false;
        }
    }

    void remember_begin(const event& e)
    {
        if (e.has_activity_task_started_event_attributes())
            begun_[e.activity_task_started_event_attributes().scheduled_event_id()] = e.event_id();
        if (e.has_child_workflow_execution_started_event_attributes())
            begun_[e.child_workflow_execution_started_event_attributes().initiated_event_id()] = e.event_id();
    }

    void link_to_begin(event& e)
    {
        remember_begin(e);
        const auto link = [this](auto& attributes) {
            std::int64_t by = 0;
            if constexpr (requires { attributes.scheduled_event_id(); })
                by = attributes.scheduled_event_id();
            else
                by = attributes.initiated_event_id();
            if (const std::int64_t begun = begin_of(by); begun != 0)
                attributes.set_started_event_id(begun);
        };
        if (e.has_activity_task_completed_event_attributes())
            link(*e.mutable_activity_task_completed_event_attributes());
        else if (e.has_activity_task_failed_event_attributes())
            link(*e.mutable_activity_task_failed_event_attributes());
        else if (e.has_activity_task_timed_out_event_attributes())
            link(*e.mutable_activity_task_timed_out_event_attributes());
        else if (e.has_activity_task_canceled_event_attributes())
            link(*e.mutable_activity_task_canceled_event_attributes());
        else if (e.has_child_workflow_execution_completed_event_attributes())
            link(*e.mutable_child_workflow_execution_completed_event_attributes());
        else if (e.has_child_workflow_execution_failed_event_attributes())
            link(*e.mutable_child_workflow_execution_failed_event_attributes());
        else if (e.has_child_workflow_execution_canceled_event_attributes())
            link(*e.mutable_child_workflow_execution_canceled_event_attributes());
        else if (e.has_child_workflow_execution_timed_out_event_attributes())
            link(*e.mutable_child_workflow_execution_timed_out_event_attributes());
        else if (e.has_child_workflow_execution_terminated_event_attributes())
            link(*e.mutable_child_workflow_execution_terminated_event_attributes());
    }

    std::deque<event> events_{};
    std::deque<event> aside_{};
    std::map<std::int64_t, std::int64_t> begun_{};
    std::int64_t task_id_ = 1'048'575;
    std::size_t counted_ = 0;
    std::size_t bytes_ = 0;
    std::size_t counted_aside_ = 0;
    std::size_t bytes_aside_ = 0;
};

}  // namespace mayfly::temporal::embedded
