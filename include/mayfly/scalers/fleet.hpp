// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/moment.hpp>
#include <mayfly/detail/start_breaker.hpp>
#include <mayfly/scaler.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

namespace mayfly {

namespace detail {

/// Counts adds over the last five seconds in quarters of a second. Quarters begin with the first add, not with the
/// clock, so that a shifted run counts alike.
class add_window {
public:
    static constexpr uptime width = std::chrono::milliseconds{250};
    static constexpr std::size_t buckets = 20;

    constexpr void add(std::uint64_t n, uptime now) noexcept
    {
        roll(now);
        constexpr std::uint64_t top = std::numeric_limits<std::uint16_t>::max();
        count_[at_] = static_cast<std::uint16_t>(std::min(top, count_[at_] + std::min(n, top)));
    }

    /// Tasks per second: the mean of the window, or of its last half second if that is more.
    [[nodiscard]] constexpr double rate(uptime now) noexcept
    {
        roll(now);
        double sum = 0;
        for (std::uint16_t c : count_)
            sum += c;
        const std::size_t before = (at_ + buckets - 1) % buckets;
        const double recent = static_cast<double>(count_[at_]) + count_[before];
        return std::max(sum / 5.0, recent / 0.5);
    }

    /// Forgets everything if it began after `now`.
    constexpr void forget_after(uptime now) noexcept
    {
        if (begin_ && *begin_ > now)
            *this = {};
    }

    /// Adds in about the last `span`, at most the whole window.
    [[nodiscard]] constexpr std::uint64_t within(uptime span, uptime now) noexcept
    {
        roll(now);
        const auto wanted = static_cast<std::size_t>(std::max<uptime::rep>(0, span / width)) + 1;
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < std::min(wanted, buckets); ++i)
            sum += count_[(at_ + buckets - i) % buckets];
        return sum;
    }

    /// What is written down of it, and read.
    static void fields(auto& visit, auto& self)
    {
        visit("counts", self.count_);
        visit("at", self.at_);
        visit("begin", self.begin_);
        if constexpr (!std::is_const_v<std::remove_reference_t<decltype(self)>>)
            self.at_ %= buckets;
    }
    friend bool operator==(const add_window&, const add_window&) = default;

private:
    constexpr void roll(uptime now) noexcept
    {
        if (!begin_ || now - *begin_ >= width * static_cast<uptime::rep>(buckets + 1)) {
            *this = {};
            begin_ = now;
            return;
        }
        for (; now - *begin_ >= width; begin_ = *begin_ + width) {
            at_ = static_cast<std::uint8_t>((at_ + 1U) % buckets);
            count_[at_] = 0;
        }
    }

    std::array<std::uint16_t, buckets> count_{};  // a flood of more is as good as the most
    std::uint8_t at_ = 0;
    moment begin_{};
};

}  // namespace detail

/** Sizes a fleet of short-lived workers from what waits, what lives and what is starting.

    Starts only what will still be waiting when a worker started now is up: the backlog, less what live slots take off
    during one start-up, less what pending starts will take. Keeps the minimum, never passes the maximum, and replaces a
    worker before its end only if it would be missed. Rate-limited adds never count as missing workers. What the
    started workers are told (`decision::orders`) makes them leave when idle and thin out when they are too many.
*/
struct fleet {
    /// After a start, further unmatched adds are gathered this long at most. The first gathering of a burst is a tenth
    /// of it, and each one twice as long as the one before.
    uptime gather = std::chrono::milliseconds{50};
    uptime drain_within = std::chrono::milliseconds{500};  ///< How long a backlog may take once workers are up.
    double hedge = 0.2;  ///< Share of starts beyond need, where there are many: the slowest are then not waited for.
    double spare = 2.0;  ///< Slots kept over the offered load r when renewing: this times the square root of r.

