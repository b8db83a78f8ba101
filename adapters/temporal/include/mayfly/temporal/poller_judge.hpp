// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/queue_source.hpp>
#include <mayfly/temporal/task_queue_values.hpp>
#include <mayfly/temporal/wall_bridge.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/// What is taken for the end of a worker.
struct poller_rules {
    /// Without a new poll for so long it is not there, or so busy that it makes no difference to what waits. Longer
    /// than a server lets a poll wait.
    uptime longest_silence = std::chrono::seconds{75};
    /// A worker that has sent no heartbeat for so long sends none any more: two of the usual intervals, and a little.
    uptime longest_unheard = std::chrono::seconds{130};
    uptime longest_lifetime = std::chrono::minutes{15};  ///< Of a function's invocation. Other workers have no end.
    std::size_t most = 20'000;                           ///< Workers of one version that are remembered.
};

/// What a worker told of itself, if it does.
struct worker_word {
    std::string identity{};
    worker_status status = worker_status::unknown;
    std::optional<wall_clock_time> started{};
    std::optional<wall_clock_time> beat{};  ///< Its last heartbeat, where that is known.
    std::optional<deployment_version> version{};
    std::optional<std::uint32_t> busy{};
    std::optional<std::uint32_t> slots{};
    uptime asked = uptime::min();  ///< When it was last asked for `beat`.
};

/** Tells the living from the dead among the pollers of one version.

    Pure. A server lists a poller for five minutes after its last poll, whatever has become of it. So a worker is judged
    by the last poll (seen to change on our own clock, which no other clock can disturb), by what it tells of itself,
    and, for an invocation of our function, by how long such a one can live.
*/
class poller_judge {
public:
    /// What one queue shows. Call it for each queue that was read, then `judge`.
    void see(const std::vector<queue_poller>& pollers, wall_bridge& clock, uptime now, const poller_rules& rules)
    {
        for (const queue_poller& p : pollers) {
            if (p.identity.empty())
                continue;
            const auto known = lives_.find(p.identity);
            if (known == lives_.end() && lives_.size() >= rules.most)
                continue;
            const bool is_new = known == lives_.end();
            life& l = is_new ? lives_[p.identity] : known->second;
            if (p.version)
                l.version = p.version;
            if (p.last_access && (is_new || *p.last_access > l.last_access)) {
                // Shown twice in one round, by two queues: only the first time tells when it was.
                const bool since = l.read_at != unset && l.read_at < now;
                if (since)
                    clock.made_since(*p.last_access, l.read_at);
                const uptime polled = std::min(clock.at(*p.last_access), now);
                l.last_seen = std::max({polled, l.last_seen, since ? l.read_at : unset});
                l.last_access = *p.last_access;
            }
            if (!p.last_access)
                l.last_seen = now;
            if (is_new)
                l.first_seen = l.last_seen;
            l.read_at = now;
        }
    }

    /** The verdicts at `now`.

        @param words     what workers tell of themselves, whichever version they are of
        @param function  the part behind the `@` of the identities of our workers; empty if it is not known
        @param complete  all queues of the version were shown: whoever was not, and is not alive, is forgotten
    */
    [[nodiscard]] std::vector<queue_reading::poller> judge(const deployment_version& version,
        std::span<const worker_word> words, std::string_view function, const wall_bridge& clock, uptime now,
        bool complete, const poller_rules& rules)
    {
        goodbye_after_.reset();
        for (const worker_word& w : words)
            hear(w, version, function, clock, now, rules);
        std::vector<queue_reading::poller> out;
        for (auto at = lives_.begin(); at != lives_.end();) {
            life& l = at->second;
            const bool listed = l.read_at == now || l.told_at == now;
            const bool ours = is_of(at->first, function);
            const bool alive = is_alive(l, ours, now, rules);
            // A server that has restarted lists nobody until they poll again.
            if (complete && !listed && !alive) {
                if ((!l.version || *l.version == version) && left_.size() < rules.most)
                    left_.push_back(l.first_seen);
                at = lives_.erase(at);
                continue;
            }
            // Another version's worker is only of interest if we started it.
            if (ours || l.version == version)
                out.push_back({at->first, l.first_seen, l.last_seen, alive, l.busy, l.slots, l.version});
            ++at;
        }
        return out;
    }

    /// When those workers of this version came that have come after `at`, in order; also if they have left again.
    [[nodiscard]] std::vector<uptime> came_since(uptime at, const deployment_version& version) const
    {
        std::vector<uptime> out;
        std::copy_if(left_.begin(), left_.end(), std::back_inserter(out), [&](uptime came) { return came > at; });
        for (const auto& [identity, l] : lives_)
            if (l.first_seen > at && (!l.version || *l.version == version))
                out.push_back(l.first_seen);
        std::sort(out.begin(), out.end());
        return out;
    }

