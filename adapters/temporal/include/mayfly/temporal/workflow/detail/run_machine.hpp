// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/code.hpp>
#include <mayfly/temporal/workflow/detail/run_history.hpp>
#include <mayfly/temporal/workflow/machine_step.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/// What `machine` promises.
class run_machine {
public:
    run_machine(std::unique_ptr<code> run, const machine_options& options)
        : code_{std::move(run)}, replay_only_{options.replay_only}, past_{options}
    {}

    machine_step begin(run_task task)
    {
        if (broken_)
            return dropped("this run's machine has failed before; begin a new one");
        const bool goes_on = continues(task);
        task_.legacy_query = task.legacy_query;
        if (!goes_on)
            return broken("the task does not begin where the cached run stands, after event " +
                          std::to_string(past_.last_started));
        if (task.legacy_query && !task.queries.empty())
            return broken("the task asks queries of both kinds, which no server does");
        auto events = std::move(task.events);
        task_ = std::move(task);
        task_.events.clear();
        at_ = place::reading;
        saw_news_ = false;
        return more(std::move(events), task_.more_history);
    }

    machine_step more(std::vector<api::history::HistoryEvent> events, bool more_history)
    {
        if (broken_ || at_ != place::reading)
            return dropped("there is no task that asks for more history");
        if (std::string gap = past_.events.append(std::move(events), more_history); !gap.empty())
            return broken(std::move(gap));
        return read();
    }

    machine_step local_resolved(std::uint32_t seq, local_outcome outcome)
    {
        past_.steps.locals.resolved(seq, std::move(outcome));
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

    bool reported(std::int64_t reset_to)
    {
        // A speculative task left nothing: its two events never were. What it had beside them was real, and code has
        // seen it in a task that no replay has: another machine sees it with what comes next, as all later ones.
        if (reset_to <= 0 || reset_to >= past_.last_started || at_ == place::reading || at_ == place::running)
            return !broken_;
        if (saw_news_) {
            broken_ = true;
            return false;
        }
        past_.events.stand_at(std::max(reset_to, past_.last_started - 2));
        past_.last_started = reset_to;
        for (const std::uint32_t flag : std::exchange(sent_flags_, {}))
            past_.flags.erase(flag);
        return true;
    }

    [[nodiscard]] bool continues(const run_task& task) const
    {
        if (broken_ || at_ == place::reading || at_ == place::running)
            return false;
        if (task.events.empty())
            return past_.last_started > 0 && task.legacy_query.has_value() &&
                   task.previous_started_event_id == past_.last_started;
        const std::int64_t first = task.events.front().event_id();
        if (first != past_.last_started + 1)
            return false;
        if (past_.closed && !task.legacy_query)
            return false;
        // The last task has to have been completed: otherwise code ran ahead of history.
        const auto about_task = std::find_if(
            task.events.begin(), task.events.end(), [](const auto& e) { return class_of(e) == event_class::task; });
        return past_.last_started == 0 || about_task == task.events.end() ||
               about_task->event_type() == api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED;
    }

    [[nodiscard]] std::int64_t last_started() const noexcept { return past_.last_started; }
    [[nodiscard]] bool closed() const noexcept { return past_.closed; }
    [[nodiscard]] std::string stack_trace() const { return code_->stack_trace(); }

private:
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
        past_.steps.locals.stop_all();
        machine_step out;
        out.local_cancels = past_.steps.locals.stop();
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
        out.local_starts = at_ == place::running ? past_.steps.locals.start() : std::vector<local_start>{};
        out.local_cancels = past_.steps.locals.stop();
        out.run_closed = past_.closed;
        return out;
    }

    // History.

    machine_step read()
    {
        const bool asks_only = task_.legacy_query.has_value();
        for (;;) {
            sequence seq;
            // A task that is open in a recorded history may come to anything.
            switch (past_.events.next(task_.started_event_id, !asks_only && !replay_only_, seq)) {
            case history_buffer::found::need_more: {
                machine_step out;
                out.what = machine_step::kind::more_history;
                return out;
            }
            case history_buffer::found::none: return end_of_history();
            case history_buffer::found::sequence: break;
            }
            if (!past_.apply(seq, task_.messages))
                return failed(*past_.steps.books.wrong);
            machine_step out = run(seq.completed.has_value());
            if (out.what != machine_step::kind::replayed)
                return out;
        }
    }

