// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/code.hpp>
#include <mayfly/temporal/workflow/detail/command_queue.hpp>
#include <mayfly/temporal/workflow/detail/patch_book.hpp>
#include <mayfly/temporal/workflow/detail/run_books.hpp>
#include <mayfly/temporal/workflow/detail/step_failures.hpp>
#include <mayfly/temporal/workflow/detail/step_words.hpp>

#include <cstdint>
#include <string>

// Where code and history part, in words: what history has, what code asked for, why that may be, what helps.

namespace mayfly::temporal::workflow::detail {

inline constexpr const char* remedy =
    "; put the change behind workflow::context::patched, run the old code for runs that began with it (a pinned "
    "deployment version), or reset the run to before the change";

[[nodiscard]] inline std::string likely_cause(const api::history::HistoryEvent& e, const asked* a)
{
    if (const auto patch = patch_of(e))
        return "the code asks no longer whether it is patched with " + in_quotes(patch->id) +
               "; let it call deprecate_patch until no run of before is left";
    if (class_of(e) == event_class::command && a != nullptr) {
        if (a->what == want::patch)
            return "the patch " + in_quotes(a->key) + " was put in front of a step that this run had taken already";
        if (a->what == want::activity && e.event_type() == api::enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
            return "the activity was given another name or id, or another one was put before it";
        return "steps were put in, taken out or put in another order, or the code decides by something that is not in "
               "history: a clock, a random number, an unordered container";
    }
    return "a step was taken out of the code, or it decides by something that is not in history: a clock, a random "
           "number, an unordered container";
}

/// `a`: what code asked for at that place, if anything.
[[nodiscard]] inline std::string other_than_history(const api::history::HistoryEvent& e, const asked* a)
{
    std::string out = "history has " + words_for(e) + ", but the workflow's code ";
    out += a == nullptr ? "asked for nothing more in that task" : "asked for " + words_for(*a) + " there";
    return out + ". Likely " + likely_cause(e, a) + remedy;
}

/// `completed`: the task's WorkflowTaskCompleted, behind which all events of its commands stand. `last`: and nothing
/// else, so that a history which was cut off looks the same.
[[nodiscard]] inline std::string asked_beyond(const asked& a, std::int64_t completed, bool last)
{
    std::string out = "the workflow's code asked for " + words_for(a) + ", which history has not after event " +
                      std::to_string(completed) + ", WorkflowTaskCompleted. Likely ";
    out += a.what == want::close   ? "the code now ends where it went on before"
           : a.what == want::patch ? "the code took a patch for set that this run was not begun with"
                                   : "a step was put into the code, or it decides by something that is not in history: "
                                     "a clock, a random number, an unordered container";
    out += remedy;
    if (last)
        out += ". Or the history is not whole: it ends with what that task did; if so, save it again";
    return out;
}

/// The failure that a fault is reported as.
[[nodiscard]] inline task_problem problem_of(const fault& f)
{
    task_problem out;
    const char* type = "BadHistory";
    out.failure.set_message(f.words);
    if (f.what == fault::kind::nondeterminism) {
        out.cause = api::enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR;
        out.failure.set_message("[TMPRL1100] Nondeterminism: " + f.words);
        type = "Nondeterminism";
    } else if (f.what == fault::kind::bad_code) {
        type = "BadWorkflowCode";
    }
    out.failure.set_source(words_source);
    out.failure.mutable_application_failure_info()->set_type(type);
    return out;
}

}  // namespace mayfly::temporal::workflow::detail
