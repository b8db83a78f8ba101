// SPDX-License-Identifier: BSL-1.0
#include "wall.hpp"

#include <mayfly/controller_machine.hpp>
#include <mayfly/queue_source.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/temporal/detail/source_outage.hpp>
#include <mayfly/temporal/detail/source_version.hpp>
#include <mayfly/temporal/read_budget.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// The real controller and the real memory of a source, over a server that is made of numbers and a clock that is too.

namespace {

using namespace mayfly::temporal;
using namespace std::chrono_literals;
using mayfly::controller_machine;
using mayfly::deployment_version;
using mayfly::fleet;
using mayfly::never;
using mayfly::task_type;
using mayfly::uptime;
using mayfly::version_handle;
using mayfly_test::wall;

using machine = controller_machine<fleet>;

/// Does things at their time, in order.
class agenda {
public:
    void at(uptime when, std::function<void()> what) { all_.emplace(when, std::move(what)); }
    [[nodiscard]] uptime next() const { return all_.empty() ? never : all_.begin()->first; }
    void run()
    {
        auto first = all_.extract(all_.begin());
        first.mapped()();
    }

private:
    std::multimap<uptime, std::function<void()>> all_{};
};

/// One queue of a server that counts its tasks, keeps what it has counted, and lists pollers for five minutes.
struct server {
    struct worker {
        uptime last_poll{};
        uptime ends{};
        bool polls = false;
        bool alive = true;
    };

    uptime keeps = 5s;
    std::deque<uptime> waiting{};
    std::map<std::string, worker> workers{};
    std::optional<std::pair<uptime, mayfly::temporal::queue_stats>> sample{};
    std::uint64_t done = 0;
    uptime longest_wait{};

    mayfly::temporal::queue_stats count(uptime now)
    {
        if (!sample || now - sample->first >= keeps)
            sample.emplace(now, mayfly::temporal::queue_stats{.backlog = static_cast<std::int64_t>(waiting.size()),
                                    .backlog_age = waiting.empty() ? 0s : now - waiting.front()});
        return sample->second;
    }
    [[nodiscard]] std::vector<queue_poller> list(uptime now, const deployment_version& v) const
    {
        std::vector<queue_poller> out;
        for (const auto& [id, w] : workers)
            if (now - w.last_poll < 5min)
                out.push_back({id, wall(w.last_poll), 0, v});
        return out;
    }
    [[nodiscard]] std::uint32_t alive() const
    {
        return static_cast<std::uint32_t>(
            std::count_if(workers.begin(), workers.end(), [](const auto& w) { return w.second.alive; }));
    }
};

struct settings {
    fleet scaler{.read_idle = 5s};
    mayfly::scaling_limits limits{};
    uptime startup = 600ms;
    uptime service = 400ms;
    uptime life = 15min;
    uptime idle_exit = 300ms;
    bool tells_goodbye = true;  ///< Whether the server tells which workers have gone.
};

/// A version, its controller, its workers.
struct machine_world {
    static constexpr const char* function = "arn:f:1";

    settings with;
    agenda plan{};
    server queue{};
    machine control{};
    version_handle handle{};
    std::shared_ptr<const mayfly::launch_target> target = std::make_shared<const mayfly::launch_target>(
        mayfly::launch_target{.version = {"shop", "1"}, .function = function});
    detail::source_version seen{};
    wall_bridge clock{};
    poller_rules rules{};
    uptime now{};
    std::uint32_t started = 0;
    std::uint32_t most_alive = 0;
    std::uint32_t reads = 0;
    std::uint32_t descriptions = 0;

    explicit machine_world(settings s = {}) : with(std::move(s))
    {
        mayfly::group_policy<fleet> policy{.scaler = with.scaler, .limits = with.limits, .bootstrap = false};
        policy.workers.useful_life = with.life;
        rules.longest_lifetime = with.life;
        seen.target = target;
        handle = control.add({.groups = {{std::make_shared<const mayfly::group_policy<fleet>>(policy), target,
                                  mayfly::task_types::all()}},
                                 .status = mayfly::version_status::current},
            now);
    }

