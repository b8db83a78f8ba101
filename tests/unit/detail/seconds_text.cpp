// SPDX-License-Identifier: BSL-1.0
#include <mayfly/detail/seconds_text.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
using mayfly::uptime;

TEST_CASE("times for people")
{
    struct row {
        uptime t;
        const char* text;
    };
    const row rows[] = {
        {0s, "0 s"},
        {7s, "7 s"},
        {250ms, "0.25 s"},
        {1001ms, "1.001 s"},
        {61s + 10ms, "61.01 s"},
        {-1500ms, "-1.5 s"},
        {-1ms, "-0.001 s"},
        {999'500us, "1 s"},
        {999'499us, "0.999 s"},
        {400us, "0 s"},
    };
    for (const row& r : rows)
        CHECK(mayfly::detail::seconds_text(r.t) == r.text);
}
