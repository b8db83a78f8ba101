// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "body.hpp"
#include "describe.hpp"
#include "page.hpp"
#include "records.hpp"

#include <mayfly/local/function.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// The operations on aliases. Pure.

namespace local_lambda {

namespace detail {

using named_alias = std::pair<const std::string, alias_record>;

[[nodiscard]] inline std::string alias_arn(const account& where, const function_reference& ref, std::string_view name)
{
    return mayfly::local::function_arn(where, ref.name, name);
}

[[nodiscard]] inline reply show_alias(
    const account& where, const function_reference& ref, const named_alias& a, unsigned status)
{
    return {status, describe_alias(a.first, a.second, alias_arn(where, ref, a.first))};
}

[[nodiscard]] inline refusal no_alias(const account& where, const function_reference& ref, std::string_view name)
{
    return not_found("Cannot find alias arn: " + alias_arn(where, ref, name));
}

/// Writes what the body says of an alias into `a`.
[[nodiscard]] inline std::optional<refusal> read_alias(
    const account& where, const function_reference& ref, const function_record& f, body_reader& fields, alias_record& a)
{
    a.version = fields.text("FunctionVersion", 1024).value_or(a.version);
    a.description = fields.text("Description", 256).value_or(a.description);
    if (const json_value* const routing = fields.object("RoutingConfig")) {
        a.weights.clear();
        const json_value* const weights = routing->find("AdditionalVersionWeights");
        for (std::size_t i = 0; weights != nullptr && i < weights->keys.size(); ++i) {
            const json_value& weight = weights->items[i];
            if (!weight.is_number() || weight.number < 0 || weight.number > 1)
                fields.fail(weight, "AdditionalVersionWeights", "Member must have value between 0 and 1");
            a.weights[weights->keys[i]] = weight.number;
        }
    }
    if (fields.problem())
        return fields.problem();
    if (a.weights.size() > 1)
        return invalid_value("The number of AdditionalVersionWeights must be 1 at most");
    if (!a.weights.empty() && a.version == mayfly::local::latest)
        return invalid_value("$LATEST is not supported for an alias pointing to more than 1 version");
    if (f.find(a.version) == nullptr)
        return no_function(where, {ref.name, a.version, ref.account});
    for (const auto& weight : a.weights) {
        if (f.find(weight.first) == nullptr)
            return no_function(where, {ref.name, weight.first, ref.account});
    }
    return std::nullopt;
}

}  // namespace detail

[[nodiscard]] inline answer<reply> create_alias(
    const account& where, const function_reference& ref, function_record& f, std::string_view body)
{
    body_reader fields(body);
    alias_record made;
    const std::string name = fields.text("Name", 128).value_or("");
    if (!fields.problem() && !is_alias_name(name))
        return invalid_field(
            name, "name", "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)");
    if (!fields.problem() && fields.find("FunctionVersion") == nullptr)
        return missing_field("functionVersion");
    if (auto wrong = detail::read_alias(where, ref, f, fields, made))
        return *wrong;
    if (f.aliases.contains(name))
        return refusal{
            409, "ResourceConflictException", "Alias already exists: " + detail::alias_arn(where, ref, name), {}};
    return detail::show_alias(where, ref, *f.aliases.emplace(name, std::move(made)).first, 201);
}

[[nodiscard]] inline answer<reply> get_alias(
    const account& where, const function_reference& ref, const function_record& f, const std::string& name)
{
    const auto at = f.aliases.find(name);
    if (at == f.aliases.end())
        return detail::no_alias(where, ref, name);
    return detail::show_alias(where, ref, *at, 200);
}

[[nodiscard]] inline answer<reply> update_alias(const account& where, const function_reference& ref, function_record& f,
    const std::string& name, std::string_view body)
{
    const auto at = f.aliases.find(name);
    if (at == f.aliases.end())
        return detail::no_alias(where, ref, name);
    body_reader fields(body);
    alias_record next = at->second;
    next.revision = random_uuid();
    const auto revision = fields.text("RevisionId", 100);
    if (auto wrong = detail::read_alias(where, ref, f, fields, next))
        return *wrong;
    if (auto wrong = outdated(revision, at->second.revision))
        return *wrong;
    at->second = std::move(next);
    return detail::show_alias(where, ref, *at, 200);
}

/// An alias that there is not is deleted too.
[[nodiscard]] inline reply delete_alias(function_record& f, const std::string& name)
{
    f.aliases.erase(name);
    f.events.erase(name);
    return {204, {}};
}

[[nodiscard]] inline answer<reply> list_aliases(
    const account& where, const function_reference& ref, const function_record& f, const parameters& query)
{
    named_texts items;
    const auto version = query.get("FunctionVersion");
    for (const auto& [name, a] : f.aliases) {
        if (!version || *version == a.version)
            items.emplace_back(name, describe_alias(name, a, detail::alias_arn(where, ref, name)));
    }
    return page("Aliases", items, query);
}

}  // namespace local_lambda
