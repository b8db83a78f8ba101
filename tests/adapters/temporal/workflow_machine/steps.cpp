// SPDX-License-Identifier: BSL-1.0

// What code asks for, and what comes of it.

#include "scripted.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

using namespace mayfly::temporal::workflow;
using namespace mayfly::temporal::workflow::testing;
namespace api = mayfly::temporal::api;

TEST_CASE("an activity, a timer, and the end")
{
    const std::vector<op> ops{{op::kind::activity, "charge"}, {op::kind::timer}};
    history_server s;
    auto m = make_machine(ops);
    auto step = m->begin(s.poll(false));
    CHECK(names_of(step) == "ScheduleActivityTask");
    CHECK(step.new_flags == std::vector<std::uint32_t>{1, 2, 3});
    const auto& a = step.commands.at(0).schedule_activity_task_command_attributes();
    CHECK(a.activity_id() == "1");
    CHECK(a.task_queue().name() == "orders");
    s.complete(step);
    m->reported(0);
    s.end_activity(0, 0);
    auto task = s.poll(true);
    CHECK(task.events.front().event_id() == 4);
    REQUIRE(m->continues(task));
    step = m->begin(task);
    CHECK(names_of(step) == "StartTimer");
    CHECK(step.new_flags.empty());
    s.complete(step);
    s.fire("1");
    step = m->begin(s.poll(true));
    CHECK(names_of(step) == "CompleteWorkflowExecution");
    CHECK(step.run_closed);
    s.complete(step);
    const auto again = replay(s.events, ops);
    CHECK_MESSAGE(again.what == kind::replayed, again.words);
    CHECK(again.run_closed);
}

TEST_CASE("failures reach code wrapped in what failed")
{
    history_server s;
    std::vector<resolution> ends;
    const auto code = [&](const activation& a) -> std::vector<intent> {
        if (const auto* r = job_of<activity_resolved>(a))
            ends.push_back(r->outcome);
        if (const auto* r = job_of<child_resolved>(a))
            ends.push_back(r->outcome);
        if (const auto* r = job_of<child_started>(a); r != nullptr && r->run_id.empty())
            ends.push_back({resolution::kind::failed, {}, r->failure});
        if (job_of<start_run>(a) == nullptr)
            return {};
        std::vector<intent> out;
        for (std::uint32_t i = 1; i <= 4; ++i) {
            schedule_activity x;
            x.seq = i;
            x.type = "charge";
            out.emplace_back(std::move(x));
        }
        for (std::uint32_t i = 1; i <= 6; ++i) {
            start_child x;
            x.seq = i;
            x.workflow_id = "c" + std::to_string(i);
            x.type = "parcel";
            out.emplace_back(std::move(x));
        }
        return out;
    };
    auto m = make_machine(code);
    s.complete(m->begin(s.poll(false)));
    struct row {
        const char* why;
        std::function<void()> happens;
        resolution::kind how;
        std::string outer;
        std::function<bool(const api::failure::Failure&)> cause;
    };
    const auto child = [&](int how) {
        return [&s, how] {
            if (how != 5)
                s.start_child(0);
            s.end_child(0, how);
        };
    };
    const row rows[] = {
        {"failed", [&] { s.end_activity(0, 1); }, resolution::kind::failed, "the activity failed",
            [](const auto& f) { return f.has_application_failure_info() && f.message() == "no"; }},
        {"timed out before it began", [&] { s.end_activity(0, 2); }, resolution::kind::failed, "the activity timed out",
            [](const auto& f) { return f.has_timeout_failure_info(); }},
        {"cancelled", [&] { s.end_activity(0, 3); }, resolution::kind::cancelled, "the activity was cancelled",
            [](const auto& f) { return f.has_canceled_failure_info(); }},
        {"a child failed", child(1), resolution::kind::failed, "the child workflow failed",
            [](const auto& f) { return f.message() == "no"; }},
        {"a child was cancelled", child(2), resolution::kind::cancelled, "the child workflow was cancelled",
            [](const auto& f) { return f.has_canceled_failure_info(); }},
        {"a child timed out", child(3), resolution::kind::failed, "the child workflow timed out",
            [](const auto& f) { return f.timeout_failure_info().timeout_type() == TIMEOUT_TYPE_START_TO_CLOSE; }},
        {"a child was terminated", child(4), resolution::kind::failed, "the child workflow was terminated",
            [](const auto& f) { return f.has_terminated_failure_info(); }},
        {"a child's id was taken", child(5), resolution::kind::failed, "the child workflow was not started",
            [](const auto& f) { return f.application_failure_info().type() == "WorkflowAlreadyExists"; }},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        ends.clear();
        r.happens();
        const auto step = m->begin(s.poll(true));
        REQUIRE_MESSAGE(step.what == kind::complete, step.words);
        s.complete(step);
        REQUIRE(ends.size() == 1);
        CHECK(ends[0].how == r.how);
        CHECK(ends[0].failure.message() == r.outer);
        CHECK((ends[0].failure.has_activity_failure_info() ||
               ends[0].failure.has_child_workflow_execution_failure_info()));
        CHECK(r.cause(ends[0].failure.cause()));
    }
}

