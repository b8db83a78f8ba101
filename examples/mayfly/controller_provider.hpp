// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_settings.hpp"

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/lambda_api.hpp>
#include <mayfly/aws/lambda_provider.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/condition.hpp>
#include <mayfly/error.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/leaving.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

namespace examples {

/// How long calls to a provider took. The last number is of all of them.
struct latency_histogram {
    static constexpr std::array<double, 9> bounds{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};  ///< Seconds.

    std::array<std::uint64_t, bounds.size() + 1> at_most{};
    double sum = 0;

    void add(double seconds)
    {
        for (std::size_t i = 0; i < bounds.size(); ++i)
            at_most[i] += seconds <= bounds[i] ? 1U : 0U;
        ++at_most.back();
        sum += seconds;
    }
};

/// Who may start workers now, and how that goes.
struct launch_gate {
    std::function<bool()> open{};  ///< Asked before each call.
    std::shared_ptr<latency_histogram> latency{};
};

/// Starts functions, as long as the gate is open: a replica that has lost its lease starts nothing more, whatever it
/// had decided.
class gated_provider {
public:
    /// No more than `starts_at_once` begin between two looks at the gate.
    gated_provider(mayfly::aws::lambda_provider inner, std::shared_ptr<launch_gate> gate, std::uint32_t starts_at_once)
        : inner_(std::move(inner)), gate_(std::move(gate)), starts_at_once_(std::max(1U, starts_at_once))
    {}

    template <class Token>
    auto async_launch(mayfly::launch_request request, Token&& token)
    {
        return mayfly::http::spawn<mayfly::launch_report>(
            inner_.get_executor(),
            [inner = inner_, gate = gate_, r = std::move(request), most = starts_at_once_]() mutable {
                return run(inner, gate, std::move(r), most);
            },
            std::forward<Token>(token));
    }

private:
    using outcome = mayfly::http::outcome<mayfly::launch_report>;

    static boost::asio::awaitable<outcome> run(mayfly::aws::lambda_provider inner, std::shared_ptr<launch_gate> gate,
        mayfly::launch_request request, std::uint32_t most)
    {
        outcome out;
        while (request.count > 0) {
            if (!gate->open()) {
                out.ec = make_error_code(boost::system::errc::operation_canceled);
                out.value.detail = "this replica is not the leader any more";
                break;
            }
            mayfly::launch_request part = request;
            part.count = std::min(request.count, most);
            part.stay = std::min(request.stay, part.count);
            request.count -= part.count;
            request.stay -= part.stay;
            request.first_launch += part.count;
            const std::size_t so_far = out.value.starts.size() + part.count;
            const auto begun = std::chrono::steady_clock::now();
            auto call = inner.async_launch(std::move(part), boost::asio::as_tuple(boost::asio::use_awaitable));
            auto [ec, report] = co_await std::move(call);
            gate->latency->add(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
            std::move(report.starts.begin(), report.starts.end(), std::back_inserter(out.value.starts));
            if (!report.detail.empty())
                out.value.detail = std::move(report.detail);
            out.ec = ec;
            if (ec)
                break;
            out.value.starts.resize(so_far);  // what is not named was accepted
        }
        co_return out;
    }

    mayfly::aws::lambda_provider inner_;
    std::shared_ptr<launch_gate> gate_;
    std::uint32_t starts_at_once_;
};

static_assert(mayfly::LaunchesWorkers<gated_provider>);

/// Whether the functions of a configuration are there and fit. Nothing runs.
inline boost::asio::awaitable<mayfly::findings> check_targets(
    mayfly::aws::lambda_provider provider, aws_settings how, mayfly::compute_config config)
{
    mayfly::findings out;
    const mayfly::aws::validation_options options{.external_id = how.external_id,
        .shutdown_buffer = std::chrono::duration_cast<std::chrono::seconds>(how.shutdown_buffer)};
    for (const auto& [id, group] : config.groups) {
        if (!group.provider)
            continue;
        auto call = provider.async_validate(
            group.provider->details, options, boost::asio::as_tuple(boost::asio::use_awaitable));
        auto [ec, found] = co_await std::move(call);
        for (auto [from, to] : {std::pair{&found.errors, &out.errors}, std::pair{&found.warnings, &out.warnings}})
            for (mayfly::problem& p : *from) {
                p.field = "groups." + id + ".provider.details." + p.field;
                to->push_back(std::move(p));
            }
    }
    co_return out;
}

/// How long a worker polls before its function's time is over, of the function that has the least; `never` if nobody
/// tells.
inline boost::asio::awaitable<mayfly::uptime> shortest_life(
    std::shared_ptr<mayfly::aws::default_session> session, aws_settings how, mayfly::compute_config config)
{
    using lambda_api = mayfly::aws::basic_lambda_api<mayfly::deadline_clock>;
    mayfly::uptime life = mayfly::never;
    for (const auto& [id, group] : config.groups) {
        const auto details = mayfly::aws::details_from<mayfly::aws::lambda_details>(group.provider->details);
        const auto arn = mayfly::aws::read_function_arn(details ? details->arn : std::string(), "arn");
        if (!arn)
            continue;
        const lambda_api api{session->service(), session->keys_for(*details, arn->region)};
        auto asked = lambda_api::describe(api, details->arn, {});
        const mayfly::aws::function_description got = co_await std::move(asked);
        if (!got.failed && got.timeout)
            life = std::min<mayfly::uptime>(
                life, std::max<mayfly::uptime>(*got.timeout - how.shutdown_buffer, mayfly::least_polling));
    }
    co_return life;
}

}  // namespace examples
