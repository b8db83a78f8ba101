// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/history_sequences.hpp>
#include <mayfly/temporal/workflow/detail/random_seed.hpp>
#include <mayfly/temporal/workflow/detail/run_steps.hpp>
#include <mayfly/temporal/workflow/machine_step.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::detail {

inline constexpr std::uint32_t patch_attribute_flag = 2;
inline constexpr std::uint32_t move_last_flag = 3;
inline constexpr std::uint32_t nexus_checks_flag = 4;  ///< Others write it; it changes nothing of what is here.

/// The SDK flags of what is done here, under the numbers that other SDKs have for it.
inline constexpr std::array<std::uint32_t, 3> own_flags{1, patch_attribute_flag, move_last_flag};

/// Goes through history, event by event: to the run's steps, and to the jobs for its code.
class run_history {
public:
    explicit run_history(const machine_options& options) : options_{options}
    {
        steps.books.name_space = options.name_space;
    }

    run_steps steps{};
    history_buffer events{};
    task_facts facts{};
    std::set<std::uint32_t> flags{};  ///< That history has, or will have.
    std::int64_t last_started = 0;
    bool closed = false;  ///< History has the run's end, or code has said its last word.

    /// Goes through the events of a task, up to its WorkflowTaskStarted.
    [[nodiscard]] bool apply(const sequence& s, const std::vector<api::protocol::Message>& messages)
    {
        steps.locals.expect_nothing();
        replaying_ = s.completed.has_value();
        if (s.completed && !look_ahead(s))
            return false;
        const std::int64_t started = events[s.started].event_id();
        if (!s.completed)
            for (const auto& m : messages)
                steps.updates.ask(m, steps.books);
        for (;;) {
            const api::history::HistoryEvent e = events.pop();
            if (!one(e))
                return false;
            if (e.event_id() != started)
                continue;
            if (!end_commands())
                return false;
            if (!steps.books.queue.empty())
                steps.books.complain(fault::kind::bad_history, "history has no completion of the task of event " +
                                                                   std::to_string(last_started) +
                                                                   ", which was completed here");
            take_facts(e);
            return !steps.books.wrong;
        }
    }

    /// There is no task left to run code for: goes through the commands of the last one, and to the run's end if it was
    /// ended from outside. What else came, no code has seen.
    [[nodiscard]] bool finish()
    {
        const bool ended = events.ends_run();
        while (!events.empty() && (ended || is_tail(events[0])))
            if (!one(events.pop()))
                return false;
        return end_commands(options_.replay_only && !ended_ && events.empty());
    }

private:
    using event = api::history::HistoryEvent;

