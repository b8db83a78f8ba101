// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_status.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace examples {

/// What a running controller says of these versions. `address` is like `http://127.0.0.1:7240`.
boost::asio::awaitable<read_status> ask_controller(std::string address, status_filter about);

/// Why a replica that does not lead tells nothing of a namespace's versions.
[[nodiscard]] inline std::string not_leading(const namespace_status& n)
{
    const std::string why = n.role == controller_role::standby
                                ? "this replica stands by; ask the one that leads"
                                : "this replica has not reached the server yet; ask again, or another";
    return why + (n.problem.empty() ? "" : " (" + n.problem + ')');
}

}  // namespace examples
