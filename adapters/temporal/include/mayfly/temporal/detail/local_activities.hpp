// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_registry.hpp>
#include <mayfly/temporal/detail/activity_attempt.hpp>
#include <mayfly/temporal/detail/activity_calls.hpp>
#include <mayfly/temporal/detail/activity_failures.hpp>
#include <mayfly/temporal/detail/local_retry.hpp>
#include <mayfly/temporal/detail/steady_sum.hpp>
#include <mayfly/temporal/detail/worker_pulse.hpp>
#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/metrics.hpp>
#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/worker_config.hpp>
#include <mayfly/temporal/workflow/machine_step.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// Whose local activities they are.
struct local_origin {
    std::string name_space{};
    std::string workflow_id{};
    std::string run_id{};
    std::string workflow_type{};
};

/// A local activity, with all of its attempts. Belongs to `local_activities`.
struct local_work {
    using clock = std::chrono::steady_clock;

    local_work(const boost::asio::any_io_executor& executor, workflow::local_start w, local_origin o,
        std::function<void(workflow::local_outcome)> d)
        : start(std::move(w)), origin(std::move(o)), done(std::move(d)), attempt(start.what.attempt), timer(executor)
    {}

    workflow::local_start start;
    local_origin origin;
    std::function<void(workflow::local_outcome)> done;  // empty: nobody waits for it any more
    std::uint32_t attempt;
    boost::asio::steady_timer timer;              // of what it does now
    std::uint64_t waits = 0;                      // of the timer: only the last one counts
    clock::time_point scheduled{};                // first of all
    clock::time_point queued{};                   // for this attempt
    std::shared_ptr<activity_attempt> running{};  // null: it waits
    bool cancelled = false;
    bool dropped = false;  // nobody hears of it, even if it has ended and that is on its way
};

/** Runs local activities, tries them again, and tells what came of each.

    An attempt that is given up holds its slot until its function has come back.
*/
class local_activities : public std::enable_shared_from_this<local_activities> {
public:
    using clock = std::chrono::steady_clock;
    using error_code = boost::system::error_code;
    using attempt_ptr = std::shared_ptr<activity_attempt>;
    using work_ptr = std::shared_ptr<local_work>;

    local_activities(boost::asio::any_io_executor executor, const worker_config& config)
        : executor_(std::move(executor)),
          activities_(config.activities),
          task_queue_(config.settings.task_queue),
          converter_(config.converter),
          logger_(config.logger),
          metrics_(config.metrics),
          slots_(config.settings.max_concurrent_local_activities),
          // `stop` comes before this goes, and after that it hears nothing.
          calls_(std::make_shared<activity_calls>(executor_, slots_,
              hooks_of(config.interceptors, &interceptor::activity), [this](const attempt_ptr& a) { ended(a); }))
    {}

    /// `done` is called once, later, unless it is cancelled or dropped.
    work_ptr start(workflow::local_start what, local_origin whose, std::function<void(workflow::local_outcome)> done)
    {
        const auto w = std::make_shared<local_work>(executor_, std::move(what), std::move(whose), std::move(done));
        const auto now = clock::now();
        w->scheduled = now;
        if (w->start.what.first_scheduled)
            w->scheduled -= std::clamp<std::chrono::nanoseconds>(
                std::chrono::system_clock::now() - w->start.scheduled, {}, std::chrono::hours{24 * 365});
        enqueue(w);
        return w;
    }

    /// The workflow does not want it any more, and hears how it ends.
    void cancel(const work_ptr& w)
    {
        if (std::exchange(w->cancelled, true) || !w->done)
            return;
        if (w->running)
            calls_->cancel(w->running, cancel_reason::cancelled);
        else
            tell(w, {.outcome = {.how = workflow::resolution::kind::cancelled, .failure = cancellation()}});
    }

    /// Nobody waits for it any more: its run is not in memory.
    void drop(const work_ptr& w)
    {
        w->done = {};
        w->dropped = true;
        end_wait(*w);
        std::erase(queue_, w);
        if (w->running)
            calls_->cancel(w->running, cancel_reason::worker_shutdown);
    }

    void stop()
    {
        stopped_ = true;
        for (const auto& w : std::exchange(queue_, {}))
            w->timer.cancel();
        std::vector<attempt_ptr> all;
        for (const auto& [a, w] : std::exchange(running_, {})) {
            w->timer.cancel();
            all.push_back(a);
        }
        calls_->stop(all);
    }

    [[nodiscard]] std::uint32_t running() const noexcept { return static_cast<std::uint32_t>(running_.size()); }
    [[nodiscard]] std::uint32_t slots() const noexcept { return slots_; }
    [[nodiscard]] const task_totals& totals() const noexcept { return totals_; }

private:
    struct under_way {
        attempt_ptr attempt;
        work_ptr work;
    };

