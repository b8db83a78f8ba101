// SPDX-License-Identifier: BSL-1.0

// A worker for whole-program tests: a workflow for each thing that workflows can do, driven by tests/integration/
// temporal_workflows.py. WORKFLOW_WORKER_CACHE is how many runs it keeps; with WORKFLOW_WORKER_CODE some of its code is
// another (`code`), with WORKFLOW_WORKER_CODEC its payloads are turned round.

#include "versioned_workflow.hpp"

#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/interceptors.hpp>
#include <mayfly/temporal/payload_codec.hpp>
#include <mayfly/temporal/run_worker.hpp>
#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow/definition.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace mt = mayfly::temporal;
namespace flow = mayfly::temporal::workflow;
using namespace std::chrono_literals;
using mt::activity_context;
using mt::application_error;

/// How far workflows are whose code is changed while they run: old, new (the patch is there), later (it is deprecated).
const std::string code = [] {
    const char* const said = std::getenv("WORKFLOW_WORKER_CODE");
    return std::string(said != nullptr ? said : "new");
}();

struct turning_codec final : mt::payload_codec {
    using payload = mt::api::common::Payload;

    [[nodiscard]] mt::converted<payload> encode(payload p) const override
    {
        payload out;
        (*out.mutable_metadata())["encoding"] = "binary/turned";
        out.set_data(p.SerializeAsString());
        std::reverse(out.mutable_data()->begin(), out.mutable_data()->end());
        return out;
    }
    [[nodiscard]] mt::converted<payload> decode(payload p) const override
    {
        const auto encoding = p.metadata().find("encoding");
        if (encoding == p.metadata().end() || encoding->second != "binary/turned")
            return p;
        std::reverse(p.mutable_data()->begin(), p.mutable_data()->end());
        payload out;
        if (!out.ParseFromString(p.data()))
            return mt::conversion_error{"it was not turned here"};
        return out;
    }
};

std::string trace_in(const mt::api::common::Header& header)
{
    return mt::data_converter{}.from_payload<std::string>(header.fields().at("trace")).value();
}

std::string tenant_in(const mt::api::common::Header& header)
{
    return mt::get_header<std::string>(header, "tenant").value_or("none");
}

/// Lets some things be done for some tenants only.
mt::interceptor rules_for_tenants()
{
    const auto refuse = [](const std::string& who) {
        throw application_error(who + " may not", {.type = "Tenant", .non_retryable = true});
    };
    mt::interceptor out;
    out.workflow = [refuse](mt::workflow_call& call) {
        using kind = mt::workflow_call::kind;
        const std::string who = tenant_in(call.header);
        if (who == "nobody" && (call.what == kind::run || call.what == kind::validate || call.what == kind::query))
            refuse(who);
    };
    out.activity = [refuse](mt::activity_call& call) {
        if (const std::string who = tenant_in(call.header()); who == "idler")
            refuse(who);
    };
    out.step = [](mt::workflow_step& step) {
        if (step.header.fields().contains("tenant"))
            mt::set_header(step.header, "step", std::string(to_string(step.what)) + ' ' + std::string(step.name));
    };
    return out;
}

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

/// Ends well when it is asked to end.
asio::awaitable<std::string> winds_up(activity_context& context)
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (!context.cancelled()) {
        context.heartbeat();
        timer.expires_after(20ms);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return "wound up";
}

std::string trace_of_activity(activity_context& context)
{
    return trace_in(context.task().header());
}

