// SPDX-License-Identifier: BSL-1.0

// A test of your own system with a platform that misbehaves on purpose: calls are throttled, a start is delivered
// twice, one comes to nothing. Time is the test's, so minutes pass in milliseconds.

#include <mayfly/controller.hpp>
#include <mayfly/mock/provider.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/testing/manual_clock.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace asio = boost::asio;
namespace mock = mayfly::mock;
using namespace std::chrono_literals;
using mayfly::uptime;
using mayfly::testing::manual_clock;

/// What is tested: a queue of orders, and what a worker does with it.
struct shop {
    asio::io_context& io;
    std::uint64_t waiting = 0;
    std::uint64_t done = 0;
    std::map<std::string, int> workers{};  // how many poll under each name

    asio::awaitable<void> work(mock::provider::start start)
    {
        asio::basic_waitable_timer<manual_clock> timer(io);
        const std::string name = mayfly::invocation_identity(start.context.request_id, start.context.function);
        ++workers[name];
        const auto end = *start.context.deadline - 5s;
        for (auto last_order = manual_clock::now();
             manual_clock::now() < end && manual_clock::now() - last_order < start.context.orders.idle_exit;) {
            const bool busy = waiting > 0;
            waiting -= busy ? 1U : 0U;
            timer.expires_after(busy ? 2s : 100ms);
            co_await timer.async_wait(asio::use_awaitable);
            if (busy) {
                ++done;
                last_order = manual_clock::now();
            }
        }
        if (--workers[name] == 0)
            workers.erase(name);
    }
};

/// What the controller sees of it.
struct shop_source {
    shop* seen;

    template <class Token>
    auto async_read(std::shared_ptr<const mayfly::launch_target>, uptime now, Token&& token)
    {
        mayfly::queue_reading r{.workers_complete = true};
        r.stats[static_cast<std::size_t>(mayfly::task_type::activity)] =
            mayfly::queue_stats{.backlog = seen->waiting, .dispatched = seen->done};
        for (const auto& [name, count] : seen->workers)
            r.workers.push_back({.identity = name, .first_seen = now, .last_seen = now});
        return asio::post(
            seen->io, asio::append(std::forward<Token>(token), boost::system::error_code(), std::move(r)));
    }
};

int main()
{
    asio::io_context io;
    shop orders{io};

    using controller_type = mayfly::basic_controller<mayfly::fleet, mock::provider, shop_source, manual_clock>;
    const auto begin_worker = [&](const mock::provider::start& s) {
        asio::co_spawn(io, orders.work(s), asio::detached);
    };
    std::map<std::string, int> events;
    controller_type controller(io.get_executor(), {io.get_executor(), begin_worker, mock::accept(300ms), 60s},
        {&orders}, {}, [&](const mayfly::controller_event& e) {
            if (e.what != mayfly::controller_event::kind::decided)
                events[std::string(to_string(e.what))] += 1;
        });

    // The first calls of the day.
    mock::provider& platform = controller.provider();
    platform.next(mock::throttle("ConcurrentInvocationLimitExceeded"));
    platform.next(mock::never_connect());
    platform.next(mock::duplicate(300ms));
    platform.next(mock::fail(mayfly::condition::transient, "Service unavailable"));

    const auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->limits.max = 20;
    policy->bootstrap = false;
    const auto target = std::make_shared<const mayfly::launch_target>(
        mayfly::launch_target{.version = {"shop", "build-7"}, .function = "shop-worker:7"});
    const auto version = controller.add({.groups = {{policy, target}}});

    asio::cancellation_signal stop;
    controller.async_run(asio::bind_cancellation_slot(stop.slot(), asio::detached));
    for (int i = 0; i < 50; ++i) {
        ++orders.waiting;
        controller.added(version, {.counts = {.not_matched = 1}});
        mayfly::testing::pass(io, 200ms, 20ms);
    }
    mayfly::testing::pass(io, 5min, 100ms);
    stop.emit(asio::cancellation_type::terminal);
    mayfly::testing::settle(io);

    for (const auto& [what, times] : events)
        std::printf("%-12s %d times\n", what.c_str(), times);
    std::printf("%llu of 50 orders done, %zu workers left\n", static_cast<unsigned long long>(orders.done),
        orders.workers.size());
    return orders.done == 50 && orders.workers.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}
