// SPDX-License-Identifier: BSL-1.0
#include "driver.hpp"

#include <boost/describe/class.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace workflow_model;
using namespace std::chrono_literals;

namespace steps {

struct order {
    std::string id{};
    int cents = 0;
};
BOOST_DESCRIBE_STRUCT(order, (), (id, cents))

int charge(const order& o)
{
    return o.cents;
}
void ship(const std::string&, int) noexcept {}
struct greeter {
    std::string greet(const std::string& name) const { return "hello " + name; }
};

workflow::task<int> pay(workflow::context& ctx, order o)
{
    const int paid = co_await ctx.activity(charge, o, {.start_to_close = 10s, .retry = {.maximum_attempts = 3}});
    co_await ctx.sleep(1s);
    co_return paid;
}

workflow::task<int> checkout(workflow::context& ctx, order o)
{
    const int paid = co_await pay(ctx, o);
    co_await ctx.activity(ship, o.id, paid, {.start_to_close = 1min, .summary = "to the customer"});
    co_return paid + 1;
}

workflow::task<> nothing(workflow::context&)
{
    co_return;
}

}  // namespace steps

using namespace steps;

TEST_CASE("a workflow reads like straight code")
{
    driver d;
    d.activities.add(charge, "charge");
    d.activities.add(ship, "ship");
    d.runs(checkout);
    CHECK(d.go(d.start(order{"o1", 500})) == lines{R"(activity 1 charge {"id":"o1","cents":500})"});
    const auto& scheduled = std::get<workflow::schedule_activity>(d.intents.at(0));
    CHECK(scheduled.id == "1");
    CHECK(scheduled.task_queue == "queue");
    CHECK(scheduled.start_to_close == 10s);
    REQUIRE(scheduled.retry);
    CHECK(scheduled.retry->maximum_attempts == 3);
    CHECK(d.go(workflow::activity_resolved{1, completed(500)}) == lines{"timer 1 1000ms"});
    CHECK(d.go(fired(1)) == lines{"activity 2 ship \"o1\" 500"});
    CHECK(std::get<workflow::schedule_activity>(d.intents.at(0)).words.summary.data() == "\"to the customer\"");
    CHECK(d.go(workflow::activity_resolved{2, completed()}) == lines{"done 501"});
}

TEST_CASE("activities are called by function, member, typed name or name")
{
    driver d;
    d.activities.add(&greeter::greet, "greet");
    d.runs([](workflow::context& ctx) -> workflow::task<std::string> {
        std::string out = co_await ctx.activity(&greeter::greet, "you", {.start_to_close = 1s});
        const mt::typed_activity<int(std::string, int)> typed{"typed"};
        out += std::to_string(co_await ctx.activity(typed, "x", 3, {.schedule_to_close = 1s}));
        out += co_await ctx.activity<std::string>("named", 1, "two", {.start_to_close = 1s, .task_queue = "other"});
        const workflow::activity_options kept{.start_to_close = 2s};
        co_await ctx.activity("last", kept);
        co_return out;
    });
    CHECK(d.go(d.start()) == lines{"activity 1 greet \"you\""});
    CHECK(d.go(workflow::activity_resolved{1, completed(std::string("a"))}) == lines{"activity 2 typed \"x\" 3"});
    CHECK(d.go(workflow::activity_resolved{2, completed(5)}) == lines{"activity 3 named 1 \"two\""});
    CHECK(std::get<workflow::schedule_activity>(d.intents.at(0)).task_queue == "other");
    CHECK(d.go(workflow::activity_resolved{3, completed(std::string("b"))}) == lines{"activity 4 last"});
    CHECK(d.go(workflow::activity_resolved{4, {}}) == lines{"done \"a5b\""});
}

TEST_CASE("a function that is not registered is named by what to do")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        const order o;
        co_await ctx.activity(charge, o, {.start_to_close = 1s});
    });
    CHECK(d.go(d.start()).at(0).find("register it") != std::string::npos);
}

TEST_CASE("an activity without a timeout is refused in words")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> { co_await ctx.activity("a", {.heartbeat = 1s}); });
    CHECK(d.go(d.start()).at(0).find("start_to_close") != std::string::npos);
}

