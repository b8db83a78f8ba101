// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/credential_json.hpp>
#include <mayfly/aws/credential_refresh.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using namespace mayfly::aws;

namespace {

using action = refresh_machine::action;

const mayfly::wall_time beginning{std::chrono::hours{500'000}};

credentials session(const char* id, std::optional<mayfly::wall_time> expires)
{
    return {id, "secret", std::string{"token of "} + id, expires};
}

}  // namespace

TEST_CASE("when a session is renewed")
{
    using enum freshness;
    struct row {
        const char* why;
        std::optional<std::chrono::milliseconds> life;
        std::chrono::milliseconds age;
        freshness is;
    };
    const row rows[] = {
        {"keys that do not expire", std::nullopt, 100'000h, fresh},
        {"an hour: new", 1h, 0s, fresh},
        {"an hour: five minutes before its end", 1h, 55min, fresh},
        {"an hour: less", 1h, 55min + 1ms, ageing},
        {"an hour: a minute before its end", 1h, 59min, ageing},
        {"an hour: less", 1h, 59min + 1ms, spent},
        {"an hour: over", 1h, 1h, spent},
        {"fifteen minutes: the last quarter, not the last five", 15min, 15min - 225s, fresh},
        {"fifteen minutes: later", 15min, 15min - 225s + 1ms, ageing},
        {"a minute is not renewed at every call", 60s, 0s, fresh},
        {"a minute: three quarters", 60s, 45s, fresh},
        {"a minute: later", 60s, 45s + 1ms, ageing},
        {"a minute: the last eighth", 60s, 52'501ms, spent},
        {"over when it came", -1s, 0s, spent},
        {"a clock that was set back", 1h, -2h, fresh},
    };
    for (const row& r : rows) {
        const auto expires = r.life ? std::optional(beginning + *r.life) : std::nullopt;
        CHECK_MESSAGE(freshness_of(beginning, expires, beginning + r.age) == r.is, r.why);
    }
}

TEST_CASE("a session's life")
{
    refresh_machine m;
    CHECK(m.ask(beginning) == action::wait);
    m.renewed(session("A", beginning + 1h), beginning, false, 0ms);
    CHECK(m.ask(beginning) == action::use);
    CHECK(m.held()->access_key_id == "A");
    CHECK(m.ask(beginning + 56min) == action::use_and_renew);

    // That fails. There is time; in the last minute there is not, but what is held still works.
    m.failed(beginning + 56min, 0ms);
    CHECK(m.good_despite_failure(beginning + 56min));
    CHECK(m.ask(beginning + 56min + 9s) == action::use);
    CHECK(m.ask(beginning + 56min + 10s) == action::use_and_renew);
    CHECK(m.ask(beginning + 59min + 30s) == action::wait);
    m.failed(beginning + 59min + 30s, 0ms);
    CHECK(m.good_despite_failure(beginning + 59min + 30s));
    CHECK(m.ask(beginning + 59min + 30s + 999ms) == action::use);
    CHECK(m.ask(beginning + 59min + 31s) == action::wait);

    // Over, and still no other: callers fail for a second, then one asks again.
    m.failed(beginning + 1h, 0ms);
    CHECK(!m.good_despite_failure(beginning + 1h));
    CHECK(m.ask(beginning + 1h + 999ms) == action::fail);
    CHECK(m.ask(beginning + 1h + 1s) == action::wait);
    m.renewed(session("B", beginning + 2h), beginning + 1h + 1s, false, 0ms);
    CHECK(m.ask(beginning + 1h + 1s) == action::use);
}

TEST_CASE("a failure is remembered for a second, also if the clock is set back")
{
    refresh_machine m;
    m.failed(beginning, 0ms);
    CHECK(m.ask(beginning) == action::fail);
    CHECK(m.ask(beginning + 999ms) == action::fail);
    CHECK(m.ask(beginning + 1s) == action::wait);
    CHECK(m.ask(beginning - 1h) == action::wait);
}

TEST_CASE("a service says that they have expired")
{
    refresh_machine m;
    m.renewed(session("A", beginning + 1h), beginning, false, 0ms);
    m.rejected(session("other", beginning + 1h));
    CHECK(m.ask(beginning) == action::use);
    m.rejected(*m.held());
    CHECK(m.ask(beginning) == action::wait);
    m.failed(beginning, 0ms);
    CHECK(!m.good_despite_failure(beginning));
    CHECK(m.ask(beginning + 500ms) == action::fail);
    // Said again by a caller that was slower: no reason to ask again sooner.
    m.rejected(*m.held());
    CHECK(m.ask(beginning + 500ms) == action::fail);
    m.renewed(session("B", beginning + 1h), beginning + 1s, false, 0ms);
    CHECK(m.ask(beginning + 1s) == action::use);
    m.rejected(session("A", beginning + 1h));
    CHECK(m.ask(beginning + 1s) == action::use);
}

TEST_CASE("the machine's own role goes on to work when its source does not")
{
    refresh_machine m;
    m.renewed(session("A", beginning + 1h), beginning, true, 0ms);
    CHECK(m.ask(beginning + 56min) == action::use_and_renew);
    m.failed(beginning + 56min, 2min);
    CHECK(m.ask(beginning + 1h + 7min) == action::use);
    CHECK(m.ask(beginning + 1h + 8min) == action::wait);
    m.failed(beginning + 1h + 8min, 0ms);
    CHECK(m.good_despite_failure(beginning + 1h + 8min));
    CHECK(m.ask(beginning + 1h + 17min) == action::use);

    // It hands out what is over already: used, and asked again between ten and fifteen minutes later.
    m.renewed(session("B", beginning + 1h), beginning + 2h, true, 5min);
    CHECK(m.ask(beginning + 2h + 14min + 59s) == action::use);
    CHECK(m.ask(beginning + 2h + 15min) == action::wait);
    // Unless a service will not have it.
    m.renewed(session("C", beginning + 1h), beginning + 3h, true, 0ms);
    m.rejected(*m.held());
    CHECK(m.ask(beginning + 3h) == action::wait);
    // Another source's session that is over is no use.
    refresh_machine other;
    other.renewed(session("A", beginning - 1h), beginning, false, 0ms);
    CHECK(other.ask(beginning) == action::wait);
}

TEST_CASE("documents with credentials")
{
    struct row {
        const char* why;
        credential_form form;
        std::string_view text;
        std::string_view words;  // of what is wrong; empty: nothing
    };
    using enum credential_form;
    const row rows[] = {
        {"a program's", process, R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"hidden"})", ""},
        {"a program's, whole", process,
            R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"hidden","SessionToken":"t","AccountId":"1","Expiration":"2026-03-04T06:06:07+01:00"})",
            ""},
        {"a container's", container,
            R"({"AccessKeyId":"A","SecretAccessKey":"hidden","Token":"t","Expiration":"2026-03-04T05:06:07Z","RoleArn":"r"})",
            ""},
        {"an instance's", instance,
            R"({"Code":"Success","AccessKeyId":"A","SecretAccessKey":"hidden","Token":"t","Expiration":"2026-03-04T05:06:07Z"})",
            ""},
        {"no JSON", process, "hidden", "not JSON"},
        {"a name twice", process, R"({"hidden":1,"hidden":2})", "not JSON"},
        {"no object", process, R"(["hidden"])", "not a JSON object"},
        {"no version", process, R"({"AccessKeyId":"A","SecretAccessKey":"hidden"})", "Version"},
        {"another version", process, R"({"Version":2,"AccessKeyId":"A","SecretAccessKey":"hidden"})", "Version"},
        {"the version in quotes", process, R"({"Version":"1","AccessKeyId":"A","SecretAccessKey":"hidden"})",
            "Version"},
        {"no secret", process, R"({"Version":1,"AccessKeyId":"A"})", "both"},
        {"no key", process, R"({"Version":1,"SecretAccessKey":"hidden"})", "both"},
        {"an odd end", process, R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"hidden","Expiration":"soon"})",
            "Expiration"},
        {"an end of another kind", process,
            R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"hidden","Expiration":5})", "Expiration"},
        {"no token", container, R"({"AccessKeyId":"A","SecretAccessKey":"hidden","Expiration":"2026-03-04T05:06:07Z"})",
            "Token"},
        {"no end", container, R"({"AccessKeyId":"A","SecretAccessKey":"hidden","Token":"t"})", "Expiration"},
        {"no success", instance, R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"})",
            "AssumeRoleUnauthorizedAccess\", not Success: EC2 cannot"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const fetched_credentials got = read_credentials(r.text, r.form, "the source");
        if (r.words.empty()) {
            REQUIRE_MESSAGE(!got.why, got.why.message);
            CHECK(got.keys.access_key_id == "A");
            CHECK(got.keys.secret_access_key == "hidden");
            CHECK(got.keys.source == "the source");
            CHECK(got.outlive_their_end == (r.form == instance));
            if (r.text.find("Expiration") != r.text.npos) {
                CHECK(got.keys.expires == mayfly::wall_time{1'772'600'767s});
                CHECK(got.keys.session_token == "t");
            } else {
                CHECK(!got.keys.expires);
            }
        } else {
            CHECK(got.why.ec == credential_errc::source_refused);
            CHECK_MESSAGE(got.why.message.find(r.words) != std::string::npos, got.why.message);
            CHECK(got.why.message.starts_with("the source: "));
            CHECK(got.why.message.find("hidden") == std::string::npos);
            CHECK(got.keys == credentials{});
        }
    }
}
