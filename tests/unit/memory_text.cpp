// SPDX-License-Identifier: BSL-1.0
#include <mayfly/memory_text.hpp>
#include <mayfly/scalers/clamped.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/scalers/paced.hpp>
#include <mayfly/scalers/rate_based.hpp>
#include <mayfly/testing/random.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using mayfly::condition;
using mayfly::decision;
using mayfly::group_policy;
using mayfly::launch_target;
using mayfly::ledger;
using mayfly::ledger_owner;
using mayfly::ledger_settings;
using mayfly::memory_from;
using mayfly::reason;
using mayfly::scaling_signal;
using mayfly::sighting;
using mayfly::to_text;
using mayfly::uptime;

namespace {

/// Remembers one of each kind that can be written down.
struct careful {
    struct part {
        double rate = 0;
        static void fields(auto& visit, auto& self) { visit("rate", self.rate); }
        bool operator==(const part&) const = default;
    };
    struct state {
        std::uint64_t calls = 0;
        std::optional<uptime> last{};
        std::array<std::uint16_t, 3> counts{};
        bool open = false;
        mayfly::reason why = mayfly::reason::steady;
        part inner{};
        static void fields(auto& visit, auto& self)
        {
            visit("calls", self.calls);
            visit("last", self.last);
            visit("counts", self.counts);
            visit("open", self.open);
            visit("why", self.why);
            visit("inner", self.inner);
        }
        bool operator==(const state&) const = default;
    };
    [[nodiscard]] decision decide(state& st, const scaling_signal&, uptime now) const noexcept
    {
        st.calls += 1;
        st.last = now;
        return {.launch = 1, .revisit = 1s};
    }
};

/// Names no fields.
struct forgetful {
    struct state {
        int calls = 0;
        bool operator==(const state&) const = default;
    };
    [[nodiscard]] decision decide(state& st, const scaling_signal&, uptime) const noexcept
    {
        st.calls += 1;
        return {};
    }
};

static_assert(mayfly::has_written_memory<careful>);
static_assert(!mayfly::has_written_memory<forgetful>);
static_assert(!mayfly::has_written_memory<mayfly::paced<forgetful>>);

using memory = mayfly::controller_machine<careful>::memory;

memory rich()
{
    memory m{.bound = true, .size = 7, .told = false};
    m.scaler = {.calls = std::numeric_limits<std::uint64_t>::max(),
        .last = -5s,
        .counts = {1, 65535, 3},
        .open = true,
        .why = reason::probe,
        .inner = {1.0 / 3}};
    m.books = ledger(ledger_settings{.useful_life = 60s});
    const ledger_owner owner{nullptr, "fn"};
    m.books.ask(5, 1s);
    m.books.answer(1, {condition::ok, "a\"\n"}, 1s);
    m.books.answer(2, {condition::ok, "b"}, 1s);
    m.books.answer(3, {condition::throttled, {}}, 1s);
    m.books.answer(4, {condition::ok, "d"}, 1s);
    m.books.see({.identity = "b@fn", .first_seen = 2s, .busy = 2, .slots = 4}, owner, 2s);
    m.books.see({.identity = "z@fn", .first_seen = 0s}, owner, 2s);
    m.books.advance(7s);
    m.books.see({.identity = "d@fn", .first_seen = 7s}, owner, 7s);
    m.books.gone("d", 8s);
    return m;
}

}  // namespace

TEST_CASE("a memory comes back as it was")
{
    const memory m = rich();
    const auto back = memory_from<careful>(to_text<careful>(m));
    REQUIRE(back.error == "");
    CHECK(back.memory.scaler == m.scaler);
    CHECK(back.memory.bound);
    CHECK(back.memory.size == 7);
    CHECK(!back.memory.told);
    CHECK(to_text<careful>(back.memory) == to_text<careful>(m));

    // The books go on alike, with the settings of the policy that they come to.
    ledger then = m.books;
    ledger now = back.memory.books;
    const auto settings = std::make_shared<const ledger_settings>(ledger_settings{.useful_life = 60s});
    now.settle_for(settings);
    CHECK(now.view(8s) == then.view(8s));
    CHECK(now.next_change() == then.next_change());
    for (ledger* l : {&then, &now}) {
        CHECK(l->ask(1, 9s) == 7);
        CHECK(l->see({.identity = "a\"\n@fn", .first_seen = 9s}, {}, 9s) == sighting::late);
        CHECK(l->see({.identity = "b@fn", .first_seen = 2s}, {}, 9s) == sighting::known);
        CHECK(l->knows("z"));
        CHECK(l->advance(70s));
    }
    CHECK(now.view(70s) == then.view(70s));
    CHECK(now.image().records == then.image().records);
    const auto cold = memory_from<careful>(to_text<careful>({}));
    CHECK(cold.error == "");
    CHECK(cold.memory.scaler == careful::state{});
    CHECK(!cold.memory.bound);
    CHECK_MESSAGE(cold.memory.size == std::nullopt, "as in a text from before sizes were remembered");
    CHECK(cold.memory.told);
}

