// SPDX-License-Identifier: BSL-1.0
#include <mayfly/testing/manual_clock.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <vector>

using namespace std::chrono_literals;
using mayfly::testing::manual_clock;
using mayfly::testing::pass;
using mayfly::testing::settle;
using manual_timer = boost::asio::basic_waitable_timer<manual_clock>;

TEST_CASE("time passes only by hand")
{
    manual_clock::reset();
    CHECK(manual_clock::now().time_since_epoch() == 0us);
    manual_clock::advance(3s);
    CHECK(manual_clock::now().time_since_epoch() == 3s);
}

TEST_CASE("a deadline is placed once and later steps of the wall clock do not move it")
{
    manual_clock::reset();
    manual_clock::set_wall(std::chrono::sys_days{std::chrono::year{2026} / 2 / 3});
    const mayfly::wall_time deadline = std::chrono::sys_days{std::chrono::year{2026} / 2 / 3} + 60s;
    const auto placed = manual_clock::from_wall(deadline);
    CHECK(placed - manual_clock::now() == 60s);
    manual_clock::set_wall(manual_clock::wall() + 10min);
    manual_clock::advance(1s);
    CHECK(placed - manual_clock::now() == 59s);
    CHECK(manual_clock::from_wall(deadline) - manual_clock::now() == -(9min + 1s));
}

TEST_CASE("timers fire when their time has come, in order, without sleeping")
{
    manual_clock::reset();
    boost::asio::io_context io;
    std::vector<int> fired;
    manual_timer late(io, 1h);
    manual_timer soon(io, 1s);
    manual_timer at_end(io, manual_timer::time_point::max());
    late.async_wait([&](boost::system::error_code) { fired.push_back(2); });
    soon.async_wait([&](boost::system::error_code) { fired.push_back(1); });
    at_end.async_wait([&](boost::system::error_code ec) { fired.push_back(ec ? 3 : -1); });

    settle(io);
    CHECK(fired.empty());
    manual_clock::advance(1s - 1us);
    settle(io);
    CHECK(fired.empty());
    manual_clock::advance(1us);
    settle(io);
    CHECK(fired == std::vector{1});
    manual_clock::advance(2h);
    settle(io);
    CHECK(fired == std::vector{1, 2});
    at_end.cancel();
    settle(io);
    CHECK(fired == std::vector{1, 2, 3});
}

TEST_CASE("settling runs what becomes ready by what it ran")
{
    manual_clock::reset();
    boost::asio::io_context io;
    int ran = 0;
    boost::asio::post(io, [&] {
        ++ran;
        boost::asio::post(io, [&] { ++ran; });
    });
    CHECK(settle(io) == 2);
    CHECK(ran == 2);
    CHECK(settle(io) == 0);
}

TEST_CASE("passing time lets chains of timers fire at their own times")
{
    manual_clock::reset();
    boost::asio::io_context io;
    manual_timer t(io);
    std::vector<std::int64_t> at;
    const auto again = [&](const auto& self) -> void {
        t.expires_after(3ms);
        t.async_wait([&, self](boost::system::error_code ec) {
            if (ec)
                return;
            at.push_back(manual_clock::now().time_since_epoch() / 1us);
            self(self);
        });
    };
    again(again);
    pass(io, 10ms);
    CHECK(at == std::vector<std::int64_t>{3000, 6000, 9000});
    pass(io, 2500us, 1ms);
    CHECK(manual_clock::now().time_since_epoch() == 12500us);
    CHECK(at.size() == 4);
}
