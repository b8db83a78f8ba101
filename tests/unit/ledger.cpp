// SPDX-License-Identifier: BSL-1.0
#include <mayfly/ledger.hpp>
#include <mayfly/testing/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using enum mayfly::start_state;
using mayfly::condition;
using mayfly::deployment_version;
using mayfly::fleet_view;
using mayfly::ledger;
using mayfly::ledger_owner;
using mayfly::ledger_settings;
using mayfly::never;
using mayfly::queue_snapshot;
using mayfly::queue_stats;
using mayfly::sighting;
using mayfly::start_record;
using mayfly::start_state;
using mayfly::task_type;
using mayfly::uptime;
using mayfly::worker_seen;

namespace {

const deployment_version our_version{"orders", "b1"};
const deployment_version theirs{"orders", "b2"};
const ledger_owner own{&our_version, "fn"};

worker_seen poller(std::string_view identity, uptime first, const deployment_version* version = nullptr)
{
    return {.identity = identity, .first_seen = first, .last_seen = first, .version = version};
}

/// One start, asked at zero and accepted as `a` at 100 ms.
ledger one_accepted(const ledger_settings& settings = {})
{
    ledger l(settings);
    l.answer(l.ask(1, 0s), {condition::ok, "a"}, 100ms);
    return l;
}

start_state state_of(const ledger& l, std::uint64_t id)
{
    const auto& all = l.records();
    const auto at = std::find_if(all.begin(), all.end(), [&](const start_record& r) { return r.id == id; });
    REQUIRE(at != all.end());
    return at->state;
}

void add_start(ledger& l, std::string_view request, uptime asked, uptime seen)
{
    l.answer(l.ask(1, asked), {condition::ok, request}, asked);
    l.see(poller(request, seen), own, seen);
}

/// The view's counts must be what the records say.
void check_balance(const ledger& l, uptime now)
{
    std::array<std::uint32_t, 6> n{};
    for (const start_record& r : l.records())
        n[static_cast<std::size_t>(r.state)] += 1;
    const fleet_view v = l.view(now);
    REQUIRE(v.asked == n[static_cast<std::size_t>(asked)]);
    REQUIRE(v.starting == n[static_cast<std::size_t>(accepted)]);
    REQUIRE(v.live == n[static_cast<std::size_t>(polling)]);
}

}  // namespace

