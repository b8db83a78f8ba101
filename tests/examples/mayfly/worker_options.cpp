// SPDX-License-Identifier: BSL-1.0
#include "../../../examples/mayfly/worker_options.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace examples;
using mayfly::settings;

namespace {

using words = std::vector<std::string_view>;

worker_arguments read(const words& line)
{
    std::size_t used = 0;
    const auto* const verb = find_worker_verb(line, used);
    if (verb == nullptr) {
        worker_arguments none;
        none.problem = "there is no such verb";
        return none;
    }
    return read_worker_arguments(*verb, words(line.begin() + static_cast<std::ptrdiff_t>(used), line.end()));
}

words version(words more, std::string_view verb)
{
    words out{"deployment", verb, "--deployment-name", "shop", "--build-id", "7"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
}

constexpr std::string_view function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:f:1";
constexpr std::string_view role_arn = "arn:aws:iam::123456789012:role/r";

mayfly::scaling_group stored()
{
    mayfly::scaling_group g;
    g.provider = mayfly::provider_spec{.type = "aws-lambda",
        .details = {{"arn", std::string(function_arn)}, {"role", std::string(role_arn)},
            {"role_external_id", std::string("secret")}}};
    g.scaler = mayfly::scaler_spec{.type = "fleet", .details = {{"spare", 1.0}}};
    g.limits = {1, 5};
    return g;
}

compute_flags flags(const words& given)
{
    const auto line = version(given, "update-version-compute-config");
    const auto read_line = read(line);
    INFO(read_line.problem);
    CHECK(read_line.problem.empty());
    return read_line.compute;
}

}  // namespace

TEST_CASE("worker: what cannot be meant is told, with what to do")
{
    struct row {
        const char* why;
        words line;
        std::string_view said;  // Empty: it can be meant.
    };
    const row rows[] = {
        {"a deployment", {"deployment", "create", "--name", "shop"}, ""},
        {"which one", {"deployment", "create"}, "--name is missing"},
        {"a name that no server takes", {"deployment", "create", "--name", "a.b"}, "--name is \"a.b\": leave out '.'"},
        {"no value", {"deployment", "create", "--name"}, "--name: give a value"},
        {"another verb's option", {"deployment", "create", "--name", "s", "--build-id", "1"}, "no option --build-id"},
        {"a word", {"deployment", "list", "shop"}, "\"shop\" is no option"},
        {"a form of output", {"deployment", "list", "--output", "yaml"}, "give one of text, json, jsonl, none"},
        {"which version", {"deployment", "describe-version", "--deployment-name", "s"}, "--build-id is missing"},
        {"a build id", {"deployment", "describe-version", "--deployment-name", "s", "--build-id", "a:b"},
            "--build-id is \"a:b\""},
        {"the mission's form",
            version({"--aws-lambda-invoke", function_arn, "--scaler-max-instances=3"}, "create-version"), ""},
        {"no provider", version({}, "create-version"), "--aws-lambda-invoke: give the function"},
        {"limits alone make no provider", version({"--scaler-max-instances", "3"}, "create-version"),
            "--aws-lambda-invoke: give the function"},
        {"the shipped form",
            version({"--aws-lambda-function-arn", function_arn, "--aws-lambda-assume-role-arn", role_arn,
                        "--aws-lambda-assume-role-external-id", "id"},
                "create-version"),
            ""},
        {"it wants a role", version({"--aws-lambda-function-arn", function_arn}, "create-version"),
            "--aws-lambda-assume-role-arn: the role and its external id come together"},
        {"or that none is meant",
            version({"--aws-lambda-function-arn", function_arn, "--aws-lambda-skip-role-and-external-id"},
                "create-version"),
            ""},
        {"not both",
            version({"--aws-lambda-function-arn", function_arn, "--aws-lambda-assume-role-arn", role_arn,
                        "--aws-lambda-assume-role-external-id", "id", "--aws-lambda-skip-role-and-external-id"},
                "create-version"),
            "--aws-lambda-skip-role-and-external-id: leave it out"},
        {"a role has an external id",
            version({"--aws-lambda-invoke", function_arn, "--aws-lambda-assume-role-arn", role_arn}, "create-version"),
            "--aws-lambda-assume-role-external-id"},
        {"both forms, one function",
            version({"--aws-lambda-invoke", function_arn, "--aws-lambda-function-arn", function_arn,
                        "--aws-lambda-skip-role-and-external-id"},
                "create-version"),
            ""},
        {"both forms, two functions",
            version({"--aws-lambda-invoke", function_arn, "--aws-lambda-function-arn", "other"}, "create-version"),
            "give one of them"},
        {"one provider",
            version({"--aws-lambda-invoke", function_arn, "--gcp-cloud-run-project", "p"}, "create-version"),
            "a version has one provider"},
        {"all four", version({"--gcp-cloud-run-project", "p"}, "create-version"), "--gcp-cloud-run-region"},
        {"of another cloud",
            version({"--gcp-cloud-run-project", "p", "--gcp-cloud-run-region", "r", "--gcp-cloud-run-worker-pool", "w",
                        "--gcp-cloud-run-service-account", "a"},
                "create-version"),
            ""},
        {"a set's bounds",
            version({"--gcp-cloud-run-project", "p", "--gcp-cloud-run-region", "r", "--gcp-cloud-run-worker-pool", "w",
                        "--gcp-cloud-run-service-account", "a", "--scaler-min-instances", "1", "--scaler-max-instances",
                        "5"},
                "create-version"),
            ""},
        {"which are said twice",
            version({"--gcp-cloud-run-project", "p", "--gcp-cloud-run-region", "r", "--gcp-cloud-run-worker-pool", "w",
                        "--gcp-cloud-run-service-account", "a", "--scaler-max-instances", "5",
                        "--gcp-cloud-run-max-instances", "4"},
                "create-version"),
            "--scaler-max-instances is 5: it is also given as --gcp-cloud-run-max-instances; give one of them"},
        {"bounds of what has none",
            version({"--aws-agentcore-endpoint-arn", "e", "--scaler-min-instances", "1"}, "create-version"),
            "--scaler-min-instances is 1: leave it out"},
        {"an endpoint", version({"--aws-agentcore-assume-role-arn", role_arn}, "create-version"),
            "--aws-agentcore-endpoint-arn"},
        {"no limit of none",
            version({"--aws-lambda-invoke", function_arn, "--scaler-max-instances", "0"}, "create-version"),
            "give a whole number from 1"},
        {"no negative one",
            version({"--aws-lambda-invoke", function_arn, "--scaler-min-instances=-1"}, "create-version"),
            "give a whole number"},
        {"nothing to change", version({}, "update-version-compute-config"), "nothing to change"},
        {"removal", version({"--remove"}, "update-version-compute-config"), ""},
        {"removal and a change", version({"--remove", "--scaler-max-instances", "3"}, "update-version-compute-config"),
            "--remove goes with no other flag"},
        {"removal is of updates", version({"--remove", "--aws-lambda-invoke", function_arn}, "create-version"),
            "there is no option --remove"},
        {"from one of two places", version({"--remove", "--storage", "server"}, "update-version-compute-config"), ""},
        {"moved", version({"--storage", "metadata"}, "update-version-compute-config"), ""},
        {"as it is", version({}, "validate-version"), ""},
        {"a rule", version({"--external-id", "maybe"}, "validate-version"), "give one of enforce, warn, off"},
        {"a place", version({"--aws-lambda-invoke", function_arn, "--storage", "elsewhere"}, "create-version"),
            "give one of auto, metadata, server"},
        {"current", version({"--yes", "--ignore-missing-task-queues"}, "set-current-version"), ""},
        {"a switch has no value", version({"--yes=true"}, "set-current-version"), "--yes: has no value"},
        {"nobody", {"deployment", "set-current-version", "--deployment-name", "s"}, "or --unversioned"},
        {"without a version", {"deployment", "set-current-version", "--deployment-name", "s", "--unversioned"}, ""},
        {"one of both", version({"--unversioned"}, "set-current-version"), "give one of them"},
        {"a share", version({}, "set-ramping-version"), "--percentage is missing"},
        {"all of it", version({"--percentage", "100"}, "set-ramping-version"), ""},
        {"more than all", version({"--percentage", "100.5"}, "set-ramping-version"), "give a number from 0 to 100"},
        {"less than nothing", version({"--percentage=-1"}, "set-ramping-version"), "give a number from 0 to 100"},
        {"no number", version({"--percentage", "nan"}, "set-ramping-version"), "give a number from 0 to 100"},
        {"no ramp", {"deployment", "set-ramping-version", "--deployment-name", "s", "--delete"}, ""},
        {"no ramp has no share", version({"--delete", "--percentage", "5"}, "set-ramping-version"), "has no share"},
        {"a note", version({"--metadata", "team=\"a=b\""}, "update-version-metadata"), ""},
        {"no note", version({}, "update-version-metadata"), "nothing to change"},
        {"a note is JSON", version({"--metadata", "team=shop"}, "update-version-metadata"), "give JSON"},
        {"a note has a name", version({"--metadata", "=1"}, "update-version-metadata"), "give KEY=JSON"},
        {"our own notes", version({"--metadata", "mayfly.compute={}"}, "update-version-metadata"), "mayfly's own"},
        {"what runs its workers is no note",
            version({"--remove-entries", "team", "--remove-entries", "mayfly.compute"}, "update-version-metadata"),
            "update-version-compute-config --remove"},
        {"a mark of somebody who is gone",
            version({"--remove-entries", "mayfly.controller"}, "update-version-metadata"), ""},
        {"the server's own is off",
            version({"--aws-lambda-invoke", function_arn, "--server-controller-is-off"}, "create-version"), ""},
        {"which is a switch",
            version({"--aws-lambda-invoke", function_arn, "--server-controller-is-off=yes"}, "create-version"),
            "--server-controller-is-off: has no value"},
        {"whom", {"deployment", "manager-identity", "set", "--deployment-name", "s"}, "--manager-identity is missing"},
        {"me", {"deployment", "manager-identity", "set", "--deployment-name", "s", "--self"}, ""},
        {"me or him",
            {"deployment", "manager-identity", "set", "--deployment-name", "s", "--self", "--manager-identity", "h"},
            "give one of them"},
        {"nobody any more", {"deployment", "manager-identity", "unset", "--deployment-name", "s"}, ""},
        {"workers", {"list", "--query", "TaskQueue = 'q'", "--limit", "5"}, ""},
        {"no limit", {"list", "--limit", "0"}, "give a whole number from 1"},
        {"a worker", {"describe"}, "--worker-instance-key is missing"},
        {"half a verb", {"deployment"}, "there is no such verb"},
        {"half a verb with a part", {"deployment", "manager-identity"}, "there is no such verb"},
    };
    for (const row& r : rows) {
        const std::string problem = read(r.line).problem;
        INFO(r.why << ": " << problem);
        CHECK(problem.empty() == r.said.empty());
        CHECK(problem.find(r.said) != std::string::npos);
    }
}

TEST_CASE("worker: an external id is never told")
{
    const std::string external_id = "sesame-open";
    for (const auto& line : {version({"--aws-lambda-invoke", function_arn, "--aws-lambda-assume-role-external-id",
                                         external_id, "--aws-lambda-assume-role-external-id", "other"},
                                 "create-version"),
             version({"--aws-lambda-assume-role-external-id", external_id, "--gcp-cloud-run-project", "p"},
                 "create-version"),
             version({"--aws-lambda-invoke", function_arn, "--aws-lambda-assume-role-external-id", external_id},
                 "create-version")}) {
        const std::string problem = read(line).problem;
        CHECK(!problem.empty());
        CHECK(problem.find(external_id) == std::string::npos);
    }
}

TEST_CASE("worker: flags change what they speak of, and nothing else")
{
    struct row {
        const char* why;
        words given;
        mayfly::scaling_group made;
        std::vector<std::string> mask;
    };
    const auto with = [](auto change) {
        mayfly::scaling_group g = stored();
        change(g);
        return g;
    };
    const row rows[] = {
        {"a new version of the function keeps its role", {"--aws-lambda-invoke", "arn2"},
            with([](auto& g) { g.provider->details["arn"] = std::string("arn2"); }), {"provider.details"}},
        {"a role alone", {"--aws-lambda-assume-role-arn", "role2"},
            with([](auto& g) { g.provider->details["role"] = std::string("role2"); }), {"provider.details"}},
        {"no role any more", {"--aws-lambda-skip-role-and-external-id"}, with([](auto& g) {
             g.provider->details.erase("role");
             g.provider->details.erase("role_external_id");
         }),
            {"provider.details"}},
        {"one limit", {"--scaler-max-instances", "9"}, with([](auto& g) { g.limits.max = 9; }), {"limits"}},
        {"both", {"--scaler-min-instances", "0", "--scaler-max-instances", "2"}, with([](auto& g) {
             g.limits = {0, 2};
         }),
            {"limits"}},
        {"the same algorithm keeps its details", {"--scaler-type", "fleet"}, stored(), {"scaler"}},
        {"another has none", {"--scaler-type", "no-sync"},
            with([](auto& g) { g.scaler = mayfly::scaler_spec{.type = "no-sync", .details = {}}; }), {"scaler"}},
        {"another provider takes nothing over but the limits, which are those of its set",
            {"--gcp-cloud-run-project", "p", "--gcp-cloud-run-region", "r", "--gcp-cloud-run-worker-pool", "w",
                "--gcp-cloud-run-service-account", "a", "--gcp-cloud-run-max-instances", "4",
                "--gcp-cloud-run-scale-down-stabilization-duration", "2m"},
            with([](auto& g) {
                g.provider = mayfly::provider_spec{.type = "gcp-cloud-run",
                    .details = {{"project", std::string("p")}, {"region", std::string("r")},
                        {"worker_pool", std::string("w")}, {"service_account", std::string("a")}}};
                g.scaler = mayfly::scaler_spec{.type = "rate-based",
                    .details = {{"min_count", std::int64_t{1}}, {"max_count", std::int64_t{4}},
                        {"initial_count", std::int64_t{1}}, {"no_sync_quiet_ms", std::int64_t{120'000}}}};
                g.limits = {};
            }),
            {"provider", "scaler", "limits"}},
        {"which are the same by either name",
            {"--gcp-cloud-run-project", "p", "--gcp-cloud-run-region", "r", "--gcp-cloud-run-worker-pool", "w",
                "--gcp-cloud-run-service-account", "a", "--gcp-cloud-run-max-instances", "4", "--scaler-min-instances",
                "0", "--scaler-max-instances", "4"},
            with([](auto& g) {
                g.provider = mayfly::provider_spec{.type = "gcp-cloud-run",
                    .details = {{"project", std::string("p")}, {"region", std::string("r")},
                        {"worker_pool", std::string("w")}, {"service_account", std::string("a")}}};
                g.scaler = mayfly::scaler_spec{.type = "rate-based",
                    .details = {{"min_count", std::int64_t{0}}, {"max_count", std::int64_t{4}},
                        {"initial_count", std::int64_t{0}}}};
                g.limits = {};
            }),
            {"provider", "scaler", "limits"}},
        {"one that keeps no limits is told of none", {"--aws-agentcore-endpoint-arn", "e"}, with([](auto& g) {
             g.provider =
                 mayfly::provider_spec{.type = "aws-agentcore", .details = {{"endpoint_arn", std::string("e")}}};
             g.scaler.reset();
             g.limits = {};
         }),
            {"provider", "scaler", "limits"}},
    };
    for (const row& r : rows) {
        INFO(r.why);
        const auto made = flags(r.given).apply_to(stored());
        REQUIRE(made);
        CHECK(made->group == r.made);
        CHECK(made->mask == r.mask);
    }
    // A set that is there already keeps what nobody speaks of.
    mayfly::scaling_group pool;
    pool.provider = mayfly::provider_spec{.type = "gcp-cloud-run", .details = {{"project", std::string("p")}}};
    pool.scaler = mayfly::scaler_spec{
        .type = "rate-based", .details = {{"max_count", std::int64_t{9}}, {"initial_count", std::int64_t{3}}}};
    const auto fewer = flags({"--scaler-min-instances", "2"}).apply_to(pool);
    REQUIRE(fewer);
    CHECK(fewer->mask == std::vector<std::string>{"scaler"});
    CHECK(fewer->group.scaler->details == mayfly::settings{{"initial_count", std::int64_t{3}},
                                              {"max_count", std::int64_t{9}}, {"min_count", std::int64_t{2}}});
    CHECK(fewer->group.limits == mayfly::scaling_limits{});
    // What the flags alone could not tell.
    CHECK(!flags({"--aws-lambda-assume-role-arn", role_arn}).apply_to({}));
    CHECK(!flags({"--scaler-max-instances", "2"}).apply_to({}));
}

TEST_CASE("worker: a change of routing is confirmed")
{
    struct row {
        const char* why;
        bool yes;
        output_format output;
        bool terminal;
        consent expected;
    };
    const row rows[] = {
        {"said already", true, output_format::json, false, consent::given},
        {"somebody is there", false, output_format::text, true, consent::ask},
        {"nobody is there", false, output_format::text, false, consent::missing},
        {"a program reads the answer", false, output_format::json, true, consent::missing},
        {"nobody reads it", false, output_format::none, true, consent::missing},
    };
    for (const row& r : rows) {
        worker_arguments a;
        a.yes = r.yes;
        a.output = r.output;
        CHECK_MESSAGE(consent_to_routing(a, r.terminal) == r.expected, r.why);
    }
}

TEST_CASE("worker: help names each verb and each of its options")
{
    for (const auto& v : worker_verbs) {
        const std::string_view path = v.path;
        const auto space = path.rfind(' ');
        const std::string_view group = space == path.npos ? "" : path.substr(0, space);
        const std::string_view last = space == path.npos ? path : path.substr(space + 1);
        INFO(path);
        CHECK(worker_help(group).find("\n  " + std::string(last) + ' ') != std::string::npos);
        const std::string help = worker_help(v);
        for (const auto& f : detail::worker_flags)
            CHECK((help.find("\n  " + std::string(f.flag) + ' ') != std::string::npos) == ((f.group & v.takes) != 0));
        for (const auto& f : compute_flags::known)
            CHECK((help.find("\n  " + std::string(f.flag) + ' ') != std::string::npos) ==
                  ((v.takes & detail::of_compute) != 0));
    }
    // One row each, though several verbs are below it.
    const std::string top = worker_help("");
    CHECK(top.find("  deployment ") == top.rfind("  deployment "));
}
