// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/problem.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace mayfly {

/// What a task queue hands out.
enum class task_type : std::uint8_t { workflow, activity, nexus };

inline constexpr std::array<task_type, 3> all_task_types{task_type::workflow, task_type::activity, task_type::nexus};

[[nodiscard]] constexpr std::string_view to_string(task_type t) noexcept
{
    switch (t) {
    case task_type::workflow: return "workflow";
    case task_type::activity: return "activity";
    case task_type::nexus: return "nexus";
    }
    return "unknown";
}

/// What a specification from outside holds where it names no type, or one that is not known here. Never valid.
inline constexpr task_type unspecified_task_type{0xFF};

/// A set of task types, in one byte. It never contains an unspecified one.
class task_types {
public:
    constexpr task_types() = default;
    constexpr task_types(std::initializer_list<task_type> types) noexcept
    {
        for (task_type t : types)
            insert(t);
    }

    [[nodiscard]] static constexpr task_types all() noexcept
    {
        return {task_type::workflow, task_type::activity, task_type::nexus};
    }

    constexpr void insert(task_type t) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | bit(t)); }
    constexpr void erase(task_type t) noexcept { bits_ = static_cast<std::uint8_t>(bits_ & ~bit(t)); }
    [[nodiscard]] constexpr bool contains(task_type t) const noexcept { return (bits_ & bit(t)) != 0; }
    [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }

    friend constexpr bool operator==(task_types, task_types) = default;

private:
    static constexpr std::uint8_t bit(task_type t) noexcept
    {
        return t > task_type::nexus ? std::uint8_t{0} : static_cast<std::uint8_t>(1U << static_cast<unsigned>(t));
    }

    std::uint8_t bits_ = 0;
};

/// The immutable identity of a piece of worker code.
struct deployment_version {
    std::string deployment;
    std::string build_id;

    friend auto operator<=>(const deployment_version&, const deployment_version&) = default;
    friend bool operator==(const deployment_version&, const deployment_version&) = default;
};

/// The most bytes that a Temporal server takes for a deployment name or a build id: half of its limit for an id, 1000,
/// less a prefix. A server may be set up to take fewer; tools for Kubernetes take 63.
inline constexpr std::size_t longest_version_name = 480;

/// What a Temporal server would refuse about the two names.
[[nodiscard]] inline problems check_names(const deployment_version& v, std::size_t longest = longest_version_name)
{
    problems wrong;
    const auto check = [&](const char* field, const std::string& name, std::string_view forbidden) {
        if (name.empty())
            wrong.push_back({field, "", "give a name; a worker needs both a deployment and a build id"});
        if (const auto at = name.find_first_of(forbidden); at != std::string::npos)
            wrong.push_back({field, '"' + name + '"', std::string{"leave out '"} + name[at] + '\''});
        if (name.starts_with("__"))
            wrong.push_back({field, '"' + name + '"', "do not begin with \"__\"; such names are the server's own"});
        if (name.size() > longest)
            wrong.push_back({field, '"' + name + '"',
                "has " + std::to_string(name.size()) + " bytes; give at most " + std::to_string(longest)});
    };
    check("deployment", v.deployment, ".:");
    check("build_id", v.build_id, ":");
    return wrong;
}

/// What happens to a running workflow when another version becomes current.
enum class versioning_behavior : std::uint8_t {
    unspecified,   ///< Refused for a workflow of a serverless worker.
    pinned,        ///< Stays on the version it began with.
    auto_upgrade,  ///< Moves to the current version at its next workflow task.
};

/// Where a version stands in its deployment's routing.
enum class version_status : std::uint8_t {
    created,   ///< Known, never routed to.
    inactive,  ///< Not routed to now.
    ramping,   ///< Gets a share of new work.
    current,   ///< Gets new work.
    draining,  ///< No new work; pinned workflows still run.
    drained,   ///< No open work is left.
};

[[nodiscard]] constexpr std::string_view to_string(version_status s) noexcept
{
    switch (s) {
    case version_status::created: return "created";
    case version_status::inactive: return "inactive";
    case version_status::ramping: return "ramping";
    case version_status::current: return "current";
    case version_status::draining: return "draining";
    case version_status::drained: return "drained";
    }
    return "unknown";
}

/// Whether work can still reach a version. Only such a version keeps its minimum of workers.
[[nodiscard]] constexpr bool receives_work(version_status s) noexcept
{
    return s == version_status::ramping || s == version_status::current || s == version_status::draining;
}

/// How a provider puts workers into the world, and so what a scaler has to decide.
enum class launch_strategy : std::uint8_t {
    invoke,      ///< "Start N more."
    worker_set,  ///< "There shall be N."
};

}  // namespace mayfly
