// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/detail/local_activities.hpp>
#include <mayfly/temporal/detail/workflow_intake.hpp>
#include <mayfly/temporal/detail/workflow_reports.hpp>
#include <mayfly/temporal/workflow/machine.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal::detail {

/// A task of a run, until its report has been answered.
struct open_task {
    task_report report{};
    workflow::run_task begun{};  ///< For the machine; its events are those of the first page, once that is there.
    history_pages pages{};
    std::chrono::steady_clock::time_point arrived{};
    std::int32_t attempt = 1;
    bool query = false;        ///< Nothing else is asked.
    bool goes_on = false;      ///< Where the run in memory stands, as far as the poll tells.
    bool machine_has = false;  ///< The machine was told of it.
    bool away = false;         ///< A call for it is under way: the machine hears nothing.
    bool handed_over = false;  ///< Its worker leaves, and the machine was asked to end it.
};

/// What the machine needs of a task that came, but for its events.
[[nodiscard]] inline workflow::run_task run_task_of(api::PollWorkflowTaskQueueResponse& task)
{
    workflow::run_task out;
    out.previous_started_event_id = task.previous_started_event_id();
    out.started_event_id = task.started_event_id();
    out.attempt = task.attempt();
    for (auto& m : *task.mutable_messages())
        out.messages.push_back(std::move(m));
    for (auto& [id, query] : *task.mutable_queries())
        out.queries.emplace(id, std::move(query));
    if (task.has_query())
        out.legacy_query = std::move(*task.mutable_query());
    return out;
}

/// A run that the worker knows: it works on it, or keeps it for what comes next.
struct workflow_run {
    workflow_run(const boost::asio::any_io_executor& executor, std::string run_id)
        : id(std::move(run_id)), timer(executor)
    {}

    std::string id;
    std::string workflow_id{};
    std::string type{};
    std::unique_ptr<workflow::machine> machine{};  // null: nothing is known of it
    std::optional<open_task> task{};
    std::optional<api::PollWorkflowTaskQueueResponse> next{};                  // came meanwhile, the newest
    std::deque<api::PollWorkflowTaskQueueResponse> queries{};                  // the same, all
    std::map<std::uint32_t, std::shared_ptr<local_work>> locals{};             // that run
    std::deque<std::pair<std::uint32_t, workflow::local_outcome>> outcomes{};  // the machine has not heard of
    known_sdk sdk{};                                                           // as history says
    std::chrono::nanoseconds task_timeout = std::chrono::seconds{10};
    boost::asio::steady_timer timer;  // of the task
    bool forget = false;              // when the task is over
    bool telling = false;             // the machine hears of outcomes, one after the other

    /// Local activities wait for a task to be told in, or are to.
    [[nodiscard]] bool has_locals() const noexcept { return !locals.empty() || !outcomes.empty(); }
    [[nodiscard]] bool idle() const noexcept { return !task && !next && queries.empty() && !has_locals(); }

    /// Begins with this task.
    open_task& open(const api::PollWorkflowTaskQueueResponse& came)
    {
        timer.cancel();
        forget = false;
        workflow_id = came.workflow_execution().workflow_id();
        type = came.workflow_type().name();
        open_task& t = task.emplace();
        t.arrived = std::chrono::steady_clock::now();
        t.attempt = came.attempt();
        t.query = is_query_task(came);
        t.report.token = came.task_token();
        t.report.workflow_id = workflow_id;
        return t;
    }

    /// One that came while another is worked on. True if that makes two, of which only the newer is kept.
    [[nodiscard]] bool keep_for_later(api::PollWorkflowTaskQueueResponse came)
    {
        if (is_query_task(came)) {
            queries.push_back(std::move(came));
            return false;
        }
        if (!next) {
            next = std::move(came);
            return false;
        }
        if (next->started_event_id() <= came.started_event_id())
            *next = std::move(came);
        return true;
    }

    /// What the history says that no machine needs.
    void note(const history_events& events)
    {
        for (const auto& e : events) {
            if (e.has_workflow_execution_started_event_attributes()) {
                const auto t = from_wire(e.workflow_execution_started_event_attributes().workflow_task_timeout());
                if (t.count() > 0)
                    task_timeout = t;
            } else if (e.has_workflow_task_completed_event_attributes()) {
                const auto& told = e.workflow_task_completed_event_attributes().sdk_metadata();
                if (!told.sdk_name().empty())
                    sdk = {told.sdk_name(), told.sdk_version()};
            }
        }
    }

    /// When a task that waits for local activities asks for another one, so that it does not run into its timeout.
    [[nodiscard]] std::chrono::steady_clock::time_point heartbeat_at() const
    {
        return steady_sum(task->arrived, task_timeout / 5 * 4);
    }
};

}  // namespace mayfly::temporal::detail
