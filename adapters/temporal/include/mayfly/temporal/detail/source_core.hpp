// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/controller_event.hpp>
#include <mayfly/error.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/queue_source.hpp>
#include <mayfly/temporal/arrivals.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/held_arrivals.hpp>
#include <mayfly/temporal/detail/queue_reader.hpp>
#include <mayfly/temporal/detail/read_meter.hpp>
#include <mayfly/temporal/detail/source_table.hpp>
#include <mayfly/temporal/detail/source_teller.hpp>
#include <mayfly/temporal/detail/source_version.hpp>
#include <mayfly/temporal/detail/source_waiter.hpp>
#include <mayfly/temporal/read_budget.hpp>
#include <mayfly/temporal/source_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/** The readings of a `task_queue_source`: who waits, whose turn it is, and what is read then.

    A version stands in line for a description, or, where that can have no news, for its queues alone. When its turn
   comes, one coroutine reads it, and all who wait for it are answered.
*/
class source_core : public std::enable_shared_from_this<source_core> {
public:
    using error_code = boost::system::error_code;

    /// A reading that waits longer for its turn tells what was known before, and keeps its place.
    static constexpr uptime longest_turn = std::chrono::seconds{60};

    source_core(std::shared_ptr<connection> on, source_options options)
        : options_(std::move(options)),
          on_(std::move(on)),
          descriptions_(options_.deployment_reads_per_second, std::max(1.0, options_.deployment_reads_per_second / 5)),
          queues_(options_.queue_reads_per_second, std::max(1.0, options_.queue_reads_per_second / 5)),
          reader_(on_, options_),
          teller_(options_.on_event),
          timer_(on_->get_executor())
    {}

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return on_->get_executor(); }

    template <class Handler>
    void read(std::shared_ptr<const launch_target> target, uptime now, Handler handler)
    {
        began_ = std::chrono::steady_clock::now() - now;
        auto waiter = std::make_unique<waiting_handler<Handler>>(std::move(handler), get_executor());
        const std::uint32_t at = find_or_make(std::move(target), now);
        waiter->cancelled_by([core = weak_from_this(), at](source_waiter* who) {
            if (const auto there = core.lock())
                there->abandon(at, who);
        });
        versions_[at]->waiters.push_back(std::move(waiter));
        ask(at, now);
    }

    void heard(const controller_event& e)
    {
        using enum controller_event::kind;
        if (e.target == nullptr || (e.what != decided && e.what != bootstrap && e.what != launched))
            return;
        const auto known = versions_.find(e.target->version);
        if (!known)
            return;
        source_version& v = *versions_[*known];
        const uptime t = now();
        v.hear(e.target->group, {.starting = e.fleet.pending() > 0 || e.made.launch > 0 || e.what != decided,
                                    .live = e.fleet.live,
                                    .foreign = e.fleet.foreign,
                                    .minimum = e.signal != nullptr ? std::optional(e.signal->limits.min) : std::nullopt,
                                    .slots = e.fleet.slots,
                                    .service = e.fleet.service,
                                    .due = e.fleet.leaving > 0 ? t : later(t, e.fleet.leaves_in),
                                    .stays = !e.made.orders                              ? uptime::zero()
                                             : e.made.orders->idle_exit > uptime::zero() ? e.made.orders->idle_exit
                                                                                         : never});
        if (v.is_hot(t))
            hurry(*known, t);
    }

    void push(const std::string& queue, task_type type, std::uint32_t count)
    {
        const uptime t = now();
        if (count > 0 && !hand_on(queue, type, count, t, t)) {
            held_.add(queue, type, count, t);
            wake_soon();
        }
    }

    void routing_changed(const deployment_version& version)
    {
        if (const auto known = versions_.find(version))
            seek(*known, now());
    }

    void on_arrival(std::function<void(const deployment_version&, const task_added&)> listener)
    {
        on_arrival_ = std::move(listener);
    }

    void forget(const deployment_version& version)
    {
        if (const auto known = versions_.find(version))
            drop(*known);
    }

    [[nodiscard]] source_load load()
    {
        const uptime t = now();
        source_load out;
        const auto [of_descriptions, of_queues] = meter_.rates({descriptions_.made(), queues_.made()}, t);
        out.deployment_reads_per_second = of_descriptions;
        out.queue_reads_per_second = of_queues;
        out.deployment_reads = descriptions_.made();
        out.queue_reads = queues_.made();
        out.failed_reads = teller_.failed();
        out.versions = versions_.size();
        out.waiting = descriptions_.waiting() + queues_.waiting();
        out.under_way = under_way_;
        for (const read_rank r : {read_rank::hot, read_rank::routed, read_rank::quiet})
            out.longest_wait =
                std::max({out.longest_wait, descriptions_.longest_wait(r, t), queues_.longest_wait(r, t)});
        return out;
    }

