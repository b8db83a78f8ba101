// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/server.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/lambda_runtime/detail/service_core.hpp>
#include <mayfly/lambda_runtime/environment_state.hpp>
#include <mayfly/lambda_runtime/error.hpp>
#include <mayfly/lambda_runtime/vocabulary.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::lambda_runtime {

/** The Runtime API of one execution environment: what the function in it talks to.

    Start the function with `AWS_LAMBDA_RUNTIME_API` set to `address()`. Any runtime will do; the Extensions API is
   there as far as a runtime uses it on itself: registering, and a `next` that stays without an event.

    Used from one thread or strand, which its executor is. What is under way when it goes completes with
    `operation_aborted`.
*/
class runtime_service {
public:
    using error_code = boost::system::error_code;

    explicit runtime_service(boost::asio::any_io_executor executor, service_options options = {})
        : core_(std::make_shared<detail::service_core>(executor, std::move(options))),
          server_(executor, detail::service_handler{core_}, detail::service_core::server_settings(core_)),
          executor_(std::move(executor))
    {}

    runtime_service(const runtime_service&) = delete;
    runtime_service& operator=(const runtime_service&) = delete;
    ~runtime_service() { stop(); }

    /// Opens the port. Called once, before the function is started.
    [[nodiscard]] error_code listen() { return server_.listen(); }

    /// "127.0.0.1:port", for `AWS_LAMBDA_RUNTIME_API`. Known after `listen`.
    [[nodiscard]] std::string address() const
    {
        const auto& at = server_.local_endpoint();
        const std::string ip = at.address().to_string();
        return (at.address().is_v6() ? "[" + ip + "]" : ip) + ":" + std::to_string(at.port());
    }

    [[nodiscard]] environment_state state() const noexcept { return core_->state(); }
    /// Whether the function registered an extension, and so is owed a SIGTERM and half a second when it is ended.
    [[nodiscard]] bool has_extension() const noexcept { return core_->has_extension(); }

    /** Hands over one invocation: `void(error_code, invocation_outcome)`.

        It waits until the function asks for work, and completes when the function has answered; that it failed is no
        `error_code`, but in the outcome. The environment is free for the next one, or to be frozen, when `async_ready`
        completes.

        `errc::busy`: an invocation is under way. `errc::init_failed`: the function cannot start, and the outcome says
        why. Cancelling (any type) abandons the invocation; an answer that comes later is refused.
    */
    template <class Token>
    auto async_invoke(invocation what, Token&& token)
    {
        return http::spawn<invocation_outcome>(
            executor_,
            [core = core_, what = std::make_shared<const invocation>(std::move(what))] { return core->invoke(what); },
            std::forward<Token>(token));
    }

    /** Waits until the function asks for work: `void(error_code, invocation_outcome)`.

        At once if it does already. `errc::init_failed`: it cannot start, and the outcome says why. Cancelling (any
        type) ends only the waiting.
    */
    template <class Token>
    auto async_ready(Token&& token)
    {
        return http::spawn<invocation_outcome>(
            executor_, [core = core_] { return core->ready(); }, std::forward<Token>(token));
    }

    /// The function is started anew: everything it said is forgotten. An invocation that it had completes with
    /// `operation_aborted`; one that waits for it goes on waiting.
    void restart() { core_->restart(); }

    /// Closes the port and every connection. What is under way completes with `operation_aborted`.
    void stop()
    {
        core_->stop();
        server_.close();
    }

private:
    std::shared_ptr<detail::service_core> core_;
    http::server server_;
    boost::asio::any_io_executor executor_;
};

}  // namespace mayfly::lambda_runtime
