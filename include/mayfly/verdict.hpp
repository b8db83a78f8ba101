// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/controller_machine.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/ledger.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mayfly {

/// How a group of workers does.
enum class standing : std::uint8_t {
    ok,
    waiting,        ///< For the first worker.
    degraded,       ///< Something fails or is held back; work may still get done.
    misconfigured,  ///< Somebody must change something.
    broken,         ///< The fault is on the controller's own side.
    sleeping,       ///< No work can reach the version.
};

[[nodiscard]] constexpr std::string_view to_string(standing s) noexcept
{
    switch (s) {
    case standing::ok: return "ok";
    case standing::waiting: return "waiting";
    case standing::degraded: return "degraded";
    case standing::misconfigured: return "misconfigured";
    case standing::broken: return "broken";
    case standing::sleeping: return "sleeping";
    }
    return "unknown";
}

/// What a standing comes from. In the order of health: an earlier one explains the later ones.
enum class symptom : std::uint8_t {
    none,
    drained,                 ///< No open work is left.
    acting_though_drained,   ///< And yet workers live or were started.
    unreadable,              ///< Statistics cannot be read.
    refused_for_good,        ///< The provider says that trying again is no use.
    throttled,               ///< The provider has no room.
    provider_failing,        ///< The provider fails, and may recover.
    not_routed,              ///< The version is neither current nor ramping, and no work of it is left.
    connected_elsewhere,     ///< Workers come, as another version than ours.
    never_connected,         ///< Starts are accepted, and no worker polls.
    first_poll_outstanding,  ///< The first worker is on its way.
    provider_ceiling,        ///< The provider accepts, and runs no more than it does.
    rate_limited,            ///< The queue is held back by a limiter.
    at_maximum,              ///< Tasks wait, and the configured maximum is reached.
    delivered_again,         ///< The platform delivered events that had been worked off.
    foreign_pollers,         ///< Others poll the queue too.
};

[[nodiscard]] constexpr std::string_view to_string(symptom s) noexcept
{
    switch (s) {
    case symptom::none: return "none";
    case symptom::drained: return "drained";
    case symptom::acting_though_drained: return "acting_though_drained";
    case symptom::unreadable: return "unreadable";
    case symptom::refused_for_good: return "refused_for_good";
    case symptom::throttled: return "throttled";
    case symptom::provider_failing: return "provider_failing";
    case symptom::not_routed: return "not_routed";
    case symptom::connected_elsewhere: return "connected_elsewhere";
    case symptom::never_connected: return "never_connected";
    case symptom::first_poll_outstanding: return "first_poll_outstanding";
    case symptom::provider_ceiling: return "provider_ceiling";
    case symptom::rate_limited: return "rate_limited";
    case symptom::at_maximum: return "at_maximum";
    case symptom::delivered_again: return "delivered_again";
    case symptom::foreign_pollers: return "foreign_pollers";
    }
    return "unknown";
}

/** What a verdict on one group is drawn from.

    Keep one for each group that somebody may ask about. Show it every event of the group, and before `diagnose` the
    group's books. Or fill it in by hand.

    A refusal stands until a start is accepted; one that may pass by itself also ends when for `fades_after` no more was
    wished for. So does an event delivered again, when no other follows.
*/
struct evidence {
    static constexpr uptime fades_after = std::chrono::minutes{5};

    launch_target target{};
    version_status status = version_status::current;
    fleet_view fleet{};
    ledger_totals totals{};
    scaling_limits limits{};
    std::uint64_t backlog = 0;   ///< Tasks that waited when statistics were read last.
    double dispatch_rate = 0;    ///< Tasks per second, then.
    condition refusal{};         ///< How the provider's last answer ended.
    std::string refusal_words;   ///< What it said.
    condition unread{};          ///< How the last reading ended.
    std::string unread_words;    ///< What was said.
    std::string other_build_id;  ///< What a worker of ours said that it is.

    // Since when something is so; absent while it is not.
    std::optional<uptime> refused_since{};
    std::optional<uptime> unread_since{};
    std::optional<uptime> limited_since{};
    std::optional<uptime> full_since{};
    std::optional<uptime> ceiling_since{};
    std::optional<uptime> foreign_since{};
    std::optional<uptime>
        elsewhere_since{};                 ///< The first worker that came as another version, since one came as ours.
    std::optional<uptime> unseen_since{};  ///< The first start that was not seen, since a worker was.
    std::optional<uptime> returned_since{};
    uptime returned_last{};  ///< The newest of them.
    uptime wished_last{};    ///< When starts, or a size, were last wished for.
    std::optional<uptime> status_since{};

