// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/activity_store.hpp>
#include <mayfly/temporal/embedded/activity_views.hpp>
#include <mayfly/temporal/embedded/alarms.hpp>
#include <mayfly/temporal/embedded/deployment_store.hpp>
#include <mayfly/temporal/embedded/failures.hpp>
#include <mayfly/temporal/embedded/ids.hpp>
#include <mayfly/temporal/embedded/namespaces.hpp>
#include <mayfly/temporal/embedded/task_queues.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/embedded/waiting_calls.hpp>
#include <mayfly/temporal/embedded/worker_list.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/** What becomes of activities once they are accepted: they are queued, handed out, tried again, closed and forgotten,
    and whoever waits for that is told.

    The calls that bring it about are in the classes above: `activity_calls`, `activity_reports`, `queue_calls` and, as
    the whole, `engine`.
*/
class activity_life {
public:
    activity_life(const activity_life&) = delete;
    activity_life& operator=(const activity_life&) = delete;

    // Answers, as they come out of `engine::take_outputs`.

    void tell(ticket id, grpc::status s) { answers_.push_back({id, std::move(s), {}, {}}); }
    void tell(ticket id, std::string message) { answers_.push_back({id, {}, std::move(message), {}}); }
    template <class Response>
    void tell(ticket id, const answered<Response>& a)
    {
        if (a)
            tell(id, a->SerializeAsString());
        else
            tell(id, a.error());
    }

    /// Nobody could take the answer that hands this out: the task goes back to where it stood, for others. That counts
    /// as no attempt. One that was reported on meanwhile stays as it is.
    void give_back(const attempt_id& a, const moment& now)
    {
        execution* const e = find_attempt(a);
        if (e == nullptr)
            return give_back_other(a, now);
        queues_.task_ended(*e, now);
        if (e->cancel_requested) {
            api::common::Payloads details;
            *details.add_payloads() = text_payload(e->cancel_reason);
            return close_canceled(*e, details, now);
        }
        e->stamp = 0;
        e->started.reset();
        store_of(*e).touch(*e);
        enqueue(*e, now);
    }

protected:
    activity_life(limits l, std::uint64_t seed) : limits_(l), ids_(seed) {}
    ~activity_life() = default;

    // What workflows do with it.

    /// One that a workflow started has its outcome.
    virtual void owned_closed(execution& e, const moment& now) = 0;
    /// A task that is no activity's has met a poll.
    virtual void hand_out_other(queued_task& t, const parked_poll& p, const known_poller& w, const moment& now) = 0;
    virtual void give_back_other(const attempt_id& a, const moment& now) = 0;
    /// Whether an activity of a workflow that meets this poll must wait for the workflow to go over to another version.
    [[nodiscard]] virtual bool held_back(const execution& e, const parked_poll& p) = 0;
    /// Workflows that are to go over because of that begin to.
    virtual void move_on(const moment& now) = 0;
    /// Where a waiting task of a workflow belongs.
    [[nodiscard]] virtual std::optional<deployment_version> target_of(
        const queued_task& t, const queue_routing& routing) const = 0;

    /// The activity of a run that has this id; null if there is none. Without a run, of the latest one.
    [[nodiscard]] virtual answered<execution*> find_owned(const std::string& name_space, const std::string& workflow,
        const std::string& run, const std::string& activity) const = 0;

    [[nodiscard]] activity_store& store_of(const execution& e) { return e.owner != nullptr ? owned_ : store_; }

    /// The activity whose attempt that is; null if it is nobody's any more.
    [[nodiscard]] execution* find_attempt(const attempt_id& a) const
    {
        execution* e = store_.find_run(a.run_id);
        if (e == nullptr)
            e = owned_.find_run(a.run_id);
        return e != nullptr && e->where == place::started && e->stamp == a.stamp ? e : nullptr;
    }

    void watch(execution& e) { due_.set(e, e.next_event()); }

    /// Whoever waits for a change is told.
    void changed(execution& e)
    {
        ++e.changes;
        store_of(e).weigh(e);
        watch(e);
        for (const ticket id : std::set<ticket>(e.waiting)) {
            std::optional<std::string> message = waits_.find(id)->message();
            if (!message)
                continue;
            waits_.forget(id);
            tell(id, *std::move(message));
        }
    }

    void enqueue(execution& e, const moment& now)
    {
        const queue_routing routing =
            deployments_.routing_of(e.name_space(), e.request.task_queue().name(), task_type::activity);
        const std::optional<deployment_version> version =
            e.owner != nullptr ? target_of(e, routing) : routing.target(e.id());
        if (!queues_.add(e, queue_of(e), version, now)) {
            // There are too many queues to make this one again: once more in a second.
            e.where = place::delayed;
            e.dispatch = after(now, std::chrono::seconds(1));
            return watch(e);
        }
        e.where = place::queued;
        watch(e);
        hand_out(*e.queue, now);
    }

