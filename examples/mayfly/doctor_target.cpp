// SPDX-License-Identifier: BSL-1.0

#include "doctor_target.hpp"

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/credential_error.hpp>
#include <mayfly/aws/lambda_api.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/aws/validate.hpp>
#include <mayfly/environment.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <string>
#include <utility>

namespace examples {

namespace {

namespace asio = boost::asio;
namespace aws = mayfly::aws;

constexpr auto answer = asio::as_tuple(asio::use_awaitable);

/// Invokes it and waits for its answer, which for a worker that is well does not come.
asio::awaitable<trial_facts> try_it(std::shared_ptr<aws::default_session> session, target_question about)
{
    using api_type = aws::basic_lambda_api<mayfly::deadline_clock>;
    const auto id = aws::read_function_arn(about.function.arn, "arn");
    const api_type api{session->service(), session->keys_for(about.function, id->region)};
    aws::invoke_request request{.function = about.function.arn,
        .type = aws::invocation_type::request_response,
        .log_tail = true,
        .payload = "{}"};
    const mayfly::http::call_options limits{.total = about.try_for, .connect = std::chrono::seconds{3}};
    auto asked = api.async_invoke(std::move(request), limits, answer);
    auto [ec, got] = co_await std::move(asked);
    trial_facts out{.waited = about.try_for};
    if (ec && got.failed.http_status != 0) {
        out.refused = std::move(got.failed);
    } else if (!ec) {
        out.answered = true;
        out.function_error = std::move(got.function_error);
        out.answer = got.payload + '\n' + got.log_tail;
    }
    co_return out;
}

}  // namespace

asio::awaitable<target_answer> ask_target(target_question about)
{
    target_answer out;
    const auto executor = co_await asio::this_coro::executor;
    auto config = aws::config::read(mayfly::environment::of_process());
    const auto session = aws::default_session::open(executor, std::move(config), aws::session_options{});
    if (!session) {
        out.facts.way.own = aws::credential_failure(aws::credential_errc::bad_settings, to_string(session.problems()));
        co_return out;
    }
    auto asked = aws::async_find_out(*session, about.function, about.needs, answer);
    auto [ec, facts] = co_await std::move(asked);
    out.facts = std::move(facts);
    const bool there = out.facts.function && !out.facts.function->failed;
    if (about.try_for.count() == 0 || !there)
        co_return out;
    auto tried = try_it(*session, std::move(about));
    out.tried = co_await std::move(tried);
    co_return out;
}

}  // namespace examples
