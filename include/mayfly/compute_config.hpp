// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_registry.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/settings.hpp>
#include <mayfly/signal.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly {

struct provider_spec {
    std::string type{};
    settings details{};
    std::string nexus_endpoint{};

    friend bool operator==(const provider_spec&, const provider_spec&) = default;
};

struct scaler_spec {
    std::string type{};  ///< Empty: as fits the provider.
    settings details{};

    friend bool operator==(const scaler_spec&, const scaler_spec&) = default;
};

/// Who serves which tasks of a version. As written by a user: everything may be missing or wrong.
struct scaling_group {
    std::vector<task_type> types{};      ///< Empty: the catch-all, for whatever no other group names.
    std::vector<std::string> regions{};  ///< Empty: wherever no group of that region serves the type.
    std::optional<provider_spec> provider{};
    std::optional<scaler_spec> scaler{};
    scaling_limits limits{};

    friend bool operator==(const scaling_group&, const scaling_group&) = default;
};

/// How the workers of one version come to be. Without groups there are none: such a version is never started.
struct compute_config {
    std::map<std::string, scaling_group, std::less<>> groups{};

    friend bool operator==(const compute_config&, const compute_config&) = default;
};

/// The id of the group that serves a type on a host in `region` (empty for a host without one): a group of that region
/// that names the type, else the region's catch-all, else the same among groups without regions. Null if none does.
[[nodiscard]] inline const std::string* serving_group(
    const compute_config& config, task_type type, std::string_view region = {}) noexcept
{
    const std::string* best = nullptr;
    int best_rank = 4;
    for (const auto& [id, g] : config.groups) {
        const bool here = std::find(g.regions.begin(), g.regions.end(), region) != g.regions.end();
        const bool named = std::find(g.types.begin(), g.types.end(), type) != g.types.end();
        if ((!here && !g.regions.empty()) || (!named && !g.types.empty()))
            continue;
        const int rank = (here ? 0 : 2) + (named ? 0 : 1);
        if (rank < best_rank) {
            best_rank = rank;
            best = &id;
        }
    }
    return best;
}

/// The types that a group really serves there.
[[nodiscard]] inline task_types effective_types(
    const compute_config& config, std::string_view group, std::string_view region = {}) noexcept
{
    task_types out;
    for (task_type t : all_task_types)
        if (const std::string* const id = serving_group(config, t, region); id != nullptr && *id == group)
            out.insert(t);
    return out;
}

/// The algorithm of a group: its own, or the default of its provider; empty if neither is known.
[[nodiscard]] inline std::string_view effective_scaler(const scaling_group& g, const compute_registry& known) noexcept
{
    if (g.scaler && !g.scaler->type.empty())
        return g.scaler->type;
    const provider_kind* const p = g.provider ? known.provider(g.provider->type) : nullptr;
    return p != nullptr ? known.default_scaler(p->strategy) : std::string_view{};
}

/// Errors forbid; warnings only tell.
struct findings {
    problems errors{};
    problems warnings{};

    friend bool operator==(const findings&, const findings&) = default;
};

namespace detail {

/// Goes through one configuration and gathers what is wrong.
class config_check {
public:
    config_check(const compute_config& config, const compute_registry& known) : config_{config}, known_{known} {}

    [[nodiscard]] findings run() &&
    {
        if (config_.groups.empty())
            error("groups", "", "give at least one scaling group");
        for (const auto& [id, g] : config_.groups) {
            at_ = "groups." + id;
            if (id.empty())
                error("groups", "\"\"", "give every group a name");
            types(g);
            regions(g);
            compute(g);
            limits(g.limits);
        }
        std::set<std::string_view> scopes{""};
        for (const auto& [id, g] : config_.groups)
            scopes.insert(g.regions.begin(), g.regions.end());
        for (std::string_view scope : scopes)
            unique(scope);
        return std::move(found_);
    }

private:
    void error(std::string field, std::string value, std::string remedy)
    {
        found_.errors.push_back({std::move(field), std::move(value), std::move(remedy)});
    }

    [[nodiscard]] static std::string quoted(std::string_view text) { return '"' + std::string{text} + '"'; }