    void hand_out(task_queue& q, const moment& now)
    {
        const auto withhold = [this](queued_task& t, const parked_poll& p) {
            if (t.kind != task_kind::activity || static_cast<execution&>(t).owner == nullptr)
                return false;
            execution& e = static_cast<execution&>(t);
            if (!held_back(e, p))
                return false;
            e.where = place::held;
            watch(e);
            return true;
        };
        queues_.hand_out(q, now, withhold, [this, &now](queued_task& t, const parked_poll& p, const known_poller& w) {
            if (t.kind != task_kind::activity)
                return hand_out_other(t, p, w, now);
            execution& e = static_cast<execution&>(t);
            attempt_id attempt = begin_attempt(e, w.key.identity, p.version, now);
            e.sdk_name = p.client_name;
            e.sdk_version = p.client_version;
            changed(e);
            api::PollActivityTaskQueueResponse task = task_of(e);
            task.set_task_token(token_of(attempt));
            answers_.push_back({p.id, {}, task.SerializeAsString(), std::move(attempt)});
        });
        move_on(now);
    }

    [[nodiscard]] attempt_id begin_attempt(
        execution& e, const std::string& identity, const std::optional<deployment_version>& version, const moment& now)
    {
        e.where = place::started;
        e.stamp = ids_.number();
        e.started = now;
        e.worker_identity = identity;
        e.worker_version = version;
        e.earlier_failure = e.last_failure;
        if (e.owner != nullptr)
            e.request_id = ids_.uuid();
        return {e.run_id, e.stamp};
    }

    /// Waiting tasks go where the routing says now.
    void follow_routing(const moment& now)
    {
        if (routing_ == deployments_.routing_revision())
            return;
        routing_ = deployments_.routing_revision();
        for (const auto& [key, q] : queues_.all()) {
            const queue_routing routing = deployments_.routing_of(key.name_space, key.name, key.type);
            if (q->reroute([this, &routing](const queued_task& t) -> std::optional<deployment_version> {
                    const auto* const e = t.kind == task_kind::activity ? static_cast<const execution*>(&t) : nullptr;
                    return e != nullptr && e->owner == nullptr ? routing.target(e->id()) : target_of(t, routing);
                }))
                hand_out(*q, now);
        }
    }

    void note_heartbeat(execution& e, const api::common::Payloads& details, const moment& now)
    {
        e.heartbeat = now;
        e.heartbeat_details = details;
        e.has_heartbeat_details = true;
        ++e.heartbeats;
        store_of(e).weigh(e);
    }

