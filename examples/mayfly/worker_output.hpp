// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "output.hpp"
#include "payload_output.hpp"

#include <mayfly/compute_config.hpp>
#include <mayfly/settings.hpp>
#include <mayfly/temporal/deployment_values.hpp>
#include <mayfly/temporal/task_queue_values.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// What `mayfly worker` tells, as JSON values and as text made of these. The names of what Temporal's own command tells
// too are the same, so that scripts can take either.

namespace examples {

/// Notes of a version that are mayfly's own: they are shown as what they mean, and one holds external ids.
[[nodiscard]] inline bool is_own_note(std::string_view key)
{
    return key.starts_with("mayfly.");
}

[[nodiscard]] inline json::object notes_json(const std::map<std::string, temporal::api::common::Payload>& all)
{
    json::object out;
    for (const auto& [key, payload] : all)
        if (!is_own_note(key))
            out[key] = shown(payload);
    return out;
}

[[nodiscard]] inline json::object routing_json(const temporal::routing& r)
{
    const auto deployment = [](const auto& v) { return v ? v->deployment : std::string(); };
    const auto build = [](const auto& v) { return v ? v->build_id : std::string(); };
    return {{"currentVersionDeploymentName", deployment(r.current)}, {"currentVersionBuildID", build(r.current)},
        {"rampingVersionDeploymentName", deployment(r.ramping)}, {"rampingVersionBuildID", build(r.ramping)},
        {"rampingVersionPercentage", r.ramp_percentage}, {"currentVersionChangedTime", shown(r.current_changed)},
        {"rampingVersionChangedTime", shown(r.ramping_changed)},
        {"rampingVersionPercentageChangedTime", shown(r.percentage_changed)}};
}

[[nodiscard]] inline std::string_view drainage_of(const std::optional<mayfly::version_status>& s)
{
    if (s == mayfly::version_status::draining)
        return "draining";
    return s == mayfly::version_status::drained ? "drained" : "unspecified";
}

[[nodiscard]] inline std::string_view status_of(const std::optional<mayfly::version_status>& s)
{
    return s ? to_string(*s) : "unspecified";
}

[[nodiscard]] inline json::object to_json(const temporal::deployment_entry& e)
{
    return {{"name", e.name}, {"createTime", shown(e.created)}, {"routingConfig", routing_json(e.routing)}};
}

[[nodiscard]] inline json::object to_json(const temporal::deployment_description& d)
{
    json::array versions;
    for (const auto& v : d.versions)
        versions.push_back({{"deploymentName", v.version.deployment}, {"BuildID", v.version.build_id},
            {"drainageStatus", drainage_of(v.status)}, {"createTime", shown(v.created)},
            {"status", status_of(v.status)}});
    return {{"name", d.name}, {"createTime", shown(d.created)}, {"lastModifierIdentity", d.last_modifier},
        {"routingConfig", routing_json(d.routing)}, {"versionSummaries", std::move(versions)},
        {"managerIdentity", d.manager}};
}

[[nodiscard]] inline json::object to_json(const temporal::queue_stats& s)
{
    return {{"approximateBacklogCount", s.backlog}, {"approximateBacklogAge", s.backlog_age.count()},
        {"backlogIncreaseRate", s.add_rate - s.dispatch_rate}, {"tasksAddRate", s.add_rate},
        {"tasksDispatchRate", s.dispatch_rate}};
}

[[nodiscard]] inline json::object to_json(const temporal::version_queue& q)
{
    json::object out{{"name", q.name}, {"type", to_string(q.type)}};
    if (q.stats)
        out["stats"] = to_json(*q.stats);
    if (!q.stats_by_priority.empty()) {
        json::object& by = out["statsByPriorityKey"].emplace_object();
        for (const auto& [priority, stats] : q.stats_by_priority)
            by[std::to_string(priority)] = to_json(stats);
    }
    return out;
}

/// Whether a provider's detail says only what runs the workers. Others' external ids are nobody else's business, and
/// one can stand under a key that was mistyped too.
[[nodiscard]] inline bool is_shown(std::string_view key)
{
    constexpr std::array<std::string_view, 12> known{"arn", "role", "cluster", "service", "region", "endpoint_arn",
        "project", "worker_pool", "service_account", "function", "event_age_ms", "retries"};
    return std::find(known.begin(), known.end(), key) != known.end();
}

/// Of a provider: what may be shown, and that there is more.
[[nodiscard]] inline json::object details_json(const mayfly::settings& details)
{
    json::object out;
    for (const auto& [key, value] : details) {
        json::value& to = out[key];
        if (!is_shown(key))
            to = "(not shown)";
        else
            std::visit([&to](const auto& v) { to = v; }, value);
    }
    return out;
}

[[nodiscard]] inline json::object to_json(const mayfly::compute_config& config)
{
    json::object groups;
    for (const auto& [id, g] : config.groups) {
        json::object group;
        if (!g.types.empty()) {
            json::array& types = group["taskQueueTypes"].emplace_array();
            for (const auto t : g.types)
                types.emplace_back(to_string(t));
        }
        if (g.provider)
            group["provider"] = {{"type", g.provider->type}, {"details", details_json(g.provider->details)}};
        json::object scaler;
        if (g.scaler && !g.scaler->type.empty())
            scaler["type"] = g.scaler->type;
        if (g.limits.min != 0)
            scaler["minInstances"] = g.limits.min;
        if (g.limits.max != std::numeric_limits<std::uint32_t>::max())
            scaler["maxInstances"] = g.limits.max;
        constexpr std::pair<const char*, const char*> named[] = {{"min_count", "minInstances"},
            {"max_count", "maxInstances"}, {"initial_count", "initialInstances"},
            {"utilization_target", "utilizationTarget"}};
        if (g.scaler)
            for (const auto& [key, value] : g.scaler->details) {
                const auto* const known = std::find_if(
                    std::begin(named), std::end(named), [&k = key](const auto& n) { return k == n.first; });
                json::value& to = scaler[known != std::end(named) ? known->second : key];
                // Algorithms have numbers. A text is none of their settings, whatever it is.
                if (std::holds_alternative<std::string>(value))
                    to = "(not shown)";
                else
                    std::visit([&to](const auto& v) { to = v; }, value);
            }
        if (!scaler.empty())
            group["scaler"] = std::move(scaler);
        groups[id] = std::move(group);
    }
    return {{"scalingGroups", std::move(groups)}};
}

[[nodiscard]] inline json::object to_json(const temporal::version_description& d)
{
    json::array queues;
    for (const auto& q : d.queues)
        queues.push_back(to_json(q));
    // In one order always: servers have none.
    std::sort(queues.begin(), queues.end(), [](const json::value& a, const json::value& b) {
        return std::pair(as_text(a.at("name")), as_text(a.at("type"))) <
               std::pair(as_text(b.at("name")), as_text(b.at("type")));
    });
    const bool drains = d.status == mayfly::version_status::draining || d.status == mayfly::version_status::drained;
    return {{"deploymentName", d.version.deployment}, {"BuildID", d.version.build_id}, {"status", status_of(d.status)},
        {"createTime", shown(d.created)}, {"routingChangedTime", shown(d.routing_changed)},
        {"currentSinceTime", shown(d.current_since)}, {"rampingSinceTime", shown(d.ramping_since)},
        {"rampPercentage", d.ramp_percentage},
        {"drainageInfo",
            {{"drainageStatus", drains ? drainage_of(d.status) : ""}, {"lastCheckedTime", shown(d.drainage_checked)}}},
        {"taskQueuesInfos", std::move(queues)}, {"metadata", notes_json(d.metadata)},
        {"lastModifierIdentity", d.last_modifier}};
}

[[nodiscard]] inline json::object to_json(const temporal::worker_entry& w)
{
    json::object out{{"workerInstanceKey", w.instance_key}, {"workerIdentity", w.identity},
        {"status", to_string(w.status)}, {"taskQueue", w.task_queue}, {"hostName", w.host}, {"processId", w.process_id},
        {"deploymentVersion", nullptr}, {"sdk", w.sdk}, {"startTime", shown(w.started)}};
    if (w.version)
        out["deploymentVersion"] = w.version->deployment + ':' + w.version->build_id;
    return out;
}

/// A card: a line for each field that has a value, named as in Temporal's own command.
inline void print_card(const json::object& o, std::initializer_list<const char*> left_out = {})
{
    json::object card;
    for (const auto& field : o) {
        const auto& v = field.value();
        const bool nothing = v.is_null() || (v.is_string() && v.get_string().empty()) || v.is_structured();
        if (nothing || std::find(left_out.begin(), left_out.end(), field.key()) != left_out.end())
            continue;
        std::string name(field.key());
        name.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(name.front())));
        card[name] = v;
    }
    print(card, output_format::text);
}

