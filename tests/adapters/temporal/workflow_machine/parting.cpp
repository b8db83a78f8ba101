// SPDX-License-Identifier: BSL-1.0

// Where code and history part, or seem to.

#include "scripted.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

using namespace mayfly::temporal::workflow;
using namespace mayfly::temporal::workflow::testing;
namespace api = mayfly::temporal::api;

TEST_CASE("code that does something else than history says is told so")
{
    struct row {
        const char* why;
        std::vector<op> before;
        std::vector<op> after;
        std::vector<const char*> words;
    };
    const row rows[] = {
        {"another activity", {{op::kind::activity, "charge"}}, {{op::kind::activity, "refund"}},
            {"event 5, ActivityTaskScheduled (activity \"charge\" with id \"1\")",
                "ScheduleActivityTask (activity \"refund\" with id \"1\")", "another name"}},
        {"a timer where an activity was", {{op::kind::activity, "charge"}}, {{op::kind::timer}},
            {"ActivityTaskScheduled", "StartTimer (timer \"1\")", "workflow::context::patched"}},
        {"a step fewer", {{op::kind::timer}}, {{op::kind::await_signal}},
            {"event 5, TimerStarted (timer \"1\")", "asked for nothing more", "taken out"}},
        {"a step more", {{op::kind::await_signal}}, {{op::kind::timer}},
            {"asked for StartTimer (timer \"1\")", "after event 4, WorkflowTaskCompleted", "put into the code"}},
        {"it ends early", {{op::kind::await_signal}}, {{op::kind::finish}},
            {"asked for CompleteWorkflowExecution", "now ends where it went on"}},
        {"it does not end", {{op::kind::finish}}, {{op::kind::await_signal}},
            {"WorkflowExecutionCompleted", "asked for nothing more"}},
        {"it ends otherwise", {{op::kind::finish}}, {{op::kind::fail}},
            {"WorkflowExecutionCompleted", "FailWorkflowExecution"}},
        {"a patch is asked for no more", {{op::kind::patch, "p"}}, {{op::kind::timer}},
            {"marker \"core_patch\"", "patched with \"p\"", "deprecate_patch"}},
        {"another child", {{op::kind::child, "parcel"}}, {{op::kind::child, "letter"}},
            {"child workflow \"parcel\"", "child workflow \"letter\""}},
        {"another signal", {{op::kind::signal_other, "go"}}, {{op::kind::signal_other, "stop"}},
            {"signal \"go\"", "signal \"stop\""}},
        {"a side effect fewer", {{op::kind::side_effect}, {op::kind::timer}}, {{op::kind::timer}},
            {"marker \"SideEffect\"", "StartTimer"}},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        history_server s;
        auto m = make_machine(r.before);
        s.complete(m->begin(s.poll(false)));
        const auto step = replay(s.events, r.after);
        REQUIRE(step.what == kind::fail);
        CAPTURE(step.words);
        CHECK(step.problem->cause == WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR);
        CHECK(step.words.starts_with("[TMPRL1100] "));
        for (const char* words : r.words)
            CHECK_MESSAGE(step.words.find(words) != std::string::npos, words);
    }
}

TEST_CASE("a recorded history that was cut off within what a task did may be no fault of the code's")
{
    history_server s;
    const std::vector<op> ops{{op::kind::activity_or_timer, "charge"}, {op::kind::await_signal}};
    const auto m = make_machine(ops);
    s.complete(m->begin(s.poll(false)));
    const std::size_t commands = s.events.size();
    s.signal("go");
    struct row {
        const char* why;
        std::size_t begin, end;  // what is missing
        bool may_be_cut;
    };
    const row rows[] = {
        {"one command of several", commands - 1, s.events.size(), true},
        {"all of them", 4, s.events.size(), true},
        {"something comes behind them", commands - 1, commands, false},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        auto events = s.events;
        events.erase(
            events.begin() + static_cast<std::ptrdiff_t>(r.begin), events.begin() + static_cast<std::ptrdiff_t>(r.end));
        std::int64_t id = 0;
        for (HistoryEvent& e : events)
            e.set_event_id(++id);
        const auto step = replay(events, ops);
        REQUIRE(step.what == kind::fail);
        CHECK(step.problem->cause == WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR);
        CHECK_MESSAGE((step.words.find("history is not whole") != std::string::npos) == r.may_be_cut, step.words);
    }
}

