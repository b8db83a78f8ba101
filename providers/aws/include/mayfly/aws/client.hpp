// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/amz_time.hpp>
#include <mayfly/aws/call_machine.hpp>
#include <mayfly/aws/classify.hpp>
#include <mayfly/aws/config.hpp>
#include <mayfly/aws/credentials.hpp>
#include <mayfly/aws/endpoint.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/invocation_id.hpp>
#include <mayfly/aws/retry.hpp>
#include <mayfly/aws/signing_keys.hpp>
#include <mayfly/aws/sigv4_http.hpp>
#include <mayfly/aws/skew.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/http/client.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/proxy.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/http/tls.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/version.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace mayfly::aws {

namespace detail {

[[nodiscard]] inline std::string own_user_agent()
{
    return "mayfly/" + std::to_string(MAYFLY_VERSION_MAJOR) + '.' + std::to_string(MAYFLY_VERSION_MINOR) + '.' +
           std::to_string(MAYFLY_VERSION_PATCH);
}

}  // namespace detail

/// What a configuration says about connections: `AWS_CA_BUNDLE` or `ca_bundle`, and the proxies of the environment.
[[nodiscard]] inline http::client_options http_options_of(const config& c)
{
    http::client_options out;
    out.tls = http::tls_options_of(c.variables);
    if (const auto bundle = c.get("AWS_CA_BUNDLE", "ca_bundle"))
        out.tls = {.ca_file = bundle->value};
    out.proxy = http::proxy_settings_of(c.variables);
    return out;
}

/// What one client keeps to in all its calls.
struct service_options {
    retry_settings retry{};
    http::call_options limits{};  ///< Of each attempt.
    std::string user_agent = detail::own_user_agent();
    std::function<wall_time()> now{};   ///< For signatures; empty: the system's clock.
    std::function<double()> uniform{};  ///< In [0, 1), for waits; empty: a generator of its own.
};

/// A failure of settings: nothing was sent.
[[nodiscard]] inline failure failure_of(const problems& wrong)
{
    failure out;
    out.ec = errc::bad_settings;
    out.message = to_string(wrong);
    return out;
}

/// One request to a service.
struct service_call {
    endpoint to{};
    http::request request{};  ///< Method, target below the endpoint's prefix, fields of its own, body.
    key_function keys{};
    http::call_options limits{};        ///< Where set, instead of the client's.
    std::vector<std::string> hidden{};  ///< Secrets in it, which must not stand in an error's text.
};

struct service_answer {
    http::response response{};  ///< Of a success.
    failure failed{};
};

namespace detail {

[[nodiscard]] inline std::string_view field_of(const http::response& r, std::string_view name)
{
    const auto v = r[boost::beast::string_view{name.data(), name.size()}];
    return {v.data(), v.size()};
}

}  // namespace detail

namespace detail {

/// A coroutine whose result holds its failure, as an operation of any token: `void(error_code, T)`.
template <class T, class Token>
auto operation(boost::asio::any_io_executor executor, boost::asio::awaitable<T> body, Token&& token)
{
    return http::spawn<T>(
        std::move(executor),
        [body = std::move(body)]() mutable -> boost::asio::awaitable<http::outcome<T>> {
            http::outcome<T> out;
            out.value = co_await std::move(body);
            if constexpr (requires { out.value.failed; })
                out.ec = out.value.failed.ec;
            else
                out.ec = out.value.why.ec;
            co_return out;
        },
        std::forward<Token>(token));
}

}  // namespace detail

/** Makes signed calls: gets credentials, signs each attempt anew, sends it, and sends it again as the retry rules say.

    One client is one retry quota for each service, and one idea of each endpoint's time. Use it from one thread or
    strand; it must outlive its calls.

    @tparam C the clock that is waited on between attempts
*/
template <DeadlineClock C>
class basic_service_client {
public:
    basic_service_client(
        std::shared_ptr<http::client> over, std::shared_ptr<const config> settings, service_options options = {})
        : http_(std::move(over)), config_(std::move(settings)), options_(std::move(options))
    {
        if (!options_.now)
            options_.now = [] {
                return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
            };
        if (!options_.uniform)
            options_.uniform = [engine = std::mt19937_64{std::random_device{}()}]() mutable {
                return std::uniform_real_distribution<>{}(engine);
            };
    }

