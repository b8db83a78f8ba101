// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/testing/replayer.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace mayfly::temporal;
using namespace mayfly::temporal::testing;
using namespace std::chrono_literals;

namespace replay_test {

/// A workflow that slept for an hour and then returned what it was given.
const std::string slept = R"({"events": [
 {"eventId": "1", "eventType": "WorkflowExecutionStarted", "eventTime": "2026-01-01T00:00:00Z",
  "workflowExecutionStartedEventAttributes": {"workflowType": {"name": "nap"}, "taskQueue": {"name": "q"},
   "workflowId": "w", "originalExecutionRunId": "8d4b1f6e-0000-4000-8000-000000000001",
   "input": {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "Nw=="}]}}},
 {"eventId": "2", "eventType": "WorkflowTaskScheduled", "workflowTaskScheduledEventAttributes": {}},
 {"eventId": "3", "eventType": "WorkflowTaskStarted", "eventTime": "2026-01-01T00:00:01Z",
  "workflowTaskStartedEventAttributes": {"scheduledEventId": "2"}},
 {"eventId": "4", "eventType": "WorkflowTaskCompleted",
  "workflowTaskCompletedEventAttributes": {"scheduledEventId": "2", "startedEventId": "3"}},
 {"eventId": "5", "eventType": "TimerStarted",
  "timerStartedEventAttributes":
   {"timerId": "1", "startToFireTimeout": "3600s", "workflowTaskCompletedEventId": "4"}},
 {"eventId": "6", "eventType": "TimerFired",
  "timerFiredEventAttributes": {"timerId": "1", "startedEventId": "5"}},
 {"eventId": "7", "eventType": "WorkflowTaskScheduled", "workflowTaskScheduledEventAttributes": {}},
 {"eventId": "8", "eventType": "WorkflowTaskStarted", "eventTime": "2026-01-01T01:00:01Z",
  "workflowTaskStartedEventAttributes": {"scheduledEventId": "7"}},
 {"eventId": "9", "eventType": "WorkflowTaskCompleted",
  "workflowTaskCompletedEventAttributes": {"scheduledEventId": "7", "startedEventId": "8"}},
 {"eventId": "10", "eventType": "WorkflowExecutionCompleted",
  "workflowExecutionCompletedEventAttributes": {"workflowTaskCompletedEventId": "9"}}
]})";

workflow::task<int> nap(workflow::context& ctx, int n)
{
    co_await ctx.sleep(1h);
    co_return n;
}

workflow::task<int> nap_twice(workflow::context& ctx, int n)
{
    co_await ctx.sleep(1h);
    co_await ctx.sleep(1h);
    co_return n;
}

workflow::task<int> no_nap(workflow::context&, int n)
{
    co_return n;
}

workflow::task<int> bad_dream(workflow::context& ctx, int)
{
    co_await ctx.sleep(1h);
    throw std::logic_error("a bad dream");
}

/// A folder for the test's own files.
struct folder {
    std::filesystem::path at{};

    folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "mayfly-replay-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        at = name;
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() { std::filesystem::remove_all(at); }

    [[nodiscard]] std::string write(const std::string& name, const std::string& what) const
    {
        std::ofstream(at / name, std::ios::binary) << what;
        return (at / name).string();
    }
};

}  // namespace replay_test

using namespace replay_test;

