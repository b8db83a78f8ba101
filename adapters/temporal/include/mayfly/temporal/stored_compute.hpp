// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_update.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/deployment_values.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <cstddef>
#include <string>
#include <string_view>

// What mayfly keeps in a version's metadata, between JSON and values. Pure.

namespace mayfly::temporal {

/** `mayfly.compute`: the configuration. All but `groups` and each group's `provider.type` may be left out.

    {"groups": {"default": {"task_types": ["activity"], "regions": ["aws-us-east-1"],
                            "provider": {"type": "aws-lambda", "details": {"arn": "..."}, "nexus_endpoint": "..."},
                            "scaler": {"type": "fleet", "details": {}}, "limits": {"min": 0, "max": 5}}},
     "revision": 1, "requests": ["id of the last change"]}
*/
inline constexpr std::string_view compute_key = "mayfly.compute";
/// `mayfly.validation`: {"error": "", "checked": "2026-01-02T03:04:05Z", "by": "identity"}
inline constexpr std::string_view validation_key = "mayfly.validation";
/// `mayfly.controller`: {"name": "mayfly-controller", "identity": "...", "since": "2026-01-02T03:04:05Z"}
inline constexpr std::string_view controller_key = "mayfly.controller";

/// More is neither written nor read.
inline constexpr std::size_t largest_stored_compute = std::size_t{256} * 1024;

/// The configuration as `mayfly.compute` has it, on one line.
[[nodiscard]] std::string write_compute(const compute_record& record);
/// Reads it. Each problem names its field; what stands in a provider's details is never shown. A key that is not known
/// is a problem too: to pass over a limit would be to start what nobody wants.
[[nodiscard]] checked<compute_record> read_compute(std::string_view text);

[[nodiscard]] std::string write_validation(const validation_record& record);
[[nodiscard]] checked<validation_record> read_validation(std::string_view text);
[[nodiscard]] std::string write_controller(const controller_record& record);
[[nodiscard]] checked<controller_record> read_controller(std::string_view text);

/// A text of JSON as metadata carries it, and back.
[[nodiscard]] api::common::Payload json_payload(std::string text);
[[nodiscard]] checked<std::string> json_of(const api::common::Payload& from, const std::string& field);

/// The same problems without what may be a secret: of a provider's details only what names something is shown.
[[nodiscard]] problems without_secrets(problems all);

/// Who asks, and so what stands in his way.
struct reader_role {
    std::string controller{};  ///< The name under which he drives versions; empty: he drives none.
    /// The server's own controller is known to be off, which no server tells. Otherwise a configuration that is kept in
    /// the server is left to the server.
    bool server_controller_is_off = false;
};

/// What a description says of the version's compute, with what is wrong with it and who else may act.
[[nodiscard]] version_record read_version(const version_description& from, const reader_role& role);

}  // namespace mayfly::temporal
