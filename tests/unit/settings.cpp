// SPDX-License-Identifier: BSL-1.0
#include "../support/numbers.hpp"

#include <mayfly/scalers/no_sync_settings.hpp>
#include <mayfly/scalers/rate_based_settings.hpp>
#include <mayfly/settings.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using mayfly::from_settings;
using mayfly::no_sync;
using mayfly::problem;
using mayfly::rate_based;
using mayfly::setting;
using mayfly_test::endless;
using mayfly_test::not_a_number;

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();

struct shop {
    std::string name = "corner";
    std::string owner;
    bool open = true;
    std::uint32_t doors = 1;

    friend void read_settings(mayfly::settings_reader& from, shop& s)
    {
        from.text("name", s.name);
        from.required_text("owner", s.owner);
        from.flag("open", s.open);
        from.whole("doors", s.doors, 1, 9);
    }
};

struct nothing {
    friend void read_settings(mayfly::settings_reader&, nothing&) {}
};

std::vector<std::string> problem_fields(const mayfly::problems& all)
{
    std::vector<std::string> out;
    for (const problem& p : all)
        out.push_back(p.field);
    return out;
}

}  // namespace

TEST_CASE("whole numbers are read from what JSON, TOML and payload converters make of them")
{
    struct row {
        const char* why;
        setting from;
        std::optional<std::int64_t> out;
    };
    const row rows[] = {
        {"itself", 5, 5},
        {"an integral float", 5.0, 5},
        {"minus zero", -0.0, 0},
        {"decimal text", "5"s, 5},
        {"negative text", "-5"s, -5},
        {"the largest", std::to_string(largest), largest},
        {"one more", "9223372036854775808"s, {}},
        {"2^63 has no integer", 9223372036854775808.0, {}},
        {"-2^63 has", -9223372036854775808.0, smallest},
        {"a fraction", 5.5, {}},
        {"text of a fraction", "5.5"s, {}},
        {"not a number", not_a_number, {}},
        {"endless", endless, {}},
        {"minus endless", -endless, {}},
        {"text of none", "five"s, {}},
        {"text with something behind", "5ms"s, {}},
        {"text with something before", " 5"s, {}},
        {"no text", ""s, {}},
        {"hexadecimal", "0x5"s, {}},
        {"a truth value", true, {}},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(mayfly::whole_number(r.from) == r.out, r.why);
}

TEST_CASE("numbers likewise")
{
    struct row {
        const char* why;
        setting from;
        std::optional<double> out;
    };
    const row rows[] = {
        {"itself", 0.5, 0.5},
        {"an integer", 5, 5.0},
        {"decimal text", "0.5"s, 0.5},
        {"with exponent", "5e-1"s, 0.5},
        {"not a number", not_a_number, {}},
        {"endless", endless, {}},
        {"text of endless", "inf"s, {}},
        {"too large a text", "1e999"s, {}},
        {"text of none", "half"s, {}},
        {"a truth value", true, {}},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(mayfly::finite_number(r.from) == r.out, r.why);
}

TEST_CASE("a problem names the field, the value and the remedy")
{
    struct row {
        const char* why;
        mayfly::settings from;
        std::string says;
    };
    const row rows[] = {
        {"unknown key", {{"metrics_poll_interval", 60000}},
            "s.metrics_poll_interval is 60000: unknown; the settings are scale_up_cooloff_ms, "
            "scale_up_backlog_threshold, max_worker_lifetime_ms, metrics_poll_interval_ms, "
            "scale_up_dispatch_rate_epsilon, scale_up_dispatch_rate_epsilon_confirm_ms, suppress_scale_up_ms, "
            "suppress_poll_interval_ms"},
        {"a fraction", {{"scale_up_cooloff_ms", 0.5}},
            "s.scale_up_cooloff_ms is 0.5: give a whole number from 0 to 9223372036854775"},
        {"text of none", {{"scale_up_cooloff_ms", "soon"s}},
            "s.scale_up_cooloff_ms is \"soon\": give a whole number from 0 to 9223372036854775"},
        {"out of range", {{"metrics_poll_interval_ms", 9999}},
            "s.metrics_poll_interval_ms is 9999: give a whole number from 10000 to 9223372036854775"},
        {"no number", {{"scale_up_dispatch_rate_epsilon", not_a_number}},
            "s.scale_up_dispatch_rate_epsilon is nan: give a number from 0 to 0.1"},
        {"a rule over two keys, one of which has its default", {{"scale_up_cooloff_ms", 60001}},
            "s.metrics_poll_interval_ms is 60000, the default: give at least scale_up_cooloff_ms, or no look would "
            "ever "
            "start a worker (scale_up_cooloff_ms is 60001)"},
    };
    for (const row& r : rows) {
        const auto s = from_settings<no_sync>(r.from, "s");
        CHECK_MESSAGE(!s, r.why);
        CHECK_MESSAGE(mayfly::to_string(s.problems()) == r.says, r.why);
    }
    CHECK(mayfly::to_string(from_settings<nothing>({{"a", true}}).problems()) ==
          "a is true: there are no settings here; remove it");
    CHECK(mayfly::to_string(problem{.field = "arn", .remedy = "is required"}) == "arn: is required");
    CHECK(mayfly::to_string(mayfly::problems{{"a", "1", "x"}, {"b", "2", "y"}}) == "a is 1: x\nb is 2: y");
}

TEST_CASE("every problem is found, and each once")
{
    const auto s = from_settings<rate_based>({{"min_count", -1}, {"max_count", 0}, {"ewma_alpha", 0}, {"speed", 9},
        {"metrics_poll_interval_ms", 30000}, {"scale_up_cooldown_ms", 30001}, {"scale_down_cooldown_ms", 30001}});
    const std::vector<std::string> expected{
        "min_count", "max_count", "ewma_alpha", "metrics_poll_interval_ms", "metrics_poll_interval_ms", "speed"};
    CHECK(problem_fields(s.problems()) == expected);
}

TEST_CASE("text and truth values")
{
    const auto s = from_settings<shop>({{"owner", "me"s}, {"open", "false"s}, {"doors", "2"s}});
    REQUIRE(s);
    CHECK(s->name == "corner");
    CHECK(s->owner == "me");
    CHECK_FALSE(s->open);
    CHECK(s->doors == 2);
    CHECK(s.problems().empty());
    CHECK(from_settings<shop>({{"owner", "me"s}, {"open", true}})->open);

    const std::vector<std::string> all{"name", "owner", "open"};
    CHECK(problem_fields(from_settings<shop>({{"name", 5}, {"open", 1}}).problems()) == all);
    const std::vector<std::string> owner{"owner"};
    CHECK_MESSAGE(
        problem_fields(from_settings<shop>({{"owner", ""s}}).problems()) == owner, "empty is as good as absent");
    CHECK_MESSAGE(problem_fields(from_settings<shop>({{"owner", 5}}).problems()) == owner, "one problem, not two");
}

TEST_CASE("no-sync: nothing set means the defaults, and each key sets its field")
{
    const auto defaults = from_settings<no_sync>({});
    REQUIRE(defaults);
    CHECK(defaults->scale_up_cooloff == 100ms);
    CHECK(defaults->scale_up_backlog_threshold == 0);
    CHECK(defaults->max_worker_lifetime == 10min);
    CHECK(defaults->metrics_poll_interval == 60s);
    CHECK(defaults->scale_up_dispatch_rate_epsilon == 0);
    CHECK(defaults->scale_up_dispatch_rate_epsilon_confirm == 90s);
    CHECK(defaults->suppress_scale_up == 120s);
    CHECK(defaults->suppress_poll_interval == 90s);

    const auto s = from_settings<no_sync>({{"scale_up_cooloff_ms", 1}, {"scale_up_backlog_threshold", 2.0},
        {"max_worker_lifetime_ms", "3"s}, {"metrics_poll_interval_ms", 10004}, {"scale_up_dispatch_rate_epsilon", 0.05},
        {"scale_up_dispatch_rate_epsilon_confirm_ms", 10006}, {"suppress_scale_up_ms", 10008},
        {"suppress_poll_interval_ms", 10007}});
    REQUIRE(s);
    CHECK(s->scale_up_cooloff == 1ms);
    CHECK(s->scale_up_backlog_threshold == 2);
    CHECK(s->max_worker_lifetime == 3ms);
    CHECK(s->metrics_poll_interval == 10004ms);
    CHECK(s->scale_up_dispatch_rate_epsilon == 0.05);
    CHECK(s->scale_up_dispatch_rate_epsilon_confirm == 10006ms);
    CHECK(s->suppress_scale_up == 10008ms);
    CHECK(s->suppress_poll_interval == 10007ms);
}

TEST_CASE("no-sync: every limit, at, below and above")
{
    struct row {
        const char* why;
        mayfly::settings from;
        bool good;
    };
    const row rows[] = {
        {"cool-off: none", {{"scale_up_cooloff_ms", 0}}, true},
        {"cool-off: less than none", {{"scale_up_cooloff_ms", -1}}, false},
        {"threshold: zero", {{"scale_up_backlog_threshold", 0}}, true},
        {"threshold: below", {{"scale_up_backlog_threshold", -1}}, false},
        {"threshold: as large as can be", {{"scale_up_backlog_threshold", largest}}, true},
        {"lifetime: off", {{"max_worker_lifetime_ms", 0}}, true},
        {"lifetime: below", {{"max_worker_lifetime_ms", -1}}, false},
        {"lifetime: more than time can be", {{"max_worker_lifetime_ms", largest}}, false},
        {"poll: at", {{"metrics_poll_interval_ms", 10000}}, true},
        {"poll: below", {{"metrics_poll_interval_ms", 9999}}, false},
        {"poll: above", {{"metrics_poll_interval_ms", 10001}}, true},
        {"poll: as the cool-off", {{"metrics_poll_interval_ms", 70000}, {"scale_up_cooloff_ms", 70000}}, true},
        {"poll: below the cool-off", {{"metrics_poll_interval_ms", 70000}, {"scale_up_cooloff_ms", 70001}}, false},
        {"poll: no cool-off", {{"metrics_poll_interval_ms", 10000}, {"scale_up_cooloff_ms", 0}}, true},
        {"epsilon: at", {{"scale_up_dispatch_rate_epsilon", 0.10}}, true},
        {"epsilon: above", {{"scale_up_dispatch_rate_epsilon", 0.1001}}, false},
        {"epsilon: off", {{"scale_up_dispatch_rate_epsilon", 0}}, true},
        {"epsilon: below", {{"scale_up_dispatch_rate_epsilon", -0.01}}, false},
        {"confirm: as the poll is too little",
            {{"scale_up_dispatch_rate_epsilon", 0.1}, {"scale_up_dispatch_rate_epsilon_confirm_ms", 60000}}, false},
        {"confirm: one more",
            {{"scale_up_dispatch_rate_epsilon", 0.1}, {"scale_up_dispatch_rate_epsilon_confirm_ms", 60001}}, true},
        {"confirm: does not matter while off", {{"scale_up_dispatch_rate_epsilon_confirm_ms", 0}}, true},
        {"confirm: below", {{"scale_up_dispatch_rate_epsilon_confirm_ms", -1}}, false},
        {"lease: as its poll is too little", {{"scale_up_dispatch_rate_epsilon", 0.1}, {"suppress_scale_up_ms", 90000}},
            false},
        {"lease: one more", {{"scale_up_dispatch_rate_epsilon", 0.1}, {"suppress_scale_up_ms", 90001}}, true},
        {"lease: does not matter while off", {{"suppress_scale_up_ms", 0}}, true},
        {"lease: below", {{"suppress_scale_up_ms", -1}}, false},
        {"lease's poll: zero is too little",
            {{"scale_up_dispatch_rate_epsilon", 0.1}, {"suppress_poll_interval_ms", 0}}, false},
        {"lease's poll: one", {{"scale_up_dispatch_rate_epsilon", 0.1}, {"suppress_poll_interval_ms", 1}}, true},
        {"lease's poll: does not matter while off", {{"suppress_poll_interval_ms", 0}}, true},
        {"lease's poll: below", {{"suppress_poll_interval_ms", -1}}, false},
        {"unknown", {{"min_count", 1}}, false},
        {"spelled with capitals", {{"Scale_up_cooloff_ms", 1}}, false},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(static_cast<bool>(from_settings<no_sync>(r.from)) == r.good, r.why);
}

TEST_CASE("rate-based: nothing set means the defaults, and each key sets its field")
{
    const auto defaults = from_settings<rate_based>({});
    REQUIRE(defaults);
    CHECK(defaults->min_count == 0);
    CHECK(defaults->max_count == 30);
    CHECK(defaults->initial_count == 0);
    CHECK(defaults->metrics_poll_interval == 60s);
    CHECK(defaults->ewma_alpha == 0.45);
    CHECK(defaults->initial_per_consumer_capacity == 2.0);
    CHECK(defaults->target_backlog_drain_rate == 2.0);
    CHECK(defaults->material_backlog_threshold == 50);
    CHECK(defaults->utilization_target == 0.80);
    CHECK(defaults->halfin_whitt_beta == 0.5);
    CHECK(defaults->max_scale_up_step == 4);
    CHECK(defaults->scale_up_cooldown == 2s);
    CHECK(defaults->scale_down_cooldown == 60s);
    CHECK(defaults->no_sync_quiet == 90s);

    const auto s = from_settings<rate_based>({{"min_count", 1}, {"max_count", 3}, {"initial_count", 2},
        {"metrics_poll_interval_ms", 30004}, {"ewma_alpha", 0.5}, {"initial_per_consumer_capacity", 6},
        {"target_backlog_drain_rate", 7}, {"material_backlog_threshold", 8}, {"utilization_target", 0.9},
        {"halfin_whitt_beta", 10}, {"max_scale_up_step", 11}, {"scale_up_cooldown_ms", 12},
        {"scale_down_cooldown_ms", 13}, {"no_sync_quiet_ms", 14}});
    REQUIRE(s);
    CHECK(s->min_count == 1);
    CHECK(s->max_count == 3);
    CHECK(s->initial_count == 2);
    CHECK(s->metrics_poll_interval == 30004ms);
    CHECK(s->ewma_alpha == 0.5);
    CHECK(s->initial_per_consumer_capacity == 6);
    CHECK(s->target_backlog_drain_rate == 7);
    CHECK(s->material_backlog_threshold == 8);
    CHECK(s->utilization_target == 0.9);
    CHECK(s->halfin_whitt_beta == 10);
    CHECK(s->max_scale_up_step == 11);
    CHECK(s->scale_up_cooldown == 12ms);
    CHECK(s->scale_down_cooldown == 13ms);
    CHECK(s->no_sync_quiet == 14ms);
}

TEST_CASE("rate-based: every limit, at, below and above")
{
    struct row {
        const char* why;
        mayfly::settings from;
        bool good;
    };
    constexpr std::int64_t int32_max = 2147483647;
    const row rows[] = {
        {"minimum: below", {{"min_count", -1}}, false},
        {"minimum: as the maximum", {{"min_count", 30}, {"initial_count", 30}}, true},
        {"minimum: above the maximum", {{"min_count", 31}, {"initial_count", 30}}, false},
        {"minimum: above the initial count", {{"min_count", 1}}, false},
        {"maximum: zero would mean never", {{"max_count", 0}}, false},
        {"maximum: one", {{"max_count", 1}}, true},
        {"maximum: 32 bits", {{"max_count", int32_max}}, true},
        {"maximum: one more", {{"max_count", int32_max + 1}}, false},
        {"initial: as the maximum", {{"initial_count", 30}}, true},
        {"initial: above", {{"initial_count", 31}}, false},
        {"initial: below", {{"initial_count", -1}}, false},
        {"poll: at", {{"metrics_poll_interval_ms", 30000}, {"scale_down_cooldown_ms", 0}}, true},
        {"poll: below", {{"metrics_poll_interval_ms", 29999}, {"scale_down_cooldown_ms", 0}}, false},
        {"poll: below the default cool-down", {{"metrics_poll_interval_ms", 59999}}, false},
        {"cool-down up: as the poll", {{"scale_up_cooldown_ms", 60000}}, true},
        {"cool-down up: above", {{"scale_up_cooldown_ms", 60001}}, false},
        {"cool-down up: below", {{"scale_up_cooldown_ms", -1}}, false},
        {"cool-down down: none", {{"scale_down_cooldown_ms", 0}}, true},
        {"cool-down down: above the poll", {{"scale_down_cooldown_ms", 60001}}, false},
        {"cool-down down: below", {{"scale_down_cooldown_ms", -1}}, false},
        {"alpha: zero would never learn", {{"ewma_alpha", 0}}, false},
        {"alpha: little", {{"ewma_alpha", 0.0001}}, true},
        {"alpha: one", {{"ewma_alpha", 1}}, true},
        {"alpha: above", {{"ewma_alpha", 1.0001}}, false},
        {"alpha: no number", {{"ewma_alpha", not_a_number}}, false},
        {"capacity: zero", {{"initial_per_consumer_capacity", 0}}, false},
        {"capacity: little", {{"initial_per_consumer_capacity", 0.001}}, true},
        {"capacity: endless", {{"initial_per_consumer_capacity", endless}}, false},
        {"drain: zero", {{"target_backlog_drain_rate", 0}}, true},
        {"drain: below", {{"target_backlog_drain_rate", -0.1}}, false},
        {"material: one", {{"material_backlog_threshold", 1}}, true},
        {"material: zero", {{"material_backlog_threshold", 0}}, false},
        {"utilisation: zero", {{"utilization_target", 0}}, false},
        {"utilisation: one", {{"utilization_target", 1}}, true},
        {"utilisation: above", {{"utilization_target", 1.01}}, false},
        {"beta: zero", {{"halfin_whitt_beta", 0}}, true},
        {"beta: below", {{"halfin_whitt_beta", -0.5}}, false},
        {"step: one", {{"max_scale_up_step", 1}}, true},
        {"step: zero", {{"max_scale_up_step", 0}}, false},
        {"step: more than 32 bits", {{"max_scale_up_step", int32_max + 1}}, false},
        {"quiet: zero", {{"no_sync_quiet_ms", 0}}, true},
        {"quiet: below", {{"no_sync_quiet_ms", -1}}, false},
        {"unknown", {{"scale_up_cooloff_ms", 1}}, false},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(static_cast<bool>(from_settings<rate_based>(r.from)) == r.good, r.why);
}
