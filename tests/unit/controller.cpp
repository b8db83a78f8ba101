// SPDX-License-Identifier: BSL-1.0
#include <mayfly/controller.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/testing/manual_clock.hpp>
#include <mayfly/testing/scripted_provider.hpp>
#include <mayfly/testing/scripted_source.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using mayfly::cause;
using mayfly::condition;
using mayfly::controller_event;
using mayfly::decision;
using mayfly::fleet;
using mayfly::group_policy;
using mayfly::launch_report;
using mayfly::launch_target;
using mayfly::queue_reading;
using mayfly::queue_stats;
using mayfly::scaling_signal;
using mayfly::task_added;
using mayfly::task_type;
using mayfly::uptime;
using mayfly::version_handle;
using mayfly::version_status;
using mayfly::testing::manual_clock;
using mayfly::testing::scripted_answer;
using mayfly::testing::scripted_provider;
using mayfly::testing::scripted_source;
using mayfly::testing::settle;
using event = controller_event::kind;

namespace {

struct told_event {
    event what;
    uptime at;
    version_handle version;
    std::uint32_t count;
    condition outcome;
    std::string detail;
};

/// Starts one worker for each task that finds none, and reads and wakes as it is told.
struct eager {
    uptime read = mayfly::never;
    uptime revisit = mayfly::never;
    struct state {
        bool operator==(const state&) const = default;
    };
    [[nodiscard]] decision decide(state&, const scaling_signal& sig, uptime) const noexcept
    {
        return {.launch = sig.added.unmatched(), .revisit = revisit, .read = read};
    }
};

template <class S>
group_policy<S> quiet_policy(S scaler = {})
{
    return {.scaler = scaler, .bootstrap = false};
}

template <class S>
mayfly::version_spec<S> version(group_policy<S> policy, const std::string& function = "fn")
{
    return {.groups = {{.policy = std::make_shared<const group_policy<S>>(std::move(policy)),
                .target = std::make_shared<const launch_target>(
                    launch_target{.version = {"d", "b"}, .function = function})}}};
}

task_added missed_tasks(std::uint32_t n)
{
    return {.type = task_type::activity, .counts = {.not_matched = n}};
}

queue_reading waiting(std::uint64_t backlog)
{
    queue_reading r;
    r.stats[static_cast<std::size_t>(task_type::activity)] = queue_stats{.backlog = backlog};
    return r;
}

/// Time from zero, for a stage that is made after it.
struct from_zero {
    from_zero() { manual_clock::reset(); }
};

/// A controller with its fakes, what it said, and how its runs ended.
template <class S = fleet, class P = scripted_provider>
struct controller_stage : from_zero {
    using controller_type = mayfly::basic_controller<S, P, scripted_source, manual_clock>;

    explicit controller_stage(mayfly::controller_options options = {})
        : c(std::make_unique<controller_type>(io.get_executor(), P(io.get_executor()),
              scripted_source(io.get_executor()), options, [this](const controller_event& e) {
                  heard.push_back({e.what, e.at, e.version, e.count, e.outcome, std::string(e.detail)});
              }))
    {}

    void run()
    {
        c->async_run(asio::bind_cancellation_slot(stop.slot(), [this](error_code ec) { ends.push_back(ec); }));
        settle(io);
    }
    void cancel(asio::cancellation_type how = asio::cancellation_type::terminal)
    {
        stop.emit(how);
        settle(io);
    }
    void add(version_handle h, std::uint32_t n)
    {
        c->added(h, missed_tasks(n));
        settle(io);
    }
    void pass(uptime by, uptime step = 10ms) { mayfly::testing::pass(io, by, step); }

    void seen(version_handle h, const std::string& identity)
    {
        c->tell(
            [&](auto& m, uptime now) { m.seen(h, {.identity = identity, .first_seen = now, .last_seen = now}, now); });
        settle(io);
    }
    void gone(version_handle h, const std::string& identity)
    {
        c->tell([&](auto& m, uptime now) { m.gone(h, {identity}, now); });
        settle(io);
    }

    [[nodiscard]] std::vector<told_event> of(event what) const
    {
        std::vector<told_event> some;
        std::copy_if(
            heard.begin(), heard.end(), std::back_inserter(some), [&](const told_event& t) { return t.what == what; });
        return some;
    }
    [[nodiscard]] mayfly::fleet_view books(version_handle h) const { return c->machine().books(h)->view(c->now(), 1s); }

