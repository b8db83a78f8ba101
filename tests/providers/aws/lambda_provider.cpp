// SPDX-License-Identifier: BSL-1.0
#include "example_arns.hpp"
#include "service_bench.hpp"

#include <mayfly/aws/ecs_provider.hpp>
#include <mayfly/aws/lambda_provider.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/controller.hpp>
#include <mayfly/launch_notice.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace mayfly::aws;
using namespace mayfly_test;
namespace asio = boost::asio;
using boost::system::error_code;
using mayfly::condition;
using mayfly::launch_report;
using mayfly::launch_request;
using mayfly::launch_target;
using provider = basic_lambda_provider<service_bench::clock>;

namespace {

const std::string work = "arn:aws:lambda:eu-west-1:123456789012:function:work:7";
const std::string other = "arn:aws:lambda:eu-west-1:123456789012:function:other:1";
const std::string session_token = "FwoGZXIvYXdzEXAMPLESESSIONTOKEN";

bool is_sts(const std::string& request)
{
    return field_of(request, "Authorization").find("/sts/aws4_request") != std::string::npos;
}

bool names(const std::string& request, std::string_view text)
{
    return request.find(text) != std::string::npos;
}

/// STS's answer to AssumeRole; the session ends an hour after the bench's time.
std::string granted()
{
    return response("200 OK", "Content-Type: text/xml\r\n",
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIASESSION</AccessKeyId>"
        "<SecretAccessKey>sessionsecretkey</SecretAccessKey><SessionToken>" +
            session_token +
            "</SessionToken><Expiration>2015-08-30T13:36:00Z</Expiration></Credentials><AssumedRoleUser>"
            "<Arn>arn:aws:sts::123456789012:assumed-role/invoke/mayfly</Arn></AssumedRoleUser></AssumeRoleResult>"
            "</AssumeRoleResponse>",
        true);
}

std::string denied()
{
    return response("403 Forbidden", "",
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>", true);
}

std::string queued(const std::string& id)
{
    return response("202 Accepted", "x-amzn-RequestId: " + id + "\r\n", "", true);
}

std::string refused(const char* status, const char* code, const char* body = "{}")
{
    return response(status, std::string{"x-amzn-ErrorType: "} + code + "\r\n", body, true);
}

/// A service that answers as told, as often as it is asked.
std::vector<server_script> answering(std::function<std::string(const std::string&)> reply)
{
    return {{read_request(), send_reply(std::move(reply)), again()}};
}

/// STS lets everybody in, and Lambda queues everything: its request ids are `r` and the launch's id.
std::string all_well(const std::string& request)
{
    if (is_sts(request))
        return granted();
    const auto notice = mayfly::notice_in(body_of(request));
    return queued("r" + std::to_string(notice ? notice->launch : 0));
}

launch_request request_for(std::string arn, std::uint32_t count, mayfly::settings more = {})
{
    launch_target t{.version = {"orders", "b7"}, .group = "big", .function = arn, .details = std::move(more)};
    t.details["arn"] = std::move(arn);
    launch_request out;
    out.target = std::make_shared<const launch_target>(std::move(t));
    out.count = count;
    out.first_launch = 100;
    return out;
}

struct launched {
    error_code ec{};
    launch_report report{};
};

launched made(service_bench& b, provider& p, launch_request r)
{
    std::optional<launched> out;
    p.async_launch(std::move(r), [&](error_code ec, launch_report report) { out = launched{ec, std::move(report)}; });
    b.run_until([&] { return out.has_value(); });
    return std::move(*out);
}

std::size_t asked_sts(const service_bench& b)
{
    const auto& all = b.server.requests();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_sts));
}

}  // namespace

