// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/code_setup.hpp>
#include <mayfly/temporal/workflow/detail/handlers.hpp>
#include <mayfly/temporal/workflow/detail/inbound.hpp>
#include <mayfly/temporal/workflow/detail/pending.hpp>
#include <mayfly/temporal/workflow/detail/scheduler.hpp>
#include <mayfly/temporal/workflow/future.hpp>
#include <mayfly/temporal/workflow/info.hpp>
#include <mayfly/temporal/workflow/random.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/// What a run is, beside its coroutines: what it knows, what it waits for, and what it wants.
class run_state {
public:
    explicit run_state(code_setup from) : setup{std::move(from)} {}
    run_state(const run_state&) = delete;
    run_state& operator=(const run_state&) = delete;
    ~run_state()
    {
        quiet = true;
        coroutines.end();
    }

    /// Whether what code asks for now counts: not while it is being destroyed. Throws where nothing may be changed.
    [[nodiscard]] bool may_act(std::string_view what) const
    {
        if (quiet)
            return false;
        if (reading != nullptr)
            throw usage_error(std::string(reading) + " must change nothing and start nothing, so there is no \"" +
                              std::string(what) + "\" in it: move that to `run`, to a signal or to an update");
        return true;
    }

    void want(intent i) { intents.push_back(std::move(i)); }

    /// Activities of both kinds are counted together, as other SDKs do: their histories have these numbers too.
    [[nodiscard]] std::uint32_t next_seq(pending_kind k)
    {
        if (k == pending_kind::local_activity)
            k = pending_kind::activity;
        return ++seqs_[static_cast<std::size_t>(k)];
    }

    /// Made for something that is to be asked for in `scope`, if that can be. Null: `to` will never be there, or has
    /// failed.
    template <class T>
    [[nodiscard]] pending* open(pending_kind what, const std::shared_ptr<future_state<T>>& to,
        const std::shared_ptr<scope_state>& scope, std::string label)
    {
        if (!may_act(to_string(what)))
            return nullptr;
        if (scope && scope->cancelled()) {
            to->fail(std::make_exception_ptr(cancelled_error("cancelled before it began")));
            return nullptr;
        }
        const std::uint32_t seq = next_seq(what);
        auto made = std::make_unique<pending>(*this, what, seq, std::move(label));
        pending& p = *made;
        p.began_ = activation;
        p.result_ = to;
        p.settle_ = &settle<T>;
        to->set_source(&p);
        if (scope)
            p.enter(scope);
        of(what).emplace(seq, std::move(made));
        return &p;
    }
    [[nodiscard]] static std::uint32_t seq_of(const pending& p) noexcept { return p.seq_; }
    static void set_cancellation(pending& p, cancellation_type how) noexcept { p.how_ = how; }
    static void set_attempt(pending& p, const schedule_local_activity& what)
    {
        p.attempt_ = std::make_unique<schedule_local_activity>(what);
    }
    static void set_started(pending& p, std::shared_ptr<future_state<std::string>> to) { p.started_ = std::move(to); }

    [[nodiscard]] std::shared_ptr<future_state<void>> start_timer(
        std::chrono::nanoseconds duration, const std::shared_ptr<scope_state>& scope, step_words words = {})
    {
        auto to = std::make_shared<future_state<void>>();
        if (duration <= std::chrono::nanoseconds::zero()) {
            if (scope && scope->cancelled())
                to->fail(std::make_exception_ptr(cancelled_error("cancelled before it began")));
            else if (may_act("timer"))
                to->set();
        } else if (pending* p = open(pending_kind::timer, to, scope, {})) {
            want(workflow::start_timer{seq_of(*p), duration, std::move(words)});
        }
        return to;
    }

    void resolve(pending_kind what, std::uint32_t seq, const resolution& outcome)
    {
        auto p = take(what, seq);
        if (!p)
            return;
        switch (outcome.how) {
        case resolution::kind::completed: return p->complete(setup.converter, outcome.result);
        case resolution::kind::failed: return p->fail(to_exception(outcome.failure, setup.converter));
        case resolution::kind::cancelled: return p->fail(as_cancelled(to_exception(outcome.failure, setup.converter)));
        }
    }

