// SPDX-License-Identifier: BSL-1.0

// The scaler that the README shows.

#include <mayfly/controller_machine.hpp>
#include <mayfly/scaler.hpp>

#include <doctest/doctest.h>

#include <memory>

namespace readme {

//[one_per_ten
struct one_per_ten {
    struct state {
        friend bool operator==(const state&, const state&) = default;
    };
    mayfly::decision decide(state&, const mayfly::scaling_signal& sig, mayfly::uptime) const noexcept
    {
        return {.launch = sig.added.unmatched() / 10, .reason = mayfly::reason::missed_match};
    }
};
static_assert(mayfly::Scaler<one_per_ten, mayfly::scaling_signal>);
//]

}  // namespace readme

using readme::one_per_ten;

TEST_CASE("the scaler that the README shows drives a controller")
{
    const auto policy = std::make_shared<mayfly::group_policy<one_per_ten>>();
    policy->bootstrap = false;
    mayfly::controller_machine<one_per_ten> machine;
    const auto h = machine.add({.groups = {{policy, std::make_shared<mayfly::launch_target>()}}}, {});
    machine.added(h, {.counts = {.not_matched = 30}}, {});
    const auto action = machine.next_action();
    REQUIRE(action);
    CHECK(action->launch.count == 3);
}