private:
    [[nodiscard]] uptime now() const
    {
        return std::chrono::duration_cast<uptime>(std::chrono::steady_clock::now() - began_);
    }

    // ---- versions

    std::uint32_t find_or_make(std::shared_ptr<const launch_target> target, uptime t)
    {
        if (const auto known = versions_.find(target->version)) {
            versions_[*known]->target = std::move(target);
            return *known;
        }
        for (const std::uint32_t at : versions_.forgotten(t))
            drop(at);
        return versions_.add(std::move(target));
    }

    void drop(std::uint32_t at)
    {
        const std::shared_ptr<source_version> v = versions_.take(at);
        descriptions_.leave(at);
        queues_.leave(at);
        arrivals_.forget(v->target->version);
        v->dropped = true;
        for (auto& w : v->waiters)
            w->complete(boost::asio::error::operation_aborted, {});
        v->waiters.clear();
        v->stop();
    }

    // ---- work that others tell of

    /// Tells of tasks that were added at `since`. False if it is not known where they go.
    bool hand_on(const std::string& queue, task_type type, std::uint32_t count, uptime since, uptime t)
    {
        const std::vector<arrival> all = arrivals_.split(queue, type, count);
        for (arrival a : all) {
            if (const auto known = versions_.find(a.version)) {
                source_version& v = *versions_[*known];
                add_counts& counts = a.tasks.counts;
                counts.matched = v.taken_at_once(counts.not_matched, t);
                counts.not_matched -= counts.matched;
                v.arrived_at = t;
                // Statistics that are younger have them already.
                if (since == t || !v.stats.waited_since(type, since))
                    v.stats.join(type, counts.not_matched, t);
                hurry(*known, t);
            }
            if (on_arrival_)
                on_arrival_(a.version, a.tasks);
        }
        return !all.empty();
    }

    /// Its description is wanted now, whoever waits for it.
    void seek(std::uint32_t at, uptime t)
    {
        source_version& v = *versions_[at];
        v.sought = true;
        if (v.reading)
            return;  // it is described when that is done
        queues_.leave(at);
        descriptions_.join(at, read_rank::hot, 1, t);
        wake_soon();
    }

    void seek_routes(uptime t)
    {
        held_.look(t, [&](const std::string& queue, task_type type) {
            std::size_t left = most_sought;
            versions_.each([&](std::uint32_t at, const source_version& v) {
                if (v.may_have(queue, type)) {
                    --left;
                    seek(at, t);
                }
                return left > 0;
            });
        });
    }

    // ---- who waits

    void ask(std::uint32_t at, uptime t)
    {
        source_version& v = *versions_[at];
        v.asked_before = std::exchange(v.asked_at, t);
        if (v.reading)
            return;
        const bool describe = v.wants_description(t, options_.stats_cached_for);
        if (!describe && !v.wants_pollers(t))
            return v.answer({}, v.unread(t));
        if (std::exchange(v.credit, false))
            return begin(at, describe);
        (describe ? descriptions_ : queues_).join(at, v.rank(t), describe ? 1 : cost(v), t);
        turns_.push_back({later(t, longest_turn), at});
        pump();
    }

    /// Gets it to the front, if it waits.
    void hurry(std::uint32_t at, uptime t)
    {
        bool any = false;
        for (read_budget* b : {&descriptions_, &queues_})
            if (b->waits(at)) {
                b->join(at, versions_[at]->rank(t), b == &queues_ ? cost(*versions_[at]) : 1, t);
                any = true;
            }
        if (any)
            wake_soon();
    }

    /// Not from within somebody's call: he might be in the middle of something.
    void wake_soon()
    {
        if (std::exchange(posted_, true))
            return;
        boost::asio::post(get_executor(), [core = weak_from_this()] {
            if (const auto there = core.lock()) {
                there->posted_ = false;
                there->pump();
            }
        });
    }

    void abandon(std::uint32_t at, source_waiter* who)
    {
        if (const std::shared_ptr<source_version> v = versions_[at]; v && v->leave(who))
            wake_soon();
    }

    [[nodiscard]] std::uint32_t cost(const source_version& v) const
    {
        return static_cast<std::uint32_t>(std::max<std::size_t>(1, v.queues.size() + options_.queues.size() * 2));
    }

    // ---- whose turn it is

    void pump()
    {
        const uptime t = now();
        seek_routes(t);
        while (const auto at = descriptions_.next(t))
            granted(*at, true);
        while (const auto at = queues_.next(t))
            granted(*at, false);
        while (!turns_.empty()) {
            const auto [due, at] = turns_.front();
            const std::shared_ptr<source_version> v = versions_[at];
            const bool waits = v && !v->waiters.empty();
            if (waits && due > t)
                break;
            turns_.pop_front();
            if (waits && !v->reading && later(v->asked_at, longest_turn) <= t) {
                tell_limit(queues_.waits(at) ? queues_ : descriptions_, t);
                // One that was never described is not one with nobody there.
                v->answer(v->status ? error_code{} : boost::asio::error::timed_out, v->unread(t));
            }
        }
        for (const read_budget* b : {&descriptions_, &queues_})
            if (b->longest_wait(read_rank::routed, t) > slow_turn || b->longest_wait(read_rank::hot, t) > slow_turn)
                tell_limit(*b, t);
        uptime at = std::min({descriptions_.next_at(t), queues_.next_at(t), held_.next_at()});
        if (!turns_.empty())
            at = std::min(at, turns_.front().first);
        if (at == never && std::exchange(sleeping_, false))
            timer_.cancel();  // or it would keep a program alive that is done
        if (at == never || (sleeping_ && at == wake_at_))
            return;
        wake_at_ = at;
        sleeping_ = true;
        timer_.expires_at(began_ + std::max(at, t + std::chrono::milliseconds{1}));
        timer_.async_wait([core = weak_from_this()](const error_code& ec) {
            const auto there = core.lock();
            if (ec || !there)
                return;
            there->sleeping_ = false;
            there->pump();
        });
    }

    void granted(std::uint32_t at, bool describe)
    {
        if (!versions_[at])
            return;
        source_version& v = *versions_[at];
        if (v.reading && v.turn)
            v.turn->cancel();
        else if (v.reading)
            return;
        else if (v.waiters.empty() && !v.sought)
            v.credit = true;  // nobody waits just now; it is its turn whenever somebody asks
        else
            begin(at, describe);
    }

    void tell_limit(const read_budget& of, uptime t) { teller_.limit(of, &of == &queues_, versions_.size(), t); }

    // ---- reading

    void begin(std::uint32_t at, bool describe)
    {
        namespace asio = boost::asio;
        const std::shared_ptr<source_version> v = versions_[at];
        descriptions_.leave(at);
        queues_.leave(at);
        v->reading = true;
        v->sought = v->sought && !describe;
        ++under_way_;
        auto result = std::make_shared<outcome>();
        auto ended = [me = shared_from_this(), v, result, at](const std::exception_ptr& thrown) {
            v->reading = false;
            --me->under_way_;
            // A coroutine that goes on to wait after its cancellation throws.
            const bool stopped = thrown || result->ec == asio::error::operation_aborted;
            if (!stopped)
                v->answer(result->ec, result->reading);
            else if (!v->dropped && !v->waiters.empty())
                me->ask(at, me->now());
            if (v->sought && !v->dropped)
                me->seek(at, me->now());
            // The timer may stand for who has his answer now, and would keep a program alive that is done.
            if (!me->turns_.empty())
                me->wake_soon();
        };
        asio::co_spawn(get_executor(), perform(shared_from_this(), v, result, at, describe),
            asio::bind_cancellation_slot(v->cancel.slot(), std::move(ended)));
    }

    struct outcome {
        error_code ec{};
        queue_reading reading{};
    };

    static boost::asio::awaitable<void> perform(std::shared_ptr<source_core> me, std::shared_ptr<source_version> v,
        std::shared_ptr<outcome> out, std::uint32_t at, bool describe)
    {
        co_await boost::asio::this_coro::reset_cancellation_state(http::detail::any_as_terminal{});
        const std::shared_ptr<const launch_target> target = v->target;
        grpc::status said;
        bool described = false;
        if (describe) {
            auto made = co_await me->reader_.describe(target->version);
            out->ec = made.ec;
            said = std::move(made.status);
            described = !out->ec;
            if (described) {
                const uptime kept = me->options_.stats_cached_for;
                const bool settling = std::chrono::steady_clock::now() - me->made_at_ < kept;
                v->learn(made.value, me->now(), kept, settling);
                me->arrivals_.learn(made.value);
                me->held_.release([&](const std::string& queue, task_type type, const held_arrivals::entry& e) {
                    return me->hand_on(queue, type, e.count, e.since, me->now());
                });
            }
        }
        if (!out->ec && !v->waiters.empty() && v->wants_pollers(me->now())) {
            bool may = true;
            if (describe)
                may = co_await wait_turn(me, v, at);
            if (may) {
                auto pollers = co_await me->reader_.pollers(*v, me->began_);
                out->ec = pollers.ec;
                said = std::move(pollers.status);
            }
            if (may && !out->ec) {
                bool none = false;
                if (me->options_.read_workers)
                    none = co_await me->reader_.hear_workers(*v, me->began_, me->queues_);
                if (none)
                    me->teller_.tell({.what = source_event::kind::no_heartbeats, .words = no_heartbeats_words});
                me->reader_.judge(*v, me->began_, out->reading);
                v->see_goodbyes(v->pollers_at);
            }
        }
        out->reading.stats = v->believed(me->now());
        me->teller_.outcome(*v, *target, out->ec, said, me->on_->options(), me->now());
        // Statistics are worth something without pollers; not for long, for whoever may never see them.
        using boost::asio::error::operation_aborted;
        if (described && out->ec != operation_aborted && condition_of(out->ec) != condition::permanent)
            out->ec = {};
    }

    /// For the queues of a version that has been described. False if it takes too long; what is known then goes out
    /// without them.
    static boost::asio::awaitable<bool> wait_turn(
        std::shared_ptr<source_core> me, std::shared_ptr<source_version> v, std::uint32_t at)
    {
        const uptime begun = me->now();
        if (me->queues_.take(me->cost(*v), begun))
            co_return true;
        me->queues_.join(at, v->rank(begun), me->cost(*v), begun);
        v->turn = std::make_unique<boost::asio::steady_timer>(me->get_executor());
        v->turn->expires_after(longest_queue_turn);
        me->wake_soon();
        constexpr auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        co_await v->turn->async_wait(token);
        v->turn.reset();
        const bool may = !me->queues_.waits(at) && !v->dropped;
        if (!may && !v->dropped)
            me->tell_limit(me->queues_, me->now());
        me->queues_.leave(at);
        co_return may;
    }

    static constexpr std::size_t most_sought = 64;  // versions whose work one queue's may be
    static constexpr uptime slow_turn = std::chrono::seconds{10};
    static constexpr std::chrono::seconds longest_queue_turn{20};
    static constexpr std::string_view no_heartbeats_words =
        "the server does not list workers: pollers alone tell who is there, and one that has gone counts for up to "
        "longest_silence. A server of 1.31 or newer lists them, unless the API key may not";

    source_options options_;
    std::shared_ptr<connection> on_;
    read_budget descriptions_;
    read_budget queues_;
    queue_reader reader_;
    source_teller teller_;
    boost::asio::steady_timer timer_;
    arrivals arrivals_{};
    held_arrivals held_{};
    std::function<void(const deployment_version&, const task_added&)> on_arrival_{};
    source_table versions_{};
    std::deque<std::pair<uptime, std::uint32_t>> turns_{};  // until when somebody waits, soonest first
    const std::chrono::steady_clock::time_point made_at_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point began_ = made_at_;
    uptime wake_at_ = never;
    read_meter meter_{};
    std::size_t under_way_ = 0;
    bool sleeping_ = false;
    bool posted_ = false;
};

}  // namespace mayfly::temporal::detail
