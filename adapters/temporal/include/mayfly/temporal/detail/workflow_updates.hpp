// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/unique_key.hpp>
#include <mayfly/temporal/detail/workflow_calls.hpp>
#include <mayfly/temporal/workflow_requests.hpp>

#include <boost/asio/post.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace mayfly::temporal::detail {

/// What is to be done after an answer about an update.
enum class update_step : std::uint8_t {
    send,  ///< The same request once more: it may not have been kept.
    poll,  ///< It is kept; ask how it ends.
    done,
};

constexpr update_step after_answer(
    api::enums::UpdateWorkflowExecutionLifecycleStage reached, bool has_outcome, update_stage wanted) noexcept
{
    if (has_outcome)
        return update_step::done;
    if (reached < api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED)
        return update_step::send;
    return wanted == update_stage::accepted ? update_step::done : update_step::poll;
}

constexpr api::enums::UpdateWorkflowExecutionLifecycleStage to_stage(update_stage s) noexcept
{
    return s == update_stage::accepted ? api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
                                       : api::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;
}

inline api::UpdateWorkflowExecutionRequest update_request(const connection& on, const workflow_key& key,
    const std::string& name, converted<api::common::Payloads> input, update_stage wanted, const update_options& how)
{
    auto out = request_for<api::UpdateWorkflowExecutionRequest>(on);
    out.mutable_workflow_execution()->set_workflow_id(key.id);
    out.mutable_workflow_execution()->set_run_id(key.run_id);
    out.set_first_execution_run_id(key.first_run_id);
    out.mutable_wait_policy()->set_lifecycle_stage(to_stage(wanted));
    auto& update = *out.mutable_request();
    update.mutable_meta()->set_update_id(how.id.empty() ? unique_key() : how.id);
    update.mutable_meta()->set_identity(on.options().identity);
    update.mutable_input()->set_name(name);
    if (input && input->payloads_size() != 0)
        *update.mutable_input()->mutable_args() = *std::move(input);
    return out;
}

/// Asks for the outcome of what was sent so.
inline api::PollWorkflowExecutionUpdateRequest poll_for(
    const connection& on, const api::UpdateWorkflowExecutionRequest& sent)
{
    auto out = request_for<api::PollWorkflowExecutionUpdateRequest>(on);
    out.mutable_wait_policy()->set_lifecycle_stage(to_stage(update_stage::completed));
    auto& ref = *out.mutable_update_ref();
    *ref.mutable_workflow_execution() = sent.workflow_execution();
    ref.set_update_id(sent.request().meta().update_id());
    return out;
}

/// What is known of an update.
struct update_news {
    api::update::UpdateRef ref{};
    std::optional<api::update::Outcome> outcome{};
    std::optional<api::StartWorkflowExecutionResponse> started{};  ///< Of one with a start.
};

/// Of a start and an update that failed together: what is wrong with the one of them that is to blame.
inline grpc::status blamed(grpc::status s)
{
    const auto all = detail_of<api::errordetails::MultiOperationExecutionFailure>(s);
    if (!all)
        return s;
    for (const auto& one : all->statuses()) {
        const auto code = grpc::to_status_code(static_cast<std::uint64_t>(one.code()));
        bool aborted = code == grpc::status_code::ok;
        for (const auto& any : one.details())
            aborted = aborted || any.type_url().ends_with("/temporal.api.failure.v1.MultiOperationExecutionAborted");
        if (aborted)
            continue;
        api::common::GrpcStatus details;
        details.set_code(one.code());
        details.set_message(one.message());
        *details.mutable_details() = one.details();
        return {code, one.message(), details.SerializeAsString()};
    }
    return s;
}

/// Sends an update, alone or with a start, until it is kept; then waits for its outcome, if that is wanted.
template <class Finish>
struct run_update {
    using error_code = boost::system::error_code;

