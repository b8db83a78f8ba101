// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/temporal/embedded/methods.hpp>
#include <mayfly/temporal/embedded/queue_source.hpp>

#include <limits>

namespace mayfly::temporal::embedded {
namespace {

using enum grpc::status_code;
namespace enums = api::enums;

TEST_CASE("each add says what became of it")
{
    world w;
    const ticket p = w.poll();
    w.start("a");
    w.start("b");
    w.start("c");
    CHECK(w.task(p)->activity_id() == "a");
    REQUIRE(w.added.size() == 3);
    CHECK(w.added[0].outcome == add_outcome::matched);
    CHECK(w.added[1].outcome == add_outcome::not_matched);
    CHECK(w.added[2].outcome == add_outcome::behind_backlog);
    CHECK(w.added[2].task_queue == "q");
    CHECK(w.added[2].task_type == task_type::activity);
    CHECK_FALSE(w.added[2].version);
    CHECK(w.take().activity_id() == "b");
    CHECK(w.take().activity_id() == "c");

    w.poll("w", {}, 1.0);
    w.start("takes the one that may go");
    w.poll("w");
    w.start("d");
    CHECK(w.added.back().outcome == add_outcome::rate_limited);
}

TEST_CASE("polls wait for as long as they may, and come back empty")
{
    struct row {
        const char* why;
        std::optional<uptime> patience;
        std::optional<uptime> empty_after;
        grpc::status_code code;
    };
    const row rows[] = {
        {"a minute", 70s, 60s, ok},
        {"a second before the deadline", 11s, 10s, ok},
        {"the shortest", 2s, 1s, ok},
        {"too short", 1999ms, {}, failed_precondition},
        {"without a deadline", {}, {}, invalid_argument},
    };
    for (const row& r : rows) {
        world w;
        poll_request p{{"default", "q", task_type::activity}, "w", "", {}, {}};
        caller who = w.who();
        who.deadline = r.patience ? std::optional(w.now.at + *r.patience) : std::nullopt;
        w.e.poll_task(1, p, who);
        w.collect();
        if (!r.empty_after) {
            REQUIRE_MESSAGE(w.got(1), r.why);
            CHECK_MESSAGE(w.got(1)->status.code == r.code, r.why);
            continue;
        }
        w.pass(*r.empty_after - 1us);
        CHECK_MESSAGE(!w.got(1), r.why);
        w.pass(1us);
        REQUIRE_MESSAGE(w.got(1), r.why);
        CHECK_MESSAGE(w.got(1)->status.ok(), r.why);
        CHECK_MESSAGE(w.got(1)->message.empty(), r.why);
    }
    world w;
    poll_request p{{"nowhere", "q", task_type::activity}, "w", "", {}, {}};
    w.e.poll_task(1, p, w.who());
    p.queue = {"default", "", task_type::activity};
    w.e.poll_task(2, p, w.who());
    p.queue.name = "q";
    p.options.set_worker_versioning_mode(enums::WORKER_VERSIONING_MODE_VERSIONED);
    w.e.poll_task(3, p, w.who());
    w.collect();
    CHECK(w.got(1)->status.code == not_found);
    CHECK(w.got(1)->status.details.find("NamespaceNotFoundFailure") != std::string::npos);
    CHECK(w.got(2)->status.code == invalid_argument);
    CHECK_MESSAGE(w.got(3)->status.code == invalid_argument, "a version needs both names");
}

TEST_CASE("who waited longest is served first, and urgent work before other work")
{
    world w;
    const ticket first = w.poll("w1");
    const ticket second = w.poll("w2");
    w.start("a");
    CHECK(w.task(first));
    CHECK_FALSE(w.task(second));
    w.e.leave(second, w.now);
    for (const auto& [id, key] : {std::pair{"later", 5}, {"usual", 0}, {"also usual", 3}, {"urgent", 1}}) {
        auto r = start_request(id);
        r.mutable_priority()->set_priority_key(key);
        must(w.start(r));
    }
    const auto stats = w.queue().stats_by_priority_key();
    CHECK(stats.at(3).approximate_backlog_count() == 2);
    CHECK(stats.at(1).approximate_backlog_count() == 1);
    for (const char* id : {"urgent", "usual", "also usual", "later"})
        CHECK(w.take().activity_id() == id);
}

TEST_CASE("a poll that nobody holds any more gets no task")
{
    world w;
    const ticket p = w.poll();
    w.e.leave(p, w.now);
    w.collect();
    w.start("a");
    CHECK_FALSE(w.got(p));
    CHECK(w.added.back().outcome == add_outcome::not_matched);
    CHECK(w.queue().stats().approximate_backlog_count() == 1);
}

TEST_CASE("a task that did not reach anybody is given back, to where it stood")
{
    world w;
    const ticket p = w.poll();
    w.start("a");
    w.start("b");
    const attempt_id lost = *w.got(p)->task;
    const std::string token = w.task(p)->task_token();
    w.added.clear();
    w.e.give_back(lost, w.now);
    w.collect();
    REQUIRE(w.added.size() == 1);
    CHECK_MESSAGE(w.added[0].outcome == add_outcome::behind_backlog, "somebody has to come for it: that is told");
    CHECK(w.complete(token) == not_found);
    const auto again = w.take();
    CHECK(again.activity_id() == "a");
    CHECK(again.attempt() == 1);
    CHECK_FALSE(again.task_token() == token);
    CHECK_MESSAGE(w.complete(again.task_token()) == ok, "and once more is none too many");
    w.e.give_back(lost, w.now);
    w.collect();
    CHECK(w.status("a") == enums::ACTIVITY_EXECUTION_STATUS_COMPLETED);

    const auto b = w.take();
    const ticket waiting = w.poll("other");
    w.e.give_back(*read_token(b.task_token()), w.now);
    w.collect();
    CHECK_MESSAGE(w.task(waiting), "whoever waits gets it at once");
    must(w.cancel("b"));
    w.e.give_back(*read_token(w.task(waiting)->task_token()), w.now);
    w.collect();
    CHECK_MESSAGE(w.status("b") == enums::ACTIVITY_EXECUTION_STATUS_CANCELED, "nobody is left who could agree");
}

TEST_CASE("backlog, age and rates")
{
    world w;
    for (int i = 0; i < 10; ++i) {
        w.start(std::to_string(i));
        w.pass(1s);
    }
    auto s = w.queue().stats();
    CHECK(s.approximate_backlog_count() == 10);
    CHECK(read(s.approximate_backlog_age()) == 10s);
    CHECK(s.tasks_add_rate() == doctest::Approx(1));
    CHECK(s.tasks_dispatch_rate() == 0);
    for (int i = 0; i < 5; ++i)
        w.take();
    s = w.queue().stats();
    CHECK(s.approximate_backlog_count() == 5);
    CHECK(read(s.approximate_backlog_age()) == 5s);
    CHECK(s.tasks_dispatch_rate() == doctest::Approx(5));
    w.leap(40s);
    s = w.queue().stats();
    CHECK_MESSAGE(s.tasks_add_rate() < 0.2f, "only the attempts that were timed out count now");
    CHECK(w.queue(enums::TASK_QUEUE_TYPE_WORKFLOW).stats().approximate_backlog_count() == 0);
}

TEST_CASE("pollers are listed for five minutes, or until they say goodbye")
{
    world w;
    w.poll("w1", deployment_version{"d", "1"});
    w.poll("w2", {}, 3.5);
    const auto pollers = w.queue().pollers();
    REQUIRE(pollers.size() == 2);
    CHECK(pollers[0].identity() == "w1");
    CHECK(pollers[0].deployment_options().build_id() == "1");
    CHECK(pollers[1].rate_per_second() == 3.5);
    REQUIRE(w.workers.size() == 2);
    CHECK(w.workers[0].present);
    CHECK(w.workers[0].version == deployment_version{"d", "1"});
    w.pass(60s + 299s);
    CHECK(w.queue().pollers_size() == 2);
    w.pass(1s);
    CHECK(w.queue().pollers_size() == 0);
    REQUIRE(w.workers.size() == 4);
    CHECK_FALSE(w.workers[3].present);

    const ticket p = w.poll("w3");
    const ticket other = w.poll("w4");
    api::ShutdownWorkerRequest r;
    r.set_namespace_("default");
    r.set_identity("w3");
    r.set_worker_instance_key("w3-key");
    r.set_task_queue("q");
    CHECK(code_of(w.e.shutdown_worker(r, w.who())) == ok);
    w.collect();
    REQUIRE(w.got(p));
    CHECK(w.got(p)->message.empty());
    CHECK_FALSE(w.got(other));
    CHECK(w.queue().pollers_size() == 1);
    CHECK(w.workers.back().identity == "w3");
    CHECK_FALSE(w.workers.back().present);
    w.start("a");
    CHECK(w.task(other));
    w.start("b");
    CHECK_MESSAGE(w.got(w.poll("w3"))->message.empty(), "not even when there is work");
    w.pass(30s);
    CHECK_MESSAGE(w.task(w.poll("w3")), "half a minute later it is as any other");
}

TEST_CASE("one identity that polls as two versions is two workers")
{
    world w;
    const deployment_version one{"d", "1"};
    const deployment_version two{"d", "2"};
    const ticket first = w.poll("same", one);
    w.pass(1s);
    const ticket second = w.poll("same", two);
    const auto pollers = w.queue().pollers();
    REQUIRE(pollers.size() == 2);
    CHECK(pollers[0].deployment_options().build_id() == "1");
    CHECK(pollers[1].deployment_options().build_id() == "2");
    for (const deployment_version& v : {one, two}) {
        const queue_reading r = read_queues(w.e, "default", v, w.now, 0s);
        REQUIRE(r.workers.size() == 1);
        CHECK(r.workers[0].present);
    }
    w.e.leave(first, w.now);
    w.collect();
    w.pass(30s);
    CHECK_FALSE(read_queues(w.e, "default", one, w.now, 0s).workers.at(0).present);
    CHECK_MESSAGE(read_queues(w.e, "default", two, w.now, 0s).workers.at(0).present, "its poll still waits");

    api::ShutdownWorkerRequest r;
    r.set_namespace_("default");
    r.set_identity("same");
    r.set_worker_instance_key("same-key");
    must(w.e.shutdown_worker(r, w.who()));
    w.collect();
    CHECK(w.got(second));
    CHECK(w.queue().pollers_size() == 0);
    REQUIRE(w.workers.size() == 4);
    CHECK_MESSAGE((!w.workers[2].present && !w.workers[3].present), "each of them has gone");
    CHECK(w.workers[2].version == one);
    CHECK(w.workers[3].version == two);
}

TEST_CASE("a rate limit holds tasks back, whoever set it")
{
    world w;
    for (int i = 0; i < 10; ++i)
        w.start(std::to_string(i));
    std::vector<ticket> polls;
    for (int i = 0; i < 10; ++i)
        polls.push_back(w.poll("w", {}, 2.0));
    const auto served = [&] {
        return std::count_if(polls.begin(), polls.end(), [&](ticket p) { return w.task(p).has_value(); });
    };
    CHECK(served() == 2);
    CHECK(w.queue().stats().rate_limiting_active());
    CHECK(w.queue().effective_rate_limit().rate_limit_source() == enums::RATE_LIMIT_SOURCE_WORKER);
    w.pass(500ms);
    CHECK(served() == 3);
    w.pass(1s);
    CHECK(served() == 5);

    api::UpdateTaskQueueConfigRequest r;
    r.set_namespace_("default");
    r.set_task_queue("q");
    r.set_task_queue_type(enums::TASK_QUEUE_TYPE_ACTIVITY);
    r.mutable_update_queue_rate_limit()->mutable_rate_limit()->set_requests_per_second(0);
    r.mutable_update_queue_rate_limit()->set_reason("rest");
    must(w.e.configure_queue(r, w.who()));
    w.collect();
    CHECK(w.queue().config().queue_rate_limit().metadata().reason() == "rest");
    CHECK(w.queue().effective_rate_limit().rate_limit_source() == enums::RATE_LIMIT_SOURCE_API);
    w.pass(5s);
    CHECK(served() == 5);
    r.mutable_update_queue_rate_limit()->clear_rate_limit();
    must(w.e.configure_queue(r, w.who()));
    w.collect();
    w.pass(2s);
    CHECK_MESSAGE(served() > 5, "what the worker asked for counts again");
    r.mutable_update_queue_rate_limit()->mutable_rate_limit()->set_requests_per_second(-1);
    CHECK(code_of(w.e.configure_queue(r, w.who())) == invalid_argument);
}

TEST_CASE("too many polls are refused")
{
    limits l;
    l.parked_polls = 2;
    l.waiting_calls = 1;
    world w(l);
    w.poll();
    const ticket second = w.poll();
    CHECK(w.got(w.poll())->status.code == resource_exhausted);
    w.e.leave(second, w.now);
    CHECK_FALSE(w.got(w.poll()));
    w.start("a");
    w.wait("a");
    CHECK(w.got(w.wait("a"))->status.code == resource_exhausted);
}

TEST_CASE("work goes to the current version, and follows it when that changes")
{
    world w;
    const deployment_version one{"d", "1"};
    const deployment_version two{"d", "2"};
    w.start("unversioned");
    const ticket first = w.poll("w1", one);
    CHECK_FALSE_MESSAGE(w.task(first), "no version gets work before one is current");
    const auto make_current = [&](const deployment_version& v) {
        api::SetWorkerDeploymentCurrentVersionRequest r;
        r.set_namespace_("default");
        r.set_deployment_name(v.deployment);
        r.set_build_id(v.build_id);
        r.set_identity("me");
        r.set_ignore_missing_task_queues(true);
        must(w.e.deployment(r, w.who()));
        w.collect();
    };
    make_current(one);
    CHECK_MESSAGE(w.task(first), "what waited goes to it");
    w.start("a");
    CHECK(w.added.back().version == one);
    const ticket second = w.poll("w2", two);
    CHECK_FALSE(w.task(second));
    CHECK_FALSE(w.task(w.poll("old")));
    make_current(two);
    CHECK(w.task(second)->activity_id() == "a");
    CHECK(w.describe("a").info().last_deployment_version().build_id() == "2");
    CHECK(w.queue().versioning_info().current_deployment_version().build_id() == "2");
}

TEST_CASE("what a controller reads")
{
    world w;
    const deployment_version v{"d", "1"};
    const auto reading = [&](const deployment_version& of) { return read_queues(w.e, "default", of, w.now, 100s); };
    CHECK_FALSE(reading(v).stats[static_cast<std::size_t>(task_type::activity)]);
    w.poll("w1");
    w.start("a");
    w.pass(1s);
    w.start("b");
    w.pass(2s);
    queue_reading r = reading({});
    REQUIRE(r.stats[static_cast<std::size_t>(task_type::activity)]);
    const queue_stats s = *r.stats[static_cast<std::size_t>(task_type::activity)];
    CHECK(s.backlog == 1);
    CHECK(s.oldest == 2s);
    CHECK(s.added == 2);
    CHECK(s.dispatched == 1);
    REQUIRE(r.workers.size() == 1);
    CHECK(r.workers[0].identity == "w1");
    CHECK(r.workers[0].busy == 1);
    CHECK(r.workers[0].present);
    CHECK(r.workers[0].first_seen == 101s);
    CHECK(r.workers[0].last_seen == w.now.at + 100s);
    CHECK(r.busy_slots == 1);
    CHECK(r.workers_complete);
    w.pass(60s);
    w.poll("w2", v);
    CHECK(reading(v).workers.at(0).identity == "w2");
    CHECK(reading(v).workers.at(0).version == v);
    CHECK_MESSAGE(!reading({}).workers.at(0).present, "it had its task taken, and has not been heard of");
}

TEST_CASE("what workers say of themselves has bounds")
{
    limits l;
    l.pollers = 2;
    l.all_pollers = 3;
    l.versions_of_queue = 3;
    world w(l);
    w.poll("w1");
    w.poll("w2");
    CHECK(w.got(w.poll("w3"))->status.code == resource_exhausted);
    w.poll("w1", {}, {}, 70s, task_type::workflow);
    CHECK_MESSAGE(w.got(w.poll("w2", {}, {}, 70s, task_type::workflow))->status.code == resource_exhausted, "of all");
    w.pass(400s);
    CHECK_MESSAGE(!w.got(w.poll("w3")), "the others are forgotten by now");
    w.pass(400s);
    for (int i = 0; i < 10; ++i) {
        w.e.leave(w.poll("w", deployment_version{"d", std::to_string(i)}), w.now);
        w.pass(400s);
    }
    CHECK(w.e.queues().find({"default", "q", task_type::activity})->lanes().size() <= 3);

    const std::string much(100'000, 'x');
    poll_request p{{"default", "q", task_type::activity}, "w", "w", {}, {}};
    p.options.set_build_id(much);
    w.e.poll_task(++w.last, p, w.who());
    w.collect();
    CHECK(w.got(w.last)->status.code == invalid_argument);
    api::ShutdownWorkerRequest r;
    r.set_namespace_("default");
    r.set_worker_instance_key(much);
    CHECK(code_of(w.e.shutdown_worker(r, w.who())) == invalid_argument);
}

TEST_CASE("a rate that is no number lets nothing go, and breaks nothing")
{
    world w;
    const ticket p = w.poll("w", {}, std::numeric_limits<double>::quiet_NaN());
    w.start("a");
    CHECK_FALSE(w.task(p));
    CHECK(w.queue().effective_rate_limit().requests_per_second() == 0);
    w.pass(1s);
    const ticket next = w.poll("w", {}, std::numeric_limits<double>::infinity());
    w.start("b");
    CHECK((w.task(p) && w.task(next)));
}

TEST_CASE("a worker's going is told once, however often it is noticed")
{
    world w;
    w.poll("w");
    const auto gone = [&] {
        return std::count_if(w.workers.begin(), w.workers.end(), [](const worker_event& e) { return !e.present; });
    };
    api::ShutdownWorkerRequest r;
    r.set_namespace_("default");
    r.set_identity("w");
    r.set_worker_instance_key("w-key");
    for (int i = 0; i < 2; ++i) {
        must(w.e.shutdown_worker(r, w.who()));
        w.collect();
        CHECK(gone() == 1);
    }
    CHECK_MESSAGE(w.got(w.poll("w"))->message.empty(), "it may ask once more");
    CHECK_MESSAGE(w.workers.size() == 2, "and is not back by that");
    w.pass(400s);
    CHECK_MESSAGE(gone() == 1, "that it is forgotten is no news");
    w.poll("w");
    REQUIRE(w.workers.size() == 3);
    CHECK(w.workers.back().present);
    w.pass(400s);
    CHECK_MESSAGE(gone() == 2, "this time without a word");
}

TEST_CASE("a reading is of this very moment: what has just been handed out waits no more")
{
    world w;
    constexpr auto activity = static_cast<std::size_t>(task_type::activity);
    const auto read = [&] { return *read_queues(w.e, "default", {}, w.now, 0s).stats[activity]; };
    const auto is = [&](std::uint64_t backlog, std::uint64_t added, std::uint64_t dispatched) {
        const queue_stats s = read();
        CHECK(s.backlog == backlog);
        CHECK(s.added == added);
        CHECK(s.dispatched == dispatched);
    };
    std::vector<ticket> polls{w.poll("w1"), w.poll("w2"), w.poll("w3")};
    w.start("a");
    CHECK_MESSAGE(w.added.back().outcome == add_outcome::matched, "somebody waited for it");
    is(0, 1, 1);
    for (const char* id : {"b", "c", "d", "e"})
        w.start(id);
    CHECK(w.added[3].outcome == add_outcome::not_matched);
    CHECK(w.added[4].outcome == add_outcome::behind_backlog);
    is(2, 5, 3);
    w.take();
    is(1, 5, 4);
    CHECK(w.complete(w.task(polls[0])->task_token()) == ok);
    is(1, 5, 4);
    CHECK(w.fail(w.task(polls[1])->task_token()) == ok);
    is(1, 5, 4);
    w.pass(1s);
    is(2, 6, 4);  // another attempt
    w.e.give_back(*w.got(polls[2])->task, w.now);
    w.collect();
    is(3, 7, 4);  // nobody heard of it
    must(w.cancel("e"));
    is(2, 7, 4);
}

TEST_CASE("every method of the service has a row, or is refused in words")
{
    world w;
    struct row {
        const char* path;
        grpc::status_code code;
        const char* words;
    };
    const row rows[] = {
        {"/grpc.health.v1.Health/Check", ok, ""},
        {"/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo", ok, ""},
        {"/temporal.api.workflowservice.v1.WorkflowService/GetClusterInfo", ok, ""},
        {"/temporal.api.workflowservice.v1.WorkflowService/ListNamespaces", ok, ""},
        {"/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace", invalid_argument, "Namespace"},
        {"/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue", not_found, "Namespace"},
        {"/temporal.api.workflowservice.v1.WorkflowService/PollNexusTaskQueue", not_found, "Namespace"},
        {"/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution", invalid_argument, "Namespace"},
        {"/temporal.api.workflowservice.v1.WorkflowService/PauseWorkflowExecution", unimplemented, "not served"},
        {"/temporal.api.workflowservice.v1.WorkflowService/Nonsense", unimplemented, "Nonsense"},
        {"/temporal.api.workflowservice.v1.WorkflowService", unimplemented, ""},
        {"/temporal.api.operatorservice.v1.OperatorService/ListSearchAttributes", unimplemented, "not served"},
        {"", unimplemented, ""},
    };
    for (const row& r : rows) {
        std::string message;
        if (std::string_view(r.path).find("Poll") != std::string_view::npos) {
            api::PollActivityTaskQueueRequest p;
            p.set_namespace_("none");
            message = p.SerializeAsString();
        }
        serve(w.e, ++w.last, r.path, message, w.who());
        w.collect();
        REQUIRE_MESSAGE(w.got(w.last), r.path);
        CHECK_MESSAGE(w.got(w.last)->status.code == r.code, r.path);
        CHECK_MESSAGE(w.got(w.last)->status.message.find(r.words) != std::string::npos, r.path);
    }
    serve(w.e, ++w.last, "/temporal.api.workflowservice.v1.WorkflowService/StartActivityExecution", "\x01", w.who());
    w.collect();
    CHECK(w.got(w.last)->status.code == internal);
}

TEST_CASE("namespaces")
{
    world w;
    api::RegisterNamespaceRequest r;
    r.set_namespace_("other");
    CHECK(code_of(w.e.register_namespace(r, w.who())) == invalid_argument);
    put(*r.mutable_workflow_execution_retention_period(), 48h);
    CHECK(code_of(w.e.register_namespace(r, w.who())) == ok);
    CHECK(code_of(w.e.register_namespace(r, w.who())) == already_exists);
    api::DescribeNamespaceRequest d;
    d.set_namespace_("other");
    const auto info = must(w.e.describe_namespace(d, w.who()));
    CHECK(read(info.config().workflow_execution_retention_ttl()) == 48h);
    CHECK(info.namespace_info().capabilities().worker_poll_complete_on_shutdown());
    CHECK(info.namespace_info().capabilities().worker_heartbeats());
    CHECK(info.namespace_info().capabilities().standalone_activities());
    CHECK(info.namespace_info().capabilities().sync_update());
    CHECK(info.namespace_info().capabilities().eager_workflow_start());
    CHECK(info.namespace_info().limits().blob_size_limit_error() == 2 << 20);
    d.clear_namespace_();
    d.set_id(info.namespace_info().id());
    CHECK(must(w.e.describe_namespace(d, w.who())).namespace_info().name() == "other");
    d.set_id("no such");
    CHECK(code_of(w.e.describe_namespace(d, w.who())) == not_found);
    api::UpdateNamespaceRequest u;
    u.set_namespace_("other");
    u.mutable_update_info()->set_description("for others");
    CHECK(must(w.e.update_namespace(u, w.who())).namespace_info().description() == "for others");
    u.mutable_update_info()->set_description("for all");
    (*u.mutable_update_info()->mutable_data())["notes"] = std::string(3 << 20, 'x');
    CHECK(code_of(w.e.update_namespace(u, w.who())) == invalid_argument);
    d.clear_id();
    d.set_namespace_("other");
    CHECK_MESSAGE(
        must(w.e.describe_namespace(d, w.who())).namespace_info().description() == "for others", "all or none");
    api::ListNamespacesRequest l;
    l.set_page_size(1);
    const auto page = must(w.e.list_namespaces(l, w.who()));
    REQUIRE(page.namespaces_size() == 1);
    l.set_next_page_token(page.next_page_token());
    CHECK(must(w.e.list_namespaces(l, w.who())).namespaces(0).namespace_info().name() == "other");
}

}  // namespace
}  // namespace mayfly::temporal::embedded
