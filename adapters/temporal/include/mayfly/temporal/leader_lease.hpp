// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/lease_core.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <utility>
#include <variant>

namespace mayfly::temporal {

/** A lease that one of many processes holds, kept in the cluster itself: a standalone activity that never ends, whose
    attempt is the lease. Who polls it leads, for as long as its heartbeats are answered; the others wait in the queue.

    Never two at once: a leader steps down by its own steady clock, counted from when it sent its last answered
    heartbeat, before the server can give the lease to another; one that was frozen finds that out before it does
    anything, if it asks `leads()` before it acts. An activity that was ended, or is not there, is made anew, and begins
   only after `lost_after`, which outlasts whoever may have held an old one: so long it takes too until somebody leads
   for the first time. The clocks have to run alike to a few percent, and the server's must not leap; a steady clock
   that stops while the machine sleeps is none for this.

    A clean end hands it on at once; after a death another has it within `lost_after` and two seconds, or once more
    that if it went to a process that is frozen.

    A handle. Used from the connection's thread or strand.
*/
template <DeadlineClock C>
class basic_leader_lease {
public:
    using handler = std::function<void(const lease_change&)>;

    explicit basic_leader_lease(std::shared_ptr<connection> on, lease_options options = {})
        : core_(std::make_shared<core>(on, std::move(options))), on_(std::move(on))
    {}

    /// Seeks the lease and holds it until cancelled, and has then let it go: `void(error_code, std::monostate)`, with
    /// `operation_aborted`. One at a time. Tells each time that this changes; when `tell` returns, nothing must be done
    /// as a leader any more. What keeps it from seeking is told too, once, and without
    /// words that nothing does any more.
    template <class Token>
    auto async_hold(handler tell, Token&& token)
    {
        return http::spawn<std::monostate>(
            on_->get_executor(), [core = core_, on = on_, tell = std::move(tell)] { return hold(core, on, tell); },
            std::forward<Token>(token));
    }

    /// Whether it is held now: asks the clock. Ask it before each deed that only a leader may do.
    [[nodiscard]] bool leads() const { return core_->leads(); }

private:
    using core = detail::lease_core<C>;

    static boost::asio::awaitable<http::outcome<std::monostate>> hold(
        std::shared_ptr<core> core, std::shared_ptr<connection> on, handler tell)
    {
        namespace asio = boost::asio;
        co_await asio::this_coro::throw_if_cancelled(false);
        boost::system::error_code ignored;
        asio::steady_timer until(on->get_executor(), asio::steady_timer::time_point::max());
        core->begin(std::move(tell));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() == asio::cancellation_type::none)
            co_await until.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        until.expires_at(asio::steady_timer::time_point::max());
        core->end([&until] { until.cancel(); });
        co_await until.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_return http::outcome<std::monostate>{boost::asio::error::operation_aborted, {}};
    }

    std::shared_ptr<core> core_;
    std::shared_ptr<connection> on_;
};

using leader_lease = basic_leader_lease<deadline_clock>;

}  // namespace mayfly::temporal
