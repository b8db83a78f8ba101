// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/compute_messages.hpp>
#include <mayfly/temporal/embedded/compute_kinds.hpp>
#include <mayfly/temporal/embedded/deployment_book.hpp>
#include <mayfly/temporal/embedded/deployment_keeper.hpp>
#include <mayfly/temporal/embedded/deployment_refusals.hpp>
#include <mayfly/temporal/embedded/deployment_views.hpp>
#include <mayfly/temporal/embedded/queue_facts.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <mayfly/compute_update.hpp>
#include <mayfly/deployment.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/** Worker deployments: which versions there are, how their workers come to be, and which of them new work goes to.

    `answer(request, now, queues)` answers each of the calls, for a namespace that exists, as a cluster would. Changes
   of routing hold at once. Nothing here waits, so there is nothing to be woken for.
*/
class deployment_store : public deployment_keeper {
public:
    /// `kinds` is what compute configurations may name; its tables outlive the store.
    explicit deployment_store(deployment_limits limits = {}, const compute_registry& kinds = compute_kinds)
        : deployment_keeper{limits}, kinds_{kinds}
    {}

    /// A worker polls. With a version, that version serves the queue from now on, and is made if there is none.
    /// A refusal is the poll's answer.
    [[nodiscard]] grpc::status polled(std::string_view name_space, std::string_view task_queue, task_type type,
        const api::deployment::WorkerDeploymentOptions& options, const moment& now, const queue_facts& queues)
    {
        if (options.worker_versioning_mode() != api::enums::WORKER_VERSIONING_MODE_VERSIONED)
            return {};
        const std::string& name = options.deployment_name();
        const std::string& build = options.build_id();
        deployment_book& book = book_of(name_space);
        if (book.polls(type, task_queue, name, build))
            return {};
        if (const problems wrong = check_names({name, build}); !wrong.empty())
            return bad_request(to_string(wrong));

        const kept_deployment* const known = book.find(name);
        const bool new_version = known == nullptr || !known->versions.contains(build);
        if (book.versions_of(type, task_queue) >= bounds().versions_of_queue)
            return too_many("versions of task queue " + std::string{task_queue}, bounds().versions_of_queue);
        if (!new_version) {
            const auto& places = known->versions.find(build)->second.info().task_queue_infos();
            if (static_cast<std::size_t>(places.size()) >= bounds().task_queues)
                return too_many("task queues of version " + to_string({name, build}), bounds().task_queues);
        }
        if (grpc::status full = room_for(name_space, book, {name, build}, now, queues); !full.ok())
            return full;

        kept_deployment& deployment = make_deployment(name_space, book, name, {}, {}, now);
        if (known == nullptr)
            deployment.kept.set_by_poll(true);
        stored::DeploymentVersion& version = make_version(name_space, deployment, build, {}, now);
        if (version.info().status() == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CREATED)
            version.mutable_info()->set_status(api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE);
        auto& place = *version.mutable_info()->add_task_queue_infos();
        place.set_name(std::string{task_queue});
        place.set_type(to_message(type));
        book.join(name, build, type, task_queue);
        queue_joined();
        changed(name_space, deployment, build);
        return {};
    }

    [[nodiscard]] answered<api::CreateWorkerDeploymentResponse> answer(
        const api::CreateWorkerDeploymentRequest& request, const moment& now, const queue_facts&)
    {
        const std::string& name = request.deployment_name();
        if (const problems wrong = check_names({name, "any"}); !wrong.empty())
            return bad_request(to_string(wrong));
        deployment_book& book = book_of(request.namespace_());
        if (const kept_deployment* const known = book.find(name)) {
            if (request.request_id().empty() || request.request_id() != known->kept.request_id())
                return refused(grpc::status_code::already_exists,
                    "there is a worker deployment \"" + name + "\" already" +
                        (known->kept.by_poll() ? ", made when a worker polled" : ""));
        } else {
            if (book.all().size() >= bounds().deployments)
                return too_many("worker deployments in the namespace", bounds().deployments);
            make_deployment(request.namespace_(), book, name, request.request_id(), request.identity(), now);
        }
        api::CreateWorkerDeploymentResponse response;
        response.set_conflict_token(book.find(name)->conflict_token());
        return response;
    }

