// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/begin.hpp>
#include <mayfly/temporal/workflow/detail/call.hpp>
#include <mayfly/temporal/workflow/future.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::temporal::workflow {

/// Another workflow, to be signalled and cancelled.
class external_workflow {
public:
    external_workflow(
        detail::run_state& state, std::shared_ptr<detail::scope_state> in, external_target target) noexcept
        : state_{&state}, in_{std::move(in)}, target_{std::move(target)}
    {}

    [[nodiscard]] const std::string& workflow_id() const noexcept { return target_.workflow_id; }

    /// By name, or a `typed_signal`, which knows what it takes. Waited for, it is delivered, or throws why not.
    template <class S, class... A>
    future<void> signal(const S& which, const A&... values) const
    {
        static_assert(detail::by_name<S> || detail::is_typed<S, typed_signal>,
            "a signal is called by its name: text, or a typed_signal with what it takes");
        std::string name = detail::name_of(which, nullptr, "a signal");
        auto input = detail::encode_for<S, workflow_signature>(name, state_->setup.converter, values...);
        return future<void>(detail::begin_signal(*state_, in_, target_, std::move(name), std::move(input)));
    }

    /// Waited for, it was asked for, or throws why not; not that it has ended.
    future<void> cancel(std::string_view reason = {}) const
    {
        return future<void>(detail::begin_cancel(*state_, in_, target_, std::string(reason)));
    }

private:
    detail::run_state* state_;
    std::shared_ptr<detail::scope_state> in_;
    external_target target_;
};

/** A child that was begun. It is the future of its result: `co_await ctx.child(ship, order)`. It throws a
    `child_workflow_error` if the child fails, or cannot be started.
*/
template <class T>
class [[nodiscard]] child_workflow : public future<T> {
public:
    child_workflow(detail::run_state& state, std::shared_ptr<detail::scope_state> in, detail::begun_child<T> begun)
        : future<T>(std::move(begun.result)),
          state_{&state},
          in_{std::move(in)},
          started_{std::move(begun.started)},
          workflow_id_{std::move(begun.workflow_id)}
    {}

    [[nodiscard]] const std::string& workflow_id() const noexcept { return workflow_id_; }

    /// Its run id, once it has been started. Wait for this before a workflow ends that leaves a child behind.
    [[nodiscard]] future<std::string> started() const { return future<std::string>(started_); }

    /// By name, or a `typed_signal`.
    template <class S, class... A>
    future<void> signal(const S& which, const A&... values) const
    {
        return external_workflow(*state_, in_, {workflow_id_, {}, true}).signal(which, values...);
    }

private:
    detail::run_state* state_;
    std::shared_ptr<detail::scope_state> in_;
    std::shared_ptr<detail::future_state<std::string>> started_;
    std::string workflow_id_;
};

}  // namespace mayfly::temporal::workflow
