// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/compute_messages.hpp>
#include <mayfly/temporal/times.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Task queues and workers as a client is told of them, in plain values.

namespace mayfly::temporal {

/// A queue's numbers: averages over half a minute, some seconds old. Tasks handed straight to a waiting poller count.
struct queue_stats {
    std::int64_t backlog = 0;                ///< About.
    std::chrono::nanoseconds backlog_age{};  ///< Of the oldest.
    double add_rate = 0;                     ///< Tasks a second.
    double dispatch_rate = 0;
    bool rate_limited = false;

    friend bool operator==(const queue_stats&, const queue_stats&) = default;
};

/// Who polled within the last minutes; no proof that it still does.
struct queue_poller {
    std::string identity{};
    std::optional<wall_clock_time> last_access{};
    double rate_limit = 0;                        ///< Tasks a second, as it asked for.
    std::optional<deployment_version> version{};  ///< None: it has none.

    friend bool operator==(const queue_poller&, const queue_poller&) = default;
};

/// Where new work of a queue goes.
struct queue_versioning {
    std::optional<deployment_version> current{};  ///< None: workers without a version.
    std::optional<deployment_version> ramping{};
    float ramp_percentage = 0;
    std::optional<wall_clock_time> updated{};

    friend bool operator==(const queue_versioning&, const queue_versioning&) = default;
};

struct queue_description {
    std::vector<queue_poller> pollers{};
    std::optional<queue_stats> stats{};  ///< If they were asked for.
    std::map<std::int32_t, queue_stats> stats_by_priority{};
    std::optional<queue_versioning> versioning{};
    std::optional<double> rate_limit{};  ///< Tasks a second.
};

enum class worker_status : std::uint8_t { unknown, running, shutting_down, shut_down };

[[nodiscard]] constexpr std::string_view to_string(worker_status s) noexcept
{
    switch (s) {
    case worker_status::unknown: break;
    case worker_status::running: return "running";
    case worker_status::shutting_down: return "shutting_down";
    case worker_status::shut_down: return "shut_down";
    }
    return "unknown";
}

/// A worker that tells of itself.
struct worker_entry {
    std::string instance_key{};
    std::string identity{};
    std::string task_queue{};
    std::optional<deployment_version> version{};
    worker_status status = worker_status::unknown;
    std::string sdk{};  ///< Its name and version.
    std::string host{};
    std::string process_id{};
    std::optional<wall_clock_time> started{};

    friend bool operator==(const worker_entry&, const worker_entry&) = default;
};

struct worker_page {
    std::vector<worker_entry> workers{};
    std::string next_page_token{};  ///< Empty: there is no more.
};

namespace detail {

inline std::optional<deployment_version> version_of(bool is_there, const api::deployment::WorkerDeploymentVersion& v)
{
    if (!is_there || v.build_id().empty())
        return std::nullopt;
    return deployment_version{v.deployment_name(), v.build_id()};
}

inline api::deployment::WorkerDeploymentVersion version_message(const deployment_version& v)
{
    api::deployment::WorkerDeploymentVersion out;
    out.set_deployment_name(v.deployment);
    out.set_build_id(v.build_id);
    return out;
}

inline queue_stats to_stats(const api::taskqueue::TaskQueueStats& s)
{
    return {s.approximate_backlog_count(), from_wire(s.approximate_backlog_age()), s.tasks_add_rate(),
        s.tasks_dispatch_rate(), s.rate_limiting_active()};
}

template <class Map>
std::map<std::int32_t, queue_stats> to_stats_by_priority(const Map& all)
{
    std::map<std::int32_t, queue_stats> out;
    for (const auto& [key, s] : all)
        out.emplace(key, to_stats(s));
    return out;
}

inline queue_description to_queue(api::DescribeTaskQueueResponse r)
{
    queue_description out;
    for (const auto& p : r.pollers()) {
        auto& q = out.pollers.emplace_back();
        q.identity = p.identity();
        q.last_access = time_of(p.has_last_access_time(), p.last_access_time());
        q.rate_limit = p.rate_per_second();
        const auto& d = p.deployment_options();
        if (d.worker_versioning_mode() == api::enums::WORKER_VERSIONING_MODE_VERSIONED)
            q.version = deployment_version{d.deployment_name(), d.build_id()};
    }
    if (r.has_stats())
        out.stats = to_stats(r.stats());
    out.stats_by_priority = to_stats_by_priority(r.stats_by_priority_key());
    if (r.has_versioning_info()) {
        const auto& v = r.versioning_info();
        out.versioning =
            queue_versioning{version_of(v.has_current_deployment_version(), v.current_deployment_version()),
                version_of(v.has_ramping_deployment_version(), v.ramping_deployment_version()),
                v.ramping_version_percentage(), time_of(v.has_update_time(), v.update_time())};
    }
    if (r.has_effective_rate_limit())
        out.rate_limit = static_cast<double>(r.effective_rate_limit().requests_per_second());
    return out;
}

inline worker_page to_workers(api::ListWorkersResponse r)
{
    worker_page out;
    for (const auto& w : r.workers()) {
        auto& e = out.workers.emplace_back();
        e.instance_key = w.worker_instance_key();
        e.identity = w.worker_identity();
        e.task_queue = w.task_queue();
        e.version = version_of(w.has_deployment_version(), w.deployment_version());
        e.status = static_cast<worker_status>(w.status());
        e.sdk = w.sdk_name() + ' ' + w.sdk_version();
        e.host = w.host_name();
        e.process_id = w.process_id();
        e.started = time_of(w.has_start_time(), w.start_time());
    }
    out.next_page_token = r.next_page_token();
    return out;
}

}  // namespace detail

}  // namespace mayfly::temporal
