// SPDX-License-Identifier: BSL-1.0
#include <mayfly/http/spawn.hpp>

#include <doctest/doctest.h>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using mayfly::http::outcome;

TEST_CASE("a coroutine's outcome arrives as the operation's arguments, move-only values too")
{
    asio::io_context io;
    int got = 0;
    mayfly::http::spawn<std::unique_ptr<int>>(
        io.get_executor(),
        []() -> asio::awaitable<outcome<std::unique_ptr<int>>> {
            co_return outcome<std::unique_ptr<int>>{{}, std::make_unique<int>(7)};
        },
        [&](error_code ec, std::unique_ptr<int> value) {
            CHECK_FALSE(ec);
            got = *value;
        });
    io.run();
    CHECK(got == 7);
}

TEST_CASE("the token's slot reaches the coroutine")
{
    for (const auto kind :
        {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        asio::io_context io;
        asio::cancellation_signal stop;
        error_code seen;
        asio::steady_timer timer(io, std::chrono::hours(1));
        mayfly::http::spawn<int>(
            io.get_executor(),
            [&]() -> asio::awaitable<outcome<int>> {
                outcome<int> out;
                co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, out.ec));
                co_return out;
            },
            asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, int) { seen = ec; }));
        io.poll();
        stop.emit(kind);
        io.run();
        CHECK(seen == asio::error::operation_aborted);
    }
}

TEST_CASE("an operation cancelled before it began, and one that waits on after, end as cancelled")
{
    for (const bool begun : {false, true}) {
        asio::io_context io;
        asio::cancellation_signal stop;
        error_code seen;
        asio::steady_timer timer(io, std::chrono::hours(1));
        mayfly::http::spawn<int>(
            io.get_executor(),
            [&]() -> asio::awaitable<outcome<int>> {
                error_code ignored;
                co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
                co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
                co_return outcome<int>{};
            },
            asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, int) { seen = ec; }));
        if (begun)
            io.poll();
        stop.emit(asio::cancellation_type::terminal);
        io.restart();
        io.run_for(std::chrono::seconds(10));
        CHECK(seen == asio::error::operation_aborted);
    }
}

TEST_CASE("an exception leaves through run()")
{
    asio::io_context io;
    mayfly::http::spawn<int>(
        io.get_executor(),
        []() -> asio::awaitable<outcome<int>> {
            throw std::string("no");
            co_return outcome<int>{};
        },
        [](error_code, int) { FAIL("must not complete"); });
    CHECK_THROWS_AS(io.run(), std::string);
}

}  // namespace
