// SPDX-License-Identifier: BSL-1.0
// fails with: an argument does not fit the parameter of what is called

// An activity that is called with what it does not take.

#include <mayfly/temporal/workflow/context.hpp>

#include <chrono>
#include <string>

namespace workflow = mayfly::temporal::workflow;

int count(const std::string& words);

workflow::task<int> counting(workflow::context& ctx)
{
#ifdef MAYFLY_BROKEN
    const int words = 3;
#else
    const std::string words = "one two three";
#endif
    co_return co_await ctx.activity(count, words, {.start_to_close = std::chrono::seconds(1)});
}
