// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/workflow/machine_step.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::testing {

using namespace api::enums;
using api::history::HistoryEvent;

/** Writes one run's history as a server does: commands in, events out.

    What happens while a task is with a worker is put off until the task is over. It checks nothing that the machine is
    tested for; a command that names what is not there fails the test.
*/
class history_server {
public:
    struct activity {
        std::int64_t scheduled = 0;
        std::string type{};
        bool cancel_asked = false;
    };
    struct child {
        std::int64_t initiated = 0;
        std::string id{};
        bool started = false;
        bool cancel_asked = false;
    };

    std::vector<HistoryEvent> events{};
    std::map<std::string, std::int64_t> timers{};  ///< Open ones, by their ids.
    std::vector<activity> activities{};
    std::vector<child> children{};
    std::vector<std::int64_t> signals{};  ///< To others, on their way.
    std::vector<std::int64_t> cancels{};
    std::vector<api::protocol::Message> asked{};  ///< Updates that go with the next task.
    std::map<std::string, std::int64_t> accepted{};
    bool closed = false;
    bool task_wanted = false;
    bool task_out = false;

    explicit history_server(std::string run = "run-1")
    {
        auto& a = *add(EVENT_TYPE_WORKFLOW_EXECUTION_STARTED).mutable_workflow_execution_started_event_attributes();
        a.mutable_workflow_type()->set_name("shop");
        a.mutable_task_queue()->set_name("orders");
        a.set_original_execution_run_id(std::move(run));
        want_task();
    }

    // What happens.

