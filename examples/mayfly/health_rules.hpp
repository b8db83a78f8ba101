// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "health_causes.hpp"
#include "health_facts.hpp"
#include "health_seen.hpp"

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/target_facts.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/verdict.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// From facts to causes. Nothing here asks anybody.

namespace examples {

/// One thing that is wrong, or good to know.
struct cause_found {
    health_cause number = health_cause::unlisted;
    std::string name{};
    health_step step{};
    mayfly::standing is{};
    std::string evidence{};
    std::string remedy{};
    std::string since{};  ///< RFC 3339; empty where nobody knows.

    friend bool operator==(const cause_found&, const cause_found&) = default;
};

/// Somebody has to do something, or work does not get done as it should.
[[nodiscard]] constexpr bool is_wrong(mayfly::standing s) noexcept
{
    using enum mayfly::standing;
    return s == degraded || s == misconfigured || s == broken;
}

namespace detail {

class health_check {
public:
    health_check(const health_facts& f, const mayfly::compute_registry& known) : f_(f), known_(known) {}

    [[nodiscard]] std::vector<cause_found> run() &&
    {
        if (!f_.unreachable.empty()) {
            other(health_step::configured, mayfly::standing::broken, "the server cannot be asked", f_.unreachable,
                "look at the address, TLS and API key that this command was given; nothing is known of the version");
            return std::move(found_);
        }
        if (!f_.missing.empty()) {
            other(health_step::configured, mayfly::standing::misconfigured, "there is no such version", f_.missing,
                "create it: " + command(f_, "create-version") + " with its provider's flags");
            return std::move(found_);
        }
        configured();
        for (const group_facts& g : f_.groups)
            target(g);
        routing();
        for (const group_facts& g : f_.groups) {
            invoked(g);
            polling(g);
            completing(g);
        }
        bound();
        queues();
        tasks();
        std::stable_sort(
            found_.begin(), found_.end(), [](const cause_found& a, const cause_found& b) { return a.step < b.step; });
        return std::move(found_);
    }

private:
    using enum mayfly::standing;
    using symptom = mayfly::symptom;

    void found(health_cause n, std::string evidence, std::string remedy = {},
        std::optional<mayfly::standing> is = std::nullopt, std::string since = {})
    {
        const cause_kind& k = kind_of(n);
        for (cause_found& c : found_) {
            if (c.number != n)
                continue;
            if (c.evidence.find(evidence) == std::string::npos)
                c.evidence += "; " + evidence;
            if (c.remedy.find(remedy) == std::string::npos)
                c.remedy += "; " + remedy;
            c.is = std::max(c.is, is.value_or(k.is));
            return;
        }
        found_.push_back({n, std::string(k.name), k.step, is.value_or(k.is), std::move(evidence),
            remedy.empty() ? std::string(k.remedy) : std::move(remedy), std::move(since)});
    }
    void other(health_step step, mayfly::standing is, std::string name, std::string evidence, std::string remedy)
    {
        found_.push_back(
            {health_cause::unlisted, std::move(name), step, is, std::move(evidence), std::move(remedy), {}});
    }
    [[nodiscard]] bool has(health_cause n) const
    {
        return std::any_of(found_.begin(), found_.end(), [n](const cause_found& c) { return c.number == n; });
    }

    void configured()
    {
        using enum health_cause;
        closed_ = f_.compute.groups.empty();
        if (closed_)
            found(no_compute_config,
                f_.version.deployment + '/' + f_.version.build_id + created_text(f_) +
                    " has no compute configuration, so nobody starts workers for it",
                "give it one: " + command(f_, "update-version-compute-config") +
                    " with its provider's flags; create-version refuses a version that exists");
        for (const mayfly::problem& p : f_.compute_problems)
            other(health_step::configured, misconfigured, "the compute configuration cannot be used",
                p.field + (p.value.empty() ? "" : " is " + p.value), p.remedy);
        if (!f_.conflict.empty())
            other(health_step::configured, misconfigured, "two controllers drive it", f_.conflict,
                "let one of them leave it alone");
        else if (f_.server_keeps_it)
            other(health_step::configured, ok, "the server keeps the configuration",
                "the server's own controller may start these workers; whether it is on, no server tells",
                "nothing if it is on; else say so to mayfly controller run (server_controller_is_off of the namespace) "
                "and here (--server-controller-is-off), or move the configuration: " +
                    command(f_, "update-version-compute-config") + " --storage metadata");
        code();
        region();
    }

