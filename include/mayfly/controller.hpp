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
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly {

/// How long a call may take before it is cancelled. It counts as failed from then on, `condition::transient`, whether
/// or not it heeds that: another call may take its place, and what it still answers is not heard.
struct call_limits {
    uptime launch = std::chrono::seconds{60};  ///< A launch or a resize.
    uptime read = std::chrono::seconds{15};    ///< A reading.
};

/** The controller of many deployment versions: a `controller_machine` with a provider, a source and a clock.

    Give it versions and signals, and let `async_run` run. All its members except `async_run` are called on the executor
    it was made with: a strand, if the context has several threads. Calls to provider and source are made there too. It
    must outlive `async_run`, and may go when that has completed.

    A call that cannot even be made, because its initiating function throws, ends as `condition::transient`, with what
    the exception says.

    The observer is called in mid-decision. It must not throw, nor call back into the controller: what it wants to say
    it posts to the executor.

    @tparam S scaler of every group
    @tparam P `ComputeProvider` that can do what `S` decides
    @tparam Q `QueueSource`, or `no_source`
    @tparam C `DeadlineClock`
*/
// clang-format off
template <Scaler<scaling_signal> S, ProviderFor<strategy_of<S>()> P, QueueSourceOrNone Q = no_source,
    DeadlineClock C = deadline_clock>
class basic_controller {
    // clang-format on
public:
    using machine_type = controller_machine<S>;
    using memory = typename machine_type::memory;
    using error_code = boost::system::error_code;

    /// `start_at` is what its clock shows at first: where the clock of a controller stood that this one succeeds.
    basic_controller(boost::asio::any_io_executor executor, P provider, Q source = {}, controller_options options = {},
        typename machine_type::observer watch = {}, call_limits limits = {}, uptime start_at = {})
        : provider_(std::move(provider)),
          source_(std::move(source)),
          limits_(limits),
          machine_(options, std::move(watch)),
          timer_(executor),
          idle_(std::move(executor), C::time_point::max()),
          began_(C::now() - std::chrono::duration_cast<typename C::duration>(start_at))
    {}

    // Calls under way know where it is.
    basic_controller(const basic_controller&) = delete;
    basic_controller& operator=(const basic_controller&) = delete;

    /// Time since this controller was made, and `start_at`: what its machine calls `now`.
    [[nodiscard]] uptime now() const { return std::chrono::duration_cast<uptime>(C::now() - began_); }

    [[nodiscard]] const machine_type& machine() const noexcept { return machine_; }
    [[nodiscard]] P& provider() noexcept { return provider_; }
    [[nodiscard]] Q& source() noexcept { return source_; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() { return timer_.get_executor(); }

    /// `from` is what a machine remembered of this version before a restart.
    version_handle add(version_spec<S> spec, std::vector<memory> from = {})
    {
        const version_handle h = machine_.add(std::move(spec), now(), std::move(from));
        perform();
        return h;
    }

    /// Calls under way for this version go on to their end, which then is nobody's.
    void remove(version_handle h) { machine_.remove(h); }

    /// Tells the machine what happened: `c.tell([&](auto& machine, uptime now) { machine.gone(h, worker, now); })`.
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
        ended, and those too that did not end at their time limit: their handlers know the controller; or
       `already_started`, if it runs already. Signals given while it does not run are kept: what they ask for is done
       when it runs again. It may be started from anywhere. A cancellation is emitted on the controller's own executor.
    */
    template <class Token>
    auto async_run(Token&& token)
    {
        return boost::asio::async_compose<Token, void(error_code)>(running{this}, token, timer_);
    }

private:
    struct call {
        boost::asio::cancellation_signal cancel{};
        controller_action::kind what{};
        std::uint64_t id = 0;
        version_handle version{};
        uptime give_up_at{};
        std::list<call>* in = nullptr;
        bool expired = false;
        bool given_up = false;  // the machine has been told, and hears no answer
    };
    using call_list = std::list<call>;

    /// While one is there, no call that has ended goes away: we are in its signal, or making it.
    struct hold {
        basic_controller& c;
        explicit hold(basic_controller& of) : c(of) { ++c.held_; }
        ~hold()
        {
            if (--c.held_ == 0)
                c.ended_.clear();
        }
        hold(const hold&) = delete;
        hold& operator=(const hold&) = delete;
    };

    /// Waits on a timer that never expires: it is cancelled from outside, and then once more by whatever ends last.
    struct running {
        basic_controller* c;
        std::shared_ptr<void> work{};  // for the executor of the handler: we do not wait on that one
        enum { enter, begin, run, drain, leave } at = enter;
        error_code result{};

        template <class Self>
        void operator()(Self& self, error_code = {})
        {
            using namespace boost::asio;
            basic_controller& me = *c;  // self, and *this within it, is moved away below
            switch (at) {
            case enter:
                self.reset_cancellation_state(enable_total_cancellation());
                work = guard(self);
                at = begin;
                return post(bind_executor(me.get_executor(), std::move(self)));
            case begin:
                if (me.active_)
                    return end(self, error::already_started);
                me.active_ = true;
                at = run;
                if (!is_cancelled(self)) {
                    me.running_ = true;
                    me.perform();
                }
                // What is done above may cancel us, with nobody waiting yet.
                if (!is_cancelled(self))
                    return me.wait_idle(std::move(self));
                [[fallthrough]];
            case run:
                at = drain;
                // From here on only what is left under way decides how long it takes.
                self.reset_cancellation_state(disable_cancellation());
                me.stop();
                [[fallthrough]];
            case drain:
                if (!me.quiet())
                    return me.wait_idle(std::move(self));
                me.active_ = false;
                return end(self, error::operation_aborted);
            case leave: work.reset(); return self.complete(result);
            }
        }

        template <class Self>
        [[nodiscard]] static bool is_cancelled(const Self& self) noexcept
        {
            return self.get_cancellation_state().cancelled() != boost::asio::cancellation_type::none;
        }

        template <class Self>
        void end(Self& self, error_code ec)
        {
            at = leave;
            result = ec;
            boost::asio::dispatch(std::move(self));
        }

        template <class Self>
        static std::shared_ptr<void> guard(const Self& self)
        {
            auto g = boost::asio::make_work_guard(self);
            return std::make_shared<decltype(g)>(std::move(g));
        }
    };

    template <class Self>
    void wait_idle(Self self)
    {
        idle_.async_wait(boost::asio::bind_executor(timer_.get_executor(), std::move(self)));
    }

    /// Nothing under way knows this controller any more.
    [[nodiscard]] bool quiet() const noexcept
    {
        return launching_.empty() && reading_.empty() && cancelled_.empty() && sleeps_ == 0;
    }

    void stop()
    {
        running_ = false;
        timer_.cancel();
        for (call_list* list : {&launching_, &reading_})
            while (!list->empty())
                cancel_first(*list);
    }

    void expire(uptime t)
    {
        for (call_list* list : {&launching_, &reading_})
            while (!list->empty() && list->front().give_up_at <= t) {
                call& c = list->front();
                c.expired = true;
                hold h(*this);
                cancel_first(*list);
                give_up(c, out_of_time);
            }
    }

    void cancel_first(call_list& list)
    {
        call& c = list.front();
        move_to(cancelled_, list.begin());
        hold h(*this);
        c.cancel.emit(boost::asio::cancellation_type::terminal);
    }

    /// Tells the machine that nothing came of the call, unless it has ended.
    void give_up(call& c, std::string_view words)
    {
        using enum controller_action::kind;
        if (c.in == &ended_)
            return;
        c.given_up = true;
        switch (c.what) {
        case launch: machine_.launched(c.id, {}, condition::transient, words, now()); break;
        case resize: machine_.resized(c.id, condition::transient, words, now()); break;
        case read: machine_.unread(c.version, condition::transient, words, now()); break;
        }
    }

    static void move_to(call_list& to, typename call_list::iterator it)
    {
        to.splice(to.end(), *std::exchange(it->in, &to), it);
    }

    void perform()
    {
        // A call that ends while it is made comes here from within.
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
                make(book(launching_, limits_.launch, next), [&](auto it) {
                    provider_.async_launch(std::move(next.launch),
                        ending<launch_report>(
                            it, [id = next.id](basic_controller& c, error_code ec, const launch_report& r,
                                    std::string_view words) { c.launched(id, ec, r, words); }));
                });
            break;
        case resize:
            if constexpr (ResizesWorkerSet<P>)
                make(book(launching_, limits_.launch, next), [&](auto it) {
                    provider_.async_resize(std::move(next.resize),
                        ending<resize_report>(it, [id = next.id](basic_controller& c, error_code ec,
                                                      const resize_report& r, std::string_view words) {
                            c.machine_.resized(id, condition_of(ec), r.detail.empty() ? words : r.detail, c.now());
                        }));
                });
            break;
        case read:
            if constexpr (QueueSource<Q>)
                make(book(reading_, limits_.read, next), [&](auto it) {
                    source_.async_read(machine_.target(next.version), now(),
                        ending<queue_reading>(it, [h = next.version](basic_controller& c, error_code ec,
                                                      const queue_reading& r, std::string_view words) {
                            if (ec)
                                c.machine_.unread(h, condition_of(ec), words, c.now());
                            else
                                c.machine_.snapshot(h, r.view(c.room_), c.now());
                        }));
                });
            break;
        }
    }

    typename call_list::iterator book(call_list& list, uptime at_most, const controller_action& next)
    {
        const auto it = list.emplace(list.end());
        it->what = next.what;
        it->id = next.id;
        it->version = next.version;
        it->in = &list;
        it->give_up_at = later(now(), std::max(at_most, uptime{1}));
        return it;
    }

    /// Makes the call. One that throws has not begun, and nobody calls its handler.
    template <class F>
    void make(typename call_list::iterator it, F initiate)
    {
        hold h(*this);
        const auto threw = [&](std::string_view words) {
            if (it->in == &ended_)
                return;
            give_up(*it, words);
            move_to(ended_, it);
        };
        try {
            initiate(it);
        } catch (const std::exception& e) {
            threw(e.what());
        } catch (...) {
            threw("the call threw what is no std::exception");
        }
    }

    /// A handler that books the call out, lets `then` tell the machine, and goes on performing.
    template <class Result, class F>
    auto ending(typename call_list::iterator it, F then)
    {
        const auto slot = it->cancel.slot();
        auto end = [this, it, then](error_code ec, Result r) {
            const bool expired = it->expired;
            const bool given_up = it->given_up;
            move_to(ended_, it);
            if (held_ == 0)
                ended_.clear();
            if (!given_up) {
                std::string words;
                if (ec)
                    words = expired ? std::string(out_of_time) : ec.message();
                then(*this, ec, r, words);
                perform();
            }
            wake_if_quiet();
        };
        return boost::asio::bind_cancellation_slot(
            slot, boost::asio::bind_executor(timer_.get_executor(), std::move(end)));
    }

    void launched(std::uint64_t id, error_code ec, const launch_report& r, std::string_view words)
    {
        results_.clear();
        for (const launch_report::start& s : r.starts)
            results_.push_back({s.outcome, s.request_id});
        // Without an error a start that is not named was accepted, by a platform that gives no request ids.
        machine_.launched(id, results_, condition_of(ec), r.detail.empty() ? words : r.detail, now());
    }

    /// Sees to it that we wake in time. Too early does no harm, so that a later time needs no other alarm.
    void sleep()
    {
        uptime at = machine_.next_wake();
        for (const call_list* list : {&launching_, &reading_})
            if (!list->empty())
                at = std::min(at, list->front().give_up_at);
        at = std::min(at, later(now(), longest_sleep));
        if (sleeps_ > 0 && asleep_until_ <= at)
            return;
        asleep_until_ = at;
        // Rounded up: a clock of coarse ticks would else find that the time has not come yet, and again, and again.
        timer_.expires_at(began_ + std::chrono::ceil<typename C::duration>(at));
        ++sleeps_;
        timer_.async_wait([this](error_code ec) {
            --sleeps_;
            if (!ec && running_)
                wake();
            wake_if_quiet();
        });
    }

    void wake()
    {
        asleep_until_ = never;
        const uptime t = now();
        expire(t);
        machine_.advance(t);
        perform();
    }

    void wake_if_quiet()
    {
        if (!running_ && quiet())
            idle_.cancel();
    }

    // A far alarm may lie beyond what the clock can count.
    static constexpr uptime longest_sleep = std::chrono::hours{24};
    static constexpr std::string_view out_of_time = "no answer within the time limit";

    P provider_;
    Q source_;
    call_limits limits_;
    machine_type machine_;
    boost::asio::basic_waitable_timer<C> timer_;
    boost::asio::basic_waitable_timer<C> idle_;
    typename C::time_point began_;
    uptime asleep_until_ = never;
    std::uint32_t held_ = 0;
    std::uint32_t sleeps_ = 0;  // waits on `timer_` whose handler has not run
    call_list launching_{};     // these two in the order of `give_up_at`
    call_list reading_{};
    call_list cancelled_{};
    call_list ended_{};
    std::vector<worker_seen> room_{};
    std::vector<launch_result> results_{};
    bool active_ = false;   // from the beginning of `async_run` to its end
    bool running_ = false;  // from its beginning to its cancellation
    bool performing_ = false;
};

/// The usual form: sized by `fleet`, on the machine's own clock.
template <class P, class Q = no_source>
using controller = basic_controller<fleet, P, Q>;

}  // namespace mayfly
