// SPDX-License-Identifier: BSL-1.0
#include "driver.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace workflow_model;
using namespace std::chrono_literals;

namespace messages {

/// A class with one of each.
struct approval {
    static void define(workflow::definition<approval>& d)
    {
        d.signal<&approval::approve>("lets it go on")
            .signal("note", &approval::take_note)
            .update<&approval::add, &approval::check_add>()
            .update("slow", &approval::add_slowly)
            .query<&approval::status>()
            .query("times", &approval::times);
    }

    explicit approval(workflow::context& ctx) : began_as(ctx.info().workflow_id) {}

    workflow::task<std::string> run(workflow::context& ctx, std::string who)
    {
        order += "run ";
        co_await ctx.wait_for([&] { return approved; });
        co_await ctx.wait_for([&] { return ctx.all_handlers_finished(); });
        co_return who + ' ' + std::to_string(sum) + ' ' + order;
    }
    void approve()
    {
        order += "approve ";
        approved = true;
    }
    workflow::task<> take_note(workflow::context& ctx, std::string note)
    {
        order += note + ' ';
        co_await ctx.sleep(1s);
        order += note + "-later ";
    }
    int add(int n)
    {
        sum += n;
        return sum;
    }
    void check_add(int n) const
    {
        if (n < 0)
            throw mt::application_error("it cannot be less than nothing");
    }
    workflow::task<int> add_slowly(workflow::context& ctx, const int& n)
    {
        co_await ctx.sleep(2s);
        if (n == 13)
            throw mt::application_error("bad luck", "Luck");
        if (n == 14)
            throw std::out_of_range("a mistake");
        sum += n;
        co_return sum;
    }
    std::string status() const { return approved ? "approved" : "waiting"; }
    int times(int n) const { return sum * n; }

    std::string began_as;
    std::string order{};
    bool approved = false;
    int sum = 0;
};

/// A class with one for whatever comes, of each.
struct listener {
    static void define(workflow::definition<listener>& d)
    {
        d.any_signal<&listener::hear>()
            .any_update<&listener::answer>()
            .any_query<&listener::tell>()
            .signal<&listener::known>();
    }

    workflow::task<> run(workflow::context& ctx)
    {
        co_await ctx.wait_for([&] { return all.size() == 2; });
    }
    void hear(std::string name, workflow::raw_arguments a)
    {
        all.push_back(name + std::get<0>(a.as<std::string>().value()));
    }
    workflow::task<std::string> answer(workflow::context& ctx, std::string name, workflow::raw_arguments a)
    {
        co_await ctx.sleep(1s);
        co_return name + std::to_string(a.size());
    }
    std::string tell(std::string name, workflow::raw_arguments) const { return name + all.back(); }
    void known() { all.push_back("known"); }

    std::vector<std::string> all{};
};

}  // namespace messages

using namespace messages;

TEST_CASE("a class: signals, updates and queries are its members")
{
    driver d;
    d.runs_class<approval>();
    CHECK(d.registry.problems().empty());
    CHECK(d.go(d.start(std::string("me"))).empty());
    CHECK(d.ask("status") == "\"waiting\"");
    CHECK(d.go(update("u1", "add", 4)) == lines{"accept u1", "complete u1: 4"});
    CHECK(d.ask("times", payloads(3)) == "12");
    CHECK(d.go(update("u2", "add", -1)) == lines{"reject u2: it cannot be less than nothing"});
    auto known = update("u3", "add", -1);
    known.run_validator = false;
    CHECK(d.go(known) == lines{"accept u3", "complete u3: 3"});
    CHECK(d.go(update("u4", "slow", 1)) == lines{"accept u4", "timer 1 2000ms"});
    CHECK(d.go(signal("approve")).empty());
    CHECK(d.ask("status") == "\"approved\"");
    CHECK(d.go(fired(1)) == lines{"complete u4: 4", "done \"me 4 run approve \""});
    CHECK(d.ask("times", payloads(2)) == "8");
}

TEST_CASE("what comes with the start is handled before `run`, in its order, and tasks of one job after another")
{
    driver d;
    d.runs_class<approval>();
    CHECK(d.go(d.start(std::string("me")), signal("note", std::string("a")), update("u", "add", 1),
              signal("note", std::string("b"))) ==
          lines{"timer 1 1000ms", "accept u", "complete u: 1", "timer 2 1000ms"});
    CHECK(d.go(fired(2), fired(1), signal("approve")) == lines{"done \"me 1 a b run b-later a-later approve \""});
}

