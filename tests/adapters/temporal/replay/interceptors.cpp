// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/interceptors.hpp>
#include <mayfly/temporal/testing/environment.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace mayfly::temporal;
using namespace std::chrono_literals;
namespace testing = mayfly::temporal::testing;
using testing::environment;

namespace interceptors_test {

std::string trace_in(const api::common::Header& header)
{
    return get_header<std::string>(header, "trace").value_or("none");
}

std::string trace_here(activity_context& context)
{
    return trace_in(context.task().header());
}

/// Tells what its activity has, and that of its signal's handler.
workflow::task<std::string> kid(workflow::context& ctx)
{
    std::string told;
    ctx.on_signal("go", [&told](workflow::context& in) -> workflow::task<> {
        told = co_await in.activity(trace_here, {.start_to_close = 10s});
    });
    co_await ctx.wait_for([&told] { return !told.empty(); });
    const std::string own = co_await ctx.activity(trace_here, {.start_to_close = 10s});
    co_return own + ' ' + told;
}

/// Tells what reaches all that it begins, in its second run.
class traveller {
public:
    static void define(workflow::definition<traveller>& d)
    {
        d.signal<&traveller::go>().update<&traveller::trace_of_update>();
    }

    workflow::task<std::vector<std::string>> run(workflow::context& ctx, int rounds)
    {
        if (rounds > 1)
            ctx.continue_as_new(&traveller::run, rounds - 1, {});
        std::vector<std::string> out{"run " + trace_in(ctx.info().header)};
        const std::string there = co_await ctx.activity(trace_here, {.start_to_close = 10s});
        out.push_back("activity " + there);
        const std::string here = co_await ctx.local_activity(trace_here, {.start_to_close = 10s});
        out.push_back("local " + here);
        auto child = ctx.child(kid, {});
        co_await child.started();
        co_await child.signal("go");
        const std::string its = co_await child;
        out.push_back("child " + its);
        co_await ctx.wait_for([this] { return !told_.empty(); });
        out.push_back("signal " + told_);
        co_return out;
    }
    workflow::task<> go(workflow::context& ctx) { told_ = co_await ctx.activity(trace_here, {.start_to_close = 10s}); }
    workflow::task<std::string> trace_of_update(workflow::context& ctx)
    {
        co_return co_await ctx.activity(trace_here, {.start_to_close = 10s});
    }

private:
    std::string told_{};
};

/// Numbers what a test sends, and passes the number on.
interceptor numbers_calls(int& calls)
{
    interceptor out = pass_on_headers({"trace"});
    out.client = [&calls](client_call& call) { set_header(call.header, "trace", "t" + std::to_string(++calls)); };
    return out;
}

void offer(environment& env)
{
    env.workflow<traveller>("traveller");
    env.workflow("kid", kid);
    env.activity(trace_here, trace_here);
}

}  // namespace interceptors_test

using namespace interceptors_test;

TEST_CASE("a header goes from a client through runs, handlers and children to activities of every kind")
{
    for (const std::uint32_t cache : {100U, 0U}) {
        CAPTURE(cache);
        int calls = 0;
        testing::environment_options options;
        options.sticky_cache = cache;
        environment env(options);
        offer(env);
        env.intercept(numbers_calls(calls));
        const auto run = env.start(&traveller::run, 2);
        env.sleep(1s);
        CHECK(*run.update<&traveller::trace_of_update>() == "t2");
        CHECK(run.signal<&traveller::go>());
        const auto seen = run.result();
        REQUIRE_MESSAGE(seen, seen.words);
        CHECK(*seen == std::vector<std::string>{"run t1", "activity t1", "local t1", "child t1 t1", "signal t3"});
    }
}

TEST_CASE("histories from before there were interceptors replay with them, and the other way round")
{
    int calls = 0;
    int asked = 0;
    int replayed = 0;
    interceptor watches;
    watches.workflow = [&](workflow_call& call) { ++(call.replaying ? replayed : asked); };

    testing::environment_options counted;
    counted.replay = false;
    environment with(counted);
    environment without;
    offer(with);
    offer(without);
    with.intercept(numbers_calls(calls));
    with.intercept(watches);
    for (environment* const env : {&with, &without}) {
        const auto run = env->start({.id = "w"}, &traveller::run, 1);
        CHECK(run.signal<&traveller::go>());
        REQUIRE(run.result());
    }
    CHECK(asked == 4);  // two runs, each with a signal
    CHECK(replayed == 0);
    const auto old = with.replay(without.history("w"));
    CHECK_MESSAGE(old.ok(), old.words);
    CHECK(asked == 4);
    CHECK(replayed == 2);
    const auto recent = without.replay(with.history("w"));
    CHECK_MESSAGE(recent.ok(), recent.words);
    for (const auto& again : with.replay())
        CHECK_MESSAGE(again.ok(), again.words);
    CHECK(asked == 4);
    CHECK(replayed == 6);
}
