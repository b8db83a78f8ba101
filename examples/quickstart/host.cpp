// SPDX-License-Identifier: BSL-1.0

// A Temporal service, a controller, and functions as processes of this machine: workers start as tasks come, and go.

#include "burst.hpp"
#include "days.hpp"

#include <mayfly/controller.hpp>
#include <mayfly/local/local_provider.hpp>
#include <mayfly/temporal/embedded/tell.hpp>
#include <mayfly/temporal/embedded_service.hpp>

namespace asio = boost::asio;
namespace local = mayfly::local;
namespace embedded = mayfly::temporal::embedded;

int main(int argc, char** argv)
{
    asio::io_context io;
    const auto here = std::filesystem::absolute(argv[0]).parent_path();
    quickstart::run_view view;
    const auto sees = [&](const auto& event) { view.saw(event); };

    // Where tasks come in. The controller hears of each of them, and of workers that come and go.
    std::unique_ptr<mayfly::controller<local::local_provider, embedded::queue_source>> controller;
    mayfly::version_handle version;
    const auto tells = [&](const auto& event) {
        if (event.version)
            embedded::tell(*controller, version, event);
    };
    mayfly::temporal::embedded_service service(io.get_executor(), {.on_added = tells, .on_worker = tells});
    if (const auto ec = service.listen())
        return quickstart::sorry("the service cannot listen: " + ec.message());

    // Where workers run: functions, which are processes of this machine under a Runtime API.
    const auto lambda = std::make_shared<local::platform>(io.get_executor(), local::platform_options{.observer = sees});
    local::function_settings kitchen{.name = "kitchen", .version = "1", .bootstrap = here / "quickstart_worker"};
    kitchen.variables["TEMPORAL_ADDRESS"] = "127.0.0.1:" + std::to_string(service.port());
    kitchen.timeout = std::chrono::seconds(60);
    if (const auto wrong = lambda->set(kitchen); !wrong.empty())
        return quickstart::sorry(to_string(wrong));

    // Who decides when to start them, and how many.
    const auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->limits.max = 40;
    policy->orders.idle_exit = std::chrono::seconds(1);
    const auto target = std::make_shared<mayfly::launch_target>();
    target->version = {"kitchen", "build-1"};
    target->function = lambda->arn("kitchen", "1");
    target->details = {{"function", std::string("kitchen:1")}};
    controller = std::make_unique<decltype(controller)::element_type>(
        io.get_executor(), local::local_provider(lambda), service.queue_source(), mayfly::controller_options{}, sees);
    version = controller->add({.groups = {{policy, target}}});
    asio::cancellation_signal stop;
    controller->async_run(asio::bind_cancellation_slot(stop.slot(), asio::detached));
    const auto end = [&] {
        stop.emit(asio::cancellation_type::terminal);
        lambda->async_stop(asio::detached);
        service.async_stop(asio::detached);
    };
    const int status =
        quickstart::show(io, quickstart::at(service.port()), target->version, view, here / "quickstart.svg", end);
    if (status != 0 || (argc > 1 && std::string_view(argv[1]) == "--burst"))
        return status;

    std::puts("\nA workflow of five days, by workers that leave after a second without work:");
    const std::string failure = quickstart::days(here).run();
    return failure.empty() ? 0 : quickstart::sorry(failure);
}
