// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/code.hpp>
#include <mayfly/temporal/workflow/detail/history_sequences.hpp>
#include <mayfly/temporal/workflow/detail/random_seed.hpp>
#include <mayfly/temporal/workflow/detail/run_steps.hpp>
#include <mayfly/temporal/workflow/machine_step.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/// What `machine` promises.
class run_machine {
public:
    run_machine(std::unique_ptr<code> run, machine_options options)
        : code_{std::move(run)}, options_{std::move(options)}
    {
        steps_.books.name_space = options_.name_space;
    }

    machine_step begin(run_task task)
    {
        if (broken_)
            return dropped("this run's machine has failed before; begin a new one");
        if (!continues(task))
            return broken(
                "the task does not begin where the cached run stands, after event " + std::to_string(last_started_));
        if (task.legacy_query && !task.queries.empty())
            return broken("the task asks queries of both kinds, which no server does");
        auto events = std::move(task.events);
        task_ = std::move(task);
        task_.events.clear();
        at_ = place::reading;
        return more(std::move(events), task_.more_history);
    }

    machine_step more(std::vector<api::history::HistoryEvent> events, bool more_history)
    {
        if (broken_ || at_ != place::reading)
            return dropped("there is no task that asks for more history");
        if (std::string gap = history_.append(std::move(events), more_history); !gap.empty())
            return broken(std::move(gap));
        return read();
    }

    machine_step local_resolved(std::uint32_t seq, local_outcome outcome)
    {
        steps_.locals.resolved(seq, std::move(outcome));
        if (at_ != place::running || broken_)
            return waiting();
        return run(false);
    }

    machine_step heartbeat()
    {
        if (at_ != place::running || broken_)
            return waiting();
        machine_step out = completion();
        out.force_new_task = true;
        return out;
    }

    void reported(std::int64_t reset_to)
    {
        // A speculative task left nothing: its two events never were. What it had beside them was real.
        if (reset_to <= 0 || reset_to >= last_started_ || at_ == place::reading || at_ == place::running)
            return;
        history_.stand_at(std::max(reset_to, last_started_ - 2));
        last_started_ = reset_to;
        for (const std::uint32_t flag : std::exchange(sent_flags_, {}))
            flags_.erase(flag);
    }

    [[nodiscard]] bool continues(const run_task& task) const
    {
        if (broken_ || at_ == place::reading || at_ == place::running)
            return false;
        if (task.events.empty())
            return last_started_ > 0 && task.legacy_query.has_value() &&
                   task.previous_started_event_id == last_started_;
        const std::int64_t first = task.events.front().event_id();
        if (first != last_started_ + 1)
            return false;
        if (closed_ && !task.legacy_query)
            return false;
        // The last task has to have been completed: otherwise code ran ahead of history.
        const auto about_task = std::find_if(
            task.events.begin(), task.events.end(), [](const auto& e) { return class_of(e) == event_class::task; });
        return last_started_ == 0 || about_task == task.events.end() ||
               about_task->event_type() == api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED;
    }

    [[nodiscard]] std::int64_t last_started() const noexcept { return last_started_; }
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] std::string stack_trace() const { return code_->stack_trace(); }

