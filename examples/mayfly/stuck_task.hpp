// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/workflow_requests.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace examples {

/// A task of the version's queues that does not get done.
struct stuck_task {
    std::string id{};
    std::string type{};
    std::string queue{};  ///< Empty: the server does not tell.
    std::int32_t attempt = 1;
    bool timed_out = false;                 ///< So ended the attempt before.
    std::chrono::seconds start_to_close{};  ///< Zero: none.
    std::chrono::seconds heartbeat{};       ///< Likewise.
    std::string workflow{};                 ///< The id of the one that waits for it; empty: it stands alone.
    bool timeouts_told = true;
};

namespace detail {

[[nodiscard]] inline bool timed_out(const mayfly::temporal::api::failure::Failure& f)
{
    return f.has_timeout_failure_info();
}

/// From a duration as messages have it.
[[nodiscard]] inline std::chrono::seconds whole_seconds(const auto& duration)
{
    return std::chrono::seconds{duration.seconds()};
}

}  // namespace detail

[[nodiscard]] inline stuck_task task_of(const mayfly::temporal::activity_description& d)
{
    return {.id = d.key.id,
        .type = d.type,
        .queue = d.task_queue,
        .attempt = d.attempt,
        .timed_out = d.last_failure && detail::timed_out(*d.last_failure),
        .start_to_close = detail::whole_seconds(d.info.start_to_close_timeout()),
        .heartbeat = detail::whole_seconds(d.info.heartbeat_timeout())};
}

/// A workflow's activity, if it is this version's: its worker had it last, or, where no worker is told, it waits on one
/// of these queues.
[[nodiscard]] inline std::optional<stuck_task> task_of(const std::string& workflow,
    const mayfly::temporal::api::workflow::PendingActivityInfo& p, const mayfly::deployment_version& version,
    const std::set<std::string>& queues)
{
    const auto& options = p.activity_options();
    stuck_task out{.id = p.activity_id(),
        .type = p.activity_type().name(),
        .queue = options.task_queue().name(),
        .attempt = p.attempt(),
        .timed_out = p.has_last_failure() && detail::timed_out(p.last_failure()),
        .start_to_close = detail::whole_seconds(options.start_to_close_timeout()),
        .heartbeat = detail::whole_seconds(options.heartbeat_timeout()),
        .workflow = workflow,
        .timeouts_told = p.has_activity_options()};
    const auto& by = p.last_deployment_version();
    const bool ours = p.has_last_deployment_version()
                          ? by.deployment_name() == version.deployment && by.build_id() == version.build_id
                          : out.queue.empty() || queues.contains(out.queue);
    return ours ? std::optional(std::move(out)) : std::nullopt;
}

/// Of those that run the `most` that began first: what is stuck is old, and servers list what is new first.
[[nodiscard]] inline std::vector<mayfly::temporal::workflow_entry> oldest(
    std::vector<mayfly::temporal::workflow_entry> all, std::size_t most)
{
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.started < b.started; });
    all.resize(std::min(all.size(), most));
    return all;
}

}  // namespace examples