TEST_CASE("a controller in another process goes on with it")
{
    const auto policy = std::make_shared<const group_policy<careful>>(group_policy<careful>{.limits = {0, 3}});
    const auto target = std::make_shared<const launch_target>(launch_target{{"d", "b"}, "default", "fn"});
    mayfly::controller_machine<careful> before;
    const auto h = before.add({.groups = {{policy, target}}}, 0s);
    before.advance(1s);
    before.advance(2s);
    std::vector<memory> memories;
    for (const memory& m : before.remember(h))
        memories.push_back(memory_from<careful>(to_text<careful>(m)).memory);
    mayfly::controller_machine<careful> after;
    const auto again = after.add({.groups = {{policy, target}}}, 3s, std::move(memories));
    CHECK_MESSAGE(!after.next_action(), "three may have been started before");
    CHECK(after.books(again)->view(3s).total() == 3);
    CHECK(after.remember(again).at(0).scaler.calls > 3);
}

TEST_CASE("a scaler that names no fields starts cold, and its books go on")
{
    mayfly::controller_machine<forgetful>::memory m{.scaler = {7}, .bound = true};
    m.books.ask(2, 0s);
    const auto back = memory_from<forgetful>(to_text<forgetful>(m));
    CHECK(back.error == "");
    CHECK(back.memory.scaler.calls == 0);
    CHECK(back.memory.books.view(0s).asked == 2);
}

