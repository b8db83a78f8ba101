// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/compute_provider.hpp>
#include <mayfly/controller_machine.hpp>
#include <mayfly/error.hpp>
#include <mayfly/queue_source.hpp>
#include <mayfly/scalers/fleet.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace mayfly {

struct call_limits {
    std::chrono::milliseconds launch{std::chrono::seconds{60}};  ///< A launch or resize that takes longer is cancelled.
    std::chrono::milliseconds read{std::chrono::seconds{15}};    ///< Likewise a reading.
};

/** The controller of many deployment versions: a `controller_machine` with a provider, a source and a clock.

    Give it versions and signals through `machine()` inside `tell`, and let `async_run` run. Everything happens on the
    executor it was made with; call it from there. It must outlive `async_run`.

    @tparam S scaler of every group
    @tparam P `ComputeProvider` that can do what `S` decides
    @tparam Q `QueueSource`, or `no_source`
    @tparam C `DeadlineClock`
*/
template <class S, class P, class Q = no_source, DeadlineClock C = deadline_clock>
    requires Scaler<S, scaling_signal> && ProviderFor < P, strategy_of<S>()
> class basic_controller {
public:
    using machine_type = controller_machine<S>;
    using error_code = boost::system::error_code;

    basic_controller(boost::asio::any_io_executor executor, P provider, Q source = {}, controller_options options = {},
        typename machine_type::observer watch = {}, call_limits limits = {})
        : provider_(std::move(provider)),
          source_(std::move(source)),
          limits_(limits),
          machine_(options, std::move(watch)),
          timer_(executor),
          idle_(std::move(executor), C::time_point::max()),
          began_(C::now())
    {}

    /// Time since this controller was made, which is what its machine calls `now`.
    [[nodiscard]] uptime now() const { return std::chrono::duration_cast<uptime>(C::now() - began_); }

    [[nodiscard]] const machine_type& machine() const noexcept { return machine_; }
    [[nodiscard]] P& provider() noexcept { return provider_; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() { return timer_.get_executor(); }

    version_handle add(version_spec<S> spec)
    {
        const version_handle h = machine_.add(std::move(spec), now());
        perform();
        return h;
    }

    void remove(version_handle h) { machine_.remove(h); }

    /// Tells the machine what happened: `c.tell([&](auto& machine, uptime now) { machine.added(h, tasks, now); })`.
    template <class F>
    void tell(F&& what)
    {
        std::forward<F>(what)(machine_, now());
        perform();
    }

    void added(version_handle h, const task_added& tasks)
    {
        machine_.added(h, tasks, now());
        perform();
    }

    /** Performs what the machine decides, until cancelled (terminal, partial or total).

        Completes with `void(error_code)`: `operation_aborted`, once the calls under way have been cancelled and have
        ended. Signals given while it does not run are kept: what they ask for is done when it runs again.
    */
    template <class Token>
    auto async_run(Token&& token)
    {
        return boost::asio::async_compose<Token, void(error_code)>(running{this}, token, timer_);
    }

private:
    struct call {
        boost::asio::cancellation_signal cancel{};
        uptime give_up_at{};
        bool cancelled = false;
    };
    using call_list = std::list<call>;

    /// Waits on a timer that never expires: it is cancelled from outside, and then once more by the last call to end.
    struct running {
        basic_controller* c;
        enum { begin, run, drain } at = begin;

        template <class Self>
        void operator()(Self& self, error_code = {})
        {
            basic_controller& me = *c;  // self, and *this within it, is moved away below
            switch (at) {
            case begin:
                at = run;
                self.reset_cancellation_state(boost::asio::enable_total_cancellation());
                me.running_ = true;
                me.perform();
                return me.idle_.async_wait(std::move(self));
            case run:
                at = drain;
                // From here on only the calls that are left decide how long it takes.
                self.reset_cancellation_state(boost::asio::disable_cancellation());
                me.stop();
                [[fallthrough]];
            case drain:
                if (!me.calls_.empty())
                    return me.idle_.async_wait(std::move(self));
                return self.complete(boost::asio::error::operation_aborted);
            }
        }
    };

    void stop()
    {
        running_ = false;
        asleep_until_ = never;
        timer_.cancel();
        cancel_if([](const call&) { return true; });
    }

    template <class F>
    void cancel_if(F due)
    {
        std::vector<call*> chosen;
        for (call& c : calls_)
            if (!c.cancelled && due(c))
                chosen.push_back(&c);
        // A call may end inside its own cancellation, or another's. It is kept until nobody stands in it any more.
        cancelling_ = true;
        for (call* c : chosen) {
            c->cancelled = true;
            c->cancel.emit(boost::asio::cancellation_type::terminal);
        }
        cancelling_ = false;
        ended_.clear();
    }

    void perform()
    {
        if (!running_ || performing_)
            return;
        performing_ = true;
        while (auto next = machine_.next_action())
            start(std::move(*next));
        performing_ = false;
        sleep();
    }

    void start(controller_action next)
    {
        using enum controller_action::kind;
        switch (next.what) {
        case launch:
            if constexpr (LaunchesWorkers<P>)
                provider_.async_launch(std::move(next.launch),
                    ending(
                        limits_.launch, [this, id = next.id](error_code ec, launch_report r) { launched(id, ec, r); }));
            break;
        case resize:
            if constexpr (ResizesWorkerSet<P>)
                provider_.async_resize(std::move(next.resize),
                    ending(limits_.launch, [this, id = next.id](error_code ec, resize_report r) {
                        machine_.resized(id, condition_of(ec), r.detail.empty() ? ec.message() : r.detail, now());
                    }));
            break;
        case read:
            if constexpr (QueueSource<Q>)
                source_.async_read(machine_.target(next.version), now(),
                    ending(limits_.read, [this, h = next.version](error_code ec, queue_reading r) {
                        if (ec)
                            machine_.unread(h, condition_of(ec), ec.message(), now());
                        else
                            machine_.snapshot(h, r.view(room_), now());
                    }));
            break;
        }
    }

    /// A handler that books the call out, runs `then`, and goes on performing.
    template <class F>
    auto ending(std::chrono::milliseconds at_most, F then)
    {
        const auto it = calls_.emplace(calls_.end());
        it->give_up_at = later(now(), at_most);
        auto slot = it->cancel.slot();
        return boost::asio::bind_cancellation_slot(
            slot, boost::asio::bind_executor(
                      timer_.get_executor(), [this, it, then = std::move(then)](error_code ec, auto result) mutable {
                          ended_.splice(ended_.end(), calls_, it);
                          if (!cancelling_)
                              ended_.clear();
                          then(ec, std::move(result));
                          perform();
                          if (!running_ && calls_.empty())
                              idle_.cancel();
                      }));
    }

    void launched(std::uint64_t id, error_code ec, const launch_report& r)
    {
        results_.clear();
        for (const launch_report::start& s : r.starts)
            results_.push_back({s.outcome, s.request_id});
        // Without an error a start that is not named was accepted, by a platform that gives no request ids.
        machine_.launched(id, results_, condition_of(ec), r.detail.empty() && ec ? ec.message() : r.detail, now());
    }

    void sleep()
    {
        uptime at = machine_.next_wake();
        for (const call& c : calls_)
            if (!c.cancelled)
                at = std::min(at, c.give_up_at);
        if (at == asleep_until_)
            return;
        asleep_until_ = at;
        if (at == never) {
            timer_.cancel();
            return;
        }
        timer_.expires_at(began_ + std::chrono::duration_cast<typename C::duration>(at));
        timer_.async_wait([this](error_code ec) {
            if (!ec)
                wake();
        });
    }

    void wake()
    {
        asleep_until_ = never;
        if (!running_)
            return;
        const uptime t = now();
        cancel_if([t](const call& c) { return c.give_up_at <= t; });
        machine_.advance(t);
        perform();
    }

    P provider_;
    Q source_;
    call_limits limits_;
    machine_type machine_;
    boost::asio::basic_waitable_timer<C> timer_;
    boost::asio::basic_waitable_timer<C> idle_;
    typename C::time_point began_;
    uptime asleep_until_ = never;
    call_list calls_{};
    call_list ended_{};
    std::vector<worker_seen> room_{};
    std::vector<launch_result> results_{};
    bool running_ = false;
    bool performing_ = false;
    bool cancelling_ = false;
};

/// The usual form: sized by `fleet`, on the machine's own clock.
template <class P, class Q = no_source>
using controller = basic_controller<fleet, P, Q>;

}  // namespace mayfly