    uptime read_waiting = std::chrono::seconds{1};           ///< Between snapshots while tasks wait or workers start.
    uptime read_undecided = std::chrono::milliseconds{300};  ///< The next one, after tasks were left to live workers.
    uptime read_alive = std::chrono::seconds{5};             ///< While workers live.
    /// While nothing lives. Set it where no adds are reported: reading is then the only way to see work.
    uptime read_idle = never;
    /// A task that finds nobody gets the live workers looked at, no sooner after the last look than this.
    uptime read_soonest = std::chrono::milliseconds{250};

    /// What the workers are told: leave after being idle this long. About what a warm start costs. Zero: never.
    uptime idle_exit = std::chrono::milliseconds{300};
    /// The same under a steady load of two slots and more, where the next task is near; in between, in between.
    uptime steady_exit = std::chrono::milliseconds{900};
    /// Slots a thinning fleet keeps over the load r: this times the square root of r. Zero: it never thins.
    double thin_spare = 1.0;
    uptime activity_timeout{};  ///< Declared upper bound of one task; zero if there is none.

    uptime limited_hold = std::chrono::seconds{20};      ///< How long a queue that seems limited is grown slowly.
    uptime ceiling_hold = std::chrono::seconds{20};      ///< How long a provider that runs no more is left alone.
    std::uint32_t ceiling_after = 6;                     ///< Starts in a row that come to nothing beside live workers.
    uptime longest_backoff = std::chrono::seconds{2};    ///< Between tries while the provider refuses.
    uptime permanent_backoff = std::chrono::minutes{1};  ///< The same, if it says that trying again is no use.
    detail::start_breaker breaker{};

    static constexpr bool keeps_minimum = true;

    struct state {
        std::uint64_t waiting = 0;   ///< Backlog of the last snapshot and unmatched adds since.
        detail::moment read_last{};  ///< The last snapshot.
        detail::moment read_from{};  ///< From when the next one is counted; absent while none is wanted.
        std::uint64_t added_before = 0;
        std::uint64_t dispatched_before = 0;
        detail::add_window adds{};
        uptime quiet_until{};
        detail::moment looked_at{};  ///< When a snapshot was last asked for because a task found nobody.
        uptime revisit_at = never;
        uptime refused_since = never;
        uptime retry_at{};
        uptime limited_until{};
        uptime slow_next{};
        uptime ceiling_until{};
        float offered = 0;              ///< Busy slots, smoothed over 20 s.
        float best_per_worker = 0;      ///< Best dispatch rate of one worker seen of late.
        std::uint32_t live_before = 0;  ///< At the last signal.
        std::uint8_t refusals = 0;      ///< How often in a row the wait for the provider has doubled.
        std::uint8_t gathered = 0;      ///< How often in a row a burst was gathered, at most five.
        bool suspected = false;
        bool undecided = false;
        detail::start_breaker::state breaker{};
        /// What is written down of it, and read.
        static void fields(auto& visit, auto& self)
        {
            visit("waiting", self.waiting);
            visit("read_last", self.read_last);
            visit("read_from", self.read_from);
            visit("added_before", self.added_before);
            visit("dispatched_before", self.dispatched_before);
            visit("adds", self.adds);
            visit("quiet_until", self.quiet_until);
            visit("looked_at", self.looked_at);
            visit("revisit_at", self.revisit_at);
            visit("refused_since", self.refused_since);
            visit("retry_at", self.retry_at);
            visit("live_before", self.live_before);
            visit("refusals", self.refusals);
            visit("limited_until", self.limited_until);
            visit("slow_next", self.slow_next);
            visit("ceiling_until", self.ceiling_until);
            visit("offered", self.offered);
            visit("best_per_worker", self.best_per_worker);
            visit("gathered", self.gathered);
            visit("suspected", self.suspected);
            visit("undecided", self.undecided);
            visit("breaker", self.breaker);
        }
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        observe(st, sig, now);
        decision d;
        if (sig.why == cause::added && sig.added.unmatched() == 0) {
            // Nothing new waits. Whatever else there is to do has its own moment.
            d.reason = sig.added.rate_limited > 0 ? reason::rate_limited : reason::steady;
        } else if (sig.why == cause::added && waits(st, sig.fleet, now)) {
            d.reason = reason::gathering;
            st.revisit_at = std::min(st.revisit_at, st.quiet_until);
            if (st.looked_at == now) {
                d.read = uptime::zero();
                d.revisit = std::max(st.revisit_at - now, uptime{1});
                return d;
            }
        } else {
            st.revisit_at = never;
            size(st, sig, now, d);
        }
        if (st.revisit_at != never)
            d.revisit = std::max(st.revisit_at - now, uptime{1});
        schedule_read(st, sig, now, d);
        return d;
    }

private:
    static constexpr uptime slowest = std::chrono::seconds{4};  // between two starts for a queue that seems limited

