// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/query.hpp"

#include <mayfly/controller_event.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/detail/json_fields.hpp>
#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/ledger_entries.hpp>
#include <mayfly/scaler.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/verdict.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a running controller tells at /status, as one JSON object, and what reads it there. Moments are RFC 3339 in UTC
// with milliseconds, durations are seconds. No secret is in any of it.

namespace examples {

/// Whether a controller acts in a namespace.
enum class controller_role : std::uint8_t {
    starting,  ///< It has not reached the server yet.
    standby,   ///< Another replica acts.
    leader,    ///< It acts.
};

[[nodiscard]] constexpr std::string_view to_string(controller_role r) noexcept
{
    switch (r) {
    case controller_role::starting: return "starting";
    case controller_role::standby: return "standby";
    case controller_role::leader: return "leader";
    }
    return "unknown";
}

/// One decision or what came of it, as in the flight record.
struct decision_status {
    std::string at{};
    mayfly::controller_event::kind event{};
    mayfly::cause why{};                  ///< For `decided`.
    mayfly::reason reason{};              ///< For `decided` and `bootstrap`.
    std::uint32_t launch = 0;             ///< Starts decided on, accepted or refused, as `event` says.
    std::optional<std::uint32_t> size{};  ///< Of a set, decided on or taken.
    std::uint32_t held_back = 0;
    mayfly::condition outcome{};
    std::string detail{};  ///< The provider's own words.

    static void fields(auto& visit, auto& self)
    {
        visit("at", self.at);
        visit("event", self.event);
        visit("why", self.why);
        visit("reason", self.reason);
        visit("launch", self.launch);
        visit("size", self.size);
        visit("held_back", self.held_back);
        visit("outcome", self.outcome);
        visit("detail", self.detail);
    }
};

struct limits_status {
    std::uint32_t min = 0;
    std::optional<std::uint32_t> max{};  ///< Absent: there is none.

    static void fields(auto& visit, auto& self)
    {
        visit("min", self.min);
        visit("max", self.max);
    }
};

struct fleet_status {
    std::uint32_t asked = 0;
    std::uint32_t starting = 0;
    std::uint32_t live = 0;
    std::uint32_t leaving = 0;
    std::uint32_t foreign = 0;
    std::uint32_t given_up = 0;  ///< Starts in a row that came to nothing.
    std::uint32_t refused = 0;   ///< Answers in a row by which a start was refused.
    std::uint32_t slots = 1;
    std::optional<std::uint32_t> busy{};
    double startup_seconds = 0;
    double failure_rate = 0;
    bool ever_seen = false;

    static void fields(auto& visit, auto& self)
    {
        visit("asked", self.asked);
        visit("starting", self.starting);
        visit("live", self.live);
        visit("leaving", self.leaving);
        visit("foreign", self.foreign);
        visit("given_up", self.given_up);
        visit("refused", self.refused);
        visit("slots", self.slots);
        visit("busy", self.busy);
        visit("startup_seconds", self.startup_seconds);
        visit("failure_rate", self.failure_rate);
        visit("ever_seen", self.ever_seen);
    }
};

/// Since the controller began, or became the leader.
struct totals_status : mayfly::ledger_totals {
    static void fields(auto& visit, auto& self)
    {
        visit("asked", self.asked);
        visit("refused", self.refused);
        visit("connected", self.connected);
        visit("given_up", self.given_up);
        visit("late", self.late);
        visit("returned", self.returned);
        visit("adopted", self.adopted);
        visit("elsewhere", self.elsewhere);
    }
};

/// A start that has not ended, newest first.
struct worker_status {
    std::string request_id{};  ///< Empty until the provider has answered.
    mayfly::start_state state{};
    std::string since{};
    std::uint32_t busy = 0;

    static void fields(auto& visit, auto& self)
    {
        visit("request_id", self.request_id);
        visit("state", self.state);
        visit("since", self.since);
        visit("busy", self.busy);
    }
};

struct group_status {
    std::string group = "default";
    mayfly::task_types task_types{};
    std::string provider{};  ///< Like `aws-lambda`.
    std::string function{};  ///< Its name at the platform.
    std::string scaler{};    ///< Like `fleet`.
    limits_status limits{};

    mayfly::standing standing{};
    mayfly::symptom symptom{};
    std::string message{};                 ///< Whom it is about, what was seen, and the next step.
    std::optional<std::string> since{};    ///< Since when it is so; absent where nothing began.
    std::optional<std::string> read_at{};  ///< When statistics came last.
    std::uint64_t backlog = 0;             ///< Tasks that waited then.
    double dispatch_rate = 0;              ///< Tasks a second, then.
    fleet_status fleet{};
    totals_status totals{};
    std::vector<worker_status> workers{};      ///< No more than `most_workers`.
    std::vector<decision_status> decisions{};  ///< The last `most_decisions`, the newest last.

    static constexpr std::size_t most_workers = 50;
    static constexpr std::size_t most_decisions = 20;

