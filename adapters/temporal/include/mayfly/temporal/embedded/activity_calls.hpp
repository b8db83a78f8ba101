// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/activity_life.hpp>
#include <mayfly/temporal/embedded/activity_query.hpp>
#include <mayfly/temporal/embedded/activity_store.hpp>
#include <mayfly/temporal/embedded/activity_views.hpp>
#include <mayfly/temporal/embedded/ids.hpp>
#include <mayfly/temporal/embedded/pages.hpp>
#include <mayfly/temporal/embedded/start_rules.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <memory>
#include <string>
#include <utility>

namespace mayfly::temporal::embedded {

/// Activities, for clients.
class activity_calls : public activity_life {
public:
    [[nodiscard]] answered<api::StartActivityExecutionResponse> start_activity(
        api::StartActivityExecutionRequest r, const caller& who)
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        if (grpc::status bad = complete_start(r, limits_); !bad.ok())
            return bad;
        if (r.request_id().empty())
            r.set_request_id(ids_.uuid());
        if (const execution* const known = store_.find(r.namespace_(), r.activity_id(), "")) {
            if (known->request.request_id() == r.request_id())
                return start_answer(*known, false);
            if (known->open() && r.id_conflict_policy() == api::enums::ACTIVITY_ID_CONFLICT_POLICY_USE_EXISTING)
                return start_answer(*known, false);
            const bool reuse =
                r.id_reuse_policy() == api::enums::ACTIVITY_ID_REUSE_POLICY_ALLOW_DUPLICATE ||
                (r.id_reuse_policy() == api::enums::ACTIVITY_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY &&
                    known->status != api::enums::ACTIVITY_EXECUTION_STATUS_COMPLETED);
            if (known->open() || !reuse)
                return already_started(*known);
        }
        if (store_.open() >= limits_.open_activities)
            return exhausted("The service keeps at most " + std::to_string(limits_.open_activities) +
                             " open activities; wait until some of them have ended.");
        auto fresh = std::make_unique<execution>();
        execution& e = *fresh;
        e.run_id = ids_.uuid();
        e.request = std::move(r);
        e.read_times();
        e.scheduled = who.now;
        e.dispatch = first_dispatch(e);
        if (!make_room(e.size()))
            return no_room();
        if (queues_.find_or_make(queue_of(e)) == nullptr)
            return queues_.no_room_for_queue();
        store_.insert(std::move(fresh));
        ++e.changes;
        if (e.start_delay == uptime::zero())
            enqueue(e, who.now);
        else
            watch(e);
        return start_answer(e, true);
    }

    void describe_activity(ticket id, const api::DescribeActivityExecutionRequest& r, const caller& who)
    {
        const auto found = find(r);
        if (!found)
            return tell(id, found.error());
        execution& e = **found;
        if (!r.long_poll_token().empty()) {
            if (r.run_id().empty())
                return tell(id, bad_request("run id is required when long poll token is provided"));
            const auto token = read_token(r.long_poll_token());
            if (!token)
                return tell(id, bad_request("invalid long poll token"));
            if (token->run_id != e.run_id)
                return tell(id, bad_request("long poll token does not match execution"));
            if (token->stamp == e.changes)
                return wait(id, e, &r, who);
        }
        tell(id, described(e, r));
    }

    void poll_activity(ticket id, const api::PollActivityExecutionRequest& r, const caller& who)
    {
        const auto found = find(r);
        if (!found)
            return tell(id, found.error());
        if ((*found)->open())
            return wait(id, **found, nullptr, who);
        tell(id, outcome_of(**found));
    }

