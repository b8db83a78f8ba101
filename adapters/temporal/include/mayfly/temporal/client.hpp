// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_handle.hpp>
#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/client_call.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/detail/refusal.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/unique_key.hpp>
#include <mayfly/temporal/detail/user_words.hpp>
#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/start_listener.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/// What a completion is answered with: nothing.
struct completed {};

template <class R>
struct started_activity {
    activity_handle<R> handle{};
    bool is_new = false;  ///< Else it ran already, and the options said to use that one.
};

/** Starts standalone activities and sees to them, in the connection's namespace.

    A value, cheap to copy. Operations complete with `void(error_code, rpc_reply<T>)`, cancel and fail as those of
    `connection`; what cannot be converted is INVALID_ARGUMENT, and nothing is sent.
*/
class client {
public:
    /// @param around  interceptors of what it starts; their `client` alone is used
    explicit client(
        std::shared_ptr<connection> on, data_converter with = {}, const std::vector<interceptor>& around = {})
        : on_(std::move(on)), with_(std::move(with)), asked_(detail::hooks_of(around, &interceptor::client))
    {}

    /// Tells of each start that the server accepts from now on, through this client and copies made of it, and is new:
    /// see `task_queue_source::listener`.
    void report_starts_to(start_listener listener) { started_ = std::move(listener); }

    [[nodiscard]] const std::shared_ptr<connection>& shared_connection() const noexcept { return on_; }
    [[nodiscard]] const data_converter& converter() const noexcept { return with_; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return on_->get_executor(); }

    /// As `connection::async_connect`.
    template <class Token>
    auto async_connect(std::chrono::milliseconds within, Token&& token) const
    {
        return on_->async_connect(within, std::forward<Token>(token));
    }

    /// The namespace, what it can do and its limits: `rpc_reply<api::DescribeNamespaceResponse>`.
    template <class Token>
    auto async_describe_namespace(Token&& token) const
    {
        api::DescribeNamespaceRequest request;
        request.set_namespace_(on_->options().name_space);
        return on_->async_call(methods::describe_namespace, request, std::forward<Token>(token));
    }

    /// Starts an activity: `rpc_reply<started_activity<result>>`. The arguments may stand in braces.
    template <class F, class Token>
    auto async_start(const typed_activity<F>& type, const typename typed_activity<F>::arguments& arguments,
        const start_options& options, Token&& token) const
    {
        auto input = std::apply([&](const auto&... a) { return with_.to_payloads(a...); }, arguments);
        return start<typename typed_activity<F>::result>(
            type.name, std::move(input), options, std::forward<Token>(token));
    }

    /// Starts one that nothing is known of but its name: `rpc_reply<started_activity<R>>`. `converter().to_payloads`
    /// makes its input.
    template <class R, class Token>
    auto async_start_by_name(
        const std::string& type, api::common::Payloads input, const start_options& options, Token&& token) const
    {
        return start<R>(type, std::move(input), options, std::forward<Token>(token));
    }

    /// An activity that was started before, or elsewhere.
    template <class R>
    [[nodiscard]] activity_handle<R> handle(activity_key key) const
    {
        return {on_, with_, std::move(key)};
    }

    /// A page of those that the query finds, all if it is empty: `rpc_reply<activity_page>`. `page_size` 0: as many as
    /// the server likes.
    template <class Token>
    auto async_list(const std::string& query, const std::string& page_token, int page_size, Token&& token) const
    {
        auto request = detail::request_for<api::ListActivityExecutionsRequest>(*on_);
        request.set_query(query);
        request.set_next_page_token(page_token);
        request.set_page_size(page_size);
        return on_->template async_call_as<activity_page>(
            methods::list_activity_executions, request, {}, detail::to_page, std::nullopt, std::forward<Token>(token));
    }

    /// `rpc_reply<activity_count>`.
    template <class Token>
    auto async_count(const std::string& query, Token&& token) const
    {
        auto request = detail::request_for<api::CountActivityExecutionsRequest>(*on_);
        request.set_query(query);
        return on_->template async_call_as<activity_count>(methods::count_activity_executions, request, {},
            detail::to_count<api::CountActivityExecutionsResponse>, std::nullopt, std::forward<Token>(token));
    }

    /// @name For activities that are completed elsewhere than in their worker
    /// Completions are made again for a minute, so that none is lost; then NOT_FOUND can mean that an earlier one was
    /// heard. All are `rpc_reply<completed>`, but for the sign of life.
    /// @{

    /// `value` may be a `std::monostate`, for an activity that returns nothing.
    template <class T, class Token>
    auto async_complete(const activity_target& target, const T& value, Token&& token) const
    {
        auto result = with_.to_payloads(value);
        std::optional<grpc::status> refused = detail::refusal(result);
        const auto fill = [&](auto& request) {
            if (result)
                *request.mutable_result() = *std::move(result);
        };
        return either<completed>(target, methods::respond_activity_task_completed,
            methods::respond_activity_task_completed_by_id, fill, as_completed{}, std::move(refused),
            std::forward<Token>(token));
    }

