// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/workflow/activation.hpp>
#include <mayfly/temporal/workflow/code.hpp>
#include <mayfly/temporal/workflow/intents.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

// What goes into the machine of a run, and what it answers, in plain values.

namespace mayfly::temporal::workflow {

/// What stays the same for as long as the machine lives.
struct machine_options {
    std::string workflow_id{};
    std::string run_id{};
    std::string workflow_type{};
    std::string name_space{};      ///< Of the run, for what it starts.
    deployment_version version{};  ///< Of this worker; empty names without versioning.
    bool replay_only = false;      ///< A recorded history is gone through, and nothing ever sent.
};

/** A workflow task, as polled.

    `events` begin with the first of history, or where the cached run stands (see `machine::continues`). Where there are
    more pages `more_history` is set, and the machine asks for them one at a time. Events that only the poll's answer
    has, of a task that is speculative or tried again, come last: the shell puts them behind the last page.
*/
struct run_task {
    std::vector<api::history::HistoryEvent> events{};
    bool more_history = false;
    std::int64_t previous_started_event_id = 0;
    std::int64_t started_event_id = 0;  ///< Zero where only `legacy_query` is asked, and for a recorded history.
    std::int32_t attempt = 1;
    std::vector<api::protocol::Message> messages{};
    std::map<std::string, api::query::WorkflowQuery> queries{};
    std::optional<api::query::WorkflowQuery> legacy_query{};
};

/// A local activity to be run now: first attempt and retries, with `what`'s timeouts, until one outcome is final.
struct local_start {
    schedule_local_activity what{};
    workflow_time scheduled{};  ///< When the first attempt was, also where that was before a wait.
};

/// What came of a local activity.
struct local_outcome {
    resolution outcome{};
    std::uint32_t attempt = 1;  ///< The last that was made.
    workflow_time completed{};
    bool backs_off = false;  ///< It failed, and the wait for the next attempt is longer than a task may take.
    std::chrono::nanoseconds backoff{};  ///< That wait.
};

/// What is to be done now.
struct machine_step {
    enum class kind : std::uint8_t {
        more_history,  ///< Give it the next page: `more`.
        wait_local,    ///< Local activities run: `local_resolved`, `heartbeat`, or another task's `begin` comes next.
        complete,      ///< Complete the workflow task with what follows, then `reported`.
        fail,          ///< Fail the workflow task with `problem` and forget the machine.
        answer_query,  ///< Answer the legacy query with `legacy_answer`.
        drop,          ///< Nothing can be told to the server that would help. Forget the machine.
        replayed,      ///< Only with `replay_only`: all of history went by as recorded.
    };
    kind what = kind::drop;

    std::vector<api::command::Command> commands{};   ///< In their order.
    std::vector<api::protocol::Message> messages{};  ///< Answers to updates.
    std::map<std::string, api::query::WorkflowQueryResult> query_results{};
    std::optional<query_answer> legacy_answer{};
    std::optional<task_problem> problem{};
    std::vector<std::uint32_t> new_flags{};  ///< For `core_used_flags`.
    std::uint32_t local_retries = 0;  ///< Attempts of local activities after their first, since the last completion.
    bool force_new_task = false;      ///< A heartbeat: another workflow task is wanted at once.
    bool run_closed = false;          ///< By these commands, or as history tells.

    std::vector<local_start> local_starts{};     ///< With `wait_local` or a heartbeat's `complete`.
    std::vector<std::uint32_t> local_cancels{};  ///< With any step. Their outcome may still be told; it is not needed.

    std::string words{};  ///< For people: why it failed or was dropped.
};

}  // namespace mayfly::temporal::workflow
