// SPDX-License-Identifier: BSL-1.0
#include <mayfly/local/log_text.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

using namespace mayfly::local;

using texts = std::vector<std::string>;

TEST_CASE("output becomes lines")
{
    struct row {
        const char* why;
        texts written;
        texts lines;
    };
    const row rows[] = {
        {"a line", {"one\n"}, {"one"}},
        {"several at once", {"one\ntwo\n\nfour\n"}, {"one", "two", "", "four"}},
        {"one in pieces", {"o", "n", "e", "\n", "t"}, {"one", "t"}},
        {"the last without an end", {"one\ntwo"}, {"one", "two"}},
        {"a carriage return goes with its line end", {"one\r\ntwo\r", "\n"}, {"one", "two"}},
        {"as long as may be", {"12345678\n", "1234", "5678", "\n"}, {"12345678", "12345678"}},
        {"longer ones are broken", {"123456789\n"}, {"12345678", "9"}},
        {"in pieces too", {"1234", "56789", "0123456789\n"}, {"12345678", "90123456", "789"}},
        {"nothing", {"", ""}, {}},
    };
    for (const row& r : rows) {
        texts got;
        const auto take = [&](std::string_view line) { got.emplace_back(line); };
        line_splitter lines(8);
        for (const std::string& w : r.written)
            lines.feed(w, take);
        lines.finish(take);
        CHECK_MESSAGE(got == r.lines, r.why);
    }
}

TEST_CASE("the tail is the last 4 KiB")
{
    log_tail tail;
    tail.add("first");
    CHECK(tail.take() == "first\n");
    CHECK(tail.take().empty());
    for (int i = 0; i < 20'000; ++i)
        tail.add("line " + std::to_string(i));
    const std::string last = tail.take();
    CHECK(last.size() == 4096);
    CHECK(last.ends_with("line 19998\nline 19999\n"));
}

TEST_CASE("the platform's lines")
{
    CHECK(start_line("r-1", "$LATEST") == "START RequestId: r-1 Version: $LATEST");
    CHECK(end_line("r-1") == "END RequestId: r-1");
    CHECK(timed_out_words(3s) == "Task timed out after 3.00 seconds");
    CHECK(timed_out_words(1234ms) == "Task timed out after 1.23 seconds");
    CHECK(timeout_line("r-1", 3s, std::chrono::system_clock::time_point{1'700'000'000'042ms}) ==
          "2023-11-14T22:13:20.042Z r-1 Task timed out after 3.00 seconds");
    CHECK(init_report_line(10'001'230us, "timeout", "") ==
          "INIT_REPORT Init Duration: 10001.23 ms\tPhase: init\tStatus: timeout");
    CHECK(init_report_line(5ms, "error", "Runtime.ExitError") ==
          "INIT_REPORT Init Duration: 5.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError");
}

TEST_CASE("the report of an invocation")
{
    struct row {
        const char* why;
        invocation_numbers numbers;
        const char* line;
    };
    const row rows[] = {
        {"a warm one", {.duration = 3'456us, .memory_mib = 128, .used_mib = 37},
            "REPORT RequestId: r\tDuration: 3.46 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 37 "
            "MB\t"},
        {"the first of a process is billed for its init", {.duration = 1ms, .init = 16'120us, .memory_mib = 256},
            "REPORT RequestId: r\tDuration: 1.00 ms\tBilled Duration: 18 ms\tMemory Size: 256 MB\tMax Memory Used: 0 "
            "MB\tInit Duration: 16.12 ms\t"},
        {"one that failed", {.duration = 3s, .memory_mib = 128, .used_mib = 1, .status = "timeout"},
            "REPORT RequestId: r\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory "
            "Used: 1 MB\tStatus: timeout\t"},
        {"and why", {.memory_mib = 128, .status = "error", .error_type = "Runtime.ExitError"},
            "REPORT RequestId: r\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB\tMax Memory Used: 0 "
            "MB\tStatus: error\tError Type: Runtime.ExitError\t"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(report_line("r", r.numbers) == r.line, r.why);
}

}  // namespace
