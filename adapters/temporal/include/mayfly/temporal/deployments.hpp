// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_update.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/deployment_values.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/unique_key.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/// What a change is answered with that has nothing to tell.
struct done {};

/** Worker deployments of the connection's namespace: their versions, who starts workers for these, and where new work
    goes.

    A value. Operations complete with `void(error_code, rpc_reply<T>)`, cancel and fail as those of `connection`; of
   what the server refuses the status has its words. Each change goes with the connection's identity; where a deployment
   has a manager, the others' are refused.
*/
class deployments {
public:
    explicit deployments(std::shared_ptr<connection> on) : on_(std::move(on)) {}

    /// `rpc_reply<std::string>`, the conflict token. The same `request_id` again is the same creation; empty: one is
    /// made up.
    template <class Token>
    auto async_create(const std::string& name, const std::string& request_id, Token&& token) const
    {
        auto request = named<api::CreateWorkerDeploymentRequest>(name);
        request.set_request_id(id_or_new(request_id));
        const auto map = [](api::CreateWorkerDeploymentResponse&& r) { return std::string(r.conflict_token()); };
        return ask<std::string>(methods::create_worker_deployment, request, map, std::forward<Token>(token));
    }

    /// Of a deployment that exists; `rpc_reply<done>`. Without groups in `compute` nobody starts workers for it. The
    /// server asks the providers before it agrees. Limits of groups are not told: the server has none.
    template <class Token>
    auto async_create_version(const deployment_version& version, const compute_config& compute,
        const std::string& request_id, Token&& token) const
    {
        auto request = versioned<api::CreateWorkerDeploymentVersionRequest>(version);
        request.set_request_id(id_or_new(request_id));
        if (!compute.groups.empty())
            *request.mutable_compute_config() = to_message(compute);
        return ask<done>(methods::create_worker_deployment_version, request, nothing{}, std::forward<Token>(token));
    }

    /// `rpc_reply<done>`. Conflict tokens of the change are not told: the server has none here.
    template <class Token>
    auto async_update_compute_config(
        const deployment_version& version, const compute_update& change, Token&& token) const
    {
        auto request = changed<api::UpdateWorkerDeploymentVersionComputeConfigRequest>(version, change);
        request.set_request_id(id_or_new(change.request_id));
        return ask<done>(
            methods::update_worker_deployment_version_compute_config, request, nothing{}, std::forward<Token>(token));
    }

    /// Whether the change would be accepted, without making it: `rpc_reply<done>`.
    template <class Token>
    auto async_validate_compute_config(
        const deployment_version& version, const compute_update& change, Token&& token) const
    {
        return ask<done>(methods::validate_worker_deployment_version_compute_config,
            changed<api::ValidateWorkerDeploymentVersionComputeConfigRequest>(version, change), nothing{},
            std::forward<Token>(token));
    }

    /// `rpc_reply<deployment_description>`.
    template <class Token>
    auto async_describe(const std::string& name, Token&& token) const
    {
        return ask<deployment_description>(methods::describe_worker_deployment,
            named<api::DescribeWorkerDeploymentRequest>(name), detail::to_deployment, std::forward<Token>(token));
    }

    /// `rpc_reply<version_description>`; with `stats`, the numbers of its queues too.
    template <class Token>
    auto async_describe_version(const deployment_version& version, bool stats, Token&& token) const
    {
        auto request = versioned<api::DescribeWorkerDeploymentVersionRequest>(version);
        request.set_report_task_queue_stats(stats);
        return ask<version_description>(methods::describe_worker_deployment_version, request,
            detail::to_version_description, std::forward<Token>(token));
    }

    /// A page: `rpc_reply<deployment_page>`. `page_size` 0: as many as the server likes.
    template <class Token>
    auto async_list(const std::string& page_token, int page_size, Token&& token) const
    {
        auto request = detail::request_for<api::ListWorkerDeploymentsRequest>(*on_);
        request.set_next_page_token(page_token);
        request.set_page_size(page_size);
        return ask<deployment_page>(
            methods::list_worker_deployments, request, detail::to_deployments, std::forward<Token>(token));
    }

    /// All new work goes to this version; with an empty build id, to workers without one. `rpc_reply<routing_change>`.
    template <class Token>
    auto async_set_current(const deployment_version& version, const routing_options& how, Token&& token) const
    {
        const auto request = routed<api::SetWorkerDeploymentCurrentVersionRequest>(version, how);
        const auto map = [](api::SetWorkerDeploymentCurrentVersionResponse&& r) {
            return routing_change{r.conflict_token(),
                detail::version_of(r.has_previous_deployment_version(), r.previous_deployment_version()), 0};
        };
        return ask<routing_change>(
            methods::set_worker_deployment_current_version, request, map, std::forward<Token>(token));
    }

