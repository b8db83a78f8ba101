// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/client_call.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/detail/refusal.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/start_offers.hpp>
#include <mayfly/temporal/detail/unique_key.hpp>
#include <mayfly/temporal/detail/user_words.hpp>
#include <mayfly/temporal/detail/workflow_messages.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/start_listener.hpp>
#include <mayfly/temporal/workflow_handle.hpp>
#include <mayfly/temporal/workflow_methods.hpp>
#include <mayfly/temporal/workflow_requests.hpp>
#include <mayfly/temporal/workflow_signature.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace mayfly::temporal {

template <class R>
struct started_workflow {
    workflow_handle<R> handle{};
    bool is_new = false;  ///< Else it ran already, and the options said to use that one.
};

/// What was started together, or the update alone, of a workflow that ran already.
template <class R, class U>
struct started_with_update {
    workflow_handle<R> handle{};
    update_handle<U> update{};
    bool is_new = false;
};

namespace detail {

/// A start, and then the wait for its result.
template <class R, class Start>
struct execute {
    using error_code = boost::system::error_code;

    Start start;
    result_options how;
    std::chrono::steady_clock::time_point begun_at{};

    template <class Self>
    void operator()(Self& self)
    {
        self.reset_cancellation_state(http::detail::any_as_terminal{});
        begun_at = std::chrono::steady_clock::now();
        auto go = std::move(start);
        go(std::move(self));
    }

    template <class Self>
    void operator()(Self& self, error_code ec, rpc_reply<started_workflow<R>> r)
    {
        if (!ec && self.cancelled() != boost::asio::cancellation_type::none)
            ec = boost::asio::error::operation_aborted;
        if (ec) {
            workflow_outcome<R> out;
            out.words = describe(r.status);
            out.status = std::move(r.status);
            return self.complete(ec, std::move(out));
        }
        auto left = how;
        if (left.within)
            *left.within -= std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun_at);
        const auto handle = std::move(r.value.handle);
        handle.async_result(left, std::move(self));
    }

    template <class Self>
    void operator()(Self& self, error_code ec, workflow_outcome<R> out)
    {
        self.complete(ec, std::move(out));
    }
};

}  // namespace detail

/** Starts workflows and finds them, in the connection's namespace.

    A value, cheap to copy. Operations complete with `void(error_code, rpc_reply<T>)`, cancel and fail as those of
    `connection`; what cannot be converted is INVALID_ARGUMENT, and nothing is sent. Arguments may stand in braces.
*/
class workflow_client {
public:
    /// @param around  interceptors of what goes out, from handles of this client too; their `client` alone is used
    explicit workflow_client(
        std::shared_ptr<connection> on, data_converter with = {}, const std::vector<interceptor>& around = {})
        : on_(std::move(on)), with_(std::move(with)), asked_(detail::hooks_of(around, &interceptor::client))
    {}

    /// Tells of each start that the server accepts from now on, through this client and copies made of it, and is new:
    /// see `task_queue_source::listener`. Not of those whose first task a worker here has got already.
    void report_starts_to(start_listener listener) { started_ = std::move(listener); }

    [[nodiscard]] const std::shared_ptr<connection>& shared_connection() const noexcept { return on_; }
    [[nodiscard]] const data_converter& converter() const noexcept { return with_; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return on_->get_executor(); }

    /// Starts a workflow: `rpc_reply<started_workflow<result>>`. ALREADY_EXISTS has a
    /// `WorkflowExecutionAlreadyStartedFailure` as its detail.
    template <class F, class Token>
    auto async_start(const typed_workflow<F>& type, const typename typed_workflow<F>::arguments& arguments,
        const workflow_start_options& options, Token&& token) const
    {
        return start<typename typed_workflow<F>::result>(
            type.name, payloads(arguments), options, std::forward<Token>(token));
    }

    /// Starts one that nothing is known of but its name: `rpc_reply<started_workflow<R>>`. `converter().to_payloads`
    /// makes its input.
    template <class R, class Token>
    auto async_start_by_name(const std::string& type, api::common::Payloads input,
        const workflow_start_options& options, Token&& token) const
    {
        return start<R>(type, std::move(input), options, std::forward<Token>(token));
    }

