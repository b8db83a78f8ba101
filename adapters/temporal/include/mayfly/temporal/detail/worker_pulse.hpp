// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/detail/poll_slots.hpp>
#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/worker_config.hpp>
#include <mayfly/version.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <unistd.h>

// What a worker tells the server of itself. Pure, save for the host's name.

namespace mayfly::temporal::detail {

[[nodiscard]] inline std::string own_version()
{
    return std::to_string(MAYFLY_VERSION_MAJOR) + '.' + std::to_string(MAYFLY_VERSION_MINOR) + '.' +
           std::to_string(MAYFLY_VERSION_PATCH);
}

[[nodiscard]] inline std::string host_name()
{
    std::array<char, 256> out{};
    return ::gethostname(out.data(), out.size() - 1) == 0 ? out.data() : "localhost";
}

/// What has become of the tasks of one kind.
struct task_totals {
    std::uint64_t processed = 0;
    std::uint64_t failed = 0;
};

[[nodiscard]] constexpr std::int32_t to_int32(std::uint64_t n) noexcept
{
    return static_cast<std::int32_t>(std::min<std::uint64_t>(n, std::numeric_limits<std::int32_t>::max()));
}

/// The heartbeats of one worker, each with what is new since the last.
class worker_pulse {
public:
    worker_pulse() = default;
    worker_pulse(const worker_config& config, const std::string& identity, const std::string& instance_key,
        std::chrono::system_clock::time_point started)
    {
        same_.set_worker_instance_key(instance_key);
        same_.set_worker_identity(identity);
        auto& host = *same_.mutable_host_info();
        host.set_host_name(host_name());
        host.set_process_id(std::to_string(::getpid()));
        same_.set_task_queue(config.settings.task_queue);
        if (config.version) {
            auto& version = *same_.mutable_deployment_version();
            version.set_deployment_name(config.version->deployment);
            version.set_build_id(config.version->build_id);
        }
        same_.set_sdk_name("mayfly-cpp");
        same_.set_sdk_version(own_version());
        *same_.mutable_start_time() = to_wire(started);
    }

    [[nodiscard]] api::worker::WorkerHeartbeat beat(api::enums::WorkerStatus status,
        std::chrono::system_clock::time_point now, const poll_slots& slots, const task_totals& totals,
        std::chrono::system_clock::time_point last_answer)
    {
        api::worker::WorkerHeartbeat out = same_;
        out.set_status(status);
        *out.mutable_heartbeat_time() = to_wire(now);
        if (last_)
            *out.mutable_elapsed_since_last_heartbeat() =
                to_wire(std::max<std::chrono::nanoseconds>(now - *last_, std::chrono::nanoseconds{}));
        auto& info = *out.mutable_activity_task_slots_info();
        info.set_current_available_slots(to_int32(slots.slots() - std::min(slots.tasks(), slots.slots())));
        info.set_current_used_slots(to_int32(slots.tasks()));
        info.set_slot_supplier_kind("Fixed");
        info.set_total_processed_tasks(to_int32(totals.processed));
        info.set_total_failed_tasks(to_int32(totals.failed));
        info.set_last_interval_processed_tasks(to_int32(totals.processed - told_.processed));
        info.set_last_interval_failure_tasks(to_int32(totals.failed - told_.failed));
        auto& pollers = *out.mutable_activity_poller_info();
        pollers.set_current_pollers(to_int32(slots.polls()));
        if (last_answer.time_since_epoch().count() > 0)
            *pollers.mutable_last_successful_poll_time() = to_wire(last_answer);
        last_ = now;
        told_ = totals;
        return out;
    }

private:
    api::worker::WorkerHeartbeat same_{};
    std::optional<std::chrono::system_clock::time_point> last_{};
    task_totals told_{};
};

}  // namespace mayfly::temporal::detail
