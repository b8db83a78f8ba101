// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/memo_values.hpp>
#include <mayfly/temporal/search_values.hpp>
#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Workflows as a client asks for them and is told of them, in plain values. Durations of zero: not set.

namespace mayfly::temporal {

/// Names an execution, or a chain of them: a workflow that continues as new, is tried again or has a schedule goes on
/// in another run with the same id.
struct workflow_key {
    std::string id{};
    std::string run_id{};        ///< This run only. Empty: the latest of this id.
    std::string first_run_id{};  ///< Only a run of the chain that began with this one; for changes. Empty: any.

    friend bool operator==(const workflow_key&, const workflow_key&) = default;
};

/// What of a running workflow's id when another is to be started with it.
enum class workflow_id_conflict : std::uint8_t { server_default, fail, use_existing, terminate_existing };

/// Which version works on an execution, whatever its own behaviour and the routing say.
struct versioning_override {
    enum class kind : std::uint8_t {
        pinned,        ///< This one.
        auto_upgrade,  ///< The current or ramping one, at each task.
        one_time,      ///< Goes to this one once; then as its own behaviour is.
    };
    kind how = kind::auto_upgrade;
    deployment_version version{};  ///< Not of `auto_upgrade`.

    friend bool operator==(const versioning_override&, const versioning_override&) = default;
};

/// What a start has beside its type and arguments. `task_queue` is needed.
struct workflow_start_options {
    std::string id{};  ///< Empty: one is made up.
    std::string task_queue{};
    std::chrono::nanoseconds execution_timeout{};  ///< All runs together.
    std::chrono::nanoseconds run_timeout{};
    std::chrono::nanoseconds task_timeout{};  ///< One workflow task; the server's own is good for nearly all.
    std::chrono::nanoseconds start_delay{};
    std::optional<activity_retry> retry{};  ///< Of the workflow as a whole; few need that.
    id_reuse reuse = id_reuse::server_default;
    workflow_id_conflict conflict = workflow_id_conflict::server_default;
    std::string cron_schedule{};
    memo_values memo{};
    search_values search_attributes{};
    std::optional<activity_priority> priority{};
    std::optional<versioning_override> versioning{};
    api::common::Header header{};  ///< For who intercepts calls; its payloads go out as they are.
    std::string summary{};         ///< One line for people.
    std::string details{};         ///< Several.
    std::string request_id{};      ///< The same id again is the same start. Empty: one is made up for the call.
    /// The first task may come with the answer, to a worker that polls `task_queue` over the same connection and has a
    /// slot: it waits for no poll. The server does not route it, so a versioned worker takes part only in what
    /// `versioning` pins to its version. Not with a delay or a schedule, nor together with a signal or an update.
    bool eager = false;
};

enum class workflow_status : std::uint8_t {
    unknown,
    running,
    completed,
    failed,
    cancelled,
    terminated,
    continued_as_new,
    timed_out,
    paused,
};

[[nodiscard]] constexpr std::string_view to_string(workflow_status s) noexcept
{
    switch (s) {
    case workflow_status::unknown: break;
    case workflow_status::running: return "running";
    case workflow_status::completed: return "completed";
    case workflow_status::failed: return "failed";
    case workflow_status::cancelled: return "cancelled";
    case workflow_status::terminated: return "terminated";
    case workflow_status::continued_as_new: return "continued_as_new";
    case workflow_status::timed_out: return "timed_out";
    case workflow_status::paused: return "paused";
    }
    return "unknown";
}

/// How to wait for a result.
struct result_options {
    std::optional<std::chrono::milliseconds> within{};  ///< Then DEADLINE_EXCEEDED. None: as long as it takes.
    /// Where a run has a successor (continued as new, another attempt, the next of a schedule), its end is waited for
    /// instead. With a schedule that is for ever.
    bool follow_runs = true;
};

/// Which states of a workflow are not to answer a query.
enum class query_reject : std::uint8_t { server_default, none, not_open, not_completed_cleanly };

struct query_options {
    query_reject reject = query_reject::server_default;
    std::optional<std::chrono::milliseconds> within{};  ///< None: as other calls.
};

/// How far an update is to have come before its start is answered.
enum class update_stage : std::uint8_t { accepted, completed };

struct update_options {
    std::string id{};                                   ///< The same again is the same update. Empty: one is made up.
    std::optional<std::chrono::milliseconds> within{};  ///< Then DEADLINE_EXCEEDED. None: as long as it takes.
};

/// Where a workflow is to go on from, and with what of what came after.
struct reset_options {
    /// The `WorkflowTaskCompleted`, `WorkflowTaskFailed` or `WorkflowTaskTimedOut` whose task is to be done again.
    std::int64_t event_id = 0;
    std::string reason{};
    bool keep_signals = true;  ///< Signals and updates that came after are given to the new run.
    bool keep_updates = true;
    std::string request_id{};  ///< The same id again is the same reset. Empty: one is made up for the call.
};

/// One execution in a list.
struct workflow_entry {
    workflow_key key{};
    std::string type{};
    std::string task_queue{};
    workflow_status status = workflow_status::unknown;
    std::optional<wall_clock_time> started{};
    std::optional<wall_clock_time> first_task_after{};  ///< The start, with its delay or its schedule's.
    std::optional<wall_clock_time> closed{};            ///< Not yet, or not known.
    std::int64_t history_length = 0;
    std::optional<workflow_key> parent{};
    search_values search_attributes{};
    api::common::Memo memo{};  ///< `memo_values::from` reads it.
};

struct workflow_page {
    std::vector<workflow_entry> entries{};
    std::string next_page_token{};  ///< Empty: there is no more.
};

using workflow_count = execution_count;

/// What there is to know of one execution.
struct workflow_description : workflow_entry {
    std::int64_t history_bytes = 0;
    std::chrono::nanoseconds execution_timeout{};
    std::chrono::nanoseconds run_timeout{};
    std::chrono::nanoseconds task_timeout{};
    bool cancel_requested = false;
    api::enums::VersioningBehavior behavior = api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED;
    std::optional<deployment_version> version{};    ///< That worked on it last.
    std::optional<deployment_version> moving_to{};  ///< Another that is to have its next task.
    std::optional<versioning_override> versioning{};
    std::vector<api::workflow::PendingActivityInfo> pending_activities{};
    std::vector<api::workflow::PendingChildExecutionInfo> pending_children{};
    std::optional<api::workflow::PendingWorkflowTaskInfo> pending_task{};
    api::common::Payload summary{};  ///< As it came; empty: none.
    api::common::Payload details{};
    api::workflow::WorkflowExecutionInfo info{};  ///< All that lists have too, as it came.
};

}  // namespace mayfly::temporal
