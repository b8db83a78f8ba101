// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/batching.hpp>
#include <mayfly/controller_machine.hpp>
#include <mayfly/testing/model.hpp>
#include <mayfly/testing/workload.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mayfly::testing {

/// How a simulated controller is set up beside its scaler.
struct simulation {
    bool events = true;                     ///< Adds are reported. Otherwise only what a snapshot shows is known.
    std::optional<batch_rules> batching{};  ///< Adds are gathered, a batch for each partition.
    leave_rules orders{};                   ///< For workers whose decision gives none.
    std::uint32_t tries = 1;                ///< Calls for one decision, the first included.
    bool use_maximum = true;                ///< The workload's `max_workers` is the configured maximum.
    std::optional<uptime> event_age{};      ///< The provider's own queue keeps a start at most this long.
    std::optional<std::uint32_t> async_retries{};
    controller_options options{};
};

/** Puts a `controller_machine` on the model: the machine of production, with simulated queue, provider and workers. */
template <class S>
class machine_driver {
public:
    machine_driver(
        const workload& w, S scaler, const simulation& how, typename controller_machine<S>::observer watch = {})
        : machine_(how.options, std::move(watch)),
          events_(how.events),
          policy_(std::make_shared<group_policy<S>>()),
          how_(how)
    {
        policy_->scaler = std::move(scaler);
        if (how.use_maximum)
            policy_->limits.max = w.max_workers;
        policy_->workers = {.useful_life = useful_life(w), .slots = w.worker.slots};
        policy_->orders = how.orders;
        policy_->bootstrap = false;  // the simulated worker's queue knows its version from the start
        policy_->tries = how.tries;
        if (how.batching)
            batches_.assign(std::max(1U, w.queue.partitions), task_batcher{task_type::activity, *how.batching});
    }

    void begin(model& m)
    {
        if (how_.event_age)
            m.event_age(*how_.event_age);
        if (how_.async_retries)
            m.async_retries(*how_.async_retries);
        auto target = std::make_shared<launch_target>();
        target->version = {"simulated", "1"};
        target->function = model::function;
        version_ = machine_.add({.groups = {{policy_, std::move(target)}}}, m.now());
        perform(m);
    }

    void added(model& m, add_outcome outcome, std::uint32_t partition)
    {
        if (!events_)
            return;
        if (batches_.empty()) {
            machine_.added(version_, task_added::one(task_type::activity, outcome), m.now());
        } else {
            task_batcher& batch = batches_[partition];
            if (const auto signal = batch.add(outcome, m.now()))
                machine_.added(version_, *signal, m.now());
            else
                m.wake_at(batch.next_flush(), flush_token);
        }
        perform(m);
    }

    void invoked(model& m, std::uint64_t ticket, bool accepted)
    {
        const auto at = tickets_.find(ticket);
        const std::uint64_t id = at->second.first;
        open_call& c = calls_.at(id);
        c.results[at->second.second].outcome = accepted ? condition::ok : condition::transient;
        tickets_.erase(at);
        if (++c.answered < c.results.size())
            return;
        const open_call done = std::move(c);
        calls_.erase(id);
        if (done.resize) {
            machine_.resized(id, done.results[0].outcome, {}, m.now());
        } else {
            std::vector<launch_result> results;
            results.reserve(done.results.size());
            for (const launch_report::start& s : done.results)
                results.push_back({s.outcome, s.request_id});
            machine_.launched(id, results, condition::ok, {}, m.now());
        }
        perform(m);
    }

    void timer(model& m, std::uint32_t token)
    {
        if (token == flush_token) {
            for (task_batcher& b : batches_)
                if (const auto signal = b.flush(m.now()))
                    machine_.added(version_, *signal, m.now());
        } else if (armed_ <= m.now()) {
            armed_ = never;
        }
        if (machine_.next_wake() <= m.now())
            machine_.advance(m.now());
        perform(m);
    }

    [[nodiscard]] const controller_machine<S>& machine() const noexcept { return machine_; }
    [[nodiscard]] version_handle version() const noexcept { return version_; }

private:
    static constexpr std::uint32_t flush_token = 1;

    struct open_call {
        std::vector<launch_report::start> results{};
        std::size_t answered = 0;
        bool resize = false;
    };

    [[nodiscard]] static uptime useful_life(const workload& w)
    {
        const poll_window window{.stop_at = w.worker.lifetime - w.worker.shutdown_buffer,
            .drained_by =
                std::min(w.worker.lifetime, w.worker.lifetime - w.worker.shutdown_buffer + w.worker.stop_timeout)};
        return early_stop(window, w.activity_timeout.value_or(uptime::zero()));
    }

    void perform(model& m)
    {
        while (const auto a = machine_.next_action()) {
            switch (a->what) {
            case controller_action::kind::read: machine_.snapshot(version_, m.describe(), m.now()); break;
            case controller_action::kind::launch: launch(m, *a); break;
            case controller_action::kind::resize:
                calls_[a->id] = {.results = {{}}, .resize = true};
                tickets_[m.resize(a->resize.size, policy_->orders)] = {a->id, 0};
                break;
            }
        }
        const uptime at = machine_.next_wake();
        if (at < armed_) {
            armed_ = at;
            m.wake_at(at, 0);
        }
    }

    void launch(model& m, const controller_action& a)
    {
        open_call& c = calls_[a.id];
        c.results.resize(a.launch.count);
        for (std::uint32_t i = 0; i < a.launch.count; ++i) {
            leave_rules orders = a.launch.orders;
            orders.stay = orders.stay || i < a.launch.stay;
            const std::uint64_t ticket = m.invoke(orders);
            tickets_[ticket] = {a.id, i};
            c.results[i].request_id = model::request_id(ticket);
        }
    }

    controller_machine<S> machine_;
    bool events_;
    std::shared_ptr<group_policy<S>> policy_;
    simulation how_;
    version_handle version_{};
    std::vector<task_batcher> batches_{};
    std::unordered_map<std::uint64_t, open_call> calls_{};
    std::unordered_map<std::uint64_t, std::pair<std::uint64_t, std::uint32_t>> tickets_{};
    uptime armed_ = never;
};

/// Runs one workload against one scaler.
template <class S>
[[nodiscard]] run_metrics simulate(
    const workload& w, S scaler, const simulation& how, typename controller_machine<S>::observer watch = {})
{
    model m(w);
    machine_driver<S> driver(w, std::move(scaler), how, std::move(watch));
    return m.run(driver);
}

}  // namespace mayfly::testing
