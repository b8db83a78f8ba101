// SPDX-License-Identifier: BSL-1.0
#include <mayfly/detail/doubled.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;
using mayfly::never;
using mayfly::uptime;
using mayfly::detail::doubled;

TEST_CASE("a wait doubles up to its bound")
{
    struct row {
        const char* why;
        uptime first;
        std::uint32_t times;
        uptime most;
        uptime wait;
    };
    const row rows[] = {
        {"not yet", 1s, 0, 60s, 1s},
        {"three times", 1s, 3, 60s, 8s},
        {"to the bound, not beyond", 1s, 6, 60s, 60s},
        {"a first one beyond the bound", 90s, 0, 60s, 60s},
        {"without a bound it does not wrap", 1s, 1000, never, never},
        {"of nothing comes nothing", 0s, 1000, 60s, 0s},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(doubled(r.first, r.times, r.most) == r.wait, r.why);
}
