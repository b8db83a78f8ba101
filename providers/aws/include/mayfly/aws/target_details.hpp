// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/partition.hpp>
#include <mayfly/compute_registry.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/settings.hpp>

#include <algorithm>
#include <array>
#include <iterator>
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

inline constexpr const char* not_shown = "not shown";

inline void read_role(settings_reader& from, role_details& into, bool required)
{
    if (required) {
        from.required_text("role", into.role);
        from.required_text("role_external_id", into.role_external_id);
    } else {
        from.text("role", into.role);
        from.text("role_external_id", into.role_external_id);
    }
}

inline void read_texts(settings_reader& from, lambda_details& d)
{
    from.required_text("arn", d.arn);
}

inline void read_texts(settings_reader& from, ecs_details& d)
{
    from.required_text("cluster", d.cluster);
    from.required_text("service", d.service);
    const auto cluster = parse_arn(d.cluster);
    if (cluster || d.cluster.empty())
        from.text("region", d.region);
    else
        from.required_text("region", d.region);
    from.require(d.region.empty() || is_region(d.region), {"region"}, "give a region, like eu-west-1");
    from.require(!cluster || d.region.empty() || d.region == cluster->region, {"region", "cluster"},
        "give the cluster's own region, or none");
    if (cluster && d.region.empty())
        d.region = cluster->region;
    const auto service = parse_arn(d.service);
    from.require(
        !service || service->region == d.region, {"service", "cluster"}, "give a service of the cluster's region");
}

/// Others' external ids are nobody else's business. One can stand under a key that was mistyped too.
inline void hide_values(const std::string& where, problems& wrong)
{
    constexpr std::array<std::string_view, 5> shown{"arn", "role", "cluster", "service", "region"};
    for (problem& p : wrong) {
        const auto key = std::string_view{p.field}.substr(where.empty() ? 0 : where.size() + 1);
        if (!p.value.empty() && std::find(shown.begin(), shown.end(), key) == shown.end())
            p.value = not_shown;
    }
}

/// Looks at what the texts say, and gathers what is wrong with it.
class details_check {
public:
    details_check(std::string where, problems& into) : where_{std::move(where)}, into_{&into}
    {
        if (!where_.empty())
            where_ += '.';
    }

    void operator()(const lambda_details& d)
    {
        if (d.arn.empty())
            return;
        const auto function = read_function_arn(d.arn, where_ + "arn");
        append(function.problems());
        role(d, function ? function->partition : std::string{});
    }

    void operator()(const ecs_details& d)
    {
        named(d.cluster, "cluster", "cluster/", "cluster/NAME");
        named(d.service, "service", "service/", "service/CLUSTER/NAME");
        const auto cluster = parse_arn(d.cluster);
        role(d, cluster ? cluster->partition : std::string{});
    }

private:
    void append(problems more) { std::move(more.begin(), more.end(), std::back_inserter(*into_)); }

    void wrong(std::string_view field, std::string value, std::string remedy)
    {
        into_->push_back({where_ + std::string{field}, std::move(value), std::move(remedy)});
    }

    void role(const role_details& d, std::string_view partition)
    {
        if (!d.role.empty()) {
            const auto role = read_role_arn(d.role, where_ + "role");
            append(role.problems());
            if (role && !partition.empty() && role->partition != partition)
                wrong("role", '"' + d.role + '"', "give a role of the partition " + std::string{partition});
        }
        const std::string& id = d.role_external_id;
        const auto fits = [](char c) {
            return is_word(std::string_view{&c, 1}, 1) || std::string_view{"+=,.@:/"}.find(c) != std::string_view::npos;
        };
        if (!id.empty() && (id.size() < 2 || id.size() > 1224 || !std::all_of(id.begin(), id.end(), fits)))
            wrong("role_external_id", not_shown, "give 2 to 1224 letters, digits and _+=,.@:/-");
        if (!id.empty() && d.role.empty())
            wrong("role_external_id", not_shown, "give the role too that asks for it, or remove it");
    }

    void named(const std::string& text, std::string_view field, std::string_view kind, std::string_view form)
    {
        const auto a = parse_arn(text);
        if (!text.empty() &&
            !(a ? a->service == "ecs" && !a->region.empty() && a->resource.starts_with(kind) : is_word(text, 255)))
            wrong(
                field, '"' + text + '"', "give a name, or an ARN like arn:aws:ecs:REGION:ACCOUNT:" + std::string{form});
    }

    std::string where_;
    problems* into_;
};

}  // namespace detail

/// The details of a target, or every problem with them. Field names begin with `where`.
template <class Details>
[[nodiscard]] checked<Details> details_from(
    const settings& from, const std::string& where = {}, bool role_required = false)
{
    Details out{};
    settings_reader reader{from, where};
    detail::read_texts(reader, out);
    detail::read_role(reader, out, role_required);
    problems wrong = reader.finish();
    detail::hide_values(where, wrong);
    detail::details_check{where, wrong}(out);
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
    const auto function = read_function_arn(text != nullptr ? *text : std::string{}, "arn");
    if (!function)
        return {};
    function_id code = *function;
    code_binding binding = code_binding::fixed;
    switch (code.kind()) {
    case qualifier_kind::latest: code.qualifier.clear(); [[fallthrough]];
    case qualifier_kind::none: binding = code_binding::floating; break;
    case qualifier_kind::alias: binding = code_binding::movable; break;
    case qualifier_kind::version: break;
    }
    return {"arn", to_string(code), binding};
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
