// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/client_call.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/detail/refusal.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/unique_key.hpp>
#include <mayfly/temporal/detail/workflow_calls.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/update_handle.hpp>
#include <mayfly/temporal/workflow_methods.hpp>
#include <mayfly/temporal/workflow_outcome.hpp>
#include <mayfly/temporal/workflow_requests.hpp>
#include <mayfly/temporal/workflow_signature.hpp>

#include <boost/asio/compose.hpp>
#include <boost/system/error_code.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace mayfly::temporal {

namespace detail {

template <class R>
struct as_workflow_outcome {
    data_converter with;

    workflow_outcome<R> operator()(boost::system::error_code& ec, grpc::status status, close_watch& seen) const
    {
        workflow_outcome<R> out;
        out.run_id = seen.run_id();
        if (ec) {
            out.words = describe(status);
        } else {
            run_close& end = *seen.end();
            ec = end.ec;
            out.next_run_id = end.next_run_id;
            if (end.why)
                read_failure(*end.why, with, out);
            else if (ec)
                out.words = "it goes on as the run " + end.next_run_id;
            else
                ec = read_result<R>(end.result, with, out);
        }
        out.status = std::move(status);
        return out;
    }
};

template <class R>
struct as_query_outcome {
    data_converter with;

    query_outcome<R> operator()(boost::system::error_code& ec, rpc_reply<api::QueryWorkflowResponse> r) const
    {
        query_outcome<R> out;
        if (ec) {
            out.words = describe(r.status);
            const auto failed = detail_of<api::errordetails::QueryFailedFailure>(r.status);
            if (failed && ec == grpc::status_code::invalid_argument) {
                ec = client_errc::failed;
                if (failed->has_failure())
                    read_failure(failed->failure(), with, out);
            }
        } else if (r.value.has_query_rejected()) {
            ec = client_errc::rejected;
            out.rejected = to_status(r.value.query_rejected().status());
            out.words = "the workflow is " + std::string(to_string(*out.rejected));
        } else {
            ec = read_result<R>(r.value.query_result(), with, out);
        }
        out.status = std::move(r.status);
        return out;
    }
};

/// Whoever wants a workflow cancelled that is being cancelled has what they want.
struct as_cancelled {
    using reply = rpc_reply<api::RequestCancelWorkflowExecutionResponse>;

    reply operator()(boost::system::error_code& ec, reply r) const
    {
        if (ec && detail_of<api::errordetails::CancellationAlreadyRequestedFailure>(r.status)) {
            ec = {};
            r = {};
        }
        return r;
    }
};

}  // namespace detail

/** One workflow, its result an `R`.

    A value: it may be copied, and made anew from a key at any time. Operations complete like those of `connection`.
   Where they take arguments, these may stand in braces; what cannot be converted is INVALID_ARGUMENT, and nothing is
   sent.
*/
template <class R>
class workflow_handle {
public:
    using error_code = boost::system::error_code;

    workflow_handle() = default;

    /// @param begin  the run whose end `async_result` waits for first; empty: that of the key
    /// @param asked  of interceptors: a client gives its own to its handles
    workflow_handle(std::shared_ptr<connection> on, data_converter with, workflow_key key, std::string begin = {},
        detail::hooks<client_call> asked = {})
        : on_(std::move(on)),
          with_(std::move(with)),
          key_(std::move(key)),
          begin_(std::move(begin)),
          asked_(std::move(asked))
    {}

    /// Whom all goes to but the wait for a result.
    [[nodiscard]] const workflow_key& key() const noexcept { return key_; }
    [[nodiscard]] const std::string& id() const noexcept { return key_.id; }

    /// The run that the wait for a result begins with; empty: the latest.
    [[nodiscard]] const std::string& run_id() const noexcept { return begin_.empty() ? key_.run_id : begin_; }

    /** Waits until it has ended: `void(error_code, workflow_outcome<R>)`.

        Without an error there is the value. Else the error is of `client_errc` for how it ended, or that of a call. A
        server that is away for less than a minute is waited for.
    */
    template <class Token>
    auto async_result(const result_options& how, Token&& token) const
    {
        api::GetWorkflowExecutionHistoryRequest request;
        request.set_namespace_(on_->options().name_space);
        request.mutable_execution()->set_workflow_id(key_.id);
        request.mutable_execution()->set_run_id(run_id());
        using finish = detail::as_workflow_outcome<R>;
        return boost::asio::async_compose<Token, void(error_code, workflow_outcome<R>)>(
            detail::await_close<finish>{on_, detail::close_watch(std::move(request), how.follow_runs),
                detail::until_of(how.within), finish{with_}},
            token, on_->get_executor());
    }
    template <class Token>
    auto async_result(Token&& token) const
    {
        return async_result(result_options{}, std::forward<Token>(token));
    }

