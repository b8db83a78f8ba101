// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/workflow/code.hpp>
#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow/detail/body.hpp>
#include <mayfly/temporal/workflow/detail/built_in_queries.hpp>
#include <mayfly/temporal/workflow/detail/inbound.hpp>
#include <mayfly/temporal/workflow/errors.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/// A run of a workflow that is written as coroutines.
class instance final : public code {
public:
    instance(code_setup setup, body_maker make, std::shared_ptr<const failure_types> fails)
        : state_{std::move(setup)},
          context_{state_, state_.root_scope},
          make_{std::move(make)},
          fails_{std::move(fails)}
    {
        state_.info.type = state_.setup.workflow_type;
        state_.whole = &context_;
        state_.fail = [this](const std::exception_ptr& error) { failed(error); };
        state_.deliver = [this](signal_entry& to, signal_received s) { deliver(to, std::move(s)); };
    }
    ~instance() override
    {
        // Coroutines use the workflow's object, and both use the state.
        state_.quiet = true;
        state_.coroutines.end();
        body_.reset();
    }

    [[nodiscard]] activated activate(workflow::activation now) override
    {
        ++state_.activation;
        state_.facts = std::move(now.facts);
        state_.replaying = now.replaying;
        try {
            for (job& j : now.jobs)
                if (!state_.coroutines.halted())
                    std::visit([this](auto& one) { take(one); }, j);
            begin_run();
        } catch (...) {
            stuck(std::current_exception());
        }
        activated out{std::exchange(state_.intents, {}), problem_};
        if (last_word_ && !problem_)
            out.intents.push_back(*std::exchange(last_word_, std::nullopt));
        return out;
    }

    [[nodiscard]] query_answer query(const api::query::WorkflowQuery& question) override
    {
        query_answer out;
        const char* const before = std::exchange(state_.reading, "a query handler");
        try {
            out.result = answer(question);
        } catch (...) {
            out.failure = to_failure(std::current_exception(), state_.setup.converter);
        }
        state_.reading = before;
        return out;
    }

    [[nodiscard]] std::string stack_trace() const override { return stack_trace_of(state_); }

private:
    // Jobs. Each that code can hear of is followed by all that can go on after it.

    void take(start_run& job)
    {
        state_.info = info_of(job, state_.setup.name_space);
        if (state_.info.type.empty())
            state_.info.type = state_.setup.workflow_type;
        if (state_.info.task_queue.empty())
            state_.info.task_queue = state_.setup.task_queue;
        state_.random = random_source(job.random_seed);
        state_.memo = job.attributes.memo();
        state_.search_attributes = job.attributes.search_attributes();
        input_ = std::move(*job.attributes.mutable_input());
        starts_ = true;
    }
    void take(patch_known& job) { state_.patches_known.insert(std::move(job.id)); }
    void take(side_effect_known& job)
    {
        auto& known = job.id.empty() ? state_.side_effects_known : state_.mutable_effects[job.id].known;
        known.emplace(job.seq, std::move(job.value));
    }
    void take(reseed& job) { state_.random = random_source(job.random_seed); }

    // A class has its handlers before `run` begins, and so they come first, as they came.
    void take(signal_received& job)
    {
        make_body();
        if (signal_entry* const to = state_.find_signal(job.name)) {
            deliver(*to, std::move(job));
            state_.coroutines.run();
        } else {
            if (!starts_)
                state_.log(
                    log_level::warning, "signal \"" + job.name + "\" has no handler: it is kept until it has one");
            state_.kept_signals.push_back(std::move(job));
        }
    }
    void take(update_received& job)
    {
        make_body();
        if (update_entry* const to = state_.find_update(job.name)) {
            begin_update(*to, std::move(job));
            state_.coroutines.run();
        } else if (starts_) {
            early_updates_.push_back(std::move(job));
        } else {
            refuse_unknown(job);
        }
    }

