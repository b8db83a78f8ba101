// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/temporal/client.hpp>
#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/interceptors.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

using namespace client_test;

namespace {

std::string greet(const std::string& name, int)
{
    return "Hello, " + name;
}

const auto greeting = activity_like("greet", greet);
const typed_activity<void()> sweeping{"sweep"};

start_options usual(std::string id)
{
    start_options out;
    out.id = std::move(id);
    out.task_queue = "q";
    out.start_to_close = 10s;
    return out;
}

}  // namespace

TEST_CASE("an activity is started by its function's types, and its result is one of them")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const client c(w.on);
        auto options = usual("one");
        options.summary = "a greeting";
        auto [ec, started] = co_await c.async_start(greeting, {"World", 2}, options, answer);
        require_ok(ec, started.status);
        CHECK(started.value.is_new);
        const activity_handle<std::string> h = started.value.handle;
        CHECK(h.id() == "one");
        CHECK(!h.run_id().empty());

        const auto task = co_await w.take();
        CHECK(task.activity_type().name() == "greet");
        const auto input = c.converter().from_payloads<std::string, int>(task.input());
        REQUIRE(bool(input));
        CHECK(*input == std::tuple<std::string, int>("World", 2));

        auto [e1, d] = co_await h.async_describe(answer);
        REQUIRE(!e1);
        CHECK(d.value.key == h.key());
        CHECK(d.value.type == "greet");
        CHECK(d.value.status == activity_status::running);
        CHECK(d.value.attempt == 1);
        CHECK(d.value.last_worker == "worker@here");
        CHECK(d.value.scheduled);
        CHECK_FALSE(d.value.closed);

        const activity_target target{.task_token = task.task_token()};
        const std::tuple<int> half(50);
        auto [e2, beat] = co_await c.async_heartbeat(target, half, answer);
        CHECK(!e2);
        CHECK(beat.value == heartbeat_answer{});
        auto [e3, done] = co_await c.async_complete(target, greet("World", 1), answer);
        CHECK(!e3);

        auto [e4, out] = co_await h.async_result(answer);
        CHECK(!e4);
        CHECK(out.value == "Hello, World");
        CHECK(out.run_id == h.run_id());
        CHECK(out.words.empty());

        // From elsewhere, by the id alone.
        const auto elsewhere = c.handle<std::string>({"one", ""});
        auto [e5, again] = co_await elsewhere.async_result(answer);
        CHECK(!e5);
        CHECK(again.value == "Hello, World");
        CHECK(again.run_id == h.run_id());
        const describe_options all{true, true, true, true};
        auto [e6, end] = co_await h.async_describe(all, answer);
        CHECK(!e6);
        CHECK(end.value.status == activity_status::completed);
        CHECK(end.value.closed);
        CHECK(end.value.input);
        CHECK(end.value.outcome);
        auto [e7, lost] = co_await c.async_complete(target, std::string("late"), answer);
        CHECK(e7 == mayfly::grpc::status_code::not_found);
        CHECK(!lost.status.message.empty());
    });
}

TEST_CASE("a result that is not of the type is an error of its own, and nothing is a result")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const client c(w.on);
        const auto options = usual("one");
        auto [ec, started] = co_await c.async_start(sweeping, {}, options, answer);
        require_ok(ec, started.status);
        const auto task = co_await w.take();
        CHECK_FALSE(task.has_input());
        const activity_target target{.activity_id = "one", .run_id = started.value.handle.run_id()};
        auto [e1, done] = co_await c.async_complete(target, std::monostate{}, answer);
        check_ok(e1, done.status);
        auto [e2, out] = co_await started.value.handle.async_result(answer);
        CHECK(!e2);
        CHECK(out.value);
        const auto as_number = c.handle<int>({"one", ""});
        auto [e3, wrong] = co_await as_number.async_result(answer);
        CHECK(e3 == client_errc::not_convertible);
        CHECK(wrong.words.find("the result:") == 0);
        CHECK_FALSE(wrong.value);
        CHECK_FALSE(wrong.failure);
    });
}

TEST_CASE("what cannot be converted is not sent")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const client c(w.on);
        const typed_activity<int(double)> f{"f"};
        const auto options = usual("one");
        auto [ec, r] = co_await c.async_start(f, {std::numeric_limits<double>::quiet_NaN()}, options, answer);
        CHECK(ec == mayfly::grpc::status_code::invalid_argument);
        CHECK(r.status.message.find("argument 1") != std::string::npos);
        auto [e1, count] = co_await c.async_count("", answer);
        CHECK(!e1);
        CHECK(count.value.count == 0);
    });
}