    template <class Kind>
    [[nodiscard]] static std::string names(std::span<const Kind> kinds)
    {
        std::string out;
        for (const Kind& k : kinds)
            if (k.enabled)
                out += (out.empty() ? "" : ", ") + std::string{k.type};
        return out.empty() ? "none" : out;
    }

    void types(const scaling_group& g)
    {
        for (std::size_t i = 0; i < g.types.size(); ++i) {
            const std::string field = at_ + ".task_types[" + std::to_string(i) + ']';
            const task_type t = g.types[i];
            if (!task_types::all().contains(t))
                error(field, "unspecified", "give workflow, activity or nexus");
            else if (std::find(g.types.begin(), g.types.begin() + static_cast<std::ptrdiff_t>(i), t) !=
                     g.types.begin() + static_cast<std::ptrdiff_t>(i))
                error(field, std::string{to_string(t)}, "name each type once");
        }
    }

    void regions(const scaling_group& g)
    {
        std::set<std::string_view> seen;
        for (std::size_t i = 0; i < g.regions.size(); ++i) {
            const std::string& r = g.regions[i];
            const std::string field = at_ + ".regions[" + std::to_string(i) + ']';
            if (!region_id(r))
                error(field, quoted(r), "write it like aws-us-east-1: lower case letters, digits and single hyphens");
            else if (!seen.insert(r).second)
                error(field, quoted(r), "name each region once");
        }
    }

    [[nodiscard]] static bool region_id(std::string_view r) noexcept
    {
        const auto part = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
        return r.find('-') != std::string_view::npos && r.find("--") == std::string_view::npos && r.front() != '-' &&
               r.back() != '-' && std::all_of(r.begin(), r.end(), [&](char c) { return c == '-' || part(c); });
    }

    void compute(const scaling_group& g)
    {
        const provider_kind* const p = provider(g);
        const scaler_spec chosen = g.scaler.value_or(scaler_spec{});
        const std::string type{effective_scaler(g, known_)};
        if (type.empty())
            return;  // The provider is not known, so its default is not either, and that is said already.
        const std::string field = at_ + ".scaler.type";
        const std::string value = quoted(type) + (chosen.type.empty() ? ", the default" : "");
        const scaler_kind* const s = known_.scaler(type);
        if (s == nullptr || !s->enabled) {
            error(field, value,
                (s == nullptr ? "not known here; give one of: " : "not enabled here; give one of: ") +
                    names(known_.scalers));
            return;
        }
        if (p != nullptr && p->strategy != s->strategy)
            error(field, value, mismatch(*p, *s));
        if (s->check != nullptr)
            append(s->check(chosen.details, at_ + ".scaler.details"));
    }

    [[nodiscard]] static std::string mismatch(const provider_kind& p, const scaler_kind& s)
    {
        const auto does = [](launch_strategy l) {
            return l == launch_strategy::invoke ? std::string{"starts single workers"} : "sizes a worker set";
        };
        return does(s.strategy) + ", but provider \"" + std::string{p.type} + "\" " + does(p.strategy) +
               "; choose an algorithm that does too";
    }

    [[nodiscard]] const provider_kind* provider(const scaling_group& g)
    {
        const std::string field = at_ + ".provider";
        if (!g.provider) {
            error(field, "", "give a provider; known are: " + names(known_.providers));
            return nullptr;
        }
        const provider_kind* const p = known_.provider(g.provider->type);
        if (p == nullptr || !p->enabled) {
            error(field + ".type", quoted(g.provider->type),
                (p == nullptr ? "not known here; give one of: " : "not enabled here; give one of: ") +
                    names(known_.providers));
            return p;
        }
        if (!g.provider->nexus_endpoint.empty() && !p->remote)
            error(field + ".nexus_endpoint", quoted(g.provider->nexus_endpoint),
                "remove it; provider \"" + g.provider->type + "\" is not reached through an endpoint");
        if (p->check != nullptr)
            append(p->check(g.provider->details, field + ".details"));
        return p;
    }

