// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/callable_names.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/log.hpp>
#include <mayfly/temporal/metrics.hpp>

#include <string>

namespace mayfly::temporal::workflow {

/// What code is made with: what is the same for all runs of a worker, and what the run is called.
struct code_setup {
    data_converter converter{};
    std::string workflow_type{};
    std::string name_space{};
    std::string task_queue{};  ///< The worker's: where children and activities go that name none.
    /// What functions are registered as, so that code can name activities and children by them. They outlive the run;
    /// null: none.
    const callable_names* activities = nullptr;
    const callable_names* workflows = nullptr;
    temporal::logger logger{};
    metric_sink metrics{};
    temporal::detail::hooks<workflow_call> on_call{};  ///< Of interceptors. Null: none.
    temporal::detail::hooks<workflow_step> on_step{};
};

}  // namespace mayfly::temporal::workflow
