// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace mayfly::temporal::detail {

/// Where a poll waits: at the queue that all workers share, or at the one of this worker alone.
enum class poll_at : std::uint8_t { normal, sticky };

/** The slots of one kind of task, and the pollers that fill them. Pure.

    A poll holds a slot from its begin, so that what it brings always has one. Where there is a sticky queue both are
    polled, as evenly as may be: the normal one first if there is room for one poll alone, as what waits at the sticky
    one goes there after a while; and the sticky one more often if more waits there.
*/
class poll_slots {
public:
    constexpr poll_slots(std::uint32_t slots, std::uint32_t pollers, bool sticky = false) noexcept
        : slots_{slots}, pollers_{pollers}, sticky_{sticky}
    {}

    /// Whether one more poll may begin.
    [[nodiscard]] constexpr bool may_poll() const noexcept
    {
        return open_ && polls() < pollers_ && polls() + tasks_ < slots_;
    }
    /// Where that one is to wait.
    [[nodiscard]] constexpr poll_at next() const noexcept
    {
        const auto normal = polls(poll_at::normal);
        const auto sticky = polls(poll_at::sticky);
        if (!sticky_ || normal == 0)
            return poll_at::normal;
        return sticky <= normal || sticky_backlog_ > sticky ? poll_at::sticky : poll_at::normal;
    }
    /// Whether all slots that are left wait at the sticky queue, so that nobody hears of what comes to the normal one:
    /// when those polls began there was another at that.
    [[nodiscard]] constexpr bool normal_starves() const noexcept
    {
        return open_ && polls(poll_at::normal) == 0 && polls(poll_at::sticky) != 0 && !may_poll();
    }
    constexpr void poll_began(poll_at where = poll_at::normal) noexcept { ++polls_[index(where)]; }
    /// It ended. With a task, the slot goes over to that.
    constexpr void poll_ended(bool with_task, poll_at where = poll_at::normal) noexcept
    {
        --polls_[index(where)];
        tasks_ += with_task ? 1 : 0;
    }
    /// A slot for a task that no poll brings, if there is one: from here on like one that did.
    [[nodiscard]] constexpr bool take_slot() noexcept
    {
        if (!open_ || polls() + tasks_ >= slots_)
            return false;
        ++tasks_;
        return true;
    }
    /// What the sticky queue says that still waits there.
    constexpr void told_sticky_backlog(std::int64_t n) noexcept { sticky_backlog_ = n; }
    /// Its outcome has been reported, or will not be.
    constexpr void task_ended() noexcept { --tasks_; }

    /// No poll begins from now on. Those under way may still bring tasks.
    constexpr void close() noexcept { open_ = false; }

    [[nodiscard]] constexpr bool open() const noexcept { return open_; }
    [[nodiscard]] constexpr std::uint32_t slots() const noexcept { return slots_; }
    [[nodiscard]] constexpr std::uint32_t polls() const noexcept { return polls_[0] + polls_[1]; }
    [[nodiscard]] constexpr std::uint32_t polls(poll_at where) const noexcept { return polls_[index(where)]; }
    [[nodiscard]] constexpr std::uint32_t tasks() const noexcept { return tasks_; }
    /// Every poller waits at the queue that has a slot to wait with.
    [[nodiscard]] constexpr bool all_poll() const noexcept
    {
        return polls() >= std::min(pollers_, slots_ - std::min(tasks_, slots_));
    }
    [[nodiscard]] constexpr double load() const noexcept
    {
        return slots_ == 0 ? 0.0 : static_cast<double>(std::min(tasks_, slots_)) / slots_;
    }

private:
    [[nodiscard]] static constexpr std::size_t index(poll_at where) noexcept { return static_cast<std::size_t>(where); }

    std::uint32_t slots_;
    std::uint32_t pollers_;
    bool sticky_;
    std::array<std::uint32_t, 2> polls_{};
    std::int64_t sticky_backlog_ = 0;
    std::uint32_t tasks_ = 0;
    bool open_ = true;
};

}  // namespace mayfly::temporal::detail
