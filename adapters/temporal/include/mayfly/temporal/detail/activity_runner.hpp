// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/activity_attempt.hpp>
#include <mayfly/temporal/detail/activity_calls.hpp>
#include <mayfly/temporal/detail/activity_failures.hpp>
#include <mayfly/temporal/detail/task_deadline.hpp>
#include <mayfly/temporal/detail/worker_names.hpp>
#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/method.hpp>
#include <mayfly/temporal/metrics.hpp>
#include <mayfly/temporal/rpc_error.hpp>
#include <mayfly/temporal/worker_config.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/** Runs activities, sends their heartbeats, and reports how they ended.

    `ended(failed)` is called once for each, when its report has been answered or none is sent.
*/
class activity_runner : public std::enable_shared_from_this<activity_runner> {
public:
    using clock = std::chrono::steady_clock;
    using error_code = boost::system::error_code;
    using attempt_ptr = std::shared_ptr<activity_attempt>;

    activity_runner(std::shared_ptr<connection> to, const worker_config& config, const worker_names& names,
        std::function<void(bool)> ended)
        : connection_(std::move(to)),
          activities_(config.activities),
          task_queue_(config.settings.task_queue),
          converter_(config.converter),
          logger_(config.logger),
          metrics_(config.metrics),
          pace_{config.timing.heartbeat_without_timeout, config.timing.longest_heartbeat},
          margin_(config.timing.timeout_margin),
          ended_(std::move(ended)),
          // `stop` comes before this goes, and after that it hears nothing.
          calls_(
              std::make_shared<activity_calls>(connection_->get_executor(), config.settings.max_concurrent_activities,
                  hooks_of(config.interceptors, &interceptor::activity), [this](const attempt_ptr& a) { report(a); })),
          timer_(connection_->get_executor())
    {
        name(completed_, names);
        name(failed_, names);
        name(canceled_, names);
        heartbeat_.set_namespace_(names.name_space);
        heartbeat_.set_identity(names.identity);
    }

    /// With a reason it is cancelled as soon as it runs.
    void run(api::PollActivityTaskQueueResponse task, cancel_reason at_once)
    {
        const auto between = pace_.between(from_wire(task.heartbeat_timeout()));
        const auto a =
            std::make_shared<activity_attempt>(std::move(task), converter_, task_queue_, metrics_, between, false);
        const now_twice now{clock::now(), std::chrono::system_clock::now()};
        a->heard = now.steady;
        a->deadline = deadline_of(a->context.info(), now);
        a->place = running_.size();
        running_.push_back(a);
        a->type = activities_ != nullptr ? activities_->find(a->context.info().type) : nullptr;
        if (!a->type)
            return calls_->fail(a, unregistered_activity(a->context.info().type, activities_));
        a->context.on_heartbeat([this, p = a.get()] { heartbeat_recorded(p->shared_from_this()); });
        wake_at(next_look(*a));
        if (at_once != cancel_reason::none)
            a->context.cancel(at_once);
        calls_->begin(a);
    }

    void cancel_all(cancel_reason why)
    {
        const auto all = running_;  // what is cancelled may end at once
        for (const auto& a : all)
            calls_->cancel(a, why);
    }

    /// Cancels everything, and reports nothing any more. Nothing of other threads is heard after this.
    void stop()
    {
        stopped_ = true;
        timer_.cancel();
        calls_->stop(std::exchange(running_, {}));
    }

    [[nodiscard]] std::size_t running() const noexcept { return running_.size(); }
    [[nodiscard]] std::size_t threads() const noexcept { return calls_->threads(); }

private:
    template <class Request>
    static void name(Request& r, const worker_names& names)
    {
        r.set_namespace_(names.name_space);
        r.set_identity(names.identity);
        *r.mutable_deployment_options() = names.deployment;
    }

    [[nodiscard]] boost::asio::any_io_executor executor() const { return connection_->get_executor(); }

    void log(log_level level, std::string_view words) const
    {
        if (logger_)
            logger_(level, words);
    }

    [[nodiscard]] static std::string shown(const activity_attempt& a)
    {
        const activity_info& i = a.context.info();
        return "activity \"" + std::string(i.type) + "\" (" + std::string(i.id) + ", attempt " +
               std::to_string(i.attempt) + ")";
    }

    // ---- the report

