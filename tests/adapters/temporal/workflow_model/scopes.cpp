// SPDX-License-Identifier: BSL-1.0
#include "driver.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace workflow_model;
using namespace std::chrono_literals;

TEST_CASE("cancelled: all that the root scope has, in the order in which it was begun")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        auto a = ctx.activity("a", {.start_to_close = 1s});
        auto inner = ctx.scope();
        auto b = inner.sleep(1h);
        auto c = ctx.child("c");
        auto e =
            inner.activity("e", {.start_to_close = 1s, .cancellation = workflow::cancellation_type::wait_completed});
        auto f = ctx.local_activity("f", {.start_to_close = 1s, .cancellation = workflow::cancellation_type::abandon});
        auto kept = ctx.shielded();
        auto g = kept.sleep(2h);
        std::string order;
        (void)co_await workflow::when_any(a);
        CHECK(a.failed());
        CHECK(b.failed());
        CHECK(!c.ready());
        CHECK(!e.ready());
        CHECK(f.failed());
        CHECK(!g.ready());
        CHECK(ctx.cancel_requested());
        CHECK(ctx.cancel_reason() == "enough");
        CHECK(inner.cancelled());
        CHECK(!kept.cancelled());
        co_await e;
    });
    (void)d.go(d.start());
    CHECK(d.go(workflow::cancel_requested{"enough"}) ==
          lines{"cancel activity 1", "cancel timer 1", "cancel activity 2", "cancel child 1", "cancel local 3"});
    CHECK(d.go(workflow::cancel_requested{"again"}).empty());
    CHECK(d.go(workflow::activity_resolved{1, cancelled()}).empty());  // already known
    CHECK(d.go(workflow::activity_resolved{2, cancelled()}) == lines{"cancelled"});
}

TEST_CASE("what was asked for and cancelled at once is told, both")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        auto a = ctx.activity("a", {.start_to_close = 1s, .cancellation = workflow::cancellation_type::wait_completed});
        auto b = ctx.child("b");
        a.cancel();
        b.cancel();
        a.cancel();
        CHECK(a.failed());
        CHECK(b.failed());
        CHECK(b.started().failed());
        co_return;
    });
    CHECK(d.go(d.start()) == lines{"activity 1 a", "child 1 b", "cancel activity 1", "cancel child 1", "done null"});
}

TEST_CASE("how a workflow that was asked to end may end")
{
    struct row {
        const char* why;
        int how;
        lines said;
    };
    const row rows[] = {
        {"it does not mind", 0, {"cancel timer 1", "cancelled"}},
        {"it cleans up, shielded, and ends as cancelled", 1, {"cancel timer 1", "activity 1 undo"}},
        {"it ends well all the same", 2, {"cancel timer 1", "done null"}},
        {"what it begins without a shield is cancelled before it begins", 3, {"cancel timer 1", "cancelled"}},
        {"a condition in it is, too", 4, {"cancel timer 1", "cancelled"}},
    };
    for (const row& r : rows) {
        driver d;
        d.runs([how = r.how](workflow::context& ctx) -> workflow::task<> {
            bool cancelled = false;
            try {
                co_await ctx.sleep(1h);
            } catch (const mt::cancelled_error&) {
                if (how == 0)
                    throw;
                cancelled = true;
            }
            CHECK(cancelled);
            if (how == 1) {
                auto safe = ctx.shielded();
                co_await safe.activity("undo", {.start_to_close = 1s});
                throw mt::cancelled_error();
            }
            if (how == 3)
                co_await ctx.activity("never", {.start_to_close = 1s});
            if (how == 4)
                co_await ctx.wait_for([] { return false; });
        });
        (void)d.go(d.start());
        CHECK_MESSAGE(d.go(workflow::cancel_requested{}) == r.said, r.why);
        if (r.how == 1)
            CHECK_MESSAGE(d.go(workflow::activity_resolved{1, {}}) == lines{"cancelled"}, r.why);
    }
}

TEST_CASE("asked to end before it began: it runs up to its first wait")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        CHECK(!ctx.cancel_requested());
        co_await ctx.sleep(1h);
    });
    CHECK(d.go(d.start(), workflow::cancel_requested{}) == lines{"timer 1 3600000ms", "cancel timer 1", "cancelled"});
}

TEST_CASE("scopes of its own: cancelled by themselves, waited for, within each other")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        auto outer = ctx.scope();
        auto inner = outer.scope();
        auto a = inner.activity("a", {.start_to_close = 1s});
        auto b = ctx.activity("b", {.start_to_close = 1s});
        auto watcher = ctx.spawn([&](workflow::context&) -> workflow::task<> { co_await inner.cancellation(); });
        outer.cancel("mine");
        CHECK(inner.cancelled());
        CHECK(inner.cancel_reason() == "mine");
        CHECK(!ctx.cancelled());
        co_await watcher;
        auto late = outer.scope();
        CHECK(late.cancelled());
        try {
            co_await a;
            FAIL("it was cancelled");
        } catch (const mt::cancelled_error&) {
        }
        co_await b;
    });
    CHECK(d.go(d.start()) == lines{"activity 1 a", "activity 2 b", "cancel activity 1"});
    CHECK(d.go(workflow::activity_resolved{2, {}}) == lines{"done null"});
}

