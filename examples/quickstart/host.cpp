// SPDX-License-Identifier: BSL-1.0

// Tasks come, workers are started for them, and go again: a Temporal service, a controller, and functions as processes
// of this machine, in one program. Shows what happens, and ends with a table and a picture.

#include "burst.hpp"

#include <mayfly/controller.hpp>
#include <mayfly/local/local_provider.hpp>
#include <mayfly/temporal/embedded/tell.hpp>
#include <mayfly/temporal/embedded_service.hpp>

namespace asio = boost::asio;
namespace local = mayfly::local;
namespace embedded = mayfly::temporal::embedded;

int main(int, char** argv)
{
    const auto here = std::filesystem::absolute(argv[0]).parent_path();
    asio::io_context io;
    quickstart::run_view view;

    // Where workers run: functions, which are processes of this machine under a Runtime API.
    const auto lambda = std::make_shared<local::platform>(
        io.get_executor(), local::platform_options{.observer = [&](const auto& e) { view.saw(e); }});

    // Who decides when to start them, and how many.
    mayfly::controller<local::local_provider> controller(
        io.get_executor(), local::local_provider(lambda), {}, {}, [&](const auto& e) { view.saw(e); });
    const auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->limits.max = 40;
    policy->orders.idle_exit = std::chrono::seconds(1);
    const auto target = std::make_shared<mayfly::launch_target>();
    target->version = {"kitchen", "build-1"};
    target->function = lambda->arn("kitchen", "1");
    target->details = {{"function", std::string("kitchen:1")}};
    const auto version = controller.add({.groups = {{policy, target}}});

    // Where tasks come in. The controller hears of each of them, and of workers that come and go.
    const auto tell = [&](const auto& event) {
        if (event.version == target->version)
            embedded::tell(controller, version, event);
    };
    mayfly::temporal::embedded_service service(io.get_executor(), {.on_added = tell, .on_worker = tell});
    if (const auto ec = service.listen())
        return quickstart::sorry("the service cannot listen: " + ec.message());
    local::function_settings kitchen{.name = "kitchen", .version = "1", .bootstrap = here / "quickstart_worker"};
    kitchen.variables["TEMPORAL_ADDRESS"] = "127.0.0.1:" + std::to_string(service.port());
    kitchen.timeout = std::chrono::seconds(60);
    if (const auto wrong = lambda->set(kitchen); !wrong.empty())
        return quickstart::sorry(to_string(wrong));

    asio::cancellation_signal stop;
    controller.async_run(asio::bind_cancellation_slot(stop.slot(), asio::detached));
    return quickstart::show(io, service.port(), target->version, view, here / "quickstart.svg", [&] {
        stop.emit(asio::cancellation_type::terminal);
        lambda->async_stop(asio::detached);
        service.async_stop(asio::detached);
    });
}
