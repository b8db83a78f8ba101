// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/condition.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <string>
#include <type_traits>

// What core itself can fail with, and `condition` as something any error code can be compared with.

namespace mayfly {

/// Core's own failures. The words that go with one travel beside it, in a report.
enum class errc {
    deadline_too_near = 1,  ///< Too little time to do any work before the deadline.
    bad_options,            ///< The worker's options contradict themselves or the platform.
    connect_failed,         ///< The worker could not reach its task queue.
    start_failed,           ///< It reached the queue and was not let in.
    worker_failed,          ///< It had to stop while polling.
    stopped,                ///< Cancelled before it could poll.
};

namespace detail {

class condition_category final : public boost::system::error_category {
public:
    constexpr condition_category() noexcept : error_category(0x6d61'7966'6c79'0001) {}
    const char* name() const noexcept override { return "mayfly.condition"; }
    std::string message(int v) const override { return std::string(to_string(static_cast<condition>(v))); }
};

class core_category final : public boost::system::error_category {
public:
    constexpr core_category() noexcept : error_category(0x6d61'7966'6c79'0002) {}
    const char* name() const noexcept override { return "mayfly"; }

    std::string message(int v) const override
    {
        switch (static_cast<errc>(v)) {
        case errc::deadline_too_near: return "too little time before the deadline";
        case errc::bad_options: return "the worker's options are not valid";
        case errc::connect_failed: return "connecting to the task queue failed";
        case errc::start_failed: return "starting the worker failed";
        case errc::worker_failed: return "the worker failed";
        case errc::stopped: return "stopped before the worker could poll";
        }
        return "unknown";
    }

    boost::system::error_condition default_error_condition(int v) const noexcept override;
};

inline constexpr condition_category condition_category_instance{};
inline constexpr core_category core_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& condition_category() noexcept
{
    return detail::condition_category_instance;
}

[[nodiscard]] constexpr const boost::system::error_category& core_category() noexcept
{
    return detail::core_category_instance;
}

[[nodiscard]] inline boost::system::error_condition make_error_condition(condition c) noexcept
{
    return {static_cast<int>(c), condition_category()};
}

[[nodiscard]] inline boost::system::error_code make_error_code(errc e) noexcept
{
    return {static_cast<int>(e), core_category()};
}

}  // namespace mayfly

template <>
struct boost::system::is_error_condition_enum<mayfly::condition> : std::true_type {};
template <>
struct boost::system::is_error_code_enum<mayfly::errc> : std::true_type {};

namespace mayfly {

inline boost::system::error_condition detail::core_category::default_error_condition(int v) const noexcept
{
    switch (static_cast<errc>(v)) {
    case errc::deadline_too_near:
    case errc::bad_options: return condition::permanent;
    case errc::connect_failed:
    case errc::start_failed:
    case errc::worker_failed:
    case errc::stopped: break;
    }
    return condition::transient;
}

/// The only difference that core acts on. What maps to no condition counts as transient: it may succeed unchanged.
[[nodiscard]] inline condition condition_of(const boost::system::error_code& ec) noexcept
{
    if (!ec)
        return condition::ok;
    if (ec == condition::throttled)
        return condition::throttled;
    if (ec == condition::permanent)
        return condition::permanent;
    return condition::transient;
}

}  // namespace mayfly
