// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "bytes.hpp"

#include <mayfly/temporal/workflow/machine.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

// A server that sends a run any history, in any order: the machine of the run answers every call, with commands that
// make sense or with words, whatever code it has. Planted defects: 1 to 6 of `player`.

namespace hostile {

using namespace mayfly;
using namespace mayfly::temporal;
using namespace mayfly::temporal::workflow;
using namespace mayfly::temporal::api::enums;

using event = api::history::HistoryEvent;
using kind = machine_step::kind;

/// The code of a run. That of one seed always does the same.
using code_maker = std::function<std::unique_ptr<code>(std::uint64_t seed)>;

inline std::string text_of(const machine_step& s)
{
    std::string out = std::to_string(static_cast<int>(s.what)) + s.words + (s.force_new_task ? "+" : "");
    for (const auto& c : s.commands)
        out += std::to_string(c.command_type()) + ' ' + std::to_string(c.ByteSizeLong()) + ';';
    for (const auto& m : s.messages)
        out += m.id() + ';';
    for (const auto& l : s.local_starts)
        out += 'l' + std::to_string(l.what.seq);
    for (const std::uint32_t seq : s.local_cancels)
        out += 'c' + std::to_string(seq);
    return out;
}

/// Plays one input on three machines: twins, and one that has history in small pages.
class player {
public:
    player(fuzz::bytes in, const code_maker& make) : in_{in}
    {
        const std::uint64_t seed = in_.byte();
        machine_options o;
        o.workflow_id = "w";
        o.run_id = "r";
        o.replay_only = in_.below(8) == 0;
        m_ = std::make_unique<machine>(make(seed), o);
        twin_ = std::make_unique<machine>(make(seed + (fuzz::planted() == 1 ? 1 : 0)), o);
        paged_ = std::make_unique<machine>(make(seed), o);
        put(EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
    }

    void play()
    {
        for (int i = 0; i < 24 && !in_.empty(); ++i)
            one_call();
    }

private:
    event& put(EventType type)
    {
        event& e = all_.emplace_back();
        e.set_event_type(type);
        e.set_event_id(static_cast<std::int64_t>(all_.size()));
        return e;
    }

    /// What a command becomes, mostly.
    void echo(const api::command::Command& c)
    {
        switch (c.command_type()) {
        case COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK: {
            auto& a = *put(EVENT_TYPE_ACTIVITY_TASK_SCHEDULED).mutable_activity_task_scheduled_event_attributes();
            a.set_activity_id(c.schedule_activity_task_command_attributes().activity_id());
            *a.mutable_activity_type() = c.schedule_activity_task_command_attributes().activity_type();
            return;
        }
        case COMMAND_TYPE_START_TIMER:
            put(EVENT_TYPE_TIMER_STARTED)
                .mutable_timer_started_event_attributes()
                ->set_timer_id(c.start_timer_command_attributes().timer_id());
            return;
        case COMMAND_TYPE_CANCEL_TIMER:
            put(EVENT_TYPE_TIMER_CANCELED)
                .mutable_timer_canceled_event_attributes()
                ->set_timer_id(c.cancel_timer_command_attributes().timer_id());
            return;
        case COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION: {
            auto& a = *put(EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED)
                           .mutable_start_child_workflow_execution_initiated_event_attributes();
            a.set_workflow_id("c");
            a.mutable_workflow_type()->set_name("t");
            return;
        }
        case COMMAND_TYPE_RECORD_MARKER: {
            auto& a = *put(EVENT_TYPE_MARKER_RECORDED).mutable_marker_recorded_event_attributes();
            a.set_marker_name(c.record_marker_command_attributes().marker_name());
            *a.mutable_details() = c.record_marker_command_attributes().details();
            return;
        }
        case COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: put(EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES); return;
        case COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES: put(EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED); return;
        default: put(static_cast<EventType>(in_.below(61))); return;
        }
    }

    /// Something happens, or is said to.
    void news()
    {
        const std::int64_t about = in_.below(static_cast<std::uint32_t>(all_.size()) + 2);
        switch (in_.below(16)) {
        case 0:
        case 1: {
            auto& a =
                *put(EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED).mutable_workflow_execution_signaled_event_attributes();
            a.set_signal_name(in_.flag() ? "s" : "t");
            some_values(*a.mutable_input());
            return;
        }
        case 2: put(EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED); return;
        case 3: {
            auto& a = *put(EVENT_TYPE_TIMER_FIRED).mutable_timer_fired_event_attributes();
            a.set_started_event_id(about);
            if (about > 0 && about < static_cast<std::int64_t>(all_.size()))
                a.set_timer_id(all_[static_cast<std::size_t>(about) - 1].timer_started_event_attributes().timer_id());
            return;
        }
        case 4: {
            auto& a = *put(EVENT_TYPE_ACTIVITY_TASK_COMPLETED).mutable_activity_task_completed_event_attributes();
            a.set_scheduled_event_id(about);
            some_values(*a.mutable_result());
            return;
        }
        case 5:
            put(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED)
                .mutable_child_workflow_execution_started_event_attributes()
                ->set_initiated_event_id(about);
            return;
        case 6:
            put(EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED)
                .mutable_child_workflow_execution_completed_event_attributes()
                ->set_initiated_event_id(about);
            return;
        case 7:
            put(EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED)
                .mutable_workflow_execution_update_admitted_event_attributes()
                ->mutable_request()
                ->mutable_meta()
                ->set_update_id("u0");
            return;
        case 8: {
            event& e = put(static_cast<EventType>(in_.below(61)));
            if (in_.flag())
                e.clear_event_type();
            e.set_worker_may_ignore(in_.flag());
            return;
        }
        case 9: put(EVENT_TYPE_WORKFLOW_TASK_SCHEDULED); return;
        case 10:
            put(EVENT_TYPE_WORKFLOW_TASK_STARTED);
            put(in_.flag() ? EVENT_TYPE_WORKFLOW_TASK_FAILED : EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT);
            return;
        default: return;
        }
    }

    std::string some_text()
    {
        std::string out;
        for (std::uint32_t n = in_.below(8); n > 0; --n)
            out += static_cast<char>(in_.byte());
        return out;
    }

    /// What no data converter has written, now and then.
    void some_values(api::common::Payloads& to)
    {
        for (std::uint32_t n = in_.below(3); n > 0; --n) {
            auto& p = *to.add_payloads();
            (*p.mutable_metadata())["encoding"] = in_.below(4) == 0 ? "binary/odd" : "json/plain";
            p.set_data(in_.flag() ? std::to_string(in_.byte()) : some_text());
        }
    }

    std::string some_update()
    {
        api::update::Request r;
        r.mutable_input()->set_name(in_.below(4) == 0 ? "v" : "u");
        some_values(*r.mutable_input()->mutable_args());
        return r.SerializeAsString();
    }

    run_task task()
    {
        run_task t;
        if (in_.below(6) == 0) {
            t.legacy_query.emplace().set_query_type("q");
            t.previous_started_event_id = m_->last_started_event_id();
            if (in_.flag())
                return t;
        } else {
            put(EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
            put(EVENT_TYPE_WORKFLOW_TASK_STARTED);
            t.started_event_id = in_.below(8) == 0 ? static_cast<std::int64_t>(in_.count()) : all_.back().event_id();
        }
        if (in_.below(4) == 0)
            t.queries["q"].set_query_type("q");
        for (std::uint32_t n = in_.below(3); n > 0; --n) {
            auto& m = t.messages.emplace_back();
            m.set_id("m");
            m.set_protocol_instance_id("u" + std::to_string(n));
            m.set_event_id(static_cast<std::int64_t>(in_.count()));
            m.mutable_body()->set_type_url(workflow::detail::update_request_type);
            if (in_.below(8) == 0)
                m.mutable_body()->set_value("\x0a\xff");
            else if (in_.flag())
                m.mutable_body()->set_value(some_update());
        }
        const auto from = static_cast<std::size_t>(m_->last_started_event_id());
        if (from < all_.size())
            t.events.assign(all_.begin() + static_cast<std::ptrdiff_t>(from), all_.end());
        spoiled_ = in_.below(6) == 0 && !t.events.empty();
        if (spoiled_)
            spoil(t.events[in_.byte() % t.events.size()]);
        return t;
    }

    void spoil(event& e)
    {
        switch (in_.below(3)) {
        case 0: e.set_event_id(static_cast<std::int64_t>(in_.count())); return;
        case 1: e.clear_attributes(); return;
        default: e.set_event_type(static_cast<EventType>(in_.below(61))); return;
        }
    }

    machine_step in_pages(run_task t, std::size_t page)
    {
        auto rest = std::exchange(t.events, {});
        std::size_t at = std::min(page, rest.size());
        const auto cut = [&](std::size_t a, std::size_t b) {
            return std::vector<event>(
                rest.begin() + static_cast<std::ptrdiff_t>(a), rest.begin() + static_cast<std::ptrdiff_t>(b));
        };
        t.events = cut(0, at);
        t.more_history = true;
        machine_step s = paged_->begin(std::move(t));
        for (std::size_t calls = 0; s.what == kind::more_history; ++calls) {
            MUST("history is asked for until it ends", calls <= rest.size() + 1);
            const std::size_t end = std::min(at + page, rest.size());
            const bool more = at < rest.size();
            if (fuzz::planted() == 2 && end - at > 1)  // a page loses its first event
                ++at;
            s = paged_->more(cut(at, end), more);
            at = end;
        }
        return s;
    }

    void one_call()
    {
        switch (in_.below(8)) {
        case 0: {
            const std::uint32_t seq = in_.below(10);
            local_outcome o;
            o.attempt = in_.count32();
            o.backs_off = in_.flag();
            o.completed = workflow_time(std::chrono::nanoseconds(static_cast<std::int64_t>(in_.count())));
            started_.erase(seq);
            return look(m_->local_resolved(seq, o), twin_->local_resolved(seq, o), paged_->local_resolved(seq, o));
        }
        case 1: return look(m_->heartbeat(), twin_->heartbeat(), paged_->heartbeat());
        case 2: {
            const auto to = static_cast<std::int64_t>(in_.count());
            m_->reported(to);
            twin_->reported(to);
            paged_->reported(to);
            return;
        }
        case 3: {
            std::vector<event> page(all_.end() - 1, all_.end());
            return look(m_->more(page, in_.flag()), {}, {}, false);
        }
        default:
            for (std::uint32_t n = in_.below(4); n > 0; --n)
                news();
            const run_task t = task();
            const std::size_t page = 1 + in_.below(5);
            asks_ = t.legacy_query.has_value();
            const bool whole = !spoiled_ && m_->continues(t) && page < t.events.size();
            machine_step s = m_->begin(t);
            return look(std::move(s), twin_->begin(t), whole ? in_pages(t, page) : paged_->begin(t));
        }
    }

    void look(machine_step s, const machine_step& twin, const machine_step& paged, bool compare = true)
    {
        if (compare) {
            MUST("the same calls bring the same steps", text_of(s) == text_of(twin));
            MUST("pages make no difference", text_of(s) == text_of(paged));
        }
        if (fuzz::planted() == 3)  // silence
            s.words.clear();
        if (fuzz::planted() == 4 && !s.commands.empty())  // another last word
            s.commands.insert(s.commands.begin(), s.commands.back());
        if (fuzz::planted() == 5 && s.what == kind::fail)  // it goes on
            s.what = kind::complete;
        switch (s.what) {
        case kind::fail:
            MUST("a failure has words", s.problem && !s.words.empty() && !s.problem->failure.message().empty());
            MUST("a query fails no task", !asks_);
            break;
        case kind::drop: MUST("a failure has words", !s.words.empty()); break;
        case kind::answer_query:
            MUST("only a query is answered", asks_ && s.legacy_answer && s.commands.empty());
            break;
        case kind::complete: {
            std::size_t last_words = 0;
            for (std::size_t i = 0; i < s.commands.size(); ++i) {
                const auto type = s.commands[i].command_type();
                if (type != COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION && type != COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION &&
                    type != COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION &&
                    type != COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION)
                    continue;
                ++last_words;
                MUST("the last word is the last", i + 1 == s.commands.size() && s.run_closed);
            }
            MUST("the last word is the last", last_words <= 1 && (last_words == 1) == s.run_closed);
            break;
        }
        case kind::wait_local:
        case kind::more_history:
        case kind::replayed: break;
        }
        if (fuzz::planted() == 6 && !s.local_starts.empty())  // begun twice
            s.local_starts.push_back(s.local_starts.back());
        for (const auto& l : s.local_starts)
            MUST("a local activity is begun once", started_.insert(l.what.seq).second);
        for (const std::uint32_t seq : s.local_cancels)
            started_.erase(seq);
        if (s.what == kind::fail || s.what == kind::drop)
            MUST("who failed does not go on", s.what == kind::drop || !m_->continues(run_task{}));
        if (s.what == kind::complete && s.problem)
            MUST("who failed does not go on", false);
        if (s.what == kind::complete) {
            put(in_.below(16) == 0 ? EVENT_TYPE_WORKFLOW_TASK_FAILED : EVENT_TYPE_WORKFLOW_TASK_COMPLETED);
            for (const auto& c : s.commands)
                if (in_.below(24) != 1)
                    echo(c);
        }
    }

    fuzz::bytes in_;
    std::unique_ptr<machine> m_;
    std::unique_ptr<machine> twin_;
    std::unique_ptr<machine> paged_;
    std::vector<event> all_;
    std::set<std::uint32_t> started_;
    bool spoiled_ = false;
    bool asks_ = false;
};

}  // namespace hostile
