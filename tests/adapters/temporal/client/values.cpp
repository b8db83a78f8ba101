// SPDX-License-Identifier: BSL-1.0
#include "../../../../examples/mayfly/activity_options.hpp"

#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/connection_options.hpp>
#include <mayfly/temporal/deployment_values.hpp>
#include <mayfly/temporal/detail/rpc_policy.hpp>
#include <mayfly/temporal/rpc_error.hpp>
#include <mayfly/temporal/times.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using namespace mayfly::temporal;
using namespace std::chrono_literals;
namespace grpc = mayfly::grpc;

TEST_CASE("moments and durations come back as they were, and do not wrap")
{
    using limits = std::numeric_limits<std::int64_t>;
    struct row {
        const char* why;
        std::int64_t ns;
        std::int64_t seconds;
        std::int32_t nanos;
        std::int64_t time_seconds;
        std::int32_t time_nanos;
    };
    const row rows[] = {
        {"nothing", 0, 0, 0, 0, 0},
        {"a part of a second", 1'500'000'000, 1, 500'000'000, 1, 500'000'000},
        {"a duration below zero has one sign, a moment before 1970 counts on", -1'500'000'000, -1, -500'000'000, -2,
            500'000'000},
        {"the most", limits::max(), 9'223'372'036, 854'775'807, 9'223'372'036, 854'775'807},
        {"the least", limits::min(), -9'223'372'036, -854'775'808, -9'223'372'037, 145'224'192},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto d = to_wire(std::chrono::nanoseconds(r.ns));
        CHECK(d.seconds() == r.seconds);
        CHECK(d.nanos() == r.nanos);
        const auto t = to_wire(wall_clock_time(std::chrono::nanoseconds(r.ns)));
        CHECK(t.seconds() == r.time_seconds);
        CHECK(t.nanos() == r.time_nanos);
        if (r.ns > limits::min() / 2 && r.ns < limits::max() / 2) {
            CHECK(from_wire(d).count() == r.ns);
            CHECK(from_wire(t).time_since_epoch().count() == r.ns);
        }
    }
    wire::Duration far;
    far.set_seconds(limits::max());
    CHECK(from_wire(far).count() == limits::max());
    far.set_seconds(limits::min());
    CHECK(from_wire(far).count() == limits::min());
}

TEST_CASE("each kind of call has its own patience")
{
    using detail::rpc_rounds;
    const connection_options o;
    const rpc_rounds::time_point start{1h};
    const grpc::status late{grpc::status_code::deadline_exceeded, "", {}};

    struct row {
        const char* why;
        call_kind kind;
        std::chrono::milliseconds timeout;
        bool retried;
    };
    const row rows[] = {
        {"short", call_kind::ordinary, 30s, true},
        {"for as long as the server holds it, and more", call_kind::poll, 70s, true},
        {"likewise", call_kind::long_poll, 70s, true},
        {"never again", call_kind::once, 30s, false},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        rpc_rounds rounds(o, r.kind, {});
        const auto only = rounds.next({}, start);
        REQUIRE(only);
        CHECK(only->timeout == r.timeout);
        CHECK(only->retry->codes.contains(grpc::status_code::unavailable) == r.retried);
        CHECK(rounds.is_last());
        CHECK_FALSE(rounds.next(late, start + r.timeout));
    }

    SUBCASE("no poll begins again when the server would find its time too short")
    {
        rpc_rounds rounds(o, call_kind::poll, {});
        const auto poll = rounds.next({}, start);
        CHECK(poll->timeout.value() - poll->retry->total >= 2s);
    }
    SUBCASE("a completion goes out until its time is over, though nobody answers")
    {
        rpc_rounds rounds(o, call_kind::completion, {.timeout = 40s});
        auto now = start;
        int made = 0;
        for (auto next = rounds.next({}, now); next; next = rounds.next(late, now)) {
            ++made;
            CHECK(next->timeout <= 15s);
            CHECK(next->wait_for_ready);
            CHECK(next->retry->attempts == 0);
            now += *next->timeout;
        }
        CHECK(made == 3);
        CHECK(now == start + 40s);
    }
    SUBCASE("for ever is a year")
    {
        for (const auto kind : {call_kind::ordinary, call_kind::completion}) {
            rpc_rounds rounds(o, kind, {.timeout = std::chrono::milliseconds::max()});
            CHECK(rounds.next({}, start)->timeout <= detail::longest_wait);
            CHECK(rounds.is_last() == (kind == call_kind::ordinary));
        }
    }
    SUBCASE("but not what will not pass")
    {
        const grpc::status final_ones[] = {{grpc::status_code::not_found, "", {}},
            {grpc::status_code::invalid_argument, "", {}},
            {grpc::status_code::resource_exhausted, "grpc: received message larger than max (5 vs. 4)", {}}};
        for (const auto& s : final_ones) {
            rpc_rounds rounds(o, call_kind::completion, {.timeout = 40s});
            REQUIRE(rounds.next({}, start));
            CHECK_FALSE(rounds.is_last());
            CHECK_FALSE(rounds.next(s, start + 1s));
        }
        rpc_rounds rounds(o, call_kind::completion, {.timeout = 40s});
        REQUIRE(rounds.next({}, start));
        CHECK(rounds.next({grpc::status_code::unavailable, "", {}}, start + 1s));
    }
}

namespace {

grpc::status with_detail(grpc::status_code code, const google::protobuf::MessageLite& detail)
{
    api::common::GrpcStatus all;
    all.set_code(static_cast<int>(code));
    auto& any = *all.add_details();
    any.set_type_url("type.googleapis.com/" + detail.GetTypeName());
    any.set_value(detail.SerializeAsString());
    return {code, "words", all.SerializeAsString()};
}

}  // namespace

TEST_CASE("a status tells what it has")
{
    api::errordetails::NamespaceNotFoundFailure unknown;
    unknown.set_namespace_("gone");
    const auto s = with_detail(grpc::status_code::not_found, unknown);
    CHECK(describe(s) == "NOT_FOUND: words");
    REQUIRE(detail_of<api::errordetails::NamespaceNotFoundFailure>(s));
    CHECK(detail_of<api::errordetails::NamespaceNotFoundFailure>(s)->namespace_() == "gone");
    CHECK_FALSE(detail_of<api::errordetails::NotFoundFailure>(s));
    CHECK_FALSE(detail_of<api::errordetails::NotFoundFailure>({grpc::status_code::not_found, "", "\xff\xff"}));

    const api::errordetails::ClientVersionNotSupportedFailure old;
    struct row {
        const char* why;
        grpc::status status;
        bool fatal;
    };
    const row rows[] = {
        {"nobody may", {grpc::status_code::permission_denied, "", {}}, true},
        {"nobody knows the namespace", s, true},
        {"not by this client", with_detail(grpc::status_code::failed_precondition, old), true},
        {"not now", {grpc::status_code::failed_precondition, "", {}}, false},
        {"away", {grpc::status_code::unavailable, "", {}}, false},
        {"too much", {grpc::status_code::resource_exhausted, "", {}}, false},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(is_fatal_for_worker(r.status) == r.fatal, r.why);
}

TEST_CASE("settings become options, and what cannot be sent is told without its value")
{
    mayfly::config::connection_settings s;
    s.endpoint = {"cluster.example", 443};
    s.name_space.value = "orders";
    s.api_key.value = "sesame";
    s.tls.on.value = true;
    s.tls.server_ca.value = "CA";
    s.tls.server_name.value = "other.example";
    s.tls.verify_host.value = false;
    s.grpc_meta["team"] = {"blue", "TEMPORAL_GRPC_META_TEAM"};
    s.grpc_meta["trace-bin"] = {"AAH/", "temporal.toml:3"};
    auto o = options_of(s);
    REQUIRE(o);
    CHECK(o->target == mayfly::http::origin{true, "cluster.example", 443});
    CHECK(o->name_space == "orders");
    CHECK(o->channel.api_key() == "sesame");
    CHECK(o->channel.tls.ca == "CA");
    CHECK(o->channel.tls.dangerously_accept_any_certificate);
    CHECK(o->channel.server_name == "other.example");
    CHECK(o->metadata.get("team") == "blue");
    CHECK(o->metadata.get("trace-bin") == std::string_view("\x00\x01\xff", 3));
    CHECK(o->identity.find('@') != std::string::npos);

    s.grpc_meta["trace-bin"].value = "sesame!";
    const auto wrong = options_of(s).problems();
    REQUIRE(wrong.size() == 1);
    CHECK(wrong[0].field == "temporal.toml:3");
    CHECK(to_string(wrong[0]).find("sesame") == std::string::npos);
}

TEST_CASE("a start says what was asked for, and nothing else")
{
    const auto bare = detail::start_request("greet", {.task_queue = "q", .start_to_close = 5s});
    CHECK(bare.activity_type().name() == "greet");
    CHECK(bare.task_queue().name() == "q");
    CHECK(bare.start_to_close_timeout().seconds() == 5);
    CHECK_FALSE(bare.has_schedule_to_close_timeout());
    CHECK_FALSE(bare.has_retry_policy());
    CHECK_FALSE(bare.has_priority());
    CHECK_FALSE(bare.has_id_reuse_policy());

    start_options all{.task_queue = "q", .schedule_to_close = 60s, .schedule_to_start = 2s, .heartbeat = 500ms};
    all.start_delay = 1s;
    all.retry = activity_retry{100ms, 1.5, 3s, 4, {"bad"}};
    all.reuse = id_reuse::reject;
    all.conflict = id_conflict::use_existing;
    all.priority = activity_priority{2, "customer", 0.5F};
    const auto full = detail::start_request("greet", all);
    CHECK(full.heartbeat_timeout().nanos() == 500'000'000);
    CHECK(full.start_delay().seconds() == 1);
    CHECK(full.retry_policy().initial_interval().nanos() == 100'000'000);
    CHECK(full.retry_policy().backoff_coefficient() == 1.5);
    CHECK(full.retry_policy().maximum_attempts() == 4);
    CHECK(full.retry_policy().non_retryable_error_types(0) == "bad");
    CHECK(full.id_reuse_policy() == api::enums::ACTIVITY_ID_REUSE_POLICY_REJECT_DUPLICATE);
    CHECK(full.id_conflict_policy() == api::enums::ACTIVITY_ID_CONFLICT_POLICY_USE_EXISTING);
    CHECK(full.priority().fairness_key() == "customer");
}

TEST_CASE("a version whose compute details are not ours is described without them")
{
    api::DescribeWorkerDeploymentVersionResponse r;
    auto& info = *r.mutable_worker_deployment_version_info();
    info.mutable_deployment_version()->set_build_id("1");
    info.set_status(api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT);
    auto& group = (*info.mutable_compute_config()->mutable_scaling_groups())["default"];
    group.mutable_provider()->set_type("aws-lambda");
    auto& details = *group.mutable_provider()->mutable_details();
    details.set_data(R"({"arn": "x"})");
    CHECK(std::get<std::string>(
              detail::to_version_description(r).compute.groups.at("default").provider->details.at("arn")) == "x");
    (*details.mutable_metadata())["encoding"] = "binary/encrypted";
    const auto d = detail::to_version_description(r);
    CHECK(d.status == mayfly::version_status::current);
    CHECK(d.compute.groups.at("default").provider->type == "aws-lambda");
    CHECK(d.compute.groups.at("default").provider->details.empty());
    CHECK(d.compute_problems.size() == 1);
}

namespace {

examples::activity_arguments read(std::string_view verb, const std::vector<std::string_view>& rest)
{
    for (const auto& v : examples::detail::activity_verbs)
        if (v.name == verb)
            return examples::read_activity_arguments(v, rest);
    return {.problem = "no such verb"};
}

}  // namespace

TEST_CASE("the command line of activities")
{
    const auto a = read("start", {"--type", "greet", "--task-queue=q", "--input", "\"World\"", "--input=[1, 2]",
                                     "--start-to-close", "1m30s", "--attempts", "3", "--conflict", "use-existing"});
    CHECK(a.problem.empty());
    CHECK(a.type == "greet");
    CHECK(a.start.task_queue == "q");
    CHECK(a.values.size() == 2);
    CHECK(a.start.start_to_close == 90s);
    CHECK(a.start.retry->maximum_attempts == 3);
    CHECK(a.start.conflict == id_conflict::use_existing);
    CHECK(read("start", {"--type", "x"}).start.start_to_close == 10min);
    CHECK(read("list", {"--help", "nonsense"}).help);

    struct row {
        const char* why;
        std::string_view verb;
        std::vector<std::string_view> given;
        std::string_view words;
    };
    const row rows[] = {
        {"no type", "start", {"--task-queue", "q"}, "--type is missing"},
        {"no id", "cancel", {}, "--id is missing"},
        {"no words", "fail", {"--id", "x"}, "--message is missing"},
        {"text that is no JSON", "start", {"--input", "World"}, "'\"World\"'"},
        {"a flag of another verb", "count", {"--within", "5s"}, "there is no option --within"},
        {"a flag of nobody", "count", {"--fast", "yes"}, "there is no option --fast"},
        {"no value", "count", {"--query"}, "give a value"},
        {"no value for how to connect", "count", {"--address"}, "give a value"},
        {"no time", "result", {"--id", "x", "--within", "soon"}, "give a time"},
        {"no time at all", "result", {"--id", "x", "--within", "0s"}, "give a time"},
        {"no number", "list", {"--limit", "0"}, "whole number from 1"},
        {"half a number", "list", {"--limit", "1x"}, "whole number from 1"},
        {"no policy", "start", {"--reuse", "maybe"}, "allow, allow-if-failed, reject"},
        {"no format", "list", {"--output", "xml"}, "text, json, jsonl"},
        {"a word", "list", {"all"}, "\"all\" is no option"},
    };
    for (const row& r : rows) {
        const auto got = read(r.verb, r.given);
        CHECK_MESSAGE(got.problem.find(r.words) != std::string::npos, r.why, ": ", got.problem);
    }
    for (const auto& v : examples::detail::activity_verbs) {
        const auto help = examples::activity_help(v);
        CHECK(help.find("Exit status") != std::string::npos);
        for (const auto& f : examples::detail::activity_flags)
            CHECK(((f.group & v.takes) != 0) == (help.find(' ' + std::string(f.words) + '\n') != std::string::npos));
    }
}
