// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/invocation_report.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/task_polls.hpp>
#include <mayfly/temporal/detail/worker_names.hpp>
#include <mayfly/temporal/worker_config.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace mayfly::temporal::detail {

/// The part of a worker that runs workflows, as the worker knows it. Kept alive by the operations that are under way;
/// used on the worker's executor alone.
class workflow_part {
public:
    workflow_part() = default;
    workflow_part(const workflow_part&) = delete;
    workflow_part& operator=(const workflow_part&) = delete;
    virtual ~workflow_part() = default;

    virtual void begin() = 0;
    /// No poll begins any more, and no run is kept for later.
    virtual void drain() = 0;
    virtual void recall_polls() = 0;
    /// The time for tasks is over: what still waits for local activities is left to another worker.
    virtual void hand_over() = 0;
    /// Ends everything, and tells nobody anything any more.
    virtual void stop() = 0;

    /// Under way.
    [[nodiscard]] virtual std::uint32_t polls() const = 0;
    /// The same, until their reports have been answered.
    [[nodiscard]] virtual std::uint32_t tasks() const = 0;
    /// Empty: there is none.
    [[nodiscard]] virtual const std::string& sticky_queue() const = 0;

    virtual void add_to(worker_activity& all) const = 0;
    virtual void add_to(api::worker::WorkerHeartbeat& beat) = 0;
};

/// Activities that come with the answer to the workflow task that wants them, and need no poll. Nobody is called after
/// `stop`.
struct eager_activities {
    /// Takes a slot for one of this type; false: there is none, or nothing that could run it.
    std::function<bool(const std::string& type)> take{};  // empty: there are no such activities
    /// Fills such a slot.
    std::function<void(api::PollActivityTaskQueueResponse)> run{};
    /// Nothing came for it.
    std::function<void()> leave{};
};

/// Where it works, and who hears of its polls. `changed` comes after every change.
struct workflow_place {
    std::shared_ptr<connection> to{};
    worker_config config{};
    worker_names names{};
    poll_events events{};
    eager_activities eager{};
};

}  // namespace mayfly::temporal::detail
