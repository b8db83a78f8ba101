// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/lambda_runtime/service.hpp>
#include <mayfly/local/error.hpp>
#include <mayfly/local/failure_text.hpp>
#include <mayfly/local/function.hpp>
#include <mayfly/local/function_environment.hpp>
#include <mayfly/local/invoke.hpp>
#include <mayfly/local/log_text.hpp>
#include <mayfly/local/memory.hpp>
#include <mayfly/local/process.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::local {

/// What all sandboxes of one platform have in common. The callbacks are called in the middle of things.
struct sandbox_settings {
    account_settings where{};
    std::chrono::milliseconds init_limit{std::chrono::seconds{10}};
    std::chrono::milliseconds shutdown_grace{500};  ///< After SIGTERM, for a process that asked to hear of it.
    bool freeze = true;
    std::size_t log_line = 256 * 1024;
    std::function<void(const log_entry&)> log{};
    std::function<void(const platform_event&)> event{};
};

/// One invocation, as an environment is given it.
struct sandbox_job {
    std::string request_id{};
    std::string function_arn{};
    std::string trace_id{};
    std::string client_context{};
    std::string payload{};
    bool comes_to_nothing = false;  ///< The start of a process is made to fail. Ignored if there is one.
};

/// How it ended.
struct sandbox_outcome {
    boost::system::error_code ec{};  ///< Set: nothing ran, for want of room or because it is stopping.
    std::string payload{};
    std::string error_type{};  ///< Empty: the payload is the function's answer.
    std::string log_tail{};
};

/** One execution environment: a process, and the Runtime API that it talks to.

    It serves one invocation at a time. The first starts the process, and so does the next after the process has ended.
    Between invocations the process is stopped, if the settings say so. It is shared with its own coroutines: whoever
    drops it calls `kill` before.
*/
class sandbox : public std::enable_shared_from_this<sandbox> {
public:
    using clock = std::chrono::steady_clock;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    sandbox(boost::asio::any_io_executor executor, std::shared_ptr<const function_settings> function,
        std::shared_ptr<const sandbox_settings> settings, std::string log_stream)
        : executor_(std::move(executor)),
          function_(std::move(function)),
          settings_(std::move(settings)),
          log_stream_(std::move(log_stream)),
          wake_(executor_)
    {}

    /// The function and the version that it runs. Who sets them anew is told apart by the address.
    [[nodiscard]] const std::shared_ptr<const function_settings>& function() const noexcept { return function_; }

    /// Zero if there is no process.
    [[nodiscard]] pid_t process_id() const noexcept { return life_ && life_->child ? life_->child->id() : 0; }
    /// It is up and asks for work, so that the next invocation is a warm one.
    [[nodiscard]] bool is_warm() const noexcept
    {
        return !stopping_ && process_id() != 0 && !life_->child->has_ended() &&
               life_->service.state() == lambda_runtime::environment_state::waiting;
    }
    [[nodiscard]] bool is_starting() const noexcept { return starting_; }

    /// Called when a process ends between invocations.
    void on_gone(std::function<void()> call) { gone_ = std::move(call); }

    /// Runs one invocation to its end: until the function has answered and asks for work again, or is no more. `job`
    /// has to live as long.
    awaitable<sandbox_outcome> invoke(const sandbox_job& job)
    {
        const auto self = shared_from_this();
        request_id_ = job.request_id;
        tail_ = {};
        numbers_ = {.memory_mib = function_->memory_mib};
        running_ = true;
        if (settings_->freeze && process_id() != 0)
            life_->child->signal(SIGCONT);
        sandbox_outcome out = co_await run(job);
        out.log_tail = tail_.take();
        if (is_warm()) {
            if (settings_->freeze)
                life_->child->signal(SIGSTOP);
        } else {
            co_await close_life();
        }
        running_ = false;
        co_return out;
    }

    /// What all its processes use now. Above what the function may have, they are killed.
    void note_memory(std::uint64_t bytes)
    {
        peak_ = std::max(peak_, bytes);
        if (bytes > std::uint64_t{function_->memory_mib} * 1024 * 1024 && process_id() != 0 && !out_of_memory_) {
            out_of_memory_ = true;
            life_->child->signal(SIGKILL);
        }
    }

