// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>

#include <string>
#include <string_view>
#include <type_traits>

namespace mayfly::local {

/// Why the platform did not run an invocation. What goes wrong inside a function is no error here: it is in the result.
enum class errc {
    function_not_found = 1,         ///< There is no function of that name.
    version_not_found,              ///< It has no such version.
    payload_too_large,              ///< More bytes than an invocation or an event may have.
    reserved_concurrency_exceeded,  ///< As many invocations run as the function, or its version, may have.
    account_concurrency_exceeded,   ///< As many run as all functions without a reserve may have together.
    too_many_events,                ///< The queue of events is full.
    no_room,                        ///< The machine gives no more processes, descriptors, ports or memory.
    bad_details,                    ///< A target's details do not name a function.
    stopped,                        ///< The platform is stopping, or has stopped.
};

namespace detail {

class local_category final : public boost::system::error_category {
public:
    constexpr local_category() noexcept : error_category(0x6d61'7966'6c79'0041) {}
    const char* name() const noexcept override { return "mayfly.local"; }

    std::string message(int v) const override
    {
        switch (static_cast<errc>(v)) {
        case errc::function_not_found: return "there is no function of that name";
        case errc::version_not_found: return "the function has no such version";
        case errc::payload_too_large: return "the payload is too large";
        case errc::reserved_concurrency_exceeded: return "the function runs as many invocations as it may";
        case errc::account_concurrency_exceeded: return "the platform runs as many invocations as it may";
        case errc::too_many_events: return "too many events are waiting";
        case errc::no_room: return "the machine gives no more processes, descriptors or ports";
        case errc::bad_details: return "the details of the target are not valid";
        case errc::stopped: return "the platform has stopped";
        }
        return "unknown";
    }

    boost::system::error_condition default_error_condition(int v) const noexcept override
    {
        switch (static_cast<errc>(v)) {
        case errc::reserved_concurrency_exceeded:
        case errc::account_concurrency_exceeded:
        case errc::too_many_events:
        case errc::no_room: return condition::throttled;
        case errc::stopped: return condition::transient;
        case errc::function_not_found:
        case errc::version_not_found:
        case errc::payload_too_large:
        case errc::bad_details: break;
        }
        return condition::permanent;
    }
};

inline constexpr local_category local_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& local_category() noexcept
{
    return detail::local_category_instance;
}

[[nodiscard]] inline boost::system::error_code make_error_code(errc e) noexcept
{
    return {static_cast<int>(e), local_category()};
}

/// Lambda's `Reason` for a throttled invocation; empty for any other error.
[[nodiscard]] inline std::string_view throttle_reason(const boost::system::error_code& ec) noexcept
{
    if (ec.category() != local_category())
        return {};
    switch (static_cast<errc>(ec.value())) {
    case errc::reserved_concurrency_exceeded: return "ReservedFunctionConcurrentInvocationLimitExceeded";
    case errc::account_concurrency_exceeded: return "ConcurrentInvocationLimitExceeded";
    case errc::too_many_events: return "CallerRateLimitExceeded";
    case errc::function_not_found:
    case errc::version_not_found:
    case errc::payload_too_large:
    case errc::no_room:
    case errc::bad_details:
    case errc::stopped: break;
    }
    return {};
}

}  // namespace mayfly::local

template <>
struct boost::system::is_error_code_enum<mayfly::local::errc> : std::true_type {};
