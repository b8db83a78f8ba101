// SPDX-License-Identifier: BSL-1.0
#include "scripted.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace workflow_client_test;
using namespace mayfly::temporal::detail;

TEST_CASE("a run's last event says how it ended, and where it goes on")
{
    using enum client_errc;
    struct row {
        const char* why;
        api::history::HistoryEvent event;
        error_code ec;
        const char* words;
        const char* next;
    };
    const auto event = [](api::enums::EventType type, auto fill) {
        api::history::HistoryEvent out;
        out.set_event_type(type);
        fill(out);
        return out;
    };
    using e = api::history::HistoryEvent;
    const row rows[] = {
        {"its value is there", completed("1"), {}, "", ""},
        {"the next of a schedule", completed("1", "r2"), {}, "", "r2"},
        {"its own failure",
            event(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
                [](e& x) {
                    auto& a = *x.mutable_workflow_execution_failed_event_attributes();
                    a.mutable_failure()->set_message("no such order");
                    a.mutable_failure()->mutable_application_failure_info()->set_type("not_found");
                }),
            failed, "not_found: no such order", ""},
        {"another attempt comes",
            event(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
                [](e& x) { x.mutable_workflow_execution_failed_event_attributes()->set_new_execution_run_id("r2"); }),
            failed, "", "r2"},
        {"cancelled", event(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED, [](e&) {}), cancelled,
            "cancelled: the workflow was cancelled", ""},
        {"too late, and tried again",
            event(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
                [](e& x) {
                    x.mutable_workflow_execution_timed_out_event_attributes()->set_new_execution_run_id("r2");
                }),
            timed_out, "timeout: the workflow timed out", "r2"},
        {"who did it gives a reason",
            event(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
                [](e& x) { x.mutable_workflow_execution_terminated_event_attributes()->set_reason("enough"); }),
            terminated, "terminated: enough", ""},
        {"or none", event(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, [](e&) {}), terminated,
            "terminated: the workflow was terminated", ""},
        {"no end, but a next part", continued("r2"), continued_as_new, "", "r2"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto end = close_of(r.event);
        REQUIRE(end.has_value());
        CHECK(end->ec == r.ec);
        CHECK((end->why ? describe(*end->why) : "") == r.words);
        CHECK(end->next_run_id == r.next);
    }
    CHECK_FALSE(close_of(event(api::enums::EVENT_TYPE_TIMER_FIRED, [](e&) {})));
    CHECK_FALSE(close_of(e{}));
}

TEST_CASE("the wait for an end asks on with what it was given, and follows runs if it is to")
{
    using enum close_watch::next;
    api::GetWorkflowExecutionHistoryRequest first;
    first.mutable_execution()->set_workflow_id("w");
    first.mutable_execution()->set_run_id("r1");

    close_watch w(first, true);
    CHECK(w.request().wait_new_event());
    CHECK(w.request().history_event_filter_type() == api::enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT);
    CHECK(w.take(page(std::nullopt, "t1")) == ask);
    CHECK(w.request().next_page_token() == "t1");
    CHECK(w.take(page(continued("r2"), "t2")) == ask);
    CHECK(w.run_id() == "r2");
    CHECK(w.request().next_page_token().empty());
    CHECK(w.take(page(completed("1", "r3"))) == ask);
    CHECK(w.take(page(completed("2"))) == done);
    REQUIRE(w.end());
    CHECK(w.end()->result.payloads(0).data() == "2");
    CHECK(w.run_id() == "r3");

    close_watch here(first, false);
    CHECK(here.take(page(continued("r2"))) == done);
    CHECK(here.end()->next_run_id == "r2");
    CHECK(here.run_id() == "r1");

    api::GetWorkflowExecutionHistoryResponse raw;
    api::history::History blob;
    *blob.add_events() = completed("7");
    raw.add_raw_history()->set_data(blob.SerializeAsString());
    *raw.mutable_history()->add_events() = continued("not to be looked at");
    close_watch of_raw(first, true);
    CHECK(of_raw.take(raw) == done);
    CHECK(of_raw.end()->result.payloads(0).data() == "7");

    struct row {
        const char* why;
        api::GetWorkflowExecutionHistoryResponse answer;
    };
    api::GetWorkflowExecutionHistoryResponse broken;
    broken.add_raw_history()->set_data("\xff\xff");
    api::history::HistoryEvent fired;
    fired.set_event_type(api::enums::EVENT_TYPE_TIMER_FIRED);
    const row rows[] = {
        {"nothing, and no way on: asking again would never end", page(std::nullopt)},
        {"an event that is none of a run's last", page(fired)},
        {"bytes that are no history", broken},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        close_watch hostile(first, true);
        CHECK(hostile.take(r.answer) == lost);
        CHECK_FALSE(hostile.end());
    }
}

TEST_CASE("an update is sent until it is kept, and then only asked for")
{
    using enum update_step;
    using enum update_stage;
    struct row {
        const char* why;
        api::enums::UpdateWorkflowExecutionLifecycleStage reached;
        bool has_outcome;
        update_stage wanted;
        update_step next;
    };
    const auto none = api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED;
    const auto heard = api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED;
    const auto taken = api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED;
    const auto ended = api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
    const row rows[] = {
        {"the server answered early", none, false, accepted, send},
        {"admitted ones are not kept: they get lost when a server goes", heard, false, accepted, send},
        {"the same for who wants all", heard, false, completed, send},
        {"far enough", taken, false, accepted, done},
        {"kept, not over", taken, false, completed, poll},
        {"over", ended, true, completed, done},
        {"more than was asked for", ended, true, accepted, done},
        {"rejected: an outcome, whatever the stage", none, true, accepted, done},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(after_answer(r.reached, r.has_outcome, r.wanted) == r.next, r.why);
}

TEST_CASE("of a start and an update that failed together the one to blame is told of")
{
    api::errordetails::MultiOperationExecutionFailure both;
    auto& start = *both.add_statuses();
    start.set_code(static_cast<int>(status_code::already_exists));
    start.set_message("it runs");
    api::errordetails::WorkflowExecutionAlreadyStartedFailure why;
    why.set_run_id("r1");
    start.add_details()->set_type_url("type.googleapis.com/" + why.GetTypeName());
    start.mutable_details(0)->set_value(why.SerializeAsString());
    auto& update = *both.add_statuses();
    update.set_code(static_cast<int>(status_code::aborted));
    update.add_details()->set_type_url("type.googleapis.com/temporal.api.failure.v1.MultiOperationExecutionAborted");

    const auto of_start = blamed(status_with(status_code::already_exists, "could not be executed", both));
    CHECK(of_start.code == status_code::already_exists);
    CHECK(of_start.message == "it runs");
    const auto detail = detail_of<api::errordetails::WorkflowExecutionAlreadyStartedFailure>(of_start);
    REQUIRE(detail.has_value());
    CHECK(detail->run_id() == "r1");

    both.mutable_statuses()->SwapElements(0, 1);
    CHECK(blamed(status_with(status_code::already_exists, "could not be executed", both)).message == "it runs");
    both.clear_statuses();
    CHECK(blamed(status_with(status_code::aborted, "as it came", both)).message == "as it came");
    CHECK(blamed({status_code::unavailable, "gone", {}}).message == "gone");
}
