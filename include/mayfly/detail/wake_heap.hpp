// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mayfly::detail {

/// One alarm for each of many sleepers, soonest first. A sleeper without an alarm takes four bytes.
class wake_heap {
public:
    [[nodiscard]] uptime soonest() const noexcept { return heap_.empty() ? never : heap_.front().at; }
    /// Whose alarm is the soonest; there must be one.
    [[nodiscard]] std::uint32_t first() const noexcept { return heap_.front().who; }

    /// Sets, moves, or with `never` takes away the alarm of `who`.
    void set(std::uint32_t who, uptime at)
    {
        if (who >= place_.size())
            place_.resize(std::size_t{who} + 1, none);
        std::uint32_t i = place_[who];
        if (at == never) {
            if (i != none)
                remove(i);
            return;
        }
        if (i == none) {
            i = static_cast<std::uint32_t>(heap_.size());
            heap_.push_back({at, who});
            place_[who] = i;
        } else if (heap_[i].at == at) {
            return;
        }
        heap_[i].at = at;
        sift_down(sift_up(i));
    }

private:
    struct alarm {
        uptime at{};
        std::uint32_t who = 0;
    };
    static constexpr std::uint32_t none = 0xffffffff;

    void remove(std::uint32_t i) noexcept
    {
        place_[heap_[i].who] = none;
        const alarm last = heap_.back();
        heap_.pop_back();
        if (i == heap_.size())
            return;
        heap_[i] = last;
        place_[last.who] = i;
        sift_down(sift_up(i));
    }

    void exchange(std::uint32_t a, std::uint32_t b) noexcept
    {
        std::swap(heap_[a], heap_[b]);
        place_[heap_[a].who] = a;
        place_[heap_[b].who] = b;
    }

    std::uint32_t sift_up(std::uint32_t i) noexcept
    {
        for (; i > 0 && heap_[i].at < heap_[(i - 1) / 2].at; i = (i - 1) / 2)
            exchange(i, (i - 1) / 2);
        return i;
    }

    void sift_down(std::uint32_t i) noexcept
    {
        for (;;) {
            std::size_t child = std::size_t{2} * i + 1;
            if (child >= heap_.size())
                return;
            if (child + 1 < heap_.size() && heap_[child + 1].at < heap_[child].at)
                ++child;
            if (heap_[i].at <= heap_[child].at)
                return;
            exchange(i, static_cast<std::uint32_t>(child));
            i = static_cast<std::uint32_t>(child);
        }
    }

    std::vector<alarm> heap_{};
    std::vector<std::uint32_t> place_{};
};

}  // namespace mayfly::detail
