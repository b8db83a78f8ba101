// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

namespace mayfly::http::detail {

struct pool_limits {
    std::uint32_t per_key = 32;
    std::uint32_t idle = 64;
    std::uint32_t waiting = 10'000;
};

/** Who gets which connection: idle ones by key, the last used first; a bound on those open; a queue of those who wait.

    A connection is either idle and here, or out and counted. One that the pool drops is closed by being destroyed.

    @tparam Key         whom connections lead to; ordered
    @tparam Connection  owner of one; movable
    @tparam Waiter      names one who waits; equality comparable
    @tparam Time        a point in time
*/
template <class Key, class Connection, class Waiter, class Time>
class pool {
public:
    enum class verdict {
        reuse,   ///< Here is one.
        open,    ///< Make one; it is counted from now on.
        wait,    ///< A `grant` will come.
        refuse,  ///< Too many wait.
    };

    struct answer {
        verdict what = verdict::refuse;
        std::optional<Connection> connection{};  ///< With `reuse`.
    };

    /// Whose turn it is, with a connection, or with the right to open one.
    struct grant {
        Waiter waiter;
        std::optional<Connection> connection{};
    };

    explicit pool(pool_limits limits) : limits_(limits) {}

    /// One is wanted. `usable(connection)` has the last word about an idle one; what is not usable is dropped.
    template <class Usable>
    answer acquire(const Key& key, Waiter waiter, Time now, Usable usable)
    {
        drop_stale(now);
        slot& s = slots_[key];
        while (!s.idle.empty()) {
            Connection c = std::move(s.idle.back().connection);
            s.idle.pop_back();
            --idle_;
            if (usable(c)) {
                ++s.out;
                ++out_;
                return {verdict::reuse, std::move(c)};
            }
            ++dropped_;
        }
        if (s.out < limits_.per_key) {
            ++s.out;
            ++out_;
            return {verdict::open, std::nullopt};
        }
        if (s.waiters.size() >= limits_.waiting)
            return {verdict::refuse, std::nullopt};
        s.waiters.push_back(std::move(waiter));
        ++waiting_;
        return {verdict::wait, std::nullopt};
    }

    /// One comes back that may be used again until `until`.
    std::optional<grant> give_back(const Key& key, Connection c, Time now, Time until)
    {
        if (limits_.idle == 0 && slots_[key].waiters.empty())
            until = now;
        if (until <= now)
            return gone(key);
        slot& s = slots_[key];
        if (!s.waiters.empty()) {
            grant g{std::move(s.waiters.front()), std::move(c)};
            s.waiters.pop_front();
            --waiting_;
            return g;
        }
        --s.out;
        --out_;
        if (idle_ >= limits_.idle)
            drop_oldest();
        slots_[key].idle.push_back({std::move(c), now, until});
        ++idle_;
        return std::nullopt;
    }

    /// One that was out is no more, or could not be made.
    std::optional<grant> gone(const Key& key)
    {
        ++dropped_;
        slot& s = slots_[key];
        if (!s.waiters.empty()) {
            grant g{std::move(s.waiters.front()), std::nullopt};
            s.waiters.pop_front();
            --waiting_;
            return g;
        }
        --s.out;
        --out_;
        tidy(key);
        return std::nullopt;
    }

    /// One that was out is no more, and another is opened in its stead.
    void replaced() noexcept { ++dropped_; }

    /// One who waits does not any more.
    void leave(const Key& key, const Waiter& waiter)
    {
        const auto s = slots_.find(key);
        if (s == slots_.end())
            return;
        auto& waiters = s->second.waiters;
        const auto at = std::find(waiters.begin(), waiters.end(), waiter);
        if (at != waiters.end()) {
            waiters.erase(at);
            --waiting_;
        }
    }

    /// Drops what is idle.
    void clear()
    {
        for (auto at = slots_.begin(); at != slots_.end();) {
            dropped_ += at->second.idle.size();
            at->second.idle.clear();
            at = unused(at->second) ? slots_.erase(at) : std::next(at);
        }
        idle_ = 0;
    }

    [[nodiscard]] std::uint32_t out() const noexcept { return out_; }
    [[nodiscard]] std::uint32_t idle() const noexcept { return idle_; }
    [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }  ///< Gone, one way or the other.

private:
    struct idle_connection {
        Connection connection;
        Time since;
        Time until;
    };

    struct slot {
        std::deque<idle_connection> idle{};  // the last used at the back
        std::deque<Waiter> waiters{};
        std::uint32_t out = 0;
    };

    static bool unused(const slot& s) { return s.out == 0 && s.idle.empty() && s.waiters.empty(); }

    void tidy(const Key& key)
    {
        const auto at = slots_.find(key);
        if (at != slots_.end() && unused(at->second))
            slots_.erase(at);
    }

    void drop_stale(Time now)
    {
        if (idle_ == 0)
            return;
        for (auto at = slots_.begin(); at != slots_.end();) {
            auto& idle = at->second.idle;
            const auto stale =
                std::remove_if(idle.begin(), idle.end(), [&](const idle_connection& c) { return c.until <= now; });
            const auto n = static_cast<std::uint32_t>(idle.end() - stale);
            idle.erase(stale, idle.end());
            idle_ -= n;
            dropped_ += n;
            at = unused(at->second) ? slots_.erase(at) : std::next(at);
        }
    }

    void drop_oldest()
    {
        auto oldest = slots_.end();
        for (auto at = slots_.begin(); at != slots_.end(); ++at) {
            if (!at->second.idle.empty() &&
                (oldest == slots_.end() || at->second.idle.front().since < oldest->second.idle.front().since))
                oldest = at;
        }
        if (oldest == slots_.end())
            return;
        oldest->second.idle.pop_front();
        --idle_;
        ++dropped_;
        if (unused(oldest->second))
            slots_.erase(oldest);
    }

    pool_limits limits_;
    std::map<Key, slot> slots_{};
    std::uint32_t out_ = 0;
    std::uint32_t idle_ = 0;
    std::uint32_t waiting_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace mayfly::http::detail
