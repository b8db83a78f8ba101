// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/deployment_book.hpp>
#include <mayfly/temporal/embedded/execution.hpp>
#include <mayfly/temporal/embedded/record.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/proto/stored.pb.h>

#include <optional>
#include <string>
#include <utility>

// Activities as records: what was asked for, which is written once and may be large, and what became of it.

namespace mayfly::temporal::embedded {

[[nodiscard]] inline record request_record(const execution& e)
{
    stored::Activity out;
    out.set_run_id(e.run_id);
    out.set_order(e.order);
    *out.mutable_request() = e.request;
    return {.kind = record_kind::activity, .key = e.run_id, .value = out.SerializeAsString()};
}

[[nodiscard]] inline record state_record(const execution& e)
{
    stored::ActivityState out;
    out.set_run_id(e.run_id);
    out.set_status(e.status);
    out.set_attempt(e.attempt);
    out.set_stamp(e.stamp);
    put(*out.mutable_scheduled(), e.scheduled);
    put(*out.mutable_dispatch(), e.dispatch);
    if (e.started)
        put(*out.mutable_started(), *e.started);
    if (e.attempt_ended)
        put(*out.mutable_attempt_ended(), *e.attempt_ended);
    if (e.closed)
        put(*out.mutable_closed(), *e.closed);
    if (e.retry_interval)
        put(*out.mutable_retry_interval(), *e.retry_interval);
    out.set_worker_identity(e.worker_identity);
    if (e.worker_version)
        *out.mutable_worker_version() = to_message(*e.worker_version);
    out.set_sdk_name(e.sdk_name);
    out.set_sdk_version(e.sdk_version);
    if (e.heartbeat)
        put(*out.mutable_heartbeat(), *e.heartbeat);
    if (e.has_heartbeat_details)
        *out.mutable_heartbeat_details() = e.heartbeat_details;
    out.set_heartbeats(e.heartbeats);
    if (e.last_failure)
        *out.mutable_last_failure() = *e.last_failure;
    out.set_cancel_requested(e.cancel_requested);
    out.set_cancel_identity(e.cancel_identity);
    out.set_cancel_request(e.cancel_request);
    out.set_cancel_reason(e.cancel_reason);
    out.set_terminate_request(e.terminate_request);
    if (e.outcome)
        *out.mutable_outcome() = *e.outcome;
    out.set_changes(e.changes);
    return {.kind = record_kind::activity_state, .key = e.run_id, .value = out.SerializeAsString()};
}

/// An earlier moment, which is known by the wall's clock, as it is seen at `now`: the steady clock may be another one.
[[nodiscard]] inline moment as_of(const wire::Timestamp& t, const moment& now)
{
    const auto wall = wall_time(t);
    return {now.at + (wall - now.wall), wall};
}

/// Takes up what became of a run. One that waited waits for its time to be queued, even if that has passed.
[[nodiscard]] inline bool read_state(execution& e, const std::string& bytes, const moment& now)
{
    stored::ActivityState in;
    if (!in.ParseFromString(bytes))
        return false;
    const auto time = [&now](bool there, const wire::Timestamp& t) {
        return there ? std::optional{as_of(t, now)} : std::nullopt;
    };
    e.status = in.status();
    e.attempt = in.attempt();
    e.stamp = in.stamp();
    e.scheduled = as_of(in.scheduled(), now);
    e.dispatch = as_of(in.dispatch(), now);
    e.started = time(in.has_started(), in.started());
    e.attempt_ended = time(in.has_attempt_ended(), in.attempt_ended());
    e.closed = time(in.has_closed(), in.closed());
    if (in.has_retry_interval())
        e.retry_interval = read(in.retry_interval());
    e.worker_identity = in.worker_identity();
    if (in.has_worker_version())
        e.worker_version = version_of(in.worker_version());
    e.sdk_name = in.sdk_name();
    e.sdk_version = in.sdk_version();
    e.heartbeat = time(in.has_heartbeat(), in.heartbeat());
    e.heartbeat_details = in.heartbeat_details();
    e.has_heartbeat_details = in.has_heartbeat_details();
    e.heartbeats = in.heartbeats();
    if (in.has_last_failure())
        e.last_failure = in.last_failure();
    e.cancel_requested = in.cancel_requested();
    e.cancel_identity = in.cancel_identity();
    e.cancel_request = in.cancel_request();
    e.cancel_reason = in.cancel_reason();
    e.terminate_request = in.terminate_request();
    if (in.has_outcome())
        e.outcome = std::move(*in.mutable_outcome());
    e.changes = in.changes();
    e.where = e.outcome ? place::closed : e.stamp != 0 ? place::started : place::delayed;
    e.restored = e.where == place::started;
    return e.where == place::closed
               ? e.closed && e.status != api::enums::ACTIVITY_EXECUTION_STATUS_RUNNING
               : e.status == api::enums::ACTIVITY_EXECUTION_STATUS_RUNNING && (e.where != place::started || e.started);
}

}  // namespace mayfly::temporal::embedded