TEST_CASE("what fails what")
{
    struct special : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    struct row {
        const char* why;
        void (*thrown)();
        mt::workflow_options options;
        const char* said;
    };
    const row rows[] = {
        {"an application error fails the workflow", [] { throw mt::application_error("no", "NoMoney"); }, {},
            "failed: NoMoney: no"},
        {"any other exception fails the task", [] { throw std::out_of_range("oh"); }, {},
            "task failed: out_of_range: oh"},
        {"unless it was said that it fails the workflow", [] { throw special("oh"); },
            {.fails_on = workflow::failure_types::of<special>()}, "failed: special: oh"},
        {"another one still does not", [] { throw std::logic_error("oh"); },
            {.fails_on = workflow::failure_types::of<special>()}, "task failed: logic_error: oh"},
        {"or all do", [] { throw std::logic_error("oh"); }, {.fails_on = workflow::failure_types::of<std::exception>()},
            "failed: logic_error: oh"},
        {"what is no exception fails the task", [] { throw 5; }, {},
            "task failed: int: something that is no std::exception was thrown"},
        {"cancelled without having been asked to is a failure", [] { throw mt::cancelled_error("by myself"); }, {},
            "failed: cancelled: by myself"},
    };
    for (const row& r : rows) {
        driver d;
        d.runs(
            [thrown = r.thrown](workflow::context& ctx) -> workflow::task<> {
                co_await ctx.sleep(1s);
                thrown();
            },
            r.options);
        (void)d.go(d.start());
        CHECK_MESSAGE(d.go(fired(1)) == lines{r.said}, r.why);
    }
}

TEST_CASE("a failed activity is an activity_error with its cause, and fails the workflow as it came")
{
    driver d;
    std::string caught;
    d.runs([&caught](workflow::context& ctx) -> workflow::task<> {
        try {
            co_await ctx.activity("a", {.start_to_close = 1s});
        } catch (const mt::activity_error& e) {
            caught = e.failure().type;
        }
        co_await ctx.activity("a", {.start_to_close = 1s});
    });
    (void)d.go(d.start());
    CHECK(d.go(workflow::activity_resolved{1, failed("broken")}) == lines{"activity 2 a"});
    CHECK(caught == "a");
    const auto end = d.go(workflow::activity_resolved{2, failed("broken again")});
    REQUIRE(end.size() == 1);
    CHECK(end[0].find("broken again") != std::string::npos);
    CHECK(std::get<workflow::fail_run>(d.intents.at(0)).failure.cause().application_failure_info().type() == "Oops");
}

TEST_CASE("input that does not fit fails the task")
{
    driver d;
    d.runs(checkout);
    CHECK(d.go(d.start(std::string("no order"))).at(0).find("task failed") == 0);
}

TEST_CASE("a future is waited for at once, later, several times")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<std::string> {
        auto one = ctx.activity<std::string>("one", {.start_to_close = 1s});
        auto two = ctx.activity<std::unique_ptr<std::string>>("two", {.start_to_close = 1s});
        co_await ctx.sleep(1s);
        std::string out = co_await one;
        out += co_await one;
        CHECK(one.ready());
        CHECK(!two.ready());
        const auto moved = co_await std::move(two);
        out += *moved;
        co_return out;
    });
    CHECK(d.go(d.start()) == lines{"activity 1 one", "activity 2 two", "timer 1 1000ms"});
    CHECK(d.go(workflow::activity_resolved{1, completed(std::string("1"))}).empty());
    CHECK(d.go(fired(1)).empty());
    CHECK(d.go(workflow::activity_resolved{2, completed(std::string("2"))}) == lines{"done \"112\""});
}

