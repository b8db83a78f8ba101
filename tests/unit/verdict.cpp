// SPDX-License-Identifier: BSL-1.0
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/verdict.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using mayfly::condition;
using mayfly::controller_action;
using mayfly::controller_event;
using mayfly::deployment_version;
using mayfly::evidence;
using mayfly::fleet;
using mayfly::group_policy;
using mayfly::launch_result;
using mayfly::launch_target;
using mayfly::queue_snapshot;
using mayfly::queue_stats;
using mayfly::standing;
using mayfly::symptom;
using mayfly::task_type;
using mayfly::uptime;
using mayfly::version_handle;
using mayfly::version_status;
using mayfly::worker_seen;
using action_kind = controller_action::kind;

namespace {

/// One version under the real controller, and what is known of it.
class patient {
public:
    explicit patient(std::uint32_t max = 20)
        : policy_{.limits = {0, max}, .workers = {.useful_life = 600s}},
          machine_({}, [this](const controller_event& e) { known.note(e); })
    {
        known.target = {{"orders", "b7"}, "default", "fn"};
        known.set_status(version_status::current, 0s);
        at_ = machine_.add({.groups = {{std::make_shared<const group_policy<fleet>>(policy_),
                                std::make_shared<const launch_target>(known.target)}}},
            0s);
    }
    patient(const patient&) = delete;
    patient& operator=(const patient&) = delete;

    void missed(std::uint32_t n, uptime now) { machine_.added(at_, {task_type::activity, {.not_matched = n}}, now); }

    /// Answers all calls. Without an outcome they are accepted, with the request ids r1, r2, ….
    void answer(uptime now, condition outcome = condition::ok, std::string_view words = {})
    {
        while (const auto a = machine_.next_action()) {
            if (a->what != action_kind::launch)
                continue;
            std::vector<std::string> ids;
            std::vector<launch_result> results;
            for (std::uint32_t i = 0; i < a->launch.count; ++i)
                ids.push_back("r" + std::to_string(a->launch.first_launch + i));
            for (const std::string& id : ids)
                results.push_back({outcome, id});
            machine_.launched(a->id, results, outcome, words, now);
        }
    }
    /// Lets time pass; what is started meanwhile is accepted and never seen.
    void wait(uptime until)
    {
        while (machine_.next_wake() <= until) {
            const uptime due = machine_.next_wake();
            machine_.advance(due);
            answer(due);
        }
    }
    void pass(uptime now) { machine_.advance(now); }
    void seen(const std::string& id, uptime now, const deployment_version* version = nullptr)
    {
        const std::string identity = id + "@fn";
        const worker_seen w{.identity = identity, .first_seen = now, .last_seen = now, .version = version};
        machine_.seen(at_, w, now);
        known.take(*machine_.books(at_), now, std::array{w});
    }
    void gone(const std::string& id, uptime now) { machine_.gone(at_, {id}, now); }
    void look(const queue_stats& s, uptime now, std::vector<worker_seen> workers = {})
    {
        queue_snapshot q{.workers = workers};
        q.of(task_type::activity) = s;
        machine_.snapshot(at_, q, now);
    }
    void unread(condition why, std::string_view words, uptime now) { machine_.unread(at_, why, words, now); }
    void status(version_status s, uptime now)
    {
        known.set_status(s, now);
        machine_.set_status(at_, s, now);
    }
    mayfly::verdict ask(uptime now)
    {
        known.take(*machine_.books(at_), now);
        return diagnose(known);
    }

    evidence known;

private:
    group_policy<fleet> policy_;
    mayfly::controller_machine<fleet> machine_;
    version_handle at_{};
};

const deployment_version other_version{"orders", "b8"};

void healthy(patient& p)
{
    p.answer(0s);
    p.seen("r1", 1s);
}

}  // namespace

