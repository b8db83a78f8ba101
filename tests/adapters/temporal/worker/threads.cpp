// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/activity_context.hpp>
#include <mayfly/temporal/detail/blocking_pool.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

// What several threads do at once. Worth most under ThreadSanitizer.

using namespace mayfly::temporal;
namespace api = mayfly::temporal::api;

TEST_CASE("a pool starts threads when they are needed, and runs every job once")
{
    std::atomic<int> done{0};
    {
        detail::blocking_pool<std::function<void()>> pool(3);
        CHECK(pool.threads() == 0);
        for (int i = 0; i < 200; ++i) {
            CHECK(pool.run([&] { ++done; }));
            CHECK(pool.threads() <= 3);
        }
        while (done != 200)
            std::this_thread::yield();
    }
    CHECK(done == 200);
}

TEST_CASE("an idle thread is used again")
{
    std::atomic<int> done{0};
    detail::blocking_pool<std::function<void()>> pool(8);
    for (int i = 1; i <= 20; ++i) {
        CHECK(pool.run([&] { ++done; }));
        while (done != i)
            std::this_thread::yield();
    }
    CHECK(pool.threads() >= 1);
}

TEST_CASE("closing drops what has not begun, and waits for nobody who runs")
{
    const auto open = std::make_shared<std::atomic<bool>>(false);
    const auto inside = std::make_shared<std::atomic<int>>(0);
    const auto over = std::make_shared<std::atomic<int>>(0);
    {
        detail::blocking_pool<std::function<void()>> pool(2);
        for (int i = 0; i < 5; ++i)
            CHECK(pool.run([=] {
                ++*inside;
                while (!*open)
                    std::this_thread::yield();
                ++*over;
            }));
        while (*inside != 2)
            std::this_thread::yield();
    }
    CHECK(*over == 0);
    *open = true;
    while (*over != 2)
        std::this_thread::yield();
    CHECK(*inside == 2);
}

TEST_CASE("a context is used from many threads")
{
    api::PollActivityTaskQueueResponse task;
    task.mutable_activity_type()->set_name("busy");
    activity_context context(task);
    std::atomic<int> told{0};
    std::atomic<int> taken{0};
    std::atomic<int> stopped{0};
    context.on_heartbeat([&] { ++told; });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            const std::stop_callback callback(context.stop_token(), [&] { ++stopped; });
            for (int i = 0; !context.cancelled(); ++i)
                context.heartbeat(i, context.info().type);
            while (!context.stop_token().stop_requested())  // comes after the reason, so that callbacks know that
                std::this_thread::yield();
        });
    while (taken < 200)
        if (context.newest_heartbeat())
            ++taken;
    context.cancel(cancel_reason::paused);
    context.cancel(cancel_reason::cancelled);
    for (auto& t : threads)
        t.join();
    context.on_heartbeat({});
    CHECK(context.cancel_reason() == cancel_reason::cancelled);
    CHECK(told >= taken);
    CHECK(stopped <= 4);
}
