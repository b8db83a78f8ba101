// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/controller_event.hpp>
#include <mayfly/detail/doubled.hpp>
#include <mayfly/detail/minimum_keeper.hpp>
#include <mayfly/detail/set_size.hpp>
#include <mayfly/detail/wake_heap.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/ledger.hpp>
#include <mayfly/scaler.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/version_spec.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace mayfly {

/** Drives any number of versions: signals in, actions out, one event for each decision and outcome.

    A pure machine. Tell it what happened, take what it wants done with `next_action`, perform that, tell it the answer,
    and call `advance` at `next_wake`. Never blocks and knows no clock, socket or provider. Time never goes back: an
    earlier `now` counts as the latest one. One version's calls do not hold up another's. The limits of a group hold
    whatever its scaler says.

    @tparam S the scaler of every group. Many kinds at once: a scaler that holds a `std::variant` (see the examples).
*/
template <Scaler<scaling_signal> S>
class controller_machine {
public:
    using observer = std::function<void(const controller_event&)>;

    explicit controller_machine(controller_options options = {}, observer watch = {})
        : options_(options), watch_(std::move(watch))
    {}

    /// What one group must not forget over a restart: everything that cannot be seen again from outside.
    struct memory {
        typename S::state scaler{};
        ledger books{};
        bool bound = false;                   ///< No first worker is needed any more.
        std::optional<std::uint32_t> size{};  ///< Of a set: what it shall be.
        bool told = true;                     ///< Of a set: the platform has taken that.
    };

    // ---- versions

    /// `from` is what `remember` told before a restart. Times in it are of this machine's clock: let a restarted
    /// controller's clock go on from where the old one stood.
    version_handle add(version_spec<S> spec, uptime now, std::vector<memory> from = {})
    {
        now = tick(now);
        std::uint32_t index = 0;
        if (free_.empty()) {
            index = static_cast<std::uint32_t>(versions_.size());
            versions_.emplace_back();
        } else {
            index = free_.back();
            free_.pop_back();
        }
        entry& v = versions_[index];
        v.generation += 1;
        v.used = true;
        v.status = spec.status;
        v.groups.reserve(spec.groups.size());
        for (group_spec<S>& g : spec.groups) {
            v.groups.emplace_back(std::move(g));
            if constexpr (is_set)
                v.groups.back().set.wish(planned(v.groups.back()));
        }
        for (std::size_t i = 0; i < std::min(from.size(), v.groups.size()); ++i)
            recall(v.groups[i], std::move(from[i]), now);
        for (group& g : v.groups) {
            if (g.spec.policy->bootstrap && !g.bound)
                g.bootstrap_at = now;
            ask(v, index, g, {.why = cause::begin}, now);
            rest(v, index, g);
        }
        settle(index, now);
        return {index, v.generation};
    }

    /// Answers to calls that are still under way are taken and dropped.
    void remove(version_handle h)
    {
        entry* v = find(h);
        if (v == nullptr)
            return;
        wakes_.set(h.index, never);
        end_reading(*v);
        const std::uint32_t generation = v->generation;
        *v = {};
        v->generation = generation;
        free_.push_back(h.index);
    }

