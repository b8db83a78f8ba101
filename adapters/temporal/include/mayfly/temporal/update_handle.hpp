// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/workflow_updates.hpp>
#include <mayfly/temporal/workflow_outcome.hpp>
#include <mayfly/temporal/workflow_requests.hpp>

#include <boost/asio/compose.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal {

namespace detail {

/// Of what is known of an update, what its caller wants.
template <class R>
struct as_update_outcome {
    data_converter with;

    update_outcome<R> operator()(boost::system::error_code& ec, grpc::status status, const update_news& news) const
    {
        update_outcome<R> out;
        if (ec) {
            out.words = describe(status);
        } else if (news.outcome->has_failure()) {
            read_failure(news.outcome->failure(), with, out);
            ec = client_errc::failed;
        } else {
            ec = read_result<R>(news.outcome->success(), with, out);
        }
        out.status = std::move(status);
        return out;
    }
};

}  // namespace detail

/// One update of a workflow, its result an `R`. A value, as a `workflow_handle` is.
template <class R>
class update_handle {
public:
    update_handle() = default;
    update_handle(std::shared_ptr<connection> on, data_converter with, workflow_key of, std::string id,
        std::optional<api::update::Outcome> outcome = std::nullopt)
        : on_(std::move(on)),
          with_(std::move(with)),
          of_(std::move(of)),
          id_(std::move(id)),
          outcome_(std::move(outcome))
    {}

    [[nodiscard]] const workflow_key& workflow() const noexcept { return of_; }
    [[nodiscard]] const std::string& id() const noexcept { return id_; }

    /// It has ended, and that is known here: `async_result` asks nobody.
    [[nodiscard]] bool is_over() const noexcept { return outcome_.has_value(); }

    /// Waits until it has ended: `void(error_code, update_outcome<R>)`. Without an error there is the value; one that
    /// the workflow rejected, or that threw, is `client_errc::failed`. Longer than `within`: DEADLINE_EXCEEDED.
    template <class Token>
    auto async_result(std::optional<std::chrono::milliseconds> within, Token&& token) const
    {
        auto poll = detail::request_for<api::PollWorkflowExecutionUpdateRequest>(*on_);
        poll.mutable_wait_policy()->set_lifecycle_stage(detail::to_stage(update_stage::completed));
        auto& ref = *poll.mutable_update_ref();
        ref.set_update_id(id_);
        ref.mutable_workflow_execution()->set_workflow_id(of_.id);
        ref.mutable_workflow_execution()->set_run_id(of_.run_id);
        using finish = detail::as_update_outcome<R>;
        return boost::asio::async_compose<Token, void(boost::system::error_code, update_outcome<R>)>(
            detail::run_update<finish>{on_, {}, std::move(poll), update_stage::completed, detail::until_of(within), {},
                finish{with_}, {}, detail::update_step::poll, {{}, outcome_, {}}},
            token, on_->get_executor());
    }
    template <class Token>
    auto async_result(Token&& token) const
    {
        return async_result(std::nullopt, std::forward<Token>(token));
    }

private:
    std::shared_ptr<connection> on_{};
    data_converter with_{};
    workflow_key of_{};
    std::string id_{};
    std::optional<api::update::Outcome> outcome_{};
};

namespace detail {

template <class R>
update_handle<R> handle_of(std::shared_ptr<connection> on, data_converter with, update_news news)
{
    const auto& at = news.ref.workflow_execution();
    return {std::move(on), std::move(with), workflow_key{at.workflow_id(), at.run_id(), {}}, news.ref.update_id(),
        std::move(news.outcome)};
}

}  // namespace detail

}  // namespace mayfly::temporal
