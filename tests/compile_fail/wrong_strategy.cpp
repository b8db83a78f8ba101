// SPDX-License-Identifier: BSL-1.0
// fails with: constraint.*ProviderFor<

// A scaler that says how many workers there shall be, for a provider that can only start more.

#include <mayfly/controller.hpp>
#include <mayfly/scalers/rate_based.hpp>

struct my_provider {
    template <class Token>
    auto async_launch(mayfly::launch_request, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, mayfly::launch_report)>(
            [](auto) {}, token);
    }
};

#ifdef MAYFLY_BROKEN
using my_scaler = mayfly::rate_based;
#else
using my_scaler = mayfly::fleet;
#endif

template class mayfly::basic_controller<my_scaler, my_provider>;
