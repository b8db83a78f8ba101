// SPDX-License-Identifier: BSL-1.0
#include "own_provider.hpp"

#include "own_scaler.hpp"
#include "run_both.hpp"

#ifdef MAYFLY_HAS_ASIO

#include <boost/asio/io_context.hpp>

#include <memory>

bool run_both()
{
    boost::asio::io_context io;
    std::uint32_t started = 0;
    mayfly::basic_controller<own_scaler, own_provider> controller(
        io.get_executor(), own_provider(io.get_executor(), started));

    mayfly::group_policy<own_scaler> policy;
    policy.bootstrap = false;
    const auto target = std::make_shared<mayfly::launch_target>();
    const auto version = controller.add(
        {.groups = {{.policy = std::make_shared<const mayfly::group_policy<own_scaler>>(policy), .target = target}}});

    controller.async_run([](boost::system::error_code) {});
    controller.added(version, mayfly::task_added::one(mayfly::task_type::activity, mayfly::add_outcome::not_matched));
    while (started == 0 && io.run_one() != 0) {
    }
    return started == 1;
}

#else

bool run_both()
{
    return true;
}

#endif