    /// The version's place in the routing has changed. A drained version sleeps: no reading, no start.
    void set_status(version_handle h, version_status status, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr || v->status == status)
            return;
        v->status = status;
        for (group& g : v->groups) {
            if (g.bootstrap_at == never && g.spec.policy->bootstrap && !g.bound)
                g.bootstrap_at = now;
            ask(*v, h.index, g, {.why = cause::changed}, now);
            rest(*v, h.index, g);
        }
        settle(h.index, now);
    }

    /// Other limits or settings for one group; what is known of its workers stays.
    void set_policy(version_handle h, std::size_t which, std::shared_ptr<const group_policy<S>> policy, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr || which >= v->groups.size())
            return;
        group& g = v->groups[which];
        g.spec.policy = std::move(policy);
        g.books.settle_for({g.spec.policy, &g.spec.policy->workers});
        ask(*v, h.index, g, {.why = cause::changed}, now);
        settle(h.index, now);
    }

    // ---- signals

    void added(version_handle h, const task_added& tasks, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        for (group& g : v->groups)
            if (g.spec.types.contains(tasks.type)) {
                ask(*v, h.index, g, {.why = cause::added, .type = tasks.type, .added = tasks.counts}, now);
                break;
            }
        settle(h.index, now);
    }

    /// The answer to a `read` action, or a snapshot that came by itself.
    void snapshot(version_handle h, const queue_snapshot& s, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        end_reading(*v);
        v->read_failures = 0;
        v->read_after = later(now, options_.read_soonest);
        for (group& g : v->groups) {
            queue_snapshot mine = s;
            std::vector<worker_seen> workers;
            if (v->groups.size() > 1) {
                mine.busy_slots.reset();  // summed over all groups, so it is nobody's
                for (const worker_seen& w : s.workers)
                    if (!known_elsewhere(*v, g, w))
                        workers.push_back(w);
                mine.workers = workers;
            }
            for (task_type t : all_task_types)
                if (!g.spec.types.contains(t))
                    mine.of(t).reset();
            g.books.take(mine, g.owner(), now);
            ask(*v, h.index, g, {.why = cause::stats, .stats = mine.stats}, now);
        }
        settle(h.index, now);
    }

    /// The answer to a `read` action that failed.
    void unread(version_handle h, condition outcome, std::string_view detail, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        end_reading(*v);
        v->read_after = later(now, detail::doubled(options_.read_retry, v->read_failures, options_.read_retry_most));
        v->read_failures = static_cast<std::uint8_t>(std::min(v->read_failures + 1, 255));
        for (group& g : v->groups) {
            emit({.what = controller_event::kind::unread,
                .at = now,
                .version = h,
                .target = g.spec.target.get(),
                .outcome = outcome,
                .detail = detail});
            ask(*v, h.index, g, {.why = cause::no_stats, .outcome = outcome}, now);
        }
        settle(h.index, now);
    }

    /// A poller was seen, told by something faster than a snapshot.
    void seen(version_handle h, const worker_seen& w, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        for (group& g : v->groups) {
            if (known_elsewhere(*v, g, w))
                continue;
            const sighting what = g.books.see(w, g.owner(), now);
            if (what == sighting::foreign)
                continue;
            if (what != sighting::known)
                ask(*v, h.index, g, {.why = cause::workers}, now);
            break;
        }
        settle(h.index, now);
    }

    void gone(version_handle h, const worker_gone& w, uptime now)
    {
        now = tick(now);
        entry* v = find(h);
        if (v == nullptr)
            return;
        for (group& g : v->groups)
            if (g.books.gone(w.identity, now)) {
                ask(*v, h.index, g, {.why = cause::workers}, now);
                break;
            }
        settle(h.index, now);
    }

    // ---- answers

    /// The answer to a `launch` action. Starts that `results` does not name ended as `otherwise`.
    void launched(std::uint64_t action, std::span<const launch_result> results, condition otherwise,
        std::string_view detail, uptime now)
    {
        now = tick(now);
        std::optional<call> c = take_call(action);
        if (!c)
            return;
        entry* v = find(c->version);
        if (v == nullptr)
            return;
        group& g = v->groups[c->group];
        --g.calls;
        std::uint32_t accepted = 0;
        condition worst = condition::ok;
        for (std::uint32_t i = 0; i < c->count; ++i) {
            launch_result r = i < results.size() ? results[i] : launch_result{.outcome = otherwise};
            g.books.answer(c->first + i, r, now);
            accepted += r.outcome == condition::ok ? 1U : 0U;
            worst = std::max(worst, r.outcome);
        }
        const std::uint32_t refused = c->count - accepted;
        controller_event e{.at = now, .version = c->version, .target = g.spec.target.get(), .fleet = view(g, now)};
        if (accepted > 0) {
            e.what = controller_event::kind::launched;
            e.count = accepted;
            emit(e);
        }
        if (refused > 0) {
            e.what = controller_event::kind::refused;
            e.count = refused;
            e.outcome = worst;
            e.detail = detail;
            emit(e);
            if (c->tries > 1 && worst != condition::permanent)
                retry_later({later(now, g.spec.policy->retry_after), c->version, c->group, refused, c->tries - 1,
                    c->stay, c->orders});
        }
        ask(*v, c->version.index, g, {.why = cause::launched, .outcome = accepted > 0 ? condition::ok : worst}, now);
        settle(c->version.index, now);
    }

    /// The answer to a `resize` action.
    void resized(std::uint64_t action, condition outcome, std::string_view detail, uptime now)
    {
        now = tick(now);
        std::optional<call> c = take_call(action);
        if (!c)
            return;
        entry* v = find(c->version);
        if (v == nullptr)
            return;
        group& g = v->groups[c->group];
        --g.calls;
        if constexpr (is_set)
            g.set.answer(outcome, now);
        emit({.what = outcome == condition::ok ? controller_event::kind::resized : controller_event::kind::not_resized,
            .at = now,
            .version = c->version,
            .target = g.spec.target.get(),
            .count = c->count,
            .outcome = outcome,
            .detail = detail});
        ask(*v, c->version.index, g, {.why = cause::launched, .outcome = outcome}, now);
        if constexpr (is_set)
            if (g.set.wished() != c->count)
                tell_size(c->version, *v, g);
        settle(c->version.index, now);
    }

    // ---- time and work

    /// Does what is due. Call it at `next_wake`.
    void advance(uptime now)
    {
        now = tick(now);
        while (!retries_.empty() && retries_.front().due <= now) {
            retry r = retries_.front();
            std::pop_heap(retries_.begin(), retries_.end(), later_retry);
            retries_.pop_back();
            if (entry* v = find(r.version))
                try_again(*v, r, now);
        }
        while (wakes_.soonest() <= now) {
            const std::uint32_t index = wakes_.first();
            wake(index, now);
        }
    }

    /// When `advance` has something to do; `never` while only signals and answers can change anything.
    [[nodiscard]] uptime next_wake() const noexcept
    {
        return std::min(wakes_.soonest(), retries_.empty() ? never : retries_.front().due);
    }

    /// The next thing to do, if there is one and a call may be made now.
    [[nodiscard]] std::optional<controller_action> next_action()
    {
        while (!reads_.empty() && reads_under_way_ < options_.reads_at_once) {
            controller_action a{.what = controller_action::kind::read, .version = reads_.front()};
            reads_.pop_front();
            entry* v = find(a.version);
            if (v == nullptr)
                continue;
            v->read_queued = false;
            v->reading = v->reading && v->status != version_status::drained;
            if (v->reading) {
                v->read_under_way = true;
                ++reads_under_way_;
                return a;
            }
        }
        while (!queue_.empty() && under_way_ < options_.calls_at_once) {
            const std::uint64_t id = queue_.front();
            queue_.pop_front();
            call& c = calls_[static_cast<std::size_t>(id & call_mask)];
            entry* v = find(c.version);
            if (v == nullptr) {
                drop_call(c);
                continue;
            }
            group& g = v->groups[c.group];
            controller_action a{.version = c.version, .id = id};
            if constexpr (is_set) {
                c.count = g.set.wished();
                a.what = controller_action::kind::resize;
                a.resize = {g.spec.target, c.count};
            } else {
                // The maximum may be a lower one by now; for a drained version it is zero.
                const std::uint32_t max = v->status == version_status::drained ? 0 : g.spec.policy->limits.max;
                const std::uint32_t total = view(g, now_).total();
                for (std::uint32_t over = total - std::min(total, max); over > 0 && c.count > 0; --over)
                    g.books.withdraw(c.first + --c.count, now_);
                c.stay = std::min(c.stay, c.count);
                if (c.count == 0) {
                    --g.calls;
                    drop_call(c);
                    continue;
                }
                a.what = controller_action::kind::launch;
                a.launch = {g.spec.target, c.count, c.stay, c.first, c.orders};
            }
            c.performed = true;
            ++under_way_;
            return a;
        }
        return std::nullopt;
    }

    // ---- looking in

    [[nodiscard]] std::size_t size() const noexcept { return versions_.size() - free_.size(); }
    [[nodiscard]] bool contains(version_handle h) const noexcept { return find(h) != nullptr; }
    [[nodiscard]] std::uint32_t calls_under_way() const noexcept { return under_way_; }

    /// Whom the first group of a version starts, or null.
    [[nodiscard]] std::shared_ptr<const launch_target> target(version_handle h, std::size_t which = 0) const noexcept
    {
        const entry* v = find(h);
        return v == nullptr || which >= v->groups.size() ? nullptr : v->groups[which].spec.target;
    }

    /// The books of one group, or null.
    [[nodiscard]] const ledger* books(version_handle h, std::size_t which = 0) const noexcept
    {
        const entry* v = find(h);
        return v == nullptr || which >= v->groups.size() ? nullptr : &v->groups[which].books;
    }

    /// The memories of a version's groups, in their order, for `add`. Empty for an unknown version.
    [[nodiscard]] std::vector<memory> remember(version_handle h) const
    {
        std::vector<memory> all;
        if (const entry* v = find(h))
            for (const group& g : v->groups) {
                all.push_back({g.state, g.books, g.bound});
                if constexpr (is_set) {
                    all.back().size = g.set.wished();
                    all.back().told = g.set.told();
                }
            }
        return all;
    }