TEST_CASE("jobs come in their order, whatever the order of events")
{
    const std::vector<op> ops{{op::kind::activity_or_timer, "charge"}, {op::kind::await_signal}};
    history_server s;
    std::vector<program::seen> log;
    auto m = make_machine(ops, defect::none, &log);
    s.complete(m->begin(s.poll(false)));
    s.fire("1");
    s.end_activity(0, 0);
    s.ask_cancel();
    s.signal("go");
    s.update("quick", "u1");
    static_cast<void>(m->begin(s.poll(true)));
    const job order[] = {signal_received{}, update_received{}, timer_fired{}, activity_resolved{}, cancel_requested{}};
    REQUIRE(log.size() >= 2);
    REQUIRE(log[1].jobs.size() == std::size(order));
    for (std::size_t i = 0; i < std::size(order); ++i)
        CHECK(log[1].jobs[i] == order[i].index());
    CHECK_FALSE(log[1].replaying);
}

TEST_CASE("what was cancelled and how")
{
    using ck = cancellation_type;
    struct row {
        const char* why;
        std::vector<intent> first;
        std::vector<intent> then;
        std::string commands_then;
        bool at_once;
    };
    schedule_activity a;
    a.seq = 1;
    a.type = "charge";
    const auto activity = [&](ck how) {
        auto out = a;
        out.cancellation = how;
        return out;
    };
    start_child c;
    c.seq = 1;
    c.workflow_id = "c1";
    const auto child = [&](ck how) {
        auto out = c;
        out.cancellation = how;
        return out;
    };
    const row rows[] = {
        {"an activity, asked and not waited for", {activity(ck::try_cancel)}, {cancel_activity{1}},
            "RequestCancelActivityTask", true},
        {"asked and waited for", {activity(ck::wait_completed)}, {cancel_activity{1}}, "RequestCancelActivityTask",
            false},
        {"left alone", {activity(ck::abandon)}, {cancel_activity{1}}, "", true},
        {"one that was not asked for yet", {}, {activity(ck::wait_completed), cancel_activity{1}}, "", true},
        {"twice is once", {activity(ck::try_cancel)}, {cancel_activity{1}, cancel_activity{1}},
            "RequestCancelActivityTask", true},
        {"a child between its start and ours", {child(ck::try_cancel)}, {cancel_child{1, ""}},
            "RequestCancelExternalWorkflowExecution", true},
        {"a child that is waited for", {child(ck::wait_completed)}, {cancel_child{1, ""}},
            "RequestCancelExternalWorkflowExecution", false},
        {"a child left alone", {child(ck::abandon)}, {cancel_child{1, ""}}, "", true},
        {"a child that was not asked for yet", {}, {child(ck::wait_completed), cancel_child{1, ""}}, "", true},
        {"a timer", {start_timer{1, {}, {}}}, {cancel_timer{1}}, "CancelTimer", false},
        {"a timer that was not asked for yet", {}, {start_timer{1, {}, {}}, cancel_timer{1}}, "", false},
        {"a signal that was not sent yet", {},
            {signal_external{1, {"o", "", false}, "s", {}, {}}, cancel_external_signal{1}}, "", true},
        {"a signal that was sent", {signal_external{1, {"o", "", false}, "s", {}, {}}}, {cancel_external_signal{1}}, "",
            false},
        {"what there is not", {}, {cancel_activity{9}, cancel_child{9, ""}, cancel_timer{9}, cancel_local_activity{9}},
            "", false},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        history_server s;
        int activations = 0;
        const auto code = [&](const activation& now) -> std::vector<intent> {
            if (job_of<start_run>(now) != nullptr)
                return r.first;
            if (job_of<signal_received>(now) != nullptr)
                return r.then;
            ++activations;
            return {};
        };
        auto m = make_machine(code);
        s.complete(m->begin(s.poll(false)));
        s.signal("cancel");
        const auto step = m->begin(s.poll(true));
        REQUIRE_MESSAGE(step.what == kind::complete, step.words);
        CHECK(names_of(step) == r.commands_then);
        CHECK((activations == 1) == r.at_once);
        s.complete(step);
        const auto again = make_machine(code, true)->begin(all_of(s));
        CHECK_MESSAGE(again.what == kind::replayed, again.words);
    }
}