TEST_CASE("what was spawned with a scope is cancelled by its future")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<> {
        auto side = ctx.spawn(
            [](workflow::context& own, std::string name) -> workflow::task<int> {
                co_return co_await own.activity<int>(name, {.start_to_close = 1s});
            },
            std::string("a"));
        co_await ctx.sleep(1s);
        side.cancel();
        co_await side;
    });
    CHECK(d.go(d.start()) == lines{"timer 1 1000ms", "activity 1 a"});
    CHECK(d.go(fired(1)) == lines{"cancel activity 1", "failed: cancelled: activity \"a\" was cancelled"});
}

TEST_CASE("an activity that ends as cancelled is a cancelled_error with what it said")
{
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<std::string> {
        auto a = ctx.activity("a", {.start_to_close = 1s, .cancellation = workflow::cancellation_type::wait_completed});
        co_await ctx.sleep(1s);
        a.cancel();
        std::string words;
        try {
            co_await a;
        } catch (const mt::cancelled_error& e) {
            words = e.what();
        }
        co_return words;
    });
    (void)d.go(d.start());
    CHECK(d.go(fired(1)) == lines{"cancel activity 1"});
    CHECK(d.go(workflow::activity_resolved{1, cancelled()}) == lines{"done \"it was asked to\""});
}

TEST_CASE("forgotten at any point: nothing is left, and nothing that destructors do counts")
{
    struct noisy {
        workflow::context* ctx;
        std::shared_ptr<int> count;
        workflow::cancellation_scope* scope = nullptr;
        ~noisy()
        {
            ++*count;
            (void)ctx->activity("never", {.start_to_close = 1s});
            (void)ctx->sleep(1s);
            auto side = ctx->spawn([](workflow::context&) -> workflow::task<> { co_return; });
            side.cancel();
            (void)ctx->child("never");
            ctx->upsert(mt::memo_values().set("a", 1));
            (void)ctx->patched("p");
            ctx->logger().info("gone");
            if (scope != nullptr)
                scope->cancel();
        }
    };
    for (int steps = 0; steps < 6; ++steps) {
        const auto count = std::make_shared<int>(0);
        driver d;
        d.runs([count](workflow::context& ctx) -> workflow::task<> {
            auto scope = ctx.scope();
            const noisy mine{&ctx, count, &scope};
            const auto nested = [count](workflow::context& own, int depth, auto self) -> workflow::task<> {
                const noisy also{&own, count};
                if (depth == 0)
                    co_await own.wait_for([] { return false; }, 1h);
                else
                    co_await self(own, depth - 1, self);
            };
            ctx.on_signal("s", [&](int) -> workflow::task<> {
                const noisy third{&ctx, count};
                co_await ctx.activity("a", {.start_to_close = 1s});
            });
            auto kept = scope.activity<std::string>("b", {.start_to_close = 1s});
            const auto deep = [nested](workflow::context& own) { return nested(own, 5, nested); };
            auto side = ctx.spawn(deep);
            co_await workflow::when_all(kept, side, scope.child("c"), ctx.local_activity("l", {.start_to_close = 1s}));
        });
        if (steps > 0)
            (void)d.go(d.start());
        if (steps > 1)
            (void)d.go(signal("s", 1));
        if (steps > 2)
            (void)d.go(workflow::activity_resolved{1, completed(std::string("x"))});
        if (steps > 3) {
            workflow::local_activity_resolved wait{1, {}};
            wait.backs_off = true;
            wait.backoff = 120s;
            (void)d.go(wait);
        }
        if (steps > 4)
            (void)d.go(workflow::cancel_requested{});
        const std::size_t before = d.logged.size();
        d.code.reset();
        CHECK(d.logged.size() == before);
        if (steps > 0 && steps < 5)
            CHECK(*count == 7 + (steps > 1));
    }
}

TEST_CASE("what could not be written was never begun: there is nothing to cancel")
{
    class refuses final : public mt::payload_codec {
    public:
        mt::converted<api::common::Payload> encode(api::common::Payload p) const override
        {
            if (p.data().find("bad") != std::string::npos)
                return mt::conversion_error{"no"};
            return p;
        }
        mt::converted<api::common::Payload> decode(api::common::Payload p) const override { return p; }
    };
    driver d;
    d.runs([](workflow::context& ctx) -> workflow::task<int> {
        const mt::memo_values memo = mt::memo_values().set("m", std::string("bad"));
        int refused = 0;
        for (int i = 0; i < 4; ++i) {
            try {
                if (i == 0)
                    (void)ctx.activity("a", {.start_to_close = 1s, .summary = "bad"});
                else if (i == 1)
                    (void)ctx.local_activity("l", {.start_to_close = 1s, .summary = "bad"});
                else if (i == 2)
                    (void)ctx.child("c", {.summary = "bad"});
                else
                    (void)ctx.child("c", {.memo = memo});
            } catch (const mt::bad_conversion&) {
                ++refused;
            }
        }
        try {
            co_await ctx.sleep(1s);
        } catch (const mt::cancelled_error&) {
        }
        co_return refused;
    });
    auto setup = d.setup("test");
    setup.converter = mt::data_converter({std::make_shared<refuses>()});
    d.code = d.registry.find("test")->make(setup);
    CHECK(d.go(d.start()) == lines{"timer 1 1000ms"});
    CHECK(d.go(workflow::cancel_requested{}) == lines{"cancel timer 1", "done 4"});
}