TEST_CASE("a start moves from state to state")
{
    struct row {
        const char* why;
        std::function<void(ledger&)> then;  // after one start was accepted as "a"
        start_state state;
        fleet_view view;  // asked, starting, live, given_up
    };
    const auto seen = [](ledger& l, uptime at) { return l.see(poller("a@fn", at, &our_version), own, at); };
    const row rows[] = {
        {"accepted, nobody has seen it", [](ledger&) {}, accepted, {.starting = 1}},
        {"seen", [&](ledger& l) { CHECK(seen(l, 700ms) == sighting::connected); }, polling, {.live = 1}},
        {"seen twice",
            [&](ledger& l) {
                seen(l, 700ms);
                CHECK(seen(l, 800ms) == sighting::known);
            },
            polling, {.live = 1}},
        {"seen by its request id alone",
            [&](ledger& l) { CHECK(l.see(poller("a", 1s), own, 1s) == sighting::connected); }, polling, {.live = 1}},
        {"not seen in time", [](ledger& l) { CHECK(l.advance(5s)); }, given_up, {.given_up = 1}},
        {"one moment before that", [](ledger& l) { CHECK(!l.advance(5s - 1us)); }, accepted, {.starting = 1}},
        {"late is better than never",
            [&](ledger& l) {
                l.advance(5s);
                CHECK(seen(l, 8s) == sighting::late);
            },
            polling, {.live = 1}},
        {"said goodbye",
            [&](ledger& l) {
                seen(l, 700ms);
                CHECK(l.gone("a@fn", 2s));
            },
            gone, {}},
        {"said goodbye twice",
            [&](ledger& l) {
                seen(l, 700ms);
                l.gone("a@fn", 2s);
                CHECK(!l.gone("a@fn", 3s));
            },
            gone, {}},
        {"a goodbye before it was seen means nothing", [](ledger& l) { CHECK(!l.gone("a@fn", 2s)); }, accepted,
            {.starting = 1}},
        {"came and went between two looks",
            [](ledger& l) {
                worker_seen w = poller("a@fn", 700ms, &our_version);
                w.present = false;
                CHECK(l.see(w, own, 9s) == sighting::connected);
            },
            gone, {}},
        {"still listed after its goodbye",
            [&](ledger& l) {
                seen(l, 700ms);
                l.gone("a@fn", 2s);
                CHECK(l.see(poller("a@fn", 700ms), own, 3s) == sighting::known);
            },
            gone, {}},
        {"the event was delivered once more",
            [&](ledger& l) {
                seen(l, 700ms);
                l.gone("a@fn", 2s);
                CHECK(seen(l, 60s) == sighting::returned);
            },
            polling, {.live = 1}},
        {"a listed entry that is no more is no return",
            [&](ledger& l) {
                seen(l, 700ms);
                l.gone("a@fn", 2s);
                worker_seen w = poller("a@fn", 60s);
                w.present = false;
                CHECK(l.see(w, own, 70s) == sighting::known);
            },
            gone, {}},
        {"another version",
            [](ledger& l) { CHECK(l.see(poller("a@fn", 1s, &theirs), own, 1s) == sighting::elsewhere); }, elsewhere,
            {.given_up = 1}},
        {"another version, twice, is one start",
            [](ledger& l) {
                l.see(poller("a@fn", 1s, &theirs), own, 1s);
                l.see(poller("a@fn", 1s, &theirs), own, 2s);
                CHECK(l.totals().elsewhere == 1);
            },
            elsewhere, {.given_up = 1}},
        {"another version, after it was given up, counts once",
            [](ledger& l) {
                l.advance(5s);
                l.see(poller("a@fn", 6s, &theirs), own, 6s);
            },
            elsewhere, {.given_up = 1}},
        {"a source that tells no version is believed",
            [](ledger& l) { CHECK(l.see(poller("a@other", 1s), own, 1s) == sighting::connected); }, polling,
            {.live = 1}},
        {"an owner without a version believes everybody",
            [](ledger& l) { CHECK(l.see(poller("a", 1s, &theirs), {}, 1s) == sighting::connected); }, polling,
            {.live = 1}},
    };
    for (const row& r : rows) {
        INFO(r.why);
        ledger l = one_accepted();
        r.then(l);
        const fleet_view v = l.view(10s);
        CHECK(state_of(l, 1) == r.state);
        CHECK(v.asked == r.view.asked);
        CHECK(v.starting == r.view.starting);
        CHECK(v.live == r.view.live);
        CHECK(v.given_up == r.view.given_up);
        CHECK(v.ever_seen == (r.state == polling || r.state == gone));
        check_balance(l, 10s);
    }
}

TEST_CASE("answers may come in any order, twice, or for nobody")
{
    ledger l;
    CHECK(l.ask(3, 1s) == 1);
    CHECK(l.ask(2, 2s) == 4);
    CHECK(l.view(2s).asked == 5);

    l.answer(5, {condition::ok, "e"}, 3s);
    l.answer(1, {condition::throttled, {}}, 3s);
    l.answer(5, {condition::permanent, {}}, 3s);  // twice: the first one stands
    l.answer(1, {condition::ok, "a"}, 3s);
    l.answer(99, {condition::ok, "x"}, 3s);
    l.answer(0, {condition::ok, "x"}, 3s);

    CHECK(state_of(l, 5) == accepted);
    CHECK(state_of(l, 1) == gone);
    CHECK(l.view(3s).asked == 3);
    CHECK(l.view(3s).starting == 1);
    CHECK(l.totals() == mayfly::ledger_totals{.asked = 5, .refused = 1});
    CHECK(l.see(poller("a", 4s), own, 4s) == sighting::foreign);
    CHECK(l.see(poller("e", 4s), own, 4s) == sighting::connected);
}

TEST_CASE("refusals in a row end with the first acceptance")
{
    ledger l;
    l.ask(4, 0s);
    l.answer(1, {condition::transient, {}}, 0s);
    l.answer(2, {condition::permanent, {}}, 0s);
    CHECK(l.view(0s).refused == 2);
    l.answer(3, {condition::ok, "c"}, 0s);
    CHECK(l.view(0s).refused == 0);
    l.answer(4, {condition::throttled, {}}, 0s);
    CHECK(l.view(0s).refused == 1);
    CHECK(l.totals().refused == 3);
}

