// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/client_error.hpp>
#include <mayfly/temporal/detail/workflow_messages.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <boost/system/error_code.hpp>

#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal::detail {

/// How a run ended, as its last event says.
struct run_close {
    boost::system::error_code ec{};              ///< None: it completed.
    api::common::Payloads result{};              ///< Of what completed.
    std::optional<api::failure::Failure> why{};  ///< Of what did not, but of a run that goes on in another.
    std::string next_run_id{};                   ///< Of the run that comes after it, if there is one.
};

/// Nothing, if the event is not the last one of a run.
inline std::optional<run_close> close_of(const api::history::HistoryEvent& e)
{
    run_close out;
    const auto because = [&out](client_errc ec, const std::string& message) -> api::failure::Failure& {
        out.ec = ec;
        out.why.emplace().set_message(message);
        return *out.why;
    };
    switch (e.event_type()) {
    case api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: {
        const auto& a = e.workflow_execution_completed_event_attributes();
        out.result = a.result();
        out.next_run_id = a.new_execution_run_id();
        return out;
    }
    case api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: {
        const auto& a = e.workflow_execution_failed_event_attributes();
        out.ec = client_errc::failed;
        out.why = a.failure();
        out.next_run_id = a.new_execution_run_id();
        return out;
    }
    case api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
        *because(client_errc::cancelled, "the workflow was cancelled")
             .mutable_canceled_failure_info()
             ->mutable_details() = e.workflow_execution_canceled_event_attributes().details();
        return out;
    case api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: {
        const auto& a = e.workflow_execution_timed_out_event_attributes();
        because(client_errc::timed_out, "the workflow timed out")
            .mutable_timeout_failure_info()
            ->set_timeout_type(api::enums::TIMEOUT_TYPE_START_TO_CLOSE);
        out.next_run_id = a.new_execution_run_id();
        return out;
    }
    case api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: {
        const auto& a = e.workflow_execution_terminated_event_attributes();
        because(client_errc::terminated, a.reason().empty() ? "the workflow was terminated" : a.reason())
            .mutable_terminated_failure_info()
            ->set_identity(a.identity());
        return out;
    }
    case api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
        out.ec = client_errc::continued_as_new;
        out.next_run_id = e.workflow_execution_continued_as_new_event_attributes().new_execution_run_id();
        return out;
    default: return std::nullopt;
    }
}

/** Waits for the end of a run, and with `follows` of those after it, in answers to requests for its close event. Pure.
 */
class close_watch {
public:
    close_watch(api::GetWorkflowExecutionHistoryRequest first, bool follows)
        : request_(std::move(first)), follows_(follows)
    {
        request_.set_wait_new_event(true);
        request_.set_history_event_filter_type(api::enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT);
        request_.set_skip_archival(true);
    }

    [[nodiscard]] const api::GetWorkflowExecutionHistoryRequest& request() const noexcept { return request_; }
    [[nodiscard]] const std::string& run_id() const noexcept { return request_.execution().run_id(); }

    enum class next {
        ask,   ///< `request()`, again
        done,  ///< `end()` is there
        lost,  ///< What was answered has neither an end nor a way on
    };

    next take(api::GetWorkflowExecutionHistoryResponse answer)
    {
        api::history::History seen;
        if (!take_events(answer, seen))
            return next::lost;
        if (seen.events().empty()) {
            request_.set_next_page_token(answer.next_page_token());
            return answer.next_page_token().empty() ? next::lost : next::ask;
        }
        end_ = close_of(*seen.events().rbegin());
        if (!end_)
            return next::lost;
        if (!follows_ || end_->next_run_id.empty())
            return next::done;
        request_.mutable_execution()->set_run_id(end_->next_run_id);
        request_.clear_next_page_token();
        end_.reset();
        return next::ask;
    }

    [[nodiscard]] std::optional<run_close>& end() noexcept { return end_; }

private:
    api::GetWorkflowExecutionHistoryRequest request_;
    bool follows_;
    std::optional<run_close> end_{};
};

}  // namespace mayfly::temporal::detail