    asio::io_context io{};
    std::vector<told_event> heard{};
    asio::cancellation_signal stop{};
    std::vector<error_code> ends{};
    std::unique_ptr<controller_type> c;
};

const std::vector<error_code> aborted_once{asio::error::operation_aborted};

}  // namespace

TEST_CASE("a burst is launched, and its workers come back in a reading")
{
    controller_stage s;
    s.c->provider().always({.takes = 40ms});
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<fleet>()));
    s.add(h, 8);
    REQUIRE(s.c->provider().launches().size() == 1);
    const auto& first = s.c->provider().launches()[0];
    CHECK(first.at == 0ms);
    CHECK(first.request.count >= 8);
    CHECK(first.request.target->function == "fn");
    CHECK(s.books(h).asked == first.request.count);

    s.pass(40ms);
    CHECK(s.of(event::launched).at(0).count == first.request.count);
    CHECK(s.books(h).starting == first.request.count);

    queue_reading there = waiting(0);
    for (const std::string& id : first.request_ids)
        there.workers.push_back({.identity = id + "@fn", .first_seen = 200ms, .last_seen = 200ms});
    s.c->source().always({there});
    s.pass(2s);
    CHECK(s.c->source().reads().size() >= 1);
    CHECK(s.c->source().reads()[0].target->function == "fn");
    CHECK(s.books(h).live == first.request.count);
    CHECK(s.c->provider().launches().size() == 1);
    s.cancel();
    CHECK(s.ends == aborted_once);
}

TEST_CASE("a call that hangs is cancelled at its limit, and holds up nobody")
{
    controller_stage<eager> s;
    s.c->provider().always("f7", scripted_answer::hanging());
    s.run();
    std::vector<version_handle> all;
    for (int i = 0; i < 100; ++i)
        all.push_back(s.c->add(version(quiet_policy<eager>(), "f" + std::to_string(i))));
    for (const version_handle h : all)
        s.add(h, 2);
    CHECK(s.of(event::launched).size() == 99);
    CHECK(s.c->provider().under_way() == 1);

    s.pass(59'990ms);
    CHECK(s.of(event::refused).empty());
    s.add(all[8], 1);
    CHECK(s.of(event::launched).size() == 100);
    s.pass(10ms);
    CHECK(s.c->provider().cancelled() == 1);
    CHECK(s.c->provider().under_way() == 0);
    const auto refused = s.of(event::refused);
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].version == all[7]);
    CHECK(refused[0].count == 2);
    CHECK(refused[0].outcome == condition::transient);
    CHECK(refused[0].detail == "no answer within the time limit");
    CHECK(s.books(all[7]).refused == 2);
}

TEST_CASE("a call that does not heed its cancellation loses its place at its limit")
{
    controller_stage s({.calls_at_once = 2});
    s.c->provider().always("bad", {.takes = 10min, .stubborn = true});
    s.c->source().always({.takes = 10min, .stubborn = true});
    s.run();
    const version_handle bad = s.c->add(version(quiet_policy<fleet>(), "bad"));
    const version_handle worse = s.c->add(version(quiet_policy<fleet>(), "bad"));
    const version_handle good = s.c->add(version(quiet_policy<fleet>(), "good"));
    s.add(bad, 1);
    s.add(worse, 1);
    s.pass(1s);
    s.add(good, 1);
    const auto good_launches = [&] {
        const auto& all = s.c->provider().launches();
        return std::count_if(
            all.begin(), all.end(), [](const auto& l) { return l.request.target->function == "good"; });
    };
    CHECK_MESSAGE(good_launches() == 0, "both places are taken");
    s.pass(60s);
    const auto refused = s.of(event::refused);
    REQUIRE(refused.size() >= 2);
    CHECK(refused[0].at == 60s);
    CHECK(refused[0].outcome == condition::transient);
    CHECK(refused[0].detail == "no answer within the time limit");
    CHECK_MESSAGE(s.of(event::unread).size() >= 3, "readings likewise");
    CHECK(good_launches() > 0);

    s.cancel();
    s.pass(2min, 1s);
    CHECK_MESSAGE(s.ends.empty(), "its handler still knows the controller");
    s.pass(10min, 1s);
    CHECK(s.ends == aborted_once);
    CHECK(s.c->machine().calls_under_way() == 0);
}

TEST_CASE("a late answer of a call that was given up is not heard")
{
    controller_stage<eager> s;
    s.c->provider().always({.takes = 70s, .stubborn = true});
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<eager>()));
    s.add(h, 2);
    s.pass(80s, 1s);
    CHECK(s.c->provider().under_way() == 0);
    CHECK(s.of(event::refused).size() == 1);
    CHECK(s.of(event::launched).empty());
    CHECK(s.books(h).total() == 0);
    s.cancel();
    CHECK(s.ends == aborted_once);
}

