// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "explain_words.hpp"
#include "flight_record.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

// Why workers were started, and why not: from the record of what a controller decided.

namespace examples {

/// Whom a decision is about.
struct flight_subject {
    std::string name_space{};
    mayfly::deployment_version version{};
    std::string group{};

    friend auto operator<=>(const flight_subject&, const flight_subject&) = default;
    friend bool operator==(const flight_subject&, const flight_subject&) = default;
};

[[nodiscard]] inline flight_subject subject_of(const flight_entry& e)
{
    return {e.name_space, e.version, e.group};
}

[[nodiscard]] inline std::string to_string(const flight_subject& s)
{
    if (s.version.deployment.empty())
        return s.name_space.empty() ? "the controller" : "namespace " + s.name_space;
    return s.name_space + ' ' + s.version.deployment + '/' + s.version.build_id +
           (s.group.empty() || s.group == "default" ? "" : " (group " + s.group + ')');
}

/// A group's record in numbers.
struct flight_summary {
    mayfly::wall_time first{};
    mayfly::wall_time last{};
    std::uint64_t decisions = 0;                         ///< That were recorded.
    std::map<std::string, std::uint64_t> starts{};       ///< Decided on, by reason.
    std::map<std::string, std::uint64_t> held_back{};    ///< Likewise.
    std::map<std::string, std::uint64_t> not_started{};  ///< Decisions to start nobody though tasks waited.
    std::uint64_t accepted = 0;                          ///< By the provider.
    std::map<std::string, std::uint64_t> refused{};      ///< By outcome.
    std::uint64_t unread = 0;                            ///< Readings that failed.
    std::uint64_t controller_starts = 0;                 ///< The controller began anew within the record.
    std::optional<flight_entry> last_decision{};
};

/// Whether something waited at this decision.
[[nodiscard]] inline bool has_demand(const flight_entry& e)
{
    return waiting(e).value_or(0) > 0 || e.added.unmatched() > 0 || e.held_back > 0;
}

/// `record` in order of time.
[[nodiscard]] inline std::map<flight_subject, flight_summary> summarise(std::span<const flight_entry> record)
{
    std::map<flight_subject, flight_summary> out;
    std::map<flight_subject, mayfly::uptime> before;
    for (const flight_entry& e : record) {
        flight_summary& s = out.try_emplace(subject_of(e), flight_summary{.first = e.at}).first->second;
        s.last = e.at;
        auto& up = before[subject_of(e)];
        s.controller_starts += e.uptime < up ? 1U : 0U;
        up = e.uptime;
        const std::string reason = e.reason ? std::string(to_string(*e.reason)) : "unknown";
        if (e.event == "decided" || e.event == "bootstrap") {
            s.decisions += 1;
            if (e.launch != 0)
                s.starts[reason] += e.launch;
            else if (has_demand(e) && !e.resize)
                s.not_started[reason] += 1;
            if (e.held_back != 0)
                s.held_back[reason] += e.held_back;
            s.last_decision = e;
        } else if (e.event == "launched") {
            s.accepted += e.count;
        } else if (e.event == "refused") {
            s.refused[std::string(to_string(e.outcome))] += e.count;
        } else if (e.event == "unread") {
            s.unread += 1;
        }
    }
    return out;
}

/// What the record says of one group around a moment.
struct flight_explanation {
    std::string answer{};                ///< In a sentence or two.
    std::vector<flight_entry> before{};  ///< Up to that moment, the newest last.
    std::vector<flight_entry> after{};
};

struct explain_window {
    std::chrono::milliseconds before = std::chrono::seconds{30};
    std::chrono::milliseconds after = std::chrono::seconds{10};
    std::size_t most = 12;  ///< Lines on each side.
};

namespace detail {

/// What the provider answered to the starts of a decision: everything up to the next one that starts somebody.
inline std::string answer_words(std::span<const flight_entry> later)
{
    using mayfly::detail::count_of;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::string words;
    for (const flight_entry& e : later) {
        if (e.event == "decided" && e.launch != 0)
            break;
        if (e.event == "launched")
            accepted += e.count;
        if (e.event == "refused") {
            refused += e.count;
            words = " (" + std::string(to_string(e.outcome)) + (e.detail.empty() ? ")" : ": \"" + e.detail + "\")");
        }
    }
    if (accepted + refused == 0)
        return "the record has no answer of the provider";
    std::string out;
    if (accepted != 0)
        out = "the provider accepted " + count_of(accepted, "start");
    if (refused != 0)
        out += (out.empty() ? "the provider refused " : ", and refused ") + count_of(refused, "start") + words;
    return out;
}

}  // namespace detail

/// `record` is that of one group, in order of time.
[[nodiscard]] inline flight_explanation explain_at(
    std::span<const flight_entry> record, mayfly::wall_time at, const explain_window& window = {})
{
    using mayfly::detail::seconds_text;
    flight_explanation out;
    const auto now = std::upper_bound(
        record.begin(), record.end(), at, [](mayfly::wall_time t, const flight_entry& e) { return t < e.at; });
    for (auto e = now; e != record.end() && e->at - at <= window.after && out.after.size() < window.most; ++e)
        out.after.push_back(*e);
    auto from = now;
    while (from != record.begin() && at - std::prev(from)->at <= window.before &&
           static_cast<std::size_t>(now - from) < window.most)
        --from;
    out.before.assign(from, now);

    const auto decides = [](const flight_entry& e) { return e.event == "decided" || e.event == "bootstrap"; };
    auto last = now;
    while (last != record.begin() && !decides(*std::prev(last)))
        --last;
    if (last == record.begin()) {
        out.answer = record.empty() ? "The record has nothing of it."
                     : now == record.begin()
                         ? "The record of it begins at " + detail::flight_time(record.front().at) + ", after that time."
                         : "Until then nothing was decided that the record knows of.";
        return out;
    }
    const flight_entry& d = *std::prev(last);
    const auto age = at - d.at;
    const std::string when = age <= window.before ? "At " + detail::flight_time(d.at)
                                                  : "The decision that held was made " +
                                                        seconds_text(std::chrono::duration_cast<mayfly::uptime>(age)) +
                                                        " before, at " + detail::flight_time(d.at);
    out.answer = when + ", " + detail::decision_words(d) + '.';
    if (d.launch != 0)
        out.answer += " Then " + detail::answer_words({last, record.end()}) + '.';
    else if (age > window.before)
        out.answer += " Since then nothing else was decided; where nothing waits, it is not written down each time.";
    // A controller that has ended decides nothing, and that is not the same as deciding for nobody.
    if (now == record.end() && age > std::chrono::minutes{10})
        out.answer += " The record of it ends there: did the controller run at that time?";
    return out;
}

/// The share of workers' time in which none of their slots was in use, by decisions that knew it; nothing where the
/// record is too short to tell.
[[nodiscard]] inline std::optional<double> idle_share(std::span<const flight_entry> record)
{
    constexpr double longest_gap = 60;  // A longer one says nothing about what was in between.
    constexpr double least = 60;        // Worker-seconds.
    double idle = 0;
    double all = 0;
    std::map<flight_subject, flight_entry> before;
    for (const flight_entry& e : record) {
        if (!e.fleet)
            continue;
        const auto was = before.find(subject_of(e));
        if (was != before.end() && was->second.fleet->busy && e.uptime >= was->second.uptime) {
            const mayfly::fleet_view& f = *was->second.fleet;
            const double seconds =
                std::min(longest_gap, std::chrono::duration<double>(e.uptime - was->second.uptime).count());
            // A worker with anything to do is not idle: its other slots cost nothing.
            const double busy_workers = std::min<double>(f.live, *f.busy);
            all += seconds * f.live;
            idle += seconds * (f.live - busy_workers);
        }
        before.insert_or_assign(subject_of(e), e);
    }
    return all < least ? std::nullopt : std::optional(idle / all);
}

}  // namespace examples
