// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/execution.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/// All activities, found by run, by id, or by age; what they weigh; and which of the closed ones is to be forgotten
/// first.
class activity_store {
public:
    using by_order = std::map<std::uint64_t, execution*>;

    /// It becomes the latest run of its id.
    execution& insert(std::unique_ptr<execution> fresh)
    {
        execution& e = *fresh;
        last_order_ = e.order = std::max(e.order, last_order_ + 1);
        all_.emplace(e.order, &e);
        of_id_[e.name_space()][e.id()].push_back(&e);
        runs_.emplace(e.run_id, std::move(fresh));
        weigh(e);
        if (e.open())
            ++open_;
        else
            note_closed(e);
        return e;
    }

    void erase(execution& e)
    {
        touch(e);
        bytes_ -= e.bytes;
        if (e.open())
            --open_;
        else
            closed_.erase({e.closed->at, e.order});
        const auto space = of_id_.find(e.name_space());
        const auto runs = space->second.find(e.id());
        std::erase(runs->second, &e);
        if (runs->second.empty())
            space->second.erase(runs);
        if (space->second.empty())
            of_id_.erase(space);
        all_.erase(e.order);
        runs_.erase(runs_.find(e.run_id));
    }

    [[nodiscard]] execution* find_run(const std::string& run) const
    {
        const auto at = runs_.find(run);
        return at == runs_.end() ? nullptr : at->second.get();
    }

    /// That run, or without one the latest; null if there is none.
    [[nodiscard]] execution* find(const std::string& name_space, const std::string& id, const std::string& run) const
    {
        if (!run.empty()) {
            execution* const e = find_run(run);
            return e != nullptr && e->name_space() == name_space && e->id() == id ? e : nullptr;
        }
        const auto space = of_id_.find(name_space);
        if (space == of_id_.end())
            return nullptr;
        const auto runs = space->second.find(id);
        return runs == space->second.end() ? nullptr : runs->second.back();
    }

    /// After a change of it: counts its bytes anew.
    void weigh(execution& e)
    {
        touch(e);
        bytes_ -= e.bytes;
        e.bytes = e.size();
        bytes_ += e.bytes;
    }

    /// Something of it changed that a restart has to find.
    void touch(const execution& e)
    {
        if (keeps_changes_)
            changed_.insert(e.run_id);
    }
    void keep_changes() noexcept { keeps_changes_ = true; }
    [[nodiscard]] bool keeps_changes() const noexcept { return keeps_changes_; }
    /// The runs that changed, or are there no more, since this was last asked for.
    [[nodiscard]] std::set<std::string> take_changed() { return std::exchange(changed_, {}); }

    /// It has just been closed.
    void closed(execution& e)
    {
        --open_;
        note_closed(e);
    }

    /// The one that closed first; null if none did.
    [[nodiscard]] execution* oldest_closed() const { return closed_.empty() ? nullptr : closed_.begin()->second; }

    [[nodiscard]] const by_order& all() const noexcept { return all_; }
    [[nodiscard]] std::size_t open() const noexcept { return open_; }
    [[nodiscard]] std::size_t closed() const noexcept { return closed_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    void note_closed(execution& e) { closed_.emplace(std::pair{e.closed->at, e.order}, &e); }

    std::unordered_map<std::string, std::unique_ptr<execution>> runs_{};
    std::unordered_map<std::string, std::unordered_map<std::string, std::vector<execution*>>> of_id_{};
    by_order all_{};
    std::map<std::pair<uptime, std::uint64_t>, execution*> closed_{};
    std::size_t open_ = 0;
    std::size_t bytes_ = 0;
    std::uint64_t last_order_ = 0;
    std::set<std::string> changed_{};
    bool keeps_changes_ = false;
};

}  // namespace mayfly::temporal::embedded
