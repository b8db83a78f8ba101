// SPDX-License-Identifier: BSL-1.0
#include "service_bench.hpp"

#include <mayfly/aws/client.hpp>
#include <mayfly/aws/lambda_api.hpp>
#include <mayfly/http/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace mayfly::aws;
using namespace mayfly_test;
namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

service_call hello(service_bench& b)
{
    service_call call{.to = *b.service->endpoint_of("lambda"), .keys = fixed_keys(test_keys)};
    call.request.method(mayfly::http::verb::post);
    call.request.target("/2015-03-31/functions/work/invocations");
    call.request.body() = "{}";
    return call;
}

/// Makes the call and runs until it has ended.
service_answer made(service_bench& b, service_call call)
{
    std::optional<service_answer> out;
    error_code ended;
    b.service->async_call(std::move(call), [&](error_code ec, service_answer a) {
        ended = ec;
        out = std::move(a);
    });
    b.run_until([&] { return out.has_value(); });
    CHECK(ended == out->failed.ec);
    return std::move(*out);
}

const std::string well = response("200 OK", "x-amzn-RequestId: r9\r\n", "\"yes\"");
const std::string down = response("500 Internal Server Error", "x-amzn-ErrorType: ServiceException\r\n", "{}");
const std::string busy =
    response("429 Too Many Requests", "x-amzn-ErrorType: TooManyRequestsException\r\nx-amzn-RequestId: r1\r\n",
        R"({"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate exceeded"})");

}  // namespace

TEST_CASE("faults: how often a request is sent, and after what waits")
{
    struct row {
        const char* why;
        std::vector<server_script> server;
        std::size_t attempts;
        std::vector<milliseconds> waits;
        error_code ends;
        std::uint32_t quota;
    };
    const server_script broken{read_request(), reset()};
    const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    const row rows[] = {
        {"no fault", {once(well)}, 1, {}, {}, 500},
        {"500, then well", {once(down), once(well)}, 2, {50ms}, {}, 500},
        {"500 twice, then well", {once(down), once(down), once(well)}, 3, {50ms, 100ms}, {}, 486},
        {"500 for ever", {once(down)}, 3, {50ms, 100ms}, errc::service_failed, 472},
        {"502 of something in between", {once(response("502 Bad Gateway", "", "<html>"))}, 3, {50ms, 100ms},
            errc::service_failed, 472},
        {"503 without a body", {once(response("503 Slow Down", "", "")), once(well)}, 2, {50ms}, {}, 500},
        {"504", {once(response("504 Gateway Timeout", "", "")), once(well)}, 2, {50ms}, {}, 500},
        {"501 will not change", {once(response("501 Not Implemented", "", ""))}, 1, {}, errc::service_failed, 500},
        {"throttled for ever", {once(busy)}, 3, {1000ms, 2000ms}, errc::throttled, 490},
        {"throttled, then well", {once(busy), once(well)}, 2, {1000ms}, {}, 500},
        {"429 without a code that is known", {once(response("429 Too Many Requests", "", "{}"))}, 1, {},
            errc::throttled, 500},
        {"throttled with 400, as STS does it",
            {once(response("400 Bad Request", "", "<Error><Code>Throttling</Code></Error>")), once(well)}, 2, {1000ms},
            {}, 500},
        {"the service names the wait", {once(response("503 Slow Down", "x-amz-retry-after: 700\r\n", "")), once(well)},
            2, {700ms}, {}, 500},
        {"too long a wait: ours and five seconds",
            {once(response("503 Slow Down", "x-amz-retry-after: 10000\r\n", "")), once(well)}, 2, {5050ms}, {}, 500},
        {"seconds, as Lambda names them",
            {once(response(
                 "429 Too Many Requests", "x-amzn-ErrorType: TooManyRequestsException\r\nRetry-After: 3\r\n", "{}")),
                once(well)},
            2, {3000ms}, {}, 500},
        {"connections that are reset", {broken, broken, once(well)}, 3, {50ms, 100ms}, {}, 486},
        {"reset for ever", {broken}, 3, {50ms, 100ms}, mayfly::http::errc::connection_lost, 472},
        {"closed without a word", {{read_request()}, once(well)}, 2, {50ms}, {}, 500},
        {"half an answer", {once(cut), once(well)}, 2, {50ms}, {}, 500},
        {"half an answer for ever", {once(cut)}, 3, {50ms, 100ms}, mayfly::http::errc::truncated, 472},
        {"not HTTP", {once("220 mail.example.com\r\n\r\n"), once(well)}, 2, {50ms}, {}, 500},
        {"silence, then well", {{read_request(), hang()}, once(well)}, 2, {50ms}, {}, 500},
        {"silence for ever", {{read_request(), hang()}}, 3, {50ms, 100ms}, mayfly::http::errc::response_timeout, 472},
        {"a body that stops", {{read_request(), send_bytes(cut), hang()}, once(well)}, 2, {50ms}, {}, 500},
        {"denied", {once(response("403 Forbidden", "x-amzn-ErrorType: AccessDeniedException\r\n", "{}"))}, 1, {},
            errc::access_denied, 500},
        {"a moved service is not followed", {once(response("302 Found", "Location: http://127.0.0.1:1/\r\n", ""))}, 1,
            {}, errc::refused, 500},
        {"misconfigured, though it says 502",
            {once(response("502 Bad Gateway", "x-amzn-ErrorType: InvalidSubnetIDException\r\n", "{}"))}, 1, {},
            errc::misconfigured, 500},
        {"being changed", {once(response("409 Conflict", "x-amzn-ErrorType: ResourceConflictException\r\n", "{}"))}, 1,
            {}, errc::not_ready, 500},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        service_bench b{r.server};
        service_call call = hello(b);
        call.limits.response = 150ms;
        call.limits.total = 300ms;
        const service_answer got = made(b, std::move(call));
        // Which phase of a hang ends first depends on the machine.
        if (r.ends != mayfly::http::errc::connection_lost || got.failed.ec != mayfly::http::errc::send_failed)
            CHECK(got.failed.ec == r.ends);
        CHECK(b.server.requests().size() == r.attempts);
        CHECK(b.waits == r.waits);
        CHECK(b.service->quota_left("lambda") == r.quota);
        if (got.failed)
            CHECK(got.failed.attempts == r.attempts);
        else
            CHECK(got.response.body() == "\"yes\"");
        std::string id;
        for (std::size_t i = 0; i < b.server.requests().size(); ++i) {
            const std::string& sent = b.server.requests()[i];
            CHECK(field_of(sent, "amz-sdk-request") == "attempt=" + std::to_string(i + 1) + "; max=3");
            CHECK(field_of(sent, "amz-sdk-invocation-id").size() == 36);
            CHECK((i == 0 || field_of(sent, "amz-sdk-invocation-id") == id));
            id = field_of(sent, "amz-sdk-invocation-id");
        }
        CHECK(b.at_rest());
    }
}

