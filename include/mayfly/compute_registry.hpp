// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/settings.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

// Which providers and scalers a host program has, as plain tables. Specifications are checked against them.

namespace mayfly {

/// Finds what is wrong with the details of a provider or scaler. Field names of problems begin with the second
/// argument.
using details_check = problems(const settings&, const std::string&);

/// How firmly a provider's details name the code that will run.
enum class code_binding : std::uint8_t {
    fixed,     ///< One published state of it, for ever.
    floating,  ///< Whatever is deployed last: no version is named, or "the latest".
    movable,   ///< A name that somebody can point at something else.
};

/// The code behind a scaling group, in the provider's own words.
struct code_reference {
    std::string field{};  ///< The key of the details that names it, like `arn`.
    std::string code{};   ///< Its name; the same name is the same code. Empty: cannot be told.
    code_binding binding = code_binding::fixed;
};

/// A way to put workers into the world, as far as a specification needs to know it.
struct provider_kind {
    std::string_view type;
    launch_strategy strategy = launch_strategy::invoke;
    bool enabled = true;
    bool remote = false;                                    ///< Reached through a Nexus endpoint.
    details_check* check = nullptr;                         ///< Null: any details will do.
    code_reference (*classify)(const settings&) = nullptr;  ///< Null: nothing is known about code.
};

/// An algorithm, as far as a specification needs to know it.
struct scaler_kind {
    std::string_view type;
    launch_strategy strategy = launch_strategy::invoke;
    bool enabled = true;
    details_check* check = nullptr;  ///< Null: any details will do.
};

/// The tables of a host program, which outlive this view of them.
struct compute_registry {
    std::span<const provider_kind> providers{};
    std::span<const scaler_kind> scalers{};
    std::string_view default_invoke_scaler = "no-sync";         ///< For a group that names none.
    std::string_view default_worker_set_scaler = "rate-based";  ///< Likewise, if its provider resizes a set.

    [[nodiscard]] const provider_kind* provider(std::string_view type) const noexcept { return find(providers, type); }
    [[nodiscard]] const scaler_kind* scaler(std::string_view type) const noexcept { return find(scalers, type); }
    [[nodiscard]] std::string_view default_scaler(launch_strategy s) const noexcept
    {
        return s == launch_strategy::invoke ? default_invoke_scaler : default_worker_set_scaler;
    }

private:
    template <class Kind>
    [[nodiscard]] static const Kind* find(std::span<const Kind> kinds, std::string_view type) noexcept
    {
        const auto at = std::find_if(kinds.begin(), kinds.end(), [type](const Kind& k) { return k.type == type; });
        return at == kinds.end() ? nullptr : &*at;
    }
};

}  // namespace mayfly
