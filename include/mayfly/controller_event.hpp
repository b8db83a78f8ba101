// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/condition.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/scaler.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/version_spec.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

// What a controller machine may be told at the start, what it wants done, and what it tells an observer.

namespace mayfly {

struct controller_options {
    std::uint32_t calls_at_once = 256;       ///< Launches and resizes under way, over all versions.
    std::uint16_t calls_per_group = 32;      ///< Of one group. One more decision is held back, not queued.
    std::uint32_t starts_per_call = 10'000;  ///< More are held back: books and providers have their limits too.
    std::uint32_t reads_at_once = 64;        ///< Readings under way, over all versions.
    uptime read_soonest = std::chrono::milliseconds{250};  ///< Between two readings of one version.
    uptime read_retry = std::chrono::seconds{1};           ///< After a reading failed; doubles up to `read_retry_most`.
    uptime read_retry_most = std::chrono::minutes{1};
    uptime replace_margin = std::chrono::seconds{1};    ///< Added to a start-up when a worker's replacement is due.
    uptime bootstrap_retry = std::chrono::seconds{10};  ///< After a first worker was not seen; doubles likewise.
    uptime bootstrap_retry_most = std::chrono::minutes{5};
};

/// What the machine wants done. Each action is answered once, by its id.
struct controller_action {
    enum class kind : std::uint8_t { launch, resize, read };

    kind what = kind::read;
    version_handle version{};
    std::uint64_t id = 0;     ///< For `launched`, `resized`; a reading is answered by its version.
    launch_request launch{};  ///< For `launch`.
    resize_request resize{};  ///< For `resize`.
};

/// Something was decided, or came of it. Views are valid during the call only.
struct controller_event {
    enum class kind : std::uint8_t {
        decided,      ///< A scaler was asked: `why`, `made`, `fleet`.
        bootstrap,    ///< A first worker is started, without the scaler.
        launched,     ///< The provider accepted `count` starts.
        refused,      ///< The provider refused `count` starts, as `outcome` says.
        retried,      ///< `count` refused starts are tried once more; or a set is told its size once more.
        resized,      ///< The provider took the size `count`.
        not_resized,  ///< It did not, as `outcome` says.
        unread,       ///< Statistics could not be read, as `outcome` says.
    };

    kind what = kind::decided;
    uptime at{};
    version_handle version{};
    const launch_target* target = nullptr;
    cause why = cause::wake;
    decision made{};
    fleet_view fleet{};
    std::uint32_t count = 0;
    condition outcome = condition::ok;
    std::string_view detail{};               ///< The provider's own words.
    const scaling_signal* signal = nullptr;  ///< All that the scaler saw, for `decided`.
};

[[nodiscard]] constexpr std::string_view to_string(controller_action::kind k) noexcept
{
    using enum controller_action::kind;
    switch (k) {
    case launch: return "launch";
    case resize: return "resize";
    case read: return "read";
    }
    return "unknown";
}

[[nodiscard]] constexpr std::string_view to_string(controller_event::kind k) noexcept
{
    using enum controller_event::kind;
    switch (k) {
    case decided: return "decided";
    case bootstrap: return "bootstrap";
    case launched: return "launched";
    case refused: return "refused";
    case retried: return "retried";
    case resized: return "resized";
    case not_resized: return "not_resized";
    case unread: return "unread";
    }
    return "unknown";
}

}  // namespace mayfly
