// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/error.hpp>
#include <mayfly/identity.hpp>
#include <mayfly/invocation_machine.hpp>
#include <mayfly/shutdown_hooks.hpp>
#include <mayfly/worker.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/compose.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly {

/// What the platform says about one invocation. All of it may be missing in a local run.
template <DeadlineClock Clock>
struct basic_invocation_context {
    using clock_type = Clock;

    std::string request_id{};
    std::string function{};                                ///< As it was invoked, with its version or alias.
    std::optional<typename Clock::time_point> deadline{};  ///< From `Clock::from_wall`, on arrival.
    leave_rules orders{};                                  ///< What the controller told this worker.

    /// The last part of the time, in which the client is closed and the platform gets its answer.
    uptime exit_allowance = std::chrono::milliseconds{200};

    /// Gets each warning when it comes up; they are in the report too, which is lost if the platform ends the process.
    std::function<void(std::string_view)> on_warning{};
};

using invocation_context = basic_invocation_context<deadline_clock>;

/// The error an invocation completes with; none for a normal end.
[[nodiscard]] inline boost::system::error_code error_of(invocation_end e) noexcept
{
    switch (e) {
    case invocation_end::deadline_too_near: return errc::deadline_too_near;
    case invocation_end::stopped: return errc::stopped;
    case invocation_end::connect_failed: return errc::connect_failed;
    case invocation_end::start_failed: return errc::start_failed;
    case invocation_end::worker_failed: return errc::worker_failed;
    case invocation_end::running:
    case invocation_end::deadline:
    case invocation_end::activity_timeout:
    case invocation_end::idle:
    case invocation_end::thinned:
    case invocation_end::cancelled: break;
    }
    return {};
}

namespace detail {

/// Does what `invocation_machine` says. Kept alive by the operations that are under way.
template <Connector K, DeadlineClock Clock>
class invocation_run : public std::enable_shared_from_this<invocation_run<K, Clock>> {
public:
    using error_code = boost::system::error_code;
    using client_type = typename K::client_type;
    using worker_type = decltype(std::declval<client_type&>().make_worker(std::declval<const resolved_options&>()));
    using timer_type = boost::asio::basic_waitable_timer<Clock>;

    invocation_run(basic_invocation_context<Clock> context, K& connector, const resolved_options& options,
        const shutdown_hooks& hooks)
        : context_(std::move(context)),
          connector_(&connector),
          options_(&options),
          hooks_(&hooks),
          began_(Clock::now()),
          machine_(plan()),
          timer_(connector.get_executor()),
          done_(connector.get_executor(), Clock::time_point::max()),
          random_(
              static_cast<std::minstd_rand::result_type>(std::hash<std::string>{}(machine_.report().identity) ^
                                                         static_cast<std::size_t>(began_.time_since_epoch().count())))
    {}

    void begin() { on({invocation_event::begin}); }
    void cancel() { on({invocation_event::cancelled}); }

    [[nodiscard]] bool finished() const noexcept { return finished_; }
    [[nodiscard]] const invocation_report& report() const noexcept { return machine_.report(); }
    /// Does not expire before the end.
    [[nodiscard]] timer_type& done() noexcept { return done_; }

private:
    /// One operation that was begun and can be abandoned.
    struct operation {
        boost::asio::cancellation_signal cancel{};
        bool ended = false;
    };
    using operation_ptr = std::shared_ptr<operation>;

    [[nodiscard]] invocation_plan plan() const
    {
        const worker_settings& s = options_->settings();
        return {
            .deadline = context_.deadline ? since_beginning(*context_.deadline) : never,
            .shutdown_buffer = s.shutdown_buffer,
            .stop_timeout = s.stop_timeout,
            .hook_allowance = s.hook_allowance,
            .exit_allowance = context_.exit_allowance,
            .rules = options_->rules(context_.orders),
            .target = connector_->target(),
            .identity = worker_identity(s.identity, context_.request_id, context_.function),
            .hooks = hooks_->names(),
        };
    }