    void take(cancel_requested& job)
    {
        begin_run();
        state_.root_scope->cancel(job.reason);
        state_.coroutines.run();
    }
    void take(timer_fired& job) { resolved(pending_kind::timer, job.seq, {}); }
    void take(activity_resolved& job) { resolved(pending_kind::activity, job.seq, job.outcome); }
    void take(local_activity_resolved& job)
    {
        if (!job.backs_off)
            return resolved(pending_kind::local_activity, job.seq, job.outcome);
        begin_run();
        state_.local_backs_off(job);
        state_.coroutines.run();
    }
    void take(workflow::child_started& job)
    {
        begin_run();
        state_.child_started(job);
        state_.coroutines.run();
    }
    void take(child_resolved& job) { resolved(pending_kind::child, job.seq, job.outcome); }
    void take(external_signal_resolved& job) { resolved(pending_kind::external_signal, job.seq, job.outcome); }
    void take(external_cancel_resolved& job) { resolved(pending_kind::external_cancel, job.seq, job.outcome); }

    void resolved(pending_kind what, std::uint32_t seq, const resolution& outcome)
    {
        begin_run();
        state_.resolve(what, seq, outcome);
        state_.coroutines.run();
    }

    // Beginnings.

    void make_body()
    {
        if (body_)
            return;
        body_ = make_(context_, state_.info.type, input_);
        state_.members = body_->members();
    }

    void begin_run()
    {
        if (!std::exchange(starts_, false) || state_.coroutines.halted())
            return;
        make_body();
        auto cause = arrived(workflow_call::kind::run, state_.info.type, state_.info.header, input_);
        begin_root(state_, root::kind::run, state_.info.type,
            drive_run(*this, body_->run(context_, state_.info.type, std::move(input_)), cause), cause);
        state_.coroutines.run();
        for (update_received& u : std::exchange(early_updates_, {})) {
            if (update_entry* const to = state_.find_update(u.name)) {
                begin_update(*to, std::move(u));
                state_.coroutines.run();
            } else {
                refuse_unknown(u);
            }
        }
        for (const signal_received& s : state_.kept_signals)
            state_.log(log_level::warning, "signal \"" + s.name + "\" has no handler: it is kept until it has one");
    }

    void deliver(signal_entry& to, signal_received s)
    {
        auto cause = arrived(workflow_call::kind::signal, s.name, s.header, s.input);
        root& r = begin_root(state_, root::kind::handler, "signal \"" + s.name + '"',
            drive_signal(*this, to.call(body_->object(), context_, s.name, std::move(s.input)), cause), cause);
        r.outlives_run = state_.is_member(&handler_table::signals, static_cast<const signal_entry*>(&to));
        ++state_.handlers_running;
    }

    void begin_update(update_entry& to, update_received u)
    {
        if (const std::exception_ptr wrong = u.run_validator ? validate(to, u) : nullptr) {
            state_.want(reject_update{u.protocol_instance_id, to_failure(wrong, state_.setup.converter)});
            return;
        }
        state_.want(accept_update{u.protocol_instance_id});
        auto cause = arrived(workflow_call::kind::update, u.name, u.header, u.input);
        root& r = begin_root(state_, root::kind::handler, "update \"" + u.name + '"',
            drive_update(
                *this, to.call(body_->object(), context_, u.name, std::move(u.input)), u.protocol_instance_id, cause),
            cause);
        r.outlives_run = state_.is_member(&handler_table::updates, static_cast<const update_entry*>(&to));
        ++state_.handlers_running;
    }

    [[nodiscard]] std::exception_ptr validate(update_entry& to, const update_received& u)
    {
        const auto in = arrived(workflow_call::kind::validate, u.name, u.header, u.input);
        const char* const before = std::exchange(state_.reading, "an update's validator");
        std::exception_ptr wrong;
        try {
            begins(in.get());
            to.check(body_->object(), context_, u.name, u.input);
        } catch (...) {
            wrong = std::current_exception();
        }
        over(in.get(), {}, wrong);
        state_.reading = before;
        return wrong;
    }

