// SPDX-License-Identifier: BSL-1.0

// The least that runs: a provider that could start workers, a controller with the default scaler, and a burst of tasks.

#include <mayfly/controller.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

namespace asio = boost::asio;
using mayfly::fleet;

//[first_controller
struct tiny_provider {
    asio::any_io_executor executor;

    template <class Token>
    auto async_launch(mayfly::launch_request request, Token&& token)
    {
        std::printf("provider: start %u workers\n", request.count);  // a real one calls its platform here
        return asio::post(
            executor, asio::append(std::forward<Token>(token), boost::system::error_code(), mayfly::launch_report()));
    }
};

void tell(const mayfly::controller_event& e)
{
    if (e.what == mayfly::controller_event::kind::decided)
        std::printf("decided: start %u, because: %s\n", e.made.launch, to_string(e.made.reason).data());
}

int main()
{
    asio::io_context io;
    mayfly::controller<tiny_provider> controller(io.get_executor(), {io.get_executor()}, {}, {}, tell);

    const auto policy = std::make_shared<mayfly::group_policy<fleet>>();
    policy->limits.max = 20;
    policy->bootstrap = false;  // its queue knows the version already
    const auto target = std::make_shared<mayfly::launch_target>();
    target->version = {"shop", "build-7"};
    const auto version = controller.add({.groups = {{policy, target}}});

    // Thirty tasks have come, and nobody was there to take them.
    controller.added(version, {.counts = {.not_matched = 1, .behind_backlog = 29}});

    asio::cancellation_signal stop;
    controller.async_run(asio::bind_cancellation_slot(stop.slot(), asio::detached));
    io.run_for(std::chrono::milliseconds(100));
    stop.emit(asio::cancellation_type::terminal);
    io.run();
}
//]