TEST_CASE("each symptom is drawn from what happened")
{
    struct row {
        const char* why;
        std::function<void(patient&)> happened;
        standing is;
        symptom what;
        uptime since;
        std::vector<std::string> says;
    };
    const row rows[] = {
        {"a worker lives", healthy, standing::ok, symptom::none, 0s, {"1 worker live, 0 starts under way"}},
        {"the first one is on its way", [](patient& p) { p.answer(0s); }, standing::waiting,
            symptom::first_poll_outstanding, 0s, {"1 start under way", "function fn"}},
        {"the first one is late",
            [](patient& p) {
                p.answer(0s);
                p.wait(6s);
            },
            standing::waiting, symptom::first_poll_outstanding, 0s, {"0 starts under way"}},
        {"starts come to nothing",
            [](patient& p) {
                p.answer(0s);
                p.missed(5, 1s);
                p.answer(1s);
                p.wait(10s);
            },
            standing::misconfigured, symptom::never_connected, 0s,
            {"in a row accepted", "Read the log of function fn"}},
        {"the same after it once worked",
            [](patient& p) {
                healthy(p);
                p.gone("r1", 20s);
                p.missed(5, 30s);
                p.answer(30s);
                p.wait(50s);
            },
            standing::degraded, symptom::never_connected, 30s, {"in a row accepted"}},
        {"it is another version",
            [](patient& p) {
                p.answer(0s);
                p.seen("r1", 2s, &other_version);
            },
            standing::misconfigured, symptom::connected_elsewhere, 2s,
            {"1 worker of function fn polled as build id b8, not as b7", "deployment orders", "or create the version"}},
        {"it was another version, and is ours now",
            [](patient& p) {
                p.answer(0s);
                p.seen("r1", 2s, &other_version);
                p.missed(1, 3s);
                p.answer(3s);
                p.seen("r2", 4s);
            },
            standing::ok, symptom::none, 0s, {}},
        {"the provider throttles",
            [](patient& p) {
                healthy(p);
                p.missed(9, 2s);
                p.answer(2s, condition::throttled, "Rate Exceeded.");
            },
            standing::degraded, symptom::throttled, 2s,
            {"no room", "\"Rate Exceeded.\"", "1 worker live", "maximum of 20"}},
        {"and then lets one through",
            [](patient& p) {
                healthy(p);
                p.missed(9, 2s);
                p.answer(2s, condition::throttled);
                p.missed(9, 3s);
                p.answer(3s);
            },
            standing::ok, symptom::none, 0s, {}},
        {"the provider refuses for good", [](patient& p) { p.answer(1s, condition::permanent, "AccessDenied"); },
            standing::misconfigured, symptom::refused_for_good, 1s, {"\"AccessDenied\"", "permission to invoke"}},
        {"the provider fails", [](patient& p) { p.answer(1s, condition::transient); }, standing::degraded,
            symptom::provider_failing, 1s, {"1 refusal in a row"}},
        {"a second failure does not move the beginning",
            [](patient& p) {
                p.answer(1s, condition::transient);
                p.missed(3, 9s);
                p.answer(9s, condition::transient);
            },
            standing::degraded, symptom::provider_failing, 1s, {}},
        {"statistics cannot be read",
            [](patient& p) {
                healthy(p);
                p.unread(condition::permanent, "no credentials", 3s);
                p.unread(condition::permanent, "no credentials", 4s);
            },
            standing::broken, symptom::unreadable, 3s, {"\"no credentials\"", "nothing has to change on function fn"}},
        {"and then they can",
            [](patient& p) {
                healthy(p);
                p.unread(condition::transient, {}, 3s);
                p.look({}, 5s);
            },
            standing::ok, symptom::none, 0s, {}},
        {"a limiter holds the queue",
            [](patient& p) {
                healthy(p);
                p.look({.backlog = 50, .dispatch_rate = 10.7, .limiter_active = true}, 4s);
                p.look({.backlog = 60, .dispatch_rate = 10.7, .limiter_active = true}, 5s);
            },
            standing::degraded, symptom::rate_limited, 4s,
            {"60 tasks wait behind a rate limit", "10 a second", "do not help"}},
        {"until it does not",
            [](patient& p) {
                healthy(p);
                p.look({.backlog = 1, .limiter_active = true}, 4s);
                p.look({}, 200s);
            },
            standing::ok, symptom::none, 0s, {}},
        {"others poll too",
            [](patient& p) {
                healthy(p);
                p.look({}, 3s, {{.identity = "host-1"}, {.identity = "host-2"}});
            },
            standing::ok, symptom::foreign_pollers, 3s, {"2 pollers that nobody started here"}},
        {"the platform delivered an event again",
            [](patient& p) {
                healthy(p);
                p.gone("r1", 5s);
                p.seen("r1", 65s);
            },
            standing::ok, symptom::delivered_again, 65s, {"1 start again", "retry attempts of function fn"}},
        {"nothing is routed to it",
            [](patient& p) {
                healthy(p);
                p.status(version_status::inactive, 7s);
            },
            standing::sleeping, symptom::not_routed, 7s,
            {"is inactive", "current or the ramping", "deployment orders"}},
        {"drained",
            [](patient& p) {
                healthy(p);
                p.gone("r1", 5s);
                p.status(version_status::drained, 7s);
            },
            standing::sleeping, symptom::drained, 7s, {"can be deleted"}},
        {"drained, and yet somebody lives",
            [](patient& p) {
                healthy(p);
                p.status(version_status::drained, 7s);
            },
            standing::degraded, symptom::acting_though_drained, 7s, {"1 worker live", "delete the version"}},
        {"the cause before the consequence: refused, and so nothing polls",
            [](patient& p) {
                p.answer(0s);
                p.wait(9s);
                p.pass(10s);
                p.answer(10s, condition::permanent);
            },
            standing::misconfigured, symptom::refused_for_good, 10s, {}},
    };
    for (const row& r : rows) {
        INFO(r.why);
        patient p;
        r.happened(p);
        const mayfly::verdict v = p.ask(201s);
        CHECK(to_string(v.is) == to_string(r.is));
        CHECK(to_string(v.why) == to_string(r.what));
        CHECK(v.since == r.since);
        CHECK_MESSAGE(v.message.rfind("orders/b7 (group default, function fn): ", 0) == 0, v.message);
        for (const std::string& part : r.says)
            CHECK_MESSAGE(v.message.find(part) != std::string::npos, v.message << " lacks " << part);
    }
}