TEST_CASE("each start is one event, with its own notice, and is reported in order")
{
    service_bench b{answering(all_well)};
    provider p{b.session()};
    launch_request r = request_for(work, 5);
    r.stay = 2;
    r.orders.idle_exit = 30s;
    const launched got = made(b, p, r);
    CHECK_FALSE(got.ec);
    CHECK(got.report.detail == "");
    REQUIRE(got.report.starts.size() == 5);
    for (std::uint32_t i = 0; i < 5; ++i) {
        CHECK(got.report.starts[i].outcome == condition::ok);
        CHECK(got.report.starts[i].request_id == "r" + std::to_string(100 + i));
    }
    std::set<std::uint64_t> launches;
    for (const std::string& sent : b.server.requests()) {
        CHECK(sent.starts_with("POST /2015-03-31/functions/"
                               "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Awork%3A7/invocations HTTP"));
        CHECK(field_of(sent, "X-Amz-Invocation-Type") == "Event");
        const auto notice = mayfly::notice_in(body_of(sent));
        REQUIRE(notice);
        CHECK(notice->version == mayfly::deployment_version{"orders", "b7"});
        CHECK(notice->group == "big");
        CHECK(notice->orders.idle_exit == 30s);
        CHECK(notice->orders.stay == (notice->launch < 102));
        launches.insert(notice->launch);
    }
    CHECK(launches.size() == 5);
}

TEST_CASE("starts go out side by side over connections that stay, and not more at once than allowed")
{
    service_bench b{answering(all_well)};
    provider p{b.session(), {.starts_at_once = 4}};
    CHECK_FALSE(made(b, p, request_for(work, 100)).ec);
    CHECK(b.server.requests().size() == 100);
    CHECK(b.server.most_open() <= 4);
    const auto opened = b.transport->stats().opened;
    CHECK(opened <= 4);
    CHECK_FALSE(made(b, p, request_for(work, 4)).ec);
    CHECK(b.transport->stats().opened == opened);
}

