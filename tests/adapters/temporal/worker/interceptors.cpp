// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/interceptors.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace worker_test;

namespace {

std::string end_of(const call_end& how)
{
    if (!how.thrown)
        return how.result->data();
    try {
        std::rethrow_exception(how.thrown);
    } catch (const std::exception& e) {
        return std::string("threw ") + e.what();
    }
}

/// Lines that any thread may write.
struct notebook {
    std::mutex mutex{};
    std::vector<std::string> lines{};

    void add(std::string line)
    {
        const std::scoped_lock lock(mutex);
        lines.push_back(std::move(line));
    }
    std::vector<std::string> take()
    {
        const std::scoped_lock lock(mutex);
        return std::exchange(lines, {});
    }

    interceptor writer(const std::string& name)
    {
        interceptor out;
        out.activity = [this, name](activity_call& call) {
            const auto trace = get_header<std::string>(call.header(), "trace").value_or("none");
            add(name + ' ' + std::string(call.context.info().type) + ' ' + trace + ' ' +
                (call.input().payloads().empty() ? "" : call.input().payloads(0).data()) +
                (call.local ? " local" : ""));
            call.on_end([this, name, on = std::this_thread::get_id()](const call_end& how) {
                CHECK(on == std::this_thread::get_id());
                add(name + " end " + end_of(how));
            });
        };
        return out;
    }
};

/// What the thread that runs an activity is told by an interceptor.
thread_local std::string tenant;

}  // namespace

TEST_CASE("interceptors are called around activities of every kind, where those run")
{
    world w;
    notebook book;
    interceptor tells;
    tells.activity = [](activity_call& call) {
        tenant = get_header<std::string>(call.header(), "trace").value_or("");
        call.on_end([](const call_end&) { tenant.clear(); });
    };
    w.config.interceptors = {book.writer("a"), {}, book.writer("b"), tells};
    w.activities.add("pool", [](int n) { return tenant + ' ' + std::to_string(n); });
    w.activities.add(
        "executor", [](int n) { return tenant + ' ' + std::to_string(n); }, {.runs_on = runs_on::executor});
    w.activities.add("awaits", [](int n) -> asio::awaitable<std::string> {
        co_await asio::post(asio::use_awaitable);
        co_return tenant + ' ' + std::to_string(n);
    });
    w.begin();
    std::size_t n = 0;
    for (const std::string type : {"pool", "executor", "awaits"}) {
        CAPTURE(type);
        auto task = w.server.task(type, {"7"});
        set_header(*task.mutable_header(), "trace", "t1");
        w.server.add(task);
        REQUIRE(w.until([&] { return w.server.completed.size() > n; }));
        CHECK(result_of(w.server.completed[n++]) == R"("t1 7")");
        CHECK(book.take() == std::vector<std::string>{
                                 "a " + type + " t1 7", "b " + type + " t1 7", R"(b end "t1 7")", R"(a end "t1 7")"});
    }
    CHECK(tenant.empty());
}

TEST_CASE("what an interceptor throws fails the attempt, before the activity and after it")
{
    world w;
    notebook book;
    bool before = true;
    int ran = 0;
    interceptor rule;
    rule.activity = [&before](activity_call& call) {
        if (before)
            throw application_error("not allowed", {.type = "Rule", .non_retryable = true});
        call.on_end([](const call_end& how) {
            throw application_error("it came to " + how.result->data(), {.type = "Result"});
        });
    };
    w.config.interceptors = {book.writer("a"), rule};
    w.activities.add("executor", [&ran] { return ++ran; }, {.runs_on = runs_on::executor});
    w.activities.add("awaits", [&ran]() -> asio::awaitable<int> {
        co_await asio::post(asio::use_awaitable);
        co_return ++ran;
    });
    w.begin();
    std::size_t n = 0;
    for (before = true;; before = false) {
        for (const char* const type : {"executor", "awaits"}) {
            CAPTURE(before);
            CAPTURE(type);
            w.server.add(w.server.task(type));
            REQUIRE(w.until([&] { return w.server.failed.size() > n; }));
            const auto& f = w.server.failed[n++].failure();
            CHECK(f.application_failure_info().type() == (before ? "Rule" : "Result"));
            CHECK(f.application_failure_info().non_retryable() == before);
            CHECK(f.message() == (before ? "not allowed" : "it came to " + std::to_string(ran)));
            CHECK(book.take() == std::vector<std::string>{std::string("a ") + type + " none ",
                                     before ? "a end threw not allowed" : "a end threw " + f.message()});
        }
        CHECK(ran == (before ? 0 : 2));
        if (!before)
            break;
    }
    CHECK(w.server.completed.empty());
}

TEST_CASE("an activity that throws, or is not here, and what its interceptors hear")
{
    world w;
    notebook book;
    w.config.interceptors = {book.writer("a")};
    w.activities.add("throws", [] { throw std::runtime_error("no luck"); });
    w.begin();
    w.server.add(w.server.task("throws"));
    REQUIRE(w.until([&] { return w.server.failed.size() == 1; }));
    CHECK(book.take() == std::vector<std::string>{"a throws none ", "a end threw no luck"});
    w.server.add(w.server.task("missing"));
    REQUIRE(w.until([&] { return w.server.failed.size() == 2; }));
    CHECK(book.take().empty());
}
