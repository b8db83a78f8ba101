// SPDX-License-Identifier: BSL-1.0
#include <mayfly/controller_machine.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/scalers/rate_based.hpp>
#include <mayfly/testing/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using enum mayfly::add_outcome;
using mayfly::cause;
using mayfly::condition;
using mayfly::controller_action;
using mayfly::controller_event;
using mayfly::controller_machine;
using mayfly::controller_options;
using mayfly::decision;
using mayfly::group_policy;
using mayfly::launch_result;
using mayfly::launch_target;
using mayfly::never;
using mayfly::queue_snapshot;
using mayfly::queue_stats;
using mayfly::reason;
using mayfly::scaling_signal;
using mayfly::task_added;
using mayfly::task_type;
using mayfly::task_types;
using mayfly::uptime;
using mayfly::version_handle;
using mayfly::version_status;
using mayfly::worker_seen;
using action_kind = controller_action::kind;
using event = controller_event::kind;

namespace {

/// Says what the test wants, and notes what it was asked.
struct scripted {
    struct script {
        std::function<decision(const scaling_signal&, uptime)> say = [](auto&, uptime) { return decision{}; };
        std::vector<scaling_signal> asked{};
    };
    struct state {
        bool operator==(const state&) const = default;
    };
    std::shared_ptr<script> with = std::make_shared<script>();

    [[nodiscard]] decision decide(state&, const scaling_signal& sig, uptime now) const noexcept
    {
        with->asked.push_back(sig);
        return with->say(sig, now);
    }
};

/// The same for sets.
struct scripted_set : scripted {
    static constexpr auto strategy = mayfly::launch_strategy::worker_set;
};

struct told {
    event what;
    uptime at;
    cause why;
    std::uint32_t launch;
    mayfly::reason reason;
    std::uint32_t count;
    condition outcome;
};

/// A machine, what it said, and shorthands for talking to it.
template <class S>
struct stage {
    explicit stage(controller_options options = {})
        : machine(options, [this](const controller_event& e) {
              heard.push_back({e.what, e.at, e.why, e.made.launch, e.made.reason, e.count, e.outcome});
          })
    {}
    stage(const stage&) = delete;
    stage& operator=(const stage&) = delete;

    version_handle add(group_policy<S> policy, uptime now = {}, version_status status = version_status::current)
    {
        return machine.add({.groups = {group(std::move(policy), "fn")}, .status = status}, now);
    }
    static mayfly::group_spec<S> group(
        group_policy<S> policy, std::string function, task_types types = task_types::all())
    {
        return {std::make_shared<const group_policy<S>>(std::move(policy)),
            std::make_shared<const launch_target>(launch_target{{"d", "b"}, function, function}), types};
    }

    std::vector<controller_action> actions()
    {
        std::vector<controller_action> all;
        while (auto a = machine.next_action())
            all.push_back(*a);
        return all;
    }
    /// Takes the actions, and answers launches with acceptance.
    std::uint32_t accept_all(uptime now)
    {
        std::uint32_t starts = 0;
        for (const controller_action& a : actions())
            if (a.what == action_kind::launch) {
                accept(a, now);
                starts += a.launch.count;
            }
        return starts;
    }
    void accept(const controller_action& a, uptime now)
    {
        std::vector<std::string> names;
        std::vector<launch_result> results;
        for (std::uint32_t i = 0; i < a.launch.count; ++i)
            names.push_back("r" + std::to_string(a.launch.first_launch + i));
        for (const std::string& n : names)
            results.push_back({condition::ok, n});
        machine.launched(a.id, results, condition::transient, {}, now);
    }
    void refuse(const controller_action& a, uptime now, condition why = condition::throttled)
    {
        machine.launched(a.id, {}, why, "no room", now);
    }
    void seen(version_handle h, const std::string& request, uptime now)
    {
        machine.seen(h, {.identity = request, .first_seen = now, .last_seen = now}, now);
    }
    /// Advances through each alarm up to `until`.
    void run(uptime until)
    {
        while (machine.next_wake() <= until) {
            const uptime due = machine.next_wake();
            machine.advance(due);
            REQUIRE_MESSAGE(machine.next_wake() > due, "an alarm that nothing answers");
        }
    }
    std::size_t count(event what) const
    {
        return static_cast<std::size_t>(
            std::count_if(heard.begin(), heard.end(), [&](const told& t) { return t.what == what; }));
    }

    std::vector<told> heard{};
    controller_machine<S> machine;
};

group_policy<scripted> saying(std::function<decision(const scaling_signal&, uptime)> say)
{
    group_policy<scripted> p{.bootstrap = false};
    p.scaler.with->say = std::move(say);
    return p;
}

task_added missed_task(task_type type = task_type::activity)
{
    return task_added::one(type, not_matched);
}

/// Wants so many at each added signal, and nothing else.
group_policy<scripted> launching(std::uint32_t n)
{
    return saying([n](const scaling_signal& s, uptime) { return decision{.launch = s.why == cause::added ? n : 0}; });
}

}  // namespace

TEST_CASE("a signal becomes a launch, and its answer is told to the scaler")
{
    stage<scripted> s;
    auto policy = launching(3);
    const auto script = policy.scaler.with;
    const version_handle h = s.add(policy);
    CHECK(script->asked.back().why == cause::begin);

    s.machine.added(h, missed_task(), 1s);
    CHECK(script->asked.back().added.not_matched == 1);
    const auto actions = s.actions();
    REQUIRE(actions.size() == 1);
    CHECK(actions[0].what == action_kind::launch);
    CHECK(actions[0].version == h);
    CHECK(actions[0].launch.count == 3);
    CHECK(actions[0].launch.target->function == "fn");
    CHECK(s.machine.calls_under_way() == 1);

    const std::vector<launch_result> two{{condition::ok, "a"}, {condition::ok, "b"}};
    s.machine.launched(actions[0].id, two, condition::throttled, "too many", 2s);
    CHECK(s.machine.calls_under_way() == 0);
    CHECK(script->asked.back().why == cause::launched);
    CHECK_MESSAGE(script->asked.back().outcome == condition::ok, "some went through");
    CHECK(script->asked.back().fleet.starting == 2);
    CHECK(script->asked.back().fleet.refused == 1);

    s.machine.launched(actions[0].id, two, condition::ok, {}, 3s);
    CHECK_MESSAGE(script->asked.size() == 3, "a second answer is nobody's");

    s.seen(h, "a", 4s);
    CHECK(script->asked.back().why == cause::workers);
    CHECK(script->asked.back().fleet.live == 1);
    s.seen(h, "a", 5s);
    CHECK_MESSAGE(script->asked.size() == 4, "what was known is no news");
    s.machine.gone(h, {"a@fn"}, 6s);
    CHECK(script->asked.back().fleet.live == 0);
}

