// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/workflow_run.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/// All runs of workflows, found by run, by id, or by age; and which of the closed ones is to be forgotten first.
class workflow_store {
public:
    using by_order = std::map<std::uint64_t, workflow_run*>;

    /// It becomes the latest run of its id.
    workflow_run& insert(std::unique_ptr<workflow_run> fresh)
    {
        workflow_run& r = *fresh;
        r.order = ++last_order_;
        all_.emplace(r.order, &r);
        of_id_[{r.name_space, r.workflow_id}].push_back(&r);
        runs_.emplace(r.run_id, std::move(fresh));
        ++open_;
        return r;
    }

    /// After a change of it.
    void count(workflow_run& r)
    {
        bytes_ -= r.bytes;
        r.bytes = r.history.all_bytes();
        bytes_ += r.bytes;
        busy_ -= r.busy ? 1U : 0U;
        r.busy = r.has_task() || !r.queries.empty();
        busy_ += r.busy ? 1U : 0U;
    }

    void erase(workflow_run& r)
    {
        bytes_ -= r.bytes;
        busy_ -= r.busy ? 1U : 0U;
        if (r.open())
            --open_;
        else
            closed_.erase({r.closed->at, r.order});
        const auto runs = of_id_.find({r.name_space, r.workflow_id});
        std::erase(runs->second, &r);
        if (runs->second.empty())
            of_id_.erase(runs);
        all_.erase(r.order);
        runs_.erase(runs_.find(r.run_id));
    }

    [[nodiscard]] workflow_run* find_run(const std::string& run) const
    {
        const auto at = runs_.find(run);
        return at == runs_.end() ? nullptr : at->second.get();
    }

    /// That run, or without one the latest; null if there is none.
    [[nodiscard]] workflow_run* find(const std::string& name_space, const std::string& id, const std::string& run) const
    {
        if (!run.empty()) {
            workflow_run* const r = find_run(run);
            return r != nullptr && r->name_space == name_space && r->workflow_id == id ? r : nullptr;
        }
        const auto runs = of_id_.find({name_space, id});
        return runs == of_id_.end() ? nullptr : runs->second.back();
    }

    /// It has just been closed.
    void closed(workflow_run& r)
    {
        --open_;
        closed_.emplace(std::pair{r.closed->at, r.order}, &r);
    }

    /// The one that closed first; null if none did.
    [[nodiscard]] workflow_run* oldest_closed() const { return closed_.empty() ? nullptr : closed_.begin()->second; }

    [[nodiscard]] const by_order& all() const noexcept { return all_; }
    [[nodiscard]] std::size_t open() const noexcept { return open_; }
    [[nodiscard]] std::size_t closed() const noexcept { return closed_.size(); }
    /// Of all histories.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    /// Runs of which something waits for a worker, or is with one.
    [[nodiscard]] std::size_t busy() const noexcept { return busy_; }

private:
    std::unordered_map<std::string, std::unique_ptr<workflow_run>> runs_{};
    std::map<std::pair<std::string, std::string>, std::vector<workflow_run*>> of_id_{};
    by_order all_{};
    std::map<std::pair<uptime, std::uint64_t>, workflow_run*> closed_{};
    std::size_t open_ = 0;
    std::size_t bytes_ = 0;
    std::size_t busy_ = 0;
    std::uint64_t last_order_ = 0;
};

}  // namespace mayfly::temporal::embedded
