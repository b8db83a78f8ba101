// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/execution.hpp>
#include <mayfly/temporal/embedded/queued_task.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/embedded/workflow_history.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

struct workflow_run;

/// The task by which a run goes on. It has at most one.
struct workflow_task : queued_task {
    enum class state : std::uint8_t { none, scheduled, started };

    workflow_task() noexcept : queued_task(task_kind::workflow) {}

    workflow_run* run = nullptr;
    state where = state::none;
    bool speculative = false;  ///< For updates alone: it leaves no trace if they are all rejected.
    std::int32_t attempt = 1;  ///< Above 1 its events are written when it is completed only.
    std::int64_t scheduled_event = 0;
    std::int64_t started_event = 0;
    std::uint64_t stamp = 0;  ///< Of what the worker has.
    moment scheduled{};
    moment first_scheduled{};  ///< Of the first one in a row of heartbeats.
    moment started{};
    uptime timeout{};
    api::taskqueue::TaskQueue named{};  ///< Where it was scheduled for.
    bool sticky = false;                ///< Waits where one worker alone polls.
    std::string request_id{};
    std::string identity{};
    std::optional<uptime> placed_again{};  ///< There was no room for its queue: when to try again.
    std::vector<api::enums::SuggestContinueAsNewReason> reasons{};
    std::int64_t history_bytes = 0;
    bool version_changed = false;

    [[nodiscard]] bool in_history() const noexcept { return attempt == 1 && !speculative; }
};

/// A question to a run, for a worker that has nothing else to do for it.
struct query_task : queued_task {
    query_task() noexcept : queued_task(task_kind::query) {}

    workflow_run* run = nullptr;
    ticket id = 0;            ///< Of the call that asks.
    std::uint64_t stamp = 0;  ///< Of what the worker has; zero while it waits.
    api::query::WorkflowQuery query{};
    bool attached = false;          ///< Goes along with the run's next task.
    bool sent = false;              ///< With the task that a worker has.
    std::optional<uptime> moves{};  ///< When it leaves a sticky queue for the normal one.
};

struct pending_timer {
    std::string id{};
    std::int64_t started_event = 0;
    moment fires{};
};

struct pending_child {
    api::history::StartChildWorkflowExecutionInitiatedEventAttributes asked{};
    std::string run_id{};  ///< Empty until it is started.
};

/// An update from the moment it is asked for.
struct workflow_update {
    enum class state : std::uint8_t { admitted, sent, accepted, completed };

    api::update::Request request{};
    state where = state::admitted;
    std::int64_t accepted_event = 0;
    std::optional<api::update::Outcome> outcome{};
    bool rejected = false;  ///< Not in history.
    bool in_event = false;  ///< An event of its own asks for it, after a reset: it takes no message.
};

/// Which version serves the run.
struct run_versioning {
    api::enums::VersioningBehavior behavior = api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED;
    std::optional<deployment_version> version{};   ///< That completed its last task; before that, of where it is from.
    std::optional<deployment_version> declined{};  ///< That it was told of and went on without.
    std::optional<api::workflow::VersioningOverride> ordered{};
    std::optional<std::optional<deployment_version>> transition{};  ///< On its way to another one, or to none.
    bool begins_ramping = false;  ///< Its first task goes to the version that ramps, if one does.
    std::string deployment_name{};
};

/// One run of a workflow: its history, and what has begun in it and not ended.
struct workflow_run {
    // Who it is.
    std::uint64_t order = 0;
    uptime alarm = never;  ///< Kept by `alarms`.
    std::string name_space{};
    std::string workflow_id{};
    std::string run_id{};
    std::string request_id{};  ///< Of the start.
    workflow_history history{};
    moment began{};
    std::string first_run_id{};

    // What its next steps go by; at first as it was started.
    std::string task_queue{};
    std::string sticky_queue{};  ///< Empty: no worker remembers it.
    uptime sticky_timeout{};
    uptime task_timeout{};
    api::common::Memo memo{};
    api::common::SearchAttributes search_attributes{};
    run_versioning versioning{};

