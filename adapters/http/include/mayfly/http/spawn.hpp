// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace mayfly::http {

/// What a coroutine behind an operation returns: the two arguments of `void(error_code, T)`.
template <class T>
struct outcome {
    boost::system::error_code ec{};
    T value{};
};

namespace detail {

/// Composed operations, such as those that read a message, heed terminal cancellation only; so every type becomes that.
struct any_as_terminal {
    constexpr boost::asio::cancellation_type operator()(boost::asio::cancellation_type type) const noexcept
    {
        using enum boost::asio::cancellation_type;
        return type == none ? none : terminal;
    }
};

/// Whether a coroutine ended because it went on to wait after it had been cancelled, which Asio answers with a throw.
[[nodiscard]] inline bool is_cancellation(const std::exception_ptr& failure)
{
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        return e.code() == boost::asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

}  // namespace detail

/** Runs a coroutine as an operation of any completion token: `void(error_code, T)`.

    `body()` returns `awaitable<outcome<T>>`. It runs on `executor` and keeps what it captured until it ends. The
    token's slot cancels it: `terminal`, `partial` and `total` all reach the coroutine, as `terminal`; it should
    answer with `operation_aborted`, and one that throws that counts as having done so. Any other exception that leaves
   the coroutine is thrown out of the executor's `run()`.
*/
template <class T, class Body, class Token>
auto spawn(boost::asio::any_io_executor executor, Body body, Token&& token)
{
    namespace asio = boost::asio;
    using held = std::unique_ptr<outcome<T>>;  // Asio moves what a coroutine returns many times.
    return asio::async_initiate<Token, void(boost::system::error_code, T)>(
        [](auto handler, asio::any_io_executor ex, Body run) {
            auto slot = asio::get_associated_cancellation_slot(handler);
            auto runs_on = asio::get_associated_executor(handler, ex);
            auto deliver = [handler = std::move(handler)](std::exception_ptr failure, held o) mutable {
                if (failure && !detail::is_cancellation(failure))
                    std::rethrow_exception(failure);
                if (failure)
                    std::move(handler)(boost::system::error_code(asio::error::operation_aborted), T{});
                else
                    std::move(handler)(o->ec, std::move(o->value));
            };
            // The coroutine is spawned through a lambda of its own, which keeps `run` and its captures alive.
            asio::co_spawn(
                ex,
                [run = std::move(run)]() mutable -> asio::awaitable<held> {
                    co_await asio::this_coro::reset_cancellation_state(detail::any_as_terminal{});
                    auto made = co_await run();
                    co_return std::make_unique<outcome<T>>(std::move(made));
                },
                asio::bind_cancellation_slot(slot, asio::bind_executor(runs_on, std::move(deliver))));
        },
        token, std::move(executor), std::move(body));
}

}  // namespace mayfly::http
