// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/detail/seconds_text.hpp>
#include <mayfly/invocation_report.hpp>
#include <mayfly/leaving.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly {

/// What is known when an invocation begins. Times count from its arrival.
struct invocation_plan {
    uptime deadline = never;                                 ///< `never` outside of a function.
    uptime shutdown_buffer = std::chrono::seconds{7};        ///< Polling stops this much before the deadline.
    uptime stop_timeout = std::chrono::seconds{5};           ///< The longest wait for running tasks after that.
    uptime hook_allowance = std::chrono::seconds{2};         ///< Draining never reaches into this last part.
    uptime exit_allowance = std::chrono::milliseconds{200};  ///< Nor hooks into this one: to close and to report.
    leave_rules rules{};                                     ///< When to leave before the deadline.
    std::string target{};                                    ///< Where the queue is, for messages.
    std::string identity{};
    std::vector<std::string> hooks{};  ///< Names of the shutdown hooks, in order.
};

/// Less than this between arrival and the moment to stop polling is worth a warning; `least_polling` or less is
/// refused.
inline constexpr uptime little_polling = std::chrono::seconds{5};

/// A hook has all the time that is left, but for this much for each hook that follows: one that hangs does not take the
/// others with it.
inline constexpr uptime least_hook_time = std::chrono::milliseconds{100};

/// Something that happened to an invocation.
struct invocation_event {
    enum kind : std::uint8_t {
        begin,
        connected,
        connect_failed,
        started,
        start_failed,
        changed,        ///< `activity` is new.
        worker_failed,  ///< For good.
        drained,        ///< No task runs and no poll is under way. With words: something went wrong on the way.
        worker_stopped,
        hook_done,
        hook_failed,
        client_closed,
        close_failed,
        cancelled,  ///< Somebody asks for the end. Whatever is waited for now is cut short; what follows still happens.
        timer,      ///< The time given with the last action has come.
    };

    kind what = timer;
    std::string_view words{};    ///< Of a failure.
    worker_activity activity{};  ///< For `changed` and `worker_stopped`.
    double u = 0;                ///< Uniform in [0, 1), for `changed`, `started` and `timer`.
};

/// What to do next.
struct invocation_action {
    enum kind : std::uint8_t {
        wait,     ///< Nothing new; what was begun goes on.
        connect,  ///< Get a client.
        start,    ///< Make a worker of it, and start it.
        poll,     ///< Report the next change of its activity.
        drain,    ///< Stop polling, wait for running tasks.
        stop,     ///< Stop the worker at once and for good. `worker_stopped` follows immediately.
        hook,     ///< Run hook number `index`.
        close,    ///< Close the client.
        finish,   ///< The report is complete.
    };

    kind what = wait;
    uptime until = never;   ///< Then send `timer`. For anything but `poll`, what is under way is to be done by then.
    std::size_t index = 0;  ///< For `hook`.

    friend bool operator==(const invocation_action&, const invocation_action&) = default;
};

/** The life of one worker in one function invocation: check the deadline, connect, start, poll, drain, run the hooks,
   close.

    Each event is answered by one action. An action that is not `wait` ends what was under way before, whether or not it
    has ended by itself; an event that no longer fits is ignored. The order is fixed: no poll follows a drain, the
   worker has stopped before the first hook, hooks run in their order, and every client is closed once, at the end. Only
   an invocation without time to work ends without its hooks.
*/
class invocation_machine {
public:
    explicit invocation_machine(invocation_plan plan) : plan_{std::move(plan)}
    {
        report_.identity = plan_.identity;
        if (plan_.deadline != never)
            stop_at_ = plan_.deadline - plan_.shutdown_buffer;
    }

    invocation_action on(const invocation_event& e, uptime now)
    {
        switch (step_) {
        case step::none: return e.what == invocation_event::begin ? begin(now) : idle();
        case step::connecting: return connecting(e, now);
        case step::starting: return starting(e, now);
        case step::polling: return polling(e, now);
        case step::draining: return draining(e, now);
        case step::stopping: return stopping(e, now);
        case step::hooks: return hooks(e, now);
        case step::closing: return closing(e, now);
        case step::done: break;
        }
        return idle();
    }

    /// Complete after `finish`; before that, what is known so far.
    [[nodiscard]] const invocation_report& report() const noexcept { return report_; }

private:
    enum class step : std::uint8_t { none, connecting, starting, polling, draining, stopping, hooks, closing, done };
    using event = invocation_event;
    using action = invocation_action;

    invocation_action begin(uptime now)
    {
        if (stop_at_ != never) {
            const uptime work = stop_at_ - now;
            if (work <= least_polling) {
                end(invocation_end::deadline_too_near, too_near(work, now));
                return enter(step::done, now, action::finish);
            }
            if (work < little_polling)
                warn(too_near(work, now));
        }
        return enter(step::connecting, now, action::connect, stop_at_);
    }