    // What is under way.
    workflow_task task{};
    std::int64_t last_completed_start = 0;            ///< The started event of the last completed task.
    std::optional<moment> backoff{};                  ///< The first task is not scheduled before.
    std::map<std::int64_t, execution*> activities{};  ///< By scheduled event.
    std::map<std::string, std::int64_t> activity_ids{};
    std::map<std::string, pending_timer> timers{};  ///< By id; `firing` has the same in the order they fire.
    std::set<std::tuple<uptime, std::int64_t, std::string>> firing{};
    std::map<std::int64_t, pending_child> children{};  ///< By initiated event.
    std::set<std::int64_t> signals_out{};
    std::set<std::int64_t> cancels_out{};
    std::map<std::string, workflow_update> updates{};
    std::vector<std::string> update_order{};
    std::map<std::uint64_t, std::unique_ptr<query_task>> queries{};  ///< By ticket.
    std::set<std::string> signal_requests{};
    bool cancel_requested = false;
    std::string cancel_request{};
    bool close_attempted = false;  ///< A worker ended it without having seen all that had happened.

    // How it ended.
    api::enums::WorkflowExecutionStatus status = api::enums::WORKFLOW_EXECUTION_STATUS_RUNNING;
    std::optional<moment> closed{};
    std::string next_run_id{};   ///< That it went on as.
    std::string reset_run_id{};  ///< That it was reset to.

    std::size_t bytes = 0;  ///< Of its history, as `workflow_store` counts them.
    bool too_long = false;  ///< Its history is: it is about to be terminated.
    bool busy = false;      ///< Something of it waits for a worker, or is with one; counted by `workflow_store`.
    std::optional<deployment_version> pinned{};  ///< That it is counted for, as long as it is open.
    std::uint64_t changes = 0;
    std::set<ticket> waiting{};  ///< Calls that wait for something of it.

    workflow_run() { task.run = this; }
    workflow_run(const workflow_run&) = delete;
    workflow_run& operator=(const workflow_run&) = delete;

    [[nodiscard]] const api::history::WorkflowExecutionStartedEventAttributes& begun() const
    {
        return history.events().front().workflow_execution_started_event_attributes();
    }
    [[nodiscard]] bool open() const noexcept { return status == api::enums::WORKFLOW_EXECUTION_STATUS_RUNNING; }
    [[nodiscard]] bool has_task() const noexcept { return task.where != workflow_task::state::none; }
    [[nodiscard]] bool with_worker() const noexcept { return task.where == workflow_task::state::started; }

    [[nodiscard]] api::common::WorkflowExecution who() const
    {
        api::common::WorkflowExecution out;
        out.set_workflow_id(workflow_id);
        out.set_run_id(run_id);
        return out;
    }

    /// When this run is given up; the sooner of its own timeout and that of all runs.
    [[nodiscard]] uptime deadline() const
    {
        uptime out = never;
        const uptime backed_off = read(begun().first_workflow_task_backoff());
        if (const uptime run = read(begun().workflow_run_timeout()); run > uptime::zero())
            out = later(later(began.at, backed_off), run);
        return std::min(out, expires);
    }
    uptime expires = never;  ///< All of its runs together.

    /// The soonest moment at which time alone changes something.
    [[nodiscard]] uptime next_event() const
    {
        uptime out = never;
        for (const auto& [id, q] : queries)
            if (q->moves)
                out = std::min(out, *q->moves);
        if (!open())
            return out;
        out = std::min(out, deadline());
        if (backoff)
            out = std::min(out, backoff->at);
        if (!firing.empty())
            out = std::min(out, std::get<0>(*firing.begin()));
        if (task.where == workflow_task::state::started)
            out = std::min(out, later(task.started.at, task.timeout));
        if (const auto end = task_wait_end())
            out = std::min(out, *end);
        return out;
    }

    /// When a task that waits is no longer left where it waits.
    [[nodiscard]] std::optional<uptime> task_wait_end() const
    {
        if (task.where != workflow_task::state::scheduled)
            return std::nullopt;
        if (task.sticky)
            return later(task.scheduled.at, sticky_timeout);
        if (task.speculative)
            return later(task.scheduled.at, std::chrono::seconds(5));
        return task.placed_again;
    }
};

}  // namespace mayfly::temporal::embedded
