// SPDX-License-Identifier: BSL-1.0
#include <mayfly/worker_options.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

using namespace std::chrono_literals;
using mayfly::checked;
using mayfly::deployment_version;
using mayfly::lambda_defaults;
using mayfly::leave_rules;
using mayfly::problem;
using mayfly::registrations;
using mayfly::resolve;
using mayfly::resolved_options;
using mayfly::versioning_behavior;
using mayfly::worker_options;

namespace {

const deployment_version orders_v1{"orders", "1.0"};
const registrations one_activity{.activities = {"charge"}};

worker_options sound()
{
    return {.task_queue = "orders"};
}

std::string fields(const mayfly::problems& all)
{
    std::string out;
    for (const problem& p : all)
        out += (out.empty() ? "" : " ") + p.field;
    return out;
}

}  // namespace

TEST_CASE("defaults for a function")
{
    const auto r = resolve(sound(), orders_v1, one_activity);
    REQUIRE(r);
    const mayfly::worker_settings& s = r->settings();
    CHECK(s.task_queue == "orders");
    CHECK(s.identity == "");
    CHECK(s.max_concurrent_activities == 2);
    CHECK(s.max_concurrent_workflow_tasks == 10);
    CHECK(s.max_concurrent_local_activities == 2);
    CHECK(s.max_concurrent_nexus_tasks == 5);
    CHECK(s.activity_pollers == 1);
    CHECK(s.workflow_pollers == 2);
    CHECK(s.nexus_pollers == 1);
    CHECK(s.sticky_cache == 100);
    CHECK(s.stop_timeout == 5s);
    CHECK(s.shutdown_buffer == 7s);
    CHECK(s.hook_allowance == 2s);
    CHECK(r->version() == orders_v1);
    CHECK(r->notes().empty());
    CHECK(r->rules({}) == leave_rules{});
}

TEST_CASE("a default fills only what is unset")
{
    worker_options mine = sound();
    mine.identity = "me";
    mine.max_concurrent_activities = 50;
    mine.max_concurrent_workflow_tasks = 51;
    mine.max_concurrent_local_activities = 52;
    mine.max_concurrent_nexus_tasks = 53;
    mine.activity_pollers = 54;
    mine.workflow_pollers = 1;
    mine.nexus_pollers = 55;
    mine.sticky_cache = 0;
    mine.stop_timeout = 10s;
    mine.shutdown_buffer = 20s;
    mine.hook_allowance = 3s;
    const auto r = resolve(mine, orders_v1, one_activity);
    REQUIRE(r);
    const mayfly::worker_settings& s = r->settings();
    CHECK(s.identity == "me");
    CHECK(s.max_concurrent_activities == 50);
    CHECK(s.max_concurrent_workflow_tasks == 51);
    CHECK(s.max_concurrent_local_activities == 52);
    CHECK(s.max_concurrent_nexus_tasks == 53);
    CHECK(s.activity_pollers == 54);
    CHECK(s.workflow_pollers == 1);  // fine without a sticky cache
    CHECK(s.nexus_pollers == 55);
    CHECK(s.sticky_cache == 0);
    CHECK(s.stop_timeout == 10s);
    CHECK(s.shutdown_buffer == 20s);
    CHECK(s.hook_allowance == 3s);

    worker_options twice = sound();
    lambda_defaults(twice);
    twice.stop_timeout = 6s;
    lambda_defaults(twice);
    CHECK(twice.stop_timeout == 6s);
    CHECK(twice.shutdown_buffer == 7s);
}

TEST_CASE("the buffer follows the stop timeout unless the user set it")
{
    worker_options o = sound();
    o.stop_timeout = 30s;
    CHECK(resolve(o, orders_v1, one_activity)->settings().shutdown_buffer == 32s);
    o.shutdown_buffer = 32s;
    CHECK(resolve(o, orders_v1, one_activity)->notes().empty());
    o.shutdown_buffer = 32s - 1us;
    const auto r = resolve(o, orders_v1, one_activity);
    REQUIRE(r);
    CHECK(r->settings().shutdown_buffer == 32s - 1us);
    CHECK(fields(r->notes()) == "shutdown_buffer");
    CHECK(to_string(r->notes()).find("need 32 s") != std::string::npos);
}

