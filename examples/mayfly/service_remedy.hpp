// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/status.hpp>
#include <mayfly/http/url.hpp>
#include <mayfly/temporal/connection_options.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <string>

namespace examples {

/// What to do about a call that did not get to what it was about; empty where that is not what is wrong.
[[nodiscard]] inline std::string service_remedy(
    const mayfly::grpc::status& s, const mayfly::temporal::connection_options& o)
{
    using mayfly::grpc::status_code;
    namespace details = ::temporal::api::errordetails::v1;
    if (mayfly::temporal::detail_of<details::NamespaceNotFoundFailure>(s))
        return "there is no namespace " + o.name_space + "; give one that is there with --namespace";
    switch (s.code) {
    case status_code::unavailable:
        return "is the service running at " + mayfly::http::authority(o.target) +
               "? Give another with --address; mayfly dev starts one here";
    case status_code::unauthenticated:
        return "set TEMPORAL_API_KEY, or give a certificate with --tls-cert and --tls-key";
    case status_code::permission_denied: return "the key or certificate has no right to do this in " + o.name_space;
    default: return {};
    }
}

}  // namespace examples
