// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/temporal/deployment_values.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/** Tells the news in a version's statistics from what a server has only repeated, and what has become of them since.

    Pure. A server counts, keeps the numbers for some seconds, and answers with the same ones until then. Whoever takes
   a repeated backlog for a new one starts everything twice. So each sample counts once; from then on until the next one
   the workers that came have taken their share of it, and what was reported by others has joined it; what was reported
   a moment before a sample may be missing in it. Where all numbers are zero a repeated sample cannot be told from a new
   one; such a queue holds up no other, and is itself news only when it must be new.
*/
class stats_memory {
public:
    using by_type = std::array<std::optional<mayfly::queue_stats>, all_task_types.size()>;

    /// Whether a description asked for now can have news. `cached_for`: how long the server keeps a sample; zero: not
    /// at all.
    [[nodiscard]] bool may_have_news(uptime now, uptime cached_for) const noexcept
    {
        return !heard_ || cached_for <= uptime::zero() || now >= later(heard_at_, cached_for);
    }

    /** The news in a description that came at `now`; types without any are absent.

        @param settling  another controller may have seen the first sample of a queue, and have started workers for its
                         backlog: the next one is waited for
    */
    by_type take(const std::vector<version_queue>& queues, uptime now, uptime cached_for, bool settling = false)
    {
        by_type out;
        std::array<bool, all_task_types.size()> repeated{};
        std::array<bool, all_task_types.size()> is_news{};
        std::array<bool, all_task_types.size()> withheld{};
        std::vector<sample> all;
        all.reserve(queues.size());
        for (const version_queue& q : queues) {
            const auto type = static_cast<std::size_t>(q.type);
            if (type >= out.size() || !q.stats)
                continue;
            const sample* const before = find(key_of(q));
            sample s{key_of(q), digest_of(*q.stats), now, before == nullptr ? now : before->first, q.type};
            const bool zero = s.numbers == zeros;
            if (before != nullptr && before->numbers == s.numbers && now < expiry(*before, zero, cached_for)) {
                s.taken = before->taken;
                repeated[type] = repeated[type] || !zero;
            } else {
                is_news[type] = true;
            }
            withheld[type] = withheld[type] || (settling && before == nullptr && q.stats->backlog > 0);
            add(out[type], *q.stats, now - s.first < young);
            all.push_back(s);
        }
        for (std::size_t i = 0; i < out.size(); ++i)
            if (repeated[i] || withheld[i] || !is_news[i])
                out[i].reset();
        // What was not told for a repeated number beside it is still news the next time.
        for (sample& s : all) {
            if (!repeated[static_cast<std::size_t>(s.type)])
                continue;
            if (const sample* const before = find(s.queue))
                s = *before;
            else
                s.numbers = untold;
        }
        for (std::size_t i = 0; i < out.size(); ++i)
            if (out[i]) {
                told_[i] = out[i];
                std::erase_if(joined_, [&](const joined& j) {
                    return static_cast<std::size_t>(j.type) == i && (j.at >= now || now - j.at > on_its_way);
                });
                told_at_[i] = now;
            }
        samples_ = std::move(all);
        heard_ = true;
        heard_at_ = now;
        return out;
    }

    /// Somebody says that so many tasks were added.
    void join(task_type type, std::uint32_t count, uptime now)
    {
        if (static_cast<std::size_t>(type) >= told_.size())
            return;
        if (!joined_.empty() && joined_.back().type == type &&
            (now - joined_.back().at <= at_once || joined_.size() >= most_joined))
            joined_.back().count = saturating_add(joined_.back().count, count);
        else
            joined_.push_back({now, count, type});
    }

    /// A worker has looked for work after `at`, and has found none: what was counted and reported until then is served.
    void emptied_after(uptime at) noexcept
    {
        for (std::size_t i = 0; i < told_.size(); ++i)
            if (told_[i] && told_at_[i] <= at)
                told_[i]->backlog = 0;
        std::erase_if(joined_, [&](const joined& j) { return j.at <= at; });
    }

    /// Whether tasks of this type waited when they were counted last, later than `since`.
    [[nodiscard]] bool waited_since(task_type type, uptime since) const noexcept
    {
        const auto i = static_cast<std::size_t>(type);
        return i < told_.size() && told_[i] && told_[i]->backlog > 0 && told_at_[i] >= since;
    }

    /** What is believed of each type by now; absent if nothing was ever told of it.

        @param came   when workers came, in that order
        @param slots  each of them has taken so many tasks, if there were any
        @param stays  and without any it was still there for so long
    */
    [[nodiscard]] by_type believed(uptime now, std::span<const uptime> came, std::uint32_t slots, uptime stays) const
    {
        by_type out = told_;
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (!out[i])
                continue;
            mayfly::queue_stats& s = *out[i];
            s.oldest = s.backlog > 0 ? s.oldest + (now - told_at_[i]) : uptime::zero();
            balance b;
            auto next = std::upper_bound(came.begin(), came.end(), since(i));
            const auto workers_until = [&](uptime at) {
                for (; next != came.end() && *next <= at; ++next)
                    b.worker(*next, slots, stays);
            };
            bool counted = false;
            const auto pass = [&](uptime until) {
                if (!counted && told_at_[i] <= until) {
                    workers_until(told_at_[i]);
                    b.count(s.backlog);
                    counted = true;
                }
                workers_until(until);
            };
            for (const joined& j : joined_) {
                if (static_cast<std::size_t>(j.type) != i)
                    continue;
                pass(j.at);
                b.tasks(j.at, j.count, stays);
            }
            pass(uptime::max());
            s.backlog = b.waiting;
        }
        return out;
    }

    /// From when on workers have a part in what is believed.
    [[nodiscard]] std::optional<uptime> told_since() const noexcept
    {
        std::optional<uptime> out;
        for (std::size_t i = 0; i < told_.size(); ++i)
            if (told_[i])
                out = std::min(out.value_or(uptime::max()), since(i));
        return out;
    }

    [[nodiscard]] std::size_t bytes() const noexcept
    {
        return sizeof(*this) + samples_.capacity() * sizeof(sample) + joined_.capacity() * sizeof(joined);
    }

