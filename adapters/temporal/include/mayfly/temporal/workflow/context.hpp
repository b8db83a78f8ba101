// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/metrics.hpp>
#include <mayfly/temporal/workflow/calls.hpp>
#include <mayfly/temporal/workflow/detail/answers.hpp>
#include <mayfly/temporal/workflow/detail/condition_wait.hpp>
#include <mayfly/temporal/workflow/detail/facilities.hpp>
#include <mayfly/temporal/workflow/detail/spawn.hpp>
#include <mayfly/temporal/workflow/task.hpp>
#include <mayfly/temporal/workflow/when.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace mayfly::temporal::workflow {

class cancellation_scope;

/// Tells people what a workflow does, once: nothing while it is replayed.
class run_logger {
public:
    explicit run_logger(const detail::run_state& state) noexcept : state_{&state} {}

    void debug(std::string_view words) const { state_->log(log_level::debug, words); }
    void info(std::string_view words) const { state_->log(log_level::info, words); }
    void warning(std::string_view words) const { state_->log(log_level::warning, words); }
    void error(std::string_view words) const { state_->log(log_level::error, words); }

private:
    const detail::run_state* state_;
};

/** What a workflow may use of the world. All else that differs from run to run, such as clocks, files, threads and
    random devices, is not for workflow code: it is run again, from history, and has to do the same again.

    One is given to `run` and to handlers; it lives as long as the run. What is begun with a scope is cancelled with it.
    Between two waits, nothing else of the run comes in between.
*/
class context : public calls {
public:
    context(detail::run_state& state, std::shared_ptr<detail::scope_state> in) noexcept : calls(state, std::move(in)) {}
    context(const context&) = delete;
    context& operator=(const context&) = delete;

    // Waiting.

    /// A timer. Of zero or less there is none, and no wait.
    [[nodiscard]] future<void> sleep(std::chrono::nanoseconds duration, const timer_options& o = {}) const
    {
        return future<void>(
            state().start_timer(duration, in(), detail::encode_words(state().setup.converter, o.summary, o.details)));
    }

    /// Until it holds: `co_await ctx.wait_for([&] { return approved; });`. It is asked whenever something has run, and
    /// still holds when this goes on. It looks, and changes nothing. What captures by value what has a destructor, such
    /// as text, gets a name first: `auto came = [id, &seen] {...}; co_await ctx.wait_for(came);`.
    template <detail::called_later Holds>
    [[nodiscard]] auto wait_for(Holds&& what) const
    {
        detail::check_closure<Holds>();
        return detail::condition_wait<std::decay_t<Holds>>(state(), in(), std::forward<Holds>(what));
    }

    /// Whether it held before the time was over.
    template <detail::called_later Holds>
    [[nodiscard]] auto wait_for(Holds&& what, std::chrono::nanoseconds at_most) const
    {
        detail::check_closure<Holds>();
        return detail::condition_wait<std::decay_t<Holds>>(state(), in(), std::forward<Holds>(what), at_most);
    }

    /// Runs beside what calls this, from the next wait on. A task's own context says what it is cancelled with.
    template <class T>
    [[nodiscard]] future<T> spawn(task<T> what) const
    {
        return detail::spawn(state(), std::move(what));
    }

    /// The same with a scope of its own, which `cancel` of the future cancels: `ctx.spawn([&](workflow::context& ctx)
    /// -> workflow::task<> {...})`. The function and the arguments are kept for it; a function gets a name first as in
    /// `wait_for`.
    template <class F, class... A>
        requires detail::called_later<F, context&, A...>
    [[nodiscard]] auto spawn(F&& what, A... arguments) const
    {
        detail::check_closure<F>();
        return detail::spawn_with_scope<context>(
            state(), in(), std::decay_t<F>(std::forward<F>(what)), std::move(arguments)...);
    }

    // Cancelling.

    /// One within this: cancelled with it, or by itself.
    [[nodiscard]] cancellation_scope scope() const;

    /// One that is not cancelled with this: for what has to be done whatever happens, such as compensation.
    [[nodiscard]] cancellation_scope shielded() const;

