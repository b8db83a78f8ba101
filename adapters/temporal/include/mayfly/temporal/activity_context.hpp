// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_info.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/metrics.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::temporal {

/** What an activity has of its worker: what it was asked for, its heartbeats, and its cancellation.

    An activity learns of a cancellation by the server only with a heartbeat, so one that is to be cancelled must send
    them. All of it may be used from any thread while the activity runs; once it has ended, the context is gone.

    One can be made without a worker, to test an activity: `newest_heartbeat` is what it told, `cancel` cancels it.
*/
class activity_context {
public:
    explicit activity_context(api::PollActivityTaskQueueResponse task, data_converter converter = {},
        std::string task_queue = {}, metric_sink metrics = {})
        : task_(std::move(task)),
          converter_(std::move(converter)),
          task_queue_(std::move(task_queue)),
          info_(info_of(task_, task_queue_)),
          metrics_(std::move(metrics))
    {}
    activity_context(const activity_context&) = delete;
    activity_context& operator=(const activity_context&) = delete;

    /// Valid as long as the context.
    [[nodiscard]] const activity_info& info() const noexcept { return info_; }
    /// All that the server told, such as the header and the retry policy.
    [[nodiscard]] const api::PollActivityTaskQueueResponse& task() const noexcept { return task_; }
    [[nodiscard]] const data_converter& converter() const noexcept { return converter_; }

    /// Its tags are `namespace`, `task_queue`, `activity_type` and, if there is one, `workflow_type`. What an attempt
    /// measured stays, however it ends.
    [[nodiscard]] temporal::meter meter() const
    {
        if (!metrics_)
            return temporal::meter(metric_sink{});
        return temporal::meter(metrics_,
            detail::known_tags(
                {{"namespace", std::string(info_.name_space)}, {"task_queue", std::string(info_.task_queue)},
                    {"activity_type", std::string(info_.type)}, {"workflow_type", std::string(info_.workflow_type)}}));
    }

    /** Tells the server that the activity is alive, and how far it has got: the next attempt finds that in
        `heartbeat_details`.

        It does not wait, and may be called as often as one likes: the newest details are sent when it is time. Throws
        `application_error` if the details cannot be converted.
    */
    template <class... Details>
    void heartbeat(const Details&... details)
    {
        auto made = converter_.to_payloads(details...);
        if (!made)
            throw application_error(
                "heartbeat details of activity \"" + std::string(info_.type) + "\": " + made.error().message,
                {.type = "HeartbeatConversion"});
        record(*std::move(made));
    }

    /// The `index`-th of the details that an earlier attempt left; nothing if there are none. Throws
    /// `application_error` if they are no `T`.
    template <class T>
    [[nodiscard]] std::optional<T> heartbeat_details(int index = 0) const
    {
        const auto& all = task_.heartbeat_details();
        if (index >= all.payloads_size())
            return std::nullopt;
        auto value = converter_.template from_payload<T>(all.payloads(index));
        if (!value)
            throw application_error("heartbeat details of the last attempt of activity \"" + std::string(info_.type) +
                                        "\": " + value.error().message,
                {.type = "HeartbeatConversion"});
        return *std::move(value);
    }

    /// Requested when the activity is cancelled, for whatever reason. Its callbacks run on the worker's executor.
    [[nodiscard]] std::stop_token stop_token()
    {
        const std::scoped_lock lock(mutex_);
        if (!stop_.stop_possible()) {
            stop_ = std::stop_source();
            if (cancelled())
                stop_.request_stop();
        }
        return stop_.get_token();
    }

    [[nodiscard]] bool cancelled() const noexcept { return cancel_reason() != temporal::cancel_reason::none; }
    [[nodiscard]] temporal::cancel_reason cancel_reason() const noexcept
    {
        return reason_.load(std::memory_order_acquire);
    }

    /// Throws `cancelled_error` once the activity has been cancelled. Let it through, and it is reported as it should
    /// be for the reason there is.
    void throw_if_cancelled() const
    {
        if (const auto reason = cancel_reason(); reason != temporal::cancel_reason::none)
            throw cancelled_error("the activity was cancelled: " + std::string(to_string(reason)));
    }

    /// What the activity returns is not its result: somebody else reports one, with the task token or by the ids. If
    /// it throws, that is reported as ever.
    void complete_elsewhere() noexcept { elsewhere_.store(true, std::memory_order_release); }
    [[nodiscard]] bool completes_elsewhere() const noexcept { return elsewhere_.load(std::memory_order_acquire); }

    // What follows is for the worker, and for tests of activities.

    /// Details that are converted already.
    void record(api::common::Payloads details)
    {
        const std::scoped_lock lock(mutex_);
        const bool told = newest_.has_value();
        newest_ = std::move(details);
        if (!told && on_heartbeat_)
            on_heartbeat_();
    }

    [[nodiscard]] bool has_newest_heartbeat()
    {
        const std::scoped_lock lock(mutex_);
        return newest_.has_value();
    }

    /// Takes the newest details that were recorded and not taken yet.
    [[nodiscard]] std::optional<api::common::Payloads> newest_heartbeat()
    {
        const std::scoped_lock lock(mutex_);
        return std::exchange(newest_, std::nullopt);
    }

    /// Cancels the activity. A reason that weighs more replaces one that weighs less.
    void cancel(temporal::cancel_reason why)
    {
        std::stop_source stop(std::nostopstate);
        {
            const std::scoped_lock lock(mutex_);
            if (why <= reason_.load(std::memory_order_relaxed))
                return;
            reason_.store(why, std::memory_order_release);
            stop = stop_;
        }
        stop.request_stop();  // without the lock: the activity's own functions are called
    }

    /// Called when there are details again, on the thread that records them, with a lock held: it may only post. An
    /// empty one ends that; when this returns, none is under way.
    void on_heartbeat(std::function<void()> f)
    {
        const std::scoped_lock lock(mutex_);
        on_heartbeat_ = std::move(f);
    }

private:
    api::PollActivityTaskQueueResponse task_;
    data_converter converter_;
    std::string task_queue_;
    activity_info info_;
    metric_sink metrics_;
    std::atomic<temporal::cancel_reason> reason_{temporal::cancel_reason::none};
    std::atomic<bool> elsewhere_{false};
    std::mutex mutex_{};
    std::optional<api::common::Payloads> newest_{};
    std::stop_source stop_{std::nostopstate};
    std::function<void()> on_heartbeat_{};
};

}  // namespace mayfly::temporal
