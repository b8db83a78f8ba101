// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flag_values.hpp"

#include <mayfly/compute_config.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/settings.hpp>
#include <mayfly/signal.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

/// A scaling group as the flags make it out of one that is there, and which of its fields they speak of.
struct group_from_flags {
    mayfly::scaling_group group{};
    std::vector<std::string> mask{};
};

/// The flags that say how a version's workers come to be, and within which limits.
class compute_flags {
public:
    struct entry {
        std::string_view flag;
        std::string_view shape;  ///< Empty: it has no value.
        std::string_view words;
        std::string_view provider;
        std::string_view detail;  ///< The key that it sets.
    };

    static constexpr std::array<entry, 20> known{{
        {"--aws-lambda-invoke", "ARN", "the function, with the version of it that is to run", "aws-lambda", "arn"},
        {"--aws-lambda-function-arn", "ARN", "the same, with the role's two flags or --aws-lambda-skip-...",
            "aws-lambda", "arn"},
        {"--aws-lambda-assume-role-arn", "ARN", "the role to invoke it as; otherwise as the controller itself",
            "aws-lambda", "role"},
        {"--aws-lambda-assume-role-external-id", "ID", "what the role's trust policy asks for", "aws-lambda",
            "role_external_id"},
        {"--aws-lambda-skip-role-and-external-id", "", "without a role, though the function is named the other way",
            "aws-lambda", ""},
        {"--aws-agentcore-endpoint-arn", "ARN", "for clusters that know this provider", "aws-agentcore",
            "endpoint_arn"},
        {"--aws-agentcore-assume-role-arn", "ARN", "likewise", "aws-agentcore", "role"},
        {"--aws-agentcore-assume-role-external-id", "ID", "likewise", "aws-agentcore", "role_external_id"},
        {"--gcp-cloud-run-project", "NAME", "likewise; the four come together", "gcp-cloud-run", "project"},
        {"--gcp-cloud-run-region", "NAME", "likewise", "gcp-cloud-run", "region"},
        {"--gcp-cloud-run-worker-pool", "NAME", "likewise", "gcp-cloud-run", "worker_pool"},
        {"--gcp-cloud-run-service-account", "NAME", "likewise", "gcp-cloud-run", "service_account"},
        {"--gcp-cloud-run-min-instances", "N", "likewise", "gcp-cloud-run", "min_count"},
        {"--gcp-cloud-run-max-instances", "N", "likewise", "gcp-cloud-run", "max_count"},
        {"--gcp-cloud-run-initial-instances", "N", "likewise", "gcp-cloud-run", "initial_count"},
        {"--gcp-cloud-run-utilization-target", "SHARE", "likewise; above 0, at most 1", "gcp-cloud-run",
            "utilization_target"},
        {"--gcp-cloud-run-scale-down-stabilization-duration", "TIME", "likewise; 90s unless given", "gcp-cloud-run",
            "no_sync_quiet_ms"},
        {"--scaler-min-instances", "N", "workers that are kept while work can reach the version; 0 unless given", "",
            ""},
        {"--scaler-max-instances", "N", "never more than so many at once; no limit unless given", "", ""},
        {"--scaler-type", "NAME", "the algorithm: fleet, no-sync or rate-based; the provider's own unless given", "",
            ""},
    }};

    [[nodiscard]] static const entry* find(std::string_view flag)
    {
        const auto* const at = std::find_if(known.begin(), known.end(), [&](const entry& e) { return e.flag == flag; });
        return at == known.end() ? nullptr : at;
    }

