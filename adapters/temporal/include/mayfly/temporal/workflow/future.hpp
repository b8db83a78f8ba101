// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/awaiting.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace mayfly::temporal::workflow {

/** What comes of something that was begun: an activity, a timer, a child, a coroutine that was spawned.

    It has begun already. Wait for it at once, `co_await ctx.activity(...)`, or keep it and wait later; by name several
    times, and by several coroutines. To wait throws what it ended with: an `activity_error`, a `cancelled_error` and so
    on. A copy is the same future; that nobody waits for it, or has it any more, ends nothing.
*/
template <class T>
class [[nodiscard]] future {
public:
    using value_type = T;

    explicit future(std::shared_ptr<detail::future_state<T>> state) noexcept : state_{std::move(state)} {}

    /// It is there, or failed: to wait for it takes no time.
    [[nodiscard]] bool ready() const noexcept { return state_->done(); }
    [[nodiscard]] bool failed() const noexcept { return state_->done() && state_->error() != nullptr; }

    /// Asks for it to end. How it is waited for after that is said where it was begun.
    void cancel() const { state_->cancel(); }

    /// By name: what it came to stays in it.
    class by_reference : public detail::one_waiter {
    public:
        explicit by_reference(std::shared_ptr<detail::future_state<T>> state) : one_waiter(state), state_{state.get()}
        {}
        std::add_lvalue_reference_t<const T> await_resume() const { return state_->get(); }

    private:
        detail::future_state<T>* state_;
    };
    [[nodiscard]] by_reference in_workflow() const& { return by_reference(state_); }

    /// At once: what it came to is given away, unless somebody else has this future too.
    class by_value : public detail::one_waiter {
    public:
        explicit by_value(std::shared_ptr<detail::future_state<T>> state) : one_waiter(state), state_{state.get()}
        {
            state.reset();
        }
        T await_resume() const
        {
            if constexpr (std::is_void_v<T>)
                state_->get();
            else if constexpr (std::is_copy_constructible_v<T>)
                return this->alone() ? std::move(state_->get()) : state_->get();
            else
                return std::move(state_->get());
        }

    private:
        detail::future_state<T>* state_;
    };
    [[nodiscard]] by_value in_workflow() && { return by_value(std::move(state_)); }

    /// For what waits for several.
    [[nodiscard]] const std::shared_ptr<detail::future_state<T>>& state() const noexcept { return state_; }

private:
    std::shared_ptr<detail::future_state<T>> state_;
};

}  // namespace mayfly::temporal::workflow
