// SPDX-License-Identifier: BSL-1.0

// A worker of a task queue. The same program runs on a laptop, in a container and as a function; what it connects to is
// in its environment: TEMPORAL_ADDRESS, or a file temporal.toml.

#include <mayfly/temporal/run_worker.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <string>

//[quickstart_worker
namespace asio = boost::asio;
using mayfly::temporal::run_worker;
using mayfly::temporal::worker_setup;

static std::string greet(const std::string& name)
{
    return "Hello, " + name + "!";
}

// Waits without a thread. When the activity is cancelled, so is the wait.
static asio::awaitable<std::string> cook(std::string dish, int milliseconds)
{
    asio::steady_timer oven(co_await asio::this_coro::executor, std::chrono::milliseconds(milliseconds));
    co_await oven.async_wait(asio::use_awaitable);
    co_return dish + " is ready";
}

int main()
{
    return run_worker({"kitchen", "build-1"}, [](worker_setup& worker) {
        worker.options.task_queue = "orders";
        worker.activity("greet", greet);
        worker.activity("cook", cook);
    });
}
//]