TEST_CASE("a start that fails, in the service's own words")
{
    struct row {
        const char* why;
        const char* status;
        const char* code;
        const char* body;
        condition outcome;
        std::string detail;
    };
    const row rows[] = {
        {"throttled", "429 Too Many Requests", "TooManyRequestsException",
            R"({"Reason":"CallerRateLimitExceeded","message":"Rate exceeded"})", condition::throttled,
            "TooManyRequestsException (CallerRateLimitExceeded): Rate exceeded (HTTP 429, 3 attempts)"},
        {"the service's trouble", "500 Oops", "ServiceException", "{}", condition::transient,
            "ServiceException: the service failed (HTTP 500, 3 attempts)"},
        {"no such function", "404 Not Found", "ResourceNotFoundException", R"({"Message":"Function not found"})",
            condition::permanent, "ResourceNotFoundException: Function not found (HTTP 404)"},
        {"answered as if it had run", "200 OK", "", "null", condition::transient,
            "Event is answered with 202, not with 200 (HTTP 200)"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        service_bench b{answering([&](const std::string&) { return refused(r.status, r.code, r.body); })};
        provider p{b.session()};
        const launched got = made(b, p, request_for(work, 1));
        CHECK(mayfly::condition_of(got.ec) == r.outcome);
        REQUIRE(got.report.starts.size() == 1);
        CHECK(got.report.starts[0].outcome == r.outcome);
        CHECK(got.report.detail == r.detail);
    }
}

TEST_CASE("some starts are throttled: the others are told apart from them")
{
    service_bench b{answering([](const std::string& request) {
        const auto notice = mayfly::notice_in(body_of(request));
        return notice && notice->launch % 2 == 0 ? all_well(request)
                                                 : refused("429 Slow", "", R"({"message":"slower"})");
    })};
    provider p{b.session()};
    const launched got = made(b, p, request_for(work, 6));
    CHECK_FALSE(got.ec);
    REQUIRE(got.report.starts.size() == 6);
    for (std::size_t i = 0; i < 6; ++i) {
        CHECK(got.report.starts[i].outcome == (i % 2 == 0 ? condition::ok : condition::throttled));
        CHECK(got.report.starts[i].request_id.empty() == (i % 2 != 0));
    }
    CHECK(got.report.detail == "3 of 6 starts failed: slower (HTTP 429)");
}

TEST_CASE("a permanent failure ends the launch, and no other one")
{
    service_bench b{answering([](const std::string& request) {
        return names(request, "function%3Aother") ? all_well(request)
                                                  : refused("403 Forbidden", "AccessDeniedException");
    })};
    provider p{b.session(), {.starts_at_once = 2}};
    const launched got = made(b, p, request_for(work, 50));
    CHECK(got.ec == errc::access_denied);
    CHECK(b.server.requests().size() <= 2);
    REQUIRE(got.report.starts.size() == 50);
    for (const auto& start : got.report.starts)
        CHECK(start.outcome == condition::permanent);
    CHECK_FALSE(made(b, p, request_for(other, 3)).ec);
}

TEST_CASE("settings that are wrong cost no request")
{
    service_bench b{answering(all_well)};
    provider p{b.session(), {.role_required = true}};
    const launched got = made(b, p, request_for("work", 2));
    CHECK(got.ec == errc::bad_settings);
    CHECK(got.report.starts.size() == 2);
    CHECK(got.report.starts[0].outcome == condition::permanent);
    CHECK(names(got.report.detail, "details.role: is required"));
    CHECK(names(got.report.detail, "details.arn is \"work\": write the whole ARN"));
    CHECK(made(b, p, {}).ec == errc::bad_settings);
    CHECK(b.server.accepted() == 0);
}

TEST_CASE("one AssumeRole for a thousand first uses at once, and one more for each external id")
{
    mayfly::http::client_options transport;
    transport.connections_per_origin = 16;
    service_bench b{answering(all_well), {}, transport};
    provider p{b.session()};
    const mayfly::settings as{{"role", role}, {"role_external_id", "shared-with-us"}};
    int ended = 0;
    for (int i = 0; i < 1000; ++i) {
        p.async_launch(request_for(work, 1, as), [&](error_code ec, launch_report) {
            CHECK_FALSE(ec);
            ++ended;
        });
    }
    b.run_until([&] { return ended == 1000; });
    CHECK(asked_sts(b) == 1);
    CHECK(b.server.requests().size() == 1001);
    for (const std::string& sent : b.server.requests()) {
        if (is_sts(sent)) {
            CHECK(names(sent, "Action=AssumeRole&"));
            CHECK(names(sent, "ExternalId=shared-with-us"));
            CHECK(names(sent, "RoleSessionName=mayfly"));
            CHECK(field_of(sent, "X-Amz-Security-Token") == test_keys.session_token);
        } else {
            CHECK(field_of(sent, "X-Amz-Security-Token") == session_token);
        }
    }

    // The same role for another owner is another session; the first one is still good, until it ages.
    CHECK_FALSE(made(b, p, request_for(work, 1, {{"role", role}, {"role_external_id", "somebody-else"}})).ec);
    CHECK(asked_sts(b) == 2);
    CHECK_FALSE(made(b, p, request_for(other, 1, as)).ec);
    CHECK(asked_sts(b) == 2);
    b.wall += 1h;
    CHECK_FALSE(made(b, p, request_for(work, 1, as)).ec);
    CHECK(asked_sts(b) == 3);
}

TEST_CASE("a clock that is hours ahead is put right, and sessions do not seem to be over because of it")
{
    service_bench b{answering([](const std::string& request) {
        return field_of(request, "X-Amz-Date").starts_with("20150830T12")
                   ? all_well(request)
                   : response("403 Forbidden", "Date: Sun, 30 Aug 2015 12:36:00 GMT\r\n",
                         "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>", true);
    })};
    b.wall += 3h;
    provider p{b.session()};
    for (int i = 0; i < 3; ++i)
        CHECK_FALSE(made(b, p, request_for(work, 5, {{"role", role}})).ec);
    CHECK(asked_sts(b) == 2);  // Refused, and then granted.
    CHECK(b.server.requests().size() == 17);
}

TEST_CASE("roles in between are assumed one after the other")
{
    service_bench b{answering(all_well)};
    session_options options{.session_name = "controller",
        .intermediary_roles = {{.role_arn = "arn:aws:iam::111111111111:role/first"},
            {.role_arn = "arn:aws:iam::222222222222:role/second", .session_name = "hop", .external_id = "between-us"}}};
    provider p{b.session(options)};
    CHECK_FALSE(made(b, p, request_for(work, 3, {{"role", role}})).ec);
    REQUIRE(asked_sts(b) == 3);
    const auto& sent = b.server.requests();
    CHECK(names(sent[0], "role%2Ffirst&RoleSessionName=controller"));
    CHECK(names(sent[1], "role%2Fsecond&RoleSessionName=hop&ExternalId=between-us"));
    CHECK(names(sent[2], "role%2Finvoke&RoleSessionName=controller"));
    CHECK(field_of(sent[0], "X-Amz-Security-Token") == test_keys.session_token);
    CHECK(field_of(sent[1], "X-Amz-Security-Token") == session_token);
}

TEST_CASE("a session that ended early is renewed")
{
    int invokes = 0;
    service_bench b{answering([&](const std::string& request) {
        if (is_sts(request))
            return granted();
        return ++invokes == 1 ? refused("403 Forbidden", "ExpiredTokenException") : queued("r1");
    })};
    provider p{b.session()};
    CHECK_FALSE(made(b, p, request_for(work, 1, {{"role", role}})).ec);
    // STS gave the same session again here; what counts is that it was asked.
    CHECK(asked_sts(b) == 2);
    CHECK(invokes == 2);
}

TEST_CASE("a role that cannot be assumed is a permanent failure, and STS is not asked for each start")
{
    service_bench b{answering([](const std::string&) { return denied(); })};
    provider p{b.session()};
    const launched got = made(b, p, request_for(work, 100, {{"role", role}, {"role_external_id", "shared-with-us"}}));
    CHECK(got.ec == errc::access_denied);
    CHECK(mayfly::condition_of(got.ec) == condition::permanent);
    CHECK(names(got.report.detail, "AccessDenied"));
    CHECK(names(got.report.detail, "not for you"));
    CHECK_FALSE(names(got.report.detail, "shared-with-us"));
    CHECK(asked_sts(b) == 1);
}

TEST_CASE("a function that hangs does not hold up another")
{
    // The server plays its scripts connection by connection: the first ones are the silent function's.
    service_bench b{
        {{read_request(), hang()}, {read_request(), hang()}, {read_request(), send_reply(all_well), again()}}};
    provider p{b.session(), {.starts_at_once = 2, .limits = {.total = 20s}}};
    asio::cancellation_signal stop;
    std::optional<error_code> slow;
    p.async_launch(
        request_for(work, 10), asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, launch_report r) {
            slow = ec;
            CHECK(r.starts.size() == 10);
        }));
    b.run_until([&] { return b.server.requests().size() == 2; });
    CHECK_FALSE(made(b, p, request_for(other, 5)).ec);
    CHECK_FALSE(slow);
    stop.emit(asio::cancellation_type::terminal);
    b.run_until([&] { return slow.has_value(); });
    CHECK(slow == asio::error::operation_aborted);
    CHECK(b.server.requests().size() == 7);
    CHECK(b.at_rest());
}