TEST_CASE("code that does what history says replays, and what does not is told of")
{
    struct row {
        const char* why;
        workflow::task<int> (*code)(workflow::context&, int);
        replay_verdict verdict;
        const char* words;
    };
    const row rows[] = {
        {"the same as then", nap, replay_verdict::ok, ""},
        {"a step more", nap_twice, replay_verdict::nondeterministic, "event 10, WorkflowExecutionCompleted"},
        {"a step less", no_nap, replay_verdict::nondeterministic, "event 5, TimerStarted"},
        {"an exception that nobody expects", bad_dream, replay_verdict::failed, "a bad dream"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        workflow_registry all;
        all.add("nap", r.code);
        const auto seen = replay(slept, all);
        const std::string& words = seen.words;
        CHECK_MESSAGE(to_string(seen.verdict) == to_string(r.verdict), words);
        CHECK_MESSAGE(words.find(r.words) != std::string::npos, words);
        CHECK(seen.workflow_type == "nap");
        CHECK(seen.workflow_id == "w");
        CHECK(seen.run_id == "8d4b1f6e-0000-4000-8000-000000000001");
        CHECK(seen.events == 10);
        CHECK(seen.closed);
    }
}

TEST_CASE("a history replays as far as it goes")
{
    workflow_registry all;
    all.add("nap", nap);
    auto h = read_history(slept).value().message;
    while (h.events_size() > 1) {
        h.mutable_events()->RemoveLast();
        const int left = h.events_size();
        const auto seen = replay(h, all);
        // Nobody saves one in the middle of what a server writes at once: a task's end with its commands.
        const bool torn = left == 4 || left == 9;
        CHECK_MESSAGE(seen.ok() != torn, "up to event ", left, ": ", seen.words);
        CHECK_FALSE(seen.closed);
    }
}

TEST_CASE("a run that was reset replays under its own id, where that is told")
{
    workflow_registry all;
    std::string seen;
    all.add("nap", [&seen](workflow::context& ctx, int n) -> workflow::task<int> {
        seen = ctx.info().run_id;
        co_await ctx.sleep(1h);
        co_return n;
    });
    CHECK(replay(slept, all).ok());
    CHECK(seen == "8d4b1f6e-0000-4000-8000-000000000001");
    replay_options own;
    own.run_id = "another";
    const auto report = replay(slept, all, own);
    CHECK(report.ok());
    CHECK(report.run_id == "another");
    CHECK(seen == "another");
}

TEST_CASE("what is no history, or of a workflow that is not here, is told apart")
{
    workflow_registry all;
    all.add("other", nap);
    const auto stranger = replay(slept, all);
    CHECK(stranger.verdict == replay_verdict::not_registered);
    CHECK(stranger.words == "no workflow is registered as \"nap\"; there are: other");
    CHECK(replay("{}", all).words == "there are no events in it");
    CHECK(replay("{", all).verdict == replay_verdict::unreadable);
    CHECK(replay(R"([{"eventId": "5"}])", all).words.find("save it from the start") != std::string::npos);
}

TEST_CASE("a program that replays tells of each file, and its status is the worst of them")
{
    const folder mine;
    const std::string good = mine.write("good.json", slept);
    const std::string bytes = mine.write("good.bin", read_history(slept).value().message.SerializeAsString());
    const std::string cut = mine.write("cut.json", slept.substr(0, 300));
    std::string renamed = slept;
    renamed.replace(renamed.find("\"nap\""), 5, "\"lie\"");
    const std::string stranger = mine.write("stranger.json", renamed);
    const std::string missing = (mine.at / "missing.json").string();
    struct row {
        const char* why;
        std::vector<std::string> words;
        int status;
        std::string told;
    };
    const row rows[] = {
        {"all is well", {good, bytes}, 0, "2 of 2 histories replay"},
        {"one is of another program", {good, stranger}, 1, "no workflow is registered as \"lie\""},
        {"a file that is not there", {stranger, missing, good}, 2, "the file cannot be read: No such file"},
        {"one that was cut", {cut}, 2, "unreadable: not JSON"},
        {"for programs", {"--json", good}, 0, R"("verdict":"ok","workflowType":"nap","workflowId":"w")"},
        {"nothing to do", {}, 2, "usage: "},
        {"an option that is none", {"--fast", good}, 2, "usage: "},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        std::vector<const char*> words{"program"};
        for (const std::string& w : r.words)
            words.push_back(w.c_str());
        std::ostringstream out;
        const int status = run_replayer(
            static_cast<int>(words.size()), words.data(), [](worker_setup& s) { s.workflow("nap", nap); }, out);
        CHECK(status == r.status);
        const std::string told = out.str();
        CHECK_MESSAGE(told.find(r.told) != std::string::npos, told);
    }
}

TEST_CASE("a program whose setup is wrong says so, and replays nothing")
{
    std::ostringstream out;
    const char* const words[] = {"program", "file"};
    CHECK(run_replayer(
              2, words, [](worker_setup&) { throw std::runtime_error("the shop is closed"); }, out) == 2);
    CHECK(out.str() == "the configuration failed: the shop is closed\n");
    out.str("");
    const auto twice = [](worker_setup& s) {
        s.workflow("nap", nap);
        s.workflow("nap", nap);
    };
    CHECK(run_replayer(2, words, twice, out) == 2);
    CHECK(out.str().find("registered twice") != std::string::npos);
}
