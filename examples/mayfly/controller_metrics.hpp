// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "metric_page.hpp"
#include "namespace_driver.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

namespace detail {

inline metric_labels with(metric_labels labels, std::string_view name, std::string_view value)
{
    labels.emplace_back(name, std::string(value));
    return labels;
}

class controller_metrics {
public:
    explicit controller_metrics(std::uint32_t most_versions) : left_(most_versions)
    {
        const auto instance = [this](std::string_view name, std::string_view type, std::string_view help) {
            page_.declare("worker_controller_instance_" + std::string(name), type, help);
        };
        page_.declare("mayfly_controller_leader", "gauge", "1 where this replica acts, 0 where it stands by.");
        page_.declare("mayfly_controller_ready", "gauge", "1 where this replica does all that it can.");
        page_.declare("mayfly_controller_versions", "gauge", "Versions that are driven.");
        page_.declare("mayfly_controller_versions_without_series", "gauge",
            "Versions that are driven and have no metrics of their own, by most_series.");
        page_.declare("mayfly_controller_reads_total", "counter", "Readings of statistics and pollers.");
        page_.declare("mayfly_controller_failed_reads_total", "counter", "Readings that failed.");
        page_.declare("mayfly_controller_reads_waiting", "gauge", "Readings that wait for their turn in the budget.");
        page_.declare("mayfly_controller_longest_wait_seconds", "gauge", "How long the first of these has waited.");
        instance("backlog_count", "gauge", "Tasks that waited when statistics came last, by type.");
        instance("scale_up_count", "counter", "Workers that were decided to be started, by reason.");
        instance("scale_up_throttled_count", "counter", "Workers that were wished for and held back, by reason.");
        instance("deferred_scaling_decision_count", "counter", "Decisions put off for a moment, for more to come.");
        instance("target_worker_count", "gauge", "Workers that live or were asked for.");
        instance("live_worker_count", "gauge", "Workers that poll.");
        instance("starting_worker_count", "gauge", "Workers that were asked for and have not polled.");
        instance("foreign_poller_count", "gauge", "Pollers that were not started here.");
        instance("never_polled_count", "counter", "Starts that were accepted and came to nothing.");
        instance("other_version_count", "counter", "Workers that polled as another version.");
        instance("startup_seconds", "gauge", "Mean time from the call to the first poll.");
        instance("action_error_count", "counter", "Starts that the provider refused, by outcome.");
        instance("read_error_count", "counter", "Readings of this version that failed, by outcome.");
        instance("standing", "gauge", "1 for what the version's group is now: ok, waiting, degraded, and so on.");
        instance("scaling_action_latency", "histogram", "Seconds that calls to the provider took, of a namespace.");
    }

    void take(const namespace_driver& d)
    {
        const metric_labels where{{"namespace", d.name()}};
        page_.add("mayfly_controller_leader", where, d.role() == controller_role::leader ? 1 : 0);
        page_.add("mayfly_controller_ready", where, d.ready() ? 1 : 0);
        const latency_histogram& h = d.latency();
        const std::string latency = "worker_controller_instance_scaling_action_latency";
        for (std::size_t i = 0; i <= h.bounds.size(); ++i)
            page_.add(latency,
                with(where, "le", i < h.bounds.size() ? mayfly::to_string(mayfly::setting{h.bounds[i]}) : "+Inf"),
                number(h.at_most[i]), "_bucket");
        page_.add(latency, where, h.sum, "_sum");
        page_.add(latency, where, number(h.at_most.back()), "_count");
        if (!d.acting())
            return;
        const mayfly::temporal::source_load load = d.acting()->load();
        page_.add("mayfly_controller_reads_total", where, number(load.deployment_reads + load.queue_reads));
        page_.add("mayfly_controller_failed_reads_total", where, number(load.failed_reads));
        page_.add("mayfly_controller_reads_waiting", where, number(load.waiting));
        page_.add(
            "mayfly_controller_longest_wait_seconds", where, std::chrono::duration<double>(load.longest_wait).count());
        std::size_t driven = 0, without = 0;
        for (auto& [version, e] : d.acting()->entries()) {
            driven += e.groups.empty() ? 0U : 1U;
            if (!e.groups.empty() && left_ == 0)
                ++without;
            if (e.groups.empty() || left_ == 0)
                continue;
            --left_;
            for (std::size_t i = 0; i < e.groups.size(); ++i)
                if (const auto* const books = d.acting()->core().machine().books(e.handle, i))
                    take(*e.groups[i], *books, d.acting()->core().now(),
                        {{"namespace", d.name()}, {"worker_deployment_name", version.deployment},
                            {"worker_build_id", version.build_id}, {"group", e.ids[i]}});
        }
        page_.add("mayfly_controller_versions", where, number(driven));
        page_.add("mayfly_controller_versions_without_series", where, number(without));
    }

    [[nodiscard]] std::string text() const { return page_.text(); }

private:
    template <class N>
    static double number(N n)
    {
        return static_cast<double>(n);
    }

    void take(group_view& g, const mayfly::ledger& books, mayfly::uptime now, const metric_labels& who)
    {
        const mayfly::verdict v = g.verdict(books, now);
        const mayfly::fleet_view& f = g.seen().fleet;
        const group_counts& c = g.counts();
        const auto add = [&](std::string_view name, double value) {
            page_.add("worker_controller_instance_" + std::string(name), who, value);
        };
        const auto each = [&](std::string_view name, std::string_view label, const auto& counts) {
            for (const auto& [what, n] : counts)
                page_.add(
                    "worker_controller_instance_" + std::string(name), with(who, label, to_string(what)), number(n));
        };
        for (const mayfly::task_type t : mayfly::all_task_types)
            if (g.types().contains(t))
                page_.add(
                    "worker_controller_instance_backlog_count", with(who, "type", to_string(t)), number(g.backlog(t)));
        each("scale_up_count", "reason", c.started);
        each("scale_up_throttled_count", "reason", c.throttled);
        add("deferred_scaling_decision_count", number(c.deferred));
        add("target_worker_count", number(f.total()));
        add("live_worker_count", number(f.live));
        add("starting_worker_count", number(f.pending()));
        add("foreign_poller_count", number(f.foreign));
        add("never_polled_count", number(g.seen().totals.given_up));
        add("other_version_count", number(g.seen().totals.elsewhere));
        add("startup_seconds", std::chrono::duration<double>(f.startup).count());
        each("action_error_count", "outcome", c.refused);
        each("read_error_count", "outcome", c.unread);
        page_.add("worker_controller_instance_standing", with(who, "standing", to_string(v.is)), 1);
    }

    metric_page page_{};
    std::uint32_t left_;  // versions that may still have series of their own
};

}  // namespace detail

/// All metrics of a program, for Prometheus. No more than `most_versions` versions have some of their own.
[[nodiscard]] inline std::string controller_metrics_text(
    const std::vector<std::shared_ptr<namespace_driver>>& drivers, std::uint32_t most_versions)
{
    detail::controller_metrics out(most_versions);
    for (const auto& d : drivers)
        out.take(*d);
    return out.text();
}

}  // namespace examples
