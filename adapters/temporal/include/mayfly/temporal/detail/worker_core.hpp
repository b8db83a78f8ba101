// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>
#include <mayfly/grpc/retry.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/invocation_report.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/activity_runner.hpp>
#include <mayfly/temporal/detail/occurrence.hpp>
#include <mayfly/temporal/detail/stop_sequence.hpp>
#include <mayfly/temporal/detail/task_polls.hpp>
#include <mayfly/temporal/detail/unique_key.hpp>
#include <mayfly/temporal/detail/worker_names.hpp>
#include <mayfly/temporal/detail/worker_pulse.hpp>
#include <mayfly/temporal/detail/workflow_part.hpp>
#include <mayfly/temporal/rpc_error.hpp>
#include <mayfly/temporal/worker_config.hpp>
#include <mayfly/temporal/worker_error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// What polling or starting fails with for good, in words that name a remedy where there is one.
[[nodiscard]] inline boost::system::error_code lasting_error(boost::system::error_code ec, const grpc::status& status)
{
    using enum grpc::status_code;
    switch (status.code) {
    case permission_denied: return worker_errc::not_permitted;
    case unauthenticated: return worker_errc::not_authenticated;
    case not_found: return worker_errc::unknown_namespace;
    case failed_precondition: return worker_errc::not_supported;
    case invalid_argument:
    case unimplemented: return worker_errc::refused;
    default: return ec;
    }
}

/// Whether what starting fails with is worth another try.
[[nodiscard]] inline bool may_pass(boost::system::error_code ec, const grpc::status& status)
{
    if (ec.category() == grpc::grpc_category())
        return !is_fatal_for_worker(status);
    return ec != http::errc::closed && ec != boost::asio::error::operation_aborted &&
           condition_of(ec) != condition::permanent;
}

[[nodiscard]] inline worker_names names_of(const connection& to, const worker_config& config)
{
    worker_names out;
    out.name_space = to.options().name_space;
    out.identity = config.settings.identity.empty() ? to.options().identity : config.settings.identity;
    out.instance_key = unique_key();
    if (config.version) {
        out.deployment.set_deployment_name(config.version->deployment);
        out.deployment.set_build_id(config.version->build_id);
        out.deployment.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
    } else {
        out.deployment.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_UNVERSIONED);
    }
    return out;
}

/// The life of a worker. Kept alive by the operations that are under way.
class worker_core : public std::enable_shared_from_this<worker_core> {
public:
    using clock = std::chrono::steady_clock;
    using error_code = boost::system::error_code;
    using activity_polls = task_polls<api::PollActivityTaskQueueRequest, api::PollActivityTaskQueueResponse>;

    worker_core(std::shared_ptr<connection> to, worker_config config)
        : connection_(std::move(to)),
          config_(std::move(config)),
          names_(names_of(*connection_, config_)),
          pulse_(config_, names_.identity, names_.instance_key, std::chrono::system_clock::now()),
          sequence_(plan(config_.settings.stop_timeout, false)),
          timer_(connection_->get_executor()),
          stop_timer_(connection_->get_executor()),
          started_(connection_->get_executor()),
          changed_(connection_->get_executor()),
          drained_(connection_->get_executor())
    {
        runner_ = std::make_shared<activity_runner>(
            connection_, config_, names_, [this](bool failed) { task_ended(failed); });
        // Who polls for activities says that there are some here.
        const std::uint32_t pollers = offers_activities() ? config_.settings.activity_pollers : 0;
        polls_ = std::make_shared<activity_polls>(connection_, methods::poll_activity_task_queue,
            std::vector{poll_request()}, poll_slots(config_.settings.max_concurrent_activities, pollers),
            poll_errors::rules{.grace = config_.timing.doubtful_polls}, pollers, listener());
        if (config_.workflows && !config_.workflows->registered().empty())
            workflows_ = config_.workflows->make_part({connection_, config_, names_, events(), eager()});
    }

    void start()
    {
        if (!offers_activities() && !workflows_)
            return cannot_start(worker_errc::nothing_registered);
        if (config_.settings.task_queue.empty())
            return cannot_start(worker_errc::no_task_queue);
        if (!all_behave())
            return cannot_start(worker_errc::undeclared_behavior);
        work_.emplace(connection_->get_executor());
        describe_namespace();
    }

