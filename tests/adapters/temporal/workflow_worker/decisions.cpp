// SPDX-License-Identifier: BSL-1.0

// What is decided about workflow tasks, without a clock or a wire.

#include <mayfly/temporal/detail/local_retry.hpp>
#include <mayfly/temporal/detail/workflow_cache.hpp>
#include <mayfly/temporal/detail/workflow_intake.hpp>
#include <mayfly/temporal/detail/workflow_reports.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace mayfly::temporal;
using namespace mayfly::temporal::detail;
using namespace std::chrono_literals;
namespace api = mayfly::temporal::api;
namespace grpc = mayfly::grpc;

namespace {

history_events events(std::int64_t from, std::int64_t to)
{
    history_events out;
    for (auto id = from; id <= to; ++id)
        out.emplace_back().set_event_id(id);
    return out;
}

api::PollWorkflowTaskQueueResponse task(std::int64_t from, std::int64_t to, std::int64_t previous)
{
    api::PollWorkflowTaskQueueResponse t;
    t.mutable_workflow_execution()->set_workflow_id("w");
    t.mutable_workflow_execution()->set_run_id("r");
    t.mutable_workflow_type()->set_name("flow");
    t.set_previous_started_event_id(previous);
    t.set_started_event_id(to);
    for (auto& e : events(from, to))
        *t.mutable_history()->add_events() = e;
    return t;
}

api::PollWorkflowTaskQueueResponse query(std::int64_t from, std::int64_t to, std::int64_t previous)
{
    auto t = task(from, to, previous);
    t.set_started_event_id(0);
    t.mutable_query()->set_query_type("q");
    return t;
}

std::string ids(const history_events& all)
{
    std::string out;
    for (const auto& e : all)
        out += (out.empty() ? "" : " ") + std::to_string(e.event_id());
    return out;
}

}  // namespace

