// SPDX-License-Identifier: BSL-1.0
#include "../support/compute_kinds.hpp"

#include <mayfly/compute_config.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace std::string_literals;
using enum mayfly::task_type;
using mayfly::check;
using mayfly::check_code;
using mayfly::compute_config;
using mayfly::compute_registry;
using mayfly::configured_version;
using mayfly::deployment_version;
using mayfly::effective_types;
using mayfly::provider_spec;
using mayfly::scaler_spec;
using mayfly::scaling_group;
using mayfly::setting;
using mayfly::task_types;
using mayfly_test::registry;

namespace {

provider_spec function(const std::string& arn = "f:1")
{
    return {.type = "function", .details = {{"arn", arn}}};
}

const provider_spec worker_pool{.type = "pool"};

scaling_group group(std::vector<mayfly::task_type> types, std::vector<std::string> regions = {})
{
    return {.types = std::move(types), .regions = std::move(regions), .provider = function()};
}

compute_config one(scaling_group g)
{
    return {{{"default", std::move(g)}}};
}

}  // namespace

TEST_CASE("a configuration is refused for what is wrong with it")
{
    struct row {
        const char* why;
        compute_config config;
        std::string says;
    };
    const row rows[] = {
        {"the least", one(group({})), ""},
        {"no group", {}, "groups: give at least one scaling group"},
        {"a group without a name", {{{"", group({})}}}, "groups is \"\": give every group a name"},
        {"no provider", one({}), "groups.default.provider: give a provider; known are: function, pool, delegate"},
        {"a provider that nobody knows", one({.provider = provider_spec{.type = "lambda"}}),
            "groups.default.provider.type is \"lambda\": not known here; give one of: function, pool, delegate"},
        {"a provider that is not enabled", one({.provider = provider_spec{.type = "forbidden"}}),
            "groups.default.provider.type is \"forbidden\": not enabled here; give one of: function, pool, delegate"},
        {"an algorithm that nobody knows", one({.provider = function(), .scaler = scaler_spec{.type = "magic"}}),
            "groups.default.scaler.type is \"magic\": not known here; give one of: no-sync, rate-based, fleet"},
        {"an algorithm that is not enabled", one({.provider = function(), .scaler = scaler_spec{.type = "retired"}}),
            "groups.default.scaler.type is \"retired\": not enabled here; give one of: no-sync, rate-based, fleet"},
        {"an unspecified type", one(group({mayfly::unspecified_task_type, activity})),
            "groups.default.task_types[0] is unspecified: give workflow, activity or nexus"},
        {"a type twice in one group", one(group({activity, nexus, activity})),
            "groups.default.task_types[2] is activity: name each type once"},
        {"a type in two groups", {{{"a", group({activity, nexus})}, {"b", group({workflow, nexus})}}},
            "groups.b.task_types is nexus: name it in one group only; group \"a\" already does"},
        {"two catch-alls", {{{"a", group({})}, {"b", group({})}}},
            "groups.b.task_types is empty: name types; group \"a\" already takes whatever is left"},
        {"a catch-all beside others", {{{"a", group({})}, {"b", group({workflow, nexus})}}}, ""},
        {"strategies that do not fit", one({.provider = function(), .scaler = scaler_spec{.type = "rate-based"}}),
            "groups.default.scaler.type is \"rate-based\": sizes a worker set, but provider \"function\" starts single "
            "workers; choose an algorithm that does too"},
        {"nor the other way round", one({.provider = worker_pool, .scaler = scaler_spec{.type = "fleet"}}),
            "groups.default.scaler.type is \"fleet\": starts single workers, but provider \"pool\" sizes a worker set; "
            "choose an algorithm that does too"},
        {"details of the provider", one({.provider = provider_spec{.type = "function"}}),
            "groups.default.provider.details.arn: is required"},
        {"details of the algorithm",
            one({.provider = function(),
                .scaler = scaler_spec{.type = "no-sync", .details = {{"scale_up_cooloff_ms", -1}}}}),
            "groups.default.scaler.details.scale_up_cooloff_ms is -1: give a whole number from 0 to 9223372036854775"},
        {"details without a type are those of the default",
            one({.provider = worker_pool, .scaler = scaler_spec{.details = {{"max_count", 0}}}}),
            "groups.default.scaler.details.max_count is 0: give a whole number from 1 to 2147483647"},
        {"a number as text or integral float",
            one({.provider = worker_pool, .scaler = scaler_spec{.details = {{"max_count", 5.0}, {"min_count", "0"s}}}}),
            ""},
        {"an endpoint that leads nowhere", one({.provider = provider_spec{.type = "pool", .nexus_endpoint = "there"}}),
            "groups.default.provider.nexus_endpoint is \"there\": remove it; provider \"pool\" is not reached through "
            "an "
            "endpoint"},
        {"an endpoint of a remote provider",
            one({.provider = provider_spec{.type = "delegate", .nexus_endpoint = "there"}}), ""},
        {"limits", one({.provider = function(), .limits = {.min = 1, .max = 1}}), ""},
        {"a maximum of zero", one({.provider = function(), .limits = {.max = 0}}),
            "groups.default.limits.max is 0: give at least 1; with 0 no worker would ever start"},
        {"a minimum above the maximum", one({.provider = function(), .limits = {.min = 6, .max = 5}}),
            "groups.default.limits.min is 6: give at most limits.max, which is 5"},
        {"regions", one(group({}, {"aws-us-east-1", "gcp-europe-west4"})), ""},
        {"a region twice", one(group({}, {"aws-us-east-1", "aws-us-east-1"})),
            "groups.default.regions[1] is \"aws-us-east-1\": name each region once"},
        {"the same type in different regions",
            {{{"a", group({activity}, {"aws-eu-west-1"})}, {"b", group({activity}, {"aws-us-east-1"})},
                {"c", group({activity})}}},
            ""},
        {"the same type in one region",
            {{{"a", group({activity}, {"aws-eu-west-1", "aws-us-east-1"})},
                {"b", group({activity}, {"aws-us-east-1"})}}},
            "groups.b.task_types is activity: name it in one group only; group \"a\" already does in region "
            "aws-us-east-1"},
        {"two catch-alls in one region", {{{"a", group({}, {"aws-eu-west-1"})}, {"b", group({}, {"aws-eu-west-1"})}}},
            "groups.b.task_types is empty: name types; group \"a\" already takes whatever is left in region "
            "aws-eu-west-1"},
        {"every problem, not the first", one({.types = {activity, activity}, .limits = {.max = 0}}),
            "groups.default.task_types[1] is activity: name each type once\n"
            "groups.default.provider: give a provider; known are: function, pool, delegate\n"
            "groups.default.limits.max is 0: give at least 1; with 0 no worker would ever start"},
    };
    for (const row& r : rows) {
        const auto found = check(r.config, registry);
        CHECK_MESSAGE(mayfly::to_string(found.errors) == r.says, r.why);
        CHECK_MESSAGE(found.warnings.empty(), r.why);
    }
}

