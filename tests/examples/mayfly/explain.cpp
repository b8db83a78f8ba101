// SPDX-License-Identifier: BSL-1.0
#include "../../../examples/mayfly/explain_command.hpp"
#include "../../../examples/mayfly/explain_story.hpp"
#include "../../../examples/mayfly/flight_file.hpp"
#include "../../../examples/mayfly/flight_status.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

using namespace examples;
using namespace std::chrono_literals;
using mayfly::cause;
using mayfly::controller_event;
using mayfly::reason;

namespace {

const mayfly::launch_target target{{"orders", "b7"}, "default", "fn", {{"role_external_id", std::string("SECRET-7")}}};
const mayfly::wall_time t0{1'700'000'000'250ms};

mayfly::scaling_signal signal_of(std::uint64_t backlog, mayfly::fleet_view fleet = {})
{
    mayfly::scaling_signal s{.why = cause::stats, .fleet = fleet, .limits = {0, 5}};
    s.stats[1] = mayfly::queue_stats{.backlog = backlog, .oldest = 1200ms, .add_rate = 2.5};
    return s;
}

flight_entry decided(mayfly::uptime at, const mayfly::scaling_signal& s, mayfly::decision made)
{
    const controller_event e{.what = controller_event::kind::decided,
        .at = at,
        .version = {0, 1},
        .target = &target,
        .why = s.why,
        .made = made,
        .fleet = s.fleet,
        .signal = &s};
    return flight_entry_of(e, "default", t0 + std::chrono::floor<std::chrono::milliseconds>(at));
}

flight_entry answered(controller_event::kind what, mayfly::uptime at, std::uint32_t count,
    mayfly::condition outcome = mayfly::condition::ok, std::string_view words = {})
{
    const controller_event e{.what = what,
        .at = at,
        .version = {0, 1},
        .target = &target,
        .count = count,
        .outcome = outcome,
        .detail = words};
    return flight_entry_of(e, "default", t0 + std::chrono::floor<std::chrono::milliseconds>(at));
}

/// 5 tasks wait, 3 workers start and 2 are accepted; then what waits is covered; then nothing waits.
std::vector<flight_entry> burst()
{
    return {decided(1s, signal_of(5), {.launch = 3, .revisit = 500ms, .reason = reason::backlog, .held_back = 2}),
        answered(controller_event::kind::launched, 1100ms, 2),
        answered(controller_event::kind::refused, 1100ms, 1, mayfly::condition::throttled, "Rate Exceeded."),
        decided(2s, signal_of(5, {.starting = 2, .refused = 1}), {.reason = reason::covered}),
        decided(70s, signal_of(0, {.live = 2, .ever_seen = true}), {.reason = reason::steady})};
}

bool has(std::string_view text, std::string_view part)
{
    return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("What is written is read, and no provider's setting is in it")
{
    for (const flight_entry& e : burst()) {
        const std::string line = to_flight_line(e);
        CHECK_FALSE(has(line, "\n"));
        CHECK_FALSE(has(line, "SECRET"));
        const flight_line read = read_flight_line(line);
        CHECK_MESSAGE(read.problem.empty(), read.problem);
        CHECK(read.entry == e);
    }
    const std::string line = to_flight_line(burst().front());
    CHECK(has(line, R"({"at":"2023-11-14T22:13:21.250Z","uptime":1,"namespace":"default","deployment":"orders")"));
    CHECK(has(line, R"("event":"decided","why":"stats","reason":"backlog","launch":3,"held_back":2,)"));
}

TEST_CASE("A line of another version is read as far as it is understood, and what is no line says so")
{
    const flight_line newer = read_flight_line(
        R"({"at":"2026-01-31T09:30:00+01:00","event":"leading","reason":"not_made_yet","new":{"a":[1]},"launch":-1})");
    REQUIRE(newer);
    CHECK(newer.entry.event == "leading");
    CHECK_FALSE(newer.entry.reason);
    CHECK(newer.entry.launch == 0);
    CHECK(detail::flight_time(newer.entry.at) == "2026-01-31T08:30:00Z");

    for (const char* bad : {"", "{", "[]", "7", R"({"event":"decided"})", R"({"at":"yesterday","event":"decided"})",
             R"({"at":"2026-01-31T09:30:00Z"})", R"({"at":7,"event":"decided"})"})
        CHECK_MESSAGE(!read_flight_line(bad).problem.empty(), bad);
}

TEST_CASE("Of decisions to do nothing for nobody only the first is kept, and one once in a while")
{
    struct row {
        const char* why;
        mayfly::uptime at;
        std::uint64_t backlog;
        mayfly::decision made;
        bool kept;
    };
    const row rows[] = {
        {"the first", 0s, 0, {.reason = reason::steady}, true},
        {"the same again", 5s, 0, {.reason = reason::steady}, false},
        {"something waits", 6s, 3, {.reason = reason::steady}, true},
        {"somebody starts", 7s, 3, {.launch = 1, .reason = reason::backlog}, true},
        {"another reason than before", 8s, 0, {.reason = reason::steady}, true},
        {"something was held back", 9s, 0, {.reason = reason::steady, .held_back = 1}, true},
        {"soon after", 10s, 0, {.reason = reason::steady}, false},
        {"to show that somebody looks", 10min, 0, {.reason = reason::steady}, true},
    };
    flight_thinner thin(5min);
    for (const row& r : rows) {
        const mayfly::scaling_signal s = signal_of(r.backlog);
        const controller_event e{.at = r.at, .version = {0, 1}, .target = &target, .made = r.made, .signal = &s};
        CHECK_MESSAGE(thin.keeps(e) == r.kept, r.why);
    }
    thin.forget({0, 1});
    const mayfly::scaling_signal s = signal_of(0);
    CHECK(thin.keeps({.at = 10min, .version = {0, 1}, .target = &target, .signal = &s}));
}

TEST_CASE("Two files stay below their bound, hold the newest lines and are read in order")
{
    const auto folder = std::filesystem::temp_directory_path() / ("mayfly-flight-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    const auto path = folder / "record";
    const std::string line(90, 'x');
    {
        flight_file out(path, 2000);
        for (int i = 100; i < 130; ++i)
            CHECK(out.write(line + std::to_string(i)));
    }
    {
        flight_file again(path, 2000);
        CHECK(again.write(line + "130"));
    }
    CHECK(std::filesystem::file_size(path) + std::filesystem::file_size(flight_file::older(path)) <= 2000);
    std::vector<std::string> read;
    CHECK(read_flight_files(path, [&](const auto&, std::uint64_t, std::string_view l) { read.emplace_back(l); }));
    REQUIRE(read.size() >= 10);
    CHECK(read.back() == line + "130");
    for (std::size_t i = 1; i < read.size(); ++i)
        CHECK(std::stoi(read[i].substr(90)) == std::stoi(read[i - 1].substr(90)) + 1);
    CHECK_FALSE(read_flight_files(folder / "none", [](const auto&, std::uint64_t, std::string_view) {}));
    CHECK_FALSE(flight_file(folder / "no" / "such" / "folder", 2000).write("x"));
    std::filesystem::remove_all(folder);
}

TEST_CASE("A decision is told with what was read, who was there, the rule and what came of it")
{
    const auto all = burst();
    CHECK(sentence_on(all[0]) ==
          "Asked because statistics were read: 5 activity tasks waited (the oldest for 1.2 s; 2.5 a second came, 0 a "
          "second went). Workers: 0 live; none was ever seen; at most 5. So 3 workers shall start: tasks wait "
          "[backlog]; 2 more were wished for and held back. Looked at again in 0.5 s at the latest.");
    CHECK(sentence_on(all[1]) == "The provider accepted 2 starts.");
    CHECK(sentence_on(all[2]) == "The provider refused 1 start (throttled): \"Rate Exceeded.\".");
    CHECK(has(sentence_on(all[3]), "Workers: 0 live, 2 starting, 1 refused in a row"));
    CHECK(has(sentence_on(all[3]), "So no worker starts: what lives or starts will take what waits [covered]."));
    CHECK(sentence_on({.event = "leading", .detail = "this replica acts"}) == "leading: this replica acts.");

    for (unsigned i = 0; to_string(static_cast<reason>(i)) != "unknown"; ++i)
        CHECK_MESSAGE(!has(words_for(static_cast<reason>(i)), "not known"), to_string(static_cast<reason>(i)));
    for (unsigned i = 0; to_string(static_cast<cause>(i)) != "unknown"; ++i)
        CHECK_MESSAGE(!has(words_for(static_cast<cause>(i)), "nobody knows"), to_string(static_cast<cause>(i)));
}

TEST_CASE("Why somebody was started at a time, and why nobody was")
{
    struct row {
        const char* why;
        mayfly::wall_time at;
        const char* answer;
    };
    const auto all = burst();
    const row rows[] = {
        {"at the decision", t0 + 1s,
            "3 workers shall start: tasks wait [backlog]; 2 more were wished for and held "
            "back. Then the provider accepted 2 starts, and refused 1 start (throttled: "
            "\"Rate Exceeded.\")."},
        {"after the next", t0 + 3s,
            "At 2023-11-14T22:13:22.250Z, no worker starts: what lives or starts will take "
            "what waits [covered]."},
        {"long after", t0 + 60s, "The decision that held was made 58 s before"},
        {"before all", t0 - 1s, "The record of it begins at 2023-11-14T22:13:21.250Z, after that time."},
        {"after the end", t0 + 2h, "did the controller run at that time?"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(
            has(explain_at(all, r.at).answer, r.answer), (std::string(r.why) + ": " + explain_at(all, r.at).answer));
    CHECK(explain_at({}, t0).answer == "The record has nothing of it.");

    const auto around = explain_at(all, t0 + 1500ms);
    CHECK(around.before.size() == 3);
    CHECK(around.after.size() == 1);
}

TEST_CASE("A version is named as mayfly or as others name it")
{
    struct row {
        const char* why;
        const char* text;
        const char* deployment;
        const char* build_id;
        bool usable;
    };
    const row rows[] = {
        {"as mayfly does", "orders/b7", "orders", "b7", true},
        {"as mayfly worker and the server do", "orders:b7", "orders", "b7", true},
        {"a slash of the build id's own", "orders:b/7", "orders", "b/7", true},
        {"a deployment", "orders", "orders", "", true},
        {"no build id", "orders:", "orders", "", false},
        {"no deployment", ":b7", "", "b7", false},
    };
    for (const row& r : rows) {
        const auto o = read_explain_options({"file", "--version", r.text});
        CHECK_MESSAGE(o.problem.empty() == r.usable, r.why);
        CHECK_MESSAGE(o.deployment == r.deployment, r.why);
        CHECK_MESSAGE(o.build_id == r.build_id, r.why);
    }
}

TEST_CASE("A record in numbers")
{
    auto all = burst();
    all.push_back(decided(1s, signal_of(1), {.launch = 1, .reason = reason::missed_match}));
    const auto sums = summarise(all);
    REQUIRE(sums.size() == 1);
    const flight_summary& s = sums.begin()->second;
    CHECK(to_string(sums.begin()->first) == "default orders/b7");
    CHECK(s.decisions == 4);
    CHECK(s.starts == std::map<std::string, std::uint64_t>{{"backlog", 3}, {"missed_match", 1}});
    CHECK(s.held_back == std::map<std::string, std::uint64_t>{{"backlog", 2}});
    CHECK(s.not_started == std::map<std::string, std::uint64_t>{{"covered", 1}});
    CHECK(s.accepted == 2);
    CHECK(s.refused == std::map<std::string, std::uint64_t>{{"throttled", 1}});
    CHECK(s.controller_starts == 1);
}

TEST_CASE("How much of the workers' time was idle")
{
    const auto at = [](mayfly::uptime t, std::uint32_t live, std::uint32_t busy) {
        return decided(t, signal_of(0, {.live = live, .slots = 2, .busy = busy}), {});
    };
    const std::vector<flight_entry> half{at(0s, 2, 1), at(50s, 2, 1), at(100s, 2, 1)};
    CHECK(idle_share(half) == doctest::Approx(0.5));
    const std::vector<flight_entry> none{at(0s, 2, 4), at(50s, 2, 4)};
    CHECK(idle_share(none) == doctest::Approx(0));
    const std::vector<flight_entry> brief{at(0s, 1, 0), at(10s, 1, 0)};
    CHECK_FALSE(idle_share(brief));
    const std::vector<flight_entry> restarted{at(500s, 2, 0), at(1s, 2, 0), at(2s, 2, 0)};
    CHECK_FALSE(idle_share(restarted));
}

TEST_CASE("A group's standing out of its record is that which its controller had")
{
    auto all = burst();
    all.pop_back();
    const auto status = status_from_record(all);
    REQUIRE(status);
    CHECK(status->symptom == mayfly::symptom::throttled);
    CHECK(status->standing == mayfly::standing::degraded);
    CHECK(status->fleet.starting == 2);
    CHECK(status->backlog == 5);
    CHECK(status->limits.max == 5U);
    CHECK(status->since == std::optional<std::string>("2023-11-14T22:13:21.350Z"));
    REQUIRE(status->decisions.size() == 4);
    CHECK(status->decisions[2].detail == "Rate Exceeded.");
    CHECK_FALSE(status_from_record({}));
}