    [[nodiscard]] uptime since_beginning(typename Clock::time_point t) const
    {
        return std::chrono::floor<uptime>(t - began_);
    }
    [[nodiscard]] uptime now() const { return since_beginning(Clock::now()); }

    void on(invocation_event e)
    {
        using enum invocation_action::kind;
        e.u = std::uniform_real_distribution<double>{}(random_);
        auto next = machine_.on(e, now());
        for (;;) {
            tell_warnings();
            if (next.what == stop)
                next = stop_worker();
            else if (next.what == hook && hooks_->is_sync(next.index))
                next = run_sync_hook(next);
            else
                break;
        }
        wait_until(next.until);
        if (next.what != wait)
            perform(next);
    }

    [[nodiscard]] invocation_action stop_worker()
    {
        worker_->stop();
        abandon();
        return machine_.on({.what = invocation_event::worker_stopped, .activity = worker_->activity()}, now());
    }

    [[nodiscard]] invocation_action run_sync_hook(const invocation_action& next)
    {
        abandon();
        const std::string failure = hooks_->run_sync(next.index, next.until - now());
        return machine_.on(
            {failure.empty() ? invocation_event::hook_done : invocation_event::hook_failed, failure}, now());
    }

    // What comes of it from now on belongs to no step any more.
    void abandon()
    {
        const operation_ptr op = std::exchange(current_, nullptr);
        if (op && !op->ended)
            op->cancel.emit(boost::asio::cancellation_type::terminal);
    }

    void perform(const invocation_action& next)
    {
        abandon();
        current_ = std::make_shared<operation>();
        using enum invocation_action::kind;
        switch (next.what) {
        case connect:
            connector_->async_connect(
                {machine_.report().identity, next.until == never ? never : next.until - now()}, connecting());
            break;
        case start:
            worker_.emplace(client_->make_worker(*options_));
            worker_->async_start(ending(invocation_event::started, invocation_event::start_failed));
            break;
        case poll: worker_->async_watch(ending(invocation_event::changed, invocation_event::worker_failed)); break;
        case drain:
            worker_->async_drain(next.until == never ? never : next.until - now(),
                ending(invocation_event::drained, invocation_event::drained));
            break;
        case hook: begin_hook(next.index, next.until); break;
        case close:
            client_->async_close(ending(invocation_event::client_closed, invocation_event::close_failed));
            break;
        case finish:
            finished_ = true;
            done_.expires_at(Clock::now());
            break;
        case wait:
        case stop: break;  // not given to this function
        }
    }

    void begin_hook(std::size_t index, uptime until)
    {
        // Weak: a handler may be kept, and dropped, on another thread, where nothing of ours may end.
        const auto then = [weak = this->weak_from_this(), op = current_](const std::string& failure) {
            if (const auto self = weak.lock(); self && !op->ended)
                self->ended(op, failure.empty() ? invocation_event::hook_done : invocation_event::hook_failed, failure);
        };
        hooks_->begin(index, until - now(), hook_handler{timer_.get_executor(), current_->cancel.slot(), then});
    }

    /// A handler that reports the end of the present operation, unless it was abandoned.
    [[nodiscard]] auto ending(invocation_event::kind well, invocation_event::kind badly)
    {
        return bound([self = this->shared_from_this(), op = current_, well, badly](
                         error_code ec) { self->ended(op, ec ? badly : well, ec ? ec.message() : std::string{}); });
    }

    [[nodiscard]] auto connecting()
    {
        return bound(
            [self = this->shared_from_this(), op = current_](error_code ec, std::optional<client_type> client) {
                if (ec || !client)
                    return self->ended(op, invocation_event::connect_failed, ec ? ec.message() : "no client");
                if (op != self->current_)
                    return close_late(std::move(*client));
                self->client_.emplace(std::move(*client));
                self->ended(op, invocation_event::connected, {});
            });
    }

