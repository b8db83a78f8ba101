// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/connection.hpp>

#include <string>

namespace mayfly::temporal::detail {

/// A request with what all have in common.
template <class Request>
Request request_for(const connection& c)
{
    Request out;
    out.set_namespace_(c.options().name_space);
    if constexpr (requires { out.set_identity(std::string()); })
        out.set_identity(c.options().identity);
    return out;
}

}  // namespace mayfly::temporal::detail
