// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// Eager starts: the first task of a workflow comes with the answer to its start, to a worker in the same process.

namespace mayfly::temporal::detail {

/// What a worker offers to who starts workflows over its connection. It keeps its offer as long as it stands by it.
struct start_offer {
    std::string task_queue{};
    api::deployment::WorkerDeploymentOptions deployment{};
    /// Takes a slot for one of this type; false: there is none, or nothing that could run it.
    std::function<bool(const std::string& type)> take{};
    /// Fills such a slot.
    std::function<void(api::PollWorkflowTaskQueueResponse)> run{};
    /// Nothing came for it.
    std::function<void()> leave{};
};

/// A slot that was taken for a start. If nothing comes for it, it is free again when this goes.
class start_slot {
public:
    explicit start_slot(std::weak_ptr<const start_offer> of) noexcept : of_(std::move(of)) {}
    start_slot(const start_slot&) = delete;
    start_slot& operator=(const start_slot&) = delete;
    ~start_slot()
    {
        if (const auto offer = of_.lock())
            offer->leave();
    }

    /// A worker that has gone meanwhile takes nothing: the task is left to its timeout.
    void fill(api::PollWorkflowTaskQueueResponse task)
    {
        if (const auto offer = std::exchange(of_, {}).lock())
            offer->run(std::move(task));
    }

private:
    std::weak_ptr<const start_offer> of_;
};

// A server does not route what it answers with: a version that is not current, or no longer, would have new workflows.
// So a version has those alone that are ordered to be on it.
[[nodiscard]] inline bool may_begin_on(
    const api::deployment::WorkerDeploymentOptions& worker, const api::StartWorkflowExecutionRequest& r)
{
    const bool versioned = worker.worker_versioning_mode() == api::enums::WORKER_VERSIONING_MODE_VERSIONED;
    if (!r.has_versioning_override())
        return !versioned;
    const auto& wanted = r.versioning_override().pinned().version();
    return versioned && wanted.deployment_name() == worker.deployment_name() && wanted.build_id() == worker.build_id();
}

/// Has the first task come with the answer, if a worker takes it; null: it is started as ever.
[[nodiscard]] inline std::shared_ptr<start_slot> ask_for_first_task(
    start_offers& offers, api::StartWorkflowExecutionRequest& r)
{
    std::erase_if(offers, [](const auto& offer) { return offer.expired(); });
    if (!r.cron_schedule().empty() || r.has_workflow_start_delay())
        return nullptr;
    for (const auto& one : offers) {
        const auto offer = one.lock();
        if (offer->task_queue != r.task_queue().name() || !may_begin_on(offer->deployment, r) ||
            !offer->take(r.workflow_type().name()))
            continue;
        r.set_request_eager_execution(true);
        if (!offer->deployment.build_id().empty())
            *r.mutable_eager_worker_deployment_options() = offer->deployment;
        return std::make_shared<start_slot>(offer);
    }
    return nullptr;
}

}  // namespace mayfly::temporal::detail