TEST_CASE("a poller that was not started here is adopted or foreign")
{
    struct row {
        const char* why;
        worker_seen seen;
        ledger_owner owner;
        sighting what;
    };
    worker_seen was = poller("z@fn", 1s);
    was.present = false;
    const row rows[] = {
        {"of our function", poller("z@fn", 1s), own, sighting::adopted},
        {"of our function and version", poller("z@fn", 1s, &our_version), own, sighting::adopted},
        {"of another function", poller("z@other", 1s), own, sighting::foreign},
        {"of our function, another version", poller("z@fn", 1s, &theirs), own, sighting::foreign},
        {"no longer there", was, own, sighting::foreign},
        {"we name no function", poller("z@", 1s), {&our_version, {}}, sighting::foreign},
        {"without a function", poller("z", 1s), own, sighting::foreign},
        {"without a request id nobody could tell it from the next", poller("@fn", 1s), own, sighting::foreign},
        {"only the first @ parts", poller("z@fn@x", 1s), {&our_version, "fn@x"}, sighting::adopted},
        {"without any name", poller("", 1s), own, sighting::foreign},
    };
    for (const row& r : rows) {
        INFO(r.why);
        ledger l;
        CHECK(l.see(r.seen, r.owner, 2s) == r.what);
        const bool in = r.what == sighting::adopted;
        CHECK(l.view(2s).live == (in ? 1 : 0));
        CHECK(l.totals().adopted == (in ? 1 : 0));
        CHECK(l.view(2s).ever_seen == in);
        CHECK(l.knows(r.seen.identity) == in);
        CHECK(l.see(r.seen, r.owner, 3s) == (in ? sighting::known : r.what));
    }
}

TEST_CASE("a worker may be faster than the answer to its start")
{
    SUBCASE("and is one worker")
    {
        ledger l;
        l.ask(1, 0s);
        CHECK(l.see(poller("a@fn", 300ms), own, 300ms) == sighting::adopted);
        l.answer(1, {condition::ok, "a"}, 400ms);
        CHECK(state_of(l, 1) == polling);
        CHECK(l.view(1s).total() == 1);
        CHECK(l.view(1s).startup == 300ms);
        CHECK(l.see(poller("a@fn", 300ms), own, 1s) == sighting::known);
        CHECK(!l.advance(20s));
        CHECK(l.gone("a@fn", 21s));
        CHECK(l.view(21s).total() == 0);
    }
    SUBCASE("and gone before it")
    {
        ledger l;
        l.ask(1, 0s);
        l.see(poller("a@fn", 300ms), own, 300ms);
        l.gone("a@fn", 350ms);
        l.answer(1, {condition::ok, "a"}, 400ms);
        CHECK(state_of(l, 1) == gone);
        CHECK(l.view(1s).total() == 0);
        CHECK(!l.advance(20s));
        CHECK(l.totals().given_up == 0);
    }
    SUBCASE("but a name from before the start is somebody else's")
    {
        ledger l;
        add_start(l, "1", 0s, 1s);
        l.gone("1", 2s);
        l.answer(l.ask(1, 10s), {condition::ok, "1"}, 10s);
        CHECK(state_of(l, 2) == accepted);
    }
}

TEST_CASE("whoever is missing from a complete snapshot is gone")
{
    struct row {
        const char* why;
        std::vector<worker_seen> shown;
        bool complete;
        std::uint32_t live;
        std::uint32_t foreign;
        bool changed;
    };
    const worker_seen a = poller("a@fn", 1s, &our_version);
    const worker_seen b = poller("b@fn", 1s, &our_version);
    const worker_seen stranger = poller("stranger", 1s);
    worker_seen gone_a = a;
    gone_a.present = false;
    const row rows[] = {
        {"both there", {a, b}, true, 2, 0, false},
        {"one missing", {b}, true, 1, 0, true},
        {"one missing from an incomplete one", {b}, false, 2, 0, false},
        {"nobody there", {}, true, 0, 0, true},
        {"an empty incomplete one says nothing", {}, false, 2, 0, false},
        {"listed as gone", {gone_a, b}, false, 1, 0, true},
        {"a stranger counts as such", {a, b, stranger}, true, 2, 1, false},
        {"an entry that comes twice is one worker", {a, a, b}, true, 2, 0, false},
    };
    for (const row& r : rows) {
        INFO(r.why);
        ledger l;
        l.ask(2, 0s);
        l.answer(1, {condition::ok, "a"}, 0s);
        l.answer(2, {condition::ok, "b"}, 0s);
        const std::array both{a, b};
        CHECK(l.take({.workers = both, .workers_complete = true}, own, 1s));
        const bool changed = l.take({.workers = r.shown, .workers_complete = r.complete}, own, 2s);
        CHECK(l.view(2s).live == r.live);
        CHECK(l.view(2s).foreign == r.foreign);
        CHECK(changed == r.changed);
        check_balance(l, 2s);
    }
}