    /// This scope, or one around it, was cancelled.
    [[nodiscard]] bool cancelled() const noexcept { return in()->cancelled(); }
    /// The workflow was asked to end, by whoever; scopes of its own do not count.
    [[nodiscard]] bool cancel_requested() const noexcept { return state().root_scope->cancelled(); }
    [[nodiscard]] const std::string& cancel_reason() const noexcept { return in()->reason(); }
    /// There when this scope is cancelled.
    [[nodiscard]] future<void> cancellation() const { return future<void>(in()->waited()); }

    // Other workflows.

    [[nodiscard]] external_workflow external(std::string workflow_id, std::string run_id = {}) const
    {
        return external_workflow(state(), in(), {std::move(workflow_id), std::move(run_id), false});
    }

    // Handlers, from here on. They may use what `run` has in its own frame: they end with it. Members of a class are
    // registered with the class, and its queries are answered after the end too.

    /// Signals of this name that came before are handled now.
    template <class F>
    void on_signal(std::string name, F f, std::string description = {})
    {
        auto entry = detail::make_signal(std::move(f));
        entry.description = std::move(description);
        detail::check_handler_name(state(), name);
        detail::register_signal(state(), std::move(name), std::move(entry));
    }
    template <class F>
    void on_update(std::string name, F f, std::string description = {})
    {
        detail::check_handler_name(state(), name);
        add_update(std::move(name), detail::make_update(std::move(f), detail::lets_all_in{}), std::move(description));
    }
    /// `validator` takes the same arguments, and throws if the update cannot be let in: then it leaves no trace.
    template <class F, class V>
        requires(!std::convertible_to<V, std::string>)
    void on_update(std::string name, F f, V validator, std::string description = {})
    {
        detail::check_handler_name(state(), name);
        add_update(std::move(name), detail::make_update(std::move(f), std::move(validator)), std::move(description));
    }
    /// `f` looks, and changes nothing.
    template <class F>
    void on_query(std::string name, F f, std::string description = {})
    {
        auto entry = detail::make_query(std::move(f));
        entry.description = std::move(description);
        detail::check_handler_name(state(), name);
        state().handlers.queries.insert_or_assign(std::move(name), std::move(entry));
    }
    /// For all names that have no handler: functions of `(std::string name, raw_arguments)`.
    template <class F>
    void on_any_signal(F f)
    {
        detail::register_signal(state(), {}, detail::make_signal(std::move(f)));
    }
    template <class F>
    void on_any_update(F f)
    {
        add_update({}, detail::make_update(std::move(f), detail::lets_all_in{}), {});
    }
    template <class F>
    void on_any_query(F f)
    {
        if (state().may_act("on_any_query"))
            state().handlers.queries.insert_or_assign({}, detail::make_query(std::move(f)));
    }

    /// No handler of a signal or an update is under way, this one aside if it is asked in one: what to wait for before
    /// a workflow ends or continues. What a handler spawned is not the handler: it sees that one as under way.
    [[nodiscard]] bool all_handlers_finished() const noexcept
    {
        const detail::root* const here = state().coroutines.current();
        const std::size_t mine = here != nullptr && here->what == detail::root::kind::handler ? 1 : 0;
        return state().handlers_running <= mine;
    }

    // What is the same at every replay.

    /// When history says that it is.
    [[nodiscard]] workflow_time now() const noexcept { return state().facts.now; }
    [[nodiscard]] random_source& random() const
    {
        (void)state().may_act("random");
        return state().random;
    }
    [[nodiscard]] std::string uuid() const { return random().uuid(); }

    /// Done once, now, outside of the workflow's rules; at a replay it is what it was. For what is quick and cannot
    /// fail, such as reading a setting; for all else there are activities.
    template <std::invocable F>
    [[nodiscard]] std::invoke_result_t<F&> side_effect(F f) const
    {
        using result = std::invoke_result_t<F&>;
        static_assert(!std::is_void_v<result>, "a side effect returns what it came to, which history keeps");
        return detail::side_effect<std::remove_cvref_t<result>>(state(), f);
    }