    void code()
    {
        using enum health_cause;
        const auto own = mayfly::check_code(f_.version, f_.compute, {}, known_);
        for (const mayfly::problem& p : own)
            found(floating_code, to_string(p));
        std::vector<mayfly::configured_version> others;
        for (const sibling_facts& s : f_.others)
            if (s.version != f_.version)
                others.push_back({&s.version, &s.compute});
        for (const mayfly::problem& p : mayfly::check_code(f_.version, f_.compute, others, known_))
            if (std::find(own.begin(), own.end(), p) == own.end())
                found(shared_code, to_string(p));
    }

    void region()
    {
        if (f_.active_region.empty())
            return;
        for (const group_facts& g : f_.groups) {
            const auto id = g.function ? mayfly::aws::read_function_arn(g.function->arn, "arn")
                                       : mayfly::checked<mayfly::aws::function_id>(mayfly::problems{});
            const auto group = f_.compute.groups.find(g.id);
            const bool serves = group == f_.compute.groups.end() || group->second.regions.empty() ||
                                std::find(group->second.regions.begin(), group->second.regions.end(),
                                    f_.active_region) != group->second.regions.end();
            if (g.function && id && serves && "aws-" + id->region != f_.active_region)
                found(health_cause::other_region, "namespace " + f_.name_space + " is active in " + f_.active_region +
                                                      ", and " + g.function->arn + " is in aws-" + id->region);
        }
    }

    /// The way to a function, and the function: what its validation finds, by number.
    void target(const group_facts& g)
    {
        using enum health_cause;
        if (g.function && g.reached) {
            const mayfly::findings all = mayfly::aws::evaluate(*g.function, *g.reached, f_.needs);
            for (const mayfly::problem& p : all.errors)
                judge(g, p, true);
            for (const mayfly::problem& p : all.warnings)
                judge(g, p, false);
        } else if (!f_.validation_error.empty())
            other(health_step::function, degraded, "the last look at its providers found something",
                f_.validation_error, "look again, with AWS credentials and without --no-aws");
        for (const told_by_function& w : g.words)
            if (kind_of(w.tells).step <= health_step::function) {
                found(w.tells, in_log(g, w));
                closed_ = true;
            }
    }

    void judge(const group_facts& g, const mayfly::problem& p, bool error)
    {
        using enum health_cause;
        // Whoever asks may have none, where the controller has.
        const bool works = g.told && (g.told->fleet.live > 0 || g.told->totals.connected > 0);
        if (p.field == "credentials" && works)
            return found(own_credentials, "none are at hand here: " + p.value,
                "the controller has its own, and its workers come; to be told more, give this command some too", ok);
        closed_ = closed_ || error;
        const std::string evidence = p.field + (p.value.empty() ? "" : " is " + p.value);
        const auto say = [&](health_cause n, std::optional<mayfly::standing> is = std::nullopt) {
            found(n, evidence, p.remedy, is);
        };
        const mayfly::aws::lambda_facts& r = *g.reached;
        if (p.field == "credentials")
            return say(own_credentials);
        if (p.field == "role" && r.way.role)
            return mayfly::condition_of(r.way.role.ec) == mayfly::condition::permanent
                       ? say(role_not_assumable)
                       : other(
                             health_step::credentials, degraded, "the role cannot be assumed now", evidence, p.remedy);
        if (p.field == "role" && r.way.bare == mayfly::aws::role_facts::without_id::granted)
            return say(external_id_not_enforced, error ? misconfigured : ok);
        if (p.field == "arn.timeout")
            return say(timeout_too_short);
        if (p.field == "arn.reserved_concurrency")
            return say(concurrency_reached, misconfigured);
        if (p.field == "arn.event_retries" || p.field == "arn.event_age")
            return say(delivered_again);
        if (p.field == "arn.state" || p.field == "arn.last_update") {
            const bool passes = r.function->state == "Pending" || r.function->last_update == "InProgress";
            return say(function_not_ready, !error ? ok : passes ? degraded : misconfigured);
        }
        if (p.field == "arn.invoke" ||
            (p.field == "arn" && error && r.function && r.function->failed.ec == mayfly::aws::errc::access_denied))
            return say(invoke_denied);
        if (p.field == "arn" && !error)
            return;  // Its qualifier: told with the configuration.
        other(p.field == "role" ? health_step::credentials : health_step::function, error ? misconfigured : ok,
            error ? "the function cannot be used" : "the function could be better", evidence, p.remedy);
    }

