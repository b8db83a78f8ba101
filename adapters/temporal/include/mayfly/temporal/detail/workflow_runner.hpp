// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/worker_names.hpp>
#include <mayfly/temporal/detail/workflow_cache.hpp>
#include <mayfly/temporal/detail/workflow_intake.hpp>
#include <mayfly/temporal/detail/workflow_locals.hpp>
#include <mayfly/temporal/detail/workflow_maker.hpp>
#include <mayfly/temporal/detail/workflow_part.hpp>
#include <mayfly/temporal/detail/workflow_reports.hpp>
#include <mayfly/temporal/detail/workflow_run.hpp>
#include <mayfly/temporal/detail/workflow_words.hpp>
#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/rpc_error.hpp>
#include <mayfly/temporal/worker_config.hpp>
#include <mayfly/temporal/workflow/machine.hpp>
#include <mayfly/temporal/workflow_methods.hpp>
#include <mayfly/temporal/workflow_registry.hpp>

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::temporal::detail {

/** Works on workflow tasks, and keeps runs in memory for the next.

    One task of a run at a time, until its report has been answered: what comes meanwhile waits. Whatever goes wrong
   with a report, the run in memory is ahead of its history then, and forgotten. `ended(failed)` is called once for each
   task that was taken.
*/
class workflow_runner : public std::enable_shared_from_this<workflow_runner> {
public:
    using clock = std::chrono::steady_clock;
    using error_code = boost::system::error_code;
    using task_response = api::PollWorkflowTaskQueueResponse;
    using run_ptr = std::shared_ptr<workflow_run>;

    struct counts {
        std::uint64_t hits = 0;    ///< Tasks that went on with a run in memory.
        std::uint64_t misses = 0;  ///< And those that should have, but it was not there.
        std::uint64_t inline_tasks = 0;
    };

    /// @param most  how many runs are kept that nobody works on
    workflow_runner(std::shared_ptr<connection> to, const worker_config& config,
        std::shared_ptr<const workflow_registry> known, worker_names names, workflow_reports reports,
        eager_activities eager, std::size_t most, std::function<void(bool)> ended)
        : connection_(std::move(to)),
          maker_(config, std::move(known), names.name_space),
          locals_(connection_->get_executor(), config, names.name_space),
          converter_(config.converter),
          logger_(config.logger),
          margin_(config.timing.timeout_margin),
          name_space_(std::move(names.name_space)),
          reports_(std::move(reports)),
          eager_(std::move(eager)),
          most_(most),
          ended_(std::move(ended))
    {}

    void take(task_response task)
    {
        const std::string& id = task.workflow_execution().run_id();
        const run_ptr run =
            runs_.use(id, [&] { return std::make_shared<workflow_run>(connection_->get_executor(), id); });
        if (!run->task)
            begin(run, std::move(task));
        else if (run->keep_for_later(std::move(task)))
            ended_(false);  // the older one is nobody's any more
    }

    /// Nothing is kept from now on.
    void drain()
    {
        draining_ = true;
        for (const run_ptr& run : runs_.all())
            if (run->idle()) {
                forget(*run);
                runs_.erase(run->id);
            } else if (!run->task) {
                run->timer.cancel();  // nobody is to wait for it who has left
            }
    }

    /// Who waits for local activities is left to another worker.
    void hand_over()
    {
        handing_over_ = true;
        for (const run_ptr& run : runs_.all())
            if (run->task && run->machine && !run->task->away)
                drive(run, [](workflow::machine& m) { return m.heartbeat(); });
    }

    void stop()
    {
        stopped_ = true;
        locals_.stop();
        for (const run_ptr& run : runs_.all()) {
            run->timer.cancel();
            run->machine.reset();
        }
    }

    [[nodiscard]] const counts& seen() const noexcept { return counts_; }
    [[nodiscard]] std::size_t kept() const noexcept { return runs_.size(); }
    [[nodiscard]] const local_activities& locals() const noexcept { return locals_.all(); }

private:
    void log(log_level level, std::string_view words) const
    {
        if (logger_)
            logger_(level, words);
    }

    // ---- a task comes

    void begin(const run_ptr& run, task_response task)
    {
        open_task& t = run->open(task);
        const auto how = intake_of(task,
            run->machine ? std::optional(run->machine->last_started_event_id()) : std::nullopt, run->has_locals());
        if (how == intake::refuse) {
            log(log_level::warning, "a task of " + shown(*run) + " is not as tasks are, and left alone");
            return give_up(run);
        }
        counts_.hits += how == intake::go_on ? 1 : 0;
        counts_.misses += how == intake::from_start ? 1 : 0;
        const auto type = maker_.known().find(run->type);
        if (!type)
            return fail(run, unregistered_problem(run->type, maker_.known().names()), {});
        t.report.behavior = maker_.behavior_of(*type);
        if (how != intake::go_on && !build(run, *type))
            return;
        t.goes_on = how == intake::go_on;
        t.pages = history_pages(task, how, run->machine->last_started_event_id());
        t.begun = run_task_of(task);
        if (t.goes_on && t.query)  // what the run has seen since it was asked is as good
            t.begun.previous_started_event_id = run->machine->last_started_event_id();
        if (auto first = t.pages.first())
            feed(run, *std::move(first));
        else
            fetch(run);
    }

    /// A machine that knows nothing yet. False: there is none, and the task has failed.
    [[nodiscard]] bool build(const run_ptr& run, const workflow_type& type)
    {
        forget(*run);
        try {
            run->machine = maker_.make(*run, type);
        } catch (...) {
            fail(run, {.failure = to_failure(std::current_exception(), converter_)}, {});
            return false;
        }
        return true;
    }

    // ---- its history

    void fetch(const run_ptr& run)
    {
        run->task->away = true;
        api::GetWorkflowExecutionHistoryRequest r;
        r.set_namespace_(name_space_);
        r.mutable_execution()->set_workflow_id(run->workflow_id);
        r.mutable_execution()->set_run_id(run->id);
        r.set_next_page_token(run->task->pages.token());
        connection_->async_call(methods::get_workflow_execution_history, r,
            [self = shared_from_this(), run](error_code ec, rpc_reply<api::GetWorkflowExecutionHistoryResponse> reply) {
                self->fetched(run, ec, std::move(reply));
            });
    }

    void fetched(const run_ptr& run, error_code ec, rpc_reply<api::GetWorkflowExecutionHistoryResponse> reply)
    {
        if (stopped_)
            return;
        run->task->away = false;
        auto events = ec ? std::nullopt : events_of(reply.value);
        if (!events) {
            log(ec && reply.status.code == grpc::status_code::not_found ? log_level::debug : log_level::warning,
                "the history of " + shown(*run) + " cannot be read: " + describe(reply.status));
            return give_up(run);
        }
        feed(run, run->task->pages.take(*std::move(events), std::move(*reply.value.mutable_next_page_token())));
    }

    void feed(const run_ptr& run, history_pages::page page)
    {
        open_task& t = *run->task;
        if (page.how != history_pages::verdict::good) {
            log(log_level::warning, "a task of " + shown(*run) + " is dropped: " + to_words(page.how));
            return give_up(run);
        }
        if (!t.machine_has && page.events.empty() && page.more)  // all of it is known, or the server had nothing yet
            return fetch(run);
        run->note(page.events);
        if (t.machine_has)
            return drive(run, [&](workflow::machine& m) { return m.more(std::move(page.events), page.more); });
        t.begun.events = std::move(page.events);
        t.begun.more_history = page.more;
        if (t.goes_on && !run->machine->continues(t.begun))
            return start_over(run);
        t.machine_has = true;
        drive(run, [&](workflow::machine& m) { return m.begin(std::move(t.begun)); });
    }

    /// What is in memory is not what the task goes on with: its history is read from the start.
    void start_over(const run_ptr& run)
    {
        open_task& t = *run->task;
        --counts_.hits;
        ++counts_.misses;
        t.goes_on = false;
        t.pages.start_over(std::exchange(t.begun.events, {}));
        if (build(run, *maker_.known().find(run->type)))
            fetch(run);
    }

    // ---- the machine

    template <class F>
    void drive(const run_ptr& run, F call)
    {
        workflow::machine_step step;
        try {
            step = call(*run->machine);
        } catch (...) {
            step = {};
            step.what = workflow::machine_step::kind::fail;
            step.problem = workflow::task_problem{.failure = to_failure(std::current_exception(), converter_)};
        }
        act(run, std::move(step));
    }

    void act(const run_ptr& run, workflow::machine_step step)
    {
        using enum workflow::machine_step::kind;
        locals_.take(run, step, [weak = weak_from_this()](const run_ptr& r) {
            if (const auto self = weak.lock(); self && !self->stopped_)
                self->local_ended(r);
        });
        if (!run->task)
            return;
        switch (step.what) {
        case more_history: return fetch(run);
        case wait_local: return wait_for_locals(run);
        case complete: return complete_task(run, std::move(step));
        case fail: return this->fail(run, step.problem.value_or(workflow::task_problem{}), step.words);
        case answer_query: return answer(run, std::move(step.legacy_answer).value_or(workflow::query_answer{}));
        case drop:
        case replayed: break;
        }
        log(log_level::debug, "a task of " + shown(*run) + " is dropped: " + step.words);
        give_up(run);
    }

    // ---- local activities

    void local_ended(const run_ptr& run)
    {
        if (run->task && !run->task->away)
            tell_outcomes(run);
        else if (!run->task)
            settle(run);
    }

    // One at a time: the machine may have done with the task after any of them. Who waits for more comes back here.
    void tell_outcomes(const run_ptr& run)
    {
        if (std::exchange(run->telling, true))
            return;
        while (!run->outcomes.empty() && run->task && !run->task->away) {
            auto first = std::move(run->outcomes.front());
            run->outcomes.pop_front();
            drive(run, [&](workflow::machine& m) { return m.local_resolved(first.first, std::move(first.second)); });
        }
        run->telling = false;
    }

    void wait_for_locals(const run_ptr& run)
    {
        if (!run->outcomes.empty())
            return tell_outcomes(run);
        if (handing_over_ && std::exchange(run->task->handed_over, true))
            return give_up(run);  // it waits for something else
        if (handing_over_)
            return drive(run, [](workflow::machine& m) { return m.heartbeat(); });
        run->timer.expires_at(run->heartbeat_at());
        run->timer.async_wait([weak = weak_from_this(), run](error_code ec) {
            const auto self = weak.lock();
            if (self && !ec && !self->stopped_ && run->task && !run->task->away && clock::now() >= run->heartbeat_at())
                self->drive(run, [](workflow::machine& m) { return m.heartbeat(); });
        });
    }

    /// The task in which local activities are to be heard of may have gone to another worker, and they with it.
    void keep_locals_a_while(const run_ptr& run)
    {
        run->timer.expires_at(steady_sum(clock::now(), run->task_timeout));
        run->timer.async_wait([weak = weak_from_this(), run](error_code ec) {
            const auto self = weak.lock();
            if (!self || ec || self->stopped_ || run->task || clock::now() < run->timer.expiry())
                return;
            self->forget(*run);
            self->settle(run);
        });
    }

    // ---- reports

    /// Until the server has given the task up itself.
    [[nodiscard]] rpc_options while_it_counts(const workflow_run& run) const
    {
        const auto left = steady_sum(run.task->arrived, run.task_timeout) + margin_ - clock::now();
        return {.timeout = std::chrono::ceil<std::chrono::milliseconds>(
                    std::clamp<std::chrono::nanoseconds>(left, std::chrono::seconds{1}, std::chrono::hours{1}))};
    }

    template <class Method, class Request, class Then>
    void send(const run_ptr& run, const Method& method, const Request& request, Then then)
    {
        run->task->away = true;
        run->timer.cancel();
        connection_->async_call(method, request, while_it_counts(*run),
            [self = shared_from_this(), run, then = std::move(then)](error_code ec, auto reply) mutable {
                if (!self->stopped_)
                    then(*self, run, ec, std::move(reply));
            });
    }

    void complete_task(const run_ptr& run, workflow::machine_step step)
    {
        task_report& report = run->task->report;
        report.keep = most_ > 0 && !draining_;
        report.tells_sdk = connection_->capabilities().sdk_metadata();
        report.names_itself = run->sdk != own_sdk();
        report.goes_on = step.force_new_task && !draining_;
        run->forget = step.run_closed || !(report.keep || report.goes_on);
        const bool eager = eager_.take && !step.run_closed;
        auto request = reports_.completed(report, std::move(step));
        const std::uint32_t slots = eager ? reports_.want_eagerly(request, eager_.take) : 0;
        send(run, methods::respond_workflow_task_completed, request,
            [slots](workflow_runner& self, const run_ptr& r, error_code ec,
                rpc_reply<api::RespondWorkflowTaskCompletedResponse> reply) {
                self.run_eagerly(*reply.value.mutable_activity_tasks(), slots);
                self.completed(r, ec, std::move(reply));
            });
    }

    /// What came for the slots that were taken.
    template <class Tasks>
    void run_eagerly(Tasks& tasks, std::uint32_t slots)
    {
        for (auto& task : tasks) {
            if (slots == 0)
                return log(log_level::warning, "more activities came with an answer than were asked for");
            --slots;
            eager_.run(std::move(task));
        }
        for (; slots > 0; --slots)
            eager_.leave();
    }

    void completed(const run_ptr& run, error_code ec, rpc_reply<api::RespondWorkflowTaskCompletedResponse> reply)
    {
        const auto end = completion_end_of(!ec, reply.status);
        if (end != completion_end::accepted) {
            run->forget = true;
            const log_line line = words_of(end, *run, reply.status);
            log(line.level, line.words);
            if (end == completion_end::too_large && run->task->attempt <= 1)
                return send_failed(run, too_large_problem("what the workflow did", reply.status));
            return finish(run, true, {});
        }
        if (run->task->report.names_itself)
            run->sdk = own_sdk();
        task_response more;
        if (!run->forget) {
            run->forget = !run->machine->reported(reply.value.reset_history_event_id());
            if (!reply.value.workflow_task().task_token().empty())
                more = std::move(*reply.value.mutable_workflow_task());
        }
        finish(run, false, std::move(more));
    }

    void fail(const run_ptr& run, workflow::task_problem problem, const std::string& words)
    {
        run->forget = true;
        const std::string why = words.empty() ? describe(problem.failure) : words;
        log(log_level::warning, "a task of " + shown(*run) + " failed (attempt " + std::to_string(run->task->attempt) +
                                    "), and is tried again: " + why);
        if (run->task->query)
            return answer(run, {.failure = std::move(problem.failure)}, problem.cause);
        // A later attempt is left to its timeout: told of it, the server would try again at once, and so on.
        if (run->task->attempt > 1)
            return finish(run, true, {});
        send_failed(run, std::move(problem));
    }

    void send_failed(const run_ptr& run, workflow::task_problem problem)
    {
        send(run, methods::respond_workflow_task_failed, reports_.failed(run->task->report, std::move(problem)),
            [](workflow_runner& self, const run_ptr& r, error_code ec, const auto& reply) {
                if (ec)
                    self.log(log_level::debug,
                        "that a task of " + shown(*r) + " failed could not be reported: " + describe(reply.status));
                self.finish(r, true, {});
            });
    }

    void answer(const run_ptr& run, workflow::query_answer what,
        api::enums::WorkflowTaskFailedCause cause = api::enums::WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED)
    {
        const bool failed = what.failure.has_value();
        run->forget = run->forget || most_ == 0 || draining_ || !run->machine || run->machine->closed() ||
                      !run->machine->reported(0);  // it may have failed in what it read for the question
        send(run, methods::respond_query_task_completed, reports_.answered(run->task->report, std::move(what), cause),
            [failed](workflow_runner& self, const run_ptr& r, error_code ec, const auto& reply) {
                if (ec && grpc::is_message_too_large(reply.status.code, reply.status.message) && !failed) {
                    auto problem = too_large_problem("the answer", reply.status);
                    return self.answer(r, {.failure = std::move(problem.failure)}, problem.cause);
                }
                if (ec)
                    self.log(log_level::debug,
                        "a query of " + shown(*r) + " was answered, but nobody heard it: " + describe(reply.status));
                self.finish(r, failed, {});
            });
    }

    // ---- the end of a task

    void give_up(const run_ptr& run)
    {
        run->forget = true;
        finish(run, true, {});
    }

    /// `more` came with the answer, and goes on in the same slot.
    void finish(const run_ptr& run, bool failed, task_response more)
    {
        run->timer.cancel();
        run->task.reset();
        if (run->forget)
            forget(*run);
        if (more.task_token().empty()) {
            if (run->has_locals() && !draining_)
                keep_locals_a_while(run);
            ended_(failed);
            return settle(run);
        }
        ++counts_.inline_tasks;
        if (run->next && run->next->started_event_id() < more.started_event_id()) {
            run->next.reset();
            ended_(false);
        }
        begin(run, std::move(more));
    }

    /// Goes on with what waits, if anything does.
    void settle(const run_ptr& run)
    {
        if (run->task || stopped_)
            return;
        if (run->next) {
            task_response task = *std::move(run->next);
            run->next.reset();
            return begin(run, std::move(task));
        }
        if (!run->queries.empty()) {
            task_response task = std::move(run->queries.front());
            run->queries.pop_front();
            return begin(run, std::move(task));
        }
        if (!run->machine)
            runs_.erase(run->id);
        while (const run_ptr old = runs_.surplus(most_, [](const workflow_run& r) { return r.idle(); })) {
            forget(*old);
            runs_.erase(old->id);
        }
    }

    /// What is in memory of it goes, coroutines and all.
    void forget(workflow_run& run)
    {
        run.forget = false;
        locals_.drop(run);
        run.machine.reset();
    }

    std::shared_ptr<connection> connection_;
    workflow_maker maker_;
    workflow_locals locals_;
    data_converter converter_;
    logger logger_;
    std::chrono::nanoseconds margin_;
    std::string name_space_;
    workflow_reports reports_;
    eager_activities eager_;
    std::size_t most_;
    std::function<void(bool)> ended_;
    workflow_cache<workflow_run> runs_{};
    counts counts_{};
    bool draining_ = false;
    bool handing_over_ = false;
    bool stopped_ = false;
};

}  // namespace mayfly::temporal::detail