TEST_CASE("whatever a scaler says, the maximum holds")
{
    auto rogue = saying([](const scaling_signal&, uptime) {
        return decision{.launch = std::numeric_limits<std::uint32_t>::max(),
            .stay = std::numeric_limits<std::uint32_t>::max(),
            .revisit = -5s,
            .read = -5s};
    });
    rogue.limits = {.min = 0, .max = 7};
    rogue.bootstrap = true;
    rogue.tries = 3;
    const auto script = rogue.scaler.with;
    stage<scripted> s;
    const version_handle h = s.add(rogue);
    mayfly::testing::random_stream random(1, 1);
    uptime now{};
    std::vector<controller_action> open;
    std::uint32_t most = 0;
    for (int i = 0; i < 3000; ++i) {
        now += uptime(static_cast<uptime::rep>(random.next() % 400'000));
        for (const controller_action& a : s.actions()) {
            if (a.what == action_kind::read)
                s.machine.unread(h, condition::transient, {}, now);
            else
                open.push_back(a);
        }
        if (!open.empty() && random.next() % 2 == 0) {
            if (random.next() % 3 == 0)
                s.refuse(open.back(), now);
            else
                s.accept(open.back(), now);
            open.pop_back();
        }
        switch (random.next() % 4) {
        case 0: s.machine.added(h, missed_task(), now); break;
        case 1: s.seen(h, "r" + std::to_string(random.next() % 50), now); break;
        case 2: s.machine.gone(h, {"r" + std::to_string(random.next() % 50)}, now); break;
        default: s.machine.advance(now);
        }
        // Who was given up or gone and comes nevertheless is the one way past it.
        const mayfly::ledger_totals& t = s.machine.books(h)->totals();
        const auto late = static_cast<std::uint32_t>(t.late + t.returned);
        const std::uint32_t total = s.machine.books(h)->view(now).total();
        REQUIRE(total <= 7 + late);
        most = std::max(most, total);
    }
    CHECK(most >= 7);
    CHECK_MESSAGE(
        std::any_of(s.heard.begin(), s.heard.end(), [](const told& t) { return t.reason == reason::at_maximum; }),
        "and the reason is told");
}

TEST_CASE("a set is kept within its limits")
{
    struct row {
        const char* why;
        std::uint32_t wish;
        std::uint32_t size;
    };
    const row rows[] = {{"above", 100, 5}, {"below", 0, 2}, {"within", 3, 3}};
    for (const row& r : rows) {
        INFO(r.why);
        group_policy<scripted_set> p{.limits = {2, 5}, .bootstrap = false};
        p.scaler.with->say = [&](const scaling_signal& sig, uptime) {
            return sig.why == cause::added ? decision{.resize = r.wish} : decision{};
        };
        stage<scripted_set> s;
        const version_handle h = s.add(p);
        const auto first = s.actions();
        REQUIRE_MESSAGE(first.size() == 1, "the minimum");
        CHECK(first[0].resize.size == 2);
        s.machine.resized(first[0].id, condition::ok, {}, 0s);
        s.machine.added(h, missed_task(), 0s);
        const auto actions = s.actions();
        REQUIRE(actions.size() == 1);
        CHECK(actions[0].what == action_kind::resize);
        CHECK(actions[0].resize.size == r.size);
        s.machine.resized(actions[0].id, condition::throttled, "busy", 1s);
        CHECK(s.heard[s.heard.size() - 2].what == event::not_resized);
        CHECK(s.heard[s.heard.size() - 2].count == r.size);
        CHECK(p.scaler.with->asked.back().outcome == condition::throttled);
    }
}

TEST_CASE("the minimum is kept while work can reach the version")
{
    group_policy<mayfly::fleet> p{.limits = {.min = 2, .max = 5}, .workers = {.useful_life = 60s}, .bootstrap = false};
    stage<mayfly::fleet> s;
    const version_handle h = s.add(p);
    std::uint32_t least = 2;
    std::uint32_t most = 0;
    uptime now{};
    std::uint64_t next = 1;
    for (; now < 10min; now += 100ms) {
        s.run(now);
        for (const controller_action& a : s.actions())
            if (a.what == action_kind::launch) {
                CHECK_MESSAGE(a.launch.stay == a.launch.count, "who fills the minimum must not leave");
                s.accept(a, now);
            } else {
                s.machine.snapshot(a.version, {}, now);
            }
        for (; s.machine.books(h)->totals().asked >= next; ++next)
            s.seen(h, "r" + std::to_string(next), now);
        least = std::min(least, s.machine.books(h)->view(now).live);
        most = std::max(most, s.machine.books(h)->view(now).live);
    }
    CHECK_MESSAGE(least == 2, "a worker is replaced before its end");
    CHECK(most <= 4);

    s.machine.set_status(h, version_status::inactive, now);
    s.run(now + 10min);
    s.actions();
    CHECK(s.machine.books(h)->view(now + 10min).total() == 0);
    s.machine.set_status(h, version_status::ramping, now + 10min);
    CHECK(s.accept_all(now + 10min) == 2);
}

TEST_CASE("a version nobody polled for gets a first worker, again and again")
{
    controller_options options;
    options.bootstrap_retry_most = 1min;
    stage<scripted> s(options);
    group_policy<scripted> p;
    const version_handle h = s.add(p);

    // Each one is accepted and never seen.
    std::vector<uptime> starts;
    uptime now{};
    for (; now <= 250s; now += 1s) {
        s.run(now);
        for (const controller_action& a : s.actions()) {
            CHECK(a.launch.count == 1);
            starts.push_back(now);
            s.accept(a, now);
        }
    }
    CHECK(starts == std::vector<uptime>{0s, 10s, 30s, 70s, 130s, 190s, 250s});
    CHECK(s.count(event::bootstrap) == 7);

    s.seen(h, "r7", now);
    s.run(now + 1h);
    CHECK_MESSAGE(s.actions().empty(), "once one was seen, never again");

    SUBCASE("not beside a start that is under way")
    {
        stage<scripted> t;
        t.add(saying([](const scaling_signal& sig, uptime) { return decision{.launch = sig.why == cause::begin}; }));
        group_policy<scripted> both = saying(
            [](const scaling_signal& sig, uptime) { return decision{.launch = sig.why == cause::begin ? 1U : 0U}; });
        both.bootstrap = true;
        stage<scripted> u;
        u.add(both);
        CHECK(u.actions().size() == 1);
        CHECK(u.count(event::bootstrap) == 0);
    }
    SUBCASE("not where none may run")
    {
        stage<scripted> t;
        t.add({.limits = {0, 0}});
        t.run(1h);
        CHECK(t.actions().empty());
    }
    SUBCASE("a set gets its plan, but at least one")
    {
        stage<scripted_set> t;
        group_policy<scripted_set> three{.limits = {0, 9}};
        three.scaler.with->say = [](const scaling_signal& sig, uptime) {
            return sig.why == cause::added ? decision{.resize = 3} : decision{};
        };
        const version_handle set = t.add(three);
        std::vector<std::uint32_t> sizes;
        const auto perform = [&](uptime at) {
            for (const controller_action& a : t.actions()) {
                sizes.push_back(a.resize.size);
                t.machine.resized(a.id, condition::ok, {}, at);
            }
        };
        perform(0s);
        t.machine.added(set, missed_task(), 1s);
        perform(1s);
        t.run(10s);
        perform(10s);
        CHECK(sizes == std::vector<std::uint32_t>{1, 3, 3});
        const std::array pollers{worker_seen{.identity = "pod-7", .first_seen = 11s, .last_seen = 11s}};
        t.machine.snapshot(set, {.workers = pollers}, 11s);
        t.run(1h);
        CHECK_MESSAGE(t.actions().empty(), "its workers have names of their own");
    }
}

TEST_CASE("a drained version sleeps, and wakes")
{
    auto policy =
        saying([](const scaling_signal&, uptime) { return decision{.launch = 1, .revisit = 1s, .read = 1s}; });
    policy.bootstrap = true;
    policy.limits.max = 3;
    const auto script = policy.scaler.with;
    stage<scripted> s;
    const version_handle h = s.add(policy, 0s, version_status::drained);
    CHECK(s.machine.next_wake() == never);
    s.machine.added(h, missed_task(), 1s);
    s.machine.advance(1h);
    CHECK(s.actions().empty());
    CHECK(script->asked.empty());

    s.machine.set_status(h, version_status::draining, 1h);
    CHECK(script->asked.size() == 1);
    CHECK(script->asked.back().why == cause::changed);
    CHECK(script->asked.back().wanted);
    CHECK(s.accept_all(1h) == 1);

    s.machine.set_status(h, version_status::drained, 1h + 1s);
    s.run(2h);
    CHECK(s.actions().empty());
    CHECK(s.machine.next_wake() == never);
    CHECK(s.machine.books(h)->view(2h).total() == 0);
    CHECK_MESSAGE(s.machine.books(h)->totals().refused == 0, "a call that was not made yet is withdrawn");
    s.machine.set_status(h, version_status::drained, 3h);
    CHECK_MESSAGE(script->asked.size() == 2, "the same status again is no news");
}

TEST_CASE("a version that is added while it is drained gets its first worker when it wakes")
{
    stage<scripted> s;
    const version_handle h = s.add({}, 0s, version_status::drained);
    s.run(1h);
    CHECK(s.actions().empty());
    CHECK(!s.machine.remember(h)[0].bound);
    s.machine.set_status(h, version_status::current, 1h);
    CHECK(s.accept_all(1h) == 1);
    s.machine.set_status(h, version_status::ramping, 1h + 1s);
    CHECK_MESSAGE(s.actions().empty(), "another status alone is no reason for one more");
    s.run(1h + 10s);
    CHECK_MESSAGE(s.actions().size() == 1, "nobody was seen");
}

TEST_CASE("a version that is drained before its reading was made is not read")
{
    stage<scripted> s;
    const version_handle h =
        s.add(saying([](const scaling_signal&, uptime) { return decision{.read = uptime::zero()}; }));
    s.machine.set_status(h, version_status::drained, 0s);
    CHECK(s.actions().empty());
    s.machine.set_status(h, version_status::current, 1s);
    CHECK_MESSAGE(s.actions().size() == 1, "it reads again when it wakes");
}

TEST_CASE("statistics are read when the scaler wants, and not more often than may be")
{
    struct row {
        const char* why;
        uptime wish;
        uptime next;
    };
    const row rows[] = {
        {"at once", 0s, 250ms},
        {"sooner than may be", 100ms, 250ms},
        {"later", 2s, 2s},
        {"in the past", -1s, 250ms},
    };
    for (const row& r : rows) {
        INFO(r.why);
        stage<scripted> s;
        const version_handle h =
            s.add(saying([&](const scaling_signal&, uptime) { return decision{.read = r.wish}; }), 10s);
        s.run(10s + r.wish);
        REQUIRE(s.actions().size() == 1);
        s.run(1h);
        CHECK_MESSAGE(s.actions().empty(), "one at a time");
        s.machine.snapshot(h, {}, 1h);
        CHECK(s.machine.next_wake() == 1h + r.next);
        s.machine.advance(1h + r.next);
        REQUIRE(s.actions().size() == 1);
    }
}

TEST_CASE("reading backs off while it fails")
{
    controller_options options;
    options.read_retry_most = 5s;
    stage<scripted> s(options);
    const version_handle h = s.add(saying([](const scaling_signal&, uptime) { return decision{.read = 0s}; }));
    uptime now{};
    std::vector<uptime> waits;
    for (int i = 0; i < 6; ++i) {
        REQUIRE(s.actions().size() == 1);
        s.machine.unread(h, condition::transient, "timeout", now);
        const uptime next = s.machine.next_wake();
        waits.push_back(next - now);
        now = next;
        s.machine.advance(now);
    }
    CHECK(waits == std::vector<uptime>{1s, 2s, 4s, 5s, 5s, 5s});
    CHECK(s.count(event::unread) == 6);
    REQUIRE(s.actions().size() == 1);
    s.machine.snapshot(h, {}, now);
    CHECK_MESSAGE(s.machine.next_wake() == now + 250ms, "one success ends it");

    SUBCASE("however often it fails, and with no longest wait")
    {
        options.read_retry_most = never;
        stage<scripted> t(options);
        const version_handle v = t.add(saying([](const scaling_signal&, uptime) { return decision{.read = 0s}; }));
        uptime last{};
        for (int i = 0; i < 300; ++i) {
            t.machine.unread(v, condition::transient, {}, 1s);
            CHECK(t.machine.next_wake() >= last);
            last = t.machine.next_wake();
        }
        CHECK(last == never);
    }
}

TEST_CASE("a stream of signals does not postpone reading")
{
    const auto reads = [](auto scaler) {
        stage<decltype(scaler)> s;
        const version_handle h = s.add({.scaler = scaler, .bootstrap = false});
        std::size_t n = 0;
        for (uptime now{}; now < 10min; now += 50ms) {
            s.machine.added(h, missed_task(), now);
            s.run(now);
            for (const controller_action& a : s.actions())
                if (a.what == action_kind::read) {
                    ++n;
                    queue_snapshot q;
                    q.of(task_type::activity) = queue_stats{.backlog = 3};
                    s.machine.snapshot(h, q, now);
                } else {
                    s.accept(a, now);
                }
        }
        return n;
    };
    CHECK(reads(mayfly::no_sync{}) >= 10);
    CHECK(reads(mayfly::fleet{}) >= 500);
}

TEST_CASE("a refused launch is tried again as often as the policy says")
{
    struct row {
        const char* why;
        std::uint32_t tries;
        condition outcome;
        std::vector<uptime> calls;
    };
    const row rows[] = {
        {"once means never again", 1, condition::throttled, {0s}},
        {"twice: once more after a second", 2, condition::throttled, {0s, 1s}},
        {"three times", 3, condition::transient, {0s, 1s, 2s}},
        {"what fails for good is not tried again", 3, condition::permanent, {0s}},
    };
    for (const row& r : rows) {
        INFO(r.why);
        auto p = launching(4);
        p.tries = r.tries;
        stage<scripted> s;
        const version_handle h = s.add(p);
        s.machine.added(h, missed_task(), 0s);
        std::vector<uptime> calls;
        for (uptime now{}; now < 10s; now += 500ms) {
            s.run(now);
            for (const controller_action& a : s.actions()) {
                CHECK(a.launch.count == 4);
                calls.push_back(now);
                s.refuse(a, now, r.outcome);
            }
        }
        CHECK(calls == r.calls);
        CHECK(s.count(event::retried) == r.calls.size() - 1);
        CHECK(s.count(event::refused) == r.calls.size());
        CHECK(s.machine.books(h)->view(10s).total() == 0);
    }
    SUBCASE("only what was refused, and only what the maximum allows")
    {
        auto p = launching(4);
        p.tries = 2;
        p.limits.max = 5;
        stage<scripted> s;
        const version_handle h = s.add(p);
        s.machine.added(h, missed_task(), 0s);
        const std::vector<launch_result> one{{condition::ok, "a"}};
        s.machine.launched(s.actions().at(0).id, one, condition::throttled, {}, 0s);
        s.machine.added(h, missed_task(), 500ms);
        CHECK(s.accept_all(500ms) == 4);
        s.machine.advance(1s);
        CHECK_MESSAGE(s.actions().empty(), "five are there already");
    }
    SUBCASE("not for a version that was drained or removed")
    {
        auto p = launching(1);
        p.tries = 2;
        stage<scripted> s;
        const version_handle a = s.add(p);
        const version_handle b = s.add(p);
        for (const version_handle h : {a, b})
            s.machine.added(h, missed_task(), 0s);
        for (const controller_action& call : s.actions())
            s.refuse(call, 0s);
        s.machine.set_status(a, version_status::drained, 0s);
        s.machine.remove(b);
        s.machine.advance(1s);
        CHECK(s.actions().empty());
    }
}

TEST_CASE("calls are bounded")
{
    SUBCASE("of one group: one more decision is held back")
    {
        controller_options options;
        options.calls_per_group = 2;
        stage<scripted> s(options);
        const version_handle h = s.add(launching(3));
        for (int i = 0; i < 3; ++i)
            s.machine.added(h, missed_task(), 0s);
        const auto calls = s.actions();
        CHECK(calls.size() == 2);
        CHECK(s.heard.back().reason == reason::calls_under_way);
        CHECK(s.heard.back().launch == 0);
        s.accept(calls[0], 1s);
        s.machine.added(h, missed_task(), 1s);
        CHECK_MESSAGE(s.actions().size() == 1, "an answer makes room");
    }
    SUBCASE("also for retries")
    {
        controller_options options;
        options.calls_per_group = 1;
        auto p = launching(1);
        p.tries = 2;
        stage<scripted> s(options);
        const version_handle h = s.add(p);
        s.machine.added(h, missed_task(), 0s);
        s.refuse(s.actions().at(0), 0s);
        s.machine.added(h, missed_task(), 500ms);
        CHECK(s.actions().size() == 1);
        s.machine.advance(1s);
        CHECK(s.actions().empty());
    }
    SUBCASE("over all versions: the others wait for their turn")
    {
        controller_options options;
        options.calls_at_once = 2;
        stage<scripted> s(options);
        std::vector<version_handle> all;
        for (int i = 0; i < 4; ++i)
            all.push_back(s.add(launching(1)));
        for (const version_handle h : all)
            s.machine.added(h, missed_task(), 0s);
        const auto first = s.actions();
        REQUIRE(first.size() == 2);
        CHECK(first[0].version == all[0]);
        CHECK(first[1].version == all[1]);
        s.accept(first[1], 1s);
        const auto next = s.actions();
        REQUIRE(next.size() == 1);
        CHECK(next[0].version == all[2]);
        s.machine.remove(all[3]);
        s.accept(first[0], 2s);
        CHECK_MESSAGE(s.actions().empty(), "who was removed is passed over");
        CHECK(s.machine.calls_under_way() == 1);
    }
}

TEST_CASE("readings are bounded, and wait in their order")
{
    controller_options options;
    options.reads_at_once = 2;
    stage<scripted> s(options);
    std::vector<version_handle> all;
    for (int i = 0; i < 7; ++i)
        all.push_back(s.add(saying([](const scaling_signal&, uptime) { return decision{.read = 0s}; })));
    const auto reads = [&] {
        std::vector<version_handle> of;
        for (const controller_action& a : s.actions())
            of.push_back(a.version);
        return of;
    };
    using list = std::vector<version_handle>;
    CHECK(reads() == list{all[0], all[1]});
    s.machine.snapshot(all[1], {}, 0s);
    CHECK(reads() == list{all[2]});
    s.machine.snapshot(all[5], {}, 0s);
    CHECK_MESSAGE(reads().empty(), "a snapshot that came by itself frees no place");
    s.machine.unread(all[0], condition::transient, {}, 0s);
    CHECK(reads() == list{all[3]});
    s.machine.remove(all[3]);
    CHECK(reads() == list{all[4]});
    s.machine.set_status(all[2], version_status::drained, 0s);
    CHECK_MESSAGE(reads().empty(), "the call is still under way");
    s.machine.snapshot(all[2], {}, 0s);
    s.machine.snapshot(all[4], {}, 0s);
    CHECK_MESSAGE(reads() == list{all[6]}, "who has been answered is passed over");
}

TEST_CASE("a slow provider of one version holds up nobody else")
{
    stage<scripted> s;
    const version_handle slow = s.add(launching(1));
    const version_handle fast = s.add(launching(1));
    for (int i = 0; i < 100; ++i)
        s.machine.added(slow, missed_task(), 0s);
    const std::size_t stuck = s.actions().size();
    CHECK(stuck == 32);
    for (int i = 0; i < 50; ++i) {
        s.machine.added(fast, missed_task(), i * 1s);
        const auto calls = s.actions();
        REQUIRE(calls.size() == 1);
        REQUIRE(calls[0].version == fast);
        s.accept(calls[0], i * 1s);
        s.run(i * 1s);
    }
}

TEST_CASE("a removed version is gone for good, whatever takes its place")
{
    stage<scripted> s;
    auto policy = launching(1);
    const auto script = policy.scaler.with;
    const version_handle old = s.add(policy);
    s.machine.added(old, missed_task(), 0s);
    s.machine.added(old, missed_task(), 0s);
    const controller_action call = *s.machine.next_action();
    s.machine.remove(old);
    CHECK(!s.machine.contains(old));
    CHECK(s.machine.size() == 0);

    auto other = launching(1);
    const version_handle fresh = s.add(other);
    CHECK(fresh.index == old.index);
    CHECK(fresh.generation != old.generation);
    const std::size_t asked = script->asked.size();
    s.accept(call, 1s);
    s.machine.added(old, missed_task(), 1s);
    s.machine.snapshot(old, {}, 1s);
    s.machine.unread(old, condition::transient, {}, 1s);
    s.machine.set_status(old, version_status::inactive, 1s);
    s.machine.set_policy(old, 0, nullptr, 1s);
    s.machine.seen(old, {.identity = "r1"}, 1s);
    s.machine.gone(old, {"r1"}, 1s);
    s.machine.remove(old);
    CHECK(script->asked.size() == asked);
    CHECK(other.scaler.with->asked.size() == 1);
    CHECK(s.machine.books(old) == nullptr);
    CHECK(s.machine.target(old) == nullptr);
    CHECK(s.machine.remember(old).empty());
    CHECK(s.machine.contains(fresh));
    CHECK(!s.machine.contains({}));
    CHECK_MESSAGE(s.actions().empty(), "the queued call went with its version");
    CHECK(s.machine.calls_under_way() == 0);
}

TEST_CASE("each group hears of its own task types")
{
    auto workflows = launching(1);
    auto rest = launching(1);
    const auto wf = workflows.scaler.with;
    const auto all = rest.scaler.with;
    task_types others = task_types::all();
    others.erase(task_type::workflow);

    stage<scripted> s;
    const version_handle h = s.machine.add({.groups = {stage<scripted>::group(workflows, "wf", {task_type::workflow}),
                                                stage<scripted>::group(rest, "rest", others)}},
        0s);
    s.machine.added(h, missed_task(task_type::workflow), 1s);
    CHECK(wf->asked.back().why == cause::added);
    CHECK(all->asked.back().why == cause::begin);
    s.machine.added(h, missed_task(task_type::nexus), 1s);
    CHECK(all->asked.back().why == cause::added);
    const auto calls = s.actions();
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].launch.target->function == "wf");
    CHECK(calls[1].launch.target->function == "rest");
    s.machine.launched(calls[0].id, std::array{launch_result{condition::ok, "w"}}, condition::ok, {}, 1s);
    s.machine.launched(calls[1].id, std::array{launch_result{condition::ok, "x"}}, condition::ok, {}, 1s);

    queue_snapshot q;
    q.of(task_type::workflow) = queue_stats{.backlog = 1};
    q.of(task_type::activity) = queue_stats{.backlog = 2};
    q.busy_slots = 5;
    const std::array pollers{worker_seen{.identity = "w@wf", .first_seen = 2s},
        worker_seen{.identity = "x@rest", .first_seen = 2s}, worker_seen{.identity = "new@rest", .first_seen = 2s}};
    q.workers = pollers;
    s.machine.snapshot(h, q, 2s);
    CHECK(wf->asked.back().stats[0]->backlog == 1);
    CHECK(!wf->asked.back().stats[1]);
    CHECK(!all->asked.back().stats[0]);
    CHECK(all->asked.back().stats[1]->backlog == 2);
    CHECK(wf->asked.back().fleet.live == 1);
    CHECK(all->asked.back().fleet.live == 2);
    CHECK_MESSAGE(!wf->asked.back().fleet.busy, "a sum over all groups is nobody's");

    SUBCASE("groups that share a function count each worker once")
    {
        stage<scripted> t;
        const version_handle two =
            t.machine.add({.groups = {stage<scripted>::group(launching(1), "fn", {task_type::workflow}),
                               stage<scripted>::group(launching(1), "fn", others)}},
                0s);
        t.machine.added(two, missed_task(task_type::activity), 0s);
        const auto call = t.actions();
        t.machine.launched(call.at(0).id, std::array{launch_result{condition::ok, "a"}}, condition::ok, {}, 0s);
        const std::array both{
            worker_seen{.identity = "a@fn", .first_seen = 1s}, worker_seen{.identity = "b@fn", .first_seen = 1s}};
        t.machine.snapshot(two, {.workers = both}, 1s);
        CHECK_MESSAGE(t.machine.books(two, 0)->view(1s).live == 1, "the unknown one goes to the first");
        CHECK(t.machine.books(two, 1)->view(1s).live == 1);
        t.machine.seen(two, both[0], 2s);
        t.machine.seen(two, both[1], 2s);
        CHECK(t.machine.books(two, 0)->view(2s).live == 1);
        CHECK(t.machine.books(two, 1)->view(2s).live == 1);
    }
}

