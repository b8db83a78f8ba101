// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/temporal/times.hpp>

#include <chrono>

namespace mayfly_test {

/// What a wall clock says at `t` of the tests' own time.
inline mayfly::temporal::wall_clock_time wall(mayfly::uptime t)
{
    return mayfly::temporal::wall_clock_time(std::chrono::seconds(1'700'000'000)) + t;
}

}  // namespace mayfly_test
