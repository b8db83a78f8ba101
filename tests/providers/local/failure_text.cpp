// SPDX-License-Identifier: BSL-1.0
#include <mayfly/local/failure_text.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <csignal>

using namespace std::chrono_literals;

namespace {

using namespace mayfly::local;

TEST_CASE("failures in Lambda's words")
{
    struct row {
        const char* why;
        failure_text got;
        const char* payload;
    };
    const row rows[] = {
        {"out of time", timeout_failure("r", 3s),
            R"({"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r Error: Task timed out after 3.00 seconds"})"},
        {"an exit", exit_failure("r", {.code = 1}),
            R"({"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: Runtime exited with error: exit status 1"})"},
        {"a signal", exit_failure("r", {.signal = SIGKILL}),
            R"({"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: Runtime exited with error: signal: killed"})"},
        {"an exit that claims success", exit_failure("r", {}),
            R"({"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: Runtime exited without providing a reason"})"},
        {"no file", entrypoint_failure("r", "/f/bootstrap", ENOENT, false),
            R"({"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: r Error: Couldn't find valid bootstrap(s): [/f/bootstrap]"})"},
        {"no interpreter", entrypoint_failure("r", "/f/bootstrap", ENOENT, true),
            R"({"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: r Error: fork/exec /f/bootstrap: no such file or directory"})"},
        {"not executable", entrypoint_failure("r", "/f/bootstrap", EACCES, true),
            R"({"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: r Error: fork/exec /f/bootstrap: permission denied"})"},
        {"no program", entrypoint_failure("r", "/f/bootstrap", ENOEXEC, true),
            R"({"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: r Error: fork/exec /f/bootstrap: exec format error"})"},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(r.got.payload == r.payload, r.why);
        CHECK_MESSAGE(r.got.payload.find('"' + r.got.type + '"') != std::string::npos, r.why);
    }
}

}  // namespace
