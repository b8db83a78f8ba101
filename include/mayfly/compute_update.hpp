// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_config.hpp>
#include <mayfly/compute_registry.hpp>
#include <mayfly/problem.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly {

/// What shall become of one group.
struct group_change {
    scaling_group group{};
    /// Which of its fields count: `task_queue_types`, `provider`, `provider.type`, `provider.details`,
    /// `provider.nexus_endpoint`, `scaler`, `scaler.type`, `scaler.details`, and of our own `region_ids` and `limits`.
    /// A group that exists keeps all others; a group that does not is taken whole.
    std::vector<std::string> mask{};
};

/// A change to a version's configuration. Changes come first: a group in both lists ends up removed.
struct compute_update {
    std::map<std::string, group_change, std::less<>> change{};
    std::vector<std::string> remove{};
    std::string conflict_token{};  ///< Of the record that the change was made for; empty: whatever is there.
    std::string request_id{};      ///< The same id again changes nothing; empty: every update counts.
};

/// What is kept of a version's configuration.
struct compute_record {
    compute_config config{};
    std::uint64_t revision = 1;
    std::vector<std::string> requests{};  ///< The last ids, newest last.

    static constexpr std::size_t remembered_requests = 16;

    [[nodiscard]] std::string conflict_token() const { return std::to_string(revision); }
    friend bool operator==(const compute_record&, const compute_record&) = default;
};

/// What an update comes to. Nothing is stored yet: the providers may have to agree first, and workers to be started.
struct update_plan {
    enum class verdict : std::uint8_t {
        create,               ///< `record` is the version's first.
        change,               ///< `record` takes the place of the one before.
        end,                  ///< No group is left: forget the record, at once.
        nothing,              ///< All is as it shall be.
        invalid_argument,     ///< `found.errors` say why.
        failed_precondition,  ///< Likewise; the update may be right at another time.
    };

    verdict what = verdict::nothing;
    compute_record record{};  ///< For `create` and `change`.
    findings found{};
    std::vector<std::string> reset{};  ///< Groups whose algorithm is another one now: its state is to be forgotten.

    [[nodiscard]] bool refused() const noexcept
    {
        return what == verdict::invalid_argument || what == verdict::failed_precondition;
    }
};

[[nodiscard]] constexpr std::string_view to_string(update_plan::verdict v) noexcept
{
    switch (v) {
    case update_plan::verdict::create: return "create";
    case update_plan::verdict::change: return "change";
    case update_plan::verdict::end: return "end";
    case update_plan::verdict::nothing: return "nothing";
    case update_plan::verdict::invalid_argument: return "invalid_argument";
    case update_plan::verdict::failed_precondition: return "failed_precondition";
    }
    return "unknown";
}

namespace detail {

inline constexpr std::array<std::string_view, 10> mask_paths{"task_queue_types", "provider", "provider.type",
    "provider.details", "provider.nexus_endpoint", "scaler", "scaler.type", "scaler.details", "region_ids", "limits"};

/// Copies one named field. False if it cannot be copied from there.
[[nodiscard]] inline bool copy_field(scaling_group& into, const scaling_group& from, std::string_view path)
{
    const auto provider = [&]() -> provider_spec& { return into.provider ? *into.provider : into.provider.emplace(); };
    const auto scaler = [&]() -> scaler_spec& { return into.scaler ? *into.scaler : into.scaler.emplace(); };
    const provider_spec given = from.provider.value_or(provider_spec{});

    if (path == "task_queue_types")
        into.types = from.types;
    else if (path == "region_ids")
        into.regions = from.regions;
    else if (path == "limits")
        into.limits = from.limits;
    else if (path == "provider")
        into.provider = from.provider;
    else if (path == "provider.type")
        provider().type = given.type;
    else if (path == "provider.details")
        provider().details = given.details;
    else if (path == "provider.nexus_endpoint")
        provider().nexus_endpoint = given.nexus_endpoint;
    else if (path == "scaler")
        into.scaler = from.scaler;
    else if (!from.scaler)
        return false;
    else if (path == "scaler.type")
        scaler().type = from.scaler->type;
    else
        scaler().details = from.scaler->details;
    return true;
}

inline void apply_change(scaling_group& into, const std::string& id, const group_change& change, problems& wrong)
{
    for (std::size_t i = 0; i < change.mask.size(); ++i) {
        const std::string& path = change.mask[i];
        const std::string field = "groups." + id + ".mask[" + std::to_string(i) + ']';
        if (std::find(mask_paths.begin(), mask_paths.end(), path) == mask_paths.end()) {
            std::string names;
            for (std::string_view p : mask_paths)
                names += (names.empty() ? "" : ", ") + std::string{p};
            wrong.push_back({field, '"' + path + '"', "unknown; the paths are " + names});
        } else if (!copy_field(into, change.group, path)) {
            wrong.push_back({field, '"' + path + '"', "give the scaler that the path speaks of"});
        }
    }
}

}  // namespace detail