    /// `void(error_code, rpc_reply<...Response>)`, when the server has it. Sent again for ten seconds where that may
    /// help, it is one signal.
    template <class F, class Token>
    auto async_signal(
        const typed_signal<F>& signal, const typename typed_signal<F>::arguments& arguments, Token&& token) const
    {
        return send_signal(signal.name, payloads(arguments), std::forward<Token>(token));
    }
    template <class Token>
    auto async_signal_by_name(const std::string& name, api::common::Payloads input, Token&& token) const
    {
        return send_signal(name, std::move(input), std::forward<Token>(token));
    }

    /// Asks a worker: `void(error_code, query_outcome<...>)`. Where none is there to answer, DEADLINE_EXCEEDED. What
    /// the workflow threw is `client_errc::failed`.
    template <class F, class Token>
    auto async_query(const typed_query<F>& query, const typename typed_query<F>::arguments& arguments,
        const query_options& how, Token&& token) const
    {
        return ask<typename typed_query<F>::result>(query.name, payloads(arguments), how, std::forward<Token>(token));
    }
    template <class F, class Token>
    auto async_query(
        const typed_query<F>& query, const typename typed_query<F>::arguments& arguments, Token&& token) const
    {
        return async_query(query, arguments, query_options{}, std::forward<Token>(token));
    }
    template <class T, class Token>
    auto async_query_by_name(
        const std::string& name, api::common::Payloads input, const query_options& how, Token&& token) const
    {
        return ask<T>(name, std::move(input), how, std::forward<Token>(token));
    }

    /// Sends an update and waits for its outcome: `void(error_code, update_outcome<...>)`. One that the workflow
    /// rejected, or that threw, is `client_errc::failed`.
    template <class F, class Token>
    auto async_update(const typed_update<F>& update, const typename typed_update<F>::arguments& arguments,
        const update_options& how, Token&& token) const
    {
        return update_to_end<typename typed_update<F>::result>(
            update.name, payloads(arguments), how, std::forward<Token>(token));
    }
    template <class F, class Token>
    auto async_update(
        const typed_update<F>& update, const typename typed_update<F>::arguments& arguments, Token&& token) const
    {
        return async_update(update, arguments, update_options{}, std::forward<Token>(token));
    }
    template <class T, class Token>
    auto async_update_by_name(
        const std::string& name, api::common::Payloads input, const update_options& how, Token&& token) const
    {
        return update_to_end<T>(name, std::move(input), how, std::forward<Token>(token));
    }

    /// Sends an update and waits until it has come so far: `void(error_code, rpc_reply<update_handle<...>>)`. One that
    /// is rejected is over: its handle says so, and why.
    template <class F, class Token>
    auto async_start_update(const typed_update<F>& update, const typename typed_update<F>::arguments& arguments,
        update_stage stage, const update_options& how, Token&& token) const
    {
        return update_to<typename typed_update<F>::result>(
            update.name, payloads(arguments), stage, how, std::forward<Token>(token));
    }
    template <class T, class Token>
    auto async_start_update_by_name(const std::string& name, api::common::Payloads input, update_stage stage,
        const update_options& how, Token&& token) const
    {
        return update_to<T>(name, std::move(input), stage, how, std::forward<Token>(token));
    }

    /// An update that was sent before, or from elsewhere.
    template <class T>
    [[nodiscard]] update_handle<T> update(std::string id) const
    {
        return {on_, with_, key_, std::move(id)};
    }

    /// Asks it to end: `void(error_code, rpc_reply<...Response>)`. It may do other things first, or not heed it.
    template <class Token>
    auto async_cancel(std::string reason, Token&& token) const
    {
        auto request = changing<api::RequestCancelWorkflowExecutionRequest>();
        request.set_request_id(detail::unique_key());
        request.set_reason(std::move(reason));
        return call<rpc_reply<api::RequestCancelWorkflowExecutionResponse>>(methods::request_cancel_workflow_execution,
            std::move(request), {}, std::nullopt, detail::as_cancelled{}, {}, std::forward<Token>(token));
    }