    [[nodiscard]] answered<api::CreateWorkerDeploymentVersionResponse> answer(
        const api::CreateWorkerDeploymentVersionRequest& request, const moment& now, const queue_facts& queues)
    {
        const deployment_version v = version_of(request.deployment_version());
        if (const problems wrong = check_names(v); !wrong.empty())
            return bad_request(to_string(wrong));
        deployment_book& book = book_of(request.namespace_());
        kept_deployment* const deployment = book.find(v.deployment);
        if (deployment == nullptr)
            return no_deployment(v.deployment);
        if (const auto known = deployment->versions.find(v.build_id); known != deployment->versions.end()) {
            if (!request.request_id().empty() && request.request_id() == known->second.request_id())
                return api::CreateWorkerDeploymentVersionResponse{};
            return refused(grpc::status_code::already_exists,
                "there is a worker deployment version \"" + to_string(v) + "\" already");
        }
        std::optional<compute_record> compute;
        if (request.compute_config().scaling_groups_size() > 0) {
            checked<compute_update> wanted = read_update(request.compute_config());
            if (!wanted)
                return bad_request(to_string(wanted.problems()));
            update_plan plan = plan_update(nullptr, *wanted, kinds_);
            if (plan.refused())
                return bad_request(to_string(plan.found.errors));
            compute = std::move(plan.record);
        }
        if (request.ByteSizeLong() > bounds().version_bytes)
            return too_large(v, bounds().version_bytes);
        if (grpc::status full = room_for(request.namespace_(), book, v, now, queues); !full.ok())
            return full;
        stored::DeploymentVersion& version =
            make_version(request.namespace_(), *deployment, v.build_id, request.request_id(), now);
        version.mutable_info()->set_status(api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CREATED);
        version.mutable_info()->set_last_modifier_identity(request.identity());
        if (compute)
            keep_compute(version, *compute);
        changed(request.namespace_(), *deployment, v.build_id);
        return api::CreateWorkerDeploymentVersionResponse{};
    }

    [[nodiscard]] answered<api::UpdateWorkerDeploymentVersionComputeConfigResponse> answer(
        const api::UpdateWorkerDeploymentVersionComputeConfigRequest& request, const moment&, const queue_facts&)
    {
        answered<planned_change> planned = plan_compute(request, request.request_id());
        if (!planned)
            return planned.error();
        stored::DeploymentVersion& version = *planned->version;
        switch (planned->plan.what) {
        case update_plan::verdict::create:
        case update_plan::verdict::change:
            keep_compute(version, planned->plan.record);
            if (version.ByteSizeLong() > bounds().version_bytes) {
                version = std::move(planned->before);
                return too_large(version_of(version.info().deployment_version()), bounds().version_bytes);
            }
            break;
        case update_plan::verdict::end: version.mutable_info()->clear_compute_config(); break;
        case update_plan::verdict::nothing:
        case update_plan::verdict::invalid_argument:
        case update_plan::verdict::failed_precondition:
            return api::UpdateWorkerDeploymentVersionComputeConfigResponse{};
        }
        version.mutable_info()->set_last_modifier_identity(request.identity());
        changed(request.namespace_(), version);
        return api::UpdateWorkerDeploymentVersionComputeConfigResponse{};
    }

    [[nodiscard]] answered<api::ValidateWorkerDeploymentVersionComputeConfigResponse> answer(
        const api::ValidateWorkerDeploymentVersionComputeConfigRequest& request, const moment&, const queue_facts&)
    {
        if (const answered<planned_change> planned = plan_compute(request, {}); !planned)
            return planned.error();
        return api::ValidateWorkerDeploymentVersionComputeConfigResponse{};
    }

    [[nodiscard]] answered<api::DescribeWorkerDeploymentResponse> answer(
        const api::DescribeWorkerDeploymentRequest& request, const moment& now, const queue_facts&)
    {
        if (const problems wrong = check_names({request.deployment_name(), "any"}); !wrong.empty())
            return bad_request(to_string(wrong));
        kept_deployment* const deployment = book_of(request.namespace_()).find(request.deployment_name());
        if (deployment == nullptr)
            return no_deployment(request.deployment_name());
        api::DescribeWorkerDeploymentResponse response;
        response.set_conflict_token(deployment->conflict_token());
        auto& info = *response.mutable_worker_deployment_info();
        info = deployment->kept.info();
        info.set_routing_config_update_state(api::enums::ROUTING_CONFIG_UPDATE_STATE_COMPLETED);
        for (const stored::DeploymentVersion* version : newest_first(*deployment))
            *info.add_version_summaries() = summary_of(seen(*version, now));
        return response;
    }

