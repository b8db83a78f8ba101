// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/activity_records.hpp>
#include <mayfly/temporal/embedded/engine.hpp>
#include <mayfly/temporal/embedded/record.hpp>
#include <mayfly/temporal/proto/stored.pb.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::temporal::embedded {

/** Carries an engine over a restart: what changed, to be written before anybody hears of it, and back again.

    Not kept: workflows with their histories and activities, which are in memory only, so that a restart knows nothing
    of them; polls and calls that wait, which come again; workers' heartbeats; statistics.
*/
class engine_records {
public:
    /// From here on the engine keeps count of what changes. Before anything else is done with it.
    static void begin(engine& e)
    {
        e.store_.keep_changes();
        e.deployments_.keep_changes();
    }

    /// Every thing that changed since it was last asked for, as it is now.
    static void take_changes(engine& e, records& into)
    {
        for (const std::string& name : e.names_.take_changed())
            into.push_back(name_space(name, e.names_.all().at(name)));
        for (const queue_key& key : std::exchange(e.configured_, {}))
            into.push_back(queue(key, e.queues_));
        e.deployments_.take_changes(into);
        for (const std::string& run : e.store_.take_changed()) {
            execution* const x = e.store_.find_run(run);
            if (x == nullptr) {
                into.push_back({.kind = record_kind::activity, .key = run, .erased = true});
                into.push_back({.kind = record_kind::activity_state, .key = run, .erased = true});
                continue;
            }
            if (!std::exchange(x->written, true))
                into.push_back(request_record(*x));
            into.push_back(state_record(*x));
        }
    }

    static void all(const engine& e, records& into)
    {
        for (const auto& [name, entry] : e.names_.all())
            into.push_back(name_space(name, entry));
        for (const auto& [key, q] : e.queues_.all())
            if (q->config.has_queue_rate_limit())
                into.push_back(queue(key, e.queues_));
        e.deployments_.all_records(into);
        for (const auto& [order, x] : e.store_.all()) {
            into.push_back(request_record(*x));
            into.push_back(state_record(*x));
        }
    }

    /// Takes everything back, into an engine that has done nothing yet. `advance` to `now` afterwards: what was queued
    /// is queued again then, in its old order. False if something is unreadable; the engine is of no use then.
    [[nodiscard]] static bool restore(engine& e, const records& from, const moment& now)
    {
        std::map<std::uint64_t, std::unique_ptr<execution>> runs;
        std::map<std::string, execution*> by_id;
        for (const record& r : from)
            switch (r.kind) {
            case record_kind::name_space:
                if (!restore_name_space(e, r))
                    return false;
                break;
            case record_kind::task_queue:
                if (!restore_queue(e, r, now))
                    return false;
                break;
            case record_kind::deployment:
            case record_kind::version:
                if (!e.deployments_.restore(r))
                    return false;
                break;
            case record_kind::activity: {
                std::unique_ptr<execution> x = read_request(r);
                if (!x)
                    return false;
                by_id[x->run_id] = x.get();
                std::unique_ptr<execution>& place = runs[x->order];
                if (place)
                    return false;
                place = std::move(x);
                break;
            }
            case record_kind::activity_state: break;
            }
        for (const record& r : from)
            if (r.kind == record_kind::activity_state) {
                const auto at = by_id.find(r.key);
                if (at == by_id.end() || !read_state(*at->second, r.value, now))
                    return false;
                by_id.erase(at);
            }
        if (!by_id.empty() || !e.deployments_.restored())
            return false;
        for (auto& [order, x] : runs)
            e.watch(e.store_.insert(std::move(x)));
        static_cast<void>(e.store_.take_changed());
        return true;
    }

private:
    [[nodiscard]] static record name_space(const std::string& name, const name_space_entry& entry)
    {
        stored::NameSpace out;
        *out.mutable_info() = entry.info;
        *out.mutable_config() = entry.config;
        return {.kind = record_kind::name_space, .key = name, .value = out.SerializeAsString()};
    }

    [[nodiscard]] static bool restore_name_space(engine& e, const record& r)
    {
        stored::NameSpace in;
        if (!in.ParseFromString(r.value) || in.info().name().empty())
            return false;
        e.names_.restore({in.info(), in.config()});
        return true;
    }

    [[nodiscard]] static record queue(const queue_key& key, const task_queues& queues)
    {
        stored::TaskQueue out;
        out.set_namespace_(key.name_space);
        out.set_name(key.name);
        out.set_type(to_message(key.type));
        record r{.kind = record_kind::task_queue,
            .key = key.name_space + '\0' + key.name + '\0' + static_cast<char>('0' + static_cast<int>(key.type))};
        const task_queue* const q = queues.find(key);
        r.erased = q == nullptr;
        if (q != nullptr)
            *out.mutable_config() = q->config;
        r.value = r.erased ? "" : out.SerializeAsString();
        return r;
    }

    [[nodiscard]] static bool restore_queue(engine& e, const record& r, const moment& now)
    {
        stored::TaskQueue in;
        if (!in.ParseFromString(r.value) || to_task_type(in.type()) == unspecified_task_type)
            return false;
        task_queue* const q = e.queues_.find_or_make({in.namespace_(), in.name(), to_task_type(in.type())});
        if (q == nullptr)
            return false;
        q->config = in.config();
        if (in.config().queue_rate_limit().has_rate_limit())
            q->limit_by_config(in.config().queue_rate_limit().rate_limit().requests_per_second(), now.at);
        return true;
    }

    [[nodiscard]] static std::unique_ptr<execution> read_request(const record& r)
    {
        stored::Activity in;
        if (!in.ParseFromString(r.value) || in.run_id() != r.key)
            return nullptr;
        auto out = std::make_unique<execution>();
        out->run_id = in.run_id();
        out->order = in.order();
        out->request = std::move(*in.mutable_request());
        out->written = true;
        out->read_times();
        return out;
    }
};

}  // namespace mayfly::temporal::embedded
