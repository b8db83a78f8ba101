// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mayfly::testing {

/// Something that happens at a moment of simulated time. What the fields mean is up to whoever schedules.
struct event {
    uptime at{};
    std::uint64_t order = 0;  ///< Of scheduling; set by the queue.
    std::uint32_t who = 0;
    std::uint32_t stamp = 0;  ///< To tell that `who` has become somebody else.
    std::uint8_t what = 0;
};

/** Events by time; those of the same instant in the order in which they were scheduled.

    A four-way heap in one vector: half as deep as a binary one, and the four children share a cache line or two.
*/
class event_queue {
public:
    void schedule(uptime at, std::uint8_t what, std::uint32_t who = 0, std::uint32_t stamp = 0)
    {
        heap_.push_back({at, next_++, who, stamp, what});
        rise(heap_.size() - 1);
    }

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

    /// The moment of the next event, or `never`.
    [[nodiscard]] uptime next() const noexcept { return heap_.empty() ? never : heap_.front().at; }

    /// Removes the next event. The queue must not be empty.
    event pop() noexcept
    {
        const event top = heap_.front();
        const event last = heap_.back();
        heap_.pop_back();
        if (!heap_.empty())
            sink(last);
        return top;
    }

private:
    static bool before(const event& a, const event& b) noexcept
    {
        return a.at != b.at ? a.at < b.at : a.order < b.order;
    }

    void rise(std::size_t i) noexcept
    {
        const event e = heap_[i];
        while (i > 0) {
            const std::size_t parent = (i - 1) / 4;
            if (!before(e, heap_[parent]))
                break;
            heap_[i] = heap_[parent];
            i = parent;
        }
        heap_[i] = e;
    }

    void sink(const event& e) noexcept
    {
        const std::size_t n = heap_.size();
        std::size_t i = 0;
        for (std::size_t child = 1; child < n; child = i * 4 + 1) {
            std::size_t least = child;
            for (std::size_t c = child + 1; c < child + 4 && c < n; ++c) {
                if (before(heap_[c], heap_[least]))
                    least = c;
            }
            if (!before(heap_[least], e))
                break;
            heap_[i] = heap_[least];
            i = least;
        }
        heap_[i] = e;
    }

    std::vector<event> heap_{};
    std::uint64_t next_ = 0;
};

}  // namespace mayfly::testing
