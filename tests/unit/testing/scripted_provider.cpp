// SPDX-License-Identifier: BSL-1.0
#include <mayfly/testing/manual_clock.hpp>
#include <mayfly/testing/scripted_provider.hpp>
#include <mayfly/testing/scripted_source.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using mayfly::condition;
using mayfly::launch_report;
using mayfly::launch_target;
using mayfly::queue_reading;
using mayfly::testing::manual_clock;
using mayfly::testing::pass;
using mayfly::testing::scripted_answer;
using mayfly::testing::scripted_provider;
using mayfly::testing::scripted_source;
using mayfly::testing::settle;

namespace {

struct launch_answer {
    error_code ec;
    launch_report report;
};

/// A provider, and the answers that came.
struct provider_stage {
    provider_stage() { manual_clock::reset(); }

    void launch(std::uint32_t count, const char* function = "fn")
    {
        auto target = std::make_shared<const launch_target>(launch_target{.function = function});
        p.async_launch({.target = target, .count = count},
            asio::bind_cancellation_slot(stop.slot(), [this](error_code ec, launch_report r) {
                answers.push_back({ec, std::move(r)});
            }));
    }
    std::vector<std::string> ids(std::size_t which) const
    {
        std::vector<std::string> all;
        for (const launch_report::start& s : answers.at(which).report.starts)
            all.push_back(s.request_id);
        return all;
    }

    asio::io_context io{};
    scripted_provider p{io.get_executor()};
    asio::cancellation_signal stop{};
    std::vector<launch_answer> answers{};
};

using text_list = std::vector<std::string>;

}  // namespace

TEST_CASE("scripted provider: an answer is as the script says")
{
    struct row {
        const char* why;
        scripted_answer script;
        condition outcome;
        text_list ids;
        condition last;
    };
    const row rows[] = {
        {"accepted", {}, condition::ok, {"r1", "r2", "r3"}, condition::ok},
        {"in part", {.accepts = 2}, condition::ok, {"r1", "r2", ""}, condition::throttled},
        {"throttled", scripted_answer::failing(condition::throttled), condition::throttled, {"", "", ""},
            condition::throttled},
        {"transient", scripted_answer::failing(condition::transient), condition::transient, {"", "", ""},
            condition::transient},
        {"permanent", scripted_answer::failing(condition::permanent), condition::permanent, {"", "", ""},
            condition::permanent},
    };
    for (const row& r : rows) {
        INFO(r.why);
        provider_stage s;
        s.p.next(r.script);
        s.launch(3);
        CHECK_MESSAGE(s.answers.empty(), "never within the call");
        settle(s.io);
        REQUIRE(s.answers.size() == 1);
        CHECK(mayfly::condition_of(s.answers[0].ec) == r.outcome);
        CHECK(s.ids(0) == r.ids);
        CHECK(s.answers[0].report.starts.back().outcome == r.last);
    }
}

TEST_CASE("scripted provider: scripts are taken in order, those of a function before all")
{
    provider_stage s;
    s.p.always(scripted_answer::failing(condition::permanent, "gone"));
    s.p.next({});
    s.p.next({.repeats = true});
    s.p.always("other", {});
    const std::pair<std::uint32_t, const char*> calls[] = {{1, "fn"}, {1, "other"}, {2, "fn"}, {1, "fn"}};
    for (const auto& [count, function] : calls) {
        s.launch(count, function);
        settle(s.io);
    }
    CHECK(s.ids(0) == text_list{"r1"});
    CHECK(s.ids(1) == text_list{"r2"});
    CHECK_MESSAGE((s.ids(2) == text_list{"r2", "r3"}), "an id once more");
    CHECK(s.answers[3].report.detail == "gone");
    CHECK(s.p.starts() == 5);
    CHECK(s.p.launches()[1].request_ids == text_list{"r2"});
    CHECK(s.p.launches()[1].request.target->function == "other");
}

TEST_CASE("scripted provider: late, never, cancelled, and deaf to it")
{
    provider_stage s;
    pass(s.io, 1s);
    s.p.next({.takes = 500ms});
    s.launch(1);
    CHECK(s.p.launches()[0].at == 1s);
    pass(s.io, 499ms);
    CHECK(s.answers.empty());
    pass(s.io, 1ms);
    CHECK(s.answers.size() == 1);

    s.p.next(scripted_answer::hanging());
    s.launch(1);
    pass(s.io, 1h, 1min);
    CHECK(s.p.under_way() == 1);
    s.stop.emit(asio::cancellation_type::terminal);
    settle(s.io);
    CHECK(s.answers.at(1).ec == asio::error::operation_aborted);
    CHECK(s.answers[1].report.starts.empty());
    CHECK(s.p.cancelled() == 1);

    s.p.next({.takes = 1s, .stubborn = true});
    s.launch(1);
    settle(s.io);
    s.stop.emit(asio::cancellation_type::terminal);
    settle(s.io);
    CHECK(s.p.under_way() == 1);
    pass(s.io, 1s);
    CHECK(!s.answers.at(2).ec);
    CHECK(s.p.under_way() == 0);
    CHECK(s.p.cancelled() == 1);
}

TEST_CASE("scripted provider: a set")
{
    provider_stage s;
    std::vector<std::string> words;
    s.p.next(scripted_answer::failing(condition::transient, "busy"));
    for (const std::uint32_t size : {4U, 5U})
        s.p.async_resize({.size = size}, [&](error_code ec, const mayfly::resize_report& r) {
            words.push_back(ec ? r.detail + ", " + ec.message() : "ok");
        });
    settle(s.io);
    CHECK(words == text_list{"busy, scripted: transient", "ok"});
    CHECK(s.p.resizes().size() == 2);
    CHECK(s.p.resizes()[1].request.size == 5);
}

TEST_CASE("scripted source: values, errors, and silence")
{
    manual_clock::reset();
    asio::io_context io;
    scripted_source q(io.get_executor(), {.outcome = condition::throttled});
    asio::cancellation_signal stop;
    std::vector<std::pair<error_code, std::size_t>> got;
    const auto target = std::make_shared<const launch_target>();
    const auto read = [&] {
        q.async_read(target, 0us, asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, const queue_reading& r) {
            got.emplace_back(ec, r.workers.size());
        }));
        settle(io);
    };
    q.next({.reading = {.workers = {{}, {}}}});
    read();
    CHECK(got.back() == std::pair{error_code{}, std::size_t{2}});
    read();
    CHECK(got.back().first == condition::throttled);
    q.next({.takes = mayfly::never});
    read();
    CHECK(got.size() == 2);
    CHECK(q.under_way() == 1);
    stop.emit(asio::cancellation_type::total);
    settle(io);
    CHECK(got.back().first == asio::error::operation_aborted);
    CHECK(q.cancelled() == 1);
    CHECK(q.reads().size() == 3);
    CHECK(q.reads()[2].target == target);
}