TEST_CASE("start-up is a smoothed mean with its deviation")
{
    ledger l(ledger_settings{.expected_startup = 600ms});
    CHECK(l.view(0s).startup == 600ms);
    CHECK(l.view(0s).startup_dev == 0s);

    add_start(l, "a", 0s, 800ms);
    CHECK_MESSAGE(l.view(1s).startup == 800ms, "the first sample is taken as it is");
    CHECK(l.view(1s).startup_dev == 200ms);

    add_start(l, "b", 10s, 11600ms);
    CHECK_MESSAGE(l.view(12s).startup == 900ms, "an eighth of the error");
    CHECK_MESSAGE(l.view(12s).startup_dev == 275ms, "200 + (800 - 200) / 8");

    add_start(l, "c", 20s, 20100ms);
    CHECK(l.view(21s).startup == 800ms);
    CHECK_MESSAGE(l.view(21s).startup_dev == 340625us, "275 + (800 - 275) / 8");
}

TEST_CASE("a first poll outside of start and sighting is brought inside")
{
    ledger early = one_accepted();
    early.see(poller("a", -5s), own, 1s);
    CHECK(early.view(1s).startup == 0s);
    ledger late = one_accepted();
    late.see(poller("a", 9s), own, 1s);
    CHECK(late.view(1s).startup == 1s);
}

TEST_CASE("the failure rate follows what becomes of starts")
{
    ledger l;
    for (std::uint64_t i = 0; i < 400; ++i) {
        const uptime at = std::chrono::seconds{static_cast<std::int64_t>(10 * i)};
        const std::string name = "r" + std::to_string(i);
        l.answer(l.ask(1, at), {condition::ok, name}, at);
        if (i % 4 != 0)
            l.see(poller(name, at + 500ms), own, at + 500ms);
        l.advance(at + 9s);
    }
    CHECK(l.view(4000s).failure_rate == doctest::Approx(0.25).epsilon(0.35));
    CHECK(l.totals().given_up == 100);

    SUBCASE("one that comes late is taken back")
    {
        ledger before = one_accepted();
        before.advance(5s);
        CHECK(before.view(5s).failure_rate == 1.0 / 16);
        before.see(poller("a", 6s), own, 6s);
        CHECK(before.view(6s).failure_rate == 0);
        CHECK(before.totals().late == 1);
        CHECK(before.totals().connected == 1);
    }
    SUBCASE("it stays within 0 and 1")
    {
        ledger bad;
        bad.ask(1000, 0s);
        for (std::uint64_t i = 1; i <= 1000; ++i)
            bad.answer(i, {condition::ok, "b" + std::to_string(i)}, 0s);
        bad.advance(1h);
        CHECK(bad.view(1h).failure_rate <= 1);
        CHECK(bad.view(1h).failure_rate > 0.99);
        for (int i = 1; i <= 1000; ++i)
            bad.see(poller("b" + std::to_string(i), 1h), own, 1h);
        CHECK(bad.view(1h).failure_rate >= 0);
        CHECK(bad.view(1h).failure_rate < 0.01);
    }
}

TEST_CASE("patience grows with the start-ups that were seen")
{
    struct row {
        const char* why;
        ledger_settings settings;
        uptime startup;  // of one worker that came; zero for none
        uptime given_up_after;
    };
    const row rows[] = {
        {"nothing seen: as configured", {}, 0s, 5s},
        {"nothing seen and slow starts expected", {.expected_startup = 4s}, 0s, 8s},
        {"fast workers do not make it impatient", {}, 100ms, 5s},
        {"slow ones make it patient: 2 x 4 s + 6 x 1 s", {}, 4s, 14s},
        {"a shorter configured patience", {.patience = 1s}, 100ms, 1s},
    };
    for (const row& r : rows) {
        INFO(r.why);
        ledger l(r.settings);
        if (r.startup > 0s)
            add_start(l, "first", 0s, r.startup);
        l.answer(l.ask(1, 100s), {condition::ok, "a"}, 101s);
        CHECK(l.next_change() == 100s + r.given_up_after);
        CHECK(!l.advance(100s + r.given_up_after - 1us));
        CHECK(l.advance(100s + r.given_up_after));
        CHECK(l.view(200s).starting == 0);
    }
}

