// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_settings.hpp"
#include "controller_status.hpp"

#include <mayfly/aws/target_details.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/compute_registry.hpp>
#include <mayfly/controller.hpp>
#include <mayfly/scalers/clamped.hpp>
#include <mayfly/scalers/fleet_settings.hpp>
#include <mayfly/scalers/reference_kinds.hpp>
#include <mayfly/version_spec.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// What a compute configuration comes to: from names and settings to a policy and a target that a controller is given.

namespace examples {

/// One of several algorithms, as the group's configuration says. They remember different things.
struct chosen_scaler {
    using reference = mayfly::clamped<mayfly::no_sync>;
    static constexpr bool keeps_minimum = true;

    std::variant<mayfly::fleet, reference> is{};

    using state = std::variant<mayfly::fleet::state, reference::state>;

    [[nodiscard]] mayfly::decision decide(
        state& st, const mayfly::scaling_signal& sig, mayfly::uptime now) const noexcept
    {
        if (const auto* const f = std::get_if<mayfly::fleet>(&is))
            return f->decide(remembered<mayfly::fleet::state>(st), sig, now);
        return std::get_if<reference>(&is)->decide(remembered<reference::state>(st), sig, now);
    }

private:
    template <class State>
    static State& remembered(state& st) noexcept
    {
        State* const it = std::get_if<State>(&st);
        return it != nullptr ? *it : st.emplace<State>();
    }
};

static_assert(mayfly::Scaler<chosen_scaler, mayfly::scaling_signal>);

/// What a configuration may name for this controller to act on it.
[[nodiscard]] inline mayfly::compute_registry controller_compute(const controller_settings& s)
{
    static constexpr std::array<mayfly::scaler_kind, 2> scalers{mayfly::fleet_kind, mayfly::reference_scaler_kinds[0]};
    const auto& providers = s.aws.role_required ? mayfly::aws::provider_kinds_with_role : mayfly::aws::provider_kinds;
    return {.providers = {providers.data(), 1},  // functions; not sets of tasks
        .scalers = scalers,
        .default_invoke_scaler = s.scaler == "fleet" ? std::string_view("fleet") : std::string_view("no-sync")};
}

[[nodiscard]] inline std::string scaler_name(const mayfly::scaling_group& g, const controller_settings& s)
{
    return std::string(mayfly::effective_scaler(g, controller_compute(s)));
}

[[nodiscard]] inline limits_status limits_of(const mayfly::scaling_group& g)
{
    const bool bounded = g.limits.max != mayfly::scaling_limits{}.max;
    return {g.limits.min, bounded ? std::optional(g.limits.max) : std::nullopt};
}

/// Whether the same workers are started for the same tasks, however many.
[[nodiscard]] inline bool start_alike(const mayfly::compute_config& a, const mayfly::compute_config& b)
{
    return std::equal(
        a.groups.begin(), a.groups.end(), b.groups.begin(), b.groups.end(), [](const auto& x, const auto& y) {
            return x.first == y.first && x.second.provider == y.second.provider && x.second.types == y.second.types;
        });
}

/// The algorithm of a group, whose configuration was checked.
[[nodiscard]] inline chosen_scaler scaler_of(const mayfly::scaling_group& g, const controller_settings& s)
{
    const mayfly::settings none;
    const mayfly::settings& own = g.scaler ? g.scaler->details : none;
    if (scaler_name(g, s) == "no-sync") {
        const auto read = mayfly::from_settings<mayfly::no_sync>(own);
        return {chosen_scaler::reference{.inner = read ? *read : mayfly::no_sync{}}};
    }
    const auto read = fleet_from(s.fleet_defaults, own, {});
    return {read ? *read : mayfly::fleet{}};
}

/// `useful_life` is how long one of its workers polls.
[[nodiscard]] inline std::shared_ptr<const mayfly::group_policy<chosen_scaler>> policy_of(
    const mayfly::scaling_group& g, const controller_settings& s, mayfly::uptime useful_life)
{
    auto out = std::make_shared<mayfly::group_policy<chosen_scaler>>();
    out->scaler = scaler_of(g, s);
    out->limits = g.limits;
    out->workers.useful_life = useful_life;
    if (const auto* const f = std::get_if<mayfly::fleet>(&out->scaler.is))
        out->orders.idle_exit = f->idle_exit;  // of a first worker, about which no scaler is asked
    else
        out->tries = 2;
    return out;
}

/// Whom a group starts. By the function's name a restarted controller recognises workers that it does not know.
[[nodiscard]] inline std::shared_ptr<const mayfly::launch_target> target_of(
    const mayfly::deployment_version& version, const std::string& group, const mayfly::provider_spec& provider)
{
    auto out = std::make_shared<mayfly::launch_target>();
    out->version = version;
    out->group = group;
    out->details = provider.details;
    if (const auto arn = provider.details.find("arn"); arn != provider.details.end())
        if (const auto* const text = std::get_if<std::string>(&arn->second))
            out->function = *text;
    return out;
}

}  // namespace examples
