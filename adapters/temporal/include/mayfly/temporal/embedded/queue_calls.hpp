// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/start_rules.hpp>
#include <mayfly/temporal/embedded/task_queues.hpp>
#include <mayfly/temporal/embedded/types.hpp>
#include <mayfly/temporal/embedded/workflow_visibility.hpp>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace mayfly::temporal::embedded {

/// Task queues, for workers and clients.
class queue_calls : public workflow_visibility {
public:
    /// A poll for tasks of any type. One for which there is never a task waits as well, and comes back empty.
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
        if (grpc::status bad = deployments_.polled(r.queue.name_space,
                r.normal_name.empty() ? r.queue.name : r.normal_name, r.queue.type, r.options, who.now, queues_);
            !bad.ok())
            return tell(id, std::move(bad));
        // Those of a version have been looked at by now.
        if (r.options.ByteSizeLong() > 3 * limits_.id_length)
            return tell(id, bad_request("deployment options exceed length limit"));
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
        for (const std::string* text : {&r.worker_instance_key(), &r.identity(), &r.task_queue()})
            if (grpc::status bad = check_length("worker instance key, identity or taskQueue", *text, limits_.id_length);
                !bad.ok())
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
        if (!r.sticky_task_queue().empty())
            leave_sticky(r, who.now);
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
                *info.mutable_current_deployment_version() = to_message(*routing.current);
            if (routing.ramping)
                *info.mutable_ramping_deployment_version() = to_message(*routing.ramping);
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
        for (const auto& [poller, w] : q->pollers()) {
            if (!queues_.listed(w, who.now))
                continue;
            auto& p = *out.add_pollers();
            put(*p.mutable_last_access_time(), w.last);
            p.set_identity(poller.identity);
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

protected:
    using workflow_visibility::workflow_visibility;
    ~queue_calls() = default;

    std::set<queue_key> configured_{};  // since it was last written

private:
    /// A worker that goes remembers nothing any more: what waits for it waits for others now.
    void leave_sticky(const api::ShutdownWorkerRequest& r, const moment& now)
    {
        const queue_key key{r.namespace_(), r.sticky_task_queue(), task_type::workflow};
        for (const ticket id :
            queues_.shut_down(r.namespace_(), r.worker_instance_key(), r.identity(), key.name, {key.type}, now))
            tell(id, grpc::status());
        if (task_queue* const q = queues_.find(key))
            move_from(*q, now);
    }

    [[nodiscard]] static task_type type_of(api::enums::TaskQueueType asked) noexcept
    {
        const task_type known = to_task_type(asked);
        return known == unspecified_task_type ? task_type::workflow : known;
    }
};

}  // namespace mayfly::temporal::embedded
