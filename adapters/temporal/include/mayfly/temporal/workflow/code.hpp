// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/activation.hpp>
#include <mayfly/temporal/workflow/intents.hpp>

#include <optional>
#include <string>
#include <vector>

namespace mayfly::temporal::workflow {

/// Why a workflow task failed in the workflow's own code. The run itself has not failed: the task is tried again.
struct task_problem {
    api::enums::WorkflowTaskFailedCause cause =
        api::enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE;
    api::failure::Failure failure{};
};

/// What an activation came to.
struct activated {
    std::vector<intent> intents{};
    std::optional<task_problem> problem{};  ///< Then the intents do not count.
};

/// What a query was answered with. A failure where `failure` has a message.
struct query_answer {
    api::common::Payloads result{};
    std::optional<api::failure::Failure> failure{};
};

/** A run of a workflow, as the machine sees it.

    One object for each run in memory, called from one thread at a time. It has no clock, no socket and no thread: the
    same activations bring the same intents. To be destroyed at any time ends it without a trace.
*/
class code {
public:
    code() = default;
    code(const code&) = delete;
    code& operator=(const code&) = delete;
    virtual ~code() = default;

    /// Takes in all jobs, and runs until nothing can go on.
    [[nodiscard]] virtual activated activate(activation now) = 0;

    /// Changes nothing. Only after the first activation.
    [[nodiscard]] virtual query_answer query(const api::query::WorkflowQuery& question) = 0;

    /// Where it waits, one line for each thing that runs, for people.
    [[nodiscard]] virtual std::string stack_trace() const = 0;
};

}  // namespace mayfly::temporal::workflow
