// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/spawn.hpp>
#include <mayfly/local/error.hpp>
#include <mayfly/local/function.hpp>
#include <mayfly/local/invoke.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::local {

struct platform_options {
    account_settings where{};
    std::uint32_t concurrency = 1000;                         ///< Invocations at a time, of all functions together.
    std::uint32_t least_unreserved = 0;                       ///< So much of it cannot be reserved; Lambda keeps 100.
    std::size_t queued_events = 100'000;                      ///< The most events that wait.
    std::chrono::milliseconds idle{std::chrono::minutes{5}};  ///< An environment idle for so long is let go.
    std::chrono::milliseconds init_limit{std::chrono::seconds{10}};
    std::chrono::milliseconds memory_look{100};  ///< Time between two looks at the memory in use; above zero.
    bool freeze = true;                          ///< Stop processes between invocations.
    double time_scale = 1;  ///< Of the waits between the tries of an event; 0.01 makes a minute of them 600 ms.
    std::size_t log_line = 256 * 1024;  ///< Longer lines are broken.
    std::uint64_t seed = 1;             ///< Of chance failures.

    /// Called for each line of log and each event, in the middle of things: they must not throw nor call back.
    std::function<void(const log_entry&)> log{};
    std::function<void(const platform_event&)> observer{};
};

namespace detail {
class platform_core;
}

/** Runs functions as child processes, under a real Runtime API, as Lambda would.

    Everything is called on the executor it was made with: a strand, if the context has several threads. Child
    processes end with the thread that started them, so the threads of the context have to last.

    A platform that goes away kills what still runs; `async_stop` does so in order.
*/
class platform {
public:
    explicit platform(boost::asio::any_io_executor executor, platform_options options = {});
    platform(const platform&) = delete;
    platform& operator=(const platform&) = delete;
    ~platform();

    /// Adds this version of the function, or puts new settings in its place; environments of the old settings are let
    /// go when they are idle. Nothing is done if there are problems.
    problems set(function_settings settings);

    /// Running invocations go on to their end. False if there is none.
    bool remove(std::string_view function, std::string_view version);

    /// Null if there is none. Valid until it is set or removed.
    [[nodiscard]] const function_settings* find(std::string_view function, std::string_view version = latest) const;

    /// So many invocations of the function may run at a time, all its versions together, and no others can take this
    /// room. Zero switches it off: invocations are throttled, events are accepted and dropped. Nothing: no reserve.
    problems reserve(std::string_view function, std::optional<std::uint32_t> concurrency);
    [[nodiscard]] std::optional<std::uint32_t> reserved(std::string_view function) const;
    /// What is left of the account's concurrency for functions without a reserve.
    [[nodiscard]] std::uint32_t unreserved() const;

    /** Runs the function and waits for its answer: `void(error_code, invoke_result)`.

        A failure inside the function is not an error: `invoke_result::function_error` says so. With an error
        nothing ran; the result then has the request id alone. Cancelled (terminal, partial or total) it completes with
       `operation_aborted`, while the invocation goes on to its end as it does when a caller of Lambda hangs up.
    */
    template <class Token>
    auto async_invoke(invoke_request request, Token&& token);

    /// Takes an event into the queue and tells its request id. The id stays the same from try to try.
    [[nodiscard]] boost::system::result<std::string> enqueue(invoke_request request);

    /** Ends everything: `void(error_code)`. Queued events are dropped, processes get SIGTERM if they have asked to hear
        of it and are killed. When it completes there is no process, port or file left. New invocations are refused.
    */
    template <class Token>
    auto async_stop(Token&& token);

    [[nodiscard]] platform_stats stats() const;
    [[nodiscard]] const platform_options& options() const noexcept;
    [[nodiscard]] boost::asio::any_io_executor get_executor() const;

    /// The ARN of a function here, as its invocations are told it.
    [[nodiscard]] std::string arn(std::string_view function, std::string_view qualifier = {}) const
    {
        return function_arn(options().where, function, qualifier);
    }

private:
    std::shared_ptr<detail::platform_core> core_;
};

}  // namespace mayfly::local