namespace {

/// Its first call cannot be made, and neither can each reading.
struct throwing_provider {
    explicit throwing_provider(asio::any_io_executor e) : rest(std::move(e)) {}
    template <class Token>
    auto async_launch(mayfly::launch_request request, Token&& token)
    {
        if (++calls == 1)
            throw std::runtime_error("bad settings");
        if (calls == 2)
            throw 2;
        return rest.async_launch(std::move(request), std::forward<Token>(token));
    }
    scripted_provider rest;
    int calls = 0;
};

struct throwing_source {
    template <class Token>
    auto async_read(std::shared_ptr<const launch_target>, uptime, Token&& token)
    {
        if (++calls > 0)
            throw std::runtime_error("no address");
        return asio::async_initiate<Token, void(error_code, queue_reading)>([](auto) {}, token);
    }
    int calls = 0;
};

}  // namespace

TEST_CASE("a call that throws when it is made has failed, and the controller goes on")
{
    manual_clock::reset();
    asio::io_context io;
    asio::cancellation_signal stop;
    std::vector<std::string> words;
    std::size_t unread = 0;
    mayfly::basic_controller<eager, throwing_provider, throwing_source, manual_clock> c(
        io.get_executor(), throwing_provider(io.get_executor()), {}, {}, [&](const controller_event& e) {
            if (e.what == event::refused) {
                CHECK(e.outcome == condition::transient);
                words.emplace_back(e.detail);
            }
            if (e.what == event::unread) {
                CHECK(e.detail == "no address");
                ++unread;
            }
        });
    bool ended = false;
    c.async_run(asio::bind_cancellation_slot(stop.slot(), [&](error_code) { ended = true; }));
    settle(io);
    const version_handle a = c.add(version(quiet_policy(eager{.read = 1s})));
    const version_handle b = c.add(version(quiet_policy<eager>()));
    c.added(a, missed_tasks(1));
    c.added(a, missed_tasks(1));
    c.added(b, missed_tasks(1));
    mayfly::testing::pass(io, 1min, 1s);
    CHECK(words == std::vector<std::string>{"bad settings", "the call threw what is no std::exception"});
    CHECK(c.provider().calls == 3);
    CHECK(c.machine().books(b)->view(c.now()).asked == 0);
    CHECK(unread > 1);
    CHECK(c.machine().calls_under_way() == 0);
    stop.emit(asio::cancellation_type::terminal);
    settle(io);
    CHECK(ended);
}

TEST_CASE("a throttling provider is tried ever more slowly, and at once again when it has room")
{
    controller_stage s;
    s.c->provider().always(scripted_answer::failing(condition::throttled, "no room"));
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<fleet>()));
    s.c->source().always({waiting(3)});
    s.add(h, 3);
    s.pass(10s);
    const std::size_t tries = s.c->provider().launches().size();
    CHECK(tries >= 8);
    CHECK_MESSAGE(tries <= 30, "a second of quick tries, then two seconds apart");
    CHECK(s.of(event::refused).size() == tries);
    CHECK(s.of(event::refused)[0].detail == "no room");
    const auto& l = s.c->provider().launches();
    CHECK(l[tries - 1].at - l[tries - 2].at > l[1].at - l[0].at);

    s.c->provider().always({});
    s.pass(2s);
    CHECK(s.of(event::launched).size() == 1);
    CHECK(s.books(h).starting >= 3);
    CHECK(s.books(h).refused == 0);
}

TEST_CASE("starts are accepted in part, and request ids come twice")
{
    controller_stage<eager> s;
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<eager>()));
    s.c->provider().next({.accepts = 3});
    s.add(h, 5);
    CHECK(s.of(event::launched).at(0).count == 3);
    CHECK(s.of(event::refused).at(0).count == 2);
    CHECK(s.of(event::refused).at(0).outcome == condition::throttled);
    CHECK(s.books(h).starting == 3);
    CHECK(s.c->provider().launches()[0].request_ids == std::vector<std::string>{"r1", "r2", "r3"});

    s.c->provider().next({.repeats = true});
    s.add(h, 4);
    CHECK(s.c->provider().launches()[1].request_ids == std::vector<std::string>{"r1", "r2", "r3", "r4"});
    CHECK(s.books(h).total() == 7);
    s.seen(h, "r1@fn");
    CHECK(s.books(h).live == 1);
    CHECK(s.books(h).total() == 7);
}

