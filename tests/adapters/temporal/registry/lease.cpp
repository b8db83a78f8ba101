// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/temporal/client.hpp>
#include <mayfly/temporal/detail/lease_term.hpp>
#include <mayfly/temporal/leader_lease.hpp>
#include <mayfly/testing/manual_clock.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <list>
#include <random>
#include <string>

using namespace registry_test;
using mayfly::uptime;
using mayfly::testing::manual_clock;

namespace {

using clock_lease = basic_leader_lease<manual_clock>;

// An activity that was not there begins only after the lease of one that might have been.
constexpr uptime first_lead = 5100ms;

/// A process that competes for the lease. One that is frozen neither hears nor says anything.
struct holder {
    holder(std::shared_ptr<connection> on, const std::string& name)
        : lease(std::move(on), {.name = "lease", .holder = name})
    {
        lease.async_hold(
            [this](const lease_change& change) {
                changes.push_back(change);
                told_to_lead = change.leads;
            },
            asio::bind_cancellation_slot(stop.slot(), [this](error_code ec, std::monostate) {
                CHECK(ec == asio::error::operation_aborted);
                ended = true;
            }));
    }

    clock_lease lease;
    asio::cancellation_signal stop{};
    std::vector<lease_change> changes{};
    bool told_to_lead = false;
    bool ended = false;
};

/// Several of them on a clock that stands still, each in a context of its own: one whose context is not run is frozen.
struct competition {
    competition()
    {
        manual_clock::reset();
        w.emplace();
    }
    ~competition()
    {
        for (process& p : processes) {
            p.frozen = false;
            p.h->stop.emit(asio::cancellation_type::terminal);
        }
        const auto end = std::chrono::steady_clock::now() + 10s;
        const auto all_ended = [&] {
            return std::all_of(processes.begin(), processes.end(), [](const process& p) { return p.h->ended; });
        };
        while (!all_ended() && std::chrono::steady_clock::now() < end)
            settle();
        CHECK(all_ended());
        for (process& p : processes)
            p.wire->close();
        settle();
        processes.clear();
        w.reset();
    }

    struct process {
        asio::io_context io{1};
        std::shared_ptr<connection> wire{};
        std::optional<holder> h{};
        bool frozen = false;
    };

    process& add(const std::string& name)
    {
        process& p = processes.emplace_back();
        connection_options o;
        o.target = {false, "127.0.0.1", w->port};
        o.identity = name;
        p.wire = std::make_shared<connection>(p.io.get_executor(), std::move(o));
        p.h.emplace(p.wire, name);
        return p;
    }

    /// Its connection goes, and nothing more is heard of it.
    void kill(process& p)
    {
        p.wire->close();
        p.io.restart();
        p.io.poll();
        p.frozen = true;
        dead.push_back(&p);
    }

    void settle()
    {
        // Answers go through the loopback device: a few rounds in which nothing happens are the end.
        for (int quiet = 0; quiet < 3;) {
            std::size_t ran = 0;
            w->io.restart();
            ran += w->io.poll();
            for (process& p : processes)
                if (!p.frozen) {
                    p.io.restart();
                    ran += p.io.poll();
                }
            quiet = ran == 0 ? quiet + 1 : 0;
            REQUIRE(leaders() <= 1);
        }
    }

    void pass(uptime by, uptime step = 50ms)
    {
        settle();
        for (uptime left = by; left > 0s; left -= step) {
            manual_clock::advance(std::min(left, step));
            REQUIRE(leaders() <= 1);  // before anybody could do anything about it
            settle();
        }
    }

    /// How many may act as the leader at this moment, frozen ones too: the first thing they do is to ask.
    [[nodiscard]] int leaders()
    {
        int n = 0;
        for (process& p : processes)
            n += p.h && p.h->lease.leads() ? 1 : 0;
        return n;
    }
    [[nodiscard]] process* leader()
    {
        for (process& p : processes)
            if (!p.frozen && p.h && p.h->lease.leads() && p.h->told_to_lead)
                return &p;
        return nullptr;
    }
    /// How long until somebody leads; a minute if nobody does.
    [[nodiscard]] uptime until_led(uptime step = 50ms)
    {
        uptime waited{};
        for (settle(); leader() == nullptr && waited < 60s; waited += step)
            pass(step, step);
        return waited;
    }