    /// The same for what may change on the way, such as a setting: looked at once more by each call, and written into
    /// history where it is not what it was at the call before with this id. `same(before, now)` says so.
    template <std::invocable F, class Same = std::equal_to<>>
    [[nodiscard]] std::remove_cvref_t<std::invoke_result_t<F&>> mutable_side_effect(
        std::string id, F f, Same same = {}) const
    {
        using result = std::remove_cvref_t<std::invoke_result_t<F&>>;
        static_assert(!std::is_void_v<result>, "a side effect returns what it came to, which history keeps");
        return detail::mutable_side_effect<result>(state(), std::move(id), f, same);
    }

    /// Whether to go the new way: `if (ctx.patched("charge-tax"))`. Runs that went by here before the patch do not.
    [[nodiscard]] bool patched(std::string_view id) const { return detail::patched(state(), id, false); }
    /// Instead, when no run is left that went the old way: runs that have the patch still pass.
    void deprecate_patch(std::string_view id) const { (void)detail::patched(state(), id, true); }

    // What it is.

    [[nodiscard]] const run_info& info() const noexcept { return state().info; }
    /// What the present workflow task says; whether to continue as new, for one.
    [[nodiscard]] const task_facts& facts() const noexcept { return state().facts; }
    [[nodiscard]] bool continue_as_new_suggested() const noexcept { return state().facts.continue_as_new_suggested; }
    /// For what must not be seen twice; decide nothing by it.
    [[nodiscard]] bool replaying() const noexcept { return state().unseen(); }
    [[nodiscard]] run_logger logger() const noexcept { return run_logger(state()); }
    /// Measures what happens, once: nothing while it is replayed, and nothing in queries and validators. Its tags are
    /// `namespace`, `task_queue` and `workflow_type`. It ends with the run.
    [[nodiscard]] temporal::meter meter() const
    {
        const auto& s = state();
        if (!s.setup.metrics)
            return temporal::meter(metric_sink{});
        return temporal::meter([&s](const measurement& m) { s.measure(m); },
            temporal::detail::known_tags({{"namespace", s.setup.name_space}, {"task_queue", s.setup.task_queue},
                {"workflow_type", s.setup.workflow_type}}));
    }

    /// As it is now. Throws where a codec cannot read it.
    [[nodiscard]] memo_values memo() const { return memo_values::from(state().memo, state().setup.converter).value(); }
    /// Those that are set, and removed, there.
    void upsert(const memo_values& changes) const { detail::upsert(state(), changes); }
    [[nodiscard]] search_values search_attributes() const { return search_values(state().search_attributes); }
    void upsert(const search_values& changes) const { detail::upsert(state(), changes); }

    /// What people are shown of where it is, in Markdown.
    void set_current_details(std::string text) const
    {
        if (state().may_act("set_current_details"))
            state().current_details = std::move(text);
    }
    [[nodiscard]] const std::string& current_details() const noexcept { return state().current_details; }

private:
    friend detail::run_state& detail::state_of(context&);

    void add_update(std::string name, detail::update_entry entry, std::string description)
    {
        if (!state().may_act("a handler's registration"))
            return;
        entry.description = std::move(description);
        state().handlers.updates.insert_or_assign(std::move(name), std::move(entry));
    }
};

/** A context that can be cancelled by itself: all that was begun with it, and with scopes within it, in the order in
    which it was begun. To lose it cancels nothing.
*/
class cancellation_scope : public context {
public:
    using context::context;

    void cancel(std::string_view reason = {}) const
    {
        if (state().may_act("cancel"))
            in()->cancel(std::string(reason));
    }
};

inline cancellation_scope context::scope() const
{
    auto within = std::make_shared<detail::scope_state>();
    within->within(in());
    return cancellation_scope(state(), std::move(within));
}

inline cancellation_scope context::shielded() const
{
    return cancellation_scope(state(), std::make_shared<detail::scope_state>());
}

namespace detail {

inline run_state& state_of(context& ctx)
{
    return ctx.state();
}

}  // namespace detail

}  // namespace mayfly::temporal::workflow
