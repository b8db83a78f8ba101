// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/credential_json.hpp>
#include <mayfly/aws/credential_plan.hpp>
#include <mayfly/aws/partition.hpp>
#include <mayfly/http/client.hpp>
#include <mayfly/http/failure.hpp>
#include <mayfly/http/message.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::aws {

/** Asks the instance metadata service, version 2 only.

    Most machines have none: what does not answer in time counts as not there, and so does one that gives no token.
*/
class instance_client {
public:
    /// `over` must use no proxy.
    instance_client(std::shared_ptr<http::client> over, instance_metadata settings)
        : over_(std::move(over)), settings_(std::move(settings))
    {}

    /// The credentials of the machine's role. `credential_errc::none_found` if there is no service or no role.
    boost::asio::awaitable<fetched_credentials> credentials()
    {
        const std::string folder = "/latest/meta-data/iam/security-credentials/";
        answer roles = co_await get(folder);
        if (roles.why)
            co_return fetched_credentials{.why = std::move(roles.why)};
        const std::string role = roles.body.substr(0, roles.body.find_first_of("\r\n"));
        if (roles.status == 404 || (roles.status == 200 && role.empty()))
            co_return fetched_credentials{
                .why = credential_failure(credential_errc::none_found, "this machine has no role")};
        if (roles.status != 200)
            co_return fetched_credentials{.why = odd(roles.status)};
        const std::string one = folder + role;
        answer keys = co_await get(one);
        if (keys.why)
            co_return fetched_credentials{.why = std::move(keys.why)};
        if (keys.status != 200)
            co_return fetched_credentials{.why = odd(keys.status)};
        co_return read_credentials(keys.body, credential_form::instance, "the instance's role");
    }

    /// The region the machine is in; empty if there is no service.
    boost::asio::awaitable<std::string> region()
    {
        const std::string path = "/latest/meta-data/placement/region";
        const answer got = co_await get(path);
        const std::string word{detail::trimmed(got.body)};
        co_return !got.why && got.status == 200 && is_region(word) ? word : std::string{};
    }

private:
    using clock = std::chrono::steady_clock;

    struct answer {
        unsigned status = 0;
        std::string body{};
        failure why{};
    };

    static failure odd(unsigned status)
    {
        failure out =
            credential_failure(status >= 500 ? credential_errc::source_failed : credential_errc::source_refused,
                "the instance metadata service answered with HTTP " + std::to_string(status));
        out.http_status = status;
        return out;
    }

    boost::asio::awaitable<answer> get(std::string path)
    {
        for (int again = 0;; ++again) {
            if (token_.empty() || clock::now() >= token_until_) {
                failure why = co_await new_token();
                if (why)
                    co_return answer{.why = std::move(why)};
            }
            http::request r{http::verb::get, settings_.path_prefix + path, 11};
            r.set("X-aws-ec2-metadata-token", token_);
            answer got = co_await send(std::move(r));
            // There is such a service: it gave the token.
            if (got.why.ec == credential_errc::none_found)
                got.why.ec = credential_errc::source_failed;
            if (got.status != 401 || again != 0)
                co_return got;
            token_.clear();  // Another process or a restart of the service made it stale.
        }
    }

    boost::asio::awaitable<failure> new_token()
    {
        constexpr std::chrono::seconds life{21'600};
        http::request r{http::verb::put, settings_.path_prefix + "/latest/api/token", 11};
        r.set("X-aws-ec2-metadata-token-ttl-seconds", std::to_string(life.count()));
        const clock::time_point asked = clock::now();
        answer got = co_await send(std::move(r));
        if (got.why)
            co_return got.why;
        if (got.status == 403 || got.status == 404 || got.status == 405)
            co_return credential_failure(
                credential_errc::none_found, "the instance metadata service is switched off, or knows only version 1");
        if (got.status != 200 || got.body.empty() || got.body.find_first_of("\r\n") != std::string::npos)
            co_return odd(got.status);
        token_ = std::move(got.body);
        token_until_ = asked + life - std::chrono::minutes{2};
        co_return failure{};
    }

    boost::asio::awaitable<answer> send(http::request r)
    {
        namespace asio = boost::asio;
        http::call_options limits;
        limits.connect = settings_.timeout;
        limits.total = settings_.timeout;
        limits.body_limit = 64 * 1024;
        answer out;
        for (std::uint32_t left = settings_.attempts; left != 0; --left) {
            auto [ec, response] =
                co_await over_->async_request(settings_.origin, r, limits, asio::as_tuple(asio::use_awaitable));
            out = {};
            if (!ec) {
                out.status = response.result_int();
                out.body = std::move(response.body());
                if (out.status < 500)
                    break;
            } else if (ec == asio::error::operation_aborted || ec == http::errc::closed) {
                out.why = credential_failure(ec, "cancelled");
                break;
            } else {
                out.why = credential_failure(credential_errc::none_found,
                    "the instance metadata service does not answer: " + http::failure_text(ec, response));
            }
        }
        co_return out;
    }

    std::shared_ptr<http::client> over_;
    instance_metadata settings_;
    std::string token_;  // a secret
    clock::time_point token_until_{};
};

}  // namespace mayfly::aws