    [[nodiscard]] answered<api::DescribeWorkerDeploymentVersionResponse> answer(
        const api::DescribeWorkerDeploymentVersionRequest& request, const moment& now, const queue_facts& queues)
    {
        const answered<stored::DeploymentVersion*> found = find(request.namespace_(), request.deployment_version());
        if (!found)
            return found.error();
        const deployment_version v = version_of(request.deployment_version());
        api::DescribeWorkerDeploymentVersionResponse response;
        *response.mutable_worker_deployment_version_info() = seen(**found, now);
        for (const auto& place : (*found)->info().task_queue_infos()) {
            auto& queue = *response.add_version_task_queues();
            queue.set_name(place.name());
            queue.set_type(place.type());
            if (!request.report_task_queue_stats())
                continue;
            const queue_numbers numbers =
                queues.numbers(request.namespace_(), place.name(), to_task_type(place.type()), v, now);
            *queue.mutable_stats() = numbers.all;
            for (const auto& [priority, stats] : numbers.by_priority)
                (*queue.mutable_stats_by_priority_key())[priority] = stats;
        }
        return response;
    }

    /// The newest first.
    [[nodiscard]] answered<api::ListWorkerDeploymentsResponse> answer(
        const api::ListWorkerDeploymentsRequest& request, const moment& now, const queue_facts&)
    {
        std::vector<kept_deployment*> sorted;
        for (auto& [name, deployment] : book_of(request.namespace_()).all())
            sorted.push_back(&deployment);
        const auto place = [](const kept_deployment& d) {
            const wire::Timestamp& t = d.kept.info().create_time();
            return std::tuple{-t.seconds(), -t.nanos(), d.name()};
        };
        std::sort(sorted.begin(), sorted.end(),
            [&](const kept_deployment* a, const kept_deployment* b) { return place(*a) < place(*b); });

        std::size_t begin = 0;
        if (!request.next_page_token().empty()) {
            const auto after = read_page_token(request.next_page_token());
            if (!after)
                return bad_request("next_page_token is none of ours: give the one of the page before, or leave it out");
            begin = static_cast<std::size_t>(
                std::upper_bound(sorted.begin(), sorted.end(), *after,
                    [&](const auto& token, const kept_deployment* d) { return token < place(*d); }) -
                sorted.begin());
        }
        const std::size_t most = request.page_size() > 0 ? static_cast<std::size_t>(request.page_size()) : 1000;
        const std::size_t end = std::min(sorted.size(), begin + most);

        api::ListWorkerDeploymentsResponse response;
        for (std::size_t i = begin; i < end; ++i)
            *response.add_worker_deployments() =
                listed(*sorted[i], [&](const auto& version) { return seen(version, now); });
        if (end < sorted.size())
            response.set_next_page_token(page_token(*sorted[end - 1]));
        return response;
    }

    [[nodiscard]] answered<api::SetWorkerDeploymentCurrentVersionResponse> answer(
        const api::SetWorkerDeploymentCurrentVersionRequest& request, const moment& now, const queue_facts& queues)
    {
        const deployment_version v{request.deployment_name(), request.build_id()};
        answered<kept_deployment*> found = for_routing(request, now);
        if (!found)
            return found.error();
        kept_deployment& deployment = **found;
        const api::deployment::RoutingConfig& before = deployment.routing();
        const bool same = before.current_deployment_version().build_id() == v.build_id;

        api::SetWorkerDeploymentCurrentVersionResponse response;
        if (before.has_current_deployment_version())
            *response.mutable_previous_deployment_version() = before.current_deployment_version();
        if (same && deployment.kept.info().last_modifier_identity() == request.identity()) {
            response.set_conflict_token(deployment.conflict_token());
            return response;
        }
        if (grpc::status no =
                may_route(deployment, request, now, queues, before.has_current_deployment_version() && !same);
            !no.ok())
            return no;

        deployment.count_change(request.identity());
        if (!same) {
            api::deployment::RoutingConfig& routing = *deployment.kept.mutable_info()->mutable_routing_config();
            if (stored::DeploymentVersion* const previous =
                    version_in(deployment, routing.current_deployment_version().build_id()))
                changed(request.namespace_(), drained(*previous, now));
            routing.clear_current_deployment_version();
            if (!v.build_id.empty()) {
                *routing.mutable_current_deployment_version() = to_message(v);
                stored::DeploymentVersion& next = deployment.versions.find(v.build_id)->second;
                make_current(*next.mutable_info(), now);
                changed(request.namespace_(), next);
            }
            put(*routing.mutable_current_version_changed_time(), now);
            const bool was_ramping = routing.has_ramping_deployment_version()
                                         ? routing.ramping_deployment_version().build_id() == v.build_id
                                         : v.build_id.empty() && routing.ramping_version_percentage() > 0;
            if (was_ramping)
                end_ramp(routing, now);
            routed(request.namespace_(), deployment);
        }
        changed(request.namespace_(), deployment.kept);
        response.set_conflict_token(deployment.conflict_token());
        return response;
    }