    basic_service_client(const basic_service_client&) = delete;
    basic_service_client& operator=(const basic_service_client&) = delete;

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return http_->get_executor(); }
    [[nodiscard]] http::client& transport() noexcept { return *http_; }
    [[nodiscard]] const config& settings() const noexcept { return *config_; }
    /// The time, as an endpoint has it.
    [[nodiscard]] wall_time now_at(const http::origin& o) const
    {
        const auto at = clocks_.find(o);
        return at == clocks_.end() ? options_.now() : at->second.corrected(options_.now());
    }

    /// Where a service is, or what is wrong with how that was said. No region: the configured one.
    [[nodiscard]] const checked<endpoint>& endpoint_of(std::string_view service, std::string_view region = {})
    {
        for (const known_endpoint& k : endpoints_)
            if (k.service == service && k.region == region)
                return k.at;
        std::string where{region};
        if (const auto configured = region.empty() ? configured_region(*config_) : std::nullopt)
            where = configured->value;
        return endpoints_
            .emplace_back(
                known_endpoint{std::string{service}, std::string{region}, resolve_endpoint(*config_, service, where)})
            .at;
    }

    /// What is left of a service's quota.
    [[nodiscard]] std::uint32_t quota_left(std::string_view service) const
    {
        const auto at = quotas_.find(service);
        return at == quotas_.end() ? options_.retry.quota : at->second.left();
    }

    /// `void(error_code, service_answer)`: the error is that of `service_answer::failed`. Cancelled (terminal, partial
    /// or total): `operation_aborted`, with no request under way and no timer.
    template <class Token>
    auto async_call(service_call call, Token&& token)
    {
        return detail::operation(get_executor(), perform(std::move(call)), std::forward<Token>(token));
    }

    /// The same for a coroutine. Its cancellation is no exception: the answer says `operation_aborted`.
    boost::asio::awaitable<service_answer> perform(service_call call)
    {
        namespace asio = boost::asio;
        co_await asio::this_coro::throw_if_cancelled(false);
        prepare(call);
        const auto request = std::make_shared<http::request>(std::move(call.request));
        const invocation_id id = ids_.next();
        const hex_digest payload = hex(sha256_of(request->body()));
        clock_offset& clock = clocks_[call.to.origin];
        call_machine machine{
            options_.retry, quotas_.try_emplace(call.to.service, options_.retry.quota).first->second, clock};
        std::shared_ptr<const credentials> refused;
        asio::basic_waitable_timer<C> timer{get_executor()};

        for (unsigned attempt = 1;; ++attempt) {
            service_answer answer;
            signing_keys with;
            if (call.keys) {
                auto asked = call.keys(refused);
                with = co_await std::move(asked);
                if (with.why) {
                    answer.failed = std::move(with.why);
                    co_return answer;
                }
            }
            const auto state = co_await asio::this_coro::cancellation_state;
            if (state.cancelled() != asio::cancellation_type::none) {
                answer.failed.ec = asio::error::operation_aborted;
                co_return answer;
            }
            const auto offset = clock.offset();
            sign(*request, call.to, with.keys.get(), amz_time{clock.corrected(options_.now())}, payload);
            name_attempt(*request, id, attempt);
            std::shared_ptr<const http::request> message = request;
            auto sent = http_->async_request(
                call.to.origin, std::move(message), call.limits, asio::as_tuple(asio::use_awaitable));
            auto [ec, response] = co_await std::move(sent);
            if (ec == asio::error::operation_aborted) {
                answer.failed.ec = ec;
                co_return answer;
            }
            attempt_end end;
            answer.failed = failure_of(ec, response);
            answer.failed.attempts = attempt;
            if (answer.failed) {
                hide(answer.failed, call, with.keys.get());
                end = {.failed = &answer.failed,
                    .worth = worth(answer.failed),
                    .date = ec ? std::string_view{} : detail::field_of(response, "Date"),
                    .at = options_.now(),
                    .offset = offset,
                    .hint = {detail::field_of(response, "x-amz-retry-after"),
                        detail::field_of(response, "Retry-After")},
                    .u = options_.uniform(),
                    .with_keys = with.keys != nullptr};
            }
            const call_step step = machine.next(end);
            switch (step.what) {
            case call_step::kind::done: answer.response = std::move(response); co_return answer;
            case call_step::kind::give_up: co_return answer;
            case call_step::kind::resend: break;
            case call_step::kind::refresh: refused = std::move(with.keys); break;
            case call_step::kind::wait: {
                timer.expires_after(std::chrono::duration_cast<typename C::duration>(step.wait));
                auto [waited] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
                if (waited) {
                    answer.failed.ec = asio::error::operation_aborted;
                    co_return answer;
                }
                break;
            }
            }
        }
    }

