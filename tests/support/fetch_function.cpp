// SPDX-License-Identifier: BSL-1.0

// A function which fetches the url of each event, {"url": "https://..."}, and answers with what it got,
// {"status": 200, "body": "..."}. A new client each time: every invocation resolves, connects and verifies.

#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/http/client.hpp>
#include <mayfly/http/client_options.hpp>
#include <mayfly/http/failure.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/url.hpp>
#include <mayfly/lambda_runtime/run.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace http = mayfly::http;
using mayfly::lambda_runtime::function_error;

asio::awaitable<std::string> fetch(mayfly::lambda_runtime::invocation event)
{
    const auto document = mayfly::detail::read_json(event.payload, 4);
    const auto* text = document.root.find("url");
    const auto url = text != nullptr ? http::parse_url(text->text) : std::nullopt;
    if (!url)
        throw function_error{.type = "Function.BadEvent", .message = "the event has no usable url"};

    http::client client(co_await asio::this_coro::executor, http::client_options_of(mayfly::environment::of_process()));
    http::request request(http::verb::get, url->target, 11);
    http::call_options limits;
    boost::system::error_code ec;
    const http::response got = co_await client.async_request(
        url->origin, std::move(request), limits, asio::redirect_error(asio::use_awaitable, ec));
    if (ec)
        throw function_error{.type = "Function.NotFetched", .message = http::failure_text(ec, got)};

    std::string out;
    mayfly::detail::json_writer json(out);
    json.begin_object().member("status", got.result_int()).member("body", got.body()).end_object();
    co_return out;
}

}  // namespace

int main()
{
    const auto report = mayfly::lambda_runtime::run_function(fetch);
    if (report.ec)
        std::fprintf(stderr, "fetch_function: %s\n", report.detail.c_str());
    return report.ec ? 1 : 0;
}