TEST_CASE("what cannot be overridden")
{
    static_assert(!resolved_options::eager_activities);
    static_assert(resolved_options::versioning);
    static_assert(!std::is_default_constructible_v<resolved_options>);
    static_assert(std::is_const_v<std::remove_reference_t<decltype(std::declval<resolved_options&>().version())>>);
    static_assert(std::is_const_v<std::remove_reference_t<decltype(std::declval<resolved_options&>().settings())>>);

    worker_options o = sound();
    SUBCASE("eager activities stay off, with a note")
    {
        o.eager_activities = true;
        const auto r = resolve(o, orders_v1, one_activity);
        REQUIRE(r);
        CHECK(fields(r->notes()) == "eager_activities");
    }
    SUBCASE("switching off what is off is nothing to talk about")
    {
        o.eager_activities = false;
        o.versioning = true;
        o.version = orders_v1;
        CHECK(resolve(o, orders_v1, one_activity)->notes().empty());
    }
    SUBCASE("versioning removed is refused")
    {
        o.versioning = false;
        CHECK(fields(resolve(o, orders_v1, one_activity).problems()) == "versioning");
    }
    SUBCASE("another version is refused, and both are named")
    {
        o.version = deployment_version{"orders", "2.0"};
        const auto r = resolve(o, orders_v1, one_activity);
        REQUIRE_FALSE(r);
        CHECK(to_string(r.problems()).find("orders:2.0") != std::string::npos);
        CHECK(to_string(r.problems()).find("orders:1.0") != std::string::npos);
    }
}

TEST_CASE("each mistake is found and named")
{
    struct row {
        const char* why;
        std::function<void(worker_options&, deployment_version&, registrations&)> spoil;
        std::string_view field;
        std::string_view words;
    };
    using o = worker_options;
    using d = deployment_version;
    using g = registrations;
    const row rows[] = {
        {"no deployment name", [](o&, d& v, g&) { v.deployment = ""; }, "version.deployment", "name"},
        {"a name the server refuses", [](o&, d& v, g&) { v.build_id = "1:0"; }, "version.build_id", "leave out ':'"},
        {"no build id", [](o&, d& v, g&) { v.build_id = ""; }, "version.build_id", "name"},
        {"no queue: option and variable are named", [](o& x, d&, g&) { x.task_queue = ""; }, "task_queue",
            "TEMPORAL_TASK_QUEUE"},
        {"nothing registered", [](o&, d&, g& r) { r = {}; }, "registrations", "register"},
        {"a workflow without a behavior",
            [](o&, d&, g& r) {
                r.workflows = {{"ship", {}}};
            },
            "workflows.ship", "default_behavior"},
        {"one workflow poller with a sticky cache", [](o& x, d&, g&) { x.workflow_pollers = 1; }, "workflow_pollers",
            "sticky"},
        {"no activity slot", [](o& x, d&, g&) { x.max_concurrent_activities = 0; }, "max_concurrent_activities",
            "unset"},
        {"no nexus poller", [](o& x, d&, g&) { x.nexus_pollers = 0; }, "nexus_pollers", "at least 1"},
        {"negative stop timeout", [](o& x, d&, g&) { x.stop_timeout = -1s; }, "stop_timeout", "-1 s"},
        {"negative buffer", [](o& x, d&, g&) { x.shutdown_buffer = -1ms; }, "shutdown_buffer", "-0.001 s"},
        {"negative idle exit", [](o& x, d&, g&) { x.idle_exit = -1500ms; }, "idle_exit", "-1.5 s"},
        {"negative activity timeout", [](o& x, d&, g&) { x.activity_timeout = -1s; }, "activity_timeout", "negative"},
        {"a share above one", [](o& x, d&, g&) { x.thin_target = 1.01; }, "thin_target", "1.01"},
        {"a share that is no number", [](o& x, d&, g&) { x.thin_target = std::nan(""); }, "thin_target", "nan"},
    };
    for (const row& r : rows) {
        worker_options options = sound();
        deployment_version version = orders_v1;
        registrations offered = one_activity;
        r.spoil(options, version, offered);
        const mayfly::problems found = resolve(options, version, offered).problems();
        CHECK_MESSAGE(fields(found) == r.field, r.why);
        CHECK_MESSAGE(to_string(found).find(r.words) != std::string::npos, r.why);
    }
}

