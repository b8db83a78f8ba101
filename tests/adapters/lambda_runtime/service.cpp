// SPDX-License-Identifier: BSL-1.0
#include <mayfly/lambda_runtime/service.hpp>

#include "raw_client.hpp"

#include <doctest/doctest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include <optional>
#include <string>

// The service, heard byte by byte: what any runtime in any language gets from it.

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace mayfly::lambda_runtime;
using mayfly_test::raw_client;
using mayfly_test::run_until;

/// What an operation completed with, once it has.
struct heard {
    bool done = false;
    error_code ec{};
    invocation_outcome outcome{};

    auto token()
    {
        return [this](error_code e, invocation_outcome o) {
            done = true;
            ec = e;
            outcome = std::move(o);
        };
    }
};

struct service_bench {
    service_bench() { REQUIRE_FALSE(service.listen()); }

    [[nodiscard]] std::uint16_t port() const
    {
        const std::string a = service.address();
        return static_cast<std::uint16_t>(std::stoi(a.substr(a.rfind(':') + 1)));
    }
    bool ended(const heard& h)
    {
        return run_until(io, [&] { return h.done; });
    }
    bool reaches(environment_state s)
    {
        return run_until(io, [&] { return service.state() == s; });
    }

    asio::io_context io;
    runtime_service service{io.get_executor(), {.function_name = "f", .function_version = "7", .handler = "h"}};
};

/// A function made of requests.
struct function {
    explicit function(service_bench& f) : wire(f.io, f.port()) {}

    void ask(const std::string& method, const std::string& path, const std::string& headers = {},
        const std::string& body = {})
    {
        wire.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + headers +
                  "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    void next() { wire.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"); }
    void answer(const std::string& id, const std::string& body, const std::string& kind = "response",
        const std::string& headers = {})
    {
        ask("POST", "/2018-06-01/runtime/invocation/" + id + "/" + kind, headers, body);
    }
    /// The status of the next answer, and its body.
    std::pair<int, std::string> hear()
    {
        head = wire.read_to("\r\n\r\n");
        if (head.size() < 12)
            return {0, head};
        const auto at = head.find("Content-Length: ");
        const auto length = at == std::string::npos ? 0U : std::stoul(head.substr(at + 16));
        std::string body;
        while (body.size() < length) {
            const std::string byte = wire.read_some(length - body.size());
            if (byte.empty())
                break;
            body += byte;
        }
        return {std::stoi(head.substr(9, 3)), body};
    }

    raw_client wire;
    std::string head;
};

invocation event(const std::string& id = "id-1", const std::string& payload = R"({"n":1})")
{
    invocation i;
    i.request_id = id;
    i.function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:f:7";
    i.deadline = mayfly::wall_time{std::chrono::milliseconds{1542409706888}};
    i.trace_id = "Root=1-2-3";
    i.payload = payload;
    return i;
}

using said = std::pair<int, std::string>;
const said ok{202, R"({"status":"OK"})"};

TEST_CASE("an invocation's way: it waits, goes out with its headers, is answered, and is over with the next call")
{
    service_bench f;
    heard first;
    heard ready;
    f.service.async_invoke(event(), first.token());
    f.service.async_ready(ready.token());
    function a(f);
    a.next();
    CHECK(a.hear() == said{200, R"({"n":1})"});
    for (const char* line : {"Lambda-Runtime-Aws-Request-Id: id-1\r\n", "Lambda-Runtime-Deadline-Ms: 1542409706888\r\n",
             "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:f:7\r\n",
             "Lambda-Runtime-Trace-Id: Root=1-2-3\r\n", "Content-Type: application/json\r\n", "Date: "})
        CHECK_MESSAGE(a.head.find(line) != std::string::npos, line);
    CHECK(f.ended(ready));
    CHECK_FALSE(ready.ec);
    CHECK(f.service.state() == environment_state::running);
    CHECK_FALSE(first.done);

    a.answer("id-1", "[1]");
    CHECK(a.hear() == ok);
    CHECK(f.ended(first));
    CHECK_FALSE(first.ec);
    CHECK(first.outcome.payload == "[1]");
    CHECK_FALSE(first.outcome.failed());
    CHECK(f.service.state() == environment_state::between);

    heard again;
    f.service.async_ready(again.token());
    f.io.restart();
    f.io.poll();
    CHECK_FALSE(again.done);
    a.next();
    CHECK(f.ended(again));
    CHECK(f.service.state() == environment_state::waiting);

    heard second;
    f.service.async_invoke(event("id-2"), second.token());
    CHECK(a.hear().first == 200);
    a.answer("id-2", "");
    CHECK(a.hear() == ok);
    CHECK(f.ended(second));
    CHECK(second.outcome.payload.empty());
}

