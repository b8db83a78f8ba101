// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_config.hpp>
#include <mayfly/compute_update.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/detail/json_settings.hpp>
#include <mayfly/temporal/detail/stored_json.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

// What mayfly keeps in a version's metadata, between JSON and values. Pure.

namespace mayfly::temporal {

/** `mayfly.compute`: the configuration. All but `groups` may be left out.

    {"groups": {"default": {"task_types": ["activity"], "regions": ["aws-us-east-1"],
                            "provider": {"type": "aws-lambda", "details": {"arn": "..."}, "nexus_endpoint": "..."},
                            "scaler": {"type": "fleet", "details": {}}, "limits": {"min": 0, "max": 5}}},
     "revision": 1, "requests": ["id of the last change"]}
*/
inline constexpr std::string_view compute_key = "mayfly.compute";
/// {"error": "", "checked": "2026-01-02T03:04:05Z", "by": "identity"}
inline constexpr std::string_view validation_key = "mayfly.validation";
/// {"name": "mayfly-controller", "identity": "...", "since": "2026-01-02T03:04:05Z"}
inline constexpr std::string_view controller_key = "mayfly.controller";

/// More is neither written nor read.
inline constexpr std::size_t largest_stored_compute = std::size_t{256} * 1024;

/// A text of JSON as metadata carries it.
[[nodiscard]] inline api::common::Payload json_payload(std::string text)
{
    api::common::Payload out;
    (*out.mutable_metadata())["encoding"] = "json/plain";
    out.set_data(std::move(text));
    return out;
}

/// The configuration as metadata has it, on one line.
[[nodiscard]] inline std::string write_compute(const compute_record& record)
{
    namespace json = boost::json;
    json::object groups;
    const auto texts = [](const auto& from) {
        json::array out;
        for (const auto& t : from)
            out.emplace_back(t);
        return out;
    };
    for (const auto& [id, g] : record.config.groups) {
        json::object group;
        if (!g.types.empty()) {
            auto& types = group["task_types"].emplace_array();
            for (const task_type t : g.types)
                types.emplace_back(std::string(to_string(t)));
        }
        if (!g.regions.empty())
            group["regions"] = texts(g.regions);
        if (g.provider) {
            auto& p = group["provider"].emplace_object();
            p["type"] = g.provider->type;
            if (!g.provider->details.empty())
                p["details"] = detail::json_of(g.provider->details);
            if (!g.provider->nexus_endpoint.empty())
                p["nexus_endpoint"] = g.provider->nexus_endpoint;
        }
        if (g.scaler) {
            auto& s = group["scaler"].emplace_object();
            s["type"] = g.scaler->type;
            if (!g.scaler->details.empty())
                s["details"] = detail::json_of(g.scaler->details);
        }
        if (g.limits != scaling_limits{}) {
            auto& l = group["limits"].emplace_object();
            l["min"] = g.limits.min;
            if (g.limits.max != std::numeric_limits<std::uint32_t>::max())
                l["max"] = g.limits.max;
        }
        groups[id] = std::move(group);
    }
    json::object out;
    out["groups"] = std::move(groups);
    out["revision"] = record.revision;
    if (!record.requests.empty())
        out["requests"] = texts(record.requests);
    return json::serialize(out);
}

namespace detail {

[[nodiscard]] inline scaling_group read_stored_group(
    const boost::json::object& from, const std::string& at, stored_reader& r)
{
    scaling_group out;
    r.only(from, at, {"task_types", "regions", "provider", "scaler", "limits"});
    if (const auto* types = r.array(from, "task_types", at))
        for (std::size_t i = 0; i < types->size(); ++i) {
            std::string name;
            const std::string field = at + ".task_types[" + std::to_string(i) + ']';
            const auto known = all_task_types;
            r.text((*types)[i], field, name);
            const auto type =
                std::find_if(known.begin(), known.end(), [&](task_type t) { return to_string(t) == name; });
            if (type != known.end())
                out.types.push_back(*type);
            else if ((*types)[i].is_string())
                r.complain(field, "give workflow, activity or nexus");
        }
    if (const auto* regions = r.array(from, "regions", at))
        for (std::size_t i = 0; i < regions->size(); ++i)
            r.text((*regions)[i], at + ".regions[" + std::to_string(i) + ']', out.regions.emplace_back());
    if (const auto* p = r.object(from, "provider", at)) {
        const std::string field = at + ".provider";
        provider_spec& into = out.provider.emplace();
        r.only(*p, field, {"type", "details", "nexus_endpoint"});
        r.text(*p, "type", field, into.type);
        r.text(*p, "nexus_endpoint", field, into.nexus_endpoint);
        r.details(*p, field, into.details);
    }
    if (const auto* s = r.object(from, "scaler", at)) {
        const std::string field = at + ".scaler";
        scaler_spec& into = out.scaler.emplace();
        r.only(*s, field, {"type", "details"});
        r.text(*s, "type", field, into.type);
        r.details(*s, field, into.details);
    }
    if (const auto* l = r.object(from, "limits", at)) {
        const std::string field = at + ".limits";
        r.only(*l, field, {"min", "max"});
        r.whole(*l, "min", field, out.limits.min);
        r.whole(*l, "max", field, out.limits.max);
    }
    return out;
}

}  // namespace detail

/// Reads it. Each problem names its field and shows nothing of what stands there, which may be a secret. A key that is
/// not known is a problem: to pass over a limit would be to start what nobody wants.
[[nodiscard]] inline checked<compute_record> read_compute(std::string_view text)
{
    const std::string key{compute_key};
    const auto object = detail::stored_object(text, key, largest_stored_compute);
    if (!object)
        return object.problems();
    compute_record out;
    problems wrong;
    detail::stored_reader r(wrong);
    r.only(*object, key, {"groups", "revision", "requests"});
    r.whole(*object, "revision", key, out.revision);
    if (const auto* requests = r.array(*object, "requests", key))
        for (std::size_t i = 0; i < requests->size(); ++i)
            r.text((*requests)[i], key + ".requests[" + std::to_string(i) + ']', out.requests.emplace_back());
    if (const auto* groups = r.object(*object, "groups", key))
        for (const auto& member : *groups) {
            const std::string_view id{member.key().data(), member.key().size()};
            const std::string field = "groups." + detail::shown_name(id);
            if (const auto* group = member.value().if_object())
                out.config.groups.emplace(id, detail::read_stored_group(*group, field, r));
            else
                r.complain(field, "give an object, with at least a provider");
        }
    if (!object->contains("groups"))
        r.complain(key + ".groups", "give at least one scaling group, like {\"default\": {\"provider\": {...}}}");
    if (out.requests.size() > compute_record::remembered_requests)
        out.requests.erase(
            out.requests.begin(), out.requests.end() - std::ptrdiff_t{compute_record::remembered_requests});
    if (!wrong.empty())
        return wrong;
    return out;
}

[[nodiscard]] inline std::string write_validation(const validation_record& record)
{
    boost::json::object out;
    out["error"] = record.error;
    out["checked"] = detail::stored_time(record.checked);
    out["by"] = record.by;
    return boost::json::serialize(out);
}

[[nodiscard]] inline checked<validation_record> read_validation(std::string_view text)
{
    const std::string key{validation_key};
    const auto object = detail::stored_object(text, key, largest_stored_compute);
    if (!object)
        return object.problems();
    validation_record out;
    problems wrong;
    detail::stored_reader r(wrong);
    r.text(*object, "error", key, out.error);
    r.time(*object, "checked", key, out.checked);
    r.text(*object, "by", key, out.by);
    if (!wrong.empty())
        return wrong;
    return out;
}

[[nodiscard]] inline std::string write_controller(const controller_record& record)
{
    boost::json::object out;
    out["name"] = record.name;
    out["identity"] = record.identity;
    out["since"] = detail::stored_time(record.since);
    return boost::json::serialize(out);
}

[[nodiscard]] inline checked<controller_record> read_controller(std::string_view text)
{
    const std::string key{controller_key};
    const auto object = detail::stored_object(text, key, largest_stored_compute);
    if (!object)
        return object.problems();
    controller_record out;
    problems wrong;
    detail::stored_reader r(wrong);
    r.text(*object, "name", key, out.name);
    r.text(*object, "identity", key, out.identity);
    r.time(*object, "since", key, out.since);
    if (!wrong.empty())
        return wrong;
    return out;
}

/// The same problems without what may be a secret: of a provider's details only what names something is shown.
[[nodiscard]] inline problems without_secrets(problems all)
{
    static constexpr std::array<std::string_view, 15> names{"arn", "role", "cluster", "service", "region", "project",
        "worker_pool", "service_account", "namespace", "deployment", "context", "endpoint_arn", "function", "command",
        "endpoint"};
    static constexpr std::string_view details = ".provider.details.";
    for (problem& p : all) {
        const auto at = p.field.find(details);
        if (at == std::string::npos)
            continue;
        const std::string_view key = std::string_view(p.field).substr(at + details.size());
        if (std::find(names.begin(), names.end(), key) == names.end())
            p.value.clear();
    }
    return all;
}

}  // namespace mayfly::temporal