TEST_CASE("readings: on time, failing, hanging")
{
    controller_stage<eager> s;
    s.run();
    const version_handle h = s.c->add(version(quiet_policy(eager{.read = 1s})));
    s.pass(3'500ms);
    REQUIRE(s.c->source().reads().size() == 3);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(s.c->source().reads()[i].at == std::chrono::seconds{i + 1});

    s.c->source().always({.outcome = condition::throttled});
    s.pass(500ms);
    REQUIRE(s.of(event::unread).size() == 1);
    CHECK(s.of(event::unread)[0].outcome == condition::throttled);
    CHECK(s.of(event::unread)[0].detail == "scripted: throttled");
    s.pass(1min);
    CHECK_MESSAGE(s.c->source().reads().size() <= 3 + 8, "1, 2, 4, 8 s and so on after each failure");

    s.c->source().always({.takes = mayfly::never});
    for (int i = 0; i < 120 && s.c->source().under_way() == 0; ++i)
        s.pass(1s);
    CHECK(s.c->source().under_way() == 1);
    const std::size_t failed = s.of(event::unread).size();
    s.add(h, 1);
    CHECK_MESSAGE(s.of(event::launched).size() == 1, "a reading that hangs holds up no start");
    s.pass(15s);
    CHECK(s.c->source().cancelled() >= 1);
    CHECK(s.of(event::unread).size() == failed + 1);
    CHECK(s.of(event::unread).back().outcome == condition::transient);
    s.cancel();
    CHECK(s.ends == aborted_once);
    CHECK(s.c->source().under_way() == 0);
}

TEST_CASE("the minimum is kept when a worker ends")
{
    controller_stage s;
    s.run();
    auto policy = quiet_policy<fleet>();
    policy.limits = {.min = 2, .max = 10};
    const version_handle h = s.c->add(version(policy));
    settle(s.io);
    REQUIRE(s.c->provider().starts() == 2);
    CHECK(s.c->provider().launches()[0].request.stay == 2);
    s.seen(h, "r1@fn");
    s.seen(h, "r2@fn");
    s.pass(30s);
    CHECK(s.c->provider().starts() == 2);
    s.gone(h, "r1@fn");
    s.pass(100ms);
    CHECK(s.c->provider().starts() == 3);
    CHECK(s.c->provider().launches().back().request.stay == 1);
}

TEST_CASE("a first worker that is not seen is started once more, ever later")
{
    controller_stage<eager> s;
    s.run();
    const version_handle h = s.c->add(version(group_policy<eager>{}));
    s.pass(10min, 100ms);
    const auto& l = s.c->provider().launches();
    REQUIRE(l.size() >= 3);
    CHECK(l.size() <= 12);
    CHECK(l[0].at == 0ms);
    CHECK(l[1].at >= 10s);
    CHECK(l.back().at - l[l.size() - 2].at > l[1].at);
    s.seen(h, l.back().request_ids.at(0) + "@fn");
    const std::size_t before = l.size();
    s.pass(10min, 100ms);
    CHECK(s.c->provider().launches().size() == before);
}

TEST_CASE("a drained version sleeps")
{
    controller_stage<eager> s;
    s.run();
    const version_handle h = s.c->add(version(quiet_policy(eager{.read = 1s, .revisit = 1s})));
    s.pass(2s);
    s.c->tell([&](auto& m, uptime now) { m.set_status(h, version_status::drained, now); });
    s.pass(2s);
    const std::size_t reads = s.c->source().reads().size();
    const std::size_t events = s.heard.size();
    CHECK(s.c->machine().next_wake() == mayfly::never);
    s.add(h, 5);
    s.pass(1h, 1s);
    CHECK(s.c->source().reads().size() == reads);
    CHECK(s.heard.size() == events);
    CHECK(s.c->provider().launches().empty());
}

TEST_CASE("cancelled at any step it ends once, after all calls, and may be destroyed by its own handler")
{
    // As many handlers run before the cancellation as `step` says.
    for (int step = 0; step < 60; ++step) {
        CAPTURE(step);
        controller_stage<eager> s;
        s.c->provider().always("slow", scripted_answer::hanging());
        s.c->provider().always({.takes = 1ms});
        s.c->source().always({.takes = 3ms});
        int ended = 0;
        s.c->async_run(asio::bind_cancellation_slot(s.stop.slot(), [&](error_code ec) {
            CHECK(ec == asio::error::operation_aborted);
            CHECK(s.c->provider().under_way() == 0);
            CHECK(s.c->source().under_way() == 0);
            CHECK(s.c->machine().calls_under_way() == 0);
            s.c.reset();
            ++ended;
        }));
        const version_handle a = s.c->add(version(quiet_policy(eager{.read = 2ms, .revisit = 1ms})));
        const version_handle b = s.c->add(version(quiet_policy<eager>(), "slow"));
        s.c->added(a, missed_tasks(1));
        s.c->added(b, missed_tasks(1));
        for (int i = 0; i < step; ++i)
            for (s.io.restart(); s.io.poll_one() == 0; s.io.restart())
                manual_clock::advance(1ms);
        CHECK(ended == 0);
        s.stop.emit(asio::cancellation_type::terminal);
        s.stop.emit(asio::cancellation_type::terminal);
        settle(s.io);
        CHECK(ended == 1);
        s.pass(5s, 100ms);
        CHECK(ended == 1);
    }
}

TEST_CASE("it may be destroyed by its own handler while an alarm is set")
{
    controller_stage<eager> s;
    int ended = 0;
    s.c->async_run(asio::bind_cancellation_slot(s.stop.slot(), [&](error_code) {
        s.c.reset();
        ++ended;
    }));
    s.c->add(version(quiet_policy(eager{.revisit = 1s})));
    settle(s.io);
    s.cancel();
    CHECK(ended == 1);
    s.pass(2s);
}

TEST_CASE("every cancellation type ends it")
{
    for (const auto how :
        {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        controller_stage<eager> s;
        s.run();
        CHECK(s.ends.empty());
        s.cancel(how);
        CHECK(s.ends == aborted_once);
    }
}

TEST_CASE("cancelled before it has begun, it makes no call")
{
    controller_stage<eager> s;
    s.c->added(s.c->add(version(quiet_policy<eager>())), missed_tasks(1));
    s.c->async_run(asio::bind_cancellation_slot(s.stop.slot(), [&](error_code ec) { s.ends.push_back(ec); }));
    s.cancel();
    CHECK(s.ends == aborted_once);
    CHECK(s.c->provider().launches().empty());
}

TEST_CASE("it waits for a call that does not heed its cancellation")
{
    controller_stage<eager> s;
    s.c->provider().always({.takes = 2s, .stubborn = true});
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<eager>()));
    s.add(h, 1);
    s.cancel();
    CHECK(s.ends.empty());
    s.pass(2s);
    CHECK(s.ends == aborted_once);
    CHECK_MESSAGE(s.of(event::launched).size() == 1, "an acceptance that came after all is booked");
}

