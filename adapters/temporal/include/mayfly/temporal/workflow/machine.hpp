// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/code.hpp>
#include <mayfly/temporal/workflow/detail/run_machine.hpp>
#include <mayfly/temporal/workflow/machine_step.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow {

/** One run: history in, commands out, with the run's code between.

    It replays what history has, tells the code what happened, and makes commands of what the code wants. Where the code
    does now something else than history says it did, the task fails and the words name both. It has no clock, no
   socket, no thread and no log: the same calls bring the same steps. Not to be called from two threads at once.

    A conversation, for one workflow task:

        step = machine.begin(task)
        while step is more_history:  step = machine.more(next page, whether there are more)
        while step is wait_local:    step = machine.local_resolved(...) or machine.heartbeat()
        complete: send it, then machine.reported(reset_history_event_id), or forget the machine if that failed

    With `wait_local` the shell runs `local_starts`. After a heartbeat they still run: what ends between two tasks may
   be told at once, and reaches the code with the next task. After `fail`, `drop` and a step with `run_closed` no other
    task goes to this machine; queries of a closed run do.

    Jobs reach the code in this order: the start, patches and side effects that history knows, another seed, signals and
    updates as they came, all that resolved and the request to cancel as they came. What was cancelled and is taken so
   at once follows in an activation of its own, and then each local activity's outcome in one of its own.
*/
class machine {
public:
    /// `run` is not null.
    machine(std::unique_ptr<code> run, const machine_options& options) : run_(std::move(run), options) {}

    /// Begins a task. Ask `continues` first: a machine that cannot go on with it fails it.
    [[nodiscard]] machine_step begin(run_task task) { return run_.begin(std::move(task)); }

    /// The next page. It may be empty.
    [[nodiscard]] machine_step more(std::vector<api::history::HistoryEvent> events, bool more_history)
    {
        return run_.more(std::move(events), more_history);
    }

    /// Ignored if nobody waits for it any more. Between two tasks it answers with `wait_local`.
    [[nodiscard]] machine_step local_resolved(std::uint32_t seq, local_outcome outcome)
    {
        return run_.local_resolved(seq, std::move(outcome));
    }

    /// Most of the task's time is over and local activities still run: completes it with what there is.
    [[nodiscard]] machine_step heartbeat() { return run_.heartbeat(); }

    /// The server took the completion. `reset_history_event_id` is from its answer; zero where that has none.
    /// False: this machine cannot go on, and the next task is for a new one.
    bool reported(std::int64_t reset_history_event_id) { return run_.reported(reset_history_event_id); }

    /// Whether this task goes on where the machine stands. A new machine takes what begins with the first event.
    [[nodiscard]] bool continues(const run_task& task) const { return run_.continues(task); }

    /// Of the last task that was handled; zero before the first.
    [[nodiscard]] std::int64_t last_started_event_id() const noexcept { return run_.last_started(); }

    /// The run is over, by its own commands or as history tells.
    [[nodiscard]] bool closed() const noexcept { return run_.closed(); }

    /// Where the code waits, for people.
    [[nodiscard]] std::string stack_trace() const { return run_.stack_trace(); }

private:
    detail::run_machine run_;
};

}  // namespace mayfly::temporal::workflow
