// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/markers.hpp>
#include <mayfly/temporal/workflow/detail/run_books.hpp>
#include <mayfly/temporal/workflow/detail/step_failures.hpp>
#include <mayfly/temporal/workflow/machine_step.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/** The local activities of a run.

    Each outcome goes to code by itself, in the order of the markers: on replay, the order in which it went the first
    time. What history has no outcome for is run when the replay is over.
*/
class local_work {
public:
    void schedule(schedule_local_activity a, workflow_time now, run_books& books)
    {
        const std::uint32_t seq = a.seq;
        const auto [at, fresh] = open_.try_emplace(seq);
        if (!fresh)
            return books.used_twice("local activities", seq);
        if (a.id.empty())
            a.id = std::to_string(seq);
        at->second.scheduled = a.first_scheduled.value_or(now);
        at->second.what = std::move(a);
        waiting_.push_back(seq);
    }

    void cancel(std::uint32_t seq)
    {
        const auto at = open_.find(seq);
        if (at == open_.end() || at->second.cancel_asked)
            return;
        item& i = at->second;
        i.cancel_asked = true;
        if (i.running && i.what.cancellation != cancellation_type::abandon)
            stop_.push_back(seq);
        // Whether it runs makes no difference to code: on replay nothing does.
        if (i.what.cancellation != cancellation_type::wait_completed)
            cancelled_.push_back(seq);
    }

    /// What history says about the task that is replayed now, in its order.
    void expect(local_mark m) { known_.push_back(std::move(m)); }
    void expect_nothing() { known_.clear(); }

    void resolved(std::uint32_t seq, local_outcome o)
    {
        const auto at = open_.find(seq);
        if (at == open_.end() || at->second.reported)
            return;
        at->second.reported = true;
        ended_.emplace_back(seq, std::move(o));
    }

    /// The outcome that code is to be told of next. What the shell said waits until the replay is over.
    [[nodiscard]] std::optional<local_mark> next(bool replaying)
    {
        if (!known_.empty()) {
            if (!open_.contains(known_.front().seq))
                return std::nullopt;
            local_mark m = std::move(known_.front());
            known_.pop_front();
            const auto at = open_.find(m.seq);
            m.type = at->second.what.type;
            forget(m.seq);
            return m;
        }
        if (!cancelled_.empty()) {
            local_mark m = mark_of(cancelled_.front());
            m.failure = cancelled_because("the local activity was cancelled");
            forget(m.seq);
            return m;
        }
        if (replaying || ended_.empty())
            return std::nullopt;
        auto [seq, o] = std::move(ended_.front());
        local_mark m = mark_of(seq);
        retries_ += o.attempt > m.attempt ? o.attempt - m.attempt : 0;
        m.attempt = o.attempt;
        m.completed = o.completed;
        if (o.backs_off)
            m.backoff = o.backoff;
        if (o.outcome.how == resolution::kind::completed)
            m.result = std::move(o.outcome.result);
        else
            m.failure = std::move(o.outcome.failure);
        forget(seq);
        return m;
    }

    /// Those that nobody runs yet. From now on the shell does, but for those that have been cancelled: they have ended.
    [[nodiscard]] std::vector<local_start> start()
    {
        std::vector<local_start> out;
        for (const std::uint32_t seq : std::exchange(waiting_, {})) {
            const auto at = open_.find(seq);
            if (at == open_.end() || at->second.running)
                continue;
            at->second.running = true;
            if (!at->second.cancel_asked) {
                out.push_back({at->second.what, at->second.scheduled});
                continue;
            }
            local_outcome o;
            o.attempt = at->second.what.attempt;
            o.outcome = ended_with(
                resolution::kind::cancelled, cancelled_because("the local activity was cancelled before it began"));
            resolved(seq, std::move(o));
        }
        return out;
    }

    /// Those that the shell need not go on with.
    [[nodiscard]] std::vector<std::uint32_t> stop() { return std::exchange(stop_, {}); }

    /// The run is over: nobody waits any more.
    void stop_all()
    {
        for (const auto& [seq, i] : open_)
            if (i.running)
                stop_.push_back(seq);
        open_.clear();
        waiting_.clear();
        cancelled_.clear();
        ended_.clear();
        known_.clear();
    }

    /// Attempts after the first, since it was last asked.
    [[nodiscard]] std::uint32_t retries() { return std::exchange(retries_, 0); }

    [[nodiscard]] bool idle() const noexcept { return open_.empty(); }
    [[nodiscard]] bool has_news() const noexcept { return !cancelled_.empty() || !ended_.empty(); }

private:
    struct item {
        schedule_local_activity what{};
        workflow_time scheduled{};
        bool running = false;
        bool reported = false;
        bool cancel_asked = false;
    };

    [[nodiscard]] local_mark mark_of(std::uint32_t seq) const
    {
        const item& i = open_.find(seq)->second;
        local_mark m;
        m.seq = seq;
        m.attempt = i.what.attempt;
        m.id = i.what.id;
        m.type = i.what.type;
        m.scheduled = i.scheduled;
        return m;
    }

    void forget(std::uint32_t seq)
    {
        open_.erase(seq);
        std::erase(cancelled_, seq);
        std::erase_if(ended_, [seq](const auto& e) { return e.first == seq; });
    }

    std::map<std::uint32_t, item> open_;
    std::vector<std::uint32_t> waiting_;   ///< Not with the shell yet, in the order of their wishes.
    std::deque<std::uint32_t> cancelled_;  ///< To be told so.
    std::deque<local_mark> known_;
    std::deque<std::pair<std::uint32_t, local_outcome>> ended_;
    std::vector<std::uint32_t> stop_;
    std::uint32_t retries_ = 0;
};

/// What code is told. A failure is wrapped as that of an activity.
[[nodiscard]] inline local_activity_resolved told(const local_mark& m)
{
    local_activity_resolved out;
    out.seq = m.seq;
    if (!m.failure) {
        out.outcome = completed_with(m.result);
    } else {
        const bool cancelled = m.failure->has_canceled_failure_info();
        activity_names names;
        names.id = m.id;
        names.type = m.type;
        out.outcome = ended_with(cancelled ? resolution::kind::cancelled : resolution::kind::failed,
            activity_failure(cancelled ? "the local activity was cancelled" : "the local activity failed", names, 0, "",
                cancelled ? api::enums::RETRY_STATE_CANCEL_REQUESTED : api::enums::RETRY_STATE_UNSPECIFIED,
                *m.failure));
    }
    if (m.backoff) {
        out.backs_off = true;
        out.attempt = m.attempt + 1;
        out.backoff = *m.backoff;
        out.first_scheduled = m.scheduled;
    } else {
        out.attempt = m.attempt;
    }
    return out;
}

}  // namespace mayfly::temporal::workflow::detail