    std::shared_ptr<connection> on;
    std::variant<api::UpdateWorkflowExecutionRequest, api::ExecuteMultiOperationRequest> request;
    api::PollWorkflowExecutionUpdateRequest poll;  ///< With what is known before; of one that is kept, its ref too.
    update_stage wanted;
    maybe_until until;
    std::optional<grpc::status> refused;
    Finish finish;           ///< Of an error, a status and `update_news`.
    call_listener on_end{};  ///< Before its caller; may be empty.
    update_step step = update_step::send;
    update_news known{};
    bool begun = false;

    template <class Self>
    void operator()(Self& self)
    {
        if (std::exchange(begun, true))
            return finish_with(self, {}, {});
        self.reset_cancellation_state(http::detail::any_as_terminal{});
        if (known.outcome)
            boost::asio::post(on->get_executor(), std::move(self));
        else
            go_on(self);
    }

    template <class Self>
    void operator()(Self& self, error_code ec, rpc_reply<api::UpdateWorkflowExecutionResponse> r)
    {
        heard(self, ec, std::move(r.status), r.value);
    }

    template <class Self>
    void operator()(Self& self, error_code ec, rpc_reply<api::ExecuteMultiOperationResponse> r)
    {
        api::UpdateWorkflowExecutionResponse update;
        if (ec && !r.status.ok()) {
            r.status = blamed(std::move(r.status));
            if (ec.category() == grpc::grpc_category())
                ec = make_error_code(r.status.code);
        }
        for (auto& one : *r.value.mutable_responses()) {
            if (one.has_start_workflow() && !known.started)
                known.started = std::move(*one.mutable_start_workflow());
            if (one.has_update_workflow())
                update = std::move(*one.mutable_update_workflow());
        }
        heard(self, ec, std::move(r.status), update);
    }

    template <class Self>
    void operator()(Self& self, error_code ec, rpc_reply<api::PollWorkflowExecutionUpdateResponse> r)
    {
        heard(self, ec, std::move(r.status), r.value);
    }

private:
    template <class Self, class Response>
    void heard(Self& self, error_code ec, grpc::status status, Response& said)
    {
        if (self.cancelled() != boost::asio::cancellation_type::none)
            ec = boost::asio::error::operation_aborted;
        else if (may_ask_again(ec, until))
            return go_on(self);
        if (!ec) {
            if (!said.update_ref().workflow_execution().run_id().empty())
                *poll.mutable_update_ref() = said.update_ref();
            if (said.has_outcome())
                known.outcome = std::move(*said.mutable_outcome());
            // Once it is kept, an answer without a stage is one that came too early.
            if (step == update_step::send)
                step = after_answer(said.stage(), known.outcome.has_value(), wanted);
            else if (known.outcome)
                step = update_step::done;
            if (step != update_step::done)
                return go_on(self);
        }
        finish_with(self, ec, std::move(status));
    }

    template <class Self>
    void finish_with(Self& self, error_code ec, grpc::status status)
    {
        known.ref = poll.update_ref();
        auto out = finish(ec, std::move(status), std::move(known));
        if (on_end)
            on_end(ec, out.status);
        self.complete(ec, std::move(out));
    }

    template <class Self>
    void go_on(Self& self)
    {
        auto& to = *on;
        auto own = waiting(to, until);
        if (step == update_step::poll) {
            const auto asked = poll;
            return to.async_call(methods::poll_workflow_execution_update, asked, std::move(own), std::move(self));
        }
        // Copies: `self`, which this is a part of, is moved away with the call.
        const auto asked = request;
        auto no = refused;
        if (asked.index() == 0)
            to.template async_call_as<api::UpdateWorkflowExecutionResponse>(methods::update_workflow_execution,
                std::get<0>(asked), std::move(own), std::identity{}, std::move(no), std::move(self));
        else
            to.template async_call_as<api::ExecuteMultiOperationResponse>(methods::execute_multi_operation,
                std::get<1>(asked), std::move(own), std::identity{}, std::move(no), std::move(self));
    }
};

}  // namespace mayfly::temporal::detail