TEST_CASE("local activities")
{
    schedule_local_activity l;
    l.seq = 1;
    l.type = "price";
    std::vector<local_activity_resolved> told;
    std::vector<workflow_time> times;
    const auto with = [&](cancellation_type how) {
        return [&, how](const activation& now) -> std::vector<intent> {
            if (const auto* r = job_of<local_activity_resolved>(now)) {
                told.push_back(*r);
                times.push_back(now.facts.now);
                return {start_timer{1, std::chrono::seconds(1), {}}};
            }
            if (job_of<signal_received>(now) != nullptr)
                return {cancel_local_activity{1}};
            auto what = l;
            what.cancellation = how;
            return {what};
        };
    };
    local_outcome well;
    well.outcome.result.add_payloads()->set_data("\xFE 12");
    well.attempt = 3;
    well.completed = workflow_time(std::chrono::seconds(2'000'000));

    SUBCASE("its outcome is in history before what follows from it")
    {
        history_server s;
        const auto code = with(cancellation_type::try_cancel);
        auto m = make_machine(code);
        auto step = m->begin(s.poll(false));
        REQUIRE(step.what == kind::wait_local);
        REQUIRE(step.local_starts.size() == 1);
        CHECK(step.local_starts[0].what.type == "price");
        step = m->local_resolved(1, well);
        CHECK(names_of(step) == "RecordMarker StartTimer");
        CHECK(step.local_retries == 2);
        s.complete(step);
        CHECK(make_machine(code, true)->begin(all_of(s)).what == kind::replayed);
        REQUIRE(told.size() == 2);
        CHECK(told[0].outcome.result.SerializeAsString() == told[1].outcome.result.SerializeAsString());
        CHECK(times[0] == well.completed);
        CHECK(times[1] == well.completed);
    }
    SUBCASE("a long one outlives several tasks, and is begun again by another machine")
    {
        history_server s;
        const auto code = with(cancellation_type::try_cancel);
        auto m = make_machine(code);
        static_cast<void>(m->begin(s.poll(false)));
        for (int i = 0; i < 3; ++i) {
            auto step = m->heartbeat();
            CHECK(step.force_new_task);
            CHECK(step.commands.empty());
            s.complete(step);
            step = m->begin(s.poll(true));
            CHECK(step.what == kind::wait_local);
            CHECK(step.local_starts.empty());
        }
        auto other = make_machine(code);
        auto step = other->begin(s.at_hand(false));
        REQUIRE(step.what == kind::wait_local);
        CHECK(step.local_starts.size() == 1);
        step = other->local_resolved(1, well);
        CHECK(names_of(step) == "RecordMarker StartTimer");
        CHECK(m->local_resolved(7, well).what == kind::wait_local);
        CHECK(bytes_of(m->local_resolved(1, well)) == bytes_of(step));
        s.complete(step);
        CHECK(make_machine(code, true)->begin(all_of(s)).what == kind::replayed);
    }
    SUBCASE("cancelled, each in its way")
    {
        struct row {
            const char* why;
            cancellation_type how;
            bool at_once;
            bool stopped;
        };
        const row rows[] = {
            {"asked and not waited for", cancellation_type::try_cancel, true, true},
            {"asked and waited for", cancellation_type::wait_completed, false, true},
            {"left alone", cancellation_type::abandon, true, false},
        };
        for (const row& r : rows) {
            CAPTURE(r.why);
            told.clear();
            history_server s;
            const auto code = with(r.how);
            auto m = make_machine(code);
            static_cast<void>(m->begin(s.poll(false)));
            s.complete(m->heartbeat());
            s.signal("cancel");
            auto step = m->begin(s.poll(true));
            CHECK((step.what == kind::complete) == r.at_once);
            CHECK(step.local_cancels.size() == (r.stopped ? 1U : 0U));
            if (!r.at_once)
                step = m->local_resolved(1, well);
            CHECK(names_of(step) == "RecordMarker StartTimer");
            CHECK((told.at(0).outcome.how == resolution::kind::cancelled) == r.at_once);
            s.complete(step);
            const auto again = make_machine(code, true)->begin(all_of(s));
            CHECK_MESSAGE(again.what == kind::replayed, again.words);
        }
    }
    SUBCASE("one that has to wait long becomes a timer")
    {
        history_server s;
        const auto code = with(cancellation_type::try_cancel);
        auto m = make_machine(code);
        static_cast<void>(m->begin(s.poll(false)));
        local_outcome o;
        o.outcome.how = resolution::kind::failed;
        o.outcome.failure.set_message("busy");
        o.backs_off = true;
        o.backoff = std::chrono::minutes(5);
        o.attempt = 2;
        s.complete(m->local_resolved(1, o));
        CHECK(make_machine(code, true)->begin(all_of(s)).what == kind::replayed);
        REQUIRE(told.size() == 2);
        for (const auto& t : told) {
            CHECK(t.backs_off);
            CHECK(t.attempt == 3);
            CHECK(t.backoff == std::chrono::minutes(5));
            CHECK(t.outcome.failure.cause().message() == "busy");
        }
        CHECK(told[0].first_scheduled == told[1].first_scheduled);
    }
    SUBCASE("the run's end does not wait for it")
    {
        history_server s;
        auto m = make_machine([&](const activation&) -> std::vector<intent> { return {l, complete_run{}}; });
        const auto step = m->begin(s.poll(false));
        CHECK(step.what == kind::complete);
        CHECK(names_of(step) == "CompleteWorkflowExecution");
        CHECK(step.local_starts.empty());
    }
}

