// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/temporal/embedded/compute_kinds.hpp>
#include <mayfly/temporal/read_version.hpp>
#include <mayfly/temporal/stored_compute.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>

using namespace registry_test;
using mayfly::compute_config;
using mayfly::compute_record;
using mayfly::task_type;

namespace {

compute_record full()
{
    compute_record out{.revision = 7, .requests = {"a", "b"}};
    auto& g = out.config.groups["default"];
    g.types = {task_type::workflow, task_type::activity};
    g.regions = {"aws-us-east-1"};
    g.provider = mayfly::provider_spec{"aws-lambda",
        {{"arn", std::string(function)}, {"role_external_id", std::string("hush")}, {"n", std::int64_t{5}}, {"x", 0.5},
            {"on", true}},
        "there"};
    g.scaler = mayfly::scaler_spec{"fleet", {{"a", std::int64_t{1}}}};
    g.limits = {.min = 2, .max = 5};
    out.config.groups["other"].provider = mayfly::provider_spec{"local", {}, ""};
    return out;
}

}  // namespace

TEST_CASE("a configuration comes back as it went")
{
    const compute_record r = full();
    const auto read = read_compute(write_compute(r));
    REQUIRE_MESSAGE(bool(read), to_string(read.problems()));
    CHECK(*read == r);
    // What stands for itself is left out.
    const compute_record small{.config = {{{"default", lambda_group()}}}, .revision = 1, .requests = {}};
    CHECK(write_compute(small) ==
          std::string(R"({"groups":{"default":{"provider":{"type":"aws-lambda","details":{"arn":")") + function +
              R"("}}}},"revision":1})");
    CHECK(*read_compute(write_compute(small)) == small);
}

