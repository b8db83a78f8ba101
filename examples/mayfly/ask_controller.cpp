// SPDX-License-Identifier: BSL-1.0

#include "ask_controller.hpp"

#include <mayfly/http/client.hpp>
#include <mayfly/http/client_options.hpp>
#include <mayfly/http/failure.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace examples {

namespace {

namespace asio = boost::asio;

std::string encoded(std::string_view text)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    std::string out;
    for (const char c : text) {
        if (plain.find(c) != plain.npos) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
    }
    return out;
}

}  // namespace

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
    mayfly::http::request ask(mayfly::http::verb::get,
        "/status?namespace=" + encoded(about.name_space) + "&deployment=" + encoded(about.deployment) +
            "&build_id=" + encoded(about.build_id),
        11);
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