TEST_CASE("what is told before it runs, and between two runs, is done when it runs")
{
    controller_stage<eager> s;
    const version_handle h = s.c->add(version(quiet_policy<eager>()));
    s.add(h, 2);
    CHECK(s.c->provider().launches().empty());
    s.run();
    CHECK(s.c->provider().starts() == 2);

    s.cancel();
    s.add(h, 3);
    s.pass(1min, 1s);
    CHECK(s.c->provider().starts() == 2);
    s.run();
    CHECK(s.c->provider().starts() == 5);
    CHECK(s.books(h).asked == 0);
    s.cancel();
    CHECK(s.ends.size() == 2);
}

TEST_CASE("a call cut off by the end of a run counts as failed")
{
    controller_stage<eager> s;
    s.c->provider().always(scripted_answer::hanging());
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<eager>()));
    s.add(h, 2);
    s.cancel();
    CHECK(s.of(event::refused).at(0).outcome == condition::transient);
    CHECK(s.books(h).total() == 0);
    s.c->provider().always({});
    s.run();
    s.add(h, 1);
    CHECK(s.books(h).starting == 1);
}

TEST_CASE("it runs once at a time")
{
    controller_stage<eager> s;
    s.run();
    s.run();
    CHECK(s.ends == std::vector<error_code>{asio::error::already_started});
    s.cancel();
    CHECK(s.ends.size() == 1);  // the slot is the second run's, which has ended
}

TEST_CASE("a removed version's call ends for nobody")
{
    controller_stage<eager> s;
    s.c->provider().always({.takes = 1s});
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<eager>()));
    s.add(h, 1);
    s.c->remove(h);
    const version_handle other = s.c->add(version(quiet_policy<eager>()));
    CHECK(other.index == h.index);
    s.pass(2s);
    CHECK(s.of(event::launched).empty());
    CHECK(s.books(other).total() == 0);
    CHECK(s.c->machine().calls_under_way() == 0);
}

namespace {

/// Ends its calls where no provider should: within their initiation, or within their cancellation.
class rude_provider {
public:
    explicit rude_provider(const asio::any_io_executor&) {}

