// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/detail/poll_errors.hpp>
#include <mayfly/temporal/detail/poll_slots.hpp>
#include <mayfly/temporal/detail/start_offers.hpp>
#include <mayfly/temporal/detail/task_polls.hpp>
#include <mayfly/temporal/detail/worker_pulse.hpp>
#include <mayfly/temporal/detail/workflow_part.hpp>
#include <mayfly/temporal/detail/workflow_reports.hpp>
#include <mayfly/temporal/detail/workflow_runner.hpp>
#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/workflow_methods.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// The workflows of a worker: its polls of both queues, and what works on what they bring.
class workflow_host final : public workflow_part {
public:
    workflow_host(workflow_place where, std::shared_ptr<const workflow_registry> known)
        : sticky_(sticks(where.config.settings)),
          sticky_queue_(sticky_ ? host_name() + ':' + where.names.instance_key : std::string{}),
          changed_(where.events.changed),
          connection_(where.to)
    {
        const worker_settings& s = where.config.settings;
        const workflow_reports reports(where.names, s.task_queue, sticky_queue_, std::chrono::seconds{5});
        if (where.config.eager_starts)
            offer_ = offer(s.task_queue, where.names.deployment, known);
        runner_ = std::make_shared<workflow_runner>(where.to, where.config, std::move(known), where.names, reports,
            std::move(where.eager), sticky_ ? s.sticky_cache : 0, [this](bool failed) { task_ended(failed); });
        std::vector<api::PollWorkflowTaskQueueRequest> requests{reports.poll(false)};
        if (sticky_)
            requests.push_back(reports.poll(true));
        polls_ = std::make_shared<workflow_polls>(where.to, methods::poll_workflow_task_queue, std::move(requests),
            poll_slots(s.max_concurrent_workflow_tasks, s.workflow_pollers, sticky_),
            poll_errors::rules{.grace = where.config.timing.doubtful_polls}, s.workflow_pollers,
            poll_listener<api::PollWorkflowTaskQueueResponse>{
                where.events, [this](api::PollWorkflowTaskQueueResponse task) { runner_->take(std::move(task)); }});
    }

    void begin() override
    {
        polls_->begin();
        if (offer_)
            connection_->start_offers().push_back(offer_);
    }
    void drain() override
    {
        polls_->close();
        runner_->drain();
    }
    void recall_polls() override { polls_->recall(); }
    void hand_over() override { runner_->hand_over(); }
    void stop() override
    {
        stopped_ = true;
        offer_.reset();
        polls_->stop();
        runner_->stop();
    }

    [[nodiscard]] std::uint32_t polls() const override { return polls_->slots().polls(); }
    [[nodiscard]] std::uint32_t tasks() const override { return polls_->slots().tasks(); }
    [[nodiscard]] const std::string& sticky_queue() const override { return sticky_queue_; }

    void add_to(worker_activity& all) const override
    {
        all.received[static_cast<std::size_t>(task_type::workflow)] = polls_->received() + runner_->seen().inline_tasks;
        all.completed += totals_.processed + runner_->seen().inline_tasks;
        all.busy += polls_->slots().tasks() + runner_->locals().running();
        all.waiting = all.waiting && polls_->waiting();
        all.load = std::max(all.load, polls_->slots().load());
    }

    void add_to(api::worker::WorkerHeartbeat& beat) override
    {
        const poll_slots& slots = polls_->slots();
        tell(*beat.mutable_workflow_task_slots_info(), slots.slots(), slots.tasks(), totals_, told_);
        tell(*beat.mutable_local_activity_slots_info(), runner_->locals().slots(), runner_->locals().running(),
            runner_->locals().totals(), told_locals_);
        tell(*beat.mutable_workflow_poller_info(), poll_at::normal);
        if (sticky_)
            tell(*beat.mutable_workflow_sticky_poller_info(), poll_at::sticky);
        beat.set_total_sticky_cache_hit(to_int32(runner_->seen().hits));
        beat.set_total_sticky_cache_miss(to_int32(runner_->seen().misses));
        beat.set_current_sticky_cache_size(to_int32(runner_->kept()));
    }

private:
    using workflow_polls = task_polls<api::PollWorkflowTaskQueueRequest, api::PollWorkflowTaskQueueResponse>;

    /// With one slot, or one poller, there is nobody to wait at a queue of the worker's own.
    [[nodiscard]] static bool sticks(const worker_settings& s) noexcept
    {
        return s.sticky_cache > 0 && s.max_concurrent_workflow_tasks > 1 && s.workflow_pollers > 1;
    }

    // Its functions are called while it stands, and that is until `stop`.
    [[nodiscard]] std::shared_ptr<const start_offer> offer(const std::string& task_queue,
        const api::deployment::WorkerDeploymentOptions& deployment, std::shared_ptr<const workflow_registry> known)
    {
        return std::make_shared<start_offer>(start_offer{task_queue, deployment,
            [this, known = std::move(known)](
                const std::string& type) { return known->find(type) && polls_->take_slot(); },
            [this](api::PollWorkflowTaskQueueResponse task) { polls_->give(std::move(task)); },
            [this] {
                polls_->task_ended();
                changed_();
            }});
    }

    void task_ended(bool failed)
    {
        if (stopped_)
            return;
        ++totals_.processed;
        totals_.failed += failed ? 1 : 0;
        polls_->task_ended();
        changed_();
    }

    static void tell(api::worker::WorkerSlotsInfo& info, std::uint32_t slots, std::uint32_t used,
        const task_totals& totals, task_totals& told)
    {
        info.set_current_available_slots(to_int32(slots - std::min(used, slots)));
        info.set_current_used_slots(to_int32(used));
        info.set_slot_supplier_kind("Fixed");
        info.set_total_processed_tasks(to_int32(totals.processed));
        info.set_total_failed_tasks(to_int32(totals.failed));
        info.set_last_interval_processed_tasks(to_int32(totals.processed - told.processed));
        info.set_last_interval_failure_tasks(to_int32(totals.failed - told.failed));
        told = totals;
    }

    void tell(api::worker::WorkerPollerInfo& info, poll_at where) const
    {
        info.set_current_pollers(to_int32(polls_->slots().polls(where)));
        if (const auto last = polls_->last_answer(where); last.time_since_epoch().count() > 0)
            *info.mutable_last_successful_poll_time() = to_wire(last);
    }

    bool sticky_;
    std::string sticky_queue_;
    std::function<void()> changed_;
    std::shared_ptr<connection> connection_;
    std::shared_ptr<const start_offer> offer_{};
    std::shared_ptr<workflow_runner> runner_{};
    std::shared_ptr<workflow_polls> polls_{};
    task_totals totals_{};
    task_totals told_{};
    task_totals told_locals_{};
    bool stopped_ = false;
};

}  // namespace mayfly::temporal::detail