TEST_CASE("a dead start counts only if none of its crowd came")
{
    struct row {
        const char* why;
        uptime dead_asked;
        uptime good_asked;
        std::uint32_t dead;
    };
    const row rows[] = {
        {"asked for together", 100s, 100s, 0},
        {"one second after one that came", 101s, 100s, 0},
        {"more than a second after", 101s + 1us, 100s, 1},
        {"before one that came", 99s, 100s, 0},
    };
    for (const row& r : rows) {
        INFO(r.why);
        ledger l;
        const bool dead_first = r.dead_asked < r.good_asked;
        if (dead_first)
            l.answer(l.ask(1, r.dead_asked), {condition::ok, "dead"}, r.dead_asked);
        l.answer(l.ask(1, r.good_asked), {condition::ok, "good"}, r.good_asked);
        l.see(poller("good", 102s), own, 102s);
        if (!dead_first)
            l.answer(l.ask(1, r.dead_asked), {condition::ok, "dead"}, 102s);
        l.advance(200s);
        CHECK(l.totals().given_up == 1);
        CHECK(l.view(200s).given_up == r.dead);
    }
    SUBCASE("before the first worker each one counts")
    {
        ledger l;
        l.ask(3, 0s);
        for (std::uint64_t i = 1; i <= 3; ++i)
            l.answer(i, {condition::ok, std::string(1, static_cast<char>('a' + i))}, 0s);
        l.advance(1min);
        CHECK(l.view(1min).given_up == 3);
        CHECK_MESSAGE(l.see(poller("q@fn", 1min), own, 1min) == sighting::adopted, "until anybody is seen");
        CHECK(l.view(1min).given_up == 0);
    }
}

TEST_CASE("a start without an answer holds up nobody")
{
    ledger l;
    l.ask(1, 0s);
    l.answer(l.ask(1, 1s), {condition::ok, "b"}, 1s);
    CHECK(l.next_change() == 6s);
    CHECK(l.advance(6s));
    CHECK(state_of(l, 1) == asked);
    CHECK(state_of(l, 2) == given_up);
    CHECK_MESSAGE(l.next_change() == never, "and sets no alarm");
    l.answer(1, {condition::ok, "a"}, 7s);
    CHECK_MESSAGE(l.advance(7s), "its own patience counts from the call");
    CHECK(state_of(l, 1) == given_up);
}

TEST_CASE("starts whose answers were lost count until they are given up")
{
    ledger l;
    l.ask(2, 0s);
    l.answers_lost(1s);
    CHECK(l.view(1s).asked == 0);
    CHECK(l.view(1s).starting == 2);
    l.answer(1, {condition::throttled, {}}, 2s);
    CHECK_MESSAGE(l.view(2s).starting == 2, "an answer that comes nevertheless is too late");
    CHECK(l.advance(5s));
    CHECK(l.view(5s).total() == 0);
}

