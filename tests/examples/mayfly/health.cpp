// SPDX-License-Identifier: BSL-1.0
#include "../../../examples/mayfly/health_report.hpp"
#include "../../../examples/mayfly/health_rules.hpp"

#include <doctest/doctest.h>

#include <mayfly/aws/target_details.hpp>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

using namespace examples;
using namespace std::chrono_literals;
using mayfly::standing;
using mayfly::symptom;
using mayfly::version_status;
using enum examples::health_cause;

namespace {

const std::string arn = "arn:aws:lambda:eu-west-1:123456789012:function:orders";
const std::string role = "arn:aws:iam::123456789012:role/inviter";
const mayfly::wall_time now{1'700'000'000'000ms};
const mayfly::compute_registry known{.providers = mayfly::aws::provider_kinds};

mayfly::compute_config config_of(const std::string& code)
{
    mayfly::compute_config out;
    out.groups["default"].provider = mayfly::provider_spec{"aws-lambda", {{"arn", code}}, {}};
    return out;
}

group_facts& group(health_facts& f)
{
    return f.groups.front();
}
group_status& told(health_facts& f)
{
    if (!group(f).told)
        group(f).told.emplace();
    return *group(f).told;
}
mayfly::aws::lambda_facts& reached(health_facts& f)
{
    return *group(f).reached;
}
void says(health_facts& f, symptom why, standing is, const std::string& message = "orders/b7: seen")
{
    told(f).symptom = why;
    told(f).standing = is;
    told(f).message = message;
    told(f).since = "2023-11-14T22:00:00Z";
}
void logs(health_facts& f, const std::string& line)
{
    const std::vector<std::string> lines{"START RequestId: 1", line, "END RequestId: 1"};
    group(f).words = read_function_words(lines);
}
mayfly::aws::failure failed(mayfly::aws::errc why, const std::string& message)
{
    return mayfly::aws::failure{.ec = why, .message = message};
}

/// All is well: current, one queue, one worker that polls.
health_facts healthy()
{
    health_facts f{.address = "localhost:7233",
        .name_space = "default",
        .version = {"orders", "b7"},
        .now = now,
        .status = version_status::current,
        .status_since = now - 60s,
        .created = now - 120s,
        .compute = config_of(arn + ":7")};
    f.routing.current = f.version;
    f.needs.dry_run = true;
    group_facts g;
    g.function.emplace();
    g.function->arn = arn + ":7";
    g.function->role = role;
    g.function->role_external_id = "shop-7";
    g.reached.emplace();
    g.reached->way.bare = mayfly::aws::role_facts::without_id::denied;
    g.reached->function = mayfly::aws::function_description{.arn = arn + ":7",
        .version = "7",
        .state = "Active",
        .last_update = "Successful",
        .package_type = "Zip",
        .runtime = "provided.al2023",
        .handler = "bootstrap",
        .timeout = 60s};
    g.reached->events = mayfly::aws::event_invoke_config{.retries = 0, .event_age = 60s};
    g.reached->invoke.emplace();
    f.groups.push_back(g);
    queue_facts q{.name = "orders", .type = mayfly::task_type::activity};
    q.stats.emplace();
    q.pollers.push_back({.identity = "r1@" + arn + ":7", .last_access = now - 5s, .version = f.version});
    f.queues.push_back(q);
    f.workers.push_back({"r1@" + arn + ":7", "orders", f.version});
    return f;
}

std::string words_of(const std::vector<cause_found>& all)
{
    std::string out;
    for (const cause_found& c : all)
        out += "\n  " + std::to_string(static_cast<int>(c.number)) + " " + c.name + " [" +
               std::string(to_string(c.is)) + "] " + c.evidence + " -> " + c.remedy;
    return out;
}

}  // namespace

