// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/detail/activity_verdict.hpp>
#include <mayfly/temporal/detail/heartbeat_throttle.hpp>
#include <mayfly/temporal/detail/poll_errors.hpp>
#include <mayfly/temporal/detail/poll_slots.hpp>
#include <mayfly/temporal/detail/stop_sequence.hpp>
#include <mayfly/temporal/detail/task_deadline.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace mayfly::temporal;
using namespace mayfly::temporal::detail;
using namespace std::chrono_literals;
namespace api = mayfly::temporal::api;
namespace grpc = mayfly::grpc;

namespace {

using time_point = std::chrono::steady_clock::time_point;
constexpr time_point begin_of_time{1h};

}  // namespace

TEST_CASE("the time between two heartbeats")
{
    struct row {
        const char* why;
        std::chrono::nanoseconds timeout, between, patience;
    };
    const row rows[] = {
        {"four fifths of the timeout", 10s, 8s, 8s},
        {"without a timeout", 0s, 30s, 30s},
        {"never more than a minute", 10min, 60s, 60s},
        {"a call has a second, however short the timeout is", 500ms, 400ms, 1s},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(heartbeat_pace{}.between(r.timeout) == r.between, r.why);
        CHECK_MESSAGE(heartbeat_pace{}.patience(r.timeout) == r.patience, r.why);
    }
}

TEST_CASE("heartbeats are throttled")
{
    const time_point t = begin_of_time;
    heartbeat_throttle h(8s);

    SUBCASE("the first goes out at once, the newest of a window at its end")
    {
        CHECK(h.next() == time_point::max());
        CHECK(h.recorded(t));
        CHECK_FALSE(h.recorded(t + 1s));
        CHECK(h.next() == time_point::max());  // the call is under way
        h.sent();
        CHECK(h.next() == t + 8s);
        CHECK_FALSE(h.recorded(t + 2s));
        CHECK_FALSE(h.look(t + 7s));
        CHECK(h.look(t + 8s));
        h.sent();
        CHECK(h.next() == time_point::max());
    }
    SUBCASE("after a window without one, the next is immediate again")
    {
        CHECK(h.recorded(t));
        h.sent();
        CHECK_FALSE(h.look(t + 8s));
        CHECK(h.recorded(t + 9s));
    }
    SUBCASE("never two at a time, however long a call takes")
    {
        CHECK(h.recorded(t));
        CHECK_FALSE(h.recorded(t + 20s));
        CHECK_FALSE(h.look(t + 20s));
        CHECK_FALSE(h.flush(t + 20s, true));
        CHECK(h.sending());
        h.sent();
        CHECK_FALSE(h.look(t + 21s));  // it has ended: only a flush is left
        CHECK(h.flush(t + 21s, false));
    }
    SUBCASE("what a failure would lose is told before it, once")
    {
        CHECK(h.recorded(t));
        h.sent();
        CHECK_FALSE(h.recorded(t + 1s));
        CHECK(h.flush(t + 2s, false));
        h.sent();
        CHECK_FALSE(h.flush(t + 2s, false));
        CHECK(h.next() == time_point::max());
    }
    SUBCASE("what was recorded and not yet heard of is flushed too")
    {
        CHECK(h.flush(t, true));
    }
    SUBCASE("nothing to flush")
    {
        CHECK_FALSE(h.flush(t, false));
    }
    SUBCASE("nothing after a success")
    {
        CHECK(h.recorded(t));
        h.sent();
        CHECK_FALSE(h.recorded(t + 1s));
        h.stop();
        CHECK_FALSE(h.look(t + 9s));
        CHECK(h.next() == time_point::max());
    }
}

