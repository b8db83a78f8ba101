// SPDX-License-Identifier: BSL-1.0
#include "../support/compute_kinds.hpp"

#include <mayfly/compute_update.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using enum mayfly::task_type;
using mayfly::compute_config;
using mayfly::compute_record;
using mayfly::compute_update;
using mayfly::group_change;
using mayfly::plan_update;
using mayfly::provider_spec;
using mayfly::scaler_spec;
using mayfly::scaling_group;
using mayfly::update_plan;
using mayfly_test::registry;
using verdict = mayfly::update_plan::verdict;

namespace {

const scaling_group stored_group{
    .types = {workflow},
    .regions = {"aws-a"},
    .provider = provider_spec{.type = "delegate", .details = {{"key", 1}}, .nexus_endpoint = "old"},
    .scaler = scaler_spec{.type = "no-sync", .details = {{"scale_up_cooloff_ms", 1}}},
    .limits = {.max = 1},
};

const scaling_group given_group{
    .types = {activity},
    .regions = {"aws-b"},
    .provider = provider_spec{.type = "function", .details = {{"arn", std::string{"f"}}}, .nexus_endpoint = "new"},
    .scaler = scaler_spec{.type = "fleet", .details = {{"scale_up_cooloff_ms", 2}}},
    .limits = {.max = 2},
};

const compute_record stored{.config = {{{"default", stored_group}}}, .revision = 7, .requests = {"first"}};

scaling_group plain(std::vector<mayfly::task_type> types = {})
{
    return {.types = std::move(types), .provider = provider_spec{.type = "delegate"}};
}

compute_update changing(const std::string& id, scaling_group g, std::vector<std::string> mask = {})
{
    return {.change = {{id, group_change{std::move(g), std::move(mask)}}}};
}

}  // namespace

TEST_CASE("each path of a mask copies its field and no other")
{
    struct row {
        const char* path;
        void (*expected)(scaling_group&);
    };
    const row rows[] = {
        {"task_queue_types", [](scaling_group& g) { g.types = given_group.types; }},
        {"region_ids", [](scaling_group& g) { g.regions = given_group.regions; }},
        {"limits", [](scaling_group& g) { g.limits = given_group.limits; }},
        {"provider", [](scaling_group& g) { g.provider = given_group.provider; }},
        {"provider.type", [](scaling_group& g) { g.provider->type = "function"; }},
        {"provider.details", [](scaling_group& g) { g.provider->details = given_group.provider->details; }},
        {"provider.nexus_endpoint", [](scaling_group& g) { g.provider->nexus_endpoint = "new"; }},
        {"scaler", [](scaling_group& g) { g.scaler = given_group.scaler; }},
        {"scaler.type", [](scaling_group& g) { g.scaler->type = "fleet"; }},
        {"scaler.details", [](scaling_group& g) { g.scaler->details = given_group.scaler->details; }},
    };
    // Any details will do here: this is about copying.
    const mayfly::provider_kind providers[] = {
        {.type = "delegate", .remote = true}, {.type = "function", .remote = true}};
    const mayfly::scaler_kind scalers[] = {{.type = "no-sync"}, {.type = "fleet"}};
    for (const row& r : rows) {
        scaling_group expected = stored_group;
        r.expected(expected);
        const auto plan = plan_update(&stored, changing("default", given_group, {r.path}), {providers, scalers});
        REQUIRE_MESSAGE(plan.what == verdict::change, r.path);
        CHECK_MESSAGE(plan.record.config.groups.at("default") == expected, r.path);
        CHECK_MESSAGE(plan.record.revision == 8, r.path);
    }
}

TEST_CASE("a named field that the update does not have is cleared")
{
    struct row {
        const char* path;
        void (*expected)(scaling_group&);
    };
    const row rows[] = {
        {"task_queue_types", [](scaling_group& g) { g.types = {}; }},
        {"provider.details", [](scaling_group& g) { g.provider->details = {}; }},
        {"provider.nexus_endpoint", [](scaling_group& g) { g.provider->nexus_endpoint = {}; }},
        {"scaler", [](scaling_group& g) { g.scaler = {}; }},
    };
    for (const row& r : rows) {
        scaling_group expected = stored_group;
        r.expected(expected);
        const auto plan = plan_update(&stored, changing("default", {}, {r.path}), registry);
        REQUIRE_MESSAGE(plan.what == verdict::change, r.path);
        CHECK_MESSAGE(plan.record.config.groups.at("default") == expected, r.path);
    }
    for (const char* path : {"provider", "provider.type"})
        CHECK_MESSAGE(
            plan_update(&stored, changing("default", {}, {path}), registry).what == verdict::invalid_argument, path);
}