    void drain(uptime within)
    {
        const auto now = clock::now();
        polls_->close();
        if (workflows_)
            workflows_->drain();
        timer_.cancel();
        if (!polling_) {  // nothing is under way, but a start perhaps
            work_.reset();
            started_.end(boost::asio::error::operation_aborted);
            return drained_.end({});
        }
        sequence_ = stop_sequence(plan(within, capabilities_.worker_poll_complete_on_shutdown()));
        sequence_.begin(now);
        tell_leaving();
        look();
    }

    void stop()
    {
        stopped_ = true;
        polls_->stop();
        runner_->stop();
        if (workflows_)
            workflows_->stop();
        timer_.cancel();
        stop_timer_.cancel();
        const error_code ec = boost::asio::error::operation_aborted;
        started_.end(ec);
        changed_.end(ec);
        drained_.end(ec);
        work_.reset();
    }

    [[nodiscard]] worker_activity activity() const
    {
        worker_activity a;
        a.received[static_cast<std::size_t>(task_type::activity)] = polls_->received();
        a.completed = totals_.processed;
        a.busy = polls_->slots().tasks();
        a.waiting = polls_->waiting();
        a.load = polls_->slots().load();
        if (workflows_)
            workflows_->add_to(a);
        return a;
    }

    [[nodiscard]] uptime stop_timeout() const noexcept { return config_.settings.stop_timeout; }
    [[nodiscard]] const worker_names& names() const noexcept { return names_; }
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return connection_->get_executor(); }
    /// Of a function that blocks.
    [[nodiscard]] std::size_t threads() const noexcept { return runner_->threads(); }

    [[nodiscard]] occurrence& started() noexcept { return started_; }
    [[nodiscard]] occurrence& changed() noexcept { return changed_; }
    [[nodiscard]] occurrence& drained() noexcept { return drained_; }

