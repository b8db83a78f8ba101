// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "world.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace mayfly::temporal::workflow::testing {

/// Code by hand: what it wants at each activation, and what it was told.
class scripted final : public code {
public:
    using script = std::function<std::vector<intent>(const activation&)>;

    explicit scripted(script s) : script_{std::move(s)} {}

    activated activate(activation now) override
    {
        activated out;
        out.intents = script_(now);
        return out;
    }
    query_answer query(const api::query::WorkflowQuery&) override { return {}; }
    [[nodiscard]] std::string stack_trace() const override { return "here"; }

private:
    script script_;
};

inline std::unique_ptr<machine> make_machine(scripted::script s, bool only = false)
{
    return std::make_unique<machine>(std::make_unique<scripted>(std::move(s)), options_of_tests(only));
}

template <class T>
const T* job_of(const activation& a)
{
    for (const job& j : a.jobs)
        if (const T* one = std::get_if<T>(&j))
            return one;
    return nullptr;
}

inline run_task all_of(const history_server& s)
{
    run_task t;
    t.events = s.events;
    return t;
}

}  // namespace mayfly::temporal::workflow::testing
