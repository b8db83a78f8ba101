// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/cron_schedule.hpp>
#include <mayfly/temporal/embedded/workflow_moves.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal::embedded {

/// A run that is to be: its first event, and what does not stand there.
struct run_start {
    std::string name_space{};
    std::string run_id{};
    std::string request_id{};
    api::history::WorkflowExecutionStartedEventAttributes begun{};
    std::optional<api::sdk::UserMetadata> metadata{};
    std::optional<deployment_version> declined{};  ///< That the run before was told of and went on without.
    uptime expires = never;
};

/// How runs come to be: from a call, from a parent, or from an earlier run.
class workflow_starts : public workflow_moves {
protected:
    using workflow_moves::workflow_moves;
    ~workflow_starts() = default;

    static constexpr uptime usual_task_timeout = std::chrono::seconds(10);

    /// It is there from now on, with its first event. `first_task` schedules its task.
    workflow_run& make_run(run_start s, const moment& now)
    {
        auto fresh = std::make_unique<workflow_run>();
        workflow_run& r = *fresh;
        r.name_space = std::move(s.name_space);
        r.workflow_id = s.begun.workflow_id();
        r.run_id = std::move(s.run_id);
        r.request_id = std::move(s.request_id);
        r.first_run_id = s.begun.first_execution_run_id();
        r.began = now;
        r.expires = s.expires;
        r.versioning = versioning_of(s.begun);
        r.versioning.declined = std::move(s.declined);
        r.task_queue = s.begun.task_queue().name();
        r.task_timeout = read(s.begun.workflow_task_timeout());
        r.memo = s.begun.memo();
        r.search_attributes = s.begun.search_attributes();
        r.task.priority = s.begun.priority().priority_key();
        auto& e = r.history.write(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, now);
        *e.mutable_workflow_execution_started_event_attributes() = std::move(s.begun);
        if (s.metadata)
            *e.mutable_user_metadata() = *std::move(s.metadata);
        if (r.versioning.ordered)
            note_ordered(r, *r.versioning.ordered, now);
        return runs_.insert(std::move(fresh));
    }

    void first_task(workflow_run& r, const moment& now)
    {
        const uptime wait = read(r.begun().first_workflow_task_backoff());
        if (wait > uptime::zero())
            r.backoff = after(r.began, wait);
        happened(r, now);
    }

    /// What a call that starts a workflow asks for, whatever its message.
    template <class Request>
    [[nodiscard]] run_start start_of(const Request& q, const moment& now)
    {
        run_start s;
        s.name_space = q.namespace_();
        s.run_id = ids_.uuid();
        s.request_id = q.request_id().empty() ? ids_.uuid() : q.request_id();
        auto& b = s.begun;
        *b.mutable_workflow_type() = q.workflow_type();
        b.set_workflow_id(q.workflow_id());
        b.mutable_task_queue()->set_name(q.task_queue().name());
        b.mutable_task_queue()->set_kind(api::enums::TASK_QUEUE_KIND_NORMAL);
        if (q.has_input())
            *b.mutable_input() = q.input();
        set_timeouts(
            b, read(q.workflow_execution_timeout()), read(q.workflow_run_timeout()), read(q.workflow_task_timeout()));
        if constexpr (requires { q.identity(); })
            b.set_identity(q.identity());
        b.set_original_execution_run_id(s.run_id);
        b.set_first_execution_run_id(s.run_id);
        b.set_attempt(1);
        if (q.has_retry_policy())
            *b.mutable_retry_policy() = q.retry_policy();
        b.set_cron_schedule(q.cron_schedule());
        if (q.has_memo())
            *b.mutable_memo() = q.memo();
        if (q.has_search_attributes())
            *b.mutable_search_attributes() = q.search_attributes();
        if (q.has_header())
            *b.mutable_header() = q.header();
        if (q.has_priority())
            *b.mutable_priority() = q.priority();
        if (q.has_versioning_override())
            *b.mutable_versioning_override() = q.versioning_override();
        if constexpr (requires { q.user_metadata(); })
            if (q.has_user_metadata())
                s.metadata = q.user_metadata();
        uptime wait{};
        if constexpr (requires { q.workflow_start_delay(); })
            wait = read(q.workflow_start_delay());
        if (!q.cron_schedule().empty())
            b.set_initiator(api::enums::CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE);
        if constexpr (requires { q.request_eager_execution(); })
            if (q.request_eager_execution())
                b.set_eager_execution_accepted(true);
        if (wait == uptime::zero() && !q.cron_schedule().empty())
            wait = cron_wait(q.cron_schedule(), now, now);
        put(*b.mutable_first_workflow_task_backoff(), wait);
        if constexpr (requires { q.continued_failure(); }) {
            if (q.has_continued_failure())
                *b.mutable_continued_failure() = q.continued_failure();
            if (q.has_last_completion_result())
                *b.mutable_last_completion_result() = q.last_completion_result();
        }
        if (const uptime all = read(b.workflow_execution_timeout()); all > uptime::zero()) {
            const moment end = after(after(now, wait), all);
            s.expires = end.at;
            put(*b.mutable_workflow_execution_expiration_time(), end);
        }
        return s;
    }

