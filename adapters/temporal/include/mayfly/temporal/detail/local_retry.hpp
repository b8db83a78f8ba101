// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/intents.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

// When a local activity that failed is tried again, and by whom. Pure.

namespace mayfly::temporal::detail {

enum class local_next : std::uint8_t {
    ends,      ///< The failure is its outcome.
    again,     ///< Here, after the wait.
    backs_off  ///< The wait is too long for a workflow task: the workflow waits, with a timer.
};

struct local_verdict {
    local_next next = local_next::ends;
    std::chrono::nanoseconds wait{};
    friend bool operator==(const local_verdict&, const local_verdict&) = default;
};

/// The wait after this attempt by the policy alone. What is not set is as servers have it.
[[nodiscard]] inline std::chrono::nanoseconds backoff_of(const activity_retry& policy, std::uint32_t attempt)
{
    using namespace std::chrono;
    const nanoseconds first = policy.initial_interval.count() > 0 ? policy.initial_interval : seconds{1};
    const nanoseconds most =
        policy.maximum_interval.count() > 0 ? policy.maximum_interval : std::min<nanoseconds>(first, hours{24}) * 100;
    const double factor = policy.backoff >= 1 ? policy.backoff : 2.0;
    const double wait = static_cast<double>(first.count()) * std::pow(factor, attempt - 1);
    return wait < static_cast<double>(most.count()) ? nanoseconds(static_cast<nanoseconds::rep>(wait)) : most;
}

/// Whether a failure of this kind may pass at all.
[[nodiscard]] inline bool may_be_retried(const api::failure::Failure& f, const activity_retry& policy)
{
    if (f.has_timeout_failure_info())
        return f.timeout_failure_info().timeout_type() == api::enums::TIMEOUT_TYPE_START_TO_CLOSE;
    if (f.has_canceled_failure_info() || f.has_terminated_failure_info())
        return false;
    if (f.has_server_failure_info())
        return !f.server_failure_info().non_retryable();
    const auto& types = policy.non_retryable_types;
    const auto& info = f.application_failure_info();
    return !info.non_retryable() && std::find(types.begin(), types.end(), info.type()) == types.end();
}

/// `attempt` failed, `since` after the first one was scheduled; `delay` is what the failure itself asks for.
[[nodiscard]] inline local_verdict after_failure(const workflow::schedule_local_activity& what, std::uint32_t attempt,
    const api::failure::Failure& f, std::chrono::nanoseconds since, std::chrono::nanoseconds delay)
{
    const activity_retry policy = what.retry.value_or(activity_retry{});
    if (!may_be_retried(f, policy) ||
        (policy.maximum_attempts > 0 && attempt >= static_cast<std::uint32_t>(policy.maximum_attempts)))
        return {};
    const auto wait = delay.count() > 0 ? delay : backoff_of(policy, attempt);
    if (what.schedule_to_close.count() > 0 && what.schedule_to_close - since <= wait)
        return {};
    return {wait <= what.local_retry_threshold ? local_next::again : local_next::backs_off, wait};
}

}  // namespace mayfly::temporal::detail
