// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/workflow/intents.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <chrono>
#include <optional>
#include <utility>

// What several commands have alike.

namespace mayfly::temporal::workflow::detail {

/// `set` is the field's mutable accessor. Zero stays unset.
template <class Message>
void put_span(Message& m, wire::Duration* (Message::*set)(), std::chrono::nanoseconds span)
{
    if (span.count() > 0)
        *(m.*set)() = to_wire(span);
}

template <class Message>
void put_retry(Message& m, const std::optional<activity_retry>& retry)
{
    if (retry)
        *m.mutable_retry_policy() = temporal::detail::policy_of(*retry);
}

template <class Message>
void put_priority(Message& m, const activity_priority& p)
{
    if (p == activity_priority{})
        return;
    m.mutable_priority()->set_priority_key(p.key);
    m.mutable_priority()->set_fairness_key(p.fairness_key);
    m.mutable_priority()->set_fairness_weight(p.fairness_weight);
}

/// Only what holds something: an empty message still counts as one that was set.
template <class Payloads>
[[nodiscard]] bool has_any(const Payloads& p)
{
    return p.ByteSizeLong() != 0;
}

inline void put_words(api::command::Command& c, step_words words)
{
    if (has_any(words.summary))
        *c.mutable_user_metadata()->mutable_summary() = std::move(words.summary);
    if (has_any(words.details))
        *c.mutable_user_metadata()->mutable_details() = std::move(words.details);
}

}  // namespace mayfly::temporal::workflow::detail
