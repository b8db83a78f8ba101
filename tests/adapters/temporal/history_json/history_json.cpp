// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/testing/history_json.hpp>
#include <mayfly/temporal/times.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace mayfly::temporal;
using namespace mayfly::temporal::testing;
using namespace std::chrono_literals;

namespace {

// As an older tool of another SDK writes it.
constexpr const char* old_spelling = R"({"events": [
  {"eventId": "1", "eventTime": "2020-07-30T00:30:03.082421843Z", "eventType": "WorkflowExecutionStarted",
   "version": "-24", "taskId": "5242897",
   "workflowExecutionStartedEventAttributes": {
     "workflowType": {"name": "greet"}, "taskQueue": {"name": "q", "kind": "Normal"},
     "input": {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "IldvcmxkIg"}]},
     "workflowExecutionTimeout": "0s", "workflowTaskTimeout": "10.5s", "attempt": 1,
     "memo": null, "someNewField": {"a": 1}}},
  {"event_id": 2, "event_type": "EVENT_TYPE_WORKFLOW_TASK_SCHEDULED",
   "workflow_task_scheduled_event_attributes": {"attempt": 1e0}}
]})";

history_from_json read(const std::string& text, const json_options& how = {})
{
    const auto out = history_of_json(text, how);
    REQUIRE_MESSAGE(bool(out), (out ? "" : out.error().message));
    return *out;
}

}  // namespace