    invocation_action connecting(const event& e, uptime now)
    {
        switch (e.what) {
        case event::connected:
            has_client_ = true;
            if (now < stop_at_)
                return enter(step::starting, now, action::start, stop_at_);
            // A worker that may not poll is not started: its first poll could take a task that it then loses.
            warn("connecting took all the time there was to poll");
            end(invocation_end::deadline);
            return begin_hooks(now);
        case event::connect_failed:
            end(invocation_end::connect_failed, "connecting to " + plan_.target + " failed: " + std::string(e.words));
            return begin_hooks(now);
        case event::timer:
            if (now < until_)
                break;
            end(invocation_end::connect_failed, "connecting to " + plan_.target +
                                                    " took longer than there was time to poll, " +
                                                    detail::seconds_text(now - mark_));
            return begin_hooks(now);
        case event::cancelled: end(invocation_end::stopped, "cancelled while connecting"); return begin_hooks(now);
        default: break;
        }
        return idle();
    }

    invocation_action starting(const event& e, uptime now)
    {
        switch (e.what) {
        case event::started: return begin_polling(e, now);
        case event::start_failed:
            end(invocation_end::start_failed, "starting the worker failed: " + std::string(e.words));
            return enter(step::stopping, now, action::stop);
        case event::timer:
            if (now < until_)
                break;
            end(invocation_end::start_failed, "the worker did not start while there was time to poll");
            return enter(step::stopping, now, action::stop);
        case event::cancelled:
            end(invocation_end::stopped, "cancelled while the worker started");
            return enter(step::stopping, now, action::stop);
        default: break;
        }
        return idle();
    }

    invocation_action begin_polling(const event& e, uptime now)
    {
        poll_window window{.from = now, .stop_at = stop_at_, .drained_by = never};
        if (stop_at_ != never)
            window.drained_by = std::max(stop_at_, drain_limit(stop_at_));
        voluntary_limit_ = window.drained_by;
        const uptime timeout = plan_.rules.activity_timeout;
        if (timeout > uptime::zero() && window.drained_by != never &&
            window.drained_by - timeout < later(now, least_polling))
            warn("a task of activity_timeout, " + detail::seconds_text(timeout) +
                 ", cannot finish in this function: it is lost unless it is shorter than " +
                 detail::seconds_text(window.drained_by - now) +
                 "; raise the function's timeout, or make the tasks shorter");
        leaving_ = leaving{plan_.rules, 1, window};
        enter(step::polling, now, action::poll);
        looked_ = now;
        const leaving::verdict v = leaving_.decide(now, e.u);
        return v.leave() ? leave(v.reason, now) : again(action::poll, v.look);
    }

    invocation_action polling(const event& e, uptime now)
    {
        if (report_.work.busy == 0)
            report_.idle += now - looked_;
        looked_ = now;
        switch (e.what) {
        case event::changed: {
            const bool moved =
                e.activity.received != report_.work.received || e.activity.completed != report_.work.completed;
            report_.work = e.activity;
            leaving_.observe(now, e.activity.busy + (e.activity.waiting ? 0U : 1U), e.activity.load, moved);
            const leaving::verdict v = leaving_.decide(now, e.u);
            return v.leave() ? leave(v.reason, now) : again(action::poll, v.look);
        }
        case event::timer: {
            const leaving::verdict v = leaving_.decide(now, e.u);
            return v.leave() ? leave(v.reason, now) : again(action::wait, v.look);
        }
        case event::worker_failed:
            end(invocation_end::worker_failed, "the worker failed: " + std::string(e.words));
            return enter(step::draining, now, action::drain, drain_limit(now));
        case event::cancelled:
            end(invocation_end::cancelled);
            return enter(step::draining, now, action::drain, drain_limit(now));
        default: break;
        }
        return idle();
    }

    // Who leaves before the time has time: running tasks may use what they would have had otherwise.
    invocation_action leave(leave_reason why, uptime now)
    {
        end(end_for(why));
        const uptime limit = why == leave_reason::deadline ? drain_limit(now) : std::max(now, voluntary_limit_);
        return enter(step::draining, now, action::drain, limit);
    }

    invocation_action draining(const event& e, uptime now)
    {
        switch (e.what) {
        case event::drained:
            if (!e.words.empty())
                warn("draining the worker failed: " + std::string(e.words));
            return enter(step::stopping, now, action::stop);
        case event::timer:
            if (now < until_)
                break;
            return enter(step::stopping, now, action::stop);
        case event::cancelled: return enter(step::stopping, now, action::stop);
        default: break;
        }
        return idle();
    }

