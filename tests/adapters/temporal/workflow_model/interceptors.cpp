// SPDX-License-Identifier: BSL-1.0
#include "driver.hpp"

#include <mayfly/temporal/headers.hpp>
#include <mayfly/temporal/interceptors.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace workflow_model;
using namespace std::chrono_literals;

namespace interceptors_test {

std::string end_of(const mt::call_end& how)
{
    if (how.continued)
        return " goes on";
    if (!how.thrown)
        return how.result != nullptr ? ' ' + how.result->data() : "";
    try {
        std::rethrow_exception(how.thrown);
    } catch (const std::exception& e) {
        return std::string(" threw ") + e.what();
    }
}

/// Writes down what a workflow is asked, and how that ends.
mt::interceptor notes(lines& seen, const std::string& name)
{
    mt::interceptor out;
    out.workflow = [&seen, name](mt::workflow_call& call) {
        const std::string what = std::string(to_string(call.what)) + ' ' + std::string(call.name);
        const auto trace = mt::get_header<std::string>(call.header, "trace");
        seen.push_back(name + ' ' + what + words::text(call.input) + (trace ? " for " + *trace : "") +
                       (call.replaying ? " again" : ""));
        call.on_end(
            [&seen, name, what](const mt::call_end& how) { seen.push_back(name + " end " + what + end_of(how)); });
    };
    return out;
}

/// Throws when this is asked.
mt::interceptor refuses(mt::workflow_call::kind what, const std::exception_ptr& why)
{
    mt::interceptor out;
    out.workflow = [what, why](mt::workflow_call& call) {
        if (call.what == what)
            std::rethrow_exception(why);
    };
    return out;
}

template <class Job>
Job traced(Job job, const std::string& trace)
{
    mt::set_header(job.header, "trace", trace);
    return job;
}

struct header_of {
    std::string operator()(const workflow::schedule_activity& i) const { return read(i.header); }
    std::string operator()(const workflow::schedule_local_activity& i) const { return read(i.header); }
    std::string operator()(const workflow::start_child& i) const { return read(i.header); }
    std::string operator()(const workflow::signal_external& i) const { return read(i.header); }
    std::string operator()(const workflow::continue_as_new& i) const { return read(i.header); }
    template <class Other>
    std::string operator()(const Other&) const
    {
        return "none";
    }
    static std::string read(const api::common::Header& h)
    {
        std::string out;
        for (const char* const name : {"trace", "own", "count"})
            if (h.fields().contains(name))
                out += (out.empty() ? "" : " ") + h.fields().at(name).data();
        return out;
    }
};

lines headers_of(const driver& d)
{
    lines out;
    for (const auto& i : d.intents)
        out.push_back(std::visit(header_of{}, i));
    return out;
}

/// Waits for a signal, can be updated and asked.
workflow::task<int> asked(workflow::context& ctx, int n)
{
    bool done = false;
    ctx.on_signal("go", [&](int by) {
        n += by;
        done = true;
    });
    ctx.on_update(
        "add", [&](int by) { return n += by; },
        [](int by) {
            if (by < 0)
                throw mt::application_error("only upwards");
        });
    ctx.on_query("n", [&] { return n; });
    co_await ctx.wait_for([&] { return done; });
    co_return n;
}

workflow::task<> begins_all(workflow::context& ctx)
{
    api::common::Header own;
    mt::set_header(own, "own", 1);
    auto a = ctx.activity("a", {.start_to_close = 1s});
    auto b = ctx.activity("b", {.start_to_close = 1s, .task_queue = "other", .id = "mine", .header = own});
    auto c = ctx.local_activity("c", {.start_to_close = 1s});
    auto d = ctx.child("d", {.id = "kid"});
    auto e = ctx.external("them").signal("e", 7);
    ctx.on_signal("handled", [](workflow::context& in) -> workflow::task<> {
        auto first = in.activity("f", {.start_to_close = 1s});
        auto second = in.spawn([](workflow::context& beside) -> workflow::task<> {
            co_await beside.activity("g", {.start_to_close = 1s});
        });
        co_await first;
        co_await in.activity("h", {.start_to_close = 1s});
    });
    bool next = false;
    ctx.on_signal("next", [&] { next = true; });
    co_await ctx.wait_for([&] { return next; });
    ctx.continue_as_new("test", {});
}

}  // namespace interceptors_test

using namespace interceptors_test;

