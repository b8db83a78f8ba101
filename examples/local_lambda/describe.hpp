// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "records.hpp"

#include <mayfly/detail/json_write.hpp>
#include <mayfly/local/function.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

// Functions, aliases and the rest as the API shows them: JSON texts.

namespace local_lambda {

using mayfly::detail::json_writer;

#if defined(__aarch64__)
inline constexpr std::string_view architecture = "arm64";
#else
inline constexpr std::string_view architecture = "x86_64";
#endif

/// `FunctionConfiguration`. The ARN has the qualifier of the request.
[[nodiscard]] inline std::string describe_function(const mayfly::local::function_settings& f, const version_record& v,
    const std::string& arn, const mayfly::local::account_settings& where)
{
    std::string out;
    json_writer json(out);
    json.begin_object().member("FunctionName", f.name).member("FunctionArn", arn);
    json.member("Runtime", "provided.al2023");
    json.member("Role", "arn:" + where.partition + ":iam::" + where.account + ":role/local-lambda-execution");
    json.member("Handler", f.handler).member("CodeSize", v.code.size).member("Description", v.description);
    json.member("Timeout", std::chrono::ceil<std::chrono::seconds>(f.timeout).count());
    json.member("MemorySize", f.memory_mib).member("LastModified", lambda_time(v.modified));
    json.member("CodeSha256", v.code.sha256).member("Version", f.version);
    if (!f.variables.empty()) {
        json.key("Environment").begin_object().key("Variables").begin_object();
        for (const auto& [name, value] : f.variables)
            json.member(name, value);
        json.end_object().end_object();
    }
    json.key("TracingConfig").begin_object().member("Mode", "PassThrough").end_object();
    json.member("RevisionId", v.revision).member("State", v.state);
    if (v.state != "Active") {
        json.member(
            "StateReason", v.state == "Failed" ? "The function could not be made." : "The function is not ready.");
        json.member(
            "StateReasonCode", v.state == "Failed" ? "InternalError" : (v.state == "Pending" ? "Creating" : "Idle"));
    }
    json.member("LastUpdateStatus", v.last_update);
    if (v.last_update != "Successful")
        json.member("LastUpdateStatusReason",
            v.last_update == "Failed" ? "The update could not be made." : "The function is being updated.");
    json.member("PackageType", "Zip");
    json.key("Architectures").begin_array().value(architecture).end_array();
    json.key("EphemeralStorage").begin_object().member("Size", 512).end_object();
    json.key("SnapStart").begin_object().member("ApplyOn", "None").member("OptimizationStatus", "Off").end_object();
    json.key("LoggingConfig").begin_object().member("LogFormat", "Text");
    json.member("LogGroup", "/aws/lambda/" + f.name).end_object();
    json.end_object();
    return out;
}

[[nodiscard]] inline std::string describe_alias(const std::string& name, const alias_record& a, const std::string& arn)
{
    std::string out;
    json_writer json(out);
    json.begin_object().member("AliasArn", arn).member("Name", name).member("FunctionVersion", a.version);
    json.member("Description", a.description).member("RevisionId", a.revision);
    if (!a.weights.empty()) {
        json.key("RoutingConfig").begin_object().key("AdditionalVersionWeights").begin_object();
        for (const auto& [version, weight] : a.weights)
            json.member(version, weight);
        json.end_object().end_object();
    }
    json.end_object();
    return out;
}

[[nodiscard]] inline std::string describe_events(const event_record& e, const std::string& arn)
{
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.member("LastModified", static_cast<double>(e.modified.time_since_epoch().count()) / 1000);
    json.member("FunctionArn", arn);
    if (e.retries)
        json.member("MaximumRetryAttempts", *e.retries);
    if (e.age_seconds)
        json.member("MaximumEventAgeInSeconds", *e.age_seconds);
    json.key("DestinationConfig").raw(e.destinations).end_object();
    return out;
}

}  // namespace local_lambda
