// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>
#include <mayfly/local/log_text.hpp>
#include <mayfly/local/process.hpp>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

// What the caller of a function is told when the function did not get to tell it itself.

namespace mayfly::local {

/// A failure of an invocation: the kind by itself, and the whole payload.
struct failure_text {
    std::string type{};
    std::string payload{};

    friend bool operator==(const failure_text&, const failure_text&) = default;
};

/// @param words come behind `RequestId: ID Error: `
[[nodiscard]] inline failure_text make_failure(std::string type, std::string_view request_id, std::string_view words)
{
    failure_text out{std::move(type), {}};
    std::string message = "RequestId: ";
    message.append(request_id).append(" Error: ").append(words);
    mayfly::detail::json_writer json(out.payload);
    json.begin_object().member("errorType", out.type).member("errorMessage", message).end_object();
    return out;
}

[[nodiscard]] inline failure_text timeout_failure(std::string_view request_id, std::chrono::milliseconds timeout)
{
    return make_failure("Sandbox.Timedout", request_id, timed_out_words(timeout));
}

[[nodiscard]] inline failure_text exit_failure(std::string_view request_id, const process_exit& how)
{
    return make_failure("Runtime.ExitError", request_id,
        how == process_exit{} ? "Runtime exited without providing a reason"
                              : "Runtime exited with error: " + to_string(how));
}

/// A bootstrap that could not be made a process.
[[nodiscard]] inline failure_text entrypoint_failure(
    std::string_view request_id, const std::string& file, int error, bool exists)
{
    if (error == ENOENT && !exists)
        return make_failure(
            "Runtime.InvalidEntrypoint", request_id, "Couldn't find valid bootstrap(s): [" + file + ']');
    // A file that is there is not found when the interpreter it names is not.
    std::string words = "fork/exec " + file + ": ";
    switch (error) {
    case ENOENT: words += "no such file or directory"; break;
    case EACCES: words += "permission denied"; break;
    case ENOEXEC: words += "exec format error"; break;
    default: words += boost::system::error_code(error, boost::system::system_category()).message();
    }
    return make_failure("Runtime.InvalidEntrypoint", request_id, words);
}

}  // namespace mayfly::local