TEST_CASE("how a region is written")
{
    for (const char* good : {"aws-us-east-1", "gcp-a", "a-1"})
        CHECK_MESSAGE(check(one(group({}, {good})), registry).errors.empty(), good);
    for (const char* bad : {"", "aws", "-", "aws-", "-aws", "aws--us", "AWS-us", "aws_us-1", "aws us-1"})
        CHECK_MESSAGE(check(one(group({}, {bad})), registry).errors.size() == 1, bad);
}

TEST_CASE("a catch-all that nothing is left for is told, not refused")
{
    const compute_config inert{{{"a", group({activity, workflow, nexus})}, {"rest", group({})}}};
    const auto found = check(inert, registry);
    CHECK(found.errors.empty());
    CHECK(mayfly::to_string(found.warnings) ==
          "groups.rest.task_types is empty: nothing is left for this group, so it never starts a worker; name types or "
          "remove it");

    const compute_config in_region{
        {{"a", group({activity, workflow, nexus}, {"aws-a"})}, {"rest", group({}, {"aws-a", "aws-b"})}}};
    CHECK(
        mayfly::to_string(check(in_region, registry).warnings) ==
        "groups.rest.task_types is empty: nothing is left for this group in region aws-a, so it never starts a worker; "
        "name types or remove it");
}