    /// This share of new work goes to this version, 0 to 100; with an empty build id, to workers without one, and with
    /// 0 there is no ramp. `rpc_reply<routing_change>`.
    template <class Token>
    auto async_set_ramping(
        const deployment_version& version, float percentage, const routing_options& how, Token&& token) const
    {
        auto request = routed<api::SetWorkerDeploymentRampingVersionRequest>(version, how);
        request.set_percentage(percentage);
        const auto map = [](api::SetWorkerDeploymentRampingVersionResponse&& r) {
            return routing_change{r.conflict_token(),
                detail::version_of(r.has_previous_deployment_version(), r.previous_deployment_version()),
                r.previous_percentage()};
        };
        return ask<routing_change>(
            methods::set_worker_deployment_ramping_version, request, map, std::forward<Token>(token));
    }

    /// `rpc_reply<done>`, also if there is no such version.
    template <class Token>
    auto async_delete_version(const deployment_version& version, bool skip_drainage, Token&& token) const
    {
        auto request = versioned<api::DeleteWorkerDeploymentVersionRequest>(version);
        request.set_skip_drainage(skip_drainage);
        return ask<done>(methods::delete_worker_deployment_version, request, nothing{}, std::forward<Token>(token));
    }

    /// One without versions: `rpc_reply<done>`.
    template <class Token>
    auto async_delete(const std::string& name, Token&& token) const
    {
        return ask<done>(methods::delete_worker_deployment, named<api::DeleteWorkerDeploymentRequest>(name), nothing{},
            std::forward<Token>(token));
    }

    /// All there is afterwards: `rpc_reply<std::map<std::string, Payload>>`.
    template <class Token>
    auto async_update_metadata(const deployment_version& version,
        const std::map<std::string, api::common::Payload>& upsert, const std::vector<std::string>& remove,
        Token&& token) const
    {
        auto request = versioned<api::UpdateWorkerDeploymentVersionMetadataRequest>(version);
        for (const auto& [key, payload] : upsert)
            (*request.mutable_upsert_entries())[key] = payload;
        for (const auto& key : remove)
            request.add_remove_entries(key);
        using metadata = std::map<std::string, api::common::Payload>;
        const auto map = [](api::UpdateWorkerDeploymentVersionMetadataResponse&& r) {
            return metadata(r.metadata().entries().begin(), r.metadata().entries().end());
        };
        return ask<metadata>(
            methods::update_worker_deployment_version_metadata, request, map, std::forward<Token>(token));
    }

    /// Who alone may change it from now on; empty: everybody; nothing: whoever makes this call.
    /// `rpc_reply<manager_change>`.
    template <class Token>
    auto async_set_manager(const std::string& name, const std::optional<std::string>& manager,
        const std::string& conflict_token, Token&& token) const
    {
        auto request = named<api::SetWorkerDeploymentManagerRequest>(name);
        if (manager)
            request.set_manager_identity(*manager);
        else
            request.set_self(true);
        request.set_conflict_token(conflict_token);
        const auto map = [](api::SetWorkerDeploymentManagerResponse&& r) {
            return manager_change{r.conflict_token(), r.previous_manager_identity()};
        };
        return ask<manager_change>(methods::set_worker_deployment_manager, request, map, std::forward<Token>(token));
    }

private:
    struct nothing {
        template <class Response>
        done operator()(const Response&) const noexcept
        {
            return {};
        }
    };

    static std::string id_or_new(const std::string& given) { return given.empty() ? detail::unique_key() : given; }

    template <class Request>
    Request named(const std::string& name) const
    {
        auto out = detail::request_for<Request>(*on_);
        out.set_deployment_name(name);
        return out;
    }

    template <class Request>
    Request versioned(const deployment_version& version) const
    {
        auto out = detail::request_for<Request>(*on_);
        *out.mutable_deployment_version() = detail::version_message(version);
        return out;
    }

    template <class Request>
    Request routed(const deployment_version& version, const routing_options& how) const
    {
        auto out = named<Request>(version.deployment);
        out.set_build_id(version.build_id);
        out.set_conflict_token(how.conflict_token);
        out.set_ignore_missing_task_queues(how.ignore_missing_task_queues);
        out.set_allow_no_pollers(how.allow_no_pollers);
        return out;
    }

    template <class Request>
    Request changed(const deployment_version& version, const compute_update& change) const
    {
        auto out = versioned<Request>(version);
        for (const auto& [id, group] : change.change) {
            auto& to = (*out.mutable_compute_config_scaling_groups())[id];
            *to.mutable_scaling_group() = to_message(group.group);
            for (const auto& path : group.mask)
                to.mutable_update_mask()->add_paths(path);
        }
        for (const auto& id : change.remove)
            out.add_remove_compute_config_scaling_groups(id);
        return out;
    }

    template <class Out, class Request, class Response, class Map, class Token>
    auto ask(const method<Request, Response>& what, const Request& request, Map map, Token&& token) const
    {
        return on_->template async_call_as<Out>(what, request, {}, map, std::nullopt, std::forward<Token>(token));
    }

    std::shared_ptr<connection> on_;
};

}  // namespace mayfly::temporal
