// SPDX-License-Identifier: BSL-1.0

#include "ask_controller.hpp"

#include <mayfly/aws/sigv4_canonical.hpp>
#include <mayfly/http/client.hpp>
#include <mayfly/http/client_options.hpp>
#include <mayfly/http/failure.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace examples {

namespace asio = boost::asio;

asio::awaitable<read_status> ask_controller(std::string address, status_filter about)
{
    read_status out;
    const auto url = mayfly::http::parse_url(address.find("://") == address.npos ? "http://" + address : address);
    if (!url) {
        out.error = "this is no address; give one like http://127.0.0.1:7240";
        co_return out;
    }
    const auto executor = co_await asio::this_coro::executor;
    mayfly::http::client client(executor);
    std::string target = "/status?namespace=";
    mayfly::aws::detail::append_encoded(target, about.name_space);
    mayfly::aws::detail::append_encoded(target += "&deployment=", about.deployment);
    mayfly::aws::detail::append_encoded(target += "&build_id=", about.build_id);
    mayfly::http::request ask(mayfly::http::verb::get, target, 11);
    const mayfly::http::call_options limits{.total = std::chrono::seconds{5}, .connect = std::chrono::seconds{2}};
    auto asked = client.async_request(url->origin, std::move(ask), limits, asio::as_tuple(asio::use_awaitable));
    auto [ec, answer] = co_await std::move(asked);
    if (ec)
        out.error = mayfly::http::failure_text(ec, answer);
    else if (answer.result_int() != 200)
        out.error = "it answers " + std::to_string(answer.result_int());
    else
        out = status_from_json(answer.body());
    co_return out;
}

}  // namespace examples
