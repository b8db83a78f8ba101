// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/deployment_book.hpp>
#include <mayfly/temporal/embedded/deployment_refusals.hpp>
#include <mayfly/temporal/embedded/deployment_views.hpp>
#include <mayfly/temporal/embedded/queue_facts.hpp>
#include <mayfly/temporal/embedded/queue_routing.hpp>
#include <mayfly/temporal/embedded/record.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace mayfly::temporal::embedded {

struct deployment_limits {
    std::size_t deployments = 100;  ///< Of a namespace.
    std::size_t versions = 100;     ///< Of a deployment. A drained one that nobody polls makes room.
    std::size_t task_queues = 100;  ///< Of a version.
    std::size_t versions_of_queue = 200;
    std::size_t version_bytes = 1'048'576;  ///< Of what users give to a version: compute configuration, metadata.
    drain_times drain{};
};

/// All deployments there are: finds, makes and removes them and their versions, and keeps count of what changed. What
/// calls may do with them is `deployment_store`'s.
class deployment_keeper {
public:
    /// Which versions the queue's new work goes to. A queue that no version polls has no versions.
    [[nodiscard]] queue_routing routing_of(
        std::string_view name_space, std::string_view task_queue, task_type type) const
    {
        const auto at = books_.find(name_space);
        const queue_routing* const found = at == books_.end() ? nullptr : at->second.routing(type, task_queue);
        return found != nullptr ? *found : queue_routing{};
    }

    /// Whether that version polls that queue, or has done so.
    [[nodiscard]] bool serves(std::string_view name_space, std::string_view task_queue, task_type type,
        const deployment_version& version) const
    {
        const auto at = books_.find(name_space);
        return at != books_.end() && at->second.polls(type, task_queue, version.deployment, version.build_id);
    }

    // Workflows that keep to a version.

    /// An open one keeps to `pinned` now. `counted` is what it was counted for, and is that from here on.
    void count_pin(std::string_view name_space, std::optional<deployment_version>& counted,
        std::optional<deployment_version> pinned, const moment& now)
    {
        if (pinned == counted)
            return;
        if (counted) {
            version_pins& pins = pins_.find({std::string{name_space}, *counted})->second;
            --pins.open;
            pins.left = now.wall;
        }
        if (pinned)
            ++pins_[{std::string{name_space}, *pinned}].open;
        counted = std::move(pinned);
    }

    /// Somebody orders a workflow to be served by that version. One that gets no new work drains again by that.
    void ordered(std::string_view name_space, const deployment_version& v, const moment& now)
    {
        kept_deployment* const deployment = book_of(name_space).find(v.deployment);
        stored::DeploymentVersion* const version =
            deployment == nullptr ? nullptr : version_in(*deployment, v.build_id);
        if (version == nullptr)
            return;
        const auto status = seen(*version, now).status();
        if (status != api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED &&
            status != api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE)
            return;
        begin_draining(*version->mutable_info(), now);
        changed(name_space, *version);
    }

    /// Whether that version has drained.
    [[nodiscard]] bool has_drained(std::string_view name_space, const deployment_version& v, const moment& now)
    {
        kept_deployment* const deployment = book_of(name_space).find(v.deployment);
        const stored::DeploymentVersion* const version =
            deployment == nullptr ? nullptr : version_in(*deployment, v.build_id);
        return version != nullptr &&
               seen(*version, now).status() == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED;
    }

    /// Grows whenever the routing of any queue may have changed: waiting work is to be routed again.
    [[nodiscard]] std::uint64_t routing_revision() const noexcept { return routing_revision_; }

    // What survives a restart; see record.

    void keep_changes() noexcept { keeps_changes_ = true; }

    void take_changes(records& into)
    {
        for (const auto& [kind, name_space, name, build] : changes_)
            into.push_back(written(kind, name_space, name, build));
        changes_.clear();
    }

    void all_records(records& into) const
    {
        for (const auto& [name_space, book] : books_)
            for (const auto& [name, deployment] : book.all()) {
                into.push_back(written(record_kind::deployment, name_space, name, {}));
                for (const auto& [build, version] : deployment.versions)
                    into.push_back(written(record_kind::version, name_space, name, build));
            }
    }

    /// In any order, deployments and versions; `restored` afterwards.
    [[nodiscard]] bool restore(const record& r)
    {
        if (r.kind == record_kind::deployment) {
            stored::Deployment kept;
            if (!kept.ParseFromString(r.value) || kept.info().name().empty())
                return false;
            deployment_book& book = book_of(kept.namespace_());
            const std::string name = kept.info().name();
            book.all()[name].kept = std::move(kept);
            return true;
        }
        stored::DeploymentVersion version;
        if (!version.ParseFromString(r.value) || version.info().deployment_version().build_id().empty())
            return false;
        for (const auto& place : version.info().task_queue_infos())
            if (to_task_type(place.type()) == unspecified_task_type)
                return false;
        const deployment_version v = version_of(version.info().deployment_version());
        book_of(version.namespace_()).all()[v.deployment].versions[v.build_id] = std::move(version);
        return true;
    }

