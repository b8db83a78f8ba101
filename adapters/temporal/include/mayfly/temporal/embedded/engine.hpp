// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/activity_query.hpp>
#include <mayfly/temporal/embedded/activity_store.hpp>
#include <mayfly/temporal/embedded/activity_views.hpp>
#include <mayfly/temporal/embedded/alarms.hpp>
#include <mayfly/temporal/embedded/deployment_store.hpp>
#include <mayfly/temporal/embedded/failures.hpp>
#include <mayfly/temporal/embedded/ids.hpp>
#include <mayfly/temporal/embedded/namespaces.hpp>
#include <mayfly/temporal/embedded/start_rules.hpp>
#include <mayfly/temporal/embedded/task_queues.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/embedded/worker_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/// What came of calls and of time since it was last asked for.
struct outputs {
    std::vector<answer> answers{};
    std::vector<add_event> added{};
    std::vector<worker_event> workers{};
};

/** The embedded service without its wire: requests and time in, answers and events out.

    It knows no clock and no socket. Times never go back; before a call, `advance` to its time. Calls that may have to
    wait take a ticket, and their answers come out of `take_outputs`, some at once; `leave` takes one away that nobody
    waits for any more. The same calls at the same times give the same answers.

    Every activity that was accepted is in one place: it waits for its time, waits in one queue, is with one worker, or
    is closed. `check_books` looks whether that is so.
*/
class engine {
public:
    explicit engine(limits l = {}, std::uint64_t seed = 1) : limits_(l), ids_(seed) {}
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    [[nodiscard]] const limits& bounds() const noexcept { return limits_; }
    [[nodiscard]] namespaces& name_spaces() noexcept { return names_; }
    [[nodiscard]] const namespaces& name_spaces() const noexcept { return names_; }
    [[nodiscard]] const activity_store& activities() const noexcept { return store_; }
    [[nodiscard]] const task_queues& queues() const noexcept { return queues_; }
    [[nodiscard]] const deployment_store& deployments() const noexcept { return deployments_; }
    [[nodiscard]] id_source& ids() noexcept { return ids_; }

    /// A namespace as it is without anybody asking for it.
    void make_namespace(const std::string& name)
    {
        api::RegisterNamespaceRequest r;
        r.set_namespace_(name);
        put(*r.mutable_workflow_execution_retention_period(), std::chrono::hours(24));
        static_cast<void>(names_.add(r, ids_.uuid()));
    }

    // The service itself.

    [[nodiscard]] answered<api::RegisterNamespaceResponse> register_namespace(
        const api::RegisterNamespaceRequest& r, const caller&)
    {
        return names_.add(r, ids_.uuid());
    }
    [[nodiscard]] answered<api::DescribeNamespaceResponse> describe_namespace(
        const api::DescribeNamespaceRequest& r, const caller&) const
    {
        return names_.describe(r);
    }
    [[nodiscard]] answered<api::ListNamespacesResponse> list_namespaces(
        const api::ListNamespacesRequest& r, const caller&) const
    {
        return names_.list(r);
    }
    [[nodiscard]] answered<api::UpdateNamespaceResponse> update_namespace(
        const api::UpdateNamespaceRequest& r, const caller&)
    {
        return names_.update(r);
    }