TEST_CASE("a cancelled launch leaves nothing behind, and tells what was accepted")
{
    for (const auto kind :
        {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        struct row {
            const char* why;
            std::vector<server_script> server;
            std::size_t sent;
            std::size_t accepted;
        };
        const row rows[] = {
            {"silent at once", {{read_request(), hang()}}, 2, 0},
            {"silent after two", {{read_request(), send_reply(all_well), read_request(), hang()}}, 4, 2},
        };
        for (const row& r : rows) {
            CAPTURE(r.why);
            service_bench b{r.server};
            provider p{b.session(), {.starts_at_once = 2}};
            asio::cancellation_signal stop;
            std::optional<launched> ended;
            p.async_launch(request_for(work, 10),
                asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, launch_report report) {
                    ended = launched{ec, std::move(report)};
                }));
            b.run_until([&] { return b.server.requests().size() == r.sent; });
            stop.emit(kind);
            b.run_until([&] { return ended.has_value(); });
            CHECK(ended->ec == asio::error::operation_aborted);
            REQUIRE(ended->report.starts.size() == 10);
            const auto accepted = std::count_if(ended->report.starts.begin(), ended->report.starts.end(),
                [](const auto& s) { return s.outcome == condition::ok && !s.request_id.empty(); });
            CHECK(accepted == static_cast<std::ptrdiff_t>(r.accepted));
            CHECK(b.server.requests().size() == r.sent);
            CHECK(b.at_rest());
        }
    }
}