    /// Takes an event of this group in.
    void note(const controller_event& e)
    {
        using enum controller_event::kind;
        switch (e.what) {
        case launched:
        case resized:
            refusal = condition::ok;
            refusal_words.clear();
            refused_since.reset();
            break;
        case refused:
        case not_resized:
            refusal = e.outcome;
            refusal_words = e.detail;
            mark(refused_since, true, e.at);
            wished_last = e.at;
            break;
        case unread:
            this->unread = e.outcome;
            unread_words = e.detail;
            mark(unread_since, true, e.at);
            break;
        case decided: take_signal(e); break;
        case bootstrap:
        case retried: break;
        }
        fade(e.at);
    }

    /// Takes the books in, and which other version a worker of ours said it is, if `shown` tells.
    void take(const ledger& books, uptime now, std::span<const worker_seen> shown = {})
    {
        fleet = books.view(now);
        if (books.totals().returned > totals.returned) {
            mark(returned_since, true, now);
            returned_last = now;
        }
        totals = books.totals();
        fade(now);
        elsewhere_since.reset();
        unseen_since.reset();
        for (const start_record& r : books.records()) {
            const bool unseen = r.state == start_state::accepted || r.state == start_state::given_up;
            if (unseen && !(fleet.ever_seen && r.asked_at <= books.last_seen()))
                unseen_since = std::min(unseen_since.value_or(never), r.asked_at);
            if (r.state == start_state::elsewhere && !(fleet.ever_seen && r.changed_at <= books.last_seen()))
                elsewhere_since = std::min(elsewhere_since.value_or(never), r.changed_at);
        }
        for (const worker_seen& w : shown)
            if (w.version != nullptr && *w.version != target.version && books.knows(w.identity))
                other_build_id = w.version->build_id;
    }

    void set_status(version_status s, uptime now)
    {
        if (s != status || !status_since)
            status_since = now;
        status = s;
    }

private:
    static void mark(std::optional<uptime>& since, bool is_so, uptime now) noexcept
    {
        if (!is_so)
            since.reset();
        else if (!since)
            since = now;
    }

    void fade(uptime now)
    {
        if (returned_since && later(returned_last, fades_after) <= now)
            returned_since.reset();
        // What is refused for good is not asked for again, so that silence tells nothing.
        const bool may_pass = refusal == condition::throttled || refusal == condition::transient;
        if (may_pass && later(wished_last, fades_after) <= now) {
            refusal = condition::ok;
            refusal_words.clear();
            refused_since.reset();
        }
    }

    void take_signal(const controller_event& e)
    {
        const scaling_signal& s = *e.signal;
        if (e.made.launch > 0 || e.made.resize || e.made.held_back > 0)
            wished_last = e.at;
        fleet = s.fleet;
        limits = s.limits;
        bool limiter = e.made.reason == reason::rate_limited;
        if (s.why == cause::stats) {
            backlog = 0;
            dispatch_rate = 0;
            for (const auto& q : s.stats)
                if (q) {
                    backlog += q->backlog;
                    dispatch_rate += q->dispatch_rate;
                    limiter = limiter || q->limiter_active;
                }
            unread = condition::ok;
            unread_words.clear();
            unread_since.reset();
        }
        // What only statistics tell stays so until they tell something else.
        if (s.why == cause::stats || limiter)
            mark(limited_since, limiter, e.at);
        mark(full_since, s.fleet.total() >= s.limits.max, e.at);
        mark(ceiling_since, e.made.reason == reason::provider_ceiling || (ceiling_since && s.fleet.given_up > 0), e.at);
        mark(foreign_since, s.fleet.foreign > 0, e.at);
    }
};

/// How a group does, and what to do about it.
struct verdict {
    standing is = standing::ok;
    symptom why = symptom::none;
    uptime since{};
    std::string message{};  ///< Whom it is about, what was seen, and the next step.
};

namespace detail {

inline std::string count_of(std::uint64_t n, std::string_view one)
{
    return std::to_string(n) + ' ' + std::string(one) + (n == 1 ? "" : "s");
}

/// "orders/b7 (group default, function fn)"
inline std::string name_of(const launch_target& t)
{
    std::string out = t.version.deployment + '/' + t.version.build_id + " (group " + t.group;
    if (!t.function.empty())
        out += ", function " + t.function;
    return out + ')';
}

inline std::string quoted(std::string_view words)
{
    return words.empty() ? std::string{} : ": \"" + std::string(words) + '"';
}

}  // namespace detail

/// Fewer dead starts in a row than this may be bad luck.
inline constexpr std::uint32_t telling_dead_starts = 3;

