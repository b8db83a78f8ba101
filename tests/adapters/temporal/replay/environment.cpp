// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/testing/environment.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

using namespace mayfly::temporal;
using namespace std::chrono_literals;
namespace testing = mayfly::temporal::testing;
using testing::environment;
using testing::environment_errc;

namespace environment_test {

int twice(int n)
{
    return 2 * n;
}

workflow::task<int> use_twice(workflow::context& ctx, int n)
{
    co_return co_await ctx.activity(twice, n, {.start_to_close = 10s});
}

workflow::task<int> use_locally(workflow::context& ctx, int n)
{
    co_return co_await ctx.local_activity(twice, n, {.start_to_close = 10s});
}

workflow::task<> month(workflow::context& ctx)
{
    for (int day = 0; day < 30; ++day)
        co_await ctx.sleep(24h);
}

/// Has an activity on another queue, and a child on a third.
workflow::task<int> elsewhere(workflow::context& ctx)
{
    const int mine = co_await ctx.activity(twice, 1, {.start_to_close = 10s, .task_queue = "other"});
    const int its = co_await ctx.child(use_twice, 2, {.id = "child", .task_queue = "third"});
    co_return mine + its;
}

class counter {
public:
    static void define(workflow::definition<counter>& d)
    {
        d.signal<&counter::add>().query<&counter::sum>().update<&counter::add_in_a_day, &counter::check>();
    }
    workflow::task<int> run(workflow::context& ctx, int until)
    {
        co_await ctx.wait_for([this, until] { return sum_ >= until; });
        co_return sum_;
    }
    void add(int n) { sum_ += n; }
    int sum() const { return sum_; }
    workflow::task<int> add_in_a_day(workflow::context& ctx, int n)
    {
        co_await ctx.sleep(24h);
        co_return sum_ += n;
    }
    void check(int n) const
    {
        if (n < 0)
            throw application_error("only upwards");
    }

private:
    int sum_ = 0;
};

bool has(const std::string& words, const std::string& part)
{
    return words.find(part) != std::string::npos;
}

}  // namespace environment_test

using namespace environment_test;

TEST_CASE("environment: a month takes no time")
{
    environment env;
    env.workflow("month", month);
    const auto before = env.now();
    const auto begun = std::chrono::steady_clock::now();
    CHECK(env.execute(month));
    CHECK(env.now() - before >= 30 * 24h);
    CHECK(env.now() - before < 31 * 24h);
    CHECK(std::chrono::steady_clock::now() - begun < 20s);
}

TEST_CASE("environment: activities are mocked by name or by function, fail and are tried again")
{
    environment env;
    env.workflow("use_twice", use_twice);
    env.workflow("use_locally", use_locally);
    int calls = 0;
    env.activity("double", twice);
    CHECK(*env.execute(use_twice, 4) == 8);
    env.activity(twice, [&](int n) { return ++calls, n; });  // "double" from now on
    CHECK(*env.execute(use_twice, 4) == 4);
    env.activity("double", [&](activity_context& context, int n) -> boost::asio::awaitable<int> {
        co_await boost::asio::post(boost::asio::use_awaitable);
        if (++calls, context.info().attempt < 10)
            throw std::runtime_error("not yet");
        co_return n + 1;
    });
    CHECK(*env.execute<int>("use_twice", 4) == 5);
    CHECK(calls == 11);

    env.activity("double", [](int) -> int { throw application_error("no card", {.non_retryable = true}); });
    for (const char* const name : {"use_twice", "use_locally"}) {
        CAPTURE(name);
        const auto failed = env.execute<int>({.id = name}, name, 4);
        CHECK(failed.error == client_errc::failed);
        CHECK_MESSAGE(has(failed.words, "no card"), failed.words);
        CHECK(failed.exception);
        CHECK_THROWS_WITH_AS(
            static_cast<void>(failed.get()), doctest::Contains("no card"), boost::system::system_error);
    }
    CHECK(env.history("use_locally").events_size() == 6);
}

TEST_CASE("environment: signals, queries, updates, cancellation and children")
{
    environment env;
    env.workflow<counter>("counter");
    env.workflow("use_twice", use_twice);
    env.workflow("elsewhere", elsewhere);
    env.activity(twice, twice);

    const auto run = env.start(&counter::run, 10);
    REQUIRE(run);
    CHECK(run.signal<&counter::add>(3));
    CHECK(run.signal("add", 3));
    CHECK(*run.query<&counter::sum>() == 6);
    CHECK(*run.query<int>("sum") == 6);
    const auto before = env.now();
    CHECK(*run.update<&counter::add_in_a_day>(1) == 7);
    CHECK(env.now() - before >= 24h);
    const auto refused = run.update<int>("add_in_a_day", -1);
    CHECK(refused.error == client_errc::failed);
    CHECK_MESSAGE(has(refused.words, "only upwards"), refused.words);
    CHECK(run.update<&counter::add_in_a_day>(3));
    CHECK(*run.result() == 10);
    CHECK(run.query<std::string>("sum").error == client_errc::not_convertible);

    const auto cancelled = env.start(&counter::run, 10);
    CHECK(cancelled.cancel());
    CHECK(cancelled.result().error == client_errc::cancelled);
    const auto ended = env.start(&counter::run, 10);
    CHECK(ended.terminate("enough"));
    CHECK(ended.result().error == client_errc::terminated);

    CHECK(*env.execute(elsewhere) == 6);
    CHECK(*env.run_of<int>("child").result() == 4);
    CHECK(env.run_of<int>("nobody").result().error);
}