    [[nodiscard]] answered<api::ListActivityExecutionsResponse> list_activities(
        const api::ListActivityExecutionsRequest& r, const caller&) const
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        const auto query = activity_query::parse(r.query());
        if (!query)
            return query.error();
        return page_of<api::ListActivityExecutionsResponse>(
            store_.all(), r, [&](const execution& e) { return e.name_space() == r.namespace_() && query->matches(e); },
            [](const execution& e) { return list_info_of(e); });
    }

    [[nodiscard]] answered<api::CountActivityExecutionsResponse> count_activities(
        const api::CountActivityExecutionsRequest& r, const caller&) const
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        const auto query = activity_query::parse(r.query());
        if (!query)
            return query.error();
        return count_of<api::CountActivityExecutionsResponse>(
            store_.all(), query->grouped(),
            [&](const execution& e) { return e.name_space() == r.namespace_() && query->matches(e); },
            [](api::enums::ActivityExecutionStatus s) { return status_word(s); });
    }

    [[nodiscard]] answered<api::RequestCancelActivityExecutionResponse> cancel_activity(
        const api::RequestCancelActivityExecutionRequest& r, const caller& who)
    {
        const auto found = find(r);
        if (!found)
            return found.error();
        execution& e = **found;
        if (!r.request_id().empty() && e.cancel_request == r.request_id())
            return api::RequestCancelActivityExecutionResponse();
        if (!e.open())
            return precondition("activity is in terminal state " + std::string(status_word(e.status)));
        if (grpc::status bad = check_words(r); !bad.ok())
            return bad;
        if (!make_room(r.reason().size()))
            return no_room();
        if (e.cancel_requested)
            return precondition("cancellation already requested with request ID " + e.cancel_request);
        e.cancel_requested = true;
        e.cancel_identity = r.identity();
        e.cancel_request = r.request_id();
        e.cancel_reason = r.reason();
        if (e.where == place::started) {
            changed(e);
        } else {
            api::common::Payloads details;
            *details.add_payloads() = text_payload(r.reason());
            close_canceled(e, details, who.now);
        }
        return api::RequestCancelActivityExecutionResponse();
    }

    [[nodiscard]] answered<api::TerminateActivityExecutionResponse> terminate_activity(
        const api::TerminateActivityExecutionRequest& r, const caller& who)
    {
        const auto found = find(r);
        if (!found)
            return found.error();
        execution& e = **found;
        if (e.status == api::enums::ACTIVITY_EXECUTION_STATUS_TERMINATED && e.terminate_request == r.request_id())
            return api::TerminateActivityExecutionResponse();
        if (e.status == api::enums::ACTIVITY_EXECUTION_STATUS_TERMINATED)
            return precondition("already terminated with request ID " + e.terminate_request);
        if (!e.open())
            return precondition("activity is in terminal state " + std::string(status_word(e.status)));
        if (grpc::status bad = check_words(r); !bad.ok())
            return bad;
        e.terminate_request = r.request_id();
        close_terminated(e, r.reason(), r.identity(), who.now);
        return api::TerminateActivityExecutionResponse();
    }

    [[nodiscard]] answered<api::DeleteActivityExecutionResponse> delete_activity(
        const api::DeleteActivityExecutionRequest& r, const caller& who)
    {
        const auto found = find(r);
        if (!found)
            return found.error();
        const std::string run = (*found)->run_id;
        if ((*found)->open())
            close_terminated(**found, "Delete activity execution", "", who.now);
        if (execution* const e = store_.find_run(run))
            forget(*e);
        return api::DeleteActivityExecutionResponse();
    }

protected:
    using activity_life::activity_life;
    ~activity_calls() = default;

private:
    template <class Request>
    [[nodiscard]] answered<execution*> find(const Request& r) const
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        if (r.activity_id().empty())
            return bad_request("activity ID is required");
        if (grpc::status bad = check_length("activity ID", r.activity_id(), limits_.id_length); !bad.ok())
            return bad;
        if (!r.run_id().empty() && !is_uuid(r.run_id()))
            return bad_request("invalid run id: must be a valid UUID");
        if (execution* const e = store_.find(r.namespace_(), r.activity_id(), r.run_id()))
            return e;
        return not_found("activity not found for ID: " + r.activity_id());
    }

    /// What comes with a request to cancel or to terminate.
    template <class Request>
    [[nodiscard]] grpc::status check_words(const Request& r) const
    {
        if (grpc::status bad = check_length("request ID", r.request_id(), limits_.id_length); !bad.ok())
            return bad;
        if (grpc::status bad = check_length("identity", r.identity(), limits_.id_length); !bad.ok())
            return bad;
        return check_length("reason", r.reason(), limits_.blob);
    }

    void wait(ticket id, execution& e, const api::DescribeActivityExecutionRequest* describe, const caller& who)
    {
        if (grpc::status bad = waits_.wait(id, e, describe, who); !bad.ok())
            tell(id, std::move(bad));
    }
};

}  // namespace mayfly::temporal::embedded
