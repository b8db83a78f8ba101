// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <list>
#include <memory>
#include <utility>

namespace mayfly::aws::detail {

/** Runs `n` coroutines at the same time and ends when all have ended: false if it was cancelled on the way, which
    cancels them too. `make()` gives one `awaitable<void>`, which does not throw.
*/
template <class Make>
boost::asio::awaitable<bool> side_by_side(boost::asio::any_io_executor executor, std::size_t n, Make make)
{
    namespace asio = boost::asio;
    struct group {
        asio::steady_timer ended;
        std::size_t running = 0;
        std::list<asio::cancellation_signal> cancels{};
    };
    const auto all =
        std::make_shared<group>(group{asio::steady_timer{executor, std::chrono::steady_clock::time_point::max()}});
    co_await asio::this_coro::throw_if_cancelled(false);
    for (std::size_t i = 0; i < n; ++i) {
        ++all->running;
        auto& cancel = all->cancels.emplace_back();
        auto ended = [all](std::exception_ptr thrown) {
            if (thrown)
                std::rethrow_exception(thrown);
            if (--all->running == 0)
                all->ended.cancel();
        };
        asio::co_spawn(executor, make(), asio::bind_cancellation_slot(cancel.slot(), std::move(ended)));
    }
    bool cancelled = false;
    while (all->running != 0) {
        auto wait = all->ended.async_wait(asio::as_tuple(asio::use_awaitable));
        co_await std::move(wait);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (all->running != 0 && state.cancelled() != asio::cancellation_type::none) {
            cancelled = true;
            // From here on only the others' ends count.
            co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
            for (auto& cancel : all->cancels)
                cancel.emit(asio::cancellation_type::terminal);
        }
    }
    co_return !cancelled;
}

}  // namespace mayfly::aws::detail