    /// Ends the process, now or, if it asked to hear of it, shortly after it was told. What runs ends with
    /// `errc::stopped`.
    void stop()
    {
        stopping_ = true;
        wake_.cancel();
        if (process_id() == 0)
            return;
        if (!life_->service.has_extension())
            return life_->child->signal(SIGKILL);
        life_->child->signal(SIGTERM);
        life_->child->signal(SIGCONT);
        const auto grace = std::make_shared<boost::asio::steady_timer>(executor_, settings_->shutdown_grace);
        grace->async_wait([life = std::weak_ptr<life_of>(life_), grace](boost::system::error_code) {
            if (const auto l = life.lock(); l && l->child)
                l->child->signal(SIGKILL);
        });
        life_->grace = grace;
    }

    /// No process is left of it.
    [[nodiscard]] bool is_over() const noexcept { return !running_ && process_id() == 0; }

    /// Ends everything at once: kills, and waits until that is done.
    void kill()
    {
        stopping_ = true;
        gone_ = nullptr;
        if (const auto life = std::exchange(life_, nullptr)) {
            life->service.stop();
            life->child.reset();
            life->exit.emplace();
        }
        wake_.cancel();
    }

private:
    /// One process, from its start to its end.
    struct life_of {
        life_of(const boost::asio::any_io_executor& executor, lambda_runtime::service_options options)
            : service(executor, std::move(options))
        {}

        lambda_runtime::runtime_service service;
        std::shared_ptr<process> child{};
        std::optional<process_exit> exit{};
        std::shared_ptr<boost::asio::steady_timer> grace{};
        bool ready = false;  // it asks for work, or says that it cannot start
        std::optional<lambda_runtime::invocation_outcome> init_error{};
        std::optional<lambda_runtime::invocation_outcome> answer{};
    };

    enum class began : std::uint8_t { ready, failed, late, no_room, stopped };

    awaitable<sandbox_outcome> run(const sandbox_job& job)
    {
        clock::time_point deadline{};
        if (process_id() == 0) {
            if (job.comes_to_nothing)
                co_return finish(start_failed(exit_failure(job.request_id, {})));
            began how = co_await begin(clock::now() + settings_->init_limit);
            if (how == began::ready) {
                numbers_.init = since(began_at_);
            } else if (how == began::failed || how == began::late) {
                // It is given another try, within the time that the function has for the invocation.
                platform_line(init_report_line(since(began_at_), how == began::late ? "timeout" : "error",
                    how == began::late ? "" : failure_.type));
                deadline = clock::now() + function_->timeout;
                platform_line(start_line(request_id_, function_->version));
                invoked_at_ = clock::now();
                how = co_await begin(deadline);
            }
            if (how != began::ready)
                co_return not_begun(how);
        }
        if (deadline == clock::time_point{}) {
            platform_line(start_line(request_id_, function_->version));
            invoked_at_ = clock::now();
            deadline = invoked_at_ + function_->timeout;
        }
        sandbox_outcome out = co_await converse(job, deadline);
        co_return out;
    }

    /// A process from its start to its first call, until `limit`.
    awaitable<began> begin(clock::time_point limit)
    {
        co_await close_life();
        starting_ = true;
        const began how = co_await begin_life(limit);
        starting_ = false;
        if (how != began::ready)
            co_await close_life();
        co_return how;
    }

    awaitable<began> begin_life(clock::time_point limit)
    {
        if (function_->start_delay > function_->start_delay.zero()) {
            limit += function_->start_delay;
            co_await wait_until(clock::now() + function_->start_delay, [this] { return stopping_; });
        }
        began_at_ = clock::now();
        if (stopping_)
            co_return began::stopped;
        if (!make_life())
            co_return failure_.type.empty() ? began::no_room : began::failed;

        const std::shared_ptr<life_of> life = life_;
        co_await wait_until(limit, [this, &life] { return stopping_ || life->ready || life->exit; });
        if (life->exit && !life->ready && !stopping_)
            co_await let_arrive([&life] { return life->ready; });
        if (stopping_)
            co_return began::stopped;
        if (life->init_error) {
            failure_ = {life->init_error->error_type, life->init_error->payload};
            co_return began::failed;
        }
        if (life->exit) {
            failure_ = exit_failure(request_id_, *life->exit);
            co_return began::failed;
        }
        co_return life->ready ? began::ready : began::late;
    }

