// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/workflow_commands.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::temporal::embedded {

/// Where a reader of a history goes on: the next event, and the last one. Beyond the written ones are those of a task
/// that has not left its traces yet.
struct history_page {
    std::string run_id{};
    std::int64_t next = 1;
    std::int64_t last = 0;

    [[nodiscard]] std::string token() const { return run_id + '/' + std::to_string(next) + '/' + std::to_string(last); }

    [[nodiscard]] static std::optional<history_page> read(std::string_view text)
    {
        history_page out;
        if (text.size() < 39 || text[36] != '/' || !is_uuid(text.substr(0, 36)))
            return std::nullopt;
        out.run_id = text.substr(0, 36);
        const char* const end = text.data() + text.size();
        const auto [slash, bad] = std::from_chars(text.data() + 37, end, out.next);
        if (bad != std::errc{} || slash == end || *slash != '/')
            return std::nullopt;
        const auto [rest, worse] = std::from_chars(slash + 1, end, out.last);
        return worse == std::errc{} && rest == end ? std::optional(out) : std::nullopt;
    }
};

/// Workflow tasks, for workers.
class workflow_tasks : public workflow_commands {
public:
    [[nodiscard]] answered<api::RespondWorkflowTaskCompletedResponse> complete_workflow_task(
        const api::RespondWorkflowTaskCompletedRequest& q, const caller& who)
    {
        const auto found = task_of_token(q.namespace_(), q.task_token());
        if (!found)
            return found.error();
        workflow_run& r = **found;
        const bool versioned =
            q.deployment_options().worker_versioning_mode() == api::enums::WORKER_VERSIONING_MODE_VERSIONED;
        if (q.versioning_behavior() != api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED && !versioned &&
            !q.has_deployment_options())
            return bad_request("versioning behavior cannot be specified without deployment options being set with "
                               "versioned mode");
        auto out = completed(r, q, versioned, who);
        follow_up_all(who.now);
        if (out && !r.open())
            out->Clear();  // it has been terminated meanwhile
        return out;
    }

    [[nodiscard]] answered<api::RespondWorkflowTaskFailedResponse> fail_workflow_task(
        const api::RespondWorkflowTaskFailedRequest& q, const caller& who)
    {
        const auto found = task_of_token(q.namespace_(), q.task_token());
        if (!found)
            return found.error();
        workflow_run& r = **found;
        if (r.task.speculative)
            make_real(r, r.task.scheduled, r.task.started, q.identity());
        if (!is_transient(r.task))
            write_failed(r, q.cause(), q.failure(), q.identity(), who.now);
        count_failed(r, true, who.now);
        schedule_task(r, who.now);
        enqueue_task(r, who.now);
        settle(r, who.now);
        return api::RespondWorkflowTaskFailedResponse();
    }

protected:
    using workflow_commands::workflow_commands;
    ~workflow_tasks() = default;

    static constexpr std::int64_t events_a_page = 256;

    [[nodiscard]] answered<workflow_run*> task_of_token(const std::string& name_space, const std::string& token) const
    {
        if (grpc::status bad = names_.check(name_space); !bad.ok())
            return bad;
        const auto read = read_token(token);
        if (!read)
            return bad_request("Error deserializing task token.");
        workflow_run* const r = runs_.find_run(read->run_id);
        if (r == nullptr || r->name_space != name_space)
            return not_found("workflow execution not found");
        if (!r->open())
            return not_found("workflow execution already completed");
        if (!r->with_worker() || r->task.stamp != read->stamp)
            return not_found("Workflow task not found.");
        return r;
    }