TEST_CASE("what an update may come to")
{
    struct row {
        const char* why;
        workflow::update_received in;
        lines at_once;
        lines after;
    };
    const row rows[] = {
        {"unknown ones are told the known ones", update("u", "nope"),
            {"reject u: UnknownUpdate: there is no update \"nope\"; known: add, slow"}, {}},
        {"arguments that do not fit are refused", update("u", "add", std::string("x")),
            {"reject u: unreadable: \"add\": argument 1: json/plain: $: expected an integer, found a string"}, {}},
        {"a handler's failure is the update's", update("u", "slow", 13), {"accept u", "timer 1 2000ms"},
            {"complete u: Luck: bad luck"}},
        {"any other exception fails the task", update("u", "slow", 14), {"accept u", "timer 1 2000ms"},
            {"task failed: out_of_range: a mistake"}},
    };
    for (const row& r : rows) {
        driver d;
        d.runs_class<approval>();
        (void)d.go(d.start(std::string("me")));
        CHECK_MESSAGE(d.go(r.in) == r.at_once, r.why);
        if (!r.after.empty())
            CHECK_MESSAGE(d.go(fired(1)) == r.after, r.why);
    }
}

TEST_CASE("handlers that `run` registers: signals before that are kept, updates of the first task wait for it")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<std::string> {
        std::string seen;
        ctx.on_update(
            "set", [&](std::string s) { return seen = s; },
            [](const std::string& s) {
                if (s.empty())
                    throw std::invalid_argument("it is empty");
            });
        co_await ctx.sleep(1s);
        ctx.on_signal("late", [&](int n) -> workflow::task<> {
            co_await ctx.sleep(0s);
            seen += std::to_string(n);
        });
        ctx.on_query("seen", [&] { return seen; });
        co_await ctx.wait_for([&] { return seen.size() > 3; });
        co_return seen;
    });
    CHECK(d.go(d.start(), signal("late", 1), update("u1", "set", std::string("x")), update("u2", "set", std::string()),
              update("u3", "other")) == lines{"timer 1 1000ms", "accept u1", "complete u1: \"x\"",
                                            "reject u2: invalid_argument: it is empty",
                                            "reject u3: UnknownUpdate: there is no update \"other\"; known: set"});
    CHECK(d.logged.size() == 1);
    CHECK(d.go(signal("late", 2)).empty());
    CHECK(d.ask("seen").find("there is no query \"seen\"; known: none") != std::string::npos);
    CHECK(d.go(fired(1)).empty());
    CHECK(d.ask("seen") == "\"x12\"");
    CHECK(d.go(signal("late", 3)) == lines{"done \"x123\""});
    // What it answered from is gone.
    CHECK(d.ask("seen").find("failed: UnknownQuery: the workflow is over, and query \"seen\" with it") == 0);
    CHECK(d.ask("other").find("there is no query \"other\"; known: none") != std::string::npos);
}

TEST_CASE("dynamic handlers take what has no other")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        std::vector<std::string> all;
        ctx.on_any_signal([&](std::string name, workflow::raw_arguments a) {
            all.push_back(name + std::get<0>(a.as<std::string>().value()));
        });
        ctx.on_any_update([&](std::string name, workflow::raw_arguments a) -> workflow::task<std::string> {
            co_await ctx.sleep(0s);
            co_return name + std::to_string(a.size());
        });
        ctx.on_any_query([&](std::string name, workflow::raw_arguments) { return name + all.back(); });
        ctx.on_signal("known", [&] { all.push_back("known"); });
        co_await ctx.wait_for([&] { return all.size() == 2; });
    });
    CHECK(d.go(d.start(), signal("some", std::string("thing"))).empty());
    CHECK(d.ask("what") == "\"whatsomething\"");
    CHECK(d.go(update("u", "try", 1, 2)) == lines{"accept u", "complete u: \"try2\""});
    CHECK(d.go(signal("known")) == lines{"done null"});
}

TEST_CASE("members may be such handlers too")
{
    driver d;
    d.runs_class<listener>();
    CHECK(d.registry.problems().empty());
    CHECK(d.go(d.start(), signal("some", std::string("thing"))).empty());
    CHECK(d.ask("what") == "\"whatsomething\"");
    CHECK(d.go(update("u", "try", 1, 2)) == lines{"accept u", "timer 1 1000ms"});
    CHECK(d.go(fired(1)) == lines{"complete u: \"try2\""});
    CHECK(d.go(signal("known")) == lines{"done null"});
}

TEST_CASE("signals that nobody took are told of at the end")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> { co_await ctx.sleep(1s); });
    (void)d.go(d.start());
    (void)d.go(signal("lost", 1));
    d.logged.clear();
    CHECK(d.go(fired(1)) == lines{"done null"});
    REQUIRE(d.logged.size() == 1);
    CHECK(d.logged[0].find("signal \"lost\" never had a handler") != std::string::npos);
}