    static void set_timeouts(
        api::history::WorkflowExecutionStartedEventAttributes& b, uptime all, uptime run, uptime task)
    {
        if (all > uptime::zero())
            run = run > uptime::zero() ? std::min(run, all) : all;
        if (task == uptime::zero())
            task = usual_task_timeout;
        task = std::min<uptime>(task, std::chrono::minutes(2));
        if (run > uptime::zero())
            task = std::min(task, run);
        b.clear_workflow_execution_timeout();
        b.clear_workflow_run_timeout();
        if (all > uptime::zero())
            put(*b.mutable_workflow_execution_timeout(), all);
        if (run > uptime::zero())
            put(*b.mutable_workflow_run_timeout(), run);
        put(*b.mutable_workflow_task_timeout(), task);
    }

    // Runs that follow others.

    /// The first event of a run that goes on where this one ends, but for what it goes on with.
    [[nodiscard]] run_start successor(
        const workflow_run& r, api::enums::ContinueAsNewInitiator by, uptime wait, const moment& now)
    {
        run_start s;
        s.name_space = r.name_space;
        s.run_id = ids_.uuid();
        s.request_id = ids_.uuid();
        s.expires = r.expires;
        auto& b = s.begun;
        const auto& old = r.begun();
        b = old;
        b.set_continued_execution_run_id(r.run_id);
        b.set_initiator(by);
        b.set_original_execution_run_id(s.run_id);
        b.set_first_execution_run_id(r.first_run_id);
        b.set_attempt(by == api::enums::CONTINUE_AS_NEW_INITIATOR_RETRY ? old.attempt() + 1 : 1);
        b.clear_identity();
        b.clear_eager_execution_accepted();
        b.clear_continued_failure();
        b.clear_last_completion_result();
        b.clear_versioning_override();
        b.clear_inherited_pinned_version();
        b.clear_inherited_auto_upgrade_info();
        put(*b.mutable_first_workflow_task_backoff(), at_least_a_second(r, wait, now));
        return s;
    }

    /// Runs that follow one another do not do so more often than once a second.
    [[nodiscard]] static uptime at_least_a_second(const workflow_run& r, uptime wait, const moment& now)
    {
        const uptime backed_off = read(r.begun().first_workflow_task_backoff());
        const uptime since = now.at - later(r.began.at, backed_off);
        const uptime lived = since >= uptime::zero() ? since : now.at - r.began.at;
        return lived + wait < std::chrono::seconds(1) ? std::chrono::seconds(1) - lived : wait;
    }

    [[nodiscard]] static uptime cron_wait(const std::string& schedule, const moment& last, const moment& now)
    {
        const auto parsed = cron_schedule::parse(schedule);
        const auto wait = parsed ? parsed->wait(last.wall, now.wall) : std::nullopt;
        return wait.value_or(std::chrono::hours(24 * 365));
    }

    struct next_try {
        api::enums::RetryState state = api::enums::RETRY_STATE_RETRY_POLICY_NOT_SET;
        std::optional<uptime> wait{};
    };

    /// Whether this run's policy has it run again after this failure, and when.
    [[nodiscard]] static next_try retry_of(
        const workflow_run& r, const api::failure::Failure& failure, const moment& now)
    {
        using namespace api::enums;
        if (!r.begun().has_retry_policy())
            return {};
        const auto& policy = r.begun().retry_policy();
        const auto listed = [&policy](const std::string& type) {
            const auto& types = policy.non_retryable_error_types();
            return std::find(types.begin(), types.end(), type) != types.end();
        };
        const auto& application = failure.application_failure_info();
        const bool final_one =
            failure.has_terminated_failure_info() || failure.has_canceled_failure_info() ||
            (failure.has_timeout_failure_info() &&
                failure.timeout_failure_info().timeout_type() != TIMEOUT_TYPE_START_TO_CLOSE &&
                failure.timeout_failure_info().timeout_type() != TIMEOUT_TYPE_HEARTBEAT) ||
            (failure.has_server_failure_info() && failure.server_failure_info().non_retryable()) ||
            (failure.has_application_failure_info() && (application.non_retryable() || listed(application.type())));
        if (final_one)
            return {RETRY_STATE_NON_RETRYABLE_FAILURE, {}};
        if (policy.maximum_attempts() > 0 && r.begun().attempt() >= policy.maximum_attempts())
            return {RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, {}};
        uptime wait = read(policy.initial_interval());
        const double grown =
            static_cast<double>(wait.count()) * std::pow(policy.backoff_coefficient(), r.begun().attempt() - 1);
        wait = grown < 9e15 ? uptime(static_cast<uptime::rep>(grown)) : uptime(std::chrono::hours(24 * 365));
        if (application.has_next_retry_delay())
            wait = read(application.next_retry_delay());
        if (const uptime most = read(policy.maximum_interval()); most > uptime::zero())
            wait = std::min(wait, most);
        if (r.expires != never && later(now.at, wait) > r.expires)
            return {RETRY_STATE_TIMEOUT, {}};
        return {RETRY_STATE_IN_PROGRESS, wait};
    }
};

}  // namespace mayfly::temporal::embedded
