// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/config.hpp>
#include <mayfly/aws/retry.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace mayfly::aws;

namespace {

constexpr auto retried = retry_class::transient;
constexpr auto slower = retry_class::throttling;

}  // namespace

TEST_CASE("the published cases: waits and tokens, one failure after the other")
{
    struct step {
        retry_class why;
        std::optional<std::chrono::milliseconds> wait;
        std::uint32_t left;
    };
    struct row {
        const char* why;
        std::uint32_t attempts;
        std::uint32_t tokens;
        std::vector<step> steps;
        bool succeeds;
        std::uint32_t left_at_end;
    };
    const row rows[] = {
        {"a service that is down, asked five times", 5, 500,
            {{retried, 50ms, 486}, {retried, 100ms, 472}, {retried, 200ms, 458}, {retried, 400ms, 444},
                {retried, {}, 444}},
            false, 444},
        {"one failure, then success: the bucket is full again", 3, 500, {{retried, 50ms, 486}}, true, 500},
        {"throttled once, then success", 3, 500, {{slower, 1s, 495}}, true, 500},
        {"two failures, then success: only what the last retry cost comes back", 3, 500,
            {{retried, 50ms, 486}, {retried, 100ms, 472}}, true, 486},
        {"tokens for one retry only", 5, 20, {{retried, 50ms, 6}, {retried, {}, 6}}, false, 6},
        {"just enough tokens", 3, 14, {{retried, 50ms, 0}, {retried, {}, 0}}, false, 0},
        {"throttling is cheaper", 3, 5, {{slower, 1s, 0}, {slower, {}, 0}}, false, 0},
        {"success at the first try brings one back", 3, 500, {}, true, 500},
        {"three attempts are two retries", 3, 500, {{retried, 50ms, 486}, {retried, 100ms, 472}, {retried, {}, 472}},
            false, 472},
        {"one attempt is none", 1, 500, {{retried, {}, 500}}, false, 500},
        {"what is not worth it costs nothing", 3, 500, {{retry_class::none, {}, 500}}, false, 500},
        {"throttled and failing in turn: the base is each failure's own", 4, 500,
            {{slower, 1s, 495}, {retried, 100ms, 481}, {slower, 4s, 476}}, false, 476},
        {"the longest wait", 8, 500,
            {{slower, 1s, 495}, {slower, 2s, 490}, {slower, 4s, 485}, {slower, 8s, 480}, {slower, 16s, 475},
                {slower, 20s, 470}, {slower, 20s, 465}},
            false, 465},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        retry_settings how;
        how.max_attempts = r.attempts;
        retry_quota quota{500};
        REQUIRE(quota.take(500 - r.tokens));
        retries call{how, quota};
        for (const step& s : r.steps) {
            CHECK(call.failed(s.why, 1.0) == s.wait);
            CHECK(quota.left() == s.left);
        }
        if (r.succeeds)
            call.succeeded();
        CHECK(quota.left() == r.left_at_end);
    }
}

TEST_CASE("the draw comes after the cap")
{
    retry_settings how;
    how.max_attempts = 100;
    retry_quota quota{100'000};
    retries call{how, quota};
    for (int i = 0; i < 60; ++i)
        CHECK(call.failed(retried, 0.0) == 0ms);
    CHECK(call.failed(retried, 0.5) == 10s);
    CHECK(call.failed(slower, 0.25) == 5s);
}

TEST_CASE("a first success refills by one, never beyond full")
{
    const retry_settings how;
    retry_quota quota;
    REQUIRE(quota.take(2));
    for (const std::uint32_t left : {499U, 500U, 500U}) {
        retries{how, quota}.succeeded();
        CHECK(quota.left() == left);
    }
}

TEST_CASE("what the service says about when to come back")
{
    struct row {
        const char* why;
        retry_class kind;
        double u;
        retry_hint hint;
        std::optional<std::chrono::milliseconds> wait;
    };
    const row rows[] = {
        {"no hint", retried, 1, {}, 50ms},
        {"a hint in between is followed", retried, 1, {"1500", ""}, 1500ms},
        {"too long: our wait and five seconds", retried, 1, {"10000", ""}, 5050ms},
        {"beyond all numbers that a wait can have", retried, 1, {"18446744073709551615", ""}, 5050ms},
        {"too short: our wait", retried, 1, {"20", ""}, 50ms},
        {"zero", retried, 1, {"0", ""}, 50ms},
        {"the bounds are those of the draw", slower, 0.5, {"9000", ""}, 5500ms},
        {"no number", retried, 1, {"soon", ""}, 50ms},
        {"a negative number", retried, 1, {"-5", ""}, 50ms},
        {"a fraction", retried, 1, {"1.5", ""}, 50ms},
        {"blanks", retried, 1, {" 1500", ""}, 50ms},
        {"seconds are the least wait", slower, 0.5, {"", "2"}, 2s},
        {"seconds that pass anyway", slower, 1, {"", "1"}, 1s},
        {"as long as a wait can be", slower, 1, {"", "20"}, 20s},
        {"longer than a call waits: no retry", slower, 1, {"", "21"}, {}},
        {"a date is not used", retried, 1, {"", "Sun, 06 Nov 1994 08:49:37 GMT"}, 50ms},
        {"both: the finer one", retried, 1, {"70", "3"}, 70ms},
    };
    const retry_settings how;
    for (const row& r : rows) {
        CAPTURE(r.why);
        retry_quota quota;
        retries call{how, quota};
        CHECK(call.failed(r.kind, r.u, r.hint) == r.wait);
        if (!r.wait)
            CHECK(quota.left() == 500);
    }
}

TEST_CASE("how many attempts: the environment, then the profile, then three")
{
    struct row {
        const char* why;
        mayfly::environment env;
        const char* profile;
        std::uint32_t attempts;  // zero: refused
    };
    const row rows[] = {
        {"nothing said", {}, "", 3},
        {"the profile", {}, "max_attempts = 7", 7},
        {"the environment goes first", {{{"AWS_MAX_ATTEMPTS", "5"}}}, "max_attempts = 7", 5},
        {"set to nothing is not set", {{{"AWS_MAX_ATTEMPTS", ""}}}, "max_attempts = 7", 7},
        {"one: never again", {{{"AWS_MAX_ATTEMPTS", "1"}}}, "", 1},
        {"none at all", {{{"AWS_MAX_ATTEMPTS", "0"}}}, "", 0},
        {"below", {{{"AWS_MAX_ATTEMPTS", "-1"}}}, "", 0},
        {"no number", {{{"AWS_MAX_ATTEMPTS", "many"}}}, "", 0},
        {"the mode by its name", {{{"AWS_RETRY_MODE", "standard"}}}, "", 3},
        {"the others mean it", {}, "retry_mode = adaptive", 3},
        {"no such mode", {{{"AWS_RETRY_MODE", "hectic"}}}, "", 0},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto got = retry_settings_of(config::of(r.env, "", std::string{"[default]\n"} + r.profile + "\n"));
        REQUIRE(static_cast<bool>(got) == (r.attempts != 0));
        if (got)
            CHECK(got->max_attempts == r.attempts);
    }
    mayfly::environment env{{{"AWS_MAX_ATTEMPTS", "0"}, {"AWS_CONFIG_FILE", "/c"}}};
    CHECK(mayfly::to_string(retry_settings_of(config::of(env, "", "[default]\nretry_mode = hectic\n")).problems()) ==
          "AWS_MAX_ATTEMPTS is \"0\": give a whole number from 1; the first attempt counts\n"
          "/c:2 is \"hectic\": give standard");
}