TEST_CASE("A version that is well has no cause, whatever was not asked")
{
    struct row {
        const char* why;
        void (*change)(health_facts&);
        standing is;
    };
    const row rows[] = {
        {"everything was asked", [](health_facts&) {}, standing::ok},
        {"no controller told anything", [](health_facts& f) { group(f).told.reset(); }, standing::ok},
        {"no function was asked", [](health_facts& f) { group(f).reached.reset(); }, standing::ok},
        {"its first worker is on its way",
            [](health_facts& f) { says(f, symptom::first_poll_outstanding, standing::waiting); }, standing::waiting},
        {"drained, and nothing acts",
            [](health_facts& f) {
                f.status = version_status::drained;
                says(f, symptom::drained, standing::sleeping);
            },
            standing::sleeping},
        {"its own function without a version is itself",
            [](health_facts& f) {
                f.queues.front().pollers.front().identity = "r1@" + arn + ":7";
                f.workers.clear();
            },
            standing::ok},
        {"a poller of another version of the deployment is nobody's concern",
            [](health_facts& f) {
                f.queues.front().pollers.push_back({.identity = "r9@" + arn + ":6",
                    .last_access = now,
                    .version = mayfly::deployment_version{"orders", "b6"}});
            },
            standing::ok},
        {"a poller that ended minutes ago is listed still",
            [](health_facts& f) {
                f.queues.front().pollers.push_back(
                    {.identity = "4711@laptop", .last_access = now - 4min, .version = f.version});
            },
            standing::ok},
        {"an attempt that timed out once may be bad luck",
            [](health_facts& f) {
                f.tasks.push_back({.id = "a", .type = "t", .queue = "orders", .attempt = 1, .timed_out = true});
            },
            standing::ok},
        {"one that fits into an invocation times out for another reason",
            [](health_facts& f) {
                f.tasks.push_back({.id = "a",
                    .type = "t",
                    .queue = "orders",
                    .attempt = 3,
                    .timed_out = true,
                    .start_to_close = 10s});
            },
            standing::ok},
    };
    for (const row& r : rows) {
        health_facts f = healthy();
        r.change(f);
        const auto all = diagnose_health(f, known);
        CHECK_MESSAGE(all.empty(), (std::string(r.why) + words_of(all)));
        CHECK_MESSAGE(standing_of(f, all) == r.is, r.why);
    }
}