    void routing()
    {
        using enum health_cause;
        using mayfly::version_status;
        if (f_.status == version_status::drained) {
            for (const group_facts& g : f_.groups)
                if (const std::string acts = still_acting(g); !acts.empty())
                    found(drained_and_invoked, "the version is drained" + since_text(f_) + ", and " + acts,
                        "nothing is to be started any more: look who does it, and then " +
                            command(f_, "delete-version"));
            return;
        }
        if (mayfly::receives_work(f_.status))
            return;
        const std::string is = "the version is " + std::string(to_string(f_.status)) + since_text(f_);
        const std::string set = command(f_, "set-current-version") + " --ignore-missing-task-queues --yes";
        if (f_.expected_current)
            return found(set_current_not_confirmed, is + ", and " + current_text(f_),
                "without --yes, and without somebody at a terminal to say yes, nothing is changed: " + set);
        if (!f_.routing.current && !f_.routing.ramping)
            return found(nothing_routed, is + "; the deployment has neither a current nor a ramping version", set);
        found(nothing_routed, is + "; " + current_text(f_), "if it shall get work: " + set, sleeping);
    }

    void bound()
    {
        if (closed_ || f_.compute.groups.empty() || !f_.queues.empty() || !mayfly::receives_work(f_.status) ||
            has(health_cause::wrong_version_in_code) || has(health_cause::server_out_of_reach) ||
            has(health_cause::crash_at_start))
            return;
        const bool first = std::any_of(f_.groups.begin(), f_.groups.end(),
            [](const group_facts& g) { return g.told && g.told->symptom == symptom::first_poll_outstanding; });
        std::string starts;
        for (const group_facts& g : f_.groups)
            if (g.told)
                starts += "; " + starts_text(*g.told);
        found(health_cause::never_bound,
            "no worker has ever polled as " + f_.version.deployment + '/' + f_.version.build_id + starts,
            "read the log of " + functions_text(f_) + ": its first worker most likely fails while it starts",
            first ? waiting : misconfigured);
    }

    void invoked(const group_facts& g)
    {
        using enum health_cause;
        if (g.tried) {
            if (g.tried->refused)
                found(throttled(g.tried->refused) ? concurrency_reached : actions_failing,
                    "invoked to try it: " + to_string(g.tried->refused));
            else if (!g.tried->answered && g.tried->polls)
                found(synchronous_invoke, "invoked to try it: no answer in " + std::to_string(g.tried->waited.count()) +
                                              " s, and its worker polls");
            else if (!g.tried->answered && g.words.empty())
                found(server_out_of_reach,
                    "invoked to try it: " + function_text(g) + " runs for " + std::to_string(g.tried->waited.count()) +
                        " s, and none of its workers is seen",
                    "look at address, TLS, API key and network of the function; where its code polls a queue that "
                    "nobody knows of, name that with --queue");
        }
        if (!g.told)
            return;
        const group_status& t = *g.told;
        const std::string since = t.since.value_or("");
        const auto last = last_refusal(t);
        const std::string words = last ? last->detail : t.message;
        if (t.symptom == symptom::unreadable)
            found(actions_failing, t.message, "look at the controller's own address, credentials and permissions",
                broken, since);
        else if (t.symptom == symptom::throttled || t.symptom == symptom::provider_ceiling)
            found(concurrency_reached, t.message, {}, std::nullopt, since);
        else if (t.symptom == symptom::refused_for_good && !closed_)
            found(actions_failing, t.message, "look at what the answer says: " + words, misconfigured, since);
        else if (t.symptom == symptom::provider_failing || (t.fleet.refused > 0 && last && !closed_))
            found(last && last->outcome == mayfly::condition::throttled ? concurrency_reached : actions_failing,
                refusals_text(t) + ": " + words, {}, std::nullopt, since);
        if (t.totals.returned > 0)
            found(delivered_again,
                std::to_string(t.totals.returned) + " starts polled again after their workers had ended");
    }

