// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/list_filter.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::temporal::embedded {

struct worker_list_limits {
    std::size_t workers = 10'000;          ///< Of all namespaces. Beyond, who was not heard of longest is forgotten.
    std::size_t bytes = 64 * 1024 * 1024;  ///< Likewise.
    std::chrono::seconds memory{300};      ///< From a worker's last heartbeat.
    std::chrono::seconds refusal_of_polls{30};  ///< From its shutdown.
};

/** The workers that tell about themselves, from heartbeat to shutdown. Nothing of it survives a restart: who still runs
    tells again within a minute.

    `answer(request, now)` answers each of the calls, for a namespace that exists.
*/
class worker_list {
public:
    explicit worker_list(worker_list_limits limits = {}) : limits_{limits} {}

    [[nodiscard]] answered<api::RecordWorkerHeartbeatResponse> answer(
        const api::RecordWorkerHeartbeatRequest& request, const moment& now)
    {
        for (const auto& heartbeat : request.worker_heartbeat())
            if (heartbeat.worker_instance_key().empty())
                return bad_request("worker_instance_key is empty: give each worker one of its own");
        for (const auto& heartbeat : request.worker_heartbeat())
            heard(request.namespace_(), heartbeat, now);
        return api::RecordWorkerHeartbeatResponse{};
    }

    [[nodiscard]] answered<api::ListWorkersResponse> answer(const api::ListWorkersRequest& request, const moment& now)
    {
        const auto filter = read(request.query());
        if (!filter)
            return bad_request("query " + filter.error());
        forget(now);
        const std::size_t most = request.page_size() > 0 ? static_cast<std::size_t>(request.page_size()) : 1000;
        api::ListWorkersResponse response;
        std::string last;
        for (auto at = by_key_.upper_bound({request.namespace_(), request.next_page_token()});
             at != by_key_.end() && at->first.first == request.namespace_(); ++at) {
            const api::worker::WorkerHeartbeat& worker = at->second->heartbeat;
            if (!passes(*filter, worker))
                continue;
            if (static_cast<std::size_t>(response.workers_size()) == most) {
                response.set_next_page_token(last);
                break;
            }
            last = at->first.second;
            *response.add_workers() = listed(worker);
        }
        return response;
    }

    [[nodiscard]] answered<api::CountWorkersResponse> answer(const api::CountWorkersRequest& request, const moment& now)
    {
        const auto filter = read(request.query());
        if (!filter)
            return bad_request("query " + filter.error());
        forget(now);
        std::int64_t count = 0;
        for (auto at = by_key_.upper_bound({request.namespace_(), ""});
             at != by_key_.end() && at->first.first == request.namespace_(); ++at)
            count += passes(*filter, at->second->heartbeat) ? 1 : 0;
        api::CountWorkersResponse response;
        response.set_count(count);
        return response;
    }

    [[nodiscard]] answered<api::DescribeWorkerResponse> answer(
        const api::DescribeWorkerRequest& request, const moment& now)
    {
        forget(now);
        const auto at = by_key_.find({request.namespace_(), request.worker_instance_key()});
        if (at == by_key_.end())
            return refused(grpc::status_code::not_found,
                "there is no worker \"" + request.worker_instance_key() + "\"; it has not sent a heartbeat lately",
                "NotFoundFailure", api::errordetails::NotFoundFailure{});
        api::DescribeWorkerResponse response;
        *response.mutable_worker_info()->mutable_worker_heartbeat() = at->second->heartbeat;
        return response;
    }

    /// What ShutdownWorker means here; ending the worker's polls is the task queues' part.
    void shut_down(const api::ShutdownWorkerRequest& request, const moment& now)
    {
        const std::string& key = request.worker_instance_key();
        if (key.empty())
            return;
        forget(now);
        if (refusals_.size() < limits_.workers) {
            const uptime until = later(now.at, limits_.refusal_of_polls);
            refused_[{request.namespace_(), key}] = until;
            refusals_.push_back({until, {request.namespace_(), key}});
        }
        api::worker::WorkerHeartbeat heartbeat;
        if (const auto known = by_key_.find({request.namespace_(), key}); known != by_key_.end())
            heartbeat = known->second->heartbeat;
        else if (!request.has_worker_heartbeat())
            return;
        if (request.has_worker_heartbeat())
            heartbeat = request.worker_heartbeat();
        heartbeat.set_worker_instance_key(key);
        if (heartbeat.status() != api::enums::WORKER_STATUS_SHUTTING_DOWN)
            heartbeat.set_status(api::enums::WORKER_STATUS_SHUTDOWN);
        heard(request.namespace_(), std::move(heartbeat), now);
    }

    /// Whether a poll of that worker is to be answered empty at once: it said goodbye a moment ago.
    [[nodiscard]] bool refuses_polls(const std::string& name_space, const std::string& key, const moment& now) const
    {
        const auto at = refused_.find({name_space, key});
        return at != refused_.end() && now.at < at->second;
    }

private:
    using full_key = std::pair<std::string, std::string>;  // Namespace and instance key.