TEST_CASE("Each of the 27 causes is recognised")
{
    struct row {
        health_cause cause;
        const char* why;
        void (*change)(health_facts&);
        standing is;
        const char* evidence;
        const char* remedy;
    };
    const row rows[] = {
        {wrong_version_in_code, "a worker of our function polls as another version",
            [](health_facts& f) {
                f.queues.clear();
                f.workers = {{"r1@" + arn + ":7", "orders", mayfly::deployment_version{"orders", "b6"}}};
            },
            standing::misconfigured, "as orders/b6, not as orders/b7", "say deployment orders and build id b7"},
        {wrong_version_in_code, "in another deployment",
            [](health_facts& f) {
                f.queues.clear();
                f.workers = {{"r1@" + arn + ":7", "orders", mayfly::deployment_version{"kitchen", "b7"}}};
            },
            standing::misconfigured, "as kitchen/b7", "create the version that it says"},
        {wrong_version_in_code, "the controller saw it",
            [](health_facts& f) {
                f.queues.clear();
                says(f, symptom::connected_elsewhere, standing::misconfigured, "3 workers polled as build id b6");
            },
            standing::misconfigured, "polled as build id b6", "build id b7"},
        {wrong_version_in_code, "the worker says it itself",
            [](health_facts& f) {
                logs(f, "warning: started for version orders:b7, but this program is orders:b6; let the scaling ...");
            },
            standing::misconfigured, "this program is orders:b6", "build id b7"},
        {nothing_routed, "nothing was ever made current",
            [](health_facts& f) {
                f.status = version_status::inactive;
                f.routing = {};
            },
            standing::misconfigured, "neither a current nor a ramping version", "set-current-version"},
        {nothing_routed, "another one is",
            [](health_facts& f) {
                f.status = version_status::inactive;
                f.routing.current = mayfly::deployment_version{"orders", "b8"};
            },
            standing::sleeping, "new work goes to orders/b8", "--build-id b7"},
        {set_current_not_confirmed, "somebody made it current, and it is not",
            [](health_facts& f) {
                f.status = version_status::inactive;
                f.routing = {};
                f.expected_current = true;
            },
            standing::misconfigured, "no version of the deployment is current", "--yes"},
        {no_compute_config, "a worker that was run by hand created it",
            [](health_facts& f) {
                f.compute = {};
                f.groups.clear();
            },
            standing::misconfigured, "(created 2023-11-14T22:11:20Z) has no compute configuration",
            "update-version-compute-config --deployment-name orders --build-id b7"},
        {never_bound, "no queue is known, and nothing explains why", [](health_facts& f) { f.queues.clear(); },
            standing::misconfigured, "no worker has ever polled as orders/b7", "read the log of "},
        {never_bound, "its first worker may still come",
            [](health_facts& f) {
                f.queues.clear();
                says(f, symptom::first_poll_outstanding, standing::waiting);
                told(f).totals.asked = 1;
            },
            standing::waiting, "1 start asked for, 0 refused, 0 seen polling", "read the log"},
        {never_bound, "starts come to nothing, and no log was given",
            [](health_facts& f) {
                f.queues.clear();
                says(f, symptom::never_connected, standing::misconfigured);
                told(f).fleet.given_up = 4;
            },
            standing::misconfigured, "4 given up in a row", "read the log"},
        {timeout_too_short, "the default of the platform",
            [](health_facts& f) {
                reached(f).function->timeout = 3s;
                f.queues.clear();
            },
            standing::misconfigured, "arn.timeout is 3 s", "17 s or more"},
        {timeout_too_short, "the worker says so",
            [](health_facts& f) {
                group(f).reached.reset();
                logs(f, R"({"errorMessage":"0.4 s are left","errorType":"Function.DeadlineTooNear"})");
            },
            standing::misconfigured, "DeadlineTooNear", "raise it"},
        {server_out_of_reach, "the worker says that it cannot connect",
            [](health_facts& f) {
                f.queues.clear();
                logs(f, "error: connecting to 10.0.0.9:7233 failed: Connection refused");
                says(f, symptom::never_connected, standing::misconfigured);
            },
            standing::misconfigured, "10.0.0.9:7233", "TLS, API key"},
        {server_out_of_reach, "or is not let in",
            [](health_facts& f) { logs(f, R"({"errorType":"Function.StartFailed","errorMessage":"..."})"); },
            standing::misconfigured, "StartFailed", "API key"},
        {role_not_assumable, "the trust policy does not name us",
            [](health_facts& f) {
                reached(f) = {};
                reached(f).way.identity = "arn:aws:iam::999999999999:user/controller";
                reached(f).way.role = failed(mayfly::aws::errc::access_denied, "not authorized");
            },
            standing::misconfigured, role.c_str(), "user/controller, with the condition StringEquals sts:ExternalId"},
        {external_id_not_enforced, "the role can be had without it",
            [](health_facts& f) { reached(f).way.bare = mayfly::aws::role_facts::without_id::granted; },
            standing::misconfigured, "role is ", "add the condition StringEquals sts:ExternalId"},
        {own_credentials, "this side has none",
            [](health_facts& f) {
                reached(f) = {};
                reached(f).way.own = failed(mayfly::aws::errc::unknown_credentials, "no credentials were found");
            },
            standing::broken, "no credentials were found", "nothing has to change on the target's side"},
        {own_credentials, "whoever asks has none, and the controller's workers come",
            [](health_facts& f) {
                reached(f) = {};
                reached(f).way.own = failed(mayfly::aws::errc::unknown_credentials, "no credentials were found");
                told(f).fleet.live = 1;
            },
            standing::ok, "none are at hand here", "the controller has its own"},
        {invoke_denied, "the policy lists the function and not its versions",
            [](health_facts& f) {
                reached(f).invoke = failed(mayfly::aws::errc::access_denied, "not authorized");
                reached(f).invoke_unqualified.emplace();
            },
            standing::misconfigured, (":function:orders:7\""), "without its version it may be invoked"},
        {invoke_denied, "it may not even be looked at",
            [](health_facts& f) {
                reached(f).function = mayfly::aws::function_description{
                    .failed = failed(mayfly::aws::errc::access_denied, "not authorized")};
                reached(f).invoke = failed(mayfly::aws::errc::access_denied, "not authorized");
            },
            standing::misconfigured, "arn is ", "allow lambda:GetFunction and lambda:InvokeFunction"},
        {activities_too_long, "attempts end with the invocation",
            [](health_facts& f) {
                f.tasks.push_back({.id = "bake-1",
                    .type = "bake",
                    .queue = "orders",
                    .attempt = 4,
                    .timed_out = true,
                    .start_to_close = 300s});
            },
            standing::misconfigured,
            "bake bake-1 on queue orders is at attempt 4, and the one before timed out; an "
            "attempt may take 300 s, and an invocation works for 53 s",
            "heartbeats"},
        {activities_too_long, "attempts of a workflow's activity end with the invocation",
            [](health_facts& f) {
                f.tasks.push_back({.id = "5",
                    .type = "bake",
                    .queue = "orders",
                    .attempt = 4,
                    .timed_out = true,
                    .start_to_close = 300s,
                    .workflow = "order-7"});
            },
            standing::misconfigured,
            "bake 5 of workflow order-7 on queue orders is at attempt 4, and the one before timed out; an "
            "attempt may take 300 s, and an invocation works for 53 s",
            "heartbeats"},
        {activities_too_long, "a server that tells a workflow's activity, and not how long it may take",
            [](health_facts& f) {
                f.tasks.push_back({.id = "5",
                    .type = "bake",
                    .attempt = 2,
                    .timed_out = true,
                    .workflow = "order-7",
                    .timeouts_told = false});
            },
            standing::misconfigured,
            "bake 5 of workflow order-7 is at attempt 2, and the one before timed out; how long an attempt may take "
            "the "
            "server does not tell, and an invocation works for 53 s",
            "heartbeats"},
        {actions_failing, "the provider fails",
            [](health_facts& f) {
                says(f, symptom::provider_failing, standing::degraded);
                told(f).fleet.refused = 3;
                told(f).decisions.push_back({.event = mayfly::controller_event::kind::refused,
                    .outcome = mayfly::condition::transient,
                    .detail = "HTTP 503"});
            },
            standing::degraded, "3 refusals in a row: HTTP 503", "what the answer says"},
        {actions_failing, "the provider refuses for good",
            [](health_facts& f) {
                says(f, symptom::refused_for_good, standing::misconfigured, "refuses to start: \"no such function\"");
            },
            standing::misconfigured, "no such function", "look at what the answer says"},
        {actions_failing, "the controller cannot read",
            [](health_facts& f) { says(f, symptom::unreadable, standing::broken, "statistics cannot be read"); },
            standing::broken, "cannot be read", "the controller's own address"},
        {rate_limit, "the queue's limiter is on",
            [](health_facts& f) {
                f.queues.front().stats->rate_limited = true;
                f.queues.front().stats->backlog = 40;
                f.queues.front().stats->dispatch_rate = 2.5;
                f.queues.front().rate_limit = 2.5;
            },
            standing::degraded, "held back to 2.5 a second: 2.5 a second are dispatched, 40 wait",
            "more workers do not help"},
        {concurrency_reached, "starts are throttled",
            [](health_facts& f) { says(f, symptom::throttled, standing::degraded, "no room for more"); },
            standing::degraded, "no room for more", "raise the limit"},
        {concurrency_reached, "none are reserved",
            [](health_facts& f) { reached(f).function->reserved_concurrency = 0; }, standing::misconfigured,
            "arn.reserved_concurrency is 0", "raise it"},
        {concurrency_reached, "accepted, and no more run than do",
            [](health_facts& f) { says(f, symptom::provider_ceiling, standing::degraded, "2 live, 5 beyond them"); },
            standing::degraded, "2 live", "raise the limit"},
        {crash_at_start, "accepted, and nobody comes",
            [](health_facts& f) {
                says(f, symptom::never_connected, standing::degraded, "4 starts in a row accepted, and no worker");
            },
            standing::degraded, "4 starts in a row", "it may crash at start"},
        {crash_at_start, "its log says so",
            [](health_facts& f) {
                f.queues.clear();
                logs(f, R"({"errorType":"Runtime.ExitError","errorMessage":"exit status 1"})");
            },
            standing::misconfigured, "exit status 1", "read the function's log"},
        {floating_code, "no version is named",
            [](health_facts& f) {
                f.compute = config_of(arn);
                group(f).function->arn = arn;
                f.queues.front().pollers.front().identity = f.workers.front().identity = "r1@" + arn;
            },
            standing::ok, "names no published version", "name a published version"},
        {floating_code, "an alias",
            [](health_facts& f) {
                f.compute = config_of(arn + ":PROD");
                group(f).function->arn = arn + ":PROD";
                f.queues.front().pollers.front().identity = f.workers.front().identity = "r1@" + arn + ":PROD";
            },
            standing::ok, "can be pointed at other code", "name a published version"},
        {shared_code, "two build ids, one function version",
            [](health_facts& f) {
                f.others.push_back({{"orders", "b6"}, config_of(arn + ":7")});
            },
            standing::misconfigured, "is also the code of build id \"b6\"", "publish a version"},
        {idle_cost, "most of the time nobody worked",
            [](health_facts& f) {
                told(f);
                f.idle_share = 0.87;
            },
            standing::ok, "for 87 % of their recorded time", "leave sooner"},
        {mixed_fleet, "a worker on somebody's desk",
            [](health_facts& f) {
                f.queues.front().pollers.push_back(
                    {.identity = "4711@laptop", .last_access = now, .version = f.version});
            },
            standing::ok, "4711@laptop polls", "find and stop them"},
        {drained_and_invoked, "drained, and workers live",
            [](health_facts& f) {
                f.status = version_status::drained;
                says(f, symptom::acting_though_drained, standing::degraded);
                told(f).fleet.live = 2;
            },
            standing::degraded, "2 workers live", "delete-version --deployment-name orders --build-id b7"},
        {stop_times, "the worker warns when it starts",
            [](health_facts& f) {
                logs(f, "shutdown_buffer is 1 s: running tasks and hooks may be cut off: stop_timeout and "
                        "hook_allowance need 7 s");
            },
            standing::misconfigured, "shutdown_buffer is 1 s", "stop timeout + 2 s"},
        {telemetry, "a flush was not done in time",
            [](health_facts& f) { logs(f, R"(warning: shutdown hook "telemetry" was not done in time)"); },
            standing::degraded, "was not done in time", "the collector's address"},
        {synchronous_invoke, "no answer, and a worker that polls",
            [](health_facts& f) { group(f).tried = trial_facts{.waited = 10s, .polls = true}; }, standing::ok,
            "no answer in 10 s", "Event"},
        {delivered_again, "an ended worker came back", [](health_facts& f) { told(f).totals.returned = 2; },
            standing::ok, "2 starts polled again", "retry attempts to 0"},
        {delivered_again, "the platform's defaults", [](health_facts& f) { reached(f).events->retries = 2; },
            standing::ok, "arn.event_retries is 2", "MaximumRetryAttempts to 0"},
        {function_not_ready, "it failed",
            [](health_facts& f) {
                reached(f).function->state = "Failed";
                reached(f).function->state_reason = "no such image";
            },
            standing::misconfigured, "arn.state is Failed (no such image)", "publish it anew"},
        {function_not_ready, "it is being made", [](health_facts& f) { reached(f).function->state = "Pending"; },
            standing::degraded, "arn.state is Pending", "wait"},
        {other_region, "the namespace failed over", [](health_facts& f) { f.active_region = "aws-us-east-1"; },
            standing::degraded, "active in aws-us-east-1, and ", "its own scaling group"},
    };

    std::set<health_cause> shown;
    for (const row& r : rows) {
        health_facts f = healthy();
        r.change(f);
        const auto all = diagnose_health(f, known);
        const std::string said = words_of(all);
        CHECK_MESSAGE(all.size() == 1, (std::string(r.why) + said));
        if (all.empty())
            continue;
        const cause_found& c = all.front();
        CHECK_MESSAGE(c.number == r.cause, (std::string(r.why) + said));
        CHECK_MESSAGE(c.is == r.is, (std::string(r.why) + said));
        CHECK_MESSAGE(c.evidence.find(r.evidence) != c.evidence.npos, (std::string(r.why) + said));
        CHECK_MESSAGE(c.remedy.find(r.remedy) != c.remedy.npos, (std::string(r.why) + said));
        CHECK_MESSAGE(standing_of(f, all) == r.is, (std::string(r.why) + said));
        CHECK_MESSAGE(
            said.find("shop-7") == said.npos, (std::string(r.why) + ": an external id is nobody's to read" + said));
        shown.insert(r.cause);
    }
    CHECK(shown.size() == all_causes.size());
}

