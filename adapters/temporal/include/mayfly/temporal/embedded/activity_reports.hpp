// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/activity_calls.hpp>
#include <mayfly/temporal/embedded/activity_store.hpp>
#include <mayfly/temporal/embedded/failures.hpp>
#include <mayfly/temporal/embedded/ids.hpp>
#include <mayfly/temporal/embedded/start_rules.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <string>
#include <utility>

namespace mayfly::temporal::embedded {

/// Activities, for workers. The calls by token and those by id are the same but for how they name the attempt.
class activity_reports : public activity_calls {
public:
    template <class Response, class Request>
    [[nodiscard]] answered<Response> complete_task(const Request& r, const caller& who)
    {
        const auto found = target(r, true);
        if (!found)
            return found.error();
        execution& e = **found;
        if (!e.started)
            e.started = who.now;  // completed by id before any worker had it
        e.attempt_ended = who.now;
        e.worker_identity = r.identity();
        if (r.result().ByteSizeLong() > limits_.blob) {
            close_failed(e, server_failure("Complete result exceeds size limit."),
                api::enums::RETRY_STATE_NON_RETRYABLE_FAILURE, who.now);
            return Response();
        }
        api::activity::ActivityExecutionOutcome outcome;
        *outcome.mutable_result() = r.result();
        close(e, api::enums::ACTIVITY_EXECUTION_STATUS_COMPLETED, std::move(outcome), who.now);
        return Response();
    }

    template <class Response, class Request>
    [[nodiscard]] answered<Response> fail_task(const Request& r, const caller& who)
    {
        if (r.has_failure() && !r.failure().has_application_failure_info())
            return bad_request("Failure must have ApplicationFailureInfo.");
        const auto found = target(r, false);
        if (!found)
            return found.error();
        execution& e = **found;
        Response out;
        if (r.has_last_heartbeat_details()) {
            if (r.last_heartbeat_details().ByteSizeLong() > limits_.blob)
                *out.add_failures() = server_failure("Heartbeat details exceed size limit.");
            else if (!make_room(r.last_heartbeat_details().ByteSizeLong()))
                *out.add_failures() = server_failure(no_room().message);
            else
                note_heartbeat(e, r.last_heartbeat_details(), who.now);
        }
        api::failure::Failure failure = r.failure();
        if (!r.has_failure())
            failure.set_message("activity task failed without failure details");
        bool retryable = !failure.application_failure_info().non_retryable() &&
                         !e.never_retried(failure.application_failure_info().type());
        const uptime delay = read(failure.application_failure_info().next_retry_delay());
        if (failure.ByteSizeLong() > limits_.blob) {
            api::failure::Failure cut = server_failure("Failure exceeds size limit.");
            *cut.mutable_cause() = cut_failure(failure, limits_.blob / 4);
            *out.add_failures() = cut;
            failure = std::move(cut);
            retryable = false;
        }
        e.worker_identity = r.identity();
        const auto state = try_again(e, retryable, delay, failure, who.now);
        if (state != api::enums::RETRY_STATE_IN_PROGRESS)
            close_failed(e, std::move(failure), state, who.now);
        return out;
    }

    template <class Response, class Request>
    [[nodiscard]] answered<Response> cancel_task(const Request& r, const caller& who)
    {
        const auto found = target(r, false);
        if (!found)
            return found.error();
        if (!(*found)->cancel_requested)
            return bad_request("unable to mark activity as canceled without activity being request canceled first");
        (*found)->attempt_ended = who.now;
        (*found)->worker_identity = r.identity();
        close_canceled(**found, r.details(), who.now);
        return Response();
    }

    template <class Response, class Request>
    [[nodiscard]] answered<Response> heartbeat(const Request& r, const caller& who)
    {
        const auto found = target(r, false);
        if (!found)
            return found.error();
        execution& e = **found;
        Response out;
        if (r.details().ByteSizeLong() > limits_.blob) {
            close_failed(e, server_failure("Heartbeat details exceed size limit."),
                api::enums::RETRY_STATE_NON_RETRYABLE_FAILURE, who.now);
            out.set_cancel_requested(true);
            return out;
        }
        if (!make_room(r.details().ByteSizeLong()))
            return no_room();
        note_heartbeat(e, r.details(), who.now);
        watch(e);
        out.set_cancel_requested(e.cancel_requested);
        return out;
    }

protected:
    using activity_calls::activity_calls;
    ~activity_reports() = default;

private:
    /// The activity that a worker reports on. With `idle_too`, by its id also one that no worker has.
    template <class Request>
    [[nodiscard]] answered<execution*> target(const Request& r, bool idle_too) const
    {
        if (grpc::status bad = check_length("identity", r.identity(), limits_.id_length); !bad.ok())
            return bad;
        if constexpr (requires { r.task_token(); }) {
            const auto token = read_token(r.task_token());
            if (!token)
                return bad_request("Error deserializing task token.");
            execution* const e = find_attempt(*token);
            if (e == nullptr)
                return not_found("activity task not found");
            if (!r.namespace_().empty() && r.namespace_() != e->name_space())
                return bad_request("token does not match namespace");
            return e;
        } else {
            if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
                return bad;
            if (r.activity_id().empty())
                return bad_request("ActivityId is not set on request.");
            const auto found = r.workflow_id().empty()
                                   ? answered<execution*>(store_.find(r.namespace_(), r.activity_id(), r.run_id()))
                                   : find_owned(r.namespace_(), r.workflow_id(), r.run_id(), r.activity_id());
            if (!found)
                return found.error();
            execution* const e = *found;
            if (e == nullptr)
                return not_found("activity not found for ID: " + r.activity_id());
            if (e->where != place::started && !(idle_too && e->open()))
                return not_found("activity task not found");
            return e;
        }
    }
};

}  // namespace mayfly::temporal::embedded