TEST_CASE("a worker is over when its useful life is")
{
    const ledger_settings one_minute{.useful_life = 60s};
    SUBCASE("counted from its first poll")
    {
        ledger l(one_minute);
        add_start(l, "a", 0s, 1s);
        CHECK(l.next_change() == 61s);
        CHECK(!l.advance(61s - 1us));
        CHECK(l.advance(61s));
        CHECK(l.view(61s).live == 0);
        CHECK_MESSAGE(l.see(poller("a", 1s), own, 62s) == sighting::known, "though it is still listed");
        CHECK(l.view(62s).live == 0);
    }
    SUBCASE("it is leaving when a replacement would be too late")
    {
        ledger l(one_minute);
        add_start(l, "a", 0s, 1s);
        add_start(l, "b", 30s, 31s);
        // Start-up 1 s, deviation 250 ms and then some.
        const uptime lead = l.startup() + 3 * l.view(40s).startup_dev;
        CHECK(l.view(61s - lead - 1us).leaving == 0);
        CHECK(l.view(61s - lead).leaving == 1);
        CHECK_MESSAGE(l.view(61s - lead - 5s, 5s).leaving == 1, "the margin is added");
        CHECK(l.view(91s - lead).leaving == 2);
    }
    SUBCASE("an adopted worker that is older than the starts before it ends first")
    {
        ledger l(one_minute);
        add_start(l, "a", 40s, 41s);
        CHECK(l.see(poller("old@fn", 10s), own, 42s) == sighting::adopted);
        CHECK(l.next_change() == 70s);
        CHECK(l.view(60s, 9s).leaving == 1);
        CHECK(l.advance(70s));
        CHECK(l.view(70s).live == 1);
        CHECK(l.next_change() == 101s);
        CHECK(l.advance(101s));
    }
    SUBCASE("one that was delivered again lives again")
    {
        ledger l(one_minute);
        add_start(l, "a", 0s, 1s);
        l.advance(61s);
        CHECK(l.see(poller("a", 120s), own, 120s) == sighting::returned);
        CHECK(l.next_change() == 180s);
        CHECK(l.advance(180s));
        CHECK(l.view(180s).live == 0);
    }
    SUBCASE("other settings do not move the end of who lives")
    {
        struct row {
            const char* why;
            uptime useful_life;
        };
        const row rows[] = {{"longer", 10min}, {"shorter", 10s}, {"no end", never}};
        for (const row& r : rows) {
            INFO(r.why);
            ledger l(one_minute);
            add_start(l, "a", 0s, 1s);
            l.settle_for(std::make_shared<const ledger_settings>(ledger_settings{.useful_life = r.useful_life}));
            add_start(l, "b", 2s, 3s);
            CHECK(l.next_change() == std::min(61s + 0us, mayfly::later(3s, r.useful_life)));
            l.advance(61s);
            CHECK(l.view(61s).live == (r.useful_life > 58s ? 1 : 0));
            CHECK(l.next_change() > 61s);
        }
    }
}

TEST_CASE("no alarm is set that does nothing")
{
    // A worker without an end must not wake anybody after it was remembered for long enough.
    ledger l(ledger_settings{.remember = 10min});
    add_start(l, "a", 0s, 1s);
    CHECK(l.next_change() == never);
    CHECK(!l.advance(1h));
    CHECK(l.view(1h).live == 1);
}

TEST_CASE("an idle ledger forgets, and shrinks")
{
    ledger l(ledger_settings{.remember = 10min});
    CHECK(l.next_change() == never);
    l.ask(1000, 0s);
    for (std::uint64_t i = 1; i <= 1000; ++i) {
        const std::string name = "w" + std::to_string(i);
        l.answer(i, {condition::ok, name}, 0s);
        l.see(poller(name, 1s), own, 1s);
        l.gone(name, 2s);
    }
    CHECK(l.records().size() == 1000);
    CHECK(l.next_change() == 2s + 10min);
    l.advance(2s + 10min - 1us);
    CHECK(l.knows("w7"));
    l.advance(2s + 10min);
    CHECK(l.records().empty());
    CHECK(l.records().capacity() == 0);
    CHECK(!l.knows("w7"));
    CHECK(l.next_change() == never);
    CHECK_MESSAGE(l.totals().connected == 1000, "totals and estimates stay");
    CHECK(l.view(1h).startup == 1s);
    CHECK(l.ask(1, 1h) == 1001);
    l.answer(1001, {condition::ok, "new"}, 1h);
    CHECK(l.see(poller("new", 1h), own, 1h) == sighting::connected);
}

TEST_CASE("the books of a busy ledger stay as small as the fleet")
{
    ledger l(ledger_settings{.remember = 1min});
    std::size_t most = 0;
    for (int i = 0; i < 20'000; ++i) {
        const uptime at = i * 100ms;
        const std::string name = "w" + std::to_string(i);
        add_start(l, name, at, at + 10ms);
        l.gone(name, at + 20ms);
        most = std::max(most, l.records().size());
    }
    CHECK(most < 1000);
    CHECK_MESSAGE(l.knows("w19999"), "the last ones are recognised");
    CHECK(!l.knows("w1"));

    SUBCASE("who lives is never forgotten")
    {
        add_start(l, "alive", 3000s, 3000s);
        for (int i = 0; i < 1000; ++i) {
            const uptime at = 3000s + i * 1s;
            const std::string name = "x" + std::to_string(i);
            add_start(l, name, at, at);
            l.gone(name, at);
        }
        CHECK(l.gone("alive", 5000s));
    }
}

