// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/activity_steps.hpp>
#include <mayfly/temporal/workflow/detail/child_steps.hpp>
#include <mayfly/temporal/workflow/detail/closing.hpp>
#include <mayfly/temporal/workflow/detail/external_steps.hpp>
#include <mayfly/temporal/workflow/detail/local_work.hpp>
#include <mayfly/temporal/workflow/detail/nondeterminism.hpp>
#include <mayfly/temporal/workflow/detail/patch_book.hpp>
#include <mayfly/temporal/workflow/detail/run_books.hpp>
#include <mayfly/temporal/workflow/detail/timer_steps.hpp>
#include <mayfly/temporal/workflow/detail/update_book.hpp>
#include <mayfly/temporal/workflow/intents.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/// What the code of a task's activation is told apart by.
struct task_mode {
    bool replaying = false;        ///< History has the task's completion.
    bool patch_attributes = true;  ///< Patches go into a search attribute too.
    workflow_time now{};
};

/// All the steps of a run: intents become commands, events of commands and of their outcomes find the step they are of.
class run_steps {
public:
    run_books books{};
    patch_book patches{};
    update_book updates{};
    local_work locals{};
    run_estate estate{};

    /// Nothing comes after the last word.
    [[nodiscard]] bool said_last_word() const noexcept { return last_word_; }

    void take(std::vector<intent> wishes, const task_mode& mode)
    {
        for (intent& i : wishes)
            std::visit([&](auto& wish) { one(std::move(wish), mode); }, i);
    }

    /// An event of the commands of the task that has just been completed. `skip_upsert` is set where the next may be
    /// left out.
    void matched(const api::history::HistoryEvent& e)
    {
        const bool after_patch = std::exchange(skip_upsert_, false);
        const asked* const front = books.queue.candidate(e);
        if (front != nullptr && became(*front, e))
            return recorded(books.queue.take(*front), e);
        // What code of after a patch need not do any more.
        if (const auto patch = patch_of(e); patch && patch->deprecated) {
            skip_upsert_ = true;
            return;
        }
        if (after_patch && is_patch_upsert(e))
            return;
        books.complain(fault::kind::nondeterminism, other_than_history(e, front));
    }

    /// All events of that task's commands have come; `last`: as far as they are in a history that ends there.
    void all_matched(std::int64_t completed, bool last)
    {
        skip_upsert_ = false;
        if (!books.queue.empty())
            books.complain(fault::kind::nondeterminism, asked_beyond(books.queue.front(), completed, last));
    }

    /// What came of a step.
    void happened(const api::history::HistoryEvent& e)
    {
        using namespace api::enums;
        switch (e.event_type()) {
        case EVENT_TYPE_ACTIVITY_TASK_STARTED:
        case EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        case EVENT_TYPE_ACTIVITY_TASK_FAILED:
        case EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        case EVENT_TYPE_ACTIVITY_TASK_CANCELED: return activities_.happened(e, books);
        case EVENT_TYPE_TIMER_FIRED: return timers_.fired(e, books);
        case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: return signals_.delivered(e, books);
        case EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: return signals_.refused(e, books);
        case EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED: return cancels_.delivered(e, books);
        case EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: return cancels_.refused(e, books);
        default: return children_.happened(e, books);
        }
    }

private:
    template <class Wish>
    void one(Wish wish, const task_mode& mode)
    {
        if constexpr (std::is_same_v<Wish, schedule_activity>)
            activities_.schedule(std::move(wish), books);
        else if constexpr (std::is_same_v<Wish, cancel_activity>)
            activities_.cancel(wish.seq, books);
        else if constexpr (std::is_same_v<Wish, schedule_local_activity>)
            locals.schedule(std::move(wish), mode.now, books);
        else if constexpr (std::is_same_v<Wish, cancel_local_activity>)
            locals.cancel(wish.seq);
        else if constexpr (std::is_same_v<Wish, start_timer>)
            timers_.start(std::move(wish), books);
        else if constexpr (std::is_same_v<Wish, cancel_timer>)
            timers_.cancel(wish.seq, books);
        else if constexpr (std::is_same_v<Wish, start_child>)
            children_.start(std::move(wish), books);
        else if constexpr (std::is_same_v<Wish, cancel_child>)
            children_.cancel(std::move(wish), books);
        else if constexpr (std::is_same_v<Wish, signal_external>)
            signals_.send(std::move(wish), books);
        else if constexpr (std::is_same_v<Wish, cancel_external_signal>)
            signals_.cancel(wish.seq, books);
        else if constexpr (std::is_same_v<Wish, cancel_external>)
            cancels_.send(std::move(wish), books);
        else if constexpr (std::is_same_v<Wish, set_patch>)
            patches.set(std::move(wish), mode.replaying, mode.patch_attributes, books);
        else if constexpr (std::is_same_v<Wish, record_side_effect>)
            write_side_effect(
                *books.queue.push(want::side_effect, wish.seq, wish.id, api::enums::COMMAND_TYPE_RECORD_MARKER)
                     .command.mutable_record_marker_command_attributes(),
                wish.seq, std::move(wish.value), wish.id);
        else if constexpr (std::is_same_v<Wish, upsert_search_attributes> || std::is_same_v<Wish, upsert_memo>)
            estate.upsert(std::move(wish), books);
        else if constexpr (std::is_same_v<Wish, accept_update>)
            updates.accept(wish, books);
        else if constexpr (std::is_same_v<Wish, reject_update>)
            updates.reject(std::move(wish), mode.replaying, books);
        else if constexpr (std::is_same_v<Wish, complete_update>)
            updates.complete(std::move(wish), books);
        else
            close(std::move(wish));
    }

    template <class Wish>
    void close(Wish wish)
    {
        if (std::exchange(last_word_, true))
            return;
        if constexpr (std::is_same_v<Wish, complete_run>)
            run_estate::complete(std::move(wish), books);
        else if constexpr (std::is_same_v<Wish, fail_run>)
            run_estate::fail(std::move(wish), books);
        else if constexpr (std::is_same_v<Wish, cancel_run>)
            run_estate::cancel(std::move(wish), books);
        else
            estate.go_on(std::move(wish), books);
    }

    void recorded(const asked& a, const api::history::HistoryEvent& e)
    {
        switch (a.what) {
        case want::activity: return activities_.recorded(a.seq, e.event_id());
        case want::timer: return timers_.recorded(a.seq, e.event_id());
        case want::cancel_timer: return timers_.cancel_recorded(a.seq);
        case want::child: return children_.recorded(a.seq, e.event_id());
        case want::cancel_child: return cancels_.child_recorded(e.event_id());
        case want::signal: return signals_.recorded(a.seq, e.event_id());
        case want::cancel_external: return cancels_.recorded(a.seq, e.event_id());
        case want::cancel_activity:
        case want::patch:
        case want::side_effect:
        case want::local:
        case want::attributes:
        case want::patch_attributes:
        case want::memo:
        case want::accept_update:
        case want::complete_update:
        case want::close: return;
        }
    }

    activity_steps activities_;
    timer_steps timers_;
    child_steps children_;
    signal_steps signals_;
    cancel_steps cancels_;
    bool last_word_ = false;
    bool skip_upsert_ = false;
};

}  // namespace mayfly::temporal::workflow::detail
