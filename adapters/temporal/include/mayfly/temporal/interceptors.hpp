// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_call.hpp>
#include <mayfly/temporal/client_call.hpp>
#include <mayfly/temporal/headers.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/workflow_call.hpp>

#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/// Gives what a workflow begins the headers of these names that came with the signal or update for which it is begun,
/// or else with the start of the run: with it a client's header reaches activities and children. One that the step has
/// already stays.
[[nodiscard]] inline interceptor pass_on_headers(std::vector<std::string> names)
{
    interceptor out;
    out.step = [names = std::move(names)](workflow_step& step) {
        for (const std::string& name : names) {
            if (step.header.fields().contains(name))
                continue;
            for (const auto* from : {&step.start.fields(), &step.cause.fields()})
                if (const auto at = from->find(name); at != from->end())
                    (*step.header.mutable_fields())[name] = at->second;
        }
    };
    return out;
}

}  // namespace mayfly::temporal