    void submit(std::uint32_t n)
    {
        for (std::uint32_t i = 0; i < n; ++i)
            queue.waiting.push_back(now);
        hand_out();
    }

    void hand_out()
    {
        for (auto& [id, w] : queue.workers) {
            if (queue.waiting.empty())
                return;
            if (!w.polls)
                continue;
            queue.longest_wait = std::max(queue.longest_wait, now - queue.waiting.front());
            queue.waiting.pop_front();
            w.polls = false;
            plan.at(now + with.service, [this, who = id] {
                ++queue.done;
                poll(who);
            });
        }
    }

    void poll(const std::string& who)
    {
        server::worker& w = queue.workers[who];
        if (now >= w.ends) {
            w.alive = false;
            return;
        }
        w.polls = true;
        w.last_poll = now;
        hand_out();
        if (!w.polls)
            return;
        const uptime until = std::min(w.ends, with.idle_exit == 0s ? now + 60s : now + with.idle_exit);
        plan.at(until, [this, who, since = now] {
            server::worker& idle = queue.workers[who];
            if (!idle.polls || idle.last_poll != since)
                return;
            idle.polls = false;
            if (with.idle_exit == 0s && now < idle.ends)
                return poll(who);
            idle.alive = false;
        });
    }

    void launch(const mayfly::controller_action& a)
    {
        std::vector<std::string> names;
        for (std::uint32_t i = 0; i < a.launch.count; ++i)
            names.push_back('r' + std::to_string(++started));
        for (const auto& name : names)
            plan.at(now + with.startup, [this, id = name + '@' + function] {
                queue.workers[id].ends = now + with.life;
                poll(id);
                most_alive = std::max(most_alive, queue.alive());
            });
        std::vector<mayfly::launch_result> results;
        for (const auto& name : names)
            results.push_back({mayfly::condition::ok, name});
        control.launched(a.id, results, mayfly::condition::ok, {}, now);
    }

    void read()
    {
        ++reads;
        if (seen.wants_description(now, 5s)) {
            ++descriptions;
            version_description d;
            d.status = mayfly::version_status::current;
            d.queues = {{"orders", task_type::activity, queue.count(now), {}}};
            seen.learn(d, now, 5s);
        }
        clock.look(now, wall(now));
        seen.pollers.see(queue.list(now, target->version), clock, now, rules);
        seen.pollers_at = now;
        std::vector<worker_word> words;
        if (with.tells_goodbye)
            for (const auto& [id, w] : queue.workers)
                words.push_back({.identity = id,
                    .status = w.alive ? worker_status::running : worker_status::shut_down,
                    .version = target->version});
        mayfly::queue_reading r;
        r.workers = seen.pollers.judge(target->version, words, function, clock, now, true, rules);
        uptime due = mayfly::never;
        for (const auto& [id, worker] : queue.workers)
            due = worker.alive ? std::min(due, worker.ends - with.startup) : due;
        seen.hear("workers", {.due = due});
        seen.see_goodbyes(now);
        r.stats = seen.believed(now);
        r.workers_complete = true;
        std::vector<mayfly::worker_seen> room;
        control.snapshot(handle, r.view(room), now);
    }

    void act()
    {
        while (const auto a = control.next_action()) {
            if (a->what == mayfly::controller_action::kind::launch)
                launch(*a);
            else
                read();
        }
    }

    void run_until(uptime end)
    {
        act();
        while (true) {
            const uptime next = std::min(plan.next(), control.next_wake());
            if (next > end)
                break;
            now = std::max(now, next);
            if (plan.next() <= now)
                plan.run();
            else
                control.advance(now);
            act();
        }
        now = end;
    }
};

}  // namespace

