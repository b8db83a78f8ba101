// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/ecs_api.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/aws/target_details.hpp>
#include <mayfly/aws/validate.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/compute_provider.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/settings.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <utility>

namespace mayfly::aws {

struct ecs_provider_options {
    bool role_required = false;  ///< Each target names a role and an external id.
};

/** Sizes sets of workers that are services of ECS: a model of `ResizesWorkerSet`.

    A target's details are `cluster`, `service`, `region`, `role` and `role_external_id`: see `ecs_details`. Use it from
    one thread or strand; calls under way keep what they need.

    @tparam C the clock that is waited on between attempts
*/
template <DeadlineClock C>
class basic_ecs_provider {
public:
    using session_type = basic_session<C>;

    explicit basic_ecs_provider(std::shared_ptr<session_type> session, ecs_provider_options options = {})
        : session_(std::move(session)), options_(options)
    {}

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return session_->get_executor(); }

    /// `void(error_code, resize_report)`. Cancelled (terminal, partial or total): `operation_aborted`.
    template <class Token>
    auto async_resize(resize_request request, Token&& token)
    {
        return http::spawn<resize_report>(
            get_executor(),
            [s = session_, o = options_, r = std::move(request)]() mutable { return run(s, o, std::move(r)); },
            std::forward<Token>(token));
    }

    /// `void(error_code, findings)`: everything that is wrong with a target, found out by asking. Cancelled likewise.
    template <class Token>
    auto async_validate(settings details, validation_options options, Token&& token)
    {
        return aws::async_validate<ecs_details>(
            session_, std::move(details), options, options_.role_required, std::forward<Token>(token));
    }

private:
    static boost::asio::awaitable<http::outcome<resize_report>> run(
        std::shared_ptr<session_type> session, ecs_provider_options options, resize_request request)
    {
        http::outcome<resize_report> out;
        const settings none;
        const auto details = details_from<ecs_details>(
            request.target ? request.target->details : none, "details", options.role_required);
        if (!details) {
            out.ec = errc::bad_settings;
            out.value.detail = to_string(details.problems());
            co_return out;
        }
        const basic_ecs_api<C> api{session->service(), session->keys_for(*details, details->region)};
        auto asked = basic_ecs_api<C>::update(api, *details, request.size);
        const service_description got = co_await std::move(asked);
        out.ec = got.failed.ec;
        if (got.failed)
            out.value.detail = to_string(got.failed);
        co_return out;
    }

    std::shared_ptr<session_type> session_;
    ecs_provider_options options_;
};

using ecs_provider = basic_ecs_provider<deadline_clock>;

static_assert(ResizesWorkerSet<ecs_provider> && ComputeProvider<ecs_provider>);

}  // namespace mayfly::aws