TEST_CASE("which group serves a type")
{
    const compute_config c{{{"rest", group({})}, {"work", group({workflow})}, {"us", group({}, {"aws-us"})},
        {"us-nexus", group({nexus}, {"aws-us", "aws-ca"})}}};
    REQUIRE(check(c, registry).errors.empty());
    struct row {
        const char* why;
        mayfly::task_type type;
        const char* region;
        const char* group;
    };
    const row rows[] = {
        {"named, without a region", workflow, "", "work"},
        {"not named: the catch-all", activity, "", "rest"},
        {"a region that no group has", workflow, "aws-eu", "work"},
        {"named in the region", nexus, "aws-us", "us-nexus"},
        {"the region's catch-all goes before a type named elsewhere", workflow, "aws-us", "us"},
        {"a region without a catch-all", activity, "aws-ca", "rest"},
        {"a region without a catch-all, named elsewhere", workflow, "aws-ca", "work"},
    };
    for (const row& r : rows) {
        const std::string* const id = mayfly::serving_group(c, r.type, r.region);
        REQUIRE_MESSAGE(id != nullptr, r.why);
        CHECK_MESSAGE(*id == r.group, r.why);
    }
    CHECK(effective_types(c, "rest") == task_types{activity, nexus});
    CHECK(effective_types(c, "rest", "aws-ca") == task_types{activity});
    CHECK(effective_types(c, "rest", "aws-us").empty());
    CHECK(effective_types(c, "us", "aws-us") == task_types{workflow, activity});
    CHECK(effective_types(c, "us").empty());
    CHECK(effective_types(c, "unknown").empty());
    CHECK(mayfly::serving_group(one(group({workflow})), activity) == nullptr);
}

TEST_CASE("the algorithm of a group that names none is the provider's")
{
    using mayfly::effective_scaler;
    CHECK(effective_scaler({.provider = function()}, registry) == "no-sync");
    CHECK(effective_scaler({.provider = worker_pool}, registry) == "rate-based");
    CHECK(effective_scaler({.provider = worker_pool, .scaler = scaler_spec{}}, registry) == "rate-based");
    CHECK(effective_scaler({.provider = worker_pool, .scaler = scaler_spec{.type = "fleet"}}, registry) == "fleet");
    CHECK(effective_scaler({}, registry).empty());
    CHECK(effective_scaler({.provider = provider_spec{.type = "lambda"}}, registry).empty());

    compute_registry other = registry;
    other.default_invoke_scaler = "fleet";
    CHECK(effective_scaler({.provider = function()}, other) == "fleet");
    other.scalers = {};
    CHECK(mayfly::to_string(check(one({.provider = function()}), other).errors) ==
          "groups.default.scaler.type is \"fleet\", the default: not known here; give one of: none");
}

TEST_CASE("one build id stands for one published state of the code")
{
    const deployment_version v2{"orders", "2"};
    const deployment_version v1{"orders", "1"};
    const deployment_version elsewhere{"billing", "1"};
    const auto configured = [](const std::string& arn) { return one({.provider = function(arn)}); };
    struct row {
        const char* why;
        compute_config config;
        deployment_version other;
        compute_config others;
        std::string says;
    };
    const std::string field = "groups.default.provider.details.arn is ";
    const row rows[] = {
        {"a published version of its own", configured("f:2"), v1, configured("f:1"), ""},
        {"no version is named", configured("f"), v1, configured("f:1"),
            field + "\"f\": names no published version, so the next deployment changes the code behind this build id; "
                    "name one"},
        {"the latest", configured("f:latest"), v1, configured("f:1"),
            field +
                "\"f:latest\": names no published version, so the next deployment changes the code behind this build "
                "id; name one"},
        {"an alias", configured("f:live"), v1, configured("f:1"),
            field + "\"f:live\": can be pointed at other code, which then runs under this build id; name a published "
                    "version"},
        {"two versions, one code", configured("f:1"), v1, configured("f:1"),
            field + "\"f:1\": is also the code of build id \"1\"; publish a version of the code for each build id"},
        {"one code in two deployments is nobody's business", configured("f:1"), elsewhere, configured("f:1"), ""},
        {"the code changes under a name", configured("f:2"), v2, configured("f:1"),
            field + "\"f:2\": was \"f:1\": the code changes under build id \"2\"; give new code a new build id"},
        {"a change of something else", configured("f:2"), v2, configured("f:2"), ""},
        {"the group is new", configured("f:2"), v2, {{{"other", group({})}}}, ""},
        {"a provider that tells nothing of code", one({.provider = worker_pool}), v1, one({.provider = worker_pool}),
            ""},
        {"no provider at all", one({}), v1, one({}), ""},
    };
    for (const row& r : rows) {
        const configured_version known[] = {{&r.other, &r.others}};
        CHECK_MESSAGE(mayfly::to_string(check_code(v2, r.config, known, registry)) == r.says, r.why);
    }
}
