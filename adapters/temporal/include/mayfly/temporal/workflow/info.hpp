// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/memo_values.hpp>
#include <mayfly/temporal/search_values.hpp>
#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/workflow/activation.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace mayfly::temporal::workflow {

/// Names one run of a workflow, here or elsewhere.
struct run_name {
    std::string workflow_id{};
    std::string run_id{};

    friend bool operator==(const run_name&, const run_name&) = default;
};

/// What a run knows of itself from its first event on. Durations of zero: none.
struct run_info {
    std::string workflow_id{};
    std::string run_id{};
    std::string first_run_id{};  ///< Of the chain that continued as new, was tried again, or has a schedule.
    std::optional<std::string> continued_run_id{};  ///< The one before in that chain.
    std::string type{};
    std::string task_queue{};
    std::string name_space{};
    std::int32_t attempt = 1;
    workflow_time started_at{};
    std::optional<run_name> parent{};
    std::optional<run_name> root{};  ///< Of the whole tree of parents and children; none: it is this one.
    std::chrono::nanoseconds execution_timeout{};
    std::chrono::nanoseconds run_timeout{};
    std::chrono::nanoseconds task_timeout{};
    std::string cron_schedule{};
    api::common::RetryPolicy retry{};
    api::common::Priority priority{};
    api::common::Header header{};
    std::optional<api::failure::Failure> last_failure{};  ///< Of the run before, if it was tried again.
    api::common::Payloads last_result{};                  ///< Of the run before, if it has a schedule.
};

namespace detail {

inline run_info info_of(const start_run& from, const std::string& name_space)
{
    const auto& a = from.attributes;
    const auto name_of = [](const api::common::WorkflowExecution& e) { return run_name{e.workflow_id(), e.run_id()}; };
    run_info out;
    out.workflow_id = from.workflow_id;
    out.run_id = from.run_id;
    out.first_run_id = a.first_execution_run_id();
    if (!a.continued_execution_run_id().empty())
        out.continued_run_id = a.continued_execution_run_id();
    out.type = a.workflow_type().name();
    out.task_queue = a.task_queue().name();
    out.name_space = name_space;
    out.attempt = std::max(1, a.attempt());
    out.started_at = from.started_at;
    if (a.has_parent_workflow_execution())
        out.parent = name_of(a.parent_workflow_execution());
    if (a.has_root_workflow_execution())
        out.root = name_of(a.root_workflow_execution());
    out.execution_timeout = from_wire(a.workflow_execution_timeout());
    out.run_timeout = from_wire(a.workflow_run_timeout());
    out.task_timeout = from_wire(a.workflow_task_timeout());
    out.cron_schedule = a.cron_schedule();
    out.retry = a.retry_policy();
    out.priority = a.priority();
    out.header = a.header();
    if (a.has_continued_failure())
        out.last_failure = a.continued_failure();
    out.last_result = a.last_completion_result();
    return out;
}

}  // namespace detail

}  // namespace mayfly::temporal::workflow
