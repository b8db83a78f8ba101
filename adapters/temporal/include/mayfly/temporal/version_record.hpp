// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_update.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/times.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// A version with what starts its workers, as a controller has to know it.

namespace mayfly::temporal {

/// Where a version's compute configuration is kept.
enum class compute_storage : std::uint8_t {
    none,      ///< There is none: nobody starts workers for this version.
    metadata,  ///< In the version's metadata, which every server has and only mayfly acts on.
    server,    ///< In the server's own compute configuration, which the server's own controller acts on too.
};

[[nodiscard]] constexpr std::string_view to_string(compute_storage s) noexcept
{
    switch (s) {
    case compute_storage::none: return "none";
    case compute_storage::metadata: return "metadata";
    case compute_storage::server: return "server";
    }
    return "unknown";
}

/// How the last look at a version's providers ended.
struct validation_record {
    std::string error{};  ///< Empty: all is well.
    wall_clock_time checked{};
    std::string by{};  ///< The identity of who looked.

    friend bool operator==(const validation_record&, const validation_record&) = default;
};

/// Which controller drives a version. Those of one name share a lease, so they are one.
struct controller_record {
    std::string name{};
    std::string identity{};  ///< Of the one that wrote this.
    wall_clock_time since{};

    friend bool operator==(const controller_record&, const controller_record&) = default;
};

/// One version, as it stands in the cluster.
struct version_record {
    deployment_version version{};
    version_status status = version_status::created;
    compute_record compute{};  ///< Without groups if there is no configuration, or none that can be understood.
    compute_storage kept_in = compute_storage::none;
    std::optional<validation_record> validation{};
    std::optional<controller_record> controller{};
    problems wrong{};  ///< Why the configuration, or a part of it, is not understood. Such a version is not driven.
    /// Why this version must not be driven from here, with the remedy: somebody else does, or may. Empty: nobody.
    std::string conflict{};

    /// Whether a controller may start workers for it: there is a configuration, it is understood, nobody else acts.
    [[nodiscard]] bool drivable() const noexcept
    {
        return !compute.config.groups.empty() && wrong.empty() && conflict.empty();
    }
    friend bool operator==(const version_record&, const version_record&) = default;
};

}  // namespace mayfly::temporal
