// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/client_error.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/detail/outcome_values.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/unique_key.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal {

/// How an execution ended, as far as its caller is concerned.
template <class R>
struct activity_outcome {
    using value_type = detail::result_value<R>;

    std::optional<value_type> value{};  ///< There, if there is no error.
    std::string words{};                ///< Else why not, for people: the activity's own words, or the service's.
    std::optional<api::failure::Failure> failure{};  ///< If it is the activity that ended so.
    std::exception_ptr exception{};  ///< The same as one of the exceptions that activities throw, cause within cause.
    std::string run_id{};
    grpc::status status{};  ///< Of the last call.
};

namespace detail {

inline client_errc error_of(const api::failure::Failure& f)
{
    const auto* at = &f;
    while (at->has_activity_failure_info() && at->has_cause())
        at = &at->cause();
    if (at->has_timeout_failure_info())
        return client_errc::timed_out;
    if (at->has_canceled_failure_info())
        return client_errc::cancelled;
    return at->has_terminated_failure_info() ? client_errc::terminated : client_errc::failed;
}

/// What the service said of the end, as the caller wants it.
template <class R>
boost::system::error_code read_outcome(
    const api::activity::ActivityExecutionOutcome& said, const data_converter& with, activity_outcome<R>& out)
{
    if (said.has_failure()) {
        read_failure(said.failure(), with, out);
        return error_of(said.failure());
    }
    return read_result<R>(said.result(), with, out);
}

/// Asks for an outcome until there is one.
template <class R>
struct await_outcome {
    using error_code = boost::system::error_code;

    std::shared_ptr<connection> on;
    data_converter with;
    api::PollActivityExecutionRequest request;
    std::optional<std::chrono::steady_clock::time_point> until;
    bool begun = false;

    template <class Self>
    void operator()(Self& self, error_code ec = {}, rpc_reply<api::PollActivityExecutionResponse> r = {})
    {
        if (!std::exchange(begun, true)) {
            self.reset_cancellation_state(http::detail::any_as_terminal{});
            return ask(self);
        }
        // One that got no answer in its own time says nothing about the activity.
        const bool later = ec == grpc::status_code::deadline_exceeded && !(until && now() >= *until);
        const bool cancelled = self.cancelled() != boost::asio::cancellation_type::none;
        if (request.run_id().empty())
            request.set_run_id(r.value.run_id());
        if (!cancelled && (later || (!ec && !r.value.has_outcome())))
            return ask(self);

        activity_outcome<R> out;
        out.run_id = request.run_id();
        if (cancelled)
            ec = boost::asio::error::operation_aborted;
        if (ec)
            out.words = describe(r.status);
        else
            ec = read_outcome(r.value.outcome(), with, out);
        out.status = std::move(r.status);
        self.complete(ec, std::move(out));
    }

private:
    static std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

    template <class Self>
    void ask(Self& self)
    {
        using std::chrono::milliseconds;
        const auto& c = *on;
        rpc_options own;
        own.retry = c.options().poll_retry;
        own.timeout = c.options().poll_timeout;
        if (until)
            own.timeout = std::min(*own.timeout, std::chrono::ceil<milliseconds>(*until - now()));
        const auto asked = request;
        auto& to = *on;
        to.async_call(methods::poll_activity_execution, asked, std::move(own), std::move(self));
    }
};

}  // namespace detail

/** One standalone activity, its result an `R`.

    A value: it may be copied, and made anew from a key at any time. Operations complete like those of `connection`.
*/
template <class R>
class activity_handle {
public:
    activity_handle() = default;
    activity_handle(std::shared_ptr<connection> on, data_converter with, activity_key key)
        : on_(std::move(on)), with_(std::move(with)), key_(std::move(key))
    {}

    [[nodiscard]] const activity_key& key() const noexcept { return key_; }
    [[nodiscard]] const std::string& id() const noexcept { return key_.id; }
    [[nodiscard]] const std::string& run_id() const noexcept { return key_.run_id; }

    /** Waits until it has ended: `void(error_code, activity_outcome<R>)`.

        Without an error there is the value. Else the error is of `client_errc` for how it ended, or that of a call. A
        server that is away for less than a minute is waited for.

        @param within  how long to wait; then DEADLINE_EXCEEDED. None: as long as it takes
    */
    template <class Token>
    auto async_result(std::optional<std::chrono::milliseconds> within, Token&& token) const
    {
        auto request = keyed<api::PollActivityExecutionRequest>();
        std::optional<std::chrono::steady_clock::time_point> until;
        if (within)
            until = std::chrono::steady_clock::now() + std::min(*within, detail::longest_wait);
        return boost::asio::async_compose<Token, void(boost::system::error_code, activity_outcome<R>)>(
            detail::await_outcome<R>{on_, with_, std::move(request), until}, token, on_->get_executor());
    }
    template <class Token>
    auto async_result(Token&& token) const
    {
        return async_result(std::nullopt, std::forward<Token>(token));
    }

    /// `void(error_code, rpc_reply<activity_description>)`.
    template <class Token>
    auto async_describe(const describe_options& what, Token&& token) const
    {
        auto request = keyed<api::DescribeActivityExecutionRequest>();
        request.set_include_input(what.input);
        request.set_include_outcome(what.outcome);
        request.set_include_last_failure(what.last_failure);
        request.set_include_heartbeat_details(what.heartbeat_details);
        return on_->template async_call_as<activity_description>(methods::describe_activity_execution, request, {},
            detail::to_description, std::nullopt, std::forward<Token>(token));
    }
    template <class Token>
    auto async_describe(Token&& token) const
    {
        return async_describe(describe_options{}, std::forward<Token>(token));
    }

    /// Asks it to end. It may do other things first, or not heed it. `void(error_code, rpc_reply<...Response>)`.
    template <class Token>
    auto async_cancel(std::string reason, Token&& token) const
    {
        auto request = keyed<api::RequestCancelActivityExecutionRequest>();
        request.set_request_id(detail::unique_key());
        request.set_reason(std::move(reason));
        return on_->async_call(methods::request_cancel_activity_execution, request, std::forward<Token>(token));
    }

    /// Ends it without asking it. `void(error_code, rpc_reply<...Response>)`.
    template <class Token>
    auto async_terminate(std::string reason, Token&& token) const
    {
        auto request = keyed<api::TerminateActivityExecutionRequest>();
        request.set_request_id(detail::unique_key());
        request.set_reason(std::move(reason));
        return on_->async_call(methods::terminate_activity_execution, request, std::forward<Token>(token));
    }

    /// Ends it if it runs, and forgets it. `void(error_code, rpc_reply<...Response>)`.
    template <class Token>
    auto async_delete(Token&& token) const
    {
        return on_->async_call(methods::delete_activity_execution, keyed<api::DeleteActivityExecutionRequest>(),
            std::forward<Token>(token));
    }

private:
    template <class Request>
    Request keyed() const
    {
        auto out = detail::request_for<Request>(*on_);
        out.set_activity_id(key_.id);
        out.set_run_id(key_.run_id);
        return out;
    }

    std::shared_ptr<connection> on_{};
    data_converter with_{};
    activity_key key_{};
};

}  // namespace mayfly::temporal