    /// There is no task left to run the code for.
    machine_step end_of_history()
    {
        if (!past_.finish())
            return failed(*past_.steps.books.wrong);
        if (task_.legacy_query)
            return answer();
        if (replay_only_)
            return finish_replay();
        return broken("history ends with event " + std::to_string(past_.events.last()) +
                      ", before the task's own, event " + std::to_string(task_.started_event_id) +
                      "; the server may have given the task to another worker");
    }

    machine_step finish_replay()
    {
        at_ = place::idle;
        machine_step out;
        out.what = machine_step::kind::replayed;
        out.run_closed = past_.closed;
        return out;
    }

    // Code.

    /// Lets code run until nothing is left for it. `replayed`: with the task's outcome in history.
    machine_step run(bool replayed)
    {
        auto& books = past_.steps.books;
        while (!past_.steps.said_last_word()) {
            std::vector<job> jobs;
            if (!books.jobs.empty())
                jobs = books.jobs.take();
            else if (!books.at_once.empty())
                jobs = std::exchange(books.at_once, {});
            else if (auto mark = past_.steps.locals.next(replayed))
                jobs.push_back(end_local(*mark, replayed));
            else
                break;
            activation now{past_.facts, replayed, std::move(jobs)};
            activated_ = true;
            saw_news_ = saw_news_ || (!replayed && std::any_of(now.jobs.begin(), now.jobs.end(), [](const job& j) {
                return !std::holds_alternative<update_received>(j);
            }));
            activated did = code_->activate(std::move(now));
            if (did.problem)
                return failed(std::move(*did.problem));
            past_.steps.take(std::move(did.intents),
                {replayed, !replayed || past_.flags.contains(patch_attribute_flag), past_.facts.now});
            if (books.wrong)
                return failed(*books.wrong);
        }
        if (past_.steps.said_last_word()) {
            books.at_once.clear();
            past_.steps.locals.stop_all();
        }
        if (replayed) {
            books.queue.settle(past_.flags.contains(move_last_flag));
            static_cast<void>(past_.steps.updates.take());
            machine_step out;
            out.what = machine_step::kind::replayed;
            return out;
        }
        at_ = place::running;
        if (past_.steps.locals.idle())
            return completion();
        machine_step out = waiting();
        if (!past_.steps.locals.has_news())
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

    job end_local(const local_mark& mark, bool replayed)
    {
        past_.facts.now = std::max(past_.facts.now, mark.completed);
        auto& a =
            past_.steps.books.queue.push(want::local, mark.seq, mark.type, api::enums::COMMAND_TYPE_RECORD_MARKER);
        if (!replayed)
            write_local(*a.command.mutable_record_marker_command_attributes(), mark);
        return told(mark);
    }

    machine_step completion()
    {
        machine_step out;
        out.what = machine_step::kind::complete;
        past_.steps.books.queue.settle(true);
        out.commands = past_.steps.books.queue.send();
        out.messages = past_.steps.updates.take();
        out.run_closed = past_.steps.said_last_word();
        past_.closed = past_.closed || out.run_closed;
        for (const std::uint32_t flag : own_flags)
            if (past_.flags.insert(flag).second)
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
        out.local_retries = past_.steps.locals.retries();
        out.local_starts = past_.steps.locals.start();
        out.local_cancels = past_.steps.locals.stop();
        sent_flags_ = out.new_flags;
        past_.events.forget_rest();
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
        out.run_closed = past_.closed;
        past_.events.forget_rest();
        task_ = {};
        return out;
    }

    std::unique_ptr<code> code_;
    bool replay_only_;
    run_history past_;
    run_task task_;
    std::vector<std::uint32_t> sent_flags_;  ///< With the last completion.
    place at_ = place::idle;
    bool activated_ = false;
    bool saw_news_ = false;  ///< In the task at hand, code was told of more than updates.
    bool broken_ = false;
};

}  // namespace mayfly::temporal::workflow::detail