TEST_CASE("A workflow's activity is a version's if its worker had it last, or else if it waits on one of its queues")
{
    const mayfly::deployment_version version{"orders", "b7"};
    const std::set<std::string> queues{"orders"};
    mayfly::temporal::api::workflow::PendingActivityInfo p;
    p.set_activity_id("5");
    p.mutable_activity_type()->set_name("bake");
    p.set_attempt(3);
    const auto bare = task_of("order-7", p, version, queues);
    REQUIRE(bare);
    CHECK(bare->id == "5");
    CHECK(bare->type == "bake");
    CHECK(bare->workflow == "order-7");
    CHECK(bare->attempt == 3);
    CHECK(!bare->timed_out);
    CHECK(!bare->timeouts_told);
    CHECK(bare->queue == "");

    p.mutable_last_failure()->mutable_application_failure_info();
    CHECK(!task_of("order-7", p, version, queues)->timed_out);
    p.mutable_last_failure()->mutable_timeout_failure_info();
    p.mutable_activity_options()->mutable_task_queue()->set_name("mail");
    p.mutable_activity_options()->mutable_start_to_close_timeout()->set_seconds(300);
    p.mutable_activity_options()->mutable_heartbeat_timeout()->set_seconds(7);
    CHECK(!task_of("order-7", p, version, queues));
    const auto on_mail = task_of("order-7", p, version, {"mail"});
    REQUIRE(on_mail);
    CHECK(on_mail->timed_out);
    CHECK(on_mail->timeouts_told);
    CHECK(on_mail->queue == "mail");
    CHECK(on_mail->start_to_close == 300s);
    CHECK(on_mail->heartbeat == 7s);

    p.mutable_last_deployment_version()->set_deployment_name("orders");
    p.mutable_last_deployment_version()->set_build_id("b6");
    CHECK(!task_of("order-7", p, version, {"mail"}));
    p.mutable_last_deployment_version()->set_build_id("b7");
    CHECK(task_of("order-7", p, version, queues));
}

