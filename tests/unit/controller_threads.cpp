// SPDX-License-Identifier: BSL-1.0
#include <mayfly/controller.hpp>
#include <mayfly/testing/scripted_provider.hpp>
#include <mayfly/testing/scripted_source.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using mayfly::controller_event;
using mayfly::deadline_clock;
using mayfly::decision;
using mayfly::group_policy;
using mayfly::scaling_signal;
using mayfly::uptime;
using mayfly::version_handle;
using event = controller_event::kind;

namespace {

struct busy {
    struct state {
        bool operator==(const state&) const = default;
    };
    [[nodiscard]] decision decide(state&, const scaling_signal& sig, uptime) const noexcept
    {
        return {.launch = sig.added.unmatched(), .revisit = 200us, .read = 0us};
    }
};

}  // namespace

TEST_CASE("on a strand of a context with many threads")
{
    constexpr int threads = 4;
    constexpr int versions = 8;
    constexpr int adds = 50;  // by each thread to each version

    asio::io_context io;
    auto work = asio::make_work_guard(io);
    std::vector<std::thread> pool;
    for (int i = 0; i < threads; ++i)
        pool.emplace_back([&] { io.run(); });

    const auto strand = asio::make_strand(io);
    std::atomic<std::uint32_t> answered = 0;
    std::promise<void> all_answered;
    asio::cancellation_signal stop;
    using provider = mayfly::testing::basic_scripted_provider<deadline_clock>;
    using source = mayfly::testing::basic_scripted_source<deadline_clock>;
    mayfly::basic_controller<busy, provider, source> c(strand, provider(strand, {.takes = 50us}),
        source(strand, {.takes = 50us}), {.calls_per_group = adds * threads, .read_soonest = 300us},
        [&](const controller_event& e) {
            if (e.what == event::launched && (answered += e.count) == threads * versions * adds)
                all_answered.set_value();
        });

    std::vector<version_handle> handles;
    std::promise<void> there;
    asio::post(strand, [&] {
        for (int i = 0; i < versions; ++i)
            handles.push_back(c.add({.groups = {{.policy = std::make_shared<const group_policy<busy>>(
                                                     group_policy<busy>{.bootstrap = false}),
                                         .target = std::make_shared<const mayfly::launch_target>(
                                             mayfly::launch_target{.function = "f" + std::to_string(i)})}}}));
        there.set_value();
    });
    there.get_future().wait();

    // Started by a stranger to the strand.
    std::future<void> first = c.async_run(asio::bind_cancellation_slot(stop.slot(), asio::use_future));
    std::vector<std::thread> hosts;
    for (int t = 0; t < threads; ++t)
        hosts.emplace_back([&] {
            for (int i = 0; i < adds; ++i)
                for (const version_handle h : handles)
                    asio::post(strand, [&c, h] { c.added(h, {.counts = {.not_matched = 1}}); });
        });
    for (std::thread& t : hosts)
        t.join();
    all_answered.get_future().wait();
    asio::post(strand, [&] { stop.emit(asio::cancellation_type::terminal); });
    CHECK_THROWS_AS(first.get(), boost::system::system_error);

    // It has ended: nothing of it runs any more, so that any thread may look at it.
    CHECK(c.machine().calls_under_way() == 0);
    CHECK(c.provider().under_way() == 0);
    CHECK(c.source().under_way() == 0);
    CHECK(c.provider().starts() == threads * versions * adds);
    CHECK(!c.source().reads().empty());

    work.reset();
    for (std::thread& t : pool)
        t.join();
}