TEST_CASE("a history is read in either spelling, and written in the usual one")
{
    const auto r = read(old_spelling);
    REQUIRE(r.message.events_size() == 2);
    const auto& first = r.message.events(0);
    CHECK(first.event_type() == ::temporal::api::enums::v1::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
    CHECK(first.event_time().nanos() == 82'421'843);
    CHECK(first.version() == -24);
    const auto& a = first.workflow_execution_started_event_attributes();
    CHECK(a.task_queue().kind() == ::temporal::api::enums::v1::TASK_QUEUE_KIND_NORMAL);
    CHECK(a.input().payloads(0).data() == "\"World\"");
    CHECK(a.input().payloads(0).metadata().at("encoding") == "json/plain");
    CHECK(from_wire(a.workflow_task_timeout()) == 10'500ms);
    CHECK(a.has_workflow_execution_timeout());
    CHECK_FALSE(a.has_memo());
    CHECK(r.message.events(1).event_id() == 2);
    CHECK(
        r.passed_over == std::vector<std::string>{"$.events[*].workflowExecutionStartedEventAttributes.someNewField"});

    const auto text = to_json(r.message);
    REQUIRE(text.has_value());
    CHECK(text->find(R"("eventType":"EVENT_TYPE_WORKFLOW_EXECUTION_STARTED")") != std::string::npos);
    CHECK(text->find(R"("eventTime":"2020-07-30T00:30:03.082421843Z")") != std::string::npos);
    CHECK(text->find(R"("workflowTaskTimeout":"10.500s")") != std::string::npos);
    const auto again = read(*text, {.refuse_unknown = true});
    CHECK(again.message.SerializeAsString() == r.message.SerializeAsString());

    // Some tools save the array alone.
    CHECK(read(R"([{"eventId": "7"}])").message.events(0).event_id() == 7);
    CHECK(read("{}").message.events_size() == 0);
}

TEST_CASE("what is wrong with a history's JSON is said with its place")
{
    struct row {
        const char* why;
        std::string text;
        const char* error;
    };
    const row rows[] = {
        {"it is none", "EVENT", "not JSON"},
        {"cut off", R"({"events": [{"eventId")", "not JSON"},
        {"something else", R"("history")", "$: expected an object"},
        {"events are many", R"({"events": {}})", "$.events: expected an array"},
        {"no event", R"({"events": [{}, 7]})", "$.events[1]: expected an object"},
        {"a time that is none", R"({"events": [{"eventTime": "yesterday"}]})",
            "$.events[0].eventTime: expected a time such as"},
        {"a number with a fraction", R"({"events": [{"eventId": 1.5}]})", "$.events[0].eventId: expected an integer"},
        {"too large a number", R"({"events": [{"eventId": "9223372036854775808"}]})",
            "$.events[0].eventId: expected an integer"},
        {"too large a number for its field",
            R"({"events": [{"workflowTaskScheduledEventAttributes": {"attempt": 2147483648}}]})",
            "attempt: expected an integer of its size"},
        {"text for a flag", R"({"events": [{"workerMayIgnore": "yes"}]})",
            "$.events[0].workerMayIgnore: expected true or false"},
        {"two attributes", R"({"events": [{"timerFiredEventAttributes": {}, "timerStartedEventAttributes": {}}]})",
            "$.events[0].timerStartedEventAttributes: \"timerFiredEventAttributes\" is there too"},
        {"one field under both of its names", R"({"events": [{"event_id": 2, "eventId": 1}]})",
            "$.events[0].event_id: \"eventId\" is there too"},
        {"bytes that are none", R"({"events": [{"userMetadata": {"summary": {"data": "a b"}}}]})",
            "$.events[0].userMetadata.summary.data: expected bytes as base64"},
        {"a duration that is none", R"({"events": [{"timerStartedEventAttributes": {"startToFireTimeout": "soon"}}]})",
            "startToFireTimeout: expected a duration such as \"1.5s\""},
        {"a kind that is not known", R"({"events": [{"eventType": "EVENT_TYPE_FIREWORKS"}]})",
            "no value of temporal.api.enums.v1.EventType has the name \"EVENT_TYPE_FIREWORKS\""},
        {"a field that is not known", R"({"events": [{"eventColour": 1}]})",
            "$.events[0].eventColour: no field of temporal.api.history.v1.HistoryEvent has this name"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto out = history_of_json(r.text, {.refuse_unknown = true});
        REQUIRE(out.has_error());
        const std::string& said = out.error().message;
        CHECK_MESSAGE(said.find(r.error) != std::string::npos, said);
    }
    std::string deep;
    for (int i = 0; i < 1000; ++i)
        deep += R"({"cause":)";
    CHECK(history_of_json(deep).has_error());
}

TEST_CASE("causes as deep as protobuf reads them come through, deeper ones are refused")
{
    const auto nested = [](int levels) {
        std::string out;
        for (int i = 0; i < levels; ++i)
            out += R"({"message":"m","cause":)";
        out += "{}";
        return out.append(static_cast<std::size_t>(levels), '}');
    };
    using failure = ::temporal::api::failure::v1::Failure;
    const auto fits = message_from_json<failure>(nested(90));
    REQUIRE(bool(fits));
    CHECK(to_json(fits->message).value().size() > 90 * 20);
    CHECK(message_from_json<failure>(nested(150)).has_error());
}

TEST_CASE("numbers, masks and types come back as they were, or are refused")
{
    using status = ::temporal::api::common::v1::GrpcStatus;
    struct row {
        const char* why;
        const char* text;
        const char* error;  // null: none
    };
    const row rows[] = {
        {"a mask", R"({"@type":"type.googleapis.com/google.protobuf.FieldMask","value":"a,bC.d"})", nullptr},
        {"one that JSON has no name for", R"({"@type":"type.googleapis.com/google.protobuf.FieldMask","value":"a_1"})",
            "expected names of fields in lower camel case"},
        {"a type by the name that it has here alone",
            R"({"@type":"type.googleapis.com/mayfly.temporal.wire.Duration","value":"1s"})", "not known here"},
        {"a fraction with a sign and no size",
            R"({"@type":"type.googleapis.com/temporal.api.common.v1.RetryPolicy","backoffCoefficient":-0.0})", nullptr},
        {"members in their order",
            R"({"@type":"type.googleapis.com/temporal.api.common.v1.Priority","priorityKey":1,"fairnessKey":"a","fairnessWeight":2})",
            nullptr},
        {"what a float has no room for",
            R"({"@type":"type.googleapis.com/temporal.api.common.v1.Priority","fairnessWeight":1e39})",
            "fairnessWeight: expected a number"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto out = message_from_json<status>(std::string(R"({"details":[)").append(r.text).append("]}"));
        REQUIRE(out.has_error() == (r.error != nullptr));
        if (r.error != nullptr) {
            CHECK_MESSAGE(out.error().message.find(r.error) != std::string::npos, out.error().message);
            continue;
        }
        const auto text = to_json(out->message);
        REQUIRE(text.has_value());
        CHECK_MESSAGE(text->find(r.text) != std::string::npos, *text);
    }
    status odd;
    auto& any = *odd.add_details();
    any.set_type_url("type.googleapis.com/mayfly.temporal.wire.Duration");
    CHECK_FALSE(to_json(odd));
    any.set_type_url("type.googleapis.com/google.protobuf.FieldMask");
    any.set_value("\n\x03"
                  "a_1");
    CHECK_FALSE(to_json(odd));
}

TEST_CASE("what JSON cannot say is not said")
{
    ::temporal::api::history::v1::History h;
    h.add_events()->mutable_event_time()->set_seconds(400'000'000'000);
    CHECK_FALSE(to_json(h));
    h.mutable_events(0)->mutable_event_time()->set_seconds(0);
    h.mutable_events(0)->mutable_event_time()->set_nanos(-1);
    CHECK_FALSE(to_json(h));
    h.mutable_events(0)->mutable_event_time()->set_nanos(1);
    h.mutable_events(0)->set_event_type(static_cast<::temporal::api::enums::v1::EventType>(2));
    const auto text = to_json(h);
    REQUIRE(text.has_value());
    CHECK(*text == R"({"events":[{"eventTime":"1970-01-01T00:00:00.000000001Z",)"
                   R"("eventType":"EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"}]})");
}