TEST_CASE_TEMPLATE("the scalers here write their memory down to the last field", S, mayfly::fleet, mayfly::no_sync,
    mayfly::rate_based, mayfly::clamped<mayfly::rate_based>, mayfly::paced<mayfly::fleet>)
{
    static_assert(mayfly::has_written_memory<S>);
    S scaler{};
    if constexpr (requires { scaler.scale_up_dispatch_rate_epsilon; })
        scaler.scale_up_dispatch_rate_epsilon = 0.1;
    typename mayfly::controller_machine<S>::memory m;
    mayfly::testing::random_stream random(1, 1);
    const auto below = [&](std::uint64_t n) { return static_cast<std::uint32_t>(random.next() % n); };
    uptime now{};
    std::size_t changes = 0;
    for (int i = 0; i < 3000; ++i) {
        now += uptime(below(3'000'000));
        scaling_signal sig{.why = static_cast<mayfly::cause>(below(8)),
            .added = {.not_matched = below(4)},
            .fleet = {.starting = below(3),
                .live = below(4),
                .given_up = below(3) * below(8),
                .busy = below(9),
                .startup = 600ms,
                .service = uptime(below(900'000)),
                .ever_seen = true},
            .limits = {0, 20},
            .outcome = static_cast<condition>(below(4))};
        sig.stats[0] = mayfly::queue_stats{.backlog = below(3) * below(50),
            .add_rate = random.uniform() * 9,
            .dispatch_rate = 5 + random.uniform() / 9,
            .added = 7U * static_cast<unsigned>(i),
            .dispatched = 6U * static_cast<unsigned>(i)};
        const auto before = m.scaler;
        (void)scaler.decide(m.scaler, sig, now);
        changes += before == m.scaler ? 0U : 1U;
        const auto back = memory_from<S>(to_text<S>(m));
        REQUIRE(back.error == "");
        REQUIRE(back.memory.scaler == m.scaler);
    }
    CHECK(changes > 100);
}

TEST_CASE("a request id that is not UTF-8 comes back as it was")
{
    memory m;
    m.books.ask(1, 0s);
    m.books.answer(1, {condition::ok, "a\xFFz"}, 1s);
    const auto back = memory_from<careful>(to_text<careful>(m));
    CHECK(back.error == "");
    REQUIRE(back.memory.books.records().size() == 1);
    CHECK(back.memory.books.records()[0].request_id == "a\xFFz");
}

TEST_CASE("a worker may have come before the clock began")
{
    memory m = rich();
    const ledger_owner any{.function = "fn"};
    m.books.see({.identity = "early@fn", .first_seen = -1h}, any, 10s);
    const auto back = memory_from<careful>(to_text<careful>(m));
    CHECK(back.error == "");
    CHECK(back.memory.books.records().size() == m.books.records().size());
}

TEST_CASE("what is no memory is refused")
{
    const std::string good = to_text<careful>(rich());
    const auto with = [&](std::string_view from, std::string_view to) {
        std::string s = good;
        const auto at = s.find(from);
        REQUIRE(at != std::string::npos);
        return s.replace(at, from.size(), to);
    };
    struct row {
        const char* why;
        std::string text;
        std::string error;  // begins so
    };
    const row rows[] = {
        {"nothing", "", "line 1, column 1: "},
        {"cut off", good.substr(0, good.size() / 2), "line 1, "},
        {"no object", "[]", "\"schema\" must be \"mayfly-memory/1\""},
        {"another schema", with("memory/1", "memory/2"), "\"schema\" must be \"mayfly-memory/1\""},
        {"no books", with("\"books\"", "\"boks\""), "\"books\" is missing"},
        {"a state that is none", with("\"polling\"", "\"walking\""), "\"state\" is none of the names"},
        {"ids out of order", with("\"id\":2", "\"id\":1"), "\"records\" must be in the order"},
        {"an id that is not given out yet", with("\"next_id\":7", "\"next_id\":6"), "\"records\" must be in the order"},
        {"an id of zero", with("\"id\":1,", "\"id\":0,"), "\"records\" must be in the order"},
        {"a share above one", with("\"failure_rate\":0", "\"failure_rate\":9"), "\"failure_rate\" must be between"},
        {"no number at all", with("\"failure_rate\":0", "\"failure_rate\":\"nan\",\"x\":0"),
            "\"failure_rate\" must be between"},
        {"a start-up before the call", with("\"startup\":", "\"startup\":-"), "\"startup\", \"startup_dev\""},
        {"a call before all time", with("\"asked_at\":", "\"asked_at\":-9223372036854775800,\"x\":"),
            "\"asked_at\" of record 1 is -9223372036854775800, more than a century from zero"},
        {"a change after all time", with("\"changed_at\":", "\"changed_at\":9223372036854775807,\"x\":"),
            "\"changed_at\" of record 1 is 9223372036854775807, "},
        {"an end before all time", with("\"ends_at\":", "\"ends_at\":-9223372036854775808,\"x\":"),
            "\"ends_at\" of record 1 is -9223372036854775808, "},
        {"seen after all time", with("\"last_seen\":", "\"last_seen\":9223372036854775807,\"x\":"),
            "\"last_seen\" is "},
        {"changed before all time", with("\"last_change\":", "\"last_change\":-9223372036854775807,\"x\":"),
            "\"last_change\" is "},
        {"asked after all time", with("\"newest_seen_ask\":", "\"newest_seen_ask\":9223372036854775807,\"x\":"),
            "\"newest_seen_ask\" is "},
        {"a task without end", with("\"service\":", "\"service\":9223372036854775807,\"x\":"), "\"service\" is "},
        {"no scaler", with("\"scaler\"", "\"scalar\""), "\"scaler\" is missing"},
        {"fewer items than there are", with("[1,65535,3]", "[1,2]"), "\"counts\" must have as many items"},
        {"an item that does not fit", with("[1,65535,3]", "[1,65536,3]"), "\"counts\" must be a whole number"},
        {"no list", with("[1,65535,3]", "7"), "\"counts\" must be an array"},
    };
    for (const row& r : rows) {
        INFO(r.why);
        const auto got = memory_from<careful>(r.text);
        CHECK(!got);
        CHECK_MESSAGE(got.error.rfind(r.error, 0) == 0, got.error);
        CHECK(got.memory.scaler == careful::state{});
        CHECK(got.memory.books.records().empty());
    }
}
