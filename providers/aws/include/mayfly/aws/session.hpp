// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/client.hpp>
#include <mayfly/aws/config.hpp>
#include <mayfly/aws/credential_cache.hpp>
#include <mayfly/aws/signing_keys.hpp>
#include <mayfly/aws/sts.hpp>
#include <mayfly/aws/sts_client.hpp>
#include <mayfly/aws/target_details.hpp>
#include <mayfly/clock.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::aws {

/// How roles of targets are assumed.
struct session_options {
    std::string session_name = "mayfly";  ///< Shows in the logs of whoever owns the role.

    /// Assumed one after the other, before the target's role. A session name that is empty is `session_name`.
    std::vector<assume_role_request> intermediary_roles{};
};

/** A client, one's own credentials, and the sessions with the roles of targets: what providers work with.

    Each role is assumed once for each life of its session, however many calls wait for it, and never shared between
    external ids. Use it from one thread or strand.
*/
template <DeadlineClock C>
class basic_session {
public:
    using service_client = basic_service_client<C>;
    using sts_client = basic_sts_client<C>;

    basic_session(std::shared_ptr<service_client> service, key_function own, session_options options = {})
        : service_(std::move(service)), own_(std::move(own)), options_(std::move(options))
    {}

    basic_session(const basic_session&) = delete;
    basic_session& operator=(const basic_session&) = delete;

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return service_->get_executor(); }
    [[nodiscard]] const std::shared_ptr<service_client>& service() const noexcept { return service_; }
    [[nodiscard]] const key_function& own() const noexcept { return own_; }

    /// Who asks for a target's role: oneself, or the last of the intermediary roles.
    [[nodiscard]] key_function asker(std::string_view region)
    {
        key_function from = own_;
        std::string path;
        for (assume_role_request step : options_.intermediary_roles) {
            if (step.session_name.empty())
                step.session_name = options_.session_name;
            path += '\n' + step.role_arn;
            from = cached({path, step.external_id}, std::move(step), std::move(from), region);
        }
        return from;
    }

    /// For calls to a target. Sessions are asked for in `region`, and good in all of them.
    [[nodiscard]] key_function keys_for(const role_details& d, std::string_view region)
    {
        if (d.role.empty())
            return asker(region);
        return cached({d.role, d.role_external_id}, request_for(d), asker(region), region);
    }

    /// What is asked for a target's role.
    [[nodiscard]] assume_role_request request_for(const role_details& d) const
    {
        return {.role_arn = d.role, .session_name = options_.session_name, .external_id = d.role_external_id};
    }

    [[nodiscard]] sts_client sts(std::string_view region) const { return sts_client{service_, std::string{region}}; }

private:
    struct role_key {
        std::string role;
        std::string external_id;

        friend auto operator<=>(const role_key&, const role_key&) = default;
    };

    [[nodiscard]] key_function cached(
        role_key key, assume_role_request request, key_function source, std::string_view region)
    {
        auto& kept = roles_[std::move(key)];
        if (!kept) {
            auto fetch = [sts = sts(region), request = std::move(request), source = std::move(source)] {
                return fetched(sts, request, source);
            };
            kept = std::make_unique<credential_cache>(get_executor(), std::move(fetch),
                credential_cache_options{.now = [service = service_] { return service->now(); }});
        }
        return kept->keys();
    }

    static boost::asio::awaitable<fetched_credentials> fetched(
        sts_client sts, assume_role_request request, key_function source)
    {
        const std::string role = request.role_arn;
        auto asked = sts_client::run(std::move(sts), std::move(request), std::move(source));
        assumed_role got = co_await std::move(asked);
        fetched_credentials out;
        out.keys = std::move(got.keys);
        out.keys.source = "the role " + role;
        out.why = std::move(got.why);
        co_return out;
    }

    std::shared_ptr<service_client> service_;
    key_function own_;
    session_options options_;
    std::map<role_key, std::unique_ptr<credential_cache>> roles_{};
};

}  // namespace mayfly::aws