TEST_CASE("calls out of order get the answers that a runtime knows")
{
    service_bench f;
    function a(f);
    a.answer("id-1", "1");
    CHECK(a.hear().first == 403);

    heard h;
    f.service.async_invoke(event(), h.token());
    a.next();
    CHECK(a.hear().first == 200);
    a.answer("id-9", "1");
    const said foreign = a.hear();
    CHECK(foreign.first == 400);
    CHECK(foreign.second.find(R"("errorType":"InvalidRequestID")") != std::string::npos);
    CHECK(a.head.find("Content-Type: application/json\r\n") != std::string::npos);
    a.next();
    CHECK(a.hear() == said{200, R"({"n":1})"});
    a.ask("POST", "/2018-06-01/runtime/init/error", {}, "{}");
    CHECK(a.hear().first == 403);
    a.answer("id-1", "1");
    CHECK(a.hear() == ok);
    a.answer("id-1", "2");
    const said twice = a.hear();
    CHECK(twice.first == 403);
    CHECK(twice.second.find(R"("errorType":"InvalidStateTransition")") != std::string::npos);
    CHECK(f.ended(h));
    CHECK(h.outcome.payload == "1");
}

TEST_CASE("paths and methods that are not there")
{
    struct row {
        const char* why;
        const char* method;
        const char* path;
        int status;
    };
    const row rows[] = {
        {"the root", "GET", "/", 404},
        {"another version", "GET", "/2018-06-02/runtime/invocation/next", 404},
        {"no id", "POST", "/2018-06-01/runtime/invocation//response", 404},
        {"an id alone", "POST", "/2018-06-01/runtime/invocation/id-1", 404},
        {"something of an id", "POST", "/2018-06-01/runtime/invocation/id-1/result", 404},
        {"an answer that is got", "GET", "/2018-06-01/runtime/invocation/id-1/response", 405},
        {"work that is posted for", "POST", "/2018-06-01/runtime/invocation/next", 405},
        {"snapshots", "GET", "/2018-06-01/runtime/restore/next", 404},
        {"logs", "PUT", "/2022-07-01/telemetry", 404},
    };
    service_bench f;
    function a(f);
    for (const row& r : rows) {
        a.ask(r.method, r.path);
        const said got = a.hear();
        CHECK_MESSAGE(got.first == r.status, r.why);
        CHECK_MESSAGE(got.second.find("errorType") != std::string::npos, r.why);
    }
}

