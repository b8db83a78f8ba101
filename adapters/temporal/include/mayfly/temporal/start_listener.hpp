// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>

#include <functional>
#include <string>

namespace mayfly::temporal {

/// Told of each start that the server has accepted: the queue, and the type of its first task. Must not throw.
using start_listener = std::function<void(const std::string& queue, task_type type)>;

}  // namespace mayfly::temporal
