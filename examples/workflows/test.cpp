// SPDX-License-Identifier: BSL-1.0

// The workflows of this folder, tested. With doctest here; nothing depends on that.

#include "approval.hpp"
#include "batch.hpp"
#include "hello.hpp"
#include "long_poll.hpp"
#include "saga.hpp"
#include "tracing.hpp"
#include "versioned.hpp"

#include <mayfly/temporal/testing/environment.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace testing = mayfly::temporal::testing;
namespace workflow = mayfly::temporal::workflow;
using mayfly::temporal::application_error;
using mayfly::temporal::client_errc;
using namespace std::chrono_literals;

TEST_CASE("an activity is tried again until it works")
{
    testing::environment env;
    env.workflow("greeting", hello::greeting);
    int calls = 0;
    env.activity(hello::greet, [&](const std::string& name) {
        if (++calls < 5)
            throw std::runtime_error("nobody answers");
        return "Hi, " + name;
    });
    const auto before = env.now();
    CHECK(*env.execute(hello::greeting, "you") == "Hi, you");
    CHECK(calls == 5);
    CHECK(env.now() - before >= 15s);  // 1, 2, 4 and 8
}

TEST_CASE("steps are undone, last first, when a later one fails")
{
    testing::environment env;
    env.workflow("book", saga::book);
    std::vector<std::string> undone;
    env.activity(saga::book_flight, [](const saga::trip&) { return std::string("flight"); });
    env.activity(saga::cancel_booking, [&](const std::string& what) { undone.push_back(what); });

    env.activity(saga::book_hotel, [](const saga::trip&) { return std::string("hotel"); });
    CHECK(*env.execute(saga::book, saga::trip{"ann", "rome"}) == std::vector<std::string>{"flight", "hotel"});
    CHECK(undone.empty());

    env.activity(saga::book_hotel, [](const saga::trip&) -> std::string {
        throw application_error("all rooms are taken", {.non_retryable = true});
    });
    const auto failed = env.execute(saga::book, saga::trip{"ann", "rome"});
    CHECK(failed.error == client_errc::failed);
    CHECK_MESSAGE(failed.words.find("all rooms are taken") != std::string::npos, failed.words);
    CHECK(undone == std::vector<std::string>{"flight"});
}

//[workflow_test
TEST_CASE("two have to approve; the boss is reminded once a week")
{
    testing::environment env;
    int reminders = 0;
    env.workflow<approval::expense>("expense");
    env.activity(approval::remind, [&](const std::string&) { ++reminders; });

    const auto run = env.start(&approval::expense::run, "boss");
    env.sleep(22 * 24h);
    CHECK(reminders == 3);
    CHECK(*run.update<&approval::expense::approve>("ann") == 1);
    const auto again = run.update<&approval::expense::approve>("ann");
    CHECK(again.words.find("ann has approved already") != std::string::npos);
    CHECK(run.query<&approval::expense::approvals>()->size() == 1);
    CHECK(*run.update<&approval::expense::approve>("bob") == 2);
    CHECK(*run.result() == "approved by ann and bob");
}
//]

TEST_CASE("an expense that is withdrawn needs nobody")
{
    testing::environment env;
    env.workflow<approval::expense>("expense");
    const auto run = env.start(&approval::expense::run, "boss");
    run.signal<&approval::expense::withdraw>();
    CHECK(*run.result() == "withdrawn");
}

TEST_CASE("all records of a batch are done, in runs of a hundred")
{
    testing::environment env;
    env.workflow("all_records", batch::all_records);
    int calls = 0;
    env.activity(batch::process, [&](int) { return ++calls, 1; });
    const auto run = env.start({.id = "batch"}, batch::all_records, batch::progress{0, 230, 0});
    CHECK(*run.result() == 230);
    CHECK(calls == 230);
    CHECK(env.replay().size() == 3);
}

TEST_CASE("what is slow is waited for, whatever the clock says")
{
    testing::environment env;
    env.workflow("wait_for_job", long_poll::wait_for_job);
    env.activity("watch", long_poll::watch);  // the real one: it heartbeats
    CHECK(*env.execute(long_poll::wait_for_job, "the job", 2) == "the job is done");
}

TEST_CASE("a changed workflow: new runs pay the tax, and those from before can go on")
{
    const auto before_the_change = [](workflow::context& ctx, std::string item) -> workflow::task<int> {
        co_return co_await ctx.activity(versioned::price, item, {.start_to_close = 10s});
    };
    testing::environment before;
    before.workflow("bill", before_the_change);
    before.activity("price", versioned::price);
    CHECK(*before.execute<int>({.id = "old"}, "bill", "lamp") == 400);

    testing::environment now;
    now.workflow("bill", versioned::bill);
    now.activity("price", versioned::price);
    now.activity("with_tax", versioned::with_tax);
    CHECK(*now.execute(versioned::bill, "lamp") == 480);
    const auto seen = now.replay(before.history("old"));
    CHECK_MESSAGE(seen.ok(), seen.words);
}

TEST_CASE("a trace goes with everything, and nobody knows of it")
{
    std::vector<tracing::span> spans;
    testing::environment env;
    env.intercept(tracing::tracer([&](const tracing::span& s) { spans.push_back(s); }));
    env.workflow("greeting", hello::greeting);
    env.activity("greet", hello::greet);
    int calls = 0;
    env.activity(hello::greet, [&](const std::string& name) {
        if (++calls == 1)
            throw std::runtime_error("nobody answers");
        return "Hi, " + name;
    });
    CHECK(*env.execute({.id = "one"}, hello::greeting, "you") == "Hi, you");
    REQUIRE(spans.size() == 4);
    CHECK(spans[0].what == "start_workflow one");
    CHECK(spans[1].what == "run greeting");
    CHECK(spans[2].what == "activity greet");
    CHECK(spans[2].failed);
    CHECK(spans[3].what == "activity greet");
    CHECK_FALSE(spans[3].failed);
    for (const tracing::span& s : spans)
        CHECK(s.trace == spans[0].trace);
    CHECK(spans[0].trace != "");
}