TEST_CASE("a type that no group takes is ignored")
{
    auto p = launching(1);
    stage<scripted> s;
    const version_handle h = s.machine.add({.groups = {stage<scripted>::group(p, "wf", {task_type::workflow})}}, 0s);
    s.machine.added(h, missed_task(task_type::nexus), 1s);
    CHECK(p.scaler.with->asked.size() == 1);
    CHECK(s.actions().empty());
}

TEST_CASE("one event for each decision and outcome")
{
    auto p = launching(2);
    p.tries = 2;
    stage<scripted> s;
    const version_handle h = s.add(p);
    s.machine.added(h, missed_task(), 1s);
    s.machine.launched(
        s.actions().at(0).id, std::array{launch_result{condition::ok, "a"}}, condition::throttled, "slow down", 2s);
    s.machine.advance(3s);
    s.accept_all(3s);
    s.machine.unread(h, condition::permanent, "denied", 4s);
    const std::vector<event> expected{event::decided, event::decided, event::launched, event::refused, event::decided,
        event::retried, event::launched, event::decided, event::unread, event::decided};
    std::vector<event> got;
    for (const told& t : s.heard)
        got.push_back(t.what);
    CHECK(got == expected);
    CHECK(s.heard[1].launch == 2);
    CHECK(s.heard[2].count == 1);
    CHECK(s.heard[3].outcome == condition::throttled);
    CHECK(s.heard[9].why == cause::no_stats);
}

