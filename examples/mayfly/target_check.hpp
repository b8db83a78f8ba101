// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/target_facts.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/compute_registry.hpp>

#include <boost/asio/awaitable.hpp>

// What commands know of compute configurations beside their form.

namespace examples {

/// The providers and algorithms that a configuration may name: those of our controller, and those that a cluster's own
/// has.
[[nodiscard]] const mayfly::compute_registry& known_compute();

/// Whether our controller has this provider. Others' configurations are of use in the server only.
[[nodiscard]] bool is_ours(const mayfly::provider_spec& provider);

/// Asks the platform whether a provider's target is there and fit. Nothing runs. With credentials, region and endpoints
/// of the environment and the shared files. Problems begin with `where`.
boost::asio::awaitable<mayfly::findings> check_target(
    mayfly::provider_spec provider, mayfly::aws::validation_options options, std::string where);

}  // namespace examples