    template <class F>
    [[nodiscard]] auto bound(F f)
    {
        return boost::asio::bind_cancellation_slot(
            current_->cancel.slot(), boost::asio::bind_executor(timer_.get_executor(), std::move(f)));
    }

    void ended(const operation_ptr& op, invocation_event::kind what, const std::string& words)
    {
        op->ended = true;
        if (op != current_)
            return;
        invocation_event e{.what = what, .words = words};
        if (what == invocation_event::changed)
            e.activity = worker_->activity();
        on(e);
    }

    // The invocation has gone on without this client. It is closed all the same.
    static void close_late(client_type client)
    {
        auto kept = std::make_shared<client_type>(std::move(client));
        client_type& c = *kept;
        c.async_close([kept = std::move(kept)](error_code) {});
    }

    void wait_until(uptime until)
    {
        if (until == asleep_until_)
            return;
        asleep_until_ = until;
        if (until == never) {
            timer_.cancel();
            return;
        }
        timer_.expires_at(began_ + std::chrono::duration_cast<typename Clock::duration>(until));
        // Weak: a timer is no reason to keep a client that nobody uses any more.
        timer_.async_wait([weak = this->weak_from_this()](error_code ec) {
            if (const auto self = weak.lock(); self && !ec) {
                self->asleep_until_ = never;
                self->on({invocation_event::timer});
            }
        });
    }

    void tell_warnings()
    {
        const auto& all = machine_.report().warnings;
        for (; told_ < all.size(); ++told_)
            if (context_.on_warning)
                context_.on_warning(all[told_]);
    }

    basic_invocation_context<Clock> context_;
    K* connector_;
    const resolved_options* options_;
    const shutdown_hooks* hooks_;
    typename Clock::time_point began_;
    invocation_machine machine_;
    timer_type timer_;
    timer_type done_;
    std::minstd_rand random_;
    std::optional<client_type> client_{};
    std::optional<worker_type> worker_{};  // after the client: it goes first
    operation_ptr current_{};
    uptime asleep_until_ = never;
    std::size_t told_ = 0;
    bool finished_ = false;
};

template <class Run>
struct invocation_op {
    std::shared_ptr<Run> run;
    bool begun = false;

    template <class Self>
    void operator()(Self& self, boost::system::error_code = {})
    {
        Run& r = *run;  // self, and *this within it, is moved away below
        if (begun && r.finished()) {
            invocation_report report = r.report();
            run.reset();  // worker and client are gone before the caller hears of the end
            const auto ec = error_of(report.end);
            return self.complete(ec, std::move(report));
        }
        self.reset_cancellation_state(boost::asio::enable_total_cancellation());
        if (std::exchange(begun, true))
            r.cancel();
        else
            r.begin();
        r.done().async_wait(std::move(self));
    }
};

}  // namespace detail

/** Runs one invocation, from the check of its deadline to the closing of its client.

    Completes with `void(error_code, invocation_report)`: without an error after a normal end, else with one of `errc`;
   the words are in the report. (With a token that throws the error the report is lost; `as_tuple` keeps both.)

    Each cancellation (terminal, partial or total) cuts short what is waited for now: the first one, while the worker
    polls, begins an orderly end, which is no error.

    Everything happens on the connector's executor, which runs one handler at a time; call it from there. Connector,
    options and hooks outlive the operation, and a hook or connect that does not react to cancellation: the invocation
    goes on without it when its time is over.
*/
template <DeadlineClock Clock, Connector K, class Token>
auto async_invoke(basic_invocation_context<Clock> context, K& connector, const resolved_options& options,
    const shutdown_hooks& hooks, Token&& token)
{
    using run = detail::invocation_run<K, Clock>;
    auto r = std::make_shared<run>(std::move(context), connector, options, hooks);
    const auto executor = connector.get_executor();
    return boost::asio::async_compose<Token, void(boost::system::error_code, invocation_report)>(
        detail::invocation_op<run>{std::move(r)}, token, executor);
}

}  // namespace mayfly
