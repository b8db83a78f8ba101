// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/client.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/lambda_messages.hpp>
#include <mayfly/aws/signing_keys.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/http/client_options.hpp>
#include <mayfly/http/message.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::aws {

/** Calls Lambda. A handle: copies use the same client.

    Each operation completes with the error of its result's `failed`. The region is that of the function's ARN; where
    only a name is given, the configured one.
*/
template <DeadlineClock C>
class basic_lambda_api {
public:
    using service_client = basic_service_client<C>;

    basic_lambda_api(std::shared_ptr<service_client> over, key_function keys)
        : service_(std::move(over)), keys_(std::move(keys))
    {}

    /// `void(error_code, invoke_result)`. A synchronous call can be silent for as long as the function may run: give it
    /// `limits` to match. Sent again after an answer was lost, it may run the function twice.
    template <class Token>
    auto async_invoke(invoke_request r, http::call_options limits, Token&& token) const
    {
        return done(invoke(*this, std::move(r), limits), std::forward<Token>(token));
    }

    /// `void(error_code, function_description)`
    template <class Token>
    auto async_get_function(std::string function, std::string qualifier, Token&& token) const
    {
        return done(describe(*this, std::move(function), std::move(qualifier)), std::forward<Token>(token));
    }

    /// `void(error_code, event_invoke_config)`. `errc::not_found`: the defaults hold, and the result shows them.
    template <class Token>
    auto async_get_event_invoke_config(std::string function, std::string qualifier, Token&& token) const
    {
        return done(event_config(*this, std::move(function), std::move(qualifier)), std::forward<Token>(token));
    }

    // The same for coroutines.

    static boost::asio::awaitable<invoke_result> invoke(
        basic_lambda_api self, invoke_request r, http::call_options limits)
    {
        auto asked = send(self, r.function, to_http(r), limits);
        service_answer answer = co_await std::move(asked);
        if (!answer.failed)
            co_return read_invoke(r.type, std::move(answer.response));
        invoke_result out;
        out.request_id = answer.failed.request_id;
        out.failed = std::move(answer.failed);
        co_return out;
    }

    static boost::asio::awaitable<function_description> describe(
        basic_lambda_api self, std::string function, std::string qualifier)
    {
        auto asked = send(self, function, get_function(function, qualifier), {});
        service_answer answer = co_await std::move(asked);
        if (!answer.failed)
            co_return read_function(answer.response);
        function_description out;
        out.failed = std::move(answer.failed);
        co_return out;
    }

    static boost::asio::awaitable<event_invoke_config> event_config(
        basic_lambda_api self, std::string function, std::string qualifier)
    {
        auto asked = send(self, function, get_event_invoke_config(function, qualifier), {});
        service_answer answer = co_await std::move(asked);
        if (!answer.failed)
            co_return read_event_invoke_config(answer.response);
        event_invoke_config out;
        out.failed = std::move(answer.failed);
        co_return out;
    }

private:
    template <class T, class Token>
    auto done(boost::asio::awaitable<T> body, Token&& token) const
    {
        return detail::operation(service_->get_executor(), std::move(body), std::forward<Token>(token));
    }

    static boost::asio::awaitable<service_answer> send(
        basic_lambda_api self, std::string function, http::request r, http::call_options limits)
    {
        service_answer out;
        const auto named = read_function(function, "function");
        if (!named) {
            out.failed = failure_of(named.problems());
            co_return out;
        }
        const auto& at = self.service_->endpoint_of("lambda", named->region);
        if (!at) {
            out.failed = failure_of(at.problems());
            co_return out;
        }
        service_call call{.to = *at, .request = std::move(r), .keys = self.keys_, .limits = limits};
        auto asked = self.service_->perform(std::move(call));
        out = co_await std::move(asked);
        co_return out;
    }

    std::shared_ptr<service_client> service_;
    key_function keys_;
};

}  // namespace mayfly::aws