    /// Another attempt, if there may be one. IN_PROGRESS: it is under way; else why not, and nothing has changed.
    [[nodiscard]] api::enums::RetryState try_again(
        execution& e, bool retryable, uptime delay, const api::failure::Failure& failure, const moment& now)
    {
        if (e.cancel_requested)
            return api::enums::RETRY_STATE_CANCEL_REQUESTED;
        if (!retryable)
            return api::enums::RETRY_STATE_NON_RETRYABLE_FAILURE;
        const std::int32_t most = e.request.retry_policy().maximum_attempts();
        if (most > 0 && e.attempt >= most)
            return api::enums::RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED;
        const uptime wait = delay > uptime::zero() ? delay : e.backoff();
        if (e.close_deadline() != never && later(now.at, wait) >= e.close_deadline())
            return api::enums::RETRY_STATE_TIMEOUT;
        queues_.task_ended(e, now);
        e.stamp = 0;
        ++e.attempt;
        e.last_failure = make_room(failure.ByteSizeLong()) ? failure : cut_failure(failure, 1'000);
        e.attempt_ended = now;
        e.retry_interval = wait;
        e.dispatch = after(now, wait);
        e.queue_order = 0;
        e.where = place::delayed;
        changed(e);
        return api::enums::RETRY_STATE_IN_PROGRESS;
    }

    void close(execution& e, api::enums::ActivityExecutionStatus status,
        api::activity::ActivityExecutionOutcome outcome, const moment& now)
    {
        if (e.where == place::queued)
            e.queue->remove(e);
        queues_.task_ended(e, now);
        e.stamp = 0;
        e.where = place::closed;
        e.status = status;
        e.outcome = std::move(outcome);
        e.closed = now;
        if (e.owner != nullptr) {
            due_.set(e, never);
            return owned_closed(e, now);
        }
        store_.closed(e);
        changed(e);
        while (store_.closed() > limits_.closed_activities || (store_.bytes() > limits_.bytes && store_.closed() > 1))
            forget(*store_.oldest_closed());
    }

    void close_failed(execution& e, api::failure::Failure failure, api::enums::RetryState state, const moment& now)
    {
        e.attempt_ended = now;
        e.last_failure = failure;
        e.retry_interval.reset();
        close_with(e, api::enums::ACTIVITY_EXECUTION_STATUS_FAILED, std::move(failure), state, now);
    }

    void close_with(execution& e, api::enums::ActivityExecutionStatus status, api::failure::Failure failure,
        api::enums::RetryState state, const moment& now)
    {
        api::activity::ActivityExecutionOutcome outcome;
        *outcome.mutable_failure() = std::move(failure);
        if (state != api::enums::RETRY_STATE_UNSPECIFIED)
            outcome.set_retry_state(state);
        close(e, status, std::move(outcome), now);
    }

    void close_canceled(execution& e, const api::common::Payloads& details, const moment& now)
    {
        api::failure::Failure f;
        f.set_message("Activity canceled");
        *f.mutable_canceled_failure_info()->mutable_details() = details;
        f.mutable_canceled_failure_info()->set_identity(e.cancel_identity);
        close_with(
            e, api::enums::ACTIVITY_EXECUTION_STATUS_CANCELED, std::move(f), api::enums::RETRY_STATE_UNSPECIFIED, now);
    }

    void close_terminated(execution& e, const std::string& reason, const std::string& identity, const moment& now)
    {
        api::failure::Failure f;
        f.set_message(reason);
        f.mutable_terminated_failure_info()->set_identity(identity);
        close_with(e, api::enums::ACTIVITY_EXECUTION_STATUS_TERMINATED, std::move(f),
            api::enums::RETRY_STATE_UNSPECIFIED, now);
    }

    // Timeouts.

    void is_due(execution& e, const moment& now)
    {
        // Both are often due at once: then it is told that no worker came.
        const bool waits = e.where != place::started;
        const bool unstarted = waits && e.schedule_to_start != uptime::zero() &&
                               later(e.dispatch.at, e.schedule_to_start) <= std::min(now.at, e.close_deadline());
        if (e.close_deadline() <= now.at && !unstarted)
            return close_timed_out(e, timeout_failure(api::enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE),
                e.cancel_requested ? api::enums::RETRY_STATE_CANCEL_REQUESTED : api::enums::RETRY_STATE_TIMEOUT, now);
        switch (e.where) {
        case place::delayed: return enqueue(e, now);
        case place::queued:
        case place::held:
            return close_timed_out(
                e, timeout_failure(api::enums::TIMEOUT_TYPE_SCHEDULE_TO_START), api::enums::RETRY_STATE_TIMEOUT, now);
        case place::started:
            return attempt_timed_out(e,
                later(e.started->at, e.start_to_close) <= now.at ? api::enums::TIMEOUT_TYPE_START_TO_CLOSE
                                                                 : api::enums::TIMEOUT_TYPE_HEARTBEAT,
                now);
        case place::closed: return;
        }
    }

    void attempt_timed_out(execution& e, api::enums::TimeoutType type, const moment& now)
    {
        const api::failure::Failure failure = timeout_failure(type);
        const bool retryable = !e.never_retried("TemporalTimeout:" + std::string(timeout_word(type)));
        const auto state = try_again(e, retryable, {}, failure, now);
        if (state == api::enums::RETRY_STATE_IN_PROGRESS)
            return;
        e.attempt_ended = now;
        e.retry_interval.reset();
        if (state != api::enums::RETRY_STATE_TIMEOUT)
            return close_timed_out(e, failure, state, now);
        api::failure::Failure late = timeout_failure(api::enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE);
        late.set_message("no time is left for another attempt before the activity ScheduleToClose timeout");
        *late.mutable_cause() = failure;
        close_timed_out(e, std::move(late), state, now);
    }

    void close_timed_out(execution& e, api::failure::Failure f, api::enums::RetryState state, const moment& now)
    {
        if (e.has_heartbeat_details)
            *f.mutable_timeout_failure_info()->mutable_last_heartbeat_details() = e.heartbeat_details;
        if (e.last_failure && !f.has_cause())
            *f.mutable_cause() = *e.last_failure;
        close_with(e, api::enums::ACTIVITY_EXECUTION_STATUS_TIMED_OUT, std::move(f), state, now);
    }

    // Room.

    /// A closed one is gone for good.
    void forget(execution& e)
    {
        for (const ticket id : std::set<ticket>(e.waiting)) {
            waits_.forget(id);
            tell(id, not_found("activity not found for ID: " + e.id()));
        }
        store_.erase(e);
    }

    [[nodiscard]] uptime forgotten_at(const execution& e) const
    {
        return later(e.closed->at, names_.retention(e.name_space()));
    }

    /// Closed activities go for it, those that closed first. False if that is not enough.
    [[nodiscard]] bool make_room(std::size_t bytes)
    {
        while (store_.bytes() + bytes > limits_.bytes && store_.oldest_closed() != nullptr)
            forget(*store_.oldest_closed());
        return store_.bytes() + bytes <= limits_.bytes;
    }

    [[nodiscard]] grpc::status no_room() const
    {
        return exhausted("The service keeps at most " + std::to_string(limits_.bytes) +
                         " bytes of activities; wait until some of them have ended.");
    }

    const limits limits_;
    id_source ids_;
    namespaces names_{limits_};
    task_queues queues_{limits_};
    deployment_store deployments_{};
    worker_list workers_{};
    activity_store store_{};
    activity_store owned_{};  // by workflows; one leaves it with its outcome
    waiting_calls waits_{limits_};
    alarms<execution> due_{};
    std::vector<answer> answers_{};
    std::uint64_t routing_ = 0;
};

}  // namespace mayfly::temporal::embedded
