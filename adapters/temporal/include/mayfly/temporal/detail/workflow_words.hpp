// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/detail/workflow_reports.hpp>
#include <mayfly/temporal/detail/workflow_run.hpp>
#include <mayfly/temporal/log.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <string>

// What the log is told of runs and their tasks.

namespace mayfly::temporal::detail {

[[nodiscard]] inline std::string shown(const workflow_run& run)
{
    return "workflow \"" + run.type + "\" (" + run.workflow_id + ", run " + run.id + ')';
}

struct log_line {
    log_level level = log_level::debug;
    std::string words{};
};

/// What the answer to a completion is told as; nothing if it was accepted.
[[nodiscard]] inline log_line words_of(completion_end end, const workflow_run& run, const grpc::status& status)
{
    const std::string who = "a task of " + shown(run);
    switch (end) {
    case completion_end::accepted: break;
    case completion_end::gone:
        return {log_level::debug, who + " was completed, but the server had given it up: " + describe(status)};
    case completion_end::outrun:
        return {log_level::debug, who + " was to close the run, but something new came first; it is done again"};
    case completion_end::refused:
        return {log_level::error, "the server refuses what " + shown(run) + " did: " + describe(status)};
    case completion_end::too_large:
        return {log_level::error, "what " + shown(run) + " did is too large to be sent: " + status.message};
    case completion_end::unheard:
        return {log_level::warning, who + " was completed, but that could not be reported: " + describe(status)};
    }
    return {};
}

}  // namespace mayfly::temporal::detail
