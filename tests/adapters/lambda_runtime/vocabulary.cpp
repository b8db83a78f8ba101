// SPDX-License-Identifier: BSL-1.0
#include <mayfly/condition.hpp>
#include <mayfly/lambda_runtime/environment_state.hpp>
#include <mayfly/lambda_runtime/error.hpp>
#include <mayfly/lambda_runtime/vocabulary.hpp>

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace mayfly::lambda_runtime;
namespace http = mayfly::http;

TEST_CASE("an invocation goes through headers and comes out as it was")
{
    invocation i;
    i.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
    i.deadline = mayfly::wall_time{std::chrono::milliseconds{1542409706888}};
    i.function_arn = "arn:aws:lambda:us-east-2:123456789012:function:f:PROD";
    i.trace_id = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";
    i.client_context = R"({"custom":{"a":"1"}})";
    i.cognito_identity = R"({"cognitoIdentityId":"x"})";
    i.tenant_id = "blue";
    i.payload = "{}";
    http::fields fields;
    write_headers(fields, i);
    CHECK(fields["Lambda-Runtime-Deadline-Ms"] == "1542409706888");
    const invocation_read read = read_invocation(fields, "{}");
    CHECK(read);
    CHECK(read.value == i);

    i = {};
    i.request_id = "r";
    http::fields least;
    write_headers(least, i);
    CHECK(least.count("Lambda-Runtime-Trace-Id") == 0);
    CHECK(least.count("Lambda-Runtime-Client-Context") == 0);
    CHECK(read_invocation(least, {}).value == i);
}

TEST_CASE("header names are in any case, and a value cannot break out of its line")
{
    http::fields fields;
    fields.set("lambda-runtime-AWS-request-ID", "r");
    fields.set("LAMBDA-RUNTIME-DEADLINE-MS", "5");
    CHECK(read_invocation(fields, {}).value.request_id == "r");

    invocation i;
    i.request_id = "r";
    i.client_context = "{\n\"a\": 1\r\n}\r\nEvil: yes";
    http::fields written;
    write_headers(written, i);
    CHECK(written["Lambda-Runtime-Client-Context"] == "{ \"a\": 1  }  Evil: yes");
    CHECK(written.count("Evil") == 0);
}

TEST_CASE("headers without which there is no invocation")
{
    struct row {
        const char* why;
        const char* id;
        const char* deadline;
        const char* named;  ///< In the error; null for none.
    };
    const row rows[] = {
        {"as it should be", "r-1", "1542409706888", nullptr},
        {"no id", nullptr, "5", "Lambda-Runtime-Aws-Request-Id is missing"},
        {"no deadline", "r", nullptr, "Lambda-Runtime-Deadline-Ms is missing"},
        {"neither: the first is named", nullptr, nullptr, "Lambda-Runtime-Aws-Request-Id is missing"},
        {"an id that would be another path", "../init", "5", "says \"../init\""},
        {"an id that would end the request line", "a b", "5", "says \"a b\""},
        {"an id with a query", "a?b", "5", "says \"a?b\""},
        {"a deadline in words", "r", "soon", "says \"soon\""},
        {"a deadline with a fraction", "r", "5.5", "says \"5.5\""},
        {"a negative deadline", "r", "-5", "says \"-5\""},
        {"a deadline beyond reckoning", "r", "9223372036854775807", "Unix time in milliseconds"},
        {"a deadline with too many digits", "r", "99999999999999999999", "Unix time in milliseconds"},
    };
    for (const row& r : rows) {
        http::fields fields;
        if (r.id)
            fields.set("Lambda-Runtime-Aws-Request-Id", r.id);
        if (r.deadline)
            fields.set("Lambda-Runtime-Deadline-Ms", r.deadline);
        const invocation_read read = read_invocation(fields, {});
        CHECK_MESSAGE(static_cast<bool>(read) == (r.named == nullptr), r.why);
        if (r.named)
            CHECK_MESSAGE(read.error.find(r.named) != std::string::npos, read.error);
    }
}