    // Activities, for clients.

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
                return started(*known, false);
            if (known->open() && r.id_conflict_policy() == api::enums::ACTIVITY_ID_CONFLICT_POLICY_USE_EXISTING)
                return started(*known, false);
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
        read_times(e);
        e.scheduled = who.now;
        e.dispatch = first_dispatch(e);
        if (!make_room(e.size()))
            return exhausted("The service keeps at most " + std::to_string(limits_.bytes) +
                             " bytes of activities; wait until some of them have ended.");
        if (queues_.find_or_make(queue_of(e)) == nullptr)
            return queues_.no_room_for_queue();
        store_.insert(std::move(fresh));
        ++e.changes;
        if (e.start_delay == uptime::zero())
            enqueue(e, who.now);
        else
            watch(e);
        return started(e, true);
    }

    void describe_activity(ticket id, const api::DescribeActivityExecutionRequest& r, const caller& who)
    {
        const auto found = find(r, who);
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
        const auto found = find(r, who);
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
        std::uint64_t before = ~std::uint64_t{0};
        if (!r.next_page_token().empty()) {
            const auto token = read_token(r.next_page_token());
            if (!token)
                return bad_request("Invalid next page token.");
            before = token->stamp;
        }
        const int most = r.page_size() > 0 ? std::min(r.page_size(), 1'000) : 1'000;
        api::ListActivityExecutionsResponse out;
        // The newest first.
        for (auto at = store_.all().lower_bound(before); at != store_.all().begin();) {
            const execution& e = *std::prev(at)->second;
            if (e.name_space() == r.namespace_() && query->matches(e)) {
                if (out.executions_size() == most) {
                    out.set_next_page_token(token_of({e.run_id, at->first}));
                    break;
                }
                *out.add_executions() = list_info_of(e);
            }
            --at;
        }
        return out;
    }

    [[nodiscard]] answered<api::CountActivityExecutionsResponse> count_activities(
        const api::CountActivityExecutionsRequest& r, const caller&) const
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        const auto query = activity_query::parse(r.query());
        if (!query)
            return query.error();
        std::map<api::enums::ActivityExecutionStatus, std::int64_t> counts;
        std::int64_t all = 0;
        for (const auto& [order, e] : store_.all())
            if (e->name_space() == r.namespace_() && query->matches(*e)) {
                ++counts[e->status];
                ++all;
            }
        api::CountActivityExecutionsResponse out;
        out.set_count(all);
        if (query->grouped())
            for (const auto& [status, n] : counts) {
                auto& group = *out.add_groups();
                group.set_count(n);
                *group.add_group_values() = text_payload(status_word(status));
            }
        return out;
    }

    [[nodiscard]] answered<api::RequestCancelActivityExecutionResponse> cancel_activity(
        const api::RequestCancelActivityExecutionRequest& r, const caller& who)
    {
        const auto found = find(r, who);
        if (!found)
            return found.error();
        execution& e = **found;
        if (!r.request_id().empty() && e.cancel_request == r.request_id())
            return api::RequestCancelActivityExecutionResponse();
        if (!e.open())
            return precondition("activity is in terminal state " + std::string(status_word(e.status)));
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
        const auto found = find(r, who);
        if (!found)
            return found.error();
        execution& e = **found;
        if (e.status == api::enums::ACTIVITY_EXECUTION_STATUS_TERMINATED && e.terminate_request == r.request_id())
            return api::TerminateActivityExecutionResponse();
        if (e.status == api::enums::ACTIVITY_EXECUTION_STATUS_TERMINATED)
            return precondition("already terminated with request ID " + e.terminate_request);
        if (!e.open())
            return precondition("activity is in terminal state " + std::string(status_word(e.status)));
        e.terminate_request = r.request_id();
        close_terminated(e, r.reason(), r.identity(), who.now);
        return api::TerminateActivityExecutionResponse();
    }

    [[nodiscard]] answered<api::DeleteActivityExecutionResponse> delete_activity(
        const api::DeleteActivityExecutionRequest& r, const caller& who)
    {
        const auto found = find(r, who);
        if (!found)
            return found.error();
        const std::string run = (*found)->run_id;
        if ((*found)->open())
            close_terminated(**found, "Delete activity execution", "", who.now);
        if (execution* const e = store_.find_run(run))
            forget(*e);
        return api::DeleteActivityExecutionResponse();
    }

    // Activities, for workers. Those by token and those by id are the same but for how they name the attempt.

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
            return exhausted("The service keeps at most " + std::to_string(limits_.bytes) + " bytes of activities.");
        note_heartbeat(e, r.details(), who.now);
        watch(e);
        out.set_cancel_requested(e.cancel_requested);
        return out;
    }

    // Polls for tasks, of any type. Those for which there is never a task wait as well, and come back empty.

    void poll_task(ticket id, poll_request r, const caller& who)
    {
        if (!who.deadline)
            return tell(id, bad_request("Context timeout is not set."));
        if (*who.deadline - who.now.at < std::chrono::seconds(2))
            return tell(id, precondition("Context timeout is too short."));
        if (grpc::status bad = names_.check(r.queue.name_space); !bad.ok())
            return tell(id, std::move(bad));
        if (r.queue.name.empty())
            return tell(id, bad_request("taskQueue is not set"));
        for (const std::string* text : {&r.queue.name, &r.identity, &r.instance})
            if (grpc::status bad = check_length("taskQueue, identity or worker instance key", *text, limits_.id_length);
                !bad.ok())
                return tell(id, std::move(bad));
        if (workers_.refuses_polls(r.queue.name_space, r.instance, who.now))
            return tell(id, grpc::status());
        if (grpc::status bad =
                deployments_.polled(r.queue.name_space, r.queue.name, r.queue.type, r.options, who.now, queues_);
            !bad.ok())
            return tell(id, std::move(bad));
        const queue_key key = r.queue;
        if (grpc::status bad = queues_.park(id, std::move(r), who); !bad.ok())
            return tell(id, std::move(bad));
        follow_routing(who.now);
        hand_out(*queues_.find(key), who.now);
    }

    /// A worker is about to go: its polls end empty now, and so do those that it makes yet.
    [[nodiscard]] answered<api::ShutdownWorkerResponse> shutdown_worker(
        const api::ShutdownWorkerRequest& r, const caller& who)
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        std::set<task_type> types;
        for (const int type : r.task_queue_types())
            if (type >= api::enums::TASK_QUEUE_TYPE_WORKFLOW && type <= api::enums::TASK_QUEUE_TYPE_NEXUS)
                types.insert(static_cast<task_type>(type - 1));
        if (types.empty())
            types = {task_type::workflow, task_type::activity};
        workers_.shut_down(r, who.now);
        for (const ticket id :
            queues_.shut_down(r.namespace_(), r.worker_instance_key(), r.identity(), r.task_queue(), types, who.now))
            tell(id, grpc::status());
        return api::ShutdownWorkerResponse();
    }

    [[nodiscard]] answered<api::DescribeTaskQueueResponse> describe_queue(
        const api::DescribeTaskQueueRequest& r, const caller& who) const
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        if (r.task_queue().name().empty())
            return bad_request("taskQueue is not set");
        const task_type type = type_of(r.task_queue_type());
        api::DescribeTaskQueueResponse out;
        const queue_routing routing = deployments_.routing_of(r.namespace_(), r.task_queue().name(), type);
        if (routing != queue_routing()) {
            auto& info = *out.mutable_versioning_info();
            if (routing.current)
                put(*info.mutable_current_deployment_version(), *routing.current);
            if (routing.ramping)
                put(*info.mutable_ramping_deployment_version(), *routing.ramping);
            if (routing.ramps)
                info.set_ramping_version_percentage(routing.percentage);
            put(*info.mutable_update_time(), moment{{}, routing.changed});
        }
        const task_queue* const q = queues_.find({r.namespace_(), r.task_queue().name(), type});
        if (r.report_stats())
            *out.mutable_stats() = q != nullptr ? q->stats(who.now.at, nullptr) : api::taskqueue::TaskQueueStats();
        if (q == nullptr)
            return out;
        if (r.report_stats())
            for (auto& [key, stats] : q->stats_by_priority(who.now.at, nullptr))
                (*out.mutable_stats_by_priority_key())[key] = std::move(stats);
        if (r.report_config())
            *out.mutable_config() = q->config;
        if (const auto& rate = q->limiter().rate()) {
            out.mutable_effective_rate_limit()->set_requests_per_second(static_cast<float>(*rate));
            out.mutable_effective_rate_limit()->set_rate_limit_source(
                q->configured_limit() ? api::enums::RATE_LIMIT_SOURCE_API : api::enums::RATE_LIMIT_SOURCE_WORKER);
        }
        for (const auto& [identity, w] : q->pollers()) {
            if (!queues_.listed(w, who.now))
                continue;
            auto& p = *out.add_pollers();
            put(*p.mutable_last_access_time(), w.last);
            p.set_identity(identity);
            p.set_rate_per_second(w.rate);
            *p.mutable_deployment_options() = w.options;
        }
        return out;
    }

    [[nodiscard]] answered<api::UpdateTaskQueueConfigResponse> configure_queue(
        const api::UpdateTaskQueueConfigRequest& r, const caller& who)
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        if (r.task_queue().empty())
            return bad_request("taskQueue is not set");
        if (grpc::status bad = check_length("taskQueue", r.task_queue(), limits_.id_length); !bad.ok())
            return bad;
        if (r.has_update_fairness_key_rate_limit_default() || r.set_fairness_weight_overrides_size() != 0)
            return bad_request("fairness keys are not served here: only update_queue_rate_limit can be set");
        const float rate = r.update_queue_rate_limit().rate_limit().requests_per_second();
        if (!(rate >= 0))
            return bad_request("requests_per_second must not be negative");
        task_queue* const q = queues_.find_or_make({r.namespace_(), r.task_queue(), type_of(r.task_queue_type())});
        if (q == nullptr)
            return queues_.no_room_for_queue();
        if (r.has_update_queue_rate_limit()) {
            const auto& update = r.update_queue_rate_limit();
            auto& kept = *q->config.mutable_queue_rate_limit();
            kept.clear_rate_limit();
            if (update.has_rate_limit())
                *kept.mutable_rate_limit() = update.rate_limit();
            kept.mutable_metadata()->set_reason(update.reason());
            kept.mutable_metadata()->set_update_identity(r.identity());
            put(*kept.mutable_metadata()->mutable_update_time(), who.now);
            if (store_.keeps_changes())
                configured_.insert(q->key());
            q->limit_by_config(update.has_rate_limit() ? std::optional<double>(rate) : std::nullopt, who.now.at);
            hand_out(*q, who.now);
        }
        api::UpdateTaskQueueConfigResponse out;
        *out.mutable_config() = q->config;
        return out;
    }

    /// Any call about worker deployments.
    template <class Request>
    [[nodiscard]] auto deployment(const Request& r, const caller& who)
        -> decltype(std::declval<deployment_store&>().answer(r, who.now, std::declval<const queue_facts&>()))
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        auto out = deployments_.answer(r, who.now, queues_);
        follow_routing(who.now);
        return out;
    }

    // Answers, as they come out of `take_outputs`.

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

    /// Any call about workers that tell of themselves.
    template <class Request>
    [[nodiscard]] auto worker(const Request& r, const caller& who)
        -> decltype(std::declval<worker_list&>().answer(r, who.now))
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        return workers_.answer(r, who.now);
    }

    // Calls that nobody waits for any more.

    /// Nobody waits for this call's answer; one that is out already can be given back.
    void leave(ticket id, const moment& now)
    {
        if (!queues_.remove_poll(id, now))
            forget_wait(id);
    }

    /// Nobody could take the answer that hands this out: the task goes back to where it stood, for others. That counts
    /// as no attempt. One that was reported on meanwhile stays as it is.
    void give_back(const attempt_id& a, const moment& now)
    {
        execution* const e = store_.find_run(a.run_id);
        if (e == nullptr || e->where != place::started || e->stamp != a.stamp)
            return;
        queues_.task_ended(*e, now);
        if (e->cancel_requested) {
            api::common::Payloads details;
            *details.add_payloads() = text_payload(e->cancel_reason);
            return close_canceled(*e, details, now);
        }
        e->stamp = 0;
        e->started.reset();
        store_.touch(*e);
        enqueue(*e, now);
    }

    // Time.

    /// When to call `advance` next, if nothing else happens; or `never`.
    [[nodiscard]] uptime next_event() const
    {
        uptime soonest = std::min({due_.soonest(), waits_due_.soonest(), queues_.next_event()});
        if (const execution* const e = store_.oldest_closed())
            soonest = std::min(soonest, forgotten_at(*e));
        return soonest;
    }

    /// All that time alone has brought about until now.
    void advance(const moment& now)
    {
        while (execution* const e = due_.next_due(now.at))
            is_due(*e, now);
        for (const ticket id : queues_.expired(now))
            tell(id, grpc::status());
        while (task_queue* const q = queues_.released(now.at))
            hand_out(*q, now);
        while (waiting_call* const w = waits_due_.next_due(now.at)) {
            const ticket id = w->id;
            forget_wait(id);
            tell(id, grpc::status());
        }
        while (execution* const e = store_.oldest_closed()) {
            if (forgotten_at(*e) > now.at)
                break;
            forget(*e);
        }
    }

    /// Whether this call waits for an activity.
    [[nodiscard]] bool waits(ticket id) const { return waits_.contains(id); }

    [[nodiscard]] outputs take_outputs()
    {
        return {std::exchange(answers_, {}), queues_.take_added(), queues_.take_workers()};
    }

    // The books.

    /// What is wrong with them; empty if every activity is in one place, and every count is right.
    [[nodiscard]] std::string check_books() const
    {
        if (std::string bad = queues_.check(); !bad.empty())
            return bad;
        std::map<const execution*, std::size_t> queued;
        for (const auto& [key, q] : queues_.all())
            for (const auto& [version, l] : q->lanes())
                for (const auto& [position, e] : l.backlog) {
                    ++queued[e];
                    if (e->queue != q.get() || e->lane != version || queue_of(*e) != key)
                        return "an activity waits in another queue than it says";
                }
        std::size_t open = 0;
        std::size_t bytes = 0;
        std::size_t with_workers = 0;
        std::size_t waiting = 0;
        for (const auto& [order, e] : store_.all()) {
            const std::size_t times = queued.contains(e) ? queued.at(e) : 0;
            if (times != (e->where == place::queued ? 1U : 0U))
                return "activity " + e->id() + " is in the queues " + std::to_string(times) + " times";
            queued.erase(e);
            if ((e->where == place::started) != (e->stamp != 0))
                return "activity " + e->id() + " has a token, or none, where it should not";
            if (e->where == place::started && !queues_.busy(*e) && !e->restored)
                return "activity " + e->id() + " is with a worker that does not know it";
            with_workers += queues_.busy(*e) ? 1U : 0U;
            if ((e->where == place::closed) != e->outcome.has_value() ||
                (e->where == place::closed) != (e->status != api::enums::ACTIVITY_EXECUTION_STATUS_RUNNING) ||
                (e->where == place::closed) != e->closed.has_value())
                return "activity " + e->id() + " is half closed";
            if (e->alarm != e->next_event())
                return "activity " + e->id() + " has its alarm at another time than it should";
            for (const ticket id : e->waiting)
                if (const auto at = waits_.find(id); at == waits_.end() || at->second->run != e)
                    return "a call waits for activity " + e->id() + " and is not known";
            waiting += e->waiting.size();
            open += e->open() ? 1U : 0U;
            bytes += e->bytes;
        }
        if (!queued.empty())
            return "a queue has an activity that does not exist";
        if (with_workers != queues_.busy_tasks())
            return "a worker has an activity that does not exist";
        if (open != store_.open() || bytes != store_.bytes() || open + store_.closed() != store_.all().size())
            return "activities are counted wrong";
        if (waiting != waits_.size())
            return "a call waits for nothing";
        return {};
    }

