// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/client.hpp>
#include <mayfly/aws/credentials.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/partition.hpp>
#include <mayfly/aws/sts.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/http/message.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::aws {

/// Who a set of credentials is, or why that could not be told.
struct identity_answer {
    caller_identity who{};
    failure why{};
};

/** Calls STS. A handle: copies use the same client.

    The region is the one given, or the configured one, or else the first region of the role's partition: sessions are
    good everywhere in it.
*/
template <DeadlineClock C>
class basic_sts_client {
public:
    using service_client = basic_service_client<C>;

    explicit basic_sts_client(std::shared_ptr<service_client> over, std::string region = {})
        : service_(std::move(over)), region_(std::move(region))
    {}

    /// For a chain of credentials.
    [[nodiscard]] assume_role_function function() const
    {
        return [self = *this](assume_role_request r, credentials caller) {
            return run(self, std::move(r), fixed_keys(std::move(caller)));
        };
    }

    /// `void(error_code, assumed_role)`. Without a web identity token the request is signed with `caller`'s keys.
    template <class Token>
    auto async_assume_role(assume_role_request r, key_function caller, Token&& token) const
    {
        return detail::operation(
            service_->get_executor(), run(*this, std::move(r), std::move(caller)), std::forward<Token>(token));
    }

    /// `void(error_code, identity_answer)`. It needs no permission at all.
    template <class Token>
    auto async_caller_identity(key_function caller, Token&& token) const
    {
        return detail::operation(service_->get_executor(), who(*this, std::move(caller)), std::forward<Token>(token));
    }

    /// The same for coroutines.
    static boost::asio::awaitable<assumed_role> run(basic_sts_client self, assume_role_request r, key_function caller)
    {
        assumed_role out;
        const auto role = read_role_arn(r.role_arn, "role");
        const auto& at = self.place(role ? role->partition : std::string{});
        if (!at) {
            out.why = failure_of(at.problems());
            co_return out;
        }
        service_call call{.to = *at, .request = post(form_of(r)), .hidden = {r.external_id, r.web_identity_token}};
        // A service may quote the form as it got it.
        for (const std::string* const secret : {&r.external_id, &r.web_identity_token}) {
            std::string encoded;
            detail::append_encoded(encoded, *secret);
            call.hidden.push_back(std::move(encoded));
        }
        if (r.web_identity_token.empty())
            call.keys = std::move(caller);
        auto asked = self.service_->perform(std::move(call));
        const service_answer answer = co_await std::move(asked);
        if (answer.failed)
            out.why = answer.failed;
        else
            out = read_assumed_role(answer.response.body());
        co_return out;
    }

    static boost::asio::awaitable<identity_answer> who(basic_sts_client self, key_function caller)
    {
        identity_answer out;
        const auto& at = self.place({});
        if (!at) {
            out.why = failure_of(at.problems());
            co_return out;
        }
        service_call call{.to = *at, .request = post(std::string{caller_identity_form}), .keys = std::move(caller)};
        auto asked = self.service_->perform(std::move(call));
        const service_answer answer = co_await std::move(asked);
        out.why = answer.failed;
        if (out.why)
            co_return out;
        if (auto read = read_caller_identity(answer.response.body()))
            out.who = *std::move(read);
        else
            out.why = {.ec = make_error_code(errc::answer_not_understood),
                .message = "STS accepted the request, and its answer names nobody",
                .http_status = answer.response.result_int()};
        co_return out;
    }

private:
    [[nodiscard]] static http::request post(std::string form)
    {
        http::request out;
        out.method(http::verb::post);
        out.target("/");
        out.set(http::field::content_type, boost::beast::string_view{sts_content_type.data(), sts_content_type.size()});
        out.body() = std::move(form);
        return out;
    }

    [[nodiscard]] const checked<endpoint>& place(const std::string& partition) const
    {
        std::string_view region = region_;
        if (const auto* const home = find_partition(partition);
            region.empty() && home != nullptr && !configured_region(service_->settings()))
            region = home->implicit_region;
        return service_->endpoint_of("sts", region);
    }

    std::shared_ptr<service_client> service_;
    std::string region_;
};

}  // namespace mayfly::aws
