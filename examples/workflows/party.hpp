// SPDX-License-Identifier: BSL-1.0
#pragma once

// Days with little to do in each: workers come for that and go. What is cooked is cooked by other workers, of another
// task queue: examples/quickstart/worker.cpp.

#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow/definition.hpp>

#include <chrono>
#include <string>

namespace party {

namespace workflow = mayfly::temporal::workflow;
using namespace std::chrono_literals;

//[workflow_party
class party {
public:
    static void define(workflow::definition<party>& d) { d.signal<&party::confirm>(); }

    workflow::task<std::string> run(workflow::context& ctx, int dishes)
    {
        // Somebody has to say yes, and is asked every day until then.
        while (!co_await ctx.wait_for([this] { return confirmed_; }, 24h))
            co_await ctx.activity<std::string>("greet", "host", {.start_to_close = 10s, .task_queue = "orders"});
        co_await ctx.sleep(2 * 24h);
        // On the day before: longer than an invocation of this worker lasts.
        for (int dish = 1; dish <= dishes; ++dish) {
            const std::string name = "dish " + std::to_string(dish);
            co_await ctx.activity<std::string>("cook", name, 400, {.start_to_close = 10s, .task_queue = "orders"});
        }
        co_await ctx.sleep(24h);
        co_return "the party has " + std::to_string(dishes) + " dishes";
    }

    void confirm() { confirmed_ = true; }

private:
    bool confirmed_ = false;
};
//]

}  // namespace party