    [[nodiscard]] answered<api::SetWorkerDeploymentRampingVersionResponse> answer(
        const api::SetWorkerDeploymentRampingVersionRequest& request, const moment& now, const queue_facts& queues)
    {
        const deployment_version v{request.deployment_name(), request.build_id()};
        const float percentage = request.percentage();
        if (!(percentage >= 0 && percentage <= 100))
            return bad_request("percentage is " + std::to_string(percentage) + ": give 0 to 100");
        answered<kept_deployment*> found = for_routing(request, now);
        if (!found)
            return found.error();
        kept_deployment& deployment = **found;
        const api::deployment::RoutingConfig before = deployment.routing();
        const bool unset = v.build_id.empty() && percentage <= 0;
        const bool ramped = before.has_ramping_deployment_version() || before.ramping_version_percentage() > 0;
        const bool same = unset ? !ramped : ramped && before.ramping_deployment_version().build_id() == v.build_id;
        const bool same_share =
            !(before.ramping_version_percentage() < percentage) && !(before.ramping_version_percentage() > percentage);

        api::SetWorkerDeploymentRampingVersionResponse response;
        if (before.has_ramping_deployment_version())
            *response.mutable_previous_deployment_version() = before.ramping_deployment_version();
        response.set_previous_percentage(before.ramping_version_percentage());
        if (same && same_share && deployment.kept.info().last_modifier_identity() == request.identity()) {
            response.set_conflict_token(deployment.conflict_token());
            return response;
        }
        const bool already_current = !unset && before.current_deployment_version().build_id() == v.build_id;
        if (grpc::status no = may_route(
                deployment, request, now, queues, before.has_current_deployment_version() && !same && !already_current);
            !no.ok())
            return no;
        if (already_current)
            return precondition((v.build_id.empty() ? "no version" : "version \"" + to_string(v) + '"') +
                                " is current already, and cannot ramp; leave it, or make another one current first");

        deployment.count_change(request.identity());
        if (!same || !same_share) {
            api::deployment::RoutingConfig& routing = *deployment.kept.mutable_info()->mutable_routing_config();
            if (!same) {
                if (stored::DeploymentVersion* const previous =
                        version_in(deployment, routing.ramping_deployment_version().build_id()))
                    changed(request.namespace_(), drained(*previous, now));
                end_ramp(routing, now);
            }
            routing.set_ramping_version_percentage(percentage);
            put(*routing.mutable_ramping_version_percentage_changed_time(), now);
            if (!v.build_id.empty()) {
                *routing.mutable_ramping_deployment_version() = to_message(v);
                stored::DeploymentVersion& next = deployment.versions.find(v.build_id)->second;
                make_ramping(*next.mutable_info(), percentage, now);
                changed(request.namespace_(), next);
            }
            routed(request.namespace_(), deployment);
        }
        changed(request.namespace_(), deployment.kept);
        response.set_conflict_token(deployment.conflict_token());
        return response;
    }

