// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <cstdint>
#include <string>
#include <type_traits>

namespace mayfly::temporal {

/// How an activity, a workflow, an update or a query ended that has no result. The words are beside it.
enum class client_errc : std::uint8_t {
    failed = 1,        ///< It threw, and its retries were over.
    cancelled,         ///< Somebody asked for that, and it heeded.
    timed_out,         ///< It was not done in time.
    terminated,        ///< Somebody ended it without asking it.
    not_convertible,   ///< It has a result, but not of the type that was asked for.
    continued_as_new,  ///< A run whose end was asked for, and not that of its successors: it has one.
    rejected,          ///< A query: the workflow is in a state in which it was not to be asked.
};

namespace detail {

class client_category final : public boost::system::error_category {
public:
    constexpr client_category() noexcept : error_category(0x6d61'7966'6c79'0060) {}
    const char* name() const noexcept override { return "mayfly.temporal.client"; }
    std::string message(int v) const override
    {
        switch (static_cast<client_errc>(v)) {
        case client_errc::failed: return "it failed";
        case client_errc::cancelled: return "it was cancelled";
        case client_errc::timed_out: return "it timed out";
        case client_errc::terminated: return "it was terminated";
        case client_errc::not_convertible: return "the result is not of the type that was asked for";
        case client_errc::continued_as_new: return "the run goes on in another";
        case client_errc::rejected: return "the query was rejected";
        }
        return "unknown error";
    }
    boost::system::error_condition default_error_condition(int) const noexcept override { return condition::permanent; }
};

inline constexpr client_category client_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& client_category() noexcept
{
    return detail::client_category_instance;
}

[[nodiscard]] inline boost::system::error_code make_error_code(client_errc e) noexcept
{
    return {static_cast<int>(e), client_category()};
}

}  // namespace mayfly::temporal

template <>
struct boost::system::is_error_code_enum<mayfly::temporal::client_errc> : std::true_type {};
