// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "body.hpp"
#include "describe.hpp"
#include "page.hpp"
#include "records.hpp"

#include <mayfly/local/platform.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// The operations on functions, their versions and their concurrency. What a version runs with is kept by the platform
// alone.

namespace local_lambda {

using mayfly::local::platform;

/// `FunctionConfiguration` of one version, with an ARN of that qualifier.
[[nodiscard]] inline std::string configuration(const platform& on, const std::string& name, const std::string& version,
    const version_record& v, std::string_view qualifier)
{
    const mayfly::local::function_settings* const f = on.find(name, version);
    return f == nullptr ? "{}" : describe_function(*f, v, on.arn(name, qualifier), on.options().where);
}

/// The body of the operations on reserved concurrency.
[[nodiscard]] inline std::string concurrency_text(const platform& on, const std::string& name)
{
    std::string out;
    json_writer json(out);
    json.begin_object();
    if (const auto reserved = on.reserved(name))
        json.member("ReservedConcurrentExecutions", *reserved);
    json.end_object();
    return out;
}

[[nodiscard]] inline answer<reply> get_configuration(
    const platform& on, const function_reference& ref, const function_record& f)
{
    const auto version = f.version_of(ref.qualifier, 1);
    if (!version)
        return no_function(on.options().where, ref);
    return reply{200, configuration(on, ref.name, *version, *f.find(*version), ref.qualifier)};
}

[[nodiscard]] inline answer<reply> get_function(
    const platform& on, const function_reference& ref, const function_record& f)
{
    auto found = get_configuration(on, ref, f);
    if (!found)
        return found;
    reply out;
    json_writer json(out.body);
    const auto* const runs = on.find(ref.name, *f.version_of(ref.qualifier, 1));
    json.begin_object().key("Configuration").raw(found->body);
    json.key("Code").begin_object().member("RepositoryType", "S3");
    json.member("Location", "file://" + (runs == nullptr ? std::string() : runs->bootstrap.string())).end_object();
    if (on.reserved(ref.name))
        json.key("Concurrency").raw(concurrency_text(on, ref.name));
    json.end_object();
    return out;
}

/// `$LATEST` and all that were published, oldest first.
inline void append_versions(const platform& on, const std::string& name, const function_record& f, named_texts& items)
{
    const std::string latest(mayfly::local::latest);
    items.emplace_back(name + ':' + latest, configuration(on, name, latest, f.latest, latest));
    for (const auto& [number, v] : f.versions) {
        const std::string version = std::to_string(number);
        items.emplace_back(name + ':' + version, configuration(on, name, version, v, version));
    }
}

/// The same state of `$LATEST` is not published twice: the version that there is, is the answer.
[[nodiscard]] inline answer<reply> publish_version(
    platform& on, const function_reference& ref, function_record& f, std::string_view body, mayfly::wall_time now)
{
    body_reader fields(body);
    const auto description = fields.text("Description", 256);
    const auto wanted_code = fields.text("CodeSha256", 100);
    const auto revision = fields.text("RevisionId", 100);
    if (fields.problem())
        return *fields.problem();
    auto runs = *on.find(ref.name);
    // The executable may have been built anew since the last look.
    if (const auto code = read_code(runs.bootstrap); code && *code != f.latest.code)
        f.latest = {f.latest.description, random_uuid(), now, *code};
    if (auto wrong = outdated(revision, f.latest.revision))
        return *wrong;
    if (wanted_code && !wanted_code->empty() && *wanted_code != f.latest.code.sha256)
        return invalid_value("CodeSHA256 (" + *wanted_code + ") is different from current CodeSHA256 in $LATEST (" +
                             f.latest.code.sha256 + "). Please try again with the CodeSHA256 in $LATEST.");

    if (f.versions.empty() || f.published_revision != f.latest.revision) {
        const std::uint64_t number = f.versions.empty() ? 1 : f.versions.rbegin()->first + 1;
        runs.version = std::to_string(number);
        runs.bootstrap = kept_code(runs.bootstrap);
        if (const auto wrong = on.set(std::move(runs)); !wrong.empty())
            return invalid_value(mayfly::to_string(wrong));
        f.versions[number] = {description.value_or(f.latest.description), random_uuid(), now, f.latest.code};
        f.published_revision = f.latest.revision;
    }
    const auto& [number, v] = *f.versions.rbegin();
    const std::string version = std::to_string(number);
    return reply{201, configuration(on, ref.name, version, v, version)};
}

[[nodiscard]] inline answer<reply> update_configuration(
    platform& on, const function_reference& ref, function_record& f, std::string_view body, mayfly::wall_time now)
{
    body_reader fields(body);
    auto next = *on.find(ref.name);
    if (const auto seconds = fields.integer("Timeout", 1, 900))
        next.timeout = std::chrono::seconds(*seconds);
    if (const auto memory = fields.integer("MemorySize", 128, 10'240))
        next.memory_mib = static_cast<std::uint32_t>(*memory);
    next.handler = fields.text("Handler", 128).value_or(next.handler);
    const std::string description = fields.text("Description", 256).value_or(f.latest.description);
    const auto revision = fields.text("RevisionId", 100);
    if (const json_value* const environment = fields.object("Environment")) {
        next.variables.clear();
        const json_value* const variables = environment->find("Variables");
        for (std::size_t i = 0; variables != nullptr && i < variables->keys.size(); ++i) {
            if (!variables->items[i].is_string())
                fields.fail(variables->items[i], "Environment", "Values must be strings");
            next.variables[variables->keys[i]] = variables->items[i].text;
        }
    }
    if (fields.problem())
        return *fields.problem();
    if (auto wrong = outdated(revision, f.latest.revision))
        return *wrong;
    if (const auto wrong = on.set(std::move(next)); !wrong.empty())
        return invalid_value(mayfly::to_string(wrong));
    f.latest = {description, random_uuid(), now, f.latest.code};
    return reply{200, configuration(on, ref.name, std::string(mayfly::local::latest), f.latest, {})};
}

[[nodiscard]] inline answer<reply> put_concurrency(platform& on, const function_reference& ref, std::string_view body)
{
    body_reader fields(body);
    const auto wanted = fields.integer("ReservedConcurrentExecutions", 0, std::numeric_limits<std::int32_t>::max());
    if (fields.problem())
        return *fields.problem();
    if (!wanted)
        return missing_field("reservedConcurrentExecutions");
    if (!ref.qualifier.empty())
        return invalid_value(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN.");
    if (!on.reserve(ref.name, static_cast<std::uint32_t>(*wanted)).empty())
        return invalid_value("Specified ReservedConcurrentExecutions for function decreases account's "
                             "UnreservedConcurrentExecution below its minimum value of [" +
                             std::to_string(on.options().least_unreserved) + "].");
    return reply{200, concurrency_text(on, ref.name)};
}

}  // namespace local_lambda
