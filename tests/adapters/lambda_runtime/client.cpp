// SPDX-License-Identifier: BSL-1.0
#include <mayfly/lambda_runtime/client.hpp>
#include <mayfly/testing/manual_clock.hpp>

#include "raw_client.hpp"
#include "scripted_server.hpp"

#include <doctest/doctest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <string>
#include <vector>

// The function's side, against a Runtime API that is written down byte by byte.

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace mayfly::lambda_runtime;
using namespace mayfly_test;
using mayfly::testing::manual_clock;

const std::string event_head = "Lambda-Runtime-Aws-Request-Id: id-1\r\nLambda-Runtime-Deadline-Ms: 61000\r\n";

mayfly::environment at_port(std::uint16_t port)
{
    return {{{"AWS_LAMBDA_RUNTIME_API", "127.0.0.1:" + std::to_string(port)}}};
}

struct client_bench {
    explicit client_bench(std::vector<server_script> scripts)
        : api(io.get_executor(), std::move(scripts)), client(io.get_executor(), at_port(api.port()))
    {}

    error_code next()
    {
        bool done = false;
        error_code out;
        client.async_next([&](error_code ec, timed_invocation<manual_clock> i) {
            done = true;
            out = ec;
            got = std::move(i);
        });
        REQUIRE(run_until(io, [&] { return done; }));
        return out;
    }

    auto post_token()
    {
        posted = false;
        return [this](error_code ec, unsigned s) {
            posted = true;
            posted_ec = ec;
            status = s;
        };
    }
    error_code respond(const std::string& body)
    {
        client.async_respond("id-1", body, post_token());
        REQUIRE(run_until(io, [&] { return posted; }));
        return posted_ec;
    }

    asio::io_context io;
    scripted_server api;
    basic_runtime_client<manual_clock> client;
    timed_invocation<manual_clock> got{};
    bool posted = false;
    error_code posted_ec{};
    unsigned status = 0;
};

TEST_CASE("an invocation comes and is answered over one connection, in requests that say no more than they must")
{
    manual_clock::reset();
    manual_clock::set_wall(std::chrono::sys_time<mayfly::uptime>{std::chrono::seconds{60}});
    client_bench f({always(ok_response("{\"n\":1}", event_head + "Lambda-Runtime-Invoked-Function-Arn: arn:f\r\n"))});
    CHECK_FALSE(f.next());
    CHECK(f.got.request_id == "id-1");
    CHECK(f.got.function_arn == "arn:f");
    CHECK(f.got.payload == "{\"n\":1}");
    // The deadline is a second off, whatever the wall clock does from now on.
    manual_clock::set_wall(std::chrono::sys_time<mayfly::uptime>{std::chrono::hours{60}});
    CHECK(f.got.due.time_since_epoch() == std::chrono::seconds{1});

    CHECK_FALSE(f.respond("[1]"));
    CHECK(f.status == 200);
    f.client.async_fail("id-1", {.type = "Function.Bad", .message = "m", .xray_cause = "{\n}"}, f.post_token());
    CHECK(run_until(f.io, [&] { return f.posted; }));
    f.client.async_init_error({.type = "bad type\r\nEvil: 1", .message = "m"}, f.post_token());
    CHECK(run_until(f.io, [&] { return f.posted; }));

    CHECK(f.api.accepted() == 1);
    const std::string host = "Host: 127.0.0.1:" + std::to_string(f.api.port()) + "\r\nUser-Agent: mayfly/" +
                             std::to_string(MAYFLY_VERSION_MAJOR) + "." + std::to_string(MAYFLY_VERSION_MINOR) + "\r\n";
    const std::string json = "Content-Type: application/json\r\nContent-Length: ";
    REQUIRE(f.api.requests().size() == 4);
    CHECK(f.api.requests()[0] == "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n" + host + "\r\n");
    CHECK(f.api.requests()[1] ==
          "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\n" + host + json + "3\r\n\r\n[1]");
    CHECK(f.api.requests()[2] == "POST /2018-06-01/runtime/invocation/id-1/error HTTP/1.1\r\n" + host +
                                     "Lambda-Runtime-Function-Error-Type: Function.Bad\r\n"
                                     "Lambda-Runtime-Function-XRay-Error-Cause: { }\r\n" +
                                     json + "63\r\n\r\n" +
                                     R"({"errorMessage":"m","errorType":"Function.Bad","stackTrace":[]})");
    CHECK(f.api.requests()[3].find("Lambda-Runtime-Function-Error-Type: Runtime.Unknown\r\n") != std::string::npos);
    CHECK(f.api.requests()[3].find("\r\nEvil") == std::string::npos);
}