    /// Takes one that `find` found. Says what to do if the value is of no use, else nothing.
    std::string take(const entry& e, std::string_view value)
    {
        std::int64_t whole = 0;
        double share = 0;
        std::string remedy;
        if (e.flag == "--scaler-min-instances")
            return detail::number(min_.emplace(), value, 0U, "give a whole number");
        if (e.flag == "--scaler-max-instances")
            return detail::number(max_.emplace(), value, 1U, "give a whole number from 1");
        if (e.flag == "--scaler-type")
            return scaler_ = value, remedy;
        if (e.flag == "--aws-lambda-skip-role-and-external-id")
            return skip_role_ = true, provider_[std::string(e.provider)], remedy;
        mayfly::settings& details = provider_[std::string(e.provider)];
        if (e.detail.ends_with("_count")) {
            remedy = detail::number(whole, value, std::int64_t{0}, "give a whole number");
            scaling_[std::string(e.detail)] = whole;
        } else if (e.detail == "utilization_target") {
            remedy = detail::number(share, value, 0.0, "give a number above 0, at most 1");
            scaling_[std::string(e.detail)] = share;
        } else if (e.detail == "no_sync_quiet_ms") {
            std::chrono::milliseconds quiet{};
            remedy = detail::duration(quiet, value);
            scaling_[std::string(e.detail)] = std::int64_t{quiet.count()};
        } else {
            const std::string text{value};
            if (const auto before = details.find(e.detail);
                before != details.end() && before->second != mayfly::setting{text})
                return "it is also given as something else; give one of them";
            details[std::string(e.detail)] = text;
            shipped_form_ = shipped_form_ || e.flag == "--aws-lambda-function-arn";
        }
        return remedy;
    }

    [[nodiscard]] bool empty() const
    {
        return provider_.empty() && scaling_.empty() && !min_ && !max_ && scaler_.empty();
    }

    /// What they make of `before`, which is empty for a version without compute configuration.
    [[nodiscard]] mayfly::checked<group_from_flags> apply_to(const mayfly::scaling_group& before) const
    {
        mayfly::problems wrong = contradictions(before);
        if (!wrong.empty())
            return wrong;
        group_from_flags out{before, {}};
        const bool same = !provider_.empty() && before.provider && before.provider->type == provider_.begin()->first;
        if (!provider_.empty()) {
            if (!same)
                out.group.provider = mayfly::provider_spec{.type = provider_.begin()->first};
            mayfly::settings& details = out.group.provider->details;
            if (skip_role_) {
                details.erase("role");
                details.erase("role_external_id");
            }
            for (const auto& [key, value] : provider_.begin()->second)
                details[key] = value;
            wrong = incomplete(*out.group.provider);
            if (same)
                out.mask.emplace_back("provider.details");
            else
                out.mask.insert(out.mask.end(), {"provider", "scaler"});
        }
        if (!provider_.empty() && !same)
            out.group.scaler.reset();
        if (!scaler_.empty() || !scaling_.empty()) {
            mayfly::scaler_spec& scaler = out.group.scaler ? *out.group.scaler : out.group.scaler.emplace();
            if (!scaler_.empty() && scaler.type != scaler_)
                scaler = {.type = scaler_, .details = {}};
            for (const auto& [key, value] : scaling_)
                scaler.details[key] = value;
            if (scaler.type.empty() && !scaling_.empty())
                scaler.type = "rate-based";
            if (std::find(out.mask.begin(), out.mask.end(), "scaler") == out.mask.end())
                out.mask.emplace_back("scaler");
        }
        if (wrong.empty())
            wrong = bound(out);
        if (!wrong.empty())
            return wrong;
        return out;
    }

private:
    /// How many workers there may be, where the one who starts them looks for it.
    [[nodiscard]] mayfly::problems bound(group_from_flags& made) const
    {
        const std::string& type = made.group.provider->type;
        if (type == "gcp-cloud-run")
            return bound_set(made);
        if (type == "aws-agentcore") {
            if (min_ || max_)
                return {{min_ ? "--scaler-min-instances" : "--scaler-max-instances",
                    std::to_string(min_ ? *min_ : *max_),
                    "leave it out: the server's own controller starts workers of aws-agentcore, and keeps no limits"}};
            return no_limits(made), mayfly::problems{};
        }
        if (min_ || max_) {
            made.group.limits.min = min_.value_or(made.group.limits.min);
            made.group.limits.max = max_.value_or(made.group.limits.max);
            made.mask.emplace_back("limits");
        }
        return {};
    }

