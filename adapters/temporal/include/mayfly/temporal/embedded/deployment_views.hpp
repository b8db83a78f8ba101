// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/deployment_book.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

// What is shown of worker deployments, and in which order.

namespace mayfly::temporal::embedded {

/// When versions that get no new work are looked at.
struct drain_times {
    std::chrono::seconds grace{180};  ///< For the first time after their last new work.
    std::chrono::seconds again{180};
};

/// What lists show: no details.
[[nodiscard]] inline api::compute::ComputeConfigSummary summary_of(const api::compute::ComputeConfig& config)
{
    api::compute::ComputeConfigSummary out;
    for (const auto& [id, group] : config.scaling_groups()) {
        auto& short_form = (*out.mutable_scaling_groups())[id];
        *short_form.mutable_task_queue_types() = group.task_queue_types();
        *short_form.mutable_region_ids() = group.region_ids();
        short_form.set_provider_type(group.provider().type());
    }
    return out;
}

/// Workflows that keep to a version.
struct version_pins {
    std::size_t open = 0;
    std::chrono::sys_time<uptime> left{};  ///< When the last one ended or moved on. Zero: none has.
};

/** A version as it is seen at `now`.

    One that gets no new work is looked at when `grace` is over, and every `again` after that: once no open workflow
    keeps to it, it has drained, as all other work could be done elsewhere.
*/
[[nodiscard]] inline api::deployment::WorkerDeploymentVersionInfo seen_at(
    api::deployment::WorkerDeploymentVersionInfo info, const drain_times& times, const version_pins& pins,
    const moment& now)
{
    if (info.status() != api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING)
        return info;
    const auto first = wall_time(info.drainage_info().last_changed_time()) + times.grace;
    if (now.wall < first)
        return info;
    const uptime again = times.again;
    api::deployment::VersionDrainageInfo& drainage = *info.mutable_drainage_info();
    const auto last_look = first + (now.wall - first) / again * again;
    const auto free_at = std::max(first, first + (pins.left - first + again - uptime{1}) / again * again);
    if (pins.open != 0 || free_at > last_look) {
        put(*drainage.mutable_last_checked_time(), moment{.wall = last_look});
        return info;
    }
    info.set_status(api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED);
    drainage.set_status(api::enums::VERSION_DRAINAGE_STATUS_DRAINED);
    put(*drainage.mutable_last_changed_time(), moment{.wall = free_at});
    put(*drainage.mutable_last_checked_time(), moment{.wall = free_at});
    return info;
}

/// A version as lists show it.
[[nodiscard]] inline api::deployment::WorkerDeploymentInfo::WorkerDeploymentVersionSummary summary_of(
    const api::deployment::WorkerDeploymentVersionInfo& info)
{
    api::deployment::WorkerDeploymentInfo::WorkerDeploymentVersionSummary out;
    out.set_status(info.status());
    *out.mutable_deployment_version() = info.deployment_version();
    *out.mutable_create_time() = info.create_time();
    if (info.has_drainage_info()) {
        out.set_drainage_status(info.drainage_info().status());
        *out.mutable_drainage_info() = info.drainage_info();
    }
    if (info.has_current_since_time())
        *out.mutable_current_since_time() = info.current_since_time();
    if (info.has_ramping_since_time())
        *out.mutable_ramping_since_time() = info.ramping_since_time();
    if (info.has_routing_changed_time())
        *out.mutable_routing_update_time() = info.routing_changed_time();
    if (info.has_first_activation_time())
        *out.mutable_first_activation_time() = info.first_activation_time();
    if (info.has_last_current_time())
        *out.mutable_last_current_time() = info.last_current_time();
    if (info.has_last_deactivation_time())
        *out.mutable_last_deactivation_time() = info.last_deactivation_time();
    if (info.has_compute_config())
        *out.mutable_compute_config() = summary_of(info.compute_config());
    return out;
}

/// The newest first.
[[nodiscard]] inline std::vector<const stored::DeploymentVersion*> newest_first(const kept_deployment& deployment)
{
    std::vector<const stored::DeploymentVersion*> out;
    for (const auto& [build, version] : deployment.versions)
        out.push_back(&version);
    std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
        return wall_time(a->info().create_time()) > wall_time(b->info().create_time());
    });
    return out;
}

/// `seen(version)` is its information as of now.
template <class Seen>
[[nodiscard]] inline api::ListWorkerDeploymentsResponse::WorkerDeploymentSummary listed(
    const kept_deployment& deployment, Seen seen_info)
{
    const auto seen = [&](const stored::DeploymentVersion& version) { return summary_of(seen_info(version)); };
    api::ListWorkerDeploymentsResponse::WorkerDeploymentSummary out;
    out.set_name(deployment.name());
    *out.mutable_create_time() = deployment.kept.info().create_time();
    *out.mutable_routing_config() = deployment.routing();
    if (!deployment.versions.empty())
        *out.mutable_latest_version_summary() = seen(*newest_first(deployment).front());
    if (const auto* v = version_in(deployment, deployment.routing().current_deployment_version().build_id()))
        *out.mutable_current_version_summary() = seen(*v);
    if (const auto* v = version_in(deployment, deployment.routing().ramping_deployment_version().build_id()))
        *out.mutable_ramping_version_summary() = seen(*v);
    return out;
}

[[nodiscard]] inline std::string page_token(const kept_deployment& last)
{
    const wire::Timestamp& t = last.kept.info().create_time();
    return std::to_string(-t.seconds()) + ' ' + std::to_string(-t.nanos()) + ' ' + last.name();
}
[[nodiscard]] inline std::optional<std::tuple<std::int64_t, std::int32_t, std::string>> read_page_token(
    const std::string& token)
{
    std::tuple<std::int64_t, std::int32_t, std::string> out;
    const char* const end = token.data() + token.size();
    const auto first = std::from_chars(token.data(), end, std::get<0>(out));
    if (first.ec != std::errc{} || first.ptr == end)
        return std::nullopt;
    const auto second = std::from_chars(first.ptr + 1, end, std::get<1>(out));
    if (second.ec != std::errc{} || second.ptr == end)
        return std::nullopt;
    std::get<2>(out).assign(second.ptr + 1, end);
    return out;
}

}  // namespace mayfly::temporal::embedded
