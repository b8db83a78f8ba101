// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/callable_names.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/log.hpp>
#include <mayfly/temporal/testing/history_file.hpp>
#include <mayfly/temporal/workflow/code_setup.hpp>
#include <mayfly/temporal/workflow/detail/event_table.hpp>
#include <mayfly/temporal/workflow/machine.hpp>
#include <mayfly/temporal/workflow/messages.hpp>
#include <mayfly/temporal/workflow_registry.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Recorded histories, gone through once more by the code as it is now: whether workflows that run could go on with it.

namespace mayfly::temporal::testing {

/// What the worker has that the workflows are replayed for.
struct replay_options {
    data_converter converter{};
    std::string name_space = "default";
    /// For a run that was reset, whose history only has the id of the one before. Empty: as history says.
    std::string run_id{};
    const callable_names* activities = nullptr;  ///< Of `activity_registry`, where workflows name functions.
    std::vector<interceptor> interceptors{};
    temporal::logger logger{};  ///< Workflows are silent while they are replayed; for what their code says else.
};

enum class replay_verdict : std::uint8_t {
    ok,                ///< The code did all that history says it did, and nothing else.
    nondeterministic,  ///< It did something else. A worker would fail the workflow task, and try again for ever.
    failed,            ///< It threw what fails a workflow task, or the history is one that no worker could go on with.
    not_registered,    ///< There is no workflow of this type.
    unreadable,        ///< It is no history.
};

[[nodiscard]] constexpr std::string_view to_string(replay_verdict v) noexcept
{
    switch (v) {
    case replay_verdict::ok: return "ok";
    case replay_verdict::nondeterministic: return "nondeterministic";
    case replay_verdict::failed: return "failed";
    case replay_verdict::not_registered: return "not_registered";
    case replay_verdict::unreadable: break;
    }
    return "unreadable";
}

struct replay_report {
    replay_verdict verdict = replay_verdict::unreadable;
    std::string words{};          ///< Why it is not `ok`: the event, what the code asked for, a likely cause, a remedy.
    std::string workflow_type{};  ///< As far as it is known.
    std::string workflow_id{};
    std::string run_id{};
    std::int64_t events = 0;
    bool closed = false;                     ///< The run had ended when the history was saved.
    std::vector<std::string> passed_over{};  ///< Of its JSON, what is not known here.

    [[nodiscard]] bool ok() const noexcept { return verdict == replay_verdict::ok; }
};

/** Goes through one history with the workflow of its type. Nothing is sent anywhere and no activity is run.

    It has to be whole from its first event on, and may be of a run that is not over. Queries are not in history, nor
   are updates that were rejected. Children have histories of their own.
*/
[[nodiscard]] inline replay_report replay(
    const api::history::History& history, const workflow_registry& workflows, const replay_options& with = {})
{
    replay_report out;
    out.events = history.events_size();
    if (history.events().empty() || !history.events(0).has_workflow_execution_started_event_attributes()) {
        out.words = history.events().empty()
                        ? "there are no events in it"
                        : "its first event is not WorkflowExecutionStarted: save it from the start";
        return out;
    }
    const auto& started = history.events(0).workflow_execution_started_event_attributes();
    out.workflow_type = started.workflow_type().name();
    out.workflow_id = started.workflow_id();
    out.run_id = with.run_id.empty() ? started.original_execution_run_id() : with.run_id;
    const auto& last = *history.events().rbegin();
    out.closed = workflow::detail::closes_run(last.event_type()) ||
                 workflow::detail::class_of(last) == workflow::detail::event_class::ends;
    const auto type = workflows.find(out.workflow_type);
    if (!type) {
        out.verdict = replay_verdict::not_registered;
        out.words = "no workflow is registered as \"" + out.workflow_type + "\"; there are:";
        for (const std::string& name : workflows.names())
            out.words += ' ' + name;
        return out;
    }

    workflow::code_setup setup;
    setup.converter = with.converter;
    setup.workflow_type = out.workflow_type;
    setup.name_space = with.name_space;
    setup.task_queue = started.task_queue().name();
    setup.activities = with.activities;
    setup.workflows = &workflows.called();
    setup.logger = with.logger;
    setup.on_call = temporal::detail::hooks_of(with.interceptors, &interceptor::workflow);
    setup.on_step = temporal::detail::hooks_of(with.interceptors, &interceptor::step);
    workflow::machine_options options;
    options.workflow_id = out.workflow_id;
    options.run_id = out.run_id;
    options.workflow_type = out.workflow_type;
    options.name_space = with.name_space;
    options.replay_only = true;
    workflow::machine run(type->make(setup), std::move(options));
    workflow::run_task task;
    task.events = {history.events().begin(), history.events().end()};
    const workflow::machine_step step = run.begin(std::move(task));
    if (step.what == workflow::machine_step::kind::replayed) {
        out.verdict = replay_verdict::ok;
        return out;
    }
    const bool other =
        step.problem && step.problem->cause == api::enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR;
    out.verdict = other ? replay_verdict::nondeterministic : replay_verdict::failed;
    out.words = other ? step.words : step.problem ? describe(step.problem->failure) : step.words;
    return out;
}

/// One that was saved, see `read_history`.
[[nodiscard]] inline replay_report replay(
    std::string_view saved, const workflow_registry& workflows, const replay_options& with = {})
{
    auto history = read_history(saved);
    if (!history) {
        replay_report out;
        out.words = history.error().message;
        return out;
    }
    auto out = replay(history->message, workflows, with);
    out.passed_over = std::move(history->passed_over);
    return out;
}

}  // namespace mayfly::temporal::testing
