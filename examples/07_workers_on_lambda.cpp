// SPDX-License-Identifier: BSL-1.0

// Workers as AWS Lambda functions: look whether the function will do, then let a controller start it for a burst.
//
//     07_workers_on_lambda ARN [ROLE EXTERNAL_ID]
//
// Credentials, region and endpoints come from the environment and the shared files, as for the AWS tools; with
// AWS_ENDPOINT_URL it runs against examples/local_lambda.

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/lambda_provider.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/controller.hpp>
#include <mayfly/environment.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <memory>
#include <string>

namespace asio = boost::asio;
namespace aws = mayfly::aws;
using boost::system::error_code;

int main(int argc, char** argv)
{
    if (argc != 2 && argc != 4) {
        std::puts("usage: 07_workers_on_lambda ARN [ROLE EXTERNAL_ID]");
        return argc == 1 ? 0 : 2;
    }
    asio::io_context io;
    const auto session = aws::default_session::open(
        io.get_executor(), aws::config::read(mayfly::environment::of_process()), aws::session_options{});
    if (!session) {
        std::fprintf(stderr, "%s\n", to_string(session.problems()).c_str());
        return 1;
    }
    aws::lambda_provider provider(*session);

    const auto target = std::make_shared<mayfly::launch_target>();
    target->version = {"shop", "build-7"};
    target->details["arn"] = std::string(argv[1]);
    if (argc == 4) {
        target->details["role"] = std::string(argv[2]);
        target->details["role_external_id"] = std::string(argv[3]);
    }

    // Everything that is wrong with it, before anything runs.
    mayfly::findings found;
    provider.async_validate(target->details, aws::validation_options{},
        [&found](error_code, mayfly::findings all) { found = std::move(all); });
    io.run();
    io.restart();
    for (const mayfly::problem& p : found.warnings)
        std::printf("warning: %s\n", to_string(p).c_str());
    for (const mayfly::problem& p : found.errors)
        std::printf("error: %s\n", to_string(p).c_str());
    if (!found.errors.empty())
        return 1;

    // Five tasks have come, and nobody was there to take them.
    asio::cancellation_signal stop;
    bool accepted = false;
    mayfly::controller<aws::lambda_provider> controller(
        io.get_executor(), provider, {}, {}, [&](const mayfly::controller_event& e) {
            using enum mayfly::controller_event::kind;
            if (e.what == launched)
                std::printf("accepted: %u starts\n", e.count);
            else if (e.what == refused)
                std::printf("refused: %u starts, %s\n", e.count, std::string(e.detail).c_str());
            else
                return;
            accepted = e.what == launched;
            stop.emit(asio::cancellation_type::terminal);
        });
    const auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->limits.max = 20;
    policy->bootstrap = false;
    const auto version = controller.add({.groups = {{policy, target}}});
    controller.added(version, {.counts = {.not_matched = 1, .behind_backlog = 4}});
    controller.async_run(asio::bind_cancellation_slot(stop.slot(), asio::detached));
    io.run();
    return accepted ? 0 : 1;
}