TEST_CASE("all and any, of packs and ranges")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<std::vector<int>> {
        std::vector<workflow::future<int>> many;
        for (int i = 0; i < 3; ++i)
            many.push_back(ctx.activity<int>("n", i, {.start_to_close = 1s}));
        auto late = ctx.sleep(1h);
        const auto first = co_await workflow::when_any(late, many[1]);
        CHECK(first == 1);
        const auto also_first = co_await workflow::when_any(many);
        CHECK(also_first == 1);
        late.cancel();
        auto numbers = co_await workflow::when_all(many);
        const auto [a, nothing] = co_await workflow::when_all(many[2], ctx.sleep(0s));
        numbers.push_back(a);
        co_return numbers;
    });
    CHECK(d.go(d.start()).size() == 4);
    CHECK(d.go(workflow::activity_resolved{2, completed(20)}) == lines{"cancel timer 1"});
    CHECK(d.go(workflow::activity_resolved{3, completed(30)}).empty());
    CHECK(d.go(workflow::activity_resolved{1, completed(10)}) == lines{"done [10,20,30,30]"});
}

TEST_CASE("the first failure is thrown by when_all at once")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        auto a = ctx.activity("a", {.start_to_close = 1s});
        auto b = ctx.activity("b", {.start_to_close = 1s});
        co_await workflow::when_all(a, b);
    });
    (void)d.go(d.start());
    CHECK(d.go(workflow::activity_resolved{2, failed("b is broken")}).at(0).find("b is broken") != std::string::npos);
}

TEST_CASE("conditions: each holds when its coroutine goes on, and handlers may unblock each other")
{
    driver d;
    std::string order_of;
    d.runs([&order_of](workflow::context& ctx) -> workflow::task<> {
        int free = 0;
        int step = 0;
        // Two wait for the same thing: only one may have it.
        const auto take = [&](workflow::context& within, char who) -> workflow::task<> {
            co_await within.wait_for([&] { return free > 0; });
            --free;
            order_of += who;
            CHECK(free >= 0);
        };
        auto a = ctx.spawn(take, 'a');
        auto b = ctx.spawn(take, 'b');
        // Waited for first, and made true last.
        const auto chain = [&](workflow::context& within, int at) -> workflow::task<> {
            co_await within.wait_for([&step, at] { return step == at; });
            ++step;
        };
        std::vector<workflow::future<void>> all;
        for (int i = 5; i > 0; --i)
            all.push_back(ctx.spawn(chain, i));
        ctx.on_signal("free", [&](int n) { free += n; });
        ctx.on_signal("step", [&] { ++step; });
        co_await workflow::when_all(a, b);
        co_await workflow::when_all(all);
    });
    CHECK(d.go(d.start()).empty());
    CHECK(d.go(signal("free", 1)).empty());
    CHECK(order_of == "a");
    CHECK(d.go(signal("free", 1)).empty());
    CHECK(order_of == "ab");
    CHECK(d.go(signal("step")) == lines{"done null"});
}

TEST_CASE("a condition with a time: the timer goes when it is not needed")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<std::string> {
        bool go = false;
        ctx.on_signal("go", [&] { go = true; });
        const bool at_once = co_await ctx.wait_for([] { return true; }, 1h);
        const bool never = co_await ctx.wait_for([] { return false; }, 0s);
        const bool in_time = co_await ctx.wait_for([&] { return go; }, 10s);
        go = false;
        const bool too_late = co_await ctx.wait_for([&] { return go; }, 20s);
        co_return std::to_string(at_once) + std::to_string(never) + std::to_string(in_time) + std::to_string(too_late);
    });
    CHECK(d.go(d.start()) == lines{"timer 1 10000ms"});
    CHECK(d.go(signal("go")) == lines{"cancel timer 1", "timer 2 20000ms"});
    CHECK(d.go(fired(1)).empty());  // it has nothing to say any more
    CHECK(d.go(fired(2)) == lines{"done \"1010\""});
}

TEST_CASE("ten thousand calls and waits in a row need no stack")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<int> {
        const auto one = [](workflow::context&, int n) -> workflow::task<int> { co_return n + 1; };
        int n = 0;
        for (int i = 0; i < 10'000; ++i) {
            n = co_await one(ctx, n);
            co_await ctx.sleep(0s);
        }
        co_return n;
    });
    CHECK(d.go(d.start()) == lines{"done 10000"});
}

