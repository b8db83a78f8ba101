// SPDX-License-Identifier: BSL-1.0
#include "driver.hpp"

#include "../workflow_machine/world.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>

// Coroutines and the machine together, beside a server that only writes history: a run that is kept, one that is
// forgotten before every task, and one that goes through all of history at the end have to agree.

using namespace workflow_model;
using namespace std::chrono_literals;
namespace testing_of_machine = mayfly::temporal::workflow::testing;

namespace {

workflow::task<> one_round(workflow::context& ctx, int& seen, int round)
{
    auto scope = ctx.scope();
    auto work =
        scope.activity("work", {.start_to_close = 1s,
                                   .cancellation = round % 2 == 0 ? workflow::cancellation_type::try_cancel
                                                                  : workflow::cancellation_type::wait_completed});
    auto late = scope.sleep(1min);
    auto child = scope.child("child", {.cancellation = workflow::cancellation_type::try_cancel});
    const auto first = co_await workflow::when_any(late, work, child);
    if (first == 0)
        scope.cancel("late");
    else
        late.cancel();
    // Whoever asks for it on replay gets another one.
    const int pause = ctx.mutable_side_effect("pause", [&] { return ctx.replaying() ? 99 : seen / 2; });
    if (pause % 2 == 1)
        co_await ctx.sleep(std::chrono::seconds(pause));
    if (ctx.patched("told"))
        co_await ctx.external("other").signal("hello");
    const int before = seen;
    const bool more = co_await ctx.wait_for([&] { return seen > before; }, 1h);
    if (more && ctx.random().below(2) == 0)
        co_await ctx.sleep(1s);
    co_await work;
}

workflow::task<int> everything(workflow::context& ctx)
{
    int seen = ctx.side_effect([] { return 0; });
    ctx.on_signal("s", [&]() -> workflow::task<> {
        ++seen;
        auto noted = ctx.spawn(
            [](workflow::context& own) -> workflow::task<> { co_await own.activity("note", {.start_to_close = 1s}); });
        (void)co_await workflow::when_any(noted);
    });
    ctx.on_update(
        "u",
        [&]() -> workflow::task<int> {
            co_await ctx.sleep(1s);
            co_return ++seen;
        },
        [&] {
            if (seen > 4)
                throw mt::application_error("enough");
        });
    for (int round = 0; round < 3; ++round) {
        bool failed = false;
        try {
            co_await one_round(ctx, seen, round);
        } catch (const mt::cancelled_error&) {
            if (ctx.cancel_requested())
                throw;
            failed = true;
        } catch (const mt::temporal_error&) {
            failed = true;
        }
        ctx.upsert(mt::memo_values().set("failed", failed));
    }
    co_await ctx.wait_for([&] { return ctx.all_handlers_finished(); });
    co_return seen;
}

struct maker {
    driver d;
    maker() { d.registry.add("shop", everything); }
    [[nodiscard]] std::unique_ptr<workflow::machine> operator()(bool replay_only = false)
    {
        return std::make_unique<workflow::machine>(
            d.registry.find("shop")->make(d.setup("shop")), testing_of_machine::options_of_tests(replay_only));
    }
};

/// Something that may happen now. False: nothing may.
bool happen(testing_of_machine::history_server& server, std::mt19937& random, bool& cancelled)
{
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    switch (below(12)) {
    case 0: server.signal("s"); return true;
    case 1: server.update("u", "u" + std::to_string(random())); return true;
    case 2:
        if (!cancelled && below(6) == 0) {
            cancelled = true;
            server.ask_cancel();
            return true;
        }
        return false;
    case 3:
    case 4:
    case 5:
        if (!server.timers.empty()) {
            auto at = server.timers.begin();
            std::advance(at, static_cast<std::ptrdiff_t>(below(server.timers.size())));
            const std::string id = at->first;
            server.fire(id);
            return true;
        }
        return false;
    case 6:
    case 7:
    case 8:
        if (!server.activities.empty()) {
            const std::size_t which = below(server.activities.size());
            server.end_activity(
                which, server.activities[which].cancel_asked && below(2) == 0 ? 3 : static_cast<int>(below(3)));
            return true;
        }
        return false;
    case 9:
        for (std::size_t i = 0; i < server.children.size(); ++i)
            if (!server.children[i].started) {
                server.start_child(i);
                return true;
            } else if (below(2) == 0) {
                server.end_child(i, static_cast<int>(below(5)));
                return true;
            }
        return false;
    case 10:
        if (!server.signals.empty()) {
            server.end_signal(below(4) != 0);
            return true;
        }
        return false;
    default:
        if (!server.cancels.empty()) {
            server.end_cancel(true);
            return true;
        }
        return false;
    }
}

}  // namespace

TEST_CASE("replay equals run: kept, forgotten before every task, and gone through at the end")
{
    using testing_of_machine::bytes_of;
    maker make;
    std::size_t ended = 0;
    for (unsigned seed = 0; seed < 150; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        testing_of_machine::history_server server;
        std::unique_ptr<workflow::machine> kept;
        bool cancelled = false;
        for (int tasks = 0; tasks < 60 && !server.closed; ++tasks) {
            for (int tries = 0; tries < 50 && (!server.task_wanted || random() % 3 == 0); ++tries)
                (void)happen(server, random, cancelled);
            if (!server.task_wanted)
                server.signal("s");
            const bool sticky = kept != nullptr;
            if (!kept)
                kept = make();
            const auto step = kept->begin(server.poll(sticky));
            REQUIRE_MESSAGE(step.what == workflow::machine_step::kind::complete, step.words);
            const auto cold = make();
            CHECK(bytes_of(cold->begin(server.at_hand(false))) == bytes_of(step));
            for (int i = 0; i < 2; ++i)
                (void)happen(server, random, cancelled);
            if (random() % 8 == 0) {
                server.lose_task(random() % 2 == 0);
                kept.reset();
            } else if (const auto reset = server.complete(step)) {
                kept->reported(*reset);
                if (random() % 6 == 0)
                    kept.reset();
            } else {
                kept.reset();
            }
        }
        ended += server.closed ? 1 : 0;
        const auto all = make(true);
        workflow::run_task whole;
        whole.events = server.events;
        const auto step = all->begin(std::move(whole));
        CHECK_MESSAGE(step.what == workflow::machine_step::kind::replayed, step.words);
    }
    // Most come to their end.
    CHECK(ended > 75);
}