TEST_CASE("what somebody wrote by hand is read, and what is wrong has its field, and never its value")
{
    struct row {
        const char* why;
        std::string text;
        std::string field;  // Of the first problem; empty: there is none.
        std::string remedy = {};
    };
    const std::string secret = "hush-hush";
    const row rows[] = {
        {"the least", R"({"groups":{"default":{"provider":{"type":"local"}}}})", ""},
        {"as a text in a text, as some tools write it", R"("{\"groups\":{}}")", ""},
        {"a float that is whole", R"({"groups":{"d":{"limits":{"min":1.0,"max":2e0}}}})", ""},
        {"nothing", "", "mayfly.compute", "is no JSON object"},
        {"no object", "[1]", "mayfly.compute", "is no JSON object"},
        {"broken", R"({"groups":)", "mayfly.compute", "is no JSON object"},
        {"two", R"({"groups":{}} {})", "mayfly.compute", "is no JSON object"},
        {"no groups", "{}", "mayfly.compute.groups", "at least one"},
        {"an unknown key", R"({"groups":{},"hush-hush":1})", "mayfly.compute.hush-hush", "groups, revision, requests"},
        {"an unknown key of a group", R"({"groups":{"d":{"limit":"hush-hush"}}})", "groups.d.limit", "limits"},
        {"an unknown key of a provider", R"({"groups":{"d":{"provider":{"arn":"hush-hush"}}}})",
            "groups.d.provider.arn", "details"},
        {"a group that is none", R"({"groups":{"d":"hush-hush"}})", "groups.d", "object"},
        {"a type that is none", R"({"groups":{"d":{"task_types":["hush-hush"]}}})", "groups.d.task_types[0]",
            "workflow, activity or nexus"},
        {"a type that is no text", R"({"groups":{"d":{"task_types":["nexus",3]}}})", "groups.d.task_types[1]", "text"},
        {"types that are no array", R"({"groups":{"d":{"task_types":"hush-hush"}}})", "groups.d.task_types", "array"},
        {"a negative limit", R"({"groups":{"d":{"limits":{"min":-1}}}})", "groups.d.limits.min", "whole number"},
        {"a limit that is too large", R"({"groups":{"d":{"limits":{"max":4294967296}}}})", "groups.d.limits.max",
            "4294967295"},
        {"a fraction", R"({"groups":{"d":{"limits":{"max":1.5}}}})", "groups.d.limits.max", "whole number"},
        {"a limit as a text", R"({"groups":{"d":{"limits":{"max":"hush-hush"}}}})", "groups.d.limits.max", "whole"},
        {"nested details",
            R"({"groups":{"d":{"provider":{"type":"local","details":{"role_external_id":["hush-hush"]}}}}})",
            "groups.d.provider.details.role_external_id", "nothing nested"},
        {"details that are none", R"({"groups":{"d":{"provider":{"details":"hush-hush"}}}})",
            "groups.d.provider.details", "object"},
        {"a name as long as a book", R"({"groups":{")" + std::string(5000, 'x') + R"(":1}})",
            "groups." + std::string(64, 'x') + "...", "object"},
        {"a deep one", std::string(100, '[') + std::string(100, ']'), "mayfly.compute", "is no JSON object"},
        {"too much", R"({"groups":{"d":{"provider":{"type":")" + std::string(300'000, 'x') + R"("}}}})",
            "mayfly.compute", "at most 262144 bytes"},
    };
    for (const row& r : rows) {
        const auto read = read_compute(r.text);
        const auto wrong = read.problems();
        REQUIRE_MESSAGE(bool(read) == r.field.empty(), r.why);
        if (r.field.empty())
            continue;
        CHECK_MESSAGE(wrong[0].field == r.field, r.why);
        CHECK_MESSAGE(wrong[0].remedy.find(r.remedy) != std::string::npos, (r.why + (": " + wrong[0].remedy)));
        for (const problem& p : wrong)
            CHECK_MESSAGE((p.value + p.remedy).find(secret) == std::string::npos, r.why);
    }
}

TEST_CASE("no text, however broken, is read as what it is not, and none is too much")
{
    std::mt19937 random(1);
    const std::string whole = write_compute(full());
    int read_again = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string text = whole;
        for (int n = 1 + static_cast<int>(random() % 3); n > 0; --n) {
            const auto at = random() % text.size();
            switch (random() % 4) {
            case 0: text[at] = static_cast<char>(random() % 256); break;
            case 1: text.erase(at, 1 + random() % 5); break;
            case 2: text.insert(at, text.substr(random() % text.size(), random() % 20)); break;
            case 3: text[at] = "{}[]\",:0-.e"[random() % 11]; break;
            }
            if (text.empty())
                text = " ";
        }
        const auto r = read_compute(text);
        if (!r) {
            for (const problem& p : r.problems()) {
                CHECK_FALSE(p.field.empty());
                CHECK_FALSE(p.remedy.empty());
                CHECK(p.value.find("hush") == std::string::npos);
                CHECK(p.remedy.find("hush") == std::string::npos);
            }
            continue;
        }
        ++read_again;
        const auto twice = read_compute(write_compute(*r));
        REQUIRE(bool(twice));
        CHECK(*twice == *r);
    }
    CHECK(read_again > 100);  // most changes are of a text within, and harm nothing
}