TEST_CASE("a burst on a server that repeats its numbers: all served, and nothing started twice")
{
    struct row {
        const char* why;
        uptime at;
        uptime startup;
        uptime service;
        uptime idle_exit;
        bool tells_goodbye;
    };
    const row rows[] = {
        {"right after the server has counted", 10'050ms, 600ms, 400ms, 300ms, true},
        {"right before it counts", 14'900ms, 600ms, 400ms, 300ms, true},
        {"workers that are gone before they are seen", 12s, 100ms, 50ms, 100ms, true},
        {"the same, and nobody tells that they have gone", 12s, 100ms, 50ms, 100ms, false},
        {"slow to start", 12s, 3s, 400ms, 300ms, true},
        {"long tasks", 12s, 600ms, 30s, 300ms, true},
        {"workers that stay", 12s, 600ms, 400ms, 60s, false},
    };
    for (const row& r : rows) {
        machine_world w(
            {.startup = r.startup, .service = r.service, .idle_exit = r.idle_exit, .tells_goodbye = r.tells_goodbye});
        w.run_until(r.at);
        w.submit(50);
        w.run_until(r.at + 60s);
        CHECK_MESSAGE(w.queue.done == 50, r.why);
        CHECK_MESSAGE(w.started <= 60, r.why);
        CHECK_MESSAGE(w.queue.longest_wait <= 5s + 2 * r.startup, r.why);
    }
}

TEST_CASE("a burst that outlives one counting: whoever leaves for want of work is not replaced for an old number")
{
    for (const std::uint32_t most : {1U, 4U, 8U, 20U}) {
        machine_world w({.limits = {0, most}, .startup = 600ms, .service = 1s});
        w.run_until(12s);
        w.submit(40);
        w.run_until(120s);
        CHECK(w.queue.done == 40);
        CHECK_MESSAGE(w.started <= most + most / 4 + 1, most, " are allowed, ", w.started, " were started");
    }
}

TEST_CASE("workers that came and left keep their share of the sample they were started for")
{
    machine_world w({.startup = 100ms, .service = 50ms, .idle_exit = 100ms});
    w.run_until(10s);
    w.queue.sample.reset();
    w.submit(10);
    while (w.queue.workers.empty())
        w.run_until(w.now + 100ms);
    w.run_until(w.now + 2s);
    REQUIRE(w.queue.done == 10);
    w.queue.workers.clear();  // and are listed no more
    w.read();
    CHECK(w.seen.pollers.empty());
    CHECK(w.seen.believed(w.now)[1]->backlog == 0);
}

TEST_CASE("a failure of one version is no outage, and an outage is none of one version")
{
    using scope = detail::source_outage::scope;
    detail::source_outage o;
    CHECK_MESSAGE(o.failed(0s, 0s) == scope::all, "nobody was ever read");
    CHECK(o.failed(1s, 1s) == scope::all);
    CHECK(o.succeeded(2s));
    CHECK_FALSE(o.succeeded(10s));
    CHECK_MESSAGE(o.failed(10500ms, 10500ms) == scope::unclear, "another one was read a moment ago");
    CHECK_FALSE(o.succeeded(11s));
    CHECK_MESSAGE(o.failed(10500ms, 11500ms) == scope::version, "and is read again");
    CHECK_FALSE(o.is_on());
    CHECK_MESSAGE(o.failed(12s, 14s) == scope::all, "nobody is read any more");
    CHECK(o.succeeded(15s));
}

TEST_CASE("what is said of one group of a version is not said of the other")
{
    detail::source_version v;
    CHECK(v.slots() == 1);
    v.hear("flows", {.starting = true, .live = 1, .slots = 10});
    v.hear("payments", {.slots = 4});
    CHECK(v.starting());
    CHECK(v.live());
    CHECK(v.slots() == 4);
    v.hear("flows", {.slots = 10});
    CHECK_FALSE(v.starting());
    CHECK_FALSE(v.live());
}

TEST_CASE("new tasks are left to workers that stay")
{
    detail::source_version v;
    v.room.sampled(false, 0s);
    v.hear("all", {.live = 5, .minimum = 2, .slots = 3});
    CHECK_MESSAGE(v.taken_at_once(50, 1s) == 6, "the minimum stays, others leave when they are idle");
    v.hear("all", {.live = 5, .foreign = 1, .slots = 3});
    CHECK_MESSAGE(v.taken_at_once(50, 5s) == 9, "others' workers do, and the minimum is what it was");
    v.hear("more", {.live = 5, .minimum = 2, .slots = 3});
    CHECK_MESSAGE(v.taken_at_once(50, 9s) == 0, "it is not known of which types they are");
}

TEST_CASE("two tasks close to each other, and a trickle, on such a server")
{
    machine_world w;
    w.run_until(11s);
    w.submit(1);
    w.run_until(11'200ms);
    w.submit(1);
    w.run_until(40s);
    CHECK(w.queue.done == 2);
    CHECK(w.started == 2);
    for (int i = 0; i < 30; ++i) {
        w.submit(1);
        w.run_until(w.now + 2s);
    }
    w.run_until(w.now + 20s);
    CHECK(w.queue.done == 32);
    CHECK(w.queue.longest_wait <= 5s + 2 * w.with.startup);
    CHECK(w.started <= 40);
}

TEST_CASE("descriptions are only asked for when they can have news")
{
    machine_world w;
    w.run_until(10s);
    const auto before = w.descriptions;
    w.submit(5);
    w.run_until(70s);
    CHECK(w.descriptions - before <= 13);
    CHECK(w.reads - before > w.descriptions - before);
}

TEST_CASE("between a minimum of 2 and a maximum of 5, over an hour")
{
    machine_world w({.limits = {2, 5}, .life = 5min, .idle_exit = 0s});
    uptime below_since = never;
    uptime longest_below{};
    std::uint64_t submitted = 0;
    for (uptime t{}; t < 1h; t += 100ms) {
        if (t % 97s == 0s) {
            w.submit(20);
            submitted += 20;
        }
        w.run_until(t);
        REQUIRE(w.queue.alive() <= 5);
        if (t > 10s && w.queue.alive() < 2)
            below_since = std::min(below_since, t);
        else
            below_since = never;
        if (below_since != never)
            longest_below = std::max(longest_below, t - below_since);
    }
    CHECK(w.most_alive == 5);
    CHECK(w.queue.done >= submitted - 20);
    CHECK_MESSAGE(longest_below <= w.with.startup + 100ms, "restored within one start-up");
    // Each lives five minutes: twelve times two, and what the bursts asked for.
    CHECK(w.started <= 12 * 5 + 5);
}

TEST_CASE("ten thousand idle versions do not make a busy one wait")
{
    // The same intervals with nobody beside it.
    const auto intervals = [](std::uint32_t idle) {
        read_budget budget(25);
        for (std::uint32_t i = 1; i <= idle; ++i)
            budget.join(i, read_rank::routed, 1, 0s);
        std::vector<uptime> out;
        uptime now{};
        uptime last{};
        while (out.size() < 100) {
            const uptime due = last + 1s;
            while (now < due) {
                while (const auto r = budget.next(now))
                    budget.join(*r, read_rank::routed, 1, now);
                now = std::min(due, std::max(now + 1ms, budget.next_at(now)));
            }
            budget.join(0, read_rank::hot, 1, now);
            for (auto r = budget.next(now); r != 0U; r = budget.next(now)) {
                if (r)
                    budget.join(*r, read_rank::routed, 1, now);
                else
                    now = budget.next_at(now);
            }
            out.push_back(now - last);
            last = now;
        }
        return *std::max_element(out.begin(), out.end());
    };
    CHECK(intervals(0) == 1s);
    CHECK(intervals(10'000) <= 1s + 40ms);
}