TEST_CASE("interceptors see what a workflow is asked and how it ends, the first of them outermost")
{
    lines seen;
    driver d;
    d.interceptors = {notes(seen, "a"), {}, notes(seen, "b")};
    d.runs(asked);
    const auto told = [&] { return std::exchange(seen, {}); };
    CHECK(d.go(d.start(1)).empty());
    CHECK(told() == lines{"a run test 1", "b run test 1"});
    CHECK(d.go(traced(update("u", "add", 2), "t2")) == lines{"accept u", "complete u: 3"});
    CHECK(told() == lines{"a validate add 2 for t2", "b validate add 2 for t2", "b end validate add",
                        "a end validate add", "a update add 2 for t2", "b update add 2 for t2", "b end update add 3",
                        "a end update add 3"});
    CHECK(d.go(update("v", "add", -1)).front().starts_with("reject v"));
    CHECK(told() == lines{"a validate add -1", "b validate add -1", "b end validate add threw only upwards",
                        "a end validate add threw only upwards"});
    CHECK(d.ask("n") == "3");
    CHECK(told() == lines{"a query n", "b query n", "b end query n 3", "a end query n 3"});
    (void)d.ask("__stack_trace");
    CHECK(told().empty());
    CHECK(d.go(traced(signal("go", 4), "t4")) == lines{"done 7"});
    CHECK(told() == lines{"a signal go 4 for t4", "b signal go 4 for t4", "b end signal go ", "a end signal go ",
                        "b end run test 7", "a end run test 7"});
}

TEST_CASE("interceptors change the headers of all that a workflow begins, and know for what it is begun")
{
    lines seen;
    driver d;
    mt::interceptor counts;
    counts.step = [&seen, n = 0](mt::workflow_step& step) mutable {
        seen.push_back(std::string(to_string(step.what)) + ' ' + std::string(step.name) + " (" + std::string(step.id) +
                       ") on " + std::string(step.task_queue) + " for " + header_of::read(step.cause) + " of " +
                       header_of::read(step.start) + words::text(step.input));
        mt::set_header(step.header, "count", ++n);
    };
    d.interceptors = {mt::pass_on_headers({"trace"}), counts};
    d.runs(begins_all);
    auto start = d.start();
    mt::set_header(*start.attributes.mutable_header(), "trace", "t1");
    REQUIRE(d.go(start).size() == 5);
    CHECK(headers_of(d) == lines{R"("t1" 1)", R"("t1" 1 2)", R"("t1" 3)", R"("t1" 4)", R"("t1" 5)"});
    CHECK(seen == lines{R"(activity a () on queue for "t1" of "t1")", R"(activity b (mine) on other for "t1" of "t1")",
                      R"(local_activity c () on  for "t1" of "t1")", R"(child d (kid) on queue for "t1" of "t1")",
                      R"(signal e (them) on  for "t1" of "t1" 7)"});
    seen.clear();

    // A handler's steps, also those after a wait, and what it spawned, are for its signal.
    CHECK(d.go(traced(signal("handled"), "t2")) == lines{"activity 4 f", "activity 5 g"});
    CHECK(headers_of(d) == lines{R"("t2" 6)", R"("t2" 7)"});
    CHECK(d.go(workflow::activity_resolved{4, completed(nullptr)}) == lines{"activity 6 h"});
    CHECK(headers_of(d) == lines{R"("t2" 8)"});
    CHECK(seen.back() == R"(activity h () on queue for "t2" of "t1")");

    // A signal without it leaves what the run began with; and so does the next run.
    CHECK(d.go(signal("handled")) == lines{"activity 7 f", "activity 8 g"});
    CHECK(headers_of(d) == lines{R"("t1" 9)", R"("t1" 10)"});
    CHECK(seen.back() == R"(activity g () on queue for  of "t1")");
    CHECK(d.go(signal("next")) == lines{"continue test"});
    CHECK(headers_of(d) == lines{R"("t1" 11)"});
}