    struct entry {
        full_key key{};
        uptime heard{};
        std::size_t bytes = 0;
        api::worker::WorkerHeartbeat heartbeat{};
    };

    static constexpr std::string_view fields = "WorkerInstanceKey, WorkerIdentity, HostName, TaskQueue, "
                                               "DeploymentName, BuildId, SdkName, SdkVersion and WorkerStatus";

    void heard(const std::string& name_space, api::worker::WorkerHeartbeat heartbeat, const moment& now)
    {
        forget(now);
        full_key key{name_space, heartbeat.worker_instance_key()};
        if (const auto known = by_key_.find(key); known != by_key_.end())
            drop(known->second);
        const std::size_t bytes = heartbeat.ByteSizeLong() + key.first.size() + 2 * key.second.size();
        by_age_.push_back({key, now.at, bytes, std::move(heartbeat)});
        by_key_.emplace(std::move(key), std::prev(by_age_.end()));
        bytes_ += bytes;
        while (by_age_.size() > limits_.workers || bytes_ > limits_.bytes)
            drop(by_age_.begin());
    }

    void forget(const moment& now)
    {
        while (!by_age_.empty() && later(by_age_.front().heard, limits_.memory) <= now.at)
            drop(by_age_.begin());
        for (; !refusals_.empty() && refusals_.front().first <= now.at; refusals_.pop_front())
            if (const auto at = refused_.find(refusals_.front().second); at != refused_.end() && at->second <= now.at)
                refused_.erase(at);
    }

    void drop(std::list<entry>::iterator at)
    {
        bytes_ -= at->bytes;
        by_key_.erase(at->key);
        by_age_.erase(at);
    }

    [[nodiscard]] static std::string_view status_name(api::enums::WorkerStatus s) noexcept
    {
        switch (s) {
        case api::enums::WORKER_STATUS_RUNNING: return "Running";
        case api::enums::WORKER_STATUS_SHUTTING_DOWN: return "ShuttingDown";
        case api::enums::WORKER_STATUS_SHUTDOWN: return "Shutdown";
        case api::enums::WORKER_STATUS_UNSPECIFIED: break;
        }
        return "Unspecified";
    }

    [[nodiscard]] static std::optional<std::string_view> field(
        const api::worker::WorkerHeartbeat& w, std::string_view name) noexcept
    {
        if (name == "WorkerInstanceKey")
            return w.worker_instance_key();
        if (name == "WorkerIdentity")
            return w.worker_identity();
        if (name == "HostName")
            return w.host_info().host_name();
        if (name == "TaskQueue")
            return w.task_queue();
        if (name == "DeploymentName")
            return w.deployment_version().deployment_name();
        if (name == "BuildId")
            return w.deployment_version().build_id();
        if (name == "SdkName")
            return w.sdk_name();
        if (name == "SdkVersion")
            return w.sdk_version();
        if (name == "WorkerStatus" || name == "Status")
            return status_name(w.status());
        return std::nullopt;
    }

    [[nodiscard]] static boost::system::result<list_filter, std::string> read(const std::string& query)
    {
        auto filter = read_list_filter(query);
        if (filter)
            for (const comparison& c : filter->all)
                if (!field({}, c.field))
                    return "names \"" + c.field + "\": the fields are " + std::string{fields};
        if (filter && !filter->group_by.empty())
            return "has a GROUP BY, which workers are not counted by";
        return filter;
    }

    [[nodiscard]] static bool passes(const list_filter& filter, const api::worker::WorkerHeartbeat& worker)
    {
        for (const comparison& c : filter.all)
            if (!holds(c, field(worker, c.field).value_or("")))
                return false;
        return true;
    }

    [[nodiscard]] static api::worker::WorkerListInfo listed(const api::worker::WorkerHeartbeat& w)
    {
        api::worker::WorkerListInfo out;
        out.set_worker_instance_key(w.worker_instance_key());
        out.set_worker_identity(w.worker_identity());
        out.set_task_queue(w.task_queue());
        if (w.has_deployment_version())
            *out.mutable_deployment_version() = w.deployment_version();
        out.set_sdk_name(w.sdk_name());
        out.set_sdk_version(w.sdk_version());
        out.set_status(w.status());
        if (w.has_start_time())
            *out.mutable_start_time() = w.start_time();
        out.set_host_name(w.host_info().host_name());
        out.set_worker_grouping_key(w.host_info().worker_grouping_key());
        out.set_process_id(w.host_info().process_id());
        *out.mutable_plugins() = w.plugins();
        return out;
    }

    worker_list_limits limits_;
    std::list<entry> by_age_;  // Who was heard of last is last.
    std::map<full_key, std::list<entry>::iterator> by_key_;
    std::map<full_key, uptime> refused_;                // Until when.
    std::deque<std::pair<uptime, full_key>> refusals_;  // The same, the one that ends first in front.
    std::size_t bytes_ = 0;
};

}  // namespace mayfly::temporal::embedded