TEST_CASE("the service time comes from busy slots and from the dispatches of all types")
{
    ledger l;
    for (const std::uint32_t tasks : {0U, 4U}) {
        queue_snapshot s;
        s.of(task_type::workflow) = queue_stats{.dispatched = tasks};
        s.of(task_type::activity) = queue_stats{.dispatched = tasks};
        l.take(s, own, tasks * 250ms);
        CHECK_MESSAGE(l.view(1s).service == 0s, "without busy slots nothing is known");
    }
    for (const std::uint32_t tasks : {4U, 8U}) {
        queue_snapshot s;
        s.of(task_type::workflow) = queue_stats{.dispatched = tasks};
        s.of(task_type::activity) = queue_stats{.dispatched = tasks};
        s.busy_slots = 4;
        l.take(s, own, tasks * 250ms);
    }
    CHECK(l.view(2s).service == 500ms);
}

TEST_CASE("slots and busy slots come from heartbeats, or from the sum")
{
    ledger l(ledger_settings{.slots = 3});
    CHECK(l.view(0s).slots == 3);
    CHECK(!l.view(0s).busy);
    l.ask(2, 0s);
    l.answer(1, {condition::ok, "a"}, 0s);
    l.answer(2, {condition::ok, "b"}, 0s);
    std::vector<worker_seen> seen{poller("a", 1s), poller("b", 1s)};
    l.take({.workers = seen}, own, 1s);
    CHECK_MESSAGE(!l.view(1s).busy, "no heartbeat tells");
    seen[0].busy = 2;
    seen[0].slots = 5;
    seen[1].busy = 4;
    l.take({.workers = seen}, own, 2s);
    CHECK(l.view(2s).busy == 6);
    CHECK(l.view(2s).slots == 5);
    seen.erase(seen.begin());
    l.take({.workers = seen, .workers_complete = true}, own, 3s);
    CHECK_MESSAGE(l.view(3s).busy == 4, "who is gone is not busy");
    l.take({.workers = {}, .workers_complete = true}, own, 4s);
    CHECK_MESSAGE(l.view(4s).busy == 0, "nor is nobody");
    l.take({.busy_slots = 9}, own, 5s);
    CHECK(l.view(5s).busy == 9);
    CHECK_MESSAGE(ledger(ledger_settings{.slots = 0}).view(0s).slots == 1, "a worker takes at least one task");
}