    void log(log_level level, const std::string& words) const
    {
        if (logger_)
            logger_(level, words);
    }

    [[nodiscard]] static std::string shown(const local_work& w)
    {
        return "local activity \"" + w.start.what.type + "\" (" + w.start.what.id + ", attempt " +
               std::to_string(w.attempt) + ") of workflow \"" + w.origin.workflow_type + "\" (" + w.origin.workflow_id +
               ')';
    }

    // ---- waiting for a slot

    void enqueue(const work_ptr& w)
    {
        w->queued = clock::now();
        queue_.push_back(w);
        const auto& what = w->start.what;
        auto until = clock::time_point::max();
        auto kind = api::enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE;
        if (what.schedule_to_close.count() > 0)
            until = steady_sum(w->scheduled, what.schedule_to_close);
        if (what.schedule_to_start.count() > 0 && steady_sum(w->queued, what.schedule_to_start) < until) {
            until = steady_sum(w->queued, what.schedule_to_start);
            kind = api::enums::TIMEOUT_TYPE_SCHEDULE_TO_START;
        }
        at(w, until, [kind](local_activities& self, const work_ptr& late) {
            std::erase(self.queue_, late);
            self.failed(late, timeout_of(kind));
        });
        // Not now: who starts it is not ready yet to hear of its end.
        boost::asio::post(executor_, [self = shared_from_this()] { self->pump(); });
    }

    void pump()
    {
        while (!stopped_ && !queue_.empty() && running_.size() < slots_) {
            const work_ptr w = std::move(queue_.front());
            queue_.pop_front();
            begin(w);
        }
    }

    // ---- one attempt

    [[nodiscard]] api::PollActivityTaskQueueResponse task_of(const local_work& w) const
    {
        const auto& what = w.start.what;
        const auto now = std::chrono::system_clock::now();
        api::PollActivityTaskQueueResponse t;
        t.set_workflow_namespace(w.origin.name_space);
        t.mutable_workflow_type()->set_name(w.origin.workflow_type);
        t.mutable_workflow_execution()->set_workflow_id(w.origin.workflow_id);
        t.mutable_workflow_execution()->set_run_id(w.origin.run_id);
        t.mutable_activity_type()->set_name(what.type);
        t.set_activity_id(what.id);
        *t.mutable_header() = what.header;
        *t.mutable_input() = what.input;
        t.set_attempt(static_cast<std::int32_t>(w.attempt));
        *t.mutable_started_time() = to_wire(now);
        *t.mutable_current_attempt_scheduled_time() =
            to_wire(now - std::chrono::duration_cast<std::chrono::system_clock::duration>(clock::now() - w.queued));
        *t.mutable_scheduled_time() =
            to_wire(now - std::chrono::duration_cast<std::chrono::system_clock::duration>(clock::now() - w.scheduled));
        if (what.schedule_to_close.count() > 0)
            *t.mutable_schedule_to_close_timeout() = to_wire(what.schedule_to_close);
        if (what.start_to_close.count() > 0)
            *t.mutable_start_to_close_timeout() = to_wire(what.start_to_close);
        return t;
    }

    void begin(const work_ptr& w)
    {
        const auto& what = w->start.what;
        const auto a = std::make_shared<activity_attempt>(
            task_of(*w), converter_, task_queue_, metrics_, std::chrono::nanoseconds::max(), true);
        w->running = a;
        running_.push_back({a, w});
        auto until = clock::time_point::max();
        auto kind = api::enums::TIMEOUT_TYPE_START_TO_CLOSE;
        if (what.start_to_close.count() > 0)
            until = steady_sum(clock::now(), what.start_to_close);
        if (what.schedule_to_close.count() > 0 && steady_sum(w->scheduled, what.schedule_to_close) <= until) {
            until = steady_sum(w->scheduled, what.schedule_to_close);
            kind = api::enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE;
        }
        at(w, until, [kind](local_activities& self, const work_ptr& late) {
            self.calls_->cancel(std::exchange(late->running, nullptr), cancel_reason::timeout);
            self.failed(late, timeout_of(kind));
        });
        a->type = activities_ != nullptr ? activities_->find(what.type) : nullptr;
        if (a->type)
            calls_->begin(a);
        else
            calls_->fail(a, unregistered_activity(what.type, activities_));
    }