TEST_CASE("an attempt's deadline, on the worker's own clock")
{
    using wall = std::chrono::system_clock::time_point;
    const wall now{1'700'000'000s};
    struct row {
        const char* why;
        std::chrono::nanoseconds started_before, scheduled_before, start_to_close, schedule_to_close, expected;
    };
    constexpr auto never = std::chrono::nanoseconds::max();
    const row rows[] = {
        {"from its start", 1s, 1s, 10s, 0s, 9s},
        {"the whole is over sooner", 0s, 7s, 10s, 12s, 5s},
        {"the whole alone", 1s, 1s, 0s, 60s, 59s},
        {"no timeout, no deadline", 0s, 0s, 0s, 0s, never},
        {"a clock that is ahead: it counts as started now", -30s, -30s, 10s, 0s, 10s},
        {"a clock that is behind, likewise", 1h, 1h, 10s, 0s, 10s},
        {"and times of one clock are still compared", 1h, 1h + 7s, 10s, 12s, 5s},
        {"longer than anything", 0s, 0s, never, never, never},
        {"scheduled after its start makes nothing longer", 0s, -5s, 0s, 10s, 10s},
        {"not told when it was scheduled", 1s, now.time_since_epoch(), 0s, 10s, 9s},
    };
    for (const row& r : rows) {
        activity_info task;
        task.started = now - r.started_before;
        task.scheduled = now - r.scheduled_before;
        task.start_to_close = r.start_to_close;
        task.schedule_to_close = r.schedule_to_close;
        const auto at = deadline_of(task, {begin_of_time, now});
        CHECK_MESSAGE(at == (r.expected == never ? time_point::max() : begin_of_time + r.expected), r.why);
    }
}

TEST_CASE("when an attempt is given up")
{
    const time_point t = begin_of_time;
    struct row {
        const char* why;
        time_point deadline;
        std::chrono::nanoseconds heartbeat;
        time_point heard, expected;
    };
    const row rows[] = {
        {"a margin after the deadline", t + 10s, 0s, t, t + 15s},
        {"the server has not heard of it", t + 1h, 10s, t + 3s, t + 18s},
        {"the deadline comes first", t + 5s, 10s, t, t + 10s},
        {"never", time_point::max(), 0s, t, time_point::max()},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(given_up_at(r.deadline, r.heartbeat, r.heard, 5s) == r.expected, r.why);
}

TEST_CASE("two queues share pollers and slots, and neither starves the other")
{
    struct row {
        const char* why;
        std::uint32_t slots, pollers, tasks, normal, sticky;
        std::int64_t backlog;
        std::optional<poll_at> next;
        bool starves = false;
    };
    const row rows[] = {
        {"new runs come by the normal queue alone", 10, 2, 0, 0, 0, 0, poll_at::normal},
        {"and then what is known here", 10, 2, 0, 1, 0, 0, poll_at::sticky},
        {"both are polled: no poller is left", 10, 2, 0, 1, 1, 5, std::nullopt},
        {"the normal poll brought something", 10, 2, 1, 0, 1, 0, poll_at::normal},
        {"the last slot is for the normal queue, whatever waits", 3, 2, 2, 0, 0, 9, poll_at::normal},
        {"which has it", 3, 2, 2, 1, 0, 9, std::nullopt},
        {"more pollers go halves", 10, 5, 0, 1, 1, 0, poll_at::sticky},
        {"in turn", 10, 5, 0, 1, 2, 0, poll_at::normal},
        {"unless much waits at the sticky one", 10, 5, 0, 1, 2, 9, poll_at::sticky},
        {"never all of them", 10, 5, 0, 0, 4, 9, poll_at::normal},
        {"the sticky poll has the last slot", 2, 2, 1, 0, 1, 0, std::nullopt, true},
        {"all slots that tasks leave", 5, 5, 2, 0, 3, 9, std::nullopt, true},
        {"tasks have them all", 2, 2, 2, 0, 0, 0, std::nullopt},
    };
    for (const row& r : rows) {
        poll_slots s(r.slots, r.pollers, true);
        for (std::uint32_t i = 0; i < r.tasks; ++i) {
            s.poll_began();
            s.poll_ended(true);
        }
        for (std::uint32_t i = 0; i < r.normal; ++i)
            s.poll_began();
        for (std::uint32_t i = 0; i < r.sticky; ++i)
            s.poll_began(poll_at::sticky);
        s.told_sticky_backlog(r.backlog);
        CHECK_MESSAGE(s.may_poll() == r.next.has_value(), r.why);
        CHECK_MESSAGE(s.normal_starves() == r.starves, r.why);
        if (r.next)
            CHECK_MESSAGE(s.next() == *r.next, r.why);
        s.close();
        CHECK_FALSE(s.normal_starves());
    }
    CHECK(poll_slots(2, 2).next() == poll_at::normal);
}

TEST_CASE("a poll only with a free slot")
{
    poll_slots s(3, 2);
    CHECK(s.may_poll());
    s.poll_began();
    CHECK_FALSE(s.all_poll());
    s.poll_began();
    CHECK_FALSE(s.may_poll());  // pollers
    CHECK(s.all_poll());
    s.poll_ended(true);
    CHECK(s.tasks() == 1);
    CHECK_FALSE(s.all_poll());
    CHECK(s.may_poll());
    s.poll_began();
    s.poll_ended(true);
    CHECK_FALSE(s.may_poll());  // slots: two run, one polls
    CHECK(s.all_poll());
    s.poll_ended(true);
    CHECK_FALSE(s.may_poll());
    CHECK(s.all_poll());  // nobody has anything to wait with
    CHECK(s.load() == 1.0);
    s.task_ended();
    CHECK(s.may_poll());
    CHECK(s.load() == doctest::Approx(2.0 / 3));
    s.close();
    CHECK_FALSE(s.may_poll());
    s.task_ended();
    s.task_ended();
    CHECK_FALSE(s.may_poll());
    CHECK(s.tasks() == 0);
}

TEST_CASE("what a failed poll means")
{
    api::errordetails::ResourceExhaustedFailure deployment_limit;
    deployment_limit.set_cause(api::enums::RESOURCE_EXHAUSTED_CAUSE_WORKER_DEPLOYMENT_LIMITS);
    using enum grpc::status_code;
    struct row {
        const char* why;
        grpc::status status;
        poll_error expected;
    };
    const row rows[] = {
        {"rights do not come by themselves", {permission_denied}, poll_error::fatal},
        {"a key may be about to change", {unauthenticated}, poll_error::twice},
        {"the server does not know this client",
            with_detail(failed_precondition, api::errordetails::ClientVersionNotSupportedFailure{}), poll_error::fatal},
        {"the namespace is being deleted",
            with_detail(failed_precondition, api::errordetails::NamespaceInvalidStateFailure{}), poll_error::fatal},
        {"it was there when the worker started", with_detail(not_found, api::errordetails::NamespaceNotFoundFailure{}),
            poll_error::doubtful},
        {"a server in between versions", {invalid_argument}, poll_error::doubtful},
        {"a proxy without its backend", {unimplemented}, poll_error::doubtful},
        {"no reason is given", {failed_precondition}, poll_error::transient},
        {"down", {unavailable, "connection refused"}, poll_error::transient},
        {"polling registers the version",
            {unavailable, "not ready to process polls from this deployment version, try again shortly"},
            poll_error::quiet},
        {"too much", {resource_exhausted}, poll_error::transient},
        {"too many versions", with_detail(resource_exhausted, deployment_limit), poll_error::limit},
        {"a poll may run out", {deadline_exceeded}, poll_error::quiet},
        {"or be dropped", {cancelled}, poll_error::quiet},
        {"a bug", {internal}, poll_error::transient},
        {"a bug", {unknown}, poll_error::transient},
        {"a failover", {aborted}, poll_error::transient},
        {"a broken answer", {data_loss}, poll_error::transient},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(poll_error_of(r.status) == r.expected, r.why);
}

TEST_CASE("polls that fail")
{
    using enum grpc::status_code;
    const time_point t = begin_of_time;
    poll_errors e({});

    SUBCASE("a storm never ends a worker; it only slows it down")
    {
        time_point now = t;
        std::chrono::nanoseconds longest{};
        for (int i = 0; i < 5000; ++i) {
            const auto a = e.failed({unavailable, "down"}, now, now, 0.5);
            REQUIRE_FALSE(a.fatal);
            CHECK(a.first == (i == 0));
            longest = std::max<std::chrono::nanoseconds>(longest, a.poll_again - now);
            now = a.poll_again;
        }
        CHECK(longest <= 10s);
        CHECK(e.succeeded() > 0);
        CHECK(e.poll_again() == time_point::min());
        const auto a = e.failed({unavailable, "down"}, now, now, 0.5);
        CHECK(a.first);
        CHECK(a.poll_again - now == 200ms);
    }
    SUBCASE("polls that were under way together tell of one failure")
    {
        const auto first = e.failed({unavailable}, t, t + 1s, 0.5);
        const auto second = e.failed({unavailable}, t, t + 1s, 0.5);
        CHECK(first.poll_again == second.poll_again);
        CHECK(e.failed({unavailable}, t + 2s, t + 2s, 0.5).poll_again == t + 2s + 400ms);
    }
    SUBCASE("a server that is exhausted is asked more slowly")
    {
        CHECK(e.failed({resource_exhausted}, t, t, 0.5).poll_again == t + 1s);
        CHECK(e.failed({resource_exhausted}, t + 1s, t + 1s, 0.5).poll_again == t + 3s);
    }
    SUBCASE("permission is not asked for twice")
    {
        CHECK(e.failed({permission_denied}, t, t, 0.5).fatal);
    }
    SUBCASE("credentials are tried twice")
    {
        CHECK_FALSE(e.failed({unauthenticated}, t, t, 0.5).fatal);
        CHECK(e.poll_again() == t + 1s);
        CHECK_FALSE(e.failed({unauthenticated}, t, t, 0.5).fatal);  // under way at the same time
        CHECK(e.failed({unauthenticated}, t + 1s, t + 1s, 0.5).fatal);
    }
    SUBCASE("what is doubtful may last a minute")
    {
        CHECK_FALSE(e.failed({invalid_argument}, t, t, 0.5).fatal);
        CHECK_FALSE(e.failed({invalid_argument}, t + 59s, t + 59s, 0.5).fatal);
        CHECK(e.failed({invalid_argument}, t + 60s, t + 60s, 0.5).fatal);
    }
    SUBCASE("a success in between starts that anew")
    {
        CHECK_FALSE(e.failed({invalid_argument}, t, t, 0.5).fatal);
        (void)e.succeeded();
        CHECK_FALSE(e.failed({invalid_argument}, t + 90s, t + 90s, 0.5).fatal);
    }
    SUBCASE("a namespace that has gone is missed for ten seconds")
    {
        const auto gone = with_detail(not_found, api::errordetails::NamespaceNotFoundFailure{});
        CHECK_FALSE(e.failed(gone, t, t, 0.5).fatal);
        CHECK(e.failed(gone, t + 10s, t + 10s, 0.5).fatal);
    }
    SUBCASE("what belongs to normal operation is not told")
    {
        CHECK_FALSE(e.failed({deadline_exceeded}, t, t, 0.5).first);
        CHECK(e.succeeded() == 0);
    }
}

TEST_CASE("the order of an end")
{
    const time_point t = begin_of_time;
    using step = stop_sequence::step;
    const stop_sequence::plan usual{
        .stop_timeout = 5s, .server_ends_polls = false, .tell_patience = 2s, .poll_patience = 3s};

    SUBCASE("before it begins there is nothing to do")
    {
        stop_sequence s(usual);
        CHECK(s.look(t, 1, 0) == step{});
    }
    SUBCASE("polls are recalled once the server knows, and what they bring is waited for")
    {
        stop_sequence s(usual);
        s.begin(t);
        CHECK(s.look(t, 1, 0) == step{.next = t + 2s});
        s.told(t + 1s);
        CHECK(s.look(t + 1s, 1, 0) == step{.recall_polls = true, .next = t + 4s});
        CHECK(s.look(t + 1s, 0, 1) == step{.next = t + 4s});
        CHECK(s.look(t + 2s, 0, 0) == step{.done = true, .next = t + 4s});
    }
    SUBCASE("no answer is waited for only so long")
    {
        stop_sequence s(usual);
        s.begin(t);
        CHECK(s.look(t + 2s, 1, 0) == step{.recall_polls = true, .next = t + 4s});
        CHECK(s.look(t + 2s, 0, 0).done);
    }
    SUBCASE("it is not over before the server was told, with nothing under way")
    {
        stop_sequence s(usual);
        s.begin(t);
        CHECK_FALSE(s.look(t, 0, 0).done);
    }
    SUBCASE("a server that ends polls is left to it, for some time")
    {
        auto with = usual;
        with.server_ends_polls = true;
        stop_sequence s(with);
        s.begin(t);
        s.told(t + 500ms);
        CHECK(s.look(t + 500ms, 1, 0) == step{.next = t + 3500ms});
        CHECK(s.look(t + 3500ms, 1, 0) == step{.recall_polls = true, .next = t + 4s});
        CHECK(s.look(t + 3500ms, 0, 0).done);
    }
    SUBCASE("tasks are cancelled while there is time to report them")
    {
        stop_sequence s(usual);
        s.begin(t);
        s.told(t);
        CHECK(s.look(t, 0, 1).recall_polls);
        CHECK_FALSE(s.tasks_are_cancelled());
        CHECK(s.look(t + 4s, 0, 1) == step{.cancel_tasks = true});
        CHECK(s.tasks_are_cancelled());
        CHECK(s.look(t + 4s, 0, 1) == step{});
        CHECK(s.look(t + 5s, 0, 0).done);
    }
    SUBCASE("without a stop timeout at once")
    {
        auto with = usual;
        with.stop_timeout = 0s;
        stop_sequence s(with);
        s.begin(t);
        CHECK(s.look(t, 0, 1).cancel_tasks);
    }
    SUBCASE("a stop timeout without end")
    {
        auto with = usual;
        with.stop_timeout = std::chrono::nanoseconds::max();
        stop_sequence s(with);
        s.begin(t);
        s.told(t);
        const auto first = s.look(t, 0, 1);
        CHECK_FALSE(first.cancel_tasks);
        CHECK_FALSE(s.look(t + 1000h, 0, 1).cancel_tasks);
    }
}

TEST_CASE("what an attempt is reported as")
{
    using end = activity_end;
    using report = activity_report;
    struct row {
        const char* why;
        end how;
        cancel_reason reason;
        report expected;
    };
    const row rows[] = {
        {"a value", end::value, cancel_reason::none, report::completed},
        {"a value in spite of a cancellation", end::value, cancel_reason::cancelled, report::completed},
        {"nobody waits for it", end::value, cancel_reason::timeout, report::nothing},
        {"nobody knows it", end::value, cancel_reason::not_found, report::nothing},
        {"somebody else reports", end::elsewhere, cancel_reason::none, report::nothing},
        {"a failure", end::failed, cancel_reason::none, report::failed},
        {"a failure while cancelled", end::failed, cancel_reason::cancelled, report::failed},
        {"a failure too late", end::failed, cancel_reason::timeout, report::nothing},
        {"as it was asked", end::cancelled, cancel_reason::cancelled, report::canceled},
        {"nobody asked", end::cancelled, cancel_reason::none, report::failed},
        {"another worker goes on", end::cancelled, cancel_reason::worker_shutdown, report::interrupted},
        {"later again", end::cancelled, cancel_reason::paused, report::interrupted},
        {"from the beginning", end::cancelled, cancel_reason::reset, report::interrupted},
        {"too late", end::cancelled, cancel_reason::timeout, report::nothing},
        {"nobody knows it", end::cancelled, cancel_reason::not_found, report::nothing},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(report_of(r.how, r.reason) == r.expected, r.why);

    CHECK(asked_by(true, true, true) == cancel_reason::cancelled);
    CHECK(asked_by(false, true, true) == cancel_reason::reset);
    CHECK(asked_by(false, false, true) == cancel_reason::paused);
    CHECK(asked_by(false, false, false) == cancel_reason::none);
}
