// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_call.hpp>
#include <mayfly/temporal/activity_context.hpp>
#include <mayfly/temporal/activity_registry.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/detail/activity_verdict.hpp>
#include <mayfly/temporal/detail/heartbeat_throttle.hpp>
#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/metrics.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// How the function of an activity ended.
struct attempt_outcome {
    api::common::Payload value{};
    std::exception_ptr thrown{};
};

/// One activity that runs. Only `context` and `gate` are for other threads.
struct activity_attempt : std::enable_shared_from_this<activity_attempt> {
    activity_attempt(api::PollActivityTaskQueueResponse task, const data_converter& converter,
        const std::string& task_queue, const metric_sink& metrics, std::chrono::nanoseconds between_heartbeats,
        bool is_local)
        : context(std::move(task), converter, task_queue, metrics), local(is_local), throttle(between_heartbeats)
    {}

    activity_context context;
    bool local;
    std::shared_ptr<const activity_type> type{};  // kept: the registry may go before a function that does not stop
    hooks<activity_call> asked{};                 // kept for the same reason
    std::vector<end_listener> listeners{};        // of the interceptors
    boost::asio::cancellation_signal cancel{};    // of a coroutine
    heartbeat_throttle throttle;
    std::chrono::steady_clock::time_point deadline{};
    std::chrono::steady_clock::time_point heard{};
    std::size_t place = 0;      // among those that run
    bool given_up = false;      // it is too late for a report
    bool has_ended = false;     // the function has
    bool report_waits = false;  // for a heartbeat that is under way
    bool cut_short = false;     // its report was too large once
    attempt_outcome outcome{};  // then

    // What another thread has to say is only heard while this is open.
    struct {
        std::mutex mutex{};
        bool open = true;
    } gate{};
};

/// The exception that is being handled ends an activity like this.
[[nodiscard]] inline activity_end end_of(const std::exception_ptr& thrown, const activity_context& context)
{
    if (!thrown)
        return context.completes_elsewhere() ? activity_end::elsewhere : activity_end::value;
    try {
        std::rethrow_exception(thrown);
    } catch (const cancelled_error&) {
        return activity_end::cancelled;
    } catch (const boost::system::system_error& e) {
        // What Asio's operations say when the coroutine that waits for them is cancelled.
        const bool aborted = e.code() == boost::asio::error::operation_aborted;
        return aborted && context.cancelled() ? activity_end::cancelled : activity_end::failed;
    } catch (...) {
        return activity_end::failed;
    }
}

/// Throws what interceptors throw.
inline void ask_interceptors(activity_attempt& a)
{
    if (!a.asked)
        return;
    activity_call call{a.context, a.local, a.listeners};
    ask(a.asked, call);
}

/// What becomes of an outcome, once interceptors have heard of it.
[[nodiscard]] inline attempt_outcome told(activity_attempt& a, attempt_outcome out)
{
    if (!a.listeners.empty())
        tell_end(a.listeners, {out.thrown ? nullptr : &out.value, out.thrown, false}, out.thrown);
    return out;
}

/// Calls a function that is no coroutine.
[[nodiscard]] inline attempt_outcome run_to_end(activity_attempt& a) noexcept
{
    attempt_outcome out;
    try {
        ask_interceptors(a);
        out.value = a.type->run(a.context);
    } catch (...) {
        out.thrown = std::current_exception();
    }
    return told(a, std::move(out));
}

}  // namespace mayfly::temporal::detail