TEST_CASE("errors of the function, as they are recorded")
{
    struct row {
        const char* why;
        std::string headers;
        const char* body;
        invocation_outcome then;
    };
    const std::string cause = "Lambda-Runtime-Function-XRay-Error-Cause: " + std::string(100'000, '1') + "\r\n";
    const row rows[] = {
        {"with everything",
            "lambda-runtime-function-error-type: Function.Failed\r\nLambda-Runtime-Function-XRay-Error-Cause: "
            "{\"a\":1}\r\n",
            R"({"errorMessage":"no","errorType":"Function.Failed","stackTrace":[]})",
            {R"({"errorMessage":"no","errorType":"Function.Failed","stackTrace":[]})", "Function.Failed", "no"}},
        {"a type of its own", "Lambda-Runtime-Function-Error-Type: ValueError\r\n", R"({"errorMessage":"no"})",
            {R"({"errorMessage":"no"})", "Runtime.Unknown", "no"}},
        {"with a cause as large as a deep stack makes it", cause, "{}", {"{}", "Runtime.Unknown", ""}},
        {"no type", "", "{}", {"{}", "Runtime.Unknown", ""}},
        {"no JSON", "", "oh", {"oh", "Runtime.Unknown", ""}},
        {"a message that is no text", "", R"({"errorMessage":[1]})",
            {R"({"errorMessage":[1]})", "Runtime.Unknown", ""}},
    };
    service_bench f;
    function a(f);
    for (const row& r : rows) {
        heard h;
        f.service.async_invoke(event(), h.token());
        a.next();
        CHECK(a.hear().first == 200);
        a.answer("id-1", r.body, "error", r.headers);
        CHECK(a.hear() == ok);
        REQUIRE(f.ended(h));
        CHECK_MESSAGE(!h.ec, r.why);
        CHECK_MESSAGE(h.outcome == r.then, r.why);
    }
}

TEST_CASE("a response may be as large as the limit, and not larger")
{
    service_bench f;
    function a(f);
    for (const std::size_t over : {0U, 1U, 14'000'000U}) {
        heard h;
        f.service.async_invoke(event(), h.token());
        function b(f);
        b.next();
        CHECK(b.hear().first == 200);
        const std::string body(response_limit + over, 'x');
        b.wire.send_all("POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body);
        const said got = b.hear();
        REQUIRE(f.ended(h));
        CHECK_FALSE(h.ec);
        if (over == 0) {
            CHECK(got == ok);
            CHECK(h.outcome.payload.size() == 6'291'556);
        } else {
            CHECK(got.first == 413);
            CHECK(got.second.find(R"("errorType":"RequestEntityTooLarge")") != std::string::npos);
            CHECK(h.outcome.error_type == "Function.ResponseSizeTooLarge");
            CHECK(h.outcome.payload.find("6291556") != std::string::npos);
        }
    }
}

TEST_CASE("a streamed response arrives whole, and its trailer may say that it failed")
{
    service_bench f;
    function a(f);
    for (const bool fails : {false, true}) {
        heard h;
        f.service.async_invoke(event(), h.token());
        a.next();
        CHECK(a.hear().first == 200);
        a.wire.send(
            "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n");
        a.wire.send(fails ? "Lambda-Runtime-Function-Error-Type: Function.Broke\r\n\r\n" : "\r\n");
        CHECK(a.hear() == ok);
        REQUIRE(f.ended(h));
        CHECK(h.outcome.payload == "abc");
        CHECK(h.outcome.error_type == (fails ? "Function.Broke" : ""));
    }
}

TEST_CASE("a function that cannot start says so to whoever waits, and to whoever comes")
{
    service_bench f;
    heard ready;
    heard invoked;
    f.service.async_ready(ready.token());
    f.service.async_invoke(event(), invoked.token());
    function a(f);
    const std::string body = R"({"errorMessage":"no libfoo","errorType":"Runtime.NoLib"})";
    a.ask("POST", "/2018-06-01/runtime/init/error", "Lambda-Runtime-Function-Error-Type: Runtime.NoLib\r\n", body);
    CHECK(a.hear() == ok);
    REQUIRE(f.ended(ready));
    REQUIRE(f.ended(invoked));
    heard late;
    f.service.async_ready(late.token());
    REQUIRE(f.ended(late));
    for (const heard* h : {&ready, &invoked, &late}) {
        CHECK(h->ec == errc::init_failed);
        CHECK(h->outcome == invocation_outcome{body, "Runtime.NoLib", "no libfoo"});
    }
    a.next();
    CHECK(a.hear().first == 403);

    f.service.restart();
    CHECK(f.service.state() == environment_state::starting);
    heard again;
    f.service.async_invoke(event(), again.token());
    a.next();
    CHECK(a.hear().first == 200);
    a.answer("id-1", "1");
    CHECK(f.ended(again));
    CHECK_FALSE(again.ec);
}

TEST_CASE("an invocation can be abandoned, before and after it went out")
{
    for (const auto kind :
        {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        service_bench f;
        asio::cancellation_signal stop;
        heard h;
        f.service.async_invoke(event(), asio::bind_cancellation_slot(stop.slot(), h.token()));
        f.io.poll();
        stop.emit(kind);
        REQUIRE(f.ended(h));
        CHECK(h.ec == asio::error::operation_aborted);

        function a(f);
        a.next();
        REQUIRE(f.reaches(environment_state::waiting));
        heard second;
        f.service.async_invoke(event("id-2"), asio::bind_cancellation_slot(stop.slot(), second.token()));
        CHECK(a.hear().first == 200);
        stop.emit(kind);
        REQUIRE(f.ended(second));
        CHECK(second.ec == asio::error::operation_aborted);
        a.answer("id-2", "1");
        CHECK(a.hear().first == 403);

        heard third;
        f.service.async_invoke(event("id-3"), third.token());
        a.next();
        CHECK(a.hear().first == 200);
        a.answer("id-3", "3");
        CHECK(a.hear() == ok);
        REQUIRE(f.ended(third));
        CHECK(third.outcome.payload == "3");
    }
}

TEST_CASE("an invocation abandoned in the moment it goes out reaches the function all the same, which then goes on")
{
    service_bench f;
    asio::cancellation_signal stop;
    function a(f);
    a.next();
    REQUIRE(f.reaches(environment_state::waiting));
    heard h;
    asio::post(f.io, [&] {
        f.service.async_invoke(event(), asio::bind_cancellation_slot(stop.slot(), h.token()));
        asio::post(f.io, [&] { stop.emit(asio::cancellation_type::terminal); });
    });
    REQUIRE(f.ended(h));
    CHECK(h.ec == asio::error::operation_aborted);
    CHECK(a.hear().first == 200);
    a.answer("id-1", "1");
    CHECK(a.hear().first == 403);
    a.next();
    CHECK(f.reaches(environment_state::waiting));
}

TEST_CASE("one invocation at a time")
{
    service_bench f;
    heard first;
    heard second;
    f.service.async_invoke(event(), first.token());
    f.service.async_invoke(event("id-2"), second.token());
    REQUIRE(f.ended(second));
    CHECK(second.ec == errc::busy);
    CHECK_FALSE(first.done);
}

TEST_CASE("a restart takes the invocation from who had it, and leaves one that waits")
{
    service_bench f;
    heard first;
    f.service.async_invoke(event(), first.token());
    {
        function a(f);
        a.next();
        CHECK(a.hear().first == 200);
    }
    f.service.restart();
    REQUIRE(f.ended(first));
    CHECK(first.ec == asio::error::operation_aborted);

    heard second;
    f.service.async_invoke(event("id-2"), second.token());
    f.service.restart();
    function b(f);
    b.next();
    CHECK(b.hear().first == 200);
    b.answer("id-2", "2");
    CHECK(f.ended(second));
    CHECK(second.outcome.payload == "2");
}

TEST_CASE("who asks and goes does not take an invocation along")
{
    service_bench f;
    {
        function a(f);
        a.next();
        REQUIRE(f.reaches(environment_state::waiting));
        a.wire.reset();
        REQUIRE(f.reaches(environment_state::between));
    }
    heard h;
    f.service.async_invoke(event(), h.token());
    function b(f);
    b.next();
    CHECK(b.hear().first == 200);
    b.answer("id-1", "1");
    CHECK(f.ended(h));
}

TEST_CASE("the one who asked last gets the work")
{
    service_bench f;
    function a(f);
    function b(f);
    a.next();
    REQUIRE(f.reaches(environment_state::waiting));
    b.next();
    CHECK(a.hear().first == 403);
    heard h;
    f.service.async_invoke(event(), h.token());
    CHECK(b.hear().first == 200);
}

TEST_CASE("extensions: registered before the first call for work, told of the function, and left to wait")
{
    service_bench f;
    function a(f);
    const auto enlist = [&](const std::string& name, const std::string& body) {
        a.ask("POST", "/2020-01-01/extension/register", name.empty() ? "" : "Lambda-Extension-Name: " + name + "\r\n",
            body);
        return a.hear();
    };
    CHECK_FALSE(f.service.has_extension());
    CHECK(enlist("", "{}").first == 403);
    CHECK(enlist("x", "nonsense").second.find("InvalidRequestFormat") != std::string::npos);
    CHECK(enlist("x", R"({"events":["SHUTDOWN"]})").second.find("Extension.InvalidEventType") != std::string::npos);
    CHECK_FALSE(f.service.has_extension());
    CHECK(enlist("x", R"({"events":[]})") == said{200, R"({"functionName":"f","functionVersion":"7","handler":"h"})"});
    CHECK(f.service.has_extension());
    const auto at = a.head.find("Lambda-Extension-Identifier: ");
    REQUIRE(at != std::string::npos);
    const std::string id = a.head.substr(at + 29, 36);
    CHECK(enlist("x", "{}").first == 403);

    function waits(f);
    waits.ask("GET", "/2020-01-01/extension/event/next", "Lambda-Extension-Identifier: " + id + "\r\n");
    a.ask("GET", "/2020-01-01/extension/event/next", "Lambda-Extension-Identifier: nobody\r\n");
    CHECK(a.hear().second.find("Extension.UnknownExtensionIdentifier") != std::string::npos);

    heard h;
    f.service.async_invoke(event(), h.token());
    a.next();
    CHECK(a.hear().first == 200);
    CHECK(enlist("y", "{}").second.find("Extension.RegistrationClosed") != std::string::npos);
    a.answer("id-1", "1");
    CHECK(f.ended(h));
    CHECK_FALSE(waits.wire.ended());
    f.service.restart();
    CHECK_FALSE(f.service.has_extension());
}

TEST_CASE("stopping ends everything that is under way, and the port")
{
    for (const bool out : {false, true}) {
        service_bench f;
        heard invoked;
        heard ready;
        function a(f);
        if (out)
            a.next();
        f.service.async_invoke(event(), invoked.token());
        if (out)
            CHECK(a.hear().first == 200);
        f.service.async_ready(ready.token());
        f.io.restart();
        f.io.poll();
        f.service.stop();
        REQUIRE(f.ended(invoked));
        REQUIRE(f.ended(ready));
        CHECK(invoked.ec == asio::error::operation_aborted);
        CHECK(ready.ec == asio::error::operation_aborted);
        CHECK(a.wire.read_to_end() == "");
        heard late;
        f.service.async_invoke(event(), late.token());
        REQUIRE(f.ended(late));
        CHECK(late.ec == asio::error::operation_aborted);
    }
}

TEST_CASE("a service may go before what waits for it")
{
    asio::io_context io;
    heard invoked;
    {
        runtime_service service(io.get_executor());
        REQUIRE_FALSE(service.listen());
        service.async_invoke(event(), invoked.token());
        io.poll();
    }
    CHECK(run_until(io, [&] { return invoked.done; }));
    CHECK(invoked.ec == asio::error::operation_aborted);
}

}  // namespace