TEST_CASE("Of many workflows those are looked at that began first")
{
    std::vector<mayfly::temporal::workflow_entry> all(4);
    const std::vector<std::chrono::seconds> began{40s, 10s, 30s, 20s};
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].key.id = std::to_string(began[i].count());
        all[i].started = mayfly::temporal::wall_clock_time{began[i]};
    }
    const auto some = oldest(all, 2);
    REQUIRE(some.size() == 2);
    CHECK(some[0].key.id == "10");
    CHECK(some[1].key.id == "20");
    CHECK(oldest(all, 9).size() == 4);
    CHECK(oldest(all, 0).empty());
}

TEST_CASE("The table has each number once, in order, with a name and a remedy of its own")
{
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < all_causes.size(); ++i) {
        const cause_kind& k = all_causes[i];
        CHECK(static_cast<std::size_t>(k.number) == i + 1);
        CHECK(&kind_of(k.number) == &k);
        CHECK_FALSE(k.seen.empty());
        CHECK_FALSE(k.remedy.empty());
        names.insert(k.name);
    }
    CHECK(names.size() == all_causes.size());
}

TEST_CASE("What has no number is told too, and what explains all else stands alone")
{
    struct row {
        const char* why;
        void (*change)(health_facts&);
        standing is;
        const char* name;
    };
    const row rows[] = {
        {"no server", [](health_facts& f) { f.unreachable = "UNAVAILABLE: connection refused"; }, standing::broken,
            "the server cannot be asked"},
        {"no version", [](health_facts& f) { f.missing = "NOT_FOUND"; }, standing::misconfigured,
            "there is no such version"},
        {"the registry cannot read it",
            [](health_facts& f) {
                f.compute_problems = {{"groups", "7", "give an object"}};
            },
            standing::misconfigured, "the compute configuration cannot be used"},
        {"two controllers", [](health_facts& f) { f.conflict = "mayfly-b drives it"; }, standing::misconfigured,
            "two controllers drive it"},
        {"the server keeps it, and may act itself", [](health_facts& f) { f.server_keeps_it = true; }, standing::ok,
            "the server keeps the configuration"},
        {"in both places, that is all there is to tell",
            [](health_facts& f) {
                f.server_keeps_it = true;
                f.conflict = "in both";
            },
            standing::misconfigured, "two controllers drive it"},
        {"a replica that stands by", [](health_facts& f) { f.controller_passes = "this replica stands by"; },
            standing::ok, "the controller that was asked does not lead"},
        {"a replica that has just taken over", [](health_facts& f) { f.controller_begins = "it looks who is there"; },
            standing::waiting, "the controller has only just begun with this version"},
        {"no such function",
            [](health_facts& f) {
                reached(f).function = mayfly::aws::function_description{
                    .failed = failed(mayfly::aws::errc::not_found, "no such function")};
                reached(f).invoke.reset();
            },
            standing::misconfigured, "the function cannot be used"},
        {"nobody drives it", [](health_facts& f) { f.controller_drives = false; }, standing::misconfigured,
            "the controller does not drive this version"},
        {"AWS was not asked, and somebody did some time ago",
            [](health_facts& f) {
                group(f).reached.reset();
                f.validation_error = "the role cannot be assumed";
            },
            standing::degraded, "the last look at its providers found something"},
        {"the maximum", [](health_facts& f) { says(f, symptom::at_maximum, standing::degraded); }, standing::degraded,
            "the maximum of workers is reached"},
        {"tasks wait and nobody was asked",
            [](health_facts& f) {
                group(f).told.reset();
                f.queues.front().pollers.clear();
                f.queues.front().stats->backlog = 5;
            },
            standing::degraded, "tasks wait, and nobody comes"},
    };
    for (const row& r : rows) {
        health_facts f = healthy();
        r.change(f);
        const auto all = diagnose_health(f, known);
        CHECK_MESSAGE(all.size() == 1, (std::string(r.why) + words_of(all)));
        if (all.empty())
            continue;
        CHECK_MESSAGE(all.front().number == unlisted, (std::string(r.why) + words_of(all)));
        CHECK_MESSAGE(all.front().name == r.name, (std::string(r.why) + words_of(all)));
        CHECK_MESSAGE(all.front().is == r.is, (std::string(r.why) + words_of(all)));
    }
}

