// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_status.hpp"
#include "flight_record.hpp"

#include <mayfly/controller_event.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/verdict.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>

namespace examples {

/** How one group does by its record, where no controller runs that could be asked: the same verdict, of the same
    evidence, as far as that is written down. Nothing, if the record has nothing of it.

    What only the books know is not in a record: workers that came as another version.
*/
[[nodiscard]] inline std::optional<group_status> status_from_record(std::span<const flight_entry> record)
{
    if (record.empty())
        return std::nullopt;
    // A controller that was started anew counts its uptime from zero again.
    auto begin = record.size() - 1;
    while (begin > 0 && record[begin - 1].uptime <= record[begin].uptime)
        --begin;
    const auto run = record.subspan(begin);

    mayfly::launch_target target{.version = run.back().version, .group = run.back().group};
    mayfly::evidence seen;
    seen.target = target;
    group_status out;
    for (const flight_entry& e : run) {
        const auto kind = mayfly::detail::enumerator<mayfly::controller_event::kind>(e.event);
        if (!kind)
            continue;
        mayfly::scaling_signal signal{.why = e.why.value_or(mayfly::cause::wake),
            .added = e.added,
            .stats = e.stats,
            .fleet = e.fleet.value_or(mayfly::fleet_view{}),
            .limits = e.limits.value_or(mayfly::scaling_limits{}),
            .wanted = e.wanted,
            .outcome = e.outcome};
        seen.note({.what = *kind,
            .at = e.uptime,
            .target = &target,
            .why = signal.why,
            .made = {.launch = e.launch,
                .resize = e.resize,
                .reason = e.reason.value_or(mayfly::reason::steady),
                .held_back = e.held_back},
            .fleet = signal.fleet,
            .count = e.count,
            .outcome = e.outcome,
            .detail = e.detail,
            .signal = &signal});
        if (e.fleet)
            seen.fleet = *e.fleet;
        if (*kind == mayfly::controller_event::kind::launched || *kind == mayfly::controller_event::kind::refused)
            out.totals.asked += e.count;
        if (*kind == mayfly::controller_event::kind::refused)
            out.totals.refused += e.count;
        if (waiting(e))
            out.read_at = detail::flight_time(e.at);
        out.decisions.push_back({.at = detail::flight_time(e.at),
            .event = *kind,
            .why = signal.why,
            .reason = e.reason.value_or(mayfly::reason::steady),
            .launch = e.reason ? e.launch : e.count,
            .size = e.resize,
            .held_back = e.held_back,
            .outcome = e.outcome,
            .detail = e.detail});
    }
    if (out.decisions.empty())
        return std::nullopt;
    if (out.decisions.size() > group_status::most_decisions)
        out.decisions.erase(
            out.decisions.begin(), out.decisions.end() - static_cast<std::ptrdiff_t>(group_status::most_decisions));

    const mayfly::verdict v = mayfly::diagnose(seen);
    out.group = target.group;
    out.standing = v.is;
    out.symptom = v.why;
    out.message = v.message;
    if (v.since > mayfly::uptime::zero())
        out.since = detail::flight_time(
            run.back().at - std::chrono::floor<std::chrono::milliseconds>(run.back().uptime - v.since));
    out.backlog = seen.backlog;
    out.dispatch_rate = seen.dispatch_rate;
    out.limits.min = seen.limits.min;
    if (seen.limits.max != std::numeric_limits<std::uint32_t>::max())
        out.limits.max = seen.limits.max;
    const mayfly::fleet_view& f = seen.fleet;
    out.fleet = {.asked = f.asked,
        .starting = f.starting,
        .live = f.live,
        .leaving = f.leaving,
        .foreign = f.foreign,
        .given_up = f.given_up,
        .refused = f.refused,
        .slots = f.slots,
        .busy = f.busy,
        .startup_seconds = std::chrono::duration<double>(f.startup).count(),
        .failure_rate = f.failure_rate,
        .ever_seen = f.ever_seen};
    return out;
}

}  // namespace examples