    [[nodiscard]] answered<api::RespondWorkflowTaskCompletedResponse> completed(
        workflow_run& r, const api::RespondWorkflowTaskCompletedRequest& q, bool versioned, const caller& who)
    {
        const moment& now = who.now;
        workflow_task& t = r.task;
        const bool heartbeat = q.force_create_new_workflow_task() && q.commands_size() == 0 && q.messages_size() == 0;
        if (heartbeat && now.at > later(t.first_scheduled.at, std::chrono::minutes(30)))
            return heartbeats_for_too_long(r, now);

        const std::optional<command_problem> problem = command_check(r, q, limits_).run();
        api::RespondWorkflowTaskCompletedResponse out;
        const moment first = t.first_scheduled;
        const moment scheduled = t.scheduled;
        const bool vanishes = !problem && leaves_no_trace(r, q);
        completion c;
        if (problem && is_transient(t) && !problem->unhandled())
            return bad_request(problem->words);  // left to time out, so that it is not tried again at once
        if (problem)
            return refuse_completion(r, q, *problem, now);
        bool moved = false;
        if (!vanishes) {
            if (!t.in_history())
                make_real(r, t.scheduled, t.started, q.identity());
            c.event = write_completed(r, q, versioned, now);
            r.last_completed_start = t.started_event;
            moved = note_task_end(r.versioning, r.history.last().workflow_task_completed_event_attributes());
        } else {
            out.set_reset_history_event_id(r.last_completed_start);
        }
        end_task(r, now);
        t.attempt = 1;
        r.close_attempted = false;
        remember_worker(r, q);
        apply(r, q, c, now);
        if (!q.force_create_new_workflow_task() && !c.closes)
            reject_unanswered(r);
        for (auto& [id, u] : r.updates)
            if (u.where == workflow_update::state::sent)
                u.where = workflow_update::state::admitted;

        answer_queries(r, q.query_results(), now);  // before another task goes out, which would ask them again
        if (c.closes) {
            close_run(r, *c.closes, now);
            if (c.next)
                begin_next(*std::move(c.next), now);
            return out;
        }
        // One that goes over meanwhile is the other version's from its next task on, which it gets at once.
        const bool leaves = r.versioning.transition.has_value();
        const bool normal =
            q.force_create_new_workflow_task() || !r.history.aside().empty() || c.another_task || leaves;
        if (normal || has_admitted(r)) {
            const bool inlined = q.return_new_workflow_task() && !leaves;
            schedule_task(r, now, !normal && inlined, heartbeat ? std::optional(first) : std::nullopt);
            if (inlined) {
                begin_task(r, q.identity(), version_of(q.deployment_options()),
                    "request-from-RespondWorkflowTaskCompleted", true, now);
                // Whoever asks for it inline remembers the run.
                *out.mutable_workflow_task() = task_message(r, true);
            } else {
                enqueue_task(r, now);
            }
        }
        if (!r.has_task())
            release_queries(r, now);
        for (execution* e : c.eager)
            *out.add_activity_tasks() = begun_with_the_answer(*e, q, who);
        if (moved)
            place_activities_again(r, now.at - scheduled.at, now);
        for (execution* e : c.activities)
            enqueue(*e, now);
        settle(r, now);
        return out;
    }

    /// The worker that wanted it has it at once, whatever waits in its queue.
    [[nodiscard]] api::PollActivityTaskQueueResponse begun_with_the_answer(
        execution& e, const api::RespondWorkflowTaskCompletedRequest& q, const caller& who)
    {
        const auto version = version_of(q.deployment_options());
        const attempt_id attempt = begin_attempt(e, q.identity(), version, who.now);
        queues_.task_began(e, queue_of(e), {q.identity(), version});
        e.sdk_name = who.client_name;
        e.sdk_version = who.client_version;
        changed(e);
        api::PollActivityTaskQueueResponse task = task_of(e);
        task.set_task_token(token_of(attempt));
        return task;
    }

    /// A task for updates that were all rejected is as if it had not been.
    [[nodiscard]] static bool leaves_no_trace(const workflow_run& r, const api::RespondWorkflowTaskCompletedRequest& q)
    {
        if (!r.task.speculative || q.commands_size() != 0 || q.force_create_new_workflow_task())
            return false;
        const std::int64_t unseen = r.history.next_id() - r.last_completed_start - 2;
        if (unseen > (q.capabilities().discard_speculative_workflow_task_with_events() ? 10 : 0))
            return false;
        return std::all_of(q.messages().begin(), q.messages().end(),
            [](const auto& m) { return m.body().type_url().ends_with(".Rejection"); });
    }

    [[nodiscard]] grpc::status refuse_completion(workflow_run& r, const api::RespondWorkflowTaskCompletedRequest& q,
        const command_problem& problem, const moment& now)
    {
        if (r.task.speculative)
            make_real(r, r.task.scheduled, r.task.started, q.identity());
        if (!is_transient(r.task)) {
            api::failure::Failure failure;
            failure.set_message(problem.words);
            failure.mutable_server_failure_info();
            write_failed(r, problem.cause, failure, q.identity(), now);
        }
        if (problem.unhandled())
            r.close_attempted = true;
        abort_sent(r);
        count_failed(r, true, now);
        schedule_task(r, now);
        enqueue_task(r, now);
        settle(r, now);
        return bad_request(problem.words);
    }

