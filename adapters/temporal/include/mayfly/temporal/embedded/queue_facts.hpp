// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/types.hpp>

#include <cstdint>
#include <map>
#include <string_view>

namespace mayfly::temporal::embedded {

/// What one version's share of a task queue looks like.
struct queue_numbers {
    api::taskqueue::TaskQueueStats all{};
    std::map<std::int32_t, api::taskqueue::TaskQueueStats> by_priority{};
};

/// What worker deployments have to know of the task queues, which keep the tasks and the polls.
class queue_facts {
public:
    /// Whether somebody of that version polls there, or did a few minutes ago and has not said goodbye.
    [[nodiscard]] virtual bool polled(std::string_view name_space, std::string_view task_queue, task_type type,
        const deployment_version& version, const moment& now) const = 0;
    [[nodiscard]] virtual queue_numbers numbers(std::string_view name_space, std::string_view task_queue,
        task_type type, const deployment_version& version, const moment& now) const = 0;

protected:
    ~queue_facts() = default;
};

}  // namespace mayfly::temporal::embedded