    /// Ends it without asking it. `void(error_code, rpc_reply<...Response>)`.
    template <class Token>
    auto async_terminate(std::string reason, Token&& token) const
    {
        auto request = changing<api::TerminateWorkflowExecutionRequest>();
        request.set_reason(std::move(reason));
        return on_->async_call(methods::terminate_workflow_execution, request, std::forward<Token>(token));
    }

    /// `void(error_code, rpc_reply<workflow_description>)`.
    template <class Token>
    auto async_describe(Token&& token) const
    {
        auto request = detail::request_for<api::DescribeWorkflowExecutionRequest>(*on_);
        set_execution(*request.mutable_execution());
        return on_->template async_call_as<workflow_description>(methods::describe_workflow_execution, request, {},
            detail::to_workflow_description, std::nullopt, std::forward<Token>(token));
    }

    /// All events of one run so far, in as many calls as that takes: `void(error_code,
    /// rpc_reply<api::history::History>)`.
    template <class Token>
    auto async_history(Token&& token) const
    {
        auto request = detail::request_for<api::GetWorkflowExecutionHistoryRequest>(*on_);
        set_execution(*request.mutable_execution());
        return boost::asio::async_compose<Token, void(error_code, rpc_reply<api::history::History>)>(
            detail::read_history{on_, std::move(request)}, token, on_->get_executor());
    }

    /// Ends the run, and begins another that goes on from an earlier point: `void(error_code,
    /// rpc_reply<workflow_handle>)`, of the new run.
    template <class Token>
    auto async_reset(const reset_options& how, Token&& token) const
    {
        auto request = detail::request_for<api::ResetWorkflowExecutionRequest>(*on_);
        set_execution(*request.mutable_workflow_execution());
        request.set_workflow_task_finish_event_id(how.event_id);
        request.set_reason(how.reason);
        request.set_request_id(how.request_id.empty() ? detail::unique_key() : how.request_id);
        if (!how.keep_signals)
            request.add_reset_reapply_exclude_types(api::enums::RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL);
        if (!how.keep_updates)
            request.add_reset_reapply_exclude_types(api::enums::RESET_REAPPLY_EXCLUDE_TYPE_UPDATE);
        auto map = [on = on_, with = with_, id = key_.id, asked = asked_](api::ResetWorkflowExecutionResponse&& r) {
            return workflow_handle(on, with, {id, {}, {}}, r.run_id(), asked);
        };
        return on_->template async_call_as<workflow_handle>(
            methods::reset_workflow_execution, request, {}, std::move(map), std::nullopt, std::forward<Token>(token));
    }

    /// Ends it if it runs, and forgets it, soon. `void(error_code, rpc_reply<...Response>)`.
    template <class Token>
    auto async_delete(Token&& token) const
    {
        auto request = detail::request_for<api::DeleteWorkflowExecutionRequest>(*on_);
        set_execution(*request.mutable_workflow_execution());
        return on_->async_call(methods::delete_workflow_execution, request, std::forward<Token>(token));
    }

    /// Which version is to work on it from now on; nothing: as its own behaviour and the routing say. `void(error_code,
    /// rpc_reply<...Response>)`.
    template <class Token>
    auto async_override_version(const std::optional<versioning_override>& to, Token&& token) const
    {
        auto request = detail::request_for<api::UpdateWorkflowExecutionOptionsRequest>(*on_);
        set_execution(*request.mutable_workflow_execution());
        request.mutable_update_mask()->add_paths("versioning_override");
        auto& options = *request.mutable_workflow_execution_options();
        if (to)
            *options.mutable_versioning_override() = detail::to_override(*to);
        return on_->async_call(methods::update_workflow_execution_options, request, std::forward<Token>(token));
    }

private:
    void set_execution(api::common::WorkflowExecution& to) const
    {
        to.set_workflow_id(key_.id);
        to.set_run_id(key_.run_id);
    }

    /// For what a later run of another chain is not to be meant by.
    template <class Request>
    Request changing() const
    {
        auto out = detail::request_for<Request>(*on_);
        set_execution(*out.mutable_workflow_execution());
        out.set_first_execution_run_id(key_.first_run_id);
        return out;
    }

    template <class Tuple>
    converted<api::common::Payloads> payloads(const Tuple& arguments) const
    {
        return std::apply([this](const auto&... a) { return with_.to_payloads(a...); }, arguments);
    }

