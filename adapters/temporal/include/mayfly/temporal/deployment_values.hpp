// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_config.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/compute_messages.hpp>
#include <mayfly/temporal/task_queue_values.hpp>
#include <mayfly/temporal/times.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Worker deployments as a client is told of them, in plain values.

namespace mayfly::temporal {

/// Where a deployment's new work goes.
struct routing {
    std::optional<deployment_version> current{};  ///< None: workers without a version.
    std::optional<deployment_version> ramping{};
    float ramp_percentage = 0;
    std::optional<wall_clock_time> current_changed{};
    std::optional<wall_clock_time> ramping_changed{};
    std::optional<wall_clock_time> percentage_changed{};
    std::int64_t revision = 0;  ///< Grows with each change.

    friend bool operator==(const routing&, const routing&) = default;
};

/// One version in a list.
struct version_entry {
    deployment_version version{};
    std::optional<version_status> status{};
    std::optional<wall_clock_time> created{};
    std::optional<wall_clock_time> current_since{};
    std::optional<wall_clock_time> ramping_since{};
    std::map<std::string, std::string> providers{};  ///< The type of each scaling group's.
    std::string provider_problem{};  ///< What the last check of the providers found wrong; empty: nothing.
    std::optional<wall_clock_time> provider_checked{};

    friend bool operator==(const version_entry&, const version_entry&) = default;
};

struct deployment_entry {
    std::string name{};
    std::optional<wall_clock_time> created{};
    temporal::routing routing{};
    std::optional<version_entry> latest{};
    std::optional<version_entry> current{};
    std::optional<version_entry> ramping{};
};

struct deployment_page {
    std::vector<deployment_entry> deployments{};
    std::string next_page_token{};  ///< Empty: there is no more.
};

struct deployment_description {
    std::string name{};
    std::optional<wall_clock_time> created{};
    temporal::routing routing{};
    std::vector<version_entry> versions{};
    std::string last_modifier{};
    std::string manager{};           ///< Only who calls himself so may change it; empty: everybody.
    bool routing_is_spread = false;  ///< All queues know of the last change.
    std::string conflict_token{};
};

struct version_queue {
    std::string name{};
    task_type type = unspecified_task_type;
    std::optional<queue_stats> stats{};  ///< This version's share; if it was asked for.
    std::map<std::int32_t, queue_stats> stats_by_priority{};
};

struct version_description {
    deployment_version version{};
    std::optional<version_status> status{};
    std::optional<wall_clock_time> created{};
    std::optional<wall_clock_time> routing_changed{};
    std::optional<wall_clock_time> current_since{};
    std::optional<wall_clock_time> ramping_since{};
    std::optional<wall_clock_time> first_activated{};
    std::optional<wall_clock_time> last_deactivated{};
    std::optional<wall_clock_time> drainage_checked{};
    float ramp_percentage = 0;
    std::vector<version_queue> queues{};
    std::map<std::string, api::common::Payload> metadata{};
    /// With problems for details that are none of ours, such as encrypted ones; those groups have none of them.
    compute_config compute{};
    problems compute_problems{};
    std::string last_modifier{};
};

/// What changes where new work goes.
struct routing_options {
    std::string conflict_token{};  ///< Of the description that the change was made for; empty: whatever is there.
    bool ignore_missing_task_queues = false;  ///< Though the version does not poll all queues of the one before.
    bool allow_no_pollers = false;            ///< Though nothing has polled as this version, or it does not exist.
};

/// What it was before.
struct routing_change {
    std::string conflict_token{};
    std::optional<deployment_version> previous{};
    float previous_percentage = 0;
};

struct manager_change {
    std::string conflict_token{};
    std::string previous{};
};

namespace detail {

constexpr std::optional<version_status> to_version_status(api::enums::WorkerDeploymentVersionStatus s) noexcept
{
    switch (s) {
    case api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_UNSPECIFIED: break;
    case api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE: return version_status::inactive;
    case api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: return version_status::current;
    case api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: return version_status::ramping;
    case api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: return version_status::draining;
    case api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: return version_status::drained;
    case api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CREATED: return version_status::created;
    }
    return std::nullopt;
}

inline routing to_routing(const api::deployment::RoutingConfig& r)
{
    routing out;
    out.current = version_of(r.has_current_deployment_version(), r.current_deployment_version());
    out.ramping = version_of(r.has_ramping_deployment_version(), r.ramping_deployment_version());
    out.ramp_percentage = r.ramping_version_percentage();
    out.current_changed = time_of(r.has_current_version_changed_time(), r.current_version_changed_time());
    out.ramping_changed = time_of(r.has_ramping_version_changed_time(), r.ramping_version_changed_time());
    out.percentage_changed =
        time_of(r.has_ramping_version_percentage_changed_time(), r.ramping_version_percentage_changed_time());
    out.revision = r.revision_number();
    return out;
}

inline version_entry to_version(const api::deployment::WorkerDeploymentInfo::WorkerDeploymentVersionSummary& s)
{
    version_entry out;
    out.version = {s.deployment_version().deployment_name(), s.deployment_version().build_id()};
    out.status = to_version_status(s.status());
    out.created = time_of(s.has_create_time(), s.create_time());
    out.current_since = time_of(s.has_current_since_time(), s.current_since_time());
    out.ramping_since = time_of(s.has_ramping_since_time(), s.ramping_since_time());
    for (const auto& [id, group] : s.compute_config().scaling_groups())
        out.providers.emplace(id, group.provider_type());
    const auto& checked = s.compute_status().provider_validation();
    out.provider_problem = checked.error_message();
    out.provider_checked = time_of(checked.has_last_check_time(), checked.last_check_time());
    return out;
}

inline deployment_page to_deployments(api::ListWorkerDeploymentsResponse r)
{
    deployment_page out;
    const auto summary = [](bool is_there, const auto& s) {
        return is_there ? std::optional(to_version(s)) : std::nullopt;
    };
    for (const auto& d : r.worker_deployments()) {
        auto& e = out.deployments.emplace_back();
        e.name = d.name();
        e.created = time_of(d.has_create_time(), d.create_time());
        e.routing = to_routing(d.routing_config());
        e.latest = summary(d.has_latest_version_summary(), d.latest_version_summary());
        e.current = summary(d.has_current_version_summary(), d.current_version_summary());
        e.ramping = summary(d.has_ramping_version_summary(), d.ramping_version_summary());
    }
    out.next_page_token = r.next_page_token();
    return out;
}

inline deployment_description to_deployment(api::DescribeWorkerDeploymentResponse r)
{
    deployment_description out;
    const auto& d = r.worker_deployment_info();
    out.name = d.name();
    out.created = time_of(d.has_create_time(), d.create_time());
    out.routing = to_routing(d.routing_config());
    for (const auto& v : d.version_summaries())
        out.versions.push_back(to_version(v));
    out.last_modifier = d.last_modifier_identity();
    out.manager = d.manager_identity();
    out.routing_is_spread = d.routing_config_update_state() == api::enums::ROUTING_CONFIG_UPDATE_STATE_COMPLETED;
    out.conflict_token = r.conflict_token();
    return out;
}

inline void read_compute(const api::compute::ComputeConfig& from, version_description& into)
{
    for (const auto& [id, message] : from.scaling_groups()) {
        auto group = read_group(message, "groups." + id);
        for (problem& p : group.problems())
            into.compute_problems.push_back(std::move(p));
        if (!group) {
            auto bare = message;
            bare.mutable_provider()->clear_details();
            if (bare.has_scaler())
                bare.mutable_scaler()->clear_details();
            group = read_group(bare, id);
        }
        if (group)
            into.compute.groups.emplace(id, *std::move(group));
    }
}

inline version_description to_version_description(api::DescribeWorkerDeploymentVersionResponse r)
{
    version_description out;
    const auto& v = r.worker_deployment_version_info();
    out.version = {v.deployment_version().deployment_name(), v.deployment_version().build_id()};
    out.status = to_version_status(v.status());
    out.created = time_of(v.has_create_time(), v.create_time());
    out.routing_changed = time_of(v.has_routing_changed_time(), v.routing_changed_time());
    out.current_since = time_of(v.has_current_since_time(), v.current_since_time());
    out.ramping_since = time_of(v.has_ramping_since_time(), v.ramping_since_time());
    out.first_activated = time_of(v.has_first_activation_time(), v.first_activation_time());
    out.last_deactivated = time_of(v.has_last_deactivation_time(), v.last_deactivation_time());
    out.drainage_checked = time_of(v.drainage_info().has_last_checked_time(), v.drainage_info().last_checked_time());
    out.ramp_percentage = v.ramp_percentage();
    for (const auto& q : r.version_task_queues())
        out.queues.push_back(
            {q.name(), to_task_type(q.type()), q.has_stats() ? std::optional(to_stats(q.stats())) : std::nullopt,
                to_stats_by_priority(q.stats_by_priority_key())});
    if (r.version_task_queues().empty())
        for (const auto& q : v.task_queue_infos())
            out.queues.push_back({q.name(), to_task_type(q.type()), {}, {}});
    for (const auto& [key, payload] : v.metadata().entries())
        out.metadata.emplace(key, payload);
    read_compute(v.compute_config(), out);
    out.last_modifier = v.last_modifier_identity();
    return out;
}

}  // namespace detail

}  // namespace mayfly::temporal