    void refuse_unknown(const update_received& u)
    {
        const application_error error(
            "there is no update \"" + u.name + "\"; known: " + known_names(state_, &handler_table::updates),
            {.type = "UnknownUpdate", .non_retryable = true});
        state_.want(
            reject_update{u.protocol_instance_id, to_failure(std::make_exception_ptr(error), state_.setup.converter)});
    }

    // Interceptors, around what was asked.

    /// Null: there is nobody to be told of it.
    [[nodiscard]] std::shared_ptr<inbound> arrived(workflow_call::kind what, const std::string& name,
        const api::common::Header& header, const payloads& input) const
    {
        const code_setup& s = state_.setup;
        if (!s.on_call && !s.on_step)
            return nullptr;
        return std::make_shared<inbound>(inbound{what, name, header, s.on_call ? input : payloads{}, {}});
    }

    /// Throws what they throw.
    void begins(inbound* in)
    {
        using kind = workflow_call::kind;
        if (in == nullptr || !state_.setup.on_call)
            return;
        const run_state::looking_on guard(state_);
        const payloads input = std::move(in->input);
        workflow_call call{.what = in->what,
            .name = in->name,
            .context = context_,
            .header = in->header,
            .input = input,
            .replaying = state_.replaying && in->what != kind::query && in->what != kind::validate,
            .listeners = in->listeners};
        temporal::detail::ask(state_.setup.on_call, call);
    }

    void over(inbound* in, const payloads& result, std::exception_ptr& error)
    {
        if (in == nullptr || in->listeners.empty())
            return;
        const run_state::looking_on guard(state_);
        call_end how{.thrown = error, .continued = error && continues(error)};
        if (!error && result.payloads_size() > 0)
            how.result = &result.payloads(0);
        temporal::detail::tell_end(in->listeners, std::move(how), error);
    }

    // Ends. Only these are called from within coroutines.

    static task<void> drive_run(instance& self, task<payloads> what, std::shared_ptr<inbound> in)
    {
        payloads result;
        std::exception_ptr error;
        try {
            self.begins(in.get());
            result = co_await std::move(what);
        } catch (...) {
            error = std::current_exception();
        }
        self.over(in.get(), result, error);
        if (error)
            self.failed(error);
        else
            self.end_with(complete_run{std::move(result)});
    }

    static task<void> drive_signal(instance& self, task<payloads> what, std::shared_ptr<inbound> in)
    {
        payloads result;
        std::exception_ptr error;
        try {
            self.begins(in.get());
            result = co_await std::move(what);
        } catch (...) {
            error = std::current_exception();
        }
        self.over(in.get(), result, error);
        --self.state_.handlers_running;
        if (error && !self.passes_over(error))
            self.failed(error);
    }

    static task<void> drive_update(instance& self, task<payloads> what, std::string id, std::shared_ptr<inbound> in)
    {
        resolution outcome;
        std::exception_ptr error;
        try {
            self.begins(in.get());
            outcome.result = co_await std::move(what);
        } catch (...) {
            error = std::current_exception();
        }
        self.over(in.get(), outcome.result, error);
        --self.state_.handlers_running;
        if (error && !self.is_failure(error)) {
            self.stuck(error);
            co_return;
        }
        if (error) {
            outcome.how = resolution::kind::failed;
            outcome.failure = to_failure(error, self.state_.setup.converter);
        }
        self.state_.want(complete_update{std::move(id), std::move(outcome)});
    }

    /// What fails a workflow; all else is a mistake in its code.
    [[nodiscard]] bool is_failure(const std::exception_ptr& error) const
    {
        try {
            std::rethrow_exception(error);
        } catch (const temporal_error&) {
            return true;
        } catch (const std::exception& e) {
            return fails_ && fails_->contains(e);
        } catch (...) {
            return false;
        }
    }

