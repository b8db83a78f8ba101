// SPDX-License-Identifier: BSL-1.0
#include <mayfly/lambda_runtime/run.hpp>
#include <mayfly/lambda_runtime/service.hpp>

#include "raw_client.hpp"
#include "scripted_server.hpp"

#include <doctest/doctest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

// Both sides of the Runtime API against each other, and the loop against platforms that are in a bad way.

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace mayfly::lambda_runtime;
using namespace mayfly_test;
using timed_event = timed_invocation<mayfly::deadline_clock>;

std::string traced()
{
    const char* const v = std::getenv("_X_AMZN_TRACE_ID");
    return v ? v : "(unset)";
}

/// What a function does with its event.
asio::awaitable<function_result> behave(timed_event e)
{
    if (e.payload == "throw")
        throw std::runtime_error("thrown");
    if (e.payload == "throw a thing")
        throw 5;
    if (e.payload == "throw an error")
        throw function_error{.type = "Function.Mine", .message = "mine"};
    if (e.payload == "return an error")
        co_return function_error{.type = "my own words", .message = "returned"};
    if (e.payload == "trace")
        co_return traced();
    if (e.payload == "large")
        co_return std::string(response_limit + 1, 'x');
    if (e.payload == "wait") {
        asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        error_code ec;
        co_await never.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        co_return "cancelled";
    }
    co_return "echo " + e.payload;
}

struct run_bench {
    explicit run_bench(bool wants_notice = false, std::map<std::string, std::string, std::less<>> more = {})
    {
        REQUIRE_FALSE(service.listen());
        more.emplace("AWS_LAMBDA_RUNTIME_API", service.address());
        variables.variables = std::move(more);
        client.emplace(io.get_executor(), variables);
        async_run_function(*client, behave, {.variables = variables, .wants_notice = wants_notice},
            asio::bind_cancellation_slot(stop.slot(), [this](error_code ec, run_report r) {
                ended = true;
                report = std::move(r);
                CHECK(ec == report.ec);
            }));
    }

    invocation_outcome invoke(const std::string& payload, const std::string& trace = {})
    {
        invocation i;
        i.request_id = "id-" + std::to_string(++count);
        i.payload = payload;
        i.trace_id = trace;
        invocation_outcome out;
        bool done = false;
        service.async_invoke(i, [&](error_code ec, invocation_outcome o) {
            CHECK_FALSE(ec);
            out = std::move(o);
            done = true;
        });
        CHECK(run_until(io, [&] { return done; }));
        return out;
    }
    bool reaches(environment_state s)
    {
        return run_until(io, [&] { return service.state() == s; });
    }

    asio::io_context io;
    runtime_service service{io.get_executor()};
    mayfly::environment variables;
    std::optional<runtime_client> client;
    asio::cancellation_signal stop;
    bool ended = false;
    run_report report;
    int count = 0;
};