TEST_CASE("patches, as history and code have them")
{
    struct row {
        const char* why;
        std::vector<op> before;
        std::vector<op> after;
        bool replays;
    };
    const op patch{op::kind::patch, "p"};
    const op deprecate{op::kind::deprecate, "p"};
    const op wait{op::kind::await_signal};
    const row rows[] = {
        {"a run of before the patch goes the old way", {wait}, {patch, wait}, true},
        {"a run of after it the new way", {patch, wait}, {patch, wait}, true},
        {"deprecated where it was asked", {patch, wait}, {deprecate, {op::kind::timer}, wait}, true},
        {"deprecated in a run of before it", {wait}, {deprecate, wait}, true},
        {"a deprecated one may go", {deprecate, wait}, {wait}, true},
        {"or be asked for again, where it is set", {deprecate, {op::kind::timer}}, {patch}, true},
        {"one that is not deprecated may not", {patch, wait}, {{op::kind::timer}, wait}, false},
        {"two, each with its own", {patch, {op::kind::patch, "q"}}, {patch, {op::kind::patch, "q"}}, true},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        history_server s;
        auto m = make_machine(r.before);
        s.complete(m->begin(s.poll(false)));
        const auto step = replay(s.events, r.after);
        CAPTURE(step.words);
        CHECK((step.what == kind::replayed) == r.replays);
    }
    for (const bool gone : {false, true}) {
        CAPTURE(gone);
        // The attributes that come with a patch are not those of the user's behind it.
        history_server s;
        const auto code = [&](const activation& now) -> std::vector<intent> {
            if (job_of<start_run>(now) == nullptr)
                return {};
            upsert_search_attributes own;
            (*own.attributes.mutable_indexed_fields())["Region"].set_data("\"north\"");
            if (now.replaying && gone)
                return {own};
            return {set_patch{"p", true}, own};
        };
        s.complete(make_machine(code)->begin(s.poll(false)));
        const auto step = make_machine(code, true)->begin(all_of(s));
        CHECK_MESSAGE(step.what == kind::replayed, step.words);
    }
    history_server s;
    auto m = make_machine({wait});
    s.complete(m->begin(s.poll(false)));
    const auto step = replay(s.events, {patch, wait}, defect::patch_always);
    CHECK(step.what == kind::fail);
    CHECK(step.words.find("which history has not") != std::string::npos);
}

