// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/types.hpp>

#include <string_view>

// What the service says of itself.

namespace mayfly::temporal::embedded {

/// The server's whose ways it has, so that clients which look at the number find what they expect of it.
inline constexpr std::string_view server_version = "1.32.1";

inline constexpr std::string_view workflow_service = "temporal.api.workflowservice.v1.WorkflowService";

[[nodiscard]] inline answered<api::GetSystemInfoResponse> system_info(const api::GetSystemInfoRequest&)
{
    api::GetSystemInfoResponse out;
    out.set_server_version(std::string(server_version));
    auto& can = *out.mutable_capabilities();
    can.set_signal_and_query_header(true);
    can.set_internal_error_differentiation(true);
    can.set_activity_failure_include_heartbeat(true);
    can.set_encoded_failure_attributes(true);
    can.set_build_id_based_versioning(true);
    can.set_upsert_memo(true);
    can.set_eager_workflow_start(true);
    can.set_sdk_metadata(true);
    can.set_count_group_by_execution_status(true);
    can.set_server_scaled_deployments(true);
    return out;
}

[[nodiscard]] inline answered<api::GetClusterInfoResponse> cluster_info(const api::GetClusterInfoRequest&)
{
    api::GetClusterInfoResponse out;
    out.set_server_version(std::string(server_version));
    out.set_cluster_id("mayfly");
    out.set_cluster_name("mayfly");
    out.set_history_shard_count(1);
    out.set_persistence_store("memory");
    out.set_visibility_store("memory");
    out.set_initial_failover_version(1);
    out.set_failover_version_increment(10);
    return out;
}

[[nodiscard]] inline answered<wire::HealthCheckResponse> health(const wire::HealthCheckRequest& r)
{
    if (!r.service().empty() && r.service() != workflow_service)
        return not_found("unknown service " + r.service());
    wire::HealthCheckResponse out;
    out.set_status(wire::HealthCheckResponse::SERVING);
    return out;
}

}  // namespace mayfly::temporal::embedded
