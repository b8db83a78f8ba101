// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/memo_values.hpp>
#include <mayfly/temporal/search_values.hpp>
#include <mayfly/temporal/workflow/intents.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <type_traits>

/** How a workflow wants done what it starts. Durations of zero and text that is empty: not set.

    These are looked at while the call lasts and not kept: text and what is borrowed may be temporary. One that is kept
    for several calls holds on to text that lives as long.
*/
namespace mayfly::temporal::workflow {

/// When a failed attempt is made again. What is not set is as the server has it.
struct retry_policy {
    std::chrono::nanoseconds initial_interval{};
    double backoff = 0;  ///< Each wait is so much longer than the one before; from 1.
    std::chrono::nanoseconds maximum_interval{};
    std::int32_t maximum_attempts = 0;  ///< 1: no retries.
    std::array<std::string_view, 8> non_retryable_types{};

    friend bool operator==(const retry_policy&, const retry_policy&) = default;
};

/// A lower key is served first; within a key, fairness keys share by their weights.
struct priority {
    std::int32_t key = 0;
    std::string_view fairness_key{};
    float fairness_weight = 0;
};

/// Something of the caller's, or nothing.
template <class T>
class borrowed {
public:
    constexpr borrowed() = default;
    constexpr borrowed(const T& value) noexcept : value_{&value} {}

    [[nodiscard]] constexpr explicit operator bool() const noexcept { return value_ != nullptr; }
    [[nodiscard]] constexpr const T& operator*() const noexcept { return *value_; }

private:
    const T* value_ = nullptr;
};

/// `start_to_close` or `schedule_to_close` is needed.
struct activity_options {
    std::chrono::nanoseconds start_to_close{};     ///< One attempt.
    std::chrono::nanoseconds schedule_to_close{};  ///< All of it, with retries.
    std::chrono::nanoseconds schedule_to_start{};  ///< Waiting for a worker.
    std::chrono::nanoseconds heartbeat{};          ///< Between two signs of life.
    retry_policy retry{};
    std::string_view task_queue{};  ///< Empty: the workflow's own.
    cancellation_type cancellation = cancellation_type::try_cancel;
    std::string_view id{};  ///< Empty: it is numbered.
    workflow::priority priority{};
    bool use_workflow_version = false;  ///< To be run by the version that runs this workflow, where the queue has it.
    std::string_view summary{};         ///< One line for people.
    std::string_view details{};         ///< Several.
    borrowed<api::common::Header> header{};
};

/// `start_to_close` or `schedule_to_close` is needed.
struct local_activity_options {
    std::chrono::nanoseconds start_to_close{};
    std::chrono::nanoseconds schedule_to_close{};
    std::chrono::nanoseconds schedule_to_start{};
    retry_policy retry{};
    std::chrono::nanoseconds local_retry_threshold = std::chrono::minutes{1};  ///< A longer wait becomes a timer.
    cancellation_type cancellation = cancellation_type::try_cancel;
    std::string_view id{};
    std::string_view summary{};
    borrowed<api::common::Header> header{};
};

struct timer_options {
    std::string_view summary{};
    std::string_view details{};
};

enum class parent_close : std::uint8_t { terminate = 1, abandon, request_cancel };

/// Of a workflow that is over, whether its id may be used again.
enum class workflow_id_reuse : std::uint8_t { allow = 1, allow_if_failed, reject };

struct child_options {
    std::string_view id{};                         ///< Empty: one is made up, the same at every replay.
    std::string_view task_queue{};                 ///< Empty: the workflow's own.
    std::chrono::nanoseconds execution_timeout{};  ///< All runs together.
    std::chrono::nanoseconds run_timeout{};
    std::chrono::nanoseconds task_timeout{};
    workflow::parent_close parent_close = workflow::parent_close::terminate;
    workflow_id_reuse reuse = workflow_id_reuse::allow;
    retry_policy retry{};
    std::string_view cron_schedule{};
    cancellation_type cancellation = cancellation_type::wait_completed;
    workflow::priority priority{};
    borrowed<memo_values> memo{};
    borrowed<search_values> search_attributes{};
    std::string_view summary{};
    std::string_view details{};
    borrowed<api::common::Header> header{};
};

/// Which version the next run begins with. A pinned workflow stays with its own otherwise.
enum class continue_versioning : std::uint8_t { as_before, auto_upgrade, use_ramping_version };

/// What is not set stays as it is.
struct continue_options {
    std::string_view task_queue{};
    std::chrono::nanoseconds run_timeout{};
    std::chrono::nanoseconds task_timeout{};
    retry_policy retry{};
    continue_versioning versioning = continue_versioning::as_before;
    borrowed<memo_values> memo{};
    borrowed<search_values> search_attributes{};
    borrowed<api::common::Header> header{};
};

// GCC 12 destroys members of braced options twice within a co_await expression, if there is anything to destroy.
static_assert(std::is_trivially_destructible_v<activity_options>);
static_assert(std::is_trivially_destructible_v<local_activity_options>);
static_assert(std::is_trivially_destructible_v<timer_options>);
static_assert(std::is_trivially_destructible_v<child_options>);
static_assert(std::is_trivially_destructible_v<continue_options>);

}  // namespace mayfly::temporal::workflow