/// A table of some fields, under a title. Nothing at all if there are no rows.
inline void print_rows(
    const char* title, const json::array& all, const std::vector<std::pair<std::string, const char*>>& columns)
{
    if (all.empty())
        return;
    std::vector<std::vector<std::string>> rows(1);
    for (const auto& [name, at] : columns)
        rows.front().push_back(name);
    for (const auto& o : all) {
        auto& row = rows.emplace_back();
        for (const auto& [name, at] : columns) {
            boost::system::error_code none;
            const json::value* const v = o.find_pointer(at, none);
            row.push_back(v == nullptr ? "-" : as_text(*v));
        }
    }
    if (*title != '\0')
        print_line(std::string("\n") + title);
    print_table(std::move(rows));
}

inline void print_deployment(const json::object& d)
{
    json::object card = d;
    for (const auto& field : d.at("routingConfig").as_object())
        if (const auto* share = field.value().if_double(); share == nullptr || *share > 0)
            card[field.key()] = field.value();
    print_card(card);
    print_rows("Version Summaries:", d.at("versionSummaries").as_array(),
        {{"DeploymentName", "/deploymentName"}, {"BuildID", "/BuildID"}, {"DrainageStatus", "/drainageStatus"},
            {"CreateTime", "/createTime"}, {"Status", "/status"}});
}

