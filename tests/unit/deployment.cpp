// SPDX-License-Identifier: BSL-1.0
#include <mayfly/deployment.hpp>

#include <doctest/doctest.h>

#include <string>

using mayfly::check_names;
using mayfly::deployment_version;
using mayfly::task_type;
using mayfly::task_types;

TEST_CASE("names are refused as a server would refuse them")
{
    struct row {
        const char* why;
        deployment_version version;
        std::string says;
    };
    const std::string longest(480, 'x');
    const row rows[] = {
        {"a usual one", {"orders", "2026-01-31.a"}, ""},
        {"a point in a build id is fine", {"orders", "1.2.3"}, ""},
        {"one underscore is fine", {"_orders", "_1"}, ""},
        {"as long as can be", {longest, longest}, ""},
        {"no deployment", {"", "1"}, "deployment: give a name; a worker needs both a deployment and a build id"},
        {"no build id", {"orders", ""}, "build_id: give a name; a worker needs both a deployment and a build id"},
        {"a point in a deployment", {"orders.eu", "1"}, "deployment is \"orders.eu\": leave out '.'"},
        {"a colon in a deployment", {"orders:eu", "1"}, "deployment is \"orders:eu\": leave out ':'"},
        {"a colon in a build id", {"orders", "1:2"}, "build_id is \"1:2\": leave out ':'"},
        {"a name of the server's own", {"__orders", "1"},
            "deployment is \"__orders\": do not begin with \"__\"; such names are the server's own"},
        {"a build id of the server's own", {"orders", "__unversioned__"},
            "build_id is \"__unversioned__\": do not begin with \"__\"; such names are the server's own"},
        {"too long a deployment", {longest + 'y', "1"},
            "deployment is \"" + longest + "y\": has 481 bytes; give at most 480"},
        {"too long a build id", {"orders", longest + 'y'},
            "build_id is \"" + longest + "y\": has 481 bytes; give at most 480"},
        {"everything wrong is told", {"", "__1:2"},
            "deployment: give a name; a worker needs both a deployment and a build id\n"
            "build_id is \"__1:2\": leave out ':'\n"
            "build_id is \"__1:2\": do not begin with \"__\"; such names are the server's own"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(mayfly::to_string(check_names(r.version)) == r.says, r.why);
}

TEST_CASE("the length of names is a setting")
{
    const deployment_version v{std::string(63, 'd'), std::string(64, 'b')};
    CHECK(mayfly::to_string(check_names(v, 63)) == "build_id is \"" + v.build_id + "\": has 64 bytes; give at most 63");
    CHECK(check_names(v, 64).empty());
}

TEST_CASE("a set of task types")
{
    task_types t{task_type::nexus};
    CHECK(t.contains(task_type::nexus));
    CHECK_FALSE(t.contains(task_type::workflow));
    t.insert(task_type::workflow);
    t.erase(task_type::nexus);
    CHECK(t == task_types{task_type::workflow});
    t.erase(task_type::workflow);
    CHECK(t.empty());

    t.insert(mayfly::unspecified_task_type);
    CHECK_MESSAGE(t.empty(), "an unspecified type is never in it");
    CHECK_FALSE(task_types::all().contains(mayfly::unspecified_task_type));
    CHECK(to_string(mayfly::unspecified_task_type) == "unknown");
}

TEST_CASE("which versions can be reached by work")
{
    using enum mayfly::version_status;
    for (auto s : {ramping, current, draining})
        CHECK_MESSAGE(receives_work(s), to_string(s));
    for (auto s : {created, inactive, drained})
        CHECK_MESSAGE(!receives_work(s), to_string(s));
}
