// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/leaving.hpp>
#include <mayfly/signal.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mayfly {

/// Why a decision is what it is. The first group starts workers, the second holds back, the third is at peace.
enum class reason : std::uint8_t {
    missed_match,  ///< A task found nobody waiting.
    backlog,       ///< Tasks wait.
    refresh,       ///< Tasks wait and the last start is a worker's lifetime ago.
    renewal,       ///< A worker is near its end and would be missed.
    minimum,       ///< Fewer than the configured minimum.
    bootstrap,     ///< The first worker, which binds the version to its queues.
    probe,         ///< One start to see whether starts work again.
    scale_up,      ///< The set shall be larger.
    scale_down,    ///< The set shall be smaller.

    cooling_off,       ///< Too soon after the last start.
    gathering,         ///< More may come within a moment; the timer is set.
    at_maximum,        ///< The configured maximum is reached.
    rate_limited,      ///< The queue's limiter holds the tasks: more workers do not help.
    suppressed,        ///< More workers have not raised the throughput.
    breaker_open,      ///< Starts come to nothing; a probe follows.
    provider_backoff,  ///< The provider refuses; a try follows.
    calls_under_way,   ///< As many calls to the provider are under way as may be.
    provider_ceiling,  ///< The provider accepts, but runs no more than it does.
    not_wanted,        ///< No work can reach this version.

    steady,   ///< Nothing waits.
    covered,  ///< Something waits, and what lives or starts will take it.
};

[[nodiscard]] constexpr std::string_view to_string(reason r) noexcept
{
    switch (r) {
    case reason::missed_match: return "missed_match";
    case reason::backlog: return "backlog";
    case reason::refresh: return "refresh";
    case reason::renewal: return "renewal";
    case reason::minimum: return "minimum";
    case reason::bootstrap: return "bootstrap";
    case reason::probe: return "probe";
    case reason::scale_up: return "scale_up";
    case reason::scale_down: return "scale_down";
    case reason::cooling_off: return "cooling_off";
    case reason::gathering: return "gathering";
    case reason::at_maximum: return "at_maximum";
    case reason::rate_limited: return "rate_limited";
    case reason::suppressed: return "suppressed";
    case reason::breaker_open: return "breaker_open";
    case reason::provider_backoff: return "provider_backoff";
    case reason::calls_under_way: return "calls_under_way";
    case reason::provider_ceiling: return "provider_ceiling";
    case reason::not_wanted: return "not_wanted";
    case reason::steady: return "steady";
    case reason::covered: return "covered";
    }
    return "unknown";
}

/// What a scaler wants done.
struct decision {
    std::uint32_t launch = 0;               ///< Workers to start now (`launch_strategy::invoke`).
    std::uint32_t stay = 0;                 ///< How many of these fill the minimum and must not leave when idle.
    std::optional<std::uint32_t> resize{};  ///< The size the set shall have (`launch_strategy::worker_set`).
    uptime revisit = never;                 ///< Ask again after this long, whatever happens; above zero.
    uptime read = never;                    ///< Read statistics after this long; zero for now.
    mayfly::reason reason = mayfly::reason::steady;
    std::uint32_t held_back = 0;          ///< Starts that were wished for and not granted.
    std::optional<leave_rules> orders{};  ///< What the started workers are told; absent: the group's own rules.

    friend bool operator==(const decision&, const decision&) = default;
};

/** Turns one signal into one decision.

    `S::state`                 regular; a default-constructed one means a cold start
    `s.decide(st, sig, now)`   returns `decision`, never throws; `now` never goes back

    A model reads its settings from itself, remembers only through `st`, and touches nothing else: no clock, no
    allocation, no log. The controller owns `st`, so runs can be saved and replayed. Each decision replaces the
    `revisit` and `read` of the one before, so a scaler that waits for a moment keeps that moment in its state.
    Models here: `no_sync`, `rate_based`, `fleet`, `clamped`, `paced`, `breaker`.
*/
// clang-format off
template <class S, class Signal>
concept Scaler = std::movable<S> && std::regular<typename S::state> &&
    requires(const S& s, typename S::state& st, const Signal& sig, uptime now) {
        { s.decide(st, sig, now) } noexcept -> std::same_as<decision>;
    };
// clang-format on

/// `invoke` unless the scaler says otherwise by a `static constexpr launch_strategy strategy`.
template <class S>
[[nodiscard]] constexpr launch_strategy strategy_of() noexcept
{
    if constexpr (requires { S::strategy; })
        return S::strategy;
    else
        return launch_strategy::invoke;
}

/// Whether the scaler itself keeps the minimum of `scaling_signal::limits`, and says so by a `static constexpr bool
/// keeps_minimum`. For any other a controller does.
template <class S>
[[nodiscard]] constexpr bool keeps_minimum_of() noexcept
{
    if constexpr (requires { S::keeps_minimum; })
        return S::keeps_minimum;
    else
        return false;
}

}  // namespace mayfly