TEST_CASE("time may stand still, and an earlier moment counts as the latest one")
{
    stage<scripted> s;
    auto p = saying([](const scaling_signal&, uptime) { return decision{.revisit = 0s}; });
    std::vector<uptime> asked_at;
    p.scaler.with->say = [&](const scaling_signal&, uptime now) {
        asked_at.push_back(now);
        return decision{.revisit = 1s};
    };
    const version_handle h = s.add(p, 10s);
    s.machine.added(h, missed_task(), 5s);
    s.machine.added(h, missed_task(), 10s);
    s.machine.advance(3s);
    s.machine.added(h, missed_task(), -1h);
    CHECK(asked_at == std::vector<uptime>{10s, 10s, 10s, 10s});
    CHECK(s.machine.next_wake() == 11s);
    s.machine.advance(11s);
    s.machine.advance(11s);
    CHECK(asked_at.back() == 11s);
    CHECK(asked_at.size() == 5);
}

TEST_CASE("other limits hold at once, and what is known stays")
{
    auto p = launching(10);
    stage<scripted> s;
    const version_handle h = s.add(p);
    s.machine.added(h, missed_task(), 0s);
    CHECK(s.accept_all(0s) == 10);
    p.limits.max = 12;
    s.machine.set_policy(h, 0, std::make_shared<const group_policy<scripted>>(p), 1s);
    CHECK(p.scaler.with->asked.back().why == cause::changed);
    CHECK(p.scaler.with->asked.back().limits.max == 12);
    CHECK(p.scaler.with->asked.back().fleet.starting == 10);
    s.machine.added(h, missed_task(), 2s);
    CHECK(s.accept_all(2s) == 2);
    s.machine.set_policy(h, 7, nullptr, 3s);

    SUBCASE("also for launches that wait for their turn")
    {
        auto q = saying([](const scaling_signal& sig, uptime) {
            return sig.why == cause::added ? decision{.launch = 4, .stay = 4} : decision{};
        });
        stage<scripted> t;
        const version_handle v = t.add(q);
        for (int i = 0; i < 3; ++i)
            t.machine.added(v, missed_task(), 0s);
        q.limits.max = 5;
        t.machine.set_policy(v, 0, std::make_shared<const group_policy<scripted>>(q), 0s);
        const auto calls = t.actions();
        REQUIRE(calls.size() == 2);
        CHECK(calls[0].launch.count + calls[1].launch.count == 5);
        CHECK(calls[0].launch.stay == calls[0].launch.count);
        for (const controller_action& a : calls)
            t.accept(a, 1s);
        CHECK(t.machine.books(v)->view(1s).total() == 5);
        CHECK(t.machine.books(v)->view(1s).refused == 0);
    }
}

