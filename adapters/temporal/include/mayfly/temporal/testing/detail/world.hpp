// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/embedded_service.hpp>
#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/testing/answer.hpp>
#include <mayfly/temporal/testing/environment_options.hpp>
#include <mayfly/temporal/testing/replay.hpp>
#include <mayfly/temporal/worker.hpp>
#include <mayfly/temporal/worker_setup.hpp>
#include <mayfly/temporal/workflow_client.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::testing::detail {

/// Sleeps in the place of a test that lets time go by.
inline constexpr const char* sleeper = "mayfly.testing.sleep";
inline constexpr const char* sleepers_queue = "mayfly.testing";

inline workflow::task<> sleep_for(workflow::context& ctx, std::int64_t nanoseconds)
{
    co_await ctx.sleep(std::chrono::nanoseconds(nanoseconds));
}

/// A failed task that says something about the workflow. Others come of signals that cross its end, and of resets.
[[nodiscard]] inline bool is_own_fault(const api::history::WorkflowTaskFailedEventAttributes& a)
{
    return a.cause() != api::enums::WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND &&
           a.cause() != api::enums::WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW &&
           a.cause() != api::enums::WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND;
}

[[nodiscard]] inline std::string shown(const embedded::workflow_run& r)
{
    return "workflow \"" + r.begun().workflow_type().name() + "\" (" + r.workflow_id + ')';
}

/// The service, its workers and the connection of a test, and who runs them while the test waits.
class world {
public:
    using error_code = boost::system::error_code;
    using clock = std::chrono::steady_clock;

    explicit world(environment_options o) : options_(std::move(o))
    {
        workflows_of(setup_).add(sleeper, sleep_for);
        setup_.activities.add_dynamic(
            [this](activity_context& context) { missing(context.info()); }, {.runs_on = runs_on::executor});
    }
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    ~world()
    {
        ending_ = true;
        // In a handler: what is cancelled from outside of the executor hears of it later, and may be gone by then.
        boost::asio::post(io_, [this] {
            workers_.clear();
            if (wire_)
                wire_->close();
            if (service_)
                service_->async_stop([](error_code) {});
        });
        // What is under way hears that it is over, and ends in its own place.
        const auto end = clock::now() + std::chrono::seconds{2};
        while (io_.restart(), io_.poll_one() != 0 && clock::now() < end) {
        }
    }

    [[nodiscard]] worker_setup& setup() noexcept { return setup_; }
    [[nodiscard]] const environment_options& options() const noexcept { return options_; }
    [[nodiscard]] const std::shared_ptr<connection>& wire() const noexcept { return wire_; }
    /// For what a test starts on this queue, or finds.
    [[nodiscard]] workflow_client client(const std::string& queue = {}) const
    {
        return workflow_client(
            wire_, setup_.converter, queue == sleepers_queue ? std::vector<interceptor>{} : setup_.interceptors);
    }
    [[nodiscard]] workflow::workflow_time now() const
    {
        return service_ ? workflow::workflow_time(service_->now().wall)
                        : workflow::workflow_time(std::chrono::system_clock::now());
    }
    [[nodiscard]] const embedded::workflow_run* find(const std::string& id, const std::string& run = {}) const
    {
        return service_ ? service_->engine().workflows().find(options_.name_space, id, run) : nullptr;
    }

    /// Begins what has not begun. False if that is impossible, or if something has gone wrong for good.
    [[nodiscard]] bool ready()
    {
        if (failure_ || service_)
            return !failure_;
        problems wrong = setup_.activities.problems();
        for (const problem& p : workflows_of(setup_).problems())
            wrong.push_back(p);
        if (!wrong.empty())
            return fail(environment_errc::not_ready, to_string(wrong));
        embedded_options o;
        o.namespaces = {options_.name_space};
        o.skip_time = true;
        o.on_added = [this](const embedded::add_event& e) { serve(e.task_queue); };
        service_.emplace(io_.get_executor(), std::move(o));
        if (const error_code ec = service_->listen())
            return fail(environment_errc::not_ready, "the service cannot listen: " + ec.message());
        connection_options to;
        to.target = {false, "127.0.0.1", service_->port()};
        to.name_space = options_.name_space;
        wire_ = std::make_shared<connection>(io_.get_executor(), std::move(to));
        const auto met = call<rpc_reply<api::GetSystemInfoResponse>>("the service's first answer",
            [this](auto then) { wire_->async_connect(options_.patience, std::move(then)); });
        if (!met)
            return fail(environment_errc::not_ready, stuck_);
        if (met->ec)
            return fail(environment_errc::not_ready, "the service does not answer: " + met->ec.message());
        return !failure_;
    }

