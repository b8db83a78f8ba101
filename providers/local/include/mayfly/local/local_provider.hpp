// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_provider.hpp>
#include <mayfly/compute_registry.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/launch_notice.hpp>
#include <mayfly/local/error.hpp>
#include <mayfly/local/function.hpp>
#include <mayfly/local/platform.hpp>
#include <mayfly/settings.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace mayfly::local {

/** What a scaling group says about the local function that runs its workers.

    The platform's own tries are off: a controller looks at the backlog every few seconds, and a start that is made up
    for minutes later is one that nobody wants any more.
*/
struct local_details {
    std::string function{};                       ///< `NAME`, or `NAME:VERSION`.
    uptime event_age = std::chrono::seconds{60};  ///< A start that has not happened by then is dropped.
    std::uint32_t retries = 0;                    ///< Further tries by the platform.

    [[nodiscard]] std::string_view name() const noexcept
    {
        return std::string_view{function}.substr(0, function.find(':'));
    }
    /// As it is written; empty for none.
    [[nodiscard]] std::string_view qualifier() const noexcept
    {
        const auto colon = function.find(':');
        return colon == std::string::npos ? std::string_view{} : std::string_view{function}.substr(colon + 1);
    }
    [[nodiscard]] std::string_view version() const noexcept { return qualifier().empty() ? latest : qualifier(); }

    friend void read_settings(settings_reader& from, local_details& d)
    {
        from.required_text("function", d.function);
        from.milliseconds("event_age_ms", d.event_age, 1);
        from.whole("retries", d.retries, 0, most_event_retries);
        from.require(d.function.empty() ||
                         (is_function_name(d.name()) && is_function_version(d.version()) && !d.function.ends_with(':')),
            {"function"}, "give NAME or NAME:VERSION, where the version is $LATEST or a number");
        from.require(d.event_age <= longest_event_age, {"event_age_ms"}, "give 6 hours at most");
    }
};

/// Which code a function stands for. The unqualified one and `$LATEST` are the same.
[[nodiscard]] inline code_reference classify_local(const settings& details)
{
    const auto d = from_settings<local_details>(details);
    if (!d)
        return {};
    const bool floating = d->version() == latest;
    return {"function", floating ? std::string(d->name()) : d->function,
        floating ? code_binding::floating : code_binding::fixed};
}

/// For the registry of a host program.
inline constexpr std::array<provider_kind, 1> provider_kinds{{
    {.type = "local", .check = &check_settings<local_details>, .classify = &classify_local},
}};

/** Starts workers as functions of a local platform: a model of `LaunchesWorkers`.

    A target's details are those of `local_details`. Each start is an event, whose payload is the worker's
   `launch_notice` and whose request id is reported; the part behind the `@` of its identity is `platform::arn` of the
    function as the details name it. What the function does is not heard of here. The platform is shared, and used on
   its executor.
*/
class local_provider {
public:
    explicit local_provider(std::shared_ptr<platform> on) : platform_(std::move(on)) {}

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return platform_->get_executor(); }

    /// `void(error_code, launch_report)`: an error if no start was accepted, the first one. It does not take long
    /// enough to be cancelled.
    template <class Token>
    auto async_launch(launch_request request, Token&& token)
    {
        return http::spawn<launch_report>(
            get_executor(), [p = platform_, r = std::move(request)] { return launch(p, r); },
            std::forward<Token>(token));
    }

private:
    static boost::asio::awaitable<http::outcome<launch_report>> launch(
        std::shared_ptr<platform> on, launch_request request)
    {
        http::outcome<launch_report> out;
        const settings none;
        const auto details = from_settings<local_details>(request.target ? request.target->details : none, "details");
        if (!details) {
            out.ec = errc::bad_details;
            out.value.detail = to_string(details.problems());
            out.value.starts.resize(request.count, {.outcome = condition::permanent});
            co_return out;
        }
        const event_rules rules{details->retries, std::chrono::ceil<std::chrono::milliseconds>(details->event_age)};
        std::uint32_t accepted = 0;
        boost::system::error_code first;
        for (std::uint32_t i = 0; i < request.count; ++i) {
            invoke_request r;
            r.function = details->name();
            r.version = details->version();
            r.qualifier = details->qualifier();
            r.payload = to_payload(notice_of(request, i));
            r.events = rules;
            auto id = on->enqueue(std::move(r));
            launch_report::start& start = out.value.starts.emplace_back();
            if (id) {
                ++accepted;
                start.request_id = std::move(*id);
                continue;
            }
            start.outcome = condition_of(id.error());
            if (!first)
                first = id.error();
        }
        if (first)
            out.value.detail = details->function + ": " + first.message();
        if (accepted == 0)
            out.ec = first;
        co_return out;
    }

    std::shared_ptr<platform> platform_;
};

static_assert(LaunchesWorkers<local_provider> && ComputeProvider<local_provider>);

}  // namespace mayfly::local
