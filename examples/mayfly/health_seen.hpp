// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight_record.hpp"
#include "health_facts.hpp"
#include "live_poller.hpp"

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/verdict.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What was found out, in words.

namespace examples::detail {

/// A command that does something about a version.
inline std::string command(const health_facts& f, std::string_view verb)
{
    return "mayfly worker deployment " + std::string(verb) + " --deployment-name " + f.version.deployment +
           " --build-id " + f.version.build_id;
}

inline std::string created_text(const health_facts& f)
{
    return f.created ? " (created " + flight_time(*f.created) + ")" : "";
}

inline std::string since_text(const health_facts& f)
{
    return f.status_since ? " since " + flight_time(*f.status_since) : "";
}

inline std::string current_text(const health_facts& f)
{
    const auto name = [](const mayfly::deployment_version& v) { return v.deployment + '/' + v.build_id; };
    if (!f.routing.current && !f.routing.ramping)
        return "no version of the deployment is current";
    return "new work goes to " + (f.routing.current ? name(*f.routing.current) : "workers without a version") +
           (f.routing.ramping ? ", and a share to " + name(*f.routing.ramping) : "");
}

inline std::string function_text(const group_facts& g)
{
    if (g.function)
        return g.function->arn;
    return g.told && !g.told->function.empty() ? g.told->function : "the workers of group " + g.id;
}

inline std::string functions_text(const health_facts& f)
{
    std::string out;
    for (const group_facts& g : f.groups)
        out += (out.empty() ? "" : " and ") + function_text(g);
    return out.empty() ? "its workers" : out;
}

/// The region that an address is in, where it says so, as `us-east-1.aws.api.temporal.io` does: `aws-us-east-1`. Else
/// empty.
inline std::string region_of(std::string_view host)
{
    constexpr std::string_view regional = ".aws.api.temporal.io";
    if (!host.ends_with(regional) || host.size() == regional.size())
        return {};
    return "aws-" + std::string(host.substr(0, host.size() - regional.size()));
}

/// What its log says. No more than a line, and that as it stands.
inline std::string in_log(const group_facts& g, const told_by_function& w)
{
    return function_text(g) + " says: " + w.line;
}

/// Whether a worker of that identity was started as this function.
inline bool is_of(std::string_view identity, std::string_view arn)
{
    const auto at = identity.find('@');
    if (at == identity.npos || arn.empty())
        return false;
    const std::string_view function = identity.substr(at + 1);
    constexpr std::string_view latest = ":$LATEST";
    const auto bare = [&](std::string_view a) {
        return a.ends_with(latest) ? a.substr(0, a.size() - latest.size()) : a;
    };
    return bare(function) == bare(arn);
}

inline std::string list(const std::vector<std::string>& names)
{
    constexpr std::size_t most = 3;
    std::string out;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
        out += (i == 0 ? "" : ", ") + names[i];
    return names.size() > most ? out + " and " + std::to_string(names.size() - most) + " more" : out;
}

inline std::string percent(double share)
{
    return std::to_string(std::lround(share * 100)) + " %";
}

inline std::string rate_text(double per_second)
{
    const auto tenths = std::llround(per_second * 10);
    return std::to_string(tenths / 10) + (tenths % 10 != 0 ? '.' + std::to_string(tenths % 10) : "") + " a second";
}

inline std::string limiter_text(const queue_facts& q)
{
    std::string out = "queue " + q.name + " (" + std::string(to_string(q.type)) + ") is held back";
    if (q.rate_limit)
        out += " to " + rate_text(*q.rate_limit);
    return out + ": " + rate_text(q.stats->dispatch_rate) + " are dispatched, " + std::to_string(q.stats->backlog) +
           " wait";
}

inline std::string stuck_text(const stuck_task& t, std::optional<std::chrono::seconds> window)
{
    std::string out = t.type + ' ' + t.id + (t.workflow.empty() ? "" : " of workflow " + t.workflow) +
                      (t.queue.empty() ? "" : " on queue " + t.queue) + " is at attempt " + std::to_string(t.attempt) +
                      ", and the one before timed out";
    if (t.start_to_close.count() != 0)
        out += "; an attempt may take " + std::to_string(t.start_to_close.count()) + " s";
    else if (!t.timeouts_told)
        out += "; how long an attempt may take the server does not tell";
    if (window)
        out += ", and an invocation works for " + std::to_string(window->count()) + " s";
    return out;
}

inline std::string starts_text(const group_status& t)
{
    using mayfly::detail::count_of;
    return count_of(t.totals.asked, "start") + " asked for, " + std::to_string(t.totals.refused) + " refused, " +
           std::to_string(t.totals.connected) + " seen polling, " + std::to_string(t.fleet.given_up) +
           " given up in a row";
}

inline std::string refusals_text(const group_status& t)
{
    return t.fleet.refused == 0 ? "the last start was refused"
                                : mayfly::detail::count_of(t.fleet.refused, "refusal") + " in a row";
}

/// The last answer of the provider, if that was no.
inline std::optional<decision_status> last_refusal(const group_status& t)
{
    using enum mayfly::controller_event::kind;
    for (auto d = t.decisions.rbegin(); d != t.decisions.rend(); ++d) {
        if (d->event == launched || d->event == resized)
            return std::nullopt;
        if (d->event == refused || d->event == not_resized)
            return *d;
    }
    return std::nullopt;
}

inline bool throttled(const mayfly::aws::failure& f)
{
    return f.ec == mayfly::aws::errc::throttled;
}

/// What a drained version still does; empty if it does nothing.
inline std::string still_acting(const group_facts& g)
{
    using mayfly::detail::count_of;
    if (!g.told)
        return {};
    const fleet_status& f = g.told->fleet;
    const std::uint32_t pending = f.asked + f.starting;
    if (g.told->symptom != mayfly::symptom::acting_though_drained && f.live + pending == 0)
        return {};
    return count_of(f.live, "worker") + " live and " + count_of(pending, "start") + " may follow";
}

}  // namespace examples::detail
