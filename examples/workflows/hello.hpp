// SPDX-License-Identifier: BSL-1.0
#pragma once

// The smallest: one activity, tried again until it works.

#include <mayfly/temporal/workflow/context.hpp>

#include <chrono>
#include <string>

namespace hello {

//[workflow_hello
namespace workflow = mayfly::temporal::workflow;
using namespace std::chrono_literals;

inline std::string greet(const std::string& name)
{
    return "Hello, " + name + "!";
}

inline workflow::task<std::string> greeting(workflow::context& ctx, std::string name)
{
    co_return co_await ctx.activity(greet, name, {.start_to_close = 10s});
}
//]

}  // namespace hello