TEST_CASE("a run that was remembered goes on as if it had never stopped")
{
    // The same random conversation with two machines, one of which is replaced in the middle of it.
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const group_policy<mayfly::fleet> policy{.limits = {1, 20}, .workers = {.useful_life = 40s}};
        stage<mayfly::fleet> one;
        stage<mayfly::fleet> two;
        stage<mayfly::fleet> after;
        const version_handle h = one.add(policy);
        two.add(policy);
        mayfly::testing::random_stream random(seed, 1);
        std::vector<uptime> events;
        stage<mayfly::fleet>* other = &two;
        version_handle ho = h;
        uptime now{};
        for (int step = 0; step < 600; ++step) {
            now += uptime(static_cast<uptime::rep>(random.next() % 300'000));
            const std::uint64_t what = random.next() % 3;
            const std::string who =
                "r" + std::to_string(1 + random.next() % (one.machine.books(h)->totals().asked + 1));
            for (auto [s, v] : {std::pair{&one, h}, std::pair{other, ho}}) {
                s->run(now);
                if (what == 0)
                    s->machine.added(v, missed_task(), now);
                else if (what == 1)
                    s->seen(v, who, now);
                else
                    s->machine.gone(v, {who}, now);
                for (const controller_action& a : s->actions())
                    if (a.what == action_kind::launch)
                        s->accept(a, now);
                    else
                        s->machine.snapshot(a.version, {}, now);
            }
            if (step == 300) {
                ho = after.machine.add(
                    {.groups = {stage<mayfly::fleet>::group(policy, "fn")}}, now, two.machine.remember(h));
                other = &after;
                CHECK_MESSAGE(after.count(event::bootstrap) == 0, "it is bound already");
            }
            REQUIRE(one.machine.books(h)->view(now) == other->machine.books(ho)->view(now));
        }
        CHECK(one.machine.books(h)->totals() == after.machine.books(ho)->totals());
        CHECK(one.machine.books(h)->records() == after.machine.books(ho)->records());
        CHECK(one.machine.remember(h)[0].scaler == after.machine.remember(ho)[0].scaler);
        CHECK(one.machine.books(h)->totals().asked > 10);
    }
}

TEST_CASE("calls that a restart forgot count until they are given up")
{
    auto p = launching(3);
    p.limits.max = 3;
    stage<scripted> before;
    const version_handle h = before.add(p);
    before.machine.added(h, missed_task(), 0s);
    CHECK(before.actions().size() == 1);  // asked, never answered

    stage<scripted> s;
    const version_handle again =
        s.machine.add({.groups = {stage<scripted>::group(p, "fn")}}, 1s, before.machine.remember(h));
    s.machine.added(again, missed_task(), 2s);
    CHECK_MESSAGE(s.actions().empty(), "three may have been started");
    s.run(10s);
    s.machine.added(again, missed_task(), 10s);
    CHECK(s.accept_all(10s) == 3);
}

TEST_CASE("books from a clock that was further on hold up nobody")
{
    // As another writer may leave them: the younger start ends first, and long before what its age says.
    mayfly::ledger_image image;
    image.records = {{.id = 1, .state = mayfly::start_state::polling, .asked_at = 1000s, .ends_at = 1300s},
        {.id = 2, .state = mayfly::start_state::polling, .asked_at = 1s, .ends_at = 2s}};
    image.next_id = 3;
    auto p = launching(1);
    p.workers.useful_life = 300s;
    const auto settings = std::make_shared<const mayfly::ledger_settings>(p.workers);
    stage<scripted> s;
    const version_handle h =
        s.machine.add({.groups = {stage<scripted>::group(p, "fn")}}, 0s, {{.books = {settings, std::move(image)}}});
    for (uptime now{}; now < 400s; now += 1s) {
        s.machine.advance(now);
        CHECK(s.machine.next_wake() > now);
        s.machine.added(h, missed_task(), now);
        s.accept_all(now);
    }
    CHECK(s.machine.next_wake() > 399s);
}

TEST_CASE("removed versions do not fill the reading queue")
{
    stage<scripted> s;
    const auto p = saying([](const scaling_signal&, uptime) { return decision{.read = 0s}; });
    std::vector<version_handle> all;
    for (int i = 0; i < 50'000; ++i)
        all.push_back(s.add(p));
    for (const version_handle h : all)
        s.machine.remove(h);
    CHECK(s.actions().empty());
    CHECK(s.machine.size() == 0);
}

TEST_CASE("the minimum is kept for a scaler that knows none")
{
    static_assert(!mayfly::keeps_minimum_of<mayfly::no_sync>());
    stage<mayfly::no_sync> s;
    group_policy<mayfly::no_sync> policy{.limits = {.min = 2, .max = 3}};
    policy.workers.useful_life = 10min;
    const version_handle h = s.add(policy);
    CHECK_MESSAGE(s.heard.size() == 1, "one event for one decision");
    CHECK(s.heard[0].reason == reason::minimum);
    const auto launches = [&] {
        auto all = s.actions();
        std::erase_if(all, [](const controller_action& a) { return a.what != action_kind::launch; });
        return all;
    };
    const auto calls = launches();
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].launch.count == 2);
    CHECK(calls[0].launch.stay == 2);
    s.accept(calls[0], 0s);
    s.seen(h, "r1", 1s);
    s.seen(h, "r2", 1s);
    CHECK(launches().empty());

    s.machine.gone(h, {"r1@fn"}, 5min);
    CHECK(s.accept_all(5min) == 1);
    s.seen(h, "r3", 5min + 1s);

    // Near its end a worker is replaced, once.
    std::uint32_t replaced = 0;
    for (uptime now = 5min + 2s; now < 11min; now += 100ms) {
        s.run(now);
        for (const controller_action& a : s.actions())
            if (a.what == action_kind::launch) {
                CHECK(now < 10min + 2s);
                CHECK(a.launch.stay == 1);
                s.accept(a, now);
                s.seen(h, "r" + std::to_string(a.launch.first_launch), now + 10ms);
                replaced += a.launch.count;
            }
    }
    CHECK(replaced == 1);

    s.machine.set_status(h, version_status::drained, 12min);
    s.machine.gone(h, {"r3@fn"}, 12min);
    CHECK(s.accept_all(12min) == 0);
}