    void polling(const group_facts& g)
    {
        using enum health_cause;
        mismatch(g);
        for (const told_by_function& w : g.words)
            if (kind_of(w.tells).step == health_step::polling && w.tells != wrong_version_in_code)
                found(w.tells, in_log(g, w));
        if (!g.told || closed_ || has(wrong_version_in_code) || has(server_out_of_reach) || has(crash_at_start))
            return;
        // Where no queue is bound, that is what is told of it.
        if (g.told->symptom == symptom::never_connected && !f_.queues.empty())
            found(crash_at_start, g.told->message,
                "read the log of " + function_text(g) +
                    ": it may crash at start, or not reach the server (address, TLS, API key, network)",
                g.told->standing, g.told->since.value_or(""));
    }

    void mismatch(const group_facts& g)
    {
        using enum health_cause;
        const std::string change = "make the code of " + function_text(g) + " say deployment " + f_.version.deployment +
                                   " and build id " + f_.version.build_id + ", or create the version that it says";
        for (const known_worker& w : f_.workers)
            if (g.function && is_of(w.identity, g.function->arn) && w.version && *w.version != f_.version) {
                found(wrong_version_in_code,
                    "worker " + w.identity + " polls queue " + w.queue + " as " + w.version->deployment + '/' +
                        w.version->build_id + ", not as " + f_.version.deployment + '/' + f_.version.build_id,
                    change);
                break;
            }
        for (const told_by_function& w : g.words)
            if (w.tells == wrong_version_in_code)
                found(w.tells, in_log(g, w), change);
        if (g.told && g.told->symptom == symptom::connected_elsewhere)
            found(wrong_version_in_code, g.told->message, change, std::nullopt, g.told->since.value_or(""));
    }

    void completing(const group_facts& g)
    {
        using enum health_cause;
        for (const told_by_function& w : g.words)
            if (kind_of(w.tells).step == health_step::completing)
                found(w.tells, in_log(g, w));
        if (!g.told)
            return;
        const group_status& t = *g.told;
        if (t.symptom == symptom::rate_limited)
            found(rate_limit, t.message, {}, std::nullopt, t.since.value_or(""));
        if (t.symptom == symptom::at_maximum)
            other(health_step::completing, degraded, "the maximum of workers is reached", t.message,
                "raise --scaler-max-instances, if tasks shall not wait");
        if (t.fleet.foreign > 0)
            found(mixed_fleet, std::to_string(t.fleet.foreign) + " pollers that nobody started here");
        constexpr double much = 0.5;
        if (f_.idle_share && *f_.idle_share >= much)
            found(idle_cost, "for " + percent(*f_.idle_share) + " of their recorded time workers had nothing to do");
    }

