// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/testing/history_check.hpp>
#include <mayfly/temporal/testing/history_file.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <string>
#include <vector>

using namespace mayfly::temporal::testing;
namespace api = mayfly::temporal::api;

namespace {

/// One timer, and its end.
const std::string whole = R"({"events": [
 {"eventId": "1", "eventType": "WorkflowExecutionStarted",
  "workflowExecutionStartedEventAttributes": {"workflowType": {"name": "nap"}}},
 {"eventId": "2", "eventType": "WorkflowTaskScheduled", "workflowTaskScheduledEventAttributes": {}},
 {"eventId": "3", "eventType": "WorkflowTaskStarted",
  "workflowTaskStartedEventAttributes": {"scheduledEventId": "2"}},
 {"eventId": "4", "eventType": "WorkflowTaskCompleted",
  "workflowTaskCompletedEventAttributes": {"scheduledEventId": "2", "startedEventId": "3"}},
 {"eventId": "5", "eventType": "TimerStarted",
  "timerStartedEventAttributes": {"timerId": "1", "workflowTaskCompletedEventId": "4"}},
 {"eventId": "6", "eventType": "TimerFired",
  "timerFiredEventAttributes": {"timerId": "1", "startedEventId": "5"}},
 {"eventId": "7", "eventType": "WorkflowTaskScheduled", "workflowTaskScheduledEventAttributes": {}},
 {"eventId": "8", "eventType": "WorkflowTaskStarted",
  "workflowTaskStartedEventAttributes": {"scheduledEventId": "7"}},
 {"eventId": "9", "eventType": "WorkflowTaskCompleted",
  "workflowTaskCompletedEventAttributes": {"scheduledEventId": "7", "startedEventId": "8"}},
 {"eventId": "10", "eventType": "WorkflowExecutionCompleted",
  "workflowExecutionCompletedEventAttributes": {"workflowTaskCompletedEventId": "9"}}
]})";

api::history::History checked_text(const std::string& text)
{
    const auto out = read_history(text);
    REQUIRE_MESSAGE(bool(out), (out ? "" : out.error().message));
    return out->message;
}

}  // namespace

TEST_CASE("a history that a server wrote fits together, wherever it was cut off")
{
    auto h = checked_text(whole);
    const auto all = check_history(h);
    CHECK(all.wrong.empty());
    CHECK(all.workflow_type == "nap");
    CHECK(all.events == 10);
    CHECK(all.closed);
    while (h.events_size() > 1) {
        h.mutable_events()->RemoveLast();
        CHECK(check_history(h).wrong.empty());
        CHECK_FALSE(check_history(h).closed);
    }
}

TEST_CASE("what no server would have written is told of, with its event")
{
    struct row {
        const char* why;
        void (*change)(api::history::History&);
        const char* words;
    };
    using history = api::history::History;
    const row rows[] = {
        {"nothing is no history", [](history& h) { h.Clear(); }, "there are no events"},
        {"a page is missing", [](history& h) { h.mutable_events()->DeleteSubrange(3, 2); },
            "event 6, TimerFired, stands where event 4 should"},
        {"the start is missing", [](history& h) { h.mutable_events()->DeleteSubrange(0, 1); },
            "event 2, WorkflowTaskScheduled, is the first event, and that should be WorkflowExecutionStarted"},
        {"two histories in one",
            [](history& h) {
                auto first = h.events(0);
                first.set_event_id(11);
                *h.add_events() = first;
            },
            "event 11, WorkflowExecutionStarted, comes a second time"},
        {"it goes on after its end",
            [](history& h) {
                auto e = h.events(6);
                e.set_event_id(11);
                *h.add_events() = e;
            },
            "event 11, WorkflowTaskScheduled, comes after the run's end"},
        {"another event's attributes",
            [](history& h) { h.mutable_events(5)->mutable_timer_started_event_attributes(); },
            "event 6, TimerFired, has no timer_fired_event_attributes"},
        {"no attributes", [](history& h) { h.mutable_events(1)->clear_attributes(); },
            "event 2, WorkflowTaskScheduled, has no workflow_task_scheduled_event_attributes"},
        {"what it refers to comes later",
            [](history& h) { h.mutable_events(5)->mutable_timer_fired_event_attributes()->set_started_event_id(9); },
            "event 6, TimerFired, refers to event 9, which is not before it"},
        {"what it refers to is something else",
            [](history& h) { h.mutable_events(5)->mutable_timer_fired_event_attributes()->set_started_event_id(2); },
            "event 6, TimerFired, refers to event 2, which is WorkflowTaskScheduled"},
        {"a timer fires once",
            [](history& h) {
                auto e = h.events(5);
                e.set_event_id(7);
                *h.mutable_events(6) = e;
            },
            "event 7, TimerFired, ends event 5 a second time"},
        {"a type of the future",
            [](history& h) {
                h.mutable_events(5)->clear_event_type();
                h.mutable_events(5)->clear_attributes();
            },
            "event 6, of an unknown type, is of a type that this version does not know"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        auto h = checked_text(whole);
        r.change(h);
        const auto seen = check_history(h);
        std::string all;
        for (const std::string& w : seen.wrong)
            all += w + '\n';
        CHECK_MESSAGE(all.find(r.words) != std::string::npos, all);
    }
    auto h = checked_text(whole);
    h.mutable_events(5)->clear_event_type();
    h.mutable_events(5)->clear_attributes();
    h.mutable_events(5)->set_worker_may_ignore(true);
    CHECK(check_history(h).wrong.empty());
}

TEST_CASE("a saved history is JSON or bytes, and what is neither is told apart from what is broken")
{
    const auto h = checked_text(whole);
    const std::string bytes = h.SerializeAsString();
    CHECK(checked_text(bytes).SerializeAsString() == bytes);
    CHECK(checked_text("\n\t " + whole).SerializeAsString() == bytes);

    // A first event of 123 bytes: the bytes begin as JSON may, with the end of a line and a brace.
    api::history::History odd;
    auto& e = *odd.add_events();
    e.set_event_id(1);
    e.mutable_principal()->set_name("");
    while (e.ByteSizeLong() < 123)
        e.mutable_principal()->mutable_name()->push_back('x');
    REQUIRE(e.ByteSizeLong() == 123);
    REQUIRE(odd.SerializeAsString().starts_with("\n{"));
    CHECK(checked_text(odd.SerializeAsString()).events(0).event_id() == 1);

    struct row {
        const char* why;
        std::string text;
        const char* words;
    };
    const row rows[] = {
        {"nothing", "", "neither JSON nor the bytes of a history"},
        {"some text", "this is not it", "neither JSON nor the bytes of a history"},
        {"cut bytes", bytes.substr(0, bytes.size() - 1), "neither JSON nor the bytes of a history"},
        {"cut JSON", whole.substr(0, whole.size() - 3), "not JSON"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto out = read_history(r.text);
        REQUIRE(out.has_error());
        CHECK(out.error().message.find(r.words) != std::string::npos);
    }
    CHECK(read_file("/nowhere/history.json").has_error());
}