TEST_CASE("a refusal that may pass ends when nothing more is wished for")
{
    for (const condition why : {condition::throttled, condition::transient, condition::permanent}) {
        CAPTURE(to_string(why));
        evidence e;
        const auto standing_at = [&](uptime now) {
            e.take(mayfly::ledger{}, now);
            return diagnose(e).is;
        };
        const mayfly::scaling_signal sig;
        e.note({.what = controller_event::kind::refused, .at = 1s, .outcome = why, .detail = "no"});
        const standing refused = standing_at(2s);
        CHECK(refused != standing::ok);
        e.note({.at = 100s, .made = {.held_back = 2}, .signal = &sig});
        CHECK_MESSAGE(standing_at(399s) == refused, "something was wished for after it");
        CHECK(e.refused_since == 1s);
        e.note({.at = 399s, .signal = &sig});
        const bool passes = why != condition::permanent;
        CHECK(standing_at(400s) == (passes ? standing::ok : refused));
        CHECK(e.refused_since.has_value() != passes);

        e.note({.what = controller_event::kind::refused, .at = 500s, .outcome = why});
        CHECK(standing_at(501s) == refused);
        CHECK(e.refused_since == (passes ? 500s : 1s));
        e.note({.what = controller_event::kind::launched, .at = 502s});
        CHECK_MESSAGE(standing_at(503s) == standing::ok, "an accepted start ends each");
    }
}

TEST_CASE("an event delivered again is forgotten when no other follows")
{
    patient p;
    healthy(p);
    p.gone("r1", 5s);
    p.seen("r1", 65s);
    CHECK(p.ask(364s).why == symptom::delivered_again);
    CHECK(p.ask(365s).why == symptom::none);
    p.gone("r1", 370s);
    p.seen("r1", 380s);
    CHECK(p.ask(381s).why == symptom::delivered_again);
    CHECK(p.ask(381s).since == 380s);
}

TEST_CASE("tasks wait at the configured maximum")
{
    patient p(2);
    p.answer(0s);
    p.seen("r1", 1s);
    p.missed(30, 2s);
    p.answer(2s);
    p.seen("r2", 3s);
    CHECK(p.ask(3s).why == symptom::none);
    p.look({.backlog = 25}, 4s);
    const mayfly::verdict v = p.ask(5s);
    CHECK(v.is == standing::degraded);
    CHECK(v.why == symptom::at_maximum);
    CHECK_MESSAGE(v.since == 2s, "starts count");
    CHECK(v.message.find("25 tasks wait, and the maximum of 2 workers is reached") != std::string::npos);
}

TEST_CASE("a provider that accepts and runs no more is told by its decision")
{
    patient p;
    p.answer(0s);
    p.seen("r1", 1s);
    mayfly::scaling_signal sig{.fleet = {.live = 3, .given_up = 7, .ever_seen = true}};
    p.known.note({.at = 9s, .made = {.reason = mayfly::reason::provider_ceiling}, .signal = &sig});
    p.known.note({.at = 10s, .made = {.reason = mayfly::reason::probe}, .signal = &sig});
    p.known.fleet = sig.fleet;
    const mayfly::verdict v = diagnose(p.known);
    CHECK(v.is == standing::degraded);
    CHECK(v.why == symptom::provider_ceiling);
    CHECK_MESSAGE(v.since == 9s, "a probe in between does not end it");
    CHECK(v.message.find("3 workers live, and 7 starts beyond them") != std::string::npos);
    sig.fleet.given_up = 0;
    p.known.note({.at = 11s, .signal = &sig});
    CHECK(diagnose(p.known).why == symptom::none);
}

TEST_CASE("each symptom and standing has a name of its own")
{
    std::vector<std::string_view> names;
    for (unsigned i = 0; to_string(static_cast<symptom>(i)) != "unknown"; ++i)
        names.push_back(to_string(static_cast<symptom>(i)));
    CHECK(names.size() == 16);
    std::sort(names.begin(), names.end());
    CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
    CHECK(to_string(standing::sleeping) == "sleeping");
    CHECK(to_string(static_cast<standing>(6)) == "unknown");
}