    void queues()
    {
        using enum health_cause;
        std::vector<std::string> foreign;
        std::uint64_t backlog = 0;
        bool ours = false;
        for (const queue_facts& q : f_.queues) {
            if (q.stats && q.stats->backlog > 0)
                backlog += static_cast<std::uint64_t>(q.stats->backlog);
            if (q.stats && q.stats->rate_limited)
                found(rate_limit, limiter_text(q));
            for (const mayfly::temporal::queue_poller& p : q.pollers) {
                const bool of_us = std::any_of(f_.groups.begin(), f_.groups.end(),
                    [&](const group_facts& g) { return g.function && is_of(p.identity, g.function->arn); });
                ours = ours || of_us;
                const bool of_this_version = !p.version || *p.version == f_.version;
                if (!of_us && of_this_version && lives(p, f_.now) &&
                    std::find(foreign.begin(), foreign.end(), p.identity) == foreign.end())
                    foreign.push_back(p.identity);
            }
        }
        const bool functions = std::any_of(
            f_.groups.begin(), f_.groups.end(), [](const group_facts& g) { return g.function.has_value(); });
        if (functions && !foreign.empty())
            found(mixed_fleet, "beside the functions " + list(foreign) + (foreign.size() == 1 ? " polls" : " poll"));
        const bool told =
            std::any_of(f_.groups.begin(), f_.groups.end(), [](const group_facts& g) { return g.told.has_value(); });
        if (!f_.controller_passes.empty())
            other(health_step::invoked, ok, "the controller that was asked does not lead", f_.controller_passes,
                "give --controller the address of the one that does");
        if (!f_.controller_begins.empty())
            other(health_step::invoked, waiting, "the controller has only just begun with this version",
                f_.controller_begins, "ask again in half a minute, once it has seen what its starts come to");
        if (!f_.controller_problem.empty())
            other(health_step::invoked, broken, "the controller cannot do its work", f_.controller_problem,
                "look at its log, and at --controller");
        else if (!f_.controller_drives)
            other(health_step::invoked, misconfigured, "the controller does not drive this version",
                "it is asked, and starts no workers for it",
                "look whether it watches namespace " + f_.name_space + ", and knows the provider");
        else if (backlog > 0 && f_.controller_begins.empty() && !told && !ours && foreign.empty() && functions)
            other(health_step::invoked, degraded, "tasks wait, and nobody comes",
                std::to_string(backlog) + " tasks wait, and no worker polls",
                "is mayfly controller run running? With --controller URL or --record FILE more can be told");
    }

    void tasks()
    {
        for (const stuck_task& t : f_.tasks) {
            if (!t.timed_out || t.attempt < 2)
                continue;
            std::optional<std::chrono::seconds> window;
            for (const group_facts& g : f_.groups)
                if (g.reached && g.reached->function && g.reached->function->timeout)
                    window = *g.reached->function->timeout - f_.needs.shutdown_buffer;
            const bool too_long = window && (t.start_to_close.count() == 0 || t.start_to_close > *window);
            if (!window || too_long)
                found(health_cause::activities_too_long, stuck_text(t, window),
                    "rules: stop timeout (" + std::to_string(f_.stop_timeout.count()) +
                        " s) above the longest activity, shutdown buffer above the stop timeout and 2 s, function "
                        "timeout above the longest activity and the buffer; heartbeats, for what takes longer than "
                        "half of that");
        }
    }

    const health_facts& f_;
    const mayfly::compute_registry& known_;
    std::vector<cause_found> found_{};
    bool closed_ = false;  ///< It is known already why no start can come to anything.
};

}  // namespace detail

/// Everything that is wrong or good to know, in order of health. `known` has the providers that configurations may
/// name.
[[nodiscard]] inline std::vector<cause_found> diagnose_health(
    const health_facts& facts, const mayfly::compute_registry& known)
{
    return detail::health_check(facts, known).run();
}

/// How the version does in all: the first thing that is wrong, or what the controller says, or that nothing is known
/// to be wrong.
[[nodiscard]] inline mayfly::standing standing_of(const health_facts& facts, const std::vector<cause_found>& found)
{
    using enum mayfly::standing;
    for (const cause_found& c : found)
        if (is_wrong(c.is))
            return c.is;
    for (const cause_found& c : found)
        if (c.is == sleeping || c.is == waiting)
            return c.is;
    if (facts.status == mayfly::version_status::drained)
        return sleeping;
    for (const group_facts& g : facts.groups)
        if (g.told && (g.told->standing == waiting || g.told->standing == sleeping))
            return g.told->standing;
    return ok;
}

}  // namespace examples
