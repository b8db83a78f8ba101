// SPDX-License-Identifier: BSL-1.0
#pragma once

// A change to a workflow of which runs are under way. Those that had gone by here stay as they were, at every replay.

#include <mayfly/temporal/workflow/context.hpp>

#include <chrono>
#include <string>

namespace versioned {

namespace workflow = mayfly::temporal::workflow;
using namespace std::chrono_literals;

inline int price(const std::string& item)
{
    return static_cast<int>(item.size()) * 100;
}
inline int with_tax(int cents)
{
    return cents + cents / 5;
}

//[workflow_versioned
inline workflow::task<int> bill(workflow::context& ctx, std::string item)
{
    int cents = co_await ctx.activity(price, item, {.start_to_close = 10s});
    if (ctx.patched("charge-tax"))  // once no run is left without it: ctx.deprecate_patch("charge-tax")
        cents = co_await ctx.activity(with_tax, cents, {.start_to_close = 10s});
    co_return cents;
}
//]

}  // namespace versioned
