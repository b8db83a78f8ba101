// SPDX-License-Identifier: BSL-1.0
#include "platform_fixture.hpp"

#include <mayfly/launch_notice.hpp>
#include <mayfly/local/local_provider.hpp>

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

using namespace mayfly_test;
using mayfly::code_binding;
using mayfly::code_reference;
using mayfly::condition;
using mayfly::launch_report;
using mayfly::launch_request;
using mayfly::launch_target;
using mayfly::settings;
using mayfly::local::classify_local;
using mayfly::local::local_details;
using mayfly::local::local_provider;
using mayfly::local::platform;
using mayfly::local::provider_kinds;

TEST_CASE("details of a local function")
{
    struct row {
        const char* why;
        settings details;
        const char* wrong;  // the field; null: nothing is
        code_reference code;
    };
    const row rows[] = {
        {"a name", {{"function", std::string("f")}}, nullptr, {"function", "f", code_binding::floating}},
        {"the latest is the same", {{"function", std::string("f:$LATEST")}}, nullptr,
            {"function", "f", code_binding::floating}},
        {"a version", {{"function", std::string("f:7")}}, nullptr, {"function", "f:7", code_binding::fixed}},
        {"tries", {{"function", std::string("f")}, {"retries", std::int64_t{2}}, {"event_age_ms", std::int64_t{500}}},
            nullptr, {"function", "f", code_binding::floating}},
        {"nothing", {}, "where.function", {}},
        {"an alias", {{"function", std::string("f:PROD")}}, "where.function", {}},
        {"no version behind the colon", {{"function", std::string("f:")}}, "where.function", {}},
        {"an ARN", {{"function", std::string("arn:aws:lambda:eu-west-1:1:function:f")}}, "where.function", {}},
        {"too many tries", {{"function", std::string("f")}, {"retries", std::int64_t{3}}}, "where.retries", {}},
        {"too old", {{"function", std::string("f")}, {"event_age_ms", std::int64_t{21'600'001}}}, "where.event_age_ms",
            {}},
        {"another provider's", {{"function", std::string("f")}, {"arn", std::string("x")}}, "where.arn", {}},
    };
    for (const row& r : rows) {
        const auto wrong = provider_kinds[0].check(r.details, "where");
        if (r.wrong == nullptr) {
            CHECK_MESSAGE(wrong.empty(), r.why);
        } else {
            REQUIRE_MESSAGE(wrong.size() == 1, r.why);
            CHECK_MESSAGE(wrong[0].field == r.wrong, r.why);
        }
        const code_reference code = classify_local(r.details);
        CHECK_MESSAGE(code.field == r.code.field, r.why);
        CHECK_MESSAGE(code.code == r.code.code, r.why);
        CHECK_MESSAGE(code.binding == r.code.binding, r.why);
    }
    CHECK(local_details{}.event_age == 60s);
    CHECK(local_details{}.retries == 0);
}

struct launching : platform_fixture {
    explicit launching(mayfly::local::platform_options options = {}) : platform_fixture(std::move(options))
    {
        // The provider shares the platform; the fixture keeps it.
        shared = std::shared_ptr<class platform>(std::shared_ptr<void>(), &*platform);
    }

    std::pair<boost::system::error_code, launch_report> launch(settings details, std::uint32_t count)
    {
        auto target = std::make_shared<launch_target>();
        target->version = {"shop", "7"};
        target->details = std::move(details);
        local_provider provider(shared);
        std::optional<std::pair<boost::system::error_code, launch_report>> out;
        provider.async_launch({.target = target, .count = count, .stay = 1, .first_launch = 40},
            [&](boost::system::error_code ec, launch_report r) { out.emplace(ec, std::move(r)); });
        CHECK_FALSE(out);
        REQUIRE(run_until(io, [&] { return out.has_value(); }));
        return std::move(*out);
    }

    std::shared_ptr<class platform> shared{};
};

TEST_CASE("a launch is as many events, each with its own id and orders")
{
    launching p;
    auto f = p.function();
    f.version = "3";
    f.variables["TEST_PRINT_EVENT"] = "1";
    REQUIRE(p.platform->set(f).empty());
    const auto [ec, report] = p.launch({{"function", std::string("f:3")}}, 3);
    CHECK_FALSE(ec);
    REQUIRE(report.starts.size() == 3);
    REQUIRE(run_until(p.io, [&] { return p.platform->stats().succeeded == 3; }));
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(report.starts[i].outcome == condition::ok);
        CHECK(p.logged("START RequestId: " + report.starts[i].request_id + " Version: 3"));
        const auto notice = mayfly::to_payload(
            mayfly::launch_notice{.version = {"shop", "7"}, .launch = 40 + i, .orders = {.stay = i == 0}});
        CHECK(p.logged("event: " + notice));
    }
    CHECK(p.logged("arn: arn:aws:lambda:us-east-1:123456789012:function:f:3"));
}

TEST_CASE("what is not accepted says why")
{
    SUBCASE("no such function")
    {
        launching p;
        const auto [ec, report] = p.launch({{"function", std::string("nobody")}}, 2);
        CHECK(ec == mayfly::local::errc::function_not_found);
        CHECK(ec == condition::permanent);
        REQUIRE(report.starts.size() == 2);
        CHECK(report.starts[1].outcome == condition::permanent);
        CHECK(report.detail == "nobody: there is no function of that name");
    }
    SUBCASE("details that make no sense")
    {
        launching p;
        const auto [ec, report] = p.launch({}, 2);
        CHECK(ec == mayfly::local::errc::bad_details);
        CHECK(ec == condition::permanent);
        CHECK(report.starts.size() == 2);
        CHECK(report.detail == "details.function: is required");
    }
    SUBCASE("some have no room in the queue")
    {
        launching p({.queued_events = 2});
        REQUIRE(p.platform->set(p.function()).empty());
        const auto [ec, report] = p.launch({{"function", std::string("f")}}, 3);
        CHECK_FALSE(ec);
        REQUIRE(report.starts.size() == 3);
        CHECK(report.starts[1].outcome == condition::ok);
        CHECK(report.starts[2].outcome == condition::throttled);
        CHECK(report.starts[2].request_id.empty());
        CHECK(report.detail == "f: too many events are waiting");
    }
}

TEST_CASE("a start that fails is not made up for unless that is wished for")
{
    launching p({.time_scale = 0.01 / 60});
    REQUIRE(p.platform->set(p.function()).empty());
    auto f = p.function();
    f.failure_rate = 1;
    REQUIRE(p.platform->set(f).empty());
    REQUIRE_FALSE(p.launch({{"function", std::string("f")}}, 1).first);
    REQUIRE(run_until(p.io, [&] { return p.platform->stats().dropped == 1; }));
    CHECK(p.platform->stats().failed == 1);
    REQUIRE_FALSE(p.launch({{"function", std::string("f")}, {"retries", std::int64_t{1}}}, 1).first);
    REQUIRE(run_until(p.io, [&] { return p.platform->stats().dropped == 2; }));
    CHECK(p.platform->stats().failed == 3);
}

}  // namespace