    /// A listening service and a process that knows of it.
    [[nodiscard]] bool make_life()
    {
        failure_ = {};
        out_of_memory_ = false;
        peak_ = 0;
        auto life =
            std::make_shared<life_of>(executor_, lambda_runtime::service_options{.function_name = function_->name,
                                                     .function_version = function_->version,
                                                     .handler = function_->handler});
        if (const auto ec = life->service.listen()) {
            tell(platform_event::kind::start_failed, 0, ec.message());
            return false;
        }

        const std::string file = std::filesystem::absolute(function_->bootstrap).lexically_normal().string();
        const process_spec spec{.file = file,
            .folder = task_root(*function_),
            .variables = function_environment(*function_, settings_->where, {life->service.address(), log_stream_}),
            .longest_line = settings_->log_line};
        const std::weak_ptr<sandbox> weak = weak_from_this();
        const std::weak_ptr<life_of> weak_life = life;
        process::failure why;
        life->child = process::start(
            executor_, spec,
            [weak](std::string_view line) {
                if (const auto self = weak.lock())
                    self->line(log_entry::source::function, line);
            },
            [weak, weak_life](process_exit how) {
                const auto self = weak.lock();
                const auto ended = weak_life.lock();
                if (self && ended)
                    self->exited(*ended, how);
            },
            why);
        if (!life->child) {
            tell(platform_event::kind::start_failed, 0, why.ec.message());
            std::error_code ignored;
            if (!why.no_room())
                failure_ =
                    entrypoint_failure(request_id_, file, why.ec.value(), std::filesystem::exists(file, ignored));
            return false;
        }
        life_ = std::move(life);
        pid_ = life_->child->id();
        tell(platform_event::kind::started, pid_, {});
        await_call(life_);
        return true;
    }

    /// Notes when the function asks for work, or says that it cannot start.
    void await_call(const std::shared_ptr<life_of>& life)
    {
        life->ready = false;
        life->service.async_ready([weak = weak_from_this(), weak_life = std::weak_ptr<life_of>(life)](
                                      boost::system::error_code ec, lambda_runtime::invocation_outcome why) {
            const auto self = weak.lock();
            const auto caller = weak_life.lock();
            if (!self || !caller || (ec && ec != lambda_runtime::errc::init_failed))
                return;
            caller->ready = true;
            if (ec)
                caller->init_error = std::move(why);
            self->wake_.cancel();
        });
    }

    /// Hands the invocation over and waits for its end.
    awaitable<sandbox_outcome> converse(const sandbox_job& job, clock::time_point deadline)
    {
        const std::shared_ptr<life_of> life = life_;
        life->answer.reset();
        life->ready = false;
        peak_ = std::max(peak_, peak_of(process_id()));
        lambda_runtime::invocation what;
        what.request_id = job.request_id;
        what.deadline = std::chrono::floor<std::chrono::milliseconds>(
            std::chrono::system_clock::now() +
            std::chrono::duration_cast<std::chrono::system_clock::duration>(deadline - clock::now()));
        what.function_arn = job.function_arn;
        what.trace_id = job.trace_id;
        what.client_context = job.client_context;
        what.payload = job.payload.empty() ? "{}" : job.payload;
        tell(platform_event::kind::invoked, pid_, {});
        life->service.async_invoke(
            std::move(what), [weak = weak_from_this(), weak_life = std::weak_ptr<life_of>(life)](
                                 boost::system::error_code ec, lambda_runtime::invocation_outcome answer) {
                const auto self = weak.lock();
                const auto answered = weak_life.lock();
                if (!self || !answered || ec)
                    return;
                answered->answer = std::move(answer);
                // It is over when it asks for work again.
                self->await_call(answered);
                self->wake_.cancel();
            });
        co_await wait_until(
            deadline, [this, &life] { return stopping_ || life->exit || (life->answer && life->ready); });
        // Its last bytes may still be on their way to us.
        if (life->exit && !life->answer)
            co_await let_arrive([&life] { return life->answer.has_value(); });
        if (life->child)
            life->child->read_output();

        // The looks at all processes know the whole group, the process itself its peak between them.
        if (const pid_t id = process_id(); id != 0)
            note_memory(peak_of(id));
        if (out_of_memory_) {
            co_await wait_until(clock::time_point::max(), [&life] { return life->exit.has_value(); });
            co_return finish(exit_failure(request_id_, *life->exit));
        }
        if (life->answer)
            co_return answered(*life);
        if (stopping_ && !life->exit)
            co_return sandbox_outcome{.ec = errc::stopped};
        if (!life->exit)
            co_return timed_out();
        if (stopping_ && !out_of_memory_)
            co_return sandbox_outcome{.ec = errc::stopped};
        co_return finish(exit_failure(request_id_, *life->exit));
    }

    [[nodiscard]] sandbox_outcome answered(life_of& life)
    {
        lambda_runtime::invocation_outcome answer = std::move(*life.answer);
        if (answer.failed())
            return finish({answer.error_type, std::move(answer.payload)});
        report({}, {});
        return {.payload = std::move(answer.payload)};
    }