    /// False if versions are there without their deployment.
    [[nodiscard]] bool restored()
    {
        for (auto& [name_space, book] : books_)
            for (auto& [name, deployment] : book.all()) {
                if (deployment.name().empty())
                    return false;
                for (const auto& [build, version] : deployment.versions)
                    for (const auto& place : version.info().task_queue_infos())
                        book.join(name, build, to_task_type(place.type()), place.name());
            }
        ++routing_revision_;
        return true;
    }

protected:
    explicit deployment_keeper(deployment_limits limits) : limits_{limits} {}

    [[nodiscard]] const deployment_limits& bounds() const noexcept { return limits_; }
    void queue_joined() noexcept { ++routing_revision_; }

    [[nodiscard]] deployment_book& book_of(std::string_view name_space)
    {
        const auto at = books_.find(name_space);
        return at != books_.end() ? at->second : books_[std::string{name_space}];
    }

    // Finding and making.

    [[nodiscard]] answered<stored::DeploymentVersion*> find(
        std::string_view name_space, const api::deployment::WorkerDeploymentVersion& message)
    {
        const deployment_version v = version_of(message);
        if (const problems wrong = check_names(v); !wrong.empty())
            return bad_request(to_string(wrong));
        kept_deployment* const deployment = book_of(name_space).find(v.deployment);
        stored::DeploymentVersion* const version =
            deployment == nullptr ? nullptr : version_in(*deployment, v.build_id);
        if (version == nullptr)
            return no_version(v);
        return version;
    }

    kept_deployment& make_deployment(std::string_view name_space, deployment_book& book, const std::string& name,
        const std::string& request_id, const std::string& identity, const moment& now)
    {
        if (kept_deployment* const known = book.find(name))
            return *known;
        kept_deployment& made = book.all()[name];
        made.kept.set_namespace_(std::string{name_space});
        made.kept.set_request_id(request_id);
        made.kept.set_revision(1);
        auto& info = *made.kept.mutable_info();
        info.set_name(name);
        info.set_last_modifier_identity(identity);
        info.mutable_routing_config();
        put(*info.mutable_create_time(), now);
        changed(name_space, made.kept);
        return made;
    }

    stored::DeploymentVersion& make_version(std::string_view name_space, kept_deployment& deployment,
        const std::string& build, const std::string& request_id, const moment& now)
    {
        if (stored::DeploymentVersion* const known = version_in(deployment, build))
            return *known;
        stored::DeploymentVersion& made = deployment.versions[build];
        made.set_namespace_(std::string{name_space});
        made.set_request_id(request_id);
        auto& info = *made.mutable_info();
        info.set_deployment_name(deployment.name());
        *info.mutable_deployment_version() = to_message(deployment_version{deployment.name(), build});
        info.set_status(api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE);
        put(*info.mutable_create_time(), now);
        changed(name_space, made);
        return made;
    }

    // Whether a version may be made, and makes room for it if that is possible.
    [[nodiscard]] grpc::status room_for(std::string_view name_space, deployment_book& book, const deployment_version& v,
        const moment& now, const queue_facts& queues)
    {
        kept_deployment* const deployment = book.find(v.deployment);
        if (deployment == nullptr)
            return book.all().size() < limits_.deployments
                       ? grpc::status{}
                       : too_many("worker deployments in the namespace", limits_.deployments);
        if (deployment->versions.contains(v.build_id) || deployment->versions.size() < limits_.versions)
            return {};
        const auto all = newest_first(*deployment);
        // The oldest goes first.
        for (auto at = all.rbegin(); at != all.rend(); ++at)
            if (const stored::DeploymentVersion& version = **at;
                !routed_to(version) && !draining(version, now) && !has_pollers(name_space, version, now, queues)) {
                remove(name_space, book, *deployment, version.info().deployment_version().build_id());
                return {};
            }
        return too_many("versions of worker deployment \"" + v.deployment + '"', limits_.versions);
    }

    void remove(std::string_view name_space, deployment_book& book, kept_deployment& deployment, std::string build)
    {
        const auto at = deployment.versions.find(build);
        book.leave(deployment.name(), at->second);
        deployment.versions.erase(at);
        if (const auto pins = pins_.find({std::string{name_space}, {deployment.name(), build}});
            pins != pins_.end() && pins->second.open == 0)
            pins_.erase(pins);
        ++routing_revision_;
        note(record_kind::version, name_space, deployment.name(), std::move(build));
    }

    // A version's state.