TEST_CASE("children")
{
    driver d;
    d.registry.add("nothing", nothing);
    d.runs([](workflow::context& ctx) -> workflow::task<int> {
        const int n = co_await ctx.child<int>("count", 3, {.id = "mine"});
        auto other = ctx.child(nothing);
        CHECK(!other.workflow_id().empty());
        CHECK(co_await other.started() == "run");
        const mt::typed_signal<void(int)> stop{"stop"};
        co_await other.signal(stop, 1);
        co_await other;
        co_return n;
    });
    CHECK(d.go(d.start()) == lines{"child 1 count 3"});
    CHECK(std::get<workflow::start_child>(d.intents.at(0)).workflow_id == "mine");
    CHECK(d.go(workflow::child_started{1, "run", {}}).empty());
    CHECK(d.go(workflow::child_resolved{1, completed(9)}) == lines{"child 2 nothing"});
    const std::string id = std::get<workflow::start_child>(d.intents.at(0)).workflow_id;
    CHECK(id.size() == 36);
    CHECK(d.go(workflow::child_started{2, "run", {}}) == lines{"signal 1 " + id + " (child) stop 1"});
    CHECK(d.go(workflow::external_signal_resolved{1, {}}).empty());
    CHECK(d.go(workflow::child_resolved{2, {}}) == lines{"done 9"});
}

TEST_CASE("a child that cannot be started fails with why")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> { co_await ctx.child("count", 3); });
    (void)d.go(d.start());
    workflow::child_started job{1, {}, {}};
    job.failure.set_message("already there");
    job.failure.mutable_child_workflow_execution_failure_info();
    CHECK(d.go(job).at(0).find("already there") != std::string::npos);
}

TEST_CASE("other workflows are signalled and cancelled")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        auto other = ctx.external("them", "run");
        co_await other.signal("hello", "x", 2);
        co_await other.cancel("enough");
    });
    CHECK(d.go(d.start()) == lines{"signal 1 them hello \"x\" 2"});
    CHECK(d.go(workflow::external_signal_resolved{1, {}}) == lines{"cancel external 1 them"});
    CHECK(d.go(workflow::external_cancel_resolved{1, {}}) == lines{"done null"});
}

TEST_CASE("local activities, and one whose next attempt is far away")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<int> {
        co_return co_await ctx.local_activity<int>("quick", {.start_to_close = 1s});
    });
    CHECK(d.go(d.start()) == lines{"local 1 quick attempt 1"});
    workflow::local_activity_resolved wait{1, {}};
    wait.backs_off = true;
    wait.attempt = 4;
    wait.backoff = 120s;
    CHECK(d.go(wait) == lines{"timer 1 120000ms"});
    CHECK(d.go(fired(1)) == lines{"local 2 quick attempt 4"});
    CHECK(d.go(workflow::local_activity_resolved{2, completed(6)}) == lines{"done 6"});
}

TEST_CASE("continue as new, from anywhere")
{
    driver d;
    d.registry.add("nothing", nothing);
    d.runs([](workflow::context& ctx) -> workflow::task<int> {
        const auto within = [](workflow::context& c) -> workflow::task<int> {
            try {
                c.continue_as_new("test", 5, std::string("x"), {.run_timeout = 1h});
            } catch (const std::exception&) {
                FAIL("it is not to be caught");
            }
            co_return 0;
        };
        auto also = ctx.sleep(1s);
        co_return co_await within(ctx);
    });
    CHECK(d.go(d.start()) == lines{"timer 1 1000ms", "continue test 5 \"x\""});
    const auto& next = std::get<workflow::continue_as_new>(d.intents.back());
    CHECK(next.run_timeout == 1h);
    // The machine knows what stays, and what is this run's own.
    CHECK_FALSE(next.search_attributes.has_value());
    CHECK_FALSE(next.retry.has_value());
}

TEST_CASE("nothing of the workflow's runs after its end")
{
    driver d;
    bool ran = false;
    d.runs([&ran](workflow::context& ctx) -> workflow::task<> {
        bool end = false;
        auto other = ctx.spawn([&](workflow::context& own) -> workflow::task<> {
            co_await own.wait_for([&] { return end; });
            ran = true;
        });
        co_await ctx.sleep(1s);
        end = true;
    });
    (void)d.go(d.start());
    CHECK(d.go(fired(1)) == lines{"done null"});
    CHECK(!ran);
}

