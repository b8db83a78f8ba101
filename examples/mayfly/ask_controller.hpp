// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_status.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace examples {

/// What a running controller says of these versions. `address` is like `http://127.0.0.1:7240`.
boost::asio::awaitable<read_status> ask_controller(std::string address, status_filter about);

}  // namespace examples
