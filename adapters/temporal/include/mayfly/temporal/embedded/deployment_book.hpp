// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/compute_messages.hpp>
#include <mayfly/temporal/embedded/queue_routing.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/proto/stored.pb.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

// What is kept of worker deployments: who may change it, and why it is refused, stands in deployment_store.hpp.

namespace mayfly::temporal::embedded {

/// A deployment with its versions, by build id.
struct kept_deployment {
    stored::Deployment kept{};
    std::map<std::string, stored::DeploymentVersion, std::less<>> versions{};

    [[nodiscard]] const api::deployment::RoutingConfig& routing() const { return kept.info().routing_config(); }
    [[nodiscard]] const std::string& name() const { return kept.info().name(); }

    /// Another one whenever routing or the manager changed, and for a deployment that was deleted and made anew.
    [[nodiscard]] std::string conflict_token() const
    {
        const wire::Timestamp& since = kept.info().create_time();
        return std::to_string(since.seconds()) + '.' + std::to_string(since.nanos()) + '.' +
               std::to_string(kept.revision());
    }
    void count_change(const std::string& by)
    {
        kept.set_revision(kept.revision() + 1);
        kept.mutable_info()->set_last_modifier_identity(by);
    }
};

/// Null if it has no such version.
[[nodiscard]] inline stored::DeploymentVersion* version_in(kept_deployment& deployment, std::string_view build)
{
    const auto at = deployment.versions.find(build);
    return at == deployment.versions.end() ? nullptr : &at->second;
}
[[nodiscard]] inline const stored::DeploymentVersion* version_in(
    const kept_deployment& deployment, std::string_view build)
{
    const auto at = deployment.versions.find(build);
    return at == deployment.versions.end() ? nullptr : &at->second;
}

[[nodiscard]] inline std::chrono::sys_time<uptime> wall_time(const wire::Timestamp& t) noexcept
{
    return std::chrono::sys_time<uptime>{std::chrono::seconds{t.seconds()} + uptime{t.nanos() / 1000}};
}

[[nodiscard]] inline deployment_version version_of(const api::deployment::WorkerDeploymentVersion& v)
{
    return {v.deployment_name(), v.build_id()};
}

/// As people write it.
[[nodiscard]] inline std::string to_string(const deployment_version& v)
{
    return v.deployment + ':' + v.build_id;
}

// A version's way through the routing.

inline void make_current(api::deployment::WorkerDeploymentVersionInfo& info, const moment& now)
{
    info.set_status(api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT);
    info.clear_ramping_since_time();
    info.clear_ramp_percentage();
    info.clear_drainage_info();
    put(*info.mutable_current_since_time(), now);
    put(*info.mutable_last_current_time(), now);
    put(*info.mutable_routing_changed_time(), now);
    if (!info.has_first_activation_time())
        put(*info.mutable_first_activation_time(), now);
}

inline void make_ramping(api::deployment::WorkerDeploymentVersionInfo& info, float percentage, const moment& now)
{
    if (info.status() != api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING)
        put(*info.mutable_ramping_since_time(), now);
    info.set_status(api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING);
    info.set_ramp_percentage(percentage);
    info.clear_drainage_info();
    put(*info.mutable_routing_changed_time(), now);
    if (!info.has_first_activation_time())
        put(*info.mutable_first_activation_time(), now);
}

inline void begin_draining(api::deployment::WorkerDeploymentVersionInfo& info, const moment& now)
{
    info.set_status(api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
    api::deployment::VersionDrainageInfo& drainage = *info.mutable_drainage_info();
    drainage.set_status(api::enums::VERSION_DRAINAGE_STATUS_DRAINING);
    put(*drainage.mutable_last_changed_time(), now);
    put(*drainage.mutable_last_checked_time(), now);
}

inline void make_draining(api::deployment::WorkerDeploymentVersionInfo& info, const moment& now)
{
    begin_draining(info, now);
    info.clear_current_since_time();
    info.clear_ramping_since_time();
    info.clear_ramp_percentage();
    put(*info.mutable_last_deactivation_time(), now);
    put(*info.mutable_routing_changed_time(), now);
}

/// The deployments of one namespace, and which of their versions poll which queue.
class deployment_book {
public:
    [[nodiscard]] kept_deployment* find(std::string_view name)
    {
        const auto at = deployments_.find(name);
        return at == deployments_.end() ? nullptr : &at->second;
    }
    [[nodiscard]] auto& all() noexcept { return deployments_; }
    [[nodiscard]] const auto& all() const noexcept { return deployments_; }

    /// How many versions poll that queue.
    [[nodiscard]] std::size_t versions_of(task_type type, std::string_view queue) const
    {
        std::size_t count = 0;
        const auto& of_type = queues_[static_cast<std::size_t>(type)];
        if (const auto at = of_type.find(queue); at != of_type.end())
            for (const auto& [name, builds] : at->second.members)
                count += builds.size();
        return count;
    }
    [[nodiscard]] bool polls(
        task_type type, std::string_view queue, std::string_view name, std::string_view build) const
    {
        const auto& of_type = queues_[static_cast<std::size_t>(type)];
        const auto at = of_type.find(queue);
        if (at == of_type.end())
            return false;
        const auto members = at->second.members.find(name);
        return members != at->second.members.end() && members->second.contains(build);
    }

    /// Null if no version polls it.
    [[nodiscard]] const queue_routing* routing(task_type type, std::string_view queue) const
    {
        const auto& of_type = queues_[static_cast<std::size_t>(type)];
        const auto at = of_type.find(queue);
        return at == of_type.end() ? nullptr : &at->second.routing;
    }

    /// From now on that version of the deployment serves that queue.
    void join(const std::string& name, const std::string& build, task_type type, std::string_view queue)
    {
        queue_entry& entry = queues_[static_cast<std::size_t>(type)][std::string{queue}];
        entry.members[name].insert(build);
        route(entry);
    }

    /// Forgets a version's queues, as it is deleted.
    void leave(const std::string& name, const stored::DeploymentVersion& version)
    {
        for (const auto& place : version.info().task_queue_infos()) {
            auto& of_type = queues_[static_cast<std::size_t>(to_task_type(place.type()))];
            const auto at = of_type.find(place.name());
            if (at == of_type.end())
                continue;
            auto& members = at->second.members;
            if (const auto builds = members.find(name); builds != members.end()) {
                builds->second.erase(version.info().deployment_version().build_id());
                if (builds->second.empty())
                    members.erase(builds);
            }
            if (members.empty())
                of_type.erase(at);
            else
                route(at->second);
        }
    }

    /// After a deployment's routing changed.
    void route_again(const kept_deployment& deployment)
    {
        for (const auto& [build, version] : deployment.versions)
            for (const auto& place : version.info().task_queue_infos()) {
                auto& of_type = queues_[static_cast<std::size_t>(to_task_type(place.type()))];
                if (const auto at = of_type.find(place.name()); at != of_type.end())
                    route(at->second);
            }
    }

private:
    struct queue_entry {
        std::map<std::string, std::set<std::string, std::less<>>, std::less<>> members{};  // Builds by deployment.
        queue_routing routing{};
    };

    // A version counts only where it polls: a deployment that moved on without a queue leaves that queue to others, and
    // one with a version before any without.
    void route(queue_entry& entry)
    {
        const api::deployment::RoutingConfig* current = nullptr;
        const api::deployment::RoutingConfig* ramping = nullptr;
        bool current_versioned = false;
        bool ramping_versioned = false;
        const auto better = [](bool versioned, const wire::Timestamp& changed, bool best_versioned,
                                const wire::Timestamp* best) {
            if (best == nullptr || versioned != best_versioned)
                return best == nullptr || versioned;
            return wall_time(changed) > wall_time(*best);
        };
        for (const auto& [name, builds] : entry.members) {
            const kept_deployment* const deployment = find(name);
            if (deployment == nullptr)
                continue;
            const api::deployment::RoutingConfig& rc = deployment->routing();
            if (const bool versioned = rc.has_current_deployment_version();
                (!versioned || builds.contains(rc.current_deployment_version().build_id())) &&
                better(versioned, rc.current_version_changed_time(), current_versioned,
                    current == nullptr ? nullptr : &current->current_version_changed_time())) {
                current = &rc;
                current_versioned = versioned;
            }
            if (const bool versioned = rc.has_ramping_deployment_version();
                (!versioned || builds.contains(rc.ramping_deployment_version().build_id())) &&
                better(versioned, rc.ramping_version_percentage_changed_time(), ramping_versioned,
                    ramping == nullptr ? nullptr : &ramping->ramping_version_percentage_changed_time())) {
                ramping = &rc;
                ramping_versioned = versioned;
            }
        }
        queue_routing out;
        if (current != nullptr) {
            if (current_versioned)
                out.current = version_of(current->current_deployment_version());
            out.changed = wall_time(current->current_version_changed_time());
        }
        if (ramping != nullptr) {
            out.ramps = ramping_versioned || ramping->ramping_version_percentage() > 0;
            if (ramping_versioned)
                out.ramping = version_of(ramping->ramping_deployment_version());
            out.percentage = ramping->ramping_version_percentage();
            out.changed = std::max(out.changed, wall_time(ramping->ramping_version_percentage_changed_time()));
        }
        entry.routing = std::move(out);
    }

    std::map<std::string, kept_deployment, std::less<>> deployments_;
    std::array<std::map<std::string, queue_entry, std::less<>>, 3> queues_;
};

}  // namespace mayfly::temporal::embedded