/** Works out what an update makes of what is stored. `stored` is null for a version without a configuration.

    Pure: it neither stores nor asks anybody. Whoever stores the result has to make sure that the record is still the
    one that was given here.
*/
[[nodiscard]] inline update_plan plan_update(
    const compute_record* stored, const compute_update& update, const compute_registry& known)
{
    using outcome = update_plan::verdict;
    const auto refuse = [](outcome why, problems errors) {
        return update_plan{.what = why, .found = {.errors = std::move(errors)}};
    };

    if (stored != nullptr && !update.request_id.empty() &&
        std::find(stored->requests.begin(), stored->requests.end(), update.request_id) != stored->requests.end())
        return {};
    if (update.change.empty() && update.remove.empty())
        return refuse(outcome::failed_precondition, {{"update", "empty", "name groups to change or to remove"}});
    if (!update.conflict_token.empty() && stored == nullptr)
        return refuse(outcome::failed_precondition, {{"conflict_token", '"' + update.conflict_token + '"',
                                                        "leave it out; the version has no configuration yet"}});
    if (!update.conflict_token.empty() && update.conflict_token != stored->conflict_token())
        return refuse(outcome::failed_precondition,
            {{"conflict_token", '"' + update.conflict_token + '"',
                "the configuration was changed in the meantime; read it again and make the change on top of that"}});

    update_plan plan;
    compute_record& next = plan.record;
    if (stored != nullptr)
        next = *stored;
    for (const auto& [id, change] : update.change) {
        const auto at = next.config.groups.find(id);
        if (at == next.config.groups.end())
            next.config.groups.emplace(id, change.group);
        else
            detail::apply_change(at->second, id, change, plan.found.errors);
    }
    for (const std::string& id : update.remove)
        if (next.config.groups.erase(id) == 0)
            plan.found.warnings.push_back({"remove", '"' + id + '"', "there is no such group; nothing was removed"});
    if (!plan.found.errors.empty())
        return refuse(outcome::invalid_argument, std::move(plan.found.errors));

    const compute_config before = stored != nullptr ? stored->config : compute_config{};
    if (next.config == before) {
        plan.record = {};
        return plan;
    }
    if (next.config.groups.empty()) {
        plan.what = outcome::end;
        plan.record = {};
        return plan;
    }

    findings found = check(next.config, known);
    if (!found.errors.empty())
        return refuse(outcome::invalid_argument, std::move(found.errors));
    plan.found.warnings.insert(plan.found.warnings.end(), found.warnings.begin(), found.warnings.end());

    plan.what = stored != nullptr ? outcome::change : outcome::create;
    if (stored != nullptr)
        ++next.revision;
    if (!update.request_id.empty()) {
        next.requests.push_back(update.request_id);
        if (next.requests.size() > compute_record::remembered_requests)
            next.requests.erase(next.requests.begin());
    }
    for (const auto& [id, g] : next.config.groups)
        if (const auto old = before.groups.find(id);
            old != before.groups.end() && effective_scaler(old->second, known) != effective_scaler(g, known))
            plan.reset.push_back(id);
    return plan;
}

}  // namespace mayfly