    template <class Out, class Request, class Response, class Finish, class Token>
    auto call(const method<Request, Response>& what, Request request, rpc_options own,
        std::optional<grpc::status> refused, Finish finish, call_listener told, Token&& token) const
    {
        return boost::asio::async_compose<Token, void(error_code, Out)>(
            detail::call_and<Request, Response, Finish>{
                on_, what, std::move(request), std::move(own), std::move(refused), std::move(finish), std::move(told)},
            token, on_->get_executor());
    }

    /// See `detail::intercept`.
    template <class Carrier>
    call_listener intercept(
        client_call::kind what, const std::string& name, Carrier& carrier, std::optional<grpc::status>& refused) const
    {
        const detail::client_call_facts facts{.what = what, .name = name, .id = key_.id, .run_id = key_.run_id};
        return detail::intercept(asked_, facts, carrier, refused);
    }

    template <class Token>
    auto send_signal(const std::string& name, converted<api::common::Payloads> input, Token&& token) const
    {
        auto request = detail::request_for<api::SignalWorkflowExecutionRequest>(*on_);
        set_execution(*request.mutable_workflow_execution());
        request.set_signal_name(name);
        request.set_request_id(detail::unique_key());
        auto refused = detail::refusal(input);
        if (input && input->payloads_size() != 0)
            *request.mutable_input() = *std::move(input);
        auto told = intercept(client_call::kind::signal, name, request, refused);
        auto prepared = on_->prepare(methods::signal_workflow_execution, request);
        prepared.refused = std::move(refused);
        prepared.on_end = std::move(told);
        using response = api::SignalWorkflowExecutionResponse;
        return on_->template async_send<response, response>(
            std::move(prepared), {}, std::identity{}, std::forward<Token>(token));
    }

    template <class T, class Token>
    auto ask(
        const std::string& name, converted<api::common::Payloads> input, const query_options& how, Token&& token) const
    {
        auto request = detail::request_for<api::QueryWorkflowRequest>(*on_);
        set_execution(*request.mutable_execution());
        request.mutable_query()->set_query_type(name);
        if (how.reject != query_reject::server_default)
            request.set_query_reject_condition(static_cast<api::enums::QueryRejectCondition>(how.reject));
        auto refused = detail::refusal(input);
        if (input && input->payloads_size() != 0)
            *request.mutable_query()->mutable_query_args() = *std::move(input);
        auto told = intercept(client_call::kind::query, name, *request.mutable_query(), refused);
        rpc_options own;
        own.timeout = how.within;
        return call<query_outcome<T>>(methods::query_workflow, std::move(request), std::move(own), std::move(refused),
            detail::as_query_outcome<T>{with_}, std::move(told), std::forward<Token>(token));
    }

    template <class Out, class Finish, class Token>
    auto send_update(const std::string& name, converted<api::common::Payloads> input, update_stage stage,
        const update_options& how, Finish finish, Token&& token) const
    {
        auto refused = detail::refusal(input);
        auto update = detail::update_request(*on_, key_, name, std::move(input), stage, how);
        auto told = intercept(client_call::kind::update, name, *update.mutable_request()->mutable_input(), refused);
        auto poll = detail::poll_for(*on_, update);
        return boost::asio::async_compose<Token, void(error_code, Out)>(
            detail::run_update<Finish>{on_, std::move(update), std::move(poll), stage, detail::until_of(how.within),
                std::move(refused), std::move(finish), std::move(told)},
            token, on_->get_executor());
    }

    template <class T, class Token>
    auto update_to_end(
        const std::string& name, converted<api::common::Payloads> input, const update_options& how, Token&& token) const
    {
        return send_update<update_outcome<T>>(name, std::move(input), update_stage::completed, how,
            detail::as_update_outcome<T>{with_}, std::forward<Token>(token));
    }

    template <class T, class Token>
    auto update_to(const std::string& name, converted<api::common::Payloads> input, update_stage stage,
        const update_options& how, Token&& token) const
    {
        auto finish = [on = on_, with = with_](error_code&, grpc::status status, detail::update_news news) {
            return rpc_reply<update_handle<T>>{std::move(status), detail::handle_of<T>(on, with, std::move(news))};
        };
        return send_update<rpc_reply<update_handle<T>>>(
            name, std::move(input), stage, how, std::move(finish), std::forward<Token>(token));
    }

    std::shared_ptr<connection> on_{};
    data_converter with_{};
    workflow_key key_{};
    std::string begin_{};
    detail::hooks<client_call> asked_{};
};

}  // namespace mayfly::temporal
