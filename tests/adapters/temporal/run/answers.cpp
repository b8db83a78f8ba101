// SPDX-License-Identifier: BSL-1.0

#include <mayfly/temporal/detail/invocation_answer.hpp>
#include <mayfly/temporal/log.hpp>

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <variant>

using namespace mayfly::temporal;
using namespace mayfly::temporal::detail;
using namespace std::chrono_literals;
using mayfly::invocation_end;
using mayfly::invocation_report;
namespace lambda = mayfly::lambda_runtime;

TEST_CASE("the platform is told the report, or why there is none")
{
    struct row {
        const char* why;
        invocation_report report;
        const char* detail;
        const char* type;     // of the error; null for none
        const char* message;  // of the error
    };
    const row rows[] = {
        {"a normal end", {.end = invocation_end::deadline}, "", nullptr, ""},
        {"nothing left to do", {.end = invocation_end::idle}, "", nullptr, ""},
        {"stopped by somebody", {.end = invocation_end::cancelled}, "", nullptr, ""},
        {"too late", {.end = invocation_end::deadline_too_near, .error = "0.5 s of work time"}, "",
            "Function.DeadlineTooNear", "0.5 s of work time"},
        {"what is known beyond the report is added",
            {.end = invocation_end::connect_failed, .error = "connecting to a:1 failed: UNAVAILABLE"},
            "connection refused", "Function.ConnectFailed",
            "connecting to a:1 failed: UNAVAILABLE (connection refused)"},
        {"unless it is said already", {.end = invocation_end::connect_failed, .error = "failed: connection refused"},
            "connection refused", "Function.ConnectFailed", "failed: connection refused"},
        {"not let in", {.end = invocation_end::start_failed, .error = "no"}, "", "Function.StartFailed", "no"},
        {"broken down", {.end = invocation_end::worker_failed, .error = "no"}, "", "Function.WorkerFailed", "no"},
        {"never polled", {.end = invocation_end::stopped, .error = "no"}, "", "Function.Stopped", "no"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const lambda::function_result answer = answer_of(r.report, r.detail);
        if (r.type == nullptr) {
            REQUIRE(std::holds_alternative<std::string>(answer));
            CHECK(std::get<std::string>(answer) == to_json(r.report));
            continue;
        }
        REQUIRE(std::holds_alternative<lambda::function_error>(answer));
        const auto& error = std::get<lambda::function_error>(answer);
        CHECK(error.type == r.type);
        CHECK(lambda::is_error_type(error.type));
        CHECK(error.message == r.message);
    }
}

TEST_CASE("an invocation in one sentence")
{
    invocation_report r{.end = invocation_end::idle, .identity = "id@arn"};
    r.work.received[1] = 3;
    r.work.completed = 2;
    r.work.busy = 1;
    r.poll = 2s;
    const std::string said = sentence_on(r);
    CAPTURE(said);
    for (const char* word : {"idle", "3 tasks", "2 completed", "1 unfinished", "id@arn"})
        CHECK(said.find(word) != said.npos);
    CHECK(said.find('\n') == said.npos);
}

TEST_CASE("a function that was started for another version says so")
{
    const mayfly::deployment_version here{"shop", "2"};
    CHECK(odd_start(std::nullopt, here).empty());
    CHECK(odd_start(mayfly::launch_notice{.version = here}, here).empty());
    CHECK(odd_start(mayfly::launch_notice{}, here).empty());
    const std::string said = odd_start(mayfly::launch_notice{.version = {"shop", "1"}}, here);
    CHECK(said.find("shop:1") != said.npos);
    CHECK(said.find("shop:2") != said.npos);
}

TEST_CASE("a connection is opened ahead only where an invocation follows at once")
{
    const auto variables = [](const char* type) {
        return mayfly::environment{{{"AWS_LAMBDA_INITIALIZATION_TYPE", type}}};
    };
    CHECK(opens_ahead({}));
    CHECK(opens_ahead(variables("on-demand")));
    CHECK_FALSE(opens_ahead(variables("provisioned-concurrency")));
    CHECK_FALSE(opens_ahead(variables("snap-start")));
}

TEST_CASE("a log line is one JSON object, whatever is in it")
{
    struct row {
        const char* why;
        log_level level;
        const char* words;
        std::chrono::milliseconds at;
        const char* timestamp;
        const char* name;
    };
    const row rows[] = {
        {"plain", log_level::info, "ready", 1'700'000'000'123ms, "2023-11-14T22:13:20.123Z", "INFO"},
        {"no milliseconds", log_level::warning, "x", 1'700'000'000'000ms, "2023-11-14T22:13:20.000Z", "WARN"},
        {"before the epoch", log_level::debug, "x", -1ms, "1969-12-31T23:59:59.999Z", "DEBUG"},
        {"quotes and line ends", log_level::error, "a \"b\"\nc\t\x01", 0ms, "1970-01-01T00:00:00.000Z", "ERROR"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const std::string line = log_line(r.level, r.words, mayfly::wall_time{r.at});
        CHECK(line.find('\n') == line.npos);
        const auto parsed = boost::json::parse(line).as_object();
        CHECK(parsed.at("timestamp").as_string() == r.timestamp);
        CHECK(parsed.at("level").as_string() == r.name);
        CHECK(parsed.at("message").as_string() == r.words);
    }
}