TEST_CASE("the records of a validation and of a controller come back, and broken ones do not")
{
    const validation_record v{"role cannot be assumed", wall_clock_time(1'800'000'000s + 250ms), "me@here"};
    CHECK(write_validation(v) ==
          R"({"error":"role cannot be assumed","checked":"2027-01-15T08:00:00.250Z","by":"me@here"})");
    CHECK(*read_validation(write_validation(v)) == v);
    const controller_record c{"mayfly-controller", "me@here", wall_clock_time(1'800'000'000s)};
    CHECK(*read_controller(write_controller(c)) == c);
    CHECK_FALSE(read_validation(R"({"checked":"yesterday"})"));
    CHECK_FALSE(read_validation(R"({"checked":"99999-01-01T00:00:00Z"})"));
    CHECK_FALSE(read_controller(R"({"name":1})"));
    CHECK_FALSE(read_controller("x"));
}

TEST_CASE("problems of a provider's details show what names something, and nothing else")
{
    struct row {
        const char* why;
        const char* field;
        bool shown;
    };
    const row rows[] = {
        {"a function's name", "groups.d.provider.details.arn", true},
        {"a role's name", "groups.d.provider.details.role", true},
        {"what only the role's owner shall know", "groups.d.provider.details.role_external_id", false},
        {"a typing error may hold anything", "groups.d.provider.details.role_externalid", false},
        {"what is no detail", "groups.d.limits.min", true},
        {"an algorithm has no secrets", "groups.d.scaler.details.target", true},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(without_secrets({{r.field, "value", "remedy"}})[0].value.empty() != r.shown, r.why);
}

TEST_CASE("a description tells where the configuration is, what is wrong with it, and who else may act")
{
    version_description bare;
    bare.version = one;
    bare.status = mayfly::version_status::current;
    const reader_role me{.controller = "mine", .server_controller_is_off = false};
    const reader_role alone{.controller = "mine", .server_controller_is_off = true};

    version_description metadata = bare;
    metadata.metadata.emplace(compute_key, json_payload(write_compute(full())));
    version_description server = bare;
    server.compute = {{{"default", lambda_group()}}};
    version_description both = metadata;
    both.compute = server.compute;
    version_description broken = bare;
    broken.metadata.emplace(compute_key, json_payload("{"));
    version_description encrypted = bare;
    auto sealed = json_payload("{}");
    (*sealed.mutable_metadata())["encoding"] = "binary/encrypted";
    encrypted.metadata.emplace(compute_key, sealed);
    version_description theirs = metadata;
    theirs.metadata.emplace(controller_key, json_payload(write_controller({"theirs", "you@there", {}})));
    version_description mine = metadata;
    mine.metadata.emplace(controller_key, json_payload(write_controller({"mine", "you@there", {}})));
    mine.metadata.emplace(validation_key, json_payload("nonsense of somebody else"));

    struct row {
        const char* why;
        const version_description& from;
        const reader_role& role;
        compute_storage kept_in;
        bool wrong;
        const char* conflict;  // A part of its words; empty: none.
        bool drivable;
    };
    const row rows[] = {
        {"nothing is configured", bare, me, compute_storage::none, false, "", false},
        {"in metadata", metadata, me, compute_storage::metadata, false, "", true},
        {"in the server, whose controller may be on", server, me, compute_storage::server, false, "--storage metadata",
            false},
        {"in the server, whose controller is off", server, alone, compute_storage::server, false, "", true},
        {"in both: two controllers", both, alone, compute_storage::metadata, false, "--remove --storage server", false},
        {"not understood", broken, me, compute_storage::metadata, true, "", false},
        {"encrypted", encrypted, me, compute_storage::metadata, true, "", false},
        {"another controller drives it", theirs, me, compute_storage::metadata, false,
            "--remove-entries mayfly.controller", false},
        {"this one drives it, in whatever process", mine, me, compute_storage::metadata, false, "", true},
    };
    for (const row& r : rows) {
        const auto seen = read_version(r.from, r.role);
        CHECK_MESSAGE(seen.kept_in == r.kept_in, r.why);
        CHECK_MESSAGE(seen.wrong.empty() != r.wrong, r.why);
        const std::string part = r.conflict;
        CHECK_MESSAGE(seen.conflict.empty() == part.empty(), r.why);
        CHECK_MESSAGE(seen.conflict.find(part) != std::string::npos, r.why);
        CHECK_MESSAGE(seen.drivable() == r.drivable, r.why);
        CHECK_MESSAGE(seen.conflict.find("hush") == std::string::npos, r.why);
    }
    CHECK(read_version(theirs, {}).conflict.empty());  // who drives nothing has no rival
    CHECK_FALSE(read_version(mine, me).validation);
    // A server counts no revisions: the token is another one for another configuration.
    version_description changed = server;
    changed.compute.groups["default"].provider->details["arn"] = std::string("other");
    CHECK(read_version(server, me).compute.conflict_token() != read_version(changed, me).compute.conflict_token());

    auto unfit = read_version(metadata, me);
    check_record(unfit, mayfly::temporal::embedded::compute_kinds);
    CHECK_FALSE(unfit.wrong.empty());
    CHECK(to_string(unfit.wrong).find("hush") == std::string::npos);
}