TEST_CASE("all mistakes at once")
{
    worker_options o;
    o.versioning = false;
    o.workflow_pollers = 0;
    CHECK(fields(resolve(o, {}, {}).problems()) ==
          "version.deployment version.build_id versioning task_queue registrations workflow_pollers");
}

TEST_CASE("a workflow's own behavior goes before the default")
{
    worker_options o = sound();
    o.default_behavior = versioning_behavior::auto_upgrade;
    const registrations offered{.workflows = {{"ship", versioning_behavior::pinned}, {"bill", {}}}};
    const auto r = resolve(o, orders_v1, offered);
    REQUIRE(r);
    CHECK(r->behavior_of(offered.workflows[0]) == versioning_behavior::pinned);
    CHECK(r->behavior_of(offered.workflows[1]) == versioning_behavior::auto_upgrade);
}

TEST_CASE("a stop timeout shorter than the longest activity is worth a note")
{
    worker_options o = sound();
    o.activity_timeout = 5s;
    CHECK(resolve(o, orders_v1, one_activity)->notes().empty());
    o.activity_timeout = 5s + 1us;
    CHECK(fields(resolve(o, orders_v1, one_activity)->notes()) == "stop_timeout");
}

TEST_CASE("an idle exit below the floor is raised, and the floor can be lowered")
{
    worker_options o = sound();
    o.idle_exit = 300ms;
    const auto raised = resolve(o, orders_v1, one_activity);
    CHECK(raised->rules({}).idle_exit == 1s);
    CHECK(fields(raised->notes()) == "idle_exit");

    o.least_idle_exit = 0s;
    const auto kept = resolve(o, orders_v1, one_activity);
    CHECK(kept->rules({}).idle_exit == 300ms);
    CHECK(kept->notes().empty());

    o.least_idle_exit = 1s;
    o.idle_exit = 0s;
    CHECK(resolve(o, orders_v1, one_activity)->rules({}).idle_exit == 0s);
    CHECK(resolve(o, orders_v1, one_activity)->notes().empty());

    o.idle_exit.reset();
    const auto ordered = [&](mayfly::uptime idle_exit) {
        return resolve(o, orders_v1, one_activity)->rules({.idle_exit = idle_exit}).idle_exit;
    };
    CHECK_MESSAGE(ordered(300ms) == 1s, "an order is raised too");
    CHECK(ordered(2s) == 2s);
    CHECK_MESSAGE(ordered(0s) == 0s, "off is off");
    o.least_idle_exit = 0s;
    CHECK(ordered(300ms) == 300ms);
}

TEST_CASE("the user's rules stand above the controller's orders, field by field")
{
    const leave_rules orders{.idle_exit = 2s, .thin_target = 0.6, .thin_every = 3s, .stay = true};
    worker_options o = sound();
    CHECK(resolve(o, orders_v1, one_activity)->rules(orders) == orders);
    o.idle_exit = 9s;
    o.activity_timeout = 4s;
    leave_rules expected = orders;
    expected.idle_exit = 9s;
    expected.activity_timeout = 4s;
    CHECK(resolve(o, orders_v1, one_activity)->rules(orders) == expected);
    o.idle_exit = 0s;  // set, to off
    o.thin_target = 0;
    CHECK(resolve(o, orders_v1, one_activity)->rules(orders).idle_exit == 0s);
    CHECK(resolve(o, orders_v1, one_activity)->rules(orders).thin_target == 0);
}