TEST_CASE("what comes back for a call for work, and what is made of it")
{
    struct row {
        const char* why;
        server_script script;
        error_code then;
        const char* words;
    };
    const row rows[] = {
        {"names of headers in any case",
            {read_request(), send_bytes("HTTP/1.1 200 fine\r\nlambda-runtime-aws-request-id: id-1\r\n"
                                        "LAMBDA-RUNTIME-DEADLINE-MS: 61000\r\ncontent-length: 0\r\n\r\n")},
            {}, ""},
        {"in pieces",
            {read_request(), send_bytes("HTTP/1.1 2"), send_bytes("00 OK\r\n" + event_head + "Content-Le"),
                send_bytes("ngth: 2\r\n\r\n{"), send_bytes("}")},
            {}, ""},
        {"in chunks",
            {read_request(), send_bytes("HTTP/1.1 200 OK\r\n" + event_head +
                                        "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")},
            {}, ""},
        {"no body, in a chunk that comes in pieces",
            {read_request(), send_bytes("HTTP/1.1 200 OK\r\n" + event_head + "Transfer-Encoding: chunked\r\n\r\n"),
                send_bytes("0\r\n"), send_bytes("\r\n")},
            {}, ""},
        {"trailers without end",
            {read_request(),
                send_bytes("HTTP/1.1 200 OK\r\n" + event_head +
                           "Transfer-Encoding: chunked\r\n\r\n0\r\nT: " + std::string(1'100'000, 'x')),
                hang()},
            errc::broken, "did not answer in HTTP"},
        {"until the end", {read_request(), send_bytes("HTTP/1.1 200 OK\r\n" + event_head + "\r\n{}")}, {}, ""},
        {"no id", {read_request(), send_bytes(ok_response("{}"))}, errc::bad_invocation, "Request-Id is missing"},
        {"no deadline", {read_request(), send_bytes(ok_response("{}", "Lambda-Runtime-Aws-Request-Id: a\r\n"))},
            errc::bad_invocation, "Deadline-Ms is missing"},
        {"the environment is broken", {read_request(), send_bytes("HTTP/1.1 500 no\r\nContent-Length: 3\r\n\r\nbad")},
            errc::broken, "answered 500: bad"},
        {"refused", {read_request(), send_bytes("HTTP/1.1 403 no\r\nContent-Length: 3\r\n\r\nwhy")}, errc::refused,
            "answered 403: why"},
        {"garbage", {read_request(), send_bytes("SSH-2.0-hello\r\n\r\n"), hang()}, errc::broken,
            "did not answer in HTTP"},
        {"cut short", {read_request(), send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")}, errc::not_reached,
            "broke"},
        {"a reset", {read_request(), reset()}, errc::not_reached, "broke"},
        {"nothing", {read_request()}, errc::not_reached, "broke"},
    };
    for (const row& r : rows) {
        INFO(std::string(r.why));
        client_bench f({r.script});
        const error_code ec = f.next();
        CHECK(ec == r.then);
        CHECK_MESSAGE(f.client.detail().find(r.words) != std::string::npos, f.client.detail());
        CHECK(f.client.detail().empty() == !ec);
        // A fresh connection that breaks is not tried again: the call may have been heard.
        CHECK(f.api.accepted() == 1);
        if (!ec)
            CHECK(f.got.request_id == "id-1");
    }
}

TEST_CASE("a kept connection that was dropped meanwhile is made anew, without a word")
{
    const std::string event = ok_response("{}", event_head);
    const server_script once{read_request(), send_bytes(event)};
    client_bench f({once, once, {read_request(), send_bytes(event), read_request(), reset()}, once});
    CHECK_FALSE(f.next());
    CHECK_FALSE(f.respond("1"));
    CHECK_FALSE(f.next());
    CHECK_FALSE(f.respond("1"));
    CHECK(f.api.accepted() == 4);
}

TEST_CASE("answers that are refused")
{
    struct row {
        const char* why;
        int status;
        error_code then;
    };
    const row rows[] = {
        {"accepted", 202, {}},
        {"foreign", 400, errc::refused},
        {"out of order", 403, errc::refused},
        {"too large", 413, errc::too_large},
        {"broken", 500, errc::broken},
    };
    for (const row& r : rows) {
        client_bench f({always("HTTP/1.1 " + std::to_string(r.status) + " x\r\nContent-Length: 0\r\n\r\n")});
        CHECK_MESSAGE(f.respond("1") == r.then, r.why);
        CHECK(f.status == static_cast<unsigned>(r.status));
    }
}

TEST_CASE("addresses")
{
    struct row {
        const char* why;
        const char* text;
        std::optional<detail::host_and_port> then;
    };
    const row rows[] = {
        {"as Lambda sets it", "127.0.0.1:9001", detail::host_and_port{"127.0.0.1", 9001}},
        {"a name", "runtime:80", detail::host_and_port{"runtime", 80}},
        {"IPv6", "[::1]:9001", detail::host_and_port{"::1", 9001}},
        {"IPv6 without brackets", "::1:9001", {}},
        {"no port", "127.0.0.1", {}},
        {"port zero", "127.0.0.1:0", {}},
        {"port too large", "127.0.0.1:65536", {}},
        {"a port in words", "127.0.0.1:http", {}},
        {"no host", ":9001", {}},
        {"a url", "http://127.0.0.1:9001", {}},
        {"two lines", "a\r\nb:1", {}},
        {"nothing", "", {}},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(detail::read_address(r.text) == r.then, r.why);

    const auto fails_with = [](const mayfly::environment& e) {
        asio::io_context io;
        basic_runtime_client<manual_clock> client(io.get_executor(), e);
        error_code out;
        client.async_next([&](error_code ec, timed_invocation<manual_clock>) { out = ec; });
        io.run_for(std::chrono::seconds(10));
        CHECK(client.detail().find("AWS_LAMBDA_RUNTIME_API") != std::string::npos);
        return out;
    };
    CHECK(fails_with({}) == errc::bad_address);
    CHECK(fails_with({{{"AWS_LAMBDA_RUNTIME_API", "http://x:1"}}}) == errc::bad_address);
}

TEST_CASE("a name is resolved, and a port where nobody listens is told")
{
    asio::io_context io;
    scripted_server api(io.get_executor(), {always(ok_response("{}", event_head))});
    for (const bool there : {true, false}) {
        const std::uint16_t port = api.port();
        if (!there)
            api.stop();
        basic_runtime_client<manual_clock> client(
            io.get_executor(), mayfly::environment{{{"AWS_LAMBDA_RUNTIME_API", "localhost:" + std::to_string(port)}}});
        bool done = false;
        client.async_next([&](error_code ec, timed_invocation<manual_clock>) {
            done = true;
            CHECK(ec == (there ? error_code{} : errc::not_reached));
        });
        CHECK(run_until(io, [&] { return done; }));
        if (!there)
            CHECK(client.detail().find("localhost:" + std::to_string(port)) != std::string::npos);
    }
}

TEST_CASE("a call can be cancelled, and the next one starts afresh")
{
    for (const auto kind :
        {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        client_bench f({{read_request(), hang()}, always(ok_response("{}", event_head))});
        asio::cancellation_signal stop;
        error_code seen;
        f.client.async_next(asio::bind_cancellation_slot(
            stop.slot(), [&](error_code ec, timed_invocation<manual_clock>) { seen = ec; }));
        CHECK(run_until(f.io, [&] { return f.api.requests().size() == 1; }));
        stop.emit(kind);
        CHECK(run_until(f.io, [&] { return seen == asio::error::operation_aborted; }));
        CHECK(run_until(f.io, [&] { return f.api.open() == 0; }));
        CHECK_FALSE(f.next());
    }
}

TEST_CASE("an extension is registered, starts, and waits on a connection of its own")
{
    client_bench f({{read_request(), send_bytes(ok_response("{}", "Lambda-Extension-Identifier: e-1\r\n")),
                        read_request(), send_bytes(ok_response("{}", event_head)), hang()},
        {read_request(), hang()}});
    f.client.async_register_extension("mayfly", f.post_token());
    CHECK(run_until(f.io, [&] { return f.posted; }));
    CHECK_FALSE(f.posted_ec);
    CHECK(run_until(f.io, [&] { return f.api.requests().size() == 2; }));
    CHECK(f.api.requests()[0].find("POST /2020-01-01/extension/register HTTP/1.1\r\n") == 0);
    CHECK(f.api.requests()[0].find("Lambda-Extension-Name: mayfly\r\n") != std::string::npos);
    CHECK(f.api.requests()[0].ends_with("\r\n\r\n{\"events\":[]}"));
    CHECK(f.api.requests()[1].find("GET /2020-01-01/extension/event/next HTTP/1.1\r\n") == 0);
    CHECK(f.api.requests()[1].find("Lambda-Extension-Identifier: e-1\r\n") != std::string::npos);
    CHECK_FALSE(f.next());
    CHECK(f.api.open() == 2);
}

}  // namespace