    void ended(const attempt_ptr& a)
    {
        const auto place =
            std::find_if(running_.begin(), running_.end(), [&](const under_way& u) { return u.attempt == a; });
        const work_ptr w = std::move(place->work);
        running_.erase(place);
        ++totals_.processed;
        if (w->running == a) {  // else it had been given up
            w->running = nullptr;
            end_wait(*w);
            if (w->done)
                decide(w, *a);
        }
        pump();
    }

    void decide(const work_ptr& w, activity_attempt& a)
    {
        using kind = workflow::resolution::kind;
        switch (end_of(a.outcome.thrown, a.context)) {
        case activity_end::value: {
            workflow::local_outcome out;
            *out.outcome.result.add_payloads() = std::move(a.outcome.value);
            return tell(w, std::move(out));
        }
        case activity_end::elsewhere:
            return failed(
                w, made_failure("a local activity cannot be completed elsewhere", "CompletesElsewhere", true));
        case activity_end::cancelled:
            if (w->cancelled) {
                workflow::local_outcome out{.outcome = {.how = kind::cancelled}};
                const auto failure = to_failure(a.outcome.thrown, converter_);
                out.outcome.failure = failure.has_canceled_failure_info() ? failure : cancellation();
                return tell(w, std::move(out));
            }
            [[fallthrough]];
        case activity_end::failed: return failed(w, application_failure(to_failure(a.outcome.thrown, converter_)));
        }
    }

    void failed(const work_ptr& w, api::failure::Failure f)
    {
        if (!w->done)
            return;
        ++totals_.failed;
        const auto delay = from_wire(f.application_failure_info().next_retry_delay());
        local_verdict next = after_failure(w->start.what, w->attempt, f, clock::now() - w->scheduled, delay);
        if (w->cancelled)
            next = {};
        const bool benign = f.application_failure_info().category() == api::enums::APPLICATION_ERROR_CATEGORY_BENIGN;
        log(benign ? log_level::debug : log_level::warning, shown(*w) + " failed: " + describe(f));
        if (next.next != local_next::again) {
            workflow::local_outcome out{.outcome = {.how = workflow::resolution::kind::failed}};
            out.outcome.failure = std::move(f);
            out.backs_off = next.next == local_next::backs_off;
            out.backoff = next.wait;
            return tell(w, std::move(out));
        }
        ++w->attempt;
        at(w, steady_sum(clock::now(), next.wait),
            [](local_activities& self, const work_ptr& again) { self.enqueue(again); });
    }

    // ---- the end of it

    void tell(const work_ptr& w, workflow::local_outcome out)
    {
        end_wait(*w);
        std::erase(queue_, w);
        out.attempt = w->attempt;
        out.completed = std::chrono::system_clock::now();
        boost::asio::post(executor_, [w, done = std::exchange(w->done, {}), out = std::move(out)]() mutable {
            if (!w->dropped)
                done(std::move(out));
        });
    }

    template <class F>
    void at(const work_ptr& w, clock::time_point when, F then)
    {
        end_wait(*w);
        if (when == clock::time_point::max())
            return;
        w->timer.expires_at(when);
        w->timer.async_wait([weak = weak_from_this(), w, then, number = w->waits](error_code ec) {
            if (const auto self = weak.lock(); self && !ec && !self->stopped_ && w->done && number == w->waits)
                then(*self, w);
        });
    }

    // A wait that is over may be on its way already.
    static void end_wait(local_work& w)
    {
        ++w.waits;
        w.timer.cancel();
    }

    [[nodiscard]] static api::failure::Failure timeout_of(api::enums::TimeoutType kind)
    {
        api::failure::Failure f;
        f.set_message(kind == api::enums::TIMEOUT_TYPE_START_TO_CLOSE      ? "local activity StartToClose timeout"
                      : kind == api::enums::TIMEOUT_TYPE_SCHEDULE_TO_START ? "local activity ScheduleToStart timeout"
                                                                           : "local activity ScheduleToClose timeout");
        f.set_source("mayfly");
        f.mutable_timeout_failure_info()->set_timeout_type(kind);
        return f;
    }

    [[nodiscard]] static api::failure::Failure cancellation()
    {
        api::failure::Failure f;
        f.set_message("local activity cancelled");
        f.set_source("mayfly");
        f.mutable_canceled_failure_info();
        return f;
    }

    boost::asio::any_io_executor executor_;
    const activity_registry* activities_;
    std::string task_queue_;
    data_converter converter_;
    logger logger_;
    metric_sink metrics_;
    std::uint32_t slots_;
    std::shared_ptr<activity_calls> calls_;
    std::deque<work_ptr> queue_{};  // for a slot
    std::vector<under_way> running_{};
    task_totals totals_{};
    bool stopped_ = false;
};

}  // namespace mayfly::temporal::detail
