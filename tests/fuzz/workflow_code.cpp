// SPDX-License-Identifier: BSL-1.0
#include "hostile_server.hpp"

#include <mayfly/temporal/workflow_registry.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// Any history, in any order, with values that nobody has written, against coroutines as people write them: nothing but
// commands or words comes of it, nothing hangs, and nothing is left in memory.

namespace {

namespace mt = mayfly::temporal;
namespace workflow = mt::workflow;
using namespace std::chrono_literals;

workflow::task<int> one_round(workflow::context& ctx, const int& seen, int round)
{
    auto scope = ctx.scope();
    auto work = scope.activity<int>("work", {.start_to_close = 1s});
    auto near = scope.local_activity<std::string>("near", {.start_to_close = 1s});
    auto late = scope.sleep(1min);
    auto child = scope.child<int>("child", {.cancellation = workflow::cancellation_type::try_cancel});
    if (co_await workflow::when_any(late, work, child) == 0)
        scope.cancel("late");
    if (ctx.patched("told"))
        co_await ctx.external("other").signal("hello", round);
    const int before = seen;
    if (co_await ctx.wait_for([&] { return seen > before; }, 1h))
        co_await ctx.sleep(1s * (1 + static_cast<int>(ctx.random().below(3))));
    co_return co_await work + static_cast<int>((co_await near).size());
}

workflow::task<int> shop(workflow::context& ctx)
{
    int seen = ctx.side_effect([] { return 1; });
    ctx.on_signal("s", [&](int n) -> workflow::task<> {
        seen += n % 8;
        co_await ctx.activity("note", {.start_to_close = 1s});
    });
    ctx.on_update(
        "u",
        [&](std::string word) -> workflow::task<std::string> {
            co_await ctx.sleep(1s);
            co_return word + '!';
        },
        [&](const std::string& word) {
            if (word.empty())
                throw mt::application_error("say something");
        });
    ctx.on_query("q", [&] { return seen; });
    for (int round = 0; round < 3; ++round)
        try {
            seen += co_await one_round(ctx, seen, round) % 8;
        } catch (const mt::cancelled_error&) {
            if (ctx.cancel_requested())
                throw;
        } catch (const mt::temporal_error&) {
            ctx.upsert(mt::memo_values().set("failed", round));
        }
    co_await ctx.wait_for([&] { return ctx.all_handlers_finished(); });
    co_return seen;
}

/// The same by members, with something to be done however it ends.
struct desk {
    static void define(workflow::definition<desk>& d) { d.signal<&desk::s>().update<&desk::u>().query<&desk::q>(); }

    workflow::task<std::string> run(workflow::context& ctx)
    {
        std::vector<std::string> done;
        std::string wrong;
        try {
            for (int i = 0; i < 4; ++i) {
                done.push_back(co_await ctx.activity<std::string>("step", i, {.start_to_close = 1s}));
                co_await ctx.wait_for([&] { return said_ > i || ctx.cancel_requested(); });
            }
        } catch (const mt::temporal_error& e) {
            wrong = e.what();
        }
        if (!wrong.empty())
            for (; !done.empty(); done.pop_back()) {
                auto shield = ctx.shielded();
                co_await shield.activity("undo", done.back(), {.start_to_close = 1s});
            }
        if (said_ > 6)
            ctx.continue_as_new("desk");
        co_return wrong + std::to_string(done.size());
    }

    void s(int n) { said_ += n % 4; }
    workflow::task<int> u(workflow::context& ctx, int n)
    {
        co_await ctx.sleep(1s);
        co_return said_ += n % 4;
    }
    int q() const { return said_; }

private:
    int said_ = 0;
};

const mt::workflow_registry& known()
{
    static const mt::workflow_registry all = [] {
        mt::workflow_registry r;
        r.add("shop", shop);
        r.add<desk>("desk");
        return r;
    }();
    return all;
}

std::unique_ptr<workflow::code> code_of(std::uint64_t seed)
{
    workflow::code_setup setup;
    setup.workflow_type = seed % 2 == 0 ? "shop" : "desk";
    setup.name_space = "default";
    setup.task_queue = "queue";
    setup.workflows = &known().called();
    return known().find(setup.workflow_type)->make(setup);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    hostile::player(fuzz::bytes(data, size), code_of).play();
    return 0;
}