private:
    struct sample {
        std::uint64_t queue = 0;  // a digest of its name and type
        std::uint64_t numbers = 0;
        uptime taken{};
        uptime first{};  // when the queue was first seen here
        task_type type{};
    };

    struct joined {
        uptime at{};
        std::uint32_t count = 0;
        task_type type{};
    };

    /// What waits while workers and tasks come one after the other.
    struct balance {
        std::uint64_t waiting = 0;
        std::uint64_t free = 0;  // slots of workers that have come
        uptime there_until = uptime::min();

        /// A sample has what waits, but for what was still on its way. Nothing is known of slots then.
        void count(std::uint64_t sampled) noexcept { *this = {std::max(waiting, sampled)}; }
        void worker(uptime at, std::uint32_t slots, uptime stays) noexcept
        {
            const auto taken = std::min<std::uint64_t>(waiting, slots);
            waiting -= taken;
            free = (at <= there_until ? free : 0) + slots - taken;
            there_until = std::max(there_until, later(at, stays));
        }
        void tasks(uptime at, std::uint32_t count, uptime stays) noexcept
        {
            const auto taken = at <= there_until ? std::min<std::uint64_t>(free, count) : 0;
            free -= taken;
            waiting += count - taken;
            if (taken > 0)
                there_until = std::max(there_until, later(at, stays));
        }
    };

    static constexpr uptime at_once = std::chrono::milliseconds{10};
    // From a start's answer until its task is where it is counted.
    static constexpr uptime on_its_way = std::chrono::milliseconds{500};
    static constexpr std::size_t most_joined = 256;
    static constexpr std::uint64_t zeros = 0;
    static constexpr std::uint64_t untold = ~std::uint64_t{0};
    // Rates of a queue that has just come into being are one task over a moment.
    static constexpr uptime young = std::chrono::seconds{5};
    // A backlog whose numbers stay the same for so many times the life of a sample is taken for what it is.
    static constexpr int patience = 4;

    /// When what is believed of a type began: with its sample, or with what was on its way then.
    [[nodiscard]] uptime since(std::size_t type) const noexcept
    {
        uptime out = told_at_[type];
        for (const joined& j : joined_)
            if (static_cast<std::size_t>(j.type) == type)
                out = std::min(out, j.at);
        return out;
    }

    static uptime expiry(const sample& s, bool zero, uptime cached_for) noexcept
    {
        return later(s.taken, cached_for * (zero ? 1 : patience));
    }

    static void mix(std::uint64_t& h, std::uint64_t with) noexcept
    {
        h = (h ^ with) * 0x9e3779b97f4a7c15U;
        h ^= h >> 32;
    }

    static std::uint64_t key_of(const version_queue& q) noexcept
    {
        std::uint64_t h = 0xcbf29ce484222325U + static_cast<std::uint64_t>(q.type);
        for (const char c : q.name)
            h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
        return h;
    }

    static std::uint64_t digest_of(const queue_stats& s) noexcept
    {
        if (s.backlog == 0 && s.backlog_age.count() == 0 && s.add_rate == 0 && s.dispatch_rate == 0)
            return zeros;
        std::uint64_t h = s.rate_limited ? 1 : 2;
        mix(h, static_cast<std::uint64_t>(s.backlog));
        mix(h, static_cast<std::uint64_t>(s.backlog_age.count()));
        mix(h, std::bit_cast<std::uint64_t>(s.add_rate));
        mix(h, std::bit_cast<std::uint64_t>(s.dispatch_rate));
        return h == zeros || h == untold ? 1 : h;
    }

    static void add(std::optional<mayfly::queue_stats>& to, const queue_stats& s, bool is_young)
    {
        mayfly::queue_stats& sum = to ? *to : to.emplace();
        const auto backlog = static_cast<std::uint64_t>(std::max<std::int64_t>(s.backlog, 0));
        const double most = is_young ? static_cast<double>(backlog) + 1 : s.add_rate + s.dispatch_rate;
        sum.backlog += std::min(backlog, ~sum.backlog);
        sum.oldest = std::max(sum.oldest, std::chrono::duration_cast<uptime>(s.backlog_age));
        sum.add_rate += std::min(s.add_rate, most);
        sum.dispatch_rate += std::min(s.dispatch_rate, most);
        sum.limiter_active = sum.limiter_active || s.rate_limited;
    }

    [[nodiscard]] const sample* find(std::uint64_t key) const noexcept
    {
        const auto at = std::find_if(samples_.begin(), samples_.end(), [&](const sample& s) { return s.queue == key; });
        return at == samples_.end() ? nullptr : &*at;
    }

    std::vector<sample> samples_{};
    by_type told_{};
    std::array<uptime, all_task_types.size()> told_at_{};
    std::vector<joined> joined_{};  // since each type was told, or a moment before, in the order in which they came
    uptime heard_at_{};
    bool heard_ = false;
};

}  // namespace mayfly::temporal
