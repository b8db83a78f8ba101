// SPDX-License-Identifier: BSL-1.0
#include <mayfly/detail/service_meter.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <vector>

using namespace std::chrono_literals;
using mayfly::uptime;
using mayfly::detail::service_meter;

TEST_CASE("the service time comes from busy slots and dispatches")
{
    struct look {
        uptime at;
        std::uint32_t busy;
        std::uint64_t dispatched;
    };
    struct row {
        const char* why;
        std::vector<look> looks;
        uptime mean;
    };
    const row rows[] = {
        {"one look tells nothing", {{0s, 4, 0}}, 0s},
        {"4 busy slots, 8 tasks in 1 s", {{0s, 4, 0}, {1s, 4, 8}}, 500ms},
        {"the mean of both ends", {{0s, 2, 0}, {1s, 6, 8}}, 500ms},
        {"no task was dispatched", {{0s, 4, 5}, {1s, 4, 5}}, 0s},
        {"gathered until there is one", {{0s, 1, 0}, {1s, 1, 0}, {2s, 1, 1}}, 2s},
        {"smoothed: 500 ms, then 0.3 of the way to 1 s", {{0s, 4, 0}, {1s, 4, 8}, {3s, 4, 16}}, 650ms},
        {"later samples wait for eight tasks", {{0s, 4, 0}, {1s, 4, 8}, {3s, 4, 15}}, 500ms},
        {"a long gap says nothing", {{0s, 4, 0}, {7s, 4, 8}}, 0s},
        {"six seconds are not long", {{0s, 1, 0}, {6s, 1, 6}}, 1s},
        {"a counter that was reset says nothing", {{0s, 4, 100}, {1s, 4, 8}}, 0s},
    };
    for (const row& r : rows) {
        service_meter m;
        for (const look& l : r.looks)
            m.read(l.busy, l.dispatched, l.at);
        CHECK_MESSAGE(m.mean() == r.mean, r.why);
    }
}

TEST_CASE("a meter that goes on keeps its mean, and a pause does not count")
{
    service_meter m(500ms);
    CHECK(m.mean() == 500ms);
    m.read(4, 0, 0s);
    m.pause();
    m.read(4, 8, 1s);
    CHECK(m.mean() == 500ms);
    m.read(4, 16, 3s);
    CHECK(m.mean() == 650ms);
}
