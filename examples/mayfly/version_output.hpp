// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "ask_controller.hpp"
#include "controller_status.hpp"
#include "live_poller.hpp"
#include "output.hpp"
#include "worker_output.hpp"

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/temporal/task_queue_values.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

// A version, whole: with what runs its workers, who polls, and what a controller makes of it.

namespace examples {

/// What a controller tells of the version, or why it tells nothing.
[[nodiscard]] inline json::object controller_json(const read_status& status, const std::string& address,
    const std::string& name_space, const mayfly::deployment_version& version)
{
    if (!status.error.empty())
        return {{"error", address + ": " + status.error}};
    for (const auto& n : status.value.namespaces) {
        if (n.name == name_space && n.role != controller_role::leader)
            return {{"error", address + ": " + not_leading(n)}};
        for (const auto& v : n.versions) {
            if (v.deployment != version.deployment || v.build_id != version.build_id)
                continue;
            json::array groups;
            for (const auto& g : v.groups) {
                json::array decisions;
                for (const auto& one : g.decisions)
                    decisions.push_back(
                        {{"at", one.at}, {"event", to_string(one.event)}, {"reason", to_string(one.reason)},
                            {"launch", one.launch}, {"heldBack", one.held_back}, {"detail", one.detail}});
                groups.push_back({{"group", g.group}, {"verdict", to_string(g.standing)},
                    {"symptom", to_string(g.symptom)}, {"message", g.message}, {"since", g.since.value_or("")},
                    {"live", g.fleet.live}, {"starting", g.fleet.starting}, {"decisions", std::move(decisions)}});
            }
            return {{"identity", status.value.identity}, {"driven", v.driven}, {"conflict", v.conflict},
                {"groups", std::move(groups)}};
        }
    }
    return {{"error", address + ": this controller does not know " + version.deployment + ':' + version.build_id}};
}

inline void print_verdict(const json::object& c)
{
    print_line("\nController:");
    if (const auto* wrong = c.if_contains("error"))
        return print_line(as_text(*wrong));
    if (!as_text(c.at("conflict")).empty())
        print_line(as_text(c.at("conflict")));
    for (const auto& g : c.at("groups").as_array()) {
        print_line(as_text(g.at("group")) + ": " + as_text(g.at("verdict")) + ", " + as_text(g.at("symptom")) +
                   (as_text(g.at("since")).empty() ? "" : " since " + as_text(g.at("since"))));
        if (!as_text(g.at("message")).empty())
            print_line("  " + as_text(g.at("message")));
        print_rows("Last decisions:", g.at("decisions").as_array(),
            {{"At", "/at"}, {"Event", "/event"}, {"Reason", "/reason"}, {"Launch", "/launch"},
                {"HeldBack", "/heldBack"}, {"Detail", "/detail"}});
    }
}

/// Who works as a version, gathered from what its queues tell.
class version_workers {
public:
    void note(const std::vector<mayfly::temporal::queue_poller>& pollers, const std::string& queue,
        const mayfly::deployment_version& version, mayfly::wall_time now)
    {
        for (const auto& p : pollers) {
            if (p.version != version || !detail::lives(p, now))
                continue;
            json::object& w = found_[p.identity];
            const json::value seen = shown(p.last_access);
            if (w.empty())
                w = {{"identity", p.identity}, {"lastAccessTime", seen}, {"taskQueues", json::array()}};
            // RFC 3339 in UTC sorts as time does.
            if (as_text(w["lastAccessTime"]) < as_text(seen))
                w["lastAccessTime"] = seen;
            w["taskQueues"].as_array().emplace_back(queue);
        }
    }

    [[nodiscard]] json::array as_json() &&
    {
        json::array out;
        for (auto& [identity, w] : found_)
            out.push_back(std::move(w));
        return out;
    }

private:
    std::map<std::string, json::object> found_{};
};

/// What is told of a version line by line, before its tables.
[[nodiscard]] inline json::object version_card(const json::object& d)
{
    json::object card = d;
    card["drainageStatus"] = d.at("drainageInfo").at("drainageStatus");
    if (!d.at("metadata").as_object().empty())
        card["metadata"] = to_json_text(d.at("metadata"));
    if (const auto* compute = d.if_contains("computeConfig"))
        for (const auto& g : compute->at("scalingGroups").as_object()) {
            // Each in lines of its own; the one that there mostly is needs no name.
            const std::string in = g.key() == "default" ? "" : std::string(g.key()) + ' ';
            card[in + "computeConfigSummary"] = summary_of(g.value().as_object());
            if (const auto* p = g.value().as_object().if_contains("provider"))
                for (const auto& detail : p->at("details").as_object())
                    card[in + "provider " + std::string(detail.key())] = detail.value();
        }
    if (const auto* v = d.if_contains("validation"))
        card["validation"] = (as_text(v->at("error")).empty() ? "well" : as_text(v->at("error"))) + ", looked at " +
                             as_text(v->at("checked")) + " by " + as_text(v->at("by"));
    if (const auto* c = d.if_contains("drivenBy"))
        card["drivenBy"] = as_text(c->at("name")) + ", " + as_text(c->at("identity"));
    return card;
}

inline void print_version(const json::object& d, bool stats)
{
    print_card(version_card(d));
    print_queues(d.at("taskQueuesInfos").as_array(), stats);
    json::array workers = d.at("workers").as_array();
    for (auto& w : workers) {
        std::string all;
        for (const auto& q : w.at("taskQueues").as_array())
            all += (all.empty() ? "" : ", ") + as_text(q);
        w.as_object()["taskQueues"] = all;
    }
    print_rows("Workers:", workers,
        {{"Identity", "/identity"}, {"LastAccessTime", "/lastAccessTime"}, {"TaskQueues", "/taskQueues"}});
    if (const auto* c = d.if_contains("controller"))
        print_verdict(c->as_object());
    else if (d.contains("computeConfig"))
        print_line("\nIts controller's verdict and last decisions: --controller URL, of mayfly controller run, like "
                   "http://127.0.0.1:7240");
}

}  // namespace examples
