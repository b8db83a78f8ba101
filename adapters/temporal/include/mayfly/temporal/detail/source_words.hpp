// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/connection_options.hpp>
#include <mayfly/temporal/read_budget.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mayfly::temporal::detail {

/// Whether other versions fare no better.
[[nodiscard]] inline bool concerns_all(const grpc::status& s)
{
    using enum grpc::status_code;
    if (s.code == not_found)
        return detail_of<::temporal::api::errordetails::v1::NamespaceNotFoundFailure>(s).has_value();
    return s.code != invalid_argument && s.code != failed_precondition;
}

/// What waits in such a line, which setting it depends on, and what can be done about it.
[[nodiscard]] inline std::string limit_words(
    std::string_view what, std::string_view setting, const read_budget& of, std::size_t versions)
{
    const auto per_second = static_cast<std::uint64_t>(of.per_second());
    const std::size_t waiting = of.waiting();
    return std::to_string(waiting) + " of " + std::to_string(versions) + " versions wait for their " +
           std::string(what) + " to be read, at " + std::to_string(per_second) +
           " readings a second: work for an idle one is seen up to " +
           std::to_string(waiting / std::max<std::uint64_t>(per_second, 1)) +
           " s late. Report starts with push, delete versions that nobody needs, or give " + std::string(setting) +
           " a higher value if the server allows more";
}

/// Why a version cannot be read, and what can be done about it.
[[nodiscard]] inline std::string unreadable_words(const boost::system::error_code& ec, const grpc::status& s,
    const connection_options& at, const deployment_version& version)
{
    using enum grpc::status_code;
    const std::string server = at.target.host + ':' + std::to_string(at.target.port);
    const std::string space = "namespace \"" + at.name_space + '"';
    const std::string said = s.ok() ? ec.message() : describe(s);
    switch (s.code) {
    case not_found:
        if (detail_of<::temporal::api::errordetails::v1::NamespaceNotFoundFailure>(s))
            return space + " is not there (" + said + "): register it, or correct the name";
        return "version \"" + version.build_id + "\" of deployment \"" + version.deployment + "\" is not there (" +
               said + "): create it, or stop driving it";
    case permission_denied:
    case unauthenticated:
        return "not allowed (" + said + "): let the API key or the certificate read deployments and task queues of " +
               space;
    case resource_exhausted:
        return "the server's limit of reads is reached (" + said +
               "): others read as well; give deployment_reads_per_second and queue_reads_per_second lower values";
    case unimplemented:
        return server + " does not serve this (" + said + "): worker deployments need a server of 1.31 or newer";
    case invalid_argument:
    case failed_precondition: return "refused (" + said + "): check the name of the deployment and the build id";
    case ok:
    case cancelled:
    case unknown:
    case deadline_exceeded:
    case already_exists:
    case aborted:
    case out_of_range:
    case internal:
    case unavailable:
    case data_loss: break;
    }
    return server + " does not answer (" + said + "): it is tried again; check that it runs and can be reached";
}

}  // namespace mayfly::temporal::detail