    static constexpr double seconds(uptime t) noexcept { return static_cast<double>(t.count()) * 1e-6; }

    // More may come within a moment. And a task that found nobody while workers should be there: they are busy, or they
    // have left, and only a snapshot tells; it is asked for, but not waited for longer than one gathering.
    [[nodiscard]] bool waits(state& st, const fleet_view& f, uptime now) const noexcept
    {
        if (now < st.quiet_until)
            return true;
        const auto long_ago = [&](const detail::moment& t) { return !t || now - *t >= read_soonest; };
        if (f.live == 0 || !st.read_last || !long_ago(st.read_last) || !long_ago(st.looked_at))
            return false;
        st.looked_at = now;
        st.quiet_until = later(now, gather);
        return true;
    }

    void observe(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        switch (sig.why) {
        case cause::added:
            // Not the limited ones: a queue that is held back would look like one that needs more workers.
            st.adds.add(std::uint64_t{sig.added.matched} + sig.added.unmatched(), now);
            st.waiting += std::min<std::uint64_t>(sig.added.unmatched(), ~st.waiting);  // never wraps
            // A poll waits, and the task may not go: that is certain.
            if (sig.added.rate_limited > 0)
                st.limited_until = later(now, limited_hold);
            break;
        case cause::stats: read(st, sig, now); break;
        case cause::launched: answered(st, sig, now); break;
        case cause::begin: begin(st, now); break;
        case cause::no_stats:
        case cause::workers:
        case cause::wake:
        case cause::changed: break;
        }
        believe(st, sig, now);
    }

    // What is believed to wait, between two snapshots and where none come.
    void believe(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const fleet_view& f = sig.fleet;
        // Each worker that has come takes its share at once.
        if (sig.why != cause::stats && f.live > st.live_before) {
            const double taken = static_cast<double>(f.live - st.live_before) * f.slots * tasks_per_slot(f);
            st.waiting -= std::min(st.waiting, static_cast<std::uint64_t>(std::min(taken, 1e18)));
        }
        st.live_before = f.live;
        // No snapshot comes although one is wanted: a match says that nobody waits, and what is older than the window
        // of adds has been served or never will be.
        if (st.read_from && now - *st.read_from > std::chrono::seconds{10}) {
            const bool matched = sig.why == cause::added && sig.added.matched > 0 && sig.added.unmatched() == 0;
            st.waiting = matched ? 0 : std::min(st.waiting, st.adds.within(std::chrono::seconds{5}, now));
        }
    }

    // A memory may be of a clock that was further. No moment in it is waited for longer than it is ever set.
    void begin(state& st, uptime now) const noexcept
    {
        const auto within = [now](uptime& at, uptime longest) { at = std::min(at, later(now, longest)); };
        within(st.quiet_until, gather);
        within(st.retry_at, std::max(longest_backoff, permanent_backoff));
        within(st.limited_until, limited_hold);
        within(st.slow_next, slowest);
        within(st.ceiling_until, ceiling_hold);
        within(st.breaker.next_probe, breaker.longest_wait);
        for (detail::moment* at : {&st.read_last, &st.read_from, &st.looked_at})
            if (*at && **at > now)
                *at = now;
        st.adds.forget_after(now);
    }

