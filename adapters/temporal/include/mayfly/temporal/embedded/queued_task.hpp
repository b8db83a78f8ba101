// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>

#include <cstdint>
#include <optional>

namespace mayfly::temporal::embedded {

class task_queue;

/// What a task is of. The queue does not look; whoever hands it out does.
enum class task_kind : std::uint8_t {
    activity,  ///< An `execution`.
    workflow,  ///< The `workflow_task` of a run.
    query,     ///< A `query_task`: a question to a run, and nothing else.
};

/// What a task queue knows of a task.
struct queued_task {
    explicit queued_task(task_kind of) noexcept : kind(of) {}

    task_kind kind;
    std::int32_t priority = 0;  ///< As it was asked for, from 1 on; zero if it was not.

    // Only the queue changes these.
    task_queue* queue = nullptr;  ///< While it waits.
    std::optional<deployment_version> lane{};
    std::uint64_t queue_order = 0;
    uptime queued_at{};
};

}  // namespace mayfly::temporal::embedded