    [[nodiscard]] static bool routed_to(const stored::DeploymentVersion& version)
    {
        return version.info().status() == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT ||
               version.info().status() == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING;
    }
    [[nodiscard]] api::deployment::WorkerDeploymentVersionInfo seen(
        const stored::DeploymentVersion& version, const moment& now) const
    {
        const auto pins = pins_.find({version.namespace_(), version_of(version.info().deployment_version())});
        return seen_at(version.info(), limits_.drain, pins == pins_.end() ? version_pins{} : pins->second, now);
    }
    [[nodiscard]] bool draining(const stored::DeploymentVersion& version, const moment& now) const
    {
        return seen(version, now).status() == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING;
    }
    [[nodiscard]] static stored::DeploymentVersion& drained(stored::DeploymentVersion& version, const moment& now)
    {
        make_draining(*version.mutable_info(), now);
        return version;
    }
    [[nodiscard]] static bool has_pollers(std::string_view name_space, const stored::DeploymentVersion& version,
        const moment& now, const queue_facts& queues)
    {
        const deployment_version v = version_of(version.info().deployment_version());
        const auto& places = version.info().task_queue_infos();
        return std::any_of(places.begin(), places.end(), [&](const auto& place) {
            return queues.polled(name_space, place.name(), to_task_type(place.type()), v, now);
        });
    }

    // Routing.

    // A queue of the current version's that is in use and that the next version does not poll; empty if there is none.
    [[nodiscard]] std::string queue_left_behind(std::string_view name_space, kept_deployment& deployment,
        const stored::DeploymentVersion* next, const moment& now, const queue_facts& queues)
    {
        const deployment_version current = version_of(deployment.routing().current_deployment_version());
        const stored::DeploymentVersion* const before = version_in(deployment, current.build_id);
        if (before == nullptr)
            return {};
        for (const auto& place : before->info().task_queue_infos()) {
            const task_type type = to_task_type(place.type());
            if (next != nullptr &&
                book_of(name_space)
                    .polls(type, place.name(), current.deployment, next->info().deployment_version().build_id()))
                continue;
            if (routing_of(name_space, place.name(), type).current != current)
                continue;
            const auto stats = queues.numbers(name_space, place.name(), type, current, now).all;
            if (stats.approximate_backlog_count() > 0 || stats.tasks_add_rate() > 0)
                return '"' + place.name() + "\" (" + std::string{to_string(type)} + ')';
        }
        return {};
    }

    static void end_ramp(api::deployment::RoutingConfig& routing, const moment& now)
    {
        routing.clear_ramping_deployment_version();
        routing.set_ramping_version_percentage(0);
        put(*routing.mutable_ramping_version_changed_time(), now);
        put(*routing.mutable_ramping_version_percentage_changed_time(), now);
    }

    void routed(std::string_view name_space, kept_deployment& deployment)
    {
        api::deployment::RoutingConfig& routing = *deployment.kept.mutable_info()->mutable_routing_config();
        routing.set_revision_number(routing.revision_number() + 1);
        book_of(name_space).route_again(deployment);
        ++routing_revision_;
    }

    // Records.

    void note(record_kind kind, std::string_view name_space, std::string name, std::string build)
    {
        if (keeps_changes_)
            changes_.emplace(kind, std::string{name_space}, std::move(name), std::move(build));
    }
    void changed(std::string_view name_space, const stored::Deployment& kept)
    {
        note(record_kind::deployment, name_space, kept.info().name(), {});
    }
    void changed(std::string_view name_space, const stored::DeploymentVersion& version)
    {
        const auto& v = version.info().deployment_version();
        note(record_kind::version, name_space, v.deployment_name(), v.build_id());
    }
    void changed(std::string_view name_space, const kept_deployment& deployment, const std::string& build)
    {
        note(record_kind::version, name_space, deployment.name(), build);
    }

private:
    using change = std::tuple<record_kind, std::string, std::string, std::string>;

    [[nodiscard]] record written(
        record_kind kind, const std::string& name_space, const std::string& name, const std::string& build) const
    {
        record out{.kind = kind, .key = name_space + '\0' + name + (kind == record_kind::version ? '\0' + build : "")};
        out.erased = true;
        const auto book = books_.find(name_space);
        if (book == books_.end())
            return out;
        const auto deployment = book->second.all().find(name);
        if (deployment == book->second.all().end())
            return out;
        if (kind == record_kind::deployment) {
            out.value = deployment->second.kept.SerializeAsString();
            out.erased = false;
        } else if (const auto v = deployment->second.versions.find(build); v != deployment->second.versions.end()) {
            out.value = v->second.SerializeAsString();
            out.erased = false;
        }
        return out;
    }

    deployment_limits limits_;
    std::map<std::string, deployment_book, std::less<>> books_;
    std::map<std::pair<std::string, deployment_version>, version_pins> pins_;
    std::set<change> changes_;
    std::uint64_t routing_revision_ = 0;
    bool keeps_changes_ = false;
};

}  // namespace mayfly::temporal::embedded
