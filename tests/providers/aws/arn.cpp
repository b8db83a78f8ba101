// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/arn.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace mayfly::aws;

TEST_CASE("ARNs")
{
    const auto a = parse_arn("arn:aws:sts::123456789012:assumed-role/r/s:t");
    REQUIRE(a);
    CHECK(*a == arn{"aws", "sts", "", "123456789012", "assumed-role/r/s:t"});
    CHECK(to_string(*a) == "arn:aws:sts::123456789012:assumed-role/r/s:t");

    struct row {
        const char* why;
        std::string_view text;
    };
    const row bad[] = {
        {"nothing", ""},
        {"five parts", "arn:aws:iam::123456789012"},
        {"another word", "urn:aws:iam::123456789012:role/r"},
        {"no such partition", "arn:amazon:iam::123456789012:role/r"},
        {"no service", "arn:aws:::123456789012:role/r"},
        {"an account too short", "arn:aws:iam::12345678901:role/r"},
        {"an account of letters", "arn:aws:iam::12345678901x:role/r"},
        {"no resource", "arn:aws:iam::123456789012:"},
        {"a region that no host can have", "arn:aws:lambda:us east:123456789012:function:f"},
        {"a line end", "arn:aws:iam::123456789012:role/r\n"},
    };
    for (const row& r : bad)
        CHECK_MESSAGE(!parse_arn(r.text), r.why);
}

TEST_CASE("functions, in every form")
{
    struct row {
        const char* why;
        std::string_view text;
        function_id id;
        qualifier_kind kind;
    };
    const row rows[] = {
        {"a name", "f-1_A", {.name = "f-1_A"}, qualifier_kind::none},
        {"a name of digits", "123456789012", {.name = "123456789012"}, qualifier_kind::none},
        {"a version", "f:7", {.name = "f", .qualifier = "7"}, qualifier_kind::version},
        {"an alias", "f:PROD", {.name = "f", .qualifier = "PROD"}, qualifier_kind::alias},
        {"the unpublished code by name", "f:$LATEST", {.name = "f", .qualifier = "$LATEST"}, qualifier_kind::latest},
        {"with the word", "function:f", {.name = "f", .prefixed = true}, qualifier_kind::none},
        {"with the word and a version", "function:f:7", {.name = "f", .qualifier = "7", .prefixed = true},
            qualifier_kind::version},
        {"with an account", "123456789012:function:f:7", {.account = "123456789012", .name = "f", .qualifier = "7"},
            qualifier_kind::version},
        {"an ARN", "arn:aws:lambda:us-east-1:123456789012:function:f",
            {.partition = "aws", .region = "us-east-1", .account = "123456789012", .name = "f"}, qualifier_kind::none},
        {"one of another partition, qualified", "arn:aws-cn:lambda:cn-north-1:123456789012:function:f:a",
            {.partition = "aws-cn", .region = "cn-north-1", .account = "123456789012", .name = "f", .qualifier = "a"},
            qualifier_kind::alias},
        {"a region with a long prefix", "arn:aws-eusc:lambda:eusc-de-east-1:123456789012:function:f:1",
            {.partition = "aws-eusc",
                .region = "eusc-de-east-1",
                .account = "123456789012",
                .name = "f",
                .qualifier = "1"},
            qualifier_kind::version},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto read = read_function(r.text, "arn");
        REQUIRE(read);
        CHECK(*read == r.id);
        CHECK(read->kind() == r.kind);
        CHECK(to_string(*read) == r.text);
        CHECK(read->is_arn() == r.text.starts_with("arn:"));
        CHECK(bool(read_function_arn(r.text, "arn")) == r.text.starts_with("arn:"));
    }
}

TEST_CASE("functions that there cannot be")
{
    struct row {
        const char* why;
        std::string text;
        std::string_view remedy;
    };
    const row rows[] = {
        {"nothing", "", "1 to 64"},
        {"a blank", "f g", "1 to 64"},
        {"a name too long", std::string(65, 'f'), "1 to 64"},
        {"much too long", std::string(300, 'f'), "longer than 256"},
        {"an empty qualifier", "f:", "what follows"},
        {"two qualifiers", "f:1:2", "what follows"},
        {"a qualifier with a dollar", "f:$OLDEST", "what follows"},
        {"an ARN without its function", "arn:aws:lambda:us-east-1:123456789012:function", "write arn:"},
        {"a layer", "arn:aws:lambda:us-east-1:123456789012:layer:l", "the word function"},
        {"another service", "arn:aws:states:us-east-1:123456789012:function:f", "a thing of \"states\""},
        {"no region", "arn:aws:lambda::123456789012:function:f", "region"},
        {"no account", "arn:aws:lambda:us-east-1::function:f", "twelve digits"},
        {"no such partition", "arn:awz:lambda:us-east-1:123456789012:function:f", "partition \"awz\""},
        {"a region of another partition", "arn:aws:lambda:cn-north-1:123456789012:function:f", "partition aws-cn"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto read = read_function(r.text, "details.arn");
        REQUIRE(!read);
        const mayfly::problem p = read.problems().at(0);
        CHECK(p.field == "details.arn");
        CHECK(p.value == '"' + r.text + '"');
        CHECK_MESSAGE(p.remedy.find(r.remedy) != std::string::npos, p.remedy);
    }
    CHECK(read_function_arn("f", "arn").problems().at(0).remedy.starts_with("write the whole ARN"));
}

TEST_CASE("roles")
{
    const auto role = read_role_arn("arn:aws:iam::123456789012:role/teams/a/worker", "role");
    REQUIRE(role);
    CHECK(role_name(*role) == "worker");
    struct row {
        const char* why;
        std::string_view text;
        std::string_view remedy;
    };
    const row rows[] = {
        {"a name", "worker", "write the role's ARN"},
        {"a user", "arn:aws:iam::123456789012:user/u", "names no role"},
        {"a session", "arn:aws:sts::123456789012:assumed-role/r/s", "session of a role"},
        {"no account", "arn:aws:iam:::role/somebody", "names no role"},
        {"no name", "arn:aws:iam::123456789012:role/", "names no role"},
    };
    for (const row& r : rows) {
        const auto bad = read_role_arn(r.text, "role");
        REQUIRE_MESSAGE(!bad, r.why);
        CHECK_MESSAGE(bad.problems().at(0).remedy.find(r.remedy) != std::string::npos, r.why);
    }
}

TEST_CASE("partitions")
{
    struct row {
        const char* why;
        std::string_view region;
        std::string_view partition;
    };
    const row rows[] = {
        {"the usual", "eu-central-1", "aws"},
        {"one that is not known", "mars-north-1", "aws"},
        {"China", "cn-northwest-1", "aws-cn"},
        {"before the usual us-", "us-gov-east-1", "aws-us-gov"},
        {"isolated", "us-iso-west-1", "aws-iso"},
        {"a longer prefix", "us-isob-east-1", "aws-iso-b"},
        {"in Europe", "eu-isoe-west-1", "aws-iso-e"},
        {"sovereign", "eusc-de-east-1", "aws-eusc"},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(partition_of(r.region).id == r.partition, r.why);
        CHECK(find_partition(r.partition) == &partition_of(r.region));
    }
    CHECK(find_partition("") == nullptr);
    for (const partition& p : partitions)
        CHECK_MESSAGE(partition_of(p.implicit_region).id == p.id, p.id);
}
