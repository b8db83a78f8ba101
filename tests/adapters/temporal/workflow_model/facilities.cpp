// SPDX-License-Identifier: BSL-1.0
#include "driver.hpp"

#include <mayfly/temporal/workflow/detail/markers.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

using namespace workflow_model;
using namespace std::chrono_literals;

TEST_CASE("patches, as the table of their meaning has it")
{
    struct row {
        const char* why;
        bool replaying;
        bool known;
        bool deprecated;
        lines said;
    };
    const row rows[] = {
        {"for the first time: marked, and the new way", false, false, false, {"patch p", "done true"}},
        {"replayed with the marker: the new way again", true, true, false, {"patch p", "done true"}},
        {"replayed without: the old way, and no marker", true, false, false, {"done false"}},
        {"deprecated for the first time: marked so", false, false, true, {"patch p deprecated", "done true"}},
        {"deprecated, replayed with a marker", true, true, true, {"patch p deprecated", "done true"}},
        {"deprecated, replayed without a marker", true, false, true, {"done true"}},
    };
    for (const row& r : rows) {
        driver d;
        d.replaying = r.replaying;
        d.runs([deprecated = r.deprecated](workflow::context& ctx) -> workflow::task<bool> {
            co_await ctx.sleep(0s);
            if (deprecated) {
                ctx.deprecate_patch("p");
                ctx.deprecate_patch("p");
                co_return true;
            }
            const bool first = ctx.patched("p");
            CHECK(ctx.patched("p") == first);
            co_return first;
        });
        const lines said = r.known ? d.go(d.start(), workflow::patch_known{"p"}) : d.go(d.start());
        CHECK_MESSAGE(said == r.said, r.why);
    }
}

TEST_CASE("a side effect is done once")
{
    int done = 0;
    const auto code = [&done](workflow::context& ctx) -> workflow::task<int> {
        const int a = ctx.side_effect([&] { return ++done; });
        const int b = ctx.side_effect([&] { return ++done; });
        co_return a * 10 + b;
    };
    driver first;
    first.runs(code);
    CHECK(first.go(first.start()) == lines{"side effect 1 1", "side effect 2 2", "done 12"});
    driver again;
    again.replaying = true;
    again.runs(code);
    CHECK(again.go(again.start(), workflow::side_effect_known{1, payloads(1)},
              workflow::side_effect_known{2, payloads(2)}) == lines{"side effect 1 1", "side effect 2 2", "done 12"});
    CHECK(done == 2);
    // Of a run that is forgotten, none is done.
    struct late {
        workflow::context* ctx;
        int* done;
        ~late()
        {
            (void)ctx->side_effect([&] { return ++*done; });
        }
    };
    driver forgotten;
    forgotten.runs([&done](workflow::context& ctx) -> workflow::task<> {
        const late at_end{&ctx, &done};
        co_await ctx.sleep(1s);
    });
    (void)forgotten.go(forgotten.start());
    forgotten.code.reset();
    CHECK(done == 2);
    driver missing;
    missing.replaying = true;
    missing.runs(code);
    CHECK(missing.go(missing.start()).at(0).find("side effect 1 is not in history") != std::string::npos);
}

TEST_CASE("a mutable side effect is in history where it changes, and done no more on replay")
{
    std::vector<int> settings{1, 1, 2, 2, 1};
    std::size_t looked = 0;
    const auto code = [&](workflow::context& ctx) -> workflow::task<std::string> {
        std::string seen;
        for (int i = 0; i < 5; ++i)
            seen += std::to_string(ctx.mutable_side_effect("limit", [&] { return settings.at(looked++); }));
        const auto close = [](int before, int now) { return now - before < 10; };
        for (const int next : {100, 105, 110})
            seen += ' ' + std::to_string(ctx.mutable_side_effect(
                              "rate", [next] { return next; }, close));
        co_return seen;
    };
    const lines said{"side effect limit 1 1", "side effect limit 3 2", "side effect limit 5 1",
        "side effect rate 1 100", "side effect rate 3 110", "done \"11221 100 100 110\""};
    driver first;
    first.runs(code);
    CHECK(first.go(first.start()) == said);
    CHECK(looked == 5);

    // Through the markers that history has.
    std::vector<workflow::side_effect_known> known;
    for (const auto& i : first.intents)
        if (const auto* effect = std::get_if<workflow::record_side_effect>(&i)) {
            api::command::RecordMarkerCommandAttributes made;
            workflow::detail::write_side_effect(made, effect->seq, effect->value, effect->id);
            CHECK(made.marker_name() == "MutableSideEffect");
            api::history::MarkerRecordedEventAttributes marker;
            marker.set_marker_name(made.marker_name());
            *marker.mutable_details() = made.details();
            known.push_back(workflow::detail::read_side_effect(marker).value());
        }
    REQUIRE(known.size() == 5);
    driver again;
    again.replaying = true;
    again.runs(code);
    CHECK(again.go(again.start(), known[0], known[1], known[2], known[3], known[4]) == said);
    CHECK(looked == 5);

    driver missing;
    missing.replaying = true;
    missing.runs(code);
    CHECK(
        missing.go(missing.start()).at(0).find("mutable side effect \"limit\" is not in history") != std::string::npos);
    driver nameless;
    nameless.runs(
        [](workflow::context& ctx) -> workflow::task<int> { co_return ctx.mutable_side_effect("", [] { return 1; }); });
    CHECK(nameless.go(nameless.start()).at(0).find("has an id") != std::string::npos);
}