    void read(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        std::uint64_t backlog = 0;
        std::uint64_t added = 0;
        std::uint64_t dispatched = 0;
        bool limiter = false;
        for (const auto& s : sig.stats) {
            if (!s)
                continue;
            backlog += std::min(s->backlog, ~backlog);
            added += s->added.value_or(0);
            dispatched += s->dispatched.value_or(0);
            limiter |= s->limiter_active;
        }
        const double apart = st.read_last ? seconds(now - *st.read_last) : 0;
        // Where adds are not reported one by one, the difference of two totals stands for them.
        if (read_idle != never && st.read_last && added > st.added_before)
            st.adds.add(added - st.added_before, now);
        const double busy = sig.fleet.busy.value_or(0);
        if (apart > 0) {
            st.offered += static_cast<float>((busy - st.offered) * -std::expm1(-apart / 20));
            if (read_idle != never && sig.fleet.live > 0 && dispatched >= st.dispatched_before)
                suspect_limit(
                    st, sig.fleet, backlog, static_cast<double>(dispatched - st.dispatched_before), apart, now);
        }
        // A limit that was seen is there for as long as tasks wait beside idle slots, also when no more are added.
        if (limiter || (now < st.limited_until && backlog > 0 && has_idle_slots(sig.fleet)))
            st.limited_until = later(now, limited_hold);
        st.waiting = backlog;
        st.added_before = added;
        st.dispatched_before = dispatched;
        st.read_last = st.read_from = now;
        if (st.looked_at)
            st.quiet_until = std::min(st.quiet_until, now);
        st.looked_at.reset();
    }

    [[nodiscard]] static bool has_idle_slots(const fleet_view& f) noexcept
    {
        return f.busy && *f.busy < 0.8 * f.live * f.slots;
    }

    // Tasks wait, slots are idle, and each worker takes less than it has been seen to: more workers are no help. One
    // snapshot proves nothing, as workers that came a moment ago look just so.
    void suspect_limit(state& st, const fleet_view& f, std::uint64_t backlog, double dispatched, double apart,
        uptime now) const noexcept
    {
        const double each = dispatched / apart / f.live;
        const bool low = f.busy && backlog > 0 && *f.busy < 0.6 * f.live * f.slots && each < 0.7 * st.best_per_worker;
        st.best_per_worker = static_cast<float>(std::max(each, st.best_per_worker * std::exp(-apart / 300)));
        if (low && st.suspected)
            st.limited_until = later(now, limited_hold);
        st.suspected = low;
    }

    void answered(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        if (sig.outcome == condition::ok) {
            st.refused_since = never;
            st.refusals = 0;
            st.retry_at = {};
            return;
        }
        if (st.refused_since == never)
            st.refused_since = now;
        // A single failure is simply decided again; a provider that lets nothing through is left alone for longer.
        const uptime top = sig.outcome == condition::permanent ? permanent_backoff : longest_backoff;
        if (sig.outcome == condition::permanent || now - st.refused_since >= std::chrono::seconds{1})
            st.refusals = static_cast<std::uint8_t>(std::min(st.refusals + 1, 20));
        const uptime wait =
            st.refusals == 0 ? uptime::zero() : uptime{std::chrono::milliseconds{50}} * (1 << st.refusals);
        st.retry_at = later(now, std::max({std::min(wait, top), gather, uptime{std::chrono::milliseconds{10}}}));
    }

