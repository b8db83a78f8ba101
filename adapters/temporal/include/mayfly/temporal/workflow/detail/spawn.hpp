// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/run_state.hpp>
#include <mayfly/temporal/workflow/future.hpp>
#include <mayfly/temporal/workflow/task.hpp>

#include <exception>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace mayfly::temporal::workflow::detail {

/// Begins a coroutine by itself. Without a cause of its own it has that of the one that begins it.
inline root& begin_root(
    run_state& state, root::kind what, std::string name, task<void> body, std::shared_ptr<const inbound> cause = {})
{
    const auto h = body.release();
    root& r = state.coroutines.begin(what, std::move(name), h, h.promise());
    const root* const by = state.coroutines.current();
    r.cause = cause || by == nullptr ? std::move(cause) : by->cause;
    return r;
}

/// A failure that nobody can ask for any more is the run's; that something was cancelled is none.
inline void fail_spawned(run_state& state, awaited& to, bool lost, const std::exception_ptr& error)
{
    to.fail(error);
    if (lost && !is_cancellation(error))
        state.fail(error);
}

template <class T>
task<void> drive(run_state& state, task<T> what, std::shared_ptr<future_state<T>> to)
{
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(what);
            to->set();
        } else {
            auto value = co_await std::move(what);
            to->set(std::move(value));
        }
    } catch (...) {
        fail_spawned(state, *to, to.use_count() == 1, std::current_exception());
    }
}

template <class T>
[[nodiscard]] future<T> spawn(run_state& state, task<T> what)
{
    auto to = std::make_shared<future_state<T>>();
    if (state.may_act("spawn"))
        begin_root(state, root::kind::spawned, "spawned", drive(state, std::move(what), to));
    return future<T>(std::move(to));
}

/// What a coroutine that was spawned is cancelled by.
class spawned_scope final : public awaited::source {
public:
    spawned_scope(run_state& state, std::shared_ptr<scope_state> of, std::shared_ptr<awaited> to)
        : state_{&state}, of_{std::move(of)}, to_{std::move(to)}
    {
        to_->set_source(this);
    }
    spawned_scope(const spawned_scope&) = delete;
    spawned_scope& operator=(const spawned_scope&) = delete;
    ~spawned_scope() { to_->set_source(nullptr); }

    void cancel() override
    {
        if (state_->may_act("cancel"))
            of_->cancel({});
    }
    [[nodiscard]] std::string words() const override { return "what was spawned"; }

private:
    run_state* state_;
    std::shared_ptr<scope_state> of_;
    std::shared_ptr<awaited> to_;
};

template <class Context, class T, class F, class... A>
task<void> drive_with_scope(run_state& state, std::unique_ptr<Context> own, std::unique_ptr<spawned_scope> cancels,
    F what, std::tuple<A...> arguments, std::shared_ptr<future_state<T>> to)
{
    try {
        auto running = std::apply([&](A&... a) { return what(*own, std::move(a)...); }, arguments);
        if constexpr (std::is_void_v<T>) {
            co_await std::move(running);
            cancels.reset();
            to->set();
        } else {
            auto value = co_await std::move(running);
            cancels.reset();
            to->set(std::move(value));
        }
    } catch (...) {
        cancels.reset();
        fail_spawned(state, *to, to.use_count() == 1, std::current_exception());
    }
}

template <class Context, class F, class... A>
[[nodiscard]] auto spawn_with_scope(run_state& state, const std::shared_ptr<scope_state>& in, F what, A... arguments)
{
    using returned = std::invoke_result_t<F&, Context&, A...>;
    using signature = workflow_signature<returned()>;
    static_assert(signature::is_task, "what is spawned returns a workflow::task");
    using result = typename signature::result;

    auto to = std::make_shared<future_state<result>>();
    if (state.may_act("spawn")) {
        auto within = std::make_shared<scope_state>();
        within->within(in);
        auto cancels = std::make_unique<spawned_scope>(state, within, to);
        begin_root(state, root::kind::spawned, "spawned",
            drive_with_scope<Context, result>(state, std::make_unique<Context>(state, std::move(within)),
                std::move(cancels), std::move(what), std::tuple<A...>(std::move(arguments)...), to));
    }
    return future<result>(std::move(to));
}

}  // namespace mayfly::temporal::workflow::detail
