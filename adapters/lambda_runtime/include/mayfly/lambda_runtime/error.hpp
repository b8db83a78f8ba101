// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <string>
#include <type_traits>

namespace mayfly::lambda_runtime {

/// How either side of the Runtime API can fail.
enum class errc {
    bad_address = 1,  ///< AWS_LAMBDA_RUNTIME_API is not set, or names no address.
    not_reached,      ///< The Runtime API could not be connected to, or the connection broke.
    broken,           ///< It answered 5xx, or what is no HTTP: the environment is of no use any more.
    refused,          ///< It answered 4xx.
    too_large,        ///< It refused the response for its size, and ended the invocation with that.
    bad_invocation,   ///< An invocation came without the headers that make it one.
    many_at_once,     ///< The platform wants several invocations at a time in this process.
    busy,             ///< Service side: an invocation is under way already.
    init_failed,      ///< Service side: the function reported that it cannot start.
};

namespace detail {

class category final : public boost::system::error_category {
public:
    constexpr category() noexcept : error_category(0x6d61'7966'6c79'0030) {}
    const char* name() const noexcept override { return "mayfly.lambda_runtime"; }

    std::string message(int v) const override
    {
        switch (static_cast<errc>(v)) {
        case errc::bad_address: return "AWS_LAMBDA_RUNTIME_API is not set to an address and a port";
        case errc::not_reached: return "the Runtime API could not be reached";
        case errc::broken: return "the Runtime API is broken";
        case errc::refused: return "the Runtime API refused the call";
        case errc::too_large: return "the response is larger than the platform takes";
        case errc::bad_invocation: return "the Runtime API sent an invocation with bad headers";
        case errc::many_at_once: return "several invocations at a time are not supported";
        case errc::busy: return "the environment is busy with an invocation";
        case errc::init_failed: return "the function could not start";
        }
        return "unknown";
    }

    boost::system::error_condition default_error_condition(int v) const noexcept override
    {
        switch (static_cast<errc>(v)) {
        case errc::not_reached:
        case errc::busy: return condition::transient;
        case errc::bad_address:
        case errc::broken:
        case errc::refused:
        case errc::too_large:
        case errc::bad_invocation:
        case errc::many_at_once:
        case errc::init_failed: break;
        }
        return condition::permanent;
    }
};

inline constexpr category category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& category() noexcept
{
    return detail::category_instance;
}

[[nodiscard]] inline boost::system::error_code make_error_code(errc e) noexcept
{
    return {static_cast<int>(e), category()};
}

}  // namespace mayfly::lambda_runtime

template <>
struct boost::system::is_error_code_enum<mayfly::lambda_runtime::errc> : std::true_type {};
