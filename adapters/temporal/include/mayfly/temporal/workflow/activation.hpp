// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/** What a workflow's history tells its code, in plain values.

    The machine reads history and makes activations of it; code is activated, and answers with intents (see
    `intents.hpp`). Neither knows the other's insides: the machine drives coroutines, or any other code, the same way.

    Whatever code starts carries a number of its own choice, its `seq`: unique among the things of one kind in one run,
    and the same at every replay. What comes of it comes back under that number.
*/
namespace mayfly::temporal::workflow {

/// A time in history.
using workflow_time = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The first job of a run.
struct start_run {
    std::string workflow_id{};
    std::string run_id{};
    api::history::WorkflowExecutionStartedEventAttributes attributes{};
    std::uint64_t random_seed = 0;
    workflow_time started_at{};
};

/// History has a marker for this patch.
struct patch_known {
    std::string id{};
};

/// History has what this side effect came to. With an id it is one that may change, and came to that at this call of
/// those for its id.
struct side_effect_known {
    std::uint32_t seq = 0;
    api::common::Payloads value{};
    std::string id{};
};

/// The run was reset: from here on, another random sequence.
struct reseed {
    std::uint64_t random_seed = 0;
};

struct signal_received {
    std::string name{};
    api::common::Payloads input{};
    api::common::Header header{};
    std::string identity{};
};

/// An update asks to be let in. Answered with `accept_update` or `reject_update`, now.
struct update_received {
    std::string id{};                    ///< The update's.
    std::string protocol_instance_id{};  ///< For the answers.
    std::string name{};
    api::common::Payloads input{};
    api::common::Header header{};
    std::string identity{};
    bool run_validator = true;  ///< Not if it is known to have been accepted.
};

struct cancel_requested {
    std::string reason{};
};

/// How something ended. Exactly one of the three is meant.
struct resolution {
    enum class kind : std::uint8_t { completed, failed, cancelled };
    kind how = kind::completed;
    api::common::Payloads result{};   ///< Of what completed; perhaps none.
    api::failure::Failure failure{};  ///< Of what failed or was cancelled, as code is to see it: wrapped.
};

struct timer_fired {
    std::uint32_t seq = 0;
};

struct activity_resolved {
    std::uint32_t seq = 0;
    resolution outcome{};
};

/// A local activity ended, or has to wait longer than one workflow task may take: then code starts a timer of
/// `backoff`, and the next attempt after it.
struct local_activity_resolved {
    std::uint32_t seq = 0;
    resolution outcome{};
    bool backs_off = false;
    std::uint32_t attempt = 1;  ///< Of what is to come after the wait.
    std::chrono::nanoseconds backoff{};
    workflow_time first_scheduled{};
};

/// A child has been started, or cannot be (`run_id` is empty then, `failure` says why).
struct child_started {
    std::uint32_t seq = 0;
    std::string run_id{};
    api::failure::Failure failure{};
};

struct child_resolved {
    std::uint32_t seq = 0;
    resolution outcome{};
};

/// A signal to another workflow was delivered, or not.
struct external_signal_resolved {
    std::uint32_t seq = 0;
    resolution outcome{};
};

/// A request to cancel another workflow was delivered, or not.
struct external_cancel_resolved {
    std::uint32_t seq = 0;
    resolution outcome{};
};

using job = std::variant<start_run, patch_known, side_effect_known, reseed, signal_received, update_received,
    cancel_requested, timer_fired, activity_resolved, local_activity_resolved, child_started, child_resolved,
    external_signal_resolved, external_cancel_resolved>;

/// What the workflow task says that code may ask for; the same at every replay.
struct task_facts {
    workflow_time now{};
    std::int64_t history_length = 0;  ///< Events until this task began.
    std::int64_t history_bytes = 0;
    bool continue_as_new_suggested = false;
    std::vector<api::enums::SuggestContinueAsNewReason> reasons{};
    bool target_version_changed = false;  ///< Another version is current or ramping than the one this run is pinned to.
    deployment_version processed_by{};    ///< The version that works on this task; empty names without versioning.
};

/// One go: the jobs in their order, then everything runs that can.
struct activation {
    task_facts facts{};
    bool replaying = false;  ///< What happens now has happened before: nothing of it may be seen outside.
    std::vector<job> jobs{};
};

}  // namespace mayfly::temporal::workflow