    /// If one of our workers said goodbye before the last verdict, and not before the one before: after when it was.
    [[nodiscard]] std::optional<uptime> goodbye_after() const noexcept { return goodbye_after_; }

    /// Nobody will ask who came until `at` any more.
    void forget_until(uptime at)
    {
        std::erase_if(left_, [&](uptime came) { return came <= at; });
    }

    [[nodiscard]] bool empty() const noexcept { return lives_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return lives_.size(); }

    /// Whether the identity is that of an invocation of this function.
    [[nodiscard]] static bool is_of(std::string_view identity, std::string_view function) noexcept
    {
        const auto at = identity.find('@');
        return !function.empty() && at != std::string_view::npos && at != 0 && identity.substr(at + 1) == function;
    }

private:
    static constexpr uptime unset = uptime::min();

    struct life {
        uptime first_seen{};
        uptime last_seen = unset;  // its last poll
        uptime read_at = unset;    // when a queue showed it last
        uptime told_at = unset;    // when it was last listed among those that tell of themselves
        uptime beat_at = unset;    // its last heartbeat
        uptime asked = unset;      // when it was last asked for that
        wall_clock_time beat{};    // by its own clock
        wall_clock_time last_access{};
        std::optional<deployment_version> version{};
        std::optional<std::uint32_t> busy{};
        std::optional<std::uint32_t> slots{};
        worker_status status = worker_status::unknown;
    };

    [[nodiscard]] static bool has_ended(worker_status s) noexcept
    {
        return s == worker_status::shut_down || s == worker_status::shutting_down;
    }

    void hear(const worker_word& w, const deployment_version& version, std::string_view function,
        const wall_bridge& clock, uptime now, const poller_rules& rules)
    {
        auto at = lives_.find(w.identity);
        if (at == lives_.end()) {
            const bool ours = is_of(w.identity, function);
            if (w.identity.empty() || (w.version != version && !ours) || lives_.size() >= rules.most)
                return;
            // One that was started, came, and left while nobody looked has come all the same.
            if (has_ended(w.status) && !(ours && w.started && is_recent(clock.of_another(*w.started), now, rules)))
                return;
            at = lives_.emplace(w.identity, life{}).first;
            at->second.first_seen = at->second.last_seen = w.started ? clock.of_another(*w.started) : now;
        }
        life& l = at->second;
        if (has_ended(w.status) && !has_ended(l.status) && is_of(w.identity, function))
            goodbye_after_ = std::max({goodbye_after_.value_or(unset), l.told_at, l.last_seen});
        // An invocation that the platform repeats is one more worker of the same name.
        const bool also_runs = l.told_at == now && l.status == worker_status::running;
        l.told_at = now;
        if (!also_runs)
            l.status = w.status;
        // A clock that is ahead does not make it live longer: only the first time tells when a heartbeat was.
        if (w.beat && (l.beat_at == unset || *w.beat > l.beat)) {
            l.beat_at = std::max(l.beat_at, clock.of_another(*w.beat));
            l.beat = *w.beat;
        }
        l.asked = std::max(l.asked, w.asked);
        if (w.slots) {
            l.busy = w.busy;
            l.slots = w.slots;
        }
        if (w.version)
            l.version = w.version;
        if (w.started)
            l.first_seen = std::min(l.first_seen, clock.of_another(*w.started));
    }

    [[nodiscard]] static bool is_recent(uptime started, uptime now, const poller_rules& rules) noexcept
    {
        return later(started, rules.longest_silence) > now;
    }

    [[nodiscard]] static bool is_alive(const life& l, bool ours, uptime now, const poller_rules& rules) noexcept
    {
        // One that says so has polled for the last time, whatever it still has to do; unless it is repeated.
        if (has_ended(l.status) && (l.told_at == now || l.last_seen <= l.told_at))
            return false;
        if (ours && now - l.first_seen >= rules.longest_lifetime)
            return false;
        if (later(l.last_seen, rules.longest_silence) > now || later(l.beat_at, rules.longest_unheard) > now)
            return true;
        // One of many that are busy, whose turn to be asked has not come.
        const bool unasked = l.asked == unset || (later(l.asked, rules.longest_unheard) <= now &&
                                                     later(l.beat_at, rules.longest_unheard) > l.asked);
        return unasked && l.told_at == now && l.status == worker_status::running &&
               later(l.last_seen, rules.longest_lifetime) > now;
    }

    std::map<std::string, life, std::less<>> lives_{};
    std::optional<uptime> goodbye_after_{};
    std::vector<uptime> left_{};  // when those came that have been forgotten since
};

}  // namespace mayfly::temporal