    [[nodiscard]] answered<api::DeleteWorkerDeploymentVersionResponse> answer(
        const api::DeleteWorkerDeploymentVersionRequest& request, const moment& now, const queue_facts& queues)
    {
        const deployment_version v = version_of(request.deployment_version());
        if (const problems wrong = check_names(v); !wrong.empty())
            return bad_request(to_string(wrong));
        deployment_book& book = book_of(request.namespace_());
        kept_deployment* const deployment = book.find(v.deployment);
        if (deployment == nullptr)
            return no_deployment(v.deployment);
        stored::DeploymentVersion* const version = version_in(*deployment, v.build_id);
        if (version == nullptr)
            return api::DeleteWorkerDeploymentVersionResponse{};
        const std::string cannot = "version \"" + to_string(v) + "\" cannot be deleted: ";
        if (routed_to(*version))
            return precondition(cannot + "it is current or ramping; make another one current first");
        if (grpc::status no = managed_by(*deployment, request.identity()); !no.ok())
            return no;
        if (!request.skip_drainage() && draining(*version, now))
            return precondition(cannot + "it is draining; wait until it has drained, or skip the drainage");
        if (has_pollers(request.namespace_(), *version, now, queues))
            return precondition(cannot + "workers poll with it, or did in the last minutes; stop them, and wait");
        remove(request.namespace_(), book, *deployment, v.build_id);
        deployment->kept.mutable_info()->set_last_modifier_identity(request.identity());
        changed(request.namespace_(), deployment->kept);
        return api::DeleteWorkerDeploymentVersionResponse{};
    }

    [[nodiscard]] answered<api::DeleteWorkerDeploymentResponse> answer(
        const api::DeleteWorkerDeploymentRequest& request, const moment&, const queue_facts&)
    {
        if (const problems wrong = check_names({request.deployment_name(), "any"}); !wrong.empty())
            return bad_request(to_string(wrong));
        deployment_book& book = book_of(request.namespace_());
        const kept_deployment* const deployment = book.find(request.deployment_name());
        if (deployment == nullptr)
            return api::DeleteWorkerDeploymentResponse{};
        if (!deployment->versions.empty())
            return precondition("worker deployment \"" + request.deployment_name() + "\" has " +
                                std::to_string(deployment->versions.size()) + " versions; delete them first");
        note(record_kind::deployment, request.namespace_(), request.deployment_name(), {});
        book.all().erase(request.deployment_name());
        return api::DeleteWorkerDeploymentResponse{};
    }

    [[nodiscard]] answered<api::SetWorkerDeploymentManagerResponse> answer(
        const api::SetWorkerDeploymentManagerRequest& request, const moment&, const queue_facts&)
    {
        if (request.identity().empty())
            return bad_request("identity is empty: give the one of who asks");
        if (const problems wrong = check_names({request.deployment_name(), "any"}); !wrong.empty())
            return bad_request(to_string(wrong));
        kept_deployment* const deployment = book_of(request.namespace_()).find(request.deployment_name());
        if (deployment == nullptr)
            return no_deployment(request.deployment_name());
        auto& info = *deployment->kept.mutable_info();
        const std::string manager = request.self() ? request.identity() : request.manager_identity();

        api::SetWorkerDeploymentManagerResponse response;
        response.set_previous_manager_identity(info.manager_identity());
        if (manager != info.manager_identity() || request.identity() != info.last_modifier_identity()) {
            if (grpc::status no = token_is(*deployment, request.conflict_token()); !no.ok())
                return no;
            info.set_manager_identity(manager);
            deployment->count_change(request.identity());
            changed(request.namespace_(), deployment->kept);
        }
        response.set_conflict_token(deployment->conflict_token());
        return response;
    }

    [[nodiscard]] answered<api::UpdateWorkerDeploymentVersionMetadataResponse> answer(
        const api::UpdateWorkerDeploymentVersionMetadataRequest& request, const moment&, const queue_facts&)
    {
        const answered<stored::DeploymentVersion*> found = find(request.namespace_(), request.deployment_version());
        if (!found)
            return found.error();
        stored::DeploymentVersion& version = **found;
        api::deployment::VersionMetadata next = version.info().metadata();
        for (const auto& [key, value] : request.upsert_entries())
            (*next.mutable_entries())[key] = value;
        for (const std::string& key : request.remove_entries())
            next.mutable_entries()->erase(key);
        if (next.ByteSizeLong() > bounds().version_bytes)
            return too_large(version_of(request.deployment_version()), bounds().version_bytes);
        *version.mutable_info()->mutable_metadata() = next;
        version.mutable_info()->set_last_modifier_identity(request.identity());
        changed(request.namespace_(), version);
        api::UpdateWorkerDeploymentVersionMetadataResponse response;
        *response.mutable_metadata() = std::move(next);
        return response;
    }

private:
    struct planned_change {
        stored::DeploymentVersion* version = nullptr;
        stored::DeploymentVersion before{};
        update_plan plan{};
    };