TEST_CASE("who only looks must change nothing")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        ctx.on_query("sleeps", [&] {
            (void)ctx.sleep(1s);
            return 1;
        });
        ctx.on_query("dice", [&] { return ctx.random()(); });
        ctx.on_query("now", [&] { return ctx.info().workflow_id; });
        ctx.on_update(
            "u", [] {}, [&] { ctx.upsert(mt::memo_values().set("a", 1)); });
        bool ask = false;
        ctx.on_signal("ask", [&] { ask = true; });
        co_await ctx.wait_for([&] { return ask; });
        co_await ctx.wait_for([&] { return ctx.uuid().empty(); });
    });
    (void)d.go(d.start());
    CHECK(d.ask("sleeps").find("a query handler must change nothing") != std::string::npos);
    CHECK(d.ask("dice").find("random") != std::string::npos);
    CHECK(d.ask("now") == "\"w\"");
    CHECK(d.go(update("1", "u")).at(0).find("an update's validator must change nothing") != std::string::npos);
    CHECK(d.go(signal("ask")).at(0).find("a condition must change nothing") != std::string::npos);
}

TEST_CASE("a signal that cannot be read is passed over, in words")
{
    driver d;
    d.runs_class<approval>();
    (void)d.go(d.start(std::string("me")));
    CHECK(d.go(signal("note", 5)).empty());
    REQUIRE(d.logged.size() == 1);
    CHECK(d.logged[0].find("passed over") != std::string::npos);
}

TEST_CASE("a signal's failure is the workflow's")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        ctx.on_signal("fail", [] { throw mt::application_error("no", "No"); });
        co_await ctx.sleep(1s);
    });
    (void)d.go(d.start());
    CHECK(d.go(signal("fail")) == lines{"failed: No: no"});
}

TEST_CASE("what everybody answers")
{
    driver d;
    d.runs_class<approval>();
    (void)d.go(d.start(std::string("me")));
    (void)d.go(signal("note", std::string("a")));
    const std::string trace = d.ask("__stack_trace");
    CHECK(trace.find("workflow \\\"test\\\" waits for a condition") != std::string::npos);
    CHECK(trace.find("signal \\\"note\\\" waits for timer") != std::string::npos);
    CHECK(trace.find("messages.cpp:") != std::string::npos);
    const std::string about = d.ask("__temporal_workflow_metadata");
    CHECK(about.find(R"("type":"test")") != std::string::npos);
    CHECK(about.find(R"({"name":"approve","description":"lets it go on"})") != std::string::npos);
}

TEST_CASE("a query is a const member")
{
    struct looks {
        int a() const { return 1; }
        int b(int) const noexcept { return 1; }
        int c(const workflow::context&, std::string) const { return 1; }
        int d() { return 1; }
        int e(int) { return 1; }
        int f(workflow::context&) { return 1; }
    };
    using workflow::detail::is_const_member;
    static_assert(is_const_member<looks, decltype(&looks::a)>);
    static_assert(is_const_member<looks, decltype(&looks::b)>);
    static_assert(is_const_member<looks, decltype(&looks::c)>);
    static_assert(!is_const_member<looks, decltype(&looks::d)>);
    static_assert(!is_const_member<looks, decltype(&looks::e)>);
    static_assert(!is_const_member<looks, decltype(&looks::f)>);
}

TEST_CASE("a handler that has no name is refused: others take all names")
{
    using begins = void (*)(workflow::context&);
    for (const begins f : {begins{[](workflow::context& ctx) { ctx.on_signal("", [] {}); }},
             begins{[](workflow::context& ctx) { ctx.on_update("", [] {}); }},
             begins{[](workflow::context& ctx) { ctx.on_query("", [] { return 1; }); }}}) {
        driver d;
        d.runs([f](workflow::context& ctx) -> workflow::task<> {
            f(ctx);
            co_return;
        });
        CHECK(d.go(d.start()).at(0).find("a handler has a name") != std::string::npos);
    }
}

TEST_CASE("names that are not to be had")
{
    struct twice {
        static void define(workflow::definition<twice>& d)
        {
            d.query("a", &twice::a).query("a", &twice::a).query("__stack_trace", &twice::a);
        }
        int a() const { return 1; }
        workflow::task<> run(workflow::context&) { co_return; }
    };
    mt::workflow_registry r;
    r.add<twice>("twice");
    r.add<twice>("twice");
    r.add<twice>("");
    r.add<twice>("__temporal_x");
    std::vector<std::string> fields;
    for (const auto& p : r.problems())
        fields.push_back(p.field + ' ' + p.value);
    CHECK(fields.size() == 4 * 2 + 3);
    CHECK(fields[0] == "workflows.twice.handlers.a registered twice");
}