TEST_CASE("environment: what a test has forgotten is told at once")
{
    struct row {
        const char* why;
        const char* workflow;
        environment_errc error;
        const char* words;
    };
    const row rows[] = {
        {"no such activity", "by name", environment_errc::missing_activity,
            "workflow \"by name\" calls the activity \"charge\", which the test has not: give it one with "
            "env.activity(\"charge\", ...)"},
        {"nor a local one", "locally", environment_errc::missing_activity, "\"charge\""},
        {"a function without a name", "by function", environment_errc::task_failed, "register it"},
        {"no such workflow", "nothing", environment_errc::task_failed, "workflow \"nothing\" is not registered"},
        {"what nobody catches", "a bug", environment_errc::task_failed, "oh no"},
        {"a bug in time for a timeout", "a bug with a timeout", environment_errc::task_failed, "oh no"},
        {"what is not the same again", "random", environment_errc::nondeterministic, "random"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        environment env;
        env.workflow("by name", [](workflow::context& ctx) -> workflow::task<> {
            co_await ctx.activity("charge", {.start_to_close = 10s});
        });
        env.workflow("locally", [](workflow::context& ctx) -> workflow::task<> {
            co_await ctx.local_activity("charge", {.start_to_close = 10s});
        });
        env.workflow("by function", use_twice);
        const auto bug = [](workflow::context&, int) -> workflow::task<> {
            throw std::logic_error("oh no");
            co_return;
        };
        env.workflow("a bug", bug);
        env.workflow("a bug with a timeout", bug);
        int runs = 0;
        env.workflow("random", [&runs](workflow::context& ctx, int) -> workflow::task<> {
            if (++runs == 1)
                co_await ctx.sleep(1min);
        });
        workflow_start_options options{.id = "w"};
        if (std::string(r.workflow) == "a bug with a timeout")
            options.run_timeout = 1h;
        for (int again = 0; again < 2; ++again) {
            const auto seen = env.execute<void>(options, r.workflow, 7);
            const std::string& words = seen.words;
            CHECK_MESSAGE(seen.error == r.error, words);
            CHECK_MESSAGE(has(words, r.words), words);
        }
    }
    environment twice_named;
    twice_named.workflow("w", month);
    twice_named.workflow("w", month);
    const auto seen = twice_named.execute<void>("w");
    CHECK(seen.error == environment_errc::not_ready);
    CHECK(has(seen.words, "workflows.w"));
}

TEST_CASE("environment: what waits for ever ends, with where it waits")
{
    environment env;
    env.workflow<counter>("counter");
    const auto run = env.start({.id = "c 1"}, &counter::run, 5);
    const auto stuck = run.result();
    CHECK(stuck.error == environment_errc::stuck);
    for (const char* const part : {"the result of workflow \"counter\" will not come", "workflow \"counter\" (c 1)",
             "waits for", "environment.cpp"}) {
        CAPTURE(part);
        CHECK_MESSAGE(has(stuck.words, part), stuck.words);
    }
    CHECK(has(run.stack_trace().get(), "environment.cpp"));
    CHECK(run.signal("add", 5));
    CHECK(*run.result() == 5);

    environment hurried({.patience = 1s});
    hurried.workflow("use_twice", use_twice);
    hurried.activity(twice, [](int) -> int { throw std::runtime_error("never"); });
    const auto given_up = hurried.execute(use_twice, 1);
    CHECK(given_up.error == environment_errc::stuck);
    CHECK_MESSAGE(has(given_up.words, "has not come in 1 s"), given_up.words);
    CHECK_MESSAGE(has(given_up.words, "activity \"activity 1\", attempt "), given_up.words);
    CHECK_MESSAGE(has(given_up.words, "never"), given_up.words);
}

TEST_CASE("environment: a program's own configuration, in which a test replaces what it wants")
{
    const auto configure = [](worker_setup& worker) {
        worker.options.task_queue = "production";
        worker.activity("double", twice);
        worker.workflow("use_twice", use_twice);
        worker.workflow("elsewhere", elsewhere);
    };
    environment env(configure, {.sticky_cache = 0});
    CHECK(*env.execute(elsewhere) == 6);
    env.activity("double", [](int n) { return 3 * n; });
    CHECK(*env.execute(elsewhere) == 9);
    CHECK(env.execute(use_twice, 1).get() == 3);
    for (const auto& seen : env.replay())
        CHECK_MESSAGE(seen.ok(), seen.words);
    CHECK(env.replay().size() == 5);
}