/// The first thing that is wrong in the order of health, or that nothing is.
[[nodiscard]] inline verdict diagnose(const evidence& e)
{
    using detail::count_of;
    const fleet_view& f = e.fleet;
    const auto say = [&](standing is, symptom why, const std::optional<uptime>& since, const std::string& what) {
        return verdict{is, why, since.value_or(uptime::zero()), detail::name_of(e.target) + ": " + what};
    };
    const std::string function = e.target.function.empty() ? "the function" : "function " + e.target.function;

    if (e.status == version_status::drained) {
        if (f.total() > 0)
            return say(standing::degraded, symptom::acting_though_drained, e.status_since,
                "drained, but " + count_of(f.live, "worker") + " live and " + count_of(f.pending(), "start") +
                    " may follow. Nothing is started any more; once they are gone, delete the version.");
        return say(standing::sleeping, symptom::drained, e.status_since,
            "drained: no open work is left and nothing is started. The version can be deleted.");
    }
    if (e.unread != condition::ok)
        return say(standing::broken, symptom::unreadable, e.unread_since,
            "statistics cannot be read (" + std::string(to_string(e.unread)) + ")" + detail::quoted(e.unread_words) +
                ". Check the controller's own address, credentials and permissions; nothing has to change on " +
                function + '.');
    if (e.refusal == condition::permanent)
        return say(standing::misconfigured, symptom::refused_for_good, e.refused_since,
            "the provider refuses to start " + function + detail::quoted(e.refusal_words) +
                ". Check that it exists under exactly this name and qualifier, and the role and permission to invoke "
                "it.");
    if (e.refusal == condition::throttled)
        return say(standing::degraded, symptom::throttled, e.refused_since,
            "the provider has no room for more of " + function + detail::quoted(e.refusal_words) + "; " +
                count_of(f.live, "worker") + " live. Raise its concurrency limit, or lower the maximum of " +
                std::to_string(e.limits.max) + " to what it allows.");
    if (e.refusal == condition::transient)
        return say(standing::degraded, symptom::provider_failing, e.refused_since,
            "the provider fails to start " + function + detail::quoted(e.refusal_words) + "; " +
                count_of(f.refused, "refusal") +
                " in a row. It is tried again; check the provider's status if this "
                "lasts.");
    if (!receives_work(e.status))
        return say(standing::sleeping, symptom::not_routed, e.status_since,
            "the version is " + std::string(to_string(e.status)) +
                ", so no work reaches it. Make it the current or the ramping version of deployment " +
                e.target.version.deployment + '.');
    if (e.elsewhere_since && f.live == 0)
        return say(standing::misconfigured, symptom::connected_elsewhere, e.elsewhere_since,
            count_of(e.totals.elsewhere, "worker") + " of " + function + " polled as " +
                (e.other_build_id.empty() ? "another version" : "build id " + e.other_build_id) + ", not as " +
                e.target.version.build_id + ". Make the code say deployment " + e.target.version.deployment +
                " and build id " + e.target.version.build_id + ", or create the version that it says.");
    if (f.live == 0 && f.given_up >= telling_dead_starts)
        return say(f.ever_seen ? standing::degraded : standing::misconfigured, symptom::never_connected, e.unseen_since,
            count_of(f.given_up, "start") + " in a row accepted, and no worker polled. Read the log of " + function +
                ": it may crash at start, time out too soon, or not reach the server (address, TLS, API key, "
                "network).");
    if (!f.ever_seen && f.pending() + f.given_up > 0)
        return say(standing::waiting, symptom::first_poll_outstanding, e.unseen_since,
            count_of(f.pending(), "start") +
                " under way, and no worker has polled yet. If this lasts, read the log of " + function + '.');
    if (e.ceiling_since && f.live > 0)
        return say(standing::degraded, symptom::provider_ceiling, e.ceiling_since,
            count_of(f.live, "worker") + " live, and " + count_of(f.given_up, "start") +
                " beyond them came to nothing though accepted. Compare with the account's and the function's "
                "concurrency limits.");
    if (e.limited_since && e.backlog > 0)
        return say(standing::degraded, symptom::rate_limited, e.limited_since,
            count_of(e.backlog, "task") + " wait behind a rate limit; " +
                std::to_string(static_cast<std::uint64_t>(std::max(0.0, e.dispatch_rate))) +
                " a second are dispatched. More workers do not help: raise the queue's rate limit if this is too few.");
    if (e.full_since && e.backlog > 0)
        return say(standing::degraded, symptom::at_maximum, e.full_since,
            count_of(e.backlog, "task") + " wait, and the maximum of " + count_of(e.limits.max, "worker") +
                " is reached. Raise it if they should not wait.");
    if (e.returned_since)
        return say(standing::ok, symptom::delivered_again, e.returned_since,
            "the platform delivered " + count_of(e.totals.returned, "start") +
                " again after their workers had ended. Set the retry attempts of " + function +
                "'s asynchronous invocations to 0 and their age to a minute.");
    if (e.foreign_since)
        return say(standing::ok, symptom::foreign_pollers, e.foreign_since,
            count_of(f.foreign, "poller") + " that nobody started here also poll. That is fine for a mixed fleet; "
                                            "otherwise find and stop them.");
    return say(standing::ok, symptom::none, std::nullopt,
        count_of(f.live, "worker") + " live, " + count_of(f.pending(), "start") + " under way, " +
            count_of(e.backlog, "task") + " waiting.");
}

}  // namespace mayfly
