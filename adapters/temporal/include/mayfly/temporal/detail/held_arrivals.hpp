// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/signal.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace mayfly::temporal::detail {

/** Arrivals that nobody could be told of, because it is not known where the work of their queue goes.

    Pure. They are kept until that is known, for as long as statistics may take to show them. Meanwhile it is looked up
    again and again, in ever longer pauses; a queue of which nothing was learned is then left alone for a while.
*/
class held_arrivals {
public:
    struct entry {
        std::uint32_t count = 0;
        uptime since{};  ///< The first of them.
        uptime look_at{};
        uptime pause{};
    };

    static constexpr uptime longest = std::chrono::seconds{8};
    static constexpr std::size_t most_queues = 1000;

    void add(const std::string& queue, task_type type, std::uint32_t count, uptime now)
    {
        const key at{queue, type};
        auto known = all_.find(at);
        if (known == all_.end()) {
            if (all_.size() >= most_queues)
                std::erase_if(all_, [](const auto& one) { return one.second.count == 0; });
            if (all_.size() >= most_queues)
                return;
            known = all_.emplace(at, entry{.look_at = now, .pause = first_pause}).first;
        }
        entry& e = known->second;
        if (e.count == 0) {
            e.since = now;
            e.pause = first_pause;
        }
        e.count = saturating_add(e.count, count);
    }

    /// Calls `look(queue, type)` for those whose routing is to be looked up now.
    template <class F>
    void look(uptime now, F look)
    {
        for (auto& [at, e] : all_) {
            if (e.count > 0 && now >= later(e.since, longest)) {
                e.count = 0;
                e.look_at = later(now, left_alone);
            }
            if (e.count == 0 || now < e.look_at)
                continue;
            e.look_at = later(now, e.pause);
            e.pause *= 2;
            look(at.first, at.second);
        }
    }

    /// Lets those go of which `taken(queue, type, entry)` is true.
    template <class F>
    void release(F taken)
    {
        std::erase_if(all_, [&](const auto& one) {
            return one.second.count > 0 && taken(one.first.first, one.first.second, one.second);
        });
    }

    /// When `look` has something to do; `never` while nothing is held.
    [[nodiscard]] uptime next_at() const noexcept
    {
        uptime out = never;
        for (const auto& [at, e] : all_)
            if (e.count > 0)
                out = std::min({out, std::max(e.look_at, e.since), later(e.since, longest)});
        return out;
    }

private:
    using key = std::pair<std::string, task_type>;

    static constexpr uptime first_pause = std::chrono::milliseconds{250};
    static constexpr uptime left_alone = std::chrono::minutes{1};

    std::map<key, entry> all_{};
};

}  // namespace mayfly::temporal::detail