TEST_CASE("time and chance come from history")
{
    const auto code = [](workflow::context& ctx) -> workflow::task<std::string> {
        std::string out = ctx.uuid() + ' ' + std::to_string(ctx.random().below(100));
        co_await ctx.sleep(1s);
        out += ' ' + ctx.uuid() + ' ' + std::to_string(ctx.now().time_since_epoch().count());
        co_return out;
    };
    const auto play = [&](bool reset) {
        driver d;
        d.runs(code);
        (void)d.go(d.start());
        d.facts.now = workflow::workflow_time(5ns);
        return reset ? d.go(workflow::reseed{9}, fired(1)).at(0) : d.go(fired(1)).at(0);
    };
    CHECK(play(false) == play(false));
    CHECK(play(true) != play(false));
    CHECK(play(true).substr(0, 44) == play(false).substr(0, 44));
    CHECK(play(false).ends_with(" 5\""));
}

TEST_CASE("random numbers never change: they are in histories")
{
    workflow::random_source r(7);
    CHECK(r() == 7191089600892374487U);
    CHECK(workflow::random_source(1).uuid() == "910a2dec-8902-4cc1-beeb-8da1658eec67");
    for (int i = 0; i < 1000; ++i) {
        CHECK(r.below(7) < 7);
        const double u = r.unit();
        CHECK(u >= 0);
        CHECK(u < 1);
    }
}

TEST_CASE("it says something once, and who it is")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        ctx.on_query("q", [&] {
            ctx.logger().warning("asked");
            return 1;
        });
        ctx.logger().info("first");
        co_await ctx.sleep(1s);
        ctx.logger().error("second");
        co_await ctx.sleep(1s);
    });
    d.replaying = true;
    (void)d.go(d.start());
    CHECK(d.logged.empty());
    d.replaying = false;
    (void)d.go(fired(1));
    CHECK(d.logged == std::vector<std::string>{"workflow test \"w\" (run r): second"});
    CHECK(d.ask("q") == "1");
    CHECK(d.logged.size() == 1);
}

TEST_CASE("it measures something once, and says of what")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        ctx.on_query("q", [&] {
            ctx.meter().count("asked");
            return 1;
        });
        const mt::meter north = ctx.meter().with("shop", "south").with("shop", "north");
        CHECK(north.tags() == mt::metric_tags{{"namespace", "default"}, {"shop", "north"}, {"task_queue", "queue"},
                                  {"workflow_type", "test"}});
        north.count("orders");
        co_await ctx.sleep(1s);
        north.count("orders", 2);
        ctx.meter().gauge("open", 3);
        ctx.meter().histogram("size", 1.5);
        north.timer("took", 250ms);
        co_await ctx.sleep(1s);
    });
    d.replaying = true;
    (void)d.go(d.start());
    CHECK(d.measured.empty());
    d.replaying = false;
    (void)d.go(fired(1));
    const lines once{"counter orders 2.000000 shop=north", "gauge open 3.000000", "histogram size 1.500000",
        "timer took 0.250000 shop=north"};
    CHECK(d.measured == once);
    CHECK(d.ask("q") == "1");
    CHECK(d.measured == once);
}