    template <class T>
    struct heard {
        error_code ec{};
        T value{};
    };

    /// Runs everything until the operation that `begin` begins has ended. None if that does not come: then `refuse`
    /// has why.
    template <class T, class Begin>
    [[nodiscard]] std::optional<heard<T>> call(const std::string& what, Begin begin)
    {
        const auto got = std::make_shared<std::optional<heard<T>>>();
        begin([got, &io = io_](error_code ec, T value) {
            got->emplace(heard<T>{ec, std::move(value)});
            io.stop();
        });
        stuck_.clear();
        const auto end = clock::now() + options_.patience;
        while (!*got && !failure_ && stuck_.empty()) {
            io_.restart();
            io_.run_for(std::chrono::milliseconds{50});
            if (!*got)
                look(what, end);
        }
        if (*got && !failure_)
            judge();
        if (failure_ || !*got)
            return std::nullopt;
        return std::move(*got);
    }

    /// Tells an answer why there is none.
    template <class Answer>
    void refuse(Answer& a) const
    {
        a.error = error_code(environment_errc::stuck);
        a.words = stuck_;
        if (failure_) {
            a.error = failure_->error;
            a.words = failure_->words;
        }
    }

    [[nodiscard]] static api::history::History history_of(const embedded::workflow_run& r)
    {
        api::history::History out;
        for (const auto& e : r.history.events())
            *out.add_events() = e;
        return out;
    }

    /// @param run  the run's id, where history does not say it: of a reset
    [[nodiscard]] replay_report replay_of(const api::history::History& history, const std::string& run)
    {
        replay_options with;
        with.converter = setup_.converter;
        with.interceptors = setup_.interceptors;
        with.name_space = options_.name_space;
        with.run_id = run;
        with.activities = &setup_.activities.called();
        return replay(history, workflows_of(setup_), with);
    }

    /// Of all runs but those in which only a test slept.
    [[nodiscard]] std::vector<const embedded::workflow_run*> runs() const
    {
        std::vector<const embedded::workflow_run*> out;
        if (service_)
            for (const auto& [order, r] : service_->engine().workflows().all())
                if (r->begun().workflow_type().name() != sleeper)
                    out.push_back(r);
        return out;
    }

    /// What a worker says of where a run is.
    [[nodiscard]] std::string stack_trace(const std::string& id, const std::string& run)
    {
        const workflow_handle<void> handle(wire_, setup_.converter, {id, run, {}});
        std::optional<std::string> trace;
        const auto got = std::make_shared<std::optional<query_outcome<std::string>>>();
        handle.async_query_by_name<std::string>("__stack_trace", {}, {.within = std::chrono::seconds{5}},
            [got, &io = io_](error_code, query_outcome<std::string> o) {
                *got = std::move(o);
                io.stop();
            });
        const auto end = clock::now() + std::chrono::seconds{5};
        while (!*got && clock::now() < end) {
            io_.restart();
            io_.run_for(std::chrono::milliseconds{50});
        }
        if (*got && (*got)->value)
            return *(*got)->value;
        return "no worker says where it is" + (*got ? ": " + (*got)->words : std::string());
    }

private:
    /// Why nothing goes on.
    struct final_failure {
        error_code error{};
        std::string words{};
    };

    bool fail(environment_errc ec, std::string words)
    {
        if (!failure_)
            failure_ = final_failure{ec, std::move(words)};
        return false;
    }

    [[noreturn]] void missing(const activity_info& a)
    {
        const std::string name(a.type);
        fail(environment_errc::missing_activity,
            "workflow \"" + std::string(a.workflow_type) + "\" calls the activity \"" + name +
                "\", which the test has not: give it one with env.activity(\"" + name + "\", ...)");
        io_.stop();
        throw application_error("the test has no activity \"" + name + '"', {.non_retryable = true});
    }

