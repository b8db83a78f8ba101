// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/local/function.hpp>
#include <mayfly/local/invoke.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace mayfly::local {

struct platform_options {
    account_settings where{};
    std::uint32_t concurrency = 1000;                         ///< Invocations at a time, of all functions together.
    std::uint32_t least_unreserved = 0;                       ///< So much of it cannot be reserved; Lambda keeps 100.
    std::size_t queued_events = 100'000;                      ///< The most events that wait.
    std::chrono::milliseconds idle{std::chrono::minutes{5}};  ///< An environment idle for so long is let go.
    std::chrono::milliseconds init_limit{std::chrono::seconds{10}};
    std::chrono::milliseconds memory_look{100};  ///< Time between two looks at the memory in use; above zero.
    bool freeze = true;                          ///< Stop processes between invocations.
    double time_scale = 1;  ///< Of the waits between the tries of an event; 0.01 makes a minute of them 600 ms.
    std::size_t log_line = 256 * 1024;  ///< Longer lines are broken.
    std::uint64_t seed = 1;             ///< Of failures by chance.

    /// Called for each line of log and each event, in the middle of things: they must not throw nor call back.
    std::function<void(const log_entry&)> log{};
    std::function<void(const platform_event&)> observer{};
};

}  // namespace mayfly::local