    /// Starts it and waits until it has ended: `void(error_code, workflow_outcome<result>)`, as
    /// `workflow_handle::async_result`. One that is given up, by cancellation or in time, goes on there.
    template <class F, class Token>
    auto async_execute(const typed_workflow<F>& type, const typename typed_workflow<F>::arguments& arguments,
        const workflow_start_options& options, const result_options& how, Token&& token) const
    {
        return execute<typename typed_workflow<F>::result>(
            type.name, payloads(arguments), options, how, std::forward<Token>(token));
    }
    template <class F, class Token>
    auto async_execute(const typed_workflow<F>& type, const typename typed_workflow<F>::arguments& arguments,
        const workflow_start_options& options, Token&& token) const
    {
        return async_execute(type, arguments, options, result_options{}, std::forward<Token>(token));
    }
    template <class R, class Token>
    auto async_execute_by_name(const std::string& type, api::common::Payloads input,
        const workflow_start_options& options, const result_options& how, Token&& token) const
    {
        return execute<R>(type, std::move(input), options, how, std::forward<Token>(token));
    }

    /// Signals the workflow of this id, which is started before if none runs: `rpc_reply<started_workflow<result>>`.
    template <class F, class S, class Token>
    auto async_signal_with_start(const typed_workflow<F>& type, const typename typed_workflow<F>::arguments& arguments,
        const workflow_start_options& options, const typed_signal<S>& signal,
        const typename typed_signal<S>::arguments& signal_arguments, Token&& token) const
    {
        return signal_with_start<typename typed_workflow<F>::result>(type.name, payloads(arguments), options,
            signal.name, payloads(signal_arguments), std::forward<Token>(token));
    }
    template <class R, class Token>
    auto async_signal_with_start_by_name(const std::string& type, api::common::Payloads input,
        const workflow_start_options& options, const std::string& signal, api::common::Payloads signal_input,
        Token&& token) const
    {
        return signal_with_start<R>(
            type, std::move(input), options, signal, std::move(signal_input), std::forward<Token>(token));
    }

    /** Sends an update to the workflow of this id, which is started together with it if none runs, and waits until the
        update has come so far: `rpc_reply<started_with_update<...>>`.

        `options.conflict` has to be said: `use_existing` or `fail`. Either both are done or none. An update that is
        rejected is over: its handle says so, and why; its workflow runs.
    */
    template <class F, class U, class Token>
    auto async_update_with_start(const typed_workflow<F>& type, const typename typed_workflow<F>::arguments& arguments,
        const workflow_start_options& options, const typed_update<U>& update,
        const typename typed_update<U>::arguments& update_arguments, update_stage stage, const update_options& how,
        Token&& token) const
    {
        return update_with_start<typename typed_workflow<F>::result, typename typed_update<U>::result>(type.name,
            payloads(arguments), options, update.name, payloads(update_arguments), stage, how,
            std::forward<Token>(token));
    }
    template <class R, class U, class Token>
    auto async_update_with_start_by_name(const std::string& type, api::common::Payloads input,
        const workflow_start_options& options, const std::string& update, api::common::Payloads update_input,
        update_stage stage, const update_options& how, Token&& token) const
    {
        return update_with_start<R, U>(
            type, std::move(input), options, update, std::move(update_input), stage, how, std::forward<Token>(token));
    }

    /// A workflow that was started before, or elsewhere.
    template <class R>
    [[nodiscard]] workflow_handle<R> handle(workflow_key key) const
    {
        return {on_, with_, std::move(key), {}, asked_};
    }

    /// A page of those that the query finds, all if it is empty: `rpc_reply<workflow_page>`. `page_size` 0: as many as
    /// the server likes.
    template <class Token>
    auto async_list(const std::string& query, const std::string& page_token, int page_size, Token&& token) const
    {
        auto request = detail::request_for<api::ListWorkflowExecutionsRequest>(*on_);
        request.set_query(query);
        request.set_next_page_token(page_token);
        request.set_page_size(page_size);
        return on_->template async_call_as<workflow_page>(methods::list_workflow_executions, request, {},
            detail::to_workflow_page, std::nullopt, std::forward<Token>(token));
    }