private:
    friend class engine_records;  // carries it over a restart

    struct waiting_call {
        ticket id = 0;
        std::uint64_t order = 0;
        uptime alarm = never;
        execution* run = nullptr;
        std::optional<api::DescribeActivityExecutionRequest> describe{};  ///< None: it waits for the outcome.
    };

    static void put(api::deployment::WorkerDeploymentVersion& out, const deployment_version& v)
    {
        out.set_deployment_name(v.deployment);
        out.set_build_id(v.build_id);
    }
    template <class Message, class Value>
    static void put(Message& out, const Value& v)
    {
        embedded::put(out, v);
    }

    [[nodiscard]] static queue_key queue_of(const execution& e)
    {
        return {e.name_space(), e.request.task_queue().name(), task_type::activity};
    }

    [[nodiscard]] static task_type type_of(api::enums::TaskQueueType t) noexcept
    {
        switch (t) {
        case api::enums::TASK_QUEUE_TYPE_ACTIVITY: return task_type::activity;
        case api::enums::TASK_QUEUE_TYPE_NEXUS: return task_type::nexus;
        case api::enums::TASK_QUEUE_TYPE_WORKFLOW:
        case api::enums::TASK_QUEUE_TYPE_UNSPECIFIED: break;
        }
        return task_type::workflow;
    }

    static void read_times(execution& e)
    {
        e.schedule_to_close = read(e.request.schedule_to_close_timeout());
        e.schedule_to_start = read(e.request.schedule_to_start_timeout());
        e.start_to_close = read(e.request.start_to_close_timeout());
        e.heartbeat_timeout = read(e.request.heartbeat_timeout());
        e.start_delay = read(e.request.start_delay());
    }

    // Answers.

    [[nodiscard]] static api::StartActivityExecutionResponse started(const execution& e, bool now)
    {
        api::StartActivityExecutionResponse out;
        out.set_run_id(e.run_id);
        out.set_started(now);
        auto& link = *out.mutable_link()->mutable_activity();
        link.set_namespace_(e.name_space());
        link.set_activity_id(e.id());
        link.set_run_id(e.run_id);
        return out;
    }

    [[nodiscard]] static grpc::status already_started(const execution& e)
    {
        api::errordetails::ActivityExecutionAlreadyStartedFailure detail;
        detail.set_start_request_id(e.request.request_id());
        detail.set_run_id(e.run_id);
        return refused(grpc::status_code::already_exists, "activity execution already started",
            "ActivityExecutionAlreadyStartedFailure", detail);
    }

    [[nodiscard]] static std::string described(const execution& e, const api::DescribeActivityExecutionRequest& r)
    {
        api::DescribeActivityExecutionResponse out;
        out.set_run_id(e.run_id);
        *out.mutable_info() = info_of(e, r);
        if (r.include_input())
            *out.mutable_input() = e.request.input();
        if (r.include_outcome() && e.outcome)
            *out.mutable_outcome() = *e.outcome;
        out.set_long_poll_token(token_of({e.run_id, e.changes}));
        return out.SerializeAsString();
    }

    [[nodiscard]] static std::string outcome_of(const execution& e)
    {
        api::PollActivityExecutionResponse out;
        out.set_run_id(e.run_id);
        *out.mutable_outcome() = *e.outcome;
        return out.SerializeAsString();
    }

    void wait(ticket id, execution& e, const api::DescribeActivityExecutionRequest* describe, const caller& who)
    {
        std::size_t& waiting = waits_of_[e.name_space()];
        if (waiting >= limits_.waiting_calls)
            return tell(id, exhausted("At most " + std::to_string(limits_.waiting_calls) +
                                      " calls of a namespace wait for activities at once."));
        ++waiting;
        auto w = std::make_unique<waiting_call>();
        w->id = id;
        w->order = ++last_wait_;
        w->run = &e;
        if (describe != nullptr)
            w->describe = *describe;
        uptime until = later(who.now.at, limits_.wait_time);
        if (who.deadline)
            until = std::min(until, std::max(who.now.at, *who.deadline - std::chrono::seconds(1)));
        waits_due_.set(*w, until);
        e.waiting.push_back(id);
        waits_.emplace(id, std::move(w));
    }

    void forget_wait(ticket id)
    {
        const auto at = waits_.find(id);
        if (at == waits_.end())
            return;
        waiting_call& w = *at->second;
        waits_due_.set(w, never);
        std::erase(w.run->waiting, id);
        const auto count = waits_of_.find(w.run->name_space());
        if (--count->second == 0)
            waits_of_.erase(count);
        waits_.erase(at);
    }

    // Finding.

    template <class Request>
    [[nodiscard]] answered<execution*> find(const Request& r, const caller&) const
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
            execution* const e = store_.find_run(token->run_id);
            if (e == nullptr || e->where != place::started || e->stamp != token->stamp)
                return not_found("activity task not found");
            if (!r.namespace_().empty() && r.namespace_() != e->name_space())
                return bad_request("token does not match namespace");
            return e;
        } else {
            if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
                return bad;
            if (r.activity_id().empty())
                return bad_request("ActivityId is not set on request.");
            if (!r.workflow_id().empty())
                return not_found("workflow not found for ID: " + r.workflow_id());
            execution* const e = store_.find(r.namespace_(), r.activity_id(), r.run_id());
            if (e == nullptr)
                return not_found("activity not found for ID: " + r.activity_id());
            if (e->where != place::started && !(idle_too && e->open()))
                return not_found("activity task not found");
            return e;
        }
    }

    // What becomes of an activity.

    void watch(execution& e) { due_.set(e, e.next_event()); }

    /// Whoever waits for a change is told.
    void changed(execution& e)
    {
        ++e.changes;
        store_.weigh(e);
        watch(e);
        for (const ticket id : std::vector<ticket>(e.waiting)) {
            const waiting_call& w = *waits_.at(id);
            if (!w.describe && e.open())
                continue;
            std::string message = w.describe ? described(e, *w.describe) : outcome_of(e);
            forget_wait(id);
            tell(id, std::move(message));
        }
    }

    void enqueue(execution& e, const moment& now)
    {
        const std::optional<deployment_version> version =
            deployments_.routing_of(e.name_space(), e.request.task_queue().name(), task_type::activity).target(e.id());
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
        queues_.hand_out(q, now, [this, &now](execution& e, const parked_poll& p, const known_poller& w) {
            e.where = place::started;
            e.stamp = ids_.number();
            e.started = now;
            e.worker_identity = w.identity;
            e.worker_version = p.version;
            e.sdk_name = p.client_name;
            e.sdk_version = p.client_version;
            changed(e);
            attempt_id attempt{e.run_id, e.stamp};
            api::PollActivityTaskQueueResponse task = task_of(e);
            task.set_task_token(token_of(attempt));
            answers_.push_back({p.id, {}, task.SerializeAsString(), std::move(attempt)});
        });
    }

    /// Waiting tasks go where the routing says now.
    void follow_routing(const moment& now)
    {
        if (routing_ == deployments_.routing_revision())
            return;
        routing_ = deployments_.routing_revision();
        for (const auto& [key, q] : queues_.all()) {
            const queue_routing routing = deployments_.routing_of(key.name_space, key.name, key.type);
            if (q->reroute([&routing](const execution& e) { return routing.target(e.id()); }))
                hand_out(*q, now);
        }
    }

    void note_heartbeat(execution& e, const api::common::Payloads& details, const moment& now)
    {
        e.heartbeat = now;
        e.heartbeat_details = details;
        e.has_heartbeat_details = true;
        ++e.heartbeats;
        store_.weigh(e);
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
        e.last_failure = failure;
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
        const bool waits = e.where == place::queued || e.where == place::delayed;
        const bool unstarted = waits && e.schedule_to_start != uptime::zero() &&
                               later(e.dispatch.at, e.schedule_to_start) <= std::min(now.at, e.close_deadline());
        if (unstarted)
            return close_timed_out(
                e, timeout_failure(api::enums::TIMEOUT_TYPE_SCHEDULE_TO_START), api::enums::RETRY_STATE_TIMEOUT, now);
        if (e.close_deadline() <= now.at)
            return close_timed_out(e, timeout_failure(api::enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE),
                e.cancel_requested ? api::enums::RETRY_STATE_CANCEL_REQUESTED : api::enums::RETRY_STATE_TIMEOUT, now);
        switch (e.where) {
        case place::delayed: return enqueue(e, now);
        case place::started:
            return attempt_timed_out(e,
                later(e.started->at, e.start_to_close) <= now.at ? api::enums::TIMEOUT_TYPE_START_TO_CLOSE
                                                                 : api::enums::TIMEOUT_TYPE_HEARTBEAT,
                now);
        case place::queued:
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
        for (const ticket id : std::vector<ticket>(e.waiting)) {
            forget_wait(id);
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

    limits limits_;
    id_source ids_;
    namespaces names_{limits_};
    task_queues queues_{limits_};
    std::set<queue_key> configured_{};  // since it was last written
    deployment_store deployments_{};
    worker_list workers_{};
    activity_store store_{};
    std::unordered_map<ticket, std::unique_ptr<waiting_call>> waits_{};
    std::map<std::string, std::size_t> waits_of_{};  // by namespace
    alarms<execution> due_{};
    alarms<waiting_call> waits_due_{};
    std::vector<answer> answers_{};
    std::uint64_t last_wait_ = 0;
    std::uint64_t routing_ = 0;
};

}  // namespace mayfly::temporal::embedded
