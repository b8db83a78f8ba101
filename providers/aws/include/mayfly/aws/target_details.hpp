// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/arn.hpp>
#include <mayfly/compute_registry.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/settings.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// What a scaling group says about the function or the set of tasks that runs its workers, and about how to get there.

namespace mayfly::aws {

/// The role that a call is made as. Empty: as oneself.
struct role_details {
    std::string role{};              ///< `arn:aws:iam::123456789012:role/name`
    std::string role_external_id{};  ///< What the role's owner agreed on with us; their trust policy asks for it.

    friend bool operator==(const role_details&, const role_details&) = default;
};

struct lambda_details : role_details {
    std::string arn{};  ///< The function, with the published version or alias to invoke.

    friend bool operator==(const lambda_details&, const lambda_details&) = default;
};

struct ecs_details : role_details {
    std::string cluster{};  ///< Name or ARN.
    std::string service{};  ///< Name or ARN.
    std::string region{};   ///< That of the cluster's ARN; required if that is a name.

    friend bool operator==(const ecs_details&, const ecs_details&) = default;
};

namespace detail {

inline void read_role(settings_reader& from, role_details& into, bool required)
{
    if (required) {
        from.required_text("role", into.role);
        from.required_text("role_external_id", into.role_external_id);
    } else {
        from.text("role", into.role);
        from.text("role_external_id", into.role_external_id);
    }
    from.require(into.role.empty() || is_role_arn(into.role), {"role"},
        "give the ARN of a role, like arn:aws:iam::123456789012:role/name");
}

/// What the reader cannot tell without showing an external id, which is nobody else's business.
inline void check_external_id(
    const role_details& d, const settings& from, const std::string& where, mayfly::problems& into)
{
    const std::string& id = d.role_external_id;
    const auto wrong = [&](std::string remedy) {
        into.push_back({(where.empty() ? "" : where + '.') + "role_external_id", "not shown", std::move(remedy)});
    };
    const auto fits = [](char c) {
        return is_name(c) || std::string_view{"+=,.@:/"}.find(c) != std::string_view::npos;
    };
    if (!id.empty() && (id.size() < 2 || id.size() > 1224 || !only(id, fits)))
        wrong("give 2 to 1224 letters, digits and _+=,.@:/-");
    if (!id.empty() && !from.contains("role"))
        wrong("give the role too that asks for it, or remove it");
}

[[nodiscard]] inline std::string_view partition_of(std::string_view text) noexcept
{
    const auto a = parse_arn(text);
    return a ? a->partition : std::string_view{};
}

/// Whether two ARNs can belong together. What is no ARN fits any.
[[nodiscard]] inline bool same_partition(std::string_view a, std::string_view b) noexcept
{
    const auto first = partition_of(a);
    const auto second = partition_of(b);
    return first.empty() || second.empty() || first == second;
}

inline void read_details(settings_reader& from, lambda_details& d, bool role_required)
{
    from.required_text("arn", d.arn);
    from.require(parse_function_arn(d.arn).has_value(), {"arn"},
        "give the ARN of a function, like arn:aws:lambda:eu-west-1:123456789012:function:name:7");
    read_role(from, d, role_required);
    from.require(same_partition(d.role, d.arn), {"role", "arn"}, "give a role of the function's partition");
}

inline void read_details(settings_reader& from, ecs_details& d, bool role_required)
{
    from.required_text("cluster", d.cluster);
    from.required_text("service", d.service);
    const auto cluster = parse_arn(d.cluster);
    if (cluster || d.cluster.empty())
        from.text("region", d.region);
    else
        from.required_text("region", d.region);
    const auto named = [](std::string_view text, std::string_view kind) {
        const auto a = parse_arn(text);
        return a ? a->service == "ecs" && is_region(a->region) && a->resource.starts_with(kind)
                 : !text.empty() && text.size() <= 255 && only(text, is_name);
    };
    from.require(named(d.cluster, "cluster/"), {"cluster"},
        "give a cluster's name or its ARN, like arn:aws:ecs:eu-west-1:123456789012:cluster/name");
    from.require(named(d.service, "service/"), {"service"},
        "give a service's name or its ARN, like arn:aws:ecs:eu-west-1:123456789012:service/cluster/name");
    from.require(d.region.empty() || is_region(d.region), {"region"}, "give a region, like eu-west-1");
    from.require(!cluster || d.region.empty() || d.region == cluster->region, {"region", "cluster"},
        "give the cluster's own region, or none");
    if (cluster && d.region.empty())
        d.region = cluster->region;
    const auto service = parse_arn(d.service);
    from.require(
        !service || service->region == d.region, {"service", "cluster"}, "give a service of the cluster's region");
    read_role(from, d, role_required);
    from.require(same_partition(d.role, d.cluster), {"role", "cluster"}, "give a role of the cluster's partition");
}

}  // namespace detail

/// The details of a target, or every problem with them. Field names begin with `where`.
template <class Details>
[[nodiscard]] checked<Details> details_from(
    const settings& from, const std::string& where = {}, bool role_required = false)
{
    Details out{};
    settings_reader reader{from, where};
    detail::read_details(reader, out, role_required);
    mayfly::problems wrong = reader.finish();
    detail::check_external_id(out, from, where, wrong);
    if (!wrong.empty())
        return wrong;
    return out;
}

template <class Details, bool role_required>
[[nodiscard]] problems check_details(const settings& from, const std::string& where)
{
    return details_from<Details>(from, where, role_required).problems();
}

/// Which code a function's ARN stands for. The unqualified one and `$LATEST` are the same.
[[nodiscard]] inline code_reference classify_lambda(const settings& details)
{
    const auto at = details.find("arn");
    const auto* const text = at == details.end() ? nullptr : std::get_if<std::string>(&at->second);
    const auto function = text != nullptr ? parse_function_arn(*text) : std::nullopt;
    if (!function)
        return {};
    std::string code = *text;
    code_binding binding = code_binding::fixed;
    switch (kind_of_qualifier(function->qualifier)) {
    case qualifier_kind::latest: code.resize(code.size() - function->qualifier.size() - 1); [[fallthrough]];
    case qualifier_kind::none: binding = code_binding::floating; break;
    case qualifier_kind::alias: binding = code_binding::movable; break;
    case qualifier_kind::version: break;
    }
    return {"arn", std::move(code), binding};
}

/// For the registry of a host program, whose own identity may invoke functions and resize services.
inline constexpr std::array<provider_kind, 2> provider_kinds{{
    {.type = "aws-lambda", .check = &check_details<lambda_details, false>, .classify = &classify_lambda},
    {.type = "aws-ecs", .strategy = launch_strategy::worker_set, .check = &check_details<ecs_details, false>},
}};

/// For a host that serves others: each target names a role and the external id that its owner asks for.
inline constexpr std::array<provider_kind, 2> provider_kinds_with_role{{
    {.type = "aws-lambda", .check = &check_details<lambda_details, true>, .classify = &classify_lambda},
    {.type = "aws-ecs", .strategy = launch_strategy::worker_set, .check = &check_details<ecs_details, true>},
}};

}  // namespace mayfly::aws