    void report(const attempt_ptr& a)
    {
        const auto end = end_of(a->outcome.thrown, a->context);
        const auto what = a->given_up ? activity_report::nothing : report_of(end, a->context.cancel_reason());
        if (what == activity_report::completed)
            return send_completed(a);
        if (what == activity_report::nothing)
            return finish(a, end == activity_end::failed);
        a->report_waits = true;
        if (a->throttle.sending())
            return;  // comes back here after it
        if (a->throttle.flush(clock::now(), a->context.has_newest_heartbeat()))
            return send_newest(a);
        a->report_waits = false;
        if (what == activity_report::canceled)
            send_canceled(a);
        else
            send_failed(a, what == activity_report::interrupted);
    }

    [[nodiscard]] rpc_options until_given_up(const activity_attempt& a) const
    {
        const auto left = steady_sum(a.deadline, margin_) - clock::now();
        return {.timeout = std::chrono::ceil<std::chrono::milliseconds>(
                    std::clamp<std::chrono::nanoseconds>(left, std::chrono::milliseconds{1}, std::chrono::hours{1}))};
    }

    // What is sent is serialized before `async_call` returns, so that one request can serve for all.
    template <class Method, class Request>
    void send_report(const attempt_ptr& a, const Method& method, Request& request, bool failed)
    {
        a->throttle.stop();
        request.set_task_token(a->context.task().task_token());
        connection_->async_call(method, request, until_given_up(*a),
            [self = shared_from_this(), a, failed](
                error_code ec, const auto& reply) { self->reported(a, failed, ec, reply.status); });
    }

    void send_completed(const attempt_ptr& a)
    {
        completed_.clear_result();
        *completed_.mutable_result()->add_payloads() = std::move(a->outcome.value);
        send_report(a, methods::respond_activity_task_completed, completed_, false);
    }

    void send_failed(const attempt_ptr& a, bool interrupted)
    {
        auto failure = interrupted ? interruption_of(a->context.cancel_reason())
                                   : application_failure(to_failure(a->outcome.thrown, converter_));
        const bool benign =
            failure.application_failure_info().category() == api::enums::APPLICATION_ERROR_CATEGORY_BENIGN;
        log(benign || interrupted ? log_level::debug : log_level::warning, shown(*a) + " failed: " + describe(failure));
        *failed_.mutable_failure() = std::move(failure);
        send_report(a, methods::respond_activity_task_failed, failed_, !benign);
    }

    void send_canceled(const attempt_ptr& a)
    {
        canceled_.clear_details();
        const auto failure = to_failure(a->outcome.thrown, converter_);
        if (failure.canceled_failure_info().has_details())
            *canceled_.mutable_details() = failure.canceled_failure_info().details();
        send_report(a, methods::respond_activity_task_canceled, canceled_, false);
    }

    void reported(const attempt_ptr& a, bool failed, error_code ec, const grpc::status& status)
    {
        if (stopped_)
            return;
        if (ec && grpc::is_message_too_large(status.code, status.message) && !std::exchange(a->cut_short, true))
            return send_too_large(a, status);
        if (ec && status.code == grpc::status_code::not_found)
            log(log_level::debug, shown(*a) + " was reported, but the server had given it up");
        else if (ec)
            log(log_level::warning, shown(*a) + " has ended, but that could not be reported: " + describe(status));
        finish(a, failed);
    }

    void send_too_large(const attempt_ptr& a, const grpc::status& why)
    {
        log(log_level::warning, shown(*a) + " has a result that is too large to be sent: " + why.message);
        *failed_.mutable_failure() = too_large_failure(why);
        send_report(a, methods::respond_activity_task_failed, failed_, true);
    }

    void finish(const attempt_ptr& a, bool failed)
    {
        a->throttle.stop();
        a->context.on_heartbeat({});
        a->outcome = {};
        running_.back()->place = a->place;
        running_[a->place] = std::move(running_.back());
        running_.pop_back();
        ended_(failed);
    }

    // ---- heartbeats

    // On any thread.
    void heartbeat_recorded(attempt_ptr a)
    {
        boost::asio::post(executor(), [self = shared_from_this(), a = std::move(a)] {
            // It may have been sent on another occasion meanwhile.
            if (self->stopped_ || a->has_ended || !a->context.has_newest_heartbeat())
                return;
            if (a->throttle.recorded(clock::now()))
                self->send_newest(a);
            else
                self->wake_at(a->throttle.next());
        });
    }

