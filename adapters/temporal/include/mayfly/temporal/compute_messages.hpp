// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>

#include <mayfly/compute_config.hpp>
#include <mayfly/compute_update.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/settings.hpp>
#include <mayfly/temporal/detail/json_settings.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

// Compute configurations between Temporal's messages and core's values, which are what is checked and changed.

namespace mayfly::temporal {

[[nodiscard]] constexpr task_type to_task_type(api::enums::TaskQueueType t) noexcept
{
    switch (t) {
    case api::enums::TASK_QUEUE_TYPE_WORKFLOW: return task_type::workflow;
    case api::enums::TASK_QUEUE_TYPE_ACTIVITY: return task_type::activity;
    case api::enums::TASK_QUEUE_TYPE_NEXUS: return task_type::nexus;
    case api::enums::TASK_QUEUE_TYPE_UNSPECIFIED: break;
    }
    return unspecified_task_type;
}

[[nodiscard]] constexpr api::enums::TaskQueueType to_message(task_type t) noexcept
{
    switch (t) {
    case task_type::workflow: return api::enums::TASK_QUEUE_TYPE_WORKFLOW;
    case task_type::activity: return api::enums::TASK_QUEUE_TYPE_ACTIVITY;
    case task_type::nexus: return api::enums::TASK_QUEUE_TYPE_NEXUS;
    }
    return api::enums::TASK_QUEUE_TYPE_UNSPECIFIED;
}

[[nodiscard]] inline api::deployment::WorkerDeploymentVersion to_message(const deployment_version& v)
{
    api::deployment::WorkerDeploymentVersion out;
    out.set_deployment_name(v.deployment);
    out.set_build_id(v.build_id);
    return out;
}

/// Details as they are carried: a JSON object of simple values. None at all are none.
[[nodiscard]] inline checked<settings> read_details(const api::common::Payload& from, const std::string& field)
{
    if (from.data().empty())
        return settings{};
    if (const auto at = from.metadata().find("encoding"); at != from.metadata().end() && at->second != "json/plain")
        return problems{{field, "of encoding \"" + at->second + '"', "give json/plain"}};
    boost::system::error_code wrong;
    const boost::json::value value = boost::json::parse(from.data(), wrong);
    if (wrong || !value.is_object())
        return problems{{field, "", "give a JSON object, like {\"arn\": \"...\"}"}};

    settings out;
    problems not_simple;
    for (const auto& member : value.get_object()) {
        const std::string key{member.key()};
        setting& s = out[key];
        if (auto simple = detail::setting_of(member.value()))
            s = *std::move(simple);
        else
            not_simple.push_back({field + '.' + key, "", detail::simple_value_wanted});
    }
    if (!not_simple.empty())
        return not_simple;
    return out;
}

[[nodiscard]] inline api::common::Payload to_message(const settings& details)
{
    api::common::Payload payload;
    (*payload.mutable_metadata())["encoding"] = "json/plain";
    payload.set_data(boost::json::serialize(detail::json_of(details)));
    return payload;
}

[[nodiscard]] inline checked<scaling_group> read_group(
    const api::compute::ComputeConfigScalingGroup& from, const std::string& field)
{
    scaling_group out;
    problems wrong;
    const auto details = [&](const api::common::Payload& payload, const char* of, settings& into) {
        checked<settings> read = read_details(payload, field + '.' + of + ".details");
        if (read)
            into = *std::move(read);
        for (problem& p : read.problems())
            wrong.push_back(std::move(p));
    };
    for (const int type : from.task_queue_types())
        out.types.push_back(to_task_type(static_cast<api::enums::TaskQueueType>(type)));
    out.regions.assign(from.region_ids().begin(), from.region_ids().end());
    if (from.has_provider()) {
        provider_spec& p = out.provider.emplace();
        p.type = from.provider().type();
        p.nexus_endpoint = from.provider().nexus_endpoint();
        details(from.provider().details(), "provider", p.details);
    }
    if (from.has_scaler()) {
        scaler_spec& s = out.scaler.emplace();
        s.type = from.scaler().type();
        details(from.scaler().details(), "scaler", s.details);
    }
    if (!wrong.empty())
        return wrong;
    return out;
}

[[nodiscard]] inline api::compute::ComputeConfigScalingGroup to_message(const scaling_group& group)
{
    api::compute::ComputeConfigScalingGroup out;
    for (const task_type t : group.types)
        out.add_task_queue_types(to_message(t));
    for (const std::string& region : group.regions)
        out.add_region_ids(region);
    if (group.provider) {
        out.mutable_provider()->set_type(group.provider->type);
        if (!group.provider->details.empty())
            *out.mutable_provider()->mutable_details() = to_message(group.provider->details);
        if (!group.provider->nexus_endpoint.empty())
            out.mutable_provider()->set_nexus_endpoint(group.provider->nexus_endpoint);
    }
    if (group.scaler) {
        out.mutable_scaler()->set_type(group.scaler->type);
        if (!group.scaler->details.empty())
            *out.mutable_scaler()->mutable_details() = to_message(group.scaler->details);
    }
    return out;
}

[[nodiscard]] inline api::compute::ComputeConfig to_message(const compute_config& config)
{
    api::compute::ComputeConfig out;
    for (const auto& [id, group] : config.groups)
        (*out.mutable_scaling_groups())[id] = to_message(group);
    return out;
}

/// A whole configuration, as the change that makes it.
[[nodiscard]] inline checked<compute_update> read_update(const api::compute::ComputeConfig& from)
{
    compute_update out;
    problems wrong;
    for (const auto& [id, message] : from.scaling_groups()) {
        checked<scaling_group> group = read_group(message, "groups." + id);
        if (group)
            out.change[id].group = *std::move(group);
        for (problem& p : group.problems())
            wrong.push_back(std::move(p));
    }
    if (!wrong.empty())
        return wrong;
    return out;
}

/// For both of the requests that hold changes.
template <class Request>
[[nodiscard]] checked<compute_update> read_update(const Request& from)
{
    compute_update out;
    problems wrong;
    for (const auto& [id, message] : from.compute_config_scaling_groups()) {
        checked<scaling_group> group = read_group(message.scaling_group(), "groups." + id);
        if (group)
            out.change[id] = {
                *std::move(group), {message.update_mask().paths().begin(), message.update_mask().paths().end()}};
        for (problem& p : group.problems())
            wrong.push_back(std::move(p));
    }
    out.remove.assign(
        from.remove_compute_config_scaling_groups().begin(), from.remove_compute_config_scaling_groups().end());
    if (!wrong.empty())
        return wrong;
    return out;
}

}  // namespace mayfly::temporal
