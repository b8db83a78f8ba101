// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/run_state.hpp>

#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace mayfly::temporal::workflow::detail {

/// A function that is kept.
template <class F, class... A>
concept called_later = std::invocable<std::add_lvalue_reference_t<std::decay_t<F>>, A...>;

/// GCC 12 destroys a closure twice that is a temporary of a co_await expression. So a temporary has nothing to destroy,
/// with any compiler.
template <class F>
concept safe_closure = std::is_lvalue_reference_v<F> || std::is_trivially_destructible_v<F>;

template <class F>
constexpr void check_closure()
{
    static_assert(safe_closure<F>,
        "this function captures by value what has a destructor: capture it by reference, or give the function a name "
        "first and pass that: `auto came = [id, &seen] {...}; co_await ctx.wait_for(came);`");
}

/// Waits until something holds, or not that long.
template <class Holds>
class condition_waiter final : public condition, public cancellable, public waited_for, public waiter {
public:
    condition_waiter(
        run_state& state, std::shared_ptr<scope_state> in, Holds what, std::optional<std::chrono::nanoseconds> at_most)
        : state_{&state}, in_{std::move(in)}, what_{std::move(what)}, at_most_{at_most}
    {}
    ~condition_waiter()
    {
        if (waits_)
            stop();
    }

    [[nodiscard]] bool await_ready()
    {
        if (holds())
            return true;
        cancelled_ = in_->cancelled();
        return cancelled_ || (at_most_ && *at_most_ <= std::chrono::nanoseconds::zero());
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> h)
    {
        who_.keep(h, *this);
        of = who_.of();
        waits_ = true;
        state_->coroutines.add(*this);
        enter(std::move(in_));
        if (at_most_) {
            timer_ = state_->start_timer(*at_most_, nullptr);
            timer_->add(*this);
        }
    }
    /// False: the time was over.
    bool await_resume() const
    {
        if (error_)
            std::rethrow_exception(error_);
        if (cancelled_)
            throw cancelled_error("cancelled while it waited for a condition");
        return held_;
    }

    [[nodiscard]] bool holds() override
    {
        const char* const before = std::exchange(state_->reading, "a condition");
        try {
            held_ = static_cast<bool>(what_());
        } catch (...) {
            error_ = std::current_exception();
        }
        state_->reading = before;
        return held_ || error_;
    }
    void release() override
    {
        stop();
        who_.resume();
    }
    void scope_cancelled() override
    {
        cancelled_ = true;
        stop();
        who_.wake();
    }
    void woken(const awaited&) override
    {
        timer_.reset();
        (void)holds();
        stop();
        who_.wake();
    }
    [[nodiscard]] std::string words() const override { return "a condition"; }

private:
    void stop()
    {
        waits_ = false;
        state_->coroutines.remove(*this);
        leave();
        if (const auto timer = std::exchange(timer_, nullptr)) {
            timer->remove(*this);
            timer->cancel();
        }
    }

    run_state* state_;
    std::shared_ptr<scope_state> in_;
    Holds what_;
    std::optional<std::chrono::nanoseconds> at_most_;
    std::shared_ptr<future_state<void>> timer_{};
    suspended who_{};
    std::exception_ptr error_{};
    bool waits_ = false;
    bool held_ = false;
    bool cancelled_ = false;
};

/// The same, not waited for yet.
template <class Holds>
class [[nodiscard]] condition_wait {
public:
    condition_wait(run_state& state, std::shared_ptr<scope_state> in, Holds what,
        std::optional<std::chrono::nanoseconds> at_most = {})
        : state_{&state}, in_{std::move(in)}, what_{std::move(what)}, at_most_{at_most}
    {}
    [[nodiscard]] condition_waiter<Holds> in_workflow() &&
    {
        return condition_waiter<Holds>(*state_, std::move(in_), std::move(what_), at_most_);
    }

private:
    run_state* state_;
    std::shared_ptr<scope_state> in_;
    Holds what_;
    std::optional<std::chrono::nanoseconds> at_most_;
};

}  // namespace mayfly::temporal::workflow::detail
