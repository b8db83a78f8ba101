// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/call_machine.hpp>
#include <mayfly/aws/skew.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using namespace mayfly::aws;
using mayfly::wall_time;

namespace {

// Sun, 06 Nov 1994 08:49:37 GMT
constexpr wall_time then{784'111'777s};

constexpr const char* date_of_then = "Sun, 06 Nov 1994 08:49:37 GMT";

failure refusal(errc what, std::string code)
{
    failure f;
    f.ec = what;
    f.code = std::move(code);
    return f;
}

}  // namespace

TEST_CASE("the date of an answer")
{
    struct row {
        const char* why;
        const char* text;
        std::optional<std::chrono::sys_seconds> at;
    };
    const row rows[] = {
        {"the example of the standard", date_of_then, std::chrono::sys_seconds{784'111'777s}},
        {"a leap day", "Thu, 29 Feb 2024 00:00:00 GMT", std::chrono::sys_seconds{1'709'164'800s}},
        {"a day that is not", "Wed, 29 Feb 2023 00:00:00 GMT", {}},
        {"a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", std::chrono::sys_seconds{1'483'228'800s}},
        {"hour 24", "Sun, 06 Nov 1994 24:00:00 GMT", {}},
        {"no such month", "Sun, 06 Nox 1994 08:49:37 GMT", {}},
        {"another zone", "Sun, 06 Nov 1994 08:49:37 CET", {}},
        {"an older form", "Sunday, 06-Nov-94 08:49:37 GMT", {}},
        {"a sign where a digit belongs", "Sun, 06 Nov -994 08:49:37 GMT", {}},
        {"nothing", "", {}},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(http_date(r.text) == r.at, r.why);
}

TEST_CASE("the clock is to blame only if the code can mean that and the difference is more than four minutes")
{
    struct row {
        const char* why;
        const char* code;
        const char* date;
        std::chrono::milliseconds ahead;  // of the local clock
        bool learnt;
    };
    const row rows[] = {
        {"half an hour slow", "InvalidSignatureException", date_of_then, -30min, true},
        {"half an hour fast", "SignatureDoesNotMatch", date_of_then, 30min, true},
        {"exactly four minutes are no reason", "InvalidSignatureException", date_of_then, 4min, false},
        {"a little more are", "InvalidSignatureException", date_of_then, 4min + 1ms, true},
        {"likewise on the other side", "InvalidSignatureException", date_of_then, -4min, false},
        {"a little more there", "InvalidSignatureException", date_of_then, -(4min + 1ms), true},
        {"AuthFailure", "AuthFailure", date_of_then, 1h, true},
        {"RequestTimeTooSkewed", "RequestTimeTooSkewed", date_of_then, 1h, true},
        {"denied, and far off", "AccessDeniedException", date_of_then, 1h, true},
        {"denied, and not far off", "AccessDeniedException", date_of_then, 1min, false},
        {"no longer one of them", "RequestExpired", date_of_then, 1h, false},
        {"nor this", "RequestInTheFuture", date_of_then, 1h, false},
        {"the service's own trouble", "ServiceException", date_of_then, 1h, false},
        {"no date", "InvalidSignatureException", "", 1h, false},
        {"no such date", "InvalidSignatureException", "yesterday", 1h, false},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        clock_offset clock;
        CHECK(clock.learn(r.code, r.date, then + r.ahead, 0ms) == r.learnt);
        CHECK(clock.corrected(then + r.ahead) == (r.learnt ? then : then + r.ahead));
    }
}

TEST_CASE("what was learnt holds, and is learnt anew when the local clock has been put right")
{
    clock_offset clock;
    CHECK(clock.learn("InvalidSignatureException", date_of_then, then + 1h, 0ms));
    CHECK(clock.offset() == -1h);
    CHECK_FALSE(clock.learn("InvalidSignatureException", date_of_then, then + 1h, -1h));
    CHECK(clock.corrected(then + 1h + 5min) == then + 5min);
    CHECK(clock.learn("InvalidSignatureException", date_of_then, then, -1h));
    CHECK(clock.offset() == 0s);
}

TEST_CASE("calls that were signed before one of them learnt are all sent again")
{
    clock_offset clock;
    for (int i = 0; i < 3; ++i)
        CHECK(clock.learn("InvalidSignatureException", date_of_then, then + 1h, 0ms));
    CHECK(clock.offset() == -1h);
}

TEST_CASE("a call puts a wrong clock right once, whatever the quota")
{
    const retry_settings how;
    retry_quota quota{0};
    clock_offset clock;
    call_machine call{how, quota, clock};
    const failure bad = refusal(errc::signature_rejected, "InvalidSignatureException");
    CHECK(call.next({.failed = &bad, .date = date_of_then, .at = then + 1h}) == call_step{call_step::kind::resend});
    CHECK(call.next({.failed = &bad, .date = "Sun, 06 Nov 1994 18:49:37 GMT", .at = then + 1h, .offset = -1h}) ==
          call_step{call_step::kind::give_up});

    call_machine next{how, quota, clock};
    CHECK(next.next({.failed = &bad, .date = "Sun, 06 Nov 1994 18:49:37 GMT", .at = then + 1h}) ==
          call_step{call_step::kind::resend});
    CHECK(next.next({}) == call_step{call_step::kind::done});
}

TEST_CASE("a call refreshes an expired session once")
{
    const retry_settings how;
    retry_quota quota{0};
    clock_offset clock;
    call_machine call{how, quota, clock};
    const failure over = refusal(errc::expired_credentials, "ExpiredTokenException");
    CHECK(call.next({.failed = &over}) == call_step{call_step::kind::refresh});
    CHECK(call.next({.failed = &over}) == call_step{call_step::kind::give_up});
}

TEST_CASE("neither takes an attempt from the ordinary retries")
{
    const retry_settings how;
    retry_quota quota;
    clock_offset clock;
    call_machine call{how, quota, clock};
    const failure over = refusal(errc::expired_credentials, "ExpiredTokenException");
    const failure bad = refusal(errc::signature_rejected, "InvalidSignatureException");
    const failure fails = refusal(errc::service_failed, "ServiceException");
    using enum call_step::kind;
    CHECK(call.next({.failed = &fails, .worth = retry_class::transient, .u = 1}) == call_step{wait, 50ms});
    CHECK(call.next({.failed = &bad, .date = date_of_then, .at = then + 1h}) == call_step{resend});
    CHECK(call.next({.failed = &over}) == call_step{refresh});
    CHECK(call.next({.failed = &fails, .worth = retry_class::transient, .u = 1}) == call_step{wait, 100ms});
    CHECK(call.next({.failed = &fails, .worth = retry_class::transient, .u = 1}) == call_step{give_up});
    CHECK(quota.left() == 500 - 28);
}