    void send_newest(const attempt_ptr& a)
    {
        send_heartbeat(a, a->context.newest_heartbeat().value_or(api::common::Payloads{}));
    }

    void send_heartbeat(const attempt_ptr& a, api::common::Payloads details)
    {
        heartbeat_.set_task_token(a->context.task().task_token());
        *heartbeat_.mutable_details() = std::move(details);
        const auto patience = pace_.patience(a->context.info().heartbeat_timeout);
        connection_->async_call(methods::record_activity_task_heartbeat, heartbeat_,
            {.timeout = std::chrono::ceil<std::chrono::milliseconds>(patience)},
            [self = shared_from_this(), a, begun = clock::now()](
                error_code ec, const rpc_reply<api::RecordActivityTaskHeartbeatResponse>& reply) {
                self->heartbeat_answered(a, begun, ec, reply);
            });
    }

    void heartbeat_answered(const attempt_ptr& a, clock::time_point begun, error_code ec,
        const rpc_reply<api::RecordActivityTaskHeartbeatResponse>& reply)
    {
        a->throttle.sent();
        if (stopped_ || !is_running(*a))
            return;
        if (!ec) {
            a->heard = begun;
            const auto& r = reply.value;
            const auto why = asked_by(r.cancel_requested(), r.activity_reset(), r.activity_paused());
            if (why != cancel_reason::none)
                calls_->cancel(a, why);
        } else if (is_gone(reply.status)) {
            calls_->cancel(a, cancel_reason::not_found);
        } else {
            log(log_level::warning, "a heartbeat of " + shown(*a) + " failed: " + describe(reply.status));
        }
        if (std::exchange(a->report_waits, false))
            return report(a);
        if (a->has_ended)
            return;
        if (a->throttle.look(clock::now()))
            return send_newest(a);
        wake_at(a->throttle.next());
    }

    // ---- time

    [[nodiscard]] clock::time_point given_up_at(const activity_attempt& a) const
    {
        return a.given_up ? clock::time_point::max()
                          : detail::given_up_at(a.deadline, a.context.info().heartbeat_timeout, a.heard, margin_);
    }

    [[nodiscard]] clock::time_point next_look(const activity_attempt& a) const
    {
        return std::min(given_up_at(a), a.throttle.next());
    }

    // One timer for all of them: a task that ends in time never touches it.
    void wake_at(clock::time_point at)
    {
        if (at >= wakes_at_)
            return;
        wakes_at_ = at;
        timer_.expires_at(at);
        timer_.async_wait([weak = weak_from_this()](error_code ec) {
            if (const auto self = weak.lock(); self && !ec && !self->stopped_)
                self->look();
        });
    }

    void look()
    {
        wakes_at_ = clock::time_point::max();
        const auto now = clock::now();
        const auto all = running_;
        for (const auto& a : all)
            if (!a->given_up && now >= given_up_at(*a))
                give_up(a);
            else if (a->throttle.look(now))
                send_newest(a);
        for (const auto& a : running_)
            wake_at(next_look(*a));
    }

    void give_up(const attempt_ptr& a)
    {
        a->given_up = true;
        if (a->has_ended)
            return;  // its report has a timeout of its own
        log(log_level::warning, shown(*a) + " has run into its timeout and is cancelled");
        calls_->cancel(a, cancel_reason::timeout);
    }

    [[nodiscard]] bool is_running(const activity_attempt& a) const noexcept
    {
        return a.place < running_.size() && running_[a.place].get() == &a;
    }

    std::shared_ptr<connection> connection_;
    const activity_registry* activities_;
    std::string task_queue_;
    data_converter converter_;
    logger logger_;
    metric_sink metrics_;
    heartbeat_pace pace_;
    std::chrono::nanoseconds margin_;
    std::function<void(bool)> ended_;
    std::vector<attempt_ptr> running_{};
    std::shared_ptr<activity_calls> calls_;
    boost::asio::steady_timer timer_;
    clock::time_point wakes_at_ = clock::time_point::max();
    bool stopped_ = false;

    // With all that is the same in each.
    api::RespondActivityTaskCompletedRequest completed_{};
    api::RespondActivityTaskFailedRequest failed_{};
    api::RespondActivityTaskCanceledRequest canceled_{};
    api::RecordActivityTaskHeartbeatRequest heartbeat_{};
};

}  // namespace mayfly::temporal::detail
