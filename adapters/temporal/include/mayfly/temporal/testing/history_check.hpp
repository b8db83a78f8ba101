// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/testing/history_json.hpp>
#include <mayfly/temporal/workflow/detail/event_table.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::testing {

namespace detail {

/// Goes through a history once, and notes what no server would write.
class history_checker {
public:
    explicit history_checker(std::vector<std::string>& wrong) : wrong_(&wrong) {}

    void take(const api::history::HistoryEvent& e)
    {
        using namespace workflow::detail;
        const std::int64_t expected = last_ + 1;
        if (e.event_id() != expected)
            say(e, "stands where event " + std::to_string(expected) + " should");
        last_ = e.event_id();
        const event_class is = class_of(e);
        if ((is == event_class::begins) != (expected == 1))
            say(e, expected == 1 ? "is the first event, and that should be WorkflowExecutionStarted"
                                 : "comes a second time");
        if (is == event_class::not_here)
            say(e, "is of a feature that workflows do not have here, and may not be left out");
        if (is == event_class::unknown)
            say(e, "is of a type that this version does not know, and may not be left out");
        if (over_ && is != event_class::nothing)
            say(e, "comes after the run's end");
        over_ = over_ || is == event_class::ends || closes_run(e.event_type());
        check_attributes(e);
        types_.emplace(e.event_id(), e.event_type());
        if (is == event_class::task || is == event_class::command || is == event_class::inbound)
            check_references(e, is);
    }

    [[nodiscard]] bool over() const noexcept { return over_; }

private:
    void say(const api::history::HistoryEvent& e, const std::string& what)
    {
        constexpr std::size_t most = 20;
        if (wrong_->size() < most)
            wrong_->push_back("event " + std::to_string(e.event_id()) + ", " +
                              std::string(workflow::detail::name_of(e)) + ", " + what);
    }

    /// Each type of event has attributes of the same name.
    void check_attributes(const api::history::HistoryEvent& e)
    {
        const message_entry* const event = messages().find("temporal.api.history.v1.HistoryEvent");
        const auto type = event->by_name.find("eventType");
        const auto set = event->by_number.find(static_cast<std::uint32_t>(e.attributes_case()));
        const auto& names = type->second->enumeration->names;
        const auto name = names.find(static_cast<std::int32_t>(e.event_type()));
        if (name == names.end() || name->first == 0)
            return;
        std::string wanted;
        for (const char c : std::string_view(name->second).substr(std::string_view("EVENT_TYPE_").size()))
            wanted += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        wanted += "_event_attributes";
        if (event->by_name.contains(wanted) && (set == event->by_number.end() || set->second->name != wanted))
            say(e, "has no " + wanted);
    }

    static std::int64_t number(const boost::json::object& from, const char* name)
    {
        const auto* const v = from.if_contains(name);
        std::int64_t out = 0;
        if (v != nullptr && v->is_string())
            std::from_chars(v->get_string().data(), v->get_string().data() + v->get_string().size(), out);
        return out;
    }

    /// What an event says that it follows from.
    void check_references(const api::history::HistoryEvent& e, workflow::detail::event_class is)
    {
        using namespace api::enums;
        const auto text = to_json(e);
        boost::json::error_code ec;
        const auto all = text ? boost::json::parse(*text, ec) : boost::json::value();
        const boost::json::object* attributes = nullptr;
        if (all.is_object()) {
            for (const auto& member : all.get_object()) {
                if (std::string_view(member.key().data(), member.key().size()).ends_with("EventAttributes"))
                    attributes = member.value().if_object();
            }
        }
        if (attributes == nullptr)
            return;
        const bool of_activity = workflow::detail::name_of(e).starts_with("ActivityTask");
        const bool of_child = workflow::detail::name_of(e).starts_with("ChildWorkflow");
        const std::int64_t scheduled = number(*attributes, "scheduledEventId");
        if (is == workflow::detail::event_class::task)
            refer(e, scheduled, {EVENT_TYPE_WORKFLOW_TASK_SCHEDULED});
        else if (of_activity)
            refer(e, scheduled, {EVENT_TYPE_ACTIVITY_TASK_SCHEDULED});
        const std::int64_t started = number(*attributes, "startedEventId");
        if (is == workflow::detail::event_class::task)
            refer(e, started, {EVENT_TYPE_WORKFLOW_TASK_STARTED});
        else
            refer(e, started,
                {of_activity   ? EVENT_TYPE_ACTIVITY_TASK_STARTED
                    : of_child ? EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED
                               : EVENT_TYPE_TIMER_STARTED});
        refer(e, number(*attributes, "initiatedEventId"),
            {EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
                EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
                EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED});
        refer(e, number(*attributes, "acceptedEventId"), {EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED});
        refer(e, number(*attributes, "workflowTaskCompletedEventId"), {EVENT_TYPE_WORKFLOW_TASK_COMPLETED});
        end(e, scheduled, started);
    }

    /// Zero refers to nothing.
    void refer(const api::history::HistoryEvent& e, std::int64_t to, const std::set<api::enums::EventType>& types)
    {
        if (to == 0)
            return;
        const auto at = types_.find(to);
        if (to >= e.event_id() || at == types_.end())
            say(e, "refers to event " + std::to_string(to) + ", which is not before it");
        else if (!types.contains(at->second))
            say(e, "refers to event " + std::to_string(to) + ", which is " +
                       std::string(workflow::detail::kind_of(at->second).name));
    }

    /// What ends once does not end again.
    void end(const api::history::HistoryEvent& e, std::int64_t scheduled, std::int64_t started)
    {
        using namespace api::enums;
        std::int64_t which = 0;
        switch (e.event_type()) {
        case EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        case EVENT_TYPE_ACTIVITY_TASK_FAILED:
        case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        case EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        case EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
        case EVENT_TYPE_WORKFLOW_TASK_FAILED:
        case EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT: which = scheduled; break;
        case EVENT_TYPE_TIMER_FIRED:
        case EVENT_TYPE_TIMER_CANCELED: which = started; break;
        default: return;
        }
        if (which != 0 && !ended_.insert(which).second)
            say(e, "ends event " + std::to_string(which) + " a second time");
    }

    std::vector<std::string>* wrong_;
    std::int64_t last_ = 0;
    bool over_ = false;
    std::map<std::int64_t, api::enums::EventType> types_{};
    std::set<std::int64_t> ended_{};
};

}  // namespace detail

/// What a history says of itself, without the workflow's code.
struct history_facts {
    std::vector<std::string> wrong{};  ///< What no server would have written: gaps, references to nothing, and so on.
    std::string workflow_type{};
    std::int64_t events = 0;
    bool closed = false;  ///< The run has ended in it.
};

/// Whether it is whole and fits together. Whether the workflow's code still does what it says only `replay` tells.
[[nodiscard]] inline history_facts check_history(const api::history::History& history)
{
    history_facts out;
    out.events = history.events_size();
    if (history.events().empty()) {
        out.wrong.emplace_back("there are no events in it");
        return out;
    }
    out.workflow_type = history.events(0).workflow_execution_started_event_attributes().workflow_type().name();
    detail::history_checker checker(out.wrong);
    for (const auto& e : history.events())
        checker.take(e);
    out.closed = checker.over();
    return out;
}

}  // namespace mayfly::temporal::testing
