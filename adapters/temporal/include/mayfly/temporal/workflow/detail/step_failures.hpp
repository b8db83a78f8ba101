// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/activation.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <cstdint>
#include <string>
#include <utility>

// Failures as code is to see them: what failed, and within it why.

namespace mayfly::temporal::workflow::detail {

inline constexpr const char* words_source = "mayfly";

[[nodiscard]] inline api::failure::Failure said(const char* message)
{
    api::failure::Failure f;
    f.set_message(message);
    f.set_source(words_source);
    return f;
}

[[nodiscard]] inline api::failure::Failure cancelled_because(const char* message, api::common::Payloads details = {})
{
    auto f = said(message);
    *f.mutable_canceled_failure_info()->mutable_details() = std::move(details);
    return f;
}

[[nodiscard]] inline api::failure::Failure application(const char* message, const char* type)
{
    auto f = said(message);
    f.mutable_application_failure_info()->set_type(type);
    f.mutable_application_failure_info()->set_non_retryable(true);
    return f;
}

struct activity_names {
    std::string id{};
    std::string type{};
    std::int64_t scheduled = 0;
};

[[nodiscard]] inline api::failure::Failure activity_failure(const char* message, const activity_names& a,
    std::int64_t started, const std::string& identity, api::enums::RetryState retry, api::failure::Failure cause)
{
    auto f = said(message);
    auto& info = *f.mutable_activity_failure_info();
    info.set_scheduled_event_id(a.scheduled);
    info.set_started_event_id(started);
    info.set_identity(identity);
    info.mutable_activity_type()->set_name(a.type);
    info.set_activity_id(a.id);
    info.set_retry_state(retry);
    *f.mutable_cause() = std::move(cause);
    return f;
}

struct child_names {
    std::string name_space{};
    std::string id{};
    std::string run_id{};
    std::string type{};
    std::int64_t initiated = 0;
    std::int64_t started = 0;
};

[[nodiscard]] inline api::failure::Failure child_failure(
    const char* message, const child_names& c, api::enums::RetryState retry, api::failure::Failure cause)
{
    auto f = said(message);
    auto& info = *f.mutable_child_workflow_execution_failure_info();
    info.set_namespace_(c.name_space);
    info.mutable_workflow_execution()->set_workflow_id(c.id);
    info.mutable_workflow_execution()->set_run_id(c.run_id);
    info.mutable_workflow_type()->set_name(c.type);
    info.set_initiated_event_id(c.initiated);
    info.set_started_event_id(c.started);
    info.set_retry_state(retry);
    *f.mutable_cause() = std::move(cause);
    return f;
}

[[nodiscard]] inline resolution completed_with(api::common::Payloads result)
{
    resolution r;
    r.result = std::move(result);
    return r;
}

[[nodiscard]] inline resolution ended_with(resolution::kind how, api::failure::Failure why)
{
    resolution r;
    r.how = how;
    r.failure = std::move(why);
    return r;
}

}  // namespace mayfly::temporal::workflow::detail
