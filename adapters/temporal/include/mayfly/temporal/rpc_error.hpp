// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/proto/common.pb.h>
#include <mayfly/temporal/proto/errordetails.pb.h>

#include <optional>
#include <string>
#include <string_view>

namespace mayfly::temporal {

/// A status for people: its name, and the service's own words.
[[nodiscard]] inline std::string describe(const grpc::status& s)
{
    std::string out{to_string(s.code)};
    return s.message.empty() ? out : out + ": " + s.message;
}

/// The detail of this type, such as `api::errordetails::NamespaceNotFoundFailure`, if the status has one. A server may
/// leave details away.
template <class Detail>
[[nodiscard]] std::optional<Detail> detail_of(const grpc::status& s)
{
    ::temporal::api::common::v1::GrpcStatus all;
    if (s.details.empty() || !all.ParseFromString(s.details))
        return std::nullopt;
    Detail out;
    const std::string name = '/' + out.GetTypeName();
    for (const auto& any : all.details()) {
        if (any.type_url().ends_with(name) && out.ParseFromString(any.value()))
            return out;
    }
    return std::nullopt;
}

/** Whether a poll that ended so shows that polling has no sense: nobody may, the namespace does not exist, the server
    does not know this client or this method.

    All others may pass, and are asked again. A namespace that was registered a moment ago can be unknown for some
    seconds.
*/
[[nodiscard]] inline bool is_fatal_for_worker(const grpc::status& s)
{
    namespace details = ::temporal::api::errordetails::v1;
    using enum grpc::status_code;
    switch (s.code) {
    case permission_denied:
    case unauthenticated:
    case invalid_argument:
    case not_found:
    case unimplemented: return true;
    case failed_precondition:
        return detail_of<details::ClientVersionNotSupportedFailure>(s) ||
               detail_of<details::ServerVersionNotSupportedFailure>(s) ||
               detail_of<details::NamespaceInvalidStateFailure>(s) || detail_of<details::NewerBuildExistsFailure>(s);
    case ok:
    case cancelled:
    case unknown:
    case deadline_exceeded:
    case already_exists:
    case resource_exhausted:
    case aborted:
    case out_of_range:
    case internal:
    case unavailable:
    case data_loss: break;
    }
    return false;
}

}  // namespace mayfly::temporal
