// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/local/function.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What passes between a platform and those who use it.

namespace mayfly::local {

/// One invocation to be made.
struct invoke_request {
    std::string function{};
    std::string version{latest};   ///< Which version runs: `$LATEST` or a number. Aliases are the caller's.
    std::string qualifier{};       ///< As the caller wrote it, for the ARN that the function is told; may be empty.
    std::string payload{};         ///< Any bytes; Lambda takes JSON. Nothing reaches the function as `{}`.
    std::string client_context{};  ///< JSON, not encoded. Only for invocations that are waited for.
    std::string trace_id{};        ///< Empty: one is made up.
    std::string request_id{};      ///< Empty: one is made up.
    std::optional<event_rules> events{};  ///< For an event: other rules than the function's own.
};

/// How an invocation that ran has ended.
struct invoke_result {
    std::string request_id{};
    std::string executed_version{};
    std::string payload{};         ///< The function's answer, or an error object.
    std::string function_error{};  ///< `Unhandled` if the function failed, else empty.
    std::string log_tail{};        ///< The last 4 KiB of what was logged for this invocation.
};

/// One line of a function's log.
struct log_entry {
    enum class source : std::uint8_t {
        platform,  ///< START, END, REPORT and the like.
        function,  ///< What the process wrote to its standard output or standard error.
    };

    source from = source::platform;
    std::string_view function{};
    std::string_view version{};
    std::string_view request_id{};  ///< Empty before the first invocation of a process.
    std::int64_t process = 0;       ///< Its id; zero if there is none.
    std::string_view text{};        ///< Without a line end.
};

/// Something happened. Views are valid during the call only.
struct platform_event {
    enum class kind : std::uint8_t {
        started,         ///< A process was started.
        start_failed,    ///< None could be, or it came to nothing.
        invoked,         ///< An invocation was given to an environment.
        succeeded,       ///< It ended with an answer.
        failed,          ///< It ended with an error, which `detail` names.
        exited,          ///< A process has ended; `detail` says how.
        evicted,         ///< An idle environment was let go.
        throttled,       ///< No room for an invocation; `detail` is the reason.
        event_accepted,  ///< An event was taken into the queue.
        event_retried,   ///< An event will be tried again.
        event_dropped,   ///< An event will not be tried any more; `detail` says why.
    };

    kind what = kind::started;
    std::string_view function{};
    std::string_view version{};
    std::string_view request_id{};
    std::int64_t process = 0;
    std::string_view detail{};
};

[[nodiscard]] constexpr std::string_view to_string(platform_event::kind k) noexcept
{
    using enum platform_event::kind;
    switch (k) {
    case started: return "started";
    case start_failed: return "start_failed";
    case invoked: return "invoked";
    case succeeded: return "succeeded";
    case failed: return "failed";
    case exited: return "exited";
    case evicted: return "evicted";
    case throttled: return "throttled";
    case event_accepted: return "event_accepted";
    case event_retried: return "event_retried";
    case event_dropped: return "event_dropped";
    }
    return "unknown";
}

/// Counts since the platform was made; the last five are as of now.
struct platform_stats {
    std::uint64_t starts = 0;  ///< Processes started.
    std::uint64_t start_failures = 0;
    std::uint64_t invocations = 0;  ///< Given to an environment, retries of events included.
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t throttled = 0;  ///< Refused or put back for want of room.
    std::uint64_t events = 0;     ///< Accepted into the queue.
    std::uint64_t retried = 0;    ///< Tries of events after a failure.
    std::uint64_t dropped = 0;    ///< Events given up.
    std::uint64_t evicted = 0;
    std::size_t running = 0;    ///< Invocations under way.
    std::size_t idle = 0;       ///< Environments that wait for one.
    std::size_t queued = 0;     ///< Events that wait for their next try.
    std::size_t processes = 0;  ///< Processes that have not been reaped.
    std::size_t starting = 0;   ///< Environments that have not said yet that they are ready.
};

}  // namespace mayfly::local