    [[nodiscard]] sandbox_outcome timed_out()
    {
        failure_text why = timeout_failure(request_id_, function_->timeout);
        platform_line(timeout_line(request_id_, function_->timeout, std::chrono::system_clock::now()));
        report("timeout", {});
        return {.payload = std::move(why.payload), .error_type = std::move(why.type)};
    }

    /// An invocation that ended without an answer.
    [[nodiscard]] sandbox_outcome finish(failure_text why)
    {
        if (out_of_memory_)
            report("error", "Runtime.OutOfMemory");
        else
            report("error", why.type);
        return {.payload = std::move(why.payload), .error_type = std::move(why.type)};
    }

    /// One for which there was no process in the end.
    [[nodiscard]] sandbox_outcome not_begun(began how)
    {
        switch (how) {
        case began::no_room: return {.ec = errc::no_room};
        case began::stopped: return {.ec = errc::stopped};
        case began::late: return timed_out();
        case began::failed:
        case began::ready: break;
        }
        return finish(std::move(failure_));
    }

    [[nodiscard]] failure_text start_failed(failure_text why)
    {
        tell(platform_event::kind::start_failed, 0, why.type);
        platform_line(start_line(request_id_, function_->version));
        invoked_at_ = clock::now();
        return why;
    }

    void report(std::string_view status, std::string_view error_type)
    {
        constexpr std::uint64_t mib = 1024 * 1024;
        numbers_.duration = since(invoked_at_);
        if (status == "timeout")
            numbers_.duration = std::max<std::chrono::microseconds>(numbers_.duration, function_->timeout);
        numbers_.used_mib = std::min<std::uint64_t>((peak_ + mib - 1) / mib, numbers_.memory_mib);
        numbers_.status = status;
        numbers_.error_type = error_type;
        platform_line(end_line(request_id_));
        platform_line(report_line(request_id_, numbers_));
    }

    void exited(life_of& life, process_exit how)
    {
        life.exit = how;
        if (life.grace)
            life.grace->cancel();
        tell(platform_event::kind::exited, pid_, to_string(how));
        wake_.cancel();
        if (!running_ && gone_)
            gone_();
    }

    /// Kills the process, waits for its end, and forgets it.
    awaitable<void> close_life()
    {
        const std::shared_ptr<life_of> life = life_;
        if (!life)
            co_return;
        if (process_id() != 0) {
            life->child->signal(SIGKILL);
            co_await wait_until(clock::time_point::max(), [&life] { return life->exit.has_value(); });
        }
        life->service.stop();
        if (life_ == life)
            life_.reset();
    }

    template <class Condition>
    awaitable<void> wait_until(clock::time_point until, Condition holds)
    {
        while (!holds() && clock::now() < until) {
            boost::system::error_code ec;
            wake_.expires_at(until);
            co_await wake_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        }
    }

    /// A process that has ended may have spoken just before. Lets the reactor look a few times.
    template <class Condition>
    awaitable<void> let_arrive(Condition holds)
    {
        for (int looks = 0; looks < 64 && !holds(); ++looks)
            co_await boost::asio::post(executor_, boost::asio::use_awaitable);
    }

    void platform_line(std::string_view text) { line(log_entry::source::platform, text); }

    void line(log_entry::source from, std::string_view text)
    {
        if (running_)
            tail_.add(text);
        if (settings_->log)
            settings_->log({from, function_->name, function_->version, request_id_, pid_, text});
    }

    void tell(platform_event::kind what, pid_t id, std::string_view detail)
    {
        if (settings_->event)
            settings_->event({what, function_->name, function_->version, request_id_, id, detail});
    }

    [[nodiscard]] static std::chrono::microseconds since(clock::time_point t)
    {
        return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - t);
    }

    boost::asio::any_io_executor executor_;
    std::shared_ptr<const function_settings> function_;
    std::shared_ptr<const sandbox_settings> settings_;
    std::string log_stream_;
    boost::asio::steady_timer wake_;  // what the running invocation waits on; cancelled at every change
    std::function<void()> gone_{};
    std::shared_ptr<life_of> life_{};
    pid_t pid_ = 0;  // of the process that is, or was the last

    std::string request_id_{};
    log_tail tail_{};
    invocation_numbers numbers_{};
    failure_text failure_{};  // why the last start failed; of no type if there was no room
    clock::time_point began_at_{};
    clock::time_point invoked_at_{};
    std::uint64_t peak_ = 0;
    bool out_of_memory_ = false;
    bool running_ = false;
    bool starting_ = false;
    bool stopping_ = false;
};

}  // namespace mayfly::local
