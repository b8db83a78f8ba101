// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/spawn.hpp>
#include <mayfly/local/detail/platform_core.hpp>
#include <mayfly/local/error.hpp>
#include <mayfly/local/function.hpp>
#include <mayfly/local/invoke.hpp>
#include <mayfly/local/platform_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::local {

/** Runs functions as child processes, under a real Runtime API, as Lambda would.

    Everything is called on the executor it was made with: a strand, if the context has several threads. Child
    processes end with the thread that started them, so the threads of the context have to last.

    A platform that goes away kills what still runs; `async_stop` does so in order.
*/
class platform {
public:
    explicit platform(boost::asio::any_io_executor executor, platform_options options = {})
        : core_(std::make_shared<detail::platform_core>(std::move(executor), std::move(options)))
    {
        core_->begin();
    }
    platform(const platform&) = delete;
    platform& operator=(const platform&) = delete;
    ~platform() { core_->abandon(); }

    /// Adds this version of the function, or puts new settings in its place; environments of the old settings are let
    /// go when they are idle. Nothing is done if there are problems.
    problems set(function_settings settings) { return core_->set(std::move(settings)); }

    /// Running invocations go on to their end. False if there is none.
    bool remove(std::string_view function, std::string_view version) { return core_->remove(function, version); }

    /// Null if there is none. Valid until it is set or removed.
    [[nodiscard]] const function_settings* find(std::string_view function, std::string_view version = latest) const
    {
        return core_->find(function, version);
    }

    /// So many invocations of the function may run at a time, all its versions together, and no others can take this
    /// room. Zero switches it off: invocations are throttled, events are accepted and dropped. Nothing: no reserve.
    problems reserve(std::string_view function, std::optional<std::uint32_t> concurrency)
    {
        return core_->reserve(function, concurrency);
    }
    [[nodiscard]] std::optional<std::uint32_t> reserved(std::string_view function) const
    {
        return core_->places().reserved(function);
    }
    /// What is left of the account's concurrency for functions without a reserve.
    [[nodiscard]] std::uint32_t unreserved() const { return core_->places().unreserved(); }

    /** Runs the function and waits for its answer: `void(error_code, invoke_result)`.

        A failure inside the function is not an error: `invoke_result::function_error` says so. With an error
        nothing ran to its end; the result then has the request id alone. Cancelled (terminal, partial or total) it
        completes with `operation_aborted`, while the invocation goes on, as it does when a caller of Lambda hangs up.
    */
    template <class Token>
    auto async_invoke(invoke_request request, Token&& token)
    {
        return http::spawn<invoke_result>(
            core_->executor(),
            [core = core_, r = std::make_shared<invoke_request>(std::move(request))] { return core->invoke(r); },
            std::forward<Token>(token));
    }

    /// Takes an event into the queue and tells its request id. The id stays the same from try to try.
    [[nodiscard]] boost::system::result<std::string> enqueue(invoke_request request)
    {
        return core_->enqueue(std::move(request));
    }

    /** Ends everything: `void(error_code)`. Queued events are dropped, processes get SIGTERM if they have asked to hear
        of it and are killed. When it completes there is no process, port or file left. New invocations are refused.
        Cancelled, it completes with `operation_aborted`, and everything ends all the same.
    */
    template <class Token>
    auto async_stop(Token&& token)
    {
        return boost::asio::async_compose<Token, void(boost::system::error_code)>(
            stopping{core_}, token, core_->executor());
    }

    [[nodiscard]] platform_stats stats() const { return core_->stats(); }
    [[nodiscard]] const platform_options& options() const noexcept { return core_->options(); }
    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return core_->executor(); }

    /// The ARN of a function here, as its invocations are told it.
    [[nodiscard]] std::string arn(std::string_view function, std::string_view qualifier = {}) const
    {
        return function_arn(options().where, function, qualifier);
    }

private:
    struct stopping {
        std::shared_ptr<detail::platform_core> core;
        enum { enter, stop, wait } at = enter;

        template <class Self>
        void operator()(Self& self, boost::system::error_code = {})
        {
            const auto c = core;  // self, and *this within it, is moved away below
            switch (at) {
            case enter:
                self.reset_cancellation_state(boost::asio::enable_total_cancellation());
                at = stop;
                return boost::asio::post(c->executor(), std::move(self));
            case stop:
                at = wait;
                c->stop();
                [[fallthrough]];
            case wait:
                if (c->is_quiet())
                    return self.complete({});
                if (self.get_cancellation_state().cancelled() != boost::asio::cancellation_type::none)
                    return self.complete(boost::asio::error::operation_aborted);
                return c->quiet_timer().async_wait(std::move(self));
            }
        }
    };

    std::shared_ptr<detail::platform_core> core_;
};

}  // namespace mayfly::local
