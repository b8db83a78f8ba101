// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/problem.hpp>
#include <mayfly/worker_options.hpp>

#include <memory>
#include <vector>

namespace mayfly::temporal {

namespace detail {
class workflow_part;
struct workflow_place;
}  // namespace detail

/// The workflows that a worker offers, as those see them who compile without workflows. One is made by
/// `mayfly/temporal/workflows.hpp`.
class workflow_offer {
public:
    workflow_offer() = default;
    workflow_offer(const workflow_offer&) = delete;
    workflow_offer& operator=(const workflow_offer&) = delete;
    virtual ~workflow_offer() = default;

    [[nodiscard]] virtual std::vector<registrations::workflow> registered() const = 0;
    /// What was registered and cannot be.
    [[nodiscard]] virtual mayfly::problems problems() const = 0;
    /// What runs them, for one worker. Keeps this alive.
    [[nodiscard]] virtual std::shared_ptr<detail::workflow_part> make_part(detail::workflow_place where) const = 0;
};

}  // namespace mayfly::temporal