TEST_CASE("a refusing provider is not asked for the minimum all the time")
{
    for (const std::uint32_t tries : {1U, 3U}) {
        CAPTURE(tries);
        stage<mayfly::no_sync> s;
        s.add({.limits = {.min = 2}, .bootstrap = false, .tries = tries});
        std::uint32_t asked = 0;
        for (uptime now = 0s; now < 10min; now += 100ms) {
            s.run(now);
            for (const controller_action& a : s.actions())
                if (a.what == action_kind::launch) {
                    CHECK(a.launch.count == 2);
                    s.refuse(a, now);
                    ++asked;
                }
        }
        CHECK(asked >= 10);
        CHECK(asked <= 16 * tries);
    }
}

TEST_CASE("no minimum, no difference: what a scaler decides is what is done")
{
    stage<scripted> s;
    auto policy = saying([](const scaling_signal& sig, uptime) {
        return sig.why == cause::added ? decision{.launch = 3, .stay = 1, .revisit = 7s, .reason = reason::backlog}
                                       : decision{.revisit = 5s};
    });
    const version_handle h = s.add(policy);
    s.machine.added(h, missed_task(), 1s);
    const auto calls = s.actions();
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].launch.count == 3);
    CHECK(calls[0].launch.stay == 1);
    CHECK(s.machine.next_wake() == 8s);
    s.refuse(calls[0], 2s);
    CHECK(s.machine.next_wake() == 7s);
    CHECK(s.actions().empty());
}

