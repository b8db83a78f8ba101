// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/conversion_error.hpp>

#include <optional>

namespace mayfly::temporal::detail {

/// What a call is refused with, before it is made, if something for it could not be converted.
template <class T>
std::optional<grpc::status> refusal(const converted<T>& made)
{
    if (made)
        return std::nullopt;
    return grpc::status{grpc::status_code::invalid_argument, made.error().message, {}};
}

}  // namespace mayfly::temporal::detail