    /// `why` is best an `application_error`; any other exception becomes one.
    template <class Token>
    auto async_fail(const activity_target& target, const std::exception_ptr& why, Token&& token) const
    {
        auto failure = to_failure(why, with_);
        const auto fill = [&](auto& request) { *request.mutable_failure() = std::move(failure); };
        return either<completed>(target, methods::respond_activity_task_failed,
            methods::respond_activity_task_failed_by_id, fill, as_completed{}, std::nullopt,
            std::forward<Token>(token));
    }

    /// Says that it ended because it was asked to; the server takes that from one that was.
    template <class Token>
    auto async_report_cancelled(const activity_target& target, Token&& token) const
    {
        const auto fill = [](auto&) {};
        return either<completed>(target, methods::respond_activity_task_canceled,
            methods::respond_activity_task_canceled_by_id, fill, as_completed{}, std::nullopt,
            std::forward<Token>(token));
    }

    /// A sign of life with what a next attempt may go on from: `rpc_reply<heartbeat_answer>`.
    template <class... T, class Token>
    auto async_heartbeat(const activity_target& target, const std::tuple<T...>& details, Token&& token) const
    {
        auto payloads = std::apply([&](const auto&... d) { return with_.to_payloads(d...); }, details);
        std::optional<grpc::status> refused = detail::refusal(payloads);
        const auto fill = [&](auto& request) {
            if (payloads && sizeof...(T) != 0)
                *request.mutable_details() = *std::move(payloads);
        };
        const auto read = [](const auto& r) {
            return heartbeat_answer{r.cancel_requested(), r.activity_paused(), r.activity_reset()};
        };
        return either<heartbeat_answer>(target, methods::record_activity_task_heartbeat,
            methods::record_activity_task_heartbeat_by_id, fill, read, std::move(refused), std::forward<Token>(token));
    }
    /// @}

private:
    struct as_completed {
        template <class Response>
        completed operator()(const Response&) const noexcept
        {
            return {};
        }
    };

    template <class R, class Token>
    auto start(const std::string& type, converted<api::common::Payloads> input, const start_options& options,
        Token&& token) const
    {
        auto request = detail::start_request(type, options);
        request.set_namespace_(on_->options().name_space);
        request.set_identity(on_->options().identity);
        request.set_activity_id(options.id.empty() ? detail::unique_key() : options.id);
        request.set_request_id(options.request_id.empty() ? detail::unique_key() : options.request_id);
        std::optional<grpc::status> refused = detail::refusal(input);
        if (input && input->payloads_size() != 0)
            *request.mutable_input() = *std::move(input);
        auto words = detail::user_words(with_, options.summary, options.details);
        if (!words && !refused)
            refused = detail::refusal(words);
        else if (words && *words)
            *request.mutable_user_metadata() = **std::move(words);

        auto map = [on = on_, with = with_, id = request.activity_id(), started = started_,
                       queue = started_ ? options.task_queue : std::string()](api::StartActivityExecutionResponse&& r) {
            if (started && r.started())
                started(queue, task_type::activity);
            return started_activity<R>{{on, with, {id, r.run_id()}}, r.started()};
        };
        const detail::client_call_facts facts{.what = client_call::kind::start_activity,
            .type = type,
            .id = request.activity_id(),
            .task_queue = options.task_queue};
        auto told = detail::intercept(asked_, facts, request, refused);
        auto prepared = on_->prepare(methods::start_activity_execution, request);
        prepared.refused = std::move(refused);
        prepared.on_end = std::move(told);
        return on_->template async_send<api::StartActivityExecutionResponse, started_activity<R>>(
            std::move(prepared), {}, std::move(map), std::forward<Token>(token));
    }

    /// Each of these comes in two forms, by token and by id, whose answers are the same on the wire.
    template <class Out, class A, class Response, class B, class BResponse, class Fill, class Map, class Token>
    auto either(const activity_target& target, const method<A, Response>& by_token, const method<B, BResponse>& by_id,
        Fill fill, Map map, std::optional<grpc::status> refused, Token&& token) const
    {
        connection::prepared_call prepared;
        if (target.task_token.empty()) {
            auto request = detail::request_for<B>(*on_);
            request.set_activity_id(target.activity_id);
            request.set_workflow_id(target.workflow_id);
            request.set_run_id(target.run_id);
            fill(request);
            prepared = on_->prepare(by_id, request);
        } else {
            auto request = detail::request_for<A>(*on_);
            request.set_task_token(target.task_token);
            fill(request);
            prepared = on_->prepare(by_token, request);
        }
        prepared.refused = std::move(refused);
        return on_->template async_send<Response, Out>(
            std::move(prepared), {}, std::move(map), std::forward<Token>(token));
    }

    std::shared_ptr<connection> on_;
    data_converter with_;
    detail::hooks<client_call> asked_{};
    start_listener started_{};
};

}  // namespace mayfly::temporal
