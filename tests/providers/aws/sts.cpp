// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/sts.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using namespace mayfly::aws;

TEST_CASE("forms for STS")
{
    CHECK(form_of({.role_arn = "arn:aws:iam::123456789012:role/serverless-worker",
              .session_name = "worker-controller",
              .external_id = "ext+id=,.@-1",
              .duration = 900s}) ==
          "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fserverless-worker"
          "&RoleSessionName=worker-controller&ExternalId=ext%2Bid%3D%2C.%40-1&DurationSeconds=900");
    CHECK(form_of({.role_arn = "r", .session_name = "s"}) ==
          "Action=AssumeRole&Version=2011-06-15&RoleArn=r&RoleSessionName=s");
    CHECK(form_of({.role_arn = "r", .session_name = "s", .external_id = "e", .web_identity_token = "a b"}) ==
          "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=r&RoleSessionName=s&WebIdentityToken=a%20b");
}

TEST_CASE("what STS would refuse is named")
{
    const assume_role_request good{.role_arn = "arn:aws:iam::123456789012:role/r", .session_name = "ab"};
    CHECK(validate(good).empty());
    struct row {
        const char* why;
        assume_role_request request;
        const char* field;
    };
    const auto but = [&good](auto change) {
        assume_role_request out = good;
        change(out);
        return out;
    };
    const row rows[] = {
        {"no role", but([](auto& r) { r.role_arn = "r"; }), "role_arn"},
        {"a session of one letter", but([](auto& r) { r.session_name = "a"; }), "role_session_name"},
        {"a session too long", but([](auto& r) { r.session_name = std::string(65, 'a'); }), "role_session_name"},
        {"a slash in it", but([](auto& r) { r.session_name = "a/b"; }), "role_session_name"},
        {"an external id of one letter", but([](auto& r) { r.external_id = "x"; }), "external_id"},
        {"a blank in it", but([](auto& r) { r.external_id = "private id"; }), "external_id"},
        {"too short", but([](auto& r) { r.duration = 899s; }), "duration_seconds"},
        {"too long", but([](auto& r) { r.duration = 43'201s; }), "duration_seconds"},
    };
    for (const row& r : rows) {
        const mayfly::problems wrong = validate(r.request, "profile x ");
        REQUIRE_MESSAGE(wrong.size() == 1, r.why);
        CHECK(wrong[0].field == "profile x " + std::string{r.field});
        CHECK(to_string(wrong).find("private") == std::string::npos);
    }
    CHECK(validate(but([](auto& r) { r.external_id = "a:/b=,.@+-_"; })).empty());
    CHECK(validate({.duration = 1s}).size() == 3);
}

TEST_CASE("sessions are read whole or not at all")
{
    const std::string answer = R"(<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser><AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn></AssumedRoleUser>
    <Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>sec&amp;ret</SecretAccessKey>
      <SessionToken>tok</SessionToken><Expiration>2026-03-04T05:06:07Z</Expiration></Credentials>
  </AssumeRoleResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></AssumeRoleResponse>)";
    const assumed_role got = read_assumed_role(answer);
    REQUIRE(got);
    CHECK(got.keys == credentials{"ASIAX", "sec&ret", "tok", wall_time{1'772'600'767s}, ""});
    CHECK(got.arn == "arn:aws:sts::123456789012:assumed-role/r/s");

    for (const std::string_view part :
        {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "Credentials"}) {
        std::string broken = answer;
        broken.replace(broken.find("<" + std::string{part}), part.size() + 1, "<Other");
        const assumed_role none = read_assumed_role(broken);
        CHECK_MESSAGE(none.why.ec == aws::errc::answer_not_understood, part);
        CHECK(none.keys == credentials{});
    }
    CHECK(!read_assumed_role(""));
    CHECK(!read_assumed_role("{\"not\": \"xml\"}"));
}

TEST_CASE("who one is")
{
    const auto who = read_caller_identity(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/u</Arn>"
        "<UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>");
    REQUIRE(who);
    CHECK(*who == caller_identity{"123456789012", "arn:aws:iam::123456789012:user/u", "AIDA"});
    CHECK(!read_caller_identity("<GetCallerIdentityResult><Arn>a</Arn></GetCallerIdentityResult>"));
}

TEST_CASE("times as services write them")
{
    const wall_time at{1'772'600'767s};
    struct row {
        const char* text;
        std::optional<wall_time> time;
    };
    const row rows[] = {
        {"2026-03-04T05:06:07Z", at},
        {"2026-03-04t05:06:07z", at},
        {"2026-03-04 05:06:07Z", at},
        {"2026-03-04T05:06:07.5Z", at + 500ms},
        {"2026-03-04T05:06:07.123456Z", at + 123ms},
        {"2026-03-04T06:06:07+01:00", at},
        {"2026-03-03T23:36:07-0530", at},
        {"2026-03-04T05:06:07", std::nullopt},
        {"2026-03-04T05:06:07ZZ", std::nullopt},
        {"2026-03-04T05:06:07.Z", std::nullopt},
        {"2026-03-04T05:06Z", std::nullopt},
        {"2026-02-30T05:06:07Z", std::nullopt},
        {"2026-03-04T25:06:07Z", std::nullopt},
        {"2026-03-04T05:06:07+1:00", std::nullopt},
        {"2026-03-04T05:06:07+01:", std::nullopt},
        {"1772600767", std::nullopt},
        {"", std::nullopt},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(parse_iso_time(r.text) == r.time, r.text);
}
