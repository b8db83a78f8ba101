// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/detail/workflow_host.hpp>
#include <mayfly/temporal/detail/workflow_part.hpp>
#include <mayfly/temporal/worker_setup.hpp>
#include <mayfly/temporal/workflow_offer.hpp>
#include <mayfly/temporal/workflow_registry.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// Workflows for a worker. Whoever does not include this compiles without them.

namespace mayfly::temporal {

/** The workflows that a worker runs: fill `registry`, and give it to `worker_config::workflows`.

    `run_worker` does it for its program: `setup.workflow("name", ...)` takes what `workflow_registry::add` takes.
*/
class workflow_set final : public workflow_offer, public std::enable_shared_from_this<workflow_set> {
public:
    workflow_registry registry{};

    [[nodiscard]] std::vector<registrations::workflow> registered() const override { return registry.registered(); }
    [[nodiscard]] mayfly::problems problems() const override { return registry.problems(); }
    [[nodiscard]] std::shared_ptr<detail::workflow_part> make_part(detail::workflow_place where) const override
    {
        return std::make_shared<detail::workflow_host>(
            std::move(where), std::shared_ptr<const workflow_registry>(shared_from_this(), &registry));
    }
};

/// The workflows of a program that is being set up.
[[nodiscard]] inline workflow_registry& workflows_of(worker_setup& setup)
{
    if (!setup.workflows)
        setup.workflows = std::make_shared<workflow_set>();
    return dynamic_cast<workflow_set&>(*setup.workflows).registry;
}

/// What `worker_setup::workflow` does.
template <class... W>
void add_workflow(worker_setup& setup, std::string name, W&&... w)
{
    workflows_of(setup).add(std::move(name), std::forward<W>(w)...);
}
template <class C, class... O>
void add_workflow(worker_setup& setup, std::string name, std::type_identity<C>, O&&... o)
{
    workflows_of(setup).add<C>(std::move(name), std::forward<O>(o)...);
}

}  // namespace mayfly::temporal