TEST_CASE("nobody waits for a role any more: the call to STS ends too")
{
    service_bench b{{{read_request(), hang()}}};
    provider p{b.session()};
    asio::cancellation_signal stop;
    std::optional<error_code> ended;
    p.async_launch(request_for(work, 3, {{"role", role}}),
        asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, launch_report) { ended = ec; }));
    b.run_until([&] { return b.server.requests().size() == 1; });
    stop.emit(asio::cancellation_type::terminal);
    b.run_until([&] { return ended.has_value(); });
    CHECK(ended == asio::error::operation_aborted);
    CHECK(b.at_rest());
}

namespace {

/// Starts one worker for each task that finds none.
struct starter {
    struct state {
        bool operator==(const state&) const = default;
    };
    [[nodiscard]] mayfly::decision decide(state&, const mayfly::scaling_signal& sig, mayfly::uptime) const noexcept
    {
        return {.launch = sig.added.unmatched()};
    }
};

}  // namespace

TEST_CASE("a controller drives it, and keeps the request ids in its books")
{
    service_bench b{answering(all_well)};
    std::vector<mayfly::controller_event::kind> told;
    std::uint32_t accepted = 0;
    mayfly::basic_controller<starter, provider, mayfly::no_source, service_bench::clock> controller(
        b.io.get_executor(), provider{b.session()}, {}, {}, [&](const mayfly::controller_event& e) {
            if (e.what == mayfly::controller_event::kind::launched)
                accepted += e.count;
        });
    mayfly::group_policy<starter> policy;
    policy.bootstrap = false;
    const auto handle =
        controller.add({.groups = {{.policy = std::make_shared<const mayfly::group_policy<starter>>(policy),
                            .target = request_for(work, 1).target}}});
    asio::cancellation_signal stop;
    bool ended = false;
    controller.async_run(asio::bind_cancellation_slot(stop.slot(), [&](error_code) { ended = true; }));
    controller.added(handle, {.type = mayfly::task_type::activity, .counts = {.not_matched = 20}});
    b.run_until([&] { return accepted == 20; });
    CHECK(b.server.requests().size() == 20);
    stop.emit(asio::cancellation_type::terminal);
    b.run_until([&] { return ended; });
}

TEST_CASE("what the validation of a target asks, and how it takes the answers")
{
    struct row {
        const char* why;
        std::function<std::string(const std::string&)> reply;
        external_id_check check;
        std::size_t errors;
        std::size_t warnings;
        std::string shows;
        std::size_t sts;
    };
    const std::string fit = R"({"Configuration":{"FunctionArn":"a","State":"Active","LastUpdateStatus":"Successful",)"
                            R"("PackageType":"Zip","Handler":"bootstrap","Timeout":900}})";
    const auto lambda = [fit](const std::string& request) {
        return names(request, "event-invoke-config")
                   ? response("200 OK", "", R"({"MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":60})", true)
                   : response("200 OK", "", fit, true);
    };
    const auto enforcing = [lambda](const std::string& request) {
        return !is_sts(request) ? lambda(request) : names(request, "ExternalId=") ? granted() : denied();
    };
    const auto careless = [lambda](
                              const std::string& request) { return is_sts(request) ? granted() : lambda(request); };
    const row rows[] = {
        {"all is well", enforcing, external_id_check::enforce, 0, 0, "", 2},
        {"the id is not enforced", careless, external_id_check::enforce, 1, 0, "can be assumed without", 2},
        {"which is tolerated", careless, external_id_check::warn, 0, 1, "can be assumed without", 2},
        {"which nobody asks", careless, external_id_check::off, 0, 0, "", 1},
        {"no telling whether it is",
            [lambda](const std::string& request) {
                return !is_sts(request) ? lambda(request)
                       : names(request, "ExternalId=")
                           ? granted()
                           : response("400 Bad Request", "", "<Error><Code>ValidationError</Code></Error>", true);
            },
            external_id_check::enforce, 1, 0, "could not verify", 2},
        {"no way in: told by whom it was tried",
            [](const std::string& request) {
                return names(request, "GetCallerIdentity")
                           ? response("200 OK", "",
                                 "<GetCallerIdentityResult><Arn>arn:aws:iam::9:user/me</Arn><UserId>u</UserId>"
                                 "<Account>9</Account></GetCallerIdentityResult>",
                                 true)
                           : denied();
            },
            external_id_check::enforce, 1, 0, "name arn:aws:iam::9:user/me", 2},
        {"no such function",
            [](const std::string& request) {
                return !is_sts(request)                ? refused("404 Not Found", "ResourceNotFoundException")
                       : names(request, "ExternalId=") ? granted()
                                                       : denied();
            },
            external_id_check::enforce, 1, 0, "publish that version", 2},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        service_bench b{answering(r.reply)};
        provider p{b.session()};
        std::optional<mayfly::findings> found;
        p.async_validate({{"arn", work}, {"role", role}, {"role_external_id", "shared-with-us"}},
            {.external_id = r.check}, [&](error_code ec, mayfly::findings f) {
                CHECK_FALSE(ec);
                found = std::move(f);
            });
        b.run_until([&] { return found.has_value(); });
        CHECK(found->errors.size() == r.errors);
        CHECK(found->warnings.size() == r.warnings);
        const std::string all = mayfly::to_string(found->errors) + mayfly::to_string(found->warnings);
        CHECK(names(all, r.shows));
        CHECK_FALSE(names(all, "shared-with-us"));
        CHECK(asked_sts(b) == r.sts);
    }
}

