// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/client.hpp>
#include <mayfly/aws/config.hpp>
#include <mayfly/aws/credential_cache.hpp>
#include <mayfly/aws/credential_chain.hpp>
#include <mayfly/aws/retry.hpp>
#include <mayfly/aws/signing_keys.hpp>
#include <mayfly/aws/sts.hpp>
#include <mayfly/aws/sts_client.hpp>
#include <mayfly/aws/target_details.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/http/client.hpp>
#include <mayfly/http/client_options.hpp>
#include <mayfly/problem.hpp>

#include <boost/asio/any_io_executor.hpp>

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

    /** One's own credentials are found along the default chain, and kept. What is wrong with the settings for retries
       is said here; what is wrong with those for credentials, by the first call.
    */
    [[nodiscard]] static checked<std::shared_ptr<basic_session>> open(
        boost::asio::any_io_executor executor, config c, session_options options = {})
    {
        http::client_options transport = http_options_of(c);
        // Room for several launches at once: a function that is slow to answer must not hold up the others.
        transport.connections_per_origin = 128;
        return open(std::move(executor), c, std::move(transport), {}, std::move(options));
    }

    /// Likewise with connections and calls as wanted. How often a request is sent comes from `c`.
    [[nodiscard]] static checked<std::shared_ptr<basic_session>> open(boost::asio::any_io_executor executor,
        const config& c, http::client_options transport, service_options calls, session_options options)
    {
        const auto retry = retry_settings_of(c);
        if (!retry)
            return retry.problems();
        calls.retry.max_attempts = retry->max_attempts;
        auto service = std::make_shared<service_client>(
            std::make_shared<http::client>(executor, transport), std::make_shared<const config>(c), std::move(calls));
        auto chain = fetch_by_chain(executor, c, sts_client{service}.function(),
            {.session = options.session_name, .http = std::move(transport)});
        auto own = std::make_unique<credential_cache>(executor, std::move(chain), by(service, {}));
        auto out = std::make_shared<basic_session>(service, own->keys(), std::move(options));
        out->chain_ = std::move(own);
        return out;
    }

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
            kept = std::make_unique<credential_cache>(get_executor(),
                fetch_by_role(std::move(source), std::move(request), sts(region).function()), by(service_, region));
        }
        return kept->keys();
    }

    /// Sessions end by the clock of who gave them. By a local one that is wrong they would seem to be over at once.
    [[nodiscard]] static credential_cache_options by(std::shared_ptr<service_client> service, std::string_view region)
    {
        const auto& sts = service->endpoint_of("sts", region);
        return {.now = [service, origin = sts ? sts->origin : http::origin{}] { return service->now_at(origin); }};
    }

    std::shared_ptr<service_client> service_;
    key_function own_;
    session_options options_;
    std::unique_ptr<credential_cache> chain_{};
    std::map<role_key, std::unique_ptr<credential_cache>> roles_{};
};

using default_session = basic_session<deadline_clock>;

}  // namespace mayfly::aws
