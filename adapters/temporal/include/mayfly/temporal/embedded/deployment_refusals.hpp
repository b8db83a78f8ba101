// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/deployment_book.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <cstddef>
#include <string>
#include <utility>

// Why calls about worker deployments are refused, with a cluster's codes.

namespace mayfly::temporal::embedded {

[[nodiscard]] inline grpc::status missing_deployment(std::string words)
{
    return refused(
        grpc::status_code::not_found, std::move(words), "NotFoundFailure", api::errordetails::NotFoundFailure{});
}
[[nodiscard]] inline grpc::status no_deployment(const std::string& name)
{
    return missing_deployment("there is no worker deployment \"" + name + "\"; has a worker of it polled?");
}
[[nodiscard]] inline grpc::status no_version(const deployment_version& v)
{
    return missing_deployment("build id \"" + v.build_id + "\" is not in worker deployment \"" + v.deployment + '"');
}
[[nodiscard]] inline grpc::status too_many(const std::string& what, std::size_t limit)
{
    api::errordetails::ResourceExhaustedFailure detail;
    detail.set_cause(api::enums::RESOURCE_EXHAUSTED_CAUSE_WORKER_DEPLOYMENT_LIMITS);
    detail.set_scope(api::enums::RESOURCE_EXHAUSTED_SCOPE_NAMESPACE);
    return refused(grpc::status_code::resource_exhausted,
        what + ": there are " + std::to_string(limit) + " already, the most there may be; delete some",
        "ResourceExhaustedFailure", detail);
}
[[nodiscard]] inline grpc::status too_large(const deployment_version& v, std::size_t limit)
{
    return bad_request(
        "version \"" + to_string(v) + "\" would have more than " + std::to_string(limit) + " bytes; give it less");
}
[[nodiscard]] inline grpc::status token_is(const kept_deployment& deployment, const std::string& token)
{
    if (token.empty() || token == deployment.conflict_token())
        return {};
    return precondition("conflict token mismatch: worker deployment \"" + deployment.name() +
                        "\" was changed in the meantime; describe it again, and change it on top of that");
}
[[nodiscard]] inline grpc::status managed_by(const kept_deployment& deployment, const std::string& identity)
{
    const std::string& manager = deployment.kept.info().manager_identity();
    if (manager.empty() || manager == identity)
        return {};
    return precondition("worker deployment \"" + deployment.name() + "\" is managed by \"" + manager +
                        "\", and identity is \"" + identity + "\"; set yourself as its manager first, or none");
}

}  // namespace mayfly::temporal::embedded
