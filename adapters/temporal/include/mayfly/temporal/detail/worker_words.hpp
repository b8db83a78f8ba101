// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/poller_judge.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/** What the workers of a namespace tell of themselves: one list for all versions.

    Pure. A list is taken in page by page, and shown when it is whole. What a heartbeat told of a worker's slots stays
   for as long as the worker is listed.
*/
class worker_words {
public:
    struct entry {
        worker_word word{};
        std::string key{};
        uptime described_at = uptime::min();
        bool listed = false;
    };

    explicit worker_words(std::size_t most) : most_(most) {}

    void begin()
    {
        for (auto& [key, e] : all_)
            e.listed = false;
    }

    void take(std::vector<worker_entry> page)
    {
        for (worker_entry& w : page) {
            if (w.instance_key.empty() || (all_.size() >= most_ && !all_.contains(w.instance_key)))
                continue;
            entry& e = all_[w.instance_key];
            e.key = std::move(w.instance_key);
            e.word.identity = std::move(w.identity);
            e.word.status = w.status;
            e.word.started = w.started;
            e.word.version = std::move(w.version);
            e.listed = true;
        }
    }

    /// The list is whole: whoever is not on it is no more.
    void end()
    {
        by_deployment_.clear();
        by_function_.clear();
        std::erase_if(all_, [](const auto& one) { return !one.second.listed; });
        for (auto& [key, e] : all_) {
            if (e.word.version)
                by_deployment_[e.word.version->deployment].push_back(&e);
            if (const auto at = e.word.identity.find('@'); at != std::string::npos)
                by_function_[e.word.identity.substr(at + 1)].push_back(&e);
        }
    }

    void clear()
    {
        by_deployment_.clear();
        by_function_.clear();
        all_.clear();
    }

    /// The workers of this version, and those of this function whatever they call themselves.
    [[nodiscard]] std::vector<worker_word> of(const deployment_version& version, std::string_view function) const
    {
        std::vector<worker_word> out;
        each(version, function, [&](const entry& e) { out.push_back(e.word); });
        return out;
    }

    /// Of these, running ones that have not been described since `before`, the longest ago first; at most `most`.
    [[nodiscard]] std::vector<std::string> to_describe(
        const deployment_version& version, std::string_view function, uptime before, std::size_t most) const
    {
        std::vector<const entry*> due;
        each(version, function, [&](const entry& e) {
            if (e.word.status == worker_status::running && e.described_at < before)
                due.push_back(&e);
        });
        std::sort(
            due.begin(), due.end(), [](const entry* a, const entry* b) { return a->described_at < b->described_at; });
        std::vector<std::string> out;
        for (std::size_t i = 0; i < std::min(most, due.size()); ++i)
            out.push_back(due[i]->key);
        return out;
    }

    void describe(const api::worker::WorkerHeartbeat& beat, uptime now)
    {
        const auto at = all_.find(beat.worker_instance_key());
        if (at == all_.end())
            return;
        entry& e = at->second;
        e.described_at = e.word.asked = now;
        e.word.status = static_cast<worker_status>(beat.status());
        e.word.beat = time_of(beat.has_heartbeat_time(), beat.heartbeat_time());
        std::uint64_t busy = 0;
        std::uint64_t free = 0;
        const auto count = [&](bool has, const api::worker::WorkerSlotsInfo& s) {
            if (!has)
                return;
            busy += static_cast<std::uint64_t>(std::max(0, s.current_used_slots()));
            free += static_cast<std::uint64_t>(std::max(0, s.current_available_slots()));
        };
        // A worker's sizes are those of what it is made for; local activities have no queue.
        count(beat.has_activity_task_slots_info(), beat.activity_task_slots_info());
        if (busy + free == 0)
            count(beat.has_workflow_task_slots_info(), beat.workflow_task_slots_info());
        if (busy + free == 0)
            count(beat.has_nexus_task_slots_info(), beat.nexus_task_slots_info());
        if (busy + free == 0)
            return;
        constexpr std::uint64_t top = 1'000'000;
        e.word.busy = static_cast<std::uint32_t>(std::min(busy, top));
        e.word.slots = static_cast<std::uint32_t>(std::min(busy + free, top));
    }

    /// It could not be described, and is not asked again for a while. `refused`: nor will it be then.
    void not_described(const std::string& key, uptime now, bool refused)
    {
        const auto at = all_.find(key);
        if (at == all_.end())
            return;
        at->second.described_at = now;
        if (refused)
            at->second.word.asked = now;
    }

    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }

private:
    using entries = std::vector<entry*>;

    template <class F>
    void each(const deployment_version& version, std::string_view function, F visit) const
    {
        if (const auto at = by_deployment_.find(version.deployment); at != by_deployment_.end())
            for (const entry* e : at->second)
                if (e->word.version == version)
                    visit(*e);
        if (const auto at = by_function_.find(function); at != by_function_.end())
            for (const entry* e : at->second)
                if (e->word.version != version)
                    visit(*e);
    }

    std::size_t most_;
    std::map<std::string, entry> all_{};  // by instance key; a map, so that entries stay where they are
    std::map<std::string, entries, std::less<>> by_deployment_{};
    std::map<std::string, entries, std::less<>> by_function_{};
};

}  // namespace mayfly::temporal::detail