TEST_CASE("a task goes on where the run stands, or is begun anew")
{
    auto no_type = task(1, 3, 0);
    no_type.clear_workflow_type();
    auto both = query(1, 3, 0);
    (*both.mutable_queries())["a"];
    auto no_run = task(1, 3, 0);
    no_run.mutable_workflow_execution()->clear_run_id();
    auto only_queries = task(1, 0, 0);

    struct row {
        const char* why;
        api::PollWorkflowTaskQueueResponse task;
        std::optional<std::int64_t> last_started;
        intake expected;
        bool locals_run = false;
    };
    const row rows[] = {
        {"the first of a run", task(1, 3, 0), std::nullopt, intake::from_poll},
        {"all of history: whatever is in memory may be wrong", task(1, 9, 3), 3, intake::from_poll},
        {"all of history again, while local activities run here", task(1, 9, 3), 3, intake::go_on, true},
        {"of a run that is further than that", task(1, 9, 3), 9, intake::from_poll, true},
        {"exactly what comes next", task(4, 9, 3), 3, intake::go_on},
        {"what comes next, but nobody knows what was before", task(4, 9, 3), std::nullopt, intake::from_start},
        {"memory is behind", task(10, 14, 9), 3, intake::from_start},
        {"memory is ahead", task(4, 9, 3), 9, intake::from_start},
        {"a query of what is in memory", query(1, 0, 3), 3, intake::go_on},
        {"a query that waited while the run went on", query(1, 0, 3), 9, intake::go_on},
        {"a query of what memory has not seen", query(1, 0, 9), 3, intake::from_start},
        {"a query of what was forgotten", query(1, 0, 3), std::nullopt, intake::from_start},
        {"a query with all of history", query(1, 9, 3), std::nullopt, intake::from_poll},
        {"no type", no_type, std::nullopt, intake::refuse},
        {"no run", no_run, std::nullopt, intake::refuse},
        {"both kinds of queries", both, std::nullopt, intake::refuse},
        {"no history, and no query", only_queries, std::nullopt, intake::refuse},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(intake_of(r.task, r.last_started, r.locals_run) == r.expected, r.why);
}

TEST_CASE("history is put together without a gap, and each event once")
{
    struct reply {
        history_events events;
        std::string token;
    };
    struct row {
        const char* why;
        api::PollWorkflowTaskQueueResponse task;
        std::string token;
        intake how;
        std::int64_t seen;
        std::vector<reply> replies;
        std::string expected;
        history_pages::verdict end = history_pages::verdict::good;
    };
    using enum history_pages::verdict;
    const row rows[] = {
        {"all in the poll", task(1, 9, 3), "", intake::from_poll, 0, {}, "1 2 3 4 5 6 7 8 9"},
        {"in pages", task(1, 9, 3), "t", intake::from_poll, 0, {}, "1 2 3 4 5 6 7 8 9"},
        {"more of what comes next", task(4, 9, 3), "", intake::go_on, 3, {}, "4 5 6 7 8 9"},
        {"and all that was before", task(1, 9, 3), "", intake::go_on, 3, {}, "4 5 6 7 8 9"},
        {"all is fetched", task(8, 9, 3), "", intake::from_start, 0, {{events(1, 5), "a"}, {events(6, 9), ""}},
            "1 2 3 4 5|6 7 8 9"},
        {"the end is only in the poll", task(8, 9, 3), "", intake::from_start, 0, {{events(1, 7), ""}},
            "1 2 3 4 5 6 7 8 9"},
        {"and overlaps", task(6, 9, 3), "", intake::from_start, 0, {{events(1, 4), "a"}, {events(4, 7), ""}},
            "1 2 3 4|5 6 7 8 9"},
        {"an empty page with another after it", task(8, 9, 3), "", intake::from_start, 0,
            {{{}, "a"}, {events(1, 7), "b"}, {{}, ""}}, "|1 2 3 4 5 6 7|8 9"},
        {"a token after the last event is not followed", task(8, 9, 3), "", intake::from_start, 0,
            {{events(1, 9), "more"}}, "1 2 3 4 5 6 7 8 9"},
        {"events are missing between the pages", task(8, 9, 3), "", intake::from_start, 0, {{events(1, 5), ""}}, "",
            gap},
        {"and within one", task(8, 9, 3), "", intake::from_start, 0, {{events(2, 5), ""}}, "", gap},
        {"history has gone on", task(8, 9, 3), "", intake::from_start, 0, {{events(1, 12), ""}}, "", stale},
        {"a query has no end of its own", query(1, 0, 3), "", intake::from_start, 0, {{events(1, 12), ""}},
            "1 2 3 4 5 6 7 8 9 10 11 12"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        auto task = r.task;
        task.set_next_page_token(r.token);
        history_pages pages(task, r.how, r.seen);
        std::string seen;
        auto end = good;
        bool more = true;
        if (auto first = pages.first()) {
            seen = ids(first->events);
            end = first->how;
            more = first->more;
        }
        std::size_t used = 0;
        for (const reply& one : r.replies) {
            REQUIRE(more);
            auto page = pages.take(one.events, one.token);
            end = page.how;
            more = page.more;
            seen += (used++ == 0 ? "" : "|") + ids(page.events);
            if (end != good)
                break;
        }
        CHECK(end == r.end);
        CHECK_FALSE(more);
        if (r.end == good)
            CHECK(seen == r.expected);
    }
}

TEST_CASE("history that ends before the task is no history of it")
{
    auto t = task(1, 5, 0);
    t.set_started_event_id(9);
    t.set_next_page_token("t");
    history_pages pages(t, intake::from_poll, 0);
    const auto first = pages.first();
    REQUIRE(first);
    CHECK(first->how == history_pages::verdict::good);
    CHECK(first->more);
    CHECK(pages.token() == "t");
    CHECK(pages.take(events(6, 8), "").how == history_pages::verdict::cut);

    // The sticky tail itself was in pages.
    auto tail = task(4, 6, 3);
    tail.set_started_event_id(9);
    tail.set_next_page_token("tail");
    history_pages late(tail, intake::from_start, 0);
    CHECK_FALSE(late.first());
    CHECK(late.token().empty());
    const auto page = late.take(events(1, 5), "");
    CHECK(ids(page.events) == "1 2 3 4 5 6");
    CHECK(page.more);
    CHECK(late.token() == "tail");
    const auto rest = late.take(events(7, 9), "");
    CHECK(ids(rest.events) == "7 8 9");
    CHECK_FALSE(rest.more);
}

TEST_CASE("raw history is read, and wins")
{
    api::GetWorkflowExecutionHistoryResponse r;
    *r.mutable_history()->add_events() = events(7, 7)[0];
    CHECK(ids(*events_of(r)) == "7");
    api::history::History h;
    for (auto& e : events(1, 2))
        *h.add_events() = e;
    r.add_raw_history()->set_data(h.SerializeAsString());
    r.add_raw_history()->set_data(api::history::History{}.SerializeAsString());
    CHECK(ids(*events_of(r)) == "1 2");
    r.add_raw_history()->set_data("\xff");
    CHECK_FALSE(events_of(r));
}

TEST_CASE("the run that was used longest ago goes first, unless somebody works on it")
{
    struct run {
        std::string id;
        bool idle = true;
    };
    workflow_cache<run> cache;
    const auto use = [&](const std::string& id) {
        return cache.use(id, [&] { return std::make_shared<run>(run{id}); });
    };
    const auto idle = [](const run& r) { return r.idle; };
    use("a");
    use("b");
    use("c");
    CHECK(cache.surplus(3, idle) == nullptr);
    CHECK(cache.surplus(2, idle)->id == "a");
    use("a");
    CHECK(cache.surplus(2, idle)->id == "b");
    use("b")->idle = false;
    use("c");
    use("a");
    CHECK(cache.surplus(2, idle)->id == "c");
    CHECK(cache.surplus(0, [](const run&) { return false; }) == nullptr);
    cache.erase("c");
    CHECK(cache.size() == 2);
    CHECK(cache.find("c") == nullptr);
    CHECK(cache.find("b")->id == "b");
    CHECK(cache.all().front()->id == "a");
}

TEST_CASE("when a local activity is tried again")
{
    const auto application = [](const std::string& type, bool final = false) {
        api::failure::Failure f;
        f.mutable_application_failure_info()->set_type(type);
        f.mutable_application_failure_info()->set_non_retryable(final);
        return f;
    };
    const auto timeout = [](api::enums::TimeoutType type) {
        api::failure::Failure f;
        f.mutable_timeout_failure_info()->set_timeout_type(type);
        return f;
    };
    const auto what = [](std::optional<activity_retry> retry, std::chrono::nanoseconds schedule_to_close = {}) {
        workflow::schedule_local_activity w;
        w.retry = std::move(retry);
        w.schedule_to_close = schedule_to_close;
        return w;
    };
    using enum local_next;
    struct row {
        const char* why;
        workflow::schedule_local_activity what;
        std::uint32_t attempt;
        api::failure::Failure failure;
        std::chrono::nanoseconds since, delay;
        local_verdict expected;
    };
    const row rows[] = {
        {"as servers do by default", what({}), 1, application("A"), 0s, 0s, {again, 1s}},
        {"doubled", what({}), 4, application("A"), 0s, 0s, {again, 8s}},
        {"too long for a task", what({}), 7, application("A"), 0s, 0s, {backs_off, 64s}},
        {"never longer than a hundred times the first", what({}), 90, application("A"), 0s, 0s, {backs_off, 100s}},
        {"as the policy has it", what(activity_retry{.initial_interval = 10ms, .backoff = 3, .maximum_interval = 50ms}),
            2, application("A"), 0s, 0s, {again, 30ms}},
        {"at most", what(activity_retry{.initial_interval = 10ms, .backoff = 3, .maximum_interval = 50ms}), 5,
            application("A"), 0s, 0s, {again, 50ms}},
        {"as the failure wants it", what({}), 1, application("A"), 0s, 5s, {again, 5s}},
        {"that was the last", what(activity_retry{.maximum_attempts = 3}), 3, application("A"), 0s, 0s, {}},
        {"it says so itself", what({}), 1, application("A", true), 0s, 0s, {}},
        {"its type is not retried", what(activity_retry{.non_retryable_types = {"A"}}), 1, application("A"), 0s, 0s,
            {}},
        {"no time is left after the wait", what({}, 10s), 1, application("A"), 9s, 0s, {}},
        {"some is", what({}, 10s), 1, application("A"), 8s, 0s, {again, 1s}},
        {"one attempt took too long", what({}), 1, timeout(api::enums::TIMEOUT_TYPE_START_TO_CLOSE), 0s, 0s,
            {again, 1s}},
        {"all took too long", what({}), 1, timeout(api::enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE), 0s, 0s, {}},
        {"no slot came", what({}), 1, timeout(api::enums::TIMEOUT_TYPE_SCHEDULE_TO_START), 0s, 0s, {}},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(after_failure(r.what, r.attempt, r.failure, r.since, r.delay) == r.expected, r.why);
}

TEST_CASE("what the answer to a completion means")
{
    struct row {
        const char* why;
        grpc::status status;
        completion_end expected;
    };
    using enum grpc::status_code;
    const row rows[] = {
        {"taken", {}, completion_end::accepted},
        {"its time was over", {not_found, "Workflow task not found."}, completion_end::gone},
        {"paused", {failed_precondition, "Workflow is paused."}, completion_end::gone},
        {"signals came", {invalid_argument, "UnhandledCommand"}, completion_end::outrun},
        {"nonsense", {invalid_argument, "BadScheduleActivityAttributes: ..."}, completion_end::refused},
        {"large", {resource_exhausted, "grpc: received message larger than max (5 vs. 4)"}, completion_end::too_large},
        {"throttled to the end", {resource_exhausted, "namespace rate limit"}, completion_end::unheard},
        {"no server", {unavailable, ""}, completion_end::unheard},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(completion_end_of(r.status.ok(), r.status) == r.expected, r.why);
}

TEST_CASE("a completion has what the server needs, and no more")
{
    worker_names names{"space", "me", "key", {}};
    names.deployment.set_deployment_name("shop");
    names.deployment.set_build_id("7");
    names.deployment.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
    const workflow_reports reports(names, "work", "mine", 5s);
    workflow::machine_step step;
    step.commands.emplace_back().set_command_type(api::enums::COMMAND_TYPE_START_TIMER);
    step.messages.emplace_back().set_id("m");
    step.new_flags = {3};
    step.local_retries = 2;
    const task_report kept{.token = "t",
        .workflow_id = "w",
        .behavior = api::enums::VERSIONING_BEHAVIOR_PINNED,
        .keep = true,
        .tells_sdk = true,
        .names_itself = true};

    auto r = reports.completed(kept, step);
    CHECK(r.task_token() == "t");
    CHECK(r.namespace_() == "space");
    CHECK(r.identity() == "me");
    CHECK(r.worker_instance_key() == "key");
    CHECK(r.commands_size() == 1);
    CHECK(r.messages(0).id() == "m");
    CHECK(r.sticky_attributes().worker_task_queue().name() == "mine");
    CHECK(r.sticky_attributes().worker_task_queue().kind() == api::enums::TASK_QUEUE_KIND_STICKY);
    CHECK(r.sticky_attributes().worker_task_queue().normal_name() == "work");
    CHECK(r.sticky_attributes().schedule_to_start_timeout().seconds() == 5);
    CHECK(r.return_new_workflow_task());
    CHECK_FALSE(r.force_create_new_workflow_task());
    CHECK(r.sdk_metadata().core_used_flags(0) == 3);
    CHECK(r.sdk_metadata().sdk_name() == "mayfly-cpp");
    CHECK(r.metering_metadata().nonfirst_local_activity_execution_attempts() == 2);
    CHECK(r.capabilities().discard_speculative_workflow_task_with_events());
    CHECK(r.versioning_behavior() == api::enums::VERSIONING_BEHAVIOR_PINNED);
    CHECK(r.deployment_options().build_id() == "7");

    task_report bare = kept;
    bare.keep = bare.tells_sdk = false;
    step.force_new_task = true;
    r = reports.completed(bare, step);
    CHECK_FALSE(r.has_sticky_attributes());
    CHECK_FALSE(r.return_new_workflow_task());
    CHECK(r.force_create_new_workflow_task());
    CHECK_FALSE(r.has_sdk_metadata());

    step.run_closed = true;
    CHECK_FALSE(reports.completed(kept, step).has_sticky_attributes());

    names.deployment.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_UNVERSIONED);
    CHECK_FALSE(workflow_reports(names, "work", "mine", 5s).completed(kept, {}).has_versioning_behavior());
}

TEST_CASE("a query is answered, or not, in words and in kind")
{
    const workflow_reports reports({"space", "me", "key", {}}, "work", "mine", 5s);
    workflow::query_answer good;
    good.result.add_payloads()->set_data("1");
    const auto yes = reports.answered({.token = "t"}, good);
    CHECK(yes.completed_type() == api::enums::QUERY_RESULT_TYPE_ANSWERED);
    CHECK(yes.query_result().payloads(0).data() == "1");
    CHECK_FALSE(yes.has_failure());
    const auto no = reports.answered({.token = "t"}, {.failure = made_failure("no such query", "X", true)},
        api::enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR);
    CHECK(no.completed_type() == api::enums::QUERY_RESULT_TYPE_FAILED);
    CHECK(no.error_message() == "no such query");
    CHECK(no.failure().application_failure_info().type() == "X");
    CHECK(no.cause() == api::enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR);
}
