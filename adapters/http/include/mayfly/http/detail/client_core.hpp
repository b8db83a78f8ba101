// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/client_options.hpp>
#include <mayfly/http/detail/call.hpp>
#include <mayfly/http/detail/connection.hpp>
#include <mayfly/http/detail/phase.hpp>
#include <mayfly/http/detail/pool.hpp>
#include <mayfly/http/detail/request_text.hpp>
#include <mayfly/http/detail/tls_context.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/failure.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::http::detail {

/** What a client is made of: calls, the pool, and one timer for all time limits.

    The calls belong to the wait on that timer, which is pending as long as there are any: so a context that goes takes
    them with it, even where a call's handler owns the client. For the same reason nothing else owns a call.
*/
class client_core final : public std::enable_shared_from_this<client_core>, private connection_user {
public:
    using error_code = boost::system::error_code;
    using delivery = call::delivery;

    client_core(boost::asio::any_io_executor executor, client_options options)
        : executor_(std::move(executor)),
          options_(std::move(options)),
          tls_(options_.tls),
          pool_({std::max(1U, options_.connections_per_origin), options_.idle_connections, options_.waiting_requests}),
          timer_(executor_)
    {}

    [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

    /// Takes a call and sees to it that it ends; not before this has returned.
    void start(std::unique_ptr<call> taken, const call_options& own)
    {
        call& c = *taken;
        if (closed_)
            return refuse(std::move(taken), errc::closed);
        if (!is_writable(*c.message))
            return refuse(std::move(taken), errc::bad_request);

        const auto now = clock::now();
        c.limits = options_.limits;
        c.limits.total = own.total.value_or(c.limits.total);
        c.limits.connect = own.connect.value_or(c.limits.connect);
        c.limits.response = own.response.value_or(c.limits.response);
        c.response_bounds = {options_.header_limit, own.body_limit.value_or(options_.body_limit)};
        if (c.limits.total.count() > 0)
            c.total_at = now + c.limits.total;

        auto next = pool_.acquire(c.to, &c, now, [](const auto& idle) { return idle->is_quiet(); });
        if (next.what == pool_type::verdict::refuse)
            return refuse(std::move(taken), errc::too_many_waiting);

        calls_under_way()->add(std::move(taken));
        if (next.what == pool_type::verdict::wait)
            return enter(c, phase::wait);
        if (next.connection)
            ++reused_;
        give(c, std::move(next.connection));
    }

    /// From the call's cancellation slot.
    void cancel(call& c)
    {
        if (!c.ended)
            leave(c, boost::asio::error::operation_aborted, {}, delivery::later);
    }

    void close()
    {
        closed_ = true;
        if (const auto calls = calls_.lock()) {
            std::vector<call*> all;
            for (call& c : *calls)
                all.push_back(&c);
            leave_in_order(std::move(all), [](const call&) { return errc::closed; });
        }
        pool_.clear();
    }

    void close_idle() { pool_.clear(); }

    [[nodiscard]] client_stats stats() const
    {
        return {.opened = opened_,
            .reused = reused_,
            .retried = retried_,
            .closed = pool_.dropped(),
            .in_use = pool_.out(),
            .idle = pool_.idle(),
            .waiting = pool_.waiting()};
    }

private:
    using clock = std::chrono::steady_clock;
    using pool_type = pool<origin, std::shared_ptr<connection>, call*, steady_time>;

    void refuse(std::unique_ptr<call> c, error_code ec)
    {
        c->ended = true;
        response words = failure(authority(c->to) + ": " + ec.message());
        c.release()->deliver(ec, std::move(words), delivery::later);
    }

    /// The list of calls, and with it the wait that owns it.
    std::shared_ptr<call_list> calls_under_way()
    {
        auto calls = calls_.lock();
        if (!calls) {
            calls = std::make_shared<call_list>();
            calls_ = calls;
            wait_until(steady_time::max(), calls);
        }
        return calls;
    }

    void give(call& c, std::optional<std::shared_ptr<connection>> idle)
    {
        if (!idle)
            ++opened_;
        c.on = idle ? *std::move(idle) : std::make_shared<connection>(executor_, c.to, options_, tls_);
        c.on->serve(*this, c, {c.message, c.response_bounds, c.limits.connect});
    }

    void grant(std::optional<pool_type::grant> g)
    {
        if (!g)
            return;
        if (g->connection)
            ++reused_;
        give(*g->waiter, std::move(g->connection));
    }

    void entered(connection& on, phase p) override { enter(*on.served_call(), p); }

    void ended(connection& on, error_code ec, std::string words) override
    {
        const auto self = shared_from_this();
        call& c = *on.served_call();
        const bool died_idle =
            ec && on.used() && !on.response_begun() && (ec == errc::connection_lost || ec == errc::send_failed);
        if (died_idle && !c.retried) {
            c.retried = true;
            ++retried_;
            const auto dead = std::move(c.on);
            dead->abandon();
            pool_.replaced();
            return give(c, std::nullopt);
        }
        if (ec)
            return leave(c, ec, std::move(words), delivery::now);

        const auto mine = std::move(c.on);
        response r = mine->take_response();
        const auto calls = calls_.lock();
        const auto owned = calls->take(c).release();
        owned->ended = true;
        settle(mine, r);
        owned->deliver({}, std::move(r), delivery::now);
        rest(*calls);
    }

    /// The connection goes back, or goes away.
    void settle(const std::shared_ptr<connection>& c, const response& r)
    {
        if (closed_ || !c->reusable()) {
            c->abandon();
            return grant(pool_.gone(c->origin()));
        }
        c->rest();
        const auto now = clock::now();
        grant(pool_.give_back(c->origin(), c, now, now + idle_time(r)));
    }

    /// Ours, or what the server says if that is less.
    [[nodiscard]] clock::duration idle_time(const response& r) const
    {
        const std::string_view said = r[field::keep_alive];
        const auto at = said.find("timeout=");
        if (at == said.npos)
            return options_.idle_time;
        std::uint32_t seconds = 0;
        std::from_chars(said.data() + at + 8, said.data() + said.size(), seconds);
        return std::min<clock::duration>(options_.idle_time, std::chrono::seconds(seconds));
    }

    /// The call ends without a response, wherever it is.
    void leave(call& c, error_code ec, std::string words, delivery when)
    {
        const auto self = shared_from_this();
        const auto calls = calls_.lock();
        call* const owned = calls->take(c).release();
        owned->ended = true;
        if (ec != boost::asio::error::operation_aborted)
            words = authority(c.to) + ": " + ec.message() + (words.empty() ? "" : " (" + words + ')');
        if (const auto on = std::move(c.on)) {
            on->abandon();
            grant(pool_.gone(c.to));
        } else
            pool_.leave(c.to, &c);
        owned->deliver(ec, failure(std::move(words)), when);
        rest(*calls);
    }

    /// Those who wait go first, or they would be given the places of those who do not.
    template <class Why>
    void leave_in_order(std::vector<call*> calls, Why why)
    {
        std::stable_partition(calls.begin(), calls.end(), [](const call* c) { return !c->on; });
        for (call* const c : calls)
            leave(*c, why(*c), c->on ? c->on->words() : "", delivery::later);
    }

    // Nothing of ours keeps the context running while no call is under way. A call that follows from within the handler
    // of the one before finds the wait still there.
    void rest(const call_list& calls)
    {
        if (!calls.empty() || calls_.lock().get() != &calls)
            return;
        calls_.reset();  // the wait takes the list with it
        timer_.cancel();
    }

    void enter(call& c, phase p)
    {
        c.at = p;
        const auto limit = limit_of(p, c.limits);
        c.due = limit.count() > 0 ? std::min(c.total_at, clock::now() + limit) : c.total_at;
        if (c.due < wakes_at_)
            wait_until(c.due, calls_.lock());
    }

    // The wait goes on where a limit moves back or is no more: one that ends too early looks again. So a request that
    // takes its usual time does not touch the timer.
    void wait_until(steady_time at, std::shared_ptr<call_list> calls)
    {
        wakes_at_ = at;
        timer_.expires_at(at);
        timer_.async_wait([core = weak_from_this(), calls = std::move(calls), wait = ++waits_](const error_code& ec) {
            const auto self = core.lock();
            if (!ec && self && self->waits_ == wait)
                self->expire(calls);
        });
    }

    void expire(const std::shared_ptr<call_list>& calls)
    {
        const auto now = clock::now();
        std::vector<call*> late;
        for (call& c : *calls) {
            if (c.due <= now)
                late.push_back(&c);
        }
        wakes_at_ = steady_time::max();
        leave_in_order(
            std::move(late), [now](const call& c) { return now >= c.total_at ? errc::timed_out : timeout_of(c.at); });
        steady_time first = steady_time::max();
        for (const call& c : *calls)
            first = std::min(first, c.due);
        if (!calls->empty() && first < wakes_at_)
            wait_until(first, calls);
    }

    boost::asio::any_io_executor executor_;
    client_options options_;
    tls_source tls_;
    pool_type pool_;
    boost::asio::steady_timer timer_;
    std::weak_ptr<call_list> calls_{};
    steady_time wakes_at_ = steady_time::max();
    std::uint64_t waits_ = 0;
    std::uint64_t opened_ = 0;
    std::uint64_t reused_ = 0;
    std::uint64_t retried_ = 0;
    bool closed_ = false;
};

}  // namespace mayfly::http::detail