private:
    using event = api::history::HistoryEvent;

    /// Where the task at hand stands.
    enum class place : std::uint8_t {
        idle,     ///< There is none.
        reading,  ///< History is gone through.
        running,  ///< Local activities run.
    };

    // Steps.

    static machine_step dropped(std::string words)
    {
        machine_step out;
        out.what = machine_step::kind::drop;
        out.words = std::move(words);
        return out;
    }

    machine_step broken(std::string words) { return failed({fault::kind::bad_history, std::move(words)}); }
    machine_step failed(const fault& f) { return failed(problem_of(f)); }

    machine_step failed(task_problem problem)
    {
        broken_ = true;
        at_ = place::idle;
        steps_.locals.stop_all();
        machine_step out;
        out.local_cancels = steps_.locals.stop();
        out.words = problem.failure.message();
        if (task_.legacy_query) {
            out.what = machine_step::kind::answer_query;
            out.legacy_answer.emplace().failure = std::move(problem.failure);
        } else {
            out.what = machine_step::kind::fail;
            out.problem = std::move(problem);
        }
        return out;
    }

    machine_step waiting()
    {
        machine_step out;
        out.what = machine_step::kind::wait_local;
        out.local_starts = at_ == place::running ? steps_.locals.start() : std::vector<local_start>{};
        out.local_cancels = steps_.locals.stop();
        out.run_closed = closed_;
        return out;
    }

    // History.

    machine_step read()
    {
        const bool asks_only = task_.legacy_query.has_value();
        for (;;) {
            sequence seq;
            switch (history_.next(task_.started_event_id, !asks_only, seq)) {
            case history_buffer::found::need_more: {
                machine_step out;
                out.what = machine_step::kind::more_history;
                return out;
            }
            case history_buffer::found::none: return end_of_history();
            case history_buffer::found::sequence: break;
            }
            if (!apply(seq))
                return failed(*steps_.books.wrong);
            machine_step out = run(seq.completed.has_value());
            if (out.what != machine_step::kind::replayed)
                return out;
            if (!seq.completed)
                return finish_replay();
        }
    }

    /// There is no task left to run the code for.
    machine_step end_of_history()
    {
        const bool ended = history_.ends_run();
        while (!history_.empty() && (ended || is_tail(history_[0])))
            if (!one(history_.pop()))
                return failed(*steps_.books.wrong);
        if (!end_commands())
            return failed(*steps_.books.wrong);
        if (task_.legacy_query)
            return answer();
        if (options_.replay_only)
            return finish_replay();
        return broken("history ends with event " + std::to_string(history_.last()) + ", before the task's own, event " +
                      std::to_string(task_.started_event_id) +
                      "; the server may have given the task to another worker");
    }

    /// Behind the last task: its commands. What else came, no code has seen.
    [[nodiscard]] bool is_tail(const event& e) const
    {
        if (e.event_type() == api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
            return !in_commands_;
        const event_class is = class_of(e);
        return is != event_class::begins && is != event_class::task && is != event_class::inbound;
    }

    machine_step finish_replay()
    {
        at_ = place::idle;
        machine_step out;
        out.what = machine_step::kind::replayed;
        out.run_closed = closed_;
        return out;
    }

    /// Goes through the events of a task, up to its WorkflowTaskStarted.
    bool apply(const sequence& s)
    {
        steps_.locals.expect_nothing();
        replaying_ = s.completed.has_value();
        if (s.completed && !look_ahead(s))
            return false;
        const std::int64_t started = history_[s.started].event_id();
        if (!s.completed)
            for (const auto& m : task_.messages)
                steps_.updates.ask(m, steps_.books);
        for (;;) {
            event e = history_.pop();
            if (!one(e))
                return false;
            if (e.event_id() != started)
                continue;
            if (!end_commands())
                return false;
            if (!steps_.books.queue.empty())
                steps_.books.complain(fault::kind::bad_history, "history has no completion of the task of event " +
                                                                    std::to_string(last_started_) +
                                                                    ", which was completed here");
            take_facts(e);
            return !steps_.books.wrong;
        }
    }

    /// What history says about the commands of a task before its code runs.
    bool look_ahead(const sequence& s)
    {
        const auto& completed = history_[*s.completed].workflow_task_completed_event_attributes();
        facts_.processed_by = {
            completed.deployment_version().deployment_name(), completed.deployment_version().build_id()};
        if (facts_.processed_by.deployment.empty())
            facts_.processed_by.deployment = completed.worker_deployment_name();
        for (const std::uint32_t flag : completed.sdk_metadata().core_used_flags()) {
            if (!known_flags_.contains(flag) && flag != nexus_checks_flag) {
                steps_.books.complain(
                    fault::kind::bad_history, "history was written with the SDK flag " + std::to_string(flag) +
                                                  ", which this version of the library does not know; use a newer one");
                return false;
            }
            flags_.insert(flag);
        }
        for (std::size_t i = *s.completed + 1; i < s.commands_end; ++i) {
            const event& e = history_[i];
            if (e.event_type() == api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
                steps_.updates.was_accepted(e, steps_.books);
            if (e.event_type() != api::enums::EVENT_TYPE_MARKER_RECORDED)
                continue;
            const auto& marker = e.marker_recorded_event_attributes();
            if (auto patch = read_patch(marker)) {
                if (steps_.patches.known(patch->id))
                    steps_.books.jobs.add(job_list::rank::known, e.event_id(), patch_known{std::move(patch->id)});
            } else if (auto effect = read_side_effect(marker)) {
                steps_.books.jobs.add(job_list::rank::known, e.event_id(), std::move(*effect));
            } else if (auto local = read_local(marker)) {
                steps_.locals.expect(std::move(*local));
            }
        }
        return true;
    }

    /// One event. False if the machine cannot go on.
    bool one(const event& e)
    {
        using namespace api::enums;
        run_books& books = steps_.books;
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
                steps_.matched(e);
            if (closes_run(e.event_type()))
                ended_ = closed_ = true;
            break;
        case event_class::inbound: inbound(e); break;
        case event_class::ends: ended_ = closed_ = true; break;
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
        steps_.books.task_queue = job.attributes.task_queue().name();
        steps_.estate.began(job.attributes);
        steps_.books.jobs.add(job_list::rank::start, e.event_id(), std::move(job));
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
                steps_.books.jobs.add(job_list::rank::seed, e.event_id(), reseed{random_seed_of(a.new_run_id())});
        }
    }

    void inbound(const event& e)
    {
        using namespace api::enums;
        switch (e.event_type()) {
        case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: {
            const auto& a = e.workflow_execution_signaled_event_attributes();
            steps_.books.jobs.add(job_list::rank::message, e.event_id(),
                signal_received{a.signal_name(), a.input(), a.header(), a.identity()});
            return;
        }
        case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
            steps_.books.resolved(
                e.event_id(), cancel_requested{e.workflow_execution_cancel_requested_event_attributes().cause()});
            return;
        case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED: return steps_.updates.admitted(e, replaying_, steps_.books);
        default: return steps_.happened(e);
        }
    }

    bool end_commands()
    {
        if (std::exchange(in_commands_, false))
            steps_.all_matched(completed_);
        return !steps_.books.wrong;
    }

    void take_facts(const event& started)
    {
        const auto& a = started.workflow_task_started_event_attributes();
        facts_.now = std::max(facts_.now, from_wire(started.event_time()));
        facts_.history_length = started.event_id();
        facts_.history_bytes = a.history_size_bytes();
        facts_.continue_as_new_suggested = a.suggest_continue_as_new();
        facts_.reasons.clear();
        for (const int reason : a.suggest_continue_as_new_reasons())
            facts_.reasons.push_back(static_cast<api::enums::SuggestContinueAsNewReason>(reason));
        facts_.target_version_changed = a.target_worker_deployment_version_changed();
        if (!replaying_)
            facts_.processed_by = options_.version;
        last_started_ = started.event_id();
    }

    // Code.

    /// Lets code run until nothing is left for it. `replayed`: with the task's outcome in history.
    machine_step run(bool replayed)
    {
        auto& books = steps_.books;
        const bool silent = replayed || options_.replay_only;
        while (!steps_.said_last_word()) {
            std::vector<job> jobs;
            if (!books.jobs.empty())
                jobs = books.jobs.take();
            else if (!books.at_once.empty())
                jobs = std::exchange(books.at_once, {});
            else if (auto mark = steps_.locals.next(silent))
                jobs.push_back(end_local(*mark, silent));
            else
                break;
            activation now{facts_, silent, std::move(jobs)};
            activated_ = true;
            activated did = code_->activate(std::move(now));
            if (did.problem)
                return failed(std::move(*did.problem));
            steps_.take(
                std::move(did.intents), {replayed, !replayed || flags_.contains(patch_attribute_flag), facts_.now});
            if (books.wrong)
                return failed(*books.wrong);
        }
        if (steps_.said_last_word()) {
            books.at_once.clear();
            steps_.locals.stop_all();
        }
        if (silent) {
            books.queue.settle(!replayed || flags_.contains(move_last_flag));
            static_cast<void>(steps_.updates.take());
            machine_step out;
            out.what = machine_step::kind::replayed;
            return out;
        }
        at_ = place::running;
        if (steps_.locals.idle())
            return completion();
        machine_step out = waiting();
        if (!steps_.locals.has_news())
            return out;
        // Of those that were to start, some had been cancelled: code goes on.
        machine_step then = run(false);
        if (then.what == machine_step::kind::wait_local)
            std::move(then.local_starts.begin(), then.local_starts.end(), std::back_inserter(out.local_starts));
        std::copy(then.local_cancels.begin(), then.local_cancels.end(), std::back_inserter(out.local_cancels));
        then.local_cancels = std::move(out.local_cancels);
        if (then.what == machine_step::kind::wait_local)
            then.local_starts = std::move(out.local_starts);
        return then;
    }

    job end_local(const local_mark& mark, bool silent)
    {
        facts_.now = std::max(facts_.now, mark.completed);
        auto& a = steps_.books.queue.push(want::local, mark.seq, mark.type, api::enums::COMMAND_TYPE_RECORD_MARKER);
        if (!silent)
            write_local(*a.command.mutable_record_marker_command_attributes(), mark);
        return told(mark);
    }

    machine_step completion()
    {
        machine_step out;
        out.what = machine_step::kind::complete;
        steps_.books.queue.settle(true);
        out.commands = steps_.books.queue.send();
        out.messages = steps_.updates.take();
        out.run_closed = steps_.said_last_word();
        closed_ = closed_ || out.run_closed;
        for (const std::uint32_t flag : known_flags_)
            if (flags_.insert(flag).second)
                out.new_flags.push_back(flag);
        for (const auto& [id, question] : std::exchange(task_.queries, {})) {
            query_answer said = ask(question);
            auto& result = out.query_results[id];
            if (said.failure) {
                result.set_result_type(api::enums::QUERY_RESULT_TYPE_FAILED);
                result.set_error_message(said.failure->message());
                *result.mutable_failure() = std::move(*said.failure);
            } else {
                result.set_result_type(api::enums::QUERY_RESULT_TYPE_ANSWERED);
                *result.mutable_answer() = std::move(said.result);
            }
        }
        out.local_retries = steps_.locals.retries();
        out.local_starts = steps_.locals.start();
        out.local_cancels = steps_.locals.stop();
        sent_flags_ = out.new_flags;
        history_.forget_rest();
        at_ = place::idle;
        task_ = {};
        return out;
    }

    query_answer ask(const api::query::WorkflowQuery& question)
    {
        if (activated_)
            return code_->query(question);
        query_answer out;
        out.failure = application("the workflow has not begun to run yet; ask again later", "NotStarted");
        return out;
    }

    machine_step answer()
    {
        at_ = place::idle;
        machine_step out;
        out.what = machine_step::kind::answer_query;
        out.legacy_answer = ask(*task_.legacy_query);
        out.run_closed = closed_;
        history_.forget_rest();
        task_ = {};
        return out;
    }

    static constexpr std::uint32_t patch_attribute_flag = 2;
    static constexpr std::uint32_t move_last_flag = 3;
    static constexpr std::uint32_t nexus_checks_flag = 4;  // others write it; it changes nothing of what is here

    std::unique_ptr<code> code_;
    machine_options options_;
    run_steps steps_;
    history_buffer history_;
    run_task task_;
    task_facts facts_;
    std::set<std::uint32_t> known_flags_{1, patch_attribute_flag, move_last_flag};
    std::set<std::uint32_t> flags_;          ///< That this run's history has, or will have.
    std::vector<std::uint32_t> sent_flags_;  ///< With the last completion.
    std::int64_t last_started_ = 0;
    std::int64_t completed_ = 0;  ///< The WorkflowTaskCompleted whose commands are gone through.
    place at_ = place::idle;
    bool began_ = false;
    bool activated_ = false;
    bool replaying_ = false;
    bool in_commands_ = false;
    bool ended_ = false;   ///< History has the run's end.
    bool closed_ = false;  ///< Or code has said its last word.
    bool broken_ = false;
};

}  // namespace mayfly::temporal::workflow::detail
