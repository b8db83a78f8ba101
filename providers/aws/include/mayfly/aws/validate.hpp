// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/ecs_api.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/lambda_api.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/aws/signing_keys.hpp>
#include <mayfly/aws/target_details.hpp>
#include <mayfly/aws/target_facts.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/settings.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

// Finds out about targets, for `evaluate` to judge. Nothing is changed and no function runs.

namespace mayfly::aws {

namespace detail {

/// The way to a target, and the keys at its end; none if it is closed.
struct explored_way {
    role_facts facts{};
    key_function keys{};
};

template <DeadlineClock C>
boost::asio::awaitable<explored_way> explore(
    std::shared_ptr<basic_session<C>> session, role_details d, std::string region, external_id_check check)
{
    using sts_client = basic_sts_client<C>;
    explored_way out;
    const key_function asker = session->asker(region);
    {
        auto asked = asker(nullptr);
        const signing_keys own = co_await std::move(asked);
        out.facts.own = own.why;
        if (out.facts.own)
            co_return out;
    }
    const sts_client sts = session->sts(region);
    if (d.role.empty()) {
        out.keys = asker;
        co_return out;
    }
    assume_role_request request = session->request_for(d);
    {
        // Anew, not out of the cache: the policy may have changed since.
        auto asked = sts_client::run(sts, request, asker);
        assumed_role got = co_await std::move(asked);
        if (got) {
            out.keys = fixed_keys(std::move(got.keys));
        } else {
            out.facts.role = std::move(got.why);
            // For the words alone; it needs no permission.
            auto who = sts_client::who(sts, asker);
            const identity_answer answer = co_await std::move(who);
            out.facts.identity = answer.who.arn;
            co_return out;
        }
    }
    if (check == external_id_check::off || d.role_external_id.empty())
        co_return out;
    request.external_id.clear();
    auto asked = sts_client::run(sts, std::move(request), asker);
    assumed_role got = co_await std::move(asked);
    using enum role_facts::without_id;
    out.facts.bare = got ? granted : got.why.ec == errc::access_denied ? denied : unclear;
    out.facts.bare_failure = std::move(got.why);
    co_return out;
}

/// Whether it may be invoked by that name. No function runs.
template <DeadlineClock C>
boost::asio::awaitable<failure> may_invoke(basic_lambda_api<C> api, std::string function)
{
    invoke_request dry{.function = std::move(function), .type = invocation_type::dry_run};
    auto asked = basic_lambda_api<C>::invoke(api, std::move(dry), {});
    invoke_result got = co_await std::move(asked);
    co_return std::move(got.failed);
}

template <DeadlineClock C>
boost::asio::awaitable<lambda_facts> find_out(
    std::shared_ptr<basic_session<C>> session, lambda_details d, validation_options options)
{
    const auto function = read_function_arn(d.arn, "arn");
    auto way = explore(session, role_details{d}, function->region, options.external_id);
    explored_way explored = co_await std::move(way);
    lambda_facts facts{.way = std::move(explored.facts)};
    if (!explored.keys)
        co_return facts;
    const basic_lambda_api<C> api{session->service(), explored.keys};
    {
        auto described = basic_lambda_api<C>::describe(api, d.arn, {});
        facts.function = co_await std::move(described);
    }
    if (!facts.function->failed) {
        auto configured = basic_lambda_api<C>::event_config(api, d.arn, {});
        facts.events = co_await std::move(configured);
    }
    if (!options.dry_run || facts.function->failed.ec == errc::not_found)
        co_return facts;
    {
        auto tried = may_invoke(api, d.arn);
        facts.invoke = co_await std::move(tried);
    }
    if (facts.invoke->ec == errc::access_denied && !function->qualifier.empty()) {
        auto tried = may_invoke(api, without_qualifier(*function));
        facts.invoke_unqualified = co_await std::move(tried);
    }
    co_return facts;
}

template <DeadlineClock C>
boost::asio::awaitable<findings> examine(
    std::shared_ptr<basic_session<C>> session, lambda_details d, validation_options options)
{
    auto found = find_out(std::move(session), d, options);
    const lambda_facts facts = co_await std::move(found);
    co_return evaluate(d, facts, options);
}

template <DeadlineClock C>
boost::asio::awaitable<findings> examine(
    std::shared_ptr<basic_session<C>> session, ecs_details d, validation_options options)
{
    auto way = explore(session, role_details{d}, d.region, options.external_id);
    explored_way explored = co_await std::move(way);
    ecs_facts facts{.way = std::move(explored.facts)};
    if (explored.keys) {
        const basic_ecs_api<C> api{session->service(), explored.keys};
        auto described = basic_ecs_api<C>::describe(api, d);
        facts.service = co_await std::move(described);
    }
    co_return evaluate(d, facts, options);
}

template <class Details, DeadlineClock C>
boost::asio::awaitable<http::outcome<findings>> validated(
    std::shared_ptr<basic_session<C>> session, settings given, validation_options options, bool role_required)
{
    http::outcome<findings> out;
    const auto details = details_from<Details>(given, {}, role_required);
    if (!details) {
        out.value.errors = details.problems();
        co_return out;
    }
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    auto examined = examine(std::move(session), *details, options);
    out.value = co_await std::move(examined);
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none)
        out = {boost::asio::error::operation_aborted, {}};
    co_return out;
}

template <DeadlineClock C>
boost::asio::awaitable<http::outcome<lambda_facts>> found_out(
    std::shared_ptr<basic_session<C>> session, lambda_details d, validation_options options)
{
    http::outcome<lambda_facts> out;
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    auto found = find_out(std::move(session), std::move(d), options);
    out.value = co_await std::move(found);
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none)
        out = {boost::asio::error::operation_aborted, {}};
    co_return out;
}

}  // namespace detail

/** What is to be known about a function that workers run in, unjudged: `void(error_code, lambda_facts)`.

    Cancelled (terminal, partial or total): `operation_aborted`, without facts.

    @param details as `details_from` accepts them
*/
template <DeadlineClock C, class Token>
auto async_find_out(
    std::shared_ptr<basic_session<C>> session, lambda_details details, validation_options options, Token&& token)
{
    auto executor = session->get_executor();
    return http::spawn<lambda_facts>(
        executor,
        [session = std::move(session), details = std::move(details), options]() mutable {
            return detail::found_out(std::move(session), std::move(details), options);
        },
        std::forward<Token>(token));
}

/** Finds out whether a target is fit to run workers: `void(error_code, findings)`, with everything that is wrong and
   not the first thing alone. Wrong settings are findings too; then nobody is asked.

    Cancelled (terminal, partial or total): `operation_aborted`, without findings.

    @tparam Details `lambda_details` or `ecs_details`
*/
template <class Details, DeadlineClock C, class Token>
auto async_validate(std::shared_ptr<basic_session<C>> session, settings details, validation_options options,
    bool role_required, Token&& token)
{
    auto executor = session->get_executor();
    return http::spawn<findings>(
        executor,
        [session = std::move(session), details = std::move(details), options, role_required]() mutable {
            return detail::validated<Details>(std::move(session), std::move(details), options, role_required);
        },
        std::forward<Token>(token));
}

}  // namespace mayfly::aws
