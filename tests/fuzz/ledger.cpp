// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/ledger.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

// The ledger's books under answers and sightings in any order, twice, late, never, and from strangers.

using namespace mayfly;

namespace {

/// The ledger as it is, unless a defect is planted.
class planted_ledger {
public:
    explicit planted_ledger(const ledger_settings& s) : books_{s} {}

    std::uint64_t ask(std::uint32_t count, uptime now) { return books_.ask(count, now); }

    void answer(std::uint64_t id, const launch_result& result, uptime now)
    {
        const bool again = !answered_.insert(id).second;
        if (fuzz::planted() == 2 && again && result.outcome == condition::ok)  // taken for one more start
            id = books_.ask(1, now);
        books_.answer(id, result, now);
    }

    void withdraw(std::uint64_t id, uptime now)
    {
        if (fuzz::planted() != 3)  // withdrawn starts stay for ever
            books_.withdraw(id, now);
    }

    void answers_lost(uptime now) { books_.answers_lost(now); }

    sighting see(worker_seen w, const ledger_owner& own, uptime now)
    {
        if (fuzz::planted() == 4)  // rounded by the clock
            w.first_seen -= w.first_seen % std::chrono::seconds{1};
        return books_.see(w, own, now);
    }

    bool gone(std::string_view identity, uptime now)
    {
        const bool was_there = books_.gone(identity, now);
        if (fuzz::planted() == 1 && was_there)  // gone, and alive as well
            twice_ += 1;
        return was_there;
    }

    bool take(const queue_snapshot& s, const ledger_owner& own, uptime now) { return books_.take(s, own, now); }

    bool advance(uptime now)
    {
        if (fuzz::planted() == 5 && last_ == now)  // on a plateau of the clock there seems to be nothing to do
            return false;
        last_ = now;
        return books_.advance(now);
    }

    fleet_view view(uptime now) const
    {
        fleet_view v = books_.view(now);
        v.live += twice_;
        return v;
    }

    bool knows(std::string_view identity) const
    {
        return !(fuzz::planted() == 6 && books_.records().size() > 16) && books_.knows(identity);
    }

    const ledger& inner() const { return books_; }

private:
    ledger books_;
    std::set<std::uint64_t> answered_{};
    std::uint32_t twice_ = 0;
    std::optional<uptime> last_{};
};

struct picture {
    std::vector<start_record> records;
    ledger_totals totals;
    fleet_view view;
    friend bool operator==(const picture&, const picture&) = default;
};

picture take_picture(const planted_ledger& l, uptime now)
{
    return {l.inner().records(), l.inner().totals(), l.view(now)};
}

class run {
public:
    explicit run(fuzz::bytes& in)
        : in_{in}, settings_{read_settings(in)}, books_{settings_}, shifted_{settings_}, shift_{in.wait() + uptime{1}}
    {}

    void go()
    {
        while (!in_.empty()) {
            now_ += in_.wait();
            step();
            if (in_.flag()) {
                books_.advance(now_);
                shifted_.advance(now_ + shift_);
                nothing_is_overdue();
            }
            balance();
        }
    }

private:
    static ledger_settings read_settings(fuzz::bytes& in)
    {
        ledger_settings s;
        if (in.flag())
            s.useful_life = in.wait() + uptime{1};
        if (in.flag())
            s.patience = in.wait() + uptime{1};
        if (in.flag())
            s.remember = in.wait() + uptime{1};
        if (in.flag())
            s.expected_startup = in.wait();
        return s;
    }

    void step()
    {
        switch (in_.below(10)) {
        case 0:
        case 1: ask(in_.below(4)); break;
        case 2: ask(in_.below(64)); break;
        case 3:
        case 4: answer(); break;
        case 5:
            both([w = sighted()](planted_ledger& l, const ledger_owner& own, uptime now, uptime shift) mutable {
                worker_seen at = w.at;
                at.identity = w.name;
                at.first_seen += shift;
                at.last_seen += shift;
                return static_cast<int>(l.see(at, own, now));
            });
            break;
        case 6:
            both([name = some_name()](
                     planted_ledger& l, const ledger_owner&, uptime now, uptime) { return l.gone(name, now); });
            break;
        case 7: snapshot(); break;
        case 8: {
            const std::uint64_t id = some_id();
            books_.withdraw(id, now_);
            shifted_.withdraw(id, now_ + shift_);
            open_.erase(id);
            break;
        }
        case 9:
            if (in_.below(8) == 0) {
                books_.answers_lost(now_);
                shifted_.answers_lost(now_ + shift_);
                open_.clear();
            }
            break;
        }
    }

    void ask(std::uint32_t count)
    {
        const std::uint64_t first = books_.ask(count, now_);
        shifted_.ask(count, now_ + shift_);
        MUST("a start has a number of its own", first >= next_id_);
        for (std::uint32_t i = 0; i < count; ++i)
            open_.insert(first + i);
        asked_ += count;
        next_id_ = first + count;
    }

