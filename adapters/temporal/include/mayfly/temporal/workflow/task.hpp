// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/scheduler.hpp>
#include <mayfly/temporal/workflow/errors.hpp>
#include <mayfly/temporal/workflow_signature.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace mayfly::temporal::workflow {

namespace detail {

/// What a workflow can wait for says how.
template <class A>
concept awaitable_here = requires(A&& a)
{
    std::forward<A>(a).in_workflow();
};

class promise_base : public frame {
public:
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }

    struct at_end {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> h) const noexcept
        {
            promise_base& p = h.promise();
            if (p.caller)
                p.of->by->next(p.caller, p.of);
            else
                p.of->done = true;
        }
        void await_resume() const noexcept {}
    };
    [[nodiscard]] at_end final_suspend() const noexcept { return {}; }

    template <class A>
    auto await_transform(A&& what, const char* in = __builtin_FILE(), unsigned at = __builtin_LINE(),
        const char* within = __builtin_FUNCTION())
    {
        static_assert(awaitable_here<A>,
            "a workflow can only co_await what its context gives: futures of activities, timers and children, "
            "conditions, when_all and when_any of futures, and other workflow::tasks (with std::move, if they have a "
            "name). Anything else, such as an asio::awaitable, is not in history and cannot be replayed: do it in an "
            "activity");
        file = in;
        line = at;
        function = within;
        if constexpr (awaitable_here<A>)
            return std::forward<A>(what).in_workflow();
        else
            return std::suspend_never{};
    }

    void unhandled_exception() noexcept { error = std::current_exception(); }

    std::exception_ptr error{};
};

template <class T>
class promise : public promise_base {
public:
    [[nodiscard]] task<T> get_return_object();

    template <class U>
        requires std::convertible_to<U&&, T>
    void return_value(U&& value) { value_.emplace(std::forward<U>(value)); }

    [[nodiscard]] T take()
    {
        if (error)
            std::rethrow_exception(error);
        return std::move(*value_);
    }

private:
    std::optional<T> value_{};
};

template <>
class promise<void> : public promise_base {
public:
    [[nodiscard]] task<void> get_return_object();
    void return_void() const noexcept {}
    void take() const
    {
        if (error)
            std::rethrow_exception(error);
    }
};

}  // namespace detail

/** A coroutine of a workflow: what `run`, handlers and everything that they call and that waits for something return.

    It begins when it is awaited, once: `auto paid = co_await pay(ctx, order);`. To have it run beside, see
    `context::spawn`. Parameters are taken by value: references outlive what they refer to only while the caller waits.
*/
template <class T = void>
class [[nodiscard]] task {
public:
    using promise_type = detail::promise<T>;

    explicit task(std::coroutine_handle<promise_type> h) noexcept : h_{h} {}
    task(task&& other) noexcept : h_{std::exchange(other.h_, {})} {}
    task& operator=(task other) noexcept
    {
        std::swap(h_, other.h_);
        return *this;
    }
    ~task()
    {
        if (h_)
            h_.destroy();
    }

    class called {
    public:
        explicit called(std::coroutine_handle<promise_type> h) noexcept : h_{h} {}

        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> caller) const
        {
            detail::frame& from = caller.promise();
            promise_type& to = h_.promise();
            to.caller = caller;
            to.of = from.of;
            from.called = &to;
            caller_ = &from;
            from.of->by->next(h_, from.of);
        }
        T await_resume() const
        {
            caller_->called = nullptr;
            return h_.promise().take();
        }

    private:
        std::coroutine_handle<promise_type> h_;
        mutable detail::frame* caller_ = nullptr;
    };
    [[nodiscard]] called in_workflow() &&
    {
        if (!h_ || h_.promise().of != nullptr)
            throw usage_error("a workflow::task is awaited once, and not after it was moved from: to have its result "
                              "in several places, spawn it and wait for the future");
        return called(h_);
    }

    /// For who runs it.
    [[nodiscard]] std::coroutine_handle<promise_type> release() noexcept { return std::exchange(h_, {}); }

private:
    std::coroutine_handle<promise_type> h_;
};

namespace detail {

template <class T>
task<T> promise<T>::get_return_object()
{
    return task<T>(std::coroutine_handle<promise>::from_promise(*this));
}

inline task<void> promise<void>::get_return_object()
{
    return task<void>(std::coroutine_handle<promise>::from_promise(*this));
}

}  // namespace detail

}  // namespace mayfly::temporal::workflow
