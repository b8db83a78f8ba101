// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_config.hpp>
#include <mayfly/controller_machine.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly {

/// What a host makes of one group of a configuration: how it is run, and how its workers are named.
template <class S>
struct planned_group {
    std::shared_ptr<const group_policy<S>> policy{};
    std::string function{};  ///< See `launch_target::function`.
};

/** Makes of a configuration what a controller takes.

    `make(id, group)` returns `planned_group<S>`: the host turns names into a scaler there, and may share one policy
   among groups that are run alike. Groups that serve no type on this host, a catch-all with nothing left included, are
   left out. The configuration should have passed `check`.

    @param region the region of this host, if configurations tell regions apart
*/
template <class S, class MakeGroup>
    requires std::invocable<MakeGroup&, const std::string&, const scaling_group&>
[[nodiscard]] version_spec<S> plan_version(const deployment_version& version, const compute_config& config,
    version_status status, MakeGroup make, std::string_view region = {})
{
    version_spec<S> out{.status = status};
    for (const auto& [id, g] : config.groups) {
        const task_types types = effective_types(config, id, region);
        if (types.empty())
            continue;
        planned_group<S> planned = make(id, g);
        out.groups.push_back({.policy = std::move(planned.policy),
            .target = std::make_shared<const launch_target>(launch_target{.version = version,
                .group = id,
                .function = std::move(planned.function),
                .details = g.provider ? g.provider->details : settings{}}),
            .types = types});
    }
    return out;
}

}  // namespace mayfly