TEST_CASE("whatever happens, the books balance")
{
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        mayfly::testing::random_stream random(seed, 1);
        const auto below = [&](std::uint64_t n) { return random.next() % n; };
        ledger l(ledger_settings{.useful_life = seed % 3 == 0 ? never : uptime(20s), .remember = 30s});
        std::uint64_t asked_ever = 0;
        std::vector<std::string> names;
        uptime now{};
        for (int step = 0; step < 1500; ++step) {
            // Plateaus are common, long pauses are not.
            now += below(3) == 0 ? 0us : uptime(static_cast<uptime::rep>(below(below(50) == 0 ? 90'000'000 : 700'000)));
            const auto name = [&] {
                return names.empty() || below(20) == 0 ? "x" + std::to_string(below(50)) : names[below(names.size())];
            };
            switch (below(7)) {
            case 0:
                l.ask(static_cast<std::uint32_t>(below(4)), now);
                asked_ever = l.totals().asked;
                break;
            case 1:
            case 2: {
                const std::uint64_t id = below(asked_ever + 2);
                const std::string request = "r" + std::to_string(below(10) == 0 ? below(asked_ever + 1) : id);
                const auto outcome = static_cast<condition>(below(6) == 0 ? 1 + below(3) : 0);
                l.answer(id, {outcome, request}, now);
                names.push_back(request);
                break;
            }
            case 3: {
                const std::string who = name() + (below(2) == 0 ? "@fn" : "");
                worker_seen w = poller(who, now - uptime(static_cast<uptime::rep>(below(3'000'000))),
                    below(8) == 0 ? &theirs : &our_version);
                w.present = below(6) != 0;
                l.see(w, own, now);
                break;
            }
            case 4: l.gone(name() + "@fn", now); break;
            case 5: {
                std::vector<std::string> who;
                for (std::uint64_t i = below(6); i > 0; --i)
                    who.push_back(name() + "@fn");
                std::vector<worker_seen> seen;
                for (const std::string& w : who)
                    seen.push_back(poller(w, now));
                l.take({.workers = seen, .workers_complete = below(2) == 0}, own, now);
                break;
            }
            default: break;
            }
            while (l.next_change() <= now) {
                const uptime due = l.next_change();
                l.advance(now);
                REQUIRE_MESSAGE(l.next_change() != due, "an alarm that nothing answers");
            }
            check_balance(l, now);
            const mayfly::ledger_totals& t = l.totals();
            REQUIRE(t.late <= t.given_up);
            REQUIRE(t.refused + t.connected <= t.asked);
            REQUIRE(std::is_sorted(l.records().begin(), l.records().end(),
                [](const start_record& a, const start_record& b) { return a.id < b.id; }));
            const fleet_view v = l.view(now, 1s);
            REQUIRE(v.leaving <= v.live);
            REQUIRE((v.failure_rate >= 0 && v.failure_rate <= 1));
        }
        REQUIRE(asked_ever > 100);
    }
}

TEST_CASE("a platform without request ids: the oldest start that may be a worker is that worker")
{
    ledger l;
    const std::uint64_t first = l.ask(2, 0s);
    l.answer(first, {}, 100ms);
    l.answer(first + 1, {}, 100ms);
    CHECK(l.see(poller("before@fn", -1s), own, 1s) == sighting::adopted);
    CHECK(l.see(poller("x@fn", 1s), own, 1s) == sighting::connected);
    CHECK(l.see(poller("x@fn", 1s), own, 2s) == sighting::known);
    CHECK(l.see(poller("y@other", 1s), own, 2s) == sighting::foreign);
    CHECK(state_of(l, first) == polling);
    CHECK(l.view(2s).starting == 1);
    SUBCASE("one that nobody can tell from another's is held against nobody")
    {
        CHECK(l.advance(1h));
        CHECK(state_of(l, first + 1) == gone);
        CHECK(l.view(1h).failure_rate < 0.001);
        CHECK(l.view(1h).given_up == 0);
    }
    check_balance(l, 2s);
}

TEST_CASE("a worker that one snapshot missed is back with the next, one past its end is not")
{
    ledger l({.useful_life = 50s});
    add_start(l, "a", 0s, 1s);
    const auto shows = [&](std::initializer_list<worker_seen> workers, uptime now) {
        const std::vector<worker_seen> all(workers);
        l.take({.workers = all, .workers_complete = true}, own, now);
        return l.view(now).live;
    };
    const auto at = [](uptime last) { return worker_seen{.identity = "a@fn", .first_seen = 1s, .last_seen = last}; };
    CHECK(shows({}, 2s) == 0);
    CHECK(shows({at(1500ms)}, 3s) == 0);
    CHECK(shows({at(4s)}, 4s) == 1);
    CHECK(l.totals().returned == 0);
    (void)l.advance(51s);
    CHECK(shows({at(52s)}, 52s) == 0);
}

TEST_CASE("books tell when a worker may next count as leaving")
{
    ledger l({.useful_life = 50s});
    CHECK(l.view(0s).leaves_in == never);
    add_start(l, "a", 0s, 1s);
    uptime now = 2s;
    int asked_again = 0;
    while (l.view(now).leaving == 0) {
        const uptime wait = std::max(l.view(now).leaves_in, uptime{100ms});
        REQUIRE(wait < 60s);
        now += wait;
        REQUIRE(++asked_again < 30);
    }
    CHECK(now < 50s);
    CHECK(now > 40s);
}

TEST_CASE("books of a clock that was further begin anew")
{
    ledger l({.useful_life = 50s});
    add_start(l, "a", 1000s, 1001s);
    l.ask(1, 1002s);
    l.answers_lost(10s);
    check_balance(l, 10s);
    CHECK(l.next_change() <= 70s);
    uptime now = 10s;
    for (int i = 0; l.next_change() != never; ++i) {
        REQUIRE(i < 20);
        now = std::max(now, l.next_change());
        (void)l.advance(now);
    }
    CHECK(now < 30min);
}

TEST_CASE("a start that the platform repeats minutes later does not teach that starts are slow")
{
    ledger l;
    for (int i = 0; i < 50; ++i)
        add_start(l, "n" + std::to_string(i), i * 10s, i * 10s + 600ms);
    add_start(l, "late", 600s, 780s);
    CHECK(l.view(800s).startup < 3s);
}
