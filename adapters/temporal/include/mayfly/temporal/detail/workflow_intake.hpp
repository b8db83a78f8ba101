// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/messages.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// What is to be done with a workflow task that came, and how its history is put together. Pure.

namespace mayfly::temporal::detail {

using history_events = std::vector<api::history::HistoryEvent>;

/// What a task is begun with.
enum class intake : std::uint8_t {
    go_on,       ///< The run in memory, which it continues.
    from_poll,   ///< History from its start, as the poll brought it.
    from_start,  ///< The poll brought the end of history alone: the rest is fetched.
    refuse,      ///< It cannot be worked on by anybody.
};

[[nodiscard]] inline bool is_query_task(const api::PollWorkflowTaskQueueResponse& task)
{
    return task.has_query();
}

/// `last_started` is the last task that the run in memory worked on, if there is one. If local activities of it `run`,
/// it is not begun anew although all of its history is there: they would be lost.
[[nodiscard]] inline intake intake_of(
    const api::PollWorkflowTaskQueueResponse& task, std::optional<std::int64_t> last_started, bool locals_run = false)
{
    const bool query = is_query_task(task);
    const auto& events = task.history().events();
    if (task.workflow_execution().workflow_id().empty() || task.workflow_execution().run_id().empty() ||
        task.workflow_type().name().empty() || (query && task.queries_size() > 0) ||
        (!query && (events.empty() || task.started_event_id() <= 0)))
        return intake::refuse;
    if (events.empty())  // it may have been asked before what the run has seen since, which is as good
        return last_started && *last_started >= task.previous_started_event_id() ? intake::go_on : intake::from_start;
    if (events[0].event_id() <= 1)
        return last_started && locals_run && *last_started < task.started_event_id() ? intake::go_on
                                                                                     : intake::from_poll;
    return last_started && events[0].event_id() == *last_started + 1 ? intake::go_on : intake::from_start;
}

/** The history of one task, page by page, with each event once and none left out.

    What the poll itself brought comes last where the rest is fetched: the events of a task that is tried again, or that
    only may become one, are nowhere else.
*/
class history_pages {
public:
    enum class verdict : std::uint8_t {
        good,
        gap,    ///< Events are missing in between.
        stale,  ///< History has gone on after this task.
        cut,    ///< It ends before this task.
    };

    struct page {
        verdict how = verdict::good;
        history_events events{};
        bool more = false;  ///< There is a page to be fetched, with `token()`.
    };

    history_pages() = default;
    /// `seen` is the last event that is known already; 0 for none.
    history_pages(api::PollWorkflowTaskQueueResponse& task, intake how, std::int64_t seen)
        : started_(task.started_event_id()), last_(how == intake::go_on ? seen : 0)
    {
        const auto own = task.mutable_history()->mutable_events();
        for (auto& e : *own)
            own_.push_back(std::move(e));
        own_token_ = std::move(*task.mutable_next_page_token());
        if (how == intake::from_start)
            fetching_start_ = true;
    }

    /// The first page, unless that has to be fetched.
    [[nodiscard]] std::optional<page> first()
    {
        if (fetching_start_)
            return std::nullopt;
        return own();
    }

    [[nodiscard]] page take(history_events events, std::string token)
    {
        page out;
        append(out, std::move(events));
        if (out.how != verdict::good)
            return out;
        token_ = std::move(token);
        if (fetching_start_ && token_.empty() && !reached()) {
            fetching_start_ = false;
            page rest = own();
            if (rest.how != verdict::good)
                return rest;
            for (auto& e : rest.events)
                out.events.push_back(std::move(e));
        }
        return close(std::move(out));
    }

    /// What was taken from the poll does not go on where it was to, and comes after what is fetched from the start.
    void start_over(history_events taken)
    {
        own_ = std::move(taken);
        own_token_ = std::exchange(token_, {});
        last_ = 0;
        fetching_start_ = true;
    }

    /// Of the page to fetch; empty for the first.
    [[nodiscard]] const std::string& token() const noexcept { return token_; }
    [[nodiscard]] std::int64_t last() const noexcept { return last_; }

private:
    [[nodiscard]] bool reached() const noexcept { return started_ > 0 && last_ >= started_; }

    page own()
    {
        page out;
        append(out, std::exchange(own_, {}));
        token_ = std::exchange(own_token_, {});
        return out.how == verdict::good ? close(std::move(out)) : out;
    }

    page close(page out)
    {
        out.more = !token_.empty() && !reached();
        if (!out.more && started_ > 0 && last_ < started_)
            out.how = verdict::cut;
        return out;
    }

    void append(page& to, history_events events)
    {
        for (auto& e : events) {
            if (e.event_id() <= last_)
                continue;
            if (e.event_id() != last_ + 1)
                to.how = verdict::gap;
            else if (reached())
                to.how = verdict::stale;
            if (to.how != verdict::good)
                return;
            last_ = e.event_id();
            to.events.push_back(std::move(e));
        }
    }

    history_events own_{};
    std::string own_token_{};
    std::string token_{};
    std::int64_t started_ = 0;
    std::int64_t last_ = 0;
    bool fetching_start_ = false;
};

/// The events of a page, in whichever way it has them. Nothing if they cannot be read.
[[nodiscard]] inline std::optional<history_events> events_of(api::GetWorkflowExecutionHistoryResponse& page)
{
    history_events out;
    const auto take = [&out](api::history::History& h) {
        for (auto& e : *h.mutable_events())
            out.push_back(std::move(e));
    };
    if (page.raw_history_size() == 0) {
        take(*page.mutable_history());
        return out;
    }
    for (const auto& blob : page.raw_history()) {
        api::history::History h;
        if (!h.ParseFromString(blob.data()))
            return std::nullopt;
        take(h);
    }
    return out;
}

[[nodiscard]] constexpr const char* to_words(history_pages::verdict v) noexcept
{
    switch (v) {
    case history_pages::verdict::good: return "its history is whole";
    case history_pages::verdict::gap: return "events are missing in its history";
    case history_pages::verdict::stale: return "its history has gone on without it";
    case history_pages::verdict::cut: return "its history ends before it";
    }
    return "its history cannot be read";
}

}  // namespace mayfly::temporal::detail
