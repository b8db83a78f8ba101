// SPDX-License-Identifier: BSL-1.0

// A program that starts work and drives the version that does it: what it starts, its controller hears of at once.
//
//     push-probe HOST PORT NAMESPACE DEPLOYMENT BUILD_ID FUNCTION_ARN MAXIMUM
//
// Each line "ID MILLISECONDS SECONDS" that comes in starts the activity "cook" of that id on the queue "orders": work
// of so many milliseconds, which has so many seconds from its start on until it is given up. Functions are those of
// AWS, as the environment says. Ends when nothing comes in any more.

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/lambda_provider.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/controller.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/temporal/client.hpp>
#include <mayfly/temporal/task_queue_source.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <unistd.h>

namespace {

namespace asio = boost::asio;
namespace aws = mayfly::aws;
namespace mt = mayfly::temporal;

constexpr auto answer = asio::as_tuple(asio::use_awaitable);

asio::awaitable<void> start(mt::client client, std::string id, int milliseconds, int seconds)
{
    const std::string type = "cook";
    const auto input = client.converter().to_payloads(id, milliseconds).value();
    mt::start_options how;
    how.id = id;
    how.task_queue = "orders";
    how.start_to_close = std::chrono::seconds{5} + std::chrono::milliseconds{milliseconds};
    how.schedule_to_close = std::chrono::seconds{seconds};
    auto started = client.async_start_by_name<std::string>(type, input, how, answer);
    auto [ec, r] = co_await std::move(started);
    if (ec)
        std::fprintf(stderr, "%s was not started: %s\n", id.c_str(), r.status.message.c_str());
    else
        std::printf("%s\n", id.c_str());
    std::fflush(stdout);
}

asio::awaitable<void> read_orders(mt::client client)
{
    const auto executor = client.get_executor();
    asio::posix::stream_descriptor in(executor, ::dup(STDIN_FILENO));
    std::string buffer;
    for (;;) {
        auto read = asio::async_read_until(in, asio::dynamic_buffer(buffer), '\n', answer);
        auto [ec, size] = co_await std::move(read);
        if (ec)
            co_return;
        std::istringstream line(buffer.substr(0, size));
        buffer.erase(0, size);
        std::string id;
        int milliseconds = 0;
        int seconds = 0;
        if (line >> id >> milliseconds >> seconds)
            asio::co_spawn(executor, start(client, id, milliseconds, seconds), asio::detached);
    }
}

}  // namespace

int main(int argc, char** argv)
{
    if (argc != 8) {
        std::fputs("usage: push-probe HOST PORT NAMESPACE DEPLOYMENT BUILD_ID FUNCTION_ARN MAXIMUM\n", stderr);
        return 2;
    }
    asio::io_context io(1);
    const auto session = aws::default_session::open(
        io.get_executor(), aws::config::read(mayfly::environment::of_process()), aws::session_options{});
    if (!session) {
        std::fprintf(stderr, "%s\n", to_string(session.problems()).c_str());
        return 1;
    }
    mt::connection_options to;
    to.target = {false, argv[1], static_cast<std::uint16_t>(std::atoi(argv[2]))};
    to.name_space = argv[3];
    const auto on = std::make_shared<mt::connection>(io.get_executor(), to);
    mt::task_queue_source source(on);

    const auto target = std::make_shared<mayfly::launch_target>();
    target->version = {argv[4], argv[5]};
    target->function = argv[6];
    target->details["arn"] = std::string(argv[6]);
    const auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->limits.max = static_cast<std::uint32_t>(std::atoi(argv[7]));
    policy->scaler.read_idle = std::chrono::milliseconds{2500};
    mayfly::controller<aws::lambda_provider, mt::task_queue_source> controller(
        io.get_executor(), aws::lambda_provider(*session), source,
        mayfly::controller_options{.reads_at_once = mt::task_queue_source::reads_at_once},
        [&](const mayfly::controller_event& e) { source.heard(e); },
        mayfly::call_limits{.read = mt::task_queue_source::longest_read});
    const auto version = controller.add({.groups = {{policy, target}}});
    source.on_arrival(
        [&](const mayfly::deployment_version&, const mayfly::task_added& tasks) { controller.added(version, tasks); });
    controller.async_run(asio::detached);

    mt::client client(on);
    client.report_starts_to(source.listener());
    asio::co_spawn(io, read_orders(client), [&](const std::exception_ptr&) { io.stop(); });
    io.run();
    return 0;
}
