// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "body.hpp"
#include "describe.hpp"
#include "page.hpp"
#include "records.hpp"

#include <mayfly/local/function.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// The operations on event invoke configurations: how events are treated, by qualifier. Pure.

namespace local_lambda {

namespace detail {

[[nodiscard]] inline std::string event_arn(
    const account& where, const function_reference& ref, std::string_view qualifier)
{
    return mayfly::local::function_arn(where, ref.name, qualifier);
}

[[nodiscard]] inline refusal no_events(const account& where, const function_reference& ref)
{
    return not_found("The function " + event_arn(where, ref, qualifier_of(ref)) + " doesn't have an EventInvokeConfig");
}

[[nodiscard]] inline std::string destinations_text(const json_value& given)
{
    std::string out;
    json_writer json(out);
    json.begin_object();
    for (const char* const outcome : {"OnSuccess", "OnFailure"}) {
        const json_value* const one = given.find(outcome);
        const json_value* const arn = one == nullptr ? nullptr : one->find("Destination");
        json.key(outcome).begin_object();
        if (arn != nullptr && arn->is_string())
            json.member("Destination", arn->text);
        json.end_object();
    }
    json.end_object();
    return out;
}

}  // namespace detail

/// How events are treated that come through this qualifier; nothing if nobody has said.
[[nodiscard]] inline std::optional<mayfly::local::event_rules> event_rules(
    const function_record& f, const function_reference& ref)
{
    const auto at = f.events.find(qualifier_of(ref));
    if (at == f.events.end())
        return std::nullopt;
    mayfly::local::event_rules out;
    out.retries = at->second.retries.value_or(out.retries);
    if (at->second.age_seconds)
        out.age = std::chrono::seconds(*at->second.age_seconds);
    return out;
}

/// Put, or with `keep_the_rest` Update.
[[nodiscard]] inline answer<reply> set_events(const account& where, const function_reference& ref, function_record& f,
    std::string_view body, mayfly::wall_time now, bool keep_the_rest)
{
    const auto before = f.events.find(qualifier_of(ref));
    if (!f.version_of(ref.qualifier, 1))
        return no_function(where, ref);
    if (keep_the_rest && before == f.events.end())
        return detail::no_events(where, ref);
    event_record next = keep_the_rest ? before->second : event_record{};
    next.modified = now;

    body_reader fields(body);
    if (const auto retries = fields.integer("MaximumRetryAttempts", 0, 2))
        next.retries = static_cast<std::uint32_t>(*retries);
    if (const auto age = fields.integer("MaximumEventAgeInSeconds", 60, 21'600))
        next.age_seconds = age;
    if (const json_value* const destinations = fields.object("DestinationConfig"))
        next.destinations = detail::destinations_text(*destinations);
    if (fields.problem())
        return *fields.problem();
    if (!fields.find("MaximumRetryAttempts") && !fields.find("MaximumEventAgeInSeconds") &&
        !fields.find("DestinationConfig"))
        return invalid_value("You must specify at least one of error handling or destination setting.");
    const auto& [qualifier, kept] = *f.events.insert_or_assign(qualifier_of(ref), std::move(next)).first;
    return reply{200, describe_events(kept, detail::event_arn(where, ref, qualifier))};
}

[[nodiscard]] inline answer<reply> get_events(
    const account& where, const function_reference& ref, const function_record& f)
{
    if (!f.version_of(ref.qualifier, 1))
        return no_function(where, ref);
    const auto at = f.events.find(qualifier_of(ref));
    if (at == f.events.end())
        return detail::no_events(where, ref);
    return reply{200, describe_events(at->second, detail::event_arn(where, ref, at->first))};
}

[[nodiscard]] inline answer<reply> delete_events(
    const account& where, const function_reference& ref, function_record& f)
{
    if (f.events.erase(qualifier_of(ref)) == 0)
        return detail::no_events(where, ref);
    return reply{204, {}};
}

[[nodiscard]] inline answer<reply> list_events(
    const account& where, const function_reference& ref, const function_record& f, const parameters& query)
{
    named_texts items;
    for (const auto& [qualifier, e] : f.events)
        items.emplace_back(qualifier, describe_events(e, detail::event_arn(where, ref, qualifier)));
    return page("FunctionEventInvokeConfigs", items, query);
}

}  // namespace local_lambda