private:
    using scaler_state = typename S::state;

    static constexpr bool is_set = strategy_of<S>() == launch_strategy::worker_set;
    struct no_set {};
    struct no_keeping {};

    struct group {
        explicit group(group_spec<S> s)
            : spec(std::move(s)), books(std::shared_ptr<const ledger_settings>(spec.policy, &spec.policy->workers))
        {}

        [[nodiscard]] ledger_owner owner() const noexcept { return {&spec.target->version, spec.target->function}; }

        group_spec<S> spec;
        scaler_state state{};
        ledger books;
        [[no_unique_address]] std::conditional_t<is_set, detail::set_size, no_set> set{};
        [[no_unique_address]] std::conditional_t<is_set || keeps_minimum_of<S>(), no_keeping,
            detail::minimum_keeper::state>
            keeping{};
        uptime revisit_at = never;
        uptime read_at = never;
        uptime bootstrap_at = never;
        std::uint16_t calls = 0;  // under way
        std::uint8_t bootstraps = 0;
        bool bound = false;
    };

    struct entry {
        std::vector<group> groups{};
        uptime read_after{};
        std::uint32_t generation = 0;
        std::uint8_t read_failures = 0;  // in a row
        version_status status = version_status::created;
        bool used = false;
        bool reading = false;  // from the wish to the answer
        bool read_queued = false;
        bool read_under_way = false;
    };

    /// A launch or resize, from the decision to the answer.
    struct call {
        version_handle version{};
        std::uint32_t group = 0;
        std::uint32_t count = 0;
        std::uint32_t stay = 0;
        std::uint32_t tries = 1;
        std::uint64_t first = 0;
        std::uint64_t id = 0;  // zero: free
        leave_rules orders{};
        bool performed = false;
    };

    struct retry {
        uptime due{};
        version_handle version{};
        std::uint32_t group = 0;
        std::uint32_t count = 0;
        std::uint32_t tries = 1;
        std::uint32_t stay = 0;
        leave_rules orders{};
    };

    static bool later_retry(const retry& a, const retry& b) noexcept { return a.due > b.due; }
    static constexpr std::uint64_t call_mask = 0xffffffff;

    uptime tick(uptime now) noexcept { return now_ = std::max(now_, now); }

    [[nodiscard]] entry* find(version_handle h) noexcept
    {
        const bool here =
            h.index < versions_.size() && versions_[h.index].used && versions_[h.index].generation == h.generation;
        return here ? &versions_[h.index] : nullptr;
    }
    [[nodiscard]] const entry* find(version_handle h) const noexcept
    {
        return const_cast<controller_machine*>(this)->find(h);
    }

    [[nodiscard]] fleet_view view(const group& g, uptime now) const noexcept
    {
        return g.books.view(now, options_.replace_margin);
    }

    /// Whether the worker is in the books of another group, which then alone counts it: groups may share a function.
    [[nodiscard]] static bool known_elsewhere(const entry& v, const group& mine, const worker_seen& w) noexcept
    {
        return std::any_of(
            v.groups.begin(), v.groups.end(), [&](const group& g) { return &g != &mine && g.books.knows(w.identity); });
    }

    void emit(const controller_event& e) const
    {
        if (watch_)
            watch_(e);
    }

    static void recall(group& g, memory m, uptime now)
    {
        g.state = std::move(m.scaler);
        g.books = std::move(m.books);
        g.books.settle_for({g.spec.policy, &g.spec.policy->workers});
        g.books.answers_lost(now);
        g.bound = m.bound;
        if constexpr (is_set)
            g.set = detail::set_size(m.size.value_or(planned(g)), m.told ? never : now);
    }

    /// Asks the scaler, and takes its decision.
    void ask(entry& v, std::uint32_t index, group& g, scaling_signal sig, uptime now)
    {
        g.revisit_at = g.read_at = never;
        if (v.status == version_status::drained)
            return;
        sig.limits = g.spec.policy->limits;
        sig.wanted = receives_work(v.status);
        sig.fleet = view(g, now);
        decision d = g.spec.policy->scaler.decide(g.state, sig, now);
        if constexpr (is_set)
            bound_set(d, sig, g);
        else if constexpr (!keeps_minimum_of<S>())
            keep_minimum(d, sig, g, now);
        bound(d, sig, g);
        g.revisit_at = later(now, std::max(d.revisit, uptime{1}));
        g.read_at = later(now, std::max(d.read, uptime::zero()));
        const version_handle h{index, v.generation};
        emit({.what = controller_event::kind::decided,
            .at = now,
            .version = h,
            .target = g.spec.target.get(),
            .why = sig.why,
            .made = d,
            .fleet = sig.fleet,
            .signal = &sig});
        if constexpr (is_set) {
            if (d.resize)
                resize(h, v, g, *d.resize);
        } else if (d.launch > 0) {
            launch(h, v, g, d.launch, d.stay, g.spec.policy->tries, d.orders.value_or(g.spec.policy->orders), now);
        }
    }

    /// What a scaler that knows no minimum leaves to us.
    static void keep_minimum(decision& d, const scaling_signal& sig, group& g, uptime now) noexcept
    {
        if constexpr (!is_set && !keeps_minimum_of<S>()) {
            // A refused start that is retried must not be made for the minimum as well: the retry comes first.
            const detail::minimum_keeper keeper{
                .first_wait = std::max(detail::minimum_keeper{}.first_wait, g.spec.policy->retry_after)};
            keeper.observe(g.keeping, sig, now);
            keeper.raise(d, g.keeping, sig, now);
        }
    }

    /// The platform keeps up what it was told, so a set is told when it begins and when the bounds are new.
    static void bound_set(decision& d, const scaling_signal& sig, const group& g) noexcept
    {
        if constexpr (is_set) {
            if (d.resize || (sig.why != cause::begin && sig.why != cause::changed))
                return;
            std::uint32_t plan = planned(g);
            // What stands there for the minimum only goes when the minimum does. A scaler that has a plan says so
            // itself.
            if (!has_plan && !sig.wanted && plan <= sig.limits.min)
                plan = 0;
            detail::bound_size(d, sig, plan, g.set.wished());
        }
    }

    static constexpr bool has_plan = requires(const S& s, const scaler_state& st) { s.planned(st); };

    /// What the scaler wants a set to be, whatever the bounds; or what it wished for last.
    [[nodiscard]] static std::uint32_t planned(const group& g) noexcept
    {
        if constexpr (has_plan)
            return g.spec.policy->scaler.planned(g.state);
        else if constexpr (is_set)
            return g.set.wished();
        else
            return 0;
    }

    void resize(version_handle h, entry& v, group& g, std::uint32_t size)
    {
        if constexpr (is_set) {
            g.set.wish(size);
            tell_size(h, v, g);
        }
    }

    /// Unless that is under way, or waits after a refusal: the size that is told then is the last one.
    void tell_size(version_handle h, entry& v, group& g)
    {
        if constexpr (is_set) {
            if (g.set.begin(now_))
                start_call(h, v, g, {});
        }
    }

    void tell_again(version_handle h, entry& v, group& g, uptime now)
    {
        if constexpr (is_set) {
            emit({.what = controller_event::kind::retried,
                .at = now,
                .version = h,
                .target = g.spec.target.get(),
                .count = g.set.wished()});
            tell_size(h, v, g);
        }
    }

    /// The scaler of a version that sleeps is not asked, so its set is taken down without it.
    void rest(entry& v, std::uint32_t index, group& g)
    {
        if constexpr (is_set)
            if (v.status == version_status::drained && g.set.wished() > 0)
                resize({index, v.generation}, v, g, 0);
    }

    /// Whatever a scaler says: never above the maximum, and no more calls at once than may be.
    void bound(decision& d, const scaling_signal& sig, const group& g) const noexcept
    {
        const scaling_limits& limits = sig.limits;
        if (d.resize)
            d.resize = std::clamp(*d.resize, detail::least_size(limits, sig.wanted), limits.max);
        if (d.launch == 0 && !d.resize)
            return;
        std::uint32_t room = limits.max - std::min(limits.max, sig.fleet.total());
        reason why = reason::at_maximum;
        if (g.calls >= options_.calls_per_group) {
            room = 0;
            why = reason::calls_under_way;
        }
        room = std::min(room, options_.starts_per_call);
        if (d.launch > room) {
            d.held_back = saturating_add(d.held_back, d.launch - room);
            d.launch = room;
            if (room == 0)
                d.reason = why;
        }
        d.stay = std::min(d.stay, d.launch);
    }

    void launch(version_handle h, entry& v, group& g, std::uint32_t count, std::uint32_t stay, std::uint32_t tries,
        const leave_rules& orders, uptime now)
    {
        start_call(h, v, g,
            {.count = count, .stay = stay, .tries = tries, .first = g.books.ask(count, now), .orders = orders});
    }

    void start_call(version_handle h, entry& v, group& g, call c)
    {
        std::size_t slot = calls_.size();
        if (free_calls_.empty()) {
            calls_.emplace_back();
        } else {
            slot = free_calls_.back();
            free_calls_.pop_back();
        }
        c.version = h;
        c.group = static_cast<std::uint32_t>(&g - v.groups.data());
        c.id = (++call_count_ << 32) | slot;
        calls_[slot] = c;
        ++g.calls;
        queue_.push_back(c.id);
    }

    void end_reading(entry& v) noexcept
    {
        v.reading = false;
        if (std::exchange(v.read_under_way, false))
            --reads_under_way_;
    }

    [[nodiscard]] std::optional<call> take_call(std::uint64_t id)
    {
        const auto slot = static_cast<std::size_t>(id & call_mask);
        if (slot >= calls_.size() || calls_[slot].id != id || !calls_[slot].performed)
            return std::nullopt;
        const call c = calls_[slot];
        --under_way_;
        drop_call(calls_[slot]);
        return c;
    }

    void drop_call(call& c)
    {
        free_calls_.push_back(static_cast<std::uint32_t>(&c - calls_.data()));
        c = {};
    }

    void retry_later(retry r)
    {
        retries_.push_back(r);
        std::push_heap(retries_.begin(), retries_.end(), later_retry);
    }

    void try_again(entry& v, const retry& r, uptime now)
    {
        group& g = v.groups[r.group];
        const std::uint32_t room =
            g.spec.policy->limits.max - std::min(g.spec.policy->limits.max, view(g, now).total());
        const std::uint32_t count = std::min(r.count, room);
        // The scaler is asked again at each answer: what finds no room is not lost with the retry.
        if (count == 0 || v.status == version_status::drained || g.calls >= options_.calls_per_group)
            return;
        emit({.what = controller_event::kind::retried,
            .at = now,
            .version = r.version,
            .target = g.spec.target.get(),
            .count = count});
        launch(r.version, v, g, count, std::min(r.stay, count), r.tries, r.orders, now);
    }

    /// A version nobody ever polled for is bound to no queue, and no task names it: start one worker, and once more.
    void bootstrap(entry& v, std::uint32_t index, group& g, uptime now)
    {
        const fleet_view f = view(g, now);
        // The workers of a set have names of their own, which no answer told us.
        if (v.status == version_status::drained) {
            g.bootstrap_at = never;  // until the status is another
            return;
        }
        if (f.ever_seen || (is_set && f.foreign > 0)) {
            g.bootstrap_at = never;
            g.bound = true;
            return;
        }
        const uptime wait = detail::doubled(options_.bootstrap_retry, g.bootstraps, options_.bootstrap_retry_most);
        g.bootstrap_at = later(now, std::max(wait, uptime{1}));
        if (f.total() > 0 || g.spec.policy->limits.max == 0)
            return;
        g.bootstraps = static_cast<std::uint8_t>(std::min(g.bootstraps + 1, 255));
        const version_handle h{index, v.generation};
        controller_event e{.what = controller_event::kind::bootstrap,
            .at = now,
            .version = h,
            .target = g.spec.target.get(),
            .made = {.launch = 1, .reason = reason::bootstrap},
            .fleet = f,
            .count = 1};
        if constexpr (is_set) {
            e.count = first_size(g, receives_work(v.status));
            e.made = {.resize = e.count, .reason = reason::bootstrap};
        }
        emit(e);
        if constexpr (is_set)
            resize(h, v, g, e.count);
        else
            launch(h, v, g, 1, 0, 1, g.spec.policy->orders, now);
    }

    /// As planned, but at least one. A scaler that keeps a plan is told by `bootstrap(state)`, where it has that.
    [[nodiscard]] static std::uint32_t first_size(group& g, bool wanted)
    {
        const group_policy<S>& policy = *g.spec.policy;
        std::uint32_t size = planned(g);
        if constexpr (requires { policy.scaler.bootstrap(g.state); })
            size = policy.scaler.bootstrap(g.state);
        return std::min(std::max({1U, size, detail::least_size(policy.limits, wanted)}), policy.limits.max);
    }

    void wake(std::uint32_t index, uptime now)
    {
        entry& v = versions_[index];
        bool changed = false;
        for (group& g : v.groups) {
            if (g.books.advance(now)) {
                changed = true;
                ask(v, index, g, {.why = cause::workers}, now);
            } else if (g.revisit_at <= now) {
                ask(v, index, g, {.why = cause::wake}, now);
            }
            if (g.bootstrap_at <= now)
                bootstrap(v, index, g, now);
            if constexpr (is_set)
                if (g.set.tell_at() <= now)
                    tell_again({index, v.generation}, v, g, now);
        }
        settle(index, now);
        // Books that somebody else wrote may name a moment that has passed and then have nothing to do. All else that
        // was due has a later moment now. Without this `advance` would never return.
        if (!changed && wakes_.soonest() <= now && wakes_.first() == index)
            wakes_.set(index, later(now, std::chrono::milliseconds{1}));
    }

    /// Asks for a reading that is due, and sets the version's alarm.
    void settle(std::uint32_t index, uptime now)
    {
        entry& v = versions_[index];
        uptime at = never;
        uptime read_at = never;
        for (group& g : v.groups) {
            if (g.bootstrap_at <= now)
                bootstrap(v, index, g, now);
            at = std::min({at, g.revisit_at, g.bootstrap_at, g.books.next_change()});
            if constexpr (is_set)
                at = std::min(at, g.set.tell_at());
            read_at = std::min(read_at, g.read_at);
        }
        if (!v.reading && read_at != never) {
            read_at = std::max(read_at, v.read_after);
            if (read_at <= now) {
                v.reading = true;
                // The one before may still stand there: a snapshot came by itself.
                if (!std::exchange(v.read_queued, true))
                    reads_.push_back({index, v.generation});
            } else {
                at = std::min(at, read_at);
            }
        }
        wakes_.set(index, at);
    }

    controller_options options_;
    observer watch_;
    std::deque<entry> versions_{};  // so that growing moves none, and leaves no room unused
    std::vector<std::uint32_t> free_{};
    detail::wake_heap wakes_{};
    std::vector<retry> retries_{};  // a heap, soonest first
    std::vector<call> calls_{};
    std::vector<std::uint32_t> free_calls_{};
    std::deque<std::uint64_t> queue_{};
    std::deque<version_handle> reads_{};
    std::uint64_t call_count_ = 0;
    std::uint32_t under_way_ = 0;
    std::uint32_t reads_under_way_ = 0;
    uptime now_{};
};

}  // namespace mayfly
