// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_call.hpp>
#include <mayfly/temporal/activity_registry.hpp>
#include <mayfly/temporal/detail/activity_attempt.hpp>
#include <mayfly/temporal/detail/blocking_pool.hpp>
#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/interceptor.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/** Calls the functions of activities, wherever each is to run.

    `ended` is called once for each attempt that was begun, on the executor, with its outcome in it; not after `stop`.
*/
class activity_calls : public std::enable_shared_from_this<activity_calls> {
public:
    using attempt_ptr = std::shared_ptr<activity_attempt>;

    activity_calls(boost::asio::any_io_executor executor, std::size_t threads, hooks<activity_call> asked,
        std::function<void(const attempt_ptr&)> ended)
        : executor_(std::move(executor)), asked_(std::move(asked)), ended_(std::move(ended)), pool_(threads)
    {}

    /// Its type is known.
    void begin(const attempt_ptr& a)
    {
        a->asked = asked_;
        if (a->type->await) {
            auto then = [self = shared_from_this(), a](std::exception_ptr thrown, api::common::Payload value) {
                self->end(a, told(*a, {std::move(value), std::move(thrown)}));
            };
            std::optional<boost::asio::awaitable<api::common::Payload>> running;
            try {
                ask_interceptors(*a);
                running = a->type->await(a->context);
            } catch (...) {
                return end(a, told(*a, {{}, std::current_exception()}));  // before it was a coroutine
            }
            boost::asio::co_spawn(
                executor_, *std::move(running), boost::asio::bind_cancellation_slot(a->cancel.slot(), std::move(then)));
            if (a->context.cancelled() && !a->has_ended)
                a->cancel.emit(boost::asio::cancellation_type::terminal);
        } else if (a->type->options.runs_on == runs_on::executor) {
            end(a, run_to_end(*a));
        } else if (!pool_.run(job{this, a})) {
            fail(a, std::make_exception_ptr(
                        application_error("the system gives the worker no thread", {.type = "NoThread"})));
        }
    }

    void fail(const attempt_ptr& a, std::exception_ptr why) { end(a, {{}, std::move(why)}); }

    void cancel(const attempt_ptr& a, cancel_reason why)
    {
        a->context.cancel(why);
        // From outside of the executor Asio would post the signal, and the coroutine may be gone by then.
        if (a->type && a->type->await)
            boost::asio::dispatch(executor_, [a] {
                if (!a->has_ended)
                    a->cancel.emit(boost::asio::cancellation_type::terminal);
            });
    }

    /// Cancels all that run, which are these. Nothing of other threads is heard after this.
    void stop(const std::vector<attempt_ptr>& running)
    {
        stopped_ = true;
        for (const auto& a : running) {
            a->context.on_heartbeat({});
            const std::scoped_lock lock(a->gate.mutex);
            a->gate.open = false;
        }
        for (const auto& a : running)
            cancel(a, cancel_reason::worker_shutdown);
        pool_.close();
    }

    [[nodiscard]] std::size_t threads() const noexcept { return pool_.threads(); }

private:
    struct job {
        activity_calls* calls;  // only used while the gate is open, and then it is there
        attempt_ptr a;

        void operator()()
        {
            auto outcome = run_to_end(*a);
            const std::scoped_lock lock(a->gate.mutex);
            if (a->gate.open)
                boost::asio::post(calls->executor_,
                    [self = calls->shared_from_this(), a = a, outcome = std::move(outcome)]() mutable {
                        self->end(a, std::move(outcome));
                    });
        }
    };

    void end(const attempt_ptr& a, attempt_outcome outcome)
    {
        if (std::exchange(a->has_ended, true) || stopped_)
            return;
        a->outcome = std::move(outcome);
        ended_(a);
    }

    boost::asio::any_io_executor executor_;
    hooks<activity_call> asked_;
    std::function<void(const attempt_ptr&)> ended_;
    blocking_pool<job> pool_;
    bool stopped_ = false;
};

/// Why an activity cannot be run.
[[nodiscard]] inline std::exception_ptr unregistered_activity(std::string_view type, const activity_registry* known)
{
    std::string words = "activity \"" + std::string(type) + "\" is not registered on this worker, which has ";
    std::size_t n = 0;
    for (const std::string& name : known != nullptr ? known->names() : std::vector<std::string>{})
        words += (n++ == 0 ? "" : ", ") + name;
    return std::make_exception_ptr(application_error(n == 0 ? words + "none" : words, {.type = "NotRegistered"}));
}

}  // namespace mayfly::temporal::detail