TEST_CASE("the run that continues this one has what this one had")
{
    history_server s;
    auto& a = *s.events[0].mutable_workflow_execution_started_event_attributes();
    (*a.mutable_memo()->mutable_fields())["old"].set_data("1");
    (*a.mutable_memo()->mutable_fields())["gone"].set_data("1");
    (*a.mutable_search_attributes()->mutable_indexed_fields())["TemporalChangeVersion"].set_data("[\"p\"]");
    (*a.mutable_search_attributes()->mutable_indexed_fields())["Region"].set_data("\"north\"");
    a.mutable_retry_policy()->set_maximum_attempts(3);
    (*a.mutable_header()->mutable_fields())["trace"].set_data("t");
    auto m = make_machine([](const activation&) -> std::vector<intent> {
        upsert_memo memo;
        (*memo.memo.mutable_fields())["new"].set_data("2");
        (*memo.memo.mutable_fields())["gone"].set_data("null");
        return {memo, continue_as_new{}, start_timer{1, {}, {}}, complete_run{}};
    });
    const auto step = m->begin(s.poll(false));
    CHECK(names_of(step) == "ModifyWorkflowProperties StartTimer ContinueAsNewWorkflowExecution");
    const auto& c = step.commands.back().continue_as_new_workflow_execution_command_attributes();
    CHECK(c.workflow_type().name() == "shop");
    CHECK(c.task_queue().name() == "orders");
    CHECK(c.memo().fields().size() == 2);
    CHECK(c.memo().fields().at("new").data() == "2");
    CHECK(c.search_attributes().indexed_fields().size() == 1);
    CHECK(c.retry_policy().maximum_attempts() == 3);
    CHECK(c.header().fields().at("trace").data() == "t");
}