    std::optional<basic_world<manual_clock>> w{};
    std::list<process> processes{};
    std::vector<process*> dead{};
};

api::TerminateActivityExecutionRequest termination()
{
    api::TerminateActivityExecutionRequest r;
    r.set_namespace_("default");
    r.set_activity_id("lease");
    r.set_request_id("end");
    r.set_reason("to see");
    return r;
}

}  // namespace

TEST_CASE("a lease is held a part shorter than the server grants it, counted from the sending")
{
    using mayfly::temporal::detail::lease_term;
    lease_term t(1s, 5s);
    CHECK_FALSE(t.holds(0s));
    CHECK(t.ends() == mayfly::never);
    t.answered(10s);
    struct row {
        const char* why;
        uptime now;
        bool holds;
    };
    const row rows[] = {
        {"the moment it was sent", 10s, true},
        {"just before its end", 10s + 3999ms, true},
        {"its end, a fifth before the server's", 14s, false},
        {"after a leap of the clock", 1000s, false},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(t.holds(r.now) == r.holds, r.why);
    t.answered(9s);
    CHECK(t.ends() == 14s);  // an answer that came late makes it no shorter
    t.answered(12s);
    CHECK(t.ends() == 16s);
    CHECK(t.next_beat(12s) == 13s);
}

TEST_CASE("one leads, the others wait; a clean end hands it on at once")
{
    competition c;
    auto& a = c.add("a");
    REQUIRE(c.until_led() <= first_lead);
    CHECK(c.leader() == &a);
    auto& b = c.add("b");
    c.add("c");
    c.pass(30s);
    CHECK(c.leader() == &a);
    CHECK(a.h->changes.size() == 1);
    CHECK(b.h->changes.empty());

    a.h->stop.emit(asio::cancellation_type::terminal);
    CHECK(c.until_led() <= 500ms);
    CHECK(a.h->ended);
    CHECK_FALSE(a.h->told_to_lead);
    CHECK(c.leader() != &a);
}

TEST_CASE("after a leader's death another leads as soon as the server has seen it")
{
    competition c;
    auto& a = c.add("a");
    REQUIRE(c.until_led() <= first_lead);
    c.add("b");
    c.add("c");
    c.pass(3s);
    c.kill(a);
    const uptime waited = c.until_led();
    CHECK(waited >= 4s);
    CHECK(waited <= 7s);
}

TEST_CASE("a frozen leader finds that it leads no more before it does anything")
{
    competition c;
    auto& a = c.add("a");
    REQUIRE(c.until_led() <= first_lead);
    c.add("b");
    c.pass(3s);
    a.frozen = true;
    CHECK(c.until_led() <= 7s);
    CHECK(a.h->told_to_lead);  // nobody could tell it
    CHECK_FALSE(a.h->lease.leads());
    a.frozen = false;
    c.settle();
    CHECK_FALSE(a.h->told_to_lead);
    c.pass(20s);
    CHECK(a.h->changes.size() == 2);
}

TEST_CASE("an ended activity is made anew, after whoever held the old one must have heard of it")
{
    struct row {
        const char* why;
        bool frozen;
    };
    for (const row& r : {row{"the leader hears of it", false}, row{"the leader is frozen and does not", true}}) {
        CAPTURE(r.why);
        competition c;
        auto& a = c.add("a");
        REQUIRE(c.until_led() <= first_lead);
        c.add("b");
        c.pass(3s);
        a.frozen = r.frozen;
        const auto other = c.w->connect("operator");
        bool done = false;
        other->async_call(
            methods::terminate_activity_execution, termination(), [&](error_code ec, const auto&) { done = !ec; });
        c.settle();
        REQUIRE(done);
        c.pass(1500ms);  // until the next heartbeat, at the latest
        if (!r.frozen)
            CHECK_FALSE(a.h->lease.leads());
        const uptime waited = c.until_led();
        CHECK(waited >= 3s);
        CHECK(waited <= 16s);
    }
}

TEST_CASE("a server that cannot be reached ends a lease before it can give it away, and it is sought again")
{
    competition c;
    auto& a = c.add("a");
    REQUIRE(c.until_led() <= first_lead);
    c.pass(2s);
    c.w->service.reset();
    c.pass(3s);
    CHECK(a.h->lease.leads());
    c.pass(2s);
    CHECK_FALSE(a.h->lease.leads());
    CHECK_FALSE(a.h->told_to_lead);
    REQUIRE(!a.h->changes.empty());
    c.w->serve();                                             // which has forgotten everything
    const auto end = std::chrono::steady_clock::now() + 20s;  // to connect again takes real time
    while (c.leader() == nullptr && std::chrono::steady_clock::now() < end)
        c.pass(100ms);
    CHECK(c.leader() == &a);
}

TEST_CASE("a server that has forgotten the activity gives none away while somebody may still believe in the old one")
{
    competition c;
    auto& a = c.add("a");
    REQUIRE(c.until_led() <= first_lead);
    a.frozen = true;
    c.w->service.reset();
    c.w->serve();
    auto& b = c.add("b");
    const uptime waited = c.until_led();
    CHECK(c.leader() == &b);
    CHECK(waited >= 4s);
    CHECK(waited <= first_lead);
}

TEST_CASE("a lease that is got but cannot be held is told of once, and is not sought several times a second")
{
    manual_clock::reset();
    scripted_world w;
    const auto fine = [](const auto&, auto&) { return mayfly::grpc::status{}; };
    w.answers<api::StartActivityExecutionRequest, api::StartActivityExecutionResponse>("StartActivityExecution", fine);
    w.answers<api::PollActivityTaskQueueRequest, api::PollActivityTaskQueueResponse>(
        "PollActivityTaskQueue", [](const auto&, auto& task) {
            task.set_task_token("token");
            return mayfly::grpc::status{};
        });
    w.answers<api::RecordActivityTaskHeartbeatRequest, api::RecordActivityTaskHeartbeatResponse>(
        "RecordActivityTaskHeartbeat", [](const auto&, auto&) {
            return mayfly::grpc::status{mayfly::grpc::status_code::permission_denied, "no heartbeats of yours", {}};
        });
    w.answers<api::RespondActivityTaskFailedRequest, api::RespondActivityTaskFailedResponse>(
        "RespondActivityTaskFailed", fine);
    w.listen();
    holder h(w.on, "a");
    REQUIRE(w.until([&] { return w.calls["RespondActivityTaskFailed"] == 1; }));
    for (int i = 0; i < 60; ++i) {  // three seconds
        manual_clock::advance(50ms);
        const int before = w.calls["RespondActivityTaskFailed"];
        (void)w.until([&] { return w.calls["RespondActivityTaskFailed"] > before; }, 20ms);
    }
    CHECK(w.calls["RecordActivityTaskHeartbeat"] >= 3);
    CHECK(w.calls["RecordActivityTaskHeartbeat"] <= 4);
    REQUIRE(h.changes.size() == 1);
    CHECK_FALSE(h.changes[0].leads);
    CHECK(h.changes[0].words.find("no heartbeats of yours") != std::string::npos);
    h.stop.emit(asio::cancellation_type::terminal);
    REQUIRE(w.until([&] { return h.ended; }));
}

TEST_CASE("never two at once, whatever becomes of whom")
{
    for (unsigned seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        competition c;
        std::mt19937 random(seed);
        const auto any = [&](std::size_t below) {
            return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
        };
        int names = 0;
        for (int i = 0; i < 4; ++i)
            c.add("h" + std::to_string(names++));
        int changes = 0;
        const competition::process* last = nullptr;
        for (int step = 0; step < 40; ++step) {
            auto p = std::next(c.processes.begin(), static_cast<std::ptrdiff_t>(any(c.processes.size())));
            if (any(2) == 0 && c.leader() != nullptr)
                p = std::find_if(c.processes.begin(), c.processes.end(), [&](auto& x) { return &x == c.leader(); });
            switch (any(4)) {
            case 0: p->frozen = true; break;
            case 1:
                for (auto& x : c.processes)
                    if (std::find(c.dead.begin(), c.dead.end(), &x) == c.dead.end())
                        x.frozen = false;
                break;
            case 2:
                if (c.dead.size() < 8 && std::find(c.dead.begin(), c.dead.end(), &*p) == c.dead.end()) {
                    c.kill(*p);
                    c.add("h" + std::to_string(names++));
                }
                break;
            case 3: p->h->stop.emit(asio::cancellation_type::terminal); break;
            }
            c.pass(uptime{static_cast<uptime::rep>(any(4'000'000))}, 100ms);
            if (c.leader() != nullptr && c.leader() != last) {
                last = c.leader();
                ++changes;
            }
            if (std::count_if(c.processes.begin(), c.processes.end(), [](auto& x) { return x.h->ended || x.frozen; }) >
                static_cast<std::ptrdiff_t>(c.processes.size()) - 2)
                c.add("h" + std::to_string(names++));
        }
        CHECK(changes >= 3);  // or nothing was tried
        c.add("last");
        CHECK(c.until_led() <= 30s);
    }
}