inline void print_queues(const json::array& queues, bool stats)
{
    const std::vector<std::pair<std::string, const char*>> numbers{
        {"ApproximateBacklogCount", "/approximateBacklogCount"}, {"ApproximateBacklogAge", "/approximateBacklogAge"},
        {"BacklogIncreaseRate", "/backlogIncreaseRate"}, {"TasksAddRate", "/tasksAddRate"},
        {"TasksDispatchRate", "/tasksDispatchRate"}};
    if (!stats)
        return print_rows("Task Queues:", queues, {{"Name", "/name"}, {"Type", "/type"}});
    // As people read them.
    const auto row_of = [](const json::value& from, json::object row) {
        for (const auto& field : from.as_object()) {
            std::array<char, 32> text{};
            if (field.key() == "approximateBacklogAge")
                std::snprintf(text.data(), text.size(), "%.3gs", field.value().to_number<double>() * 1e-9);
            else
                std::snprintf(text.data(), text.size(), "%.4g", field.value().to_number<double>());
            row[field.key()] = text.data();
        }
        return row;
    };
    json::array rows;
    for (const auto& q : queues) {
        const json::object names{{"name", q.at("name")}, {"type", q.at("type")}};
        const auto* const found = q.as_object().if_contains("stats");
        rows.push_back(found == nullptr ? names : row_of(*found, names));
    }
    auto columns = numbers;
    columns.insert(columns.begin(), {{"Name", "/name"}, {"Type", "/type"}});
    print_rows("Task Queues:", rows, columns);

    columns = numbers;
    columns.insert(columns.begin(), {"Priority", "/priority"});
    for (const auto& q : queues) {
        const auto* const by = q.as_object().if_contains("statsByPriorityKey");
        // Three is what everything has that was given none.
        if (by == nullptr || (by->as_object().size() == 1 && by->as_object().contains("3")))
            continue;
        json::array each;
        for (const auto& field : by->as_object())
            each.push_back(row_of(field.value(), {{"priority", field.key()}}));
        print_rows(("Stats by Priority (" + as_text(q.at("name")) + " / " + as_text(q.at("type")) + "):").c_str(), each,
            columns);
    }
}

/// In one line: `aws-lambda (min 1, max 5)`.
[[nodiscard]] inline std::string summary_of(const json::object& group)
{
    std::string out = "no provider";
    if (const auto* p = group.if_contains("provider"))
        out = as_text(p->at("type"));
    std::string limits;
    if (const auto* s = group.if_contains("scaler"))
        for (const auto& [key, word] : {std::pair{"minInstances", "min"}, {"initialInstances", "initial"},
                 {"maxInstances", "max"}, {"utilizationTarget", "utilization"}})
            if (const auto* v = s->as_object().if_contains(key))
                limits += (limits.empty() ? " (" : ", ") + std::string(word) + ' ' + as_text(*v);
    return limits.empty() ? out : out + limits + ')';
}

}  // namespace examples
