// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "output.hpp"
#include "payload_output.hpp"

#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/times.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>

// What `mayfly activity` tells, as JSON values.

namespace examples {

/// Seconds, or null for what was not set.
[[nodiscard]] inline json::value seconds(const temporal::wire::Duration& d)
{
    const auto ns = temporal::from_wire(d);
    return ns.count() == 0 ? json::value(nullptr) : json::value(std::chrono::duration<double>(ns).count());
}

[[nodiscard]] inline json::object to_json(const temporal::activity_entry& e)
{
    return {{"id", e.key.id}, {"run_id", e.key.run_id}, {"type", e.type}, {"status", to_string(e.status)},
        {"task_queue", e.task_queue}, {"scheduled", shown(e.scheduled)}, {"closed", shown(e.closed)}};
}

[[nodiscard]] inline json::object to_json(const temporal::activity_description& d)
{
    json::object out = to_json(static_cast<const temporal::activity_entry&>(d));
    out["attempt"] = d.attempt;
    out["last_worker"] = d.last_worker;
    out["last_started"] = shown(d.last_started);
    out["last_heartbeat"] = shown(d.last_heartbeat);
    out["next_attempt"] = shown(d.next_attempt);
    out["expires"] = shown(d.expires);
    out["start_to_close"] = seconds(d.info.start_to_close_timeout());
    out["schedule_to_close"] = seconds(d.info.schedule_to_close_timeout());
    out["schedule_to_start"] = seconds(d.info.schedule_to_start_timeout());
    out["heartbeat_timeout"] = seconds(d.info.heartbeat_timeout());
    out["cancel_reason"] = d.cancel_reason;
    out["last_failure"] = d.last_failure ? json::value(temporal::describe(*d.last_failure)) : json::value(nullptr);
    if (d.info.has_heartbeat_details())
        out["heartbeat_details"] = shown(d.info.heartbeat_details());
    if (d.info.has_user_metadata() && d.info.user_metadata().has_summary())
        out["summary"] = shown(d.info.user_metadata().summary());
    if (d.input)
        out["input"] = shown(*d.input);
    if (d.outcome && d.outcome->has_failure())
        out["failure"] = temporal::describe(d.outcome->failure());
    else if (d.outcome)
        out["result"] = shown(d.outcome->result());
    return out;
}

}  // namespace examples
