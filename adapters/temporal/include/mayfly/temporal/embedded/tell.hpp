// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/version_spec.hpp>

// What the embedded service tells, for a controller in the same process. Both are for the version that the event is of.

namespace mayfly::temporal::embedded {

/// `Controller` is a `basic_controller`.
template <class Controller>
void tell(Controller& controller, version_handle version, const add_event& e)
{
    controller.added(version, task_added::one(e.task_type, e.outcome));
}

template <class Controller>
void tell(Controller& controller, version_handle version, const worker_event& e)
{
    controller.tell([&](auto& machine, uptime now) {
        if (e.present)
            machine.seen(version,
                {.identity = e.identity,
                    .first_seen = now,
                    .last_seen = now,
                    .version = e.version ? &*e.version : nullptr},
                now);
        else
            machine.gone(version, {.identity = e.identity}, now);
    });
}

}  // namespace mayfly::temporal::embedded