TEST_CASE("a scaler that is not stored is created by a path into it")
{
    compute_record record{.config = {{{"default", plain()}}}};
    scaling_group g;
    g.scaler = scaler_spec{.type = "no-sync", .details = {{"scale_up_cooloff_ms", 5}}};
    const auto plan = plan_update(&record, changing("default", g, {"scaler.details"}), registry);
    REQUIRE(plan.what == verdict::change);
    const auto& made = plan.record.config.groups.at("default").scaler;
    REQUIRE(made);
    CHECK(made->type.empty());
    CHECK(made->details == g.scaler->details);
}

TEST_CASE("a provider that is not stored is created by a path into it")
{
    compute_record record{.config = {{{"default", {}}}}};
    const auto plan = plan_update(&record, changing("default", plain(), {"provider.type"}), registry);
    REQUIRE(plan.what == verdict::change);
    CHECK(plan.record.config.groups.at("default") == plain());
}

TEST_CASE("what an update comes to")
{
    struct row {
        const char* why;
        const compute_record* stored;
        compute_update update;
        verdict what;
        std::string says;
    };
    const std::string paths = "unknown; the paths are task_queue_types, provider, provider.type, provider.details, "
                              "provider.nexus_endpoint, scaler, scaler.type, scaler.details, region_ids, limits";
    const row rows[] = {
        {"the first group", nullptr, changing("default", plain()), verdict::create, ""},
        {"one more group: the mask does not matter", &stored, changing("more", plain(), {"no.such.path"}),
            verdict::change, ""},
        {"an empty mask changes nothing", &stored, changing("default", given_group), verdict::nothing, ""},
        {"a change to what is there already", &stored, changing("default", stored_group, {"provider", "scaler"}),
            verdict::nothing, ""},
        {"both lists empty", &stored, {}, verdict::failed_precondition,
            "update is empty: name groups to change or to remove"},
        {"both lists empty, for nothing", nullptr, {}, verdict::failed_precondition,
            "update is empty: name groups to change or to remove"},
        {"a path that there is not", &stored, changing("default", given_group, {"limits", "provider.arn"}),
            verdict::invalid_argument, "groups.default.mask[1] is \"provider.arn\": " + paths},
        {"a path into a scaler that is not given", &stored,
            changing("default", plain(), {"scaler.type", "scaler.details"}), verdict::invalid_argument,
            "groups.default.mask[0] is \"scaler.type\": give the scaler that the path speaks of\n"
            "groups.default.mask[1] is \"scaler.details\": give the scaler that the path speaks of"},
        {"the result is checked", &stored, changing("more", {}), verdict::invalid_argument,
            "groups.more.provider: give a provider; known are: function, pool, delegate"},
        {"the result is checked as a whole", &stored,
            changing("more", {.types = {workflow}, .regions = {"aws-a"}, .provider = plain().provider}),
            verdict::invalid_argument,
            "groups.more.task_types is workflow: name it in one group only; group \"default\" already does in region "
            "aws-a"},
        {"the last group goes: the end", &stored, {.remove = {"default"}}, verdict::end, ""},
        {"changed and removed: removed", &stored,
            {.change = {{"default", {given_group, {"limits"}}}}, .remove = {"default"}}, verdict::end, ""},
        {"removed before it was there", nullptr, {.change = {{"a", {plain(), {}}}}, .remove = {"a"}}, verdict::nothing,
            ""},
        {"an unknown group is removed", &stored, {.remove = {"more"}}, verdict::nothing, ""},
        {"the right token", &stored, {.remove = {"default"}, .conflict_token = "7"}, verdict::end, ""},
        {"a stale token", &stored, {.remove = {"default"}, .conflict_token = "6"}, verdict::failed_precondition,
            "conflict_token is \"6\": the configuration was changed in the meantime; read it again and make the change "
            "on "
            "top of that"},
        {"a token for nothing", nullptr, {.change = {{"default", {plain(), {}}}}, .conflict_token = "1"},
            verdict::failed_precondition,
            "conflict_token is \"1\": leave it out; the version has no configuration yet"},
        {"a request that was served", &stored, {.remove = {"default"}, .request_id = "first"}, verdict::nothing, ""},
        {"even if its token is stale by now", &stored,
            {.remove = {"default"}, .conflict_token = "6", .request_id = "first"}, verdict::nothing, ""},
        {"another request", &stored, {.remove = {"default"}, .request_id = "second"}, verdict::end, ""},
    };
    for (const row& r : rows) {
        const update_plan plan = plan_update(r.stored, r.update, registry);
        CHECK_MESSAGE(to_string(plan.what) == to_string(r.what), r.why);
        CHECK_MESSAGE(mayfly::to_string(plan.found.errors) == r.says, r.why);
        CHECK_MESSAGE(plan.refused() == !r.says.empty(), r.why);
        if (r.what != verdict::create && r.what != verdict::change)
            CHECK_MESSAGE(plan.record == compute_record{}, r.why);
    }
}