TEST_CASE("nobody listens")
{
    service_bench b{{once(well)}};
    const service_call call = hello(b);
    b.server.stop();
    const service_answer got = made(b, call);
    CHECK(got.failed.ec == mayfly::http::errc::connect_failed);
    CHECK(got.failed.attempts == 3);
    CHECK(b.waits == std::vector<milliseconds>{50ms, 100ms});
    CHECK(mayfly::condition_of(got.failed.ec) == mayfly::condition::transient);
}

TEST_CASE("how often is a setting, and the quota is the client's")
{
    service_bench b{{once(down)}};
    service_options options;
    options.retry.max_attempts = 5;
    options.retry.quota = 20;
    b.use(options);
    CHECK(made(b, hello(b)).failed.attempts == 2);  // Tokens for one retry.
    CHECK(b.service->quota_left("lambda") == 6);
    CHECK(made(b, hello(b)).failed.attempts == 1);
    CHECK(b.service->quota_left("sts") == 20);
}

TEST_CASE("each attempt is signed anew, by the time it has")
{
    service_bench b{{once(down), once(well)}};
    service_options options;
    b.use(options);
    int asked = 0;
    service_call call = hello(b);
    call.keys = [&](std::shared_ptr<const credentials>) -> asio::awaitable<signing_keys> {
        credentials keys = test_keys;
        keys.access_key_id += std::to_string(++asked);
        b.wall += 1min;
        co_return signing_keys{std::make_shared<const credentials>(keys), {}};
    };
    CHECK_FALSE(made(b, std::move(call)).failed);
    REQUIRE(b.server.requests().size() == 2);
    CHECK(field_of(b.server.requests()[0], "X-Amz-Date") == "20150830T123700Z");
    CHECK(field_of(b.server.requests()[1], "X-Amz-Date") == "20150830T123800Z");
    CHECK(field_of(b.server.requests()[0], "Authorization").find("AKIDEXAMPLE1/") != std::string::npos);
    CHECK(field_of(b.server.requests()[1], "Authorization").find("AKIDEXAMPLE2/") != std::string::npos);
}

