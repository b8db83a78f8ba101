// SPDX-License-Identifier: BSL-1.0
#include <mayfly/local/memory.hpp>

#include <doctest/doctest.h>

#include <optional>

#include <unistd.h>

namespace {

using namespace mayfly::local;

TEST_CASE("a process's line is read")
{
    struct row {
        const char* why;
        const char* line;
        std::optional<process_memory> read;
    };
    const row rows[] = {
        {"as it is", "42 (cat) R 1 2 77 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 333 22\n",
            process_memory{77, 333}},
        {"a name like fields", "42 (a) R 9 (b) S 1 2 77 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 333 22",
            process_memory{77, 333}},
        {"cut off", "42 (cat) R 1 2 77 4 5", {}},
        {"no number", "42 (cat) R 1 2 x 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 333 22", {}},
        {"no name", "42 R 1 2 3", {}},
        {"nothing", "", {}},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(parse_stat(r.line) == r.read, r.why);
}

TEST_CASE("a process's peak is read")
{
    CHECK(parse_peak("Name:\tcat\nVmPeak:\t 9 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 5 kB\n") == 1234U * 1024);
    CHECK(parse_peak("Name:\tkthreadd\n") == 0);
    CHECK(parse_peak("VmHWM:") == 0);
    CHECK(parse_peak("") == 0);
}

TEST_CASE("this process uses some memory, and no more than its peak")
{
    const auto all = resident_by_session();
    const auto mine = all.find(::getsid(0));
    REQUIRE(mine != all.end());
    CHECK(mine->second > 100'000);
    CHECK(peak_of(::getpid()) > 100'000);
    CHECK(peak_of(0) == 0);
}

}  // namespace
