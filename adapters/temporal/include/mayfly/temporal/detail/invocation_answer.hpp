// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/detail/seconds_text.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/invocation_report.hpp>
#include <mayfly/lambda_runtime/run.hpp>
#include <mayfly/lambda_runtime/vocabulary.hpp>
#include <mayfly/launch_notice.hpp>
#include <mayfly/problem.hpp>

#include <optional>
#include <string>
#include <string_view>

// What a worker in a function says to those who look at it from outside. Pure.

namespace mayfly::temporal::detail {

[[nodiscard]] constexpr std::string_view error_type_of(invocation_end end) noexcept
{
    switch (end) {
    case invocation_end::deadline_too_near: return "Function.DeadlineTooNear";
    case invocation_end::stopped: return "Function.Stopped";
    case invocation_end::connect_failed: return "Function.ConnectFailed";
    case invocation_end::start_failed: return "Function.StartFailed";
    case invocation_end::worker_failed: return "Function.WorkerFailed";
    case invocation_end::running:
    case invocation_end::deadline:
    case invocation_end::activity_timeout:
    case invocation_end::idle:
    case invocation_end::thinned:
    case invocation_end::cancelled: break;
    }
    return "Function.Failed";
}

/// Why it failed, in words; `detail` is what is known of it beyond the report.
[[nodiscard]] inline std::string failure_words(const invocation_report& report, std::string_view detail)
{
    std::string out = report.error;
    if (!detail.empty() && out.find(detail) == std::string::npos)
        out.append(out.empty() ? "" : " (").append(detail).append(out.empty() ? "" : ")");
    return out;
}

/// What the platform is told: the report, or that the invocation failed.
[[nodiscard]] inline lambda_runtime::function_result answer_of(const invocation_report& report, std::string_view detail)
{
    if (!failed(report.end))
        return to_json(report);
    return lambda_runtime::function_error{
        .type = std::string(error_type_of(report.end)), .message = failure_words(report, detail)};
}

/// One invocation in one sentence.
[[nodiscard]] inline std::string sentence_on(const invocation_report& r)
{
    using mayfly::detail::seconds_text;
    const auto received = r.work.received_in_all();
    std::string out = "ended: " + std::string(to_string(r.end)) + "; " + std::to_string(received) +
                      (received == 1 ? " task, " : " tasks, ") + std::to_string(r.work.completed) + " completed";
    if (r.work.busy > 0)
        out += ", " + std::to_string(r.work.busy) + " unfinished";
    out += "; connect " + seconds_text(r.connect) + ", poll " + seconds_text(r.poll) + " (idle " +
           seconds_text(r.idle) + "), drain " + seconds_text(r.drain);
    if (!r.identity.empty())
        out += "; as " + r.identity;
    return out;
}

/// All problems in one line.
[[nodiscard]] inline std::string on_one_line(const problems& all)
{
    std::string out;
    for (const problem& p : all)
        out.append(out.empty() ? "" : "; ").append(to_string(p));
    return out;
}

/// What is odd about the start itself, by what the controller told; empty if nothing is.
[[nodiscard]] inline std::string odd_start(
    const std::optional<launch_notice>& notice, const deployment_version& version)
{
    if (!notice || notice->version == version || notice->version == deployment_version{})
        return {};
    return "started for version " + notice->version.deployment + ":" + notice->version.build_id +
           ", but this program is " + version.deployment + ":" + version.build_id +
           "; let the scaling group's provider name the function that has the other one";
}

/// Whether it is of use to connect before the first invocation: where environments are made ahead of need they are
/// frozen first, and the connection does not survive that.
[[nodiscard]] inline bool opens_ahead(const environment& variables)
{
    return variables.get("AWS_LAMBDA_INITIALIZATION_TYPE").value_or("on-demand") == "on-demand";
}

}  // namespace mayfly::temporal::detail