TEST_CASE("a set is brought within bounds that are new, and told so once")
{
    stage<scripted_set> s;
    const auto limits = [](std::uint32_t min, std::uint32_t max) {
        return group_policy<scripted_set>{.limits = {min, max}, .bootstrap = false};
    };
    const auto sizes = [&](uptime now) {
        std::vector<std::uint32_t> all;
        for (const controller_action& a : s.actions()) {
            all.push_back(a.resize.size);
            s.machine.resized(a.id, condition::ok, {}, now);
        }
        return all;
    };
    const auto change = [&](version_handle h, group_policy<scripted_set> p, uptime now) {
        s.machine.set_policy(h, 0, std::make_shared<const group_policy<scripted_set>>(std::move(p)), now);
        return sizes(now);
    };
    using list = std::vector<std::uint32_t>;
    const version_handle h = s.add(limits(2, 9));
    CHECK(sizes(0s) == list{2});
    CHECK(change(h, limits(2, 8), 1s) == list{});
    CHECK(change(h, limits(4, 8), 2s) == list{4});
    CHECK(change(h, limits(0, 3), 3s) == list{3});
    CHECK(change(h, limits(0, 3), 4s) == list{});
    CHECK(s.heard.back().reason == reason::steady);

    // A minimum that is refused is tried again, ever later.
    s.machine.set_policy(h, 0, std::make_shared<const group_policy<scripted_set>>(limits(5, 8)), 5s);
    std::vector<uptime> tries;
    for (uptime now = 5s; now < 1min; now += 500ms) {
        s.run(now);
        for (const controller_action& a : s.actions()) {
            CHECK(a.resize.size == 5);
            const bool enough = tries.size() == 4;
            s.machine.resized(a.id, enough ? condition::ok : condition::throttled, {}, now);
            tries.push_back(now);
        }
    }
    CHECK(tries == std::vector<uptime>{5s, 6s, 8s, 12s, 20s});

    const version_handle first = s.add({.limits = {2, 9}});
    CHECK_MESSAGE(sizes(5s) == list{2}, "the first worker's start is the minimum's");
    CHECK(s.machine.contains(first));
}