TEST_CASE("what a handler does is what the caller gets, and the function lives on")
{
    struct row {
        const char* payload;
        const char* type;  ///< Of the error; empty for a result.
        const char* then;
    };
    const row rows[] = {
        {"a", "", "echo a"},
        {"throw", "Function.UncaughtException", "thrown"},
        {"throw a thing", "Function.UncaughtException", "an exception without words"},
        {"throw an error", "Function.Mine", "mine"},
        {"return an error", "Runtime.Unknown", "returned"},
        {"large", "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
        {"", "", "echo "},
    };
    run_bench f;
    for (const row& r : rows) {
        const invocation_outcome got = f.invoke(r.payload);
        CHECK_MESSAGE(got.error_type == r.type, r.payload);
        CHECK_MESSAGE((got.failed() ? got.error_message : got.payload) == r.then, r.payload);
    }
    CHECK(f.reaches(environment_state::waiting));
    CHECK_FALSE(f.ended);
    f.stop.emit(asio::cancellation_type::terminal);
    CHECK(run_until(f.io, [&] { return f.ended; }));
    CHECK_FALSE(f.report.ec);
    CHECK(f.report.invocations == std::size(rows));
}

TEST_CASE("a thousand in a row over one connection")
{
    run_bench f;
    for (int i = 0; i < 1000; ++i)
        CHECK(f.invoke("x").payload == "echo x");
    CHECK(f.reaches(environment_state::waiting));
    f.stop.emit(asio::cancellation_type::total);
    CHECK(run_until(f.io, [&] { return f.ended; }));
    CHECK(f.report.invocations == 1000);
}

TEST_CASE("the trace is in the environment while there is one")
{
    run_bench f;
    CHECK(f.invoke("trace", "Root=1").payload == "Root=1");
    CHECK(f.invoke("trace", "Root=2;Parent=x").payload == "Root=2;Parent=x");
    CHECK(f.invoke("trace").payload == "(unset)");
    CHECK(f.invoke("trace", "Root=3").payload == "Root=3");
    f.stop.emit(asio::cancellation_type::terminal);
    CHECK(run_until(f.io, [&] { return f.ended; }));
}

TEST_CASE("a handler that is told to stop may still answer")
{
    for (const auto kind :
        {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        run_bench f;
        invocation i;
        i.request_id = "id-1";
        i.payload = "wait";
        std::string got;
        f.service.async_invoke(i, [&](error_code, invocation_outcome o) { got = o.payload; });
        CHECK(f.reaches(environment_state::running));
        f.io.restart();
        f.io.run_for(std::chrono::milliseconds(20));
        f.stop.emit(kind);
        CHECK(run_until(f.io, [&] { return f.ended; }));
        CHECK_FALSE(f.report.ec);
        CHECK(f.report.invocations == 1);
        CHECK(run_until(f.io, [&] { return !got.empty(); }));
        CHECK(got == "cancelled");
        CHECK(f.service.state() == environment_state::between);
    }
}

TEST_CASE("notice of the end is asked for if wanted")
{
    for (const bool wanted : {false, true}) {
        run_bench f(wanted);
        CHECK(f.invoke("a").payload == "echo a");
        CHECK(f.service.has_extension() == wanted);
    }
}

TEST_CASE("a platform that wants several invocations at a time is told that there are none")
{
    struct row {
        const char* value;
        bool runs;
    };
    for (const row r : {row{"1", true}, row{"2", false}, row{"many", false}}) {
        run_bench f(false, {{"AWS_LAMBDA_MAX_CONCURRENCY", r.value}});
        if (r.runs) {
            CHECK(f.invoke("a").payload == "echo a");
            continue;
        }
        CHECK(run_until(f.io, [&] { return f.ended; }));
        CHECK(f.report.ec == errc::many_at_once);
        CHECK(f.report.detail.find(std::string("AWS_LAMBDA_MAX_CONCURRENCY is \"") + r.value) == 0);
        CHECK(f.service.state() == environment_state::failed);
    }
}

TEST_CASE("a Runtime API of no more use ends the function, with an error")
{
    const std::string event_text =
        ok_response("a", "Lambda-Runtime-Aws-Request-Id: id-1\r\nLambda-Runtime-Deadline-Ms: 1\r\n");
    const std::string refused = "HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n";
    const std::string broken = "HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n";
    struct row {
        const char* why;
        std::vector<server_script> scripts;
        error_code then;
        std::size_t calls;
        std::uint64_t invocations;
    };
    const row rows[] = {
        {"500 on next", {always(broken)}, errc::broken, 1, 0},
        {"three resets in a row", {{read_request(), reset()}}, errc::not_reached, 3, 0},
        {"three refusals in a row", {always(refused)}, errc::refused, 3, 0},
        {"an invocation without headers", {always(ok_response("{}"))}, errc::bad_invocation, 1, 0},
        {"two failures, an invocation, and three",
            {{read_request(), reset()}, {read_request(), reset()},
                {read_request(), send_bytes(event_text), read_request(), send_bytes(event_text)},
                {read_request(), reset()}},
            errc::not_reached, 7, 1},
        {"an answer that is refused is no reason",
            {{read_request(), send_bytes(event_text), read_request(), send_bytes(refused), read_request(),
                send_bytes(broken)}},
            errc::broken, 3, 1},
        {"an answer that breaks is one", {{read_request(), send_bytes(event_text), read_request(), send_bytes(broken)}},
            errc::broken, 2, 0},
    };
    for (const row& r : rows) {
        INFO(std::string(r.why));
        asio::io_context io;
        scripted_server api(io.get_executor(), r.scripts);
        const mayfly::environment variables{{{"AWS_LAMBDA_RUNTIME_API", "127.0.0.1:" + std::to_string(api.port())}}};
        runtime_client client(io.get_executor(), variables);
        bool ended = false;
        run_report report;
        async_run_function(client, behave, {.variables = variables}, [&](error_code, run_report got) {
            report = std::move(got);
            ended = true;
        });
        REQUIRE(run_until(io, [&] { return ended; }));
        CHECK(report.ec == r.then);
        CHECK_FALSE(report.detail.empty());
        CHECK(report.invocations == r.invocations);
        CHECK(api.requests().size() == r.calls);
    }
}

TEST_CASE("a whole main, up to a Runtime API that is not there")
{
    const auto handler = [](timed_event e) -> asio::awaitable<std::string> { co_return e.payload; };
    const run_report end = run_function(handler, {.variables = {}});
    CHECK(end.ec == errc::bad_address);
    CHECK(end.invocations == 0);
}

}  // namespace
