// SPDX-License-Identifier: BSL-1.0
#include <mayfly/controller.hpp>
#include <mayfly/mock/provider.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/testing/fake_worker.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace mock = mayfly::mock;
using namespace std::chrono_literals;
using boost::system::error_code;
using mayfly::condition;
using mayfly::launch_report;
using mayfly::launch_target;
using mayfly::never;
using mayfly::uptime;
using mayfly::testing::manual_clock;
using mayfly::testing::pass;
using mayfly::testing::settle;

namespace {

using names = std::vector<std::string>;

struct answer {
    error_code ec;
    launch_report report;
};

/// A provider, its answers, and the workers that came up.
struct stage {
    stage() { manual_clock::reset(); }

    void launch(std::uint32_t count, const char* function = "fn", std::uint32_t stay = 0)
    {
        auto target = std::make_shared<const launch_target>(
            launch_target{.version = {"shop", "7"}, .group = "heavy", .function = function});
        p.async_launch({.target = target, .count = count, .stay = stay, .first_launch = 40},
            asio::bind_cancellation_slot(stop.slot(), [this](error_code ec, launch_report r) {
                answers.push_back({ec, std::move(r)});
            }));
    }

    [[nodiscard]] names workers() const
    {
        names all;
        for (const mock::provider::start& s : started)
            all.push_back(mayfly::invocation_identity(s.context.request_id, s.context.function));
        std::sort(all.begin(), all.end());
        return all;
    }

    asio::io_context io{};
    std::vector<mock::provider::start> started{};
    mock::provider p{io.get_executor(), [this](const mock::provider::start& s) { started.push_back(s); }, {}, 15min};
    asio::cancellation_signal stop{};
    std::vector<answer> answers{};
};

}  // namespace

TEST_CASE("mock: a launch is answered, and its workers come, as the script says")
{
    struct row {
        const char* why;
        mock::outcome script;
        uptime answered;  // `never`: not within the minute
        condition outcome;
        std::string detail;
        uptime there;
        names workers;
    };
    const row rows[] = {
        {"accepted", mock::accept(), 0s, condition::ok, "", 0s, {"r1@fn", "r2@fn"}},
        {"a cold start", mock::accept(2s), 0s, condition::ok, "", 2s, {"r1@fn", "r2@fn"}},
        {"throttled", mock::throttle("slow down"), 0s, condition::throttled, "slow down", 0s, {}},
        {"may pass", mock::fail(condition::transient, "500"), 0s, condition::transient, "500", 0s, {}},
        {"does not", mock::fail(condition::permanent, "no such function"), 0s, condition::permanent, "no such function",
            0s, {}},
        {"a slow answer, and a worker that is faster", mock::delay(3s), 3s, condition::ok, "", 0s, {"r1@fn", "r2@fn"}},
        {"no answer, and workers all the same", mock::delay(never), never, condition::ok, "", 0s, {"r1@fn", "r2@fn"}},
        {"delivered twice", mock::duplicate(1s), 0s, condition::ok, "", 1s, {"r1@fn", "r1@fn", "r2@fn", "r2@fn"}},
        {"nothing comes of it", mock::never_connect(), 0s, condition::ok, "", 0s, {}},
        {"one of two accepted", {.answer = {.accepts = 1}}, 0s, condition::ok, "", 0s, {"r1@fn"}},
    };
    for (const row& r : rows) {
        INFO(r.why);
        stage s;
        s.p.next(r.script);
        s.launch(2);
        CHECK_MESSAGE((s.answers.empty() && s.started.empty()), "never within the call");
        uptime answered = never;
        uptime there = never;
        settle(s.io);
        for (uptime now{}; now <= 1min; now += 500ms) {
            if (!s.answers.empty() && answered == never)
                answered = now;
            if (s.started.size() == r.workers.size() && there == never)
                there = now;
            pass(s.io, 500ms);
        }
        CHECK(answered == r.answered);
        CHECK(there == r.there);
        CHECK(s.workers() == r.workers);
        if (!s.answers.empty()) {
            CHECK(mayfly::condition_of(s.answers[0].ec) == r.outcome);
            CHECK(s.answers[0].report.detail == r.detail);
        }
    }
}