    template <class Token>
    auto async_launch(mayfly::launch_request request, Token&& token)
    {
        return asio::async_initiate<Token, void(error_code, launch_report)>(
            [this](auto handler, std::uint32_t count) {
                if (count == 1) {
                    std::move(handler)(error_code{}, launch_report{});
                    return;
                }
                // The others end with the first of them that is cancelled.
                auto slot = asio::get_associated_cancellation_slot(handler);
                open_->push_back([h = std::make_shared<decltype(handler)>(std::move(handler))] {
                    std::move (*h)(error_code{asio::error::operation_aborted}, launch_report{});
                });
                slot.assign([open = open_](asio::cancellation_type) {
                    for (auto& end : std::exchange(*open, {}))
                        end();
                });
            },
            token, request.count);
    }

private:
    std::shared_ptr<std::vector<std::function<void()>>> open_ = std::make_shared<std::vector<std::function<void()>>>();
};

}  // namespace

TEST_CASE("calls may end while they are made, and while any of them is cancelled")
{
    controller_stage<eager, rude_provider> s;
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<eager>()));
    for (int i = 0; i < 3; ++i) {
        s.add(h, 1);
        s.add(h, 2);
    }
    CHECK(s.of(event::launched).size() == 3);
    s.pass(1min, 1s);
    CHECK(s.of(event::refused).size() == 3);
    s.add(h, 2);
    s.add(h, 2);
    s.cancel();
    CHECK(s.ends == aborted_once);
    CHECK(s.of(event::refused).size() == 5);
    CHECK(s.c->machine().calls_under_way() == 0);
}

TEST_CASE("an observer may cancel the run from within")
{
    manual_clock::reset();
    asio::io_context io;
    asio::cancellation_signal stop;
    mayfly::basic_controller<eager, scripted_provider, mayfly::no_source, manual_clock> c(
        io.get_executor(), scripted_provider(io.get_executor()), {}, {}, [&](const controller_event& e) {
            if (e.what == event::launched)
                stop.emit(asio::cancellation_type::terminal);
        });
    int ended = 0;
    c.added(c.add(version(quiet_policy<eager>())), missed_tasks(1));
    c.async_run(asio::bind_cancellation_slot(stop.slot(), [&](error_code) { ++ended; }));
    settle(io);
    CHECK(ended == 1);
    CHECK(c.machine().calls_under_way() == 0);
}

TEST_CASE("any completion token")
{
    manual_clock::reset();
    asio::io_context io;
    asio::cancellation_signal stop;
    mayfly::basic_controller<eager, scripted_provider, mayfly::no_source, manual_clock> c(
        io.get_executor(), scripted_provider(io.get_executor()));
    const auto cancel = [&] {
        settle(io);
        stop.emit(asio::cancellation_type::terminal);
        settle(io);
    };

    SUBCASE("future")
    {
        std::future<void> f = c.async_run(asio::bind_cancellation_slot(stop.slot(), asio::use_future));
        settle(io);
        CHECK(f.wait_for(0s) == std::future_status::timeout);
        cancel();
        REQUIRE(f.wait_for(0s) == std::future_status::ready);
        CHECK_THROWS_AS(f.get(), boost::system::system_error);
    }
    SUBCASE("coroutine")
    {
        error_code got;
        bool done = false;
        asio::co_spawn(
            io,
            [&]() -> asio::awaitable<void> {
                co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
                co_await asio::this_coro::throw_if_cancelled(false);
                co_await c.async_run(asio::redirect_error(asio::use_awaitable, got));
                done = true;
            },
            asio::bind_cancellation_slot(stop.slot(), asio::detached));
        cancel();
        CHECK(done);
        CHECK(got == asio::error::operation_aborted);
    }
    SUBCASE("deferred")
    {
        auto later = c.async_run(asio::deferred);
        settle(io);
        error_code got;
        std::move(later)(asio::bind_cancellation_slot(stop.slot(), [&](error_code ec) { got = ec; }));
        cancel();
        CHECK(got == asio::error::operation_aborted);
    }
    SUBCASE("a handler with an executor of its own is called there, and nothing else is")
    {
        asio::io_context other;
        error_code got;
        c.async_run(asio::bind_executor(
            other.get_executor(), asio::bind_cancellation_slot(stop.slot(), [&](error_code ec) { got = ec; })));
        c.added(c.add(version(quiet_policy<eager>())), missed_tasks(1));
        CHECK(settle(io) > 0);
        CHECK(c.provider().launches().size() == 1);
        CHECK(other.poll() == 0);
        CHECK_MESSAGE(!other.stopped(), "it has work to come");
        cancel();
        CHECK(!got);
        CHECK(other.poll() == 1);
        CHECK(got == asio::error::operation_aborted);
        CHECK(other.stopped());
    }
}