    [[nodiscard]] static bool continues(const std::exception_ptr& error)
    {
        try {
            std::rethrow_exception(error);
        } catch (const continued&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    /// A signal whose arguments are not what its handler takes ends nothing.
    [[nodiscard]] bool passes_over(const std::exception_ptr& error) const
    {
        try {
            std::rethrow_exception(error);
        } catch (const unreadable& e) {
            state_.log(log_level::error, std::string("a signal is passed over, ") + e.what());
            return true;
        } catch (...) {
            return false;
        }
    }

    void failed(const std::exception_ptr& error)
    {
        try {
            std::rethrow_exception(error);
        } catch (const continued& next) {
            return end_with(next.what);
        } catch (...) {
        }
        if (state_.root_scope->cancelled() && is_cancellation(error))
            end_with(cancel_run{});
        else if (is_failure(error))
            end_with(fail_run{to_failure(error, state_.setup.converter)});
        else
            stuck(error);
    }

    void end_with(intent last)
    {
        if (ended_)
            return;
        ended_ = true;
        last_word_ = std::move(last);
        if (state_.handlers_running > 0)
            state_.log(log_level::warning, std::to_string(state_.handlers_running) +
                                               " handlers of signals or updates are under way while it "
                                               "ends: wait for all_handlers_finished first");
        for (const signal_received& s : state_.kept_signals)
            state_.log(log_level::warning, "signal \"" + s.name + "\" never had a handler: it ends without it");
        // What was registered at run time may use what `run` had.
        for (const auto& [name, entry] : std::exchange(state_.handlers, {}).queries)
            queries_over_.insert(name);
        state_.coroutines.close();
    }

    /// The task fails, and is tried again.
    void stuck(const std::exception_ptr& error)
    {
        if (!problem_) {
            problem_.emplace();
            problem_->failure = to_failure(error, state_.setup.converter);
            try {
                std::rethrow_exception(error);
            } catch (const not_in_history&) {
                problem_->cause = api::enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR;
            } catch (const continued&) {
                problem_->failure.set_message("continue_as_new was called in the handler of an update, which has to "
                                              "answer: have `run` do it");
            } catch (...) {
            }
        }
        state_.coroutines.halt();
    }

    [[nodiscard]] payloads answer(const api::query::WorkflowQuery& question)
    {
        if (auto own = built_in_answer(state_, question.query_type()))
            return *std::move(own);
        make_body();
        query_entry* const to = state_.find_query(question.query_type());
        if (to == nullptr && (queries_over_.contains(question.query_type()) || queries_over_.contains("")))
            throw application_error("the workflow is over, and query \"" + question.query_type() +
                                        "\" with it: what its `run` registered may use what that had. Queries that are "
                                        "members of a workflow's class are answered after its end too",
                {.type = "UnknownQuery", .non_retryable = true});
        if (to == nullptr)
            throw application_error("there is no query \"" + question.query_type() +
                                        "\"; known: " + known_names(state_, &handler_table::queries),
                {.type = "UnknownQuery", .non_retryable = true});
        const auto in =
            arrived(workflow_call::kind::query, question.query_type(), question.header(), question.query_args());
        payloads out;
        std::exception_ptr wrong;
        try {
            begins(in.get());
            out = to->call(body_->object(), context_, question.query_type(), question.query_args());
        } catch (...) {
            wrong = std::current_exception();
        }
        over(in.get(), out, wrong);
        if (wrong)
            std::rethrow_exception(wrong);
        return out;
    }

    run_state state_;
    context context_;
    body_maker make_;
    std::shared_ptr<const failure_types> fails_;
    std::unique_ptr<body> body_{};
    payloads input_{};
    bool starts_ = false;
    bool ended_ = false;
    std::vector<update_received> early_updates_{};
    std::set<std::string> queries_over_{};  ///< That `run` had registered.
    std::optional<intent> last_word_{};
    std::optional<task_problem> problem_{};
};

}  // namespace mayfly::temporal::workflow::detail
