// SPDX-License-Identifier: BSL-1.0
#include <mayfly/local/function.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <string>

using namespace std::chrono_literals;

namespace {

using mayfly::local::check;
using mayfly::local::function_arn;
using mayfly::local::function_settings;

function_settings good()
{
    return {.name = "f", .bootstrap = "/srv/f/bootstrap"};
}

TEST_CASE("settings are checked, all of them")
{
    struct row {
        const char* why;
        void (*spoil)(function_settings&);
        const char* field;  // null: nothing is wrong
    };
    const row rows[] = {
        {"the defaults will do", [](function_settings&) {}, nullptr},
        {"a name is needed", [](function_settings& f) { f.name.clear(); }, "name"},
        {"of letters", [](function_settings& f) { f.name = "a b"; }, "name"},
        {"not too many", [](function_settings& f) { f.name = std::string(65, 'a'); }, "name"},
        {"just so many", [](function_settings& f) { f.name = std::string(64, 'a'); }, nullptr},
        {"a number is a version", [](function_settings& f) { f.version = "17"; }, nullptr},
        {"an alias is none", [](function_settings& f) { f.version = "PROD"; }, "version"},
        {"nor is zero", [](function_settings& f) { f.version = "0"; }, "version"},
        {"nor nothing", [](function_settings& f) { f.version = ""; }, "version"},
        {"something has to run", [](function_settings& f) { f.bootstrap.clear(); }, "bootstrap"},
        {"no time", [](function_settings& f) { f.timeout = 0s; }, "timeout"},
        {"the longest time", [](function_settings& f) { f.timeout = 900s; }, nullptr},
        {"too long", [](function_settings& f) { f.timeout = 900s + 1ms; }, "timeout"},
        {"too little memory", [](function_settings& f) { f.memory_mib = 127; }, "memory_mib"},
        {"too much", [](function_settings& f) { f.memory_mib = 10'241; }, "memory_mib"},
        {"two retries at most", [](function_settings& f) { f.events.retries = 3; }, "events.retries"},
        {"an age", [](function_settings& f) { f.events.age = 0s; }, "events.age"},
        {"six hours at most", [](function_settings& f) { f.events.age = 6h + 1ms; }, "events.age"},
        {"a delay, not an advance", [](function_settings& f) { f.start_delay = -1ms; }, "start_delay"},
        {"a chance", [](function_settings& f) { f.failure_rate = 1.5; }, "failure_rate"},
        {"not a number", [](function_settings& f) { f.failure_rate = std::numeric_limits<double>::quiet_NaN(); },
            "failure_rate"},
        {"keys of the execution role", [](function_settings& f) { f.variables["AWS_ACCESS_KEY_ID"] = "k"; }, nullptr},
        {"the platform's own variable", [](function_settings& f) { f.variables["AWS_LAMBDA_RUNTIME_API"] = "x"; },
            "variables.AWS_LAMBDA_RUNTIME_API"},
        {"another one", [](function_settings& f) { f.variables["_HANDLER"] = "x"; }, "variables._HANDLER"},
        {"a name with '='", [](function_settings& f) { f.variables["A=B"] = "x"; }, "variables.A=B"},
        {"a zero byte", [](function_settings& f) { f.variables["A"] = std::string("x\0y", 3); }, "variables.A"},
        {"4 KiB of variables", [](function_settings& f) { f.variables["A"] = std::string(4095, 'x'); }, nullptr},
        {"more than that", [](function_settings& f) { f.variables["A"] = std::string(4096, 'x'); }, "variables"},
    };
    for (const row& r : rows) {
        function_settings f = good();
        r.spoil(f);
        const auto wrong = check(f, "functions[0].");
        if (r.field == nullptr) {
            CHECK_MESSAGE(wrong.empty(), r.why);
        } else {
            REQUIRE_MESSAGE(wrong.size() == 1, r.why);
            CHECK_MESSAGE(wrong[0].field == "functions[0]." + std::string(r.field), r.why);
        }
    }
}

TEST_CASE("no value of a variable is shown")
{
    function_settings f = good();
    f.variables["AWS_LAMBDA_X"] = "hidden";
    f.variables["B"] = std::string(5000, 'z') + "hidden";
    f.name = "";
    const std::string words = mayfly::to_string(check(f));
    CHECK(words.find("hidden") == std::string::npos);
    CHECK(check(f).size() == 3);
}

TEST_CASE("names of functions")
{
    CHECK(function_arn({}, "f") == "arn:aws:lambda:us-east-1:123456789012:function:f");
    CHECK(function_arn({.partition = "aws-cn", .region = "cn-north-1", .account = "1"}, "f", "7") ==
          "arn:aws-cn:lambda:cn-north-1:1:function:f:7");
}

}  // namespace
