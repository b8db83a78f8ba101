// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>

// What runs of a run, and in which order: nothing here depends on anything but what was begun and in which order.

namespace mayfly::temporal::workflow::detail {

class scheduler;
struct inbound;

/// Something that a coroutine waits for, in words for people.
class waited_for {
public:
    [[nodiscard]] virtual std::string words() const = 0;

protected:
    ~waited_for() = default;
};

struct root;

/// What every coroutine of a workflow has.
struct frame {
    root* of = nullptr;
    std::coroutine_handle<> caller{};  ///< To go on with when it has ended.
    frame* called = nullptr;           ///< The coroutine that it waits for,
    const waited_for* on = nullptr;    ///< or what else.
    const char* file = "";
    unsigned line = 0;
    const char* function = "";
};

/// Coroutines that were begun by themselves, and all that they call: the workflow, a handler, something spawned.
struct root {
    enum class kind : std::uint8_t { run, handler, spawned };

    scheduler* by = nullptr;
    std::uint64_t order = 0;
    kind what = kind::spawned;
    bool outlives_run = false;  ///< A handler that uses nothing of what `run` has in its frames.
    bool done = false;
    std::string name{};
    std::coroutine_handle<> body{};
    frame* top = nullptr;
    std::shared_ptr<const inbound> cause{};  ///< Why it was begun, where interceptors want to know; else null.

    root() = default;
    root(const root&) = delete;
    root& operator=(const root&) = delete;
    ~root()
    {
        if (body)
            body.destroy();
    }
};

/// A coroutine that waits until something holds.
class condition {
public:
    /// May throw: that wakes it as well.
    [[nodiscard]] virtual bool holds() = 0;
    /// It is waited for no longer. Makes its coroutine the next.
    virtual void release() = 0;

    root* of = nullptr;
    std::uint64_t order = 0;

protected:
    ~condition() = default;
};

/** Runs what is ready, first come, first served. What one coroutine calls and returns to runs at once: between two
    waits nothing else comes in between.

    From its own loop always, so that ten thousand calls in a row need no stack.
*/
class scheduler {
public:
    scheduler() = default;
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    ~scheduler() { end(); }

    /// Behind all that are ready.
    void ready(std::coroutine_handle<> h, root* of) { ready_.push_back({h, of}); }
    /// Before all others. For what the running coroutine calls or returns to.
    void next(std::coroutine_handle<> h, root* of) { next_ = {h, of}; }

    /// Takes what `body` is the coroutine of, to be started behind all that are ready.
    root& begin(root::kind what, std::string name, std::coroutine_handle<> body, frame& top)
    {
        auto made = std::make_unique<root>();
        root& r = *made;
        r.by = this;
        r.what = what;
        r.name = std::move(name);
        r.body = body;
        r.top = &top;
        top.of = &r;
        r.order = ++order_;
        roots_.emplace(r.order, std::move(made));
        ready(body, &r);
        return r;
    }

    void add(condition& c) { conditions_.emplace(c.order = ++order_, &c); }
    void remove(condition& c) { conditions_.erase(c.order); }

    /// Until nothing can go on. Conditions are asked in the order in which they were waited for, each time that
    /// something has run, and each is still true when its coroutine goes on.
    void run()
    {
        drain();
        for (bool again = true; again && !halted_;) {
            again = false;
            std::uint64_t last = 0;
            for (auto at = conditions_.begin(); at != conditions_.end() && !halted_;
                 at = conditions_.upper_bound(last)) {
                last = at->first;
                condition& c = *at->second;
                if (!may_run(*c.of))
                    continue;
                current_ = c.of;
                const bool holds = c.holds();
                current_ = nullptr;
                if (!holds)
                    continue;
                conditions_.erase(at);
                c.release();
                drain();
                again = true;
            }
        }
    }

    /// Nothing runs any more, but what outlives the workflow's own coroutine.
    void close() noexcept { closed_ = true; }
    /// Nothing runs any more at all.
    void halt() noexcept { halted_ = true; }

    /// Destroys all coroutines, the youngest first: they may use what older ones have.
    void end() noexcept
    {
        halted_ = true;
        ready_.clear();
        while (!roots_.empty()) {
            const auto last = std::prev(roots_.end());
            const auto dying = std::move(last->second);
            roots_.erase(last);
        }
        conditions_.clear();
    }

    [[nodiscard]] bool halted() const noexcept { return halted_; }
    [[nodiscard]] root* current() const noexcept { return current_; }
    [[nodiscard]] const std::map<std::uint64_t, std::unique_ptr<root>>& roots() const noexcept { return roots_; }

private:
    struct entry {
        std::coroutine_handle<> h{};
        root* of = nullptr;
    };

    [[nodiscard]] bool may_run(const root& r) const noexcept { return !closed_ || r.outlives_run; }

    void drain()
    {
        while (!halted_) {
            entry now = std::exchange(next_, {});
            if (!now.h) {
                if (ready_.empty())
                    return;
                now = ready_.front();
                ready_.pop_front();
            }
            if (!may_run(*now.of))
                continue;
            current_ = now.of;
            now.h.resume();
            current_ = nullptr;
            if (now.of->done)
                roots_.erase(now.of->order);
        }
    }

    entry next_{};
    std::deque<entry> ready_{};
    std::map<std::uint64_t, std::unique_ptr<root>> roots_{};
    std::map<std::uint64_t, condition*> conditions_{};
    std::uint64_t order_ = 0;
    root* current_ = nullptr;
    bool closed_ = false;
    bool halted_ = false;
};

}  // namespace mayfly::temporal::workflow::detail
