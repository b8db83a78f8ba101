// SPDX-License-Identifier: BSL-1.0

// A worker for whole-program tests: a workflow for each thing that workflows can do, driven by tests/integration/
// temporal_workflows.py. WORKFLOW_WORKER_CACHE is how many runs it keeps.

#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/run_worker.hpp>
#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow/definition.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace mt = mayfly::temporal;
namespace flow = mayfly::temporal::workflow;
using namespace std::chrono_literals;
using mt::activity_context;
using mt::application_error;

// Activities.

std::int64_t add(std::int64_t left, std::int64_t right)
{
    return left + right;
}

int flaky(activity_context& context, int good_attempt)
{
    const int attempt = context.info().attempt;
    if (attempt < good_attempt)
        throw application_error("attempt " + std::to_string(attempt), "Flaky");
    return attempt;
}

asio::awaitable<std::string> slow(int for_ms)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds{for_ms});
    co_await timer.async_wait(asio::use_awaitable);
    co_return "slow";
}

std::string broken()
{
    throw application_error("broken", {.type = "Broken", .non_retryable = true});
}

asio::awaitable<std::string> until_cancelled(activity_context& context)
{
    while (!context.cancelled()) {
        context.heartbeat();
        asio::steady_timer timer(co_await asio::this_coro::executor, 50ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
    context.throw_if_cancelled();
    co_return "not cancelled";
}

// Workflows.

/// An activity, a timer and a signal.
flow::task<std::vector<std::int64_t>> steps(flow::context& ctx, std::int64_t begin)
{
    std::vector<std::int64_t> out;
    bool told = false;
    std::int64_t value = 0;
    ctx.on_signal("go", [&](std::int64_t v) {
        value = v;
        told = true;
    });
    ctx.on_query("so_far", [&] { return out; });
    out.push_back(co_await ctx.activity(add, begin, 1, {.start_to_close = 10s}));
    co_await ctx.sleep(100ms);
    out.push_back(co_await ctx.activity<std::int64_t>("add", out.back(), 1, {.start_to_close = 10s}));
    co_await ctx.wait_for([&] { return told; });
    out.push_back(value);
    co_return out;
}

flow::task<std::vector<std::int64_t>> many(flow::context& ctx, std::int64_t count)
{
    std::vector<flow::future<std::int64_t>> all;
    for (std::int64_t i = 0; i < count; ++i)
        all.push_back(ctx.activity(add, i, 1, {.start_to_close = 10s}));
    std::vector<std::int64_t> out;
    for (auto& one : all)
        out.push_back(co_await one);
    co_return out;
}

flow::task<std::string> activity_fails(flow::context& ctx)
{
    std::string out;
    try {
        co_await ctx.activity(broken, {.start_to_close = 10s});
    } catch (const mt::activity_error& e) {
        out = e.what();
    }
    if (out.empty())
        throw application_error("nothing was thrown", "Test");
    co_await ctx.activity(broken, {.start_to_close = 10s});
    co_return out;
}

flow::task<int> retried(flow::context& ctx)
{
    co_return co_await ctx.activity(flaky, 3, {.start_to_close = 10s, .retry = {.initial_interval = 10ms}});
}

flow::task<std::vector<std::int64_t>> locals(flow::context& ctx)
{
    std::vector<std::int64_t> out;
    out.push_back(co_await ctx.local_activity(add, std::int64_t{1}, std::int64_t{2}, {.start_to_close = 10s}));
    out.push_back(co_await ctx.local_activity(flaky, 3, {.start_to_close = 10s, .retry = {.initial_interval = 10ms}}));
    co_await ctx.sleep(50ms);
    out.push_back(co_await ctx.local_activity(add, out[0], out[1], {.start_to_close = 10s}));
    co_return out;
}

/// Longer than a workflow task may take.
flow::task<std::string> long_local(flow::context& ctx, int for_ms)
{
    int signals = 0;
    ctx.on_signal("meanwhile", [&] { ++signals; });
    const std::string said = co_await ctx.local_activity(slow, for_ms, {.start_to_close = 60s});
    co_return said + ' ' + std::to_string(signals);
}

/// The second attempt is too far away to be waited for within a task.
flow::task<int> local_backs_off(flow::context& ctx)
{
    co_return co_await ctx.local_activity(
        flaky, 2, {.start_to_close = 10s, .retry = {.initial_interval = 200ms}, .local_retry_threshold = 100ms});
}

flow::task<std::string> local_times_out(flow::context& ctx)
{
    std::string out;
    try {
        co_await ctx.local_activity(slow, 60'000, {.start_to_close = 100ms, .retry = {.maximum_attempts = 1}});
    } catch (const mt::activity_error& e) {
        out = e.what();
    }
    co_return out;
}

flow::task<std::string> local_cancelled(flow::context& ctx)
{
    auto running = ctx.local_activity(
        until_cancelled, {.start_to_close = 60s, .cancellation = flow::cancellation_type::wait_completed});
    running.cancel();
    std::string out = "not cancelled";
    try {
        co_await running;
    } catch (const mt::activity_error& e) {
        out = "cancelled";
    } catch (const mt::cancelled_error& e) {
        out = "cancelled";
    }
    co_return out;
}

flow::task<std::string> race(flow::context& ctx)
{
    auto hour = ctx.sleep(1h);
    auto moment = ctx.sleep(20ms);
    co_await moment;
    hour.cancel();
    const bool told = co_await ctx.wait_for([] { return false; }, 20ms);
    co_return told ? "told" : "time is over";
}

flow::task<std::int64_t> child(flow::context& ctx, std::int64_t n)
{
    if (n < 0)
        throw application_error("below zero", {.type = "Negative", .non_retryable = true});
    co_return co_await ctx.activity(add, n, n, {.start_to_close = 10s});
}

flow::task<std::string> parent(flow::context& ctx)
{
    const auto good = co_await ctx.child(child, std::int64_t{21}, {});
    std::string out = std::to_string(good);
    try {
        co_await ctx.child(child, std::int64_t{-1}, {});
    } catch (const mt::child_workflow_error& e) {
        out += " failed";
    }
    co_return out;
}

flow::task<std::string> waits_for_cancel(flow::context& ctx)
{
    bool cancelled = false;
    try {
        co_await ctx.sleep(1h);
    } catch (const mt::cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) {
        auto safe = ctx.shielded();
        co_await safe.activity(add, std::int64_t{1}, std::int64_t{1}, {.start_to_close = 10s});
        throw mt::cancelled_error("cleaned up");
    }
    co_return "not cancelled";
}

flow::task<std::string> tells_others(flow::context& ctx, std::string id)
{
    auto other = ctx.external(id);
    co_await other.signal("go", 5);
    std::string out = "signalled";
    auto nobody = ctx.external("nobody-" + id);
    try {
        co_await nobody.signal("go", 5);
    } catch (const std::exception&) {
        out += ", nobody";
    }
    co_return out;
}

flow::task<std::string> cancels_other(flow::context& ctx, std::string id)
{
    auto other = ctx.external(id);
    co_await other.cancel("enough");
    co_return "cancelled";
}

flow::task<std::vector<std::string>> updated(flow::context& ctx)
{
    std::vector<std::string> names;
    bool done = false;
    ctx.on_update(
        "add",
        [&](std::string name) -> flow::task<std::size_t> {
            co_await ctx.sleep(10ms);
            names.push_back(name);
            co_return names.size();
        },
        [](const std::string& name) {
            if (name.empty())
                throw application_error("a name is needed", "Empty");
        });
    ctx.on_update("fail", [](int) -> int { throw application_error("as asked", {.type = "Asked"}); });
    ctx.on_query("names", [&] { return names; });
    ctx.on_signal("done", [&] { done = true; });
    co_await ctx.wait_for([&] { return done && ctx.all_handlers_finished(); });
    co_return names;
}

flow::task<std::int64_t> continued(flow::context& ctx, std::int64_t left, std::int64_t sum)
{
    if (left == 0)
        co_return sum;
    co_await ctx.sleep(1ms);
    ctx.continue_as_new(continued, left - 1, sum + left, {});
}

flow::task<std::string> facts(flow::context& ctx)
{
    const std::string first = ctx.uuid();
    const int effect = ctx.side_effect([] {
        static std::atomic<int> calls{0};
        return ++calls;
    });
    const auto before = ctx.now();
    co_await ctx.sleep(20ms);
    const bool later = ctx.now() > before;
    const bool patched = ctx.patched("new-way");
    co_await ctx.sleep(1ms);
    co_return first + (later ? " later" : " not later") + (patched ? " patched" : " unpatched") +
        (effect > 0 ? " effect" : " none") + ' ' + ctx.info().workflow_id;
}

flow::task<int> fails(flow::context&, std::string kind)
{
    if (kind == "application")
        throw application_error("on purpose", {.type = "Purpose", .non_retryable = true});
    static std::atomic<int> attempts{0};
    if (++attempts == 1)
        throw std::runtime_error("a bug");
    co_return attempts.load();
}

flow::task<std::string> blocks(flow::context& ctx)
{
    static std::atomic<bool> blocked{false};
    if (!blocked.exchange(true)) {
        const auto end = std::chrono::steady_clock::now() + 1500ms;
        while (std::chrono::steady_clock::now() < end) {
        }
    }
    co_await ctx.sleep(1ms);
    co_return "unblocked";
}

/// Is there as long as a test wants, and can be asked when it is over.
class waits {
public:
    static void define(flow::definition<waits>& d)
    {
        d.signal("go", &waits::go).signal("end", &waits::end).query("sum", &waits::sum);
    }

    flow::task<std::int64_t> run(flow::context& ctx)
    {
        co_await ctx.wait_for([this] { return end_; });
        co_return sum_;
    }
    void go(std::int64_t v) { sum_ += v; }
    void end() { end_ = true; }
    [[nodiscard]] std::int64_t sum() const { return sum_; }

private:
    std::int64_t sum_ = 0;
    bool end_ = false;
};

}  // namespace

int main()
{
    return mt::run_worker({"workflows", "1"}, [](mt::worker_setup& setup) {
        setup.options.max_concurrent_activities = 50;
        setup.options.activity_pollers = 4;
        setup.options.workflow_pollers = 4;
        setup.options.max_concurrent_workflow_tasks = 50;
        setup.options.max_concurrent_local_activities = 10;
        setup.options.stop_timeout = 3s;
        setup.options.hook_allowance = 300ms;
        setup.options.default_behavior = mayfly::versioning_behavior::pinned;
        if (const char* cache = std::getenv("WORKFLOW_WORKER_CACHE"))
            setup.options.sticky_cache = static_cast<std::uint32_t>(std::atoi(cache));

        setup.activity("add", add);
        setup.activity("flaky", flaky);
        setup.activity("slow", slow);
        setup.activity("broken", broken);
        setup.activity("until_cancelled", until_cancelled);

        setup.workflow("steps", steps);
        setup.workflow("many", many);
        setup.workflow("activity_fails", activity_fails);
        setup.workflow("retried", retried);
        setup.workflow("locals", locals);
        setup.workflow("long_local", long_local);
        setup.workflow("local_backs_off", local_backs_off);
        setup.workflow("local_times_out", local_times_out);
        setup.workflow("local_cancelled", local_cancelled);
        setup.workflow("race", race);
        setup.workflow("child", child);
        setup.workflow("parent", parent);
        setup.workflow("waits_for_cancel", waits_for_cancel);
        setup.workflow("tells_others", tells_others);
        setup.workflow("cancels_other", cancels_other);
        setup.workflow("updated", updated);
        setup.workflow("continued", continued);
        setup.workflow("facts", facts);
        setup.workflow("fails", fails);
        setup.workflow("blocks", blocks);
        setup.workflow<waits>("waits");
    });
}