    void limits(const scaling_limits& l)
    {
        if (l.max == 0)
            error(at_ + ".limits.max", "0", "give at least 1; with 0 no worker would ever start");
        else if (l.min > l.max)
            error(at_ + ".limits.min", std::to_string(l.min),
                "give at most limits.max, which is " + std::to_string(l.max));
    }

    void append(problems more) { std::move(more.begin(), more.end(), std::back_inserter(found_.errors)); }

    // Where the groups of one region, or those without regions, get into each other's way.
    void unique(std::string_view scope)
    {
        const std::string where = scope.empty() ? "" : " in region " + std::string{scope};
        const std::string* catch_all = nullptr;
        std::map<task_type, const std::string*> claimed;
        for (const auto& [id, g] : config_.groups) {
            const bool here = scope.empty() ? g.regions.empty()
                                            : std::find(g.regions.begin(), g.regions.end(), scope) != g.regions.end();
            if (!here)
                continue;
            const std::string field = "groups." + id + ".task_types";
            if (g.types.empty() && catch_all != nullptr)
                error(
                    field, "empty", "name types; group \"" + *catch_all + "\" already takes whatever is left" + where);
            if (g.types.empty() && catch_all == nullptr)
                catch_all = &id;
            for (task_type t : g.types)
                if (const auto [at, first] = claimed.emplace(t, &id);
                    !first && *at->second != id && task_types::all().contains(t))
                    error(field, std::string{to_string(t)},
                        "name it in one group only; group \"" + *at->second + "\" already does" + where);
        }
        if (catch_all != nullptr && effective_types(config_, *catch_all, scope).empty())
            found_.warnings.push_back({"groups." + *catch_all + ".task_types", "empty",
                "nothing is left for this group" + where + ", so it never starts a worker; name types or remove it"});
    }

    const compute_config& config_;
    const compute_registry& known_;
    std::string at_;
    findings found_;
};

}  // namespace detail

/// Everything that can be told without asking anybody: all errors, and what is allowed but surely not meant.
[[nodiscard]] inline findings check(const compute_config& config, const compute_registry& known)
{
    return detail::config_check{config, known}.run();
}

/// A version and its configuration, to compare with.
struct configured_version {
    const deployment_version* version = nullptr;
    const compute_config* config = nullptr;
};

/** Warnings about which code runs under which name. One build id shall stand for one published state of the code.

    `others` are the versions known so far, and may hold this one as it was before a change.
*/
[[nodiscard]] inline problems check_code(const deployment_version& version, const compute_config& config,
    std::span<const configured_version> others, const compute_registry& known)
{
    const auto reference = [&known](const scaling_group& g) {
        const provider_kind* const p = g.provider ? known.provider(g.provider->type) : nullptr;
        return p != nullptr && p->classify != nullptr ? p->classify(g.provider->details) : code_reference{};
    };
    problems out;
    for (const auto& [id, g] : config.groups) {
        const code_reference here = reference(g);
        if (here.code.empty())
            continue;
        const std::string field = "groups." + id + ".provider.details." + here.field;
        const auto warn = [&](std::string remedy) { out.push_back({field, '"' + here.code + '"', std::move(remedy)}); };
        if (here.binding == code_binding::floating)
            warn("names no published version, so the next deployment changes the code behind this build id; name one");
        if (here.binding == code_binding::movable)
            warn("can be pointed at other code, which then runs under this build id; name a published version");
        for (const configured_version& o : others) {
            if (o.version->deployment != version.deployment)
                continue;
            if (*o.version == version) {
                const auto before = o.config->groups.find(id);
                if (before == o.config->groups.end())
                    continue;
                const code_reference was = reference(before->second);
                if (!was.code.empty() && was.code != here.code)
                    warn("was \"" + was.code + "\": the code changes under build id \"" + version.build_id +
                         "\"; give new code a new build id");
            } else if (std::any_of(o.config->groups.begin(), o.config->groups.end(),
                           [&](const auto& other) { return reference(other.second).code == here.code; })) {
                warn("is also the code of build id \"" + o.version->build_id +
                     "\"; publish a version of the code for each build id");
            }
        }
    }
    return out;
}

}  // namespace mayfly
