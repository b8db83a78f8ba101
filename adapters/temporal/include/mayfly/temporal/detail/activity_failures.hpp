// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/detail/activity_verdict.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <cstddef>
#include <string>
#include <utility>

// Failures as the server accepts them from a worker. Pure.

namespace mayfly::temporal::detail {

[[nodiscard]] inline api::failure::Failure made_failure(std::string message, std::string type, bool non_retryable)
{
    api::failure::Failure f;
    f.set_message(std::move(message));
    f.set_source("mayfly");
    auto& info = *f.mutable_application_failure_info();
    info.set_type(std::move(type));
    info.set_non_retryable(non_retryable);
    return f;
}

/// A server accepts none but application failures; any other kind becomes the cause of one.
[[nodiscard]] inline api::failure::Failure application_failure(api::failure::Failure f)
{
    if (f.has_application_failure_info())
        return f;
    auto outer = made_failure(f.message(), f.has_canceled_failure_info() ? "Cancelled" : "Failure", false);
    *outer.mutable_cause() = std::move(f);
    return outer;
}

/// For an attempt that was cancelled, but not because somebody wanted the activity to end.
[[nodiscard]] inline api::failure::Failure interruption_of(cancel_reason reason)
{
    const char* const type = reason == cancel_reason::worker_shutdown ? "WorkerShutdown"
                             : reason == cancel_reason::paused        ? "ActivityPaused"
                             : reason == cancel_reason::reset         ? "ActivityReset"
                                                                      : "Cancelled";
    return made_failure(interruption(reason), type, false);
}

/// For a result, or a failure, that does not fit into a call. The next attempt would make the same.
[[nodiscard]] inline api::failure::Failure too_large_failure(const grpc::status& why)
{
    return made_failure("the activity's result is too large to be sent: " + why.message, "GrpcMessageTooLarge", true);
}

/// The server does not know this attempt, or is not the one to ask any more.
[[nodiscard]] inline bool is_gone(const grpc::status& s)
{
    return s.code == grpc::status_code::not_found ||
           (s.code == grpc::status_code::failed_precondition &&
               detail_of<api::errordetails::NamespaceNotActiveFailure>(s).has_value());
}

}  // namespace mayfly::temporal::detail