    // Routing.

    /// The deployment of a call that changes the routing. One that is made on the fly has no version yet.
    template <class Request>
    [[nodiscard]] answered<kept_deployment*> for_routing(const Request& request, const moment& now)
    {
        const std::string& name = request.deployment_name();
        const std::string& build = request.build_id();
        if (const problems wrong = check_names({name, build.empty() ? "any" : build}); !wrong.empty())
            return bad_request(to_string(wrong));
        deployment_book& book = book_of(request.namespace_());
        if (kept_deployment* const known = book.find(name))
            return known;
        if (!request.allow_no_pollers())
            return no_deployment(name);
        if (book.all().size() >= bounds().deployments)
            return too_many("worker deployments in the namespace", bounds().deployments);
        return &make_deployment(request.namespace_(), book, name, {}, {}, now);
    }

    /// Whether a change of routing is in order. Makes the version that it names, if that is wanted.
    template <class Request>
    [[nodiscard]] grpc::status may_route(kept_deployment& deployment, const Request& request, const moment& now,
        const queue_facts& queues, bool takes_over)
    {
        const deployment_version v{request.deployment_name(), request.build_id()};
        if (grpc::status no = token_is(deployment, request.conflict_token()); !no.ok())
            return no;
        const stored::DeploymentVersion* const next = version_in(deployment, v.build_id);
        if (next == nullptr && !v.build_id.empty() && !request.allow_no_pollers())
            return no_version(v);
        if (grpc::status no = managed_by(deployment, request.identity()); !no.ok())
            return no;
        if (takes_over && !v.build_id.empty() && !request.ignore_missing_task_queues())
            if (const std::string queue = queue_left_behind(request.namespace_(), deployment, next, now, queues);
                !queue.empty())
                return precondition("version \"" + to_string(v) +
                                    "\" is missing active task queues of the current "
                                    "version, like " +
                                    queue +
                                    ", whose tasks would go to workers without a version; let it poll them, "
                                    "or ignore missing task queues");
        if (next == nullptr && !v.build_id.empty()) {
            if (grpc::status full = room_for(request.namespace_(), book_of(request.namespace_()), v, now, queues);
                !full.ok())
                return full;
            make_version(request.namespace_(), deployment, v.build_id, {}, now);
        }
        return {};
    }

    // Compute configurations.

    template <class Request>
    [[nodiscard]] answered<planned_change> plan_compute(const Request& request, const std::string& request_id)
    {
        const answered<stored::DeploymentVersion*> found = find(request.namespace_(), request.deployment_version());
        if (!found)
            return found.error();
        checked<compute_update> wanted = read_update(request);
        if (!wanted)
            return bad_request(to_string(wanted.problems()));
        compute_update update = *std::move(wanted);
        update.request_id = request_id;

        std::optional<compute_record> before;
        if ((*found)->info().has_compute_config()) {
            before.emplace();
            for (const auto& [id, message] : (*found)->info().compute_config().scaling_groups())
                if (checked<scaling_group> group = read_group(message, "groups." + id))
                    before->config.groups[id] = *std::move(group);
            before->revision = static_cast<std::uint64_t>((*found)->compute_revision());
            before->requests.assign((*found)->compute_requests().begin(), (*found)->compute_requests().end());
        }
        planned_change out{*found, **found, plan_update(before ? &*before : nullptr, update, kinds_)};
        if (out.plan.what == update_plan::verdict::invalid_argument)
            return bad_request(to_string(out.plan.found.errors));
        if (out.plan.what == update_plan::verdict::failed_precondition)
            return precondition(to_string(out.plan.found.errors));
        return out;
    }

    static void keep_compute(stored::DeploymentVersion& version, const compute_record& record)
    {
        *version.mutable_info()->mutable_compute_config() = to_message(record.config);
        version.set_compute_revision(static_cast<std::int64_t>(record.revision));
        version.clear_compute_requests();
        for (const std::string& id : record.requests)
            version.add_compute_requests(id);
    }

    compute_registry kinds_;
};

}  // namespace mayfly::temporal::embedded
