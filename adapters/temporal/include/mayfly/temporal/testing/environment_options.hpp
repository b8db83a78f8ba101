// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/log.hpp>
#include <mayfly/temporal/metrics.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace mayfly::temporal::testing {

struct environment_options {
    std::string task_queue = "tests";  ///< Of workflows that are started without one.
    std::string name_space = "default";
    /// Of the machine's own time: how long to wait for anything before it is given up, with words on where it hangs.
    std::chrono::milliseconds patience{20'000};
    /// Runs that have ended are replayed at once: what is not deterministic fails the test that ran it.
    bool replay = true;
    std::uint32_t sticky_cache = 100;  ///< Runs that are kept in memory. 0: every workflow task begins with a replay.
    /// For what workflows and the worker say. A workflow that never waits holds up its test for good, and this hears
    /// it.
    temporal::logger logger = log_to_stderr(log_level::error);
    metric_sink metrics{};  ///< For what workflows and activities measure.
};

}  // namespace mayfly::temporal::testing