private:
    [[nodiscard]] bool offers_activities() const noexcept
    {
        return config_.activities != nullptr && !config_.activities->empty();
    }

    /// Runs of a versioned worker without one would not be versioned, which nobody would notice.
    [[nodiscard]] bool all_behave() const
    {
        constexpr auto none = versioning_behavior::unspecified;
        if (!config_.version || !workflows_ || config_.settings.default_behavior != none)
            return true;
        const auto all = config_.workflows->registered();
        return std::none_of(all.begin(), all.end(), [](const auto& w) { return w.behavior == none; });
    }

    [[nodiscard]] stop_sequence::plan plan(uptime within, bool server_ends_polls) const
    {
        return {.stop_timeout = within >= uptime(std::chrono::hours{24 * 365}) ? std::chrono::nanoseconds::max()
                                                                               : std::chrono::nanoseconds(within),
            .server_ends_polls = server_ends_polls,
            .tell_patience = config_.timing.leave_patience,
            .poll_patience = config_.timing.last_polls};
    }

    [[nodiscard]] api::PollActivityTaskQueueRequest poll_request() const
    {
        api::PollActivityTaskQueueRequest r;
        r.set_namespace_(names_.name_space);
        r.mutable_task_queue()->set_name(config_.settings.task_queue);
        r.mutable_task_queue()->set_kind(api::enums::TASK_QUEUE_KIND_NORMAL);
        r.set_identity(names_.identity);
        r.set_worker_instance_key(names_.instance_key);
        *r.mutable_deployment_options() = names_.deployment;
        if (config_.queue_activities_per_second)
            r.mutable_task_queue_metadata()->mutable_max_tasks_per_second()->set_value(
                *config_.queue_activities_per_second);
        return r;
    }

    // None of them is called after `stop`, which comes before this goes.
    [[nodiscard]] poll_listener<api::PollActivityTaskQueueResponse> listener()
    {
        return {events(), [this](api::PollActivityTaskQueueResponse task) {
                    runner_->run(std::move(task),
                        sequence_.tasks_are_cancelled() ? cancel_reason::worker_shutdown : cancel_reason::none);
                }};
    }

    // The same goes for these. A limit for the queue counts what is polled alone.
    [[nodiscard]] eager_activities eager()
    {
        if (!config_.eager_activities || !offers_activities() || config_.queue_activities_per_second)
            return {};
        return {[this](const std::string& type) { return config_.activities->find(type) && polls_->take_slot(); },
            [this](api::PollActivityTaskQueueResponse task) { polls_->give(std::move(task)); },
            [this] { polls_->task_ended(); }};
    }

    [[nodiscard]] poll_events events()
    {
        poll_events l;
        l.fatal = [this](error_code ec, const grpc::status& status) {
            failure_ = "polls of " + queue() + " are refused: " + describe(status);
            log(log_level::error, failure_);
            changed_.end(lasting_error(ec, status));
        };
        l.failing = [this](const grpc::status& status) {
            log(log_level::warning, "polls of " + queue() + " fail, and go on: " + describe(status));
        };
        l.recovered = [this](std::uint32_t failures) {
            log(log_level::info, "polls of " + queue() + " are answered again, after " + std::to_string(failures) +
                                     (failures == 1 ? " failure" : " failures"));
        };
        l.changed = [this] { something_changed(); };
        return l;
    }

    void log(log_level level, std::string_view words) const
    {
        if (config_.logger)
            config_.logger(level, words);
    }

    [[nodiscard]] std::string queue() const
    {
        return "task queue \"" + config_.settings.task_queue + "\" of namespace \"" + names_.name_space + '"';
    }

    // ---- start

    void describe_namespace()
    {
        api::DescribeNamespaceRequest request;
        request.set_namespace_(names_.name_space);
        connection_->async_call(methods::describe_namespace, request,
            [self = shared_from_this()](error_code ec, const rpc_reply<api::DescribeNamespaceResponse>& reply) {
                self->namespace_described(ec, reply);
            });
    }

    void namespace_described(error_code ec, const rpc_reply<api::DescribeNamespaceResponse>& reply)
    {
        if (stopped_ || !polls_->slots().open())
            return;
        if (ec && reply.status.code != grpc::status_code::unimplemented) {
            if (config_.patient_start && may_pass(ec, reply.status))
                return start_again(reply.status);
            failure_ = "namespace \"" + names_.name_space + "\" cannot be used: " + describe(reply.status);
            log(log_level::error, failure_);
            return cannot_start(lasting_error(ec, reply.status));
        }
        capabilities_ = reply.value.namespace_info().capabilities();
        polling_ = true;
        polls_->begin();
        if (workflows_)
            workflows_->begin();
        log(log_level::info, "polls " + queue() + " as " + names_.identity);
        started_.end({});
        if (capabilities_.worker_heartbeats())
            pulse();
    }

    // The call has been tried several times already.
    void start_again(const grpc::status& why)
    {
        constexpr grpc::growing_wait waits{std::chrono::milliseconds{200}, 2, std::chrono::seconds{10}, 0};
        log(log_level::warning,
            "namespace \"" + names_.name_space + "\" cannot be looked at, which is tried again: " + describe(why));
        timer_.expires_after(waits.at(failed_starts_++, 0.5));
        timer_.async_wait([weak = weak_from_this()](error_code ec) {
            if (const auto self = weak.lock(); self && !ec && !self->stopped_ && self->polls_->slots().open())
                self->describe_namespace();
        });
    }

    void cannot_start(error_code ec)
    {
        if (failure_.empty())
            failure_ = ec.message();
        work_.reset();
        started_.end(ec);
        changed_.end(ec);
    }

    // ---- what it tells of itself

    [[nodiscard]] api::worker::WorkerHeartbeat beat(api::enums::WorkerStatus status)
    {
        auto out =
            pulse_.beat(status, std::chrono::system_clock::now(), polls_->slots(), totals_, polls_->last_answer());
        if (workflows_)
            workflows_->add_to(out);
        return out;
    }

    template <class Then>
    void send_beat(api::enums::WorkerStatus status, std::chrono::nanoseconds patience, Then then)
    {
        api::RecordWorkerHeartbeatRequest request;
        request.set_namespace_(names_.name_space);
        request.set_identity(names_.identity);
        *request.add_worker_heartbeat() = beat(status);
        connection_->async_call(methods::record_worker_heartbeat, request,
            {.timeout = std::chrono::ceil<std::chrono::milliseconds>(patience), .retry = grpc::retry_policy::none()},
            [self = shared_from_this(), then = std::move(then)](error_code, const auto& reply) {
                if (!self->stopped_)
                    then(reply.status);
            });
    }

    void pulse()
    {
        const auto patience =
            std::max<std::chrono::nanoseconds>(config_.timing.worker_heartbeat, std::chrono::seconds{1});
        send_beat(api::enums::WORKER_STATUS_RUNNING, patience, [this](const grpc::status& s) {
            if (s.code == grpc::status_code::unimplemented)
                pulse_wanted_ = false;
            else if (!s.ok())
                log(log_level::debug, "a heartbeat of the worker failed: " + describe(s));
        });
        timer_.expires_after(config_.timing.worker_heartbeat);
        timer_.async_wait([weak = weak_from_this()](error_code ec) {
            if (const auto self = weak.lock(); self && !ec && self->pulse_wanted_ && !self->sequence_.begun())
                self->pulse();
        });
    }

    // ---- changes

    void task_ended(bool failed)
    {
        ++totals_.processed;
        totals_.failed += failed ? 1 : 0;
        polls_->task_ended();
        something_changed();
    }

    void something_changed()
    {
        changed_.happen();
        if (sequence_.begun())
            look();
    }

    // ---- the end

    void tell_leaving()
    {
        api::ShutdownWorkerRequest request;
        request.set_namespace_(names_.name_space);
        request.set_identity(names_.identity);
        request.set_reason("graceful shutdown");
        request.set_worker_instance_key(names_.instance_key);
        request.set_task_queue(config_.settings.task_queue);
        if (offers_activities())
            request.add_task_queue_types(api::enums::TASK_QUEUE_TYPE_ACTIVITY);
        if (workflows_) {
            request.add_task_queue_types(api::enums::TASK_QUEUE_TYPE_WORKFLOW);
            request.set_sticky_task_queue(workflows_->sticky_queue());
        }
        if (capabilities_.worker_heartbeats())
            *request.mutable_worker_heartbeat() = beat(api::enums::WORKER_STATUS_SHUTTING_DOWN);
        connection_->async_call(methods::shutdown_worker, request,
            {.timeout = std::chrono::ceil<std::chrono::milliseconds>(config_.timing.leave_patience)},
            [self = shared_from_this()](error_code ec, const auto& reply) {
                if (self->stopped_)
                    return;
                if (ec)
                    self->log(log_level::debug, "the server could not be told of the end: " + describe(reply.status));
                self->sequence_.told(clock::now());
                // Not before all is read that came together with this: a poll may have brought something.
                boost::asio::post(self->get_executor(), [self] {
                    if (!self->stopped_)
                        self->look();
                });
            });
    }

    void look()
    {
        if (leaving_done_)
            return;
        std::uint32_t polls = polls_->slots().polls();
        std::uint32_t tasks = polls_->slots().tasks();
        if (workflows_) {
            polls += workflows_->polls();
            tasks += workflows_->tasks();
        }
        const auto step = sequence_.look(clock::now(), polls, tasks);
        if (step.done)
            return has_left();
        if (step.next != clock::time_point::max()) {
            stop_timer_.expires_at(step.next);
            stop_timer_.async_wait([weak = weak_from_this()](error_code ec) {
                if (const auto self = weak.lock(); self && !ec && !self->stopped_)
                    self->look();
            });
        }
        if (step.cancel_tasks) {
            runner_->cancel_all(cancel_reason::worker_shutdown);
            if (workflows_)
                workflows_->hand_over();
        }
        if (step.recall_polls) {
            polls_->recall();
            if (workflows_)
                workflows_->recall_polls();
        }
    }

    void has_left()
    {
        // No heartbeat says that it has shut down: a server forgets such a worker, and goes on to list its polls for
        // minutes. One that is shutting down is listed as that.
        leaving_done_ = true;
        stop_timer_.cancel();
        work_.reset();
        drained_.end({});
    }

    std::shared_ptr<connection> connection_;
    worker_config config_;
    worker_names names_;
    api::name_space::NamespaceInfo::Capabilities capabilities_{};
    std::shared_ptr<activity_runner> runner_{};
    std::shared_ptr<activity_polls> polls_{};
    std::shared_ptr<workflow_part> workflows_{};  // null: there are none
    worker_pulse pulse_;
    task_totals totals_{};
    stop_sequence sequence_;
    boost::asio::steady_timer timer_;  // of the start, then of the heartbeats
    boost::asio::steady_timer stop_timer_;
    occurrence started_;
    occurrence changed_;
    occurrence drained_;
    // Functions on other threads are no work that the executor would know of.
    std::optional<boost::asio::executor_work_guard<boost::asio::any_io_executor>> work_{};
    std::string failure_{};
    std::uint32_t failed_starts_ = 0;
    bool polling_ = false;
    bool pulse_wanted_ = true;
    bool leaving_done_ = false;
    bool stopped_ = false;
};

}  // namespace mayfly::temporal::detail