    void child_started(const workflow::child_started& job)
    {
        const auto at = of(pending_kind::child).find(job.seq);
        if (at == of(pending_kind::child).end())
            return;
        if (!job.run_id.empty()) {
            if (!at->second->started_->done())
                at->second->started_->set(job.run_id);
            return;
        }
        const auto p = take(pending_kind::child, job.seq);
        auto error = to_exception(job.failure, setup.converter);
        p->fail(is_cancellation(error) ? as_cancelled(error) : error);
    }

    void local_backs_off(const local_activity_resolved& job)
    {
        auto p = take(pending_kind::local_activity, job.seq);
        if (!p)
            return;
        p->attempt_->attempt = job.attempt;
        p->attempt_->first_scheduled = job.first_scheduled;
        pending& kept = *p;
        waiting_.emplace(&kept, std::move(p));
        kept.wait_ = start_timer(job.backoff, nullptr);
        if (kept.wait_->done())
            kept.woken(*kept.wait_);
        else
            kept.wait_->add(kept);
    }

    /// The wait before a local activity's next attempt is over.
    void local_again(pending& waited)
    {
        auto p = std::move(waiting_.extract(&waited).mapped());
        const auto wait = std::exchange(p->wait_, nullptr);
        if (wait->error())
            return p->fail(std::make_exception_ptr(cancelled_error("cancelled between two attempts")));
        p->seq_ = p->attempt_->seq = next_seq(pending_kind::local_activity);
        p->began_ = activation;
        want(*p->attempt_);
        of(pending_kind::local_activity).emplace(p->seq_, std::move(p));
    }

    void cancelled_at_once(pending& p)
    {
        const auto gone = take(p.what_, p.seq_);
        gone->fail(std::make_exception_ptr(cancelled_error(gone->words() + " was cancelled")));
    }

    [[nodiscard]] signal_entry* find_signal(std::string_view name) { return find(&handler_table::signals, name); }
    [[nodiscard]] update_entry* find_update(std::string_view name) { return find(&handler_table::updates, name); }
    [[nodiscard]] query_entry* find_query(std::string_view name) { return find(&handler_table::queries, name); }

    /// A member of the workflow's class: it uses nothing that `run` has.
    template <class Entry>
    [[nodiscard]] bool is_member(
        const std::map<std::string, Entry, std::less<>> handler_table::*kind, const Entry* entry) const
    {
        if (members == nullptr)
            return false;
        for (const auto& [name, e] : members->*kind)
            if (&e == entry)
                return true;
        return false;
    }

    /// What happens now is not for others to see: it has happened before, or is a look at what there is.
    [[nodiscard]] bool unseen() const noexcept { return replaying || (reading != nullptr && !intercepting); }

    /// While interceptors are called: they change nothing and start nothing, but may say what they see.
    class looking_on {
    public:
        explicit looking_on(run_state& s) noexcept
            : state_{&s},
              reading_{std::exchange(s.reading, "an interceptor")},
              intercepting_{std::exchange(s.intercepting, true)}
        {}
        looking_on(const looking_on&) = delete;
        looking_on& operator=(const looking_on&) = delete;
        ~looking_on()
        {
            state_->reading = reading_;
            state_->intercepting = intercepting_;
        }

    private:
        run_state* state_;
        const char* reading_;
        bool intercepting_;
    };

    /// Whether interceptors are to see what code asks for now in this scope.
    [[nodiscard]] bool asks_interceptors(const scope_state* scope) const noexcept
    {
        return setup.on_step && !quiet && reading == nullptr && (scope == nullptr || !scope->cancelled());
    }

    /// Has them see it, and change its header. Throws what they throw.
    void ask_interceptors(workflow_step::kind what, std::string_view name, std::string_view id, std::string_view queue,
        const api::common::Payloads& input, api::common::Header& header)
    {
        const looking_on guard(*this);
        const root* const by = coroutines.current();
        workflow_step step{.what = what,
            .name = name,
            .id = id,
            .task_queue = queue,
            .context = *whole,
            .cause = by != nullptr && by->cause ? by->cause->header : info.header,
            .start = info.header,
            .input = input,
            .replaying = replaying,
            .header = header};
        temporal::detail::ask(setup.on_step, step);
    }

    /// What it does now it does for the first time, and for good: people may be told.
    [[nodiscard]] bool is_news() const noexcept { return !quiet && !unseen(); }

