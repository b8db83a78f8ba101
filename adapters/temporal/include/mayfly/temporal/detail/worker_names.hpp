// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>

#include <string>

namespace mayfly::temporal::detail {

/// Under whose name a worker polls and reports.
struct worker_names {
    std::string name_space{};
    std::string identity{};
    std::string instance_key{};  ///< Never used by another worker.
    api::deployment::WorkerDeploymentOptions deployment{};
};

}  // namespace mayfly::temporal::detail
