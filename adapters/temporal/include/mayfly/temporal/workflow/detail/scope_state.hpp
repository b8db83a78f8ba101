// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/awaiting.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::temporal::workflow::detail {

class scope_state;

/// What ends with its scope.
class cancellable {
public:
    cancellable() = default;
    cancellable(const cancellable&) = delete;
    cancellable& operator=(const cancellable&) = delete;

    virtual void scope_cancelled() = 0;

    /// Once. Kept alive, and left with this.
    void enter(std::shared_ptr<scope_state> scope);
    void leave() noexcept;

    [[nodiscard]] const std::shared_ptr<scope_state>& scope() const noexcept { return scope_; }

protected:
    ~cancellable() { leave(); }

private:
    std::shared_ptr<scope_state> scope_{};
    std::uint64_t order_ = 0;
};

/// What is cancelled together, in the order in which it was begun.
class scope_state final : public cancellable, public std::enable_shared_from_this<scope_state> {
public:
    [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

    /// Cancelled with that one; at once, if it has been.
    void within(const std::shared_ptr<scope_state>& outer)
    {
        if (outer->cancelled())
            cancel(outer->reason());
        else
            enter(outer);
    }

    void cancel(const std::string& reason)
    {
        if (std::exchange(cancelled_, true))
            return;
        reason_ = reason;
        const auto keep = shared_from_this();
        std::uint64_t last = 0;
        for (auto at = members_.begin(); at != members_.end(); at = members_.upper_bound(last)) {
            last = at->first;
            at->second->scope_cancelled();
        }
        if (waited_)
            waited_->set();
    }

    void scope_cancelled() override { cancel(scope()->reason()); }

    /// Done when it is cancelled.
    [[nodiscard]] const std::shared_ptr<future_state<void>>& waited()
    {
        if (!waited_) {
            waited_ = std::make_shared<future_state<void>>();
            if (cancelled_)
                waited_->set();
        }
        return waited_;
    }

private:
    friend class cancellable;

    std::map<std::uint64_t, cancellable*> members_{};
    std::uint64_t order_ = 0;
    std::string reason_{};
    std::shared_ptr<future_state<void>> waited_{};
    bool cancelled_ = false;
};

inline void cancellable::enter(std::shared_ptr<scope_state> scope)
{
    scope_ = std::move(scope);
    order_ = ++scope_->order_;
    scope_->members_.emplace(order_, this);
}

inline void cancellable::leave() noexcept
{
    if (scope_)
        scope_->members_.erase(order_);
    scope_.reset();
}

}  // namespace mayfly::temporal::workflow::detail
