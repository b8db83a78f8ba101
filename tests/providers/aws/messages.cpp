// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/ecs_messages.hpp>
#include <mayfly/aws/lambda_messages.hpp>
#include <mayfly/base64.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using namespace mayfly::aws;
namespace http = mayfly::http;

namespace {

std::string text(boost::beast::string_view v)
{
    return {v.data(), v.size()};
}

http::response answer(unsigned status, std::string body = "")
{
    http::response out;
    out.result(status);
    out.set("x-amzn-RequestId", "r1");
    out.body() = std::move(body);
    return out;
}

}  // namespace

TEST_CASE("an invocation as a request")
{
    const http::request plain = to_http({.function = "work", .payload = "{}"});
    CHECK(plain.method() == http::verb::post);
    CHECK(text(plain.target()) == "/2015-03-31/functions/work/invocations");
    CHECK(text(plain["X-Amz-Invocation-Type"]) == "RequestResponse");
    CHECK(plain.find("X-Amz-Log-Type") == plain.end());
    CHECK(plain.find("X-Amz-Client-Context") == plain.end());
    CHECK(plain.find("Content-Type") == plain.end());
    CHECK(plain.body() == "{}");

    const http::request full = to_http({.function = "123456789012:function:work",
        .qualifier = "$LATEST",
        .type = invocation_type::event,
        .log_tail = true,
        .client_context = R"({"custom":{"a":"b"}})"});
    CHECK(
        text(full.target()) == "/2015-03-31/functions/123456789012%3Afunction%3Awork/invocations?Qualifier=%24LATEST");
    CHECK(text(full["X-Amz-Invocation-Type"]) == "Event");
    CHECK(text(full["X-Amz-Log-Type"]) == "Tail");
    CHECK(mayfly::from_base64(text(full["X-Amz-Client-Context"])) == R"({"custom":{"a":"b"}})");
    CHECK(text(get_function("work", "7").target()) == "/2015-03-31/functions/work?Qualifier=7");
    CHECK(text(get_function_configuration("work").target()) == "/2015-03-31/functions/work/configuration");
    CHECK(text(get_event_invoke_config("work", "7").target()) ==
          "/2019-09-25/functions/work/event-invoke-config?Qualifier=7");
}

TEST_CASE("the names of invocation types")
{
    for (const auto t : {invocation_type::request_response, invocation_type::event, invocation_type::dry_run})
        CHECK(invocation_type_of(to_string(t)) == t);
    CHECK_FALSE(invocation_type_of("event"));
    CHECK_FALSE(invocation_type_of(""));
}

TEST_CASE("each type of invocation has its own success")
{
    struct row {
        const char* why;
        invocation_type type;
        unsigned status;
        bool good;
    };
    const row rows[] = {
        {"an answer", invocation_type::request_response, 200, true},
        {"queued", invocation_type::event, 202, true},
        {"checked", invocation_type::dry_run, 204, true},
        {"queued, and we wait for an answer", invocation_type::request_response, 202, false},
        {"an answer to what should be queued: it ran at once", invocation_type::event, 200, false},
        {"nothing", invocation_type::event, 204, false},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const invoke_result got = read_invoke(r.type, answer(r.status, "7"));
        CHECK(static_cast<bool>(got.failed) == !r.good);
        CHECK(got.request_id == "r1");
        if (!r.good)
            CHECK(got.failed.ec == errc::answer_not_understood);
    }
}

TEST_CASE("what a function that failed answers")
{
    http::response r = answer(200, R"({"errorMessage":"no","errorType":"Bad"})");
    r.set("X-Amz-Function-Error", "Unhandled");
    r.set("X-Amz-Executed-Version", "7");
    r.set("X-Amz-Log-Result", mayfly::to_base64("START\nEND\n"));
    const invoke_result got = read_invoke(invocation_type::request_response, r);
    CHECK_FALSE(got.failed);
    CHECK(got.function_error == "Unhandled");
    CHECK(got.executed_version == "7");
    CHECK(got.log_tail == "START\nEND\n");
    CHECK(got.payload == R"({"errorMessage":"no","errorType":"Bad"})");
}

