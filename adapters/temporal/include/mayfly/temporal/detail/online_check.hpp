// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_config.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/compute_store_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace mayfly::temporal::detail {

/// What the check finds, or nothing if it found no answer in time; `operation_aborted` if this was cancelled.
[[nodiscard]] inline boost::asio::awaitable<http::outcome<std::optional<findings>>> ask_online(
    online_check check, deployment_version version, compute_config config, std::chrono::milliseconds within)
{
    namespace asio = boost::asio;
    struct shared {
        explicit shared(const asio::any_io_executor& executor) : over(executor) {}
        asio::steady_timer over;
        asio::cancellation_signal stop{};
        std::optional<findings> found{};
        bool ended = false;
        bool late = false;
    };
    const auto executor = co_await asio::this_coro::executor;
    const auto state = std::make_shared<shared>(executor);
    state->over.expires_after(within);
    auto body = [check = std::move(check), version = std::move(version),
                    config = std::move(config)]() -> asio::awaitable<http::outcome<findings>> {
        http::outcome<findings> out;
        out.value = co_await check(version, config);
        co_return out;
    };
    http::spawn<findings>(executor, std::move(body),
        asio::bind_cancellation_slot(state->stop.slot(), [state](const boost::system::error_code& ec, findings found) {
            state->ended = true;
            if (!ec && !state->late)
                state->found = std::move(found);
            state->over.cancel();
        }));
    boost::system::error_code ignored;
    if (!state->ended)
        co_await state->over.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    // It may have ended and been given up in the same moment.
    const auto ours = co_await asio::this_coro::cancellation_state;
    const bool cancelled = ours.cancelled() != asio::cancellation_type::none;
    if (!state->ended) {
        // Its time is over, or ours: it has to be through before what it was given goes.
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        state->late = true;
        state->over.expires_at(asio::steady_timer::time_point::max());
        state->stop.emit(asio::cancellation_type::terminal);
        if (!state->ended)
            co_await state->over.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_await asio::this_coro::reset_cancellation_state(http::detail::any_as_terminal{});
    }
    if (cancelled)
        co_return http::outcome<std::optional<findings>>{asio::error::operation_aborted, {}};
    co_return http::outcome<std::optional<findings>>{{}, std::move(state->found)};
}

}  // namespace mayfly::temporal::detail
