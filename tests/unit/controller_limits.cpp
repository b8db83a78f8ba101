// SPDX-License-Identifier: BSL-1.0

// The limits over an hour of a small world: bursts, starts that take their time, lives that end, and workers that are
// killed. Nobody tells the controller of the dead; it has to read.

#include <mayfly/controller_machine.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/testing/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using mayfly::uptime;
using action_kind = mayfly::controller_action::kind;
using machine_type = mayfly::controller_machine<mayfly::fleet>;

namespace {

constexpr uptime tick = 20ms;
constexpr uptime answer_takes = 40ms;
constexpr uptime longest_start = 1200ms;
constexpr uptime life = 60s;
constexpr mayfly::scaling_limits world_limits{.min = 2, .max = 5};

/// A start from the call to the last poll.
struct worker {
    std::uint64_t start = 0;
    uptime polls_from{};
    bool stays = false;
    uptime idle_exit{};
    uptime busy_until{};  ///< From then on it is idle.

    bool polls(uptime now) const { return polls_from <= now; }
    std::string request() const { return "r" + std::to_string(start); }
};

/// Workers and tasks as they really are. Who polls no more counts no more.
class world {
public:
    explicit world(std::uint64_t seed) : random_(seed, 1) {}

    std::uint32_t polling = 0;
    std::uint32_t life_ends = 0;
    std::uint32_t killed = 0;
    std::uint32_t left = 0;
    std::uint32_t bursts = 0;

    std::uint32_t all() const { return static_cast<std::uint32_t>(workers_.size()); }
    std::uint32_t ends() const { return life_ends + killed + left; }
    bool has(std::uint64_t start) const { return workers_.contains(start); }

    void start(const mayfly::launch_request& l, uptime now)
    {
        for (std::uint32_t i = 0; i < l.count; ++i) {
            const uptime up = now + answer_takes + between(300ms, longest_start);
            workers_[l.first_launch + i] = {l.first_launch + i, up, i < l.stay, l.orders.idle_exit, up};
        }
    }

    void live(uptime now)
    {
        life_ends += drop([&](const worker& w) { return now >= w.polls_from + life; });
        left += drop([&](const worker& w) {
            return w.polls(now) && !w.stays && w.idle_exit > 0s && now >= w.busy_until + w.idle_exit;
        });
        if (now >= next_kill_) {
            next_kill_ = now + between(5s, 60s);
            kill_one(now);
        }
        while (waiting_ > 0 && work(now))
            --waiting_;
        polling = static_cast<std::uint32_t>(
            std::count_if(workers_.begin(), workers_.end(), [&](auto& w) { return w.second.polls(now); }));
    }

    /// What is added now: a burst that a few workers cannot take, every now and then.
    mayfly::task_added tasks(uptime now)
    {
        mayfly::task_added t;
        if (now < next_burst_)
            return t;
        next_burst_ = now + between(10s, 90s);
        ++bursts;
        for (auto n = 1 + random_.next() % 20; n > 0; --n)
            if (waiting_ == 0 && work(now)) {
                ++t.counts.matched;
            } else {
                ++(waiting_ == 0 ? t.counts.not_matched : t.counts.behind_backlog);
                ++waiting_;
            }
        return t;
    }

    /// All that polls, and nothing else, is told.
    void show(machine_type& m, mayfly::version_handle h, uptime now) const
    {
        std::deque<std::string> names;
        std::vector<mayfly::worker_seen> seen;
        std::uint32_t busy = 0;
        for (const auto& [start, w] : workers_)
            if (w.polls(now)) {
                names.push_back(w.request() + "@fn");
                seen.push_back({.identity = names.back(), .first_seen = w.polls_from, .last_seen = now});
                busy += w.busy_until > now ? 1U : 0U;
            }
        mayfly::queue_snapshot s{.workers = seen, .workers_complete = true, .busy_slots = busy};
        s.of(mayfly::task_type::activity) = mayfly::queue_stats{.backlog = waiting_};
        m.snapshot(h, s, now);
    }

private:
    uptime between(uptime least, uptime most)
    {
        return least +
               uptime(static_cast<uptime::rep>(random_.next() % static_cast<std::uint64_t>((most - least).count())));
    }

    std::uint32_t drop(auto which)
    {
        return static_cast<std::uint32_t>(std::erase_if(workers_, [&](auto& w) { return which(w.second); }));
    }

    /// Of those that poll, whatever they do; a task that it had waits once more.
    void kill_one(uptime now)
    {
        std::vector<worker> up;
        for (const auto& [start, w] : workers_)
            if (w.polls(now))
                up.push_back(w);
        if (up.empty())
            return;
        const worker& victim = up[random_.next() % up.size()];
        waiting_ += victim.busy_until > now ? 1U : 0U;
        workers_.erase(victim.start);
        ++killed;
    }

    /// Whether somebody takes a task.
    bool work(uptime now)
    {
        for (auto& [start, w] : workers_)
            if (w.polls(now) && w.busy_until <= now) {
                w.busy_until = now + between(500ms, 4s);
                return true;
            }
        return false;
    }

