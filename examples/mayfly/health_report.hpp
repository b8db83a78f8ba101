// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "explain_words.hpp"
#include "health_rules.hpp"

#include <mayfly/detail/json_write.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What `mayfly doctor` says.

namespace examples {

/// What is known of one step of health.
struct step_report {
    enum class state : std::uint8_t { well, note, wrong, unknown };

    health_step step{};
    state is = state::unknown;
    std::string words{};
};

[[nodiscard]] constexpr std::string_view to_string(step_report::state s) noexcept
{
    switch (s) {
    case step_report::state::well: return "ok";
    case step_report::state::note: return "note";
    case step_report::state::wrong: return "WRONG";
    case step_report::state::unknown: return "?";
    }
    return "?";
}

struct health_report {
    health_facts facts{};
    std::vector<cause_found> found{};
    mayfly::standing is{};
};

namespace detail {

inline constexpr std::array<health_step, 8> all_steps{health_step::configured, health_step::credentials,
    health_step::function, health_step::routing, health_step::bound, health_step::invoked, health_step::polling,
    health_step::completing};

/// Where nothing was found, what was seen.
inline std::pair<step_report::state, std::string> seen_at(health_step step, const health_facts& f)
{
    using enum step_report::state;
    using mayfly::detail::count_of;
    if (!f.unreachable.empty() || !f.missing.empty())
        return {unknown, "not looked at"};
    std::string words;
    const auto say = [&words](const std::string& more) { words += (words.empty() ? "" : "; ") + more; };
    const bool asked =
        std::any_of(f.groups.begin(), f.groups.end(), [](const group_facts& g) { return g.reached.has_value(); });
    std::size_t polling = 0;
    std::uint64_t backlog = 0;
    double dispatched = 0;
    for (const queue_facts& q : f.queues) {
        for (const auto& p : q.pollers)
            polling += lives(p, f.now) && p.version && *p.version == f.version ? 1U : 0U;
        if (q.stats) {
            backlog += static_cast<std::uint64_t>(std::max<std::int64_t>(q.stats->backlog, 0));
            dispatched += q.stats->dispatch_rate;
        }
    }
    switch (step) {
    case health_step::configured:
        for (const auto& [id, g] : f.compute.groups) {
            std::string group = id + ": " + (g.provider ? g.provider->type : "no provider");
            for (const group_facts& seen : f.groups)
                if (seen.id == id && seen.function)
                    group += ' ' + seen.function->arn;
            say(group + ", workers: " + limits_words(g.limits));
        }
        return {well, words};
    case health_step::credentials:
        return asked ? std::pair{well, std::string{"the way to the function is open"}}
                     : std::pair{unknown, std::string{"no function was asked"}};
    case health_step::function:
        for (const group_facts& g : f.groups)
            if (g.reached && g.reached->function)
                say(g.function->arn + ": " +
                    (g.reached->function->state.empty() ? "there" : g.reached->function->state) +
                    (g.reached->function->timeout
                            ? ", timeout " + std::to_string(g.reached->function->timeout->count()) + " s"
                            : ""));
        return {words.empty() ? unknown : well, words.empty() ? "no function was asked" : words};
    case health_step::routing: return {well, "the version is " + std::string(to_string(f.status))};
    case health_step::bound:
        for (const queue_facts& q : f.queues)
            say(q.name + " (" + std::string(to_string(q.type)) + ')');
        return {words.empty() ? unknown : well, words.empty() ? "no queue" : words};
    case health_step::invoked:
        for (const group_facts& g : f.groups)
            if (g.told)
                say(g.id + ": " + starts_text(*g.told));
        if (words.empty())
            return {polling > 0 ? well : unknown,
                polling > 0 ? "workers poll" : "no controller or record was asked: --controller, --record"};
        return {well, words};
    case health_step::polling:
        return {polling > 0 ? well : unknown,
            polling > 0 ? count_of(polling, "poller") + " of this version" : "nobody polls now"};
    case health_step::completing: break;
    }
    return {backlog == 0 || dispatched > 0 ? well : unknown, count_of(backlog, "task") +
                                                                 (backlog == 1 ? " waits, " : " wait, ") +
                                                                 rate_text(dispatched) + " are dispatched"};
}

inline std::string cause_title(const cause_found& c)
{
    return (c.number == health_cause::unlisted ? "" : std::to_string(static_cast<unsigned>(c.number)) + " ") + c.name;
}

}  // namespace detail

/// The steps in order, each with what is wrong there or what was seen.
[[nodiscard]] inline std::vector<step_report> steps_of(const health_report& r)
{
    std::vector<step_report> out;
    for (const health_step step : detail::all_steps) {
        step_report line{step, step_report::state::unknown, {}};
        for (const cause_found& c : r.found) {
            if (c.step != step)
                continue;
            const auto is = is_wrong(c.is) ? step_report::state::wrong : step_report::state::note;
            line.is = line.is == step_report::state::wrong ? line.is : is;
            line.words += (line.words.empty() ? "" : "; ") + detail::cause_title(c);
        }
        if (line.words.empty()) {
            auto seen = detail::seen_at(step, r.facts);
            line.is = seen.first;
            line.words = std::move(seen.second);
        }
        out.push_back(std::move(line));
    }
    return out;
}

[[nodiscard]] inline std::string to_text(const health_report& r)
{
    const health_facts& f = r.facts;
    std::string out = f.version.deployment + '/' + f.version.build_id + " in namespace " + f.name_space + " at " +
                      f.address + ": " + std::string(to_string(r.is)) + '\n';
    for (const step_report& s : steps_of(r)) {
        std::string name(to_string(s.step));
        std::string state(to_string(s.is));
        name.resize(12, ' ');
        state.resize(6, ' ');
        out += "  " + name + state + s.words + '\n';
    }
    for (const cause_found& c : r.found) {
        out += "\n  " + detail::cause_title(c) + " (" +
               (c.is == mayfly::standing::ok ? "good to know" : std::string(to_string(c.is))) +
               (c.since.empty() ? "" : " since " + c.since) + ")\n    seen: " + c.evidence + "\n    do:   " + c.remedy +
               '\n';
    }
    return out;
}

inline void write_json(mayfly::detail::json_writer& to, const health_report& r)
{
    const health_facts& f = r.facts;
    to.begin_object().member("address", f.address).member("namespace", f.name_space);
    to.member("deployment", f.version.deployment).member("build_id", f.version.build_id);
    to.member("standing", to_string(r.is)).key("steps").begin_array();
    for (const step_report& s : steps_of(r)) {
        const std::string_view is = s.is == step_report::state::wrong     ? "wrong"
                                    : s.is == step_report::state::unknown ? "unknown"
                                                                          : to_string(s.is);
        to.begin_object().member("step", to_string(s.step)).member("is", is).member("words", s.words).end_object();
    }
    to.end_array().key("causes").begin_array();
    for (const cause_found& c : r.found) {
        to.begin_object().member("number", static_cast<unsigned>(c.number)).member("name", c.name);
        to.member("step", to_string(c.step)).member("standing", to_string(c.is));
        to.member("evidence", c.evidence).member("remedy", c.remedy);
        if (!c.since.empty())
            to.member("since", c.since);
        to.end_object();
    }
    to.end_array().end_object();
}

/// The list of all causes, for people.
[[nodiscard]] inline std::string causes_text()
{
    std::string out;
    for (const cause_kind& k : all_causes) {
        const std::string number = std::to_string(static_cast<unsigned>(k.number));
        out += std::string(number.size() == 1 ? " " : "") + number + ' ' + std::string(k.name) + " (" +
               (k.is == mayfly::standing::ok ? "good to know" : std::string(to_string(k.is))) + "; " +
               std::string(to_string(k.step)) + ")\n   seen: " + std::string(k.seen) +
               "\n   do:   " + std::string(k.remedy) + '\n';
    }
    return out;
}

}  // namespace examples
