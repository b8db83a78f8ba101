// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/credential_cache.hpp>
#include <mayfly/aws/credential_json.hpp>
#include <mayfly/aws/credential_plan.hpp>
#include <mayfly/aws/credential_process.hpp>
#include <mayfly/aws/endpoint.hpp>
#include <mayfly/aws/instance_client.hpp>
#include <mayfly/aws/sts.hpp>
#include <mayfly/http/client.hpp>
#include <mayfly/http/failure.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// The default credential chain: what credential_plan.hpp decided, done.

namespace mayfly::aws {

struct credential_chain_options {
    std::string session = "mayfly";  ///< Names the sessions of roles that do not say how.
    credential_process_limits process{};
    std::chrono::milliseconds container_timeout{std::chrono::seconds{5}};
    std::uint32_t container_attempts = 3;                                ///< Above zero.
    std::chrono::milliseconds container_pause{std::chrono::seconds{1}};  ///< Between two of them.
    http::client_options http{};  ///< For container and instance. Its proxy is not used: these are never behind one.
};

namespace detail {

class credential_fetcher : public std::enable_shared_from_this<credential_fetcher> {
public:
    credential_fetcher(
        boost::asio::any_io_executor executor, config c, assume_role_function assume, credential_chain_options options)
        : config_(std::move(c)), assume_(std::move(assume)), options_(std::move(options))
    {
        http::client_options direct = options_.http;
        direct.proxy = {};
        http_ = std::make_shared<http::client>(std::move(executor), std::move(direct));
    }

    static boost::asio::awaitable<fetched_credentials> fetch(std::shared_ptr<credential_fetcher> self)
    {
        const checked<credential_plan> plan = plan_credentials(self->config_, self->options_.session);
        if (!plan) {
            const problems wrong = plan.problems();
            const bool none = wrong.size() == 1 && wrong[0].field == "credentials";
            co_return fetched_credentials{
                .why = credential_failure(
                    none ? credential_errc::none_found : credential_errc::bad_settings, mayfly::to_string(wrong))};
        }
        fetched_credentials got = co_await self->first(plan->first);
        for (std::size_t i = 0; i < plan->roles.size() && !got.why; ++i)
            got = co_await self->assume(plan->roles[i], std::move(got.keys));
        co_return got;
    }

    boost::asio::awaitable<fetched_credentials> assume(assume_role_request role, credentials caller)
    {
        const std::string name = role.role_arn;
        const std::string source = name + " by " + caller.source;
        assumed_role session = co_await assume_(std::move(role), std::move(caller));
        fetched_credentials out{.keys = std::move(session.keys), .why = std::move(session.why)};
        out.keys.source = source;
        if (out.why)
            out.why.message = "assuming " + source + ": " + out.why.message;
        co_return out;
    }

private:
    boost::asio::awaitable<fetched_credentials> first(const credential_source& s)
    {
        switch (s.is) {
        case credential_source::kind::keys: co_return fetched_credentials{.keys = s.keys};
        case credential_source::kind::process:
            co_return co_await run_credential_process(s.command, config_.variables, s.name, options_.process);
        case credential_source::kind::web_identity: co_return co_await web_identity(s);
        case credential_source::kind::container: co_return co_await container(s);
        case credential_source::kind::instance: co_return co_await instance(s);
        }
        co_return fetched_credentials{};
    }

    boost::asio::awaitable<fetched_credentials> web_identity(const credential_source& s)
    {
        for (int again = 0;; ++again) {
            assume_role_request role = s.role;
            const std::optional<std::string> token = read_token(s.token_file);
            if (!token || token->empty())
                co_return refused(s, "the token file " + s.token_file + " cannot be read, or is empty");
            role.web_identity_token = *token;
            credentials caller;
            caller.source = s.name;
            fetched_credentials got = co_await assume(std::move(role), std::move(caller));
            // The file is written anew before its token ends: this one may have been a moment too old.
            const bool stale = got.why.code == "InvalidIdentityToken" || got.why.code == "ExpiredTokenException" ||
                               got.why.code == "ExpiredToken";
            if (!stale || again != 0)
                co_return got;
        }
    }