TEST_CASE("nothing fails by what is measured of it")
{
    int asked = 0;
    const mt::metric_sink full = [&](const mt::measurement&) {
        ++asked;
        throw std::runtime_error("the collector is full");
    };
    for (const mt::metric_sink& to : {mt::metric_sink{}, full}) {
        driver d;
        d.registry.add("test", [](workflow::context& ctx) -> workflow::task<int> {
            ctx.meter().count("orders");
            co_return 1;
        });
        workflow::code_setup setup = d.setup("test");
        setup.metrics = to;
        d.code = d.registry.find("test")->make(setup);
        CHECK(d.go(d.start()) == lines{"done 1"});
    }
    CHECK(asked == 1);
}

TEST_CASE("memo and search attributes")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        CHECK(ctx.memo().get<std::string>("from").value() == "start");
        ctx.upsert(mt::memo_values().set("n", 5).remove("from"));
        CHECK(ctx.memo().get<int>("n").value() == 5);
        CHECK(!ctx.memo().contains("from"));
        ctx.upsert(mt::search_values().set_keyword("Customer", "c").set_int("Items", 3));
        CHECK(ctx.search_attributes().get<int>("Items").value() == 3);
        ctx.upsert(mt::search_values().remove("Items", "Int"));
        CHECK(!ctx.search_attributes().contains("Items"));
        ctx.continue_as_new("test", {.versioning = workflow::continue_versioning::auto_upgrade});
        co_return;
    });
    auto start = d.start();
    *start.attributes.mutable_memo() = mt::memo_values().set("from", "start").message({}).value();
    CHECK(d.go(start) == lines{"memo from= n=5", "search attributes Customer(Keyword)=\"c\" Items(Int)=3",
                             "search attributes Items(Int)=", "continue test"});
    const auto& next = std::get<workflow::continue_as_new>(d.intents.back());
    CHECK(next.memo->fields().size() == 1);
    CHECK_FALSE(next.search_attributes.has_value());  // The machine merges these.
    CHECK(next.versioning == api::enums::CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE);
}

TEST_CASE("what a run knows of itself")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<std::string> {
        const auto& i = ctx.info();
        CHECK(i.parent->workflow_id == "p");
        CHECK(i.attempt == 2);
        CHECK(i.task_timeout == 10s);
        CHECK(ctx.continue_as_new_suggested());
        CHECK(ctx.facts().history_length == 3);
        ctx.set_current_details("**here**");
        co_return i.type + ' ' + i.workflow_id + ' ' + i.run_id + ' ' + i.task_queue + ' ' + i.name_space;
    });
    d.facts.continue_as_new_suggested = true;
    d.facts.history_length = 3;
    auto start = d.start();
    start.attributes.set_attempt(2);
    start.attributes.mutable_parent_workflow_execution()->set_workflow_id("p");
    start.attributes.mutable_workflow_task_timeout()->set_seconds(10);
    CHECK(d.go(start) == lines{"done \"test w r queue default\""});
    CHECK(d.ask("__temporal_workflow_metadata").find("**here**") != std::string::npos);
}

TEST_CASE("the same jobs bring the same, however they are grouped")
{
    const auto code = [](workflow::context& ctx) -> workflow::task<int> {
        int sum = 0;
        ctx.on_signal("add", [&](int n) -> workflow::task<> {
            co_await ctx.activity("log", n, {.start_to_close = 1s});
            sum += n;
        });
        auto a = ctx.sleep(1s);
        auto b = ctx.sleep(2s);
        const auto first = co_await workflow::when_any(a, b);
        co_await ctx.activity("after", static_cast<int>(first), {.start_to_close = 1s});
        co_await ctx.wait_for([&] { return sum > 2; });
        co_return sum;
    };
    const auto all = [&](bool together) {
        driver d;
        d.runs(code);
        lines out = d.go(d.start());
        const auto more = [&](lines next) { out.insert(out.end(), next.begin(), next.end()); };
        if (together) {
            more(d.go(signal("add", 1), signal("add", 2), fired(2), fired(1)));
            more(d.go(workflow::activity_resolved{3, {}}, workflow::activity_resolved{2, {}},
                workflow::activity_resolved{1, {}}));
        } else {
            more(d.go(signal("add", 1)));
            more(d.go(signal("add", 2)));
            more(d.go(fired(2)));
            more(d.go(fired(1)));
            more(d.go(workflow::activity_resolved{3, {}}));
            more(d.go(workflow::activity_resolved{2, {}}));
            more(d.go(workflow::activity_resolved{1, {}}));
        }
        return out;
    };
    CHECK(all(true) == all(false));
    CHECK(all(true) == lines{"timer 1 1000ms", "timer 2 2000ms", "activity 1 log 1", "activity 2 log 2",
                           "activity 3 after 1", "done 3"});
}
