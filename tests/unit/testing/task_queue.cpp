// SPDX-License-Identifier: BSL-1.0
#include <mayfly/testing/task_queue.hpp>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using mayfly::add_outcome;
using mayfly::never;
using mayfly::uptime;
using mayfly::testing::no_task;
using mayfly::testing::queue_settings;
using mayfly::testing::task_queue;

TEST_CASE("task queue: the outcome of an add says what it met")
{
    task_queue q{queue_settings{}};
    CHECK(q.add(1, 0s).outcome == add_outcome::not_matched);
    CHECK(q.add(2, 1s).outcome == add_outcome::behind_backlog);
    CHECK(q.poll(7, 2s) == 1);
    CHECK(q.poll(7, 2s) == 2);
    CHECK(q.poll(7, 2s) == no_task);
    const auto a = q.add(3, 3s);
    CHECK(a.outcome == add_outcome::matched);
    CHECK(a.worker == 7);
    CHECK(q.add(4, 3s).outcome == add_outcome::not_matched);
    CHECK(q.stats(5s).oldest == 2s);
    CHECK(q.stats(5s).backlog == 1);
    CHECK(q.stats(5s).added == 4);
    CHECK(q.stats(5s).dispatched == 3);
}

TEST_CASE("task queue: polls are served oldest first, and a cancelled one never")
{
    task_queue q{queue_settings{}};
    for (const std::uint32_t worker : {3U, 1U, 3U, 2U})
        CHECK(q.poll(worker, 0s) == no_task);
    q.cancel(1);
    CHECK(q.add(0, 0s).worker == 3);
    CHECK(q.add(1, 0s).worker == 3);
    CHECK(q.poll(1, 0s) == no_task);  // it came back, and stands last
    CHECK(q.add(2, 0s).worker == 2);
    CHECK(q.add(3, 0s).worker == 1);
    CHECK(q.add(4, 0s).outcome == add_outcome::not_matched);
}

TEST_CASE("task queue: the limiter allows a burst, then a steady pace")
{
    task_queue q{queue_settings{.rate_limit = 2, .rate_burst = 3}};
    for (std::uint32_t i = 0; i < 6; ++i)
        CHECK(q.poll(i, 10s) == no_task);
    for (std::uint32_t i = 0; i < 3; ++i)
        CHECK(q.add(i, 10s).outcome == add_outcome::matched);
    CHECK(q.opens() == never);
    CHECK(q.add(3, 10s).outcome == add_outcome::rate_limited);
    CHECK(q.add(4, 10s).outcome == add_outcome::rate_limited);
    CHECK(q.opens() == 10500ms);
    CHECK(q.release(10499ms).task == no_task);
    CHECK(q.release(10500ms).task == 3);
    CHECK(q.release(10500ms).task == no_task);
    CHECK(q.opens() == 11s);
    CHECK(q.poll(9, 11s) == 4);
}

TEST_CASE("task queue: rates cover the last half minute")
{
    task_queue q{queue_settings{}};
    for (int i = 0; i < 20; ++i)
        static_cast<void>(q.add(0, uptime{i * 500'000}));  // two a second, for ten seconds
    CHECK(q.stats(10s).add_rate == doctest::Approx(2));
    CHECK(q.stats(30s).add_rate == doctest::Approx(20.0 / 30));
    CHECK(q.stats(39s).add_rate == doctest::Approx(10.0 / 34));
    CHECK(q.stats(60s).add_rate == 0);
    CHECK(q.stats(60s).dispatch_rate == 0);
}