TEST_CASE("sizes of a set do not overtake each other, and none is lost")
{
    std::uint32_t wish = 0;
    group_policy<scripted_set> p{.limits = {0, 100}, .bootstrap = false};
    p.scaler.with->say = [&](const scaling_signal& sig, uptime) {
        return sig.why == cause::added ? decision{.resize = wish} : decision{};
    };
    stage<scripted_set> s;
    const version_handle h = s.add(p);
    const auto want = [&](std::uint32_t n, uptime now) {
        wish = n;
        s.machine.added(h, missed_task(), now);
    };
    for (std::uint32_t n = 1; n <= 40; ++n)
        want(n, 0s);
    auto call = s.actions();
    REQUIRE(call.size() == 1);
    CHECK_MESSAGE(call[0].resize.size == 40, "the last wish, however many there were");
    want(50, 1s);
    want(45, 1s);
    CHECK_MESSAGE(s.actions().empty(), "one at a time");
    s.machine.resized(call[0].id, condition::ok, {}, 2s);
    CHECK(s.heard[s.heard.size() - 2].count == 40);
    call = s.actions();
    REQUIRE(call.size() == 1);
    CHECK(call[0].resize.size == 45);
    s.machine.resized(call[0].id, condition::ok, {}, 3s);
    s.run(1h);
    CHECK_MESSAGE(s.actions().empty(), "all is told");

    // What is refused is told again, ever later, and then as the wish has become.
    want(60, 1h);
    std::vector<std::pair<uptime, std::uint32_t>> told;
    for (uptime now = 1h; now < 1h + 5min; now += 500ms) {
        s.run(now);
        for (const controller_action& a : s.actions()) {
            told.push_back({now - 1h, a.resize.size});
            s.machine.resized(a.id, now < 1h + 3min ? condition::throttled : condition::ok, "busy", now);
        }
        if (now == 1h + 5s)
            want(61, now);
    }
    const std::vector<std::pair<uptime, std::uint32_t>> expected{
        {0s, 60}, {1s, 60}, {3s, 60}, {7s, 61}, {15s, 61}, {31s, 61}, {63s, 61}, {123s, 61}, {183s, 61}};
    CHECK(told == expected);
    CHECK(s.count(event::retried) == 8);
    want(62, 2h);
    CHECK_MESSAGE(s.actions().size() == 1, "success ends the waiting");
}

TEST_CASE("a set goes down with its version")
{
    SUBCASE("no work reaches it: the minimum is no more")
    {
        stage<scripted_set> s;
        group_policy<scripted_set> p{.limits = {2, 9}, .bootstrap = false};
        std::uint32_t wish = 0;
        p.scaler.with->say = [&](const scaling_signal& sig, uptime) {
            return sig.why == cause::added ? decision{.resize = wish} : decision{};
        };
        const version_handle h = s.add(p);
        const auto size = [&](uptime now) {
            std::optional<std::uint32_t> last;
            for (const controller_action& a : s.actions()) {
                last = a.resize.size;
                s.machine.resized(a.id, condition::ok, {}, now);
            }
            return last;
        };
        CHECK(size(0s) == 2);
        s.machine.set_status(h, version_status::inactive, 1s);
        CHECK(s.heard.back().reason == reason::not_wanted);
        CHECK(size(1s) == 0);
        s.machine.set_status(h, version_status::ramping, 2s);
        CHECK(s.heard.back().reason == reason::minimum);
        CHECK(size(2s) == 2);
        wish = 5;
        s.machine.added(h, missed_task(), 3s);
        CHECK(size(3s) == 5);
        s.machine.set_status(h, version_status::inactive, 4s);
        CHECK_MESSAGE(size(4s) == std::nullopt, "more than the minimum is the scaler's");
        wish = 1;
        s.machine.added(h, missed_task(), 5s);
        CHECK(size(5s) == 1);

        s.machine.set_status(h, version_status::drained, 6s);
        const auto call = s.actions();
        REQUIRE(call.size() == 1);
        CHECK(call[0].resize.size == 0);
        s.machine.resized(call[0].id, condition::transient, {}, 6s);
        s.run(7s);
        CHECK_MESSAGE(size(7s) == 0, "once more after a refusal");
        s.run(1h);
        CHECK(size(1h) == std::nullopt);
        CHECK(s.machine.next_wake() == never);
    }
    SUBCASE("a plan comes back with the version")
    {
        stage<mayfly::rate_based> s;
        const version_handle h = s.add({.scaler = {.initial_count = 3}, .bootstrap = false});
        const auto sizes = [&] {
            std::vector<std::uint32_t> all;
            for (const controller_action& a : s.actions())
                if (a.what == action_kind::resize) {
                    all.push_back(a.resize.size);
                    s.machine.resized(a.id, condition::ok, {}, 0s);
                }
            return all;
        };
        CHECK_MESSAGE(sizes().empty(), "the first size is taken for granted");
        s.machine.set_status(h, version_status::drained, 1s);
        CHECK(sizes() == std::vector<std::uint32_t>{0});
        s.machine.set_status(h, version_status::current, 2s);
        CHECK(sizes() == std::vector<std::uint32_t>{3});
    }
}

TEST_CASE("the size of a set is remembered")
{
    group_policy<scripted_set> p{.limits = {2, 20}, .bootstrap = false};
    p.scaler.with->say = [](const scaling_signal& sig, uptime) {
        return sig.why == cause::added ? decision{.resize = 10} : decision{};
    };
    stage<scripted_set> before;
    const version_handle h = before.add(p);
    before.machine.added(h, missed_task(), 1s);
    const auto call = before.actions();
    REQUIRE(call.size() == 1);
    const auto open = before.machine.remember(h);
    before.machine.resized(call[0].id, condition::ok, {}, 1s);
    const auto done = before.machine.remember(h);
    CHECK(done[0].size == 10);
    CHECK(done[0].told);

    const auto restarted = [&](std::vector<controller_machine<scripted_set>::memory> from, version_status status) {
        stage<scripted_set> s;
        s.machine.add({.groups = {stage<scripted_set>::group(p, "fn")}, .status = status}, 2s, std::move(from));
        s.run(2s);
        std::vector<std::uint32_t> sizes;
        for (const controller_action& a : s.actions())
            sizes.push_back(a.resize.size);
        return sizes;
    };
    using list = std::vector<std::uint32_t>;
    CHECK(restarted(done, version_status::current) == list{});
    CHECK_MESSAGE(restarted(open, version_status::current) == list{10}, "nobody knows whether it was taken");
    CHECK_MESSAGE(restarted(done, version_status::drained) == list{0}, "it was drained meanwhile");
    p.limits.max = 4;
    CHECK(restarted(done, version_status::current) == list{4});
}

TEST_CASE("a backlog without end asks for a bounded number of starts, and for more with the answer")
{
    const auto policy = std::make_shared<group_policy<mayfly::fleet>>();
    policy->bootstrap = false;
    controller_machine<mayfly::fleet> machine({.starts_per_call = 500});
    const version_handle h = machine.add({.groups = {{policy, std::make_shared<launch_target>()}}}, 0s);
    queue_snapshot snapshot;
    snapshot.of(task_type::activity) = queue_stats{.backlog = std::numeric_limits<std::uint64_t>::max()};
    machine.snapshot(h, snapshot, 1s);
    const auto first = machine.next_action();
    REQUIRE(first);
    CHECK(first->launch.count == 500);
    CHECK(machine.books(h)->records().size() == 500);
    machine.launched(first->id, {}, condition::ok, {}, 2s);
    auto second = machine.next_action();
    while (second && second->what == action_kind::read)
        second = machine.next_action();
    REQUIRE(second);
    CHECK(second->launch.count == 500);
}
