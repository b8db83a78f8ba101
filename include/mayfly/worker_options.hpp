// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/detail/seconds_text.hpp>
#include <mayfly/leaving.hpp>
#include <mayfly/problem.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// What a worker in a function can be told, what it is told if nobody says anything, and what cannot be changed.

namespace mayfly {

/// A user's choices. A field that is unset takes its default from `lambda_defaults`.
struct worker_options {
    std::string task_queue{};
    std::string identity{};  ///< Empty: `<request id>@<function>` of the invocation.

    std::optional<std::uint32_t> max_concurrent_activities{};
    std::optional<std::uint32_t> max_concurrent_workflow_tasks{};
    std::optional<std::uint32_t> max_concurrent_local_activities{};
    std::optional<std::uint32_t> max_concurrent_nexus_tasks{};
    std::optional<std::uint32_t> activity_pollers{};
    std::optional<std::uint32_t> workflow_pollers{};  ///< At least two while there is a sticky cache.
    std::optional<std::uint32_t> nexus_pollers{};
    std::optional<std::uint32_t> sticky_cache{};  ///< Workflows kept in memory; zero for none.

    std::optional<uptime> stop_timeout{};     ///< How long running tasks may go on once polling has stopped.
    std::optional<uptime> shutdown_buffer{};  ///< Polling stops this much before the deadline.
    std::optional<uptime> hook_allowance{};   ///< The last part of the buffer, for hooks and closing.

    std::optional<uptime> idle_exit{};         ///< See `leave_rules`. What is set here wins over what the
    std::optional<double> thin_target{};       ///< controller tells the worker.
    std::optional<uptime> activity_timeout{};  ///< The longest an activity can take.

    /// A shorter `idle_exit` than this, one's own or ordered, is raised to it: a poll that is answered once a second
    /// cannot be told from one that is idle. Set it to zero for a queue that answers within milliseconds.
    uptime least_idle_exit = std::chrono::seconds{1};

    /// For workflows that declare none themselves.
    versioning_behavior default_behavior = versioning_behavior::unspecified;

    std::optional<bool> eager_activities{};       ///< Stays off in a function: it needs a connection that lasts.
    std::optional<bool> versioning{};             ///< Stays on: unversioned workers are not invoked.
    std::optional<deployment_version> version{};  ///< Only the one given to `resolve` is accepted.
};

/// Fills what is unset with the values for a small function. Fills nothing else.
inline void lambda_defaults(worker_options& o)
{
    const auto fill = [](auto& field, auto value) {
        if (!field)
            field = value;
    };
    fill(o.max_concurrent_activities, 2U);
    fill(o.max_concurrent_workflow_tasks, 10U);
    fill(o.max_concurrent_local_activities, 2U);
    fill(o.max_concurrent_nexus_tasks, 5U);
    fill(o.activity_pollers, 1U);
    fill(o.workflow_pollers, 2U);
    fill(o.nexus_pollers, 1U);
    fill(o.sticky_cache, 100U);
    fill(o.stop_timeout, std::chrono::seconds{5});
    fill(o.hook_allowance, std::chrono::seconds{2});
    fill(o.shutdown_buffer, later(*o.stop_timeout, *o.hook_allowance));
}

/// What the worker offers, by name.
struct registrations {
    struct workflow {
        std::string name{};
        versioning_behavior behavior = versioning_behavior::unspecified;
    };
    std::vector<workflow> workflows{};
    std::vector<std::string> activities{};
    std::vector<std::string> nexus_services{};

    [[nodiscard]] bool empty() const noexcept
    {
        return workflows.empty() && activities.empty() && nexus_services.empty();
    }
};

/// Every setting with its value.
struct worker_settings {
    std::string task_queue{};
    std::string identity{};
    std::uint32_t max_concurrent_activities = 2;
    std::uint32_t max_concurrent_workflow_tasks = 10;
    std::uint32_t max_concurrent_local_activities = 2;
    std::uint32_t max_concurrent_nexus_tasks = 5;
    std::uint32_t activity_pollers = 1;
    std::uint32_t workflow_pollers = 2;
    std::uint32_t nexus_pollers = 1;
    std::uint32_t sticky_cache = 100;
    uptime stop_timeout = std::chrono::seconds{5};
    uptime shutdown_buffer = std::chrono::seconds{7};
    uptime hook_allowance = std::chrono::seconds{2};
    versioning_behavior default_behavior = versioning_behavior::unspecified;
};

/// Options that were checked. Only `resolve` makes one; what must not be overridden has no setter.
class resolved_options {
public:
    static constexpr bool eager_activities = false;
    static constexpr bool versioning = true;

