// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace mayfly::temporal::detail {

/** The slots of one kind of task, and the pollers that fill them. Pure.

    A poll holds a slot from its begin, so that what it brings always has one.
*/
class poll_slots {
public:
    constexpr poll_slots(std::uint32_t slots, std::uint32_t pollers) noexcept : slots_{slots}, pollers_{pollers} {}

    /// Whether one more poll may begin.
    [[nodiscard]] constexpr bool may_poll() const noexcept
    {
        return open_ && polls_ < pollers_ && polls_ + tasks_ < slots_;
    }
    constexpr void poll_began() noexcept { ++polls_; }
    /// It ended. With a task, the slot goes over to that.
    constexpr void poll_ended(bool with_task) noexcept
    {
        --polls_;
        tasks_ += with_task ? 1 : 0;
    }
    /// Its outcome has been reported, or will not be.
    constexpr void task_ended() noexcept { --tasks_; }

    /// No poll begins from now on. Those under way may still bring tasks.
    constexpr void close() noexcept { open_ = false; }

    [[nodiscard]] constexpr bool open() const noexcept { return open_; }
    [[nodiscard]] constexpr std::uint32_t slots() const noexcept { return slots_; }
    [[nodiscard]] constexpr std::uint32_t polls() const noexcept { return polls_; }
    [[nodiscard]] constexpr std::uint32_t tasks() const noexcept { return tasks_; }
    /// Every poller waits at the queue that has a slot to wait with.
    [[nodiscard]] constexpr bool all_poll() const noexcept
    {
        return polls_ >= std::min(pollers_, slots_ - std::min(tasks_, slots_));
    }
    [[nodiscard]] constexpr double load() const noexcept
    {
        return slots_ == 0 ? 0.0 : static_cast<double>(std::min(tasks_, slots_)) / slots_;
    }

private:
    std::uint32_t slots_;
    std::uint32_t pollers_;
    std::uint32_t polls_ = 0;
    std::uint32_t tasks_ = 0;
    bool open_ = true;
};

}  // namespace mayfly::temporal::detail
