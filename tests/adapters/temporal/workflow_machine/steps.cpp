// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace mayfly::temporal::workflow;
using namespace mayfly::temporal::workflow::testing;
namespace api = mayfly::temporal::api;

namespace {

/// Code by hand: what it wants at each activation, and what it was told.
class scripted final : public code {
public:
    using script = std::function<std::vector<intent>(const activation&)>;

    explicit scripted(script s) : script_{std::move(s)} {}

    activated activate(activation now) override
    {
        activated out;
        out.intents = script_(now);
        return out;
    }
    query_answer query(const api::query::WorkflowQuery&) override { return {}; }
    [[nodiscard]] std::string stack_trace() const override { return "here"; }

private:
    script script_;
};

std::unique_ptr<machine> make_machine(scripted::script s, bool only = false)
{
    return std::make_unique<machine>(std::make_unique<scripted>(std::move(s)), options_of_tests(only));
}

template <class T>
const T* job_of(const activation& a)
{
    for (const job& j : a.jobs)
        if (const T* one = std::get_if<T>(&j))
            return one;
    return nullptr;
}

run_task all_of(const history_server& s)
{
    run_task t;
    t.events = s.events;
    return t;
}

}  // namespace

TEST_CASE("an activity, a timer, and the end")
{
    const std::vector<op> ops{{op::kind::activity, "charge"}, {op::kind::timer}};
    history_server s;
    auto m = testing::make_machine(ops);
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
    auto m = testing::make_machine(ops, defect::none, &log);
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
        auto m = testing::make_machine(r.before);
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
        auto m = testing::make_machine(r.before);
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
    auto m = testing::make_machine({wait});
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
    auto m = testing::make_machine(ops);
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

TEST_CASE("updates")
{
    SUBCASE("accepted, rejected, completed in a later task")
    {
        const std::vector<op> ops{{op::kind::await_signal}};
        history_server s;
        auto m = testing::make_machine(ops);
        s.complete(m->begin(s.poll(false)));
        s.update("slow", "u1");
        s.update("bad", "u2");
        auto step = m->begin(s.poll(true));
        CHECK(names_of(step) == "ProtocolMessage ScheduleActivityTask");
        REQUIRE(step.messages.size() == 2);
        CHECK(step.messages[0].id() == "u1/request/accept");
        CHECK(step.messages[1].id() == "u2/request/reject");
        api::update::Acceptance yes;
        REQUIRE(yes.ParseFromString(step.messages[0].body().value()));
        CHECK(yes.accepted_request().input().name() == "slow");
        CHECK(yes.accepted_request_sequencing_event_id() == s.events.back().event_id() - 1);
        s.complete(step);
        s.end_activity(0, 0);
        step = m->begin(s.poll(true));
        CHECK(names_of(step) == "ProtocolMessage");
        REQUIRE(step.messages.size() == 1);
        api::update::Response done;
        REQUIRE(done.ParseFromString(step.messages[0].body().value()));
        CHECK(done.meta().update_id() == "u1");
        CHECK(done.meta().identity() == "client");
        CHECK(done.outcome().has_success());
        s.complete(step);
        CHECK(replay(s.events, ops).what == kind::replayed);
    }
    SUBCASE("a task of rejections only leaves nothing, also beside what was real")
    {
        const std::vector<op> ops{{op::kind::activity, "charge"}};
        history_server s;
        auto m = testing::make_machine(ops);
        s.complete(m->begin(s.poll(false)));
        for (int i = 0; i < 3; ++i) {
            s.update("bad", "u" + std::to_string(i));
            const auto task = s.poll(true);
            REQUIRE(m->continues(task));
            const auto step = m->begin(task);
            CHECK(step.commands.empty());
            const auto reset = s.complete(step);
            REQUIRE(reset.value_or(0) == 3);
            m->reported(*reset);
            CHECK(m->last_started_event_id() == 3);
        }
        s.end_activity(0, 0);
        const auto task = s.poll(true);
        REQUIRE(m->continues(task));
        const auto step = m->begin(task);
        CHECK_MESSAGE(names_of(step) == "CompleteWorkflowExecution", step.words);
    }
    SUBCASE("a task of rejections that brought news too, and left nothing: no replay has that task")
    {
        const std::vector<op> ops{{op::kind::activity, "charge"}};
        int told = 0;
        const auto code = [&](const activation& now) -> std::vector<intent> {
            told += job_of<activity_resolved>(now) != nullptr ? 1 : 0;
            if (const auto* u = job_of<update_received>(now))
                return {reject_update{u->protocol_instance_id, {}}};
            if (job_of<start_run>(now) == nullptr)
                return {};
            schedule_activity x;
            x.seq = 1;
            x.id = "1";
            x.type = "charge";
            return {x};
        };
        history_server s;
        auto m = make_machine(code);
        s.complete(m->begin(s.poll(false)));
        CHECK(m->reported(0));
        s.end_activity(0, 0);
        s.update("bad", "u");
        const auto step = m->begin(s.poll(true));
        REQUIRE_MESSAGE(step.what == kind::complete, step.words);
        CHECK(step.commands.empty());
        CHECK(told == 1);
        CHECK_FALSE(m->reported(3));
        // What it brought was real; the task was not.
        s.asked.clear();
        s.events.resize(s.events.size() - 2);
        s.task_out = false;
        s.signal("go");
        const auto task = s.poll(true);
        CHECK_FALSE(m->continues(task));
        CHECK(m->begin(task).what == kind::drop);
        auto whole = s.at_hand(false);
        CHECK(make_machine(code)->begin(whole).what == kind::complete);
    }
    SUBCASE("one that history has admitted again after a reset")
    {
        const std::vector<op> ops{{op::kind::await_signal}};
        history_server s;
        s.complete(testing::make_machine(ops)->begin(s.poll(false)));
        HistoryEvent e;
        auto& r = *e.mutable_workflow_execution_update_admitted_event_attributes()->mutable_request();
        r.mutable_meta()->set_update_id("u1");
        r.mutable_input()->set_name("quick");
        s.happen(EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED, std::move(e));
        const auto step = testing::make_machine(ops)->begin(s.poll(false));
        CHECK(names_of(step) == "ProtocolMessage UpsertWorkflowSearchAttributes ProtocolMessage");
        s.complete(step);
        for (HistoryEvent& one : s.events)
            if (one.has_workflow_execution_update_accepted_event_attributes())
                one.mutable_workflow_execution_update_accepted_event_attributes()->clear_accepted_request();
        CHECK(replay(s.events, ops).what == kind::replayed);
    }
    SUBCASE("code that rejects what history has accepted")
    {
        history_server s;
        bool rejects = false;
        const auto code = [&](const activation& now) -> std::vector<intent> {
            const auto* u = job_of<update_received>(now);
            if (u == nullptr)
                return {};
            if (rejects)
                return {reject_update{u->protocol_instance_id, {}}};
            return {accept_update{u->protocol_instance_id}};
        };
        s.update("quick", "u1");
        s.complete(make_machine(code)->begin(s.poll(false)));
        CHECK(make_machine(code, true)->begin(all_of(s)).what == kind::replayed);
        rejects = true;
        const auto step = make_machine(code, true)->begin(all_of(s));
        CHECK(step.what == kind::fail);
        CHECK(step.words.find("rejects it") != std::string::npos);
    }
}

TEST_CASE("queries")
{
    const std::vector<op> ops{{op::kind::timer}, {op::kind::timer}};
    history_server s;
    auto m = testing::make_machine(ops);
    auto task = s.poll(false);
    task.queries["q1"].set_query_type("steps");
    task.queries["q2"].set_query_type("what");
    const auto step = m->begin(task);
    REQUIRE(step.query_results.size() == 2);
    CHECK(step.query_results.at("q1").result_type() == QUERY_RESULT_TYPE_ANSWERED);
    CHECK(step.query_results.at("q1").answer().payloads(0).data() == "1");
    CHECK(step.query_results.at("q2").result_type() == QUERY_RESULT_TYPE_FAILED);
    CHECK(step.query_results.at("q2").error_message().find("steps") != std::string::npos);
    s.complete(step);

    run_task ask = all_of(s);
    ask.legacy_query.emplace().set_query_type("steps");
    SUBCASE("of a run that nobody keeps")
    {
        const auto answer = testing::make_machine(ops)->begin(ask);
        REQUIRE(answer.what == kind::answer_query);
        CHECK(answer.legacy_answer->result.payloads(0).data() == "1");
        CHECK(answer.commands.empty());
    }
    SUBCASE("of one that is kept, which then goes on")
    {
        ask.events.clear();
        CHECK_FALSE(m->continues(ask));
        ask.previous_started_event_id = 3;
        REQUIRE(m->continues(ask));
        CHECK(m->begin(ask).what == kind::answer_query);
        s.fire("1");
        CHECK(names_of(m->begin(s.poll(true))) == "StartTimer");
    }
    SUBCASE("where code and history part, it fails, and no task does")
    {
        const auto answer = testing::make_machine({{op::kind::activity, "charge"}})->begin(ask);
        REQUIRE(answer.what == kind::answer_query);
        CHECK(answer.legacy_answer->failure->message().starts_with("[TMPRL1100]"));
    }
    SUBCASE("before the run has begun")
    {
        ask.events.resize(2);
        const auto answer = testing::make_machine(ops)->begin(ask);
        REQUIRE(answer.what == kind::answer_query);
        CHECK(answer.legacy_answer->failure.has_value());
    }
    SUBCASE("of a run that was terminated")
    {
        s.fire("1");
        s.terminate();
        ask.events = s.events;
        const auto answer = testing::make_machine(ops)->begin(ask);
        REQUIRE(answer.what == kind::answer_query);
        CHECK(answer.run_closed);
        CHECK(answer.legacy_answer->result.payloads(0).data() == "1");
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
        s.complete(testing::make_machine(ops)->begin(s.poll(false)));
        s.fire("1");
        run_task t = s.poll(false);
        REQUIRE(testing::make_machine(ops)->begin(t).what == kind::complete);
        r.spoil(t.events);
        auto m = testing::make_machine(ops);
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
    s.complete(testing::make_machine(ops)->begin(s.poll(false)));
    SUBCASE("an event of a type to come that may be left out")
    {
        HistoryEvent e;
        e.set_worker_may_ignore(true);
        s.events.push_back(e);
        s.events.back().set_event_id(static_cast<std::int64_t>(s.events.size()));
        s.fire("1");
        CHECK(testing::make_machine(ops)->begin(s.poll(false)).what == kind::complete);
    }
    SUBCASE("events twice, in the same page or the next")
    {
        s.fire("1");
        const run_task t = s.poll(false);
        run_task twice = t;
        twice.events.insert(twice.events.begin() + 3, t.events.begin(), t.events.begin() + 3);
        CHECK(testing::make_machine(ops)->begin(twice).what == kind::complete);
    }
    SUBCASE("pages that are empty, while there are more")
    {
        s.fire("1");
        const run_task t = s.poll(false);
        auto m = testing::make_machine(ops);
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
        const auto step = testing::make_machine(ops)->begin(s.poll(false));
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
        const auto step = testing::make_machine(ops)->begin(t);
        CHECK(step.what == kind::fail);
        CHECK(step.words.find("before the task's own") != std::string::npos);
    }
    SUBCASE("a kept run whose last task was not completed after all")
    {
        auto m = testing::make_machine(ops);
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
    s.complete(testing::make_machine(before)->begin(s.poll(false)));
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
