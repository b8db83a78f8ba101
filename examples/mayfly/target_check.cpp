// SPDX-License-Identifier: BSL-1.0

#include "target_check.hpp"

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/aws/target_details.hpp>
#include <mayfly/aws/validate.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/scalers/fleet_settings.hpp>
#include <mayfly/scalers/reference_kinds.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <string>
#include <utility>

namespace examples {

namespace {

namespace asio = boost::asio;
namespace aws = mayfly::aws;

constexpr std::array<mayfly::provider_kind, 6> providers{{
    aws::provider_kinds[0],
    aws::provider_kinds[1],
    {.type = "local"},
    {.type = "test-invoke"},
    {.type = "aws-agentcore"},
    {.type = "gcp-cloud-run", .strategy = mayfly::launch_strategy::worker_set},
}};

constexpr std::array<mayfly::scaler_kind, 3> scalers{{
    mayfly::reference_scaler_kinds[0],
    mayfly::reference_scaler_kinds[1],
    mayfly::fleet_kind,
}};

constexpr mayfly::compute_registry registry{.providers = providers, .scalers = scalers};

void prefix(mayfly::problems& all, const std::string& where)
{
    if (!where.empty())
        for (auto& p : all)
            p.field = where + '.' + p.field;
}

template <class Details>
asio::awaitable<mayfly::findings> ask(mayfly::settings details, aws::validation_options options)
{
    const auto executor = co_await asio::this_coro::executor;
    auto config = aws::config::read(mayfly::environment::of_process());
    const auto session = aws::default_session::open(executor, std::move(config), aws::session_options{});
    mayfly::findings out;
    if (!session) {
        out.errors = session.problems();
        co_return out;
    }
    auto asked =
        aws::async_validate<Details>(*session, std::move(details), options, false, asio::as_tuple(asio::use_awaitable));
    auto [ec, found] = co_await std::move(asked);
    if (ec)
        found.errors.push_back({"provider", "", "could not be looked at: " + ec.message()});
    co_return found;
}

}  // namespace

const mayfly::compute_registry& known_compute()
{
    return registry;
}

bool is_ours(const mayfly::provider_spec& provider)
{
    return provider.type != "aws-agentcore" && provider.type != "gcp-cloud-run";
}

asio::awaitable<mayfly::findings> check_target(
    mayfly::provider_spec provider, aws::validation_options options, std::string where)
{
    mayfly::findings out;
    if (provider.type == "aws-lambda") {
        auto asked = ask<aws::lambda_details>(std::move(provider.details), options);
        out = co_await std::move(asked);
    } else if (provider.type == "aws-ecs") {
        auto asked = ask<aws::ecs_details>(std::move(provider.details), options);
        out = co_await std::move(asked);
    } else if (!is_ours(provider)) {
        out.warnings.push_back({"type", '"' + provider.type + '"', "cannot be looked at from here; the cluster does"});
    }
    prefix(out.errors, where);
    prefix(out.warnings, where);
    co_return out;
}

}  // namespace examples