    static void fields(auto& visit, auto& self)
    {
        visit("group", self.group);
        visit("task_types", self.task_types);
        visit("provider", self.provider);
        visit("function", self.function);
        visit("scaler", self.scaler);
        visit("limits", self.limits);
        visit("standing", self.standing);
        visit("symptom", self.symptom);
        visit("message", self.message);
        visit("since", self.since);
        visit("read_at", self.read_at);
        visit("backlog", self.backlog);
        visit("dispatch_rate", self.dispatch_rate);
        visit("fleet", self.fleet);
        visit("totals", self.totals);
        visit("workers", self.workers);
        visit("decisions", self.decisions);
    }
};

/// What the periodic look at a version's compute configuration told last.
struct validation_status {
    std::string error{};    ///< Empty: nothing is wrong.
    std::string checked{};  ///< When.
    std::string by{};

    static void fields(auto& visit, auto& self)
    {
        visit("error", self.error);
        visit("checked", self.checked);
        visit("by", self.by);
    }
};

struct version_state {
    std::string deployment{};
    std::string build_id{};
    mayfly::version_status status{};
    std::string kept_in{};  ///< Where its compute configuration is: `metadata`, `server` or `none`.
    std::uint64_t revision = 0;
    bool driven = false;                  ///< Workers are started for it. Without: `problems` or `conflict` say why.
    bool beginning = false;               ///< It is to be driven: first it is read who is there.
    std::vector<std::string> problems{};  ///< With its compute configuration.
    std::string conflict{};               ///< Another controller drives it too; empty if none does.
    std::optional<validation_status> validation{};
    std::vector<group_status> groups{};

    static void fields(auto& visit, auto& self)
    {
        visit("deployment", self.deployment);
        visit("build_id", self.build_id);
        visit("status", self.status);
        visit("kept_in", self.kept_in);
        visit("revision", self.revision);
        visit("driven", self.driven);
        visit("beginning", self.beginning);
        visit("problems", self.problems);
        visit("conflict", self.conflict);
        visit("validation", self.validation);
        visit("groups", self.groups);
    }
};

struct namespace_status {
    std::string name{};
    std::string address{};
    controller_role role{};
    std::string since{};      ///< Since when it has that role.
    std::string problem{};    ///< What keeps it from its work now; empty: nothing.
    std::uint64_t reads = 0;  ///< Of the server's statistics, so far.
    std::uint64_t reads_waiting = 0;
    double reads_per_second = 0;
    /// With a compute configuration, in order of their names. No more than `most_versions` unless one deployment is
    /// asked for.
    std::vector<version_state> versions{};
    std::uint64_t left_out = 0;  ///< Versions that are not told of here; ask for their deployments.

    static constexpr std::size_t most_versions = 200;

    static void fields(auto& visit, auto& self)
    {
        visit("name", self.name);
        visit("address", self.address);
        visit("role", self.role);
        visit("since", self.since);
        visit("problem", self.problem);
        visit("reads", self.reads);
        visit("reads_waiting", self.reads_waiting);
        visit("reads_per_second", self.reads_per_second);
        visit("versions", self.versions);
        visit("left_out", self.left_out);
    }
};

struct controller_status {
    std::string schema = "mayfly-controller-status/1";
    std::string identity{};
    std::string started{};
    std::string now{};
    std::vector<namespace_status> namespaces{};

    static void fields(auto& visit, auto& self)
    {
        visit("schema", self.schema);
        visit("identity", self.identity);
        visit("started", self.started);
        visit("now", self.now);
        visit("namespaces", self.namespaces);
    }
};

/// Which versions a reader wants to hear of; an empty name stands for all.
/// `/status?namespace=N&deployment=D&build_id=B`
struct status_filter {
    std::string name_space{};
    std::string deployment{};
    std::string build_id{};

    [[nodiscard]] bool takes(std::string_view name) const noexcept { return name_space.empty() || name_space == name; }
    [[nodiscard]] bool takes(const mayfly::deployment_version& v) const noexcept
    {
        return (deployment.empty() || deployment == v.deployment) && (build_id.empty() || build_id == v.build_id);
    }
};

/// What a request's target asks for. Names that are not known ask for nothing.
[[nodiscard]] inline status_filter filter_of(std::string_view target)
{
    const auto mark = target.find('?');
    const parameters asked(mark == target.npos ? std::string_view() : target.substr(mark + 1));
    return {
        asked.get("namespace").value_or(""), asked.get("deployment").value_or(""), asked.get("build_id").value_or("")};
}

[[nodiscard]] inline std::string to_json(const controller_status& s)
{
    std::string out;
    mayfly::detail::json_writer to(out);
    mayfly::detail::json_out{&to}.put(s);
    out += '\n';
    return out;
}

/// What `to_json` wrote; or why it cannot be read, in `error`.
struct read_status {
    controller_status value{};
    std::string error{};
};

[[nodiscard]] inline read_status status_from_json(std::string_view text)
{
    read_status out;
    const auto document = mayfly::detail::read_json(text);
    if (!document)
        out.error = document.error;
    else if (!document.root.is_object())
        out.error = "this is no object";
    if (!out.error.empty())
        return out;
    mayfly::detail::json_in in{&document.root, &out.error};
    mayfly::detail::visit_fields(in, out.value);
    if (out.error.empty() && out.value.schema != controller_status{}.schema)
        out.error = "\"schema\" is \"" + out.value.schema + "\", not \"" + controller_status{}.schema + '"';
    return out;
}

}  // namespace examples
