// SPDX-License-Identifier: BSL-1.0
#pragma once

// Something slow elsewhere, watched by one activity that says that it is alive: if its worker dies another one takes
// over within seconds, and goes on where it was.

#include <mayfly/temporal/activity_context.hpp>
#include <mayfly/temporal/workflow/context.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <string>

namespace long_poll {

namespace workflow = mayfly::temporal::workflow;
using namespace std::chrono_literals;

//[workflow_long_poll
/// Cancelled with its workflow, in the middle of the wait.
inline boost::asio::awaitable<std::string> watch(
    mayfly::temporal::activity_context& activity, std::string job, int rounds)
{
    boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor);
    for (int round = activity.heartbeat_details<int>().value_or(0); round < rounds; ++round) {
        pause.expires_after(100ms);
        co_await pause.async_wait(boost::asio::use_awaitable);
        activity.heartbeat(round + 1);
    }
    co_return job + " is done";
}

inline workflow::task<std::string> wait_for_job(workflow::context& ctx, std::string job, int rounds)
{
    auto done = ctx.activity(watch, job, rounds, {.start_to_close = 24h, .heartbeat = 10s});
    auto late = ctx.sleep(12h);
    if (co_await workflow::when_any(done, late) == 1)
        ctx.logger().warning(job + " takes long");
    else
        late.cancel();
    co_return co_await done;
}
//]

}  // namespace long_poll
