// SPDX-License-Identifier: BSL-1.0
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/scalers/rate_based.hpp>
#include <mayfly/testing/random.hpp>
#include <mayfly/testing/recording.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using mayfly::condition;
using mayfly::controller_action;
using mayfly::controller_options;
using mayfly::deployment_version;
using mayfly::fleet;
using mayfly::group_policy;
using mayfly::launch_result;
using mayfly::launch_target;
using mayfly::queue_snapshot;
using mayfly::queue_stats;
using mayfly::task_added;
using mayfly::task_type;
using mayfly::uptime;
using mayfly::version_handle;
using mayfly::version_status;
using mayfly::worker_seen;
using mayfly::testing::comparison;
using mayfly::testing::describe;
using mayfly::testing::recorder;
using mayfly::testing::replay;
using mayfly::testing::replay_result;
using action_kind = controller_action::kind;

namespace {

template <class S>
mayfly::version_spec<S> spec(group_policy<S> policy)
{
    return {.groups = {{std::make_shared<const group_policy<S>>(std::move(policy)),
                std::make_shared<const launch_target>(launch_target{{"orders", "b\"1"}, "default", "fn"})}}};
}

const auto default_fleet = [](const launch_target&) { return fleet{}; };

/// A short conversation in which everything comes up once.
std::string conversation()
{
    std::string text;
    controller_options options;
    options.calls_at_once = 3;
    recorder<fleet> r([&](std::string_view line) { text += line; }, {"fleet", "by hand"}, options);
    group_policy<fleet> policy{.limits = {0, 9}, .workers = {.useful_life = 60s}, .tries = 2};
    const version_handle h = r.add(spec(policy), 0s);
    const auto first = *r.next_action();
    r.launched(first.id, std::array{launch_result{condition::ok, "r1"}}, condition::ok, {}, 100ms);
    r.added(h, {task_type::workflow, {.not_matched = 5, .rate_limited = 1}}, 200ms);
    while (auto a = r.next_action())
        if (a->what == action_kind::launch)
            r.launched(a->id, {}, condition::throttled, "slow \"down\"\n", 300ms);
    r.advance(1300ms);
    const deployment_version other{"orders", "b2"};
    std::vector<worker_seen> pollers{{.identity = "r1@fn", .first_seen = 800ms, .last_seen = 1s, .busy = 1, .slots = 2},
        {.identity = "who", .first_seen = -1s, .version = &other}};
    queue_snapshot q{.workers = pollers, .workers_complete = true};
    q.of(task_type::activity) = queue_stats{.backlog = std::numeric_limits<std::uint64_t>::max(),
        .oldest = 3s,
        .add_rate = 0.1,
        .dispatch_rate = std::numeric_limits<double>::infinity(),
        .limiter_active = true,
        .added = 7};
    r.snapshot(h, q, 2s);
    r.unread(h, condition::transient, "timeout", 3s);
    r.seen(h, {.identity = "new@fn", .first_seen = 4s}, 4s);
    r.gone(h, {"new@fn"}, 5s);
    policy.limits.max = 3;
    r.set_policy(h, 0, std::make_shared<const group_policy<fleet>>(policy), 6s);
    r.set_status(h, version_status::drained, 7s);
    r.resized(12345, condition::ok, {}, 8s);
    (void)r.next_action();
    r.remove(h);
    r.added(h, {}, 9s);
    return text;
}

/// Hundreds of steps that a real run would not make.
template <class S>
std::string random_run(std::uint64_t seed, S scaler)
{
    std::string text;
    mayfly::testing::random_stream random(seed, 1);
    const auto below = [&](std::uint64_t n) { return random.next() % n; };
    controller_options options;
    options.calls_at_once = 4;
    recorder<S> r([&](std::string_view line) { text += line; }, {}, options);
    std::vector<version_handle> all{
        r.add(spec(group_policy<S>{scaler, {1, 30}, {.useful_life = 30s}, {}, true, 2}), 0s)};
    std::vector<controller_action> open;
    uptime now{};
    for (int i = 0; i < 400; ++i) {
        now += uptime(static_cast<uptime::rep>(below(3) * below(700'001)));
        const version_handle h = all[below(all.size())];
        const std::string who = "r" + std::to_string(below(40)) + "@fn";
        switch (below(9)) {
        case 0: r.added(h, {task_type::activity, {.not_matched = static_cast<std::uint32_t>(below(6))}}, now); break;
        case 1: r.seen(h, {.identity = who, .first_seen = now, .last_seen = now}, now); break;
        case 2: r.gone(h, {who}, now); break;
        case 3: {
            queue_snapshot q{.busy_slots = static_cast<std::uint32_t>(below(20))};
            q.of(task_type::activity) = queue_stats{.backlog = below(100),
                .add_rate = static_cast<double>(below(1000)) / 7,
                .dispatch_rate = random.uniform() * 1e-5,
                .dispatched = static_cast<std::uint64_t>(i)};
            r.snapshot(h, q, now);
            break;
        }
        case 4: r.set_status(h, static_cast<version_status>(below(6)), now); break;
        case 5:
            if (below(10) == 0)
                all.push_back(r.add(spec(group_policy<S>{scaler}), now));
            else if (below(10) == 0)
                r.remove(h);
            break;
        case 6:
            while (auto a = r.next_action())
                open.push_back(*a);
            break;
        case 7:
            while (!open.empty()) {
                const controller_action a = open.back();
                open.pop_back();
                const std::string id = "r" + std::to_string(a.launch.first_launch);
                if (a.what == action_kind::launch)
                    r.launched(a.id, std::array{launch_result{condition::ok, id}}, condition::throttled, "no", now);
                else if (a.what == action_kind::resize)
                    r.resized(a.id, condition::ok, {}, now);
                else
                    r.unread(a.version, condition::transient, "no", now);
            }
            break;
        default: r.advance(now);
        }
    }
    return text;
}

std::vector<std::string> lines_of(const std::string& text)
{
    std::vector<std::string> lines;
    mayfly::detail::each_line(text, [&](std::string_view line, std::size_t) {
        lines.emplace_back(line);
        return true;
    });
    return lines;
}

std::string joined(const std::vector<std::string>& lines)
{
    std::string text;
    for (const std::string& l : lines)
        text += l + '\n';
    return text;
}

}  // namespace

TEST_CASE("a recording replays bit for bit")
{
    const std::string text = conversation();
    const replay_result r = replay(text, default_fleet);
    CHECK(r.error == "");
    CHECK(r.difference == "");
    CHECK(r.lines == lines_of(text).size());
    CHECK(r.decisions == 9);
    CHECK_MESSAGE(replay(text.substr(0, text.size() - 1), default_fleet), "the last line needs no end");
}

TEST_CASE("identities, request ids and words that are not UTF-8 come back as they were")
{
    std::string text;
    recorder<fleet> r([&](std::string_view line) { text += line; });
    const version_handle h = r.add(spec(group_policy<fleet>{.limits = {0, 2}}), 0s);
    const auto first = *r.next_action();
    const std::string words = "no\xC3";
    r.launched(first.id, std::array{launch_result{condition::ok, "\xFD"}}, condition::ok, words, 100ms);
    // Both would be U+FFFD: one worker where there are two.
    r.seen(h, {.identity = "\xFF@fn", .first_seen = 1s}, 1s);
    r.seen(h, {.identity = "\xFE@fn", .first_seen = 1s}, 1s);
    std::vector<worker_seen> pollers{{.identity = "\xFD@fn", .first_seen = 1s}};
    r.snapshot(h, {.workers = pollers}, 1s);
    r.gone(h, {"\xFE@fn"}, 2s);
    r.added(h, {task_type::activity, {.not_matched = 3}}, 3s);
    while (const auto a = r.next_action())
        if (a->what == action_kind::launch)
            r.launched(a->id, {}, condition::transient, words, 3s);
    r.unread(h, condition::transient, words, 4s);
    CHECK(r.machine().books(h)->records().size() >= 3);

    const replay_result same = replay(text, default_fleet);
    CHECK(same.error == "");
    CHECK(same.difference == "");
    CHECK(text.find("\xEF\xBF\xBD") == std::string::npos);
    const auto at = text.find(R"("identity_hex":"ff40666e")");
    REQUIRE(at != std::string::npos);
    for (const char* bad :
        {R"("identity_hex":"zz40666e")", R"("identity_hex":"ff40666")", R"("identity_hex":1234567890)"}) {
        std::string broken = text;
        broken.replace(at, std::string_view(R"("identity_hex":"ff40666e")").size(), bad);
        CHECK(replay(broken, default_fleet).error.find("\"identity_hex\" must be") != std::string::npos);
    }
}

TEST_CASE("random runs replay")
{
    std::size_t decisions = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const replay_result a = replay(random_run(seed, fleet{}), default_fleet);
        CHECK(a.error == "");
        CHECK(a.difference == "");
        const replay_result b =
            replay(random_run(seed, mayfly::rate_based{}), [](const launch_target&) { return mayfly::rate_based{}; });
        CHECK(b.error == "");
        CHECK(b.difference == "");
        decisions += a.decisions + b.decisions;
    }
    CHECK(decisions > 5000);
}

TEST_CASE("with another parameter, the first difference is told")
{
    const std::string text = conversation();
    const replay_result r = replay(text, [](const launch_target&) { return fleet{.activity_timeout = 7s}; });
    CHECK(r.error == "");
    CHECK(r.difference.find("made.orders.activity_timeout: recorded 0") != std::string::npos);
    CHECK(r.difference.find(", now 7000000") != std::string::npos);
    CHECK(r.difference.rfind("line " + std::to_string(r.lines) + ": ", 0) == 0);
    CHECK_MESSAGE(!r, "and nothing after it is looked at");
}

TEST_CASE("what was tampered with is found")
{
    const std::vector<std::string> lines = lines_of(conversation());
    const auto at = [&](std::string_view part) {
        for (std::size_t i = 0; i < lines.size(); ++i)
            if (lines[i].find(part) != std::string::npos)
                return i;
        FAIL("no such line");
        return std::size_t{0};
    };
    const auto without = [&](std::size_t i) {
        auto some = lines;
        some.erase(some.begin() + static_cast<std::ptrdiff_t>(i));
        return joined(some);
    };
    const auto with = [&](std::size_t i, std::string_view from, std::string_view to) {
        auto some = lines;
        const auto p = some[i].find(from);
        REQUIRE(p != std::string::npos);
        some[i].replace(p, from.size(), to);
        return joined(some);
    };
    const std::size_t snapshot = at("\"in\":\"snapshot\"");
    const std::size_t added = at("\"in\":\"added\"");
    const auto n = [](std::size_t i) { return "line " + std::to_string(i + 1) + ": "; };
    struct row {
        const char* why;
        std::string text;
        std::string error;       // begins so
        std::string difference;  // begins so
    };
    const row rows[] = {
        {"nothing at all", "", "line 1: the recording ends, and a header was expected", ""},
        {"no header", joined({lines[1]}), "line 1: a header with \"schema\":\"mayfly-recording/1\" was expected", ""},
        {"another format", with(0, "recording/1", "recording/2"), "line 1: a header with", ""},
        {"not JSON", with(added, "{", "("), n(added) + "line 1, column 1: ", ""},
        {"no object", joined({lines[0], "[]"}), "line 2: an object was expected", ""},
        {"neither in nor out", with(added, "\"in\"", "\"on\""), n(added) + "\"in\" with a known name, or \"out\"", ""},
        {"an unknown input", with(added, ":\"added\"", ":\"subtracted\""), n(added) + "\"in\" with a known name", ""},
        {"a field is missing", with(added, "\"tasks\"", "\"task\""), n(added) + "\"tasks\" is missing", ""},
        {"a name that nobody knows", with(added, "\"workflow\"", "\"worflow\""),
            n(added) + "\"type\" is none of the names", ""},
        {"a fraction for a count", with(added, "\"not_matched\":5", "\"not_matched\":5.5"),
            n(added) + "\"not_matched\" must be a whole number", ""},
        {"a negative count", with(added, "\"not_matched\":5", "\"not_matched\":-5"),
            n(added) + "\"not_matched\" must be a whole number", ""},
        {"text for a time", with(added, "\"t\":200000", "\"t\":\"soon\""), n(added) + "\"t\" must be whole micro", ""},
        {"text for a rate", with(snapshot, "\"add_rate\":0.1", "\"add_rate\":\"fast\""),
            n(snapshot) + "\"add_rate\" must be a number", ""},
        {"a number for a flag", with(snapshot, "\"limiter_active\":true", "\"limiter_active\":1"),
            n(snapshot) + "\"limiter_active\" must be true or false", ""},
        {"no array", with(snapshot, "\"workers\":[", "\"wokers\":["), n(snapshot) + "\"workers\" must be an array", ""},
        {"cut off in a line", joined(lines).substr(0, joined(lines).size() - 4), n(lines.size() - 1), ""},
        {"cut off between question and answer", joined(std::vector<std::string>(lines.begin(), lines.begin() + 2)),
            "line 3: the recording ends, and \"out\" was expected", ""},
        {"an input is missing: its answer has no cause", without(added), "", n(added) + "recorded, and missing now: "},
        {"an answer is missing", without(2), "", n(2)},
        {"another input, another decision", with(added, "\"not_matched\":5", "\"not_matched\":6"), "",
            n(added + 1) + "signal.added.not_matched: recorded 5, now 6"},
        {"another decision", with(added + 1, "\"launch\":", "\"launch\":1"), "",
            n(added + 1) + "made.launch: recorded 1"},
        {"an answer that says more", with(added + 1, "\"launch\":", "\"lunch\":1,\"launch\":"), "",
            n(added + 1) + "made.lunch: recorded 1, missing now"},
        {"the same in another way", with(added + 1, ",\"version\"", " , \"version\""), "", ""},
    };
    for (const row& r : rows) {
        INFO(r.why);
        const replay_result got = replay(r.text, default_fleet);
        CHECK_MESSAGE(got.error.rfind(r.error, 0) == 0, got.error);
        CHECK_MESSAGE(got.difference.rfind(r.difference, 0) == 0, got.difference);
        CHECK(got.error.empty() == r.error.empty());
        CHECK(got.difference.empty() == r.difference.empty());
    }
}

TEST_CASE("numbers come back exactly")
{
    const double values[] = {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0,
        std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
    for (const double d : values) {
        mayfly::scaling_signal sig;
        sig.stats[0] = queue_stats{.backlog = std::numeric_limits<std::uint64_t>::max(), .add_rate = d};
        sig.fleet.startup = mayfly::never;
        const std::string line = mayfly::detail::record_line("out", "x").with("signal", sig).take();
        mayfly::detail::recorded r(line);
        CHECK(r.get<mayfly::scaling_signal>("signal") == sig);
        CHECK(r.error == "");
    }
    const std::string line =
        mayfly::detail::record_line("out", "x").with("d", std::numeric_limits<double>::quiet_NaN()).take();
    const double back = mayfly::detail::recorded(line).get<double>("d");
    CHECK(back != back);
}

TEST_CASE("two scalers are compared on one recording")
{
    const std::string text = random_run(3, fleet{});
    const comparison same = mayfly::testing::compare(text, fleet{}, fleet{});
    CHECK(same);
    CHECK(same.decisions > 50);
    CHECK(same.different == 0);
    CHECK(same.a.launch > 0);
    CHECK(same.a.launch == same.b.launch);

    const comparison other = mayfly::testing::compare(text, fleet{}, mayfly::no_sync{}, 3);
    CHECK(other.different > 0);
    CHECK(other.a.launch == same.a.launch);
    CHECK(other.b.launch < other.a.launch);
    REQUIRE(other.first.size() == 3);
    CHECK(other.first[0].rfind("line ", 0) == 0);
    CHECK(other.first[0].find(" s, ") != std::string::npos);

    CHECK(mayfly::testing::compare("", fleet{}, fleet{}).error == "line 1: a header was expected");
    CHECK(mayfly::testing::compare("{}\n", fleet{}, fleet{}).error.rfind("line 1: a header with", 0) == 0);
    CHECK(mayfly::testing::compare(lines_of(text)[0] + "\n{\"out\":\"decided\"}", fleet{}, fleet{}).error ==
          "line 2: \"t\" is missing");
}

TEST_CASE("an event is told in words")
{
    std::string all;
    for (const std::string& line : lines_of(conversation()))
        if (const std::string words = describe(line); !words.empty())
            all += words + "\n";
    const char* const expected[] = {
        "at 0 s, default: begin: nothing, steady; 0 live, 0 on the way\n",
        "at 0 s, default: launch 1, bootstrap\n",
        "at 0.1 s, default: launched 1\n",
        "at 0.2 s, default: added: launch ",
        ", throttled: slow \"down\"\n",
        "at 1.3 s, default: retried ",
        "at 3 s, default: unread 0, transient: timeout\n",
    };
    for (const char* e : expected)
        CHECK_MESSAGE(all.find(e) != std::string::npos, e << " in\n" << all);
    CHECK(describe("{\"in\":\"take\"}") == "");
    CHECK(describe("nonsense") == "");
    CHECK(describe("{\"out\":\"decided\"}") == "");
}
