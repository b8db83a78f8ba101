// SPDX-License-Identifier: BSL-1.0

// The workflows of tests/integration/workflow_replay.py in C++. With files as arguments it replays these; without it is
// a worker.

#include <mayfly/temporal/run_worker.hpp>
#include <mayfly/temporal/testing/replayer.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

// With a name, since GCC warns of coroutines that have to do with types of a namespace without one.
namespace replays {

namespace asio = boost::asio;
using namespace mayfly::temporal;
using namespace std::chrono_literals;
using workflow::context;
using workflow::task;

constexpr workflow::activity_options soon{.start_to_close = 10s};
constexpr workflow::activity_options once{.start_to_close = 10s, .retry = {.maximum_attempts = 1}};
constexpr workflow::local_activity_options soon_here{.start_to_close = 10s};
constexpr workflow::local_activity_options once_here{.start_to_close = 10s, .retry = {.maximum_attempts = 1}};

/// What a planted defect of this name changes.
bool is_broken(const char* name)
{
    const char* const asked = std::getenv("REPLAY_DEFECT");
    return asked != nullptr && std::string(asked) == name;
}

int twice(int n)
{
    return 2 * n;
}

int fails(int n)
{
    throw application_error("not " + std::to_string(n), {.type = "unlucky", .non_retryable = true});
}

asio::awaitable<std::string> slow(activity_context& c)
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        c.heartbeat();
        c.throw_if_cancelled();
        timer.expires_after(50ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

task<int> activities(context& ctx, int n)
{
    int sum = 0;
    for (int i = 1; i <= n; ++i)
        sum += co_await ctx.activity<int>("twice", i, soon);
    auto ten = ctx.activity<int>("twice", 10, soon);
    auto twenty = ctx.activity<int>("twice", 20, soon);
    sum += co_await ten;
    sum += co_await twenty;
    try {
        co_await ctx.activity<int>("fails", 13, once);
    } catch (const activity_error&) {
        sum += 100;
    }
    if (is_broken("activities"))
        co_await ctx.activity<int>("twice", 30, soon);
    co_return sum;
}

task<std::string> timers(context& ctx)
{
    co_await ctx.sleep(10ms);
    auto long_one = ctx.sleep(1h);
    auto short_one = ctx.sleep(20ms);
    co_await short_one;
    long_one.cancel();
    try {
        co_await long_one;
    } catch (const cancelled_error&) {
        if (is_broken("timers"))
            throw std::logic_error("this cannot be");
    }
    const bool held = co_await ctx.wait_for([] { return false; }, 30ms);
    co_return held ? "held" : "timed out";
}

struct signals {
    static void define(workflow::definition<signals>& d)
    {
        d.signal<&signals::add>().signal<&signals::note>().query<&signals::total>();
    }

    task<int> run(context& ctx)
    {
        const bool enough = co_await ctx.wait_for([this] { return sum >= 10; }, 1h);
        co_await ctx.wait_for([&] { return ctx.all_handlers_finished(); });
        co_return enough ? sum + notes : -1;
    }
    task<> add(context& ctx, int n) { sum += co_await ctx.activity<int>("twice", n, soon); }
    void note() { notes += 100; }
    [[nodiscard]] int total() const { return sum; }

    int sum = 0;
    int notes = 0;
};

struct updates {
    static void define(workflow::definition<updates>& d)
    {
        d.update<&updates::add, &updates::check>().signal<&updates::finish>();
    }

    task<int> run(context& ctx)
    {
        co_await ctx.wait_for([this] { return finished; });
        co_await ctx.wait_for([&] { return ctx.all_handlers_finished(); });
        co_return sum;
    }
    task<int> add(context& ctx, int n)
    {
        if (n == 5)
            n = co_await ctx.activity<int>("twice", n, soon);
        if (n == 6)
            co_await ctx.sleep(10ms);
        if (n == 13)
            throw application_error("not 13", "unlucky");
        sum += n;
        co_return sum;
    }
    void check(int n) const
    {
        if (n < 0)
            throw application_error("below zero", "bad");
    }
    void finish() { finished = true; }

    int sum = 0;
    bool finished = false;
};

struct child {
    static void define(workflow::definition<child>& d) { d.signal<&child::go>(); }

    task<int> run(context& ctx, int n)
    {
        if (n < 0)
            throw application_error("below zero", {.type = "bad", .non_retryable = true});
        if (n == 7) {
            co_await ctx.wait_for([this] { return by != 0; });
            co_return by;
        }
        co_return 2 * n;
    }
    void go(int n) { by = n; }

    int by = 0;
};

task<int> children(context& ctx)
{
    const std::string mine = ctx.info().workflow_id;
    const std::string first = mine + "/first";
    int sum = co_await ctx.child<int>("child", 3, {.id = first});

    const std::string second = mine + "/second";
    auto waits = ctx.child<int>("child", 7, {.id = second});
    co_await waits.started();
    co_await waits.signal("go", 5);
    sum += co_await waits;

    const std::string third = mine + "/third";
    try {
        co_await ctx.child<int>("child", -1, {.id = third});
    } catch (const child_workflow_error&) {
        sum += 100;
    }
    const auto nobody = ctx.external("nobody");
    try {
        co_await nobody.signal("go", 1);
    } catch (const std::exception&) {
        sum += 1000;
    }
    // One that is ended by who began it.
    const std::string fourth = mine + "/fourth";
    auto unwanted = ctx.child<int>("child", 7, {.id = fourth});
    co_await unwanted.started();
    unwanted.cancel();
    try {
        co_await unwanted;
    } catch (const cancelled_error&) {
        sum += 10000;
    }
    co_return sum;
}

task<int> locals(context& ctx)
{
    int sum = co_await ctx.local_activity<int>("twice", 1, soon_here);
    auto two = ctx.local_activity<int>("twice", 2, soon_here);
    auto three = ctx.local_activity<int>("twice", 3, soon_here);
    sum += co_await two;
    sum += co_await three;
    co_await ctx.sleep(10ms);
    try {
        co_await ctx.local_activity<int>("fails", 13, once_here);
    } catch (const activity_error&) {
        sum += 100;
    }
    sum += co_await ctx.local_activity<int>("twice", 4, soon_here);
    co_return sum;
}

task<std::string> patches(context& ctx)
{
    std::string out;
    if (!is_broken("patches") && ctx.patched("one"))
        out += std::to_string(co_await ctx.activity<int>("twice", 1, soon));
    else
        co_await ctx.sleep(10ms);
    ctx.deprecate_patch("two");
    co_await ctx.sleep(10ms);
    out += !is_broken("patches") && ctx.patched("one") ? " new" : " old";
    co_return out;
}

task<int> continuing(context& ctx, int left, int total)
{
    co_await ctx.sleep(5ms);
    if (left > 0)
        ctx.continue_as_new("continuing", left - 1, total + left, {});
    co_return total;
}

task<std::string> cancelled(context& ctx, const std::string kind)
{
    std::exception_ptr why;
    try {
        if (kind == "timer")
            co_await ctx.sleep(1h);
        else if (kind == "wait")
            co_await ctx.activity<std::string>("slow",
                {.start_to_close = 1min, .heartbeat = 2s, .cancellation = workflow::cancellation_type::wait_completed});
        else
            co_await ctx.activity<std::string>("slow", {.start_to_close = 1min, .heartbeat = 2s});
    } catch (const std::exception& e) {
        why = std::current_exception();
    }
    if (kind != "timer")
        co_return workflow::is_cancellation(why) ? "cancelled" : "ended";
    const auto cleanup = ctx.shielded();
    co_await cleanup.activity<int>("twice", 1, soon);
    std::rethrow_exception(why);
}

task<int> properties(context& ctx)
{
    memo_values m;
    m.set("step", 1);
    ctx.upsert(m);
    search_values s;
    s.set_keyword("CustomKeywordField", "seen");
    ctx.upsert(s);
    co_await ctx.sleep(10ms);
    m.set("step", 2);
    ctx.upsert(m);
    co_return 2;
}

// What the Go SDK and the server's own workflows recorded, for tests/integration/recorded_histories.py.

// The Go SDK names an activity by the event that schedules it.
constexpr workflow::activity_options fifth{.start_to_close = 1min, .id = "5"};

task<> recorded_activity(context& ctx)
{
    co_await ctx.activity<void>("testActivityMultipleArgs", fifth);
}

task<> recorded_child(context& ctx)
{
    const std::string id = "child_workflow:" + ctx.info().run_id;
    auto child_run = ctx.child<void>("testReplayWorkflowFromFile", {.id = id});
    co_await child_run.started();
    co_await child_run.signal("test-signal");
    co_await child_run;
}

/// Stands for a workflow that was recorded: takes all that comes, and asks for nothing.
task<> recorded_wait(context& ctx)
{
    ctx.on_any_signal([](std::string, workflow::raw_arguments) {});
    co_await ctx.wait_for([] { return false; });
}

void configure(worker_setup& worker)
{
    worker.options.default_behavior = mayfly::versioning_behavior::auto_upgrade;
    worker.activity("twice", twice);
    worker.activity("fails", fails);
    worker.activity("slow", slow);
    worker.workflow("activities", activities);
    worker.workflow("timers", timers);
    workflows_of(worker).add<signals>("signals");
    workflows_of(worker).add<updates>("updates");
    workflows_of(worker).add<child>("child");
    worker.workflow("children", children);
    worker.workflow("locals", locals);
    worker.workflow("patches", patches);
    worker.workflow("continuing", continuing);
    worker.workflow("cancelled", cancelled);
    worker.workflow("properties", properties);
    worker.workflow("testReplayWorkflowFromFile", recorded_activity);
    worker.workflow("testReplayWorkflowFromFileParent", recorded_child);
    for (const char* const type : {"temporal-sys-scheduler-workflow", "temporal-sys-worker-deployment-workflow",
             "temporal-sys-worker-deployment-version-workflow"})
        worker.workflow(type, recorded_wait);
}

}  // namespace replays

int main(int argc, char** argv)
{
    if (argc > 1)
        return mayfly::temporal::testing::run_replayer(argc, argv, replays::configure);
    return mayfly::temporal::run_worker({"replays", "1"}, replays::configure);
}
