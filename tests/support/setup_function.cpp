// SPDX-License-Identifier: BSL-1.0

// A worker whose setup goes well or badly, by what TEST_SETUP says, and which tells of its hooks.

#include <mayfly/temporal/run_worker.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

std::string greet(const std::string& name)
{
    return "Hello, " + name + "!";
}

asio::awaitable<void> nap(int milliseconds)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(milliseconds));
    co_await timer.async_wait(asio::use_awaitable);
}

void set_up(mayfly::temporal::worker_setup& worker)
{
    const char* const asked = std::getenv("TEST_SETUP");
    const std::string_view what = asked != nullptr ? asked : "";
    if (what == "throw")
        throw std::runtime_error("the shop is closed");
    if (what == "unversioned")
        worker.options.versioning = false;
    if (what != "nothing") {
        worker.activity("greet", greet);
        worker.activity("nap", nap);
    }
    if (what == "hasty") {
        worker.options.stop_timeout = 200ms;
        worker.options.shutdown_buffer = 1s;
        worker.options.hook_allowance = 500ms;
    }
    worker.hooks.add("first", [](mayfly::uptime) { std::fputs("hook first\n", stderr); });
    worker.hooks.add("second", [](mayfly::uptime) {
        std::fputs("hook second\n", stderr);
        throw std::runtime_error("hook trouble");
    });
    worker.hooks.add(
        "third", [](mayfly::uptime) { std::fprintf(stderr, "hook third, HOME=%s\n", std::getenv("HOME")); });
}

}  // namespace

int main()
{
    return mayfly::temporal::run_worker({"shop", "build-7"}, set_up);
}