TEST_CASE("a run that continues as new says so, and passes its header on where nobody says another")
{
    for (const bool intercepted : {false, true}) {
        CAPTURE(intercepted);
        lines seen;
        driver d;
        mt::interceptor adds = notes(seen, "a");
        adds.step = [](mt::workflow_step& step) { mt::set_header(step.header, "count", 1); };
        if (intercepted)
            d.interceptors = {adds};
        d.runs([](workflow::context& ctx) -> workflow::task<> {
            co_await ctx.sleep(0s);
            ctx.continue_as_new("test", {});
        });
        auto start = d.start();
        mt::set_header(*start.attributes.mutable_header(), "trace", "t1");
        CHECK(d.go(start) == lines{"continue test"});
        // Empty: the machine keeps the run's.
        CHECK(headers_of(d) == lines{intercepted ? R"("t1" 1)" : ""});
        CHECK(seen == (intercepted ? lines{"a run test for t1", "a end run test goes on"} : lines{}));
    }
}

TEST_CASE("an interceptor looks: whatever it might begin or draw, it may not")
{
    using action = void (*)(const workflow::context&);
    struct row {
        const char* why;
        action does;
        const char* words;
    };
    const row rows[] = {
        {"an activity", [](const workflow::context& ctx) { (void)ctx.activity("a", {.start_to_close = 1s}); },
            "an interceptor must change nothing and start nothing, so there is no \"activity\""},
        {"a timer", [](const workflow::context& ctx) { (void)ctx.sleep(1s); }, "\"timer\""},
        {"random numbers", [](const workflow::context& ctx) { (void)ctx.uuid(); }, "\"random\""},
        {"a patch", [](const workflow::context& ctx) { (void)ctx.patched("p"); }, "\"patched\""},
        {"a side effect", [](const workflow::context& ctx) { (void)ctx.side_effect([] { return 1; }); },
            "\"side_effect\""},
        {"its memo", [](const workflow::context& ctx) { ctx.upsert(mt::memo_values().set("a", 1)); }, "\"upsert\""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        for (const bool before : {true, false}) {
            driver d;
            mt::interceptor acts;
            if (before)
                acts.workflow = [&r](mt::workflow_call& call) { r.does(call.context); };
            else
                acts.step = [&r](mt::workflow_step& step) { r.does(step.context); };
            d.interceptors = {acts};
            d.runs([](workflow::context& ctx) -> workflow::task<> {
                co_await ctx.activity("mine", {.start_to_close = 1s});
            });
            const lines said = d.go(d.start());
            REQUIRE(said.size() == 1);
            CHECK_MESSAGE(said[0].starts_with("task failed"), said[0]);
            CHECK_MESSAGE(said[0].find(r.words) != std::string::npos, said[0]);
        }
    }
}

TEST_CASE("what an interceptor throws is what the workflow or its handler throws")
{
    using kind = mt::workflow_call::kind;
    const auto no = std::make_exception_ptr(mt::application_error("not allowed", {.type = "Rule"}));
    const auto bug = std::make_exception_ptr(std::runtime_error("a bug"));
    const auto with = [](driver& d, kind what, const std::exception_ptr& why) -> driver& {
        d.interceptors = {refuses(what, why)};
        return d.runs(asked);
    };
    driver run;
    CHECK(with(run, kind::run, no).go(run.start(1)) == lines{"failed: Rule: not allowed"});
    driver broken;
    CHECK(with(broken, kind::run, bug).go(broken.start(1)).front().find("task failed: ") == 0);
    driver signalled;
    CHECK(with(signalled, kind::signal, no).go(signalled.start(1), signal("go", 1)) ==
          lines{"failed: Rule: not allowed"});
    driver validated;
    CHECK(with(validated, kind::validate, no).go(validated.start(1), update("u", "add", 1)) ==
          lines{"reject u: Rule: not allowed"});
    driver updated;
    CHECK(with(updated, kind::update, no).go(updated.start(1), update("u", "add", 1)) ==
          lines{"accept u", "complete u: Rule: not allowed"});
    driver queried;
    (void)with(queried, kind::query, no).go(queried.start(1));
    CHECK(queried.ask("n") == "failed: Rule: not allowed");

    // A step is not begun, and its number is the next one's.
    driver steps;
    mt::interceptor rule;
    rule.step = [&no](mt::workflow_step& step) {
        if (step.name == "forbidden")
            std::rethrow_exception(no);
    };
    steps.interceptors = {rule};
    steps.runs([](workflow::context& ctx) -> workflow::task<> {
        bool refused = false;
        try {
            co_await ctx.activity("forbidden", {.start_to_close = 1s});
        } catch (const mt::application_error&) {
            refused = true;
        }
        CHECK(refused);
        co_await ctx.activity("allowed", {.start_to_close = 1s});
    });
    CHECK(steps.go(steps.start()) == lines{"activity 1 allowed"});

    // Who hears of the end may not like it; who hears of it after that knows.
    driver ends;
    lines seen;
    mt::interceptor dislikes;
    dislikes.workflow = [&no](mt::workflow_call& call) {
        if (call.what == kind::update)
            call.on_end([&no](const mt::call_end&) { std::rethrow_exception(no); });
    };
    ends.interceptors = {notes(seen, "a"), dislikes};
    ends.runs(asked);
    CHECK(ends.go(ends.start(1), update("u", "add", 1)) == lines{"accept u", "complete u: Rule: not allowed"});
    CHECK(seen.back() == "a end update add threw not allowed");

    // One that was asked before another one threw hears that.
    driver both;
    both.interceptors = {notes(seen, "a"), refuses(kind::run, no)};
    both.runs(asked);
    CHECK(both.go(both.start(1)) == lines{"failed: Rule: not allowed"});
    CHECK(seen.back() == "a end run test threw not allowed");
}

TEST_CASE("a run that is forgotten ends for no interceptor, and leaves nothing")
{
    // Begins something while its frames are destroyed.
    struct late {
        workflow::context* ctx;
        ~late() { (void)ctx->activity("late", {.start_to_close = 1s}); }
    };
    const auto token = std::make_shared<int>(0);
    int steps = 0;
    driver d;
    mt::interceptor keeps;
    keeps.workflow = [&token](mt::workflow_call& call) { call.on_end([token](const mt::call_end&) { ++*token; }); };
    keeps.step = [&steps](mt::workflow_step&) { ++steps; };
    d.interceptors = {keeps};
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        const late at_end{&ctx};
        ctx.on_signal("handled", [](workflow::context& in) -> workflow::task<> { co_await in.sleep(1h); });
        co_await ctx.sleep(1h);
    });
    CHECK(d.go(d.start(), signal("handled")).size() == 2);
    CHECK(token.use_count() == 3);
    d.code.reset();
    CHECK(token.use_count() == 1);
    CHECK(*token == 0);
    CHECK(steps == 0);
}

