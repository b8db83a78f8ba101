// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/lambda_runtime/client.hpp>
#include <mayfly/lambda_runtime/detail/trace_variable.hpp>
#include <mayfly/lambda_runtime/error.hpp>
#include <mayfly/lambda_runtime/vocabulary.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace mayfly::lambda_runtime {

/// How a function is run.
struct run_options {
    environment variables = environment::of_process();

    /** Whether the platform shall give notice, SIGTERM and half a second, before it ends the environment.

        Off: the platform only ever ends an environment between invocations, when a function that does its work inside
        them has nothing left to save, and the notice costs every cold start a call and a connection.
    */
    bool wants_notice = false;
};

/// What came of running a function.
struct run_report {
    boost::system::error_code ec{};  ///< None if it was told to stop.
    std::string detail{};            ///< In words, what went wrong.
    std::uint64_t invocations = 0;   ///< That were answered.
};

/// What a handler may return that would rather not throw.
using function_result = std::variant<std::string, function_error>;

namespace detail {

/// What is sent for an invocation: a result, or why there is none.
struct function_answer {
    std::string result{};
    std::optional<function_error> error{};
};

template <class Handler, class Invocation>
boost::asio::awaitable<function_answer> call_handler(Handler& handler, Invocation i)
{
    function_answer out;
    try {
        auto running = handler(std::move(i));
        auto value = co_await std::move(running);
        if constexpr (std::is_same_v<decltype(value), function_result>) {
            if (auto* const error = std::get_if<function_error>(&value))
                out.error = std::move(*error);
            else
                out.result = std::get<std::string>(std::move(value));
        } else {
            out.result = std::move(value);
        }
    } catch (const function_error& e) {
        out.error = e;
    } catch (const std::exception& e) {
        out.error = function_error{.type = "Function.UncaughtException", .message = e.what()};
    } catch (...) {
        out.error = function_error{.type = "Function.UncaughtException", .message = "an exception without words"};
    }
    co_return out;
}

/// Whether the platform wants more than one invocation at a time in this process; if so, in words.
[[nodiscard]] inline std::string many_at_once(const environment& variables)
{
    const std::string text = variables.get("AWS_LAMBDA_MAX_CONCURRENCY").value_or("1");
    unsigned count = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (ec == std::errc{} && end == text.data() + text.size() && count <= 1)
        return {};
    return "AWS_LAMBDA_MAX_CONCURRENCY is \"" + text +
           "\", but this runtime serves one invocation at a time: set the function's concurrency per environment to 1";
}

template <DeadlineClock Clock, class Handler>
class function_loop {
public:
    using error_code = boost::system::error_code;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    function_loop(basic_runtime_client<Clock>& client, Handler handler, run_options options)
        : client_(&client), handler_(std::move(handler)), options_(std::move(options))
    {}

    awaitable<http::outcome<run_report>> run()
    {
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        co_await serve();
        co_return http::outcome<run_report>{report_.ec, std::move(report_)};
    }

private:
    /// The official runtime gives up after as many.
    static constexpr unsigned failures_in_a_row = 3;

    awaitable<void> serve()
    {
        error_code ec;
        if (std::string why = many_at_once(options_.variables); !why.empty()) {
            const function_error error{.type = "Runtime.UnsupportedConcurrency", .message = why};
            co_await client_->async_init_error(error, boost::asio::redirect_error(boost::asio::use_awaitable, ec));
            co_return end(errc::many_at_once, std::move(why));
        }
        if (options_.wants_notice) {
            co_await client_->async_register_extension(
                "mayfly", boost::asio::redirect_error(boost::asio::use_awaitable, ec));
            if (ec)
                co_return end(ec, client_->detail());
        }
        unsigned failures = 0;
        for (bool stopped = co_await is_cancelled(); !stopped; stopped = stopped || co_await is_cancelled()) {
            auto i = co_await client_->async_next(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
            if (!ec) {
                failures = 0;
                stopped = co_await answer(std::move(i));
                if (report_.ec)
                    co_return;
                continue;
            }
            if (ec == boost::asio::error::operation_aborted)
                co_return;
            const bool may_pass = ec == errc::not_reached || ec == errc::refused;
            if (!may_pass || ++failures == failures_in_a_row)
                co_return end(ec, client_->detail());
        }
    }

    /// True if the function was told to stop meanwhile.
    awaitable<bool> answer(timed_invocation<Clock> i)
    {
        const std::string id = i.request_id;
        trace_.set(i.trace_id);
        // The handler lives as other coroutines do: an operation it starts when cancelled throws.
        co_await boost::asio::this_coro::throw_if_cancelled(true);
        function_answer a = co_await call_handler(handler_, std::move(i));
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        const bool stopped = co_await is_cancelled();
        // What it was cancelled with must not keep its answer from going out.
        if (stopped)
            co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());

        error_code ec;
        if (a.error)
            co_await client_->async_fail(id, *a.error, boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        else
            co_await client_->async_respond(
                id, std::move(a.result), boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        // A refused answer is the end of this invocation, not of the function.
        if (!ec || ec == errc::refused || ec == errc::too_large)
            ++report_.invocations;
        else
            end(ec, client_->detail());
        co_return stopped;
    }

    static awaitable<bool> is_cancelled()
    {
        const auto state = co_await boost::asio::this_coro::cancellation_state;
        co_return state.cancelled() != boost::asio::cancellation_type::none;
    }

    void end(error_code ec, std::string why)
    {
        report_.ec = ec;
        report_.detail = std::move(why);
    }

    basic_runtime_client<Clock>* client_;
    Handler handler_;
    run_options options_;
    trace_variable trace_;
    run_report report_;
};

}  // namespace detail

/** Gets invocations and has them handled, one after the other: `void(error_code, run_report)`.

    The handler is `awaitable<std::string>(timed_invocation<Clock>)`, or with a `function_result` in it. What it returns
    goes to the caller as it stands; JSON is expected. An exception is an error of the function: a `function_error` as
   it says, any other with its `what()`. While it runs, `_X_AMZN_TRACE_ID` is the invocation's in the process
   environment.

    Ends without an error when it is cancelled (any type): at once between invocations, otherwise when the handler,
   which is cancelled too, has ended and its answer is out. Ends with one when the Runtime API is of no more use; the
   process should then exit, with a status that is not zero. The client must outlive it.
*/
template <DeadlineClock Clock, class Handler, class Token>
auto async_run_function(basic_runtime_client<Clock>& client, Handler handler, run_options options, Token&& token)
{
    using loop = detail::function_loop<Clock, Handler>;
    return http::spawn<run_report>(
        client.get_executor(),
        [it = std::make_shared<loop>(client, std::move(handler), std::move(options))] { return it->run(); },
        std::forward<Token>(token));
}

/// A function's whole `main`: as `async_run_function`, on a context of its own, until SIGTERM or SIGINT or a failure.
template <class Handler>
[[nodiscard]] run_report run_function(Handler handler, run_options options = {})
{
    namespace asio = boost::asio;
    asio::io_context io{1};
    asio::cancellation_signal stop;
    asio::signal_set signals(io, SIGTERM, SIGINT);
    runtime_client client(io.get_executor(), options.variables);
    run_report out;
    async_run_function(client, std::move(handler), std::move(options),
        asio::bind_cancellation_slot(stop.slot(), [&](boost::system::error_code, run_report report) {
            out = std::move(report);
            io.stop();
        }));
    signals.async_wait([&stop](boost::system::error_code ec, int) {
        if (!ec)
            stop.emit(asio::cancellation_type::terminal);
    });
    io.run();
    return out;
}

}  // namespace mayfly::lambda_runtime