    void size(state& st, const scaling_signal& sig, uptime now, decision& d) const noexcept
    {
        const fleet_view& f = sig.fleet;
        st.undecided = false;

        const std::uint32_t lasting = f.live - std::min(f.live, f.leaving);
        const std::uint32_t coming = f.pending();
        std::uint32_t stay = 0;
        if (sig.wanted && saturating_add(lasting, coming) < sig.limits.min)
            stay = sig.limits.min - lasting - coming;

        if (sig.wanted && sig.limits.min > 0 && f.leaves_in != never)
            st.revisit_at = later(now, std::max(f.leaves_in, uptime{std::chrono::milliseconds{100}}));
        std::uint32_t wish = to_count(wish_for_waiting(st, sig, now));
        d.reason = wish > 0 ? (f.total() == 0 ? reason::missed_match : reason::backlog)
                            : (st.waiting > 0 ? reason::covered : reason::steady);
        if (wish > 0 && now < st.limited_until)
            wish = grow_slowly(st, f, wish, now, d);
        const std::uint32_t slowed = d.held_back;
        const std::uint32_t renew = wish_for_renewal(offered(st, now), f);
        if (renew > wish) {
            wish = renew;
            d.reason = reason::renewal;
        }
        if (stay > wish) {
            wish = stay;
            d.reason = reason::minimum;
        }
        st.undecided = st.waiting > 0 && wish == 0;
        if (wish == 0) {
            uptime unused = never;
            d.launch = breaker.admit(st.breaker, f, 0, now, unused);
            return;
        }
        const std::uint32_t granted = hold_back(st, sig, wish, now, d);
        d.launch = granted;
        d.held_back = saturating_add(slowed, wish - granted);
        if (granted > 0) {
            // A burst goes on: more is gathered at once. After a pause the next one begins anew.
            const bool goes_on = st.gathered > 0 && now < later(st.quiet_until, gather);
            st.gathered = goes_on ? static_cast<std::uint8_t>(std::min(st.gathered + 1, 5)) : std::uint8_t{1};
            st.quiet_until = later(now, std::min(gather, gather / 10 * (1 << (st.gathered - 1))));
            d.orders = orders(offered(st, now));
            // It will be idle between two permits of the limiter, and is needed at each.
            if (now < st.limited_until && idle_exit > uptime::zero())
                d.orders->idle_exit = std::max(d.orders->idle_exit, slowest + std::chrono::seconds{1});
            d.stay = std::min(granted, stay);
        }
    }

    // What still waits when a worker started now is up, in workers.
    [[nodiscard]] double wish_for_waiting(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        const fleet_view& f = sig.fleet;
        if (st.waiting == 0)
            return 0;
        const double k = f.slots;
        const double service = seconds(f.service);
        double live = f.live;
        // Who had nothing to do for the idle time has left, seen or not.
        if (idle_exit > uptime::zero() && later(idle_exit, f.service) < std::chrono::seconds{4}) {
            const std::uint64_t recent = st.adds.within(later(idle_exit, f.service), now);
            // Tasks that found nobody just now kept nobody busy.
            live = std::min(live, static_cast<double>(recent - std::min<std::uint64_t>(recent, sig.added.unmatched())));
        }
        const double taken_off =
            service > 0 ? std::max(0.0, live * k / service - st.adds.rate(now)) * seconds(f.startup) : 0.0;
        const double per_slot = tasks_per_slot(f);
        const double alive = 1 - std::min(f.failure_rate, 0.9);
        const double coming = f.pending() * k * alive * per_slot;
        const double left = static_cast<double>(st.waiting) - taken_off - coming;
        if (left <= 0)
            return 0;
        // Of many starts some are slow. With a few more the fast ones do the work, and the tail is theirs.
        const double starts = std::ceil(left / (k * per_slot)) / alive;
        return starts + std::floor(starts * hedge);
    }

    // How many tasks a fresh slot takes within the time that a backlog may take.
    [[nodiscard]] double tasks_per_slot(const fleet_view& f) const noexcept
    {
        return f.service > uptime::zero() ? std::max(1.0, seconds(drain_within) / seconds(f.service)) : 1.0;
    }

    [[nodiscard]] std::uint32_t wish_for_renewal(double load, const fleet_view& f) const noexcept
    {
        if (f.leaving == 0 || load < 0.5)
            return 0;
        const double needed = load + spare * std::sqrt(load);
        const double lasting = static_cast<double>(f.live - std::min(f.live, f.leaving) + f.pending()) * f.slots;
        return std::min(f.leaving, to_count((needed - lasting) / f.slots));
    }

