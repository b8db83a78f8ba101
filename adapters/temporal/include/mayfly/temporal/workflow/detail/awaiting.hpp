// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/scheduler.hpp>

#include <algorithm>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/// A coroutine that is suspended, and how it goes on.
class suspended {
public:
    template <class Promise>
    void keep(std::coroutine_handle<Promise> h, const waited_for& on)
    {
        handle_ = h;
        frame_ = &h.promise();
        frame_->on = &on;
    }
    [[nodiscard]] root* of() const noexcept { return frame_->of; }

    /// Behind all that are ready.
    void wake()
    {
        frame_->on = nullptr;
        frame_->of->by->ready(handle_, frame_->of);
    }
    /// Before all that are ready.
    void resume()
    {
        frame_->on = nullptr;
        frame_->of->by->next(handle_, frame_->of);
    }

private:
    std::coroutine_handle<> handle_{};
    frame* frame_ = nullptr;
};

class awaited;

/// Hears that something is there.
class waiter {
public:
    virtual void woken(const awaited& by) = 0;

protected:
    ~waiter() = default;
};

/// What can be waited for, by several, and is then there for good.
class awaited : public waited_for {
public:
    awaited() = default;
    awaited(const awaited&) = delete;
    awaited& operator=(const awaited&) = delete;
    virtual ~awaited() = default;

    [[nodiscard]] bool done() const noexcept { return done_; }
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }

    void fail(std::exception_ptr error)
    {
        error_ = std::move(error);
        finish();
    }

    void add(waiter& w) { waiters_.push_back(&w); }
    void remove(waiter& w) noexcept { std::erase(waiters_, &w); }

    /// Asks for the end of what brings it; nothing, if that cannot be asked or is there.
    void cancel() const
    {
        if (source_ != nullptr && !done_)
            source_->cancel();
    }

    class source {
    public:
        virtual void cancel() = 0;
        [[nodiscard]] virtual std::string words() const = 0;

    protected:
        ~source() = default;
    };
    void set_source(source* from) noexcept { source_ = from; }

    [[nodiscard]] std::string words() const override { return source_ != nullptr ? source_->words() : "a future"; }

protected:
    void finish()
    {
        done_ = true;
        source_ = nullptr;
        for (waiter* w : std::exchange(waiters_, {}))
            w->woken(*this);
    }

private:
    std::vector<waiter*> waiters_{};
    std::exception_ptr error_{};
    source* source_ = nullptr;
    bool done_ = false;
};

template <class T>
class future_state final : public awaited {
public:
    void set(T value)
    {
        value_.emplace(std::move(value));
        finish();
    }
    /// Only when it is done.
    [[nodiscard]] T& get()
    {
        if (error())
            std::rethrow_exception(error());
        return *value_;
    }

private:
    std::optional<T> value_{};
};

template <>
class future_state<void> final : public awaited {
public:
    void set() { finish(); }
    void get() const
    {
        if (error())
            std::rethrow_exception(error());
    }
};

/// Suspends one coroutine until one thing is there.
class one_waiter : public waiter {
public:
    explicit one_waiter(std::shared_ptr<awaited> on) noexcept : on_{std::move(on)} {}
    one_waiter(const one_waiter&) = delete;
    one_waiter& operator=(const one_waiter&) = delete;
    ~one_waiter()
    {
        if (waits_)
            on_->remove(*this);
    }

    [[nodiscard]] bool await_ready() const noexcept { return on_->done(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> h)
    {
        who_.keep(h, *on_);
        waits_ = true;
        on_->add(*this);
    }
    void woken(const awaited&) override
    {
        waits_ = false;
        who_.wake();
    }

protected:
    /// Nobody else has it.
    [[nodiscard]] bool alone() const noexcept { return on_.use_count() == 1; }

private:
    std::shared_ptr<awaited> on_;
    suspended who_{};
    bool waits_ = false;
};

}  // namespace mayfly::temporal::workflow::detail