TEST_CASE("a context that goes away takes a run and its calls with it")
{
    manual_clock::reset();
    auto io = std::make_unique<asio::io_context>();
    int ended = 0;
    mayfly::basic_controller<eager, scripted_provider, scripted_source, manual_clock> c(io->get_executor(),
        scripted_provider(io->get_executor(), scripted_answer::hanging()),
        scripted_source(io->get_executor(), {.takes = mayfly::never}));
    c.async_run([&](error_code) { ++ended; });
    c.added(c.add(version(quiet_policy(eager{.read = 0s, .revisit = 1s}))), missed_tasks(1));
    settle(*io);
    CHECK(c.provider().under_way() == 1);
    CHECK(c.source().under_way() == 1);
    CHECK(ended == 0);
}

namespace {

/// Waits by the manual clock's time, and tells it in steps of ten milliseconds.
struct coarse_clock {
    using duration = std::chrono::duration<long, std::centi>;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<coarse_clock>;
    static constexpr bool is_steady = true;
    static time_point now() { return time_point(std::chrono::floor<duration>(manual_clock::now().time_since_epoch())); }
    static time_point from_wall(mayfly::wall_time) { return now(); }
};

}  // namespace

template <>
struct boost::asio::wait_traits<coarse_clock> {
    static coarse_clock::duration to_wait_duration(const coarse_clock::duration&) { return {}; }
    static coarse_clock::duration to_wait_duration(const coarse_clock::time_point&) { return {}; }
};

TEST_CASE("no busy waiting: a clock of coarse ticks, and far alarms")
{
    manual_clock::reset();
    asio::io_context io;
    mayfly::basic_controller<eager, scripted_provider, mayfly::no_source, coarse_clock> c(
        io.get_executor(), scripted_provider(io.get_executor()));
    c.async_run(asio::detached);
    SUBCASE("a wish in mid-tick is met at the next one")
    {
        c.add(version(quiet_policy(eager{.revisit = 15ms})));
        settle(io);
        manual_clock::advance(10ms);
        CHECK(settle(io) == 0);
        manual_clock::advance(10ms);
        CHECK(settle(io) == 1);
    }
    SUBCASE("an alarm beyond what a clock can count")
    {
        for (const uptime far : {uptime{mayfly::never} - 1us, uptime{24h * 365 * 1000}})
            c.add(version(quiet_policy(eager{.revisit = far})));
        settle(io);
        manual_clock::advance(1h);
        CHECK(settle(io) == 0);
    }
}

TEST_CASE("an alarm that moves away costs nothing, one that comes nearer is kept")
{
    controller_stage<eager> s;
    s.run();
    const version_handle h = s.c->add(version(quiet_policy(eager{.revisit = 1s})));
    settle(s.io);
    for (int i = 0; i < 100; ++i)
        s.c->added(h, {});
    CHECK(settle(s.io) == 0);
    s.c->add(version(quiet_policy(eager{.revisit = 200ms})));
    s.pass(10ms);
    s.heard.clear();
    s.pass(190ms);
    CHECK(s.heard.size() == 1);
}

TEST_CASE("no limit on a call")
{
    manual_clock::reset();
    asio::io_context io;
    mayfly::basic_controller<eager, scripted_provider, mayfly::no_source, manual_clock> c(io.get_executor(),
        scripted_provider(io.get_executor(), scripted_answer::hanging()), {}, {}, {}, {.launch = mayfly::never});
    c.async_run(asio::detached);
    c.added(c.add(version(quiet_policy<eager>())), missed_tasks(1));
    mayfly::testing::pass(io, 48h, 1min);
    CHECK(c.provider().under_way() == 1);
}

TEST_CASE("a successor goes on where its predecessor's clock and memory stood")
{
    controller_stage<eager> s;
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<eager>()));
    s.add(h, 2);
    s.seen(h, "r1@fn");
    s.pass(5s);
    const auto memory = s.c->machine().remember(h);
    const uptime stood = s.c->now();

    mayfly::basic_controller<eager, scripted_provider, mayfly::no_source, manual_clock> next(
        s.io.get_executor(), scripted_provider(s.io.get_executor()), {}, {}, {}, {}, stood);
    CHECK(next.now() == 5s);
    const version_handle again = next.add(version(quiet_policy<eager>()), memory);
    CHECK(next.machine().books(again)->view(next.now(), 1s).live == 1);
    s.pass(1s);
    CHECK(next.now() == 6s);
}