TEST_CASE("interceptors see an activity's start, give it a header, refuse it and hear what came of it")
{
    world w;
    std::vector<std::string> seen;
    interceptor around;
    around.client = [&seen](client_call& call) {
        seen.push_back(std::string(to_string(call.what)) + ' ' + std::string(call.type) + ' ' + std::string(call.id) +
                       " on " + std::string(call.task_queue));
        set_header(call.header, "trace", "t1");
        call.on_end([&seen](const error_code& ec, const mayfly::grpc::status& status) {
            seen.push_back(ec ? status.message : "ok");
        });
        if (call.id == "two")
            throw std::runtime_error("one is enough");
    };
    w.run([&]() -> asio::awaitable<void> {
        const std::vector<interceptor> all{around};
        const client c(w.on, {}, all);
        const auto one = usual("one");
        auto [e1, started] = co_await c.async_start(sweeping, {}, one, answer);
        require_ok(e1, started.status);
        const auto task = co_await w.take();
        CHECK(get_header<std::string>(task.header(), "trace") == "t1");
        const auto two = usual("two");
        auto [e2, refused] = co_await c.async_start(sweeping, {}, two, answer);
        CHECK(e2 == mayfly::grpc::status_code::failed_precondition);
    });
    CHECK(seen == std::vector<std::string>{"start_activity sweep one on q", "ok", "start_activity sweep two on q",
                      "an interceptor refused it: one is enough"});
}

TEST_CASE("an activity that ends without a result says how, in its own words")
{
    enum class end { fails, fails_for_good, cancelled, terminated, timed_out };
    struct row {
        const char* why;
        end how;
        client_errc ec;
        const char* words;
    };
    const row rows[] = {
        {"it threw, and has no further attempt", end::fails, client_errc::failed, "no such order"},
        {"it threw what is final", end::fails_for_good, client_errc::failed, "no such order"},
        {"it was asked to end, and did", end::cancelled, client_errc::cancelled, ""},
        {"it was not asked", end::terminated, client_errc::terminated, "enough"},
        {"no worker came in time", end::timed_out, client_errc::timed_out, ""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        world w;
        w.run([&]() -> asio::awaitable<void> {
            const client c(w.on);
            auto options = usual("one");
            if (r.how == end::fails)
                options.retry = activity_retry{.maximum_attempts = 1};
            if (r.how == end::timed_out)
                options.schedule_to_start = 50ms;
            auto [ec, started] = co_await c.async_start(greeting, {"World", 1}, options, answer);
            require_ok(ec, started.status);
            const auto h = started.value.handle;
            activity_target target;
            if (r.how != end::timed_out && r.how != end::terminated) {
                const auto task = co_await w.take();
                target.task_token = task.task_token();
            }
            switch (r.how) {
            case end::fails:
            case end::fails_for_good: {
                const application_options words{.type = "not_found", .non_retryable = r.how == end::fails_for_good};
                const application_error thrown("no such order", words);
                const auto why = std::make_exception_ptr(thrown);
                auto [e1, f] = co_await c.async_fail(target, why, answer);
                check_ok(e1, f.status);
                break;
            }
            case end::cancelled: {
                auto [e1, asked] = co_await h.async_cancel("changed my mind", answer);
                check_ok(e1, asked.status);
                const std::tuple<> nothing;
                auto [e2, beat] = co_await c.async_heartbeat(target, nothing, answer);
                CHECK(!e2);
                CHECK(beat.value.cancel_requested);
                auto [e3, said] = co_await c.async_report_cancelled(target, answer);
                check_ok(e3, said.status);
                break;
            }
            case end::terminated: {
                auto [e1, t] = co_await h.async_terminate("enough", answer);
                check_ok(e1, t.status);
                break;
            }
            case end::timed_out: break;
            }
            auto [e9, out] = co_await h.async_result(answer);
            CHECK(e9 == r.ec);
            CHECK_FALSE(out.value);
            CHECK(out.failure);
            CHECK(out.exception);
            const std::string& words = out.words;
            CHECK_MESSAGE(words.find(r.words) != std::string::npos, words);
            CHECK(!out.words.empty());
        });
    }
}

TEST_CASE("a result is waited for as long as one likes")
{
    world w;
    const client c(w.on);
    activity_handle<std::string> h;
    w.run([&]() -> asio::awaitable<void> {
        const auto options = usual("one");
        auto [ec, started] = co_await c.async_start(greeting, {"World", 1}, options, answer);
        REQUIRE(!ec);
        h = started.value.handle;
        auto [e1, out] = co_await h.async_result(100ms, answer);
        CHECK(e1 == mayfly::grpc::status_code::deadline_exceeded);
        CHECK_FALSE(out.failure);
    });

    asio::cancellation_signal stop;
    std::optional<error_code> ended;
    h.async_result(asio::bind_cancellation_slot(
        stop.slot(), [&](error_code ec, const activity_outcome<std::string>&) { ended = ec; }));
    w.io.run_for(20ms);
    CHECK_FALSE(ended);
    stop.emit(asio::cancellation_type::partial);
    for (int i = 0; i < 100 && !ended; ++i)
        w.io.run_one_for(100ms);
    REQUIRE(ended);
    CHECK(*ended == asio::error::operation_aborted);
}

TEST_CASE("what is asked of an activity that is not there says so")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const client c(w.on);
        const auto h = c.handle<int>({"nobody", ""});
        auto [e1, out] = co_await h.async_result(answer);
        CHECK(e1 == mayfly::grpc::status_code::not_found);
        CHECK(out.words.find("NOT_FOUND: ") == 0);
        auto [e2, d] = co_await h.async_describe(answer);
        CHECK(e2 == mayfly::grpc::status_code::not_found);
        auto [e3, x] = co_await h.async_cancel("", answer);
        CHECK(e3 == mayfly::grpc::status_code::not_found);
        auto [e4, y] = co_await h.async_terminate("", answer);
        CHECK(e4 == mayfly::grpc::status_code::not_found);
    });
}

