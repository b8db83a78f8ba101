// SPDX-License-Identifier: BSL-1.0
#include "example_arns.hpp"

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/target_details.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/scalers/reference_kinds.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace mayfly::aws;
using mayfly::code_binding;
using mayfly::code_reference;
using mayfly::compute_config;
using mayfly::compute_registry;
using mayfly::provider_spec;
using mayfly::reference_scaler_kinds;
using mayfly::settings;
using mayfly::task_type;
using mayfly_test::function;
using mayfly_test::role;

namespace {

template <class Details>
std::string wrong_with(const settings& s, bool role_required = false)
{
    return to_string(details_from<Details>(s, "details", role_required).problems());
}

}  // namespace

TEST_CASE("the details of a function: what is wrong, and what to do about it")
{
    struct row {
        const char* why;
        settings from;
        bool role_required;
        std::string wrong;
    };
    const row rows[] = {
        {"the function alone", {{"arn", function + ":7"}}, false, ""},
        {"with a role", {{"arn", function}, {"role", role}, {"role_external_id", "shared-with-us"}}, true, ""},
        {"a role that asks for no id", {{"arn", function}, {"role", role}}, false, ""},
        {"nothing", {}, false, "details.arn: is required"},
        {"no role where one is required", {{"arn", function}}, true,
            "details.role: is required\ndetails.role_external_id: is required"},
        {"no ARN", {{"arn", "work"}}, false,
            "details.arn is \"work\": write the whole ARN: arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, with "
            ":VERSION at the end to pin it"},
        {"no role's ARN", {{"arn", function}, {"role", "invoke"}}, false,
            "details.role is \"invoke\": write the role's ARN: arn:PARTITION:iam::ACCOUNT:role/NAME"},
        {"another world", {{"arn", function}, {"role", "arn:aws-cn:iam::123456789012:role/invoke"}}, false,
            "details.role is \"arn:aws-cn:iam::123456789012:role/invoke\": give a role of the partition aws"},
        {"an id without a role", {{"arn", function}, {"role_external_id", "shared-with-us"}}, false,
            "details.role_external_id is not shown: give the role too that asks for it, or remove it"},
        {"an id that no policy can hold", {{"arn", function}, {"role", role}, {"role_external_id", "with blanks"}},
            false, "details.role_external_id is not shown: give 2 to 1224 letters, digits and _+=,.@:/-"},
        {"too short", {{"arn", function}, {"role", role}, {"role_external_id", "x"}}, false,
            "details.role_external_id is not shown: give 2 to 1224 letters, digits and _+=,.@:/-"},
        {"a typo", {{"arn", function}, {"rolle", role}}, false,
            "details.rolle is not shown: unknown; the settings are arn, role, role_external_id"},
        {"an id under another name", {{"arn", function}, {"external_id", "shared-with-us"}}, false,
            "details.external_id is not shown: unknown; the settings are arn, role, role_external_id"},
        {"an id that is a number", {{"arn", function}, {"role", role}, {"role_external_id", std::int64_t{4711}}}, false,
            "details.role_external_id is not shown: give text"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        CHECK(wrong_with<lambda_details>(r.from, r.role_required) == r.wrong);
    }
}

TEST_CASE("the details of a set of tasks")
{
    const std::string cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/main";
    struct row {
        const char* why;
        settings from;
        std::string wrong;
    };
    const row rows[] = {
        {"names and a region", {{"cluster", "main"}, {"service", "work"}, {"region", "eu-west-1"}}, ""},
        {"the cluster's ARN", {{"cluster", cluster}, {"service", "work"}}, ""},
        {"and the same region", {{"cluster", cluster}, {"service", "work"}, {"region", "eu-west-1"}}, ""},
        {"both ARNs", {{"cluster", cluster}, {"service", "arn:aws:ecs:eu-west-1:123456789012:service/main/work"}}, ""},
        {"nothing", {}, "details.cluster: is required\ndetails.service: is required"},
        {"a name needs a region", {{"cluster", "main"}, {"service", "work"}}, "details.region: is required"},
        {"another region", {{"cluster", cluster}, {"service", "work"}, {"region", "us-east-1"}},
            "details.region is \"us-east-1\": give the cluster's own region, or none (cluster is \"" + cluster + "\")"},
        {"a service elsewhere",
            {{"cluster", cluster}, {"service", "arn:aws:ecs:us-east-1:123456789012:service/main/work"}},
            "details.service is \"arn:aws:ecs:us-east-1:123456789012:service/main/work\": give a service of the "
            "cluster's region (cluster is \"" +
                cluster + "\")"},
        {"a function is no cluster", {{"cluster", function}, {"service", "work"}},
            "details.cluster is \"" + function +
                "\": give a name, or an ARN like arn:aws:ecs:REGION:ACCOUNT:cluster/NAME"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        CHECK(wrong_with<ecs_details>(r.from) == r.wrong);
    }
    CHECK(details_from<ecs_details>({{"cluster", cluster}, {"service", "work"}})->region == "eu-west-1");
}

TEST_CASE("which code a function stands for")
{
    struct row {
        const char* why;
        settings details;
        std::string code;
        code_binding binding;
    };
    const row rows[] = {
        {"a version is for ever", {{"arn", function + ":7"}}, function + ":7", code_binding::fixed},
        {"no version", {{"arn", function}}, function, code_binding::floating},
        {"the latest is no version either", {{"arn", function + ":$LATEST"}}, function, code_binding::floating},
        {"an alias can be moved", {{"arn", function + ":PROD"}}, function + ":PROD", code_binding::movable},
        {"no ARN", {{"arn", "work"}}, "", code_binding::fixed},
        {"not even text", {{"arn", 7}}, "", code_binding::fixed},
        {"nothing", {}, "", code_binding::fixed},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const code_reference got = classify_lambda(r.details);
        CHECK(got.code == r.code);
        CHECK(got.binding == r.binding);
    }
}

TEST_CASE("a configuration that names these providers is checked with their rules")
{
    const compute_registry registry{aws::provider_kinds, reference_scaler_kinds};
    const compute_registry strict{aws::provider_kinds_with_role, reference_scaler_kinds};
    compute_config config;
    config.groups["default"].provider = provider_spec{.type = "aws-lambda", .details = {{"arn", function + ":7"}}};
    config.groups["pool"] = {.types = {task_type::nexus},
        .provider = provider_spec{
            .type = "aws-ecs", .details = {{"cluster", "main"}, {"service", "work"}, {"region", "eu-west-1"}}}};
    CHECK(to_string(check(config, registry).errors) == "");
    CHECK(to_string(check(config, strict).errors) == "groups.default.provider.details.role: is required\n"
                                                     "groups.default.provider.details.role_external_id: is required\n"
                                                     "groups.pool.provider.details.role: is required\n"
                                                     "groups.pool.provider.details.role_external_id: is required");
    config.groups["default"].provider->details["arn"] = function;
    CHECK(check_code({"orders", "b7"}, config, {}, registry).size() == 1);
}
