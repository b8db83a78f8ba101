// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/metadata.hpp>
#include <mayfly/grpc/status.hpp>

#include <string>

namespace mayfly::grpc {

/// One call, as it is asked for.
struct request {
    std::string path{};  ///< `/package.Service/Method`
    grpc::metadata metadata{};
    std::string message{};  ///< Serialized; the prefix that goes before it on the wire is not in it.
};

/// How it was answered.
struct reply {
    grpc::status status{};
    std::string message{};      ///< Serialized; empty unless the status is OK.
    grpc::metadata metadata{};  ///< What came before the message.
    grpc::metadata trailers{};  ///< What came after it.
};

}  // namespace mayfly::grpc
