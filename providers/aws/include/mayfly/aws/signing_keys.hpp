// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/credentials.hpp>
#include <mayfly/aws/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace mayfly::aws {

/// What a call is signed with, or why there is nothing.
struct signing_keys {
    std::shared_ptr<const credentials> keys{};
    failure why{};
};

/** Gives the credentials for one attempt. `refused` are those that the service just called expired, null at first: a
    cache that still holds them drops them and gets new ones. Empty: the request goes out unsigned.
*/
using key_function = std::function<boost::asio::awaitable<signing_keys>(std::shared_ptr<const credentials> refused)>;

namespace detail {

inline boost::asio::awaitable<signing_keys> same_keys(std::shared_ptr<const credentials> keys)
{
    co_return signing_keys{std::move(keys), {}};
}

}  // namespace detail

/// Always the same ones.
[[nodiscard]] inline key_function fixed_keys(credentials c)
{
    // No coroutine itself: what a lambda captured may be gone when its coroutine runs.
    return [keys = std::make_shared<const credentials>(std::move(c))](
               std::shared_ptr<const credentials>) { return detail::same_keys(keys); };
}

}  // namespace mayfly::aws