    [[nodiscard]] grpc::status heartbeats_for_too_long(workflow_run& r, const moment& now)
    {
        if (r.task.speculative)
            make_real(r, r.task.scheduled, r.task.started);
        write_timed_out(r, api::enums::TIMEOUT_TYPE_START_TO_CLOSE, now);
        count_failed(r, false, now);
        schedule_task(r, now);
        enqueue_task(r, now);
        settle(r, now);
        return not_found("workflow task heartbeat timeout");
    }

    static void remember_worker(workflow_run& r, const api::RespondWorkflowTaskCompletedRequest& q)
    {
        r.sticky_queue = r.versioning.transition ? "" : q.sticky_attributes().worker_task_queue().name();
        r.sticky_timeout = read(q.sticky_attributes().schedule_to_start_timeout());
    }

    std::int64_t write_completed(
        workflow_run& r, const api::RespondWorkflowTaskCompletedRequest& q, bool versioned, const moment& now)
    {
        auto& e = r.history.write(api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED, now);
        auto& a = *e.mutable_workflow_task_completed_event_attributes();
        a.set_scheduled_event_id(r.task.scheduled_event);
        a.set_started_event_id(r.task.started_event);
        a.set_identity(q.identity());
        if (q.has_sdk_metadata())
            *a.mutable_sdk_metadata() = q.sdk_metadata();
        if (q.has_metering_metadata())
            *a.mutable_metering_metadata() = q.metering_metadata();
        a.set_worker_deployment_name(q.deployment_options().deployment_name());
        if (versioned) {
            a.set_versioning_behavior(q.versioning_behavior());
            a.mutable_deployment_version()->set_deployment_name(q.deployment_options().deployment_name());
            a.mutable_deployment_version()->set_build_id(q.deployment_options().build_id());
        }
        return e.event_id();
    }

    // What a worker gets.

    [[nodiscard]] api::PollWorkflowTaskQueueResponse task_message(workflow_run& r, bool sticky) override
    {
        api::PollWorkflowTaskQueueResponse out;
        const workflow_task& t = r.task;
        out.set_task_token(token_of({r.run_id, t.stamp}));
        *out.mutable_workflow_execution() = r.who();
        *out.mutable_workflow_type() = r.begun().workflow_type();
        out.set_previous_started_event_id(r.last_completed_start);
        out.set_started_event_id(t.started_event);
        out.set_attempt(t.attempt);
        out.mutable_workflow_execution_task_queue()->set_name(r.task_queue);
        out.mutable_workflow_execution_task_queue()->set_kind(api::enums::TASK_QUEUE_KIND_NORMAL);
        put(*out.mutable_scheduled_time(), t.scheduled);
        put(*out.mutable_started_time(), t.started);
        send_updates(r, out);
        send_queries(r, out);
        add_history(out, r, sticky ? r.last_completed_start + 1 : 1, true);
        return out;
    }

    void add_history(
        api::PollWorkflowTaskQueueResponse& out, const workflow_run& r, std::int64_t from, bool with_task) override
    {
        history_page page{r.run_id, from, with_task ? r.task.started_event : r.history.next_id() - 1};
        fill_page(*out.mutable_history(), r, page, events_a_page);
        if (page.next <= page.last)
            out.set_next_page_token(page.token());
    }

    /// The next events of a page, and where it goes on after them.
    void fill_page(api::history::History& out, const workflow_run& r, history_page& page, std::int64_t most) const
    {
        for (; page.next <= page.last && out.events_size() < most; ++page.next) {
            if (r.history.has(page.next)) {
                *out.add_events() = r.history.at(page.next);
                continue;
            }
            // Of a task that has left no trace yet.
            if (r.task.in_history() || page.next > r.task.scheduled_event + (r.with_worker() ? 1 : 0))
                break;
            auto& e = *out.add_events();
            e.set_event_id(page.next);
            if (page.next == r.task.scheduled_event) {
                e.set_event_type(api::enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
                put(*e.mutable_event_time(), r.task.scheduled);
                auto& a = *e.mutable_workflow_task_scheduled_event_attributes();
                *a.mutable_task_queue() = r.task.named;
                put(*a.mutable_start_to_close_timeout(), r.task.timeout);
                a.set_attempt(r.task.attempt);
            } else {
                e.set_event_type(api::enums::EVENT_TYPE_WORKFLOW_TASK_STARTED);
                put(*e.mutable_event_time(), r.task.started);
                fill_started(r, e, r.task.identity);
            }
        }
    }
};

}  // namespace mayfly::temporal::embedded
