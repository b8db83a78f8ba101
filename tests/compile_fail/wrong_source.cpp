// SPDX-License-Identifier: BSL-1.0
// fails with: constraint.*QueueSourceOrNone

// A source that answers with a number of tasks, and not with a reading.

#include <mayfly/controller.hpp>

#include <boost/asio/async_result.hpp>

#include <concepts>
#include <memory>

struct my_provider {
    template <class Token>
    auto async_launch(mayfly::launch_request, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, mayfly::launch_report)>(
            [](auto) {}, token);
    }
};

struct my_source {
#ifdef MAYFLY_BROKEN
    using answer = int;
#else
    using answer = mayfly::queue_reading;
#endif
    template <class Handler>
        requires std::invocable<Handler, boost::system::error_code, answer>
    void async_read(const std::shared_ptr<const mayfly::launch_target>&, mayfly::uptime, Handler) {}
};

template class mayfly::basic_controller<mayfly::fleet, my_provider, my_source>;