    invocation_action stopping(const event& e, uptime now)
    {
        if (e.what != event::worker_stopped)
            return idle();
        report_.work = e.activity;
        if (const auto n = report_.work.busy; n > 0)
            warn(std::to_string(n) + (n == 1 ? " task was" : " tasks were") +
                 " still running when the worker stopped; the queue will hand " + (n == 1 ? "it" : "them") +
                 " out again");
        return begin_hooks(now);
    }

    invocation_action begin_hooks(uptime now)
    {
        enter(step::hooks, now, action::wait);
        return next_hook(now);
    }

    invocation_action next_hook(uptime now)
    {
        if (report_.hooks_run < plan_.hooks.size()) {
            const auto following = static_cast<uptime::rep>(plan_.hooks.size() - report_.hooks_run - 1);
            const uptime until = exit_limit(now, plan_.exit_allowance + following * least_hook_time);
            return again(action::hook, until, report_.hooks_run++);
        }
        if (has_client_)
            return enter(step::closing, now, action::close, exit_limit(now, plan_.exit_allowance / 2));
        return enter(step::done, now, action::finish);
    }

    invocation_action hooks(const event& e, uptime now)
    {
        switch (e.what) {
        case event::hook_done: return now > until_ ? hook_failed("took longer than it had", now) : next_hook(now);
        case event::hook_failed: return hook_failed("failed: " + std::string(e.words), now);
        case event::timer:
            if (now < until_)
                break;
            return hook_failed("was not done in time", now);
        case event::cancelled: return hook_failed("was cancelled", now);
        default: break;
        }
        return idle();
    }

    invocation_action hook_failed(const std::string& how, uptime now)
    {
        ++report_.hooks_failed;
        warn("shutdown hook \"" + plan_.hooks[report_.hooks_run - 1] + "\" " + how);
        return next_hook(now);
    }

    invocation_action closing(const event& e, uptime now)
    {
        switch (e.what) {
        case event::client_closed: return enter(step::done, now, action::finish);
        case event::close_failed: warn("closing the client failed: " + std::string(e.words)); break;
        case event::timer:
            if (now < until_)
                return idle();
            warn("closing the client was not done in time");
            break;
        case event::cancelled: warn("closing the client was cancelled"); break;
        default: return idle();
        }
        return enter(step::done, now, action::finish);
    }

    /// Running tasks get the stop timeout, but never the time of the hooks.
    [[nodiscard]] uptime drain_limit(uptime from) const noexcept
    {
        const uptime limit = later(from, plan_.stop_timeout);
        return plan_.deadline == never ? limit : std::max(from, std::min(limit, plan_.deadline - plan_.hook_allowance));
    }

    /// The end, less what the following steps need. Without a deadline nothing may keep us waiting for ever either.
    [[nodiscard]] uptime exit_limit(uptime now, uptime reserve) const noexcept
    {
        return plan_.deadline == never ? later(now, plan_.hook_allowance) : std::max(now, plan_.deadline - reserve);
    }

    [[nodiscard]] std::string too_near(uptime work, uptime now) const
    {
        return detail::seconds_text(work) + " of work time: " + detail::seconds_text(plan_.deadline - now) +
               " until the deadline, less a shutdown_buffer of " + detail::seconds_text(plan_.shutdown_buffer) +
               "; more than " + detail::seconds_text(least_polling) +
               " is needed: raise the function's timeout, or lower shutdown_buffer";
    }

    void warn(std::string words) { report_.warnings.push_back(std::move(words)); }

    void end(invocation_end how, std::string error = {})
    {
        report_.end = how;
        report_.error = std::move(error);
    }

    invocation_action enter(step next, uptime now, action::kind what, uptime until = never)
    {
        const uptime spent = now - mark_;
        switch (step_) {
        case step::connecting:
        case step::starting: report_.connect += spent; break;
        case step::polling: report_.poll += spent; break;
        case step::draining:
        case step::stopping: report_.drain += spent; break;
        case step::hooks: report_.hooks += spent; break;
        case step::closing: report_.close += spent; break;
        case step::none:
        case step::done: break;
        }
        mark_ = now;
        step_ = next;
        return again(what, until);
    }

    invocation_action again(action::kind what, uptime until, std::size_t index = 0)
    {
        until_ = until;
        return {what, until, index};
    }

    [[nodiscard]] invocation_action idle() const noexcept { return {action::wait, until_, 0}; }

    invocation_plan plan_;
    invocation_report report_{};
    leaving leaving_{};
    step step_ = step::none;
    bool has_client_ = false;
    uptime stop_at_ = never;
    uptime voluntary_limit_ = never;
    uptime until_ = never;
    uptime mark_{0};    // when the present step began
    uptime looked_{0};  // the last event while polling
};

}  // namespace mayfly