    /// `rpc_reply<workflow_count>`.
    template <class Token>
    auto async_count(const std::string& query, Token&& token) const
    {
        auto request = detail::request_for<api::CountWorkflowExecutionsRequest>(*on_);
        request.set_query(query);
        return on_->template async_call_as<workflow_count>(methods::count_workflow_executions, request, {},
            detail::to_count<api::CountWorkflowExecutionsResponse>, std::nullopt, std::forward<Token>(token));
    }

private:
    template <class Tuple>
    converted<api::common::Payloads> payloads(const Tuple& arguments) const
    {
        return std::apply([this](const auto&... a) { return with_.to_payloads(a...); }, arguments);
    }

    /// A request to start, and why it is not to be sent, if so.
    template <class Request>
    struct prepared {
        Request request{};
        std::optional<grpc::status> refused{};
    };

    template <class Request>
    prepared<Request> prepare(
        const std::string& type, converted<api::common::Payloads> input, const workflow_start_options& options) const
    {
        prepared<Request> out{detail::workflow_start_request<Request>(type, options), detail::refusal(input)};
        Request& r = out.request;
        r.set_namespace_(on_->options().name_space);
        r.set_identity(on_->options().identity);
        r.set_workflow_id(options.id.empty() ? detail::unique_key() : options.id);
        r.set_request_id(options.request_id.empty() ? detail::unique_key() : options.request_id);
        if (input && input->payloads_size() != 0)
            *r.mutable_input() = *std::move(input);
        auto memo = options.memo.message(with_);
        auto words = detail::user_words(with_, options.summary, options.details);
        if (!out.refused)
            out.refused = memo ? detail::refusal(words) : detail::refusal(memo);
        if (out.refused)
            return out;
        if (!memo->fields().empty())
            *r.mutable_memo() = *std::move(memo);
        if (*words)
            *r.mutable_user_metadata() = **std::move(words);
        return out;
    }

    /// Reads what starts are answered with, and tells of what is new.
    struct as_started {
        std::shared_ptr<connection> on;
        data_converter with;
        detail::hooks<client_call> asked;
        std::string id;
        std::string queue;
        start_listener listener;

        template <class R, class Response>
        started_workflow<R> read(const Response& r) const
        {
            if (listener && r.started() && !came_along(r))
                listener(queue, task_type::workflow);
            const std::string& first = r.first_execution_run_id().empty() ? r.run_id() : r.first_execution_run_id();
            return {{on, with, {id, {}, first}, r.run_id(), asked}, r.started()};
        }
    };
    /// Whether its first task did, to a worker that is there already.
    template <class Response>
    static bool came_along(const Response& r)
    {
        if constexpr (requires { r.eager_workflow_task(); })
            return !r.eager_workflow_task().task_token().empty();
        else
            return false;
    }
    as_started reader(const std::string& id, const workflow_start_options& options) const
    {
        return {on_, with_, asked_, id, options.task_queue, started_};
    }

    /// See `detail::intercept`. Of a start, alone or with something of this name.
    template <class Request>
    call_listener intercept(client_call::kind what, prepared<Request>& made, std::string_view name = {}) const
    {
        const detail::client_call_facts facts{.what = what,
            .type = made.request.workflow_type().name(),
            .name = name,
            .id = made.request.workflow_id(),
            .task_queue = made.request.task_queue().name()};
        return detail::intercept(asked_, facts, made.request, made.refused);
    }

    /// What was prepared, sent.
    template <class Out, class Request, class Response, class Map, class Token>
    auto send(
        const method<Request, Response>& how, prepared<Request> made, Map map, call_listener told, Token&& token) const
    {
        auto ready = on_->prepare(how, made.request);
        ready.refused = std::move(made.refused);
        ready.on_end = std::move(told);
        return on_->template async_send<Response, Out>(
            std::move(ready), {}, std::move(map), std::forward<Token>(token));
    }

    template <class R, class Token>
    auto start(const std::string& type, converted<api::common::Payloads> input, const workflow_start_options& options,
        Token&& token) const
    {
        auto made = prepare<api::StartWorkflowExecutionRequest>(type, std::move(input), options);
        auto told = intercept(client_call::kind::start_workflow, made);
        const bool may = options.eager && !made.refused && on_->capabilities().eager_workflow_start();
        auto slot = may ? detail::ask_for_first_task(on_->start_offers(), made.request) : nullptr;
        auto map = [as = reader(made.request.workflow_id(), options), slot = std::move(slot)](
                       api::StartWorkflowExecutionResponse&& r) {
            auto out = as.template read<R>(r);
            if (slot && came_along(r))
                // Later: who starts it hears of that first.
                boost::asio::post(
                    as.on->get_executor(), [slot, task = std::move(*r.mutable_eager_workflow_task())]() mutable {
                        slot->fill(std::move(task));
                    });
            return out;
        };
        return send<started_workflow<R>>(methods::start_workflow_execution, std::move(made), std::move(map),
            std::move(told), std::forward<Token>(token));
    }