std::string tenant_of_activity(activity_context& context)
{
    const auto& header = context.task().header();
    return tenant_in(header) + " by " + mt::get_header<std::string>(header, "step").value_or("none");
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
            const auto pause = name == "late" ? 300ms : 10ms;
            co_await ctx.sleep(pause);
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

/// The first of several, then all of them.
flow::task<std::vector<std::int64_t>> several(flow::context& ctx)
{
    auto hour = ctx.sleep(1h);
    auto sum = ctx.activity(add, std::int64_t{1}, std::int64_t{2}, {.start_to_close = 10s});
    const std::size_t first = co_await flow::when_any(hour, sum);
    hour.cancel();
    std::vector<flow::future<std::int64_t>> range;
    for (std::int64_t i = 0; i < 3; ++i)
        range.push_back(ctx.activity(add, i, i, {.start_to_close = 10s}));
    std::vector<std::int64_t> out = co_await flow::when_all(range);
    auto moment = ctx.sleep(1ms);
    auto last = ctx.activity(add, std::int64_t{3}, std::int64_t{3}, {.start_to_close = 10s});
    const auto both = co_await flow::when_all(moment, last);
    out.push_back(std::get<1>(both));
    out.push_back(static_cast<std::int64_t>(first));
    co_return out;
}

/// Cancels a scope of its own, in which one thing is shielded.
flow::task<std::string> scopes(flow::context& ctx)
{
    auto own = ctx.scope();
    auto hour = own.sleep(1h);
    auto kept = own.shielded().activity(add, std::int64_t{40}, std::int64_t{2}, {.start_to_close = 10s});
    own.cancel("enough");
    std::string out = "went on";
    try {
        co_await hour;
    } catch (const mt::cancelled_error&) {
        out = "cancelled";
    }
    const std::int64_t sum = co_await kept;
    co_return out + ' ' + std::to_string(sum) + (own.cancelled() && !ctx.cancelled() ? " alone" : " together");
}

flow::task<std::string> winds_up_too(flow::context& ctx)
{
    std::string out = "not asked";
    try {
        co_await ctx.sleep(1h);
    } catch (const mt::cancelled_error&) {
        out = "wound up";
    }
    co_return out;
}

flow::task<std::string> end_of(flow::future<std::string> what)
{
    std::string out;
    try {
        out = co_await what;
    } catch (const std::exception&) {
        out = flow::is_cancellation(std::current_exception()) ? "cancelled" : "failed";
    }
    co_return out;
}

/// Cancels what winds up when it is asked to, in each way, once all of it runs.
flow::task<std::vector<std::string>> three_ways_to_cancel(flow::context& ctx)
{
    using way = flow::cancellation_type;
    std::vector<flow::future<std::string>> all;
    for (const way w : {way::try_cancel, way::wait_completed, way::abandon})
        all.push_back(ctx.activity(winds_up, {.start_to_close = 60s, .heartbeat = 500ms, .cancellation = w}));
    for (const way w : {way::try_cancel, way::wait_completed, way::abandon}) {
        auto begun = ctx.child(winds_up_too, {.cancellation = w});
        co_await begun.started();
        all.push_back(begun);
    }
    bool now = false;
    ctx.on_signal("now", [&] { now = true; });
    co_await ctx.wait_for([&] { return now; });
    std::vector<std::string> out;
    for (const auto& one : all)
        one.cancel();
    for (const auto& one : all)
        out.push_back(co_await end_of(one));
    co_return out;
}

std::string first_of(const flow::raw_arguments& all)
{
    return std::get<0>(all.as<std::string>().value());
}

/// Has handlers for whatever comes.
flow::task<std::vector<std::string>> takes_anything(flow::context& ctx)
{
    std::vector<std::string> seen;
    bool done = false;
    ctx.on_any_signal(
        [&](std::string name, flow::raw_arguments a) { seen.push_back("signal " + name + ' ' + first_of(a)); });
    ctx.on_any_update([&](std::string name, flow::raw_arguments a) -> flow::task<std::size_t> {
        co_await ctx.sleep(1ms);
        seen.push_back("update " + name + ' ' + first_of(a));
        co_return seen.size();
    });
    ctx.on_any_query([&](std::string name, flow::raw_arguments a) { return name + ' ' + first_of(a); });
    ctx.on_signal("done", [&] { done = true; });
    co_await ctx.wait_for([&] { return done; });
    co_return seen;
}

/// What has no workflow of its own.
flow::task<std::string> anything(flow::context& ctx, std::string name, flow::raw_arguments a)
{
    co_await ctx.sleep(1ms);
    co_return name + ' ' + first_of(a);
}

std::int64_t measured_sum(activity_context& context, std::int64_t a, std::int64_t b)
{
    context.meter().histogram("sum", static_cast<double>(a + b));
    return a + b;
}

/// Measures before and after it has waited.
flow::task<std::int64_t> measures(flow::context& ctx, std::string shop)
{
    bool go_on = false;
    ctx.on_signal("go", [&] { go_on = true; });
    const mt::meter meter = ctx.meter().with("shop", shop);
    meter.count("began");
    const std::int64_t sum =
        co_await ctx.activity(measured_sum, std::int64_t{40}, std::int64_t{2}, {.start_to_close = 10s});
    const std::int64_t again =
        co_await ctx.local_activity(measured_sum, std::int64_t{1}, std::int64_t{1}, {.start_to_close = 10s});
    meter.timer("wait", 1500ms);
    co_await ctx.wait_for([&] { return go_on; });
    meter.gauge("open", 0);
    co_return sum + again;
}

/// One line for each measurement, such as `measured counter began 1.000000 namespace=default ...`.
void tell(const mt::measurement& m)
{
    std::string words =
        "measured " + std::string(to_string(m.kind)) + ' ' + std::string(m.name) + ' ' + std::to_string(m.value);
    for (const auto& [tag, value] : m.tags)
        words += ' ' + tag + '=' + value;
    words += '\n';
    std::fwrite(words.data(), 1, words.size(), stderr);
}

/// A setting of the program's, at each signal.
flow::task<std::vector<std::string>> reads_settings(flow::context& ctx)
{
    std::vector<std::string> seen;
    std::size_t wanted = 1;
    ctx.on_signal("look", [&] { ++wanted; });
    ctx.on_query("seen", [&] { return seen; });
    while (wanted < 5) {
        while (seen.size() < wanted)
            seen.push_back(ctx.mutable_side_effect("setting", [] { return code; }));
        const std::size_t before = wanted;
        co_await ctx.wait_for([&] { return wanted > before; });
    }
    co_return seen;
}

/// Its code is changed while it runs, with a patch.
flow::task<std::int64_t> changes(flow::context& ctx)
{
    const std::string facts = ctx.uuid() + ' ' + std::to_string(ctx.random().below(1'000'000)) + ' ' +
                              std::to_string(ctx.side_effect([] { return ::getpid(); }));
    bool go_on = false;
    ctx.on_signal("go", [&] { go_on = true; });
    ctx.on_query("facts", [&] { return facts; });
    const flow::run_logger logger = ctx.logger();
    logger.warning("began as " + facts);
    std::int64_t tax = 0;
    if (code == "new" && ctx.patched("charge-tax"))
        tax = 19;
    if (code == "later") {
        ctx.deprecate_patch("charge-tax");
        tax = 19;
    }
    const std::int64_t sum = co_await ctx.activity(add, std::int64_t{100}, tax, {.start_to_close = 10s});
    co_await ctx.wait_for([&] { return go_on; });
    co_return sum;
}

/// The same without one.
flow::task<std::int64_t> changes_badly(flow::context& ctx)
{
    std::int64_t sum = 0;
    if (code == "old")
        co_await ctx.sleep(1ms);
    else
        sum = co_await ctx.activity(add, std::int64_t{1}, std::int64_t{1}, {.start_to_close = 10s});
    bool go_on = false;
    ctx.on_signal("go", [&] { go_on = true; });
    co_await ctx.wait_for([&] { return go_on; });
    co_return sum;
}

/// Until the server thinks that its history is long enough.
flow::task<std::int64_t> until_suggested(flow::context& ctx, std::int64_t round)
{
    std::int64_t sum = 0;
    for (int i = 0; i < 4'100 && round == 0; ++i)
        sum += ctx.side_effect([] { return std::int64_t{1}; });
    co_await ctx.sleep(1ms);
    if (ctx.continue_as_new_suggested())
        ctx.continue_as_new(until_suggested, sum, {});
    co_return round;
}

/// Began with a memo and a keyword, and changes both.
flow::task<std::string> labelled(flow::context& ctx)
{
    std::string out = ctx.memo().get<std::string>("from").value() + ' ' +
                      ctx.search_attributes().get<std::string>("CustomKeywordField").value();
    const auto memo = mt::memo_values().set("steps", 2).remove("from");
    ctx.upsert(memo);
    const auto found = mt::search_values().set_keyword("CustomKeywordField", "bob").set_int("CustomIntField", 7);
    ctx.upsert(found);
    co_await ctx.sleep(1ms);
    out += ' ' + std::to_string(ctx.search_attributes().get<std::int64_t>("CustomIntField").value());
    const auto gone = mt::search_values().remove("CustomIntField", "Int");
    ctx.upsert(gone);
    co_return out;
}

flow::task<std::string> traced_child(flow::context& ctx)
{
    co_return trace_in(ctx.info().header);
}

/// Passes the headers on that it came with.
flow::task<std::vector<std::string>> traced(flow::context& ctx)
{
    const auto& header = ctx.info().header;
    std::vector<std::string> out{trace_in(header)};
    out.push_back(co_await ctx.activity(trace_of_activity, {.start_to_close = 10s, .header = header}));
    out.push_back(co_await ctx.local_activity(trace_of_activity, {.start_to_close = 10s, .header = header}));
    out.push_back(co_await ctx.child(traced_child, {.header = header}));
    co_return out;
}

flow::task<std::string> tenant_of_child(flow::context& ctx)
{
    const std::string its = co_await ctx.activity(tenant_of_activity, {.start_to_close = 10s});
    co_return mt::get_header<std::string>(ctx.info().header, "step").value_or("none") + ", " + its;
}

/// Tells for whom everything is done that it begins; what is on another queue is done by somebody else's worker.
class tenants {
public:
    static void define(flow::definition<tenants>& d)
    {
        d.signal<&tenants::go>().update<&tenants::ask>().query<&tenants::told>();
    }

    flow::task<std::vector<std::string>> run(flow::context& ctx, std::string queue)
    {
        std::vector<std::string> out{tenant_in(ctx.info().header)};
        out.push_back(co_await ctx.activity(tenant_of_activity, {.start_to_close = 10s}));
        out.push_back(co_await ctx.local_activity(tenant_of_activity, {.start_to_close = 10s}));
        out.push_back(co_await ctx.child(tenant_of_child, {}));
        out.push_back(co_await ctx.activity<std::string>("whose", {.start_to_close = 10s, .task_queue = queue}));
        co_await ctx.wait_for([this] { return !told_.empty(); });
        out.push_back(told_);
        co_return out;
    }
    flow::task<> go(flow::context& ctx) { told_ = co_await ctx.activity(tenant_of_activity, {.start_to_close = 10s}); }
    flow::task<std::string> ask(flow::context& ctx)
    {
        co_return co_await ctx.activity(tenant_of_activity, {.start_to_close = 10s});
    }
    [[nodiscard]] std::string told() const { return told_; }

private:
    std::string told_{};
};

flow::task<std::string> tenant_of_next(flow::context& ctx, int left)
{
    if (left > 0)
        ctx.continue_as_new(tenant_of_next, left - 1, {});
    co_return co_await ctx.activity(tenant_of_activity, {.start_to_close = 10s});
}

/// Says to people what it does.
flow::task<int> described(flow::context& ctx)
{
    bool done = false;
    ctx.on_signal(
        "done", [&] { done = true; }, "ends it");
    co_await ctx.activity(add, std::int64_t{1}, std::int64_t{1}, {.start_to_close = 10s, .summary = "a sum"});
    co_await ctx.sleep(1ms, {.summary = "a moment"});
    ctx.set_current_details("waits for **done**");
    co_await ctx.wait_for([&] { return done; });
    co_return 0;
}

/// Its bugs fail it.
flow::task<int> fragile(flow::context& ctx)
{
    co_await ctx.sleep(1ms);
    throw std::runtime_error("broken for good");
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

/// Tells how many of its runs are in memory.
class counted {
public:
    counted() { ++alive_; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --alive_; }

    static void define(flow::definition<counted>& d) { d.signal<&counted::end>().query<&counted::alive>(); }

    flow::task<int> run(flow::context& ctx)
    {
        co_await ctx.wait_for([this] { return end_; });
        co_return 0;
    }
    void end() { end_ = true; }
    [[nodiscard]] int alive() const { return alive_; }

private:
    static inline std::atomic<int> alive_{0};
    bool end_ = false;
};

/// Ends before its children do.
flow::task<std::vector<std::string>> leaves_children(flow::context& ctx)
{
    using policy = flow::parent_close;
    std::vector<std::string> ids;
    for (const policy p : {policy::terminate, policy::abandon, policy::request_cancel}) {
        auto left = ctx.child(&waits::run, {.parent_close = p});
        co_await left.started();
        ids.push_back(left.workflow_id());
    }
    co_return ids;
}

}  // namespace

int main()
{
    return mt::run_worker(mayfly::testing::version_of_worker({"workflows", "1"}), [](mt::worker_setup& setup) {
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

        if (std::getenv("WORKFLOW_WORKER_CODEC") != nullptr)
            setup.converter = mt::data_converter({std::make_shared<turning_codec>()});

        setup.metrics = tell;
        setup.interceptors = {mt::pass_on_headers({"tenant"}), rules_for_tenants()};

        mayfly::testing::add_versioned(setup);
        setup.activity("add", add);
        setup.activity("flaky", flaky);
        setup.activity("slow", slow);
        setup.activity("broken", broken);
        setup.activity("until_cancelled", until_cancelled);
        setup.activity("winds_up", winds_up);
        setup.activity("trace_of_activity", trace_of_activity);
        setup.activity("measured_sum", measured_sum);
        setup.activity("tenant_of_activity", tenant_of_activity);

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
        setup.workflow("facts", facts, mt::workflow_options{.behavior = mayfly::versioning_behavior::auto_upgrade});
        setup.workflow("several", several);
        setup.workflow("scopes", scopes);
        setup.workflow("winds_up_too", winds_up_too);
        setup.workflow("three_ways_to_cancel", three_ways_to_cancel);
        setup.workflow("takes_anything", takes_anything);
        setup.workflow("measures", measures);
        setup.workflow("reads_settings", reads_settings);
        setup.workflow("changes", changes);
        setup.workflow("changes_badly", changes_badly);
        if (code == "old")
            mt::workflows_of(setup).add_dynamic(anything);
        setup.workflow("until_suggested", until_suggested);
        setup.workflow("labelled", labelled);
        setup.workflow("traced_child", traced_child);
        setup.workflow("traced", traced);
        setup.workflow("tenant_of_child", tenant_of_child);
        setup.workflow<tenants>("tenants");
        setup.workflow("tenant_of_next", tenant_of_next);
        setup.workflow("described", described);
        setup.workflow(
            "fragile", fragile, mt::workflow_options{.fails_on = flow::failure_types::of<std::runtime_error>()});
        setup.workflow("fails", fails);
        setup.workflow("blocks", blocks);
        setup.workflow<waits>("waits");
        setup.workflow<counted>("counted");
        setup.workflow("leaves_children", leaves_children);
    });
}