TEST_CASE("mock: outcomes are taken in order, those of a function before all")
{
    stage s;
    s.p.always(mock::throttle());
    s.p.always("other", mock::accept());
    s.p.next(mock::accept());
    s.p.next({.answer = {.repeats = true}});
    for (const char* function : {"fn", "other", "fn", "fn"}) {
        s.launch(1, function);
        settle(s.io);
    }
    CHECK(s.workers() == names{"r1@fn", "r2@fn", "r2@other"});
    CHECK(mayfly::condition_of(s.answers.at(3).ec) == condition::throttled);
    CHECK(s.p.platform().starts() == 4);
}

TEST_CASE("mock: a worker is told what a controller and a platform tell")
{
    stage s;
    pass(s.io, 1s);
    s.p.next(mock::accept(1s));
    s.launch(2, "fn", 1);
    pass(s.io, 1s);
    REQUIRE(s.started.size() == 2);
    const mock::provider::start& first = s.started[0];
    CHECK(first.notice.version == mayfly::deployment_version{"shop", "7"});
    CHECK(first.notice.group == "heavy");
    CHECK(first.notice.launch == 40);
    CHECK(s.started[1].notice.launch == 41);
    CHECK_MESSAGE(first.context.orders.stay, "it fills the minimum");
    CHECK(!s.started[1].context.orders.stay);
    CHECK(first.context.deadline == manual_clock::time_point{2s + 15min});
}

TEST_CASE("mock: a call that is cancelled has started its workers all the same")
{
    stage s;
    s.p.next({.answer = {.takes = never}, .cold_start = 1s});
    s.launch(1);
    settle(s.io);
    s.stop.emit(asio::cancellation_type::terminal);
    settle(s.io);
    REQUIRE(s.answers.size() == 1);
    CHECK(s.answers[0].ec == asio::error::operation_aborted);
    pass(s.io, 1s);
    CHECK(s.workers() == names{"r1@fn"});
}

TEST_CASE("mock: a lazy token starts nothing before it is called, and a future is answered")
{
    stage s;
    auto call = s.p.async_launch({.count = 1}, asio::deferred);
    settle(s.io);
    CHECK(s.started.empty());
    std::future<launch_report> f = std::move(call)(asio::use_future);
    settle(s.io);
    CHECK(f.get().starts.size() == 1);
    CHECK(s.workers() == names{"r1@unknown"});
}

TEST_CASE("mock: under a controller, with real invocations")
{
    manual_clock::reset();
    asio::io_context io;
    mayfly::testing::fake_connector connector(io.get_executor(), {{.connect = {.takes = 100ms}}});
    mayfly::worker_options wishes;
    wishes.task_queue = "queue";
    const auto options = *mayfly::resolve(wishes, {"shop", "7"}, {.activities = {"work"}});
    const mayfly::shutdown_hooks hooks;

    std::vector<mayfly::invocation_end> ends;
    const auto invoke = [&](const mock::provider::start& s) {
        mayfly::async_invoke(s.context, connector, options, hooks,
            [&](error_code, const mayfly::invocation_report& r) { ends.push_back(r.end); });
    };
    using controller_type = mayfly::basic_controller<mayfly::fleet, mock::provider, mayfly::no_source, manual_clock>;
    std::vector<condition> refusals;
    controller_type controller(
        io.get_executor(), {io.get_executor(), invoke, mock::accept(200ms), 60s}, {}, {}, [&](const auto& e) {
            if (e.what == mayfly::controller_event::kind::refused)
                refusals.push_back(e.outcome);
        });
    controller.provider().next(mock::throttle());

    auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->bootstrap = false;
    const auto version = controller.add({.groups = {{policy, std::make_shared<const launch_target>(launch_target{
                                                                 .version = {"shop", "7"}, .function = "fn:7"})}}});
    controller.added(version, {.counts = {.not_matched = 3}});
    asio::cancellation_signal stop;
    controller.async_run(asio::bind_cancellation_slot(stop.slot(), [](error_code) {}));
    pass(io, 5s, 10ms);

    CHECK(refusals == std::vector<condition>{condition::throttled});
    REQUIRE_MESSAGE(!connector.log().requests.empty(), "tried again, and invoked");
    CHECK(connector.log().requests[0].identity == "r1@fn:7");
    REQUIRE(ends.size() == connector.log().requests.size());
    CHECK_MESSAGE(ends[0] == mayfly::invocation_end::idle, "as the scaler ordered");
    CHECK(connector.log().workers == 0);
    stop.emit(asio::cancellation_type::terminal);
    settle(io);
}
