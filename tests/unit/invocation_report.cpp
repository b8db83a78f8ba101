// SPDX-License-Identifier: BSL-1.0
#include <mayfly/detail/json_read.hpp>
#include <mayfly/invocation_report.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <set>
#include <string>

using namespace std::chrono_literals;
using mayfly::end_for;
using mayfly::invocation_end;
using mayfly::invocation_report;
using mayfly::leave_reason;

TEST_CASE("a report is one line of JSON")
{
    invocation_report r{
        .end = invocation_end::idle,
        .identity = "id@fn",
        .warnings = {"hook \"flush\" failed"},
        .work = {.received = {1, 2, 3}, .completed = 5, .busy = 1},
        .connect = 200ms,
        .poll = 52800ms,
        .idle = 50s,
        .drain = 1s,
        .hooks = 1us,
        .close = 0s,
        .hooks_run = 2,
        .hooks_failed = 1,
    };
    CHECK(to_json(r) == R"({"end":"idle","ok":true,"identity":"id@fn",)"
                        R"("tasks":{"workflow":1,"activity":2,"nexus":3,"completed":5,"unfinished":1},)"
                        R"("seconds":{"connect":0.2,"poll":52.8,"idle":50,"drain":1,"hooks":1e-06,"close":0},)"
                        R"("hooks":{"run":2,"failed":1},"warnings":["hook \"flush\" failed"]})");
    CHECK(mayfly::detail::read_json(to_json(r)).error == "");

    r.end = invocation_end::connect_failed;
    r.error = "connecting to \xFF\nfailed";
    const auto read = mayfly::detail::read_json(to_json(r));
    REQUIRE(read);
    CHECK(read.root.find("ok")->boolean == false);
    CHECK(read.root.find("error")->text == "connecting to \xEF\xBF\xBD\nfailed");
}

TEST_CASE("every end has a name of its own and is a success or a failure")
{
    using enum invocation_end;
    std::set<std::string> names;
    for (invocation_end e : {running, deadline, activity_timeout, idle, thinned, cancelled}) {
        CHECK_FALSE(failed(e));
        names.insert(std::string(to_string(e)));
    }
    for (invocation_end e : {deadline_too_near, stopped, connect_failed, start_failed, worker_failed}) {
        CHECK(failed(e));
        names.insert(std::string(to_string(e)));
    }
    CHECK(names.size() == 11);
    CHECK(names.count("unknown") == 0);
    CHECK(to_string(static_cast<invocation_end>(99)) == "unknown");
}

TEST_CASE("each reason to leave ends an invocation in its own way")
{
    for (leave_reason r :
        {leave_reason::deadline, leave_reason::activity_timeout, leave_reason::idle, leave_reason::thinned})
        CHECK(to_string(end_for(r)) == to_string(r));
    CHECK(end_for(leave_reason::none) == invocation_end::running);
    CHECK(end_for(static_cast<leave_reason>(99)) == invocation_end::deadline);
}

TEST_CASE("received tasks are counted over all types")
{
    CHECK(mayfly::worker_activity{.received = {1, 20, 300}}.received_in_all() == 321);
}
