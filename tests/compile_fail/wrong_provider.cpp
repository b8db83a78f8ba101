// SPDX-License-Identifier: BSL-1.0
// fails with: LaunchesWorkers<.*async_launch.* invalid

// A provider that reports how many it started, and not how each start went.

#include <mayfly/controller.hpp>

struct my_provider {
#ifdef MAYFLY_BROKEN
    void async_launch(mayfly::launch_request, void (*)(boost::system::error_code, int)) {}
#else
    template <class Token>
    auto async_launch(mayfly::launch_request, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, mayfly::launch_report)>(
            [](auto) {}, token);
    }
#endif
};

static_assert(mayfly::LaunchesWorkers<my_provider>);

template class mayfly::basic_controller<mayfly::fleet, my_provider>;