    void log(log_level level, std::string_view words) const
    {
        if (!is_news() || !setup.logger)
            return;
        setup.logger(level,
            "workflow " + info.type + " \"" + info.workflow_id + "\" (run " + info.run_id + "): " + std::string(words));
    }

    void measure(const measurement& m) const
    {
        if (is_news())
            setup.metrics(m);
    }

    const code_setup setup;
    run_info info{};
    task_facts facts{};
    bool replaying = false;
    std::uint64_t activation = 0;
    random_source random{};
    api::common::Memo memo{};
    api::common::SearchAttributes search_attributes{};

    std::vector<intent> intents{};
    bool quiet = false;              ///< It is being destroyed.
    const char* reading = nullptr;   ///< What runs now and must change nothing, if so.
    bool intercepting = false;       ///< That is an interceptor.
    const context* whole = nullptr;  ///< Of the run, for them. Set by who runs the run.

    std::shared_ptr<scope_state> root_scope = std::make_shared<scope_state>();
    handler_table handlers{};                     ///< Registered at run time.
    const handler_table* members = nullptr;       ///< Of the workflow's class.
    std::vector<signal_received> kept_signals{};  ///< Nobody asked for them yet.
    /// Begins what handles a signal. Set by who runs the run.
    std::function<void(signal_entry&, signal_received)> deliver{};
    /// Fails the run, or the task, as if `run` had thrown. Set by the same.
    std::function<void(const std::exception_ptr&)> fail{};
    std::size_t handlers_running = 0;
    std::string current_details{};

    std::map<std::string, bool, std::less<>> patches{};  ///< What was answered.
    std::set<std::string, std::less<>> patches_known{};  ///< To history.
    std::uint32_t side_effects = 0;
    std::map<std::uint32_t, api::common::Payloads> side_effects_known{};
    struct mutable_effect {
        std::uint32_t calls = 0;
        std::optional<api::common::Payloads> value{};            ///< As it was last recorded.
        std::map<std::uint32_t, api::common::Payloads> known{};  ///< To history, of calls to come.
    };
    std::map<std::string, mutable_effect, std::less<>> mutable_effects{};  ///< By id.

    scheduler coroutines{};

private:
    using by_seq = std::map<std::uint32_t, std::unique_ptr<pending>>;

    [[nodiscard]] by_seq& of(pending_kind k) { return pending_[static_cast<std::size_t>(k)]; }

    [[nodiscard]] std::unique_ptr<pending> take(pending_kind what, std::uint32_t seq)
    {
        auto node = of(what).extract(seq);
        return node ? std::move(node.mapped()) : nullptr;
    }

    template <class Entry>
    [[nodiscard]] Entry* find(std::map<std::string, Entry, std::less<>> handler_table::*kind, std::string_view name)
    {
        for (const std::string_view n : {name, std::string_view{}}) {
            if (Entry* e = find_handler(handlers.*kind, n))
                return e;
            if (members != nullptr)
                if (const Entry* e = find_handler(members->*kind, n))
                    return const_cast<Entry*>(e);
        }
        return nullptr;
    }

    std::array<std::uint32_t, pending_kinds> seqs_{};
    std::array<by_seq, pending_kinds> pending_{};
    std::map<const pending*, std::unique_ptr<pending>> waiting_{};  ///< Local activities between two attempts.
};

inline void pending::cancel()
{
    if (cancel_asked_ || what_ == pending_kind::external_cancel || !of_->may_act("cancel"))
        return;
    cancel_asked_ = true;
    if (wait_)
        return wait_->cancel();
    const bool just_begun = began_ == of_->activation;
    bool at_once = just_begun || how_ != cancellation_type::wait_completed;
    switch (what_) {
    case pending_kind::activity: of_->want(cancel_activity{seq_}); break;
    case pending_kind::local_activity: of_->want(cancel_local_activity{seq_}); break;
    case pending_kind::timer: of_->want(cancel_timer{seq_}); break;
    case pending_kind::child: of_->want(cancel_child{seq_, scope() ? scope()->reason() : std::string{}}); break;
    case pending_kind::external_signal:
        of_->want(cancel_external_signal{seq_});
        at_once = just_begun;
        break;
    case pending_kind::external_cancel: break;
    }
    if (at_once)
        of_->cancelled_at_once(*this);
}

inline void pending::woken(const awaited&)
{
    of_->local_again(*this);
}

}  // namespace mayfly::temporal::workflow::detail