TEST_CASE("random numbers are those of the first run, and others after a reset")
{
    static_assert(detail::random_seed_of("") == 0xd1fba762150c532cU);
    std::vector<std::uint64_t> seeds;
    const auto code = [&](const activation& now) -> std::vector<intent> {
        if (const auto* r = job_of<start_run>(now))
            seeds.push_back(r->random_seed);
        if (const auto* r = job_of<reseed>(now))
            seeds.push_back(r->random_seed);
        return {};
    };
    history_server s("run-0");
    static_cast<void>(s.poll(false));
    s.lose_task(false);
    auto& failed = *s.events[3].mutable_workflow_task_failed_event_attributes();
    failed.set_cause(WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW);
    failed.set_new_run_id("run-2");
    CHECK(make_machine(code)->begin(s.poll(false)).what == kind::complete);
    CHECK(seeds == std::vector{detail::random_seed_of("run-0"), detail::random_seed_of("run-2")});
}

TEST_CASE("what a task says reaches code, and from history only")
{
    history_server s;
    std::vector<task_facts> facts;
    std::vector<bool> replaying;
    const auto code = [&](const activation& now) -> std::vector<intent> {
        facts.push_back(now.facts);
        replaying.push_back(now.replaying);
        return {};
    };
    auto m = make_machine(code);
    auto task = s.poll(false);
    auto& a = *task.events.back().mutable_workflow_task_started_event_attributes();
    a.set_history_size_bytes(77);
    a.set_suggest_continue_as_new(true);
    a.add_suggest_continue_as_new_reasons(SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_UPDATES);
    a.set_target_worker_deployment_version_changed(true);
    s.events.back() = task.events.back();
    const auto step = m->begin(task);
    s.complete(step);
    auto& done = *s.events.back().mutable_workflow_task_completed_event_attributes();
    done.mutable_deployment_version()->set_deployment_name("shop");
    done.mutable_deployment_version()->set_build_id("0");
    static_cast<void>(make_machine(code, true)->begin(all_of(s)));
    REQUIRE(facts.size() == 2);
    for (const auto& f : facts) {
        CHECK(f.history_length == 3);
        CHECK(f.history_bytes == 77);
        CHECK(f.continue_as_new_suggested);
        CHECK(f.reasons.size() == 1);
        CHECK(f.target_version_changed);
        CHECK(f.now == facts[0].now);
    }
    CHECK(facts[0].processed_by.build_id == "1");
    CHECK(facts[1].processed_by.build_id == "0");
    CHECK(replaying == std::vector{false, true});
}

TEST_CASE("code that asks for what makes no sense fails its task")
{
    struct row {
        const char* why;
        std::vector<intent> wishes;
        const char* words;
    };
    const row rows[] = {
        {"two timers of one number", {start_timer{1, {}, {}}, start_timer{1, {}, {}}},
            "number 1 for two of its timers"},
        {"an update that nobody asked for", {accept_update{"u9"}}, "accepted the update \"u9\""},
        {"an outcome without acceptance", {complete_update{"u9", {}}}, "completed the update \"u9\""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        history_server s;
        auto m = make_machine([&](const activation&) { return r.wishes; });
        const auto step = m->begin(s.poll(false));
        CHECK(step.what == kind::fail);
        CHECK(step.problem->cause == WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
        CHECK_MESSAGE(step.words.find(r.words) != std::string::npos, step.words);
    }
}