    void answer()
    {
        // Names are few: the platform, or whoever stands between, may use one twice.
        const std::uint64_t id = some_id();
        const std::string name = in_.flag() ? "r" + std::to_string(id) : "r" + std::to_string(in_.below(8));
        const launch_result result{.outcome = in_.outcome(), .request_id = name};
        const bool first = open_.erase(id) > 0;
        const picture before = take_picture(books_, now_);
        books_.answer(id, result, now_);
        shifted_.answer(id, result, now_ + shift_);
        if (!first)
            MUST("a second answer changes nothing", take_picture(books_, now_) == before);
        refused_ += first && result.outcome != condition::ok ? 1U : 0U;
        if (first && result.outcome == condition::ok)
            MUST("what was accepted is found by its name", books_.knows(name + "@f"));
    }

    struct named {
        std::string name;
        worker_seen at;
    };

    named sighted()
    {
        named w{some_name(), {}};
        w.at.first_seen = in_.flag() ? now_ - in_.wait() : now_ + in_.wait();
        w.at.last_seen = now_;
        const std::uint8_t more = in_.byte();
        w.at.present = (more & 7U) != 7U;
        if ((more & 8U) != 0)
            w.at.busy = in_.count32();
        if ((more & 16U) != 0)
            w.at.slots = in_.count32();
        if ((more & 96U) != 0)
            w.at.version = (more & 96U) == 96U ? &other_ : &ours_;
        return w;
    }

    void snapshot()
    {
        std::vector<named> all(in_.below(6));
        std::generate(all.begin(), all.end(), [&] { return sighted(); });
        queue_snapshot s;
        s.workers_complete = in_.flag();
        if (in_.flag())
            s.busy_slots = in_.count32();
        if (in_.flag())
            s.of(task_type::activity) = in_.stats();
        both([&](planted_ledger& l, const ledger_owner& own, uptime now, uptime shift) {
            std::vector<worker_seen> workers;
            for (const named& w : all) {
                workers.push_back(w.at);
                workers.back().identity = w.name;
                workers.back().first_seen += shift;
                workers.back().last_seen += shift;
            }
            s.workers = workers;
            return l.take(s, own, now);
        });
    }

    template <class F>
    void both(F call)
    {
        const ledger_owner own{&ours_, "f"};
        const auto plain = call(books_, own, now_, uptime::zero());
        MUST("shifting all times shifts nothing else", plain == call(shifted_, own, now_ + shift_, shift_));
    }

    std::uint64_t some_id() { return next_id_ - std::min<std::uint64_t>(next_id_, in_.byte()); }

    std::string some_name()
    {
        const std::uint8_t b = in_.byte();
        if (b == 0)
            return {};
        if (b < 8)
            return "f@" + std::to_string(b);
        if (b < 24)
            return "r" + std::to_string(b % 8);
        return "r" + std::to_string(next_id_ - std::min<std::uint64_t>(next_id_, b - 24)) + (b % 5 == 0 ? "@g" : "@f");
    }

    void balance() const
    {
        const ledger& l = books_.inner();
        const fleet_view v = books_.view(now_);
        fleet_view recount;
        std::uint64_t last = 0;
        for (const start_record& r : l.records()) {
            MUST("a start has a number of its own", r.id > last);
            last = r.id;
            recount.asked += r.state == start_state::asked ? 1U : 0U;
            recount.starting += r.state == start_state::accepted ? 1U : 0U;
            recount.live += r.state == start_state::polling ? 1U : 0U;
            const bool there = r.state == start_state::accepted || r.state == start_state::polling;
            if (there && !r.request_id.empty())
                MUST("what was accepted is found by its name", books_.knows(r.request_id + "@f"));
        }
        MUST("who was not answered is asked", v.asked == open_.size());
        MUST("the view is the books, counted",
            v.asked == recount.asked && v.starting == recount.starting && v.live == recount.live);
        const ledger_totals& t = l.totals();
        MUST("the totals are what was said", t.asked == asked_ && t.refused == refused_);
        MUST("no more come than were asked for", t.connected + t.refused <= t.asked && t.late <= t.given_up);
        MUST("whoever leaves is alive", v.leaving <= v.live);
        MUST("a share is a share", v.failure_rate >= 0 && v.failure_rate <= 1);
        MUST("times are not negative", v.startup >= uptime{} && v.startup_dev >= uptime{} && v.service >= uptime{});
        MUST("shifting all times shifts nothing else", shifted_.view(now_ + shift_) == v);
    }

    void nothing_is_overdue() const
    {
        const ledger& l = books_.inner();
        const fleet_view v = books_.view(now_);
        const uptime patience = std::max(settings_.patience, 2 * v.startup + 6 * v.startup_dev);
        for (const start_record& r : l.records()) {
            MUST("nobody lives beyond the end", r.state != start_state::polling || r.ends_at > now_);
            MUST(
                "nobody waits beyond patience", r.state != start_state::accepted || later(r.asked_at, patience) > now_);
        }
        MUST("no change is due that was not made", l.next_change() > now_);
        const uptime next = l.next_change();
        MUST("shifting all times shifts nothing else",
            shifted_.inner().next_change() == (next == never ? never : next + shift_));
    }

    fuzz::bytes& in_;
    ledger_settings settings_;
    planted_ledger books_;
    planted_ledger shifted_;
    uptime shift_;
    uptime now_{};
    deployment_version ours_{"d", "1"};
    deployment_version other_{"d", "2"};
    std::set<std::uint64_t> open_{};
    std::uint64_t next_id_ = 1;
    std::uint64_t asked_ = 0;
    std::uint64_t refused_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    run{in}.go();
    return 0;
}