TEST_CASE("a function's description, whole or with holes")
{
    const function_description f = read_function(answer(200, R"({"Configuration":{"FunctionArn":"a:7","Version":"7",
        "State":"Pending","StateReason":"being made","LastUpdateStatus":"InProgress","LastUpdateStatusReason":"why",
        "PackageType":"Zip","Runtime":"provided.al2023","Handler":"bootstrap","Timeout":900,"MemorySize":512,
        "CodeSha256":"abc"},"Concurrency":{"ReservedConcurrentExecutions":0},"Tags":{}})"));
    CHECK_FALSE(f.failed);
    CHECK(f.arn == "a:7");
    CHECK(f.version == "7");
    CHECK(f.state == "Pending");
    CHECK(f.state_reason == "being made");
    CHECK(f.last_update == "InProgress");
    CHECK(f.last_update_reason == "why");
    CHECK(f.package_type == "Zip");
    CHECK(f.runtime == "provided.al2023");
    CHECK(f.handler == "bootstrap");
    CHECK(f.timeout == 900s);
    CHECK(f.memory_mib == 512U);
    CHECK(f.code_sha256 == "abc");
    CHECK(f.reserved_concurrency == 0U);

    const function_description alone = read_function(answer(200, R"({"FunctionArn":"a","Timeout":3})"));
    CHECK(alone.arn == "a");
    CHECK(alone.timeout == 3s);
    CHECK_FALSE(alone.reserved_concurrency);
    CHECK_FALSE(alone.memory_mib);
    for (const char* const body : {"", "[]", "{}", R"({"Configuration":{}})", R"({"Configuration":7})", "<html>"}) {
        CAPTURE(body);
        CHECK(read_function(answer(200, body)).failed.ec == errc::answer_not_understood);
    }
}

TEST_CASE("how events are treated")
{
    const event_invoke_config set =
        read_event_invoke_config(answer(200, R"({"MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":60})"));
    CHECK_FALSE(set.failed);
    CHECK(set.retries == 0);
    CHECK(set.event_age == 60s);
    const event_invoke_config unset = read_event_invoke_config(answer(200, "{}"));
    CHECK(unset.retries == 2);
    CHECK(unset.event_age == 6h);
    CHECK(read_event_invoke_config(answer(200, "no")).failed.ec == errc::answer_not_understood);
}

TEST_CASE("ECS: requests and answers")
{
    const http::request sized = update_service("main", "work", 7);
    CHECK(text(sized["X-Amz-Target"]) == "AmazonEC2ContainerServiceV20141113.UpdateService");
    CHECK(text(sized["Content-Type"]) == "application/x-amz-json-1.1");
    CHECK(sized.body() == R"({"cluster":"main","service":"work","desiredCount":7})");
    CHECK(describe_service("main", "work").body() == R"({"cluster":"main","services":["work"]})");

    const std::string service =
        R"({"serviceArn":"s","status":"ACTIVE","desiredCount":7,"runningCount":3,"pendingCount":4})";
    for (const service_description& s : {read_updated_service(answer(200, R"({"service":)" + service + "}")),
             read_described_service(answer(200, R"({"services":[)" + service + R"(],"failures":[]})"))}) {
        CHECK_FALSE(s.failed);
        CHECK(s.arn == "s");
        CHECK(s.status == "ACTIVE");
        CHECK(s.desired == 7U);
        CHECK(s.running == 3U);
        CHECK(s.pending == 4U);
    }
    const service_description missing = read_described_service(
        answer(200, R"({"services":[],"failures":[{"arn":"x","reason":"MISSING","detail":"gone"}]})"));
    CHECK(missing.failed.ec == errc::not_found);
    CHECK(to_string(missing.failed) == "MISSING: gone (HTTP 200, request id r1)");
    for (const char* const body : {"", "[]", "{}", R"({"services":[]})", R"({"service":[]})"}) {
        CHECK(read_described_service(answer(200, body)).failed.ec == errc::answer_not_understood);
        CHECK(read_updated_service(answer(200, body)).failed.ec == errc::answer_not_understood);
    }
}
