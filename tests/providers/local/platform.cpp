// SPDX-License-Identifier: BSL-1.0
#include "platform_fixture.hpp"

#include <mayfly/local/platform.hpp>

#include <doctest/doctest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <sys/resource.h>

using namespace std::chrono_literals;

namespace {

using namespace mayfly_test;
using namespace mayfly::local;

pid_t id_in(const std::string& text)
{
    return static_cast<pid_t>(std::stol(text));
}

TEST_CASE("an invocation gets all it should know, and its answer comes back")
{
    platform_fixture p;
    auto f = p.function();
    f.version = "7";
    f.memory_mib = 256;
    f.handler = "h";
    f.variables = {{"OWN", "1"}};
    f.timeout = 20s;
    REQUIRE(p.platform->set(f).empty());
    const auto before = std::chrono::system_clock::now();
    const auto r = p.invoke(invoke_request{.function = "f",
        .version = "7",
        .qualifier = "PROD",
        .payload = R"({"a":[1],"environment":true,"print":["hello"]})",
        .client_context = R"({"k":1})",
        .trace_id = "Root=1-2-3"});
    const auto after = std::chrono::system_clock::now();
    REQUIRE_FALSE(r.ec);
    CHECK(r.result.function_error.empty());
    CHECK(r.result.executed_version == "7");
    CHECK(r["request_id"] == r.result.request_id);
    CHECK(r["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:f:PROD");
    CHECK(r["trace_id"] == "Root=1-2-3");
    CHECK(r["client_context"] == R"({"k":1})");
    const auto deadline = std::chrono::milliseconds(std::stoll(r["deadline"]));
    CHECK(deadline >= std::chrono::floor<std::chrono::milliseconds>((before + 20s).time_since_epoch()));
    CHECK(deadline <= (after + 20s).time_since_epoch());
    for (const char* part : {R"("event":{"a":[1],)", "\"OWN=1\"", "\"AWS_LAMBDA_FUNCTION_VERSION=7\"", "\"_HANDLER=h\"",
             "\"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256\""})
        CHECK_MESSAGE(r.result.payload.find(part) != std::string::npos, part);
    // Nothing of the host's.
    CHECK(r.result.payload.find("HOME=") == std::string::npos);

    const std::string id = r.result.request_id;
    REQUIRE(p.log.size() == 4);
    CHECK(p.log[0] == "START RequestId: " + id + " Version: 7");
    CHECK(p.log[1] == "hello");
    CHECK(p.log[2] == "END RequestId: " + id);
    CHECK(p.log[3].starts_with("REPORT RequestId: " + id + "\tDuration: "));
    CHECK(p.log[3].find("\tMemory Size: 256 MB\tMax Memory Used: ") != std::string::npos);
    CHECK(p.log[3].find("Max Memory Used: 0 MB") == std::string::npos);
    CHECK(p.log[3].find("\tInit Duration: ") != std::string::npos);
    CHECK(r.result.log_tail == p.log[0] + '\n' + p.log[1] + '\n' + p.log[2] + '\n' + p.log[3] + '\n');
    p.stop();
}

TEST_CASE("ids and traces are made up when there are none")
{
    platform_fixture p;
    REQUIRE(p.platform->set(p.function()).empty());
    std::set<std::string> ids;
    for (int i = 0; i < 10; ++i) {
        const auto r = p.invoke("");
        const std::string& id = r.result.request_id;
        ids.insert(id);
        CHECK(id.size() == 36);
        CHECK(id[14] == '4');
        CHECK(r["trace_id"].starts_with("Root=1-"));
        CHECK(r.result.payload.find(R"("event":{})") != std::string::npos);
    }
    CHECK(ids.size() == 10);
    CHECK(p.invoke(invoke_request{.function = "f", .request_id = "mine"}).result.request_id == "mine");
}

TEST_CASE("how an invocation fails, and what comes after")
{
    struct row {
        const char* why;
        const char* event;
        const char* type;
        const char* message;  // behind "RequestId: ID Error: "; null: not in this form
        const char* status;   // in the report
        bool same_process;    // serves the next invocation
    };
    const row rows[] = {
        {"the function says so", R"({"fail":"not so"})", "Function.Refused", nullptr, "error", true},
        {"it does not end in time", R"({"sleep_ms":60000})", "Sandbox.Timedout", "Task timed out after 0.30 seconds",
            "timeout", false},
        {"it leaves", R"({"exit":1})", "Runtime.ExitError", "Runtime exited with error: exit status 1", "error", false},
        {"it leaves as if all was well", R"({"exit":0})", "Runtime.ExitError",
            "Runtime exited without providing a reason", "error", false},
        {"it crashes", R"({"signal":11})", "Runtime.ExitError", nullptr, "error", false},
        {"it is killed", R"({"signal":9})", "Runtime.ExitError", "Runtime exited with error: signal: killed", "error",
            false},
        {"it says too much", R"({"answer_bytes":6291557})", "Function.ResponseSizeTooLarge", nullptr, "error", true},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        platform_fixture p;
        auto f = p.function();
        f.timeout = 300ms;
        if (std::string_view(r.type) != "Sandbox.Timedout")
            f.timeout = 10s;
        REQUIRE(p.platform->set(f).empty());
        const auto first = p.invoke("{}");
        REQUIRE_FALSE(first.ec);
        const auto failed = p.invoke(r.event);
        REQUIRE_FALSE(failed.ec);
        CHECK(failed.result.function_error == "Unhandled");
        CHECK(failed.error_type() == r.type);
        if (r.message != nullptr)
            CHECK(failed["errorMessage"] == "RequestId: " + failed.result.request_id + " Error: " + r.message);
        CHECK(p.log.back().find(std::string("\tStatus: ") + r.status) != std::string::npos);
        CHECK(p.last(event_kind::failed)->detail == r.type);
        const auto next = p.invoke("{}");
        REQUIRE_FALSE(next.ec);
        CHECK(next.result.function_error.empty());
        CHECK((next["pid"] == first["pid"]) == r.same_process);
        if (!r.same_process)
            CHECK(is_gone(id_in(first["pid"])));
        CHECK(p.platform->stats().processes == 1);
        CHECK(p.platform->stats().failed == 1);
        CHECK(p.platform->stats().succeeded == 2);
        p.stop();
        CHECK(p.platform->stats().processes == 0);
        CHECK(children() == 0);
    }
}

TEST_CASE("a time limit is kept, and written as Lambda writes it")
{
    platform_fixture p;
    auto f = p.function();
    f.timeout = 250ms;
    REQUIRE(p.platform->set(f).empty());
    REQUIRE_FALSE(p.invoke("{}").ec);
    p.log.clear();
    const auto began = std::chrono::steady_clock::now();
    const auto r = p.invoke(R"({"spin_ms":60000})");
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK(took >= 250ms);
    CHECK(took < 10s);
    CHECK(p.logged(r.result.request_id + " Task timed out after 0.25 seconds"));
    CHECK(p.log.back().find("\tBilled Duration: 2") != std::string::npos);
    CHECK(p.log.back().find("\tInit Duration: ") == std::string::npos);
}

TEST_CASE("an answer of the largest size passes")
{
    platform_fixture p;
    REQUIRE(p.platform->set(p.function()).empty());
    const auto r = p.invoke(R"({"answer_bytes":6291556})");
    REQUIRE_FALSE(r.ec);
    CHECK(r.result.function_error.empty());
    CHECK(r.result.payload.size() == 6'291'556);
}

TEST_CASE("an answer counts even if the process then goes")
{
    const char* const events[] = {R"({"then_exit":1})", R"({"then_hang":true})"};
    for (const char* event : events) {
        CAPTURE(event);
        platform_fixture p;
        auto f = p.function();
        f.timeout = 300ms;
        REQUIRE(p.platform->set(f).empty());
        const auto r = p.invoke(event);
        REQUIRE_FALSE(r.ec);
        CHECK(r.result.function_error.empty());
        CHECK(is_gone(id_in(r["pid"])));
        const auto next = p.invoke("{}");
        CHECK(next.result.function_error.empty());
        CHECK(next["count"] == "1");
    }
}

TEST_CASE("how a start fails")
{
    struct row {
        const char* init;
        const char* type;
        const char* phase;   // what the log says of the first try
        const char* detail;  // part of the payload
    };
    const row rows[] = {
        {"exit", "Runtime.ExitError", "Status: error\tError Type: Runtime.ExitError", "exit status 3"},
        {"crash", "Runtime.ExitError", "Status: error\tError Type: Runtime.ExitError", "signal: "},
        {"error", "Function.NotToday", "Status: error\tError Type: Function.NotToday",
            R"({"errorMessage":"no","errorType":"Function.NotToday"})"},
        {"hang", "Sandbox.Timedout", "Status: timeout", "Task timed out after 0.40 seconds"},
    };
    for (const row& r : rows) {
        CAPTURE(r.init);
        platform_fixture p({.init_limit = 200ms});
        auto f = p.function();
        f.timeout = std::string_view(r.init) == "hang" ? 400ms : 10s;
        if (std::string_view(r.init) != "hang")
            f.variables["X"] = "";
        f.variables["TEST_INIT"] = r.init;
        platform_fixture slow({.init_limit = 10s});
        platform_fixture& on = std::string_view(r.init) == "hang" ? p : slow;
        REQUIRE(on.platform->set(f).empty());
        const auto failed = on.invoke("{}");
        REQUIRE_FALSE(failed.ec);
        CHECK(failed.result.function_error == "Unhandled");
        CHECK(failed.error_type() == r.type);
        CHECK(failed.result.payload.find(r.detail) != std::string::npos);
        CHECK(on.logged(std::string("\tPhase: init\t") + r.phase));
        // It is tried a second time, inside the invocation.
        CHECK(on.count(event_kind::started) == 2);
        CHECK(std::count(on.log.begin(), on.log.end(), "initialising") == 2);
        CHECK(on.platform->stats().processes == 0);
        CHECK(children() == 0);
    }
}

TEST_CASE("a start that fails once is made up for inside the invocation")
{
    const workspace files;
    const char* const ways[] = {"exit", "error", "hang"};
    for (const std::string way : ways) {
        CAPTURE(way);
        platform_fixture p({.init_limit = way == "hang" ? 300ms : 10s});
        auto f = p.function();
        f.timeout = 20s;
        f.variables["TEST_INIT"] = way;
        f.variables["TEST_INIT_ONCE"] = (files.folder() / ("once-" + way)).string();
        REQUIRE(p.platform->set(f).empty());
        const auto r = p.invoke("{}");
        REQUIRE_FALSE(r.ec);
        CHECK(r.result.function_error.empty());
        CHECK(p.count(event_kind::started) == 2);
        // Its time is the invocation's, so it is not told again.
        CHECK(p.log.back().find("Init Duration") == std::string::npos);
        CHECK(p.invoke("{}")["pid"] == r["pid"]);
    }
}

TEST_CASE("what is no bootstrap is told apart")
{
    const workspace files;
    struct row {
        const char* why;
        std::filesystem::path path;
        std::string words;
    };
    const row rows[] = {
        {"nothing is there", files.folder() / "none",
            "Couldn't find valid bootstrap(s): [" + (files.folder() / "none").string() + ']'},
        {"it cannot be run", files.write("data", "#!/bin/sh\n", false),
            "fork/exec " + (files.folder() / "data").string() + ": permission denied"},
        {"it is no program", files.write("text", "hello\n"),
            "fork/exec " + (files.folder() / "text").string() + ": exec format error"},
    };
    for (const row& r : rows) {
        platform_fixture p;
        auto f = p.function();
        f.bootstrap = r.path;
        REQUIRE(p.platform->set(f).empty());
        const auto failed = p.invoke("{}");
        REQUIRE_FALSE(failed.ec);
        CHECK_MESSAGE(failed.error_type() == "Runtime.InvalidEntrypoint", r.why);
        CHECK_MESSAGE(failed["errorMessage"] == "RequestId: " + failed.result.request_id + " Error: " + r.words, r.why);
        CHECK(p.platform->stats().starts == 0);
    }
}

TEST_CASE("a warm environment is used again, the last one first")
{
    platform_fixture p;
    REQUIRE(p.platform->set(p.function()).empty());
    const auto a = p.begin(R"({"sleep_ms":50})");
    const auto b = p.begin(R"({"sleep_ms":400})");
    REQUIRE(run_until(p.io, [&] { return a->has_value() && b->has_value(); }));
    CHECK((**a)["pid"] != (**b)["pid"]);
    CHECK(p.platform->stats().idle == 2);
    for (int i = 0; i < 3; ++i) {
        const auto again = p.invoke("{}");
        CHECK(again["pid"] == (**b)["pid"]);
        CHECK(again["count"] == std::to_string(i + 2));
        CHECK(p.log.back().find("Init Duration") == std::string::npos);
    }
    CHECK(p.platform->stats().starts == 2);
}

TEST_CASE("an idle environment is let go after a while")
{
    platform_fixture p({.idle = 300ms});
    REQUIRE(p.platform->set(p.function()).empty());
    const auto r = p.invoke("{}");
    CHECK(p.platform->stats().idle == 1);
    CHECK(run_until(p.io, [&] { return p.platform->stats().processes == 0; }));
    CHECK(is_gone(id_in(r["pid"])));
    CHECK(p.platform->stats().idle == 0);
    CHECK(p.platform->stats().evicted == 1);
    CHECK(p.invoke("{}")["count"] == "1");
}

TEST_CASE("an environment that dies while idle is not used again")
{
    for (const bool freeze : {true, false}) {
        CAPTURE(freeze);
        platform_fixture p({.freeze = freeze});
        REQUIRE(p.platform->set(p.function()).empty());
        const auto r = p.invoke("{}");
        const pid_t id = id_in(r["pid"]);
        SUBCASE("and that was noticed")
        {
            ::kill(id, SIGKILL);
            CHECK(run_until(p.io, [&] { return p.platform->stats().idle == 0; }));
            CHECK(is_gone(id));
            CHECK(p.last(event_kind::exited)->detail == "signal: killed");
        }
        SUBCASE("even if that was not noticed yet")
        {
            ::kill(id, SIGKILL);
            while (state_of(id) != 'Z') {
            }
        }
        const auto next = p.invoke("{}");
        REQUIRE_FALSE(next.ec);
        CHECK(id_in(next["pid"]) != id);
    }
}

TEST_CASE("new settings get new environments")
{
    platform_fixture p;
    auto f = p.function();
    REQUIRE(p.platform->set(f).empty());
    const auto old = p.invoke("{}");
    const auto busy = p.begin(R"({"sleep_ms":300})");
    REQUIRE(run_until(p.io, [&] { return p.platform->stats().running == 1; }));
    f.variables["NEW"] = "1";
    REQUIRE(p.platform->set(f).empty());
    const auto next = p.invoke(R"({"environment":true})");
    CHECK(next["pid"] != old["pid"]);
    CHECK(next.result.payload.find("NEW=1") != std::string::npos);
    REQUIRE(run_until(p.io, [&] { return busy->has_value(); }));
    CHECK((**busy)["pid"] == old["pid"]);
    CHECK((**busy).result.function_error.empty());
    CHECK(run_until(p.io, [&] { return is_gone(id_in(old["pid"])); }));
    CHECK(p.platform->stats().idle == 1);

    CHECK_FALSE(p.platform->remove("f", "1"));
    CHECK(p.platform->remove("f", "$LATEST"));
    CHECK(p.platform->find("f") == nullptr);
    CHECK(run_until(p.io, [&] { return p.platform->stats().processes == 0; }));
    CHECK(p.invoke("{}").ec == errc::function_not_found);

    f.memory_mib = 1;
    CHECK(p.platform->set(f).size() == 1);
    CHECK(p.platform->find("f") == nullptr);
}

TEST_CASE("between invocations a process stands still")
{
    platform_fixture p;
    REQUIRE(p.platform->set(p.function()).empty());
    const auto r = p.invoke("{}");
    const pid_t id = id_in(r["pid"]);
    CHECK(run_until(p.io, [&] { return state_of(id) == 'T'; }));
    CHECK(p.invoke("{}")["pid"] == r["pid"]);
    CHECK(run_until(p.io, [&] { return state_of(id) == 'T'; }));

    platform_fixture q({.freeze = false});
    REQUIRE(q.platform->set(q.function()).empty());
    const auto s = q.invoke("{}");
    CHECK(run_until(q.io, [&] { return state_of(id_in(s["pid"])) == 'S'; }));
}

TEST_CASE("who uses more memory than it may is killed")
{
    platform_fixture p({.memory_look = 10ms});
    auto f = p.function();
    f.timeout = 20s;
    REQUIRE(p.platform->set(f).empty());
    REQUIRE_FALSE(p.invoke(R"({"allocate_mib":20})").ec);
    const auto r = p.invoke(R"({"allocate_mib":200,"sleep_ms":15000})");
    REQUIRE_FALSE(r.ec);
    CHECK(r.error_type() == "Runtime.ExitError");
    CHECK(r["errorMessage"].ends_with("Runtime exited with error: signal: killed"));
    CHECK(p.log.back().find("\tMemory Size: 128 MB\tMax Memory Used: 128 MB\tStatus: error\tError Type: "
                            "Runtime.OutOfMemory") != std::string::npos);
    f.memory_mib = 1024;
    REQUIRE(p.platform->set(f).empty());
    const auto s = p.invoke(R"({"allocate_mib":200,"sleep_ms":100})");
    CHECK(s.result.function_error.empty());
    const auto at = p.log.back().find("Max Memory Used: ");
    REQUIRE(at != std::string::npos);
    CHECK(std::stol(p.log.back().substr(at + 17)) >= 200);
}

TEST_CASE("who is done before anybody looks at its memory is killed all the same")
{
    platform_fixture p({.memory_look = std::chrono::hours{1}});
    REQUIRE(p.platform->set(p.function()).empty());
    REQUIRE_FALSE(p.invoke(R"({"sleep_ms":50})").ec);  // the one early look is over
    const auto r = p.invoke(R"({"allocate_mib":200})");
    REQUIRE_FALSE(r.ec);
    CHECK(r.error_type() == "Runtime.ExitError");
    CHECK(r["errorMessage"].ends_with("Runtime exited with error: signal: killed"));
    CHECK(p.log.back().find("Error Type: Runtime.OutOfMemory") != std::string::npos);
    CHECK(p.invoke("{}")["count"] == "1");
}

TEST_CASE("a family is counted together, and goes together")
{
    platform_fixture p;
    auto f = p.function();
    f.timeout = 500ms;
    REQUIRE(p.platform->set(f).empty());
    const auto gone = [](pid_t id) { return is_gone(id) || state_of(id) == 'Z'; };
    const auto kept = p.invoke(R"({"grandchild":true})");
    const pid_t grandchild = id_in(kept["grandchild"]);
    // Frozen with its parent, killed with it.
    CHECK(run_until(p.io, [&] { return state_of(grandchild) == 'T'; }));
    CHECK(p.invoke(R"({"sleep_ms":60000})").error_type() == "Sandbox.Timedout");
    CHECK(run_until(p.io, [&] { return gone(grandchild); }));
    // Left behind by one that went.
    const auto left = p.invoke(R"({"grandchild":true,"then_exit":0})");
    CHECK(run_until(p.io, [&] { return gone(id_in(left["grandchild"])); }));
}

TEST_CASE("limits of concurrency are Lambda's")
{
    platform_fixture p({.concurrency = 3});
    REQUIRE(p.platform->set(p.function()).empty());
    auto g = p.function("g");
    g.version = "1";
    g.concurrency = 1;
    REQUIRE(p.platform->set(g).empty());
    const invoke_request other{.function = "g", .version = "1", .payload = R"({"sleep_ms":60000})"};

    const auto one = p.begin(R"({"sleep_ms":60000})");
    const auto two = p.begin(other);
    REQUIRE(run_until(p.io, [&] { return p.platform->stats().running == 2; }));
    CHECK(throttle_reason(p.invoke(other).ec) == "ReservedFunctionConcurrentInvocationLimitExceeded");
    const auto three = p.begin(R"({"sleep_ms":60000})");
    REQUIRE(run_until(p.io, [&] { return p.platform->stats().running == 3; }));
    const auto refused = p.invoke("{}");
    CHECK(refused.ec == mayfly::condition::throttled);
    CHECK(throttle_reason(refused.ec) == "ConcurrentInvocationLimitExceeded");
    CHECK_FALSE(refused.result.request_id.empty());
    CHECK(p.platform->stats().throttled == 2);
    CHECK(p.count(event_kind::throttled) == 2);

    CHECK(p.platform->reserve("f", 4).size() == 1);
    CHECK(p.platform->reserve("f", 0).empty());
    CHECK(p.platform->reserved("f") == 0U);
    CHECK(p.platform->unreserved() == 3);
    CHECK(p.invoke("{}").ec == errc::reserved_concurrency_exceeded);
    p.stop();
    CHECK((**one).ec == errc::stopped);
    CHECK((**three).ec == errc::stopped);
}

TEST_CASE("what cannot be invoked is told apart")
{
    platform_fixture p;
    REQUIRE(p.platform->set(p.function()).empty());
    CHECK(p.invoke(invoke_request{.function = "nobody"}).ec == errc::function_not_found);
    CHECK(p.invoke(invoke_request{.function = "f", .version = "3"}).ec == errc::version_not_found);
    CHECK(p.invoke(invoke_request{.function = "f", .payload = std::string(6 * 1024 * 1024 + 1, ' ')}).ec ==
          errc::payload_too_large);
    CHECK(p.platform->enqueue({.function = "nobody"}).error() == errc::function_not_found);
    CHECK(p.platform->enqueue({.function = "f", .payload = std::string(1024 * 1024 + 1, ' ')}).error() ==
          errc::payload_too_large);
    p.stop();
    CHECK(p.invoke("{}").ec == errc::stopped);
    CHECK(p.platform->enqueue({.function = "f"}).error() == errc::stopped);
}

TEST_CASE("who stops waiting does not stop the invocation")
{
    platform_fixture p;
    REQUIRE(p.platform->set(p.function()).empty());
    for (const auto kind : {boost::asio::cancellation_type::terminal, boost::asio::cancellation_type::partial,
             boost::asio::cancellation_type::total}) {
        boost::asio::cancellation_signal hang_up;
        std::optional<boost::system::error_code> ended;
        const auto before = p.platform->stats().succeeded;
        p.platform->async_invoke(invoke_request{.function = "f", .payload = R"({"sleep_ms":200})"},
            boost::asio::bind_cancellation_slot(
                hang_up.slot(), [&](boost::system::error_code ec, const invoke_result&) { ended = ec; }));
        REQUIRE(run_until(p.io, [&] { return p.platform->stats().running == 1; }));
        hang_up.emit(kind);
        REQUIRE(run_until(p.io, [&] { return ended.has_value(); }));
        CHECK(*ended == boost::asio::error::operation_aborted);
        CHECK(p.platform->stats().running == 1);
        REQUIRE(run_until(p.io, [&] { return p.platform->stats().succeeded == before + 1; }));
    }
    CHECK(p.platform->stats().starts == 1);
}

TEST_CASE("events are answered for at once, and tried until they succeed")
{
    // A minute becomes 50 ms.
    platform_fixture p({.time_scale = 0.05 / 60});
    REQUIRE(p.platform->set(p.function()).empty());
    struct row {
        const char* why;
        const char* event;
        event_rules rules;
        std::size_t tries;
        const char* dropped;  // null: it succeeds
    };
    const row rows[] = {
        {"it succeeds", "{}", {}, 1, nullptr},
        {"it fails, and is tried twice again", R"({"fail":"no"})", {}, 3, "exhausted"},
        {"a crash is a failure", R"({"exit":1})", {.retries = 1}, 2, "exhausted"},
        {"no retries", R"({"fail":"no"})", {.retries = 0}, 1, "exhausted"},
        {"too old for its next try", R"({"fail":"no"})", {.retries = 2, .age = 20ms}, 1, "aged"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        p.events.clear();
        const auto id = p.platform->enqueue({.function = "f", .payload = r.event, .events = r.rules});
        REQUIRE(id);
        REQUIRE(run_until(p.io, [&] {
            return p.count(event_kind::event_dropped) + p.count(event_kind::succeeded) == 1 &&
                   p.platform->stats().running == 0;
        }));
        CHECK(p.count(event_kind::event_accepted) == 1);
        CHECK(p.count(event_kind::invoked) == r.tries);
        for (const auto& e : p.events)
            if (e.what == event_kind::invoked || e.what == event_kind::event_dropped)
                CHECK(e.request_id == *id);
        if (r.dropped != nullptr)
            CHECK(p.last(event_kind::event_dropped)->detail == r.dropped);
        CHECK(p.platform->stats().queued == 0);
    }
}

TEST_CASE("an event waits for room")
{
    platform_fixture p({.concurrency = 1, .time_scale = 0.05});
    REQUIRE(p.platform->set(p.function()).empty());
    for (int i = 0; i < 3; ++i)
        REQUIRE(p.platform->enqueue({.function = "f", .payload = R"({"sleep_ms":20})"}));
    REQUIRE(run_until(p.io, [&] { return p.platform->stats().succeeded == 3; }));
    CHECK(p.platform->stats().starts == 1);
    CHECK(p.platform->stats().throttled >= 2);
    CHECK(p.last(event_kind::event_retried)->detail == "no room");
    CHECK(p.platform->stats().dropped == 0);
}

TEST_CASE("events for a function that is switched off are accepted and dropped")
{
    platform_fixture p;
    REQUIRE(p.platform->set(p.function()).empty());
    REQUIRE(p.platform->reserve("f", 0).empty());
    REQUIRE(p.platform->enqueue({.function = "f"}));
    REQUIRE(run_until(p.io, [&] { return p.platform->stats().dropped == 1; }));
    CHECK(p.last(event_kind::event_dropped)->detail == "refused");
    CHECK(p.platform->stats().starts == 0);
}

TEST_CASE("the queue has an end")
{
    platform_fixture p({.queued_events = 2});
    REQUIRE(p.platform->set(p.function()).empty());
    CHECK(p.platform->enqueue({.function = "f"}));
    CHECK(p.platform->enqueue({.function = "f"}));
    CHECK(p.platform->enqueue({.function = "f"}).error() == errc::too_many_events);
    CHECK(p.platform->enqueue({.function = "f"}).error() == mayfly::condition::throttled);
}

TEST_CASE("a slow start and a start that fails, when wished for")
{
    platform_fixture p;
    auto f = p.function();
    f.start_delay = 200ms;
    REQUIRE(p.platform->set(f).empty());
    const auto began = std::chrono::steady_clock::now();
    REQUIRE_FALSE(p.invoke("{}").ec);
    CHECK(std::chrono::steady_clock::now() - began >= 200ms);

    f.start_delay = 0ms;
    f.failure_rate = 1;
    REQUIRE(p.platform->set(f).empty());
    const auto r = p.invoke("{}");
    CHECK(r.error_type() == "Runtime.ExitError");
    CHECK(p.platform->stats().starts == 1);
    CHECK(p.platform->stats().start_failures == 1);

    f.failure_rate = 0.5;
    f.timeout = 5s;
    REQUIRE(p.platform->set(f).empty());
    int failed = 0;
    for (int i = 0; i < 40; ++i)
        failed += p.invoke(R"({"then_exit":0})").result.function_error.empty() ? 0 : 1;
    CHECK(failed > 5);
    CHECK(failed < 35);
}

TEST_CASE("only who asked for it hears of its end")
{
    const workspace files;
    for (const bool extension : {true, false}) {
        CAPTURE(extension);
        const auto mark = files.folder() / (extension ? "told" : "not-told");
        platform_fixture p;
        auto f = p.function();
        f.variables["TEST_TERM"] = mark.string();
        if (extension)
            f.variables["TEST_EXTENSION"] = "1";
        REQUIRE(p.platform->set(f).empty());
        REQUIRE_FALSE(p.invoke("{}").ec);
        p.stop();
        CHECK(std::filesystem::exists(mark) == extension);
        CHECK(p.last(event_kind::exited)->detail == (extension ? "exit status 0" : "signal: killed"));
    }
}

TEST_CASE("a platform that stops leaves nothing")
{
    const auto before = [] {
        boost::asio::io_context io;
        platform_fixture warm;
        REQUIRE(warm.platform->set(warm.function()).empty());
        REQUIRE_FALSE(warm.invoke("{}").ec);
        return open_descriptors();
    }();
    static_cast<void>(before);
    const auto descriptors = open_descriptors();
    {
        platform_fixture p;
        REQUIRE(p.platform->set(p.function()).empty());
        REQUIRE_FALSE(p.invoke("{}").ec);
        const auto with_io = open_descriptors();
        std::vector<std::shared_ptr<std::optional<platform_fixture::ended>>> all;
        for (int i = 0; i < 10; ++i)
            all.push_back(p.begin(R"({"sleep_ms":60000})"));
        for (int i = 0; i < 10; ++i)
            REQUIRE(p.platform->enqueue({.function = "f", .payload = R"({"sleep_ms":60000})"}));
        REQUIRE(run_until(p.io, [&] { return p.count(event_kind::invoked) >= 12; }));
        CHECK(open_descriptors() > with_io);
        p.stop();
        for (const auto& a : all)
            CHECK(a->has_value());
        const auto s = p.platform->stats();
        CHECK(s.processes == 0);
        CHECK(s.running == 0);
        CHECK(s.idle == 0);
        CHECK(s.queued == 0);
        CHECK(s.dropped == 10);
        CHECK(children() == 0);
        p.stop();  // again, for nothing
        p.io.restart();
        p.io.run_for(20s);
        CHECK(p.io.stopped());  // nothing is left to wait for
        CHECK(run_until(p.io, [&] { return open_descriptors() < with_io; }));
    }
    CHECK(open_descriptors() == descriptors);
}

TEST_CASE("a platform that goes without a word leaves nothing either")
{
    const auto descriptors = open_descriptors();
    {
        platform_fixture p;
        REQUIRE(p.platform->set(p.function()).empty());
        REQUIRE_FALSE(p.invoke("{}").ec);
        const auto a = p.begin(R"({"sleep_ms":60000})");
        const auto b = p.begin(R"({"sleep_ms":60000})");
        REQUIRE(run_until(p.io, [&] { return p.count(event_kind::invoked) == 3; }));
        SUBCASE("while the context goes on")
        {
            p.platform.reset();
            CHECK(children() == 0);
            const auto noted = p.events.size();
            CHECK(run_until(p.io, [&] { return a->has_value() && b->has_value(); }));
            CHECK((**a).ec == errc::stopped);
            CHECK(p.events.size() == noted);
        }
        SUBCASE("with its context") {}
    }
    CHECK(children() == 0);
    CHECK(open_descriptors() == descriptors);
}

TEST_CASE("a machine without descriptors throttles, and recovers")
{
    platform_fixture p({.time_scale = 0.05});
    REQUIRE(p.platform->set(p.function()).empty());
    REQUIRE_FALSE(p.invoke("{}").ec);
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlimit tight = limit;
    tight.rlim_cur = open_descriptors() + 3;
    const auto busy = p.begin(R"({"sleep_ms":1500})");
    REQUIRE(run_until(p.io, [&] { return p.count(event_kind::invoked) == 2; }));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    const auto refused = p.invoke("{}");
    REQUIRE(p.platform->enqueue({.function = "f", .request_id = "patient"}));
    REQUIRE(run_until(p.io, [&] { return p.count(event_kind::event_retried) >= 1; }));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(refused.ec == errc::no_room);
    CHECK(refused.ec == mayfly::condition::throttled);
    CHECK(p.last(event_kind::start_failed) != nullptr);
    CHECK(run_until(p.io, [&] { return p.last(event_kind::succeeded)->request_id == "patient"; }));
    CHECK(run_until(p.io, [&] { return busy->has_value(); }));
    CHECK((**busy).result.function_error.empty());
    p.stop();
    CHECK(children() == 0);
}

}  // namespace