TEST_CASE("an id is used once at a time, and as its options say")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const client c(w.on);
        auto options = usual("one");
        auto [e1, first] = co_await c.async_start(greeting, {"World", 1}, options, answer);
        REQUIRE(!e1);
        auto [e2, second] = co_await c.async_start(greeting, {"World", 1}, options, answer);
        CHECK(e2 == mayfly::grpc::status_code::already_exists);
        const auto why = detail_of<api::errordetails::ActivityExecutionAlreadyStartedFailure>(second.status);
        REQUIRE(why.has_value());
        CHECK(why->run_id() == first.value.handle.run_id());
        options.conflict = id_conflict::use_existing;
        auto [e3, third] = co_await c.async_start(greeting, {"World", 1}, options, answer);
        CHECK(!e3);
        CHECK_FALSE(third.value.is_new);
        CHECK(third.value.handle.run_id() == first.value.handle.run_id());
    });
}

TEST_CASE("activities are listed page by page, counted and forgotten")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const client c(w.on);
        for (const char* id : {"a", "b", "c"}) {
            const auto options = usual(id);
            auto [ec, r] = co_await c.async_start(greeting, {"World", 1}, options, answer);
            REQUIRE(!ec);
        }
        std::vector<std::string> found;
        std::string next;
        do {
            auto [ec, page] = co_await c.async_list("", next, 2, answer);
            require_ok(ec, page.status);
            CHECK(page.value.entries.size() <= 2);
            for (const auto& e : page.value.entries)
                found.push_back(e.key.id);
            next = page.value.next_page_token;
        } while (!next.empty());
        std::sort(found.begin(), found.end());
        CHECK(found == std::vector<std::string>{"a", "b", "c"});
        auto [e1, count] = co_await c.async_count("ActivityType = 'greet'", answer);
        check_ok(e1, count.status);
        CHECK(count.value.count == 3);
        const auto of_b = c.handle<int>({"b", ""});
        auto [e2, gone] = co_await of_b.async_delete(answer);
        check_ok(e2, gone.status);
        auto [e3, left] = co_await c.async_count("", answer);
        CHECK(left.value.count == 2);
    });
}

TEST_CASE("the namespace and the service tell of themselves")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const client c(w.on);
        auto [e1, info] = co_await c.async_connect(10s, answer);
        CHECK(!e1);
        CHECK(!info.value.server_version().empty());
        auto [e2, ns] = co_await c.async_describe_namespace(answer);
        CHECK(!e2);
        CHECK(ns.value.namespace_info().capabilities().standalone_activities());
    });
}
