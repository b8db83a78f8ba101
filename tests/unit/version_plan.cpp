// SPDX-License-Identifier: BSL-1.0
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/version_plan.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>

using mayfly::add_outcome;
using mayfly::compute_config;
using mayfly::controller_machine;
using mayfly::deployment_version;
using mayfly::group_policy;
using mayfly::no_sync;
using mayfly::plan_version;
using mayfly::planned_group;
using mayfly::provider_spec;
using mayfly::scaling_group;
using mayfly::task_added;
using mayfly::task_type;
using mayfly::task_types;
using mayfly::version_status;

namespace {

compute_config three_groups()
{
    compute_config config;
    config.groups["activities"] = {.types = {task_type::activity},
        .provider = provider_spec{.type = "aws-lambda", .details = {{"arn", std::string{"arn:one"}}}}};
    config.groups["rest"] = {.provider = provider_spec{.type = "aws-lambda"}};
    config.groups["elsewhere"] = {.types = {task_type::nexus}, .regions = {"eu"}};
    return config;
}

}  // namespace

TEST_CASE("a configuration becomes what a controller takes")
{
    const auto shared = std::make_shared<const group_policy<no_sync>>();
    const auto make = [&](const std::string& id, const scaling_group&) {
        return planned_group<no_sync>{.policy = shared, .function = "fn-" + id};
    };
    const deployment_version version{"shop", "b1"};

    const auto here = plan_version<no_sync>(version, three_groups(), version_status::ramping, make);
    REQUIRE(here.groups.size() == 2);
    CHECK(here.status == version_status::ramping);
    CHECK(here.groups[0].target->group == "activities");
    CHECK(here.groups[0].target->function == "fn-activities");
    CHECK(here.groups[0].target->version == version);
    CHECK(here.groups[0].target->details.size() == 1);
    CHECK(here.groups[0].types == task_types{task_type::activity});
    CHECK(here.groups[1].types == task_types{task_type::workflow, task_type::nexus});
    CHECK(here.groups[1].policy == shared);

    const auto europe = plan_version<no_sync>(version, three_groups(), version_status::current, make, "eu");
    REQUIRE(europe.groups.size() == 3);
    CHECK(europe.groups[1].target->group == "elsewhere");
    CHECK(europe.groups[2].types == task_types{task_type::workflow});
}

TEST_CASE("a planned version is driven by its groups")
{
    const auto make = [](const std::string&, const scaling_group&) {
        group_policy<no_sync> p;
        p.bootstrap = false;
        return planned_group<no_sync>{.policy = std::make_shared<const group_policy<no_sync>>(p)};
    };
    controller_machine<no_sync> machine;
    const auto h =
        machine.add(plan_version<no_sync>({"shop", "b1"}, three_groups(), version_status::current, make), {});
    while (machine.next_action()) {
    }
    machine.added(h, task_added::one(task_type::workflow, add_outcome::not_matched), std::chrono::seconds{1});
    const auto action = machine.next_action();
    REQUIRE(action);
    CHECK(action->launch.target->group == "rest");
}