TEST_CASE("the search attribute of patches has a largest size, the same on replay")
{
    std::vector<op> ops;
    for (int i = 0; i < 60; ++i)
        ops.push_back({op::kind::deprecate, std::string(50, 'p') + std::to_string(i)});
    ops.push_back({op::kind::await_signal});
    history_server s;
    auto m = make_machine(ops);
    const auto step = m->begin(s.poll(false));
    int upserts = 0;
    for (const auto& c : step.commands) {
        if (c.command_type() != COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
            continue;
        ++upserts;
        const auto& fields =
            c.upsert_workflow_search_attributes_command_attributes().search_attributes().indexed_fields();
        CHECK(fields.at("TemporalChangeVersion").data().size() < 2048);
        CHECK(fields.at("TemporalChangeVersion").metadata().at("type") == "KeywordList");
    }
    CHECK(upserts > 10);
    CHECK(upserts < 60);
    s.complete(step);
    CHECK(replay(s.events, ops).what == kind::replayed);
}

TEST_CASE("histories that no server writes end the task with words")
{
    struct row {
        const char* why;
        std::function<void(std::vector<HistoryEvent>&)> spoil;
        const char* words;
    };
    const auto drop = [](std::size_t at) {
        return [at](std::vector<HistoryEvent>& e) { e.erase(e.begin() + static_cast<std::ptrdiff_t>(at)); };
    };
    const row rows[] = {
        {"a gap", drop(4), "event 6 where event 5 was expected"},
        {"no beginning", drop(0), "does not begin where"},
        {"no id", [](auto& e) { e[2].clear_event_id(); }, "event 0 where event 3"},
        {"an id out of all bounds", [](auto& e) { e[2].set_event_id(std::numeric_limits<std::int64_t>::max()); },
            "where event 3"},
        {"two beginnings", [](auto& e) { e[1].set_event_type(EVENT_TYPE_WORKFLOW_EXECUTION_STARTED); },
            "begins a second time"},
        {"another beginning", [](auto& e) { e[0].set_event_type(EVENT_TYPE_TIMER_FIRED); }, "event 1"},
        {"an event of a type to come", [](auto& e) { e[5].clear_event_type(); }, "must not leave out"},
        {"a timer that nobody started",
            [](auto& e) { e[5].mutable_timer_fired_event_attributes()->set_started_event_id(99); },
            "none such open there"},
        {"a command of no task", [](auto& e) { e[1].set_event_type(EVENT_TYPE_TIMER_STARTED); },
            "where no workflow task was completed"},
        {"a flag to come",
            [](auto& e) {
                e[3].mutable_workflow_task_completed_event_attributes()->mutable_sdk_metadata()->add_core_used_flags(
                    900);
            },
            "flag 900"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        history_server s;
        const std::vector<op> ops{{op::kind::timer}, {op::kind::timer}};
        s.complete(make_machine(ops)->begin(s.poll(false)));
        s.fire("1");
        run_task t = s.poll(false);
        REQUIRE(make_machine(ops)->begin(t).what == kind::complete);
        r.spoil(t.events);
        auto m = make_machine(ops);
        const auto step = m->begin(t);
        CHECK(step.what == kind::fail);
        CHECK_MESSAGE(step.words.find(r.words) != std::string::npos, step.words);
        CHECK_FALSE(m->continues(t));
        CHECK(m->begin(t).what == kind::drop);
    }
}

TEST_CASE("histories that are odd, and sound")
{
    const std::vector<op> ops{{op::kind::timer}};
    history_server s;
    s.complete(make_machine(ops)->begin(s.poll(false)));
    SUBCASE("an event of a type to come that may be left out")
    {
        HistoryEvent e;
        e.set_worker_may_ignore(true);
        s.events.push_back(e);
        s.events.back().set_event_id(static_cast<std::int64_t>(s.events.size()));
        s.fire("1");
        CHECK(make_machine(ops)->begin(s.poll(false)).what == kind::complete);
    }
    SUBCASE("events twice, in the same page or the next")
    {
        s.fire("1");
        const run_task t = s.poll(false);
        run_task twice = t;
        twice.events.insert(twice.events.begin() + 3, t.events.begin(), t.events.begin() + 3);
        CHECK(make_machine(ops)->begin(twice).what == kind::complete);
    }
    SUBCASE("pages that are empty, while there are more")
    {
        s.fire("1");
        const run_task t = s.poll(false);
        auto m = make_machine(ops);
        run_task first = t;
        first.more_history = true;
        CHECK(m->begin(first).what == kind::more_history);
        CHECK(m->more({}, true).what == kind::more_history);
        CHECK(m->more({}, false).what == kind::complete);
    }
    SUBCASE("tasks that were lost before one that was not")
    {
        s.fire("1");
        for (int i = 0; i < 3; ++i) {
            static_cast<void>(s.poll(false));
            s.lose_task(i == 1);
        }
        const auto step = make_machine(ops)->begin(s.poll(false));
        CHECK(step.what == kind::complete);
        s.complete(step);
        CHECK(replay(s.events, ops).what == kind::replayed);
    }
    SUBCASE("recorded while a task was open: what comes of that is not known")
    {
        s.fire("1");
        static_cast<void>(s.poll(false));
        int activations = 0;
        const auto code = [&](const activation& now) -> std::vector<intent> {
            CHECK(now.replaying);
            return activations++ == 0 ? std::vector<intent>{start_timer{1, std::chrono::seconds(1), {}}}
                                      : std::vector<intent>{complete_run{}};
        };
        const auto step = make_machine(code, true)->begin(all_of(s));
        CHECK_MESSAGE(step.what == kind::replayed, step.words);
        CHECK(activations == 1);
        CHECK_FALSE(step.run_closed);
    }
    SUBCASE("recorded while its first task was open")
    {
        history_server other;
        static_cast<void>(other.poll(false));
        CHECK(replay(other.events, ops).what == kind::replayed);
    }
    SUBCASE("the end is missing")
    {
        s.fire("1");
        run_task t = s.poll(false);
        t.events.pop_back();
        const auto step = make_machine(ops)->begin(t);
        CHECK(step.what == kind::fail);
        CHECK(step.words.find("before the task's own") != std::string::npos);
    }
    SUBCASE("a kept run whose last task was not completed after all")
    {
        auto m = make_machine(ops);
        history_server other;
        static_cast<void>(m->begin(other.poll(false)));
        static_cast<void>(m->heartbeat());
        other.lose_task(true);
        const run_task t = other.poll(false);
        run_task cut = t;
        cut.events.erase(cut.events.begin(), cut.events.begin() + 3);
        CHECK_FALSE(m->continues(cut));
    }
}

TEST_CASE("words about a history are text, whatever bytes are in it")
{
    history_server s;
    const std::vector<op> before{{op::kind::patch, "p"}, {op::kind::await_signal}};
    s.complete(make_machine(before)->begin(s.poll(false)));
    for (HistoryEvent& e : s.events)
        if (e.event_type() == EVENT_TYPE_MARKER_RECORDED) {
            auto& details = *e.mutable_marker_recorded_event_attributes()->mutable_details();
            details.clear();
            details["patch_id"].add_payloads()->set_data("\xff\xfe");
        }
    const auto step = replay(s.events, {{op::kind::timer}});
    REQUIRE(step.what == kind::fail);
    CHECK(step.problem->failure.message().find("\xEF\xBF\xBD") != std::string::npos);
    CHECK(step.problem->failure.message().find('\xff') == std::string::npos);
}