    void signal(const std::string& name)
    {
        HistoryEvent e;
        e.mutable_workflow_execution_signaled_event_attributes()->set_signal_name(name);
        happen(EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, std::move(e));
    }
    void ask_cancel()
    {
        HistoryEvent e;
        e.mutable_workflow_execution_cancel_requested_event_attributes()->set_cause("enough");
        happen(EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED, std::move(e));
    }
    void fire(const std::string& timer)
    {
        HistoryEvent e;
        auto& a = *e.mutable_timer_fired_event_attributes();
        a.set_timer_id(timer);
        a.set_started_event_id(timers.at(timer));
        timers.erase(timer);
        happen(EVENT_TYPE_TIMER_FIRED, std::move(e));
    }
    /// `how`: 0 completed, 1 failed, 2 timed out without a start, 3 cancelled.
    void end_activity(std::size_t which, int how)
    {
        const activity a = take(activities, which);
        HistoryEvent e;
        if (how != 2) {
            HistoryEvent s;
            s.mutable_activity_task_started_event_attributes()->set_scheduled_event_id(a.scheduled);
            happen(EVENT_TYPE_ACTIVITY_TASK_STARTED, std::move(s));
        }
        switch (how) {
        case 0: {
            auto& at = *e.mutable_activity_task_completed_event_attributes();
            at.set_scheduled_event_id(a.scheduled);
            at.mutable_result()->add_payloads()->set_data("did " + a.type);
            return happen(EVENT_TYPE_ACTIVITY_TASK_COMPLETED, std::move(e));
        }
        case 1: {
            auto& at = *e.mutable_activity_task_failed_event_attributes();
            at.set_scheduled_event_id(a.scheduled);
            at.mutable_failure()->set_message("no");
            at.mutable_failure()->mutable_application_failure_info()->set_type("no");
            at.set_retry_state(RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
            return happen(EVENT_TYPE_ACTIVITY_TASK_FAILED, std::move(e));
        }
        case 2: {
            auto& at = *e.mutable_activity_task_timed_out_event_attributes();
            at.set_scheduled_event_id(a.scheduled);
            at.mutable_failure()->mutable_timeout_failure_info()->set_timeout_type(TIMEOUT_TYPE_SCHEDULE_TO_START);
            return happen(EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT, std::move(e));
        }
        default: {
            auto& at = *e.mutable_activity_task_canceled_event_attributes();
            at.set_scheduled_event_id(a.scheduled);
            return happen(EVENT_TYPE_ACTIVITY_TASK_CANCELED, std::move(e));
        }
        }
    }
    void start_child(std::size_t which)
    {
        child& c = children.at(which);
        c.started = true;
        HistoryEvent e;
        auto& a = *e.mutable_child_workflow_execution_started_event_attributes();
        a.set_initiated_event_id(c.initiated);
        a.mutable_workflow_execution()->set_workflow_id(c.id);
        a.mutable_workflow_execution()->set_run_id("run of " + c.id);
        happen(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED, std::move(e));
    }
    /// `how`: 0 completed, 1 failed, 2 cancelled, 3 timed out, 4 terminated, 5 not started.
    void end_child(std::size_t which, int how)
    {
        const child c = take(children, which);
        HistoryEvent e;
        switch (how) {
        case 0:
            e.mutable_child_workflow_execution_completed_event_attributes()->set_initiated_event_id(c.initiated);
            return happen(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED, std::move(e));
        case 1:
            e.mutable_child_workflow_execution_failed_event_attributes()->set_initiated_event_id(c.initiated);
            e.mutable_child_workflow_execution_failed_event_attributes()->mutable_failure()->set_message("no");
            return happen(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED, std::move(e));
        case 2:
            e.mutable_child_workflow_execution_canceled_event_attributes()->set_initiated_event_id(c.initiated);
            return happen(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED, std::move(e));
        case 3:
            e.mutable_child_workflow_execution_timed_out_event_attributes()->set_initiated_event_id(c.initiated);
            return happen(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT, std::move(e));
        case 4:
            e.mutable_child_workflow_execution_terminated_event_attributes()->set_initiated_event_id(c.initiated);
            return happen(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED, std::move(e));
        default: {
            auto& a = *e.mutable_start_child_workflow_execution_failed_event_attributes();
            a.set_initiated_event_id(c.initiated);
            a.set_cause(START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS);
            return happen(EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED, std::move(e));
        }
        }
    }
    void end_signal(bool well)
    {
        const std::int64_t initiated = take(signals, 0);
        HistoryEvent e;
        if (well) {
            e.mutable_external_workflow_execution_signaled_event_attributes()->set_initiated_event_id(initiated);
            return happen(EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED, std::move(e));
        }
        auto& a = *e.mutable_signal_external_workflow_execution_failed_event_attributes();
        a.set_initiated_event_id(initiated);
        a.set_cause(SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND);
        happen(EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED, std::move(e));
    }
    void end_cancel(bool well)
    {
        const std::int64_t initiated = take(cancels, 0);
        HistoryEvent e;
        if (well) {
            e.mutable_external_workflow_execution_cancel_requested_event_attributes()->set_initiated_event_id(
                initiated);
            return happen(EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED, std::move(e));
        }
        auto& a = *e.mutable_request_cancel_external_workflow_execution_failed_event_attributes();
        a.set_initiated_event_id(initiated);
        a.set_cause(CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND);
        happen(EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED, std::move(e));
    }
    void update(const std::string& name, const std::string& id)
    {
        api::protocol::Message m;
        m.set_id(id + "/request");
        m.set_protocol_instance_id(id);
        api::update::Request r;
        r.mutable_meta()->set_update_id(id);
        r.mutable_meta()->set_identity("client");
        r.mutable_input()->set_name(name);
        m.mutable_body()->set_type_url("type.googleapis.com/temporal.api.update.v1.Request");
        m.mutable_body()->set_value(r.SerializeAsString());
        asked.push_back(std::move(m));
        if (!task_wanted && !task_out && last_completed_ != 0)
            speculative_ = true;
        want_task();
    }
    void terminate()
    {
        put_off_.clear();
        task_out = false;
        add(EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED).mutable_workflow_execution_terminated_event_attributes();
        closed = true;
    }

    // Tasks.

    /// Hands out the task; all of history, or what came since the last that was completed.
    run_task poll(bool sticky)
    {
        auto& e = add(EVENT_TYPE_WORKFLOW_TASK_STARTED);
        e.mutable_workflow_task_started_event_attributes()->set_scheduled_event_id(e.event_id() - 1);
        task_wanted = false;
        task_out = true;
        return at_hand(sticky);
    }

    /// The task that is out, once more.
    [[nodiscard]] run_task at_hand(bool sticky) const
    {
        run_task t;
        t.started_event_id = events.back().event_id();
        t.previous_started_event_id = last_completed_;
        t.events.assign(events.begin() + (sticky ? last_completed_ : 0), events.end());
        for (api::protocol::Message m : asked) {
            m.set_event_id(t.started_event_id - 1);
            t.messages.push_back(std::move(m));
        }
        return t;
    }

    void lose_task(bool timed_out)
    {
        if (timed_out)
            add(EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT).mutable_workflow_task_timed_out_event_attributes();
        else
            add(EVENT_TYPE_WORKFLOW_TASK_FAILED).mutable_workflow_task_failed_event_attributes();
        task_out = speculative_ = false;
        flush();
        want_task();
    }

    /// None if the server does not take it, since there is news that the run must not close without having seen.
    /// Otherwise what it says about a task that is to be forgotten, mostly zero.
    std::optional<std::int64_t> complete(const machine_step& step)
    {
        REQUIRE(step.what == machine_step::kind::complete);
        REQUIRE(task_out);
        const std::int64_t started = events.back().event_id();
        const bool closes = std::any_of(step.commands.begin(), step.commands.end(), closes_by);
        if (closes && !put_off_.empty()) {
            auto& e = add(EVENT_TYPE_WORKFLOW_TASK_FAILED);
            e.mutable_workflow_task_failed_event_attributes()->set_cause(WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND);
            task_out = false;
            flush();
            want_task();
            return std::nullopt;
        }
        const bool answers = std::any_of(step.messages.begin(), step.messages.end(),
            [](const auto& m) { return !m.body().type_url().ends_with(".Rejection"); });
        if (speculative_ && step.commands.empty() && !answers && put_off_.empty() && !step.force_new_task) {
            // Of a task that only had updates which were all rejected nothing stays.
            events.resize(events.size() - 2);
            asked.clear();
            task_out = speculative_ = false;
            return last_completed_;
        }
        auto& done = *add(EVENT_TYPE_WORKFLOW_TASK_COMPLETED).mutable_workflow_task_completed_event_attributes();
        done.set_started_event_id(started);
        for (const std::uint32_t f : step.new_flags)
            done.mutable_sdk_metadata()->add_core_used_flags(f);
        std::map<std::string, const api::protocol::Message*> messages;
        for (const auto& m : step.messages)
            messages[m.id()] = &m;
        for (const auto& c : step.commands)
            write(c, messages, started);
        asked.clear();
        last_completed_ = started;
        task_out = speculative_ = false;
        flush();
        if (step.force_new_task)
            want_task();
        return 0;
    }

    void want_task()
    {
        if (task_wanted || task_out || closed)
            return;
        task_wanted = true;
        add(EVENT_TYPE_WORKFLOW_TASK_SCHEDULED).mutable_workflow_task_scheduled_event_attributes();
    }

    HistoryEvent& add(EventType type, HistoryEvent e = {})
    {
        e.set_event_type(type);
        e.set_event_id(static_cast<std::int64_t>(events.size()) + 1);
        *e.mutable_event_time() = to_wire(wall_clock_time(std::chrono::seconds(++clock_)));
        return events.emplace_back(std::move(e));
    }

    void happen(EventType type, HistoryEvent e)
    {
        if (closed)
            return;
        e.set_event_type(type);
        if (task_out) {
            put_off_.push_back(std::move(e));
            return;
        }
        add(type, std::move(e));
        speculative_ = false;
        want_task();
    }

private:
    template <class T>
    static T take(std::vector<T>& from, std::size_t which)
    {
        T out = from.at(which);
        from.erase(from.begin() + static_cast<std::ptrdiff_t>(which));
        return out;
    }

    static bool closes_by(const api::command::Command& c)
    {
        return c.command_type() == COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION ||
               c.command_type() == COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION ||
               c.command_type() == COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION ||
               c.command_type() == COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION;
    }

    void flush()
    {
        for (HistoryEvent& e : std::exchange(put_off_, {})) {
            const auto type = e.event_type();
            add(type, std::move(e));
            want_task();
        }
    }

    void write(const api::command::Command& c, const std::map<std::string, const api::protocol::Message*>& messages,
        std::int64_t started);

    std::vector<HistoryEvent> put_off_{};
    std::int64_t last_completed_ = 0;
    std::int64_t clock_ = 1'000'000;
    bool speculative_ = false;  ///< The task was made for updates only.
};

inline void history_server::write(const api::command::Command& c,
    const std::map<std::string, const api::protocol::Message*>& messages, std::int64_t started)
{
    static_cast<void>(started);
    switch (c.command_type()) {
    case COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK: {
        const auto& from = c.schedule_activity_task_command_attributes();
        auto& e = add(EVENT_TYPE_ACTIVITY_TASK_SCHEDULED);
        auto& a = *e.mutable_activity_task_scheduled_event_attributes();
        a.set_activity_id(from.activity_id());
        *a.mutable_activity_type() = from.activity_type();
        activities.push_back({e.event_id(), from.activity_type().name(), false});
        return;
    }
    case COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK: {
        const std::int64_t id = c.request_cancel_activity_task_command_attributes().scheduled_event_id();
        add(EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED)
            .mutable_activity_task_cancel_requested_event_attributes()
            ->set_scheduled_event_id(id);
        for (activity& a : activities)
            if (a.scheduled == id)
                a.cancel_asked = true;
        return;
    }
    case COMMAND_TYPE_START_TIMER: {
        auto& e = add(EVENT_TYPE_TIMER_STARTED);
        const std::string& id = c.start_timer_command_attributes().timer_id();
        e.mutable_timer_started_event_attributes()->set_timer_id(id);
        REQUIRE(timers.emplace(id, e.event_id()).second);
        return;
    }
    case COMMAND_TYPE_CANCEL_TIMER: {
        const std::string& id = c.cancel_timer_command_attributes().timer_id();
        // One that fired while the task was out is taken back.
        std::erase_if(
            put_off_, [&](const HistoryEvent& e) { return e.timer_fired_event_attributes().timer_id() == id; });
        timers.erase(id);
        add(EVENT_TYPE_TIMER_CANCELED).mutable_timer_canceled_event_attributes()->set_timer_id(id);
        return;
    }
    case COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION: {
        const auto& from = c.start_child_workflow_execution_command_attributes();
        auto& e = add(EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED);
        auto& a = *e.mutable_start_child_workflow_execution_initiated_event_attributes();
        a.set_workflow_id(from.workflow_id());
        *a.mutable_workflow_type() = from.workflow_type();
        children.push_back({e.event_id(), from.workflow_id()});
        return;
    }
    case COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION: {
        const auto& from = c.request_cancel_external_workflow_execution_command_attributes();
        auto& e = add(EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
        e.mutable_request_cancel_external_workflow_execution_initiated_event_attributes()
            ->mutable_workflow_execution()
            ->set_workflow_id(from.workflow_id());
        cancels.push_back(e.event_id());
        for (child& k : children)
            if (k.id == from.workflow_id())
                k.cancel_asked = true;
        return;
    }
    case COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION: {
        const auto& from = c.signal_external_workflow_execution_command_attributes();
        auto& e = add(EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
        auto& a = *e.mutable_signal_external_workflow_execution_initiated_event_attributes();
        a.set_signal_name(from.signal_name());
        *a.mutable_workflow_execution() = from.execution();
        signals.push_back(e.event_id());
        return;
    }
    case COMMAND_TYPE_RECORD_MARKER: {
        const auto& from = c.record_marker_command_attributes();
        auto& a = *add(EVENT_TYPE_MARKER_RECORDED).mutable_marker_recorded_event_attributes();
        a.set_marker_name(from.marker_name());
        *a.mutable_details() = from.details();
        if (from.has_failure())
            *a.mutable_failure() = from.failure();
        return;
    }
    case COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
        *add(EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
             .mutable_upsert_workflow_search_attributes_event_attributes()
             ->mutable_search_attributes() =
            c.upsert_workflow_search_attributes_command_attributes().search_attributes();
        return;
    case COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES:
        add(EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED).mutable_workflow_properties_modified_event_attributes();
        return;
    case COMMAND_TYPE_PROTOCOL_MESSAGE: {
        const auto* m = messages.at(c.protocol_message_command_attributes().message_id());
        api::update::Acceptance yes;
        if (m->body().type_url().ends_with(".Acceptance") && yes.ParseFromString(m->body().value())) {
            auto& e = add(EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED);
            auto& a = *e.mutable_workflow_execution_update_accepted_event_attributes();
            a.set_protocol_instance_id(m->protocol_instance_id());
            a.set_accepted_request_message_id(yes.accepted_request_message_id());
            a.set_accepted_request_sequencing_event_id(yes.accepted_request_sequencing_event_id());
            *a.mutable_accepted_request() = yes.accepted_request();
            accepted[m->protocol_instance_id()] = e.event_id();
            return;
        }
        api::update::Response r;
        REQUIRE(r.ParseFromString(m->body().value()));
        auto& a = *add(EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED)
                       .mutable_workflow_execution_update_completed_event_attributes();
        *a.mutable_meta() = r.meta();
        *a.mutable_outcome() = r.outcome();
        a.set_accepted_event_id(accepted.at(r.meta().update_id()));
        return;
    }
    case COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION:
        closed = true;
        add(EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
        return;
    case COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION:
        closed = true;
        add(EVENT_TYPE_WORKFLOW_EXECUTION_FAILED);
        return;
    case COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION:
        closed = true;
        add(EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED);
        return;
    case COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION:
        closed = true;
        add(EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW);
        return;
    default: FAIL("a command of no known type");
    }
}

}  // namespace mayfly::temporal::workflow::testing
