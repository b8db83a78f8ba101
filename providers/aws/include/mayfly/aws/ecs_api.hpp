// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/client.hpp>
#include <mayfly/aws/ecs_messages.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/signing_keys.hpp>
#include <mayfly/aws/target_details.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/http/message.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::aws {

/// Calls ECS, in the region of the details. A handle: copies use the same client. Each operation
/// completes with `void(error_code, service_description)`; the error is that of its `failed`.
template <DeadlineClock C>
class basic_ecs_api {
public:
    using service_client = basic_service_client<C>;

    basic_ecs_api(std::shared_ptr<service_client> over, key_function keys)
        : service_(std::move(over)), keys_(std::move(keys))
    {}

    template <class Token>
    auto async_update_service(const ecs_details& d, std::uint32_t desired, Token&& token) const
    {
        return detail::operation(service_->get_executor(), update(*this, d, desired), std::forward<Token>(token));
    }

    template <class Token>
    auto async_describe_service(const ecs_details& d, Token&& token) const
    {
        return detail::operation(service_->get_executor(), describe(*this, d), std::forward<Token>(token));
    }

    // The same for coroutines.

    static boost::asio::awaitable<service_description> update(basic_ecs_api self, ecs_details d, std::uint32_t desired)
    {
        auto asked = send(self, d.region, update_service(d.cluster, d.service, desired));
        service_answer answer = co_await std::move(asked);
        co_return answer.failed ? failed(std::move(answer)) : read_updated_service(answer.response);
    }

    static boost::asio::awaitable<service_description> describe(basic_ecs_api self, ecs_details d)
    {
        auto asked = send(self, d.region, describe_service(d.cluster, d.service));
        service_answer answer = co_await std::move(asked);
        co_return answer.failed ? failed(std::move(answer)) : read_described_service(answer.response);
    }

private:
    [[nodiscard]] static service_description failed(service_answer answer)
    {
        service_description out;
        out.failed = std::move(answer.failed);
        return out;
    }

    static boost::asio::awaitable<service_answer> send(basic_ecs_api self, std::string region, http::request r)
    {
        service_answer out;
        const auto& at = self.service_->endpoint_of("ecs", region);
        if (!at) {
            out.failed = failure_of(at.problems());
            co_return out;
        }
        service_call call{.to = *at, .request = std::move(r), .keys = self.keys_};
        auto asked = self.service_->perform(std::move(call));
        out = co_await std::move(asked);
        co_return out;
    }

    std::shared_ptr<service_client> service_;
    key_function keys_;
};

}  // namespace mayfly::aws
