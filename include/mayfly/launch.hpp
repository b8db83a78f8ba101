// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/condition.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/leaving.hpp>
#include <mayfly/settings.hpp>
#include <mayfly/signal.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

// What passes between a controller and a provider.

namespace mayfly {

/// Whom to start: one scaling group of one version. Shared, so that it outlives a version removed in mid-call.
struct launch_target {
    deployment_version version{};
    std::string group = "default";
    /// The part behind the `@` in the identity of its workers, usually the function's name at the platform. With it the
    /// controller takes in workers it does not know, which is how its books come back after a restart.
    std::string function{};
    settings details{};  ///< The provider's own settings.
};

/// "Start `count` more."
struct launch_request {
    std::shared_ptr<const launch_target> target{};
    std::uint32_t count = 1;         ///< Above zero.
    std::uint32_t stay = 0;          ///< The first so many fill the minimum: they must not leave when idle.
    std::uint64_t first_launch = 0;  ///< Our ids of the starts are this one and those that follow.
    leave_rules orders{};            ///< What the workers are told.
};

/// How it went, start by start.
struct launch_report {
    struct start {
        condition outcome = condition::ok;
        std::string request_id{};  ///< The platform's id of an accepted start.
    };
    std::vector<start> starts{};  ///< In order; one that is missing counts as the call's own error.
    std::string detail{};         ///< The platform's own words about a failure.
};

/// "Be `size`."
struct resize_request {
    std::shared_ptr<const launch_target> target{};
    std::uint32_t size = 0;
};

struct resize_report {
    std::string detail{};  ///< The platform's own words about a failure.
};

}  // namespace mayfly