TEST_CASE("an interceptor knows a replay, and says nothing while it lasts")
{
    for (const bool replaying : {true, false}) {
        CAPTURE(replaying);
        lines seen;
        driver d;
        d.replaying = replaying;
        mt::interceptor says = notes(seen, "a");
        says.step = [&seen](mt::workflow_step& step) {
            seen.push_back(std::string("step") + (step.replaying ? " again" : ""));
            CHECK(step.replaying == step.context.replaying());
            step.context.logger().info("a step");
        };
        d.interceptors = {says};
        d.runs([](workflow::context& ctx) -> workflow::task<> {
            ctx.on_query("q", [] { return 1; });
            co_await ctx.activity("a", {.start_to_close = 1s});
        });
        CHECK(d.go(d.start()) == lines{"activity 1 a"});
        CHECK(seen == (replaying ? lines{"a run test again", "step again"} : lines{"a run test", "step"}));
        CHECK(d.logged.size() == (replaying ? 0U : 1U));
        // A question is new, however the run came here.
        CHECK(d.ask("q") == "1");
        CHECK(seen[2] == "a query q");
    }
}

TEST_CASE("with interceptors a workflow wants the same as without")
{
    const auto code = [](workflow::context& ctx) -> workflow::task<> {
        auto own = ctx.scope();
        own.cancel("no");
        auto none = own.child("never", {});
        auto first = ctx.child("a", {});
        auto drawn = ctx.child("b", {.id = ctx.uuid()});
        auto last = ctx.child("c", {});
        CHECK(none.failed());
        co_await last;
    };
    std::vector<lines> ids;
    int steps = 0;
    for (const bool intercepted : {false, true}) {
        driver d;
        mt::interceptor counts;
        counts.step = [&steps](mt::workflow_step& step) {
            CHECK_FALSE(step.id.empty());
            ++steps;
        };
        if (intercepted)
            d.interceptors = {counts};
        d.runs(code);
        CHECK(d.go(d.start()) == lines{"child 1 a", "child 2 b", "child 3 c"});
        lines& all = ids.emplace_back();
        for (const auto& i : d.intents)
            all.push_back(std::get<workflow::start_child>(i).workflow_id);
    }
    CHECK(ids[0] == ids[1]);
    CHECK(steps == 3);
}