    /// The algorithm of a set of workers has its bounds among its own details; a server keeps no others.
    [[nodiscard]] mayfly::problems bound_set(group_from_flags& made) const
    {
        const mayfly::scaling_limits before = made.group.limits;
        mayfly::settings bounds;
        if (min_ || before.min != 0)
            bounds["min_count"] = std::int64_t{min_.value_or(before.min)};
        if (max_ || before.max != mayfly::scaling_limits{}.max)
            bounds["max_count"] = std::int64_t{max_.value_or(before.max)};
        for (const bool least : {true, false}) {
            const auto key = least ? "min_count" : "max_count";
            const auto given = scaling_.find(key);
            if (given == scaling_.end())
                continue;
            if ((least ? min_ : max_) && given->second != bounds[key])
                return {{least ? "--scaler-min-instances" : "--scaler-max-instances", mayfly::to_string(bounds[key]),
                    std::string("it is also given as --gcp-cloud-run-") + (least ? "min" : "max") +
                        "-instances; give one of them"}};
            bounds[key] = given->second;
        }
        no_limits(made);
        if (!bounds.empty()) {
            mayfly::scaler_spec& scaler = made.group.scaler ? *made.group.scaler : made.group.scaler.emplace();
            if (scaler.type.empty())
                scaler.type = "rate-based";
            if (bounds.contains("min_count"))  // what it begins with is within the two
                scaler.details.emplace("initial_count", bounds["min_count"]);
            for (const auto& [key, value] : bounds)
                scaler.details[key] = value;
            if (std::find(made.mask.begin(), made.mask.end(), "scaler") == made.mask.end())
                made.mask.emplace_back("scaler");
        }
        return {};
    }

    static void no_limits(group_from_flags& made)
    {
        if (made.group.limits == mayfly::scaling_limits{})
            return;
        made.group.limits = {};
        made.mask.emplace_back("limits");
    }

    [[nodiscard]] mayfly::problems contradictions(const mayfly::scaling_group& before) const
    {
        if (provider_.size() > 1)
            return {{flag_of(*std::next(provider_.begin())), "",
                "a version has one provider, and " + flag_of(*provider_.begin()) + " speaks of another"}};
        if (provider_.empty() && !before.provider)
            return {{"--aws-lambda-invoke", "", "give the function that runs the workers"}};
        if (provider_.empty() || !skip_role_)
            return {};
        const mayfly::settings& details = provider_.begin()->second;
        for (const auto* key : {"role", "role_external_id"})
            if (details.contains(key))
                return {
                    {"--aws-lambda-skip-role-and-external-id", "", "leave it out, or the role and the external id"}};
        return {};
    }

    [[nodiscard]] mayfly::problems incomplete(const mayfly::provider_spec& made) const
    {
        mayfly::problems out;
        const auto need = [&](std::string_view key, const char* why) {
            if (made.details.contains(key))
                return;
            const auto* const e = std::find_if(
                known.begin(), known.end(), [&](const entry& k) { return k.provider == made.type && k.detail == key; });
            out.push_back({std::string(e->flag), "", why});
        };
        if (made.type == "gcp-cloud-run")
            for (const std::string_view key : {"project", "region", "worker_pool", "service_account"})
                need(key, "project, region, worker pool and service account come together");
        if (made.type == "aws-agentcore")
            need("endpoint_arn", "give the endpoint that runs the workers");
        if (made.type != "aws-lambda")
            return out;
        need("arn", "give the function that runs the workers");
        const bool role = made.details.contains("role");
        const bool id = made.details.contains("role_external_id");
        if (role != id || (shipped_form_ && !skip_role_ && !role)) {
            constexpr const char* why =
                "the role and its external id come together; a function that the controller may "
                "invoke itself is given with --aws-lambda-invoke";
            need("role", why);
            need("role_external_id", why);
        }
        return out;
    }

    /// One that was given, for whom it is about.
    [[nodiscard]] std::string flag_of(const std::pair<const std::string, mayfly::settings>& provider) const
    {
        for (const entry& e : known)
            if (e.provider == provider.first && (provider.second.contains(e.detail) || scaling_.contains(e.detail)))
                return std::string(e.flag);
        return "--aws-lambda-skip-role-and-external-id";
    }

    std::map<std::string, mayfly::settings> provider_{};  ///< What is given, by the provider's type.
    mayfly::settings scaling_{};
    std::optional<std::uint32_t> min_{};
    std::optional<std::uint32_t> max_{};
    std::string scaler_{};
    bool skip_role_ = false;
    bool shipped_form_ = false;
};

}  // namespace examples
