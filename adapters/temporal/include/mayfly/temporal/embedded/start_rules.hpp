// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <string_view>

// What a server takes for a start of an activity, and what it fills in.

namespace mayfly::temporal::embedded {

[[nodiscard]] inline grpc::status check_length(std::string_view what, const std::string& text, std::size_t most)
{
    if (text.size() <= most)
        return {};
    return bad_request(std::string(what) + " exceeds length limit. Length=" + std::to_string(text.size()) +
                       " Limit=" + std::to_string(most));
}

/// The policy with the defaults for what it leaves open: 1 s, twice as long each time, up to a hundred times as long.
[[nodiscard]] inline grpc::status complete_retry_policy(api::common::RetryPolicy& p)
{
    const uptime given = read(p.initial_interval());
    if (given == uptime::zero())
        put(*p.mutable_initial_interval(), std::chrono::seconds(1));
    if (p.backoff_coefficient() == 0)
        p.set_backoff_coefficient(2);
    const uptime first = read(p.initial_interval());
    if (read(p.maximum_interval()) == uptime::zero())
        put(*p.mutable_maximum_interval(), std::clamp<uptime>(first, {}, std::chrono::hours(24 * 365)) * 100);
    if (p.maximum_attempts() == 1)
        return {};  // nothing else counts then
    if (first < uptime::zero())
        return bad_request("InitialInterval cannot be negative on retry policy.");
    if (!(p.backoff_coefficient() >= 1) || std::isinf(p.backoff_coefficient()))
        return bad_request("BackoffCoefficient cannot be less than 1 on retry policy.");
    if (read(p.maximum_interval()) < uptime::zero())
        return bad_request("MaximumInterval cannot be negative on retry policy.");
    if (read(p.maximum_interval()) < first)
        return bad_request("MaximumInterval cannot be less than InitialInterval on retry policy.");
    if (p.maximum_attempts() < 0)
        return bad_request("MaximumAttempts cannot be negative on retry policy.");
    return {};
}

/// The four timeouts, where those that are left open follow from the others.
[[nodiscard]] inline grpc::status complete_timeouts(api::StartActivityExecutionRequest& r)
{
    struct row {
        const char* name;
        const wire::Duration& value;
    };
    for (const row& t : {row{"ScheduleToCloseTimeout", r.schedule_to_close_timeout()},
             row{"ScheduleToStartTimeout", r.schedule_to_start_timeout()},
             row{"StartToCloseTimeout", r.start_to_close_timeout()}, row{"HeartbeatTimeout", r.heartbeat_timeout()},
             row{"StartDelay", r.start_delay()}})
        if (read(t.value) < uptime::zero())
            return bad_request("invalid " + std::string(t.name) + ": negative duration");
    const uptime whole = read(r.schedule_to_close_timeout());
    const uptime waiting = read(r.schedule_to_start_timeout());
    const uptime working = read(r.start_to_close_timeout());
    if (whole > uptime::zero()) {
        put(*r.mutable_schedule_to_start_timeout(), waiting > uptime::zero() ? std::min(waiting, whole) : whole);
        put(*r.mutable_start_to_close_timeout(), working > uptime::zero() ? std::min(working, whole) : whole);
    } else if (working == uptime::zero()) {
        return bad_request("a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. "
                           "ActivityId=" +
                           r.activity_id() + " ActivityType=" + r.activity_type().name());
    }
    put(*r.mutable_heartbeat_timeout(), std::min(read(r.heartbeat_timeout()), read(r.start_to_close_timeout())));
    return {};
}

/// Why a server would not take this start; OK, with all that was left open filled in.
[[nodiscard]] inline grpc::status complete_start(api::StartActivityExecutionRequest& r, const limits& l)
{
    if (r.activity_id().empty())
        return bad_request("activityId is not set");
    if (r.activity_type().name().empty())
        return bad_request("activityType is not set");
    if (r.task_queue().name().empty())
        return bad_request("taskQueue is not set");
    for (const auto& [what, text] : {std::pair<const char*, const std::string*>{"activityId", &r.activity_id()},
             {"activityType", &r.activity_type().name()}, {"taskQueue", &r.task_queue().name()},
             {"request ID", &r.request_id()}, {"identity", &r.identity()}})
        if (grpc::status bad = check_length(what, *text, l.id_length); !bad.ok())
            return bad;
    if (r.task_queue().name().starts_with("/_sys/"))
        return bad_request("taskQueue \"" + r.task_queue().name() + "\": names that begin with /_sys/ are reserved");
    if (r.priority().priority_key() < 0 || r.priority().priority_key() > 5)
        return bad_request("invalid priorities: priority key must be from 1 to 5, and is " +
                           std::to_string(r.priority().priority_key()));
    if (r.input().ByteSizeLong() > l.blob)
        return bad_request("input exceeds length limit");
    if (grpc::status bad = complete_retry_policy(*r.mutable_retry_policy()); !bad.ok())
        return bad;
    if (grpc::status bad = complete_timeouts(r); !bad.ok())
        return bad;
    if (r.id_reuse_policy() == api::enums::ACTIVITY_ID_REUSE_POLICY_UNSPECIFIED)
        r.set_id_reuse_policy(api::enums::ACTIVITY_ID_REUSE_POLICY_ALLOW_DUPLICATE);
    if (r.id_conflict_policy() == api::enums::ACTIVITY_ID_CONFLICT_POLICY_UNSPECIFIED)
        r.set_id_conflict_policy(api::enums::ACTIVITY_ID_CONFLICT_POLICY_FAIL);
    return {};
}

}  // namespace mayfly::temporal::embedded
