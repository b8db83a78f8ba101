// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/books.hpp>
#include <mayfly/temporal/embedded/queue_calls.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
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

    Every activity and every workflow's task that was accepted is in one place: it waits for its time, waits in one
    queue, is with one worker, or is closed. `check_books` looks whether that is so.
*/
class engine final : public queue_calls {
public:
    explicit engine(limits l = {}, std::uint64_t seed = 1) : queue_calls(l, seed) {}

    [[nodiscard]] const limits& bounds() const noexcept { return limits_; }
    [[nodiscard]] const namespaces& name_spaces() const noexcept { return names_; }
    [[nodiscard]] const activity_store& activities() const noexcept { return store_; }
    [[nodiscard]] const workflow_store& workflows() const noexcept { return runs_; }
    [[nodiscard]] const task_queues& queues() const noexcept { return queues_; }
    [[nodiscard]] const deployment_store& deployments() const noexcept { return deployments_; }

    // Namespaces.

    /// One that is there without anybody asking for it.
    void make_namespace(const std::string& name, uptime retention = std::chrono::hours(24))
    {
        api::RegisterNamespaceRequest r;
        r.set_namespace_(name);
        put(*r.mutable_workflow_execution_retention_period(), retention);
        static_cast<void>(names_.add(r, ids_.uuid()));
    }

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

    // Deployments, and workers that tell of themselves.

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

    /// Any call about workers that tell of themselves.
    template <class Request>
    [[nodiscard]] auto worker(const Request& r, const caller& who)
        -> decltype(std::declval<worker_list&>().answer(r, who.now))
    {
        if (grpc::status bad = names_.check(r.namespace_()); !bad.ok())
            return bad;
        return workers_.answer(r, who.now);
    }

    // Calls that nobody waits for any more, see also `give_back`.

    /// Nobody waits for this call's answer; one that is out already can be given back.
    void leave(ticket id, const moment& now)
    {
        if (queues_.remove_poll(id, now))
            return;
        waits_.forget(id);
        leave_workflow(id, now);
    }

    // Time.

    /// When to call `advance` next, if nothing else happens; or `never`.
    [[nodiscard]] uptime next_event() const
    {
        uptime soonest = std::min(
            {due_.soonest(), waits_.next_event(), queues_.next_event(), due_runs_.soonest(), run_waits_.next_event()});
        if (const execution* const e = store_.oldest_closed())
            soonest = std::min(soonest, forgotten_at(*e));
        if (const workflow_run* const r = runs_.oldest_closed())
            soonest = std::min(soonest, run_forgotten_at(*r));
        if (!follow_ups_.empty())
            soonest = uptime::zero();
        return soonest;
    }

    /** Where time may jump to, for who does not want to wait for it: somebody waits for a result, and until then
        nothing happens, as no worker has anything to do and nothing waits for one. Or `never`.
    */
    [[nodiscard]] uptime next_jump() const { return somebody_waits() && at_rest() ? next_due() : never; }

    /// Somebody waits for a result, and neither time nor a worker will bring it: only another call can.
    [[nodiscard]] bool is_stuck() const { return somebody_waits() && at_rest() && next_due() == never; }

    /// All that time alone has brought about until now.
    void advance(const moment& now)
    {
        while (execution* const e = due_.next_due(now.at))
            is_due(*e, now);
        while (workflow_run* const r = due_runs_.next_due(now.at)) {
            run_is_due(*r, now);
            follow_up_all(now);
        }
        follow_up_all(now);
        for (const ticket id : queues_.expired(now))
            tell(id, grpc::status());
        while (task_queue* const q = queues_.released(now.at))
            hand_out(*q, now);
        while (const auto id = waits_.expired(now.at))
            tell(*id, grpc::status());
        while (const auto w = run_waits_.expired(now.at))
            wait_is_over(*w, now);
        while (execution* const e = store_.oldest_closed()) {
            if (forgotten_at(*e) > now.at)
                break;
            forget(*e);
        }
        while (workflow_run* const r = runs_.oldest_closed()) {
            if (run_forgotten_at(*r) > now.at && runs_.closed() <= limits_.closed_workflows &&
                runs_.bytes() <= limits_.bytes)
                break;
            forget_run(*r, now);
        }
    }

    /// Whether this call waits for an activity or a workflow.
    [[nodiscard]] bool waits(ticket id) const { return waits_.find(id) != nullptr || run_waits_.find(id) != nullptr; }

    [[nodiscard]] outputs take_outputs()
    {
        return {std::exchange(answers_, {}), queues_.take_added(), queues_.take_workers()};
    }

    /// What is wrong with the books; empty if every task is in one place, and every count is right.
    [[nodiscard]] std::string check_books() const
    {
        const kept_books books{store_, owned_, runs_, queues_, waits_, run_waits_};
        return book_check(books).run();
    }

private:
    [[nodiscard]] bool somebody_waits() const { return waits_.size() != 0 || run_waits_.awaits_result(); }

    /// When time alone changes an activity or a workflow.
    [[nodiscard]] uptime next_due() const { return std::min(due_.soonest(), due_runs_.soonest()); }

    /// No worker has anything to do, and nothing waits for one.
    [[nodiscard]] bool at_rest() const
    {
        if (queues_.busy_tasks() != 0 || runs_.busy() != 0 || !follow_ups_.empty())
            return false;
        const auto& owned = owned_.all();
        const auto under_way = [](const auto& e) {
            return e.second->where == place::queued || e.second->where == place::started;
        };
        return std::none_of(owned.begin(), owned.end(), under_way) &&
               (store_.open() == 0 || std::none_of(store_.all().begin(), store_.all().end(), under_way));
    }

    friend class engine_records;  // carries it over a restart
};

}  // namespace mayfly::temporal::embedded