TEST_CASE("a failure of something spawned that nobody can wait for any more is the workflow's")
{
    struct row {
        const char* why;
        bool kept;
        bool cancels;
        lines said;
    };
    const row rows[] = {
        {"nobody has it", false, false, {"failed: No: no"}},
        {"somebody may wait for it yet", true, false, {}},
        {"cancelled is no failure", false, true, {}},
    };
    for (const row& r : rows) {
        driver d;
        d.runs([r](workflow::context& ctx) -> workflow::task<> {
            const auto beside = [r](workflow::context& own) -> workflow::task<> {
                co_await own.sleep(1s);
                if (r.cancels)
                    throw mt::cancelled_error();
                throw mt::application_error("no", "No");
            };
            auto side = ctx.spawn(beside);
            auto keeps = side;
            if (!r.kept)
                keeps = side = ctx.sleep(0s);
            co_await ctx.sleep(1h);
        });
        CHECK(d.go(d.start()).size() == 2);
        CHECK_MESSAGE(d.go(fired(2)) == r.said, r.why);
    }
}

TEST_CASE("functions that keep what has a destructor have a name")
{
    const auto by_value = [text = std::string(40, 'x')] { return text.empty(); };
    static_assert(!workflow::detail::safe_closure<decltype(by_value)>);
    static_assert(workflow::detail::safe_closure<decltype(by_value)&>);
    static_assert(workflow::detail::safe_closure<decltype([number = 1] { return number == 2; })>);
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<std::string> {
        std::string seen;
        ctx.on_signal("s", [&](std::string s) { seen = std::move(s); });
        const auto came = [awaited = std::string(40, 'x'), &seen] { return seen == awaited; };
        co_await ctx.wait_for(came);
        const bool again = co_await ctx.wait_for(came, 1h);
        auto beside = [awaited = std::string(40, 'y'), &seen](workflow::context& own) -> workflow::task<> {
            co_await own.wait_for([&] { return seen == awaited; });
        };
        co_await ctx.spawn(beside);
        co_return again ? seen : "";
    });
    CHECK(d.go(d.start()).empty());
    CHECK(d.go(signal("s", std::string(40, 'x'))).empty());
    CHECK(d.go(signal("s", std::string(40, 'y'))) == lines{"done \"" + std::string(40, 'y') + '"'});
}

TEST_CASE("a task is awaited once")
{
    struct row {
        const char* why;
        workflow::task<> (*twice)(workflow::context&);
    };
    const row rows[] = {
        {"twice",
            [](workflow::context& ctx) -> workflow::task<> {
                auto t = nothing(ctx);
                co_await std::move(t);
                co_await std::move(t);
            }},
        {"spawned, and then awaited",
            [](workflow::context& ctx) -> workflow::task<> {
                auto t = nothing(ctx);
                auto beside = ctx.spawn(std::move(t));
                co_await std::move(t);
            }},
        {"spawned twice",
            [](workflow::context& ctx) -> workflow::task<> {
                auto t = nothing(ctx);
                auto beside = ctx.spawn(std::move(t));
                auto again = ctx.spawn(std::move(t));
                co_await again;
            }},
        {"awaited, and then spawned",
            [](workflow::context& ctx) -> workflow::task<> {
                auto t = nothing(ctx);
                co_await std::move(t);
                auto again = ctx.spawn(std::move(t));
                co_await again;
            }},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        driver d;
        d.runs(r.twice);
        const lines said = d.go(d.start());
        REQUIRE(said.size() == 1);
        CHECK_MESSAGE(said[0].find("a workflow::task is awaited once") != std::string::npos, said[0]);
    }
}

TEST_CASE("many that end in one activation end in no time")
{
    // Each that ends costs the same, however many there are. In squares, this would take minutes.
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<std::size_t> {
        std::vector<workflow::future<void>> all;
        for (int i = 0; i < 30'000; ++i)
            all.push_back(ctx.spawn(nothing));
        co_await workflow::when_all(all);
        co_return all.size();
    });
    CHECK(d.go(d.start()) == lines{"done 30000"});
}
