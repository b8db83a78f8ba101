// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight_record.hpp"

#include <mayfly/detail/seconds_text.hpp>
#include <mayfly/verdict.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

// One line of the record in sentences.

namespace examples {

/// Why a scaler was asked.
[[nodiscard]] inline std::string words_for(mayfly::cause why)
{
    using enum mayfly::cause;
    switch (why) {
    case begin: return "the group was new, or known again after a start of the controller";
    case added: return "tasks were added";
    case stats: return "statistics were read";
    case no_stats: return "statistics could not be read";
    case launched: return "the provider had answered";
    case workers: return "a worker had come or gone, or a start was given up";
    case wake: return "it was time to look again";
    case changed: return "limits or routing had changed";
    }
    return "nobody knows why";
}

/// The rule that decided.
[[nodiscard]] inline std::string words_for(mayfly::reason rule)
{
    using enum mayfly::reason;
    switch (rule) {
    case missed_match: return "a task found nobody waiting";
    case backlog: return "tasks wait";
    case refresh: return "tasks wait, and the last start is a worker's lifetime ago";
    case renewal: return "a worker is near its end and would be missed";
    case minimum: return "there are fewer workers than the configured minimum";
    case bootstrap: return "a first worker binds the version to its queues";
    case probe: return "one start, to see whether starts work again";
    case scale_up: return "the set shall be larger";
    case scale_down: return "the set shall be smaller";
    case cooling_off: return "it is too soon after the last start";
    case gathering: return "more may come within a moment, so that is waited for";
    case at_maximum: return "the configured maximum is reached";
    case rate_limited: return "the queue's rate limit holds the tasks, so that more workers do not help";
    case suppressed: return "more workers have not raised the throughput";
    case breaker_open: return "starts come to nothing, so that none is made until a single one is tried";
    case provider_backoff: return "the provider refuses, so that it is left alone for a while";
    case calls_under_way: return "as many calls to the provider are under way as may be";
    case provider_ceiling: return "the provider accepts starts, but runs no more workers than it does";
    case not_wanted: return "no work can reach this version";
    case steady: return "nothing waits";
    case covered: return "what lives or starts will take what waits";
    }
    return "of a rule that is not known here";
}

namespace detail {

inline std::string per_second(double rate)
{
    const auto hundredths = std::llround(rate * 100);
    std::string out = std::to_string(hundredths / 100);
    if (hundredths % 100 != 0) {
        std::string part = std::to_string(100 + hundredths % 100).substr(1);
        part.erase(part.find_last_not_of('0') + 1);
        out += '.' + part;
    }
    return out + " a second";
}

/// "5 activity tasks waited (the oldest 1.2 s; 3 a second came, 0 a second went)"
inline std::string stats_words(const flight_entry& e)
{
    std::string out;
    for (const mayfly::task_type t : mayfly::all_task_types) {
        const auto& q = e.stats[static_cast<std::size_t>(t)];
        if (!q)
            continue;
        out += (out.empty() ? "" : ", ") + mayfly::detail::count_of(q->backlog, std::string(to_string(t)) + " task") +
               " waited";
        if (q->backlog == 0 && q->add_rate == 0 && q->dispatch_rate == 0)
            continue;
        out += " (";
        if (q->backlog != 0)
            out += "the oldest for " + mayfly::detail::seconds_text(q->oldest) + "; ";
        out += per_second(q->add_rate) + " came, " + per_second(q->dispatch_rate) + " went";
        out += q->limiter_active ? "; the queue's limiter is on)" : ")";
    }
    return out;
}

inline std::string added_words(const flight_entry& e)
{
    const mayfly::add_counts& a = e.added;
    std::string out =
        mayfly::detail::count_of(a.total(), (e.type ? std::string(to_string(*e.type)) + ' ' : std::string{}) + "task");
    std::string how;
    const auto part = [&](std::uint32_t n, std::string_view words) {
        if (n != 0)
            how += (how.empty() ? "" : ", ") + std::to_string(n) + ' ' + std::string(words);
    };
    part(a.matched, "taken at once");
    part(a.not_matched, "found nobody waiting");
    part(a.behind_backlog, "joined others that wait");
    part(a.rate_limited, "held by a rate limit");
    return out + (how.empty() ? "" : " (" + how + ")");
}

/// "2 live, 1 starting, 1 asked for"
inline std::string fleet_words(const mayfly::fleet_view& f)
{
    std::string out = std::to_string(f.live) + " live";
    const auto part = [&](std::uint32_t n, std::string_view words) {
        if (n != 0)
            out += ", " + std::to_string(n) + ' ' + std::string(words);
    };
    part(f.starting, "starting");
    part(f.asked, "asked for and not answered");
    part(f.leaving, "near the end");
    part(f.foreign, "that nobody started here");
    part(f.given_up, "given up in a row");
    part(f.refused, "refused in a row");
    if (f.busy)
        out +=
            "; " + std::to_string(*f.busy) + " of " + std::to_string(std::uint64_t{f.live} * f.slots) + " slots in use";
    if (f.startup > mayfly::uptime::zero())
        out += "; a start takes about " + mayfly::detail::seconds_text(f.startup);
    if (!f.ever_seen)
        out += "; none was ever seen";
    return out;
}

inline std::string limits_words(const mayfly::scaling_limits& l)
{
    const std::string most =
        l.max == std::numeric_limits<std::uint32_t>::max() ? "without a maximum" : "at most " + std::to_string(l.max);
    return l.min == 0 ? most : "at least " + std::to_string(l.min) + ", " + most;
}

inline std::string decision_words(const flight_entry& e)
{
    using mayfly::detail::count_of;
    const std::string rule = e.reason ? words_for(*e.reason) : "nobody knows why";
    const std::string name = e.reason ? " [" + std::string(to_string(*e.reason)) + "]" : "";
    std::string out;
    if (e.resize)
        out = "the set shall have " + count_of(*e.resize, "worker") + ": " + rule + name;
    else if (e.launch != 0)
        out = count_of(e.launch, "worker") + " shall start: " + rule + name;
    else
        out = "no worker starts: " + rule + name;
    if (e.held_back != 0)
        out += "; " + std::to_string(e.held_back) + " more " + (e.held_back == 1 ? "was" : "were") +
               " wished for and held back";
    return out;
}

}  // namespace detail

/// What was read, what was known of the fleet, the rule that decided, what came of it: without the time and whom it is
/// about.
[[nodiscard]] inline std::string sentence_on(const flight_entry& e)
{
    using mayfly::detail::count_of;
    const auto ends_well = [&] { return e.detail.empty() ? std::string{"."} : ": \"" + e.detail + "\"."; };
    const auto kind = mayfly::detail::enumerator<mayfly::controller_event::kind>(e.event);
    if (!kind)
        return e.event + (e.detail.empty() ? "." : ": " + e.detail + '.');
    const auto how = [&] { return " (" + std::string(to_string(e.outcome)) + ")" + ends_well(); };
    using enum mayfly::controller_event::kind;
    switch (*kind) {
    case decided: break;
    case bootstrap: return "A first worker is started, so that the server learns which queues are the version's.";
    case launched: return "The provider accepted " + count_of(e.count, "start") + ends_well();
    case refused: return "The provider refused " + count_of(e.count, "start") + how();
    case retried: return "What was refused is tried once more: " + count_of(e.count, "start") + '.';
    case resized: return "The provider took the size " + std::to_string(e.count) + ends_well();
    case not_resized: return "The provider did not take the size " + std::to_string(e.count) + how();
    case unread: return "Statistics could not be read" + how();
    }
    std::string out = "Asked because " + (e.why ? words_for(*e.why) : std::string{"nobody knows why"});
    if (e.added.total() != 0)
        out += ": " + detail::added_words(e);
    else if (waiting(e))
        out += ": " + detail::stats_words(e);
    out += '.';
    if (e.fleet)
        out += " Workers: " + detail::fleet_words(*e.fleet) + (e.limits ? "; " + detail::limits_words(*e.limits) : "") +
               '.';
    if (!e.wanted)
        out += " No work can reach the version.";
    out += " So " + detail::decision_words(e) + '.';
    if (e.revisit)
        out += " Looked at again in " + mayfly::detail::seconds_text(*e.revisit) + " at the latest.";
    return out;
}

}  // namespace examples