TEST_CASE("wrong settings are findings, and nobody is asked")
{
    service_bench b{answering(all_well)};
    provider p{b.session()};
    std::optional<mayfly::findings> found;
    p.async_validate({{"arn", "work"}}, {}, [&](error_code, mayfly::findings f) { found = std::move(f); });
    b.run_until([&] { return found.has_value(); });
    CHECK(found->errors.size() == 1);
    CHECK(b.server.accepted() == 0);
}

TEST_CASE("a validation that is cancelled leaves nothing behind")
{
    service_bench b{{{read_request(), hang()}}};
    provider p{b.session()};
    asio::cancellation_signal stop;
    std::optional<error_code> ended;
    p.async_validate(
        {{"arn", work}}, {}, asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, mayfly::findings f) {
            ended = ec;
            CHECK(f == mayfly::findings{});
        }));
    b.run_until([&] { return b.server.requests().size() == 1; });
    stop.emit(asio::cancellation_type::terminal);
    b.run_until([&] { return ended.has_value(); });
    CHECK(ended == asio::error::operation_aborted);
    CHECK(b.at_rest());
}

TEST_CASE("ECS: a set is sized, and a target looked at")
{
    service_bench b{answering([](const std::string& request) {
        if (names(request, "DescribeServices"))
            return response("200 OK", "", R"({"services":[{"serviceArn":"s","status":"ACTIVE"}],"failures":[]})", true);
        return names(request, R"("desiredCount":7)")
                   ? response("200 OK", "", R"({"service":{"serviceArn":"s","desiredCount":7}})", true)
                   : response("400 Bad Request", "",
                         R"({"__type":"com.amazonaws.ecs#ServiceNotActiveException","message":"not active"})", true);
    })};
    basic_ecs_provider<service_bench::clock> p{b.session()};
    const mayfly::settings details{{"cluster", "main"}, {"service", "work"}, {"region", "us-east-2"}};
    const auto target = std::make_shared<const launch_target>(launch_target{.details = details});
    const auto resized = [&](std::uint32_t size) {
        std::optional<std::pair<error_code, std::string>> out;
        p.async_resize({.target = target, .size = size},
            [&](error_code ec, mayfly::resize_report r) { out.emplace(ec, std::move(r.detail)); });
        b.run_until([&] { return out.has_value(); });
        return *out;
    };
    CHECK(resized(7) == std::pair<error_code, std::string>{});
    const std::string sent = b.server.requests().at(0);
    CHECK(names(field_of(sent, "Authorization"), "/us-east-2/ecs/aws4_request"));
    CHECK(names(field_of(sent, "Authorization"), "x-amz-target"));
    const auto [ec, detail] = resized(8);
    CHECK(ec == errc::not_found);
    CHECK(detail == "ServiceNotActiveException: not active (HTTP 400)");

    std::optional<mayfly::findings> found;
    p.async_validate(details, {}, [&](error_code, mayfly::findings f) { found = std::move(f); });
    b.run_until([&] { return found.has_value(); });
    CHECK(*found == mayfly::findings{});
}