TEST_CASE("removing what is not there is told")
{
    const auto plan = plan_update(&stored, {.change = {{"b", {plain(), {}}}}, .remove = {"c"}}, registry);
    CHECK(plan.what == verdict::change);
    CHECK(mayfly::to_string(plan.found.warnings) == "remove is \"c\": there is no such group; nothing was removed");
}

TEST_CASE("an update carries the warnings of its result")
{
    const auto plan = plan_update(
        nullptr, {.change = {{"a", {plain({workflow, activity, nexus}), {}}}, {"b", {plain(), {}}}}}, registry);
    CHECK(plan.what == verdict::create);
    CHECK(plan.record.revision == 1);
    CHECK(plan.found.warnings.size() == 1);
}

TEST_CASE("several groups are changed and removed in one update")
{
    const compute_record record{.config = {{{"a", plain({workflow})}, {"b", plain({activity})}}}};
    scaling_group a = plain({nexus});
    const auto plan = plan_update(&record,
        {.change = {{"a", {a, {"task_queue_types"}}}, {"c", {plain({activity}), {}}}}, .remove = {"b"}}, registry);
    REQUIRE(plan.what == verdict::change);
    const compute_config expected{{{"a", a}, {"c", plain({activity})}}};
    CHECK(plan.record.config == expected);
}

TEST_CASE("another algorithm forgets the state of the one before, other details do not")
{
    const compute_record record{.config = {{{"a", plain({workflow})}, {"b", plain({activity})}}}};
    scaling_group g;
    g.scaler = scaler_spec{.type = "no-sync", .details = {{"scale_up_cooloff_ms", 5}}};
    CHECK_MESSAGE(plan_update(&record, changing("a", g, {"scaler"}), registry).reset.empty(),
        "named now, but it was the default before");
    g.scaler = scaler_spec{.type = "fleet"};
    const std::vector<std::string> a{"a"};
    CHECK(plan_update(&record, changing("a", g, {"scaler"}), registry).reset == a);
    CHECK(plan_update(&record, changing("c", g = plain({nexus})), registry).reset.empty());
}

TEST_CASE("requests are remembered, but not for ever")
{
    compute_record record;
    for (unsigned i = 0; i < compute_record::remembered_requests + 1; ++i) {
        compute_update update = changing("g" + std::to_string(i), plain({}), {});
        update.change.begin()->second.group.regions = {"aws-" + std::to_string(i)};
        update.request_id = "r" + std::to_string(i);
        const auto plan = plan_update(i == 0 ? nullptr : &record, update, registry);
        REQUIRE_FALSE(plan.refused());
        record = plan.record;
        CHECK(plan_update(&record, update, registry).what == verdict::nothing);
    }
    CHECK(record.requests.size() == compute_record::remembered_requests);
    CHECK(record.requests.front() == "r1");
    CHECK(plan_update(&record, {.remove = {"g0"}, .request_id = "r0"}, registry).what == verdict::change);
    CHECK(plan_update(&record, {.remove = {"g1"}, .request_id = "r1"}, registry).what == verdict::nothing);
}