TEST_CASE("error types, and what becomes of the others")
{
    struct row {
        const char* why;
        const char* type;
        const char* recorded;
    };
    const row rows[] = {
        {"the function's", "Function.Failed", "Function.Failed"},
        {"the runtime's", "Runtime.ExitError", "Runtime.ExitError"},
        {"small letters first", "Function.failed", "Function.Unknown"},
        {"one letter", "Function.F", "Function.Unknown"},
        {"a digit", "Function.Failed2", "Function.Unknown"},
        {"no reason", "Function.", "Function.Unknown"},
        {"two dots", "Runtime.A.B", "Runtime.Unknown"},
        {"another category", "Extension.Crash", "Runtime.Unknown"},
        {"a class's name", "ValueError", "Runtime.Unknown"},
        {"before and after", "xRuntime.Failed", "Runtime.Unknown"},
        {"nothing", "", "Runtime.Unknown"},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(recorded_error_type(r.type) == r.recorded, r.why);
        CHECK_MESSAGE(is_error_type(r.type) == (std::string(r.type) == r.recorded), r.why);
    }
}

TEST_CASE("an error's body is JSON, whatever is in it")
{
    CHECK(error_body({.type = "Function.Failed", .message = "say \"no\"\n", .stack_trace = {"a", "b"}}) ==
          R"({"errorMessage":"say \"no\"\n","errorType":"Function.Failed","stackTrace":["a","b"]})");
    CHECK(error_body({.message = "\xff"}).find("\xEF\xBF\xBD") != std::string::npos);
}

TEST_CASE("every failure has words and a condition")
{
    using mayfly::condition;
    for (int v = 1; v <= static_cast<int>(errc::init_failed); ++v)
        CHECK(category().message(v) != "unknown");
    CHECK(make_error_code(errc::not_reached) == condition::transient);
    CHECK(make_error_code(errc::busy) == condition::transient);
    CHECK(make_error_code(errc::bad_address) == condition::permanent);
    CHECK(make_error_code(errc::many_at_once) == condition::permanent);
}

TEST_CASE("who may call what when")
{
    using enum environment_state;
    using happens = environment_event;
    constexpr auto order = "InvalidStateTransition";
    constexpr auto foreign = "InvalidRequestID";
    struct row {
        const char* why;
        environment_state from;
        environment_event what;
        bool current;
        environment_step then;
    };
    const row rows[] = {
        {"init is over", starting, happens::next, true, {waiting, 200}},
        {"asked again on another connection", waiting, happens::next, true, {waiting, 200}},
        {"asked again without an answer: the same again", running, happens::next, true, {running, 200}},
        {"the invocation before is over", between, happens::next, true, {waiting, 200}},
        {"it said that it cannot start", failed, happens::next, true, {failed, 403, order}},

        {"an answer", running, happens::response, true, {between, 202}},
        {"an answer to something else", running, happens::response, false, {running, 400, foreign}},
        {"an answer to nothing", starting, happens::response, false, {starting, 403, order}},
        {"an answer while it waits", waiting, happens::response, false, {waiting, 403, order}},
        {"a second answer", between, happens::response, true, {between, 403, order}},
        {"an answer after giving up", failed, happens::response, true, {failed, 403, order}},

        {"an error", running, happens::error, true, {between, 202}},
        {"an error of something else", running, happens::error, false, {running, 400, foreign}},
        {"an error after an answer", between, happens::error, true, {between, 403, order}},
        {"an error of nothing", starting, happens::error, false, {starting, 403, order}},

        {"too large an answer ends the invocation", running, happens::large_response, true,
            {between, 413, "RequestEntityTooLarge"}},
        {"too large, and to something else", running, happens::large_response, false, {running, 400, foreign}},
        {"too large, a second time", between, happens::large_response, true, {between, 403, order}},

        {"it cannot start", starting, happens::init_error, true, {failed, 202}},
        {"it has started", waiting, happens::init_error, true, {waiting, 403, order}},
        {"it has started, and runs", running, happens::init_error, true, {running, 403, order}},
        {"it has started, and ran", between, happens::init_error, true, {between, 403, order}},
        {"it said so before", failed, happens::init_error, true, {failed, 403, order}},

        {"who asked has gone", waiting, happens::asker_gone, true, {between}},
        {"who asked has gone, with the work", running, happens::asker_gone, true, {running}},
        {"work for who waits", waiting, happens::delivered, true, {running}},
        {"no work for who does not", between, happens::delivered, true, {between}},
        {"given up", running, happens::abandoned, true, {between}},
        {"given up before it went out", waiting, happens::abandoned, true, {waiting}},
        {"started anew", failed, happens::restarted, true, {starting}},
        {"started anew in the middle", running, happens::restarted, true, {starting}},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(step(r.from, r.what, r.current) == r.then, r.why);
}

}  // namespace