    [[nodiscard]] const worker_settings& settings() const noexcept { return settings_; }
    [[nodiscard]] const deployment_version& version() const noexcept { return version_; }

    /// What was changed or looks wrong and is no reason to refuse. To be logged once.
    [[nodiscard]] const problems& notes() const noexcept { return notes_; }

    [[nodiscard]] versioning_behavior behavior_of(const registrations::workflow& w) const noexcept
    {
        return w.behavior != versioning_behavior::unspecified ? w.behavior : settings_.default_behavior;
    }

    /// When to leave: the controller's orders, and the user's own choices above them. Only the controller knows whether
    /// the worker has to stay.
    [[nodiscard]] leave_rules rules(leave_rules orders) const noexcept
    {
        orders.idle_exit = idle_exit_.value_or(orders.idle_exit);
        if (orders.idle_exit > uptime::zero())
            orders.idle_exit = std::max(orders.idle_exit, least_idle_exit_);
        orders.thin_target = thin_target_.value_or(orders.thin_target);
        orders.activity_timeout = activity_timeout_.value_or(orders.activity_timeout);
        return orders;
    }

private:
    resolved_options() = default;
    friend checked<resolved_options> resolve(worker_options, const deployment_version&, const registrations&);

    worker_settings settings_{};
    deployment_version version_{};
    problems notes_{};
    std::optional<uptime> idle_exit_{};
    uptime least_idle_exit_{};
    std::optional<double> thin_target_{};
    std::optional<uptime> activity_timeout_{};
};

namespace detail {

inline void check_counts(const worker_options& o, problems& wrong)
{
    const std::pair<const char*, std::uint32_t> positive[] = {
        {"max_concurrent_activities", *o.max_concurrent_activities},
        {"max_concurrent_workflow_tasks", *o.max_concurrent_workflow_tasks},
        {"max_concurrent_local_activities", *o.max_concurrent_local_activities},
        {"max_concurrent_nexus_tasks", *o.max_concurrent_nexus_tasks},
        {"activity_pollers", *o.activity_pollers},
        {"workflow_pollers", *o.workflow_pollers},
        {"nexus_pollers", *o.nexus_pollers},
    };
    for (const auto& [field, value] : positive)
        if (value == 0)
            wrong.push_back({field, "0", "take at least 1, or leave it unset for the default"});
    if (*o.workflow_pollers == 1 && *o.sticky_cache > 0)
        wrong.push_back({"workflow_pollers", "1",
            "one poller cannot serve both the queue and the sticky queue: take at least 2, or set sticky_cache to 0"});
}

inline void check_times(const worker_options& o, problems& wrong)
{
    const std::pair<const char*, uptime> times[] = {
        {"stop_timeout", *o.stop_timeout},
        {"shutdown_buffer", *o.shutdown_buffer},
        {"hook_allowance", *o.hook_allowance},
        {"idle_exit", o.idle_exit.value_or(uptime{})},
        {"activity_timeout", o.activity_timeout.value_or(uptime{})},
        {"least_idle_exit", o.least_idle_exit},
    };
    for (const auto& [field, value] : times)
        if (value < uptime::zero())
            wrong.push_back({field, seconds_text(value), "a time cannot be negative"});
    if (o.thin_target && !(*o.thin_target >= 0 && *o.thin_target <= 1))
        wrong.push_back({"thin_target", std::to_string(*o.thin_target), "take a share above 0 and up to 1; 0 for off"});
}

inline void check_version(const worker_options& o, const deployment_version& version, problems& wrong)
{
    for (problem& p : check_names(version)) {
        p.field.insert(0, "version.");
        wrong.push_back(std::move(p));
    }
    if (o.versioning == false)
        wrong.push_back(
            {"versioning", "off", "a worker that runs in a function must be versioned: do not switch it off"});
    if (o.version && *o.version != version)
        wrong.push_back({"version", o.version->deployment + ":" + o.version->build_id,
            "the version is the one given at the entry point, " + version.deployment + ":" + version.build_id});
}

inline void check_registrations(const worker_options& o, const registrations& offered, problems& wrong)
{
    if (offered.empty())
        wrong.push_back({"registrations", "none", "register at least one workflow, activity or Nexus service"});
    if (o.default_behavior != versioning_behavior::unspecified)
        return;
    for (const registrations::workflow& w : offered.workflows)
        if (w.behavior == versioning_behavior::unspecified)
            wrong.push_back({"workflows." + w.name, "without a versioning behavior",
                "declare pinned or auto_upgrade for it, or set default_behavior"});
}

/// What is allowed and still likely to hurt.
[[nodiscard]] inline problems notes_on(const worker_options& o)
{
    problems notes;
    if (o.eager_activities == true)
        notes.push_back(
            {"eager_activities", "on", "stays off in a function, because it needs a connection that lasts"});
    const uptime need = later(*o.stop_timeout, *o.hook_allowance);
    if (*o.shutdown_buffer < need)
        notes.push_back({"shutdown_buffer", seconds_text(*o.shutdown_buffer),
            "running tasks and hooks may be cut off: stop_timeout and hook_allowance need " + seconds_text(need)});
    if (o.activity_timeout && *o.stop_timeout < *o.activity_timeout)
        notes.push_back({"stop_timeout", seconds_text(*o.stop_timeout),
            "shorter than activity_timeout, " + seconds_text(*o.activity_timeout) +
                ": polling stops early for it, but an activity that runs when the worker is cancelled may be lost"});
    if (o.idle_exit && *o.idle_exit > uptime::zero() && *o.idle_exit < o.least_idle_exit)
        notes.push_back({"idle_exit", seconds_text(*o.idle_exit),
            "raised to least_idle_exit, " + seconds_text(o.least_idle_exit) + "; 0 turns it off"});
    return notes;
}

}  // namespace detail

/// Checks everything that can be known before the first invocation. All problems are reported, not the first alone.
[[nodiscard]] inline checked<resolved_options> resolve(
    worker_options o, const deployment_version& version, const registrations& offered)
{
    lambda_defaults(o);
    problems wrong;
    detail::check_version(o, version, wrong);
    if (o.task_queue.empty())
        wrong.push_back({"task_queue", "", "set task_queue, or the environment variable TEMPORAL_TASK_QUEUE"});
    detail::check_registrations(o, offered, wrong);
    detail::check_counts(o, wrong);
    detail::check_times(o, wrong);
    if (!wrong.empty())
        return wrong;

    resolved_options r;
    r.notes_ = detail::notes_on(o);
    r.version_ = version;
    r.idle_exit_ = o.idle_exit;
    r.least_idle_exit_ = o.least_idle_exit;
    r.thin_target_ = o.thin_target;
    r.activity_timeout_ = o.activity_timeout;
    r.settings_ = {
        .task_queue = std::move(o.task_queue),
        .identity = std::move(o.identity),
        .max_concurrent_activities = *o.max_concurrent_activities,
        .max_concurrent_workflow_tasks = *o.max_concurrent_workflow_tasks,
        .max_concurrent_local_activities = *o.max_concurrent_local_activities,
        .max_concurrent_nexus_tasks = *o.max_concurrent_nexus_tasks,
        .activity_pollers = *o.activity_pollers,
        .workflow_pollers = *o.workflow_pollers,
        .nexus_pollers = *o.nexus_pollers,
        .sticky_cache = *o.sticky_cache,
        .stop_timeout = *o.stop_timeout,
        .shutdown_buffer = *o.shutdown_buffer,
        .hook_allowance = *o.hook_allowance,
        .default_behavior = o.default_behavior,
    };
    return r;
}

}  // namespace mayfly