namespace {

/// Wants a set as large as the backlog.
struct sizing {
    static constexpr auto strategy = mayfly::launch_strategy::worker_set;
    struct state {
        bool operator==(const state&) const = default;
    };
    [[nodiscard]] decision decide(state&, const scaling_signal& sig, uptime) const noexcept
    {
        return {.resize = sig.why == cause::added ? std::optional(sig.added.unmatched()) : std::nullopt};
    }
};

}  // namespace

TEST_CASE("a set is resized, and the answer told")
{
    controller_stage<sizing> s;
    s.run();
    const version_handle h = s.c->add(version(quiet_policy<sizing>()));
    s.add(h, 4);
    s.c->provider().next(scripted_answer::failing(condition::permanent, "no such set"));
    s.add(h, 6);
    s.c->provider().next(scripted_answer::hanging());
    s.add(h, 7);
    s.pass(61s, 1s);  // the last one waits a second after the refusal
    const auto& resizes = s.c->provider().resizes();
    REQUIRE(resizes.size() == 3);
    CHECK(resizes[0].request.size == 4);
    CHECK(resizes[0].request.target->function == "fn");
    CHECK(s.of(event::resized).at(0).count == 4);
    REQUIRE(s.of(event::not_resized).size() == 2);
    CHECK(s.of(event::not_resized)[0].outcome == condition::permanent);
    CHECK(s.of(event::not_resized)[0].detail == "no such set");
    CHECK(s.of(event::not_resized)[1].outcome == condition::transient);
    CHECK(s.of(event::not_resized)[1].detail == "no answer within the time limit");
}

// The least that the concepts allow.
namespace {

struct least_scaler {
    explicit least_scaler(int) {}
    least_scaler(least_scaler&&) = default;
    least_scaler& operator=(least_scaler&&) = default;
    struct state {
        bool operator==(const state&) const { return true; }
    };
    decision decide(state&, const scaling_signal& sig, uptime) const noexcept
    {
        return {.launch = sig.why == cause::begin ? 1U : 0U, .read = uptime{}};
    }
};

struct least_provider {
    explicit least_provider(int& calls) : calls_(calls) {}
    least_provider(least_provider&&) = default;
    least_provider& operator=(least_provider&&) = delete;

    template <class Handler>
    void async_launch(mayfly::launch_request, Handler handler)
    {
        ++calls_;
        const auto ex = asio::get_associated_executor(handler);
        asio::post(ex, [h = std::move(handler)]() mutable { std::move(h)(error_code{}, launch_report{}); });
    }

private:
    int& calls_;
};

struct least_source {
    explicit least_source(int& calls) : calls_(calls) {}
    least_source(least_source&&) = default;
    least_source& operator=(least_source&&) = delete;

    template <class Handler>
    void async_read(std::shared_ptr<const launch_target>, uptime, Handler handler)
    {
        ++calls_;
        const auto ex = asio::get_associated_executor(handler);
        asio::post(ex, [h = std::move(handler)]() mutable { std::move(h)(error_code{}, queue_reading{}); });
    }

private:
    int& calls_;
};

struct least_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<least_clock>;
    static constexpr bool is_steady = true;
    static time_point now() { return {}; }
    static time_point from_wall(mayfly::wall_time) { return {}; }
};

static_assert(!std::is_default_constructible_v<least_scaler> && !std::is_copy_constructible_v<least_scaler>);
static_assert(!std::is_default_constructible_v<least_provider> && !std::is_copy_constructible_v<least_provider>);
static_assert(!std::is_default_constructible_v<least_source> && !std::is_copy_constructible_v<least_source>);
static_assert(!std::is_move_assignable_v<least_provider> && !mayfly::ResizesWorkerSet<least_provider>);

}  // namespace

TEST_CASE("the least provider, source, scaler and clock will do")
{
    asio::io_context io;
    int launches = 0;
    int reads = 0;
    mayfly::basic_controller<least_scaler, least_provider, least_source, least_clock> c(
        io.get_executor(), least_provider(launches), least_source(reads));
    c.async_run(asio::detached);
    c.add({.groups = {{.policy = std::shared_ptr<const group_policy<least_scaler>>(
                           new group_policy<least_scaler>{.scaler = least_scaler(1), .bootstrap = false}),
               .target = std::make_shared<const launch_target>()}}});
    io.poll();
    CHECK(launches == 1);
    CHECK(reads == 1);
}