TEST_CASE("Causes come in the order of health, and the first that is wrong gives the standing")
{
    health_facts f = healthy();
    f.queues.front().stats->rate_limited = true;
    f.queues.front().stats->backlog = 1;
    f.status = version_status::inactive;
    f.routing = {};
    reached(f).way.bare = mayfly::aws::role_facts::without_id::granted;
    f.compute = config_of(arn);
    const auto all = diagnose_health(f, known);
    REQUIRE(all.size() == 4);
    CHECK(all[0].number == floating_code);
    CHECK(all[1].number == external_id_not_enforced);
    CHECK(all[2].number == nothing_routed);
    CHECK(all[3].number == rate_limit);
    CHECK(standing_of(f, all) == standing::misconfigured);
}

TEST_CASE("A regional address tells the region, any other none")
{
    CHECK(examples::detail::region_of("us-east-1.aws.api.temporal.io") == "aws-us-east-1");
    for (const char* host : {"localhost", "orders.a2dd6.tmprl.cloud", ".aws.api.temporal.io", ""})
        CHECK_MESSAGE(examples::detail::region_of(host).empty(), host);
}

TEST_CASE("A report shows each step, and each cause with what was seen and what to do")
{
    health_facts f = healthy();
    const health_report well{f, diagnose_health(f, known), standing::ok};
    CHECK(to_text(well) == "orders/b7 in namespace default at localhost:7233: ok\n"
                           "  configured  ok    default: aws-lambda " +
                               arn +
                               ":7, workers: without a maximum\n"
                               "  credentials ok    the way to the function is open\n"
                               "  function    ok    " +
                               arn +
                               ":7: Active, timeout 60 s\n"
                               "  routing     ok    the version is current\n"
                               "  bound       ok    orders (activity)\n"
                               "  invoked     ok    workers poll\n"
                               "  polling     ok    1 poller of this version\n"
                               "  completing  ok    0 tasks wait, 0 a second are dispatched\n");

    f.status = version_status::inactive;
    f.routing = {};
    health_report ill{f, diagnose_health(f, known), {}};
    ill.is = standing_of(f, ill.found);
    const std::string text = to_text(ill);
    CHECK(text.find("  routing     WRONG 2 no work is routed to it\n") != text.npos);
    CHECK(text.find("\n  2 no work is routed to it (misconfigured)\n    seen: the version is inactive") != text.npos);
    std::string json;
    mayfly::detail::json_writer to(json);
    write_json(to, ill);
    const auto read = mayfly::detail::read_json(json);
    REQUIRE(read);
    CHECK(read.root.find("standing")->text == "misconfigured");
    CHECK(read.root.find("steps")->items.size() == 8);
    CHECK(read.root.find("causes")->items.front().find("number")->number == 2);
    CHECK(causes_text().find("27 the namespace is in another region than the function (degraded; configured)") !=
          std::string::npos);
}
