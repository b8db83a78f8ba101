// SPDX-License-Identifier: BSL-1.0

// The quickstart beside a Temporal server: what tells the controller of work is the server's public API, and the client
// that starts it. Where the server is, is in the environment, or in temporal.toml.

#include "burst.hpp"

#include <mayfly/config/read.hpp>
#include <mayfly/controller.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/local/local_provider.hpp>
#include <mayfly/temporal/task_queue_source.hpp>

namespace asio = boost::asio;
namespace local = mayfly::local;
namespace mt = mayfly::temporal;

int main(int, char** argv)
{
    const auto here = std::filesystem::absolute(argv[0]).parent_path();
    const auto settings = mayfly::config::read_settings({.where = mayfly::config::places::user});
    if (!settings)
        return quickstart::sorry(to_string(settings.problems()));
    const auto to = mt::options_of(*settings);
    if (!to)
        return quickstart::sorry(to_string(to.problems()));

    asio::io_context io;
    quickstart::run_view view;
    const auto connection = std::make_shared<mt::connection>(io.get_executor(), *to);
    mt::task_queue_source source(connection);

    // Where workers run: functions, which are processes of this machine under a Runtime API.
    const auto lambda = std::make_shared<local::platform>(
        io.get_executor(), local::platform_options{.observer = [&](const auto& e) { view.saw(e); }});
    local::function_settings kitchen{.name = "kitchen", .version = "1", .bootstrap = here / "quickstart_worker"};
    for (const auto& [name, value] : mayfly::environment::of_process().variables)
        if (name.starts_with("TEMPORAL_"))
            kitchen.variables[name] = value;
    kitchen.timeout = std::chrono::seconds(60);
    if (const auto wrong = lambda->set(kitchen); !wrong.empty())
        return quickstart::sorry(to_string(wrong));

    // Who decides when to start them, and how many.
    const auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->limits.max = 40;
    policy->orders.idle_exit = std::chrono::seconds(1);
    policy->scaler.read_idle = std::chrono::seconds(1);  // nobody tells of a version that is made current
    const auto target = std::make_shared<mayfly::launch_target>();
    target->version = {"kitchen", "build-1"};
    target->function = lambda->arn("kitchen", "1");
    target->details = {{"function", std::string("kitchen:1")}};
    mayfly::controller<local::local_provider, mt::task_queue_source> controller(
        io.get_executor(), local::local_provider(lambda), source,
        mayfly::controller_options{.reads_at_once = mt::task_queue_source::reads_at_once},
        [&](const mayfly::controller_event& e) {
            view.saw(e);
            source.heard(e);
        },
        mayfly::call_limits{.read = mt::task_queue_source::longest_read});
    const auto version = controller.add({.groups = {{policy, target}}});
    source.on_arrival(
        [&](const mayfly::deployment_version&, const mayfly::task_added& tasks) { controller.added(version, tasks); });
    asio::cancellation_signal stop;
    controller.async_run(asio::bind_cancellation_slot(stop.slot(), asio::detached));
    const auto end = [&] {
        stop.emit(asio::cancellation_type::terminal);
        lambda->async_stop(asio::detached);
        connection->close();
    };
    return quickstart::show(io, *to, target->version, view, here / "quickstart.svg", end, source.listener());
}
