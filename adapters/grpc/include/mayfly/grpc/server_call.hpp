// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/message.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace mayfly::grpc {

/// A call as a server's handler gets it.
struct server_call {
    grpc::request request{};
    std::string authority{};
    std::optional<std::chrono::steady_clock::time_point> deadline{};  ///< From `grpc-timeout`.
    boost::asio::ip::tcp::endpoint peer{};
};

}  // namespace mayfly::grpc