    [[nodiscard]] std::uint32_t grow_slowly(
        state& st, const fleet_view& f, std::uint32_t wish, uptime now, decision& d) const noexcept
    {
        const std::uint32_t asked = wish;
        if ((f.live > 0 && has_idle_slots(f)) || now < st.slow_next) {
            wish = 0;
            if (now < st.slow_next)
                st.revisit_at = std::min(st.revisit_at, st.slow_next);
        } else {
            wish = std::min(wish, std::max(1U, f.live / 4));
            // A quarter per second; for fewer than four workers that is one in so many seconds.
            st.slow_next = later(now, f.live >= 4 ? uptime{std::chrono::seconds{1}} : slowest / std::max(1U, f.live));
        }
        if (wish < asked) {
            d.held_back = asked - wish;
            if (wish == 0)
                d.reason = reason::rate_limited;
        }
        return wish;
    }

    [[nodiscard]] std::uint32_t hold_back(
        state& st, const scaling_signal& sig, std::uint32_t wish, uptime now, decision& d) const noexcept
    {
        const fleet_view& f = sig.fleet;
        const std::uint32_t room = sig.limits.max - std::min(sig.limits.max, f.total());
        if (room == 0) {
            d.reason = reason::at_maximum;
            return 0;
        }
        if (now < st.retry_at) {
            d.reason = reason::provider_backoff;
            st.revisit_at = std::min(st.revisit_at, st.retry_at);
            return 0;
        }
        const bool was_open = st.breaker.open;
        uptime probe_in = never;
        std::uint32_t granted = breaker.admit(st.breaker, f, std::min(wish, room), now, probe_in);
        st.revisit_at = std::min(st.revisit_at, later(now, probe_in));
        if (st.breaker.open) {
            d.reason = granted > 0 && was_open ? reason::probe : reason::breaker_open;
            return granted;
        }
        if (f.live > 0 && f.given_up >= ceiling_after) {
            if (now < st.ceiling_until) {
                d.reason = reason::provider_ceiling;
                st.revisit_at = std::min(st.revisit_at, st.ceiling_until);
                return 0;
            }
            st.ceiling_until = later(now, ceiling_hold);
            d.reason = reason::probe;
            granted = std::min(granted, 1U);
        }
        return granted;
    }

    [[nodiscard]] leave_rules orders(double load) const noexcept
    {
        leave_rules r{.idle_exit = stay_idle(load), .activity_timeout = activity_timeout};
        if (thin_spare > 0) {
            const double some = std::max(load, 1.0);
            r.thin_target = std::clamp(some / (some + thin_spare * std::sqrt(some)), 0.3, 0.9);
        }
        return r;
    }

    // The steadier the load, the nearer the next task.
    [[nodiscard]] uptime stay_idle(double load) const noexcept
    {
        if (idle_exit <= uptime::zero())
            return uptime::zero();
        const auto longer = static_cast<double>((steady_exit - idle_exit).count()) * std::min(1.0, load / 2);
        return idle_exit + uptime{std::llround(std::max(0.0, longer))};
    }

    // The load as it was at the last snapshot, and faded since.
    [[nodiscard]] static double offered(const state& st, uptime now) noexcept
    {
        return st.read_last ? st.offered * std::exp(-seconds(now - *st.read_last) / 20) : 0.0;
    }

    void schedule_read(state& st, const scaling_signal& sig, uptime now, decision& d) const noexcept
    {
        const bool starting = sig.fleet.pending() > 0 || d.launch > 0;
        uptime period = read_idle;
        if (st.undecided)
            period = read_undecided;
        else if (st.waiting > 0 || starting)
            period = read_waiting;
        else if (sig.fleet.live > 0)
            period = std::min(read_alive, read_idle);
        if (period == never) {
            st.read_from.reset();
            return;
        }
        // A reading is due from the last one, or from the moment that there was something to see: not from now, or a
        // stream of adds would put it off for ever.
        if (!st.read_from)
            st.read_from = now;
        const uptime due = later(*st.read_from, period);
        d.read = due > now ? due - now : uptime::zero();
    }

    [[nodiscard]] static std::uint32_t to_count(double n) noexcept
    {
        // Not "n <= 0": that lets through what is no number.
        return !(n > 0) ? 0 : static_cast<std::uint32_t>(std::min(std::ceil(n), 4e9));
    }
};

static_assert(Scaler<fleet, scaling_signal>);

}  // namespace mayfly
