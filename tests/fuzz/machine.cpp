// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/controller_machine.hpp>
#include <mayfly/scalers/clamped.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/rate_based.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

// The whole controller machine, with scalers of the library and with rogues that decide anything.
//
// `any_inputs` feeds it everything: versions that come and go, stale handles, answers twice and to nobody, clocks that
// stand still or go back. `good_weather` is a world where the provider accepts, mostly, and workers come: there the
// minimum must be kept. Both run three times: as they are, once more, and with all times shifted.

using namespace mayfly;

namespace {

std::uint64_t mix(std::uint64_t h, std::uint64_t n)
{
    h = (h ^ n) * 0x9e3779b97f4a7c15U;
    return h ^ (h >> 29);
}

/// Decides anything at all, the same for the same history.
template <launch_strategy Strategy>
struct rogue {
    static constexpr launch_strategy strategy = Strategy;

    struct state {
        std::uint64_t seed = 0;
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime) const noexcept
    {
        st.seed = mix(mix(st.seed, sig.fleet.total() + sig.added.total()), static_cast<std::uint64_t>(sig.why));
        fuzz::bytes in{reinterpret_cast<const std::uint8_t*>(&st.seed), sizeof st.seed};
        decision d;
        d.launch = in.count32();
        d.stay = in.count32();
        if (in.flag())
            d.resize = in.count32();
        const std::uint8_t when = in.byte();
        d.revisit = when < 64 ? never : uptime{when * std::int64_t{10'000} - 900'000};
        d.read = (when & 1U) != 0 ? never : uptime{when * std::int64_t{10'000} - 900'000};
        return d;
    }
};

/// What happened, without the moment at which the run began.
struct line {
    int what = 0;
    uptime at{};
    std::uint64_t id = 0;
    version_handle version{};
    cause why{};
    decision made{};
    fleet_view fleet{};
    std::uint32_t count = 0;
    condition outcome{};
    friend bool operator==(const line&, const line&) = default;
};

using story = std::vector<line>;

/// A scaler with a planted defect, where one is.
template <class S>
struct planted_scaler {
    static constexpr launch_strategy strategy = strategy_of<S>();
    using state = typename S::state;

    S inner{};

    [[nodiscard]] decision decide(state& st, const scaling_signal& sig, uptime now) const noexcept
    {
        decision d = inner.decide(st, sig, now);
        if (fuzz::planted() == 1 && now.count() / 1'000'000 % 2 == 1)  // seconds of the clock, not of the run
            d.launch /= 2;
        if (fuzz::planted() == 2) {  // a memory beside the state
            static std::uint32_t asked = 0;
            if (++asked % 3 == 0)
                d.held_back += 1;
        }
        return d;
    }
};

/// The machine as it is, unless a defect is planted.
template <class Scaler>
class planted_machine : public controller_machine<Scaler> {
public:
    using base = controller_machine<Scaler>;
    using observer = typename base::observer;

    planted_machine(controller_options options, const observer& watch) : base{changed(options), watch}, watch_{watch} {}

    static group_policy<Scaler> changed(group_policy<Scaler> p)
    {
        if (fuzz::planted() == 4)  // one too many
            p.limits.max = saturating_add(p.limits.max, 1);
        if (fuzz::planted() == 5 && p.limits.min > 0)  // one too few
            p.limits.min -= 1;
        return p;
    }

    void launched(std::uint64_t action, std::span<const launch_result> results, condition otherwise,
        std::string_view detail, uptime now)
    {
        if (fuzz::planted() == 6 && !answered_.insert(action).second)  // an answer counts as often as it comes
            watch_({.what = controller_event::kind::launched, .count = 1});
        base::launched(action, results, otherwise, detail, now);
    }

    void advance(uptime now)
    {
        if (fuzz::planted() == 7 && base::next_wake() == now)  // what is due now seems to be due later
            return;
        base::advance(now);
    }

    void added(version_handle h, const task_added& tasks, uptime now)
    {
        if (fuzz::planted() == 8)  // whoever has the place now
            h.generation = std::max(h.generation, newest_[h.index]);
        base::added(h, tasks, now);
    }

    version_handle add(version_spec<Scaler> spec, uptime now, std::vector<typename base::memory> from = {})
    {
        const version_handle h = base::add(std::move(spec), now, std::move(from));
        newest_[h.index] = h.generation;
        return h;
    }

private:
    static controller_options changed(controller_options o)
    {
        if (fuzz::planted() == 3)  // one too many
            o.calls_at_once += 1;
        return o;
    }

    observer watch_;
    std::set<std::uint64_t> answered_{};
    std::map<std::uint32_t, std::uint32_t> newest_{};
};

template <class S>
class any_inputs {
    using scaler = planted_scaler<S>;
    using machine_type = planted_machine<scaler>;
    using policy = group_policy<scaler>;

public:
    any_inputs(fuzz::bytes in, uptime shift)
        : in_{in}, shift_{shift}, options_{read_options(in_)}, machine_{options_, [this](const controller_event& e) {
                                                                            note(e);
                                                                        }}
    {}

    story go()
    {
        while (!in_.empty()) {
            now_ += in_.wait();
            const auto before = now_;
            if (in_.below(16) == 0)
                now_ -= std::min(now_, in_.wait());
            step();
            for (std::uint32_t n = in_.below(4); n > 0; --n)
                perform();
            check();
            now_ = before;
        }
        return std::move(story_);
    }

private:
    struct version {
        version_handle handle{};
        bool there = true;
        bool reading = false;
        version_status status = version_status::current;
        std::vector<std::shared_ptr<const launch_target>> targets{};
        std::vector<std::uint32_t> maxima{};
    };

    struct call {
        controller_action action{};
        std::size_t of = 0;
        bool answered = false;
    };

    static controller_options read_options(fuzz::bytes& in)
    {
        controller_options o;
        if (in.flag()) {
            o.calls_at_once = 1 + in.below(8);
            o.reads_at_once = o.calls_at_once;
            o.calls_per_group = static_cast<decltype(o.calls_per_group)>(1 + in.below(4));
            o.read_soonest = in.wait();
            o.read_retry = in.wait();
            o.bootstrap_retry = in.wait();
            o.replace_margin = in.wait();
        }
        return o;
    }

    std::shared_ptr<const policy> read_policy(std::uint32_t& max)
    {
        policy p;
        p.limits.max = max = in_.below(12);
        p.limits.min = in_.below(4);
        const std::uint8_t b = in_.byte();
        p.bootstrap = (b & 1U) != 0;
        p.tries = 1 + (b >> 1U) % 3U;
        p.retry_after = in_.wait();
        if ((b & 8U) != 0)
            p.workers.useful_life = in_.wait() + uptime{1};
        if ((b & 16U) != 0)
            p.workers.remember = in_.wait();
        if ((b & 32U) != 0)
            p.workers.patience = in_.wait();
        return std::make_shared<const policy>(machine_type::changed(std::move(p)));
    }

    uptime at() const { return now_ + shift_; }

    void step()
    {
        switch (in_.below(16)) {
        case 0: add(); break;
        case 1:
            if (version* v = pick()) {
                machine_.remove(v->handle);
                v->there = false;
            }
            break;
        case 2:
            if (version* v = pick()) {
                const auto status = static_cast<version_status>(in_.below(6));
                touch(*v, [&] { machine_.set_status(v->handle, status, at()); });
                v->status = status;
            }
            break;
        case 3:
            if (version* v = pick()) {
                const std::size_t which = in_.below(4);
                std::uint32_t max = 0;
                auto p = read_policy(max);
                if (v->there && which < v->maxima.size())
                    v->maxima[which] = max;
                touch(*v, [&] { machine_.set_policy(v->handle, which, std::move(p), at()); });
            }
            break;
        case 4:
        case 5:
        case 6:
            if (version* v = pick()) {
                const task_added t{in_.type(), in_.adds()};
                touch(*v, [&] { machine_.added(v->handle, t, at()); });
            }
            break;
        case 7:
        case 8: snapshot(); break;
        case 9:
        case 10: answer(); break;
        case 11: seen(); break;
        case 12:
            if (version* v = pick()) {
                const std::string name = some_name();
                touch(*v, [&] { machine_.gone(v->handle, {name}, at()); });
            }
            break;
        case 13:
            if (version* v = pick()) {
                const condition c = in_.outcome();
                touch(*v, [&] { machine_.unread(v->handle, c, "no", at()); });
                v->reading = false;
            }
            break;
        default: advance(); break;
        }
    }

    /// A version that is no more hears nothing.
    template <class F>
    void touch(const version& v, F tell)
    {
        const std::size_t told = story_.size();
        tell();
        if (!v.there)
            MUST("a removed version hears nothing", story_.size() == told);
    }

    void add()
    {
        if (versions_.size() >= 16)
            return;
        version v;
        version_spec<scaler> spec{.status = static_cast<version_status>(in_.below(6))};
        v.status = spec.status;
        const std::uint32_t groups = in_.below(4);
        for (std::uint32_t i = 0; i < groups; ++i) {
            auto target = std::make_shared<launch_target>();
            target->version = {"d", std::to_string(versions_.size())};
            target->group = std::to_string(i);
            target->function = in_.flag() ? "f" : "g" + std::to_string(versions_.size());
            std::uint32_t max = 0;
            auto p = read_policy(max);
            const std::uint8_t types = in_.byte();
            task_types of;
            for (task_type t : all_task_types)
                if ((types >> static_cast<unsigned>(t) & 1U) != 0)
                    of.insert(t);
            spec.groups.push_back({std::move(p), target, of});
            v.targets.push_back(target);
            v.maxima.push_back(max);
        }
        std::vector<typename machine_type::memory> from;
        if (const version* old = in_.flag() ? pick() : nullptr)
            from = machine_.remember(old->handle);
        const std::size_t size = machine_.size();
        versions_.push_back(v);
        versions_.back().handle = machine_.add(std::move(spec), at(), std::move(from));
        MUST("a version that was added is there",
            machine_.size() == size + 1 && machine_.contains(versions_.back().handle));
    }

    version* pick() { return versions_.empty() ? nullptr : &versions_[in_.byte() % versions_.size()]; }

    std::string some_name()
    {
        const std::uint8_t b = in_.byte();
        return "r" + std::to_string(b) + (b % 4 == 3 ? "@g0" : "@f");
    }

    worker_seen sighted()
    {
        worker_seen w;
        w.first_seen = at() - in_.wait();
        w.last_seen = at();
        const std::uint8_t more = in_.byte();
        w.present = (more & 3U) != 3U;
        if ((more & 4U) != 0)
            w.busy = in_.below(8);
        if ((more & 8U) != 0)
            w.slots = in_.below(8);
        if ((more & 48U) == 48U && !versions_.empty() && !versions_.front().targets.empty())
            w.version = &versions_.front().targets.front()->version;
        return w;
    }

    void seen()
    {
        version* v = pick();
        if (v == nullptr)
            return;
        const std::string name = some_name();
        worker_seen w = sighted();
        w.identity = name;
        touch(*v, [&] { machine_.seen(v->handle, w, at()); });
    }

    void snapshot()
    {
        version* v = pick();
        if (v == nullptr)
            return;
        std::vector<std::string> names(in_.below(5));
        std::vector<worker_seen> workers;
        for (std::string& name : names) {
            name = some_name();
            workers.push_back(sighted());
            workers.back().identity = name;
        }
        queue_snapshot s{.workers = workers, .workers_complete = in_.flag()};
        if (in_.flag())
            s.busy_slots = in_.below(16);
        for (task_type t : all_task_types)
            if (in_.flag())
                s.of(t) = in_.stats();
        touch(*v, [&] { machine_.snapshot(v->handle, s, at()); });
        v->reading = false;
    }

    /// Answers a call: one that is open, one that was answered before, or one that never was.
    void answer()
    {
        const condition otherwise = in_.outcome();
        if (calls_.empty() || in_.below(16) == 0) {
            const std::uint64_t id = in_.count();
            if (std::none_of(calls_.begin(), calls_.end(), [&](const call& c) { return c.action.id == id; }))
                unheard([&] { machine_.launched(id, {}, otherwise, {}, at()); });
            return;
        }
        call& c = calls_[calls_.size() - 1 - in_.byte() % calls_.size()];
        std::vector<std::string> names(in_.flag() ? in_.below(4) : c.action.launch.count);
        std::vector<launch_result> results;
        for (std::string& name : names) {
            name = "r" + std::to_string(in_.flag() ? in_.byte() : names_++ % 256);
            results.push_back({in_.outcome(), name});
        }
        const auto tell = [&] {
            if (c.action.what == controller_action::kind::launch)
                machine_.launched(c.action.id, results, otherwise, "said", at());
            else
                machine_.resized(c.action.id, otherwise, "said", at());
        };
        if (std::exchange(c.answered, true))
            return unheard(tell);
        const std::size_t told = story_.size();
        tell();
        if (!versions_[c.of].there)
            return;
        std::uint32_t heard = 0;
        for (std::size_t i = told; i < story_.size(); ++i) {
            const auto what = static_cast<controller_event::kind>(story_[i].what);
            if (what == controller_event::kind::launched || what == controller_event::kind::refused)
                heard += story_[i].count;
        }
        if (c.action.what == controller_action::kind::launch)
            MUST("every start is answered once", heard == c.action.launch.count);
    }

    template <class F>
    void unheard(F tell)
    {
        const std::size_t told = story_.size();
        const std::uint32_t under_way = machine_.calls_under_way();
        tell();
        MUST("every call is answered once", story_.size() == told && machine_.calls_under_way() == under_way);
    }

    void advance()
    {
        if (in_.flag() && machine_.next_wake() != never)
            now_ = std::max(now_, machine_.next_wake() - shift_);
        latest_ = std::max(latest_, now_);
        machine_.advance(at());
        MUST("after an advance the next moment lies ahead", machine_.next_wake() > latest_ + shift_);
    }

    void perform()
    {
        const auto a = machine_.next_action();
        if (!a)
            return;
        const auto v = std::find_if(
            versions_.begin(), versions_.end(), [&](const version& o) { return o.handle == a->version && o.there; });
        MUST("an action is for a version that is there", v != versions_.end());
        story_.push_back({.what = 100 + static_cast<int>(a->what), .id = a->id, .version = a->version});
        if (a->what == controller_action::kind::read) {
            MUST("one reading at a time", !std::exchange(v->reading, true));
            MUST("a drained version is not read", v->status != version_status::drained);
            const auto reading = static_cast<std::uint32_t>(std::count_if(
                versions_.begin(), versions_.end(), [](const version& o) { return o.there && o.reading; }));
            MUST("no more readings at once than may be", reading <= options_.reads_at_once);
            return;
        }
        const bool is_set = a->what == controller_action::kind::resize;
        MUST("a drained version starts nothing",
            v->status != version_status::drained || (is_set && a->resize.size == 0));
        story_.back().count = is_set ? a->resize.size : a->launch.count;
        for (const call& c : calls_) {
            MUST("every call is made once", c.action.id != a->id);
            if (is_set && !c.answered)
                MUST("sizes of a set do not overtake each other", c.action.resize.target != a->resize.target);
        }
        calls_.push_back({*a, static_cast<std::size_t>(v - versions_.begin())});
        const auto open = static_cast<std::uint32_t>(
            std::count_if(calls_.begin(), calls_.end(), [](const call& c) { return !c.answered; }));
        MUST("no more calls at once than may be", open <= options_.calls_at_once);
        if (a->what == controller_action::kind::launch) {
            const auto same = static_cast<std::uint32_t>(std::count_if(calls_.begin(), calls_.end(),
                [&](const call& c) { return !c.answered && c.action.launch.target == a->launch.target; }));
            MUST("no more calls of a group than may be", same <= options_.calls_per_group);
            MUST("a launch starts somebody", a->launch.count > 0 && a->launch.stay <= a->launch.count);
        }
    }

    void note(const controller_event& e)
    {
        using kind = controller_event::kind;
        story_.push_back(
            {static_cast<int>(e.what), e.at - shift_, 0, e.version, e.why, e.made, e.fleet, e.count, e.outcome});
        if (e.target == nullptr)
            return;
        for (const version& v : versions_)
            for (std::size_t i = 0; i < v.targets.size(); ++i) {
                if (v.targets[i].get() != e.target)
                    continue;
                const std::uint32_t max = v.maxima[i];
                const fleet_view f = e.what == kind::retried ? machine_.books(e.version, i)->view(e.at) : e.fleet;
                const bool is_set = strategy_of<scaler>() == launch_strategy::worker_set;
                std::uint32_t starts = 0;
                if (e.what == kind::decided)
                    starts = e.made.launch;
                else if (e.what == kind::retried || (e.what == kind::bootstrap && !is_set))
                    starts = e.count;
                if (starts > 0 && !is_set)
                    MUST("never above the maximum", std::uint64_t{f.total()} + starts <= max);
                if ((e.what == kind::decided || e.what == kind::bootstrap) && e.made.resize)
                    MUST("never above the maximum", *e.made.resize <= max);
            }
    }

    void check()
    {
        const auto there = static_cast<std::size_t>(
            std::count_if(versions_.begin(), versions_.end(), [](const version& v) { return v.there; }));
        MUST("the versions are those that were added and not removed", machine_.size() == there);
        for (const version& v : versions_)
            for (std::size_t i = 0; v.there && i < v.targets.size(); ++i) {
                const ledger* const books = machine_.books(v.handle, i);
                const ledger_totals& t = books->totals();
                MUST("the totals grow only by what happened", t.connected + t.refused <= t.asked);
            }
        if (machine_.next_wake() != never)
            story_.push_back({.what = 200, .at = machine_.next_wake() - shift_});
    }

    fuzz::bytes in_;
    uptime shift_;
    controller_options options_;
    story story_{};
    std::vector<version> versions_{};
    std::vector<call> calls_{};
    uptime now_{};
    uptime latest_{};
    std::uint32_t names_ = 0;
    machine_type machine_;
};

/// One version, a provider that accepts unless it has a bad moment, and workers that come.
class good_weather {
    using scaler = planted_scaler<fleet>;
    using machine_type = planted_machine<scaler>;

public:
    good_weather(fuzz::bytes in, uptime shift)
        : in_{in}, shift_{shift}, machine_{{}, [this](const controller_event& e) { note(e); }}
    {
        group_policy<scaler> p;
        p.limits.min = min_ = in_.below(5);
        p.limits.max = min_ + in_.below(4);
        p.bootstrap = in_.flag();
        life_ = in_.flag() ? uptime{std::chrono::seconds{10 + in_.below(100)}} : never;
        p.workers.useful_life = life_;
        auto target = std::make_shared<launch_target>();
        target->function = "f";
        version_ = machine_.add(
            {.groups = {{std::make_shared<const group_policy<scaler>>(machine_type::changed(p)), std::move(target)}}},
            at());
        perform();
    }

    story go()
    {
        while (!in_.empty()) {
            const uptime until = now_ + std::min<uptime>(in_.wait(), std::chrono::seconds{60});
            for (;;) {
                const uptime next = soonest();
                if (next > until)
                    break;
                now_ = std::max(now_, next);
                happen();
                check();
            }
            now_ = until;
            input();
            perform();
            check();
        }
        return std::move(story_);
    }

private:
    static constexpr uptime longest_answer = std::chrono::milliseconds{100};
    static constexpr uptime longest_startup = std::chrono::seconds{3};

    enum class kind { answer, come, end, read };
    struct event {
        kind what{};
        std::uint64_t id = 0;  // of the call, or of the worker
        std::uint32_t count = 0;
    };

    uptime at() const { return now_ + shift_; }
    uptime soonest() const
    {
        const uptime wake = machine_.next_wake();
        return std::min(events_.empty() ? never : events_.begin()->first, wake == never ? never : wake - shift_);
    }

    static std::string name(std::uint64_t worker) { return "w" + std::to_string(worker) + "@f"; }

    void happen()
    {
        if (!events_.empty() && events_.begin()->first <= now_) {
            const event e = events_.begin()->second;
            events_.erase(events_.begin());
            switch (e.what) {
            case kind::answer: answer(e); break;
            case kind::come: come(e.id); break;
            case kind::end:
                if (workers_.contains(e.id))
                    leave(e.id);
                break;
            case kind::read: snapshot(); break;
            }
        } else {
            machine_.advance(at());
            MUST("after an advance the next moment lies ahead", machine_.next_wake() > at());
        }
        perform();
    }

    void leave(std::uint64_t worker)
    {
        workers_.erase(worker);
        machine_.gone(version_, {name(worker)}, at());
        below_since_ = never;  // whoever replaces this one may take a start from now
    }

    void come(std::uint64_t worker)
    {
        workers_.insert(worker);
        const std::string identity = name(worker);
        machine_.seen(version_, {.identity = identity, .first_seen = at(), .last_seen = at()}, at());
        if (life_ != never)
            events_.insert({now_ + life_, {kind::end, worker}});
    }

    void answer(const event& e)
    {
        std::vector<std::string> names;
        std::vector<launch_result> results;
        for (std::uint32_t i = 0; i < e.count; ++i) {
            const bool ok = refusing_ == condition::ok;
            names.push_back("w" + std::to_string(++worker_count_));
            results.push_back({refusing_, {}});
            if (ok)
                events_.insert({now_ + startup_, {kind::come, worker_count_}});
            else
                quiet_until_ =
                    now_ + (refusing_ == condition::permanent ? std::chrono::minutes{1} : std::chrono::seconds{2});
        }
        for (std::size_t i = 0; i < names.size(); ++i)
            results[i].request_id = names[i];
        machine_.launched(e.id, results, condition::ok, {}, at());
    }

    void snapshot()
    {
        if (in_.below(8) == 7) {
            machine_.unread(version_, condition::transient, {}, at());
            return;
        }
        std::vector<std::string> names;
        for (std::uint64_t w : workers_)
            names.push_back(name(w));
        std::vector<worker_seen> workers;
        for (const std::string& n : names)
            workers.push_back({.identity = n, .first_seen = at(), .last_seen = at()});
        queue_snapshot s{.workers = workers, .workers_complete = true, .busy_slots = in_.below(4)};
        s.of(task_type::activity) = queue_stats{.backlog = in_.below(8), .dispatched = dispatched_ += in_.below(8)};
        machine_.snapshot(version_, s, at());
    }

    void input()
    {
        switch (in_.below(6)) {
        case 0:
        case 1: machine_.added(version_, {task_type::activity, in_.adds()}, at()); break;
        case 2: refusing_ = in_.outcome(); break;
        case 3: startup_ = std::min(in_.wait(), longest_startup); break;
        case 4:
            if (!workers_.empty()) {
                const std::uint64_t w =
                    *std::next(workers_.begin(), static_cast<std::ptrdiff_t>(in_.byte() % workers_.size()));
                leave(w);
            }
            break;
        case 5:
            wanted_ = in_.below(4) != 0;
            machine_.set_status(version_, wanted_ ? version_status::current : version_status::inactive, at());
            break;
        }
    }

    void perform()
    {
        while (const auto a = machine_.next_action()) {
            const uptime when = now_ + uptime{std::int64_t{in_.byte()} * longest_answer / uptime{256}};
            if (a->what == controller_action::kind::read)
                events_.insert({when, {kind::read}});
            else
                events_.insert({when, {kind::answer, a->id, a->launch.count}});
        }
    }

    void check()
    {
        if (workers_.size() >= min_ || !wanted_) {
            below_since_ = never;
            return;
        }
        if (below_since_ == never)
            below_since_ = now_;
        MUST("never below the minimum for longer than a start",
            now_ <= std::max(below_since_, quiet_until_) + longest_answer + longest_startup);
    }

    void note(const controller_event& e)
    {
        story_.push_back(
            {static_cast<int>(e.what), e.at - shift_, 0, e.version, e.why, e.made, e.fleet, e.count, e.outcome});
    }

    fuzz::bytes in_;
    uptime shift_;
    story story_{};
    std::uint32_t min_ = 0;
    uptime life_ = never;
    uptime now_{};
    uptime startup_ = std::chrono::milliseconds{600};
    uptime below_since_ = never;
    uptime quiet_until_{};
    condition refusing_ = condition::ok;
    bool wanted_ = true;
    std::uint64_t worker_count_ = 0;
    std::uint64_t dispatched_ = 0;
    std::set<std::uint64_t> workers_{};
    std::multimap<uptime, event> events_{};
    machine_type machine_;
    version_handle version_{};
};

template <class World>
void thrice(fuzz::bytes in)
{
    const uptime shift = in.wait() + uptime{1};
    const story first = World{in, uptime::zero()}.go();
    MUST("a replay equals the run", World{in, uptime::zero()}.go() == first);
    MUST("shifting all times shifts nothing else", World{in, shift}.go() == first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    switch (in.below(6)) {
    case 0: thrice<any_inputs<fleet>>(in); break;
    case 1: thrice<any_inputs<rogue<launch_strategy::invoke>>>(in); break;
    case 2: thrice<any_inputs<rogue<launch_strategy::worker_set>>>(in); break;
    case 3: thrice<any_inputs<clamped<rate_based>>>(in); break;
    default: thrice<good_weather>(in); break;
    }
    return 0;
}
