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

/// Why a worker does not poll. All of them last until somebody changes something.
enum class worker_errc : std::uint8_t {
    unknown_namespace = 1,
    not_permitted,
    not_authenticated,
    not_supported,
    refused,
    nothing_registered,
    no_task_queue,
    undeclared_behavior,
};

namespace detail {

class worker_category final : public boost::system::error_category {
public:
    constexpr worker_category() noexcept : error_category(0x6d61'7966'6c79'006a) {}
    const char* name() const noexcept override { return "mayfly.temporal.worker"; }
    std::string message(int v) const override
    {
        switch (static_cast<worker_errc>(v)) {
        case worker_errc::unknown_namespace:
            return "the server has no such namespace: create it, or correct the worker's (TEMPORAL_NAMESPACE)";
        case worker_errc::not_permitted:
            return "the server does not permit this worker to poll: give its API key or certificate that right";
        case worker_errc::not_authenticated:
            return "the server does not know who calls: set a valid API key (TEMPORAL_API_KEY) or client certificate";
        case worker_errc::not_supported: return "the server does not work with this client, or its namespace not now";
        case worker_errc::refused: return "the server keeps refusing this worker's polls as invalid";
        case worker_errc::nothing_registered: return "no activity and no workflow is registered: register at least one";
        case worker_errc::no_task_queue: return "there is no task queue to poll: set task_queue (TEMPORAL_TASK_QUEUE)";
        case worker_errc::undeclared_behavior:
            return "a workflow of this versioned worker is without a versioning behavior: declare pinned or "
                   "auto_upgrade for it, or set default_behavior";
        }
        return "unknown error";
    }
    boost::system::error_condition default_error_condition(int) const noexcept override { return condition::permanent; }
};

inline constexpr worker_category worker_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& worker_category() noexcept
{
    return detail::worker_category_instance;
}

[[nodiscard]] inline boost::system::error_code make_error_code(worker_errc e) noexcept
{
    return {static_cast<int>(e), worker_category()};
}

}  // namespace mayfly::temporal

template <>
struct boost::system::is_error_code_enum<mayfly::temporal::worker_errc> : std::true_type {};