    boost::asio::awaitable<fetched_credentials> container(const credential_source& s)
    {
        namespace asio = boost::asio;
        std::string token = s.token;
        if (!s.token_file.empty()) {
            std::optional<std::string> read = read_token(s.token_file, false);
            if (!read || read->empty() || read->find_first_of("\r\n") != std::string::npos)
                co_return refused(s, "the token file " + s.token_file + " cannot be read, or is not one line");
            token = *std::move(read);
        }
        http::request r{http::verb::get, s.address.target, 11};
        r.set(http::field::accept, "application/json");
        if (!token.empty())
            r.set(http::field::authorization, token);
        http::call_options limits;
        limits.connect = std::chrono::seconds{2};
        limits.total = options_.container_timeout;
        limits.body_limit = 64 * 1024;

        for (std::uint32_t left = options_.container_attempts;; --left) {
            auto [ec, response] =
                co_await http_->async_request(s.address.origin, r, limits, asio::as_tuple(asio::use_awaitable));
            const unsigned status = ec ? 0 : response.result_int();
            if (status == 200)
                co_return read_credentials(response.body(), credential_form::container, s.name);
            if (ec == asio::error::operation_aborted || ec == http::errc::closed)
                co_return fetched_credentials{.why = credential_failure(ec, "cancelled")};
            if (left <= 1 || (!ec && status < 500)) {
                failure why = ec ? credential_failure(
                                       credential_errc::source_failed, s.name + ": " + http::failure_text(ec, response))
                                 : credential_failure(
                                       status < 500 ? credential_errc::source_refused : credential_errc::source_failed,
                                       s.name + ": the endpoint answered with HTTP " + std::to_string(status));
                why.http_status = status;
                co_return fetched_credentials{.why = std::move(why)};
            }
            asio::steady_timer pause(http_->get_executor(), options_.container_pause);
            const auto [stopped] = co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
            if (stopped)
                co_return fetched_credentials{.why = credential_failure(stopped, "cancelled")};
        }
    }

    boost::asio::awaitable<fetched_credentials> instance(const credential_source& s)
    {
        // Kept, for its token.
        if (!instance_)
            instance_.emplace(http_, s.metadata);
        fetched_credentials got = co_await instance_->credentials();
        if (got.why.ec == credential_errc::none_found)
            got.why.message =
                "none were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or describe the profile \"" +
                config_.profile + "\"; and " + got.why.message;
        co_return got;
    }

    static fetched_credentials refused(const credential_source& s, const std::string& words)
    {
        return {.why = credential_failure(credential_errc::source_refused, s.name + ": " + words)};
    }

    static std::optional<std::string> read_token(const std::string& path, bool trim = true)
    {
        file_text file = read_file(path);
        if (file.error != 0)
            return std::nullopt;
        return trim ? std::string{trimmed(file.text)} : std::move(file.text);
    }

    config config_;
    assume_role_function assume_;
    credential_chain_options options_;
    std::shared_ptr<http::client> http_;
    std::optional<instance_client> instance_;
};

}  // namespace detail

/// Fetches along the default chain: environment, profile, web identity, container, instance. `assume` performs calls
/// to STS. What is configured is read from `c`, once; token files are read at every fetch.
[[nodiscard]] inline fetch_function fetch_by_chain(
    boost::asio::any_io_executor executor, config c, assume_role_function assume, credential_chain_options options = {})
{
    return [fetcher = std::make_shared<detail::credential_fetcher>(std::move(executor), std::move(c), std::move(assume),
                std::move(options))] { return detail::credential_fetcher::fetch(fetcher); };
}

namespace detail {

inline boost::asio::awaitable<fetched_credentials> fetch_role(
    key_function caller, assume_role_request role, assume_role_function assume)
{
    std::shared_ptr<const credentials> refused;
    for (;;) {
        signing_keys with = co_await caller(refused);
        if (with.why)
            co_return fetched_credentials{.why = std::move(with.why)};
        assumed_role session = co_await assume(role, *with.keys);
        // The caller's own session may have ended: once more with another.
        if (session.why.ec == errc::expired_credentials && !refused) {
            refused = with.keys;
            continue;
        }
        fetched_credentials out{.keys = std::move(session.keys), .why = std::move(session.why)};
        out.keys.source = role.role_arn + " by " + with.keys->source;
        co_return out;
    }
}

}  // namespace detail

/// Fetches sessions with a role, which `caller` may assume: usually `credential_cache::keys()` of the chain.
[[nodiscard]] inline fetch_function fetch_by_role(
    key_function caller, assume_role_request role, assume_role_function assume)
{
    return [caller = std::move(caller), role = std::move(role), assume = std::move(assume)] {
        return detail::fetch_role(caller, role, assume);
    };
}

/// The region to use where nothing names one: as configured, else the one the machine is in. Empty if neither says.
/// `over` must use no proxy.
[[nodiscard]] inline boost::asio::awaitable<std::string> find_region(config c, std::shared_ptr<http::client> over)
{
    if (const auto said = configured_region(c))
        co_return said->value;
    const auto settings = instance_metadata_of(c);
    if (!settings || !*settings)
        co_return std::string{};
    instance_client ask(std::move(over), **settings);
    std::string region = co_await ask.region();
    co_return region;
}

}  // namespace mayfly::aws
