// SPDX-License-Identifier: BSL-1.0
// fails with: a workflow can only co_await what its context gives

// A wait of Asio's in a workflow: nothing of it would be in history.

#include <mayfly/temporal/workflow/context.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>

namespace workflow = mayfly::temporal::workflow;

boost::asio::awaitable<void> elsewhere();

workflow::task<> patient(workflow::context& ctx)
{
#ifdef MAYFLY_BROKEN
    (void)ctx;
    co_await elsewhere();
#else
    co_await ctx.sleep(std::chrono::hours(1));
#endif
}
