// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/workflow/activation.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/** What a workflow's code wants, in plain values, in the order in which it wanted it.

    The machine makes commands of them, or finds in history what became of them. See `activation.hpp` for `seq`.
*/
namespace mayfly::temporal::workflow {

/// How the cancellation of something is waited for. Code itself takes as cancelled what is so at once, timers too, and
/// passes over a job about it that comes later. With `wait_completed` a job comes, cancelled if it was never sent; only
/// for what began in the same activation code waits for none.
enum class cancellation_type : std::uint8_t {
    try_cancel,      ///< Ask for it, and take it as cancelled at once.
    wait_completed,  ///< Ask for it, and wait for how it ends, which may still be well.
    abandon,         ///< Do not ask; take it as cancelled at once.
};

/// What people read beside a step.
struct step_words {
    api::common::Payload summary{};  ///< Without data: none.
    api::common::Payload details{};
};

/// Durations of zero are not set.
struct schedule_activity {
    std::uint32_t seq = 0;
    std::string id{};
    std::string type{};
    std::string task_queue{};
    api::common::Payloads input{};
    api::common::Header header{};
    std::chrono::nanoseconds schedule_to_close{};
    std::chrono::nanoseconds schedule_to_start{};
    std::chrono::nanoseconds start_to_close{};
    std::chrono::nanoseconds heartbeat{};
    std::optional<activity_retry> retry{};
    cancellation_type cancellation = cancellation_type::try_cancel;
    bool use_workflow_version = false;  ///< To be run by the version that runs this workflow, where the queue has it.
    activity_priority priority{};
    step_words words{};
};
struct cancel_activity {
    std::uint32_t seq = 0;
};

struct schedule_local_activity {
    std::uint32_t seq = 0;
    std::string id{};
    std::string type{};
    api::common::Payloads input{};
    api::common::Header header{};
    std::uint32_t attempt = 1;
    std::optional<workflow_time> first_scheduled{};  ///< Of an attempt after a wait: when the first was.
    std::chrono::nanoseconds schedule_to_close{};
    std::chrono::nanoseconds schedule_to_start{};
    std::chrono::nanoseconds start_to_close{};
    std::optional<activity_retry> retry{};
    std::chrono::nanoseconds local_retry_threshold = std::chrono::minutes{1};  ///< A longer wait becomes a timer.
    cancellation_type cancellation = cancellation_type::try_cancel;
    step_words words{};
};
struct cancel_local_activity {
    std::uint32_t seq = 0;
};

struct start_timer {
    std::uint32_t seq = 0;
    std::chrono::nanoseconds duration{};
    step_words words{};
};
struct cancel_timer {
    std::uint32_t seq = 0;
};

struct start_child {
    std::uint32_t seq = 0;
    std::string workflow_id{};
    std::string type{};
    std::string task_queue{};
    api::common::Payloads input{};
    api::common::Header header{};
    api::common::Memo memo{};
    api::common::SearchAttributes search_attributes{};
    std::chrono::nanoseconds execution_timeout{};
    std::chrono::nanoseconds run_timeout{};
    std::chrono::nanoseconds task_timeout{};
    api::enums::ParentClosePolicy parent_close_policy = api::enums::PARENT_CLOSE_POLICY_TERMINATE;
    api::enums::WorkflowIdReusePolicy id_reuse = api::enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
    std::optional<activity_retry> retry{};
    std::string cron_schedule{};
    cancellation_type cancellation = cancellation_type::wait_completed;
    activity_priority priority{};
    step_words words{};
};
/// Before it has been started, or after.
struct cancel_child {
    std::uint32_t seq = 0;
    std::string reason{};
};

/// Where a signal or a request to cancel goes.
struct external_target {
    std::string workflow_id{};
    std::string run_id{};     ///< Empty: the current run.
    bool child_only = false;  ///< A child of this workflow.
};
struct signal_external {
    std::uint32_t seq = 0;
    external_target target{};
    std::string name{};
    api::common::Payloads input{};
    api::common::Header header{};
};
/// As long as it has not been sent.
struct cancel_external_signal {
    std::uint32_t seq = 0;
};
struct cancel_external {
    std::uint32_t seq = 0;
    external_target target{};
    std::string reason{};
};

/// Code asked whether it is patched, for the first time for this id, and went the new way.
struct set_patch {
    std::string id{};
    bool deprecated = false;
};

/// Code had something done outside, once. `value` is not looked at where history knows it. `id` as in
/// `side_effect_known`.
struct record_side_effect {
    std::uint32_t seq = 0;
    api::common::Payloads value{};
    std::string id{};
};

struct upsert_search_attributes {
    api::common::SearchAttributes attributes{};
};
struct upsert_memo {
    api::common::Memo memo{};
};

struct accept_update {
    std::string protocol_instance_id{};
};
struct reject_update {
    std::string protocol_instance_id{};
    api::failure::Failure failure{};
};
/// After `accept_update`; perhaps many workflow tasks after.
struct complete_update {
    std::string protocol_instance_id{};
    resolution outcome{};
};

// The last word of a run: one of these four, and nothing after it.

struct complete_run {
    api::common::Payloads result{};
};
struct fail_run {
    api::failure::Failure failure{};
};
struct cancel_run {
    api::common::Payloads details{};
};
/// What is empty stays as it is.
struct continue_as_new {
    std::string type{};
    std::string task_queue{};
    api::common::Payloads input{};
    api::common::Header header{};
    std::chrono::nanoseconds run_timeout{};
    std::chrono::nanoseconds task_timeout{};
    std::optional<activity_retry> retry{};
    std::optional<api::common::Memo> memo{};
    std::optional<api::common::SearchAttributes> search_attributes{};
    api::enums::ContinueAsNewVersioningBehavior versioning =
        api::enums::CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_UNSPECIFIED;
};

using intent = std::variant<schedule_activity, cancel_activity, schedule_local_activity, cancel_local_activity,
    start_timer, cancel_timer, start_child, cancel_child, signal_external, cancel_external_signal, cancel_external,
    set_patch, record_side_effect, upsert_search_attributes, upsert_memo, accept_update, reject_update, complete_update,
    complete_run, fail_run, cancel_run, continue_as_new>;

}  // namespace mayfly::temporal::workflow