    [[nodiscard]] bool is_tail(const event& e) const
    {
        if (e.event_type() == api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
            return !in_commands_;
        const event_class is = class_of(e);
        return is != event_class::begins && is != event_class::task && is != event_class::inbound;
    }

    /// What history says about the commands of a task before its code runs.
    bool look_ahead(const sequence& s)
    {
        const auto& completed = events[*s.completed].workflow_task_completed_event_attributes();
        facts.processed_by = {
            completed.deployment_version().deployment_name(), completed.deployment_version().build_id()};
        if (facts.processed_by.deployment.empty())
            facts.processed_by.deployment = completed.worker_deployment_name();
        for (const std::uint32_t flag : completed.sdk_metadata().core_used_flags()) {
            if (flag == 0 || flag > nexus_checks_flag) {
                steps.books.complain(
                    fault::kind::bad_history, "history was written with the SDK flag " + std::to_string(flag) +
                                                  ", which this version of the library does not know; use a newer one");
                return false;
            }
            flags.insert(flag);
        }
        for (std::size_t i = *s.completed + 1; i < s.commands_end; ++i) {
            const event& e = events[i];
            if (e.event_type() == api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
                steps.updates.was_accepted(e, steps.books);
            if (e.event_type() != api::enums::EVENT_TYPE_MARKER_RECORDED)
                continue;
            const auto& marker = e.marker_recorded_event_attributes();
            if (auto patch = read_patch(marker)) {
                if (steps.patches.known(patch->id))
                    steps.books.jobs.add(job_list::rank::known, e.event_id(), patch_known{std::move(patch->id)});
            } else if (auto effect = read_side_effect(marker)) {
                steps.books.jobs.add(job_list::rank::known, e.event_id(), std::move(*effect));
            } else if (auto local = read_local(marker)) {
                steps.locals.expect(std::move(*local));
            }
        }
        return true;
    }

    /// One event. False if the machine cannot go on.
    bool one(const event& e)
    {
        using namespace api::enums;
        run_books& books = steps.books;
        const event_class is = class_of(e);
        if (ended_ && is != event_class::nothing)
            books.complain(fault::kind::bad_history, "history goes on with " + words_for(e) + " after the run's end");
        if (in_commands_ && is != event_class::command && is != event_class::nothing)
            end_commands();
        switch (is) {
        case event_class::nothing: break;
        case event_class::begins:
            if (began_ || e.event_id() != 1)
                books.complain(fault::kind::bad_history, "history begins a second time with " + words_for(e));
            else
                begin_run(e);
            break;
        case event_class::task: about_task(e); break;
        case event_class::command:
            if (!in_commands_)
                books.complain(
                    fault::kind::bad_history, "history has " + words_for(e) + " where no workflow task was completed");
            else
                steps.matched(e);
            if (closes_run(e.event_type()))
                ended_ = closed = true;
            break;
        case event_class::inbound: inbound(e); break;
        case event_class::ends: ended_ = closed = true; break;
        case event_class::not_here:
        case event_class::unknown:
            books.complain(fault::kind::bad_history, "history has " + words_for(e) + " (type number " +
                                                         std::to_string(e.event_type()) +
                                                         "), which this version of the library does not know and must "
                                                         "not leave out; use a newer one");
        }
        if (!began_)
            books.complain(fault::kind::bad_history, "history begins with " + words_for(e));
        return !books.wrong;
    }

    void begin_run(const event& e)
    {
        began_ = true;
        start_run job;
        job.workflow_id = options_.workflow_id;
        job.run_id = options_.run_id;
        job.attributes = e.workflow_execution_started_event_attributes();
        const std::string& original = job.attributes.original_execution_run_id();
        job.random_seed = random_seed_of(original.empty() ? options_.run_id : original);
        job.started_at = from_wire(e.event_time());
        steps.books.task_queue = job.attributes.task_queue().name();
        steps.estate.began(job.attributes);
        steps.books.jobs.add(job_list::rank::start, e.event_id(), std::move(job));
    }

    void about_task(const event& e)
    {
        using namespace api::enums;
        if (e.event_type() == EVENT_TYPE_WORKFLOW_TASK_COMPLETED) {
            in_commands_ = true;
            completed_ = e.event_id();
        } else if (e.event_type() == EVENT_TYPE_WORKFLOW_TASK_FAILED) {
            const auto& a = e.workflow_task_failed_event_attributes();
            if (a.cause() == WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW)
                steps.books.jobs.add(job_list::rank::seed, e.event_id(), reseed{random_seed_of(a.new_run_id())});
        }
    }

    void inbound(const event& e)
    {
        using namespace api::enums;
        switch (e.event_type()) {
        case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: {
            const auto& a = e.workflow_execution_signaled_event_attributes();
            steps.books.jobs.add(job_list::rank::message, e.event_id(),
                signal_received{a.signal_name(), a.input(), a.header(), a.identity()});
            return;
        }
        case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
            steps.books.resolved(
                e.event_id(), cancel_requested{e.workflow_execution_cancel_requested_event_attributes().cause()});
            return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED: return steps.updates.admitted(e, replaying_, steps.books);
        default: return steps.happened(e);
        }
    }

    /// `last`: nothing comes behind them, so that some may be missing.
    bool end_commands(bool last = false)
    {
        if (std::exchange(in_commands_, false))
            steps.all_matched(completed_, last);
        return !steps.books.wrong;
    }

    void take_facts(const event& started)
    {
        const auto& a = started.workflow_task_started_event_attributes();
        facts.now = std::max(facts.now, from_wire(started.event_time()));
        facts.history_length = started.event_id();
        facts.history_bytes = a.history_size_bytes();
        facts.continue_as_new_suggested = a.suggest_continue_as_new();
        facts.reasons.clear();
        for (const int reason : a.suggest_continue_as_new_reasons())
            facts.reasons.push_back(static_cast<api::enums::SuggestContinueAsNewReason>(reason));
        facts.target_version_changed = a.target_worker_deployment_version_changed();
        if (!replaying_)
            facts.processed_by = options_.version;
        last_started = started.event_id();
    }

    machine_options options_;
    std::int64_t completed_ = 0;  ///< The WorkflowTaskCompleted whose commands are gone through.
    bool began_ = false;
    bool ended_ = false;  ///< History has the run's end.
    bool replaying_ = false;
    bool in_commands_ = false;
};

}  // namespace mayfly::temporal::workflow::detail