    template <class R, class Token>
    auto execute(const std::string& type, converted<api::common::Payloads> input, const workflow_start_options& options,
        const result_options& how, Token&& token) const
    {
        auto go = [self = *this, type, input = std::move(input), options](auto&& then) mutable {
            self.template start<R>(type, std::move(input), options, std::forward<decltype(then)>(then));
        };
        return boost::asio::async_compose<Token, void(boost::system::error_code, workflow_outcome<R>)>(
            detail::execute<R, decltype(go)>{std::move(go), how}, token, on_->get_executor());
    }

    template <class R, class Token>
    auto signal_with_start(const std::string& type, converted<api::common::Payloads> input,
        const workflow_start_options& options, const std::string& signal, converted<api::common::Payloads> signal_input,
        Token&& token) const
    {
        using request = api::SignalWithStartWorkflowExecutionRequest;
        auto made = prepare<request>(type, std::move(input), options);
        made.request.set_signal_name(signal);
        if (!made.refused)
            made.refused = detail::refusal(signal_input);
        if (signal_input && signal_input->payloads_size() != 0)
            *made.request.mutable_signal_input() = *std::move(signal_input);
        auto told = intercept(client_call::kind::signal_with_start, made, signal);
        auto map = [as = reader(made.request.workflow_id(), options)](
                       api::SignalWithStartWorkflowExecutionResponse&& r) { return as.template read<R>(r); };
        return send<started_workflow<R>>(methods::signal_with_start_workflow_execution, std::move(made), std::move(map),
            std::move(told), std::forward<Token>(token));
    }

    template <class R, class U, class Token>
    auto update_with_start(const std::string& type, converted<api::common::Payloads> input,
        const workflow_start_options& options, const std::string& update, converted<api::common::Payloads> update_input,
        update_stage stage, const update_options& how, Token&& token) const
    {
        auto made = prepare<api::StartWorkflowExecutionRequest>(type, std::move(input), options);
        if (!made.refused)
            made.refused = detail::refusal(update_input);
        if (!made.refused && options.conflict == workflow_id_conflict::server_default)
            made.refused = {grpc::status_code::invalid_argument,
                "options.conflict: say use_existing or fail; an update with a start has no default", {}};
        auto told = intercept(client_call::kind::update_with_start, made, update);
        api::ExecuteMultiOperationRequest both;
        both.set_namespace_(on_->options().name_space);
        const workflow_key key{made.request.workflow_id(), {}, {}};
        auto sent = detail::update_request(*on_, key, update, std::move(update_input), stage, how);
        auto poll = detail::poll_for(*on_, sent);
        if (asked_ && made.request.has_header())
            *sent.mutable_request()->mutable_input()->mutable_header() = made.request.header();
        *both.add_operations()->mutable_start_workflow() = std::move(made.request);
        *both.add_operations()->mutable_update_workflow() = std::move(sent);

        using reply = rpc_reply<started_with_update<R, U>>;
        auto finish = [as = reader(key.id, options)](
                          boost::system::error_code&, grpc::status status, detail::update_news news) {
            reply out{std::move(status), {}};
            if (news.started) {
                auto s = as.template read<R>(*news.started);
                out.value.handle = std::move(s.handle);
                out.value.is_new = s.is_new;
            }
            out.value.update = detail::handle_of<U>(as.on, as.with, std::move(news));
            return out;
        };
        return boost::asio::async_compose<Token, void(boost::system::error_code, reply)>(
            detail::run_update<decltype(finish)>{on_, std::move(both), std::move(poll), stage,
                detail::until_of(how.within), std::move(made.refused), std::move(finish), std::move(told)},
            token, on_->get_executor());
    }

    std::shared_ptr<connection> on_;
    data_converter with_;
    detail::hooks<client_call> asked_{};
    start_listener started_{};
};

}  // namespace mayfly::temporal
