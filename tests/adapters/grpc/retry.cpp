// SPDX-License-Identifier: BSL-1.0
#include <mayfly/grpc/retry.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>

using namespace std::chrono_literals;
using namespace mayfly::grpc;

namespace {
constexpr retries::time_point start{1000s};

std::optional<std::chrono::nanoseconds> first_wait(const retry_policy& p, const status& why)
{
    retries r(start);
    return r.failed(p, why, start, 0.5);
}
}  // namespace

TEST_CASE("what may be made again is, and what only fails again is not")
{
    struct row {
        const char* why;
        status failed;
        bool ordinary;
        bool poll;
    };
    const row rows[] = {
        {"the server is away", {status_code::unavailable}, true, true},
        {"something broke", {status_code::internal}, true, true},
        {"too much", {status_code::resource_exhausted}, true, true},
        {"its time was up", {status_code::deadline_exceeded}, false, true},
        {"somebody cancelled it", {status_code::cancelled}, false, true},
        {"a wrong question", {status_code::invalid_argument}, false, false},
        {"nothing there", {status_code::not_found}, false, false},
        {"no such method", {status_code::unimplemented}, false, false},
        {"not allowed", {status_code::permission_denied}, false, false},
        {"too large for the server",
            {status_code::resource_exhausted, "grpc: received message larger than max (5 vs. 4)"}, false, false},
        {"too large for us",
            {status_code::resource_exhausted, "grpc: trying to send message larger than max (5 vs. 4)"}, false, false},
        {"too large once inflated",
            {status_code::resource_exhausted, "grpc: received message after decompression larger than max 4"}, false,
            false},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(first_wait({}, r.failed).has_value() == r.ordinary, r.why);
        CHECK_MESSAGE(first_wait(retry_policy::poll(), r.failed).has_value() == r.poll, r.why);
        CHECK_MESSAGE(!first_wait(retry_policy::none(), r.failed), r.why);
    }
}

TEST_CASE("waits grow, up to their bound, and are drawn around it")
{
    const growing_wait w{100ms, 2, 500ms, 0.2};
    CHECK(w.at(0, 0.5) == 100ms);
    CHECK(w.at(1, 0.5) == 200ms);
    CHECK(w.at(2, 0.5) == 400ms);
    CHECK(w.at(3, 0.5) == 500ms);
    CHECK(w.at(4'000'000'000, 0.5) == 500ms);
    CHECK(w.at(0, 0) == 80ms);
    CHECK(w.at(3, 0) == 400ms);
    CHECK(w.at(0, 0.9999) > 119ms);
}

TEST_CASE("attempts and time come to an end")
{
    const status away{status_code::unavailable};
    retry_policy p{.wait = {100ms, 1, 100ms, 0}, .attempts = 3, .total = 10s};
    retries r(start);
    CHECK(r.failed(p, away, start, 0.5) == 100ms);
    CHECK(r.failed(p, away, start, 0.5) == 100ms);
    CHECK(r.failed(p, away, start, 0.5) == std::nullopt);

    p.attempts = 0;
    p.total = 1s;
    retries late(start);
    CHECK(late.failed(p, away, start + 900ms, 0.5) == 100ms);
    CHECK(late.failed(p, away, start + 901ms, 0.5) == std::nullopt);

    retries poll(start);
    for (int i = 0; i < 1000; ++i)
        CHECK(poll.failed(retry_policy::poll(), away, start + i * 10s, 0.5).has_value());
}

TEST_CASE("a server that wants less is asked less, beside the usual waits")
{
    const status less{status_code::resource_exhausted};
    const status away{status_code::unavailable};
    retry_policy p{.wait = {100ms, 2, 60s, 0}, .exhausted_wait = {1s, 2, 10s, 0}, .attempts = 0, .total = {}};
    retries r(start);
    CHECK(r.failed(p, away, start, 0.5) == 100ms);
    CHECK(r.failed(p, less, start, 0.5) == 1s);
    CHECK(r.failed(p, away, start, 0.5) == 400ms);
    CHECK(r.failed(p, less, start, 0.5) == 2s);
    for (int i = 0; i < 4; ++i)
        CHECK(r.failed(p, away, start, 0.5).has_value());
    CHECK(r.failed(p, less, start, 0.5) == 25600ms);
}

TEST_CASE("a lost connection is tried again after waits that grow, and are forgotten when it holds")
{
    const growing_wait w{200ms, 1.5, 10s, 0};
    reconnects r;
    CHECK(r.may(start));
    r.failed(w, start, 0.5);
    CHECK(!r.may(start + 199ms));
    CHECK(r.may(start + 200ms));
    r.failed(w, start, 0.5);
    CHECK(!r.may(start + 299ms));
    r.succeeded();
    CHECK(r.may(start));
    r.failed(w, start, 0.5);
    CHECK(r.next() == start + 200ms);
}