    mayfly::testing::random_stream random_;
    std::map<std::uint64_t, worker> workers_{};
    std::uint32_t waiting_ = 0;
    uptime next_kill_ = 30s;
    uptime next_burst_ = 10s;
};

/// The machine, and a provider that takes its time to answer.
class keeper {
public:
    explicit keeper(world& w) : world_(w)
    {
        policy_->limits = world_limits;
        policy_->workers.useful_life = life;
        const auto target = std::make_shared<mayfly::launch_target>(mayfly::launch_target{{"d", "b"}, "fn", "fn"});
        version_ = machine_.add(
            {.groups = {{policy_, target, mayfly::task_types::all()}}, .status = mayfly::version_status::current}, 0s);
    }

    void step(uptime now)
    {
        machine_.advance(now);
        if (const mayfly::task_added t = world_.tasks(now); t.counts != mayfly::add_counts{})
            machine_.added(version_, t, now);
        answer(now);
        // A reading shows what is there when it is answered.
        if (now >= read_answered_) {
            read_answered_ = mayfly::never;
            world_.show(machine_, version_, now);
        }
        while (const auto a = machine_.next_action()) {
            if (a->what == action_kind::read) {
                read_answered_ = now + answer_takes;
            } else {
                world_.start(a->launch, now);
                calls_.push_back({now + answer_takes, *a});
            }
        }
    }

    const mayfly::ledger& books() const { return *machine_.books(version_); }

    /// Whether the books hold nobody for a worker who is no more.
    bool knows_of_all_ends() const
    {
        const auto& all = books().records();
        return std::none_of(all.begin(), all.end(), [&](const mayfly::start_record& r) {
            const bool counted = r.state == mayfly::start_state::accepted || r.state == mayfly::start_state::polling;
            return counted && !world_.has(r.id);
        });
    }

    const mayfly::group_policy<mayfly::fleet>& settings() const { return *policy_; }

private:
    struct call {
        uptime due{};
        mayfly::controller_action made{};
    };

    void answer(uptime now)
    {
        for (; !calls_.empty() && calls_.front().due <= now; calls_.pop_front()) {
            const mayfly::controller_action a = calls_.front().made;
            std::deque<std::string> names;
            std::vector<mayfly::launch_result> results;
            for (std::uint32_t i = 0; i < a.launch.count; ++i) {
                names.push_back(worker{.start = a.launch.first_launch + i}.request());
                results.push_back({mayfly::condition::ok, names.back()});
            }
            machine_.launched(a.id, results, mayfly::condition::transient, {}, now);
        }
    }

    world& world_;
    std::shared_ptr<mayfly::group_policy<mayfly::fleet>> policy_ =
        std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    machine_type machine_{};
    mayfly::version_handle version_{};
    std::deque<call> calls_{};
    uptime read_answered_ = mayfly::never;
};

}  // namespace

TEST_CASE("the minimum and the maximum hold for an hour of bursts, ends and kills")
{
    for (const std::uint64_t seed : {1U, 2U}) {
        CAPTURE(seed);
        world real(seed);
        keeper kept(real);
        uptime enough{};      // the last moment at which the minimum was there
        uptime known_from{};  // since then it is missing, and known to be
        uptime last_end{};    // the same, or the last end of a worker since
        uptime longest{};
        uptime longest_known{};
        std::uint32_t ends = 0;
        std::uint32_t most = 0;
        std::uint32_t most_booked = 0;
        std::uint32_t lacks = 0;
        std::uint32_t lacks_foreseen = 0;  // by the end of a life, which is no surprise
        std::uint32_t bursts_at_maximum = 0;
        std::uint32_t last_burst = 0;
        for (uptime now{}; now < 1h; now += tick) {
            real.live(now);
            kept.step(now);

            most = std::max(most, real.all());
            most_booked = std::max(most_booked, kept.books().view(now).total());
            if (real.polling == world_limits.max && real.bursts != last_burst) {
                last_burst = real.bursts;
                ++bursts_at_maximum;
            }
            if (real.polling >= world_limits.min) {
                enough = known_from = last_end = now;
            } else {
                const bool knows = kept.knows_of_all_ends();
                const bool begins = enough + tick == now;
                lacks += begins ? 1U : 0U;
                lacks_foreseen += begins && knows && now > tick ? 1U : 0U;
                if (!knows)
                    known_from = now;
            }
            if (std::exchange(ends, real.ends()) != real.ends())
                last_end = now;
            longest = std::max(longest, now - last_end);
            longest_known = std::max(longest_known, now - known_from);
        }
        CHECK(most == world_limits.max);
        CHECK(most_booked == world_limits.max);
        const uptime until_up = answer_takes + longest_start + tick;
        CHECK(longest_known <= until_up);
        // The next reading finds an end, or, where nobody had seen that worker yet, its start is given up.
        const uptime until_known = std::max(kept.settings().scaler.read_alive, kept.settings().workers.patience);
        CHECK(longest <= until_known + answer_takes + tick + until_up);

        CHECK_MESSAGE(lacks_foreseen <= 3, "a worker is replaced before its end");

        // Or there was nothing to hold.
        CHECK(bursts_at_maximum >= 40);
        CHECK(real.life_ends >= 40);
        CHECK(real.killed >= 80);
        CHECK(real.left >= 100);
        CHECK(lacks >= 80);
    }
}
