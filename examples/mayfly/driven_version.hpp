// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_group.hpp"

#include <mayfly/clock.hpp>
#include <mayfly/controller.hpp>
#include <mayfly/temporal/version_registry.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace examples {

/// One version, as the registry tells it.
struct driven_version {
    mayfly::temporal::version_record record{};
    mayfly::version_handle handle{};  ///< Once it is driven.
    std::vector<std::string> ids{};   ///< Of the groups, in the order of the controller.
    std::vector<std::unique_ptr<group_view>> groups{};
    mayfly::uptime life = mayfly::never;  ///< How long a worker polls, as far as its function's settings tell.
    std::string trouble{};                ///< What keeps the registry from seeing to it; empty: nothing.
    std::uint64_t taken = 0;              ///< Counts up whenever it is taken in anew.
    std::shared_ptr<boost::asio::cancellation_signal> taking{};  ///< Ends that.
};

}  // namespace examples