TEST_CASE("a wrong clock is put right once, and stays right for that endpoint")
{
    const std::string refusal =
        "x-amzn-ErrorType: InvalidSignatureException\r\nDate: Sun, 30 Aug 2015 13:36:00 GMT\r\n";
    const std::string wrong = response("403 Forbidden", refusal, R"({"message":"Signature expired"})");
    SUBCASE("and then it works")
    {
        service_bench b{{once(wrong), once(well), once(well)}};
        CHECK_FALSE(made(b, hello(b)).failed);
        REQUIRE(b.server.requests().size() == 2);
        CHECK(field_of(b.server.requests()[0], "X-Amz-Date") == "20150830T123600Z");
        CHECK(field_of(b.server.requests()[1], "X-Amz-Date") == "20150830T133600Z");
        CHECK(b.waits.empty());
        CHECK(b.service->quota_left("lambda") == 500);
        CHECK_FALSE(made(b, hello(b)).failed);
        CHECK(field_of(b.server.requests()[2], "X-Amz-Date") == "20150830T133600Z");
    }
    SUBCASE("or was not the reason")
    {
        service_bench b{{once(wrong)}};
        CHECK(made(b, hello(b)).failed.ec == errc::signature_rejected);
        CHECK(b.server.requests().size() == 2);
    }
    SUBCASE("or is less than four minutes off")
    {
        service_bench b{{once(wrong)}};
        b.wall += 57min;
        CHECK(made(b, hello(b)).failed.ec == errc::signature_rejected);
        CHECK(b.server.requests().size() == 1);
    }
    SUBCASE("or cannot be told")
    {
        service_bench b{{once(response("403 Forbidden", "x-amzn-ErrorType: InvalidSignatureException\r\n", "{}"))}};
        CHECK(made(b, hello(b)).failed.ec == errc::signature_rejected);
        CHECK(b.server.requests().size() == 1);
    }
}

TEST_CASE("an expired session is refreshed once")
{
    const std::string over = response("403 Forbidden", "x-amzn-ErrorType: ExpiredTokenException\r\n", "{}");
    struct row {
        const char* why;
        std::vector<server_script> server;
        std::size_t attempts;
        error_code ends;
    };
    const row rows[] = {
        {"then it works", {once(over), once(well)}, 2, {}},
        {"or does not", {once(over)}, 2, errc::expired_credentials},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        service_bench b{r.server};
        std::vector<std::string> refused;
        service_call call = hello(b);
        call.keys = [&](std::shared_ptr<const credentials> old) -> asio::awaitable<signing_keys> {
            refused.push_back(old ? old->access_key_id : "");
            credentials keys = test_keys;
            keys.access_key_id += std::to_string(refused.size());
            co_return signing_keys{std::make_shared<const credentials>(keys), {}};
        };
        CHECK(made(b, std::move(call)).failed.ec == r.ends);
        CHECK(b.server.requests().size() == r.attempts);
        CHECK(refused == std::vector<std::string>{"", "AKIDEXAMPLE1"});
        CHECK(b.waits.empty());
    }
}

TEST_CASE("a request without keys has none to refresh")
{
    service_bench b{{once(response("400 Bad Request", "", "<Error><Code>ExpiredTokenException</Code></Error>"))}};
    service_call call = hello(b);
    call.keys = {};
    CHECK(made(b, std::move(call)).failed.ec == errc::expired_credentials);
    CHECK(b.server.requests().size() == 1);
}

TEST_CASE("without credentials nothing is sent")
{
    service_bench b{{once(well)}};
    service_call call = hello(b);
    call.keys = [](std::shared_ptr<const credentials>) -> asio::awaitable<signing_keys> {
        failure none;
        none.ec = errc::access_denied;
        none.message = "no credentials";
        co_return signing_keys{nullptr, none};
    };
    const service_answer got = made(b, std::move(call));
    CHECK(got.failed.message == "no credentials");
    CHECK(b.server.accepted() == 0);
}

