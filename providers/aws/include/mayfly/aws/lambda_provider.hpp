// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/detail/side_by_side.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/lambda_api.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/aws/target_details.hpp>
#include <mayfly/aws/validate.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/compute_provider.hpp>
#include <mayfly/error.hpp>
#include <mayfly/http/client_options.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/launch_notice.hpp>
#include <mayfly/settings.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::aws {

struct lambda_provider_options {
    std::uint32_t starts_at_once = 32;  ///< Of one launch; above zero. Another function's launch has its own.
    bool role_required = false;         ///< Each target names a role and an external id.
    http::call_options limits{
        .total = std::chrono::seconds{10}, .connect = std::chrono::seconds{3}};  ///< An attempt's.
};

/** Starts workers as Lambda functions: a model of `LaunchesWorkers`.

    A target's details are `arn`, `role` and `role_external_id`: see `lambda_details`. Each start is one invocation of
    type `Event`, whose payload is the worker's `launch_notice` and whose request id is reported. What the function does
    is not heard of here.

    A start that failed permanently ends the launch: those that were not sent yet share its outcome. One session with a
    role serves all targets that name it. Use it from one thread or strand; calls under way keep what they need.

    @tparam C the clock that is waited on between attempts
*/
template <DeadlineClock C>
class basic_lambda_provider {
public:
    using session_type = basic_session<C>;

    explicit basic_lambda_provider(std::shared_ptr<session_type> session, lambda_provider_options options = {})
        : state_(std::make_shared<const state>(state{std::move(session), std::move(options)}))
    {}

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return state_->session->get_executor(); }
    [[nodiscard]] session_type& session() const noexcept { return *state_->session; }

    /// `void(error_code, launch_report)`: an error if no start was accepted, the first one. Cancelled (terminal,
    /// partial or total): `operation_aborted`, and the report tells which were accepted until then.
    template <class Token>
    auto async_launch(launch_request request, Token&& token)
    {
        return http::spawn<launch_report>(
            get_executor(), [s = state_, r = std::move(request)]() mutable { return run(s, std::move(r)); },
            std::forward<Token>(token));
    }

    /// `void(error_code, findings)`: everything that is wrong with a target, found out by asking. Cancelled likewise.
    template <class Token>
    auto async_validate(settings details, validation_options options, Token&& token)
    {
        return aws::async_validate<lambda_details>(
            state_->session, std::move(details), options, state_->options.role_required, std::forward<Token>(token));
    }

private:
    struct state {
        std::shared_ptr<session_type> session;
        lambda_provider_options options;
    };

    /// One launch.
    struct job {
        launch_request request;
        lambda_details details;
        basic_lambda_api<C> api;
        http::call_options limits;
        launch_report report{};
        failure first{};  // Of those that failed.
        std::uint32_t next = 0;
        std::uint32_t failed = 0;

        [[nodiscard]] bool over() const
        {
            return next == request.count || condition_of(first.ec) == condition::permanent;
        }
    };

    static boost::asio::awaitable<http::outcome<launch_report>> run(
        std::shared_ptr<const state> s, launch_request request)
    {
        http::outcome<launch_report> out;
        const settings none;
        const auto details = details_from<lambda_details>(
            request.target ? request.target->details : none, "details", s->options.role_required);
        if (!details) {
            out.ec = errc::bad_settings;
            out.value.detail = to_string(details.problems());
            out.value.starts.resize(request.count, {.outcome = condition::permanent});
            co_return out;
        }
        const auto function = read_function_arn(details->arn, "arn");
        session_type& session = *s->session;
        const std::size_t lanes = std::min(request.count, std::max(s->options.starts_at_once, 1U));
        const auto j = std::make_shared<job>(job{.request = std::move(request),
            .details = *details,
            .api = {session.service(), session.keys_for(*details, function->region)},
            .limits = s->options.limits});
        j->report.starts.resize(j->request.count, {.outcome = condition::transient});

        auto lanes_ended = detail::side_by_side(session.get_executor(), lanes, [j] { return lane(j); });
        const bool whole = co_await std::move(lanes_ended);
        // Those that nobody sent any more.
        for (std::uint32_t i = j->next; i < j->request.count; ++i, ++j->failed)
            j->report.starts[i].outcome = whole ? condition_of(j->first.ec) : condition::transient;
        if (j->failed != 0 && j->failed != j->request.count)
            j->report.detail =
                std::to_string(j->failed) + " of " + std::to_string(j->request.count) + " starts failed: ";
        if (j->failed != 0)
            j->report.detail += to_string(j->first);
        if (!whole)
            out.ec = boost::asio::error::operation_aborted;
        else if (j->failed == j->request.count)
            out.ec = j->first.ec;
        out.value = std::move(j->report);
        co_return out;
    }

    /// Sends one start after the other, as long as there are any.
    static boost::asio::awaitable<void> lane(std::shared_ptr<job> j)
    {
        while (!j->over()) {
            const std::uint32_t i = j->next++;
            invoke_request r{.function = j->details.arn,
                .type = invocation_type::event,
                .payload = to_payload(notice_of(j->request, i))};
            auto asked = basic_lambda_api<C>::invoke(j->api, std::move(r), j->limits);
            invoke_result got = co_await std::move(asked);
            launch_report::start& start = j->report.starts[i];
            start.outcome = condition_of(got.failed.ec);
            if (!got.failed) {
                start.request_id = std::move(got.request_id);
                continue;
            }
            ++j->failed;
            const bool cancelled = got.failed.ec == boost::asio::error::operation_aborted;
            if (!j->first || (condition_of(got.failed.ec) == condition::permanent &&
                                 condition_of(j->first.ec) != condition::permanent))
                j->first = std::move(got.failed);
            if (cancelled)
                co_return;
        }
    }

    std::shared_ptr<const state> state_;
};

using lambda_provider = basic_lambda_provider<deadline_clock>;

static_assert(LaunchesWorkers<lambda_provider> && ComputeProvider<lambda_provider>);

}  // namespace mayfly::aws
