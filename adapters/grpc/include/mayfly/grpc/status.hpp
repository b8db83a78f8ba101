// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace mayfly::grpc {

/// How a call ended, in gRPC's own numbers. As an `error_code` it is what a call completes with.
enum class status_code : std::uint8_t {
    ok = 0,
    cancelled,
    unknown,
    invalid_argument,
    deadline_exceeded,
    not_found,
    already_exists,
    permission_denied,
    resource_exhausted,
    failed_precondition,
    aborted,
    out_of_range,
    unimplemented,
    internal,
    unavailable,
    data_loss,
    unauthenticated,
};

inline constexpr std::array<std::string_view, 17> status_names{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    "UNAUTHENTICATED"};

[[nodiscard]] constexpr std::string_view to_string(status_code c) noexcept
{
    const auto at = static_cast<std::size_t>(c);
    return at < status_names.size() ? status_names[at] : "UNKNOWN";
}

/// A number from the wire; `unknown` for one that is none of ours.
[[nodiscard]] constexpr status_code to_status_code(std::uint64_t number) noexcept
{
    return number < status_names.size() ? static_cast<status_code>(number) : status_code::unknown;
}

/// What a call ended with.
struct status {
    status_code code = status_code::ok;
    std::string message{};  ///< For people. UTF-8; empty if all is well.
    std::string details{};  ///< A serialized `google.rpc.Status`; mostly empty.

    [[nodiscard]] bool ok() const noexcept { return code == status_code::ok; }
    friend bool operator==(const status&, const status&) = default;
};

namespace detail {

class grpc_category final : public boost::system::error_category {
public:
    constexpr grpc_category() noexcept : error_category(0x6d61'7966'6c79'0050) {}
    const char* name() const noexcept override { return "mayfly.grpc"; }
    std::string message(int v) const override
    {
        return std::string(to_string(to_status_code(static_cast<std::uint64_t>(v))));
    }
    boost::system::error_condition default_error_condition(int v) const noexcept override
    {
        switch (to_status_code(static_cast<std::uint64_t>(v))) {
        case status_code::ok: return {};
        case status_code::resource_exhausted: return condition::throttled;
        case status_code::cancelled:
        case status_code::unknown:
        case status_code::deadline_exceeded:
        case status_code::aborted:
        case status_code::internal:
        case status_code::unavailable:
        case status_code::data_loss: return condition::transient;
        case status_code::invalid_argument:
        case status_code::not_found:
        case status_code::already_exists:
        case status_code::permission_denied:
        case status_code::failed_precondition:
        case status_code::out_of_range:
        case status_code::unimplemented:
        case status_code::unauthenticated: break;
        }
        return condition::permanent;
    }
};

inline constexpr grpc_category grpc_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& grpc_category() noexcept
{
    return detail::grpc_category_instance;
}

[[nodiscard]] inline boost::system::error_code make_error_code(status_code c) noexcept
{
    return {static_cast<int>(c), grpc_category()};
}

}  // namespace mayfly::grpc

template <>
struct boost::system::is_error_code_enum<mayfly::grpc::status_code> : std::true_type {};