TEST_CASE("a cancelled call leaves nothing behind")
{
    struct row {
        const char* why;
        std::vector<server_script> server;
        std::size_t sent;  // when it is cancelled
        bool on_the_wire;
    };
    const row rows[] = {
        {"while the service is silent", {{read_request(), hang()}}, 1, true},
        {"within the answer", {{read_request(), send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nha"), hang()}},
            1, true},
        {"between two attempts", {once(busy)}, 1, false},
    };
    for (const auto kind :
        {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        for (const row& r : rows) {
            CAPTURE(r.why);
            service_bench b{r.server};
            asio::cancellation_signal stop;
            std::optional<error_code> ended;
            b.service->async_call(
                hello(b), asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, service_answer a) {
                    ended = ec;
                    CHECK(a.failed.ec == asio::error::operation_aborted);
                }));
            const auto give_up = std::chrono::steady_clock::now() + 10s;
            while (b.server.requests().size() < r.sent || (b.transport->stats().in_use != 0) != r.on_the_wire) {
                if (std::chrono::steady_clock::now() > give_up)
                    FAIL("the server was never reached");
                b.io.restart();
                b.io.poll();
            }
            CHECK_FALSE(ended);
            stop.emit(kind);
            b.run_until([&] { return ended.has_value(); });
            CHECK(ended == asio::error::operation_aborted);
            CHECK(b.server.requests().size() == r.sent);
            CHECK(b.waits.empty());
            CHECK(b.at_rest());
        }
    }
}

TEST_CASE("a service that answers with megabytes is not quoted whole")
{
    std::string words(std::size_t{1} << 20U, 'x');
    words.replace(8185, 4, "hide");
    words.replace(8187, test_keys.session_token.size(), test_keys.session_token);
    service_bench b{{once(response("403 Forbidden", "", R"({"message":")" + words + R"(","code":"Odd"})"))}};
    const failure got = made(b, hello(b)).failed;
    CHECK(got.code == "Odd");
    CHECK(got.message.size() == 8195);
    // What is left of a secret at the end is not shown either.
    CHECK(got.message.ends_with("xhi***xx..."));
}

TEST_CASE("a secret that the service quotes does not reach the error's text")
{
    const std::string quoted = "The canonical string was POST " + test_keys.session_token + " and " +
                               test_keys.secret_access_key + " for shared-with-us";
    service_bench b{{once(response(
        "403 Forbidden", "x-amzn-ErrorType: InvalidSignatureException\r\n", R"({"message":")" + quoted + R"("})"))}};
    service_call call = hello(b);
    call.hidden = {"shared-with-us"};
    const std::string shown = to_string(made(b, std::move(call)).failed);
    CHECK(shown == "InvalidSignatureException: The canonical string was POST *** and *** for *** (HTTP 403)");
}

TEST_CASE("where a call goes, and what it is signed for")
{
    struct row {
        const char* why;
        std::map<std::string, std::string, std::less<>> env;
        std::string function;
        std::string path;  // of the endpoint
        const char* target;
        const char* scope;  // empty: nothing is sent
    };
    const row rows[] = {
        {"a name: the configured region", {{"AWS_REGION", "eu-central-1"}}, "work", "",
            "/2015-03-31/functions/work/invocations", "/eu-central-1/lambda/aws4_request"},
        {"an ARN: its own", {{"AWS_REGION", "eu-central-1"}}, "arn:aws:lambda:us-east-2:123456789012:function:work:7",
            "", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-2%3A123456789012%3Afunction%3Awork%3A7/invocations",
            "/us-east-2/lambda/aws4_request"},
        {"an ARN without a configured region", {{"AWS_REGION", ""}},
            "arn:aws:lambda:us-east-2:123456789012:function:work", "",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-2%3A123456789012%3Afunction%3Awork/invocations",
            "/us-east-2/lambda/aws4_request"},
        {"an endpoint with a path", {{"AWS_REGION", "eu-west-1"}}, "work", "/lambda/",
            "/lambda/2015-03-31/functions/work/invocations", "/eu-west-1/lambda/aws4_request"},
        {"a name and no region", {{"AWS_REGION", ""}}, "work", "", "", ""},
        {"no name at all", {{"AWS_REGION", "eu-west-1"}}, "a/b", "", "", ""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        service_bench b{{always(response("202 Accepted", "x-amzn-RequestId: r1\r\n", "", true))}, {r.env}, {}, r.path};
        std::optional<invoke_result> got;
        basic_lambda_api<service_bench::clock>{b.service, fixed_keys(test_keys)}.async_invoke(
            {.function = r.function, .type = invocation_type::event}, {},
            [&](error_code, invoke_result result) { got = std::move(result); });
        b.run_until([&] { return got.has_value(); });
        if (*r.scope == '\0') {
            CHECK(got->failed.ec == errc::bad_settings);
            CHECK(b.server.accepted() == 0);
            continue;
        }
        CHECK_FALSE(got->failed);
        CHECK(got->request_id == "r1");
        REQUIRE(b.server.requests().size() == 1);
        const std::string& sent = b.server.requests()[0];
        CHECK(sent.starts_with("POST " + std::string{r.target} + " HTTP/1.1\r\n"));
        CHECK(field_of(sent, "Authorization").find(r.scope) != std::string::npos);
        CHECK(field_of(sent, "Host") == "127.0.0.1:" + std::to_string(b.server.port()));
        CHECK(field_of(sent, "User-Agent").starts_with("mayfly/"));
    }
}