    /// There is a worker for every queue that somebody puts something into.
    void serve(const std::string& queue)
    {
        if (ending_ || workers_.contains(queue))
            return;
        worker_config config;
        config.activities = &setup_.activities;
        config.workflows = setup_.workflows;
        config.converter = setup_.converter;
        if (queue != sleepers_queue)
            config.interceptors = setup_.interceptors;
        config.logger = options_.logger;
        config.metrics = options_.metrics;
        config.settings.task_queue = queue;
        config.settings.identity = "test";
        config.settings.max_concurrent_activities = 100;
        config.settings.max_concurrent_local_activities = 100;
        config.settings.activity_pollers = 2;
        config.settings.sticky_cache = options_.sticky_cache;
        // A slow machine is no reason to fail a task.
        config.timing.workflow_step = std::max<std::chrono::nanoseconds>(options_.patience, std::chrono::seconds{10});
        worker& w = *workers_.emplace(queue, std::make_unique<worker>(wire_, std::move(config))).first->second;
        w.async_start([this, &w](error_code ec) {
            if (ec && !ending_)
                fail(environment_errc::not_ready, "the worker does not start: " + w.failure());
        });
    }

    /// Once in a while, whether it makes sense to go on.
    void look(const std::string& what, clock::time_point end)
    {
        for (const embedded::workflow_run* const r : runs())
            if (r->open() && r->task.attempt > 1)
                look_for_failed_task(*r);
        if (failure_)
            return;
        io_.restart();
        if (io_.poll_one() == 0 && service_->engine().is_stuck())
            stuck_ = what + " will not come: time cannot bring it, only a call could, like a signal";
        else if (clock::now() >= end)
            stuck_ = what + " has not come in " +
                     std::to_string(std::chrono::duration_cast<std::chrono::seconds>(options_.patience).count()) + " s";
        if (!stuck_.empty())
            stuck_ += open_runs();
    }

    void look_for_failed_task(const embedded::workflow_run& r)
    {
        for (const auto& e : r.history.events())
            if (e.has_workflow_task_failed_event_attributes() &&
                is_own_fault(e.workflow_task_failed_event_attributes())) {
                const auto& a = e.workflow_task_failed_event_attributes();
                fail(a.cause() == api::enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
                         ? environment_errc::nondeterministic
                         : environment_errc::task_failed,
                    shown(r) + " failed its task: " + describe(a.failure()));
            }
    }

    /// Runs that have ended are gone through once more.
    void judge()
    {
        for (const embedded::workflow_run* const r : runs()) {
            if (r->open() || !judged_.insert(r->order).second)
                continue;
            look_for_failed_task(*r);
            if (!options_.replay || failure_)
                continue;
            if (const replay_report seen = replay_of(history_of(*r), r->run_id); !seen.ok())
                fail(environment_errc::nondeterministic, shown(*r) + " does not replay: " + seen.words);
        }
    }

    /// For people: what is going on.
    [[nodiscard]] std::string open_runs()
    {
        constexpr std::size_t most = 3;
        struct one {
            std::string id, run, words;
        };
        std::vector<one> all;
        for (const embedded::workflow_run* const r : runs()) {
            if (!r->open() || all.size() == most)
                continue;
            std::string words = '\n' + shown(*r);
            for (const auto& [event, a] : r->activities) {
                words +=
                    "\n  activity \"" + a->request.activity_type().name() + "\", attempt " + std::to_string(a->attempt);
                if (a->last_failure)
                    words += ", after: " + describe(*a->last_failure);
            }
            all.push_back({r->workflow_id, r->run_id, std::move(words)});
        }
        std::string out;
        for (const one& r : all)
            out += r.words + "\n  " + stack_trace(r.id, r.run);
        return out;
    }

    environment_options options_;
    worker_setup setup_{};
    boost::asio::io_context io_{};
    std::optional<embedded_service> service_{};
    std::shared_ptr<connection> wire_{};
    std::map<std::string, std::unique_ptr<worker>> workers_{};  // by queue
    std::optional<final_failure> failure_{};                    // for good
    std::string stuck_{};                                       // the last wait only
    std::set<std::uint64_t> judged_{};
    bool ending_ = false;
};

}  // namespace mayfly::temporal::testing::detail