private:
    void prepare(service_call& call) const
    {
        http::request& r = call.request;
        if (!call.to.path_prefix.empty()) {
            const auto below = r.target();
            r.target(call.to.path_prefix + std::string{below.data(), below.size()});
        }
        r.set(http::field::host, http::host_header(call.to.origin));
        r.set(http::field::user_agent, options_.user_agent);
        const auto or_own = [](auto& field, const auto& own) {
            if (!field)
                field = own;
        };
        or_own(call.limits.total, options_.limits.total);
        or_own(call.limits.connect, options_.limits.connect);
        or_own(call.limits.response, options_.limits.response);
        or_own(call.limits.body_limit, options_.limits.body_limit);
    }

    void sign(
        http::request& r, const endpoint& to, const credentials* keys, const amz_time& at, const hex_digest& payload)
    {
        r.erase(id_field);
        r.erase(attempt_field);
        if (keys != nullptr)
            signer_.sign(r, *keys, {to.region, to.service}, at, view(payload));
    }

    /// As the SDKs do it, behind the signature.
    void name_attempt(http::request& r, const invocation_id& id, unsigned attempt) const
    {
        r.insert(id_field, boost::beast::string_view{id.data(), id.size()});
        r.insert(attempt_field, "attempt=" + std::to_string(attempt) +
                                    "; max=" + std::to_string(std::max(attempt, options_.retry.max_attempts)));
    }

    [[nodiscard]] static failure failure_of(const boost::system::error_code& ec, const http::response& r)
    {
        failure out;
        if (ec) {
            out.ec = ec;
            out.message = http::failure_text(ec, r);
        } else if (r.result_int() < 200 || r.result_int() >= 300) {
            out = read_failure({r.result_int(), detail::field_of(r, "x-amzn-ErrorType"),
                detail::field_of(r, "x-amzn-RequestId"), r.body()});
        }
        return out;
    }

    [[nodiscard]] static retry_class worth(const failure& f)
    {
        if (f.http_status != 0)
            return retry_class_of(f.http_status, f.code);
        return condition_of(f.ec) == condition::transient ? retry_class::transient : retry_class::none;
    }

    static void hide(failure& f, const service_call& call, const credentials* keys)
    {
        const auto from_all = [&f](std::string_view secret) {
            for (std::string* text : {&f.message, &f.code, &f.reason})
                *text = redacted(std::move(*text), secret);
        };
        if (keys != nullptr) {
            from_all(keys->secret_access_key);
            from_all(keys->session_token);
        }
        for (const std::string& secret : call.hidden)
            from_all(secret);
        f.message = without_signatures(f.message);
        // Last, for the beginning of a secret is not found any more.
        for (std::string* text : {&f.message, &f.code, &f.reason, &f.request_id})
            *text = shortened(std::move(*text));
    }

    static constexpr const char* id_field = "amz-sdk-invocation-id";
    static constexpr const char* attempt_field = "amz-sdk-request";

    struct known_endpoint {
        std::string service;
        std::string region;
        checked<endpoint> at;
    };

    std::shared_ptr<http::client> http_;
    std::shared_ptr<const config> config_;
    service_options options_;
    std::list<known_endpoint> endpoints_{};
    request_signer signer_{};
    invocation_ids ids_{};
    std::map<std::string, retry_quota, std::less<>> quotas_{};
    std::map<http::origin, clock_offset> clocks_{};
};

}  // namespace mayfly::aws
